// decode: repairs of text that is already decoded. What it does: takes away control characters and
// invisible ones (zero-width, byte order marks, soft hyphens, marks that turn the writing
// direction), takes away white space around a cell, and, when asked (width), turns full-width
// digits and letters into ASCII. A cell that is empty then becomes missing. What it does not do: a
// character that an import could not read (U+FFFD) is lost; such cells are counted, not mended.
#include <string.h>

#include "data/cleanse/operator_private.h"

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

static enum err read_flags(struct decode *decode, const struct line *line, struct teller *teller) {
    static const char *const names[] = {"auto", "control", "trim", "width"};
    enum err err = OK;
    bool any = false;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        if (word->sign == SIGN_EQUAL) continue;
        struct item head = word->heads[0];
        struct nearest nearest = nearest_to(head.text);
        bool flag[4] = {false};
        for (int k = 0; k < 4; k++) {
            flag[k] =
                word->sign == SIGN_NONE && word->head_count == 1 && str_is(head.text, names[k]);
            nearest_offer(&nearest, str_of(names[k]));
        }
        if (!flag[0] && !flag[1] && !flag[2] && !flag[3]) {
            struct str detail = nearest.best.size ? nearest.best : head.text;
            err = tell_fault(teller, "recipe.unknown_option", head.column, detail);
            continue;
        }
        decode->control |= flag[0] || flag[1];
        decode->trim |= flag[0] || flag[2];
        decode->width |= flag[3];
        any = true;
    }
    if (!any) decode->control = decode->trim = true;
    return err;
}

static enum err decode_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                            struct teller *teller) {
    struct decode *decode = ARENA_NEW(arena, struct decode);
    if (!decode) return ERR_MEMORY;
    enum err err = read_flags(decode, bound->line, teller);
    bound->settings = decode;
    bound->reasons = reasons;
    bound->reason_count = REASON_COUNT;
    if (err != OK || !plan) return err;
    const struct word *columns = line_option(bound->line, "columns");
    if (columns) {
        decode->place_count = columns->value_count;
        err = plan_find(plan, columns->values, columns->value_count, teller, &decode->places);
        for (uint32_t i = 0; i < columns->value_count && err == OK; i++) {
            const struct plan_column *column = &plan->columns[decode->places[i]];
            if (column->type == COLUMN_TEXT) continue;
            err = tell_fault(teller, "recipe.wrong_type", columns->values[i].column, column->name);
        }
        return err;
    }
    decode->places = ARENA_ARRAY(arena, uint32_t, plan->count);
    if (!decode->places) return ERR_MEMORY;
    for (uint32_t place = 0; place < plan->count; place++) {
        const struct plan_column *column = &plan->columns[place];
        if (column->removed || column->type != COLUMN_TEXT) continue;
        decode->places[decode->place_count++] = place;
    }
    return OK;
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
    buf_clear(out);
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

static void tally_bits(struct part *part, uint32_t bits) {
    for (uint32_t reason = 0; reason < REASON_COUNT; reason++) {
        part->tally->reasons[reason] += bits >> reason & 1;
    }
    // An unreadable character by itself changes nothing.
    if (bits & ~(1u << REASON_UNREADABLE)) part->tally->cells_changed++;
}

static enum err decode_cell(const struct decode *decode, struct part *part, struct str cell,
                            struct buf *scratch, struct text_edit *edit) {
    uint32_t bits = 0;
    struct str repaired = cell;
    if (may_need_repair(decode, cell)) {
        if (memmem(cell.data, cell.size, "\xEF\xBF\xBD", 3)) bits |= 1u << REASON_UNREADABLE;
        bits |= repair(decode, cell, scratch);
        if (buf_err(scratch) != OK) return buf_err(scratch);
        repaired = buf_str(scratch);
    }
    if (decode->trim) {
        struct str trimmed = trim_all(repaired);
        if (trimmed.size != repaired.size) bits |= 1u << REASON_SPACES;
        repaired = trimmed;
    }
    bool emptied = repaired.size == 0 && cell.size > 0;
    if (emptied) bits |= 1u << REASON_EMPTIED;
    tally_bits(part, bits);
    return emptied ? text_edit_missing(edit) : text_edit_add(edit, repaired);
}

// Whether any cell of the column changes or is to be counted; if none, the column stays as it is.
static bool column_needs_repair(const struct decode *decode, const struct part *part,
                                const struct column *column) {
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row] || !column_valid(column, row)) continue;
        struct str cell = column_text(column, row);
        if (may_need_repair(decode, cell)) return true;
        if (decode->trim && trim_all(cell).size != cell.size) return true;
    }
    return false;
}

static enum err decode_column(const struct decode *decode, struct part *part, uint32_t place,
                              struct buf *scratch) {
    const struct column column = part->columns[place];
    struct text_edit edit;
    uint64_t changed = part->tally->cells_changed;
    if (!column_needs_repair(decode, part, &column)) return OK;
    enum err err = text_edit_open(&edit, part, place);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row] || !column_valid(&column, row)) {
            err = text_edit_missing(&edit);
        } else {
            err = decode_cell(decode, part, column_text(&column, row), scratch, &edit);
        }
    }
    if (err == OK && part->tally->cells_changed > changed) return text_edit_finish(&edit);
    text_edit_close(&edit);
    return err;
}

static enum err decode_run(const struct bound *bound, struct part *part) {
    const struct decode *decode = bound->settings;
    struct buf scratch;
    buf_open(&scratch, LIMIT_CELL_BYTES);
    enum err err = OK;
    for (uint32_t i = 0; i < decode->place_count && err == OK; i++) {
        err = decode_column(decode, part, decode->places[i], &scratch);
    }
    buf_close(&scratch);
    return err;
}

const struct operator operator_decode = {
    .name = "decode",
    .example = "decode auto width",
    .options = (const struct operator_option[]){{"columns", NULL}, {NULL, NULL}},
    .bind = decode_bind,
    .run = decode_run,
};
