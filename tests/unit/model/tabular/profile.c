// The training profile and drift: the index against its formula, what moved is told, what did not
// is stable, and the profile goes through the model's file.
#include "model/tabular/profile_private.h"

#include "model/measure/measure.h"
#include "model/tabular/model_private.h"
#include "support/samples.h"

static struct tabular_model *train(const struct sample *s) {
    struct tabular_options options;
    struct tabular_model *model = NULL;
    struct fault fault = {0};
    struct buf card, bytes;
    tabular_options_default(&options);
    options.trees = 20;
    buf_open(&card, 4 << 20);
    buf_open(&bytes, 4 << 20);
    CHECK_EQ(tabular_train(&s->frame, &s->target, &options, NULL, &model, &card, &fault), OK);
    tabular_save(model, &bytes);
    tabular_close(model);
    model = NULL;
    CHECK_EQ(tabular_load(buf_str(&bytes), &model, &fault), OK);
    buf_close(&card);
    buf_close(&bytes);
    return model;
}

static struct json *drift_of(const struct tabular_model *model, const struct sample *s,
                             uint64_t batch, const double *truth, const uint8_t *event) {
    struct tabular_drift *drift = NULL;
    struct json *report = NULL;
    struct buf text;
    static double out[40000];
    const float *values[16];
    buf_open(&text, 4 << 20);
    struct json_writer writer = json_writer_of(&text);
    CHECK_EQ(tabular_drift_open(model, &drift), OK);
    for (uint64_t at = 0; at < s->frame.rows; at += batch) {
        struct frame part = s->frame;
        part.rows = s->frame.rows - at < batch ? s->frame.rows - at : batch;
        for (uint32_t f = 0; f < part.feature_count; f++) values[f] = s->columns[f] + at;
        part.values = values;
        CHECK_EQ(tabular_predict(model, &part, 1, out, NULL), OK);
        CHECK_EQ(tabular_drift_add(drift, &part, out, truth ? truth + at : NULL,
                                   event ? event + at : NULL),
                 OK);
    }
    json_open_object(&writer);
    CHECK_EQ(tabular_drift_write(drift, 1, &writer), OK);
    json_close_object(&writer);
    CHECK_EQ(json_parse(buf_str(&text), &report, NULL), OK);
    tabular_drift_close(drift);
    buf_close(&text);
    return report;
}

static const struct json *column(const struct json *report, const char *name) {
    const struct json *c = json_first(json_member(report, "columns"));
    for (; c; c = json_next(c)) {
        if (str_is(json_member_text(c, "name"), name)) return c;
    }
    return NULL;
}

static void index_is_its_formula(void) {
    uint64_t a[] = {10, 30, 60}, b[] = {20, 20, 40};
    struct distribution before = {.bins = 3, .counts = a}, now = {.bins = 3, .counts = b};
    now.missing = 20;
    // scipy: sum((q - p) * log(q / p)) of p = .1 .3 .6 1e-4, q = .2 .2 .4 .2
    double p[] = {0.1, 0.3, 0.6, 1e-4}, q[] = {0.2, 0.2, 0.4, 0.2}, want = 0;
    for (int i = 0; i < 4; i++) want += (q[i] - p[i]) * log(q[i] / p[i]);
    CHECK_NEAR(distribution_psi(&before, &now), want, 1e-12);
    CHECK_NEAR(distribution_psi(&before, &now), 1.7103746521509062, 1e-12);
    CHECK_NEAR(distribution_psi(&now, &now), 0, 0);
    struct distribution empty = {.bins = 3, .counts = (uint64_t[]){0, 0, 0}};
    CHECK(isnan(distribution_psi(&before, &empty)));
}

static void bins_hold_their_values(void) {
    float edges[] = {1, 3, 3.5f};
    struct distribution part = {.bins = 4, .edges = edges};
    static const struct {
        double value;
        uint32_t bin;
    } cases[] = {{-1e30, 0}, {0.999, 0}, {1, 1},    {2, 1},
                 {3, 2},     {3.5, 3},   {1e30, 3}, {INFINITY, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_EQ(distribution_bin(&part, false, cases[i].value), cases[i].bin);
    }
    CHECK_EQ(distribution_bin(&part, false, NAN), UINT32_MAX);
    CHECK_EQ(distribution_bin(&part, true, 3), 3);
    CHECK_EQ(distribution_bin(&part, true, 4), UINT32_MAX);
}

static void what_moved_is_told(enum tabular_task task, uint32_t classes) {
    struct sample s = sample_make(8000, 8, task, classes),
                  new = sample_make(4000, 8, task, classes);
    struct tabular_model *model = train(&s);
    REQUIRE(model != NULL);
    CHECK(tabular_has_profile(model));
    struct json *report = drift_of(model, &new, 1000, new.truth, new.event);
    REQUIRE(report != NULL);
    CHECK_EQ(json_member_u64(report, "rows", 0), 4000);
    CHECK_EQ(json_member_u64(report, "judged_rows", 0), 4000);
    for (const struct json *c = json_first(json_member(report, "columns")); c; c = json_next(c)) {
        CHECK_TEXT(json_member_text(c, "level"), "stable");
        double before = 0, now = 0;
        for (const struct json *b = json_first(json_member(c, "bins")); b; b = json_next(b)) {
            before += json_member_number(b, "before", NAN);
            now += json_member_number(b, "now", NAN);
        }
        const struct json *missing = json_member(c, "missing");
        CHECK_NEAR(before + json_member_number(missing, "before", NAN), 1, 1e-9);
        CHECK_NEAR(now + json_member_number(missing, "now", NAN), 1, 1e-9);
    }
    CHECK(json_count(json_member(report, "metrics")) >= (task == TASK_SURVIVAL ? 1 : 2));
    json_close(report);
    for (uint64_t i = 0; i < 4000; i++) {
        new.columns[0][i] += 2;                              // everybody is higher
        if (check_below(3) > 0) new.columns[1][i] = NAN;     // mostly not measured now
        new.columns[2][i] = (float)(check_below(4) ? 0 : 1); // other categories
    }
    report = drift_of(model, &new, 777, NULL, NULL);
    REQUIRE(report != NULL);
    for (const char *name = "0"; *name < '3'; name = *name == '0'   ? "1"
                                                     : *name == '1' ? "2"
                                                                    : "3") {
        char whole[8];
        snprintf(whole, sizeof whole, "x%s", name);
        CHECK_TEXT(json_member_text(column(report, whole), "level"), "large");
    }
    CHECK_TEXT(json_member_text(column(report, "x4"), "level"), "stable");
    CHECK(json_member_number(json_member(report, "prediction"), "psi", 0) > 0.01);
    CHECK_EQ(json_member_u64(report, "judged_rows", 9), 0);
    CHECK(!json_member(report, "metrics"));
    json_close(report);
    tabular_close(model);
    sample_close(&s);
    sample_close(&new);
}

static void every_task_drifts(void) {
    what_moved_is_told(TASK_BINARY, 2);
    what_moved_is_told(TASK_CLASSES, 4);
    what_moved_is_told(TASK_REGRESSION, 0);
    what_moved_is_told(TASK_SURVIVAL, 0);
}

// The C-index of the new rows is the metric's own, and shows when the order no longer holds; a time
// without its event is not judged. The file keeps which column tells the event.
static void survival_is_judged(void) {
    struct sample s = sample_make(3000, 4, TASK_SURVIVAL, 0),
                  new = sample_make(1500, 4, TASK_SURVIVAL, 0);
    s.target.event_name = STR("state");
    s.target.event_value = STR("dead");
    struct tabular_model *model = train(&s);
    REQUIRE(model != NULL);
    CHECK_TEXT(tabular_about(model).event_name, "state");
    CHECK_TEXT(tabular_about(model).event_value, "dead");
    double *risk = memory_take(1500 * sizeof *risk);
    CHECK_EQ(tabular_predict(model, &new.frame, 1, risk, NULL), OK);
    double want = metric_c_index(risk, new.truth, new.event, 1500);
    struct json *report = drift_of(model, &new, 400, new.truth, new.event);
    const struct json *metric = json_first(json_member(report, "metrics"));
    CHECK_TEXT(json_member_text(metric, "name"), "c_index");
    CHECK_NEAR(json_member_number(metric, "value", NAN), want, 1e-12);
    CHECK(want > 0.6 && json_member_number(metric, "low", NAN) < want);
    CHECK(json_member_number(metric, "high", NAN) > want);
    json_close(report);
    for (uint64_t i = 0; i < 1500; i++) new.truth[i] = 1 / (1e-3 + new.truth[i]); // upside down
    report = drift_of(model, &new, 400, new.truth, new.event);
    CHECK(json_member_number(json_first(json_member(report, "metrics")), "high", NAN) < 0.5);
    json_close(report);
    report = drift_of(model, &new, 400, new.truth, NULL);
    CHECK_EQ(json_member_u64(report, "judged_rows", 9), 0);
    json_close(report);
    memory_give(risk);
    tabular_close(model);
    sample_close(&s);
    sample_close(&new);
}

static int open_once(void *context) {
    struct tabular_drift *drift = NULL;
    enum err err = tabular_drift_open(context, &drift);
    CHECK(err == OK ? drift != NULL : drift == NULL);
    tabular_drift_close(drift);
    return err;
}

static void memory_faults(void) {
    struct sample s = sample_make(500, 4, TASK_BINARY, 2);
    struct tabular_model *model = train(&s);
    REQUIRE(model != NULL);
    CHECK(check_faults(memory_fail_after, open_once, model) >= 2);
    tabular_close(model);
    sample_close(&s);
}

int main(void) {
    CHECK_RUN(index_is_its_formula);
    CHECK_RUN(bins_hold_their_values);
    CHECK_RUN(every_task_drifts);
    CHECK_RUN(survival_is_judged);
    CHECK_RUN(memory_faults);
    return check_done();
}
