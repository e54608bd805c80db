// Parts of the scorecard beyond its metrics and curves: decisions by a threshold, groups of people,
// the comparison with simpler models, and signs that a split leaks. Each writes members into the
// open object of the scorecard; their JSON stands in tabular.h. Rows count by their weight.
// Shapes: N rows of the side, K outputs.
#pragma once

#include "model/tabular/judge_private.h"

enum {
    JUDGE_GRID = 101,       // thresholds of the table a page's slider walks
    JUDGE_CHANCES = 50,     // of the decision curve: 0.01, 0.03, … 0.99
    JUDGE_GAINS = 10,       // 10 % … 100 % of the rows
    JUDGE_VALUES_MAX = 24,  // of one column that is judged by
    JUDGE_GROUP_LEAST = 10, // rows a group needs (positives, for rates of positives) to be compared
};

// A side's rows of two classes by rising score.
struct scored_rows {
    uint32_t *order;        // (N) of the side
    double *score, *weight; // (N) sorted; weight NULL: all 1
    uint8_t *truth;         // (N) sorted
    struct ranked ranked;   // the same for who only reads
};
enum err scored_rows_open(const struct side_rows *side, const double *predicted,
                          struct scored_rows *out) MUST_USE;
void scored_rows_close(struct scored_rows *rows);

// "name":{"value","low","high"}
void put_interval(struct json_writer *out, const char *name, struct interval interval);
// The bootstrap with the judgement's seed and threads; N rows are looked at `passes` times.
enum err judge_resample(const struct judging *judging, const struct bootstrap_metric *metric,
                        uint64_t rows, uint32_t passes, struct interval *out) MUST_USE;
// Index of the largest of a row's K probabilities.
uint32_t judge_most_probable(const double *row, uint32_t classes);

// "survival": what was seen to happen to thirds of the rows by their risk, and what was predicted
// beside what was seen at each of the model's times. ERR_MEMORY.
enum err judge_survival(const struct judging *judging, const struct tabular_model *model,
                        const struct side_rows *side, const double *predicted) MUST_USE;

// "decisions" of two classes. Thresholds are chosen on the validation side and told on the test
// side; without a validation side only one half is told.
enum err judge_decisions(const struct judging *judging, const struct side_rows *validate,
                         const double *validate_predicted, const struct side_rows *test,
                         const double *predicted, struct costs costs, double youden) MUST_USE;

// "groups": `rows` (N) are the frame's row numbers of the side. The model tells how many events of
// survival it expected.
enum err judge_groups(const struct judging *judging, const struct tabular_judge *wish,
                      const struct tabular_model *model, const uint32_t *rows,
                      const struct side_rows *side, const double *predicted,
                      double threshold) MUST_USE;

// "difference":{"name","better","value","low","high"}: the headline of `predicted` less `other`'s,
// from the same resamples; positive: `predicted` has the higher number.
enum err judge_difference(const struct judging *judging, const struct side_rows *side,
                          const double *predicted, const double *other) MUST_USE;

// An element of "warnings".
void put_warning(struct json_writer *out, const char *code, struct str detail);
// Elements of "warnings" about the split and about missing values; `side` (rows of the frame) is
// the split, `keys` as many hashes of the rows' features.
enum err judge_leaks(const struct judging *judging, const struct frame *frame,
                     const struct tabular_judge *wish, const uint8_t *side,
                     const uint64_t *keys) MUST_USE;
