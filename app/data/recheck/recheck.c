// Sorts rows by what they show, then reads class after class.
#include "data/recheck/recheck.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/recheck/recheck_private.h"

// ---- values of a sensitive column ---------------------------------------------------------------

// All values of the column, sorted: in their order if they have one, else by bytes.
struct values {
    struct str *texts; // (count), each once
    double *whole;     // (count): share of all rows
    uint32_t *of_row;  // (rows): index into texts
    uint64_t count;
    bool ordered;
};

static bool text_number(struct str text, double *out) {
    char copy[64], *end;
    if (text.size == 0 || text.size >= sizeof copy) return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (!strchr("+-.0123456789", copy[0]) || strpbrk(copy, "xXnN")) return false;
    *out = strtod(copy, &end);
    return *end == '\0' && isfinite(*out);
}

static bool text_date(struct str text) {
    static const char shape[] = "dddd-dd-dd dd:dd:dd";
    if (text.size != 10 && text.size != 19) return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (shape[i] == 'd' ? c < '0' || c > '9' : c != shape[i]) return false;
    }
    return true;
}

struct sorted_cell {
    struct str text;
    uint32_t row;
    double number;
    bool numbers; // the column's cells are compared as numbers
};

static int by_cell(const void *a, const void *b) {
    const struct sorted_cell *left = a, *right = b;
    if ((left->text.size == 0) != (right->text.size == 0)) return left->text.size == 0 ? 1 : -1;
    if (left->numbers && left->number != right->number) {
        return left->number < right->number ? -1 : 1;
    }
    int order = str_compare(left->text, right->text);
    return order ? order : left->row < right->row ? -1 : 1;
}

static void look(const struct cells *cells, uint32_t index, struct sorted_cell *sorted,
                 bool *ordered) {
    bool numbers = true, dates = true;
    for (uint64_t row = 0; row < cells->rows; row++) {
        struct sorted_cell *cell = &sorted[row];
        *cell =
            (struct sorted_cell){cells->cells[row * cells->width + index], (uint32_t)row, 0, false};
        if (cell->text.size == 0) continue;
        numbers &= text_number(cell->text, &cell->number);
        dates &= text_date(cell->text);
    }
    *ordered = numbers || dates;
    for (uint64_t row = 0; row < cells->rows; row++) sorted[row].numbers = numbers;
}

static void values_close(struct values *values) {
    memory_give(values->texts);
    memory_give(values->whole);
    memory_give(values->of_row);
}

static enum err values_open(const struct cells *cells, uint32_t index, struct values *out) {
    *out = (struct values){0};
    size_t rows = (size_t)cells->rows;
    struct sorted_cell *sorted = memory_take(rows * sizeof *sorted);
    out->texts = memory_take(rows * sizeof *out->texts);
    out->whole = memory_take(rows * sizeof *out->whole);
    out->of_row = memory_take(rows * sizeof *out->of_row);
    if (!sorted || !out->texts || !out->whole || !out->of_row) {
        memory_give(sorted);
        return ERR_MEMORY;
    }
    look(cells, index, sorted, &out->ordered);
    qsort(sorted, rows, sizeof *sorted, by_cell);
    for (size_t i = 0; i < rows; i++) {
        if (i == 0 || !str_equal(sorted[i].text, sorted[i - 1].text)) {
            out->texts[out->count++] = sorted[i].text;
        }
        out->of_row[sorted[i].row] = (uint32_t)(out->count - 1);
        out->whole[out->count - 1] += 1.0 / (double)rows;
    }
    memory_give(sorted);
    return OK;
}

// ---- one class ----------------------------------------------------------------------------------

static double distance_of(const struct values *values, const uint64_t *counts, uint64_t rows) {
    double sum = 0, run = 0;
    for (uint64_t i = 0; i < values->count; i++) {
        double difference = (double)counts[i] / (double)rows - values->whole[i];
        run += difference;
        sum += values->ordered ? fabs(run) : fabs(difference) / 2;
    }
    if (!values->ordered) return sum;
    return values->count > 1 ? sum / (double)(values->count - 1) : 0;
}

static void judge_class(const struct values *values, const uint32_t *rows, uint64_t count,
                        uint64_t *counts, bool first, struct recheck_column *worst) {
    memset(counts, 0, values->count * sizeof *counts);
    for (uint64_t i = 0; i < count; i++) counts[values->of_row[rows[i]]]++;
    uint64_t distinct = 0;
    double entropy = 0;
    for (uint64_t i = 0; i < values->count; i++) {
        if (counts[i] == 0) continue;
        double share = (double)counts[i] / (double)count;
        entropy -= share * log2(share);
        distinct++;
    }
    double effective = exp2(entropy), distance = distance_of(values, counts, count);
    if (first || distinct < worst->distinct) {
        worst->distinct = distinct;
        worst->distinct_row = rows[0] + 1;
    }
    if (first || effective < worst->effective) {
        worst->effective = effective;
        worst->effective_row = rows[0] + 1;
    }
    if (first || distance > worst->distance) {
        worst->distance = distance;
        worst->distance_row = rows[0] + 1;
    }
}

// ---- all classes --------------------------------------------------------------------------------

struct key {
    const struct str *cells;
    uint32_t count, row;
    uint64_t hash; // of the cells (FNV-1a, lengths among them)
};

static int by_cells(const struct key *left, const struct key *right) {
    if (left->hash != right->hash) return left->hash < right->hash ? -1 : 1;
    for (uint32_t i = 0; i < left->count; i++) {
        int order = str_compare(left->cells[i], right->cells[i]);
        if (order) return order;
    }
    return 0;
}

static int by_key(const void *a, const void *b) {
    const struct key *left = a, *right = b;
    int order = by_cells(left, right);
    return order ? order : left->row < right->row ? -1 : 1;
}

static uint64_t hash_cells(const struct str *cells, uint32_t count) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (uint32_t i = 0; i < count; i++) {
        for (size_t at = 0; at < cells[i].size; at++) {
            hash = (hash ^ (uint8_t)cells[i].data[at]) * 0x100000001B3u;
        }
        hash = (hash ^ (0x100 + cells[i].size)) * 0x100000001B3u;
    }
    return hash ^ hash >> 32;
}

// By the lowest 32 bits of the hash, 16 at a time: rows that show the same come near each other.
// Then each run of the same bits is sorted wholly, which also parts what only looks the same.
static void sort_keys(struct key *keys, struct key *scratch, size_t count, uint64_t *starts) {
    for (int shift = 0; shift < 32; shift += 16) {
        memset(starts, 0, 65537 * sizeof *starts);
        for (size_t i = 0; i < count; i++) starts[(keys[i].hash >> shift & 0xFFFF) + 1]++;
        for (size_t i = 0; i < 65536; i++) starts[i + 1] += starts[i];
        for (size_t i = 0; i < count; i++) {
            scratch[starts[keys[i].hash >> shift & 0xFFFF]++] = keys[i];
        }
        struct key *swap = keys;
        keys = scratch;
        scratch = swap;
    }
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count; end++) {
            if ((uint32_t)keys[start].hash != (uint32_t)keys[end].hash) break;
        }
        bool same = true; // the usual case: one class, in the order of the file
        for (size_t i = start + 1; i < end && same; i++)
            same = by_cells(&keys[start], &keys[i]) == 0;
        if (!same) qsort(keys + start, end - start, sizeof *keys, by_key);
    }
}

static void read_classes(const struct key *keys, uint64_t rows, const uint32_t *order,
                         const struct values *values, uint32_t value_count, uint64_t *counts,
                         struct recheck_answer *answer) {
    for (uint64_t start = 0, end; start < rows; start = end) {
        for (end = start + 1; end < rows && by_cells(&keys[start], &keys[end]) == 0;) end++;
        uint64_t size = end - start;
        if (answer->classes == 0 || size < answer->k) {
            answer->k = size;
            answer->k_row = keys[start].row + 1;
        }
        answer->uniques += size == 1;
        for (uint32_t i = 0; i < value_count; i++) {
            judge_class(&values[i], order + start, size, counts, answer->classes == 0,
                        &answer->columns[i]);
        }
        answer->classes++;
    }
}

static enum err sort_and_read(const struct cells *cells, const struct values *values,
                              struct recheck_answer *answer) {
    const struct recheck_question *question = cells->question;
    size_t rows = (size_t)cells->rows, most = 1;
    for (uint32_t i = 0; i < question->sensitive_count; i++) {
        if (values[i].count > most) most = values[i].count;
    }
    struct key *keys = memory_take(rows * sizeof *keys);
    struct key *scratch = memory_take(rows * sizeof *scratch);
    uint64_t *starts = memory_take(65537 * sizeof *starts);
    uint32_t *order = memory_take(rows * sizeof *order);
    uint64_t *counts = memory_take(most * sizeof *counts);
    bool taken = keys && scratch && starts && order && counts;
    if (taken) {
        for (size_t row = 0; row < rows; row++) {
            const struct str *shown = cells->cells + row * cells->width;
            keys[row] = (struct key){shown, question->quasi_count, (uint32_t)row,
                                     hash_cells(shown, question->quasi_count)};
        }
        sort_keys(keys, scratch, rows, starts); // two passes: the result is in keys again
        for (size_t i = 0; i < rows; i++) order[i] = keys[i].row;
        answer->rows = rows;
        read_classes(keys, rows, order, values, question->sensitive_count, counts, answer);
    }
    memory_give(keys);
    memory_give(scratch);
    memory_give(starts);
    memory_give(order);
    memory_give(counts);
    return taken ? OK : ERR_MEMORY;
}

static bool all_hold(const struct recheck_question *question, const struct recheck_answer *answer) {
    const double grace = 1e-6; // of sums of shares
    bool holds = answer->k >= question->k;
    for (uint32_t i = 0; i < question->sensitive_count; i++) {
        const struct recheck_column *column = &answer->columns[i];
        if (question->l > 0) holds &= (double)column->distinct >= question->l;
        if (question->l_entropy > 0) holds &= column->effective >= question->l_entropy - grace;
        if (question->t >= 0) holds &= column->distance <= question->t + grace;
    }
    return holds;
}

enum err cells_answer(const struct cells *cells, struct recheck_answer *out, struct fault *fault) {
    const struct recheck_question *question = cells->question;
    if (cells->rows == 0) return fault_set(fault, ERR_INPUT, "recheck.no_rows", STR_NONE);
    if (cells->rows >= UINT32_MAX) {
        return fault_set(fault, ERR_LIMIT, "recheck.too_many_rows", STR_NONE);
    }
    struct values values[RECHECK_SENSITIVE] = {0};
    struct recheck_answer answer = {0};
    enum err err = OK;
    for (uint32_t i = 0; i < question->sensitive_count && err == OK; i++) {
        err = values_open(cells, question->quasi_count + i, &values[i]);
        answer.columns[i].ordered = values[i].ordered;
    }
    if (err == OK) err = sort_and_read(cells, values, &answer);
    for (uint32_t i = 0; i < question->sensitive_count; i++) values_close(&values[i]);
    if (err != OK) return fault_set(fault, err, "base.no_memory", STR("recheck"));
    answer.holds = all_hold(question, &answer);
    *out = answer;
    return OK;
}

enum err recheck_file(const char *path, const struct recheck_question *question,
                      struct recheck_answer *out, struct fault *fault) {
    if (question->quasi_count == 0) {
        return fault_set(fault, ERR_INPUT, "recheck.no_quasi", STR_NONE);
    }
    if (question->quasi_count > RECHECK_QUASI || question->sensitive_count > RECHECK_SENSITIVE) {
        return fault_set(fault, ERR_LIMIT, "recheck.too_many_columns", STR_NONE);
    }
    struct file_map map;
    enum err err = file_map(path, &map, fault);
    if (err != OK) return err;
    struct cells cells = {.width = question->quasi_count + question->sensitive_count,
                          .question = question};
    if (arena_open((size_t)16 << 30, &cells.arena) != OK) {
        err = fault_set(fault, ERR_MEMORY, "base.no_memory", STR("recheck"));
    }
    struct str text = {(const char *)map.data, map.size};
    if (err == OK) {
        err = str_starts(text, STR("CYTABLE1")) ? cells_read_table(path, &cells, fault)
                                                : cells_read_csv(text, &cells, fault);
    }
    if (err == OK) err = cells_answer(&cells, out, fault);
    memory_give(cells.cells);
    arena_close(cells.arena);
    file_unmap(&map);
    return err;
}

// ---- JSON ---------------------------------------------------------------------------------------

void recheck_write(struct json_writer *out, const struct recheck_question *question,
                   const struct recheck_answer *answer) {
    json_open_object(out);
    json_set_bool(out, "holds", answer->holds);
    json_set_u64(out, "rows", answer->rows);
    json_set_u64(out, "classes", answer->classes);
    json_set_u64(out, "k", answer->k);
    json_set_u64(out, "k_row", answer->k_row);
    json_set_u64(out, "uniques", answer->uniques);
    json_put_name(out, "sensitive");
    json_open_array(out);
    for (uint32_t i = 0; i < question->sensitive_count; i++) {
        const struct recheck_column *column = &answer->columns[i];
        json_open_object(out);
        json_set_text(out, "column", question->sensitive[i]);
        json_set_u64(out, "distinct", column->distinct);
        json_set_u64(out, "distinct_row", column->distinct_row);
        json_set_number(out, "entropy", column->effective);
        json_set_u64(out, "entropy_row", column->effective_row);
        json_set_number(out, "distance", column->distance);
        json_set_u64(out, "distance_row", column->distance_row);
        json_set_bool(out, "ordered", column->ordered);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
}
