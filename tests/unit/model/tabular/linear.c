// The linear learner: closed form, stationarity by finite differences, sparsity, kernels.
#include "model/tabular/linear_private.h"

#include "model/tabular/linear_kernel_private.h"
#include "model/tabular/linear_lists_private.h"
#include "support/samples.h"

static struct linear fit(const struct sample *s, double alpha, double l1_share, uint32_t threads) {
    struct tabular_options options;
    struct linear linear = {0};
    struct fault fault = {0};
    struct pool *pool = NULL;
    tabular_options_default(&options);
    options.alpha = alpha;
    options.l1_share = l1_share;
    struct train_rows rows = {
        .frame = &s->frame, .target = &s->target, .train_count = s->frame.rows};
    CHECK_EQ(pool_open(threads, &pool), OK);
    CHECK_EQ(linear_train(&rows, &options, pool, NULL, &linear, &fault), OK);
    pool_close(pool);
    return linear;
}

static double predict(const struct linear *linear, const struct sample *s, uint64_t row,
                      uint32_t k) {
    double sum = linear->intercept[k];
    for (uint32_t f = 0; f < linear->features; f++) {
        sum += linear_value_part(linear, f, s->columns[f][row], k);
    }
    return sum;
}

// Without a penalty: the normal equations, solved by elimination.
static void regression_is_closed_form(void) {
    enum { ROWS = 400, FEATURES = 5, SIZE = FEATURES + 1 };
    struct sample s = sample_take(ROWS, FEATURES, TASK_REGRESSION, 0);
    double a[SIZE][SIZE + 1] = {{0}};
    for (uint64_t i = 0; i < ROWS; i++) {
        double x[SIZE] = {[FEATURES] = 1};
        s.truth[i] = 1000 + sample_normal();
        for (uint32_t f = 0; f < FEATURES; f++) {
            s.columns[f][i] = (float)(sample_normal() * (f + 1) + 20 * f);
            x[f] = s.columns[f][i];
            s.truth[i] += (f - 2.0) * x[f];
        }
        for (int r = 0; r < SIZE; r++) {
            for (int c = 0; c < SIZE; c++) a[r][c] += x[r] * x[c];
            a[r][SIZE] += x[r] * s.truth[i];
        }
    }
    for (int p = 0; p < SIZE; p++) {
        for (int r = 0; r < SIZE; r++) {
            double factor = r == p ? 0 : a[r][p] / a[p][p];
            for (int c = 0; c <= SIZE; c++) a[r][c] -= factor * a[p][c];
        }
    }
    struct linear linear = fit(&s, 0, 0, 2);
    for (uint64_t i = 0; i < ROWS; i += 7) {
        double want = a[FEATURES][SIZE] / a[FEATURES][FEATURES];
        for (uint32_t f = 0; f < FEATURES; f++) want += a[f][SIZE] / a[f][f] * s.columns[f][i];
        CHECK_NEAR(predict(&linear, &s, i, 0), want, 1e-4);
    }
    linear_close(&linear);
    sample_close(&s);
}

// The loss as its definition has it, for finite differences.
static double loss_of(const struct linear *linear, const struct sample *s, double alpha) {
    double loss = 0;
    uint32_t outputs = linear->outputs;
    for (uint64_t i = 0; i < s->frame.rows; i++) {
        if (outputs == 1) {
            double m = predict(linear, s, i, 0);
            loss += log1p(exp(s->truth[i] > 0 ? -m : m));
        } else {
            double sum = 0;
            for (uint32_t k = 0; k < outputs; k++) sum += exp(predict(linear, s, i, k));
            loss += log(sum) - predict(linear, s, i, (uint32_t)s->truth[i]);
        }
    }
    loss /= s->frame.rows;
    for (size_t i = 0; i < (size_t)linear->width * outputs; i++) {
        loss += alpha / 2 * linear->weights[i] * linear->weights[i];
    }
    return loss;
}

// Bits and other numbers that are nearly always the same, or missing.
static void make_sparse(struct sample *s, uint32_t first) {
    for (uint32_t f = first; f < s->frame.feature_count; f++) {
        s->features[f].kind = FEATURE_NUMBER;
        for (uint64_t i = 0; i < s->frame.rows; i++) {
            float other = check_below(9) == 0 ? NAN : f % 3 ? 1 : (float)sample_normal();
            s->columns[f][i] = check_below(6) ? (float)(f % 2) : other;
        }
    }
}

// By finite differences of the definition, which knows no lists.
static void minimum_is_flat(enum tabular_task task, uint32_t classes, uint32_t sparse) {
    struct sample s = sample_make(250, 7 + sparse, task, classes);
    make_sparse(&s, 7);
    struct linear linear = fit(&s, 0.01, 0, 2);
    size_t weights = (size_t)linear.width * linear.outputs;
    for (size_t i = 0; i < weights + linear.outputs; i++) {
        double *at = i < weights ? &linear.weights[i] : &linear.intercept[i - weights];
        double here = *at, step = 1e-4;
        *at = here + step;
        double above = loss_of(&linear, &s, 0.01);
        *at = here - step;
        double below = loss_of(&linear, &s, 0.01);
        *at = here;
        CHECK_NEAR((above - below) / (2 * step), 0, 1e-6);
    }
    linear_close(&linear);
    sample_close(&s);
}

static void minima_are_flat(void) {
    minimum_is_flat(TASK_BINARY, 2, 0);
    minimum_is_flat(TASK_CLASSES, 3, 0);
    minimum_is_flat(TASK_BINARY, 2, 40);
    minimum_is_flat(TASK_CLASSES, 3, 40);
}

// With an L1 term useless columns get weights of exactly zero, and useful ones stay.
static void lasso_selects(void) {
    struct sample s = sample_take(2000, 10, TASK_BINARY, 2);
    for (uint64_t i = 0; i < 2000; i++) {
        for (uint32_t f = 0; f < 10; f++) s.columns[f][i] = (float)sample_normal();
        double m = 2 * s.columns[3][i] - 1.5 * s.columns[7][i];
        s.truth[i] = check_uniform() < 1 / (1 + exp(-m));
    }
    struct linear linear = fit(&s, 0.05, 1, 2);
    for (uint32_t f = 0; f < 10; f++) {
        double weight = linear.weights[linear.terms[f].first];
        if (f == 3)
            CHECK(weight > 0.5);
        else if (f == 7)
            CHECK(weight < -0.4);
        else
            CHECK_NEAR(weight, 0, 0);
    }
    linear_close(&linear);
    sample_close(&s);
}

static void same_bits_on_any_threads(void) {
    struct sample s = sample_make(5000, 7, TASK_CLASSES, 3);
    struct linear first = fit(&s, 1e-3, 0.5, 1);
    for (uint32_t threads = 2; threads <= 3; threads++) {
        struct linear other = fit(&s, 1e-3, 0.5, threads);
        size_t bytes = (size_t)first.width * 3 * sizeof(double);
        CHECK(memcmp(first.weights, other.weights, bytes) == 0);
        linear_close(&other);
    }
    linear_close(&first);
    sample_close(&s);
}

static void kernels_same_bits(void) {
    enum { SIZE = 1016 };
    static double margin[2][SIZE], residual[SIZE];
    static float x[SIZE];
    double want = 0, want_missing = 0, got[2][2];
    const struct linear_kernels *kernels[2] = {&linear_reference, linear_kernels()};
    for (int i = 0; i < SIZE; i++) {
        margin[0][i] = margin[1][i] = residual[i] = sample_normal();
        x[i] = check_below(10) ? (float)sample_normal() : NAN;
        if (isnan(x[i]))
            want_missing += residual[i];
        else
            want += residual[i] * (x[i] - 0.25);
    }
    for (int k = 0; k < 2; k++) {
        kernels[k]->dot(residual, x, SIZE, 0.25, &got[k][0], &got[k][1]);
        kernels[k]->add(margin[k], x, SIZE, 0.25, 3, -7);
    }
    CHECK_NEAR(got[0][0], want, 1e-9);
    CHECK_NEAR(got[0][1], want_missing, 1e-9);
    CHECK(memcmp(got[0], got[1], sizeof(got[0])) == 0);
    CHECK(memcmp(margin[0], margin[1], sizeof(margin[0])) == 0);
    for (int i = 0; i < SIZE; i++) {
        double part = isnan(x[i]) ? -7 : 3 * (x[i] - 0.25);
        CHECK_NEAR(margin[0][i], residual[i] + part, 1e-12);
    }
}

// Kernels of features without missing values, and what is measured of a column.
static void finite_kernels_follow_definition(void) {
    enum { SIZE = 1016 };
    static double margin[2][SIZE], residual[SIZE];
    static float x[5][SIZE];
    const float *columns[LINEAR_TOGETHER] = {x[0], x[1], x[2], x[3]};
    const double by[LINEAR_TOGETHER] = {0.5, -2, 0, 7};
    const struct linear_kernels *kernels[2] = {&linear_reference, linear_kernels()};
    double want[LINEAR_TOGETHER] = {0}, got[2][LINEAR_TOGETHER + 3];
    for (int i = 0; i < SIZE; i++) {
        margin[0][i] = margin[1][i] = residual[i] = sample_normal();
        for (int k = 0; k < 4; k++) {
            x[k][i] = (float)sample_normal();
            want[k] += residual[i] * x[k][i];
        }
        x[4][i] = i % 3 ? (float)(i % 100) : i % 2 ? NAN : INFINITY;
    }
    for (int k = 0; k < 2; k++) {
        kernels[k]->add_finite(margin[k], columns, by, SIZE);
        kernels[k]->dot_finite(residual, columns, SIZE, got[k]);
        kernels[k]->measure(x[4], SIZE, 50, got[k] + 4, got[k] + 5, got[k] + 6);
    }
    CHECK(memcmp(got[0], got[1], sizeof(got[0])) == 0);
    CHECK(memcmp(margin[0], margin[1], sizeof(margin[0])) == 0);
    for (int k = 0; k < 4; k++) CHECK_NEAR(got[0][k], want[k], 1e-10);
    double seen = 0, sum = 0, square = 0;
    for (int i = 0; i < SIZE; i++) {
        double part = 0;
        for (int k = 0; k < 4; k++) part += by[k] * x[k][i];
        CHECK_NEAR(margin[0][i], residual[i] + part, 1e-12);
        if (i % 3 == 0) continue;
        seen++;
        sum += i % 100 - 50;
        square += (i % 100 - 50) * (i % 100 - 50);
    }
    CHECK_NEAR(got[0][4], seen, 0);
    CHECK_NEAR(got[0][5], sum, 0);
    CHECK_NEAR(got[0][6], square, 0);
}

// A column far from zero, measured a part at a time.
static void moments_are_of_all_rows(void) {
    enum { ROWS = 5003 };
    struct sample s = sample_make(ROWS, 3, TASK_BINARY, 2);
    double mean = 0, spread = 0;
    for (uint64_t i = 0; i < ROWS; i++) {
        s.columns[0][i] = (float)(1e6 + 3 * sample_normal() + (double)i / 100);
        mean += (double)s.columns[0][i] / ROWS;
    }
    for (uint64_t i = 0; i < ROWS; i++) {
        spread += (s.columns[0][i] - mean) * (s.columns[0][i] - mean) / ROWS;
    }
    struct linear linear = fit(&s, 0.01, 0, 1);
    CHECK_NEAR(linear.terms[0].mean, mean, 1e-6);
    CHECK_NEAR(linear.terms[0].scale * sqrt(spread), 1, 1e-9);
    linear_close(&linear);
    sample_close(&s);
}

// From the definition, over all sizes of margins; then the most rows at once, none of which helps.
static void logistic_follows_definition(void) {
    enum { SIZE = LINEAR_LOGISTIC_ROWS };
    static double margin[2][SIZE], target[SIZE], asked[SIZE];
    const struct linear_kernels *kernels[2] = {&linear_reference, linear_kernels()};
    double want = 0, got[2];
    for (int i = 0; i < SIZE; i++) {
        double size = i % 5 == 0 ? 1e-9 : i % 5 == 1 ? 300 : 3;
        asked[i] = i == 7 ? -1e6 : i == 8 ? 0 : sample_normal() * size;
        target[i] = (double)check_below(2);
        want += log1p(exp(-fabs(asked[i]))) + fmax(asked[i], 0) - target[i] * asked[i];
    }
    for (int k = 0; k < 2; k++) {
        memcpy(margin[k], asked, sizeof(asked));
        got[k] = kernels[k]->logistic(margin[k], target, SIZE);
    }
    CHECK_NEAR(got[0], want, 1e-13 * want);
    CHECK(got[0] == got[1]);
    CHECK(memcmp(margin[0], margin[1], sizeof(asked)) == 0);
    for (int i = 0; i < SIZE; i++) {
        double e = exp(-fabs(asked[i])), p = asked[i] > 0 ? 1 / (1 + e) : e / (1 + e);
        if (!CHECK_NEAR(margin[0][i] + target[i], p, 2e-15)) break;
    }
    for (int i = 0; i < SIZE; i++) margin[0][i] = 0;
    CHECK_NEAR(linear_kernels()->logistic(margin[0], target, SIZE), SIZE * log(2), 1e-9);
}

// Margins and gradient by lists are those of the values: z = (x - mean) scale, missing as mean.
static void check_lists_add_up(const struct sample *s, const struct linear *linear,
                               struct linear_lists *lists) {
    double margin[250] = {0}, residual[250], sum = 0;
    double *gradient = memory_take(linear->width * sizeof(double));
    for (int i = 0; i < 250; i++) sum += residual[i] = sample_normal() + 1;
    linear_lists_at(lists, linear, linear->weights);
    linear_lists_add(lists, lists->scaled, 0, 250, margin);
    linear_lists_gather(lists, residual, 0, 250, gradient);
    linear_lists_settle(lists, linear, sum, gradient);
    for (int i = 0; i < 250; i++) {
        double want = 0;
        for (uint32_t c = 0; c < lists->count; c++) {
            want +=
                linear_value_part(linear, lists->columns[c], s->columns[lists->columns[c]][i], 0);
        }
        CHECK_NEAR(margin[i] + lists->base[0], want, 1e-6);
    }
    for (uint32_t c = 0; c < lists->count; c++) {
        const struct linear_term *term = &linear->terms[lists->columns[c]];
        double want = 0, want_missing = 0;
        for (int i = 0; i < 250; i++) {
            float value = s->columns[lists->columns[c]][i];
            if (isnan(value))
                want_missing += residual[i];
            else
                want += residual[i] * (value - term->mean) * term->scale;
        }
        CHECK_NEAR(gradient[term->first], want, 1e-4);
        CHECK_NEAR(gradient[term->first + 1], want_missing, 1e-9);
    }
    memory_give(gradient);
}

// Lists hold what differs from the usual value, and only where there are many sparse columns.
static void sparse_columns_are_lists(void) {
    struct sample s = sample_make(250, 47, TASK_BINARY, 2);
    make_sparse(&s, 7);
    struct linear linear = fit(&s, 0.01, 0, 1);
    struct linear_lists lists;
    struct pool *pool = NULL;
    struct train_rows rows = {.frame = &s.frame, .target = &s.target, .train_count = 250};
    REQUIRE(pool_open(1, &pool) == OK);
    REQUIRE(linear_lists_make(&rows, &linear, pool, &lists) == OK);
    REQUIRE(lists.count >= 38); // a column may have had fewer zeros than most
    for (uint64_t i = 0; i < 250; i++) {
        uint64_t at = lists.first[i];
        for (uint32_t c = 0; c < lists.count; c++) {
            uint32_t f = lists.columns[c];
            float value = s.columns[f][i];
            if (value == lists.usual[f]) continue;
            double want = isnan(value) ? linear.terms[f].mean : (double)value;
            CHECK_EQ(lists.entries[at].weight, linear.terms[f].first);
            CHECK_NEAR(lists.entries[at].off, want - lists.usual[f], 1e-6);
            at += isnan(value) ? 2 : 1;
        }
        CHECK_EQ(at, lists.first[i + 1]);
    }
    check_lists_add_up(&s, &linear, &lists);
    linear_lists_close(&lists);
    linear.features = 30; // 23 of them sparse
    REQUIRE(linear_lists_make(&rows, &linear, pool, &lists) == OK);
    CHECK_EQ(lists.count, 0);
    linear.features = 47;
    pool_close(pool);
    linear_close(&linear);
    sample_close(&s);
}

int main(void) {
    CHECK_RUN(sparse_columns_are_lists);
    CHECK_RUN(logistic_follows_definition);
    CHECK_RUN(finite_kernels_follow_definition);
    CHECK_RUN(moments_are_of_all_rows);
    CHECK_RUN(regression_is_closed_form);
    CHECK_RUN(minima_are_flat);
    CHECK_RUN(lasso_selects);
    CHECK_RUN(same_bits_on_any_threads);
    CHECK_RUN(kernels_same_bits);
    return check_done();
}
