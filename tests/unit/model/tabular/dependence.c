// Partial dependence against setting the column by hand and predicting.
#include "model/tabular/judge_private.h"

#include <string.h>

#include "support/samples.h"

static void one(enum tabular_task task, uint32_t classes, uint64_t rows) {
    enum { FEATURES = 4 };
    struct sample s = sample_make(rows, FEATURES, task, classes);
    struct tabular_options options;
    struct tabular_model *model = NULL;
    struct buf card, text;
    struct fault fault = {0};
    struct pool *pool;
    tabular_options_default(&options);
    options.trees = 10;
    options.threads = 1;
    buf_open(&card, 4 << 20);
    buf_open(&text, 4 << 20);
    REQUIRE(tabular_train(&s.frame, &s.target, &options, NULL, &model, &card, &fault) == OK);
    REQUIRE(pool_open(1, &pool) == OK);
    struct json_writer out = json_writer_of(&text);
    struct judging judging = {.target = &s.target, .pool = pool, .out = &out};
    struct side_rows side = {.frame = s.frame, .rows = rows};
    const float *given[FEATURES];
    for (uint32_t f = 0; f < FEATURES; f++) given[f] = s.columns[f];
    side.columns = given;
    const uint32_t features[] = {0, 2, 3};
    json_open_object(&out);
    REQUIRE(judge_dependence(&judging, model, &side, features, 3) == OK);
    json_close_object(&out);
    struct json *root;
    REQUIRE(json_parse(buf_str(&text), &root, &fault) == OK);
    const struct json *list = json_member(root, "dependence");
    CHECK_EQ(json_count(list), 3);
    uint64_t looked = rows < 2000 ? rows : 2000;
    uint32_t outputs = model->outputs, at = 0;
    float *constant = memory_take(looked * sizeof(*constant));
    double *answers = memory_take(looked * outputs * sizeof(*answers));
    for (const struct json *item = json_first(list); item; item = json_next(item), at++) {
        uint32_t f = features[at], k = 0, count = 0;
        double before = -INFINITY;
        CHECK(str_equal(json_member_text(item, "feature"), s.features[f].name));
        for (uint32_t c = 0; outputs > 1 && c < outputs; c++) {
            if (str_equal(json_member_text(item, "class"), model->classes[c])) k = c;
        }
        const struct json *point = json_first(json_member(item, "points"));
        for (; point; point = json_next(point), count++) {
            const float *columns[FEATURES];
            double value = json_member_number(point, "x", NAN), sum = 0;
            struct str category = json_member_text(point, "category");
            for (uint32_t c = 0; c < s.features[f].category_count; c++) {
                if (str_equal(category, s.features[f].categories[c])) value = c;
            }
            CHECK(value > before && (json_member(point, "category") != NULL) == (f == 2));
            before = value;
            for (uint64_t i = 0; i < looked; i++) constant[i] = (float)value;
            for (uint32_t g = 0; g < FEATURES; g++) columns[g] = g == f ? constant : s.columns[g];
            struct frame frame = {looked, FEATURES, s.features, columns, NULL};
            REQUIRE(tabular_predict(model, &frame, 1, answers, NULL) == OK);
            uint64_t below_low = 0, above_high = 0;
            for (uint64_t i = 0; i < looked; i++) {
                double answer = answers[i * outputs + k];
                sum += answer;
                below_low += answer < json_member_number(point, "low", NAN);
                above_high += answer > json_member_number(point, "high", NAN);
            }
            double mean = sum / (double)looked;
            CHECK_NEAR(json_member_number(point, "y", NAN), mean, 1e-9 * fmax(1, fabs(mean)));
            CHECK(below_low <= looked / 10 && above_high <= looked / 10 + 1);
        }
        CHECK(count == (f == 2 ? 6 : 21));
    }
    memory_give(answers);
    memory_give(constant);
    json_close(root);
    pool_close(pool);
    buf_close(&text);
    buf_close(&card);
    tabular_close(model);
    sample_close(&s);
}

static void equals_setting_the_column(void) {
    one(TASK_BINARY, 2, 500);
    one(TASK_CLASSES, 3, 2500);
    one(TASK_REGRESSION, 0, 300);
}

int main(void) {
    CHECK_RUN(equals_setting_the_column);
    return check_done();
}
