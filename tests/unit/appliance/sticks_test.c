// What lies on a stick: backups by their names, updates by what they say of themselves, in an order
// that does not depend on the folder's; and what is told of it.
#include "appliance/sticks_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "support/fat_writer.h"
#include "support/scratch.h"

enum { IMAGE_BYTES = 32 * 1024 };

static const char *folder;
static struct sign_key key, other_key;
static struct stick stick;

static const char *path_of(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void folder_new(void) {
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'/*", folder);
    if (system(command) != 0) abort();
    memset(&stick, 0, sizeof stick);
}

static void update_new(const char *name, const char *version, const char *architecture,
                       const char *from, const struct sign_key *signer) {
    static uint8_t image[IMAGE_BYTES];
    char text[64], source[512];
    struct fault fault = {0};
    snprintf(text, sizeof text, "%s %s\n", version, architecture);
    struct fat_writer_file file = {NULL, "VERSION TXT", text, strlen(text)};
    fat_writer_make(image, sizeof image, &file, 1);
    snprintf(source, sizeof source, "%s/image", folder);
    scratch_write(source, image, sizeof image);
    const struct update_content content = {
        .image = source, .version = version, .architecture = architecture, .from = from};
    CHECK_EQ(update_write(path_of(name), &content, signer, NULL, &fault), OK);
    unlink(source);
}

static const struct sticks_own *own(void) {
    static struct sticks_own own;
    own = (struct sticks_own){
        .disk = "sda", .version = "0.2.0", .architecture = "x86_64", .key = &key.open};
    return &own;
}

// ---- backups ------------------------------------------------------------------------------------
static void a_backup_is_told_by_its_name(void) {
    struct backup_about about;
    CHECK(backup_name_read(STR("courtyard-20261127-052000-0.1.0.tar"), &about));
    CHECK_EQ(about.at_ms, 1795756800000); // 2026-11-27 05:20:00 UTC
    CHECK_STR(about.version, "0.1.0");
    CHECK(backup_name_read(STR("courtyard-20240229-000000.tar"), &about));
    CHECK_EQ(about.at_ms, 1709164800000);
    CHECK_STR(about.version, "");
    CHECK(backup_name_read(STR("courtyard-20261127-052000-1.2.3-rc.1.tar"), &about));
    CHECK_STR(about.version, "1.2.3-rc.1");
    static const char *const others[] = {
        "",
        "courtyard-",
        ".tar",
        "courtyard-.tar",
        "courtyard-20261127.tar",
        "courtyard-20261127-05200.tar",
        "courtyard-20261127-0520000.tar",
        "courtyard-20261327-052000.tar",
        "courtyard-2026112x-052000.tar",
        "courtyard-+0261127-052000.tar",
        "courtyard-20261127-052000-.tar",
        "courtyard-20261127-052000-zero.tar",
        "courtyard-20261127-052000_0.1.0.tar",
        "courtyard-20261127-052000.tar.part",
        "courtyard-20261127-052000.tar.123.new",
        "../courtyard-20261127-052000.tar",
        "courtyard-20261127-052000-1.0.0/x.tar",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        check_that(!backup_name_read(str_of(others[i]), &about), __FILE__, __LINE__,
                   "\"%s\" is one", others[i]);
    }
}

static void backups_are_listed_the_newest_first(void) {
    struct backup_about list[3];
    uint32_t all = 7;
    folder_new();
    CHECK_EQ(backups_list(path_of("nothing"), list, 3, &all), 0);
    CHECK_EQ(all, 0);
    for (int day = 1; day <= 9; day++) {
        char name[64];
        // In no order: 5, 1, 6, 2, …
        snprintf(name, sizeof name, "courtyard-202611%02d-000000-0.1.0.tar", day * 5 % 9 + 1);
        scratch_write(path_of(name), "0123456789", (size_t)(day * 5 % 9 + 1));
    }
    scratch_write(path_of("notes.tar"), "x", 1);
    if (mkdir(path_of("courtyard-20261130-000000.tar"), 0700) != 0) abort();
    CHECK_EQ(backups_list(folder, list, 3, &all), 3);
    CHECK_EQ(all, 9);
    CHECK_STR(list[0].name, "courtyard-20261109-000000-0.1.0.tar");
    CHECK_STR(list[2].name, "courtyard-20261107-000000-0.1.0.tar");
    CHECK_EQ(list[0].bytes, 9);
    CHECK_EQ(backups_list(folder, list, 0, &all), 0);
    CHECK_EQ(all, 9);
}

// ---- updates ------------------------------------------------------------------------------------
static void updates_that_fit_come_first_the_highest_first(void) {
    folder_new();
    update_new("a.update", "0.1.0", "x86_64", NULL, &key);
    update_new("b.update", "0.10.0", "x86_64", NULL, &key);
    update_new("c.update", "0.9.0", "x86_64", NULL, &key);
    update_new("d.update", "9.0.0", "x86_64", NULL, &other_key);
    stick_read(folder, own(), &stick);
    CHECK_EQ(stick.update_count, 4);
    static const char *const order[] = {"b.update", "c.update", "a.update", "d.update"};
    for (size_t i = 0; i < 4; i++) CHECK_STR(stick.updates[i].name, order[i]);
    CHECK(!stick.updates[0].older);
    CHECK(stick.updates[2].older);
    CHECK_STR(stick.updates[2].fault.code, ""); // it could be, if it is meant
    CHECK_STR(stick.updates[3].fault.code, "appliance.update_other_signer");
    CHECK_STR(stick.updates[3].about.version, "9.0.0");
}

static void more_than_there_is_room_for_leave_out_the_least(void) {
    folder_new();
    for (int i = 0; i < STICK_UPDATES_MAX + 3; i++) {
        char name[32], version[32];
        snprintf(name, sizeof name, "%d.update", i);
        snprintf(version, sizeof version, "1.%d.0", i * 3 % (STICK_UPDATES_MAX + 3));
        update_new(name, version, "x86_64", NULL, &key);
    }
    stick_read(folder, own(), &stick);
    CHECK_EQ(stick.update_count, STICK_UPDATES_MAX);
    for (int i = 0; i < STICK_UPDATES_MAX; i++) {
        char version[32];
        snprintf(version, sizeof version, "1.%d.0", STICK_UPDATES_MAX + 2 - i);
        CHECK_STR(stick.updates[i].about.version, version);
    }
}

static void what_does_not_fit_says_why(void) {
    static const struct {
        const char *name, *version, *architecture, *from, *code;
    } cases[] = {
        {"1.update", "1.0.0", "aarch64", NULL, "appliance.update_other_architecture"},
        {"2.update", "1.0.0", "x86_64", "0.3.0", "appliance.update_too_far"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        folder_new();
        update_new(cases[i].name, cases[i].version, cases[i].architecture, cases[i].from, &key);
        stick_read(folder, own(), &stick);
        CHECK_EQ(stick.update_count, 1);
        CHECK_STR(stick.updates[0].fault.code, cases[i].code);
    }
    struct sticks_own none = *own();
    none.key = NULL;
    stick_read(folder, &none, &stick);
    CHECK_STR(stick.updates[0].fault.code, "appliance.no_update_key");
    folder_new();
    scratch_write(path_of("x.update"), "no archive", 10);
    scratch_write(path_of(".hidden.update"), "no archive", 10);
    stick_read(folder, own(), &stick);
    CHECK_EQ(stick.update_count, 1);
    CHECK_STR(stick.updates[0].fault.code, "appliance.no_update");
    CHECK_STR(stick.updates[0].fault.detail, "x.update");
    CHECK_STR(stick.updates[0].about.version, "");
}

// ---- told ---------------------------------------------------------------------------------------
static void all_that_can_be_seen_fits_a_packet(void) {
    static struct sticks sticks;
    struct buf text;
    buf_open(&text, 256 * 1024);
    sticks.count = STICKS_MAX;
    for (int i = 0; i < STICKS_MAX; i++) {
        struct stick *one = &sticks.all[i];
        memset(one->model, 'm', sizeof one->model - 1);
        memset(one->disk, 'd', sizeof one->disk - 1);
        one->bytes = one->free_bytes = UINT64_MAX;
        one->backup_count = STICK_BACKUPS_MAX;
        one->update_count = STICK_UPDATES_MAX;
        for (int j = 0; j < STICK_BACKUPS_MAX; j++) {
            snprintf(one->backups[j].name, sizeof one->backups[j].name,
                     "courtyard-20261127-052000-10.20.30.tar");
            snprintf(one->backups[j].version, sizeof one->backups[j].version, "10.20.30");
            one->backups[j].bytes = one->free_bytes / 1000;
        }
        for (int j = 0; j < STICK_UPDATES_MAX; j++) {
            struct stick_update *update = &one->updates[j];
            memset(update->name, 'n', sizeof update->name - 1);
            memset(update->about.version, '1', sizeof update->about.version - 1);
            memset(update->about.build, 'b', sizeof update->about.build - 1);
            memset(update->fault.code, 'c', sizeof update->fault.code - 1);
            memset(update->fault.detail, 'f', sizeof update->fault.detail - 1);
        }
    }
    struct json_writer out = json_writer_of(&text);
    sticks_write(&sticks, &out);
    CHECK_EQ(buf_err(&text), OK);
    CHECK(text.size < 28 * 1024); // of the 32 KiB of an answer
    struct json *json = NULL;
    CHECK_EQ(json_parse(buf_str(&text), &json, NULL), OK);
    json_close(json);
    buf_close(&text);
}

static void copies_newest_first(void) {
    static const char *const names[] = {
        "nightly-20261124",      "nightly-20261126", "wish-20261125-010101", "nightly-20261125",
        "nightly-20261127.part", "nightly-20261123", "before-1.0.0",         "wish-20261126-235959",
        "wish-20261127.part",    "nightly-20261122"};
    char found[UPKEEP_COPIES][32];
    const char *data = scratch_folder();
    CHECK_EQ(copies_list(data, found), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/backups/%s", data, names[i]);
        CHECK_EQ(folder_make(path, NULL), OK);
    }
    CHECK_EQ(copies_list(data, found), UPKEEP_COPIES);
    static const char *const wanted[] = {"wish-20261126-235959", "nightly-20261126",
                                         "wish-20261125-010101", "nightly-20261125",
                                         "nightly-20261124"};
    for (int i = 0; i < UPKEEP_COPIES; i++) CHECK_STR(found[i], wanted[i]);
}

// ---- packs --------------------------------------------------------------------------------------
static void pack_new(const char *name, const char *architecture, const struct sign_key *signer) {
    char source[512];
    struct pack_about about;
    struct fault fault = {0};
    snprintf(source, sizeof source, "%s/libraries", folder);
    (void)mkdir(source, 0755);
    scratch_write(path_of("libraries/lib.so"), "library", 7);
    const struct pack_content content = {.folder = source,
                                         .name = "demo",
                                         .vendor = "Demo",
                                         .version = "1.0",
                                         .architecture = architecture};
    CHECK_EQ(pack_write(path_of(name), &content, signer, &about, NULL, &fault), OK);
}

static void packs_that_fit_come_first(void) {
    struct buf text;
    folder_new();
    pack_new("a.pack", "x86_64", &other_key);
    pack_new("b.pack", "aarch64", &key);
    pack_new("z.pack", "x86_64", &key);
    scratch_write(path_of("c.pack"), "no pack", 7);
    scratch_write(path_of(".hidden.pack"), "no pack", 7);
    stick_read(folder, own(), &stick);
    REQUIRE(stick.pack_count == 4);
    static const char *const order[] = {"z.pack", "a.pack", "b.pack", "c.pack"};
    static const char *const codes[] = {"", "appliance.pack_other_signer",
                                        "appliance.pack_other_architecture", "appliance.no_pack"};
    for (size_t i = 0; i < 4; i++) {
        CHECK_STR(stick.packs[i].name, order[i]);
        CHECK_STR(stick.packs[i].fault.code, codes[i]);
    }
    CHECK_STR(stick.packs[0].about.vendor, "Demo");
    CHECK_STR(stick.packs[3].fault.detail, "c.pack");
    struct sticks all = {.count = 1};
    all.all[0] = stick;
    buf_open(&text, 64 * 1024);
    struct json_writer out = json_writer_of(&text);
    sticks_write(&all, &out);
    CHECK(memmem(text.data, text.size, "\"packs\":[{\"file\":\"z.pack\",\"name\":\"demo\"", 39));
    buf_close(&text);
    // One more that fits drives out one that does not.
    pack_new("y.pack", "x86_64", &key);
    stick_read(folder, own(), &stick);
    CHECK_EQ(stick.pack_count, STICK_PACKS_MAX);
    CHECK_STR(stick.packs[0].name, "y.pack");
    CHECK_STR(stick.packs[3].name, "b.pack");
}

int main(void) {
    folder = scratch_folder();
    if (sign_key_make(&key) != OK || sign_key_make(&other_key) != OK) return 1;
    CHECK_RUN(a_backup_is_told_by_its_name);
    CHECK_RUN(backups_are_listed_the_newest_first);
    CHECK_RUN(updates_that_fit_come_first_the_highest_first);
    CHECK_RUN(more_than_there_is_room_for_leave_out_the_least);
    CHECK_RUN(what_does_not_fit_says_why);
    CHECK_RUN(all_that_can_be_seen_fits_a_packet);
    CHECK_RUN(copies_newest_first);
    CHECK_RUN(packs_that_fit_come_first);
    return check_done();
}
