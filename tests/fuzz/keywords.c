// Words by lines up to the first NUL, a text behind it: raw hits are those that a plain search
// finds; folded hits lie within the text, in the order of their starts.
#include <stdlib.h>
#include <string.h>

#include "data/match/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 32, ROOM = 4096 };
static struct keyword_hit hits[ROOM];

static size_t plain_count(const struct str *words, uint32_t count, struct str text) {
    size_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (size_t at = 0; at + words[i].size <= text.size; at++) {
            found += memcmp(text.data + at, words[i].data, words[i].size) == 0;
        }
    }
    return found;
}

static void scan_with(const struct str *words, uint32_t count, unsigned flags, struct str text) {
    struct keywords *set;
    struct keyword_scanner *scanner;
    struct arena *arena;
    struct fault fault = {0};
    enum err err = keywords_open(words, count, flags, &set, &fault);
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    if (err != OK) return;
    if (arena_open(1 << 24, &arena) != OK) abort();
    if (keyword_scanner_open(set, arena, &scanner) != OK) abort();
    size_t found = keyword_scan(scanner, text, hits, ROOM), before = 0;
    for (size_t i = 0; i < found && i < ROOM; i++) {
        if (hits[i].start < before || hits[i].size == 0 || hits[i].word >= count) abort();
        if (hits[i].start + hits[i].size > text.size) abort();
        before = hits[i].start;
    }
    if (flags == KEYWORDS_RAW && found != plain_count(words, count, text)) abort();
    arena_close(arena);
    keywords_close(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str words[WORDS];
    uint32_t count = 0;
    const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
    size_t cut = nul ? (size_t)(nul - data) : size;
    struct str text = {(const char *)data + cut, size - cut}, rest = {(const char *)data, cut};
    while (rest.size && count < WORDS) {
        struct str word = str_cut(rest, '\n', &rest);
        if (word.size) words[count++] = word;
    }
    scan_with(words, count, KEYWORDS_RAW, text);
    scan_with(words, count, KEYWORDS_FOLDED, text);
    return 0;
}
