// The k most similar of many: a short list kept in order while they pass by.
#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

void similar_offer(struct similar *best, uint32_t most, uint32_t *count, struct similar offered) {
    if (*count == most && (most == 0 || offered.similarity <= best[most - 1].similarity)) return;
    uint32_t at = *count < most ? (*count)++ : most - 1;
    while (at && best[at - 1].similarity < offered.similarity) {
        best[at] = best[at - 1];
        at--;
    }
    best[at] = offered;
}
