// Keywords: raw and folded, against plain searches, over the borders of pieces.
#include "base/text.h"
#include "check.h"
#include "data/match/match.h"

static struct arena *arena;

static struct keywords *open_words(const char *const *words, uint32_t count, unsigned flags) {
    struct str list[64];
    struct keywords *set = NULL;
    struct fault fault = {0};
    for (uint32_t i = 0; i < count; i++) list[i] = str_of(words[i]);
    CHECK_EQ(keywords_open(list, count, flags, &set, &fault), OK);
    CHECK_STR(fault.code, "");
    return set;
}

// The hits of one or two words in a text, as "[...][...]" of the source.
static const char *found(const char *one, const char *two, unsigned flags, const char *text) {
    static char out[2048];
    const char *words[] = {one, two};
    struct keyword_scanner *scanner;
    struct keyword_hit hits[32];
    struct keywords *set = open_words(words, two ? 2 : 1, flags);
    out[0] = '\0';
    if (!set) return "?";
    arena_reset(arena);
    CHECK_EQ(keyword_scanner_open(set, arena, &scanner), OK);
    size_t count = keyword_scan(scanner, str_of(text), hits, 32), used = 0;
    for (size_t i = 0; i < count && i < 32; i++) {
        used += (size_t)snprintf(out + used, sizeof out - used, "[%.*s]", (int)hits[i].size,
                                 text + hits[i].start);
    }
    keywords_close(set);
    return out;
}

static void finds_every_occurrence(void) {
    CHECK_STR(found("中国", "中国人", KEYWORDS_RAW, "在中国，中国人"), "[中国][中国][中国人]");
    CHECK_STR(found("aa", "a", KEYWORDS_RAW, "aaa"), "[a][aa][a][aa][a]");
    CHECK_STR(found("法", NULL, KEYWORDS_RAW, "法律法"), "[法][法]");
    CHECK_STR(found("中国", NULL, KEYWORDS_RAW, "中 国"), "");
    CHECK_STR(found("中国", NULL, KEYWORDS_RAW, ""), "");
}

static void sees_through_disguises(void) {
    unsigned folded = KEYWORDS_FOLDED;
    CHECK_STR(found("发票", NULL, folded, "發票、发-票、发 票、发\xE2\x80\x8B票、发★●票"),
              "[發票][发-票][发 票][发\xE2\x80\x8B票][发★●票]");
    CHECK_STR(found("代开發票", NULL, folded, "代開【發】票"), "[代開【發】票]");
    CHECK_STR(found("vip", NULL, folded, "ＶＩＰ V.I.P 𝐕𝐈𝐏 ⓥⓘⓟ"), "[ＶＩＰ][V.I.P][𝐕𝐈𝐏][ⓥⓘⓟ]");
    CHECK_STR(found("加微信", NULL, folded, "加😀微️信"), "[加😀微️信]");
    // Sentences and lines end where they end, and a rule of signs is no gap in a word.
    CHECK_STR(found("中国人", NULL, folded, "来自中国。人民"), "");
    CHECK_STR(found("中国人", NULL, folded, "中国\n人"), "");
    CHECK_STR(found("中国人", NULL, folded, "中国------------人"), "");
    // Latin words stand alone, and blanks between them stay.
    CHECK_STR(found("ass", NULL, folded, "class, pass; as sure; kick-ass! ass"), "[ass][ass]");
    CHECK_STR(found("free money", NULL, folded, "Free   Money freemoney"), "[Free   Money]");
    CHECK_STR(found("110", NULL, folded, "拨打110，1100"), "[110]");
    CHECK_STR(found("A片", NULL, folded, "看a片 ba片"), "[a片]");
}

static const char *fault_of(const char *word, unsigned flags) {
    static struct fault fault;
    struct keywords *set;
    struct str words[2] = {STR("好的"), str_of(word)};
    fault = (struct fault){0};
    if (keywords_open(words, 2, flags, &set, &fault) == OK) {
        keywords_close(set);
        return "";
    }
    CHECK_EQ(fault.row, 2);
    return fault.code;
}

static void says_what_is_wrong(void) {
    CHECK_STR(fault_of("", KEYWORDS_RAW), "keywords.empty");
    CHECK_STR(fault_of("***", KEYWORDS_FOLDED), "keywords.only_signs");
    CHECK_STR(fault_of("C++", KEYWORDS_FOLDED), "keywords.only_signs");
    CHECK_STR(fault_of("C++", KEYWORDS_RAW), "");
    CHECK_STR(fault_of("\xFF", KEYWORDS_RAW), "keywords.not_text");
    static char longest[400];
    memset(longest, 'a', 241);
    CHECK_STR(fault_of(longest, KEYWORDS_RAW), "keywords.too_long");
    longest[240] = '\0';
    CHECK_STR(fault_of(longest, KEYWORDS_FOLDED), "");
    CHECK_EQ(keywords_open(NULL, LIMIT_KEYWORDS + 1, 0, &(struct keywords *){0}, NULL), ERR_LIMIT);
}

// ---- against plain searches ---------------------------------------------------------------------

enum { WORDS = 40, ROOM = 200000 };
static struct str words[WORDS];
static char word_room[WORDS][64];
static struct keyword_hit got[ROOM], want[ROOM];

// What each letter of the test counts as: '\1' noise, ' ' white space; "" itself.
static const struct {
    const char *letter, *folded;
} letters[] = {{"中", ""},  {"国", ""},       {"a", ""},  {"b", ""},     {"é", ""},   {"𠀀", ""},
               {"，", ","}, {"國", "国"},     {"A", "a"}, {"Ｂ", "b"},   {"*", "\1"}, {" ", " "},
               {"　", " "}, {"\u200B", "\1"}, {"①", "1"}, {"\xFF", "\1"}};
enum { PLAIN_LETTERS = 6, LETTERS = sizeof letters / sizeof *letters };

static void make_words(uint32_t letters_used) {
    for (uint32_t i = 0; i < WORDS; i++) {
        bool again = true;
        while (again) {
            size_t size = 0, length = 1 + check_below(check_below(4) ? 3 : 7);
            for (size_t k = 0; k < length; k++) {
                const char *letter = letters[check_below(letters_used)].letter;
                memcpy(word_room[i] + size, letter, strlen(letter));
                size += strlen(letter);
            }
            words[i] = (struct str){word_room[i], size};
            again = false;
            for (uint32_t k = 0; k < i; k++) again |= str_equal(words[i], words[k]);
        }
    }
}

static size_t make_text(char *text, size_t size, uint32_t letters_used) {
    size_t at = 0;
    while (at + 8 < size) {
        uint64_t pick = check_below(3) ? check_below(4) : check_below(letters_used);
        memcpy(text + at, letters[pick].letter, strlen(letters[pick].letter));
        at += strlen(letters[pick].letter);
    }
    return at;
}

static int compare_hits(const void *a, const void *b) {
    const struct keyword_hit *left = a, *right = b;
    if (left->start != right->start) return left->start < right->start ? -1 : 1;
    if (left->size != right->size) return left->size < right->size ? -1 : 1;
    return left->word < right->word ? -1 : left->word > right->word;
}

static void compare_hit_lists(size_t count, size_t want_count) {
    qsort(want, want_count, sizeof *want, compare_hits);
    CHECK_EQ(count, want_count);
    for (size_t i = 0; i < count && i < want_count; i++) {
        bool same = got[i].word == want[i].word && got[i].start == want[i].start &&
                    got[i].size == want[i].size;
        if (CHECK(same)) continue;
        fprintf(stderr, "   hit %zu: word %u at %zu+%zu, want %u at %zu+%zu\n", i, got[i].word,
                got[i].start, got[i].size, want[i].word, want[i].start, want[i].size);
        return;
    }
}

static void raw_agrees_with_memmem(void) {
    static char text[6000];
    for (int round = 0; round < 60 && !check.wrong; round++) {
        make_words(PLAIN_LETTERS);
        size_t size = make_text(text, 200 + check_below(5000), PLAIN_LETTERS), want_count = 0;
        for (uint32_t i = 0; i < WORDS; i++) {
            for (size_t at = 0; at + words[i].size <= size; at++) {
                if (memcmp(text + at, words[i].data, words[i].size)) continue;
                want[want_count++] = (struct keyword_hit){i, at, words[i].size};
            }
        }
        struct keywords *set;
        struct keyword_scanner *scanner;
        arena_reset(arena);
        REQUIRE(keywords_open(words, WORDS, KEYWORDS_RAW, &set, NULL) == OK);
        REQUIRE(keyword_scanner_open(set, arena, &scanner) == OK);
        compare_hit_lists(keyword_scan(scanner, (struct str){text, size}, got, ROOM), want_count);
        CHECK_EQ(keyword_scan(scanner, (struct str){text, size}, got, 1), want_count);
        keywords_close(set);
    }
}

// One character of the folded text.
struct folded {
    uint32_t character;
    size_t start, end;
};

static bool latin(uint32_t c) {
    return c < 0x80 && (c >= '0') && c != '\n' && c != ',' && c != ' ';
}

static size_t plain_fold(const char *text, size_t size, struct folded *out) {
    size_t count = 0, at = 0;
    int noise = 0;
    bool space = false;
    while (at < size) {
        int letter = 0;
        while (strncmp(text + at, letters[letter].letter, strlen(letters[letter].letter))) letter++;
        const char *to = *letters[letter].folded ? letters[letter].folded : letters[letter].letter;
        size_t end = at + strlen(letters[letter].letter), zero = 0;
        uint32_t c = utf8_next(str_of(to), &zero);
        if (c == 1 || c == ' ') {
            noise++;
            space |= c == ' ';
        } else {
            if (noise > LIMIT_KEYWORD_GAP) {
                out[count++] = (struct folded){2, at, at};
            } else if (space && count && latin(out[count - 1].character) && latin(c)) {
                out[count++] = (struct folded){' ', at, at};
            }
            noise = 0;
            space = false;
            out[count++] = (struct folded){c, at, end};
        }
        at = end;
    }
    return count;
}

static size_t plain_hits(const struct folded *text, size_t size) {
    size_t count = 0;
    for (uint32_t i = 0; i < WORDS; i++) {
        struct folded word[64];
        size_t length = plain_fold(words[i].data, words[i].size, word);
        for (size_t at = 0; at + length <= size; at++) {
            size_t k = 0;
            while (k < length && text[at + k].character == word[k].character) k++;
            if (k < length) continue;
            const struct folded *first = &text[at], *last = &text[at + length - 1];
            bool inside = at > 0 && latin(first->character) && latin(first[-1].character) &&
                          first[-1].end == first->start;
            inside |= at + length < size && latin(last->character) && latin(last[1].character) &&
                      last[1].start == last->end;
            if (inside) continue;
            want[count++] = (struct keyword_hit){i, first->start, last->end - first->start};
        }
    }
    return count;
}

static void folded_agrees_with_a_plain_one(void) {
    enum { SIZE = 60000 };
    static char text[SIZE];
    static struct folded folded[SIZE * 2];
    for (int round = 0; round < 40 && !check.wrong; round++) {
        make_words(PLAIN_LETTERS);                   // words differ after folding too
        size_t most = round % 8 ? 3000 : SIZE - 200; // several pieces
        size_t size = make_text(text, 100 + check_below(most), LETTERS);
        size_t want_count = plain_hits(folded, plain_fold(text, size, folded));
        struct keywords *set;
        struct keyword_scanner *scanner;
        arena_reset(arena);
        REQUIRE(want_count < ROOM);
        REQUIRE(keywords_open(words, WORDS, KEYWORDS_FOLDED, &set, NULL) == OK);
        REQUIRE(keyword_scanner_open(set, arena, &scanner) == OK);
        size_t count = keyword_scan(scanner, (struct str){text, size}, got, ROOM);
        qsort(got, count, sizeof *got, compare_hits);
        compare_hit_lists(count, want_count);
        keywords_close(set);
    }
}

// Many words that begin alike must not make a text that does so too slow.
static void many_words_that_begin_alike(void) {
    enum { COUNT = 20000, SIZE = 600000 };
    static char room[COUNT][32], text[SIZE];
    static struct str list[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(room[i], 32, "中国中国中国%05d", i);
        list[i] = str_of(room[i]);
    }
    for (int i = 0; i + 6 <= SIZE; i += 6) memcpy(text + i, "中国", 6);
    struct keywords *set;
    struct keyword_scanner *scanner;
    arena_reset(arena);
    REQUIRE(keywords_open(list, COUNT, KEYWORDS_RAW, &set, NULL) == OK);
    REQUIRE(keyword_scanner_open(set, arena, &scanner) == OK);
    clock_t start = clock();
    CHECK_EQ(keyword_scan(scanner, (struct str){text, SIZE}, NULL, 0), 0);
    CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 2);
    CHECK_EQ(keyword_scan(scanner, list[77], got, 4), 1);
    CHECK_EQ(got[0].word, 77);
    keywords_close(set);
}

static int open_and_scan(void *ctx) {
    (void)ctx;
    struct keywords *set = NULL;
    struct keyword_scanner *scanner;
    struct arena *own = NULL;
    struct str list[2] = {STR("中国"), STR("abc")};
    bool good = keywords_open(list, 2, KEYWORDS_FOLDED, &set, NULL) == OK &&
                arena_open(1 << 24, &own) == OK && keyword_scanner_open(set, own, &scanner) == OK &&
                keyword_scan(scanner, STR("中国abc"), NULL, 0) == 2;
    keywords_close(set);
    arena_close(own);
    return !good;
}

static void survives_without_memory(void) {
    CHECK(check_faults(memory_fail_after, open_and_scan, NULL) > 0);
}

int main(void) {
    if (arena_open(1 << 26, &arena) != OK) return 1;
    CHECK_RUN(finds_every_occurrence);
    CHECK_RUN(sees_through_disguises);
    CHECK_RUN(says_what_is_wrong);
    CHECK_RUN(raw_agrees_with_memmem);
    CHECK_RUN(folded_agrees_with_a_plain_one);
    CHECK_RUN(many_words_that_begin_alike);
    CHECK_RUN(survives_without_memory);
    arena_close(arena);
    return check_done();
}
