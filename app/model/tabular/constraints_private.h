// What a person knows beforehand and trees must keep to. Monotone: with all else equal the answer
// never falls (1) or never rises (-1) as the column's number grows; what is missing is free.
// Interactions: the columns on one path from the root all lie in one of the sets; a column in no
// set stands alone (the semantics of XGBoost).
// Shapes: F features of the frame.
#pragma once

#include "model/tabular/tabular.h"

enum { INTERACTION_SETS_MAX = 64 };

struct constraints {
    int8_t *monotone; // (F) -1, 0, 1; NULL: none is
    uint64_t *sets;   // (F) bit s: the column is in set s; NULL: every column with every other
};

// Shapes and bounds only, names unseen: ERR_INPUT as a reason to refuse the option.
bool constraints_monotone_fit(const struct json *node);
bool constraints_interactions_fit(const struct json *node);
// ERR_INPUT "train.unknown_column", "train.monotone_category" or "train.monotone_classes";
// ERR_MEMORY.
enum err constraints_take(const struct frame *frame, const struct tabular_options *options,
                          enum tabular_task task, struct constraints *out,
                          struct fault *fault) MUST_USE;
void constraints_close(struct constraints *constraints);
