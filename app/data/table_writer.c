// Writes a table file from front to back. Each batch is laid out in one block of memory, in a form
// that depends on nothing but its values (missing cells are zeros, needless validity is left out),
// and written at once.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "data/table_private.h"

struct table_writer {
    char path[PATH_MAX];
    int fd;
    struct arena *arena;
    struct schema schema;
    uint64_t offset; // where the next byte goes
    uint64_t row_count;
    uint32_t batch_count;
    struct buf directory; // footer entries of the batches so far
    uint8_t *stage;       // one batch as it stands in the file
    size_t stage_room;
};

static void writer_free(struct table_writer *writer) {
    if (writer->fd >= 0) close(writer->fd);
    buf_close(&writer->directory);
    memory_give(writer->stage);
    arena_close(writer->arena);
    memory_give(writer);
}

enum err table_writer_open(const char *path, const struct schema *schema, struct table_writer **out,
                           struct fault *fault) {
    enum err err = schema_check(schema, fault);
    if (err) return err;
    struct table_writer *writer = memory_take(sizeof *writer);
    if (!writer) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    writer->fd = -1;
    buf_open(&writer->directory, FOOTER_BYTES_MAX);
    err = arena_open(4 << 20, &writer->arena);
    if (!err) err = schema_copy(writer->arena, schema, &writer->schema);
    if (err) {
        writer_free(writer);
        return fault_set(fault, err, "base.no_memory", STR_NONE);
    }
    if (!str_copy(writer->path, sizeof writer->path, str_of(path))) {
        writer_free(writer);
        return fault_errno(fault, ENAMETOOLONG, str_of(path));
    }
    writer->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (writer->fd < 0) {
        int error_number = errno;
        writer_free(writer);
        if (error_number == EEXIST) {
            return fault_set(fault, ERR_CONFLICT, "table.exists", str_of(path));
        }
        return fault_errno(fault, error_number, str_of(path));
    }
    uint8_t head[TABLE_HEAD_BYTES] = TABLE_MAGIC;
    err = file_write_all(writer->fd, head, sizeof head, fault);
    if (err) {
        table_writer_abandon(writer);
        return err;
    }
    writer->offset = sizeof head;
    *out = writer;
    return OK;
}

void table_writer_abandon(struct table_writer *writer) {
    if (!writer) return;
    if (writer->fd >= 0) unlink(writer->path);
    writer_free(writer);
}

static bool any_missing(const uint8_t *valid, uint32_t rows) {
    if (!valid) return false;
    for (uint32_t i = 0; i < rows / 8; i++) {
        if (valid[i] != 0xFF) return true;
    }
    uint32_t mask = (1u << (rows & 7)) - 1;
    return (rows & 7) && (valid[rows / 8] & mask) != mask;
}

// Bytes of text in the valid cells. *out_as_is: they already stand as the file wants them.
static uint64_t text_bytes(const struct column *column, uint32_t rows, bool missing,
                           bool *out_as_is) {
    const uint32_t *offsets = column->offsets;
    *out_as_is = true;
    if (!missing) return offsets[rows] - offsets[0];
    uint64_t size = 0;
    for (uint32_t row = 0; row < rows; row++) {
        uint32_t cell = offsets[row + 1] - offsets[row];
        if (column_valid(column, row))
            size += cell;
        else if (cell > 0)
            *out_as_is = false;
    }
    return size;
}

static void put_text(uint8_t *offsets_at, uint8_t *bytes_at, const struct column *column,
                     uint32_t rows, bool as_is) {
    const uint32_t *offsets = column->offsets;
    if (as_is) {
        uint32_t first = offsets[0];
        if (first == 0) {
            memcpy(offsets_at, offsets, ((size_t)rows + 1) * 4);
        } else {
            for (uint32_t row = 0; row <= rows; row++) {
                store_u32(offsets_at + (size_t)row * 4, offsets[row] - first);
            }
        }
        if (offsets[rows] > first) memcpy(bytes_at, column->bytes + first, offsets[rows] - first);
        return;
    }
    uint32_t size = 0;
    store_u32(offsets_at, 0);
    for (uint32_t row = 0; row < rows; row++) {
        if (column_valid(column, row)) {
            struct str cell = column_text(column, row);
            if (cell.size) memcpy(bytes_at + size, cell.data, cell.size);
            size += (uint32_t)cell.size;
        }
        store_u32(offsets_at + ((size_t)row + 1) * 4, size);
    }
}

static void put_values(uint8_t *at, const struct column *column, uint32_t rows, bool missing) {
    const void *values = column->type == COLUMN_NUMBER    ? (const void *)column->numbers
                         : column->type == COLUMN_BOOLEAN ? (const void *)column->booleans
                                                          : (const void *)column->integers;
    memcpy(at, values, values_bytes(column->type, rows));
    if (!missing) return;
    size_t each = column->type == COLUMN_BOOLEAN ? 1 : 8;
    for (uint32_t row = 0; row < rows; row++) {
        if (!column_valid(column, row)) memset(at + row * each, 0, each);
    }
}

static void put_valid(uint8_t *at, const uint8_t *valid, uint32_t rows) {
    memcpy(at, valid, valid_bytes(rows));
    if (rows & 7) at[rows / 8] &= (uint8_t)((1u << (rows & 7)) - 1);
}

// Room for a batch of `size` bytes.
static enum err stage_grow(struct table_writer *writer, uint64_t size, struct fault *fault) {
    if (size <= writer->stage_room) return OK;
    uint8_t *stage = memory_take(size + size / 4);
    if (!stage) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    memory_give(writer->stage);
    writer->stage = stage;
    writer->stage_room = size + size / 4;
    return OK;
}

// Zeros from `size` to the next multiple of 64; returns that.
static uint64_t pad(uint8_t *part, uint64_t size) {
    memset(part + size, 0, table_aligned(size) - size);
    return table_aligned(size);
}

// One column at `offset` of the staged batch, and its entry; returns the offset behind it.
static uint64_t stage_column(uint8_t *stage, uint64_t offset, uint8_t *entry,
                             const struct column *column, uint32_t rows) {
    bool missing = any_missing(column->valid, rows), as_is;
    store_u32(entry + 12, missing ? COLUMN_HAS_MISSING : 0);
    store_u64(entry + 24, offset);
    if (missing) {
        put_valid(stage + offset, column->valid, rows);
        store_u32(entry, crc32c(0, stage + offset, valid_bytes(rows)));
        offset += pad(stage + offset, valid_bytes(rows));
    }
    uint8_t *values = stage + offset;
    uint64_t size = values_bytes(column->type, rows);
    if (column->type == COLUMN_TEXT) {
        uint64_t bytes = text_bytes(column, rows, missing, &as_is);
        uint8_t *text = values + table_aligned(size);
        put_text(values, text, column, rows, as_is);
        store_u32(entry + 8, crc32c(0, text, bytes));
        store_u64(entry + 16, bytes);
        offset += pad(text, bytes);
    } else {
        put_values(values, column, rows, missing);
    }
    store_u32(entry + 4, crc32c(0, values, size));
    return offset + pad(values, size);
}

enum err table_writer_add(struct table_writer *writer, const struct batch *batch,
                          struct fault *fault) {
    uint32_t rows = batch->row_count, columns = writer->schema.count;
    if (rows == 0) return OK;
    cy_assert(rows <= LIMIT_BATCH_ROWS);
    uint64_t size = batch_head_bytes(columns);
    for (uint32_t i = 0; i < columns; i++) {
        const struct column *column = &batch->columns[i];
        cy_assert(column->type == writer->schema.fields[i].type);
        size += table_aligned(valid_bytes(rows)) + table_aligned(values_bytes(column->type, rows));
        if (column->type == COLUMN_TEXT) {
            size += table_aligned(column->offsets[rows] - column->offsets[0]);
        }
    }
    enum err err = stage_grow(writer, size, fault);
    if (err) return err;
    uint8_t *stage = writer->stage;
    memset(stage, 0, batch_head_bytes(columns));
    uint64_t offset = batch_head_bytes(columns);
    for (uint32_t i = 0; i < columns; i++) {
        uint8_t *entry = stage + BATCH_HEAD_BYTES + (size_t)i * BATCH_COLUMN_BYTES;
        offset = stage_column(stage, offset, entry, &batch->columns[i], rows);
    }
    cy_assert(offset <= size);
    memcpy(stage, BATCH_MAGIC, 8);
    store_u32(stage + 8, rows);
    store_u32(stage + 12, columns);
    store_u64(stage + 16, writer->row_count);
    store_u64(stage + 24, offset);
    err = file_write_all(writer->fd, stage, offset, fault);
    if (err) return err;
    uint8_t entry[FOOTER_BATCH_BYTES];
    store_u64(entry, writer->offset);
    store_u64(entry + 8, offset);
    store_u32(entry + 16, rows);
    store_u32(entry + 20, crc32c(0, stage, batch_head_bytes(columns)));
    buf_add(&writer->directory, entry, sizeof entry);
    if (buf_err(&writer->directory)) {
        return fault_set(fault, buf_err(&writer->directory), "base.no_memory", STR_NONE);
    }
    writer->offset += offset;
    writer->row_count += rows;
    writer->batch_count++;
    return OK;
}

static void put_footer(struct buf *footer, const struct table_writer *writer) {
    uint8_t fixed[FOOTER_FIXED_BYTES] = {0};
    store_u32(fixed, TABLE_VERSION);
    store_u32(fixed + 4, writer->schema.count);
    store_u64(fixed + 8, writer->row_count);
    store_u32(fixed + 16, writer->batch_count);
    buf_add(footer, fixed, sizeof fixed);
    for (uint32_t i = 0; i < writer->schema.count; i++) {
        const struct field *field = &writer->schema.fields[i];
        uint8_t head[4] = {(uint8_t)field->type, (uint8_t)field->role};
        store_u16(head + 2, (uint16_t)field->name.size);
        buf_add(footer, head, sizeof head);
        buf_add_str(footer, field->name);
    }
    while (footer->size % 8 && !footer->err) buf_add_char(footer, 0);
    buf_add(footer, writer->directory.data, writer->directory.size);
    uint8_t tail[TABLE_TAIL_BYTES];
    store_u64(tail, footer->size);
    store_u32(tail + 8, crc32c(0, footer->data, footer->size));
    memcpy(tail + 12, TAIL_MAGIC, 4);
    buf_add(footer, tail, sizeof tail);
}

// The folder's entry must be on the disk, too.
static enum err sync_folder_of(const char *path, struct fault *fault) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash) return folder_sync(".", fault);
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    if (!str_copy(folder, sizeof folder, (struct str){path, size})) {
        return fault_errno(fault, ENAMETOOLONG, str_of(path));
    }
    return folder_sync(folder, fault);
}

enum err table_writer_finish(struct table_writer *writer, struct fault *fault) {
    struct buf footer;
    buf_open(&footer, FOOTER_BYTES_MAX);
    put_footer(&footer, writer);
    enum err err = buf_err(&footer);
    if (err) err = fault_set(fault, err, "base.no_memory", STR_NONE);
    if (!err) err = file_write_all(writer->fd, footer.data, footer.size, fault);
    if (!err && fsync(writer->fd) != 0) err = fault_errno(fault, errno, str_of(writer->path));
    int fd = writer->fd;
    writer->fd = -1;
    if (close(fd) != 0 && !err) err = fault_errno(fault, errno, str_of(writer->path));
    if (!err) err = sync_folder_of(writer->path, fault);
    buf_close(&footer);
    if (err) unlink(writer->path);
    writer_free(writer);
    return err;
}
