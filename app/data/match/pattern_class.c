// Sets of characters as ranges.
#include <stdlib.h>
#include <string.h>

#include "data/match/pattern_private.h"

enum err ranges_add(struct arena *arena, struct ranges *ranges, uint32_t from, uint32_t to) {
    if (ranges->count == ranges->room) {
        if (ranges->room >= PATTERN_RANGES_MAX) return ERR_LIMIT;
        uint32_t room = ranges->room ? ranges->room * 2 : 8;
        struct range *items = ARENA_ARRAY(arena, struct range, room);
        if (!items) return ERR_LIMIT;
        if (ranges->count) memcpy(items, ranges->items, ranges->count * sizeof *items);
        ranges->items = items;
        ranges->room = room;
    }
    ranges->items[ranges->count++] = (struct range){from, to};
    return OK;
}

static int compare_ranges(const void *a, const void *b) {
    uint32_t left = ((const struct range *)a)->from, right = ((const struct range *)b)->from;
    return left < right ? -1 : left > right;
}

void ranges_settle(struct ranges *ranges) {
    if (ranges->count < 2) return;
    qsort(ranges->items, ranges->count, sizeof *ranges->items, compare_ranges);
    uint32_t kept = 0;
    for (uint32_t i = 1; i < ranges->count; i++) {
        struct range *last = &ranges->items[kept];
        struct range next = ranges->items[i];
        if (next.from <= last->to + 1) {
            if (next.to > last->to) last->to = next.to;
        } else {
            ranges->items[++kept] = next;
        }
    }
    ranges->count = kept + 1;
}

enum err ranges_negate(struct arena *arena, struct ranges *ranges) {
    struct ranges others = {0};
    uint32_t at = 0;
    enum err err = OK;
    for (uint32_t i = 0; i < ranges->count && err == OK; i++) {
        struct range range = ranges->items[i];
        if (range.from > at) err = ranges_add(arena, &others, at, range.from - 1);
        at = range.to + 1;
    }
    if (err == OK && at <= CHARACTER_MAX) err = ranges_add(arena, &others, at, CHARACTER_MAX);
    if (err == OK) *ranges = others;
    return err;
}

// Adds what of `range` lies within [from, to], moved by `shift`.
static enum err add_shifted(struct arena *arena, struct ranges *ranges, struct range range,
                            uint32_t from, uint32_t to, int32_t shift) {
    if (range.from > from) from = range.from;
    if (range.to < to) to = range.to;
    if (from > to) return OK;
    return ranges_add(arena, ranges, (uint32_t)((int32_t)from + shift),
                      (uint32_t)((int32_t)to + shift));
}

struct shift {
    uint32_t from, to;
    int32_t by;
};
static const struct shift widths[] = {
    {'!', '~', 0xFEE0}, {0xFF01, 0xFF5E, -0xFEE0}, {' ', ' ', 0x2FE0}, {0x3000, 0x3000, -0x2FE0}};
static const struct shift cases[] = {
    {'A', 'Z', 32},     {'a', 'z', -32},     {0xFF21, 0xFF3A, 32}, {0xFF41, 0xFF5A, -32},
    {0xC0, 0xD6, 32},   {0xE0, 0xF6, -32},   {0xD8, 0xDE, 32},     {0xF8, 0xFE, -32},
    {0x391, 0x3A9, 32}, {0x3B1, 0x3C9, -32}, {0x410, 0x42F, 32},   {0x430, 0x44F, -32}};

static enum err add_all_shifted(struct arena *arena, struct ranges *ranges,
                                const struct shift *shifts, size_t shift_count) {
    uint32_t before = ranges->count;
    for (uint32_t i = 0; i < before; i++) {
        for (size_t k = 0; k < shift_count; k++) {
            enum err err = add_shifted(arena, ranges, ranges->items[i], shifts[k].from,
                                       shifts[k].to, shifts[k].by);
            if (err != OK) return err;
        }
    }
    ranges_settle(ranges);
    return OK;
}

enum err ranges_fold(struct arena *arena, struct ranges *ranges) {
    enum err err = add_all_shifted(arena, ranges, widths, sizeof widths / sizeof *widths);
    return err == OK ? add_all_shifted(arena, ranges, cases, sizeof cases / sizeof *cases) : err;
}

enum err ranges_add_named(struct arena *arena, struct ranges *ranges, char name) {
    static const struct range digits[] = {{'0', '9'}, {0xFF10, 0xFF19}};
    static const struct range spaces[] = {
        {'\t', '\r'},     {' ', ' '},       {0x85, 0x85},     {0xA0, 0xA0},     {0x2000, 0x200B},
        {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x2060}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
    static const struct range han[] = {{0x3005, 0x3007},  {0x3021, 0x3029}, {0x3400, 0x4DBF},
                                       {0x4E00, 0x9FFF},  {0xF900, 0xFAFF}, {0x20000, 0x2FA1F},
                                       {0x30000, 0x3347F}};
    static const struct range letters[] = {
        {'A', 'Z'},       {'_', '_'},       {'a', 'z'},       {0xAA, 0xAA},     {0xB5, 0xB5},
        {0xBA, 0xBA},     {0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x24F},    {0x370, 0x373},
        {0x376, 0x377},   {0x386, 0x386},   {0x388, 0x481},   {0x48A, 0x52F},   {0x531, 0x556},
        {0x561, 0x587},   {0x5D0, 0x5EA},   {0x620, 0x64A},   {0x671, 0x6D3},   {0x900, 0x963},
        {0xE01, 0xE30},   {0x1100, 0x11FF}, {0x1E00, 0x1FFF}, {0x3041, 0x3096}, {0x30A1, 0x30FA},
        {0x30FC, 0x30FF}, {0x3105, 0x312F}, {0xAC00, 0xD7A3}, {0xFF21, 0xFF3A}, {0xFF41, 0xFF5A},
        {0xFF66, 0xFFDC}};
    const struct range *sets[3] = {NULL};
    size_t sizes[3] = {0}, count = 0;
    bool word = name == 'w';
    if (name == 'd' || word) sets[count] = digits, sizes[count++] = sizeof digits / sizeof *digits;
    if (name == 's') sets[count] = spaces, sizes[count++] = sizeof spaces / sizeof *spaces;
    if (name == 'h' || word) sets[count] = han, sizes[count++] = sizeof han / sizeof *han;
    if (word) sets[count] = letters, sizes[count++] = sizeof letters / sizeof *letters;
    for (size_t set = 0; set < count; set++) {
        for (size_t i = 0; i < sizes[set]; i++) {
            enum err err = ranges_add(arena, ranges, sets[set][i].from, sets[set][i].to);
            if (err != OK) return err;
        }
    }
    ranges_settle(ranges);
    return OK;
}
