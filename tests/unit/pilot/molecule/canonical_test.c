// The writer: text that reads back as the same molecule, whatever order its atoms had; scaffolds
// against RDKit's; substructures and the list of the most similar.
#include "check.h"
#include "oracle.h"
#include "pilot/molecule/molecule_private.h"

static struct arena *arena, *other;

static const struct molecule *parse(struct str smiles, struct arena *in) {
    struct molecule *molecule = NULL;
    struct fault fault = {0};
    return molecule_parse(smiles, in, &molecule, &fault) == OK ? molecule : NULL;
}

static void write_shuffled(const struct molecule *molecule, struct buf *out) {
    static uint32_t rank[MOLECULE_ATOMS_MAX];
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        uint64_t at = check_below(i + 1);
        rank[i] = rank[at];
        rank[at] = i;
    }
    CHECK_EQ(smiles_write(molecule, rank, out), OK);
}

static void order_of_writing_is_no_matter(void) {
    struct buf first, shuffled, again;
    buf_open(&first, 1 << 16);
    buf_open(&shuffled, 1 << 16);
    buf_open(&again, 1 << 16);
    for (size_t i = 0; i < sizeof oracle / sizeof *oracle; i++) {
        arena_reset(arena);
        const struct molecule *molecule = parse(str_of(oracle[i].smiles), arena);
        if (!molecule) continue;
        buf_clear(&first);
        CHECK_EQ(molecule_smiles(molecule, &first), OK);
        for (int round = 0; round < 5; round++) {
            arena_reset(other);
            buf_clear(&shuffled);
            buf_clear(&again);
            write_shuffled(molecule, &shuffled);
            const struct molecule *back = parse(buf_str(&shuffled), other);
            if (!CHECK(back != NULL)) continue;
            CHECK_EQ(back->atom_count, molecule->atom_count);
            CHECK_EQ(molecule_smiles(back, &again), OK);
            CHECK_BYTES(again.data, again.size, first.data, first.size);
        }
    }
    buf_close(&first);
    buf_close(&shuffled);
    buf_close(&again);
}

static void scaffolds_are_the_oracle_s(void) {
    struct buf got, want;
    buf_open(&got, 1 << 16);
    buf_open(&want, 1 << 16);
    uint32_t compared = 0;
    for (size_t i = 0; i < sizeof oracle / sizeof *oracle; i++) {
        arena_reset(arena);
        const struct molecule *molecule = parse(str_of(oracle[i].smiles), arena);
        if (!molecule || !oracle[i].scaffold) continue;
        buf_clear(&got);
        buf_clear(&want);
        CHECK_EQ(molecule_scaffold(molecule, &got), OK);
        const struct molecule *scaffold = parse(str_of(oracle[i].scaffold), arena);
        if (scaffold) CHECK_EQ(molecule_smiles(scaffold, &want), OK);
        CHECK_BYTES(got.data, got.size, want.data, want.size);
        compared += scaffold != NULL;
    }
    CHECK(compared > 100);
    buf_close(&got);
    buf_close(&want);
}

static uint32_t marked(const char *smiles, const char *pattern, const char *wanted) {
    bool marks[64];
    char text[65] = "";
    uint32_t matches = 0;
    arena_reset(arena);
    const struct molecule *molecule = parse(str_of(smiles), arena);
    const struct molecule *query = parse(str_of(pattern), arena);
    if (!CHECK(molecule && query)) return 0;
    CHECK_EQ(molecule_substructure(molecule, query, marks, &matches), OK);
    for (uint32_t i = 0; i < molecule->atom_count; i++) text[i] = marks[i] ? 'x' : '-';
    text[molecule->atom_count] = '\0';
    CHECK_STR(text, wanted);
    return matches;
}

static void finds_substructures(void) {
    CHECK_EQ(marked("CC(=O)Oc1ccccc1C(=O)O", "C(=O)O", "-xxx------xxx"), 2);
    CHECK_EQ(marked("CC(=O)Oc1ccccc1C(=O)O", "C1=CC=CC=C1", "----xxxxxx---"), 1);
    CHECK_EQ(marked("C1CCCCC1", "c1ccccc1", "------"), 0);
    CHECK_EQ(marked("CCO.CCN", "*N", "----xx"), 1);
    CHECK_EQ(marked("CC[N+](=O)[O-]", "[N+](=O)[O-]", "--xxx"), 1);
    CHECK_EQ(marked("CCN", "[N+]", "---"), 0);
    CHECK_EQ(marked("CCOCC", "CC.CC", "xx-xx"), 1);
    CHECK_EQ(marked("c1ccccc1-c1ccccc1", "c1ccccc1", "xxxxxxxxxxxx"), 2);
    CHECK_EQ(marked("CCCC", "CC", "xxxx"), 3);
}

// A pattern that a symmetric molecule almost holds is given up, not searched for ever.
static void hard_patterns_end(void) {
    bool marks[MOLECULE_ATOMS_MAX];
    uint32_t matches = 0;
    arena_reset(arena);
    const struct molecule *molecule = parse(STR("C.C.C.C.C.C.C.C.C.C.C.C.C.C.C.C"), arena);
    const struct molecule *query = parse(STR("C.C.C.C.C.C.C.C.C.C.C.C.C.C.C.N"), arena);
    REQUIRE(molecule && query);
    CHECK_EQ(molecule_substructure(molecule, query, marks, &matches), ERR_LIMIT);
    CHECK_EQ(matches, 0);
}

static void keeps_the_most_similar(void) {
    struct similar best[3];
    static const double given[] = {0.2, 0.5, 0.5, 0.1, 0.9, 0.5};
    uint32_t count = 0;
    for (uint64_t i = 0; i < 6; i++) similar_offer(best, 3, &count, (struct similar){i, given[i]});
    CHECK_EQ(count, 3);
    CHECK_EQ(best[0].row, 4);
    CHECK_EQ(best[1].row, 1);
    CHECK_EQ(best[2].row, 2);
}

int main(void) {
    if (arena_open(MOLECULE_ARENA_BYTES, &arena) != OK) return 1;
    if (arena_open(MOLECULE_ARENA_BYTES, &other) != OK) return 1;
    CHECK_RUN(order_of_writing_is_no_matter);
    CHECK_RUN(scaffolds_are_the_oracle_s);
    CHECK_RUN(finds_substructures);
    CHECK_RUN(hard_patterns_end);
    CHECK_RUN(keeps_the_most_similar);
    arena_close(arena);
    arena_close(other);
    return check_done();
}
