// Drawings: atoms a bond apart and off each other, and SVG that is well formed and stays in bounds.
#include <stdlib.h>

#include "check.h"
#include "oracle.h"
#include "pilot/molecule/molecule_private.h"

static struct arena *arena;

static const struct molecule *parse(const char *smiles) {
    struct molecule *molecule = NULL;
    struct fault fault = {0};
    arena_reset(arena);
    return molecule_parse(str_of(smiles), arena, &molecule, &fault) == OK ? molecule : NULL;
}

static double apart(struct point a, struct point b) {
    return hypot(a.x - b.x, a.y - b.y);
}

static void atoms_lie_apart(void) {
    uint32_t drawn = 0, crowded = 0, bent = 0;
    for (size_t i = 0; i < sizeof oracle / sizeof *oracle; i++) {
        const struct molecule *molecule = parse(oracle[i].smiles);
        const struct point *at;
        double nearest = 9, longest = 0;
        if (!molecule) continue;
        REQUIRE(molecule_layout(molecule, &at) == OK);
        for (uint32_t a = 0; a < molecule->atom_count; a++) {
            CHECK(isfinite(at[a].x) && isfinite(at[a].y));
            for (uint32_t b = 0; b < a; b++) nearest = fmin(nearest, apart(at[a], at[b]));
        }
        for (uint32_t b = 0; b < molecule->bond_count; b++) {
            double length = apart(at[molecule->bonds[b].from], at[molecule->bonds[b].to]);
            longest = fmax(longest, fabs(length - 1));
        }
        drawn++;
        crowded += nearest < 0.3;
        bent += longest > 0.05;
    }
    CHECK(drawn > 180 && crowded < drawn / 20 && bent < drawn / 10);
}

// Benzene is a regular hexagon, a chain bends by 120 degrees.
static void shapes_are_regular(void) {
    const struct point *at;
    const struct molecule *molecule = parse("c1ccccc1");
    REQUIRE(molecule && molecule_layout(molecule, &at) == OK);
    for (int i = 0; i < 6; i++) {
        CHECK_NEAR(apart(at[i], at[(i + 1) % 6]), 1, 1e-9);
        CHECK_NEAR(apart(at[i], at[(i + 3) % 6]), 2, 1e-9);
    }
    molecule = parse("CCCC");
    REQUIRE(molecule && molecule_layout(molecule, &at) == OK);
    CHECK_NEAR(apart(at[0], at[2]), sqrt(3), 1e-9);
    CHECK_NEAR(apart(at[0], at[3]), sqrt(7), 1e-9);
    molecule = parse("CC#CC");
    REQUIRE(molecule && molecule_layout(molecule, &at) == OK);
    CHECK_NEAR(apart(at[0], at[3]), 3, 1e-9);
}

// Every element opened is closed, in order.
static bool is_well_formed(struct str svg) {
    const char *open[16];
    uint32_t depth = 0;
    for (size_t i = 0; i < svg.size; i++) {
        if (svg.data[i] != '<') continue;
        const char *name = svg.data + i + 1, *end = memchr(name, '>', svg.size - i - 1);
        if (!end) return false;
        size_t size = strcspn(name, " >/");
        if (*name == '/') {
            size = (size_t)(end - name - 1);
            if (depth == 0 || memcmp(open[--depth], name + 1, size) != 0) return false;
        } else if (end[-1] != '/') {
            if (depth == 16) return false;
            open[depth++] = name;
        }
        if (memchr(name, '<', (size_t)(end - name)) || size == 0) return false;
    }
    return depth == 0;
}

static void pictures_are_whole(void) {
    static double weights[MOLECULE_ATOMS_MAX];
    struct buf svg;
    buf_open(&svg, 1 << 20);
    for (size_t i = 0; i < sizeof oracle / sizeof *oracle; i++) {
        const struct molecule *molecule = parse(oracle[i].smiles);
        if (!molecule) continue;
        for (uint32_t a = 0; a < molecule->atom_count; a++) weights[a] = (double)a - 3;
        buf_clear(&svg);
        CHECK_EQ(molecule_draw(molecule, 300, 200, weights, &svg), OK);
        CHECK(is_well_formed(buf_str(&svg)));
        buf_add_char(&svg, '\0');
        CHECK(!strstr(svg.data, "nan") && !strstr(svg.data, "inf") && !strstr(svg.data, "script"));
    }
    const struct molecule *molecule = parse("CCO");
    buf_clear(&svg);
    REQUIRE(molecule && molecule_draw(molecule, 300, 200, NULL, &svg) == OK);
    buf_add_char(&svg, '\0');
    CHECK(strstr(svg.data, "<title>"));
    CHECK(strstr(svg.data, "HO") || strstr(svg.data, "OH"));
    CHECK(!strstr(svg.data, "<circle"));
    buf_close(&svg);
}

int main(void) {
    if (arena_open(MOLECULE_ARENA_BYTES, &arena) != OK) return 1;
    CHECK_RUN(atoms_lie_apart);
    CHECK_RUN(shapes_are_regular);
    CHECK_RUN(pictures_are_whole);
    arena_close(arena);
    return check_done();
}
