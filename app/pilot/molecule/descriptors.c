// Descriptors of a whole molecule. The polar surface is the sum of Ertl's fragment contributions
// (Ertl, Rohde, Selzer 2000, table 1, N and O); donors, acceptors and rotatable bonds are counted
// as RDKit documents them (Gobbi's definitions; amides and their kin do not rotate).
#include <string.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

static const char *const names[DESCRIPTOR_COUNT] = {
    [DESCRIPTOR_WEIGHT] = "weight",
    [DESCRIPTOR_LOGP] = "logp",
    [DESCRIPTOR_POLAR_SURFACE] = "tpsa",
    [DESCRIPTOR_DONORS] = "donors",
    [DESCRIPTOR_ACCEPTORS] = "acceptors",
    [DESCRIPTOR_ROTATABLE] = "rotatable",
    [DESCRIPTOR_RINGS] = "rings",
    [DESCRIPTOR_AROMATIC_RINGS] = "aromatic_rings",
    [DESCRIPTOR_HEAVY_ATOMS] = "heavy_atoms",
    [DESCRIPTOR_CSP3] = "csp3",
    [DESCRIPTOR_CHARGE] = "charge",
};

const char *descriptor_name(enum descriptor descriptor) {
    return names[descriptor];
}

// --- weight --------------------------------------------------------------------------------------

// Isotopes that are met in substances; of others the mass number is near enough.
static double isotope_mass(uint8_t element, uint16_t isotope) {
    static const struct {
        uint8_t element;
        uint16_t isotope;
        double mass;
    } known[] = {
        {1, 2, 2.014102},    {1, 3, 3.016049},      {6, 11, 11.011434},    {6, 13, 13.003355},
        {6, 14, 14.003242},  {7, 13, 13.005739},    {7, 15, 15.000109},    {8, 15, 15.003066},
        {8, 17, 16.999132},  {8, 18, 17.999161},    {9, 18, 18.000938},    {15, 32, 31.973907},
        {16, 35, 34.969032}, {53, 123, 122.905589}, {53, 125, 124.904630}, {53, 131, 130.906125}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].element == element && known[i].isotope == isotope) return known[i].mass;
    }
    return isotope;
}

static double weight_of(const struct molecule *molecule) {
    double sum = 0;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        const struct atom *atom = &molecule->atoms[i];
        bool natural = atom->isotope == 0;
        sum +=
            natural ? elements[atom->element].weight : isotope_mass(atom->element, atom->isotope);
        sum += atom->hydrogens * elements[HYDROGEN].weight;
    }
    return sum;
}

// --- polar surface -------------------------------------------------------------------------------

struct polar {
    uint8_t element, neighbours, hydrogens;
    int8_t charge;
    uint8_t single, twofold, triple, aromatic;
    bool in_three_ring;
    double area;
};
// A three-membered ring counts only where the table tells it apart.
static const struct polar polar_table[] = {
    {7, 1, 0, 0, 0, 0, 1, 0, false, 23.79},  {7, 1, 1, 0, 0, 1, 0, 0, false, 23.85},
    {7, 1, 2, 0, 1, 0, 0, 0, false, 26.02},  {7, 1, 2, 1, 0, 1, 0, 0, false, 25.59},
    {7, 1, 3, 1, 1, 0, 0, 0, false, 27.64},  {7, 2, 0, 0, 1, 1, 0, 0, false, 12.36},
    {7, 2, 0, 0, 0, 1, 1, 0, false, 13.60},  {7, 2, 1, 0, 2, 0, 0, 0, false, 12.03},
    {7, 2, 1, 0, 2, 0, 0, 0, true, 21.94},   {7, 2, 0, 1, 1, 0, 1, 0, false, 4.36},
    {7, 2, 1, 1, 1, 1, 0, 0, false, 13.97},  {7, 2, 2, 1, 2, 0, 0, 0, false, 16.61},
    {7, 2, 0, 0, 0, 0, 0, 2, false, 12.89},  {7, 2, 1, 0, 0, 0, 0, 2, false, 15.79},
    {7, 2, 1, 1, 0, 0, 0, 2, false, 14.14},  {7, 3, 0, 0, 3, 0, 0, 0, false, 3.24},
    {7, 3, 0, 0, 3, 0, 0, 0, true, 3.01},    {7, 3, 0, 0, 1, 2, 0, 0, false, 11.68},
    {7, 3, 0, 1, 2, 1, 0, 0, false, 3.01},   {7, 3, 1, 1, 3, 0, 0, 0, false, 4.44},
    {7, 3, 0, 0, 0, 0, 0, 3, false, 4.41},   {7, 3, 0, 0, 1, 0, 0, 2, false, 4.93},
    {7, 3, 0, 0, 0, 1, 0, 2, false, 8.39},   {7, 3, 0, 1, 0, 0, 0, 3, false, 4.10},
    {7, 3, 0, 1, 1, 0, 0, 2, false, 3.88},   {7, 4, 0, 1, 4, 0, 0, 0, false, 0.0},
    {8, 1, 0, 0, 0, 1, 0, 0, false, 17.07},  {8, 1, 1, 0, 1, 0, 0, 0, false, 20.23},
    {8, 1, 0, -1, 1, 0, 0, 0, false, 23.06}, {8, 2, 0, 0, 2, 0, 0, 0, false, 9.23},
    {8, 2, 0, 0, 2, 0, 0, 0, true, 12.53},   {8, 2, 0, 0, 0, 0, 0, 2, false, 13.14},
};

static bool in_three_ring(const struct molecule *molecule, uint32_t index) {
    for (uint32_t r = 0; r < molecule->ring_count; r++) {
        const struct ring *ring = &molecule->rings[r];
        if (ring->size != 3) continue;
        if (ring->atoms[0] == index || ring->atoms[1] == index || ring->atoms[2] == index)
            return true;
    }
    return false;
}

static double polar_area(const struct molecule *molecule, uint32_t index) {
    const struct atom *atom = &molecule->atoms[index];
    struct polar seen = {
        .element = atom->element, .hydrogens = atom->hydrogens, .charge = atom->charge};
    LINKS_OF(molecule, index, link) {
        const struct bond *bond = &molecule->bonds[link->bond];
        seen.neighbours++;
        if (bond->aromatic) seen.aromatic++;
        if (!bond->aromatic && bond->order == 1) seen.single++;
        if (!bond->aromatic && bond->order == 2) seen.twofold++;
        if (!bond->aromatic && bond->order == 3) seen.triple++;
    }
    bool three = in_three_ring(molecule, index);
    double area = -1;
    for (size_t i = 0; i < sizeof polar_table / sizeof *polar_table; i++) {
        const struct polar *row = &polar_table[i];
        bool same = row->element == seen.element && row->neighbours == seen.neighbours &&
                    row->hydrogens == seen.hydrogens && row->charge == seen.charge &&
                    row->single == seen.single && row->twofold == seen.twofold &&
                    row->triple == seen.triple && row->aromatic == seen.aromatic;
        if (same && (!row->in_three_ring || three)) area = row->area;
    }
    if (area >= 0) return area;
    // The table's own estimate for what it does not list.
    bool nitrogen = atom->element == NITROGEN;
    area = nitrogen ? 30.5 - 8.2 * seen.neighbours : 28.5 - 8.6 * seen.neighbours;
    area += 1.5 * atom->hydrogens;
    return area > 0 ? area : 0;
}

static double polar_surface(const struct molecule *molecule) {
    double sum = 0;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        uint8_t element = molecule->atoms[i].element;
        if (element == NITROGEN || element == OXYGEN) sum += polar_area(molecule, i);
    }
    return sum;
}

// --- hydrogen bonds ------------------------------------------------------------------------------

static bool is_aliphatic(const struct atom *atom, uint8_t element) {
    return atom->element == element && !atom->aromatic;
}

static bool is_donor(const struct molecule *molecule, uint32_t index) {
    const struct atom *atom = &molecule->atoms[index];
    if (atom->hydrogens == 0) return false;
    if (is_aliphatic(atom, NITROGEN)) {
        uint32_t valence = atom_valence(molecule, index);
        return valence == 3 || (valence == 4 && atom->charge == 1);
    }
    bool sort = is_aliphatic(atom, OXYGEN) || is_aliphatic(atom, SULFUR) ||
                (atom->element == NITROGEN && atom->aromatic);
    return sort && atom->hydrogens == 1 && atom->charge == 0;
}

// Has the atom a double bond to an aliphatic O, N, P or S (outside rings only, if so asked)?
static bool is_oxidised(const struct molecule *molecule, uint32_t index, bool outside) {
    LINKS_OF(molecule, index, link) {
        const struct bond *bond = &molecule->bonds[link->bond];
        const struct atom *other = &molecule->atoms[link->atom];
        if (bond->order != 2 || bond->aromatic || (outside && bond->ring)) continue;
        if (is_aliphatic(other, OXYGEN) || is_aliphatic(other, NITROGEN) ||
            is_aliphatic(other, PHOSPHORUS) || is_aliphatic(other, SULFUR)) {
            return true;
        }
    }
    return false;
}

// How many neighbours over a single bond are oxidised?
static uint32_t oxidised_neighbours(const struct molecule *molecule, uint32_t index, bool outside,
                                    uint32_t *single) {
    uint32_t count = 0;
    *single = 0;
    LINKS_OF(molecule, index, link) {
        const struct bond *bond = &molecule->bonds[link->bond];
        if (bond->order != 1 || bond->aromatic) continue;
        (*single)++;
        count += is_oxidised(molecule, link->atom, outside);
    }
    return count;
}

static bool is_acceptor(const struct molecule *molecule, uint32_t index) {
    const struct atom *atom = &molecule->atoms[index];
    uint32_t valence = atom_valence(molecule, index), single;
    if (atom->aromatic) {
        bool sort = atom->element == NITROGEN ? atom->degree == 2 && atom->hydrogens == 0
                                              : atom->element == OXYGEN || atom->element == SULFUR;
        return sort && atom->charge == 0;
    }
    if (atom->element == OXYGEN || atom->element == SULFUR) {
        if (atom->charge == -1 || (atom->hydrogens == 0 && valence == 2)) return true;
        uint32_t oxidised = oxidised_neighbours(molecule, index, false, &single);
        return atom->hydrogens == 1 && valence == 2 && oxidised < single;
    }
    if (atom->element != NITROGEN || valence != 3) return false;
    return oxidised_neighbours(molecule, index, true, &single) == 0;
}

// --- rotatable bonds -----------------------------------------------------------------------------

static bool has_triple_bond(const struct molecule *molecule, uint32_t index) {
    LINKS_OF(molecule, index, link) {
        if (molecule->bonds[link->bond].order == 3) return true;
    }
    return false;
}

// CF3, CCl3, CBr3 and tert-butyl look the same from every side.
static bool is_symmetric_top(const struct molecule *molecule, uint32_t index) {
    static const uint8_t tops[] = {FLUORINE, CHLORINE, BROMINE};
    if (!is_aliphatic(&molecule->atoms[index], CARBON)) return false;
    uint32_t counts[3] = {0}, methyls = 0;
    LINKS_OF(molecule, index, link) {
        const struct atom *other = &molecule->atoms[link->atom];
        for (size_t i = 0; i < 3; i++) counts[i] += other->element == tops[i];
        methyls += is_aliphatic(other, CARBON) && other->hydrogens == 3;
    }
    return counts[0] >= 3 || counts[1] >= 3 || counts[2] >= 3 || methyls >= 3;
}

static bool may_turn(const struct molecule *molecule, uint32_t index) {
    uint32_t heavy = 0; // a terminal atom turns nothing; hydrogens as atoms (isotopes) are no more
    LINKS_OF(molecule, index, link) heavy += molecule->atoms[link->atom].element != HYDROGEN;
    return heavy > 1 && !has_triple_bond(molecule, index) && !is_symmetric_top(molecule, index);
}

// An aliphatic carbon of three neighbours with a double bond to O, S or N; positive: to N+ only.
static bool is_amide_carbon(const struct molecule *molecule, uint32_t index, bool positive) {
    const struct atom *atom = &molecule->atoms[index];
    if (!is_aliphatic(atom, CARBON) || atom->degree != 3) return false;
    LINKS_OF(molecule, index, link) {
        const struct bond *bond = &molecule->bonds[link->bond];
        const struct atom *other = &molecule->atoms[link->atom];
        if (bond->order != 2 || bond->aromatic || other->aromatic) continue;
        if (other->element == NITROGEN && (!positive || other->charge == 1)) return true;
        if (!positive && (other->element == OXYGEN || other->element == SULFUR)) return true;
    }
    return false;
}

// N, an aliphatic O, or an aliphatic S within a chain; positive: N within a chain only.
static bool is_amide_partner(const struct molecule *molecule, uint32_t index, bool positive) {
    const struct atom *atom = &molecule->atoms[index];
    if (atom->element == NITROGEN) return !positive || atom->degree > 1;
    if (positive) return false;
    return is_aliphatic(atom, OXYGEN) || (is_aliphatic(atom, SULFUR) && atom->degree > 1);
}

// Is the atom one side of a bond with amide character, over a single bond outside rings?
static bool is_amide_side(const struct molecule *molecule, uint32_t index) {
    LINKS_OF(molecule, index, link) {
        const struct bond *bond = &molecule->bonds[link->bond];
        if (bond->order != 1 || bond->aromatic || bond->ring) continue;
        for (int positive = 0; positive < 2; positive++) {
            bool here = is_amide_carbon(molecule, index, positive) &&
                        is_amide_partner(molecule, link->atom, positive);
            bool there = is_amide_partner(molecule, index, positive) &&
                         is_amide_carbon(molecule, link->atom, positive);
            if (here || there) return true;
        }
    }
    return false;
}

static uint32_t rotatable_bonds(const struct molecule *molecule) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < molecule->bond_count; i++) {
        const struct bond *bond = &molecule->bonds[i];
        if (bond->order != 1 || bond->ring) continue;
        if (!may_turn(molecule, bond->from) || !may_turn(molecule, bond->to)) continue;
        count += !is_amide_side(molecule, bond->from) || !is_amide_side(molecule, bond->to);
    }
    return count;
}

// --- all of them ---------------------------------------------------------------------------------

static uint32_t aromatic_rings(const struct molecule *molecule) {
    uint32_t count = 0;
    for (uint32_t r = 0; r < molecule->ring_count; r++) {
        const struct ring *ring = &molecule->rings[r];
        bool all = true;
        for (uint32_t i = 0; i < ring->size; i++) all &= molecule->bonds[ring->bonds[i]].aromatic;
        count += all;
    }
    return count;
}

void molecule_descriptors(const struct molecule *molecule, double out[DESCRIPTOR_COUNT]) {
    uint32_t carbons = 0, saturated = 0;
    for (uint32_t i = 0; i < DESCRIPTOR_COUNT; i++) out[i] = 0;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        const struct atom *atom = &molecule->atoms[i];
        out[DESCRIPTOR_DONORS] += is_donor(molecule, i);
        out[DESCRIPTOR_ACCEPTORS] += is_acceptor(molecule, i);
        out[DESCRIPTOR_HEAVY_ATOMS] += atom->element > HYDROGEN;
        out[DESCRIPTOR_CHARGE] += atom->charge;
        carbons += atom->element == CARBON;
        saturated += atom->element == CARBON && atom->degree + atom->hydrogens == 4;
    }
    out[DESCRIPTOR_WEIGHT] = weight_of(molecule);
    out[DESCRIPTOR_LOGP] = molecule_logp(molecule);
    out[DESCRIPTOR_POLAR_SURFACE] = polar_surface(molecule);
    out[DESCRIPTOR_ROTATABLE] = rotatable_bonds(molecule);
    out[DESCRIPTOR_RINGS] = molecule->ring_count;
    out[DESCRIPTOR_AROMATIC_RINGS] = aromatic_rings(molecule);
    out[DESCRIPTOR_CSP3] = carbons ? (double)saturated / carbons : 0;
}
