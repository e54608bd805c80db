// Any bytes as the beginning of a partition that may be encrypted, whose slots hold zeros.
#include "appliance/disk/luks.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DISK_BYTES = 4 << 20, ROUNDS_QUICK = 100 };

static void sane(const struct block *disk, const struct luks *luks) {
    size_t material = (size_t)luks->key_bytes * 4000;
    if (luks->data_offset >= disk->bytes) abort();
    for (int i = 0; i < LUKS_SLOTS; i++) {
        const struct luks_slot *slot = &luks->slots[i];
        if (slot->offset < LUKS_HEADER_BYTES) abort();
        if (slot->offset + material > luks->data_offset) abort();
        if (slot->active && (slot->rounds < 1 || slot->rounds > LUKS_ROUNDS_MOST)) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct block disk = {.path = "disk", .sector_bytes = 512, .bytes = DISK_BYTES};
    static struct luks luks;
    struct luks_key key;
    struct fault fault = {0};
    int slot = -1;
    if (size > LUKS_HEADER_BYTES) size = LUKS_HEADER_BYTES;
    disk.fd = memfd_create("disk", MFD_CLOEXEC);
    if (disk.fd < 0 || ftruncate(disk.fd, DISK_BYTES) != 0) abort();
    if (size > 0 && pwrite(disk.fd, data, size, 0) != (ssize_t)size) abort();
    enum err err = luks_read(&disk, &luks, &fault);
    bool told = fault.code[0] != '\0';
    if (told != (err != OK && err != ERR_NOT_FOUND)) abort();
    bool quick = err == OK && luks.digest_rounds <= ROUNDS_QUICK;
    for (int i = 0; i < LUKS_SLOTS && err == OK; i++) {
        quick &= !luks.slots[i].active || luks.slots[i].rounds <= ROUNDS_QUICK;
    }
    if (err == OK) sane(&disk, &luks);
    if (quick && luks_open(&disk, &luks, STR("x"), ~0u, &key, &slot, NULL) == OK &&
        (slot < 0 || slot >= LUKS_SLOTS || !luks.slots[slot].active)) {
        abort();
    }
    close(disk.fd);
    return 0;
}
