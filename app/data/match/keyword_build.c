// A set of keywords, laid out for scanning.
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/match/keyword_private.h"

static uint32_t level_bytes(uint32_t size) {
    return size >= 8 ? 8 : size >= 6 ? 6 : size >= 4 ? 4 : size;
}

static uint64_t prefix_of(const struct keyword *keyword) {
    uint64_t prefix = 0;
    for (uint32_t i = level_bytes(keyword->size); i-- > 0;) {
        prefix = prefix << 8 | (uint8_t)keyword->data[i];
    }
    return prefix;
}

// Levels apart, longest first; then bytes, the shorter first; then the caller's order.
static int compare_keywords(const void *a, const void *b) {
    const struct keyword *left = a, *right = b;
    int levels = (int)level_bytes(right->size) - (int)level_bytes(left->size);
    if (levels) return levels;
    int order =
        str_compare((struct str){left->data, left->size}, (struct str){right->data, right->size});
    if (order) return order;
    return left->word < right->word ? -1 : left->word > right->word;
}

// ---- words --------------------------------------------------------------------------------------

static enum err word_fault(struct fault *fault, enum err err, const char *code, uint32_t word) {
    return fault_at(fault, err, code, (uint64_t)word + 1, 0, STR_NONE);
}

// The word as it is looked for, in the set's arena.
static enum err word_keep(struct keywords *set, struct str word, uint32_t index,
                          struct fault *fault) {
    struct keyword *keyword = &set->sorted[set->count];
    char folded[2 * LIMIT_KEYWORD_BYTES + 16];
    uint32_t from[2 * LIMIT_KEYWORD_BYTES + 16];
    struct str kept = word;
    if (word.size > LIMIT_KEYWORD_BYTES) {
        return word_fault(fault, ERR_LIMIT, "keywords.too_long", index);
    }
    if (!utf8_valid(word) || (word.size && memchr(word.data, '\0', word.size))) {
        return word_fault(fault, ERR_INPUT, "keywords.not_text", index);
    }
    if (set->flags & KEYWORDS_FOLDED) {
        struct folder folder = {.table = set->fold};
        size_t at = 0;
        kept = (struct str){folded, fold_text(&folder, word, &at, word.size, folded, from, 0)};
        bool signs = utf8_count(kept) < utf8_count(word);
        bool unfit = word.size && signs && utf8_count(kept) < 2;
        set->left_out[index] = unfit && (set->flags & KEYWORDS_LEAVE_OUT);
        if (set->left_out[index]) return OK;
        if (unfit) {
            return word_fault(fault, ERR_INPUT, "keywords.only_signs", index);
        }
    }
    if (kept.size == 0) return word_fault(fault, ERR_INPUT, "keywords.empty", index);
    if (kept.size > LIMIT_KEYWORD_BYTES) {
        return word_fault(fault, ERR_LIMIT, "keywords.too_long", index);
    }
    char *data = ARENA_ARRAY(set->arena, char, kept.size);
    if (!data) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("keywords"));
    memcpy(data, kept.data, kept.size);
    *keyword = (struct keyword){.data = data, .size = (uint32_t)kept.size, .word = index};
    if (set->flags & KEYWORDS_FOLDED) {
        keyword->latin_start = is_latin((uint8_t)data[0]);
        keyword->latin_end = is_latin((uint8_t)data[kept.size - 1]);
    }
    if (keyword->size > set->bytes_max) set->bytes_max = keyword->size;
    set->count++;
    return OK;
}

// ---- levels -------------------------------------------------------------------------------------

static void level_put(struct level *level, uint64_t prefix, uint32_t first, uint32_t count) {
    uint64_t hash = prefix_hash(prefix), bit = hash >> level->shift;
    level->bitmap[bit / 64] |= UINT64_C(1) << (bit % 64);
    uint64_t at = (hash >> 20) & level->group_mask;
    while (level->groups[at].count) at = (at + 1) & level->group_mask;
    level->groups[at] = (struct group){prefix, first, count};
}

// Words `first` to `end` - 1 of the sorted ones are one level.
static enum err level_fill(struct keywords *set, uint32_t bytes, uint32_t first, uint32_t end) {
    struct level *level = &set->levels[set->level_count++];
    uint32_t groups = 0, bits = LEVEL_BITS_LEAST;
    for (uint32_t i = first; i < end; i++) {
        groups += i == first || prefix_of(&set->sorted[i]) != prefix_of(&set->sorted[i - 1]);
    }
    while (bits < LEVEL_BITS_MOST && groups > (1u << bits) / 64) bits++;
    uint64_t room = 16;
    while (room < 2 * (uint64_t)groups) room *= 2;
    level->bytes = bytes;
    level->mask = UINT64_MAX >> (64 - 8 * bytes);
    level->shift = 64 - bits;
    level->group_mask = room - 1;
    level->bitmap = ARENA_ARRAY(set->arena, uint64_t, (1u << bits) / 64);
    level->groups = ARENA_ARRAY(set->arena, struct group, room);
    if (!level->bitmap || !level->groups) return ERR_MEMORY;
    for (uint32_t i = first, next; i < end; i = next) {
        uint64_t prefix = prefix_of(&set->sorted[i]);
        for (next = i + 1; next < end && prefix_of(&set->sorted[next]) == prefix; next++) {
        }
        level_put(level, prefix, i, next - i);
    }
    return OK;
}

static void short_start_put(struct keywords *set, const struct keyword *keyword) {
    uint32_t first = (uint8_t)keyword->data[0];
    // Behind a word of one byte stands anything.
    for (uint32_t second = 0; second < 256; second++) {
        if (keyword->size > 1 && second != (uint8_t)keyword->data[1]) continue;
        uint32_t bit = first | second << 8;
        set->short_starts[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
}

static enum err fill_levels(struct keywords *set) {
    set->short_starts = ARENA_ARRAY(set->arena, uint64_t, 65536 / 64);
    if (!set->short_starts) return ERR_MEMORY;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->sorted[i].size < 6) short_start_put(set, &set->sorted[i]);
    }
    qsort(set->sorted, set->count, sizeof *set->sorted, compare_keywords);
    static const uint32_t levels[LEVEL_COUNT] = {8, 6, 4, 3, 2, 1};
    enum err err = OK;
    for (uint32_t i = 0, first = 0, end = 0; i < LEVEL_COUNT && err == OK; i++, first = end) {
        while (end < set->count && level_bytes(set->sorted[end].size) == levels[i]) end++;
        // Scanning counts on the first two.
        if (i < 2 || end > first) err = level_fill(set, levels[i], first, end);
    }
    return err;
}

enum err keywords_open(const struct str *words, uint32_t count, unsigned flags,
                       struct keywords **out, struct fault *fault) {
    if (count > LIMIT_KEYWORDS) {
        return fault_set(fault, ERR_LIMIT, "keywords.too_many", STR_NONE);
    }
    struct arena *arena;
    if (arena_open((size_t)1 << 30, &arena) != OK) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("keywords"));
    }
    struct keywords *set = ARENA_NEW(arena, struct keywords);
    enum err err = set ? OK : ERR_MEMORY;
    if (err == OK) {
        *set = (struct keywords){.arena = arena, .flags = flags};
        set->sorted = ARENA_ARRAY(arena, struct keyword, (size_t)count + 1);
        set->left_out = ARENA_ARRAY(arena, uint8_t, (size_t)count + 1);
        if (flags & KEYWORDS_FOLDED) set->fold = ARENA_ARRAY(arena, uint16_t, 65536);
        if (!set->sorted || !set->left_out || ((flags & KEYWORDS_FOLDED) && !set->fold))
            err = ERR_MEMORY;
    }
    if (err == OK && set->fold) fold_table_fill(set->fold);
    for (uint32_t i = 0; i < count && err == OK; i++) err = word_keep(set, words[i], i, fault);
    if (err == OK) err = fill_levels(set);
    if (err == ERR_MEMORY) err = fault_set(fault, err, "base.no_memory", STR("keywords"));
    if (err != OK) {
        arena_close(arena);
        return err;
    }
    *out = set;
    return OK;
}

bool keywords_has(const struct keywords *set, uint32_t word) {
    return !set->left_out[word];
}

void keywords_close(struct keywords *set) {
    if (set) arena_close(set->arena);
}
