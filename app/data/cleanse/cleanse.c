// Runs a recipe over a whole table: the last pass scans what came in and what goes out for personal
// data, writes the new table in order, and the report beside it.
#include "data/cleanse/cleanse.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/cleanse/further_private.h"
#include "data/cleanse/report_private.h"

struct paths {
    const char *table, *output, *report;
};

// What the sink keeps of one part until it is its turn to be written.
struct output_slot {
    struct batch batch;
    struct personal_counts *found;     // (columns)
    struct personal_counts *remaining; // (columns)
};
struct output {
    struct table_writer *writer;
    struct output_slot *slots; // (wave)
    struct personal_counts *found, *remaining;
    uint64_t rows_written;
};

static enum err output_ready(void *ctx, struct run *run, struct part *part, uint32_t slot) {
    struct output *output = ctx;
    struct output_slot *own = &output->slots[slot];
    const struct plan *plan = &run->bound.after;
    own->found = ARENA_ARRAY(part->arena, struct personal_counts, plan->count);
    own->remaining = ARENA_ARRAY(part->arena, struct personal_counts, plan->count);
    if (!own->found || !own->remaining) return ERR_MEMORY;
    for (uint32_t place = 0; place < plan->count; place++) {
        personal_count(&part->before[place], part->row_count, NULL, &own->found[place]);
        if (plan->columns[place].removed) continue;
        personal_count(&part->columns[place], part->row_count, part->gone, &own->remaining[place]);
    }
    return part_gather(part, plan, &own->batch);
}

static enum err output_take(void *ctx, struct run *run, struct part *part, uint32_t slot) {
    (void)part;
    struct output *output = ctx;
    struct output_slot *own = &output->slots[slot];
    for (uint32_t place = 0; place < run->bound.after.count; place++) {
        for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
            output->found[place].cells[kind] += own->found[place].cells[kind];
            output->remaining[place].cells[kind] += own->remaining[place].cells[kind];
        }
    }
    if (own->batch.row_count == 0) return OK;
    own->batch.first_row = output->rows_written;
    output->rows_written += own->batch.row_count;
    return table_writer_add(output->writer, &own->batch, run->fault);
}

static enum err output_open(struct output *output, struct run *run, const char *path) {
    struct schema schema;
    enum err err = run_schema(run, &schema);
    if (err != OK) return err;
    uint32_t columns = run->bound.after.count;
    output->slots = ARENA_ARRAY(run->arena, struct output_slot, run->wave);
    output->found = ARENA_ARRAY(run->arena, struct personal_counts, columns);
    output->remaining = ARENA_ARRAY(run->arena, struct personal_counts, columns);
    if (!output->slots || !output->found || !output->remaining) {
        return fault_set(run->fault, ERR_MEMORY, "base.no_memory", STR("cleanse"));
    }
    return table_writer_open(path, &schema, &output->writer, run->fault);
}

// Counts the personal data of a batch that a line made, by the columns it took from the input.
static void count_shaped(const struct run *run, const struct schema *schema,
                         const struct batch *batch, struct output *output) {
    const struct plan *plan = &run->bound.after;
    for (uint32_t i = 0; i < schema->count; i++) {
        for (uint32_t place = 0; place < plan->count; place++) {
            if (!str_equal(plan->columns[place].name, schema->fields[i].name)) continue;
            personal_count(&batch->columns[i], batch->row_count, NULL, &output->remaining[place]);
        }
    }
}

// The rows of a line that put its own in the place of all others.
static enum err write_shaped(struct run *run, struct bound *shaper, struct output *output) {
    struct schema schema;
    struct batch_builder *builder;
    enum err err = run_schema(run, &schema);
    if (err != OK) return err;
    err = batch_builder_open(&schema, &builder);
    if (err != OK) return fault_set(run->fault, err, "base.no_memory", STR("cleanse"));
    while (err == OK) {
        batch_builder_clear(builder);
        err = shaper->operator->rows(shaper, builder);
        if (err != OK) err = fault_set(run->fault, err, "base.no_memory", STR("cleanse"));
        if (err != OK || batch_builder_rows(builder) == 0) break;
        struct batch batch = batch_builder_view(builder);
        batch.first_row = output->rows_written;
        output->rows_written += batch.row_count;
        count_shaped(run, &schema, &batch, output);
        err = table_writer_add(output->writer, &batch, run->fault);
        if (err == OK && progress_cancelled(run->progress)) {
            err = fault_set(run->fault, ERR_CANCELLED, "cleanse.cancelled", STR_NONE);
        }
    }
    batch_builder_close(builder);
    run->rows_out = output->rows_written;
    return err;
}

static enum err write_table(struct run *run, struct output *output, const char *path) {
    enum err err = output_open(output, run, path);
    if (err != OK) return err;
    struct sink sink = {output_ready, output_take, output};
    struct bound *shaper = run_shaper(run);
    err = run_pass(run, run->options.row_limit, &sink);
    if (err == OK && shaper) err = write_shaped(run, shaper, output);
    if (err == OK && output->rows_written == 0) {
        err = fault_set(run->fault, ERR_INPUT, "cleanse.no_rows_left", STR_NONE);
    }
    if (err != OK) {
        table_writer_abandon(output->writer);
        return err;
    }
    progress_set(run->progress, PHASE_WRITE, run->rows_in, run->rows_in);
    return table_writer_finish(output->writer, run->fault);
}

static enum err write_text(const struct report *report, const char *path) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    report_write(report, &text);
    enum err err = buf_err(&text);
    if (err != OK) {
        err = fault_set(report->run->fault, err, "cleanse.report_too_large", STR_NONE);
    } else {
        err = file_write(path, buf_str(&text), report->run->fault);
    }
    buf_close(&text);
    return err;
}

static enum err name_file(const struct run *run, const char *path, struct cleanse_input *out) {
    return file_hash(path, run->progress, &out->hash, &out->bytes, run->fault);
}

static enum err write_report(const struct run *run, const struct recipe *recipe,
                             const struct output *output, const struct paths *paths) {
    struct report report = {
        .run = run,
        .recipe = recipe,
        .found = output->found,
        .remaining = output->remaining,
        .input = {.name = STR("table"), .rows = run->rows_in},
        .output = {.rows = run->rows_out},
    };
    enum err err = name_file(run, paths->output, &report.output);
    if (err == OK && run->options.input_count == 0) {
        err = name_file(run, paths->table, &report.input);
    }
    if (err == OK) err = report_measure(&report, paths->output);
    return err == OK ? write_text(&report, paths->report) : err;
}

static bool folder_of(const char *path, char out[static LIMIT_PATH_BYTES]) {
    const char *slash = strrchr(path, '/');
    size_t size = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    return str_copy(out, LIMIT_PATH_BYTES, slash ? (struct str){path, size} : STR("."));
}

enum err cleanse_run(const char *table_path, const struct recipe *recipe,
                     const struct cleanse_options *options, const char *output_path,
                     const char *report_path, struct progress *progress, struct fault *fault) {
    struct run run;
    struct output output = {0};
    struct cleanse_options own = *options;
    struct further further = {0};
    char folder[LIMIT_PATH_BYTES];
    progress_set(progress, PHASE_START, 0, 0);
    if (!folder_of(output_path, folder)) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(output_path));
    }
    own.folder = folder;
    own.further = &further;
    enum err err = run_open(table_path, recipe, &own, progress, &run, fault);
    if (err != OK) return err;
    err = run_observe(&run, options->row_limit);
    if (err == OK) err = write_table(&run, &output, output_path);
    if (err == OK) err = run_finish(&run);
    if (err == OK) {
        struct paths paths = {table_path, output_path, report_path};
        err = write_report(&run, recipe, &output, &paths);
        // A table without its report must not be taken for a result.
        if (err != OK) (void)unlink(output_path);
    }
    if (err == OK) progress_set(progress, PHASE_DONE, run.rows_in, run.rows_in);
    run_close(&run);
    return err;
}
