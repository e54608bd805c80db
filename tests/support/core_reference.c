// See core_reference.h.
#include "support/core_reference.h"

#include <string.h>

#include "check.h"

// ---- what is held ------------------------------------------------------------------------------
static bool is_below(const struct reference *r, int tenant, int above) {
    for (; tenant != above; tenant = r->tenants[tenant].parent) {
        if (tenant == 0) return false;
    }
    return true;
}

// By the tenant itself, or with all below it.
static int64_t held(const struct reference *r, int tenant, int resource, bool below) {
    int64_t sum = 0;
    for (int i = 0; i < REFERENCE_JOBS; i++) {
        const struct reference_job *job = &r->jobs[i];
        bool its = below ? is_below(r, job->tenant, tenant) : job->tenant == tenant;
        if (job->known && job->running && its) sum += job->need[resource];
    }
    return sum;
}

struct share {
    int64_t over, of, weight;
};

static bool less(struct share a, struct share b) {
    return (__int128)a.over * b.of * b.weight < (__int128)b.over * a.of * a.weight;
}

static struct share share_of(const struct reference *r, int tenant, bool own) {
    struct share most = {0, 1, 1};
    const struct core_tenant *told = &r->tenants[tenant].told;
    for (int i = 0; i < RESOURCE_COUNT; i++) {
        struct share one = {held(r, tenant, i, !own), r->total[i] > 0 ? r->total[i] : 1, 1};
        if (!own && told->has_quota) one.over -= told->quota.of[i];
        if (one.over > 0 && less(most, one)) most = one;
    }
    most.weight = own ? 1 : told->weight;
    return most;
}

// ---- may it start ------------------------------------------------------------------------------
static bool fits(const struct reference *r, const struct reference_job *job) {
    for (int i = 0; i < RESOURCE_COUNT; i++) {
        if (job->need[i] > 0 && job->need[i] > r->total[i] - held(r, 0, i, true)) return false;
    }
    return true;
}

static int64_t end_of(const struct reference_job *job, int64_t from_ms) {
    return job->limit_ms ? from_ms + job->limit_ms : CORE_TIME_MAX;
}

// Beside what is kept for the guarded one: over before then, or small enough. The guarded one too
// starts by being overdue, not by its turn.
static bool leaves_room(const struct reference *r, const struct reference_job *job) {
    if (r->guarded < 0) return true;
    bool known = r->guarded_ms < CORE_TIME_MAX;
    if (known && end_of(job, r->now_ms) <= r->guarded_ms) return true;
    for (int i = 0; i < RESOURCE_COUNT; i++) {
        int64_t left = r->total[i] - r->jobs[r->guarded].need[i];
        for (int k = 0; k < REFERENCE_JOBS; k++) {
            const struct reference_job *other = &r->jobs[k];
            if (!other->known || !other->running) continue;
            bool beyond =
                known ? end_of(other, other->started_ms) > r->guarded_ms : other->past_guard;
            if (beyond) left -= other->need[i];
        }
        if (job->need[i] > 0 && job->need[i] > left) return false;
    }
    return true;
}

static bool within_limits(const struct reference *r, const struct reference_job *job) {
    for (int at = job->tenant; at != 0; at = r->tenants[at].parent) {
        const struct core_tenant *told = &r->tenants[at].told;
        for (int i = 0; i < RESOURCE_COUNT; i++) {
            int64_t then = held(r, at, i, true) + job->need[i];
            if (job->need[i] == 0) continue;
            if (told->limit.of[i] >= 0 && then > told->limit.of[i]) return false;
            if (told->has_quota && told->never_borrows && then > told->quota.of[i]) return false;
        }
    }
    return true;
}

static bool inside_quota(const struct reference *r, const struct reference_job *job) {
    bool any = false;
    for (int at = job->tenant; at != 0; at = r->tenants[at].parent) {
        const struct core_tenant *told = &r->tenants[at].told;
        if (!told->has_quota) continue;
        any = true;
        for (int i = 0; i < RESOURCE_COUNT; i++) {
            if (job->need[i] > 0 && held(r, at, i, true) + job->need[i] > told->quota.of[i]) {
                return false;
            }
        }
    }
    return any;
}

static bool may_start(const struct reference *r, const struct reference_job *job, bool right) {
    return job->known && !job->running && fits(r, job) && leaves_room(r, job) &&
           within_limits(r, job) && (!right || inside_quota(r, job));
}

static void start(struct reference *r, struct reference_job *job) {
    job->running = true;
    job->started_ms = r->now_ms;
    if (r->guarded >= 0 && job == &r->jobs[r->guarded]) r->guarded = -1;
    job->past_guard = r->guarded >= 0;
    r->started[r->started_count++] = job->id;
}

// ---- whose turn --------------------------------------------------------------------------------
static bool any_below(const struct reference *r, int tenant, int level, bool right) {
    for (int i = 0; i < REFERENCE_JOBS; i++) {
        const struct reference_job *job = &r->jobs[i];
        if (job->known && job->level == level && is_below(r, job->tenant, tenant) &&
            may_start(r, job, right)) {
            return true;
        }
    }
    return false;
}

static struct reference_job *own_first(struct reference *r, int tenant, int level, bool right) {
    struct reference_job *best = NULL;
    for (int i = 0; i < REFERENCE_JOBS; i++) {
        struct reference_job *job = &r->jobs[i];
        if (!job->known || job->tenant != tenant || job->level != level) continue;
        if (!may_start(r, job, right)) continue;
        if (!best || job->key < best->key || (job->key == best->key && job->id < best->id)) {
            best = job;
        }
    }
    return best;
}

static struct reference_job *turn(struct reference *r, int tenant, int level, bool right) {
    struct reference_job *own = own_first(r, tenant, level, right);
    int best = 0;
    for (int at = 1; at < r->tenant_count; at++) {
        if (r->tenants[at].parent != tenant || !any_below(r, at, level, right)) continue;
        if (!best || less(share_of(r, at, false), share_of(r, best, false))) best = at;
    }
    if (!best) return own;
    if (own && !less(share_of(r, best, false), share_of(r, tenant, true))) return own;
    return turn(r, best, level, right);
}

static void turns(struct reference *r, bool right) {
    for (int level = 0; level < CORE_LEVELS; level++) {
        struct reference_job *job;
        while ((job = turn(r, 0, level, right))) start(r, job);
    }
}

// ---- who waited too long -----------------------------------------------------------------------
// The earliest end of another after which it fits, if all go on as long as they may.
static int64_t earliest(struct reference *r, const struct reference_job *job) {
    int64_t best = CORE_TIME_MAX;
    for (int k = 0; k < REFERENCE_JOBS; k++) {
        const struct reference_job *last = &r->jobs[k];
        if (!last->known || !last->running || !last->limit_ms) continue;
        int64_t then = end_of(last, last->started_ms);
        bool enough = true;
        for (int i = 0; i < RESOURCE_COUNT; i++) {
            int64_t left = r->total[i];
            for (int n = 0; n < REFERENCE_JOBS; n++) {
                const struct reference_job *other = &r->jobs[n];
                bool stays =
                    other->known && other->running && end_of(other, other->started_ms) > then;
                if (stays) left -= other->need[i];
            }
            enough = enough && job->need[i] <= left;
        }
        if (enough && then < best) best = then;
    }
    return best;
}

static void guard(struct reference *r, int index) {
    if (r->guarded != index) {
        for (int k = 0; k < REFERENCE_JOBS; k++) r->jobs[k].past_guard = false;
    }
    r->guarded = index;
    r->guarded_ms = earliest(r, &r->jobs[index]);
}

static void overdue(struct reference *r) {
    if (r->policy.guard_ms <= 0) return;
    bool looked[REFERENCE_JOBS] = {false};
    for (;;) {
        int first = -1;
        for (int i = 0; i < REFERENCE_JOBS; i++) {
            const struct reference_job *job = &r->jobs[i], *best = &r->jobs[first < 0 ? 0 : first];
            if (!job->known || job->running || looked[i]) continue;
            if (first < 0 || job->waits_since_ms < best->waits_since_ms ||
                (job->waits_since_ms == best->waits_since_ms && job->id < best->id)) {
                first = i;
            }
        }
        if (first < 0) return;
        struct reference_job *job = &r->jobs[first];
        int64_t due = job->waits_since_ms + r->policy.guard_ms - r->policy.guard_lead_ms;
        if (due > r->now_ms) return;
        looked[first] = true;
        if (!within_limits(r, job)) continue; // a matter of its tenant
        if (!fits(r, job)) { // what is kept for one that is due later is not in its way
            guard(r, first);
            return;
        }
        start(r, job);
    }
}

static void decide(struct reference *r) {
    int guarded, before;
    r->started_count = 0;
    do { // again if something that was kept is no longer
        guarded = r->guarded;
        before = r->started_count;
        turns(r, true);
        overdue(r);
        turns(r, false);
    } while (guarded >= 0 && r->guarded != guarded && r->started_count > before);
}

// ---- events ------------------------------------------------------------------------------------
void reference_open(struct reference *r, const struct core_capacity *capacity,
                    const struct core_policy *policy) {
    memset(r, 0, sizeof *r);
    memcpy(r->total, capacity->amount.of, sizeof r->total);
    r->policy = *policy;
    r->tenant_count = 1 + (int)policy->tenant_count;
    r->tenants[0].told.weight = 1;
    for (int i = 1; i < r->tenant_count; i++) {
        r->tenants[i].told = policy->tenants[i - 1];
        for (int k = 1; k < i; k++) {
            if (r->tenants[k].told.id == r->tenants[i].told.parent) r->tenants[i].parent = k;
        }
    }
    r->guarded = -1;
}

void reference_submit(struct reference *r, const struct core_job *what, int64_t now_ms) {
    r->now_ms = now_ms;
    struct reference_job *job = &r->jobs[what->id % REFERENCE_JOBS];
    *job = (struct reference_job){
        .id = what->id, .limit_ms = what->limit_ms, .waits_since_ms = now_ms, .known = true};
    job->key = now_ms - what->priority * r->policy.ageing_ms;
    if (what->flags & CORE_LEASE) job->key -= CORE_TIME_MAX;
    int64_t rate = 0; // of the processors' worth of the resource where that is most
    for (int i = 0; i < RESOURCE_COUNT; i++) {
        job->need[i] = what->need.of[i] * what->members;
        int64_t one = r->total[i] > 0 ? job->need[i] * r->total[RESOURCE_CPU] / r->total[i] : 0;
        if (one > rate) rate = one;
    }
    while (rate > 0 && job->level < CORE_LEVELS - 1 &&
           what->served_milli / rate >= r->policy.level_s[job->level]) {
        job->level++;
    }
    for (int i = 1; i < r->tenant_count; i++) {
        if (r->tenants[i].told.id == what->tenant) job->tenant = i;
    }
    decide(r);
}

void reference_leave(struct reference *r, uint64_t id, int64_t now_ms) {
    r->now_ms = now_ms;
    int index = (int)(id % REFERENCE_JOBS);
    r->jobs[index].known = r->jobs[index].running = false;
    if (r->guarded == index) r->guarded = -1;
    decide(r);
}

void reference_tick(struct reference *r, int64_t now_ms) {
    r->now_ms = now_ms;
    decide(r);
}
