// The test header tested: a check that cannot fail would make every other test worthless.
#include "check.h"

#include <unistd.h>

// Runs `test` with its messages thrown away and returns how many checks failed in it.
static unsigned wrong_in(void (*test)(void)) {
    fflush(stderr);
    int saved = dup(2);
    FILE *nowhere = freopen("/dev/null", "w", stderr);
    unsigned before = check.wrong;
    if (nowhere) test();
    unsigned found = check.wrong - before;
    check.wrong = before;
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    return found;
}

static void bad_values(void) {
    struct {
        const char *data;
        size_t size;
    } text = {"abc", 2};
    CHECK(1 == 2);
    CHECK_EQ(3, 4);
    CHECK_EQ(UINT64_MAX, 1);
    CHECK_STR("a", "b");
    CHECK_STR(NULL, "b");
    CHECK_TEXT(text, "abc");
    CHECK_BYTES("ab", 2, "ac", 2);
    CHECK_NEAR(1.0, 1.1, 0.01);
    CHECK_NEAR(0.0 / 0.0, 1.0, 10.0);
}

static void finds_every_wrong_value(void) {
    CHECK_EQ(wrong_in(bad_values), 9);
}

static void good_values(void) {
    CHECK(true);
    CHECK_EQ(-1, -1);
    CHECK_STR(NULL, NULL);
    CHECK_BYTES(NULL, 0, "", 0);
    CHECK_NEAR(1.0, 1.001, 0.01);
    CHECK_NEAR(0.0 / 0.0, 0.0 / 0.0, 0);
}

static void leaves_right_values_alone(void) {
    CHECK_EQ(wrong_in(good_values), 0);
}

static int reached;

static void asks_too_much(void) {
    REQUIRE(reached > 100);
    reached = 1;
}

static void require_leaves_the_test(void) {
    CHECK_EQ(wrong_in(asks_too_much), 1);
    CHECK_EQ(reached, 0);
}

static uint64_t takings_left;
static void arm(uint64_t count) {
    takings_left = count;
}

// Something with three places to fail.
static int three_takings(void *context) {
    int *calls = context;
    (*calls)++;
    for (int i = 0; i < 3; i++) {
        if (takings_left == 0) return 1;
        takings_left--;
    }
    return 0;
}

static void fault_loop_meets_every_place(void) {
    int calls = 0;
    CHECK_EQ(check_faults(arm, three_takings, &calls), 3);
    CHECK_EQ(calls, 4);
    CHECK(takings_left == UINT64_MAX);
}

static void random_numbers_repeat_and_stay_below(void) {
    uint64_t first = check_random();
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        CHECK(check_below(7) < 7);
        sum += check_uniform();
    }
    CHECK_NEAR(sum / 10000, 0.5, 0.03);
    check.random = check.seed;
    CHECK(check_random() == first);
    check.random = 0; // the published sequence of splitmix64 for the seed 0
    CHECK(check_random() == 0xE220A8397B1DCDAFu);
}

int main(void) {
    CHECK_RUN(finds_every_wrong_value);
    CHECK_RUN(leaves_right_values_alone);
    CHECK_RUN(require_leaves_the_test);
    CHECK_RUN(fault_loop_meets_every_place);
    CHECK_RUN(random_numbers_repeat_and_stay_below);
    return check_done();
}
