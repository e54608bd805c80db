// The profile of one column as it grows, and what is proposed from it. Depends on sketch_private.h
// and data/table.h. A column's profile is fed by one thread at a time, batches in order.
#pragma once

#include "base/json.h"
#include "data/cleanse/part_private.h"
#include "data/cleanse/sketch_private.h"

enum {
    PROFILE_TOP = 20,           // values shown with their counts
    PROFILE_EXAMPLES = 5,       // values shown
    PROFILE_BINS = 20,          // bars of a histogram
    PROFILE_VALUE_BYTES = 200,  // a shown value is cut there
    PROFILE_WIDE_COLUMNS = 200, // from here on sketches are coarser
};

// How much a profile shows of each column: less of a wide table, so that the whole stays within
// LIMIT_JSON_BYTES.
struct profile_shape {
    uint32_t top, examples, bins, value_bytes;
};
struct profile_shape profile_shape_of(uint32_t column_count);

struct profile {
    const struct field *field;
    uint64_t rows, missing;
    // Numbers, dates, times: the running mean and sum of squares about it (Welford).
    double mean, squares;
    int64_t integer_minimum, integer_maximum;            // INTEGER, DATE, TIME, BOOLEAN
    double minimum, maximum;                             // NUMBER
    uint64_t length_minimum, length_maximum, length_sum; // TEXT, in characters
    struct values values;
    struct distinct distinct; // once the values overflow
    struct quantiles quantiles;
    struct personal_counts personal;
    struct personal_examples *examples; // NULL while there are none
};
// Masked, as they are shown.
struct personal_examples {
    uint8_t count[PERSONAL_KIND_COUNT];
    char text[PERSONAL_KIND_COUNT][PERSONAL_EXAMPLES][80];
};

void profile_open(struct profile *profile, const struct field *field, uint32_t column_count);
void profile_close(struct profile *profile);
enum err profile_add(struct profile *profile, const struct column *column, uint32_t row_count,
                     uint64_t first_row) MUST_USE;
// What a scan of one batch of the column found; the first examples are masked and kept.
enum err profile_add_personal(struct profile *profile, const struct column *column,
                              const struct personal_counts *counts,
                              const struct personal_seen *seen) MUST_USE;
bool profile_is_number(const struct profile *profile); // has an order and a mean
uint64_t profile_distinct(const struct profile *profile, bool *exact);

// What a column seems to be, by its name and what stands in it.
enum column_role role_propose(const struct profile *profile);

// ---- writing ------------------------------------------------------------------------------------

// The values that a profile shows, read again from the table.
struct shown {
    struct value_entry top[PROFILE_TOP];
    struct str top_text[PROFILE_TOP];
    uint32_t top_count;
    struct value_entry first[PROFILE_EXAMPLES];
    struct str first_text[PROFILE_EXAMPLES];
    uint32_t first_count;
};
// One element of "columns".
void profile_write(struct json_writer *out, const struct profile *profile,
                   const struct shown *shown, const struct profile_shape *shape);
