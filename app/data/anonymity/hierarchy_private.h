// What values of a column mean to a hierarchy that is made of them. Depends on anonymity.h, base/
// and data/regions.
#pragma once

#include "base/text.h"
#include "data/anonymity/anonymity.h"

// One value as its rule reads it.
struct meaning {
    struct str text;
    uint32_t index;  // among the values given
    bool known;      // it is one of the kind; false for a missing value too
    double number;   // AGE, NUMBER: itself; DATE: seconds; REGION: the code; else 0
    int64_t days;    // DATE
    uint32_t region; // REGION: the division's code
    bool coded;      // REGION: written as a code
};
struct making {
    struct hierarchy_rule rule;
    struct meaning *meanings; // (count)
    uint32_t *ends;           // (count)
    uint32_t count, level_count;
    bool whole;       // all numbers are whole
    bool timed;       // some date has a time of day
    bool same_length; // all values have as many characters
};
// Fills meanings and what is true of all of them.
void meanings_read(struct making *making, const struct str *values);
// The name of a region's node: level 1 the city, 2 the province.
void region_name_write(const struct meaning *meaning, uint32_t level, struct buf *out);
