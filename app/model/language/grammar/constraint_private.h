// The inside of constraints: token_tree.c sorts the vocabulary, constraint.c walks the grammar,
// constraint_mask.c finds what may come, constraint_forced.c what must.
#pragma once

#include "base/memory.h"
#include "model/language/grammar/constraint.h"
#include "model/language/grammar/grammar_private.h"

enum { TOKEN_DEPTH_MAX = 4096, PLAINS_MAX = 4, RUN_MAX = 32 };
enum { PLACE_UNKNOWN = 0xFFFFFFFEu, FORCED_UNKNOWN = 0xFFFFFFFEu };

// In the order of a walk: below a node stands all up to `after`.
struct tree_node {
    uint32_t token; // the first that ends here, or TOKEN_NONE; more in `same`
    uint32_t after;
    uint16_t depth; // of its byte: 1 …
    uint8_t byte;
    uint8_t reach; // the depth of the deepest below it; UINT8_MAX: or deeper
};
struct token_tree {
    struct arena *arena;
    struct tree_node *nodes;
    uint32_t count, tokens, vocabulary;
    uint32_t *same;    // (tokens) the next with the same bytes, TOKEN_NONE
    struct str *texts; // (tokens) without bytes: never allowed
};

// A stack: where in the grammar its top stands, and what is below. Equal ones have one number.
struct stack {
    uint32_t element, below; // GRAMMAR_NONE: nothing
    uint32_t depth;
};
struct place {
    uint32_t first, count; // its stacks' tops, in `tops`
    bool may_end;
    bool looked;     // `plain` and `onward` are known
    uint8_t plain;   // of `plains`, or PLAINS_MAX: none
    uint32_t onward; // the place behind any of its plain bytes
    uint64_t *mask;  // or NULL
    uint32_t forced; // the token that is expected of bytes that must come; or TOKEN_NONE
    bool dead;       // no token is allowed
    bool wide;       // many are: its mask is made only where it must be
};
// Bytes that most texts are made of: at many places all of them lead to one and the same place.
struct plain {
    struct byte_set bytes;
    uint64_t *nodes;        // a bit each: it and all below it are of these bytes
    struct tree_node *rest; // (rest_count) the tree without those that reach up to RUN_MAX
    uint32_t rest_count;
    uint32_t *tokens, token_count; // that are of these bytes
    uint64_t *masks[RUN_MAX + 1];  // those of them with up to so many; NULL: not made yet
};
struct constraint {
    const struct grammar *grammar;
    const struct token_tree *tree;
    uint32_t *ends, end_count;
    struct buf stacks, places, tops, gathered;
    struct buf next; // (places, class_count) by a byte's class; PLACE_UNKNOWN, PLACE_NONE
    uint32_t *stack_slots, stack_room, *place_slots, place_room;
    struct visit {
        uint32_t element, below, stamp;
    } * visits;
    uint32_t visit_room, visited, stamp, start, depth;
    bool may_end; // while gathering
    bool full;    // a bound was reached: everything ends
    size_t mask_bytes;
    uint32_t oldest_mask;
    uint32_t *walk; // (TOKEN_DEPTH_MAX + 1) the places of a walk
    bool *clean;    // (TOKEN_DEPTH_MAX + 1) all bytes up to there are plain
    struct plain plains[PLAINS_MAX];
    uint32_t plain_count;
    size_t plain_bytes; // that they take
    uint32_t asked;     // the place that a filter tells of
};

static inline struct place *place_at(const struct constraint *c, uint32_t index) {
    return (struct place *)(void *)c->places.data + index;
}

// The place behind a byte of a class, found anew.
uint32_t constraint_step_make(struct constraint *c, uint32_t place, uint32_t class);

static inline uint32_t step(struct constraint *c, uint32_t place, uint8_t byte) {
    uint32_t class = c->grammar->byte_class[byte];
    const uint32_t *next = (const uint32_t *)(const void *)c->next.data;
    uint32_t known = next[(size_t)place * c->grammar->class_count + class];
    return known != PLACE_UNKNOWN ? known : constraint_step_make(c, place, class);
}

void constraint_masks_close(struct constraint *c);
