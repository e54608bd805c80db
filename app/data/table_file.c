// Reads a table file through a map. Nothing in the file is trusted: the layout is computed again
// from the sizes and compared, and a batch's checksums, text offsets and booleans are looked at
// before its first use.
#include <stdatomic.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "data/table_private.h"

struct table {
    struct file_map map;
    struct arena *arena;
    struct schema schema;
    uint64_t row_count;
    uint32_t batch_count;
    const uint8_t *directory;  // footer entries, in the map
    uint64_t *first_rows;      // (batch_count + 1)
    _Atomic uint8_t *verified; // (batch_count) set once a batch was found whole
};

static enum err damaged(struct fault *fault) {
    return fault_set(fault, ERR_CORRUPT, "table.damaged", STR_NONE);
}

void table_close(struct table *table) {
    if (!table) return;
    file_unmap(&table->map);
    arena_close(table->arena);
    memory_give(table);
}

// Finds the footer and checks its sum.
static enum err find_footer(const struct file_map *map, const uint8_t **out, uint64_t *out_size,
                            struct fault *fault) {
    if (map->size < 8 || memcmp(map->data, TABLE_MAGIC, 8) != 0) {
        return fault_set(fault, ERR_INPUT, "table.not_a_table", STR_NONE);
    }
    if (map->size < TABLE_HEAD_BYTES + FOOTER_FIXED_BYTES + TABLE_TAIL_BYTES) {
        return damaged(fault);
    }
    const uint8_t *tail = map->data + map->size - TABLE_TAIL_BYTES;
    uint64_t size = load_u64(tail), most = map->size - TABLE_HEAD_BYTES - TABLE_TAIL_BYTES;
    if (memcmp(tail + 12, TAIL_MAGIC, 4) != 0 || size < FOOTER_FIXED_BYTES || size > most ||
        size > FOOTER_BYTES_MAX) {
        return damaged(fault);
    }
    const uint8_t *footer = tail - size;
    if (crc32c(0, footer, size) != load_u32(tail + 8)) return damaged(fault);
    *out = footer;
    *out_size = size;
    return OK;
}

// The columns, from `at`; *out_at is where the batches' entries begin.
static enum err read_schema(struct table *table, const uint8_t *footer, uint64_t size,
                            uint32_t count, uint64_t *out_at, struct fault *fault) {
    if (count < 1 || count > LIMIT_COLUMNS) return damaged(fault);
    struct field *fields = ARENA_ARRAY(table->arena, struct field, count);
    if (!fields) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    uint64_t at = FOOTER_FIXED_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        if (size - at < 4) return damaged(fault);
        uint64_t name_size = load_u16(footer + at + 2);
        if (size - at - 4 < name_size) return damaged(fault);
        fields[i].type = (enum column_type)footer[at];
        fields[i].role = (enum column_role)footer[at + 1];
        fields[i].name = (struct str){(const char *)footer + at + 4, name_size};
        at += 4 + name_size;
    }
    at = (at + 7) & ~UINT64_C(7);
    if (at > size) return damaged(fault);
    table->schema = (struct schema){fields, count};
    if (schema_check(&table->schema, NULL) != OK) return damaged(fault);
    *out_at = at;
    return OK;
}

// Batches follow each other without gaps from the head to the footer.
static enum err read_directory(struct table *table, uint64_t batches_end, struct fault *fault) {
    uint32_t count = table->batch_count;
    table->first_rows = ARENA_ARRAY(table->arena, uint64_t, (size_t)count + 1);
    table->verified = arena_take(table->arena, count);
    if (!table->first_rows || !table->verified) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    uint64_t offset = TABLE_HEAD_BYTES, row = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = table->directory + (size_t)i * FOOTER_BATCH_BYTES;
        uint64_t size = load_u64(entry + 8);
        uint32_t rows = load_u32(entry + 16);
        if (load_u64(entry) != offset || size % TABLE_ALIGN || size > batches_end - offset ||
            size < batch_head_bytes(table->schema.count) || rows < 1 || rows > LIMIT_BATCH_ROWS) {
            return damaged(fault);
        }
        table->first_rows[i] = row;
        offset += size;
        row += rows;
    }
    table->first_rows[count] = row;
    return offset == batches_end && row == table->row_count ? OK : damaged(fault);
}

enum err table_open(const char *path, struct table **out, struct fault *fault) {
    struct table *table = memory_take(sizeof *table);
    if (!table) return fault_set(fault, ERR_MEMORY, "base.no_memory", str_of(path));
    const uint8_t *footer = NULL;
    uint64_t size = 0, at = 0;
    enum err err = file_map(path, &table->map, fault);
    if (!err) err = find_footer(&table->map, &footer, &size, fault);
    if (err) goto done;
    err = arena_open(2 * size + (4 << 20), &table->arena);
    if (err) {
        err = fault_set(fault, err, "base.no_memory", str_of(path));
        goto done;
    }
    if (load_u32(footer) != TABLE_VERSION) {
        err = fault_set(fault, ERR_INPUT, "table.version_unknown", str_of(path));
        goto done;
    }
    table->row_count = load_u64(footer + 8);
    table->batch_count = load_u32(footer + 16);
    err = read_schema(table, footer, size, load_u32(footer + 4), &at, fault);
    if (err) goto done;
    if (size - at != (uint64_t)table->batch_count * FOOTER_BATCH_BYTES) {
        err = damaged(fault);
        goto done;
    }
    table->directory = footer + at;
    err = read_directory(table, (uint64_t)(footer - table->map.data), fault);
done:
    if (err) {
        table_close(table);
        return err;
    }
    *out = table;
    return OK;
}

const struct schema *table_schema(const struct table *table) {
    return &table->schema;
}

uint64_t table_rows(const struct table *table) {
    return table->row_count;
}

uint32_t table_batches(const struct table *table) {
    return table->batch_count;
}

// One column's parts, laid out from *offset on; moves *offset behind them. False if they do not
// fit.
static bool lay_out(const uint8_t *batch, uint64_t size, uint64_t *offset, const uint8_t *entry,
                    enum column_type type, uint32_t rows, struct column *out) {
    uint64_t at = *offset, values_size = values_bytes(type, rows), text_size = load_u64(entry + 16);
    if (load_u64(entry + 24) != at || load_u32(entry + 12) > COLUMN_HAS_MISSING) return false;
    *out = (struct column){.type = type};
    if (load_u32(entry + 12) & COLUMN_HAS_MISSING) {
        if (size - at < table_aligned(valid_bytes(rows))) return false;
        out->valid = batch + at;
        at += table_aligned(valid_bytes(rows));
    }
    if (size - at < table_aligned(values_size)) return false;
    const void *values = batch + at;
    at += table_aligned(values_size);
    if (type == COLUMN_TEXT) {
        if (text_size > UINT32_MAX || size - at < table_aligned(text_size)) return false;
        out->offsets = values;
        out->bytes = (const char *)batch + at;
        at += table_aligned(text_size);
    } else if (text_size != 0) {
        return false;
    } else if (type == COLUMN_NUMBER) {
        out->numbers = values;
    } else if (type == COLUMN_BOOLEAN) {
        out->booleans = values;
    } else {
        out->integers = values;
    }
    *offset = at;
    return true;
}

// Sums, and what the type promises whatever the sums say.
static bool column_whole(const struct column *column, const uint8_t *entry, uint32_t rows) {
    const void *values = column->type == COLUMN_TEXT      ? (const void *)column->offsets
                         : column->type == COLUMN_NUMBER  ? (const void *)column->numbers
                         : column->type == COLUMN_BOOLEAN ? (const void *)column->booleans
                                                          : (const void *)column->integers;
    if (column->valid && crc32c(0, column->valid, valid_bytes(rows)) != load_u32(entry)) {
        return false;
    }
    if (crc32c(0, values, values_bytes(column->type, rows)) != load_u32(entry + 4)) return false;
    if (column->type == COLUMN_BOOLEAN) {
        uint8_t all = 0;
        for (uint32_t row = 0; row < rows; row++) all |= column->booleans[row];
        return all <= 1;
    }
    if (column->type != COLUMN_TEXT) return true;
    uint64_t text_size = load_u64(entry + 16);
    if (column->offsets[0] != 0 || column->offsets[rows] != text_size) return false;
    for (uint32_t row = 0; row < rows; row++) {
        if (column->offsets[row] > column->offsets[row + 1]) return false;
    }
    return crc32c(0, column->bytes, text_size) == load_u32(entry + 8);
}

static bool head_whole(const struct table *table, uint32_t index, const uint8_t *batch,
                       uint64_t size) {
    const uint8_t *entry = table->directory + (size_t)index * FOOTER_BATCH_BYTES;
    uint32_t columns = table->schema.count;
    return crc32c(0, batch, batch_head_bytes(columns)) == load_u32(entry + 20) &&
           memcmp(batch, BATCH_MAGIC, 8) == 0 && load_u32(batch + 8) == load_u32(entry + 16) &&
           load_u32(batch + 12) == columns && load_u64(batch + 16) == table->first_rows[index] &&
           load_u64(batch + 24) == size;
}

enum err table_batch(struct table *table, uint32_t index, struct arena *arena, struct batch *out,
                     struct fault *fault) {
    cy_assert(index < table->batch_count);
    const uint8_t *entry = table->directory + (size_t)index * FOOTER_BATCH_BYTES;
    const uint8_t *batch = table->map.data + load_u64(entry);
    uint64_t size = load_u64(entry + 8);
    uint32_t rows = load_u32(entry + 16), count = table->schema.count;
    bool verified = atomic_load_explicit(&table->verified[index], memory_order_acquire) != 0;
    if (!verified && !head_whole(table, index, batch, size)) return damaged(fault);
    struct column *columns = ARENA_ARRAY(arena, struct column, count);
    if (!columns) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    uint64_t offset = batch_head_bytes(count);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *about = batch + BATCH_HEAD_BYTES + (size_t)i * BATCH_COLUMN_BYTES;
        if (!lay_out(batch, size, &offset, about, table->schema.fields[i].type, rows,
                     &columns[i]) ||
            (!verified && !column_whole(&columns[i], about, rows))) {
            return damaged(fault);
        }
    }
    if (offset != size) return damaged(fault);
    atomic_store_explicit(&table->verified[index], 1, memory_order_release);
    *out = (struct batch){rows, table->first_rows[index], columns};
    return OK;
}

enum err table_each(struct table *table, struct arena *arena, table_visit *visit, void *ctx,
                    struct progress *progress, enum phase phase, struct fault *fault) {
    enum err err = OK;
    for (uint32_t i = 0; i < table->batch_count && err == OK; i++) {
        struct batch batch;
        if (progress_cancelled(progress)) return ERR_CANCELLED;
        if (progress) progress_set(progress, phase, i, table->batch_count);
        arena_reset(arena);
        err = table_batch(table, i, arena, &batch, fault);
        if (err == OK) err = visit(ctx, &batch);
    }
    return err;
}

uint32_t table_batch_of_row(const struct table *table, uint64_t row) {
    cy_assert(row < table->row_count);
    uint32_t low = 0, high = table->batch_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (table->first_rows[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

enum err table_verify(struct table *table, struct fault *fault) {
    struct arena *arena;
    enum err err = arena_open((size_t)LIMIT_COLUMNS * sizeof(struct column) + 4096, &arena);
    if (err) return fault_set(fault, err, "base.no_memory", STR_NONE);
    for (uint32_t i = 0; i < table->batch_count && !err; i++) {
        struct batch batch;
        atomic_store(&table->verified[i], 0); // look again, whatever was seen before
        arena_reset(arena);
        err = table_batch(table, i, arena, &batch, fault);
    }
    arena_close(arena);
    return err;
}
