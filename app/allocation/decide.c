// The decision. While it is being made, `blocker` of a job's answer holds its owner's dominant
// share (parts of 2^32), so that no memory is needed; reasons and blockers are filled in at the
// end.
#include <stddef.h>

#include "allocation/allocation.h"
#include "base/assert.h"

#define NOBODY UINT32_MAX

struct amount {
    uint64_t cpu_milli, memory_bytes;
};

struct decision {
    const struct allocation_capacity *capacity;
    const struct allocation_job *jobs;
    struct allocation_answer *answers;
    uint32_t count;
    uint32_t reserved; // the job that nothing may delay, or NOBODY
    struct amount free;
};

const char *allocation_reason_name(enum allocation_reason reason) {
    static const char *const names[] = {
        [REASON_NONE] = "",     [REASON_CPU] = "cpu",           [REASON_MEMORY] = "memory",
        [REASON_TURN] = "turn", [REASON_RESERVED] = "reserved", [REASON_NEVER] = "never",
    };
    size_t index = (size_t)reason;
    return index < sizeof names / sizeof names[0] ? names[index] : "";
}

static bool fits(const struct allocation_job *job, struct amount free) {
    return job->cpu_milli <= free.cpu_milli && job->memory_bytes <= free.memory_bytes;
}

// Parts of 2^32 of a capacity; more than all counts as all, of nothing as all too.
static uint64_t share_of(uint64_t used, uint64_t capacity) {
    if (used == 0) return 0;
    if (used >= capacity) return (uint64_t)1 << 32;
    return (uint64_t)(((unsigned __int128)used << 32) / capacity);
}

static bool holds(const struct decision *d, uint32_t index) {
    return d->jobs[index].running || d->answers[index].start;
}

static bool waits(const struct decision *d, uint32_t index) {
    return !holds(d, index) && d->answers[index].reason != REASON_NEVER;
}

static uint64_t owner_share(const struct decision *d, uint64_t owner) {
    uint64_t cpu = 0, memory = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->jobs[i].owner != owner || !holds(d, i)) continue;
        cpu += d->jobs[i].cpu_milli;
        memory += d->jobs[i].memory_bytes;
    }
    uint64_t of_cpu = share_of(cpu, d->capacity->cpu_milli);
    uint64_t of_memory = share_of(memory, d->capacity->memory_bytes);
    return of_cpu > of_memory ? of_cpu : of_memory;
}

static void share_set(struct decision *d, uint64_t owner, uint64_t share) {
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->jobs[i].owner == owner) d->answers[i].blocker = share;
    }
}

static void begin(struct decision *d) {
    d->free = (struct amount){d->capacity->cpu_milli, d->capacity->memory_bytes};
    for (uint32_t i = 0; i < d->count; i++) {
        const struct allocation_job *job = &d->jobs[i];
        bool never = job->cpu_milli > d->capacity->cpu_milli ||
                     job->memory_bytes > d->capacity->memory_bytes;
        d->answers[i] = (struct allocation_answer){.reason = !job->running && never ? REASON_NEVER
                                                                                    : REASON_NONE};
        if (!job->running) continue;
        // After a change of the machine more may run than there is: nothing is free then.
        uint64_t cpu = job->cpu_milli, memory = job->memory_bytes;
        d->free.cpu_milli -= cpu < d->free.cpu_milli ? cpu : d->free.cpu_milli;
        d->free.memory_bytes -= memory < d->free.memory_bytes ? memory : d->free.memory_bytes;
    }
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->jobs[i].running) share_set(d, d->jobs[i].owner, owner_share(d, d->jobs[i].owner));
    }
}

static void start(struct decision *d, uint32_t index) {
    const struct allocation_job *job = &d->jobs[index];
    cy_assert(fits(job, d->free));
    d->answers[index].start = true;
    d->free.cpu_milli -= job->cpu_milli;
    d->free.memory_bytes -= job->memory_bytes;
    share_set(d, job->owner, owner_share(d, job->owner));
}

static bool earlier(const struct allocation_job *a, const struct allocation_job *b) {
    if (a->submitted_ms != b->submitted_ms) return a->submitted_ms < b->submitted_ms;
    return a->id < b->id;
}

// Jobs beyond the guard start in the order they came; the first that does not fit is reserved for.
static void start_overdue(struct decision *d, int64_t now_ms, int64_t guard_ms) {
    for (;;) {
        uint32_t best = NOBODY;
        for (uint32_t i = 0; i < d->count; i++) {
            if (!waits(d, i) || now_ms - d->jobs[i].submitted_ms < guard_ms) continue;
            if (best == NOBODY || earlier(&d->jobs[i], &d->jobs[best])) best = i;
        }
        if (best == NOBODY) return;
        if (!fits(&d->jobs[best], d->free)) {
            d->reserved = best;
            return;
        }
        start(d, best);
    }
}

// Run times are not known, so a job may start beside a reservation only if it takes nothing of what
// the reserved job lacks and leaves enough of what it does not lack.
static bool delays_reserved(const struct decision *d, const struct allocation_job *job) {
    if (d->reserved == NOBODY) return false;
    const struct allocation_job *kept = &d->jobs[d->reserved];
    bool cpu_left = job->cpu_milli == 0 || d->free.cpu_milli - job->cpu_milli >= kept->cpu_milli;
    bool memory_left =
        job->memory_bytes == 0 || d->free.memory_bytes - job->memory_bytes >= kept->memory_bytes;
    return !cpu_left || !memory_left;
}

static uint32_t next_by_share(const struct decision *d) {
    uint32_t best = NOBODY;
    for (uint32_t i = 0; i < d->count; i++) {
        const struct allocation_job *job = &d->jobs[i];
        if (!waits(d, i) || !fits(job, d->free) || delays_reserved(d, job)) continue;
        if (best == NOBODY || d->answers[i].blocker < d->answers[best].blocker ||
            (d->answers[i].blocker == d->answers[best].blocker && earlier(job, &d->jobs[best]))) {
            best = i;
        }
    }
    return best;
}

// The job that holds most of what is lacking; of equal ones the one with the lowest id.
static uint64_t largest_holder(const struct decision *d, bool of_cpu) {
    uint64_t id = 0, most = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        if (!holds(d, i)) continue;
        uint64_t held = of_cpu ? d->jobs[i].cpu_milli : d->jobs[i].memory_bytes;
        if (held > most || (held == most && held > 0 && d->jobs[i].id < id)) {
            most = held;
            id = d->jobs[i].id;
        }
    }
    return id;
}

// A job of another owner that starts now, in place of this one; 0 if there is none.
static uint64_t started_instead(const struct decision *d, uint64_t owner, bool of_cpu) {
    uint64_t id = 0, most = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        if (!d->answers[i].start || d->jobs[i].owner == owner) continue;
        uint64_t held = of_cpu ? d->jobs[i].cpu_milli : d->jobs[i].memory_bytes;
        if (id == 0 || held > most || (held == most && d->jobs[i].id < id)) {
            most = held;
            id = d->jobs[i].id;
        }
    }
    return id;
}

static void explain(struct decision *d, uint32_t index, struct amount free_before) {
    const struct allocation_job *job = &d->jobs[index];
    struct allocation_answer *answer = &d->answers[index];
    if (fits(job, d->free)) {
        cy_assert(d->reserved != NOBODY && d->reserved != index);
        answer->reason = REASON_RESERVED;
        answer->blocker = d->jobs[d->reserved].id;
        return;
    }
    bool of_cpu = job->cpu_milli > d->free.cpu_milli;
    uint64_t instead = fits(job, free_before) ? started_instead(d, job->owner, of_cpu) : 0;
    answer->reason = instead ? REASON_TURN : of_cpu ? REASON_CPU : REASON_MEMORY;
    answer->blocker = instead ? instead : largest_holder(d, of_cpu);
}

void allocation_decide(const struct allocation_capacity *capacity,
                       const struct allocation_job *jobs, uint32_t count, int64_t now_ms,
                       int64_t guard_ms, struct allocation_answer *answers) {
    struct decision d = {capacity, jobs, answers, count, NOBODY, {0, 0}};
    begin(&d);
    struct amount free_before = d.free;
    start_overdue(&d, now_ms, guard_ms);
    for (uint32_t next = next_by_share(&d); next != NOBODY; next = next_by_share(&d)) {
        start(&d, next);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (waits(&d, i)) {
            explain(&d, i, free_before);
        } else {
            answers[i].blocker = 0;
        }
    }
}
