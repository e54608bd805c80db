// The risk that remains in what was written: of its quasi-identifiers and sensitive columns, as
// they stand in the file.
#include "data/cleanse/report_private.h"

// Places in the file that was written: columns that left the table are not counted.
static uint32_t places_of(const struct plan *plan, enum column_role role, uint32_t most,
                          uint32_t *places, struct str *names) {
    uint32_t count = 0, place = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct plan_column *column = &plan->columns[i];
        if (column->removed) continue;
        if (column->role == role && count < most) {
            names[count] = column->name;
            places[count++] = place;
        }
        place++;
    }
    return count;
}

enum err report_measure(struct report *report, const char *path) {
    const struct run *run = report->run;
    const struct plan *plan = &run->bound.after;
    uint32_t quasi[LIMIT_QUASI], sensitive[LIMIT_SENSITIVE];
    if (run_shaper(run)) return OK; // counts: no row is a person
    uint32_t quasi_count = places_of(plan, COLUMN_QUASI, LIMIT_QUASI, quasi, report->quasi_names);
    uint32_t sensitive_count =
        places_of(plan, COLUMN_SENSITIVE, LIMIT_SENSITIVE, sensitive, report->sensitive_names);
    report->risk_names = (struct risk_names){report->quasi_names, report->sensitive_names,
                                             quasi_count, sensitive_count};
    if (quasi_count == 0) return OK;
    struct fault fault = {0};
    double threshold = rules_number(run->rules, "risk.highest_most");
    enum err err = risk_of_table(path, quasi, quasi_count, sensitive, sensitive_count, threshold,
                                 &report->risk, &fault);
    report->measured = err == OK;
    // A table too large to be measured is still a result; the report says why there is no risk.
    bool too_large = err == ERR_LIMIT || err == ERR_MEMORY;
    if (too_large) report->unmeasured = fault;
    return err == OK || too_large ? OK
                                  : fault_set(run->fault, err, fault.code, str_of(fault.detail));
}

void report_risk_write(const struct report *report, struct json_writer *out) {
    json_put_name(out, "risk");
    if (report->measured) {
        risk_write(out, &report->risk, &report->risk_names);
    } else {
        json_put_null(out);
    }
    if (report->unmeasured.code[0]) {
        json_put_name(out, "risk_fault");
        json_put_fault(out, &report->unmeasured);
    }
}
