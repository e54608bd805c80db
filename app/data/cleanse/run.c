// Goes over the table in waves of parts. Within a wave the parts run in parallel up to the next
// operator that remembers; that one gets them in order; then on. Everything that is summed up is
// summed part by part in order, so the number of threads changes nothing.
#include "data/cleanse/run_private.h"

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"

// ---- opening ------------------------------------------------------------------------------------

static enum err take_parts(struct run *run) {
    uint32_t steps = run->bound.step_count + 1;
    run->parts = ARENA_ARRAY(run->arena, struct part, run->wave);
    run->batches = ARENA_ARRAY(run->arena, struct batch, run->wave);
    run->part_errs = ARENA_ARRAY(run->arena, enum err, run->wave);
    run->tallies = ARENA_ARRAY(run->arena, struct tally, (size_t)run->wave * steps);
    run->totals = ARENA_ARRAY(run->arena, struct tally, steps);
    run->observe_us = ARENA_ARRAY(run->arena, uint64_t, steps);
    if (!run->parts || !run->batches || !run->part_errs || !run->tallies || !run->totals ||
        !run->observe_us) {
        return ERR_MEMORY;
    }
    for (uint32_t step = 0; step < run->bound.step_count; step++) {
        uint32_t reasons = run->bound.steps[step].reason_count + 1;
        run->totals[step].reasons = ARENA_ARRAY(run->arena, uint64_t, reasons);
        if (!run->totals[step].reasons) return ERR_MEMORY;
        for (uint32_t slot = 0; slot < run->wave; slot++) {
            struct tally *tally = &run->tallies[slot * run->bound.step_count + step];
            tally->reasons = ARENA_ARRAY(run->arena, uint64_t, reasons);
            if (!tally->reasons) return ERR_MEMORY;
        }
    }
    for (uint32_t slot = 0; slot < run->wave; slot++) {
        enum err err = arena_open(RUN_PART_BYTES, &run->parts[slot].arena);
        if (err != OK) return err;
    }
    return OK;
}

static enum err bind(struct run *run, const struct recipe *recipe) {
    // The recipe was checked against a schema when it was written; the table may be another.
    struct teller teller = {.first = run->fault, .line = 1};
    return recipe_bind(recipe, table_schema(run->table), run->arena, &teller, &run->bound);
}

static enum err open_steps(struct run *run) {
    for (uint32_t step = 0; step < run->bound.step_count; step++) {
        struct bound *bound = &run->bound.steps[step];
        if (!bound->operator->open) continue;
        enum err err = bound->operator->open(bound, &run->options);
        if (err != OK) return err;
    }
    return OK;
}

enum err run_open(const char *table_path, const struct recipe *recipe,
                  const struct cleanse_options *options, struct progress *progress, struct run *run,
                  struct fault *fault) {
    *run = (struct run){.options = *options, .progress = progress, .fault = fault};
    run->options.fault = fault;
    run->options.progress = progress;
    uint32_t threads = options->threads ? options->threads : thread_count_usable();
    if (threads > LIMIT_THREADS) threads = LIMIT_THREADS;
    enum err err = table_open(table_path, &run->table, fault);
    if (err != OK) return err;
    uint32_t batches = table_batches(run->table);
    run->wave = threads * RUN_PARTS_PER_THREAD;
    if (run->wave > batches) run->wave = batches ? batches : 1;
    err = arena_open((size_t)1 << 30, &run->arena);
    if (err == OK) err = rules_open(options->rules_path, &run->rules, fault);
    run->options.rules = run->rules;
    run->options.recipe = recipe->hash;
    if (err == OK) err = bind(run, recipe);
    if (err == OK) err = open_steps(run);
    if (err == OK) err = take_parts(run);
    if (err == OK) err = pool_open(threads < run->wave ? threads : run->wave, &run->pool);
    if (err == OK) return OK;
    if (err == ERR_MEMORY) err = fault_set(fault, err, "base.no_memory", STR("cleanse"));
    run_close(run);
    return err;
}

static void stop_steps(struct run *run) {
    for (uint32_t step = 0; step < run->bound.step_count; step++) {
        struct bound *bound = &run->bound.steps[step];
        if (bound->operator&& bound->operator->stop && bound->state) bound->operator->stop(bound);
    }
}

void run_close(struct run *run) {
    pool_close(run->pool);
    if (run->bound.steps) stop_steps(run);
    for (uint32_t slot = 0; run->parts && slot < run->wave; slot++) {
        arena_close(run->parts[slot].arena);
    }
    rules_close(run->rules);
    arena_close(run->arena);
    table_close(run->table);
    *run = (struct run){0};
}

// ---- one wave -----------------------------------------------------------------------------------

struct wave {
    struct run *run;
    uint32_t first_batch, count; // parts of this wave
    uint32_t from, to;           // steps that run in parallel now: from <= step < to
    uint32_t prepare;            // step to prepare after them, or step_count
    const struct sink *sink;     // when the steps are done
};

static uint64_t batch_bytes(const struct part *part) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < part->column_count; i++) {
        const struct column *column = &part->columns[i];
        bytes += column->type == COLUMN_TEXT      ? column->offsets[part->row_count]
                 : column->type == COLUMN_BOOLEAN ? part->row_count
                                                  : (uint64_t)part->row_count * 8;
    }
    return bytes;
}

static enum err part_load(struct run *run, struct part *part, uint32_t slot, uint32_t index) {
    struct arena *arena = part->arena;
    arena_reset(arena);
    struct fault ignored = {0};
    struct batch *batch = &run->batches[slot];
    enum err err = table_batch(run->table, index, arena, batch, &ignored);
    if (err != OK) return err;
    uint32_t columns = table_schema(run->table)->count;
    *part = (struct part){.arena = arena,
                          .row_count = batch->row_count,
                          .first_row = batch->first_row,
                          .before = batch->columns,
                          .column_count = columns};
    if (run->row_limit && part->first_row + part->row_count > run->row_limit) {
        part->row_count = (uint32_t)(run->row_limit - part->first_row);
    }
    part->columns = ARENA_ARRAY(arena, struct column, columns);
    part->gone = ARENA_ARRAY(arena, uint32_t, part->row_count);
    if (!part->columns || !part->gone) return ERR_MEMORY;
    memcpy(part->columns, batch->columns, columns * sizeof *part->columns);
    return OK;
}

static uint64_t rows_left(const struct part *part) {
    uint64_t left = 0;
    for (uint32_t row = 0; row < part->row_count; row++) left += part->gone[row] == 0;
    return left;
}

static enum err step_run(struct run *run, struct part *part, uint32_t slot, uint32_t step,
                         bool prepare) {
    const struct bound *bound = &run->bound.steps[step];
    if (bound->operator->line_only) return OK;
    part->step = step;
    part->tally = &run->tallies[slot * run->bound.step_count + step];
    uint64_t start_us = clock_monotonic_us();
    enum err err;
    if (prepare) {
        err = bound->operator->prepare ? bound->operator->prepare(bound, part) : OK;
    } else {
        part->tally->rows_in += rows_left(part);
        part->tally->bytes_in += batch_bytes(part);
        err = bound->operator->run(bound, part);
        part->tally->rows_out += rows_left(part);
    }
    part->tally->time_us += clock_monotonic_us() - start_us;
    if (run->watch && !prepare && err == OK) run->watch(run->watch_ctx, part, step);
    return err;
}

static void work_load(void *ctx, size_t index, uint32_t worker) {
    (void)worker;
    struct wave *wave = ctx;
    struct run *run = wave->run;
    uint32_t slot = (uint32_t)index;
    run->part_errs[slot] = part_load(run, &run->parts[slot], slot, wave->first_batch + slot);
}

static void work_steps(void *ctx, size_t index, uint32_t worker) {
    (void)worker;
    struct wave *wave = ctx;
    struct run *run = wave->run;
    struct part *part = &run->parts[index];
    uint32_t slot = (uint32_t)index;
    enum err err = progress_cancelled(run->progress) ? ERR_CANCELLED : OK;
    for (uint32_t step = wave->from; step < wave->to && err == OK; step++) {
        err = step_run(run, part, slot, step, false);
    }
    if (err == OK && wave->prepare < run->bound.step_count) {
        err = step_run(run, part, slot, wave->prepare, true);
    }
    if (err == OK && wave->sink && wave->sink->ready) {
        err = wave->sink->ready(wave->sink->ctx, run, part, slot);
    }
    run->part_errs[slot] = err;
}

static enum err wave_error(const struct wave *wave) {
    for (uint32_t slot = 0; slot < wave->count; slot++) {
        if (wave->run->part_errs[slot] != OK) return wave->run->part_errs[slot];
    }
    return OK;
}

static enum err wave_parallel(struct wave *wave,
                              void (*work)(void *ctx, size_t index, uint32_t worker)) {
    pool_run(wave->run->pool, wave->count, work, wave);
    return wave_error(wave);
}

// Steps 0 to last - 1 over the wave's parts, then the sink.
static enum err wave_run(struct wave *wave, uint32_t last, const struct sink *sink) {
    struct run *run = wave->run;
    enum err err = wave_parallel(wave, work_load);
    uint32_t none = run->bound.step_count;
    for (uint32_t step = 0; err == OK;) {
        uint32_t ordered = step;
        while (ordered < last && !run->bound.steps[ordered].operator->ordered) ordered++;
        bool ends = ordered == last;
        wave->from = step;
        wave->to = ordered;
        wave->prepare = ends ? none : ordered;
        wave->sink = ends ? sink : NULL;
        err = wave_parallel(wave, work_steps);
        if (ends) break;
        for (uint32_t slot = 0; slot < wave->count && err == OK; slot++) {
            err = step_run(run, &run->parts[slot], slot, ordered, false);
        }
        step = ordered + 1;
    }
    for (uint32_t slot = 0; slot < wave->count && err == OK; slot++) {
        err = sink->take(sink->ctx, run, &run->parts[slot], slot);
        run->rows_in += run->parts[slot].row_count;
        run->rows_out += rows_left(&run->parts[slot]);
    }
    return err;
}

static void add_tallies(struct run *run, uint32_t slots) {
    for (uint32_t slot = 0; slot < slots; slot++) {
        for (uint32_t step = 0; step < run->bound.step_count; step++) {
            struct tally *from = &run->tallies[slot * run->bound.step_count + step];
            struct tally *to = &run->totals[step];
            uint64_t *reasons = from->reasons;
            uint32_t count = run->bound.steps[step].reason_count;
            for (uint32_t i = 0; i < count; i++) to->reasons[i] += reasons[i];
            to->cells_changed += from->cells_changed;
            to->rows_in += from->rows_in;
            to->rows_out += from->rows_out;
            to->bytes_in += from->bytes_in;
            to->time_us += from->time_us;
            memset(reasons, 0, (count + 1) * sizeof *reasons);
            *from = (struct tally){.reasons = reasons};
        }
    }
}

// ---- passes -------------------------------------------------------------------------------------

static enum err start_steps(struct run *run, uint32_t last) {
    run->rows_in = run->rows_out = 0;
    for (uint32_t step = 0; step < run->bound.step_count; step++) {
        struct tally *total = &run->totals[step];
        uint64_t *reasons = total->reasons;
        memset(reasons, 0, (run->bound.steps[step].reason_count + 1) * sizeof *reasons);
        *total = (struct tally){.reasons = reasons};
    }
    for (uint32_t step = 0; step < last; step++) {
        struct bound *bound = &run->bound.steps[step];
        if (!bound->operator->start) continue;
        enum err err = bound->operator->start(bound, &run->bound.after, &run->options);
        if (err != OK) return err;
    }
    return OK;
}

static enum err tell_run_error(struct run *run, enum err err) {
    switch (err) {
    case OK: return OK;
    case ERR_MEMORY: return fault_set(run->fault, err, "base.no_memory", STR("cleanse"));
    case ERR_LIMIT: return fault_set(run->fault, err, "cleanse.cell_too_large", STR_NONE);
    case ERR_CANCELLED: return fault_set(run->fault, err, "cleanse.cancelled", STR_NONE);
    case ERR_CORRUPT: return fault_set(run->fault, err, "table.damaged", STR_NONE);
    case ERR_NOT_FOUND: return fault_set(run->fault, err, "cleanse.no_project_key", STR_NONE);
    default: return fault_set(run->fault, err, "cleanse.failed", STR_NONE);
    }
}

static enum err run_steps(struct run *run, uint32_t last, uint64_t row_limit,
                          const struct sink *sink) {
    uint64_t rows = table_rows(run->table);
    run->row_limit = row_limit;
    if (row_limit && row_limit < rows) rows = row_limit;
    enum err err = start_steps(run, last);
    uint32_t batches = table_batches(run->table);
    for (uint32_t first = 0; first < batches && err == OK && run->rows_in < rows;) {
        struct wave wave = {.run = run, .first_batch = first};
        while (wave.count < run->wave && first + wave.count < batches) {
            // A limit ends the pass before the batch that begins behind it.
            if (row_limit && first + wave.count > table_batch_of_row(run->table, rows - 1)) break;
            wave.count++;
        }
        err = wave_run(&wave, last, sink);
        add_tallies(run, wave.count);
        first += wave.count;
        progress_set(run->progress, PHASE_CLEANSE, run->rows_in, rows);
        if (run->progress) {
            atomic_store_explicit(&run->progress->rows, run->rows_in, memory_order_relaxed);
        }
        if (err == OK && progress_cancelled(run->progress)) err = ERR_CANCELLED;
    }
    return tell_run_error(run, err);
}

static enum err observe_ready(void *ctx, struct run *run, struct part *part, uint32_t slot) {
    const struct bound *bound = ctx;
    return bound->operator->prepare ? step_run(run, part, slot, bound->index, true) : OK;
}

static enum err observe_take(void *ctx, struct run *run, struct part *part, uint32_t slot) {
    (void)slot;
    struct bound *bound = ctx;
    uint64_t start_us = clock_monotonic_us();
    enum err err = bound->operator->observe(bound, part);
    run->observe_us[bound->index] += clock_monotonic_us() - start_us;
    return err;
}

enum err run_observe(struct run *run, uint64_t row_limit) {
    for (uint32_t step = 0; step < run->bound.step_count; step++) {
        struct bound *bound = &run->bound.steps[step];
        if (!bound->operator->observes || !bound->operator->observes(bound)) continue;
        struct sink sink = {observe_ready, observe_take, bound};
        enum err err = run_steps(run, step, row_limit, &sink);
        if (err != OK) return err;
        uint64_t start_us = clock_monotonic_us();
        err = bound->operator->settle(bound, &run->bound.after);
        run->observe_us[step] += clock_monotonic_us() - start_us;
        if (err != OK) return tell_run_error(run, err);
    }
    return OK;
}

enum err run_pass(struct run *run, uint64_t row_limit, const struct sink *sink) {
    return run_steps(run, run->bound.step_count, row_limit, sink);
}

enum err run_finish(struct run *run) {
    for (uint32_t step = 0; step < run->bound.step_count; step++) {
        struct bound *bound = &run->bound.steps[step];
        if (!bound->operator->finish) continue;
        enum err err = bound->operator->finish(bound, &run->options);
        if (err != OK) return tell_run_error(run, err);
    }
    return OK;
}

struct bound *run_shaper(const struct run *run) {
    for (uint32_t step = 0; step < run->bound.step_count; step++) {
        if (run->bound.steps[step].operator->shape) return &run->bound.steps[step];
    }
    return NULL;
}

enum err run_schema(struct run *run, struct schema *out) {
    const struct plan *plan = &run->bound.after;
    const struct bound *shaper = run_shaper(run);
    if (shaper) return tell_run_error(run, shaper->operator->shape(shaper, run->arena, out));
    *out = (struct schema){.fields = ARENA_ARRAY(run->arena, struct field, plan->count + 1)};
    if (!out->fields) return fault_set(run->fault, ERR_MEMORY, "base.no_memory", STR("cleanse"));
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct plan_column *column = &plan->columns[i];
        if (column->removed) continue;
        out->fields[out->count++] = (struct field){column->name, column->type, column->role};
    }
    if (out->count == 0) {
        return fault_set(run->fault, ERR_INPUT, "cleanse.no_columns_left", STR_NONE);
    }
    return OK;
}
