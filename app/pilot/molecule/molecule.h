// Molecules: from SMILES to what a learner and a person need. Reads SMILES, settles valences,
// rings and aromaticity by the rules of RDKit's default model.
// A molecule lives in the arena it was parsed into and is not changed afterwards: many threads may
// read it. Stereo marks are read and checked for form, but nothing here depends on them.
// Depends on base/ only. Sources: Weininger 1988 (SMILES), Vismara 1997 (relevant cycles).
#pragma once

#include "base/buf.h"
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
// Canonical SMILES: the same for every way of writing a molecule, without stereo marks; ours,
// not RDKit's. ERR_MEMORY, ERR_LIMIT.
enum err molecule_smiles(const struct molecule *molecule, struct buf *out) MUST_USE;
// The canonical SMILES of its Bemis-Murcko scaffold; nothing if it has no ring.
enum err molecule_scaffold(const struct molecule *molecule, struct buf *out) MUST_USE;

enum descriptor {
    DESCRIPTOR_WEIGHT,        // g/mol
    DESCRIPTOR_LOGP,          // octanol-water, Wildman and Crippen 1999
    DESCRIPTOR_POLAR_SURFACE, // square ångström, N and O, Ertl et al. 2000
    DESCRIPTOR_DONORS,        // of hydrogen bonds
    DESCRIPTOR_ACCEPTORS,
    DESCRIPTOR_ROTATABLE, // bonds; RDKit's strict count
    DESCRIPTOR_RINGS,     // all shortest ones
    DESCRIPTOR_AROMATIC_RINGS,
    DESCRIPTOR_HEAVY_ATOMS,
    DESCRIPTOR_CSP3, // share of the carbons that have four neighbours
    DESCRIPTOR_CHARGE,
    DESCRIPTOR_COUNT
};
const char *descriptor_name(enum descriptor descriptor); // "weight", "logp", "tpsa", …
void molecule_descriptors(const struct molecule *molecule, double out[DESCRIPTOR_COUNT]);

enum { FINGERPRINT_BITS = 2048, FINGERPRINT_BITS_MAX = 16384, FINGERPRINT_RADIUS_MAX = 3 };
// What lies within `radius` bonds of an atom; equal surroundings have equal numbers.
struct environment {
    uint64_t number;
    uint16_t atom, radius;
};
// Every environment up to a radius (ECFP4: 2), without those that cover the same bonds as an
// earlier one. Lives as long as the molecule. ERR_MEMORY.
enum err molecule_environments(const struct molecule *molecule, uint32_t radius,
                               const struct environment **out, uint32_t *count) MUST_USE;
// Adds `share` to out (atom_count), in equal parts to the atoms of an environment.
void molecule_environment_share(const struct molecule *molecule,
                                const struct environment *environment, double share, double *out);
// Folds them: bit number % bits. out has (bits / 64) words. ERR_MEMORY.
enum err molecule_fingerprint(const struct molecule *molecule, uint32_t radius, uint32_t bits,
                              uint64_t *out) MUST_USE;
// Tanimoto: bits in both over bits in any; 1 for two empty ones.
double fingerprint_similarity(const uint64_t *a, const uint64_t *b, uint32_t bits);

// Does the molecule hold the pattern? Marks its atoms (atom_count) that lie in any of the first
// 1,000 matches (10,000 ways); *matches counts them by their atoms: a ring that fits onto the same
// six in twelve ways is one. Atoms match by element and aromaticity, and by charge and
// isotope where the pattern has one; "*" is any atom; hydrogens are not looked at.
// ERR_LIMIT: the pattern has more atoms than this, or 2^20 steps did not decide. ERR_MEMORY.
enum { MOLECULE_PATTERN_ATOMS_MAX = 200 };
enum err molecule_substructure(const struct molecule *molecule, const struct molecule *pattern,
                               bool *marked, uint32_t *matches) MUST_USE;

// Keeps the `most` of greatest similarity in falling order; of equals the earlier stays first.
struct similar {
    uint64_t row;
    double similarity;
};
void similar_offer(struct similar *best, uint32_t most, uint32_t *count, struct similar offered);

// An SVG picture. weights (atom_count): discs behind the atoms, dashed where negative, by their
// share of the largest; or NULL. Bonds of stereo centres are drawn flat, double bonds as they fall.
// ERR_MEMORY, ERR_LIMIT (out's cap). Cost: n² for up to 300 atoms, less beyond.
enum { DRAWING_PIXELS_MAX = 2000 };
enum err molecule_draw(const struct molecule *molecule, uint32_t width, uint32_t height,
                       const double *weights, struct buf *out) MUST_USE;
