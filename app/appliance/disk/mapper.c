#include "appliance/disk/mapper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/log.h"

enum { SECTOR = 512 };

// A command with room for one target behind it.
struct command {
    struct dm_ioctl head;
    struct dm_target_spec target;
    char table[MAPPER_TABLE_BYTES];
};

bool mapper_table(const struct luks *luks, const struct luks_key *key, const char *device,
                  char out[static MAPPER_TABLE_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    char hex[2 * LUKS_KEY_BYTES + 1];
    for (uint32_t i = 0; i < luks->key_bytes; i++) {
        hex[2 * i] = digits[key->bytes[i] >> 4];
        hex[2 * i + 1] = digits[key->bytes[i] & 15];
    }
    hex[2 * luks->key_bytes] = '\0';
    int size = snprintf(out, MAPPER_TABLE_BYTES, "aes-xts-plain64 %s 0 %s %llu", hex, device,
                        (unsigned long long)(luks->data_offset / SECTOR));
    bytes_wipe(hex, sizeof hex);
    return size > 0 && size < MAPPER_TABLE_BYTES;
}

static void command_begin(struct command *command, const char *name) {
    memset(command, 0, sizeof *command);
    command->head.version[0] = DM_VERSION_MAJOR;
    command->head.data_size = sizeof *command;
    command->head.data_start = offsetof(struct command, target);
    command->head.flags = DM_SECURE_DATA_FLAG; // the kernel wipes its copy of the command
    snprintf(command->head.name, sizeof command->head.name, "%s", name);
}

// ERR_NOT_FOUND without a fault: there is no device of that name. (The libraries disagree about the
// type of ioctl's number; the kernel takes an unsigned long.)
static enum err command_run(int fd, unsigned long what, const char *step, struct command *command,
                            struct fault *fault) {
    if (syscall(SYS_ioctl, fd, what, command) == 0) return OK;
    int error = errno;
    if (error == ENXIO) return ERR_NOT_FOUND;
    if (error == EBUSY) {
        return fault_set(fault, ERR_BUSY, "appliance.disk_in_use", str_of(command->head.name));
    }
    log_event(LOG_ERROR, "appliance.mapper", "step=%s errno=%d", step, error);
    return fault_set(fault, ERR_IO, "appliance.no_mapper", str_of(step));
}

static enum err control_open(int *fd, struct fault *fault) {
    *fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
    if (*fd >= 0) return OK;
    log_event(LOG_ERROR, "appliance.mapper", "step=open errno=%d", errno);
    return fault_set(fault, ERR_IO, "appliance.no_mapper", STR("/dev/mapper/control"));
}

static enum err remove_run(int fd, const char *name, struct fault *fault) {
    struct command command;
    command_begin(&command, name);
    enum err err = command_run(fd, DM_DEV_REMOVE, "remove", &command, fault);
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err table_load(int fd, const char *name, const char *device, uint64_t bytes,
                           const struct luks *luks, const struct luks_key *key,
                           struct fault *fault) {
    struct command command;
    command_begin(&command, name);
    command.head.target_count = 1;
    command.target.length = (bytes - luks->data_offset) / SECTOR;
    command.target.next = sizeof command.target + sizeof command.table;
    snprintf(command.target.target_type, sizeof command.target.target_type, "crypt");
    enum err err = ERR_LIMIT;
    if (mapper_table(luks, key, device, command.table)) {
        err = command_run(fd, DM_TABLE_LOAD, "load", &command, fault);
    }
    bytes_wipe(&command, sizeof command);
    if (err == OK || err == ERR_IO) return err;
    return fault_set(fault, ERR_IO, "appliance.no_mapper", STR("load"));
}

enum err mapper_open(const char *name, const char *device, uint64_t bytes, const struct luks *luks,
                     const struct luks_key *key, char node[static MAPPER_NODE_BYTES],
                     struct fault *fault) {
    struct command command;
    int fd;
    enum err err = control_open(&fd, fault);
    if (err != OK) return err;
    err = remove_run(fd, name, fault);
    if (err == OK) {
        command_begin(&command, name);
        snprintf(command.head.uuid, sizeof command.head.uuid, "CRYPT-LUKS1-%s-%s", luks->uuid,
                 name);
        err = command_run(fd, DM_DEV_CREATE, "create", &command, fault);
    }
    if (err != OK) {
        close(fd);
        return err;
    }
    snprintf(node, MAPPER_NODE_BYTES, "dm-%u", minor(command.head.dev));
    err = table_load(fd, name, device, bytes, luks, key, fault);
    if (err == OK) {
        command_begin(&command, name); // DM_DEV_SUSPEND without its flag: go on, with the new table
        err = command_run(fd, DM_DEV_SUSPEND, "resume", &command, fault);
    }
    if (err != OK && remove_run(fd, name, NULL) != OK) {
        log_event(LOG_WARN, "appliance.mapper", "left=%s", name);
    }
    close(fd);
    return err;
}

enum err mapper_find(const char *name, char node[static MAPPER_NODE_BYTES], struct fault *fault) {
    struct command command;
    int fd;
    enum err err = control_open(&fd, fault);
    if (err != OK) return err;
    command_begin(&command, name);
    err = command_run(fd, DM_DEV_STATUS, "status", &command, fault);
    close(fd);
    if (err == OK) snprintf(node, MAPPER_NODE_BYTES, "dm-%u", minor(command.head.dev));
    return err == ERR_NOT_FOUND ? fault_set(fault, err, "appliance.no_mapper", str_of(name)) : err;
}

enum err mapper_close(const char *name, struct fault *fault) {
    int fd;
    enum err err = control_open(&fd, fault);
    if (err != OK) return err;
    err = remove_run(fd, name, fault);
    close(fd);
    return err;
}
