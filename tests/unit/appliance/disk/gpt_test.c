// A partition table is read with every check, mended from its second copy, grown to the disk, and
// one whole copy stands wherever the power is cut. Other tools find no fault with it.
#include "appliance/disk/gpt.h"

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "check.h"
#include "support/block_cut.h"
#include "support/scratch.h"

enum { MIB = 1 << 20, DISK_MIB = 16 };

static char path[256];
static struct gpt table, again;
static struct fault fault;

static bool disk_new(uint64_t bytes, struct block *disk) {
    fault = (struct fault){0};
    scratch_write(path, "", 0);
    return truncate(path, (off_t)bytes) == 0 && block_open(path, BLOCK_WRITE, disk, &fault) == OK;
}

static void partition_set(struct gpt *gpt, int index, const struct guid *type, uint64_t first_mib,
                          uint64_t mib, const char *name) {
    uint64_t per = MIB / gpt->sector_bytes;
    gpt->partitions[index] = (struct gpt_partition){.type = *type,
                                                    .id = guid_random(),
                                                    .first = first_mib * per,
                                                    .last = (first_mib + mib) * per - 1};
    gpt_name_set(&gpt->partitions[index], name);
}

// A disk with two partitions, as its table says.
static bool disk_with_table(struct block *disk) {
    if (!disk_new((uint64_t)DISK_MIB * MIB, disk) || gpt_make(disk, &table, &fault) != OK) {
        return false;
    }
    partition_set(&table, 0, &GUID_BIOS_BOOT, 1, 1, "bios");
    partition_set(&table, 1, &GUID_ESP, 2, 4, "esp");
    return gpt_write(disk, &table, &fault) == OK;
}

static bool same_partitions(const struct gpt *one, const struct gpt *other) {
    return guid_equal(&one->disk, &other->disk) &&
           memcmp(one->partitions, other->partitions, sizeof one->partitions) == 0;
}

static void guids_are_written_as_they_are_read(void) {
    struct guid guid;
    char text[GUID_TEXT_SIZE];
    CHECK(guid_read(STR("C12A7328-F81F-11D2-BA4B-00A0C93EC93B"), &guid));
    CHECK(guid_equal(&guid, &GUID_ESP));
    guid_text(&GUID_ESP, text);
    CHECK_STR(text, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    CHECK(guid_read(STR("21686148-6449-6E6F-744E-656564454649"), &guid));
    CHECK(guid_equal(&guid, &GUID_BIOS_BOOT));
    CHECK(guid_read(STR("0fc63daf-8483-4772-8e79-3d69d8477de4"), &guid));
    CHECK(guid_equal(&guid, &GUID_LINUX_DATA));
    CHECK(guid_read(STR("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"), &guid));
    CHECK(guid_equal(&guid, &GUID_BASIC_DATA));
    CHECK(!guid_read(STR("ebd0a0a2-b9e5-4433-87c0-68b6b72699c"), &guid));
    CHECK(!guid_read(STR("ebd0a0a2-b9e5-4433-87c0.68b6b72699c7"), &guid));
    CHECK(!guid_read(STR("gbd0a0a2-b9e5-4433-87c0-68b6b72699c7"), &guid));
    guid = guid_random();
    guid_text(&guid, text);
    CHECK(text[14] == '4');
    CHECK(strchr("89ab", text[19]) != NULL);
    struct guid other;
    CHECK(guid_read(str_of(text), &other) && guid_equal(&guid, &other));
}

static void what_is_written_is_read(void) {
    struct block disk;
    char name[GPT_NAME_UNITS + 1];
    REQUIRE(disk_with_table(&disk));
    REQUIRE(gpt_read(&disk, &again, &fault) == OK);
    CHECK(same_partitions(&table, &again));
    CHECK(!again.first_broken && !again.second_broken && !again.second_elsewhere);
    CHECK_EQ(gpt_find_name(&again, "esp"), 2);
    CHECK_EQ(gpt_find_name(&again, "es"), 0);
    CHECK_EQ(gpt_find_id(&again, &table.partitions[1].id), 2);
    CHECK_EQ(gpt_offset(&again, 2), 2 * MIB);
    CHECK_EQ(gpt_bytes(&again, 2), 4 * MIB);
    gpt_name(&again.partitions[1], name);
    CHECK_STR(name, "esp");
    block_close(&disk);
}

static void tools_find_no_fault(void) {
    struct block disk;
    char command[600];
    REQUIRE(disk_with_table(&disk));
    block_close(&disk);
    if (system("command -v sfdisk >/dev/null && command -v sgdisk >/dev/null") != 0) {
        CHECK_SKIP("sfdisk and sgdisk are not installed");
    }
    snprintf(command, sizeof command, "sfdisk --verify %s 2>&1 | grep -q 'No errors'", path);
    CHECK_EQ(system(command), 0);
    snprintf(command, sizeof command, "sgdisk -v %s | grep -q 'No problems found'", path);
    CHECK_EQ(system(command), 0);
    snprintf(command, sizeof command, "sfdisk -d %s | grep -q 'start= *4096.*name=\"esp\"'", path);
    CHECK_EQ(system(command), 0);
}

static void tables_of_tools_are_read(void) {
    struct block disk;
    char command[600];
    if (system("command -v sfdisk >/dev/null") != 0) CHECK_SKIP("sfdisk is not installed");
    REQUIRE(disk_new(8 * MIB, &disk));
    snprintf(command, sizeof command,
             "printf 'label: gpt\\nstart=2048,size=2048,name=esp,"
             "uuid=434F5552-0000-4000-8000-000000000002\\n' | sfdisk -q %s",
             path);
    REQUIRE(system(command) == 0);
    REQUIRE(gpt_read(&disk, &again, &fault) == OK);
    struct guid id;
    REQUIRE(guid_read(STR("434F5552-0000-4000-8000-000000000002"), &id));
    CHECK_EQ(gpt_find_id(&again, &id), 1);
    CHECK_EQ(gpt_offset(&again, 1), MIB);
    block_close(&disk);
}

// Every byte of either copy: the other one is taken, and writing mends the first.
static void a_broken_copy_is_mended(void) {
    struct block disk;
    REQUIRE(disk_with_table(&disk));
    uint64_t end = disk.bytes - 512;
    static const uint16_t places[] = {0, 7, 8, 12, 16, 24, 32, 40, 56, 72, 80, 84, 88, 91};
    for (size_t i = 0; i < 2 * (sizeof places / sizeof *places); i++) {
        bool second = i % 2;
        scratch_flip(path, (second ? end : 512) + places[i / 2], 0x10);
        REQUIRE(gpt_read(&disk, &again, &fault) == OK);
        CHECK(same_partitions(&table, &again));
        CHECK_EQ(again.first_broken, !second);
        CHECK_EQ(again.second_broken, second);
        REQUIRE(gpt_write(&disk, &again, &fault) == OK);
        REQUIRE(gpt_read(&disk, &again, &fault) == OK);
        CHECK(!again.first_broken && !again.second_broken && same_partitions(&table, &again));
    }
    scratch_flip(path, 1024 + 5, 1); // an entry
    scratch_flip(path, end - 100, 1);
    CHECK_EQ(gpt_read(&disk, &again, &fault), ERR_CORRUPT);
    CHECK_STR(fault.code, "appliance.partition_table_damaged");
    block_close(&disk);
}

static void what_is_no_table_is_told(void) {
    struct block disk;
    REQUIRE(disk_new(MIB, &disk));
    CHECK_EQ(gpt_read(&disk, &again, &fault), ERR_NOT_FOUND);
    CHECK_STR(fault.code, "appliance.no_partition_table");
    block_close(&disk);
    REQUIRE(disk_new(16 * 1024, &disk));
    CHECK_EQ(gpt_make(&disk, &again, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.disk_too_small");
    block_close(&disk);
    CHECK_EQ(block_open("/nowhere/at/all", BLOCK_READ, &disk, NULL), ERR_NOT_FOUND);
    CHECK_EQ(block_open("/dev/null", BLOCK_READ, &disk, NULL), ERR_NOT_FOUND);
}

// The whole of a small image on a larger disk: found at its start, grown to the new end.
static void an_image_grows_to_its_disk(void) {
    struct block disk;
    uint32_t number;
    REQUIRE(disk_with_table(&disk));
    block_close(&disk);
    REQUIRE(truncate(path, 64 * MIB + 3 * 512) == 0);
    REQUIRE(block_open(path, BLOCK_WRITE, &disk, &fault) == OK);
    REQUIRE(gpt_read(&disk, &again, &fault) == OK);
    CHECK(again.second_elsewhere && !again.second_broken && !again.first_broken);
    CHECK_EQ(gpt_append(&again, &GUID_LINUX_DATA, "data", 100ull * MIB, &number, &fault), ERR_FULL);
    fault = (struct fault){0};
    REQUIRE(gpt_append(&again, &GUID_LINUX_DATA, "data", 8 * MIB, &number, &fault) == OK);
    CHECK_EQ(number, 3);
    CHECK_EQ(gpt_offset(&again, 3), 6 * MIB);
    CHECK_EQ(gpt_bytes(&again, 3), 57ull * MIB); // the last MiB holds the second copy
    REQUIRE(gpt_write(&disk, &again, &fault) == OK);
    REQUIRE(gpt_announce(&disk, &again, 3, &fault) == OK);
    REQUIRE(gpt_read(&disk, &table, &fault) == OK);
    CHECK(same_partitions(&table, &again) && !table.second_elsewhere && !table.second_broken);
    CHECK_EQ(gpt_append(&again, &GUID_LINUX_DATA, "more", 1, &number, &fault), ERR_FULL);
    block_close(&disk);
}

static void boot_code_stays(void) {
    struct block disk;
    uint8_t sector[512], code[446];
    REQUIRE(disk_with_table(&disk));
    for (size_t i = 0; i < sizeof code; i++) code[i] = (uint8_t)check_random();
    REQUIRE(block_write(&disk, 0, code, sizeof code, &fault) == OK);
    REQUIRE(gpt_write(&disk, &table, &fault) == OK);
    REQUIRE(block_read(&disk, 0, sector, sizeof sector, &fault) == OK);
    CHECK(memcmp(sector, code, sizeof code) == 0);
    CHECK(sector[446 + 4] == 0xEE && sector[510] == 0x55 && sector[511] == 0xAA);
    block_close(&disk);
}

static void sectors_of_4096_bytes_work(void) {
    struct block disk;
    uint32_t number;
    REQUIRE(disk_new((uint64_t)DISK_MIB * MIB, &disk));
    disk.sector_bytes = 4096;
    REQUIRE(gpt_make(&disk, &table, &fault) == OK);
    partition_set(&table, 0, &GUID_ESP, 1, 2, "esp");
    REQUIRE(gpt_append(&table, &GUID_LINUX_DATA, "data", MIB, &number, &fault) == OK);
    CHECK_EQ(gpt_offset(&table, number), 3 * MIB);
    CHECK_EQ(gpt_bytes(&table, number), 12 * MIB);
    REQUIRE(gpt_write(&disk, &table, &fault) == OK);
    REQUIRE(gpt_read(&disk, &again, &fault) == OK);
    CHECK(same_partitions(&table, &again));
    scratch_flip(path, 4096 + 40, 1);
    REQUIRE(gpt_read(&disk, &again, &fault) == OK);
    CHECK(again.first_broken && same_partitions(&table, &again));
    block_close(&disk);
}

// The right checksums around partitions that cannot be.
static void impossible_partitions_are_refused(void) {
    struct block disk;
    uint8_t entries[GPT_PARTITIONS * 128], header[512];
    static const uint8_t zeros[4];
    for (int kind = 0; kind < 3; kind++) {
        REQUIRE(disk_with_table(&disk));
        for (int copy = 0; copy < 2; copy++) {
            uint64_t own = copy ? disk.bytes - 512 : 512;
            uint64_t list = copy ? own - sizeof entries : 1024;
            REQUIRE(block_read(&disk, list, entries, sizeof entries, &fault) == OK);
            REQUIRE(block_read(&disk, own, header, sizeof header, &fault) == OK);
            if (kind == 0) memcpy(entries + 128 + 32, entries + 32, 8); // over the first one
            if (kind == 1) memset(entries + 128 + 40, 0x7F, 8);         // beyond the end
            if (kind == 2) memset(entries + 128 + 40, 0, 8);            // ends before it starts
            uint32_t crc = (uint32_t)crc32(0, entries, sizeof entries);
            memcpy(header + 88, &crc, 4);
            memcpy(header + 16, zeros, 4);
            crc = (uint32_t)crc32(0, header, 92);
            memcpy(header + 16, &crc, 4);
            REQUIRE(block_write(&disk, list, entries, sizeof entries, &fault) == OK);
            REQUIRE(block_write(&disk, own, header, sizeof header, &fault) == OK);
        }
        CHECK_EQ(gpt_read(&disk, &again, &fault), ERR_CORRUPT);
        CHECK_STR(fault.code, "appliance.partition_table_damaged");
        block_close(&disk);
    }
    // A disk that is smaller than the one the table is of.
    REQUIRE(disk_with_table(&disk));
    block_close(&disk);
    REQUIRE(truncate(path, 4 * MIB) == 0);
    REQUIRE(block_open(path, BLOCK_WRITE, &disk, &fault) == OK);
    CHECK_EQ(gpt_read(&disk, &again, &fault), ERR_CORRUPT);
    block_close(&disk);
}

// One cut after `steps` writes and syncs; false when it came too late.
static bool cut_once(uint64_t steps, bool *old_seen, bool *new_seen) {
    struct block disk;
    uint32_t number;
    if (!CHECK(disk_with_table(&disk))) return false;
    struct gpt grown = table;
    CHECK_EQ(gpt_append(&grown, &GUID_LINUX_DATA, "data", MIB, &number, &fault), OK);
    block_cut_after(steps, check_random);
    enum err err = gpt_write(&disk, &grown, NULL);
    bool off = block_cut_end();
    CHECK_EQ(err == OK, !off);
    if (CHECK(gpt_read(&disk, &again, &fault) == OK)) {
        bool is_old = same_partitions(&again, &table), is_new = same_partitions(&again, &grown);
        CHECK(is_old || is_new);
        *old_seen |= is_old;
        *new_seen |= is_new;
    }
    block_close(&disk);
    return off;
}

// The table is the old or the new one, never none; what was not synced is lost in many ways.
static void a_cut_leaves_a_whole_table(void) {
    bool old_seen = false, new_seen = false, off = true;
    for (uint64_t steps = 0; off && steps < 100 && !check.wrong; steps++) {
        for (int i = 0; i < 30; i++) off = cut_once(steps, &old_seen, &new_seen);
    }
    CHECK(!off && old_seen && new_seen);
}

int main(void) {
    snprintf(path, sizeof path, "%s", scratch_path(scratch_folder(), "disk"));
    CHECK_RUN(guids_are_written_as_they_are_read);
    CHECK_RUN(what_is_written_is_read);
    CHECK_RUN(tools_find_no_fault);
    CHECK_RUN(tables_of_tools_are_read);
    CHECK_RUN(a_broken_copy_is_mended);
    CHECK_RUN(what_is_no_table_is_told);
    CHECK_RUN(an_image_grows_to_its_disk);
    CHECK_RUN(boot_code_stays);
    CHECK_RUN(sectors_of_4096_bytes_work);
    CHECK_RUN(impossible_partitions_are_refused);
    CHECK_RUN(a_cut_leaves_a_whole_table);
    return check_done();
}
