// Quantiles of a sketch are near those of what was added, and parts add up to the whole.
#include "base/sketch.h"

#include <math.h>

#include "check.h"

static void quantiles_are_near(void) {
    struct sketch sketch = {0};
    for (int i = 1; i <= 10000; i++) sketch_add(&sketch, i * 0.001);
    CHECK_EQ(sketch.count, 10000);
    CHECK(fabs(sketch_mean(&sketch) - 5.0005) < 1e-9);
    const double shares[] = {0.01, 0.25, 0.5, 0.9, 0.99, 1};
    for (int i = 0; i < 6; i++) {
        double want = 10 * shares[i], got = sketch_quantile(&sketch, shares[i]);
        CHECK(fabs(got - want) <= 0.1 * want);
    }
    CHECK(sketch_quantile(&sketch, 1) <= 10);
}

static void parts_add_up(void) {
    struct sketch whole = {0}, one = {0}, two = {0};
    for (int i = 0; i < 1000; i++) {
        double value = pow(1.1, i % 300) * 1e-6;
        sketch_add(&whole, value);
        sketch_add(i % 3 ? &one : &two, value);
    }
    sketch_merge(&two, &one);
    CHECK_EQ(two.count, whole.count);
    CHECK(two.most == whole.most);
    for (int i = 0; i < SKETCH_BUCKETS; i++) CHECK_EQ(two.buckets[i], whole.buckets[i]);
}

static void odd_numbers_have_a_place(void) {
    struct sketch sketch = {0};
    CHECK(sketch_quantile(&sketch, 0.5) == 0);
    CHECK(sketch_mean(&sketch) == 0);
    sketch_add(&sketch, NAN);
    sketch_add(&sketch, -3);
    sketch_add(&sketch, 0);
    CHECK_EQ(sketch.buckets[0], 3);
    CHECK(sketch_quantile(&sketch, 0.99) == 0);
    sketch_add(&sketch, 1e300);
    CHECK_EQ(sketch.buckets[SKETCH_BUCKETS - 1], 1);
    CHECK(sketch_quantile(&sketch, 0.1) == 0);
}

int main(void) {
    CHECK_RUN(quantiles_are_near);
    CHECK_RUN(parts_add_up);
    CHECK_RUN(odd_numbers_have_a_place);
    return check_done();
}
