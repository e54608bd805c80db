// The Bemis-Murcko scaffold (1996): rings and what links them, with the atoms double-bound to
// either. Side chains become hydrogens.
#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

enum { REMOVED, KEPT, KEPT_BESIDE };

static uint8_t *kept_atoms(const struct molecule *molecule) {
    uint32_t count = molecule->atom_count, head = 0, tail = 0;
    uint8_t *kept = ARENA_ARRAY(molecule->arena, uint8_t, count);
    uint8_t *degree = ARENA_ARRAY(molecule->arena, uint8_t, count);
    uint16_t *queue = ARENA_ARRAY(molecule->arena, uint16_t, count);
    if (!kept || !degree || !queue) return NULL;
    for (uint32_t i = 0; i < count; i++) {
        kept[i] = KEPT;
        degree[i] = molecule->atoms[i].degree;
        if (degree[i] <= 1 && !molecule->atoms[i].ring) queue[tail++] = (uint16_t)i;
    }
    while (head < tail) { // ends of chains, again and again
        uint16_t at = queue[head++];
        kept[at] = REMOVED;
        LINKS_OF(molecule, at, link) {
            if (!kept[link->atom] || molecule->atoms[link->atom].ring) continue;
            if (degree[link->atom]-- == 2) queue[tail++] = link->atom;
        }
    }
    return kept;
}

static void keep_double_bound(const struct molecule *molecule, uint8_t *kept) {
    for (uint32_t i = 0; i < molecule->bond_count; i++) {
        const struct bond *bond = &molecule->bonds[i];
        if (bond->order != 2 || bond->ring) continue;
        if (kept[bond->from] == KEPT && !kept[bond->to]) kept[bond->to] = KEPT_BESIDE;
        if (kept[bond->to] == KEPT && !kept[bond->from]) kept[bond->from] = KEPT_BESIDE;
    }
}

static void scaffold_fill(const struct molecule *molecule, const uint8_t *kept, uint16_t *place,
                          struct molecule *out) {
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        if (!kept[i]) continue;
        struct atom atom = molecule->atoms[i];
        LINKS_OF(molecule, i, link) {
            if (kept[link->atom]) continue;
            atom.hydrogens = (uint8_t)(atom.hydrogens + molecule->bonds[link->bond].order);
        }
        place[i] = (uint16_t)out->atom_count;
        out->atoms[out->atom_count++] = atom;
    }
    for (uint32_t i = 0; i < molecule->bond_count; i++) {
        struct bond bond = molecule->bonds[i];
        if (!kept[bond.from] || !kept[bond.to]) continue;
        bond.from = place[bond.from];
        bond.to = place[bond.to];
        out->bonds[out->bond_count++] = bond;
    }
}

enum err molecule_scaffold(const struct molecule *molecule, struct buf *out) {
    if (molecule->ring_count == 0) return OK;
    struct arena *arena = molecule->arena;
    struct molecule scaffold = {.arena = arena};
    uint8_t *kept = kept_atoms(molecule);
    uint16_t *place = ARENA_ARRAY(arena, uint16_t, molecule->atom_count);
    scaffold.atoms = ARENA_ARRAY(arena, struct atom, molecule->atom_count);
    scaffold.bonds = ARENA_ARRAY(arena, struct bond, molecule->bond_count);
    if (!kept || !place || !scaffold.atoms || !scaffold.bonds) return ERR_MEMORY;
    keep_double_bound(molecule, kept);
    scaffold_fill(molecule, kept, place, &scaffold);
    enum err err = molecule_link(&scaffold, NULL);
    return err == OK ? molecule_smiles(&scaffold, out) : err;
}
