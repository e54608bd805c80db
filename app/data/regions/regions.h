// Regions: the divisions of China by code and by name (GB/T 2260): provinces, cities and counties
// in force, and all that were in force in some year since 1980, because an identity number keeps
// the code of the county that issued it. Depends on base/ only; tables of the program, nothing to
// open, any thread. Names are valid for ever.
//
// What a name says alone is often too little: there are four 鼓楼区, and 和平 is a district and a
// word. Briefs of counties are therefore found only where a caller asks for them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum region_level { REGION_PROVINCE, REGION_CITY, REGION_COUNTY };

struct region {
    uint32_t code;    // six digits: 330106
    struct str name;  // 西湖区
    struct str brief; // 西湖; the name itself where nothing but one character would be left
    bool withdrawn;   // the code, or this name of it, is no longer in force
};

// By the form of the code alone: 330000 a province, 330100 a city, anything else a county.
enum region_level region_level(uint32_t code);
// Whether the code was ever given to a province, a city or a county.
bool region_issued(uint32_t code);
// The newest name of a code; *out untouched and false if it was never issued.
bool region_of(uint32_t code, struct region *out);
// The city of a county (the province where no named city stands between, as in Beijing), the
// province of a city, 0 for a province or a code whose province does not exist.
uint32_t region_parent(uint32_t code);
// Whether `code` lies in `outer` or is it; everything lies in 0.
bool region_within(uint32_t code, uint32_t outer);

// All divisions of that name, full or brief, that lie in `within` (0: anywhere): those in force
// first, then the larger. Returns their number; at most `room` are stored.
size_t region_find(struct str name, uint32_t within, struct region *out, size_t room);
// The longest name that `text` begins with, of a division in `within`; briefs of counties only with
// `briefs`. Returns its bytes and the likeliest division, or 0 with *out untouched.
size_t region_prefix(struct str text, uint32_t within, bool briefs, struct region *out);
// Names one after another, each within the one before: 浙江省杭州市西湖区, 浙江杭州西湖, 杭州市西湖区.
// Returns the bytes of all and the last division, or 0 with *out untouched.
size_t region_path(struct str text, struct region *out);
