// Molecules: from SMILES to what a learner and a person need. Reads SMILES, settles valences,
// rings and aromaticity by the rules of RDKit's default model.
// A molecule lives in the arena it was parsed into and is not changed afterwards: many threads may
// read it. Stereo marks are read and checked for form, but nothing here depends on them.
// Depends on base/ only. Sources: Weininger 1988 (SMILES), Vismara 1997 (relevant cycles).
#pragma once

#include "base/fault.h"
#include "base/memory.h"

enum {
    MOLECULE_ATOMS_MAX = 1000, // peptides of some 100 residues; larger ones are no small molecules
    MOLECULE_BONDS_MAX = 1200,
    // Kept; 128 independent. A ring that may run two ways round many others stands for all its
    // ways once half of these are kept.
    MOLECULE_RINGS_MAX = 1024,
    SMILES_BYTES_MAX = 16 * 1024,    // of one line
    MOLECULE_ARENA_BYTES = 64 << 20, // room that any molecule within these bounds is done in
};

struct molecule;

// The first word of `smiles` (a name may follow after a blank). ERR_INPUT with the fault's column
// telling the place in the text: "smiles.empty", "smiles.unexpected", "smiles.bad_bracket",
// "smiles.open_branch", "smiles.open_ring", "smiles.ring_conflict", "smiles.valence",
// "smiles.not_in_ring" (aromatic atom), "smiles.no_kekule"; ERR_LIMIT "smiles.too_large",
// "smiles.too_many_rings"; ERR_MEMORY "smiles.no_memory".
enum err molecule_parse(struct str smiles, struct arena *arena, struct molecule **out,
                        struct fault *fault) MUST_USE;

uint32_t molecule_atom_count(const struct molecule *molecule); // without folded hydrogens
