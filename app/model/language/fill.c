#include "model/language/fill.h"

#include <string.h>

// The one token that `text` is, or TOKEN_NONE: to this vocabulary it is just a text.
static uint32_t token_named(const struct tokenizer *tokenizer, const char *text) {
    struct buf tokens;
    uint32_t token = TOKEN_NONE;
    buf_open(&tokens, 1 << 12);
    enum err err = tokenizer_encode(tokenizer, str_of(text), TOKENIZE_CONTROL, &tokens, NULL);
    if (err == OK && tokens.size == sizeof token) memcpy(&token, tokens.data, sizeof token);
    buf_close(&tokens);
    return token;
}

static uint32_t token_told(const struct gguf *file, const struct tokenizer *tokenizer,
                           const char *newer, const char *older) {
    uint64_t token = gguf_whole(file, newer, gguf_whole(file, older, TOKEN_NONE));
    return token < tokenizer_count(tokenizer) ? (uint32_t)token : TOKEN_NONE;
}

static bool all_there(const struct fill_tokens *tokens) {
    return tokens->prefix != TOKEN_NONE && tokens->suffix != TOKEN_NONE &&
           tokens->middle != TOKEN_NONE;
}

bool fill_tokens_of(const struct gguf *file, const struct tokenizer *tokenizer,
                    struct fill_tokens *out) {
    static const char *const known[][3] = {
        {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},          // Qwen2.5-Coder, CodeGemma
        {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},                // StarCoder
        {"<fim-prefix>", "<fim-suffix>", "<fim-middle>"},                // SantaCoder
        {"\xE2\x96\x81<PRE>", "\xE2\x96\x81<SUF>", "\xE2\x96\x81<MID>"}, // CodeLlama
        {"<PRE>", "<SUF>", "<MID>"},
        {"<\xEF\xBD\x9C"
         "fim\xE2\x96\x81"
         "begin\xEF\xBD\x9C>",
         "<\xEF\xBD\x9C"
         "fim\xE2\x96\x81"
         "hole\xEF\xBD\x9C>",
         "<\xEF\xBD\x9C"
         "fim\xE2\x96\x81"
         "end\xEF\xBD\x9C>"}, // DeepSeek-Coder
    };
    struct fill_tokens found = {
        token_told(file, tokenizer, "tokenizer.ggml.fim_pre_token_id",
                   "tokenizer.ggml.prefix_token_id"),
        token_told(file, tokenizer, "tokenizer.ggml.fim_suf_token_id",
                   "tokenizer.ggml.suffix_token_id"),
        token_told(file, tokenizer, "tokenizer.ggml.fim_mid_token_id",
                   "tokenizer.ggml.middle_token_id"),
    };
    for (size_t i = 0; i < sizeof known / sizeof *known && !all_there(&found); i++) {
        found = (struct fill_tokens){token_named(tokenizer, known[i][0]),
                                     token_named(tokenizer, known[i][1]),
                                     token_named(tokenizer, known[i][2])};
    }
    if (!all_there(&found)) return false;
    *out = found;
    return true;
}

enum err fill_encode(const struct tokenizer *tokenizer, const struct fill_tokens *tokens,
                     struct str before, struct str after, struct buf *out, struct fault *fault) {
    struct buf empty;
    struct tokenizer_ends ends = tokenizer_ends(tokenizer);
    buf_open(&empty, 1 << 10);
    enum err err = tokenizer_encode(tokenizer, STR(""), TOKENIZE_ENDS, &empty, fault);
    bool begins =
        empty.size >= sizeof ends.begin && memcmp(empty.data, &ends.begin, sizeof ends.begin) == 0;
    buf_close(&empty);
    if (err != OK) return err;
    if (begins) buf_add(out, &ends.begin, sizeof ends.begin);
    buf_add(out, &tokens->prefix, sizeof tokens->prefix);
    err = tokenizer_encode(tokenizer, before, TOKENIZE_TEXT, out, fault);
    buf_add(out, &tokens->suffix, sizeof tokens->suffix);
    if (err == OK) err = tokenizer_encode(tokenizer, after, TOKENIZE_TEXT, out, fault);
    buf_add(out, &tokens->middle, sizeof tokens->middle);
    return err == OK ? buf_err(out) : err;
}
