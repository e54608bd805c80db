// A text through a set of keywords, raw or folded.
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "data/match/keyword_private.h"

struct keyword_scanner {
    const struct keywords *set;
    // Folded sets only: a piece of the text, with the end of the piece before it.
    char *folded;   // (FOLD_ROOM)
    uint32_t *from; // (FOLD_ROOM)
};
struct scan {
    const struct keywords *set;
    struct str text; // that is gone through: the text itself, or a folded piece
    struct str source;
    const uint32_t *from; // NULL: the text itself
    struct keyword_hit *hits;
    size_t room, count;
};

// ---- hits ---------------------------------------------------------------------------------------

// The source's byte behind the folded character that begins at `at`.
static size_t source_end(const struct scan *scan, size_t at) {
    size_t end = scan->from[at];
    (void)utf8_next(scan->source, &end);
    return end;
}

static size_t last_start(struct str text, size_t end) {
    do end--;
    while (end > 0 && ((uint8_t)text.data[end] & 0xC0) == 0x80);
    return end;
}

// A Latin letter or digit that touches the word in the source makes it part of a longer one.
static bool stands_alone(const struct scan *scan, const struct keyword *keyword, size_t at) {
    size_t end = at + keyword->size;
    if (keyword->latin_start && at > 0 && is_latin((uint8_t)scan->text.data[at - 1])) {
        if (source_end(scan, at - 1) == scan->from[at]) return false;
    }
    if (keyword->latin_end && end < scan->text.size && is_latin((uint8_t)scan->text.data[end])) {
        if (source_end(scan, end - 1) == scan->from[end]) return false;
    }
    return true;
}

static void take_hit(struct scan *scan, const struct keyword *keyword, size_t at) {
    struct keyword_hit hit = {keyword->word, at, keyword->size};
    if (scan->from) {
        if (!stands_alone(scan, keyword, at)) return;
        size_t end = source_end(scan, last_start(scan->text, at + keyword->size));
        hit.start = scan->from[at];
        hit.size = end - hit.start;
    }
    if (scan->count < scan->room) scan->hits[scan->count] = hit;
    scan->count++;
}

// The first of the sorted words [first, end) that has at least `byte` at `depth`; all are longer.
static uint32_t narrow(const struct keyword *sorted, uint32_t first, uint32_t end, uint32_t depth,
                       uint32_t byte) {
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if ((uint8_t)sorted[middle].data[depth] < byte) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

static void take_group(struct scan *scan, const struct group *group, size_t at, uint32_t depth) {
    const struct keyword *sorted = scan->set->sorted;
    const char *text = scan->text.data + at;
    size_t left = scan->text.size - at;
    uint32_t first = group->first, end = group->first + group->count;
    for (;; depth++) {
        if (end - first == 1) {
            const struct keyword *keyword = &sorted[first];
            bool whole = keyword->size <= left &&
                         memcmp(keyword->data + depth, text + depth, keyword->size - depth) == 0;
            if (whole) take_hit(scan, keyword, at);
            return;
        }
        while (first < end && sorted[first].size == depth) take_hit(scan, &sorted[first++], at);
        if (first == end || depth >= left) return;
        uint8_t byte = (uint8_t)text[depth];
        first = narrow(sorted, first, end, depth, byte);
        end = narrow(sorted, first, end, depth, (uint32_t)byte + 1);
        if (first == end) return;
    }
}

static __attribute__((noinline)) void look_up(struct scan *scan, const struct level *level,
                                              uint64_t prefix, size_t at) {
    uint64_t slot = (prefix_hash(prefix) >> 20) & level->group_mask;
    for (; level->groups[slot].count; slot = (slot + 1) & level->group_mask) {
        if (level->groups[slot].prefix != prefix) continue;
        take_group(scan, &level->groups[slot], at, level->bytes);
        return;
    }
}

// ---- the text -----------------------------------------------------------------------------------

static inline bool level_hit(const struct level *level, uint64_t prefix) {
    uint64_t bit = prefix_hash(prefix) >> level->shift;
    return level->bitmap[bit / 64] >> (bit % 64) & 1;
}

// The eight bytes at `at` as a little-endian word; zeros behind the text's end.
static uint64_t bytes_at(struct str text, size_t at) {
    uint64_t word = 0;
    size_t left = text.size - at;
    memcpy(&word, text.data + at, left < 8 ? left : 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

// Words of all levels that may begin here, the shortest first: the order of lengths.
static __attribute__((noinline)) void look_closer(struct scan *scan, uint64_t bytes, size_t at) {
    const struct keywords *set = scan->set;
    for (uint32_t i = set->level_count; i-- > 0;) {
        const struct level *level = &set->levels[i];
        uint64_t prefix = bytes & level->mask;
        if (level_hit(level, prefix)) look_up(scan, level, prefix, at);
    }
}

// One branch for all levels: it is rarely taken.
static inline void look_at(struct scan *scan, const struct level *eight, const struct level *six,
                           const uint64_t *short_starts, uint64_t bytes, size_t at) {
    uint64_t start = bytes & 0xFFFF;
    bool any = (short_starts[start / 64] >> (start % 64) & 1) | level_hit(eight, bytes) |
               level_hit(six, bytes & six->mask);
    if (__builtin_expect(any, 0)) look_closer(scan, bytes, at);
}

static void scan_plain(struct scan *scan, size_t at, size_t end) {
    for (; at < end; at++) {
        if (((uint8_t)scan->text.data[at] & 0xC0) == 0x80) continue;
        look_closer(scan, bytes_at(scan->text, at), at);
    }
}

#if defined(__x86_64__)
#include <emmintrin.h>

// Where characters begin among 64 bytes: continuation bytes are the 64 lowest signed ones.
static inline uint64_t starts_of(const char *text) {
    const __m128i border = _mm_set1_epi8((char)0xBF);
    uint64_t starts = 0;
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + 16 * i));
        uint32_t mask = (uint32_t)_mm_movemask_epi8(_mm_cmpgt_epi8(bytes, border));
        starts |= (uint64_t)mask << (16 * i);
    }
    return starts;
}
#else
static inline uint64_t starts_of(const char *text) {
    uint64_t starts = 0;
    for (int i = 0; i < 64; i++) {
        starts |= (uint64_t)(((uint8_t)text[i] & 0xC0) != 0x80) << i;
    }
    return starts;
}
#endif

static inline __attribute__((always_inline)) size_t blocks(struct scan *scan, size_t at,
                                                           size_t end) {
    const struct level eight = scan->set->levels[0], six = scan->set->levels[1];
    const uint64_t *short_starts = scan->set->short_starts;
    const char *text = scan->text.data;
    for (; at + 64 <= end && at + 72 <= scan->text.size; at += 64) {
        for (uint64_t left = starts_of(text + at); left; left &= left - 1) {
            size_t start = at + (size_t)__builtin_ctzll(left);
            uint64_t bytes;
            memcpy(&bytes, text + start, 8);
            look_at(scan, &eight, &six, short_starts, bytes, start);
        }
    }
    return at;
}

// The same code, with and without the newer instructions for single bits.
static size_t scan_blocks_baseline(struct scan *scan, size_t at, size_t end) {
    return blocks(scan, at, end);
}

#if defined(__x86_64__)
__attribute__((target("bmi,bmi2"))) static size_t scan_blocks_bmi(struct scan *scan, size_t at,
                                                                  size_t end) {
    return blocks(scan, at, end);
}

static size_t scan_blocks(struct scan *scan, size_t at, size_t end) {
    bool bmi = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    return bmi ? scan_blocks_bmi(scan, at, end) : scan_blocks_baseline(scan, at, end);
}
#else
static size_t scan_blocks(struct scan *scan, size_t at, size_t end) {
    return scan_blocks_baseline(scan, at, end);
}
#endif

// Hits that begin at `at` up to, not including, `end`.
static void scan_range(struct scan *scan, size_t at, size_t end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    at = scan_blocks(scan, at, end);
#endif
    scan_plain(scan, at, end);
}

// ---- folded -------------------------------------------------------------------------------------

static void scan_folded(struct keyword_scanner *scanner, struct scan *scan) {
    const struct keywords *set = scanner->set;
    struct folder folder = {.table = set->fold};
    size_t at = 0, size = 0, done = 0;
    scan->from = scanner->from;
    while (at < scan->source.size) {
        size_t end = at + FOLD_PIECE_BYTES;
        if (end > scan->source.size) end = scan->source.size;
        size = fold_text(&folder, scan->source, &at, end, scanner->folded, scanner->from, size);
        cy_assert(size <= FOLD_ROOM);
        // A word that begins near the piece's end may go on in the next one.
        bool last = at >= scan->source.size;
        size_t tail = set->bytes_max + 4;
        size_t limit = last ? size : size > tail ? size - tail : 0;
        if (limit < done) limit = done;
        scan->text = (struct str){scanner->folded, size};
        scan_range(scan, done, limit);
        // The next piece follows the tail and the character before it.
        size_t keep = limit > 8 ? limit - 8 : 0;
        memmove(scanner->folded, scanner->folded + keep, size - keep);
        memmove(scanner->from, scanner->from + keep, (size - keep) * sizeof *scanner->from);
        size -= keep;
        done = limit - keep;
    }
}

enum err keyword_scanner_open(const struct keywords *keywords, struct arena *arena,
                              struct keyword_scanner **out) {
    struct keyword_scanner *scanner = ARENA_NEW(arena, struct keyword_scanner);
    if (!scanner) return ERR_MEMORY;
    scanner->set = keywords;
    if (keywords->flags & KEYWORDS_FOLDED) {
        scanner->folded = ARENA_ARRAY(arena, char, FOLD_ROOM);
        scanner->from = ARENA_ARRAY(arena, uint32_t, FOLD_ROOM);
        if (!scanner->folded || !scanner->from) return ERR_MEMORY;
    }
    *out = scanner;
    return OK;
}

size_t keyword_scan(struct keyword_scanner *scanner, struct str text, struct keyword_hit *hits,
                    size_t room) {
    struct scan scan = {
        .set = scanner->set, .text = text, .source = text, .hits = hits, .room = room};
    cy_assert(text.size <= UINT32_MAX);
    if (scanner->set->flags & KEYWORDS_FOLDED) {
        scan_folded(scanner, &scan);
    } else {
        scan_range(&scan, 0, text.size);
    }
    return scan.count;
}
