// Valences: hydrogens written as atoms are folded into their neighbours, charges that chemists
// leave out are put (nitro and its kin), hydrogens outside brackets are implied, the Kekulé
// structure is chosen, every atom's bonds are checked, and unpaired electrons are counted.
#include <string.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

static enum err wrong_atom(const struct molecule *molecule, uint32_t index, const char *code,
                           struct fault *fault) {
    const struct atom *atom = &molecule->atoms[index];
    return fault_at(fault, ERR_INPUT, code, 0, (uint64_t)atom->at + 1,
                    str_of(elements[atom->element].symbol));
}

// --- hydrogens as atoms ------------------------------------------------------------------------

// A plain hydrogen with one single bond to a heavy atom needs no atom of its own.
static bool folds(const struct molecule *molecule, uint32_t index, const uint8_t *degree,
                  const uint16_t *neighbour) {
    const struct atom *atom = &molecule->atoms[index];
    if (atom->element != HYDROGEN || atom->isotope || atom->charge || atom->hydrogens) return false;
    return degree[index] == 1 && molecule->atoms[neighbour[index]].element > HYDROGEN;
}

static void fold(struct molecule *molecule, const uint8_t *degree, const uint16_t *neighbour,
                 uint16_t *place) {
    uint32_t kept = 0, bonds = 0;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        place[i] = UINT16_MAX;
        if (folds(molecule, i, degree, neighbour)) {
            struct atom *heavy = &molecule->atoms[neighbour[i]];
            if (heavy->hydrogens < UINT8_MAX) heavy->hydrogens++;
        } else {
            place[i] = (uint16_t)kept++;
        }
    }
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        if (place[i] != UINT16_MAX) molecule->atoms[place[i]] = molecule->atoms[i];
    }
    for (uint32_t i = 0; i < molecule->bond_count; i++) {
        struct bond bond = molecule->bonds[i];
        if (place[bond.from] == UINT16_MAX || place[bond.to] == UINT16_MAX) continue;
        bond.from = place[bond.from];
        bond.to = place[bond.to];
        molecule->bonds[bonds++] = bond;
    }
    molecule->atom_count = kept;
    molecule->bond_count = bonds;
}

enum err hydrogens_fold(struct molecule *molecule, struct fault *fault) {
    bool any = false;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        any |= molecule->atoms[i].element == HYDROGEN;
    }
    if (!any) return OK;
    uint8_t *degree = ARENA_ARRAY(molecule->arena, uint8_t, molecule->atom_count);
    uint16_t *neighbour = ARENA_ARRAY(molecule->arena, uint16_t, molecule->atom_count);
    uint16_t *place = ARENA_ARRAY(molecule->arena, uint16_t, molecule->atom_count);
    if (!degree || !neighbour || !place) return molecule_no_memory(fault);
    for (uint32_t i = 0; i < molecule->bond_count; i++) {
        const struct bond *bond = &molecule->bonds[i];
        bool single = bond->order == 1 && !bond->aromatic;
        neighbour[bond->from] = bond->to;
        neighbour[bond->to] = bond->from;
        degree[bond->from] = (uint8_t)(degree[bond->from] < 2 ? degree[bond->from] + 1 : 2);
        degree[bond->to] = (uint8_t)(degree[bond->to] < 2 ? degree[bond->to] + 1 : 2);
        if (!single) degree[bond->from] = degree[bond->to] = 2;
    }
    fold(molecule, degree, neighbour, place);
    return OK;
}

// --- charges left out --------------------------------------------------------------------------

uint32_t atom_orders(const struct molecule *molecule, uint32_t index) {
    uint32_t sum = 0;
    LINKS_OF(molecule, index, link) sum += molecule->bonds[link->bond].order;
    return sum;
}

static bool is_double(const struct molecule *molecule, const struct link *link, uint8_t element) {
    const struct atom *other = &molecule->atoms[link->atom];
    return other->element == element && other->charge == 0 &&
           molecule->bonds[link->bond].order == 2;
}

// N(=O)=O becomes [N+]([O-])=O, N=N#N becomes N=[N+]=[N-]: one bond of order two or three to a
// neutral neighbour turns into charges.
static void nitrogen_charge(struct molecule *molecule, uint32_t index) {
    struct atom *atom = &molecule->atoms[index];
    LINKS_OF(molecule, index, link) {
        struct atom *other = &molecule->atoms[link->atom];
        struct bond *bond = &molecule->bonds[link->bond];
        bool oxide = is_double(molecule, link, OXYGEN);
        bool azide = other->element == NITROGEN && other->charge == 0 && bond->order == 3 &&
                     other->degree == 1;
        if (!oxide && !azide) continue;
        bond->order--;
        atom->charge = 1;
        other->charge = -1;
        return;
    }
}

// OCl(=O)(=O)=O becomes O[Cl+3]([O-])([O-])[O-].
static void halogen_charge(struct molecule *molecule, uint32_t index) {
    LINKS_OF(molecule, index, link) {
        if (molecule->atoms[link->atom].element != OXYGEN) return;
    }
    LINKS_OF(molecule, index, link) {
        if (!is_double(molecule, link, OXYGEN)) continue;
        molecule->bonds[link->bond].order = 1;
        molecule->atoms[link->atom].charge = -1;
        molecule->atoms[index].charge++;
    }
}

// Sum of orders, times two, where an aromatic bond counts for one and a half.
static uint32_t orders_twice(const struct molecule *molecule, uint32_t index) {
    uint32_t sum = 0;
    LINKS_OF(molecule, index, link) {
        const struct bond *bond = &molecule->bonds[link->bond];
        sum += bond->aromatic ? 3u : 2u * bond->order;
    }
    return sum;
}

static void charges_put(struct molecule *molecule) {
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        const struct atom *atom = &molecule->atoms[i];
        if (atom->charge) continue;
        uint32_t orders = orders_twice(molecule, i) / 2 + atom->hydrogens;
        bool halogen =
            atom->element == CHLORINE || atom->element == BROMINE || atom->element == IODINE;
        if (atom->element == NITROGEN && orders >= 4) {
            if (orders == 5 || atom->aromatic) nitrogen_charge(molecule, i);
        } else if (halogen && orders >= 3 && orders % 2 == 1) {
            halogen_charge(molecule, i);
        }
    }
}

// --- hydrogens, checks, radicals ---------------------------------------------------------------

const struct element *element_as_charged(const struct atom *atom) {
    int as = atom->element - atom->charge;
    if (as <= 0 || as >= ELEMENT_COUNT) as = atom->element;
    return &elements[as];
}

int atom_implied_hydrogens(const struct molecule *molecule, uint32_t index, uint32_t said) {
    const struct atom *atom = &molecule->atoms[index];
    const struct element *element = element_as_charged(atom);
    uint32_t twice = orders_twice(molecule, index) + 2 * said;
    int sum = (int)(twice + 1) / 2;
    if (atom->aromatic) return sum >= element->valences[0] ? 0 : element->valences[0] - sum;
    for (uint32_t i = 0; i < element->valence_count; i++) {
        if (element->valences[i] == ANY_VALENCE) return 0;
        if (element->valences[i] >= sum) return element->valences[i] - sum;
    }
    return -1;
}

static void hydrogens_imply(struct molecule *molecule) {
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        struct atom *atom = &molecule->atoms[i];
        if (atom->bracket || atom->element == 0) continue;
        int implied = atom_implied_hydrogens(molecule, i, atom->hydrogens);
        if (implied > 0) atom->hydrogens = (uint8_t)(atom->hydrogens + implied);
    }
}

// Anions of P and S, and of their kin below, keep the many valences of their element, less charge.
static bool may_exceed(const struct atom *atom) {
    int as = atom->element - atom->charge;
    if (atom->element == PHOSPHORUS || atom->element == SULFUR) return as > SULFUR;
    return (atom->element == ARSENIC || atom->element == SELENIUM) && as > SELENIUM;
}

// A pair given to a metal, as in [NH3][Pt], takes no valence.
static uint32_t bonds_to_metals(const struct molecule *molecule, uint32_t index) {
    uint32_t count = 0;
    LINKS_OF(molecule, index, link) {
        const struct element *other = &elements[molecule->atoms[link->atom].element];
        bool metal = other->valences[0] == ANY_VALENCE && other != elements;
        count += metal && molecule->bonds[link->bond].order == 1;
    }
    return count;
}

// The most bonds the atom may have; ANY_VALENCE: not bounded.
static int most_bonds(const struct atom *atom) {
    const struct element *element = element_as_charged(atom), *own = &elements[atom->element];
    int most = element->valences[element->valence_count - 1];
    int own_most = own->valences[own->valence_count - 1];
    if (own_most == ANY_VALENCE) return ANY_VALENCE;
    return may_exceed(atom) ? own_most + atom->charge : most;
}

uint32_t atom_valence(const struct molecule *molecule, uint32_t index) {
    const struct atom *atom = &molecule->atoms[index];
    int most = most_bonds(atom);
    uint32_t sum = atom_orders(molecule, index) + atom->hydrogens;
    bool gives = most != ANY_VALENCE && (int)sum > most;
    return gives ? sum - bonds_to_metals(molecule, index) : sum;
}

static enum err valences_check(const struct molecule *molecule, struct fault *fault) {
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        int most = most_bonds(&molecule->atoms[i]);
        if (most != ANY_VALENCE && (int)atom_valence(molecule, i) > most) {
            return wrong_atom(molecule, i, "smiles.valence", fault);
        }
    }
    return OK;
}

// Electrons that are left over where the hydrogens are said: the octet's rule, or for atoms that
// may have more the next valence.
static uint8_t radicals_of(const struct molecule *molecule, uint32_t index) {
    const struct atom *atom = &molecule->atoms[index];
    const struct element *element = &elements[atom->element];
    int bonds = (int)atom_orders(molecule, index) + atom->hydrogens;
    int free = element->outer - bonds - atom->charge;
    if (element->valences[0] == ANY_VALENCE) {
        int outer = element->outer - atom->charge;
        bool bound = atom->degree || outer < 0;
        return (uint8_t)(bound ? 0 : outer % 2);
    }
    int missing = (atom->element <= 2 ? 2 : 8) - element->outer - bonds + atom->charge;
    if (missing < 0) {
        missing = 0;
        for (uint32_t i = 1; i < element->valence_count; i++) {
            int left = element->valences[i] - bonds + atom->charge;
            if (element->valences[i] == ANY_VALENCE || left < 0) continue;
            missing = left;
            break;
        }
    }
    if (free >= 0 && free < missing) missing = free;
    return (uint8_t)missing;
}

enum err valence_settle(struct molecule *molecule, struct fault *fault) {
    for (uint32_t i = 0; i < molecule->bond_count; i++) {
        if (!molecule->bonds[i].ring) molecule->bonds[i].aromatic = false;
    }
    charges_put(molecule);
    hydrogens_imply(molecule);
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        if (molecule->atoms[i].aromatic && !molecule->atoms[i].ring) {
            return wrong_atom(molecule, i, "smiles.not_in_ring", fault);
        }
    }
    enum err err = kekule_find(molecule, fault);
    if (err == OK) err = valences_check(molecule, fault);
    if (err != OK) return err;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        struct atom *atom = &molecule->atoms[i];
        if (atom->bracket && atom->element) atom->radicals = radicals_of(molecule, i);
    }
    return OK;
}
