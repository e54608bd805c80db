// See dates_target.h. Two passes over the table: how far the data reaches and how its texts write
// dates; then the target of each row.
#include "flow/steps/dates_target.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

enum { DAY_S = 86400, HOUR_S = 3600, WORD_BYTES_MAX = 64 };
#define WITHIN_MAX 1e6
#define BATCH_ARENA_BYTES ((size_t)256 << 20)

// ---- reading ------------------------------------------------------------------------------------

static enum err bad(struct fault *fault, const char *member) {
    return fault_set(fault, ERR_INPUT, "prepare.bad_option", str_of(member));
}

static bool moment_parse(struct str text, int64_t *out_s, bool *out_clock) {
    int64_t days;
    *out_clock = time_parse(text, out_s);
    if (*out_clock) return true;
    if (!date_parse(text, &days)) return false;
    *out_s = days * DAY_S;
    return true;
}

enum err dates_target_read(const struct json *preparation, struct dates_target *out, bool *out_has,
                           struct fault *fault) {
    const struct json *node = json_member(preparation, "target");
    struct str unit = json_member_text(node, "unit"), as_of = json_member_text(node, "as_of");
    const struct json *within = json_member(node, "within");
    bool clock;
    struct dates_target dates = {
        .start = json_member_text(node, "start"),
        .end = json_member_text(node, "end"),
        .hours = str_is(unit, "hours"),
        .within = NAN,
        .yes = json_member_text(node, "yes"),
        .no = json_member_text(node, "no"),
        .as_of_told = as_of.size > 0,
    };
    *out_has = false;
    if (!node || json_is_null(node)) return OK;
    if (!json_is_object(node)) return bad(fault, "target");
    if (!dates.start.size) return bad(fault, "start");
    if (!dates.end.size || str_equal(dates.start, dates.end)) return bad(fault, "end");
    if (unit.size && !dates.hours && !str_is(unit, "days")) return bad(fault, "unit");
    if (within && !json_is_null(within)) {
        dates.within = json_number(within, 0);
        if (!(dates.within > 0 && dates.within <= WITHIN_MAX)) {
            return fault_set(fault, ERR_INPUT, "train.bad_within", STR_NONE);
        }
    }
    if (!dates.yes.size) dates.yes = STR("yes");
    if (!dates.no.size) dates.no = STR("no");
    if (dates.yes.size > WORD_BYTES_MAX) return bad(fault, "yes");
    if (dates.no.size > WORD_BYTES_MAX || str_equal(dates.yes, dates.no)) return bad(fault, "no");
    if (as_of.size && !moment_parse(as_of, &dates.as_of_s, &clock)) return bad(fault, "as_of");
    *out = dates;
    *out_has = true;
    return OK;
}

static enum err known_later(struct fault *fault, struct str name) {
    return fault_set(fault, ERR_INPUT, "train.end_known_later", name);
}

static enum err date_column(const struct schema *schema, struct str name, int32_t *out,
                            struct fault *fault) {
    *out = schema_find(schema, name);
    if (*out < 0) return fault_set(fault, ERR_INPUT, "train.unknown_column", name);
    enum column_type type = schema->fields[*out].type;
    if (type == COLUMN_DATE || type == COLUMN_TIME || type == COLUMN_TEXT) return OK;
    return fault_set(fault, ERR_INPUT, "train.not_dates", name);
}

// A list of names, or of objects that name a column.
static bool names_it(const struct json *list, struct str name) {
    for (const struct json *item = json_first(list); item; item = json_next(item)) {
        struct str named =
            json_is_object(item) ? json_member_text(item, "column") : json_text(item);
        if (str_equal(named, name)) return true;
    }
    return false;
}

enum err dates_target_check(const struct dates_target *dates, const struct json *options,
                            const struct schema *schema, struct fault *fault) {
    static const char *const lists[] = {"features", "judge_by"};
    static const char *const texts[] = {"group", "time", "entity", "weight"};
    struct str target = json_member_text(options, "target"), end = dates->end;
    const struct json *steps = json_member(json_member(options, "prepare"), "steps");
    bool by_end = str_equal(json_member_text(options, "event"), end);
    int32_t column;
    enum err err = date_column(schema, dates->start, &column, fault);
    if (err == OK) err = date_column(schema, end, &column, fault);
    if (err != OK) return err;
    if (json_is_object(json_member(options, "series"))) return bad(fault, "target");
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (names_it(json_member(options, lists[i]), end)) return known_later(fault, end);
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (str_equal(json_member_text(options, texts[i]), end)) return known_later(fault, end);
    }
    if (names_it(steps, end) || (by_end && !isnan(dates->within))) return known_later(fault, end);
    // The end gives its name away, unless it stays as the event.
    bool taken = schema_find(schema, target) >= 0 && (by_end || !str_equal(target, end));
    return taken ? fault_set(fault, ERR_INPUT, "train.target_taken", target) : OK;
}

// ---- how far the data reaches -------------------------------------------------------------------

// One of the two columns.
struct side {
    int32_t column;
    enum column_type type;
    bool clock;       // it tells times of the day
    bool month_first; // its texts are written 3/14/2025: some day over 12 shows it
    bool any;         // anything could be read,
    int64_t last_s;   // this is the latest
    bool any_month_first;
    int64_t last_month_first_s;
};
struct other { // a further column of dates
    uint32_t column;
    uint64_t rows, after; // that have it and a start; where it is the later
};
struct making {
    const struct dates_target *dates;
    const struct schema *schema;
    struct table *table;
    struct table_writer *writer;
    struct arena *arena; // of one batch
    struct progress *progress;
    struct fault *fault;
    bool event;
    struct side start, end;
    struct other *others; // (other_count)
    uint32_t other_count;
    char *names;              // room for those that are told
    uint64_t both;            // rows with both dates
    uint64_t first_backwards; // from 1
    struct dates_told told;
};

static void later(int64_t *last_s, bool *any, int64_t seconds) {
    if (!*any || seconds > *last_s) *last_s = seconds;
    *any = true;
}

static void side_look_text(struct side *side, struct str text) {
    int64_t seconds;
    bool clock = false, sure = false;
    if (moment_parse(text, &seconds, &clock)) {
        later(&side->last_s, &side->any, seconds);
    } else if (month_first_parse(text, &seconds, &clock, &sure)) {
        later(&side->last_month_first_s, &side->any_month_first, seconds);
        side->month_first |= sure;
    }
    side->clock |= clock;
}

static void side_look(struct side *side, const struct batch *batch) {
    const struct column *column = &batch->columns[side->column];
    int64_t unit = side->type == COLUMN_DATE ? DAY_S : 1;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (!column_valid(column, row)) continue;
        if (side->type == COLUMN_TEXT)
            side_look_text(side, str_trim(column_text(column, row)));
        else
            later(&side->last_s, &side->any, column->integers[row] * unit);
    }
}

static enum err look(void *ctx, const struct batch *batch) {
    struct making *making = ctx;
    side_look(&making->start, batch);
    side_look(&making->end, batch);
    return OK;
}

static void side_settle(struct side *side) {
    side->clock |= side->type == COLUMN_TIME;
    if (side->month_first) later(&side->last_s, &side->any, side->last_month_first_s);
}

static int64_t floor_day(int64_t seconds) {
    return seconds - ((seconds % DAY_S) + DAY_S) % DAY_S;
}

static enum err reach(struct making *making) {
    struct side *start = &making->start, *end = &making->end;
    struct dates_told *told = &making->told;
    side_settle(start);
    side_settle(end);
    if (!start->any) {
        return fault_set(making->fault, ERR_INPUT, "train.not_dates", making->dates->start);
    }
    told->reach = making->event || !isnan(making->dates->within);
    told->clock = start->clock && (end->clock || !end->any);
    told->as_of_s = end->any && end->last_s > start->last_s ? end->last_s : start->last_s;
    if (making->dates->as_of_told) told->as_of_s = making->dates->as_of_s;
    if (!told->clock) told->as_of_s = floor_day(told->as_of_s);
    return OK;
}

// ---- each row -----------------------------------------------------------------------------------

enum cell { CELL_MISSING, CELL_UNREADABLE, CELL_DATE };

static enum cell side_read(const struct side *side, const struct batch *batch, uint32_t row,
                           bool clock, int64_t *out_s) {
    const struct column *column = &batch->columns[side->column];
    bool told, sure, right = true;
    if (!column_valid(column, row)) return CELL_MISSING;
    if (side->type == COLUMN_TEXT) {
        struct str text = str_trim(column_text(column, row));
        if (text.size == 0) return CELL_MISSING;
        right = moment_parse(text, out_s, &told) ||
                (side->month_first && month_first_parse(text, out_s, &told, &sure));
    } else {
        *out_s = column->integers[row] * (side->type == COLUMN_DATE ? DAY_S : 1);
    }
    if (right && !clock) *out_s = floor_day(*out_s);
    return right ? CELL_DATE : CELL_UNREADABLE;
}

struct answer {
    bool began, known, ended;
    int64_t start_s;
    double took_s; // until it ended, or up to where the data reaches
};

static struct answer row_answer(struct making *making, const struct batch *batch, uint32_t row) {
    struct dates_told *told = &making->told;
    const struct dates_target *dates = making->dates;
    int64_t start_s = 0, end_s = 0, limit_s = 0;
    enum cell start = side_read(&making->start, batch, row, told->clock, &start_s);
    enum cell end = side_read(&making->end, batch, row, told->clock, &end_s);
    struct answer answer = {
        .began = start == CELL_DATE, .ended = end == CELL_DATE, .start_s = start_s};
    bool classes = !isnan(dates->within);
    if (classes) limit_s = (int64_t)(dates->within * (dates->hours ? HOUR_S : DAY_S));
    if (start == CELL_UNREADABLE || end == CELL_UNREADABLE) {
        told->unreadable++;
        return answer;
    }
    if (start == CELL_MISSING) {
        told->missing++;
        return answer;
    }
    making->both += answer.ended;
    if (answer.ended && end_s < start_s) {
        if (!told->backwards++) making->first_backwards = batch->first_row + row + 1;
        return answer;
    }
    if (told->as_of_s - start_s <= limit_s && classes) {
        told->young++;
        return answer;
    }
    answer.took_s = (double)((answer.ended ? end_s : told->as_of_s) - start_s);
    answer.known = answer.ended || classes || (making->event && answer.took_s >= 0);
    told->known += answer.known;
    told->missing += !answer.known;
    return answer;
}

// Dates without a time of the day are later from the next day on.
static void others_look(struct making *making, const struct batch *batch, uint32_t row,
                        int64_t start_s) {
    for (uint32_t i = 0; i < making->other_count; i++) {
        struct other *other = &making->others[i];
        const struct column *column = &batch->columns[other->column];
        if (!column_valid(column, row)) continue;
        int64_t unit = column->type == COLUMN_DATE ? DAY_S : 1;
        other->rows++;
        other->after += column->integers[row] * unit > start_s;
    }
}

struct made { // the columns that are added, of one batch
    uint8_t *valid, *ended;
    double *numbers;
    uint32_t *offsets;
    char *bytes;
};

static bool made_take(struct making *making, uint32_t rows, struct made *out) {
    struct arena *arena = making->arena;
    size_t word = making->dates->yes.size + making->dates->no.size;
    *out = (struct made){.valid = arena_take(arena, rows / 8 + 1),
                         .ended = arena_take(arena, (size_t)rows + 1),
                         .numbers = ARENA_ARRAY(arena, double, rows),
                         .offsets = ARENA_ARRAY(arena, uint32_t, (size_t)rows + 1),
                         .bytes = arena_take(arena, word * rows)};
    if (!out->valid || !out->ended || !out->numbers || !out->offsets || !out->bytes) return false;
    memset(out->valid, 0, rows / 8 + 1);
    return true;
}

static void made_fill(struct making *making, const struct batch *batch, struct made *made) {
    const struct dates_target *dates = making->dates;
    double unit_s = dates->hours ? HOUR_S : DAY_S;
    uint32_t size = 0;
    made->offsets[0] = 0;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        struct answer answer = row_answer(making, batch, row);
        if (answer.began) others_look(making, batch, row, answer.start_s);
        double took = answer.took_s / unit_s;
        if (answer.known) made->valid[row >> 3] |= (uint8_t)(1u << (row & 7));
        made->ended[row] = answer.ended;
        made->numbers[row] = took;
        if (answer.known && !isnan(dates->within)) {
            struct str word = answer.ended && took <= dates->within ? dates->yes : dates->no;
            memcpy(made->bytes + size, word.data, word.size);
            size += (uint32_t)word.size;
        }
        made->offsets[row + 1] = size;
    }
}

static enum err rewrite(void *ctx, const struct batch *batch) {
    struct making *making = ctx;
    struct made made;
    const struct schema *schema = making->schema;
    struct column *columns = ARENA_ARRAY(making->arena, struct column, (size_t)schema->count + 1);
    if (!columns || !made_take(making, batch->row_count, &made)) {
        return fault_set(making->fault, ERR_MEMORY, "train.no_memory", STR_NONE);
    }
    made_fill(making, batch, &made);
    uint32_t count = 0;
    for (uint32_t i = 0; i < schema->count; i++) {
        if ((int32_t)i != making->end.column) columns[count++] = batch->columns[i];
    }
    if (making->event) {
        columns[count++] = (struct column){.type = COLUMN_BOOLEAN, .booleans = made.ended};
    }
    bool classes = !isnan(making->dates->within);
    columns[count++] = (struct column){.type = classes ? COLUMN_TEXT : COLUMN_NUMBER,
                                       .valid = made.valid,
                                       .numbers = made.numbers,
                                       .offsets = made.offsets,
                                       .bytes = made.bytes};
    struct batch with = *batch;
    with.columns = columns;
    return table_writer_add(making->writer, &with, making->fault);
}

// ---- the whole ----------------------------------------------------------------------------------

static enum err each_batch(struct making *making, table_visit *visit) {
    return table_each(making->table, making->arena, visit, making, making->progress, PHASE_READ,
                      making->fault);
}

static enum err writer_open(struct making *making, struct str target, const char *path) {
    const struct schema *schema = making->schema;
    struct schema with = {ARENA_ARRAY(making->arena, struct field, (size_t)schema->count + 1), 0};
    if (!with.fields) return fault_set(making->fault, ERR_MEMORY, "train.no_memory", STR_NONE);
    for (uint32_t i = 0; i < schema->count; i++) {
        if ((int32_t)i != making->end.column) with.fields[with.count++] = schema->fields[i];
    }
    if (making->event) {
        with.fields[with.count++] =
            (struct field){making->dates->end, COLUMN_BOOLEAN, COLUMN_PLAIN};
    }
    enum column_type type = isnan(making->dates->within) ? COLUMN_NUMBER : COLUMN_TEXT;
    with.fields[with.count++] = (struct field){target, type, COLUMN_PLAIN};
    return table_writer_open(path, &with, &making->writer, making->fault);
}

static enum err judge(const struct making *making) {
    const struct dates_target *dates = making->dates;
    const struct dates_told *told = &making->told;
    if (!making->end.any && told->unreadable > 0) {
        return fault_set(making->fault, ERR_INPUT, "train.not_dates", dates->end);
    }
    if (2 * told->backwards > making->both) {
        return fault_at(making->fault, ERR_INPUT, "train.end_before_start", making->first_backwards,
                        0, dates->end);
    }
    if (told->known == 0 && told->young > 0) {
        return fault_set(making->fault, ERR_INPUT, "train.all_too_young", dates->start);
    }
    return OK;
}

static bool others_find(struct making *making, struct arena *arena) {
    const struct schema *schema = making->schema;
    making->others = ARENA_ARRAY(arena, struct other, schema->count);
    making->told.after = ARENA_ARRAY(arena, struct str, schema->count);
    size_t bytes = 0;
    for (uint32_t i = 0; i < schema->count; i++) bytes += schema->fields[i].name.size;
    making->names = arena_take(arena, bytes + 1);
    if (!making->others || !making->told.after || !making->names) return false;
    for (uint32_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        bool date = field->type == COLUMN_DATE || field->type == COLUMN_TIME;
        bool own = (int32_t)i == making->start.column || (int32_t)i == making->end.column;
        if (date && !own) making->others[making->other_count++] = (struct other){.column = i};
    }
    return true;
}

static void others_tell(struct making *making) {
    struct dates_told *told = &making->told;
    for (uint32_t i = 0; i < making->other_count; i++) {
        const struct other *other = &making->others[i];
        if (2 * other->after <= other->rows) continue;
        struct str name = making->schema->fields[other->column].name;
        memcpy(making->names, name.data, name.size); // the schema goes with its table
        told->after[told->after_count++] = (struct str){making->names, name.size};
        making->names += name.size;
    }
}

static enum err make(struct making *making, struct str target, const char *path) {
    enum err err = each_batch(making, look);
    if (err == OK) err = reach(making);
    arena_reset(making->arena);
    if (err == OK) err = writer_open(making, target, path);
    if (err != OK) return err;
    err = each_batch(making, rewrite);
    if (err == OK) err = judge(making);
    others_tell(making);
    if (err == OK) return table_writer_finish(making->writer, making->fault);
    table_writer_abandon(making->writer);
    return err;
}

static struct side side_of(const struct schema *schema, int32_t column) {
    return (struct side){.column = column, .type = schema->fields[column].type};
}

enum err dates_target_table(const struct dates_target *dates, struct str target, bool event,
                            struct table *table, const char *path, struct arena *arena,
                            struct progress *progress, struct dates_told *out,
                            struct fault *fault) {
    struct making making = {.dates = dates,
                            .schema = table_schema(table),
                            .table = table,
                            .progress = progress,
                            .fault = fault,
                            .event = event};
    int32_t start, end;
    enum err err = date_column(making.schema, dates->start, &start, fault);
    if (err == OK) err = date_column(making.schema, dates->end, &end, fault);
    if (err == OK) err = arena_open(BATCH_ARENA_BYTES, &making.arena);
    if (err != OK) return err;
    making.start = side_of(making.schema, start);
    making.end = side_of(making.schema, end);
    err = others_find(&making, arena) ? make(&making, target, path)
                                      : fault_set(fault, ERR_MEMORY, "train.no_memory", STR_NONE);
    arena_close(making.arena);
    if (err == OK) *out = making.told;
    return err;
}

static enum err warn_count(struct table_frame *frame, struct arena *arena, const char *code,
                           uint64_t count) {
    if (count == 0) return OK;
    char *text = arena_take(arena, 24);
    if (!text) return ERR_MEMORY;
    snprintf(text, 24, "%llu", (unsigned long long)count);
    frame_warn(frame, code, str_of(text));
    return OK;
}

enum err dates_target_warn(const struct dates_target *dates, const struct dates_told *told,
                           struct arena *arena, struct table_frame *frame) {
    char *as_of = arena_take(arena, 24);
    if (!as_of) return ERR_MEMORY;
    frame_unwarn(frame, "train.rows_without_target", frame->target.name);
    if (told->clock)
        time_write(told->as_of_s, as_of);
    else
        date_write(told->as_of_s / DAY_S, as_of);
    frame_warn(frame, "train.end_left_out", dates->end);
    if (told->reach) frame_warn(frame, "train.dates_up_to", str_of(as_of));
    for (uint32_t i = 0; i < told->after_count; i++) {
        frame_warn(frame, "train.date_after_start", told->after[i]);
    }
    enum err err = warn_count(frame, arena, "train.dates_young", told->young);
    if (err == OK) err = warn_count(frame, arena, "train.dates_missing", told->missing);
    if (err == OK) err = warn_count(frame, arena, "train.dates_backwards", told->backwards);
    if (err == OK) err = warn_count(frame, arena, "train.dates_unreadable", told->unreadable);
    return err;
}
