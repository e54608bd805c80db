// Any bytes as a safetensors file, and as a tokenizer.json: read or refused with a sentence; what
// is read lies within the bytes, and the vocabulary can be written.
#include <stdlib.h>

#include "model/language/import/import_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tensors_look(const uint8_t *data, size_t size) {
    struct safetensors *file;
    struct fault fault = {0};
    uint64_t end = 0;
    if (safetensors_view(data, size, STR("x"), &file, &fault) != OK) {
        if (!*fault.code) abort();
        return;
    }
    for (uint32_t i = 0; i < safetensors_count(file); i++) {
        const struct safetensor *tensor = safetensors_at(file, i);
        if (tensor->begin != end || tensor->data + tensor->bytes > data + size) abort();
        if (tensor->bytes) (void)*(const volatile uint8_t *)&tensor->data[tensor->bytes - 1];
        end += tensor->bytes;
    }
    safetensors_close(file);
}

static void words_look(const uint8_t *data, size_t size) {
    enum { VOCABULARY = 1 << 12 };
    struct import_words words;
    struct gguf_head head;
    struct fault fault = {0};
    gguf_head_open(&head, 1 << 26);
    enum err err = import_words_read((struct str){(const char *)data, size}, &words, &fault);
    if (err == OK) err = import_words_put(&words, VOCABULARY, &head);
    if (err != OK && !*fault.code && err != ERR_LIMIT) abort();
    import_words_close(&words);
    gguf_head_close(&head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tensors_look(data, size);
    if (size && data[0] == '{') words_look(data, size);
    return 0;
}
