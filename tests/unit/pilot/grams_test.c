// Grams: what pieces a text has, what is folded, and that hashes never change.
#include <math.h>

#include "check.h"
#include "pilot/grams.h"

static struct arena *arena;

static uint32_t grams(const char *text, struct gram **out) {
    uint32_t count = 0;
    arena_reset(arena);
    CHECK_EQ(grams_of(str_of(text), 1 << 20, arena, out, &count), OK);
    return count;
}

static bool same(const char *a, const char *b) {
    struct gram *x, *y, kept[256];
    uint32_t count = grams(a, &x);
    if (count > 256) return false;
    memcpy(kept, x, count * sizeof kept[0]);
    return grams(b, &y) == count && memcmp(kept, y, count * sizeof kept[0]) == 0;
}

static void pieces(void) {
    struct gram *out;
    CHECK_EQ(grams("", &out), 0);
    CHECK_EQ(grams(" ，。!", &out), 0);
    CHECK_EQ(grams("路", &out), 1);
    CHECK_EQ(grams("路灯坏", &out), 6);   // 3 + 2 + 1
    CHECK_EQ(grams("路灯，坏", &out), 4); // a sign parts: 3 + 1
    CHECK_EQ(grams("dog", &out), 1);
    CHECK_EQ(grams("dogs", &out), 3); // the word, "dog", "ogs"
    CHECK_EQ(grams("路dog灯", &out), 3);
    double square = 0;
    uint32_t count = grams("坏 坏 灯", &out); // "坏" twice
    REQUIRE(count == 2);
    for (uint32_t i = 0; i < count; i++) square += (double)out[i].weight * (double)out[i].weight;
    CHECK_NEAR(square, 1, 1e-6);
    double ratio =
        (double)fmaxf(out[0].weight, out[1].weight) / (double)fminf(out[0].weight, out[1].weight);
    CHECK_NEAR(ratio, 1 + log(2), 1e-6);
    CHECK(out[0].bucket < out[1].bucket);
}

static void folding(void) {
    CHECK(same("ＡＢＣ大街", "abc大街"));
    CHECK(same("12号", "34号"));
    CHECK(!same("1号", "12号"));
    CHECK(!same("路灯", "灯路"));
    CHECK(same("a　b", "a b"));
}

// Models keep weights by bucket: these may never change.
static void hashes_stay(void) {
    struct gram *out;
    REQUIRE(grams("路灯", &out) == 3);
    static const uint32_t want[] = {357257, 872897, 990440};
    for (int i = 0; i < 3; i++) CHECK_EQ(out[i].bucket, want[i]);
}

static void long_and_cut_texts(void) {
    static char text[200 * 1024];
    uint32_t count = 0;
    struct gram *out;
    for (size_t i = 0; i + 3 <= sizeof text; i += 3) memcpy(text + i, "灯", 3);
    arena_reset(arena);
    CHECK_EQ(grams_of((struct str){text, sizeof text - 1}, 1024, arena, &out, &count), OK);
    CHECK(count >= 1 && count <= 3);
    CHECK_EQ(grams_of(STR("路\xE7\x81"), 1024, arena, &out, &count), OK); // cut in a character
    CHECK_EQ(count, 1);
}

int main(void) {
    if (arena_open(64 << 20, &arena) != OK) return 1;
    CHECK_RUN(pieces);
    CHECK_RUN(folding);
    CHECK_RUN(hashes_stay);
    CHECK_RUN(long_and_cut_texts);
    arena_close(arena);
    return check_done();
}
