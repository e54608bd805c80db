#include "appliance/keystick_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "appliance/stick_private.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"

#define FOLDER "/key"
enum { NAME_BYTES = 96, BUSY_TRIES = 50, BUSY_WAIT_MS = 200 };

static bool fat_mount(const char *name, bool write) {
    char path[16 + NAME_MAX];
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | (write ? 0 : MS_RDONLY);
    snprintf(path, sizeof path, "/dev/%s", name);
    (void)mkdir(FOLDER, 0700);
    // Who looks at what has been plugged in has it mounted for a moment, otherwise than we want it.
    for (int tries = BUSY_TRIES; tries > 0; tries--) {
        if (mount(path, FOLDER, "vfat", flags, "utf8") == 0) return true;
        if (errno != EBUSY) return false;
        (void)nanosleep(&(struct timespec){.tv_nsec = BUSY_WAIT_MS * 1000 * 1000}, NULL);
    }
    return false;
}

static enum err fat_unmount(struct fault *fault) {
    if (umount2(FOLDER, 0) == 0) return OK;
    return fault_errno(fault, errno, STR(FOLDER));
}

// Exactly the bytes of a key, and nothing behind them.
static bool key_read(const char *path, uint8_t out[static KEYSTICK_BYTES]) {
    uint8_t bytes[KEYSTICK_BYTES + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t size = fd >= 0 ? read(fd, bytes, sizeof bytes) : -1;
    if (fd >= 0) close(fd);
    if (size == KEYSTICK_BYTES) memcpy(out, bytes, KEYSTICK_BYTES);
    bytes_wipe(bytes, sizeof bytes);
    return size == KEYSTICK_BYTES;
}

static enum err key_write(const char *name, const char *path, const uint8_t *key,
                          struct fault *fault) {
    uint8_t again[KEYSTICK_BYTES] = {0};
    enum err err = file_write(path, (struct str){(const char *)key, KEYSTICK_BYTES}, fault);
    enum err ended = fat_unmount(fault);
    if (err == OK) err = ended;
    if (err != OK) return err;
    // From the stick itself: what was cached went with the mount.
    bool kept =
        fat_mount(name, false) && key_read(path, again) && bytes_equal(again, key, sizeof again);
    bytes_wipe(again, sizeof again);
    ended = fat_unmount(NULL);
    if (kept && ended == OK) return OK;
    return fault_set(fault, ERR_IO, "appliance.key_stick_bad", str_of(name));
}

// Writes `key`, or reads *out, or (neither) only looks whether it could. OK: it was this one;
// ERR_NOT_FOUND: on to the next.
static enum err stick_try(const char *name, const char *path, const uint8_t *key, uint8_t *out,
                          struct fault *fault) {
    if (!fat_mount(name, key != NULL)) return ERR_NOT_FOUND;
    log_event(LOG_INFO, "appliance.key_stick", "device=%s write=%d", name, key != NULL);
    if (key) return key_write(name, path, key, fault);
    bool found = !out || key_read(path, out);
    enum err ended = fat_unmount(fault);
    if (ended != OK) return ended;
    return found ? OK : ERR_NOT_FOUND;
}

static enum err sticks_try(const char *own_disk, const char *uuid, const uint8_t *key, uint8_t *out,
                           struct fault *fault) {
    char path[NAME_BYTES];
    enum err err = ERR_NOT_FOUND;
    snprintf(path, sizeof path, FOLDER "/courtyard-%s.key", uuid);
    DIR *dir = opendir("/sys/class/block");
    for (const struct dirent *entry; dir && err == ERR_NOT_FOUND && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        bool skip = name[0] == '.' || stick_on_disk(name, own_disk) ||
                    !(stick_on_usb(name) || stick_in_reader(name));
        if (!skip) err = stick_try(name, path, key, out, fault);
    }
    if (dir) closedir(dir);
    return err;
}

enum err keystick_read(const char *own_disk, const char *uuid, uint8_t out[static KEYSTICK_BYTES],
                       struct fault *fault) {
    enum err err = sticks_try(own_disk, uuid, NULL, out, fault);
    if (err != ERR_NOT_FOUND) return err;
    return fault_set(fault, err, "appliance.no_key_stick", STR_NONE);
}

enum err keystick_there(const char *own_disk, struct fault *fault) {
    enum err err = sticks_try(own_disk, "", NULL, NULL, fault);
    if (err != ERR_NOT_FOUND) return err;
    return fault_set(fault, err, "appliance.no_stick_for_key", STR_NONE);
}

enum err keystick_write(const char *own_disk, const char *uuid,
                        const uint8_t key[static KEYSTICK_BYTES], struct fault *fault) {
    enum err err = sticks_try(own_disk, uuid, key, NULL, fault);
    if (err != ERR_NOT_FOUND) return err;
    return fault_set(fault, err, "appliance.no_stick_for_key", STR_NONE);
}
