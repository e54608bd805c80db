// The pipeline, and what every step uses.
#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

enum err molecule_no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "smiles.no_memory", STR_NONE);
}

enum err molecule_link(struct molecule *molecule, struct fault *fault) {
    molecule->links = ARENA_ARRAY(molecule->arena, struct link, 2 * molecule->bond_count + 1);
    if (!molecule->links) return molecule_no_memory(fault);
    for (uint32_t i = 0; i < molecule->atom_count; i++) molecule->atoms[i].degree = 0;
    for (uint32_t i = 0; i < molecule->bond_count; i++) {
        molecule->atoms[molecule->bonds[i].from].degree++;
        molecule->atoms[molecule->bonds[i].to].degree++;
    }
    uint32_t first = 0;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        molecule->atoms[i].first = first;
        first += molecule->atoms[i].degree;
        molecule->atoms[i].degree = 0;
    }
    for (uint32_t i = 0; i < molecule->bond_count; i++) {
        const struct bond *bond = &molecule->bonds[i];
        struct atom *from = &molecule->atoms[bond->from], *to = &molecule->atoms[bond->to];
        molecule->links[from->first + from->degree++] = (struct link){bond->to, (uint16_t)i};
        molecule->links[to->first + to->degree++] = (struct link){bond->from, (uint16_t)i};
    }
    return OK;
}

enum err molecule_parse(struct str smiles, struct arena *arena, struct molecule **out,
                        struct fault *fault) {
    struct molecule *molecule = ARENA_NEW(arena, struct molecule);
    if (!molecule) return molecule_no_memory(fault);
    molecule->arena = arena;
    enum err err = smiles_read(smiles, molecule, fault);
    if (err == OK) err = hydrogens_fold(molecule, fault);
    if (err == OK) err = molecule_link(molecule, fault);
    if (err == OK) err = rings_find(molecule, fault);
    if (err == OK) err = valence_settle(molecule, fault);
    if (err == OK) err = aromaticity_find(molecule, fault);
    if (err == OK) *out = molecule;
    return err;
}

uint32_t molecule_atom_count(const struct molecule *molecule) {
    return molecule->atom_count;
}
