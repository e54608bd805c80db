// A pattern up to the first NUL, a text behind it: whatever they are, the pattern opens or tells
// its fault, and matches lie within the text, in order, apart, not empty.
#include <stdlib.h>
#include <string.h>

#include "data/match/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { ROOM = 1024 };
    static struct match matches[ROOM];
    const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
    size_t cut = nul ? (size_t)(nul - data) : size;
    struct str text = {(const char *)data + cut, size - cut};
    struct fault fault = {0};
    struct pattern *pattern;
    enum err err = pattern_open((struct str){(const char *)data, cut}, 0, &pattern, &fault);
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    if (err != OK) return 0;
    struct arena *arena;
    struct pattern_scanner *scanner;
    if (arena_open(1 << 25, &arena) != OK) abort();
    if (pattern_scanner_open(pattern, arena, &scanner) != OK) abort();
    size_t count, again, end = 0;
    bool found;
    if (pattern_scan(scanner, text, matches, ROOM, &count) != OK) abort();
    if (pattern_test(scanner, text, &found) != OK || (count && !found)) abort();
    for (size_t i = 0; i < count && i < ROOM; i++) {
        if (matches[i].start < end || matches[i].size == 0) abort();
        end = matches[i].start + matches[i].size;
        if (end > text.size) abort();
    }
    if (pattern_scan(scanner, text, NULL, 0, &again) != OK || again != count) abort();
    arena_close(arena);
    pattern_close(pattern);
    return 0;
}
