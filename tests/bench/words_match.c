// Our side of tests/bench/cleansing/words: `words_match raw|folded KEYWORDS TEXT…` goes through the
// texts several times and prints the MB/s of the best, the hits, and a sum over hits that does not
// depend on their order (word and end of each): a peer that found the same has the same sum.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "data/match/match.h"

enum { WORDS_MAX = 200000, ROUNDS = 5, ROOM = 1 << 22 };

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void read_all(const char *path, struct buf *out) {
    struct fault fault = {0};
    if (file_read(path, out, &fault) == OK) return;
    fprintf(stderr, "%s: %s\n", path, fault.code);
    exit(1);
}

static uint32_t cut_words(struct str rest, struct str *words) {
    uint32_t count = 0;
    while (rest.data && count < WORDS_MAX) {
        struct str word = str_cut(rest, '\n', &rest);
        if (word.size && word.data[word.size - 1] == '\r') word.size--;
        if (word.size) words[count++] = word;
    }
    return count;
}

int main(int argc, char **argv) {
    static struct str words[WORDS_MAX];
    static struct keyword_hit hits[ROOM];
    if (argc < 4) return 2;
    unsigned flags = strcmp(argv[1], "folded") == 0 ? KEYWORDS_FOLDED : KEYWORDS_RAW;
    struct buf list, text;
    buf_open(&list, 1 << 28);
    buf_open(&text, 1 << 30);
    read_all(argv[2], &list);
    for (int i = 3; i < argc; i++) read_all(argv[i], &text);
    struct keywords *set;
    struct keyword_scanner *scanner;
    struct arena *arena;
    struct fault fault = {0};
    uint32_t count = cut_words(buf_str(&list), words);
    double started = cpu_seconds();
    if (keywords_open(words, count, flags, &set, &fault) != OK ||
        arena_open(1 << 24, &arena) != OK || keyword_scanner_open(set, arena, &scanner) != OK) {
        fprintf(stderr, "words_match: %s, word %llu\n", fault.code, (unsigned long long)fault.row);
        return 1;
    }
    double built = cpu_seconds() - started, best = 1e9;
    size_t found = 0;
    for (int round = 0; round < ROUNDS; round++) {
        started = cpu_seconds();
        found = keyword_scan(scanner, buf_str(&text), hits, ROOM);
        double seconds = cpu_seconds() - started;
        if (seconds < best) best = seconds;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < found && i < ROOM; i++) {
        sum += (hits[i].word + 1) * (hits[i].start + hits[i].size) * 0x9E3779B97F4A7C15u;
    }
    printf("%.1f %zu %016llx %.1f\n", (double)text.size / 1e6 / best, found,
           (unsigned long long)sum, built * 1e3);
    return 0;
}
