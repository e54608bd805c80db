// Sketches against the exact answer: within their stated error beyond the bound, exact below it.
#include "base/memory.h"
#include "check.h"
#include "data/cleanse/sketch_private.h"

static void keys_keep_the_order(void) {
    static const double numbers[] = {-INFINITY, -1e300, -2, -1e-300, 0, 1e-300, 1, 3.5, INFINITY};
    for (size_t i = 0; i < 9; i++) {
        CHECK(number_of_key(key_of_number(numbers[i])) == numbers[i]);
        if (i > 0) CHECK(key_of_number(numbers[i - 1]) < key_of_number(numbers[i]));
    }
    CHECK_EQ(key_of_number(-0.0), key_of_number(0.0));
    CHECK(key_of_integer(INT64_MIN) < key_of_integer(-1) && key_of_integer(-1) < key_of_integer(0));
    CHECK_EQ(integer_of_key(key_of_integer(INT64_MIN)), INT64_MIN);
}

static int compare(const void *a, const void *b) {
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

static void sorts_like_the_library(void) {
    enum { MOST = 3000 };
    static uint64_t keys[MOST], wanted[MOST], scratch[MOST];
    for (int round = 0; round < 200; round++) {
        size_t count = check_below(MOST);
        unsigned bits = 1 + (unsigned)check_below(64);
        for (size_t i = 0; i < count; i++) keys[i] = wanted[i] = check_random() >> (64 - bits);
        keys_sort(keys, scratch, count);
        qsort(wanted, count, sizeof *wanted, compare);
        REQUIRE(memcmp(keys, wanted, count * sizeof *keys) == 0);
    }
}

// All kinds of order: a sketch that only works on shuffled keys would show.
static uint64_t key_at(int order, uint64_t i, uint64_t count) {
    switch (order) {
    case 0: return i;
    case 1: return count - i;
    case 2: return check_random();
    case 3: return i % 1000;
    default: return i * i;
    }
}

static void quantiles_are_near(void) {
    enum { COUNT = 1000000 };
    uint64_t *all = malloc(COUNT * sizeof *all), *scratch = malloc(COUNT * sizeof *all);
    for (int order = 0; order < 5; order++) {
        struct quantiles quantiles;
        quantiles_open(&quantiles, 10000, 4096);
        for (uint64_t i = 0; i < COUNT; i++) {
            all[i] = key_at(order, i, COUNT);
            REQUIRE(quantiles_add(&quantiles, all[i]) == OK);
        }
        keys_sort(all, scratch, COUNT);
        REQUIRE(quantiles_finish(&quantiles) == OK);
        CHECK(!quantiles.exact);
        for (int percent = 1; percent < 100; percent++) {
            uint64_t rank = (uint64_t)COUNT / 100 * (uint64_t)percent;
            uint64_t key = quantiles_at(&quantiles, rank);
            // The ranks this key has in truth.
            uint64_t low = 0, high = COUNT;
            while (low < high) {
                uint64_t middle = (low + high) / 2;
                if (all[middle] < key)
                    low = middle + 1;
                else
                    high = middle;
            }
            uint64_t first = low;
            while (low < COUNT && all[low] == key) low++;
            double off = rank < first ? (double)(first - rank)
                         : rank > low ? (double)(rank - low)
                                      : 0;
            check_that(off <= 0.003 * COUNT, __FILE__, __LINE__, "order %d, %d %%: off by %g",
                       order, percent, off);
            double below = (double)quantiles_below(&quantiles, key);
            CHECK(fabs(below - (double)first) <= 0.003 * COUNT);
        }
        // Memory stays bounded: about three times the width.
        CHECK(quantiles.sorted_count < 4 * 4096);
        quantiles_close(&quantiles);
    }
    free(all);
    free(scratch);
}

static void quantiles_are_exact_below_the_bound(void) {
    struct quantiles quantiles;
    quantiles_open(&quantiles, 1000, 64);
    for (uint64_t i = 0; i < 1000; i++) REQUIRE(quantiles_add(&quantiles, (i * 7919) % 1000) == OK);
    REQUIRE(quantiles_finish(&quantiles) == OK);
    CHECK(quantiles.exact);
    for (uint64_t i = 0; i < 1000; i++) REQUIRE(quantiles_at(&quantiles, i) == i);
    CHECK_EQ(quantiles_below(&quantiles, 10), 10);
    CHECK_EQ(quantiles_below(&quantiles, 5000), 1000);
    quantiles_close(&quantiles);
}

static void distinct_is_near(void) {
    static const uint64_t counts[] = {0, 1, 100, 20000, 200000, 3000000};
    for (int i = 0; i < 6; i++) {
        struct distinct distinct;
        REQUIRE(distinct_open(&distinct) == OK);
        for (uint64_t k = 0; k < counts[i]; k++) {
            uint64_t hash = check_random();
            distinct_add(&distinct, hash);
            distinct_add(&distinct, hash);
        }
        // Four standard errors.
        CHECK_NEAR(distinct_estimate(&distinct), (double)counts[i], 0.033 * (double)counts[i]);
        distinct_close(&distinct);
    }
}

static void values_are_counted(void) {
    struct values values;
    struct value_entry top[3];
    bool full;
    values_open(&values, 1000);
    for (uint64_t i = 0; i < 1000; i++) {
        for (uint64_t times = 0; times <= i % 10; times++) {
            REQUIRE(values_add(&values, i * 0x9E3779B97F4A7C15u, i, &full) == OK);
            REQUIRE(!full);
        }
    }
    CHECK_EQ(values.used, 1000);
    REQUIRE(values_add(&values, 12345, 7, &full) == OK);
    CHECK(full);
    CHECK_EQ(values_top(&values, top, 3), 3);
    CHECK(top[0].count == 10 && top[0].row == 9 && top[1].row == 19 && top[2].row == 29);
    CHECK_EQ(values_first(&values, top, 2), 2);
    CHECK(top[0].row == 0 && top[1].row == 1);
    // A sample keeps whole counts.
    REQUIRE(values_sample(&values, 2) == OK);
    CHECK(values.used > 150 && values.used < 350);
    for (uint64_t i = 0; i < values.room; i++) {
        struct value_entry entry = values.entries[i];
        if (entry.hash) CHECK(entry.count == entry.row % 10 + 1 && (entry.hash & 3) == 0);
    }
    values_close(&values);
}

static int use_once(void *ctx) {
    (void)ctx;
    struct quantiles quantiles;
    struct values values;
    bool full;
    quantiles_open(&quantiles, 100, 16);
    values_open(&values, 1000);
    enum err err = OK;
    for (uint64_t i = 0; i < 3000 && err == OK; i++) err = quantiles_add(&quantiles, i);
    for (uint64_t i = 0; i < 500 && err == OK; i++) {
        err = values_add(&values, i << 40 | 5, i, &full);
    }
    if (err == OK) err = quantiles_finish(&quantiles);
    quantiles_close(&quantiles);
    values_close(&values);
    return err != OK;
}

static void survives_want_of_memory(void) {
    CHECK(check_faults(memory_fail_after, use_once, NULL) > 5);
}

int main(void) {
    CHECK_RUN(keys_keep_the_order);
    CHECK_RUN(sorts_like_the_library);
    CHECK_RUN(quantiles_are_near);
    CHECK_RUN(quantiles_are_exact_below_the_bound);
    CHECK_RUN(distinct_is_near);
    CHECK_RUN(values_are_counted);
    CHECK_RUN(survives_want_of_memory);
    return check_done();
}
