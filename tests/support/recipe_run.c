#include "support/recipe_run.h"

#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "support/scratch.h"
#include "support/small_table.h"

const char *recipe_folder;
char recipe_in[512], recipe_out[512], recipe_report[512];

void recipe_files_make(void) {
    recipe_folder = scratch_folder();
    snprintf(recipe_in, sizeof recipe_in, "%s/in", recipe_folder);
    snprintf(recipe_out, sizeof recipe_out, "%s/out", recipe_folder);
    snprintf(recipe_report, sizeof recipe_report, "%s/report.json", recipe_folder);
}

enum err recipe_run(const char *recipe_text, const struct cleanse_options *options,
                    struct fault *fault) {
    struct recipe *recipe;
    *fault = (struct fault){0};
    unlink(recipe_out);
    enum err err = recipe_parse(str_of(recipe_text), NULL, NULL, NULL, &recipe, fault);
    if (err != OK) return err;
    err = cleanse_run(recipe_in, recipe, options, recipe_out, recipe_report, NULL, fault);
    recipe_close(recipe);
    return err;
}

const char *recipe_rows(const char *recipe_text, const struct cleanse_options *options,
                        bool detail) {
    static char out[1 << 16];
    struct fault fault;
    if (recipe_run(recipe_text, options, &fault) != OK) {
        int size = snprintf(out, sizeof out, "%s@%d", fault.code, (int)fault.row);
        if (detail) snprintf(out + size, sizeof out - (size_t)size, "(%s)", fault.detail);
        return out;
    }
    struct buf text;
    buf_open(&text, sizeof out - 1);
    cy_assert(small_table_read(recipe_out, &text) == OK);
    snprintf(out, sizeof out, "%.*s", STR_ARG(buf_str(&text)));
    buf_close(&text);
    return out;
}
