// The report of a run as JSON (its shape: cleanse.h). Depends on run_private.h.
#pragma once

#include "data/cleanse/run_private.h"

struct report {
    const struct run *run;
    const struct recipe *recipe;
    const struct personal_counts *found, *remaining; // (columns of the input)
    struct cleanse_input input;                      // the table itself
    struct cleanse_input output;                     // what was written
};
// Errors stick in `out`.
void report_write(const struct report *report, struct buf *out);
