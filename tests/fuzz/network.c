// Any bytes as a language model's file, GGUF or llama2.c's: it is refused with a sentence, or it
// opens, and then computes: whole and in pieces, without ever looking outside its tensors.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "model/language/llama2c.h"
#include "model/language/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TOKENS = 35 };

static void text_compute(struct network *network, uint32_t vocabulary, float *logits) {
    struct batch_row rows[TOKENS];
    struct sequence sequence;
    struct cache *cache;
    if (cache_open(network_cache_shape(network), 3, &cache) != OK) return;
    sequence_open(cache, &sequence);
    uint32_t most = network_rows_max(network);
    for (uint32_t at = 0, end; at < TOKENS; at = end) {
        end = at == 0 ? 1 : at + most < TOKENS ? at + most : TOKENS;
        for (uint32_t i = at; i < end; i++) {
            rows[i - at] = (struct batch_row){&sequence, i, i * 7 % vocabulary, i + 1 == end};
        }
        if (network_step(network, rows, end - at, logits) != OK) abort();
    }
    if (sequence.length != TOKENS) abort();
    sequence_close(&sequence);
    cache_close(cache);
}

static void network_use(const struct gguf *file) {
    struct network *network;
    struct fault fault = {0};
    uint32_t tokens[TOKENS];
    if (network_open(file, 1, &network, &fault) != OK) {
        if (!*fault.code) abort();
        return;
    }
    const struct network_about *about = network_about(network);
    uint32_t room = about->vocabulary > about->width ? about->vocabulary : about->width;
    float *out = memory_take(room * sizeof *out);
    for (uint32_t i = 0; i < TOKENS; i++) tokens[i] = i * 5 % about->vocabulary;
    if (out && about->encodes) {
        uint32_t count = about->context < TOKENS ? about->context : TOKENS;
        if (network_embed(network, tokens, count, out, &fault) != OK) abort();
    } else if (out) {
        text_compute(network, about->vocabulary, out);
    }
    memory_give(out);
    network_close(network);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gguf *file;
    struct fault fault = {0};
    enum err err;
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0) {
        err = gguf_view(data, size, &file, &fault);
    } else if (size) {
        void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (bytes == MAP_FAILED) return 0;
        memcpy(bytes, data, size);
        struct file_map map = {bytes, size};
        err = llama2c_take(&map, &file, &fault);
    } else {
        return 0;
    }
    if (err == OK) {
        network_use(file);
        gguf_close(file);
    } else if (!*fault.code) {
        abort();
    }
    return 0;
}
