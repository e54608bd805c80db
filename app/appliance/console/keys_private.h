// Bytes of a keyboard or a terminal into keys: VT100's and xterm's sequences, the Linux console's,
// what PuTTY sends. A sequence may come in any pieces; an Escape that nothing follows for a while
// is the key itself. Nothing beyond ASCII is typed here: each byte of it is told as KEY_OTHER. One
// parser a source; no allocation.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { KEYS_ESCAPE_MS = 250, KEYS_SEQUENCE_BYTES = 24 };

enum key {
    KEY_NONE = 0,
    KEY_REDRAW = 0x0C,    // Ctrl-L
    KEY_CHARACTER = 0x20, // to 0x7E: the character itself
    KEY_UP = 0x100,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_HOME,
    KEY_END,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_ENTER,
    KEY_ESCAPE,
    KEY_TAB,
    KEY_BACK_TAB,
    KEY_BACKSPACE,
    KEY_DELETE,
    KEY_OTHER, // a byte beyond ASCII
};

struct keys {
    enum {
        KEYS_PLAIN,
        KEYS_ESCAPED,  // after ESC
        KEYS_SEQUENCE, // after ESC [
        KEYS_SINGLE,   // after ESC O, or ESC [ [: one more byte
    } state;
    uint32_t number;  // of the sequence, its first
    bool number_done; // a ';' came
    uint32_t size;    // bytes of the sequence
    bool after_return;
    int64_t since_ms; // of the last byte
};

// The key that the byte completes, or KEY_NONE.
int keys_next(struct keys *keys, uint8_t byte, int64_t now_ms);
// KEY_ESCAPE when the Escape has waited long enough. A sequence cut off is forgotten.
int keys_late(struct keys *keys, int64_t now_ms);
// When keys_late is to be asked; INT64_MAX: not at all.
int64_t keys_due(const struct keys *keys);
