// Any bytes as text for the tagger: hits lie within it, in order, apart; with little room it says
// that there are more.
#include <stdlib.h>

#include "data/detect/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { ROOM = 4096 };
    static struct personal_hit hits[ROOM];
    struct str text = {(const char *)data, size};
    uint32_t kinds = PERSONAL_ALL | (size % 2 ? PERSONAL_PRIVACY : 0);
    size_t count = personal_scan(text, kinds, hits, ROOM), end = 0;
    for (size_t i = 0; i < count && i < ROOM; i++) {
        if (hits[i].start < end || hits[i].size == 0) abort();
        end = (size_t)hits[i].start + hits[i].size;
        if (end > size || hits[i].kind >= PERSONAL_KIND_COUNT) abort();
    }
    struct personal_hit one;
    size_t some = personal_scan(text, kinds, &one, 1);
    if ((count == 0) != (some == 0) || (count > 1 && some < 2)) abort();
    return 0;
}
