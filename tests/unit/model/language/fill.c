// Which tokens of a vocabulary stand for a beginning, an end and the middle: by their names, by
// what the file says of them, and where it says too little or nonsense; and the prompt they make.
#include "model/language/fill.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "check.h"
#include "support/gguf_writer.h"

enum { LETTERS = 6, NAMES_MAX = 12 };

struct vocabulary {
    struct buf bytes;
    struct gguf *file;
    struct tokenizer *tokenizer;
};
struct told {
    const char *name; // of a value that names a token
    uint32_t token;
};

// Byte pairs of a few letters, and behind them the control tokens of these names.
static struct vocabulary open_with(const char *const *names, const struct told *told,
                                   uint32_t told_count, bool begins) {
    static const char *const letters[LETTERS] = {"a", "b", "c", "ab", "<", ">"};
    const char *tokens[LETTERS + NAMES_MAX];
    int32_t kinds[LETTERS + NAMES_MAX];
    uint32_t count = 0;
    struct vocabulary v = {.file = NULL};
    struct fault fault = {0};
    for (; count < LETTERS; count++) tokens[count] = letters[count], kinds[count] = TOKEN_NORMAL;
    for (; *names; names++) tokens[count] = *names, kinds[count++] = TOKEN_CONTROL;
    buf_open(&v.bytes, 1 << 16);
    gguf_put_head(&v.bytes, 0, 7u + told_count);
    gguf_value_text(&v.bytes, "tokenizer.ggml.model", "gpt2");
    gguf_value_text(&v.bytes, "tokenizer.ggml.pre", "gpt-2");
    gguf_value_texts(&v.bytes, "tokenizer.ggml.tokens", tokens, count);
    gguf_value_kinds(&v.bytes, "tokenizer.ggml.token_type", kinds, count);
    gguf_value_texts(&v.bytes, "tokenizer.ggml.merges", (const char *const[]){"a b"}, 1);
    gguf_value_whole(&v.bytes, "tokenizer.ggml.bos_token_id", LETTERS);
    gguf_put_text(&v.bytes, "tokenizer.ggml.add_bos_token");
    gguf_put(&v.bytes, GGUF_BOOL, 4);
    gguf_put(&v.bytes, begins, 1);
    for (uint32_t i = 0; i < told_count; i++) {
        gguf_value_whole(&v.bytes, told[i].name, told[i].token);
    }
    gguf_align(&v.bytes, 32);
    CHECK_EQ(gguf_view(v.bytes.data, v.bytes.size, &v.file, &fault), OK);
    CHECK_STR(fault.code, "");
    if (v.file) CHECK_EQ(tokenizer_open(v.file, &v.tokenizer, &fault), OK);
    CHECK_STR(fault.code, "");
    if (!v.tokenizer) abort();
    return v;
}

static void vocabulary_close(struct vocabulary *v) {
    tokenizer_close(v->tokenizer);
    gguf_close(v->file);
    buf_close(&v->bytes);
}
#define NAMES(...)          \
    (const char *const[]) { \
        __VA_ARGS__, NULL   \
    }

// `first` is the number of the prefix; the others follow it in the order named here.
static void found(const struct vocabulary *v, uint32_t prefix, uint32_t suffix, uint32_t middle) {
    struct fill_tokens tokens = {0};
    bool any = fill_tokens_of(v->file, v->tokenizer, &tokens);
    CHECK(any);
    CHECK_EQ(tokens.prefix, prefix);
    CHECK_EQ(tokens.suffix, suffix);
    CHECK_EQ(tokens.middle, middle);
}

static void none(const struct vocabulary *v) {
    struct fill_tokens tokens = {1, 2, 3};
    CHECK(!fill_tokens_of(v->file, v->tokenizer, &tokens));
    CHECK(tokens.prefix == 1 && tokens.suffix == 2 && tokens.middle == 3); // untouched
}

static void by_their_names(void) {
    static const char *const known[][3] = {
        {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},
        {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},
        {"<fim-prefix>", "<fim-suffix>", "<fim-middle>"},
        {"▁<PRE>", "▁<SUF>", "▁<MID>"},
        {"<PRE>", "<SUF>", "<MID>"},
        {"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        // In another order than they are asked for.
        struct vocabulary v =
            open_with(NAMES("<|end|>", known[i][1], known[i][2], known[i][0]), NULL, 0, false);
        found(&v, LETTERS + 3, LETTERS + 1, LETTERS + 2);
        vocabulary_close(&v);
    }
}

static void none_where_one_is_missing(void) {
    struct vocabulary v = open_with(NAMES("<|end|>"), NULL, 0, false);
    none(&v);
    vocabulary_close(&v);
    v = open_with(NAMES("<|end|>", "<|fim_prefix|>", "<|fim_middle|>"), NULL, 0, false);
    none(&v);
    vocabulary_close(&v);
    // Three names, of two families: nobody was taught with those.
    v = open_with(NAMES("<|end|>", "<|fim_prefix|>", "<fim_suffix>", "<|fim_middle|>"), NULL, 0,
                  false);
    none(&v);
    vocabulary_close(&v);
}

static void by_what_the_file_says(void) {
    static const struct told newer[] = {{"tokenizer.ggml.fim_pre_token_id", LETTERS + 1},
                                        {"tokenizer.ggml.fim_suf_token_id", LETTERS + 2},
                                        {"tokenizer.ggml.fim_mid_token_id", LETTERS + 3}};
    static const struct told older[] = {{"tokenizer.ggml.prefix_token_id", LETTERS + 3},
                                        {"tokenizer.ggml.suffix_token_id", LETTERS + 2},
                                        {"tokenizer.ggml.middle_token_id", LETTERS + 1},
                                        {"tokenizer.ggml.fim_pre_token_id", LETTERS}};
    const char *const *own = NAMES("<|end|>", "<x>", "<y>", "<z>");
    struct vocabulary v = open_with(own, newer, 3, false);
    found(&v, LETTERS + 1, LETTERS + 2, LETTERS + 3);
    vocabulary_close(&v);
    v = open_with(own, older, 3, false);
    found(&v, LETTERS + 3, LETTERS + 2, LETTERS + 1);
    vocabulary_close(&v);
    v = open_with(own, older, 4, false); // the newer name of one goes before its older one
    found(&v, LETTERS, LETTERS + 2, LETTERS + 1);
    vocabulary_close(&v);
}

static void nonsense_is_passed_over(void) {
    static const struct told beyond[] = {{"tokenizer.ggml.fim_pre_token_id", LETTERS + 4},
                                         {"tokenizer.ggml.fim_suf_token_id", 0xFFFFFFFFu},
                                         {"tokenizer.ggml.fim_mid_token_id", LETTERS + 3}};
    struct vocabulary v = open_with(NAMES("<|end|>", "<x>", "<y>", "<z>"), beyond, 3, false);
    none(&v);
    vocabulary_close(&v);
    // Two told and one not: the names are asked for all three.
    v = open_with(NAMES("<|end|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_prefix|>"),
                  (const struct told[]){{"tokenizer.ggml.fim_pre_token_id", 0},
                                        {"tokenizer.ggml.fim_suf_token_id", 1}},
                  2, false);
    found(&v, LETTERS + 3, LETTERS + 2, LETTERS + 1);
    vocabulary_close(&v);
}

// PREFIX beginning SUFFIX end MIDDLE; names within the texts are texts.
static void prompts(void) {
    for (int begins = 0; begins < 2; begins++) {
        struct vocabulary v =
            open_with(NAMES("<|end|>", "<PRE>", "<SUF>", "<MID>"), NULL, 0, begins);
        struct fill_tokens tokens;
        struct fault fault = {0};
        struct buf out;
        REQUIRE(fill_tokens_of(v.file, v.tokenizer, &tokens));
        buf_open(&out, 1 << 16);
        REQUIRE(fill_encode(v.tokenizer, &tokens, STR("abc"), STR("<b>"), &out, &fault) == OK);
        const uint32_t want[] = {LETTERS, LETTERS + 1, 3, 2, LETTERS + 2, 4, 1, 5, LETTERS + 3};
        const uint32_t *got = (const uint32_t *)(const void *)out.data;
        REQUIRE(out.size == sizeof want - !begins * sizeof *want);
        CHECK(memcmp(got, want + !begins, out.size) == 0);
        buf_clear(&out);
        REQUIRE(fill_encode(v.tokenizer, &tokens, STR(""), STR(""), &out, &fault) == OK);
        CHECK_EQ(out.size, (3 + (size_t)begins) * sizeof *want);
        CHECK_EQ(fill_encode(v.tokenizer, &tokens, STR("a"), STR("\xFF"), &out, &fault), ERR_INPUT);
        CHECK_STR(fault.code, "tokenizer.not_utf8");
        buf_close(&out);
        vocabulary_close(&v);
    }
}

// A vocabulary as it is published.
static void of_deepseek_coder(void) {
    const char *data = getenv("COURTYARD_DATA");
    char path[512];
    struct gguf *file = NULL;
    struct tokenizer *tokenizer = NULL;
    struct fill_tokens tokens;
    struct buf text;
    snprintf(path, sizeof path, "%s/tokenizers/ggml-vocab-deepseek-coder.gguf",
             data ? data : "../shared/data");
    if (!file_exists(path)) CHECK_SKIP("no ../shared/data/tokenizers");
    REQUIRE(gguf_open(path, &file, NULL) == OK);
    REQUIRE(tokenizer_open(file, &tokenizer, NULL) == OK);
    REQUIRE(fill_tokens_of(file, tokenizer, &tokens));
    buf_open(&text, 1 << 10);
    tokenizer_decode(tokenizer, tokens.prefix, true, &text);
    tokenizer_decode(tokenizer, tokens.suffix, true, &text);
    tokenizer_decode(tokenizer, tokens.middle, true, &text);
    buf_add(&text, "", 1);
    CHECK_STR(text.data, "<｜fim▁begin｜><｜fim▁hole｜><｜fim▁end｜>");
    buf_close(&text);
    tokenizer_close(tokenizer);
    gguf_close(file);
}

int main(void) {
    CHECK_RUN(by_their_names);
    CHECK_RUN(none_where_one_is_missing);
    CHECK_RUN(by_what_the_file_says);
    CHECK_RUN(nonsense_is_passed_over);
    CHECK_RUN(prompts);
    CHECK_RUN(of_deepseek_coder);
    return check_done();
}
