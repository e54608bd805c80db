// The SMILES reader and what follows it (hydrogens, rings, Kekulé structure, aromaticity) against
// RDKit's saved answers, and what is wrong with a text, with its place.
#include "base/buf.h"
#include "check.h"
#include "oracle.h"
#include "pilot/molecule/molecule_private.h"

static struct arena *arena;

static struct molecule *parse(const char *smiles) {
    struct molecule *molecule = NULL;
    struct fault fault = {0};
    arena_reset(arena);
    enum err err = molecule_parse(str_of(smiles), arena, &molecule, &fault);
    CHECK_EQ(err == OK, fault.code[0] == '\0');
    return err == OK ? molecule : NULL;
}

static void atoms_write(struct buf *out, const struct molecule *molecule) {
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        const struct atom *atom = &molecule->atoms[i];
        buf_printf(out, "%s%s%d%+d%s", i ? " " : "", elements[atom->element].symbol,
                   atom->hydrogens, atom->charge, atom->aromatic ? "a" : "");
    }
}

static void atoms_are_the_oracle_s(void) {
    struct buf got;
    buf_open(&got, 1 << 20);
    for (size_t i = 0; i < sizeof oracle / sizeof *oracle; i++) {
        struct molecule *molecule = parse(oracle[i].smiles);
        if (!CHECK((molecule != NULL) == (oracle[i].atoms != NULL))) puts(oracle[i].smiles);
        if (!molecule || !oracle[i].atoms) continue;
        buf_clear(&got);
        atoms_write(&got, molecule);
        CHECK_TEXT(buf_str(&got), oracle[i].atoms);
        unsigned aromatic = 0;
        for (uint32_t b = 0; b < molecule->bond_count; b++) aromatic += molecule->bonds[b].aromatic;
        CHECK_EQ(aromatic, oracle[i].aromatic_bonds);
        CHECK_EQ(molecule->ring_count, oracle[i].values[6]);
    }
    buf_close(&got);
}

static void wrong(const char *smiles, const char *code, uint64_t column) {
    struct molecule *molecule = NULL;
    struct fault fault = {0};
    arena_reset(arena);
    CHECK(molecule_parse(str_of(smiles), arena, &molecule, &fault) != OK);
    CHECK(molecule == NULL);
    CHECK_STR(fault.code, code);
    CHECK_EQ(fault.column, column);
}

static void errors_have_a_place(void) {
    wrong("", "smiles.empty", 0);
    wrong("  ", "smiles.empty", 0);
    wrong("CCXC", "smiles.unexpected", 3);
    wrong("C(C", "smiles.open_branch", 2);
    wrong("CC)", "smiles.unexpected", 3);
    wrong("C()C", "smiles.unexpected", 3);
    wrong("(C)C", "smiles.unexpected", 1);
    wrong("C..C", "smiles.unexpected", 3);
    wrong("CC=", "smiles.unexpected", 4);
    wrong("C1CC", "smiles.open_ring", 2);
    wrong("C%12CC", "smiles.open_ring", 2);
    wrong("C%1CC", "smiles.unexpected", 2);
    wrong("C11", "smiles.ring_conflict", 3);
    wrong("C1C1", "smiles.ring_conflict", 4);
    wrong("C=1CC-1", "smiles.ring_conflict", 7);
    wrong("C[CH", "smiles.bad_bracket", 5);
    wrong("C[Xx]", "smiles.bad_bracket", 3);
    wrong("C[C+99]", "smiles.bad_bracket", 7);
    wrong("CN(C)(C)C", "smiles.valence", 2);
    wrong("Cc", "smiles.not_in_ring", 2);
    wrong("n1cccc1", "smiles.no_kekule", 6);
}

static void reads_every_form(void) {
    const struct molecule *molecule = parse("[13C@@H](F)(Cl)[Br:12]\tname");
    REQUIRE(molecule);
    CHECK_EQ(molecule->atom_count, 4);
    CHECK_EQ(molecule->atoms[0].isotope, 13);
    CHECK_EQ(molecule->atoms[0].chirality, 2);
    molecule = parse("F/C=C\\F");
    REQUIRE(molecule);
    CHECK_EQ(molecule->bonds[0].direction, DIRECTION_UP);
    CHECK_EQ(molecule->bonds[2].direction, DIRECTION_DOWN);
    molecule = parse("C%10CCCCC%10.[Na+].[O--]");
    REQUIRE(molecule);
    CHECK_EQ(molecule->ring_count, 1);
    CHECK_EQ(molecule->atoms[7].charge, -2);
    molecule = parse("[CH2]");
    REQUIRE(molecule);
    CHECK_EQ(molecule->atoms[0].radicals, 2);
}

static void bounds_are_told(void) {
    static char text[SMILES_BYTES_MAX + 2];
    memset(text, 'C', MOLECULE_ATOMS_MAX);
    REQUIRE(parse(text));
    text[MOLECULE_ATOMS_MAX] = 'C';
    wrong(text, "smiles.too_large", 0);
    memset(text, 'C', SMILES_BYTES_MAX + 1);
    wrong(text, "smiles.too_large", 0);
}

// Seven sugars in a ring: 135 shortest rings, as many as RDKit counts.
static void counts_every_way_round(void) {
    const struct molecule *molecule =
        parse("OCC1OC2OC3C(CO)OC(OC4C(CO)OC(OC5C(CO)OC(OC6C(CO)OC(OC7C(CO)OC(OC8C(CO)OC(OC1C(O)C2O)"
              "C(O)C8O)C(O)C7O)C(O)C6O)C(O)C5O)C(O)C4O)C(O)C3O");
    REQUIRE(molecule);
    CHECK_EQ(molecule->ring_count, 135);
}

static int parse_with_faults(void *context) {
    (void)context;
    struct arena *small = NULL;
    struct molecule *molecule = NULL;
    struct fault fault = {0};
    int status = 1;
    if (arena_open(MOLECULE_ARENA_BYTES, &small) != OK) return 1;
    enum err err = molecule_parse(STR("c1ccc2c(c1)[nH]c1ccccc12"), small, &molecule, &fault);
    if (err == OK) status = 0;
    if (err != OK) CHECK_EQ(err, ERR_MEMORY);
    arena_close(small);
    return status;
}

static void survives_lack_of_memory(void) {
    CHECK(check_faults(memory_fail_after, parse_with_faults, NULL) > 0);
}

int main(void) {
    if (arena_open(MOLECULE_ARENA_BYTES, &arena) != OK) return 1;
    CHECK_RUN(atoms_are_the_oracle_s);
    CHECK_RUN(errors_have_a_place);
    CHECK_RUN(reads_every_form);
    CHECK_RUN(bounds_are_told);
    CHECK_RUN(counts_every_way_round);
    CHECK_RUN(survives_lack_of_memory);
    arena_close(arena);
    return check_done();
}
