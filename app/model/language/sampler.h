// From logits to the next token. One sampler serves one text: it knows the tokens that were lately
// seen and how many it has drawn. The order of its steps is fixed: bias, penalties and the mask
// change the logits; temperature 0 takes the best; otherwise they are divided by the temperature,
// then cut to the top k, then by min-p, then to the top p, and one of what is left is drawn.
// The same seed and logits give the same tokens on every machine. Not shared between threads.
// Cost: one pass over the logits, two where the top p or all of them are drawn from; nothing is
// sorted. Memory: two bytes a token of the vocabulary, four more with log-probabilities.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { SAMPLER_TOP_MAX = 20, SAMPLER_LAST_MAX = 1 << 16, SAMPLER_TRIES = 8 };

struct token_bias {
    uint32_t token;
    float bias; // added to its logit; -INFINITY: never
};

struct sampling {
    double temperature;    // 0: always the best token
    uint32_t top_k;        // 0: all
    double top_p, min_p;   // 1 and 0: all; min_p: of the best token's probability
    double repeat_penalty; // 1: none. Logits of tokens seen are divided by it (multiplied below 0)
    double frequency_penalty; // 0: none. Taken off a logit for each time its token was seen
    double presence_penalty;  // 0: none. Taken off once
    uint32_t last;            // how many tokens back the penalties look
    uint64_t seed;
    const struct token_bias *biases; // copied
    uint32_t bias_count;
    uint32_t top; // log-probabilities wanted: of the chosen token and of so many of the best
    bool log_probabilities;
};
struct sampling sampling_default(void); // temperature 0.8, top k 40, top p 0.95, min p 0.05

struct token_probability {
    uint32_t token;
    float log_probability; // natural; the model's own, before anything was done to the logits
};
struct choice {
    uint32_t token; // TOKEN_NONE (tokenizer.h): nothing is allowed, or no logit is a number
    float log_probability;
    uint32_t top_count;
    struct token_probability top[SAMPLER_TOP_MAX]; // the best first
};

// What may be chosen, as a mask, or told token by token where a mask costs more: where the best
// tokens are among those allowed, few of them are asked for.
struct sampler_filter {
    const uint64_t *mask; // as sampler_choose takes it; NULL: what follows tells
    bool (*allows)(void *ctx, uint32_t token);
    // Asked for where telling one by one leads nowhere; NULL: it cannot be had.
    const uint64_t *(*mask_make)(void *ctx);
    void *ctx;
    // Many are allowed, so that what is drawn of all is likely to be one of them.
    bool wide;
};

struct sampler;
// What is beyond its bounds is taken to the nearest; ERR_MEMORY.
enum err sampler_open(const struct sampling *sampling, uint32_t vocabulary,
                      struct sampler **out) MUST_USE;
void sampler_close(struct sampler *sampler); // NULL is fine
// A token of the prompt or of the answer, for the penalties.
void sampler_see(struct sampler *sampler, uint32_t token);
// `logits` (vocabulary) is used up: what it holds afterwards means nothing. `mask`: bit t of word
// t / 64 set: the token is allowed; NULL: all are. Does not see the token it gives.
struct choice sampler_choose(struct sampler *sampler, float *logits, const uint64_t *mask);
// Chooses anew from the logits that sampler_choose has just chosen from, as it left them: the token
// that it gave may not come.
struct choice sampler_choose_other(struct sampler *sampler, float *logits,
                                   const struct choice *refused);
// As sampler_choose, with the token that the filter's whole mask gives, whichever way the filter
// tells it; but where all that is allowed is drawn from (no top k, top p, min-p) and the filter is
// wide, it is drawn by refusal: of all, until it is allowed, SAMPLER_TRIES times, then of what is
// allowed.
// The probabilities are the same: p + r·p + … + rⁿ·p / (1 - r) = p / (1 - r), r what is refused.
struct choice sampler_choose_filtered(struct sampler *sampler, float *logits,
                                      const struct sampler_filter *filter);
// What the model gives to a token that is there already, with the best ones beside it; of a sampler
// with log-probabilities. Draws and changes nothing but `logits` (vocabulary), which are used up.
struct choice sampler_judge(struct sampler *sampler, float *logits, uint32_t token);
