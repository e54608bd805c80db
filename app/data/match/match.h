// Finding words and patterns in text: many keywords at once, raw or through what people put between
// and in place of characters, and patterns of a site's own. Depends on base/ alone.
//
// What is compiled (a keyword set, a pattern) is read-only and shared by threads; a scanner holds
// the scratch space of one thread. Offsets are bytes of the text given. Texts may be of any size
// and need not be valid UTF-8: an invalid byte counts as one character, U+FFFD.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/memory.h"
#include "base/str.h"

// ---- patterns -----------------------------------------------------------------------------------
//
// Regular expressions in time linear in the text: no backtracking, no backreferences.
//   abc . [a-z一-龥] [^,]   characters; . is all but a line break
//   \d \w \s \D \W \S       digits, letters of scripts and digits and _, white space; full-width
//                           ones too. \p{Han} Chinese characters
//   \n \t \r \x41 \u4E00 \u{20000} \. \\     one character
//   x* x+ x? x{3} x{2,} x{2,5}    counted up to LIMIT_PATTERN_REPEAT
//   x|y (x) (?:x)           alternatives, groups (nothing is captured)
//   ^ $                     the text's beginning and end
//   (?i) in front           letters in any case, letters and digits in any width
// A match is the leftmost, of these the longest, and not empty; matches do not overlap.
// There is no \b: it means nothing beside Chinese characters.
enum {
    LIMIT_PATTERN_BYTES = 4096,
    // Characters that may follow one another in a pattern, repeats written out: bounds the time for
    // one character of the text and the memory of a scanner.
    LIMIT_PATTERN_PLACES = 512,
    LIMIT_PATTERN_REPEAT = 500,
    LIMIT_PATTERN_DEPTH = 50, // groups in groups
};
enum {
    PATTERN_FOLD = 1,  // as (?i)
    PATTERN_WHOLE = 2, // only the whole text matches
};
struct pattern;
// ERR_INPUT with the character as column: "pattern.empty", "pattern.unclosed_group",
// "pattern.stray_close", "pattern.unclosed_class", "pattern.bad_range", "pattern.bad_repeat",
// "pattern.nothing_to_repeat", "pattern.bad_escape", "pattern.no_backreference", "pattern.no_look",
// "pattern.no_lazy", "pattern.no_word_border", "pattern.not_text"; ERR_LIMIT "pattern.too_long",
// "pattern.too_large", "pattern.too_deep"; ERR_MEMORY.
enum err pattern_open(struct str text, unsigned flags, struct pattern **out,
                      struct fault *fault) MUST_USE;
void pattern_close(struct pattern *pattern); // NULL is fine

struct match {
    size_t start, size;
};
// All memory from `arena`, at most 5 MB and 1/8 of the longest text; lives as long as it.
struct pattern_scanner;
enum err pattern_scanner_open(const struct pattern *pattern, struct arena *arena,
                              struct pattern_scanner **out) MUST_USE;
// All matches in order; *count is their number, at most `room` are stored. ERR_MEMORY.
enum err pattern_scan(struct pattern_scanner *scanner, struct str text, struct match *matches,
                      size_t room, size_t *count) MUST_USE;
// Whether the pattern matches anywhere (with PATTERN_WHOLE: the whole text; an empty text too if
// the pattern allows it). ERR_MEMORY.
enum err pattern_test(struct pattern_scanner *scanner, struct str text, bool *found) MUST_USE;

// ---- keywords -----------------------------------------------------------------------------------
//
// Every occurrence of every word of a set, overlapping ones too, in the order of their starts and,
// from one start, of their lengths. Time per character does not grow with the number of words but
// for the words that begin alike there.
//
// Folded matching sees through what people do to a word: full-width and compatible forms, capitals,
// traditional characters, white space, symbols, invisible and combining characters between its
// characters (at most LIMIT_KEYWORD_GAP in a row). Punctuation of sentences and line breaks are
// never skipped, nor are blanks between two Latin words. A word that begins or ends with a Latin
// letter or digit is not found within a longer one. Hits are given in bytes of the text as it was.
enum {
    LIMIT_KEYWORDS = 1000000,
    LIMIT_KEYWORD_BYTES = 240, // after folding
    LIMIT_KEYWORD_GAP = 8,
};
enum {
    KEYWORDS_RAW = 0,
    KEYWORDS_FOLDED = 1,
    KEYWORDS_LEAVE_OUT = 2, // words of which only signs are there, instead of "keywords.only_signs"
};
struct keywords;
// `words` are copied. ERR_INPUT with the word's number (from 1) as row: "keywords.empty",
// "keywords.not_text" (not UTF-8, or a NUL in it), "keywords.only_signs" (folding leaves less than
// two characters of a word with signs in it: "C++" would be found in every text); ERR_LIMIT
// "keywords.too_long", "keywords.too_many"; ERR_MEMORY. About 60 bytes a word and 128 KB.
enum err keywords_open(const struct str *words, uint32_t count, unsigned flags,
                       struct keywords **out, struct fault *fault) MUST_USE;
void keywords_close(struct keywords *keywords); // NULL is fine
// False for a word that was left out.
bool keywords_has(const struct keywords *keywords, uint32_t word);

struct keyword_hit {
    uint32_t word; // its place in the array given
    size_t start, size;
};
// Scratch of one thread: 150 KB of `arena` for a folded set, next to nothing for a raw one.
struct keyword_scanner;
enum err keyword_scanner_open(const struct keywords *keywords, struct arena *arena,
                              struct keyword_scanner **out) MUST_USE;
// All hits; returns their number, at most `room` are stored. Texts up to 4 GB.
size_t keyword_scan(struct keyword_scanner *scanner, struct str text, struct keyword_hit *hits,
                    size_t room);
