// Survival: Harrell's C-index and Kaplan and Meier's curve. For the first rows are walked from the
// last time back, so that a Fenwick tree over the ranks of risk holds those that lived longer than
// the event at hand.

#include <math.h>
#include <string.h>

#include "model/measure/measure.h"

void survival_rows_close(struct survival_rows *rows) {
    memory_give(rows->order);
    memory_give(rows->rank);
    *rows = (struct survival_rows){0};
}

// By falling time; of one time the censored first.
static enum err order_of(const double *time, const uint8_t *event, uint64_t rows, uint32_t *order) {
    uint32_t *rising = memory_take(rows * sizeof *rising + 1);
    enum err err = rising ? order_by_score(time, rows, rising) : ERR_MEMORY;
    for (uint64_t at = 0, end = rows; err == OK && end > 0;) {
        uint64_t first = end;
        while (first > 0 && time[rising[first - 1]] == time[rising[end - 1]]) first--;
        for (unsigned seen = 0; seen < 2; seen++) {
            for (uint64_t i = first; i < end; i++) {
                if ((event[rising[i]] != 0) == seen) order[at++] = rising[i];
            }
        }
        end = first;
    }
    memory_give(rising);
    return err;
}

enum err survival_rows_open(const double *risk, const double *time, const uint8_t *event,
                            const double *weight, uint64_t rows, struct survival_rows *out) {
    struct survival_rows s = {.rows = rows, .time = time, .weight = weight, .event = event};
    s.order = memory_take(rows * sizeof *s.order + 1);
    s.rank = memory_take(rows * sizeof *s.rank + 1);
    enum err err = s.order && s.rank ? order_by_score(risk, rows, s.order) : ERR_MEMORY;
    for (uint64_t i = 0; err == OK && i < rows; i++) {
        uint32_t row = s.order[i];
        if (i == 0 || risk[row] != risk[s.order[i - 1]]) s.rank_count++;
        s.rank[row] = s.rank_count;
    }
    if (err == OK) err = order_of(time, event, rows, s.order);
    if (err != OK)
        survival_rows_close(&s);
    else
        *out = s;
    return err;
}

static void tree_add(double *tree, uint32_t count, uint32_t rank, double weight) {
    for (; rank <= count; rank += rank & -rank) tree[rank] += weight;
}

// The weight of ranks up to `rank`.
static double tree_sum(const double *tree, uint32_t rank) {
    double sum = 0;
    for (; rank > 0; rank &= rank - 1) sum += tree[rank];
    return sum;
}

void survival_metrics(const void *survival_rows, const uint8_t *weight, uint64_t rows,
                      double *out) {
    const struct survival_rows *s = survival_rows;
    out[SURVIVAL_C_INDEX] = NAN;
    double *tree = memory_take((s->rank_count + 1) * sizeof *tree);
    if (!tree) return;
    double won = 0, pairs = 0, later = 0; // later: the weight in the tree
    for (uint64_t first = 0, end; first < rows; first = end) {
        uint32_t row = s->order[first];
        bool event = s->event[row] != 0;
        for (end = first; end < rows && s->time[s->order[end]] == s->time[row] &&
                          (s->event[s->order[end]] != 0) == event;) {
            end++;
        }
        // Events of one time look before any of them is put in.
        for (uint64_t i = first; event && i < end; i++) {
            uint32_t at = s->order[i], rank = s->rank[at];
            double w = weight[at] * (s->weight ? s->weight[at] : 1);
            if (w == 0) continue;
            double lower = tree_sum(tree, rank - 1), equal = tree_sum(tree, rank) - lower;
            won += w * (lower + equal / 2);
            pairs += w * later;
        }
        for (uint64_t i = first; i < end; i++) {
            uint32_t at = s->order[i];
            double w = weight[at] * (s->weight ? s->weight[at] : 1);
            if (w == 0) continue;
            tree_add(tree, s->rank_count, s->rank[at], w);
            later += w;
        }
    }
    memory_give(tree);
    if (pairs > 0) out[SURVIVAL_C_INDEX] = won / pairs;
}

double metric_c_index(const double *risk, const double *time, const uint8_t *event, uint64_t rows) {
    struct survival_rows s;
    uint8_t *once = memory_take(rows + 1);
    double value = NAN;
    if (once && survival_rows_open(risk, time, event, NULL, rows, &s) == OK) {
        memset(once, 1, rows);
        survival_metrics(&s, once, rows, &value);
        survival_rows_close(&s);
    }
    memory_give(once);
    return value;
}

// ---- Kaplan and Meier ------------------------------

static double weight_at(const struct lasting *in, uint64_t i) {
    return in->weight ? in->weight[in->order[i]] : 1;
}

// Walks the steps of the curve: rows of one time at once.
struct falling {
    const struct lasting *in;
    uint64_t at;
    double there; // the weight of the rows from `at` on
    double now, survival;
};

static struct falling falling_from(const struct lasting *in) {
    struct falling f = {.in = in, .survival = 1};
    for (uint64_t i = 0; i < in->rows; i++) f.there += weight_at(in, i);
    return f;
}

static bool fall(struct falling *f) {
    const struct lasting *in = f->in;
    if (f->at == in->rows) return false;
    double there = f->there, events = 0;
    f->now = in->time[in->order[f->at]];
    for (; f->at < in->rows && in->time[in->order[f->at]] == f->now; f->at++) {
        double weight = weight_at(in, f->at);
        events += in->event[in->order[f->at]] ? weight : 0;
        f->there -= weight;
    }
    if (there > 0) f->survival *= fmax(0, 1 - events / there);
    return true;
}

double kaplan_meier_at(const struct lasting *lasting, double at) {
    struct falling f = falling_from(lasting);
    double survival = 1;
    while (fall(&f) && f.now <= at) survival = f.survival;
    return survival;
}

// A step is kept when the curve has fallen far enough since the last one kept.
uint32_t kaplan_meier(const struct lasting *lasting, struct curve_point *out, uint32_t room) {
    struct falling f = falling_from(lasting);
    uint32_t count = 0;
    cy_assert(room >= 3);
    out[count++] = (struct curve_point){0, 1};
    double step = 1.0 / (room - 2);
    while (fall(&f)) {
        bool last = f.at == lasting->rows;
        if (!last && out[count - 1].y - f.survival < step) continue;
        if (count < room) out[count++] = (struct curve_point){f.now, f.survival};
    }
    return count;
}
