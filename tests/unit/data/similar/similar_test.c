// Near duplicates: kernels against plain C, the exact index against sets of substrings, what is
// found at which similarity, no chains, the scratch file.
#include "data/similar/similar_private.h"

#include "base/text.h"
#include "check.h"
#include "data/similar/spool_private.h"
#include "support/scratch.h"

static void kernels_give_the_same_bits(void) {
    enum { COUNT = 777 };
    static uint64_t hashes[COUNT];
    for (int i = 0; i < COUNT; i++) hashes[i] = check_random();
    minima_kernel *best = minima_best();
    for (size_t count = 0; count <= COUNT; count += 37) {
        uint32_t want[SIMILAR_PERMUTATIONS], got[SIMILAR_PERMUTATIONS];
        minima_reference(hashes, count, want);
        best(hashes, count, got);
        CHECK_BYTES(got, sizeof got, want, sizeof want);
#if defined(__x86_64__)
        if (__builtin_cpu_supports("avx2")) minima_avx2(hashes, count, got);
        CHECK_BYTES(got, sizeof got, want, sizeof want);
#endif
    }
    for (int i = 0; i < SIMILAR_PERMUTATIONS; i++) CHECK(permutations.factor[i] & 1);
}

static const char *units_of(const char *text, enum similar_unit unit) {
    static char out[1024];
    struct buf units;
    buf_open(&units, sizeof out);
    bool words = units_write(str_of(text), unit, &units);
    snprintf(out, sizeof out, "%s%.*s", words ? "words:" : "", STR_ARG(buf_str(&units)));
    buf_close(&units);
    return out;
}

static void units_are_letters_and_digits(void) {
    CHECK_STR(units_of("患者 Ａ１，“头痛”3天。\n", SIMILAR_AUTO), "患者a1头痛3天");
    CHECK_STR(units_of("The Quick—brown fox, 42!", SIMILAR_AUTO), "words:the quick brown fox 42");
    CHECK_STR(units_of("The Quick", SIMILAR_CHARACTERS), "thequick");
    CHECK_STR(units_of("使用 the model", SIMILAR_AUTO), "使用themodel");
    CHECK_STR(units_of(" …！", SIMILAR_AUTO), "");
    CHECK_STR(units_of("\xFF𠀀É", SIMILAR_AUTO), "𠀀é");
}

// ---- against sets of substrings -----------------------------------------------------------------

enum { TEXT_MAX = 2000 };

// A random text of `size` characters that look like Chinese; frequent ones are frequent.
static size_t make_text(uint32_t *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        double u = check_uniform();
        out[i] = 0x4E00 + (uint32_t)(u * u * u * 3000);
    }
    return size;
}

static struct str spell(const uint32_t *characters, size_t size, char *out) {
    size_t bytes = 0;
    for (size_t i = 0; i < size; i++) bytes += utf8_put(out + bytes, characters[i]);
    return (struct str){out, bytes};
}

// One of three: another character, one more, one less.
static size_t edit(uint32_t *text, size_t size, size_t at) {
    uint64_t kind = check_below(3);
    if (kind == 0) {
        text[at] = 0x4E00 + (uint32_t)check_below(3000);
    } else if (kind == 1) {
        memmove(text + at + 1, text + at, (size - at) * sizeof *text);
        text[at] = 0x4E00 + (uint32_t)check_below(3000);
        size++;
    } else {
        memmove(text + at, text + at + 1, (size - at - 1) * sizeof *text);
        size--;
    }
    return size;
}

static bool has_piece(const uint32_t *text, size_t size, const uint32_t *piece, size_t n) {
    for (size_t i = 0; i + n <= size; i++) {
        if (memcmp(text + i, piece, n * sizeof *text) == 0) return true;
    }
    return false;
}

static double plain_jaccard(const uint32_t *a, size_t a_size, const uint32_t *b, size_t b_size) {
    size_t n = SIMILAR_SHINGLE, both = 0, all = 0;
    for (size_t i = 0; i + n <= a_size; i++) {
        if (has_piece(a, i + n - 1, a + i, n)) continue; // seen before
        all++;
        both += has_piece(b, b_size, a + i, n);
    }
    for (size_t i = 0; i + n <= b_size; i++) {
        if (has_piece(b, i + n - 1, b + i, n)) continue;
        all += !has_piece(a, a_size, b + i, n);
    }
    return (double)both / (double)all;
}

static void the_index_is_exact(void) {
    static uint32_t a[TEXT_MAX], b[TEXT_MAX];
    static char a_bytes[TEXT_MAX * 4], b_bytes[TEXT_MAX * 4];
    struct similar_maker *maker;
    REQUIRE(similar_maker_open(SIMILAR_AUTO, &maker) == OK);
    for (int round = 0; round < 150; round++) {
        size_t a_size = make_text(a, 20 + check_below(200)), b_size = a_size;
        if (round % 3 == 0) memcpy(a + a_size / 2, a, (a_size / 2) * sizeof *a); // repeats
        memcpy(b, a, a_size * sizeof *a);
        for (uint64_t edits = check_below(30); edits > 0; edits--) {
            b_size = edit(b, b_size, check_below(b_size));
        }
        double got;
        struct str one = spell(a, a_size, a_bytes), other = spell(b, b_size, b_bytes);
        if (b_size < SIMILAR_SHINGLE) continue;
        CHECK_EQ(similar_jaccard(maker, one, other, &got), OK);
        CHECK_NEAR(got, plain_jaccard(a, a_size, b, b_size), 1e-12);
    }
    double short_one;
    CHECK_EQ(similar_jaccard(maker, STR("头痛"), STR("头 痛。"), &short_one), OK);
    CHECK_NEAR(short_one, 1, 0);
    CHECK_EQ(similar_jaccard(maker, STR("头痛"), STR("头晕"), &short_one), OK);
    CHECK_NEAR(short_one, 0, 0);
    similar_maker_close(maker);
}

// ---- what is found ------------------------------------------------------------------------------

struct recall {
    unsigned pairs, found, wrong;
};

// Pairs of a text and one with `edits` edits for 100 characters; those below `jaccard` must not be
// found, the others should.
static struct recall recall_of(double jaccard, double edits_each_100, int pairs) {
    static uint32_t a[TEXT_MAX], b[TEXT_MAX];
    static char bytes[TEXT_MAX * 4];
    struct similar_maker *maker;
    struct similar_set *set;
    struct recall recall = {0};
    if (similar_maker_open(SIMILAR_AUTO, &maker) != OK) return recall;
    if (similar_open(jaccard, NULL, &set, NULL) != OK) return recall;
    for (int i = 0; i < pairs; i++) {
        size_t size = make_text(a, 300 + check_below(500)), b_size = size;
        memcpy(b, a, size * sizeof *a);
        for (size_t k = 0; k < (size_t)((double)size * edits_each_100 / 100); k++) {
            b_size = edit(b, b_size, check_below(b_size));
        }
        struct similar_text text;
        struct similar_match match;
        bool first, second;
        CHECK_EQ(similar_make(maker, spell(a, size, bytes), &text), OK);
        CHECK_EQ(similar_add(set, &text, (uint64_t)i, &first, &match), OK);
        CHECK(!first);
        CHECK_EQ(similar_make(maker, spell(b, b_size, bytes), &text), OK);
        CHECK_EQ(similar_add(set, &text, 1000000, &second, &match), OK);
        bool is = plain_jaccard(a, size, b, b_size) >= jaccard;
        recall.pairs += is;
        recall.found += is && second;
        recall.wrong += second && (!is || match.of != (uint64_t)i);
    }
    similar_close(set);
    similar_maker_close(maker);
    return recall;
}

static void finds_what_is_near(void) {
    struct recall one = recall_of(.80, 1, 400);
    CHECK_EQ(one.wrong, 0);
    CHECK(one.pairs > 390 && one.found * 1000ull >= one.pairs * 990ull);
    struct recall two = recall_of(.80, 2, 400);
    CHECK_EQ(two.wrong, 0);
    CHECK(two.pairs > 200 && two.found * 1000ull >= two.pairs * 990ull);
    struct recall wide = recall_of(.70, 3, 400);
    CHECK_EQ(wide.wrong, 0);
    CHECK(wide.pairs > 200 && wide.found * 1000ull >= wide.pairs * 970ull);
    CHECK_EQ(recall_of(.80, 9, 200).found, 0);
}

// B is near A and C near B, but C is not near A: B goes, C stays.
static void makes_no_chains(void) {
    static uint32_t a[TEXT_MAX];
    static char bytes[TEXT_MAX * 4];
    struct similar_maker *maker;
    struct similar_set *set;
    struct similar_match match = {0};
    struct similar_text text;
    bool duplicate;
    REQUIRE(similar_maker_open(SIMILAR_AUTO, &maker) == OK);
    REQUIRE(similar_open(.80, NULL, &set, NULL) == OK);
    make_text(a, 600);
    bool want[3] = {false, true, false};
    for (size_t i = 0; i < 3; i++) {
        // Windows of 520 characters, 35 further each time: J of neighbours .87, of the ends .76.
        CHECK_EQ(similar_make(maker, spell(a + 35 * i, 520, bytes), &text), OK);
        CHECK_EQ(similar_add(set, &text, i, &duplicate, &match), OK);
        CHECK_EQ(duplicate, want[i]);
    }
    CHECK_EQ(match.of, 0);
    CHECK_NEAR(match.jaccard, 481.0 / 551.0, 1e-9);
    CHECK_EQ(similar_counts_of(set).kept, 2);
    CHECK_EQ(similar_make(maker, STR(" 。"), &text), OK);
    CHECK_EQ(similar_add(set, &text, 9, &duplicate, &match), OK);
    CHECK(!duplicate);
    similar_close(set);
    similar_maker_close(maker);
}

static void spools_to_a_file(void) {
    struct spool spool;
    uint64_t offsets[300];
    char bytes[300];
    struct str read;
    REQUIRE(spool_open(&spool, scratch_folder(), 5000, NULL) == OK);
    for (size_t i = 0; i < 300; i++) {
        memset(bytes, (int)i, sizeof bytes);
        CHECK_EQ(spool_add(&spool, (struct str){bytes, i}, &offsets[i]), OK);
    }
    CHECK(spool.written > 30000 && spool.held.size <= 5000);
    for (size_t i = 299; i > 0; i--) {
        memset(bytes, (int)i, sizeof bytes);
        REQUIRE(spool_read(&spool, offsets[i], i, &read) == OK);
        CHECK_BYTES(read.data, read.size, bytes, i);
    }
    spool_close(&spool);
}

static int add_some(void *ctx) {
    (void)ctx;
    struct similar_maker *maker = NULL;
    struct similar_set *set = NULL;
    struct similar_match match;
    struct similar_text text;
    bool duplicate = false;
    bool good =
        similar_maker_open(SIMILAR_AUTO, &maker) == OK && similar_open(.8, NULL, &set, NULL) == OK;
    for (uint64_t i = 0; good && i < 2; i++) {
        good = similar_make(maker, STR("患者三天前无明显诱因出现头痛"), &text) == OK &&
               similar_add(set, &text, i, &duplicate, &match) == OK;
    }
    similar_close(set);
    similar_maker_close(maker);
    return !(good && duplicate);
}

static void survives_without_memory(void) {
    CHECK(check_faults(memory_fail_after, add_some, NULL) > 0);
}

int main(void) {
    CHECK_RUN(kernels_give_the_same_bits);
    CHECK_RUN(units_are_letters_and_digits);
    CHECK_RUN(the_index_is_exact);
    CHECK_RUN(finds_what_is_near);
    CHECK_RUN(makes_no_chains);
    CHECK_RUN(spools_to_a_file);
    CHECK_RUN(survives_without_memory);
    return check_done();
}
