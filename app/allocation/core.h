// The core of the allocation wing: what runs, where, and what must give way. A pure function: the
// caller feeds it events in the order in which they are recorded, the core answers each with
// decisions. No clock (time is what events carry), no I/O, no floating point, no memory but the one
// block it is given at the start; ties are broken by job id. So one object serves the daemon, the
// simulator, the tests and the fuzzer, and the same events give the same core_hash everywhere.
//
// Use:  size = core_size(&limits); memory = memory_take(size); core = core_open(memory, &limits);
//       step(capacity), step(policy), then step(submit) …; after each event carry out what the
//       decisions say and feed back what happened (started, exited, checkpointed).
//       When core_wake_ms(core) is reached, step a tick. If a step filled the whole room (count ==
//       max), step a tick of the same time at once: there is more to decide.
// After a restart the caller opens a new core and feeds capacity, policy, vouchers, reservations,
// every job that had not ended (submit with what it had: `submitted_ms`, `attempts`,
// `served_milli`, `ran_ms`) and an adopt for each that still runs; or it keeps events and replays.
// Every decision may be carried out twice: it names job and attempt.
// Owned by one thread at a time. Depends on base/ only. core_fork copies are plain copies: a fork
// is stepped, asked and thrown away without a trace in the original.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// ---- amounts -------------------------------------------------------------------------------
enum core_resource {
    RESOURCE_CPU,    // thousandths of a processor
    RESOURCE_MEMORY, // MiB
    RESOURCE_DISK,   // MiB of scratch
    RESOURCE_DEVICE, // thousandths of an accelerator; below 1000: part of one device, else whole
                     // devices only (a multiple of 1000)
    RESOURCE_COUNT
};
enum {
    CORE_DEVICES_MAX = 64,
    CORE_DEVICE_MILLI = 1000,
    CORE_CPUS_MAX = 512,
    CORE_AFTER_MAX = 8,       // jobs that one job may wait for
    CORE_DEPTH_MAX = 5,       // department → project → person and one to spare, below the root
    CORE_LEVELS = 6,          // of attained service
    CORE_DECISIONS_LEAST = 16 // room that core_step needs at least
};
#define CORE_AMOUNT_MAX ((int64_t)1 << 44) // of any resource; products of two stay below 2^127
#define CORE_TIME_MAX ((int64_t)1 << 56)   // ms; "never"
struct core_amount {
    int64_t of[RESOURCE_COUNT];
};
// Where an attempt runs. device_milli[d]: what it has of device d. Processors only if it asked for
// its own: bit c of cpus[c / 64].
struct core_place {
    uint64_t devices; // bit d: it has something of device d
    uint16_t device_milli[CORE_DEVICES_MAX];
    uint64_t cpus[CORE_CPUS_MAX / 64];
};

// ---- policy --------------------------------------------------------------------------------
// A node of the tenant tree: department, project or person. A tenant has a right to its quota: it
// gets that much whenever it wants it, from borrowers if need be. Without a quota of its own it
// lives on its parent's. Beyond the rights, weighted dominant shares decide.
struct core_tenant {
    uint64_t id;     // not 0
    uint64_t parent; // id; 0: directly below the root. Parents come before their children.
    bool has_quota;
    struct core_amount quota;
    struct core_amount limit; // most that the tenant and all below may hold; −1: no limit
    uint32_t weight;          // 1 to 2^20
    bool keeps_unused;        // what it does not use of its quota is lent to nobody
    bool never_borrows;       // never more than its quota
    int64_t budget_milli;     // thousandths of a unit left to it and all below; −1: no budget
};
struct core_policy {
    const struct core_tenant *tenants; // copied
    uint32_t tenant_count;
    // No eligible job waits longer than about guard_ms; guard_lead_ms before that it is given a
    // reservation. 0: no guard.
    int64_t guard_ms, guard_lead_ms;
    int64_t guard_again_ms;   // the same for one that ran before and was preempted
    int64_t overdue_lease_ms; // a job that the guard started is not preempted for so long
    // A job belongs to level n while it has had its place for less than level_s[n] seconds in all;
    // lower goes first. Time, not units: what must have the whole box at once would else be put
    // behind all that is small, however long that goes on.
    int64_t level_s[CORE_LEVELS - 1];
    int64_t minimum_run_ms;      // before preemption: the larger of this and
    int64_t minimum_checkpoints; // so many times the job's checkpoint cost
    int64_t grace_ms;            // after a preempt, before the kill
    int64_t restarts_most;       // so often one job is begun again for others; 0: never
    int64_t ageing_ms;           // one step of priority is worth so much waiting
    // What an hour costs: units/1000 a second for each whole unit of the resource (processor, GiB,
    // device); a job pays for the resource where that is most. All 0: the box divided by its
    // devices (or by its processors where it has none), a device-second being one unit.
    int64_t rate_milli[RESOURCE_COUNT];
    bool no_level_preemption; // only rights and the guard take from what runs
};
// Guard 4 h (1200 s lead; 14 days for one that ran before), lease 600 s, levels at 30 min, 8 h,
// 64 h, 128 h and 256 h, minimum run 60 s and 20 checkpoints, grace 30 s, 5 restarts, ageing 1 min,
// no tenants.
void core_policy_default(struct core_policy *out);

// ---- jobs ----------------------------------------------------------------------------------
#define CORE_CHECKPOINT_MS_MAX ((int64_t)1 << 31)
enum core_job_flag {
    CORE_LEASE = 1,      // interactive: goes first, ends by itself at its limit, never preempted
    CORE_OWN_CPUS = 2,   // its processors are its own (cpu need a multiple of 1000)
    CORE_APPROVAL = 4,   // waits for an approve event
    CORE_HELD = 8,       // submitted on hold
    CORE_AFTER_ANY = 16, // its `after` need only end, however
    // It cannot be saved, but it may be stopped and begun again from its start; what it has run is
    // lost, and billed. Rights and the calendar may take from it, after those that can be saved and
    // least lost first; nothing else may. After restarts_most of that it is left to end.
    CORE_RESTARTABLE = 32,
    CORE_FLAGS = 63 // all of them
};
struct core_job {
    uint64_t id;             // not 0, never used before
    uint64_t tenant;         // 0: the root itself
    struct core_amount need; // of one member
    uint32_t members;        // gang: all start at once or none; 1 for an ordinary job
    int32_t priority;        // −1000 to 1000
    uint32_t flags;
    int64_t limit_ms;               // it is killed after running so long in all; 0: none
    int64_t estimate_ms;            // how long it thinks it runs; 0: unknown
    int64_t deadline_ms;            // time by which it should have ended; 0: none. Answered by
                                    // DECISION_PROMISE or by DECISION_REFUSE (WHY_DEADLINE)
    int64_t not_before_ms;          // 0: at once
    int64_t checkpoint_ms;          // what saving and resuming costs; 0: cannot be preempted (but
                                    // see CORE_RESTARTABLE)
    uint64_t after[CORE_AFTER_MAX]; // must have ended well first; ids that the core does not know
    uint32_t after_count;           // have ended well (the caller refuses what failed)
    uint64_t array;                 // tasks of one array carry one id here; 0: none
    uint32_t array_most;            // of them at once; 0: no bound
    uint64_t reservation;           // runs inside this calendar reservation; 0: none
    uint32_t use_class;             // bit number that vouchers ask for, 0 to 31
    // What it had before a restart; 0 for a new job.
    int64_t submitted_ms;        // 0: the time of the event
    uint32_t attempts, restarts; // restarts: of one that cannot be saved
    int64_t served_milli, ran_ms;
};

// ---- events --------------------------------------------------------------------------------
enum core_event_kind {
    EVENT_TICK,
    EVENT_CAPACITY,
    EVENT_POLICY,
    EVENT_DEVICE,   // one device up or down
    EVENT_PRESSURE, // the box is short: `amount` of what there is must stay unused
    EVENT_SUBMIT,
    EVENT_CANCEL,
    EVENT_HOLD, // a waiting job; one that runs is preempted if it can be
    EVENT_RELEASE,
    EVENT_APPROVE,
    EVENT_REJECT,
    EVENT_STARTED, // job, attempt: it runs since now (else the time of the decision counts)
    EVENT_ADOPT,   // job, attempt, place, started_ms: it was running before this core was opened
    EVENT_EXITED,  // job, attempt, outcome; of another attempt than the current: ignored
    EVENT_CHECKPOINTED, // job, attempt, cost_ms: measured cost of saving and resuming
    EVENT_RESERVE,
    EVENT_UNRESERVE,
    EVENT_VOUCHER, // new, or known with another rest; 0 left forgets it
    EVENT_COUNT
};
enum core_outcome {
    ATTEMPT_DONE,
    ATTEMPT_FAILED,
    ATTEMPT_PREEMPTED, // saved and stopped as asked: it waits again
    ATTEMPT_BOX_FAULT, // the box's fault: it waits again and this attempt costs nothing
};
struct core_capacity {
    struct core_amount amount;         // the accelerators follow from `devices`
    uint64_t devices;                  // bit d: device d is there and up
    uint64_t cpus[CORE_CPUS_MAX / 64]; // processors that may be given to one job alone
};
// A slot of the calendar: `amount` is kept free for `tenant` from from_ms to until_ms.
struct core_reservation {
    uint64_t id, tenant;
    struct core_amount amount; // of devices: whole ones
    int64_t from_ms, until_ms;
};
struct core_voucher {
    uint64_t id, tenant; // usable by that tenant and all below it
    int64_t units_milli; // left
    int64_t valid_from_ms, valid_until_ms;
    uint32_t use_classes; // bit mask of use_class; 0: all
};
struct core_event {
    enum core_event_kind kind;
    int64_t now_ms; // never less than that of the event before (else that one counts)
    uint64_t job;
    uint32_t attempt;
    enum core_outcome outcome;
    int64_t cost_ms;    // checkpointed
    int64_t started_ms; // adopt
    uint32_t device;
    bool up;
    uint64_t id;               // unreserve
    struct core_amount amount; // pressure
    // Read during the step only.
    const struct core_job *submit;
    const struct core_capacity *capacity;
    const struct core_policy *policy;
    const struct core_place *place;
    const struct core_reservation *reservation;
    const struct core_voucher *voucher;
};

// ---- decisions -----------------------------------------------------------------------------
enum core_decision_kind {
    DECISION_START,   // job, attempt, place
    DECISION_PREEMPT, // job, attempt, why, other: for whom; at_ms: killed then unless it exited
    DECISION_KILL,    // job, attempt, why. An exited event is awaited
    DECISION_REFUSE,  // job, why: it has left the core
    DECISION_END,     // job, attempt: it has left the core, done or failed (why: WHY_NONE, _FAILED)
    DECISION_BILL,    // job, attempt, tenant, units_milli; other: the voucher they come from, or 0
    DECISION_PROMISE, // job: will have started by at_ms, so as to keep its deadline; one that asks
                      // for part of a device may be late where parts of others lie in its way, any
                      // where one promised before it has no limit and outruns its estimate
    DECISION_RESERVE, // other: the reservation is kept (WHY_NONE) or refused (why)
    DECISION_COUNT
};
// Why a job waits, stops or is refused. When you add one, also add its name in core_why_name.
enum core_why {
    WHY_NONE,
    WHY_CPU, // not enough free: of processors, memory, scratch disk, accelerators
    WHY_MEMORY,
    WHY_DISK,
    WHY_DEVICE,
    WHY_TURN,        // would fit; another's turn comes first
    WHY_RESERVED,    // would fit; what is free is kept for a reservation or an overdue job
    WHY_LIMIT,       // a limit of the tenant or of one above it is reached
    WHY_KEPT,        // what is free is another tenant's quota, which it lends to nobody
    WHY_BUDGET,      // no units left
    WHY_HELD,        // on hold
    WHY_APPROVAL,    // waits for approval
    WHY_AFTER,       // waits for other jobs
    WHY_ARRAY,       // as many of its array run as may
    WHY_NOT_BEFORE,  // its time has not come
    WHY_STOPPING,    // its place is chosen; those who must leave it have not yet left
    WHY_RIGHT,       // preempt: another tenant needs its quota
    WHY_GUARD,       // preempt: another job has waited too long
    WHY_LEVEL,       // preempt: another job was served less
    WHY_RESERVATION, // preempt, kill: a calendar reservation begins or ends
    WHY_TIME_LIMIT,  // kill
    WHY_GRACE,       // kill: preempted and not gone
    WHY_DEVICE_LOST, // kill: its device went down; it waits again
    WHY_CANCELLED,   // kill
    WHY_NEVER,       // refuse: larger than the box or its tenant's limit
    WHY_DEADLINE,    // refuse: cannot be kept
    WHY_FAILED,      // end: it failed. refuse: a job it waits for did
    WHY_REJECTED,    // refuse: not approved
    WHY_INVALID,     // refuse: a number outside its bounds, an unknown tenant, an id twice
    WHY_FULL,        // refuse: a bound of the limits is reached
    WHY_COUNT
};
struct core_decision {
    enum core_decision_kind kind;
    enum core_why why;
    uint64_t job, tenant, other;
    uint32_t attempt;
    int64_t at_ms, units_milli;
    struct core_place place;
};
const char *core_why_name(enum core_why why); // "cpu", "memory", …
const char *core_decision_name(enum core_decision_kind kind);

// ---- the core ------------------------------------------------------------------------------
// How much there may be; room is needed for it at once: some 170 bytes a job, 280 a running one,
// 1 KiB a tenant for 256 shapes. Only what is in use is ever touched.
struct core_limits {
    uint32_t jobs;    // waiting and running
    uint32_t running; // at once
    uint32_t tenants; // up to 4096
    uint32_t shapes;  // kinds of needs among waiting jobs at once, up to 1024
    uint32_t edges;   // reservations and promises at once
    uint32_t vouchers;
};
void core_limits_default(struct core_limits *out); // 100,000 jobs, 4096 running, 1024 tenants
struct core;
size_t core_size(const struct core_limits *limits); // bytes, a multiple of 64
// `memory` is aligned to 64 bytes and stays the caller's. Cannot fail.
struct core *core_open(void *memory, const struct core_limits *limits);
// Answers with up to `max` (≥ CORE_DECISIONS_LEAST) decisions. Nothing is refused by an error: an
// event that makes no sense (an unknown job, an attempt of the past) changes nothing; what a person
// must hear of is a decision. A policy with more tenants than the limits, a parent that does not
// come first or a depth beyond CORE_DEPTH_MAX is ignored as a whole: ask core_policy_check first.
uint32_t core_step(struct core *core, const struct core_event *event,
                   struct core_decision *decisions, uint32_t max) MUST_USE;
bool core_policy_check(const struct core *core, const struct core_policy *policy) MUST_USE;
int64_t core_now_ms(const struct core *core);
// When it wants a tick, if no event comes before; CORE_TIME_MAX: never. Not after now: at once.
int64_t core_wake_ms(const struct core *core);
uint64_t core_hash(const struct core *core); // of all decisions so far
// The state copied into memory of the same core_size; it goes on by itself from there.
struct core *core_fork(void *memory, const struct core *core);

// ---- looking in ----------------------------------------------------------------------------
enum core_state { CORE_NONE, CORE_WAITING, CORE_STARTING, CORE_RUNNING, CORE_STOPPING };
struct core_job_view {
    enum core_state state; // CORE_NONE: no such job. STARTING: has a place that is not free yet
    uint64_t id, tenant;
    struct core_amount need; // of all members
    uint32_t attempt;        // of the present or last start
    uint32_t level;
    int64_t submitted_ms, waits_since_ms, started_ms;
    int64_t served_milli; // thousandths of a unit, up to now
    bool overdue;
};
void core_job_look(const struct core *core, uint64_t job, struct core_job_view *out);
struct core_usage {
    struct core_amount capacity, used, free; // free: of what may be planned with
    uint32_t waiting, running;               // waiting: eligible or not
};
void core_usage_look(const struct core *core, struct core_usage *out);
// What a tenant and all below it hold; false if there is no such tenant.
bool core_tenant_look(const struct core *core, uint64_t tenant, struct core_amount *used,
                      uint32_t *waiting, uint32_t *running);
// The id of the next job after `job` in no stated but stable order; 0 begins, 0 ends.
uint64_t core_job_next(const struct core *core, uint64_t job);
