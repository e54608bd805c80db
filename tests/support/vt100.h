// A small terminal for tests: reads what the console writes to one and keeps the cells and their
// renditions. Knows just what it may write; all else is counted as an error.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { VT_COLUMNS = 100, VT_ROWS = 40 };

struct vt100 {
    int columns, rows, row, column;
    uint32_t cells[VT_ROWS][VT_COLUMNS]; // 0: right half of a wide one
    char renditions[VT_ROWS][VT_COLUMNS][12];
    char rendition[12];
    int cursor_hidden;
    unsigned errors, clears;
    char held[32]; // an unfinished sequence or character
    size_t held_size;
};

void vt100_open(struct vt100 *vt, int columns, int rows);
void vt100_feed(struct vt100 *vt, const void *bytes, size_t size); // in any pieces
