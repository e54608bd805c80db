// The target's other columns: what each row weighs, whether the event was seen, and what a person
// said about classes and times. Part of frame.c's work; everything lives in the arena given.
#pragma once

#include "flow/steps/frame.h"

struct frame_columns {
    int32_t weight, event; // of the table; -1: none
    double *weights;       // (rows) or NULL
    uint8_t *events;
    bool event_seen;
};
// Finds the columns. ERR_INPUT "train.unknown_column".
enum err frame_columns_find(const struct frame_wish *wish, const struct schema *schema,
                            struct frame_columns *out, struct fault *fault) MUST_USE;
enum err frame_columns_take(struct frame_columns *columns, struct arena *arena,
                            size_t rows) MUST_USE;
// Row `at` of the frame. ERR_INPUT "train.bad_event", "train.bad_weight".
enum err frame_columns_fill(struct frame_columns *columns, const struct frame_wish *wish,
                            const struct batch *batch, uint32_t row, uint64_t at,
                            struct buf *scratch, struct fault *fault) MUST_USE;
// Was it seen, by the value that says so or, where that is "", read as yes and no: 1, true, yes, 是?
// False where the cell cannot be read.
bool frame_event_read(struct str positive, const struct column *column, uint32_t row,
                      struct buf *scratch, uint8_t *out);
// Class weights and times, checked; the target's task and classes are known.
enum err frame_wishes_settle(const struct frame_wish *wish, struct arena *arena,
                             struct tabular_target *target, struct fault *fault) MUST_USE;
