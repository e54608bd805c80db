#include "support/small_words.h"

#include <stdio.h>

#include "support/gguf_writer.h"
#include "support/small_language.h"

enum err small_words_open(struct tokenizer **out, struct fault *fault) {
    static char texts[SMALL_VOCABULARY][8];
    const char *names[SMALL_VOCABULARY];
    float scores[SMALL_VOCABULARY];
    int32_t kinds[SMALL_VOCABULARY];
    struct gguf *words;
    struct buf bytes;
    for (int i = 0; i < SMALL_VOCABULARY; i++) {
        const char *first[] = {"<unk>", "<s>", "</s>", "\xE2\x96\x81"};
        if (i < 4) snprintf(texts[i], sizeof texts[i], "%s", first[i]);
        if (i >= 4 && i < 30) snprintf(texts[i], sizeof texts[i], "%c", 'a' + i - 4);
        if (i >= 30) snprintf(texts[i], sizeof texts[i], "%c%c", 'a' + (i - 30) % 26, 'a' + i / 30);
        names[i] = texts[i];
        scores[i] = (float)-i;
        kinds[i] = i == 0 ? TOKEN_UNKNOWN : i < 3 ? TOKEN_CONTROL : TOKEN_NORMAL;
    }
    buf_open(&bytes, 1 << 20);
    gguf_put_head(&bytes, 0, 7);
    gguf_value_text(&bytes, "tokenizer.ggml.model", "llama");
    gguf_value_texts(&bytes, "tokenizer.ggml.tokens", names, SMALL_VOCABULARY);
    gguf_value_reals(&bytes, "tokenizer.ggml.scores", scores, SMALL_VOCABULARY);
    gguf_value_kinds(&bytes, "tokenizer.ggml.token_type", kinds, SMALL_VOCABULARY);
    gguf_value_whole(&bytes, "tokenizer.ggml.bos_token_id", 1);
    gguf_value_whole(&bytes, "tokenizer.ggml.eos_token_id", 2);
    gguf_value_whole(&bytes, "tokenizer.ggml.unknown_token_id", 0);
    enum err err = gguf_view(bytes.data, bytes.size, &words, fault);
    if (err == OK) {
        err = tokenizer_open(words, out, fault);
        gguf_close(words);
    }
    buf_close(&bytes);
    return err;
}
