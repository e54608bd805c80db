// One chunk of records to batches. Runs on any thread: it reads the plan and writes the chunk only.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "data/intake/intake_private.h"

enum err chunk_open(struct chunk *chunk, const struct plan *plan) {
    *chunk = (struct chunk){0};
    chunk->faults = memory_take(LIMIT_FAULTS_KEPT * sizeof *chunk->faults);
    chunk->tallies = memory_take(plan->column_count * sizeof *chunk->tallies);
    chunk->cells = memory_take(plan->column_count * sizeof *chunk->cells);
    chunk->unknown_names = memory_take(LIMIT_COLUMNS * sizeof *chunk->unknown_names);
    if (chunk->faults && chunk->tallies && chunk->cells && chunk->unknown_names) return OK;
    chunk_close(chunk);
    return ERR_MEMORY;
}

void chunk_close(struct chunk *chunk) {
    for (uint32_t i = 0; i < chunk->builder_room; i++) batch_builder_close(chunk->builders[i]);
    memory_give(chunk->builders);
    memory_give(chunk->text);
    memory_give(chunk->ends);
    memory_give(chunk->faults);
    memory_give(chunk->tallies);
    memory_give(chunk->cells);
    memory_give(chunk->unknown_names);
    *chunk = (struct chunk){0};
}

void chunk_fail(struct chunk *chunk, enum err err, const char *code, uint64_t record,
                uint32_t column) {
    if (chunk->err) return;
    chunk->err = fault_at(&chunk->fault, err, code, record + 1, column, STR_NONE);
}

// Builders are kept for the next chunk; builder_room tells how many there are.
static struct batch_builder *next_builder(struct chunk *chunk, const struct plan *plan) {
    if (chunk->builder_count == chunk->builder_room) {
        size_t size = chunk->builder_room * sizeof *chunk->builders;
        struct batch_builder **builders =
            memory_resize(chunk->builders, size, size + sizeof *builders);
        if (!builders) {
            chunk_fail(chunk, ERR_MEMORY, "base.no_memory", chunk->records, 0);
            return NULL;
        }
        chunk->builders = builders;
        enum err err = batch_builder_open(&plan->schema, &builders[chunk->builder_room]);
        if (err) {
            chunk_fail(chunk, err, "base.no_memory", chunk->records, 0);
            return NULL;
        }
        chunk->builder_room++;
    }
    struct batch_builder *builder = chunk->builders[chunk->builder_count++];
    batch_builder_clear(builder);
    return builder;
}

struct batch_builder *chunk_builder(struct chunk *chunk, const struct plan *plan) {
    if (chunk->builder_count > 0) {
        struct batch_builder *last = chunk->builders[chunk->builder_count - 1];
        if (!batch_builder_full(last)) return last;
    }
    return next_builder(chunk, plan);
}

void chunk_fault(struct chunk *chunk, const char *code, uint64_t record, uint32_t column) {
    chunk->fault_count++;
    if (column > 0) chunk->tallies[column - 1].faults++;
    if (chunk->faults_kept == LIMIT_FAULTS_KEPT) return;
    chunk->faults[chunk->faults_kept++] = (struct chunk_fault){code, record, column};
}

static const char *misfit_code(enum column_type type) {
    switch (type) {
    case COLUMN_INTEGER: return "intake.not_integer";
    case COLUMN_NUMBER: return "intake.not_number";
    case COLUMN_BOOLEAN: return "intake.not_boolean";
    case COLUMN_DATE: return "intake.not_date";
    case COLUMN_TIME: return "intake.not_time";
    default: break;
    }
    cy_assert(false);
    return "";
}

static void misfit(struct chunk *chunk, const struct plan *plan, uint64_t record, uint32_t column,
                   const struct cell *cell) {
    const struct plan_column *about = &plan->columns[column];
    struct column_tally *tally = &chunk->tallies[column];
    union cell_value value;
    bool number = about->type == COLUMN_INTEGER || about->type == COLUMN_NUMBER;
    tally->misfits += !number || !cell_is_infinity(str_trim(cell->text));
    tally->numbers += about->type == COLUMN_INTEGER && cell->kind != CELL_STRING &&
                      cell_fits(cell->text, COLUMN_NUMBER, false, &value);
    tally->times +=
        about->type == COLUMN_DATE &&
        (cell_fits(cell->text, COLUMN_TIME, false, &value) ||
         (about->month_first && cell_fits_month_first(cell->text, COLUMN_TIME, &value)));
    chunk_fault(chunk, misfit_code(about->type), record, column + 1);
}

static bool holds_replacement(struct str s) {
    while (s.size >= 3) {
        const char *at = memchr(s.data, 0xEF, s.size - 2);
        if (!at) return false;
        if ((uint8_t)at[1] == 0xBF && (uint8_t)at[2] == 0xBD) return true;
        s.size -= (size_t)(at + 1 - s.data);
        s.data = at + 1;
    }
    return false;
}

bool chunk_convert(struct chunk *chunk, const struct plan *plan, uint64_t record, uint32_t column,
                   const struct cell *cell, union cell_value *out) {
    const struct plan_column *about = &plan->columns[column];
    if (cell_missing(&plan->missing, cell)) {
        if (plan->missing.marks && cell_is_mark(cell->text)) {
            bool formula = cell->text.data[1] == MARK_FORMULA;
            const char *code = formula ? "xlsx.formula_without_value" : "xlsx.error_value";
            chunk_fault(chunk, code, record, column + 1);
        }
        return false;
    }
    chunk->tallies[column].values++;
    if (chunk->has_invalid && holds_replacement(cell->text)) {
        chunk_fault(chunk, "text.undecodable", record, column + 1);
    }
    bool text_only = cell->kind == CELL_STRING && !about->told && about->type != COLUMN_TEXT &&
                     about->type != COLUMN_DATE && about->type != COLUMN_TIME;
    if (!text_only && cell_fits(cell->text, about->type, about->told, out)) return true;
    if (about->month_first && cell_fits_month_first(cell->text, about->type, out)) return true;
    misfit(chunk, plan, record, column, cell);
    return false;
}

void chunk_cell(struct chunk *chunk, const struct plan *plan, struct batch_builder *builder,
                uint32_t column, const struct cell *cell) {
    const struct plan_column *about = &plan->columns[column];
    union cell_value value;
    if (about->skip || !chunk_convert(chunk, plan, chunk->records, column, cell, &value)) {
        return; // batch_row_end fills it
    }
    if (about->type == COLUMN_TEXT) {
        enum err err = batch_set_text(builder, about->out, cell->text);
        const char *code = err == ERR_LIMIT ? "intake.cell_too_long" : "base.no_memory";
        if (err) chunk_fail(chunk, err, code, chunk->records, column + 1);
    } else if (about->type == COLUMN_NUMBER) {
        batch_set_number(builder, about->out, value.number);
    } else if (about->type == COLUMN_BOOLEAN) {
        batch_set_boolean(builder, about->out, value.boolean);
    } else {
        batch_set_integer(builder, about->out, value.integer);
    }
}

static bool blank(const struct chunk *chunk, size_t start, size_t end) {
    return start == end || (end - start == 1 && chunk->text[start] == '\r');
}

// The record whose fields end at ends[*at], ends[*at + 1], …; moves *at behind it.
static void parse_record(struct chunk *chunk, const struct plan *plan,
                         struct batch_builder *builder, size_t start, size_t *at) {
    const char newline = plan->dialect.newline;
    const bool has_quote = plan->dialect.has_quote;
    const char quote = plan->dialect.quote;
    uint32_t field = 0;
    bool surplus = false, last = false;
    while (!last) {
        size_t end = chunk->ends[(*at)++], next = end + 1;
        last = chunk->text[end] == newline;
        if (last && end > start && chunk->text[end - 1] == '\r') end--;
        if (field >= plan->column_count) {
            surplus |= end > start;
        } else if (has_quote && end > start && chunk->text[start] == quote) {
            bool unclosed;
            struct cell cell = csv_cell(&plan->dialect, chunk->text, start, end, &unclosed);
            if (unclosed) chunk_fault(chunk, "csv.unclosed_quote", chunk->records, field + 1);
            chunk_cell(chunk, plan, builder, field, &cell);
        } else {
            struct cell cell = {{chunk->text + start, end - start}, CELL_PLAIN};
            chunk_cell(chunk, plan, builder, field, &cell);
        }
        field++;
        start = next;
    }
    if (surplus) chunk_fault(chunk, "csv.too_many_fields", chunk->records, 0);
    if (field < plan->column_count) chunk_fault(chunk, "csv.too_few_fields", chunk->records, 0);
}

// The record that holds the names of the columns.
static size_t behind_record(const struct chunk *chunk, const struct plan *plan, size_t at) {
    while (chunk->text[chunk->ends[at]] != plan->dialect.newline) at++;
    return at + 1;
}

static void parse_csv(struct chunk *chunk, const struct plan *plan, bool header) {
    bool header_due = header && chunk->first;
    size_t at = 0, start = 0;
    uint32_t block;
    while (at < chunk->end_count) {
        size_t end = chunk->ends[at];
        if (!plan->keep_blank && chunk->text[end] == plan->dialect.newline &&
            blank(chunk, start, end)) {
            at++;
        } else if (header_due) {
            at = behind_record(chunk, plan, at);
            header_due = false;
        } else if ((block = chunk_parse_block(chunk, plan, at)) > 0) {
            if (chunk->err) return;
            at += (size_t)block * plan->column_count;
            chunk->rows += block;
            chunk->records += block - 1;
        } else {
            if (chunk->err) return;
            struct batch_builder *builder = chunk_builder(chunk, plan);
            if (!builder) return;
            parse_record(chunk, plan, builder, start, &at);
            if (chunk->err) return;
            batch_row_end(builder);
            chunk->rows++;
        }
        chunk->records++;
        start = chunk->ends[at - 1] + (size_t)1;
    }
}

static int by_place(const void *a, const void *b) {
    const struct chunk_fault *first = a, *second = b;
    if (first->row != second->row) return first->row < second->row ? -1 : 1;
    return (first->column > second->column) - (first->column < second->column);
}

void chunk_parse(struct chunk *chunk, const struct plan *plan, bool header) {
    chunk->builder_count = 0;
    chunk->records = chunk->rows = chunk->fault_count = 0;
    chunk->faults_kept = chunk->unknown_count = 0;
    chunk->err = OK;
    chunk->fault = (struct fault){0};
    memset(chunk->tallies, 0, plan->column_count * sizeof *chunk->tallies);
    if (plan->format == FORMAT_JSON_LINES)
        chunk_parse_json(chunk, plan);
    else
        parse_csv(chunk, plan, header);
    qsort(chunk->faults, chunk->faults_kept, sizeof *chunk->faults, by_place);
}
