// Where to look closer: the plain loop, and which of the two to take.
#include "data/language/normalise_private.h"

void look_prepare(struct look *look) {
    for (int low = 0; low < 16; low++) {
        look->high[low] = 0;
        for (int k = 0; k < LOOK_COUNT; k++) look->low[k][low] = 0;
        for (int high = 0; high < 8; high++) {
            uint8_t is = look->classes[high << 4 | low];
            for (int k = 0; k < LOOK_COUNT; k++) {
                look->low[k][low] |= (uint8_t)((is >> k & 1) << high);
            }
            uint8_t always = look->classes[0x80 | high << 4 | low] & LOOK_ALWAYS;
            look->high[low] |= (uint8_t)(always << high);
        }
    }
}

size_t look_next_plain(const struct look *look, const uint8_t *data, size_t at, size_t size) {
    for (; at < size; at++) {
        uint8_t is = look->classes[data[at]];
        if (is == 0) continue;
        uint8_t before = data[at - 1];
        if (is & LOOK_ALWAYS) return at;
        if ((is & LOOK_REPEATED) && before == data[at]) return at;
        if ((is & LOOK_BLANK) && (look->classes[before] & LOOK_BLANK)) return at;
        if ((is & LOOK_BEHIND_HIGH) && before >= 0x80) return at;
    }
    return size;
}

size_t look_next(const struct look *look, const uint8_t *data, size_t at, size_t size) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return look_next_avx2(look, data, at, size);
#endif
    return look_next_plain(look, data, at, size);
}
