// date: makes dates coarser or shifts them.
//   date 出生日期 coarsen=year
//       year and decade become whole numbers (1987, 1980); quarter, month and week become text
//       (1987-Q3, 1987-09, 1987-W36): a date that still looks exact would say more than is known
//   date 入院日期 shift per=患者ID window=180
//       all dates of a person by the same days, which only the key knows; without columns all
//       dates; text=主诉: those inside text too
//   … oldest=89 at=2026-01-01
//       who is older than that on the day (or on the day in the column named) is written as just
//       over it
#include <stdio.h>

#include "base/clock.h"
#include "data/cleanse/date_private.h"

static const char *const coarseness_names[] = {"year", "quarter", "month", "week", "decade", NULL};

static const struct reason reasons[DATE_REASONS] = {
    [REASON_DATE_OLDEST] = {"date.oldest", {0}},
    [REASON_DATE_NO_PERSON] = {"date.no_person", {0}},
    [REASON_DATE_TEXT] = {"date.text", {0}},
};

// ---- reading the line ---------------------------------------------------------------------------

struct reading {
    struct date *date;
    const struct line *line;
    const struct word *columns; // NULL: all dates
    struct plan *plan;
    struct teller *teller;
};

static bool says_shift(const struct word *word) {
    return word->sign == SIGN_NONE && word->head_count == 1 && !word->heads[0].quoted &&
           str_is(word->heads[0].text, "shift");
}

static enum err read_words(struct reading *reading) {
    const struct line *line = reading->line;
    enum err err = OK;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        if (word->sign == SIGN_EQUAL) continue;
        if (says_shift(word) && !reading->date->shift) {
            reading->date->shift = true;
        } else if (word->sign != SIGN_NONE || reading->columns) {
            err = tell_fault(reading->teller, "recipe.unexpected_word", word->heads[0].column,
                             word->heads[0].text);
        } else {
            reading->columns = word;
        }
    }
    return err;
}

static enum err read_number(struct reading *reading, const char *name, uint64_t least,
                            uint64_t most, uint32_t *out) {
    const struct word *word = line_option(reading->line, name);
    uint64_t value = 0;
    if (!word) return OK;
    struct item item = word->values[0];
    if (word->sign != SIGN_EQUAL || word->value_count != 1 || !str_to_u64(item.text, &value) ||
        value < least || value > most) {
        return tell_fault(reading->teller, "recipe.bad_option", item.column, str_of(name));
    }
    *out = (uint32_t)value;
    return OK;
}

// "1990-01-01"
static bool day_read(struct str text, int64_t *out) {
    struct date_found found;
    if (!date_find(text, 0, 2001, &found) || found.size != text.size || !found.day.size) {
        return false;
    }
    *out = found.days;
    return true;
}

static enum err read_oldest(struct reading *reading) {
    struct date *date = reading->date;
    const struct word *at = line_option(reading->line, "at");
    enum err err = read_number(reading, "oldest", 1, 150, &date->oldest);
    date->at_place = PLACE_NONE;
    if (err != OK || (!date->oldest && !at)) return err;
    if (!date->oldest || !at) {
        return tell_fault(reading->teller, "recipe.missing_option", 1,
                          at ? STR("oldest") : STR("at"));
    }
    if (day_read(at->values[0].text, &date->at_days) || !reading->plan) return OK;
    uint32_t *places;
    err = plan_find(reading->plan, at->values, 1, reading->teller, &places);
    if (err != OK) return err;
    date->at_place = places[0];
    const struct plan_column *column = &reading->plan->columns[places[0]];
    if (column->type == COLUMN_DATE || column->type == COLUMN_TIME) return OK;
    return tell_fault(reading->teller, "recipe.wrong_type", at->values[0].column, column->name);
}

static enum err read_options(struct reading *reading) {
    struct date *date = reading->date;
    const struct line *line = reading->line;
    bool coarsen = line_option(line, "coarsen") != NULL;
    uint32_t choice = COARSE_NOT;
    enum err err = OK, told;
    date->window = DATE_WINDOW;
    told = line_choice(line, "coarsen", coarseness_names, COARSE_NOT, reading->teller, &choice);
    if (told != OK) err = told;
    date->coarseness = (enum coarseness)choice;
    if ((told = read_oldest(reading)) != OK) err = told;
    if ((told = read_number(reading, "window", 1, DATE_WINDOW_MOST, &date->window)) != OK) {
        err = told;
    }
    if ((told = line_check_project(line, reading->teller)) != OK) err = told;
    if (date->shift && coarsen) {
        err = tell_fault(reading->teller, "recipe.shift_or_coarsen", 1, STR("date"));
    } else if (date->shift && !line_option(line, "per")) {
        err = tell_fault(reading->teller, "recipe.missing_option", 1, STR("per"));
    } else if (!date->shift && !coarsen && !date->oldest) {
        err = tell_fault(reading->teller, "recipe.missing_option", 1, STR("coarsen"));
    }
    const struct word *text = line_option(line, "text");
    if (!date->shift && text) {
        err = tell_fault(reading->teller, "recipe.text_needs_shift", text->heads[0].column,
                         STR("text"));
    }
    if (!date->shift && err == OK && !reading->columns) {
        err = tell_fault(reading->teller, "recipe.nothing_to_do", 1, STR("date"));
    }
    return err;
}

// ---- columns ------------------------------------------------------------------------------------

static bool is_date(const struct plan_column *column) {
    return !column->removed && (column->type == COLUMN_DATE || column->type == COLUMN_TIME);
}

static enum err bind_all(struct reading *reading) {
    struct date *date = reading->date;
    const struct plan *plan = reading->plan;
    date->places = ARENA_ARRAY(plan->arena, uint32_t, plan->count);
    if (!date->places) return ERR_MEMORY;
    for (uint32_t place = 0; place < plan->count; place++) {
        if (is_date(&plan->columns[place])) date->places[date->place_count++] = place;
    }
    if (date->place_count || line_option(reading->line, "text")) return OK;
    return tell_fault(reading->teller, "recipe.no_dates", 1, STR("date"));
}

static enum err bind_columns(struct reading *reading) {
    struct date *date = reading->date;
    const struct word *word = reading->columns;
    if (!word) return bind_all(reading);
    enum err err =
        plan_find(reading->plan, word->heads, word->head_count, reading->teller, &date->places);
    if (err != OK) return err;
    date->place_count = word->head_count;
    for (uint32_t i = 0; i < word->head_count; i++) {
        const struct plan_column *column = &reading->plan->columns[date->places[i]];
        for (uint32_t k = 0; k < i; k++) {
            if (date->places[k] != date->places[i]) continue;
            err = tell_fault(reading->teller, "recipe.column_twice", word->heads[i].column,
                             column->name);
        }
        if (is_date(column)) continue;
        err = tell_fault(reading->teller, "recipe.wrong_type", word->heads[i].column, column->name);
    }
    return err;
}

static enum err bind_shift(struct reading *reading) {
    struct date *date = reading->date;
    struct plan *plan = reading->plan;
    const struct word *per = line_option(reading->line, "per");
    const struct word *text = line_option(reading->line, "text");
    uint32_t *places;
    if (per->value_count != 1) {
        return tell_fault(reading->teller, "recipe.bad_option", per->values[0].column, STR("per"));
    }
    // A column that an earlier line took away still says whose row it is.
    bool found = false;
    for (uint32_t place = 0; place < plan->count && !found; place++) {
        found = str_equal(plan->columns[place].name, per->values[0].text);
        if (found) date->per = place;
    }
    if (!found) return plan_find(plan, per->values, 1, reading->teller, &places);
    date->per_kind = kind_of_column(plan->columns[date->per].name);
    if (!text) return OK;
    enum err err = plan_find(plan, text->values, text->value_count, reading->teller, &date->texts);
    if (err != OK) return err;
    date->text_count = text->value_count;
    for (uint32_t i = 0; i < date->text_count; i++) {
        const struct plan_column *column = &plan->columns[date->texts[i]];
        if (column->type == COLUMN_TEXT && !column->removed) continue;
        err =
            tell_fault(reading->teller, "recipe.wrong_type", text->values[i].column, column->name);
    }
    return err;
}

static bool gives_number(const struct date *date) {
    return date->coarseness == COARSE_YEAR || date->coarseness == COARSE_DECADE;
}

static void treat_columns(struct reading *reading) {
    const struct date *date = reading->date;
    for (uint32_t i = 0; i < date->place_count; i++) {
        struct plan_column *column = &reading->plan->columns[date->places[i]];
        bool coarsen = date->coarseness != COARSE_NOT;
        if (coarsen) column->type = gives_number(date) ? COLUMN_INTEGER : COLUMN_TEXT;
        plan_treat(column, date->shift ? TREATMENT_SHIFTED : TREATMENT_COARSENED);
        if (column->role == COLUMN_DIRECT) column->role = COLUMN_QUASI;
    }
    for (uint32_t i = 0; i < date->text_count; i++) {
        plan_treat(&reading->plan->columns[date->texts[i]], TREATMENT_TEXT_MASKED);
    }
}

static enum err date_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                          struct teller *teller) {
    struct date *date = ARENA_NEW(arena, struct date);
    if (!date) return ERR_MEMORY;
    bound->settings = date;
    bound->reasons = reasons;
    bound->reason_count = DATE_REASONS;
    struct reading reading = {.date = date, .line = bound->line, .plan = plan, .teller = teller};
    enum err err = read_words(&reading);
    if (err == OK) err = read_options(&reading);
    if (err != OK || !plan) return err;
    err = bind_columns(&reading);
    if (err == OK && date->shift) err = bind_shift(&reading);
    if (err == OK) treat_columns(&reading);
    return err;
}

static enum err date_start(struct bound *bound, const struct plan *plan,
                           const struct cleanse_options *options) {
    struct date *date = bound->settings;
    struct hash key;
    (void)plan;
    if (!date->shift) return OK;
    enum err err = line_key(bound->line, options, &key);
    if (err != OK) return err;
    struct hash own = hmac_sha256((struct str){(const char *)key.bytes, sizeof key.bytes},
                                  STR("courtyard shift 1"));
    hmac_key_set(&date->key, (struct str){(const char *)own.bytes, sizeof own.bytes});
    bytes_wipe(&key, sizeof key);
    bytes_wipe(&own, sizeof own);
    return OK;
}

// ---- coarser ------------------------------------------------------------------------------------

int64_t days_of(const struct column *column, uint32_t row) {
    int64_t value = column->integers[row];
    if (column->type == COLUMN_DATE) return value;
    return value / 86400 - (value % 86400 < 0);
}

int64_t oldest_day(const struct date *date, const struct part *part, uint32_t row) {
    if (!date->oldest) return INT64_MIN;
    int64_t at = date->at_days, year;
    unsigned month, day;
    if (date->at_place != PLACE_NONE) {
        const struct column *column = &part->before[date->at_place];
        bool known = column->type == COLUMN_DATE || column->type == COLUMN_TIME;
        if (!known || !column_valid(column, row)) return INT64_MIN;
        at = days_of(column, row);
    }
    civil_from_days(at, &year, &month, &day);
    if (month == 2 && day == 29) day = 28;
    return days_from_civil(year - (int64_t)date->oldest - 1, month, day);
}

// The day of a cell, that of somebody too old replaced.
static int64_t day_of(const struct date *date, struct part *part, const struct column *column,
                      uint32_t row) {
    int64_t days = days_of(column, row), least = oldest_day(date, part, row);
    part->tally->cells_changed++;
    if (days >= least) return days;
    part->tally->reasons[REASON_DATE_OLDEST]++;
    return least;
}

static enum err coarsen_to_number(const struct date *date, struct part *part, uint32_t place) {
    struct column *column = &part->columns[place];
    int64_t *years = ARENA_ARRAY(part->arena, int64_t, part->row_count);
    if (!years) return ERR_MEMORY;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row] || !column_valid(column, row)) continue;
        unsigned month, day;
        civil_from_days(day_of(date, part, column, row), &years[row], &month, &day);
        if (date->coarseness == COARSE_DECADE) years[row] -= years[row] % 10;
    }
    *column = (struct column){.type = COLUMN_INTEGER, .valid = column->valid, .integers = years};
    return OK;
}

// The week of ISO 8601 and the year it belongs to: that of its Thursday.
static unsigned week_of(int64_t days, int64_t *year) {
    unsigned month, day;
    int64_t weekday = ((days + 3) % 7 + 7) % 7; // 0: Monday
    int64_t thursday = days - weekday + 3;
    civil_from_days(thursday, year, &month, &day);
    return (unsigned)((thursday - days_from_civil(*year, 1, 1)) / 7) + 1;
}

// "1987-Q3", "1987-09" or "1987-W36"; years outside 0-9999 as they are.
static size_t date_text(enum coarseness coarseness, int64_t days, char out[static 32]) {
    int64_t year;
    unsigned month, day;
    civil_from_days(days, &year, &month, &day);
    unsigned number = coarseness == COARSE_QUARTER ? (month + 2) / 3 : month;
    if (coarseness == COARSE_WEEK) number = week_of(days, &year);
    if (year < 0 || year > 9999) {
        return (size_t)snprintf(out, 32, "%lld-%02u", (long long)year, number);
    }
    for (int i = 3; i >= 0; i--, year /= 10) out[i] = (char)('0' + year % 10);
    size_t size = 4;
    out[size++] = '-';
    if (coarseness == COARSE_QUARTER) out[size++] = 'Q';
    if (coarseness == COARSE_WEEK) out[size++] = 'W';
    if (coarseness != COARSE_QUARTER) out[size++] = (char)('0' + number / 10);
    out[size++] = (char)('0' + number % 10);
    return size;
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
        int64_t days = day_of(date, part, &column, row);
        size_t size = date_text(date->coarseness, days, text);
        err = text_edit_add(&edit, (struct str){text, size});
    }
    if (err == OK) return text_edit_finish(&edit);
    text_edit_close(&edit);
    return err;
}

// Only those of people too old change.
static enum err bound_column(const struct date *date, struct part *part, uint32_t place) {
    struct column *column = &part->columns[place];
    int64_t *values = ARENA_ARRAY(part->arena, int64_t, part->row_count);
    if (!values) return ERR_MEMORY;
    int64_t day = column->type == COLUMN_DATE ? 1 : 86400;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row] || !column_valid(column, row)) continue;
        int64_t least = oldest_day(date, part, row);
        values[row] = column->integers[row];
        if (days_of(column, row) >= least) continue;
        values[row] = least * day;
        part->tally->cells_changed++;
        part->tally->reasons[REASON_DATE_OLDEST]++;
    }
    column->integers = values;
    return OK;
}

static enum err date_run(const struct bound *bound, struct part *part) {
    const struct date *date = bound->settings;
    if (date->shift) return date_shift_run(date, part);
    for (uint32_t i = 0; i < date->place_count; i++) {
        uint32_t place = date->places[i];
        enum err err = date->coarseness == COARSE_NOT ? bound_column(date, part, place)
                       : gives_number(date)           ? coarsen_to_number(date, part, place)
                                                      : coarsen_to_text(date, part, place);
        if (err != OK) return err;
    }
    return OK;
}

static void date_report(const struct bound *bound, struct json_writer *out) {
    const struct date *date = bound->settings;
    struct str project = line_project(bound->line);
    if (date->shift) {
        json_set_u64(out, "window", date->window);
        if (project.size) json_set_text(out, "project", project);
    } else if (date->coarseness != COARSE_NOT) {
        json_set_text(out, "coarsen", str_of(coarseness_names[date->coarseness]));
    }
    if (date->oldest) json_set_u64(out, "oldest", date->oldest);
}

static bool date_keyed(const struct line *line) {
    bool shifts = false;
    for (uint32_t i = 1; i < line->word_count; i++) shifts |= says_shift(&line->words[i]);
    return shifts;
}

const struct operator operator_date = {
    .name = "date",
    .example = "date 出生日期 coarsen=year",
    .options = (const struct operator_option[]){{"coarsen", "year|quarter|month|week|decade"},
                                                {"per", NULL},
                                                {"window", ""},
                                                {"text", NULL},
                                                {"oldest", ""},
                                                {"at", ""},
                                                {"scope", "dataset|project"},
                                                {"project", ""},
                                                {NULL, NULL}},
    .bare_columns = true,
    .keyed = date_keyed,
    .bind = date_bind,
    .start = date_start,
    .run = date_run,
    .report = date_report,
};
