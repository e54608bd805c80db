// From the tree to places, what may follow what, and the classes of characters that no place tells
// apart. Source: Glushkov 1961; Berry and Sethi 1986.
#include <stdlib.h>
#include <string.h>

#include "data/match/pattern_private.h"

enum {
    // Of a tree with its repeats written out; places are far fewer: `(){500}` within itself.
    BUILD_STEPS_MAX = 1 << 16,
    PATTERN_ARENA_BYTES = 16 << 20,
};

struct builder {
    struct pattern *pattern;
    struct arena *arena;
    const struct ranges **ranges; // (places): what each takes; NULL for ^ and $
    uint8_t *anchors;             // (places): 0, or 1 + its class
    uint32_t steps;
};
// A piece of the pattern: where it may begin and end, and whether it may be empty.
struct piece {
    bool nullable;
    struct place_set first, last;
};

static void set_add(struct place_set *set, uint32_t place) {
    set->words[place / 64] |= UINT64_C(1) << (place % 64);
}

static void set_join(struct place_set *set, const struct place_set *more) {
    for (int i = 0; i < PLACE_WORDS; i++) set->words[i] |= more->words[i];
}

// Everything in `to` may stand behind everything in `from`.
static void link_places(struct builder *builder, const struct place_set *from,
                        const struct place_set *to) {
    for (uint32_t word = 0; word < PLACE_WORDS; word++) {
        for (uint64_t left = from->words[word]; left; left &= left - 1) {
            uint32_t place = word * 64 + (uint32_t)__builtin_ctzll(left);
            set_join(&builder->pattern->follow[place], to);
        }
    }
}

static void piece_append(struct builder *builder, struct piece *piece, const struct piece *next) {
    link_places(builder, &piece->last, &next->first);
    if (piece->nullable) set_join(&piece->first, &next->first);
    if (next->nullable) {
        set_join(&piece->last, &next->last);
    } else {
        piece->last = next->last;
    }
    piece->nullable = piece->nullable && next->nullable;
}

static enum err build_place(struct builder *builder, const struct node *node, struct piece *piece) {
    struct pattern *pattern = builder->pattern;
    if (pattern->place_count == LIMIT_PATTERN_PLACES) return ERR_LIMIT;
    uint32_t place = pattern->place_count++;
    if (node->kind == NODE_CHARACTERS) {
        builder->ranges[place] = &node->ranges;
    } else {
        builder->anchors[place] = 1 + (node->kind == NODE_BEGIN ? CLASS_BEGIN : CLASS_END);
    }
    *piece = (struct piece){0};
    set_add(&piece->first, place);
    set_add(&piece->last, place);
    return OK;
}

static enum err build(struct builder *builder, const struct node *node, struct piece *piece);

static enum err build_repeat(struct builder *builder, const struct node *node,
                             struct piece *piece) {
    bool endless = node->most == UINT32_MAX;
    uint32_t copies = endless ? (node->least ? node->least : 1) : node->most;
    *piece = (struct piece){.nullable = true};
    for (uint32_t i = 0; i < copies; i++) {
        struct piece copy;
        enum err err = build(builder, node->inner, &copy);
        if (err != OK) return err;
        if (endless && i + 1 == copies) link_places(builder, &copy.last, &copy.first);
        if (i >= node->least) copy.nullable = true;
        piece_append(builder, piece, &copy);
    }
    return OK;
}

static enum err build(struct builder *builder, const struct node *node, struct piece *piece) {
    if (++builder->steps > BUILD_STEPS_MAX) return ERR_LIMIT;
    struct piece next;
    enum err err = OK;
    switch (node->kind) {
    case NODE_CHAIN:
        *piece = (struct piece){.nullable = true};
        for (const struct node *child = node->inner; child && err == OK; child = child->next) {
            err = build(builder, child, &next);
            if (err == OK) piece_append(builder, piece, &next);
        }
        return err;
    case NODE_EITHER:
        *piece = (struct piece){0};
        for (const struct node *child = node->inner; child && err == OK; child = child->next) {
            err = build(builder, child, &next);
            if (err != OK) break;
            set_join(&piece->first, &next.first);
            set_join(&piece->last, &next.last);
            piece->nullable |= next.nullable;
        }
        return err;
    case NODE_REPEAT: return build_repeat(builder, node, piece);
    default: return build_place(builder, node, piece);
    }
}

// ---- classes ------------------------------------------------------------------------------------

static int compare_u32(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

// Where any place's opinion on characters changes: sorted, each once, 0 first.
static uint32_t *cuts_of(const struct builder *builder, uint32_t *out_count) {
    size_t room = 1;
    for (uint32_t i = 0; i < builder->pattern->place_count; i++) {
        if (builder->ranges[i]) room += 2 * (size_t)builder->ranges[i]->count;
    }
    uint32_t *cuts = ARENA_ARRAY(builder->arena, uint32_t, room);
    if (!cuts) return NULL;
    size_t count = 1;
    for (uint32_t i = 0; i < builder->pattern->place_count; i++) {
        const struct ranges *ranges = builder->ranges[i];
        for (uint32_t k = 0; ranges && k < ranges->count; k++) {
            cuts[count++] = ranges->items[k].from;
            cuts[count++] = ranges->items[k].to + 1;
        }
    }
    qsort(cuts, count, sizeof *cuts, compare_u32);
    uint32_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (cuts[i] != cuts[kept - 1]) cuts[kept++] = cuts[i];
    }
    *out_count = kept;
    return cuts;
}

static uint32_t cut_find(const uint32_t *cuts, uint32_t count, uint32_t value) {
    const uint32_t *found = bsearch(&value, cuts, count, sizeof *cuts, compare_u32);
    return (uint32_t)(found - cuts);
}

// What each stretch between two cuts is taken by.
static struct place_set *stretches_of(const struct builder *builder, const uint32_t *cuts,
                                      uint32_t cut_count) {
    struct place_set *sets = ARENA_ARRAY(builder->arena, struct place_set, cut_count);
    if (!sets) return NULL;
    for (uint32_t place = 0; place < builder->pattern->place_count; place++) {
        const struct ranges *ranges = builder->ranges[place];
        for (uint32_t k = 0; ranges && k < ranges->count; k++) {
            uint32_t to = cut_find(cuts, cut_count, ranges->items[k].to + 1);
            for (uint32_t i = cut_find(cuts, cut_count, ranges->items[k].from); i < to; i++) {
                set_add(&sets[i], place);
            }
        }
    }
    return sets;
}

// The class of a stretch: that of an earlier one which is taken by the same places, or a new one.
static uint32_t class_of(struct pattern *pattern, const struct place_set *set) {
    uint32_t class = CLASS_FIRST;
    while (class < pattern->class_count && memcmp(&pattern->takes[class], set, sizeof *set) != 0) {
        class ++;
    }
    if (class == pattern->class_count) pattern->takes[pattern->class_count++] = *set;
    return class;
}

static enum err fill_pages(struct pattern *pattern, const uint32_t *cuts, const uint16_t *classes,
                           uint32_t cut_count) {
    struct class_range *high = ARENA_ARRAY(pattern->arena, struct class_range, cut_count);
    uint16_t *pages = memory_take(65536 * sizeof *pages);
    if (!pages || !high) {
        memory_give(pages);
        return ERR_MEMORY;
    }
    uint32_t page_count = 0, stretch = 0;
    for (uint32_t page = 0; page < 256; page++) {
        uint16_t *entries = pages + (size_t)page_count * 256;
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t character = page * 256 + i;
            while (stretch + 1 < cut_count && cuts[stretch + 1] <= character) stretch++;
            entries[i] = classes[stretch];
        }
        uint32_t same = 0;
        while (memcmp(pages + (size_t)same * 256, entries, 256 * sizeof *pages) != 0) same++;
        pattern->page_of[page] = (uint16_t)same;
        if (same == page_count) page_count++;
    }
    pattern->pages = ARENA_ARRAY(pattern->arena, uint16_t, (size_t)page_count * 256);
    if (pattern->pages) memcpy(pattern->pages, pages, (size_t)page_count * 256 * sizeof *pages);
    memory_give(pages);
    for (; stretch < cut_count; stretch++) {
        uint32_t to = stretch + 1 < cut_count ? cuts[stretch + 1] - 1 : CHARACTER_MAX;
        high[pattern->high_count++] = (struct class_range){cuts[stretch], to, classes[stretch]};
    }
    pattern->high = high;
    return pattern->pages ? OK : ERR_LIMIT;
}

static enum err build_classes(struct builder *builder) {
    struct pattern *pattern = builder->pattern;
    uint32_t cut_count;
    uint32_t *cuts = cuts_of(builder, &cut_count);
    if (!cuts) return ERR_LIMIT;
    struct place_set *stretches = stretches_of(builder, cuts, cut_count);
    uint16_t *classes = ARENA_ARRAY(builder->arena, uint16_t, cut_count);
    pattern->takes = ARENA_ARRAY(pattern->arena, struct place_set, CLASS_FIRST + cut_count);
    if (!stretches || !classes || !pattern->takes || cut_count > UINT16_MAX - CLASS_FIRST) {
        return ERR_LIMIT;
    }
    pattern->class_count = CLASS_FIRST;
    for (uint32_t place = 0; place < pattern->place_count; place++) {
        if (builder->anchors[place]) set_add(&pattern->takes[builder->anchors[place] - 1], place);
    }
    for (uint32_t i = 0; i < cut_count; i++) {
        classes[i] = (uint16_t)class_of(pattern, &stretches[i]);
    }
    return fill_pages(pattern, cuts, classes, cut_count);
}

static bool set_has(const struct place_set *set, uint32_t place) {
    return set->words[place / 64] >> (place % 64) & 1;
}

// `^^` is `^`: an anchor stands for all the same anchors that may follow it.
static void merge_anchors(struct builder *builder) {
    struct pattern *pattern = builder->pattern;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t place = 0; place < pattern->place_count; place++) {
            if (!builder->anchors[place]) continue;
            struct place_set before = pattern->follow[place];
            bool was_last = set_has(&pattern->last, place);
            for (uint32_t next = 0; next < pattern->place_count; next++) {
                bool same = builder->anchors[next] == builder->anchors[place];
                if (!same || !set_has(&before, next)) continue;
                set_join(&pattern->follow[place], &pattern->follow[next]);
                if (set_has(&pattern->last, next)) set_add(&pattern->last, place);
            }
            changed |= was_last != set_has(&pattern->last, place) ||
                       memcmp(&before, &pattern->follow[place], sizeof before) != 0;
        }
    }
}

static void turn_around(struct pattern *pattern) {
    for (uint32_t place = 0; place < pattern->place_count; place++) {
        for (uint32_t word = 0; word < PLACE_WORDS; word++) {
            for (uint64_t left = pattern->follow[place].words[word]; left; left &= left - 1) {
                set_add(&pattern->precede[word * 64 + (uint32_t)__builtin_ctzll(left)], place);
            }
        }
    }
}

enum err pattern_build(struct pattern *pattern, const struct node *root) {
    struct arena *arena = pattern->arena;
    struct builder builder = {.pattern = pattern, .arena = arena};
    builder.ranges = ARENA_ARRAY(arena, const struct ranges *, LIMIT_PATTERN_PLACES);
    builder.anchors = ARENA_ARRAY(arena, uint8_t, LIMIT_PATTERN_PLACES);
    pattern->follow = ARENA_ARRAY(arena, struct place_set, LIMIT_PATTERN_PLACES);
    pattern->precede = ARENA_ARRAY(arena, struct place_set, LIMIT_PATTERN_PLACES);
    if (!builder.ranges || !builder.anchors || !pattern->follow || !pattern->precede) {
        return ERR_MEMORY;
    }
    struct piece piece;
    enum err err = build(&builder, root, &piece);
    if (err != OK) return err;
    pattern->first = piece.first;
    pattern->last = piece.last;
    pattern->nullable = piece.nullable;
    pattern->word_count = (pattern->place_count + 63) / 64;
    merge_anchors(&builder);
    turn_around(pattern);
    return build_classes(&builder);
}

enum err pattern_open(struct str text, unsigned flags, struct pattern **out, struct fault *fault) {
    struct arena *arena;
    if (arena_open(PATTERN_ARENA_BYTES, &arena) != OK) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("pattern"));
    }
    struct pattern *pattern = ARENA_NEW(arena, struct pattern);
    struct node *root = NULL;
    enum err err = pattern ? OK : fault_set(fault, ERR_MEMORY, "base.no_memory", STR("pattern"));
    if (err == OK) {
        pattern->arena = arena;
        err = pattern_parse(arena, text, flags, &root, fault);
    }
    if (err == OK && flags & PATTERN_WHOLE) {
        // ^(root)$
        static const struct node begin = {.kind = NODE_BEGIN}, end = {.kind = NODE_END};
        struct node parts[3] = {begin, *root, end};
        parts[0].next = &parts[1];
        parts[1].next = &parts[2];
        struct node whole = {.kind = NODE_CHAIN, .inner = parts};
        pattern->whole = true;
        err = pattern_build(pattern, &whole);
    } else if (err == OK) {
        err = pattern_build(pattern, root);
    }
    if (err == ERR_LIMIT) err = fault_set(fault, err, "pattern.too_large", STR_NONE);
    if (err == ERR_MEMORY) err = fault_set(fault, err, "base.no_memory", STR("pattern"));
    if (err != OK) {
        arena_close(arena);
        return err;
    }
    *out = pattern;
    return OK;
}

void pattern_close(struct pattern *pattern) {
    if (pattern) arena_close(pattern->arena);
}
