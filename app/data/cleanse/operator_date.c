// date: makes dates coarser. year and decade become whole numbers (1987, 1980), quarter and month
// become text (1987-Q3, 1987-09): a date that still looks exact would say more than is known.
#include <stdio.h>

#include "base/clock.h"
#include "data/cleanse/operator_private.h"

enum coarseness { COARSE_YEAR, COARSE_QUARTER, COARSE_MONTH, COARSE_DECADE };
static const char *const coarseness_names[] = {"year", "quarter", "month", "decade", NULL};

struct date {
    enum coarseness coarseness;
    uint32_t *places;
    uint32_t place_count;
};

static enum err bind_columns(struct date *date, const struct word *word, struct plan *plan,
                             struct teller *teller) {
    enum err err = plan_find(plan, word->heads, word->head_count, teller, &date->places);
    if (err != OK) return err;
    date->place_count = word->head_count;
    bool number = date->coarseness == COARSE_YEAR || date->coarseness == COARSE_DECADE;
    for (uint32_t i = 0; i < word->head_count; i++) {
        struct plan_column *column = &plan->columns[date->places[i]];
        if (column->type != COLUMN_DATE && column->type != COLUMN_TIME) {
            err = tell_fault(teller, "recipe.wrong_type", word->heads[i].column, column->name);
            continue;
        }
        column->type = number ? COLUMN_INTEGER : COLUMN_TEXT;
        plan_treat(column, TREATMENT_COARSENED);
        if (column->role == COLUMN_DIRECT) column->role = COLUMN_QUASI;
    }
    return err;
}

static enum err date_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                          struct teller *teller) {
    struct date *date = ARENA_NEW(arena, struct date);
    if (!date) return ERR_MEMORY;
    bound->settings = date;
    const struct word *columns = NULL;
    enum err err = OK;
    for (uint32_t i = 1; i < bound->line->word_count; i++) {
        const struct word *word = &bound->line->words[i];
        if (word->sign == SIGN_EQUAL) continue;
        if (word->sign != SIGN_NONE || columns) {
            err = tell_fault(teller, "recipe.unexpected_word", word->heads[0].column,
                             word->heads[0].text);
        }
        columns = word;
    }
    if (!line_option(bound->line, "coarsen")) {
        err = tell_fault(teller, "recipe.missing_option", 1, STR("coarsen"));
    }
    uint32_t choice = COARSE_YEAR;
    if (err == OK) {
        err = line_choice(bound->line, "coarsen", coarseness_names, COARSE_YEAR, teller, &choice);
    }
    date->coarseness = (enum coarseness)choice;
    if (err == OK && !columns) err = tell_fault(teller, "recipe.nothing_to_do", 1, STR("date"));
    if (err != OK || !plan) return err;
    return bind_columns(date, columns, plan, teller);
}

static int64_t days_of(const struct column *column, uint32_t row) {
    int64_t value = column->integers[row];
    if (column->type == COLUMN_DATE) return value;
    return value / 86400 - (value % 86400 < 0);
}

static enum err coarsen_to_number(const struct date *date, struct part *part, uint32_t place) {
    struct column *column = &part->columns[place];
    int64_t *years = ARENA_ARRAY(part->arena, int64_t, part->row_count);
    if (!years) return ERR_MEMORY;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row] || !column_valid(column, row)) continue;
        unsigned month, day;
        civil_from_days(days_of(column, row), &years[row], &month, &day);
        if (date->coarseness == COARSE_DECADE) years[row] -= years[row] % 10;
        part->tally->cells_changed++;
    }
    *column = (struct column){.type = COLUMN_INTEGER, .valid = column->valid, .integers = years};
    return OK;
}

// "1987-Q3" or "1987-09"; years outside 0-9999 as they are.
static size_t date_text(enum coarseness coarseness, int64_t days, char out[static 32]) {
    int64_t year;
    unsigned month, day;
    civil_from_days(days, &year, &month, &day);
    if (year < 0 || year > 9999) {
        return (size_t)snprintf(out, 32, "%lld-%02u", (long long)year, month);
    }
    for (int i = 3; i >= 0; i--, year /= 10) out[i] = (char)('0' + year % 10);
    bool quarter = coarseness == COARSE_QUARTER;
    out[4] = '-';
    out[5] = quarter ? 'Q' : (char)('0' + month / 10);
    out[6] = (char)('0' + (quarter ? (month + 2) / 3 : month % 10));
    return 7;
}

static enum err coarsen_to_text(const struct date *date, struct part *part, uint32_t place) {
    const struct column column = part->columns[place];
    struct text_edit edit;
    enum err err = text_edit_open(&edit, part, place);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row] || !column_valid(&column, row)) {
            err = text_edit_missing(&edit);
            continue;
        }
        char text[32];
        size_t size = date_text(date->coarseness, days_of(&column, row), text);
        err = text_edit_add(&edit, (struct str){text, size});
        part->tally->cells_changed++;
    }
    if (err == OK) return text_edit_finish(&edit);
    text_edit_close(&edit);
    return err;
}

static enum err date_run(const struct bound *bound, struct part *part) {
    const struct date *date = bound->settings;
    bool number = date->coarseness == COARSE_YEAR || date->coarseness == COARSE_DECADE;
    for (uint32_t i = 0; i < date->place_count; i++) {
        enum err err = number ? coarsen_to_number(date, part, date->places[i])
                              : coarsen_to_text(date, part, date->places[i]);
        if (err != OK) return err;
    }
    return OK;
}

const struct operator operator_date = {
    .name = "date",
    .example = "date 出生日期 coarsen=year",
    .options =
        (const struct operator_option[]){{"coarsen", "year|quarter|month|decade"}, {NULL, NULL}},
    .bind = date_bind,
    .run = date_run,
};
