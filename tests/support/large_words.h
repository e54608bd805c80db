// A vocabulary as large as those of large models: the words of three models put together, each also
// behind a blank, without single bytes. For measurements whose cost is the vocabulary's.
#pragma once

#include <stdbool.h>

#include "base/buf.h"

struct large_words {
    struct buf texts, words; // bytes; struct str, sorted, each once
    uint32_t count;
};
// False: they are not there ($COURTYARD_DATA/tokenizers, ../shared/data where that is not set).
bool large_words_open(struct large_words *out);
void large_words_close(struct large_words *words);
struct str large_words_at(const struct large_words *words, uint32_t index);
