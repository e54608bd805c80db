// The way back from mask how=encrypt: what a key sealed is opened, in columns (which get their type
// back) and inside text. Two passes: the first finds out which columns were sealed whole and from
// which type, the second writes.
#include <string.h>

#include "base/memory.h"
#include "data/cleanse/cleanse.h"
#include "data/cleanse/seal_private.h"

// ---- text ---------------------------------------------------------------------------------------

// A number or a date that stands inside text, as it would be exported.
static enum err value_write(uint8_t type, struct str bytes, struct buf *out) {
    int64_t word = 0;
    double number = 0;
    uint8_t boolean = 0;
    struct column column = {.type = (enum column_type)type};
    if (type >= COLUMN_TYPE_COUNT || type == COLUMN_TEXT ||
        bytes.size != (type == COLUMN_BOOLEAN ? 1u : 8u)) {
        return ERR_CORRUPT;
    }
    if (type == COLUMN_BOOLEAN) {
        boolean = bytes.data[0] != 0;
        column.booleans = &boolean;
    } else if (type == COLUMN_NUMBER) {
        memcpy(&number, bytes.data, sizeof number);
        column.numbers = &number;
    } else {
        memcpy(&word, bytes.data, sizeof word);
        column.integers = &word;
    }
    column_write(out, &column, 0);
    return buf_err(out);
}

// Appends the value of one token, or the token itself if this is not its key.
static enum err token_write(const struct seal_key *key, struct str token, struct buf *value,
                            struct buf *out, bool *opened) {
    uint8_t type = COLUMN_TEXT;
    buf_clear(value);
    enum err err = key ? seal_open(key, token, &type, value) : ERR_NOT_FOUND;
    *opened = err == OK;
    if (err == ERR_NOT_FOUND) {
        buf_add_str(out, token);
        return OK;
    }
    if (err == OK && type != COLUMN_TEXT) return value_write(type, buf_str(value), out);
    if (err == OK) buf_add_str(out, buf_str(value));
    return err;
}

// With one key, or with the one that `find` knows for each token.
struct opener {
    const struct seal_key *key;
    bool (*find)(void *ctx, const uint8_t mark[static SEAL_MARK_BYTES], struct hash *key);
    void *ctx;
};

static enum err text_open(const struct opener *opener, struct str text, struct buf *out,
                          struct unmask_counts *counts) {
    struct seal_found found;
    struct seal_key own;
    struct buf value;
    size_t at = 0;
    enum err err = OK;
    buf_open(&value, 4 * (size_t)LIMIT_CELL_BYTES);
    while (err == OK && seal_find(text, at, &found)) {
        struct hash secret;
        const struct seal_key *key = opener->key;
        bool opened = false;
        if (opener->find && opener->find(opener->ctx, found.mark, &secret)) {
            seal_key_set(&own, &secret);
            bytes_wipe(&secret, sizeof secret);
            key = &own;
        }
        buf_add(out, text.data + at, found.start - at);
        struct str token = {text.data + found.start, found.size};
        err = token_write(key, token, &value, out, &opened);
        counts->opened += opened;
        counts->foreign += !opened;
        if (!opened) memcpy(counts->foreign_mark, found.mark, sizeof counts->foreign_mark);
        at = found.start + found.size;
    }
    buf_add(out, text.data + at, text.size - at);
    if (value.size) bytes_wipe(value.data, value.size);
    bytes_wipe(&own, sizeof own);
    buf_close(&value);
    return err == OK ? buf_err(out) : err;
}

enum err unmask_text(const struct hash *secret, struct str text, struct buf *out,
                     struct unmask_counts *counts) {
    struct seal_key key;
    seal_key_set(&key, secret);
    enum err err = text_open(&(struct opener){.key = &key}, text, out, counts);
    bytes_wipe(&key, sizeof key);
    return err;
}

enum err unmask_text_by(struct str text,
                        bool (*find)(void *ctx, const uint8_t mark[static SEAL_MARK_BYTES],
                                     struct hash *key),
                        void *ctx, struct buf *out, struct unmask_counts *counts) {
    return text_open(&(struct opener){.find = find, .ctx = ctx}, text, out, counts);
}

// ---- tables -------------------------------------------------------------------------------------

struct unmask {
    struct table *table;
    struct seal_key key;
    struct schema schema;
    enum column_type *types; // (columns) what they are to be
    bool *sealed;            // (columns) at least one cell, and nothing else
    struct arena *arena, *batch_arena;
    struct batch_builder *builder;
    struct table_writer *writer;
    struct buf value;
    struct unmask_counts *counts;
    struct progress *progress;
    struct fault *fault;
    uint64_t rows;
};

// A whole cell of one token that this key opens; the value is left in unmask->value.
static enum err open_whole(struct unmask *unmask, struct str cell, uint8_t *type, bool *opens) {
    struct seal_found found;
    *opens = seal_find(cell, 0, &found) && found.start == 0 && found.size == cell.size;
    if (!*opens) return OK;
    buf_clear(&unmask->value);
    enum err err = seal_open(&unmask->key, cell, type, &unmask->value);
    *opens = err == OK;
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err look_column(struct unmask *unmask, uint32_t place, const struct batch *batch,
                            bool *open) {
    const struct column *column = &batch->columns[place];
    for (uint32_t row = 0; row < batch->row_count && *open; row++) {
        uint8_t type = COLUMN_TEXT;
        bool opens;
        if (!column_valid(column, row)) continue;
        enum err err = open_whole(unmask, column_text(column, row), &type, &opens);
        if (err != OK) return err;
        bool same = !unmask->sealed[place] || type == (uint8_t)unmask->types[place];
        *open = opens && same && type != COLUMN_TEXT && type < COLUMN_TYPE_COUNT;
        unmask->types[place] = *open ? (enum column_type)type : COLUMN_TEXT;
        unmask->sealed[place] = true;
    }
    return OK;
}

static enum err each_batch(struct unmask *unmask,
                           enum err (*visit)(struct unmask *unmask, const struct batch *batch)) {
    enum err err = OK;
    for (uint32_t i = 0; i < table_batches(unmask->table) && err == OK; i++) {
        struct batch batch;
        arena_reset(unmask->batch_arena);
        err = table_batch(unmask->table, i, unmask->batch_arena, &batch, unmask->fault);
        if (err == OK) err = visit(unmask, &batch);
        if (err == OK && progress_cancelled(unmask->progress)) err = ERR_CANCELLED;
    }
    return err;
}

static enum err look_batch(struct unmask *unmask, const struct batch *batch) {
    enum err err = OK;
    for (uint32_t place = 0; place < unmask->schema.count && err == OK; place++) {
        // Once a cell is no such token the column stays text: sealed without a type of its own.
        bool open = table_schema(unmask->table)->fields[place].type == COLUMN_TEXT &&
                    (!unmask->sealed[place] || unmask->types[place] != COLUMN_TEXT);
        if (open) err = look_column(unmask, place, batch, &open);
    }
    return err;
}

static enum err put_typed(struct unmask *unmask, uint32_t place, struct str cell) {
    uint8_t type = COLUMN_TEXT;
    bool opens;
    enum err err = open_whole(unmask, cell, &type, &opens);
    if (err != OK) return err;
    struct str bytes = buf_str(&unmask->value);
    bool boolean = type == COLUMN_BOOLEAN;
    if (!opens || type != (uint8_t)unmask->types[place] || bytes.size != (boolean ? 1u : 8u)) {
        return ERR_CORRUPT;
    }
    double number;
    int64_t word;
    unmask->counts->opened++;
    if (boolean) {
        batch_set_boolean(unmask->builder, place, bytes.data[0] != 0);
    } else if (type == COLUMN_NUMBER) {
        memcpy(&number, bytes.data, sizeof number);
        batch_set_number(unmask->builder, place, number);
    } else {
        memcpy(&word, bytes.data, sizeof word);
        batch_set_integer(unmask->builder, place, word);
    }
    return OK;
}

static enum err put_cell(struct unmask *unmask, uint32_t place, const struct column *column,
                         uint32_t row) {
    if (!column_valid(column, row)) {
        batch_set_missing(unmask->builder, place);
        return OK;
    }
    if (column->type != COLUMN_TEXT) {
        return batch_set_cell(unmask->builder, place, column, row);
    }
    struct str cell = column_text(column, row);
    if (unmask->types[place] != COLUMN_TEXT) return put_typed(unmask, place, cell);
    buf_clear(&unmask->value);
    enum err err =
        text_open(&(struct opener){.key = &unmask->key}, cell, &unmask->value, unmask->counts);
    if (err != OK) return err;
    return batch_set_text(unmask->builder, place, buf_str(&unmask->value));
}

static enum err flush(struct unmask *unmask) {
    struct batch view = batch_builder_view(unmask->builder);
    if (view.row_count == 0) return OK;
    view.first_row = unmask->rows;
    unmask->rows += view.row_count;
    enum err err = table_writer_add(unmask->writer, &view, unmask->fault);
    batch_builder_clear(unmask->builder);
    return err;
}

static enum err write_batch(struct unmask *unmask, const struct batch *batch) {
    enum err err = OK;
    for (uint32_t row = 0; row < batch->row_count && err == OK; row++) {
        if (batch_builder_full(unmask->builder)) err = flush(unmask);
        for (uint32_t place = 0; place < unmask->schema.count && err == OK; place++) {
            err = put_cell(unmask, place, &batch->columns[place], row);
        }
        if (err == OK) batch_row_end(unmask->builder);
    }
    if (err == OK) err = flush(unmask);
    progress_set(unmask->progress, PHASE_WRITE, unmask->rows, table_rows(unmask->table));
    return err;
}

static enum err unmask_open(struct unmask *unmask, const char *path) {
    enum err err = table_open(path, &unmask->table, unmask->fault);
    if (err == OK) err = arena_open((size_t)1 << 28, &unmask->arena);
    if (err == OK) err = arena_open((size_t)1 << 30, &unmask->batch_arena);
    if (err != OK) return err;
    const struct schema *schema = table_schema(unmask->table);
    err = schema_copy(unmask->arena, schema, &unmask->schema);
    unmask->types = ARENA_ARRAY(unmask->arena, enum column_type, schema->count);
    unmask->sealed = ARENA_ARRAY(unmask->arena, bool, schema->count);
    if (err == OK && (!unmask->types || !unmask->sealed)) err = ERR_MEMORY;
    for (uint32_t i = 0; i < schema->count && err == OK; i++) {
        unmask->types[i] = COLUMN_TEXT;
    }
    buf_open(&unmask->value, 4 * (size_t)LIMIT_CELL_BYTES);
    return err;
}

static enum err unmask_write(struct unmask *unmask, const char *path) {
    for (uint32_t i = 0; i < unmask->schema.count; i++) {
        struct field *field = &unmask->schema.fields[i];
        if (field->type == COLUMN_TEXT) field->type = unmask->types[i];
    }
    enum err err = batch_builder_open(&unmask->schema, &unmask->builder);
    if (err == OK) err = table_writer_open(path, &unmask->schema, &unmask->writer, unmask->fault);
    if (err != OK) return err;
    err = each_batch(unmask, write_batch);
    if (err == OK) return table_writer_finish(unmask->writer, unmask->fault);
    table_writer_abandon(unmask->writer);
    return err;
}

enum err unmask_run(const char *table_path, const struct hash *key, const char *output_path,
                    struct unmask_counts *counts, struct progress *progress, struct fault *fault) {
    struct unmask unmask = {.counts = counts, .progress = progress, .fault = fault};
    *counts = (struct unmask_counts){0};
    seal_key_set(&unmask.key, key);
    enum err err = unmask_open(&unmask, table_path);
    if (err == OK) err = each_batch(&unmask, look_batch);
    if (err == OK) err = unmask_write(&unmask, output_path);
    batch_builder_close(unmask.builder);
    if (unmask.value.size) bytes_wipe(unmask.value.data, unmask.value.size);
    buf_close(&unmask.value);
    arena_close(unmask.batch_arena);
    arena_close(unmask.arena);
    if (unmask.table) table_close(unmask.table);
    bytes_wipe(&unmask.key, sizeof unmask.key);
    switch (err) {
    case OK: return OK;
    case ERR_MEMORY: return fault_set(fault, err, "base.no_memory", STR("unmask"));
    case ERR_LIMIT: return fault_set(fault, err, "cleanse.cell_too_large", STR_NONE);
    case ERR_CANCELLED: return fault_set(fault, err, "cleanse.cancelled", STR_NONE);
    default: return fault_set(fault, err, "cleanse.failed", STR_NONE);
    }
}

void key_mark(const struct hash *secret, uint8_t out[static SEAL_MARK_BYTES]) {
    struct seal_key key;
    seal_key_set(&key, secret);
    memcpy(out, key.mark, SEAL_MARK_BYTES);
    bytes_wipe(&key, sizeof key);
}
