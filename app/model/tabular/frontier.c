// Which nodes split next, and which splits stay. Level by level it is whatever is open. With a
// number of leaves, `heap` holds the leaves of the tree as it would stand after the splits that are
// sure to stay; its top is the next to split. If that one has been split ahead of time its children
// go into the heap, otherwise it is asked for, together with others that promise much.

#include <stdlib.h>
#include <string.h>

#include "model/tabular/grower_private.h"

// ---- the heap: most gain on top, of equals the older node ------------------------------

static bool goes_before(const struct grower *grower, uint32_t a, uint32_t b) {
    double x = grower->gains[a], y = grower->gains[b];
    return x != y ? x > y : a < b;
}

static void heap_push(struct grower *grower, uint32_t node) {
    uint32_t *heap = grower->heap, at = grower->heap_count++;
    for (; at > 0 && goes_before(grower, node, heap[(at - 1) / 2]); at = (at - 1) / 2) {
        heap[at] = heap[(at - 1) / 2];
    }
    heap[at] = node;
}

static void heap_pop(struct grower *grower) {
    uint32_t *heap = grower->heap, count = --grower->heap_count, at = 0, node = heap[count];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && goes_before(grower, heap[child + 1], heap[child])) child++;
        if (!goes_before(grower, heap[child], node)) break;
        heap[at] = heap[child];
        at = child;
    }
    if (count > 0) heap[at] = node;
}

// ---- choosing ------------------------------

// Splits that were made ahead of time and are the best leaf's now stay. Returns whether a leaf is
// left that is to be split: the heap's top.
static bool settle(struct grower *grower) {
    while (grower->heap_count > 0 && grower->leaves_staying < grower->options.leaves) {
        uint32_t node = grower->heap[0], left = grower->tree[node].left;
        if (left == 0) return grower->gains[node] > 0;
        heap_pop(grower);
        grower->stays[node] = 1;
        grower->leaves_staying++;
        for (uint32_t child = left; child < left + 2; child++) {
            if (grower->gains[child] > 0) heap_push(grower, child);
        }
    }
    return false;
}

static int compare_age(const void *a, const void *b) {
    const struct growing_node *x = a, *y = b;
    return x->node < y->node ? -1 : x->node > y->node;
}

static int compare_gain(const void *a, const void *b) {
    const struct growing_node *x = a, *y = b;
    if (x->split.gain != y->split.gain) return x->split.gain > y->split.gain ? -1 : 1;
    return compare_age(a, b);
}

// A quarter of the splits that are still to come, as long as few have been made in vain (measured:
// half takes 5 % more of the processors' time).
static uint32_t batch_by_gain(const struct grower *grower) {
    uint32_t leaves = grower->options.leaves, to_come = leaves - grower->leaves_staying;
    uint32_t ahead = grower->splits_made - (grower->leaves_staying - 1);
    uint32_t want = to_come / 4 < leaves - ahead ? to_come / 4 : leaves - ahead;
    return want > 1 ? want : 1;
}

static void put_first(struct growing_node *open, uint32_t count, uint32_t node) {
    uint32_t at = 0;
    while (open[at].node != node) at++;
    cy_assert(at < count);
    struct growing_node first = open[at];
    memmove(open + 1, open, at * sizeof(*open));
    open[0] = first;
}

// Histograms for two children each, if need be those of the last in the line of the open.
static void make_room(struct grower *grower) {
    uint32_t need = 2 * grower->batch_count;
    for (uint32_t i = 0; i < grower->batch_count; i++) need -= grower->batch[i].hist != NULL;
    uint32_t have = grower->free_count + grower->hist_room - grower->hist_count;
    for (uint32_t i = grower->open_count; have < need; i--) {
        cy_assert(i > 0);
        struct growing_node *node = &grower->open[i - 1];
        if (!node->hist) continue;
        hist_give(grower, node->hist);
        node->hist = NULL;
        have++;
    }
}

void frontier_choose(struct grower *grower) {
    uint32_t want = grower->open_count;
    grower->batch_count = 0;
    if (grower->options.leaves > 0) {
        if (!settle(grower)) return;
        want = batch_by_gain(grower);
        qsort(grower->open, grower->open_count, sizeof(*grower->open), compare_gain);
        put_first(grower->open, grower->open_count, grower->heap[0]);
    } else if (want > grower->batch_room) {
        qsort(grower->open, grower->open_count, sizeof(*grower->open), compare_age);
    }
    if (want > grower->open_count) want = grower->open_count;
    if (want > grower->batch_room) want = grower->batch_room;
    memcpy(grower->batch, grower->open, want * sizeof(*grower->batch));
    memmove(grower->open, grower->open + want, (grower->open_count - want) * sizeof(*grower->open));
    grower->batch_count = want;
    grower->open_count -= want;
    grower->splits_made += want;
    for (uint32_t i = 0; grower->options.leaves == 0 && i < want; i++) {
        grower->stays[grower->batch[i].node] = 1;
    }
    make_room(grower);
}

void frontier_start(struct grower *grower) {
    grower->open_count = grower->batch_count = grower->heap_count = 0;
    grower->leaves_staying = 1;
    grower->splits_made = 0;
    memset(grower->stays, 0, grower->node_room);
    if (grower->options.leaves > 0) heap_push(grower, 0);
}

// ---- taking back ------------------------------

// Where each node goes: 1 + its new place, 0 for those that fall away. Children stand after their
// parents and in pairs, so one pass forwards knows who stays, and the order is kept.
static uint32_t *number_anew(struct grower *grower) {
    uint32_t *moved = grower->heap, count = 0; // no longer needed as a heap
    memset(moved, 0, grower->tree_nodes * sizeof(*moved));
    moved[0] = 1;
    for (uint32_t n = 0; n < grower->tree_nodes; n++) {
        if (moved[n] == 0) continue;
        moved[n] = ++count;
        if (grower->stays[n]) moved[grower->tree[n].left] = moved[grower->tree[n].left + 1] = 1;
    }
    return moved;
}

// The rows of a node whose split is taken back stand where its last children are.
static void list_leaves(struct grower *grower, const uint32_t *moved) {
    grower->leaf_count = 0;
    for (uint32_t n = 0; n < grower->tree_nodes; n++) {
        struct place *place = &grower->places[n];
        if (moved[n] > 0) place->leaf = moved[n] - 1; // else it has its parent's
        uint32_t left = grower->tree[n].left;
        if (left == 0) {
            grower->leaves[grower->leaf_count++] = *place;
        } else {
            grower->places[left].leaf = grower->places[left + 1].leaf = place->leaf;
        }
    }
}

void frontier_prune(struct grower *grower) {
    const uint32_t *moved = number_anew(grower);
    list_leaves(grower, moved);
    uint32_t count = 0;
    for (uint32_t n = 0; n < grower->tree_nodes; n++) {
        if (moved[n] == 0) continue;
        uint32_t to = count++, left = grower->tree[n].left;
        grower->tree[to] = grower->stays[n] ? grower->tree[n] : (struct node){0};
        grower->steps[to] = grower->stays[n] ? grower->steps[n] : (struct step){0};
        memmove(grower->sets[to], grower->sets[n], sizeof(*grower->sets));
        grower->bounds[to] = grower->bounds[n];
        if (grower->stays[n]) grower->tree[to].left = grower->steps[to].left = moved[left] - 1;
    }
    grower->tree_nodes = count;
}
