// Substructures: where a molecule holds another one. Atoms match by element and aromaticity, and by
// charge where the pattern has one; bonds by order, or both aromatic; "*" is any atom. Its
// atoms are placed one after the other, each beside one that is placed (Cordella et al. 2004).
#include <string.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

enum { NONE = UINT16_MAX, STEPS_MAX = 1 << 20, MATCHES_MAX = 1000, WAYS_MAX = 10 * MATCHES_MAX };

struct place {
    uint16_t atom;   // of the pattern
    uint16_t anchor; // a placed neighbour of it; NONE: the first of a part
};
struct search {
    const struct molecule *pattern, *molecule;
    struct place *places; // (pattern atoms)
    uint16_t *image;      // (pattern atoms) where each is placed; NONE: not yet
    bool *taken;          // (molecule atoms)
    bool *marked;         // (molecule atoms) in any match
    uint64_t *found;      // (MATCHES_MAX, words) the atoms of each match
    uint64_t *now;        // (words)
    uint32_t words, matches, ways, steps;
};

static bool atoms_match(const struct atom *wanted, const struct atom *atom) {
    if (wanted->element == 0) return true;
    if (wanted->element != atom->element || wanted->aromatic != atom->aromatic) return false;
    if (wanted->isotope && wanted->isotope != atom->isotope) return false;
    return wanted->charge == 0 || wanted->charge == atom->charge;
}

static bool bonds_match(const struct bond *wanted, const struct bond *bond) {
    if (wanted->aromatic || bond->aromatic) return wanted->aromatic && bond->aromatic;
    return wanted->order == bond->order;
}

static const struct bond *bond_of(const struct molecule *molecule, uint16_t a, uint16_t b) {
    LINKS_OF(molecule, a, link) {
        if (link->atom == b) return &molecule->bonds[link->bond];
    }
    return NULL;
}

static bool fits(const struct search *search, uint16_t wanted, uint16_t at) {
    if (search->taken[at]) return false;
    if (!atoms_match(&search->pattern->atoms[wanted], &search->molecule->atoms[at])) return false;
    LINKS_OF(search->pattern, wanted, link) {
        uint16_t image = search->image[link->atom];
        if (image == NONE) continue;
        const struct bond *bond = bond_of(search->molecule, at, image);
        if (!bond || !bonds_match(&search->pattern->bonds[link->bond], bond)) return false;
    }
    return true;
}

// A ring that fits in twelve ways onto the same atoms is one match.
static void match_mark(struct search *search) {
    size_t bytes = search->words * sizeof *search->now;
    search->ways++;
    memset(search->now, 0, bytes);
    for (uint32_t i = 0; i < search->pattern->atom_count; i++) {
        uint16_t at = search->image[i];
        search->now[at / 64] |= (uint64_t)1 << (at % 64);
        search->marked[at] = true;
    }
    for (uint32_t m = 0; m < search->matches; m++) {
        if (memcmp(search->found + (size_t)m * search->words, search->now, bytes) == 0) return;
    }
    memcpy(search->found + (size_t)search->matches++ * search->words, search->now, bytes);
}

static void extend(struct search *search, uint32_t depth);

static void try_at(struct search *search, uint32_t depth, uint16_t at) {
    uint16_t wanted = search->places[depth].atom;
    if (search->steps >= STEPS_MAX || search->ways >= WAYS_MAX) return;
    if (search->matches >= MATCHES_MAX) return;
    search->steps++;
    if (!fits(search, wanted, at)) return;
    search->image[wanted] = at;
    search->taken[at] = true;
    extend(search, depth + 1);
    search->taken[at] = false;
    search->image[wanted] = NONE;
}

static void extend(struct search *search, uint32_t depth) {
    if (depth == search->pattern->atom_count) {
        match_mark(search);
        return;
    }
    const struct place *place = &search->places[depth];
    if (place->anchor == NONE) {
        for (uint32_t i = 0; i < search->molecule->atom_count; i++) {
            try_at(search, depth, (uint16_t)i);
        }
        return;
    }
    LINKS_OF(search->molecule, search->image[place->anchor], link) {
        try_at(search, depth, link->atom);
    }
}

// Breadth first through each part of the pattern.
static void places_order(struct search *search) {
    const struct molecule *pattern = search->pattern;
    uint32_t head = 0, tail = 0;
    for (uint32_t start = 0; start < pattern->atom_count; start++) {
        if (search->image[start] == 0) continue; // 0: has its place
        search->image[start] = 0;
        search->places[tail++] = (struct place){(uint16_t)start, NONE};
        for (; head < tail; head++) {
            uint16_t at = search->places[head].atom;
            LINKS_OF(pattern, at, link) {
                if (search->image[link->atom] == 0) continue;
                search->image[link->atom] = 0;
                search->places[tail++] = (struct place){link->atom, at};
            }
        }
    }
    memset(search->image, 0xFF, pattern->atom_count * sizeof *search->image);
}

enum err molecule_substructure(const struct molecule *molecule, const struct molecule *pattern,
                               bool *marked, uint32_t *matches) {
    struct search search = {.pattern = pattern, .molecule = molecule, .marked = marked};
    *matches = 0;
    memset(marked, 0, molecule->atom_count);
    if (pattern->atom_count > MOLECULE_PATTERN_ATOMS_MAX) return ERR_LIMIT;
    search.places = ARENA_ARRAY(molecule->arena, struct place, pattern->atom_count);
    search.image = ARENA_ARRAY(molecule->arena, uint16_t, pattern->atom_count);
    search.taken = ARENA_ARRAY(molecule->arena, bool, molecule->atom_count);
    search.words = molecule->atom_count / 64 + 1;
    search.now = ARENA_ARRAY(molecule->arena, uint64_t, search.words);
    search.found = ARENA_ARRAY(molecule->arena, uint64_t, (size_t)MATCHES_MAX * search.words);
    if (!search.places || !search.image || !search.taken || !search.now || !search.found) {
        return ERR_MEMORY;
    }
    memset(search.image, 0xFF, pattern->atom_count * sizeof *search.image);
    places_order(&search);
    extend(&search, 0);
    *matches = search.matches;
    return search.matches == 0 && search.steps >= STEPS_MAX ? ERR_LIMIT : OK;
}
