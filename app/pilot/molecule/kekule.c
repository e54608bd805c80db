// A Kekulé structure: every aromatic atom that is one bond short gets exactly one double bond along
// an aromatic bond. That is a perfect matching; Edmonds' blossoms find it in O(n³) at worst, so
// that no text can make it slow. Aromatic marks are taken away: aromaticity_find sets its own.
#include <string.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

enum { NONE = UINT16_MAX };

struct matching {
    const struct molecule *molecule;
    bool *short_of, *used, *blossom; // (atom_count)
    uint16_t *partner, *parent, *base, *queue;
    uint32_t head, tail;
};

// Would one more bond give this atom a valence it may have?
static bool is_short(const struct molecule *molecule, uint32_t index) {
    const struct atom *atom = &molecule->atoms[index];
    if (!atom->aromatic) return false;
    const struct element *element = element_as_charged(atom);
    uint32_t single = atom->hydrogens, aromatic = 0;
    LINKS_OF(molecule, index, link) {
        const struct bond *bond = &molecule->bonds[link->bond];
        single += bond->aromatic ? 1 : bond->order;
        aromatic += bond->aromatic;
    }
    // With aromatic bonds counted as one and a half, which valence is aimed at?
    int total = (int)single + (int)(aromatic / 2), valence = element->valences[0];
    for (uint32_t i = 1; i < element->valence_count && valence != ANY_VALENCE; i++) {
        if (total > valence + 1) valence = element->valences[i];
    }
    int degree = atom->degree + atom->hydrogens;
    if (valence == ANY_VALENCE || degree >= valence) return false;
    int missing = valence - (int)single;
    return missing == 1 || (missing == 2 && atom->bracket);
}

static uint16_t common_base(const struct matching *matching, uint16_t a, uint16_t b, bool *seen) {
    memset(seen, 0, matching->molecule->atom_count);
    for (;;) {
        a = matching->base[a];
        seen[a] = true;
        if (matching->partner[a] == NONE) break;
        a = matching->parent[matching->partner[a]];
    }
    for (;;) {
        b = matching->base[b];
        if (seen[b]) return b;
        b = matching->parent[matching->partner[b]];
    }
}

static void path_mark(struct matching *matching, uint16_t v, uint16_t base, uint16_t child) {
    while (matching->base[v] != base) {
        matching->blossom[matching->base[v]] = true;
        matching->blossom[matching->base[matching->partner[v]]] = true;
        matching->parent[v] = child;
        child = matching->partner[v];
        v = matching->parent[matching->partner[v]];
    }
}

static void blossom_shrink(struct matching *matching, uint16_t v, uint16_t to, bool *seen) {
    uint32_t count = matching->molecule->atom_count;
    uint16_t base = common_base(matching, v, to, seen);
    memset(matching->blossom, 0, count);
    path_mark(matching, v, base, to);
    path_mark(matching, to, base, v);
    for (uint32_t i = 0; i < count; i++) {
        if (!matching->blossom[matching->base[i]]) continue;
        matching->base[i] = base;
        if (matching->used[i]) continue;
        matching->used[i] = true;
        matching->queue[matching->tail++] = (uint16_t)i;
    }
}

// The end of a path from root on which bonds without and with a partner alternate; NONE if none.
static uint16_t path_find(struct matching *matching, uint16_t root, bool *seen) {
    const struct molecule *molecule = matching->molecule;
    memset(matching->used, 0, molecule->atom_count);
    memset(matching->parent, 0xFF, molecule->atom_count * sizeof *matching->parent);
    for (uint32_t i = 0; i < molecule->atom_count; i++) matching->base[i] = (uint16_t)i;
    matching->head = matching->tail = 0;
    matching->used[root] = true;
    matching->queue[matching->tail++] = root;
    while (matching->head < matching->tail) {
        uint16_t v = matching->queue[matching->head++];
        LINKS_OF(molecule, v, link) {
            uint16_t to = link->atom;
            if (!molecule->bonds[link->bond].aromatic || !matching->short_of[to]) continue;
            if (matching->base[v] == matching->base[to] || matching->partner[v] == to) continue;
            uint16_t partner = matching->partner[to];
            if (to == root || (partner != NONE && matching->parent[partner] != NONE)) {
                blossom_shrink(matching, v, to, seen);
            } else if (matching->parent[to] == NONE) {
                matching->parent[to] = v;
                if (partner == NONE) return to;
                matching->used[partner] = true;
                matching->queue[matching->tail++] = partner;
            }
        }
    }
    return NONE;
}

// Pairs neighbours greedily first: that leaves few paths to find.
static void pair_greedily(struct matching *matching) {
    const struct molecule *molecule = matching->molecule;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        if (!matching->short_of[i] || matching->partner[i] != NONE) continue;
        LINKS_OF(molecule, i, link) {
            uint16_t to = link->atom;
            bool free = matching->short_of[to] && matching->partner[to] == NONE;
            if (!free || !molecule->bonds[link->bond].aromatic) continue;
            matching->partner[i] = to;
            matching->partner[to] = (uint16_t)i;
            break;
        }
    }
}

static bool pair_all(struct matching *matching, bool *seen, uint32_t *failed) {
    for (uint32_t i = 0; i < matching->molecule->atom_count; i++) {
        if (!matching->short_of[i] || matching->partner[i] != NONE) continue;
        uint16_t at = path_find(matching, (uint16_t)i, seen);
        *failed = i;
        if (at == NONE) return false;
        while (at != NONE) {
            uint16_t before = matching->parent[at], next = matching->partner[before];
            matching->partner[at] = before;
            matching->partner[before] = at;
            at = next;
        }
    }
    return true;
}

static bool matching_open(struct matching *matching) {
    struct arena *arena = matching->molecule->arena;
    uint32_t count = matching->molecule->atom_count;
    matching->short_of = ARENA_ARRAY(arena, bool, count);
    matching->used = ARENA_ARRAY(arena, bool, count);
    matching->blossom = ARENA_ARRAY(arena, bool, count);
    matching->partner = ARENA_ARRAY(arena, uint16_t, count);
    matching->parent = ARENA_ARRAY(arena, uint16_t, count);
    matching->base = ARENA_ARRAY(arena, uint16_t, count);
    matching->queue = ARENA_ARRAY(arena, uint16_t, count);
    return matching->short_of && matching->used && matching->blossom && matching->partner &&
           matching->parent && matching->base && matching->queue;
}

enum err kekule_find(struct molecule *molecule, struct fault *fault) {
    struct matching matching = {.molecule = molecule};
    bool *seen = ARENA_ARRAY(molecule->arena, bool, molecule->atom_count);
    if (!seen || !matching_open(&matching)) return molecule_no_memory(fault);
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        matching.partner[i] = NONE;
        matching.short_of[i] = is_short(molecule, i);
    }
    pair_greedily(&matching);
    uint32_t failed = 0;
    if (!pair_all(&matching, seen, &failed)) {
        return fault_at(fault, ERR_INPUT, "smiles.no_kekule", 0,
                        (uint64_t)molecule->atoms[failed].at + 1, STR_NONE);
    }
    for (uint32_t i = 0; i < molecule->bond_count; i++) {
        struct bond *bond = &molecule->bonds[i];
        if (bond->aromatic) bond->order = matching.partner[bond->from] == bond->to ? 2 : 1;
        bond->aromatic = false;
    }
    for (uint32_t i = 0; i < molecule->atom_count; i++) molecule->atoms[i].aromatic = false;
    return OK;
}
