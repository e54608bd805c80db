// Aromaticity by RDKit's documented default model: every atom of a ring says how many electrons it
// gives, and a ring, or up to six rings fused over one bond each, is aromatic when the electrons of
// its outline are 4n + 2. An atom in three rings of a system lies inside and does not count.
// Source: The RDKit Book, "The RDKit Aromaticity Model".
#include <string.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

enum {
    FUSED_RINGS_MAX = 6,      // in one system that is judged as a whole
    FUSED_RING_SIZE_MAX = 24, // larger rings are judged alone
    SYSTEMS_MAX = 1 << 20,    // looked at in one molecule
    SET_WORDS = MOLECULE_RINGS_MAX / 64,
};
enum donor { DONOR_NOT, DONOR_VACANT, DONOR_ONE, DONOR_TWO };

struct ring_set {
    uint64_t words[SET_WORDS];
};
struct judge {
    struct molecule *molecule;
    enum donor *donors;          // (atom_count)
    const struct ring **rings;   // (ring_count) those whose atoms may all be aromatic
    struct ring_set *neighbours; // (ring_count)
    uint32_t ring_count;
    uint8_t *seen;    // (atom_count) in how many rings of the system
    uint8_t *crossed; // (bond_count)
    bool *done;       // (bond_count) found aromatic
    uint16_t chosen[FUSED_RINGS_MAX];
    uint32_t wanted; // rings in a system now
    uint32_t root, systems;
};

static bool set_has(const struct ring_set *set, uint32_t i) {
    return set->words[i / 64] >> (i % 64) & 1;
}

static void set_add(struct ring_set *set, uint32_t i) {
    set->words[i / 64] |= (uint64_t)1 << (i % 64);
}

// --- what an atom gives ------------------------------------------------------------------------

// Has the first element more pull on electrons? By column of the table, then by row.
static bool pulls_more(uint8_t element, uint8_t than) {
    uint8_t outer = elements[element].outer, other = elements[than].outer;
    return outer != other ? outer > other : element < than;
}

struct multiple {
    bool in_ring, outside; // has a bond of order two or more there
    uint8_t beyond;        // the element at the other end of the one outside
    uint32_t count;
};

static struct multiple multiple_bonds(const struct molecule *molecule, uint32_t index) {
    struct multiple found = {0};
    LINKS_OF(molecule, index, link) {
        const struct bond *bond = &molecule->bonds[link->bond];
        if (bond->order < 2) continue;
        found.count++;
        found.in_ring |= bond->ring;
        if (bond->ring || found.outside) continue;
        found.outside = true;
        found.beyond = molecule->atoms[link->atom].element;
    }
    return found;
}

// Electrons it could give to a system of pi bonds; -1: it can have no part in one.
static int electrons_of(const struct molecule *molecule, uint32_t index) {
    const struct atom *atom = &molecule->atoms[index];
    int valence = elements[atom->element].valences[0];
    int degree = atom->degree + atom->hydrogens;
    if (valence <= 1 || degree > 3) return -1;
    int lone = elements[atom->element].outer - valence - atom->charge;
    int electrons = valence - degree + (lone > 0 ? lone : 0) - atom->radicals;
    uint32_t unsaturated = atom_orders(molecule, index) - atom->degree;
    return electrons > 1 && unsaturated > 1 ? 1 : electrons;
}

static enum donor donor_of(const struct molecule *molecule, uint32_t index) {
    const struct atom *atom = &molecule->atoms[index];
    struct multiple multiple = multiple_bonds(molecule, index);
    int electrons = electrons_of(molecule, index);
    bool taken = multiple.outside && pulls_more(multiple.beyond, atom->element);
    if (electrons < 0) return DONOR_NOT;
    if (electrons == 0) {
        if (multiple.outside) return DONOR_VACANT;
        return multiple.in_ring ? DONOR_ONE : DONOR_NOT;
    }
    if (electrons == 1) {
        if (multiple.outside) return taken ? DONOR_VACANT : DONOR_ONE;
        if (multiple.in_ring) return DONOR_ONE;
        return atom->charge == 1 ? DONOR_VACANT : DONOR_NOT;
    }
    if (taken) electrons--;
    return electrons % 2 ? DONOR_ONE : DONOR_TWO;
}

static bool may_be_aromatic(const struct molecule *molecule, uint32_t index, enum donor donor) {
    const struct atom *atom = &molecule->atoms[index];
    if (donor == DONOR_NOT || atom->element == 0) return false;
    if (atom->element > 18 && atom->element != SELENIUM && atom->element != TELLURIUM) return false;
    int usual = element_as_charged(atom)->valences[0];
    int total = (int)atom_orders(molecule, index) + atom->hydrogens;
    if (elements[atom->element].valences[0] > 0 && total > usual) return false;
    if (atom->radicals && (atom->element != CARBON || atom->charge)) return false;
    return multiple_bonds(molecule, index).count <= 1;
}

// --- systems of rings --------------------------------------------------------------------------

static bool is_aromatic_system(struct judge *judge) {
    const struct molecule *molecule = judge->molecule;
    uint32_t electrons = 0;
    memset(judge->seen, 0, molecule->atom_count);
    for (uint32_t r = 0; r < judge->wanted; r++) {
        const struct ring *ring = judge->rings[judge->chosen[r]];
        for (uint32_t i = 0; i < ring->size; i++) judge->seen[ring->atoms[i]]++;
    }
    for (uint32_t r = 0; r < judge->wanted; r++) {
        const struct ring *ring = judge->rings[judge->chosen[r]];
        for (uint32_t i = 0; i < ring->size; i++) {
            uint8_t *seen = &judge->seen[ring->atoms[i]];
            enum donor donor = judge->donors[ring->atoms[i]];
            if (*seen == 1 || *seen == 2) {
                electrons += donor == DONOR_ONE ? 1 : donor == DONOR_TWO ? 2 : 0;
            }
            *seen = 0;
        }
    }
    return electrons >= 2 && (electrons - 2) % 4 == 0;
}

// The atoms of the rings and the bonds of their outline.
static void system_mark(struct judge *judge) {
    struct molecule *molecule = judge->molecule;
    memset(judge->crossed, 0, molecule->bond_count);
    for (uint32_t r = 0; r < judge->wanted; r++) {
        const struct ring *ring = judge->rings[judge->chosen[r]];
        for (uint32_t i = 0; i < ring->size; i++) {
            molecule->atoms[ring->atoms[i]].aromatic = true;
            judge->crossed[ring->bonds[i]]++;
        }
    }
    for (uint32_t r = 0; r < judge->wanted; r++) {
        const struct ring *ring = judge->rings[judge->chosen[r]];
        for (uint32_t i = 0; i < ring->size; i++) {
            if (judge->crossed[ring->bonds[i]] == 1) judge->done[ring->bonds[i]] = true;
        }
    }
}

// All connected systems of `wanted` rings that hold the root and no earlier ring, each once
// (Wernicke 2006). False when they are too many.
static bool systems_extend(struct judge *judge, uint32_t size, struct ring_set open,
                           struct ring_set closed) {
    if (size == judge->wanted) {
        if (is_aromatic_system(judge)) system_mark(judge);
        return ++judge->systems <= SYSTEMS_MAX;
    }
    for (uint32_t next = judge->root; next < judge->ring_count; next++) {
        if (!set_has(&open, next)) continue;
        open.words[next / 64] &= ~((uint64_t)1 << (next % 64));
        struct ring_set opened = open, shut = closed;
        for (uint32_t w = 0; w < SET_WORDS; w++) {
            opened.words[w] |= judge->neighbours[next].words[w] & ~closed.words[w];
            shut.words[w] |= judge->neighbours[next].words[w];
        }
        judge->chosen[size] = (uint16_t)next;
        if (!systems_extend(judge, size + 1, opened, shut)) return false;
    }
    return true;
}

// Rings that hang together with `root`, itself included.
static struct ring_set fused_with(const struct judge *judge, uint32_t root) {
    struct ring_set fused = {0};
    set_add(&fused, root);
    for (bool grown = true; grown;) {
        grown = false;
        for (uint32_t i = 0; i < judge->ring_count; i++) {
            if (!set_has(&fused, i)) continue;
            for (uint32_t w = 0; w < SET_WORDS; w++) {
                uint64_t more = judge->neighbours[i].words[w] & ~fused.words[w];
                fused.words[w] |= more;
                grown |= more != 0;
            }
        }
    }
    return fused;
}

static bool all_done(const struct judge *judge, const struct ring_set *fused) {
    for (uint32_t i = 0; i < judge->ring_count; i++) {
        if (!set_has(fused, i)) continue;
        for (uint32_t b = 0; b < judge->rings[i]->size; b++) {
            if (!judge->done[judge->rings[i]->bonds[b]]) return false;
        }
    }
    return true;
}

static bool fused_judge(struct judge *judge, const struct ring_set *fused) {
    for (judge->wanted = 1; judge->wanted <= FUSED_RINGS_MAX; judge->wanted++) {
        for (uint32_t root = 0; root < judge->ring_count; root++) {
            if (!set_has(fused, root)) continue;
            struct ring_set open = {0}, closed = {0};
            judge->root = root;
            set_add(&open, root);
            // Earlier rings have had their turn as roots.
            for (uint32_t i = 0; i <= root; i++) set_add(&closed, i);
            if (!systems_extend(judge, 0, open, closed)) return false;
        }
        if (all_done(judge, fused)) break;
    }
    return true;
}

static void neighbours_find(struct judge *judge) {
    for (uint32_t a = 0; a < judge->ring_count; a++) {
        if (judge->rings[a]->size > FUSED_RING_SIZE_MAX) continue;
        memset(judge->crossed, 0, judge->molecule->bond_count);
        for (uint32_t i = 0; i < judge->rings[a]->size; i++) {
            judge->crossed[judge->rings[a]->bonds[i]] = 1;
        }
        for (uint32_t b = 0; b < judge->ring_count; b++) {
            uint32_t shared = 0;
            if (a == b || judge->rings[b]->size > FUSED_RING_SIZE_MAX) continue;
            for (uint32_t i = 0; i < judge->rings[b]->size; i++) {
                shared += judge->crossed[judge->rings[b]->bonds[i]];
            }
            if (shared == 1) set_add(&judge->neighbours[a], b);
        }
    }
}

static bool judge_open(struct judge *judge) {
    struct arena *arena = judge->molecule->arena;
    const struct molecule *molecule = judge->molecule;
    judge->donors = ARENA_ARRAY(arena, enum donor, molecule->atom_count);
    judge->rings = ARENA_ARRAY(arena, const struct ring *, molecule->ring_count);
    judge->neighbours = ARENA_ARRAY(arena, struct ring_set, molecule->ring_count);
    judge->seen = ARENA_ARRAY(arena, uint8_t, molecule->atom_count);
    judge->crossed = ARENA_ARRAY(arena, uint8_t, molecule->bond_count);
    judge->done = ARENA_ARRAY(arena, bool, molecule->bond_count);
    return judge->donors && judge->rings && judge->neighbours && judge->seen && judge->crossed &&
           judge->done;
}

static void rings_pick(struct judge *judge) {
    const struct molecule *molecule = judge->molecule;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        if (!molecule->atoms[i].ring) continue;
        enum donor donor = donor_of(molecule, i);
        judge->donors[i] = may_be_aromatic(molecule, i, donor) ? donor : DONOR_NOT;
    }
    for (uint32_t r = 0; r < molecule->ring_count; r++) {
        const struct ring *ring = &molecule->rings[r];
        bool all = true;
        for (uint32_t i = 0; i < ring->size; i++) all &= judge->donors[ring->atoms[i]] != DONOR_NOT;
        if (all) judge->rings[judge->ring_count++] = ring;
    }
}

enum err aromaticity_find(struct molecule *molecule, struct fault *fault) {
    struct judge judge = {.molecule = molecule};
    if (molecule->ring_count == 0) return OK;
    if (!judge_open(&judge)) return molecule_no_memory(fault);
    rings_pick(&judge);
    neighbours_find(&judge);
    struct ring_set met = {0};
    for (uint32_t i = 0; i < judge.ring_count; i++) {
        if (set_has(&met, i)) continue;
        struct ring_set fused = fused_with(&judge, i);
        if (!fused_judge(&judge, &fused)) {
            return fault_set(fault, ERR_LIMIT, "smiles.too_many_rings", STR_NONE);
        }
        for (uint32_t w = 0; w < SET_WORDS; w++) met.words[w] |= fused.words[w];
    }
    for (uint32_t i = 0; i < molecule->bond_count; i++) molecule->bonds[i].aromatic = judge.done[i];
    return OK;
}
