// Inside of flow/: the scheduler's core in the life of the box. The runner's thread alone feeds it;
// what it decides waits in a row until the runner takes it. Operations on other threads look in
// under its lock. Nothing here survives a restart: the runner feeds it again what the records say.
#pragma once

#include "allocation/capacity.h"
#include "allocation/core.h"
#include "allocation/what_if.h"
#include "base/err.h"

enum { SLOTS_MAX = 512 }; // of the calendar, ahead of now

struct schedule;
enum err schedule_open(const struct allocation_capacity *capacity, struct schedule **out) MUST_USE;
void schedule_close(struct schedule *schedule);
// From now on everything that the core is told stands in `folder` too (allocation/journal.h), so
// that it can be replayed. Written at each step, handed to the system when the runner sleeps.
struct fault;
enum err schedule_journal(struct schedule *schedule, const char *folder,
                          struct fault *fault) MUST_USE;

// ---- the runner's thread -----------------------------------------------------------------------
// What the core is told of a job, and what comes back of it when an attempt has ended.
struct schedule_job {
    uint64_t id, person, tenant; // tenant: of the policy
    uint64_t cpu_milli, memory_bytes, time_limit_ms;
    int64_t submitted_ms;
    int64_t not_before_ms; // 0: at once
    int64_t deadline_ms;   // 0: none
    int64_t estimate_ms;   // how long it will run at most, more or less; 0: not known
    int32_t priority;
    bool hold;
    bool approval;         // waits for schedule_approve
    int64_t checkpoint_ms; // what giving way and going on costs; 0: it cannot
    bool redoable;         // but it may be begun again, for who has a right to its place
    uint64_t disk_bytes, device_milli;
    uint32_t members; // 0: one
    bool own_cpus, lease;
    uint64_t array; // tasks of one array carry one number; 0: none
    uint32_t array_most;
    uint32_t attempts;    // starts so far
    uint32_t paused;      // so many of them ended because it gave way
    uint64_t reservation; // the slot of the calendar that it runs in; 0: none
    int64_t served_milli, ran_ms;
};
// Persons stand in the tree of tenants below their own, made at their first job and moved when they
// are. The tree is told as a whole: where many come at once, first all of them and then the tree.
void schedule_person(struct schedule *schedule, uint64_t person, uint64_t tenant);
void schedule_people_tell(struct schedule *schedule, int64_t now_ms);
void schedule_submit(struct schedule *schedule, const struct schedule_job *job, int64_t now_ms);
// One that ran already before this process began: in place of a submit.
void schedule_adopt(struct schedule *schedule, const struct schedule_job *job, uint32_t attempt,
                    const struct core_place *place, int64_t started_ms, int64_t now_ms);
// What there is, in full. Told once, before any job.
void schedule_capacity(struct schedule *schedule, const struct core_capacity *capacity);
void schedule_hold(struct schedule *schedule, uint64_t job, bool hold, int64_t now_ms);
void schedule_approve(struct schedule *schedule, uint64_t job, int64_t now_ms);
void schedule_cancel(struct schedule *schedule, uint64_t job, int64_t now_ms); // a waiting one
// The attempt's process has ended, whatever came of it: the job leaves the core. One that is to run
// again is submitted anew. Returns what it has been served so far, in thousandths of a unit.
int64_t schedule_exit(struct schedule *schedule, uint64_t job, uint32_t attempt, int64_t now_ms);
// A slot of the calendar: WHY_NONE if it is kept from now on, else why not. And one no longer.
enum core_why schedule_reserve(struct schedule *schedule, const struct core_reservation *slot,
                               int64_t now_ms);
void schedule_unreserve(struct schedule *schedule, uint64_t slot, int64_t now_ms);
// The tenants of the policy from now on; of every job that is known, too.
struct policy;
void schedule_policy(struct schedule *schedule, const struct policy *policy, int64_t now_ms);
void schedule_tick(struct schedule *schedule, int64_t now_ms);
// The next decision that has not been taken; false if there is none.
bool schedule_take(struct schedule *schedule, struct core_decision *out);
// When it wants a tick; CORE_TIME_MAX: never.
int64_t schedule_wake_ms(struct schedule *schedule);

// The rules that stand beside the policy's tenants, as the box's core is told them.
void schedule_rules(struct core_policy *out);

// ---- any thread --------------------------------------------------------------------------------
struct schedule_why {
    enum core_why why;   // WHY_NONE: it does not wait
    uint64_t blocker;    // the job before it, the first of `blockers`; 0: none
    uint64_t slot;       // or the slot of the calendar that its place is kept for
    uint32_t blockers;   // so many must go before it starts
    int64_t expected_ms; // when it is likely to start; 0: not to be said
};
// Tried out on a copy of the core, and remembered until the core changes.
struct schedule_use {
    struct core_amount used;
    uint32_t running, waiting;
};
// What a tenant of the policy and all below it hold; nothing if the core does not know it.
void schedule_tenant(struct schedule *schedule, uint64_t tenant, struct schedule_use *out);
void schedule_usage(struct schedule *schedule, struct core_usage *out);
enum core_state schedule_state(struct schedule *schedule, uint64_t job); // CORE_NONE: not known
// It has not been started, though its place may have been chosen.
bool schedule_waits(struct schedule *schedule, uint64_t job);
// The ids of those that have not been started, in no order; returns how many, at most `room` of
// them.
uint32_t schedule_waiting(struct schedule *schedule, uint64_t *out, uint32_t room);
void schedule_explain(struct schedule *schedule, uint64_t job, struct schedule_why *out);

// When a job that waits for approval is likely to start if it is approved now; 0: not to be said.
int64_t schedule_if_approved(struct schedule *schedule, uint64_t job, int64_t now_ms);
// What a submit would be answered with, tried out on a copy of the core: WHY_NONE, or why it would
// be refused. *out_promised_ms: when it will have started, of a job with a deadline.
enum core_why schedule_try(struct schedule *schedule, const struct schedule_job *job,
                           int64_t now_ms, int64_t *out_promised_ms);

// What would come of submitting it now, tried out on copies of the core; the lock is held only
// while one is made. Its id: one that no job has, higher than all. ERR_MEMORY.
enum err schedule_what_if(struct schedule *schedule, const struct schedule_job *job, int64_t now_ms,
                          struct what_if *out) MUST_USE;
// What these slots would be answered with. A tenant that the core does not know yet counts as the
// default one.
struct slots_wanted;
struct slots_answer;
void schedule_slots_try(struct schedule *schedule, const struct slots_wanted *wanted,
                        struct slots_answer *out);

// What another policy, or another machine, would do to what runs and waits now, tried out on copies
// of the core.
enum { PREVIEW_DECISIONS_MAX = 256, PREVIEW_WAITS_MAX = 50 };
struct schedule_wait {
    uint64_t job;
    int64_t before_ms, after_ms; // when it is likely to start; CORE_TIME_MAX: not to be said
};
struct schedule_preview {
    struct core_decision decisions[PREVIEW_DECISIONS_MAX]; // at once
    uint32_t decision_count;
    struct schedule_wait waits[PREVIEW_WAITS_MAX];
    uint32_t wait_count;
};
// policy and capacity NULL: as they are. ERR_LIMIT: the core would not take the policy (too deep,
// too many). ERR_MEMORY.
enum err schedule_preview(struct schedule *schedule, const struct policy *policy,
                          const struct core_capacity *capacity, int64_t now_ms,
                          struct schedule_preview *out) MUST_USE;
