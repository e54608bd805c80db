// Builds a batch row by row. Everything but text bytes is taken once, when the builder is opened,
// for as many rows as fit in a fixed budget; so only text can fail later.
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "data/table_private.h"

enum {
    // Fixed-size parts of one builder: 16 Ki rows of up to 128 numbers.
    BUILDER_BYTES = 16 << 20,
    BUILDER_ROWS_MIN = 64,
};

struct builder_column {
    uint32_t filled; // rows that have a value or a missing mark: row_count or row_count + 1
    bool any_missing;
    uint8_t *valid;
    union {
        int64_t *integers;
        double *numbers;
        uint8_t *booleans;
        uint32_t *offsets;
        void *values;
    };
    char *bytes; // text only
    size_t bytes_size, bytes_room;
};

struct batch_builder {
    uint32_t column_count, row_count, row_limit;
    size_t text_bytes;
    struct builder_column *columns; // (column_count)
    struct column *view;            // (column_count)
    void *parts;                    // one block that holds all fixed-size parts
};

// Rows that fit in the budget, a multiple of 64.
static uint32_t row_limit_of(const struct schema *schema) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < schema->count; i++) {
        enum column_type type = schema->fields[i].type;
        bits += type == COLUMN_TEXT ? 33u : type == COLUMN_BOOLEAN ? 9u : 65u;
    }
    uint64_t rows = (uint64_t)BUILDER_BYTES * 8 / bits / 64 * 64;
    if (rows > LIMIT_BATCH_ROWS) rows = LIMIT_BATCH_ROWS;
    return rows < BUILDER_ROWS_MIN ? BUILDER_ROWS_MIN : (uint32_t)rows;
}

enum err batch_builder_open(const struct schema *schema, struct batch_builder **out) {
    cy_assert(schema->count >= 1 && schema->count <= LIMIT_COLUMNS);
    struct batch_builder *builder = memory_take(sizeof *builder);
    if (!builder) return ERR_MEMORY;
    uint32_t rows = row_limit_of(schema);
    uint64_t size = 0;
    for (uint32_t i = 0; i < schema->count; i++) {
        size += table_aligned(valid_bytes(rows)) +
                table_aligned(values_bytes(schema->fields[i].type, rows));
    }
    builder->column_count = schema->count;
    builder->row_limit = rows;
    builder->columns = memory_take(schema->count * sizeof *builder->columns);
    builder->view = memory_take(schema->count * sizeof *builder->view);
    builder->parts = memory_take(size);
    if (!builder->columns || !builder->view || !builder->parts) {
        batch_builder_close(builder);
        return ERR_MEMORY;
    }
    uint8_t *at = builder->parts;
    for (uint32_t i = 0; i < schema->count; i++) {
        struct builder_column *column = &builder->columns[i];
        builder->view[i].type = schema->fields[i].type;
        column->valid = at;
        memset(at, 0xFF, valid_bytes(rows));
        at += table_aligned(valid_bytes(rows));
        column->values = at;
        at += table_aligned(values_bytes(schema->fields[i].type, rows));
    }
    *out = builder;
    return OK;
}

void batch_builder_close(struct batch_builder *builder) {
    if (!builder) return;
    if (builder->columns) {
        for (uint32_t i = 0; i < builder->column_count; i++) {
            memory_give(builder->columns[i].bytes);
        }
    }
    memory_give(builder->columns);
    memory_give(builder->view);
    memory_give(builder->parts);
    memory_give(builder);
}

void batch_builder_clear(struct batch_builder *builder) {
    for (uint32_t i = 0; i < builder->column_count; i++) {
        struct builder_column *column = &builder->columns[i];
        if (column->any_missing) memset(column->valid, 0xFF, valid_bytes(builder->row_limit));
        column->any_missing = false;
        column->filled = 0;
        column->bytes_size = 0;
    }
    builder->row_count = 0;
    builder->text_bytes = 0;
}

bool batch_builder_full(const struct batch_builder *builder) {
    return builder->row_count == builder->row_limit ||
           builder->text_bytes >= LIMIT_BATCH_TEXT_BYTES;
}

uint32_t batch_builder_rows(const struct batch_builder *builder) {
    return builder->row_count;
}

// The column whose cell of the current row is about to be filled; each only once a row.
static struct builder_column *fill(struct batch_builder *builder, uint32_t column) {
    cy_assert(column < builder->column_count && builder->row_count < builder->row_limit);
    struct builder_column *found = &builder->columns[column];
    cy_assert(found->filled == builder->row_count);
    found->filled++;
    return found;
}

void batch_set_missing(struct batch_builder *builder, uint32_t column) {
    struct builder_column *to = fill(builder, column);
    uint32_t row = builder->row_count;
    to->any_missing = true;
    to->valid[row >> 3] &= (uint8_t) ~(1u << (row & 7));
    switch (builder->view[column].type) {
    case COLUMN_TEXT: to->offsets[row + 1] = (uint32_t)to->bytes_size; break;
    case COLUMN_BOOLEAN: to->booleans[row] = 0; break;
    default: to->integers[row] = 0;
    }
}

void batch_set_integer(struct batch_builder *builder, uint32_t column, int64_t value) {
    enum column_type type = builder->view[column].type;
    cy_assert(type == COLUMN_INTEGER || type == COLUMN_DATE || type == COLUMN_TIME);
    fill(builder, column)->integers[builder->row_count] = value;
}

void batch_set_number(struct batch_builder *builder, uint32_t column, double value) {
    cy_assert(builder->view[column].type == COLUMN_NUMBER);
    if (isnan(value)) {
        batch_set_missing(builder, column);
        return;
    }
    fill(builder, column)->numbers[builder->row_count] = value;
}

void batch_set_boolean(struct batch_builder *builder, uint32_t column, bool value) {
    cy_assert(builder->view[column].type == COLUMN_BOOLEAN);
    fill(builder, column)->booleans[builder->row_count] = value;
}

// Cells are short: 16 bytes at a time, the last of them overlapping, without a call; up to 16 by
// two overlapping moves. (musl's memcpy is slow below some hundred bytes.)
static inline void copy_cell(char *to, const char *from, size_t size) {
    if (size > 256) {
        memcpy(to, from, size);
    } else if (size >= 16) {
        const char *last = from + size - 16;
        char *last_to = to + size - 16;
        for (; from < last; from += 16, to += 16) memcpy(to, from, 16);
        memcpy(last_to, last, 16);
    } else if (size >= 8) {
        uint64_t first, last;
        memcpy(&first, from, 8);
        memcpy(&last, from + size - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + size - 8, &last, 8);
    } else if (size >= 4) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + size - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + size - 4, &last, 4);
    } else if (size > 0) {
        to[0] = from[0];
        to[size / 2] = from[size / 2];
        to[size - 1] = from[size - 1];
    }
}

static enum err text_grow(struct builder_column *column, size_t need) {
    size_t room = column->bytes_room ? column->bytes_room : 4096;
    while (room < need) room *= 2;
    char *bytes = memory_resize(column->bytes, column->bytes_size, room);
    if (!bytes) return ERR_MEMORY;
    column->bytes = bytes;
    column->bytes_room = room;
    return OK;
}

enum err batch_set_text(struct batch_builder *builder, uint32_t column, struct str value) {
    cy_assert(column < builder->column_count && builder->view[column].type == COLUMN_TEXT);
    if (value.size > LIMIT_CELL_BYTES) return ERR_LIMIT;
    struct builder_column *to = &builder->columns[column];
    size_t need = to->bytes_size + value.size;
    if (need > to->bytes_room) {
        enum err err = text_grow(to, need);
        if (err) return err;
    }
    fill(builder, column);
    copy_cell(to->bytes + to->bytes_size, value.data, value.size);
    to->bytes_size = need;
    to->offsets[builder->row_count + 1] = (uint32_t)need;
    builder->text_bytes += value.size;
    return OK;
}

void batch_row_end(struct batch_builder *builder) {
    for (uint32_t i = 0; i < builder->column_count; i++) {
        if (builder->columns[i].filled == builder->row_count) batch_set_missing(builder, i);
    }
    builder->row_count++;
}

uint32_t batch_rows_left(const struct batch_builder *builder) {
    return batch_builder_full(builder) ? 0 : builder->row_limit - builder->row_count;
}

void *batch_slots(struct batch_builder *builder, uint32_t column) {
    cy_assert(column < builder->column_count);
    struct builder_column *to = &builder->columns[column];
    uint32_t row = builder->row_count;
    cy_assert(to->filled == row);
    switch (builder->view[column].type) {
    case COLUMN_NUMBER: return to->numbers + row;
    case COLUMN_BOOLEAN: return to->booleans + row;
    case COLUMN_TEXT: cy_assert(false); return NULL;
    default: return to->integers + row;
    }
}

void batch_slot_missing(struct batch_builder *builder, uint32_t column, uint32_t ahead) {
    cy_assert(column < builder->column_count && ahead < builder->row_limit - builder->row_count);
    struct builder_column *to = &builder->columns[column];
    uint32_t row = builder->row_count + ahead;
    to->any_missing = true;
    to->valid[row >> 3] &= (uint8_t) ~(1u << (row & 7));
    if (builder->view[column].type == COLUMN_BOOLEAN)
        to->booleans[row] = 0;
    else
        to->integers[row] = 0;
}

enum err batch_set_texts(struct batch_builder *builder, uint32_t column, const struct str *values,
                         uint32_t count) {
    cy_assert(column < builder->column_count && builder->view[column].type == COLUMN_TEXT);
    cy_assert(count <= builder->row_limit - builder->row_count);
    struct builder_column *to = &builder->columns[column];
    uint32_t row = builder->row_count;
    cy_assert(to->filled == row);
    size_t added = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (values[i].size > LIMIT_CELL_BYTES) return ERR_LIMIT;
        added += values[i].data ? values[i].size : 0;
    }
    // Offsets have 32 bits; a batch is closed long before.
    if (added > UINT32_MAX - to->bytes_size) return ERR_LIMIT;
    if (to->bytes_size + added > to->bytes_room) {
        enum err err = text_grow(to, to->bytes_size + added);
        if (err) return err;
    }
    size_t size = to->bytes_size;
    for (uint32_t i = 0; i < count; i++, row++) {
        if (values[i].data) {
            copy_cell(to->bytes + size, values[i].data, values[i].size);
            size += values[i].size;
        } else {
            to->any_missing = true;
            to->valid[row >> 3] &= (uint8_t) ~(1u << (row & 7));
        }
        to->offsets[row + 1] = (uint32_t)size;
    }
    to->bytes_size = size;
    builder->text_bytes += added;
    return OK;
}

void batch_rows_end(struct batch_builder *builder, uint32_t count) {
    cy_assert(count <= builder->row_limit - builder->row_count);
    builder->row_count += count;
    for (uint32_t i = 0; i < builder->column_count; i++) {
        builder->columns[i].filled = builder->row_count;
    }
}

enum err batch_set_cell(struct batch_builder *builder, uint32_t column, const struct column *from,
                        uint32_t row) {
    cy_assert(column < builder->column_count && builder->view[column].type == from->type);
    if (!column_valid(from, row)) {
        batch_set_missing(builder, column);
        return OK;
    }
    switch (from->type) {
    case COLUMN_TEXT: return batch_set_text(builder, column, column_text(from, row));
    case COLUMN_NUMBER: batch_set_number(builder, column, from->numbers[row]); return OK;
    case COLUMN_BOOLEAN: batch_set_boolean(builder, column, from->booleans[row] != 0); return OK;
    default: batch_set_integer(builder, column, from->integers[row]); return OK;
    }
}

struct batch batch_builder_view(struct batch_builder *builder) {
    for (uint32_t i = 0; i < builder->column_count; i++) {
        const struct builder_column *from = &builder->columns[i];
        struct column *to = &builder->view[i];
        enum column_type type = to->type;
        *to = (struct column){.type = type};
        to->valid = from->any_missing ? from->valid : NULL;
        if (type == COLUMN_TEXT) {
            to->offsets = from->offsets;
            to->bytes = from->bytes ? from->bytes : "";
        } else if (type == COLUMN_NUMBER) {
            to->numbers = from->numbers;
        } else if (type == COLUMN_BOOLEAN) {
            to->booleans = from->booleans;
        } else {
            to->integers = from->integers;
        }
    }
    return (struct batch){.row_count = builder->row_count, .columns = builder->view};
}
