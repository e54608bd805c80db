#include "model/language/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "model/language/sampler_private.h"
#include "model/language/tokenizer/tokenizer.h"
#include "model/measure/measure.h"

struct sampler {
    struct sampling sampling;
    struct token_bias *biases;
    uint32_t vocabulary, blocks;
    uint64_t drawn;                      // numbers taken from the stream
    uint32_t *seen, seen_count, seen_at; // ring of the last tokens (sampling.last)
    uint16_t *times;                     // (vocabulary) how often each stands in it
    float *maxima, *masses;              // (blocks)
    float *own;                          // (vocabulary) the model's logits; log-probabilities only
    struct candidate_token *candidates;  // (vocabulary)
    const struct sampler_kernels *kernels;
};
enum { ORDERED_MAX = 1024 };
enum { TIMES_DONE = 0x8000, TIMES_MAX = 0x7FFF };

struct sampling sampling_default(void) {
    return (struct sampling){.temperature = 0.8,
                             .top_k = 40,
                             .top_p = 0.95,
                             .min_p = 0.05,
                             .repeat_penalty = 1,
                             .last = 64};
}

// ---- opening ---------------------------------------------------------------------------------

static double within(double value, double least, double most) {
    return value >= least ? value < most ? value : most : least; // NaN: the least
}

static struct sampling bounded(const struct sampling *given) {
    struct sampling s = *given;
    s.temperature = within(s.temperature, 0, 100);
    if (s.temperature < 1e-4) s.temperature = 0;
    s.top_p = within(s.top_p, 0, 1);
    s.min_p = within(s.min_p, 0, 1);
    s.repeat_penalty = within(s.repeat_penalty, 0.01, 100);
    s.frequency_penalty = within(s.frequency_penalty, -100, 100);
    s.presence_penalty = within(s.presence_penalty, -100, 100);
    if (s.last > SAMPLER_LAST_MAX) s.last = SAMPLER_LAST_MAX;
    if (s.top > SAMPLER_TOP_MAX) s.top = SAMPLER_TOP_MAX;
    return s;
}

enum err sampler_open(const struct sampling *sampling, uint32_t vocabulary, struct sampler **out) {
    struct sampler *s = memory_take(sizeof *s);
    if (!s) return ERR_MEMORY;
    s->sampling = bounded(sampling);
    s->vocabulary = vocabulary;
    s->blocks = (vocabulary + SAMPLER_BLOCK - 1) / SAMPLER_BLOCK;
    s->kernels = sampler_kernels_for_cpu();
    s->biases = memory_take(sizeof *s->biases * (s->sampling.bias_count + 1));
    s->seen = memory_take(sizeof *s->seen * (s->sampling.last + 1));
    s->times = memory_take(sizeof *s->times * vocabulary);
    s->maxima = memory_take(sizeof *s->maxima * 2 * (s->blocks + 1));
    s->candidates = memory_take_unset(sizeof *s->candidates * (vocabulary + 1));
    if (s->sampling.log_probabilities) s->own = memory_take(sizeof *s->own * vocabulary);
    if (!s->biases || !s->seen || !s->times || !s->maxima || !s->candidates ||
        (s->sampling.log_probabilities && !s->own)) {
        sampler_close(s);
        return ERR_MEMORY;
    }
    s->masses = s->maxima + s->blocks + 1;
    if (s->sampling.bias_count) {
        memcpy(s->biases, sampling->biases, sizeof *s->biases * s->sampling.bias_count);
    }
    *out = s;
    return OK;
}

void sampler_close(struct sampler *sampler) {
    if (!sampler) return;
    memory_give(sampler->biases);
    memory_give(sampler->seen);
    memory_give(sampler->times);
    memory_give(sampler->maxima);
    memory_give(sampler->candidates);
    memory_give(sampler->own);
    memory_give(sampler);
}

void sampler_see(struct sampler *s, uint32_t token) {
    if (token >= s->vocabulary || s->sampling.last == 0) return;
    if (s->seen_count == s->sampling.last) {
        s->times[s->seen[s->seen_at]]--;
    } else {
        s->seen_count++;
    }
    s->seen[s->seen_at] = token;
    s->seen_at = (s->seen_at + 1) % s->sampling.last;
    s->times[token]++;
}

// ---- what changes the logits -----------------------------------------------------------------

static void biases_apply(struct sampler *s, float *logits) {
    for (uint32_t i = 0; i < s->sampling.bias_count; i++) {
        if (s->biases[i].token < s->vocabulary) logits[s->biases[i].token] += s->biases[i].bias;
    }
}

static float penalised(const struct sampling *sampling, float logit, uint32_t times) {
    double x = (double)logit;
    x = x > 0 ? x / sampling->repeat_penalty : x * sampling->repeat_penalty;
    return (float)(x - sampling->frequency_penalty * times - sampling->presence_penalty);
}

static void penalties_apply(struct sampler *s, float *logits) {
    const struct sampling *sampling = &s->sampling;
    if (sampling->repeat_penalty == 1 && sampling->frequency_penalty == 0 &&
        sampling->presence_penalty == 0) {
        return;
    }
    for (uint32_t i = 0; i < s->seen_count; i++) {
        uint32_t token = s->seen[i];
        if (s->times[token] & TIMES_DONE) continue;
        logits[token] = penalised(sampling, logits[token], s->times[token]);
        s->times[token] |= TIMES_DONE;
    }
    for (uint32_t i = 0; i < s->seen_count; i++) s->times[s->seen[i]] &= TIMES_MAX;
}

// One block, by what is rarer in it.
static void block_mask(float *logits, uint64_t allowed) {
    float kept[SAMPLER_BLOCK];
    if (__builtin_popcountll(allowed) > SAMPLER_BLOCK / 2) {
        for (uint64_t left = ~allowed; left; left &= left - 1) {
            logits[__builtin_ctzll(left)] = -INFINITY;
        }
        return;
    }
    memcpy(kept, logits, sizeof kept);
    for (uint32_t i = 0; i < SAMPLER_BLOCK; i++) logits[i] = -INFINITY;
    for (uint64_t left = allowed; left; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(left);
        logits[i] = kept[i];
    }
}

static void mask_apply(struct sampler *s, float *logits, const uint64_t *mask) {
    uint32_t whole = s->vocabulary / SAMPLER_BLOCK;
    for (uint32_t block = 0; block < whole; block++) {
        if (mask[block] != UINT64_MAX) block_mask(logits + block * SAMPLER_BLOCK, mask[block]);
    }
    for (uint32_t i = whole * SAMPLER_BLOCK; i < s->vocabulary; i++) {
        if (!(mask[whole] >> (i % SAMPLER_BLOCK) & 1)) logits[i] = -INFINITY;
    }
}

// ---- candidates ------------------------------------------------------------------------------

static float best_of(const struct sampler *s) {
    float best = -INFINITY;
    for (uint32_t i = 0; i < s->blocks; i++) best = s->maxima[i] > best ? s->maxima[i] : best;
    return best;
}

// All logits not below `least`, found by the blocks' maxima.
static uint32_t candidates_collect(struct sampler *s, const float *logits, float least) {
    uint32_t count = 0;
    for (uint32_t block = 0; block < s->blocks; block++) {
        if (!(s->maxima[block] >= least)) continue;
        uint32_t first = block * SAMPLER_BLOCK, end = first + SAMPLER_BLOCK;
        if (end > s->vocabulary) end = s->vocabulary;
        for (uint32_t i = first; i < end; i++) {
            if (!(logits[i] >= least) || logits[i] == -INFINITY) continue;
            s->candidates[count++] = (struct candidate_token){logits[i], 0, i};
        }
    }
    return count;
}

// What the k-th greatest logit is not below: the k-th greatest of the blocks' maxima.
static float least_of_top(struct sampler *s, uint32_t k) {
    if (k == 0 || k > s->blocks) return -INFINITY;
    for (uint32_t i = 0; i < s->blocks; i++) {
        s->candidates[i] = (struct candidate_token){s->maxima[i], 0, i};
    }
    candidates_top(s->candidates, s->blocks, k);
    float least = s->candidates[0].logit;
    for (uint32_t i = 1; i < k; i++) {
        if (s->candidates[i].logit < least) least = s->candidates[i].logit;
    }
    return least;
}

static int candidate_compare(const void *a, const void *b) {
    const struct candidate_token *x = a, *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->token < y->token ? -1 : x->token > y->token;
}

// What is drawn does not depend on how few candidates were found.
static void candidates_order(struct sampler *s, uint32_t count) {
    if (count > ORDERED_MAX) return;
    qsort(s->candidates, count, sizeof *s->candidates, candidate_compare);
}

// Those not below `least`, few ones in order; or the best k of them, the best first.
static uint32_t candidates_best(struct sampler *s, const float *logits, uint32_t k, float least) {
    float top = least_of_top(s, k);
    uint32_t count = candidates_collect(s, logits, top > least ? top : least);
    if (k == 0) {
        candidates_order(s, count);
        return count;
    }
    if (k < count) candidates_top(s->candidates, count, k);
    if (k > count) k = count;
    qsort(s->candidates, k, sizeof *s->candidates, candidate_compare);
    return k;
}

static double candidates_weigh(struct sampler *s, uint32_t count, float best, float scale) {
    double total = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct candidate_token *one = &s->candidates[i];
        one->mass = sampler_exp((one->logit - best) * scale);
        total += (double)one->mass;
    }
    return total;
}

// ---- drawing ---------------------------------------------------------------------------------

// The next of a stream of numbers in [0, 1): a function of the seed and of how many came before.
static double draw(struct sampler *s) {
    uint64_t bits = seed_mix(seed_mix(s->sampling.seed) + ++s->drawn * 0x9E3779B97F4A7C15u);
    return (double)(bits >> 11) * 0x1p-53;
}

static uint32_t candidates_draw(struct sampler *s, uint32_t count) {
    double total = 0, sum = 0;
    for (uint32_t i = 0; i < count; i++) total += (double)s->candidates[i].mass;
    double wanted = draw(s) * total;
    for (uint32_t i = 0; i < count; i++) {
        sum += (double)s->candidates[i].mass;
        if (sum > wanted) return s->candidates[i].token;
    }
    return s->candidates[count - 1].token; // by rounding only
}

static double blocks_weigh(struct sampler *s, const float *logits, float best, float scale) {
    double total = 0;
    s->kernels->masses(logits, s->vocabulary, best, scale, s->masses);
    for (uint32_t i = 0; i < s->blocks; i++) total += (double)s->masses[i];
    return total;
}

// Any token, by its mass: first the block, then within it. `total`: of the blocks' masses.
static uint32_t draw_of_blocks(struct sampler *s, const float *logits, float best, float scale,
                               double total) {
    double wanted = draw(s) * total;
    uint32_t block = 0, last = TOKEN_NONE;
    while (block + 1 < s->blocks && (double)s->masses[block] <= wanted) {
        wanted -= (double)s->masses[block++];
    }
    for (; last == TOKEN_NONE && block < s->blocks; block--) { // back where rounding led too far
        uint32_t first = block * SAMPLER_BLOCK, end = first + SAMPLER_BLOCK;
        if (end > s->vocabulary) end = s->vocabulary;
        for (uint32_t i = first; i < end; i++) {
            float mass = sampler_exp((logits[i] - best) * scale);
            if (mass <= 0) continue;
            last = i;
            wanted -= (double)mass;
            if (wanted < 0) break;
        }
    }
    return last;
}

static uint32_t draw_of_all(struct sampler *s, const float *logits, float best, float scale) {
    return draw_of_blocks(s, logits, best, scale, blocks_weigh(s, logits, best, scale));
}

// The fewest tokens that have `top_p` of the mass of all: looked for among those near the best,
// then among more.
static uint32_t draw_of_top_p(struct sampler *s, const float *logits, float best, float scale) {
    static const float reaches[] = {3, 8, 16, INFINITY};
    double wanted = s->sampling.top_p * blocks_weigh(s, logits, best, scale);
    uint32_t count = 0;
    for (uint32_t i = 0; i < sizeof reaches / sizeof *reaches; i++) {
        count = candidates_collect(s, logits, best - reaches[i] / scale);
        if (candidates_weigh(s, count, best, scale) >= wanted) break;
    }
    count = candidates_mass(s->candidates, count, wanted);
    candidates_order(s, count);
    return candidates_draw(s, count);
}

// All tokens may be drawn; at most so many of the best; those near enough to the best.
static uint32_t top_k(const struct sampler *s) {
    return s->sampling.top_k < s->vocabulary ? s->sampling.top_k : 0;
}
static bool draws_of_all(const struct sampler *s) {
    return s->sampling.temperature > 0 && top_k(s) == 0 && s->sampling.min_p <= 0;
}
static float least_by_min_p(const struct sampler *s, float best) {
    if (s->sampling.min_p <= 0) return -INFINITY;
    return best + (float)(log(s->sampling.min_p) * s->sampling.temperature);
}

// One of the candidates that all cuts but the top p have left.
static uint32_t draw_of_few(struct sampler *s, uint32_t count, float best) {
    const struct sampling *sampling = &s->sampling;
    double total = candidates_weigh(s, count, best, (float)(1 / sampling->temperature));
    if (sampling->top_p < 1) count = candidates_mass(s->candidates, count, sampling->top_p * total);
    return candidates_draw(s, count);
}

static uint32_t token_draw(struct sampler *s, const float *logits, float best) {
    float scale = (float)(1 / s->sampling.temperature);
    if (draws_of_all(s)) {
        return s->sampling.top_p < 1 ? draw_of_top_p(s, logits, best, scale)
                                     : draw_of_all(s, logits, best, scale);
    }
    uint32_t count = candidates_best(s, logits, top_k(s), least_by_min_p(s, best));
    return draw_of_few(s, count, best);
}

static uint32_t token_best(const struct sampler *s, const float *logits, float best) {
    uint32_t block = 0;
    while (s->maxima[block] != best) block++;
    uint32_t token = block * SAMPLER_BLOCK;
    while (logits[token] != best) token++;
    return token;
}

// ---- log-probabilities -----------------------------------------------------------------------

// The logarithm of the sum of all; the best ones into `choice`.
static float own_probabilities(struct sampler *s, const float *logits, struct choice *choice) {
    memcpy(s->own, logits, sizeof *logits * s->vocabulary);
    s->kernels->maxima(logits, s->vocabulary, s->maxima);
    float best = best_of(s);
    if (best == -INFINITY) return 0;
    float norm = best + (float)log(blocks_weigh(s, logits, best, 1));
    if (s->sampling.top == 0) return norm;
    uint32_t count = candidates_best(s, logits, s->sampling.top, -INFINITY);
    for (uint32_t i = 0; i < count; i++) {
        choice->top[i] =
            (struct token_probability){s->candidates[i].token, s->candidates[i].logit - norm};
    }
    choice->top_count = count;
    return norm;
}

// ---- choosing ----------------------------------------------------------------------------------

static struct choice logits_prepare(struct sampler *s, float *logits, float *norm) {
    struct choice choice = {.token = TOKEN_NONE};
    *norm = s->own ? own_probabilities(s, logits, &choice) : 0;
    biases_apply(s, logits);
    penalties_apply(s, logits);
    return choice;
}

// Of what is allowed; `mask` NULL: all.
static uint32_t choose_of_mask(struct sampler *s, float *logits, const uint64_t *mask) {
    if (mask) mask_apply(s, logits, mask);
    s->kernels->maxima(logits, s->vocabulary, s->maxima);
    float best = best_of(s);
    if (best == -INFINITY) return TOKEN_NONE;
    bool sure = s->sampling.temperature == 0 || best == INFINITY;
    return sure ? token_best(s, logits, best) : token_draw(s, logits, best);
}

struct choice sampler_choose(struct sampler *s, float *logits, const uint64_t *mask) {
    float norm;
    struct choice choice = logits_prepare(s, logits, &norm);
    choice.token = choose_of_mask(s, logits, mask);
    if (s->own && choice.token != TOKEN_NONE) {
        choice.log_probability = s->own[choice.token] - norm;
    }
    return choice;
}

struct choice sampler_choose_other(struct sampler *s, float *logits, const struct choice *refused) {
    struct choice choice = *refused;
    cy_assert(refused->token < s->vocabulary);
    float norm = s->own ? s->own[refused->token] - refused->log_probability : 0;
    logits[refused->token] = -INFINITY;
    choice.token = choose_of_mask(s, logits, NULL);
    if (s->own && choice.token != TOKEN_NONE) {
        choice.log_probability = s->own[choice.token] - norm;
    }
    return choice;
}

// ---- choosing by asking ------------------------------------------------------------------------

static bool allowed(const struct sampler_filter *filter, uint32_t token) {
    if (filter->mask) return filter->mask[token / 64] >> (token % 64) & 1;
    return filter->allows(filter->ctx, token);
}

// By refusal, of all; TOKEN_NONE: all were refused.
static uint32_t draw_until_allowed(struct sampler *s, const float *logits,
                                   const struct sampler_filter *filter) {
    float best = best_of(s), scale = (float)(1 / s->sampling.temperature);
    double total = blocks_weigh(s, logits, best, scale);
    for (uint32_t i = 0; i < SAMPLER_TRIES; i++) {
        uint32_t token = draw_of_blocks(s, logits, best, scale, total);
        if (token != TOKEN_NONE && allowed(filter, token)) return token;
    }
    return TOKEN_NONE;
}

// The allowed ones of the best `most` of all, up to `wanted`, stand in front, the best first; how
// many, or 0 where there may be more of them among the others.
static uint32_t allowed_collect(struct sampler *s, const float *logits, uint32_t most,
                                uint32_t wanted, const struct sampler_filter *filter) {
    uint32_t count = candidates_best(s, logits, most, -INFINITY), kept = 0;
    float least = -INFINITY;
    for (uint32_t i = 0; i < count && kept < wanted; i++) {
        struct candidate_token one = s->candidates[i];
        if (one.logit < least) return kept;
        if (!allowed(filter, one.token)) continue;
        s->candidates[kept++] = one;
        if (kept == 1) least = least_by_min_p(s, one.logit);
    }
    return kept == wanted || count < most ? kept : 0;
}

// The fewest of the allowed ones, the best first, that have `top_p` of the mass of all that are
// allowed; how many stand in front, or 0 where the best `most` of all do not tell. What they leave
// may be allowed or not: both must lead to the same number, and so must what rounding may do.
static uint32_t allowed_top_p(struct sampler *s, const float *logits, uint32_t most,
                              const struct sampler_filter *filter) {
    enum { MARGIN = 10000 };
    float best = best_of(s), scale = (float)(1 / s->sampling.temperature);
    double mass = 0, refused = 0, all = blocks_weigh(s, logits, best, scale), sum = 0;
    uint32_t count = candidates_best(s, logits, most, -INFINITY), kept = 0, least = 0, enough = 0;
    candidates_weigh(s, count, best, scale);
    for (uint32_t i = 0; i < count; i++) {
        struct candidate_token one = s->candidates[i];
        bool may = allowed(filter, one.token);
        *(may ? &mass : &refused) += (double)one.mass;
        if (may) s->candidates[kept++] = one;
    }
    double rest = count < most || all < mass + refused ? 0 : all - mass - refused;
    double low = s->sampling.top_p * mass * (1 - 1.0 / MARGIN);
    double high = s->sampling.top_p * (mass + rest) * (1 + 1.0 / MARGIN);
    for (uint32_t i = 0; i < kept && !enough; i++) {
        sum += (double)s->candidates[i].mass;
        if (!least && sum >= low) least = i + 1;
        if (sum >= high) enough = i + 1;
    }
    return mass > 0 && least == enough ? enough : 0;
}

// The token that the filter's mask would give, of the best ones of all; TOKEN_NONE: they do not
// tell.
static uint32_t choose_by_asking(struct sampler *s, const float *logits,
                                 const struct sampler_filter *filter) {
    static const uint32_t most[] = {64, 256, ORDERED_MAX};
    bool sure = s->sampling.temperature == 0, by_mass = !sure && draws_of_all(s);
    uint32_t wanted = sure ? 1 : top_k(s) ? top_k(s) : UINT32_MAX;
    if (best_of(s) == INFINITY) return TOKEN_NONE;
    for (uint32_t i = 0; i < sizeof most / sizeof *most; i++) {
        if (wanted > most[i] && wanted < UINT32_MAX) continue;
        uint32_t count = by_mass ? allowed_top_p(s, logits, most[i], filter)
                                 : allowed_collect(s, logits, most[i], wanted, filter);
        if (count == 0) continue;
        if (sure) return s->candidates[0].token;
        float best = s->candidates[0].logit;
        if (!by_mass) return draw_of_few(s, count, best);
        candidates_weigh(s, count, best, (float)(1 / s->sampling.temperature));
        return candidates_draw(s, count);
    }
    return TOKEN_NONE;
}

static uint32_t choose_of_filter(struct sampler *s, float *logits,
                                 const struct sampler_filter *filter) {
    bool refuses = filter->wide && draws_of_all(s) && s->sampling.top_p >= 1;
    uint32_t token = TOKEN_NONE;
    if (refuses || !filter->mask) {
        s->kernels->maxima(logits, s->vocabulary, s->maxima);
        float best = best_of(s);
        if (best == -INFINITY) return TOKEN_NONE;
        if (!refuses) {
            token = choose_by_asking(s, logits, filter);
        } else if (best < INFINITY) {
            token = draw_until_allowed(s, logits, filter);
        }
    }
    if (token != TOKEN_NONE) return token;
    const uint64_t *mask = filter->mask ? filter->mask : filter->mask_make(filter->ctx);
    return mask ? choose_of_mask(s, logits, mask) : TOKEN_NONE;
}

struct choice sampler_choose_filtered(struct sampler *s, float *logits,
                                      const struct sampler_filter *filter) {
    float norm;
    struct choice choice = logits_prepare(s, logits, &norm);
    choice.token = choose_of_filter(s, logits, filter);
    if (s->own && choice.token != TOKEN_NONE) {
        choice.log_probability = s->own[choice.token] - norm;
    }
    return choice;
}

struct choice sampler_judge(struct sampler *s, float *logits, uint32_t token) {
    struct choice choice = {.token = token};
    cy_assert(s->own && token < s->vocabulary);
    float norm = own_probabilities(s, logits, &choice);
    choice.log_probability = s->own[token] - norm;
    return choice;
}
