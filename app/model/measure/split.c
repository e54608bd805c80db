// Splits rows by group and stratum: groups are found by sorting their mixed keys, walked in that
// (random) order, and each is given to the side that still lacks rows of its stratum.

#include "model/measure/measure.h"

#include <stdlib.h>

struct keyed_row {
    uint64_t key; // mixed with the seed: its order is the random order of the groups
    uint32_t stratum;
    uint32_t row;
};

static int compare_keyed(const void *a, const void *b) {
    const struct keyed_row *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

// LSD radix sort of 8-bit digits on `key`; stable, so that rows of a group keep their order.
static void sort_keyed(struct keyed_row *rows, struct keyed_row *scratch, uint64_t count) {
    if (count < 4096) {
        qsort(rows, count, sizeof(*rows), compare_keyed);
        return;
    }
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint64_t start[257] = {0};
        for (uint64_t i = 0; i < count; i++) start[(rows[i].key >> shift & 255) + 1]++;
        for (unsigned d = 0; d < 256; d++) start[d + 1] += start[d];
        for (uint64_t i = 0; i < count; i++) {
            scratch[start[rows[i].key >> shift & 255]++] = rows[i];
        }
        struct keyed_row *swap = rows;
        rows = scratch;
        scratch = swap;
    }
}

// Rows of each stratum: how many each side should get and has got.
struct quota {
    uint64_t want_test, want_validate;
    uint64_t got_test, got_validate;
};

// A group goes to a side when at least half of it still fits; a big group never swallows a side
// that lacks few rows, and the expected shares stay right.
static uint8_t side_for(struct quota *quota, uint64_t size) {
    if (quota->got_test + (size + 1) / 2 <= quota->want_test) {
        quota->got_test += size;
        return SIDE_TEST;
    }
    if (quota->got_validate + (size + 1) / 2 <= quota->want_validate) {
        quota->got_validate += size;
        return SIDE_VALIDATE;
    }
    return SIDE_TRAIN;
}

static void assign(const struct keyed_row *sorted, uint64_t rows, struct quota *quotas,
                   uint8_t *side) {
    for (uint64_t i = 0; i < rows;) {
        uint64_t end = i + 1;
        while (end < rows && sorted[end].key == sorted[i].key) end++;
        uint8_t given = side_for(&quotas[sorted[i].stratum], end - i);
        for (; i < end; i++) side[sorted[i].row] = given;
    }
}

static uint32_t stratum_count(const uint32_t *stratum, uint64_t rows) {
    uint32_t count = 1;
    for (uint64_t i = 0; stratum && i < rows; i++) {
        if (stratum[i] >= count) count = stratum[i] + 1;
    }
    return count;
}

// Quotas count rows by the stratum of their group's first row, the way they are given out.
static void set_quotas(const struct keyed_row *sorted, uint64_t rows, uint32_t test_milli,
                       uint32_t validate_milli, struct quota *quotas, uint32_t count) {
    for (uint64_t i = 0; i < rows;) {
        uint64_t first = i;
        while (i < rows && sorted[i].key == sorted[first].key) i++;
        quotas[sorted[first].stratum].want_test += i - first;
    }
    for (uint32_t s = 0; s < count; s++) {
        uint64_t total = quotas[s].want_test;
        quotas[s].want_test = (total * test_milli + 500) / 1000;
        quotas[s].want_validate = (total * validate_milli + 500) / 1000;
    }
}

// A group goes to the fold with the fewest rows of its stratum so far; of several, to the one with
// the fewest rows.
static uint32_t emptiest(const uint64_t *of_stratum, const uint64_t *total, uint32_t folds) {
    uint32_t best = 0;
    for (uint32_t k = 1; k < folds; k++) {
        bool fewer = of_stratum[k] < of_stratum[best];
        if (fewer || (of_stratum[k] == of_stratum[best] && total[k] < total[best])) best = k;
    }
    return best;
}

static void deal(const struct keyed_row *sorted, uint64_t rows, uint32_t folds, uint64_t *filled,
                 uint32_t *fold) {
    uint64_t *total = filled; // (folds), then (strata, folds)
    for (uint64_t i = 0; i < rows;) {
        uint64_t first = i;
        uint64_t *of_stratum = filled + (size_t)(sorted[i].stratum + 1) * folds;
        uint32_t given = emptiest(of_stratum, total, folds);
        for (; i < rows && sorted[i].key == sorted[first].key; i++) fold[sorted[i].row] = given;
        of_stratum[given] += i - first;
        total[given] += i - first;
    }
}

static void key_rows(const uint64_t *group, const uint32_t *stratum, uint64_t rows, uint64_t seed,
                     struct keyed_row *sorted) {
    uint64_t salt = seed_mix(seed + 0x9E3779B97F4A7C15u);
    for (uint64_t i = 0; i < rows; i++) {
        sorted[i] = (struct keyed_row){.key = seed_mix(group[i] ^ salt),
                                       .stratum = stratum ? stratum[i] : 0,
                                       .row = (uint32_t)i};
    }
    sort_keyed(sorted, sorted + rows, rows);
}

enum err split_folds(const uint64_t *group, const uint32_t *stratum, uint64_t rows, uint32_t folds,
                     uint64_t seed, uint32_t *fold) {
    cy_assert(folds >= 2);
    if (rows > UINT32_MAX) return ERR_LIMIT;
    uint32_t strata = stratum_count(stratum, rows);
    if (strata > 1u << 20) return ERR_LIMIT;
    struct keyed_row *sorted = memory_take(2 * rows * sizeof(*sorted) + 1);
    uint64_t *filled = memory_take(((size_t)strata + 1) * folds * sizeof(*filled));
    enum err err = sorted && filled ? OK : ERR_MEMORY;
    if (err == OK) {
        key_rows(group, stratum, rows, seed, sorted);
        deal(sorted, rows, folds, filled, fold);
    }
    memory_give(filled);
    memory_give(sorted);
    return err;
}

enum err split_groups(const uint64_t *group, const uint32_t *stratum, uint64_t rows,
                      uint32_t test_milli, uint32_t validate_milli, uint64_t seed, uint8_t *side) {
    if (rows > UINT32_MAX) return ERR_LIMIT;
    if ((uint64_t)test_milli + validate_milli >= 1000) return ERR_INPUT;
    if (rows == 0) return OK;
    uint32_t strata = stratum_count(stratum, rows);
    if (strata > 1u << 20) return ERR_LIMIT;
    enum err err = ERR_MEMORY;
    struct keyed_row *sorted = memory_take(2 * rows * sizeof(*sorted));
    struct quota *quotas = memory_take(strata * sizeof(*quotas));
    if (!sorted || !quotas) goto done;
    key_rows(group, stratum, rows, seed, sorted);
    set_quotas(sorted, rows, test_milli, validate_milli, quotas, strata);
    assign(sorted, rows, quotas, side);
    err = OK;
done:
    memory_give(quotas);
    memory_give(sorted);
    return err;
}
