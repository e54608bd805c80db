// The logits of a language model as numbers, and how far two sets of them are apart. What
// tests/bench/language/exact.py asks of us; a peer's program there speaks the same.
//
//   language_logits run MODEL THREADS OUT <LINES
//     A line is a number G and tokens. G 0: the logits behind each token go to OUT, floats (V).
//     G more: OUT gets nothing, and standard output a line of the G likeliest tokens that follow.
//   language_logits compare LINES WANTED GOT
//     Of the lines with G 0: mean and largest nmse of a row's logits, the share of rows with the
//     same likeliest token, the mean of Kullback and Leibler's divergence from what is wanted, and
//     the perplexities of both over all tokens but the first of each line, and how far chance lets
//     their ratio be from 1 (standard error). As JSON.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/language/llama2c.h"
#include "model/language/network.h"

enum { TOKENS_MOST = 1 << 15, LINE_MOST = 1 << 18 };

struct line {
    uint32_t on, count;
    uint32_t tokens[TOKENS_MOST];
};

static bool line_read(FILE *from, struct line *out) {
    static char text[LINE_MOST];
    if (!fgets(text, sizeof text, from)) return false;
    char *at = text, *end;
    out->on = (uint32_t)strtoul(at, &at, 10);
    for (out->count = 0; out->count < TOKENS_MOST; at = end) {
        unsigned long token = strtoul(at, &end, 10);
        if (end == at) break;
        out->tokens[out->count++] = (uint32_t)token;
    }
    return out->count > 0;
}

static struct fault fault;
static void must(enum err err) {
    if (err == OK) return;
    fprintf(stderr, "language_logits: %s %s\n", fault.code, fault.detail);
    exit(1);
}

static uint32_t likeliest(const float *logits, uint32_t count) {
    uint32_t most = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (logits[i] > logits[most]) most = i;
    }
    return most;
}

// ---- run ---------------------------------------------------------------------------------------

enum { PIECE = 64 };

static void line_run(struct network *network, struct cache *cache, const struct line *line,
                     float *logits, FILE *out) {
    uint32_t vocabulary = network_about(network)->vocabulary, last = 0;
    struct batch_row rows[PIECE];
    struct sequence sequence;
    sequence_open(cache, &sequence);
    for (uint32_t at = 0, count; at < line->count; at += count) {
        count = line->count - at < PIECE ? line->count - at : PIECE;
        for (uint32_t i = 0; i < count; i++) {
            bool wanted = line->on == 0 || at + i + 1 == line->count;
            rows[i] = (struct batch_row){&sequence, at + i, line->tokens[at + i], wanted};
        }
        must(network_step(network, rows, count, logits));
        if (line->on == 0) fwrite(logits, sizeof *logits, (size_t)count * vocabulary, out);
    }
    for (uint32_t i = 0; i < line->on; i++) {
        if (i > 0) {
            rows[0] = (struct batch_row){&sequence, line->count + i - 1, last, true};
            must(network_step(network, rows, 1, logits));
        }
        last = likeliest(logits, vocabulary);
        printf("%u%c", last, i + 1 < line->on ? ' ' : '\n');
    }
    sequence_close(&sequence);
}

static int run(const char *path, const char *threads, const char *to) {
    static struct line line;
    struct gguf *file;
    struct network *network;
    struct cache *cache;
    must(language_file_open(path, &file, &fault));
    must(network_open(file, (uint32_t)strtoul(threads, NULL, 10), &network, &fault));
    must(cache_open(network_cache_shape(network), TOKENS_MOST / CACHE_PAGE_TOKENS + 8, &cache));
    float *logits = calloc((size_t)PIECE * network_about(network)->vocabulary, sizeof *logits);
    FILE *out = fopen(to, "wb");
    if (!logits || !out) return 1;
    while (line_read(stdin, &line)) line_run(network, cache, &line, logits, out);
    int failed = fclose(out);
    free(logits);
    cache_close(cache);
    network_close(network);
    gguf_close(file);
    return failed != 0;
}

// ---- compare -----------------------------------------------------------------------------------

struct comparing {
    double nmse, nmse_most, divergence, surprise[2], squares; // sums
    uint64_t rows, same, judged;
};

// log of the sum of e^logits.
static double log_sum(const float *logits, size_t count) {
    float most = logits[likeliest(logits, (uint32_t)count)];
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += exp((double)logits[i] - (double)most);
    return log(sum) + (double)most;
}

static void row_compare(struct comparing *c, const float *want, const float *got, size_t count,
                        const uint32_t *next) {
    double apart = 0, size = 0, divergence = 0;
    double sums[2] = {log_sum(want, count), log_sum(got, count)};
    for (size_t i = 0; i < count; i++) {
        double rest = (double)got[i] - (double)want[i], own = (double)want[i] - sums[0];
        apart += rest * rest;
        size += (double)want[i] * (double)want[i];
        divergence += exp(own) * (own - ((double)got[i] - sums[1]));
    }
    c->nmse += apart / size;
    if (apart / size > c->nmse_most) c->nmse_most = apart / size;
    c->divergence += divergence;
    c->same += likeliest(want, (uint32_t)count) == likeliest(got, (uint32_t)count);
    c->rows++;
    if (!next) return;
    c->surprise[0] += sums[0] - (double)want[*next];
    c->surprise[1] += sums[1] - (double)got[*next];
    double change = (sums[1] - (double)got[*next]) - (sums[0] - (double)want[*next]);
    c->squares += change * change;
    c->judged++;
}

// The vocabulary follows from the files' size.
static size_t vocabulary_of(const char *lines, FILE *file) {
    static struct line line;
    uint64_t rows = 0;
    FILE *from = fopen(lines, "r");
    while (from && line_read(from, &line)) rows += line.on == 0 ? line.count : 0;
    if (!from || fclose(from) || rows == 0 || fseek(file, 0, SEEK_END)) return 0;
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    return bytes / sizeof(float) / rows;
}

static int compare(const char *lines, const char *wanted, const char *found) {
    static struct line line;
    struct comparing c = {0};
    FILE *from = fopen(lines, "r"), *want = fopen(wanted, "rb"), *got = fopen(found, "rb");
    if (!from || !want || !got) return 1;
    size_t vocabulary = vocabulary_of(lines, want);
    if (vocabulary == 0 || vocabulary_of(lines, got) != vocabulary) return 1;
    float *rows = calloc(2 * vocabulary, sizeof *rows), *other = rows + vocabulary;
    while (rows && line_read(from, &line)) {
        for (uint32_t i = 0; line.on == 0 && i < line.count; i++) {
            if (fread(rows, sizeof *rows, vocabulary, want) != vocabulary) return 1;
            if (fread(other, sizeof *rows, vocabulary, got) != vocabulary) return 1;
            const uint32_t *next = i + 1 < line.count ? &line.tokens[i + 1] : NULL;
            row_compare(&c, rows, other, vocabulary, next);
        }
    }
    free(rows);
    double n = (double)c.rows, judged = (double)c.judged;
    double mean = (c.surprise[1] - c.surprise[0]) / judged;
    double error = sqrt(fmax(0, c.squares / judged - mean * mean) / judged);
    printf("{\"rows\":%.0f,\"nmse\":%.4g,\"nmse_most\":%.4g,\"same\":%.6f,\"divergence\":%.4g,"
           "\"perplexity\":[%.6f,%.6f],\"chance\":%.4g}\n",
           n, c.nmse / n, c.nmse_most, (double)c.same / n, c.divergence / n,
           exp(c.surprise[0] / judged), exp(c.surprise[1] / judged), error);
    fclose(from);
    fclose(want);
    fclose(got);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "run") == 0) return run(argv[2], argv[3], argv[4]);
    if (argc == 5 && strcmp(argv[1], "compare") == 0) return compare(argv[2], argv[3], argv[4]);
    fprintf(stderr, "usage: language_logits run MODEL THREADS OUT | compare LINES WANTED GOT\n");
    return 2;
}
