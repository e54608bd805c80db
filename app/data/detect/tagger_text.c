// Text as the tagger sees it: tokens, what is known of each, and the n-grams that begin at each.
#include <string.h>

#include "data/detect/tagger_private.h"

// ---- tokens ------------------------------------------------------------------------------------

// One code point; *size its bytes. A byte that is not UTF-8 is a sign of one byte.
static uint32_t code_point(struct str text, size_t at, size_t *size) {
    const unsigned char *u = (const unsigned char *)text.data + at;
    size_t left = text.size - at;
    *size = 1;
    if (u[0] < 0x80) return u[0];
    if (u[0] >= 0xE1 && u[0] < 0xF0 && left >= 3 && (u[1] & 0xC0) == 0x80 &&
        (u[2] & 0xC0) == 0x80) {
        *size = 3;
        return (u[0] & 0x0Fu) << 12 | (u[1] & 0x3Fu) << 6 | (u[2] & 0x3Fu);
    }
    size_t more = u[0] < 0xC2 ? 0 : u[0] < 0xE0 ? 1 : u[0] < 0xF0 ? 2 : u[0] < 0xF5 ? 3 : 0;
    if (more == 0 || left <= more) return 0xFFFD;
    uint32_t code = u[0] & (0x3Fu >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((u[i] & 0xC0) != 0x80) return 0xFFFD;
        code = code << 6 | (u[i] & 0x3Fu);
    }
    *size = more + 1;
    return code;
}

static uint32_t half_width(uint32_t code) {
    if (code > 0xFF00 && code < 0xFF5F) return code - 0xFEE0;
    return code == 0x3000 ? ' ' : code;
}

static bool is_digit(uint32_t code) {
    return code >= '0' && code <= '9';
}

static bool is_letter(uint32_t code) {
    return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') ||
           (code >= 0xC0 && code < 0x250);
}

static bool is_space(uint32_t code) {
    return code == ' ' || code == '\t' || code == 0xA0;
}

static bool ends_segment(uint32_t code) {
    return code == '\n' || code == '\r' || code == 0x3002 || code == '!' || code == '?' ||
           code == ';' || code == 0;
}

// Where a segment that is too long is cut rather than anywhere.
static bool pauses(uint32_t code) {
    return code == ',' || code == 0x3001 || code == ':' || is_space(code);
}

static bool is_han(uint32_t code) {
    return (code >= 0x3400 && code < 0xA000) || (code >= 0xF900 && code < 0xFB00) ||
           (code >= 0x20000 && code < 0x32000);
}

// How many code points of the same sort follow; *at moves behind them.
static size_t run(struct str text, size_t *at, bool (*same)(uint32_t)) {
    size_t count = 0, size;
    while (*at < text.size && same(half_width(code_point(text, *at, &size)))) {
        *at += size;
        count++;
    }
    return count;
}

static uint16_t token_id(const struct tagger_tables *tables, struct str text, size_t *at,
                         uint32_t code, size_t size) {
    if (is_digit(code)) {
        size_t count = run(text, at, is_digit);
        return (uint16_t)(TAGGER_ID_DIGITS_1 + (count > 5 ? 5 : count) - 1);
    }
    if (is_letter(code)) {
        return run(text, at, is_letter) > 1 ? TAGGER_ID_LETTERS : TAGGER_ID_LETTER;
    }
    if (is_space(code)) {
        run(text, at, is_space);
        return TAGGER_ID_SPACE;
    }
    *at += size;
    uint16_t known = code < TAGGER_CODE_POINTS ? tables->id_of[code] : 0;
    if (known) return known;
    return is_han(code) ? TAGGER_ID_HAN : TAGGER_ID_SIGN;
}

// ---- words -------------------------------------------------------------------------------------

static uint64_t stir(uint64_t hash, uint64_t value) {
    return (hash + value + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static uint32_t word_key(uint64_t hash) {
    uint32_t key =
        (uint32_t)((hash ^ hash >> 29) * UINT64_C(0xD6E8FEB86659FD93) >> (64 - TAGGER_WORD_BITS));
    return key ? key : 1;
}

uint32_t tagger_word_hash(const uint16_t *ids, size_t count) {
    uint64_t hash = 0;
    for (size_t i = 0; i < count; i++) hash = stir(hash, ids[i]);
    return word_key(hash);
}

// Class of the word with this key, 0 if there is none.
static uint32_t word_find(const struct tagger_tables *tables, uint32_t key) {
    for (uint32_t slot = key & tables->words_mask;; slot = (slot + 1) & tables->words_mask) {
        uint32_t word = tables->words[slot];
        if (word == 0) return 0;
        if (word >> 8 == key) return word & 0xFF;
    }
}

// A run of tokens that may be a word.
struct candidate {
    uint32_t key;
    uint16_t first, size;
};

// Runs of two tokens and more, of known characters. The table is asked for all of them before the
// first is looked up.
static uint32_t word_candidates(const struct tagger_tables *tables,
                                const struct tagger_tokens *tokens, struct candidate *out) {
    uint32_t count = 0;
    size_t end = tokens->count + TAGGER_EDGE;
    for (size_t j = TAGGER_EDGE; j < end; j++) {
        if (tokens->id[j] < TAGGER_ID_KNOWN) continue;
        uint64_t hash = stir(0, tokens->id[j]);
        size_t most = end - j < TAGGER_WORD_TOKENS ? end - j : TAGGER_WORD_TOKENS;
        for (size_t size = 2; size <= most && tokens->id[j + size - 1] >= TAGGER_ID_KNOWN; size++) {
            hash = stir(hash, tokens->id[j + size - 1]);
            uint32_t key = word_key(hash);
            __builtin_prefetch(&tables->words[key & tables->words_mask]);
            out[count++] = (struct candidate){key, (uint16_t)j, (uint16_t)size};
        }
    }
    return count;
}

// token.word: bits 0-1 length of the longest word that begins here (0, 2, 3, more), 2-3 of the
// longest that ends here, 4 whether one passes, 5-7 class of the longest that touches this token.
static void mark_words(const struct tagger_tables *tables, struct tagger_tokens *tokens) {
    uint8_t longest[TAGGER_ROOM] = {0};
    struct candidate candidates[TAGGER_TOKENS_MAX * (TAGGER_WORD_TOKENS - 1)];
    uint32_t count = word_candidates(tables, tokens, candidates);
    for (uint32_t c = 0; c < count; c++) {
        uint32_t class = word_find(tables, candidates[c].key);
        if (class == 0) continue;
        size_t j = candidates[c].first, size = candidates[c].size, last = j + size - 1;
        uint32_t code = (uint32_t)(size > 4 ? 3 : size - 1);
        tokens->word[j] = (uint8_t)((tokens->word[j] & ~3u) | code);
        if ((tokens->word[last] >> 2 & 3u) < code) {
            tokens->word[last] = (uint8_t)((tokens->word[last] & ~12u) | code << 2);
        }
        for (size_t k = j; k <= last; k++) {
            if (k > j && k < last) tokens->word[k] |= 16;
            if (size <= longest[k]) continue;
            longest[k] = (uint8_t)size;
            tokens->word[k] = (uint8_t)((tokens->word[k] & 31u) | class << 5);
        }
    }
}

// ---- endings -----------------------------------------------------------------------------------

enum { WORD_ENDS_INSTITUTION = 6, WORD_ENDS_PLACE = 7 }; // classes of the lexicon

static uint8_t farther(uint8_t distance) {
    return distance == 0 || distance > 12 ? 0 : (uint8_t)(distance + 1);
}

// token.suffix: how far the next ending of an institution is before the next sign, in 6 steps,
// times 6, and how far that of a place is.
static void mark_endings(struct tagger_tokens *tokens) {
    static const uint8_t step[16] = {0, 1, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 5, 5, 0, 0};
    uint8_t institution = 0, place = 0; // distance + 1
    for (size_t k = tokens->count + TAGGER_EDGE; k-- > TAGGER_EDGE;) {
        uint8_t word = tokens->word[k], class = tokens->class[k];
        uint32_t last_of = word & 12 ? word >> 5 : 0;
        bool sign = tokens->id[k] == TAGGER_ID_SIGN || tokens->id[k] == TAGGER_ID_SPACE;
        if (sign || class == 1) institution = place = 0;
        if (last_of == WORD_ENDS_INSTITUTION ||
            (class >= TAGGER_CLASS_INSTITUTION && class < TAGGER_CLASS_PLACE)) {
            institution = 1;
        }
        if (last_of == WORD_ENDS_PLACE || class >= TAGGER_CLASS_PLACE) place = 1;
        tokens->suffix[k] = (uint8_t)(step[institution & 15] * 6 + step[place & 15]);
        institution = farther(institution);
        place = farther(place);
    }
}

// ---- segments ----------------------------------------------------------------------------------

size_t tagger_tokens_next(const struct tagger_tables *tables, struct str text, size_t at,
                          struct tagger_tokens *tokens) {
    memset(tokens->word, 0, sizeof tokens->word);
    uint32_t count = 0, pause = 0;
    while (at < text.size && count < TAGGER_TOKENS_MAX) {
        size_t size;
        uint32_t code = half_width(code_point(text, at, &size));
        tokens->start[count] = (uint32_t)at;
        uint16_t id = token_id(tables, text, &at, code, size);
        tokens->id[TAGGER_EDGE + count] = id;
        tokens->class[TAGGER_EDGE + count] = tables->class_of[id];
        tokens->name[TAGGER_EDGE + count] = tables->name_of[id];
        count++;
        if (ends_segment(code)) break;
        if (pauses(code)) pause = count;
    }
    tokens->start[count] = (uint32_t)at;
    if (count == TAGGER_TOKENS_MAX && pause > TAGGER_TOKENS_MAX / 2) {
        count = pause; // the whole of it, where its last token is the pause
        at = tokens->start[count];
    }
    tokens->count = count;
    for (size_t k = 0; k < 3 * TAGGER_EDGE; k++) {
        size_t edge = k < TAGGER_EDGE ? k : count + k;
        tokens->id[edge] = TAGGER_ID_EDGE;
        tokens->class[edge] = tokens->name[edge] = tokens->suffix[edge] = 0;
    }
    mark_words(tables, tokens);
    mark_endings(tokens);
    return at;
}

// ---- n-grams -----------------------------------------------------------------------------------

const struct tagger_reach tagger_reach[TAGGER_GRAMS] = {
    {-3, 7}, {-2, 6}, {-1, 5},         // characters: 1, 2, 3 in a row
    {-2, 6}, {-1, 5}, {-1, 6},         // classes: 2, 3, 4 in a row
    {-2, 5}, {-1, 4}, {-1, 5}, {0, 4}, // name codes: 1, 2, 3, 4 in a row
    {-2, 5}, {-1, 4}, {-1, 5},         // words: 1, 2, 3 in a row
    {0, 4},                            // a character and the name codes behind it
    {0, 4},                            // name codes and the character behind them
    {-1, 3},                           // an ending ahead, class, words
};

static uint32_t gram_key(uint64_t kind, uint64_t hash) {
    hash = (hash ^ kind << 58) * UINT64_C(0xD6E8FEB86659FD93);
    return (uint32_t)((hash ^ hash >> 31) * UINT64_C(0xC2B2AE3D27D4EB4F) >>
                      (64 - TAGGER_GRAM_BITS));
}

void tagger_grams(const struct tagger_tokens *tokens, size_t j, uint32_t keys[TAGGER_GRAMS]) {
    const uint16_t *id = tokens->id + j;
    const uint8_t *class = tokens->class + j, *name = tokens->name + j, *word = tokens->word + j;
    uint64_t one = stir(0, id[0]), two = stir(one, id[1]);
    keys[0] = gram_key(0, one);
    keys[1] = gram_key(1, two);
    keys[2] = gram_key(2, stir(two, id[2]));
    uint64_t pair = (uint64_t) class[0] << 8 | class[1];
    keys[3] = gram_key(3, pair);
    keys[4] = gram_key(4, pair << 8 | class[2]);
    keys[5] = gram_key(5, pair << 16 | (uint64_t) class[2] << 8 | class[3]);
    uint64_t names = (uint64_t)name[0] << 8 | name[1];
    keys[6] = gram_key(6, name[0]);
    keys[7] = gram_key(7, names);
    keys[8] = gram_key(8, names << 8 | name[2]);
    keys[9] = gram_key(9, names << 16 | (uint64_t)name[2] << 8 | name[3]);
    uint64_t words = (uint64_t)word[0] << 8 | word[1];
    keys[10] = gram_key(10, word[0]);
    keys[11] = gram_key(11, words);
    keys[12] = gram_key(12, words << 8 | word[2]);
    keys[13] = gram_key(13, (uint64_t)id[0] << 24 | (uint64_t)name[1] << 16 |
                                (uint64_t)name[2] << 8 | name[3]);
    keys[14] = gram_key(14, (uint64_t)id[3] << 24 | names << 8 | name[2]);
    keys[15] = gram_key(15, (uint64_t)tokens->suffix[j] << 16 | (uint64_t)word[0] << 8 | class[0]);
}

// ---- labels ------------------------------------------------------------------------------------

static bool is_open(uint32_t label) {
    return label != TAGGER_OUTSIDE && (label - 1) % 4 <= TAGGER_MIDDLE;
}

bool tagger_may_end(uint32_t label) {
    return !is_open(label);
}

bool tagger_may_follow(uint32_t label, uint32_t next) {
    uint32_t part = next == TAGGER_OUTSIDE ? TAGGER_SINGLE : (next - 1) % 4;
    bool inner = part == TAGGER_MIDDLE || part == TAGGER_LAST;
    if (!is_open(label)) return !inner;
    return inner && (label - 1) / 4 == (next - 1) / 4;
}
