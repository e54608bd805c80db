// The sampler: each step by itself against what it says, draws against their probabilities, its two
// forms of passes against one another, and its speed's promise that nothing is sorted.
#include <math.h>

#include "base/memory.h"
#include "check.h"
#include "model/language/sampler_private.h"
#include "model/language/tokenizer/tokenizer.h"

enum { VOCABULARY = 1000 };

// An emulator is slow, and what it emulates adds up the same.
static uint32_t draw_count(void) {
    return getenv("COURTYARD_EMULATOR") ? 6000 : 40000;
}

static struct sampling plain(void) {
    return (struct sampling){.temperature = 1, .top_p = 1, .repeat_penalty = 1, .last = 64};
}

static double random_normal(void) {
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += (double)(check_random() >> 11) * 0x1p-53;
    return sum - 6;
}

static void logits_random(float *logits, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) logits[i] = (float)(3 * random_normal());
}

static struct choice once(const struct sampling *sampling, const float *logits, uint32_t count,
                          const uint64_t *mask) {
    struct sampler *sampler;
    struct choice choice = {.token = TOKEN_NONE};
    float *copy = malloc(count * sizeof *copy);
    memcpy(copy, logits, count * sizeof *copy);
    CHECK_EQ(sampler_open(sampling, count, &sampler), OK);
    choice = sampler_choose(sampler, copy, mask);
    sampler_close(sampler);
    free(copy);
    return choice;
}

static void takes_the_best_at_0(void) {
    struct sampling sampling = plain();
    sampling.temperature = 0;
    float logits[130] = {0};
    CHECK_EQ(once(&sampling, logits, 130, NULL).token, 0); // the first of equals
    logits[129] = 2, logits[128] = 2;
    CHECK_EQ(once(&sampling, logits, 130, NULL).token, 128);
    logits[3] = NAN;
    CHECK_EQ(once(&sampling, logits, 130, NULL).token, 128);
    uint64_t mask[3] = {1u << 3 | 1u << 9, 0, 0};
    CHECK_EQ(once(&sampling, logits, 130, mask).token, 9);
    uint64_t none[3] = {1u << 3, 0, ~3ull};
    CHECK_EQ(once(&sampling, logits, 130, none).token, TOKEN_NONE);
    logits[7] = INFINITY;
    sampling.temperature = 1;
    CHECK_EQ(once(&sampling, logits, 130, NULL).token, 7);
    struct token_bias biases[] = {{7, -INFINITY}, {70, 100}, {999, 5}};
    sampling.biases = biases, sampling.bias_count = 3, logits[7] = 1;
    CHECK_EQ(once(&sampling, logits, 130, NULL).token, 70);
}

// ---- distributions ---------------------------------------------------------------------------

// What the steps leave of the probabilities, by sorting.
struct one {
    double p;
    uint32_t token;
};
static int one_compare(const void *a, const void *b) {
    const struct one *x = a, *y = b;
    if (x->p != y->p) return x->p > y->p ? -1 : 1;
    return x->token < y->token ? -1 : 1;
}

static void expect(const struct sampling *s, const float *logits, uint32_t count, double *out) {
    static struct one ones[VOCABULARY];
    double best = -INFINITY, total = 0, sum = 0;
    for (uint32_t i = 0; i < count; i++) best = fmax(best, (double)logits[i]);
    for (uint32_t i = 0; i < count; i++) {
        ones[i] = (struct one){exp(((double)logits[i] - best) / s->temperature), i};
    }
    qsort(ones, count, sizeof *ones, one_compare);
    uint32_t kept = s->top_k && s->top_k < count ? s->top_k : count;
    while (kept > 1 && ones[kept - 1].p < s->min_p) kept--;
    for (uint32_t i = 0; i < kept; i++) total += ones[i].p;
    uint32_t n = 0;
    while (n < kept && (n == 0 || sum < s->top_p * total)) sum += ones[n++].p;
    for (uint32_t i = 0; i < count; i++) out[i] = 0;
    for (uint32_t i = 0; i < n; i++) out[ones[i].token] = ones[i].p / sum;
}

// Chi-square over the tokens expected five times and more, the others as one. Bound: five standard
// deviations beyond its mean, and two of slack; draws of what may not be drawn are an error.
static void draws_follow(const struct sampling *sampling, uint32_t count) {
    static float logits[VOCABULARY], copy[VOCABULARY];
    static double want[VOCABULARY];
    static uint32_t got[VOCABULARY];
    struct sampler *sampler;
    logits_random(logits, count);
    expect(sampling, logits, count, want);
    memset(got, 0, sizeof got);
    REQUIRE(sampler_open(sampling, count, &sampler) == OK);
    uint32_t drawn = draw_count();
    for (uint32_t i = 0; i < drawn; i++) {
        memcpy(copy, logits, sizeof copy);
        struct choice choice = sampler_choose(sampler, copy, NULL);
        REQUIRE(choice.token < count);
        got[choice.token]++;
    }
    sampler_close(sampler);
    double chi = 0, rest_want = 0, rest_got = 0;
    uint32_t cells = 0;
    for (uint32_t i = 0; i < count; i++) {
        double n = want[i] * drawn;
        if (want[i] <= 0) CHECK_EQ(got[i], 0);
        if (n < 5) {
            rest_want += n, rest_got += got[i];
            continue;
        }
        chi += (got[i] - n) * (got[i] - n) / n;
        cells++;
    }
    if (rest_want >= 5) {
        chi += (rest_got - rest_want) * (rest_got - rest_want) / rest_want;
        cells++;
    }
    double freedom = cells > 1 ? cells - 1 : 0;
    check_that(chi <= freedom + 5 * sqrt(2 * freedom) + 12, __FILE__, __LINE__,
               "chi-square %g of %g", chi, freedom);
}

static void draws_by_probability(void) {
    struct sampling sampling = plain();
    sampling.seed = check_random();
    draws_follow(&sampling, VOCABULARY);
    draws_follow(&sampling, 65);
    sampling.temperature = 0.5;
    draws_follow(&sampling, VOCABULARY);
    sampling.temperature = 1.7;
    draws_follow(&sampling, VOCABULARY);
}

static void draws_of_the_top_k(void) {
    struct sampling sampling = plain();
    sampling.seed = check_random();
    for (uint32_t k = 1; k < VOCABULARY; k = k * 3 + 1) {
        sampling.top_k = k;
        draws_follow(&sampling, VOCABULARY);
    }
}

static void draws_of_the_top_p(void) {
    static const double ps[] = {0, 0.1, 0.5, 0.9, 0.99, 0.9999};
    struct sampling sampling = plain();
    sampling.seed = check_random();
    for (uint32_t i = 0; i < 6; i++) {
        sampling.top_p = ps[i];
        sampling.top_k = 0;
        draws_follow(&sampling, VOCABULARY);
        sampling.top_k = 30;
        draws_follow(&sampling, VOCABULARY);
    }
}

static void draws_by_min_p(void) {
    static const double ps[] = {1, 0.3, 0.05, 0.001};
    struct sampling sampling = plain();
    sampling.seed = check_random();
    for (uint32_t i = 0; i < 4; i++) {
        sampling.min_p = ps[i];
        draws_follow(&sampling, VOCABULARY);
        sampling.top_p = 0.8, sampling.top_k = 50, sampling.temperature = 1.5;
        draws_follow(&sampling, VOCABULARY);
        sampling.top_p = 1, sampling.top_k = 0, sampling.temperature = 1;
    }
}

// Numbers that any machine must draw, so that a seed means the same everywhere.
static void same_everywhere(void) {
    struct sampling sampling = plain();
    struct sampler *sampler;
    uint32_t got[8];
    sampling.seed = 42;
    REQUIRE(sampler_open(&sampling, 200, &sampler) == OK);
    for (uint32_t i = 0; i < 8; i++) {
        float logits[200];
        for (uint32_t t = 0; t < 200; t++) logits[t] = (float)((t * 37 + i * 11) % 100) / 16;
        got[i] = sampler_choose(sampler, logits, NULL).token;
    }
    sampler_close(sampler);
    static const uint32_t want[8] = {121, 29, 29, 12, 196, 44, 52, 29};
    for (uint32_t i = 0; i < 8; i++) CHECK_EQ(got[i], want[i]);
}

// ---- penalties, probabilities ------------------------------------------------------------------

static void penalties(void) {
    struct sampling sampling = plain();
    struct sampler *sampler;
    sampling.temperature = 0;
    sampling.repeat_penalty = 2;
    sampling.frequency_penalty = 0.5;
    sampling.presence_penalty = 0.25;
    sampling.last = 3;
    REQUIRE(sampler_open(&sampling, 4, &sampler) == OK);
    sampler_see(sampler, 3); // leaves the last three again
    sampler_see(sampler, 0);
    sampler_see(sampler, 0);
    sampler_see(sampler, 1);
    sampler_see(sampler, 99); // no token: not counted
    float logits[4] = {6, -1, 1.7f, 1};
    CHECK_EQ(sampler_choose(sampler, logits, NULL).token, 0); // 6/2 - 1 - 0.25 = 1.75
    CHECK_NEAR(logits[0], 1.75, 1e-6);
    CHECK_NEAR(logits[1], -2.75, 1e-6);
    CHECK_NEAR(logits[2], 1.7, 1e-6);
    CHECK_NEAR(logits[3], 1, 0);
    sampler_see(sampler, 2);
    sampler_see(sampler, 2);
    sampler_see(sampler, 2);
    float again[4] = {6, 5, 6, 1};
    CHECK_EQ(sampler_choose(sampler, again, NULL).token, 0);
    CHECK_NEAR(again[0], 6, 0);
    CHECK_NEAR(again[2], 3 - 1.5 - 0.25, 1e-6);
    sampler_close(sampler);
}

static void log_probabilities(void) {
    static float logits[VOCABULARY];
    static double want[VOCABULARY];
    logits_random(logits, VOCABULARY);
    struct sampling sampling = plain();
    expect(&sampling, logits, VOCABULARY, want);
    struct token_bias bias = {17, 50};
    sampling.log_probabilities = true;
    sampling.top = 5;
    sampling.biases = &bias, sampling.bias_count = 1;
    struct choice choice = once(&sampling, logits, VOCABULARY, NULL);
    CHECK_EQ(choice.token, 17);
    CHECK_NEAR(choice.log_probability, log(want[17]), 1e-4); // without the bias
    REQUIRE(choice.top_count == 5);
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t above = 0;
        for (uint32_t t = 0; t < VOCABULARY; t++) above += want[t] > want[choice.top[i].token];
        CHECK_EQ(above, i);
        CHECK_NEAR(choice.top[i].log_probability, log(want[choice.top[i].token]), 1e-4);
    }
    sampling.top = 500; // taken to the most there are
    CHECK_EQ(once(&sampling, logits, VOCABULARY, NULL).top_count, SAMPLER_TOP_MAX);
    CHECK_EQ(once(&sampling, logits, 3, NULL).top_count, 3);
}

// ---- passes ------------------------------------------------------------------------------------

static void passes_agree(void) {
    const struct sampler_kernels *fast = sampler_kernels_for_cpu();
    static float logits[5000], a[80], b[80];
    for (uint32_t round = 0; round < 40; round++) {
        uint32_t count = 1 + (uint32_t)(check_random() % 5000), blocks = (count + 63) / 64;
        logits_random(logits, count);
        if (round % 3 == 0) logits[check_random() % count] = round % 2 ? NAN : -INFINITY;
        float scale = (float)(0.1 + (double)(round % 7));
        fast->maxima(logits, count, a);
        sampler_kernels_plain.maxima(logits, count, b);
        CHECK_BYTES(a, blocks * sizeof *a, b, blocks * sizeof *b);
        fast->masses(logits, count, 9, scale, a);
        sampler_kernels_plain.masses(logits, count, 9, scale, b);
        CHECK_BYTES(a, blocks * sizeof *a, b, blocks * sizeof *b);
    }
    for (double x = 0; x > -100; x -= 0.01) {
        double want = (float)x < -87 ? 0 : exp((double)(float)x);
        CHECK_NEAR(sampler_exp((float)x), want, 3e-7 * want);
    }
    CHECK_NEAR(sampler_exp(NAN), 0, 0);
    CHECK_NEAR(sampler_exp(-INFINITY), 0, 0);
    CHECK_NEAR(sampler_exp(0), 1, 0);
}

static void memory_may_run_out(void) {
    struct sampling sampling = plain();
    struct sampler *sampler = NULL;
    sampling.log_probabilities = true;
    for (uint64_t n = 0; !sampler; n++) {
        memory_fail_after(n);
        enum err err = sampler_open(&sampling, 100, &sampler);
        CHECK_EQ(err, sampler ? OK : ERR_MEMORY);
        REQUIRE(n < 50);
    }
    memory_fail_after(UINT64_MAX);
    sampler_close(sampler);
}

int main(void) {
    CHECK_RUN(takes_the_best_at_0);
    CHECK_RUN(draws_by_probability);
    CHECK_RUN(draws_of_the_top_k);
    CHECK_RUN(draws_of_the_top_p);
    CHECK_RUN(draws_by_min_p);
    CHECK_RUN(same_everywhere);
    CHECK_RUN(penalties);
    CHECK_RUN(log_probabilities);
    CHECK_RUN(passes_agree);
    CHECK_RUN(memory_may_run_out);
    return check_done();
}
