// Character references: "&lt;", "&#20013;", "&#x4E2D;", and the old names without a semicolon.
#include <string.h>

#include "base/text.h"
#include "data/language/html_private.h"

// 80..9F by number mean what Windows-1252 has there; 0: as it is.
static const uint16_t windows[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,
};

static int digit_of(char c, bool hexadecimal) {
    if (c >= '0' && c <= '9') return c - '0';
    if (!hexadecimal) return -1;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static size_t by_number(struct str text, size_t at, char out[static 8], size_t *out_size) {
    size_t i = at + 2;
    bool hexadecimal = i < text.size && (text.data[i] == 'x' || text.data[i] == 'X');
    if (hexadecimal) i++;
    size_t first = i;
    uint32_t c = 0;
    for (; i < text.size; i++) {
        int digit = digit_of(text.data[i], hexadecimal);
        if (digit < 0) break;
        if (c <= 0x10FFFF) c = c * (hexadecimal ? 16 : 10) + (uint32_t)digit;
    }
    if (i == first) return 0;
    if (i < text.size && text.data[i] == ';') i++;
    if (c >= 0x80 && c < 0xA0 && windows[c - 0x80]) c = windows[c - 0x80];
    *out_size = utf8_put(out, c ? c : 0xFFFD);
    return i - at;
}

static const char *entry_name(uint32_t index, bool *out_bare) {
    const char *name = html_entity_names + html_entity_at[index];
    *out_bare = name[0] == '!';
    return name + *out_bare;
}

// The reference of exactly this name: its characters, or NULL.
static const char *find_name(const char *name, size_t size, bool *out_bare) {
    uint32_t low = 0, high = html_entity_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const char *entry = entry_name(middle, out_bare);
        int order = strncmp(entry, name, size);
        if (order == 0 && entry[size] != '\0') order = 1;
        if (order == 0) return entry + size + 1;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

// A name without its semicolon may be followed by more letters ("&notit"): the longest that is one.
static size_t by_name(struct str text, size_t at, char out[static 8], size_t *out_size) {
    enum { NAME_BYTES_MAX = 32, BARE_BYTES_MAX = 6 };
    const char *name = text.data + at + 1;
    size_t left = text.size - at - 1, size = 0;
    while (size < left && size < NAME_BYTES_MAX &&
           (digit_of(name[size], false) >= 0 || (name[size] >= 'a' && name[size] <= 'z') ||
            (name[size] >= 'A' && name[size] <= 'Z'))) {
        size++;
    }
    if (size == 0) return 0;
    bool closed = size < left && name[size] == ';', bare;
    const char *characters = closed ? find_name(name, size, &bare) : NULL;
    if (!characters) {
        closed = false;
        if (size > BARE_BYTES_MAX) size = BARE_BYTES_MAX;
        for (; size > 1; size--) {
            characters = find_name(name, size, &bare);
            if (characters && bare) break;
            characters = NULL;
        }
        // "?a=1&copy=2" is an address, not a sign.
        if (!characters || (size < left && name[size] == '=')) return 0;
    }
    *out_size = strlen(characters);
    memcpy(out, characters, *out_size);
    return 1 + size + closed;
}

size_t html_reference(struct str text, size_t at, char out[static 8], size_t *out_size) {
    if (text.size - at < 3) return 0;
    if (text.data[at + 1] == '#') return by_number(text, at, out, out_size);
    return by_name(text, at, out, out_size);
}

uint64_t html_unescape(struct str text, struct buf *out) {
    uint64_t count = 0;
    size_t at = 0;
    while (at < text.size) {
        const char *sign = memchr(text.data + at, '&', text.size - at);
        size_t next = sign ? (size_t)(sign - text.data) : text.size;
        buf_add(out, text.data + at, next - at);
        at = next;
        if (at == text.size) break;
        char characters[8];
        size_t size, taken = html_reference(text, at, characters, &size);
        if (taken) {
            buf_add(out, characters, size);
            count++;
        } else {
            buf_add_char(out, '&');
        }
        at += taken ? taken : 1;
    }
    return count;
}
