// What a person brings to a pilot: a file or a release's rows, which of its columns plays which
// part of the template, and how a file is read then. The box (pilots.c) and the command line
// (pilot_file.c) both begin here; nothing of it knows the store or who asks. Everything lives in
// the source's arena. One thread.
#pragma once

#include "data/intake/intake.h"
#include "flow/record.h"
#include "pilot/template.h"

struct pilot_source {
    struct arena *arena;
    struct str name;           // people's for it
    struct str origin;         // of a demonstration "package" or "synthetic"; else ""
    bool file;                 // else a release, whose columns keep their names
    struct intake_guess guess; // of a file
    struct match_source cells;
    struct str *names;  // (columns)
    const char **types; // (columns)
};
// Room for so many columns. ERR_MEMORY.
enum err pilot_source_room(struct pilot_source *source, uint32_t columns) MUST_USE;
// The head of a file; name and origin are set. told: what is known of how it is read.
enum err pilot_source_look(const struct template *one, const char *path,
                           const struct intake_options *told, struct pilot_source *source,
                           struct fault *fault) MUST_USE;
// The head of a table.
enum err pilot_source_sample(struct table *table, struct pilot_source *source,
                             struct fault *fault) MUST_USE;
// out: (column_count) of the template.
enum err pilot_source_match(const struct template *one, const struct pilot_source *source,
                            struct match **out) MUST_USE;
// What a person says, {"glucose":"血糖","age":null}, stands over what was found. `whole`: what
// isn't said is none. ERR_INPUT "pilot.bad_mapping" (detail: what is wrong).
enum err pilot_source_correct(const struct template *one, const struct pilot_source *source,
                              const struct json *said, bool whole, struct match *match,
                              struct fault *fault) MUST_USE;
// The target's value to be found: a demonstration's own, or as met in the rows; STR_NONE: none.
struct str pilot_source_positive(const struct template *one, const struct pilot_source *source,
                                 int32_t column);
// Into the run: positive and graph (unless they are there), mapping, intake; run->language is set.
// ERR_INPUT "pilot.column_missing", "train.no_feature_left", "pilot.no_positive", "pilot.no_graph",
// "series.bad_edge" (row: the edge); ERR_MEMORY.
enum err pilot_source_settle(const struct template *one, struct pilot_source *source,
                             const struct match *match, struct arena *arena, struct pilot_run *run,
                             struct fault *fault) MUST_USE;
// As the API and the command line show a column's place: its name, "*" for all numbers that are
// left, STR_NONE for none.
struct str pilot_source_from(const struct pilot_source *source, const struct match *match);
