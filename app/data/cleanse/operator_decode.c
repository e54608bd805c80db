// decode: repairs of text that is already decoded. What it does: takes away control characters and
// invisible ones (zero-width, byte order marks, soft hyphens, marks that turn the writing
// direction), takes away white space around a cell, and, when asked (width), turns full-width
// digits and letters into ASCII. A cell that is empty then becomes missing. What it does not do: a
// character that an import could not read (U+FFFD) is lost; such cells are counted, not mended.
#include <string.h>

#include "data/cleanse/rewrite_private.h"

enum {
    REASON_CONTROL,
    REASON_INVISIBLE,
    REASON_SPACES,
    REASON_WIDTH,
    REASON_EMPTIED,
    REASON_UNREADABLE,
    REASON_COUNT
};

static const struct reason reasons[REASON_COUNT] = {
    [REASON_CONTROL] = {"decode.control", {0}}, [REASON_INVISIBLE] = {"decode.invisible", {0}},
    [REASON_SPACES] = {"decode.spaces", {0}},   [REASON_WIDTH] = {"decode.width", {0}},
    [REASON_EMPTIED] = {"decode.emptied", {0}}, [REASON_UNREADABLE] = {"decode.unreadable", {0}},
};

struct decode {
    bool control, trim, width;
    uint32_t *places;
    uint32_t place_count;
};

static const char *const flags[] = {"auto", "control", "trim", "width", NULL};
enum { FLAG_AUTO = 1, FLAG_CONTROL = 2, FLAG_TRIM = 4, FLAG_WIDTH = 8 };

static enum err decode_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                            struct teller *teller) {
    struct decode *decode = ARENA_NEW(arena, struct decode);
    if (!decode) return ERR_MEMORY;
    bound->settings = decode;
    bound->reasons = reasons;
    bound->reason_count = REASON_COUNT;
    uint32_t bits;
    enum err err = line_flags(bound->line, 1, flags, teller, &bits);
    if (err != OK) return err;
    if (bits == 0) bits = FLAG_AUTO;
    decode->control = bits & (FLAG_AUTO | FLAG_CONTROL);
    decode->trim = bits & (FLAG_AUTO | FLAG_TRIM);
    decode->width = bits & FLAG_WIDTH;
    return text_places(bound->line, false, plan, arena, teller, &decode->places,
                       &decode->place_count);
}

// ---- one cell -----------------------------------------------------------------------------------

// Bytes of the control or invisible character at `at`; 0 if there is none. Line breaks and tabs are
// text. The joiners U+200C and U+200D are kept where emoji and other scripts need them.
static uint32_t control_bytes(struct str s, size_t at, bool *invisible) {
    const uint8_t *byte = (const uint8_t *)s.data + at;
    size_t left = s.size - at;
    *invisible = false;
    if (byte[0] < 0x20) return byte[0] == '\t' || byte[0] == '\n' || byte[0] == '\r' ? 0 : 1;
    if (byte[0] == 0x7F) return 1;
    if (left >= 2 && byte[0] == 0xC2 && byte[1] < 0xA0) return 2;
    *invisible = true;
    if (left >= 2 && byte[0] == 0xC2) return byte[1] == 0xAD ? 2 : 0; // soft hyphen
    if (left < 3) return 0;
    if (byte[0] == 0xEF) return byte[1] == 0xBB && byte[2] == 0xBF ? 3 : 0; // U+FEFF
    if (byte[0] != 0xE2) return 0;
    if (byte[1] == 0x81) return byte[2] == 0xA0 || (byte[2] >= 0xA6 && byte[2] <= 0xA9) ? 3 : 0;
    if (byte[1] != 0x80) return 0;
    if (byte[2] == 0x8C || byte[2] == 0x8D) {
        // Behind ASCII or a Chinese character a joiner has no use.
        bool plain =
            at == 0 || byte[-1] < 0x80 || (at >= 3 && byte[-3] >= 0xE3 && byte[-3] <= 0xE9);
        return plain ? 3 : 0;
    }
    return byte[2] == 0x8B || byte[2] == 0x8E || byte[2] == 0x8F ||
                   (byte[2] >= 0xAA && byte[2] <= 0xAE)
               ? 3
               : 0;
}

// The ASCII digit or letter that the full-width one at `at` stands for; 0 if there is none.
static char narrow_at(struct str s, size_t at) {
    const uint8_t *byte = (const uint8_t *)s.data + at;
    if (byte[0] != 0xEF || s.size - at < 3) return '\0';
    if (byte[1] == 0xBC && byte[2] >= 0x90 && byte[2] <= 0x99) return (char)('0' + byte[2] - 0x90);
    if (byte[1] == 0xBC && byte[2] >= 0xA1 && byte[2] <= 0xBA) return (char)('A' + byte[2] - 0xA1);
    if (byte[1] == 0xBD && byte[2] >= 0x81 && byte[2] <= 0x9A) return (char)('a' + byte[2] - 0x81);
    return '\0';
}

static struct str trim_all(struct str s) {
    for (;;) {
        size_t before = s.size;
        s = str_trim(s);
        if (str_starts(s, STR("　"))) s.data += 3, s.size -= 3;
        if (str_ends(s, STR("　"))) s.size -= 3;
        if (str_starts(s, STR("\xC2\xA0"))) s.data += 2, s.size -= 2;
        if (str_ends(s, STR("\xC2\xA0"))) s.size -= 2;
        if (s.size == before) return s;
    }
}

// Writes the repaired cell into `out`; returns the reasons as bits, 0 if nothing changed.
static uint32_t repair(const struct decode *decode, struct str cell, struct buf *out) {
    uint32_t bits = 0;
    for (size_t at = 0; at < cell.size;) {
        bool invisible;
        uint32_t bytes = decode->control ? control_bytes(cell, at, &invisible) : 0;
        if (bytes) {
            bits |= 1u << (invisible ? REASON_INVISIBLE : REASON_CONTROL);
            at += bytes;
            continue;
        }
        char narrow = decode->width ? narrow_at(cell, at) : '\0';
        if (narrow) {
            bits |= 1u << REASON_WIDTH;
            buf_add_char(out, narrow);
            at += 3;
        } else {
            buf_add_char(out, cell.data[at++]);
        }
    }
    return bits;
}

// Whether a look at each character is worth while: most cells have nothing to repair.
static bool may_need_repair(const struct decode *decode, struct str cell) {
    for (size_t i = 0; i < cell.size; i++) {
        uint8_t byte = (uint8_t)cell.data[i];
        if (byte < 0x20 || byte == 0x7F || byte == 0xC2 || byte == 0xE2) return true;
        if (byte == 0xEF && (decode->width || (i + 1 < cell.size && cell.data[i + 1] != '\xBC'))) {
            return true;
        }
    }
    return false;
}

static enum err decode_cell(void *ctx, struct str cell, struct buf *scratch, struct str *out,
                            uint32_t *bits) {
    const struct decode *decode = ctx;
    if (may_need_repair(decode, cell)) {
        if (memmem(cell.data, cell.size, "\xEF\xBF\xBD", 3)) *bits |= 1u << REASON_UNREADABLE;
        *bits |= repair(decode, cell, scratch);
        if (buf_err(scratch) != OK) return buf_err(scratch);
        *out = buf_str(scratch);
    }
    if (decode->trim) {
        struct str trimmed = trim_all(*out);
        if (trimmed.size != out->size) *bits |= 1u << REASON_SPACES;
        *out = trimmed;
    }
    return OK;
}

static enum err decode_run(const struct bound *bound, struct part *part) {
    struct decode decode = *(const struct decode *)bound->settings;
    return part_rewrite(part, decode.places, decode.place_count, decode_cell, &decode,
                        REASON_EMPTIED);
}

const struct operator operator_decode = {
    .name = "decode",
    .example = "decode auto width",
    .options = (const struct operator_option[]){{"columns", NULL}, {NULL, NULL}},
    .bind = decode_bind,
    .run = decode_run,
};
