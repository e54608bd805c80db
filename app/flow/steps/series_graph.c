#include "flow/steps/series_graph.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/text.h"
#include "pilot/series.h"

struct graph {
    struct json_writer *out;
    struct str names[SERIES_MAX]; // of a matrix's header
    uint32_t name_count, width, edges;
    uint64_t row;
};

// Without blanks and quotes around it; names with quotes or commas inside are not for graphs.
static struct str cell_take(struct str line, struct str *rest) {
    struct str cell = str_trim(str_cut(line, ',', rest));
    bool quoted = cell.size > 1 && cell.data[0] == '"' && cell.data[cell.size - 1] == '"';
    return quoted ? (struct str){cell.data + 1, cell.size - 2} : cell;
}

static void end_put(struct graph *graph, uint32_t at) {
    if (graph->name_count > at) {
        json_put_text(graph->out, graph->names[at]);
    } else {
        json_put_u64(graph->out, at);
    }
}

static bool matrix_row(struct graph *graph, struct str line) {
    for (uint32_t column = 0; line.data; column++) {
        double weight;
        if (!number_parse(cell_take(line, &line), &weight) || column >= graph->width) return false;
        if (weight == 0) continue;
        json_open_array(graph->out);
        end_put(graph, (uint32_t)graph->row);
        end_put(graph, column);
        json_put_number(graph->out, weight);
        json_close_array(graph->out);
        graph->edges++;
    }
    graph->row++;
    return graph->row <= graph->width;
}

static bool edge_row(struct graph *graph, struct str line) {
    struct str rest, last;
    struct str from = cell_take(line, &rest), to = cell_take(rest, &last);
    double weight = 1;
    if (last.data && !number_parse(cell_take(last, &rest), &weight)) return graph->row++ == 0;
    if (!from.size || !to.size) return false;
    graph->row++;
    json_open_array(graph->out);
    json_put_text(graph->out, from);
    json_put_text(graph->out, to);
    json_put_number(graph->out, weight);
    json_close_array(graph->out);
    graph->edges++;
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

// A first line with a cell that is no number, or of numbers that are beyond any weight: names.
static bool header_read(struct graph *graph, struct str line) {
    bool word = false, large = true;
    for (struct str rest = line; rest.data;) {
        double value;
        bool number = number_parse(cell_take(rest, &rest), &value);
        word = word || !number;
        large = large && number && value > 1;
    }
    bool names = word || large;
    while (names && line.data && graph->name_count < SERIES_MAX) {
        graph->names[graph->name_count++] = cell_take(line, &line);
    }
    return names;
}

static enum err lines_read(struct graph *graph, struct str rest, struct fault *fault) {
    for (uint64_t number = 1; rest.data && rest.size; number++) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        if (number == 1) {
            graph->width = cells_of(line);
            if (graph->width > 3 && header_read(graph, line)) continue;
        }
        if (line.size == 0) continue;
        bool right = graph->width > 3 ? matrix_row(graph, line) : edge_row(graph, line);
        if (!right) return fault_at(fault, ERR_INPUT, "series.bad_graph", number, 0, STR_NONE);
        if (graph->edges > SERIES_EDGES_MAX) {
            return fault_set(fault, ERR_LIMIT, "series.too_many_edges", STR_NONE);
        }
    }
    return OK;
}

// As UTF-8, in *out; its bytes live in `bytes` or in *kept.
static enum err text_of(const struct buf *bytes, char **kept, struct str *out) {
    struct str lines = buf_str(bytes);
    if (!utf8_valid(lines)) {
        struct decoder decoder;
        *kept = memory_take(3 * lines.size + 8);
        if (!*kept) return ERR_MEMORY;
        decoder_start(&decoder, ENCODING_GB18030);
        lines = (struct str){*kept, decoder_run(&decoder, lines, true, *kept)};
    }
    if (lines.size >= 3 && memcmp(lines.data, "\xEF\xBB\xBF", 3) == 0) {
        lines = (struct str){lines.data + 3, lines.size - 3};
    }
    *out = lines;
    return OK;
}

enum err series_graph_write(struct json_writer *out, const char *path, struct fault *fault) {
    struct graph *graph = memory_take(sizeof *graph);
    struct buf bytes;
    struct str lines = STR_NONE;
    char *kept = NULL;
    buf_open(&bytes, SERIES_GRAPH_BYTES_MAX);
    enum err err = graph ? file_read(path, &bytes, fault) : ERR_MEMORY;
    if (err == OK) err = text_of(&bytes, &kept, &lines);
    json_open_array(out);
    if (err == OK) {
        graph->out = out;
        err = lines_read(graph, lines, fault);
    }
    json_close_array(out);
    memory_give(graph);
    memory_give(kept);
    buf_close(&bytes);
    return err;
}
