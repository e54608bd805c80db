// The one shape data has between steps: typed columns in batches, and the table file they live in.
//
// A table file is written once from front to back and then only read (mapped):
//   "CYTABLE1" | batch | batch | … | footer (schema, batch offsets, rows) | footer size, CRC-32C
// Each batch holds for every column: a validity bitmap (absent if all rows are valid) and its
// values: integers, numbers, dates, times as 8 bytes little-endian; booleans as bytes 0/1; text as
// u32 offsets (rows + 1) and bytes. Every part starts at a multiple of 64 bytes and carries a
// CRC-32C. The same rows and schema give the same bytes.
//
// A batch or column handed out points into the map (or into the writer's caller's memory): it is
// valid until table_close (or until the call returns). Readers may be shared by threads.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/thread.h"

enum column_type {
    COLUMN_TEXT,
    COLUMN_INTEGER, // 64 bits
    COLUMN_NUMBER,  // double; never NaN: a missing value is one whose validity bit is 0
    COLUMN_BOOLEAN,
    COLUMN_DATE, // days since 1970-01-01
    COLUMN_TIME, // seconds since 1970-01-01 00:00, wall time
    COLUMN_TYPE_COUNT
};
const char *column_type_name(enum column_type type); // "text", "integer", …
bool column_type_from_name(struct str name, enum column_type *out);

// What a column means for privacy and learning; a person confirms what the check proposes.
enum column_role {
    COLUMN_PLAIN,
    COLUMN_DIRECT, // names a person by itself: never published as it is
    COLUMN_QUASI,  // together with others it may name a person
    COLUMN_SENSITIVE,
    COLUMN_ROLE_COUNT
};
const char *column_role_name(enum column_role role); // "plain", "direct", "quasi", "sensitive"
bool column_role_from_name(struct str name, enum column_role *out);

struct field {
    struct str name; // unique in its schema, 1..LIMIT_NAME_BYTES bytes
    enum column_type type;
    enum column_role role;
};
struct schema {
    struct field *fields;
    uint32_t count; // 1..LIMIT_COLUMNS
};
// -1 if there is none.
int32_t schema_find(const struct schema *schema, struct str name);
enum err schema_copy(struct arena *arena, const struct schema *from, struct schema *out) MUST_USE;
// Names unique, sizes in bounds: ERR_INPUT "table.name_twice", "table.name_empty", …
enum err schema_check(const struct schema *schema, struct fault *fault) MUST_USE;

// The values of one column for the rows of a batch. Which member holds them follows from the type.
struct column {
    enum column_type type;
    const uint8_t *valid;    // bit r of byte r/8; NULL: every row is valid
    const int64_t *integers; // INTEGER, DATE, TIME: (rows)
    const double *numbers;   // NUMBER: (rows)
    const uint8_t *booleans; // BOOLEAN: (rows), 0 or 1
    const uint32_t *offsets; // TEXT: (rows + 1), into bytes
    const char *bytes;
};
struct batch {
    uint32_t row_count;           // 1..LIMIT_BATCH_ROWS
    uint64_t first_row;           // 0-based row of the table that the first row here is
    const struct column *columns; // (schema->count)
};
static inline bool column_valid(const struct column *column, uint32_t row) {
    return !column->valid || (column->valid[row >> 3] >> (row & 7) & 1);
}
static inline struct str column_text(const struct column *column, uint32_t row) {
    uint32_t start = column->offsets[row];
    return (struct str){column->bytes + start, column->offsets[row + 1] - start};
}
// Any cell as text, the way it is exported: numbers shortest, dates ISO, booleans true/false;
// appends nothing for a missing value.
struct buf;
void column_write(struct buf *out, const struct column *column, uint32_t row);
// The cell as a double (dates as days, booleans 0/1); NaN if missing or text.
double column_number(const struct column *column, uint32_t row);

// Builds one batch row by row; owns its memory.
struct batch_builder;
enum err batch_builder_open(const struct schema *schema, struct batch_builder **out) MUST_USE;
void batch_builder_close(struct batch_builder *builder);
void batch_builder_clear(struct batch_builder *builder);
bool batch_builder_full(const struct batch_builder *builder); // rows or text bytes at the limit
// Values are added column by column for the current row; row_end fills what was not set as missing.
void batch_set_missing(struct batch_builder *builder, uint32_t column);
void batch_set_integer(struct batch_builder *builder, uint32_t column, int64_t value);
void batch_set_number(struct batch_builder *builder, uint32_t column, double value); // NaN: missing
void batch_set_boolean(struct batch_builder *builder, uint32_t column, bool value);
// ERR_LIMIT if the cell is over LIMIT_CELL_BYTES, ERR_MEMORY.
enum err batch_set_text(struct batch_builder *builder, uint32_t column, struct str value) MUST_USE;
void batch_row_end(struct batch_builder *builder);
// Copies one cell of the same type.
enum err batch_set_cell(struct batch_builder *builder, uint32_t column, const struct column *from,
                        uint32_t row) MUST_USE;
// Filling whole columns at once, for what has many rows at hand. For the next rows, at most
// batch_rows_left: every column is filled by writing to its slots (INTEGER, DATE, TIME: int64_t;
// NUMBER: double; BOOLEAN: uint8_t; slots marked missing are zeroed), TEXT by batch_set_texts,
// where a missing value has data NULL; then batch_rows_end counts them. No mixing with single rows
// between.
uint32_t batch_rows_left(const struct batch_builder *builder);
void *batch_slots(struct batch_builder *builder, uint32_t column);
void batch_slot_missing(struct batch_builder *builder, uint32_t column, uint32_t ahead);
// ERR_LIMIT if a cell is over LIMIT_CELL_BYTES, ERR_MEMORY; the column is as before then.
enum err batch_set_texts(struct batch_builder *builder, uint32_t column, const struct str *values,
                         uint32_t count) MUST_USE;
void batch_rows_end(struct batch_builder *builder, uint32_t count);
// The rows so far; valid until the builder is changed. first_row is the caller's to set.
struct batch batch_builder_view(struct batch_builder *builder);
uint32_t batch_builder_rows(const struct batch_builder *builder);

struct table_writer;
// Writes to `path` (which must not exist); nothing is promised until table_writer_finish has synced
// it. The schema is copied.
enum err table_writer_open(const char *path, const struct schema *schema, struct table_writer **out,
                           struct fault *fault) MUST_USE;
enum err table_writer_add(struct table_writer *writer, const struct batch *batch,
                          struct fault *fault) MUST_USE;
enum err table_writer_finish(struct table_writer *writer, struct fault *fault) MUST_USE; // frees it
void table_writer_abandon(struct table_writer *writer); // removes the file

struct table; // a mapped table file
// Checks the footer and every offset against the file's size; ERR_CORRUPT "table.damaged",
// ERR_INPUT "table.not_a_table".
enum err table_open(const char *path, struct table **out, struct fault *fault) MUST_USE;
void table_close(struct table *table);
const struct schema *table_schema(const struct table *table); // lives as long as the table
uint64_t table_rows(const struct table *table);
uint32_t table_batches(const struct table *table);
// The whole batch; verifies its CRC the first time. columns live in `arena` or in the map.
enum err table_batch(struct table *table, uint32_t index, struct arena *arena, struct batch *out,
                     struct fault *fault) MUST_USE;
// Calls visit for every batch in their order, which lives until the next: `arena` is emptied before
// each. Tells how far it is, as PHASE_…; ERR_CANCELLED. progress may be NULL.
typedef enum err table_visit(void *ctx, const struct batch *batch);
enum err table_each(struct table *table, struct arena *arena, table_visit *visit, void *ctx,
                    struct progress *progress, enum phase phase, struct fault *fault) MUST_USE;
// Which batch holds a row (0-based), for paging.
uint32_t table_batch_of_row(const struct table *table, uint64_t row);
// Every part's CRC.
enum err table_verify(struct table *table, struct fault *fault) MUST_USE;
