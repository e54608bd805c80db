// What a constraint costs a token of an answer: the masks and steps along JSON texts that a schema
// describes, with the vocabularies of three models put together, each word also behind a blank
// (../shared/data or $COURTYARD_DATA). Cold: the first answer of a constraint; warm: the next ones.
//
//   constraint_bench [DOCUMENTS]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/language/grammar/constraint.h"
#include "support/large_words.h"

static const char schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\",\"age\",\"ward\","
    "\"complaint\",\"history\",\"tests\",\"plan\"],\"properties\":{\"name\":{\"type\":\"string\","
    "\"maxLength\":40},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":130},\"ward\":{"
    "\"enum\":[\"cardiology\",\"surgery\",\"内科\"]},\"complaint\":{\"type\":\"string\"},"
    "\"history\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"year\",\"what\"],\"properties\":{\"year\":{\"type\":\"integer\"},\"what\":{"
    "\"type\":\"string\"}}}},\"tests\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"additionalProperties\":false,\"required\":[\"name\",\"value\"],\"properties\":{\"name\":{"
    "\"type\":\"string\"},\"value\":{\"type\":\"number\"}}}},\"plan\":{\"type\":\"string\"}}}";
static const char *const said[] = {
    "Chest pain on exertion for three weeks, relieved by rest; no fever, no cough.",
    "患者三周前开始出现活动后胸痛，休息后缓解，无发热、咳嗽。",
    "Appendectomy without complications",
    "高血压，规律服药",
    "haemoglobin",
    "肌酐",
    "Continue aspirin 100 mg daily, repeat the ECG and come back in two weeks.",
    "低盐饮食，两周后复查心电图。"};

static struct fault fault;

// Of this thread's own work, whatever else the machine does.
static double worked_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}
static void must(enum err err) {
    if (err == OK) return;
    fprintf(stderr, "constraint_bench: %s %s\n", fault.code, fault.detail);
    exit(1);
}

// ---- the vocabulary ----------------------------------------------------------------------------

enum { WORD_FIRST = 259 }; // behind three control tokens and all bytes

static struct large_words words;

static void word_add(struct buf *bytes, struct str text) {
    buf_add(bytes, &(float){0}, 4);
    buf_add(bytes, &(int32_t){(int32_t)text.size}, 4);
    buf_add_str(bytes, text);
}

// As a vocabulary of llama2.c.
static struct tokenizer *vocabulary_open(struct buf *bytes) {
    struct tokenizer *tokenizer;
    buf_add(bytes, &(int32_t){512}, 4);
    for (uint32_t i = 0; i < 3; i++) word_add(bytes, STR("<s>"));
    for (uint32_t i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", i);
        word_add(bytes, str_of(name));
    }
    for (uint32_t i = 0; i < words.count; i++) word_add(bytes, large_words_at(&words, i));
    must(tokenizer_view_llama2c(bytes->data, bytes->size, &tokenizer, &fault));
    return tokenizer;
}

// The longest word that the text begins with, else its first byte; its size.
static uint32_t longest(struct str text, uint32_t *token) {
    for (uint32_t size = text.size < 32 ? (uint32_t)text.size : 32; size > 1; size--) {
        uint32_t low = 0, high = words.count;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            int order = str_compare(large_words_at(&words, middle), (struct str){text.data, size});
            *token = WORD_FIRST + middle;
            if (order == 0) return size;
            if (order < 0) low = middle + 1;
            if (order > 0) high = middle;
        }
    }
    *token = 3 + (uint8_t)*text.data;
    return 1;
}

// ---- the texts ---------------------------------------------------------------------------------

static uint32_t drawn = 1;
static uint32_t below(uint32_t count) {
    drawn = drawn * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)drawn * count >> 32);
}
static const char *any(void) {
    return said[below(sizeof said / sizeof *said)];
}

static void document_make(struct buf *out) {
    static const char *const wards[] = {"cardiology", "surgery", "内科"};
    char part[512];
    buf_clear(out);
    snprintf(part, sizeof part, "{\"name\":\"%s\",\"age\":%u,\"ward\":\"%s\",\"complaint\":\"%s\"",
             below(2) ? "王小明" : "Ada Lovelace", below(100), wards[below(3)], any());
    buf_add_text(out, part);
    buf_add_text(out, ",\"history\":[");
    for (uint32_t i = 0, count = below(4); i < count; i++) {
        snprintf(part, sizeof part, "%s{\"year\":%u,\"what\":\"%s\"}", i ? "," : "",
                 1990 + below(35), any());
        buf_add_text(out, part);
    }
    buf_add_text(out, "],\"tests\":[");
    for (uint32_t i = 0, count = below(5); i < count; i++) {
        snprintf(part, sizeof part, "%s{\"name\":\"%s\",\"value\":%u.%u}", i ? "," : "", any(),
                 below(200), below(100));
        buf_add_text(out, part);
    }
    snprintf(part, sizeof part, "],\"plan\":\"%s\"}", any());
    buf_add_text(out, part);
}

// Microseconds of masks and steps; adds the tokens.
static double walk(struct constraint *c, struct str text, uint32_t *tokens, double *worst) {
    uint32_t place = constraint_start(c);
    double sum = 0;
    for (size_t at = 0; at < text.size;) {
        const uint64_t *mask;
        uint32_t token, size = longest((struct str){text.data + at, text.size - at}, &token);
        double start_us = worked_us();
        must(constraint_mask(c, place, &mask, &fault));
        place = constraint_next(c, place, token);
        double took = (worked_us() - start_us);
        if (place == PLACE_NONE || !(mask[token / 64] >> (token % 64) & 1)) {
            fprintf(stderr, "constraint_bench: refused at byte %zu\n", at);
            exit(1);
        }
        sum += took;
        if (took > *worst) *worst = took;
        at += size;
        ++*tokens;
    }
    return sum;
}

// ---- forms --------------------------------------------------------------------------------------

static const struct {
    const char *name, *regex;
} forms[] = {
    {"dates", "(\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01]), ){12}"},
    {"telephones", "(1[3-9]\\d{9}; ){12}"},
    {"identity cards",
     "([1-9]\\d{5}(19|20)\\d\\d(0[1-9]|1[0-2])(0[1-9]|[12]\\d|3[01])\\d{3}[\\dX] ){9}"},
    {"words", "[A-Za-z ,.]{400,2000}"},
    {"words of a sentence", "([A-Z][a-z]+( [a-z]{1,12}){4,14}[.?!] ){10,40}"},
    {"Chinese", "[一-龥，。]{300,1000}"},
    {"lines", "(- [^\\n:]{1,20}: [^\\n]{1,60}\\n){20}"},
    {"anything", ".{600,3000}"},
};

static uint32_t c_place;
static double searched_us; // for a token of a mask: not what is measured

// A token that may come, by chance, as of a model that knows nothing.
static uint32_t any_token(struct constraint *c, uint32_t vocabulary, bool whole) {
    struct sampler_filter filter;
    uint32_t token;
    must(constraint_filter(c, c_place, &filter, &fault));
    if (whole) must(constraint_mask(c, c_place, &filter.mask, &fault));
    if (!filter.mask) {
        do token = below(vocabulary);
        while (!filter.allows(filter.ctx, token));
        return token;
    }
    double start_us = worked_us();
    token = below(vocabulary);
    while (!(filter.mask[token / 64] >> (token % 64) & 1)) token = (token + 1) % vocabulary;
    searched_us += worked_us() - start_us;
    return token;
}

// Microseconds of what may come, and of steps; `whole`: by masks alone.
static double stroll(struct constraint *c, bool whole, uint32_t count, uint32_t vocabulary,
                     double *first, double *worst) {
    double sum = 0;
    c_place = constraint_start(c);
    for (uint32_t i = 0; i < count; i++) {
        searched_us = 0;
        double start_us = worked_us();
        c_place = constraint_next(c, c_place, any_token(c, vocabulary, whole));
        double took = worked_us() - start_us - searched_us;
        sum += took;
        if (i == 0) *first = took;
        if (i && took > *worst) *worst = took;
    }
    return sum;
}

static void forms_run(const struct token_tree *tree, uint32_t vocabulary) {
    enum { TOKENS = 60, ANSWERS = 8 };
    for (size_t i = 0; i < 2 * sizeof forms / sizeof *forms; i++) {
        struct grammar *grammar;
        struct constraint *c;
        bool whole = i % 2;
        double first, none, cold, warm = 0, worst = 0, worst_warm = 0;
        must(grammar_of_regex(str_of(forms[i / 2].regex), &grammar, &fault));
        double start_us = worked_us();
        must(constraint_open(grammar, tree, &(uint32_t){2}, 1, &c));
        double open_us = worked_us() - start_us;
        cold = stroll(c, whole, TOKENS, vocabulary, &first, &worst);
        for (uint32_t k = 0; k < ANSWERS; k++) {
            warm += stroll(c, whole, TOKENS, vocabulary, &none, &worst_warm);
        }
        printf("%-20s %-5s first %4.0f + %5.0f us, cold %6.1f a token (worst %5.0f), next %6.1f "
               "(worst %5.0f)\n",
               whole ? "" : forms[i / 2].name, whole ? "masks" : "asked", open_us, first,
               (cold - first) / (TOKENS - 1), worst, warm / (TOKENS * ANSWERS), worst_warm);
        constraint_close(c);
        grammar_close(grammar);
    }
}

int main(int argc, char **argv) {
    uint32_t documents = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 40;
    struct buf bytes, text;
    struct json *json;
    struct grammar *grammar;
    struct token_tree *tree;
    buf_open(&bytes, 1 << 26);
    buf_open(&text, 1 << 20);
    if (!large_words_open(&words)) {
        printf("no vocabularies in ../shared/data: nothing is measured\n");
        return 0;
    }
    struct tokenizer *tokenizer = vocabulary_open(&bytes);
    must(json_parse(STR(schema), &json, &fault));
    must(grammar_of_schema(json, &grammar, &fault));
    double start_us = worked_us();
    must(token_tree_open(tokenizer, tokenizer_count(tokenizer), &tree));
    printf("%u tokens, their tree in %.0f ms\n", tokenizer_count(tokenizer),
           (worked_us() - start_us) / 1000);
    double cold = 0, warm = 0, worst = 0, worst_warm = 0;
    uint32_t cold_tokens = 0, warm_tokens = 0;
    for (uint32_t i = 0; i < documents; i++) {
        struct constraint *c;
        must(constraint_open(grammar, tree, &(uint32_t){2}, 1, &c));
        document_make(&text);
        cold += walk(c, buf_str(&text), &cold_tokens, &worst);
        for (int again = 0; again < 3; again++) {
            document_make(&text);
            warm += walk(c, buf_str(&text), &warm_tokens, &worst_warm);
        }
        constraint_close(c);
    }
    printf("cold  %6.1f us a token of %u (worst %.0f)\n", cold / cold_tokens, cold_tokens, worst);
    printf("warm  %6.1f us a token of %u (worst %.0f)\n", warm / warm_tokens, warm_tokens,
           worst_warm);
    forms_run(tree, tokenizer_count(tokenizer));
    token_tree_close(tree);
    grammar_close(grammar);
    json_close(json);
    tokenizer_close(tokenizer);
    large_words_close(&words);
    buf_close(&bytes);
    buf_close(&text);
    return 0;
}
