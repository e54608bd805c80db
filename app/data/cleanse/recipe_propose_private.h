// A proposal as it grows: what the profile says of the columns, and the lines so far. Depends on
// operator_private.h and base/json.h. One thread.
#pragma once

#include "data/cleanse/operator_private.h"

struct proposal {
    const struct json *profile, *columns;
    struct buf *out;
    bool personal; // the table is about people
    enum recipe_preset preset;
    struct schema schema; // of the profile's columns: lines are tried against it
    struct arena *arena;
};

// What a column is, by the profile; a role that a person has confirmed goes before a proposed one.
typedef bool column_test(const struct json *column);
bool column_is_direct(const struct json *column);
bool column_is_quasi(const struct json *column);
bool column_is_sensitive(const struct json *column);
bool column_is_birth(const struct json *column);
bool column_is_other_date(const struct json *column);
bool column_is_all_missing(const struct json *column);
bool column_has_personal_inside(const struct json *column); // text with identifiers in it
bool column_is_prose(const struct json *column);            // sentences, whatever stands in them
bool column_is_age(const struct json *column);
bool column_numbers_people(const struct json *column); // by a number that is one person's
bool column_is_checked(const struct json *column); // filled with identifiers that have a checksum
uint32_t columns_count(const struct proposal *proposal, column_test *wanted);
// Names of the wanted columns with commas, after `before`; false and nothing if there are none.
bool columns_put(const struct proposal *proposal, struct buf *line, const char *before,
                 column_test *wanted);
