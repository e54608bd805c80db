// A file of the data partition as a loop device, and that mounted.
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/packs/pack_private.h"
#include "base/log.h"

enum { LOOP_TRIES = 8, PATH_BYTES = 64 };

static enum err failed(struct fault *fault, const char *step) {
    int why = errno;
    log_event(LOG_ERROR, "appliance.pack_mount", "step=%s errno=%d", step, why);
    return fault_set(fault, ERR_IO, "appliance.pack_not_mounted", str_of(strerror(why)));
}

// A free device over that part of the file, which goes by itself when nobody uses it any more.
static int loop_open(int fd, uint64_t offset, uint64_t bytes, char path[static PATH_BYTES]) {
    struct loop_config config = {.fd = (uint32_t)fd};
    config.info.lo_offset = offset;
    config.info.lo_sizelimit = bytes;
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), loop = -1;
    for (int i = 0; i < LOOP_TRIES && control >= 0 && loop < 0; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) break;
        snprintf(path, PATH_BYTES, "/dev/loop%d", number);
        loop = open(path, O_RDONLY | O_CLOEXEC);
        if (loop < 0) break;
        if (ioctl(loop, LOOP_CONFIGURE, &config) == 0) break;
        int why = errno;
        close(loop);
        loop = -1;
        errno = why;
        if (why != EBUSY) break; // somebody was faster
    }
    int why = errno;
    if (control >= 0) close(control);
    errno = why;
    return loop;
}

enum err pack_mount(const struct packs_own *own, int fd, uint64_t offset, uint64_t bytes,
                    const char *where, struct fault *fault) {
    char device[PATH_BYTES], aside[PACK_MOUNT_BYTES];
    unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV;
    snprintf(aside, sizeof aside, "%s/.new", own->mounts);
    (void)mkdir(own->mounts, 0755);
    if (mkdir(aside, 0755) != 0 && errno != EEXIST) return failed(fault, "folder");
    if (mkdir(where, 0755) != 0 && errno != EEXIST) return failed(fault, "folder");
    if (own->modules) {
        (void)modules_load(own->modules, "loop");
        (void)modules_load(own->modules, "squashfs");
    }
    int loop = loop_open(fd, offset, bytes, device);
    if (loop < 0) return failed(fault, "loop");
    enum err err = OK;
    if (mount(device, aside, "squashfs", flags, NULL) != 0) {
        err = failed(fault, "mount");
    } else {
        // What uses the one before keeps it to its end.
        pack_unmount(where);
        if (mkdir(where, 0755) != 0 && errno != EEXIST) err = failed(fault, "folder");
        if (err == OK && mount(aside, where, NULL, MS_MOVE, NULL) != 0) err = failed(fault, "move");
        if (err != OK) (void)umount2(aside, MNT_DETACH);
    }
    close(loop);
    (void)rmdir(aside);
    return err;
}

void pack_unmount(const char *where) {
    (void)umount2(where, MNT_DETACH);
    (void)rmdir(where);
}
