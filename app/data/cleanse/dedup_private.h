// Inside of dedup: what its three ways share. Depends on texts_private.h. Each way has its part of
// the settings and of the state; operator_dedup.c hands the calls on.
#pragma once

#include "data/cleanse/texts_private.h"
#include "data/similar/similar.h"

enum dedup_way { DEDUP_EXACT, DEDUP_LINE, DEDUP_NEAR, DEDUP_WAY_COUNT };
enum { REASON_EXACT, REASON_LINE, REASON_LINE_EMPTIED, REASON_NEAR, DEDUP_REASON_COUNT };

struct dedup {
    enum dedup_way way;
    uint32_t *places;
    uint32_t place_count;
    double jaccard;      // near; 0: the rule file's
    uint32_t unit;       // near: enum similar_unit
    double least, count; // line: characters, times; 0: the rule file's
};
struct line_counts;
struct dedup_state {
    uint32_t *places; // those of the settings that no earlier line has removed after all
    uint32_t place_count;
    struct fingerprint_set *seen; // exact
    struct similar_set *similar;  // near
    struct line_counts *lines;    // line
    double jaccard, least, count; // as they are in this run
    uint64_t lines_removed, bytes_removed;
    const char *folder; // scratch
};

enum err near_start(struct dedup_state *state, struct fault *fault) MUST_USE;
enum err near_prepare(const struct dedup *dedup, const struct dedup_state *state,
                      struct part *part) MUST_USE;
enum err near_run(struct dedup_state *state, struct part *part) MUST_USE;
void near_report(const struct dedup_state *state, struct json_writer *out);

enum err lines_start(struct dedup_state *state) MUST_USE;
enum err lines_run(struct dedup_state *state, struct part *part) MUST_USE;
void lines_report(const struct dedup_state *state, struct json_writer *out);
void lines_stop(struct dedup_state *state);
