// The cgroup tree: where ours is, whether it is ours to arrange, and its folders. What is done at
// the start is undone at the end, so that the next start finds what this one found.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "allocation/confine_private.h"
#include "base/file.h"
#include "base/log.h"

bool value_write(int folder_fd, const char *name, const char *value) {
    int fd = openat(folder_fd, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    size_t size = strlen(value);
    bool done = write(fd, value, size) == (ssize_t)size;
    close(fd);
    return done;
}

static bool member_write(const char *folder, const char *name, const char *value) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    bool done = value_write(fd, name, value);
    close(fd);
    return done;
}

// Where cgroup2 is mounted, from /proc/self/mounts: "cgroup2 /sys/fs/cgroup cgroup2 rw,…".
static bool mount_find(char *out, size_t out_size) {
    struct buf text;
    buf_open(&text, 1 << 20);
    bool found = false;
    if (file_read("/proc/self/mounts", &text, NULL) == OK) {
        struct str rest = buf_str(&text);
        while (rest.size > 0 && !found) {
            struct str line = str_cut(rest, '\n', &rest), after;
            str_cut(line, ' ', &after);
            struct str where = str_cut(after, ' ', &after);
            struct str kind = str_cut(after, ' ', &after);
            found = str_is(kind, "cgroup2") && str_copy(out, out_size, where);
        }
    }
    buf_close(&text);
    return found;
}

bool cgroup_own(char folder[static CGROUP_PATH_SIZE], char root[static CGROUP_PATH_SIZE]) {
    if (!mount_find(root, CGROUP_PATH_SIZE)) return false;
    struct buf text;
    buf_open(&text, 64 * 1024);
    bool found = false;
    if (file_read("/proc/self/cgroup", &text, NULL) == OK) {
        struct str rest = buf_str(&text);
        while (rest.size > 0 && !found) {
            struct str line = str_cut(rest, '\n', &rest);
            if (!str_starts(line, STR("0::/"))) continue;
            struct str own = {line.data + 3, line.size - 3};
            if (own.size == 1) own.size = 0; // the root itself
            int size = snprintf(folder, CGROUP_PATH_SIZE, "%s%.*s", root, STR_ARG(own));
            found = size > 0 && size < CGROUP_PATH_SIZE;
        }
    }
    buf_close(&text);
    return found;
}

// ---- is it ours? --------------------------------------------------------------------------------
static bool member_line(const char *folder, const char *name, char *out, size_t out_size) {
    char path[CGROUP_PATH_SIZE];
    return path_join(path, sizeof path, folder, name) == OK && kernel_line(path, out, out_size);
}

// A cgroup that holds this process alone may be rearranged: a login session is not ours.
static bool alone_in(const char *folder) {
    char line[64], own[32];
    snprintf(own, sizeof own, "%d", (int)getpid());
    return member_line(folder, "cgroup.procs", line, sizeof line) && strcmp(line, own) == 0;
}

static bool nobody_in(const char *folder) {
    char line[64];
    return member_line(folder, "cgroup.procs", line, sizeof line) && line[0] == '\0';
}

// Only the machine's root has no type; kernel threads live there and are in nobody's way.
static bool machine_root(const char *folder) {
    char path[CGROUP_PATH_SIZE];
    return path_join(path, sizeof path, folder, "cgroup.type") == OK && !file_exists(path);
}

static bool base_find(struct confine *confine) {
    char own[CGROUP_PATH_SIZE], root[CGROUP_PATH_SIZE];
    bool mounted = cgroup_own(own, root);
    if (!mounted && getpid() == 1) {
        static const char where[] = "/sys/fs/cgroup";
        unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
        mounted = mount("cgroup2", where, "cgroup2", flags, "nsdelegate,memory_recursiveprot") == 0;
        mounted = (mounted || mount("cgroup2", where, "cgroup2", flags, NULL) == 0) &&
                  cgroup_own(own, root);
    }
    if (!mounted) return false;
    char *slash = strrchr(own, '/');
    if (slash && strcmp(slash, "/core") == 0 && strlen(own) > strlen(root)) {
        *slash = '\0';
        confine->in_core_before = machine_root(own) || nobody_in(own);
        if (!confine->in_core_before) *slash = '/';
    }
    bool ours = confine->in_core_before || alone_in(own) || (getpid() == 1 && machine_root(own));
    return ours && str_copy(confine->base, sizeof confine->base, str_of(own));
}

// ---- arranging ----------------------------------------------------------------------------------
static bool folder_there(const char *path) {
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

// Each for itself: one that is missing keeps no other away.
static void controllers_enable(struct confine *confine) {
    size_t used = 0;
    for (uint32_t i = 0; i < CONTROLLERS; i++) {
        char word[16];
        snprintf(word, sizeof word, "+%s", confine_part_name(1u << i));
        if (!member_write(confine->base, "cgroup.subtree_control", word)) continue;
        if (!member_write(confine->jobs, "cgroup.subtree_control", word)) continue;
        confine->parts |= 1u << i;
        int size = snprintf(confine->controllers + used, CONTROLLERS_TEXT - used, "%s%s",
                            used ? " " : "", word);
        if (size > 0) used += (size_t)size;
    }
}

static void controllers_disable(const struct confine *confine) {
    for (uint32_t i = 0; i < CONTROLLERS; i++) {
        char word[16];
        snprintf(word, sizeof word, "-%s", confine_part_name(1u << i));
        member_write(confine->jobs, "cgroup.subtree_control", word);
        member_write(confine->base, "cgroup.subtree_control", word);
    }
}

// In a folder of its own, which goes again.
static void parts_probe(struct confine *confine) {
    char folder[CGROUP_PATH_SIZE];
    if (path_join(folder, sizeof folder, confine->jobs, "probe") != OK) return;
    if (!folder_there(folder)) return;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        if (faccessat(fd, "cgroup.kill", W_OK, 0) == 0) confine->parts |= CONFINE_PART_KILL;
        if (birth_probe(fd)) confine->parts |= CONFINE_PART_BIRTH;
        confine->base_filter = filter_load(NULL, 0);
        if (confine->base_filter >= 0 && filter_attach(confine->base_filter, fd)) {
            confine->parts |= CONFINE_PART_DEVICES;
        }
        close(fd);
    }
    tree_remove(folder);
}

bool tree_arrange(struct confine *confine) {
    char core[CGROUP_PATH_SIZE], value[32];
    const uint32_t needed = CONFINE_PART_CPU | CONFINE_PART_MEMORY | CONFINE_PART_PIDS;
    if (!base_find(confine)) return false;
    if (path_join(core, sizeof core, confine->base, "core") != OK || !folder_there(core) ||
        path_join(confine->jobs, sizeof confine->jobs, confine->base, "jobs") != OK ||
        !folder_there(confine->jobs)) {
        return false;
    }
    if (!confine->in_core_before && !member_write(core, "cgroup.procs", "0")) {
        rmdir(core);
        rmdir(confine->jobs);
        return false;
    }
    controllers_enable(confine);
    if ((confine->parts & needed) != needed) {
        tree_return(confine);
        confine->parts = 0;
        return false;
    }
    member_write(core, "cpu.weight", "1000");
    snprintf(value, sizeof value, "%" PRIu64, confine->setup.core_memory_bytes);
    member_write(core, "memory.min", value);
    parts_probe(confine);
    return true;
}

void tree_return(struct confine *confine) {
    char core[CGROUP_PATH_SIZE];
    if (!tree_sweep(confine) || rmdir(confine->jobs) != 0) return; // something runs on
    if (confine->in_core_before) return;
    // A folder with controllers below it takes no process: first without, then back into it.
    controllers_disable(confine);
    if (!member_write(confine->base, "cgroup.procs", "0")) return;
    if (path_join(core, sizeof core, confine->base, "core") == OK) rmdir(core);
}

// ---- folders ------------------------------------------------------------------------------------
bool tenant_folder(const struct confine *confine, uint64_t tenant,
                   char out[static CGROUP_PATH_SIZE]) {
    if (!confine || !confine->jobs[0]) return false;
    int size = snprintf(out, CGROUP_PATH_SIZE, "%s/%" PRIu64, confine->jobs, tenant);
    return size > 0 && size < CGROUP_PATH_SIZE;
}

bool attempt_folder(const struct confine *confine, const struct confine_attempt *attempt,
                    const char *member, char out[static CGROUP_PATH_SIZE]) {
    if (!confine || !confine->jobs[0] || attempt->level != CONFINE_CGROUP) return false;
    int size =
        snprintf(out, CGROUP_PATH_SIZE, "%s/%" PRIu64 "/%" PRIu64 ".%" PRIu32 "%s%s", confine->jobs,
                 attempt->tenant, attempt->job, attempt->attempt, member[0] ? "/" : "", member);
    return size > 0 && size < CGROUP_PATH_SIZE;
}

// Calls `each` for the folders in `folder`; true if every call returned true.
static bool folders_in(const char *folder, bool (*each)(const char *path, int depth), int depth) {
    DIR *list = opendir(folder);
    if (!list) return errno == ENOENT;
    bool all = true;
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        char path[CGROUP_PATH_SIZE];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
        bool done = path_join(path, sizeof path, folder, entry->d_name) == OK && each(path, depth);
        all = all && done;
    }
    closedir(list);
    return all;
}

static bool folder_go(const char *path, int depth) {
    if (rmdir(path) == 0 || errno == ENOENT) return true;
    if (depth <= 0) return false;
    folders_in(path, folder_go, depth - 1);
    return rmdir(path) == 0 || errno == ENOENT;
}

bool tree_remove(const char *folder) {
    return folder_go(folder, TREE_DEPTH_MAX);
}

bool tree_sweep(struct confine *confine) {
    confine->leftover = !folders_in(confine->jobs, folder_go, TREE_DEPTH_MAX);
    return !confine->leftover;
}

// ---- shares of tenants --------------------------------------------------------------------------
static void share_write(const struct confine *confine, const struct share *share) {
    char folder[CGROUP_PATH_SIZE], value[16];
    uint32_t weight = share->weight < WEIGHT_MAX ? share->weight : WEIGHT_MAX;
    if (!tenant_folder(confine, share->tenant, folder)) return;
    snprintf(value, sizeof value, "%" PRIu32, weight);
    member_write(folder, "cpu.weight", value);
}

static struct share *share_find(struct confine *confine, uint64_t tenant) {
    for (uint32_t i = 0; i < confine->share_count; i++) {
        if (confine->shares[i].tenant == tenant) return &confine->shares[i];
    }
    return NULL;
}

void share_put(struct confine *confine, const struct confine_attempt *attempt) {
    if (attempt->weight == 0) return;
    struct share *share = share_find(confine, attempt->tenant);
    if (!share && confine->share_count < LEADERS_MAX) {
        share = &confine->shares[confine->share_count++];
        *share = (struct share){.tenant = attempt->tenant};
    }
    if (!share) return; // as many as can run
    share->attempts++;
    share->weight += attempt->weight;
    share_write(confine, share);
}

void share_drop(struct confine *confine, const struct confine_attempt *attempt) {
    struct share *share = attempt->weight ? share_find(confine, attempt->tenant) : NULL;
    if (!share) return;
    share->attempts--;
    share->weight -= attempt->weight;
    if (share->attempts > 0) {
        share_write(confine, share);
    } else {
        *share = confine->shares[--confine->share_count];
    }
}
