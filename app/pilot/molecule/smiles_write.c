// The SMILES writer: depth first along a ranking of the atoms, in two passes. The first finds the
// tree and the bonds that close rings; the second writes. Aromatic atoms are small letters,
// brackets stand only where the reader would otherwise imply other hydrogens. No stereo marks.
#include <string.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

enum { NONE = UINT16_MAX, RING_NUMBERS = 100 };

struct visit { // of one atom
    uint16_t first_child, last_child, sibling, parent_bond;
    uint16_t tried; // neighbours looked at
    bool met;
};
struct closing { // a bond that closes a ring
    uint16_t opens, closes, bond;
    uint16_t number;
};
struct writer {
    const struct molecule *molecule;
    const uint32_t *rank;
    struct buf *out;
    struct visit *visits;     // (atom_count)
    uint16_t *stack;          // (atom_count)
    struct link *sorted;      // (2 * bond_count) links by rank of the neighbour
    struct closing *closings; // (bond_count)
    uint32_t closing_count;
    bool used[RING_NUMBERS];
    bool full; // more rings are open at once than there are numbers
};

static void links_sort(struct writer *writer) {
    const struct molecule *molecule = writer->molecule;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        struct link *links = writer->sorted + molecule->atoms[i].first;
        uint32_t count = 0;
        LINKS_OF(molecule, i, link) {
            uint32_t at = count++;
            while (at && writer->rank[links[at - 1].atom] > writer->rank[link->atom]) {
                links[at] = links[at - 1];
                at--;
            }
            links[at] = *link;
        }
    }
}

static void child_add(struct writer *writer, uint16_t parent, struct link link) {
    struct visit *visit = &writer->visits[parent], *child = &writer->visits[link.atom];
    child->met = true;
    child->parent_bond = link.bond;
    if (visit->last_child == NONE) {
        visit->first_child = link.atom;
    } else {
        writer->visits[visit->last_child].sibling = link.atom;
    }
    visit->last_child = link.atom;
}

static bool closes_already(const struct writer *writer, uint16_t bond) {
    for (uint32_t i = 0; i < writer->closing_count; i++) {
        if (writer->closings[i].bond == bond) return true;
    }
    return false;
}

static void tree_find(struct writer *writer, uint16_t root) {
    uint32_t depth = 0;
    writer->visits[root].met = true;
    writer->stack[depth++] = root;
    while (depth) {
        uint16_t at = writer->stack[depth - 1];
        struct visit *visit = &writer->visits[at];
        const struct atom *atom = &writer->molecule->atoms[at];
        if (visit->tried == atom->degree) {
            depth--;
            continue;
        }
        struct link link = writer->sorted[atom->first + visit->tried++];
        if (link.bond == visit->parent_bond) continue;
        if (!writer->visits[link.atom].met) {
            child_add(writer, at, link);
            writer->stack[depth++] = link.atom;
        } else if (!closes_already(writer, link.bond)) {
            // Met from below: the ring opens at the atom above.
            writer->closings[writer->closing_count++] =
                (struct closing){link.atom, at, link.bond, 0};
        }
    }
}

// --- text ----------------------------------------------------------------------------------------

static void bond_write(struct writer *writer, uint16_t index) {
    static const char signs[] = " -=#$";
    const struct molecule *molecule = writer->molecule;
    const struct bond *bond = &molecule->bonds[index];
    bool both = molecule->atoms[bond->from].aromatic && molecule->atoms[bond->to].aromatic;
    if (bond->aromatic || (bond->order == 1 && !both)) return;
    buf_add_char(writer->out, signs[bond->order]);
}

static void symbol_write(struct buf *out, const struct atom *atom) {
    const char *symbol = elements[atom->element].symbol;
    char first = symbol[0];
    buf_add_char(out, atom->aromatic && first >= 'A' ? (char)(first | 0x20) : first);
    buf_add_text(out, symbol + 1);
}

static void atom_write(struct writer *writer, uint16_t index) {
    const struct atom *atom = &writer->molecule->atoms[index];
    struct buf *out = writer->out;
    bool plain = is_organic_subset(atom->element) || atom->element == 0;
    plain &= atom->charge == 0 && atom->isotope == 0;
    int implied = atom->element ? atom_implied_hydrogens(writer->molecule, index, 0) : 0;
    if (plain && implied == atom->hydrogens) {
        symbol_write(out, atom);
        return;
    }
    buf_add_char(out, '[');
    if (atom->isotope) buf_add_u64(out, atom->isotope);
    symbol_write(out, atom);
    if (atom->hydrogens) buf_add_char(out, 'H');
    if (atom->hydrogens > 1) buf_add_u64(out, atom->hydrogens);
    if (atom->charge) buf_add_char(out, atom->charge > 0 ? '+' : '-');
    int size = atom->charge < 0 ? -atom->charge : atom->charge;
    if (size > 1) buf_add_u64(out, (uint64_t)size);
    buf_add_char(out, ']');
}

static void number_write(struct writer *writer, uint16_t number) {
    if (number > 9) buf_add_char(writer->out, '%');
    buf_add_u64(writer->out, number);
}

static void closings_write(struct writer *writer, uint16_t atom) {
    for (uint32_t i = 0; i < writer->closing_count; i++) {
        struct closing *closing = &writer->closings[i];
        if (closing->closes != atom) continue;
        number_write(writer, closing->number);
        writer->used[closing->number] = false;
    }
    for (uint32_t i = 0; i < writer->closing_count; i++) {
        struct closing *closing = &writer->closings[i];
        if (closing->opens != atom) continue;
        uint16_t number = 1;
        while (number < RING_NUMBERS - 1 && writer->used[number]) number++;
        writer->full |= writer->used[number];
        writer->used[number] = true;
        closing->number = number;
        bond_write(writer, closing->bond);
        number_write(writer, number);
    }
}

static void enter(struct writer *writer, uint16_t atom, uint16_t parent) {
    if (parent != NONE) {
        bool branch = writer->visits[atom].sibling != NONE;
        if (branch) buf_add_char(writer->out, '(');
        bond_write(writer, writer->visits[atom].parent_bond);
    }
    atom_write(writer, atom);
    closings_write(writer, atom);
}

static void tree_write(struct writer *writer, uint16_t root) {
    uint32_t depth = 0;
    enter(writer, root, NONE);
    writer->stack[depth++] = root;
    while (depth) {
        uint16_t at = writer->stack[depth - 1];
        uint16_t child = writer->visits[at].first_child;
        if (child != NONE) {
            writer->visits[at].first_child = writer->visits[child].sibling;
            enter(writer, child, at);
            writer->stack[depth++] = child;
            continue;
        }
        depth--;
        if (depth && writer->visits[at].sibling != NONE) buf_add_char(writer->out, ')');
    }
}

static bool writer_open(struct writer *writer) {
    const struct molecule *molecule = writer->molecule;
    struct arena *arena = molecule->arena;
    writer->visits = ARENA_ARRAY(arena, struct visit, molecule->atom_count + 1);
    writer->stack = ARENA_ARRAY(arena, uint16_t, molecule->atom_count + 1);
    writer->sorted = ARENA_ARRAY(arena, struct link, 2 * molecule->bond_count + 1);
    writer->closings = ARENA_ARRAY(arena, struct closing, molecule->bond_count + 1);
    if (!writer->visits || !writer->stack || !writer->sorted || !writer->closings) return false;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        writer->visits[i] = (struct visit){NONE, NONE, NONE, NONE, 0, false};
    }
    return true;
}

enum err smiles_write(const struct molecule *molecule, const uint32_t *rank, struct buf *out) {
    struct writer writer = {.molecule = molecule, .rank = rank, .out = out};
    if (!writer_open(&writer)) return ERR_MEMORY;
    links_sort(&writer);
    for (bool first = true;; first = false) {
        uint32_t root = molecule->atom_count;
        for (uint32_t i = 0; i < molecule->atom_count; i++) {
            if (writer.visits[i].met) continue;
            if (root == molecule->atom_count || rank[i] < rank[root]) root = i;
        }
        if (root == molecule->atom_count) break;
        if (!first) buf_add_char(out, '.');
        writer.closing_count = 0;
        tree_find(&writer, (uint16_t)root);
        tree_write(&writer, (uint16_t)root);
    }
    return writer.full ? ERR_LIMIT : buf_err(out);
}

enum err molecule_smiles(const struct molecule *molecule, struct buf *out) {
    const uint32_t *rank;
    enum err err = molecule_rank(molecule, &rank);
    return err == OK ? smiles_write(molecule, rank, out) : err;
}
