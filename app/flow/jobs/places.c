// Where attempts run: what this machine has beside processors and memory, told to the core; and
// what the core decided of it, handed on. Processors that are one job's own are taken from all
// others that run, and given back when it ends. The runner's thread.
#include "flow/jobs/places.h"

#include <sched.h>
#include <string.h>

#include "allocation/policy.h"
#include "base/file.h"
#include "base/log.h"

enum { SCRATCH_TENTHS = 9 }; // of what is free at the start may be given away as scratch

void places_open(struct flow *flow) {
    struct places *places = &flow->places;
    uint64_t free_bytes = 0;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (uint32_t cpu = 0; cpu < CORE_CPUS_MAX; cpu++) {
            if (CPU_ISSET(cpu, &set)) places->cpus[cpu / 64] |= UINT64_C(1) << cpu % 64;
        }
    }
    // Those of a cluster's nodes are not ours to name.
    bool here = flow->executor == &executor_local;
    places->device_count = here ? devices_find("/dev", places->devices) : 0;
    if (disk_free(store_dir(flow->store), &free_bytes, NULL) != OK) free_bytes = 0;
    places->disk_bytes = free_bytes / 10 * SCRATCH_TENTHS;
}

struct core_capacity places_capacity(const struct flow *flow) {
    const struct places *places = &flow->places;
    struct core_capacity told = {
        .amount.of[RESOURCE_CPU] = (int64_t)flow->capacity.cpu_milli,
        .amount.of[RESOURCE_MEMORY] = (int64_t)(flow->capacity.memory_bytes >> 20),
        .amount.of[RESOURCE_DISK] = (int64_t)(places->disk_bytes >> 20),
    };
    if (flow->executor == &executor_local) { // a cluster places its own
        if (places->device_count) told.devices = UINT64_MAX >> (64 - places->device_count);
        memcpy(told.cpus, places->cpus, sizeof told.cpus);
    }
    return told;
}

void places_tell(struct flow *flow) {
    struct core_capacity told = places_capacity(flow);
    int64_t shares[SHARE_COUNT] = {
        [SHARE_CPU] = told.amount.of[RESOURCE_CPU],
        [SHARE_MEMORY] = told.amount.of[RESOURCE_MEMORY],
        [SHARE_DISK] = POLICY_AMOUNT_MAX,
        [SHARE_DEVICE] = (int64_t)__builtin_popcountll(told.devices) * CORE_DEVICE_MILLI,
    };
    schedule_capacity(flow->schedule, &told);
    policy_capacity_tell(shares);
}

// ---- one attempt's ------------------------------------------------------------------------------
struct job_place place_of(const struct core_place *place) {
    struct job_place own = {.devices = place->devices};
    for (uint32_t i = 0; i < CORE_CPUS_MAX / 64; i++) {
        own.cpus[i] = place->cpus[i];
        if (place->cpus[i]) own.cpu_words = i + 1;
    }
    return own;
}

struct core_place place_told(const struct job *job) {
    struct core_place place = {.devices = job->place.devices};
    uint64_t milli = job->ask.device_milli;
    for (uint32_t d = 0; d < CORE_DEVICES_MAX; d++) {
        if (!(place.devices >> d & 1)) continue;
        place.device_milli[d] = milli < CORE_DEVICE_MILLI ? (uint16_t)milli : CORE_DEVICE_MILLI;
    }
    memcpy(place.cpus, job->place.cpus, sizeof place.cpus);
    return place;
}

uint32_t place_devices(const struct flow *flow, const struct job_place *place,
                       struct confine_device out[static CONFINE_DEVICES_MAX]) {
    uint32_t count = 0;
    for (uint32_t d = 0; d < flow->places.device_count; d++) {
        const struct device *device = &flow->places.devices[d];
        if (!(place->devices >> d & 1)) continue;
        for (uint32_t i = 0; i < device->node_count && count < CONFINE_DEVICES_MAX; i++) {
            count += confine_device_of(device->nodes[i], &out[count]);
        }
    }
    return count;
}

static bool own_cpus(const struct job_place *place) {
    return place->cpu_words > 0;
}

// Its own, or all that are nobody's own. False: as there is nothing to hold it to.
bool place_cpus(const struct flow *flow, const struct job_place *place, struct confine_cpus *out) {
    memset(out, 0, sizeof *out);
    for (uint32_t i = 0; i < CORE_CPUS_MAX / 64; i++) {
        out->bits[i] =
            own_cpus(place) ? place->cpus[i] : flow->places.cpus[i] & ~flow->places.owned[i];
    }
    return own_cpus(place) || flow->places.any_owned;
}

void places_changed(struct flow *flow) {
    struct places *places = &flow->places;
    bool before = places->any_owned;
    memset(places->owned, 0, sizeof places->owned);
    places->any_owned = false;
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        const struct active *active = &flow->active[i];
        bool holds = flow->active_job[i] != 0 && active->state <= ACTIVE_RUNNING;
        if (!holds || !own_cpus(&active->place)) continue;
        places->any_owned = true;
        for (uint32_t k = 0; k < CORE_CPUS_MAX / 64; k++) places->owned[k] |= active->place.cpus[k];
    }
    if (!before && !places->any_owned) return;
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        const struct active *active = &flow->active[i];
        struct confine_cpus cpus;
        if (flow->active_job[i] == 0 || active->state != ACTIVE_RUNNING) continue;
        if (own_cpus(&active->place) || active->executor->away) continue;
        place_cpus(flow, &active->place, &cpus);
        confine_move(flow->confine, &active->confined, &cpus);
    }
}
