// What language models have done, counted: requests, tokens and personal data found, by day,
// person, department and model. Added up in memory and written every other second, by serving's
// thread; a crash loses what was counted since. Any thread. Depends on the other files of flow/.
#pragma once

#include "data/detect/detect.h"
#include "flow/flow_private.h"

// Where personal data was found.
enum language_side { SIDE_PROMPT, SIDE_ANSWER, LANGUAGE_SIDES };
struct language_counts {
    uint64_t requests;        // answered, or refused by the guard
    uint64_t refused, masked; // of those: by the guard, before or in the answer; changed by it
    uint64_t prompt_tokens, cached_tokens, answer_tokens; // cached: of the prompts, not computed
    uint64_t found[LANGUAGE_SIDES][PERSONAL_KIND_COUNT];
};
void language_counts_add(struct language_counts *into, const struct language_counts *more);
uint64_t language_found(const struct language_counts *counts, enum language_side side); // in all

struct language_use {
    uint64_t day, tenant, model; // day: 20261126, by the policy's clock
    struct who person;
    struct str model_name;
    struct language_counts counts;
};

enum err language_usage_open(struct flow *flow) MUST_USE;
void language_usage_close(struct flow *flow); // writes what has not been written
// Cheap. `use->day` is found when it is written. `served`: requests that a model has answered; they
// and their tokens are booked in the sums of allocation/usage.h, that limits look at.
void language_usage_note(struct flow *flow, const struct language_use *use, uint64_t served);
// Writes now, so that whoever reads the records sees all.
enum err language_usage_flush(struct flow *flow) MUST_USE;
// Records of the days from `first` to `last`, by day, department, person and model. What visit is
// shown lives until it returns.
enum err language_usage_scan(struct store_txn *txn, struct arena *scratch, uint64_t first,
                             uint64_t last,
                             bool (*visit)(void *ctx, const struct language_use *use),
                             void *ctx) MUST_USE;
