#include "data/cleanse/texts_private.h"

static enum err named(const struct word *option, const struct plan *plan, struct teller *teller,
                      uint32_t **out_places, uint32_t *out_count) {
    *out_count = option->value_count;
    enum err err = plan_find(plan, option->values, option->value_count, teller, out_places);
    for (uint32_t i = 0; i < option->value_count && err == OK; i++) {
        const struct plan_column *column = &plan->columns[(*out_places)[i]];
        if (column->type == COLUMN_TEXT) continue;
        err = tell_fault(teller, "recipe.wrong_type", option->values[i].column, column->name);
    }
    return err;
}

static bool is_text(const struct plan_column *column) {
    return column->type == COLUMN_TEXT && !column->removed;
}

enum err texts_places(const struct line *line, const char *option, const struct plan *plan,
                      struct arena *arena, struct teller *teller, uint32_t **out_places,
                      uint32_t *out_count) {
    const struct word *word = line_option(line, option);
    *out_count = 0;
    if (!plan) return OK;
    if (word) return named(word, plan, teller, out_places, out_count);
    bool declared = false;
    for (uint32_t i = 0; i < plan->count; i++) {
        declared |= is_text(&plan->columns[i]) && plan->columns[i].free_text;
    }
    *out_places = ARENA_ARRAY(arena, uint32_t, plan->count + 1);
    if (!*out_places) return ERR_MEMORY;
    for (uint32_t i = 0; i < plan->count; i++) {
        if (!is_text(&plan->columns[i]) || (declared && !plan->columns[i].free_text)) continue;
        (*out_places)[(*out_count)++] = i;
    }
    return OK;
}

uint32_t texts_still_there(const struct plan *plan, uint32_t step, const uint32_t *places,
                           uint32_t place_count, uint32_t *out) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < place_count; i++) {
        const struct plan_column *column = &plan->columns[places[i]];
        if (column->removed && column->removed_by < step) continue;
        out[count++] = places[i];
    }
    return count;
}

struct str row_text(const struct part *part, const uint32_t *places, uint32_t place_count,
                    uint32_t row, struct buf *scratch) {
    struct str only = STR_NONE;
    uint32_t cells = 0;
    buf_clear(scratch);
    for (uint32_t i = 0; i < place_count; i++) {
        const struct column *column = &part->columns[places[i]];
        if (!column_valid(column, row)) continue;
        struct str cell = column_text(column, row);
        if (cells == 1) buf_add_str(scratch, only);
        if (cells >= 1) {
            buf_add_char(scratch, '\n');
            buf_add_str(scratch, cell);
        }
        only = cell;
        cells++;
    }
    return cells > 1 ? buf_str(scratch) : only;
}
