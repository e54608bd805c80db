// Any text as SMILES: it gives a molecule whose parts fit together, or a fault with a place in the
// text.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena;
    struct molecule *molecule = NULL;
    struct fault fault = {0};
    if (arena_open(MOLECULE_ARENA_BYTES, &arena) != OK) abort();
    enum err err = molecule_parse((struct str){(const char *)data, size}, arena, &molecule, &fault);
    if ((err == OK) != (fault.code[0] == '\0') || (err == OK) != (molecule != NULL)) abort();
    if (err == ERR_MEMORY || fault.column > size + 1) abort();
    if (err == OK) rings_check(molecule);
    arena_close(arena);
    return 0;
}
