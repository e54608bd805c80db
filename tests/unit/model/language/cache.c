// The cache of keys and values: what sequences share, what is given back, what is forgotten first,
// and that nobody ever writes into another one's page.
#include "model/language/cache.h"

#include "base/memory.h"
#include "check.h"

enum { PAGE = CACHE_PAGE_TOKENS, PAGES = 8 };
static const struct cache_shape shape = {2, 3, 4, 1};

// Writes a token's mark where its keys and values are, of every layer and head.
static void mark(struct sequence *sequence, uint32_t token) {
    uint32_t page = sequence->length / PAGE, place = sequence->length % PAGE;
    for (uint32_t layer = 0; layer < shape.layers; layer++) {
        for (uint32_t head = 0; head < shape.kv_heads; head++) {
            uint16_t *keys = cache_keys(sequence, page, layer, head);
            for (uint32_t i = 0; i < shape.head_size; i++) {
                keys[place * shape.head_size + i] = (uint16_t)(token + layer + head);
                keys[cache_values_at(sequence->cache) + place * shape.head_size + i] =
                    (uint16_t)(token * 3 + layer + head);
            }
        }
    }
}

static bool append(struct sequence *sequence, const uint32_t *tokens, uint32_t count) {
    if (sequence_reserve(sequence, count) != OK) return false;
    for (uint32_t i = 0; i < count; i++) {
        mark(sequence, tokens[i]);
        sequence_add(sequence, tokens[i]);
    }
    return true;
}

// Whether all marks are those of these tokens.
static bool holds(const struct sequence *sequence, const uint32_t *tokens) {
    for (uint32_t t = 0; t < sequence->length; t++) {
        for (uint32_t layer = 0; layer < shape.layers; layer++) {
            for (uint32_t head = 0; head < shape.kv_heads; head++) {
                const uint16_t *keys = cache_keys(sequence, t / PAGE, layer, head);
                size_t at = t % PAGE * shape.head_size + (t + layer) % shape.head_size;
                if (keys[at] != (uint16_t)(tokens[t] + layer + head)) return false;
                at += cache_values_at(sequence->cache);
                if (keys[at] != (uint16_t)(tokens[t] * 3 + layer + head)) return false;
            }
        }
    }
    return true;
}

static void tokens_fill(uint32_t *tokens, uint32_t count, uint32_t seed) {
    for (uint32_t i = 0; i < count; i++) tokens[i] = seed + i * 7 % 1000;
}

static void takes_over_a_beginning(void) {
    struct cache *cache;
    struct sequence first, second, third;
    uint32_t tokens[100], others[100];
    tokens_fill(tokens, 100, 5);
    REQUIRE(cache_open(shape, PAGES, &cache) == OK);
    sequence_open(cache, &first);
    CHECK(append(&first, tokens, 70));
    CHECK_EQ(cache_pages_free(cache), PAGES - 3);
    sequence_open(cache, &second);
    sequence_share(&second, tokens, 100);
    CHECK_EQ(second.length, 64);
    CHECK_EQ(cache_pages_free(cache), PAGES - 3); // nothing new
    CHECK(holds(&second, tokens));
    tokens_fill(others, 100, 9);
    memcpy(others, tokens, 40 * sizeof *others); // the second page differs
    sequence_open(cache, &third);
    sequence_share(&third, others, 100);
    CHECK_EQ(third.length, 32);
    CHECK(append(&third, others + 32, 30) && holds(&third, others) && holds(&first, tokens));
    sequence_close(&first);
    CHECK(append(&second, tokens + 64, 20) && holds(&second, tokens));
    sequence_close(&second);
    sequence_close(&third);
    CHECK_EQ(cache_pages_free(cache), PAGES);
    sequence_open(cache, &first); // remembered though nobody held it
    sequence_share(&first, tokens, 64);
    CHECK_EQ(first.length, 32); // the last token is always computed
    sequence_close(&first);
    cache_close(cache);
}

static void forgets_the_longest_unused(void) {
    struct cache *cache;
    struct sequence a, b, c;
    uint32_t old[64], new[64], all[PAGES * PAGE];
    tokens_fill(old, 64, 1000);
    tokens_fill(new, 64, 2000);
    tokens_fill(all, PAGES * PAGE, 3000);
    REQUIRE(cache_open(shape, PAGES, &cache) == OK);
    sequence_open(cache, &a);
    CHECK(append(&a, old, 64));
    sequence_close(&a);
    sequence_open(cache, &b);
    CHECK(append(&b, new, 64));
    sequence_close(&b);
    sequence_open(cache, &c);
    CHECK(append(&c, all, (PAGES - 3) * PAGE)); // 4 unused pages and one that is remembered
    sequence_open(cache, &a);
    sequence_share(&a, old, 64); // its last page went, the one before is there
    CHECK_EQ(a.length, 32);
    sequence_open(cache, &b);
    sequence_share(&b, new, 64);
    CHECK_EQ(b.length, 32);
    CHECK(holds(&a, old) && holds(&b, new) && holds(&c, all));
    CHECK(sequence_reserve(&c, 2 * PAGE) == ERR_LIMIT); // one page is left
    CHECK_EQ(c.length, (PAGES - 3) * PAGE);
    CHECK(append(&c, all + c.length, PAGE) && holds(&c, all));
    CHECK(holds(&a, old) && holds(&b, new));
    sequence_close(&a);
    sequence_close(&b);
    sequence_close(&c);
    CHECK_EQ(cache_pages_free(cache), PAGES);
    cache_close(cache);
}

static void a_cut_page_is_copied(void) {
    struct cache *cache;
    struct sequence a, b;
    uint32_t tokens[64], others[64];
    tokens_fill(tokens, 64, 1);
    tokens_fill(others, 64, 500);
    REQUIRE(cache_open(shape, PAGES, &cache) == OK);
    sequence_open(cache, &a);
    sequence_open(cache, &b);
    CHECK(append(&a, tokens, 50));
    sequence_share(&b, tokens, 50);
    sequence_cut(&b, 20); // into the page that both hold
    memcpy(others, tokens, 20 * sizeof *others);
    CHECK(append(&b, others + 20, 30) && holds(&b, others) && holds(&a, tokens));
    sequence_cut(&a, 10); // a page of its own, but a known one
    CHECK(append(&a, others + 10, 5));
    sequence_close(&a);
    sequence_open(cache, &a);
    sequence_share(&a, tokens, 50);
    CHECK_EQ(a.length, 32);
    CHECK(holds(&a, tokens));
    sequence_close(&a);
    sequence_close(&b);
    CHECK_EQ(cache_pages_free(cache), PAGES);
    cache_close(cache);
}

static void same_tokens_become_one_page(void) {
    struct cache *cache;
    struct sequence a, b;
    uint32_t tokens[70];
    tokens_fill(tokens, 70, 1);
    REQUIRE(cache_open(shape, PAGES, &cache) == OK);
    sequence_open(cache, &a);
    sequence_open(cache, &b);
    for (uint32_t i = 0; i < 70; i++) CHECK(append(&a, tokens + i, 1) && append(&b, tokens + i, 1));
    CHECK_EQ(cache_pages_free(cache), PAGES - 4); // two in common, one each
    CHECK(holds(&a, tokens) && holds(&b, tokens));
    sequence_close(&a);
    CHECK(holds(&b, tokens));
    sequence_close(&b);
    cache_close(cache);
}

// What one owner's texts left is nothing to another, now and after they ended.
static void owners_share_nothing(void) {
    struct cache *cache;
    struct sequence a, b;
    uint32_t tokens[70];
    tokens_fill(tokens, 70, 1);
    REQUIRE(cache_open(shape, PAGES, &cache) == OK);
    sequence_open(cache, &a);
    a.owner = 7;
    CHECK(append(&a, tokens, 70));
    for (int closed = 0; closed < 2; closed++) {
        sequence_open(cache, &b);
        b.owner = 8 + (uint64_t)closed;
        sequence_share(&b, tokens, 70);
        CHECK_EQ(b.length, 0);
        CHECK(append(&b, tokens, 40) && holds(&b, tokens));
        sequence_close(&b); // remembered for its owner
        sequence_share(&b, tokens, 70);
        CHECK_EQ(b.length, 32);
        sequence_close(&b);
        sequence_close(&a); // and what a remembers stays 7's
        sequence_share(&a, tokens, 70);
        CHECK_EQ(a.length, 64);
        CHECK(holds(&a, tokens));
    }
    sequence_close(&a);
    CHECK_EQ(cache_pages_free(cache), PAGES);
    cache_close(cache);
}

// Many sequences in a small cache, at random, beside what each should hold.
static void keeps_sequences_apart(void) {
    enum { COUNT = 5, MOST = 150, STEPS = 4000 };
    struct cache *cache;
    struct sequence sequences[COUNT];
    static uint32_t tokens[COUNT][MOST];
    REQUIRE(cache_open(shape, 12, &cache) == OK);
    for (uint32_t i = 0; i < COUNT; i++) sequence_open(cache, &sequences[i]);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t which = check_random() % COUNT, kind = check_random() % 8;
        struct sequence *sequence = &sequences[which];
        uint32_t *own = tokens[which];
        if (kind == 0) {
            sequence_close(sequence);
            sequence->owner = check_random() % 2;
            for (uint32_t i = 0; i < MOST; i++) { // few texts, so that beginnings recur
                own[i] = check_random() % 16 == 0 ? check_random() % 3 : i % 5;
            }
            sequence_share(sequence, own, MOST);
        } else if (kind == 1 && sequence->length) {
            sequence_cut(sequence, check_random() % sequence->length);
        } else {
            uint32_t more = 1 + check_random() % 20, before = sequence->length;
            if (before + more > MOST) continue;
            if (check_random() % 3 == 0) own[before] = check_random() % 3;
            bool fits = append(sequence, own + before, more);
            CHECK(fits || sequence->length == before);
        }
        if (!check_that(holds(sequence, own), __FILE__, __LINE__, "step %u", step)) break;
    }
    uint32_t free_pages = cache_pages_free(cache);
    CHECK(free_pages <= 12);
    for (uint32_t i = 0; i < COUNT; i++) CHECK(holds(&sequences[i], tokens[i]));
    for (uint32_t i = 0; i < COUNT; i++) sequence_close(&sequences[i]);
    CHECK_EQ(cache_pages_free(cache), 12);
    cache_close(cache);
}

static void lack_of_memory_is_told(void) {
    struct cache *cache;
    struct sequence sequence;
    const struct cache_shape wide = {1024, 1024, 1024, 2};
    CHECK(cache_open(wide, 1 << 14, &cache) == ERR_MEMORY && !cache); // more than can be mapped
    for (uint32_t n = 0; n < 3; n++) {
        memory_fail_after(n);
        CHECK(cache_open(shape, PAGES, &cache) == ERR_MEMORY && !cache);
    }
    memory_fail_after(UINT64_MAX);
    REQUIRE(cache_open(shape, PAGES, &cache) == OK);
    sequence_open(cache, &sequence);
    memory_fail_after(0);
    CHECK(sequence_reserve(&sequence, 1) == ERR_MEMORY);
    memory_fail_after(UINT64_MAX);
    CHECK(sequence_reserve(&sequence, 1) == OK);
    sequence_close(&sequence);
    cache_close(cache);
}

int main(void) {
    CHECK_RUN(takes_over_a_beginning);
    CHECK_RUN(forgets_the_longest_unused);
    CHECK_RUN(a_cut_page_is_copied);
    CHECK_RUN(same_tokens_become_one_page);
    CHECK_RUN(owners_share_nothing);
    CHECK_RUN(keeps_sequences_apart);
    CHECK_RUN(lack_of_memory_is_told);
    return check_done();
}
