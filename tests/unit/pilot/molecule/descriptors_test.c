// Descriptors and fingerprints against RDKit's saved answers.
#include <stdlib.h>

#include "check.h"
#include "oracle.h"
#include "pilot/molecule/molecule.h"

static struct arena *arena;

static const struct molecule *parse(const char *smiles) {
    struct molecule *molecule = NULL;
    struct fault fault = {0};
    arena_reset(arena);
    return molecule_parse(str_of(smiles), arena, &molecule, &fault) == OK ? molecule : NULL;
}

static void descriptors_are_the_oracle_s(void) {
    for (size_t i = 0; i < sizeof oracle / sizeof *oracle; i++) {
        const struct molecule *molecule = parse(oracle[i].smiles);
        if (!molecule || !oracle[i].atoms) continue;
        double got[DESCRIPTOR_COUNT];
        molecule_descriptors(molecule, got);
        for (uint32_t d = 0; d < DESCRIPTOR_COUNT; d++) {
            bool same = CHECK_NEAR(got[d], oracle[i].values[d], 1e-3);
            if (!same) printf("%s of %s\n", descriptor_name(d), oracle[i].smiles);
        }
    }
}

static int number_order(const void *a, const void *b) {
    const struct environment *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void environments_are_as_many(void) {
    for (size_t i = 0; i < sizeof oracle / sizeof *oracle; i++) {
        const struct molecule *molecule = parse(oracle[i].smiles);
        const struct environment *found;
        static struct environment sorted[4 * MOLECULE_ATOMS_MAX];
        uint32_t count, distinct = 0;
        if (!molecule || !oracle[i].atoms) continue;
        REQUIRE(molecule_environments(molecule, 2, &found, &count) == OK);
        memcpy(sorted, found, count * sizeof *found);
        qsort(sorted, count, sizeof *sorted, number_order);
        for (uint32_t e = 0; e < count; e++) {
            distinct += e == 0 || sorted[e].number != sorted[e - 1].number;
        }
        CHECK_EQ(distinct, oracle[i].features);
    }
}

// Both fold into 2,048 bits, but different bits fall together.
static void similarity_is_near(void) {
    uint64_t before[FINGERPRINT_BITS / 64], now[FINGERPRINT_BITS / 64];
    double worst = 0, sum = 0;
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof oracle / sizeof *oracle; i++) {
        const struct molecule *molecule = parse(oracle[i].smiles);
        if (!molecule || !oracle[i].atoms) continue;
        REQUIRE(molecule_fingerprint(molecule, 2, FINGERPRINT_BITS, now) == OK);
        if (count == 0) memcpy(before, now, sizeof now);
        double off =
            fabs(fingerprint_similarity(now, before, FINGERPRINT_BITS) - oracle[i].similarity);
        sum += off;
        worst = off > worst ? off : worst;
        memcpy(before, now, sizeof now);
        count++;
    }
    CHECK(count > 180 && worst < 0.12 && sum / count < 0.01);
}

// The same molecule written twice has the same environments; another has others.
static void order_of_writing_is_no_matter(void) {
    static const char *const same[] = {"CC(=O)Oc1ccccc1C(=O)O", "OC(=O)c1c(OC(C)=O)cccc1",
                                       "O=C(C)OC1=CC=CC=C1C(O)=O"};
    uint64_t first[FINGERPRINT_BITS / 64], other[FINGERPRINT_BITS / 64];
    for (size_t i = 0; i < 3; i++) {
        const struct molecule *molecule = parse(same[i]);
        REQUIRE(molecule);
        REQUIRE(molecule_fingerprint(molecule, 2, FINGERPRINT_BITS, i ? other : first) == OK);
        if (i) CHECK_NEAR(fingerprint_similarity(first, other, FINGERPRINT_BITS), 1, 0);
    }
    REQUIRE(molecule_fingerprint(parse("CCO"), 2, FINGERPRINT_BITS, other) == OK);
    CHECK(fingerprint_similarity(first, other, FINGERPRINT_BITS) < 0.3);
}

static void isotopes_and_water(void) {
    double got[DESCRIPTOR_COUNT];
    molecule_descriptors(parse("[2H]O[2H]"), got);
    CHECK_NEAR(got[DESCRIPTOR_WEIGHT], 20.027, 1e-3);
    molecule_descriptors(parse("O"), got);
    CHECK_NEAR(got[DESCRIPTOR_LOGP], -0.8247, 1e-4);
    CHECK_EQ(got[DESCRIPTOR_HEAVY_ATOMS], 1);
}

int main(void) {
    if (arena_open(MOLECULE_ARENA_BYTES, &arena) != OK) return 1;
    CHECK_RUN(descriptors_are_the_oracle_s);
    CHECK_RUN(environments_are_as_many);
    CHECK_RUN(similarity_is_near);
    CHECK_RUN(order_of_writing_is_no_matter);
    CHECK_RUN(isotopes_and_water);
    arena_close(arena);
    return check_done();
}
