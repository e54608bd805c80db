// One block of 64 bytes of CSV, from bit masks: where quotes are, and where delimiters and newlines
// are. The parity of quotes tells what is inside them, as long as every quote that opens stands at
// a field's start or doubles one that just closed; where that does not hold, the plain loop walks
// the block. So the fast loops find exactly what the plain one does. Included by scan.c and
// scan_avx2.c.
#pragma once

#include <string.h>

#include "data/intake/intake_private.h"

struct scan_masks {
    uint64_t inside; // all ones while within quotes
    uint64_t ended;  // 1: the byte before ended a field
    uint64_t closed; // 1: the byte before was a closing quote
};

static inline struct scan_masks masks_of(enum scan_state state) {
    return (struct scan_masks){state == SCAN_QUOTED ? UINT64_MAX : 0, state == SCAN_FIELD_START,
                               state == SCAN_QUOTE_SEEN};
}

static inline enum scan_state state_of(struct scan_masks masks) {
    if (masks.inside) return SCAN_QUOTED;
    if (masks.ended) return SCAN_FIELD_START;
    return masks.closed ? SCAN_QUOTE_SEEN : SCAN_UNQUOTED;
}

// Bit i of the result: parity of bits 0..i.
static inline uint64_t prefix_parity(uint64_t bits) {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^= bits << 32;
    return bits;
}

// Writes eight at a time, some of them for nothing (SCAN_SLACK): fewer branches to guess wrong.
static inline uint32_t *put_positions(uint32_t *out, uint64_t bits, uint32_t base) {
    uint32_t *end = out + __builtin_popcountll(bits);
    while (bits) {
        for (int i = 0; i < 8; i++) {
            out[i] = base + (uint32_t)__builtin_ctzll(bits | UINT64_C(1) << 63);
            bits &= bits - 1;
        }
        out += 8;
    }
    return end;
}

// False: the block must be walked.
static inline bool scan_block(struct scan_masks *masks, uint64_t quotes, uint64_t separators,
                              uint64_t *out_ends) {
    if (quotes == 0) {
        *out_ends = separators & ~masks->inside;
        masks->ended = *out_ends >> 63;
        masks->closed = 0;
        return true;
    }
    uint64_t inside = prefix_parity(quotes) ^ masks->inside;
    uint64_t opens = quotes & inside, closes = quotes & ~inside, ends = separators & ~inside;
    uint64_t may_open = (ends << 1 | masks->ended) | (closes << 1 | masks->closed);
    if (opens & ~may_open) return false;
    masks->inside = (uint64_t)((int64_t)inside >> 63);
    masks->ended = ends >> 63;
    masks->closed = closes >> 63;
    *out_ends = ends;
    return true;
}
