// The machine's power key, as whatever input devices show it. Depends on base/. One thread.
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum { POWER_DEVICES = 8 };

struct power {
    int fds[POWER_DEVICES];
    size_t count;
};
// Opens every input device that has such a key; again when one has come.
void power_look(struct power *power);
// To poll for reading; how many were put.
size_t power_fds(const struct power *power, struct pollfd out[POWER_DEVICES]);
// Was it pressed? Reads what came.
bool power_pressed(struct power *power);
