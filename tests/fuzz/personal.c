// Any bytes as text: hits lie within it, in order, apart, and a small room finds the same number.
#include <stdlib.h>

#include "data/detect/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { ROOM = 4096 };
    static struct personal_hit hits[ROOM];
    struct str text = {(const char *)data, size};
    size_t count = personal_scan(text, PERSONAL_IDENTIFIERS, hits, ROOM), end = 0;
    if (personal_scan(text, PERSONAL_IDENTIFIERS, hits, 1) != count) abort();
    count = personal_scan(text, PERSONAL_IDENTIFIERS, hits, ROOM);
    for (size_t i = 0; i < count && i < ROOM; i++) {
        if (hits[i].start < end || hits[i].size == 0) abort();
        end = (size_t)hits[i].start + hits[i].size;
        if (end > size || hits[i].kind >= PERSONAL_KIND_COUNT) abort();
    }
    return 0;
}
