// How tokenizers cut a text into words: a small part of regular expressions, over code points and
// by backtracking. A repetition is always of one character or class, so the depth of a match is
// bounded by the pattern, never by the text; its time is linear for the patterns there are,
// quadratic at worst within one word. (The patterns of data/match are linear always, for texts and
// patterns of anybody; they cannot look ahead, which these need.)
//
// Understood: literals, \r \n \t \\ and other escaped marks, no dot; [..] and [^..] with ranges;
// \s \S \d, \p{L} \p{Lu} …; a|b, (?:..), (?i:..) of ASCII letters, (?:..)?; ? * + {m} {m,n};
// (?=..) (?!..); $ is the end of the text. A pattern is read once; any thread may match with it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

// ERR_INPUT: a pattern that is not understood (they are the program's own).
struct word_pattern;
enum err word_pattern_open(const char *text, struct word_pattern **out) MUST_USE;
void word_pattern_close(struct word_pattern *pattern); // NULL is fine
// The first match at or behind `from` that is not empty: [*start, *end) in bytes.
bool word_pattern_find(const struct word_pattern *pattern, struct str text, size_t from,
                       size_t *start, size_t *end);
