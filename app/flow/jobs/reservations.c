// Reservations as records and as operations: a person says what is to be kept free, for whom and
// when, and hears at once whether it is; tried out on a copy of the scheduler's core inside the
// transaction that writes the record. What is kept in the core is calendar.c's.
//
// The system role reserves for everybody, as far as limits allow; others for the department they
// belong to, and there no more than its limit or, where it has none, its guaranteed quota.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "allocation/explain.h"
#include "base/clock.h"
#include "flow/flow_private.h"

enum { TITLE_BYTES_MAX = 200 };
#define AHEAD_MS_MAX ((int64_t)366 * 24 * 3600 * 1000) // nothing is reserved for later than that
#define LONGEST_MS ((int64_t)31 * 24 * 3600 * 1000)    // of one slot
#define WEEK_MS ((int64_t)7 * 24 * 3600 * 1000)

// ---- reading -----------------------------------------------------------------------------------
static enum err time_read(const struct call *call, const char *name, int64_t *out) {
    const struct json *member = json_member(call->body, name);
    int64_t value = 0;
    if (!member) return OK;
    if (!json_is_null(member) && (!json_i64(member, &value) || value < 0)) {
        return fault_set(call->fault, ERR_INPUT, "reservation.bad_time", str_of(name));
    }
    *out = value;
    return OK;
}

static enum err amount_read(const struct call *call, int64_t out[static SHARE_COUNT]) {
    const struct json *node = json_member(call->body, "amount");
    int64_t sum = 0;
    if (!node) return OK;
    for (int i = 0; i < SHARE_COUNT; i++) {
        const char *name = share_name((enum share)i);
        const struct json *member = json_member(node, name);
        int64_t value = 0;
        bool good = !member || (json_i64(member, &value) && value >= 0);
        if (!good || value > POLICY_AMOUNT_MAX || (i == SHARE_DEVICE && value % 1000)) {
            return fault_set(call->fault, ERR_INPUT, "reservation.bad_amount", str_of(name));
        }
        out[i] = value;
        sum += value;
    }
    if (sum > 0) return OK;
    return fault_set(call->fault, ERR_INPUT, "reservation.bad_amount", STR("amount"));
}

static enum err times_check(const struct call *call, const struct reservation *r, int64_t now_ms) {
    const char *wrong = NULL;
    if (r->from_ms <= 0 || r->from_ms - now_ms > AHEAD_MS_MAX) wrong = "from_ms";
    if (r->until_ms <= r->from_ms || r->until_ms - r->from_ms > LONGEST_MS) wrong = "until_ms";
    bool weekly = r->weekly_until_ms != 0;
    bool badly = r->weekly_until_ms <= r->from_ms || r->weekly_until_ms - now_ms > AHEAD_MS_MAX ||
                 r->until_ms - r->from_ms > WEEK_MS;
    if (weekly && badly) wrong = "weekly_until_ms";
    if (!wrong && reservation_is_over(r, now_ms)) wrong = weekly ? "weekly_until_ms" : "until_ms";
    if (!wrong) return OK;
    return fault_set(call->fault, ERR_INPUT, "reservation.bad_time", str_of(wrong));
}

// What the body says of it; what it does not name stays.
static enum err body_read(const struct call *call, struct reservation *r, int64_t now_ms) {
    enum err err = OK;
    if (!r->id || json_member(call->body, "title")) {
        err = call_text(call, "title", 1, TITLE_BYTES_MAX, &r->title);
    }
    if (err == OK && !r->id && !json_member(call->body, "amount")) {
        return fault_set(call->fault, ERR_INPUT, "call.missing", STR("amount"));
    }
    if (err == OK) err = amount_read(call, r->amount);
    if (err == OK) err = time_read(call, "from_ms", &r->from_ms);
    if (err == OK) err = time_read(call, "until_ms", &r->until_ms);
    if (err == OK) err = time_read(call, "weekly_until_ms", &r->weekly_until_ms);
    return err == OK ? times_check(call, r, now_ms) : err;
}

// ---- what limits allow -------------------------------------------------------------------------
struct change {
    struct flow *flow;
    const struct call *call;
    int64_t now_ms;
    struct reservation reservation; // as it is to be
    struct reservation *open;       // all that are not over, this one's former self left out
    uint32_t open_count;
    const struct policy *policy;
};

// Of one resource, how much the tenant and all below it have reserved at that time.
static int64_t reserved_at(const struct change *change, uint64_t tenant, enum share share,
                           int64_t at_ms) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < change->open_count; i++) {
        const struct reservation *other = &change->open[i];
        if (!other->amount[share] || !tenant_below(change->policy, other->tenant, tenant)) continue;
        for (uint32_t n = 0; n < slots_count(other); n++) {
            struct core_reservation slot = slot_of(other, n);
            if (slot.from_ms <= at_ms && at_ms < slot.until_ms) sum += other->amount[share];
        }
    }
    return sum;
}

// The most at any time of a slot: others only add where they begin.
static int64_t reserved_most(const struct change *change, uint64_t tenant, enum share share,
                             const struct core_reservation *slot) {
    int64_t most = reserved_at(change, tenant, share, slot->from_ms);
    for (uint32_t i = 0; i < change->open_count; i++) {
        const struct reservation *other = &change->open[i];
        for (uint32_t n = 0; n < slots_count(other); n++) {
            int64_t from_ms = slot_of(other, n).from_ms;
            if (from_ms <= slot->from_ms || from_ms >= slot->until_ms) continue;
            int64_t sum = reserved_at(change, tenant, share, from_ms);
            if (sum > most) most = sum;
        }
    }
    return most;
}

static enum err bound_check(const struct change *change, const struct tenant *tenant,
                            enum share share, int64_t bound) {
    const struct reservation *own = &change->reservation;
    for (uint32_t n = 0; n < slots_count(own); n++) {
        struct core_reservation slot = slot_of(own, n);
        int64_t sum = own->amount[share] + reserved_most(change, tenant->id, share, &slot);
        if (sum <= bound) continue;
        return fault_set(change->call->fault, ERR_LIMIT, "reservation.over_limit", tenant->name);
    }
    return OK;
}

static enum err limits_check(const struct change *change) {
    const struct reservation *own = &change->reservation;
    bool system = (change->call->actor.roles & ROLE_SYSTEM) != 0;
    for (int i = 0; i < SHARE_COUNT; i++) {
        bool bounded = system;
        if (own->amount[i] == 0) continue;
        const struct tenant *up = policy_tenant_or_default(change->policy, own->tenant);
        for (; up; up = policy_parent(change->policy, up)) {
            int64_t bound = up->limit[i];
            if (bound < 0 && !system && up->has_quota) bound = up->quota[i];
            if (bound < 0) continue;
            enum err err = bound_check(change, up, (enum share)i, bound);
            if (err != OK) return err;
            bounded = true;
        }
        if (bounded) continue;
        return fault_set(change->call->fault, ERR_DENIED, "reservation.no_limit", STR_NONE);
    }
    return OK;
}

// ---- what the core says ------------------------------------------------------------------------
// "2026-12-03 08:00", where the box's days begin as the policy says; "" for the only slot.
static void slot_when(const struct change *change, uint32_t number, char out[static 32]) {
    out[0] = '\0';
    if (slots_count(&change->reservation) == 1) return;
    struct tm parts;
    int64_t from_ms = slot_of(&change->reservation, number).from_ms;
    time_t local = (time_t)(from_ms / 1000 + change->policy->utc_offset_minutes * 60);
    if (!gmtime_r(&local, &parts)) return;
    (void)!strftime(out, 32, " (%Y-%m-%d %H:%M)", &parts);
}

static struct str title_of(const struct change *change, uint64_t id) {
    for (uint32_t i = 0; i < change->open_count; i++) {
        if (change->open[i].id == id) return change->open[i].title;
    }
    return STR_NONE;
}

static enum err answer_fault(const struct change *change, struct store_txn *txn,
                             const struct slots_answer *answer, uint32_t number) {
    struct fault *fault = change->call->fault;
    char detail[FAULT_DETAIL_SIZE], when[32];
    struct job job;
    slot_when(change, number, when);
    if (answer->why == WHY_NEVER) {
        return fault_set(fault, ERR_LIMIT, "reservation.too_large", STR_NONE);
    }
    if (answer->why == WHY_FULL) return fault_set(fault, ERR_LIMIT, "reservation.full", STR_NONE);
    if (answer->slot) {
        struct str title = title_of(change, slot_reservation(answer->blocker));
        snprintf(detail, sizeof detail, "%.*s%s", STR_ARG(title), when);
        return fault_set(fault, ERR_CONFLICT, "reservation.taken", str_of(detail));
    }
    if (!answer->blocker || job_load(txn, change->call->arena, answer->blocker, &job) != OK) {
        return fault_set(fault, ERR_CONFLICT, "reservation.taken_many", str_of(when));
    }
    snprintf(detail, sizeof detail, "%" PRIu64 "%s", job.id, when);
    const char *code =
        job.state == JOB_QUEUED ? "reservation.taken_promise" : "reservation.taken_running";
    return fault_set(fault, ERR_CONFLICT, code, str_of(detail));
}

static uint32_t slots_put(const struct reservation *reservation, int64_t now_ms,
                          struct core_reservation *out, uint32_t count) {
    for (uint32_t n = 0; n < slots_count(reservation); n++) {
        struct core_reservation slot = slot_of(reservation, n);
        if (slot.until_ms > now_ms && count < SLOTS_MAX) out[count++] = slot;
    }
    return count;
}

struct asked {
    struct core_reservation told[SLOTS_MAX], others[SLOTS_MAX], slots[SLOTS_MAX];
    uint64_t gone[SLOTS_MAX];
};

// The core as it will be once it has been told of all that is committed, and then this one.
static void core_ask(const struct change *change, struct asked *asked, uint32_t other_count,
                     uint32_t own_count, struct slots_answer *out) {
    struct slots_wanted wanted = {.gone = asked->gone, .slots = asked->slots};
    uint32_t told_count = calendar_hold(change->flow, asked->told);
    for (uint32_t i = 0; i < told_count; i++) {
        bool stays = slot_among(asked->others, other_count, &asked->told[i]);
        if (!stays) asked->gone[wanted.gone_count++] = asked->told[i].id;
    }
    for (uint32_t i = 0; i < other_count; i++) {
        bool known = slot_among(asked->told, told_count, &asked->others[i]);
        if (!known) asked->slots[wanted.before++] = asked->others[i];
    }
    for (uint32_t i = 0; i < own_count; i++) {
        asked->slots[wanted.before + i] = asked->others[other_count + i];
    }
    wanted.count = wanted.before + own_count;
    schedule_slots_try(change->flow->schedule, &wanted, out);
    calendar_let_go(change->flow);
}

static enum err core_answer(const struct change *change, struct store_txn *txn) {
    struct slots_answer answer;
    struct asked *asked = ARENA_NEW(change->call->arena, struct asked);
    uint32_t count = 0;
    if (!asked) return ERR_MEMORY;
    for (uint32_t i = 0; i < change->open_count; i++) {
        count = slots_put(&change->open[i], change->now_ms, asked->others, count);
    }
    uint32_t own = slots_put(&change->reservation, change->now_ms, asked->others, count);
    if (own == SLOTS_MAX) {
        return fault_set(change->call->fault, ERR_LIMIT, "reservation.full", STR_NONE);
    }
    core_ask(change, asked, count, own - count, &answer);
    if (answer.why == WHY_NONE) return OK;
    return answer_fault(change, txn, &answer, asked->slots[answer.at].id % SLOTS_OF_ONE);
}

// ---- changing ----------------------------------------------------------------------------------
static enum err may_change(const struct call *call, const struct reservation *reservation) {
    bool own = reservation->actor.id == call->actor.person_id;
    if (own || (call->actor.roles & ROLE_SYSTEM)) return OK;
    return fault_set(call->fault, ERR_DENIED, "reservation.denied", STR_NONE);
}

static enum err reservation_audit(struct store_txn *txn, const struct call *call,
                                  const char *action, const struct reservation *r) {
    char detail[160];
    snprintf(detail, sizeof detail,
             "tenant=%" PRIu64 " from=%" PRId64 " until=%" PRId64 " weekly_until=%" PRId64
             " cpu=%" PRId64 " memory=%" PRId64 " device=%" PRId64,
             r->tenant, r->from_ms, r->until_ms, r->weekly_until_ms, r->amount[SHARE_CPU],
             r->amount[SHARE_MEMORY], r->amount[SHARE_DEVICE]);
    return audit_put(txn, call->actor.name, action, "reservation", r->id, "ok", str_of(detail));
}

// Limits, then the core; it is saved if both say yes.
static enum err reservation_keep(struct change *change, struct store_txn *txn, const char *action) {
    struct reservation *own = &change->reservation;
    enum err err = policy_borrow(txn, &change->policy);
    if (err != OK) return err;
    err = reservations_open(txn, change->call->arena, change->now_ms, &change->open,
                            &change->open_count);
    for (uint32_t i = 0; i < change->open_count; i++) {
        if (change->open[i].id != own->id) continue;
        change->open[i--] = change->open[--change->open_count];
    }
    if (err == OK) err = limits_check(change);
    if (err == OK) err = core_answer(change, txn);
    policy_return(change->policy);
    if (err == OK) err = reservation_save(txn, own);
    return err == OK ? reservation_audit(txn, change->call, action, own) : err;
}

// For the department that is named, or one's own.
static enum err tenant_find(struct store_txn *txn, const struct call *call, uint64_t *out) {
    struct member member;
    const struct policy *policy;
    enum err err = member_load(txn, call->actor.person_id, &member);
    if (err != OK) return err;
    *out = json_member_u64(call->body, "tenant", member.tenant);
    if (*out != member.tenant && !(call->actor.roles & ROLE_SYSTEM)) {
        return fault_set(call->fault, ERR_DENIED, "reservation.denied", STR_NONE);
    }
    err = policy_borrow(txn, &policy);
    if (err == OK && !policy_tenant(policy, *out)) {
        err = fault_set(call->fault, ERR_INPUT, "reservation.no_tenant", STR_NONE);
    }
    policy_return(policy);
    return err;
}

static enum err create_change(struct store_txn *txn, void *ctx) {
    struct change *change = ctx;
    struct reservation *own = &change->reservation;
    enum err err = tenant_find(txn, change->call, &own->tenant);
    if (err == OK) err = store_next_id(txn, TABLE_RESERVATION, &own->id);
    return err == OK ? reservation_keep(change, txn, "reservation.create") : err;
}

// One whose slot is now is not moved under those who run in it.
static bool runs_now(const struct reservation *reservation, int64_t now_ms) {
    for (uint32_t n = 0; n < slots_count(reservation); n++) {
        struct core_reservation slot = slot_of(reservation, n);
        if (slot.from_ms <= now_ms && now_ms < slot.until_ms) return true;
    }
    return false;
}

static enum err edit_change(struct store_txn *txn, void *ctx) {
    struct change *change = ctx;
    const struct call *call = change->call;
    struct reservation before, *own = &change->reservation;
    enum err err = reservation_load(txn, call->arena, call->id, &before);
    if (err == OK) err = may_change(call, &before);
    if (err != OK) return err;
    *own = before;
    err = body_read(call, own, change->now_ms);
    if (err != OK) return err;
    own->changed_ms = change->now_ms;
    bool moved = own->from_ms != before.from_ms || own->until_ms != before.until_ms ||
                 own->weekly_until_ms != before.weekly_until_ms ||
                 memcmp(own->amount, before.amount, sizeof before.amount) != 0;
    if (moved && runs_now(&before, change->now_ms)) {
        return fault_set(call->fault, ERR_CONFLICT, "reservation.running", STR_NONE);
    }
    return reservation_keep(change, txn, "reservation.change");
}

static enum err delete_change(struct store_txn *txn, void *ctx) {
    struct change *change = ctx;
    const struct call *call = change->call;
    struct reservation *own = &change->reservation;
    enum err err = reservation_load(txn, call->arena, call->id, own);
    if (err == OK) err = may_change(call, own);
    if (err == OK) err = store_delete(txn, TABLE_RESERVATION, key_of_id(own->id));
    return err == OK ? reservation_audit(txn, call, "reservation.delete", own) : err;
}

static enum err change_run(struct flow *flow, struct call *call, struct change *change,
                           enum err (*run)(struct store_txn *txn, void *ctx)) {
    change->flow = flow;
    change->call = call;
    enum err err = allow(call, ROLE_SYSTEM | ROLES_FLOW);
    bool freeing = run == delete_change;
    if (err == OK) {
        err = freeing ? store_write_freeing(flow->store, run, change)
                      : store_write(flow->store, run, change);
    }
    if (err != OK) return missing(call, err, "reservation.not_found");
    calendar_changed(flow);
    return OK;
}

enum err flow_reservation_create(struct flow *flow, struct call *call) {
    struct change change = {.now_ms = clock_now_ms()};
    struct reservation *own = &change.reservation;
    own->actor = who_of(&call->actor);
    own->created_ms = own->changed_ms = change.now_ms;
    enum err err = body_read(call, own, change.now_ms);
    if (err == OK) err = change_run(flow, call, &change, create_change);
    return err == OK ? reservation_answer(flow, call, own) : err;
}

enum err flow_reservation_change(struct flow *flow, struct call *call) {
    struct change change = {.now_ms = clock_now_ms()};
    enum err err = change_run(flow, call, &change, edit_change);
    return err == OK ? reservation_answer(flow, call, &change.reservation) : err;
}

enum err flow_reservation_delete(struct flow *flow, struct call *call) {
    struct change change = {.now_ms = clock_now_ms()};
    return change_run(flow, call, &change, delete_change);
}

// ---- jobs inside -------------------------------------------------------------------------------
static bool holds(const struct reservation *reservation, const struct job *job) {
    uint64_t members = job_members(job);
    const uint64_t needs[SHARE_COUNT] = {job->cpu_milli, job->memory_bytes >> 20,
                                         job->ask.disk_bytes >> 20, job->ask.device_milli};
    for (int i = 0; i < SHARE_COUNT; i++) {
        if (needs[i] * members > (uint64_t)reservation->amount[i]) return false;
    }
    return true;
}

enum err reservation_admit(struct store_txn *txn, const struct call *call, struct job *job) {
    struct reservation reservation;
    const struct policy *policy;
    char id[32];
    snprintf(id, sizeof id, "%" PRIu64, job->when.reservation);
    enum err err = reservation_load(txn, call->arena, job->when.reservation, &reservation);
    bool over = err == OK && reservation_is_over(&reservation, clock_now_ms());
    if (over || err == ERR_NOT_FOUND) {
        return fault_set(call->fault, ERR_INPUT, "schedule.no_such_reservation", str_of(id));
    }
    if (err == OK) err = policy_borrow(txn, &policy);
    if (err != OK) return err;
    bool inside = tenant_below(policy, job->tenant, reservation.tenant);
    policy_return(policy);
    if (!inside) {
        return fault_set(call->fault, ERR_DENIED, "schedule.reservation_of_others", STR_NONE);
    }
    uint64_t cpu_milli = (uint64_t)reservation.amount[SHARE_CPU];
    bool own = str_is(job->step, "command"); // a person has said how much it needs
    if (!own && cpu_milli && job->cpu_milli > cpu_milli) job->cpu_milli = cpu_milli;
    if (holds(&reservation, job)) return OK;
    return fault_set(call->fault, ERR_LIMIT, "schedule.reservation_too_small", STR_NONE);
}
