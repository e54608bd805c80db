// Any bytes as text: hits lie within it, in order, apart, and a small room finds the same number.
#include <stdlib.h>

#include "data/detect/detect.h"
#include "data/detect/digits_private.h"
#include "data/detect/finders_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { ROOM = 4096 };
    static struct personal_hit hits[ROOM];
    struct str text = {(const char *)data, size};
    size_t count = personal_scan(text, PERSONAL_IDENTIFIERS, hits, ROOM), end = 0;
    if (personal_scan(text, PERSONAL_IDENTIFIERS, hits, 1) != count) abort();
    if (personal_scan_plain(text, PERSONAL_IDENTIFIERS, hits, 0) != count) abort();
    // What only one kind is asked for is found among all, unless another hides it.
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        if (!(PERSONAL_IDENTIFIERS & PERSONAL_BIT(kind))) continue;
        size_t alone = personal_scan(text, PERSONAL_BIT(kind), hits, ROOM);
        for (size_t i = 0; i < alone && i < ROOM; i++) {
            if (hits[i].kind != (enum personal_kind)kind) abort();
        }
        enum personal_kind whole;
        (void)personal_whole(text, PERSONAL_BIT(kind), &whole);
    }
    if (anchor_find(text, 0) != anchor_find_plain(text, 0)) abort();
    count = personal_scan(text, PERSONAL_IDENTIFIERS, hits, ROOM);
    for (size_t i = 0; i < count && i < ROOM; i++) {
        if (hits[i].start < end || hits[i].size == 0) abort();
        end = (size_t)hits[i].start + hits[i].size;
        if (end > size || hits[i].kind >= PERSONAL_KIND_COUNT) abort();
        if (hits[i].confidence < 1 || hits[i].confidence > 100) abort();
    }
    return 0;
}
