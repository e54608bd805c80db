// The state machine behind the keys.
#include "appliance/console/keys_private.h"

static int key_of_letter(uint8_t byte) {
    switch (byte) {
    case 'A': return KEY_UP;
    case 'B': return KEY_DOWN;
    case 'C': return KEY_RIGHT;
    case 'D': return KEY_LEFT;
    case 'H': return KEY_HOME;
    case 'F': return KEY_END;
    case 'M': return KEY_ENTER; // of the number pad
    case 'Z': return KEY_BACK_TAB;
    default: return KEY_NONE;
    }
}

static int key_of_number(uint32_t number) {
    switch (number) {
    case 1:
    case 7: return KEY_HOME;
    case 4:
    case 8: return KEY_END;
    case 3: return KEY_DELETE;
    case 5: return KEY_PAGE_UP;
    case 6: return KEY_PAGE_DOWN;
    default: return KEY_NONE;
    }
}

static int plain(struct keys *keys, uint8_t byte) {
    bool after_return = keys->after_return;
    keys->after_return = byte == '\r';
    switch (byte) {
    case 0x1B: keys->state = KEYS_ESCAPED; return KEY_NONE;
    case '\r': return KEY_ENTER;
    case '\n': return after_return ? KEY_NONE : KEY_ENTER;
    case '\t': return KEY_TAB;
    case 0x08:
    case 0x7F: return KEY_BACKSPACE;
    case KEY_REDRAW: return KEY_REDRAW;
    default: break;
    }
    if (byte >= 0x80) return KEY_OTHER;
    return byte >= KEY_CHARACTER ? byte : KEY_NONE;
}

static int escaped(struct keys *keys, uint8_t byte) {
    keys->size = keys->number = 0;
    keys->number_done = false;
    if (byte == 0x1B) return KEY_ESCAPE; // the one before; this one waits
    keys->state = byte == '[' ? KEYS_SEQUENCE : byte == 'O' ? KEYS_SINGLE : KEYS_PLAIN;
    return KEY_NONE; // what comes with Alt means nothing
}

static int sequence(struct keys *keys, uint8_t byte) {
    if (byte == 0x1B) { // cut off, another one begins
        keys->state = KEYS_ESCAPED;
        return KEY_NONE;
    }
    if (byte == '[' && keys->size == 0) {
        keys->state = KEYS_SINGLE;
        return KEY_NONE;
    }
    if (++keys->size > KEYS_SEQUENCE_BYTES) {
        keys->state = KEYS_PLAIN;
        return KEY_NONE;
    }
    if (byte >= '0' && byte <= '9' && !keys->number_done && keys->number < 1000) {
        keys->number = keys->number * 10 + (uint32_t)(byte - '0');
    }
    if (byte == ';') keys->number_done = true;
    if (byte < 0x40 || byte > 0x7E) return KEY_NONE;
    keys->state = KEYS_PLAIN;
    return byte == '~' ? key_of_number(keys->number) : key_of_letter(byte);
}

// ESC O x, and the function keys of the Linux console, ESC [ [ x, which mean nothing here.
static int single(struct keys *keys, uint8_t byte) {
    keys->state = byte == 0x1B ? KEYS_ESCAPED : KEYS_PLAIN;
    return key_of_letter(byte);
}

int keys_next(struct keys *keys, uint8_t byte, int64_t now_ms) {
    keys->since_ms = now_ms;
    switch (keys->state) {
    case KEYS_ESCAPED: return escaped(keys, byte);
    case KEYS_SEQUENCE: return sequence(keys, byte);
    case KEYS_SINGLE: return single(keys, byte);
    case KEYS_PLAIN: break;
    }
    return plain(keys, byte);
}

int64_t keys_due(const struct keys *keys) {
    return keys->state == KEYS_PLAIN ? INT64_MAX : keys->since_ms + KEYS_ESCAPE_MS;
}

int keys_late(struct keys *keys, int64_t now_ms) {
    if (now_ms < keys_due(keys)) return KEY_NONE;
    bool alone = keys->state == KEYS_ESCAPED;
    keys->state = KEYS_PLAIN;
    return alone ? KEY_ESCAPE : KEY_NONE;
}
