// Runs of digits in text, the way people write them: ASCII or full-width, in groups with spaces,
// hyphens or one line break between. A group is a maximal unbroken run of digits; what is found
// never begins or ends within one. Depends on base/ only; pure functions, any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    // Digits kept of one group; a longer group is no identifier.
    GROUP_DIGITS = 20,
    // Groups looked at together: 18 single digits, a +86 before them, and some to go on with.
    GROUPS_MOST = 40,
};

enum gap { GAP_END, GAP_SPACE, GAP_HYPHEN, GAP_LINE };

struct digit_group {
    uint32_t start, end; // bytes
    uint8_t digit[GROUP_DIGITS];
    uint8_t count;  // GROUP_DIGITS + 1: more than are kept
    uint32_t x_end; // where an X that may be a check digit after it ends; 0: there is none
    enum gap gap;   // what stands between it and the next group
};

// The digit at `at`, ASCII or full-width: its value and its bytes; false if there is none.
bool digit_at(struct str text, size_t at, uint8_t *value, uint32_t *bytes);
// The first place at or after `from` where a digit or an @ stands, full-width ones too; text.size
// if there is none. This is what makes scanning fast: 16 bytes at a time.
size_t digit_or_at_find(struct str text, size_t from);
// Reads the groups that hang together from `at`, where a digit stands; at most GROUPS_MOST. Returns
// their number; if the last one's gap is not GAP_END, more follow.
uint32_t digit_groups_read(struct str text, size_t at, struct digit_group *groups);
