// See cox_private.h.

#include "model/tabular/cox_private.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "model/measure/measure.h"

enum { PIECE = 16 * 1024 };
// Risks are taken relative to the largest; what is smaller by more than this factor's exponent
// counts as this small, so that no risk set sums to 0.
static const double exponent_least = -600;

struct cox {
    uint64_t rows; // N
    uint32_t times;
    double *margin;         // (N) by row
    double *risk;           // (N) by row: exp(margin - top)
    double *weight;         // (N) by row, or NULL: all 1
    uint8_t *event;         // (N) by row
    uint32_t *order;        // (N): rows by rising time
    uint32_t *time_of;      // (N) by row: which distinct time
    double *time;           // (T)
    double *event_weight;   // (T): of events at this time
    double *above;          // (T): S
    double *first, *square; // (T): A and B up to and with this time
    double top, loss, events;
};

static double weight_of(const struct cox *cox, uint64_t row) {
    return cox->weight ? cox->weight[row] : 1;
}

void cox_close(struct cox *cox) {
    if (!cox) return;
    memory_give(cox->square);
    memory_give(cox->first);
    memory_give(cox->above);
    memory_give(cox->event_weight);
    memory_give(cox->time);
    memory_give(cox->time_of);
    memory_give(cox->order);
    memory_give(cox->event);
    memory_give(cox->weight);
    memory_give(cox->risk);
    memory_give(cox->margin);
    memory_give(cox);
}

static bool arrays_take(struct cox *cox, bool weighted) {
    size_t each = cox->rows * sizeof(double) + 1;
    cox->margin = memory_take(each);
    cox->risk = memory_take(each);
    cox->event = memory_take(cox->rows + 1);
    cox->order = memory_take(cox->rows * sizeof(uint32_t) + 1);
    cox->time_of = memory_take(cox->rows * sizeof(uint32_t) + 1);
    cox->time = memory_take(each);
    if (weighted) cox->weight = memory_take(each);
    return cox->margin && cox->risk && cox->event && cox->order && cox->time_of && cox->time &&
           (cox->weight || !weighted);
}

static bool times_take(struct cox *cox) {
    size_t each = cox->times * sizeof(double) + 1;
    cox->event_weight = memory_take(each);
    cox->above = memory_take(each);
    cox->first = memory_take(each);
    cox->square = memory_take(each);
    return cox->event_weight && cox->above && cox->first && cox->square;
}

enum err cox_open(const struct truth *truth, struct cox **out) {
    struct cox *cox = memory_take(sizeof *cox);
    if (!cox) return ERR_MEMORY;
    cox->rows = truth->count;
    bool whole = arrays_take(cox, truth->weight != NULL);
    for (uint64_t i = 0; whole && i < cox->rows; i++) cox->margin[i] = truth_value(truth, i);
    whole = whole && order_by_score(cox->margin, cox->rows, cox->order) == OK;
    for (uint64_t i = 0; whole && i < cox->rows; i++) {
        uint32_t row = cox->order[i];
        double time = cox->margin[row];
        if (i == 0 || time != cox->time[cox->times - 1]) cox->time[cox->times++] = time;
        cox->time_of[row] = cox->times - 1;
        cox->event[row] = truth->event[truth_row(truth, row)];
        if (cox->weight) cox->weight[row] = truth_weight(truth, row);
    }
    if (!whole || !times_take(cox)) {
        cox_close(cox);
        return ERR_MEMORY;
    }
    for (uint64_t i = 0; i < cox->rows; i++) {
        if (cox->event[i]) cox->event_weight[cox->time_of[i]] += weight_of(cox, i);
    }
    for (uint32_t t = 0; t < cox->times; t++) cox->events += cox->event_weight[t];
    memset(cox->margin, 0, cox->rows * sizeof(double));
    *out = cox;
    return OK;
}

double *cox_margins(struct cox *cox) {
    return cox->margin;
}

static void risk_piece(void *ctx, size_t index, uint32_t worker) {
    struct cox *cox = ctx;
    (void)worker;
    uint64_t first = (uint64_t)index * PIECE, end = first + PIECE;
    if (end > cox->rows) end = cox->rows;
    for (uint64_t i = first; i < end; i++) {
        cox->risk[i] = exp(fmax(cox->margin[i] - cox->top, exponent_least));
    }
}

void cox_run(struct cox *cox, struct pool *pool) {
    cox->top = cox->rows ? cox->margin[0] : 0;
    for (uint64_t i = 1; i < cox->rows; i++) cox->top = fmax(cox->top, cox->margin[i]);
    pool_run(pool, (cox->rows + PIECE - 1) / PIECE, risk_piece, cox);
    double above = 0, first = 0, square = 0;
    for (uint64_t i = cox->rows; i-- > 0;) {
        uint32_t row = cox->order[i];
        above += weight_of(cox, row) * cox->risk[row];
        cox->above[cox->time_of[row]] = above; // the last to write is the first of its time
    }
    cox->loss = 0;
    for (uint32_t t = 0; t < cox->times; t++) {
        double sum = cox->above[t], events = cox->event_weight[t];
        if (events > 0) {
            first += events / sum;
            square += events / (sum * sum);
            cox->loss += events * (log(sum) + cox->top);
        }
        cox->first[t] = first;
        cox->square[t] = square;
    }
    for (uint64_t i = 0; i < cox->rows; i++) {
        if (cox->event[i]) cox->loss -= weight_of(cox, i) * cox->margin[i];
    }
}

double cox_loss(const struct cox *cox) {
    return cox->loss;
}

double cox_event_weight(const struct cox *cox) {
    return cox->events;
}

struct cox_derivatives cox_derivatives(const struct cox *cox, uint64_t i) {
    uint32_t t = cox->time_of[i];
    double risk = cox->risk[i], expected = risk * cox->first[t];
    return (struct cox_derivatives){expected - cox->event[i],
                                    expected - weight_of(cox, i) * risk * risk * cox->square[t]};
}

uint32_t cox_hazard(const struct cox *cox, double *times, double *hazard, uint32_t room) {
    uint32_t count = 0, steps = 0;
    double scale = exp(-cox->top); // risks were relative to the largest
    for (uint32_t t = 0; t < cox->times; t++) steps += cox->event_weight[t] > 0;
    if (steps == 0 || room == 0) return 0;
    double total = cox->first[cox->times - 1], each = total / room;
    for (uint32_t t = 0; t < cox->times; t++) {
        if (cox->event_weight[t] == 0) continue;
        double value = cox->first[t];
        bool last = value == total;
        if (steps > room && !last && value < each * (count + 1)) continue;
        if (count == room) count--; // the last point is always there
        times[count] = cox->time[t];
        hazard[count++] = value * scale;
    }
    return count;
}
