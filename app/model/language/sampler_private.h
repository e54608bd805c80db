// The inside of the sampler: passes over all logits, in blocks of 64. Each pass has a plain form
// (SSE2 or NEON by the compiler's vectors) and one for AVX2, of one source, with the same bits as
// results: eight lanes, no fused multiplication (sampler_lanes_private.h).
#pragma once

#include <stdint.h>

#include "model/language/sampler.h"

enum { SAMPLER_BLOCK = 64 };

struct sampler_kernels {
    // The greatest of each block; -INFINITY where it has no number.
    void (*maxima)(const float *logits, uint32_t count, float *maxima);
    // The sum of exp((logit - best) · scale) of each block; logits that are no numbers count 0.
    void (*masses)(const float *logits, uint32_t count, float best, float scale, float *masses);
};
extern const struct sampler_kernels sampler_kernels_plain;
#ifdef __x86_64__
extern const struct sampler_kernels sampler_kernels_avx2;
#endif
const struct sampler_kernels *sampler_kernels_for_cpu(void);
float sampler_exp(float x); // one lane of `masses`; x up to 0

// Choosing: among tokens in the order of their logits, equals by their number.
struct candidate_token {
    float logit, mass;
    uint32_t token;
};
// Moves the `keep` first to the front, in any order.
void candidates_top(struct candidate_token *candidates, uint32_t count, uint32_t keep);
// Moves to the front the fewest, the best first to be taken, whose mass reaches `wanted`; how many.
uint32_t candidates_mass(struct candidate_token *candidates, uint32_t count, double wanted);
