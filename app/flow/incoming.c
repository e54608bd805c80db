// Files that whoever looks after the machine has laid into DIR/incoming, or has mounted there (a
// memory stick): for what is too large, or too far, for a browser. They are only read.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "flow/flow_private.h"

enum { INCOMING_MAX = 200 }; // shown of a folder; the rest is counted

struct incoming {
    struct str name;
    uint64_t bytes;
    int64_t changed_ms;
};

// No folder in it, nothing hidden, and short enough to be a record's text.
static bool name_good(struct str name) {
    if (name.size == 0 || name.size > LIMIT_NAME_BYTES || name.data[0] == '.') return false;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '/' || (unsigned char)name.data[i] < ' ') return false;
    }
    return utf8_valid(name);
}

static enum err incoming_stat(const char *path, struct incoming *out) {
    struct stat about;
    if (lstat(path, &about) != 0 || !S_ISREG(about.st_mode)) return ERR_NOT_FOUND;
    out->bytes = (uint64_t)about.st_size;
    out->changed_ms = (int64_t)about.st_mtime * 1000;
    return OK;
}

enum err incoming_path(const struct flow *flow, struct str name, char out[static LIMIT_PATH_BYTES],
                       struct fault *fault) {
    char folder[LIMIT_PATH_BYTES], text[LIMIT_NAME_BYTES + 1];
    struct incoming found;
    enum err err = name_good(name) && str_copy(text, sizeof text, name) ? OK : ERR_NOT_FOUND;
    if (err == OK) err = path_join(folder, sizeof folder, store_dir(flow->store), "incoming");
    if (err == OK) err = path_join(out, LIMIT_PATH_BYTES, folder, text);
    if (err == OK) err = incoming_stat(out, &found);
    return err == OK ? OK : fault_set(fault, ERR_NOT_FOUND, "incoming.not_found", name);
}

enum err incoming_ready(struct flow *flow, const struct call *call, struct str name,
                        uint64_t *out_bytes) {
    char path[LIMIT_PATH_BYTES];
    uint64_t free_bytes = 0;
    enum err err = incoming_path(flow, name, path, call->fault);
    if (err == OK) err = file_size(path, out_bytes, call->fault);
    if (err == OK) err = disk_free(store_dir(flow->store), &free_bytes, call->fault);
    if (err == OK && free_bytes < *out_bytes + DISK_KEPT_BYTES) {
        err = fault_set(call->fault, ERR_FULL, "upload.no_room", name);
    }
    return err;
}

static int by_name(const void *a, const void *b) {
    return str_compare(((const struct incoming *)a)->name, ((const struct incoming *)b)->name);
}

// Up to INCOMING_MAX into `items`; *out_count is how many there are.
static void folder_look(DIR *list, const char *folder, struct arena *arena, struct incoming *items,
                        uint64_t *out_count) {
    char path[LIMIT_PATH_BYTES];
    for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
        struct incoming one = {.name = str_of(entry->d_name)};
        if (!name_good(one.name)) continue;
        if (path_join(path, sizeof path, folder, entry->d_name) != OK) continue;
        if (incoming_stat(path, &one) != OK) continue;
        if (*out_count < INCOMING_MAX) {
            one.name = arena_text(arena, one.name);
            items[*out_count] = one;
        }
        (*out_count)++;
    }
}

enum err flow_incoming_list(struct flow *flow, struct call *call) {
    char folder[LIMIT_PATH_BYTES];
    uint64_t count = 0;
    enum err err = allow(call, ROLES_FLOW);
    struct incoming *items = ARENA_ARRAY(call->arena, struct incoming, INCOMING_MAX);
    if (err == OK && !items) err = ERR_MEMORY;
    if (err == OK) err = path_join(folder, sizeof folder, store_dir(flow->store), "incoming");
    if (err == OK) err = folder_make(folder, call->fault);
    if (err != OK) return err;
    DIR *list = opendir(folder);
    if (!list) return fault_errno(call->fault, errno, STR("incoming"));
    folder_look(list, folder, call->arena, items, &count);
    closedir(list);
    size_t shown = count < INCOMING_MAX ? (size_t)count : INCOMING_MAX;
    qsort(items, shown, sizeof *items, by_name);
    json_open_object(call->out);
    json_set_text(call->out, "folder", str_of(folder));
    json_put_name(call->out, "items");
    json_open_array(call->out);
    for (size_t i = 0; i < shown; i++) {
        json_open_object(call->out);
        json_set_text(call->out, "name", items[i].name);
        json_set_u64(call->out, "bytes", items[i].bytes);
        json_set_i64(call->out, "changed_ms", items[i].changed_ms);
        json_close_object(call->out);
    }
    json_close_array(call->out);
    json_set_u64(call->out, "total", count);
    json_close_object(call->out);
    return answer_end(call);
}
