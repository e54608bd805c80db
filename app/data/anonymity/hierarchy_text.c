// The text form of a hierarchy, ARX's: one line a leaf, its levels from the value up to *, with ;
// between them. It is what a person edits.
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "data/anonymity/anonymity_private.h"

struct hierarchy_text {
    struct str *cells; // (leaves, levels): leaf-major
    uint32_t leaves, levels;
    struct arena *arena;
};

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("hierarchy"));
}

static uint32_t count_lines(struct str text) {
    uint32_t lines = 0;
    while (text.data) {
        struct str line = str_cut(text, '\n', &text);
        lines += str_trim(line).size > 0;
    }
    return lines;
}

// A quoted cell: "" within it is one quote. Moves *line behind the cell and its ;.
static enum err read_quoted(struct arena *arena, struct str *line, struct str *out) {
    char *text = arena_take(arena, line->size);
    if (!text) return ERR_MEMORY;
    size_t size = 0, at = 1;
    for (; at < line->size; at++) {
        if (line->data[at] == '"') {
            if (at + 1 >= line->size || line->data[at + 1] != '"') break;
            at++;
        }
        text[size++] = line->data[at];
    }
    if (at >= line->size) return ERR_INPUT;
    at++;
    bool more = at < line->size && line->data[at] == ';';
    if (at < line->size && !more) return ERR_INPUT;
    *out = (struct str){text, size};
    *line = more ? (struct str){line->data + at + 1, line->size - at - 1} : STR_NONE;
    return OK;
}

// The cells of one line; their number, at most `room` of them stored.
static enum err read_line(struct arena *arena, struct str line, struct str *cells, uint32_t room,
                          uint32_t *out_count) {
    uint32_t count = 0;
    while (line.data) {
        struct str cell;
        if (line.size && line.data[0] == '"') {
            enum err err = read_quoted(arena, &line, &cell);
            if (err != OK) return err;
        } else {
            cell = str_trim(str_cut(line, ';', &line));
        }
        if (count < room) cells[count] = cell;
        count++;
    }
    *out_count = count;
    return OK;
}

static enum err read_cells(struct hierarchy_text *read, struct str text, struct fault *fault) {
    uint64_t number = 0;
    while (text.data) {
        struct str line = str_cut(text, '\n', &text);
        number++;
        if (line.size && line.data[line.size - 1] == '\r') line.size--;
        if (str_trim(line).size == 0) continue;
        struct str cells[LIMIT_HIERARCHY_LEVELS];
        uint32_t count;
        enum err err = read_line(read->arena, line, cells, LIMIT_HIERARCHY_LEVELS, &count);
        if (err == ERR_MEMORY) return no_memory(fault);
        if (err != OK) {
            return fault_at(fault, err, "hierarchy.unclosed_quote", number, 0, STR_NONE);
        }
        if (count > LIMIT_HIERARCHY_LEVELS - 1) {
            return fault_at(fault, ERR_LIMIT, "hierarchy.too_large", number, 0, STR_NONE);
        }
        if (!read->cells) {
            read->levels = count;
            read->cells = memory_take((size_t)read->leaves * count * sizeof *read->cells);
            if (!read->cells) return no_memory(fault);
            read->leaves = 0;
        }
        if (count != read->levels) {
            return fault_at(fault, ERR_INPUT, "hierarchy.uneven", number, 0, STR_NONE);
        }
        memcpy(read->cells + (size_t)read->leaves * count, cells, count * sizeof *cells);
        read->leaves++;
    }
    return OK;
}

static enum err build(const struct hierarchy_text *read, struct hierarchy *out,
                      struct fault *fault) {
    struct hierarchy_builder *builder;
    enum err err =
        hierarchy_begin(read->arena, HIERARCHY_FILE, read->leaves, read->levels, &builder, fault);
    if (err != OK) return err;
    struct str *names = memory_take((size_t)read->leaves * sizeof *names);
    if (!names) return no_memory(fault);
    for (uint32_t level = 0; level < read->levels && err == OK; level++) {
        for (uint32_t leaf = 0; leaf < read->leaves; leaf++) {
            names[leaf] = read->cells[(size_t)leaf * read->levels + level];
        }
        err = hierarchy_level(builder, names, fault);
    }
    memory_give(names);
    return err == OK ? hierarchy_finish(builder, out, fault) : err;
}

enum err hierarchy_read(struct arena *arena, struct str text, struct hierarchy *out,
                        struct fault *fault) {
    if (text.size > LIMIT_HIERARCHY_BYTES) {
        return fault_set(fault, ERR_LIMIT, "hierarchy.too_large", STR_NONE);
    }
    if (str_starts(text, STR("\xEF\xBB\xBF"))) text.data += 3, text.size -= 3;
    if (!utf8_valid(text) || (text.size && memchr(text.data, '\0', text.size))) {
        return fault_set(fault, ERR_INPUT, "hierarchy.not_text", STR_NONE);
    }
    struct hierarchy_text read = {.leaves = count_lines(text), .arena = arena};
    if (read.leaves > LIMIT_HIERARCHY_LEAVES) {
        return fault_set(fault, ERR_LIMIT, "hierarchy.too_large", STR_NONE);
    }
    enum err err = read_cells(&read, text, fault);
    if (err == OK) err = build(&read, out, fault);
    memory_give(read.cells);
    return err;
}

static void write_name(struct buf *out, struct str name) {
    bool plain = str_trim(name).size == name.size;
    for (size_t i = 0; i < name.size && plain; i++) plain = !strchr(";\"\n\r", name.data[i]);
    if (plain) {
        buf_add_str(out, name);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '"') buf_add_char(out, '"');
        // A line is a leaf: a line break within a value cannot stand in this form.
        buf_add_char(out, name.data[i] == '\n' || name.data[i] == '\r' ? ' ' : name.data[i]);
    }
    buf_add_char(out, '"');
}

void hierarchy_write(struct buf *out, const struct hierarchy *hierarchy) {
    for (uint32_t leaf = 0; leaf < hierarchy->leaf_count; leaf++) {
        for (uint32_t level = 0; level < hierarchy->level_count; level++) {
            if (level) buf_add_char(out, ';');
            write_name(out, hierarchy->names[hierarchy_node(hierarchy, level, leaf)]);
        }
        buf_add_char(out, '\n');
    }
}

// ---- matching values ----------------------------------------------------------------------------

// The same tree with one leaf more, for what is missing: "" up to the root.
static enum err add_missing(struct arena *arena, const struct hierarchy *from,
                            struct hierarchy *out, struct fault *fault) {
    struct hierarchy_builder *builder;
    uint32_t leaves = from->leaf_count + 1;
    enum err err = hierarchy_begin(arena, from->kind, leaves, from->level_count, &builder, fault);
    if (err != OK) return err;
    struct str *names = memory_take((size_t)leaves * sizeof *names);
    if (!names) return no_memory(fault);
    for (uint32_t level = 0; level < from->level_count && err == OK; level++) {
        for (uint32_t leaf = 0; leaf < from->leaf_count; leaf++) {
            names[leaf] = from->names[hierarchy_node(from, level, leaf)];
        }
        bool root = level + 1 == from->level_count && level > 0;
        names[from->leaf_count] = root ? names[0] : STR("");
        err = hierarchy_level(builder, names, fault);
    }
    memory_give(names);
    return err == OK ? hierarchy_finish(builder, out, fault) : err;
}

enum err hierarchy_match(struct arena *arena, const struct hierarchy *hierarchy,
                         const struct str *values, uint32_t count, uint32_t *leaf_of,
                         struct hierarchy *out, struct fault *fault) {
    struct name_map map;
    if (name_map_open(&map, hierarchy->leaf_count) != OK) return no_memory(fault);
    for (uint32_t leaf = 0; leaf < hierarchy->leaf_count; leaf++) {
        (void)name_map_put(&map, hierarchy->names, hierarchy->names[leaf], leaf);
    }
    enum err err = OK;
    bool missing = false;
    for (uint32_t i = 0; i < count && err == OK; i++) {
        leaf_of[i] = name_map_find(&map, hierarchy->names, values[i]);
        if (leaf_of[i] != UINT32_MAX) continue;
        if (values[i].size == 0) {
            missing = true;
            leaf_of[i] = hierarchy->leaf_count;
        } else {
            err = fault_at(fault, ERR_INPUT, "hierarchy.no_such_value", i + 1, 0, STR_NONE);
        }
    }
    name_map_close(&map);
    if (err != OK) return err;
    if (missing) return add_missing(arena, hierarchy, out, fault);
    *out = *hierarchy;
    return OK;
}
