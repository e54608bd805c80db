// The power goes off between two writes of a block device (app/appliance/disk/block.h). What
// was not synced by then is there or not, each sector by itself, as chance will have it. For tests
// only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Lets `steps` writes and syncs pass, then fails all; UINT64_MAX: none. `random` gives the numbers
// that decide which unsynced sectors are lost.
void block_cut_after(uint64_t steps, uint64_t (*random)(void));
// Loses what is to be lost and takes the hook away. Whether the power went off.
bool block_cut_end(void);
uint64_t block_cut_steps(void); // writes and syncs since block_cut_after
