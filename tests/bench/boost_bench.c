// Boosted trees on generated data, for tests/bench/tabular/train: makes the data, or trains and
// predicts on it and prints one line of JSON with the times, the peak of memory and the AUC (or the
// loss that was minimised).
//   boost_bench make DIR ROWS FEATURES SEED      train and test (a fifth of it), raw little-endian
//   boost_bench run DIR ROWS FEATURES TREES DEPTH LEAVES THREADS      LEAVES 0: level by level
//   boost_bench linear DIR ROWS FEATURES THREADS ALPHA      logistic regression, for linear
// DIR holds train.x, test.x: float32 (FEATURES)(rows), column after column; train.y, test.y: bytes.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/file.h"
#include "model/measure/measure.h"
#include "model/tabular/boost_private.h"
#include "model/tabular/linear_private.h"
#include "model/tabular/predict_private.h"

static double uniform(struct draw *draw) {
    return ((double)(draw_next(draw) >> 11) + 0.5) * 0x1p-53;
}

static double normal(struct draw *draw) {
    return sqrt(-2 * log(uniform(draw))) * cos(6.283185307179586 * uniform(draw));
}

// Like the HIGGS set: skewed positive columns, some with few values, an answer that depends on
// products and distances, much of it noise.
static uint8_t make_row(struct draw *draw, float *row, uint32_t features) {
    double answer = 0;
    for (uint32_t f = 0; f < features; f++) {
        double value = normal(draw);
        if (f % 7 == 3)
            value = floor(3 * uniform(draw));
        else if (f % 7 == 5)
            value = exp(0.5 * value);
        row[f] = (float)value;
    }
    for (uint32_t f = 0; f + 3 < features && f < 28; f += 4) {
        answer += 0.5 * (double)(row[f] * row[f + 1]) + 0.3 * (double)row[f + 2];
        answer += fabs((double)row[f + 3]) > 1 ? 0.4 : -0.3;
    }
    answer += sin(2 * (double)row[0]) + 0.5 * (double)(row[5] - row[1]) * (double)row[2];
    return uniform(draw) < 1 / (1 + exp(-answer + 0.4));
}

static void make_side(const char *folder, const char *side, uint32_t rows, uint32_t features,
                      uint64_t seed) {
    char path[1024];
    float *x = memory_take((size_t)rows * features * sizeof(float));
    float *row = memory_take(features * sizeof(float));
    uint8_t *y = memory_take(rows);
    struct draw draw = {seed};
    struct fault fault = {0};
    if (!x || !row || !y) abort();
    for (uint32_t i = 0; i < rows; i++) {
        y[i] = make_row(&draw, row, features);
        for (uint32_t f = 0; f < features; f++) x[(size_t)f * rows + i] = row[f];
    }
    snprintf(path, sizeof(path), "%s/%s.x", folder, side);
    struct str bytes = {(const char *)x, (size_t)rows * features * sizeof(float)};
    if (file_write(path, bytes, &fault) != OK) abort();
    snprintf(path, sizeof(path), "%s/%s.y", folder, side);
    if (file_write(path, (struct str){(const char *)y, rows}, &fault) != OK) abort();
    memory_give(y);
    memory_give(row);
    memory_give(x);
}

struct side {
    struct frame frame;
    double *target;
    const uint8_t *truth;
};

static struct side load_side(const char *folder, const char *name, uint32_t rows,
                             uint32_t features) {
    char path[1024];
    struct file_map x, y;
    struct fault fault = {0};
    snprintf(path, sizeof(path), "%s/%s.x", folder, name);
    if (file_map(path, &x, &fault) != OK) abort();
    snprintf(path, sizeof(path), "%s/%s.y", folder, name);
    if (file_map(path, &y, &fault) != OK) abort();
    if (x.size != (size_t)rows * features * 4 || y.size != rows) abort();
    // Copied, as rows come from a table: nobody's time counts the disk.
    float *copy = memory_take(x.size);
    memcpy(copy, x.data, x.size);
    const float **columns = memory_take(features * sizeof(*columns));
    struct feature *described = memory_take(features * sizeof(*described));
    struct side side = {.target = memory_take(rows * sizeof(double)), .truth = y.data};
    for (uint32_t f = 0; f < features; f++) columns[f] = copy + (size_t)f * rows;
    for (uint32_t i = 0; i < rows; i++) side.target[i] = y.data[i];
    side.frame = (struct frame){rows, features, described, columns, NULL};
    return side;
}

// A line of /proc/self/status, and the peak counted from now.
static long status_kb(const char *key) {
    char line[256];
    long value = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (!strncmp(line, key, strlen(key))) value = strtol(line + strlen(key), NULL, 10);
    }
    if (file) fclose(file);
    return value;
}

static void peak_reset(void) {
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file) return;
    fputs("5", file);
    fclose(file);
}

static double used_s(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
}

static int run(char **argv) {
    uint32_t rows = (uint32_t)strtoul(argv[3], NULL, 10);
    uint32_t features = (uint32_t)strtoul(argv[4], NULL, 10);
    struct side train = load_side(argv[2], "train", rows, features);
    struct side test = load_side(argv[2], "test", rows / 5, features);
    struct tabular_target target = {.task = TASK_BINARY, .values = train.target, .class_count = 2};
    struct tabular_options options;
    tabular_options_default(&options);
    options.trees = (uint32_t)strtoul(argv[5], NULL, 10);
    options.depth = (uint32_t)strtoul(argv[6], NULL, 10);
    options.leaves = (uint32_t)strtoul(argv[7], NULL, 10);
    options.grow = options.leaves > 0 ? GROW_LEAF : GROW_DEPTH;
    options.early_stop = 0;
    options.bins = 255;
    struct pool *pool;
    if (pool_open((uint32_t)strtoul(argv[8], NULL, 10), &pool) != OK) return 1;
    struct train_rows input = {.frame = &train.frame, .target = &target, .train_count = rows};
    struct boosted boosted;
    struct fault fault = {0};
    long before_kb = status_kb("VmRSS:");
    double cpu_s = used_s();
    peak_reset();
    uint64_t start = clock_monotonic_us();
    if (boost_train(&input, &options, pool, NULL, &boosted, &fault) != OK) return 1;
    double train_s = (double)(clock_monotonic_us() - start) * 1e-6;
    cpu_s = used_s() - cpu_s;
    long peak_kb = status_kb("VmHWM:") - before_kb;
    double *margin = memory_take(rows / 5 * sizeof(double));
    start = clock_monotonic_us();
    struct forest_fast *fast;
    if (forest_fast_make(&boosted.forest, train.frame.features, features, &fast) != OK) return 1;
    if (forest_predict(&boosted.forest, fast, &test.frame, pool, margin) != OK) return 1;
    double predict_s = (double)(clock_monotonic_us() - start) * 1e-6;
    printf("{\"train_s\":%.4f,\"cpu_s\":%.4f,\"peak_mb\":%.1f,\"predict_s\":%.4f,\"auc\":%.6f}\n",
           train_s, cpu_s, (double)peak_kb / 1024, predict_s,
           metric_auc(margin, test.truth, rows / 5));
    return 0;
}

// What linear_train minimises, of the whole training side.
static double penalised_loss(const struct linear *linear, const struct side *side, double alpha,
                             struct pool *pool) {
    double *margin = memory_take(side->frame.rows * sizeof(double)), loss = 0;
    linear_predict(linear, &side->frame, pool, margin);
    for (uint64_t i = 0; i < side->frame.rows; i++) {
        double m = side->truth[i] ? margin[i] : -margin[i];
        loss += m > 0 ? log1p(exp(-m)) : log1p(exp(m)) - m;
    }
    loss /= (double)side->frame.rows;
    for (uint32_t w = 0; w < linear->width; w++) {
        loss += alpha / 2 * linear->weights[w] * linear->weights[w];
    }
    memory_give(margin);
    return loss;
}

static int run_linear(char **argv) {
    uint32_t rows = (uint32_t)strtoul(argv[3], NULL, 10);
    struct side train = load_side(argv[2], "train", rows, (uint32_t)strtoul(argv[4], NULL, 10));
    struct tabular_target target = {.task = TASK_BINARY, .values = train.target, .class_count = 2};
    struct tabular_options options;
    tabular_options_default(&options);
    options.alpha = strtod(argv[6], NULL);
    struct pool *pool;
    if (pool_open((uint32_t)strtoul(argv[5], NULL, 10), &pool) != OK) return 1;
    struct train_rows input = {.frame = &train.frame, .target = &target, .train_count = rows};
    struct linear linear;
    struct fault fault = {0};
    long before_kb = status_kb("VmRSS:");
    double cpu_s = used_s();
    peak_reset();
    uint64_t start = clock_monotonic_us();
    if (linear_train(&input, &options, pool, NULL, &linear, &fault) != OK) return 1;
    double train_s = (double)(clock_monotonic_us() - start) * 1e-6;
    cpu_s = used_s() - cpu_s;
    long peak_kb = status_kb("VmHWM:") - before_kb;
    printf("{\"train_s\":%.4f,\"cpu_s\":%.4f,\"peak_mb\":%.1f,\"loss\":%.15g,\"steps\":%u}\n",
           train_s, cpu_s, (double)peak_kb / 1024,
           penalised_loss(&linear, &train, options.alpha, pool), linear.iterations);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 6 && !strcmp(argv[1], "make")) {
        uint32_t rows = (uint32_t)strtoul(argv[3], NULL, 10);
        uint32_t features = (uint32_t)strtoul(argv[4], NULL, 10);
        uint64_t seed = strtoull(argv[5], NULL, 10);
        make_side(argv[2], "train", rows, features, seed);
        make_side(argv[2], "test", rows / 5, features, seed_mix(seed + 1));
        return 0;
    }
    if (argc == 9 && !strcmp(argv[1], "run")) return run(argv);
    if (argc == 7 && !strcmp(argv[1], "linear")) return run_linear(argv);
    fprintf(stderr, "usage: boost_bench make DIR ROWS FEATURES SEED\n"
                    "       boost_bench run DIR ROWS FEATURES TREES DEPTH LEAVES THREADS\n"
                    "       boost_bench linear DIR ROWS FEATURES THREADS ALPHA\n");
    return 2;
}
