#include "appliance/installer_private.h"

#include <dirent.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "appliance/disk/fat.h"
#include "appliance/slots_private.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/memory.h"

enum { CHUNK_BYTES = 1 << 20, BOOT_CODE_BYTES = 440, PARTS = 4 };
enum part { PART_BIOS, PART_ESP, PART_SLOT_A, PART_SLOT_B };
static const char *const NAMES[PARTS] = {"bios", "esp", "slot-a", "slot-b"};

// Both disks, open.
struct install {
    struct block source, target;
    struct gpt from, to;
    uint32_t number[PARTS]; // of the partitions, the same on both
    uint64_t place[PARTS];  // on the source: where the copy of each comes from
    struct hash hash[PARTS];
    enum slot running;
    const char *data_name;
    uint8_t *chunk;
    struct progress *progress;
    struct fault *fault;
};

// ---- whether it can be done ---------------------------------------------------------------------

static enum err source_read(struct install *install) {
    const struct block *source = &install->source;
    enum err err = gpt_read(source, &install->from, install->fault);
    for (int i = 0; err == OK && i < PARTS; i++) {
        install->number[i] = gpt_find_name(&install->from, NAMES[i]);
        // GRUB's first stage is only there for machines with a BIOS.
        if (install->number[i] == 0 && i != PART_BIOS) {
            err = fault_set(install->fault, ERR_INPUT, "appliance.not_an_appliance",
                            str_of(source->path));
        }
    }
    return err;
}

// A table with the same partitions at the same places and new names of its own.
static enum err target_plan(struct install *install) {
    const struct gpt *from = &install->from;
    struct gpt *to = &install->to;
    const struct block *target = &install->target;
    uint64_t end = 0;
    if (target->sector_bytes != install->source.sector_bytes) {
        return fault_set(install->fault, ERR_INPUT, "appliance.sector_size", str_of(target->path));
    }
    enum err err = gpt_make(target, to, install->fault);
    if (err != OK) return err;
    for (int i = 0; i < PARTS; i++) {
        if (install->number[i] == 0) continue;
        uint32_t index = install->number[i] - 1;
        to->partitions[index] = from->partitions[index];
        to->partitions[index].id = guid_random();
        uint64_t behind = gpt_offset(from, index + 1) + gpt_bytes(from, index + 1);
        if (behind > end) end = behind;
    }
    // The second copy of the table takes less than a MiB.
    if (target->bytes < end + INSTALL_DATA_BYTES + GPT_ALIGN_BYTES) {
        return fault_set(install->fault, ERR_INPUT, "appliance.disk_too_small",
                         str_of(target->path));
    }
    uint32_t number;
    if (!install->data_name) return OK;
    return gpt_append(to, &GUID_LINUX_DATA, install->data_name, 0, &number, install->fault);
}

// Where each part is copied from: a slot that is unusable from the one that runs.
static enum err places_find(struct install *install) {
    const struct gpt *from = &install->from;
    enum part own = install->running == SLOT_A ? PART_SLOT_A : PART_SLOT_B;
    for (int i = 0; i < PARTS; i++) {
        struct slot_about about;
        if (install->number[i] == 0) continue;
        install->place[i] = gpt_offset(from, install->number[i]);
        if (i != PART_SLOT_A && i != PART_SLOT_B) continue;
        slot_look(&install->source, install->place[i], &about);
        if (about.usable) continue;
        if (i == (int)own ||
            gpt_bytes(from, install->number[i]) != gpt_bytes(from, install->number[own])) {
            return fault_set(install->fault, ERR_INPUT, "appliance.not_an_appliance",
                             str_of(install->source.path));
        }
        install->place[i] = gpt_offset(from, install->number[own]);
    }
    return OK;
}

static void install_close(struct install *install) {
    block_close(&install->source);
    block_close(&install->target);
    memory_give(install->chunk);
    memory_give(install);
}

static enum err install_open(const struct install_wish *wish, struct install **out,
                             struct fault *fault) {
    struct install *install = memory_take(sizeof *install);
    if (!install) return fault_set(fault, ERR_MEMORY, "base.no_memory", str_of(wish->target));
    install->source.fd = install->target.fd = -1;
    install->running = wish->running;
    install->data_name = wish->data_name;
    install->fault = fault;
    enum err err = block_open(wish->source, BLOCK_READ, &install->source, fault);
    struct block look = {.fd = -1};
    // Looked at first, so that the disk that runs is told as that and not as one in use.
    if (err == OK) err = block_open(wish->target, BLOCK_READ, &look, fault);
    if (err == OK && block_same(&install->source, &look)) {
        err = fault_set(fault, ERR_INPUT, "appliance.install_same_disk", str_of(wish->target));
    }
    block_close(&look);
    if (err == OK) err = block_open(wish->target, BLOCK_ALONE, &install->target, fault);
    if (err == OK) err = source_read(install);
    if (err == OK) err = target_plan(install);
    if (err == OK) err = places_find(install);
    if (err == OK) {
        install->chunk = memory_take_unset(CHUNK_BYTES);
        if (!install->chunk) {
            err = fault_set(fault, ERR_MEMORY, "base.no_memory", str_of(wish->target));
        }
    }
    if (err == OK) {
        *out = install;
    } else {
        install_close(install);
    }
    return err;
}

enum err installer_check(const struct install_wish *wish, struct fault *fault) {
    struct install *install;
    enum err err = install_open(wish, &install, fault);
    if (err == OK) install_close(install);
    return err;
}

// ---- doing it -----------------------------------------------------------------------------------

// Nothing starts from the target any more, and nothing is found on it.
static enum err target_clear(struct install *install) {
    const struct block *target = &install->target;
    memset(install->chunk, 0, CHUNK_BYTES);
    enum err err = block_write(target, 0, install->chunk, CHUNK_BYTES, install->fault);
    if (err == OK) {
        err = block_write(target, target->bytes - CHUNK_BYTES, install->chunk, CHUNK_BYTES,
                          install->fault);
    }
    return err == OK ? block_sync(target, install->fault) : err;
}

static enum err step(struct install *install, size_t size) {
    if (install->progress) install->progress->done += size;
    if (!progress_cancelled(install->progress)) return OK;
    return fault_set(install->fault, ERR_CANCELLED, "appliance.install_stopped", STR_NONE);
}

// Reads a part of a disk, and writes it to the target if `to` is not NULL; its hash.
static enum err part_pass(struct install *install, const struct block *from, uint64_t from_at,
                          const struct block *to, enum part part, struct hash *out) {
    struct sha256 context;
    uint64_t to_at = gpt_offset(&install->to, install->number[part]);
    uint64_t left = gpt_bytes(&install->to, install->number[part]);
    enum err err = OK;
    sha256_start(&context);
    while (err == OK && left > 0) {
        size_t piece = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        err = block_read(from, from_at, install->chunk, piece, install->fault);
        if (err == OK && to) err = block_write(to, to_at, install->chunk, piece, install->fault);
        sha256_add(&context, install->chunk, piece);
        from_at += piece;
        to_at += piece;
        left -= piece;
        if (err == OK) err = step(install, piece);
    }
    *out = sha256_finish(&context);
    return err;
}

static enum err parts_copy(struct install *install) {
    enum err err = OK;
    for (int i = 0; err == OK && i < PARTS; i++) {
        if (install->number[i] == 0) continue;
        err = part_pass(install, &install->source, install->place[i], &install->target,
                        (enum part)i, &install->hash[i]);
    }
    return err == OK ? block_sync(&install->target, install->fault) : err;
}

static enum err parts_check(struct install *install) {
    const struct block *target = &install->target;
    enum err err = OK;
    block_forget(target);
    for (int i = 0; err == OK && i < PARTS; i++) {
        struct hash hash;
        if (install->number[i] == 0) continue;
        uint64_t at = gpt_offset(&install->to, install->number[i]);
        err = part_pass(install, target, at, NULL, (enum part)i, &hash);
        if (err == OK && !hash_equal(&hash, &install->hash[i])) {
            err = fault_set(install->fault, ERR_IO, "appliance.disk_write", str_of(target->path));
        }
    }
    return err;
}

// The boot partition becomes the target's own: its serial number, and the slot that runs here is
// the one that is booted.
static enum err esp_patch(struct install *install) {
    const struct block *target = &install->target;
    uint64_t esp = gpt_offset(&install->to, install->number[PART_ESP]), env_at;
    struct fat fat;
    struct fat_file file;
    struct grubenv env;
    uint32_t serial;
    random_bytes(&serial, sizeof serial);
    enum err err = fat_serial_set(target, esp, serial, install->fault);
    if (err == OK) err = fat_open(target, esp, &fat, install->fault);
    if (err == OK) err = fat_find(&fat, "GRUB/GRUBENV", &file, install->fault);
    if (err == OK) err = fat_place(&fat, &file, GRUBENV_BYTES, &env_at, install->fault);
    if (err == OK) err = grubenv_read(target, env_at, &env, install->fault);
    if (err != OK) return err;
    env.slot = install->running;
    env.next = slot_other(install->running);
    env.trial = false;
    return grubenv_write(target, env_at, &env, install->fault);
}

// The first stage of GRUB, which lies before the partition table; the addresses in it and in the
// second stage hold, since everything is where it was.
static enum err boot_code_copy(struct install *install) {
    uint8_t sector[BLOCK_SECTOR_BYTES_MAX] = {0};
    enum err err = block_read(&install->source, 0, sector, BOOT_CODE_BYTES, install->fault);
    if (err == OK) {
        err =
            block_write(&install->target, 0, sector, install->target.sector_bytes, install->fault);
    }
    return err == OK ? block_sync(&install->target, install->fault) : err;
}

static uint64_t bytes_all(const struct install *install) {
    uint64_t bytes = 0;
    for (int i = 0; i < PARTS; i++) {
        if (install->number[i]) bytes += gpt_bytes(&install->to, install->number[i]);
    }
    return bytes;
}

enum err installer_run(const struct install_wish *wish, struct progress *progress,
                       struct fault *fault) {
    struct install *install;
    enum err err = install_open(wish, &install, fault);
    if (err != OK) return err;
    install->progress = progress;
    progress_set(progress, PHASE_COPY, 0, bytes_all(install));
    err = target_clear(install);
    if (err == OK) err = parts_copy(install);
    progress_set(progress, PHASE_VERIFY, 0, bytes_all(install));
    if (err == OK) err = parts_check(install);
    if (err == OK) err = esp_patch(install);
    if (err == OK) err = boot_code_copy(install);
    // The table last: with it the disk is whole.
    if (err == OK) err = gpt_write(&install->target, &install->to, fault);
    // For whoever looks at it before the next start; on a file there is nothing to tell.
    if (err == OK) (void)ioctl(install->target.fd, BLKRRPART, 0);
    install_close(install);
    return err;
}

// ---- the disks there are ------------------------------------------------------------------------

// A line of a file of sysfs, without what is blank at its ends; "" if there is none.
static void line_read(const char *folder, const char *name, const char *file,
                      char out[static INSTALL_NAME_BYTES]) {
    char path[BLOCK_PATH_BYTES];
    char room[256];
    struct buf text = {.data = room, .room = sizeof room, .cap_bytes = sizeof room};
    out[0] = '\0';
    int size = snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    if (size < 0 || (size_t)size >= sizeof path || file_read(path, &text, NULL) != OK) return;
    struct str line = str_trim(buf_str(&text));
    if (line.size >= INSTALL_NAME_BYTES) line.size = INSTALL_NAME_BYTES - 1;
    (void)str_copy(out, INSTALL_NAME_BYTES, line);
}

static bool is_disk(const char *name) {
    static const char *const others[] = {"loop", "ram", "zram", "dm-", "sr",
                                         "md",   "fd",  "nbd",  "."};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strncmp(name, others[i], strlen(others[i])) == 0) return false;
    }
    return true;
}

// False if it is the source, or has no size: an empty card reader.
static bool disk_look(const char *sys, const char *dev, const char *name,
                      const struct install_wish *wish, struct install_disk *out) {
    char text[INSTALL_NAME_BYTES];
    uint64_t sectors = 0;
    *out = (struct install_disk){0};
    int size = snprintf(out->path, sizeof out->path, "%s/%s", dev, name);
    if (size < 0 || (size_t)size >= sizeof out->path) return false;
    line_read(sys, name, "size", text);
    if (!str_to_u64(str_of(text), &sectors) || sectors == 0) return false;
    out->bytes = sectors * BLOCK_SECTOR_BYTES; // sysfs counts in these whatever the disk does
    line_read(sys, name, "device/model", out->name);
    line_read(sys, name, "removable", text);
    out->removable = str_is(str_of(text), "1");
    struct install_wish own = *wish;
    own.target = out->path;
    if (installer_check(&own, &out->why) == OK) out->why = (struct fault){0};
    return strcmp(out->why.code, "appliance.install_same_disk") != 0;
}

static int by_path(const void *one, const void *other) {
    return strcmp(((const struct install_disk *)one)->path,
                  ((const struct install_disk *)other)->path);
}

uint32_t installer_disks(const char *sys, const char *dev, const struct install_wish *wish,
                         struct install_disk out[static INSTALL_DISKS]) {
    uint32_t count = 0;
    DIR *folder = opendir(sys);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        if (count < INSTALL_DISKS && is_disk(entry->d_name) &&
            disk_look(sys, dev, entry->d_name, wish, &out[count])) {
            count++;
        }
    }
    if (folder) closedir(folder);
    qsort(out, count, sizeof out[0], by_path);
    return count;
}
