// Looking up a character in Unifont's own text form.
#include <string.h>

#include "appliance/console/font_private.h"
#include "base/embed.h"

EMBED(console_font, "app/appliance/console/embed/console.hex")

enum { CODE_DIGITS = 4 };

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static uint32_t hex_read(const char *text, size_t digits) {
    uint32_t value = 0;
    for (size_t i = 0; i < digits; i++) value = value << 4 | (uint32_t)digit_of(text[i]);
    return value;
}

// The lines ascend, so a bisection by bytes finds one: from any byte back to its line's first.
static struct str line_find(uint32_t character) {
    struct str font = embedded_console_font();
    size_t low = 0, high = font.size;
    while (low < high) {
        size_t start = low + (high - low) / 2;
        while (start > low && font.data[start - 1] != '\n') start--;
        const char *line = font.data + start;
        const char *end = memchr(line, '\n', font.size - start);
        size_t size = end ? (size_t)(end - line) : font.size - start;
        uint32_t code = line[0] == '#' ? 0 : hex_read(line, CODE_DIGITS);
        if (code == character && line[0] != '#') return (struct str){line, size};
        if (code < character) {
            low = start + size + 1;
        } else {
            high = start;
        }
    }
    return STR_NONE;
}

// Wide characters by East Asian Width (Unicode Standard Annex #11), for those the font lacks.
static bool is_wide(uint32_t c) {
    static const uint32_t wide[][2] = {
        {0x1100, 0x115F}, {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xA960, 0xA97F},
        {0xAC00, 0xD7A3}, {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},
        {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
    };
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        if (c >= wide[i][0] && c <= wide[i][1]) return true;
    }
    return false;
}

bool font_find(uint32_t character, struct glyph *out) {
    struct str line = line_find(character);
    if (!line.data) {
        *out = (struct glyph){.columns = is_wide(character) ? 2 : 1};
        uint16_t side = out->columns == 2 ? 0x4002 : 0x4200,
                 bar = out->columns == 2 ? 0x7FFE : 0x7E00;
        for (int y = 2; y < GLYPH_HEIGHT - 2; y++) out->rows[y] = side;
        out->rows[2] = out->rows[GLYPH_HEIGHT - 3] = bar;
        return false;
    }
    const char *points = line.data + CODE_DIGITS + 1;
    size_t digits = (line.size - CODE_DIGITS - 1) / GLYPH_HEIGHT; // of one row
    out->columns = digits > 2 ? 2 : 1;
    for (size_t y = 0; y < GLYPH_HEIGHT; y++) {
        uint32_t row = hex_read(points + y * digits, digits);
        out->rows[y] = (uint16_t)(digits > 2 ? row : row << 8);
    }
    return true;
}

int font_columns(uint32_t character) {
    if (character >= ' ' && character <= '~') return 1;
    struct str line = line_find(character);
    if (!line.data) return is_wide(character) ? 2 : 1;
    return line.size > CODE_DIGITS + 1 + 2 * GLYPH_HEIGHT ? 2 : 1;
}
