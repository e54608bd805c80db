// Any bytes as a CSV file: the fast scanners find what the plain one does, and an import either
// fails with a fault or gives a table that is whole, the same for one thread and for three.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file.h"
#include "data/intake/intake_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char source_path[64], table_path[64];

static void check_scanners(const char *text, size_t size) {
    const struct dialect dialect = {',', '"', '\n', true};
    enum scan_state state = SCAN_FIELD_START, want_state = SCAN_FIELD_START;
    uint32_t *ends = memory_take((size + SCAN_SLACK) * 2 * sizeof *ends);
    cy_assert(ends);
    uint32_t *want = ends + size + SCAN_SLACK;
    size_t count = csv_scan(&dialect, &state, text, size, 0, ends);
    size_t want_count = csv_scan_reference(&dialect, &want_state, text, size, 0, want);
    cy_assert(count == want_count && state == want_state);
    cy_assert(memcmp(ends, want, count * sizeof *ends) == 0);
    memory_give(ends);
}

static enum err import(uint32_t threads, struct buf *out) {
    struct arena *arena;
    struct fault fault = {0};
    struct intake_result result;
    struct intake_options options = {.format = FORMAT_CSV, .threads = threads};
    cy_assert(arena_open(64 << 20, &arena) == OK);
    unlink(table_path);
    enum err err = intake_run(source_path, &options, table_path, "", NULL, arena, &result, &fault);
    cy_assert((err == OK) == (fault.code[0] == '\0') && file_exists(table_path) == (err == OK));
    if (err == OK) {
        struct table *table;
        cy_assert(table_open(table_path, &table, &fault) == OK);
        cy_assert(table_verify(table, &fault) == OK && table_rows(table) == result.rows);
        table_close(table);
        cy_assert(file_read(table_path, out, &fault) == OK);
    }
    arena_close(arena);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (source_path[0] == '\0') {
        snprintf(source_path, sizeof source_path, "/dev/shm/fuzz_csv.%d", (int)getpid());
        snprintf(table_path, sizeof table_path, "/dev/shm/fuzz_csv.%d.table", (int)getpid());
    }
    check_scanners((const char *)data, size);
    int fd = open(source_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cy_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
    struct buf one, three;
    buf_open(&one, 1 << 28);
    buf_open(&three, 1 << 28);
    enum err err = import(1, &one);
    cy_assert(import(3, &three) == err && one.size == three.size);
    cy_assert(one.size == 0 || memcmp(one.data, three.data, one.size) == 0);
    buf_close(&one);
    buf_close(&three);
    unlink(source_path);
    unlink(table_path);
    return 0;
}
