// A stretch of text turned back into bytes and read again.
#include <string.h>

#include "data/language/repair_private.h"

static int plausible(const struct repair *repair, uint32_t c) {
    if (c < 0x10000) return repair->plausible[c];
    return c >= 0x1F300 && c <= 0x1FAFF ? 1 : -4; // emoji are as good as punctuation
}

static bool is_han(uint32_t c) {
    return c >= 0x4E00 && c <= 0x9FFF;
}

static void add_result(const struct repair *repair, uint32_t c, struct buf *out,
                       struct stretch *stretch) {
    char bytes[4];
    buf_add(out, bytes, utf8_put(bytes, c));
    stretch->characters++;
    stretch->after += plausible(repair, c);
    stretch->han += is_han(c);
    stretch->wide += c >= 0x800 && c != 0xFFFD;
    stretch->lost += c == 0xFFFD;
}

// Quotes, dashes and dots that typographers use: bytes 80..9F that stand in good text too.
static bool typographic(uint32_t c) {
    return (c >= 0x2013 && c <= 0x2026) || c == 0x2039 || c == 0x203A;
}

// ---- UTF-8 --------------------------------------------------------------------------------------

// A UTF-8 reader that is fed byte by byte.
struct machine {
    uint32_t c;
    uint8_t need, low, high; // continuation bytes to come, and the range of the next
    bool broken;             // one of the character's bytes was lost
};
enum fed { FED_MORE, FED_DONE, FED_WRONG };

static enum fed feed(struct machine *machine, uint8_t byte) {
    if (machine->need == 0) {
        machine->broken = false;
        machine->c = byte;
        if (byte < 0x80) return FED_DONE;
        if (byte < 0xC2 || byte > 0xF4) return FED_WRONG;
        machine->need = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
        machine->c = byte & (0x3Fu >> machine->need);
        machine->low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
        machine->high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
        return FED_MORE;
    }
    if (byte < machine->low || byte > machine->high) return FED_WRONG;
    machine->c = machine->c << 6 | (byte & 0x3F);
    machine->low = 0x80, machine->high = 0xBF;
    return --machine->need ? FED_MORE : FED_DONE;
}

// The bytes a character was; 0 if it was none or is ASCII. `inside`: of a character of UTF-8.
static size_t bytes_of(const struct repair *repair, bool gbk, bool inside, uint32_t c,
                       uint8_t out[2]) {
    if (c < 0x80 || c > 0xFFFF) return 0;
    if (!gbk) {
        out[0] = latin_byte(c);
        return out[0] ? 1 : 0;
    }
    uint16_t code = repair->gbk[c];
    if (c == 0x20AC && inside) { // code page 936 reads a lone 80 as the euro
        out[0] = 0x80;
        return 1;
    }
    if (!code) return 0;
    out[0] = (uint8_t)(code >> 8);
    out[1] = (uint8_t)code;
    return 2;
}

// What a reader writes for a byte it cannot read.
static bool is_lost_byte(uint32_t c) {
    return c == 0xFFFD || c == '?';
}

bool stretch_utf8(const struct repair *repair, bool gbk, struct str text, size_t at,
                  struct buf *out, struct stretch *stretch) {
    struct machine machine = {0};
    struct stretch now = {.end = at};
    size_t next = at, committed = out->size, here = at;
    bool cut = true; // the stretch ends where other text or none follows
    *stretch = now;
    while (next < text.size) {
        here = next;
        uint32_t c = utf8_next(text, &next);
        uint8_t bytes[2];
        size_t count = bytes_of(repair, gbk, machine.need > 0, c, bytes);
        now.before += plausible(repair, c);
        now.soft += !typographic(c);
        if (count == 0) {
            if (machine.need == 0 || !is_lost_byte(c)) break;
            machine.broken = true;
            machine.low = 0x80, machine.high = 0xBF;
            machine.need--;
            if (machine.need == 0) add_result(repair, 0xFFFD, out, &now);
        }
        enum fed fed = FED_DONE;
        for (size_t i = 0; i < count && fed != FED_WRONG; i++) {
            fed = feed(&machine, bytes[i]);
            uint32_t read = machine.broken ? 0xFFFD : machine.c;
            if (fed == FED_DONE) add_result(repair, read, out, &now);
        }
        cut = fed != FED_WRONG;
        if (!cut) break;
        here = next;
        if (machine.need > 0) continue;
        now.end = next;
        *stretch = now;
        committed = out->size;
    }
    // A character whose last bytes are not there.
    if (cut && machine.need > 0 && now.characters > 0) {
        add_result(repair, 0xFFFD, out, &now);
        now.end = here;
        *stretch = now;
        committed = out->size;
    }
    out->size = committed;
    return stretch->characters > 0;
}

// ---- pairs --------------------------------------------------------------------------------------

enum { LOST_LEAD = 0xFF }; // stands for a byte that was read as U+FFFD

// One character of two bytes; 0 if they are none.
static uint32_t read_pair(enum encoding encoding, const uint8_t *bytes) {
    struct decoder decoder;
    char room[16];
    size_t at = 0;
    decoder_start(&decoder, encoding);
    decoder.started = true;
    size_t size = decoder_run(&decoder, (struct str){(const char *)bytes, 2}, true, room);
    return decoder.invalid_count || size == 0 ? 0 : utf8_next((struct str){room, size}, &at);
}

// Reads bytes in an encoding of pairs; false if one of them is wrong. A lost byte takes the next
// one, its other half, with it.
static bool read_pairs(const struct repair *repair, enum encoding encoding, const uint8_t *bytes,
                       size_t size, struct buf *out, struct stretch *stretch) {
    size_t start = out->size;
    for (size_t at = 0; at < size;) {
        if (bytes[at] < 0x80) {
            buf_add_char(out, (char)bytes[at++]);
            continue;
        }
        bool lost = bytes[at] == LOST_LEAD || (at + 1 < size && bytes[at + 1] == LOST_LEAD);
        uint32_t c = lost ? 0xFFFD : at + 1 < size ? read_pair(encoding, bytes + at) : 0;
        if (c == 0) {
            out->size = start;
            return false;
        }
        add_result(repair, c, out, stretch);
        at += lost && !(at + 1 < size && bytes[at + 1] >= 0x80) ? 1 : 2;
    }
    return buf_err(out) == OK;
}

bool stretch_pairs(const struct repair *repair, enum encoding encoding, struct str text, size_t at,
                   struct buf *out, struct stretch *stretch) {
    enum { BYTES_MAX = 4096 };
    uint8_t bytes[BYTES_MAX];
    size_t size = 0, next = at;
    bool lead = false; // a lead byte waits for its trail
    *stretch = (struct stretch){.end = at};
    while (next < text.size && size < BYTES_MAX) {
        size_t after = next;
        uint32_t c = utf8_next(text, &after);
        uint8_t byte = latin_byte(c);
        // Big5's second byte may be a letter.
        bool letter = lead && encoding == ENCODING_BIG5 && c >= 0x40 && c <= 0x7E;
        if (letter) byte = (uint8_t)c;
        if (byte == 0 || (byte < 0xA1 && !letter)) break;
        bytes[size++] = byte;
        stretch->before += plausible(repair, c);
        lead = !lead;
        next = after;
        if (!lead) stretch->end = next;
    }
    size -= lead;
    return size >= 2 && read_pairs(repair, encoding, bytes, size, out, stretch);
}

bool stretch_line(const struct repair *repair, enum encoding wrong, enum encoding right,
                  struct str line, struct buf *out, struct stretch *stretch) {
    const uint16_t *codes = wrong == ENCODING_BIG5 ? repair->big5 : repair->gbk;
    struct buf bytes;
    buf_open(&bytes, line.size + 8);
    *stretch = (struct stretch){.end = line.size};
    for (size_t at = 0; at < line.size;) {
        uint32_t c = utf8_next(line, &at);
        stretch->before += plausible(repair, c);
        if (c < 0x80) {
            buf_add_char(&bytes, (char)c);
            continue;
        }
        uint16_t code = c < 0x10000 ? codes[c] : 0;
        if (code) {
            buf_add_char(&bytes, (char)(code >> 8));
            buf_add_char(&bytes, (char)code);
            continue;
        }
        // One byte could not be read, or both are not known.
        buf_add_char(&bytes, (char)LOST_LEAD);
        if (c != 0xFFFD) buf_add_char(&bytes, (char)LOST_LEAD);
    }
    struct str all = buf_str(&bytes);
    bool good = buf_err(&bytes) == OK &&
                read_pairs(repair, right, (const uint8_t *)all.data, all.size, out, stretch);
    buf_close(&bytes);
    return good;
}
