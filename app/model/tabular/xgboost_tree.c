// One tree of XGBoost's JSON. See xgboost_private.h.

#include <float.h>
#include <stdio.h>
#include <string.h>

#include "model/tabular/xgboost_private.h"

enum list {
    LIST_LEFT,
    LIST_RIGHT,
    LIST_FEATURE,
    LIST_CONDITION,
    LIST_DEFAULT_LEFT,
    LIST_COVER,
    LIST_NEEDED, // those above every tree has
    LIST_GAIN = LIST_NEEDED,
    LIST_KIND,
    LIST_BY_NODE, // those above have an entry for every node
    LIST_CODES = LIST_BY_NODE,
    LIST_NODES,
    LIST_SEGMENTS,
    LIST_SIZES,
    LIST_COUNT,
};
static const char *const list_names[LIST_COUNT] = {
    "left_children", "right_children",   "split_indices",       "split_conditions",
    "default_left",  "sum_hessian",      "loss_changes",        "split_type",
    "categories",    "categories_nodes", "categories_segments", "categories_sizes",
};
_Static_assert(LIST_COUNT <=
                   sizeof(((struct xgboost_reading *)0)->lists) / sizeof(struct xgboost_list),
               "room for every list");

struct tree {
    struct xgboost_reading *r;
    const struct xgboost_list *lists;
    uint32_t nodes, at; // `at`: place in the file's list of trees
};

static enum err wrong(const struct tree *tree, enum err err, const char *code, uint32_t node,
                      const char *detail) {
    return fault_at(tree->r->fault, err, code, (uint64_t)tree->at + 1, (uint64_t)node + 1,
                    str_of(detail));
}

static double entry(const struct tree *tree, enum list list, uint32_t node) {
    const struct xgboost_list *from = &tree->lists[list];
    return node < from->count ? from->items[node] : 0;
}

// ---- reading lists ------------------------------

static enum err list_add(struct xgboost_list *list, double value) {
    if (list->count == list->room) {
        uint32_t room = list->room ? 2 * list->room : 256;
        double *wider =
            memory_resize(list->items, list->room * sizeof(double), room * sizeof(double));
        if (!wider) return ERR_MEMORY;
        list->items = wider;
        list->room = room;
    }
    list->items[list->count++] = value;
    return OK;
}

enum err xgboost_list_read(struct xgboost_reading *r, struct xgboost_list *list) {
    list->count = 0;
    for (json_text_open(&r->text, '['); json_text_more(&r->text);) {
        char c = json_text_peek(&r->text);
        bool word = c == 't' || c == 'f';
        double value = word ? json_text_bool(&r->text) : json_text_number(&r->text);
        if (list->count == XGBOOST_NODES_MAX) {
            return fault_set(r->fault, ERR_LIMIT, "model.too_large", STR_NONE);
        }
        if (list_add(list, value) != OK) return ERR_MEMORY;
    }
    return r->text.bad ? xgboost_text_fault(r) : OK;
}

static bool whole_within(double value, double least, double end) {
    return value >= least && value < end && value == floor(value);
}

static enum err lengths_check(struct tree *tree) {
    tree->nodes = tree->lists[LIST_LEFT].count;
    if (tree->nodes == 0)
        return wrong(tree, ERR_CORRUPT, "model.xgboost_count", 0, "left_children");
    for (enum list list = 0; list < LIST_BY_NODE; list++) {
        uint32_t count = tree->lists[list].count;
        if (count == tree->nodes || (count == 0 && list >= LIST_NEEDED)) continue;
        return wrong(tree, ERR_CORRUPT, "model.xgboost_count", 0, list_names[list]);
    }
    uint32_t sets = tree->lists[LIST_NODES].count;
    for (enum list list = LIST_SEGMENTS; list <= LIST_SIZES; list++) {
        if (tree->lists[list].count == sets) continue;
        return wrong(tree, ERR_CORRUPT, "model.xgboost_count", 0, list_names[list]);
    }
    return OK;
}

// ---- the nodes ------------------------------

// Which children node n of the file has; false: it is a leaf.
static enum err children_of(const struct tree *tree, uint32_t n, uint32_t *left, uint32_t *right,
                            bool *is_leaf) {
    double a = entry(tree, LIST_LEFT, n), b = entry(tree, LIST_RIGHT, n);
    *is_leaf = a == -1 && b == -1;
    if (*is_leaf) return OK;
    if (!whole_within(a, 0, tree->nodes)) {
        return wrong(tree, ERR_CORRUPT, "model.xgboost_index", n, list_names[LIST_LEFT]);
    }
    if (!whole_within(b, 0, tree->nodes)) {
        return wrong(tree, ERR_CORRUPT, "model.xgboost_index", n, list_names[LIST_RIGHT]);
    }
    *left = (uint32_t)a;
    *right = (uint32_t)b;
    return OK;
}

static enum err number_of(const struct tree *tree, enum list list, uint32_t n, float *out) {
    double value = entry(tree, list, n);
    if (!isfinite((float)value)) {
        return wrong(tree, ERR_CORRUPT, "model.xgboost_number", n, list_names[list]);
    }
    *out = (float)value;
    return OK;
}

// The codes that go right at split `which` of categories_nodes.
static enum err set_read(const struct tree *tree, uint32_t n, uint32_t which,
                         struct xgboost_set *out) {
    struct xgboost_reading *r = tree->r;
    const struct xgboost_list *codes = &tree->lists[LIST_CODES];
    double first = entry(tree, LIST_SEGMENTS, which), size = entry(tree, LIST_SIZES, which);
    if (!whole_within(first, 0, (double)codes->count + 1) ||
        !whole_within(size, 0, (double)codes->count - first + 1)) {
        return wrong(tree, ERR_CORRUPT, "model.xgboost_index", n, list_names[LIST_SEGMENTS]);
    }
    *out = (struct xgboost_set){r->codes.count, (uint32_t)size};
    for (uint32_t i = 0; i < out->size; i++) {
        double code = codes->items[(uint32_t)first + i];
        if (!whole_within(code, 0, 1 << 24)) {
            return wrong(tree, ERR_CORRUPT, "model.xgboost_index", n, list_names[LIST_CODES]);
        }
        if (code >= TABULAR_CATEGORIES_MAX) {
            return wrong(tree, ERR_LIMIT, "model.xgboost_categories", n, "4096");
        }
        if (r->codes.count == UINT32_MAX / 16) {
            return fault_set(r->fault, ERR_LIMIT, "model.too_large", STR_NONE);
        }
        enum err err = list_add(&r->codes, code);
        if (err != OK) return err;
    }
    return OK;
}

static enum err set_add(const struct tree *tree, struct xgboost_set set, struct node *node) {
    struct xgboost_reading *r = tree->r;
    if (r->forest->set_count == r->set_room) {
        uint32_t room = r->set_room ? 2 * r->set_room : 64;
        void *wider = memory_resize(r->sets, r->set_room * sizeof(set), room * sizeof(set));
        if (!wider) return ERR_MEMORY;
        r->sets = wider;
        r->set_room = room;
    }
    r->sets[r->forest->set_count] = set;
    node->set = ++r->forest->set_count;
    return OK;
}

// categories_nodes rises, as XGBoost writes it: found by halving.
static bool set_find(const struct tree *tree, uint32_t n, uint32_t *out) {
    uint32_t low = 0, high = tree->lists[LIST_NODES].count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entry(tree, LIST_NODES, middle) < n)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return entry(tree, LIST_NODES, low) == n && low < tree->lists[LIST_NODES].count;
}

static enum err split_read(const struct tree *tree, uint32_t n, struct node *node) {
    double feature = entry(tree, LIST_FEATURE, n);
    if (!whole_within(feature, 0, MODEL_FEATURES_MAX)) {
        return wrong(tree, ERR_CORRUPT, "model.xgboost_index", n, list_names[LIST_FEATURE]);
    }
    node->feature = (uint32_t)feature;
    node->missing_left = entry(tree, LIST_DEFAULT_LEFT, n) != 0;
    double gain = entry(tree, LIST_GAIN, n); // only shown: nothing depends on it
    node->gain = gain > 0 ? (float)fmin(gain, (double)FLT_MAX) : 0;
    if (entry(tree, LIST_KIND, n) == 0) {
        return number_of(tree, LIST_CONDITION, n, &node->threshold);
    }
    uint32_t which;
    struct xgboost_set set = {0};
    if (!set_find(tree, n, &which)) {
        return wrong(tree, ERR_CORRUPT, "model.xgboost_index", n, list_names[LIST_NODES]);
    }
    enum err err = set_read(tree, n, which, &set);
    return err == OK ? set_add(tree, set, node) : err;
}

// From the root down, level after level: what is not reached does not count, and what would be
// reached a second time is a cycle or a node of two parents.
static enum err nodes_lay(struct tree *tree, struct node *nodes, uint8_t *depth, bool *reached,
                          uint32_t *out_count) {
    uint32_t *order = tree->r->order, count = 1;
    order[0] = 0;
    depth[0] = 0;
    reached[0] = true;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = order[i], child[2] = {0};
        struct node *node = &nodes[i];
        bool is_leaf = false;
        *node = (struct node){0};
        enum err err = children_of(tree, n, &child[0], &child[1], &is_leaf);
        if (err == OK) err = number_of(tree, LIST_COVER, n, &node->cover);
        if (err == OK && node->cover < 0) {
            err = wrong(tree, ERR_CORRUPT, "model.xgboost_number", n, list_names[LIST_COVER]);
        }
        if (err == OK && is_leaf) err = number_of(tree, LIST_CONDITION, n, &node->value);
        if (err == OK && !is_leaf) err = split_read(tree, n, node);
        if (err != OK) return err;
        if (is_leaf) continue;
        if (depth[i] == FOREST_DEPTH_MAX) {
            char most[16];
            snprintf(most, sizeof most, "%d", FOREST_DEPTH_MAX);
            return wrong(tree, ERR_LIMIT, "model.xgboost_too_deep", n, most);
        }
        node->left = count;
        for (unsigned side = 0; side < 2; side++) {
            if (reached[child[side]]) {
                return wrong(tree, ERR_CORRUPT, "model.xgboost_cycle", child[side], "");
            }
            reached[child[side]] = true;
            depth[count] = (uint8_t)(depth[i] + 1);
            order[count++] = child[side];
        }
    }
    *out_count = count;
    return OK;
}

static enum err tree_add(struct tree *tree) {
    struct xgboost_reading *r = tree->r;
    struct forest *forest = r->forest;
    enum err err = lengths_check(tree);
    if (err != OK) return err;
    if (tree->nodes > r->order_room) {
        memory_give(r->order);
        r->order_room = 0;
        r->order = memory_take(2 * (size_t)tree->nodes * sizeof(*r->order));
        if (!r->order) return ERR_MEMORY;
        r->order_room = 2 * tree->nodes;
    }
    err = forest_reserve(forest, tree->nodes);
    if (err == ERR_LIMIT) return fault_set(r->fault, err, "model.too_large", STR_NONE);
    uint8_t *depth = err == OK ? memory_take(2 * (size_t)tree->nodes) : NULL;
    if (!depth) return ERR_MEMORY;
    uint32_t count = 0;
    err = nodes_lay(tree, forest->nodes + forest->node_count, depth, (bool *)(depth + tree->nodes),
                    &count);
    memory_give(depth);
    if (err != OK) return err;
    forest->node_count += count;
    forest->starts[++forest->tree_count] = forest->node_count;
    return OK;
}

// The member "size_leaf_vector": a leaf of several values is another kind of model.
static enum err tree_param_read(struct tree *tree) {
    struct json_text *text = &tree->r->text;
    bool vector = false;
    for (json_text_open(text, '{'); json_text_more(text);) {
        struct str name = json_text_name(text);
        if (str_is(name, "size_leaf_vector") && json_text_peek(text) == '"') {
            struct str size = json_text_raw(text);
            vector = !text->bad && !str_is(size, "0") && !str_is(size, "1");
        } else {
            json_text_skip(text);
        }
    }
    return vector ? wrong(tree, ERR_INPUT, "model.xgboost_outputs", 0, "size_leaf_vector") : OK;
}

static enum err tree_read(struct tree *tree) {
    struct xgboost_reading *r = tree->r;
    for (enum list list = 0; list < LIST_COUNT; list++) r->lists[list].count = 0;
    enum err err = OK;
    for (json_text_open(&r->text, '{'); err == OK && json_text_more(&r->text);) {
        struct str name = json_text_name(&r->text);
        enum list list = 0;
        while (list < LIST_COUNT && !str_is(name, list_names[list])) list++;
        if (list < LIST_COUNT)
            err = xgboost_list_read(r, &r->lists[list]);
        else if (str_is(name, "tree_param"))
            err = tree_param_read(tree);
        else
            json_text_skip(&r->text);
    }
    if (err == OK && r->text.bad) err = xgboost_text_fault(r);
    return err == OK ? tree_add(tree) : err;
}

enum err xgboost_trees_read(struct xgboost_reading *r) {
    struct tree tree = {.r = r, .lists = r->lists};
    for (json_text_open(&r->text, '['); json_text_more(&r->text); tree.at++) {
        enum err err = tree_read(&tree);
        if (err != OK) return err;
    }
    return r->text.bad ? xgboost_text_fault(r) : OK;
}
