// The losses: kernels against the reference in double, derivatives against differences, Cox's
// likelihood against its definition; what quantiles, counts and survival models learn; weights.
#include "model/tabular/loss_private.h"

#include <unistd.h>

#include "base/log.h"
#include "model/measure/measure.h"
#include "model/tabular/gradient_private.h"
#include "model/tabular/model_private.h"
#include "support/samples.h"

static struct tabular_options options_of(enum tabular_learner learner, enum tabular_loss loss) {
    struct tabular_options options;
    tabular_options_default(&options);
    options.learner = learner;
    options.loss = loss;
    return options;
}

// ---- derivatives ------------------------------

static void loss_is_differentiable(const struct loss *loss, double quantile, double target) {
    struct loss_shape shape = {1, quantile};
    for (int i = 0; i < 200; i++) {
        double at = 3 * sample_normal(), step = 1e-5, above[1] = {at + step},
               below[1] = {at - step}, here[1] = {at};
        if (fabs(at - target) < 1e-3) continue; // the pinball loss has a corner
        double rise = loss->row(&shape, target, above, 1) - loss->row(&shape, target, below, 1);
        loss->row(&shape, target, here, 1);
        CHECK_NEAR(here[0], rise / (2 * step), 1e-5 * (1 + fabs(here[0])));
        // The kernel of float scores gives the same, on any instruction set.
        float score[16] = {(float)at}, truth[16] = {(float)target}, g[16], h[16];
        double exact[1] = {(double)score[0]};
        struct loss_side side = {
            .shape = shape, .rows = 1, .stride = 16, .target = truth, .score = score};
        loss->gradient(&side, 0, 1, g, h);
        loss->row(&shape, (double)truth[0], exact, 1);
        CHECK_NEAR(g[0], exact[0], 2e-6 * (1 + fabs(exact[0]) + fabs(target)));
        CHECK(h[0] > 0);
    }
}

static void rows_are_differentiable(void) {
    loss_is_differentiable(loss_of(TASK_BINARY, LOSS_SQUARED), 0.5, 0);
    loss_is_differentiable(loss_of(TASK_BINARY, LOSS_SQUARED), 0.5, 1);
    loss_is_differentiable(loss_of(TASK_REGRESSION, LOSS_SQUARED), 0.5, 0.7);
    loss_is_differentiable(loss_of(TASK_REGRESSION, LOSS_QUANTILE), 0.9, 0.25);
    loss_is_differentiable(loss_of(TASK_REGRESSION, LOSS_QUANTILE), 0.1, 0.25);
    loss_is_differentiable(loss_of(TASK_REGRESSION, LOSS_POISSON), 0.5, 0);
    loss_is_differentiable(loss_of(TASK_REGRESSION, LOSS_POISSON), 0.5, 4);
}

static void kernels_agree(void) {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2")) CHECK_SKIP("no AVX2");
    float score[64], target[64], g[2][64], h[2][64];
    for (int i = 0; i < 64; i++) {
        score[i] = (float)(6 * sample_normal());
        target[i] = (float)check_below(9);
    }
    gradient_reference.poisson(score, target, 64, g[0], h[0]);
    gradient_avx2.poisson(score, target, 64, g[1], h[1]);
    CHECK_BYTES(g[1], sizeof g[1], g[0], sizeof g[0]);
    CHECK_BYTES(h[1], sizeof h[1], h[0], sizeof h[0]);
#endif
}

// ---- Cox ------------------------------

enum { COX_ROWS = 120 };
struct cox_case {
    double time[COX_ROWS], weight[COX_ROWS], margin[COX_ROWS];
    uint8_t event[COX_ROWS];
    bool weighted;
};

static double weight_in(const struct cox_case *c, int i) {
    return c->weighted ? c->weight[i] : 1;
}

// Breslow's partial likelihood as it is defined: every event against all that were still there.
static double cox_by_definition(const struct cox_case *c) {
    double loss = 0;
    for (int i = 0; i < COX_ROWS; i++) {
        double there = 0;
        if (!c->event[i]) continue;
        for (int j = 0; j < COX_ROWS; j++) {
            if (c->time[j] >= c->time[i]) there += weight_in(c, j) * exp(c->margin[j]);
        }
        loss -= weight_in(c, i) * (c->margin[i] - log(there));
    }
    return loss;
}

static struct cox *cox_of(const struct cox_case *c, struct pool *pool) {
    struct truth truth = {c->time, c->weighted ? c->weight : NULL, c->event, NULL, COX_ROWS};
    struct cox *cox = NULL;
    CHECK_EQ(cox_open(&truth, &cox), OK);
    memcpy(cox_margins(cox), c->margin, sizeof c->margin);
    cox_run(cox, pool);
    return cox;
}

static void cox_equals_definition(void) {
    struct pool *pool;
    REQUIRE(pool_open(1, &pool) == OK);
    for (int round = 0; round < 40; round++) {
        struct cox_case c = {.weighted = round % 2};
        for (int i = 0; i < COX_ROWS; i++) {
            c.time[i] = (double)check_below(round % 4 < 2 ? 10 : 1000);
            c.event[i] = check_below(3) > 0;
            c.weight[i] = 0.1 + 3 * check_uniform();
            c.margin[i] = 2 * sample_normal() + (round == 7 ? 500 : 0); // no overflow
        }
        struct cox *cox = cox_of(&c, pool);
        double far = round == 7 ? 0 : cox_by_definition(&c);
        if (round != 7) CHECK_NEAR(cox_loss(cox), far, 1e-9 * fabs(far));
        CHECK(isfinite(cox_loss(cox)));
        for (int i = 0; round != 7 && i < COX_ROWS; i += 11) {
            struct cox_derivatives d = cox_derivatives(cox, (uint64_t)i);
            double at = c.margin[i], step = 1e-4, w = weight_in(&c, i);
            c.margin[i] = at + step;
            double above = cox_by_definition(&c);
            c.margin[i] = at - step;
            double below = cox_by_definition(&c);
            c.margin[i] = at;
            CHECK_NEAR(w * d.first, (above - below) / (2 * step), 1e-6);
            CHECK_NEAR(w * d.second, (above - 2 * far + below) / (step * step), 1e-3);
        }
        cox_close(cox);
    }
    pool_close(pool);
}

// Without differences in risk Breslow's baseline is Nelson and Aalen's sum of events over those
// still there; of more steps than there is room for the ends stay.
static void hazard_is_nelson_aalen(void) {
    struct pool *pool;
    struct cox_case c = {.weighted = false};
    double times[COX_ROWS], hazard[COX_ROWS], want = 0;
    REQUIRE(pool_open(1, &pool) == OK);
    for (int i = 0; i < COX_ROWS; i++) {
        c.time[i] = i / 2; // two at a time
        c.event[i] = i % 3 != 0;
        c.margin[i] = 7;
    }
    struct cox *cox = cox_of(&c, pool);
    uint32_t count = cox_hazard(cox, times, hazard, COX_ROWS), at = 0;
    for (int t = 0; t < COX_ROWS / 2; t++) {
        int events = c.event[2 * t] + c.event[2 * t + 1];
        if (events == 0) continue;
        want += events / ((COX_ROWS - 2.0 * t) * exp(7));
        REQUIRE(at < count);
        CHECK_NEAR(times[at], t, 0);
        CHECK_NEAR(hazard[at++], want, 1e-12 * want);
    }
    CHECK_EQ(at, count);
    uint32_t few = cox_hazard(cox, times, hazard, 5);
    CHECK(few >= 2 && few <= 5);
    CHECK_NEAR(hazard[few - 1], want, 1e-12 * want);
    for (uint32_t i = 1; i < few; i++) CHECK(times[i] > times[i - 1] && hazard[i] > hazard[i - 1]);
    cox_close(cox);
    pool_close(pool);
}

// ---- learning ------------------------------

struct trained {
    struct tabular_model *model;
    struct json *card;
};

static struct trained train(const struct sample *s, const struct tabular_options *options) {
    struct trained t = {0};
    struct buf text;
    struct fault fault = {0};
    buf_open(&text, 8 << 20);
    CHECK_EQ(tabular_train(&s->frame, &s->target, options, NULL, &t.model, &text, &fault), OK);
    CHECK_STR(fault.code, "");
    CHECK_EQ(json_parse(buf_str(&text), &t.card, &fault), OK);
    buf_close(&text);
    return t;
}

static void trained_close(struct trained *t) {
    tabular_close(t->model);
    json_close(t->card);
}

static double metric_in(const struct json *owner, const char *name) {
    const struct json *m = json_first(json_member(owner, "metrics"));
    for (; m; m = json_next(m)) {
        if (str_is(json_member_text(m, "name"), name)) return json_member_number(m, "value", NAN);
    }
    return NAN;
}

// Noise that grows with a column: the mean says nothing of it, the quantiles do.
static void quantiles_cover(void) {
    struct sample s = sample_take(6000, 3, TASK_REGRESSION, 0);
    for (uint64_t i = 0; i < 6000; i++) {
        for (uint32_t f = 0; f < 3; f++) s.columns[f][i] = (float)check_uniform();
        double spread = 0.2 + 3 * s.columns[1][i];
        s.truth[i] = 50 + 10 * s.columns[0][i] - spread * log(check_uniform() + 1e-9);
    }
    static const double quantiles[] = {0.1, 0.5, 0.9};
    for (int i = 0; i < 3; i++) {
        struct tabular_options options = options_of(LEARNER_BOOST, LOSS_QUANTILE);
        options.quantile = quantiles[i];
        options.trees = 150;
        struct trained t = train(&s, &options);
        CHECK_NEAR(metric_in(t.card, "coverage"), quantiles[i], 0.08);
        CHECK(str_is(json_member_text(json_first(json_member(t.card, "metrics")), "name"),
                     "pinball"));
        double ours = metric_in(t.card, "pinball");
        // The rule of one column cannot see the spread; the lowest tenth hardly depends on it.
        double rule = metric_in(json_member(t.card, "baseline"), "pinball");
        CHECK(ours < (quantiles[i] < 0.5 ? 1.05 * rule : rule));
        // Near the loss of the true quantile, which is known here.
        double best = 0;
        for (uint64_t k = 0; k < 6000; k++) {
            double spread = 0.2 + 3 * s.columns[1][k];
            double at = 50 + 10 * s.columns[0][k] - spread * log(1 - quantiles[i]);
            double off = s.truth[k] - at;
            best += (off > 0 ? quantiles[i] * off : (quantiles[i] - 1) * off) / 6000;
        }
        CHECK(ours < 1.3 * best);
        trained_close(&t);
    }
    sample_close(&s);
}

static struct sample counts_make(uint64_t rows) {
    struct sample s = sample_take(rows, 4, TASK_REGRESSION, 0);
    for (uint64_t i = 0; i < rows; i++) {
        for (uint32_t f = 0; f < 4; f++) s.columns[f][i] = (float)sample_normal();
        double rate = exp(0.5 + 0.8 * s.columns[0][i] - 0.5 * s.columns[1][i]);
        double product = check_uniform(), limit = exp(-rate); // Knuth
        for (s.truth[i] = 0; product > limit && s.truth[i] < 200; s.truth[i]++) {
            product *= check_uniform();
        }
    }
    return s;
}

static void counts_are_learnt(void) {
    struct sample s = counts_make(8000);
    for (int learner = LEARNER_BOOST; learner <= LEARNER_LINEAR; learner++) {
        struct tabular_options options = options_of((enum tabular_learner)learner, LOSS_POISSON);
        struct trained t = train(&s, &options);
        double *out = memory_take(8000 * sizeof *out), sum = 0, want = 0, deviance = 0;
        CHECK_EQ(tabular_predict(t.model, &s.frame, 1, out, NULL), OK);
        for (uint64_t i = 0; i < 8000; i++) {
            CHECK(out[i] > 0);
            sum += out[i];
            want += s.truth[i];
            double rate = exp(0.5 + 0.8 * s.columns[0][i] - 0.5 * s.columns[1][i]), y = s.truth[i];
            deviance += 2 * (rate - y + (y > 0 ? y * log(y / rate) : 0)) / 8000;
        }
        CHECK_NEAR(sum / want, 1, 0.03);
        CHECK(metric_in(t.card, "poisson_deviance") < 1.25 * deviance); // of the true rates
        memory_give(out);
        trained_close(&t);
    }
    sample_close(&s);
}

// Poisson regression without a penalty: its score equations hold.
static void counts_fit_is_the_maximum(void) {
    struct sample s = counts_make(2000);
    struct tabular_options options = options_of(LEARNER_LINEAR, LOSS_POISSON);
    options.alpha = 0;
    options.test_milli = options.validate_milli = 0;
    struct trained t = train(&s, &options);
    double *out = memory_take(2000 * sizeof *out), score[5] = {0};
    CHECK_EQ(tabular_predict(t.model, &s.frame, 1, out, NULL), OK);
    for (uint64_t i = 0; i < 2000; i++) {
        for (uint32_t f = 0; f < 4; f++) score[f] += (out[i] - s.truth[i]) * s.columns[f][i] / 2000;
        score[4] += (out[i] - s.truth[i]) / 2000;
    }
    for (int f = 0; f < 5; f++) CHECK_NEAR(score[f], 0, 1e-5);
    memory_give(out);
    trained_close(&t);
    sample_close(&s);
}

// Thirds by risk: the higher the risk the fewer are left at the end; fifths are calibrated.
static void check_survival_part(const struct json *part, const struct json *rows) {
    double left[3] = {0};
    uint64_t count = 0;
    int at = 0;
    const struct json *group = json_first(json_member(part, "groups"));
    for (; group && at < 3; group = json_next(group), at++) {
        double last = 1, time = 0;
        count += json_member_u64(group, "rows", 0);
        const struct json *point = json_first(json_member(group, "curve"));
        CHECK_NEAR(json_member_number(point, "y", 0), 1, 0);
        for (; point; point = json_next(point)) {
            double y = json_member_number(point, "y", NAN), x = json_member_number(point, "x", NAN);
            CHECK(y <= last && x >= time);
            last = y;
            time = x;
            if (time <= 0.5) left[at] = y;
        }
    }
    CHECK_EQ(at, 3);
    CHECK_EQ(count, json_member_u64(rows, "test", 0));
    CHECK(left[0] > left[1] && left[1] > left[2]);
    const struct json *told = json_first(json_member(part, "calibration"));
    CHECK(told != NULL);
    for (; told; told = json_next(told)) {
        const struct json *bin = json_first(json_member(told, "bins"));
        for (; bin; bin = json_next(bin)) {
            CHECK_NEAR(json_member_number(bin, "predicted", NAN),
                       json_member_number(bin, "observed", NAN), 0.25);
        }
    }
}

static void survival_is_learnt(void) {
    struct sample s = sample_make(5000, 6, TASK_SURVIVAL, 0);
    for (int learner = LEARNER_BOOST; learner <= LEARNER_LINEAR; learner++) {
        struct tabular_options options = options_of((enum tabular_learner)learner, LOSS_SQUARED);
        struct trained t = train(&s, &options);
        CHECK(metric_in(t.card, "c_index") > (learner == LEARNER_BOOST ? 0.67 : 0.65));
        struct tabular_about about = tabular_about(t.model);
        CHECK(about.time_count >= 2 && about.times[0] < about.times[1]);
        // Kaplan and Meier over all rows against the mean of the predicted curves.
        double *risk = memory_take(5000 * sizeof *risk), mean = 0, seen = 1;
        CHECK_EQ(tabular_predict(t.model, &s.frame, 1, risk, NULL), OK);
        double time = about.times[1];
        for (uint64_t i = 0; i < 5000; i++) {
            CHECK(risk[i] > 0);
            mean += tabular_survival(t.model, risk[i], time) / 5000;
        }
        for (int step = 1; step / 100.0 <= time; step++) {
            double there = 0, events = 0, at = step / 100.0;
            for (uint64_t i = 0; i < 5000; i++) {
                there += s.truth[i] >= at;
                events += s.event[i] && s.truth[i] == at;
            }
            seen *= 1 - events / there;
        }
        CHECK_NEAR(mean, seen, 0.035);
        check_survival_part(json_member(t.card, "survival"), json_member(t.card, "rows"));
        CHECK_NEAR(tabular_survival(t.model, 1, -1), 1, 0);
        CHECK(tabular_survival(t.model, 2, time) < tabular_survival(t.model, 1, time));
        memory_give(risk);
        trained_close(&t);
    }
    sample_close(&s);
}

// ---- weights ------------------------------

// Weight 2 is the row twice: to the minimiser's precision where fitting has one minimum.
static void weights_are_repeats(void) {
    static const struct {
        enum tabular_task task;
        enum tabular_loss loss;
    } cases[] = {{TASK_BINARY, LOSS_SQUARED},
                 {TASK_REGRESSION, LOSS_SQUARED},
                 {TASK_REGRESSION, LOSS_POISSON},
                 {TASK_SURVIVAL, LOSS_SQUARED}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct sample s = sample_make(400, 5, cases[c].task, 2);
        struct sample twice = sample_make(600, 5, cases[c].task, 2);
        double *weight = memory_take(400 * sizeof *weight), out[2][400];
        for (uint64_t i = 0; i < 400; i++) {
            if (cases[c].loss == LOSS_POISSON) s.truth[i] = (double)check_below(5);
            weight[i] = i < 200 ? 2e6 : 1e6; // only ratios count
        }
        for (uint64_t i = 0; i < 600; i++) {
            uint64_t from = i < 400 ? i : i - 400;
            for (uint32_t f = 0; f < 5; f++) twice.columns[f][i] = s.columns[f][from];
            twice.truth[i] = s.truth[from];
            twice.event[i] = s.event[from];
        }
        struct tabular_options options = options_of(LEARNER_LINEAR, cases[c].loss);
        options.alpha = 0.01;
        options.test_milli = options.validate_milli = 0;
        s.target.weight = weight;
        struct trained a = train(&s, &options), b = train(&twice, &options);
        CHECK_EQ(tabular_predict(a.model, &s.frame, 1, out[0], NULL), OK);
        CHECK_EQ(tabular_predict(b.model, &s.frame, 1, out[1], NULL), OK);
        for (int i = 0; i < 400; i++) {
            CHECK_NEAR(out[0][i], out[1][i], 1e-4 * (1 + fabs(out[1][i])));
        }
        trained_close(&a);
        trained_close(&b);
        memory_give(weight);
        sample_close(&s);
        sample_close(&twice);
    }
}

// One row a million times as heavy as the others: they still tell their own answer.
static void heavy_rows_leave_room(void) {
    enum { ROWS = 4000 };
    struct sample s = sample_take(ROWS, 2, TASK_REGRESSION, 0);
    double *weight = memory_take(ROWS * sizeof *weight), *out = memory_take(ROWS * sizeof *out);
    for (uint64_t i = 0; i < ROWS; i++) {
        s.columns[0][i] = (float)check_uniform();
        s.columns[1][i] = (float)check_uniform();
        s.truth[i] = (s.columns[0][i] > 0.5f ? 3 : -3) + 0.1 * sample_normal();
        weight[i] = 1;
    }
    s.columns[0][7] = 100;
    s.truth[7] = 0;
    weight[7] = 1e6;
    s.target.weight = weight;
    struct tabular_options options = options_of(LEARNER_BOOST, LOSS_SQUARED);
    options.min_child_weight = 1e-6;
    options.l2 = 0;
    options.test_milli = options.validate_milli = 0;
    options.trees = 60;
    struct trained t = train(&s, &options);
    CHECK_EQ(tabular_predict(t.model, &s.frame, 1, out, NULL), OK);
    double off = 0;
    for (uint64_t i = 0; i < ROWS; i++) off += fabs(out[i] - s.truth[i]) / ROWS;
    CHECK(off < 0.3);
    trained_close(&t);
    memory_give(out);
    memory_give(weight);
    sample_close(&s);
}

// Balanced classes: the model's mean probability of a rare class comes to a half, and weights by
// hand do the same; rows of weight 0 are as if they weren't there.
static void classes_balance(void) {
    struct sample s = sample_make(6000, 4, TASK_BINARY, 2);
    uint64_t kept = 0;
    for (uint64_t i = 0; i < 6000; i++) { // a tenth of the positives
        if (s.truth[i] > 0 && check_below(10) > 0) continue;
        for (uint32_t f = 0; f < 4; f++) s.columns[f][kept] = s.columns[f][i];
        s.truth[kept++] = s.truth[i];
    }
    s.frame.rows = kept;
    double *out = memory_take(kept * sizeof *out), mean[2] = {0};
    for (int balanced = 0; balanced < 2; balanced++) {
        struct tabular_options options = options_of(LEARNER_LINEAR, LOSS_SQUARED);
        s.target.balanced = balanced == 1;
        struct trained t = train(&s, &options);
        CHECK_EQ(tabular_predict(t.model, &s.frame, 1, out, NULL), OK);
        for (uint64_t i = 0; i < kept; i++) mean[balanced] += out[i] / kept;
        trained_close(&t);
    }
    double rare = 0;
    for (uint64_t i = 0; i < kept; i++) rare += s.truth[i] / kept;
    CHECK_NEAR(mean[0], rare, 0.03);
    CHECK(mean[1] > 2 * mean[0]);
    memory_give(out);
    sample_close(&s);
}

static void weightless_rows_are_left_out(void) {
    struct sample s = sample_make(1000, 4, TASK_BINARY, 2),
                  noise = sample_make(1, 4, TASK_BINARY, 2);
    double *weight = memory_take(1000 * sizeof *weight);
    for (uint64_t i = 0; i < 1000; i++) {
        weight[i] = i % 5 ? 1 : 0;
        if (weight[i] == 0) s.truth[i] = 1 - s.truth[i]; // lies that must not be heard
    }
    struct tabular_options options = options_of(LEARNER_BOOST, LOSS_SQUARED);
    struct trained heard = train(&s, &options);
    s.target.weight = weight;
    struct trained unheard = train(&s, &options);
    const struct json *rows = json_member(unheard.card, "rows");
    CHECK_EQ(json_member_u64(rows, "train", 0) + json_member_u64(rows, "validate", 0) +
                 json_member_u64(rows, "test", 0),
             800);
    CHECK(metric_in(unheard.card, "auc") > metric_in(heard.card, "auc") + 0.05);
    trained_close(&heard);
    trained_close(&unheard);
    memory_give(weight);
    sample_close(&s);
    sample_close(&noise);
}

// ---- what must not be learnt ------------------------------

static void refused(const struct sample *s, const struct tabular_options *options,
                    const char *code) {
    struct tabular_model *model = NULL;
    struct buf text;
    struct fault fault = {0};
    buf_open(&text, 8 << 20);
    CHECK_EQ(tabular_train(&s->frame, &s->target, options, NULL, &model, &text, &fault), ERR_INPUT);
    CHECK_STR(fault.code, code);
    CHECK(model == NULL);
    buf_close(&text);
}

static void bad_targets_are_told(void) {
    struct sample s = sample_make(100, 4, TASK_SURVIVAL, 0);
    struct tabular_options options = options_of(LEARNER_BOOST, LOSS_SQUARED);
    s.truth[40] = -1;
    refused(&s, &options, "train.negative_time");
    s.truth[40] = 1;
    memset(s.event, 0, 100);
    refused(&s, &options, "train.no_events");
    options.loss = LOSS_POISSON;
    memset(s.event, 1, 100);
    refused(&s, &options, "train.bad_option");
    sample_close(&s);
    s = sample_make(100, 4, TASK_REGRESSION, 0);
    s.truth[3] = -0.5;
    refused(&s, &options, "train.negative_count");
    options = options_of(LEARNER_LINEAR, LOSS_QUANTILE);
    refused(&s, &options, "train.linear_no_quantile");
    options = options_of(LEARNER_BOOST, LOSS_SQUARED);
    double weight[100] = {0};
    s.target.weight = weight;
    refused(&s, &options, "train.all_weights_zero");
    weight[9] = -1;
    refused(&s, &options, "train.bad_weight");
    weight[9] = INFINITY;
    refused(&s, &options, "train.bad_weight");
    sample_close(&s);
}

// ---- the same whatever the threads and pauses, and from a file ------------------------------

static const struct {
    enum tabular_task task;
    enum tabular_loss loss;
    enum tabular_learner learner;
    bool weighted;
} kinds[] = {{TASK_REGRESSION, LOSS_QUANTILE, LEARNER_BOOST, false},
             {TASK_REGRESSION, LOSS_QUANTILE, LEARNER_BOOST, true},
             {TASK_REGRESSION, LOSS_POISSON, LEARNER_BOOST, true},
             {TASK_REGRESSION, LOSS_POISSON, LEARNER_LINEAR, false},
             {TASK_SURVIVAL, LOSS_SQUARED, LEARNER_BOOST, true},
             {TASK_SURVIVAL, LOSS_SQUARED, LEARNER_LINEAR, false},
             {TASK_CLASSES, LOSS_SQUARED, LEARNER_BOOST, true}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static struct sample kind_make(size_t k, uint64_t rows, double *weight) {
    struct sample s = sample_make(rows, 6, kinds[k].task, kinds[k].task == TASK_CLASSES ? 3 : 0);
    for (uint64_t i = 0; i < rows; i++) {
        if (kinds[k].loss == LOSS_POISSON) s.truth[i] = floor(fabs(s.truth[i]) / 30);
        weight[i] = i % 17 ? check_uniform() + 0.01 : 40;
    }
    if (kinds[k].weighted) s.target.weight = weight;
    return s;
}

static void same_bytes(void) {
    enum { ROWS = 40000 };
    double *weight = memory_take(ROWS * sizeof *weight);
    for (size_t k = 0; k < KINDS; k++) {
        struct sample s = kind_make(k, ROWS, weight);
        struct buf files[2];
        for (uint32_t i = 0; i < 2; i++) {
            struct tabular_options options = options_of(kinds[k].learner, kinds[k].loss);
            options.trees = 6;
            options.test_milli = 50; // resampling the test side takes most of the time
            options.threads = i ? 7 : 1;
            struct trained t = train(&s, &options);
            buf_open(&files[i], 16 << 20);
            tabular_save(t.model, &files[i]);
            trained_close(&t);
        }
        CHECK_BYTES(files[1].data, files[1].size, files[0].data, files[0].size);
        for (int i = 0; i < 2; i++) buf_close(&files[i]);
        sample_close(&s);
    }
    memory_give(weight);
}

static void paused_is_unpaused(void) {
    enum { ROWS = 1500 };
    double weight[ROWS];
    char path[64];
    snprintf(path, sizeof path, "/tmp/courtyard_loss_%d", (int)getpid());
    for (size_t k = 0; k < KINDS; k++) {
        if (kinds[k].learner != LEARNER_BOOST) continue;
        struct sample s = kind_make(k, ROWS, weight);
        struct tabular_options options = options_of(LEARNER_BOOST, kinds[k].loss);
        options.trees = 9;
        options.row_share = 0.8;
        struct trained whole = train(&s, &options);
        struct buf files[2], card;
        struct tabular_model *model = NULL;
        struct fault fault = {0};
        options.checkpoint = path;
        buf_open(&card, 8 << 20);
        enum err err = ERR_PAUSED;
        int starts = 0;
        while (err == ERR_PAUSED && starts++ < 100) {
            struct progress progress = {0};
            atomic_store(&progress.pause, 1);
            err = tabular_train(&s.frame, &s.target, &options, &progress, &model, &card, &fault);
            // The same rows with another event or weight are another training.
            if (starts == 4 && err == ERR_PAUSED && kinds[k].task == TASK_SURVIVAL) {
                struct progress other = {0};
                atomic_store(&other.pause, 1);
                for (uint64_t i = 0; i < ROWS; i++) s.event[i] ^= 1;
                CHECK_EQ(
                    tabular_train(&s.frame, &s.target, &options, &other, &model, &card, &fault),
                    ERR_PAUSED);
                for (uint64_t i = 0; i < ROWS; i++) s.event[i] ^= 1;
            }
        }
        CHECK_EQ(err, OK);
        CHECK(starts > 3);
        buf_open(&files[0], 8 << 20);
        buf_open(&files[1], 8 << 20);
        tabular_save(whole.model, &files[0]);
        tabular_save(model, &files[1]);
        CHECK_BYTES(files[1].data, files[1].size, files[0].data, files[0].size);
        tabular_close(model);
        trained_close(&whole);
        buf_close(&files[0]);
        buf_close(&files[1]);
        buf_close(&card);
        CHECK_EQ(file_remove(path, &fault), OK);
        sample_close(&s);
    }
}

static void files_keep_losses(void) {
    enum { ROWS = 600 };
    double weight[ROWS], out[2][ROWS];
    for (size_t k = 0; k + 1 < KINDS; k++) {
        struct sample s = kind_make(k, ROWS, weight);
        struct tabular_options options = options_of(kinds[k].learner, kinds[k].loss);
        options.trees = 10;
        options.quantile = 0.8;
        struct trained t = train(&s, &options);
        struct tabular_model *again = NULL;
        struct buf file, second;
        struct fault fault = {0};
        buf_open(&file, 8 << 20);
        buf_open(&second, 8 << 20);
        tabular_save(t.model, &file);
        REQUIRE(tabular_load(buf_str(&file), &again, &fault) == OK);
        tabular_save(again, &second);
        CHECK_BYTES(second.data, second.size, file.data, file.size);
        CHECK_EQ(tabular_predict(t.model, &s.frame, 1, out[0], NULL), OK);
        CHECK_EQ(tabular_predict(again, &s.frame, 1, out[1], NULL), OK);
        CHECK_BYTES(out[1], sizeof out[1], out[0], sizeof out[0]);
        struct tabular_about a = tabular_about(t.model), b = tabular_about(again);
        CHECK_EQ(b.loss, a.loss);
        CHECK_NEAR(b.quantile, a.quantile, 0);
        CHECK_EQ(b.time_count, a.time_count);
        if (kinds[k].task == TASK_SURVIVAL) {
            CHECK_NEAR(tabular_survival(again, 1.5, a.times[0]),
                       tabular_survival(t.model, 1.5, a.times[0]), 0);
            // A survival model without its hazard is no model.
            again->hazard_count = 0;
            buf_clear(&second);
            tabular_save(again, &second);
            struct tabular_model *broken = NULL;
            CHECK_EQ(tabular_load(buf_str(&second), &broken, &fault), ERR_CORRUPT);
        }
        tabular_close(again);
        trained_close(&t);
        buf_close(&file);
        buf_close(&second);
        sample_close(&s);
    }
}

struct fault_case {
    struct sample sample;
    size_t kind;
};

static int train_once(void *context) {
    struct fault_case *c = context;
    struct tabular_options options = options_of(kinds[c->kind].learner, kinds[c->kind].loss);
    struct tabular_model *model = NULL;
    struct buf text;
    struct fault fault = {0};
    options.trees = 2;
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
    double weight[150];
    for (size_t k = 1; k < 6; k++) {
        struct fault_case c = {kind_make(k, 150, weight), k};
        CHECK(check_faults(memory_fail_after, train_once, &c) > 20);
        sample_close(&c.sample);
    }
}

int main(void) {
    log_level_set(LOG_WARN); // thousands of checkpoints would bury a failed check
    CHECK_RUN(rows_are_differentiable);
    CHECK_RUN(kernels_agree);
    CHECK_RUN(cox_equals_definition);
    CHECK_RUN(hazard_is_nelson_aalen);
    CHECK_RUN(quantiles_cover);
    CHECK_RUN(counts_are_learnt);
    CHECK_RUN(counts_fit_is_the_maximum);
    CHECK_RUN(survival_is_learnt);
    CHECK_RUN(weights_are_repeats);
    CHECK_RUN(heavy_rows_leave_room);
    CHECK_RUN(classes_balance);
    CHECK_RUN(weightless_rows_are_left_out);
    CHECK_RUN(bad_targets_are_told);
    CHECK_RUN(same_bytes);
    CHECK_RUN(paused_is_unpaused);
    CHECK_RUN(files_keep_losses);
    CHECK_RUN(memory_faults);
    return check_done();
}
