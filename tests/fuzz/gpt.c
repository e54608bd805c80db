// Any bytes as a disk with a partition table, and as one with a FAT file system.
#include "appliance/disk/gpt.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "appliance/disk/fat.h"
#include "appliance/disk/grubenv.h"
#include "appliance/slots_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What was read can be written, and is the same then.
static void table_fuzz(struct block *disk) {
    static struct gpt table, again;
    struct fault fault = {0};
    uint32_t number;
    enum err err = gpt_read(disk, &table, &fault);
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    if (err != OK) return;
    if (gpt_append(&table, &GUID_LINUX_DATA, "data", 512, &number, NULL) == OK &&
        (gpt_find_id(&table, &table.partitions[number - 1].id) == 0 ||
         gpt_offset(&table, number) + gpt_bytes(&table, number) > disk->bytes)) {
        abort();
    }
    if (gpt_write(disk, &table, NULL) != OK || gpt_read(disk, &again, NULL) != OK) abort();
    for (int i = 0; i < GPT_PARTITIONS; i++) {
        const struct gpt_partition *one = &table.partitions[i], *other = &again.partitions[i];
        if (gpt_used(one) != gpt_used(other) || (gpt_used(one) && one->first != other->first)) {
            abort();
        }
    }
    if (again.first_broken || again.second_broken || again.second_elsewhere) abort();
}

static void files_fuzz(const struct block *disk) {
    struct fat fat;
    struct fat_file file;
    struct slot_about about;
    char bytes[4096];
    size_t size;
    uint64_t at;
    slot_look(disk, 0, &about);
    if (fat_open(disk, 0, &fat, NULL) != OK) return;
    if (fat_find(&fat, "GRUB/GRUBENV", &file, NULL) != OK) return;
    if (fat_read(&fat, &file, bytes, sizeof bytes, &size, NULL) == OK && size > sizeof bytes) {
        abort();
    }
    if (fat_place(&fat, &file, GRUBENV_BYTES, &at, NULL) == OK) {
        struct grubenv env;
        (void)!grubenv_read(disk, at, &env, NULL);
    }
    (void)!fat_serial_set(disk, 0, 1, NULL);
}

// The first byte: the size of a sector, and how far zeros follow what is given.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct block disk = {.path = "disk", .sector_bytes = data[0] & 1 ? 4096 : 512};
    uint64_t bytes = size - 1 + (uint64_t)(data[0] >> 1) * 16384;
    disk.bytes = bytes / disk.sector_bytes * disk.sector_bytes;
    disk.fd = memfd_create("disk", MFD_CLOEXEC);
    if (disk.fd < 0 || ftruncate(disk.fd, (off_t)disk.bytes) != 0) abort();
    size_t given = size - 1 < disk.bytes ? size - 1 : (size_t)disk.bytes;
    if (pwrite(disk.fd, data + 1, given, 0) != (ssize_t)given) abort();
    files_fuzz(&disk);
    table_fuzz(&disk);
    close(disk.fd);
    return 0;
}
