#include "data/cleanse/rewrite_private.h"

#include <string.h>

// ---- the line -----------------------------------------------------------------------------------

static int flag_of(struct item item, const char *const *names) {
    for (int i = 0; names[i]; i++) {
        if (!item.quoted && str_is(item.text, names[i])) return i;
    }
    return -1;
}

static enum err tell_unknown(struct item item, const char *const *names, struct teller *teller) {
    struct nearest nearest = nearest_to(item.text);
    for (int i = 0; names[i]; i++) nearest_offer(&nearest, str_of(names[i]));
    struct str detail = nearest.best.size ? nearest.best : item.text;
    return tell_fault(teller, "recipe.unknown_option", item.column, detail);
}

enum err line_flags(const struct line *line, uint32_t first, const char *const *names,
                    struct teller *teller, uint32_t *out) {
    enum err err = OK;
    *out = 0;
    for (uint32_t i = first; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        if (word->sign == SIGN_EQUAL) continue;
        if (word->sign != SIGN_NONE) {
            struct item head = word->heads[0];
            err = tell_fault(teller, "recipe.unexpected_word", head.column, head.text);
            continue;
        }
        for (uint32_t k = 0; k < word->head_count; k++) {
            int flag = flag_of(word->heads[k], names);
            if (flag < 0)
                err = tell_unknown(word->heads[k], names, teller);
            else
                *out |= 1u << flag;
        }
    }
    return err;
}

bool line_starts_with_columns(const struct line *line, const char *const *names) {
    if (line->word_count < 2 || line->words[1].sign != SIGN_NONE) return false;
    const struct word *word = &line->words[1];
    for (uint32_t i = 0; i < word->head_count; i++) {
        if (flag_of(word->heads[i], names) < 0) return true;
    }
    return false;
}

static enum err named_places(const struct item *names, uint32_t name_count, const struct plan *plan,
                             struct teller *teller, uint32_t **out_places) {
    enum err err = plan_find(plan, names, name_count, teller, out_places);
    for (uint32_t i = 0; i < name_count && err == OK; i++) {
        const struct plan_column *column = &plan->columns[(*out_places)[i]];
        if (column->type == COLUMN_TEXT) continue;
        err = tell_fault(teller, "recipe.wrong_type", names[i].column, column->name);
    }
    return err;
}

static bool any_declared(const struct plan *plan) {
    for (uint32_t place = 0; place < plan->count; place++) {
        const struct plan_column *column = &plan->columns[place];
        if (column->free_text && !column->removed && column->type == COLUMN_TEXT) return true;
    }
    return false;
}

enum err text_places(const struct line *line, bool columns_first, const struct plan *plan,
                     struct arena *arena, struct teller *teller, uint32_t **out_places,
                     uint32_t *out_count) {
    if (!plan) return OK;
    const struct word *columns = line_option(line, "columns");
    if (columns) {
        *out_count = columns->value_count;
        return named_places(columns->values, columns->value_count, plan, teller, out_places);
    }
    bool declared_only = false;
    if (columns_first) {
        const struct word *word = &line->words[1];
        bool text =
            word->head_count == 1 && !word->heads[0].quoted && str_is(word->heads[0].text, "text");
        if (!text) {
            *out_count = word->head_count;
            return named_places(word->heads, word->head_count, plan, teller, out_places);
        }
        declared_only = any_declared(plan);
    }
    *out_places = ARENA_ARRAY(arena, uint32_t, plan->count);
    if (!*out_places) return ERR_MEMORY;
    for (uint32_t place = 0; place < plan->count; place++) {
        const struct plan_column *column = &plan->columns[place];
        if (column->removed || column->type != COLUMN_TEXT) continue;
        if (declared_only && !column->free_text) continue;
        (*out_places)[(*out_count)++] = place;
    }
    return OK;
}

// ---- the cells ----------------------------------------------------------------------------------

struct rewrite {
    struct part *part;
    rewrite_cell *cell;
    void *ctx;
    uint32_t reason_emptied;
    struct buf scratch;
};

static void tally_reasons(struct part *part, uint32_t reasons) {
    for (uint32_t reason = 0; reasons >> reason; reason++) {
        part->tally->reasons[reason] += reasons >> reason & 1;
    }
}

// The rows before the first one that changes, as they were.
static enum err start_edit(struct text_edit *edit, struct part *part, uint32_t place,
                           const struct column *column, uint32_t rows) {
    enum err err = text_edit_open(edit, part, place);
    for (uint32_t row = 0; row < rows && err == OK; row++) {
        bool there = !part->gone[row] && column_valid(column, row);
        err = there ? text_edit_add(edit, column_text(column, row)) : text_edit_missing(edit);
    }
    return err;
}

static enum err rewrite_column(struct rewrite *rewrite, uint32_t place) {
    struct part *part = rewrite->part;
    const struct column column = part->columns[place];
    struct text_edit edit;
    bool editing = false;
    enum err err = OK;
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row] || !column_valid(&column, row)) {
            if (editing) err = text_edit_missing(&edit);
            continue;
        }
        struct str before = column_text(&column, row), after = before;
        uint32_t reasons = 0;
        buf_clear(&rewrite->scratch);
        err = rewrite->cell(rewrite->ctx, before, &rewrite->scratch, &after, &reasons);
        if (err != OK) break;
        bool changed = after.size != before.size ||
                       (before.size && memcmp(after.data, before.data, before.size) != 0);
        bool emptied = changed && after.size == 0;
        if (emptied) reasons |= 1u << rewrite->reason_emptied;
        if (reasons) tally_reasons(part, reasons);
        if (changed) part->tally->cells_changed++;
        if (changed && !editing) {
            editing = true;
            err = start_edit(&edit, part, place, &column, row);
        }
        if (editing && err == OK) {
            err = emptied ? text_edit_missing(&edit) : text_edit_add(&edit, after);
        }
    }
    if (editing && err == OK) return text_edit_finish(&edit);
    if (editing) text_edit_close(&edit);
    return err;
}

enum err part_rewrite(struct part *part, const uint32_t *places, uint32_t place_count,
                      rewrite_cell *cell, void *ctx, uint32_t reason_emptied) {
    struct rewrite rewrite = {part, cell, ctx, reason_emptied, {0}};
    buf_open(&rewrite.scratch, (size_t)LIMIT_CELL_BYTES * 8);
    enum err err = OK;
    for (uint32_t i = 0; i < place_count && err == OK; i++) {
        err = rewrite_column(&rewrite, places[i]);
    }
    buf_close(&rewrite.scratch);
    return err;
}
