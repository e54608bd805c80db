// Speculative decoding by prompt look-up: what followed where the last tokens of a text stood
// before is a draft of what comes now. One step computes the next token's row with the draft's
// behind it, which hardly costs more than the one row; each token is then chosen by its row's
// logits as it always is, and the draft holds as long as it says the same. So a text is the same
// with drafts as without, also where tokens are drawn, as long as a row's logits are the same
// (network_rows_alike). Source: Saxena 2023, prompt lookup decoding. What a form leaves no choice
// about (constraint_forced) goes before what is looked up.
//
// How often drafts held, those of a form and those found by so many tokens, and what steps of more
// rows took, decide whether the next is made: where they do not pay, one is tried ever more seldom.
//
//   draft_open(…); draft_add(every token of the prompt);
//   loop: n = draft_make(…); a step of 1 + n rows; draft_add(each token chosen); draft_learn(held)
//
// One draft serves one text; owned by one thread.
#pragma once

#include <stdint.h>

#include "base/err.h"

enum {
    DRAFT_TOKENS = 3,             // of one draft, at most
    DRAFT_ROWS = 1 + DRAFT_TOKENS // of a step with drafts: beyond, products take twice as long
};

// What steps take by their rows, as measured. Starts zeroed; serves all texts of a network.
struct draft_costs {
    double seconds[DRAFT_ROWS + 1]; // 0: not known yet
};
void draft_costs_note(struct draft_costs *costs, uint32_t rows, double seconds);

struct draft;
// `tokens_most`: of prompt and answer; memory: some 20 bytes for each. ERR_MEMORY.
enum err draft_open(uint32_t tokens_most, struct draft **out) MUST_USE;
void draft_close(struct draft *draft); // NULL is fine
// The text's next token. Those beyond tokens_most are not remembered.
void draft_add(struct draft *draft, uint32_t token);
// What may follow, up to `most` tokens (DRAFT_TOKENS at the most), in a step that has `rows` rows
// without them; 0: nothing that would pay. rows + most: at most DRAFT_ROWS. The first `forced` of
// them, up to `most`, stand in `out` already: what a form expects.
uint32_t draft_make(struct draft *draft, const struct draft_costs *costs, uint32_t rows,
                    uint32_t most, uint32_t forced, uint32_t out[DRAFT_TOKENS]);
// Only the first `count` of the last draft are tried.
void draft_keep(struct draft *draft, uint32_t count);
// How many tokens of the last draft came true.
void draft_learn(struct draft *draft, uint32_t held);
