// The scan's short cuts against the plain ways of the same: where it looks, and which numbers it
// passes over by their looks.
#include "check.h"
#include "data/detect/digits_private.h"
#include "data/detect/finders_private.h"

enum { HITS = 256 };

// The text from the first hit that is not the same, or in whole where only their number differs;
// empty if all are.
static struct str first_difference(struct str text) {
    static struct personal_hit fast[HITS], plain[HITS];
    size_t count = personal_scan(text, PERSONAL_IDENTIFIERS, fast, HITS);
    size_t wanted = personal_scan_plain(text, PERSONAL_IDENTIFIERS, plain, HITS);
    for (size_t i = 0; i < count && i < wanted && i < HITS; i++) {
        if (fast[i].start == plain[i].start && fast[i].size == plain[i].size &&
            fast[i].kind == plain[i].kind && fast[i].confidence == plain[i].confidence) {
            continue;
        }
        size_t start = fast[i].start < plain[i].start ? fast[i].start : plain[i].start;
        return (struct str){text.data + start, text.size - start};
    }
    return (struct str){text.data, count == wanted ? 0 : text.size};
}

static size_t number_write(char *out, size_t room) {
    unsigned digits = 1 + (unsigned)check_below(9), value = (unsigned)check_below(1000000000);
    for (unsigned i = 9; i > digits; i--) value /= 10;
    switch (check_below(8)) {
    case 0:
        return (size_t)snprintf(out, room, "%04u-%02u-%02u", 1900 + value % 200, value % 13,
                                value % 32);
    case 1: return (size_t)snprintf(out, room, "%02u:%02u:%02u", value % 24, value % 60, value % 7);
    case 2: return (size_t)snprintf(out, room, "%u.%02u", value % 1000, value % 100);
    case 3: return (size_t)snprintf(out, room, "1%010llu", 3000000000ull + value);
    case 4: return (size_t)snprintf(out, room, "0%02u-%08u", 10 + value % 20, 20000000 + value);
    case 5: return (size_t)snprintf(out, room, "11010519491231002X");
    default: return (size_t)snprintf(out, room, "%u", value);
    }
}

// Tables of numbers, few words among them.
static void passes_over_nothing_that_counts(void) {
    static const char *const words[] = {"NA",   "cbwd",   "电话",   "QQ",   "住院号", "东华门",
                                        "生日", "11cb48", "订单号", "微信", "IP",     "身份证号"};
    static const char *const signs[] = {",", ",", ",", "\t", "\n", " ", "\n", "：", ";", "|"};
    char text[600], number[64];
    for (int round = 0; round < 20000; round++) {
        size_t used = 0, words_in = check_below(4) ? 40 : 4;
        while (used < sizeof text - 96) {
            bool word = check_below(words_in) == 0;
            size_t size = number_write(number, sizeof number);
            const char *piece = word ? words[check_below(sizeof words / sizeof words[0])] : number;
            if (word) size = strlen(piece);
            memcpy(text + used, piece, size);
            used += size;
            const char *sign = signs[check_below(sizeof signs / sizeof signs[0])];
            memcpy(text + used, sign, strlen(sign));
            used += strlen(sign);
        }
        struct str differs = first_difference((struct str){text, used});
        if (!check_that(differs.size == 0, __FILE__, __LINE__, "short cuts differ:\n%.*s\nof\n%.*s",
                        (int)differs.size, differs.data, (int)used, text)) {
            return;
        }
    }
}

// Any bytes: the places where something may begin.
static void finds_every_anchor(void) {
    static const char *const pieces[] = {"1",  "ｗ", "w",  "W",  "-",  ":",        "：",
                                         "@",  "＠", "９", "微", "岁", "\xEF\xBC", "\xE5",
                                         "患", " ",  "a",  "-",  "x",  "\xBD\x97", "年"};
    char text[80];
    for (int round = 0; round < 200000; round++) {
        size_t used = 0, wanted = check_below(70);
        while (used < wanted) {
            const char *piece = check_below(3) ? "病" : pieces[check_below(21)];
            memcpy(text + used, piece, strlen(piece));
            used += strlen(piece);
        }
        struct str all = {text, used};
        size_t from = check_below(used + 1);
        REQUIRE(anchor_find(all, from) == anchor_find_plain(all, from));
    }
}

static void finds_where_words_begin(void) {
    CHECK_EQ(word_find(STR("12,34;5678901234567890\n患"), 0), 23);
    CHECK_EQ(word_find(STR("1234567890123456a"), 3), 16);
    CHECK_EQ(word_find(STR("12345678901234567890"), 0), 20);
    CHECK_EQ(word_find(STR(""), 0), 0);
    for (int c = 0; c < 256; c++) {
        char text[40] = {0};
        memset(text, '7', 38);
        size_t at = check_below(38);
        text[at] = (char)c;
        bool word = c >= 0x80 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        CHECK_EQ(word_find((struct str){text, 38}, 0), word ? at : 38);
    }
}

int main(void) {
    CHECK_RUN(passes_over_nothing_that_counts);
    CHECK_RUN(finds_every_anchor);
    CHECK_RUN(finds_where_words_begin);
    return check_done();
}
