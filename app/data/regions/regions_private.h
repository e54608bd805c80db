// The table behind regions.h, made by regions_table.py. Read-only, any thread.
#pragma once

#include "data/regions/regions.h"

enum {
    REGION_SPELLINGS = 7888,
    REGION_ENTRIES = 7820,
    REGION_USES = 15099,
    REGION_SLOTS = 16384,
    REGION_NAME_BYTES = 45, // the longest name
};

// A division under one of its names. Sorted by code; of one code the newest name first.
struct region_entry {
    uint32_t code : 24;
    uint32_t withdrawn : 1;
    uint16_t name, brief; // spellings
};
// A name, full or brief, and the entries that it stands for: `uses` of them from `first`, the
// likeliest first.
struct region_spelling {
    uint32_t offset : 24; // in the pool
    uint16_t first;
    uint8_t uses;
    uint8_t size; // bytes
};

extern const char region_pool[];
extern const struct region_spelling region_spellings[REGION_SPELLINGS];
extern const struct region_entry region_entries[REGION_ENTRIES];
extern const uint16_t region_uses[REGION_USES];
// Open addressing by the FNV-1a hash of the spelling; 0 is empty, else the spelling's number + 1.
extern const uint16_t region_slots[REGION_SLOTS];
