// Any bytes as an update file that came on a memory stick, and as GRUB's environment block.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "appliance/disk/grubenv.h"
#include "appliance/update.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    struct update_about about;
    struct fault fault = {0};
    int fd = memfd_create("update", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum err err = update_show(path, NULL, &about, NULL, &fault);
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    if (err == OK && !version_is_one(str_of(about.version))) abort();
    close(fd);

    char block[GRUBENV_BYTES] = {0}, again[GRUBENV_BYTES];
    memcpy(block, data, size < sizeof block ? size : sizeof block);
    struct grubenv env = grubenv_parse(block), other;
    grubenv_format(&env, again);
    other = grubenv_parse(again);
    if (other.damaged || other.slot != env.slot || other.trial != env.trial) abort();
    return 0;
}
