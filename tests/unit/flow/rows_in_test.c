// Rows as JSON: however a row looks, the reader tells what does not fit and reads the rest by name.
#include "flow/steps/rows_in.h"

#include <math.h>

#include "support/samples.h"

enum { FEATURES = 6, WIDE = 90 };
static struct tabular_model *model, *wide;
static struct arena *arena;

static struct tabular_model *train(uint32_t features) {
    struct sample s = sample_make(400, features, TASK_BINARY, 2);
    struct tabular_options options;
    struct tabular_model *out = NULL;
    struct buf text;
    struct fault fault = {0};
    tabular_options_default(&options);
    options.trees = 5;
    options.threads = 1;
    buf_open(&text, 4 << 20);
    CHECK_EQ(tabular_train(&s.frame, &s.target, &options, NULL, &out, &text, &fault), OK);
    buf_close(&text);
    sample_close(&s);
    return out;
}

static enum err read_text(struct rows_in *rows, const struct tabular_model *of, struct str text,
                          struct json **out_json, struct fault *fault) {
    static struct asking asking;
    struct tabular_about about = tabular_about(of);
    arena_reset(arena);
    CHECK_EQ(asking_of_model(&about, arena, &asking, NULL), OK);
    CHECK_EQ(json_parse(text, out_json, NULL), OK);
    return rows_read(rows, of, &asking, arena, *out_json, fault);
}

static void check_row(const char *text, enum err want, uint64_t errors, uint64_t warnings) {
    struct rows_in rows;
    struct json *json;
    struct fault fault = {0};
    CHECK_EQ(read_text(&rows, model, str_of(text), &json, &fault), want);
    CHECK_EQ(rows.findings.errors, errors);
    CHECK_EQ(rows.findings.warnings, warnings);
    CHECK((fault.code[0] != 0) == (want != OK));
    struct json *told;
    if (errors + warnings) {
        REQUIRE(json_parse(rows_findings(&rows), &told, NULL) == OK);
        CHECK_EQ(json_count(told), errors + warnings);
        json_close(told);
    }
    if (want == OK) CHECK_EQ(rows_predict(&rows, &fault), OK);
    rows_in_close(&rows);
    json_close(json);
}

static void odd_rows_are_told(void) {
    check_row("[]", ERR_INPUT, 0, 0);
    check_row("{}", ERR_INPUT, 0, 0);
    check_row("[{}]", ERR_INPUT, FEATURES, 0);
    check_row("[null,1,\"x\",[],[{}]]", ERR_INPUT, 5, 0);
    check_row("[{\"x0\":1,\"x1\":1,\"x2\":\"k1\",\"x3\":1,\"x4\":1,\"x5\":1}]", OK, 0, 0);
    check_row("[{\"x5\":1,\"x4\":null,\"x3\":\"\",\"x2\":\"never\",\"x1\":\"2.5\",\"x0\":1}]", OK,
              0, 1);
    check_row("[{\"x0\":1e300,\"x1\":{},\"x2\":[],\"x3\":\"a\",\"x4\":true,\"x5\":1}]", ERR_INPUT,
              5, 0);
    check_row("[{\"x0\":1,\"x1\":1,\"x2\":\"k1\",\"x3\":1,\"x4\":1,\"x5\":1,\"more\":{\"a\":1}},"
              "{\"x0\":1,\"x1\":1,\"x2\":\"k1\",\"x3\":1,\"x4\":1,\"x5\":1,\"more\":2}]",
              OK, 0, 1);
}

// Each row has its members in another order; a model of many columns looks them up otherwise.
static void order_does_not_matter(const struct tabular_model *of, uint32_t features) {
    struct buf text;
    struct rows_in rows;
    struct json *json;
    struct fault fault = {0};
    const uint32_t count = 50;
    buf_open(&text, 1 << 22);
    buf_add_text(&text, "[");
    for (uint32_t i = 0; i < count; i++) {
        buf_add_text(&text, i ? ",{" : "{");
        for (uint32_t k = 0; k < features; k++) {
            uint32_t f = i % 2 ? (k * 7 + i) % features : k; // 7 divides neither width
            buf_printf(&text, k ? ",\"x%u\":" : "\"x%u\":", f);
            bool category = tabular_about(of).features[f].kind == FEATURE_CATEGORY;
            buf_printf(&text, category ? "\"k%u\"" : "%u", category ? (i + f) % 6 : i * 100 + f);
        }
        buf_add_text(&text, "}");
    }
    buf_add_text(&text, "]");
    CHECK_EQ(read_text(&rows, of, buf_str(&text), &json, &fault), OK);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t f = 0; f < features; f++) {
            bool category = rows.about.features[f].kind == FEATURE_CATEGORY;
            float want = (float)(i * 100 + f);
            if (!category) CHECK(rows.cells.values[f][i] == want);
            if (category) CHECK(rows.cells.values[f][i] == (float)((i + f) % 6));
        }
    }
    CHECK_EQ(rows_predict(&rows, &fault), OK);
    rows_in_close(&rows);
    json_close(json);
    buf_close(&text);
}

static void rows_come_in_any_order(void) {
    order_does_not_matter(model, FEATURES);
    order_does_not_matter(wide, WIDE);
}

// A thousand findings are told, all are counted.
static void many_findings_are_counted(void) {
    struct buf text;
    buf_open(&text, 1 << 22);
    buf_add_text(&text, "[0");
    for (int i = 1; i < 3000; i++) buf_add_text(&text, ",0");
    buf_add_text(&text, "]");
    struct rows_in rows;
    struct json *json, *told;
    struct fault fault = {0};
    CHECK_EQ(read_text(&rows, model, buf_str(&text), &json, &fault), ERR_INPUT);
    CHECK_EQ(rows.findings.errors, 3000);
    CHECK_EQ(fault.row, 1);
    REQUIRE(json_parse(rows_findings(&rows), &told, NULL) == OK);
    CHECK_EQ(json_count(told), FINDINGS_TOLD_MAX);
    json_close(told);
    rows_in_close(&rows);
    json_close(json);
    buf_close(&text);
}

int main(void) {
    model = train(FEATURES);
    wide = train(WIDE);
    if (!CHECK(model && wide && arena_open(32 << 20, &arena) == OK)) return check_done();
    CHECK_RUN(odd_rows_are_told);
    CHECK_RUN(rows_come_in_any_order);
    CHECK_RUN(many_findings_are_counted);
    tabular_close(model);
    tabular_close(wide);
    arena_close(arena);
    return check_done();
}
