// The forest: room, readying rows, and the plain way of adding trees up.

#include "model/tabular/forest_private.h"

#include <float.h>
#include <math.h>

// Doubles a room until `need` fits.
static enum err grow_room(void **memory, uint32_t *room, uint64_t need, size_t each) {
    if (need <= *room) return OK;
    uint64_t wider = *room ? *room : 64;
    while (wider < need) wider *= 2;
    if (wider > UINT32_MAX) return ERR_LIMIT;
    void *moved = memory_resize(*memory, *room * each, wider * each);
    if (!moved) return ERR_MEMORY;
    *memory = moved;
    *room = (uint32_t)wider;
    return OK;
}

enum err forest_reserve(struct forest *forest, uint32_t nodes) {
    uint64_t need = (uint64_t)forest->node_count + nodes;
    if (need > FOREST_NODES_MAX || forest->tree_count >= FOREST_TREES_MAX) return ERR_LIMIT;
    bool first = forest->start_room == 0;
    void *memory = forest->nodes;
    enum err err = grow_room(&memory, &forest->node_room, need, sizeof(struct node));
    forest->nodes = memory;
    memory = forest->starts;
    if (err == OK) {
        err = grow_room(&memory, &forest->start_room, (uint64_t)forest->tree_count + 2,
                        sizeof(uint32_t));
    }
    forest->starts = memory;
    if (err == OK && first) forest->starts[0] = 0;
    memory = forest->sets;
    if (err == OK) {
        err = grow_room(&memory, &forest->set_room, (uint64_t)forest->set_count + nodes / 2,
                        FOREST_SET_WORDS * sizeof(uint32_t));
    }
    forest->sets = memory;
    return err;
}

enum err forest_categories_take(struct forest *forest, const struct feature *features,
                                uint32_t count) {
    size_t bytes = 0;
    for (uint32_t f = 0; f < count; f++) bytes += features[f].category_count;
    forest->category_bin = memory_take(count * sizeof(*forest->category_bin) + 1);
    forest->category_bytes = memory_take(bytes + 1);
    forest->missing_bin = memory_take(count + 1);
    if (!forest->category_bin || !forest->category_bytes || !forest->missing_bin) return ERR_MEMORY;
    bytes = 0;
    for (uint32_t f = 0; f < count; f++) {
        if (features[f].kind != FEATURE_CATEGORY) continue;
        forest->category_bin[f] = forest->category_bytes + bytes;
        bytes += features[f].category_count;
    }
    return OK;
}

void forest_close(struct forest *forest) {
    memory_give(forest->nodes);
    memory_give(forest->starts);
    memory_give(forest->sets);
    memory_give(forest->base);
    memory_give(forest->category_bin);
    memory_give(forest->category_bytes);
    memory_give(forest->missing_bin);
    *forest = (struct forest){0};
}

static float ready_category(const struct forest *forest, const struct feature *feature, uint32_t f,
                            float value) {
    if (!(value >= 0 && value < (float)feature->category_count)) return NAN;
    uint8_t bin = forest->category_bin[f][(uint32_t)value];
    return bin == forest->missing_bin[f] ? NAN : (float)bin;
}

void forest_ready(const struct forest *forest, const struct frame *frame, uint64_t first,
                  uint32_t rows, float *out) {
    uint32_t features = frame->feature_count;
    for (uint32_t f = 0; f < features; f++) {
        const float *values = frame->values[f] + first;
        const struct feature *feature = &frame->features[f];
        if (feature->kind == FEATURE_CATEGORY) {
            for (uint32_t i = 0; i < rows; i++) {
                out[(size_t)i * features + f] = ready_category(forest, feature, f, values[i]);
            }
            continue;
        }
        for (uint32_t i = 0; i < rows; i++) {
            float value = values[i];
            value = value > FLT_MAX ? FLT_MAX : value < -FLT_MAX ? -FLT_MAX : value;
            out[(size_t)i * features + f] = value;
        }
    }
}

void forest_add_reference(const struct forest *forest, const float *ready, uint32_t features,
                          uint32_t rows, double *out) {
    for (uint32_t t = 0; t < forest->tree_count; t++) {
        const struct node *tree = forest_tree(forest, t);
        uint32_t k = t % forest->outputs;
        for (uint32_t i = 0; i < rows; i++) {
            const float *row = ready + (size_t)i * features;
            const struct node *node = tree;
            while (node->left) {
                bool left = node_goes_left(forest, node, row[node->feature]);
                node = tree + node->left + (left ? 0 : 1);
            }
            out[(size_t)i * forest->outputs + k] += (double)node->value;
        }
    }
}
