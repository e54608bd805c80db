// Any bytes as a hierarchy's text: a good one is written and read again as the same tree, and every
// value finds its leaf.
#include <stdlib.h>
#include <string.h>

#include "data/anonymity/anonymity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_tree(const struct hierarchy *a, const struct hierarchy *b) {
    if (a->leaf_count != b->leaf_count || a->level_count != b->level_count ||
        a->node_count != b->node_count || a->widest != b->widest) {
        abort();
    }
    for (uint32_t level = 0; level < a->level_count; level++) {
        for (uint32_t leaf = 0; leaf < a->leaf_count; leaf++) {
            if (hierarchy_node(a, level, leaf) != hierarchy_node(b, level, leaf)) abort();
        }
    }
}

static void check_tree(const struct hierarchy *tree) {
    uint32_t root = hierarchy_node(tree, tree->level_count - 1, 0);
    if (tree->leaves[root] != tree->leaf_count || root != tree->node_count - 1) abort();
    for (uint32_t leaf = 0; leaf < tree->leaf_count; leaf++) {
        double before = -1;
        for (uint32_t level = 0; level < tree->level_count; level++) {
            double loss = hierarchy_loss(tree, hierarchy_node(tree, level, leaf));
            if (loss < before || loss > 1) abort();
            before = loss;
        }
    }
}

static void make_of(struct arena *arena, struct str text) {
    struct str values[64], rest = text;
    uint32_t count = 0, leaf_of[64];
    while (rest.data && count < 64) {
        struct str value = str_cut(rest, ';', &rest);
        bool known = false;
        for (uint32_t i = 0; i < count; i++) known |= str_equal(values[i], value);
        if (!known) values[count++] = value;
    }
    if (count == 0) return;
    for (int kind = HIERARCHY_FLAT; kind < HIERARCHY_KIND_COUNT; kind++) {
        struct hierarchy_rule rule = {.kind = (enum hierarchy_kind)kind};
        struct hierarchy tree;
        struct fault fault = {0};
        enum err err = hierarchy_make(arena, &rule, values, count, leaf_of, &tree, &fault);
        if (err == OK) check_tree(&tree);
    }
    (void)hierarchy_guess(STR("年龄"), COLUMN_TEXT, values, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = {(const char *)data, size};
    struct arena *arena;
    if (arena_open(256 << 20, &arena) != OK) return 0;
    struct hierarchy tree, again;
    struct fault fault = {0};
    enum err err = hierarchy_read(arena, text, &tree, &fault);
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    if (err == OK) {
        check_tree(&tree);
        struct buf written;
        buf_open(&written, 64 << 20);
        hierarchy_write(&written, &tree);
        bool lines = memchr(text.data, '"', size) == NULL; // a line break in quotes is not kept
        if (buf_err(&written) == OK && lines) {
            if (hierarchy_read(arena, buf_str(&written), &again, &fault) != OK) abort();
            same_tree(&tree, &again);
        }
        buf_close(&written);
    }
    if (size < 4096) make_of(arena, text);
    arena_close(arena);
    return 0;
}
