// Any bytes as a vocabulary: first byte even, of a GGUF file, odd, of llama2.c. It is refused with
// a sentence, or cuts texts into tokens that it has, and gives bytes for each of them.
#include <stdlib.h>

#include "model/language/gguf.h"
#include "model/language/tokenizer/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(const struct tokenizer *tokenizer, struct str text, uint32_t flags) {
    struct buf tokens, out;
    struct fault fault = {0};
    buf_open(&tokens, 1 << 22);
    buf_open(&out, 1 << 24);
    enum err err = tokenizer_encode(tokenizer, text, flags, &tokens, &fault);
    if (err != OK && err != ERR_MEMORY && !*fault.code) abort();
    uint32_t count = (uint32_t)(tokens.size / sizeof(uint32_t));
    for (uint32_t i = 0; err == OK && i < count; i++) {
        uint32_t token = ((const uint32_t *)(const void *)tokens.data)[i];
        if (token >= tokenizer_count(tokenizer)) abort();
        tokenizer_decode(tokenizer, token, flags & TOKENIZE_CONTROL, &out);
    }
    buf_close(&tokens);
    buf_close(&out);
}

static const struct str texts[] = {
    STR(""), STR(" "), STR("Hello, World's 3 1234\r\n\t\n x"),
    STR("\xE4\xBD\xA0\xE5\xA5\xBD <s></s><|im_end|>\xF0\x9F\x98\x80"), STR("\xFF bad")};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tokenizer *tokenizer = NULL;
    struct gguf *file = NULL;
    struct fault fault = {0};
    if (size < 2) return 0;
    enum err err;
    if (*data & 1) {
        err = tokenizer_view_llama2c(data + 1, size - 1, &tokenizer, &fault);
    } else {
        err = gguf_view(data + 1, size - 1, &file, &fault);
        if (err == OK) err = tokenizer_open(file, &tokenizer, &fault);
    }
    if (err != OK && !*fault.code) abort();
    for (size_t i = 0; err == OK && i < sizeof texts / sizeof *texts; i++) {
        encode(tokenizer, texts[i], (uint32_t)i % 4);
    }
    if (err == OK) {
        size_t tail = size < 64 ? size : 64;
        encode(tokenizer, (struct str){(const char *)data + size - tail, tail}, TOKENIZE_ENDS);
    }
    tokenizer_close(tokenizer);
    gguf_close(file);
    return 0;
}
