#include <string.h>

#include "data/regions/regions_private.h"

_Static_assert(sizeof(struct region_spelling) == 8, "one spelling is eight bytes");

static struct str spelling(uint16_t number) {
    const struct region_spelling *entry = &region_spellings[number];
    return (struct str){region_pool + entry->offset, entry->size};
}

// The first entry whose code is not less.
static size_t entry_from(uint32_t code) {
    size_t least = 0, behind = REGION_ENTRIES;
    while (least < behind) {
        size_t middle = least + (behind - least) / 2;
        if (region_entries[middle].code < code) {
            least = middle + 1;
        } else {
            behind = middle;
        }
    }
    return least;
}

static struct region region_at(size_t entry) {
    const struct region_entry *found = &region_entries[entry];
    return (struct region){
        .code = found->code,
        .name = spelling(found->name),
        .brief = spelling(found->brief),
        .withdrawn = found->withdrawn,
    };
}

enum region_level region_level(uint32_t code) {
    if (code % 10000 == 0) return REGION_PROVINCE;
    return code % 100 == 0 ? REGION_CITY : REGION_COUNTY;
}

bool region_issued(uint32_t code) {
    size_t entry = entry_from(code);
    return entry < REGION_ENTRIES && region_entries[entry].code == code;
}

bool region_of(uint32_t code, struct region *out) {
    size_t entry = entry_from(code);
    if (entry >= REGION_ENTRIES || region_entries[entry].code != code) return false;
    *out = region_at(entry);
    return true;
}

// Whether a name is found by itself: 市辖区 and the like are no names.
static bool entry_named(size_t entry) {
    return region_spellings[region_entries[entry].name].uses > 0;
}

uint32_t region_parent(uint32_t code) {
    uint32_t city = code / 100 * 100, province = code / 10000 * 10000;
    if (code != city) {
        size_t entry = entry_from(city);
        bool there = entry < REGION_ENTRIES && region_entries[entry].code == city;
        if (there && city != province && entry_named(entry)) return city;
    }
    return code != province && region_issued(province) ? province : 0;
}

bool region_within(uint32_t code, uint32_t outer) {
    if (outer == 0 || code == outer) return true;
    if (outer % 10000 == 0) return code / 10000 == outer / 10000;
    return outer % 100 == 0 && code / 100 == outer / 100;
}

// The spelling that is exactly this text; NULL if there is none.
static const struct region_spelling *spelling_find(struct str text, uint32_t hash) {
    for (uint32_t at = hash % REGION_SLOTS; region_slots[at]; at = (at + 1) % REGION_SLOTS) {
        const struct region_spelling *found = &region_spellings[region_slots[at] - 1];
        if (found->size == text.size &&
            memcmp(region_pool + found->offset, text.data, text.size) == 0) {
            return found;
        }
    }
    return NULL;
}

enum { HASH_PRIME = 16777619 };
#define HASH_START UINT32_C(2166136261) // FNV-1a, 32 bits

static uint32_t hash_on(uint32_t hash, char byte) {
    return (hash ^ (uint8_t)byte) * (uint32_t)HASH_PRIME;
}

size_t region_find(struct str name, uint32_t within, struct region *out, size_t room) {
    uint32_t hash = HASH_START;
    for (size_t i = 0; i < name.size; i++) hash = hash_on(hash, name.data[i]);
    const struct region_spelling *found = spelling_find(name, hash);
    size_t count = 0;
    for (uint32_t i = 0; found && i < found->uses; i++) {
        struct region region = region_at(region_uses[found->first + i]);
        if (!region_within(region.code, within)) continue;
        if (count < room) out[count] = region;
        count++;
    }
    return count;
}

// The likeliest division of a spelling that is allowed here.
static bool spelling_choose(const struct region_spelling *found, struct str text, uint32_t within,
                            bool briefs, struct region *out) {
    for (uint32_t i = 0; i < found->uses; i++) {
        struct region region = region_at(region_uses[found->first + i]);
        if (!region_within(region.code, within)) continue;
        bool brief = region.name.size != text.size;
        if (brief && !briefs && region_level(region.code) == REGION_COUNTY) continue;
        *out = region;
        return true;
    }
    return false;
}

size_t region_prefix(struct str text, uint32_t within, bool briefs, struct region *out) {
    uint32_t hash = HASH_START;
    size_t best = 0, most = text.size < REGION_NAME_BYTES ? text.size : REGION_NAME_BYTES;
    for (size_t at = 0; at < most; at++) {
        // All names are of three-byte characters, the first of which lie in E4..E9.
        uint8_t byte = (uint8_t)text.data[at];
        if (at % 3 == 0 && (byte < 0xE4 || byte > 0xE9)) break;
        hash = hash_on(hash, text.data[at]);
        if (at % 3 != 2 || at < 5) continue;
        struct str name = {text.data, at + 1};
        const struct region_spelling *found = spelling_find(name, hash);
        if (found && spelling_choose(found, name, within, briefs, out)) best = at + 1;
    }
    return best;
}

size_t region_path(struct str text, struct region *out) {
    struct region region = {0};
    size_t used = 0;
    for (;;) {
        struct str rest = {text.data + used, text.size - used};
        struct region next;
        // Behind a larger division the brief of a county is clear: 浙江杭州西湖.
        size_t size = region_prefix(rest, region.code, used > 0, &next);
        if (!size || next.code == region.code) break;
        region = next;
        used += size;
        if (region_level(region.code) == REGION_COUNTY) break;
    }
    if (used) *out = region;
    return used;
}
