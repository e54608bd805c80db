// Inside of the tokenizers. tokenizer.c opens one and takes a text apart at special tokens,
// tokenizer_llama2c.c opens one of another file form;
// pretokenize.c cuts what is between them by patterns; merge.c, wordpiece.c and unigram.c make
// tokens of it.
// A struct tokenizer never changes once it is open.
#pragma once

#include "base/memory.h"
#include "model/language/tokenizer/tokenizer.h"
#include "model/language/tokenizer/word_pattern.h"

enum tokenizer_kind {
    TOKENIZER_BYTES,
    TOKENIZER_PIECES,
    TOKENIZER_WORDS,
    TOKENIZER_UNIGRAM,
    TOKENIZER_KIND_COUNT
};
enum { PATTERNS_MAX = 6, TOKEN_BYTES_MAX = 4096, TOKENIZER_BYTES_MAX = 1 << 30 };
// Of a special token: it takes in the white space before it, behind it.
enum token_strip { TOKEN_STRIPS_LEFT = 1, TOKEN_STRIPS_RIGHT = 2 };
#define TOKEN_SPACE "\xE2\x96\x81" // U+2581, a space within pieces

// Two neighbours that become one. `rank`: the lowest goes first.
struct merge {
    uint32_t left, right, rank, merged; // left TOKEN_NONE: an empty slot
};

struct tokenizer {
    struct arena *arena;
    enum tokenizer_kind kind;
    uint32_t count;
    struct str *texts;   // (count) the bytes a token stands for; of pieces with TOKEN_SPACE in them
    uint8_t *kinds;      // (count) enum token_kind
    float *scores;       // (count) or NULL
    uint8_t *strips;     // (count) enum token_strip, or NULL: no token takes spaces
    uint32_t *by_text;   // (text_slots) tokens by their text, open addressing
    struct merge *pairs; // (pair_slots) likewise; kind bytes
    uint32_t text_slots, pair_slots, longest_bytes;
    uint32_t bytes[256];      // the token of a byte, or TOKEN_NONE
    uint32_t *special;        // (special_count) whose texts are looked for, the longest first
    uint32_t special_at[257]; // by first byte: special[special_at[b]] … special[special_at[b+1]]
    uint32_t special_count;
    struct word_pattern *patterns[PATTERNS_MAX];
    uint32_t pattern_count;
    uint32_t begin, end, unknown, separator;
    float unknown_score;     // unigram: what an unknown character costs
    struct str replacements; // unigram: SentencePiece's table of normal forms, may be empty
    bool add_begin, add_end, add_separator;
    bool space_first; // a space before the first word
    bool whole_words; // a word that is a token is never cut
    bool composes;    // kind bytes: a text is brought into its canonical composition first
    bool one_space;   // unigram: spaces in a row are one, none at the ends
    bool small_letters, no_accents;
};

// What encoding a text needs besides: memory that grows and is used again.
struct symbol {
    uint32_t start, size, token; // bytes of the text; size 0: merged into the one before
    uint32_t before, after;      // TOKEN_NONE at the ends
};
struct candidate {
    uint64_t order; // rank and place: the lowest goes first
    uint32_t right, size;
};
struct work {
    const struct tokenizer *tokenizer;
    struct buf *out;
    struct buf text, words;         // a text in another form; where its words begin and end
    struct buf symbols, candidates; // of merge.c
    struct fault *fault;
};

// Tables by text of the tokens that texts, kinds and scores tell of. ERR_MEMORY.
enum err tokenizer_index(struct tokenizer *tokenizer);
uint32_t tokenizer_find(const struct tokenizer *tokenizer, struct str text); // or TOKEN_NONE
// The slot of a pair, empty where the two are never merged. Only of kind bytes.
struct merge *tokenizer_pair(const struct tokenizer *tokenizer, uint32_t left, uint32_t right);
void work_put(struct work *work, uint32_t token);

// pretokenize.c: the patterns of a vocabulary by its name; ERR_INPUT where the name is not known.
enum err pretokenizer_open(struct tokenizer *tokenizer, struct str name, struct fault *fault);
// The words of a text: pairs of uint32_t (start, end) in work->words.
enum err pretokenize(struct work *work, struct str text);

// merge.c: tokens of a word (kind bytes) or of a whole text (kind pieces).
enum err merge_encode(struct work *work, struct str text);
enum { MERGE_SHORT = 24 }; // up to so many symbols by looking at all, beyond by a heap
enum err merge_encode_by(struct work *work, struct str text, uint32_t most_short); // for tests

enum err wordpiece_encode(struct work *work, struct str text);
enum err unigram_open(struct tokenizer *tokenizer, const struct gguf *file, struct fault *fault);
enum err unigram_encode(struct work *work, struct str text);
