// Our side of tests/bench/cleansing/near. TEXTS has one text a line.
//   near_ours signatures TEXTS         MB/s of units, shingles, minima and bands, one thread
//   near_ours pairs JACCARD TEXTS      lines 2k and 2k+1 are a pair: prints 1 for each pair whose
//                                      second text was found to be a duplicate of the first, else 0
//   near_ours all JACCARD TEXTS        one after another: MB/s, kept, duplicates, bytes a text kept
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "data/similar/similar.h"

static struct similar_maker *maker;

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void need(enum err err) {
    if (err == OK) return;
    fprintf(stderr, "near_ours: %s\n", err_name(err));
    exit(1);
}

static void signatures(struct str texts) {
    double best = 1e9;
    for (int round = 0; round < 5; round++) {
        struct similar_text made;
        struct str rest = texts;
        double started = cpu_seconds();
        while (rest.size) need(similar_make(maker, str_cut(rest, '\n', &rest), &made));
        double seconds = cpu_seconds() - started;
        if (seconds < best) best = seconds;
    }
    printf("%.1f\n", (double)texts.size / 1e6 / best);
}

static void pairs(struct str texts, double jaccard) {
    struct str rest = texts;
    while (rest.size) {
        struct similar_set *set;
        struct similar_text made;
        struct similar_match match;
        bool duplicate = false;
        need(similar_open(jaccard, NULL, &set, NULL));
        for (int i = 0; i < 2 && rest.data; i++) {
            need(similar_make(maker, str_cut(rest, '\n', &rest), &made));
            need(similar_add(set, &made, 0, &duplicate, &match));
        }
        puts(duplicate ? "1" : "0");
        similar_close(set);
    }
}

static void all(struct str texts, double jaccard) {
    struct similar_set *set;
    struct similar_text made;
    struct similar_match match;
    struct str rest = texts;
    bool duplicate;
    double started = cpu_seconds();
    need(similar_open(jaccard, "/tmp", &set, NULL));
    for (uint64_t i = 0; rest.size; i++) {
        need(similar_make(maker, str_cut(rest, '\n', &rest), &made));
        need(similar_add(set, &made, i, &duplicate, &match));
    }
    double seconds = cpu_seconds() - started;
    struct similar_counts counts = similar_counts_of(set);
    printf("%.1f %llu %llu %.0f\n", (double)texts.size / 1e6 / seconds,
           (unsigned long long)counts.kept, (unsigned long long)counts.duplicates,
           (double)counts.memory_bytes / (double)(counts.kept ? counts.kept : 1));
    similar_close(set);
}

int main(int argc, char **argv) {
    struct buf texts;
    buf_open(&texts, (size_t)2 << 30);
    if (argc < 3) return 2;
    need(file_read(argv[argc - 1], &texts, NULL));
    need(similar_maker_open(SIMILAR_AUTO, &maker));
    if (strcmp(argv[1], "signatures") == 0) signatures(buf_str(&texts));
    if (strcmp(argv[1], "pairs") == 0 && argc == 4) pairs(buf_str(&texts), strtod(argv[2], NULL));
    if (strcmp(argv[1], "all") == 0 && argc == 4) all(buf_str(&texts), strtod(argv[2], NULL));
    similar_maker_close(maker);
    buf_close(&texts);
    return 0;
}
