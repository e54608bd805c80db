// Output constrained by a grammar: which tokens may come next. The grammar is walked over bytes by
// a pushdown automaton whose places (sets of stacks) are numbered as they are met, so that a step
// from one to the next is a table's entry; the tokens allowed at a place are found by one walk
// through the vocabulary as a tree of bytes, which turns back where the grammar does, and kept.
//
//   token_tree_open   once a vocabulary (35 ms for 150,000 tokens, 8 MB)
//   constraint_open   once a grammar; used by one thread, for any number of answers one after the
//                     other or side by side, each of which keeps the number of its place
//   place = constraint_start(c); loop: constraint_filter → sampler_choose_filtered →
//                                      constraint_next
//
// A filter takes up to some ten microseconds where it is met first, then nothing; the mask of a
// place where most tokens may come (the inside of a text) some milliseconds, so that it is made
// only where one is needed.
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "model/language/grammar/grammar.h"
#include "model/language/sampler.h"
#include "model/language/tokenizer/tokenizer.h"

enum { CONSTRAINT_BYTES_MAX = 256 << 20, CONSTRAINT_DEPTH_MAX = 256 };
enum { PLACE_NONE = 0xFFFFFFFFu };

struct token_tree;
// `vocabulary`: how many logits the model gives, the tokenizer's count or more; those beyond are
// never allowed.
enum err token_tree_open(const struct tokenizer *tokenizer, uint32_t vocabulary,
                         struct token_tree **out) MUST_USE;
void token_tree_close(struct token_tree *tree); // NULL is fine

struct constraint;
// Both must outlive it. `ends`: the tokens that end an answer, allowed where the grammar may end.
enum err constraint_open(const struct grammar *grammar, const struct token_tree *tree,
                         const uint32_t *ends, uint32_t end_count,
                         struct constraint **out) MUST_USE;
void constraint_close(struct constraint *constraint); // NULL is fine
uint32_t constraint_start(struct constraint *constraint);
size_t constraint_bytes(const struct constraint *constraint); // of memory, with its masks
// constraint_filter costs nothing here.
bool constraint_ready(const struct constraint *constraint, uint32_t place);
// What may come at a place, for sampler_choose_filtered: as a mask where that is at hand or found
// quickly, else to be asked. Valid until the next call; what it allows, and whether it is wide,
// does not depend on what was asked before. The faults of constraint_mask; where the sampler finds
// no token, constraint_mask tells why.
enum err constraint_filter(struct constraint *constraint, uint32_t place,
                           struct sampler_filter *out, struct fault *fault) MUST_USE;
// May this token come? What the place's mask says.
bool constraint_allows(struct constraint *constraint, uint32_t place, uint32_t token);
// The tokens allowed at a place, as sampler_choose takes them; valid until the next call. ERR_INPUT
// "constraint.dead_end": the vocabulary has no token for what must come; ERR_LIMIT
// "constraint.too_large": the grammar is too ambiguous, or its places are too many.
enum err constraint_mask(struct constraint *constraint, uint32_t place, const uint64_t **out,
                         struct fault *fault) MUST_USE;
// The place behind a token; PLACE_NONE: it is not allowed there, or it was an end.
uint32_t constraint_next(struct constraint *constraint, uint32_t place, uint32_t token);
// The same by bytes, without a vocabulary.
uint32_t constraint_next_bytes(struct constraint *constraint, uint32_t place, struct str bytes);
// Where the form leaves no choice about what comes (names in a schema, say), the tokens that are
// expected: up to `most`, into `out`; how many, 0 where anything may come. The bytes are sure, how
// they are cut into tokens is not: as constraint_took was told last, or at first as the tokenizer,
// that of the tree, cuts them. Cost: where a place is met first some microseconds.
uint32_t constraint_forced(struct constraint *constraint, const struct tokenizer *tokenizer,
                           uint32_t place, uint32_t most, uint32_t *out);
// What came at a place. Remembered where all of it had to come, for all answers of this form: that
// tells how a model cuts the form's own words, nothing of what an answer says.
void constraint_took(struct constraint *constraint, uint32_t place, uint32_t token);
bool constraint_may_end(const struct constraint *constraint, uint32_t place);
// Nothing but the end may come.
bool constraint_must_end(struct constraint *constraint, uint32_t place);
