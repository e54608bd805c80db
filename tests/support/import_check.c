#include "support/import_check.h"

#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "support/scratch.h"

struct intake_options import_options;
struct intake_result import_result;
struct fault import_fault;

static char source[256], table[256], report[256];
static struct arena *arena;

const char *import_folder(void) {
    static const char *folder;
    if (folder) return folder;
    folder = scratch_folder();
    snprintf(source, sizeof source, "%s/source", folder);
    snprintf(table, sizeof table, "%s/table", folder);
    snprintf(report, sizeof report, "%s/report", folder);
    cy_assert(arena_open((size_t)1 << 30, &arena) == OK);
    return folder;
}

const char *import_source(void) {
    return source;
}

enum err import_run(const void *data, size_t size) {
    (void)import_folder();
    scratch_write(source, data, size);
    import_fault = (struct fault){0};
    arena_reset(arena);
    (void)!file_remove(table, NULL);
    (void)!file_remove(report, NULL);
    enum err err = intake_run(source, &import_options, table, report, NULL, arena, &import_result,
                              &import_fault);
    CHECK_EQ(file_exists(table), err == OK);
    return err;
}

static enum err add_bytes(void *ctx, const void *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (((const char *)data)[i] != '\r') buf_add_char(ctx, ((const char *)data)[i]);
    }
    return OK;
}

struct str import_csv(void) {
    static struct buf text;
    struct table *opened;
    struct fault why = {0};
    buf_close(&text);
    buf_open(&text, 1 << 28);
    if (!CHECK_EQ(table_open(table, &opened, &why), OK)) return STR_NONE;
    CHECK_EQ(table_verify(opened, &why), OK);
    CHECK_EQ(table_export(opened, EXPORT_CSV, add_bytes, &text, NULL, &why), OK);
    table_close(opened);
    return buf_str(&text);
}

struct str import_faults(void) {
    static struct buf text;
    buf_close(&text);
    buf_open(&text, 1 << 24);
    CHECK_EQ(file_read(report, &text, NULL), OK);
    return buf_str(&text);
}

void import_check(const void *data, size_t size, const char *want, const char *file, int line) {
    enum err err = import_run(data, size);
    if (!check_that(err == OK, file, line, "%s %s %s", err_name(err), import_fault.code,
                    import_fault.detail)) {
        return;
    }
    struct str got = import_csv();
    check_bytes(got.data, got.size, want, strlen(want), file, line, "table");
}
