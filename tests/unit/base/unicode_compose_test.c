// The canonical composition: cases of Unicode's annex and by hand, every single character, random
// rows of marks against their own properties, and rows that are very long.
#include "base/text.h"
#include "base/unicode.h"
#include "check.h"

static struct buf out, scratch;

static struct str composed(struct str text) {
    buf_clear(&out);
    unicode_compose(text, &out, &scratch);
    CHECK_EQ(out.err, OK);
    return buf_str(&out);
}

static void known_ones(void) {
    static const char *const rows[][2] = {
        {"", ""},
        {"plain, caf\u00E9", "plain, caf\u00E9"},
        {"e\u0301", "\u00E9"},
        {"xe\u0301y", "x\u00E9y"},
        {"\u212B", "\u00C5"},                                        // a character that is another
        {"\u1E9B\u0323", "\u1E9B\u0323"},                            // UAX 15, figure 6
        {"d\u0307\u0323", "\u1E0D\u0307"},                           // the lower mark goes first
        {"a\u0315\u0300\u05AE\u0300b", "\u00E0\u05AE\u0300\u0315b"}, // NormalizationTest.txt
        {"\u0344", "\u0308\u0301"},                                  // never composed
        {"\u0958", "\u0915\u093C"},                                  // likewise
        {"\u09C7\u09BE", "\u09CB"},                                  // two that stand
        {"\u09C7\u0334\u09BE", "\u09C7\u0334\u09BE"},                // a mark between
        {"\u1100\u1161\u11A8", "\uAC01"},
        {"\uAC00\u11A8\u11A8", "\uAC01\u11A8"},
        {"\uAC01\u11A8", "\uAC01\u11A8"},
        {"\u0301\u0301e", "\u0301\u0301e"}, // marks without anything before them
        {"\uF900", "\u8C48"},
        {"\U0001D15E", "\U0001D157\U0001D165"},
        {"\U00011099\U000110BA", "\U0001109A"},
        {"\u4E2D\u6587e\u0301\u4E2D", "\u4E2D\u6587\u00E9\u4E2D"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str got = composed(str_of(rows[i][0]));
        check_that(str_is(got, rows[i][1]), __FILE__, __LINE__, "row %zu: %.*s, not %s", i,
                   STR_ARG(got), rows[i][1]);
    }
    CHECK(!unicode_is_composed(STR("e\u0301")) && unicode_is_composed(STR("caf\u00E9 \u4E2D")));
}

// Each by itself: what changes does not change again.
static void every_character(void) {
    struct buf first;
    buf_open(&first, 1 << 10);
    uint32_t changed = 0;
    for (uint32_t c = 1; c < 0x110000; c++) {
        if (c >= 0xD800 && c < 0xE000) continue;
        char bytes[4];
        struct str text = {bytes, utf8_put(bytes, c)};
        struct str got = composed(text);
        if (str_equal(got, text)) continue;
        changed++;
        CHECK(!unicode_is_composed(text));
        buf_clear(&first);
        buf_add_str(&first, got);
        CHECK(str_equal(composed(buf_str(&first)), buf_str(&first)));
    }
    CHECK_EQ(changed, 1120); // singletons and exclusions of Unicode 16, by Python's unicodedata
    buf_close(&first);
}

static void random_rows(void) {
    static const uint32_t some[] = {'a',    'e',    0xE9,   0x301,  0x323,  0x327,  0x345,
                                    0x1E69, 0x212B, 0x1100, 0x1161, 0x11A8, 0xAC00, 0x9C7,
                                    0x9BE,  0x4E2D, 0x5B0,  0x334,  0xF900, 0x1F600};
    struct buf text, first;
    buf_open(&text, 1 << 10);
    buf_open(&first, 1 << 10);
    for (int round = 0; round < 20000; round++) {
        buf_clear(&text);
        for (uint64_t n = check_random() % 10; n > 0; n--) {
            char bytes[4];
            uint32_t c = some[check_random() % (sizeof some / sizeof *some)];
            buf_add(&text, bytes, utf8_put(bytes, c));
        }
        struct str got = composed(buf_str(&text));
        CHECK(got.size <= 3 * text.size && utf8_valid(got));
        if (unicode_is_composed(buf_str(&text))) CHECK(str_equal(got, buf_str(&text)));
        buf_clear(&first);
        buf_add_str(&first, got);
        CHECK(str_equal(composed(buf_str(&first)), buf_str(&first)));
    }
    buf_close(&text);
    buf_close(&first);
}

static void long_rows_take_no_longer(void) {
    enum { MARKS = 400000 };
    struct buf text;
    buf_open(&text, 1 << 20);
    buf_add_char(&text, 'e');
    for (int i = 0; i < MARKS; i++) buf_add_text(&text, i % 2 ? "\u0323" : "\u0301");
    struct str got = composed(buf_str(&text)); // in seconds, not in hours
    CHECK(str_starts(got, STR("\u1EB9\u0323")) && str_ends(got, STR("\u0301\u0301")));
    buf_close(&text);
}

int main(void) {
    buf_open(&out, 1 << 24);
    buf_open(&scratch, 1 << 26);
    CHECK_RUN(known_ones);
    CHECK_RUN(every_character);
    CHECK_RUN(random_rows);
    CHECK_RUN(long_rows_take_no_longer);
    buf_close(&out);
    buf_close(&scratch);
    return check_done();
}
