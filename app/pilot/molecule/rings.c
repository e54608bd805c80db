// Rings: all relevant cycles by Vismara's families (1997): those that are no sum of shorter ones.
// That is a smallest set of smallest rings made symmetric, as chemists count.
// A cycle is met once, from its last atom `root`, as two shortest paths over earlier atoms that
// meet in a bond (odd) or in an atom (even). Cost: O(n·m) paths, then an elimination over GF(2).
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

enum { INDEPENDENT_MAX = 128, NONE = UINT16_MAX, CANDIDATES_MAX = 400000 };

struct candidate {
    uint16_t size, root, left, right, top; // top: NONE for an odd ring
};
struct search {
    struct molecule *molecule;
    struct fault *fault;
    uint16_t *distance, *parent, *queue; // (atom_count) from the root; parent NONE: not reached so
    struct candidate *candidates;
    uint32_t candidate_count, candidate_room;
    uint32_t words;  // of a set of bonds
    uint64_t *basis; // (independent, words) rows, each free of the pivots before it
    uint32_t *pivot; // (independent)
    uint32_t basis_count, independent;
};

// --- which bonds lie in a ring: those that are no bridge ---------------------------------------

struct walk {
    uint16_t atom, bond;
    uint32_t next;
};

// Depth first without recursion; low[v] is the earliest atom that v's subtree reaches.
static void walk_from(struct molecule *molecule, uint32_t start, uint32_t *order, uint32_t *low,
                      struct walk *stack, uint32_t *time) {
    uint32_t depth = 0;
    stack[depth++] = (struct walk){(uint16_t)start, NONE, 0};
    order[start] = low[start] = ++*time;
    while (depth) {
        struct walk *top = &stack[depth - 1];
        const struct atom *atom = &molecule->atoms[top->atom];
        if (top->next == atom->degree) {
            depth--;
            if (depth == 0) break;
            uint16_t above = stack[depth - 1].atom;
            if (low[top->atom] < low[above]) low[above] = low[top->atom];
            molecule->bonds[top->bond].ring = low[top->atom] <= order[above];
            continue;
        }
        struct link link = molecule->links[atom->first + top->next++];
        if (link.bond == top->bond) continue;
        if (order[link.atom]) {
            if (order[link.atom] < low[top->atom]) low[top->atom] = order[link.atom];
            molecule->bonds[link.bond].ring = true;
            continue;
        }
        order[link.atom] = low[link.atom] = ++*time;
        stack[depth++] = (struct walk){link.atom, link.bond, 0};
    }
}

static enum err ring_bonds_mark(struct search *search) {
    struct molecule *molecule = search->molecule;
    uint32_t *order = ARENA_ARRAY(molecule->arena, uint32_t, molecule->atom_count);
    uint32_t *low = ARENA_ARRAY(molecule->arena, uint32_t, molecule->atom_count);
    struct walk *stack = ARENA_ARRAY(molecule->arena, struct walk, molecule->atom_count + 1);
    if (!order || !low || !stack) return molecule_no_memory(search->fault);
    uint32_t time = 0, parts = 0;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        if (order[i]) continue;
        parts++;
        walk_from(molecule, i, order, low, stack, &time);
    }
    for (uint32_t i = 0; i < molecule->bond_count; i++) {
        const struct bond *bond = &molecule->bonds[i];
        if (bond->ring) molecule->atoms[bond->from].ring = molecule->atoms[bond->to].ring = true;
    }
    search->independent = molecule->bond_count + parts - molecule->atom_count;
    return OK;
}

// --- candidates --------------------------------------------------------------------------------

// Distances from root along ring bonds, and for the atoms before root that a shortest path over
// such atoms reaches, the atom before them on one of these.
static void paths_find(struct search *search, uint16_t root) {
    const struct molecule *molecule = search->molecule;
    memset(search->distance, 0xFF, molecule->atom_count * sizeof *search->distance);
    memset(search->parent, 0xFF, molecule->atom_count * sizeof *search->parent);
    uint32_t head = 0, tail = 0;
    search->queue[tail++] = root;
    search->distance[root] = 0;
    search->parent[root] = root;
    while (head < tail) {
        uint16_t at = search->queue[head++];
        LINKS_OF(molecule, at, link) {
            if (!molecule->bonds[link->bond].ring) continue;
            uint16_t next = link->atom;
            if (search->distance[next] == NONE) {
                search->distance[next] = (uint16_t)(search->distance[at] + 1);
                search->queue[tail++] = next;
            }
            bool further = search->distance[next] == search->distance[at] + 1;
            bool allowed = next < root && search->parent[at] != NONE;
            if (further && allowed && search->parent[next] == NONE) search->parent[next] = at;
        }
    }
}

// Do the chosen paths to a and b have only the root in common? They are equally long.
static bool paths_apart(const struct search *search, uint16_t a, uint16_t b, uint16_t root) {
    while (a != root && b != root) {
        if (a == b) return false;
        a = search->parent[a];
        b = search->parent[b];
    }
    return a == b;
}

static enum err candidate_add(struct search *search, struct candidate candidate) {
    if (search->candidate_count == search->candidate_room) {
        if (search->candidate_room == CANDIDATES_MAX) {
            return fault_set(search->fault, ERR_LIMIT, "smiles.too_many_rings", STR_NONE);
        }
        uint32_t room = search->candidate_room ? 4 * search->candidate_room : 64;
        if (room > CANDIDATES_MAX) room = CANDIDATES_MAX;
        struct candidate *grown = ARENA_ARRAY(search->molecule->arena, struct candidate, room);
        if (!grown) return molecule_no_memory(search->fault);
        if (search->candidate_count) {
            memcpy(grown, search->candidates, search->candidate_count * sizeof *grown);
        }
        search->candidates = grown;
        search->candidate_room = room;
    }
    search->candidates[search->candidate_count++] = candidate;
    return OK;
}

static enum err candidates_at(struct search *search, uint16_t root, uint16_t atom) {
    const struct molecule *molecule = search->molecule;
    uint16_t far = search->distance[atom];
    enum err err = OK;
    LINKS_OF(molecule, atom, a) {
        uint16_t left = a->atom;
        if (!molecule->bonds[a->bond].ring || search->parent[left] == NONE || err != OK) continue;
        if (search->distance[left] == far && left < atom && paths_apart(search, left, atom, root)) {
            uint16_t size = (uint16_t)(2 * far + 1);
            err = candidate_add(search, (struct candidate){size, root, left, atom, NONE});
        }
        if (search->distance[left] + 1 != far) continue;
        for (const struct link *b = a + 1; b < end_a && err == OK; b++) {
            uint16_t right = b->atom;
            if (!molecule->bonds[b->bond].ring || search->parent[right] == NONE) continue;
            if (search->distance[right] + 1 != far) continue;
            if (!paths_apart(search, left, right, root)) continue;
            uint16_t size = (uint16_t)(2 * far);
            err = candidate_add(search, (struct candidate){size, root, left, right, atom});
        }
    }
    return err;
}

static enum err candidates_find(struct search *search) {
    const struct molecule *molecule = search->molecule;
    enum err err = OK;
    for (uint32_t root = 0; root < molecule->atom_count && err == OK; root++) {
        if (!molecule->atoms[root].ring) continue;
        paths_find(search, (uint16_t)root);
        for (uint32_t i = 0; i < root && err == OK; i++) {
            if (search->parent[i] != NONE) err = candidates_at(search, (uint16_t)root, (uint16_t)i);
        }
    }
    return err;
}

static int candidate_order(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    const uint16_t left[] = {x->root, x->left, x->right, x->top};
    const uint16_t right[] = {y->root, y->left, y->right, y->top};
    for (size_t i = 0; i < 4; i++) {
        if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
    }
    return 0;
}

// --- from a candidate to a ring ----------------------------------------------------------------

static uint16_t bond_between(const struct molecule *molecule, uint16_t a, uint16_t b) {
    LINKS_OF(molecule, a, link) {
        if (link->atom == b) return link->bond;
    }
    cy_assert(false);
    return NONE;
}

// One ring from a candidate's family while its paths are chosen: left … root … right, then the top.
struct family {
    struct search *search;
    const struct candidate *candidate;
    uint16_t *atoms;
    uint32_t root; // its place among the atoms
};

static enum err ring_keep(struct search *search, const uint16_t *chosen, uint16_t size) {
    struct molecule *molecule = search->molecule;
    if (molecule->ring_count == MOLECULE_RINGS_MAX) {
        return fault_set(search->fault, ERR_LIMIT, "smiles.too_many_rings", STR_NONE);
    }
    uint16_t *atoms = ARENA_ARRAY(molecule->arena, uint16_t, size);
    uint16_t *bonds = ARENA_ARRAY(molecule->arena, uint16_t, size);
    if (!atoms || !bonds) return molecule_no_memory(search->fault);
    memcpy(atoms, chosen, size * sizeof *atoms);
    for (uint32_t i = 0; i < size; i++) {
        bonds[i] = bond_between(molecule, atoms[i], atoms[(i + 1) % size]);
    }
    molecule->rings[molecule->ring_count++] = (struct ring){size, atoms, bonds};
    return OK;
}

// Every way down to the root on the left, and for each every way on the right.
static enum err family_keep(struct family *family, uint16_t left, uint16_t right) {
    struct search *search = family->search;
    const struct candidate *candidate = family->candidate;
    bool on_left = left != candidate->root;
    uint16_t at = on_left ? left : right;
    if (at == candidate->root) return ring_keep(search, family->atoms, candidate->size);
    LINKS_OF(search->molecule, at, link) {
        uint16_t next = link->atom;
        if (!search->molecule->bonds[link->bond].ring || search->parent[next] == NONE) continue;
        if (search->distance[next] + 1 != search->distance[at]) continue;
        // Beyond this many, one ring stands for its family.
        bool first = next == search->parent[at];
        if (!first && search->molecule->ring_count >= MOLECULE_RINGS_MAX / 2) continue;
        uint32_t distance = search->distance[next];
        family->atoms[on_left ? family->root - distance : family->root + distance] = next;
        enum err err = family_keep(family, on_left ? next : left, on_left ? right : next);
        if (err != OK) return err;
    }
    return OK;
}

// The paths of the candidate's root must be the ones in the search.
static void family_start(struct family *family) {
    const struct candidate *candidate = family->candidate;
    const struct search *search = family->search;
    uint32_t end = candidate->size;
    if (candidate->top != NONE) family->atoms[--end] = candidate->top;
    family->root = search->distance[candidate->left];
    family->atoms[family->root] = candidate->root;
    for (uint16_t at = candidate->left; at != candidate->root; at = search->parent[at]) {
        family->atoms[family->root - search->distance[at]] = at;
    }
    for (uint16_t at = candidate->right; at != candidate->root; at = search->parent[at]) {
        family->atoms[family->root + search->distance[at]] = at;
    }
}

// --- elimination -------------------------------------------------------------------------------

static void row_add(uint64_t *row, const uint64_t *other, uint32_t words) {
    for (uint32_t w = 0; w < words; w++) row[w] ^= other[w];
}

// Clears the pivots of basis rows from `first` up to `end`.
static void row_reduce(const struct search *search, uint64_t *row, uint32_t first, uint32_t end) {
    for (uint32_t i = first; i < end; i++) {
        uint32_t pivot = search->pivot[i];
        if (row[pivot / 64] >> (pivot % 64) & 1) {
            row_add(row, search->basis + (size_t)i * search->words, search->words);
        }
    }
}

static bool row_pivot(const uint64_t *row, uint32_t words, uint32_t *out) {
    for (uint32_t w = 0; w < words; w++) {
        if (row[w] == 0) continue;
        *out = w * 64 + (uint32_t)__builtin_ctzll(row[w]);
        return true;
    }
    return false;
}

// Keeps the candidate's family unless shorter rings add up to it; `shorter` rows of the basis are.
static enum err family_try(struct family *family, uint32_t shorter, uint64_t *row) {
    struct search *search = family->search;
    uint32_t pivot, size = family->candidate->size;
    paths_find(search, family->candidate->root);
    family_start(family);
    memset(row, 0, search->words * sizeof *row);
    for (uint32_t i = 0; i < size; i++) {
        uint16_t bond =
            bond_between(search->molecule, family->atoms[i], family->atoms[(i + 1) % size]);
        row[bond / 64] ^= (uint64_t)1 << (bond % 64);
    }
    row_reduce(search, row, 0, shorter);
    if (!row_pivot(row, search->words, &pivot)) return OK;
    row_reduce(search, row, shorter, search->basis_count);
    if (row_pivot(row, search->words, &pivot)) {
        uint64_t *added = search->basis + (size_t)search->basis_count * search->words;
        memcpy(added, row, search->words * sizeof *row);
        search->pivot[search->basis_count++] = pivot;
    }
    return family_keep(family, family->candidate->left, family->candidate->right);
}

static enum err rings_choose(struct search *search) {
    struct arena *arena = search->molecule->arena;
    uint64_t *row = ARENA_ARRAY(arena, uint64_t, search->words);
    search->basis = ARENA_ARRAY(arena, uint64_t, (size_t)search->independent * search->words);
    search->pivot = ARENA_ARRAY(arena, uint32_t, search->independent);
    search->molecule->rings = ARENA_ARRAY(arena, struct ring, MOLECULE_RINGS_MAX);
    if (!row || !search->basis || !search->pivot || !search->molecule->rings) {
        return molecule_no_memory(search->fault);
    }
    qsort(search->candidates, search->candidate_count, sizeof *search->candidates, candidate_order);
    uint32_t shorter = 0, size = 0;
    struct family family = {.search = search};
    family.atoms = ARENA_ARRAY(arena, uint16_t, search->molecule->atom_count + 1);
    if (!family.atoms) return molecule_no_memory(search->fault);
    enum err err = OK;
    for (uint32_t i = 0; i < search->candidate_count && err == OK; i++) {
        family.candidate = &search->candidates[i];
        if (family.candidate->size != size) {
            if (search->basis_count == search->independent) break;
            shorter = search->basis_count;
            size = family.candidate->size;
        }
        err = family_try(&family, shorter, row);
    }
    cy_assert(err != OK || search->basis_count == search->independent);
    return err;
}

enum err rings_find(struct molecule *molecule, struct fault *fault) {
    struct search search = {.molecule = molecule, .fault = fault};
    enum err err = ring_bonds_mark(&search);
    if (err != OK || search.independent == 0) return err;
    if (search.independent > INDEPENDENT_MAX) {
        return fault_set(fault, ERR_LIMIT, "smiles.too_many_rings", STR_NONE);
    }
    search.words = (molecule->bond_count + 63) / 64;
    search.distance = ARENA_ARRAY(molecule->arena, uint16_t, molecule->atom_count);
    search.parent = ARENA_ARRAY(molecule->arena, uint16_t, molecule->atom_count);
    search.queue = ARENA_ARRAY(molecule->arena, uint16_t, molecule->atom_count);
    if (!search.distance || !search.parent || !search.queue) return molecule_no_memory(fault);
    err = candidates_find(&search);
    return err == OK ? rings_choose(&search) : err;
}
