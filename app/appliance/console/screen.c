// Painting cells: as points of a framebuffer, as bytes for a terminal.
#include "appliance/console/screen_private.h"

#include <string.h>

#include "appliance/console/font_private.h"
#include "base/text.h"

enum { COLUMNS_WANTED = 80, COLUMNS_MOST = GRID_COLUMNS_MAX, ROWS_WANTED = 24, ROWS_MOST = 90 };

// ---- framebuffer --------------------------------------------------------------------------------
struct colours {
    uint32_t ink, ground; // 0xRRGGBB
};
static const struct colours colours[INK_COUNT] = {
    [INK_TEXT] = {0xD8DEE6, 0x101820},   [INK_DIM] = {0x8C9AAA, 0x101820},
    [INK_STRONG] = {0xFFFFFF, 0x101820}, [INK_TITLE] = {0xFFFFFF, 0x1F4E79},
    [INK_GOOD] = {0x7CD992, 0x101820},   [INK_WARN] = {0xF2C14E, 0x101820},
    [INK_BAD] = {0xFF7B72, 0x101820},    [INK_CHOSEN] = {0x101820, 0xE6EDF3},
    [INK_FIELD] = {0xFFFFFF, 0x2B3A4A},
};

void frame_fit(struct frame *frame, int *columns, int *rows) {
    int scale = 1;
    while (frame->width / (GLYPH_WIDTH * (scale + 1)) >= COLUMNS_WANTED &&
           frame->height / (GLYPH_HEIGHT * (scale + 1)) >= ROWS_WANTED) {
        scale++;
    }
    int wide = frame->width / (GLYPH_WIDTH * scale), high = frame->height / (GLYPH_HEIGHT * scale);
    *columns = wide > COLUMNS_MOST ? COLUMNS_MOST : wide > 0 ? wide : 1;
    *rows = high > ROWS_MOST ? ROWS_MOST : high > 0 ? high : 1;
    frame->scale = scale;
    frame->left = (frame->width - *columns * GLYPH_WIDTH * scale) / 2;
    frame->top = (frame->height - *rows * GLYPH_HEIGHT * scale) / 2;
    if (frame->left < 0) frame->left = 0;
    if (frame->top < 0) frame->top = 0;
}

static uint32_t channel_of(struct frame_channel channel, uint32_t value) { // 8 bits
    uint32_t bits = channel.bits > 8 ? 8 : channel.bits;
    return (value >> (8 - bits)) << (channel.offset + channel.bits - bits);
}

static uint32_t pixel_of(const struct frame *frame, uint32_t colour) {
    return channel_of(frame->red, colour >> 16) | channel_of(frame->green, colour >> 8 & 0xFF) |
           channel_of(frame->blue, colour & 0xFF);
}

static void store_u32(uint8_t *at, uint32_t pixel) { // least byte first, in one piece
    memcpy(at, &pixel, sizeof pixel);
}

// `count` pixels from (x, y) on to the right.
static void run_paint(const struct frame *frame, int x, int y, int count, uint32_t pixel) {
    if (y < 0 || y >= frame->height || x < 0) return;
    if (x + count > frame->width) count = frame->width - x;
    uint8_t *at = frame->pixels + (size_t)y * frame->stride + (size_t)x * (size_t)frame->bytes;
    if (frame->bytes == 4) { // nearly all
        for (int i = 0; i < count; i++, at += 4) store_u32(at, pixel);
        return;
    }
    for (int i = 0; i < count; i++) {
        for (int b = 0; b < frame->bytes; b++) *at++ = (uint8_t)(pixel >> (8 * b));
    }
}

void frame_clear(const struct frame *frame) {
    uint32_t ground = pixel_of(frame, colours[INK_TEXT].ground);
    for (int y = 0; y < frame->height; y++) run_paint(frame, 0, y, frame->width, ground);
}

static void cell_paint(const struct frame *frame, int row, int column, const struct cell *cell) {
    struct glyph glyph;
    (void)font_find(cell->character, &glyph);
    uint32_t ink = pixel_of(frame, colours[cell->ink].ink);
    uint32_t ground = pixel_of(frame, colours[cell->ink].ground);
    int scale = frame->scale, points = cell->columns * GLYPH_WIDTH;
    int left = frame->left + column * GLYPH_WIDTH * scale;
    int top = frame->top + row * GLYPH_HEIGHT * scale;
    for (int y = 0; y < GLYPH_HEIGHT * scale; y++) {
        uint16_t bits = glyph.rows[y / scale];
        for (int x = 0; x < points; x++) {
            uint32_t pixel = bits >> (15 - x) & 1 ? ink : ground;
            run_paint(frame, left + x * scale, top + y, scale, pixel);
        }
    }
}

static bool cell_same(const struct cell *one, const struct cell *other) {
    return one->character == other->character && one->ink == other->ink &&
           one->columns == other->columns;
}

void frame_paint(const struct frame *frame, struct grid *shown, const struct grid *wanted,
                 bool whole) {
    if (whole) frame_clear(frame);
    for (int row = 0; row < wanted->rows; row++) {
        for (int column = 0; column < wanted->columns; column++) {
            struct cell *old = grid_cell(shown, row, column);
            const struct cell *cell = grid_cell(wanted, row, column);
            if (!whole && cell_same(old, cell)) continue;
            *old = *cell;
            if (cell->columns > 0) cell_paint(frame, row, column, cell);
        }
    }
}

// ---- terminal -----------------------------------------------------------------------------------
static const char *const renditions[INK_COUNT] = {
    [INK_TEXT] = "\x1B[0m",        [INK_DIM] = "\x1B[0;36m",   [INK_STRONG] = "\x1B[0;1m",
    [INK_TITLE] = "\x1B[0;37;44m", [INK_GOOD] = "\x1B[0;32m",  [INK_WARN] = "\x1B[0;33m",
    [INK_BAD] = "\x1B[0;31m",      [INK_CHOSEN] = "\x1B[0;7m", [INK_FIELD] = "\x1B[0;4m",
};

static char ascii_of(uint32_t c) {
    if (c >= ' ' && c <= '~') return (char)c;
    if (c == 0x2500) return '-';
    if (c == 0x2502) return '|';
    if (c >= 0x2588 && c <= 0x2590) return '#';
    if (c >= 0x2591 && c <= 0x2593) return '.';
    if (c == 0x2018 || c == 0x2019) return '\'';
    if (c == 0x201C || c == 0x201D) return '"';
    if (c == 0x2013 || c == 0x2014) return '-';
    return c == 0xB7 ? '-' : '?';
}

// Where the terminal's cursor is and how it writes, as far as it is known.
struct cursor {
    int row, column; // column -1: not known
    int ink;         // -1: not known
};

static void cell_write(struct buf *out, struct cursor *cursor, int row, int column,
                       const struct cell *cell, bool ascii) {
    if (cursor->row != row || cursor->column != column) {
        buf_printf(out, "\x1B[%d;%dH", row + 1, column + 1);
    }
    if (cursor->ink != cell->ink) buf_add_text(out, renditions[cell->ink]);
    char bytes[4];
    if (ascii) {
        for (int i = 0; i < cell->columns; i++) buf_add_char(out, ascii_of(cell->character));
    } else {
        buf_add(out, bytes, utf8_put(bytes, cell->character));
    }
    // Terminals do not agree on how wide “ or · is: after such a one the place is told anew.
    bool sure = ascii || cell->character < 0x7F || cell->character >= 0x2E80;
    *cursor = (struct cursor){row, sure ? column + cell->columns : -1, cell->ink};
}

void terminal_paint(struct buf *out, struct grid *shown, const struct grid *wanted, bool whole,
                    bool ascii) {
    struct cursor cursor = {.column = -1, .ink = -1};
    size_t start = out->size;
    // No cursor, no line break by itself, letters in UTF-8, everything blank.
    if (whole) buf_add_text(out, "\x1B%G\x1B[?25l\x1B[?7l\x1B[0m\x1B[2J");
    for (int row = 0; row < wanted->rows; row++) {
        for (int column = 0; column < wanted->columns; column++) {
            struct cell *old = grid_cell(shown, row, column);
            const struct cell *cell = grid_cell(wanted, row, column);
            bool blank = whole && cell->character == ' ' && cell->ink == INK_TEXT;
            if (blank || (!whole && cell_same(old, cell))) {
                *old = *cell;
                continue;
            }
            *old = *cell;
            if (cell->columns > 0) cell_write(out, &cursor, row, column, cell, ascii);
        }
    }
    if (out->size > start) buf_add_text(out, "\x1B[0m");
}

void terminal_end(struct buf *out) {
    buf_add_text(out, "\x1B[0m\x1B[2J\x1B[H\x1B[?7h\x1B[?25h");
}
