// The scorecard's parts: decisions, groups, comparison, folds, splits by time and signs of a leak.
#include "model/measure/measure.h"
#include "support/samples.h"

static struct tabular_options options_of(enum tabular_learner learner) {
    struct tabular_options options;
    tabular_options_default(&options);
    options.learner = learner;
    options.trees = 40;
    return options;
}

static struct json *card_of(const struct sample *s, const struct tabular_options *options) {
    struct buf text;
    struct fault fault = {0};
    struct json *card = NULL;
    struct tabular_model *model = NULL;
    buf_open(&text, 4 << 20);
    enum err err = tabular_train(&s->frame, &s->target, options, NULL, &model, &text, &fault);
    CHECK_STR(fault.code, "");
    CHECK_EQ(err, OK);
    if (err == OK) CHECK(json_parse(buf_str(&text), &card, &fault) == OK);
    tabular_close(model);
    buf_close(&text);
    return card;
}

static const struct json *named(const struct json *list, const char *member, const char *name) {
    for (const struct json *item = json_first(list); item; item = json_next(item)) {
        if (str_is(json_member_text(item, member), name)) return item;
    }
    return NULL;
}

static const struct json *warning(const struct json *card, const char *code) {
    return named(json_member(card, "warnings"), "code", code);
}

static double number_at(const struct json *node, const char *member) {
    return json_member_number(node, member, NAN);
}

static void holds(const struct json *interval) {
    double value = number_at(interval, "value");
    CHECK(number_at(interval, "low") <= value + 1e-12);
    CHECK(number_at(interval, "high") >= value - 1e-12);
}

// ---- decisions ------------------------------

static void decisions_are_told(void) {
    struct sample s = sample_make(4000, 6, TASK_BINARY, 2);
    struct tabular_options options = options_of(LEARNER_BOOST);
    options.cost_false_alarm = 1;
    options.cost_miss = 20;
    struct json *card = card_of(&s, &options);
    REQUIRE(card != NULL);
    const struct json *decisions = json_member(card, "decisions");
    const struct json *choices = json_member(decisions, "choices");
    CHECK_EQ(json_count(choices), 9);
    const struct json *half = named(choices, "rule", "half");
    const struct json *cheap = named(choices, "rule", "cost");
    const struct json *youden = named(choices, "rule", "youden");
    REQUIRE(half && cheap && youden);
    CHECK_NEAR(number_at(half, "threshold"), 0.5, 0);
    // Misses cost twenty times a false alarm: the threshold goes down, and so does the cost.
    CHECK(number_at(cheap, "threshold") < 0.4);
    CHECK(number_at(json_member(cheap, "cost"), "value") <
          number_at(json_member(half, "cost"), "value"));
    const struct json *costs = json_member(decisions, "costs");
    CHECK(number_at(json_member(cheap, "cost"), "value") <
          fmin(number_at(costs, "all"), number_at(costs, "none")));
    CHECK_NEAR(number_at(youden, "threshold"),
               number_at(json_member(card, "confusion"), "threshold"), 0);
    for (const struct json *c = json_first(choices); c; c = json_next(c)) {
        holds(json_member(c, "sensitivity"));
        holds(json_member(c, "specificity"));
        holds(json_member(c, "cost"));
    }
    // The confusion's counts are those of its threshold.
    const struct json *counts = json_member(json_member(card, "confusion"), "counts");
    const struct json *positive = json_next(json_first(counts));
    double missed = json_number(json_first(positive), NAN);
    double found = json_number(json_next(json_first(positive)), NAN);
    CHECK_NEAR(number_at(json_member(youden, "sensitivity"), "value"), found / (found + missed),
               1e-12);
    const struct json *benefit = json_member(decisions, "benefit");
    CHECK_EQ(json_count(benefit), 50);
    for (const struct json *b = json_first(benefit); b; b = json_next(b)) {
        CHECK(number_at(b, "low") <= number_at(b, "model") + 1e-12 &&
              number_at(b, "high") >= number_at(b, "model") - 1e-12);
    }
    CHECK_EQ(json_count(json_member(decisions, "gains")), 10);
    const struct json *grid = json_member(decisions, "thresholds");
    CHECK(json_count(grid) > 20 && json_count(grid) <= 101);
    uint64_t tests = json_member_u64(json_member(card, "rows"), "test", 0);
    for (const struct json *g = json_first(grid); g; g = json_next(g)) {
        double sum = 0;
        for (const struct json *n = json_first(json_member(g, "test")); n; n = json_next(n)) {
            sum += json_number(n, NAN);
        }
        CHECK_NEAR(sum, (double)tests, 0);
    }
    json_close(card);
    options.validate_milli = 0; // nothing to choose on: only one half is told
    card = card_of(&s, &options);
    REQUIRE(card != NULL);
    CHECK_EQ(json_count(json_member(json_member(card, "decisions"), "choices")), 1);
    json_close(card);
    sample_close(&s);
}

// ---- groups ------------------------------

// Group "b" gets its answers by chance; group "a" by the first column.
static void groups_are_told(void) {
    enum { ROWS = 6000 };
    static uint32_t value[ROWS];
    static const struct str values[] = {STR("a"), STR("b"), STR("")};
    struct sample s = sample_make(ROWS, 4, TASK_BINARY, 2);
    for (uint64_t i = 0; i < ROWS; i++) {
        value[i] = (uint32_t)check_below(2);
        double x = (double)s.columns[0][i];
        s.truth[i] = value[i] ? check_below(10) < 3 : x + 0.2 * sample_normal() > 0;
    }
    struct judge_column by = {STR("sex"), values, 3, value};
    struct tabular_options options = options_of(LEARNER_BOOST);
    options.judge.by = &by;
    options.judge.by_count = 1;
    struct json *card = card_of(&s, &options);
    REQUIRE(card != NULL);
    const struct json *group = named(json_member(card, "groups"), "column", "sex");
    REQUIRE(group != NULL);
    const struct json *list = json_member(group, "values");
    CHECK_EQ(json_count(list), 2); // nobody is in the third
    const struct json *a = named(list, "value", "a"), *b = named(list, "value", "b");
    REQUIRE(a && b);
    CHECK_EQ(json_member_u64(a, "rows", 0) + json_member_u64(b, "rows", 0),
             json_member_u64(json_member(card, "rows"), "test", 0));
    CHECK(number_at(json_member(a, "auc"), "value") > 0.9);
    CHECK_NEAR(number_at(json_member(b, "auc"), "value"), 0.5, 0.1);
    CHECK_NEAR(number_at(json_member(b, "rate"), "value"), 0.3, 0.06);
    CHECK(number_at(json_member(a, "tpr"), "value") > 0.8);
    holds(json_member(a, "tpr"));
    holds(json_member(b, "calibration_gap"));
    const struct json *chance =
        named(json_member(group, "differences"), "name", "equal_opportunity");
    REQUIRE(chance != NULL);
    CHECK_TEXT(json_member_text(chance, "most"), "a");
    CHECK_TEXT(json_member_text(chance, "least"), "b");
    CHECK_NEAR(number_at(chance, "value"),
               number_at(json_member(a, "tpr"), "value") -
                   number_at(json_member(b, "tpr"), "value"),
               1e-12);
    CHECK(number_at(chance, "low") > 0);
    json_close(card);
    sample_close(&s);
}

static void groups_of_other_tasks(void) {
    enum { ROWS = 3000 };
    static uint32_t value[ROWS];
    static const struct str values[] = {STR("small"), STR("large")};
    struct judge_column by = {STR("size"), values, 2, value};
    struct tabular_options options = options_of(LEARNER_BOOST);
    options.judge.by = &by;
    options.judge.by_count = 1;
    struct sample s = sample_make(ROWS, 4, TASK_REGRESSION, 0);
    for (uint64_t i = 0; i < ROWS; i++) {
        value[i] = i % 3 == 0;
        if (value[i]) s.truth[i] += 30 * sample_normal(); // harder
    }
    struct json *card = card_of(&s, &options);
    REQUIRE(card != NULL);
    const struct json *group = json_first(json_member(card, "groups"));
    const struct json *worse = named(json_member(group, "differences"), "name", "rmse");
    REQUIRE(worse != NULL);
    CHECK_TEXT(json_member_text(worse, "most"), "large");
    CHECK(number_at(worse, "low") > 0);
    json_close(card);
    sample_close(&s);
    s = sample_make(ROWS, 4, TASK_CLASSES, 3);
    card = card_of(&s, &options);
    REQUIRE(card != NULL);
    group = json_first(json_member(card, "groups"));
    holds(json_member(json_first(json_member(group, "values")), "accuracy"));
    json_close(card);
    sample_close(&s);
}

// Counts, quantiles and survival by group; "large" rows are the harder ones, and cost more than the
// model says where nothing tells it of them.
enum { JUDGED_ROWS = 3000 };
static uint32_t judged_value[JUDGED_ROWS];
static const struct str judged_values[] = {STR("small"), STR("large")};
static struct judge_column judged_by = {STR("size"), judged_values, 2, judged_value};

static struct tabular_options judged_options(void) {
    struct tabular_options options = options_of(LEARNER_BOOST);
    options.judge.by = &judged_by;
    options.judge.by_count = 1;
    for (int i = 0; i < JUDGED_ROWS; i++) judged_value[i] = i % 3 == 0;
    return options;
}

// The named value of the one group, and the difference by name.
static const struct json *judged_group(const struct json *card, const char *value) {
    const struct json *group = json_first(json_member(card, "groups"));
    return named(json_member(group, "values"), "value", value);
}
static const struct json *judged_difference(const struct json *card, const char *name) {
    const struct json *group = json_first(json_member(card, "groups"));
    return named(json_member(group, "differences"), "name", name);
}

static double measured(const struct json *card, const char *value, const char *name) {
    holds(json_member(judged_group(card, value), name));
    return number_at(json_member(judged_group(card, value), name), "value");
}

// The headline, both comparisons and the folds of the task.
static void whole_card(const struct json *card, const char *headline, const char *better) {
    const struct json *metric = json_first(json_member(card, "metrics"));
    CHECK_TEXT(json_member_text(metric, "name"), headline);
    for (; metric; metric = json_next(metric)) {
        holds(metric);
        CHECK(isfinite(number_at(metric, "value")) && isfinite(number_at(metric, "low")));
    }
    const char *const others[] = {"baseline", "baseline_linear"};
    for (int i = 0; i < 2; i++) {
        const struct json *other = json_member(card, others[i]);
        const struct json *difference = json_member(other, "difference");
        CHECK_TEXT(json_member_text(difference, "name"), headline);
        CHECK_TEXT(json_member_text(difference, "better"), better);
        holds(difference);
        double own = number_at(named(json_member(card, "metrics"), "name", headline), "value");
        double its = number_at(named(json_member(other, "metrics"), "name", headline), "value");
        CHECK_NEAR(number_at(difference, "value"), own - its, 1e-9);
    }
    CHECK(isfinite(number_at(named(json_member(card, "folds_summary"), "name", headline), "mean")));
}

static void quantiles_and_counts_are_judged(void) {
    struct tabular_options options = judged_options();
    options.folds = 3;
    options.loss = LOSS_QUANTILE;
    options.quantile = 0.9;
    struct sample s = sample_make(JUDGED_ROWS, 4, TASK_REGRESSION, 0);
    for (int i = 0; i < JUDGED_ROWS; i++) {
        s.truth[i] += (judged_value[i] ? 30 : 1) * sample_normal();
    }
    struct json *card = card_of(&s, &options);
    REQUIRE(card != NULL);
    whole_card(card, "pinball", "lower");
    CHECK(measured(card, "large", "pinball") > 1.5 * measured(card, "small", "pinball"));
    CHECK(measured(card, "large", "coverage") < measured(card, "small", "coverage"));
    CHECK_TEXT(json_member_text(judged_difference(card, "coverage"), "most"), "small");
    // Linear regression with the residuals' quantile on top covers about as it should.
    const struct json *linear = json_member(json_member(card, "baseline_linear"), "metrics");
    CHECK_NEAR(number_at(named(linear, "name", "coverage"), "value"), 0.9, 0.08);
    json_close(card);
    sample_close(&s);
    options.loss = LOSS_POISSON;
    s = sample_make(JUDGED_ROWS, 4, TASK_REGRESSION, 0);
    for (int i = 0; i < JUDGED_ROWS; i++) {
        double mean = exp(0.5 * (double)s.columns[0][i]) * (judged_value[i] ? 3 : 1);
        s.truth[i] = floor(mean + check_uniform());
    }
    card = card_of(&s, &options);
    REQUIRE(card != NULL);
    whole_card(card, "poisson_deviance", "lower");
    CHECK(measured(card, "large", "bias") < 0 && measured(card, "small", "bias") > 0);
    CHECK_TEXT(json_member_text(judged_difference(card, "bias"), "least"), "large");
    json_close(card);
    sample_close(&s);
}

static void survival_is_judged(void) {
    static uint8_t event[JUDGED_ROWS];
    struct tabular_options options = judged_options();
    options.folds = 3;
    struct sample s = sample_make(JUDGED_ROWS, 4, TASK_SURVIVAL, 0);
    for (int i = 0; i < JUDGED_ROWS; i++) {
        double risk = exp((double)s.columns[0][i]) * (judged_value[i] ? 2 : 1);
        double lasts = -log(1 - check_uniform()) / risk, watched = 2 * check_uniform();
        event[i] = lasts <= watched;
        s.truth[i] = fmin(lasts, watched);
    }
    s.target.event = event;
    struct json *card = card_of(&s, &options);
    REQUIRE(card != NULL);
    whole_card(card, "c_index", "higher");
    CHECK(measured(card, "small", "c_index") > 0.65);
    // Of the large ones more happens than was expected, of the small ones less.
    CHECK(measured(card, "large", "events") > measured(card, "large", "expected"));
    CHECK(measured(card, "small", "events") < measured(card, "small", "expected"));
    const struct json *gap = judged_difference(card, "calibration_gap");
    CHECK_TEXT(json_member_text(gap, "most"), "small");
    CHECK(number_at(gap, "low") > 0);
    json_close(card);
    // By time, oldest first.
    static double time[JUDGED_ROWS];
    for (int i = 0; i < JUDGED_ROWS; i++) time[i] = i;
    options.judge.time = time;
    options.judge.time_name = STR("when");
    options.judge.time_splits = true;
    card = card_of(&s, &options);
    REQUIRE(card != NULL);
    whole_card(card, "c_index", "higher");
    CHECK_EQ(json_count(json_member(card, "folds")), 3);
    json_close(card);
    sample_close(&s);
}

// Rows of weight 2 are as two rows: everything that is told of the test side.
static void weights_count_in_all_parts(void) {
    enum { ROWS = 2000 };
    static double once[ROWS];
    static uint32_t value[ROWS];
    static uint8_t side[ROWS];
    struct sample s = sample_make(ROWS, 5, TASK_BINARY, 2);
    struct judge_column by = {STR("size"), judged_values, 2, value};
    struct tabular_options options = options_of(LEARNER_BOOST);
    options.judge.by = &by;
    options.judge.by_count = 1;
    options.side = side;
    for (int i = 0; i < ROWS; i++) {
        side[i] = i % 5 == 0 ? SIDE_TEST : i % 5 == 1 ? SIDE_VALIDATE : SIDE_TRAIN;
        value[i] = i % 2;
        once[i] = side[i] == SIDE_TEST && value[i] ? 3 : 1;
    }
    s.target.weight = once;
    struct json *card = card_of(&s, &options);
    REQUIRE(card != NULL);
    double counts = 0;
    const struct json *cells = json_first(json_member(json_member(card, "confusion"), "counts"));
    for (; cells; cells = json_next(cells)) {
        for (const struct json *n = json_first(cells); n; n = json_next(n)) {
            counts += json_number(n, NAN);
        }
    }
    CHECK_NEAR(counts, 200 + 3 * 200, 0);
    const struct json *odd = judged_group(card, "large"), *even = judged_group(card, "small");
    REQUIRE(odd && even);
    CHECK_EQ(json_member_u64(odd, "rows", 0), 200);
    // The whole's accuracy is the groups' by weight: rate here, from the decision at one half.
    const struct json *choices = json_member(json_member(card, "decisions"), "choices");
    const struct json *half = named(choices, "rule", "youden");
    double positives[2] = {number_at(json_member(even, "rate"), "value") * 200,
                           number_at(json_member(odd, "rate"), "value") * 600};
    double found = positives[0] * number_at(json_member(even, "tpr"), "value") +
                   positives[1] * number_at(json_member(odd, "tpr"), "value");
    CHECK_NEAR(number_at(json_member(half, "sensitivity"), "value"),
               found / (positives[0] + positives[1]), 1e-9);
    json_close(card);
    sample_close(&s);
}

// Few rows differ: equal ones part, or whole kinds of rows would never be learnt.
static void few_rows_that_differ(void) {
    enum { ROWS = 2000 };
    struct sample s = sample_make(ROWS, 2, TASK_BINARY, 2);
    for (int i = 0; i < ROWS; i++) {
        s.columns[0][i] = (float)check_below(3);
        s.columns[1][i] = (float)check_below(2);
        s.truth[i] = check_uniform() < 0.2 + 0.3 * (double)s.columns[0][i];
    }
    struct tabular_options options = options_of(LEARNER_BOOST);
    options.folds = 2;
    struct json *card = card_of(&s, &options);
    REQUIRE(card != NULL);
    CHECK_TEXT(json_member_text(json_member(card, "split"), "groups"), "none");
    CHECK(warning(card, "train.few_rows_differ") != NULL);
    CHECK(!warning(card, "train.duplicates_both_sides"));
    CHECK_NEAR((double)json_member_u64(json_member(card, "rows"), "test", 0), 400, 2);
    CHECK_EQ(json_count(json_member(card, "folds")), 2);
    json_close(card);
    for (int i = 0; i < ROWS; i++) s.columns[0][i] = s.columns[1][i] = i % 7 ? NAN : 0;
    card = card_of(&s, &options); // two kinds of rows are enough
    CHECK(card != NULL);
    json_close(card);
    for (int i = 0; i < ROWS; i++) s.columns[0][i] = NAN, s.columns[1][i] = 3;
    struct tabular_model *model = NULL;
    struct fault fault = {0};
    struct buf text;
    buf_open(&text, 1 << 20);
    CHECK_EQ(tabular_train(&s.frame, &s.target, &options, NULL, &model, &text, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "train.nothing_varies");
    buf_close(&text);
    sample_close(&s);
}

// The rows that validated join those that trained before the test side judges: better, and never
// where the caller chose the sides.
static void few_rows_are_fitted_again(void) {
    enum { ROWS = 900, ROUNDS = 6 };
    static uint8_t side[ROWS];
    double again = 0, once = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct sample s = sample_make(ROWS, 8, TASK_REGRESSION, 0);
        struct tabular_options options = options_of(LEARNER_BOOST);
        options.trees = 200;
        options.side_told = side;
        struct json *card = card_of(&s, &options);
        REQUIRE(card != NULL);
        CHECK(json_member_bool(json_member(card, "split"), "refitted", false));
        again += number_at(json_first(json_member(card, "metrics")), "value");
        json_close(card);
        options.side_told = NULL;
        options.side = side;
        card = card_of(&s, &options);
        REQUIRE(card != NULL);
        CHECK(!json_member_bool(json_member(card, "split"), "refitted", true));
        once += number_at(json_first(json_member(card, "metrics")), "value");
        json_close(card);
        sample_close(&s);
    }
    CHECK(again < 0.98 * once);
}

// Few different rows have few different answers, each of many rows; fitted again they all lie a
// little elsewhere, and the threshold must still part them.
static void a_second_fit_keeps_the_threshold(void) {
    enum { ROWS = 1000 };
    for (int round = 0; round < 8; round++) {
        struct sample s = sample_make(ROWS, 2, TASK_BINARY, 2);
        for (int i = 0; i < ROWS; i++) {
            bool high = check_below(2);
            s.columns[0][i] = high;
            s.columns[1][i] = (float)check_below(3);
            s.truth[i] = check_below(10) > 0 ? high : !high;
        }
        struct tabular_options options = options_of(round % 2 ? LEARNER_LINEAR : LEARNER_BOOST);
        options.seed = (uint64_t)round;
        struct json *card = card_of(&s, &options);
        REQUIRE(card != NULL);
        CHECK(json_member_bool(json_member(card, "split"), "refitted", false));
        const struct json *metrics = json_member(card, "metrics");
        CHECK(number_at(named(metrics, "name", "accuracy"), "value") > 0.8); // .9 at best
        json_close(card);
        sample_close(&s);
    }
}

static double rmse_of(const struct sample *s, const double *predicted, const uint8_t *side) {
    double sum = 0, count = 0;
    for (uint64_t i = 0; i < s->frame.rows; i++) {
        if (side[i] != SIDE_TEST) continue;
        double off = predicted[i] - s->target.values[i];
        sum += off * off;
        count++;
    }
    return sqrt(sum / count);
}

// The scorecard and what is told of the rows are the judged model's, which had not seen the test
// rows; the one handed out has, unless that is not wanted.
static void all_rows_teach_in_the_end(void) {
    enum { ROWS = 600 };
    static uint8_t side[ROWS];
    static double judged[ROWS], answered[ROWS];
    for (int keep = 0; keep < 2; keep++) {
        struct sample s = sample_make(ROWS, 6, TASK_REGRESSION, 0);
        struct tabular_options options = options_of(LEARNER_BOOST);
        struct tabular_model *model = NULL;
        struct fault fault = {0};
        struct buf text;
        struct json *card = NULL;
        options.side_told = side;
        options.judged = judged;
        options.keep_test = keep;
        buf_open(&text, 1 << 22);
        REQUIRE(tabular_train(&s.frame, &s.target, &options, NULL, &model, &text, &fault) == OK);
        REQUIRE(json_parse(buf_str(&text), &card, &fault) == OK);
        REQUIRE(tabular_predict(model, &s.frame, 1, answered, NULL) == OK);
        CHECK_EQ(json_member_bool(json_member(card, "split"), "all_rows", keep), !keep);
        double told = number_at(json_first(json_member(card, "metrics")), "value");
        CHECK_NEAR(rmse_of(&s, judged, side), told, 1e-9 * told);
        double answer = rmse_of(&s, answered, side);
        if (keep) {
            CHECK_NEAR(answer, told, 1e-9 * told);
        } else {
            CHECK(answer < 0.9 * told);
        }
        json_close(card);
        buf_close(&text);
        tabular_close(model);
        sample_close(&s);
    }
}

// Groups so large that none is left to test: told, not a score of nothing.
static void nothing_left_to_test(void) {
    enum { ROWS = 400 };
    static uint64_t group[ROWS];
    struct sample s = sample_make(ROWS, 3, TASK_BINARY, 2);
    struct tabular_options options = options_of(LEARNER_BOOST);
    struct tabular_model *model = NULL;
    struct fault fault = {0};
    struct buf text;
    buf_open(&text, 1 << 20);
    options.group = group; // all in one
    CHECK_EQ(tabular_train(&s.frame, &s.target, &options, NULL, &model, &text, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "train.split_leaves_too_few");
    buf_close(&text);
    sample_close(&s);
}

// ---- comparison ------------------------------

static void difference_is_paired(void) {
    struct tabular_options options = options_of(LEARNER_BOOST);
    struct sample s = sample_make(4000, 6, TASK_BINARY, 2);
    struct json *card = card_of(&s, &options);
    REQUIRE(card != NULL);
    const struct json *rule = json_member(card, "baseline");
    const struct json *difference = json_member(rule, "difference");
    const struct json *own = named(json_member(card, "metrics"), "name", "auc");
    const struct json *other = named(json_member(rule, "metrics"), "name", "auc");
    CHECK_TEXT(json_member_text(difference, "name"), "auc");
    CHECK_NEAR(number_at(difference, "value"), number_at(own, "value") - number_at(other, "value"),
               1e-12);
    holds(difference);
    CHECK(number_at(difference, "low") > 0);
    const struct json *linear = json_member(json_member(card, "baseline_linear"), "difference");
    CHECK(json_is_object(linear));
    json_close(card);
    sample_close(&s);
    s = sample_make(3000, 6, TASK_REGRESSION, 0);
    card = card_of(&s, &options);
    REQUIRE(card != NULL);
    difference = json_member(json_member(card, "baseline"), "difference");
    CHECK_TEXT(json_member_text(difference, "name"), "rmse");
    CHECK(number_at(difference, "high") < 0); // a lower error
    json_close(card);
    sample_close(&s);
}

// ---- folds and time ------------------------------

static void folds_are_told(void) {
    enum { ROWS = 3000 };
    static double time[ROWS];
    struct sample s = sample_make(ROWS, 6, TASK_BINARY, 2);
    struct tabular_options options = options_of(LEARNER_BOOST);
    struct json *plain = card_of(&s, &options);
    options.folds = 5;
    struct json *card = card_of(&s, &options);
    REQUIRE(plain && card);
    // The model comes from the usual split: its figures are the same.
    CHECK_NEAR(number_at(named(json_member(card, "metrics"), "name", "auc"), "value"),
               number_at(named(json_member(plain, "metrics"), "name", "auc"), "value"), 0);
    const struct json *folds = json_member(card, "folds");
    CHECK_EQ(json_count(folds), 5);
    uint64_t tested = 0;
    double sum = 0;
    for (const struct json *f = json_first(folds); f; f = json_next(f)) {
        const struct json *rows = json_member(f, "rows");
        tested += json_member_u64(rows, "test", 0);
        CHECK(json_member_u64(rows, "validate", 0) > 300);
        sum += number_at(named(json_member(f, "metrics"), "name", "auc"), "value");
    }
    CHECK_EQ(tested, ROWS); // each row tests once
    const struct json *mean = named(json_member(card, "folds_summary"), "name", "auc");
    CHECK_NEAR(number_at(mean, "mean"), sum / 5, 1e-12);
    CHECK(number_at(mean, "spread") > 0 && number_at(mean, "spread") < 0.1);
    json_close(card);
    for (uint64_t i = 0; i < ROWS; i++) time[i] = (double)(i * 7919 % ROWS);
    options.judge.time = time;
    options.judge.time_name = STR("when");
    options.judge.time_splits = true;
    card = card_of(&s, &options);
    REQUIRE(card != NULL);
    CHECK_TEXT(json_member_text(json_member(card, "split"), "groups"), "time");
    folds = json_member(card, "folds");
    CHECK_EQ(json_count(folds), 5);
    uint64_t before = 0;
    for (const struct json *f = json_first(folds); f; f = json_next(f)) {
        uint64_t trained = json_member_u64(json_member(f, "rows"), "train", 0);
        CHECK(trained > before); // the origin rolls on
        before = trained;
    }
    CHECK(!warning(card, "train.time_backwards"));
    json_close(card);
    json_close(plain);
    sample_close(&s);
}

static void splits_by_time(void) {
    enum { ROWS = 1000 };
    double time[ROWS];
    uint8_t side[ROWS];
    for (int i = 0; i < ROWS; i++) time[i] = i % 17 == 0 ? NAN : (double)check_below(60);
    REQUIRE(split_time(time, ROWS, 200, 160, side) == OK);
    double newest[4] = {-1, -1, -1, -1}, oldest[4] = {99, 99, 99, 99};
    uint64_t counts[4] = {0};
    for (int i = 0; i < ROWS; i++) {
        counts[side[i]]++;
        if (isnan(time[i])) {
            CHECK_EQ(side[i], SIDE_TRAIN);
            continue;
        }
        newest[side[i]] = fmax(newest[side[i]], time[i]);
        oldest[side[i]] = fmin(oldest[side[i]], time[i]);
    }
    CHECK(newest[SIDE_TRAIN] < oldest[SIDE_VALIDATE]);
    CHECK(newest[SIDE_VALIDATE] < oldest[SIDE_TEST]);
    CHECK_NEAR((double)counts[SIDE_TEST], 200, 20);
    CHECK_NEAR((double)counts[SIDE_VALIDATE], 160, 20);
    for (uint32_t k = 0; k < 4; k++) {
        REQUIRE(split_rolling(time, ROWS, 4, k, 160, side) == OK);
        double tests = 99, learns = -1;
        for (int i = 0; i < ROWS; i++) {
            if (isnan(time[i])) continue;
            if (side[i] == SIDE_TEST) tests = fmin(tests, time[i]);
            if (side[i] < SIDE_TEST) learns = fmax(learns, time[i]);
        }
        CHECK(learns < tests);
    }
    CHECK_EQ(split_time(time, ROWS, 600, 400, side), ERR_INPUT);
}

static void folds_keep_groups(void) {
    enum { ROWS = 5000, FOLDS = 4 };
    static uint64_t group[ROWS];
    static uint32_t stratum[ROWS], fold[ROWS];
    for (int i = 0; i < ROWS; i++) {
        group[i] = check_below(1500);
        stratum[i] = seed_mix(group[i]) % 8 == 0;
    }
    REQUIRE(split_folds(group, stratum, ROWS, FOLDS, 3, fold) == OK);
    int of_group[1500];
    memset(of_group, 255, sizeof of_group);
    double counts[FOLDS] = {0}, rare[FOLDS] = {0}, total = 0;
    for (int i = 0; i < ROWS; i++) {
        REQUIRE(fold[i] < FOLDS);
        CHECK(of_group[group[i]] < 0 || of_group[group[i]] == (int)fold[i]);
        of_group[group[i]] = (int)fold[i];
        counts[fold[i]]++;
        rare[fold[i]] += stratum[i];
        total += stratum[i];
    }
    for (int k = 0; k < FOLDS; k++) {
        CHECK_NEAR(counts[k], ROWS / FOLDS, 15);
        CHECK_NEAR(rare[k], total / FOLDS, 12);
    }
}

// ---- leaks ------------------------------

static void leaks_are_told(void) {
    enum { ROWS = 4000 };
    static uint64_t entity[ROWS], group[ROWS];
    static double time[ROWS];
    struct sample s = sample_make(ROWS, 6, TASK_BINARY, 2);
    struct tabular_options options = options_of(LEARNER_BOOST);
    for (uint64_t i = 0; i < ROWS; i++) {
        entity[i] = i / 4;
        group[i] = i;
        time[i] = (double)i;
        s.columns[1][i] = s.truth[i] > 0 && check_below(5) ? (float)check_below(30) : NAN;
    }
    struct json *card = card_of(&s, &options);
    REQUIRE(card != NULL);
    CHECK(!warning(card, "train.same_entity_both_sides"));
    CHECK(!warning(card, "train.duplicates_both_sides"));
    CHECK(!warning(card, "train.time_backwards"));
    const struct json *filled = warning(card, "train.filled_after");
    REQUIRE(filled != NULL);
    CHECK_TEXT(json_member_text(filled, "detail"), "x1");
    json_close(card);
    for (uint64_t i = 0; i < ROWS; i += 2) { // every other row is there twice
        for (uint32_t f = 0; f < 6; f++) s.columns[f][i + 1] = s.columns[f][i];
    }
    options.judge.entity = entity;
    options.judge.entity_name = STR("patient");
    options.judge.time = time;
    options.judge.time_name = STR("when");
    options.group = group;
    card = card_of(&s, &options);
    REQUIRE(card != NULL);
    CHECK(warning(card, "train.same_entity_both_sides"));
    CHECK(warning(card, "train.duplicates_both_sides"));
    CHECK(warning(card, "train.time_backwards"));
    json_close(card);
    options.group = entity; // patients stay together: nothing to tell
    card = card_of(&s, &options);
    REQUIRE(card != NULL);
    CHECK(!warning(card, "train.same_entity_both_sides"));
    CHECK(!warning(card, "train.duplicates_both_sides"));
    json_close(card);
    sample_close(&s);
    s = sample_make(ROWS, 4, TASK_REGRESSION, 0);
    for (uint64_t i = 0; i < ROWS; i++) {
        s.columns[0][i] = i % 2 ? 1.0f : NAN;
        if (i % 2) s.truth[i] += 500;
    }
    options = options_of(LEARNER_BOOST);
    card = card_of(&s, &options);
    REQUIRE(card != NULL);
    CHECK(warning(card, "train.filled_after"));
    json_close(card);
    sample_close(&s);
}

// ---- faults ------------------------------

static int train_once(void *context) {
    const struct sample *s = context;
    static uint32_t value[300];
    static double time[300];
    static const struct str values[] = {STR("a"), STR("b")};
    for (uint32_t i = 0; i < 300; i++) value[i] = i % 2, time[i] = i;
    struct judge_column by = {STR("g"), values, 2, value};
    struct tabular_options options = options_of(LEARNER_BOOST);
    options.trees = 2;
    options.threads = 1;
    options.folds = 2;
    options.judge = (struct tabular_judge){.by = &by, .by_count = 1, .time = time};
    struct tabular_model *model = NULL;
    struct buf text;
    struct fault fault = {0};
    buf_open(&text, 4 << 20);
    enum err err = tabular_train(&s->frame, &s->target, &options, NULL, &model, &text, &fault);
    CHECK(err == OK ? model != NULL : model == NULL);
    CHECK(err == OK || err == ERR_MEMORY);
    tabular_close(model);
    buf_close(&text);
    return err;
}

static void memory_faults(void) {
    struct sample s = sample_make(300, 4, TASK_BINARY, 2);
    CHECK(check_faults(memory_fail_after, train_once, &s) > 20);
    sample_close(&s);
}

int main(void) {
    CHECK_RUN(decisions_are_told);
    CHECK_RUN(groups_are_told);
    CHECK_RUN(groups_of_other_tasks);
    CHECK_RUN(quantiles_and_counts_are_judged);
    CHECK_RUN(survival_is_judged);
    CHECK_RUN(weights_count_in_all_parts);
    CHECK_RUN(few_rows_that_differ);
    CHECK_RUN(few_rows_are_fitted_again);
    CHECK_RUN(a_second_fit_keeps_the_threshold);
    CHECK_RUN(all_rows_teach_in_the_end);
    CHECK_RUN(nothing_left_to_test);
    CHECK_RUN(difference_is_paired);
    CHECK_RUN(folds_are_told);
    CHECK_RUN(splits_by_time);
    CHECK_RUN(folds_keep_groups);
    CHECK_RUN(leaks_are_told);
    CHECK_RUN(memory_faults);
    return check_done();
}
