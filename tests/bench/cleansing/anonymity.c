// Anonymity beside ARX's published figures: what | ours | peer | ratio.
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "support/adult.h"

// Of all threads of the program: what other programs do does not count.
static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct recoding run(const struct coded_table *table, struct anonymity_goal goal,
                           enum recode_mode mode, uint32_t threads, double *seconds) {
    struct pool *pool;
    struct recoding recoding;
    struct fault fault = {0};
    double best = 1e9;
    if (pool_open(threads, &pool) != OK) abort();
    for (int i = 0; i < (table->rows > 100000 ? 1 : 3); i++) {
        if (i > 0) recoding_close(&recoding);
        double start = threads == 1 ? cpu_seconds() : (double)clock_monotonic_us() / 1e6;
        enum err err = recode(table, &goal, mode, pool, NULL, &recoding, &fault);
        if (err != OK) {
            fprintf(stderr, "anonymity: %s\n", fault.code);
            exit(1);
        }
        double took = (threads == 1 ? cpu_seconds() : (double)clock_monotonic_us() / 1e6) - start;
        if (took < best) best = took;
    }
    pool_close(pool);
    *seconds = best;
    return recoding;
}

static void local(const struct adult *adult, enum recode_mode mode, uint32_t k, double peer) {
    struct coded_table table = adult_table(adult, ADULT_COLUMNS);
    double seconds;
    struct anonymity_goal goal = {.k = k, .t = 1};
    struct recoding made = run(&table, goal, mode, 1, &seconds);
    double granularity = 1 - made.loss;
    printf("Adult %s k=%u granularity | %.4f | ARX local %.3f | %.3f | %.1f ms, suppressed %llu\n",
           recode_mode_name(mode), k, granularity, peer, granularity / peer, seconds * 1e3,
           (unsigned long long)made.suppressed);
    recoding_close(&made);
}

static void optimal(const struct adult *adult, uint32_t k, double suppress, double peer) {
    struct coded_table table = adult_table(adult, ADULT_COLUMNS);
    double seconds;
    struct anonymity_goal goal = {.k = k, .t = 1, .suppress_most = suppress};
    struct recoding made = run(&table, goal, RECODE_OPTIMAL, 1, &seconds);
    printf("Adult optimum k=%u s=%.2f loss | %.8f | ARX %.6f | %.6f | %.1f ms, %llu of %llu, %s\n",
           k, suppress, made.loss, peer, made.loss / peer, seconds * 1e3,
           (unsigned long long)made.checked, (unsigned long long)made.combinations,
           made.proven ? "proven" : "not proven");
    recoding_close(&made);
}

static long peak_kb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void big(const struct adult *adult) {
    struct adult grown;
    double seconds;
    long before = peak_kb();
    if (!adult_grow(adult, 1000000, &grown)) abort();
    for (uint32_t threads = 1; threads <= 2; threads++) {
        struct coded_table table = adult_table(&grown, ADULT_COLUMNS);
        struct recoding made =
            run(&table, (struct anonymity_goal){.k = 5, .t = 1}, RECODE_LOCAL, threads, &seconds);
        printf("1 M rows x 9, k=5, %u threads | %.2f s | wanted 2 s | %.2f | granularity %.4f, "
               "%ld MB\n",
               threads, seconds, seconds / 2, 1 - made.loss, (peak_kb() - before) / 1024);
        recoding_close(&made);
    }
    // 15 quasi-identifiers: six columns a second time, shifted.
    struct coded_table wide = adult_table(&grown, ADULT_COLUMNS);
    wide.rows -= 1000;
    for (uint32_t i = 0; i < 6; i++) {
        wide.quasi[wide.quasi_count++] =
            (struct quasi){grown.codes[i + 1] + 1000, &grown.trees[i + 1]};
    }
    struct recoding made =
        run(&wide, (struct anonymity_goal){.k = 5, .t = 1}, RECODE_LOCAL, 1, &seconds);
    printf("1 M rows x 15, k=5, 1 thread | %.2f s | wanted 10 s | %.2f | granularity %.4f\n",
           seconds, seconds / 10, 1 - made.loss);
    recoding_close(&made);
    adult_close(&grown);
}

int main(int argc, char **argv) {
    (void)argv;
    struct adult adult;
    if (!adult_open(&adult)) {
        printf("skipped: no privacy/adult_arx.csv below ../shared/data or COURTYARD_DATA\n");
        return 0;
    }
    printf("what | ours | peer | ratio\n");
    static const struct {
        uint32_t k;
        double peer;
    } published[] = {{2, .910}, {5, .826}, {10, .812}, {20, .763}};
    for (int i = 0; i < 4; i++) local(&adult, RECODE_LOCAL, published[i].k, published[i].peer);
    for (int i = 0; i < 4; i++) local(&adult, RECODE_STRICT, published[i].k, published[i].peer);
    if (argc < 2) {
        optimal(&adult, 5, 0, .573151);
        optimal(&adult, 5, .02, .313714);
        optimal(&adult, 5, .05, .241932);
        optimal(&adult, 10, .05, .291270);
        optimal(&adult, 20, .05, .343584);
        big(&adult);
    }
    adult_close(&adult);
    return 0;
}
