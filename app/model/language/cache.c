#include "model/language/cache.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "model/tensor/tensor.h"

enum { NONE = 0xFFFFFFFFu };

struct page {
    uint64_t owner; // of a known page
    uint32_t references;
    uint32_t before;       // the page that stands before it, of a known page; NONE: it is the first
    uint32_t older, newer; // among the pages without a reference, by when they lost the last one
    uint32_t next;         // in the chain of its slot, of a known page
    bool known;            // full, and in `slots`
    uint32_t children;     // known pages that stand behind it
    uint32_t tokens[CACHE_PAGE_TOKENS];
};

struct cache {
    struct cache_shape shape;
    size_t page_halves;
    uint32_t page_count, free_count;
    uint32_t oldest, newest; // the list of free pages
    struct page *pages;      // (page_count)
    uint16_t *halves;        // (page_count, page_halves)
    uint32_t *slots;         // (slot_count) first of the chain of known pages, or NONE
    uint32_t slot_count;
};

uint64_t cache_page_bytes(struct cache_shape shape) {
    return (uint64_t)shape.layers * shape.parts * 2 * shape.kv_heads * CACHE_PAGE_TOKENS *
           shape.head_size * sizeof(uint16_t);
}

// ---- known pages -------------------------------------------------------------------------------

static uint32_t *slot_of(const struct cache *cache, uint64_t owner, uint32_t before,
                         const uint32_t *tokens) {
    uint64_t hash = (0xCBF29CE484222325u ^ before) + owner * 0x9E3779B97F4A7C15u;
    for (uint32_t i = 0; i < CACHE_PAGE_TOKENS; i++) hash = (hash ^ tokens[i]) * 0x100000001B3u;
    hash ^= hash >> 32;
    return &cache->slots[hash & (cache->slot_count - 1)];
}

static uint32_t known_find(const struct cache *cache, uint64_t owner, uint32_t before,
                           const uint32_t *tokens) {
    uint32_t at = *slot_of(cache, owner, before, tokens);
    for (; at != NONE; at = cache->pages[at].next) {
        const struct page *page = &cache->pages[at];
        if (page->owner != owner || page->before != before) continue;
        if (memcmp(page->tokens, tokens, sizeof page->tokens) == 0) break;
    }
    return at;
}

static void known_add(struct cache *cache, uint64_t owner, uint32_t before, uint32_t at) {
    struct page *page = &cache->pages[at];
    uint32_t *slot = slot_of(cache, owner, before, page->tokens);
    page->known = true;
    page->owner = owner;
    page->before = before;
    page->next = *slot;
    *slot = at;
    if (before != NONE) cache->pages[before].children++;
}

static void known_remove(struct cache *cache, uint32_t at) {
    struct page *page = &cache->pages[at];
    if (!page->known) return;
    uint32_t *link = slot_of(cache, page->owner, page->before, page->tokens);
    while (*link != at) link = &cache->pages[*link].next;
    *link = page->next;
    if (page->before != NONE) cache->pages[page->before].children--;
    page->known = false;
}

// ---- free pages --------------------------------------------------------------------------------

static void free_add(struct cache *cache, uint32_t at) {
    struct page *page = &cache->pages[at];
    page->older = cache->newest;
    page->newer = NONE;
    *(cache->newest == NONE ? &cache->oldest : &cache->pages[cache->newest].newer) = at;
    cache->newest = at;
    cache->free_count++;
}

static void free_remove(struct cache *cache, uint32_t at) {
    struct page *page = &cache->pages[at];
    *(page->older == NONE ? &cache->oldest : &cache->pages[page->older].newer) = page->newer;
    *(page->newer == NONE ? &cache->newest : &cache->pages[page->newer].older) = page->older;
    cache->free_count--;
}

static void page_hold(struct cache *cache, uint32_t at) {
    if (cache->pages[at].references++ == 0) free_remove(cache, at);
}

static void page_release(struct cache *cache, uint32_t at) {
    cy_assert(cache->pages[at].references > 0);
    if (--cache->pages[at].references == 0) free_add(cache, at);
}

// The longest unused; there is one. Known pages behind it went before: who holds a page holds all
// before it, and gives the last back first.
static uint32_t page_take(struct cache *cache) {
    uint32_t at = cache->oldest;
    cy_assert(cache->pages[at].children == 0);
    known_remove(cache, at);
    page_hold(cache, at);
    return at;
}

// ---- the cache ---------------------------------------------------------------------------------

static size_t halves_bytes(const struct cache *cache) {
    return cache->page_count * cache->page_halves * sizeof(uint16_t);
}

enum err cache_open(struct cache_shape shape, uint32_t page_count, struct cache **out) {
    cy_assert(page_count > 0 && page_count <= CACHE_PAGES_MAX);
    struct cache *cache = memory_take(sizeof *cache);
    *out = NULL;
    if (!cache) return ERR_MEMORY;
    cache->shape = shape;
    cache->page_halves = (size_t)(cache_page_bytes(shape) / sizeof(uint16_t));
    cache->page_count = page_count;
    cache->oldest = cache->newest = NONE;
    for (cache->slot_count = 16; cache->slot_count < page_count;) cache->slot_count *= 2;
    cache->pages = memory_take(page_count * sizeof *cache->pages);
    cache->slots = memory_take(cache->slot_count * sizeof *cache->slots);
    if (cache->page_halves <= SIZE_MAX / 2 / page_count) {
        cache->halves = tensor_area_take(halves_bytes(cache));
    }
    if (!cache->pages || !cache->slots || !cache->halves) {
        cache_close(cache);
        return ERR_MEMORY;
    }
    memset(cache->slots, 0xFF, cache->slot_count * sizeof *cache->slots);
    for (uint32_t i = 0; i < page_count; i++) free_add(cache, i);
    *out = cache;
    return OK;
}

void cache_close(struct cache *cache) {
    if (!cache) return;
    memory_give(cache->pages);
    memory_give(cache->slots);
    tensor_area_give(cache->halves, halves_bytes(cache));
    memory_give(cache);
}

uint32_t cache_pages_free(const struct cache *cache) {
    return cache->free_count;
}

static uint16_t *page_at(const struct cache *cache, uint32_t page) {
    return cache->halves + page * cache->page_halves;
}

uint16_t *cache_keys(const struct sequence *sequence, uint32_t page, uint32_t layer,
                     uint32_t head) {
    const struct cache *cache = sequence->cache;
    size_t head_halves = (size_t)CACHE_PAGE_TOKENS * cache->shape.head_size;
    size_t layer_halves = cache->shape.parts * cache_rest_at(cache);
    return page_at(cache, sequence->pages[page]) + layer * layer_halves + head * head_halves;
}

size_t cache_values_at(const struct cache *cache) {
    return (size_t)cache->shape.kv_heads * CACHE_PAGE_TOKENS * cache->shape.head_size;
}

size_t cache_rest_at(const struct cache *cache) {
    return 2 * cache_values_at(cache);
}

// ---- sequences ---------------------------------------------------------------------------------

void sequence_open(struct cache *cache, struct sequence *out) {
    *out = (struct sequence){.cache = cache};
}

void sequence_close(struct sequence *sequence) {
    sequence_cut(sequence, 0);
    memory_give(sequence->pages);
    *sequence = (struct sequence){.cache = sequence->cache, .owner = sequence->owner};
}

static bool room_make(struct sequence *sequence, uint32_t page_count) {
    if (page_count <= sequence->page_room) return true;
    uint32_t room = page_count + page_count / 2 + 8;
    uint32_t *pages =
        memory_resize(sequence->pages, sequence->page_room * sizeof *pages, room * sizeof *pages);
    if (!pages) return false;
    sequence->pages = pages;
    sequence->page_room = room;
    return true;
}

void sequence_share(struct sequence *sequence, const uint32_t *tokens, uint32_t count) {
    cy_assert(sequence->length == 0 && sequence->page_count == 0);
    uint32_t before = NONE;
    for (uint32_t at = 0; at + CACHE_PAGE_TOKENS < count; at += CACHE_PAGE_TOKENS) {
        uint32_t page = known_find(sequence->cache, sequence->owner, before, tokens + at);
        if (page == NONE || !room_make(sequence, sequence->page_count + 1)) break;
        page_hold(sequence->cache, page);
        sequence->pages[sequence->page_count++] = before = page;
        sequence->length += CACHE_PAGE_TOKENS;
    }
}

// The page that the next token goes into, if it is begun: a copy of our own where it is known or
// held by others.
static enum err last_page_own(struct sequence *sequence) {
    struct cache *cache = sequence->cache;
    if (sequence->length % CACHE_PAGE_TOKENS == 0) return OK;
    uint32_t *last = &sequence->pages[sequence->length / CACHE_PAGE_TOKENS];
    const struct page *page = &cache->pages[*last];
    if (page->references == 1 && !page->known) return OK;
    if (cache->free_count == 0) return ERR_LIMIT;
    uint32_t copy = page_take(cache);
    memcpy(page_at(cache, copy), page_at(cache, *last), cache->page_halves * sizeof(uint16_t));
    memcpy(cache->pages[copy].tokens, page->tokens, sizeof page->tokens);
    page_release(cache, *last);
    *last = copy;
    return OK;
}

enum err sequence_reserve(struct sequence *sequence, uint32_t more) {
    struct cache *cache = sequence->cache;
    uint64_t tokens = (uint64_t)sequence->length + more;
    uint64_t pages = (tokens + CACHE_PAGE_TOKENS - 1) / CACHE_PAGE_TOKENS;
    if (pages > sequence->page_count && pages - sequence->page_count > cache->free_count) {
        return ERR_LIMIT;
    }
    if (!room_make(sequence, (uint32_t)pages)) return ERR_MEMORY;
    enum err err = more ? last_page_own(sequence) : OK;
    if (err != OK) return err;
    if (pages > sequence->page_count && pages - sequence->page_count > cache->free_count) {
        return ERR_LIMIT; // the copy took the last one
    }
    while (sequence->page_count < pages) sequence->pages[sequence->page_count++] = page_take(cache);
    return OK;
}

void sequence_add(struct sequence *sequence, uint32_t token) {
    struct cache *cache = sequence->cache;
    uint32_t place = sequence->length / CACHE_PAGE_TOKENS;
    uint32_t offset = sequence->length % CACHE_PAGE_TOKENS;
    cy_assert(place < sequence->page_count);
    uint32_t at = sequence->pages[place];
    cy_assert(cache->pages[at].references == 1 && !cache->pages[at].known);
    cache->pages[at].tokens[offset] = token;
    sequence->length++;
    if (offset + 1 < CACHE_PAGE_TOKENS) return;
    uint32_t before = place ? sequence->pages[place - 1] : NONE;
    uint32_t twin = known_find(cache, sequence->owner, before, cache->pages[at].tokens);
    if (twin == NONE) {
        known_add(cache, sequence->owner, before, at);
    } else { // another sequence came to the same tokens
        page_hold(cache, twin);
        page_release(cache, at);
        sequence->pages[place] = twin;
    }
}

void sequence_cut(struct sequence *sequence, uint32_t length) {
    cy_assert(length <= sequence->length);
    uint32_t pages = (length + CACHE_PAGE_TOKENS - 1) / CACHE_PAGE_TOKENS;
    while (sequence->page_count > pages) {
        page_release(sequence->cache, sequence->pages[--sequence->page_count]);
    }
    sequence->length = length;
}
