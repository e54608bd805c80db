// decode: repairs of text that is already decoded. What it does: takes away control characters and
// invisible ones (zero-width, byte order marks, soft hyphens, marks that turn the writing
// direction), takes away white space around a cell, and, when asked (width), turns full-width
// digits and letters into ASCII. A cell that is empty then becomes missing. What it does not do: a
// character that an import could not read (U+FFFD) is lost; such cells are counted, not mended.
#include <string.h>

#include "data/cleanse/rewrite_private.h"
#include "data/language/language.h"

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

static const char *const names[] = {"auto", "control", "trim", "width", NULL};
enum { FLAG_AUTO = 1, FLAG_CONTROL = 2, FLAG_TRIM = 4, FLAG_WIDTH = 8 };

static enum err decode_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                            struct teller *teller) {
    struct decode *decode = ARENA_NEW(arena, struct decode);
    if (!decode) return ERR_MEMORY;
    bound->settings = decode;
    bound->reasons = reasons;
    bound->reason_count = REASON_COUNT;
    uint32_t bits;
    enum err err = line_flags(bound->line, 1, names, teller, &bits);
    if (err != OK) return err;
    if (bits == 0) bits = FLAG_AUTO;
    decode->control = bits & (FLAG_AUTO | FLAG_CONTROL);
    decode->trim = bits & (FLAG_AUTO | FLAG_TRIM);
    decode->width = bits & FLAG_WIDTH;
    return text_places(bound->line, false, plan, arena, teller, &decode->places,
                       &decode->place_count);
}

// ---- one cell -----------------------------------------------------------------------------------

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

static enum err decode_cell(void *ctx, struct str cell, struct buf *scratch, struct str *out,
                            uint32_t *bits) {
    const struct decode *decode = ctx;
    uint32_t flags =
        (decode->control ? NORMALISE_CONTROL : 0u) | (decode->width ? NORMALISE_LETTERS : 0u);
    if (flags) {
        uint64_t counts[CHANGE_COUNT] = {0};
        enum err err = text_normalise(cell, flags, scratch, counts);
        if (err != OK) return err;
        if (counts[CHANGE_CONTROL]) *bits |= 1u << REASON_CONTROL;
        if (counts[CHANGE_INVISIBLE]) *bits |= 1u << REASON_INVISIBLE;
        if (counts[CHANGE_WIDTH]) *bits |= 1u << REASON_WIDTH;
        if (*bits) *out = buf_str(scratch);
    }
    if (memmem(cell.data, cell.size, "\xEF\xBF\xBD", 3)) *bits |= 1u << REASON_UNREADABLE;
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
    .bare = "auto|control|trim|width",
    .bind = decode_bind,
    .run = decode_run,
};
