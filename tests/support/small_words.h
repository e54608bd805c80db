// The vocabulary of the small models of small_language.h: as many words as they know, letters and
// pairs of them; 0 unknown, 1 begins a text, 2 ends it.
#pragma once

#include "base/fault.h"
#include "model/language/tokenizer/tokenizer.h"

enum err small_words_open(struct tokenizer **out, struct fault *fault) MUST_USE;
