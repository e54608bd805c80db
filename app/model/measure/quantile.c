// Selection by partition around random values (Hoare's), three ways so that ties end at once.

#include "model/measure/measure.h"

static void swap(struct weighed_value *a, struct weighed_value *b) {
    struct weighed_value held = *a;
    *a = *b;
    *b = held;
}

double quantile_weighed(struct weighed_value *rows, uint64_t count, double share) {
    cy_assert(count > 0);
    double total = 0, below = 0; // below: the weight of what lies before `low`
    for (uint64_t i = 0; i < count; i++) total += rows[i].weight;
    double need = share * total;
    uint64_t low = 0, high = count; // the answer is in here
    struct draw draw = {count};
    while (high - low > 1) {
        double pivot = rows[low + draw_below(&draw, high - low)].value;
        double less_weight = 0, same_weight = 0;
        uint64_t less = low, at = low, more = high; // [low, less) < pivot, [more, high) > pivot
        while (at < more) {
            if (rows[at].value < pivot) {
                less_weight += rows[at].weight;
                swap(&rows[less++], &rows[at++]);
            } else if (rows[at].value > pivot) {
                swap(&rows[--more], &rows[at]);
            } else {
                same_weight += rows[at++].weight;
            }
        }
        if (less > low && below + less_weight >= need) {
            high = less;
        } else if (below + less_weight + same_weight >= need || more == high) {
            return pivot;
        } else {
            below += less_weight + same_weight;
            low = more;
        }
    }
    return rows[low].value;
}
