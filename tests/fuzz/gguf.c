// Any bytes as a GGUF file: it opens or is refused with a sentence; what it says can be looked at;
// a vocabulary in it encodes and decodes texts.
#include <stdlib.h>

#include "model/language/tokenizer/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void values_look(const struct gguf *file) {
    for (uint32_t i = 0; i < gguf_value_count(file); i++) {
        const struct gguf_value *value = gguf_value_at(file, i);
        const uint8_t *at = NULL;
        struct str text;
        uint64_t n = 0, bytes = 0;
        while (gguf_next_text(value, &n, &at, &text)) bytes += text.size;
        if (bytes > 1u << 30) abort();
        if (value->item != GGUF_TEXT && value->count) (void)gguf_item(value, value->count - 1);
    }
    for (uint32_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(file, i);
        if (gguf_tensor_find(file, tensor->name) != tensor) abort();
        if (tensor->data && tensor->bytes)
            (void)*(const volatile uint8_t *)&tensor->data[tensor->bytes - 1];
    }
}

static void vocabulary_use(const struct gguf *file) {
    static const struct str texts[] = {{"Hello, world! 123 it's", 22},
                                       {"  \n\n\tx<s></s>[CLS] <0x0A>", 25},
                                       {"\xE4\xBD\xA0\xE5\xA5\xBD\xC3\xA9\xF0\x9F\x9A\x80", 12}};
    struct tokenizer *tokenizer;
    struct fault fault = {0};
    struct buf tokens, text;
    if (tokenizer_open(file, &tokenizer, &fault) != OK) {
        if (!*fault.code) abort();
        return;
    }
    buf_open(&tokens, 1 << 20);
    buf_open(&text, 1 << 24);
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t flags = i < 3 ? TOKENIZE_TEXT : TOKENIZE_ENDS | TOKENIZE_CONTROL;
        buf_clear(&tokens);
        if (tokenizer_encode(tokenizer, texts[i % 3], flags, &tokens, &fault) != OK) continue;
        const uint32_t *ids = (const uint32_t *)(const void *)tokens.data;
        for (size_t n = 0; n < tokens.size / sizeof *ids; n++) {
            if (ids[n] >= tokenizer_count(tokenizer)) abort();
            tokenizer_decode(tokenizer, ids[n], true, &text);
        }
    }
    buf_close(&tokens);
    buf_close(&text);
    tokenizer_close(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gguf *file;
    struct fault fault = {0};
    if (gguf_view(data, size, &file, &fault) != OK) {
        if (!*fault.code) abort();
        return 0;
    }
    values_look(file);
    vocabulary_use(file);
    gguf_close(file);
    return 0;
}
