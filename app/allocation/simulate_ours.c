// The trace through the core: each submit and each end is an event, each decision is carried out in
// no time. A preempted job saves at once; when it starts again it first restores, for as long as
// its checkpoint costs.
#include <string.h>
#include <time.h>

#include "allocation/simulate_private.h"
#include "base/memory.h"
#include "base/thread.h"

enum { DECISIONS_ROOM = 512, STEP_BUCKETS = 4096, STEP_BUCKET_NS = 250 };

struct finish { // in a heap by (time, job)
    int64_t at_ms;
    uint32_t job, attempt;
};
struct exit_due {
    uint32_t job, attempt;
    enum core_outcome outcome;
};
struct ours {
    struct play *play;
    struct core *core;
    struct finish *heap;
    struct exit_due *exits; // to be told at once
    uint32_t heap_count, heap_room, exit_first, exit_count, next_job, done;
    uint64_t *buckets; // steps by their time
    struct core_decision *decisions;
};

static bool finish_before(const struct finish *a, const struct finish *b) {
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->job < b->job;
}

static void heap_lay(struct ours *ours, struct finish finish) {
    struct finish *heap = ours->heap;
    uint32_t at = ++ours->heap_count;
    for (; at > 1 && finish_before(&finish, &heap[at / 2]); at /= 2) heap[at] = heap[at / 2];
    heap[at] = finish;
}

static bool finish_stands(const struct ours *ours, const struct finish *finish) {
    const struct played *job = &ours->play->jobs[finish->job];
    return job->running && job->attempt == finish->attempt;
}

// When it is full, ends that no longer stand are dropped; there are fewer running than half of it.
static void heap_push(struct ours *ours, struct finish finish) {
    if (ours->heap_count + 1 == ours->heap_room) {
        uint32_t count = ours->heap_count;
        ours->heap_count = 0;
        for (uint32_t i = 1; i <= count; i++) {
            struct finish kept = ours->heap[i];
            if (finish_stands(ours, &kept)) heap_lay(ours, kept);
        }
    }
    heap_lay(ours, finish);
}

static void heap_pop(struct ours *ours) {
    struct finish *heap = ours->heap, last = heap[ours->heap_count--];
    uint32_t at = 1;
    for (uint32_t next; (next = at * 2) <= ours->heap_count; at = next) {
        if (next < ours->heap_count && finish_before(&heap[next + 1], &heap[next])) next++;
        if (!finish_before(&heap[next], &last)) break;
        heap[at] = heap[next];
    }
    heap[at] = last;
}

// Ends of attempts that were preempted since do not count.
static int64_t next_finish_ms(struct ours *ours) {
    while (ours->heap_count) {
        if (finish_stands(ours, &ours->heap[1])) return ours->heap[1].at_ms;
        heap_pop(ours);
    }
    return INT64_MAX;
}

static void carry_out_start(struct ours *ours, const struct core_decision *decision) {
    struct play *play = ours->play;
    uint32_t index = (uint32_t)decision->job - 1;
    struct played *job = &play->jobs[index];
    job->attempt = decision->attempt;
    job->running = true;
    job->ready_ms = play->now_ms + (decision->attempt > 1 ? checkpoint_of(play, index) : 0);
    if (job->started_ms < 0) job->started_ms = play->now_ms;
    play_hold(play, index, 1);
    heap_push(ours, (struct finish){job->ready_ms + job->left_ms, index, job->attempt});
}

static void carry_out_stop(struct ours *ours, const struct core_decision *decision) {
    struct play *play = ours->play;
    uint32_t index = (uint32_t)decision->job - 1;
    struct played *job = &play->jobs[index];
    if (!job->running) return;
    int64_t worked = play->now_ms - job->ready_ms;
    if (worked > 0) job->left_ms -= worked < job->left_ms ? worked : job->left_ms;
    job->running = false;
    play_hold(play, index, -1);
    bool killed = decision->kind == DECISION_KILL;
    play->figures->preemptions += !killed;
    ours->exits[ours->exit_count++] =
        (struct exit_due){index, decision->attempt, killed ? ATTEMPT_FAILED : ATTEMPT_PREEMPTED};
}

static void step(struct ours *ours, struct core_event *event) {
    struct play *play = ours->play;
    struct timespec before, after;
    event->now_ms = play->now_ms;
    uint32_t count;
    do {
        clock_gettime(CLOCK_MONOTONIC, &before);
        count = core_step(ours->core, event, ours->decisions, DECISIONS_ROOM);
        clock_gettime(CLOCK_MONOTONIC, &after);
        int64_t ns = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
        uint64_t bucket = (uint64_t)ns / STEP_BUCKET_NS;
        ours->buckets[bucket < STEP_BUCKETS ? bucket : STEP_BUCKETS - 1]++;
        if ((double)ns / 1000 > play->figures->step_us_max) {
            play->figures->step_us_max = (double)ns / 1000;
        }
        play->figures->events++;
        play->figures->decisions += count;
        for (uint32_t i = 0; i < count; i++) {
            const struct core_decision *decision = &ours->decisions[i];
            switch (decision->kind) {
            case DECISION_START: carry_out_start(ours, decision); break;
            case DECISION_PREEMPT:
            case DECISION_KILL: carry_out_stop(ours, decision); break;
            case DECISION_REFUSE:
            case DECISION_END: ours->done++; break;
            default: break;
            }
            if (decision->kind == DECISION_REFUSE) {
                play->jobs[decision->job - 1].out = true;
                play->figures->left_out++;
            }
            if (decision->kind == DECISION_END) {
                play->jobs[decision->job - 1].end_ms = play->now_ms;
                play->last_end_ms = play->now_ms;
            }
        }
        *event = (struct core_event){.kind = EVENT_TICK, .now_ms = play->now_ms};
    } while (count == DECISIONS_ROOM);
}

static void tell_exits(struct ours *ours) {
    while (ours->exit_first < ours->exit_count) {
        struct exit_due exit = ours->exits[ours->exit_first++];
        struct core_event event = {.kind = EVENT_EXITED,
                                   .job = exit.job + 1,
                                   .attempt = exit.attempt,
                                   .outcome = exit.outcome};
        step(ours, &event);
    }
    ours->exit_first = ours->exit_count = 0;
}

static void submit_next(struct ours *ours) {
    struct play *play = ours->play;
    uint32_t index = ours->next_job++;
    const struct trace_job *from = &play->trace->jobs[index];
    if (play->jobs[index].out) {
        ours->done++;
        return;
    }
    struct core_job job = {
        .id = index + 1,
        .tenant = from->tenant,
        .need = from->need,
        .members = from->members,
        .priority = from->priority < -1000  ? -1000
                    : from->priority > 1000 ? 1000
                                            : from->priority,
        .limit_ms = from->limit_ms,
        .estimate_ms = from->estimate_ms,
        .deadline_ms = from->deadline_ms ? play->now_ms + from->deadline_ms : 0,
        .checkpoint_ms = checkpoint_of(play, index),
    };
    struct core_event event = {.kind = EVENT_SUBMIT, .submit = &job};
    step(ours, &event);
}

static void finish_next(struct ours *ours) {
    struct finish finish = ours->heap[1];
    heap_pop(ours);
    ours->play->jobs[finish.job].running = false;
    play_hold(ours->play, finish.job, -1);
    struct core_event event = {.kind = EVENT_EXITED,
                               .job = finish.job + 1,
                               .attempt = finish.attempt,
                               .outcome = ATTEMPT_DONE};
    step(ours, &event);
}

static enum err play_on(struct ours *ours) {
    const struct trace *trace = ours->play->trace;
    while (ours->done < trace->count) {
        if (progress_cancelled(ours->play->options->progress)) return ERR_CANCELLED;
        int64_t finish = next_finish_ms(ours), wake = core_wake_ms(ours->core);
        int64_t submit =
            ours->next_job < trace->count ? trace->jobs[ours->next_job].submit_ms : INT64_MAX;
        int64_t at = finish < submit ? finish : submit;
        if (wake < at) at = wake;
        if (at >= CORE_TIME_MAX) return OK; // what is left can never start
        if (at > ours->play->now_ms) play_until(ours->play, at);
        if (finish <= at) {
            finish_next(ours);
        } else if (submit <= at) {
            submit_next(ours);
        } else {
            struct core_event tick = {.kind = EVENT_TICK};
            step(ours, &tick);
        }
        tell_exits(ours);
    }
    return OK;
}

static enum err policy_give(struct ours *ours) {
    const struct play *play = ours->play;
    struct core_policy policy;
    core_policy_default(&policy);
    if (play->options->policy) policy = *play->options->policy;
    struct core_tenant *tenants = NULL;
    if (!policy.tenants) {
        tenants = memory_take(sizeof *tenants * (play->trace->tenants + 1));
        if (!tenants) return ERR_MEMORY;
        for (uint32_t i = 0; i < play->trace->tenants; i++) {
            tenants[i] = (struct core_tenant){
                .id = i + 1, .limit = {{-1, -1, -1, -1}}, .weight = 1, .budget_milli = -1};
        }
        policy.tenants = tenants;
        policy.tenant_count = play->trace->tenants;
    }
    struct core_event event = {.kind = EVENT_POLICY, .policy = &policy};
    bool good = core_policy_check(ours->core, &policy);
    step(ours, &event);
    memory_give(tenants);
    return good ? OK : ERR_INPUT;
}

static void steps_sum(struct ours *ours) {
    uint64_t left = ours->play->figures->events / 1000;
    for (uint32_t bucket = STEP_BUCKETS; bucket-- > 0;) {
        if (ours->buckets[bucket] > left) {
            ours->play->figures->step_us_p999 = (bucket + 1) * (double)STEP_BUCKET_NS / 1000;
            return;
        }
        left -= ours->buckets[bucket];
    }
}

enum err play_ours(struct play *play) {
    const struct trace *trace = play->trace;
    struct core_limits limits;
    core_limits_default(&limits);
    limits.jobs = trace->count;
    limits.running = trace->count < 65536 ? trace->count : 65536;
    limits.tenants = 4096;
    struct ours ours = {.play = play};
    void *memory = memory_take_unset(core_size(&limits));
    ours.heap_room = limits.running * 2 + 1024;
    ours.heap = memory_take(sizeof *ours.heap * ours.heap_room);
    ours.exits = memory_take(sizeof *ours.exits * 262144);
    ours.buckets = memory_take(sizeof *ours.buckets * STEP_BUCKETS);
    ours.decisions = memory_take(sizeof *ours.decisions * DECISIONS_ROOM);
    enum err err = ERR_MEMORY;
    if (memory && ours.heap && ours.exits && ours.buckets && ours.decisions) {
        ours.core = core_open(memory, &limits);
        struct core_event event = {.kind = EVENT_CAPACITY, .capacity = &play->options->capacity};
        step(&ours, &event);
        err = policy_give(&ours);
        if (err == OK) err = play_on(&ours);
        play->figures->hash = core_hash(ours.core);
        steps_sum(&ours);
        for (uint32_t i = 0; i < trace->count; i++) { // never started: a limit forbids it
            if (play->jobs[i].end_ms >= 0 || play->jobs[i].out) continue;
            play->jobs[i].out = true;
            play->figures->left_out++;
        }
    }
    memory_give(memory);
    memory_give(ours.heap);
    memory_give(ours.exits);
    memory_give(ours.buckets);
    memory_give(ours.decisions);
    return err;
}
