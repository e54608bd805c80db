// Filling in the middle: what stands between a text's beginning and its end, as models of code are
// taught it, by three control tokens of their vocabulary: PREFIX beginning SUFFIX end MIDDLE, and
// then the model's answer. Sources: Bavarian et al. 2022, "Efficient training of language models to
// fill in the middle"; the tokens of Qwen2.5-Coder, CodeLlama, StarCoder, DeepSeek-Coder and
// CodeGemma, or those that the file names itself. Any thread.
#pragma once

#include "model/language/gguf.h"
#include "model/language/tokenizer/tokenizer.h"

struct fill_tokens {
    uint32_t prefix, suffix, middle;
};
// False: the vocabulary has none.
bool fill_tokens_of(const struct gguf *file, const struct tokenizer *tokenizer,
                    struct fill_tokens *out);
// Appends the prompt's tokens (uint32_t each), with those the model wants at the beginning of a
// text. What tokenizer_encode gives.
enum err fill_encode(const struct tokenizer *tokenizer, const struct fill_tokens *tokens,
                     struct str before, struct str after, struct buf *out,
                     struct fault *fault) MUST_USE;
