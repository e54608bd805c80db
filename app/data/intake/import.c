// The import: three sets of chunks go round. While one is parsed by all threads, the next is read
// and the last is written, so that order, row numbers and bytes do not depend on the threads.
#include <string.h>

#include "base/file.h"
#include "data/intake/intake_private.h"

enum {
    CHUNKS_PER_SET_MIN = 2,
    // Misfits before a hopeless pass is given up early.
    EARLY_MISFITS = 1000,
};

struct chunk_set {
    struct chunk *chunks; // (set_size)
    uint32_t count;       // filled ones
};

struct import {
    struct arena *arena;
    struct progress *progress;
    struct looked looked;
    struct plan plan;
    struct filler filler;
    struct pool *pool;
    struct table_writer *writer;
    uint32_t set_size;
    struct chunk_set sets[3];
    struct chunk_set *reading, *parsing, *writing;
    uint64_t wasted_bytes; // read by passes that were given up early
    // What the reading stage found; the writing stage has its own, and its rows come first.
    enum err read_err, write_err;
    struct fault read_fault, write_fault;
    // What was written so far.
    uint64_t records, rows, fault_count, kept;
    struct column_tally *tallies; // (plan.column_count)
    struct name_set late;         // JSON Lines: members that no column stands for yet
    struct buf report;
    bool hopeless; // a column's type will not hold: no need to go on with this pass
};

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

// --- the three stages ----------------------------------------------------------------------------

static void stage_read(struct import *import) {
    struct chunk_set *set = import->reading;
    set->count = 0;
    while (set->count < import->set_size && !import->read_err) {
        struct chunk *chunk = &set->chunks[set->count];
        import->read_err = filler_next(&import->filler, chunk, &import->read_fault);
        if (import->read_err || chunk->size == 0) break;
        set->count++;
    }
}

static void report_faults(struct import *import, const struct chunk *chunk) {
    for (uint32_t i = 0; i < chunk->faults_kept && import->kept < LIMIT_FAULTS_KEPT; i++) {
        const struct chunk_fault *from = &chunk->faults[i];
        struct fault fault = {0};
        struct str name = STR_NONE;
        if (from->column > 0) name = import->looked.options.columns[from->column - 1].name;
        (void)!fault_at(&fault, ERR_INPUT, from->code, import->records + from->row + 1,
                        from->column, name);
        struct json_writer json = json_writer_of(&import->report);
        json_put_fault(&json, &fault);
        buf_add_char(&import->report, '\n');
        import->kept++;
    }
}

// Is it plain already that a column's type will change? A number among whole numbers is enough; for
// text, more than 1 % of its values will not fit if the rest of the file is like the part read.
// Beginning anew must not cost much: all such passes together read half of the file at most.
static bool hopeless(const struct import *import, const struct column_tally *tally,
                     const struct chunk *chunk) {
    if (tally->misfits == 0) return false;
    if ((import->wasted_bytes + chunk->bytes_read) * 2 > import->looked.feed_bytes) return false;
    if (tally->numbers + tally->times > 0) return true;
    if (tally->misfits < EARLY_MISFITS) return false;
    double share = (double)chunk->bytes_read / (double)(import->looked.feed_bytes + 1);
    return (double)tally->misfits * 100 * share > (double)tally->values * 1.2;
}

static enum err write_chunk(struct import *import, struct chunk *chunk, struct fault *fault) {
    if (chunk->err) {
        *fault = chunk->fault;
        if (fault->row > 0) fault->row += import->records;
        return chunk->err;
    }
    for (uint32_t i = 0; i < chunk->builder_count; i++) {
        struct batch batch = batch_builder_view(chunk->builders[i]);
        enum err err = table_writer_add(import->writer, &batch, fault);
        if (err) return err;
    }
    report_faults(import, chunk);
    for (uint32_t i = 0; i < import->plan.column_count; i++) {
        struct column_tally *tally = &import->tallies[i];
        tally->values += chunk->tallies[i].values;
        tally->misfits += chunk->tallies[i].misfits;
        tally->faults += chunk->tallies[i].faults;
        tally->numbers += chunk->tallies[i].numbers;
        tally->times += chunk->tallies[i].times;
        bool held = import->plan.columns[i].told || import->plan.columns[i].skip;
        import->hopeless |= !held && hopeless(import, tally, chunk);
    }
    if (import->hopeless) import->wasted_bytes += chunk->bytes_read;
    for (uint32_t i = 0; i < chunk->unknown_count; i++) {
        struct str name = chunk->unknown_names[i];
        if (name_set_find(&import->late, name) != UINT32_MAX) continue;
        char *copy = arena_take(import->arena, name.size + 1);
        if (!copy) return no_memory(fault);
        memcpy(copy, name.data, name.size);
        if (name_set_add(&import->late, (struct str){copy, name.size}) == UINT32_MAX) {
            return fault_set(fault, ERR_LIMIT, "intake.too_many_columns", STR_NONE);
        }
    }
    import->records += chunk->records;
    import->rows += chunk->rows;
    import->fault_count += chunk->fault_count;
    if (import->progress) {
        progress_set(import->progress, PHASE_READ, chunk->bytes_read, import->looked.feed_bytes);
        atomic_store_explicit(&import->progress->rows, import->rows, memory_order_relaxed);
        atomic_store_explicit(&import->progress->faults, import->fault_count, memory_order_relaxed);
    }
    return OK;
}

static void stage_write(struct import *import) {
    struct chunk_set *set = import->writing;
    for (uint32_t i = 0; i < set->count && !import->write_err && !import->hopeless; i++) {
        import->write_err = write_chunk(import, &set->chunks[i], &import->write_fault);
    }
}

static void stage(void *ctx, size_t index, uint32_t worker) {
    (void)worker;
    struct import *import = ctx;
    if (index == 0) {
        stage_read(import);
    } else if (index == 1) {
        stage_write(import);
    } else {
        bool header = import->looked.options.header == HEADER_YES;
        chunk_parse(&import->parsing->chunks[index - 2], &import->plan, header);
    }
}

// Runs the stages until the file ends or one of them fails.
static enum err run_stages(struct import *import, struct fault *fault) {
    import->reading = &import->sets[0];
    import->parsing = &import->sets[1];
    import->writing = &import->sets[2];
    import->parsing->count = import->writing->count = 0;
    do {
        pool_run(import->pool, 2 + (size_t)import->parsing->count, stage, import);
        if (import->write_err) {
            *fault = import->write_fault;
            return import->write_err;
        }
        struct chunk_set *written = import->writing;
        import->writing = import->parsing;
        import->parsing = import->reading;
        import->reading = written;
        import->reading->count = 0;
        if (import->read_err == ERR_CANCELLED || import->hopeless) break;
    } while (import->parsing->count > 0 || import->writing->count > 0);
    if (import->hopeless && import->read_err != ERR_CANCELLED) return OK;
    if (import->read_err) *fault = import->read_fault;
    return import->read_err;
}

// --- plan ----------------------------------------------------------------------------------------

static enum err make_plan(struct import *import, struct fault *fault) {
    const struct intake_options *options = &import->looked.options;
    struct plan *plan = &import->plan;
    *plan = (struct plan){
        .format = import->looked.parse_as,
        .dialect = import->looked.dialect,
        .missing = import->looked.missing,
        .column_count = options->column_count,
    };
    plan->keep_blank = plan->format == FORMAT_TEXT;
    if (options->format == FORMAT_TEXT) plan->missing = (struct missing_words){0}; // "-" is a line
    plan->columns = ARENA_ARRAY(import->arena, struct plan_column, plan->column_count);
    struct field *fields = ARENA_ARRAY(import->arena, struct field, plan->column_count);
    import->tallies = ARENA_ARRAY(import->arena, struct column_tally, plan->column_count);
    if (!plan->columns || !fields || !import->tallies ||
        name_set_open(import->arena, &import->late) || name_set_open(import->arena, &plan->names)) {
        return no_memory(fault);
    }
    uint32_t out = 0;
    for (uint32_t i = 0; i < plan->column_count; i++) {
        const struct intake_column *column = &options->columns[i];
        plan->columns[i] = (struct plan_column){.type = column->type,
                                                .told = column->type_told,
                                                .skip = column->skip,
                                                .month_first = column->month_first,
                                                .out = out};
        if (plan->format == FORMAT_JSON_LINES) {
            (void)name_set_add(&plan->names, import->looked.members[i]);
        }
        if (column->skip) continue;
        struct str name = column->rename.size ? column->rename : column->name;
        fields[out++] = (struct field){name, column->type, COLUMN_PLAIN};
    }
    plan->schema = (struct schema){fields, out};
    return schema_check(&plan->schema, fault);
}

// Columns of members that the file's head did not have: text, for nothing else was seen.
static enum err add_late_members(struct import *import, struct fault *fault) {
    struct intake_options *options = &import->looked.options;
    uint32_t count = options->column_count + import->late.count;
    if (count > LIMIT_COLUMNS) {
        return fault_set(fault, ERR_LIMIT, "intake.too_many_columns", STR_NONE);
    }
    struct intake_column *columns = ARENA_ARRAY(import->arena, struct intake_column, count);
    struct str *members = ARENA_ARRAY(import->arena, struct str, count);
    if (!columns || !members) return no_memory(fault);
    memcpy(columns, options->columns, options->column_count * sizeof *columns);
    memcpy(members, import->looked.members, options->column_count * sizeof *members);
    for (uint32_t i = 0; i < import->late.count; i++) {
        uint32_t at = options->column_count + i;
        members[at] = import->late.names[i];
        enum err err = look_name(import->arena, members[at], columns, at, &columns[at].name);
        if (err) return no_memory(fault);
        columns[at].type = COLUMN_TEXT;
    }
    options->columns = columns;
    options->column_count = count;
    import->looked.members = members;
    return OK;
}

// Types that did not hold are changed for the next pass. Whole numbers become numbers as soon as
// one has a fraction, dates become times, for nothing is lost by that; text when more than 1 % fit
// neither.
static bool change_types(struct import *import) {
    bool changed = false;
    for (uint32_t i = 0; i < import->plan.column_count; i++) {
        const struct column_tally *tally = &import->tallies[i];
        struct intake_column *column = &import->looked.options.columns[i];
        if (column->type_told || column->skip || tally->misfits == 0) continue;
        uint64_t others = tally->misfits - tally->numbers - tally->times;
        if (others * 100 > tally->values)
            column->type = COLUMN_TEXT;
        else if (tally->numbers > 0)
            column->type = COLUMN_NUMBER;
        else if (tally->times > 0)
            column->type = COLUMN_TIME;
        else
            continue;
        changed = true;
    }
    return changed;
}

// --- one pass ------------------------------------------------------------------------------------

static void close_pass(struct import *import) {
    for (int s = 0; s < 3; s++) {
        for (uint32_t i = 0; import->sets[s].chunks && i < import->set_size; i++) {
            chunk_close(&import->sets[s].chunks[i]);
        }
        memory_give(import->sets[s].chunks);
        import->sets[s] = (struct chunk_set){0};
    }
    feed_close(import->filler.feed);
    memory_give(import->filler.held);
    import->filler = (struct filler){0};
    table_writer_abandon(import->writer);
    import->writer = NULL;
}

static enum err open_pass(struct import *import, const char *source_path, const char *table_path,
                          struct fault *fault) {
    enum err err = make_plan(import, fault);
    if (err) return err;
    for (int s = 0; s < 3; s++) {
        struct chunk *chunks = memory_take(import->set_size * sizeof *chunks);
        if (!chunks) return no_memory(fault);
        import->sets[s].chunks = chunks;
        for (uint32_t i = 0; i < import->set_size; i++) {
            if (chunk_open(&chunks[i], &import->plan)) return no_memory(fault);
        }
    }
    const struct intake_options *options = &import->looked.options;
    import->filler = (struct filler){.plan = &import->plan, .progress = import->progress};
    err = feed_open(source_path, options, options->column_count, &import->filler.feed, fault);
    if (err) return err;
    import->records = import->rows = import->fault_count = import->kept = 0;
    import->read_err = import->write_err = OK;
    import->read_fault = import->write_fault = (struct fault){0};
    import->hopeless = false;
    buf_clear(&import->report);
    return table_writer_open(table_path, &import->plan.schema, &import->writer, fault);
}

// *out_again: types or columns changed, so the file must be read once more.
static enum err run_pass(struct import *import, const char *source_path, const char *table_path,
                         bool *out_again, struct intake_result *result, struct fault *fault) {
    enum err err = open_pass(import, source_path, table_path, fault);
    if (!err) err = run_stages(import, fault);
    if (err) goto done;
    bool again = change_types(import);
    if (import->late.count > 0) {
        err = add_late_members(import, fault);
        again = true;
    }
    *out_again = again;
    if (err || again) goto done;
    if (import->rows == 0) {
        err = fault_set(fault, ERR_INPUT, "intake.empty", STR_NONE);
        goto done;
    }
    result->rows = import->rows;
    result->bytes_read = feed_bytes_read(import->filler.feed);
    result->bytes_decoded = feed_bytes_decoded(import->filler.feed);
    import->looked.notes = *feed_notes(import->filler.feed);
    result->fault_count = import->fault_count;
    struct table_writer *writer = import->writer;
    import->writer = NULL; // finish frees it, whatever it returns
    err = table_writer_finish(writer, fault);
done:
    close_pass(import);
    return err;
}

static enum err finish_result(struct import *import, const char *report_path,
                              struct intake_result *result, struct fault *fault) {
    result->options = import->looked.options;
    result->note_count = import->looked.notes.count;
    result->notes = ARENA_ARRAY(import->arena, struct intake_note, result->note_count + 1);
    if (!result->notes) return no_memory(fault);
    memcpy(result->notes, import->looked.notes.items, result->note_count * sizeof *result->notes);
    uint32_t count = result->options.column_count;
    result->fault_per_column = ARENA_ARRAY(import->arena, uint64_t, count);
    result->value_per_column = ARENA_ARRAY(import->arena, uint64_t, count);
    if (!result->fault_per_column || !result->value_per_column) return no_memory(fault);
    for (uint32_t i = 0; i < import->plan.column_count; i++) {
        result->fault_per_column[i] = import->tallies[i].faults;
        result->value_per_column[i] = import->tallies[i].values;
    }
    if (buf_err(&import->report)) return no_memory(fault);
    if (!report_path || report_path[0] == '\0') return OK;
    return file_write(report_path, buf_str(&import->report), fault);
}

enum err intake_run(const char *source_path, const struct intake_options *told,
                    const char *table_path, const char *report_path, struct progress *progress,
                    struct arena *arena, struct intake_result *result, struct fault *fault) {
    struct fault own = {0};
    if (!fault) fault = &own;
    struct import *import = memory_take(sizeof *import);
    if (!import) return no_memory(fault);
    import->arena = arena;
    import->progress = progress;
    buf_open(&import->report, REPORT_BYTES_MAX);
    struct intake_result made = {0};
    bool again = true;
    enum err err = look_at(source_path, told, 0, arena, &import->looked, fault);
    if (!err && import->looked.archive) {
        memory_give(import);
        return archive_run(source_path, told, table_path, report_path, progress, arena, result,
                           fault);
    }
    if (!err) {
        uint32_t threads = told->threads ? told->threads : thread_count_usable();
        // A file of one chunk keeps one thread busy.
        if (import->looked.feed_bytes < CHUNK_BYTES &&
            import->looked.options.packing == PACKING_NONE &&
            import->looked.options.format != FORMAT_XLSX) {
            threads = 1;
        }
        err = pool_open(threads, &import->pool);
        if (err) err = no_memory(fault);
    }
    if (!err) {
        uint32_t threads = pool_threads(import->pool);
        import->set_size = threads < CHUNKS_PER_SET_MIN ? CHUNKS_PER_SET_MIN : threads;
    }
    // Ends: each pass that is not the last changes a column, and a column goes from whole number or
    // date to number or time, to text, and no further; members that came late are text at once.
    while (!err && again) {
        err = run_pass(import, source_path, table_path, &again, &made, fault);
    }
    if (!err) {
        err = finish_result(import, report_path, &made, fault);
        if (err) (void)!file_remove(table_path, NULL);
    }
    if (!err) {
        progress_set(progress, PHASE_DONE, import->looked.feed_bytes, import->looked.feed_bytes);
        *result = made;
    }
    pool_close(import->pool);
    buf_close(&import->report);
    memory_give(import);
    return err;
}
