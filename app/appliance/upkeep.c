#include "appliance/upkeep_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "appliance/block_private.h"
#include "appliance/service_private.h"
#include "appliance/stick_private.h"
#include "base/file.h"
#include "base/log.h"

#define QUARANTINE "/data/quarantine"
#define RESTORED "/data/restored"
enum { KEPT = 2, ERASE_BYTES = 16 << 20 };

// ---- archives -----------------------------------------------------------------------------------
static bool is_archive(const char *name) {
    return str_starts(str_of(name), STR("courtyard-")) && str_ends(str_of(name), STR(".tar"));
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

// The program as the service's user. A stick of FAT knows no owners: what lies there is read and
// written through descriptors that we opened.
static enum err program_run(const char *const argv[], struct fault *fault) {
    pid_t pid = fork();
    if (pid < 0) return fault_errno(fault, errno, STR_NONE);
    if (pid == 0) {
        (void)dup2(2, 1);
        umask(0077);
        if (setgroups(0, NULL) || setgid(SERVICE_USER) || setuid(SERVICE_USER)) _exit(1);
        execv("/init", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return OK;
    return fault_set(fault, ERR_IO, "appliance.backup_failed", str_of(argv[1]));
}

static void name_now(char out[static BACKUP_PATH_BYTES]) {
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(out, BACKUP_PATH_BYTES, "courtyard-%Y%m%d-%H%M%S.tar", &utc);
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
static enum err to_stick(const char *from, const char *name, struct fault *fault) {
    char path[2 * BACKUP_PATH_BYTES];
    snprintf(path, sizeof path, STICK_FOLDER "/%s.part", name);
    enum err err = file_copy(from, path, fault);
    char whole[2 * BACKUP_PATH_BYTES];
    snprintf(whole, sizeof whole, STICK_FOLDER "/%s", name);
    if (err == OK && rename(path, whole) != 0) err = fault_errno(fault, errno, str_of(whole));
    if (err != OK) (void)unlink(path);
    return err;
}

enum err backup_run(void *ctx, struct progress *progress, struct fault *fault) {
    const struct upkeep *upkeep = ctx;
    char name[BACKUP_PATH_BYTES], path[2 * BACKUP_PATH_BYTES];
    progress_set(progress, PHASE_COPY, 0, 0);
    name_now(name);
    snprintf(path, sizeof path, BACKUP_FOLDER "/%s", name);
    enum err err = upkeep->stick ? stick_mount(upkeep->disk, upkeep->wanted, fault) : OK;
    if (err != OK) return err;
    err = folder_own(BACKUP_FOLDER, fault);
    const char *const argv[] = {"courtyard", "backup", "--data", SERVICE_DATA, path, NULL};
    if (err == OK) err = program_run(argv, fault);
    if (err == OK && upkeep->stick) err = to_stick(path, name, fault);
    oldest_remove();
    if (!upkeep->stick) return err;
    enum err ended = stick_unmount(fault);
    return err == OK ? ended : err;
}

// ---- restore ------------------------------------------------------------------------------------
// The stick's archive beside the data first: the stick may be pulled, and FAT knows no owners.
static enum err archive_fetch(const struct upkeep *upkeep, char out[static 2 * BACKUP_PATH_BYTES],
                              struct fault *fault) {
    char name[BACKUP_PATH_BYTES], from[2 * BACKUP_PATH_BYTES];
    const char *folder = upkeep->stick ? STICK_FOLDER : BACKUP_FOLDER;
    (void)str_copy(name, sizeof name, str_of(upkeep->name));
    if (!name[0]) (void)archive_find(folder, true, name);
    if (!is_archive(name) || strchr(name, '/')) {
        return fault_set(fault, ERR_NOT_FOUND, "appliance.no_backup", str_of(name));
    }
    snprintf(out, 2 * BACKUP_PATH_BYTES, BACKUP_FOLDER "/%s", name);
    if (!upkeep->stick) return OK;
    snprintf(from, sizeof from, STICK_FOLDER "/%s", name);
    enum err err = folder_own(BACKUP_FOLDER, fault);
    if (err == OK) err = file_copy(from, out, fault);
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

enum err restore_run(void *ctx, struct progress *progress, struct fault *fault) {
    const struct upkeep *upkeep = ctx;
    char path[2 * BACKUP_PATH_BYTES];
    progress_set(progress, PHASE_COPY, 0, 0);
    enum err err = upkeep->stick ? stick_mount(upkeep->disk, upkeep->wanted, fault) : OK;
    if (err != OK) return err;
    err = archive_fetch(upkeep, path, fault);
    if (upkeep->stick) {
        enum err ended = stick_unmount(fault);
        if (err == OK) err = ended;
    }
    if (err == OK) err = folder_remove(RESTORED, fault);
    if (err == OK) err = folder_own(RESTORED, fault);
    progress_set(progress, PHASE_VERIFY, 0, 0);
    const char *const argv[] = {"courtyard", "restore", "--data", RESTORED "/data", path, NULL};
    if (err == OK) err = program_run(argv, fault);
    if (err == OK) err = places_change(fault);
    enum err cleared = folder_remove(RESTORED, err == OK ? fault : NULL);
    return err == OK ? cleared : err;
}

// ---- erase --------------------------------------------------------------------------------------
enum err erase_run(void *ctx, struct progress *progress, struct fault *fault) {
    const struct upkeep *upkeep = ctx;
    char path[64];
    struct block block;
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
