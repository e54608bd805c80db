// Inside of the core: the state and who does what with it. Everything lives in one block; parts
// name one another by index (0: none), so a copy of the block is a core of its own.
//
// The way of an event (core.c): core_step → one handler (core_events.c) changes jobs, rooms and
// tree → schedule (core_schedule.c) decides until nothing more fits or the room for decisions is
// full:
//   core_queue.c   shapes, the heap of each (tenant, level, shape), the line in order of waiting
//   core_share.c   the tenant tree: use, rights, limits, shares; whose turn it is
//   core_place.c   the two rooms: `now` as it is, `plan` as it will be when those who were told to
//                  stop are gone. A job takes its place in the plan when it is chosen and in `now`
//                  when it starts
//   core_reserve.c edges: what must be free at some later time (calendar, promises, the guard)
//   core_preempt.c who gives way
//   core_bill.c    vouchers and budgets
#pragma once

#include "allocation/core.h"
#include "base/assert.h"

enum { SHAPE_WORDS_MAX = 16, NODE_ROOT = 0, SLOTS_LEAST = 16 };

// Why a waiting job is not in its queue. It is queued when none is left.
enum block {
    BLOCK_HELD = 1,
    BLOCK_APPROVAL = 2,
    BLOCK_AFTER = 4,
    BLOCK_ARRAY = 8,
    BLOCK_NOT_BEFORE = 16,
    BLOCK_RESERVATION = 32, // its calendar reservation has not begun
    BLOCK_BUDGET = 64,
};

// Two lines of the cache. What only a queued job has lies where the others have what they need.
struct job {
    uint64_t id, tenant;
    int64_t submitted_ms, waits_since_ms, limit_ms, estimate_ms, served_milli, ran_ms;
    union {
        struct {
            uint32_t line_before, line_after; // while in the line
        };
        int64_t timer_ms; // while it has a timer
    };
    union { // leftist heap of its queue
        uint32_t left;
        uint32_t array_next; // while parked by its array
    };
    union {
        uint32_t right;
        uint32_t doomed_next; // while doomed
    };
    uint32_t parent, queue, run;
    uint32_t timer; // position in the timer heap, 0: none
    uint32_t attempt, checkpoint_ms;
    uint32_t links, array; // the first link to those who wait for it
    uint16_t node, shape;
    uint16_t reservation; // its edge; 0: none
    int16_t priority;
    uint8_t state : 4, level : 4;
    uint8_t rank, blocks, why, flags, use_class;
    uint8_t restarts;                   // for the sake of others
    uint8_t waits_for : 4;              // so many others
    uint8_t in_line : 1, again : 1;     // again: it ran before
    uint8_t doomed : 1, last_known : 1; // doomed: one it waits for failed
};
_Static_assert(sizeof(struct job) == 128, "100,000 of them are to fit");
// Kind of need: what has the same shape fits or does not fit alike.
struct shape {
    struct core_amount need, total; // of one member, of all
    uint32_t members;
    bool own_cpus, preemptible;
    uint32_t rate_milli;     // thousandths of a unit a second
    int64_t length_ms;       // it holds its place for so long at most; CORE_TIME_MAX: not known
    uint32_t users, waiting; // jobs that have it; those of them in a queue
    uint32_t next;           // of the same hash
};
struct queue { // of one (node, level, shape); exists while it has jobs
    uint32_t top, next;
    uint16_t node;
    uint16_t shape : 12, level : 4;
};
struct node {
    uint64_t id;
    uint32_t parent, first, count; // children are nodes first … first + count − 1
    uint32_t queues;               // list
    uint32_t weight, depth;
    bool has_quota, keeps_unused, never_borrows, has_limit;
    struct core_amount quota, limit;
    struct core_amount used, own; // with all below; of jobs directly of this node
    struct core_amount kept;      // sum over children of what they keep for themselves
    int64_t share_over, share_of; // dominant share: over / of, not yet divided by weight
    int64_t budget_milli;
    uint32_t waiting, running;
    uint32_t tried; // stamp of the search that found nothing below
};
struct run {
    struct core_place place;
    uint32_t job, before, after;
    bool stopping;   // told to stop: still in `now`, no longer in the plan
    bool in_now;     // started
    bool past_guard; // began after the guard's edge was made
    bool inside;     // of a calendar slot
    bool on_trial;   // taken out while victims are looked for
    bool redoable;   // of a job that cannot be saved but begun again
    int64_t started_ms, kill_ms;
    int64_t lease_ms, keep_until_ms; // not preempted before
    int64_t end_ms;                  // holds its place no longer than this
    uint64_t for_job;                // preempted for
};
struct room {
    struct core_amount free;
    uint16_t device_free[CORE_DEVICES_MAX];
    uint64_t cpus[CORE_CPUS_MAX / 64]; // free ones
};
enum edge_kind { EDGE_NONE, EDGE_CALENDAR, EDGE_PROMISE, EDGE_GUARD };
// At from_ms `amount` must be free, of devices those in `devices`. `held`: what runs beyond then.
struct edge {
    enum edge_kind kind;
    bool open;   // a calendar reservation that has begun: its rest is taken from the plan
    uint64_t id; // of the reservation or the job
    uint32_t node;
    uint32_t jobs; // of a calendar reservation: at most so many wait or run that name it
    uint64_t tenant;
    struct core_amount amount; // wanted here
    struct core_amount booked; // by all edges whose time this is
    struct core_amount held;   // by runs that may go on beyond it
    struct core_amount rest;   // of an open slot: what nobody uses
    struct core_place place;
    int64_t from_ms, until_ms;
};
struct voucher {
    uint64_t id, tenant;
    int64_t units_milli, from_ms, until_ms;
    uint32_t use_classes;
};
struct link { // one job waits for another
    uint32_t job, next;
};
struct array {
    uint64_t id;
    uint32_t members, out; // live tasks; those not parked
    uint32_t parked, parked_last;
    uint32_t next; // of the same hash
};

// The parts of the block.
enum part {
    PART_JOBS,
    PART_SLOTS, // hash of job ids
    PART_TIMERS,
    PART_LINKS,
    PART_ARRAYS,
    PART_ARRAY_SLOTS,
    PART_QUEUES,
    PART_SHAPES,
    PART_SHAPE_SLOTS,
    PART_NODES,
    PART_NODE_ORDER, // node indices by id
    PART_BITS,       // (node, level, word): shapes that wait at or below the node; may be too many
    PART_RUNS,
    PART_EDGES,
    PART_VOUCHERS,
    PART_SCRATCH, // run indices while they are sorted
    PART_COUNT
};
struct pool { // where each part begins; free list of the given-back, then the never used
    size_t at;
    uint32_t each, room, used, free;
};
struct core {
    struct core_limits limits;
    struct core_policy policy; // tenants NULL: they are nodes
    struct core_capacity capacity;
    struct core_amount total, pressure; // capacity with devices
    struct pool pools[PART_COUNT];
    uint32_t slot_mask; // of the part of the hash that is in use: it grows with the jobs
    uint32_t shape_mask, array_mask, words;
    uint32_t node_count, timer_count, voucher_count, job_count, waiting, running;
    uint32_t eligible; // in the lines
    struct line {
        uint32_t first, last;
    } lines[2]; // eligible jobs in the order in which they began to wait: new ones, and preempted
    uint32_t runs_first, runs_last; // in order of their start
    uint32_t doomed;                // jobs to refuse: one they wait for failed
    uint32_t search;                // stamp
    uint32_t starting;              // runs whose place is chosen but not free
    uint32_t edge_end;              // first edge that was never used
    uint32_t preemptible_runs, redoable_runs;
    bool inside;       // the run that begins is one of a slot
    bool devices_lost; // perhaps something runs on one that is down
    bool guard_stale;  // the guard's time may be earlier than thought
    bool released;     // something became free, so what did not fit may
    // Of a fork of what is near: the last of a queue that is known has started, so another that is
    // not known might come first; the asked job is none of the first of its queue.
    bool beyond, asked_beyond;
    bool has_quota, has_kept, has_budget;
    uint64_t fits[SHAPE_WORDS_MAX];
    int64_t now_ms;
    uint64_t hash;
    struct room now, plan;
    // Of the step that runs.
    struct core_decision *decisions;
    uint32_t count, max;
    bool more; // the room was full
};

// ---- parts -----------------------------------------------------------------------------------
#define PART_AT(core, part, type, index) \
    ((type *)(void *)((char *)(core) + (core)->pools[part].at) + (index))
static inline struct job *job_at(const struct core *core, uint32_t index) {
    return (struct job *)((uintptr_t)core + core->pools[PART_JOBS].at) + index;
}
static inline struct shape *shape_at(const struct core *core, uint32_t index) {
    return (struct shape *)((uintptr_t)core + core->pools[PART_SHAPES].at) + index;
}
static inline struct node *node_at(const struct core *core, uint32_t index) {
    return (struct node *)((uintptr_t)core + core->pools[PART_NODES].at) + index;
}
static inline struct queue *queue_at(const struct core *core, uint32_t index) {
    return (struct queue *)((uintptr_t)core + core->pools[PART_QUEUES].at) + index;
}
static inline struct run *run_at(const struct core *core, uint32_t index) {
    return (struct run *)((uintptr_t)core + core->pools[PART_RUNS].at) + index;
}
static inline struct edge *edge_at(const struct core *core, uint32_t index) {
    return (struct edge *)((uintptr_t)core + core->pools[PART_EDGES].at) + index;
}
static inline struct voucher *voucher_at(const struct core *core, uint32_t index) {
    return (struct voucher *)((uintptr_t)core + core->pools[PART_VOUCHERS].at) + index;
}
static inline struct link *link_at(const struct core *core, uint32_t index) {
    return (struct link *)((uintptr_t)core + core->pools[PART_LINKS].at) + index;
}
static inline struct array *array_at(const struct core *core, uint32_t index) {
    return (struct array *)((uintptr_t)core + core->pools[PART_ARRAYS].at) + index;
}
static inline uint32_t *words_at(const struct core *core, enum part part, uint32_t index) {
    return (uint32_t *)((uintptr_t)core + core->pools[part].at) + index;
}
static inline uint64_t *bits_at(const struct core *core, uint32_t node, uint32_t level) {
    return (uint64_t *)((uintptr_t)core + core->pools[PART_BITS].at) +
           ((size_t)node * CORE_LEVELS + level) * core->words;
}
// An index from the pool, 0 when it is full. What is there is not zeroed.
uint32_t pool_take(struct core *core, enum part part) MUST_USE;
void pool_give(struct core *core, enum part part, uint32_t index);

// ---- amounts (small enough to stand here) ----------------------------------------------------
static inline void amount_add(struct core_amount *to, const struct core_amount *what) {
    for (int r = 0; r < RESOURCE_COUNT; r++) to->of[r] += what->of[r];
}
static inline void amount_take(struct core_amount *from, const struct core_amount *what) {
    for (int r = 0; r < RESOURCE_COUNT; r++) from->of[r] -= what->of[r];
}
static inline bool amount_within(const struct core_amount *what, const struct core_amount *room) {
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (what->of[r] > 0 && what->of[r] > room->of[r]) return false;
    }
    return true;
}

// ---- core.c ----------------------------------------------------------------------------------
// NULL when the room is full (core->more is set): the caller changes nothing then.
bool decision_room(struct core *core, uint32_t count);
// Needs decision_room before.
struct core_decision *decide(struct core *core, enum core_decision_kind kind, enum core_why why,
                             const struct job *job);
uint32_t job_find(const struct core *core, uint64_t id);

// ---- core_fork.c -----------------------------------------------------------------------------
// For looking ahead: a fork of what can matter soon to a job (0: to none), where jobs have other
// indices. Parked or blocked jobs may be missing, and those deep in a queue. A plain fork when
// there are few.
struct core *core_fork_near(void *memory, const struct core *core, uint64_t job);

// ---- core_jobs.c -----------------------------------------------------------------------------
void job_submit(struct core *core, const struct core_job *what);
void job_block(struct core *core, uint32_t index, enum block block);
void job_unblock(struct core *core, uint32_t index, enum block block);
// Out of the core; tells those who wait for it. `well`: it ended well.
void job_leave(struct core *core, uint32_t index, bool well);
// Waits (again): a new shape, the end of the line.
void job_wait(struct core *core, uint32_t index);
void failed_dependents_refuse(struct core *core);
void rates_renew(struct core *core); // after a change of capacity or policy
uint32_t rate_of(const struct core *core, const struct core_amount *total);
void timer_set(struct core *core, uint32_t index, int64_t at_ms); // CORE_TIME_MAX: none
uint32_t timer_first(const struct core *core);                    // job index, 0: none
int64_t timer_first_ms(const struct core *core);

void slot_put(struct core *core, uint32_t index);

// ---- core_fork.c -----------------------------------------------------------------------------
size_t part_used(const struct core *core, enum part part); // how many of it are in use

// ---- core_queue.c ----------------------------------------------------------------------------
int64_t job_key(const struct core *core, const struct job *job); // its order in a queue
bool job_before(const struct core *core, uint32_t a, uint32_t b);
uint32_t shape_take(struct core *core, const struct shape *wanted); // 0: the table is full
void shape_give(struct core *core, uint32_t index);
void queue_put(struct core *core, uint32_t job);
void queue_take(struct core *core, uint32_t job);
void line_put(struct core *core, uint32_t job);
void line_take(struct core *core, uint32_t job);
// Fills core->fits: all shapes that wait if `all`, else only those that did fit.
void fits_look(struct core *core, bool all);

// ---- core_events.c ---------------------------------------------------------------------------
void event_apply(struct core *core, const struct core_event *event);

// ---- core_reserve.c --------------------------------------------------------------------------
// place_find in the plan, beside what all edges keep (but those of one job, and one edge). `out`
// may be NULL.
bool edges_place(const struct core *core, const struct shape *shape, struct core_place *out);
bool edges_place_but(const struct core *core, const struct shape *shape, uint64_t job,
                     const struct edge *but, struct core_place *out);
int64_t edges_wake_ms(const struct core *core);
void edges_forget(struct core *core, uint64_t job); // of a job that starts or leaves
void edges_run_begin(struct core *core, struct run *run);
void edges_run_end(struct core *core, const struct run *run);
void edges_renew(struct core *core); // after a change of capacity or policy
void edges_open(struct core *core);  // those whose time has come
struct edge *guard_find(const struct core *core);
uint32_t guard_edge(const struct core *core);                         // is there one?
int64_t guard_due_ms(const struct core *core, const struct job *job); // CORE_TIME_MAX: never
void guard_forget(struct core *core, uint64_t job);
void guard_reserve(struct core *core, uint32_t job);
void reservation_set(struct core *core, const struct core_reservation *what);
void reservation_drop(struct core *core, uint64_t id);
void reservation_join(struct core *core, uint32_t job);
uint16_t reservation_find(const struct core *core, uint64_t id); // its edge, 0: there is none
// One that ran before this core was opened goes on in its slot, if that is open and has the room:
// takes its part out of the slot's rest.
bool reservation_enter(struct core *core, uint32_t job, const struct core_place *place);
void reservation_take_back(struct core *core, const struct run *run);
enum core_why deadline_promise(struct core *core, uint32_t job, const struct core_job *what);

// ---- core_preempt.c --------------------------------------------------------------------------
int64_t minimum_run_ms(const struct core *core, const struct job *job);
// Cannot be saved; may it be begun again?
bool job_redoable(const struct job *job);
bool may_restart(const struct core *core, const struct run *run);
// `slot`: asked for a slot of the calendar, not for a job.
bool may_give_way(const struct core *core, const struct run *run, enum core_why why, bool slot);
// Tells others to stop until there is a place for the shape; false, and nobody told, if there
// cannot be. On `devices` only. `why`: by right, guard, level or for what was promised.
bool room_make(struct core *core, const struct shape *shape, uint32_t node, uint64_t devices,
               enum core_why why, uint64_t for_job, struct core_place *out);

// ---- core_bill.c -----------------------------------------------------------------------------
bool bill_payable(const struct core *core, const struct job *job);
void bill(struct core *core, const struct job *job, int64_t units_milli);
void voucher_set(struct core *core, const struct core_voucher *what);
void budget_blocks_lift(struct core *core); // after a new voucher or policy

// ---- core_share.c ----------------------------------------------------------------------------
void tree_open(struct core *core);
void policy_set(struct core *core, const struct core_policy *policy);
uint32_t node_find(const struct core *core, uint64_t id, bool *found);
void node_hold(struct core *core, uint32_t node, const struct core_amount *what, int sign);
void node_count_jobs(struct core *core, uint32_t node, int waiting, int running);
void shares_renew(struct core *core); // after a change of capacity
// Its own limits forbid it.
bool node_limited(const struct core *core, uint32_t node, const struct core_amount *what);
// Its limits and those above it.
bool node_within_limits(const struct core *core, uint32_t node, const struct core_amount *what);
// May a job of this node hold so much more: limits, kept quotas. WHY_NONE: yes.
enum core_why node_allows(const struct core *core, uint32_t node, const struct core_amount *what);
// Whose turn it is at a level among what fits; only inside of rights if `right`. A queue or 0.
uint32_t turn_find(struct core *core, uint32_t level, bool right, const uint64_t *among);
bool inside_right(const struct core *core, uint32_t node, const struct core_amount *what);
int share_compare(const struct core *core, uint32_t a, uint32_t b);

// ---- core_place.c ----------------------------------------------------------------------------
void room_reset(struct core *core); // from the capacity, less all runs
bool place_find(const struct core *core, const struct room *room, const struct shape *shape,
                uint64_t devices_allowed, struct core_place *out);
bool room_has(const struct core *core, const struct room *room, const struct shape *shape,
              const struct core_place *place);
void room_take(struct room *room, const struct core_amount *total, const struct core_place *place);
void room_give(struct room *room, const struct core_amount *total, const struct core_place *place);

// ---- core_schedule.c -------------------------------------------------------------------------
void schedule(struct core *core);
void timers_run(struct core *core);
// The run's end: out of the rooms and the tree. The job stays.
void attempt_end(struct core *core, uint32_t run);
// A run for a job with this place, in the plan; not yet in now. 0 when no more may run at once.
uint32_t attempt_begin(struct core *core, uint32_t job, const struct core_place *place,
                       int64_t lease_ms, bool at_once);
void attempt_start(struct core *core, uint32_t run, int64_t started_ms);
void attempt_timer(struct core *core, uint32_t run);
// Told to stop: out of the plan; still in `now` until it exits. Need decision_room before.
void preempt_run(struct core *core, uint32_t run, enum core_why why, uint64_t for_job);
void kill_run(struct core *core, uint32_t run, enum core_why why);
void starting_withdraw(struct core *core);
// The place is taken in the plan; starts at once where it is free. False: too many run.
bool start_job(struct core *core, uint32_t job, const struct core_place *place, int64_t lease_ms);
// Of a job that was served so much: by the time that makes at its rate.
uint32_t level_of(const struct core *core, const struct job *job, int64_t served_milli);
int64_t served_now(const struct core *core, const struct job *job);
