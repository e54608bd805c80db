// What a language model remembers of the texts it reads: keys and values of every layer, in pages
// of 32 tokens, half precision. Sequences that begin alike share their whole pages: a page that is
// full is known by its tokens and by the page before it, so a later sequence takes it over instead
// of computing it again, and it stays, unused, until another page is needed (the longest unused
// goes first). Only sequences of one owner share, so that nobody can tell by the time of an answer,
// or by its count of shared tokens, what another has asked.
//
// A cache belongs to one thread (that of the steps). What network_step writes goes into pages that
// no other sequence holds: sequence_reserve sees to it.
//
//   page   (layers, parts, 2, kv heads, CACHE_PAGE_TOKENS, head size) half; 2: keys, then values.
//          With two parts a number is the sum of two halves, which is nearly a float.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    CACHE_PAGE_TOKENS = 32,
    CACHE_PAGES_MAX = 1 << 20 // 33 million tokens
};

struct cache_shape {
    uint32_t layers, kv_heads, head_size;
    uint32_t parts; // 1 or 2
};
uint64_t cache_page_bytes(struct cache_shape shape);

// Memory is taken as pages are touched, in huge pages where the machine gives them. ERR_MEMORY.
struct cache;
enum err cache_open(struct cache_shape shape, uint32_t page_count, struct cache **out) MUST_USE;
void cache_close(struct cache *cache); // NULL is fine; its sequences are closed before
// Pages that a sequence could still take: never used ones and those only remembered.
uint32_t cache_pages_free(const struct cache *cache);

// A text so far. `length` tokens are in its pages; it owns one reference of each page.
struct sequence {
    struct cache *cache;
    uint32_t *pages; // (page_room)
    uint32_t page_count, page_room;
    uint32_t length; // tokens
    uint64_t owner;  // whose text it is
};
// Takes no page yet. The owner is 0; another is set before the first token.
void sequence_open(struct cache *cache, struct sequence *out);
void sequence_close(struct sequence *sequence); // gives its pages back
// Takes over the pages that are known for the beginning of these tokens, of an empty sequence;
// `length` tells how many tokens need not be computed (a multiple of CACHE_PAGE_TOKENS, and less
// than `count`: the last token is always computed, for its logits).
void sequence_share(struct sequence *sequence, const uint32_t *tokens, uint32_t count);
// Pages for `more` tokens behind `length`, none of them shared. ERR_LIMIT: the cache is full, and
// the sequence is as before; ERR_MEMORY.
enum err sequence_reserve(struct sequence *sequence, uint32_t more) MUST_USE;
// One more token, whose keys and values have been written; its page was reserved.
void sequence_add(struct sequence *sequence, uint32_t token);
void sequence_cut(struct sequence *sequence, uint32_t length); // forgets what is behind

// Keys of one head: (CACHE_PAGE_TOKENS, head size), of the page with this place in the sequence.
// Its values lie cache_values_at elements behind them, the second parts of both cache_rest_at
// behind the first. Valid until cache_close.
uint16_t *cache_keys(const struct sequence *sequence, uint32_t page, uint32_t layer, uint32_t head);
size_t cache_values_at(const struct cache *cache);
size_t cache_rest_at(const struct cache *cache);
