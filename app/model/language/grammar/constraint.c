#include "model/language/grammar/constraint.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/language/grammar/grammar_private.h"

enum { TREE_BYTES_MAX = 1 << 30, VISITS = 1 << 18, MASK_BYTES_MAX = 64 << 20 };
enum { GATHER_DEPTH_MAX = 2000 };
enum { UNKNOWN = 0xFFFFFFFEu, TOKEN_DEPTH_MAX = 4096 };
enum { PLAINS_MAX = 4, PLAIN_BYTES_LEAST = 32, RUN_MAX = 32 };

// ---- the vocabulary's tree ---------------------------------------------------------------------

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

struct sorting {
    struct str text;
    uint32_t token;
};

static int sorting_compare(const void *a, const void *b) {
    const struct sorting *x = a, *y = b;
    int order = str_compare(x->text, y->text);
    return order ? order : x->token < y->token ? -1 : 1;
}

static enum err texts_take(struct token_tree *tree, const struct tokenizer *tokenizer) {
    struct buf text;
    buf_open(&text, 1 << 24);
    for (uint32_t i = 0; i < tree->tokens; i++) {
        buf_clear(&text);
        tokenizer_decode(tokenizer, i, false, &text);
        char *copy = text.size < TOKEN_DEPTH_MAX ? arena_take(tree->arena, text.size + 1) : NULL;
        if (!copy && text.size < TOKEN_DEPTH_MAX) break;
        if (copy && text.size) memcpy(copy, text.data, text.size);
        tree->texts[i] = (struct str){copy, copy ? text.size : 0};
        tree->same[i] = TOKEN_NONE;
        if (i + 1 == tree->tokens) {
            buf_close(&text);
            return OK;
        }
    }
    buf_close(&text);
    return ERR_MEMORY;
}

// The nodes of tokens in order: each adds what it does not share with the one before.
static void nodes_make(struct token_tree *tree, const struct sorting *sorted, uint32_t count) {
    uint32_t open[TOKEN_DEPTH_MAX + 1]; // the node of each depth on the way to the last token
    struct str before = STR("");
    uint32_t depth = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct str text = sorted[i].text;
        uint32_t shared = 0;
        while (shared < depth && shared < text.size && text.data[shared] == before.data[shared]) {
            shared++;
        }
        for (; depth > shared; depth--) tree->nodes[open[depth]].after = tree->count;
        if (shared == text.size && i > 0 && str_equal(text, before)) {
            uint32_t token = tree->nodes[open[depth]].token;
            while (tree->same[token] != TOKEN_NONE) token = tree->same[token];
            tree->same[token] = sorted[i].token;
            continue;
        }
        for (; depth < text.size; depth++) {
            open[depth + 1] = tree->count;
            tree->nodes[tree->count++] = (struct tree_node){.token = TOKEN_NONE,
                                                            .depth = (uint16_t)(depth + 1),
                                                            .byte = (uint8_t)text.data[depth]};
        }
        tree->nodes[open[depth]].token = sorted[i].token;
        before = text;
    }
    for (; depth > 0; depth--) tree->nodes[open[depth]].after = tree->count;
}

static void reaches_fill(struct token_tree *tree) {
    uint32_t open[TOKEN_DEPTH_MAX + 1] = {0};
    for (uint32_t i = 0; i < tree->count; i++) {
        uint32_t depth = tree->nodes[i].depth;
        uint8_t reach = depth < UINT8_MAX ? (uint8_t)depth : UINT8_MAX;
        open[depth] = i;
        // Those above that reach as far have been told so by one before.
        for (uint32_t d = depth; d > 0 && tree->nodes[open[d]].reach < reach; d--) {
            tree->nodes[open[d]].reach = reach;
        }
    }
}

static enum err tree_build(struct token_tree *tree, const struct tokenizer *tokenizer) {
    size_t bytes = 0;
    uint32_t count = 0;
    tree->tokens = tokenizer_count(tokenizer);
    tree->texts = ARENA_ARRAY(tree->arena, struct str, tree->tokens);
    tree->same = ARENA_ARRAY(tree->arena, uint32_t, tree->tokens);
    if (!tree->texts || !tree->same) return ERR_MEMORY;
    enum err err = texts_take(tree, tokenizer);
    struct sorting *sorted = memory_take(sizeof *sorted * (tree->tokens + 1));
    if (err != OK || !sorted) {
        memory_give(sorted);
        return ERR_MEMORY;
    }
    for (uint32_t i = 0; i < tree->tokens; i++) {
        if (!tree->texts[i].size) continue;
        sorted[count++] = (struct sorting){tree->texts[i], i};
        bytes += tree->texts[i].size;
    }
    qsort(sorted, count, sizeof *sorted, sorting_compare);
    tree->nodes = ARENA_ARRAY(tree->arena, struct tree_node, bytes + 1);
    if (tree->nodes) nodes_make(tree, sorted, count);
    if (tree->nodes) reaches_fill(tree);
    memory_give(sorted);
    return tree->nodes ? OK : ERR_MEMORY;
}

enum err token_tree_open(const struct tokenizer *tokenizer, uint32_t vocabulary,
                         struct token_tree **out) {
    struct token_tree *tree = memory_take(sizeof *tree);
    enum err err = tree ? arena_open(TREE_BYTES_MAX, &tree->arena) : ERR_MEMORY;
    if (err == OK) tree->vocabulary = vocabulary;
    if (err == OK) err = tree_build(tree, tokenizer);
    if (err == OK) {
        *out = tree;
    } else {
        token_tree_close(tree);
    }
    return err;
}

void token_tree_close(struct token_tree *tree) {
    if (!tree) return;
    arena_close(tree->arena);
    memory_give(tree);
}

// ---- places ------------------------------------------------------------------------------------

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
    uint32_t *next;  // (class_count) by a byte's class; UNKNOWN, PLACE_NONE
    uint64_t *mask;  // or NULL
    bool dead;       // no token is allowed
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
    struct arena *arena;
    struct buf stacks, places, tops, gathered;
    uint32_t *stack_slots, stack_room, *place_slots, place_room;
    struct visit {
        uint32_t element, below, stamp;
    } * visits;
    uint32_t visited, stamp, start, depth;
    bool may_end; // while gathering
    bool full;    // a bound was reached: everything ends
    size_t mask_bytes;
    uint32_t oldest_mask;
    uint32_t *walk; // (TOKEN_DEPTH_MAX + 1) the places of a walk
    bool *clean;    // (TOKEN_DEPTH_MAX + 1) all bytes up to there are plain
    struct plain plains[PLAINS_MAX];
    uint32_t plain_count;
    size_t plain_bytes; // that they take
};

static struct stack *stack_at(const struct constraint *c, uint32_t index) {
    return (struct stack *)(void *)c->stacks.data + index;
}
static struct place *place_at(const struct constraint *c, uint32_t index) {
    return (struct place *)(void *)c->places.data + index;
}

static uint32_t hash_of(uint32_t a, uint32_t b) {
    uint64_t x = ((uint64_t)a << 32 | b) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(x >> 32);
}

// Twice the room, all entered anew by `hash`.
static bool slots_grow(struct constraint *c, uint32_t **slots, uint32_t *room, uint32_t count,
                       uint32_t (*hash)(const struct constraint *, uint32_t)) {
    if (*slots && count * 2 < *room) return true;
    uint32_t grown = *room ? *room * 2 : 1024;
    uint32_t *made = memory_take_unset(grown * sizeof *made);
    if (!made) {
        c->full = true;
        return false;
    }
    memset(made, 0xFF, grown * sizeof *made);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = hash(c, i) & (grown - 1);
        while (made[at] != GRAMMAR_NONE) at = (at + 1) & (grown - 1);
        made[at] = i;
    }
    memory_give(*slots);
    *slots = made;
    *room = grown;
    return true;
}

static uint32_t stack_hash(const struct constraint *c, uint32_t index) {
    const struct stack *s = stack_at(c, index);
    return hash_of(s->element, s->below);
}

// GRAMMAR_NONE: it would be too deep, or there is no room.
static uint32_t stack_number(struct constraint *c, uint32_t element, uint32_t below) {
    uint32_t count = (uint32_t)(c->stacks.size / sizeof(struct stack));
    uint32_t depth = below == GRAMMAR_NONE ? 0 : stack_at(c, below)->depth + 1;
    if (depth > CONSTRAINT_DEPTH_MAX) return GRAMMAR_NONE;
    if (!slots_grow(c, &c->stack_slots, &c->stack_room, count, stack_hash)) return GRAMMAR_NONE;
    uint32_t at = hash_of(element, below) & (c->stack_room - 1);
    for (; c->stack_slots[at] != GRAMMAR_NONE; at = (at + 1) & (c->stack_room - 1)) {
        const struct stack *s = stack_at(c, c->stack_slots[at]);
        if (s->element == element && s->below == below) return c->stack_slots[at];
    }
    struct stack stack = {element, below, depth};
    buf_add(&c->stacks, &stack, sizeof stack);
    if (buf_err(&c->stacks) != OK) {
        c->full = true;
        return GRAMMAR_NONE;
    }
    c->stack_slots[at] = count;
    return count;
}

// Was this pair met since the gathering began?
static bool visit(struct constraint *c, uint32_t element, uint32_t below) {
    uint32_t at = hash_of(below, element) & (VISITS - 1);
    for (; c->visits[at].stamp == c->stamp; at = (at + 1) & (VISITS - 1)) {
        if (c->visits[at].element == element && c->visits[at].below == below) return true;
    }
    if (++c->visited > VISITS / 2) {
        c->full = true;
        return true;
    }
    c->visits[at] = (struct visit){element, below, c->stamp};
    return false;
}

// Gathers the stacks that wait for a byte, from one that stands before `element`. Rules are entered
// and left; what comes last in a rule leaves nothing to come back to, so that lists do not grow.
static void gather(struct constraint *c, uint32_t element, uint32_t below) {
    const struct grammar *g = c->grammar;
    if (++c->depth > GATHER_DEPTH_MAX) c->full = true;
    while (!c->full && !visit(c, element, below)) {
        const struct element *e = &g->elements[element];
        if (e->kind == ELEMENT_BYTES) {
            uint32_t stack = stack_number(c, element, below);
            if (stack != GRAMMAR_NONE) buf_add(&c->gathered, &stack, sizeof stack);
            break;
        }
        if (e->kind == ELEMENT_END) {
            if (below == GRAMMAR_NONE) {
                c->may_end = true;
                break;
            }
            element = stack_at(c, below)->element;
            below = stack_at(c, below)->below;
            continue;
        }
        uint32_t back = below;
        if (e[1].kind != ELEMENT_END) {
            back = stack_number(c, element + 1, below);
            if (back == GRAMMAR_NONE) break;
        }
        const struct rule *rule = &g->rules[e->index];
        for (uint32_t i = 0; i + 1 < rule->count; i++) {
            gather(c, g->alternatives[rule->first + i], back);
        }
        element = g->alternatives[rule->first + rule->count - 1];
        below = back;
    }
    c->depth--;
}

static int number_compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint32_t tops_hash(const uint32_t *tops, uint32_t count, bool may_end) {
    uint32_t hash = may_end;
    for (uint32_t i = 0; i < count; i++) hash = hash_of(hash, tops[i]);
    return hash;
}

static const uint32_t *tops_of(const struct constraint *c, const struct place *place) {
    return (const uint32_t *)(const void *)c->tops.data + place->first;
}

static uint32_t place_hash(const struct constraint *c, uint32_t index) {
    const struct place *p = place_at(c, index);
    return tops_hash(tops_of(c, p), p->count, p->may_end);
}

static void gathering_start(struct constraint *c) {
    buf_clear(&c->gathered);
    c->may_end = false;
    c->visited = 0;
    c->stamp++;
}

static uint32_t place_add(struct constraint *c, const uint32_t *tops, uint32_t count) {
    struct place place = {.first = (uint32_t)(c->tops.size / sizeof *tops),
                          .count = count,
                          .may_end = c->may_end,
                          .next = ARENA_ARRAY(c->arena, uint32_t, c->grammar->class_count)};
    uint32_t number = (uint32_t)(c->places.size / sizeof place);
    if (count) buf_add(&c->tops, tops, count * sizeof *tops);
    buf_add(&c->places, &place, sizeof place);
    if (!place.next || buf_err(&c->tops) != OK || buf_err(&c->places) != OK) {
        c->full = true;
        return PLACE_NONE;
    }
    for (uint32_t i = 0; i < c->grammar->class_count; i++) place.next[i] = UNKNOWN;
    return number;
}

// The number of the place that was gathered.
static uint32_t gathered_place(struct constraint *c) {
    uint32_t *tops = (uint32_t *)(void *)c->gathered.data;
    uint32_t count = (uint32_t)(c->gathered.size / sizeof *tops), kept = 0;
    if (buf_err(&c->gathered) != OK) c->full = true;
    if (c->full || (count == 0 && !c->may_end)) return PLACE_NONE;
    if (count) qsort(tops, count, sizeof *tops, number_compare);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || tops[i] != tops[i - 1]) tops[kept++] = tops[i];
    }
    uint32_t number = (uint32_t)(c->places.size / sizeof(struct place));
    if (!slots_grow(c, &c->place_slots, &c->place_room, number, place_hash)) return PLACE_NONE;
    uint32_t at = tops_hash(tops, kept, c->may_end) & (c->place_room - 1);
    for (; c->place_slots[at] != GRAMMAR_NONE; at = (at + 1) & (c->place_room - 1)) {
        const struct place *p = place_at(c, c->place_slots[at]);
        if (p->count != kept || p->may_end != c->may_end) continue;
        if (kept == 0 || memcmp(tops_of(c, p), tops, kept * sizeof *tops) == 0) {
            return c->place_slots[at];
        }
    }
    number = place_add(c, tops, kept);
    if (number != PLACE_NONE) c->place_slots[at] = number;
    return number;
}

// The place behind a byte of a class.
static uint32_t step_make(struct constraint *c, uint32_t place, uint32_t class) {
    uint8_t byte = c->grammar->class_byte[class];
    gathering_start(c);
    for (uint32_t i = 0; i < place_at(c, place)->count; i++) {
        uint32_t top = tops_of(c, place_at(c, place))[i];
        struct stack stack = *stack_at(c, top);
        const struct byte_set *set = &c->grammar->sets[c->grammar->elements[stack.element].index];
        if (set->bits[byte >> 6] >> (byte & 63) & 1) gather(c, stack.element + 1, stack.below);
    }
    uint32_t next = gathered_place(c);
    if (!c->full) place_at(c, place)->next[class] = next;
    return next;
}

static inline uint32_t step(struct constraint *c, uint32_t place, uint8_t byte) {
    uint32_t class = c->grammar->byte_class[byte];
    uint32_t next = place_at(c, place)->next[class];
    return next != UNKNOWN ? next : step_make(c, place, class);
}

// ---- opening -----------------------------------------------------------------------------------

enum err constraint_open(const struct grammar *grammar, const struct token_tree *tree,
                         const uint32_t *ends, uint32_t end_count, struct constraint **out) {
    struct constraint *c = memory_take(sizeof *c);
    if (!c) return ERR_MEMORY;
    *c = (struct constraint){.grammar = grammar, .tree = tree, .end_count = end_count};
    struct buf *bufs[] = {&c->stacks, &c->places, &c->tops, &c->gathered};
    for (size_t i = 0; i < 4; i++) buf_open(bufs[i], CONSTRAINT_BYTES_MAX);
    c->visits = memory_take(sizeof *c->visits * VISITS);
    c->walk = memory_take(sizeof *c->walk * (TOKEN_DEPTH_MAX + 1));
    c->clean = memory_take(sizeof *c->clean * (TOKEN_DEPTH_MAX + 1));
    c->ends = memory_take(sizeof *c->ends * (end_count + 1));
    enum err err = arena_open(CONSTRAINT_BYTES_MAX, &c->arena);
    if (!c->visits || !c->walk || !c->clean || !c->ends) err = ERR_MEMORY;
    if (err == OK) {
        if (end_count) memcpy(c->ends, ends, sizeof *ends * end_count);
        gathering_start(c);
        for (uint32_t i = 0; i < grammar->rules[0].count; i++) {
            gather(c, grammar->alternatives[grammar->rules[0].first + i], GRAMMAR_NONE);
        }
        c->start = gathered_place(c);
        *out = c;
    } else {
        constraint_close(c);
    }
    return err;
}

static void plain_close(struct plain *plain) {
    memory_give(plain->nodes);
    memory_give(plain->rest);
    memory_give(plain->tokens);
    for (uint32_t i = 0; i <= RUN_MAX; i++) memory_give(plain->masks[i]);
}

void constraint_close(struct constraint *c) {
    if (!c) return;
    uint32_t count = (uint32_t)(c->places.size / sizeof(struct place));
    for (uint32_t i = 0; i < count; i++) memory_give(place_at(c, i)->mask);
    struct buf *bufs[] = {&c->stacks, &c->places, &c->tops, &c->gathered};
    for (size_t i = 0; i < 4; i++) buf_close(bufs[i]);
    memory_give(c->stack_slots);
    memory_give(c->place_slots);
    memory_give(c->visits);
    memory_give(c->walk);
    memory_give(c->clean);
    for (uint32_t i = 0; i < c->plain_count; i++) plain_close(&c->plains[i]);
    memory_give(c->ends);
    arena_close(c->arena);
    memory_give(c);
}

uint32_t constraint_start(struct constraint *constraint) {
    return constraint->start;
}

size_t constraint_bytes(const struct constraint *c) {
    size_t slots = (c->stack_room + c->place_room) * sizeof(uint32_t);
    return sizeof *c + VISITS * sizeof *c->visits + arena_used_bytes(c->arena) + c->stacks.size +
           c->places.size + c->tops.size + slots + c->mask_bytes + c->plain_bytes;
}

bool constraint_ready(const struct constraint *c, uint32_t place) {
    return place == PLACE_NONE || c->full || place_at(c, place)->mask;
}

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

static bool mask_walk(struct constraint *c, uint32_t place, uint64_t *mask) {
    uint32_t run = run_of(c, place);
    struct plain *plain = run ? &c->plains[place_at(c, place)->plain] : NULL;
    const uint64_t *sure = plain ? plain_mask(c, plain, run) : NULL;
    if (sure) memcpy(mask, sure, mask_words(c) * sizeof *mask);
    tree_walk(c, place, sure ? plain : NULL, run, mask);
    for (size_t i = 0; i < mask_words(c); i++) {
        if (mask[i]) return true;
    }
    return false;
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

static enum err mask_make(struct constraint *c, uint32_t place) {
    size_t bytes = mask_words(c) * sizeof(uint64_t);
    masks_trim(c, bytes);
    uint64_t *mask = memory_take(bytes);
    if (!mask) return ERR_MEMORY;
    bool any = mask_walk(c, place, mask);
    for (uint32_t i = 0; i < c->end_count && place_at(c, place)->may_end; i++) {
        if (c->ends[i] >= c->tree->tokens) continue;
        mask[c->ends[i] / 64] |= 1ull << (c->ends[i] % 64);
        any = true;
    }
    if (c->full) {
        memory_give(mask);
        return ERR_LIMIT;
    }
    place_at(c, place)->mask = mask;
    place_at(c, place)->dead = !any;
    c->mask_bytes += bytes;
    return OK;
}

enum err constraint_mask(struct constraint *c, uint32_t place, const uint64_t **out,
                         struct fault *fault) {
    if (c->full) return fault_set(fault, ERR_LIMIT, "constraint.too_large", STR_NONE);
    if (place == PLACE_NONE) return fault_set(fault, ERR_INPUT, "constraint.dead_end", STR_NONE);
    if (!place_at(c, place)->mask) {
        enum err err = mask_make(c, place);
        if (err == ERR_LIMIT) return fault_set(fault, err, "constraint.too_large", STR_NONE);
        if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    }
    if (place_at(c, place)->dead) {
        return fault_set(fault, ERR_INPUT, "constraint.dead_end", STR_NONE);
    }
    *out = place_at(c, place)->mask;
    return OK;
}

uint32_t constraint_next_bytes(struct constraint *c, uint32_t place, struct str bytes) {
    for (size_t i = 0; i < bytes.size && place != PLACE_NONE && !c->full; i++) {
        place = step(c, place, (uint8_t)bytes.data[i]);
    }
    return c->full ? PLACE_NONE : place;
}

uint32_t constraint_next(struct constraint *c, uint32_t place, uint32_t token) {
    if (place == PLACE_NONE || token >= c->tree->tokens) return PLACE_NONE;
    struct str text = c->tree->texts[token];
    return text.size ? constraint_next_bytes(c, place, text) : PLACE_NONE;
}

bool constraint_may_end(const struct constraint *c, uint32_t place) {
    return place != PLACE_NONE && place_at(c, place)->may_end;
}

bool constraint_must_end(struct constraint *c, uint32_t place) {
    return place != PLACE_NONE && place_at(c, place)->may_end && place_at(c, place)->count == 0;
}
