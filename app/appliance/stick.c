#include "appliance/stick_private.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

bool stick_on_disk(const char *name, const char *disk) {
    size_t size = strlen(disk);
    if (strncmp(name, disk, size) != 0) return false;
    const char *rest = name + size;
    if (*rest == '\0' || size == 0) return true;
    bool digit = disk[size - 1] >= '0' && disk[size - 1] <= '9';
    if (digit && *rest++ != 'p') return false;
    return *rest >= '0' && *rest <= '9';
}

enum { DEVICES_MAX = 64, DEVICE_BYTES = 32 };

static int by_name(const void *one, const void *other) {
    size_t size = strlen(one), other_size = strlen(other);
    if (size != other_size) return size < other_size ? -1 : 1;
    return strcmp(one, other);
}

// Disks and partitions that may hold a stick's file system, sdb before sdb1 before sdb2 before
// sdb10, so that the same one is taken each time.
static size_t devices_list(const char *own_disk, const char *wanted,
                           char out[static DEVICES_MAX][DEVICE_BYTES]) {
    size_t count = 0;
    DIR *dir = opendir("/sys/class/block");
    for (const struct dirent *entry; dir && count < DEVICES_MAX && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        bool skip = name[0] == '.' || (own_disk[0] && stick_on_disk(name, own_disk)) ||
                    strncmp(name, "loop", 4) == 0 || strncmp(name, "ram", 3) == 0 ||
                    strncmp(name, "dm-", 3) == 0 || (wanted[0] && !stick_on_disk(name, wanted));
        if (!skip && str_copy(out[count], DEVICE_BYTES, str_of(name))) count++;
    }
    if (dir) closedir(dir);
    qsort(out, count, DEVICE_BYTES, by_name);
    return count;
}

static const struct kind {
    const char *name, *options, *look_options; // ext4's journal is left as it is by a look
} kinds[] = {{"vfat", "utf8", "utf8"}, {"exfat", NULL, NULL}, {"ext4", NULL, "noload"}};

static const struct kind *mount_one(const char *name, const char *folder, bool look) {
    char path[64];
    snprintf(path, sizeof path, "/dev/%s", name);
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | (look ? MS_RDONLY : 0);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *options = look ? kinds[i].look_options : kinds[i].options;
        if (mount(path, folder, kinds[i].name, flags, options) == 0) return &kinds[i];
    }
    return NULL;
}

enum err stick_mount(const char *own_disk, const char *wanted, struct fault *fault) {
    char devices[DEVICES_MAX][DEVICE_BYTES];
    const struct kind *kind = NULL;
    (void)mkdir(STICK_FOLDER, 0700);
    size_t count = devices_list(own_disk, wanted, devices);
    for (size_t i = 0; i < count && !kind; i++) {
        kind = mount_one(devices[i], STICK_FOLDER, false);
        if (!kind) continue;
        log_event(LOG_INFO, "appliance.stick", "device=%s kind=%s", devices[i], kind->name);
    }
    return kind ? OK : fault_set(fault, ERR_NOT_FOUND, "appliance.no_stick", STR_NONE);
}

bool stick_look(const char *disk, const char *folder, char out[static STICK_KIND_BYTES]) {
    char devices[DEVICES_MAX][DEVICE_BYTES];
    size_t count = devices_list("", disk, devices);
    for (size_t i = 0; i < count; i++) {
        const struct kind *kind = mount_one(devices[i], folder, true);
        if (kind) return str_copy(out, STICK_KIND_BYTES, str_of(kind->name));
    }
    return false;
}

// By its place in the machine.
static bool below(const char *name, const char *part) {
    char path[64 + NAME_MAX], target[PATH_MAX];
    snprintf(path, sizeof path, "/sys/class/block/%.*s", NAME_MAX, name);
    ssize_t size = readlink(path, target, sizeof target - 1);
    target[size > 0 ? size : 0] = '\0';
    return strstr(target, part) != NULL;
}

bool stick_on_usb(const char *name) {
    return below(name, "/usb");
}

bool stick_in_reader(const char *name) {
    return below(name, "/mmc_host");
}

enum err stick_unmount(struct fault *fault) {
    sync();
    if (umount2(STICK_FOLDER, 0) == 0) return OK;
    return fault_errno(fault, errno, STR(STICK_FOLDER));
}
