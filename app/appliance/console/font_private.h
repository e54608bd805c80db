// The console's letters: a part of GNU Unifont, 16 points high, 8 or 16 wide, inside the binary
// (embed/console.hex, made by font.sh). Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { GLYPH_HEIGHT = 16, GLYPH_WIDTH = 8 };

struct glyph {
    int columns;                 // 1 or 2, of GLYPH_WIDTH points each
    uint16_t rows[GLYPH_HEIGHT]; // from the top; bit 15 is the leftmost point
};

// False and a box of the width the character should have if the font lacks it.
bool font_find(uint32_t character, struct glyph *out);
// How many columns of a screen the character takes: 1 or 2.
int font_columns(uint32_t character);
