// A molecule from the inside: atoms, bonds, the links from an atom to its neighbours, and rings.
// The pipeline of molecule_parse is smiles_read (text to graph), hydrogens_fold, rings_find,
// valence_settle (hydrogens, Kekulé structure, radicals), aromaticity_find; each step is one file.
// Everything lives in the arena given to molecule_parse. One thread per molecule.
#pragma once

#include "base/buf.h"
#include "pilot/molecule/molecule.h"

enum { ELEMENT_COUNT = 119, ANY_VALENCE = -1, VALENCES_MAX = 4 };

struct element {
    char symbol[3];
    double weight;
    uint8_t outer; // electrons of the outer shell
    uint8_t valence_count;
    int8_t valences[VALENCES_MAX]; // rising, the usual one first
};
extern const struct element elements[ELEMENT_COUNT]; // by atomic number; 0 is "*"

enum { CARBON = 6, NITROGEN = 7, OXYGEN = 8, FLUORINE = 9, SILICON = 14, PHOSPHORUS = 15 };
enum { HYDROGEN = 1, SULFUR = 16, CHLORINE = 17, SELENIUM = 34, BROMINE = 35, TELLURIUM = 52 };
enum { ARSENIC = 33, IODINE = 53 };

struct atom {
    uint8_t element; // 0: "*"
    int8_t charge;
    uint16_t isotope;  // 0: the natural mixture
    uint8_t hydrogens; // those that are no atoms of their own
    uint8_t radicals;  // unpaired electrons
    uint8_t chirality; // number of @ in the text; kept, not used
    bool bracket;      // its hydrogens were said, none are implied
    bool aromatic;
    bool ring;
    uint8_t degree;
    uint32_t first; // of its links
    uint32_t at;    // 0-based place in the text
};
enum bond_direction { DIRECTION_NONE, DIRECTION_UP, DIRECTION_DOWN };
struct bond {
    uint16_t from, to;
    uint8_t order;     // 1 to 4, of one Kekulé structure
    uint8_t direction; // enum bond_direction; kept, not used
    bool aromatic;
    bool ring;
};
struct link {
    uint16_t atom, bond;
};
struct ring {
    uint16_t size;
    const uint16_t *atoms; // (size) around the ring
    const uint16_t *bonds; // (size); bond i joins atoms i and i + 1
};
struct molecule {
    struct arena *arena;
    struct atom *atoms; // (atom_count)
    struct bond *bonds; // (bond_count)
    struct link *links; // (2 * bond_count), by atom
    struct ring *rings; // (ring_count) all shortest ones: a symmetrised smallest set
    uint32_t atom_count, bond_count, ring_count;
};

#define LINKS_OF(molecule, index, each)                                                \
    for (const struct link *each = (molecule)->links + (molecule)->atoms[index].first, \
                           *end_##each = each + (molecule)->atoms[index].degree;       \
         each < end_##each; each++)

// Every step: ERR_INPUT or ERR_LIMIT with a fault "smiles.*", ERR_MEMORY.
enum err smiles_read(struct str text, struct molecule *molecule, struct fault *fault) MUST_USE;
enum err molecule_link(struct molecule *molecule, struct fault *fault) MUST_USE; // fills links
enum err rings_find(struct molecule *molecule, struct fault *fault) MUST_USE;
enum err hydrogens_fold(struct molecule *molecule, struct fault *fault) MUST_USE;
enum err valence_settle(struct molecule *molecule, struct fault *fault) MUST_USE;
enum err kekule_find(struct molecule *molecule, struct fault *fault) MUST_USE;
enum err aromaticity_find(struct molecule *molecule, struct fault *fault) MUST_USE;
enum err molecule_no_memory(struct fault *fault) MUST_USE;

uint8_t element_find(const char *symbol, size_t size); // atomic number; 0 if there is none
// Valences of the element that has as many electrons as this charged atom.
const struct element *element_as_charged(const struct atom *atom);
// Sum of bond orders, without the hydrogens.
uint32_t atom_orders(const struct molecule *molecule, uint32_t index);
// With the hydrogens, without pairs that are given to a metal.
uint32_t atom_valence(const struct molecule *molecule, uint32_t index);
// Hydrogens an atom outside brackets has beside those `said`; -1 if its bonds are too many.
int atom_implied_hydrogens(const struct molecule *molecule, uint32_t index, uint32_t said);
bool is_organic_subset(uint8_t element);

double molecule_logp(const struct molecule *molecule);
// Ranks that depend on the structure alone, (atom_count) each once. ERR_MEMORY.
enum err molecule_rank(const struct molecule *molecule, const uint32_t **out) MUST_USE;
// Writes along any ranking. ERR_MEMORY, ERR_LIMIT (more than 99 rings open at once).
enum err smiles_write(const struct molecule *molecule, const uint32_t *rank,
                      struct buf *out) MUST_USE;

static inline uint64_t hash_mix(uint64_t state, uint64_t value) { // splitmix64's steps
    uint64_t z = (state ^ value) + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
struct point {
    double x, y;
};
// Flat coordinates (atom_count), one bond length apart. ERR_MEMORY.
enum err molecule_layout(const struct molecule *molecule, const struct point **out) MUST_USE;
