// What a forecasting model keeps of its training, so that newer values can be held against it: how
// the values of the target, of each column that helps and of each series were spread, how far
// single stretches of training lay from the whole, and how the backtest erred. It stands in the
// model's file as the member "profile" of the plan (series_data.h). Everything lives in the arena
// given. One thread.
#pragma once

#include "flow/steps/series_rows.h"

enum {
    SERIES_STRETCHES = 8,       // halves, quarters … of training
    SERIES_BLOCKS_MAX = 24,     // of origins, whose errors are drawn together
    SERIES_BLOCKS_LEAST = 5,    // fewer tell nothing of chance
    SERIES_PROFILE_MAX = 16384, // numbers in all parts; what finds no room is left out
};
enum series_part_kind { SERIES_PART_TARGET, SERIES_PART_COLUMN, SERIES_PART_SERIES };
struct series_part {
    enum series_part_kind kind;
    uint32_t at; // which column, which series
    struct distribution of;
    double mean; // of numbers
    // (stretches) the largest index (PSI) that a half of the steps, a quarter, … had against all
    double usual[SERIES_STRETCHES];
    uint32_t stretches;
};
// Sums over the forecasts of some origins, of one horizon.
struct series_block {
    double rows, absolute, square, signed_error; // forecast - truth
    double rule;                                 // absolute errors of the rule it is added to
    double inside[SERIES_LEVELS];
};
struct series_profile {
    int64_t last_s; // the time of the last step
    uint32_t steps;
    struct series_part *parts;
    uint32_t part_count, left_out;
    struct series_block *blocks; // (H, block_count) of the backtest
    uint32_t block_count;
};
// ERR_MEMORY.
enum err series_profile_make(const struct series_data *data, const struct series_rows *rows,
                             const struct series_backtest *test, struct arena *arena,
                             struct series_profile *out) MUST_USE;
void series_profile_write(struct json_writer *out, const struct series_data *data,
                          const struct series_profile *profile);
// Hostile: false where it cannot be one of this plan.
bool series_profile_read(const struct json *node, const struct series_data *data,
                         struct arena *arena, struct series_profile *out) MUST_USE;

struct str series_part_name(const struct series_data *data, const struct series_part *part);
bool series_part_is_category(const struct series_data *data, const struct series_part *part);
// Counts the grid's steps [first, end) into part->of, whose counts are taken; returns their mean.
double series_part_count(const struct series_data *data, struct series_part *part, uint32_t first,
                         uint32_t end);
// What the most different stretch of about so many steps had in training; NaN: not known.
double series_part_usual(const struct series_profile *profile, const struct series_part *part,
                         uint32_t steps);
// How many blocks the origins [first, end) make.
uint32_t series_block_count(const struct series_plan *plan, uint32_t first, uint32_t end);
// Adds the forecasts made from them to blocks (H, count).
void series_blocks_add(const struct series_rows *rows, const struct series_backtest *test,
                       uint32_t first, uint32_t end, struct series_block *blocks, uint32_t count);
