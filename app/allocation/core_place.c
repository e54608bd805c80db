// Rooms: what is free, and where something would lie. Processors, memory and disk are amounts; a
// device is a place: a part of one (best fit: where the least is left) or whole ones (the lowest
// numbers). Processors of one's own are taken from the lowest up, side by side where possible.
#include <string.h>

#include "allocation/core_private.h"

static bool cpus_find(const struct core *core, const struct room *room, uint32_t count,
                      uint64_t out[CORE_CPUS_MAX / 64]) {
    uint64_t cpus[CORE_CPUS_MAX / 64];
    for (int word = 0; word < CORE_CPUS_MAX / 64; word++) {
        cpus[word] = room->cpus[word] & core->capacity.cpus[word];
    }
    memset(out, 0, CORE_CPUS_MAX / 64 * sizeof *out);
    uint32_t run = 0, first = 0;
    for (uint32_t cpu = 0; cpu < CORE_CPUS_MAX && run < count; cpu++) { // neighbours share a cache
        bool free = cpus[cpu >> 6] >> (cpu & 63) & 1;
        run = free ? run + 1 : 0;
        if (run == 1) first = cpu;
    }
    if (run == count) {
        for (uint32_t cpu = first; cpu < first + count; cpu++) {
            out[cpu >> 6] |= (uint64_t)1 << (cpu & 63);
        }
        return true;
    }
    uint32_t left = count;
    for (uint32_t cpu = 0; cpu < CORE_CPUS_MAX && left; cpu++) {
        if (!(cpus[cpu >> 6] >> (cpu & 63) & 1)) continue;
        out[cpu >> 6] |= (uint64_t)1 << (cpu & 63);
        left--;
    }
    return left == 0;
}

static bool whole_devices_find(const struct room *room, uint64_t allowed, int64_t count,
                               struct core_place *out) {
    for (uint64_t left = allowed; left && count > 0; left &= left - 1) {
        uint32_t device = (uint32_t)__builtin_ctzll(left);
        if (room->device_free[device] < CORE_DEVICE_MILLI) continue;
        out->devices |= (uint64_t)1 << device;
        out->device_milli[device] = CORE_DEVICE_MILLI;
        count--;
    }
    return count <= 0;
}

static bool part_find(const struct room *room, uint64_t allowed, int64_t milli,
                      struct core_place *out) {
    uint32_t best = CORE_DEVICES_MAX;
    int64_t best_left = INT64_MAX;
    for (uint64_t left = allowed; left; left &= left - 1) {
        uint32_t device = (uint32_t)__builtin_ctzll(left);
        int64_t rest = room->device_free[device] - out->device_milli[device] - milli;
        if (rest < 0 || rest >= best_left) continue;
        best = device;
        best_left = rest;
    }
    if (best == CORE_DEVICES_MAX) return false;
    out->devices |= (uint64_t)1 << best;
    out->device_milli[best] = (uint16_t)(out->device_milli[best] + milli);
    return true;
}

bool place_find(const struct core *core, const struct room *room, const struct shape *shape,
                uint64_t devices_allowed, struct core_place *out) {
    if (!amount_within(&shape->total, &room->free)) return false;
    int64_t device = shape->need.of[RESOURCE_DEVICE];
    if (device == 0 && !shape->own_cpus) {
        if (out) memset(out, 0, sizeof *out);
        return true;
    }
    struct core_place place;
    memset(&place, 0, sizeof place);
    uint64_t allowed = devices_allowed & core->capacity.devices;
    if (device >= CORE_DEVICE_MILLI) {
        int64_t count = device / CORE_DEVICE_MILLI * (int64_t)shape->members;
        if (!whole_devices_find(room, allowed, count, &place)) return false;
    } else if (device > 0) {
        for (uint32_t member = 0; member < shape->members; member++) {
            if (!part_find(room, allowed, device, &place)) return false;
        }
    }
    if (shape->own_cpus &&
        !cpus_find(core, room, (uint32_t)(shape->total.of[RESOURCE_CPU] / 1000), place.cpus)) {
        return false;
    }
    if (out) *out = place;
    return true;
}

bool room_has(const struct core *core, const struct room *room, const struct shape *shape,
              const struct core_place *place) {
    if (!amount_within(&shape->total, &room->free)) return false;
    if (place->devices & ~core->capacity.devices) return false;
    for (uint64_t left = place->devices; left; left &= left - 1) {
        uint32_t device = (uint32_t)__builtin_ctzll(left);
        if (place->device_milli[device] > room->device_free[device]) return false;
    }
    for (int word = 0; shape->own_cpus && word < CORE_CPUS_MAX / 64; word++) {
        if (place->cpus[word] & ~room->cpus[word]) return false;
    }
    return true;
}

void room_take(struct room *room, const struct core_amount *total, const struct core_place *place) {
    amount_take(&room->free, total);
    for (uint64_t left = place->devices; left; left &= left - 1) {
        uint32_t device = (uint32_t)__builtin_ctzll(left);
        cy_assert(room->device_free[device] >= place->device_milli[device]);
        room->device_free[device] =
            (uint16_t)(room->device_free[device] - place->device_milli[device]);
    }
    for (int word = 0; word < CORE_CPUS_MAX / 64; word++) room->cpus[word] &= ~place->cpus[word];
}

void room_give(struct room *room, const struct core_amount *total, const struct core_place *place) {
    amount_add(&room->free, total);
    for (uint64_t left = place->devices; left; left &= left - 1) {
        uint32_t device = (uint32_t)__builtin_ctzll(left);
        room->device_free[device] =
            (uint16_t)(room->device_free[device] + place->device_milli[device]);
        cy_assert(room->device_free[device] <= CORE_DEVICE_MILLI);
    }
    for (int word = 0; word < CORE_CPUS_MAX / 64; word++) room->cpus[word] |= place->cpus[word];
}

// The amount of devices counts those that are up, so a device that goes down while something lies
// on it leaves the free amount below what is there until that something has gone.
void room_reset(struct core *core) {
    struct room room = {.free = core->total};
    amount_take(&room.free, &core->pressure);
    for (int device = 0; device < CORE_DEVICES_MAX; device++) {
        room.device_free[device] = CORE_DEVICE_MILLI;
    }
    memcpy(room.cpus, core->capacity.cpus, sizeof room.cpus);
    core->now = core->plan = room;
    for (uint32_t at = core->runs_first; at; at = run_at(core, at)->after) {
        const struct run *run = run_at(core, at);
        const struct core_amount *total = &shape_at(core, job_at(core, run->job)->shape)->total;
        if (run->in_now) room_take(&core->now, total, &run->place);
        if (!run->stopping) room_take(&core->plan, total, &run->place);
    }
    for (uint32_t at = 1; at < core->edge_end; at++) { // open slots of the calendar
        const struct edge *edge = edge_at(core, at);
        if (edge->kind != EDGE_NONE && edge->open) {
            room_take(&core->plan, &edge->rest, &edge->place);
        }
    }
}
