// A screen as cells: which character in which ink stands where. Pages are drawn onto grids; the
// screens (screen_private.h) show them, and tests read them. Owns its cells. One thread.
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

// What something is, not which colour it has: each screen has its own.
enum ink {
    INK_TEXT,
    INK_DIM,    // labels, hints
    INK_STRONG, // what to read first
    INK_TITLE,  // the bars above and below
    INK_GOOD,
    INK_WARN,
    INK_BAD,
    INK_CHOSEN, // where the keys act
    INK_FIELD,  // where one types
    INK_COUNT
};

struct cell {
    uint32_t character;
    uint8_t ink;
    uint8_t columns; // 1; 2: the next cell is its right half; 0: a right half
};

enum { GRID_COLUMNS_MAX = 200, GRID_ROWS_MAX = 160 };

struct grid {
    int columns, rows;
    struct cell *cells; // rows x columns
};

// Blank. Sizes are held within 1 and the bounds above.
enum err grid_open(struct grid *grid, int columns, int rows) MUST_USE;
void grid_close(struct grid *grid);
void grid_clear(struct grid *grid);
struct cell *grid_cell(const struct grid *grid, int row, int column);
// Puts one character; what does not fit whole is left out. A wide one that loses half is blanked.
void grid_put(struct grid *grid, int row, int column, enum ink ink, uint32_t character);
// `count` cells from `column` on.
void grid_fill(struct grid *grid, int row, int column, int count, enum ink ink, uint32_t character);
// The row of `from` as one of `to`, which is as wide.
void grid_copy_row(struct grid *to, int to_row, const struct grid *from, int from_row);

int text_columns(struct str text);

// Writes running text: breaks lines between words and between Chinese characters, never before a
// closing mark, and goes on at `left`.
struct pen {
    struct grid *grid;
    int row, column;
    int left, right; // first column, and the one behind the last
};
void pen_write(struct pen *pen, enum ink ink, struct str text);
void pen_down(struct pen *pen, int rows); // to the left of a line below
