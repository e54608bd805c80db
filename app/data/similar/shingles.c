#include <string.h>

#include "base/text.h"
#include "data/similar/similar_private.h"

enum err room_need(void **memory, size_t *room_bytes, size_t wanted_bytes) {
    if (wanted_bytes <= *room_bytes) return OK;
    size_t room = wanted_bytes + wanted_bytes / 2 + 1024;
    void *more = memory_take(room);
    if (!more) return ERR_MEMORY;
    memory_give(*memory);
    *memory = more;
    *room_bytes = room;
    return OK;
}

// ---- shingles -----------------------------------------------------------------------------------

// The hash of five units is a polynomial of theirs, rolled on by one unit at a time, then mixed.
static const uint64_t BASE = 0x9E3779B97F4A7C15u;
// BASE to the power of five, modulo 2^64.
static const uint64_t BASE_5 = UINT64_C(0x9E3779B97F4A7C15) * UINT64_C(0x9E3779B97F4A7C15) *
                               UINT64_C(0x9E3779B97F4A7C15) * UINT64_C(0x9E3779B97F4A7C15) *
                               UINT64_C(0x9E3779B97F4A7C15);

static inline uint64_t mixed(uint64_t x) {
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    x ^= x >> 32;
    return x ? x : 1; // 0 marks a free slot
}

// One unit as a number; moves *at behind it and the blank after a word.
static inline uint64_t next_number(struct str units, bool words, size_t *at) {
    if (!words) {
        const uint8_t *bytes = (const uint8_t *)units.data + *at;
        if ((bytes[0] & 0xF0) == 0xE0) {
            *at += 3;
            return (bytes[0] & 15u) << 12 | (bytes[1] & 63u) << 6 | (bytes[2] & 63u);
        }
        if (bytes[0] < 0x80) return ++*at, bytes[0];
        return utf8_next(units, at);
    }
    uint64_t hash = 0xCBF29CE484222325u;
    while (*at < units.size && units.data[*at] != ' ') {
        hash = (hash ^ (uint8_t)units.data[(*at)++]) * 0x100000001B3u;
    }
    ++*at;
    return mixed(hash);
}

enum err shingles_make(struct shingles *shingles, struct str units, bool words) {
    enum err err = room_need((void **)&shingles->hashes, &shingles->room_bytes,
                             (units.size + 1) * sizeof *shingles->hashes);
    if (err != OK) return err;
    uint64_t window[8] = {0}, hash = 0;
    size_t seen = 0, count = 0;
    for (size_t at = 0; at < units.size; seen++) {
        uint64_t number = next_number(units, words, &at) + 0x100;
        uint64_t old = window[(seen + 8 - SIMILAR_SHINGLE) % 8];
        window[seen % 8] = number;
        hash = hash * BASE + number;
        if (seen >= SIMILAR_SHINGLE) hash -= old * BASE_5;
        if (seen + 1 >= SIMILAR_SHINGLE) shingles->hashes[count++] = mixed(hash);
    }
    if (seen > 0 && seen < SIMILAR_SHINGLE) shingles->hashes[count++] = mixed(hash);
    shingles->count = count;
    return OK;
}

void shingles_close(struct shingles *shingles) {
    memory_give(shingles->hashes);
    *shingles = (struct shingles){0};
}

// ---- sets ---------------------------------------------------------------------------------------

static size_t room_for(size_t count) {
    size_t room = 64;
    while (room < count * 2) room *= 2;
    return room;
}

static inline size_t slot_of(const uint64_t *slots, size_t room, uint64_t hash) {
    size_t slot = hash & (room - 1);
    while (slots[slot] && slots[slot] != hash) slot = (slot + 1) & (room - 1);
    return slot;
}

enum err shingle_set_fill(struct shingle_set *set, const struct shingles *shingles) {
    size_t room = room_for(shingles->count);
    enum err err = room_need((void **)&set->slots, &set->slots_bytes, room * sizeof *set->slots);
    if (err == OK) {
        err = room_need((void **)&set->stamps, &set->stamps_bytes, room * sizeof *set->stamps);
    }
    if (err != OK) return err;
    set->room = room;
    set->count = 0;
    set->stamp = 0;
    memset(set->slots, 0, room * sizeof *set->slots);
    memset(set->stamps, 0, room * sizeof *set->stamps);
    for (size_t i = 0; i < shingles->count; i++) {
        size_t slot = slot_of(set->slots, room, shingles->hashes[i]);
        set->count += set->slots[slot] == 0;
        set->slots[slot] = shingles->hashes[i];
    }
    return OK;
}

enum err shingle_set_jaccard(struct shingle_set *set, const struct shingles *shingles,
                             double *out) {
    size_t room = room_for(shingles->count), shared = 0, others = 0;
    enum err err = room_need((void **)&set->others, &set->others_bytes, room * sizeof *set->others);
    if (err != OK) return err;
    memset(set->others, 0, room * sizeof *set->others);
    set->stamp++;
    for (size_t i = 0; i < shingles->count; i++) {
        uint64_t hash = shingles->hashes[i];
        size_t slot = slot_of(set->slots, set->room, hash);
        if (set->slots[slot]) {
            shared += set->stamps[slot] != set->stamp;
            set->stamps[slot] = set->stamp;
            continue;
        }
        slot = slot_of(set->others, room, hash);
        others += set->others[slot] == 0;
        set->others[slot] = hash;
    }
    *out = (double)shared / (double)(set->count + others);
    return OK;
}

void shingle_set_close(struct shingle_set *set) {
    memory_give(set->slots);
    memory_give(set->stamps);
    memory_give(set->others);
    *set = (struct shingle_set){0};
}
