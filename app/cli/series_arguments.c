// --series time=date,value=flow,id=road,horizons=1,6,24: a wish for a forecast as JSON. What stands
// between two commas without a "=" belongs to the list before it.
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/number.h"
#include "cli/cli_private.h"

enum { GRAPH_NAMES_MAX = 4096, AHEAD_MAX = 10000 };

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

struct graph {
    struct json_writer *out;
    struct str names[GRAPH_NAMES_MAX]; // of a matrix's header
    uint32_t name_count, width;
    uint64_t row;
};

static void end_put(struct graph *graph, uint32_t at) {
    if (graph->name_count > at) {
        json_put_text(graph->out, graph->names[at]);
    } else {
        json_put_u64(graph->out, at);
    }
}

// A matrix: cell (i, j) is what j tells of i.
static bool matrix_row(struct graph *graph, struct str line) {
    for (uint32_t column = 0; line.data; column++) {
        double weight;
        struct str cell = str_trim(str_cut(line, ',', &line));
        if (!number_parse(cell, &weight) || column >= graph->width) return false;
        if (weight == 0) continue;
        json_open_array(graph->out);
        end_put(graph, (uint32_t)graph->row);
        end_put(graph, column);
        json_put_number(graph->out, weight);
        json_close_array(graph->out);
    }
    graph->row++;
    return graph->row <= graph->width;
}

// from,to[,weight]; a first line whose weight is no number is a header.
static bool edge_row(struct graph *graph, struct str line) {
    struct str rest, last;
    struct str from = str_trim(str_cut(line, ',', &rest));
    struct str to = str_trim(str_cut(rest, ',', &last));
    double weight = 1;
    if (last.data && !number_parse(last, &weight)) return graph->row++ == 0;
    if (!from.size || !to.size) return false;
    graph->row++;
    json_open_array(graph->out);
    json_put_text(graph->out, from);
    json_put_text(graph->out, to);
    json_put_number(graph->out, weight);
    json_close_array(graph->out);
    return true;
}

static uint32_t cells_of(struct str line) {
    uint32_t cells = 0;
    while (line.data) {
        (void)str_cut(line, ',', &line);
        cells++;
    }
    return cells;
}

static bool header_read(struct graph *graph, struct str line) {
    double ignored;
    struct str rest = line;
    while (rest.data) {
        if (!number_parse(str_trim(str_cut(rest, ',', &rest)), &ignored)) break;
        if (!rest.data) return false; // all numbers: the matrix begins
    }
    while (line.data && graph->name_count < GRAPH_NAMES_MAX) {
        graph->names[graph->name_count++] = str_trim(str_cut(line, ',', &line));
    }
    return true;
}

static enum err graph_write(struct json_writer *out, struct str path, struct fault *fault) {
    char name[LIMIT_PATH_BYTES];
    struct file_map map;
    if (!str_copy(name, sizeof name, path)) return bad(fault, STR("graph"));
    enum err err = file_map(name, &map, fault);
    if (err != OK) return err;
    struct graph *graph = memory_take(sizeof *graph);
    struct str rest = {(const char *)map.data, map.size};
    json_put_name(out, "graph");
    json_open_array(out);
    bool right = graph != NULL;
    for (uint64_t line_number = 0; right && rest.data && rest.size; line_number++) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        if (line_number == 0) {
            *graph = (struct graph){.out = out, .width = cells_of(line)};
            if (graph->width > 3 && header_read(graph, line)) continue;
        }
        if (line.size == 0) continue;
        right = graph->width > 3 ? matrix_row(graph, line) : edge_row(graph, line);
    }
    json_close_array(out);
    memory_give(graph);
    file_unmap(&map);
    return right ? OK : bad(fault, STR("graph"));
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
