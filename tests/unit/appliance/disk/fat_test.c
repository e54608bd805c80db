// Files are found in file systems that mtools made, of all three widths, whole and damaged.
#include "appliance/disk/fat.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "check.h"
#include "support/scratch.h"

static const char *folder;
static char path[256];
static struct fault fault;
static const char *const SHAPES[] = {"-T 2880 -c 1", "-T 40960 -c 4", "-F -T 70000 -c 1"};
static const uint32_t BITS[] = {12, 16, 32};

static bool tools_missing(void) {
    return system("command -v mformat >/dev/null && command -v mcopy >/dev/null") != 0;
}

// Some files, one of them in pieces, on a file system that starts 4 KiB into the disk.
static bool disk_new(const char *shape) {
    char command[2400];
    snprintf(command, sizeof command,
             "cd %s && rm -f disk && truncate -s 48M disk && i=disk@@4096 && "
             "export MTOOLS_SKIP_CHECK=1 && mformat -i $i -N 01020304 %s :: && "
             "mmd -i $i ::/GRUB && printf 'slot=a' >env && truncate -s 1500 env && "
             "printf '0.1.0 x86_64\\n' >version.txt && seq 1 9000 >long && cp long hole && "
             "mcopy -i $i hole ::/hole && mcopy -i $i env ::/GRUB/grubenv && "
             "mdel -i $i ::/hole && mcopy -i $i version.txt long ::/",
             folder, shape);
    return system(command) == 0;
}

static void files_are_found_and_read(void) {
    if (tools_missing()) CHECK_SKIP("mtools are not installed");
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        struct block disk;
        struct fat fat;
        struct fat_file file;
        char text[100];
        size_t size;
        uint64_t at;
        REQUIRE(disk_new(SHAPES[i]) && block_open(path, BLOCK_WRITE, &disk, &fault) == OK);
        REQUIRE(fat_open(&disk, 4096, &fat, &fault) == OK);
        CHECK_EQ(fat.bits, BITS[i]);
        REQUIRE(fat_find(&fat, "VERSION.TXT", &file, &fault) == OK);
        REQUIRE(fat_read(&fat, &file, text, sizeof text, &size, &fault) == OK);
        CHECK_BYTES(text, size, "0.1.0 x86_64\n", 13);
        REQUIRE(fat_find(&fat, "GRUB/GRUBENV", &file, &fault) == OK);
        CHECK_EQ(file.bytes, 1500);
        REQUIRE(fat_place(&fat, &file, 1024, &at, &fault) == OK);
        REQUIRE(block_read(&disk, at, text, 6, &fault) == OK);
        CHECK_BYTES(text, 6, "slot=a", 6);
        // It lies around the file before it, so that the chain is followed.
        REQUIRE(fat_find(&fat, "LONG", &file, &fault) == OK);
        size_t want_size, bytes = file.bytes;
        uint8_t *want = scratch_read(scratch_path(folder, "long"), &want_size),
                *got = memory_take(bytes);
        CHECK_EQ(fat_read(&fat, &file, got, bytes, &size, &fault), OK);
        CHECK(size == want_size && memcmp(got, want, size) == 0);
        memory_give(want), memory_give(got);
        CHECK_EQ(fat_find(&fat, "GRUB/NONE", &file, &fault), ERR_NOT_FOUND);
        CHECK_STR(fault.code, "appliance.no_file_on_disk");
        fault = (struct fault){0};
        CHECK_EQ(fat_find(&fat, "LONG/NONE", &file, NULL), ERR_NOT_FOUND);
        CHECK_EQ(fat_find(&fat, "NONE", &file, NULL), ERR_NOT_FOUND);
        CHECK_EQ(fat_find(&fat, "FARTOOLONGNAME", &file, NULL), ERR_NOT_FOUND);
        block_close(&disk);
    }
}

static void the_serial_is_set(void) {
    if (tools_missing()) CHECK_SKIP("mtools are not installed");
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        struct block disk;
        char command[600];
        REQUIRE(disk_new(SHAPES[i]) && block_open(path, BLOCK_WRITE, &disk, &fault) == OK);
        REQUIRE(fat_serial_set(&disk, 4096, 0xABCD9876, &fault) == OK);
        block_close(&disk);
        snprintf(command, sizeof command,
                 "MTOOLS_SKIP_CHECK=1 mdir -i %s@@4096 :: | grep -q 'Serial Number is ABCD-9876'",
                 path);
        CHECK_EQ(system(command), 0);
    }
}

// Any damage to boot sector, table or folder: an answer or an error, never more.
static void damage_is_borne(void) {
    if (tools_missing()) CHECK_SKIP("mtools are not installed");
    struct block disk;
    struct fat fat;
    struct fat_file file;
    char text[9000];
    size_t size;
    uint64_t at;
    REQUIRE(disk_new(SHAPES[0]) && block_open(path, BLOCK_WRITE, &disk, &fault) == OK);
    unsigned good = 0;
    for (int i = 0; i < 3000; i++) {
        uint64_t place = 4096 + (i % 2 ? check_below(64) : check_below(20 * 512));
        uint8_t old, byte = (uint8_t)check_random();
        REQUIRE(block_read(&disk, place, &old, 1, &fault) == OK);
        REQUIRE(block_write(&disk, place, &byte, 1, &fault) == OK);
        if (fat_open(&disk, 4096, &fat, NULL) == OK &&
            fat_find(&fat, "GRUB/GRUBENV", &file, NULL) == OK) {
            good += fat_read(&fat, &file, text, sizeof text, &size, NULL) == OK;
            (void)!fat_place(&fat, &file, 1024, &at, NULL);
        }
        REQUIRE(block_write(&disk, place, &old, 1, &fault) == OK);
    }
    CHECK(good > 0 && good < 3000);
    CHECK_EQ(fat_open(&disk, 0, &fat, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.no_fat");
    block_close(&disk);
}

int main(void) {
    folder = scratch_folder();
    snprintf(path, sizeof path, "%s", scratch_path(folder, "disk"));
    CHECK_RUN(files_are_found_and_read);
    CHECK_RUN(the_serial_is_set);
    CHECK_RUN(damage_is_borne);
    return check_done();
}
