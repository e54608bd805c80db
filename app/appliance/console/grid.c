// Cells, and text that flows over them.
#include "appliance/console/grid_private.h"

#include <string.h>

#include "appliance/console/font_private.h"
#include "base/memory.h"
#include "base/text.h"

static int within(int value, int low, int high) {
    return value < low ? low : value > high ? high : value;
}

enum err grid_open(struct grid *grid, int columns, int rows) {
    int wide = within(columns, 1, GRID_COLUMNS_MAX), high = within(rows, 1, GRID_ROWS_MAX);
    struct cell *cells = memory_take((size_t)wide * (size_t)high * sizeof *cells);
    if (!cells) return ERR_MEMORY;
    *grid = (struct grid){.columns = wide, .rows = high, .cells = cells};
    grid_clear(grid);
    return OK;
}

void grid_close(struct grid *grid) {
    memory_give(grid->cells);
    *grid = (struct grid){0};
}

void grid_clear(struct grid *grid) {
    for (int row = 0; row < grid->rows; row++) {
        grid_fill(grid, row, 0, grid->columns, INK_TEXT, ' ');
    }
}

struct cell *grid_cell(const struct grid *grid, int row, int column) {
    return &grid->cells[(size_t)row * (size_t)grid->columns + (size_t)column];
}

// Nothing of a wide character may stay when one of its halves goes.
static void half_clear(struct grid *grid, int row, int column) {
    struct cell *cell = grid_cell(grid, row, column);
    struct cell *other = cell->columns == 0 && column > 0 ? cell - 1 : NULL;
    if (cell->columns == 2 && column + 1 < grid->columns) other = cell + 1;
    if (other) *other = (struct cell){.character = ' ', .ink = other->ink, .columns = 1};
}

void grid_put(struct grid *grid, int row, int column, enum ink ink, uint32_t character) {
    int columns = font_columns(character);
    if (row < 0 || row >= grid->rows || column < 0 || column + columns > grid->columns) return;
    for (int i = 0; i < columns; i++) {
        half_clear(grid, row, column + i);
        *grid_cell(grid, row, column + i) = (struct cell){
            .character = i == 0 ? character : 0,
            .ink = (uint8_t)ink,
            .columns = (uint8_t)(i == 0 ? columns : 0),
        };
    }
}

void grid_fill(struct grid *grid, int row, int column, int count, enum ink ink,
               uint32_t character) {
    for (int i = 0; i < count; i++) grid_put(grid, row, column + i, ink, character);
}

void grid_copy_row(struct grid *to, int to_row, const struct grid *from, int from_row) {
    memcpy(grid_cell(to, to_row, 0), grid_cell(from, from_row, 0),
           (size_t)to->columns * sizeof(struct cell));
}

int text_columns(struct str text) {
    int columns = 0;
    for (size_t at = 0; at < text.size;) columns += font_columns(utf8_next(text, &at));
    return columns;
}

// Marks that may not begin a line, and those that may not end one.
static bool closes(uint32_t c) {
    static const uint32_t marks[] = {0x3001, 0x3002, 0xFF0C, 0xFF1B, 0xFF1A, 0xFF1F, 0xFF01,
                                     0xFF09, 0x300B, 0x201D, 0x2019, 0x2026, 0xFF05};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (marks[i] == c) return true;
    }
    return false;
}

static bool opens(uint32_t c) {
    return c == 0xFF08 || c == 0x300A || c == 0x201C || c == 0x2018;
}

// Where the piece that begins at `at` and is kept on one line ends.
static size_t piece_end(struct str text, size_t at) {
    uint32_t before = utf8_next(text, &at);
    while (at < text.size && before != ' ' && before != '\n' && text.data[at] != '\n') {
        size_t after = at;
        uint32_t c = utf8_next(text, &after);
        bool word = c != ' ' && font_columns(c) == 1 && font_columns(before) == 1 && !opens(c);
        if (!word && !closes(c) && !opens(before)) break;
        before = c;
        at = after;
    }
    return at;
}

void pen_down(struct pen *pen, int rows) {
    pen->row += rows;
    pen->column = pen->left;
}

static void piece_write(struct pen *pen, enum ink ink, struct str piece) {
    for (size_t at = 0; at < piece.size;) {
        uint32_t c = utf8_next(piece, &at);
        int columns = font_columns(c);
        if (pen->column + columns > pen->right) pen_down(pen, 1);
        if (c == ' ' && pen->column == pen->left && piece.size == 1) return;
        grid_put(pen->grid, pen->row, pen->column, ink, c);
        pen->column += columns;
    }
}

void pen_write(struct pen *pen, enum ink ink, struct str text) {
    for (size_t at = 0; at < text.size;) {
        size_t end = piece_end(text, at);
        struct str piece = {text.data + at, end - at};
        at = end;
        if (piece.data[0] == '\n') {
            pen_down(pen, 1);
            continue;
        }
        bool fits = pen->column + text_columns(piece) <= pen->right;
        if (!fits && pen->column > pen->left) pen_down(pen, 1);
        piece_write(pen, ink, piece);
    }
}
