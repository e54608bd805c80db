// Patterns: what they match, what is wrong with them and where, against a plain matcher that works
// on the tree by sets of ends, and in time linear in the text.
#include "check.h"
#include "data/match/match.h"

static struct arena *arena;

// All matches of a pattern as "[match][match]", or the fault as "code@column".
static const char *found(const char *pattern_text, unsigned flags, const char *text) {
    static char out[4096];
    struct pattern *pattern;
    struct fault fault = {0};
    enum err err = pattern_open(str_of(pattern_text), flags, &pattern, &fault);
    if (err != OK) {
        snprintf(out, sizeof out, "%s@%llu", fault.code, (unsigned long long)fault.column);
        return out;
    }
    struct pattern_scanner *scanner;
    struct match matches[64];
    size_t count = 0, used = 0;
    arena_reset(arena);
    CHECK_EQ(pattern_scanner_open(pattern, arena, &scanner), OK);
    CHECK_EQ(pattern_scan(scanner, str_of(text), matches, 64, &count), OK);
    out[0] = '\0';
    for (size_t i = 0; i < count && i < 64; i++) {
        used += (size_t)snprintf(out + used, sizeof out - used, "[%.*s]", (int)matches[i].size,
                                 text + matches[i].start);
    }
    pattern_close(pattern);
    return out;
}

static bool tests(const char *pattern_text, unsigned flags, const char *text) {
    struct pattern *pattern;
    struct pattern_scanner *scanner;
    bool is = false;
    if (!CHECK_EQ(pattern_open(str_of(pattern_text), flags, &pattern, NULL), OK)) return false;
    arena_reset(arena);
    CHECK_EQ(pattern_scanner_open(pattern, arena, &scanner), OK);
    CHECK_EQ(pattern_test(scanner, str_of(text), &is), OK);
    pattern_close(pattern);
    return is;
}

static void finds_what_is_meant(void) {
    CHECK_STR(found("住院号\\d{8,10}", 0, "患者住院号1234567890，住院号123。住院号12345678901"),
              "[住院号1234567890][住院号1234567890]");
    CHECK_STR(found("住院号[:：]?\\s*[A-Z]?\\d+", 0, "住院号： A00123；住院号77"),
              "[住院号： A00123][住院号77]");
    CHECK_STR(found("\\d+", 0, "第１２３床34"), "[１２３][34]");
    CHECK_STR(found("(北京|北京市)(协和)?医院", 0, "北京医院北京市协和医院"),
              "[北京医院][北京市协和医院]");
    CHECK_STR(found("a|ab|abc", 0, "abcab"), "[abc][ab]");
    CHECK_STR(found("[^，。]+", 0, "一二，三。四"), "[一二][三][四]");
    CHECK_STR(found("[一-龥\\-]{2}", 0, "一-二三"), "[一-][二三]");
    CHECK_STR(found("\\p{Han}+", 0, "abc𠀀中文x"), "[𠀀中文]");
    CHECK_STR(found("\\u4e2d\\x41\\u{20000}", 0, "中A𠀀"), "[中A𠀀]");
    CHECK_STR(found(".", 0, "\n中"), "[中]");
    CHECK_STR(found("[]a]+", 0, "]a]"), "[]a]]");
    CHECK_STR(found("(?i)abc１", 0, "ABC1 ａｂＣ１"), "[ABC1][ａｂＣ１]");
    CHECK_STR(found("\\D", 0, "1二"), "[二]");
    CHECK_STR(found("\\w+", 0, "张_3，é"), "[张_3][é]");
}

static void knows_the_ends(void) {
    CHECK_STR(found("^a|b$", 0, "aab"), "[a][b]");
    CHECK_STR(found("(^|,)a", 0, "a,a,ba"), "[a][,a]");
    CHECK_STR(found("^a+$", 0, "aaa"), "[aaa]");
    CHECK_STR(found("^a+$", 0, "aab"), "");
    CHECK_STR(found("a*", 0, "baab"), "[aa]");
    CHECK_STR(found("^$", 0, ""), "");
    CHECK_STR(found("[AB]\\d{2}", PATTERN_WHOLE, "A12"), "[A12]");
    CHECK_STR(found("[AB]\\d{2}", PATTERN_WHOLE, "A123"), "");
    CHECK(tests("\\d{2}|\\d{4}", PATTERN_WHOLE, "1234"));
    CHECK(!tests("\\d{2}|\\d{4}", PATTERN_WHOLE, "123"));
    CHECK(tests("\\d*", PATTERN_WHOLE, ""));
    CHECK(!tests("\\d+", PATTERN_WHOLE, ""));
    CHECK(tests("x?", 0, "abc"));
    CHECK(tests("c$", 0, "abc"));
    CHECK(!tests("d", 0, "abc"));
}

static void says_what_is_wrong(void) {
    CHECK_STR(found("", 0, ""), "pattern.empty@1");
    CHECK_STR(found("住(院", 0, ""), "pattern.unclosed_group@2");
    CHECK_STR(found("住院)", 0, ""), "pattern.stray_close@3");
    CHECK_STR(found("[a-", 0, ""), "pattern.unclosed_class@1");
    CHECK_STR(found("[z-a]", 0, ""), "pattern.bad_range@2");
    CHECK_STR(found("[\\d-a]", 0, "-"), "[-]");
    CHECK_STR(found("a{3,2}", 0, ""), "pattern.bad_repeat@2");
    CHECK_STR(found("a{501}", 0, ""), "pattern.bad_repeat@2");
    CHECK_STR(found("a{", 0, ""), "pattern.bad_repeat@2");
    CHECK_STR(found("|*", 0, ""), "pattern.nothing_to_repeat@2");
    CHECK_STR(found("a**", 0, ""), "pattern.nothing_to_repeat@3");
    CHECK_STR(found("^*", 0, ""), "pattern.nothing_to_repeat@3");
    CHECK_STR(found("(a)\\1", 0, ""), "pattern.no_backreference@4");
    CHECK_STR(found("\\bx", 0, ""), "pattern.no_word_border@1");
    CHECK_STR(found("(?=a)", 0, ""), "pattern.no_look@1");
    CHECK_STR(found("a+?", 0, ""), "pattern.no_lazy@3");
    CHECK_STR(found("\\q", 0, ""), "pattern.bad_escape@1");
    CHECK_STR(found("\\", 0, ""), "pattern.bad_escape@1");
    CHECK_STR(found("a\\u{110000}", 0, ""), "pattern.bad_escape@2");
    CHECK_STR(found("\xFF", 0, ""), "pattern.not_text@0");
    CHECK_STR(found("(a{100}){100}", 0, ""), "pattern.too_large@0");
    CHECK_STR(found("(((){500}){500}){500}", 0, ""), "pattern.too_large@0");
    char deep[256];
    memset(deep, '(', 200);
    deep[200] = '\0';
    CHECK_STR(found(deep, 0, ""), "pattern.too_deep@51");
}

// ---- against a plain matcher --------------------------------------------------------------------

enum { TEXT_MAX = 3000 };
struct tree {
    enum { LETTER, ANY_OF, FRONT, BACK, CHAIN, EITHER, REPEAT } kind;
    unsigned letters; // bits of "ab中,"
    int least, most;  // most -1: any number
    struct tree *left, *right;
};
static const char *const alphabet[] = {"a", "b", "中", ","};
static struct tree trees[256];
static int tree_count;
static int text_letters[TEXT_MAX], text_size;

static struct tree *tree_random(int depth) {
    struct tree *tree = &trees[tree_count++];
    *tree = (struct tree){0};
    uint64_t pick = depth <= 0 || tree_count > 200 ? check_below(2) : check_below(10);
    if (depth > 0 && check_below(25) == 0) pick = 10 + check_below(2);
    tree->letters = 1u << check_below(4);
    if (pick == 0) return tree->kind = LETTER, tree;
    if (pick == 1) return tree->kind = ANY_OF, tree->letters |= 1u << check_below(4), tree;
    if (pick >= 10) return tree->kind = pick == 10 ? FRONT : BACK, tree;
    tree->left = tree_random(depth - 1);
    if (pick < 6) {
        tree->kind = pick < 4 ? CHAIN : EITHER;
        tree->right = tree_random(depth - 1);
        return tree;
    }
    static const int counts[][2] = {{0, -1}, {1, -1}, {0, 1}, {2, 2}, {1, 3}, {2, -1}, {0, 2}};
    const int *count = counts[check_below(7)];
    tree->kind = REPEAT;
    tree->least = count[0];
    tree->most = count[1];
    if (tree->left->kind == FRONT || tree->left->kind == BACK) tree->left->kind = LETTER;
    return tree;
}

static void tree_write(const struct tree *tree, char *out) {
    char *end = out + strlen(out);
    switch (tree->kind) {
    case LETTER: sprintf(end, "%s", alphabet[__builtin_ctz(tree->letters)]); break;
    case ANY_OF:
        strcat(out, "[");
        for (int i = 0; i < 4; i++) {
            if (tree->letters >> i & 1) strcat(out, alphabet[i]);
        }
        strcat(out, "]");
        break;
    case FRONT: strcat(out, "^"); break;
    case BACK: strcat(out, "$"); break;
    case CHAIN:
    case EITHER:
        strcat(out, "(");
        tree_write(tree->left, out);
        if (tree->kind == EITHER) strcat(out, "|");
        tree_write(tree->right, out);
        strcat(out, ")");
        break;
    case REPEAT:
        strcat(out, "(");
        tree_write(tree->left, out);
        end = out + strlen(out);
        if (tree->most < 0) {
            sprintf(end, "){%d,}", tree->least);
        } else {
            sprintf(end, "){%d,%d}", tree->least, tree->most);
        }
    }
}

typedef uint8_t ends[TEXT_MAX + 1];

// Which ends a match of `tree` that begins at one of `from` may have.
static void tree_ends(const struct tree *tree, const uint8_t *from, uint8_t *to) {
    ends now, next;
    memset(to, 0, (size_t)text_size + 1);
    switch (tree->kind) {
    case LETTER:
    case ANY_OF:
        for (int i = 0; i < text_size; i++) {
            to[i + 1] = from[i] && (tree->letters >> text_letters[i] & 1);
        }
        break;
    case FRONT: to[0] = from[0]; break;
    case BACK: to[text_size] = from[text_size]; break;
    case CHAIN:
        tree_ends(tree->left, from, now);
        tree_ends(tree->right, now, to);
        break;
    case EITHER:
        tree_ends(tree->left, from, to);
        tree_ends(tree->right, from, now);
        for (int i = 0; i <= text_size; i++) to[i] |= now[i];
        break;
    case REPEAT:
        memcpy(now, from, (size_t)text_size + 1);
        for (int round = 0;; round++) {
            bool grew = false;
            for (int i = 0; round >= tree->least && i <= text_size; i++) {
                grew |= now[i] && !to[i];
                to[i] |= now[i];
            }
            if (tree->most >= 0 ? round == tree->most : round >= tree->least && !grew) break;
            tree_ends(tree->left, now, next);
            memcpy(now, next, (size_t)text_size + 1);
        }
    }
}

static size_t plain_matches(const struct tree *tree, struct match *out) {
    size_t count = 0;
    for (int start = 0; start < text_size;) {
        ends from = {0}, to;
        from[start] = 1;
        tree_ends(tree, from, to);
        int end = text_size;
        while (end > start && !to[end]) end--;
        if (end > start) out[count++] = (struct match){(size_t)start, (size_t)(end - start)};
        start = end > start ? end : start + 1;
    }
    return count;
}

static void compare_once(int depth, int size) {
    static char pattern_text[1 << 14], text[TEXT_MAX * 3 + 1];
    static size_t starts[TEXT_MAX + 1];
    static struct match want[TEXT_MAX], got[TEXT_MAX];
    tree_count = 0;
    struct tree *tree = tree_random(depth);
    pattern_text[0] = text[0] = '\0';
    tree_write(tree, pattern_text);
    size_t bytes = 0;
    text_size = size;
    for (int i = 0; i < size; i++) {
        text_letters[i] = (int)check_below(check_below(5) ? 2 : 4);
        starts[i] = bytes;
        bytes += (size_t)sprintf(text + bytes, "%s", alphabet[text_letters[i]]);
    }
    starts[size] = bytes;
    struct pattern *pattern;
    struct pattern_scanner *scanner;
    if (pattern_open(str_of(pattern_text), 0, &pattern, NULL) != OK) return; // too large
    arena_reset(arena);
    size_t count = 0, want_count = plain_matches(tree, want);
    REQUIRE(pattern_scanner_open(pattern, arena, &scanner) == OK);
    CHECK_EQ(pattern_scan(scanner, (struct str){text, bytes}, got, TEXT_MAX, &count), OK);
    bool same = count == want_count;
    for (size_t i = 0; same && i < count; i++) {
        same = got[i].start == starts[want[i].start] &&
               got[i].start + got[i].size == starts[want[i].start + want[i].size];
    }
    if (!CHECK(same)) {
        fprintf(stderr, "   pattern %s\n   text %.200s\n", pattern_text, text);
    }
    pattern_close(pattern);
}

static void agrees_with_a_plain_matcher(void) {
    for (int i = 0; i < 6000 && !check.wrong; i++) compare_once(4, (int)check_below(30));
    // Long enough for several blocks.
    for (int i = 0; i < 25 && !check.wrong; i++) compare_once(2, 1200 + (int)check_below(400));
}

static void takes_long_texts_apart_alike(void) {
    // The same words far apart, over the borders of blocks.
    enum { SIZE = 10000 };
    static char text[SIZE * 3 + 64];
    for (int shift = 0; shift < 1030; shift += 7) {
        size_t at = (size_t)shift;
        memset(text, ' ', sizeof text);
        for (int i = 0; i < 9; i++, at += 1021) memcpy(text + at, "住院号１２３45", 20);
        struct pattern *pattern;
        struct pattern_scanner *scanner;
        struct match matches[16];
        size_t count = 0;
        arena_reset(arena);
        REQUIRE(pattern_open(STR("住院号\\d{5}"), 0, &pattern, NULL) == OK);
        REQUIRE(pattern_scanner_open(pattern, arena, &scanner) == OK);
        CHECK_EQ(pattern_scan(scanner, (struct str){text, at + 1100}, matches, 16, &count), OK);
        CHECK_EQ(count, 9);
        for (size_t i = 0; i < count && i < 9; i++) {
            CHECK_EQ(matches[i].start, (size_t)shift + i * 1021);
            CHECK_EQ(matches[i].size, 20);
        }
        pattern_close(pattern);
    }
}

// Patterns that make a backtracking matcher take for ever, or "find all" quadratic.
static void is_linear(void) {
    static const char *const patterns[] = {"(a+)+b",
                                           "(a|a)*c",
                                           "(a*)*d",
                                           "a(.*b)?",
                                           "(a?){200}a{200}",
                                           "(a|b)*a(a|b){14}",
                                           "((a{1,20}){1,20})x",
                                           ".*.*.*=",
                                           "\\w+@\\w+(\\.\\w+)+"};
    enum { SIZE = 300000 };
    static char text[SIZE];
    for (size_t i = 0; i < SIZE; i++) text[i] = 'a' + (i % 7 == 3 && i < SIZE / 2);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct pattern *pattern;
        struct pattern_scanner *scanner;
        size_t count = 0;
        arena_reset(arena);
        REQUIRE(pattern_open(str_of(patterns[i]), 0, &pattern, NULL) == OK);
        REQUIRE(pattern_scanner_open(pattern, arena, &scanner) == OK);
        clock_t start = clock();
        CHECK_EQ(pattern_scan(scanner, (struct str){text, SIZE}, NULL, 0, &count), OK);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (!CHECK(seconds < 20)) fprintf(stderr, "   %s: %.1f s\n", patterns[i], seconds);
        if (getenv("COURTYARD_SHOW"))
            printf("%s: %zu matches, %.3f s\n", patterns[i], count, seconds);
        pattern_close(pattern);
    }
}

static int open_and_scan(void *ctx) {
    (void)ctx;
    struct pattern *pattern = NULL;
    struct pattern_scanner *scanner;
    struct arena *own = NULL;
    size_t count;
    bool good = pattern_open(STR("[a-z]+\\d"), 0, &pattern, NULL) == OK &&
                arena_open(1 << 24, &own) == OK &&
                pattern_scanner_open(pattern, own, &scanner) == OK &&
                pattern_scan(scanner, STR("abc1"), NULL, 0, &count) == OK;
    pattern_close(pattern);
    arena_close(own);
    return !good;
}

static void survives_without_memory(void) {
    CHECK(check_faults(memory_fail_after, open_and_scan, NULL) > 0);
}

int main(void) {
    if (arena_open(1 << 26, &arena) != OK) return 1;
    CHECK_RUN(finds_what_is_meant);
    CHECK_RUN(knows_the_ends);
    CHECK_RUN(says_what_is_wrong);
    CHECK_RUN(agrees_with_a_plain_matcher);
    CHECK_RUN(takes_long_texts_apart_alike);
    CHECK_RUN(is_linear);
    CHECK_RUN(survives_without_memory);
    arena_close(arena);
    return check_done();
}
