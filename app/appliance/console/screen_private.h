// Where grids are shown: a framebuffer in memory, or a terminal that understands VT100 (the serial
// line, PuTTY, the kernel's text console). Both paint only what differs from what is shown, so
// nothing flickers. Pure: they write to memory; console.c has the devices. One thread.
#pragma once

#include <stdbool.h>

#include "appliance/console/grid_private.h"

// ---- framebuffer --------------------------------------------------------------------------------
struct frame_channel {
    uint32_t offset, bits; // within a pixel
};
struct frame {
    uint8_t *pixels; // the caller's; rows of `stride` bytes
    size_t stride;
    int width, height; // pixels
    int bytes;         // of a pixel: 2, 3 or 4, little-endian
    struct frame_channel red, green, blue;
    // Set by frame_fit: the grid stands in the middle, each point scale x scale pixels.
    int scale, left, top;
};
// Chooses the scale and the size of the grid: at least 80 x 24 where the screen is large enough.
void frame_fit(struct frame *frame, int *columns, int *rows);
void frame_clear(const struct frame *frame);
// `shown` becomes `wanted`; with `whole` every cell is painted.
void frame_paint(const struct frame *frame, struct grid *shown, const struct grid *wanted,
                 bool whole);

// ---- terminal -----------------------------------------------------------------------------------
// Appends what turns the one into the other; with `whole` it clears first. `ascii`: the terminal
// has no other letters; lines and bars become -, |, #, all else a question mark.
void terminal_paint(struct buf *out, struct grid *shown, const struct grid *wanted, bool whole,
                    bool ascii);
void terminal_end(struct buf *out); // gives the terminal back as it was, cleared
