// Edges: what must be free at some later time. What runs only ever ends, so between two edges the
// box grows emptier: it is enough to look at the edges themselves. At each stands how much is
// booked from then on and how much of what runs now is held beyond it; what starts must leave room
// at every edge before its own end. A job that can be preempted ends, in this sense, with its
// minimum run. Devices are booked one by one, so that parts of devices do not stand in the way.
//
// Three kinds: a slot of the calendar; a promise to have started by some time (deadlines); the
// guard, for the first job that waited too long: its time is the earliest at which it can start
// if nobody leaves early, and since whatever starts now respects it, that time never moves back.
#include <string.h>

#include "allocation/core_private.h"

#define EDGES(core, each)                                                                          \
    for (struct edge *each = edge_at((core), 1); each < edge_at((core), (core)->edge_end); each++) \
        if (each->kind != EDGE_NONE)

// ---- may it start beside the edges -------------------------------------------------------------
static bool meets(const struct edge *edge, int64_t end_ms) {
    return !edge->open && (edge->from_ms < end_ms || edge->from_ms == CORE_TIME_MAX);
}

static int64_t end_if_now(const struct core *core, const struct shape *shape) {
    return shape->length_ms == CORE_TIME_MAX ? CORE_TIME_MAX : core->now_ms + shape->length_ms;
}

static bool edge_leaves(const struct core *core, const struct edge *edge,
                        const struct core_amount *what) {
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        int64_t free =
            core->total.of[r] - core->pressure.of[r] - edge->booked.of[r] - edge->held.of[r];
        if (what->of[r] > 0 && what->of[r] > free) return false;
    }
    return true;
}

bool edges_place_but(const struct core *core, const struct shape *shape, uint64_t job,
                     const struct edge *but, struct core_place *out) {
    uint64_t devices = UINT64_MAX;
    int64_t end_ms = end_if_now(core, shape);
    if (!amount_within(&shape->total, &core->plan.free)) return false;
    EDGES(core, edge) {
        bool own = edge == but || (edge->kind != EDGE_CALENDAR && edge->id == job);
        if (own || !meets(edge, end_ms)) continue;
        if (!edge_leaves(core, edge, &shape->total)) return false;
        devices &= ~edge->place.devices;
    }
    return place_find(core, &core->plan, shape, devices, out);
}

bool edges_place(const struct core *core, const struct shape *shape, struct core_place *out) {
    return edges_place_but(core, shape, 0, NULL, out);
}

// ---- what is held and booked at each -----------------------------------------------------------
static bool held_at(const struct edge *edge, const struct run *run) {
    return edge->from_ms == CORE_TIME_MAX ? run->past_guard : run->end_ms > edge->from_ms;
}

static void held_change(struct core *core, const struct run *run, bool add) {
    const struct job *job = job_at(core, run->job);
    if (run->inside) return; // of a slot that is booked already
    const struct core_amount *total = &shape_at(core, job->shape)->total;
    EDGES(core, edge) {
        if (!held_at(edge, run)) continue;
        if (add) {
            amount_add(&edge->held, total);
        } else {
            amount_take(&edge->held, total);
        }
    }
}

void edges_run_begin(struct core *core, struct run *run) {
    run->past_guard = guard_edge(core) != 0;
    held_change(core, run, true);
}

void edges_run_end(struct core *core, const struct run *run) {
    held_change(core, run, false);
}

static void held_count(struct core *core, struct edge *edge) {
    edge->held = (struct core_amount){0};
    for (uint32_t at = core->runs_first; at; at = run_at(core, at)->after) {
        const struct run *run = run_at(core, at);
        if (run->stopping || run->inside || !held_at(edge, run)) continue;
        amount_add(&edge->held, &shape_at(core, job_at(core, run->job)->shape)->total);
    }
}

static void booked_count(struct core *core) {
    EDGES(core, edge) {
        edge->booked = (struct core_amount){0};
        EDGES(core, other) {
            bool over = other->from_ms <= edge->from_ms &&
                        (edge->from_ms < other->until_ms || other == edge);
            if (over) amount_add(&edge->booked, &other->amount);
        }
    }
}

static struct edge *edge_new(struct core *core) {
    uint32_t at = 1;
    while (at < core->edge_end && edge_at(core, at)->kind != EDGE_NONE) at++;
    if (at > core->limits.edges) return NULL;
    if (at >= core->edge_end) core->edge_end = at + 1;
    struct edge *edge = edge_at(core, at);
    memset(edge, 0, sizeof *edge);
    return edge;
}

static void edge_drop(struct core *core, struct edge *edge) {
    if (edge->open) room_give(&core->plan, &edge->rest, &edge->place);
    edge->kind = EDGE_NONE;
    while (core->edge_end > 1 && edge_at(core, core->edge_end - 1)->kind == EDGE_NONE) {
        core->edge_end--;
    }
    booked_count(core);
    core->released = true;
}

static struct edge *edge_of(const struct core *core, enum edge_kind kind, uint64_t id) {
    EDGES(core, edge) {
        if (edge->kind == kind && (edge->id == id || id == 0)) return edge;
    }
    return NULL;
}

static uint16_t edge_index(const struct core *core, const struct edge *edge) {
    return (uint16_t)(edge - edge_at(core, 0));
}

// Runs that a slot of the calendar may take from when its time has come.
static bool holds_against(const struct core *core, const struct edge *edge, const struct run *run) {
    if (run->stopping || run->inside || !held_at(edge, run)) return false;
    return edge->kind != EDGE_CALENDAR || !may_restart(core, run);
}

// Devices that no edge of that time has and on which nothing lies beyond it.
static uint64_t devices_free_at(const struct core *core, const struct edge *edge) {
    uint64_t devices = core->capacity.devices;
    EDGES(core, other) {
        if (other->from_ms < edge->until_ms && edge->from_ms < other->until_ms) {
            devices &= ~other->place.devices;
        }
    }
    for (uint32_t at = core->runs_first; at; at = run_at(core, at)->after) {
        const struct run *run = run_at(core, at);
        if (holds_against(core, edge, run)) devices &= ~run->place.devices;
    }
    return devices;
}

static bool edge_full(const struct core *core, const struct edge *edge) {
    struct core_amount sum = edge->booked;
    for (uint32_t at = core->runs_first; at; at = run_at(core, at)->after) {
        const struct run *run = run_at(core, at);
        if (!holds_against(core, edge, run)) continue;
        amount_add(&sum, &shape_at(core, job_at(core, run->job)->shape)->total);
    }
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (sum.of[r] > core->total.of[r]) return true;
    }
    return false;
}

// Books `amount` from its time on if it can be had then; false leaves all as it was.
static bool edge_book(struct core *core, struct edge *edge) {
    int64_t whole = (edge->amount.of[RESOURCE_DEVICE] + CORE_DEVICE_MILLI - 1) / CORE_DEVICE_MILLI;
    uint64_t devices = devices_free_at(core, edge);
    for (; devices && whole > 0; devices &= devices - 1, whole--) {
        uint32_t device = (uint32_t)__builtin_ctzll(devices);
        edge->place.devices |= (uint64_t)1 << device;
        edge->place.device_milli[device] = CORE_DEVICE_MILLI;
    }
    held_count(core, edge);
    booked_count(core);
    bool good = whole <= 0;
    EDGES(core, other) {
        bool touched = other->from_ms >= edge->from_ms && other->from_ms < edge->until_ms;
        if (touched && edge_full(core, other)) good = false;
    }
    if (!good) edge_drop(core, edge);
    return good;
}

// ---- the calendar ------------------------------------------------------------------------------
static enum core_why reservation_book(struct core *core, const struct core_reservation *what) {
    bool known;
    uint32_t node = node_find(core, what->tenant, &known);
    if (!known || !what->id || what->from_ms < 0 || what->until_ms > CORE_TIME_MAX / 4 ||
        what->until_ms <= what->from_ms || what->until_ms <= core->now_ms) {
        return WHY_INVALID;
    }
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (what->amount.of[r] < 0) return WHY_INVALID;
        if (what->amount.of[r] > core->total.of[r]) return WHY_NEVER;
    }
    if (what->amount.of[RESOURCE_DEVICE] % CORE_DEVICE_MILLI) return WHY_INVALID;
    if (edge_of(core, EDGE_CALENDAR, what->id)) return WHY_INVALID;
    struct edge *edge = edge_new(core);
    if (!edge) return WHY_FULL;
    edge->kind = EDGE_CALENDAR;
    edge->id = what->id;
    edge->tenant = what->tenant;
    edge->node = node;
    edge->amount = what->amount;
    edge->from_ms = what->from_ms;
    edge->until_ms = what->until_ms;
    return edge_book(core, edge) ? WHY_NONE : WHY_RESERVED;
}

void reservation_set(struct core *core, const struct core_reservation *what) {
    enum core_why why = reservation_book(core, what);
    decide(core, DECISION_RESERVE, why, NULL)->other = what->id;
    core->released = true; // what did fit may not any more
}

// What is still to run in it runs on, or waits, as any other job does.
static void reservation_end(struct core *core, struct edge *edge) {
    uint16_t id = edge_index(core, edge);
    for (uint32_t at = core->runs_first, next; at; at = next) {
        struct run *run = run_at(core, at);
        next = run->after;
        if (!run->inside || job_at(core, run->job)->reservation != id) continue;
        if (!run->in_now) {
            uint32_t job = run->job;
            attempt_end(core, at);
            job_wait(core, job);
        } else if (!run->stopping) {
            if (!decision_room(core, 1)) return; // the rest in the next step
            if (job_at(core, run->job)->checkpoint_ms > 0) {
                preempt_run(core, at, WHY_RESERVATION, 0);
            } else {
                kill_run(core, at, WHY_RESERVATION);
            }
        }
    }
    for (uint32_t index = 1; index < core->pools[PART_JOBS].used; index++) {
        struct job *job = job_at(core, index);
        if (job->state == CORE_NONE || job->reservation != id) continue;
        job->reservation = 0;
        job_unblock(core, index, BLOCK_RESERVATION);
    }
    edge_drop(core, edge);
}

void reservation_drop(struct core *core, uint64_t id) {
    struct edge *edge = edge_of(core, EDGE_CALENDAR, id);
    if (!edge || !id) return;
    edge->until_ms = core->now_ms; // ends with this step
    if (edge->from_ms > core->now_ms) edge->from_ms = core->now_ms;
}

// It waits (again) for its slot, as long as there is one.
void reservation_join(struct core *core, uint32_t index) {
    job_at(core, index)->blocks |= BLOCK_RESERVATION;
}

uint16_t reservation_find(const struct core *core, uint64_t id) {
    const struct edge *edge = id ? edge_of(core, EDGE_CALENDAR, id) : NULL;
    return edge ? edge_index(core, edge) : 0;
}

static bool rest_holds(const struct core *core, const struct edge *edge, const struct shape *shape,
                       struct core_place *out) {
    struct room room = {.free = edge->rest};
    for (uint64_t left = edge->place.devices; left; left &= left - 1) {
        uint32_t device = (uint32_t)__builtin_ctzll(left);
        room.device_free[device] = edge->place.device_milli[device];
    }
    memcpy(room.cpus, core->plan.cpus, sizeof room.cpus);
    return place_find(core, &room, shape, edge->place.devices, out);
}

static void rest_change(struct edge *edge, const struct core_amount *total,
                        const struct core_place *place, int sign) {
    for (int r = 0; r < RESOURCE_COUNT; r++) edge->rest.of[r] += sign * total->of[r];
    for (uint64_t left = place->devices; left; left &= left - 1) {
        uint32_t device = (uint32_t)__builtin_ctzll(left);
        int milli = edge->place.device_milli[device] + sign * place->device_milli[device];
        edge->place.device_milli[device] = (uint16_t)milli;
    }
}

// Jobs of an open slot start inside it, first come first served, as far as its rest goes.
static void reservation_fill(struct core *core, struct edge *edge) {
    uint16_t slot = edge_index(core, edge);
    uint32_t left = edge->jobs;
    for (uint32_t index = 1; left > 0 && index < core->pools[PART_JOBS].used; index++) {
        struct job *job = job_at(core, index);
        if (job->state == CORE_NONE || job->reservation != slot) continue;
        left--;
        if (job->state != CORE_WAITING) continue;
        if (job->blocks != BLOCK_RESERVATION || !decision_room(core, 1)) continue;
        const struct shape *shape = shape_at(core, job->shape);
        struct core_place place;
        if (!rest_holds(core, edge, shape, &place)) continue;
        if (!node_within_limits(core, job->node, &shape->total)) continue;
        if (core->pools[PART_RUNS].used >= core->pools[PART_RUNS].room &&
            !core->pools[PART_RUNS].free) {
            return;
        }
        struct core_place devices = place; // its own processors are not the slot's
        memset(devices.cpus, 0, sizeof devices.cpus);
        rest_change(edge, &shape->total, &devices, -1);
        room_give(&core->plan, &shape->total, &devices);
        core->inside = true;
        bool started = start_job(core, index, &place, 0);
        core->inside = false;
        cy_assert(started);
    }
}

bool reservation_enter(struct core *core, uint32_t index, const struct core_place *place) {
    const struct job *job = job_at(core, index);
    if (!job->reservation) return false;
    struct edge *edge = edge_at(core, job->reservation);
    const struct core_amount *total = &shape_at(core, job->shape)->total;
    if (!edge->open || !amount_within(total, &edge->rest)) return false;
    struct core_place devices = *place;
    memset(devices.cpus, 0, sizeof devices.cpus);
    for (uint64_t left = devices.devices; left; left &= left - 1) {
        uint32_t device = (uint32_t)__builtin_ctzll(left);
        if (devices.device_milli[device] > edge->place.device_milli[device]) return false;
    }
    rest_change(edge, total, &devices, -1);
    room_give(&core->plan, total, &devices);
    return true;
}

// A run inside a slot gives its place back to the slot while that is open.
void reservation_take_back(struct core *core, const struct run *run) {
    const struct job *job = job_at(core, run->job);
    struct edge *edge = edge_at(core, job->reservation);
    if (!job->reservation || !edge->open) return;
    const struct core_amount *total = &shape_at(core, job->shape)->total;
    struct core_place devices = run->place;
    memset(devices.cpus, 0, sizeof devices.cpus);
    devices.devices &= core->capacity.devices;
    room_take(&core->plan, total, &devices);
    rest_change(edge, total, &devices, 1);
}

static void reservation_open(struct core *core, struct edge *edge) {
    struct shape shape;
    memset(&shape, 0, sizeof shape);
    shape.need = shape.total = edge->amount;
    shape.members = 1;
    struct core_place place;
    bool free = place_find(core, &core->plan, &shape, edge->place.devices, &place);
    if (!free &&
        !room_make(core, &shape, edge->node, edge->place.devices, WHY_RESERVATION, 0, &place)) {
        return; // those who hold it leave one after another; asked again with every event
    }
    edge->open = true;
    edge->rest = edge->amount;
    edge->place = place;
    room_take(&core->plan, &edge->rest, &edge->place);
    fits_look(core, false);
}

// ---- promises ----------------------------------------------------------------------------------
// The slot is booked at the last moment; the job may start at any time before, and then it is kept.
enum core_why deadline_promise(struct core *core, uint32_t index, const struct core_job *what) {
    const struct job *job = job_at(core, index);
    if (!what->deadline_ms) return WHY_NONE;
    int64_t length = job->limit_ms ? job->limit_ms : job->estimate_ms;
    int64_t from = what->deadline_ms - length - core->policy.grace_ms;
    if (from <= core->now_ms || from < what->not_before_ms) return WHY_DEADLINE;
    struct edge *edge = edge_new(core);
    if (!edge) return WHY_FULL;
    edge->kind = EDGE_PROMISE;
    edge->id = job->id;
    edge->node = job->node;
    edge->amount = shape_at(core, job->shape)->total;
    edge->from_ms = from;
    edge->until_ms = what->deadline_ms;
    if (!edge_book(core, edge)) return WHY_DEADLINE;
    core->released = true;
    // Those who must leave then have the grace.
    decide(core, DECISION_PROMISE, WHY_NONE, job)->at_ms = from + core->policy.grace_ms;
    return WHY_NONE;
}

static void promise_keep(struct core *core, struct edge *edge) {
    uint32_t index = job_find(core, edge->id);
    const struct job *job = job_at(core, index);
    const struct shape *shape = shape_at(core, job->shape);
    // Held by someone, or its tenant holds all it may: its own matter.
    if (job->blocks || !node_within_limits(core, job->node, &shape->total)) return;
    struct core_place place;
    uint64_t devices = edge->place.devices; // booked beside all other edges
    if (place_find(core, &core->plan, shape, devices, &place) ||
        room_make(core, shape, job->node, devices, WHY_RESERVATION, job->id, &place)) {
        if (decision_room(core, 1)) (void)start_job(core, index, &place, 0);
    }
}

void edges_forget(struct core *core, uint64_t job) {
    for (int kind = EDGE_PROMISE; kind <= EDGE_GUARD; kind++) {
        struct edge *edge = edge_of(core, (enum edge_kind)kind, job);
        if (edge) edge_drop(core, edge);
    }
}

// ---- the guard ---------------------------------------------------------------------------------
int64_t guard_due_ms(const struct core *core, const struct job *job) {
    int64_t guard = job->again ? core->policy.guard_again_ms : core->policy.guard_ms;
    if (guard <= 0) return CORE_TIME_MAX;
    int64_t lead = core->policy.guard_lead_ms;
    return job->waits_since_ms + (guard > lead ? guard - lead : 0);
}

struct edge *guard_find(const struct core *core) {
    return edge_of(core, EDGE_GUARD, 0);
}

uint32_t guard_edge(const struct core *core) {
    return guard_find(core) != NULL;
}

void guard_forget(struct core *core, uint64_t job) {
    struct edge *edge = guard_find(core);
    if (edge && edge->id == job) edge_drop(core, edge);
}

static void ends_sort(struct core *core, uint32_t *ends, uint32_t count) { // heap sort by end
    for (uint32_t built = 0, left = count; left > 1;) {
        uint32_t at, value;
        if (built < count / 2) {
            at = count / 2 - 1 - built++;
            value = ends[at];
        } else {
            value = ends[--left];
            ends[left] = ends[0];
            at = 0;
        }
        for (uint32_t next; (next = at * 2 + 1) < left; at = next) {
            if (next + 1 < left &&
                run_at(core, ends[next + 1])->end_ms > run_at(core, ends[next])->end_ms) {
                next++;
            }
            if (run_at(core, ends[next])->end_ms <= run_at(core, value)->end_ms) break;
            ends[at] = ends[next];
        }
        ends[at] = value;
    }
}

// When and where the job can start if all hold their places as long as they may.
static void guard_time(struct core *core, struct edge *edge, const struct shape *shape) {
    uint32_t *ends = words_at(core, PART_SCRATCH, 0), count = 0;
    for (uint32_t at = core->runs_first; at; at = run_at(core, at)->after) {
        const struct run *run = run_at(core, at);
        if (!run->stopping && !run->inside && run->end_ms < CORE_TIME_MAX) ends[count++] = at;
    }
    ends_sort(core, ends, count);
    struct room room = core->plan;
    edge->from_ms = CORE_TIME_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct run *run = run_at(core, ends[i]);
        room_give(&room, &shape_at(core, job_at(core, run->job)->shape)->total, &run->place);
        bool same = i + 1 < count && run_at(core, ends[i + 1])->end_ms == run->end_ms;
        if (same || !place_find(core, &room, shape, UINT64_MAX, &edge->place)) continue;
        edge->from_ms = run->end_ms > core->now_ms ? run->end_ms : core->now_ms;
        break;
    }
    if (edge->from_ms < CORE_TIME_MAX) return;
    // Not known: it is kept what is free now, and what becomes free, until it is enough.
    memset(&edge->place, 0, sizeof edge->place);
    int64_t whole = (shape->total.of[RESOURCE_DEVICE] + CORE_DEVICE_MILLI - 1) / CORE_DEVICE_MILLI;
    for (uint64_t left = core->capacity.devices; left && whole > 0; left &= left - 1) {
        uint32_t device = (uint32_t)__builtin_ctzll(left);
        if (core->plan.device_free[device] < CORE_DEVICE_MILLI) continue;
        edge->place.devices |= (uint64_t)1 << device;
        edge->place.device_milli[device] = CORE_DEVICE_MILLI;
        whole--;
    }
}

void guard_reserve(struct core *core, uint32_t index) {
    const struct job *job = job_at(core, index);
    struct edge *edge = guard_find(core);
    if (edge && edge->id == job->id && !core->guard_stale) return;
    bool fresh = !edge || edge->id != job->id;
    if (edge && fresh) edge_drop(core, edge);
    if (fresh) {
        edge = edge_new(core);
        if (!edge) return;
        for (uint32_t at = core->runs_first; at; at = run_at(core, at)->after) {
            run_at(core, at)->past_guard = false;
        }
    }
    core->guard_stale = false;
    edge->kind = EDGE_GUARD;
    edge->id = job->id;
    edge->node = job->node;
    edge->amount = shape_at(core, job->shape)->total;
    edge->until_ms = CORE_TIME_MAX;
    guard_time(core, edge, shape_at(core, job->shape));
    held_count(core, edge);
    booked_count(core);
    fits_look(core, true);
}

// ---- all of them -------------------------------------------------------------------------------
int64_t edges_wake_ms(const struct core *core) {
    int64_t first = CORE_TIME_MAX;
    EDGES(core, edge) {
        int64_t at = edge->open ? edge->until_ms : edge->from_ms;
        if (edge->kind == EDGE_CALENDAR && !edge->open && at <= core->now_ms) at = edge->until_ms;
        if (at > core->now_ms && at < first) first = at;
    }
    return first;
}

// What a slot that ends gives back is there for those whose time has come in the same step.
void edges_open(struct core *core) {
    EDGES(core, edge) {
        bool ends = edge->kind == EDGE_CALENDAR && edge->until_ms <= core->now_ms;
        if (ends) reservation_end(core, edge);
    }
    EDGES(core, edge) {
        bool ends = edge->kind == EDGE_CALENDAR && edge->until_ms <= core->now_ms; // not yet over
        if (ends || edge->from_ms > core->now_ms) continue;
        if (edge->kind == EDGE_CALENDAR && !edge->open) reservation_open(core, edge);
        if (edge->kind == EDGE_CALENDAR && edge->open) reservation_fill(core, edge);
        if (edge->kind == EDGE_PROMISE) promise_keep(core, edge);
    }
}

// After a change of what there is. What was booked on a device that is gone moves to another.
void edges_renew(struct core *core) {
    struct edge *guard = guard_find(core);
    if (guard) edge_drop(core, guard);
    EDGES(core, edge) {
        bool known;
        if (edge->kind == EDGE_PROMISE) edge->node = job_at(core, job_find(core, edge->id))->node;
        if (edge->kind == EDGE_CALENDAR) edge->node = node_find(core, edge->tenant, &known);
        held_count(core, edge);
    }
    booked_count(core);
}
