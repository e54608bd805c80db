// The tagger: persons, places and institutions in Chinese text. A linear chain over tokens (one
// character, or one run of digits or of letters) whose scores are sums of small whole numbers
// looked up by hashed n-grams, and the best path through it. Only integers: the same text gives
// the same spans on every machine and with any number of threads.
// Depends on base/ and zstd. The weights are embedded (embed/tagger.bin) and unpacked once, at the
// first use; after that everything is read-only and any thread may call.
//
// The trainer (tests/train/tagger) includes this header and uses tagger_text.c as it stands, so
// what is learnt and what is looked up cannot differ. Whoever changes tokens, streams or grams has
// to train again, and counts TAGGER_FORMAT up.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "data/detect/detect.h"

enum {
    TAGGER_FORMAT = 2,
    TAGGER_TOKENS_MAX = 256, // of one segment; longer ones are cut
    TAGGER_EDGE = 4,         // tokens of padding in front of a segment, twice as many behind
    TAGGER_LABELS = 16,      // 13 in use: one row of scores is 16 bytes
    TAGGER_GRAMS = 16,       // kinds of n-gram that begin at one token
    TAGGER_OFFSETS_MAX = 8,  // tokens that one n-gram bears upon
    TAGGER_GRAM_BITS = 23,   // n-grams are told apart by this many bits
    TAGGER_WORD_BITS = 24,   // words of the lexicon likewise
    TAGGER_WORD_TOKENS = 5,  // longest word of the lexicon
    TAGGER_IDS_MAX = 8192,   // different characters, the rest are one of a few unknowns
    TAGGER_CODE_POINTS = 65536,
};

// Labels: 0 outside; then four for each kind: first, middle, last of several tokens; single.
enum tagger_kind { TAGGER_PERSON, TAGGER_PLACE, TAGGER_INSTITUTION, TAGGER_KINDS };
_Static_assert(PERSONAL_ORGANISATION - PERSONAL_NAME == TAGGER_INSTITUTION &&
                   PERSONAL_ADDRESS - PERSONAL_NAME == TAGGER_PLACE,
               "the kinds of hits come in this order");
enum tagger_part { TAGGER_FIRST, TAGGER_MIDDLE, TAGGER_LAST, TAGGER_SINGLE };
enum { TAGGER_OUTSIDE = 0, TAGGER_LABELS_USED = 1 + 4 * TAGGER_KINDS };

// Ids of tokens that are no known character.
enum tagger_id {
    TAGGER_ID_EDGE,
    TAGGER_ID_HAN, // an unknown Chinese character
    TAGGER_ID_SIGN,
    TAGGER_ID_SPACE,
    TAGGER_ID_DIGITS_1,
    TAGGER_ID_DIGITS_2,
    TAGGER_ID_DIGITS_3,
    TAGGER_ID_DIGITS_4,
    TAGGER_ID_DIGITS_MORE,
    TAGGER_ID_LETTER,
    TAGGER_ID_LETTERS,
    TAGGER_ID_KNOWN // the first of the known characters
};

// What is known of characters and words.
struct tagger_tables {
    uint16_t id_of[TAGGER_CODE_POINTS]; // 0: not known; traditional forms have the simplified's id
    uint8_t class_of[TAGGER_IDS_MAX];   // clusters of like characters, see TAGGER_CLASS
    uint8_t name_of[TAGGER_IDS_MAX];    // two bits each: surname, first, last, only given character
    uint32_t *words;                    // open addressing: hash << 8 | class, 0 free
    uint32_t words_mask;                // a power of two less one
};

// Classes of characters: what ends an institution's or a place's name has a class of its own.
enum { TAGGER_CLASS_INSTITUTION = 152, TAGGER_CLASS_PLACE = 204 }; // the first of each

// One segment of text as tokens: token k of the segment stands at k + TAGGER_EDGE.
enum { TAGGER_ROOM = TAGGER_TOKENS_MAX + 3 * TAGGER_EDGE };
struct tagger_tokens {
    uint32_t count;
    uint32_t start[TAGGER_TOKENS_MAX + 1]; // bytes; the last is where the segment ends
    uint16_t id[TAGGER_ROOM];
    uint8_t class[TAGGER_ROOM], name[TAGGER_ROOM];
    uint8_t word[TAGGER_ROOM];   // which words of the lexicon begin, end, pass here
    uint8_t suffix[TAGGER_ROOM]; // how far the next ending of an institution or a place is
};

// Cuts the next segment off text, beginning at byte `at`, and fills tokens. Returns where the next
// one begins. A segment ends behind 。！？；, a line's end or, at the latest with
// TAGGER_TOKENS_MAX tokens, behind a comma.
size_t tagger_tokens_next(const struct tagger_tables *tables, struct str text, size_t at,
                          struct tagger_tokens *tokens);
// Keys of the n-grams that begin at array index j; TAGGER_EDGE - 3 <= j < count + TAGGER_EDGE + 3.
void tagger_grams(const struct tagger_tokens *tokens, size_t j, uint32_t keys[TAGGER_GRAMS]);
// Kind g bears upon tokens j + first … j + first + count - 1.
struct tagger_reach {
    int8_t first;
    uint8_t count;
};
extern const struct tagger_reach tagger_reach[TAGGER_GRAMS];

uint32_t tagger_word_hash(const uint16_t *ids, size_t count); // TAGGER_WORD_BITS bits, never 0
bool tagger_may_follow(uint32_t label, uint32_t next);
bool tagger_may_end(uint32_t label); // likewise: may begin is tagger_may_follow(TAGGER_OUTSIDE, …)

// ---- the weights --------------------------------------------------------------------------------

struct tagger {
    struct tagger_tables tables;
    void *memory;         // of the three tables that follow
    uint64_t *filter;     // one bit for every four keys: whether there may be an n-gram
    uint64_t *index;      // open addressing: row << 32 | slots << 24 | key, 0 free
    uint32_t index_shift; // key >> index_shift is where the search begins
    uint32_t index_mask;
    int8_t (*rows)[TAGGER_LABELS];               // one after another for each slot an n-gram has
    int16_t steps[TAGGER_LABELS][TAGGER_LABELS]; // from, to
    int16_t steps_back[TAGGER_LABELS][TAGGER_LABELS]; // the same: to, from
    uint32_t scale;                                   // a weight of 1 stands for 1/scale
    struct str note; // on what it was trained, licences, date: the text at the file's beginning
};
enum { TAGGER_SLOTS = 8, TAGGER_SLOT_HERE = 3 }; // slot k bears on token j + k - 3
enum { TAGGER_NEVER = -8000 };                   // a step that may not be taken

// Reads what the trainer wrote; `file` has to outlive the tagger. ERR_CORRUPT when it is damaged.
enum err tagger_open(struct str file, struct tagger **out) MUST_USE;
void tagger_close(struct tagger *tagger); // NULL is fine
// The embedded one, unpacked at the first call; NULL when there was no memory for it.
const struct tagger *tagger_shared(void);

// ---- spans --------------------------------------------------------------------------------------

// Spans are hits as detect.h has them: PERSONAL_NAME + enum tagger_kind is their kind; confidence
// is 1..99, from how far the best path without it lies behind.
// How the tagger leans: what every beginning of a name is given on top, by kind, in hundredths.
struct tagger_lean {
    int16_t kind[TAGGER_KINDS];
};
extern const struct tagger_lean tagger_plain, tagger_privacy;

// The spans of one segment, in order. Returns their number, at most TAGGER_TOKENS_MAX.
size_t tagger_segment(const struct tagger *tagger, const struct tagger_tokens *tokens,
                      struct tagger_lean lean, struct personal_hit spans[TAGGER_TOKENS_MAX]);
// The same by name, for tests: with the base line's instructions, and with AVX2's.
size_t tagger_segment_plain(const struct tagger *tagger, const struct tagger_tokens *tokens,
                            struct tagger_lean lean, struct personal_hit spans[TAGGER_TOKENS_MAX]);
size_t tagger_segment_avx2(const struct tagger *tagger, const struct tagger_tokens *tokens,
                           struct tagger_lean lean, struct personal_hit spans[TAGGER_TOKENS_MAX]);
// The spans of a whole text, in order and apart: segments, forms ("姓名：…"), the address grammar,
// then every further place where a name stands that was found once. Stores at most room; returns
// how many there are, more than room if some had no place (then not all was looked at).
size_t tagger_scan(const struct tagger *tagger, struct str text, struct tagger_lean lean,
                   struct personal_hit *spans, size_t room);
// Puts them among `count` hits that stand at the front of hits already, in order and apart. Those
// stay as they are; a span that runs into one ends there. Returns as tagger_scan does.
size_t tagger_add(struct str text, uint32_t kinds, struct personal_hit *hits, size_t count,
                  size_t room);
