#include "appliance/upkeep_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "appliance/disk/block.h"
#include "appliance/program.h"
#include "appliance/service_private.h"
#include "appliance/stick_private.h"
#include "appliance/vault_private.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

#define QUARANTINE "/data/quarantine"
#define RESTORED "/data/restored"
#define FAT_FILE_BYTES UINT32_MAX // the largest file of a FAT file system
enum {
    COPIES_MAX = 64,
    KEPT = 2,
    ERASE_BYTES = 16 << 20,
    COPY_BYTES = 4 << 20,
};

// ---- archives -----------------------------------------------------------------------------------
static bool is_archive(const char *name) {
    struct backup_about about;
    return backup_name_read(str_of(name), &about);
}

static bool digits_take(struct str *text, size_t count, unsigned *out) {
    uint64_t value;
    struct str part = {text->data, count};
    if (text->size < count || !str_to_u64(part, &value)) return false;
    for (size_t i = 0; i < count; i++) {
        if (part.data[i] < '0' || part.data[i] > '9') return false;
    }
    *text = (struct str){text->data + count, text->size - count};
    *out = (unsigned)value;
    return true;
}

bool backup_name_read(struct str name, struct backup_about *out) {
    static const struct str head = {"courtyard-", 10}, tail = {".tar", 4};
    unsigned year, month, day, hour, minute, second;
    struct backup_about about = {0};
    if (!str_copy(about.name, sizeof about.name, name) || memchr(name.data, '/', name.size) ||
        !str_starts(name, head) || !str_ends(name, tail) || name.size < head.size + tail.size) {
        return false;
    }
    struct str rest = {name.data + head.size, name.size - head.size - tail.size};
    if (!digits_take(&rest, 4, &year) || !digits_take(&rest, 2, &month) ||
        !digits_take(&rest, 2, &day) || rest.size == 0 || rest.data[0] != '-') {
        return false;
    }
    rest = (struct str){rest.data + 1, rest.size - 1};
    if (!digits_take(&rest, 2, &hour) || !digits_take(&rest, 2, &minute) ||
        !digits_take(&rest, 2, &second) || month < 1 || month > 12 || day < 1 || day > 31) {
        return false;
    }
    if (rest.size > 0) {
        struct str version = {rest.data + 1, rest.size - 1};
        if (rest.data[0] != '-' || !version_is_one(version)) return false;
        (void)str_copy(about.version, sizeof about.version, version);
    }
    int64_t seconds = hour * 3600 + minute * 60 + second;
    about.at_ms = days_from_civil(year, month, day) * 86400000 + seconds * 1000;
    *out = about;
    return true;
}

static int newest_first(const void *one, const void *other) {
    return strcmp(((const struct backup_about *)other)->name,
                  ((const struct backup_about *)one)->name);
}

uint32_t backups_list(const char *folder, struct backup_about *out, uint32_t most, uint32_t *all) {
    uint32_t count = 0;
    struct stat file;
    DIR *dir = opendir(folder);
    *all = 0;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        struct backup_about one;
        if (!backup_name_read(str_of(entry->d_name), &one)) continue;
        if (fstatat(dirfd(dir), entry->d_name, &file, 0) != 0 || !S_ISREG(file.st_mode)) continue;
        one.bytes = (uint64_t)file.st_size;
        ++*all;
        if (count < most) {
            out[count++] = one;
        } else if (most > 0 && newest_first(&one, &out[most - 1]) < 0) {
            out[most - 1] = one;
        }
        qsort(out, count, sizeof *out, newest_first);
    }
    if (dir) closedir(dir);
    return count;
}

// The newest archive of a folder, or the oldest; their names sort by time. How many there are.
static size_t archive_find(const char *folder, bool newest, char out[static BACKUP_PATH_BYTES]) {
    size_t count = 0;
    DIR *dir = opendir(folder);
    out[0] = '\0';
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!is_archive(entry->d_name)) continue;
        int order = strcmp(entry->d_name, out);
        if ((count == 0 || (newest ? order > 0 : order < 0)) &&
            !str_copy(out, BACKUP_PATH_BYTES, str_of(entry->d_name))) {
            continue;
        }
        count++;
    }
    if (dir) closedir(dir);
    return count;
}

// A stick of FAT knows no owners: what lies there is read and written through descriptors that we
// opened; all else is the program's, as the service's user.
static enum err as_service_run(const char *const argv[], const struct progress *progress,
                               struct fault *fault) {
    const struct program program = {.path = "/init", .user = SERVICE_USER};
    return program_run(&program, argv, progress, fault);
}

static void name_now(char out[static BACKUP_PATH_BYTES]) {
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(out, BACKUP_PATH_BYTES, "courtyard-%Y%m%d-%H%M%S-" COURTYARD_VERSION ".tar", &utc);
}

static enum err folder_own(const char *path, struct fault *fault) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST) return fault_errno(fault, errno, str_of(path));
    if (chown(path, SERVICE_USER, SERVICE_USER) == 0) return OK;
    return fault_errno(fault, errno, str_of(path));
}

static void oldest_remove(void) {
    char name[BACKUP_PATH_BYTES], path[2 * BACKUP_PATH_BYTES];
    while (archive_find(BACKUP_FOLDER, false, name) > KEPT) {
        snprintf(path, sizeof path, BACKUP_FOLDER "/%s", name);
        if (unlink(path) != 0) return;
    }
}

// ---- backup -------------------------------------------------------------------------------------
static enum err bytes_copy(int from, int to, uint64_t total, struct progress *progress,
                           struct fault *fault) {
    enum err err = OK;
    char *piece = memory_take(COPY_BYTES);
    if (!piece) return fault_errno(fault, ENOMEM, STR_NONE);
    for (uint64_t done = 0; err == OK;) {
        progress_set(progress, PHASE_COPY, done, total);
        if (progress_cancelled(progress)) err = ERR_CANCELLED;
        ssize_t size = err == OK ? read(from, piece, COPY_BYTES) : 0;
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) err = fault_errno(fault, errno, STR_NONE);
        if (size <= 0) break;
        err = file_write_all(to, piece, (size_t)size, fault);
        // On the stick as it goes, so that the bar tells the truth and a stop is not waited for.
        if (err == OK && fdatasync(to) != 0) err = fault_errno(fault, errno, STR_NONE);
        done += (uint64_t)size;
    }
    memory_give(piece);
    return err;
}

// Whole or not at all.
static enum err copy(const char *from, const char *to, struct progress *progress,
                     struct fault *fault) {
    struct file_stream target;
    uint64_t bytes = 0, room = 0;
    char text[24], folder[BACKUP_PATH_BYTES];
    (void)str_copy(folder, sizeof folder, str_of(to));
    char *slash = strrchr(folder, '/');
    if (slash) *slash = '\0';
    struct statfs about = {0};
    enum err err = file_size(from, &bytes, fault);
    if (err == OK) err = disk_free(folder, &room, fault);
    if (err != OK) return err;
    snprintf(text, sizeof text, "%.1f MB", (double)bytes / 1e6);
    if (room < bytes) return fault_set(fault, ERR_LIMIT, "appliance.stick_full", str_of(text));
    if (bytes > FAT_FILE_BYTES && statfs(folder, &about) == 0 &&
        about.f_type == MSDOS_SUPER_MAGIC) {
        return fault_set(fault, ERR_LIMIT, "appliance.stick_fat", str_of(text));
    }
    int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0) return fault_errno(fault, errno, str_of(from));
    err = file_stream_open(to, &target, fault);
    if (err == OK) {
        err = bytes_copy(source, target.fd, bytes, progress, fault);
        if (err == OK) err = file_stream_keep(&target, fault);
        file_stream_drop(&target);
    }
    close(source);
    return err;
}

enum err backup_run(void *ctx, struct progress *progress, struct fault *fault) {
    struct upkeep *upkeep = ctx;
    char name[BACKUP_PATH_BYTES], path[2 * BACKUP_PATH_BYTES], whole[2 * BACKUP_PATH_BYTES];
    progress_set(progress, PHASE_READ, 0, 0);
    name_now(name);
    memcpy(upkeep->name, name, sizeof upkeep->name);
    snprintf(path, sizeof path, BACKUP_FOLDER "/%s", name);
    enum err err = upkeep->stick ? stick_mount(upkeep->disk, upkeep->wanted, fault) : OK;
    if (err != OK) return err;
    err = folder_own(BACKUP_FOLDER, fault);
    const char *const argv[] = {"courtyard", "backup", "--data", SERVICE_DATA, path, NULL};
    if (err == OK) err = as_service_run(argv, progress, fault);
    if (err == OK && upkeep->stick) {
        snprintf(whole, sizeof whole, STICK_FOLDER "/%s", name);
        err = copy(path, whole, progress, fault);
    }
    oldest_remove();
    if (!upkeep->stick) return err;
    enum err ended = stick_unmount(fault);
    return err == OK ? ended : err;
}

// ---- restore ------------------------------------------------------------------------------------
// The stick's archive beside the data first: the stick may be pulled, and FAT knows no owners.
static enum err archive_fetch(struct upkeep *upkeep, char out[static 2 * BACKUP_PATH_BYTES],
                              struct progress *progress, struct fault *fault) {
    char name[BACKUP_PATH_BYTES], from[2 * BACKUP_PATH_BYTES];
    const char *folder = upkeep->stick ? STICK_FOLDER : BACKUP_FOLDER;
    (void)str_copy(name, sizeof name, str_of(upkeep->name));
    if (!name[0]) (void)archive_find(folder, true, name);
    memcpy(upkeep->name, name, sizeof upkeep->name);
    if (!is_archive(name)) {
        return fault_set(fault, ERR_NOT_FOUND, "appliance.no_backup", str_of(name));
    }
    snprintf(out, 2 * BACKUP_PATH_BYTES, BACKUP_FOLDER "/%s", name);
    if (!upkeep->stick) return OK;
    snprintf(from, sizeof from, STICK_FOLDER "/%s", name);
    enum err err = folder_own(BACKUP_FOLDER, fault);
    if (err == OK) err = copy(from, out, progress, fault);
    if (err == OK && chown(out, SERVICE_USER, SERVICE_USER) != 0) {
        err = fault_errno(fault, errno, str_of(out));
    }
    return err;
}

// The restored folder takes the data's place; if it cannot, all is as it was.
static enum err places_change(struct fault *fault) {
    enum err err = folder_remove(QUARANTINE, fault);
    if (err != OK) return err;
    bool there = file_exists(SERVICE_DATA);
    if (there && rename(SERVICE_DATA, QUARANTINE) != 0) {
        return fault_errno(fault, errno, STR(QUARANTINE));
    }
    if (rename(RESTORED "/data", SERVICE_DATA) != 0) {
        err = fault_errno(fault, errno, STR(SERVICE_DATA));
        if (there && rename(QUARANTINE, SERVICE_DATA) != 0) {
            log_event(LOG_ERROR, "appliance.restore", "errno=%d", errno);
        }
        return err;
    }
    return folder_sync("/data", fault);
}

void upkeep_settle(void) {
    if (file_exists(SERVICE_DATA)) return;
    bool restored = file_exists(RESTORED "/data") && file_exists(QUARANTINE);
    const char *from = restored ? RESTORED "/data" : QUARANTINE;
    if (file_exists(from) && rename(from, SERVICE_DATA) != 0) {
        log_event(LOG_ERROR, "appliance.restore", "errno=%d", errno);
    }
}

static enum err copy_restore(const char *name, const struct progress *progress,
                             struct fault *fault) {
    const char *const argv[] = {"courtyard", "recover", name, "--data", SERVICE_DATA, NULL};
    return as_service_run(argv, progress, fault);
}

// Where in a copy's name its time begins, "20261127" or "20261127-043000"; NULL: none to offer, for
// what was kept of before an update belongs to an older version.
static const char *copy_stamp(const char *name) {
    static const char *const kinds[] = {"nightly-", "wish-"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strncmp(name, kinds[i], strlen(kinds[i])) == 0) return name + strlen(kinds[i]);
    }
    return NULL;
}

static int copies_order(const void *one, const void *other) {
    int order = strcmp(copy_stamp(other), copy_stamp(one));
    return order ? order : strcmp(other, one);
}

uint32_t copies_list(const char *data, char out[static UPKEEP_COPIES][32]) {
    char folder[BACKUP_PATH_BYTES], found[COPIES_MAX][32];
    uint32_t count = 0;
    snprintf(folder, sizeof folder, "%s/backups", data);
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && count < COPIES_MAX && (entry = readdir(dir));) {
        struct str name = str_of(entry->d_name);
        if (!copy_stamp(entry->d_name) || str_ends(name, STR(".part"))) continue;
        if (str_copy(found[count], sizeof found[count], name)) count++;
    }
    if (dir) closedir(dir);
    qsort(found, count, sizeof found[0], copies_order);
    if (count > UPKEEP_COPIES) count = UPKEEP_COPIES;
    memcpy(out, found, count * sizeof found[0]);
    return count;
}

enum err restore_run(void *ctx, struct progress *progress, struct fault *fault) {
    struct upkeep *upkeep = ctx;
    char path[2 * BACKUP_PATH_BYTES];
    progress_set(progress, PHASE_COPY, 0, 0);
    if (upkeep->copy[0]) return copy_restore(upkeep->copy, progress, fault);
    enum err err = upkeep->stick ? stick_mount(upkeep->disk, upkeep->wanted, fault) : OK;
    if (err != OK) return err;
    err = archive_fetch(upkeep, path, progress, fault);
    if (upkeep->stick) {
        enum err ended = stick_unmount(fault);
        if (err == OK) err = ended;
    }
    if (err == OK) err = folder_remove(RESTORED, fault);
    if (err == OK) err = folder_own(RESTORED, fault);
    progress_set(progress, PHASE_VERIFY, 0, 0);
    const char *const argv[] = {"courtyard", "restore", "--data", RESTORED "/data", path, NULL};
    if (err == OK) err = as_service_run(argv, progress, fault);
    if (err == OK) err = places_change(fault);
    enum err cleared = folder_remove(RESTORED, err == OK ? fault : NULL);
    return err == OK ? cleared : err;
}

// ---- erase --------------------------------------------------------------------------------------
enum err erase_run(void *ctx, struct progress *progress, struct fault *fault) {
    const struct upkeep *upkeep = ctx;
    char path[64];
    struct block block;
    if (upkeep->encrypted) return vault_destroy(upkeep->partition, fault);
    snprintf(path, sizeof path, "/dev/%.31s", upkeep->partition);
    enum err err = block_open(path, BLOCK_ALONE, &block, fault);
    if (err != OK) return err;
    for (uint64_t at = 0; at < block.bytes && err == OK; at += ERASE_BYTES) {
        uint64_t range[2] = {at, block.bytes - at < ERASE_BYTES ? block.bytes - at : ERASE_BYTES};
        if (ioctl(block.fd, BLKZEROOUT, range) != 0) err = fault_errno(fault, errno, str_of(path));
        progress_set(progress, PHASE_WRITE, at + range[1], block.bytes);
    }
    enum err synced = block_sync(&block, fault);
    block_close(&block);
    return err == OK ? synced : err;
}
