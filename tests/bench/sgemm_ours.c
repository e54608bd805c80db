// Our product of 32-bit floats, for sgemm.py, which runs OpenBLAS in turn with it:
//   sgemm_ours [threads]
// For each line of its input, a size N, it prints three numbers: the seconds and the processor's
// seconds of one product (N, N) x (N, N)', and what the same threads can multiply and add in
// registers at that moment, in operations a second of one thread's own time (0 but on x86-64).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "model/tensor/team.h"
#include "model/tensor/tensor.h"

enum { SIZE_MAX_OF = 4096, CHAINS = 12, TURNS = 1 << 20, GRAIN = 3 };

static const struct kernels *kernels;

struct work {
    struct matrix w;
    struct rows x;
    float *y;
};

static void product_step(void *ctx, struct member *me) {
    struct work *work = ctx;
    uint32_t first, last;
    while (team_next(me, matrix_groups(&work->w), GRAIN, &first, &last)) {
        kernels->product(&work->w, &work->x, work->y, work->w.rows, first, last);
    }
}

static double processor_seconds(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

#if defined(__x86_64__)
// Chains enough to hide what one multiplication takes; each turn is told to the compiler as new.
__attribute__((target("avx512f"))) static double operations_512(void) {
    __m512 sums[CHAINS], factor = _mm512_set1_ps(0.999f);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_set1_ps((float)i);
    for (int turn = 0; turn < TURNS; turn++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            sums[i] = _mm512_fmadd_ps(sums[i], factor, factor);
            __asm__ volatile("" : "+v"(sums[i]));
        }
    }
    return 2.0 * 16 * CHAINS * TURNS;
}

__attribute__((target("avx2,fma"))) static double operations_256(void) {
    __m256 sums[CHAINS], factor = _mm256_set1_ps(0.999f);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm256_set1_ps((float)i);
    for (int turn = 0; turn < TURNS; turn++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            sums[i] = _mm256_fmadd_ps(sums[i], factor, factor);
            __asm__ volatile("" : "+x"(sums[i]));
        }
    }
    return 2.0 * 8 * CHAINS * TURNS;
}

#else
static double operations_512(void) {
    return 0;
}

static double operations_256(void) {
    return 0;
}
#endif

static double peak(void) {
    double start = processor_seconds(CLOCK_THREAD_CPUTIME_ID);
    double done = strncmp(kernels->name, "avx512", strlen("avx512")) == 0 ? operations_512()
                                                                          : operations_256();
    return done / (processor_seconds(CLOCK_THREAD_CPUTIME_ID) - start);
}

static void measure(struct team *team, uint32_t size) {
    struct work work = {.w = {.type = TENSOR_F32, .rows = size, .columns = size}};
    size_t count = (size_t)size * size;
    float *memory = memory_take(2 * count * sizeof *memory);
    if (!memory || rows_open(size, size, &work.x) != OK) exit(1);
    rows_shape(&work.x, size, size);
    for (size_t i = 0; i < count; i++) memory[i] = (float)(i * 7919 % 1999) / 999 - 1;
    for (uint32_t row = 0; row < size; row++) {
        memcpy(work.x.values + (size_t)row * work.x.stride, memory, size * sizeof *memory);
    }
    work.w.data = memory;
    work.y = memory + count;
    team_run(team, product_step, &work); // warm
    double cpu = processor_seconds(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t start = clock_monotonic_us();
    team_run(team, product_step, &work);
    double seconds = (double)(clock_monotonic_us() - start) * 1e-6;
    cpu = processor_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%.6f %.6f %.0f\n", seconds, cpu, peak());
    fflush(stdout);
    rows_close(&work.x);
    memory_give(memory);
}

int main(int count, char **arguments) {
    uint32_t threads = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 0;
    struct team *team;
    if (team_open(threads ? threads : thread_count_usable(), &team) != OK) return 1;
    kernels = kernels_for_cpu();
    char line[32];
    while (fgets(line, sizeof line, stdin)) {
        unsigned long size = strtoul(line, NULL, 10);
        if (size < 1 || size > SIZE_MAX_OF) return 1;
        measure(team, (uint32_t)size);
    }
    team_close(team);
    return 0;
}
