#include "allocation/what_if.h"

#include <stdlib.h>
#include <string.h>

#include "allocation/core_private.h"

enum { ROOM = 64 };

// ---- what is seen of one way -------------------------------------------------------------------
struct looking {
    struct core *fork;
    struct what_if_way *way;
    struct what_if *out; // of the way with the job; NULL: of the one without
    uint64_t job;
    bool ahead; // beyond the submission itself
};

static void own_told(const struct looking *looking, const struct core_decision *decision) {
    struct what_if *out = looking->out;
    int64_t now_ms = core_now_ms(looking->fork);
    switch (decision->kind) {
    case DECISION_REFUSE: // ahead: one that it waits for has failed
        if (!looking->ahead) out->refused = decision->why;
        break;
    case DECISION_PROMISE: out->promised_ms = decision->at_ms; break;
    case DECISION_START:
        if (out->start_ms == CORE_TIME_MAX) out->start_ms = now_ms;
        break;
    case DECISION_END: out->end_ms = now_ms; break;
    default: break;
    }
}

static void told(void *ctx, const struct core_decision *decision) {
    struct looking *looking = ctx;
    struct what_if_way *way = looking->way;
    if (looking->out && decision->job == looking->job) {
        own_told(looking, decision);
    } else if (decision->kind == DECISION_START && way->count < WHAT_IF_STARTS_MAX) {
        way->starts[way->count++] =
            (struct what_if_start){decision->job, core_now_ms(looking->fork)};
    }
}

// ---- the submission ----------------------------------------------------------------------------
static void stop_note(struct what_if *out, uint64_t job, const struct core_decision *decision) {
    if (decision->kind != DECISION_PREEMPT || decision->other != job) return;
    if (out->stop_count < WHAT_IF_STOPS_MAX) out->stops[out->stop_count++] = decision->job;
}

static void tell(struct looking *looking, struct core_event event) {
    struct core_decision decisions[ROOM];
    uint32_t made;
    do {
        made = core_step(looking->fork, &event, decisions, ROOM);
        for (uint32_t k = 0; k < made; k++) {
            told(looking, &decisions[k]);
            if (looking->out) stop_note(looking->out, looking->job, &decisions[k]);
        }
        event = (struct core_event){.kind = EVENT_TICK, .now_ms = event.now_ms};
    } while (made == ROOM);
}

// ---- looking ahead -----------------------------------------------------------------------------
static bool anybody_waits(const struct core *fork) {
    return fork->waiting > 0 || fork->starting > 0;
}

static void look(struct looking *looking) {
    struct what_if_way *way = looking->way;
    looking->ahead = true;
    for (int i = 0; i < WHAT_IF_STEPS_MAX && way->count < WHAT_IF_STARTS_MAX; i++) {
        bool open = looking->out && looking->out->end_ms == CORE_TIME_MAX;
        way->whole = !open && !anybody_waits(looking->fork);
        if (way->whole) return;
        way->whole = !core_look_ahead(looking->fork, told, looking);
        if (way->whole) return;
    }
}

void core_look(struct core *fork, struct what_if_way *out) {
    look(&(struct looking){.fork = fork, .way = out});
}

// ---- what others would lose --------------------------------------------------------------------
static int by_job(const void *a, const void *b) {
    const struct what_if_start *one = a, *other = b;
    if (one->job != other->job) return one->job < other->job ? -1 : 1;
    return one->at_ms < other->at_ms ? -1 : one->at_ms > other->at_ms;
}

static int by_delay(const void *a, const void *b) {
    const struct what_if_delay *one = a, *other = b;
    int64_t left = one->after_ms - one->before_ms, right = other->after_ms - other->before_ms;
    if (left != right) return left > right ? -1 : 1;
    return one->job < other->job ? -1 : one->job > other->job;
}

// Into the list as long as there is room, then in the place of the least delayed.
static void delay_add(struct what_if *out, struct what_if_delay delay) {
    out->delayed++;
    if (out->delay_count < WHAT_IF_DELAYS_MAX) {
        out->delays[out->delay_count++] = delay;
    } else if (by_delay(&delay, &out->delays[WHAT_IF_DELAYS_MAX - 1]) < 0) {
        out->delays[WHAT_IF_DELAYS_MAX - 1] = delay;
    } else {
        return;
    }
    qsort(out->delays, out->delay_count, sizeof *out->delays, by_delay);
}

static bool waits(const struct core *core, uint64_t job) {
    struct core_job_view view;
    core_job_look(core, job, &view);
    return view.state == CORE_WAITING || view.state == CORE_STARTING;
}

// Of each job that waits `now` the first start counts. One of which only one way tells is not
// spoken of.
static void delays_find(const struct core *now, struct what_if *out) {
    struct what_if_way *with = &out->with, *without = &out->without;
    qsort(with->starts, with->count, sizeof *with->starts, by_job);
    qsort(without->starts, without->count, sizeof *without->starts, by_job);
    uint64_t last = 0;
    for (uint32_t i = 0, k = 0; i < without->count; i++) {
        const struct what_if_start *before = &without->starts[i];
        if (before->job == last) continue;
        last = before->job;
        while (k < with->count && with->starts[k].job < before->job) k++;
        if (k == with->count || with->starts[k].job != before->job) continue;
        if (with->starts[k].at_ms <= before->at_ms || !waits(now, before->job)) continue;
        delay_add(out, (struct what_if_delay){before->job, before->at_ms, with->starts[k].at_ms});
    }
}

void core_try_submit(struct core *base, void *fork, void *scratch, const struct core_event *events,
                     uint32_t count, uint64_t job, struct what_if *out) {
    memset(out, 0, sizeof *out);
    out->start_ms = out->end_ms = CORE_TIME_MAX;
    struct looking with = {
        .fork = core_fork(fork, base), .way = &out->with, .out = out, .job = job};
    for (uint32_t i = 0; i < count; i++) tell(&with, events[i]);
    if (out->refused != WHY_NONE) return;
    out->at_once = out->start_ms < CORE_TIME_MAX;
    if (!out->at_once) core_explain(with.fork, scratch, job, &out->why);
    look(&with);
    const struct core *now = core_fork(scratch, base);
    struct looking without = {.fork = base, .way = &out->without};
    int64_t now_ms = count ? events[count - 1].now_ms : core_now_ms(base);
    tell(&without, (struct core_event){.kind = EVENT_TICK, .now_ms = now_ms});
    look(&without);
    out->whole = out->with.whole && out->without.whole;
    delays_find(now, out);
}
