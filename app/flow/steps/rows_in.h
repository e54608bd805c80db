// Rows that come with a call: read by column name, held against what the model expects, predicted,
// and written as the answer. The one place where a model's own page, an endpoint and its shadow
// read rows. Everything lives in the arena given, but the findings: rows_in_close. One thread.
#pragma once

#include "base/call.h"
#include "flow/steps/prepare.h"

#define ONE_HALF 0.5 // a binary class is told as positive from here on

enum {
    PREDICT_ROWS_MAX = 10000,
    FINDINGS_TOLD_MAX = 1000, // of one call; the rest is counted
};

// What does not fit, told in full: each with its row, its column, what was given and what was
// expected. An error leaves nothing to answer. After a warning the value counts as missing (a
// category that training has not seen), as it is (a number outside what training has seen) or not
// at all (a column that the model does not know).
struct findings {
    struct buf text; // entries of a JSON array
    struct json_writer out;
    uint64_t errors, warnings, told;
    struct fault first; // of the errors
};

struct rows_in {
    struct arena *arena;
    const struct tabular_model *model;
    struct tabular_about about;
    const struct asking *asking; // A columns
    const float *ranges;         // (F, 2) of training, or NULL
    struct arena *scratch;       // of one value
    uint32_t count;
    struct cells cells; // of `count` rows
    double *out;        // (count, K), once predicted
    struct times times; // survival: where to tell it
    struct findings findings;
    // A row's members mostly come in the order of the row before.
    struct str *names;           // (A + 32)
    uint32_t *order;             // (A + 32): whose name that is
    uint32_t *seen;              // (A): number of the row that had it last
    struct named_asked *by_name; // (A) sorted, where there are many
};

// `list`: the body's "rows". ERR_INPUT, ERR_LIMIT "predict.too_many_rows", or with the first
// finding of those that are errors; rows->findings then tells all. Close it whatever came of it.
enum err rows_read(struct rows_in *rows, const struct tabular_model *model,
                   const struct asking *asking, struct arena *arena, const struct json *list,
                   struct fault *fault) MUST_USE;
enum err rows_predict(struct rows_in *rows, struct fault *fault) MUST_USE;
// The members "positive", "predictions", "findings", "finding_count" of an open object. Of the
// body: "contributions", true for all columns, a number for so many of the strongest; "times" where
// a survival model is to tell its probability.
enum err rows_tell(struct rows_in *rows, const struct json *body, struct json_writer *out,
                   struct fault *fault) MUST_USE;
// All findings as a JSON array, copied into the arena: for call->findings.
struct str rows_findings(const struct rows_in *rows);
void rows_in_close(struct rows_in *rows);
