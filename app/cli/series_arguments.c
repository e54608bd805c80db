// --series time=date,value=flow,id=road,horizons=1,6,24: a wish for a forecast as JSON. What stands
// between two commas without a "=" belongs to the list before it.
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/number.h"
#include "cli/cli_private.h"
#include "flow/steps/series_graph.h"

enum { AHEAD_MAX = 10000 };

static bool is_list(struct str key) {
    static const char *const lists[] = {"time", "horizons", "values", "known", "past"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (str_is(key, lists[i])) return true;
    }
    return false;
}

static bool is_number(struct str key) {
    return str_is(key, "season") || str_is(key, "cycle") || str_is(key, "origins");
}

static enum err bad(struct fault *fault, struct str key) {
    return fault_set(fault, ERR_INPUT, "series.bad_wish", key);
}

// 300, 5m, 1h, 1d as seconds.
static bool step_read(struct str text, uint64_t *out) {
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint32_t times = 1;
    for (size_t i = 0; text.size > 1 && i < sizeof units / sizeof *units; i++) {
        if (text.data[text.size - 1] == units[i].unit) times = units[i].seconds;
    }
    if (text.size > 1 && (text.data[text.size - 1] < '0' || text.data[text.size - 1] > '9')) {
        text.size--;
    }
    if (!str_to_u64(text, out) || *out == 0 || *out > UINT32_MAX / times) return false;
    *out *= times;
    return true;
}

// 6, or 1-24.
static enum err horizon_write(struct json_writer *out, struct str text, struct fault *fault) {
    struct str rest;
    uint64_t first = 0, last = 0;
    struct str start = str_cut(text, '-', &rest);
    bool right = str_to_u64(start, &first) && first >= 1;
    last = first;
    if (rest.data) right = right && str_to_u64(rest, &last);
    if (!right || last < first || last > AHEAD_MAX) return bad(fault, STR("horizons"));
    for (uint64_t h = first; h <= last; h++) json_put_u64(out, h);
    return OK;
}

// ---- the graph --------------------------------------------------------------------------------

static enum err graph_write(struct json_writer *out, struct str path, struct fault *fault) {
    char name[LIMIT_PATH_BYTES];
    if (!str_copy(name, sizeof name, path)) return bad(fault, STR("graph"));
    json_put_name(out, "graph");
    return series_graph_write(out, name, fault);
}

// ---- all --------------------------------------------------------------------------------------

static enum err list_item(struct json_writer *out, struct str key, struct str item,
                          struct fault *fault) {
    if (str_is(key, "horizons")) return horizon_write(out, item, fault);
    json_put_text(out, item);
    return OK;
}

static enum err list_write(struct json_writer *out, struct str key, struct str first,
                           struct str *rest, struct fault *fault) {
    if (str_is(key, "values") && str_is(first, "*")) {
        json_set_bool(out, "wide", true);
        return OK;
    }
    json_put_name_str(out, key);
    json_open_array(out);
    enum err err = first.size ? list_item(out, key, first, fault) : OK;
    while (err == OK && rest->data) {
        struct str after;
        struct str item = str_trim(str_cut(*rest, ',', &after));
        if (memchr(item.data, '=', item.size)) break;
        err = list_item(out, key, item, fault);
        *rest = after;
    }
    json_close_array(out);
    return err;
}

static enum err one_write(struct json_writer *out, struct str key, struct str value,
                          struct str *rest, struct fault *fault) {
    uint64_t number;
    char name[16];
    if (is_list(key)) return list_write(out, key, value, rest, fault);
    if (str_is(key, "graph")) return graph_write(out, value, fault);
    if (!str_copy(name, sizeof name, key)) return bad(fault, key);
    if (str_is(key, "step")) {
        if (!step_read(value, &number)) return bad(fault, key);
        json_set_u64(out, name, number);
    } else if (is_number(key)) {
        if (!str_to_u64(value, &number)) return bad(fault, key);
        json_set_u64(out, name, number);
    } else if (str_is(key, "id") || str_is(key, "holiday") || str_is(key, "start")) {
        json_set_text(out, name, value);
    } else {
        return bad(fault, key);
    }
    return OK;
}

enum err series_arguments_write(struct json_writer *out, const char *told, struct str *out_target,
                                struct fault *fault) {
    struct str rest = str_of(told);
    enum err err = OK;
    *out_target = STR_NONE;
    json_put_name(out, "series");
    json_open_object(out);
    while (rest.data && err == OK) {
        struct str value;
        struct str item = str_trim(str_cut(rest, ',', &rest));
        struct str key = str_trim(str_cut(item, '=', &value));
        if (!value.data) {
            err = bad(fault, key);
        } else if (str_is(key, "value")) {
            *out_target = str_trim(value);
        } else {
            err = one_write(out, key, str_trim(value), &rest, fault);
        }
    }
    json_close_object(out);
    return err;
}
