// The SMILES reader: text to atoms and bonds, as they are written. One pass; branches on a stack,
// open ring bonds in a table by number. Aromatic bonds are those said (":") and those left out
// between two aromatic atoms; whether they lie in a ring is settled later.
#include <string.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

enum { RING_NUMBERS = 100, NO_ATOM = UINT16_MAX, ISOTOPE_MAX = 999, CHARGE_MAX = 15 };

struct written_bond {
    uint8_t order; // 0: left out
    uint8_t direction;
    bool aromatic;
};
struct open_ring {
    uint16_t atom; // NO_ATOM: not open
    uint32_t at, place;
    struct written_bond bond;
};
struct reader {
    struct str text;
    uint32_t at;
    struct molecule *molecule;
    struct fault *fault;
    uint16_t last;    // the atom that the next one is bound to
    uint16_t *branch; // stack of (depth) atoms
    uint32_t *branch_at;
    uint32_t depth;
    struct written_bond pending;
    bool has_pending;
    struct open_ring open[RING_NUMBERS];
    uint32_t open_count;
};

static char peek(const struct reader *reader, uint32_t ahead) {
    uint32_t at = reader->at + ahead;
    return at < reader->text.size ? reader->text.data[at] : '\0';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static enum err wrong(struct reader *reader, const char *code, uint32_t at) {
    return fault_at(reader->fault, ERR_INPUT, code, 0, (uint64_t)at + 1, STR_NONE);
}

static enum err unexpected(struct reader *reader) {
    return wrong(reader, "smiles.unexpected", reader->at);
}

// --- bonds -------------------------------------------------------------------------------------

static bool read_bond(struct reader *reader, struct written_bond *out) {
    static const char signs[] = "-=#$:/\\";
    char c = peek(reader, 0);
    const char *found = c ? strchr(signs, c) : NULL;
    if (!found) return false;
    ptrdiff_t kind = found - signs;
    *out = (struct written_bond){.order = 1};
    if (kind < 4) out->order = (uint8_t)(kind + 1);
    if (c == ':') out->aromatic = true;
    if (c == '/') out->direction = DIRECTION_UP;
    if (c == '\\') out->direction = DIRECTION_DOWN;
    reader->at++;
    return true;
}

static enum err add_bond(struct reader *reader, uint16_t from, uint16_t to,
                         struct written_bond written) {
    struct molecule *molecule = reader->molecule;
    if (molecule->bond_count == MOLECULE_BONDS_MAX) {
        return fault_set(reader->fault, ERR_LIMIT, "smiles.too_large", STR_NONE);
    }
    if (written.order == 0) {
        written.order = 1;
        written.aromatic = molecule->atoms[from].aromatic && molecule->atoms[to].aromatic;
    }
    molecule->bonds[molecule->bond_count++] = (struct bond){.from = from,
                                                            .to = to,
                                                            .order = written.order,
                                                            .direction = written.direction,
                                                            .aromatic = written.aromatic};
    return OK;
}

static bool are_bound(const struct molecule *molecule, uint16_t a, uint16_t b) {
    for (uint32_t i = 0; i < molecule->bond_count; i++) {
        const struct bond *bond = &molecule->bonds[i];
        if ((bond->from == a && bond->to == b) || (bond->from == b && bond->to == a)) return true;
    }
    return false;
}

static bool ring_number(struct reader *reader, uint32_t *out) {
    if (is_digit(peek(reader, 0))) {
        *out = (uint32_t)(peek(reader, 0) - '0');
        reader->at++;
        return true;
    }
    if (peek(reader, 0) == '%' && is_digit(peek(reader, 1)) && is_digit(peek(reader, 2))) {
        *out = (uint32_t)(peek(reader, 1) - '0') * 10 + (uint32_t)(peek(reader, 2) - '0');
        reader->at += 3;
        return true;
    }
    return false;
}

// The bond's kind may stand at either end, or at both if they say the same.
static bool bonds_agree(struct written_bond a, struct written_bond b) {
    if (a.order == 0 || b.order == 0) return true;
    return a.order == b.order && a.aromatic == b.aromatic;
}

static enum err read_ring_bond(struct reader *reader) {
    uint32_t number = 0, at = reader->at;
    struct written_bond bond = {0};
    if (reader->has_pending) bond = reader->pending;
    if (reader->last == NO_ATOM || !ring_number(reader, &number)) return unexpected(reader);
    reader->has_pending = false;
    struct open_ring *open = &reader->open[number];
    if (open->atom == NO_ATOM) {
        *open = (struct open_ring){.atom = reader->last, .at = at, .bond = bond};
        reader->open_count++;
        return OK;
    }
    uint16_t from = open->atom;
    if (from == reader->last || are_bound(reader->molecule, from, reader->last) ||
        !bonds_agree(open->bond, bond)) {
        return wrong(reader, "smiles.ring_conflict", at);
    }
    open->atom = NO_ATOM;
    reader->open_count--;
    return add_bond(reader, from, reader->last, bond.order ? bond : open->bond);
}

// --- atoms -------------------------------------------------------------------------------------

static enum err add_atom(struct reader *reader, struct atom atom, uint32_t at) {
    struct molecule *molecule = reader->molecule;
    if (molecule->atom_count == MOLECULE_ATOMS_MAX) {
        return fault_set(reader->fault, ERR_LIMIT, "smiles.too_large", STR_NONE);
    }
    uint16_t index = (uint16_t)molecule->atom_count++;
    atom.at = at;
    molecule->atoms[index] = atom;
    enum err err = OK;
    if (reader->last != NO_ATOM) {
        struct written_bond bond = {0};
        if (reader->has_pending) bond = reader->pending;
        err = add_bond(reader, reader->last, index, bond);
    }
    reader->has_pending = false;
    reader->last = index;
    return err;
}

uint8_t element_find(const char *symbol, size_t size) {
    for (uint32_t i = 1; i < ELEMENT_COUNT; i++) {
        const char *name = elements[i].symbol;
        if (strlen(name) == size && memcmp(name, symbol, size) == 0) return (uint8_t)i;
    }
    return 0;
}

// An aromatic symbol: b c n o p s and, in brackets, si as se te. Returns its size or 0.
static uint32_t aromatic_symbol(const struct reader *reader, bool bracket, uint8_t *out) {
    static const struct {
        char symbol[3];
        uint8_t element;
    } known[] = {{"si", 14}, {"as", 33}, {"se", 34}, {"te", 52}, {"b", 5},
                 {"c", 6},   {"n", 7},   {"o", 8},   {"p", 15},  {"s", 16}};
    for (size_t i = bracket ? 0 : 4; i < sizeof known / sizeof *known; i++) {
        uint32_t size = known[i].symbol[1] ? 2 : 1;
        if (peek(reader, 0) != known[i].symbol[0]) continue;
        if (size == 2 && peek(reader, 1) != known[i].symbol[1]) continue;
        *out = known[i].element;
        return size;
    }
    return 0;
}

bool is_organic_subset(uint8_t element) {
    static const char organic[] = {5, 6, 7, 8, 9, 15, 16, 17, 35, 53};
    return memchr(organic, element, sizeof organic) != NULL;
}

// An atom outside brackets. Returns its size in the text, or 0.
static uint32_t plain_symbol(const struct reader *reader, struct atom *out) {
    *out = (struct atom){0};
    if (peek(reader, 0) == '*') return 1;
    uint32_t size = aromatic_symbol(reader, false, &out->element);
    out->aromatic = size > 0;
    for (uint32_t tried = 2; tried >= 1 && size == 0; tried--) {
        if (reader->at + tried > reader->text.size) continue;
        uint8_t element = element_find(reader->text.data + reader->at, tried);
        if (!is_organic_subset(element)) continue;
        out->element = element;
        size = tried;
    }
    return size;
}

// Digits up to `most`; `otherwise` if there are none. False if they are more than that.
static bool read_count(struct reader *reader, uint32_t otherwise, uint32_t most, uint32_t *out) {
    if (!is_digit(peek(reader, 0))) {
        *out = otherwise;
        return true;
    }
    uint32_t value = 0;
    while (is_digit(peek(reader, 0)) && value <= most) {
        value = value * 10 + (uint32_t)(peek(reader, 0) - '0');
        reader->at++;
    }
    *out = value;
    return value <= most;
}

static bool bracket_element(struct reader *reader, struct atom *atom) {
    if (peek(reader, 0) == '*') {
        reader->at++;
        return true;
    }
    uint32_t size = aromatic_symbol(reader, true, &atom->element);
    atom->aromatic = size > 0;
    for (uint32_t tried = 2; tried >= 1 && size == 0; tried--) {
        if (reader->at + tried > reader->text.size) continue;
        atom->element = element_find(reader->text.data + reader->at, tried);
        if (atom->element) size = tried;
    }
    reader->at += size;
    return size > 0;
}

// @, @@, and the long forms @TH1 @AL2 @SP3 @TB12 @OH30.
static bool bracket_chirality(struct reader *reader, struct atom *atom) {
    while (peek(reader, 0) == '@' && atom->chirality < 2) {
        atom->chirality++;
        reader->at++;
    }
    static const char *const long_forms[] = {"TH", "AL", "SP", "TB", "OH"};
    for (size_t i = 0; i < 5 && atom->chirality == 1; i++) {
        if (peek(reader, 0) != long_forms[i][0] || peek(reader, 1) != long_forms[i][1]) continue;
        uint32_t number;
        reader->at += 2;
        if (!is_digit(peek(reader, 0))) return false;
        return read_count(reader, 0, 30, &number) && number > 0;
    }
    return true;
}

// +, -, ++, +2 …
static bool bracket_charge(struct reader *reader, struct atom *atom) {
    char sign = peek(reader, 0);
    if (sign != '+' && sign != '-') return true;
    uint32_t size = 0, signs = 0;
    while (peek(reader, 0) == sign && signs < CHARGE_MAX) {
        signs++;
        reader->at++;
    }
    if (!read_count(reader, signs, CHARGE_MAX, &size)) return false;
    if (signs > 1 && size != signs) return false;
    atom->charge = (int8_t)(sign == '+' ? (int)size : -(int)size);
    return true;
}

static bool read_bracket(struct reader *reader, struct atom *atom) {
    uint32_t isotope, hydrogens = 0, class;
    *atom = (struct atom){.bracket = true};
    reader->at++;
    if (!read_count(reader, 0, ISOTOPE_MAX, &isotope)) return false;
    atom->isotope = (uint16_t)isotope;
    if (!bracket_element(reader, atom) || !bracket_chirality(reader, atom)) return false;
    if (peek(reader, 0) == 'H') {
        reader->at++;
        if (!read_count(reader, 1, 9, &hydrogens)) return false;
    }
    atom->hydrogens = (uint8_t)hydrogens;
    if (!bracket_charge(reader, atom)) return false;
    if (peek(reader, 0) == ':') {
        reader->at++;
        if (!is_digit(peek(reader, 0)) || !read_count(reader, 0, 99999, &class)) return false;
    }
    return peek(reader, 0) == ']';
}

static enum err read_atom(struct reader *reader) {
    struct atom atom;
    uint32_t at = reader->at;
    if (peek(reader, 0) == '[') {
        if (!read_bracket(reader, &atom)) return wrong(reader, "smiles.bad_bracket", reader->at);
        reader->at++;
        return add_atom(reader, atom, at);
    }
    uint32_t size = plain_symbol(reader, &atom);
    if (size == 0) return unexpected(reader);
    reader->at += size;
    return add_atom(reader, atom, at);
}

// --- the line ----------------------------------------------------------------------------------

static bool is_atom_next(const struct reader *reader) {
    struct atom atom;
    return peek(reader, 0) == '[' || plain_symbol(reader, &atom) > 0;
}

static enum err read_branch(struct reader *reader) {
    char c = peek(reader, 0);
    if (reader->has_pending || reader->last == NO_ATOM) return unexpected(reader);
    if (c == '(') {
        reader->branch[reader->depth] = reader->last;
        reader->branch_at[reader->depth++] = reader->at;
        reader->at++;
        // A branch begins with an atom or the bond to it.
        struct reader ahead = *reader;
        struct written_bond bond;
        (void)read_bond(&ahead, &bond);
        return is_atom_next(&ahead) ? OK : wrong(reader, "smiles.unexpected", ahead.at);
    }
    if (reader->depth == 0) return unexpected(reader);
    reader->last = reader->branch[--reader->depth];
    reader->at++;
    return OK;
}

static enum err read_dot(struct reader *reader) {
    if (reader->last == NO_ATOM || reader->has_pending) return unexpected(reader);
    reader->last = NO_ATOM;
    reader->at++;
    return is_atom_next(reader) ? OK : unexpected(reader);
}

static enum err read_line(struct reader *reader) {
    enum err err = OK;
    while (err == OK && reader->at < reader->text.size) {
        char c = peek(reader, 0);
        if (c == '(' || c == ')') {
            err = read_branch(reader);
        } else if (c == '.') {
            err = read_dot(reader);
        } else if (is_digit(c) || c == '%') {
            err = read_ring_bond(reader);
        } else if (reader->last != NO_ATOM && !reader->has_pending &&
                   read_bond(reader, &reader->pending)) {
            reader->has_pending = true;
        } else {
            err = read_atom(reader);
        }
    }
    if (err != OK) return err;
    if (reader->has_pending) return unexpected(reader);
    if (reader->depth) return wrong(reader, "smiles.open_branch", reader->branch_at[0]);
    for (uint32_t i = 0; reader->open_count && i < RING_NUMBERS; i++) {
        if (reader->open[i].atom == NO_ATOM) continue;
        return wrong(reader, "smiles.open_ring", reader->open[i].at);
    }
    return OK;
}

enum err smiles_read(struct str text, struct molecule *molecule, struct fault *fault) {
    text = str_trim(text);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == ' ' || text.data[i] == '\t') text.size = i;
    }
    if (text.size == 0) return fault_set(fault, ERR_INPUT, "smiles.empty", STR_NONE);
    if (text.size > SMILES_BYTES_MAX) {
        return fault_set(fault, ERR_LIMIT, "smiles.too_large", STR_NONE);
    }
    size_t atoms = text.size < MOLECULE_ATOMS_MAX ? text.size : MOLECULE_ATOMS_MAX;
    size_t bonds = 2 * text.size < MOLECULE_BONDS_MAX ? 2 * text.size : MOLECULE_BONDS_MAX;
    struct reader *reader = ARENA_NEW(molecule->arena, struct reader);
    molecule->atoms = ARENA_ARRAY(molecule->arena, struct atom, atoms);
    molecule->bonds = ARENA_ARRAY(molecule->arena, struct bond, bonds);
    if (!reader || !molecule->atoms || !molecule->bonds) return molecule_no_memory(fault);
    *reader = (struct reader){.text = text, .molecule = molecule, .fault = fault, .last = NO_ATOM};
    reader->branch = ARENA_ARRAY(molecule->arena, uint16_t, text.size);
    reader->branch_at = ARENA_ARRAY(molecule->arena, uint32_t, text.size);
    if (!reader->branch || !reader->branch_at) return molecule_no_memory(fault);
    for (uint32_t i = 0; i < RING_NUMBERS; i++) reader->open[i].atom = NO_ATOM;
    return read_line(reader);
}
