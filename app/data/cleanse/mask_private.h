// What a line of mask conceals and how: read by operator_mask.c, carried out by mask_run.c. Depends
// on conceal_private.h and part_private.h.
#pragma once

#include "data/cleanse/conceal_private.h"
#include "data/cleanse/part_private.h"
#include "data/match/match.h"

enum {
    REASON_VALUE = PERSONAL_KIND_COUNT, // a column's value of no known kind
    REASON_PATTERN,                     // what a pattern of the site found
    REASON_SEALED,                      // what was sealed already
    MASK_REASONS,
    // Patterns on one line: each is one more pass over the text.
    LIMIT_MASK_PATTERNS = 32,
};

// A column and the kind its values are of by its name, or KIND_UNKNOWN.
struct mask_column {
    uint32_t place;
    unsigned kind;
};
// mrn="住院号\d{8,10}"
struct mask_pattern {
    struct str name, text;
    unsigned kind; // of the same name, or KIND_UNKNOWN
    uint32_t column;
};
struct mask {
    enum how how;
    uint32_t kinds;              // what is looked for in text: bits of enum personal_kind
    struct mask_column *columns; // concealed whole
    uint32_t column_count;
    uint32_t *texts; // concealed inside
    uint32_t text_count;
    struct mask_column *from; // columns whose values are looked for in the text of their row
    uint32_t from_count;
    struct mask_pattern *patterns;
    uint32_t pattern_count;
    struct conceal conceal; // its keys are set by start
};
// What start takes and stop gives back.
struct mask_state {
    struct pattern *patterns[LIMIT_MASK_PATTERNS]; // as mask->patterns
};

// Conceals one part. The operator's run.
enum err mask_run(const struct bound *bound, struct part *part);
