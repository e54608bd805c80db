#include "data/cleanse/profile_private.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "data/cleanse/fingerprint_private.h"

enum {
    // Bounds of one column and of all together: a narrow table is exact far, a wide one still fits.
    VALUES_MOST = 1 << 20,     // 48 MB
    VALUES_TOGETHER = 6 << 20, // 288 MB at most
    VALUES_LEAST = 1024,
    QUANTILES_MOST = 4 << 20,      // 32 MB, and once as much while sorting
    QUANTILES_TOGETHER = 32 << 20, // 256 MB
    QUANTILES_LEAST = 4096,
    SKETCH_WIDTH = 4096,
    SKETCH_WIDTH_WIDE = 512,
};

static uint64_t share_of(uint64_t together, uint64_t most, uint64_t least, uint32_t columns) {
    uint64_t share = together / columns;
    return share > most ? most : share < least ? least : share;
}

void profile_open(struct profile *profile, const struct field *field, uint32_t column_count) {
    *profile = (struct profile){.field = field,
                                .length_minimum = UINT64_MAX,
                                .integer_minimum = INT64_MAX,
                                .integer_maximum = INT64_MIN,
                                .minimum = INFINITY,
                                .maximum = -INFINITY};
    values_open(&profile->values,
                share_of(VALUES_TOGETHER, VALUES_MOST, VALUES_LEAST, column_count));
    quantiles_open(&profile->quantiles,
                   share_of(QUANTILES_TOGETHER, QUANTILES_MOST, QUANTILES_LEAST, column_count),
                   column_count > PROFILE_WIDE_COLUMNS ? SKETCH_WIDTH_WIDE : SKETCH_WIDTH);
}

void profile_close(struct profile *profile) {
    memory_give(profile->examples);
    values_close(&profile->values);
    distinct_close(&profile->distinct);
    quantiles_close(&profile->quantiles);
}

bool profile_is_number(const struct profile *profile) {
    enum column_type type = profile->field->type;
    return type == COLUMN_INTEGER || type == COLUMN_NUMBER || type == COLUMN_DATE ||
           type == COLUMN_TIME;
}

// The values have overflowed: from here on different ones are only estimated.
static enum err begin_distinct(struct profile *profile) {
    enum err err = distinct_open(&profile->distinct);
    for (uint64_t i = 0; i < profile->values.room && err == OK; i++) {
        uint64_t hash = profile->values.entries[i].hash;
        if (hash) distinct_add(&profile->distinct, hash);
    }
    return err;
}

static enum err count_value(struct profile *profile, const struct column *column, uint32_t row,
                            uint64_t table_row) {
    struct fingerprint fingerprint = fingerprint_start();
    fingerprint_add_cell(&fingerprint, column, row);
    uint64_t hash = fingerprint_64(&fingerprint);
    bool full;
    enum err err = values_add(&profile->values, hash, table_row, &full);
    if (err == OK && full && !profile->distinct.registers) err = begin_distinct(profile);
    if (err == OK && profile->distinct.registers) distinct_add(&profile->distinct, hash);
    return err;
}

static void add_number(struct profile *profile, double value, uint64_t count) {
    double step = value - profile->mean;
    profile->mean += step / (double)count;
    profile->squares += step * (value - profile->mean);
}

static enum err add_ordered(struct profile *profile, const struct column *column, uint32_t row,
                            uint64_t count) {
    if (column->type == COLUMN_NUMBER) {
        double value = column->numbers[row];
        if (value < profile->minimum) profile->minimum = value;
        if (value > profile->maximum) profile->maximum = value;
        add_number(profile, value, count);
        return quantiles_add(&profile->quantiles, key_of_number(value));
    }
    int64_t value = column->integers[row];
    if (value < profile->integer_minimum) profile->integer_minimum = value;
    if (value > profile->integer_maximum) profile->integer_maximum = value;
    add_number(profile, (double)value, count);
    return quantiles_add(&profile->quantiles, key_of_integer(value));
}

static void add_text(struct profile *profile, struct str cell) {
    uint64_t length = utf8_count(cell);
    profile->length_sum += length;
    if (length < profile->length_minimum) profile->length_minimum = length;
    if (length > profile->length_maximum) profile->length_maximum = length;
}

enum err profile_add(struct profile *profile, const struct column *column, uint32_t row_count,
                     uint64_t first_row) {
    bool ordered = profile_is_number(profile);
    for (uint32_t row = 0; row < row_count; row++) {
        profile->rows++;
        if (!column_valid(column, row)) {
            profile->missing++;
            continue;
        }
        enum err err = count_value(profile, column, row, first_row + row);
        if (err == OK && ordered) {
            err = add_ordered(profile, column, row, profile->rows - profile->missing);
        }
        if (err != OK) return err;
        if (column->type == COLUMN_TEXT) add_text(profile, column_text(column, row));
        if (column->type == COLUMN_BOOLEAN) profile->mean += column->booleans[row];
    }
    return OK;
}

uint64_t profile_distinct(const struct profile *profile, bool *exact) {
    *exact = profile->distinct.registers == NULL;
    if (*exact) return profile->values.used;
    uint64_t present = profile->rows - profile->missing;
    double estimate = round(distinct_estimate(&profile->distinct));
    // Never less than was counted, never more than there are.
    if (estimate < (double)profile->values.used + 1) return profile->values.used + 1;
    return estimate > (double)present ? present : (uint64_t)estimate;
}

// ---- personal data ------------------------------------------------------------------------------

static void add_example(struct personal_examples *examples, enum personal_kind kind,
                        const struct column *column, const struct personal_place *place) {
    char *text = examples->text[kind][examples->count[kind]];
    enum { ROOM = sizeof examples->text[0][0] };
    char number[ROOM];
    struct buf value = {.data = number, .room = ROOM, .cap_bytes = ROOM};
    struct buf masked = {.data = text, .room = ROOM, .cap_bytes = ROOM - 1};
    if (column->type == COLUMN_TEXT) {
        struct str cell = column_text(column, place->row);
        if ((uint64_t)place->start + place->size > cell.size) return;
        value =
            (struct buf){.data = (char *)(uintptr_t)cell.data + place->start, .size = place->size};
    } else {
        column_write(&value, column, place->row);
    }
    if (buf_err(&value) == OK) personal_mask(kind, buf_str(&value), &masked);
    bool good = buf_err(&value) == OK && buf_err(&masked) == OK;
    if (good) text[masked.size] = '\0';
    for (uint32_t i = 0; good && i < examples->count[kind]; i++) {
        good = strcmp(examples->text[kind][i], text) != 0;
    }
    examples->count[kind] += good;
}

enum err profile_add_personal(struct profile *profile, const struct column *column,
                              const struct personal_counts *counts,
                              const struct personal_seen *seen) {
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        profile->personal.cells[kind] += counts->cells[kind];
        profile->personal.whole[kind] += counts->whole[kind];
        profile->personal.confidence[kind] += counts->confidence[kind];
        for (uint32_t i = 0; i < seen->count[kind]; i++) {
            if (!profile->examples) profile->examples = memory_take(sizeof *profile->examples);
            if (!profile->examples) return ERR_MEMORY;
            if (profile->examples->count[kind] == PERSONAL_EXAMPLES) break;
            add_example(profile->examples, (enum personal_kind)kind, column, &seen->place[kind][i]);
        }
    }
    return OK;
}
