// A ranking of the atoms that does not depend on the order they were written in: each atom starts
// from what it is and how far all others are, classes are refined by their neighbours' until
// nothing changes, and ties that remain are broken one at a time (Weininger 1989; atoms that stay
// tied after both are taken for symmetric).
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

enum { FAR = UINT16_MAX };

struct keyed {
    uint32_t class; // so far
    uint64_t key;   // of its neighbours
    uint32_t atom;
};
struct ranking {
    const struct molecule *molecule;
    struct keyed *keyed;        // (atom_count)
    uint32_t *class;            // (atom_count) number of atoms in lower classes
    uint16_t *distance, *queue; // (atom_count)
    uint32_t class_count;
};

static uint64_t atom_key(const struct molecule *molecule, uint32_t index) {
    const struct atom *atom = &molecule->atoms[index];
    uint64_t key = hash_mix(0, atom->element);
    key = hash_mix(key, (uint64_t)atom->degree << 8 | atom->hydrogens);
    key = hash_mix(key, (uint64_t)(atom->charge + 128) << 16 | atom->isotope);
    key = hash_mix(key, (uint64_t)atom->radicals << 2 | (uint64_t)atom->aromatic << 1 | atom->ring);
    return key;
}

static void distances_from(struct ranking *ranking, uint32_t start) {
    const struct molecule *molecule = ranking->molecule;
    uint32_t head = 0, tail = 0;
    memset(ranking->distance, 0xFF, molecule->atom_count * sizeof *ranking->distance);
    ranking->distance[start] = 0;
    ranking->queue[tail++] = (uint16_t)start;
    while (head < tail) {
        uint16_t at = ranking->queue[head++];
        LINKS_OF(molecule, at, link) {
            if (ranking->distance[link->atom] != FAR) continue;
            ranking->distance[link->atom] = (uint16_t)(ranking->distance[at] + 1);
            ranking->queue[tail++] = link->atom;
        }
    }
}

static int keyed_order(const void *a, const void *b) {
    const struct keyed *x = a, *y = b;
    if (x->class != y->class) return x->class < y->class ? -1 : 1;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->atom < y->atom ? -1 : x->atom > y->atom;
}

// Sorts by class and key and numbers the classes anew. Returns whether there are more of them.
static bool classes_split(struct ranking *ranking) {
    uint32_t count = ranking->molecule->atom_count, classes = 0, first = 0;
    qsort(ranking->keyed, count, sizeof *ranking->keyed, keyed_order);
    for (uint32_t i = 0; i < count; i++) {
        const struct keyed *now = &ranking->keyed[i], *before = i ? now - 1 : NULL;
        if (!before || now->class != before->class || now->key != before->key) {
            classes++;
            first = i;
        }
        ranking->class[now->atom] = first;
    }
    for (uint32_t i = 0; i < count; i++) {
        ranking->keyed[i].class = ranking->class[ranking->keyed[i].atom];
    }
    bool more = classes > ranking->class_count;
    ranking->class_count = classes;
    return more;
}

// Order of neighbours is no matter in a sum.
static uint64_t neighbours_key(const struct ranking *ranking, uint32_t index) {
    const struct molecule *molecule = ranking->molecule;
    uint64_t sum = 0;
    LINKS_OF(molecule, index, link) {
        const struct bond *bond = &molecule->bonds[link->bond];
        uint64_t kind = bond->aromatic ? 12 : bond->order;
        sum += hash_mix(hash_mix(1, kind), ranking->class[link->atom]);
    }
    return sum;
}

static void classes_refine(struct ranking *ranking) {
    uint32_t count = ranking->molecule->atom_count;
    do {
        for (uint32_t i = 0; i < count; i++) {
            ranking->keyed[i].key = neighbours_key(ranking, ranking->keyed[i].atom);
        }
    } while (classes_split(ranking));
}

// The first atom of the lowest class with several goes ahead of the others.
static void tie_break(struct ranking *ranking) {
    uint32_t count = ranking->molecule->atom_count;
    for (uint32_t i = 0; i < count; i++) ranking->keyed[i].key = 1;
    for (uint32_t i = 0; i + 1 < count; i++) {
        if (ranking->keyed[i].class != ranking->keyed[i + 1].class) continue;
        ranking->keyed[i].key = 0;
        break;
    }
    (void)classes_split(ranking);
}

enum err molecule_rank(const struct molecule *molecule, const uint32_t **out) {
    struct ranking ranking = {.molecule = molecule};
    uint32_t count = molecule->atom_count;
    struct arena *arena = molecule->arena;
    uint64_t *own = ARENA_ARRAY(arena, uint64_t, count);
    ranking.keyed = ARENA_ARRAY(arena, struct keyed, count);
    ranking.class = ARENA_ARRAY(arena, uint32_t, count);
    ranking.distance = ARENA_ARRAY(arena, uint16_t, count);
    ranking.queue = ARENA_ARRAY(arena, uint16_t, count);
    if (!own || !ranking.keyed || !ranking.class || !ranking.distance || !ranking.queue) {
        return ERR_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) own[i] = atom_key(molecule, i);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t sum = 0;
        distances_from(&ranking, i);
        for (uint32_t j = 0; j < count; j++) sum += hash_mix(own[j], ranking.distance[j]);
        ranking.keyed[i] = (struct keyed){0, hash_mix(own[i], sum), i};
    }
    (void)classes_split(&ranking);
    classes_refine(&ranking);
    while (ranking.class_count < count) {
        tie_break(&ranking);
        classes_refine(&ranking);
    }
    *out = ranking.class;
    return OK;
}
