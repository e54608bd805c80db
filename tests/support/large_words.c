#include "support/large_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/language/gguf.h"
#include "model/language/tokenizer/tokenizer.h"

enum { WORD_BYTES_MAX = 64 };
static const char *const vocabularies[] = {"gpt-2", "falcon", "deepseek-coder"};

static int word_compare(const void *a, const void *b) {
    const struct str *x = a, *y = b;
    return str_compare(*x, *y);
}

// Each word behind a blank: without it, it is what follows the blank.
static bool vocabulary_add(struct large_words *words, struct buf *ends, const char *name) {
    const char *data = getenv("COURTYARD_DATA");
    char path[512];
    struct gguf *file;
    struct tokenizer *tokenizer;
    struct fault fault = {0};
    snprintf(path, sizeof path, "%s/tokenizers/ggml-vocab-%s.gguf", data ? data : "../shared/data",
             name);
    if (gguf_open(path, &file, &fault) != OK) return false;
    bool opened = tokenizer_open(file, &tokenizer, &fault) == OK;
    for (uint32_t i = 0; opened && i < tokenizer_count(tokenizer); i++) {
        buf_add_char(&words->texts, ' ');
        tokenizer_decode(tokenizer, i, false, &words->texts);
        buf_add(ends, &words->texts.size, sizeof words->texts.size);
    }
    if (opened) tokenizer_close(tokenizer);
    gguf_close(file);
    return opened;
}

static void word_add(struct large_words *words, struct str text) {
    if (text.size > 1 && text.size <= WORD_BYTES_MAX) buf_add(&words->words, &text, sizeof text);
}

bool large_words_open(struct large_words *out) {
    struct buf ends;
    bool there = true;
    buf_open(&out->texts, 1 << 26);
    buf_open(&out->words, 1 << 26);
    buf_open(&ends, 1 << 24);
    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies && there; i++) {
        there = vocabulary_add(out, &ends, vocabularies[i]);
    }
    for (size_t i = 0, from = 0; i < ends.size / sizeof from; i++) {
        size_t to;
        memcpy(&to, ends.data + i * sizeof to, sizeof to);
        word_add(out, (struct str){out->texts.data + from, to - from});
        word_add(out, (struct str){out->texts.data + from + 1, to - from - 1});
        from = to;
    }
    struct str *words = (struct str *)(void *)out->words.data;
    size_t count = out->words.size / sizeof *words;
    if (count) qsort(words, count, sizeof *words, word_compare);
    out->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || word_compare(&words[i], &words[out->count - 1]) != 0) {
            words[out->count++] = words[i];
        }
    }
    there = there && buf_err(&ends) == OK && buf_err(&out->texts) == OK;
    buf_close(&ends);
    if (!there) large_words_close(out);
    return there;
}

void large_words_close(struct large_words *words) {
    buf_close(&words->texts);
    buf_close(&words->words);
}

struct str large_words_at(const struct large_words *words, uint32_t index) {
    return ((const struct str *)(const void *)words->words.data)[index];
}
