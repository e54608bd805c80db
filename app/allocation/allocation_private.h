// Inside of allocation/: where cgroup v2 is, and small files of the kernel. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "allocation/capacity.h"

enum { CGROUP_PATH_SIZE = 1024 };

// The first bytes of a small file, trimmed; false if it cannot be read or does not fit.
bool kernel_line(const char *path, char *out, size_t out_size);
// Folder of our own cgroup and of the hierarchy's root as mounted here; false without cgroup v2.
bool cgroup_own(char folder[static CGROUP_PATH_SIZE], char root[static CGROUP_PATH_SIZE]);
