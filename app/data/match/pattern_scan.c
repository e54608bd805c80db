// A pattern over a text, in two passes.
//
// From the text's end to its beginning: at every character the places that can take it such that
// the rest of a match follows ("alive"). These sets are the states of an automaton that is made as
// it is needed (lazily), within a bound. A match begins where an alive place is one of `first`.
// From the beginning to the end: from each such character the match is walked along places that are
// alive, so that no step leads anywhere but to the match's end. Both passes together are linear in
// the text, whatever the pattern.
//
// A long text is cut into blocks. The first pass keeps only the alive set at each block's end; the
// second makes a block's states again when a match lies in it. The automaton has room for all the
// new states of a block: it is emptied between blocks only.
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "data/match/pattern_private.h"

enum {
    BLOCK_BYTES = 1024,
    BLOCK_ROOM = BLOCK_BYTES + 4, // a character may reach over the end
    STATE_ROOM = 4096,
    STATE_HASH = 2 * STATE_ROOM,
    STATE_NONE = UINT16_MAX,
};

struct block {
    size_t index, start, end; // bytes of the text
    uint32_t count;
    uint16_t classes[BLOCK_ROOM];
    uint16_t offsets[BLOCK_ROOM + 1]; // from `start`
    uint16_t states[BLOCK_ROOM];      // the alive set of each character
};
struct pattern_scanner {
    const struct pattern *pattern;
    struct arena *arena;
    uint32_t words; // of a set
    // The automaton: for each state its alive set, what may stand in front of it, whether a match
    // begins there, and the next state by class.
    uint64_t *alive, *ready; // (STATE_ROOM, words)
    uint8_t *begins;         // (STATE_ROOM)
    uint16_t *next;          // (STATE_ROOM, class_count)
    uint16_t *hash;          // (STATE_HASH): states, STATE_NONE where free
    uint32_t state_count;
    // The text at hand.
    struct str text;
    size_t block_count, block_room;
    uint64_t *ends; // (block_room, words): the alive set behind each block
    uint8_t *live;  // (block_room): a match begins in it
    struct block block;
    struct place_set at_begin; // the places of a ^ before the first character that are alive
};

// ---- the automaton ------------------------------------------------------------------------------

static void states_forget(struct pattern_scanner *scanner) {
    memset(scanner->hash, 0xFF, STATE_HASH * sizeof *scanner->hash);
    scanner->state_count = 0;
}

static uint32_t set_hash(const uint64_t *set, uint32_t words) {
    uint64_t hash = 0x9E3779B97F4A7C15u;
    for (uint32_t i = 0; i < words; i++) {
        hash = (hash ^ set[i]) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    return (uint32_t)hash & (STATE_HASH - 1);
}

static void join_places(uint64_t *out, const uint64_t *set, const struct place_set *rows,
                        uint32_t words) {
    for (uint32_t word = 0; word < words; word++) {
        for (uint64_t left = set[word]; left; left &= left - 1) {
            const uint64_t *row = rows[word * 64 + (uint32_t)__builtin_ctzll(left)].words;
            for (uint32_t i = 0; i < words; i++) out[i] |= row[i];
        }
    }
}

static bool sets_meet(const uint64_t *a, const uint64_t *b, uint32_t words) {
    uint64_t both = 0;
    for (uint32_t i = 0; i < words; i++) both |= a[i] & b[i];
    return both != 0;
}

static uint16_t state_add(struct pattern_scanner *scanner, const uint64_t *set) {
    cy_assert(scanner->state_count < STATE_ROOM);
    const struct pattern *pattern = scanner->pattern;
    uint32_t words = scanner->words, state = scanner->state_count++;
    uint64_t *ready = scanner->ready + (size_t)state * words;
    memcpy(scanner->alive + (size_t)state * words, set, words * sizeof *set);
    memcpy(ready, pattern->last.words, words * sizeof *ready);
    join_places(ready, set, pattern->precede, words);
    scanner->begins[state] = sets_meet(set, pattern->first.words, words);
    memset(scanner->next + (size_t)state * pattern->class_count, 0xFF,
           pattern->class_count * sizeof *scanner->next);
    return (uint16_t)state;
}

static uint16_t state_of(struct pattern_scanner *scanner, const uint64_t *set) {
    uint32_t words = scanner->words, at = set_hash(set, words);
    for (;; at = (at + 1) & (STATE_HASH - 1)) {
        uint16_t state = scanner->hash[at];
        if (state == STATE_NONE) break;
        const uint64_t *own = scanner->alive + (size_t)state * words;
        if (memcmp(own, set, words * sizeof *set) == 0) return state;
    }
    return scanner->hash[at] = state_add(scanner, set);
}

static void step_back(const struct pattern_scanner *scanner, uint16_t state, uint32_t class,
                      uint64_t *out) {
    const uint64_t *takes = scanner->pattern->takes[class].words;
    const uint64_t *ready = scanner->ready + (size_t)state * scanner->words;
    for (uint32_t i = 0; i < scanner->words; i++) out[i] = takes[i] & ready[i];
}

static uint16_t state_make(struct pattern_scanner *scanner, uint16_t state, uint32_t class) {
    uint64_t set[PLACE_WORDS];
    step_back(scanner, state, class, set);
    uint16_t made = state_of(scanner, set);
    scanner->next[(size_t)state * scanner->pattern->class_count + class] = made;
    return made;
}

// ---- blocks -------------------------------------------------------------------------------------

static uint16_t class_high(const struct pattern *pattern, uint32_t character) {
    uint32_t low = 0, high = pattern->high_count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (pattern->high[middle].from <= character) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return pattern->high[low].class;
}

// The first character border at or behind `at`.
static size_t border_at(struct str text, size_t at) {
    if (at >= text.size) return text.size;
    for (size_t back = 1; back <= 3 && back <= at; back++) {
        size_t next = at - back;
        if (((uint8_t)text.data[next] & 0xC0) == 0x80) continue;
        (void)utf8_next(text, &next);
        return next > at ? next : at;
    }
    return at;
}

static void block_read(struct pattern_scanner *scanner, size_t index) {
    struct block *block = &scanner->block;
    struct str text = scanner->text;
    const struct pattern *pattern = scanner->pattern;
    const uint16_t *ascii = pattern->pages + (size_t)pattern->page_of[0] * 256;
    size_t at = border_at(text, index * BLOCK_BYTES);
    block->index = index;
    block->start = at;
    block->end = border_at(text, (index + 1) * BLOCK_BYTES);
    uint32_t count = 0;
    while (at < block->end) {
        block->offsets[count] = (uint16_t)(at - block->start);
        uint8_t byte = (uint8_t)text.data[at];
        if (byte < 0x80) {
            block->classes[count++] = ascii[byte];
            at++;
            continue;
        }
        uint32_t c = utf8_next(text, &at);
        uint32_t page = pattern->page_of[(c >> 8) & 0xFF];
        block->classes[count++] =
            c < 0x10000 ? pattern->pages[page * 256 + (c & 0xFF)] : class_high(pattern, c);
    }
    block->offsets[count] = (uint16_t)(at - block->start);
    block->count = count;
}

// The states of the block that was read, from its end to its beginning; whether a match begins.
static bool block_run(struct pattern_scanner *scanner) {
    struct block *block = &scanner->block;
    uint32_t class_count = scanner->pattern->class_count;
    if (scanner->state_count + BLOCK_ROOM + 2 > STATE_ROOM) states_forget(scanner);
    uint16_t state = state_of(scanner, scanner->ends + block->index * scanner->words);
    uint8_t begins = 0;
    for (uint32_t i = block->count; i-- > 0;) {
        uint16_t next = scanner->next[(size_t)state * class_count + block->classes[i]];
        if (next == STATE_NONE) next = state_make(scanner, state, block->classes[i]);
        state = next;
        block->states[i] = state;
        begins |= scanner->begins[state];
    }
    return begins != 0;
}

static enum err blocks_take(struct pattern_scanner *scanner, struct str text) {
    scanner->text = text;
    scanner->block_count = text.size / BLOCK_BYTES + 1;
    if (scanner->block_count <= scanner->block_room) return OK;
    size_t room = scanner->block_count + scanner->block_count / 2 + 4;
    uint64_t *ends = ARENA_ARRAY(scanner->arena, uint64_t, room * scanner->words);
    uint8_t *live = ARENA_ARRAY(scanner->arena, uint8_t, room);
    if (!ends || !live) return ERR_MEMORY;
    scanner->ends = ends;
    scanner->live = live;
    scanner->block_room = room;
    return OK;
}

// The first pass; whether there is a match, of no characters too.
static bool look_back(struct pattern_scanner *scanner) {
    const struct pattern *pattern = scanner->pattern;
    uint32_t words = scanner->words;
    uint64_t *end = scanner->ends + (scanner->block_count - 1) * words;
    for (uint32_t i = 0; i < words; i++) {
        end[i] = pattern->takes[CLASS_END].words[i] & pattern->last.words[i];
    }
    bool found = sets_meet(end, pattern->first.words, words);
    uint16_t state = STATE_NONE;
    for (size_t index = scanner->block_count; index-- > 0;) {
        block_read(scanner, index);
        scanner->live[index] = block_run(scanner);
        found |= scanner->live[index];
        const struct block *block = &scanner->block;
        state = block->count ? block->states[0] : state_of(scanner, scanner->ends + index * words);
        if (index > 0) {
            memcpy(scanner->ends + (index - 1) * words, scanner->alive + (size_t)state * words,
                   words * sizeof *end);
        }
    }
    scanner->at_begin = (struct place_set){0};
    step_back(scanner, state, CLASS_BEGIN, scanner->at_begin.words);
    for (uint32_t i = 0; i < words; i++) scanner->at_begin.words[i] &= pattern->first.words[i];
    return found || sets_meet(scanner->at_begin.words, scanner->at_begin.words, words);
}

static void block_open(struct pattern_scanner *scanner, size_t index) {
    if (scanner->block.index == index) return;
    block_read(scanner, index);
    (void)block_run(scanner);
}

// ---- matches ------------------------------------------------------------------------------------

// The places that take the character at `*at` and where a match may begin there.
static bool walk_start(const struct pattern_scanner *scanner, uint32_t at, uint64_t *places) {
    const struct block *block = &scanner->block;
    uint32_t words = scanner->words;
    const uint64_t *alive = scanner->alive + (size_t)block->states[at] * words;
    memcpy(places, scanner->pattern->first.words, words * sizeof *places);
    if (block->start == 0 && at == 0) {
        join_places(places, scanner->at_begin.words, scanner->pattern->follow, words);
    } else if (!scanner->begins[block->states[at]]) {
        return false;
    }
    for (uint32_t i = 0; i < words; i++) places[i] &= alive[i];
    return sets_meet(places, places, words);
}

// Walks on from the character *at of the open block, which `places` take, to the match's end: the
// text's byte behind it. *at is the character to go on with, of the block that is open then.
static size_t walk(struct pattern_scanner *scanner, uint32_t *at, uint64_t *places) {
    struct block *block = &scanner->block;
    uint32_t words = scanner->words;
    for (;;) {
        uint64_t next[PLACE_WORDS] = {0};
        join_places(next, places, scanner->pattern->follow, words);
        size_t end = block->start + block->offsets[++*at];
        if (*at == block->count) {
            if (block->index + 1 == scanner->block_count) return end;
            block_open(scanner, block->index + 1);
            *at = 0;
            if (block->count == 0) return end; // an empty last block: the text ends
        }
        const uint64_t *alive = scanner->alive + (size_t)block->states[*at] * words;
        uint64_t any = 0;
        for (uint32_t i = 0; i < words; i++) any |= places[i] = next[i] & alive[i];
        if (!any) return end;
    }
}

enum err pattern_scan(struct pattern_scanner *scanner, struct str text, struct match *matches,
                      size_t room, size_t *count) {
    size_t found = 0;
    enum err err = blocks_take(scanner, text);
    if (err != OK) return err;
    *count = 0;
    if (text.size == 0 || !look_back(scanner)) return OK;
    bool begin = sets_meet(scanner->at_begin.words, scanner->at_begin.words, scanner->words);
    for (size_t index = 0; index < scanner->block_count; index++) {
        if (!scanner->live[index] && !(index == 0 && begin)) continue;
        block_open(scanner, index);
        for (uint32_t at = 0; at < scanner->block.count;) {
            uint64_t places[PLACE_WORDS];
            if (!walk_start(scanner, at, places)) {
                at++;
                continue;
            }
            size_t start = scanner->block.start + scanner->block.offsets[at];
            size_t end = walk(scanner, &at, places);
            if (found < room) matches[found] = (struct match){start, end - start};
            found++;
        }
        index = scanner->block.index; // a match may have led into later blocks
    }
    *count = found;
    return OK;
}

enum err pattern_test(struct pattern_scanner *scanner, struct str text, bool *found) {
    enum err err = blocks_take(scanner, text);
    if (err != OK) return err;
    *found = look_back(scanner) || (scanner->pattern->nullable && !scanner->pattern->whole);
    return OK;
}

enum err pattern_scanner_open(const struct pattern *pattern, struct arena *arena,
                              struct pattern_scanner **out) {
    struct pattern_scanner *scanner = ARENA_NEW(arena, struct pattern_scanner);
    if (!scanner) return ERR_MEMORY;
    *scanner = (struct pattern_scanner){.pattern = pattern, .arena = arena};
    scanner->words = pattern->word_count ? pattern->word_count : 1;
    scanner->alive = ARENA_ARRAY(arena, uint64_t, (size_t)STATE_ROOM * scanner->words);
    scanner->ready = ARENA_ARRAY(arena, uint64_t, (size_t)STATE_ROOM * scanner->words);
    scanner->begins = ARENA_ARRAY(arena, uint8_t, STATE_ROOM);
    scanner->next = ARENA_ARRAY(arena, uint16_t, (size_t)STATE_ROOM * pattern->class_count);
    scanner->hash = ARENA_ARRAY(arena, uint16_t, STATE_HASH);
    if (!scanner->alive || !scanner->ready || !scanner->begins || !scanner->next ||
        !scanner->hash) {
        return ERR_MEMORY;
    }
    states_forget(scanner);
    *out = scanner;
    return OK;
}
