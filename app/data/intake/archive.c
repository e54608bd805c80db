// A zip of files: which members are read, and all of them as one table.
#include <string.h>

#include "data/intake/intake_private.h"

enum {
    // Members that are tables; text files may be as many as the archive holds.
    TABLES_MAX = 2000,
    // Members that a look looks into, and their bytes, for a person waits for it.
    LOOKED_MAX = 50,
    LOOKED_BYTES_MAX = 256 << 20,
};
// Unpacked bytes of all members together.
#define TOTAL_BYTES_MAX ((uint64_t)256 << 30)

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

static struct str base_name(struct str path) {
    for (size_t i = path.size; i-- > 0;) {
        if (path.data[i] == '/') return (struct str){path.data + i + 1, path.size - i - 1};
    }
    return path;
}

static bool ends_with(struct str name, const char *ending) {
    size_t size = strlen(ending);
    if (name.size < size) return false;
    for (size_t i = 0; i < size; i++) {
        char c = name.data[name.size - size + i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c + 32) : c) != ending[i]) return false;
    }
    return true;
}

static bool ends_with_any(struct str name, const char *const *endings) {
    for (; *endings; endings++) {
        if (ends_with(name, *endings)) return true;
    }
    return false;
}

// What operating systems and spreadsheets leave behind.
static bool is_hidden(struct str path) {
    struct str name = base_name(path);
    if (str_starts(path, STR("__MACOSX/")) || str_starts(name, STR("~$"))) return true;
    return (name.size > 0 && name.data[0] == '.') || ends_with(name, "thumbs.db") ||
           ends_with(name, "desktop.ini");
}

static bool is_archive(struct str name) {
    static const char *const endings[] = {".zip", ".rar", ".7z", ".tar", ".tgz", NULL};
    return ends_with_any(name, endings);
}

static bool is_candidate(const struct zip_member *member) {
    return !member->folder && member->size > 0 && !is_hidden(member->name);
}

static bool is_text(struct str name) {
    static const char *const endings[] = {".txt", ".text", ".md", ".log", NULL};
    return ends_with_any(name, endings);
}

// A note that explains the tables must not be what they are compared with.
static void tables_first(const struct zip *zip, uint32_t *members, uint32_t count) {
    uint32_t tables = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t member = members[i];
        if (is_text(zip->members[member].name)) continue;
        memmove(members + tables + 1, members + tables, (i - tables) * sizeof *members);
        members[tables++] = member;
    }
}

enum err archive_members(const struct zip *zip, struct arena *arena, uint32_t **out_members,
                         uint32_t *out_count, struct fault *fault) {
    uint32_t *members = ARENA_ARRAY(arena, uint32_t, zip->count + 1), count = 0;
    if (!members) return no_memory(fault);
    uint64_t total = 0;
    struct str nested = STR_NONE;
    for (uint32_t i = 0; i < zip->count; i++) {
        const struct zip_member *member = &zip->members[i];
        if (!is_candidate(member)) continue;
        if (is_archive(member->name)) {
            nested = member->name;
            continue;
        }
        total += member->size < ZIP_MEMBER_BYTES_MAX ? member->size : ZIP_MEMBER_BYTES_MAX;
        if (total > TOTAL_BYTES_MAX) {
            return fault_set(fault, ERR_LIMIT, "zip.too_large", member->name);
        }
        members[count++] = i;
    }
    tables_first(zip, members, count);
    if (count == 0 && nested.size) return fault_set(fault, ERR_INPUT, "zip.nested", nested);
    if (count == 0) return fault_set(fault, ERR_INPUT, "zip.no_tables", STR_NONE);
    *out_members = members;
    *out_count = count;
    return OK;
}

bool archive_is_text(const struct zip *zip, const uint32_t *members, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (!is_text(zip->members[members[i]].name)) return false;
    }
    return true;
}

// --- what a look tells ---------------------------------------------------------------------------

static bool same_columns(const struct intake_options *a, const struct intake_options *b) {
    if (a->column_count != b->column_count) return false;
    for (uint32_t i = 0; i < a->column_count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < b->column_count && !found; k++) {
            found = str_equal(a->columns[i].name, b->columns[k].name);
        }
        if (!found) return false;
    }
    return true;
}

// Would the member be read with the others?
static const char *state_of(const char *path, const struct intake_options *told, struct str member,
                            const struct intake_options *first) {
    struct arena *arena;
    struct looked looked;
    struct fault fault = {0};
    struct intake_options options = *told;
    options.member = options.file_name = member;
    options.columns = NULL;
    options.column_count = 0;
    if (arena_open(64 << 20, &arena)) return "unread";
    enum err err = look_at(path, &options, 0, arena, &looked, &fault);
    const char *state = err ? "unread" : same_columns(first, &looked.options) ? "used" : "differs";
    if (str_is(str_of(fault.code), "zip.encrypted")) state = "encrypted";
    arena_close(arena);
    return state;
}

enum err archive_items(const char *path, const struct intake_options *told, struct arena *arena,
                       struct intake_guess *guess, struct fault *fault) {
    struct package package;
    enum err err = package_open(path, STR_NONE, false, &package, fault);
    if (err) return err;
    const struct zip *zip = package.zip;
    guess->items = ARENA_ARRAY(arena, struct intake_item, zip->count + 1);
    if (!guess->items) err = no_memory(fault);
    bool texts = guess->options.format == FORMAT_TEXT;
    uint32_t tables = 0;
    uint64_t looked_bytes = 0;
    for (uint32_t i = 0; i < zip->count && !err; i++) {
        const struct zip_member *member = &zip->members[i];
        if (!is_candidate(member)) continue;
        struct intake_item *item = &guess->items[guess->item_count++];
        char *name = arena_take(arena, member->name.size + 1);
        if (!name) err = no_memory(fault);
        if (err) break;
        if (member->name.size) memcpy(name, member->name.data, member->name.size);
        *item = (struct intake_item){{name, member->name.size}, member->size, "used"};
        if (is_archive(item->name)) {
            item->state = "archive";
        } else if (!texts && tables++ < LOOKED_MAX && looked_bytes < LOOKED_BYTES_MAX) {
            looked_bytes += member->size;
            item->state = state_of(path, told, item->name, &guess->options);
        }
    }
    package_close(&package);
    return err;
}

// --- the import ----------------------------------------------------------------------------------

enum err archive_run(const char *path, const struct intake_options *told, const char *table_path,
                     const char *report_path, struct progress *progress, struct arena *arena,
                     struct intake_result *result, struct fault *fault) {
    struct package package;
    uint32_t *members, count = 0;
    enum err err = package_open(path, STR_NONE, false, &package, fault);
    if (err) return err;
    err = archive_members(package.zip, arena, &members, &count, fault);
    if (!err && count > TABLES_MAX) {
        err = fault_set(fault, ERR_LIMIT, "zip.too_many_tables", STR_NONE);
    }
    struct intake_input *inputs = ARENA_ARRAY(arena, struct intake_input, count);
    uint64_t *rows = ARENA_ARRAY(arena, uint64_t, count);
    if (!err && (!inputs || !rows)) err = no_memory(fault);
    for (uint32_t i = 0; i < count && !err; i++) {
        struct str name = package.zip->members[members[i]].name;
        inputs[i] = (struct intake_input){path, name, name};
    }
    if (!err) {
        err = intake_gather(inputs, count, told, true, table_path, report_path, progress, arena,
                            result, rows, fault);
    }
    package_close(&package);
    return err;
}
