// Any bytes as a table file, and tables with bytes changed but sums made right again: opened, every
// cell is read, or a fault says why not.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "data/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void read_all(struct table *table) {
    struct arena *arena;
    struct buf text;
    buf_open(&text, 1 << 24);
    cy_assert(arena_open(1 << 20, &arena) == OK);
    for (uint32_t i = 0; i < table_batches(table); i++) {
        struct batch batch;
        struct fault fault = {0};
        arena_reset(arena);
        if (table_batch(table, i, arena, &batch, &fault)) {
            cy_assert(fault.code[0] != '\0');
            continue;
        }
        for (uint32_t column = 0; column < table_schema(table)->count; column++) {
            for (uint32_t row = 0; row < batch.row_count; row++) {
                buf_clear(&text);
                column_write(&text, &batch.columns[column], row);
                (void)column_number(&batch.columns[column], row);
            }
        }
    }
    buf_close(&text);
    arena_close(arena);
}

static void try_file(const uint8_t *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cy_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
    struct table *table;
    struct fault fault = {0};
    if (table_open(path, &table, &fault)) {
        cy_assert(fault.code[0] != '\0');
    } else {
        read_all(table);
        table_close(table);
    }
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (path[0] == '\0') snprintf(path, sizeof path, "/dev/shm/fuzz_table.%d", (int)getpid());
    try_file(data, size);
    // The footer's sum is put right, so that what stands behind it is reached.
    if (size < 16) return 0;
    uint64_t footer_size;
    memcpy(&footer_size, data + size - 16, 8);
    if (footer_size > size - 16) return 0;
    uint8_t *copy = memory_take(size);
    cy_assert(copy);
    memcpy(copy, data, size);
    uint32_t sum = crc32c(0, copy + size - 16 - footer_size, footer_size);
    memcpy(copy + size - 8, &sum, 4);
    try_file(copy, size);
    memory_give(copy);
    return 0;
}
