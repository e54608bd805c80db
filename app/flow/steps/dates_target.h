// A target made out of two dates: whether what began has ended within a limit, or how long it took.
// It stands in a preparation, so that the model keeps it and new rows are judged alike:
//   {"steps":[…],"target":{"start":"created","end":"closed","unit":"hours","within":24,
//    "yes":"in_time","no":"late","as_of":"2026-01-31 18:00"}}
// With "within" the target is a class: "yes" for what ended no later than that after its start,
// "no" for what ended later or has not ended. Without, it is the time it took, in the unit ("days"
// when absent, "hours"). "yes" and "no" are called so when absent. The data reaches up to "as_of",
// when absent the last date in the two columns. Of a row that began no longer than the limit before
// that nobody knows yet how it ends: it has no target, whether it has ended or not, for those that
// have would be the quick ones alone. Where one column tells no time of the day both count in days.
// One thread.
#pragma once

#include "data/table.h"
#include "flow/steps/frame.h"

struct dates_target {
    struct str start, end; // columns
    bool hours;            // the unit: else days
    double within;         // NaN: the target is the time itself
    struct str yes, no;
    bool as_of_told;
    int64_t as_of_s;
};
// *out_has: the preparation has one. Texts live as long as the node. ERR_INPUT "prepare.bad_option"
// (detail: the member), "train.bad_within".
enum err dates_target_read(const struct json *preparation, struct dates_target *out, bool *out_has,
                           struct fault *fault) MUST_USE;
// May these columns be the dates, and does nothing else of a training's options use the end, which
// is known too late? A forecast takes none. ERR_INPUT "prepare.bad_option", "train.unknown_column",
// "train.not_dates", "train.end_known_later", "train.target_taken" (detail: the column).
enum err dates_target_check(const struct dates_target *dates, const struct json *options,
                            const struct schema *schema, struct fault *fault) MUST_USE;

struct dates_told {
    uint64_t known;      // rows that have a target
    uint64_t young;      // began too recently,
    uint64_t backwards;  // ended before they began,
    uint64_t unreadable; // have a text that is no date,
    uint64_t missing;    // lack a date that is needed: rows without a target
    int64_t as_of_s;
    bool clock;           // as_of_s tells a time of the day,
    bool reach;           // and matters
    struct str *after;    // other dates that lie after the start in most rows: known only later?
    uint32_t after_count; // in the arena given
};
// Writes the table to `path` with the target behind its columns and without the end. With `event`
// the end stays as a boolean, whether it is there, and a row that has not ended counts up to
// "as_of": for survival. ERR_INPUT as dates_target_check, "train.not_dates" where nothing can be
// read as a date, "train.end_before_start" (with the row) where most rows end first,
// "train.all_too_young"; table errors; ERR_CANCELLED.
enum err dates_target_table(const struct dates_target *dates, struct str target, bool event,
                            struct table *table, const char *path, struct arena *arena,
                            struct progress *progress, struct dates_told *out,
                            struct fault *fault) MUST_USE;
// What was left out and why, for the scorecard, in place of the frame's own word of its target.
// ERR_MEMORY.
enum err dates_target_warn(const struct dates_target *dates, const struct dates_told *told,
                           struct arena *arena, struct table_frame *frame) MUST_USE;
