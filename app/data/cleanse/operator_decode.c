// decode: repairs of text that is already decoded. What it does: takes away control characters and
// invisible ones (zero-width, byte order marks, soft hyphens, marks that turn the writing
// direction), takes away white space around a cell, and, when asked, turns back text that was read
// in the wrong encoding (mojibake) and full-width digits and letters into ASCII (width). A cell
// that is empty then becomes missing. A character that is lost (U+FFFD) is counted, not mended.
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
    REASON_REPAIRED, // and the other kinds of repair, REASON_REPAIRED + kind
    REASON_COUNT = REASON_REPAIRED + REPAIR_KIND_COUNT
};

static const struct reason reasons[REASON_COUNT] = {
    [REASON_CONTROL] = {"decode.control", {0}},
    [REASON_INVISIBLE] = {"decode.invisible", {0}},
    [REASON_SPACES] = {"decode.spaces", {0}},
    [REASON_WIDTH] = {"decode.width", {0}},
    [REASON_EMPTIED] = {"decode.emptied", {0}},
    [REASON_UNREADABLE] = {"decode.unreadable", {0}},
    [REASON_REPAIRED + REPAIR_UTF8_AS_GBK] = {"decode.utf8_as_gbk", {0}},
    [REASON_REPAIRED + REPAIR_UTF8_AS_LATIN] = {"decode.utf8_as_latin", {0}},
    [REASON_REPAIRED + REPAIR_GBK_AS_LATIN] = {"decode.gbk_as_latin", {0}},
    [REASON_REPAIRED + REPAIR_BIG5_AS_LATIN] = {"decode.big5_as_latin", {0}},
    [REASON_REPAIRED + REPAIR_GBK_AS_BIG5] = {"decode.gbk_as_big5", {0}},
    [REASON_REPAIRED + REPAIR_BIG5_AS_GBK] = {"decode.big5_as_gbk", {0}},
    [REASON_REPAIRED + REPAIR_LOST] = {"decode.lost", {0}},
};

struct decode {
    bool control, trim, width, mojibake;
    uint32_t *places;
    uint32_t place_count;
};

struct decode_state {
    struct repair *repair; // while parts run
};

static const char *const names[] = {"auto", "control", "trim", "width", "mojibake", NULL};
enum { FLAG_AUTO = 1, FLAG_CONTROL = 2, FLAG_TRIM = 4, FLAG_WIDTH = 8, FLAG_MOJIBAKE = 16 };

static enum err decode_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                            struct teller *teller) {
    struct decode *decode = ARENA_NEW(arena, struct decode);
    struct decode_state *state = ARENA_NEW(arena, struct decode_state);
    if (!decode || !state) return ERR_MEMORY;
    bound->settings = decode;
    bound->state = state;
    bound->reasons = reasons;
    bound->reason_count = REASON_COUNT;
    uint32_t bits;
    enum err err = line_flags(bound->line, 1, names, teller, &bits);
    if (err != OK) return err;
    if (bits == 0) bits = FLAG_AUTO;
    decode->control = bits & (FLAG_AUTO | FLAG_CONTROL);
    decode->trim = bits & (FLAG_AUTO | FLAG_TRIM);
    decode->width = bits & FLAG_WIDTH;
    decode->mojibake = bits & FLAG_MOJIBAKE;
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

struct worker {
    const struct decode *decode;
    const struct repair *repair;
    struct buf repaired;
};

static enum err decode_cell(void *ctx, struct str cell, struct buf *scratch, struct str *out,
                            uint32_t *bits) {
    struct worker *worker = ctx;
    const struct decode *decode = worker->decode;
    if (worker->repair) {
        uint64_t counts[REPAIR_KIND_COUNT] = {0};
        buf_clear(&worker->repaired);
        enum err err = text_repair(worker->repair, cell, &worker->repaired, counts);
        if (err != OK) return err;
        for (uint32_t kind = 0; kind < REPAIR_KIND_COUNT; kind++) {
            if (counts[kind]) *bits |= 1u << (REASON_REPAIRED + kind);
        }
        if (*bits) *out = buf_str(&worker->repaired);
    }
    uint32_t flags =
        (decode->control ? NORMALISE_CONTROL : 0u) | (decode->width ? NORMALISE_LETTERS : 0u);
    if (flags) {
        uint64_t counts[CHANGE_COUNT] = {0};
        enum err err = text_normalise(*out, flags, scratch, counts);
        if (err != OK) return err;
        uint64_t changed = counts[CHANGE_CONTROL] + counts[CHANGE_INVISIBLE] + counts[CHANGE_WIDTH];
        if (counts[CHANGE_CONTROL]) *bits |= 1u << REASON_CONTROL;
        if (counts[CHANGE_INVISIBLE]) *bits |= 1u << REASON_INVISIBLE;
        if (counts[CHANGE_WIDTH]) *bits |= 1u << REASON_WIDTH;
        if (changed) *out = buf_str(scratch);
    }
    if (memmem(out->data, out->size, "\xEF\xBF\xBD", 3)) *bits |= 1u << REASON_UNREADABLE;
    if (decode->trim) {
        struct str trimmed = trim_all(*out);
        if (trimmed.size != out->size) *bits |= 1u << REASON_SPACES;
        *out = trimmed;
    }
    return OK;
}

static enum err decode_start(struct bound *bound, const struct plan *plan,
                             const struct cleanse_options *options) {
    const struct decode *decode = bound->settings;
    struct decode_state *state = bound->state;
    (void)plan, (void)options;
    return decode->mojibake && !state->repair ? repair_open(&state->repair) : OK;
}

static void decode_stop(struct bound *bound) {
    struct decode_state *state = bound->state;
    repair_close(state->repair);
    state->repair = NULL;
}

static enum err decode_run(const struct bound *bound, struct part *part) {
    const struct decode *decode = bound->settings;
    const struct decode_state *state = bound->state;
    struct worker worker = {.decode = decode, .repair = state->repair};
    buf_open(&worker.repaired, (size_t)LIMIT_CELL_BYTES * 8);
    enum err err = part_rewrite(part, decode->places, decode->place_count, decode_cell, &worker,
                                REASON_EMPTIED);
    buf_close(&worker.repaired);
    return err;
}

const struct operator operator_decode = {
    .name = "decode",
    .example = "decode auto mojibake width",
    .options = (const struct operator_option[]){{"columns", NULL}, {NULL, NULL}},
    .bare = "auto|control|trim|width|mojibake",
    .bind = decode_bind,
    .start = decode_start,
    .run = decode_run,
    .stop = decode_stop,
};
