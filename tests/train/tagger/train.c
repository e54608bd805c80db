// Makes the tagger's weights: a linear-chain CRF over the tokens and n-grams of tagger_text.c,
// learnt sentence by sentence (FTRL-proximal: McMahan et al. 2013), sparse by its L1 term, then
// rounded to whole numbers and written as the file that the product embeds.
//   train TABLES HEADER OUT EPOCHS LAMBDA SCALE FILE[*WEIGHT]… [-- HELD_OUT…]
// FILE: labelled sentences, "text TAB start,end,TYPE;… [TAB share]"; see README.md beside it.
// Same files, same order: same weights.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <zstd.h>

#include "../../../app/data/detect/tagger_private.h"

enum { L = TAGGER_LABELS, USED = TAGGER_LABELS_USED, SLOTS = 8, KEYS = 1 << TAGGER_GRAM_BITS };

struct example {
    const char *text;
    uint32_t size;
    uint32_t weight; // in sixteenths
    const char *spans;
};

static struct tagger_tables tables;
static struct example *examples;
static size_t example_count, example_room;
static uint8_t *key_count; // (KEYS)
struct key {
    uint32_t base, slots; // first row, which slots have one
};
static struct key *keys_known; // (KEYS)
static float *z;               // (rows, 2, L): gradients' sum, then that of their squares
static size_t rows;
static float step_z[L][2][L], step[L][L]; // from, to
static float alpha = 0.12F, beta = 1.0F, lambda = 0.6F;
static int least_count = 3, least_weight = 1; // smaller rounded weights are dropped

static void stop(const char *what) {
    fprintf(stderr, "train: %s\n", what);
    exit(1);
}

static char *file_read(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) stop(path);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size + 1);
    if (!data || fread(data, 1, *size, file) != *size) stop(path);
    data[*size] = 0;
    fclose(file);
    return data;
}

// Zeroed, in large pages where the system has them.
static void *big(size_t size) {
    size_t page = 2 << 20, whole = (size + page - 1) / page * page;
    void *data = aligned_alloc(page, whole);
    if (!data) stop("memory");
    madvise(data, whole, MADV_HUGEPAGE);
    memset(data, 0, whole);
    return data;
}

// ---- tables ------------------------------------------------------------------------------------

static void word_add(const char *word, uint32_t class) {
    static struct tagger_tokens tokens;
    tagger_tokens_next(&tables, str_of(word), 0, &tokens);
    for (uint32_t k = 0; k < tokens.count; k++) {
        if (tokens.id[TAGGER_EDGE + k] < TAGGER_ID_KNOWN) return;
    }
    if (tokens.count < 2 || tokens.count > TAGGER_WORD_TOKENS) return;
    uint32_t key = tagger_word_hash(tokens.id + TAGGER_EDGE, tokens.count);
    uint32_t slot = key & tables.words_mask;
    while (tables.words[slot] && tables.words[slot] >> 8 != key)
        slot = (slot + 1) & tables.words_mask;
    tables.words[slot] = key << 8 | class;
}

static void tables_read(char *text) {
    uint32_t *all = calloc(1 << 18, 4), *none = calloc(2, 4);
    tables.words = none;
    tables.words_mask = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (char *line = text; *line;) {
            char *next = strchr(line, '\n');
            *next = 0;
            char *at = line + 1;
            if (pass == 0 && *line == 'c') {
                unsigned long code = strtoul(at, &at, 10), id = strtoul(at, &at, 10);
                tables.id_of[code] = (uint16_t)id;
                tables.class_of[id] = (uint8_t)strtoul(at, &at, 10);
                tables.name_of[id] = (uint8_t)strtoul(at, &at, 10);
            } else if (pass == 0 && *line == 't') {
                unsigned long code = strtoul(at, &at, 10);
                tables.id_of[code] = (uint16_t)strtoul(at, &at, 10);
            } else if (pass == 1 && *line == 'w') {
                uint32_t class = (uint32_t)strtoul(at, &at, 10);
                tables.words = none;
                tables.words_mask = 0;
                static struct tagger_tokens tokens;
                tagger_tokens_next(&tables, str_of(at + 1), 0, &tokens);
                tables.words = all;
                tables.words_mask = (1 << 18) - 1;
                word_add(at + 1, class);
            }
            *next = '\n';
            line = next + 1;
        }
    }
    tables.words = all;
    tables.words_mask = (1 << 18) - 1;
}

// ---- examples ----------------------------------------------------------------------------------

static void examples_read(char *name) {
    double weight = 1;
    char *star = strrchr(name, '*');
    if (star) {
        *star = 0;
        weight = strtod(star + 1, NULL);
    }
    size_t size, before = example_count;
    char *data = file_read(name, &size);
    for (char *line = data; line < data + size;) {
        char *next = strchr(line, '\n');
        if (!next) break;
        *next = 0;
        char *tab = strchr(line, '\t'), *share = tab ? strchr(tab + 1, '\t') : NULL;
        long sure = share ? strtol(share + 1, NULL, 10) : 100;
        if (share) *share = 0;
        if (tab && sure >= 20) {
            if (example_count == example_room) {
                example_room = example_room * 2 + 1024;
                examples = realloc(examples, example_room * sizeof *examples);
            }
            double w =
                weight * (sure >= 50 ? 1 : 0.6); // the surest sentences are those with no name
            examples[example_count++] =
                (struct example){line, (uint32_t)(tab - line), (uint32_t)(w * 16 + 0.5), tab + 1};
        }
        line = next + 1;
    }
    fprintf(stderr, "%s: %zu sentences\n", name, example_count - before);
}

// Spans of one sentence as bytes. Returns their number.
struct span {
    uint32_t start, end, kind;
};
static size_t spans_of(const struct example *example, struct span *spans, size_t room) {
    static uint32_t byte_of[70000];
    uint32_t count = 0;
    for (uint32_t k = 0; k < example->size; k++) {
        if ((example->text[k] & 0xC0) != 0x80) byte_of[count++] = k;
    }
    byte_of[count] = example->size;
    size_t found = 0;
    for (char *at = (char *)(uintptr_t)example->spans; *at && found < room;) {
        unsigned long start = strtoul(at, &at, 10), end = strtoul(at + 1, &at, 10);
        if (end > count || start >= end) break;
        char type = at[1];
        spans[found++] = (struct span){byte_of[start], byte_of[end],
                                       type == 'P'   ? TAGGER_PERSON
                                       : type == 'L' ? TAGGER_PLACE
                                                     : TAGGER_INSTITUTION};
        at = strchr(at, ';') + 1;
    }
    return found;
}

// Labels of a segment's tokens. A span that does not fit the tokens is left out.
static void labels_of(const struct tagger_tokens *t, const struct span *spans, size_t count,
                      uint8_t *labels) {
    memset(labels, TAGGER_OUTSIDE, t->count);
    for (size_t s = 0; s < count; s++) {
        uint32_t first = 0;
        while (first < t->count && t->start[first] < spans[s].start) first++;
        uint32_t last = first;
        while (last < t->count && t->start[last + 1] < spans[s].end) last++;
        if (first == t->count || last >= t->count || t->start[last + 1] != spans[s].end ||
            t->start[first] != spans[s].start) {
            continue;
        }
        uint8_t base = (uint8_t)(1 + 4 * spans[s].kind);
        for (uint32_t k = first; k <= last; k++) {
            labels[k] = (uint8_t)(base + (first == last ? TAGGER_SINGLE
                                          : k == first  ? TAGGER_FIRST
                                          : k == last   ? TAGGER_LAST
                                                        : TAGGER_MIDDLE));
        }
    }
}

// ---- learning ----------------------------------------------------------------------------------

static uint32_t slots_of(size_t gram) {
    return ((1u << tagger_reach[gram].count) - 1) << (tagger_reach[gram].first + 3);
}

typedef float lane __attribute__((vector_size(64), aligned(4)));
typedef int mask __attribute__((vector_size(64)));

static lane root(lane x) {
    lane y;
    for (int k = 0; k < 16; k++) y[k] = sqrtf(x[k]);
    return y;
}

static inline lane weight_of(const float *zs, float l1) {
    lane a = *(const lane *)(const void *)zs, b = root(*(const lane *)(const void *)(zs + L));
    lane sign = (lane)((mask)a & (mask)((lane){0} - 0.0F));
    lane size = (lane)((mask)a & ~(mask)((lane){0} - 0.0F)) - l1;
    mask kept = size > (lane){0};
    lane w = -(lane)((mask)size | (mask)sign) / ((beta + b) / alpha);
    return (lane)((mask)w & kept);
}

// The rows that bear on each token of a segment.
enum { ROWS_MAX = 110 };
static uint32_t token_rows[TAGGER_TOKENS_MAX][ROWS_MAX];
static uint32_t token_row_count[TAGGER_TOKENS_MAX];
static float score[TAGGER_TOKENS_MAX][L];

static void rows_of(const struct tagger_tokens *t) {
    static uint32_t all[TAGGER_ROOM][TAGGER_GRAMS];
    memset(token_row_count, 0, sizeof token_row_count);
    for (int64_t j = -3; j < (int64_t)t->count + 3; j++) {
        uint32_t *keys = all[j + TAGGER_EDGE];
        tagger_grams(t, (size_t)(j + TAGGER_EDGE), keys);
        for (size_t g = 0; g < TAGGER_GRAMS; g++) __builtin_prefetch(&keys_known[keys[g]]);
    }
    for (int64_t j = -3; j < (int64_t)t->count + 3; j++) {
        for (size_t g = 0; g < TAGGER_GRAMS; g++) {
            struct key key = keys_known[all[j + TAGGER_EDGE][g]];
            for (uint32_t row = key.base; key.slots; key.slots &= key.slots - 1, row++) {
                int64_t i = j + __builtin_ctz(key.slots) - 3;
                if (i < 0 || i >= t->count || token_row_count[i] == ROWS_MAX) continue;
                token_rows[i][token_row_count[i]++] = row;
                __builtin_prefetch(z + (size_t)row * 2 * L);
                __builtin_prefetch(z + (size_t)row * 2 * L + L);
            }
        }
    }
}

static void scores_of(const struct tagger_tokens *t, float l1) {
    for (uint32_t i = 0; i < t->count; i++) {
        lane sum = {0};
        for (uint32_t k = 0; k < token_row_count[i]; k++) {
            size_t row = (size_t)token_rows[i][k] * 2 * L;
            sum += weight_of(z + row, l1);
        }
        memcpy(score[i], &sum, sizeof sum);
    }
}

static void update(float *zs, lane g, lane w) {
    float *ns = zs + L;
    lane a = *(lane *)(void *)zs, b = *(lane *)(void *)ns, more = b + g * g;
    a += g - (root(more) - root(b)) / alpha * w;
    *(lane *)(void *)zs = a;
    *(lane *)(void *)ns = more;
}

// Posteriors p (count, L) and expected steps minus those of the labels, by forward-backward.
static double posteriors(uint32_t count, const uint8_t *labels, lane *p, float pairs[L][L]) {
    static lane forward[TAGGER_TOKENS_MAX], backward[TAGGER_TOKENS_MAX], gain[TAGGER_TOKENS_MAX];
    static lane factor[L];
    for (int a = 0; a < L; a++) {
        for (int b = 0; b < L; b++) {
            factor[a][b] = a < USED && b < USED && tagger_may_follow((uint32_t)a, (uint32_t)b)
                               ? expf(step[a][b])
                               : 0;
        }
    }
    double loss = 0;
    for (uint32_t i = 0; i < count; i++) {
        float most = -1e9F;
        for (int q = 0; q < USED; q++) most = fmaxf(most, score[i][q]);
        for (int q = 0; q < L; q++) gain[i][q] = q < USED ? expf(score[i][q] - most) : 0;
        lane sum = {0};
        if (i == 0) {
            sum = factor[TAGGER_OUTSIDE];
        } else {
            for (int a = 0; a < USED; a++) sum += factor[a] * forward[i - 1][a];
        }
        sum *= gain[i];
        float total = 0;
        for (int q = 0; q < USED; q++) total += sum[q];
        forward[i] = sum / (total + 1e-30F);
    }
    for (uint32_t i = count; i-- > 0;) {
        lane sum;
        if (i + 1 == count) {
            for (int q = 0; q < L; q++) sum[q] = q < USED && tagger_may_end((uint32_t)q) ? 1 : 0;
        } else {
            lane ahead = gain[i + 1] * backward[i + 1];
            for (int a = 0; a < L; a++) {
                float total = 0;
                lane each = factor[a] * ahead;
                for (int q = 0; q < L; q++) total += each[q];
                sum[a] = total;
            }
        }
        float total = 0;
        for (int q = 0; q < USED; q++) total += sum[q];
        backward[i] = sum / (total + 1e-30F);
        lane both = forward[i] * backward[i];
        total = 0;
        for (int q = 0; q < USED; q++) total += both[q];
        p[i] = both / (total + 1e-30F);
        loss -= log((double)p[i][labels[i]] + 1e-9);
        if (i + 1 == count) continue;
        lane ahead = gain[i + 1] * backward[i + 1];
        float pair[L][L], whole = 0;
        for (int a = 0; a < USED; a++) {
            lane each = factor[a] * ahead * forward[i][a];
            memcpy(pair[a], &each, sizeof each);
            for (int q = 0; q < USED; q++) whole += each[q];
        }
        for (int a = 0; a < USED; a++) {
            for (int q = 0; q < USED; q++) pairs[a][q] += pair[a][q] / (whole + 1e-30F);
        }
        pairs[labels[i]][labels[i + 1]] -= 1;
    }
    return loss;
}

static double learn(const struct tagger_tokens *t, const uint8_t *labels, float weight) {
    static lane p[TAGGER_TOKENS_MAX];
    float pairs[L][L] = {{0}};
    rows_of(t);
    scores_of(t, lambda);
    double loss = posteriors(t->count, labels, p, pairs);
    for (uint32_t i = 0; i < t->count; i++) {
        lane g = p[i];
        g[labels[i]] -= 1;
        if (g[labels[i]] > -0.003F) continue;
        g *= weight;
        for (uint32_t k = 0; k < token_row_count[i]; k++) {
            size_t row = (size_t)token_rows[i][k] * 2 * L;
            update(z + row, g, weight_of(z + row, lambda));
        }
    }
    for (int a = 0; a < USED; a++) {
        lane g, w = weight_of(step_z[a][0], 0);
        memcpy(&g, pairs[a], sizeof g);
        update(step_z[a][0], g * weight, w);
        w = weight_of(step_z[a][0], 0);
        memcpy(step[a], &w, sizeof w);
    }
    return loss;
}

// ---- passes over all examples -------------------------------------------------------------------

static double pass(const struct example *list, size_t count, const uint32_t *order,
                   double (*each)(const struct tagger_tokens *, const uint8_t *, float)) {
    static struct tagger_tokens tokens;
    double sum = 0;
    for (size_t k = 0; k < count; k++) {
        const struct example *example = &list[order ? order[k] : k];
        struct span spans[256];
        size_t found = spans_of(example, spans, 256);
        struct str text = {example->text, example->size};
        for (size_t at = 0; at < text.size;) {
            uint8_t labels[TAGGER_TOKENS_MAX];
            at = tagger_tokens_next(&tables, text, at, &tokens);
            labels_of(&tokens, spans, found, labels);
            sum += each(&tokens, labels, (float)example->weight / 16);
        }
    }
    return sum;
}

static double count_grams(const struct tagger_tokens *t, const uint8_t *labels, float weight) {
    (void)labels, (void)weight;
    for (size_t j = TAGGER_EDGE - 3; j < t->count + TAGGER_EDGE + 3; j++) {
        uint32_t keys[TAGGER_GRAMS];
        tagger_grams(t, j, keys);
        for (size_t g = 0; g < TAGGER_GRAMS; g++) {
            if (key_count[keys[g]] < 255) key_count[keys[g]]++;
            keys_known[keys[g]].slots |= slots_of(g);
        }
    }
    return t->count;
}

static void index_make(void) {
    double tokens = pass(examples, example_count, NULL, count_grams);
    size_t keys = 0;
    for (size_t k = 0; k < KEYS; k++) {
        if (key_count[k] < least_count) keys_known[k].slots = 0;
        keys_known[k].base = (uint32_t)rows;
        rows += (size_t)__builtin_popcount(keys_known[k].slots);
        keys += keys_known[k].slots != 0;
    }
    fprintf(stderr, "%zu sentences, %.0f tokens, %zu keys, %zu rows\n", example_count, tokens, keys,
            rows);
    z = big(rows * 2 * L * sizeof *z);
}

// ---- measuring ---------------------------------------------------------------------------------

static long hit[4], told[4], true_ones[4];

static void decode(uint32_t count, uint8_t *labels) {
    static float best[TAGGER_TOKENS_MAX][L];
    static uint8_t from[TAGGER_TOKENS_MAX][L];
    for (uint32_t i = 0; i < count; i++) {
        for (int q = 0; q < USED; q++) {
            best[i][q] = -1e30F;
            for (int a = 0; a < USED; a++) {
                if ((i == 0 && a != TAGGER_OUTSIDE) ||
                    !tagger_may_follow((uint32_t)a, (uint32_t)q)) {
                    continue;
                }
                float sum = (i ? best[i - 1][a] : 0) + step[a][q];
                if (sum > best[i][q]) {
                    best[i][q] = sum;
                    from[i][q] = (uint8_t)a;
                }
            }
            best[i][q] += score[i][q];
        }
    }
    int last = TAGGER_OUTSIDE;
    for (int q = 0; q < USED; q++) {
        if (tagger_may_end((uint32_t)q) && best[count - 1][q] > best[count - 1][last]) last = q;
    }
    for (uint32_t i = count; i-- > 0;) {
        labels[i] = (uint8_t)last;
        last = from[i][last];
    }
}

static double measure(const struct tagger_tokens *t, const uint8_t *labels, float weight) {
    (void)weight;
    uint8_t guess[TAGGER_TOKENS_MAX];
    rows_of(t);
    scores_of(t, lambda);
    decode(t->count, guess);
    for (int side = 0; side < 2; side++) {
        const uint8_t *a = side ? guess : labels, *b = side ? labels : guess;
        for (uint32_t i = 0; i < t->count;) {
            uint32_t end = i + 1;
            if (a[i] != TAGGER_OUTSIDE) {
                while (end < t->count && !tagger_may_end(a[end - 1])) end++;
                int kind = (a[i] - 1) / 4;
                (side ? told : true_ones)[kind]++;
                bool same = memcmp(a + i, b + i, end - i) == 0;
                if (!side) hit[kind] += same;
            }
            i = end;
        }
    }
    return 0;
}

static void report(char *name) {
    struct example *kept = examples;
    size_t kept_count = example_count, kept_room = example_room;
    examples = NULL;
    example_count = example_room = 0;
    examples_read(name);
    memset(hit, 0, sizeof hit);
    memset(told, 0, sizeof told);
    memset(true_ones, 0, sizeof true_ones);
    pass(examples, example_count, NULL, measure);
    for (int k = 0; k < 3; k++) {
        hit[3] += hit[k];
        told[3] += told[k];
        true_ones[3] += true_ones[k];
    }
    static const char *const names[4] = {"PER", "LOC", "ORG", "all"};
    for (int k = 0; k < 4; k++) {
        double precision = (double)hit[k] / ((double)told[k] + 1e-9);
        double recall = (double)hit[k] / ((double)true_ones[k] + 1e-9);
        fprintf(stderr, "  %s P %.4f R %.4f F %.4f", names[k], precision, recall,
                2 * precision * recall / (precision + recall + 1e-9));
    }
    fprintf(stderr, "\n");
    free(examples);
    examples = kept;
    example_count = kept_count;
    example_room = kept_room;
}

// ---- writing -----------------------------------------------------------------------------------

struct bytes {
    uint8_t *data;
    size_t size, room;
};
static void put(struct bytes *out, uint32_t byte) {
    if (out->size == out->room) {
        out->room = out->room * 2 + 4096;
        out->data = realloc(out->data, out->room);
    }
    out->data[out->size++] = (uint8_t)byte;
}
static void put_number(struct bytes *out, uint32_t value) {
    for (; value >= 128; value >>= 7) put(out, value | 128);
    put(out, value);
}
static void put_32(struct bytes *out, uint32_t value) {
    for (int k = 0; k < 4; k++) put(out, value >> 8 * k & 255);
}

static int rounded(float w, double scale) {
    double value = w * scale;
    int whole = (int)(value < 0 ? value - 0.5 : value + 0.5);
    if (abs(whole) < least_weight) return 0;
    return whole > 127 ? 127 : whole < -127 ? -127 : whole;
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void put_tables(struct bytes *out) {
    uint32_t before = 0, count = 0;
    for (uint32_t k = 0; k < TAGGER_CODE_POINTS; k++) count += tables.id_of[k] != 0;
    put_32(out, count);
    for (uint32_t k = 0; k < TAGGER_CODE_POINTS; k++) {
        if (tables.id_of[k] == 0) continue;
        put_number(out, k - before);
        put_number(out, tables.id_of[k]);
        before = k;
    }
    for (uint32_t k = 0; k < TAGGER_IDS_MAX; k++) put(out, tables.class_of[k]);
    for (uint32_t k = 0; k < TAGGER_IDS_MAX; k++) put(out, tables.name_of[k]);
    uint32_t *words = malloc((tables.words_mask + 1) * 4), filled = 0;
    for (uint32_t k = 0; k <= tables.words_mask; k++) {
        if (tables.words[k]) words[filled++] = tables.words[k];
    }
    qsort(words, filled, 4, compare);
    put_32(out, filled);
    for (uint32_t k = 0; k < filled; k++) {
        put_number(out, (words[k] >> 8) - (k ? words[k - 1] >> 8 : 0));
    }
    for (uint32_t k = 0; k < filled; k++) put(out, words[k] & 255);
}

// Four streams, so that like stands beside like: gaps between keys, slots, labels, weights.
static void put_weights(struct bytes *out, double scale) {
    struct bytes part[5] = {{0}};
    uint32_t before = 0, keys = 0, row_count = 0;
    for (uint32_t k = 0; k < KEYS; k++) {
        uint32_t slots = 0, row = keys_known[k].base;
        for (uint32_t left = keys_known[k].slots; left; left &= left - 1, row++) {
            lane w = weight_of(z + (size_t)row * 2 * L, lambda);
            uint32_t labels = 0;
            int values[L];
            for (int q = 0; q < USED; q++) {
                values[q] = rounded(w[q], scale);
                if (values[q]) labels |= 1u << q;
            }
            if (!labels) continue;
            slots |= left & -left;
            row_count++;
            put(&part[2], labels & 255);
            put(&part[3], labels >> 8);
            for (int q = 0; q < USED; q++) {
                if (values[q]) put(&part[4], (uint32_t)values[q]);
            }
        }
        if (!slots) continue;
        keys++;
        put_number(&part[0], k - before);
        put(&part[1], slots);
        before = k;
    }
    put_32(out, keys);
    put_32(out, row_count);
    put_32(out, (uint32_t)part[4].size);
    for (int p = 0; p < 5; p++) {
        put_32(out, (uint32_t)part[p].size);
        for (size_t k = 0; k < part[p].size; k++) put(out, part[p].data[k]);
    }
    for (int a = 0; a < L; a++) {
        for (int b = 0; b < L; b++) {
            put_32(out, (uint32_t)(int32_t)lrint((double)step[a][b] * scale));
        }
    }
    fprintf(stderr, "%u keys, %u rows, %zu weights\n", keys, row_count, part[4].size);
}

static void write_file(const char *header, const char *path, double scale) {
    struct bytes out = {0};
    put_32(&out, TAGGER_FORMAT);
    put_32(&out, (uint32_t)scale);
    put_tables(&out);
    put_weights(&out, scale);
    size_t size, bound = ZSTD_compressBound(out.size);
    char *text = file_read(header, &size), *packed = malloc(bound);
    size_t packed_size = ZSTD_compress(packed, bound, out.data, out.size, 19);
    FILE *file = fopen(path, "wb");
    if (!file) stop(path);
    fprintf(file, "%s\n%zu %zu\n", text, out.size, packed_size);
    fwrite(packed, 1, packed_size, file);
    fclose(file);
    fprintf(stderr, "%s: %zu bytes, unpacked %zu\n", path, packed_size + size, out.size);
}

int main(int count, char **arguments) {
    if (count < 8) stop("usage: train TABLES HEADER OUT EPOCHS LAMBDA SCALE FILE… [-- HELD_OUT…]");
    size_t size;
    tables_read(file_read(arguments[1], &size));
    int epochs = atoi(arguments[4]), at = 7;
    lambda = strtof(arguments[5], NULL);
    if (getenv("TRAIN_ALPHA")) alpha = strtof(getenv("TRAIN_ALPHA"), NULL);
    if (getenv("TRAIN_LEAST")) least_count = atoi(getenv("TRAIN_LEAST"));
    if (getenv("TRAIN_ROUND")) least_weight = atoi(getenv("TRAIN_ROUND"));
    for (; at < count && strcmp(arguments[at], "--") != 0; at++) examples_read(arguments[at]);
    key_count = calloc(KEYS, 1);
    keys_known = big(KEYS * sizeof *keys_known);
    index_make();
    uint32_t *order = malloc(example_count * 4);
    for (size_t k = 0; k < example_count; k++) order[k] = (uint32_t)k;
    uint64_t seed = 1;
    for (int epoch = 0; epoch < epochs; epoch++) {
        for (size_t k = example_count - 1; k > 0; k--) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            size_t other = (size_t)(seed >> 33) % (k + 1);
            uint32_t kept = order[k];
            order[k] = order[other];
            order[other] = kept;
        }
        double loss = pass(examples, example_count, order, learn);
        fprintf(stderr, "epoch %d loss %.0f\n", epoch + 1, loss);
        if (epoch + 1 != epochs && !getenv("TRAIN_WATCH")) continue;
        for (int k = at + 1; k < count; k++) report(arguments[k]);
    }
    write_file(arguments[2], arguments[3], strtod(arguments[6], NULL));
    return 0;
}
