// Which module drives what, from depmod's two files.
#include "appliance/modules_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"

enum {
    INDEX_BYTES_MAX = 64 << 20, // of depmod's files; Debian's whole ones have 2 MB
    NAME_BYTES = 64,
    SEEN_MAX = 4096,     // device names remembered, a power of two; any more are looked up again
    DEPTH_MAX = 16,      // of folders below /sys/devices
    COMPRESSED_FILE = 4, // MODULE_INIT_COMPRESSED_FILE
};

struct module {
    char name[NAME_BYTES]; // '-' is '_'
    char *path;            // below the folder
    char *depends;         // paths divided by blanks; loaded from the last to the first
    bool tried;
};
struct alias {
    char *pattern;
    size_t fixed; // bytes before the first wildcard
    const char *name;
};
struct modules {
    char folder[LIMIT_PATH_BYTES];
    struct buf alias_text, depends_text;
    struct module *list;
    struct alias *aliases;
    size_t count, alias_count;
    uint64_t seen[SEEN_MAX]; // hashes of device names that were asked for; 0: free
    uint32_t seen_count;
};

// ---- reading ------------------------------------------------------------------------------------
static void name_of(const char *path, char out[static NAME_BYTES]) {
    const char *slash = strrchr(path, '/'), *from = slash ? slash + 1 : path;
    size_t size = 0;
    for (; from[size] && from[size] != '.' && size + 1 < NAME_BYTES; size++) {
        out[size] = from[size];
        if (out[size] == '-') out[size] = '_';
    }
    out[size] = '\0';
}

static enum err text_read(const char *folder, const char *name, struct buf *out,
                          struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    buf_open(out, INDEX_BYTES_MAX);
    enum err err = path_join(path, sizeof path, folder, name);
    if (err == OK) err = file_read(path, out, fault);
    buf_add_char(out, '\0');
    return err == OK ? buf_err(out) : err;
}

static size_t lines_of(const struct buf *text) {
    size_t lines = 1;
    for (size_t i = 0; i < text->size; i++) lines += text->data[i] == '\n';
    return lines;
}

static char *line_next(char **rest) {
    char *line = *rest;
    if (!line || !*line) return NULL;
    char *end = strchr(line, '\n');
    if (end) *end++ = '\0';
    *rest = end;
    return line;
}

static void depends_parse(struct modules *modules) {
    char *rest = modules->depends_text.data, *line;
    while ((line = line_next(&rest))) {
        char *colon = strchr(line, ':');
        if (!colon) continue;
        *colon = '\0';
        struct module *module = &modules->list[modules->count++];
        module->path = line;
        module->depends = colon + 1;
        name_of(line, module->name);
    }
}

// "alias PATTERN NAME"
static void aliases_parse(struct modules *modules) {
    char *rest = modules->alias_text.data, *line;
    while ((line = line_next(&rest))) {
        if (strncmp(line, "alias ", 6) != 0) continue;
        char *name = strrchr(line, ' ');
        if (name <= line + 6) continue;
        *name++ = '\0';
        char *pattern = line + 6;
        modules->aliases[modules->alias_count++] =
            (struct alias){pattern, strcspn(pattern, "*?["), name};
    }
}

enum err modules_open(const char *folder, struct modules **out, struct fault *fault) {
    struct modules *modules = memory_take(sizeof *modules);
    if (!modules) return ERR_MEMORY;
    enum err err = OK;
    if (!str_copy(modules->folder, sizeof modules->folder, str_of(folder))) err = ERR_LIMIT;
    if (err == OK) err = text_read(folder, "modules.dep", &modules->depends_text, fault);
    if (err == OK) err = text_read(folder, "modules.alias", &modules->alias_text, fault);
    if (err == OK) {
        modules->list = memory_take(lines_of(&modules->depends_text) * sizeof *modules->list);
        modules->aliases = memory_take(lines_of(&modules->alias_text) * sizeof *modules->aliases);
        if (!modules->list || !modules->aliases) err = ERR_MEMORY;
    }
    if (err != OK) {
        modules_close(modules);
        return err;
    }
    depends_parse(modules);
    aliases_parse(modules);
    *out = modules;
    return OK;
}

void modules_close(struct modules *modules) {
    if (!modules) return;
    memory_give(modules->list);
    memory_give(modules->aliases);
    buf_close(&modules->alias_text);
    buf_close(&modules->depends_text);
    memory_give(modules);
}

static struct module *module_find(struct modules *modules, const char *name) {
    char wanted[NAME_BYTES];
    name_of(name, wanted);
    for (size_t i = 0; i < modules->count; i++) {
        if (strcmp(modules->list[i].name, wanted) == 0) return &modules->list[i];
    }
    return NULL;
}

void modules_follow(struct modules *modules, struct modules *first) {
    char path[LIMIT_PATH_BYTES];
    for (size_t i = 0; i < first->count; i++) {
        struct module *again = module_find(modules, first->list[i].path);
        if (again) again->tried |= first->list[i].tried;
        if (path_join(path, sizeof path, first->folder, first->list[i].path) != OK) continue;
        if (unlink(path) != 0 && errno != ENOENT) {
            log_event(LOG_WARN, "appliance.module", "delete=%s errno=%d", first->list[i].name,
                      errno);
        }
    }
    modules_close(first);
}

// ---- loading ------------------------------------------------------------------------------------
// The module after what it depends on; false as soon as visit() says so.
static bool each_in_order(struct modules *modules, struct module *module,
                          bool (*visit)(void *ctx, struct module *module), void *ctx) {
    size_t end = strlen(module->depends);
    while (end > 0) {
        size_t start = end;
        while (start > 0 && module->depends[start - 1] != ' ') start--;
        if (end > start) {
            char path[LIMIT_PATH_BYTES];
            if (!str_copy(path, sizeof path, (struct str){module->depends + start, end - start})) {
                return false;
            }
            struct module *needed = module_find(modules, path);
            if (needed && !visit(ctx, needed)) return false;
        }
        end = start > 0 ? start - 1 : 0;
    }
    return visit(ctx, module);
}

struct loading {
    struct modules *modules;
    uint32_t fresh;
};

static bool load_one(void *ctx, struct module *module) {
    struct loading *loading = ctx;
    char path[LIMIT_PATH_BYTES];
    if (module->tried) return true;
    module->tried = true;
    if (path_join(path, sizeof path, loading->modules->folder, module->path) != OK) return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    int flags = str_ends(str_of(path), STR(".ko")) ? 0 : COMPRESSED_FILE;
    bool done = syscall(SYS_finit_module, fd, "", flags) == 0;
    bool there = !done && errno == EEXIST;
    if (!done && !there) {
        log_event(LOG_WARN, "appliance.module", "name=%s errno=%d", module->name, errno);
    }
    loading->fresh += done;
    close(fd);
    return done || there;
}

bool modules_load(struct modules *modules, const char *name) {
    struct loading loading = {.modules = modules};
    struct module *module = module_find(modules, name);
    return module && each_in_order(modules, module, load_one, &loading);
}

static bool alias_fits(const struct alias *alias, const char *wanted) {
    return strncmp(alias->pattern, wanted, alias->fixed) == 0 &&
           fnmatch(alias->pattern, wanted, 0) == 0;
}

// Many devices are alike, and all are asked for once more after new ones showed themselves. What
// was asked for before has been tried: it gives nothing new.
static bool seen_before(struct modules *modules, const char *alias) {
    uint64_t hash = 0xCBF29CE484222325; // FNV-1a
    for (const char *at = alias; *at; at++) hash = (hash ^ (uint8_t)*at) * 0x100000001B3;
    if (hash == 0) hash = 1;
    size_t i = hash % SEEN_MAX;
    for (; modules->seen[i]; i = (i + 1) % SEEN_MAX) {
        if (modules->seen[i] == hash) return true;
    }
    if (modules->seen_count < SEEN_MAX / 2) {
        modules->seen[i] = hash;
        modules->seen_count++;
    }
    return false;
}

uint32_t modules_for(struct modules *modules, const char *alias) {
    struct loading loading = {.modules = modules};
    if (seen_before(modules, alias)) return 0;
    for (size_t i = 0; i < modules->alias_count; i++) {
        if (!alias_fits(&modules->aliases[i], alias)) continue;
        struct module *module = module_find(modules, modules->aliases[i].name);
        if (module) each_in_order(modules, module, load_one, &loading);
    }
    return loading.fresh;
}

struct planning {
    void (*tell)(void *ctx, const char *path);
    void *ctx;
};

static bool plan_one(void *ctx, struct module *module) {
    const struct planning *planning = ctx;
    planning->tell(planning->ctx, module->path);
    return true;
}

void modules_plan(struct modules *modules, const char *alias,
                  void (*tell)(void *ctx, const char *path), void *ctx) {
    struct planning planning = {tell, ctx};
    for (size_t i = 0; i < modules->alias_count; i++) {
        if (!alias_fits(&modules->aliases[i], alias)) continue;
        struct module *module = module_find(modules, modules->aliases[i].name);
        if (module) each_in_order(modules, module, plan_one, &planning);
    }
}

// ---- what there is ------------------------------------------------------------------------------
static uint32_t folder_cold(struct modules *modules, const char *folder, int depth) {
    uint32_t fresh = 0;
    DIR *dir = depth < DEPTH_MAX ? opendir(folder) : NULL;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[LIMIT_PATH_BYTES], alias[1024];
        if (entry->d_name[0] == '.') continue;
        if (path_join(path, sizeof path, folder, entry->d_name) != OK) continue;
        if (entry->d_type == DT_DIR) {
            fresh += folder_cold(modules, path, depth + 1);
        } else if (strcmp(entry->d_name, "modalias") == 0) {
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            ssize_t size = fd >= 0 ? read(fd, alias, sizeof alias - 1) : 0;
            if (fd >= 0) close(fd);
            if (size <= 1) continue;
            alias[size - (alias[size - 1] == '\n')] = '\0';
            fresh += modules_for(modules, alias);
        }
    }
    if (dir) closedir(dir);
    return fresh;
}

uint32_t modules_cold(struct modules *modules, const char *folder) {
    return folder_cold(modules, folder, 0);
}
