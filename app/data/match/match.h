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
