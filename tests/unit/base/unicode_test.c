// Categories, small letters and letters without marks, at the borders of the tables.
#include "base/unicode.h"
#include "check.h"

static void categories(void) {
    static const struct {
        uint32_t character;
        enum unicode_category category;
        bool space;
    } rows[] = {
        {'A', UNICODE_LU, false},     {'z', UNICODE_LL, false},     {'7', UNICODE_ND, false},
        {' ', UNICODE_ZS, true},      {'\n', UNICODE_CC, true},     {'_', UNICODE_PC, false},
        {'+', UNICODE_SM, false},     {0x301, UNICODE_MN, false},   {0xBD, UNICODE_NO, false},
        {0x4F60, UNICODE_LO, false},  {0x3000, UNICODE_ZS, true},   {0x200B, UNICODE_CF, false},
        {0xD800, UNICODE_CS, false},  {0x1F680, UNICODE_SO, false}, {0x10FFFF, UNICODE_CN, false},
        {0x110000, UNICODE_CN, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_EQ(unicode_category(rows[i].character), rows[i].category);
        CHECK_EQ(unicode_space(rows[i].character), rows[i].space);
    }
    uint32_t all = UNICODE_LETTER | UNICODE_MARK | UNICODE_NUMBER | UNICODE_PUNCTUATION |
                   UNICODE_SYMBOL | UNICODE_SEPARATOR | UNICODE_OTHER;
    CHECK_EQ(all, UNICODE_BIT(UNICODE_CATEGORY_COUNT) - 1);
    CHECK(UNICODE_LETTER & UNICODE_BIT(UNICODE_LO) && UNICODE_MARK & UNICODE_BIT(UNICODE_ME));
    CHECK(UNICODE_PUNCTUATION & UNICODE_BIT(UNICODE_PO));
    CHECK(UNICODE_SYMBOL & UNICODE_BIT(UNICODE_SO) && UNICODE_OTHER & UNICODE_BIT(UNICODE_CN));
}

static void small_letters(void) {
    CHECK_EQ(unicode_lower('Q'), 'q');
    CHECK_EQ(unicode_lower('q'), 'q');
    CHECK_EQ(unicode_lower('['), '[');
    CHECK_EQ(unicode_lower(0xC9), 0xE9);
    CHECK_EQ(unicode_lower(0x416), 0x436);
    CHECK_EQ(unicode_lower(0x1E921), 0x1E943); // the last of the table
    CHECK_EQ(unicode_lower(0x4F60), 0x4F60);
}

static void without_marks(void) {
    uint32_t out[3];
    CHECK(unicode_without_marks('e', out) == 1 && out[0] == 'e');
    CHECK(unicode_without_marks(0xE9, out) == 1 && out[0] == 'e');
    CHECK(unicode_without_marks(0x1EAD, out) == 1 && out[0] == 'a'); // two marks
    CHECK_EQ(unicode_without_marks(0x301, out), 0);
    CHECK(unicode_without_marks(0xAC01, out) == 3 && out[0] == 0x1100 && out[2] == 0x11A8);
    CHECK(unicode_without_marks(0xAC00, out) == 2 && out[1] == 0x1161);
    CHECK(unicode_without_marks(0xF900, out) == 1 && out[0] == 0x8C48);
}

int main(void) {
    CHECK_RUN(categories);
    CHECK_RUN(small_letters);
    CHECK_RUN(without_marks);
    return check_done();
}
