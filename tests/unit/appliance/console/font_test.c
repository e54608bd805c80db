// The console's letters: every character that its messages have, as Unifont draws them.
#include "appliance/console/font_private.h"

#include "base/json.h"
#include "base/text.h"
#include "check.h"
#include "support/console_texts.h"

static void the_font_has_every_character_of_the_messages(void) {
    static const char *const languages[] = {"zh-CN", "en"}, *const areas[] = {"appliance.",
                                                                              "phase.", "store."};
    unsigned count = 0;
    for (int i = 0; i < 2; i++) {
        const struct json *at = json_first(console_messages(languages[i]));
        for (; at; at = json_next(at)) {
            struct str text = json_text(at);
            bool ours = false;
            for (int a = 0; a < 3; a++) ours |= str_starts(json_name(at), str_of(areas[a]));
            for (size_t k = 0; ours && k < text.size;) {
                struct glyph glyph;
                uint32_t c = utf8_next(text, &k);
                check_that(c < ' ' || font_find(c, &glyph), __FILE__, __LINE__,
                           "U+%04X of %.*s is not in the font: run app/appliance/console/font.sh",
                           c, STR_ARG(json_name(at)));
                count++;
            }
        }
    }
    CHECK(count > 3000);
}

static void glyphs_are_as_unifont_has_them(void) {
    struct glyph glyph;
    CHECK(font_find('A', &glyph));
    static const uint16_t a[] = {0,    0,    0,    0,    0x18, 0x24, 0x24,
                                 0x42, 0x42, 0x7E, 0x42, 0x42, 0x42, 0x42};
    CHECK_EQ(glyph.columns, 1);
    for (int y = 0; y < 14; y++) CHECK_EQ(glyph.rows[y], a[y] << 8);
    CHECK(font_find(0x4E2D, &glyph)); // 中
    CHECK_EQ(glyph.columns, 2);
    CHECK_EQ(glyph.rows[0], 0x0100);
    CHECK_EQ(glyph.rows[15], 0x0100);
    CHECK(!font_find(0x9F98, &glyph)); // no message uses it: a wide box
    CHECK_EQ(glyph.columns, 2);
    CHECK_EQ(glyph.rows[2], 0x7FFE);
    CHECK(!font_find(0, &glyph));
    CHECK(!font_find(0x10FFFF, &glyph));
    CHECK_EQ(font_columns(0x9F98), 2);
}

int main(void) {
    CHECK_RUN(the_font_has_every_character_of_the_messages);
    CHECK_RUN(glyphs_are_as_unifont_has_them);
    return check_done();
}
