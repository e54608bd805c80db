// Which tokens may come at a place. Where few may, one walk through the tree turns back soon and
// finds them all; where many may, what a model wants is likely to be among them, and is asked for.
#include <string.h>

#include "model/language/grammar/constraint_private.h"

enum { MASK_BYTES_MAX = 64 << 20, PLAIN_BYTES_LEAST = 32, WALK_NODES = 8192 };

// ---- plain bytes -------------------------------------------------------------------------------
//
// Within a text, most of the vocabulary is made of bytes that lead on and on to places of the same
// kind: as many of them as there is room for may come. Those tokens are found once for all such
// places, and the walk is through the rest of the tree. That pays where a text's length is bounded
// and so each of its places is another.

static size_t mask_words(const struct constraint *c) {
    uint32_t most = c->tree->vocabulary > c->tree->tokens ? c->tree->vocabulary : c->tree->tokens;
    return (most + 63) / 64;
}

static bool set_has(const struct byte_set *set, uint8_t byte) {
    return set->bits[byte >> 6] >> (byte & 63) & 1;
}

static bool node_is_plain(const struct plain *plain, uint32_t i) {
    return plain->nodes[i / 64] >> (i % 64) & 1;
}

static void plain_close(struct plain *plain) {
    memory_give(plain->nodes);
    memory_give(plain->rest);
    memory_give(plain->tokens);
    for (uint32_t i = 0; i <= RUN_MAX; i++) memory_give(plain->masks[i]);
}

static void plain_nodes_find(const struct token_tree *tree, struct plain *plain) {
    uint32_t other = tree->count; // the first node behind that is of another byte
    for (uint32_t i = tree->count; i-- > 0;) {
        if (!set_has(&plain->bytes, tree->nodes[i].byte)) other = i;
        if (other >= tree->nodes[i].after) plain->nodes[i / 64] |= 1ull << (i % 64);
    }
}

static void plain_rest_make(struct constraint *c, struct plain *plain) {
    const struct token_tree *tree = c->tree;
    uint32_t *open = c->walk, depth = 0; // the node of each depth on the way
    c->clean[0] = true;
    for (uint32_t i = 0; i < tree->count;) {
        const struct tree_node *node = &tree->nodes[i];
        bool clean = c->clean[node->depth - 1];
        if (clean && node->reach <= RUN_MAX && node_is_plain(plain, i)) {
            i = node->after;
            continue;
        }
        for (; depth >= node->depth; depth--) plain->rest[open[depth]].after = plain->rest_count;
        open[++depth] = plain->rest_count;
        c->clean[depth] = clean && set_has(&plain->bytes, node->byte);
        plain->rest[plain->rest_count++] = *node;
        i++;
    }
    for (; depth > 0; depth--) plain->rest[open[depth]].after = plain->rest_count;
}

static bool plain_fill(struct constraint *c, struct plain *plain) {
    const struct token_tree *tree = c->tree;
    plain->nodes = memory_take((tree->count / 64 + 1) * sizeof *plain->nodes);
    plain->tokens = memory_take_unset((tree->tokens + 1) * sizeof *plain->tokens);
    plain->rest = memory_take_unset((tree->count + 1) * sizeof *plain->rest);
    if (!plain->nodes || !plain->tokens || !plain->rest) return false;
    c->plain_bytes += tree->count * (sizeof *plain->rest + 1) + tree->tokens * sizeof(uint32_t);
    plain_nodes_find(tree, plain);
    plain_rest_make(c, plain);
    for (uint32_t i = 0; i < tree->count;) {
        const struct tree_node *node = &tree->nodes[i];
        bool has = set_has(&plain->bytes, node->byte);
        for (uint32_t t = node->token; has && t != TOKEN_NONE; t = tree->same[t]) {
            plain->tokens[plain->token_count++] = t;
        }
        i = has ? i + 1 : node->after;
    }
    return true;
}

// The number of these bytes among `plains`; PLAINS_MAX: there is no room.
static uint32_t plain_number(struct constraint *c, const struct byte_set *bytes) {
    uint32_t i = 0;
    while (i < c->plain_count && memcmp(&c->plains[i].bytes, bytes, sizeof *bytes) != 0) i++;
    if (i < c->plain_count || i == PLAINS_MAX) return i;
    struct plain plain = {.bytes = *bytes};
    if (!plain_fill(c, &plain)) {
        plain_close(&plain);
        return PLAINS_MAX;
    }
    c->plains[c->plain_count++] = plain;
    return i;
}

// The place that the most bytes lead to, and which they are.
static void place_look(struct constraint *c, uint32_t place) {
    const struct grammar *g = c->grammar;
    uint32_t next[256], bytes_of[256] = {0}, best = 0, onward = PLACE_NONE; // by class
    for (uint32_t byte = 0; byte < 256; byte++) bytes_of[g->byte_class[byte]]++;
    for (uint32_t i = 0; i < g->class_count; i++) next[i] = step(c, place, g->class_byte[i]);
    for (uint32_t i = 0; i < g->class_count; i++) {
        uint32_t count = 0;
        if (next[i] == PLACE_NONE || next[i] == onward) continue;
        for (uint32_t k = i; k < g->class_count; k++) count += next[k] == next[i] ? bytes_of[k] : 0;
        if (count <= best) continue;
        best = count;
        onward = next[i];
    }
    struct byte_set bytes = {{0}};
    for (uint32_t byte = 0; byte < 256; byte++) {
        if (next[g->byte_class[byte]] == onward) bytes.bits[byte >> 6] |= 1ull << (byte & 63);
    }
    uint32_t plain = best < PLAIN_BYTES_LEAST || c->full ? PLAINS_MAX : plain_number(c, &bytes);
    struct place *p = place_at(c, place);
    p->looked = true;
    p->plain = (uint8_t)plain;
    p->onward = onward;
}

// How many of its plain bytes may come one after the other, up to RUN_MAX.
static uint32_t run_of(struct constraint *c, uint32_t place) {
    uint32_t run = 0, first = PLAINS_MAX;
    for (; run < RUN_MAX; run++) {
        if (!place_at(c, place)->looked) place_look(c, place);
        const struct place *p = place_at(c, place);
        if (run == 0) first = p->plain;
        if (p->plain == PLAINS_MAX || p->plain != first) break;
        if (p->onward == place) return RUN_MAX;
        place = p->onward;
    }
    return run;
}

static const uint64_t *plain_mask(struct constraint *c, struct plain *plain, uint32_t run) {
    if (plain->masks[run]) return plain->masks[run];
    uint64_t *mask = memory_take(mask_words(c) * sizeof *mask);
    if (mask) c->plain_bytes += mask_words(c) * sizeof *mask;
    for (uint32_t i = 0; mask && i < plain->token_count; i++) {
        uint32_t token = plain->tokens[i];
        if (c->tree->texts[token].size <= run) mask[token / 64] |= 1ull << (token % 64);
    }
    return plain->masks[run] = mask;
}

// ---- masks -------------------------------------------------------------------------------------

// What is allowed at a place by the whole tree, by no more than WALK_NODES of its nodes; false: it
// takes more. The place and the vocabulary alone tell which.
static bool narrow_walk(struct constraint *c, uint32_t place, uint64_t *mask) {
    const struct token_tree *tree = c->tree;
    uint32_t looked = 0;
    c->walk[0] = place;
    for (uint32_t i = 0; i < tree->count; looked++) {
        const struct tree_node *node = &tree->nodes[i];
        if (looked == WALK_NODES) return false;
        uint32_t next = step(c, c->walk[node->depth - 1], node->byte);
        if (next == PLACE_NONE) {
            i = node->after;
            continue;
        }
        c->walk[node->depth] = next;
        for (uint32_t t = node->token; t != TOKEN_NONE; t = tree->same[t]) {
            mask[t / 64] |= 1ull << (t % 64);
        }
        i++;
    }
    return true;
}

// Allows what may come at a place, in the tree or in what is left of it: `plain` NULL, or what is
// plain at this place and stands in the mask already, up to `run` bytes.
static void tree_walk(struct constraint *c, uint32_t place, const struct plain *plain, uint32_t run,
                      uint64_t *mask) {
    const struct token_tree *tree = c->tree;
    bool rest = plain && run == RUN_MAX;
    const struct tree_node *nodes = rest ? plain->rest : tree->nodes;
    uint32_t count = rest ? plain->rest_count : tree->count;
    c->walk[0] = place;
    c->clean[0] = plain && !rest;
    for (uint32_t i = 0; i < count;) {
        const struct tree_node *node = &nodes[i];
        bool clean = c->clean[node->depth - 1];
        if (clean && node->reach <= run && node_is_plain(plain, i)) {
            i = node->after;
            continue;
        }
        uint32_t next = step(c, c->walk[node->depth - 1], node->byte);
        if (next == PLACE_NONE) {
            i = node->after;
            continue;
        }
        c->walk[node->depth] = next;
        c->clean[node->depth] = clean && set_has(&plain->bytes, node->byte);
        for (uint32_t t = node->token; t != TOKEN_NONE; t = tree->same[t]) {
            mask[t / 64] |= 1ull << (t % 64);
        }
        i++;
    }
}

static void wide_walk(struct constraint *c, uint32_t place, uint64_t *mask) {
    uint32_t run = run_of(c, place);
    struct plain *plain = run ? &c->plains[place_at(c, place)->plain] : NULL;
    const uint64_t *sure = plain ? plain_mask(c, plain, run) : NULL;
    if (sure) {
        memcpy(mask, sure, mask_words(c) * sizeof *mask);
    } else {
        memset(mask, 0, mask_words(c) * sizeof *mask);
    }
    tree_walk(c, place, sure ? plain : NULL, run, mask);
}

// Makes room by giving up the masks that are the oldest by their places.
static void masks_trim(struct constraint *c, size_t bytes) {
    uint32_t count = (uint32_t)(c->places.size / sizeof(struct place));
    for (uint32_t i = 0; i < count && c->mask_bytes + bytes > MASK_BYTES_MAX; i++) {
        struct place *place = place_at(c, c->oldest_mask++ % count);
        if (!place->mask) continue;
        memory_give(place->mask);
        place->mask = NULL;
        c->mask_bytes -= bytes;
    }
}

static bool mask_ends(struct constraint *c, uint32_t place, uint64_t *mask) {
    bool any = false;
    for (uint32_t i = 0; i < c->end_count && place_at(c, place)->may_end; i++) {
        if (c->ends[i] >= c->tree->tokens) continue;
        mask[c->ends[i] / 64] |= 1ull << (c->ends[i] % 64);
        any = true;
    }
    for (size_t i = 0; i < mask_words(c) && !any; i++) any = mask[i];
    return any;
}

// Its mask, or `wide` where that takes long and `whole` does not ask for it.
static enum err place_find(struct constraint *c, uint32_t place, bool whole) {
    size_t bytes = mask_words(c) * sizeof(uint64_t);
    if (place_at(c, place)->mask || (place_at(c, place)->wide && !whole)) return OK;
    masks_trim(c, bytes);
    uint64_t *mask = memory_take(bytes);
    if (!mask) return ERR_MEMORY;
    bool wide = place_at(c, place)->wide || !narrow_walk(c, place, mask);
    if (wide && whole) wide_walk(c, place, mask);
    place_at(c, place)->wide = wide;
    bool any = mask_ends(c, place, mask);
    if (c->full || (wide && !whole)) {
        memory_give(mask);
        return c->full ? ERR_LIMIT : OK;
    }
    place_at(c, place)->mask = mask;
    place_at(c, place)->dead = !any;
    c->mask_bytes += bytes;
    return OK;
}

static enum err place_open(struct constraint *c, uint32_t place, bool whole, struct fault *fault) {
    if (c->full) return fault_set(fault, ERR_LIMIT, "constraint.too_large", STR_NONE);
    if (place == PLACE_NONE) return fault_set(fault, ERR_INPUT, "constraint.dead_end", STR_NONE);
    enum err err = place_find(c, place, whole);
    if (err == ERR_LIMIT) return fault_set(fault, err, "constraint.too_large", STR_NONE);
    if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    if (place_at(c, place)->mask && place_at(c, place)->dead) {
        return fault_set(fault, ERR_INPUT, "constraint.dead_end", STR_NONE);
    }
    return OK;
}

bool constraint_ready(const struct constraint *c, uint32_t place) {
    return place == PLACE_NONE || c->full || place_at(c, place)->mask || place_at(c, place)->wide;
}

enum err constraint_mask(struct constraint *c, uint32_t place, const uint64_t **out,
                         struct fault *fault) {
    enum err err = place_open(c, place, true, fault);
    if (err == OK) *out = place_at(c, place)->mask;
    return err;
}

bool constraint_allows(struct constraint *c, uint32_t place, uint32_t token) {
    if (place == PLACE_NONE || token >= c->tree->tokens) return false;
    const uint64_t *mask = place_at(c, place)->mask;
    if (mask) return mask[token / 64] >> (token % 64) & 1;
    for (uint32_t i = 0; i < c->end_count && place_at(c, place)->may_end; i++) {
        if (c->ends[i] == token) return true;
    }
    return constraint_next(c, place, token) != PLACE_NONE;
}

static bool filter_allows(void *ctx, uint32_t token) {
    struct constraint *c = ctx;
    return constraint_allows(c, c->asked, token);
}

static const uint64_t *filter_mask(void *ctx) {
    struct constraint *c = ctx;
    const uint64_t *mask;
    return constraint_mask(c, c->asked, &mask, NULL) == OK ? mask : NULL;
}

enum err constraint_filter(struct constraint *c, uint32_t place, struct sampler_filter *out,
                           struct fault *fault) {
    enum err err = place_open(c, place, false, fault);
    if (err != OK) return err;
    c->asked = place;
    *out = (struct sampler_filter){.mask = place_at(c, place)->mask,
                                   .allows = filter_allows,
                                   .mask_make = filter_mask,
                                   .ctx = c,
                                   .wide = place_at(c, place)->wide};
    return OK;
}

void constraint_masks_close(struct constraint *c) {
    uint32_t count = (uint32_t)(c->places.size / sizeof(struct place));
    for (uint32_t i = 0; i < count; i++) memory_give(place_at(c, i)->mask);
    for (uint32_t i = 0; i < c->plain_count; i++) plain_close(&c->plains[i]);
}
