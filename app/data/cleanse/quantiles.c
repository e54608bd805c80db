// Quantiles: all keys sorted, or a KLL sketch of them.
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "data/cleanse/sketch_private.h"

uint64_t key_of_integer(int64_t value) {
    return (uint64_t)value ^ (uint64_t)1 << 63;
}

int64_t integer_of_key(uint64_t key) {
    return (int64_t)(key ^ (uint64_t)1 << 63);
}

// IEEE 754: positive numbers order like their bits, negative ones the other way round.
uint64_t key_of_number(double value) {
    uint64_t bits;
    if (value == 0) value = 0; // -0
    memcpy(&bits, &value, 8);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

double number_of_key(uint64_t key) {
    uint64_t bits = key >> 63 ? key & ~((uint64_t)1 << 63) : ~key;
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

// Least significant byte first; passes in which all keys have the same byte are left out.
void keys_sort(uint64_t *keys, uint64_t *scratch, uint64_t count) {
    uint64_t *from = keys, *to = scratch;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint64_t starts[256] = {0}, at = 0;
        for (uint64_t i = 0; i < count; i++) starts[from[i] >> shift & 255]++;
        if (count && starts[from[0] >> shift & 255] == count) continue;
        for (int byte = 0; byte < 256; byte++) {
            uint64_t here = starts[byte];
            starts[byte] = at;
            at += here;
        }
        for (uint64_t i = 0; i < count; i++) to[starts[from[i] >> shift & 255]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys && count) memcpy(keys, from, count * sizeof *keys);
}

void quantiles_open(struct quantiles *quantiles, uint64_t exact_limit, uint32_t width) {
    *quantiles = (struct quantiles){
        .exact_limit = exact_limit, .exact = true, .width = width, .coin = 0x9E3779B97F4A7C15u};
}

void quantiles_close(struct quantiles *quantiles) {
    memory_give(quantiles->keys);
    memory_give(quantiles->sorted);
    memory_give(quantiles->up_to);
    for (uint32_t i = 0; i < QUANTILE_LEVELS; i++) memory_give(quantiles->levels[i].keys);
    *quantiles = (struct quantiles){0};
}

// ---- the sketch ---------------------------------------------------------------------------------

// The widest level is the highest; each one below holds two thirds of the next.
static uint32_t level_room(const struct quantiles *quantiles, uint32_t level) {
    double room = quantiles->width;
    for (uint32_t depth = quantiles->level_count - 1; depth > level && room > 8; depth--) {
        room = room * 2 / 3;
    }
    return room < 8 ? 8 : (uint32_t)room;
}

static enum err level_add(struct quantile_level *level, uint64_t key) {
    if (level->count == level->room) {
        uint32_t room = level->room ? level->room * 2 : 64;
        uint64_t *keys =
            memory_resize(level->keys, level->room * sizeof *keys, room * sizeof *keys);
        if (!keys) return ERR_MEMORY;
        level->keys = keys;
        level->room = room;
    }
    level->keys[level->count++] = key;
    return OK;
}

static void sort_small(uint64_t *keys, uint32_t count) {
    // Shell's sort with Ciura's gaps: levels are a few thousand keys, mostly in runs.
    static const uint32_t gaps[] = {1750, 701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        for (uint32_t i = gaps[g]; i < count; i++) {
            uint64_t key = keys[i];
            uint32_t at = i;
            for (; at >= gaps[g] && keys[at - gaps[g]] > key; at -= gaps[g]) {
                keys[at] = keys[at - gaps[g]];
            }
            keys[at] = key;
        }
    }
}

static bool coin_toss(struct quantiles *quantiles) {
    quantiles->coin ^= quantiles->coin << 13;
    quantiles->coin ^= quantiles->coin >> 7;
    quantiles->coin ^= quantiles->coin << 17;
    return quantiles->coin >> 32 & 1;
}

// Every second key of the level goes up and stands for two; an odd one stays.
static enum err level_compact(struct quantiles *quantiles, uint32_t index) {
    struct quantile_level *level = &quantiles->levels[index];
    if (index + 1 == quantiles->level_count) quantiles->level_count++;
    cy_assert(quantiles->level_count <= QUANTILE_LEVELS);
    sort_small(level->keys, level->count);
    uint32_t pairs = level->count / 2, odd = level->count % 2;
    uint32_t first = odd + (coin_toss(quantiles) ? 1 : 0);
    for (uint32_t i = 0; i < pairs; i++) {
        enum err err = level_add(&quantiles->levels[index + 1], level->keys[first + 2 * i]);
        if (err != OK) return err;
    }
    level->count = odd;
    return OK;
}

static enum err sketch_add(struct quantiles *quantiles, uint64_t key) {
    enum err err = level_add(&quantiles->levels[0], key);
    if (err != OK || quantiles->levels[0].count < level_room(quantiles, 0)) return err;
    for (uint32_t index = 0; index < quantiles->level_count && err == OK; index++) {
        if (quantiles->levels[index].count < level_room(quantiles, index)) break;
        err = level_compact(quantiles, index);
    }
    return err;
}

static enum err begin_sketch(struct quantiles *quantiles) {
    quantiles->exact = false;
    quantiles->level_count = 1;
    enum err err = OK;
    for (uint64_t i = 0; i < quantiles->count && err == OK; i++) {
        err = sketch_add(quantiles, quantiles->keys[i]);
    }
    memory_give(quantiles->keys);
    quantiles->keys = NULL;
    quantiles->room = 0;
    return err;
}

enum err quantiles_add(struct quantiles *quantiles, uint64_t key) {
    enum err err = OK;
    if (quantiles->exact && quantiles->count == quantiles->exact_limit) {
        err = begin_sketch(quantiles);
    }
    if (err != OK) return err;
    if (!quantiles->exact) {
        quantiles->count++;
        return sketch_add(quantiles, key);
    }
    if (quantiles->count == quantiles->room) {
        uint64_t room = quantiles->room ? quantiles->room * 2 : 1024;
        if (room > quantiles->exact_limit) room = quantiles->exact_limit;
        uint64_t *keys =
            memory_resize(quantiles->keys, quantiles->room * sizeof *keys, room * sizeof *keys);
        if (!keys) return ERR_MEMORY;
        quantiles->keys = keys;
        quantiles->room = room;
    }
    quantiles->keys[quantiles->count++] = key;
    return OK;
}

// ---- answers ------------------------------------------------------------------------------------

static enum err finish_exact(struct quantiles *quantiles) {
    uint64_t *scratch = memory_take((quantiles->count + 1) * sizeof *scratch);
    if (!scratch) return ERR_MEMORY;
    if (quantiles->count) keys_sort(quantiles->keys, scratch, quantiles->count);
    memory_give(scratch);
    quantiles->sorted = quantiles->keys;
    quantiles->keys = NULL;
    quantiles->sorted_count = quantiles->count;
    return OK;
}

struct weighted {
    uint64_t key, weight;
};

static void sort_weighted(struct weighted *list, uint64_t count) {
    for (uint64_t gap = count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (uint64_t i = gap; i < count; i++) {
            struct weighted one = list[i];
            uint64_t at = i;
            for (; at >= gap && list[at - gap].key > one.key; at -= gap) list[at] = list[at - gap];
            list[at] = one;
        }
    }
}

static enum err finish_sketch(struct quantiles *quantiles) {
    uint64_t total = 0, count = 0;
    for (uint32_t i = 0; i < quantiles->level_count; i++) total += quantiles->levels[i].count;
    struct weighted *list = memory_take((total + 1) * sizeof *list);
    quantiles->sorted = memory_take((total + 1) * sizeof *quantiles->sorted);
    quantiles->up_to = memory_take((total + 1) * sizeof *quantiles->up_to);
    if (!list || !quantiles->sorted || !quantiles->up_to) {
        memory_give(list);
        return ERR_MEMORY;
    }
    for (uint32_t i = 0; i < quantiles->level_count; i++) {
        const struct quantile_level *level = &quantiles->levels[i];
        for (uint32_t k = 0; k < level->count; k++) {
            list[count++] = (struct weighted){level->keys[k], (uint64_t)1 << i};
        }
    }
    sort_weighted(list, count);
    uint64_t weight = 0;
    for (uint64_t i = 0; i < count; i++) {
        weight += list[i].weight;
        quantiles->sorted[i] = list[i].key;
        quantiles->up_to[i] = weight;
    }
    // Compaction keeps the weight: nothing was lost, nothing counted twice.
    cy_assert(weight == quantiles->count);
    quantiles->sorted_count = count;
    memory_give(list);
    return OK;
}

enum err quantiles_finish(struct quantiles *quantiles) {
    return quantiles->exact ? finish_exact(quantiles) : finish_sketch(quantiles);
}

uint64_t quantiles_at(const struct quantiles *quantiles, uint64_t rank) {
    cy_assert(rank < quantiles->count);
    if (quantiles->exact) return quantiles->sorted[rank];
    uint64_t low = 0, high = quantiles->sorted_count - 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (quantiles->up_to[middle] > rank) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return quantiles->sorted[low];
}

uint64_t quantiles_below(const struct quantiles *quantiles, uint64_t key) {
    uint64_t low = 0, high = quantiles->sorted_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (quantiles->sorted[middle] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (quantiles->exact) return low;
    return low ? quantiles->up_to[low - 1] : 0;
}
