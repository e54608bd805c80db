#include "data/cleanse/fingerprint_private.h"

#include <string.h>

#include "base/memory.h"

// Odd constants from the fractional digits of square roots.
static const uint64_t FACTOR_HIGH = 0xBB67AE8584CAA73Bu, FACTOR_LOW = 0x9B05688C2B3E6C1Fu;

// The two halves of a 128-bit product, folded: every bit of `a` reaches every bit of the result.
static uint64_t fold(uint64_t a, uint64_t factor) {
    unsigned __int128 product = (unsigned __int128)a * factor;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

struct fingerprint fingerprint_start(void) {
    return (struct fingerprint){0x6A09E667F3BCC908u, 0x3C6EF372FE94F82Bu};
}

void fingerprint_add_word(struct fingerprint *fingerprint, uint64_t word) {
    fingerprint->high = fold(fingerprint->high ^ word, FACTOR_HIGH) + 0x510E527FADE682D1u;
    fingerprint->low = fold(fingerprint->low + word, FACTOR_LOW) ^ 0x1F83D9ABFB41BD6Bu;
}

void fingerprint_add_bytes(struct fingerprint *fingerprint, const void *data, size_t size) {
    const uint8_t *bytes = data;
    size_t left = size;
    for (; left >= 8; bytes += 8, left -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        fingerprint_add_word(fingerprint, word);
    }
    uint64_t last = 0;
    for (size_t i = 0; i < left; i++) last |= (uint64_t)bytes[i] << (8 * i);
    fingerprint_add_word(fingerprint, last);
    fingerprint_add_word(fingerprint, size);
}

void fingerprint_add_cell(struct fingerprint *fingerprint, const struct column *column,
                          uint32_t row) {
    if (!column_valid(column, row)) {
        fingerprint_add_word(fingerprint, 0xA54FF53A5F1D36F1u);
        return;
    }
    switch (column->type) {
    case COLUMN_TEXT: {
        struct str cell = column_text(column, row);
        fingerprint_add_bytes(fingerprint, cell.data, cell.size);
        break;
    }
    case COLUMN_NUMBER: {
        double value = column->numbers[row] == 0 ? 0 : column->numbers[row];
        uint64_t word;
        memcpy(&word, &value, 8);
        fingerprint_add_word(fingerprint, word);
        break;
    }
    case COLUMN_BOOLEAN: fingerprint_add_word(fingerprint, column->booleans[row]); break;
    default: fingerprint_add_word(fingerprint, (uint64_t)column->integers[row]); break;
    }
}

uint64_t fingerprint_64(const struct fingerprint *fingerprint) {
    return fold(fingerprint->high ^ (fingerprint->low >> 32 | fingerprint->low << 32), FACTOR_LOW);
}

// ---- the set ------------------------------------------------------------------------------------

enum { SET_PARTS = 256, SET_ROOM_START = 64 };

struct set_part {
    struct fingerprint *entries; // (room), open addressing; all zero: free
    uint64_t room, count;        // room is a power of two
};
struct fingerprint_set {
    struct set_part parts[SET_PARTS];
    uint64_t count;
};

enum err fingerprint_set_open(struct fingerprint_set **out) {
    struct fingerprint_set *set = memory_take(sizeof *set);
    if (!set) return ERR_MEMORY;
    *out = set;
    return OK;
}

void fingerprint_set_close(struct fingerprint_set *set) {
    if (!set) return;
    for (int i = 0; i < SET_PARTS; i++) memory_give(set->parts[i].entries);
    memory_give(set);
}

uint64_t fingerprint_set_count(const struct fingerprint_set *set) {
    return set->count;
}

// The place of the entry, or the free place where it belongs.
static struct fingerprint *part_place(const struct set_part *part, struct fingerprint wanted) {
    uint64_t at = wanted.low & (part->room - 1);
    for (;;) {
        struct fingerprint *entry = &part->entries[at];
        bool is_free = entry->high == 0 && entry->low == 0;
        if (is_free || (entry->high == wanted.high && entry->low == wanted.low)) return entry;
        at = (at + 1) & (part->room - 1);
    }
}

static enum err part_grow(struct set_part *part) {
    struct set_part grown = {.room = part->room ? part->room * 2 : SET_ROOM_START,
                             .count = part->count};
    grown.entries = memory_take(grown.room * sizeof *grown.entries);
    if (!grown.entries) return ERR_MEMORY;
    for (uint64_t i = 0; i < part->room; i++) {
        struct fingerprint entry = part->entries[i];
        if (entry.high || entry.low) *part_place(&grown, entry) = entry;
    }
    memory_give(part->entries);
    *part = grown;
    return OK;
}

enum err fingerprint_set_add(struct fingerprint_set *set, struct fingerprint fingerprint,
                             bool *added) {
    if (fingerprint.high == 0 && fingerprint.low == 0) fingerprint.low = 1; // zero means free
    struct set_part *part = &set->parts[fingerprint.high >> 56];
    // At most four fifths full.
    if (part->count * 5 >= part->room * 4) {
        enum err err = part_grow(part);
        if (err != OK) return err;
    }
    struct fingerprint *place = part_place(part, fingerprint);
    *added = place->high == 0 && place->low == 0;
    if (*added) {
        *place = fingerprint;
        part->count++;
        set->count++;
    }
    return OK;
}
