#include "model/language/speed.h"

#include <string.h>
#include <time.h>

#include "base/memory.h"

enum { SEQUENCES_MAX = NETWORK_ROWS };

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// ---- the network -------------------------------------------------------------------------------

struct trial {
    struct network *network;
    struct cache *cache;
    struct sequence sequences[SEQUENCES_MAX];
    struct batch_row rows[NETWORK_ROWS];
    uint32_t count;
    float *logits;
    uint32_t random;
};

static uint32_t token_of(struct trial *trial) {
    trial->random = trial->random * 1664525u + 1013904223u;
    return (trial->random >> 8) % network_about(trial->network)->vocabulary;
}

static void trial_close(struct trial *trial) {
    if (!trial) return;
    for (uint32_t i = 0; i < trial->count; i++) sequence_close(&trial->sequences[i]);
    cache_close(trial->cache);
    memory_give(trial->logits);
    memory_give(trial);
}

static enum err trial_open(struct network *network, uint32_t sequences, uint32_t tokens,
                           struct trial **out) {
    const struct network_about *about = network_about(network);
    if (about->encodes || tokens == 0 || tokens > about->context) return ERR_LIMIT;
    if (sequences == 0 || sequences > network_rows_max(network)) return ERR_LIMIT;
    struct trial *trial = memory_take(sizeof *trial);
    if (!trial) return ERR_MEMORY;
    trial->network = network;
    trial->random = 1;
    trial->logits = memory_take((size_t)sequences * about->vocabulary * sizeof *trial->logits);
    uint64_t pages = (uint64_t)sequences * (tokens / CACHE_PAGE_TOKENS + 1);
    enum err err = !trial->logits ? ERR_MEMORY
                   : pages > CACHE_PAGES_MAX
                       ? ERR_LIMIT
                       : cache_open(network_cache_shape(network), (uint32_t)pages, &trial->cache);
    if (err != OK) {
        trial_close(trial);
        return err;
    }
    for (; trial->count < sequences; trial->count++) {
        sequence_open(trial->cache, &trial->sequences[trial->count]);
    }
    *out = trial;
    return OK;
}

enum err speed_prompt(struct network *network, uint32_t tokens, double *out) {
    struct trial *trial = NULL;
    enum err err = trial_open(network, 1, tokens, &trial);
    uint32_t most = network_rows_max(network);
    double start_s = now_s();
    for (uint32_t at = 0, end; at < tokens && err == OK; at = end) {
        end = tokens - at < most ? tokens : at + most;
        for (uint32_t i = at; i < end; i++) {
            trial->rows[i - at] =
                (struct batch_row){&trial->sequences[0], i, token_of(trial), i + 1 == tokens};
        }
        err = network_step(network, trial->rows, end - at, trial->logits);
    }
    if (err == OK) *out = tokens / (now_s() - start_s);
    trial_close(trial);
    return err;
}

enum err speed_decode(struct network *network, uint32_t sequences, uint32_t tokens, double *out) {
    struct trial *trial = NULL;
    enum err err = trial_open(network, sequences, tokens, &trial);
    double start_s = now_s();
    for (uint32_t at = 0; at < tokens && err == OK; at++) {
        for (uint32_t s = 0; s < sequences; s++) {
            trial->rows[s] = (struct batch_row){&trial->sequences[s], at, token_of(trial), true};
        }
        err = network_step(network, trial->rows, sequences, trial->logits);
    }
    if (err == OK) *out = (double)sequences * tokens / (now_s() - start_s);
    trial_close(trial);
    return err;
}

uint64_t speed_token_bytes(const struct gguf *file) {
    bool head = gguf_tensor_find(file, STR("output.weight")) != NULL;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(file, i);
        // Of an embedding that is not the head too, one row is read.
        if (!head || !str_is(tensor->name, "token_embd.weight")) bytes += tensor->bytes;
    }
    return bytes;
}

// ---- memory ------------------------------------------------------------------------------------

static const size_t area_bytes = (size_t)256 << 20; // beyond any cache
enum { STREAMS = 2, MEMBERS_MAX = 64 };
typedef uint64_t lanes __attribute__((vector_size(16))); // which any processor has registers for

enum err speed_memory_open(uint32_t threads, struct speed_memory *out) {
    *out = (struct speed_memory){0};
    out->area = tensor_area_take(area_bytes);
    if (!out->area) return ERR_MEMORY;
    memset(out->area, 1, area_bytes); // so that there are pages behind it
    enum err err = team_open(threads < MEMBERS_MAX ? threads : MEMBERS_MAX, &out->team);
    if (err != OK) speed_memory_close(out);
    return err;
}

void speed_memory_close(struct speed_memory *memory) {
    team_close(memory->team);
    if (memory->area) tensor_area_give(memory->area, area_bytes);
    *memory = (struct speed_memory){0};
}

// Several streams at once, as kernels that read packed weights have them.
static void member_read(void *ctx, struct member *me) {
    struct speed_memory *memory = ctx;
    size_t share = area_bytes / me->count / (STREAMS * 64) * (STREAMS * 64);
    const uint8_t *at = memory->area + share * me->index;
    lanes sum[STREAMS] = {{0}};
    for (size_t i = 0; i < share / STREAMS; i += 64) {
        for (size_t s = 0; s < STREAMS; s++) {
            const lanes *line = (const lanes *)(const void *)(at + s * (share / STREAMS) + i);
            sum[s] += line[0] + line[1] + line[2] + line[3];
        }
    }
    for (size_t s = 1; s < STREAMS; s++) sum[0] += sum[s];
    memory->sums[me->index] += sum[0][0] + sum[0][1];
}

double speed_memory_read(struct speed_memory *memory) {
    double start_s = now_s();
    team_run(memory->team, member_read, memory);
    return (double)area_bytes / (now_s() - start_s);
}
