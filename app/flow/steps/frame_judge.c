// One pass takes the values of the columns asked for; then numbers are cut into ranges, and the
// columns that may be an entity are looked at.
#include "flow/steps/frame_judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "model/measure/measure.h"

enum {
    FEW_NUMBERS = 10,      // a number column with no more values is one of categories
    ENTITY_CANDIDATES = 4, // columns looked at when nobody said which it is
    ENTITY_LEAST = 20,     // distinct values an entity needs
    CUTS = 4,              // ranges of numbers without edges
};

struct by_column {
    uint32_t column;
    bool number;
    double edges[JUDGE_EDGES_MAX];
    uint32_t edge_count;
    double *numbers; // (rows): of a number column
    struct words words;
    struct str *texts; // (rows): of the others; STR_NONE: missing
};
struct candidate {
    uint32_t column;
    uint64_t *keys; // (rows)
};
struct gathering {
    struct table *table;
    const struct schema *schema;
    const struct judge_wish *wish;
    struct arena *arena;
    struct table_frame *frame;
    struct fault *fault;
    uint32_t target;
    struct by_column by[JUDGE_COLUMNS_MAX];
    uint32_t by_count;
    struct candidate candidates[ENTITY_CANDIDATES];
    uint32_t candidate_count;
    int32_t time;
    double *times;
    uint64_t rows, at; // at: the next row's place
    struct tabular_judge *out;
};

static enum err no_memory(struct gathering *g) {
    return fault_set(g->fault, ERR_MEMORY, "train.no_memory", STR_NONE);
}

static enum err find(struct gathering *g, struct str name, uint32_t *out) {
    int32_t found = schema_find(g->schema, name);
    if (found < 0) return fault_set(g->fault, ERR_INPUT, "train.unknown_column", name);
    *out = (uint32_t)found;
    return OK;
}

// ---- what is asked ------------------------------

static enum err read_edges(struct gathering *g, const struct json *edges, struct by_column *by) {
    for (const struct json *e = json_first(edges); e; e = json_next(e)) {
        double value = json_number(e, NAN);
        bool rises = by->edge_count == 0 || value > by->edges[by->edge_count - 1];
        if (!isfinite(value) || !rises || by->edge_count == JUDGE_EDGES_MAX || !by->number) {
            struct str name = g->schema->fields[by->column].name;
            return fault_set(g->fault, ERR_INPUT, "train.bad_edges", name);
        }
        by->edges[by->edge_count++] = value;
    }
    return OK;
}

static enum err read_by(struct gathering *g) {
    for (const struct json *item = json_first(g->wish->by); item; item = json_next(item)) {
        bool object = json_is_object(item);
        struct by_column *by = &g->by[g->by_count];
        if (g->by_count == JUDGE_COLUMNS_MAX) {
            return fault_set(g->fault, ERR_INPUT, "train.bad_option", STR("judge_by"));
        }
        struct str name = object ? json_member_text(item, "column") : json_text(item);
        enum err err = find(g, name, &by->column);
        if (err != OK) return err;
        enum column_type type = g->schema->fields[by->column].type;
        by->number = type == COLUMN_INTEGER || type == COLUMN_NUMBER;
        if (object) err = read_edges(g, json_member(item, "edges"), by);
        if (err == OK) err = words_open(g->arena, JUDGE_WORDS_MAX, &by->words);
        if (err != OK) return err;
        g->by_count++;
    }
    return OK;
}

static enum err read_time(struct gathering *g) {
    uint32_t column = 0;
    g->time = -1;
    if (g->wish->time.size == 0) { // one that tells when a row was, not when somebody was born
        for (uint32_t i = 0; i < g->schema->count && g->time < 0; i++) {
            const struct field *field = &g->schema->fields[i];
            bool when = field->type == COLUMN_DATE || field->type == COLUMN_TIME;
            if (when && field->role == COLUMN_PLAIN && i != g->target) g->time = (int32_t)i;
        }
        return OK;
    }
    enum err err = find(g, g->wish->time, &column);
    if (err != OK) return err;
    enum column_type type = g->schema->fields[column].type;
    if (type == COLUMN_TEXT || type == COLUMN_BOOLEAN) {
        return fault_set(g->fault, ERR_INPUT, "train.bad_time", g->wish->time);
    }
    g->time = (int32_t)column;
    return OK;
}

static bool ends_like_identifier(struct str name) {
    static const char *const endings[] = {"id",   "ID",  "Id",     "编号",
                                          "号码", "_no", "病案号", "证号"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t size = strlen(endings[i]);
        if (name.size < size) continue;
        if (memcmp(name.data + name.size - size, endings[i], size) == 0) return true;
    }
    return false;
}

static enum err read_entity(struct gathering *g) {
    if (g->wish->entity.size) {
        g->candidate_count = 1;
        return find(g, g->wish->entity, &g->candidates[0].column);
    }
    for (uint32_t i = 0; i < g->schema->count && g->candidate_count < ENTITY_CANDIDATES; i++) {
        const struct field *field = &g->schema->fields[i];
        bool may = field->type == COLUMN_TEXT || field->type == COLUMN_INTEGER;
        bool looks = field->role == COLUMN_DIRECT || ends_like_identifier(field->name);
        if (!may || !looks || i == g->target || str_equal(field->name, g->wish->group)) continue;
        g->candidates[g->candidate_count++].column = i;
    }
    return OK;
}

static enum err take_rooms(struct gathering *g) {
    size_t rows = (size_t)g->rows;
    for (uint32_t i = 0; i < g->by_count; i++) {
        struct by_column *by = &g->by[i];
        if (by->number) by->numbers = ARENA_ARRAY(g->arena, double, rows);
        by->texts = ARENA_ARRAY(g->arena, struct str, rows);
        if (!by->texts || (by->number && !by->numbers)) return no_memory(g);
    }
    for (uint32_t i = 0; i < g->candidate_count; i++) {
        g->candidates[i].keys = ARENA_ARRAY(g->arena, uint64_t, rows);
        if (!g->candidates[i].keys) return no_memory(g);
    }
    if (g->time >= 0) g->times = ARENA_ARRAY(g->arena, double, rows);
    return g->time >= 0 && !g->times ? no_memory(g) : OK;
}

// ---- the pass ------------------------------

static struct str word_of(const struct column *column, uint32_t row, struct buf *scratch) {
    if (!column_valid(column, row)) return STR_NONE;
    if (column->type == COLUMN_TEXT) return str_trim(column_text(column, row));
    buf_clear(scratch);
    column_write(scratch, column, row);
    return buf_str(scratch);
}

// The text as words has it, so that equal ones share their bytes; STR_NONE past the last word.
static struct str kept(const struct words *words, struct str text) {
    for (uint32_t i = 0; i < words->count; i++) {
        if (str_equal(words->items[i], text)) return words->items[i];
    }
    return STR_NONE;
}

static uint64_t key_of(struct str text) {
    struct hash hash = sha256_of(text.data, text.size);
    uint64_t key;
    memcpy(&key, hash.bytes, sizeof key);
    return key;
}

static void take_row(struct gathering *g, const struct batch *batch, uint32_t row,
                     struct buf *scratch) {
    for (uint32_t i = 0; i < g->by_count; i++) {
        struct by_column *by = &g->by[i];
        const struct column *column = &batch->columns[by->column];
        bool valid = column_valid(column, row);
        struct str text = word_of(column, row, scratch);
        if (by->number) by->numbers[g->at] = valid ? column_number(column, row) : (double)NAN;
        if (text.size) words_add(&by->words, text);
        by->texts[g->at] = kept(&by->words, text);
    }
    for (uint32_t i = 0; i < g->candidate_count; i++) {
        const struct column *column = &batch->columns[g->candidates[i].column];
        struct str text = word_of(column, row, scratch);
        // Nobody is the same as another nobody.
        g->candidates[i].keys[g->at] = text.size ? key_of(text) : seed_mix(g->at + 1);
    }
    if (g->time >= 0) {
        const struct column *column = &batch->columns[g->time];
        g->times[g->at] = column_valid(column, row) ? column_number(column, row) : (double)NAN;
    }
    g->at++;
}

static enum err take_batches(struct gathering *g, struct progress *progress) {
    struct arena *arena;
    struct buf scratch;
    enum err err = arena_open((size_t)256 << 20, &arena);
    if (err != OK) return no_memory(g);
    buf_open(&scratch, LIMIT_CELL_BYTES);
    uint32_t count = table_batches(g->table);
    for (uint32_t i = 0; i < count && err == OK; i++) {
        struct batch batch;
        if (progress_cancelled(progress)) err = ERR_CANCELLED;
        arena_reset(arena);
        if (err == OK) err = table_batch(g->table, i, arena, &batch, g->fault);
        for (uint32_t row = 0; err == OK && row < batch.row_count; row++) {
            if (!frame_row_counts(&g->frame->needs, &batch, row, NULL)) continue;
            cy_assert(g->at < g->rows);
            take_row(g, &batch, row, &scratch);
        }
        if (err == OK) err = buf_err(&scratch);
    }
    buf_close(&scratch);
    arena_close(arena);
    cy_assert(err != OK || g->at == g->rows);
    return err;
}

// ---- groups ------------------------------

static int number_order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// Quartiles, as short as they may be written and still differ.
static enum err cut_by_quartiles(struct gathering *g, struct by_column *by) {
    double *sorted = ARENA_ARRAY(g->arena, double, (size_t)g->rows);
    if (!sorted) return no_memory(g);
    uint64_t count = 0;
    for (uint64_t i = 0; i < g->rows; i++) {
        if (!isnan(by->numbers[i])) sorted[count++] = by->numbers[i];
    }
    qsort(sorted, count, sizeof *sorted, number_order);
    for (uint32_t c = 1; c < CUTS && count > 0; c++) {
        char text[32];
        double edge;
        snprintf(text, sizeof text, "%.3g", sorted[count * c / CUTS]);
        edge = strtod(text, NULL);
        bool rises = by->edge_count == 0 || edge > by->edges[by->edge_count - 1];
        if (rises && edge > sorted[0]) by->edges[by->edge_count++] = edge;
    }
    return OK;
}

static struct str range_name(struct gathering *g, const struct by_column *by, uint32_t range) {
    char text[80];
    const double *edges = by->edges;
    if (range == 0) {
        snprintf(text, sizeof text, "< %.10g", edges[0]);
    } else if (range == by->edge_count) {
        snprintf(text, sizeof text, "≥ %.10g", edges[range - 1]);
    } else {
        snprintf(text, sizeof text, "%.10g – < %.10g", edges[range - 1], edges[range]);
    }
    size_t size = strlen(text);
    char *copy = arena_take(g->arena, size + 1);
    if (copy) memcpy(copy, text, size + 1);
    return (struct str){copy, copy ? size : 0};
}

static enum err ranges_fill(struct gathering *g, struct by_column *by, struct str *values,
                            uint32_t *value) {
    for (uint32_t r = 0; r <= by->edge_count; r++) {
        values[r] = range_name(g, by, r);
        if (!values[r].data) return no_memory(g);
    }
    for (uint64_t i = 0; i < g->rows; i++) {
        uint32_t range = 0;
        while (range < by->edge_count && by->numbers[i] >= by->edges[range]) range++;
        value[i] = isnan(by->numbers[i]) ? by->edge_count + 1 : range;
    }
    return OK;
}

static void words_fill(struct gathering *g, struct by_column *by, struct str *values,
                       uint32_t *value) {
    words_sort(&by->words);
    uint32_t count = by->words.count;
    for (uint32_t w = 0; w < count; w++) values[w] = by->words.items[w];
    for (uint64_t i = 0; i < g->rows; i++) {
        uint32_t w = 0;
        while (w < count && !str_equal(values[w], by->texts[i])) w++;
        value[i] = w; // count: missing
    }
}

static enum err by_settle(struct gathering *g, struct by_column *by, struct judge_column *out,
                          bool *kept_out) {
    struct str name = g->schema->fields[by->column].name;
    if (by->words.no_memory) return no_memory(g);
    bool many = by->words.over || by->words.count > FEW_NUMBERS;
    enum err err = by->number && many && by->edge_count == 0 ? cut_by_quartiles(g, by) : OK;
    if (err != OK) return err;
    bool ranges = by->number && by->edge_count > 0;
    if (!ranges && by->words.over) {
        frame_warn(g->frame, "train.judge_left_out", name);
        return OK;
    }
    uint32_t count = ranges ? by->edge_count + 1 : by->words.count;
    struct str *values = ARENA_ARRAY(g->arena, struct str, count + 1);
    uint32_t *value = ARENA_ARRAY(g->arena, uint32_t, (size_t)g->rows);
    if (!values || !value) return no_memory(g);
    if (ranges)
        err = ranges_fill(g, by, values, value);
    else
        words_fill(g, by, values, value);
    values[count] = STR_NONE;
    *out = (struct judge_column){name, values, count + 1, value};
    *kept_out = true;
    return err;
}

// ---- entity ------------------------------

static int key_order(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

// Many values, and yet rows share them: one fifth more rows than values at least.
static enum err is_entity(struct gathering *g, const struct candidate *candidate, bool *out) {
    uint64_t *sorted = ARENA_ARRAY(g->arena, uint64_t, (size_t)g->rows);
    if (!sorted) return no_memory(g);
    memcpy(sorted, candidate->keys, (size_t)g->rows * sizeof *sorted);
    qsort(sorted, g->rows, sizeof *sorted, key_order);
    uint64_t distinct = g->rows > 0;
    for (uint64_t i = 1; i < g->rows; i++) distinct += sorted[i] != sorted[i - 1];
    *out =
        distinct >= ENTITY_LEAST && g->rows >= distinct + distinct / 5 && g->rows <= distinct * 50;
    return OK;
}

static enum err entity_settle(struct gathering *g) {
    for (uint32_t i = 0; i < g->candidate_count; i++) {
        bool taken = g->wish->entity.size > 0;
        enum err err = taken ? OK : is_entity(g, &g->candidates[i], &taken);
        if (err != OK) return err;
        if (!taken) continue;
        g->out->entity = g->candidates[i].keys;
        g->out->entity_name = g->schema->fields[g->candidates[i].column].name;
        break;
    }
    return OK;
}

static enum err settle(struct gathering *g) {
    struct judge_column *by = ARENA_ARRAY(g->arena, struct judge_column, JUDGE_COLUMNS_MAX);
    if (!by) return no_memory(g);
    g->out->by = by;
    for (uint32_t i = 0; i < g->by_count; i++) {
        bool taken = false;
        enum err err = by_settle(g, &g->by[i], &by[g->out->by_count], &taken);
        if (err != OK) return err;
        g->out->by_count += taken;
    }
    if (g->time >= 0) {
        g->out->time = g->times;
        g->out->time_name = g->schema->fields[g->time].name;
        g->out->time_splits = g->wish->time.size > 0;
    }
    return entity_settle(g);
}

enum err frame_judge(struct table *table, const struct judge_wish *wish, struct arena *arena,
                     struct progress *progress, struct table_frame *frame,
                     struct tabular_judge *out, struct fault *fault) {
    struct tabular_judge judge = {0};
    struct gathering g = {.table = table,
                          .schema = table_schema(table),
                          .wish = wish,
                          .arena = arena,
                          .frame = frame,
                          .fault = fault,
                          .rows = frame->frame.rows,
                          .out = &judge};
    enum err err = find(&g, frame->target.name, &g.target);
    if (err == OK) err = read_by(&g);
    if (err == OK) err = read_time(&g);
    if (err == OK) err = read_entity(&g);
    bool nothing = g.by_count == 0 && g.time < 0 && g.candidate_count == 0;
    if (err == OK && !nothing) err = take_rooms(&g);
    if (err == OK && !nothing) err = take_batches(&g, progress);
    if (err == OK && !nothing) err = settle(&g);
    if (err == OK) *out = judge;
    return err;
}
