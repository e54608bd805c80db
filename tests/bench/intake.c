// Imports one file a number of times and prints the best figure: MB of the file per second of one
// core's time, all included: reading, decoding, scanning, parsing, checking, writing the table.
//   intake FILE [REPEATS [THREADS]]
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "data/intake/intake.h"

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    uint64_t repeats = 3, threads = 1;
    if (argc > 2) (void)str_to_u64(str_of(argv[2]), &repeats);
    if (argc > 3) (void)str_to_u64(str_of(argv[3]), &threads);
    const char *folder = getenv("COURTYARD_BENCH_DIR") ? getenv("COURTYARD_BENCH_DIR") : "/tmp";
    char table[256];
    snprintf(table, sizeof table, "%s/bench_intake.%d", folder, (int)getpid());
    double best_cpu = 1e9, best_wall = 1e9;
    struct intake_result result = {0};
    for (uint64_t i = 0; i < repeats; i++) {
        struct arena *arena;
        struct fault fault = {0};
        struct intake_options options = {.threads = (uint32_t)threads};
        if (arena_open(64 << 20, &arena)) return 1;
        uint64_t wall = clock_monotonic_us();
        double cpu = cpu_seconds();
        enum err err = intake_run(argv[1], &options, table, "", NULL, arena, &result, &fault);
        cpu = cpu_seconds() - cpu;
        wall = clock_monotonic_us() - wall;
        unlink(table);
        arena_close(arena);
        if (err) {
            fprintf(stderr, "%s: %s %s\n", argv[1], err_name(err), fault.code);
            return 1;
        }
        if (cpu < best_cpu) best_cpu = cpu;
        if ((double)wall * 1e-6 < best_wall) best_wall = (double)wall * 1e-6;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double mb = (double)result.bytes_read / 1e6;
    printf("rows %" PRIu64 " faults %" PRIu64 " seconds %.3f MB/s %.0f MB/s/core %.0f rss_MB %ld\n",
           result.rows, result.fault_count, best_wall, mb / best_wall, mb / best_cpu,
           usage.ru_maxrss / 1024);
    return 0;
}
