#include "check.h"
#include "data/anonymity/anonymity.h"

static struct hash key_of(uint64_t seed) {
    return sha256_of(&seed, sizeof seed);
}

// Chi-square of many draws against P(x) = (1-a)/(1+a)·a^|x| with a = exp(-epsilon).
static void follows_the_distribution(void) {
    static const struct {
        uint32_t numerator, denominator;
    } cases[] = {{1, 1}, {1, 2}, {3, 1}, {7, 10}};
    for (int c = 0; c < 4; c++) {
        struct hash key = key_of(check_random());
        struct noise noise;
        noise_from_key(&noise, &key, STR("test"));
        double a = exp(-(double)cases[c].numerator / cases[c].denominator);
        enum { DRAWS = 40000, EDGE = 6 };
        double seen[2 * EDGE + 1] = {0}, square = 0;
        for (int i = 0; i < DRAWS; i++) {
            int64_t x = noise_laplace(&noise, cases[c].numerator, cases[c].denominator);
            if (x < -EDGE) x = -EDGE;
            if (x > EDGE) x = EDGE;
            seen[x + EDGE]++;
        }
        int cells = 0;
        for (int x = -EDGE; x <= EDGE; x++) {
            double wanted = (1 - a) / (1 + a) * pow(a, abs(x));
            if (abs(x) == EDGE) wanted /= 1 - a; // all beyond
            if (wanted * DRAWS < 5) continue;
            double off = seen[x + EDGE] - wanted * DRAWS;
            square += off * off / (wanted * DRAWS);
            cells++;
        }
        CHECK(square < cells + 5 * sqrt(2.0 * cells) + 5);
    }
}

static void repeats_by_key_only(void) {
    struct hash key = key_of(1);
    struct noise a, b, other, box, again;
    noise_from_key(&a, &key, STR("line 3"));
    noise_from_key(&b, &key, STR("line 3"));
    noise_from_key(&other, &key, STR("line 4"));
    noise_from_box(&box);
    noise_from_box(&again);
    int same = 0, differ = 0, boxes = 0;
    for (int i = 0; i < 64; i++) {
        int64_t x = noise_laplace(&a, 1, 100);
        same += x == noise_laplace(&b, 1, 100);
        differ += x != noise_laplace(&other, 1, 100);
        boxes += noise_laplace(&box, 1, 100) != noise_laplace(&again, 1, 100);
    }
    CHECK_EQ(same, 64);
    CHECK(differ > 32);
    CHECK(boxes > 32);
}

static void known_answer(void) {
    struct hash key = key_of(42);
    struct noise noise;
    noise_from_key(&noise, &key, STR("known"));
    uint64_t sum = 0;
    for (int i = 0; i < 1000; i++) sum = sum * 31 + (uint64_t)noise_laplace(&noise, 1, 10);
    CHECK_EQ(sum, 5529616060150587908u);
}

static void counts_stay_counts(void) {
    struct hash key = key_of(check_random());
    struct noise noise;
    noise_from_key(&noise, &key, STR("counts"));
    int64_t counts[200] = {0};
    noise_counts(&noise, 1, 2, counts, 200);
    int above = 0;
    for (int i = 0; i < 200; i++) {
        CHECK(counts[i] >= 0);
        above += counts[i] > 0;
    }
    CHECK(above > 20 && above < 140);
}

// The projection by hand: the shift that makes the sum right, found by halving.
static void adds_up_nearest(void) {
    for (int round = 0; round < 200; round++) {
        int64_t counts[20], before[20], sum = 0;
        uint64_t count = 1 + check_below(20);
        for (uint64_t i = 0; i < count; i++) {
            before[i] = counts[i] = (int64_t)check_below(50) - 5;
        }
        int64_t total = (int64_t)check_below(400);
        noise_consistent(counts, count, total);
        double low = -1000, high = 1000;
        for (int i = 0; i < 60; i++) {
            double shift = (low + high) / 2, made = 0;
            for (uint64_t k = 0; k < count; k++) made += fmax(0, (double)before[k] - shift);
            if (made > (double)total)
                low = shift;
            else
                high = shift;
        }
        for (uint64_t i = 0; i < count; i++) {
            sum += counts[i];
            CHECK(counts[i] >= 0);
            CHECK_NEAR(counts[i], fmax(0, (double)before[i] - low), 1.0001);
        }
        CHECK_EQ(sum, total);
    }
}

int main(void) {
    CHECK_RUN(follows_the_distribution);
    CHECK_RUN(repeats_by_key_only);
    CHECK_RUN(known_answer);
    CHECK_RUN(counts_stay_counts);
    CHECK_RUN(adds_up_nearest);
    return check_done();
}
