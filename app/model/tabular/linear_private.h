// Logistic, softmax, linear, Poisson and Cox regression with elastic net. Numbers are standardised,
// a missing one counts as the mean and shows in an indicator; categories are one-hot, missing among
// them; texts are taken as they are.
// Minimises mean loss + alpha (l1_share |w|₁ + (1 - l1_share) / 2 |w|²), intercepts free, for
// squared loss on the standardised target; the mean is by weight, Cox's partial likelihood divided
// by the weight of all rows; by L-BFGS, with OWL-QN's orthants where l1_share > 0.
// Shapes: N rows, F features, K outputs, W weights per output.
#pragma once

#include "model/tabular/boost_private.h"

struct linear_term { // one feature's part of the weights
    // number: the weight, then the indicator's; category: one each, then missing's; text: one each
    uint32_t first;
    bool is_category;
    uint32_t categories;
    uint32_t width;     // of a text: one weight for each bucket; 0: no text
    double mean, scale; // number: z = (x - mean) * scale; scale 0 if it does not vary
    double missing_share;
};
struct linear {
    struct linear_term *terms; // (F)
    double *weights;           // (K, W)
    double *intercept;         // (K)
    double *base;              // (K): the output of an average row
    double *average; // (F, K): a feature's mean part, so that contributions add up from base
    uint32_t features, outputs, width; // F, K, W
    uint32_t iterations;
};

// The fit stops when no part of the gradient is over this, or after so many steps.
enum { LINEAR_STEPS_MAX = 500 };
static const double linear_gradient_small = 1e-7;

// Not for the quantile loss, which has no gradient to go by.
// ERR_MEMORY, ERR_CANCELLED, ERR_LIMIT "train.too_wide" when W * K is over 2^24.
enum err linear_train(const struct train_rows *rows, const struct tabular_options *options,
                      struct pool *pool, struct progress *progress, struct linear *out,
                      struct fault *fault) MUST_USE;
// Takes a linear model's arrays for a shape; terms' first and W follow from the features.
enum err linear_take(const struct feature *features, uint32_t count, uint32_t outputs,
                     struct linear *out) MUST_USE;
void linear_close(struct linear *linear);
// What feature f of row i adds to output k.
double linear_part(const struct linear *linear, const struct frame *frame, uint32_t f, uint64_t i,
                   uint32_t k);
double linear_value_part(const struct linear *linear, uint32_t f, float value,
                         uint32_t k); // of a feature that is no text
// out (N, K), before the link.
void linear_predict(const struct linear *linear, const struct frame *frame, struct pool *pool,
                    double *out);
// Sets base and average from the shares seen in training; weights must be final.
void linear_set_base(struct linear *linear, const double *category_share);

// ---- the minimiser (minimise.c) ------------------------------
struct objective {
    // f and its gradient at x (size), smooth part only. ERR_CANCELLED.
    enum err (*compute)(void *ctx, const double *x, double *out_value, double *gradient);
    void *ctx;
    size_t size;
    const double *l1;  // (size) strength of |x_i|, or NULL
    double first_step; // along the gradient while nothing is known of the curvature; 0: 1
};
// Minimises from x in place. ERR_MEMORY or what compute returns.
enum err minimise(const struct objective *objective, double *x, uint32_t steps_max,
                  double gradient_small, uint32_t *out_steps) MUST_USE;
