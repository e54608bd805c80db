// Two passes over the table: the first collects the texts of the columns and of the target, the
// second fills the values. Only rows that have a target count.
#include "flow/steps/frame.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/number.h"
#include "flow/steps/frame_target.h"

enum {
    CLASSES_WHOLE_MAX = 10,  // a whole-number target with more values is a quantity
    NUMBERING_ROWS_MIN = 20, // fewer rows may rise by chance
};

// Does an integer column only ever rise? Then it numbers the rows. Where a file is sorted by its
// outcome, such a column knows the answer and is worth nothing for a new row.
struct rising {
    int64_t last;
    bool started, broken;
};

struct making {
    struct table *table;
    const struct schema *schema;
    const struct frame_wish *wish;
    struct arena *arena, *batch_arena;
    struct progress *progress;
    struct fault *fault;
    int32_t target, group; // columns; group -1: none
    bool by_scaffold;      // the group is the scaffold of the column's molecules
    struct frame_columns others;
    uint32_t *columns;        // (feature_count) which column a feature is
    struct feature *features; // (feature_count)
    struct words *words;      // (feature_count)
    struct rising *rising;    // (feature_count)
    struct words target_words;
    uint32_t feature_count; // columns that are features; the prepared ones come after them
    struct preparation preparation;
    struct cells cells;
    uint32_t step_columns[PREPARE_STEPS_MAX];
    uint64_t unreadable[PREPARE_STEPS_MAX]; // rows a step could not read
    uint64_t rows, rows_seen;
    bool whole;                  // every target is a whole number
    uint64_t numbers, no_number; // of a target of texts: that read as numbers; the first row that
                                 // doesn't, from 1
    struct table_frame *out;
};

void frame_warn(struct table_frame *frame, const char *code, struct str detail) {
    cy_assert(frame->warning_count < FRAME_WARNINGS_MAX);
    frame->warnings[frame->warning_count++] = (struct frame_warning){code, detail};
}

void frame_unwarn(struct table_frame *frame, const char *code, struct str detail) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < frame->warning_count; i++) {
        struct frame_warning one = frame->warnings[i];
        bool it = strcmp(one.code, code) == 0 && str_equal(one.detail, detail);
        if (!it) frame->warnings[kept++] = one;
    }
    frame->warning_count = kept;
}

static void warn(struct making *making, const char *code, struct str detail) {
    frame_warn(making->out, code, detail);
}

static enum err no_memory(struct making *making) {
    return fault_set(making->fault, ERR_MEMORY, "train.no_memory", STR_NONE);
}

static enum err column_find(struct making *making, struct str name, int32_t *out) {
    int32_t found = schema_find(making->schema, name);
    if (found < 0) return fault_set(making->fault, ERR_INPUT, "train.unknown_column", name);
    *out = found;
    return OK;
}

static bool listed(const struct json *names, struct str name) {
    for (const struct json *item = json_first(names); item; item = json_next(item)) {
        if (str_equal(json_text(item), name)) return true;
    }
    return false;
}

static enum err column_usable(struct making *making, struct str name, int32_t *out) {
    enum err err = column_find(making, name, out);
    if (err == OK && making->schema->fields[*out].role == COLUMN_DIRECT) {
        err = fault_set(making->fault, ERR_INPUT, "train.direct_column", name);
    }
    return err;
}

// Names that were asked for must exist and may not name a person.
static enum err wishes_check(struct making *making) {
    int32_t column = 0;
    for (uint32_t i = 0; i < making->preparation.step_count; i++) {
        enum err err = column_usable(making, making->preparation.steps[i].column, &column);
        if (err != OK) return err;
        making->step_columns[i] = (uint32_t)column;
    }
    const struct json *item = json_first(making->wish->features);
    for (; item; item = json_next(item)) {
        enum err err = column_usable(making, json_text(item), &column);
        if (err != OK) return err;
    }
    return OK;
}

// Columns with another part to play than a feature's.
static bool is_reserved(const struct making *making, int32_t column) {
    return column == making->target || column == making->group || column == making->others.weight ||
           column == making->others.event;
}

static enum err features_choose(struct making *making) {
    const struct schema *schema = making->schema;
    making->columns = ARENA_ARRAY(making->arena, uint32_t, schema->count);
    making->features = ARENA_ARRAY(making->arena, struct feature, schema->count);
    making->words = ARENA_ARRAY(making->arena, struct words, schema->count);
    making->rising = ARENA_ARRAY(making->arena, struct rising, schema->count);
    if (!making->columns || !making->features || !making->words || !making->rising) {
        return no_memory(making);
    }
    bool all = json_first(making->wish->features) == NULL;
    for (uint32_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        if (is_reserved(making, (int32_t)i)) continue;
        if (preparation_of_column(&making->preparation, field->name)) continue;
        if (!all && !listed(making->wish->features, field->name)) continue;
        if (field->role == COLUMN_DIRECT) {
            warn(making, "train.direct_left_out", field->name);
            continue;
        }
        uint32_t at = making->feature_count++;
        making->columns[at] = i;
        making->features[at] = (struct feature){
            .name = field->name,
            .kind = feature_kind_of(field->type),
            .type = str_of(column_type_name(field->type)),
        };
        if (field->type != COLUMN_TEXT) continue;
        enum err err = words_open(making->arena, CATEGORIES_MAX, &making->words[at]);
        if (err != OK) return no_memory(making);
    }
    return OK;
}

static enum err each_batch(struct making *making, table_visit *visit) {
    return table_each(making->table, making->batch_arena, visit, making, making->progress,
                      PHASE_READ, making->fault);
}

static bool cell_there(const struct column *column, uint32_t row) {
    if (!column_valid(column, row)) return false;
    return column->type != COLUMN_TEXT || str_trim(column_text(column, row)).size > 0;
}

bool frame_row_counts(const struct frame_needs *needs, const struct batch *batch, uint32_t row,
                      int32_t *out_missing) {
    const int32_t columns[] = {needs->target, needs->event, needs->weight};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (columns[i] < 0 || cell_there(&batch->columns[columns[i]], row)) continue;
        if (out_missing) *out_missing = columns[i];
        return false;
    }
    return true;
}

// Told once for each column, whatever number of rows.
static void warn_missing(struct making *making, int32_t column) {
    struct str name = making->schema->fields[column].name;
    struct table_frame *out = making->out;
    for (uint32_t i = 0; i < out->warning_count; i++) {
        const struct frame_warning *w = &out->warnings[i];
        if (!strcmp(w->code, "train.rows_without_target") && str_equal(w->detail, name)) return;
    }
    warn(making, "train.rows_without_target", name);
}

// The target's value as the name of a class.
static struct str target_word(const struct column *column, uint32_t row, struct buf *scratch) {
    if (column->type == COLUMN_TEXT) return str_trim(column_text(column, row));
    buf_clear(scratch);
    column_write(scratch, column, row);
    return buf_str(scratch);
}

static void rising_look(struct rising *rising, const struct column *column, uint32_t rows) {
    for (uint32_t row = 0; row < rows && !rising->broken; row++) {
        bool valid = column_valid(column, row);
        int64_t value = valid ? column->integers[row] : 0;
        rising->broken = !valid || (rising->started && value <= rising->last);
        rising->started = true;
        rising->last = value;
    }
}

static void text_target_look(struct making *making, struct str text) {
    double value;
    if (number_parse(text, &value))
        making->numbers++;
    else if (!making->no_number)
        making->no_number = making->rows_seen;
}

static enum err first_pass(void *ctx, const struct batch *batch) {
    struct making *making = ctx;
    const struct column *target = &batch->columns[making->target];
    struct buf scratch;
    buf_open(&scratch, LIMIT_CELL_BYTES);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        making->rows_seen++;
        int32_t missing = -1;
        if (!frame_row_counts(&making->out->needs, batch, row, &missing)) {
            warn_missing(making, missing);
            continue;
        }
        making->rows++;
        words_add(&making->target_words, target_word(target, row, &scratch));
        if (target->type == COLUMN_NUMBER) {
            making->whole = making->whole && rint(target->numbers[row]) == target->numbers[row];
        }
        if (target->type == COLUMN_TEXT) text_target_look(making, column_text(target, row));
    }
    for (uint32_t f = 0; f < making->feature_count; f++) {
        const struct column *column = &batch->columns[making->columns[f]];
        if (column->type == COLUMN_INTEGER) {
            rising_look(&making->rising[f], column, batch->row_count);
        }
        if (column->type != COLUMN_TEXT) continue;
        for (uint32_t row = 0; row < batch->row_count && !making->words[f].over; row++) {
            if (!column_valid(column, row)) continue;
            struct str text = str_trim(column_text(column, row));
            if (text.size) words_add(&making->words[f], text);
        }
        if (making->words[f].no_memory) return no_memory(making);
    }
    enum err err = buf_err(&scratch);
    buf_close(&scratch);
    return making->target_words.no_memory ? no_memory(making) : err;
}

// A person may ask for it by name all the same.
static bool numbers_rows(const struct making *making, uint32_t feature) {
    const struct field *field = &making->schema->fields[making->columns[feature]];
    return field->type == COLUMN_INTEGER && !making->rising[feature].broken &&
           making->rows_seen >= NUMBERING_ROWS_MIN && !listed(making->wish->features, field->name);
}

// Takes the texts' categories; a column with too many of them is left out, and said so.
static enum err categories_settle(struct making *making) {
    uint32_t kept = 0;
    for (uint32_t f = 0; f < making->feature_count; f++) {
        struct feature feature = making->features[f];
        struct words *words = &making->words[f];
        if (feature.kind == FEATURE_CATEGORY && words->over) {
            warn(making, "train.column_left_out", feature.name);
            continue;
        }
        if (numbers_rows(making, f)) {
            warn(making, "train.row_number_left_out", feature.name);
            continue;
        }
        if (feature.kind == FEATURE_CATEGORY) {
            words_sort(words);
            feature.categories = words->items;
            feature.category_count = words->count;
        }
        making->features[kept] = feature;
        making->columns[kept++] = making->columns[f];
    }
    making->feature_count = kept;
    if (kept + making->preparation.step_count == 0)
        return fault_set(making->fault, ERR_INPUT, "train.no_feature_left", STR_NONE);
    return OK;
}

static bool task_told(struct str name, enum tabular_task *out) {
    for (int i = TASK_BINARY; i <= TASK_SURVIVAL; i++) {
        if (!str_is(name, tabular_task_name((enum tabular_task)i))) continue;
        *out = (enum tabular_task)i;
        return true;
    }
    return false;
}

static enum err task_choose(struct making *making, enum tabular_task *out) {
    const struct words *words = &making->target_words;
    enum column_type type = making->schema->fields[making->target].type;
    bool number = type == COLUMN_INTEGER || type == COLUMN_NUMBER;
    bool few = !words->over && words->count <= CLASSES_WHOLE_MAX && making->whole;
    enum tabular_task task = number && !few                      ? TASK_REGRESSION
                             : words->count == 2 && !words->over ? TASK_BINARY
                                                                 : TASK_CLASSES;
    if (making->wish->loss != LOSS_SQUARED) task = TASK_REGRESSION;
    if (making->others.event >= 0) task = TASK_SURVIVAL;
    struct str wish = making->wish->task;
    if (wish.size && !task_told(wish, &task)) {
        return fault_set(making->fault, ERR_INPUT, "train.bad_option", STR("task"));
    }
    if ((task == TASK_SURVIVAL) != (making->others.event >= 0)) {
        return fault_set(making->fault, ERR_INPUT, "train.event_needed", STR_NONE);
    }
    struct str name = making->wish->target;
    bool classes = task_has_classes(task);
    // A few cells that are no numbers made a text of it.
    bool mixed = type == COLUMN_TEXT && 2 * making->numbers > making->rows;
    if (mixed && (!classes || words->over)) {
        return fault_at(making->fault, ERR_INPUT, "train.target_not_numbers", making->no_number, 0,
                        name);
    }
    if (type == COLUMN_DATE || type == COLUMN_TIME || (!classes && !number)) {
        return fault_set(making->fault, ERR_INPUT, "train.bad_target", name);
    }
    if (!words->over && words->count < 2) {
        return fault_set(making->fault, ERR_INPUT, "train.one_class", name);
    }
    if (classes && words->over) {
        return fault_set(making->fault, ERR_INPUT, "train.too_many_classes", name);
    }
    bool one_of_two = task == TASK_BINARY || (classes && making->wish->positive.size);
    if (one_of_two && words->count != 2) {
        return fault_set(making->fault, ERR_INPUT, "train.not_two_classes", name);
    }
    if (task == TASK_CLASSES && words->count == 2) task = TASK_BINARY;
    *out = task;
    return OK;
}

static int class_number_order(const void *a, const void *b) {
    const struct str *left = a, *right = b;
    double x = strtod(left->data, NULL), y = strtod(right->data, NULL); // words end in NUL
    return x < y ? -1 : x > y;
}

// Classes by bytes, those of numbers by value; the positive one last.
static enum err target_settle(struct making *making) {
    struct tabular_target *target = &making->out->target;
    target->name = making->schema->fields[making->target].name;
    enum err err = task_choose(making, &target->task);
    if (err != OK || !task_has_classes(target->task)) return err;
    struct words *words = &making->target_words;
    enum column_type type = making->schema->fields[making->target].type;
    words_sort(words);
    if (type == COLUMN_INTEGER || type == COLUMN_NUMBER) {
        qsort(words->items, words->count, sizeof words->items[0], class_number_order);
    }
    struct str positive = making->wish->positive;
    if (target->task == TASK_BINARY && positive.size) {
        if (str_equal(words->items[0], positive)) {
            words->items[0] = words->items[1];
            words->items[1] = positive;
        } else if (!str_equal(words->items[1], positive)) {
            return fault_set(making->fault, ERR_INPUT, "train.no_such_class", positive);
        }
    }
    target->classes = words->items;
    target->class_count = words->count;
    return OK;
}

// The features of the preparation's steps behind the columns that are features themselves.
static enum err features_join(struct making *making, uint32_t *out_count) {
    const struct preparation *preparation = &making->preparation;
    uint32_t count = making->feature_count;
    for (uint32_t i = 0; i < preparation->step_count; i++) {
        count += preparation->steps[i].feature_count;
    }
    struct feature *all = ARENA_ARRAY(making->arena, struct feature, count);
    if (!all) return no_memory(making);
    uint32_t at = making->feature_count;
    for (uint32_t f = 0; f < at; f++) all[f] = making->features[f];
    for (uint32_t i = 0; i < preparation->step_count; i++) {
        const struct prepare_step *step = &preparation->steps[i];
        for (uint32_t f = 0; f < step->feature_count; f++) all[at++] = step->features[f];
    }
    making->features = all;
    *out_count = count;
    return OK;
}

static enum err values_take(struct making *making) {
    struct table_frame *out = making->out;
    uint32_t count = 0;
    if (making->rows > SIZE_MAX / sizeof(double)) return no_memory(making);
    enum err err = features_join(making, &count);
    if (err != OK) return err;
    size_t rows = (size_t)making->rows;
    double *target = ARENA_ARRAY(making->arena, double, rows);
    if (!target || cells_take(making->features, count, rows, making->arena, &making->cells) != OK) {
        return no_memory(making);
    }
    if (frame_columns_take(&making->others, making->arena, rows) != OK) return no_memory(making);
    if (making->group >= 0) {
        out->group = ARENA_ARRAY(making->arena, uint64_t, rows);
        if (!out->group) return no_memory(making);
    }
    out->frame = cells_frame(&making->cells, making->features, 0);
    out->target.values = target;
    out->target.weight = making->others.weights;
    out->target.event = making->others.events;
    out->target.event_name = making->wish->event;
    if (out->target.event) out->target.event_value = making->wish->positive;
    return OK;
}

static double target_value(const struct making *making, const struct column *column, uint32_t row,
                           struct buf *scratch) {
    const struct tabular_target *target = &making->out->target;
    if (!task_has_classes(target->task)) return column_number(column, row);
    struct str word = target_word(column, row, scratch);
    for (uint32_t k = 0; k < target->class_count; k++) {
        if (str_equal(target->classes[k], word)) return k;
    }
    cy_assert(false); // the first pass met every class
    return 0;
}

static uint64_t group_number(struct str word) {
    struct hash hash = sha256_of(word.data, word.size);
    uint64_t value;
    memcpy(&value, hash.bytes, sizeof value);
    return value;
}

static enum err groups_fill(struct making *making, const struct batch *batch, uint64_t first) {
    const struct column *column = &batch->columns[making->group];
    struct arena *scratch;
    struct buf text, scaffold;
    if (arena_open(PREPARE_SCRATCH_BYTES, &scratch) != OK) return no_memory(making);
    buf_open(&text, LIMIT_CELL_BYTES);
    buf_open(&scaffold, LIMIT_CELL_BYTES);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (!frame_row_counts(&making->out->needs, batch, row, NULL)) continue;
        struct str word = column_valid(column, row) ? target_word(column, row, &text) : STR_NONE;
        arena_reset(scratch);
        if (making->by_scaffold) word = group_of_smiles(word, scratch, &scaffold);
        making->out->group[first++] = group_number(word);
    }
    enum err err = buf_err(&text);
    buf_close(&text);
    buf_close(&scaffold);
    arena_close(scratch);
    return err;
}

// The steps' features of a batch's rows that have a target, from row `first` of the frame on.
static enum err prepare_batch(struct making *making, const struct batch *batch, uint64_t first) {
    uint32_t feature = making->feature_count;
    struct arena *scratch;
    struct buf text;
    if (making->preparation.step_count == 0) return OK;
    if (arena_open(PREPARE_SCRATCH_BYTES, &scratch) != OK) return no_memory(making);
    buf_open(&text, LIMIT_CELL_BYTES);
    for (uint32_t i = 0; i < making->preparation.step_count; i++) {
        const struct prepare_step *step = &making->preparation.steps[i];
        const struct column *column = &batch->columns[making->step_columns[i]];
        uint64_t to = first;
        for (uint32_t row = 0; row < batch->row_count; row++) {
            if (!frame_row_counts(&making->out->needs, batch, row, NULL)) continue;
            arena_reset(scratch);
            struct str cell = cell_text(column, row, &text);
            if (!prepare_fill(step, cell, scratch, &making->cells, feature, to++)) {
                making->unreadable[i]++;
            }
        }
        feature += step->feature_count;
    }
    enum err err = buf_err(&text);
    buf_close(&text);
    arena_close(scratch);
    return err;
}

static enum err second_pass(void *ctx, const struct batch *batch) {
    struct making *making = ctx;
    struct table_frame *out = making->out;
    const struct column *target = &batch->columns[making->target];
    double *target_values = (double *)(uintptr_t)out->target.values;
    struct buf scratch;
    buf_open(&scratch, LIMIT_CELL_BYTES);
    uint64_t first = out->frame.rows, at = first;
    enum err err = OK;
    for (uint32_t row = 0; row < batch->row_count && err == OK; row++) {
        if (!frame_row_counts(&out->needs, batch, row, NULL)) continue;
        err = frame_columns_fill(&making->others, making->wish, batch, row, at, &scratch,
                                 making->fault);
        target_values[at] = target_value(making, target, row, &scratch);
        at++;
    }
    for (uint32_t f = 0; f < making->feature_count; f++) {
        const struct column *column = &batch->columns[making->columns[f]];
        float *values = making->cells.values[f];
        uint64_t to = first;
        for (uint32_t row = 0; row < batch->row_count; row++) {
            if (!frame_row_counts(&out->needs, batch, row, NULL)) continue;
            values[to++] = feature_of_cell(&making->features[f], column, row, &scratch);
        }
    }
    out->frame.rows = at; // so far
    if (err == OK) err = buf_err(&scratch);
    buf_close(&scratch);
    if (err == OK && out->group) err = groups_fill(making, batch, first);
    return err == OK ? prepare_batch(making, batch, first) : err;
}

// The preparation's text for the model, and what it says of rows it could not read.
static enum err preparation_tell(struct making *making) {
    struct buf text;
    const struct json *prepare = making->wish->prepare;
    if (making->preparation.step_count == 0 && !json_member(prepare, "target")) return OK;
    buf_open(&text, LIMIT_JSON_BYTES);
    json_write(&text, prepare);
    enum err err = buf_err(&text);
    char *copy = err == OK ? arena_take(making->arena, text.size + 1) : NULL;
    if (copy) {
        memcpy(copy, text.data, text.size);
        making->out->preparation = (struct str){copy, text.size};
    }
    buf_close(&text);
    for (uint32_t i = 0; i < making->preparation.step_count; i++) {
        struct str column = making->preparation.steps[i].column;
        if (making->unreadable[i]) warn(making, "train.cells_unreadable", column);
    }
    return copy ? OK : no_memory(making);
}

static enum err frame_make(struct making *making) {
    enum err err = column_find(making, making->wish->target, &making->target);
    if (err == OK && making->wish->group.size) {
        err = column_find(making, group_column(making->wish->group, &making->by_scaffold),
                          &making->group);
    }
    if (err == OK) {
        err = frame_columns_find(making->wish, making->schema, &making->others, making->fault);
        making->out->needs =
            (struct frame_needs){making->target, making->others.weight, making->others.event};
    }
    if (err == OK) {
        err = preparation_read(making->wish->prepare, making->arena, &making->preparation,
                               making->fault);
    }
    if (err == OK) err = wishes_check(making);
    if (err == OK) err = features_choose(making);
    if (err == OK && words_open(making->arena, TABULAR_CLASSES_MAX, &making->target_words) != OK) {
        err = no_memory(making);
    }
    if (err == OK) err = each_batch(making, first_pass);
    if (err == OK && making->rows == 0) {
        err = fault_set(making->fault, ERR_INPUT, "train.no_rows", making->wish->target);
    }
    if (err == OK) err = categories_settle(making);
    if (err == OK) err = target_settle(making);
    if (err == OK) {
        err = frame_wishes_settle(making->wish, making->arena, &making->out->target, making->fault);
    }
    if (err == OK) err = values_take(making);
    if (err == OK) err = each_batch(making, second_pass);
    if (err == OK && making->cells.no_memory) err = no_memory(making);
    if (err == OK) err = preparation_tell(making);
    if (err != OK) return err;
    making->out->frame = cells_frame(&making->cells, making->features, making->rows);
    const struct frame_columns *others = &making->others;
    if (others->events && !others->event_seen) {
        return fault_set(making->fault, ERR_INPUT, "train.no_events", making->wish->event);
    }
    return OK;
}

enum err frame_of_table(struct table *table, const struct frame_wish *wish, struct arena *arena,
                        struct progress *progress, struct table_frame *out, struct fault *fault) {
    struct table_frame made = {0};
    made.warnings = ARENA_ARRAY(arena, struct frame_warning, FRAME_WARNINGS_MAX);
    struct making making = {.table = table,
                            .schema = table_schema(table),
                            .wish = wish,
                            .arena = arena,
                            .progress = progress,
                            .fault = fault,
                            .group = -1,
                            .whole = true,
                            .out = &made};
    if (!made.warnings) return no_memory(&making);
    enum err err = arena_open((size_t)256 << 20, &making.batch_arena);
    if (err != OK) return no_memory(&making);
    err = frame_make(&making);
    arena_close(making.batch_arena);
    if (err == OK) *out = made;
    return err;
}
