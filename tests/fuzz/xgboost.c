// The reader of XGBoost's JSON: what it takes must predict and explain, write itself again, and
// come back with the same answers. Corpus: tests/fuzz/corpus/xgboost, saved by XGBoost 1.7 and 3.3.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "model/tabular/tabular.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 4, FEATURES_MAX = 200 };

static void predict(const struct tabular_model *model, double *out, double *parts) {
    static const float values[][ROWS] = {{0, 1, 2, 5}, {-1e30f, 0.5f, 31, 1e30f}};
    struct tabular_about about = tabular_about(model);
    const float *columns[FEATURES_MAX];
    for (uint32_t f = 0; f < about.feature_count; f++) columns[f] = values[f % 2];
    struct frame frame = {ROWS, about.feature_count, about.features, columns, NULL};
    if (tabular_predict(model, &frame, 1, out, parts) != OK) abort();
}

static void use(const struct tabular_model *model) {
    struct tabular_about about = tabular_about(model);
    if (about.feature_count > FEATURES_MAX) return;
    size_t cells = (size_t)ROWS * about.outputs;
    double *out = memory_take(2 * cells * sizeof(*out));
    double *parts = memory_take(cells * (about.feature_count + 1) * sizeof(*parts));
    if (!out || !parts) abort();
    predict(model, out, parts);
    struct buf text, bytes;
    buf_open(&text, 64 << 20);
    buf_open(&bytes, 64 << 20);
    struct tabular_model *again = NULL;
    tabular_save(model, &bytes);
    if (tabular_load(buf_str(&bytes), &again, NULL) != OK) abort();
    predict(again, out + cells, NULL);
    cy_assert(memcmp(out, out + cells, cells * sizeof(*out)) == 0);
    tabular_close(again);
    enum err err = tabular_xgboost_write(model, &text, NULL);
    cy_assert(err == OK || err == ERR_INPUT);
    buf_close(&text);
    buf_close(&bytes);
    memory_give(parts);
    memory_give(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tabular_model *model = NULL;
    struct fault fault = {0};
    enum err err = tabular_xgboost_read((struct str){(const char *)data, size}, &model, &fault);
    cy_assert((err == OK) == (fault.code[0] == '\0'));
    if (err != OK) return 0;
    use(model);
    tabular_close(model);
    return 0;
}
