// The model reader. The checksum is made right, so that the fuzzer gets behind it; what loads must
// predict, explain and save without harm. Corpus: tests/fuzz/corpus/model.
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "model/tabular/tabular.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct tabular_model *model) {
    enum { ROWS = 3 };
    static const float values[][ROWS] = {{0, 1, 2}, {-1e30f, 3, 1e30f}};
    struct tabular_about about = tabular_about(model);
    size_t cells = (size_t)ROWS * about.outputs;
    if (about.feature_count > 1000) return;
    const float **columns = memory_take((about.feature_count + 1) * sizeof(*columns));
    double *out = memory_take(cells * sizeof(*out));
    double *parts = memory_take(cells * (about.feature_count + 1) * sizeof(*parts));
    if (!columns || !out || !parts) abort();
    for (uint32_t f = 0; f < about.feature_count; f++) columns[f] = values[f % 2];
    struct frame frame = {ROWS, about.feature_count, about.features, columns, NULL};
    if (tabular_predict(model, &frame, 1, out, parts) != OK) abort();
    struct buf again;
    buf_open(&again, 64 << 20);
    tabular_save(model, &again);
    buf_close(&again);
    memory_give(parts);
    memory_give(out);
    memory_give(columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 12) return 0;
    char *bytes = malloc(size);
    if (!bytes) return 0;
    memcpy(bytes, data, size);
    memcpy(bytes, bytes[7] & 1 ? "CYTAB001" : "CYTAB002", 8);
    uint32_t sum = crc32c(0, bytes, size - 4);
    memcpy(bytes + size - 4, &sum, 4);
    struct tabular_model *model;
    struct fault fault = {0};
    if (tabular_load((struct str){bytes, size}, &model, &fault) == OK) {
        use(model);
        tabular_close(model);
    }
    free(bytes);
    return 0;
}
