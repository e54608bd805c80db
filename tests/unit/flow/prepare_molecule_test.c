// A column of SMILES as features, and scaffolds as groups.
#include "check.h"
#include "flow/steps/prepare.h"
#include "pilot/molecule/molecule.h"

static struct arena *arena, *scratch;

static enum err read_step(const char *text, struct preparation *out, struct fault *fault) {
    struct json *node;
    *fault = (struct fault){0};
    if (json_parse(str_of(text), &node, fault) != OK) return ERR_INPUT;
    enum err err = preparation_read(node, arena, out, fault);
    json_close(node);
    return err;
}

static void a_molecule_becomes_bits_and_descriptors(void) {
    struct preparation made;
    struct fault fault;
    REQUIRE(read_step("{\"steps\":[{\"kind\":\"molecule\",\"column\":\"drug\",\"bits\":128}]}",
                      &made, &fault) == OK);
    const struct prepare_step *step = &made.steps[0];
    enum { DESCRIPTORS = 11, BITS = 128 };
    REQUIRE(step->feature_count == DESCRIPTORS + BITS);
    CHECK_TEXT(step->features[0].name, "drug:weight");
    CHECK_TEXT(step->features[1].name, "drug:logp");
    CHECK_TEXT(step->features[DESCRIPTORS].name, "drug:ecfp_0000");
    static float values[DESCRIPTORS + BITS][2];
    float *columns[DESCRIPTORS + BITS];
    struct cells cells = {.values = columns, .feature_count = DESCRIPTORS + BITS};
    for (int i = 0; i < DESCRIPTORS + BITS; i++) columns[i] = values[i];
    CHECK(prepare_fill(step, STR("CC(=O)Oc1ccccc1C(=O)O"), scratch, &cells, 0, 1));
    CHECK_NEAR(values[0][1], 180.159, 1e-3);
    CHECK_NEAR(values[1][1], 1.3101, 1e-3);
    uint32_t set = 0;
    for (int i = DESCRIPTORS; i < DESCRIPTORS + BITS; i++) set += values[i][1] == 1;
    CHECK(set > 15 && set <= 24);
    CHECK(!prepare_fill(step, STR("CC("), scratch, &cells, 0, 1));
    for (int i = 0; i < DESCRIPTORS + BITS; i++) CHECK(isnan(values[i][1]));
    CHECK_EQ(values[0][0], 0);
}

// All that the set bits contribute is shared out, and nothing else.
static void atoms_get_what_their_bits_contribute(void) {
    enum { DESCRIPTORS = 11, BITS = 2048 };
    static double given[DESCRIPTORS + BITS];
    static float values[DESCRIPTORS + BITS][1];
    float *columns[DESCRIPTORS + BITS];
    struct cells cells = {.values = columns, .feature_count = DESCRIPTORS + BITS};
    double out[8], sum = 0, wanted = 0;
    struct preparation made;
    struct molecule *molecule;
    struct fault fault;
    REQUIRE(read_step("{\"steps\":[{\"kind\":\"molecule\",\"column\":\"d\"}]}", &made, &fault) ==
            OK);
    for (int i = 0; i < DESCRIPTORS + BITS; i++) {
        columns[i] = values[i];
        given[i] = i * 0.5;
    }
    REQUIRE(prepare_fill(&made.steps[0], STR("CCCCO"), scratch, &cells, 0, 0));
    for (int i = DESCRIPTORS; i < DESCRIPTORS + BITS; i++) wanted += values[i][0] * given[i];
    REQUIRE(molecule_parse(STR("CCCCO"), scratch, &molecule, &fault) == OK);
    REQUIRE(prepare_molecule_atoms(&made.steps[0], molecule, given, out) == OK);
    for (int i = 0; i < 5; i++) sum += out[i];
    CHECK(wanted > 0);
    CHECK_NEAR(sum, wanted, 1e-9 * wanted);
}

static void options_are_checked(void) {
    static const char *const wrong[] = {
        "{\"steps\":[{\"kind\":\"molecule\",\"column\":\"d\",\"bits\":100}]}",
        "{\"steps\":[{\"kind\":\"molecule\",\"column\":\"d\",\"bits\":1000000}]}",
        "{\"steps\":[{\"kind\":\"molecule\",\"column\":\"d\",\"radius\":9}]}",
        "{\"steps\":[{\"kind\":\"molecule\",\"column\":\"d\",\"bits\":0,\"descriptors\":false}]}",
    };
    struct preparation made;
    struct fault fault;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_EQ(read_step(wrong[i], &made, &fault), ERR_INPUT);
        CHECK_STR(fault.code, "prepare.bad_option");
    }
    REQUIRE(read_step("{\"steps\":[{\"kind\":\"molecule\",\"column\":\"d\",\"bits\":0}]}", &made,
                      &fault) == OK);
    CHECK_EQ(made.steps[0].feature_count, 11);
}

static void scaffolds_are_groups(void) {
    bool by_scaffold;
    struct buf room;
    CHECK_TEXT(group_column(STR("drug:scaffold"), &by_scaffold), "drug");
    CHECK(by_scaffold);
    CHECK_TEXT(group_column(STR("drug"), &by_scaffold), "drug");
    CHECK(!by_scaffold);
    buf_open(&room, 1 << 16);
    CHECK_TEXT(group_of_smiles(STR("CCc1ccccc1"), scratch, &room), "c1ccccc1");
    CHECK_TEXT(group_of_smiles(STR("Cc1cc(N)ccc1"), scratch, &room), "c1ccccc1");
    CHECK_TEXT(group_of_smiles(STR("CCO"), scratch, &room), "");
    CHECK_TEXT(group_of_smiles(STR("nonsense"), scratch, &room), "nonsense");
    buf_close(&room);
}

int main(void) {
    if (arena_open(64 << 20, &arena) != OK) return 1;
    if (arena_open(PREPARE_SCRATCH_BYTES, &scratch) != OK) return 1;
    CHECK_RUN(a_molecule_becomes_bits_and_descriptors);
    CHECK_RUN(atoms_get_what_their_bits_contribute);
    CHECK_RUN(options_are_checked);
    CHECK_RUN(scaffolds_are_groups);
    arena_close(arena);
    arena_close(scratch);
    return check_done();
}
