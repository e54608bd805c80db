// Inside of flow/: where attempts run (places.c). The runner's thread, but for what never changes
// after the start: devices, device_count, disk_bytes, cpus.
#pragma once

#include "allocation/devices.h"
#include "flow/jobs/executor.h"

// What this machine has, found at the start; and told to the core once that is open.
void places_open(struct flow *flow);
void places_tell(struct flow *flow);
struct core_capacity places_capacity(const struct flow *flow); // the same; any thread
// A decision's place as the job's record keeps it, and back for the core after a restart.
struct job_place place_of(const struct core_place *place);
struct core_place place_told(const struct job *job);
// The device nodes of a place; returns how many.
uint32_t place_devices(const struct flow *flow, const struct job_place *place,
                       struct confine_device out[static CONFINE_DEVICES_MAX]);
// The processors an attempt is to be held to; false: any.
bool place_cpus(const struct flow *flow, const struct job_place *place, struct confine_cpus *out);
// Who runs has changed, one with processors of its own among them: all others move.
void places_changed(struct flow *flow);
