// From one disk onto another: everything is there and verified, under names of its own; what must
// not be written to is refused; a cut leaves a disk that starts nothing, or a whole one.
#include "appliance/installer_private.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/disk/fat.h"
#include "appliance/slots_private.h"
#include "base/memory.h"
#include "check.h"
#include "support/block_cut.h"
#include "support/fat_writer.h"
#include "support/scratch.h"

enum { KIB = 1024, MIB = 1 << 20, SOURCE_BYTES = 4 * MIB, PART_KIB = 64 };
static const uint64_t TARGET_BYTES = INSTALL_DATA_BYTES + 4ull * MIB;

static const char *folder;
static char source_path[256], target_path[256];
static struct gpt table, target_table;
static struct fault fault;
static const char *const NAMES[] = {"bios", "esp", "slot-a", "slot-b"};

static void slot_make(uint8_t *out, const char *version) {
    char text[64];
    static uint8_t kernel[20 * KIB];
    for (size_t i = 0; i < sizeof kernel; i++) kernel[i] = (uint8_t)check_random();
    snprintf(text, sizeof text, "%s x86_64\n", version);
    struct fat_writer_file files[] = {{NULL, "VERSION TXT", text, strlen(text)},
                                      {NULL, "VMLINUZ    ", kernel, sizeof kernel}};
    fat_writer_make(out, PART_KIB * KIB, files, 2);
}

static void esp_make(uint8_t *out) {
    char block[GRUBENV_BYTES];
    struct grubenv env = {.slot = SLOT_A, .next = SLOT_B, .trial = true};
    grubenv_format(&env, block);
    struct fat_writer_file files[] = {{"GRUB       ", "GRUBENV    ", block, sizeof block},
                                      {NULL, "COURTYARTXT", "hostname = box\n", 15}};
    fat_writer_make(out, PART_KIB * KIB, files, 2);
}

// A disk with the four parts and a data partition.
static bool disk_make(const char *path, uint64_t bytes, const char *version_b) {
    static uint8_t part[4][PART_KIB * KIB];
    uint8_t code[440];
    struct block disk;
    uint32_t number;
    fault = (struct fault){0};
    scratch_write(path, "", 0);
    if (truncate(path, (off_t)bytes) != 0 || block_open(path, BLOCK_WRITE, &disk, &fault) != OK ||
        gpt_make(&disk, &table, &fault) != OK) {
        return false;
    }
    for (size_t i = 0; i < sizeof part[0]; i++) part[0][i] = (uint8_t)check_random();
    for (size_t i = 0; i < sizeof code; i++) code[i] = (uint8_t)check_random();
    esp_make(part[1]);
    slot_make(part[2], "0.1.0");
    if (version_b) slot_make(part[3], version_b);
    if (!version_b) memset(part[3], 0, sizeof part[3]);
    bool good = block_write(&disk, 0, code, sizeof code, &fault) == OK;
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t first = (MIB + i * PART_KIB * KIB) / 512;
        table.partitions[i] = (struct gpt_partition){.type = GUID_BASIC_DATA,
                                                     .id = guid_random(),
                                                     .first = first,
                                                     .last = first + PART_KIB * 2 - 1};
        gpt_name_set(&table.partitions[i], NAMES[i]);
        good &= block_write(&disk, first * 512, part[i], sizeof part[i], &fault) == OK;
    }
    good &= gpt_append(&table, &GUID_LINUX_DATA, "data", MIB, &number, &fault) == OK;
    good &= gpt_write(&disk, &table, &fault) == OK;
    block_close(&disk);
    return good;
}

static bool target_empty(uint64_t bytes) {
    fault = (struct fault){0};
    scratch_write(target_path, "", 0);
    return truncate(target_path, (off_t)bytes) == 0;
}

static struct install_wish wish_of(enum slot running) {
    return (struct install_wish){source_path, target_path, running, NULL};
}

static uint8_t *part_read(const char *path, const struct gpt *gpt, uint32_t number) {
    struct block disk;
    uint8_t *bytes = memory_take(PART_KIB * KIB);
    if (block_open(path, BLOCK_READ, &disk, NULL) != OK) return bytes;
    CHECK_EQ(block_read(&disk, gpt_offset(gpt, number), bytes, PART_KIB * KIB, NULL), OK);
    block_close(&disk);
    return bytes;
}

static bool same_part(const char *path, uint32_t number, uint32_t source_number) {
    uint8_t *one = part_read(source_path, &table, source_number);
    uint8_t *other = part_read(path, &target_table, number);
    bool same = memcmp(one, other, PART_KIB * KIB) == 0;
    memory_give(one);
    memory_give(other);
    return same;
}

// The environment block of a disk's boot partition, and its file system's serial number.
static bool env_of(const char *path, struct grubenv *env, uint32_t *serial) {
    struct block disk;
    struct fat fat;
    struct fat_file file;
    uint64_t at, esp = gpt_offset(&target_table, 2);
    if (block_open(path, BLOCK_READ, &disk, NULL) != OK) return false;
    bool good = fat_open(&disk, esp, &fat, NULL) == OK &&
                fat_find(&fat, "GRUB/GRUBENV", &file, NULL) == OK &&
                fat_place(&fat, &file, GRUBENV_BYTES, &at, NULL) == OK &&
                grubenv_read(&disk, at, env, NULL) == OK &&
                block_read(&disk, esp + 39, serial, 4, NULL) == OK;
    block_close(&disk);
    return good && !env->damaged;
}

static bool table_of(const char *path) {
    struct block disk;
    if (block_open(path, BLOCK_READ, &disk, NULL) != OK) return false;
    enum err err = gpt_read(&disk, &target_table, NULL);
    block_close(&disk);
    return err == OK;
}

// A whole copy of the source, booted from slot a.
static void whole_check(void) {
    struct grubenv env;
    uint32_t serial = 0;
    uint8_t one[440], other[440];
    struct block disk;
    CHECK(same_part(target_path, 1, 1) && same_part(target_path, 3, 3));
    CHECK(same_part(target_path, 4, 4));
    CHECK(!same_part(target_path, 2, 2)); // it has a serial number of its own
    REQUIRE(env_of(target_path, &env, &serial));
    CHECK(env.slot == SLOT_A && env.next == SLOT_B && !env.trial);
    CHECK(serial != 0x01020304);
    REQUIRE(block_open(source_path, BLOCK_READ, &disk, NULL) == OK);
    CHECK_EQ(block_read(&disk, 0, one, sizeof one, NULL), OK);
    block_close(&disk);
    REQUIRE(block_open(target_path, BLOCK_READ, &disk, NULL) == OK);
    CHECK_EQ(block_read(&disk, 0, other, sizeof other, NULL), OK);
    block_close(&disk);
    CHECK(memcmp(one, other, sizeof one) == 0);
}

static void everything_is_copied_under_new_names(void) {
    struct progress progress = {0};
    struct install_wish wish = wish_of(SLOT_A);
    REQUIRE(disk_make(source_path, SOURCE_BYTES, "0.0.9") && target_empty(TARGET_BYTES));
    CHECK_EQ(installer_check(&wish, &fault), OK);
    CHECK(!table_of(target_path));
    REQUIRE(installer_run(&wish, &progress, &fault) == OK);
    CHECK(progress.done == progress.total && progress.total == 4 * PART_KIB * KIB);
    REQUIRE(table_of(target_path));
    whole_check();
    CHECK(!guid_equal(&target_table.disk, &table.disk));
    for (int i = 0; i < 4; i++) {
        CHECK(!guid_equal(&target_table.partitions[i].id, &table.partitions[i].id));
        CHECK(guid_equal(&target_table.partitions[i].type, &table.partitions[i].type));
        CHECK_EQ(target_table.partitions[i].first, table.partitions[i].first);
        CHECK_EQ(target_table.partitions[i].last, table.partitions[i].last);
        CHECK_EQ(gpt_find_name(&target_table, NAMES[i]), i + 1);
    }
    CHECK_EQ(gpt_find_name(&target_table, "data"), 0); // made at its first start
    char command[600];
    snprintf(command, sizeof command,
             "! command -v sgdisk >/dev/null || sgdisk -v %s | grep -q 'No problems found'",
             target_path);
    CHECK_EQ(system(command), 0);
}

static void an_unusable_slot_gets_the_running_one(void) {
    struct install_wish wish = wish_of(SLOT_A);
    REQUIRE(disk_make(source_path, SOURCE_BYTES, NULL) && target_empty(TARGET_BYTES));
    REQUIRE(installer_run(&wish, NULL, &fault) == OK && table_of(target_path));
    CHECK(same_part(target_path, 4, 3) && same_part(target_path, 3, 3));
    // The slot that is said to run must be usable.
    wish.running = SLOT_B;
    CHECK_EQ(installer_run(&wish, NULL, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.not_an_appliance");
    struct grubenv env;
    uint32_t serial;
    fault = (struct fault){0};
    REQUIRE(disk_make(source_path, SOURCE_BYTES, "0.2.0"));
    REQUIRE(installer_run(&wish, NULL, &fault) == OK && table_of(target_path));
    REQUIRE(env_of(target_path, &env, &serial));
    CHECK(env.slot == SLOT_B && env.next == SLOT_A && !env.trial);
}

static enum err refused(struct install_wish wish, const char *code) {
    fault = (struct fault){0};
    enum err err = installer_run(&wish, NULL, &fault);
    CHECK_STR(fault.code, code);
    return err;
}

static void what_cannot_be_is_refused(void) {
    struct install_wish wish = wish_of(SLOT_A);
    REQUIRE(disk_make(source_path, SOURCE_BYTES, "0.0.9"));
    REQUIRE(target_empty(INSTALL_DATA_BYTES + MIB));
    CHECK_EQ(refused(wish, "appliance.disk_too_small"), ERR_INPUT);
    REQUIRE(target_empty(KIB));
    CHECK_EQ(refused(wish, "appliance.disk_too_small"), ERR_INPUT);
    wish.target = source_path;
    CHECK_EQ(refused(wish, "appliance.install_same_disk"), ERR_INPUT);
    wish.target = "/nowhere/disk";
    CHECK_EQ(refused(wish, "appliance.no_disk"), ERR_NOT_FOUND);
    wish.target = folder;
    CHECK_EQ(refused(wish, "appliance.no_disk"), ERR_NOT_FOUND);
    wish = wish_of(SLOT_A);
    REQUIRE(target_empty(TARGET_BYTES));
    if (geteuid() != 0) {
        REQUIRE(chmod(target_path, 0400) == 0);
        CHECK_EQ(refused(wish, "appliance.disk_read_only"), ERR_DENIED);
        REQUIRE(chmod(target_path, 0600) == 0);
    }
    struct progress progress = {.cancel = 1};
    fault = (struct fault){0};
    CHECK_EQ(installer_run(&wish, &progress, &fault), ERR_CANCELLED);
    CHECK_STR(fault.code, "appliance.install_stopped");
    CHECK(!table_of(target_path));
    scratch_write(source_path, "nothing", 7);
    REQUIRE(truncate(source_path, SOURCE_BYTES) == 0);
    CHECK_EQ(refused(wish, "appliance.no_partition_table"), ERR_NOT_FOUND);
}

// One cut onto a disk that held another system; false when it came too late.
static bool cut_once(uint64_t steps) {
    struct install_wish wish = wish_of(SLOT_A);
    CHECK(disk_make(target_path, TARGET_BYTES, "0.0.1"));
    struct guid old = table.disk;
    uint8_t *old_slot = part_read(target_path, &table, 3);
    CHECK(disk_make(source_path, SOURCE_BYTES, "0.0.9"));
    block_cut_after(steps, check_random);
    enum err err = installer_run(&wish, NULL, NULL);
    bool off = block_cut_end();
    CHECK_EQ(err == OK, !off);
    bool found = table_of(target_path);
    // The old table stands only while nothing of what it is of is overwritten.
    if (found && guid_equal(&target_table.disk, &old)) {
        uint8_t *slot = part_read(target_path, &target_table, 3);
        CHECK(off && memcmp(slot, old_slot, PART_KIB * KIB) == 0);
        memory_give(slot);
    } else if (found) {
        whole_check();
    }
    CHECK(found || off);
    memory_give(old_slot);
    return off;
}

static void a_cut_leaves_nothing_or_all(void) {
    bool off = true;
    uint64_t steps = 0;
    for (; off && steps < 100 && !check.wrong; steps++) {
        for (int i = 0; i < 8 && !check.wrong; i++) off = cut_once(steps);
    }
    CHECK(!off && steps > 15);
}

static void disks_are_listed(void) {
    static struct install_disk disks[INSTALL_DISKS];
    char command[1600];
    struct install_wish wish = wish_of(SLOT_A);
    REQUIRE(disk_make(source_path, SOURCE_BYTES, "0.0.9") && target_empty(TARGET_BYTES));
    snprintf(command, sizeof command,
             "cd %s && mkdir -p sys/target/device sys/source sys/small sys/loop3 sys/void && "
             "echo 2105344 >sys/target/size && printf 'Fast Disk  \\n' >sys/target/device/model && "
             "echo 8192 >sys/source/size && echo 0 >sys/void/size && echo 8 >sys/loop3/size && "
             "echo 2048 >sys/small/size && echo 1 >sys/small/removable && truncate -s 1M small",
             folder);
    REQUIRE(system(command) == 0);
    char sys[300];
    snprintf(sys, sizeof sys, "%s/sys", folder);
    REQUIRE(installer_disks(sys, folder, &wish, disks) == 2);
    CHECK_STR(disks[0].why.code, "appliance.disk_too_small");
    CHECK(disks[0].removable && disks[0].bytes == MIB);
    CHECK_STR(disks[0].name, "");
    CHECK_STR(disks[1].path, target_path);
    CHECK_STR(disks[1].name, "Fast Disk");
    CHECK_STR(disks[1].why.code, "");
    CHECK(!disks[1].removable && disks[1].bytes == TARGET_BYTES);
    CHECK_EQ(installer_disks("/nowhere", folder, &wish, disks), 0);
}

// The choice at the console goes with the partition, over all that is left of the disk.
static void the_data_to_come_has_its_name(void) {
    struct install_wish wish = wish_of(SLOT_A);
    wish.data_name = "data-new-passphrase";
    REQUIRE(disk_make(source_path, SOURCE_BYTES, "0.0.9") && target_empty(TARGET_BYTES));
    REQUIRE(installer_run(&wish, NULL, &fault) == OK && table_of(target_path));
    uint32_t number = gpt_find_name(&target_table, "data-new-passphrase");
    REQUIRE(number > 0);
    CHECK(gpt_bytes(&target_table, number) >= INSTALL_DATA_BYTES);
    CHECK(guid_equal(&target_table.partitions[number - 1].type, &GUID_LINUX_DATA));
    CHECK_EQ(gpt_find_name(&target_table, "data"), 0);
}

int main(void) {
    folder = scratch_folder();
    snprintf(source_path, sizeof source_path, "%s", scratch_path(folder, "source"));
    snprintf(target_path, sizeof target_path, "%s", scratch_path(folder, "target"));
    CHECK_RUN(everything_is_copied_under_new_names);
    CHECK_RUN(an_unusable_slot_gets_the_running_one);
    CHECK_RUN(what_cannot_be_is_refused);
    CHECK_RUN(a_cut_leaves_nothing_or_all);
    CHECK_RUN(disks_are_listed);
    CHECK_RUN(the_data_to_come_has_its_name);
    return check_done();
}
