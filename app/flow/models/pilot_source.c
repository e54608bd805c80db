#include "flow/models/pilot_source.h"

#include <string.h>

#include "flow/flow_private.h"
#include "flow/models/pilots.h"
#include "pilot/synthetic.h"

enum {
    LOOK_ROWS = 20,        // to learn how wide the file is
    SAMPLE_ROWS = 5000,    // and then so many, as far as the head of the file reaches,
    SAMPLE_CELLS = 400000, // but no more cells
};

enum err pilot_source_room(struct pilot_source *source, uint32_t columns) {
    source->names = ARENA_ARRAY(source->arena, struct str, columns + 1);
    source->types = ARENA_ARRAY(source->arena, const char *, columns + 1);
    source->cells.names = source->names;
    source->cells.columns = columns;
    return source->names && source->types ? OK : ERR_MEMORY;
}

// ---- rows ---------------------------------------------------------------------------------------

static const struct json *demonstration_of(const struct template *one,
                                           const struct pilot_source *source) {
    if (!str_is(source->origin, "package")) return NULL;
    return json_member(one->node, "demonstration");
}

enum err pilot_source_look(const struct template *one, const char *path,
                           const struct intake_options *told, struct pilot_source *source,
                           struct fault *fault) {
    struct intake_options options = *told;
    struct intake_guess *guess = &source->guess;
    const struct json *demo = demonstration_of(one, source);
    source->file = true;
    options.file_name = source->name;
    if (demo) options.header = json_member_bool(demo, "header", true) ? HEADER_YES : HEADER_NO;
    enum err err = intake_look(path, &options, LOOK_ROWS, source->arena, guess, fault);
    if (err != OK) return err;
    uint32_t width = guess->options.column_count, rows = SAMPLE_ROWS;
    if (width > 0 && SAMPLE_CELLS / width < rows) rows = SAMPLE_CELLS / width;
    err = intake_look(path, &options, rows, source->arena, guess, fault);
    if (err == OK) err = pilot_source_room(source, width);
    if (err != OK) return err;
    for (uint32_t i = 0; i < width; i++) {
        source->names[i] = guess->options.columns[i].name;
        source->types[i] = column_type_name(guess->options.columns[i].type);
    }
    source->cells.cells = guess->sample;
    source->cells.rows = guess->sample_rows;
    source->cells.header = guess->options.header != HEADER_NO;
    return OK;
}

static struct str cell_keep(struct pilot_source *source, struct buf *scratch,
                            const struct column *column, uint32_t row) {
    buf_clear(scratch);
    if (column_valid(column, row)) column_write(scratch, column, row);
    return arena_text(source->arena, buf_str(scratch));
}

enum err pilot_source_sample(struct table *table, struct pilot_source *source,
                             struct fault *fault) {
    struct batch batch;
    struct buf scratch;
    uint32_t width = source->cells.columns;
    enum err err = table_batch(table, 0, source->arena, &batch, fault);
    if (err != OK) return err;
    uint32_t rows = SAMPLE_CELLS / width;
    if (rows > SAMPLE_ROWS) rows = SAMPLE_ROWS;
    if (rows > batch.row_count) rows = batch.row_count;
    struct str *cells = ARENA_ARRAY(source->arena, struct str, (size_t)rows * width + 1);
    if (!cells) return ERR_MEMORY;
    buf_open(&scratch, LIMIT_CELL_BYTES);
    for (uint32_t r = 0; r < rows; r++) {
        for (uint32_t c = 0; c < width; c++) {
            cells[(size_t)r * width + c] = cell_keep(source, &scratch, &batch.columns[c], r);
        }
    }
    buf_close(&scratch);
    source->cells.cells = cells;
    source->cells.rows = rows;
    return OK;
}

// ---- which column plays which part --------------------------------------------------------------

// A demonstration's columns are known by their place.
static void demonstration_match(const struct template *one, const struct pilot_source *source,
                                const struct json *demo, struct match *out) {
    const struct json *item = json_first(json_member(demo, "columns"));
    for (uint32_t i = 0; i < one->column_count; i++) out[i] = (struct match){.from = MATCH_NOWHERE};
    for (uint32_t at = 0; item && at < source->cells.columns; item = json_next(item), at++) {
        const struct template_column *column = template_column_find(one, json_text(item));
        out[column - one->columns] =
            (struct match){.from = (int32_t)at, .confidence = 1, .why = MATCH_POSITION};
    }
}

enum err pilot_source_match(const struct template *one, const struct pilot_source *source,
                            struct match **out) {
    *out = ARENA_ARRAY(source->arena, struct match, one->column_count);
    if (!*out) return ERR_MEMORY;
    const struct json *demo = demonstration_of(one, source);
    if (json_first(json_member(demo, "columns"))) {
        demonstration_match(one, source, demo, *out);
        return OK;
    }
    return template_match(one, &source->cells, source->arena, *out);
}

static int32_t column_said(const struct template_column *column, const struct pilot_source *source,
                           struct str name) {
    for (uint32_t f = 0; f < source->cells.columns; f++) {
        if (str_equal(source->names[f], name)) return (int32_t)f;
    }
    return column->many && str_is(name, "*") ? MATCH_REST : MATCH_NOWHERE;
}

// A part loses its column to one a person gives it to, but not what a person has given it.
static bool column_free(const struct template *one, struct match *match, int32_t from) {
    for (uint32_t i = 0; i < one->column_count; i++) {
        if (match[i].from != from || from < 0) continue;
        if (match[i].why == MATCH_NONE) return false;
        match[i] = (struct match){.from = MATCH_NOWHERE};
    }
    return true;
}

enum err pilot_source_correct(const struct template *one, const struct pilot_source *source,
                              const struct json *said, bool whole, struct match *match,
                              struct fault *fault) {
    if (said && !json_is_object(said)) {
        return fault_set(fault, ERR_INPUT, "pilot.bad_mapping", STR("mapping"));
    }
    for (uint32_t i = 0; said && whole && i < one->column_count; i++) {
        match[i] = (struct match){.from = MATCH_NOWHERE};
    }
    for (const struct json *item = json_first(said); item; item = json_next(item)) {
        const struct template_column *column = template_column_find(one, json_name(item));
        if (!column) return fault_set(fault, ERR_INPUT, "pilot.bad_mapping", json_name(item));
        struct match *to = &match[column - one->columns];
        *to = (struct match){.from = MATCH_NOWHERE};
        if (json_is_null(item)) continue;
        int32_t from = column_said(column, source, json_text(item));
        if (from == MATCH_NOWHERE || !column_free(one, match, from)) {
            return fault_set(fault, ERR_INPUT, "pilot.bad_mapping", json_text(item));
        }
        *to = (struct match){.from = from, .confidence = 1};
    }
    return OK;
}

struct str pilot_source_from(const struct pilot_source *source, const struct match *match) {
    if (match->from == MATCH_REST) return STR("*");
    return match->from >= 0 ? source->names[match->from] : STR_NONE;
}

struct str pilot_source_positive(const struct template *one, const struct pilot_source *source,
                                 int32_t column) {
    struct str told = json_member_text(demonstration_of(one, source), "positive");
    return told.size ? told : match_positive(one, &source->cells, column);
}

// ---- what the run keeps of it -------------------------------------------------------------------

static enum err parts_check(const struct template *one, const struct match *match,
                            struct str language, struct fault *fault) {
    // A forecast learns from the series itself.
    bool feature = json_member(json_member(one->node, "train"), "series") != NULL;
    for (uint32_t i = 0; i < one->column_count; i++) {
        const struct template_column *column = &one->columns[i];
        bool there = match[i].from != MATCH_NOWHERE;
        feature = feature || (column->use == USE_FEATURE && there);
        if (!column->needed || there) continue;
        return fault_set(fault, ERR_INPUT, "pilot.column_missing",
                         pilot_words(column->node, "title", language));
    }
    return feature ? OK : fault_set(fault, ERR_INPUT, "train.no_feature_left", STR_NONE);
}

static struct str mapping_text(const struct template *one, const struct pilot_source *source,
                               const struct match *match, struct arena *arena) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    for (uint32_t i = 0; i < one->column_count; i++) {
        struct str from = pilot_source_from(source, &match[i]);
        if (from.size == 0) continue;
        json_put_name_str(&out, one->columns[i].name);
        json_put_text(&out, from);
    }
    json_close_object(&out);
    struct str copy = buf_err(&text) == OK ? arena_text(arena, buf_str(&text)) : STR_NONE;
    buf_close(&text);
    return copy;
}

// Numbers that play no part keep their names, unless a part is called so.
static void rest_take(const struct template *one, struct intake_options *options) {
    for (uint32_t f = 0; f < options->column_count; f++) {
        struct intake_column *column = &options->columns[f];
        bool number = column->type == COLUMN_NUMBER || column->type == COLUMN_INTEGER;
        if (number && !template_column_find(one, column->name)) column->skip = false;
    }
}

// The file's columns under the template's names and types; those that play no part are left out.
static struct str intake_text(const struct template *one, struct pilot_source *source,
                              const struct match *match, struct arena *arena) {
    struct buf text;
    struct intake_options *options = &source->guess.options;
    if (!source->file) return STR("{}");
    for (uint32_t f = 0; f < options->column_count; f++) options->columns[f].skip = true;
    for (uint32_t i = 0; i < one->column_count; i++) {
        if (match[i].from == MATCH_REST) rest_take(one, options);
    }
    for (uint32_t i = 0; i < one->column_count; i++) {
        if (match[i].from < 0) continue;
        struct intake_column *column = &options->columns[match[i].from];
        column->skip = false;
        column->rename = one->columns[i].name;
        column->type_told = column_type_from_name(one->columns[i].type, &column->type);
        // What cannot be read as the date it ended on must not become what has not ended.
        if (one->dated && i == one->target) column->type = COLUMN_TEXT;
    }
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    intake_options_write(&out, options);
    struct str copy = buf_err(&text) == OK ? arena_text(arena, buf_str(&text)) : STR_NONE;
    buf_close(&text);
    return copy;
}

// ---- a graph between series ---------------------------------------------------------------------

// A column that is a series of its own.
static bool is_series(const struct pilot_source *source, const struct match *match, uint32_t parts,
                      struct str name) {
    for (uint32_t f = 0; f < source->cells.columns; f++) {
        if (!str_equal(source->names[f], name)) continue;
        for (uint32_t i = 0; i < parts; i++) {
            if (match[i].from == (int32_t)f) return false;
        }
        return true;
    }
    return false;
}

// In a table of many columns every name must be one of theirs: said now, not by a job that fails.
// Where series stand in rows the training knows.
static enum err graph_check(const struct template *one, const struct pilot_source *source,
                            const struct match *match, const struct json *graph,
                            struct fault *fault) {
    uint64_t row = 0;
    if (match[one->target].from != MATCH_REST) return OK;
    for (const struct json *edge = json_first(graph); edge; edge = json_next(edge)) {
        row++;
        const struct json *end = json_first(edge);
        for (int i = 0; end && i < 2; i++, end = json_next(end)) {
            struct str name = json_text(end);
            if (!json_is_string(end) || is_series(source, match, one->column_count, name)) continue;
            return fault_at(fault, ERR_INPUT, "series.bad_edge", row, 0, name);
        }
    }
    return OK;
}

static enum err graph_settle(const struct template *one, const struct pilot_source *source,
                             const struct match *match, struct arena *arena, struct pilot_run *run,
                             struct fault *fault) {
    const struct json *made = json_member(synthetic_of(one), "graph");
    struct json *graph = NULL;
    if (run->graph.size == 0 && made && str_is(source->origin, "synthetic")) {
        run->graph = arena_json(arena, made);
    }
    if (run->graph.size == 0) return OK;
    if (!json_member(one->node, "graph")) {
        return fault_set(fault, ERR_INPUT, "pilot.no_graph", one->id);
    }
    enum err err = json_parse(run->graph, &graph, fault);
    if (err == OK) err = graph_check(one, source, match, graph, fault);
    json_close(graph);
    return err;
}

enum err pilot_source_settle(const struct template *one, struct pilot_source *source,
                             const struct match *match, struct arena *arena, struct pilot_run *run,
                             struct fault *fault) {
    enum err err = parts_check(one, match, run->language, fault);
    if (err != OK) return err;
    struct str positive = run->positive;
    if (positive.size == 0) {
        positive = pilot_source_positive(one, source, match[one->outcome].from);
    }
    if (one->positive.size && positive.size == 0) {
        return fault_set(fault, ERR_INPUT, "pilot.no_positive",
                         pilot_words(one->columns[one->outcome].node, "title", run->language));
    }
    err = graph_settle(one, source, match, arena, run, fault);
    if (err != OK) return err;
    run->pilot = one->id;
    run->released = !source->file;
    run->source = arena_text(arena, source->name);
    run->origin = arena_text(arena, source->origin);
    run->positive = arena_text(arena, positive);
    run->mapping = mapping_text(one, source, match, arena);
    run->intake = intake_text(one, source, match, arena);
    return run->mapping.size && run->intake.size ? OK : ERR_MEMORY;
}
