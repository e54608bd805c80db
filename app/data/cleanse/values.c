// Counts by value and the number of different ones.
#include <math.h>

#include "base/memory.h"
#include "data/cleanse/sketch_private.h"

void values_open(struct values *values, uint64_t limit) {
    *values = (struct values){.limit = limit};
}

void values_close(struct values *values) {
    memory_give(values->entries);
    values_open(values, values->limit);
}

static struct value_entry *place_of(const struct values *values, uint64_t hash) {
    uint64_t at = hash >> 7 & (values->room - 1);
    while (values->entries[at].hash && values->entries[at].hash != hash) {
        at = (at + 1) & (values->room - 1);
    }
    return &values->entries[at];
}

static enum err values_grow(struct values *values) {
    struct values grown = {
        .room = values->room ? values->room * 2 : 64, .used = values->used, .limit = values->limit};
    grown.entries = memory_take(grown.room * sizeof *grown.entries);
    if (!grown.entries) return ERR_MEMORY;
    for (uint64_t i = 0; i < values->room; i++) {
        struct value_entry entry = values->entries[i];
        if (entry.hash) *place_of(&grown, entry.hash) = entry;
    }
    memory_give(values->entries);
    *values = grown;
    return OK;
}

enum err values_add(struct values *values, uint64_t hash, uint64_t row, bool *full) {
    if (hash == 0) hash = 1u << 30; // 0 means free; the lowest bits stay a sample's
    *full = false;
    if (values->used * 4 >= values->room * 3) {
        enum err err = values_grow(values);
        if (err != OK) return err;
    }
    struct value_entry *entry = place_of(values, hash);
    if (entry->hash) {
        entry->count++;
    } else if (values->used == values->limit) {
        *full = true;
    } else {
        *entry = (struct value_entry){hash, 1, row};
        values->used++;
    }
    return OK;
}

static bool more_frequent(const struct value_entry *a, const struct value_entry *b) {
    return a->count > b->count || (a->count == b->count && a->row < b->row);
}

static bool earlier(const struct value_entry *a, const struct value_entry *b) {
    return a->row < b->row;
}

// The first few of all entries by an order, by insertion.
static uint32_t select_first(const struct values *values, struct value_entry *out, uint32_t most,
                             bool (*before)(const struct value_entry *,
                                            const struct value_entry *)) {
    uint32_t count = 0;
    for (uint64_t i = 0; i < values->room && most > 0; i++) {
        const struct value_entry *entry = &values->entries[i];
        if (!entry->hash || (count == most && !before(entry, &out[count - 1]))) continue;
        uint32_t at = count < most ? count++ : most - 1;
        for (; at > 0 && before(entry, &out[at - 1]); at--) out[at] = out[at - 1];
        out[at] = *entry;
    }
    return count;
}

uint32_t values_top(const struct values *values, struct value_entry *out, uint32_t count_most) {
    return select_first(values, out, count_most, more_frequent);
}

uint32_t values_first(const struct values *values, struct value_entry *out, uint32_t count_most) {
    return select_first(values, out, count_most, earlier);
}

enum err values_sample(struct values *values, uint32_t shift) {
    uint64_t mask = ((uint64_t)1 << shift) - 1;
    struct values sampled = {.room = values->room, .limit = values->limit};
    if (!values->room) return OK;
    sampled.entries = memory_take(sampled.room * sizeof *sampled.entries);
    if (!sampled.entries) return ERR_MEMORY;
    for (uint64_t i = 0; i < values->room; i++) {
        struct value_entry entry = values->entries[i];
        if (!entry.hash || (entry.hash & mask)) continue;
        *place_of(&sampled, entry.hash) = entry;
        sampled.used++;
    }
    memory_give(values->entries);
    *values = sampled;
    return OK;
}

// ---- distinct -----------------------------------------------------------------------------------

enum err distinct_open(struct distinct *distinct) {
    distinct->registers = memory_take(DISTINCT_REGISTERS);
    return distinct->registers ? OK : ERR_MEMORY;
}

void distinct_close(struct distinct *distinct) {
    memory_give(distinct->registers);
    distinct->registers = NULL;
}

void distinct_add(struct distinct *distinct, uint64_t hash) {
    uint64_t index = hash >> (64 - DISTINCT_BITS);
    uint64_t rest = hash << DISTINCT_BITS | (uint64_t)1 << (DISTINCT_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    if (rank > distinct->registers[index]) distinct->registers[index] = rank;
}

static double sigma(double x) {
    if (x == 1) return INFINITY;
    double y = 1, z = x, last;
    do {
        x *= x;
        last = z;
        z += x * y;
        y += y;
    } while (z != last);
    return z;
}

static double tau(double x) {
    if (x == 0 || x == 1) return 0;
    double y = 1, z = 1 - x, last;
    do {
        x = sqrt(x);
        last = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != last);
    return z / 3;
}

double distinct_estimate(const struct distinct *distinct) {
    enum { RANKS = 64 - DISTINCT_BITS + 2 };
    uint32_t registers_of[RANKS] = {0};
    for (int i = 0; i < DISTINCT_REGISTERS; i++) registers_of[distinct->registers[i]]++;
    double m = DISTINCT_REGISTERS;
    double z = m * tau(1 - registers_of[RANKS - 1] / m);
    for (int k = RANKS - 2; k >= 1; k--) z = 0.5 * (z + registers_of[k]);
    z += m * sigma(registers_of[0] / m);
    return m * m / (2 * 0.69314718055994530942) / z;
}
