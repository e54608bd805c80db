// Shifts: every date of one person by the same number of days, which only the key knows. What lies
// between two dates of a person stays; nothing else does.
#include <string.h>

#include "base/clock.h"
#include "data/cleanse/date_private.h"

struct shifter {
    const struct date *date;
    struct part *part;
    int32_t *shifts; // (row_count): days; never 0
    struct buf value, message;
};

// The days that this message means: -window to window without 0.
static int32_t shift_of(const struct date *date, struct str message) {
    struct hash hash = hmac_with(&date->key, message);
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) number = number << 8 | hash.bytes[i];
    // 2 * window is far below 2^64: no shift is likelier by more than 2^-50.
    int32_t step = (int32_t)(number % (2 * (uint64_t)date->window));
    int32_t window = (int32_t)date->window;
    return step < window ? step - window : step - window + 1;
}

static void row_message(struct buf *out, uint64_t row) {
    buf_add_text(out, "row");
    buf_add_char(out, '\0');
    for (int i = 0; i < 8; i++) buf_add_char(out, (char)(row >> 8 * i));
}

// Whose row it is decides, however that is written; the row itself where it does not say.
static enum err shifts_find(struct shifter *shifter) {
    const struct date *date = shifter->date;
    struct part *part = shifter->part;
    const struct column *per = &part->before[date->per];
    shifter->shifts = ARENA_ARRAY(part->arena, int32_t, part->row_count);
    if (!shifter->shifts) return ERR_MEMORY;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        buf_clear(&shifter->value);
        buf_clear(&shifter->message);
        if (column_valid(per, row)) column_write(&shifter->value, per, row);
        struct str person = str_trim(buf_str(&shifter->value));
        if (person.size) {
            buf_add_text(&shifter->message, "person");
            buf_add_char(&shifter->message, '\0');
            meaning_write(kind_of_value(date->per_kind, person), person, &shifter->message);
        } else {
            row_message(&shifter->message, part->first_row + row);
            part->tally->reasons[REASON_DATE_NO_PERSON]++;
        }
        if (buf_err(&shifter->value) != OK) return buf_err(&shifter->value);
        if (buf_err(&shifter->message) != OK) return buf_err(&shifter->message);
        shifter->shifts[row] = shift_of(date, buf_str(&shifter->message));
    }
    return OK;
}

static enum err shift_column(const struct shifter *shifter, uint32_t place) {
    const struct date *date = shifter->date;
    struct part *part = shifter->part;
    struct column *column = &part->columns[place];
    int64_t *values = ARENA_ARRAY(part->arena, int64_t, part->row_count);
    uint8_t *valid = part_own_validity(part, place);
    if (!values || !valid) return ERR_MEMORY;
    int64_t day = column->type == COLUMN_DATE ? 1 : 86400;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row] || !column_valid(column, row)) continue;
        int64_t value = column->integers[row], least = oldest_day(date, part, row);
        if (least != INT64_MIN && days_of(column, row) < least) {
            value = least * day;
            part->tally->reasons[REASON_DATE_OLDEST]++;
        }
        part->tally->cells_changed++;
        if (__builtin_add_overflow(value, shifter->shifts[row] * day, &values[row])) {
            valid[row >> 3] &= (uint8_t) ~(1u << (row & 7)); // no day that anybody has seen
        }
    }
    column->integers = values;
    return OK;
}

// ---- inside text --------------------------------------------------------------------------------

// The year of a date that says none: that of the row's first date, 2001 without one.
static int64_t row_year(const struct shifter *shifter, uint32_t row) {
    const struct date *date = shifter->date;
    for (uint32_t i = 0; i < date->place_count; i++) {
        const struct column *column = &shifter->part->before[date->places[i]];
        if (column->type != COLUMN_DATE && column->type != COLUMN_TIME) continue;
        if (!column_valid(column, row)) continue;
        int64_t year;
        unsigned month, day;
        civil_from_days(days_of(column, row), &year, &month, &day);
        if (year >= 1900 && year < 2100) return year;
    }
    return 2001;
}

static enum err shift_cell(struct shifter *shifter, struct str cell, uint32_t row,
                           struct text_edit *edit) {
    struct buf *out = &shifter->value;
    struct date_found found;
    size_t at = 0;
    int64_t year = row_year(shifter, row);
    buf_clear(out);
    while (date_find(cell, at, year, &found)) {
        buf_add(out, cell.data + at, found.start - at);
        date_write_shifted(cell, &found, shifter->shifts[row], out);
        at = found.start + found.size;
        if (found.year.size) {
            unsigned month, day;
            civil_from_days(found.days, &year, &month, &day);
        }
        shifter->part->tally->reasons[REASON_DATE_TEXT]++;
    }
    if (at == 0) return text_edit_add(edit, cell);
    buf_add(out, cell.data + at, cell.size - at);
    shifter->part->tally->cells_changed++;
    return buf_err(out) == OK ? text_edit_add(edit, buf_str(out)) : buf_err(out);
}

static enum err shift_text(struct shifter *shifter, uint32_t place) {
    struct part *part = shifter->part;
    const struct column column = part->columns[place];
    struct text_edit edit;
    enum err err = text_edit_open(&edit, part, place);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row] || !column_valid(&column, row)) {
            err = text_edit_missing(&edit);
        } else {
            err = shift_cell(shifter, column_text(&column, row), row, &edit);
        }
    }
    if (err == OK) return text_edit_finish(&edit);
    text_edit_close(&edit);
    return err;
}

enum err date_shift_run(const struct date *date, struct part *part) {
    struct shifter shifter = {.date = date, .part = part};
    buf_open(&shifter.value, 2 * (size_t)LIMIT_CELL_BYTES);
    buf_open(&shifter.message, 4 * (size_t)LIMIT_CELL_BYTES);
    enum err err = shifts_find(&shifter);
    for (uint32_t i = 0; i < date->text_count && err == OK; i++) {
        err = shift_text(&shifter, date->texts[i]);
    }
    for (uint32_t i = 0; i < date->place_count && err == OK; i++) {
        err = shift_column(&shifter, date->places[i]);
    }
    buf_close(&shifter.value);
    buf_close(&shifter.message);
    return err;
}
