// PID 1 and its console: what it shows is gathered here, what a person asks there is done.
#pragma once

#include "appliance/console/console.h"
#include "base/fault.h"

struct init;

struct front {
    struct console *console; // NULL: none could be opened
    struct console_view view;
    enum console_do asked; // a long work that the console waits for
    bool disks_changed;    // something has been plugged in or out
    int64_t look_ms;       // when to gather anew
    char phase[32];        // key of what the work is at
};

void front_open(struct init *init);
int front_fd(const struct init *init); // to poll for reading; -1: none
// When to call again at the latest (monotonic, ms).
int64_t front_run(struct init *init, int64_t now_ms);
