// Row by row, each column from those before it.
#include "pilot/synthetic.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/number.h"

enum {
    SYNTHETIC_COLUMNS_MAX = 64,
    SYNTHETIC_ROWS_MAX = 100000,
    HOUR_S = 3600,
    DAY_S = 86400,
    ROAD_MAX = 99,
};
// Of a jam, in one row: what stays, what comes from the next place, what the rush and an incident
// add, and how often there is one.
static const double jam_stays = .8, jam_wanders = .17, jam_rush = .12, jam_incident = .7,
                    jam_seldom = .0006;

struct cell {
    double number;
    struct str text; // of a choice; of a number: data NULL
};
struct making {
    const struct template *one;
    const struct json *columns;
    struct cell cells[SYNTHETIC_COLUMNS_MAX]; // of this row, in the columns' order
    uint32_t count;
    uint64_t random;
    int64_t time_s;       // of this row
    int64_t end_s;        // of the last
    double jam[ROAD_MAX]; // 0 free, 1 stands: of the road's places
    struct buf *out;
    struct fault *fault;
};

const struct json *synthetic_of(const struct template *one) {
    const struct json *demo = json_member(one->node, "demonstration");
    if (str_is(json_member_text(demo, "kind"), "synthetic")) return demo;
    return json_member(demo, "synthetic");
}

// ---- chance -------------------------------------------------------------------------------------

static uint64_t next(struct making *making) { // splitmix64
    uint64_t z = making->random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static double uniform(struct making *making) { // above 0, below 1
    return ((double)(next(making) >> 11) + 0.5) * 0x1p-53;
}

static double normal(struct making *making) { // Box and Muller 1958
    double radius = sqrt(-2 * log(uniform(making)));
    return radius * cos(6.283185307179586 * uniform(making));
}

static struct str one_of(struct making *making, const struct json *list) {
    size_t count = json_count(list), at = count ? (size_t)(next(making) % count) : 0;
    const struct json *item = json_first(list);
    while (at-- > 0) item = json_next(item);
    return json_text(item);
}

// ---- one column ---------------------------------------------------------------------------------

static enum err bad(const struct making *making, struct str column) {
    return fault_set(making->fault, ERR_INPUT, "pilot.bad_template", column);
}

// Of a column before; NULL: there is none of that name.
static const struct cell *cell_named(const struct making *making, struct str name) {
    const struct json *column = json_first(making->columns);
    for (uint32_t i = 0; column && i < making->count; column = json_next(column), i++) {
        if (str_equal(json_member_text(column, "name"), name)) return &making->cells[i];
    }
    return NULL;
}

static double item_number(const struct json *list, size_t at) {
    const struct json *item = json_first(list);
    while (item && at-- > 0) item = json_next(item);
    return json_number(item, 0);
}

static double term(const struct cell *cell, const struct json *weights) {
    if (json_is_array(weights)) {
        return item_number(weights, 0) * (cell->number - item_number(weights, 1));
    }
    const struct json *weight = json_first(weights);
    while (weight && !str_equal(json_name(weight), cell->text)) weight = json_next(weight);
    return json_number(weight, 0);
}

static enum err formula(struct making *making, const struct json *node, struct str column,
                        double *out) {
    double sum = json_member_number(node, "base", 0);
    const struct json *item = json_first(json_member(node, "terms"));
    for (; item; item = json_next(item)) {
        const struct cell *cell = cell_named(making, json_name(item));
        if (!cell) return bad(making, column);
        sum += term(cell, item);
    }
    const struct json *day = json_member(node, "day"), *week = json_member(node, "week");
    int64_t days = making->time_s / DAY_S; // 1970-01-01 was a Thursday
    if (day) sum *= item_number(day, (size_t)(making->time_s % DAY_S / HOUR_S));
    if (week) sum *= item_number(week, (size_t)((days + 3) % 7));
    *out = sum + json_member_number(node, "noise", 0) * normal(making);
    return OK;
}

static struct str choose(struct making *making, const struct json *shares) {
    double left = uniform(making);
    const struct json *item = json_first(shares), *chosen = item;
    for (; item && left > 0; item = json_next(item)) {
        chosen = item;
        left -= json_number(item, 0);
    }
    return chosen ? json_name(chosen) : STR_NONE;
}

// Quotes where CSV wants them; choices and composed texts hold no quotes.
static void text_put(struct buf *out, struct str text) {
    bool quoted = text.size && memchr(text.data, ',', text.size) != NULL;
    if (quoted) buf_add_char(out, '"');
    buf_add_str(out, text);
    if (quoted) buf_add_char(out, '"');
}

static enum err compose(struct making *making, const struct json *node, struct str column) {
    const struct cell *by = cell_named(making, json_member_text(node, "by"));
    const struct json *parts = json_first(json_member(node, "of"));
    while (parts && by && !str_equal(json_name(parts), by->text)) parts = json_next(parts);
    if (!by || !parts) return bad(making, column);
    const struct json *list = json_first(parts);
    for (; list; list = json_next(list)) buf_add_str(making->out, one_of(making, list));
    return OK;
}

static void time_put(struct making *making, int64_t time_s) {
    char text[24];
    time_write(time_s, text);
    buf_add_text(making->out, text);
}

// What has not ended when the data does has no end yet.
static enum err after(struct making *making, struct str hours, struct str column) {
    const struct cell *cell = cell_named(making, hours);
    if (!cell) return bad(making, column);
    double seconds = cell->number * HOUR_S;
    if (!(seconds >= 0 && seconds <= (double)(making->end_s - making->time_s))) return OK;
    time_put(making, making->time_s + (int64_t)seconds);
    return OK;
}

static enum err join(struct making *making, const struct json *names, struct str column) {
    for (const struct json *name = json_first(names); name; name = json_next(name)) {
        const struct cell *cell = cell_named(making, json_text(name));
        if (!cell || !cell->text.data) return bad(making, column);
        buf_add_str(making->out, cell->text);
    }
    return OK;
}

// The smallest of the columns named: a member of the object or an item of the array. NULL: one is
// no column.
static const struct json *least_of(const struct making *making, const struct json *list,
                                   double *out) {
    const struct json *least = NULL;
    *out = INFINITY;
    for (const struct json *item = json_first(list); item; item = json_next(item)) {
        struct str name = json_is_object(list) ? json_name(item) : json_text(item);
        const struct cell *cell = cell_named(making, name);
        if (!cell) return NULL;
        if (!(cell->number < *out)) continue;
        *out = cell->number;
        least = item;
    }
    return least;
}

static void number_put(struct making *making, const struct json *column, double value) {
    double low = json_member_number(column, "low", -INFINITY);
    double high = json_member_number(column, "high", INFINITY);
    if (value < low) value = low;
    if (value > high) value = high;
    making->cells[making->count].number = value;
    if (uniform(making) < json_member_number(column, "missing", 0)) return;
    buf_printf(making->out, "%.*f", (int)json_member_u64(column, "digits", 0) & 15, value);
}

static enum err number_of(struct making *making, const struct json *column, double *out) {
    struct str name = json_member_text(column, "name");
    const struct json *bell = json_member(column, "normal"), *sum = json_member(column, "sum");
    const struct json *lasts = json_member(column, "lasts"), *least = json_member(column, "least");
    if (sum) return formula(making, sum, name, out);
    if (least) return least_of(making, least, out) ? OK : bad(making, name);
    if (lasts) {
        enum err err = formula(making, lasts, name, out);
        *out = exp(*out) * -log(uniform(making));
        return err;
    }
    if (!bell) return bad(making, name);
    *out = item_number(bell, 0) + item_number(bell, 1) * normal(making);
    return OK;
}

// A text by chance or by what came before.
static enum err choice_of(struct making *making, const struct json *column, struct str *out) {
    struct str name = json_member_text(column, "name");
    const struct json *odds = json_member(column, "odds"), *which = json_member(column, "which");
    double value = 0;
    if (which) {
        const struct json *least = least_of(making, which, &value);
        *out = json_text(least);
        return least ? OK : bad(making, name);
    }
    if (!odds) {
        *out = choose(making, json_member(column, "choice"));
        return OK;
    }
    enum err err = formula(making, odds, name, &value);
    bool yes = err == OK && uniform(making) < 1 / (1 + exp(-value));
    *out = json_member_text(column, yes ? "yes" : "no");
    return err;
}

// Against the traffic: what the next place has of a jam comes here.
static void road_put(struct making *making, const struct json *road, bool head, struct str name) {
    uint32_t count = (uint32_t)json_member_u64(road, "count", 1);
    double rush = item_number(json_member(road, "rush"), (size_t)(making->time_s % DAY_S / HOUR_S));
    int64_t days = making->time_s / DAY_S;
    if ((days + 3) % 7 >= 5) rush *= .3; // Saturday, Sunday
    for (uint32_t k = 0; k < count && k < ROAD_MAX; k++) {
        if (k) buf_add_char(making->out, ',');
        if (head) {
            buf_printf(making->out, "%.*s%02u", STR_ARG(name), (unsigned)k + 1);
            continue;
        }
        double jam = jam_stays * making->jam[k];
        if (k + 1 < count && k + 1 < ROAD_MAX) jam += jam_wanders * making->jam[k + 1];
        if (k + 1 == json_member_u64(road, "narrow", 0)) jam += jam_rush * rush * uniform(making);
        if (uniform(making) < jam_seldom) jam += jam_incident;
        making->jam[k] = jam < 1 ? jam : 1;
        double speed = json_member_number(road, "free", 0);
        speed *= 1 - json_member_number(road, "jam", 0) * making->jam[k];
        speed += json_member_number(road, "noise", 0) * normal(making);
        buf_printf(making->out, "%.1f", speed > 0 ? speed : 0);
    }
}

static enum err column_put(struct making *making, const struct json *column) {
    struct str name = json_member_text(column, "name");
    struct cell *cell = &making->cells[making->count];
    *cell = (struct cell){0};
    const struct json *node = json_member(column, "road");
    if (node) {
        road_put(making, node, false, name);
        return OK;
    }
    node = json_member(column, "compose");
    if (node) return compose(making, node, name);
    node = json_member(column, "join");
    if (node) return join(making, node, name);
    if (json_member(column, "hours")) {
        time_put(making, making->time_s);
        return OK;
    }
    node = json_member(column, "after");
    if (node) return after(making, json_text(node), name);
    if (json_member(column, "choice") || json_member(column, "odds") ||
        json_member(column, "which")) {
        enum err err = choice_of(making, column, &cell->text);
        if (err == OK) text_put(making->out, cell->text);
        return err;
    }
    double value = 0;
    enum err err = number_of(making, column, &value);
    if (err == OK) number_put(making, column, value);
    return err;
}

static bool is_hidden(const struct json *column) {
    return json_member_bool(column, "hidden", false);
}

static enum err row_put(struct making *making) {
    bool first = true;
    const struct json *column = json_first(making->columns);
    for (making->count = 0; column; column = json_next(column), making->count++) {
        size_t start = making->out->size;
        if (!first) buf_add_char(making->out, ',');
        enum err err = column_put(making, column);
        if (err != OK) return err;
        if (is_hidden(column)) making->out->size = start;
        first = first && is_hidden(column);
    }
    buf_add_char(making->out, '\n');
    return OK;
}

// ---- the whole ----------------------------------------------------------------------------------

static enum err head_put(struct making *making) {
    const struct json *column = json_first(making->columns);
    const char *comma = "";
    if (json_count(making->columns) > SYNTHETIC_COLUMNS_MAX) return bad(making, making->one->id);
    for (; column; column = json_next(column)) {
        struct str name = json_member_text(column, "name");
        struct str hours = json_member_text(column, "hours");
        if (hours.size && !time_parse(hours, &making->time_s)) return bad(making, name);
        if (is_hidden(column)) continue;
        const struct json *road = json_member(column, "road");
        if (!road && !template_column_find(making->one, name)) return bad(making, name);
        buf_add_text(making->out, comma);
        if (road)
            road_put(making, road, true, name);
        else
            buf_add_str(making->out, name);
        comma = ",";
    }
    buf_add_char(making->out, '\n');
    return OK;
}

enum err synthetic_write(const struct template *one, struct buf *out, struct fault *fault) {
    const struct json *node = synthetic_of(one);
    struct making making = {
        .one = one,
        .columns = json_member(node, "columns"),
        .random = json_member_u64(node, "seed", 1),
        .out = out,
        .fault = fault,
    };
    uint64_t rows = json_member_u64(node, "rows", 0);
    int64_t every_s = (int64_t)json_member_u64(node, "every", HOUR_S);
    if (rows == 0 || rows > SYNTHETIC_ROWS_MAX) return bad(&making, one->id);
    enum err err = head_put(&making);
    making.end_s = making.time_s + (int64_t)(rows - 1) * every_s;
    for (uint64_t r = 0; r < rows && err == OK; r++) {
        err = row_put(&making);
        making.time_s += every_s;
    }
    return err == OK ? buf_err(out) : err;
}
