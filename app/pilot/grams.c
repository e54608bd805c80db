#include "pilot/grams.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"

enum { GRAM_CHARACTERS = 3, FULL_WIDTH_FIRST = 0xFF01, FULL_WIDTH_LAST = 0xFF5E };

struct pieces {
    uint32_t *buckets; // (room)
    uint32_t count, room, mask;
};

// The finalizer of MurmurHash3 over each character, seeded by the kind of piece.
static uint32_t hash_of(const uint32_t *characters, uint32_t count, uint32_t kind) {
    uint32_t hash = kind * 0x9E3779B1u;
    for (uint32_t i = 0; i < count; i++) {
        hash = (hash ^ characters[i]) * 0x85EBCA6Bu;
        hash ^= hash >> 13;
    }
    hash = (hash ^ hash >> 16) * 0xC2B2AE35u;
    return hash ^ hash >> 16;
}

static void piece_add(struct pieces *pieces, const uint32_t *characters, uint32_t count,
                      uint32_t kind) {
    if (pieces->count == pieces->room) return;
    pieces->buckets[pieces->count++] = hash_of(characters, count, kind) & pieces->mask;
}

static uint32_t folded(uint32_t c) {
    if (c >= FULL_WIDTH_FIRST && c <= FULL_WIDTH_LAST) c = c - FULL_WIDTH_FIRST + '!';
    if (c >= 'A' && c <= 'Z') return c - 'A' + 'a';
    if (c >= '0' && c <= '9') return '0';
    if (c < ' ' || c == 0x3000) return ' ';
    return c;
}

static bool is_latin(uint32_t c) {
    return (c >= 'a' && c <= 'z') || c == '0' || (c >= 0xC0 && c <= 0x24F);
}

// Signs and spaces part what they stand between.
static bool is_gap(uint32_t c) {
    return c < 0x80 || (c >= 0x2000 && c <= 0x206F) || (c >= 0x3000 && c <= 0x303F);
}

enum kind { KIND_GAP, KIND_LATIN, KIND_OTHER };
static enum kind kind_of(uint32_t c) {
    return is_latin(c) ? KIND_LATIN : is_gap(c) ? KIND_GAP : KIND_OTHER;
}

enum { PIECE_WORD = 8, PIECE_LETTERS = 16 }; // and 1 to 3 for so many characters

static void run_add(struct pieces *pieces, const uint32_t *run, uint32_t count, enum kind kind) {
    if (kind == KIND_LATIN) {
        piece_add(pieces, run, count, PIECE_WORD);
        for (uint32_t i = 0; count > GRAM_CHARACTERS && i + GRAM_CHARACTERS <= count; i++) {
            piece_add(pieces, run + i, GRAM_CHARACTERS, PIECE_LETTERS);
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t size = 1; size <= GRAM_CHARACTERS && i + size <= count; size++) {
            piece_add(pieces, run + i, size, size);
        }
    }
}

static int bucket_order(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

// Equal buckets become one; the weights' squares add up to 1.
static uint32_t weigh(struct pieces *pieces, struct gram *out) {
    double square = 0;
    uint32_t count = 0;
    qsort(pieces->buckets, pieces->count, sizeof pieces->buckets[0], bucket_order);
    for (uint32_t i = 0; i < pieces->count;) {
        uint32_t end = i + 1;
        while (end < pieces->count && pieces->buckets[end] == pieces->buckets[i]) end++;
        double weight = 1 + log((double)(end - i));
        square += weight * weight;
        out[count++] = (struct gram){pieces->buckets[i], (float)weight};
        i = end;
    }
    float scale = square > 0 ? (float)(1 / sqrt(square)) : 0;
    for (uint32_t i = 0; i < count; i++) out[i].weight *= scale;
    return count;
}

enum err grams_of(struct str text, uint32_t width, struct arena *arena, struct gram **out,
                  uint32_t *out_count) {
    cy_assert(width > 0 && (width & (width - 1)) == 0);
    if (text.size > GRAMS_TEXT_BYTES) text.size = GRAMS_TEXT_BYTES;
    size_t size = text.size = utf8_valid_prefix(text);
    uint32_t *run = ARENA_ARRAY(arena, uint32_t, size + 1), length = 0;
    struct pieces pieces = {.room = (uint32_t)(3 * size), .mask = width - 1};
    pieces.buckets = ARENA_ARRAY(arena, uint32_t, pieces.room + 1);
    struct gram *grams = ARENA_ARRAY(arena, struct gram, pieces.room + 1);
    if (!run || !pieces.buckets || !grams) return ERR_MEMORY;
    enum kind kind = KIND_GAP;
    for (size_t at = 0; at < size;) {
        uint32_t character = folded(utf8_next(text, &at));
        enum kind next = kind_of(character);
        if (next != kind && length > 0) {
            run_add(&pieces, run, length, kind);
            length = 0;
        }
        kind = next;
        if (kind != KIND_GAP) run[length++] = character;
    }
    if (length > 0) run_add(&pieces, run, length, kind);
    *out_count = weigh(&pieces, grams);
    *out = grams;
    return OK;
}
