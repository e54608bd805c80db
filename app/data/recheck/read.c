// Reads the asked columns of a file: the plainest CSV reader that RFC 4180 allows, or a table file.
#include <string.h>

#include "base/buf.h"
#include "data/recheck/recheck_private.h"
#include "data/table.h"

struct str question_name(const struct recheck_question *question, uint32_t index) {
    return index < question->quasi_count ? question->quasi[index]
                                         : question->sensitive[index - question->quasi_count];
}

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("recheck"));
}

static enum err grow(struct cells *cells) {
    if (cells->rows < cells->room) return OK;
    uint64_t room = cells->room ? cells->room * 2 : 4096;
    size_t each = cells->width * sizeof *cells->cells;
    struct str *more = memory_resize(cells->cells, cells->room * each, room * each);
    if (!more) return ERR_MEMORY;
    cells->cells = more;
    cells->room = room;
    return OK;
}

// ---- CSV ----------------------------------------------------------------------------------------

struct csv {
    struct str text;
    size_t at;
    uint64_t record; // from 1, the header among them
    char delimiter;
    struct arena *arena;
    bool ended; // the record was the last
};

// The sign that stands most often in the first line.
static char find_delimiter(struct str text) {
    static const char signs[] = ",;\t|";
    struct str rest, line = str_cut(text, '\n', &rest);
    char best = ',';
    size_t most = 0;
    for (const char *sign = signs; *sign; sign++) {
        size_t count = 0;
        for (size_t i = 0; i < line.size; i++) count += line.data[i] == *sign;
        if (count > most) {
            most = count;
            best = *sign;
        }
    }
    return best;
}

// A field in quotes; "" within it is one quote.
static enum err quoted_field(struct csv *csv, struct str *out) {
    size_t start = ++csv->at, doubled = 0;
    for (; csv->at < csv->text.size; csv->at++) {
        if (csv->text.data[csv->at] != '"') continue;
        if (csv->at + 1 >= csv->text.size || csv->text.data[csv->at + 1] != '"') break;
        csv->at++;
        doubled++;
    }
    if (csv->at >= csv->text.size) return ERR_INPUT;
    *out = (struct str){csv->text.data + start, csv->at - start};
    csv->at++;
    if (doubled == 0) return OK;
    char *copy = arena_take(csv->arena, out->size);
    if (!copy) return ERR_MEMORY;
    size_t size = 0;
    for (size_t i = 0; i < out->size; i++) {
        copy[size++] = out->data[i];
        if (out->data[i] == '"') i++;
    }
    *out = (struct str){copy, size};
    return OK;
}

// One field; *last: the record ends with it.
static enum err csv_field(struct csv *csv, struct str *out, bool *last) {
    const char *data = csv->text.data;
    size_t size = csv->text.size;
    *out = (struct str){data + csv->at, 0};
    if (csv->at < size && data[csv->at] == '"') {
        enum err err = quoted_field(csv, out);
        if (err != OK) return err;
    }
    size_t start = csv->at;
    while (csv->at < size && data[csv->at] != csv->delimiter && data[csv->at] != '\n') csv->at++;
    if (out->size == 0 && start == (size_t)(out->data - data)) {
        out->size = csv->at - start;
        if (out->size && out->data[out->size - 1] == '\r') out->size--;
    }
    *last = csv->at >= size || data[csv->at] == '\n';
    csv->at++;
    csv->ended = csv->at >= size && *last;
    return OK;
}

static enum err tell_quote(enum err err, const struct csv *csv, struct fault *fault) {
    if (err == ERR_MEMORY) return no_memory(fault);
    return fault_at(fault, err, "recheck.unclosed_quote", csv->record, 0, STR_NONE);
}

static enum err read_header(struct csv *csv, struct cells *cells, uint32_t *out_columns,
                            struct fault *fault) {
    uint32_t column = 0;
    csv->record = 1;
    for (uint32_t i = 0; i < cells->width; i++) cells->place[i] = -1;
    for (bool last = false; !last; column++) {
        struct str name;
        enum err err = csv_field(csv, &name, &last);
        if (err != OK) return tell_quote(err, csv, fault);
        for (uint32_t i = 0; i < cells->width; i++) {
            bool here = str_equal(str_trim(name), question_name(cells->question, i));
            if (here && cells->place[i] < 0) cells->place[i] = (int32_t)column;
        }
    }
    for (uint32_t i = 0; i < cells->width; i++) {
        if (cells->place[i] >= 0) continue;
        return fault_set(fault, ERR_INPUT, "recheck.no_column", question_name(cells->question, i));
    }
    *out_columns = column;
    return OK;
}

static enum err read_record(struct csv *csv, struct cells *cells, uint32_t columns,
                            struct fault *fault) {
    if (grow(cells) != OK) return no_memory(fault);
    struct str *row = cells->cells + cells->rows * cells->width;
    uint32_t column = 0;
    bool last = false, blank = true;
    csv->record++;
    for (; !last; column++) {
        struct str cell;
        enum err err = csv_field(csv, &cell, &last);
        if (err != OK) return tell_quote(err, csv, fault);
        blank &= cell.size == 0;
        for (uint32_t i = 0; i < cells->width; i++) {
            if (cells->place[i] == (int32_t)column) row[i] = cell;
        }
    }
    if (blank && column == 1 && columns > 1) return OK; // an empty line
    if (column != columns) {
        return fault_at(fault, ERR_INPUT, "recheck.uneven", csv->record, 0, STR_NONE);
    }
    cells->rows++;
    return OK;
}

enum err cells_read_csv(struct str text, struct cells *cells, struct fault *fault) {
    if (str_starts(text, STR("\xEF\xBB\xBF"))) text.data += 3, text.size -= 3;
    if (text.size == 0) return fault_set(fault, ERR_INPUT, "recheck.no_rows", STR_NONE);
    struct csv csv = {.text = text, .delimiter = find_delimiter(text), .arena = cells->arena};
    uint32_t columns = 0;
    enum err err = read_header(&csv, cells, &columns, fault);
    while (err == OK && !csv.ended && csv.at < text.size) {
        err = read_record(&csv, cells, columns, fault);
    }
    return err;
}

// ---- tables -------------------------------------------------------------------------------------

static enum err copy_cell(struct cells *cells, const struct column *column, uint32_t row,
                          struct buf *text, struct str *out) {
    buf_clear(text);
    column_write(text, column, row);
    if (buf_err(text) != OK) return ERR_MEMORY;
    char *copy = arena_take(cells->arena, text->size + 1);
    if (!copy) return ERR_MEMORY;
    if (text->size) memcpy(copy, text->data, text->size);
    *out = (struct str){copy, text->size};
    return OK;
}

static enum err read_batches(struct table *table, struct cells *cells, struct arena *scratch,
                             struct buf *text, struct fault *fault) {
    for (uint32_t index = 0; index < table_batches(table); index++) {
        struct batch batch;
        arena_reset(scratch);
        enum err err = table_batch(table, index, scratch, &batch, fault);
        if (err != OK) return err;
        for (uint32_t row = 0; row < batch.row_count; row++) {
            if (grow(cells) != OK) return no_memory(fault);
            struct str *to = cells->cells + cells->rows++ * cells->width;
            for (uint32_t i = 0; i < cells->width; i++) {
                err = copy_cell(cells, &batch.columns[cells->place[i]], row, text, &to[i]);
                if (err != OK) return no_memory(fault);
            }
        }
    }
    return OK;
}

enum err cells_read_table(const char *path, struct cells *cells, struct fault *fault) {
    struct table *table;
    enum err err = table_open(path, &table, fault);
    if (err != OK) return err;
    for (uint32_t i = 0; i < cells->width && err == OK; i++) {
        struct str name = question_name(cells->question, i);
        cells->place[i] = schema_find(table_schema(table), name);
        if (cells->place[i] < 0) err = fault_set(fault, ERR_INPUT, "recheck.no_column", name);
    }
    struct arena *scratch = NULL;
    struct buf text;
    buf_open(&text, LIMIT_CELL_BYTES + 64);
    if (err == OK && arena_open((size_t)1 << 30, &scratch) != OK) err = no_memory(fault);
    if (err == OK) err = read_batches(table, cells, scratch, &text, fault);
    buf_close(&text);
    arena_close(scratch);
    table_close(table);
    return err;
}
