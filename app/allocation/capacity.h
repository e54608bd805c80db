// What this machine has for jobs. Depends on base/ only. Any thread.
#pragma once

#include <stdint.h>

struct allocation_capacity {
    uint64_t cpu_milli;
    uint64_t memory_bytes;
};
// Usable processors and memory (cgroup limits respected), less `kept_bytes`.
void allocation_capacity_read(uint64_t kept_bytes, struct allocation_capacity *out);
