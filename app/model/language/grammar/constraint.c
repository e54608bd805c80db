#include "model/language/grammar/constraint.h"

#include <stdlib.h>
#include <string.h>

#include "model/language/grammar/constraint_private.h"

enum { VISITS_FIRST = 1 << 10, VISITS_MAX = 1 << 18, GATHER_DEPTH_MAX = 2000 };

// ---- places ------------------------------------------------------------------------------------

static struct stack *stack_at(const struct constraint *c, uint32_t index) {
    return (struct stack *)(void *)c->stacks.data + index;
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

// Where this pair stands among the visited, or where it would.
static uint32_t visit_slot(const struct constraint *c, uint32_t element, uint32_t below) {
    uint32_t at = hash_of(below, element) & (c->visit_room - 1);
    for (; c->visits[at].stamp == c->stamp; at = (at + 1) & (c->visit_room - 1)) {
        if (c->visits[at].element == element && c->visits[at].below == below) break;
    }
    return at;
}

static bool visits_grow(struct constraint *c) {
    struct visit *old = c->visits;
    uint32_t old_room = c->visit_room;
    struct visit *made = old_room < VISITS_MAX ? memory_take(old_room * 4 * sizeof *made) : NULL;
    if (!made) return false;
    c->visits = made;
    c->visit_room = old_room * 4;
    for (uint32_t i = 0; i < old_room; i++) {
        if (old[i].stamp != c->stamp) continue;
        made[visit_slot(c, old[i].element, old[i].below)] = old[i];
    }
    memory_give(old);
    return true;
}

// Was this pair met since the gathering began?
static bool visit(struct constraint *c, uint32_t element, uint32_t below) {
    uint32_t at = visit_slot(c, element, below);
    if (c->visits[at].stamp == c->stamp) return true;
    if (++c->visited > c->visit_room / 2) {
        if (!visits_grow(c)) {
            c->full = true;
            return true;
        }
        at = visit_slot(c, element, below);
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
                          .forced = FORCED_UNKNOWN};
    size_t next_bytes = c->grammar->class_count * sizeof(uint32_t);
    char *next = buf_reserve(&c->next, next_bytes);
    uint32_t number = (uint32_t)(c->places.size / sizeof place);
    if (count) buf_add(&c->tops, tops, count * sizeof *tops);
    buf_add(&c->places, &place, sizeof place);
    if (!next || buf_err(&c->tops) != OK || buf_err(&c->places) != OK) {
        c->full = true;
        return PLACE_NONE;
    }
    for (size_t i = 0; i < next_bytes; i += sizeof(uint32_t)) {
        memcpy(next + i, &(uint32_t){PLACE_UNKNOWN}, sizeof(uint32_t));
    }
    c->next.size += next_bytes;
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

uint32_t constraint_step_make(struct constraint *c, uint32_t place, uint32_t class) {
    uint8_t byte = c->grammar->class_byte[class];
    gathering_start(c);
    for (uint32_t i = 0; i < place_at(c, place)->count; i++) {
        uint32_t top = tops_of(c, place_at(c, place))[i];
        struct stack stack = *stack_at(c, top);
        const struct byte_set *set = &c->grammar->sets[c->grammar->elements[stack.element].index];
        if (set->bits[byte >> 6] >> (byte & 63) & 1) gather(c, stack.element + 1, stack.below);
    }
    uint32_t next = gathered_place(c);
    uint32_t *known = (uint32_t *)(void *)c->next.data;
    if (!c->full) known[(size_t)place * c->grammar->class_count + class] = next;
    return next;
}

// ---- opening -----------------------------------------------------------------------------------

enum err constraint_open(const struct grammar *grammar, const struct token_tree *tree,
                         const uint32_t *ends, uint32_t end_count, struct constraint **out) {
    struct constraint *c = memory_take(sizeof *c);
    if (!c) return ERR_MEMORY;
    *c = (struct constraint){.grammar = grammar, .tree = tree, .end_count = end_count};
    struct buf *bufs[] = {&c->stacks, &c->places, &c->tops, &c->gathered, &c->next};
    for (size_t i = 0; i < 5; i++) buf_open(bufs[i], CONSTRAINT_BYTES_MAX);
    c->visit_room = VISITS_FIRST;
    c->visits = memory_take(sizeof *c->visits * VISITS_FIRST);
    c->walk = memory_take(sizeof *c->walk * (TOKEN_DEPTH_MAX + 1));
    c->clean = memory_take(sizeof *c->clean * (TOKEN_DEPTH_MAX + 1));
    c->ends = memory_take(sizeof *c->ends * (end_count + 1));
    bool room = c->visits && c->walk && c->clean && c->ends;
    if (room) {
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
    return room ? OK : ERR_MEMORY;
}

void constraint_close(struct constraint *c) {
    if (!c) return;
    constraint_masks_close(c);
    struct buf *bufs[] = {&c->stacks, &c->places, &c->tops, &c->gathered, &c->next};
    for (size_t i = 0; i < 5; i++) buf_close(bufs[i]);
    memory_give(c->stack_slots);
    memory_give(c->place_slots);
    memory_give(c->visits);
    memory_give(c->walk);
    memory_give(c->clean);
    memory_give(c->ends);
    memory_give(c);
}

uint32_t constraint_start(struct constraint *constraint) {
    return constraint->start;
}

size_t constraint_bytes(const struct constraint *c) {
    size_t slots = (c->stack_room + c->place_room) * sizeof(uint32_t);
    return sizeof *c + c->visit_room * sizeof *c->visits + c->next.size + c->stacks.size +
           c->places.size + c->tops.size + slots + c->mask_bytes + c->plain_bytes;
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
