// A recipe on its way over a table: passes, waves of parts, tallies. Used by cleanse_run and
// cleanse_preview. Depends on part_private.h. One caller; the workers are the run's own.
#pragma once

#include "data/cleanse/part_private.h"
#include "data/cleanse/rules_private.h"

enum {
    // Memory of one part: its batch, what operators make of it, and the copy of what is left.
    RUN_PART_BYTES = 512 << 20,
    // Parts in a wave for each thread: evens out parts that take longer than others.
    RUN_PARTS_PER_THREAD = 2,
};

struct run;
// What a pass does with the parts that came through, in order; the part lives until it returns.
struct sink {
    // In parallel, before `take`; may be NULL.
    enum err (*ready)(void *ctx, struct run *run, struct part *part, uint32_t slot);
    enum err (*take)(void *ctx, struct run *run, struct part *part, uint32_t slot);
    void *ctx;
};
struct run {
    struct table *table;
    struct arena *arena; // plans and settings
    struct bound_recipe bound;
    struct cleanse_options options;
    struct rules *rules;
    struct pool *pool;
    struct progress *progress;
    struct fault *fault;

    struct part *parts; // (wave): reused
    struct batch *batches;
    struct tally *tallies; // (wave, step_count)
    enum err *part_errs;   // (wave)
    uint32_t wave;
    struct tally *totals; // (step_count): of the last pass
    uint64_t *observe_us; // (step_count): what observing and settling took
    uint64_t rows_in, rows_out;
    uint64_t row_limit; // of the pass that runs
    // After each step on each part, on the part's thread; NULL: nobody looks.
    void (*watch)(void *ctx, const struct part *part, uint32_t step);
    void *watch_ctx;
};
// Opens the table, binds the recipe, takes the memory. On error everything is given back.
enum err run_open(const char *table_path, const struct recipe *recipe,
                  const struct cleanse_options *options, struct progress *progress, struct run *run,
                  struct fault *fault) MUST_USE;
void run_close(struct run *run);
// The passes of operators that must have seen everything, over at most row_limit rows (0: all).
enum err run_observe(struct run *run, uint64_t row_limit) MUST_USE;
// The last pass, through all operators.
enum err run_pass(struct run *run, uint64_t row_limit, const struct sink *sink) MUST_USE;
// After the last pass: the further files.
enum err run_finish(struct run *run) MUST_USE;
// The line that puts rows of its own in the place of all others; NULL: there is none.
struct bound *run_shaper(const struct run *run);
// The schema of what is left, in the run's arena.
enum err run_schema(struct run *run, struct schema *out) MUST_USE;
