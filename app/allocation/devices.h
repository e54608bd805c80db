// The accelerators of this machine, by their nodes below /dev: those of NVIDIA, Ascend (davinci),
// or else render nodes (AMD, Intel and others). One family counts, the first that is there: a card
// has a render node beside its own. Depends on base/ only. Any thread.
#pragma once

#include <stdint.h>

enum {
    DEVICES_MAX = 64, // as many as the core can place
    DEVICE_NODES_MAX = 6,
    DEVICE_PATH_BYTES = 128,
};
struct device {
    char nodes[DEVICE_NODES_MAX][DEVICE_PATH_BYTES]; // its own first; then what it shares
    uint32_t node_count;
};
// Fills out (DEVICES_MAX) from `folder` ("/dev"), by number; returns how many.
uint32_t devices_find(const char *folder, struct device *out);
