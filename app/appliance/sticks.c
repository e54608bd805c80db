#include "appliance/sticks_private.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/installer_private.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"

#define LOOK_FOLDER "/run/look"

// ---- one stick ----------------------------------------------------------------------------------
static enum err update_fits(const struct update_about *about, const struct sticks_own *own,
                            struct fault *fault) {
    char signer[FINGERPRINT_SIZE];
    verify_key_fingerprint(&about->signer, signer);
    if (!own->key) return fault_set(fault, ERR_DENIED, "appliance.no_update_key", STR_NONE);
    if (!bytes_equal(own->key->point, about->signer.point, sizeof about->signer.point)) {
        return fault_set(fault, ERR_DENIED, "appliance.update_other_signer", str_of(signer));
    }
    if (strcmp(about->architecture, own->architecture) != 0) {
        return fault_set(fault, ERR_INPUT, "appliance.update_other_architecture",
                         str_of(about->architecture));
    }
    if (version_compare(str_of(own->version), str_of(about->from)) < 0) {
        return fault_set(fault, ERR_INPUT, "appliance.update_too_far", str_of(about->from));
    }
    return OK;
}

// By what it says of itself; its bytes are read when it is installed.
static enum err update_judge(const char *path, const struct sticks_own *own,
                             struct stick_update *out) {
    struct update_file file;
    enum err err = update_open(path, NULL, &file, &out->fault);
    if (err != OK) {
        (void)str_copy(out->fault.detail, sizeof out->fault.detail, str_of(out->name));
        return err;
    }
    out->about = file.about;
    out->older = version_compare(str_of(out->about.version), str_of(own->version)) < 0;
    update_close(&file);
    return update_fits(&out->about, own, &out->fault);
}

// Those that could be installed first, the highest version first, then by name.
static int by_use(const void *one, const void *other) {
    const struct stick_update *a = one, *b = other;
    bool bad = a->fault.code[0] != '\0', other_bad = b->fault.code[0] != '\0';
    if (bad != other_bad) return bad ? 1 : -1;
    int order = 0;
    if (a->about.version[0] && b->about.version[0]) {
        order = version_compare(str_of(b->about.version), str_of(a->about.version));
    }
    return order ? order : strcmp(a->name, b->name);
}

// A file of the folder with that ending; false: it has another, or too long a name.
static bool name_take(const struct dirent *entry, struct str ending,
                      char out[static STICK_NAME_BYTES]) {
    struct str name = str_of(entry->d_name);
    return name.data[0] != '.' && str_ends(name, ending) && str_copy(out, STICK_NAME_BYTES, name);
}

static void updates_read(const char *folder, const struct sticks_own *own, struct stick *out) {
    DIR *dir = opendir(folder);
    out->update_count = 0;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stick_update one = {0};
        char path[512];
        if (!name_take(entry, STR(".update"), one.name)) continue;
        snprintf(path, sizeof path, "%.256s/%s", folder, one.name);
        if (update_judge(path, own, &one) != OK && !one.fault.code[0]) continue; // gone meanwhile
        // Beyond the room, the one that is of least use gives way.
        if (out->update_count < STICK_UPDATES_MAX) {
            out->updates[out->update_count++] = one;
        } else if (by_use(&one, &out->updates[STICK_UPDATES_MAX - 1]) < 0) {
            out->updates[STICK_UPDATES_MAX - 1] = one;
        }
        qsort(out->updates, out->update_count, sizeof out->updates[0], by_use);
    }
    if (dir) closedir(dir);
}

static enum err pack_judge(const char *path, const struct sticks_own *own, struct stick_pack *out) {
    struct pack_file file;
    const struct packs_own mine = {.architecture = own->architecture, .key = own->key};
    enum err err = pack_open(path, NULL, &file, &out->fault);
    if (err != OK) {
        if (strcmp(out->fault.detail, path) == 0) {
            (void)str_copy(out->fault.detail, sizeof out->fault.detail, str_of(out->name));
        }
        return err;
    }
    out->about = file.about;
    pack_close(&file);
    return pack_fits(&mine, &out->about, &out->fault);
}

static int by_use_of_packs(const void *one, const void *other) {
    const struct stick_pack *a = one, *b = other;
    bool bad = a->fault.code[0] != '\0', other_bad = b->fault.code[0] != '\0';
    if (bad != other_bad) return bad ? 1 : -1;
    return strcmp(a->name, b->name);
}

static void packs_read(const char *folder, const struct sticks_own *own, struct stick *out) {
    DIR *dir = opendir(folder);
    out->pack_count = 0;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stick_pack one = {0};
        char path[512];
        if (!name_take(entry, STR(".pack"), one.name)) continue;
        snprintf(path, sizeof path, "%.256s/%s", folder, one.name);
        if (pack_judge(path, own, &one) != OK && !one.fault.code[0]) continue; // gone meanwhile
        if (out->pack_count < STICK_PACKS_MAX) {
            out->packs[out->pack_count++] = one;
        } else if (by_use_of_packs(&one, &out->packs[STICK_PACKS_MAX - 1]) < 0) {
            out->packs[STICK_PACKS_MAX - 1] = one;
        }
        qsort(out->packs, out->pack_count, sizeof out->packs[0], by_use_of_packs);
    }
    if (dir) closedir(dir);
}

void stick_read(const char *folder, const struct sticks_own *own, struct stick *out) {
    out->backup_count = backups_list(folder, out->backups, STICK_BACKUPS_MAX, &out->backup_all);
    updates_read(folder, own, out);
    packs_read(folder, own, out);
}

// ---- the look, in a child -----------------------------------------------------------------------
static void stick_take(const struct install_disk *disk, const struct sticks_own *own,
                       struct stick *out) {
    struct statvfs room;
    *out = (struct stick){.bytes = disk->bytes};
    (void)str_copy(out->disk, sizeof out->disk, str_of(disk->path + strlen("/dev/")));
    (void)str_copy(out->model, sizeof out->model, str_of(disk->name));
    if (!stick_look(out->disk, LOOK_FOLDER, out->kind)) return;
    if (statvfs(LOOK_FOLDER, &room) == 0) {
        out->free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
    }
    stick_read(LOOK_FOLDER, own, out);
    (void)umount2(LOOK_FOLDER, 0);
}

static int look(const struct sticks_own *own, struct sticks *out) {
    struct install_disk disks[INSTALL_DISKS];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        (mkdir(LOOK_FOLDER, 0700) != 0 && errno != EEXIST)) {
        return 1;
    }
    // What is mounted there must be free to go while we look.
    (void)umount2("/data", MNT_DETACH);
    (void)umount2("/esp", MNT_DETACH);
    (void)umount2("/opt", MNT_DETACH);               // with the packs, which lie in /data
    const struct install_wish wish = {.source = ""}; // nothing is held against it
    uint32_t count = installer_disks("/sys/block", "/dev", &wish, disks);
    for (uint32_t i = 0; i < count && out->count < STICKS_MAX; i++) {
        const char *name = disks[i].path + strlen("/dev/");
        if (strcmp(name, own->disk) == 0) continue;
        if (disks[i].removable || stick_on_usb(name))
            stick_take(&disks[i], own, &out->all[out->count++]);
    }
    return 0;
}

static bool look_begin(struct sticks_watch *watch, const struct sticks_own *own) {
    if (!watch->shared) {
        void *shared = mmap(NULL, sizeof *watch->shared, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED) return false;
        watch->shared = shared;
    }
    *watch->shared = (struct sticks){0};
    pid_t pid = fork();
    if (pid < 0) return false;
    if (pid == 0) _exit(look(own, watch->shared));
    watch->child = pid;
    return true;
}

// ---- the watch ----------------------------------------------------------------------------------
void sticks_due(struct sticks_watch *watch, int64_t at_ms) {
    watch->due_ms = at_ms > 0 ? at_ms : 1;
}

int64_t sticks_run(struct sticks_watch *watch, const struct sticks_own *own, bool may,
                   int64_t now_ms) {
    if (watch->due_ms == 0 || !own->disk[0]) return INT64_MAX;
    if (watch->child > 0 || !may) return INT64_MAX; // its end is an event
    if (now_ms < watch->due_ms) return watch->due_ms;
    watch->due_ms = 0;
    watch->from_ms = now_ms;
    if (!look_begin(watch, own)) log_event(LOG_ERROR, "appliance.sticks", "errno=%d", errno);
    return INT64_MAX;
}

bool sticks_ended(struct sticks_watch *watch, pid_t pid, int status) {
    if (pid <= 0 || pid != watch->child) return false;
    watch->child = 0;
    bool whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (whole && watch->shared->count <= STICKS_MAX) watch->seen = *watch->shared;
    log_event(whole ? LOG_INFO : LOG_ERROR, "appliance.sticks", "count=%u whole=%d",
              watch->seen.count, whole);
    return true;
}

bool sticks_looking(const struct sticks_watch *watch, int64_t now_ms) {
    return watch->child > 0 && now_ms - watch->from_ms < STICK_LOOK_MS_MAX;
}

// ---- told ---------------------------------------------------------------------------------------
void backups_write(const struct backup_about *backups, uint32_t count, struct json_writer *out) {
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) {
        json_open_object(out);
        json_set_text(out, "name", str_of(backups[i].name));
        json_set_i64(out, "at", backups[i].at_ms);
        json_set_u64(out, "bytes", backups[i].bytes);
        json_set_text(out, "version", str_of(backups[i].version));
        json_close_object(out);
    }
    json_close_array(out);
}

static void update_write_one(const struct stick_update *update, struct json_writer *out) {
    char signer[FINGERPRINT_SIZE] = "";
    const struct update_about *about = &update->about;
    if (about->version[0]) verify_key_fingerprint(&about->signer, signer);
    json_open_object(out);
    json_set_text(out, "name", str_of(update->name));
    json_set_text(out, "version", str_of(about->version));
    json_set_text(out, "architecture", str_of(about->architecture));
    json_set_text(out, "build", str_of(about->build));
    json_set_text(out, "from", str_of(about->from));
    json_set_text(out, "signer", str_of(signer));
    json_set_u64(out, "bytes", about->image_bytes);
    json_set_bool(out, "older", update->older);
    if (update->fault.code[0]) {
        json_put_name(out, "fault");
        json_put_fault(out, &update->fault);
    }
    json_close_object(out);
}

static void pack_write_one(const struct stick_pack *pack, struct json_writer *out) {
    char signer[FINGERPRINT_SIZE] = "";
    const struct pack_about *about = &pack->about;
    if (about->version[0]) verify_key_fingerprint(&about->signer, signer);
    json_open_object(out);
    json_set_text(out, "file", str_of(pack->name));
    json_set_text(out, "name", str_of(about->name));
    json_set_text(out, "vendor", str_of(about->vendor));
    json_set_text(out, "version", str_of(about->version));
    json_set_text(out, "architecture", str_of(about->architecture));
    json_set_u64(out, "files", about->files);
    json_set_u64(out, "bytes", about->bytes);
    json_set_text(out, "signer", str_of(signer));
    if (pack->fault.code[0]) {
        json_put_name(out, "fault");
        json_put_fault(out, &pack->fault);
    }
    json_close_object(out);
}

void sticks_write(const struct sticks *sticks, struct json_writer *out) {
    json_open_array(out);
    for (uint32_t i = 0; i < sticks->count; i++) {
        const struct stick *stick = &sticks->all[i];
        json_open_object(out);
        json_set_text(out, "disk", str_of(stick->disk));
        json_set_text(out, "model", str_of(stick->model));
        json_set_text(out, "kind", str_of(stick->kind));
        json_set_u64(out, "bytes", stick->bytes);
        json_set_u64(out, "free_bytes", stick->free_bytes);
        json_set_u64(out, "backup_count", stick->backup_all);
        json_put_name(out, "backups");
        backups_write(stick->backups, stick->backup_count, out);
        json_put_name(out, "updates");
        json_open_array(out);
        for (uint32_t j = 0; j < stick->update_count; j++)
            update_write_one(&stick->updates[j], out);
        json_close_array(out);
        json_put_name(out, "packs");
        json_open_array(out);
        for (uint32_t j = 0; j < stick->pack_count; j++) pack_write_one(&stick->packs[j], out);
        json_close_array(out);
        json_close_object(out);
    }
    json_close_array(out);
}
