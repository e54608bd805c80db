// How byte-level vocabularies cut a text into words: one pattern after the other, each cutting
// what the ones before it left; what a pattern matches is a word, and so is what lies between two
// matches.
// Some compose a text first: the flag stands with the family, since GGUF has no value for it.
// Sources: the tokenizer.json files of the models; names as GGUF files carry them
// (tokenizer.ggml.pre).
#include "model/language/tokenizer/tokenizer_private.h"

#include <string.h>

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define SHORT_FORMS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LETTERS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define SIGNS "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(end)                                                                             \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" end "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER \
    "*" end
#define CASED_SIGNS "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*"
#define DEEPSEEK_SIGNS                                      \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" \
    "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"          \
    "| ?[\\p{P}\\p{S}]+[\\r\\n]*"
// The letters of alphabets with two cases, as deepseek-llm lists them.
// clang-format off
#define TWO_CASES \
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-" \
    "ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕ" \
    "Ἐ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ" \
    "-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹ" \
    "ℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-" \
    "ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀" \
    "-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
// clang-format on

enum { WHOLE_WORDS = 1, BEGIN = 2, SEPARATOR = 4, COMPOSES = 8 };

// Several names have the same patterns: a row without patterns has those of the row below it. Where
// a vocabulary of another file form has them, the first name is taken.
static const struct {
    const char *name;
    uint32_t flags;
    const char *patterns[PATTERNS_MAX];
} families[] = {
    {"llama-bpe", WHOLE_WORDS | BEGIN, {NULL}},
    {"llama3", WHOLE_WORDS | BEGIN, {NULL}},
    {"llama-v3", WHOLE_WORDS | BEGIN, {NULL}},
    {"falcon3", WHOLE_WORDS | BEGIN, {NULL}},
    {"pixtral", WHOLE_WORDS | BEGIN, {NULL}},
    {"dbrx", 0, {NULL}},
    {"smaug-bpe", 0, {NULL}},
    {"glm4", 0, {NULL}},
    {"chatglm-bpe", 0, {SHORT_FORMS "|" LETTERS "|\\p{N}{1,3}" SIGNS SPACES}},
    {"qwen2", COMPOSES, {NULL}},
    {"deepseek-r1-qwen", 0, {NULL}},
    {"stablelm2", 0, {NULL}},
    {"hunyuan", 0, {NULL}},
    {"megrez", 0, {SHORT_FORMS "|" LETTERS "|\\p{N}" SIGNS SPACES}},
    {"qwen35",
     COMPOSES,
     {SHORT_FORMS
      "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" SPACES}},
    {"minicpm5", WHOLE_WORDS, {"\\p{N}{1,3}", SHORT_FORMS "|" LETTERS "|\\p{N}+" SIGNS SPACES}},
    {"bailingmoe",
     0,
     {"(?i:'s|'d|'m|'t|'ll|'ve|'re)|" LETTERS "|\\p{N}" SIGNS "|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
    {"seed-coder", 0, {SHORT_FORMS "|" LETTERS "|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+" SPACES}},
    {"gpt-2", 0, {NULL}},
    {"phi-2", 0, {NULL}},
    {"mpt", 0, {NULL}},
    {"olmo", 0, {NULL}},
    {"jais", 0, {NULL}},
    {"exaone4", 0, {NULL}},
    {"trillion", 0, {NULL}},
    {"modern-bert", 0, {NULL}},
    {"jina-es", 0, {NULL}},
    {"jina-de", 0, {NULL}},
    {"jina-v2-es", 0, {NULL}},
    {"jina-v2-de", 0, {NULL}},
    {"jina-v1-en", SEPARATOR, {NULL}},
    {"jina-v2-code", SEPARATOR, {NULL}},
    {"roberta-bpe", SEPARATOR, {GPT2}},
    {"starcoder", 0, {NULL}},
    {"refact", 0, {NULL}},
    {"command-r", 0, {NULL}},
    {"smollm", 0, {NULL}},
    {"codeshell", 0, {NULL}},
    {"exaone", 0, {NULL}},
    {"minerva-7b", 0, {"\\p{N}", GPT2}},
    {"deepseek-llm",
     0,
     {"[\\r\\n]", "\\s?[" TWO_CASES "]+", "\\s?[!-/:-~！-／：-～‘-‟　-。]+", "\\s+$",
      "[一-龥ࠀ-一가-퟿]+", "\\p{N}+"}},
    {"deepseek-coder",
     0,
     {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[一-龥ࠀ-一가-퟿]+", "\\p{N}"}},
    {"deepseek-v3", 0, {NULL}},
    {"hunyuan-dense", 0, {"\\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK_SIGNS SPACES}},
    {"falcon", 0, {"[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]"}},
    {"tekken", WHOLE_WORDS | BEGIN, {CASED("") "|\\p{N}" CASED_SIGNS SPACES}},
    {"gpt-4o", 0, {NULL}},
    {"llama4", 0, {NULL}},
    {"kanana2", 0, {NULL}},
    {"minimax-m2", 0, {CASED(SHORT_FORMS "?") "|\\p{N}{1,3}" CASED_SIGNS SPACES}},
    {"poro-chat", 0, {NULL}},
    {"bloom", 0, {NULL}},
    {"gpt3-finnish", 0, {" ?[^(\\s|.,!?…。，、।۔،)]+"}},
    {"viking", 0, {" ?[^(\\s|.,!?…。，、।۔،)]+", "\\p{N}"}},
    {"chameleon",
     BEGIN,
     {"<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", "[\\t\\n]|    |  ", "\\p{N}",
      "[\\p{P}!-/:-@\\[-`{-~]", GPT2}},
    {"", 0, {NULL}},
    {"default", 0, {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
};

static const char *const *patterns_of(uint32_t row) {
    while (!families[row].patterns[0]) row++;
    return families[row].patterns;
}

const char *tokenizer_pattern_name(const struct str *patterns, uint32_t count, bool whole_words,
                                   bool composes) {
    uint32_t wanted = (whole_words ? WHOLE_WORDS : 0) | (composes ? COMPOSES : 0);
    for (uint32_t row = 0; row < sizeof families / sizeof *families; row++) {
        const char *const *known = patterns_of(row);
        uint32_t same = 0;
        if ((families[row].flags & (WHOLE_WORDS | COMPOSES)) != wanted) continue;
        while (same < count && same < PATTERNS_MAX && known[same] &&
               str_is(patterns[same], known[same])) {
            same++;
        }
        if (same == count && (same == PATTERNS_MAX || !known[same])) return families[row].name;
    }
    return NULL;
}

enum err pretokenizer_open(struct tokenizer *tokenizer, struct str name, struct fault *fault) {
    uint32_t count = sizeof families / sizeof *families, row = 0;
    while (row < count && !str_is(name, families[row].name)) row++;
    if (row == count) return fault_set(fault, ERR_INPUT, "tokenizer.unknown_pre", name);
    tokenizer->whole_words = families[row].flags & WHOLE_WORDS;
    tokenizer->add_begin = families[row].flags & BEGIN;
    tokenizer->add_separator = families[row].flags & SEPARATOR;
    tokenizer->composes = families[row].flags & COMPOSES;
    const char *const *patterns = patterns_of(row);
    for (uint32_t i = 0; i < PATTERNS_MAX && patterns[i]; i++) {
        enum err err = word_pattern_open(patterns[i], &tokenizer->patterns[i]);
        if (err != OK) return fault_set(fault, err, "tokenizer.unknown_pre", name);
        tokenizer->pattern_count++;
    }
    return OK;
}

static void word_add(struct buf *words, size_t start, size_t end) {
    uint32_t both[2] = {(uint32_t)start, (uint32_t)end};
    if (start < end) buf_add(words, both, sizeof both);
}

// Cuts one word further: the patterns from `level` on.
static void word_cut(struct work *work, struct str text, size_t start, size_t end, uint32_t level) {
    const struct tokenizer *t = work->tokenizer;
    if (level == t->pattern_count) {
        word_add(&work->words, start, end);
        return;
    }
    struct str word = {text.data + start, end - start};
    size_t at = 0, found, found_end;
    while (word_pattern_find(t->patterns[level], word, at, &found, &found_end)) {
        if (found > at) word_cut(work, text, start + at, start + found, level + 1);
        word_cut(work, text, start + found, start + found_end, level + 1);
        at = found_end;
    }
    if (at < word.size) word_cut(work, text, start + at, end, level + 1);
}

enum err pretokenize(struct work *work, struct str text) {
    buf_clear(&work->words);
    if (text.size) word_cut(work, text, 0, text.size, 0);
    return buf_err(&work->words);
}
