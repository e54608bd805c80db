// XGBoost's JSON, inside the folder: what the reader of one tree and the reader of the learner
// share. A tree is lists by node: children, feature, condition (a leaf's value), default side, and
// for splits by category the codes that go right. Nothing is trusted: every list must have its
// node's entry, every index must be within its list, and every node is reached once.
#pragma once

#include <math.h>

#include "base/json_text.h"
#include "model/tabular/model_private.h"

enum {
    XGBOOST_NODES_MAX = 1 << 20, // of one tree, and entries of any of its lists
    XGBOOST_TREES_MAX = FOREST_TREES_MAX,
};
static const size_t xgboost_names_bytes = (size_t)1 << 28;

// Base scores are given before the link, and XGBoost turns them into margins in floats.
static inline float xgboost_logit(float share) {
    return -logf(1.0f / share - 1.0f);
}

struct xgboost_list {
    double *items;
    uint32_t count, room;
};
// The codes that go right at one split: codes.items[first] and the `size` - 1 after it.
struct xgboost_set {
    uint32_t first, size;
};
// A feature's categories by code as "cats" names them; once taken, in the order of their names.
struct xgboost_names {
    struct str *items; // (count)
    uint32_t *codes;   // (count) of each category, or NULL: they were not taken
    uint32_t count;
};
struct xgboost_reading {
    struct json_text text;
    struct fault *fault;
    struct tabular_model *model;
    struct forest *forest; // nodes whose `set` is 1 + an index into `sets`
    struct xgboost_set *sets;
    uint32_t set_room;
    struct xgboost_list codes;     // of all sets
    struct xgboost_list tree_info; // which output a tree belongs to
    struct xgboost_list lists[14]; // of the tree being read
    uint32_t *order;               // (order_room): which of XGBoost's nodes stands where
    uint32_t order_room;
    bool codes_in_order; // a code is the index of its category; else the category's name says it
    struct xgboost_names *names; // (name_count), by feature; in the arena
    uint32_t name_count;
};

// Numbers, true and false, appended to an emptied list. ERR_MEMORY, ERR_LIMIT.
enum err xgboost_list_read(struct xgboost_reading *r, struct xgboost_list *list) MUST_USE;
// The list of trees. ERR_CORRUPT, ERR_INPUT, ERR_LIMIT with a fault "model.xgboost_*" that names
// the tree (row) and the node (column), both from 1.
enum err xgboost_trees_read(struct xgboost_reading *r) MUST_USE;
// "cats" (xgboost_names.c). ERR_CORRUPT, ERR_LIMIT, ERR_MEMORY.
enum err xgboost_names_read(struct xgboost_reading *r) MUST_USE;
// Gives feature f the categories that "cats" names, where it names at least so many and no two
// alike. ERR_MEMORY.
enum err xgboost_names_take(struct xgboost_reading *r, uint32_t f, uint32_t least,
                            bool *out_taken) MUST_USE;
// What is wrong where the text is no JSON, or is cut off.
enum err xgboost_text_fault(struct xgboost_reading *r) MUST_USE;
// Gives the categories of the model's features bins, and every split by category its set of them.
// The features must have their categories. ERR_LIMIT "model.xgboost_bins", ERR_MEMORY.
enum err xgboost_bins_settle(struct xgboost_reading *r) MUST_USE;
