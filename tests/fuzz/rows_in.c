// A call's body: rows as JSON for one of two models (two classes with columns of every type, one of
// them prepared; survival, told at times). What is read predicts and is told as JSON; what isn't is
// told with findings that are JSON. The first byte chooses the model.
#include "flow/steps/rows_in.h"
#include "flow/steps/frame.h"

#include <math.h>
#include <stdlib.h>

#include "support/scratch.h"
#include "support/small_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MODELS = 2, ROWS = 120 };
static struct tabular_model *models[MODELS];
static struct asking askings[MODELS];
static struct arena *kept, *arena;

static void table_text(struct buf *out) {
    buf_add_text(out, "x:number|n:integer|yes:boolean|day:date|at:time|kind:text|when:text|"
                      "y:text|last:number|seen:integer\n");
    for (int i = 0; i < ROWS; i++) {
        buf_printf(out, "%d.5|%d|%s|2024-01-%02d|2024-03-%02d 0%d:00:00|%s|2024-05-%02d 1%d:30:00|",
                   i * 7 % 31, i * 11 % 17, i % 3 ? "true" : "false", 1 + i % 28, 1 + i % 30, i % 9,
                   i % 4 ? "甲" : "b", 1 + i % 29, i % 8);
        buf_printf(out, "%s|%d|%d\n", i * 7 % 31 > 15 ? "ja" : "nein", 1 + i % 19, i % 2);
    }
}

static void model_make(struct table *table, uint32_t which) {
    static const char prepare[] = "{\"steps\":[{\"kind\":\"calendar\",\"column\":\"when\"}]}";
    struct json *steps = NULL;
    struct frame_wish wish = {.target = which ? STR("last") : STR("y"),
                              .event = which ? STR("seen") : STR_NONE};
    struct tabular_options options;
    struct table_frame frame;
    struct fault fault = {0};
    if (!which && json_parse(STR(prepare), &steps, NULL) != OK) abort();
    wish.prepare = steps;
    if (frame_of_table(table, &wish, kept, NULL, &frame, &fault) != OK) abort();
    tabular_options_default(&options);
    options.trees = 5;
    options.threads = 1;
    options.preparation = frame.preparation;
    if (tabular_train(&frame.frame, &frame.target, &options, NULL, &models[which], NULL, &fault)) {
        abort();
    }
    json_close(steps);
    struct tabular_about about = tabular_about(models[which]);
    if (asking_of_model(&about, kept, &askings[which], &fault) != OK) abort();
}

static void models_make(void) {
    const char *path = scratch_path(scratch_folder(), "table");
    struct buf text;
    struct table *table;
    buf_open(&text, 1 << 20);
    table_text(&text);
    buf_add_char(&text, '\0');
    small_table_write(path, text.data);
    buf_close(&text);
    if (arena_open((size_t)256 << 20, &kept) || arena_open((size_t)256 << 20, &arena)) abort();
    if (table_open(path, &table, NULL) != OK) abort();
    for (uint32_t which = 0; which < MODELS; which++) model_make(table, which);
    table_close(table);
}

static void must_parse(struct str text, size_t count, const char *member) {
    struct json *told = NULL;
    if (json_parse(text, &told, NULL) != OK) abort();
    if (json_count(member ? json_member(told, member) : told) != count) abort();
    json_close(told);
}

static void predict(struct rows_in *rows, const struct json *body) {
    struct fault fault = {0};
    struct buf text;
    if (rows_predict(rows, &fault) != OK) abort();
    for (uint32_t i = 0; i < rows->count * rows->about.outputs; i++) {
        if (!isfinite(rows->out[i])) abort();
    }
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    enum err err = rows_tell(rows, body, &out, &fault);
    json_close_object(&out);
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    if (err == OK) must_parse(buf_str(&text), rows->count, "predictions");
    buf_close(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json *body = NULL;
    struct rows_in rows;
    struct fault fault = {0};
    if (size < 1) return 0;
    if (!models[0]) models_make();
    uint32_t which = data[0] % MODELS;
    if (json_parse((struct str){(const char *)data + 1, size - 1}, &body, NULL) != OK) return 0;
    arena_reset(arena);
    enum err err =
        rows_read(&rows, models[which], &askings[which], arena, json_member(body, "rows"), &fault);
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    if ((rows.findings.errors > 0) && err == OK) abort();
    must_parse(rows_findings(&rows), rows.findings.told, NULL);
    if (err == OK) predict(&rows, body);
    rows_in_close(&rows);
    json_close(body);
    return 0;
}
