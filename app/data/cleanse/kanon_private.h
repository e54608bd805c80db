// kanon's line and what it knows of the table, shared by its two files. Depends on
// operator_private.h and data/anonymity.
#pragma once

#include "data/anonymity/anonymity.h"
#include "data/cleanse/operator_private.h"

// Where a column's hierarchy comes from.
struct kanon_tree {
    enum { TREE_GUESS, TREE_RULE, TREE_FILE } from;
    struct hierarchy_rule rule;
    struct item file;
};
struct kanon {
    struct anonymity_goal goal;
    enum recode_mode mode;
    uint32_t *quasi, *sensitive; // places
    uint32_t quasi_count, sensitive_count;
    struct kanon_tree trees[LIMIT_QUASI]; // (quasi_count)
    struct str names[LIMIT_QUASI + LIMIT_SENSITIVE];
    enum column_type types[LIMIT_QUASI];
};
// Where the rows of a part begin among those that were coded.
struct kanon_part {
    uint64_t first_row, start;
};
struct kanon_state {
    uint32_t threads;
    struct fault *fault;
    struct progress *progress;
    struct arena *arena; // of hierarchies
    struct coder *coders[LIMIT_QUASI + LIMIT_SENSITIVE];
    struct kanon_part *parts;
    uint64_t part_count, part_room;
    struct hierarchy read[LIMIT_QUASI];  // those from files
    struct hierarchy trees[LIMIT_QUASI]; // over the column's values
    struct hierarchy_rule rules[LIMIT_QUASI];
    struct coded_table table;
    struct recoding recoding;
    struct risk before, after;
    struct utility utility;
    double threshold;
    bool settled;
};
enum err kanon_open(struct bound *bound, const struct cleanse_options *options) MUST_USE;
enum err kanon_observe(struct bound *bound, const struct part *part) MUST_USE;
enum err kanon_settle(struct bound *bound, struct plan *plan) MUST_USE;
enum err kanon_run(const struct bound *bound, struct part *part) MUST_USE;
void kanon_stop(struct bound *bound);
void kanon_report(const struct bound *bound, struct json_writer *out);
void kanon_members(const struct bound *bound, struct json_writer *out);
