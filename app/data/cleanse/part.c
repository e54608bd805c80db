// What operators do to a part of a table: drop rows, put in new columns, and the copy of what is
// left.
#include <string.h>

#include "base/assert.h"
#include "data/cleanse/part_private.h"

void part_drop_row(struct part *part, uint32_t row, uint32_t reason) {
    cy_assert(row < part->row_count && reason < 1u << 16);
    part->gone[row] = (part->step + 1) << 16 | reason;
    part->tally->reasons[reason]++;
}

uint8_t *part_own_validity(struct part *part, uint32_t place) {
    struct column *column = &part->columns[place];
    size_t bytes = (part->row_count + 7) / 8;
    uint8_t *own = ARENA_ARRAY(part->arena, uint8_t, bytes);
    if (!own) return NULL;
    if (column->valid) {
        memcpy(own, column->valid, bytes);
    } else {
        memset(own, 0xFF, bytes);
    }
    column->valid = own;
    return own;
}

// ---- a new text column --------------------------------------------------------------------------

enum err text_edit_open(struct text_edit *edit, struct part *part, uint32_t place) {
    *edit = (struct text_edit){.part = part, .place = place};
    buf_open(&edit->bytes, UINT32_MAX);
    edit->offsets = ARENA_ARRAY(part->arena, uint32_t, part->row_count + 1);
    edit->valid = ARENA_ARRAY(part->arena, uint8_t, (part->row_count + 7) / 8);
    if (!edit->offsets || !edit->valid) return ERR_MEMORY;
    // Most edits leave the size about as it was: one taking instead of a dozen.
    const struct column *old = &part->columns[place];
    size_t size = old->type == COLUMN_TEXT ? old->offsets[part->row_count] : 0;
    (void)buf_reserve(&edit->bytes, size + size / 8 + (size_t)part->row_count * 4 + 64);
    return buf_err(&edit->bytes);
}

void text_edit_close(struct text_edit *edit) {
    buf_close(&edit->bytes);
}

enum err text_edit_add(struct text_edit *edit, struct str cell) {
    cy_assert(edit->rows < edit->part->row_count);
    if (cell.size > LIMIT_CELL_BYTES) return ERR_LIMIT;
    buf_add_str(&edit->bytes, cell);
    edit->valid[edit->rows >> 3] |= (uint8_t)(1u << (edit->rows & 7));
    edit->offsets[++edit->rows] = (uint32_t)edit->bytes.size;
    return buf_err(&edit->bytes);
}

enum err text_edit_missing(struct text_edit *edit) {
    cy_assert(edit->rows < edit->part->row_count);
    edit->any_missing = true;
    edit->offsets[++edit->rows] = (uint32_t)edit->bytes.size;
    return OK;
}

enum err text_edit_finish(struct text_edit *edit) {
    struct part *part = edit->part;
    cy_assert(edit->rows == part->row_count);
    char *bytes = ARENA_ARRAY(part->arena, char, edit->bytes.size + 1);
    if (bytes) {
        if (edit->bytes.size) memcpy(bytes, edit->bytes.data, edit->bytes.size);
        part->columns[edit->place] = (struct column){
            .type = COLUMN_TEXT,
            .valid = edit->any_missing ? edit->valid : NULL,
            .offsets = edit->offsets,
            .bytes = bytes,
        };
    }
    text_edit_close(edit);
    return bytes ? OK : ERR_MEMORY;
}

// ---- what is left -------------------------------------------------------------------------------

// Eight bytes a value, whatever it means; a missing one is 0, so that nothing shines through.
static enum err gather_words(const struct part *part, const struct column *from, struct column *to,
                             uint32_t kept) {
    int64_t *words = ARENA_ARRAY(part->arena, int64_t, kept);
    if (!words) return ERR_MEMORY;
    const int64_t *source = from->integers;
    const double *numbers = from->numbers;
    double *doubles = (double *)words;
    uint32_t out = 0;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        if (column_valid(from, row)) {
            if (from->type == COLUMN_NUMBER) {
                doubles[out] = numbers[row];
            } else {
                words[out] = source[row];
            }
        }
        out++;
    }
    if (from->type == COLUMN_NUMBER) {
        to->numbers = doubles;
    } else {
        to->integers = words;
    }
    return OK;
}

static enum err gather_booleans(const struct part *part, const struct column *from,
                                struct column *to, uint32_t kept) {
    uint8_t *booleans = ARENA_ARRAY(part->arena, uint8_t, kept);
    if (!booleans) return ERR_MEMORY;
    uint32_t out = 0;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        booleans[out++] = column_valid(from, row) ? from->booleans[row] : 0;
    }
    to->booleans = booleans;
    return OK;
}

static enum err gather_text(const struct part *part, const struct column *from, struct column *to,
                            uint32_t kept) {
    size_t size = 0;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (!part->gone[row] && column_valid(from, row)) size += column_text(from, row).size;
    }
    uint32_t *offsets = ARENA_ARRAY(part->arena, uint32_t, kept + 1);
    char *bytes = ARENA_ARRAY(part->arena, char, size + 1);
    if (!offsets || !bytes) return ERR_MEMORY;
    uint32_t out = 0;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        struct str cell = column_valid(from, row) ? column_text(from, row) : STR_NONE;
        if (cell.size) memcpy(bytes + offsets[out], cell.data, cell.size);
        offsets[out + 1] = offsets[out] + (uint32_t)cell.size;
        out++;
    }
    to->offsets = offsets;
    to->bytes = bytes;
    return OK;
}

static enum err gather_validity(const struct part *part, const struct column *from,
                                struct column *to, uint32_t kept) {
    if (!from->valid) return OK;
    uint8_t *valid = ARENA_ARRAY(part->arena, uint8_t, (kept + 7) / 8);
    if (!valid) return ERR_MEMORY;
    uint32_t out = 0;
    bool all = true;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        if (column_valid(from, row)) {
            valid[out >> 3] |= (uint8_t)(1u << (out & 7));
        } else {
            all = false;
        }
        out++;
    }
    to->valid = all ? NULL : valid;
    return OK;
}

static enum err gather_column(const struct part *part, const struct column *from, struct column *to,
                              uint32_t kept) {
    *to = (struct column){.type = from->type};
    if (gather_validity(part, from, to, kept) != OK) return ERR_MEMORY;
    switch (from->type) {
    case COLUMN_TEXT: return gather_text(part, from, to, kept);
    case COLUMN_BOOLEAN: return gather_booleans(part, from, to, kept);
    default: return gather_words(part, from, to, kept);
    }
}

enum err part_gather(const struct part *part, const struct plan *plan, struct batch *out) {
    uint32_t kept = 0, columns = 0;
    for (uint32_t row = 0; row < part->row_count; row++) kept += part->gone[row] == 0;
    for (uint32_t place = 0; place < plan->count; place++) columns += !plan->columns[place].removed;
    struct column *gathered = ARENA_ARRAY(part->arena, struct column, columns + 1);
    if (!gathered) return ERR_MEMORY;
    uint32_t at = 0;
    for (uint32_t place = 0; place < plan->count && kept > 0; place++) {
        if (plan->columns[place].removed) continue;
        cy_assert(part->columns[place].type == plan->columns[place].type);
        enum err err = gather_column(part, &part->columns[place], &gathered[at++], kept);
        if (err != OK) return err;
    }
    *out = (struct batch){.row_count = kept, .columns = gathered};
    return OK;
}
