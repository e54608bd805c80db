// L-BFGS with a backtracking line search (Nocedal and Wright 2006, algorithm 7.4), and OWL-QN
// (Andrew and Gao 2007) where an L1 term makes the function pointed at zero.

#include <math.h>
#include <string.h>

#include "model/tabular/linear_private.h"

enum { HISTORY = 10, TRIALS_MAX = 30 };

struct search {
    const struct objective *objective;
    size_t size;
    double *x, *gradient, *pseudo; // pseudo: gradient with the L1 term's side chosen
    double *trial, *trial_gradient, *direction;
    double *moves, *changes; // (HISTORY, size): steps of x and of the gradient
    double inverse[HISTORY]; // 1 / (move . change)
    uint32_t kept, newest;
    double value; // with the L1 term
};

static double dot(const double *a, const double *b, size_t size) {
    double sum = 0;
    for (size_t i = 0; i < size; i++) sum += a[i] * b[i];
    return sum;
}

static enum err value_at(const struct search *s, const double *x, double *value, double *gradient) {
    enum err err = s->objective->compute(s->objective->ctx, x, value, gradient);
    const double *l1 = s->objective->l1;
    for (size_t i = 0; err == OK && l1 && i < s->size; i++) *value += l1[i] * fabs(x[i]);
    return err;
}

static double set_pseudo(struct search *s) {
    const double *l1 = s->objective->l1;
    double largest = 0;
    for (size_t i = 0; i < s->size; i++) {
        double g = s->gradient[i], side = l1 ? l1[i] : 0;
        if (s->x[i] != 0)
            g += s->x[i] > 0 ? side : -side;
        else
            g = g > side ? g - side : g < -side ? g + side : 0;
        s->pseudo[i] = g;
        largest = fmax(largest, fabs(g));
    }
    return largest;
}

// direction = - (inverse Hessian) pseudo, by the two loops over the history.
static void set_direction(struct search *s) {
    double share[HISTORY];
    size_t n = s->size;
    for (size_t i = 0; i < n; i++) s->direction[i] = -s->pseudo[i];
    for (uint32_t k = 0; k < s->kept; k++) {
        uint32_t at = (s->newest + HISTORY - k) % HISTORY;
        share[at] = s->inverse[at] * dot(s->moves + at * n, s->direction, n);
        for (size_t i = 0; i < n; i++) s->direction[i] -= share[at] * s->changes[at * n + i];
    }
    if (s->kept > 0) {
        const double *change = s->changes + s->newest * n;
        double scale = 1 / (s->inverse[s->newest] * dot(change, change, n));
        for (size_t i = 0; i < n; i++) s->direction[i] *= scale;
    }
    for (uint32_t k = s->kept; k-- > 0;) {
        uint32_t at = (s->newest + HISTORY - k) % HISTORY;
        double back = s->inverse[at] * dot(s->changes + at * n, s->direction, n);
        for (size_t i = 0; i < n; i++) {
            s->direction[i] += (share[at] - back) * s->moves[at * n + i];
        }
    }
    // With an L1 term a part that climbs is left out.
    for (size_t i = 0; s->objective->l1 && i < n; i++) {
        if (s->direction[i] * s->pseudo[i] >= 0) s->direction[i] = 0;
    }
}

static void try_step(const struct search *s, double step) {
    const double *l1 = s->objective->l1;
    for (size_t i = 0; i < s->size; i++) {
        double moved = s->x[i] + step * s->direction[i];
        double side = s->x[i] != 0 ? s->x[i] : -s->pseudo[i];
        s->trial[i] = l1 && l1[i] > 0 && moved * side <= 0 ? 0 : moved; // stays in its orthant
    }
}

// Backtracks to a step that lowers the value enough; *moved tells whether there is one.
static enum err search_line(struct search *s, bool *moved) {
    double step = 1;
    if (s->kept == 0) { // no farther than 1
        double first = s->objective->first_step > 0 ? s->objective->first_step : 1;
        step = 1 / fmax(1 / first, sqrt(dot(s->pseudo, s->pseudo, s->size)));
    }
    *moved = false;
    for (uint32_t trial = 0; trial < TRIALS_MAX; trial++, step *= 0.5) {
        double value, slope = 0;
        try_step(s, step);
        enum err err = value_at(s, s->trial, &value, s->trial_gradient);
        if (err != OK) return err;
        for (size_t i = 0; i < s->size; i++) slope += s->pseudo[i] * (s->trial[i] - s->x[i]);
        if (isfinite(value) && value <= s->value + 1e-4 * slope && slope < 0) {
            *moved = value < s->value;
            s->value = value;
            return OK;
        }
    }
    return OK;
}

// Takes the trial point; keeps the pair if the function curves upwards along it.
static void accept(struct search *s) {
    size_t n = s->size;
    uint32_t at = s->kept > 0 ? (s->newest + 1) % HISTORY : 0;
    double *move = s->moves + at * n, *change = s->changes + at * n;
    for (size_t i = 0; i < n; i++) {
        move[i] = s->trial[i] - s->x[i];
        change[i] = s->trial_gradient[i] - s->gradient[i];
    }
    double curve = dot(move, change, n);
    if (curve > 1e-14 * dot(change, change, n)) {
        s->inverse[at] = 1 / curve;
        s->newest = at;
        if (s->kept < HISTORY) s->kept++;
    }
    memcpy(s->x, s->trial, n * sizeof(double));
    memcpy(s->gradient, s->trial_gradient, n * sizeof(double));
}

static enum err run(struct search *s, uint32_t steps_max, double gradient_small,
                    uint32_t *out_steps) {
    enum err err = value_at(s, s->x, &s->value, s->gradient);
    uint32_t step = 0;
    for (; err == OK && step < steps_max; step++) {
        if (set_pseudo(s) <= gradient_small) break;
        set_direction(s);
        bool moved;
        err = search_line(s, &moved);
        if (err != OK) break;
        if (moved) {
            accept(s);
        } else if (s->kept > 0) {
            s->kept = 0; // start again from the plain gradient
        } else {
            break;
        }
    }
    if (out_steps) *out_steps = step;
    return err;
}

enum err minimise(const struct objective *objective, double *x, uint32_t steps_max,
                  double gradient_small, uint32_t *out_steps) {
    size_t n = objective->size;
    double *memory = memory_take((5 + 2 * HISTORY) * n * sizeof(double) + 1);
    if (!memory) return ERR_MEMORY;
    struct search s = {.objective = objective,
                       .size = n,
                       .x = x,
                       .gradient = memory,
                       .pseudo = memory + n,
                       .trial = memory + 2 * n,
                       .trial_gradient = memory + 3 * n,
                       .direction = memory + 4 * n,
                       .moves = memory + 5 * n,
                       .changes = memory + (5 + HISTORY) * n};
    enum err err = run(&s, steps_max, gradient_small, out_steps);
    memory_give(memory);
    return err;
}
