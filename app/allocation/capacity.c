// What this machine has, as far as this process may use it: the smaller of the machine and of every
// cgroup above us.
#include <string.h>
#include <sys/sysinfo.h>

#include "allocation/allocation_private.h"
#include "base/file.h"
#include "base/thread.h"

bool kernel_line(const char *path, char *out, size_t out_size) {
    struct buf text;
    buf_open(&text, 64 * 1024);
    bool done =
        file_read(path, &text, NULL) == OK && str_copy(out, out_size, str_trim(buf_str(&text)));
    buf_close(&text);
    return done;
}

// "max" and what cannot be read are no limit.
static uint64_t limit_read(const char *folder, const char *name) {
    char path[CGROUP_PATH_SIZE], line[64];
    uint64_t value;
    if (path_join(path, sizeof path, folder, name) != OK) return UINT64_MAX;
    if (!kernel_line(path, line, sizeof line)) return UINT64_MAX;
    return str_to_u64(str_of(line), &value) ? value : UINT64_MAX;
}

// "QUOTA PERIOD" in microseconds -> thousandths of a processor.
static uint64_t cpu_quota_read(const char *folder) {
    char path[CGROUP_PATH_SIZE], line[64];
    if (path_join(path, sizeof path, folder, "cpu.max") != OK) return UINT64_MAX;
    if (!kernel_line(path, line, sizeof line)) return UINT64_MAX;
    struct str rest;
    uint64_t quota, period;
    struct str first = str_cut(str_of(line), ' ', &rest);
    if (!str_to_u64(first, &quota) || !str_to_u64(rest, &period) || period == 0) return UINT64_MAX;
    return quota < UINT64_MAX / 1000 ? quota * 1000 / period : UINT64_MAX;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// Walks from our own cgroup up to the root of the hierarchy.
static void cgroup_limits(struct allocation_capacity *out) {
    char folder[CGROUP_PATH_SIZE], root[CGROUP_PATH_SIZE];
    if (!cgroup_own(folder, root)) return;
    size_t root_size = strlen(root);
    for (;;) {
        out->memory_bytes = least(out->memory_bytes, limit_read(folder, "memory.max"));
        out->cpu_milli = least(out->cpu_milli, cpu_quota_read(folder));
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < root_size) return;
        *slash = '\0';
    }
}

void allocation_capacity_read(uint64_t kept_bytes, struct allocation_capacity *out) {
    struct sysinfo info = {0};
    sysinfo(&info);
    struct allocation_capacity capacity = {
        .cpu_milli = (uint64_t)thread_count_usable() * 1000,
        .memory_bytes = (uint64_t)info.totalram * info.mem_unit,
    };
    capacity.memory_bytes =
        least(capacity.memory_bytes,
              limit_read("/sys/fs/cgroup/memory", "memory.limit_in_bytes")); // cgroup version 1
    cgroup_limits(&capacity);
    capacity.memory_bytes -= least(capacity.memory_bytes, kept_bytes);
    *out = capacity;
}
