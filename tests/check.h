// The test header: one file is one program with tests in it. Depends on the C library alone, so the
// same file builds with musl, with glibc and the sanitizers, and under the fuzzers.
//
//   static void cuts_at_comma(void) {
//       CHECK_EQ(str_cut(...).size, 3);
//   }
//   int main(void) {
//       CHECK_RUN(cuts_at_comma);
//       return check_done(); // prints `N passed, N failed` and gives the exit status
//   }
//
// A failed check prints file:line, what it got and wanted, and the seed, and the test goes on;
// REQUIRE leaves the test. Arguments are evaluated once. Checks may come from any thread; the
// random numbers belong to the test's own. COURTYARD_SEED=N repeats a seed, COURTYARD_TEST=TEXT
// runs only the tests whose name holds TEXT.
#pragma once

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
    uint64_t seed, random; // seed of the program; state of the running test
    unsigned passed, failed, skipped;
    unsigned wrong;          // failed checks of the running test
    const char *test, *skip; // its name; why it is skipped, or NULL
} check;

static inline void check_seed(void) {
    const char *given = getenv("COURTYARD_SEED");
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    check.seed = given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_sec ^ (uint64_t)now.tv_nsec;
}

__attribute__((format(printf, 4, 5))) static inline bool check_that(bool ok, const char *file,
                                                                    int line, const char *format,
                                                                    ...) {
    if (ok) return true;
    __atomic_fetch_add(&check.wrong, 1, __ATOMIC_RELAXED);
    va_list values;
    va_start(values, format);
    fprintf(stderr, "%s:%d: %s: ", file, line, check.test ? check.test : "check");
    vfprintf(stderr, format, values);
    fprintf(stderr, " (COURTYARD_SEED=%" PRIu64 ")\n", check.seed);
    va_end(values);
    return false;
}

static inline bool check_equal(intmax_t got, intmax_t want, const char *file, int line,
                               const char *what) {
    return check_that(got == want, file, line, "%s: got %jd, want %jd", what, got, want);
}

static inline bool check_bytes(const void *got, size_t got_size, const void *want, size_t want_size,
                               const char *file, int line, const char *what) {
    bool same = got_size == want_size && (got_size == 0 || memcmp(got, want, got_size) == 0);
    return check_that(same, file, line, "%s:\n   got %zu bytes \"%.*s\"\n  want %zu bytes \"%.*s\"",
                      what, got_size, (int)(got_size < 400 ? got_size : 400),
                      got ? (const char *)got : "", want_size,
                      (int)(want_size < 400 ? want_size : 400), want ? (const char *)want : "");
}

static inline bool check_string(const char *got, const char *want, const char *file, int line,
                                const char *what) {
    if (!got || !want) {
        return check_that(got == want, file, line, "%s: got %s, want %s", what, got ? got : "NULL",
                          want ? want : "NULL");
    }
    return check_bytes(got, strlen(got), want, strlen(want), file, line, what);
}

static inline bool check_near(double got, double want, double tolerance, const char *file, int line,
                              const char *what) {
    bool near = fabs(got - want) <= tolerance || (isnan(got) && isnan(want)) || got == want;
    return check_that(near, file, line, "%s: got %.17g, want %.17g within %g", what, got, want,
                      tolerance);
}

#define CHECK(condition) check_that((condition), __FILE__, __LINE__, "not true: %s", #condition)
// Whole numbers, enums, booleans.
#define CHECK_EQ(got, want) check_equal((intmax_t)(got), (intmax_t)(want), __FILE__, __LINE__, #got)
#define CHECK_STR(got, want) check_string((got), (want), __FILE__, __LINE__, #got)
// A struct str (or anything with data and size) against a C string.
#define CHECK_TEXT(got, want)                                                              \
    __extension__({                                                                        \
        __auto_type got_ = (got);                                                          \
        const char *want_ = (want);                                                        \
        check_bytes(got_.data, got_.size, want_, strlen(want_), __FILE__, __LINE__, #got); \
    })
#define CHECK_BYTES(got, got_size, want, want_size) \
    check_bytes((got), (got_size), (want), (want_size), __FILE__, __LINE__, #got)
#define CHECK_NEAR(got, want, tolerance) \
    check_near((got), (want), (tolerance), __FILE__, __LINE__, #got)
// Leaves the test function if it does not hold: for what the rest stands on.
#define REQUIRE(condition)             \
    do {                               \
        if (!CHECK(condition)) return; \
    } while (0)
// Leaves the test function and counts it as skipped, with the reason.
#define CHECK_SKIP(reason)     \
    do {                       \
        check.skip = (reason); \
        return;                \
    } while (0)

// Random numbers of the seed (splitmix64); each test starts from the seed again.
static inline uint64_t check_random(void) {
    uint64_t z = check.random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
static inline uint64_t check_below(uint64_t bound) { // 0 to bound-1; bound is at least 1
    return (uint64_t)(((unsigned __int128)check_random() * bound) >> 64);
}
static inline double check_uniform(void) { // 0 up to, not including, 1
    return (double)(check_random() >> 11) * 0x1p-53;
}

// The fault loop: arms the fault for the n-th time, n = 0, 1, 2 ..., and calls step(context) until
// it succeeds (returns 0); step itself checks after each failure that nothing is broken or lost.
// Returns how many faults it met; fails the test if 100,000 are not enough. `arm` is for instance
// memory_fail_after; it is called with UINT64_MAX at the end.
static inline uint64_t check_faults(void (*arm)(uint64_t), int (*step)(void *), void *context) {
    uint64_t n = 0;
    int status = 1;
    for (; status != 0 && n < 100000; n++) {
        arm(n);
        status = step(context);
    }
    arm(UINT64_MAX);
    check_that(status == 0, __FILE__, __LINE__, "still failing after %" PRIu64 " faults", n);
    return status == 0 ? n - 1 : n;
}

static inline void check_one(void (*test)(void), const char *name) {
    const char *only = getenv("COURTYARD_TEST");
    if (only && !strstr(name, only)) return;
    if (!check.seed) check_seed();
    check.random = check.seed;
    check.wrong = 0;
    check.test = name;
    check.skip = NULL;
    test();
    if (check.wrong) {
        check.failed++;
    } else if (check.skip) {
        check.skipped++;
        printf("skipped %s: %s\n", name, check.skip);
    } else {
        check.passed++;
    }
}
#define CHECK_RUN(test) check_one((test), #test)

__attribute__((warn_unused_result)) static inline int check_done(void) {
    printf("%u passed, %u failed", check.passed, check.failed);
    if (check.skipped) printf(", %u skipped", check.skipped);
    printf("\n");
    return check.failed > 0;
}
