// Trees of values, built level by level: the names of one level are told for every leaf, equal
// names are one node.
#include "data/anonymity/anonymity.h"

#include <string.h>

#include "base/assert.h"
#include "data/anonymity/anonymity_private.h"

const char *hierarchy_kind_name(enum hierarchy_kind kind) {
    static const char *const names[HIERARCHY_KIND_COUNT] = {"file", "flat",   "age",   "number",
                                                            "date", "region", "prefix"};
    return names[kind];
}

bool hierarchy_kind_from_name(struct str name, enum hierarchy_kind *out) {
    for (int kind = 0; kind < HIERARCHY_KIND_COUNT; kind++) {
        if (!str_is(name, hierarchy_kind_name((enum hierarchy_kind)kind))) continue;
        *out = (enum hierarchy_kind)kind;
        return true;
    }
    return false;
}

// ---- names to numbers ---------------------------------------------------------------------------

uint64_t anonymity_hash(const void *data, size_t size) {
    const uint8_t *bytes = data;
    uint64_t hash = 0x9E3779B97F4A7C15u ^ size;
    for (; size >= 8; size -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * 0xBF58476D1CE4E5B9u;
        hash ^= hash >> 32;
    }
    uint64_t word = 0;
    if (size) memcpy(&word, bytes, size);
    hash = (hash ^ word) * 0x94D049BB133111EBu;
    return hash ^ hash >> 29;
}

enum err name_map_open(struct name_map *map, uint32_t most) {
    uint64_t room = 16;
    while (room < (uint64_t)most * 2) room *= 2;
    *map = (struct name_map){.mask = room - 1};
    map->slots = memory_take(room * sizeof *map->slots);
    return map->slots ? OK : ERR_MEMORY;
}

void name_map_close(struct name_map *map) {
    memory_give(map->slots);
    map->slots = NULL;
}

// The number of the name, `count` if it is new (and then it is remembered as that).
uint32_t name_map_put(struct name_map *map, const struct str *names, struct str name,
                      uint32_t count) {
    uint64_t at = anonymity_hash(name.data, name.size) & map->mask;
    for (; map->slots[at]; at = (at + 1) & map->mask) {
        uint32_t known = map->slots[at] - 1;
        if (str_equal(names[known], name)) return known;
    }
    map->slots[at] = count + 1;
    return count;
}

uint32_t name_map_find(const struct name_map *map, const struct str *names, struct str name) {
    uint64_t at = anonymity_hash(name.data, name.size) & map->mask;
    for (; map->slots[at]; at = (at + 1) & map->mask) {
        if (str_equal(names[map->slots[at] - 1], name)) return map->slots[at] - 1;
    }
    return UINT32_MAX;
}

// ---- building -----------------------------------------------------------------------------------

struct hierarchy_builder {
    struct arena *arena;
    struct hierarchy tree;
    uint32_t levels_done;
    uint32_t name_room;
    uint32_t first_of[LIMIT_HIERARCHY_LEVELS + 2]; // the first node of each level
};

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("hierarchy"));
}

enum err hierarchy_begin(struct arena *arena, enum hierarchy_kind kind, uint32_t leaf_count,
                         uint32_t level_count, struct hierarchy_builder **out,
                         struct fault *fault) {
    if (leaf_count == 0) return fault_set(fault, ERR_INPUT, "hierarchy.empty", STR_NONE);
    if (leaf_count > LIMIT_HIERARCHY_LEAVES || level_count > LIMIT_HIERARCHY_LEVELS - 1) {
        return fault_set(fault, ERR_LIMIT, "hierarchy.too_large", STR_NONE);
    }
    struct hierarchy_builder *builder = ARENA_NEW(arena, struct hierarchy_builder);
    // One level more than was said: a root may have to be put on top.
    uint32_t *above = ARENA_ARRAY(arena, uint32_t, (size_t)(level_count + 1) * leaf_count);
    if (!builder || !above) return no_memory(fault);
    builder->arena = arena;
    builder->tree = (struct hierarchy){
        .kind = kind, .leaf_count = leaf_count, .level_count = level_count, .above = above};
    *out = builder;
    return OK;
}

static enum err names_grow(struct hierarchy_builder *builder, uint32_t more) {
    struct hierarchy *tree = &builder->tree;
    if (tree->node_count + more <= builder->name_room) return OK;
    uint32_t room = (tree->node_count + more) * 2;
    struct str *names = ARENA_ARRAY(builder->arena, struct str, room);
    if (!names) return ERR_MEMORY;
    if (tree->node_count) memcpy(names, tree->names, tree->node_count * sizeof *names);
    tree->names = names;
    builder->name_room = room;
    return OK;
}

static enum err copy_names(struct hierarchy_builder *builder, uint32_t first) {
    for (uint32_t node = first; node < builder->tree.node_count; node++) {
        struct str *name = &builder->tree.names[node];
        char *copy = arena_take(builder->arena, name->size + 1);
        if (!copy) return ERR_MEMORY;
        if (name->size) memcpy(copy, name->data, name->size);
        name->data = copy;
    }
    return OK;
}

enum err hierarchy_level(struct hierarchy_builder *builder, const struct str *names,
                         struct fault *fault) {
    struct hierarchy *tree = &builder->tree;
    uint32_t level = builder->levels_done++, first = tree->node_count;
    cy_assert(level <= tree->level_count);
    builder->first_of[level] = first;
    struct name_map map;
    if (names_grow(builder, tree->leaf_count) != OK) return no_memory(fault);
    if (name_map_open(&map, tree->leaf_count) != OK) return no_memory(fault);
    uint32_t *above = tree->above + (size_t)level * tree->leaf_count, count = 0;
    enum err err = OK;
    for (uint32_t leaf = 0; leaf < tree->leaf_count && err == OK; leaf++) {
        uint32_t node = name_map_put(&map, tree->names + first, names[leaf], count);
        if (node == count) {
            tree->names[first + count++] = names[leaf];
        } else if (level == 0) {
            err = fault_at(fault, ERR_INPUT, "hierarchy.value_twice", leaf + 1, 0, STR_NONE);
        }
        above[leaf] = first + node;
    }
    name_map_close(&map);
    tree->node_count = first + count;
    if (err != OK) return err;
    return copy_names(builder, first) == OK ? OK : no_memory(fault);
}

static enum err put_root(struct hierarchy_builder *builder, struct fault *fault) {
    struct hierarchy *tree = &builder->tree;
    uint32_t first = builder->first_of[tree->level_count - 1];
    if (tree->node_count - first == 1) return OK;
    struct str *names = memory_take(tree->leaf_count * sizeof *names);
    if (!names) return no_memory(fault);
    for (uint32_t leaf = 0; leaf < tree->leaf_count; leaf++) names[leaf] = STR("*");
    enum err err = hierarchy_level(builder, names, fault);
    memory_give(names);
    tree->level_count++;
    return err;
}

// Each node must have one parent; counts leaves and numbers siblings on the way.
static enum err link_nodes(struct hierarchy *tree, uint32_t *parent, uint32_t *children,
                           struct fault *fault) {
    for (uint32_t level = 0; level + 1 < tree->level_count; level++) {
        for (uint32_t leaf = 0; leaf < tree->leaf_count; leaf++) {
            uint32_t node = hierarchy_node(tree, level, leaf);
            uint32_t up = hierarchy_node(tree, level + 1, leaf);
            if (parent[node] == UINT32_MAX) {
                parent[node] = up;
                tree->place[node] = children[up]++;
                if (children[up] > tree->widest) tree->widest = children[up];
            } else if (parent[node] != up) {
                return fault_at(fault, ERR_INPUT, "hierarchy.not_a_tree", leaf + 1, level + 2,
                                STR_NONE);
            }
        }
    }
    return OK;
}

enum err hierarchy_finish(struct hierarchy_builder *builder, struct hierarchy *out,
                          struct fault *fault) {
    struct hierarchy *tree = &builder->tree;
    cy_assert(builder->levels_done == tree->level_count && tree->level_count > 0);
    enum err err = put_root(builder, fault);
    if (err != OK) return err;
    tree->leaves = ARENA_ARRAY(builder->arena, uint32_t, tree->node_count);
    tree->place = ARENA_ARRAY(builder->arena, uint32_t, tree->node_count);
    uint32_t *scratch = memory_take((size_t)tree->node_count * 2 * sizeof *scratch);
    if (!tree->leaves || !tree->place || !scratch) {
        memory_give(scratch);
        return no_memory(fault);
    }
    memset(scratch, 0xFF, tree->node_count * sizeof *scratch);
    tree->widest = 1;
    err = link_nodes(tree, scratch, scratch + tree->node_count, fault);
    memory_give(scratch);
    if (err != OK) return err;
    for (size_t i = 0; i < (size_t)tree->level_count * tree->leaf_count; i++) {
        tree->leaves[tree->above[i]]++;
    }
    *out = *tree;
    return OK;
}
