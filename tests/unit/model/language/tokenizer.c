// Tokenizers against the token ids that the models' own libraries give, where the vocabularies are
// at hand; byte pairs by both ways of merging; texts there and back.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "check.h"
#include "model/language/tokenizer/tokenizer_private.h"
#include "support/gguf_writer.h"

static const char *folder(void) {
    static char path[512];
    const char *data = getenv("COURTYARD_DATA");
    snprintf(path, sizeof path, "%s/tokenizers", data ? data : "../shared/data");
    return path;
}

static struct tokenizer *vocabulary(const char *name) {
    char path[1024];
    struct gguf *file = NULL;
    struct tokenizer *tokenizer = NULL;
    struct fault fault = {0};
    snprintf(path, sizeof path, "%s/ggml-vocab-%s.gguf", folder(), name);
    if (!file_exists(path)) return NULL;
    enum err err = gguf_open(path, &file, &fault);
    if (err == OK) err = tokenizer_open(file, &tokenizer, &fault);
    CHECK_EQ(err, OK);
    CHECK_STR(fault.code, "");
    gguf_close(file); // a tokenizer outlives its file
    return tokenizer;
}

static void text_load(const char *name, const char *ending, struct buf *out) {
    char path[1024];
    struct fault fault = {0};
    snprintf(path, sizeof path, "%s/ggml-vocab-%s.gguf.%s", folder(), name, ending);
    buf_open(out, 1 << 20);
    CHECK_EQ(file_read(path, out, &fault), OK);
}

static void ids_write(const struct buf *ids, struct buf *out) {
    const uint32_t *tokens = (const uint32_t *)(const void *)ids->data;
    buf_clear(out);
    for (size_t i = 0; i < ids->size / sizeof *tokens; i++) {
        buf_add_char(out, ' ');
        buf_add_u64(out, tokens[i]);
    }
    buf_add(out, "", 1);
}

// The cases of one file: texts between marks, and a line of ids each.
static void oracle(const char *name) {
    static const char mark[] = "\n__ggml_vocab_test__\n";
    struct tokenizer *tokenizer = vocabulary(name);
    if (!tokenizer) CHECK_SKIP("no ../shared/data/tokenizers (COURTYARD_DATA names another place)");
    struct buf texts, wants, ids, got;
    text_load(name, "inp", &texts);
    text_load(name, "out", &wants);
    buf_add(&texts, mark, sizeof mark); // the last case ends in one too; and a NUL
    buf_add(&wants, "", 1);
    buf_open(&ids, 1 << 20);
    buf_open(&got, 1 << 20);
    uint32_t cases = 0;
    char *want = wants.data;
    for (char *text = texts.data, *end; (end = strstr(text, mark)); text = end + strlen(mark)) {
        char *line_end = strchr(want, '\n');
        if (line_end) *line_end = 0;
        while (*want && want[strlen(want) - 1] == ' ') want[strlen(want) - 1] = 0;
        struct fault fault = {0};
        buf_clear(&ids);
        struct str one = {text, (size_t)(end - text)};
        CHECK_EQ(tokenizer_encode(tokenizer, one, TOKENIZE_TEXT, &ids, &fault), OK);
        ids_write(&ids, &got);
        CHECK_STR(got.data, want);
        want = line_end ? line_end + 1 : want + strlen(want);
        cases++;
    }
    CHECK_EQ(cases, 47);
    buf_close(&texts);
    buf_close(&wants);
    buf_close(&ids);
    buf_close(&got);
    tokenizer_close(tokenizer);
}

static void as_gpt_2(void) {
    oracle("gpt-2");
}
static void as_falcon(void) {
    oracle("falcon");
}
static void as_deepseek_coder(void) {
    oracle("deepseek-coder");
}
static void as_llama_spm(void) {
    oracle("llama-spm");
}
static void as_bert_bge(void) {
    oracle("bert-bge");
}

// ---- small vocabularies of our own -----------------------------------------------------------

static struct buf bytes, ids;

static struct tokenizer *small_open(void) {
    struct gguf *file = NULL;
    struct tokenizer *tokenizer = NULL;
    struct fault fault = {0};
    enum err err = gguf_view(bytes.data, bytes.size, &file, &fault);
    if (err == OK) err = tokenizer_open(file, &tokenizer, &fault);
    CHECK_EQ(err, OK);
    CHECK_STR(fault.code, "");
    gguf_close(file);
    return tokenizer;
}

static void encodes(const struct tokenizer *tokenizer, const char *text, uint32_t flags,
                    const char *want) {
    struct buf got;
    struct fault fault = {0};
    buf_open(&got, 1 << 20);
    buf_clear(&ids);
    CHECK_EQ(tokenizer_encode(tokenizer, str_of(text), flags, &ids, &fault), OK);
    ids_write(&ids, &got);
    CHECK_STR(got.data, want);
    buf_close(&got);
}

// a-e, pairs by rank, an own token and a control token.
static void small_bytes(void) {
    static const char *const tokens[] = {"a",  "b",   "c",     "\u0120", "ab",
                                         "bc", "abc", "<own>", "<end>",  "\u0120abc"};
    static const char *const merges[] = {"b c", "a b", "a bc", "\u0120 abc"};
    static const int32_t kinds[] = {1, 1, 1, 1, 1, 1, 1, 4, 3, 1};
    buf_clear(&bytes);
    gguf_put_head(&bytes, 0, 6);
    gguf_value_text(&bytes, "tokenizer.ggml.model", "gpt2");
    gguf_value_text(&bytes, "tokenizer.ggml.pre", "gpt-2");
    gguf_value_texts(&bytes, "tokenizer.ggml.tokens", tokens, 10);
    gguf_value_texts(&bytes, "tokenizer.ggml.merges", merges, 4);
    gguf_value_kinds(&bytes, "tokenizer.ggml.token_type", kinds, 10);
    gguf_value_whole(&bytes, "tokenizer.ggml.eos_token_id", 8);
    struct tokenizer *tokenizer = small_open();
    REQUIRE(tokenizer);
    encodes(tokenizer, "abc", TOKENIZE_TEXT, " 6"); // "b c" comes before "a b"
    encodes(tokenizer, "ab abc", TOKENIZE_TEXT, " 4 9");
    encodes(tokenizer, "a<own>b", TOKENIZE_TEXT, " 0 7 1");
    encodes(tokenizer, "a<end>", TOKENIZE_CONTROL, " 0 8");
    encodes(tokenizer, "", TOKENIZE_ENDS, "");
    struct buf text;
    buf_open(&text, 100);
    for (uint32_t i = 0; i < 10; i++) tokenizer_decode(tokenizer, i, false, &text);
    CHECK_BYTES(text.data, text.size, "abc abbcabc<own> abc", 20);
    tokenizer_decode(tokenizer, 8, true, &text);
    tokenizer_decode(tokenizer, 999, true, &text); // beyond the vocabulary: nothing
    CHECK_EQ(text.size, 25);
    buf_close(&text);
    struct fault fault = {0};
    CHECK_EQ(tokenizer_encode(tokenizer, STR("a\xFF"), 0, &ids, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "tokenizer.not_utf8");
    CHECK_EQ(fault.column, 2);
    tokenizer_close(tokenizer);
}

// What a family composes first is composed, but for its own tokens, which are found as they stand.
static void composes_first(void) {
    static const char *const tokens[] = {"e",      "\u00CC",       "\u0123",   "\u00C3",
                                         "\u00A9", "\u00C3\u00A9", "<e\u0301>"};
    static const char *const merges[] = {"\u00C3 \u00A9"};
    static const int32_t kinds[] = {1, 1, 1, 1, 1, 1, 4};
    static const char *const names[] = {"qwen2", "deepseek-r1-qwen"};
    for (int i = 0; i < 2; i++) {
        buf_clear(&bytes);
        gguf_put_head(&bytes, 0, 5);
        gguf_value_text(&bytes, "tokenizer.ggml.model", "gpt2");
        gguf_value_text(&bytes, "tokenizer.ggml.pre", names[i]);
        gguf_value_texts(&bytes, "tokenizer.ggml.tokens", tokens, 7);
        gguf_value_texts(&bytes, "tokenizer.ggml.merges", merges, 1);
        gguf_value_kinds(&bytes, "tokenizer.ggml.token_type", kinds, 7);
        struct tokenizer *tokenizer = small_open();
        REQUIRE(tokenizer);
        encodes(tokenizer, "\u00E9", TOKENIZE_TEXT, " 5");
        encodes(tokenizer, "e\u0301", TOKENIZE_TEXT, i ? " 0 1 2" : " 5");
        encodes(tokenizer, "e<e\u0301>e", TOKENIZE_TEXT, " 0 6 0");
        tokenizer_close(tokenizer);
    }
}

static void small_pieces(void) {
    static const char *const tokens[] = {"<unk>",  "<s>", "</s>", "<0xE4>",  "<0xBD>", "<0xA0>",
                                         "\u2581", "a",   "aa",   "\u2581a", "aaa"};
    static const int32_t kinds[] = {2, 3, 3, 6, 6, 6, 1, 1, 1, 1, 1};
    static const float scores[] = {0, 0, 0, 0, 0, 0, -5, -4, -1, -2, -3};
    buf_clear(&bytes);
    gguf_put_head(&bytes, 0, 4);
    gguf_value_text(&bytes, "tokenizer.ggml.model", "llama");
    gguf_value_texts(&bytes, "tokenizer.ggml.tokens", tokens, 11);
    gguf_value_kinds(&bytes, "tokenizer.ggml.token_type", kinds, 11);
    gguf_value_reals(&bytes, "tokenizer.ggml.scores", scores, 11);
    struct tokenizer *tokenizer = small_open();
    REQUIRE(tokenizer);
    encodes(tokenizer, "a", TOKENIZE_TEXT, " 9");
    encodes(tokenizer, "aaa", TOKENIZE_ENDS, " 1 6 10");     // "aa" first, the leftmost of two
    encodes(tokenizer, "\u4f60", TOKENIZE_TEXT, " 6 3 4 5"); // by its bytes
    encodes(tokenizer, "a</s>a", TOKENIZE_CONTROL, " 9 2 9");
    encodes(tokenizer, "\u597d", TOKENIZE_TEXT, " 6 0"); // bytes it lacks
    tokenizer_close(tokenizer);
}

static void small_unigram(void) {
    static const char *const tokens[] = {"<pad>", "</s>", "<unk>",   "\u2581", "a",
                                         "b",     "ab",   "\u2581a", "ba",     "<x>"};
    static const int32_t kinds[] = {3, 3, 2, 1, 1, 1, 1, 1, 1, 4};
    static const float scores[] = {0, 0, 0, -2, -3, -3, -4, -3.5f, -1, 0};
    buf_clear(&bytes);
    gguf_put_head(&bytes, 0, 4);
    gguf_value_text(&bytes, "tokenizer.ggml.model", "t5");
    gguf_value_texts(&bytes, "tokenizer.ggml.tokens", tokens, 10);
    gguf_value_kinds(&bytes, "tokenizer.ggml.token_type", kinds, 10);
    gguf_value_reals(&bytes, "tokenizer.ggml.scores", scores, 10);
    struct tokenizer *tokenizer = small_open();
    REQUIRE(tokenizer);
    encodes(tokenizer, "aba", TOKENIZE_ENDS, " 7 8 1"); // -4.5; "\u2581|ab|a" is -9
    encodes(tokenizer, "  a   b ", TOKENIZE_TEXT, " 7 3 5");
    encodes(tokenizer, "a\u4f60\u597db", TOKENIZE_TEXT, " 7 2 5"); // unknowns in a row are one
    tokenizer_close(tokenizer);
}

// A family without a token for what is unknown: a text of nothing else has no tokens.
static void unigram_of_unknowns(void) {
    static const char *const tokens[] = {"a"};
    static const int32_t kinds[] = {1};
    static const float scores[] = {-1};
    buf_clear(&bytes);
    gguf_put_head(&bytes, 0, 4);
    gguf_value_text(&bytes, "tokenizer.ggml.model", "t5");
    gguf_value_texts(&bytes, "tokenizer.ggml.tokens", tokens, 1);
    gguf_value_kinds(&bytes, "tokenizer.ggml.token_type", kinds, 1);
    gguf_value_reals(&bytes, "tokenizer.ggml.scores", scores, 1);
    struct tokenizer *tokenizer = small_open();
    REQUIRE(tokenizer);
    encodes(tokenizer, "b", TOKENIZE_TEXT, "");
    encodes(tokenizer, "ba", TOKENIZE_TEXT, " 0");
    tokenizer_close(tokenizer);
}

static void small_words(void) {
    static const char *const tokens[] = {"[UNK]",   "[CLS]",   "[SEP]",        "\u2581un", "able",
                                         "\u2581e", "\u2581,", "\u2581\u4f60", "!"};
    static const int32_t kinds[] = {3, 3, 3, 1, 1, 1, 1, 1, 1};
    buf_clear(&bytes);
    gguf_put_head(&bytes, 0, 6);
    gguf_value_text(&bytes, "tokenizer.ggml.model", "bert");
    gguf_value_texts(&bytes, "tokenizer.ggml.tokens", tokens, 9);
    gguf_value_kinds(&bytes, "tokenizer.ggml.token_type", kinds, 9);
    gguf_value_whole(&bytes, "tokenizer.ggml.unknown_token_id", 0);
    gguf_value_whole(&bytes, "tokenizer.ggml.cls_token_id", 1);
    gguf_value_whole(&bytes, "tokenizer.ggml.seperator_token_id", 2);
    struct tokenizer *tokenizer = small_open();
    REQUIRE(tokenizer);
    encodes(tokenizer, "Unable, \u00c9 \u4f60\u4f60", TOKENIZE_ENDS, " 1 3 4 6 5 7 7 2");
    encodes(tokenizer, "unablest un", TOKENIZE_TEXT, " 0 3"); // the whole word is unknown
    // A text's own U+2581 is a character like others, and none the vocabulary has.
    encodes(tokenizer, "un\u2581e \u2581un \u2581 e\u2581", TOKENIZE_TEXT, " 0 0 0 0");
    tokenizer_close(tokenizer);
}

// Special tokens that take in white space before or behind them, as Hugging Face's library does.
static void spaces_go_into_tokens(void) {
    static const char *const tokens[] = {"<unk>", "<s>", "</s>",   "<l>",
                                         "<r>",   "<b>", "\u2581", "a"};
    static const int32_t kinds[] = {2, 3, 3, 4, 4, 3, 1, 1}, strips[] = {0, 0, 0, 1, 2, 3, 9, 0};
    static const float scores[8] = {0};
    buf_clear(&bytes);
    gguf_put_head(&bytes, 0, 5);
    gguf_value_text(&bytes, "tokenizer.ggml.model", "llama");
    gguf_value_texts(&bytes, "tokenizer.ggml.tokens", tokens, 8);
    gguf_value_kinds(&bytes, "tokenizer.ggml.token_type", kinds, 8);
    gguf_value_reals(&bytes, "tokenizer.ggml.scores", scores, 8);
    gguf_value_kinds(&bytes, TOKENIZER_STRIPS, strips, 8);
    struct tokenizer *tokenizer = small_open();
    REQUIRE(tokenizer);
    encodes(tokenizer, "a  <l>  a", TOKENIZE_TEXT, " 6 7 3 6 6 6 7");
    encodes(tokenizer, "a  <r> \t\n\u3000 a", TOKENIZE_TEXT, " 6 7 6 6 4 6 7");
    encodes(tokenizer, " <b> <b> a <b> ", TOKENIZE_CONTROL, " 5 5 6 7 5");
    encodes(tokenizer, "<r> <l>  <r>", TOKENIZE_TEXT,
            " 4 3 6 6 6 4"); // what one has the other lacks
    encodes(tokenizer, "<s> a </s>", TOKENIZE_CONTROL, " 1 6 6 7 6 2");
    tokenizer_close(tokenizer);
}

// ---- llama2.c --------------------------------------------------------------------------------

static void llama2c_put(float score, const char *text) {
    int32_t size = (int32_t)strlen(text);
    buf_add(&bytes, &score, 4);
    buf_add(&bytes, &size, 4);
    buf_add_text(&bytes, text);
}

static void llama2c_make(void) {
    char name[8];
    buf_clear(&bytes);
    buf_add(&bytes, &(int32_t){7}, 4);
    llama2c_put(0, "<unk>");
    llama2c_put(0, "\n<s>\n");
    llama2c_put(0, "\n</s>\n");
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "<0x%02X>", i);
        llama2c_put(0, name);
    }
    llama2c_put(-3, " ");
    llama2c_put(-2, "a");
    llama2c_put(-1, " a");
    llama2c_put(-4, " a a");
}

static void small_llama2c(void) {
    struct tokenizer *tokenizer = NULL;
    struct fault fault = {0};
    llama2c_make();
    REQUIRE(tokenizer_view_llama2c(bytes.data, bytes.size, &tokenizer, &fault) == OK);
    CHECK_EQ(tokenizer_count(tokenizer), 263);
    encodes(tokenizer, "a a", TOKENIZE_ENDS, " 1 262");
    encodes(tokenizer, "\u00e9\n", TOKENIZE_TEXT, " 259 198 172 13");
    encodes(tokenizer, "</s>", TOKENIZE_CONTROL, " 2");
    struct buf text;
    buf_open(&text, 100);
    static const uint32_t tokens[] = {1, 262, 3 + 0xC3, 3 + 0xA9, 259};
    for (uint32_t i = 0; i < 5; i++) tokenizer_decode(tokenizer, tokens[i], false, &text);
    CHECK_BYTES(text.data, text.size, " a a\u00e9 ", 7);
    buf_close(&text);
    tokenizer_close(tokenizer);
    for (size_t size = 0; size < bytes.size; size++) { // cut anywhere
        tokenizer = NULL;
        enum err err = tokenizer_view_llama2c(bytes.data, size, &tokenizer, &fault);
        if (err == OK) CHECK(tokenizer_count(tokenizer) > 259); // between two tokens
        tokenizer_close(tokenizer);
    }
    CHECK_STR(fault.code, "tokenizer.not_llama2c");
}

// ---- patterns --------------------------------------------------------------------------------

static void finds(const char *pattern, const char *text, size_t start, size_t end) {
    struct word_pattern *one;
    size_t got_start = 0, got_end = 0;
    REQUIRE(word_pattern_open(pattern, &one) == OK);
    bool found = word_pattern_find(one, str_of(text), 0, &got_start, &got_end);
    CHECK_EQ(found, end > 0);
    CHECK_EQ(got_start, start);
    CHECK_EQ(got_end, end);
    word_pattern_close(one);
}

static void patterns(void) {
    finds("a+b", "xaaab", 1, 5);
    finds("a{2,3}", "aaaa", 0, 3);
    finds("a{2}", "xa", 0, 0);
    finds("(?i:'s|'ll)?b", "'LLb", 0, 4);
    finds("\\s+(?!\\S)", "  x", 0, 1);
    finds("\\s+(?=x)", "  x", 0, 2);
    finds("\\s+$", "a  b ", 4, 5);
    finds("[^\\s\\p{L}]+", "ab12-\u4f60", 2, 5);
    finds("\\p{Lu}\\p{Ll}*", "aBcD", 1, 3);
    finds("[\u4e00-\u9fa5]+", "a\u4f60\u597db", 1, 7);
    finds("a|ab", "ab", 0, 1); // the first that matches, not the longest
    struct word_pattern *one;
    CHECK_EQ(word_pattern_open("(a|b)+", &one), ERR_INPUT);
    CHECK_EQ(word_pattern_open("[a", &one), ERR_INPUT);
    CHECK_EQ(word_pattern_open("\\p{Xx}", &one), ERR_INPUT);
    CHECK_EQ(word_pattern_open("a)", &one), ERR_INPUT);
}

// ---- both ways of merging --------------------------------------------------------------------

static void merges_alike(void) {
    struct tokenizer *tokenizer = vocabulary("gpt-2");
    if (!tokenizer) CHECK_SKIP("no ../shared/data/tokenizers (COURTYARD_DATA names another place)");
    struct buf plain, quick;
    buf_open(&plain, 1 << 20);
    buf_open(&quick, 1 << 20);
    for (uint32_t round = 0; round < 300; round++) {
        char text[200];
        size_t size = check_random() % sizeof text;
        for (size_t i = 0; i < size; i++) text[i] = "etaoinshr ,.\xC3\xA9x"[check_random() % 16];
        for (uint32_t way = 0; way < 2; way++) {
            struct work work = {.tokenizer = tokenizer, .out = way ? &quick : &plain};
            struct buf *bufs[] = {&work.symbols, &work.candidates};
            for (uint32_t i = 0; i < 2; i++) buf_open(bufs[i], 1 << 20);
            buf_clear(work.out);
            struct str one = {text, size};
            CHECK_EQ(merge_encode_by(&work, one, way ? 0 : UINT32_MAX), OK);
            for (uint32_t i = 0; i < 2; i++) buf_close(bufs[i]);
        }
        CHECK_BYTES(quick.data, quick.size, plain.data, plain.size);
    }
    buf_close(&plain);
    buf_close(&quick);
    tokenizer_close(tokenizer);
}

int main(void) {
    buf_open(&bytes, 1 << 20);
    buf_open(&ids, 1 << 20);
    CHECK_RUN(as_gpt_2);
    CHECK_RUN(as_falcon);
    CHECK_RUN(as_deepseek_coder);
    CHECK_RUN(as_llama_spm);
    CHECK_RUN(as_bert_bge);
    CHECK_RUN(small_bytes);
    CHECK_RUN(composes_first);
    CHECK_RUN(small_pieces);
    CHECK_RUN(small_unigram);
    CHECK_RUN(unigram_of_unknowns);
    CHECK_RUN(small_words);
    CHECK_RUN(spaces_go_into_tokens);
    CHECK_RUN(small_llama2c);
    CHECK_RUN(patterns);
    CHECK_RUN(merges_alike);
    buf_close(&bytes);
    buf_close(&ids);
    return check_done();
}
