#include "flow/steps/rows_in.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MEMBERS_MORE = 32,    // columns beyond the model's that are remembered by their place
    NAMES_SCANNED = 64,   // so many are looked through; more are sorted first
    GIVEN_BYTES = 100,    // of a value that is told of
    EXPECTED_MAX = 20,    // categories that are told
    STRANGER = UINT32_MAX // a name that the model does not ask for
};

// ---- findings ----------------------------------------------------------------------------------
struct finding {
    const char *code;
    bool error;
    uint32_t row, asked; // row from 1; asked STRANGER: none of the model's
    struct str column;
    const struct json *given; // NULL: nothing
};

static struct str cut(struct str text) {
    if (text.size <= GIVEN_BYTES) return text;
    size_t keep = GIVEN_BYTES;
    while (keep > 0 && ((unsigned char)text.data[keep] & 0xC0) == 0x80) keep--;
    return (struct str){text.data, keep};
}

static void given_write(struct json_writer *out, const struct json *given) {
    json_put_name(out, "given");
    if (json_is_string(given)) {
        json_put_text(out, cut(json_text(given)));
    } else if (json_is_number(given)) {
        json_put_number(out, json_number(given, 0));
    } else if (json_is_bool(given)) {
        json_put_bool(out, json_bool(given, false));
    } else if (given && !json_is_null(given)) {
        json_put_text(out, json_is_array(given) ? STR("[…]") : STR("{…}"));
    } else {
        json_put_null(out);
    }
}

static void expected_write(struct rows_in *rows, const struct asked *asked) {
    const struct feature *feature = asked->feature;
    uint32_t f = asked->first;
    struct json_writer *out = &rows->findings.out;
    json_set_text(out, "expected", asked->type);
    if (asked->step) return;
    if (rows->ranges && feature->kind == FEATURE_NUMBER && !isnan(rows->ranges[2 * f])) {
        json_put_name(out, "low");
        feature_put(out, feature, rows->ranges[2 * f]);
        json_put_name(out, "high");
        feature_put(out, feature, rows->ranges[2 * f + 1]);
    }
    if (feature->kind != FEATURE_CATEGORY) return;
    json_put_name(out, "categories");
    json_open_array(out);
    for (uint32_t i = 0; i < feature->category_count && i < EXPECTED_MAX; i++) {
        json_put_text(out, cut(feature->categories[i]));
    }
    json_close_array(out);
}

static void tell(struct rows_in *rows, const struct finding *finding) {
    struct findings *findings = &rows->findings;
    uint64_t *count = finding->error ? &findings->errors : &findings->warnings;
    bool known = finding->asked != STRANGER;
    if ((*count)++ == 0 && finding->error) {
        (void)!fault_at(&findings->first, ERR_INPUT, finding->code, finding->row,
                        known ? finding->asked + 1 : 0, finding->column);
    }
    if (findings->told == FINDINGS_TOLD_MAX) return;
    findings->told++;
    struct json_writer *out = &findings->out;
    json_open_object(out);
    json_set_text(out, "severity", finding->error ? STR("error") : STR("warning"));
    json_set_text(out, "code", str_of(finding->code));
    json_set_u64(out, "row", finding->row);
    json_set_text(out, "column", finding->column);
    given_write(out, finding->given);
    if (known) expected_write(rows, &rows->asking->items[finding->asked]);
    json_close_object(out);
}

// ---- a value -----------------------------------------------------------------------------------
// A number for a category is taken as its text: 1 as "1".
static bool value_read(const struct feature *feature, const struct json *node, float *out) {
    char text[40];
    if (json_is_null(node)) {
        *out = NAN;
        return true;
    }
    if (json_is_string(node)) return feature_of_text(feature, json_text(node), out);
    if (json_is_bool(node)) {
        bool value = json_bool(node, false);
        return feature_of_text(feature, value ? STR("true") : STR("false"), out);
    }
    if (!json_is_number(node)) return false;
    double value = json_number(node, NAN);
    bool plain = str_is(feature->type, "number") || str_is(feature->type, "integer");
    if (feature->kind == FEATURE_NUMBER && plain) {
        *out = (float)value;
        return isfinite((float)value);
    }
    struct buf number;
    buf_open(&number, sizeof text);
    buf_add_double(&number, value);
    bool read = buf_err(&number) == OK && feature_of_text(feature, buf_str(&number), out);
    buf_close(&number);
    return read;
}

static bool is_blank(const struct json *node) {
    return json_is_null(node) || (json_is_string(node) && str_trim(json_text(node)).size == 0);
}

// What a column that is prepared says; a number as the text it is.
static bool prepared_read(struct rows_in *rows, const struct asked *asked, const struct json *node,
                          uint32_t at) {
    struct str text = json_text(node);
    struct buf number;
    buf_open(&number, GIVEN_BYTES);
    if (json_is_number(node)) {
        buf_add_double(&number, json_number(node, NAN));
        text = buf_str(&number);
    }
    bool fits = json_is_number(node) || json_is_string(node) || json_is_null(node);
    arena_reset(rows->scratch);
    bool read = fits && asked_text(asked, text, rows->scratch, &rows->cells, at);
    buf_close(&number);
    return read;
}

static void value_take(struct rows_in *rows, uint32_t a, const struct json *node, uint32_t at) {
    const struct asked *asked = &rows->asking->items[a];
    const struct feature *feature = asked->feature;
    uint32_t f = asked->first;
    float *value = &rows->cells.values[f][at];
    struct finding finding = {NULL, true, at + 1, a, asked->name, node};
    rows->seen[a] = at + 1;
    if (asked->step) {
        finding.code = "predict.wrong_type";
        if (!prepared_read(rows, asked, node, at)) tell(rows, &finding);
    } else if (!value_read(feature, node, value)) {
        finding.code = "predict.wrong_type";
        tell(rows, &finding);
    } else if (feature->kind == FEATURE_CATEGORY && isnan(*value) && !is_blank(node)) {
        finding.code = "predict.unknown_category";
        finding.error = false;
        tell(rows, &finding);
    } else if (rows->ranges && (*value < rows->ranges[2 * f] || *value > rows->ranges[2 * f + 1])) {
        finding.code = "predict.out_of_range";
        finding.error = false;
        tell(rows, &finding);
    }
}

// ---- whose name is it? -------------------------------------------------------------------------
struct named_asked {
    struct str name;
    uint32_t asked;
};

static int name_order(const void *a, const void *b) {
    const struct named_asked *left = a, *right = b;
    return str_compare(left->name, right->name);
}

static enum err names_sort(struct rows_in *rows) {
    uint32_t count = rows->asking->count;
    rows->by_name = ARENA_ARRAY(rows->arena, struct named_asked, count);
    if (!rows->by_name) return ERR_MEMORY;
    for (uint32_t a = 0; a < count; a++) {
        rows->by_name[a] = (struct named_asked){rows->asking->items[a].name, a};
    }
    qsort(rows->by_name, count, sizeof rows->by_name[0], name_order);
    return OK;
}

static uint32_t name_find(struct rows_in *rows, struct str name) {
    uint32_t low = 0, high = rows->asking->count;
    if (high <= NAMES_SCANNED) {
        while (low < high && !str_equal(rows->asking->items[low].name, name)) low++;
        return low < high ? low : STRANGER;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = str_compare(rows->by_name[middle].name, name);
        if (order == 0) return rows->by_name[middle].asked;
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return STRANGER;
}

// The column that the i-th member of a row is: as in the row before, or as in training, or found.
static uint32_t member_asked(struct rows_in *rows, uint32_t i, struct str name, bool *out_new) {
    uint32_t count = rows->asking->count;
    if (i >= count + MEMBERS_MORE) return name_find(rows, name);
    if (rows->names[i].data && str_equal(rows->names[i], name)) return rows->order[i];
    bool in_place = i < count && str_equal(rows->asking->items[i].name, name);
    *out_new = true;
    rows->names[i] = name;
    rows->order[i] = in_place ? i : name_find(rows, name);
    return rows->order[i];
}

// ---- a row -------------------------------------------------------------------------------------
static void row_read(struct rows_in *rows, const struct json *row, uint32_t at) {
    uint32_t i = 0, found = 0;
    if (!json_is_object(row)) {
        tell(rows, &(struct finding){"predict.not_a_row", true, at + 1, STRANGER, STR_NONE, row});
        return;
    }
    for (const struct json *item = json_first(row); item; item = json_next(item), i++) {
        struct str name = json_name(item);
        bool is_new = false;
        uint32_t a = member_asked(rows, i, name, &is_new);
        if (a != STRANGER) {
            value_take(rows, a, item, at);
            found++;
        } else if (is_new) { // once, not in every row
            tell(rows, &(struct finding){"predict.extra_column", false, at + 1, STRANGER, cut(name),
                                         item});
        }
    }
    for (uint32_t a = 0; a < rows->asking->count && found < rows->asking->count; a++) {
        if (rows->seen[a] == at + 1) continue;
        tell(rows, &(struct finding){"predict.missing_column", true, at + 1, a,
                                     rows->asking->items[a].name, NULL});
    }
}

static enum err rooms_take(struct rows_in *rows) {
    struct arena *arena = rows->arena;
    const struct tabular_about *about = &rows->about;
    uint32_t features = about->feature_count, asked = rows->asking->count;
    rows->out = ARENA_ARRAY(arena, double, (size_t)rows->count * about->outputs);
    rows->names = ARENA_ARRAY(arena, struct str, asked + MEMBERS_MORE);
    rows->order = ARENA_ARRAY(arena, uint32_t, asked + MEMBERS_MORE);
    rows->seen = ARENA_ARRAY(arena, uint32_t, asked);
    if (!rows->out || !rows->names || !rows->order || !rows->seen) {
        return ERR_MEMORY;
    }
    memset(rows->names, 0, (asked + MEMBERS_MORE) * sizeof rows->names[0]);
    memset(rows->seen, 0, asked * sizeof rows->seen[0]);
    if (cells_take(about->features, features, rows->count, arena, &rows->cells) != OK) {
        return ERR_MEMORY;
    }
    return asked > NAMES_SCANNED ? names_sort(rows) : OK;
}

// Only where a column is prepared: most models ask for none.
static enum err scratch_take(struct rows_in *rows) {
    bool prepared = false;
    for (uint32_t a = 0; a < rows->asking->count; a++) {
        prepared = prepared || rows->asking->items[a].step;
    }
    return prepared ? arena_open(PREPARE_SCRATCH_BYTES, &rows->scratch) : OK;
}

enum err rows_read(struct rows_in *rows, const struct tabular_model *model,
                   const struct asking *asking, struct arena *arena, const struct json *list,
                   struct fault *fault) {
    *rows = (struct rows_in){.arena = arena,
                             .model = model,
                             .asking = asking,
                             .about = tabular_about(model),
                             .ranges = tabular_ranges(model)};
    buf_open(&rows->findings.text, LIMIT_JSON_BYTES);
    rows->findings.out = (struct json_writer){.out = &rows->findings.text, .depth = 1};
    if (preparation_is_series(rows->about.preparation)) {
        return fault_set(fault, ERR_INPUT, "series.ask_forecast", STR_NONE);
    }
    size_t count = json_count(list);
    if (!json_is_array(list) || count == 0) {
        return fault_set(fault, ERR_INPUT, "call.missing", STR("rows"));
    }
    if (count > PREDICT_ROWS_MAX) {
        return fault_set(fault, ERR_LIMIT, "predict.too_many_rows", STR_NONE);
    }
    rows->count = (uint32_t)count;
    if (rooms_take(rows) != OK || scratch_take(rows) != OK) {
        return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    }
    uint32_t at = 0;
    for (const struct json *row = json_first(list); row; row = json_next(row)) {
        row_read(rows, row, at++);
    }
    if (rows->cells.no_memory) return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    if (rows->findings.errors == 0) return OK;
    const struct fault *first = &rows->findings.first;
    if (fault) *fault = *first;
    return ERR_INPUT;
}

struct str rows_findings(const struct rows_in *rows) {
    struct str text = buf_str(&rows->findings.text);
    char *copy = arena_take(rows->arena, text.size + 2);
    if (!copy || buf_err(&rows->findings.text) != OK) return STR_NONE;
    copy[0] = '[';
    if (text.size) memcpy(copy + 1, text.data, text.size);
    copy[text.size + 1] = ']';
    return (struct str){copy, text.size + 2};
}

void rows_in_close(struct rows_in *rows) {
    if (rows->scratch) arena_close(rows->scratch);
    buf_close(&rows->findings.text);
}
