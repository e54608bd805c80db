// A model that XGBoost saved, in use here: for tests/bench/tabular/predict and explain.
//   use_bench predict MODEL.json ROWS FEATURES THREADS X PREDICTED   X: float32 (FEATURES)(ROWS),
//       PREDICTED: float32 (ROWS) as XGBoost answered
//   use_bench explain MODEL.json ROWS FEATURES THREADS X SHARES      SHARES: float32 (ROWS, F + 1)
// Prints one line of JSON: times and the largest difference.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "model/tabular/model_private.h"

static struct file_map map_of(const char *path) {
    struct file_map map;
    struct fault fault = {0};
    if (file_map(path, &map, &fault) != OK) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    return map;
}

static double least_s(uint64_t start_us, double before) {
    double taken = (double)(clock_monotonic_us() - start_us) * 1e-6;
    return taken < before ? taken : before;
}

// One row after the other, each from a place of its own, as calls come: the quickest of many short
// runs, since nobody's machine is quiet.
static double row_us(const struct tabular_model *model, const struct frame *frame) {
    enum { RUNS = 400, ROWS = 500 };
    uint32_t features = frame->feature_count;
    float *row = memory_take((size_t)ROWS * features * sizeof(float));
    double out[TABULAR_CLASSES_MAX], sum = 0, best = 1e9;
    for (int run = 0; run < RUNS; run++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            for (uint32_t f = 0; f < features; f++) {
                row[(size_t)i * features + f] = frame->values[f][(uint64_t)run * ROWS + i];
            }
        }
        uint64_t start = clock_monotonic_us();
        for (uint32_t i = 0; i < ROWS; i++) {
            tabular_predict_row(model, row + (size_t)i * features, out);
            sum += out[0];
        }
        best = least_s(start, best);
    }
    memory_give(row);
    return sum > -1e300 ? best / ROWS * 1e6 : 0;
}

int main(int argc, char **argv) {
    if (argc != 8) {
        fprintf(stderr, "usage: use_bench predict|explain MODEL ROWS FEATURES THREADS X ANSWERS\n");
        return 2;
    }
    bool explains = !strcmp(argv[1], "explain");
    uint64_t rows = strtoull(argv[3], NULL, 10);
    uint32_t features = (uint32_t)strtoul(argv[4], NULL, 10);
    uint32_t threads = (uint32_t)strtoul(argv[5], NULL, 10);
    struct file_map text = map_of(argv[2]), x = map_of(argv[6]), answers = map_of(argv[7]);
    struct tabular_model *model;
    struct fault fault = {0};
    uint64_t start = clock_monotonic_us();
    if (tabular_xgboost_read((struct str){(const char *)text.data, text.size}, &model, &fault) !=
        OK) {
        fprintf(stderr, "%s\n", fault.code);
        return 1;
    }
    double read_s = least_s(start, 1e9);
    const float **columns = memory_take(features * sizeof(*columns));
    float *copy = memory_take(x.size);
    memcpy(copy, x.data, x.size);
    for (uint32_t f = 0; f < features; f++) columns[f] = copy + f * rows;
    struct frame frame = {rows, features, model->features, columns, NULL};
    size_t width = explains ? features + 1 : 1;
    double *out = memory_take(rows * sizeof(double)), off = 0, best = 1e9;
    double *parts = memory_take(rows * width * sizeof(double));
    struct pool *pool;
    if (pool_open(threads, &pool) != OK) return 1;
    for (int run = 0; run < (explains ? 3 : 5); run++) {
        start = clock_monotonic_us();
        if (explains) {
            if (model_explain(model, &frame, pool, parts) != OK) return 1;
        } else if (model_margin(model, &frame, pool, parts) != OK) {
            return 1;
        }
        best = least_s(start, best);
    }
    const float *theirs = (const float *)(const void *)answers.data;
    for (size_t i = 0; i < rows * width; i++) {
        off = fmax(off, fabs(parts[i] - (double)theirs[i]));
    }
    printf("{\"read_s\":%.3f,\"s\":%.4f,\"rows_s\":%.0f,\"off\":%.1e,\"row_us\":%.3f}\n", read_s,
           best, (double)rows / best, off, explains ? 0 : row_us(model, &frame));
    (void)out;
    return 0;
}
