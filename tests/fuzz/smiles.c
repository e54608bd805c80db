// Any text as SMILES: it gives a molecule whose parts fit together, or a fault with a place in the
// text. What was read is written canonically and read again as the same text, drawn and described.
#include <stdlib.h>

#include "pilot/molecule/molecule_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rings_check(const struct molecule *molecule) {
    for (uint32_t r = 0; r < molecule->ring_count; r++) {
        const struct ring *ring = &molecule->rings[r];
        if (ring->size < 3) abort();
        for (uint32_t i = 0; i < ring->size; i++) {
            const struct bond *bond = &molecule->bonds[ring->bonds[i]];
            uint16_t a = ring->atoms[i], b = ring->atoms[(i + 1) % ring->size];
            if ((bond->from != a || bond->to != b) && (bond->from != b || bond->to != a)) abort();
            if (!bond->ring || !molecule->atoms[a].ring) abort();
        }
    }
}

// Written and read again it is the same molecule, so it is written the same.
static void again_check(const struct molecule *molecule, struct arena *arena) {
    struct buf first, second;
    struct molecule *again;
    struct fault fault = {0};
    buf_open(&first, 1 << 20);
    buf_open(&second, 1 << 20);
    enum err err = molecule_smiles(molecule, &first);
    if (err == OK && first.size <= SMILES_BYTES_MAX) {
        if (molecule_parse(buf_str(&first), arena, &again, &fault) != OK) abort();
        if (again->atom_count != molecule->atom_count) abort();
        if (again->bond_count != molecule->bond_count) abort();
        if (molecule_smiles(again, &second) != OK) abort();
    }
    buf_close(&first);
    buf_close(&second);
}

static void draw_check(const struct molecule *molecule) {
    double values[DESCRIPTOR_COUNT];
    uint64_t bits[FINGERPRINT_BITS / 64];
    struct buf svg;
    molecule_descriptors(molecule, values);
    if (molecule_fingerprint(molecule, 2, FINGERPRINT_BITS, bits) != OK) abort();
    buf_open(&svg, 1 << 20);
    enum err err = molecule_draw(molecule, 300, 200, NULL, &svg);
    if (err != OK && err != ERR_LIMIT) abort();
    buf_clear(&svg);
    (void)!molecule_scaffold(molecule, &svg);
    buf_close(&svg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena, *other;
    struct molecule *molecule = NULL;
    struct fault fault = {0};
    if (arena_open(MOLECULE_ARENA_BYTES, &arena) != OK) abort();
    if (arena_open(MOLECULE_ARENA_BYTES, &other) != OK) abort();
    enum err err = molecule_parse((struct str){(const char *)data, size}, arena, &molecule, &fault);
    if ((err == OK) != (fault.code[0] == '\0') || (err == OK) != (molecule != NULL)) abort();
    if (err == ERR_MEMORY || fault.column > size + 1) abort();
    if (err == OK) {
        rings_check(molecule);
        again_check(molecule, other);
        draw_check(molecule);
    }
    arena_close(other);
    arena_close(arena);
    return 0;
}
