// Many files as one table. Each is read by itself, with its own dialect and encoding, into a table
// beside the output; columns are brought together by name and types widened until all fit; then
// the tables are copied one after another.
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/intake/intake_private.h"

enum {
    // What one import takes beside its chunks.
    IMPORT_BYTES = 256 << 20,
};
struct member {
    struct intake_input input;
    struct intake_options options; // with columns
    struct intake_result result;
    struct table *table;
    uint32_t *places;            // (gather.column_count): its column for each of the output's
    char path[LIMIT_PATH_BYTES]; // of its table
    bool own;                    // the table was made here and goes at the end
};
struct gather {
    struct arena *arena;
    const struct intake_options *told;
    struct member *members;
    uint32_t count;
    struct field *fields; // (column_count), and one more for the source's name
    uint32_t column_count;
    bool source_column;
    const char *table_path, *report_path;
    struct progress *progress;
    struct buf report;
    struct notes notes;
};

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

// --- one input -----------------------------------------------------------------------------------

// Columns told by name, where the file has them.
static void tell_columns(const struct intake_options *told, struct intake_options *options) {
    for (uint32_t i = 0; i < options->column_count; i++) {
        struct intake_column *column = &options->columns[i];
        for (uint32_t k = 0; k < told->column_count; k++) {
            const struct intake_column *wanted = &told->columns[k];
            if (!str_equal(wanted->name, column->name)) continue;
            column->rename = wanted->rename;
            column->skip = wanted->skip;
            column->type_told = wanted->type_told;
            if (wanted->type_told) column->type = wanted->type;
        }
    }
}

static enum err report_add(struct gather *gather, struct str name, const char *path,
                           struct fault *fault) {
    struct buf lines;
    buf_open(&lines, REPORT_BYTES_MAX);
    enum err err = file_read(path, &lines, fault);
    struct str rest = buf_str(&lines);
    while (!err && rest.size > 1) {
        struct str line = str_cut(rest, '\n', &rest);
        if (line.size < 2 || gather->report.size > REPORT_BYTES_MAX / 2) continue;
        buf_add_text(&gather->report, "{\"file\":");
        struct json_writer json = json_writer_of(&gather->report);
        json_put_text(&json, name);
        buf_add_char(&gather->report, ',');
        buf_add(&gather->report, line.data + 1, line.size - 1);
        buf_add_char(&gather->report, '\n');
    }
    buf_close(&lines);
    return err;
}

static enum err copy_text(struct arena *arena, struct str text, struct str *out) {
    char *copy = arena_take(arena, text.size + 1);
    if (!copy) return ERR_MEMORY;
    if (text.size) memcpy(copy, text.data, text.size);
    *out = (struct str){copy, text.size};
    return OK;
}

// What of an import's result is needed to the end; the rest goes with its arena.
static enum err keep_result(struct gather *gather, const struct intake_result *result,
                            struct intake_result *out) {
    struct arena *arena = gather->arena;
    uint32_t count = result->options.column_count;
    size_t numbers = count * sizeof(uint64_t);
    *out = *result;
    out->options.columns = ARENA_ARRAY(arena, struct intake_column, count);
    out->fault_per_column = ARENA_ARRAY(arena, uint64_t, count);
    out->value_per_column = ARENA_ARRAY(arena, uint64_t, count);
    out->notes = ARENA_ARRAY(arena, struct intake_note, result->note_count + 1);
    if (!out->options.columns || !out->fault_per_column || !out->value_per_column || !out->notes ||
        copy_text(arena, result->options.sheet, &out->options.sheet) ||
        copy_text(arena, result->options.member, &out->options.member) ||
        copy_text(arena, result->options.missing, &out->options.missing)) {
        return ERR_MEMORY;
    }
    memcpy(out->fault_per_column, result->fault_per_column, numbers);
    memcpy(out->value_per_column, result->value_per_column, numbers);
    memcpy(out->notes, result->notes, result->note_count * sizeof *out->notes);
    for (uint32_t i = 0; i < count; i++) {
        struct intake_column *column = &out->options.columns[i];
        *column = result->options.columns[i];
        if (copy_text(arena, column->name, &column->name) ||
            copy_text(arena, column->rename, &column->rename)) {
            return ERR_MEMORY;
        }
    }
    return OK;
}

static enum err import_file(struct gather *gather, struct member *member, const char *report,
                            struct fault *fault) {
    struct arena *arena;
    struct intake_result result;
    if (arena_open(IMPORT_BYTES, &arena)) return no_memory(fault);
    enum err err = intake_run(member->input.path, &member->options, member->path, report,
                              gather->progress, arena, &result, fault);
    if (!err && keep_result(gather, &result, &member->result)) err = no_memory(fault);
    arena_close(arena);
    return err;
}

static enum err import_one(struct gather *gather, struct member *member, struct fault *fault) {
    char report[LIMIT_PATH_BYTES];
    size_t index = (size_t)(member - gather->members);
    int size = snprintf(report, sizeof report, "%s.%zu.faults", gather->table_path, index);
    if (size < 0 || (size_t)size >= sizeof report) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(gather->table_path));
    }
    table_close(member->table);
    member->table = NULL;
    member->own = true;
    enum err err = file_remove(member->path, fault);
    if (!err) {
        err = import_file(gather, member, report, fault);
    }
    if (!err) err = table_open(member->path, &member->table, fault);
    if (!err) err = report_add(gather, member->input.name, report, fault);
    (void)!file_remove(report, NULL);
    return err;
}

static enum err open_one(struct gather *gather, struct member *member, struct fault *fault) {
    if (table_open(member->input.path, &member->table, NULL) == OK) {
        member->result.rows = table_rows(member->table);
        return OK;
    }
    size_t index = (size_t)(member - gather->members);
    int size = snprintf(member->path, sizeof member->path, "%s.%zu", gather->table_path, index);
    if (size < 0 || (size_t)size >= sizeof member->path) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(gather->table_path));
    }
    struct intake_options told = *gather->told;
    struct intake_guess guess;
    told.columns = NULL;
    told.column_count = 0;
    told.file_name = member->input.name;
    told.member = member->input.member;
    struct arena *arena;
    if (arena_open(IMPORT_BYTES, &arena)) return no_memory(fault);
    enum err err = intake_look(member->input.path, &told, 0, arena, &guess, fault);
    if (!err) {
        member->options = guess.options;
        member->options.threads = told.threads;
        tell_columns(gather->told, &member->options);
        err = import_one(gather, member, fault);
    }
    arena_close(arena);
    member->options = member->result.options;
    return err;
}

// The first fault of one file among many must say which file it is.
static enum err name_fault(const struct member *member, enum err err, struct fault *fault) {
    if (!fault || str_is(str_of(fault->code), "intake.cancelled")) return err;
    char detail[FAULT_DETAIL_SIZE];
    const char *between = fault->detail[0] ? ": " : "";
    struct str name = member->input.name;
    snprintf(detail, sizeof detail, "%.*s%s%.100s", (int)(name.size < 80 ? name.size : 80),
             name.data, between, fault->detail);
    if (!str_starts(str_of(fault->detail), member->input.name)) {
        (void)str_copy(fault->detail, sizeof fault->detail, str_of(detail));
    }
    return err;
}

// --- columns of all ------------------------------------------------------------------------------

static enum err differ(const struct member *member, struct str column, struct fault *fault) {
    char detail[FAULT_DETAIL_SIZE];
    snprintf(detail, sizeof detail, "%.*s: %.*s", (int)member->input.name.size,
             member->input.name.data, STR_ARG(column));
    return fault_set(fault, ERR_INPUT, "intake.columns_differ", str_of(detail));
}

// Finds the output's columns in the member's table, in whatever order.
static enum err match_columns(struct gather *gather, struct member *member, struct fault *fault) {
    const struct schema *schema = table_schema(member->table);
    const struct schema all = {gather->fields, gather->column_count};
    member->places = ARENA_ARRAY(gather->arena, uint32_t, gather->column_count);
    if (!member->places) return no_memory(fault);
    for (uint32_t i = 0; i < gather->column_count; i++) {
        int32_t place = schema_find(schema, gather->fields[i].name);
        if (place < 0) return differ(member, gather->fields[i].name, fault);
        member->places[i] = (uint32_t)place;
    }
    for (uint32_t i = 0; i < schema->count; i++) {
        if (schema_find(&all, schema->fields[i].name) < 0) {
            return differ(member, schema->fields[i].name, fault);
        }
    }
    return OK;
}

static enum err first_columns(struct gather *gather, struct fault *fault) {
    const struct schema *schema = table_schema(gather->members[0].table);
    struct schema copy;
    gather->column_count = schema->count;
    gather->fields = ARENA_ARRAY(gather->arena, struct field, schema->count + 1);
    if (!gather->fields || schema_copy(gather->arena, schema, &copy)) return no_memory(fault);
    memcpy(gather->fields, copy.fields, copy.count * sizeof *copy.fields);
    if (gather->source_column) {
        struct str name = STR("source_file");
        while (schema_find(schema, name) >= 0) {
            char *longer = arena_take(gather->arena, name.size + 1);
            if (!longer) return no_memory(fault);
            memcpy(longer, name.data, name.size);
            longer[name.size] = '_';
            name = (struct str){longer, name.size + 1};
        }
        gather->fields[schema->count] = (struct field){name, COLUMN_TEXT, COLUMN_PLAIN};
    }
    return OK;
}

// Did any cell of the table's column have a value? Of a table that was given: it is assumed.
static bool has_values(const struct member *member, uint32_t place) {
    if (!member->own) return true;
    uint32_t at = 0;
    for (uint32_t i = 0; i < member->result.options.column_count; i++) {
        if (member->result.options.columns[i].skip) continue;
        if (at++ == place) return member->result.value_per_column[i] > 0;
    }
    return true;
}

static bool is_pair(enum column_type a, enum column_type b, enum column_type x,
                    enum column_type y) {
    return (a == x && b == y) || (a == y && b == x);
}

// The narrowest type that holds both.
static enum column_type wider(enum column_type a, enum column_type b) {
    if (a == b) return a;
    if (is_pair(a, b, COLUMN_INTEGER, COLUMN_NUMBER)) return COLUMN_NUMBER;
    if (is_pair(a, b, COLUMN_DATE, COLUMN_TIME)) return COLUMN_TIME;
    return COLUMN_TEXT;
}

static void widen_types(struct gather *gather) {
    for (uint32_t i = 0; i < gather->column_count; i++) {
        bool any = false;
        for (uint32_t m = 0; m < gather->count; m++) {
            const struct member *member = &gather->members[m];
            enum column_type type = table_schema(member->table)->fields[member->places[i]].type;
            if (!has_values(member, member->places[i])) continue;
            gather->fields[i].type = any ? wider(gather->fields[i].type, type) : type;
            any = true;
        }
        if (!any) gather->fields[i].type = COLUMN_TEXT;
    }
}

// A file whose cells were read as something narrower than text is read again: 007 is not 7.
static enum err read_again(struct gather *gather, struct member *member, struct fault *fault) {
    bool again = false;
    uint32_t at = 0;
    struct intake_options *options = &member->options;
    if (!member->own) return OK;
    *options = member->result.options; // the types that held in the end
    options->threads = gather->told->threads;
    for (uint32_t i = 0; i < options->column_count; i++) {
        struct intake_column *column = &options->columns[i];
        if (column->skip) continue;
        uint32_t place = at++;
        for (uint32_t k = 0; k < gather->column_count; k++) {
            if (member->places[k] != place || gather->fields[k].type != COLUMN_TEXT) continue;
            again |= column->type != COLUMN_TEXT && has_values(member, place);
            column->type = COLUMN_TEXT;
            column->type_told = true;
        }
    }
    if (!again) return OK;
    enum err err = import_one(gather, member, fault);
    return err ? err : match_columns(gather, member, fault);
}

// --- the copy ------------------------------------------------------------------------------------

struct copy {
    struct gather *gather;
    struct table_writer *writer;
    struct batch_builder *builder;
    struct buf scratch;
};

static enum err flush(struct copy *copy, struct fault *fault) {
    if (batch_builder_rows(copy->builder) == 0) return OK;
    struct batch batch = batch_builder_view(copy->builder);
    enum err err = table_writer_add(copy->writer, &batch, fault);
    batch_builder_clear(copy->builder);
    return err;
}

static enum err copy_cell(struct copy *copy, uint32_t to, const struct column *from, uint32_t row) {
    enum column_type type = copy->gather->fields[to].type;
    if (!column_valid(from, row)) return OK;
    if (from->type == type) return batch_set_cell(copy->builder, to, from, row);
    if (type == COLUMN_NUMBER) {
        batch_set_number(copy->builder, to, (double)from->integers[row]);
    } else if (type == COLUMN_TIME) {
        batch_set_integer(copy->builder, to, from->integers[row] * 86400);
    } else {
        buf_clear(&copy->scratch);
        column_write(&copy->scratch, from, row);
        return batch_set_text(copy->builder, to, buf_str(&copy->scratch));
    }
    return OK;
}

static enum err copy_batch(struct copy *copy, const struct member *member,
                           const struct batch *batch, struct fault *fault) {
    const struct gather *gather = copy->gather;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        enum err err = OK;
        for (uint32_t i = 0; i < gather->column_count && !err; i++) {
            const struct column *from = &batch->columns[member->places[i]];
            if (from->type == gather->fields[i].type || has_values(member, member->places[i])) {
                err = copy_cell(copy, i, from, row);
            }
        }
        if (!err && gather->source_column) {
            err = batch_set_text(copy->builder, gather->column_count, member->input.name);
        }
        if (err) return fault_set(fault, err, "base.no_memory", STR_NONE);
        batch_row_end(copy->builder);
        if (batch_builder_full(copy->builder)) err = flush(copy, fault);
        if (err) return err;
    }
    return OK;
}

static enum err copy_member(struct copy *copy, const struct member *member, struct arena *arena,
                            struct fault *fault) {
    struct gather *gather = copy->gather;
    for (uint32_t b = 0; b < table_batches(member->table); b++) {
        struct batch batch;
        arena_reset(arena);
        if (progress_cancelled(gather->progress)) {
            return fault_set(fault, ERR_CANCELLED, "intake.cancelled", STR_NONE);
        }
        enum err err = table_batch(member->table, b, arena, &batch, fault);
        if (!err) err = copy_batch(copy, member, &batch, fault);
        if (err) return err;
    }
    return OK;
}

static enum err copy_all(struct gather *gather, struct fault *fault) {
    struct copy copy = {.gather = gather};
    struct schema schema = {gather->fields, gather->column_count + gather->source_column};
    struct arena *arena = NULL;
    buf_open(&copy.scratch, LIMIT_CELL_BYTES);
    enum err err = schema_check(&schema, fault);
    if (!err && (arena_open(64 << 20, &arena) || batch_builder_open(&schema, &copy.builder))) {
        err = no_memory(fault);
    }
    if (!err) err = table_writer_open(gather->table_path, &schema, &copy.writer, fault);
    for (uint32_t m = 0; m < gather->count && !err; m++) {
        progress_set(gather->progress, PHASE_COPY, m, gather->count);
        err = copy_member(&copy, &gather->members[m], arena, fault);
    }
    if (!err) err = flush(&copy, fault);
    struct table_writer *writer = copy.writer;
    if (err && writer) table_writer_abandon(writer);
    if (!err) err = table_writer_finish(writer, fault);
    if (copy.builder) batch_builder_close(copy.builder);
    arena_close(arena);
    buf_close(&copy.scratch);
    return err;
}

// --- all -----------------------------------------------------------------------------------------

static void member_close(struct member *member) {
    table_close(member->table);
    member->table = NULL;
    if (member->own) (void)!file_remove(member->path, NULL);
    member->own = false;
}

// A member of an archive that is no table like the others is left out and told.
static bool may_skip(struct gather *gather, struct member *member, enum err err,
                     const struct fault *fault) {
    if (!gather->source_column || err != ERR_INPUT) return false;
    if (str_is(str_of(fault->code), "zip.encrypted")) return false;
    note_add(&gather->notes, "zip.left_out", 1);
    for (uint32_t i = 0; i < gather->notes.count; i++) {
        struct intake_note *note = &gather->notes.items[i];
        size_t size = strlen(note->detail), most = sizeof note->detail - size - 3;
        if (strcmp(note->code, "zip.left_out") != 0 || member->input.name.size > most) continue;
        snprintf(note->detail + size, most + 3, "%s%.*s", size ? ", " : "",
                 STR_ARG(member->input.name));
    }
    member_close(member);
    return true;
}

static enum err open_all(struct gather *gather, struct fault *fault) {
    enum err err = OK;
    uint32_t kept = 0;
    struct fault first = {0};
    for (uint32_t m = 0; m < gather->count; m++) {
        struct member *member = &gather->members[kept];
        if (kept != m) *member = gather->members[m];
        struct fault own = {0};
        err = open_one(gather, member, &own);
        if (!err && kept == 0) err = first_columns(gather, &own);
        if (!err) err = match_columns(gather, member, &own);
        if (!err) {
            kept++;
            continue;
        }
        if (first.code[0] == '\0') first = own;
        if (may_skip(gather, member, err, &own)) continue;
        *fault = own;
        return name_fault(member, err, fault);
    }
    gather->count = kept;
    if (kept == 0) {
        *fault = first;
        return ERR_INPUT;
    }
    err = OK;
    widen_types(gather);
    for (uint32_t m = 0; m < gather->count && !err; m++) {
        err = read_again(gather, &gather->members[m], fault);
    }
    return err;
}

// Counts of all, by the names of the first.
static enum err add_results(const struct gather *gather, struct intake_result *result,
                            uint64_t *rows_each, struct fault *fault) {
    struct intake_result sum = gather->members[0].result;
    struct notes notes = gather->notes;
    uint32_t count = gather->column_count;
    struct intake_column *columns = ARENA_ARRAY(gather->arena, struct intake_column, count);
    uint64_t *faults = ARENA_ARRAY(gather->arena, uint64_t, count);
    uint64_t *values = ARENA_ARRAY(gather->arena, uint64_t, count);
    if (!columns || !faults || !values) return no_memory(fault);
    sum.rows = sum.bytes_read = sum.bytes_decoded = sum.fault_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        columns[i] =
            (struct intake_column){.name = gather->fields[i].name, .type = gather->fields[i].type};
    }
    for (uint32_t m = 0; m < gather->count; m++) {
        const struct intake_result *one = &gather->members[m].result;
        rows_each[m] = table_rows(gather->members[m].table);
        sum.rows += rows_each[m];
        sum.bytes_read += one->bytes_read;
        sum.bytes_decoded += one->bytes_decoded;
        sum.fault_count += one->fault_count;
        for (uint32_t k = 0, at = 0; k < one->options.column_count; k++) {
            if (one->options.columns[k].skip) continue;
            for (uint32_t i = 0; i < count; i++) {
                if (gather->members[m].places[i] != at) continue;
                faults[i] += one->fault_per_column[k];
                values[i] += one->value_per_column[k];
            }
            at++;
        }
    }
    for (uint32_t i = 0; i < sum.note_count; i++) {
        note_add(&notes, sum.notes[i].code, sum.notes[i].count);
    }
    sum.notes = ARENA_ARRAY(gather->arena, struct intake_note, NOTES_MAX);
    if (!sum.notes) return no_memory(fault);
    memcpy(sum.notes, notes.items, sizeof notes.items);
    sum.note_count = notes.count;
    sum.options.columns = columns;
    sum.options.column_count = count;
    sum.fault_per_column = faults;
    sum.value_per_column = values;
    *result = sum;
    return OK;
}

static bool is_table(const char *path) {
    struct table *table;
    if (table_open(path, &table, NULL) != OK) return false;
    table_close(table);
    return true;
}

enum err intake_gather(const struct intake_input *inputs, uint32_t count,
                       const struct intake_options *told, bool source_column,
                       const char *table_path, const char *report_path, struct progress *progress,
                       struct arena *arena, struct intake_result *result, uint64_t *rows_each,
                       struct fault *fault) {
    if (count == 1 && !source_column && !is_table(inputs[0].path)) {
        struct intake_options named = *told;
        named.file_name = inputs[0].name;
        enum err alone = intake_run(inputs[0].path, &named, table_path, report_path, progress,
                                    arena, result, fault);
        if (!alone) rows_each[0] = result->rows;
        return alone;
    }
    struct gather gather = {arena,         told,       ARENA_ARRAY(arena, struct member, count),
                            count,         NULL,       0,
                            source_column, table_path, report_path,
                            progress,      {0},        {{{0}}, 0}};
    if (!gather.members) return no_memory(fault);
    buf_open(&gather.report, REPORT_BYTES_MAX);
    for (uint32_t m = 0; m < count; m++) gather.members[m].input = inputs[m];
    enum err err = open_all(&gather, fault);
    if (!err) err = copy_all(&gather, fault);
    if (!err) err = add_results(&gather, result, rows_each, fault);
    if (!err && buf_err(&gather.report)) err = no_memory(fault);
    if (!err && report_path && report_path[0]) {
        err = file_write(report_path, buf_str(&gather.report), fault);
    }
    for (uint32_t m = 0; m < gather.count; m++) member_close(&gather.members[m]);
    if (err) (void)!file_remove(table_path, NULL);
    buf_close(&gather.report);
    return err;
}
