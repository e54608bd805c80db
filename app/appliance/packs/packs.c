#include "appliance/packs/packs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "appliance/packs/pack_private.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/version.h"

enum { FOUND_MAX = 2 * PACKS_MAX, PATH_BYTES = 512, NS = 1000000000 };
static const struct str ENDING = {".pack", 5}, HALF = {".new", 4};

// ---- what lies in the folder --------------------------------------------------------------------
static int newest_first(const void *one, const void *other) {
    const struct pack_view *a = one, *b = other;
    if (a->at_ns != b->at_ns) return a->at_ns > b->at_ns ? -1 : 1;
    return strcmp(a->file, b->file);
}

static int64_t installed_at(const struct stat *info) {
    return (int64_t)info->st_mtim.tv_sec * NS + info->st_mtim.tv_nsec;
}

// The packs by their names alone.
static uint32_t files_find(const char *folder, struct pack_view out[static FOUND_MAX]) {
    uint32_t count = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        struct pack_view one = {0};
        struct stat info;
        struct str name = str_of(entry->d_name);
        if (!str_ends(name, ENDING) || !str_copy(one.file, sizeof one.file, name) ||
            fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode)) {
            continue;
        }
        one.inode = info.st_ino;
        one.bytes = (uint64_t)info.st_size;
        one.at_ns = installed_at(&info);
        if (count < FOUND_MAX) out[count++] = one;
    }
    if (dir) closedir(dir);
    qsort(out, count, sizeof *out, newest_first);
    return count;
}

static void halves_remove(const char *folder) {
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (str_ends(str_of(entry->d_name), HALF)) (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir) closedir(dir);
}

static void path_of(const char *folder, const char *name, char out[static PATH_BYTES]) {
    int size = snprintf(out, PATH_BYTES, "%s/%s", folder, name);
    if (size < 0 || size >= PATH_BYTES) out[0] = '\0';
}

// NAME of NAME-VERSION.pack: a version has no hyphen.
static struct str name_of(const char *file) {
    const char *hyphen = strrchr(file, '-');
    return hyphen ? (struct str){file, (size_t)(hyphen - file)} : str_of(file);
}

// ---- one pack -----------------------------------------------------------------------------------
enum err pack_fits(const struct packs_own *own, const struct pack_about *about,
                   struct fault *fault) {
    char signer[FINGERPRINT_SIZE];
    verify_key_fingerprint(&about->signer, signer);
    if (!own->key) return fault_set(fault, ERR_DENIED, "appliance.no_update_key", STR_NONE);
    if (!bytes_equal(own->key->point, about->signer.point, sizeof about->signer.point)) {
        return fault_set(fault, ERR_DENIED, "appliance.pack_other_signer", str_of(signer));
    }
    if (strcmp(about->architecture, own->architecture) != 0) {
        return fault_set(fault, ERR_INPUT, "appliance.pack_other_architecture",
                         str_of(about->architecture));
    }
    return OK;
}

// A fault about the file says its name, not where it lies.
static void name_tell(struct fault *fault, const char *path, const char *name) {
    if (strcmp(fault->detail, path) != 0) return;
    (void)str_copy(fault->detail, sizeof fault->detail, str_of(name));
}

static enum err opened_mount(const struct packs_own *own, const struct pack_file *file,
                             struct pack_view *view, struct progress *progress) {
    char own_name[PACK_FILE_NAME_BYTES], where[PATH_BYTES];
    view->about = file->about;
    pack_file_name(&file->about, own_name);
    enum err err = pack_fits(own, &file->about, &view->fault);
    if (err == OK && strcmp(own_name, view->file) != 0) { // it may stand in another's place
        err = fault_set(&view->fault, ERR_INPUT, "appliance.pack_renamed", str_of(own_name));
    }
    if (err == OK) err = pack_check(file, progress, &view->fault);
    if (err != OK) return err;
    path_of(own->mounts, file->about.name, where);
    const struct sealed *sealed = &file->sealed;
    return own->mount(own, sealed->fd, sealed->member_offset, sealed->member_bytes, where,
                      &view->fault);
}

static void view_mount(const struct packs_own *own, struct pack_view *view,
                       struct progress *progress) {
    struct pack_file file;
    char path[PATH_BYTES];
    path_of(own->folder, view->file, path);
    enum err err = pack_open(path, own->key, &file, &view->fault);
    if (err == OK) {
        err = opened_mount(own, &file, view, progress);
        pack_close(&file);
    }
    view->mounted = err == OK;
    if (err != OK && !view->fault.code[0]) {
        err = fault_set(&view->fault, err, "appliance.failed", str_of(err_name(err)));
    }
    name_tell(&view->fault, path, view->file);
    log_event(err == OK ? LOG_INFO : LOG_ERROR, "appliance.pack", "file=%s mounted=%d code=%s",
              view->file, view->mounted, view->fault.code);
}

// ---- looking ------------------------------------------------------------------------------------
static const struct pack_view *same_mounted(const struct packs_seen *before,
                                            const struct pack_view *view) {
    for (uint32_t i = 0; i < before->count; i++) {
        const struct pack_view *one = &before->all[i];
        if (one->mounted && strcmp(one->file, view->file) == 0 && one->inode == view->inode &&
            one->bytes == view->bytes && one->at_ns == view->at_ns) {
            return one;
        }
    }
    return NULL;
}

static bool name_mounted(const struct packs_seen *seen, struct str name) {
    for (uint32_t i = 0; i < seen->count; i++) {
        if (seen->all[i].mounted && str_is(name, seen->all[i].about.name)) return true;
    }
    return false;
}

void packs_look(const struct packs_own *own, const struct packs_seen *before,
                struct packs_seen *out, struct progress *progress) {
    static struct pack_view found[FOUND_MAX];
    static struct packs_seen seen;
    halves_remove(own->folder);
    uint32_t count = files_find(own->folder, found);
    seen.count = 0;
    for (uint32_t i = 0; i < count && !progress_cancelled(progress); i++) {
        char path[PATH_BYTES];
        const struct pack_view *kept = same_mounted(before, &found[i]);
        path_of(own->folder, found[i].file, path);
        if (name_mounted(&seen, name_of(found[i].file))) { // by one that came later
            enum err err = file_remove(path, NULL);
            log_event(LOG_INFO, "appliance.pack", "file=%s removed=%d", found[i].file, err == OK);
            continue;
        }
        if (seen.count == PACKS_MAX) {
            log_event(LOG_ERROR, "appliance.pack", "file=%s too_many=1", found[i].file);
            continue;
        }
        if (kept) {
            found[i] = *kept;
        } else {
            view_mount(own, &found[i], progress);
        }
        seen.all[seen.count++] = found[i];
    }
    *out = seen;
}

// ---- adding -------------------------------------------------------------------------------------
static enum err room_check(const struct packs_own *own, const struct pack_file *file,
                           struct fault *fault) {
    static struct pack_view found[FOUND_MAX];
    char name[PACK_FILE_NAME_BYTES], text[32];
    uint64_t room = 0;
    uint32_t count = files_find(own->folder, found);
    bool replaces = false;
    pack_file_name(&file->about, name);
    for (uint32_t i = 0; i < count; i++) {
        replaces |= str_equal(name_of(found[i].file), name_of(name));
    }
    if (count >= PACKS_MAX && !replaces) {
        return fault_set(fault, ERR_LIMIT, "appliance.pack_many", STR_NONE);
    }
    enum err err = disk_free(own->folder, &room, fault);
    if (err == OK && room < file->sealed.bytes + PACKS_ROOM_BYTES) {
        snprintf(text, sizeof text, "%.1f MB", (double)file->sealed.bytes / 1e6);
        err = fault_set(fault, ERR_LIMIT, "appliance.pack_room", str_of(text));
    }
    return err;
}

static enum err bytes_copy(const struct pack_file *file, int to, struct progress *progress,
                           struct fault *fault) {
    enum err err = OK;
    uint8_t *chunk = memory_take_unset(PACK_CHUNK_BYTES);
    if (!chunk) return fault_errno(fault, ENOMEM, STR_NONE);
    for (uint64_t done = 0; done < file->sealed.bytes && err == OK;) {
        uint64_t left = file->sealed.bytes - done;
        size_t piece = left < PACK_CHUNK_BYTES ? (size_t)left : PACK_CHUNK_BYTES;
        progress_set(progress, PHASE_COPY, done, file->sealed.bytes);
        if (progress_cancelled(progress)) err = ERR_CANCELLED;
        if (err == OK) err = sealed_read(&file->sealed, done, chunk, piece, fault);
        if (err == OK) err = file_write_all(to, chunk, piece, fault);
        done += piece;
    }
    memory_give(chunk);
    return err;
}

// Later than all that are there, whatever the clock says.
static void time_set(const struct packs_own *own, int fd) {
    static struct pack_view found[FOUND_MAX];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t at_ns = (int64_t)now.tv_sec * NS + now.tv_nsec;
    if (files_find(own->folder, found) > 0 && found[0].at_ns >= at_ns) at_ns = found[0].at_ns + 1;
    struct timespec at = {.tv_sec = at_ns / NS, .tv_nsec = at_ns % NS};
    const struct timespec times[2] = {at, at};
    if (futimens(fd, times) != 0) log_event(LOG_WARN, "appliance.pack", "time errno=%d", errno);
}

// The copy is what counts from now on: all of it is read again.
static enum err copy_check(const struct packs_own *own, const char *path, struct progress *progress,
                           struct fault *fault) {
    struct pack_file file;
    enum err err = pack_open(path, own->key, &file, fault);
    if (err != OK) return err;
    err = pack_fits(own, &file.about, fault);
    if (err == OK) err = pack_check(&file, progress, fault);
    pack_close(&file);
    return err;
}

static enum err copy_keep(const struct packs_own *own, const struct pack_file *file,
                          struct progress *progress, struct fault *fault) {
    struct file_stream stream;
    char name[PACK_FILE_NAME_BYTES], path[PATH_BYTES], temp[PATH_BYTES];
    pack_file_name(&file->about, name);
    path_of(own->folder, name, path);
    enum err err = file_stream_open(path, &stream, fault);
    if (err != OK) return err;
    bool fits = str_copy(temp, sizeof temp, str_of(stream.temp));
    err = fits ? bytes_copy(file, stream.fd, progress, fault) : ERR_LIMIT;
    if (err == OK) err = copy_check(own, temp, progress, fault);
    if (err == OK) {
        time_set(own, stream.fd);
        err = file_stream_keep(&stream, fault);
    } else {
        file_stream_drop(&stream);
    }
    name_tell(fault, temp, name);
    return err;
}

enum err packs_add(const struct packs_own *own, const char *path, struct progress *progress,
                   struct fault *fault) {
    struct pack_file file;
    const char *slash = strrchr(path, '/');
    if (!own->key) return fault_set(fault, ERR_DENIED, "appliance.no_update_key", STR_NONE);
    enum err err = folder_make(own->folder, fault);
    if (err == OK) err = pack_open(path, own->key, &file, fault);
    if (err == OK) {
        err = pack_fits(own, &file.about, fault);
        if (err == OK) err = room_check(own, &file, fault);
        if (err == OK) err = copy_keep(own, &file, progress, fault);
        pack_close(&file);
    }
    if (err != OK) name_tell(fault, path, slash ? slash + 1 : path);
    return err;
}

// ---- in PID 1 -----------------------------------------------------------------------------------
void packs_own_default(struct packs_own *out, const struct verify_key *key,
                       struct modules *modules) {
    *out = (struct packs_own){.folder = PACKS_FOLDER,
                              .mounts = PACKS_MOUNTS,
                              .architecture = COURTYARD_ARCHITECTURE,
                              .key = key,
                              .modules = modules,
                              .mount = pack_mount,
                              .unmount = pack_unmount};
}

void packs_due(struct packs *packs) {
    packs->due = true;
}

static enum err look_run(void *ctx, struct progress *progress, struct fault *fault) {
    struct packs *packs = ctx;
    (void)fault;
    packs_look(&packs->own, &packs->seen, packs->shared, progress);
    return OK;
}

void packs_run(struct packs *packs, const struct verify_key *key, struct modules *modules) {
    if (!packs->due || packs->work.child > 0) return;
    if (!packs->shared) {
        void *shared = mmap(NULL, sizeof *packs->shared, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED) return;
        packs->shared = shared;
    }
    packs->due = false;
    packs->key = key ? *key : (struct verify_key){0};
    packs_own_default(&packs->own, key ? &packs->key : NULL, modules);
    *packs->shared = packs->seen;
    enum err err = work_start(&packs->work, "packs", look_run, packs, NULL);
    if (err != OK) log_event(LOG_ERROR, "appliance.packs", "err=%s", err_name(err));
}

bool packs_looking(const struct packs *packs) {
    return packs->due || packs->work.child > 0;
}

bool packs_ended(struct packs *packs, pid_t pid, int status) {
    if (!work_ended(&packs->work, pid, status)) return false;
    bool whole = packs->work.shared->err == OK && packs->shared->count <= PACKS_MAX;
    if (whole) packs->seen = *packs->shared;
    log_event(whole ? LOG_INFO : LOG_ERROR, "appliance.packs", "count=%u whole=%d",
              packs->seen.count, whole);
    return true;
}

enum err packs_remove(struct packs *packs, struct str file, struct fault *fault) {
    char path[PATH_BYTES], where[PATH_BYTES];
    if (packs_looking(packs)) return fault_set(fault, ERR_BUSY, "appliance.busy", STR("packs"));
    uint32_t at = 0;
    while (at < packs->seen.count && !str_is(file, packs->seen.all[at].file)) at++;
    if (at == packs->seen.count) {
        return fault_set(fault, ERR_NOT_FOUND, "appliance.no_such_pack", file);
    }
    const struct pack_view *view = &packs->seen.all[at];
    path_of(packs->own.folder, view->file, path);
    enum err err = file_remove(path, fault);
    if (err != OK) return err;
    path_of(packs->own.mounts, view->about.name, where);
    if (view->mounted) packs->own.unmount(where);
    packs->seen.count--;
    memmove(&packs->seen.all[at], &packs->seen.all[at + 1],
            (packs->seen.count - at) * sizeof *packs->seen.all);
    return OK;
}

bool packs_away(struct packs *packs) {
    char where[PATH_BYTES];
    packs->due = false;
    if (packs->work.child > 0) {
        work_cancel(&packs->work);
        return false;
    }
    for (uint32_t i = 0; i < packs->seen.count; i++) {
        if (!packs->seen.all[i].mounted) continue;
        path_of(packs->own.mounts, packs->seen.all[i].about.name, where);
        packs->own.unmount(where);
    }
    packs->seen.count = 0;
    return true;
}

void packs_write(const struct packs *packs, struct json_writer *out) {
    json_open_object(out);
    json_set_bool(out, "looking", packs_looking(packs));
    json_put_name(out, "all");
    json_open_array(out);
    for (uint32_t i = 0; i < packs->seen.count; i++) {
        const struct pack_view *view = &packs->seen.all[i];
        json_open_object(out);
        json_set_text(out, "file", str_of(view->file));
        json_set_text(out, "name", str_of(view->about.name));
        json_set_text(out, "vendor", str_of(view->about.vendor));
        json_set_text(out, "version", str_of(view->about.version));
        json_set_text(out, "architecture", str_of(view->about.architecture));
        json_set_u64(out, "files", view->about.files);
        json_set_u64(out, "bytes", view->bytes);
        json_set_bool(out, "mounted", view->mounted);
        if (view->fault.code[0]) {
            json_put_name(out, "fault");
            json_put_fault(out, &view->fault);
        }
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
}
