#include "appliance/stick_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

// "sdb" and "sdb1" belong to the disk "sdb", "sdba" does not; "nvme0n1p2" to "nvme0n1".
static bool on_disk(const char *name, const char *disk) {
    size_t size = strlen(disk);
    if (strncmp(name, disk, size) != 0) return false;
    const char *rest = name + size;
    if (*rest == '\0' || size == 0) return true;
    bool digit = disk[size - 1] >= '0' && disk[size - 1] <= '9';
    if (digit && *rest++ != 'p') return false;
    return *rest >= '0' && *rest <= '9';
}

static bool mount_one(const char *name) {
    static const struct {
        const char *kind, *options;
    } kinds[] = {{"vfat", "utf8"}, {"exfat", NULL}, {"ext4", NULL}};
    char path[300];
    snprintf(path, sizeof path, "/dev/%s", name);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME;
        if (mount(path, STICK_FOLDER, kinds[i].kind, flags, kinds[i].options) == 0) {
            log_event(LOG_INFO, "appliance.stick", "device=%s kind=%s", name, kinds[i].kind);
            return true;
        }
    }
    return false;
}

enum err stick_mount(const char *own_disk, const char *wanted, struct fault *fault) {
    bool found = false;
    (void)mkdir(STICK_FOLDER, 0700);
    DIR *dir = opendir("/sys/class/block");
    for (const struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        bool skip = name[0] == '.' || on_disk(name, own_disk) || strncmp(name, "loop", 4) == 0 ||
                    strncmp(name, "ram", 3) == 0 || strncmp(name, "dm-", 3) == 0 ||
                    (wanted[0] && !on_disk(name, wanted));
        if (!skip) found = mount_one(name);
    }
    if (dir) closedir(dir);
    return found ? OK : fault_set(fault, ERR_NOT_FOUND, "appliance.no_stick", STR_NONE);
}

enum err stick_unmount(struct fault *fault) {
    sync();
    if (umount2(STICK_FOLDER, 0) == 0) return OK;
    return fault_errno(fault, errno, STR(STICK_FOLDER));
}
