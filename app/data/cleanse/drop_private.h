// Inside of drop: its settings, and the rows whose text is judged (drop_quality.c). Depends on
// quality_private.h.
#pragma once

#include "data/cleanse/quality_private.h"
#include "data/cleanse/rules_private.h"
#include "data/cleanse/texts_private.h"

enum {
    DROP_MISSING,
    DROP_EMPTY,
    DROP_TOO_LONG,
    DROP_QUALITY, // and one more for each measure; that of the length: too short
    DROP_REASON_COUNT = DROP_QUALITY + QUALITY_COUNT
};
extern const struct reason drop_reasons[DROP_REASON_COUNT];

// A row goes if the measure stands so to the value.
struct condition {
    uint32_t measure;
    enum sign sign; // LESS, LESS_EQUAL, MORE, MORE_EQUAL
    double value;
};
enum { CONDITIONS_MAX = 2 * QUALITY_COUNT };
struct conditions {
    struct condition items[CONDITIONS_MAX];
    uint32_t count, wanted; // wanted: bits of the measures
};

struct drop {
    bool empty;         // rows without any value
    bool measure;       // missing>share
    bool measure_equal; // missing>=share
    double share;
    uint32_t *needed; // rows must have a value there
    uint32_t needed_count;
    uint32_t *here; // the columns of the table at this line
    uint32_t here_count;
    bool all_rules; // those of the rule file too
    bool judges;    // texts
    uint32_t *texts;
    uint32_t text_count;
    struct conditions told; // by the line
};
struct drop_state {
    uint64_t rows;     // counted in the pass of its own, like
    uint64_t *missing; // (here_count)
    uint32_t *places;  // texts that are still there
    uint32_t place_count;
    struct conditions conditions; // with those of the rule file
};

enum err quality_bind(struct drop *drop, const struct line *line, const struct plan *plan,
                      struct arena *arena, struct teller *teller) MUST_USE;
void quality_open(const struct drop *drop, struct drop_state *state, const struct rules *rules);
enum err quality_run(const struct drop_state *state, struct part *part) MUST_USE;
void quality_report(const struct drop_state *state, struct json_writer *out);
