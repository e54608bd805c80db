// Training from end to end: quality on real data, same bytes on any number of threads, faults.
#include "model/tabular/tabular.h"

#include <unistd.h>

#include "base/log.h"
#include "model/measure/measure.h"
#include "support/samples.h"

static struct tabular_options options_of(enum tabular_learner learner) {
    struct tabular_options options;
    tabular_options_default(&options);
    options.learner = learner;
    return options;
}

// ---- real data ------------------------------

// breast_cancer_wdbc.csv: a row number, thirty numbers, B or M.
static bool read_wdbc(struct sample *out) {
    const char *folder = getenv("COURTYARD_DATA");
    char path[1024];
    struct buf text;
    struct fault fault = {0};
    snprintf(path, sizeof(path), "%s/medical/breast_cancer_wdbc.csv",
             folder ? folder : "../shared/data");
    buf_open(&text, 1 << 20);
    if (!file_exists(path) || file_read(path, &text, &fault) != OK) return false;
    struct str rest = buf_str(&text);
    str_cut(rest, '\n', &rest);
    struct sample s = sample_take(569, 30, TASK_BINARY, 2);
    uint64_t rows = 0;
    while (rest.size > 0 && rows < 569) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        str_cut(line, ',', &line);
        for (uint32_t f = 0; f < 30; f++) {
            double value = NAN;
            CHECK(number_parse(str_cut(line, ',', &line), &value));
            s.columns[f][rows] = (float)value;
        }
        s.truth[rows++] = str_equal(line, STR("M")) || str_equal(line, STR("\"M\""));
    }
    buf_close(&text);
    CHECK_EQ(rows, 569);
    *out = s;
    return true;
}

static double member_of(const struct json *card, const char *metric, const char *member) {
    for (const struct json *m = json_first(json_member(card, "metrics")); m; m = json_next(m)) {
        if (str_is(json_member_text(m, "name"), metric)) return json_member_number(m, member, NAN);
    }
    return NAN;
}

static void real_data(enum tabular_learner learner) {
    struct sample s;
    if (!read_wdbc(&s))
        CHECK_SKIP("no ../shared/data/medical (COURTYARD_DATA names another place)");
    struct tabular_options options = options_of(learner);
    struct tabular_model *model;
    struct buf text;
    struct fault fault = {0};
    struct json *card;
    buf_open(&text, 4 << 20);
    REQUIRE(tabular_train(&s.frame, &s.target, &options, NULL, &model, &text, &fault) == OK);
    REQUIRE(json_parse(buf_str(&text), &card, &fault) == OK);
    double auc = member_of(card, "auc", "value");
    CHECK(auc >= 0.97);
    CHECK(member_of(card, "auc", "low") <= auc && member_of(card, "auc", "high") >= auc);
    CHECK(member_of(card, "accuracy", "value") > 0.9);
    CHECK(str_is(json_member_text(json_first(json_member(card, "metrics")), "name"), "auc"));
    CHECK(member_of(json_member(card, "baseline"), "auc", "value") > 0.8);
    CHECK(json_count(json_member(card, "importance")) == 30);
    CHECK(json_count(json_member(card, "roc")) >= 3);
    const struct json *rows = json_member(card, "rows");
    CHECK_EQ(json_member_u64(rows, "train", 0) + json_member_u64(rows, "validate", 0) +
                 json_member_u64(rows, "test", 0),
             569);
    json_close(card);
    tabular_close(model);
    buf_close(&text);
    sample_close(&s);
}

static void boost_on_breast_cancer(void) {
    real_data(LEARNER_BOOST);
}

static void linear_on_breast_cancer(void) {
    real_data(LEARNER_LINEAR);
}

// ---- same bytes ------------------------------

static void same_bytes(enum tabular_task task, uint32_t classes, enum tabular_learner learner,
                       enum tabular_grow grow) {
    // Two pieces of rows, and just enough cells that threads are used.
    struct sample s = sample_make(26000, 8, task, classes);
    struct buf first, first_card;
    buf_open(&first, 64 << 20);
    buf_open(&first_card, 4 << 20);
    // An emulator is slow: one thread and three.
    uint32_t more = getenv("COURTYARD_EMULATOR") ? 2 : 1;
    for (uint32_t threads = 1; threads <= 3; threads += more) {
        struct tabular_options options = options_of(learner);
        struct tabular_model *model;
        struct buf bytes, card;
        struct fault fault = {0};
        options.threads = threads;
        options.trees = 6;
        options.test_milli = 50; // resampling the test side takes most of the time
        options.grow = grow;
        options.row_share = 0.7;
        options.column_share = 0.6;
        buf_open(&bytes, 64 << 20);
        buf_open(&card, 4 << 20);
        REQUIRE(tabular_train(&s.frame, &s.target, &options, NULL, &model, &card, &fault) == OK);
        tabular_save(model, &bytes);
        CHECK(buf_err(&bytes) == OK);
        tabular_close(model);
        if (threads == 1) {
            buf_add_str(&first, buf_str(&bytes));
        } else {
            CHECK(str_equal(buf_str(&bytes), buf_str(&first)));
        }
        // The card names the threads asked for; everything else is the same.
        struct json *tree;
        REQUIRE(json_parse(buf_str(&card), &tree, &fault) == OK);
        struct buf metrics;
        buf_open(&metrics, 4 << 20);
        json_write(&metrics, json_member(tree, "metrics"));
        json_write(&metrics, json_member(tree, "importance"));
        json_write(&metrics, json_member(tree, "curve"));
        if (threads == 1)
            buf_add_str(&first_card, buf_str(&metrics));
        else
            CHECK(str_equal(buf_str(&metrics), buf_str(&first_card)));
        buf_close(&metrics);
        json_close(tree);
        buf_close(&card);
        buf_close(&bytes);
    }
    buf_close(&first);
    buf_close(&first_card);
    sample_close(&s);
}

static void same_bytes_on_any_threads(void) {
    same_bytes(TASK_BINARY, 2, LEARNER_BOOST, GROW_DEPTH);
    same_bytes(TASK_CLASSES, 4, LEARNER_BOOST, GROW_DEPTH);
    same_bytes(TASK_REGRESSION, 0, LEARNER_BOOST, GROW_DEPTH);
    same_bytes(TASK_BINARY, 2, LEARNER_LINEAR, GROW_DEPTH);
    same_bytes(TASK_BINARY, 2, LEARNER_BOOST, GROW_LEAF);
}

// ---- quality by task ------------------------------

static struct json *train_card(const struct sample *s, const struct tabular_options *options,
                               struct tabular_model **model) {
    struct buf text;
    struct fault fault = {0};
    struct json *card = NULL;
    buf_open(&text, 4 << 20);
    enum err err = tabular_train(&s->frame, &s->target, options, NULL, model, &text, &fault);
    CHECK_STR(fault.code, "");
    CHECK_EQ(err, OK);
    if (err == OK) CHECK(json_parse(buf_str(&text), &card, &fault) == OK);
    buf_close(&text);
    return card;
}

static void tasks_learn(void) {
    struct tabular_options options = options_of(LEARNER_BOOST);
    struct tabular_model *model;
    struct sample s = sample_make(6000, 8, TASK_CLASSES, 5);
    struct json *card = train_card(&s, &options, &model);
    REQUIRE(card != NULL);
    CHECK(str_is(json_member_text(json_first(json_member(card, "metrics")), "name"), "accuracy"));
    CHECK(member_of(card, "accuracy", "value") >
          member_of(json_member(card, "baseline"), "accuracy", "value") + 0.03);
    CHECK_EQ(json_count(json_member(json_member(card, "confusion"), "counts")), 5);
    json_close(card);
    tabular_close(model);
    sample_close(&s);

    s = sample_make(6000, 8, TASK_REGRESSION, 0);
    card = train_card(&s, &options, &model);
    REQUIRE(card != NULL);
    CHECK(member_of(card, "r2", "value") > 0.9);
    CHECK(member_of(json_member(card, "baseline"), "r2", "value") < 0.7);
    CHECK(member_of(json_member(card, "baseline_linear"), "r2", "value") <
          member_of(card, "r2", "value"));
    json_close(card);
    tabular_close(model);
    sample_close(&s);
}

// The learned direction for missing values: they alone carry the answer.
static void missing_values_learn(void) {
    struct sample s = sample_take(2000, 2, TASK_BINARY, 2);
    for (uint64_t i = 0; i < 2000; i++) {
        bool missing = check_below(2);
        s.columns[0][i] = missing ? NAN : (float)sample_normal();
        s.columns[1][i] = (float)sample_normal();
        s.truth[i] = missing ? check_below(20) > 0 : check_below(20) == 0;
    }
    for (enum tabular_learner learner = LEARNER_BOOST; learner <= LEARNER_LINEAR; learner++) {
        struct tabular_options options = options_of(learner);
        struct tabular_model *model;
        struct json *card = train_card(&s, &options, &model);
        REQUIRE(card != NULL);
        CHECK(member_of(card, "accuracy", "value") > 0.9);
        json_close(card);
        tabular_close(model);
    }
    sample_close(&s);
}

static bool has_warning(const struct json *card, const char *code, const char *detail) {
    for (const struct json *w = json_first(json_member(card, "warnings")); w; w = json_next(w)) {
        if (str_is(json_member_text(w, "code"), code) &&
            str_is(json_member_text(w, "detail"), detail)) {
            return true;
        }
    }
    return false;
}

static void leaks_are_told(void) {
    struct sample s = sample_make(3000, 6, TASK_BINARY, 2);
    struct tabular_options options = options_of(LEARNER_BOOST);
    struct tabular_model *model;
    for (uint64_t i = 0; i < 3000; i++) {
        s.columns[4][i] = 7;                                          // constant
        s.columns[5][i] = (float)(s.truth[i] * 10 + check_uniform()); // the answer itself
    }
    struct json *card = train_card(&s, &options, &model);
    REQUIRE(card != NULL);
    CHECK(has_warning(card, "train.column_knows_answer", "x5"));
    CHECK(!has_warning(card, "train.column_knows_answer", "x0"));
    CHECK(has_warning(card, "train.column_ignored", "x4"));
    json_close(card);
    tabular_close(model);
    sample_close(&s);
}

// ---- bad input ------------------------------

static void expect_fault(const struct sample *s, const char *code) {
    struct tabular_options options = options_of(LEARNER_BOOST);
    struct tabular_model *model = NULL;
    struct buf text;
    struct fault fault = {0};
    buf_open(&text, 4 << 20);
    enum err err = tabular_train(&s->frame, &s->target, &options, NULL, &model, &text, &fault);
    CHECK(err != OK);
    CHECK_STR(fault.code, code);
    buf_close(&text);
}

static void bad_input_is_told(void) {
    struct sample s = sample_make(100, 4, TASK_BINARY, 2);
    s.frame.rows = 3;
    expect_fault(&s, "train.too_few_rows");
    s.frame.rows = 100;
    for (int i = 0; i < 100; i++) s.truth[i] = 1;
    expect_fault(&s, "train.one_class");
    sample_close(&s);
    s = sample_make(100, 4, TASK_REGRESSION, 0);
    s.truth[7] = INFINITY;
    expect_fault(&s, "train.target_not_finite");
    s.frame.feature_count = 0;
    expect_fault(&s, "train.no_columns");
    s.frame.feature_count = 4;
    sample_close(&s);
}

// Columns that say nothing, infinities, a million of nothing: training ends with the mean.
static void useless_columns(void) {
    for (enum tabular_learner learner = LEARNER_BOOST; learner <= LEARNER_LINEAR; learner++) {
        struct sample s = sample_take(500, 3, TASK_BINARY, 2);
        struct tabular_options options = options_of(learner);
        struct tabular_model *model;
        for (uint64_t i = 0; i < 500; i++) {
            s.columns[0][i] = NAN;
            s.columns[1][i] = 5;
            s.columns[2][i] = i % 3 == 0 ? INFINITY : -INFINITY;
            s.truth[i] = i % 2;
        }
        struct json *card = train_card(&s, &options, &model);
        REQUIRE(card != NULL);
        double out[500];
        CHECK_EQ(tabular_predict(model, &s.frame, 1, out, NULL), OK);
        for (int i = 0; i < 500; i++) CHECK(out[i] > 0.2 && out[i] < 0.8);
        json_close(card);
        tabular_close(model);
        sample_close(&s);
    }
}

static void cancel_stops(void) {
    struct sample s = sample_make(3000, 6, TASK_BINARY, 2);
    struct tabular_options options = options_of(LEARNER_BOOST);
    struct tabular_model *model = NULL;
    struct progress progress = {0};
    struct buf text;
    struct fault fault = {0};
    atomic_store(&progress.cancel, 1);
    buf_open(&text, 4 << 20);
    CHECK_EQ(tabular_train(&s.frame, &s.target, &options, &progress, &model, &text, &fault),
             ERR_CANCELLED);
    CHECK(model == NULL);
    buf_close(&text);
    sample_close(&s);
}

// Asked to pause after each few rounds and started again until it ends: the same model and the same
// scorecard to the byte, whatever the task.
static void paused_is_unpaused(void) {
    static const enum tabular_task tasks[] = {TASK_BINARY, TASK_CLASSES, TASK_REGRESSION};
    char path[64];
    snprintf(path, sizeof path, "/tmp/courtyard_checkpoint_%d", (int)getpid());
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        struct sample s = sample_make(3000, 6, tasks[i], tasks[i] == TASK_CLASSES ? 3 : 2);
        struct tabular_options options = options_of(LEARNER_BOOST);
        options.row_share = 0.7;
        options.column_share = 0.8;
        options.trees = 12;
        options.early_stop = 4;
        options.grow = i == 0 ? GROW_LEAF : GROW_DEPTH;
        struct tabular_model *model;
        struct buf cards[2], files[2];
        struct fault fault = {0};
        for (int k = 0; k < 2; k++) buf_open(&cards[k], 4 << 20), buf_open(&files[k], 4 << 20);
        REQUIRE(tabular_train(&s.frame, &s.target, &options, NULL, &model, &cards[0], &fault) ==
                OK);
        tabular_save(model, &files[0]);
        tabular_close(model);
        options.checkpoint = path;
        int starts = 0;
        enum err err = ERR_PAUSED;
        while (err == ERR_PAUSED && starts++ < 100) {
            struct progress progress = {0};
            atomic_store(&progress.pause, 1);
            err =
                tabular_train(&s.frame, &s.target, &options, &progress, &model, &cards[1], &fault);
            if (starts == 3) { // a file that was torn or is somebody else's counts as none
                struct str torn = STR("CYBST001 but not really");
                CHECK_EQ(file_write(path, torn, &fault), OK);
            }
        }
        CHECK_EQ(err, OK);
        CHECK(starts > 4);
        tabular_save(model, &files[1]);
        tabular_close(model);
        CHECK_BYTES(files[1].data, files[1].size, files[0].data, files[0].size);
        CHECK_BYTES(cards[1].data, cards[1].size, cards[0].data, cards[0].size);
        for (int k = 0; k < 2; k++) buf_close(&cards[k]), buf_close(&files[k]);
        CHECK_EQ(file_remove(path, &fault), OK);
        sample_close(&s);
    }
}

// ---- faults ------------------------------

struct fault_case {
    struct sample sample;
    enum tabular_learner learner;
};

static int train_once(void *context) {
    struct fault_case *c = context;
    struct tabular_options options = options_of(c->learner);
    struct tabular_model *model = NULL;
    struct buf text;
    struct fault fault = {0};
    options.trees = 3;
    options.threads = 1;
    buf_open(&text, 4 << 20);
    enum err err =
        tabular_train(&c->sample.frame, &c->sample.target, &options, NULL, &model, &text, &fault);
    CHECK(err == OK ? model != NULL : model == NULL);
    CHECK(err == OK || err == ERR_MEMORY);
    tabular_close(model);
    buf_close(&text);
    return err;
}

static void memory_faults(void) {
    struct fault_case c = {sample_make(200, 4, TASK_BINARY, 2), LEARNER_BOOST};
    uint64_t met = check_faults(memory_fail_after, train_once, &c);
    CHECK(met > 20);
    c.learner = LEARNER_LINEAR;
    CHECK(check_faults(memory_fail_after, train_once, &c) > 20);
    sample_close(&c.sample);
    c.sample = sample_make(200, 4, TASK_CLASSES, 3);
    c.learner = LEARNER_BOOST;
    CHECK(check_faults(memory_fail_after, train_once, &c) > 20);
    sample_close(&c.sample);
}

int main(void) {
    log_level_set(LOG_WARN); // many checkpoints would bury a failed check
    CHECK_RUN(boost_on_breast_cancer);
    CHECK_RUN(linear_on_breast_cancer);
    CHECK_RUN(same_bytes_on_any_threads);
    CHECK_RUN(tasks_learn);
    CHECK_RUN(missing_values_learn);
    CHECK_RUN(leaks_are_told);
    CHECK_RUN(bad_input_is_told);
    CHECK_RUN(useless_columns);
    CHECK_RUN(cancel_stops);
    CHECK_RUN(paused_is_unpaused);
    CHECK_RUN(memory_faults);
    return check_done();
}
