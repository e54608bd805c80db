// Runs of digits in text, the way people write them: ASCII or full-width, in groups with
// blanks, hyphens, dots or one line break between. A group is a maximal unbroken run of digits;
// what is found never begins or ends within one. Depends on base/ only; pure functions, any
// thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    // Digits kept of one group; a longer group is no identifier.
    GROUP_DIGITS = 20,
    // Groups looked at together: 18 single digits, a +86 before them, and some to go on with.
    GROUPS_MOST = 40,
    // Digits of all of them; no identifier has more.
    GROUPS_DIGITS = 24,
};

enum gap { GAP_END, GAP_SPACE, GAP_HYPHEN, GAP_DOT, GAP_LINE };
// What a place may begin: a digit, @ and : (full-width ones too), "ww", the first of two hyphens
// that stand three apart (AA-BB-CC), 微 (微信), wx and vx, 岁 (九十二岁), 年 (一九八五年) and a dot
// that a letter follows (example.cn).
enum anchor {
    ANCHOR_NONE,
    ANCHOR_DIGIT,
    ANCHOR_AT,
    ANCHOR_COLON,
    ANCHOR_W,
    ANCHOR_HYPHEN,
    ANCHOR_WEI,
    ANCHOR_SUI,
    ANCHOR_X, // wx, vx
    ANCHOR_YEAR,
    ANCHOR_DOT
};

struct digit_group {
    uint32_t start, end; // bytes
    uint8_t digit[GROUP_DIGITS];
    uint8_t count;  // GROUP_DIGITS + 1: more than are kept
    uint32_t x_end; // where an X that may be a check digit after it ends; 0: there is none
    enum gap gap;   // what stands between it and the next group
};

// The digit at `at`, ASCII or full-width: its value and its bytes; false if there is none.
bool digit_at(struct str text, size_t at, uint8_t *value, uint32_t *bytes);
enum anchor anchor_at(struct str text, size_t at); // at < text.size
// The first place at or after `from` that is an anchor; text.size if there is none. This is what
// makes scanning fast: 16 bytes at a time. The plain one is its reference.
size_t anchor_find(struct str text, size_t from);
size_t anchor_find_plain(struct str text, size_t from);
// The first letter or character of several bytes at or after `from`; text.size if there is none.
// Words begin so: without one nothing says what a number is.
size_t word_find(struct str text, size_t from);
// Whether a word for birth may stand near `at`; false is certain.
bool birth_is_near(struct str text, size_t at);
// Blanks (the invisible ones too) with at most one hyphen, dot or line break among them; moves *at
// behind them. GAP_END and *at untouched if there is none.
enum gap gap_read(struct str text, size_t *at);
// Reads the groups that hang together from `at`, where a digit stands; at most GROUPS_MOST. Returns
// their number; if the last one's gap is not GAP_END, more follow.
uint32_t digit_groups_read(struct str text, size_t at, struct digit_group *groups);
