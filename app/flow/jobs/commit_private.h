// Inside of the commit: what an attempt made, on its way into the records. The committer's thread.
#pragma once

#include "flow/flow_private.h"

enum { MADE_MAX = 6 };
struct made {
    const char *name; // its file in out/
    struct hash hash;
    uint64_t size;
};
enum outcome { OUTCOME_DONE, OUTCOME_FAILED, OUTCOME_CANCELLED, OUTCOME_AGAIN, OUTCOME_PAUSED };
struct commit {
    struct flow *flow;
    const struct active *active; // a copy
    bool begin;                  // only its begin is to be recorded
    struct arena *arena;
    struct job job;
    struct json *result; // result.json of this attempt, or NULL
    enum outcome outcome;
    struct fault fault;
    struct made made[MADE_MAX];
    uint32_t made_count;
    struct schema schema; // of the table that was made, if one was
    uint64_t rows;
    struct job follow; // the check that follows; its strings live in the arena
    bool has_follow, stale;
    bool written; // its transaction was tried; err: what came of it
    enum err err;
};
const struct made *commit_made(const struct commit *commit, const char *name);
const struct made *commit_made_maybe(const struct commit *commit, const char *name); // or NULL
// Inside the transaction: dataset, revision, model and lineage of a step that was done.
enum err commit_step(struct store_txn *txn, struct commit *commit) MUST_USE;
