// Inside of patterns: from text to a Glushkov automaton (pattern_parse.c, pattern_build.c), and its
// run over text (pattern_scan.c). Depends on match.h. A pattern never changes once it is open.
//
// Every character a pattern names is a place. `first` are the places where a match may begin,
// `last` where it may end, `follow[p]` those that may stand behind p. The text's characters fall
// into classes that no place tells apart; `takes[c]` are the places that take class c. The text's
// beginning and end are two more classes, so ^ and $ are places like any other.
#pragma once

#include "data/match/match.h"

enum {
    PLACE_WORDS = LIMIT_PATTERN_PLACES / 64,
    CLASS_BEGIN = 0, // before the first character
    CLASS_END = 1,   // behind the last
    CLASS_FIRST = 2, // of characters
    PATTERN_RANGES_MAX = 1 << 16,
    CHARACTER_MAX = 0x10FFFF,
};

struct range {
    uint32_t from, to; // characters, both included
};
// Sorted, apart from one another once ranges_settle was called.
struct ranges {
    struct range *items;
    uint32_t count, room;
};
enum err ranges_add(struct arena *arena, struct ranges *ranges, uint32_t from,
                    uint32_t to) MUST_USE;
void ranges_settle(struct ranges *ranges);
// All characters that are not in it; `ranges` must be settled.
enum err ranges_negate(struct arena *arena, struct ranges *ranges) MUST_USE;
// Adds the other cases and widths of all letters and digits in it.
enum err ranges_fold(struct arena *arena, struct ranges *ranges) MUST_USE;
// What \d, \w, \s or \p{Han} ('h') name.
enum err ranges_add_named(struct arena *arena, struct ranges *ranges, char name) MUST_USE;

enum node_kind { NODE_CHARACTERS, NODE_BEGIN, NODE_END, NODE_CHAIN, NODE_EITHER, NODE_REPEAT };
struct node {
    enum node_kind kind;
    struct ranges ranges;      // CHARACTERS
    uint32_t least, most;      // REPEAT; most UINT32_MAX: any number
    struct node *inner, *next; // first child; next sibling
};

struct place_set {
    uint64_t words[PLACE_WORDS];
};

struct pattern {
    struct arena *arena;
    bool whole, nullable;
    uint32_t place_count, word_count; // word_count: of a set, as far as it is used
    uint32_t class_count;
    struct place_set first, last;
    struct place_set *follow;  // (place_count)
    struct place_set *precede; // (place_count): follow, the other way
    struct place_set *takes;   // (class_count)
    // The class of a character: pages of 256 up to U+FFFF, ranges above.
    uint16_t page_of[256];
    uint16_t *pages; // (page_count, 256)
    struct class_range {
        uint32_t from, to;
        uint16_t class;
    } * high; // (high_count), sorted
    uint32_t high_count;
};
// Reads the pattern's text into a tree; all memory from `arena`.
enum err pattern_parse(struct arena *arena, struct str text, unsigned flags, struct node **out,
                       struct fault *fault) MUST_USE;
// Makes places and classes of the tree. ERR_LIMIT: too many.
enum err pattern_build(struct pattern *pattern, const struct node *root) MUST_USE;
