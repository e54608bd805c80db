// Tokenizers of language models: text into the numbers a model was taught with, and back. Read from
// a GGUF file's own vocabulary; what a vocabulary of its kind does with a text follows the library
// that made it (Hugging Face tokenizers, SentencePiece), character for character.
//
//   kind          of                               how
//   bytes         GPT-2, Llama 3, Qwen, DeepSeek   words by patterns, then byte pairs by their rank
//   pieces        Llama 2, Mistral, TinyLlama      the whole text, pairs by the piece's score
//   words         BERT, bge                        words, then the longest known beginnings
//   unigram       T5, XLM-R, bge-m3                the most likely way through the text
//
// One tokenizer may be used by any number of threads; it owns copies and outlives the file.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "model/language/gguf.h"

enum { TOKEN_NONE = 0xFFFFFFFFu, TOKENS_MAX = 1 << 20 };

enum token_kind { // as numbered in GGUF
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,
    TOKEN_CONTROL = 3,
    TOKEN_OWN = 4, // defined by the model's maker: found in any text before it is cut
    TOKEN_UNUSED = 5,
    TOKEN_BYTE = 6
};

enum tokenize {
    TOKENIZE_TEXT = 0,
    TOKENIZE_ENDS = 1,   // with the tokens the model wants at the beginning and the end
    TOKENIZE_CONTROL = 2 // the texts of control tokens mean these tokens (chat templates)
};

// A value of our own, (count) U8: what `lstrip` and `rstrip` of a tokenizer.json say of each token.
// 1: it takes in white space before it; 2: that behind it. GGUF has no name for it.
#define TOKENIZER_STRIPS "courtyard.tokenizer.strips"

struct tokenizer;
// ERR_INPUT "tokenizer.…" with what the file lacks or has wrong; ERR_MEMORY.
enum err tokenizer_open(const struct gguf *file, struct tokenizer **out,
                        struct fault *fault) MUST_USE;
// The vocabulary of a llama2.c model (tokenizer.bin): pieces. Where the file is no such one,
// ERR_INPUT "tokenizer.not_llama2c".
enum err tokenizer_open_llama2c(const char *path, struct tokenizer **out,
                                struct fault *fault) MUST_USE;
enum err tokenizer_view_llama2c(const void *bytes, size_t size, struct tokenizer **out,
                                struct fault *fault) MUST_USE;
// What a GGUF file has of such a vocabulary: opened from there it is the same.
struct gguf_head;
void tokenizer_put_llama2c(const struct tokenizer *tokenizer, struct gguf_head *head);
void tokenizer_close(struct tokenizer *tokenizer); // NULL is fine
uint32_t tokenizer_count(const struct tokenizer *tokenizer);
const char *tokenizer_kind_name(const struct tokenizer *tokenizer); // "bytes", "pieces", …
// The special tokens; TOKEN_NONE where the vocabulary has none.
struct tokenizer_ends {
    uint32_t begin, end, unknown;
};
struct tokenizer_ends tokenizer_ends(const struct tokenizer *tokenizer);

// Appends the tokens of `text`, a uint32_t each, to `out`. `flags`: enum tokenize. ERR_INPUT
// "tokenizer.not_utf8" (column: the byte); ERR_LIMIT, ERR_MEMORY.
enum err tokenizer_encode(const struct tokenizer *tokenizer, struct str text, uint32_t flags,
                          struct buf *out, struct fault *fault) MUST_USE;
// Appends what a token stands for: bytes, which may be a part of a character only. Control tokens,
// and those that only fill a byte-level vocabulary up, give nothing unless `control`.
void tokenizer_decode(const struct tokenizer *tokenizer, uint32_t token, bool control,
                      struct buf *out);

// The name (tokenizer.ggml.pre) of the patterns that are the same as these, character for
// character; NULL: none is known. `whole_words`: a word that is a token is never cut; `composes`:
// the text is composed first (NFC).
const char *tokenizer_pattern_name(const struct str *patterns, uint32_t count, bool whole_words,
                                   bool composes);
