#include "model/tensor/team.h"

#include <stdatomic.h>
#include <unistd.h>

#include "check.h"

enum { PHASES = 300, THINGS = 1000 };

struct work {
    _Atomic uint32_t done[THINGS]; // by how many phases
    uint32_t seen[8];
    uint32_t grain;
    bool slow, even;
};

static bool next_part(const struct work *work, struct member *me, uint32_t *first, uint32_t *last) {
    return work->even ? team_next_even(me, THINGS, work->grain, first, last)
                      : team_next(me, THINGS, work->grain, first, last);
}

static void step(void *ctx, struct member *me) {
    struct work *work = ctx;
    for (uint32_t phase = 0; phase < PHASES; phase++) {
        uint32_t first, last;
        while (next_part(work, me, &first, &last)) {
            CHECK(work->even || (last - first) % work->grain == 0 || last == THINGS);
            for (uint32_t i = first; i < last; i++) {
                // Everybody's part of the phase before is done.
                CHECK(atomic_load_explicit(&work->done[THINGS - 1 - i], memory_order_relaxed) >=
                      phase);
                atomic_fetch_add_explicit(&work->done[i], 1, memory_order_relaxed);
            }
        }
        if (work->slow && me->index == 0 && phase % 100 == 0) usleep(2000);
        team_barrier(me);
    }
    work->seen[me->index]++;
}

static void all_is_done_once(void) {
    for (uint32_t threads = 1; threads <= 5; threads++) {
        struct team *team;
        REQUIRE(team_open(threads, &team) == OK);
        CHECK_EQ(team_count(team), threads);
        for (uint32_t round = 0; round < 6; round++) {
            static struct work work;
            memset(&work, 0, sizeof work);
            work.grain = 1 + (uint32_t)check_below(40);
            work.slow = round % 3 == 2; // the others fall asleep
            work.even = round >= 3;
            team_run(team, step, &work);
            for (uint32_t i = 0; i < THINGS; i++) CHECK_EQ(work.done[i], PHASES);
            for (uint32_t i = 0; i < threads; i++) CHECK_EQ(work.seen[i], 1);
        }
        team_close(team);
    }
}

// What is told before is what a member gets first, of few things and of many.
static void even_step(void *ctx, struct member *me) {
    _Atomic uint32_t *done = ctx;
    for (uint32_t count = 0; count < 40; count++) {
        uint32_t first, last, from, to;
        bool once = false;
        team_even(me, count, &from, &to);
        while (team_next_even(me, count, 2, &first, &last)) {
            CHECK(first < last && last <= count);
            if (!once && from < to) CHECK(first == from && last == to);
            once = true;
            atomic_fetch_add(done, last - first);
        }
        CHECK(once || from == to);
        team_barrier(me);
    }
}

static void even_shares_are_told_before(void) {
    for (uint32_t threads = 1; threads <= 5; threads++) {
        struct team *team;
        _Atomic uint32_t done = 0;
        REQUIRE(team_open(threads, &team) == OK);
        team_run(team, even_step, &done);
        CHECK_EQ(done, 40 * 39 / 2);
        team_close(team);
    }
}

static void steps_may_share_nothing(void) {
    struct team *team;
    REQUIRE(team_open(3, &team) == OK);
    team_close(team);
    team_close(NULL);
}

int main(void) {
    CHECK_RUN(all_is_done_once);
    CHECK_RUN(even_shares_are_told_before);
    CHECK_RUN(steps_may_share_nothing);
    return check_done();
}
