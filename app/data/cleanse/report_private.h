// The report of a run as JSON (its shape: cleanse.h). Depends on run_private.h.
#pragma once

#include "data/anonymity/anonymity.h"
#include "data/cleanse/run_private.h"

struct report {
    const struct run *run;
    const struct recipe *recipe;
    const struct personal_counts *found, *remaining; // (columns of the input)
    struct cleanse_input input;                      // the table itself
    struct cleanse_input output;                     // what was written
    bool measured;                                   // risk is that of the output
    struct risk risk;
    struct risk_names risk_names;
    struct fault unmeasured; // why not
    struct str quasi_names[LIMIT_QUASI], sensitive_names[LIMIT_SENSITIVE];
};
// Measures the risk of the table that was written.
enum err report_measure(struct report *report, const char *path) MUST_USE;
// "risk", and "risk_fault" where it could not be measured.
void report_risk_write(const struct report *report, struct json_writer *out);
// Errors stick in `out`.
void report_write(const struct report *report, struct buf *out);
