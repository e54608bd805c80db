// The team: threads that meet at one gate. The gate counts arrivals in one word and its openings in
// another, which who waits spins on and then sleeps on; the last one in resets what is shared out.
#include "model/tensor/team.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"

enum {
    // Who sleeps gives its processor to other work for as long as that likes: longer than a phase.
    SPIN_US = 300,
    SPIN_TURNS = 64,       // between two looks at the clock
    STACK_BYTES = 1 << 20, // kernels keep what they unpack on the stack
    KEPT_BACK = 8,         // of what is shared out evenly, one part in so many
};

struct team {
    _Atomic uint32_t count;
    pthread_t *threads;     // (count - 1)
    struct member *members; // (count)
    // Written by the caller before it enters the gate that starts a step.
    void (*step)(void *ctx, struct member *me);
    void *ctx;
    bool closing;
    // The gate, and what the phase has shared out so far; each in a cache line of its own.
    _Alignas(64) _Atomic uint32_t arrived;
    _Alignas(64) _Atomic uint32_t opened;
    _Atomic uint32_t sleepers;
    _Alignas(64) _Atomic uint32_t taken;
};

static void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void wait_open(struct team *team, uint32_t seen) {
    uint64_t start = 0;
    for (;;) {
        for (int i = 0; i < SPIN_TURNS; i++) {
            if (atomic_load_explicit(&team->opened, memory_order_acquire) != seen) return;
            pause_briefly();
        }
        uint64_t now = clock_monotonic_us();
        if (start == 0) start = now;
        if (now - start >= SPIN_US) break;
    }
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->opened) == seen) {
        syscall(SYS_futex, &team->opened, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
    atomic_fetch_sub(&team->sleepers, 1);
}

void team_barrier(struct member *me) {
    struct team *team = me->team;
    me->began = false;
    uint32_t seen = atomic_load_explicit(&team->opened, memory_order_relaxed);
    if (atomic_fetch_add(&team->arrived, 1) + 1 < team->count) {
        wait_open(team, seen);
        return;
    }
    atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
    atomic_store_explicit(&team->taken, 0, memory_order_relaxed);
    atomic_store(&team->opened, seen + 1);
    if (atomic_load(&team->sleepers) > 0) {
        syscall(SYS_futex, &team->opened, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    }
}

bool team_next(struct member *me, uint32_t count, uint32_t grain, uint32_t *first, uint32_t *last) {
    _Atomic uint32_t *taken = &me->team->taken;
    uint32_t from = atomic_load_explicit(taken, memory_order_relaxed), part;
    do {
        if (from >= count) return false;
        uint32_t rest = count - from;
        part = me->count == 1 ? rest : rest / (2 * me->count);
        part = part < grain ? grain : part - part % grain;
        if (part > rest) part = rest;
    } while (!atomic_compare_exchange_weak_explicit(taken, &from, from + part, memory_order_relaxed,
                                                    memory_order_relaxed));
    *first = from;
    *last = from + part;
    return true;
}

void team_even(const struct member *me, uint32_t count, uint32_t *first, uint32_t *last) {
    uint64_t even = count - count / KEPT_BACK;
    *first = (uint32_t)(even * me->index / me->count);
    *last = (uint32_t)(even * (me->index + 1) / me->count);
}

bool team_next_even(struct member *me, uint32_t count, uint32_t grain, uint32_t *first,
                    uint32_t *last) {
    if (!me->began) {
        me->began = true;
        team_even(me, count, first, last);
        if (*first < *last) return true;
    }
    uint32_t kept = count / KEPT_BACK;
    if (!team_next(me, kept, grain, first, last)) return false;
    *first += count - kept;
    *last += count - kept;
    return true;
}

static void *member_main(void *argument) {
    struct member *me = argument;
    for (;;) {
        team_barrier(me); // the start of a step
        if (me->team->closing) return NULL;
        me->team->step(me->team->ctx, me);
        team_barrier(me); // its end
    }
}

void team_run(struct team *team, void (*step)(void *ctx, struct member *me), void *ctx) {
    team->step = step;
    team->ctx = ctx;
    team_barrier(&team->members[0]);
    step(ctx, &team->members[0]);
    team_barrier(&team->members[0]);
}

enum err team_open(uint32_t thread_count, struct team **out) {
    if (thread_count < 1) thread_count = 1;
    if (thread_count > LIMIT_THREADS) thread_count = LIMIT_THREADS;
    struct team *team = memory_take(sizeof *team);
    struct member *members = memory_take(thread_count * sizeof *members);
    pthread_t *threads = memory_take(thread_count * sizeof *threads);
    pthread_attr_t attributes;
    if (!team || !members || !threads || pthread_attr_init(&attributes) != 0) {
        memory_give(threads);
        memory_give(members);
        memory_give(team);
        return ERR_MEMORY;
    }
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    team->members = members;
    team->threads = threads;
    // Until the caller enters the gate it stays shut, whatever the count was when a thread arrived.
    team->count = thread_count;
    uint32_t made = 1;
    for (uint32_t i = 0; i < thread_count; i++)
        members[i] = (struct member){team, i, thread_count, false};
    while (made < thread_count &&
           pthread_create(&threads[made - 1], &attributes, member_main, &members[made]) == 0) {
        made++;
    }
    pthread_attr_destroy(&attributes);
    team->count = made;
    for (uint32_t i = 0; i < made; i++) members[i].count = made;
    *out = team;
    return OK;
}

void team_close(struct team *team) {
    if (!team) return;
    team->closing = true;
    team_barrier(&team->members[0]);
    for (uint32_t i = 0; i + 1 < team->count; i++) pthread_join(team->threads[i], NULL);
    memory_give(team->threads);
    memory_give(team->members);
    memory_give(team);
}

uint32_t team_count(const struct team *team) {
    return team->count;
}
