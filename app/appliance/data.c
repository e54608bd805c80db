// From the disk to /data.
#include "appliance/data_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/disk/gpt.h"
#include "appliance/service_private.h"
#include "base/crypto.h"
#include "base/log.h"

// A partition whose file system is not whole yet has one of the first names; so one on which the
// power failed while it was made is made again, and one that has been whole never is. Without a
// choice in its name the settings say whether it is encrypted.
#define NAME_FRESH "data-new"
#define NAME_WHOLE "data"
#define SUPERBLOCK_BACKUP "32768" // the first copy of ext4 with blocks of 4 KiB
enum {
    DATA_BYTES_MIN = 256 << 20,
    CHECK_PASSES = 3,
    CHECK_MENDED = 3, // exit status 1, 2: mended
};

static const char *const names_chosen[] = {[ENCRYPTION_NONE] = "data-new-plain",
                                           [ENCRYPTION_PASSPHRASE] = "data-new-passphrase",
                                           [ENCRYPTION_STICK] = "data-new-stick"};

const char *data_name(enum encryption wanted) {
    return names_chosen[wanted];
}

// ---- its disk -----------------------------------------------------------------------------------
// "vda" 5 -> "vda5"; "nvme0n1" 5 -> "nvme0n1p5"
static void partition_name(char out[static DISK_NAME_BYTES], const char *disk, uint32_t number) {
    size_t size = strlen(disk);
    bool digit = size > 0 && disk[size - 1] >= '0' && disk[size - 1] <= '9';
    snprintf(out, DISK_NAME_BYTES, "%.20s%s%u", disk, digit ? "p" : "", number);
}

static enum err table_read(const char *disk, enum block_mode mode, struct block *block,
                           struct gpt *gpt, struct fault *fault) {
    char path[64];
    snprintf(path, sizeof path, "/dev/%.31s", disk);
    enum err err = block_open(path, mode, block, fault);
    if (err != OK) return err;
    err = gpt_read(block, gpt, fault);
    if (err != OK) block_close(block);
    return err;
}

static bool boots_from(struct data *data, const char *disk, const struct guid *id) {
    static struct gpt gpt;
    struct block block;
    struct fault fault = {0};
    if (table_read(disk, BLOCK_READ, &block, &gpt, &fault) != OK) return false;
    block_close(&block);
    uint32_t number = gpt_find_id(&gpt, id);
    if (!number) return false;
    (void)str_copy(data->disk, sizeof data->disk, str_of(disk));
    partition_name(data->esp, disk, number);
    for (uint32_t i = 0; i < 2; i++) {
        number = gpt_find_name(&gpt, i == 0 ? "slot-a" : "slot-b");
        if (number) partition_name(data->slot[i], disk, number);
    }
    return true;
}

bool data_find(struct data *data, const char *partuuid) {
    struct guid id;
    bool found = false;
    if (!guid_read(str_of(partuuid), &id)) return false;
    DIR *dir = opendir("/sys/block");
    for (const struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        bool disk = strncmp(name, "loop", 4) != 0 && strncmp(name, "ram", 3) != 0 &&
                    strncmp(name, "dm-", 3) != 0 && strncmp(name, "sr", 2) != 0;
        if (name[0] != '.' && disk) found = boots_from(data, name, &id);
    }
    if (dir) closedir(dir);
    return found;
}

// ---- children -----------------------------------------------------------------------------------
static void child_run(struct data *data, const char *const *argv) {
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        (void)dup2(2, 1);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    data->child = pid;
}

static void broken(struct data *data, const char *code) {
    data->state = DATA_BROKEN;
    if (!data->fault.code[0]) {
        enum err err = fault_set(&data->fault, ERR_IO, code, str_of(data->partition));
        log_event(LOG_ERROR, "appliance.data", "err=%s code=%s", err_name(err), code);
    }
}

static void make_begin(struct data *data) {
    char path[64];
    snprintf(path, sizeof path, "/dev/%s", data->device);
    const char *const argv[] = {"/sbin/mke2fs",
                                "-q",
                                "-F",
                                "-t",
                                "ext4",
                                "-b",
                                "4096",
                                "-m",
                                "1",
                                "-L",
                                "courtyard-data",
                                "-E",
                                "lazy_itable_init=1",
                                path,
                                NULL};
    data->state = DATA_MAKING;
    data->fresh = true;
    log_event(LOG_INFO, "appliance.data", "make=%s", data->partition);
    child_run(data, argv);
}

// First what is safe without asking; then yes to all; then by the copy of the superblock.
static void check_begin(struct data *data) {
    char path[64];
    snprintf(path, sizeof path, "/dev/%s", data->device);
    const char *const argv[CHECK_PASSES][8] = {
        {"/sbin/e2fsck", "-p", path, NULL},
        {"/sbin/e2fsck", "-f", "-y", path, NULL},
        {"/sbin/e2fsck", "-f", "-y", "-b", SUPERBLOCK_BACKUP, path, NULL},
    };
    data->state = DATA_CHECKING;
    child_run(data, argv[data->pass]);
}

static bool mount_now(struct data *data) {
    char path[64];
    snprintf(path, sizeof path, "/dev/%s", data->device);
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOATIME;
    if (mount(path, "/data", "ext4", flags, "errors=remount-ro") == 0) {
        data->state = DATA_MOUNTED;
        log_event(LOG_INFO, "appliance.data", "mounted=%s mended=%d fresh=%d", data->device,
                  data->mended, data->fresh);
        return true;
    }
    log_event(LOG_ERROR, "appliance.data", "mount errno=%d", errno);
    return false;
}

// What the check called whole and the kernel does not take is checked again, harder.
static void check_again(struct data *data, const char *code) {
    if (++data->pass < CHECK_PASSES) {
        data->mended = true;
        check_begin(data);
    } else {
        broken(data, code);
    }
}

// ---- the partition ------------------------------------------------------------------------------
// The partition that waits to be made, and how: by its name, else as data->vault.mode says.
static uint32_t fresh_find(const struct gpt *gpt, enum encryption *mode) {
    for (int i = 0; i < ENCRYPTION_COUNT; i++) {
        uint32_t number = gpt_find_name(gpt, names_chosen[i]);
        if (!number) continue;
        *mode = (enum encryption)i;
        return number;
    }
    return gpt_find_name(gpt, NAME_FRESH);
}

static enum err name_change(struct data *data, const char *to) {
    static struct gpt gpt;
    struct block block;
    enum encryption mode;
    enum err err = table_read(data->disk, BLOCK_WRITE, &block, &gpt, &data->fault);
    if (err != OK) return err;
    uint32_t number = gpt_find_name(&gpt, NAME_WHOLE);
    if (!number) number = fresh_find(&gpt, &mode);
    if (number) {
        gpt_name_set(&gpt.partitions[number - 1], to);
        err = gpt_write(&block, &gpt, &data->fault);
    }
    block_close(&block);
    return err;
}

bool data_forget(struct data *data, enum encryption wanted) {
    data->fault = (struct fault){0};
    data->vault.mode = wanted;
    // Open but not mounted: its file system could not be mended.
    if (data->encrypted && !vault_close()) {
        log_event(LOG_WARN, "appliance.data", "forget=busy");
    }
    return name_change(data, names_chosen[wanted]) == OK;
}

// A stick fresh from the image: names of its own, so that two of them can lie in one machine, are
// not given here, since GRUB has told us the old one; the installer gives them.
static enum err partition_add(struct data *data, struct block *block, struct gpt *gpt,
                              uint32_t *out_number) {
    enum err err =
        gpt_append(gpt, &GUID_LINUX_DATA, NAME_FRESH, DATA_BYTES_MIN, out_number, &data->fault);
    if (err == OK) err = gpt_write(block, gpt, &data->fault);
    if (err == OK) err = gpt_announce(block, gpt, *out_number, &data->fault);
    return err;
}

// What is not encrypted is made at once; else a person is waited for.
static void fresh_begin(struct data *data) {
    data->encrypted = data->vault.mode != ENCRYPTION_NONE;
    data->fault = (struct fault){0};
    if (!data->encrypted) {
        make_begin(data);
        return;
    }
    data->state = DATA_CHOOSING;
    data->sticks_changed = true;
    log_event(LOG_INFO, "appliance.data", "choosing=%d", (int)data->vault.mode);
}

// Who opens it, by the header that lies on the disk. ERR_NOT_FOUND: it is not encrypted.
static enum err header_look(struct data *data) {
    static struct luks luks;
    struct block block;
    char path[64];
    snprintf(path, sizeof path, "/dev/%s", data->partition);
    if (block_open(path, BLOCK_READ, &block, &data->fault) != OK) return ERR_IO;
    enum err err = luks_read(&block, &luks, &data->fault);
    block_close(&block);
    if (err != OK) return err;
    data->roles = 0;
    for (int i = 0; i <= LUKS_FOREIGN; i++) {
        if (luks_has(&luks, (enum luks_role)i)) data->roles |= 1u << i;
    }
    return OK;
}

// Plain, or locked.
static void whole_begin(struct data *data) {
    enum err err = header_look(data);
    data->encrypted = err == OK;
    if (err == ERR_NOT_FOUND) {
        check_begin(data);
    } else if (err != OK) {
        broken(data, data->fault.code);
    } else {
        data->state = DATA_LOCKED;
        data->sticks_changed = true;
        log_event(LOG_INFO, "appliance.data", "locked=%s roles=%x", data->partition, data->roles);
    }
}

void data_begin(struct data *data, enum encryption wanted) {
    static struct gpt gpt;
    struct block block;
    if (table_read(data->disk, BLOCK_WRITE, &block, &gpt, &data->fault) != OK) {
        broken(data, "appliance.data_no_disk");
        return;
    }
    enum err err = OK;
    uint32_t number = gpt_find_name(&gpt, NAME_WHOLE);
    bool whole = number != 0;
    data->vault.mode = wanted;
    if (!whole) {
        number = fresh_find(&gpt, &data->vault.mode);
        if (!number) err = partition_add(data, &block, &gpt, &number);
    }
    if (err == OK && (gpt.first_broken || gpt.second_broken || gpt.second_elsewhere)) {
        err = gpt_write(&block, &gpt, &data->fault);
    }
    block_close(&block);
    if (err != OK) {
        broken(data, data->fault.code);
        return;
    }
    partition_name(data->partition, data->disk, number);
    (void)str_copy(data->device, sizeof data->device, str_of(data->partition));
    (void)str_copy(data->vault.disk, sizeof data->vault.disk, str_of(data->disk));
    (void)str_copy(data->vault.partition, sizeof data->vault.partition, str_of(data->partition));
    data->pass = 0;
    if (whole) {
        whole_begin(data);
    } else {
        fresh_begin(data);
    }
}

// ---- its keys -----------------------------------------------------------------------------------
void data_run(struct data *data, int64_t now_ms) {
    bool locked = data->state == DATA_LOCKED && (data->roles >> LUKS_STICK & 1);
    bool choosing = data->state == DATA_CHOOSING && data->vault.mode == ENCRYPTION_STICK;
    if (!data->sticks_changed || vault_runs(&data->vault) || !(locked || choosing)) return;
    data->sticks_changed = false;
    struct fault fault = {0};
    enum vault_task task = locked ? VAULT_OPEN : VAULT_MAKE;
    if (vault_begin(&data->vault, task, "", "", now_ms, &fault) == OK) data->state = DATA_OPENING;
}

enum err data_unlock(struct data *data, const char *typed, int64_t now_ms, struct fault *fault) {
    bool locked = data->state == DATA_LOCKED;
    bool choosing = data->state == DATA_CHOOSING && data->vault.mode == ENCRYPTION_PASSPHRASE;
    if (!locked && !choosing) {
        return fault_set(fault, ERR_CONFLICT, "appliance.not_locked", STR_NONE);
    }
    enum err err = vault_begin(&data->vault, locked ? VAULT_OPEN : VAULT_MAKE, locked ? typed : "",
                               locked ? "" : typed, now_ms, fault);
    if (err == OK) data->state = DATA_OPENING;
    return err;
}

enum err data_keys(struct data *data, enum vault_task task, const char *typed, const char *fresh,
                   int64_t now_ms, struct fault *fault) {
    if (!data->encrypted || data->state != DATA_MOUNTED) {
        return fault_set(fault, ERR_CONFLICT, "appliance.not_encrypted", STR_NONE);
    }
    return vault_begin(&data->vault, task, typed, fresh, now_ms, fault);
}

void data_noted(struct data *data) {
    bytes_wipe(data->recovery, sizeof data->recovery);
}

static void recovery_show(struct data *data) {
    if (!data->vault.recovery[0]) return;
    memcpy(data->recovery, data->vault.recovery, sizeof data->recovery);
    bytes_wipe(data->vault.recovery, sizeof data->vault.recovery);
}

// That no stick was there is told by the state.
static void vault_told(struct data *data, enum err err, const char *device,
                       const struct fault *fault) {
    enum vault_task task = data->vault.task;
    if (err == OK) recovery_show(data);
    if (task != VAULT_OPEN && task != VAULT_MAKE) {
        data->change = *fault;
        data->changed = true;
        if (err == OK && header_look(data) != OK) {
            log_event(LOG_ERROR, "appliance.data", "header=%s", data->fault.code);
        }
        return;
    }
    bool none = err == ERR_NOT_FOUND && !data->vault.typed;
    if (err != OK) {
        data->state = task == VAULT_OPEN ? DATA_LOCKED : DATA_CHOOSING;
        if (!none) data->fault = *fault;
        return;
    }
    data->fault = (struct fault){0};
    (void)str_copy(data->device, sizeof data->device, str_of(device));
    if (task == VAULT_OPEN) {
        check_begin(data);
    } else {
        data->roles = data->vault.mode == ENCRYPTION_STICK ? 1u << LUKS_STICK | 1u << LUKS_RECOVERY
                                                           : 1u << LUKS_PASSPHRASE;
        make_begin(data);
    }
}

// ---- children end -------------------------------------------------------------------------------
// Called whole only once the service's folder is there: see data_emptied().
static void made(struct data *data) {
    bool there = mkdir(SERVICE_DATA, 0700) == 0 || errno == EEXIST;
    sync();
    if (there && name_change(data, NAME_WHOLE) == OK) return;
    (void)umount2("/data", 0);
    broken(data, there ? data->fault.code : "appliance.data_not_made");
}

bool data_emptied(struct data *data) {
    if (data->fresh || access(SERVICE_DATA, F_OK) == 0) return false;
    (void)umount2("/data", 0);
    broken(data, "appliance.data_damaged");
    return true;
}

bool data_ended(struct data *data, pid_t pid, int status, int64_t now_ms) {
    char device[DISK_NAME_BYTES] = "";
    struct fault fault;
    enum err err;
    if (vault_ended(&data->vault, pid, status, now_ms, &err, device, &fault)) {
        vault_told(data, err, device, &fault);
        return true;
    }
    if (pid != data->child || pid <= 0) return false;
    int exit = WIFEXITED(status) ? WEXITSTATUS(status) : 127;
    data->child = 0;
    log_event(LOG_INFO, "appliance.data", "step=%d pass=%d status=%d", (int)data->state, data->pass,
              exit);
    if (data->state == DATA_MAKING) {
        if (exit != 0) {
            broken(data, "appliance.data_not_made");
        } else if (!mount_now(data)) {
            broken(data, "appliance.data_not_mounted");
        } else {
            made(data);
        }
        return true;
    }
    if (exit <= CHECK_MENDED) {
        data->mended = data->mended || exit != 0;
        if (!mount_now(data)) check_again(data, "appliance.data_not_mounted");
    } else {
        check_again(data, "appliance.data_damaged");
    }
    return true;
}

void data_erase(struct data *data) {
    (void)str_copy(data->device, sizeof data->device, str_of(data->partition));
    data->roles = 0;
    data->pass = 0;
    data->mended = false;
    data_noted(data);
    fresh_begin(data);
}

bool data_unmount(struct data *data) {
    sync();
    if (umount2("/data", 0) != 0 && errno == EBUSY) return false;
    if (data->encrypted && !vault_close()) return false;
    data->state = DATA_UNMOUNTED;
    return true;
}
