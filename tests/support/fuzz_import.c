#include "support/fuzz_import.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file.h"

static void check_table(const char *path, uint64_t rows) {
    struct table *table;
    struct fault fault = {0};
    cy_assert(table_open(path, &table, &fault) == OK);
    cy_assert(table_verify(table, &fault) == OK && table_rows(table) == rows);
    table_close(table);
}

void fuzz_import(const void *data, size_t size, const struct intake_options *options) {
    static char source[64], table[64];
    struct arena *arena;
    struct fault fault = {0};
    struct intake_result result;
    struct intake_guess guess;
    if (source[0] == '\0') {
        snprintf(source, sizeof source, "/dev/shm/fuzz_import.%d", (int)getpid());
        snprintf(table, sizeof table, "/dev/shm/fuzz_import.%d.table", (int)getpid());
    }
    int fd = open(source, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cy_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
    unlink(table);
    struct intake_options one = *options;
    one.threads = 1;
    cy_assert(arena_open(512 << 20, &arena) == OK);
    enum err looked = intake_look(source, &one, 20, arena, &guess, &fault);
    cy_assert((looked == OK) == (fault.code[0] == '\0'));
    fault = (struct fault){0};
    enum err err = intake_run(source, &one, table, "", NULL, arena, &result, &fault);
    cy_assert((err == OK) == (fault.code[0] == '\0') && file_exists(table) == (err == OK));
    cy_assert(looked == OK || err != OK);
    if (err == OK) check_table(table, result.rows);
    arena_close(arena);
    unlink(source);
    unlink(table);
}
