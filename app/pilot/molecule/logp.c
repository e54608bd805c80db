// The octanol-water partition coefficient as a sum over 68 kinds of atoms: Wildman and Crippen
// 1999, "Prediction of physicochemical parameters by atomic contributions", table 1. The kinds of
// an element are tried in the paper's order; the first that fits is taken.
#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

// What the kinds ask about an atom's surroundings. `single` is over single bonds, aliphatic or
// aromatic; hydrogens, isotopes as well, are no neighbours here.
struct around {
    const struct molecule *molecule;
    const struct atom *atom;
    uint32_t index;
    uint32_t hydrogens, neighbours; // heavy
    uint32_t single_aliphatic;      // not aromatic, any element
    uint32_t single_carbon;         // aliphatic
    uint32_t single_hetero;         // aliphatic N O P S F Cl Br I
    uint32_t single_rare;           // aliphatic and none of C N O P S F Cl Br I
    uint32_t single_aromatic, single_aromatic_carbon;
    uint32_t twofold, twofold_carbon, twofold_hetero; // aliphatic; hetero: not carbon
    uint32_t twofold_aromatic;                        // to an aromatic atom, outside its system
    uint32_t triple, aromatic;                        // bonds
};

static bool is_common_hetero(uint8_t element) {
    return element == NITROGEN || element == OXYGEN || element == PHOSPHORUS || element == SULFUR ||
           element == FLUORINE || element == CHLORINE || element == BROMINE || element == IODINE;
}

static void count_single(struct around *around, const struct atom *other) {
    if (other->aromatic) {
        around->single_aromatic++;
        around->single_aromatic_carbon += other->element == CARBON;
        return;
    }
    around->single_aliphatic++;
    around->single_carbon += other->element == CARBON;
    around->single_hetero += is_common_hetero(other->element);
    around->single_rare += other->element != CARBON && !is_common_hetero(other->element);
}

static struct around look_around(const struct molecule *molecule, uint32_t index) {
    struct around around = {.molecule = molecule,
                            .atom = &molecule->atoms[index],
                            .index = index,
                            .hydrogens = molecule->atoms[index].hydrogens};
    LINKS_OF(molecule, index, link) {
        const struct bond *bond = &molecule->bonds[link->bond];
        const struct atom *other = &molecule->atoms[link->atom];
        around.hydrogens += other->element == HYDROGEN;
        if (other->element == HYDROGEN) continue;
        around.neighbours++;
        if (bond->aromatic) {
            around.aromatic++;
        } else if (bond->order == 1) {
            count_single(&around, other);
        } else if (bond->order == 2 && other->aromatic) {
            around.twofold_aromatic++;
        } else if (bond->order == 2) {
            around.twofold++;
            around.twofold_carbon += other->element == CARBON;
            around.twofold_hetero += other->element != CARBON;
        } else if (bond->order == 3) {
            around.triple++;
        }
    }
    return around;
}

// --- carbon --------------------------------------------------------------------------------------

// Carbon with four single bonds.
static double saturated_carbon(const struct around *around) {
    uint32_t hydrogens = around->hydrogens;
    bool aliphatic = around->single_aromatic == 0;
    if (hydrogens == 4) return 0.1441; // C1
    if (aliphatic && around->single_carbon == around->neighbours) {
        return hydrogens >= 2 ? 0.1441 : 0; // C1, C2
    }
    if (aliphatic && around->single_hetero) return hydrogens >= 2 ? -0.2035 : -0.2051; // C3, C4
    if (around->single_aromatic) {
        if (hydrogens == 3) return around->single_aromatic_carbon ? 0.08452 : -0.1444; // C8, C9
        return hydrogens == 2 ? -0.0516 : hydrogens == 1 ? 0.1193 : -0.0967; // C10, C11, C12
    }
    return around->single_rare ? 0.2148 : 0.08129; // C27, CS
}

static double aliphatic_carbon(const struct around *around) {
    uint32_t hydrogens = around->hydrogens;
    if (around->neighbours + hydrogens == 4) return saturated_carbon(around);
    if (around->twofold_hetero) return -0.2783; // C5
    if (around->twofold_carbon) {
        uint32_t held = hydrogens + around->single_aliphatic;
        if (around->twofold == 2 || held == 2) return 0.1551; // C6
        bool one_of_each = around->single_aliphatic && around->single_aromatic;
        bool both = around->single_aromatic == 2 && around->single_aromatic_carbon;
        if (hydrogens == 1 || one_of_each || both) return 0.264; // C26
    }
    if (around->triple && around->neighbours + hydrogens == 2) return 0.0017; // C7
    if (around->twofold_aromatic) return 0.264;                               // C26
    return 0.08129;                                                           // CS
}

// The first neighbour of an aromatic atom outside its rings decides.
static double aromatic_carbon(const struct around *around) {
    if (around->hydrogens) return 0.1581;     // C18
    if (around->aromatic == 3) return 0.2955; // C19
    LINKS_OF(around->molecule, around->index, link) {
        const struct bond *bond = &around->molecule->bonds[link->bond];
        const struct atom *other = &around->molecule->atoms[link->atom];
        if (bond->aromatic) continue;
        if (bond->order == 2) {
            bool usual =
                other->element == CARBON || other->element == NITROGEN || other->element == OXYGEN;
            return usual && !other->aromatic ? -0.8186 : 0.08129; // C25, CS
        }
        if (other->aromatic) return 0.2713; // C20
        switch (other->element) {
        case FLUORINE: return 0;      // C14
        case CHLORINE: return 0.245;  // C15
        case BROMINE: return 0.198;   // C16
        case IODINE: return 0;        // C17
        case CARBON: return 0.136;    // C21
        case NITROGEN: return 0.4619; // C22
        case OXYGEN: return 0.5437;   // C23
        case SULFUR: return 0.1893;   // C24
        default: return -0.5443;      // C13
        }
    }
    return 0.08129; // CS
}

// --- nitrogen ------------------------------------------------------------------------------------

// Does N+ have two double bonds, one of them to N-: the middle of an azide or a diazo group?
static bool is_azide_middle(const struct around *around) {
    bool negative = false;
    uint32_t nitrogens = 0;
    LINKS_OF(around->molecule, around->index, link) {
        const struct atom *other = &around->molecule->atoms[link->atom];
        if (around->molecule->bonds[link->bond].order != 2 || other->element != NITROGEN) continue;
        negative |= other->charge < 0;
        nitrogens++;
    }
    return negative && nitrogens == 2;
}

static bool is_diazo(const struct around *around) {
    bool carbon = around->twofold_carbon > 0;
    return around->twofold == 2 && carbon && around->twofold_hetero;
}

static double charged_nitrogen(const struct around *around) {
    const struct atom *atom = around->atom;
    if (atom->charge > 0) {
        if (around->hydrogens && around->hydrogens < 4) return -1.95; // N10
        bool quaternary = around->single_aliphatic == 4;
        bool iminium = around->twofold && around->single_aliphatic &&
                       around->single_aliphatic + around->single_aromatic >= 2;
        if (quaternary || iminium || is_diazo(around)) return -0.3396; // N13
        if (around->triple || is_azide_middle(around)) return 0.2887;  // N14
        return -0.4806;                                                // NS
    }
    return 0.2887; // N14
}

static double nitrogen(const struct around *around) {
    const struct atom *atom = around->atom;
    uint32_t single = around->single_aliphatic + around->single_aromatic;
    bool twofold = around->twofold || around->twofold_aromatic;
    if (atom->aromatic) return atom->charge > 0 ? -1.119 : atom->charge ? -0.4806 : -0.3239; // N12
    if (atom->charge) return charged_nitrogen(around);
    if (around->hydrogens == 2) {
        if (around->single_aliphatic) return -1.019; // N1
        if (around->single_aromatic) return -1.027;  // N3
    }
    if (around->hydrogens == 1) {
        if (around->single_aliphatic == 2) return -0.7096;          // N2
        if (around->single_aromatic && single == 2) return -0.5188; // N4
        if (twofold) return 0.08387;                                // N5
    }
    if (twofold && single) return 0.1836;                                // N6
    if (single == 3) return around->single_aromatic ? -0.4458 : -0.3187; // N8, N7
    if (around->triple) return 0.01508;                                  // N9
    return -0.4806;                                                      // NS
}

// --- oxygen --------------------------------------------------------------------------------------

// The oxygen of C=O, by what else the carbon holds.
static double carbonyl_oxygen(const struct around *around, uint32_t carbon) {
    struct around other = look_around(around->molecule, carbon);
    if (other.atom->aromatic) return 0.1788; // O8
    uint32_t hydrogens = other.hydrogens, hetero = 0, oxides = 0;
    LINKS_OF(around->molecule, carbon, link) {
        if (link->atom == around->index) continue;
        hetero += around->molecule->atoms[link->atom].element != CARBON;
        oxides += around->molecule->atoms[link->atom].element == OXYGEN &&
                  around->molecule->bonds[link->bond].order == 2;
    }
    uint32_t single = other.single_aliphatic + other.single_aromatic;
    if (hydrogens == 2 || (oxides && other.neighbours + hydrogens == 2)) return -0.1526; // O9
    if (hydrogens == 1) return other.single_aromatic_carbon ? 0.1129 : -0.1526;          // O10, O9
    if (other.single_carbon && other.single_aliphatic == 2) return -0.1526;              // O9
    if (single == 2 && hetero == 2) return 0.4833;                                       // O11
    if (other.single_carbon || other.single_aromatic_carbon) return 0.1129;              // O10
    return -0.1188;                                                                      // OS
}

static bool is_carboxyl(const struct molecule *molecule, uint32_t carbon) {
    if (molecule->atoms[carbon].aromatic) return false;
    LINKS_OF(molecule, carbon, link) {
        if (molecule->bonds[link->bond].order == 2 &&
            molecule->atoms[link->atom].element == OXYGEN) {
            return true;
        }
    }
    return false;
}

static double charged_oxygen(const struct around *around) {
    const struct molecule *molecule = around->molecule;
    const struct link *link = &molecule->links[around->atom->first];
    if (around->neighbours != 1 || around->hydrogens) return -0.1188; // OS
    uint8_t other = molecule->atoms[link->atom].element;
    if (other == NITROGEN) return 0.0335;                                    // O5
    if (other == SULFUR) return -0.3339;                                     // O6
    if (other == CARBON && is_carboxyl(molecule, link->atom)) return -1.326; // O12
    return -1.189;                                                           // O7
}

static double oxygen(const struct around *around) {
    const struct molecule *molecule = around->molecule;
    uint32_t single = around->single_aliphatic + around->single_aromatic;
    if (around->atom->aromatic) return 0.1552; // O1
    if (around->hydrogens) return -0.2893;     // O2
    if (around->atom->charge < 0) return charged_oxygen(around);
    if (around->single_aliphatic == 2) return -0.0684; // O3
    if (single == 2) return -0.4195;                   // O4
    LINKS_OF(molecule, around->index, link) {
        const struct atom *other = &molecule->atoms[link->atom];
        if (molecule->bonds[link->bond].order != 2) continue;
        if (other->element == NITROGEN || other->element == OXYGEN) return 0.0335; // O5
        if (other->element == SULFUR && other->charge == 0) return -0.3339;        // O6
        if (other->element == CARBON) return carbonyl_oxygen(around, link->atom);
    }
    return -0.1188; // OS
}

// --- the others ----------------------------------------------------------------------------------

static double sulfur(const struct around *around) {
    const struct molecule *molecule = around->molecule;
    if (around->atom->aromatic) return 0.6237; // S3
    if (around->atom->charge) return -0.0024;  // S2
    LINKS_OF(molecule, around->index, link) {
        const struct atom *other = &molecule->atoms[link->atom];
        bool sort = other->element == NITROGEN || other->element == OXYGEN ||
                    other->element == PHOSPHORUS || other->element == SULFUR;
        if (molecule->bonds[link->bond].order == 2 && sort && !other->aromatic) return -0.0024;
    }
    return 0.6482; // S1
}

static double halogen(const struct atom *atom) {
    if (atom->charge > 0 && atom->element != IODINE) return 0;
    if (atom->charge) return -2.996; // Hal
    return atom->element == FLUORINE   ? 0.4202
           : atom->element == CHLORINE ? 0.6895
           : atom->element == BROMINE  ? 0.8456
                                       : 0.8857;
}

// Main-group elements beside those above, and the transition metals.
static double other_element(const struct atom *atom) {
    uint8_t z = atom->element;
    bool alkali = z == 3 || z == 11 || z == 19 || z == 37 || z == 55;
    bool transition = (z >= 21 && z <= 30) || (z >= 39 && z <= 48) || (z >= 72 && z <= 80);
    if (alkali && atom->charge == 1) return -2.996; // Hal: the ions of salts
    if (transition) return -0.0025;                 // Me2
    bool main_group = z > 2 && elements[z].outer >= 1 && elements[z].outer <= 6 && z <= 84 &&
                      !(z >= 57 && z <= 71);
    return main_group ? -0.3808 : 0; // Me1
}

static bool is_saturated(const struct molecule *molecule, uint32_t index) {
    const struct atom *atom = &molecule->atoms[index];
    return atom->degree + atom->hydrogens == 4;
}

// A hydrogen on oxygen, by what the oxygen is bound to.
static double hydroxyl_hydrogen(const struct around *around) {
    const struct molecule *molecule = around->molecule;
    LINKS_OF(molecule, around->index, link) {
        const struct atom *other = &molecule->atoms[link->atom];
        switch (other->element) {
        case CARBON:
            if (other->aromatic || is_saturated(molecule, link->atom)) return -0.2677; // H2
            return look_around(molecule, link->atom).twofold ? 0.298 : 0.1125;         // H4, HS
        case NITROGEN: return 0.2142;                                                  // H3
        case OXYGEN:
        case SULFUR: return 0.298; // H4
        default: return -0.2677;   // H2
        }
    }
    return -0.2677; // H2: water
}

static double hydrogen_on(const struct around *around) {
    switch (around->atom->element) {
    case HYDROGEN:
    case CARBON: return 0.123;    // H1
    case NITROGEN: return 0.2142; // H3
    case OXYGEN: return hydroxyl_hydrogen(around);
    default: return -0.2677; // H2
    }
}

// A hydrogen that is an atom of its own: an isotope, an ion.
static double lone_hydrogen(const struct around *around) {
    LINKS_OF(around->molecule, around->index, link) {
        struct around heavy = look_around(around->molecule, link->atom);
        return hydrogen_on(&heavy);
    }
    return 0.1125; // HS
}

static double contribution(const struct around *around) {
    const struct atom *atom = around->atom;
    switch (atom->element) {
    case 0: return 0;
    case HYDROGEN: return lone_hydrogen(around);
    case CARBON: return atom->aromatic ? aromatic_carbon(around) : aliphatic_carbon(around);
    case NITROGEN: return nitrogen(around);
    case OXYGEN: return oxygen(around);
    case FLUORINE:
    case CHLORINE:
    case BROMINE:
    case IODINE: return halogen(atom);
    case PHOSPHORUS: return 0.8612;
    case SULFUR: return sulfur(around);
    default: return other_element(atom);
    }
}

double molecule_logp(const struct molecule *molecule) {
    double sum = 0;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        struct around around = look_around(molecule, i);
        sum += contribution(&around) + around.atom->hydrogens * hydrogen_on(&around);
    }
    return sum;
}
