#include <math.h>

#include "base/number.h"
#include "data/cleanse/profile_private.h"

struct profile_shape profile_shape_of(uint32_t column_count) {
    if (column_count <= PROFILE_WIDE_COLUMNS) {
        return (struct profile_shape){PROFILE_TOP, PROFILE_EXAMPLES, PROFILE_BINS,
                                      PROFILE_VALUE_BYTES};
    }
    if (column_count <= 5 * PROFILE_WIDE_COLUMNS) return (struct profile_shape){8, 3, 10, 60};
    return (struct profile_shape){2, 2, 0, 24};
}

// ---- values by type -----------------------------------------------------------------------------

static void put_integer(struct json_writer *out, enum column_type type, int64_t value) {
    char text[24];
    if (type == COLUMN_DATE || type == COLUMN_TIME) {
        if (type == COLUMN_DATE) date_write(value, text);
        if (type == COLUMN_TIME) time_write(value, text);
        json_put_text(out, str_of(text));
    } else {
        json_put_i64(out, value);
    }
}

static void put_key(struct json_writer *out, enum column_type type, uint64_t key) {
    if (type == COLUMN_NUMBER) {
        json_put_number(out, number_of_key(key));
    } else {
        put_integer(out, type, integer_of_key(key));
    }
}

// ---- quantiles ----------------------------------------------------------------------------------

static double key_as_number(enum column_type type, uint64_t key) {
    return type == COLUMN_NUMBER ? number_of_key(key) : (double)integer_of_key(key);
}

// Between the two nearest values in proportion (the usual "type 7"); of dates, and of a sketch, the
// value itself.
static void put_quantile(struct json_writer *out, const struct profile *profile, double share) {
    enum column_type type = profile->field->type;
    const struct quantiles *quantiles = &profile->quantiles;
    double rank = share * (double)(quantiles->count - 1);
    uint64_t below = (uint64_t)rank;
    bool between = quantiles->exact && (type == COLUMN_NUMBER || type == COLUMN_INTEGER) &&
                   below + 1 < quantiles->count && rank > (double)below;
    uint64_t key = quantiles_at(quantiles, below);
    if (!between) {
        put_key(out, type, key);
        return;
    }
    double low = key_as_number(type, key);
    double high = key_as_number(type, quantiles_at(quantiles, below + 1));
    json_put_number(out, low + (high - low) * (rank - (double)below));
}

static void write_quantiles(struct json_writer *out, const struct profile *profile) {
    static const double shares[] = {0, .05, .25, .5, .75, .95, 1};
    json_put_name(out, "quantiles");
    json_open_array(out);
    for (size_t i = 0; i < 7; i++) {
        // The ends are known exactly even when the rest is a sketch.
        if (i == 0 || i == 6) {
            bool low = i == 0;
            if (profile->field->type == COLUMN_NUMBER) {
                json_put_number(out, low ? profile->minimum : profile->maximum);
            } else {
                put_integer(out, profile->field->type,
                            low ? profile->integer_minimum : profile->integer_maximum);
            }
        } else {
            put_quantile(out, profile, shares[i]);
        }
    }
    json_close_array(out);
    json_set_bool(out, "quantiles_exact", profile->quantiles.exact);
}

// ---- histogram ----------------------------------------------------------------------------------

// Edges of `bins` bars of one width: whole numbers for whole numbers, days and seconds. Returns the
// bars; the first `bars` edges are filled as keys, the last edge is the end.
static uint32_t histogram_edges(const struct profile *profile, uint32_t bins, uint64_t *edges) {
    if (profile->field->type == COLUMN_NUMBER) {
        double low = profile->minimum, width = (profile->maximum - low) / bins;
        if (!isfinite(width) || width <= 0) return 0;
        for (uint32_t i = 0; i <= bins; i++) edges[i] = key_of_number(low + width * i);
        edges[bins] = key_of_number(profile->maximum);
        return bins;
    }
    uint64_t range =
        key_of_integer(profile->integer_maximum) - key_of_integer(profile->integer_minimum);
    uint64_t width = range / bins + 1;
    uint32_t bars = (uint32_t)(range / width + 1);
    for (uint32_t i = 0; i <= bars; i++) {
        uint64_t edge, low = key_of_integer(profile->integer_minimum);
        bool over = __builtin_add_overflow(low, width * i, &edge);
        edges[i] = over ? UINT64_MAX : edge;
    }
    return bars;
}

static void write_histogram(struct json_writer *out, const struct profile *profile, uint32_t bins) {
    uint64_t edges[PROFILE_BINS + 2];
    uint32_t bars = histogram_edges(profile, bins, edges);
    enum column_type type = profile->field->type;
    json_put_name(out, "histogram");
    json_open_object(out);
    json_put_name(out, "edges");
    json_open_array(out);
    for (uint32_t i = 0; bars && i <= bars; i++) put_key(out, type, edges[i]);
    json_close_array(out);
    json_put_name(out, "counts");
    json_open_array(out);
    uint64_t before = 0;
    for (uint32_t i = 0; i < bars; i++) {
        uint64_t up_to = i + 1 == bars ? profile->quantiles.count
                                       : quantiles_below(&profile->quantiles, edges[i + 1]);
        json_put_u64(out, up_to - before);
        before = up_to;
    }
    json_close_array(out);
    json_close_object(out);
}

// ---- the column ---------------------------------------------------------------------------------

static void write_numbers(struct json_writer *out, const struct profile *profile,
                          const struct profile_shape *shape) {
    enum column_type type = profile->field->type;
    uint64_t present = profile->rows - profile->missing;
    json_put_name(out, "minimum");
    if (type == COLUMN_NUMBER) {
        json_put_number(out, profile->minimum);
    } else {
        put_integer(out, type, profile->integer_minimum);
    }
    json_put_name(out, "maximum");
    if (type == COLUMN_NUMBER) {
        json_put_number(out, profile->maximum);
    } else {
        put_integer(out, type, profile->integer_maximum);
    }
    json_put_name(out, "mean");
    if (type == COLUMN_DATE || type == COLUMN_TIME) {
        put_integer(out, type, (int64_t)floor(profile->mean));
    } else {
        json_put_number(out, profile->mean);
    }
    // Of the sample (n - 1); of dates in days, of times in seconds.
    double variance = present > 1 ? profile->squares / (double)(present - 1) : 0;
    json_set_number(out, "deviation", sqrt(variance));
    write_quantiles(out, profile);
    if (shape->bins) write_histogram(out, profile, shape->bins);
}

static void write_values(struct json_writer *out, const struct shown *shown) {
    json_put_name(out, "top");
    json_open_array(out);
    for (uint32_t i = 0; i < shown->top_count; i++) {
        json_open_object(out);
        json_set_text(out, "value", shown->top_text[i]);
        json_set_u64(out, "count", shown->top[i].count);
        json_close_object(out);
    }
    json_close_array(out);
    json_put_name(out, "examples");
    json_open_array(out);
    for (uint32_t i = 0; i < shown->first_count; i++) json_put_text(out, shown->first_text[i]);
    json_close_array(out);
}

static void write_personal(struct json_writer *out, const struct profile *profile) {
    uint64_t present = profile->rows - profile->missing;
    json_put_name(out, "personal");
    json_open_array(out);
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        uint64_t cells = profile->personal.cells[kind], whole = profile->personal.whole[kind];
        if (cells == 0) continue;
        json_open_object(out);
        json_set_text(out, "kind", str_of(personal_kind_name((enum personal_kind)kind)));
        json_set_u64(out, "cells", cells);
        json_set_number(out, "share", (double)cells / (double)present);
        json_set_text(out, "where", whole * 2 >= cells ? STR("whole") : STR("inside"));
        json_set_u64(out, "confidence", profile->personal.confidence[kind] / cells);
        json_put_name(out, "examples");
        json_open_array(out);
        const struct personal_examples *examples = profile->examples;
        for (uint32_t i = 0; examples && i < examples->count[kind]; i++) {
            json_put_text(out, str_of(examples->text[kind][i]));
        }
        json_close_array(out);
        json_close_object(out);
    }
    json_close_array(out);
}

void profile_write(struct json_writer *out, const struct profile *profile,
                   const struct shown *shown, const struct profile_shape *shape) {
    uint64_t present = profile->rows - profile->missing;
    bool exact;
    uint64_t distinct = profile_distinct(profile, &exact);
    json_open_object(out);
    json_set_text(out, "name", profile->field->name);
    json_set_text(out, "type", str_of(column_type_name(profile->field->type)));
    json_set_text(out, "role", str_of(column_role_name(profile->field->role)));
    json_set_text(out, "role_proposed", str_of(column_role_name(role_propose(profile))));
    json_set_u64(out, "missing", profile->missing);
    json_set_u64(out, "distinct", distinct);
    json_set_bool(out, "distinct_exact", exact);
    if (present > 0 && profile_is_number(profile)) write_numbers(out, profile, shape);
    if (present > 0 && profile->field->type == COLUMN_BOOLEAN) {
        json_set_number(out, "mean", profile->mean / (double)present);
    }
    if (present > 0 && profile->field->type == COLUMN_TEXT) {
        json_set_u64(out, "length_minimum", profile->length_minimum);
        json_set_u64(out, "length_maximum", profile->length_maximum);
        json_set_number(out, "length_mean", (double)profile->length_sum / (double)present);
    }
    write_values(out, shown);
    write_personal(out, profile);
    json_close_object(out);
}
