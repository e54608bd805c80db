// Rows of activations, the choice of kernels, and the memory of packed weights.
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/memory.h"
#include "model/tensor/tensor_private.h"

enum err rows_open(uint32_t count_max, uint32_t columns_max, struct rows *out) {
    size_t stride = ((size_t)columns_max + TENSOR_BLOCK - 1) / TENSOR_BLOCK * TENSOR_BLOCK;
    size_t all = stride * count_max, blocks = all / TENSOR_BLOCK;
    if (stride > UINT32_MAX) return ERR_LIMIT;
    // One taking: values, scales, sums, half sums, lifts, half lifts, quants.
    float *memory = memory_take((all + 7 * blocks) * sizeof(float) + all);
    if (!memory) return ERR_MEMORY;
    out->count = count_max;
    out->columns = columns_max;
    out->stride = (uint32_t)stride;
    out->values = memory;
    out->scales = memory + all;
    out->sums = out->scales + blocks;
    out->half_sums = out->sums + blocks;
    out->lifts = (int32_t *)(void *)(out->half_sums + 2 * blocks);
    out->half_lifts = out->lifts + blocks;
    out->quants = (int8_t *)(out->half_lifts + 2 * blocks);
    return OK;
}

void rows_close(struct rows *rows) {
    memory_give(rows->values);
    *rows = (struct rows){0};
}

void rows_shape(struct rows *rows, uint32_t count, uint32_t columns) {
    rows->count = count;
    rows->columns = columns;
    rows->stride = (columns + TENSOR_BLOCK - 1) / TENSOR_BLOCK * TENSOR_BLOCK;
    if (rows->stride == columns) return;
    for (size_t b = 0; b < count; b++) {
        memset(rows->values + b * rows->stride + columns, 0,
               (rows->stride - columns) * sizeof *rows->values);
    }
}

struct rows rows_part(const struct rows *x, uint32_t first, uint32_t count) {
    cy_assert(first % TENSOR_TILE == 0);
    size_t blocks = x->stride / TENSOR_BLOCK;
    struct rows part = *x;
    part.count = count;
    part.values += (size_t)first * x->stride;
    part.quants += (size_t)first * x->stride;
    part.scales += first * blocks;
    part.sums += first * blocks;
    part.half_sums += 2 * first * blocks;
    part.lifts += first * blocks;
    part.half_lifts += 2 * first * blocks;
    return part;
}

// ---- the table -------------------------------------------------------------------------------

#if defined(__x86_64__)
// Not every compiler knows this one's name.
static bool has_f16c(void) {
    unsigned a, b, c = 0, d;
    return __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c() &&
           __builtin_cpu_supports("bmi2");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vnni");
}

// Not every compiler knows this one's name either; what saves the registers is asked for above.
static bool has_avx512bf16(void) {
    unsigned a, b, c, d;
    return has_avx512() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && a & 1u << 5;
}
#endif

const struct kernels *kernels_named(const char *name) {
#if defined(__x86_64__)
    if (strcmp(name, "avx512bf16") == 0 && has_avx512bf16()) return &kernels_avx512bf16;
    if (strcmp(name, "avx512") == 0 && has_avx512()) return &kernels_avx512;
    if (strcmp(name, "avx2") == 0 && has_avx2()) return &kernels_avx2;
#endif
#if defined(__aarch64__)
    if (strcmp(name, "dotprod") == 0 && getauxval(AT_HWCAP) & HWCAP_ASIMDDP)
        return &kernels_dotprod;
    if (strcmp(name, "neon") == 0) return &kernels_neon;
#endif
    return strcmp(name, "reference") == 0 ? &kernels_reference : NULL;
}

const struct kernels *kernels_for_cpu(void) {
    static const char *const best_first[] = {"avx512bf16", "avx512", "avx2",
                                             "dotprod",    "neon",   "reference"};
    const char *wanted = getenv("COURTYARD_CPU");
    const struct kernels *table = wanted ? kernels_named(wanted) : NULL;
    for (size_t i = 0; !table; i++) table = kernels_named(best_first[i]);
    return table;
}

// ---- memory ----------------------------------------------------------------------------------

void *tensor_area_take(size_t bytes) {
    void *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) return NULL;
    madvise(area, bytes, MADV_HUGEPAGE); // a wish: smaller pages do too
    return area;
}

void tensor_area_give(void *area, size_t bytes) {
    if (area) munmap(area, bytes);
}
