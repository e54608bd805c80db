// What a constraint costs a token of an answer: the masks and steps along JSON texts that a schema
// describes, with the vocabularies of three models put together, each word also behind a blank
// (../shared/data or $COURTYARD_DATA). Cold: the first answer of a constraint; warm: the next ones.
//
//   constraint_bench [DOCUMENTS]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/language/gguf.h"
#include "model/language/grammar/constraint.h"

static const char *const vocabularies[] = {"gpt-2", "falcon", "deepseek-coder"};
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

static struct buf texts, pieces; // bytes; struct piece
struct piece {
    uint32_t at, size, token;
};
static struct piece *piece_at(uint32_t i) {
    return (struct piece *)(void *)pieces.data + i;
}
static uint32_t piece_count;

static int piece_compare(const void *a, const void *b) {
    const struct piece *x = a, *y = b;
    return str_compare((struct str){texts.data + x->at, x->size},
                       (struct str){texts.data + y->at, y->size});
}

static bool vocabulary_add(const char *name) {
    const char *data = getenv("COURTYARD_DATA");
    char path[512];
    struct gguf *file;
    struct tokenizer *tokenizer;
    snprintf(path, sizeof path, "%s/tokenizers/ggml-vocab-%s.gguf", data ? data : "../shared/data",
             name);
    if (gguf_open(path, &file, &fault) != OK) {
        printf("no vocabularies at %s: nothing is measured\n", path);
        return false;
    }
    must(tokenizer_open(file, &tokenizer, &fault));
    for (uint32_t i = 0; i < tokenizer_count(tokenizer); i++) {
        struct piece piece = {.at = (uint32_t)texts.size + 1};
        buf_add_char(&texts, ' ');
        tokenizer_decode(tokenizer, i, false, &texts);
        piece.size = (uint32_t)(texts.size - piece.at);
        if (piece.size == 0 || piece.size > 64) continue;
        buf_add(&pieces, &piece, sizeof piece);
        piece.at--; // the same behind a blank, so that there are as many as large models have
        piece.size++;
        buf_add(&pieces, &piece, sizeof piece);
    }
    tokenizer_close(tokenizer);
    gguf_close(file);
    return true;
}

static void word_add(struct buf *bytes, struct str text) {
    buf_add(bytes, &(float){0}, 4);
    buf_add(bytes, &(int32_t){(int32_t)text.size}, 4);
    buf_add_str(bytes, text);
}

// One of each, behind all bytes, as a vocabulary of llama2.c.
static struct tokenizer *vocabulary_open(struct buf *bytes) {
    struct tokenizer *tokenizer;
    uint32_t count = (uint32_t)(pieces.size / sizeof(struct piece));
    qsort(pieces.data, count, sizeof(struct piece), piece_compare);
    for (uint32_t i = 0; i < count; i++) {
        if (i && piece_compare(piece_at(i), piece_at(piece_count - 1)) == 0) continue;
        *piece_at(piece_count++) = *piece_at(i);
    }
    buf_add(bytes, &(int32_t){512}, 4);
    for (uint32_t i = 0; i < 3; i++) word_add(bytes, STR("<s>"));
    for (uint32_t i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", i);
        word_add(bytes, str_of(name));
    }
    for (uint32_t i = 0; i < piece_count; i++) {
        piece_at(i)->token = 259 + i;
        word_add(bytes, (struct str){texts.data + piece_at(i)->at, piece_at(i)->size});
    }
    must(tokenizer_view_llama2c(bytes->data, bytes->size, &tokenizer, &fault));
    return tokenizer;
}

// The longest piece that the text begins with.
static struct piece *longest(struct str text) {
    for (uint32_t size = text.size < 32 ? (uint32_t)text.size : 32; size > 0; size--) {
        uint32_t low = 0, high = piece_count;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            struct piece *piece = piece_at(middle);
            int order = str_compare((struct str){texts.data + piece->at, piece->size},
                                    (struct str){text.data, size});
            if (order == 0) return piece;
            if (order < 0) low = middle + 1;
            if (order > 0) high = middle;
        }
    }
    fprintf(stderr, "constraint_bench: no piece for a byte\n");
    exit(1);
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
        struct piece *piece = longest((struct str){text.data + at, text.size - at});
        const uint64_t *mask;
        double start_us = worked_us();
        must(constraint_mask(c, place, &mask, &fault));
        place = constraint_next(c, place, piece->token);
        double took = (worked_us() - start_us);
        if (place == PLACE_NONE || !(mask[piece->token / 64] >> (piece->token % 64) & 1)) {
            fprintf(stderr, "constraint_bench: refused at byte %zu\n", at);
            exit(1);
        }
        sum += took;
        if (took > *worst) *worst = took;
        at += piece->size;
        ++*tokens;
    }
    return sum;
}

int main(int argc, char **argv) {
    uint32_t documents = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 40;
    struct buf bytes, text;
    struct json *json;
    struct grammar *grammar;
    struct token_tree *tree;
    buf_open(&texts, 1 << 26);
    buf_open(&pieces, 1 << 26);
    buf_open(&bytes, 1 << 26);
    buf_open(&text, 1 << 20);
    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies; i++) {
        if (!vocabulary_add(vocabularies[i])) return 0;
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
    token_tree_close(tree);
    grammar_close(grammar);
    json_close(json);
    tokenizer_close(tokenizer);
    struct buf *bufs[] = {&texts, &pieces, &bytes, &text};
    for (size_t i = 0; i < 4; i++) buf_close(bufs[i]);
    return 0;
}
