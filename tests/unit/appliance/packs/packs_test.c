// The packs of a box: what is looked at, mounted, refused, replaced, removed; what a cut leaves.
#include "appliance/packs/packs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/packs/pack_private.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/version.h"
#include "check.h"
#include "support/scratch.h"

static const char *folder;
static char source[256], kept[256], given[256], mounts[256];
static struct sign_key key, other_key;
static struct fault fault;
static struct packs_seen seen;
static struct progress progress;

// ---- a box whose mounts are noted ---------------------------------------------------------------
static uint32_t mounted, unmounted;
static bool mount_fails;
static char mounted_at[512];

static enum err mount_noted(const struct packs_own *own, int fd, uint64_t offset, uint64_t bytes,
                            const char *where, struct fault *out) {
    struct stat info;
    (void)own;
    if (mount_fails) return fault_set(out, ERR_IO, "appliance.pack_not_mounted", STR("no"));
    CHECK(fstat(fd, &info) == 0 && offset + bytes <= (uint64_t)info.st_size && bytes > 0);
    snprintf(mounted_at, sizeof mounted_at, "%s", where);
    mounted++;
    return OK;
}

static void unmount_noted(const char *where) {
    snprintf(mounted_at, sizeof mounted_at, "%s", where);
    unmounted++;
}

static struct packs_own own;

static void box_new(void) {
    (void)!folder_remove(kept, NULL);
    own = (struct packs_own){.folder = kept,
                             .mounts = mounts,
                             .architecture = "x86_64",
                             .key = &key.open,
                             .mount = mount_noted,
                             .unmount = unmount_noted};
    seen = (struct packs_seen){0};
    mounted = unmounted = 0;
    mount_fails = false;
}

static void look(void) {
    packs_look(&own, &seen, &seen, &progress);
}

// In `given`; its libraries hold the version.
static void made(const char *name, const char *version, const char *architecture,
                 const struct sign_key *signer) {
    struct pack_about about;
    const struct pack_content content = {.folder = source,
                                         .name = name,
                                         .vendor = "Demo",
                                         .version = version,
                                         .architecture = architecture};
    char path[512];
    snprintf(path, sizeof path, "%s/lib.so", source);
    scratch_write(path, version, strlen(version));
    unlink(given);
    if (pack_write(given, &content, signer, &about, NULL, &fault) != OK) abort();
}

static enum err add_given(const char *path) {
    fault = (struct fault){0};
    enum err err = packs_add(&own, path, &progress, &fault);
    if (err != ERR_CANCELLED) CHECK_EQ(err == OK, !fault.code[0]);
    return err;
}

static enum err add(const char *name, const char *version) {
    made(name, version, "x86_64", &key);
    return add_given(given);
}

static const char *file_path(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", kept, name);
    return path;
}

static bool there(const char *name) {
    return file_exists(file_path(name));
}

static void spoil(const char *name, double share) {
    uint64_t bytes;
    if (file_size(file_path(name), &bytes, NULL) != OK) abort();
    scratch_flip(file_path(name), (uint64_t)((double)bytes * share), 1);
}

// ---- adding and looking -------------------------------------------------------------------------
static void what_is_added_is_mounted_by_the_next_look(void) {
    char want[512];
    box_new();
    look(); // there is no folder yet
    CHECK_EQ(seen.count, 0);
    REQUIRE(add("demo", "1.0") == OK);
    CHECK(there("demo-1.0.pack") && mounted == 0);
    look();
    REQUIRE(seen.count == 1);
    CHECK(seen.all[0].mounted && !seen.all[0].fault.code[0]);
    CHECK_STR(seen.all[0].file, "demo-1.0.pack");
    CHECK_STR(seen.all[0].about.vendor, "Demo");
    snprintf(want, sizeof want, "%s/demo", mounts);
    CHECK_STR(mounted_at, want);
    look(); // what is mounted is not mounted again
    CHECK_EQ(mounted, 1);
    seen = (struct packs_seen){0}; // another start
    look();
    CHECK_EQ(mounted, 2);
    CHECK(seen.count == 1 && seen.all[0].mounted);
}

static void the_newest_of_a_name_counts(void) {
    box_new();
    REQUIRE(add("demo", "2.0") == OK);
    look();
    REQUIRE(add("demo-b", "1") == OK &&
            add("demo", "1.9") == OK); // the last installed, not the highest
    CHECK(there("demo-2.0.pack"));     // until the other one is mounted
    look();
    REQUIRE(seen.count == 2);
    CHECK_STR(seen.all[0].file, "demo-1.9.pack");
    CHECK_STR(seen.all[1].file, "demo-b-1.pack");
    CHECK(seen.all[0].mounted && seen.all[1].mounted && mounted == 3);
    CHECK(!there("demo-2.0.pack"));
    // The same again takes its own place.
    REQUIRE(add("demo", "1.9") == OK);
    look();
    CHECK(seen.count == 2 && mounted == 4 && seen.all[0].mounted);
}

static void the_order_does_not_hang_on_the_clock(void) {
    struct timespec times[2] = {{.tv_sec = 4000000000}, {.tv_sec = 4000000000}};
    box_new();
    REQUIRE(add("demo", "1") == OK);
    REQUIRE(utimensat(AT_FDCWD, file_path("demo-1.pack"), times, 0) == 0); // the clock was ahead
    REQUIRE(add("demo", "2") == OK);
    look();
    REQUIRE(seen.count == 1);
    CHECK_STR(seen.all[0].file, "demo-2.pack");
}

static void the_one_before_stays_while_the_new_one_fails(void) {
    box_new();
    REQUIRE(add("demo", "1") == OK);
    look();
    REQUIRE(add("demo", "2") == OK);
    spoil("demo-2.pack", 0.9);
    look();
    REQUIRE(seen.count == 2);
    CHECK(!seen.all[0].mounted && seen.all[1].mounted && there("demo-1.pack"));
    CHECK_STR(seen.all[0].fault.code, "appliance.pack_damaged");
    CHECK_STR(seen.all[0].fault.detail, "demo-2.pack"); // its name, not where it lies
    REQUIRE(add("demo", "3") == OK);
    mount_fails = true;
    look();
    CHECK_STR(seen.all[0].fault.code, "appliance.pack_not_mounted");
    CHECK(seen.count == 3 && seen.all[2].mounted);
    mount_fails = false;
    look();
    CHECK(seen.count == 1 && seen.all[0].mounted && !there("demo-1.pack") && !there("demo-2.pack"));
}

static const struct pack_view *view_of(const char *file) {
    for (uint32_t i = 0; i < seen.count; i++) {
        if (strcmp(seen.all[i].file, file) == 0) return &seen.all[i];
    }
    return NULL;
}

static void what_was_spoiled_on_the_disk_is_not_mounted(void) {
    static const double shares[] = {0, 0.2, 0.5, 0.7, 0.99};
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        box_new();
        REQUIRE(add("demo", "1") == OK && add("other", "1") == OK);
        spoil("demo-1.pack", shares[i]);
        look();
        REQUIRE(seen.count == 2);
        const struct pack_view *demo = view_of("demo-1.pack"), *other = view_of("other-1.pack");
        REQUIRE(demo && other && demo != other);
        CHECK(other->mounted && !demo->mounted && mounted == 1);
        CHECK(strncmp(demo->fault.code, "appliance.", 10) == 0);
    }
    REQUIRE(truncate(file_path("other-1.pack"), 2000) == 0);
    seen = (struct packs_seen){0};
    look();
    CHECK(seen.count == 2 && !seen.all[0].mounted);
    // One in another's place, whole as it is.
    box_new();
    REQUIRE(add("demo", "1") == OK);
    REQUIRE(rename(file_path("demo-1.pack"), scratch_path(kept, "other-1.pack")) == 0);
    look();
    CHECK(seen.count == 1 && !seen.all[0].mounted);
    CHECK_STR(seen.all[0].fault.code, "appliance.pack_renamed");
}

static void what_a_cut_left_is_removed(void) {
    box_new();
    REQUIRE(add("demo", "1") == OK);
    scratch_write(file_path("demo-2.pack.123.new"), "half", 4);
    scratch_write(file_path("notes.txt"), "mine", 4);
    look();
    CHECK(seen.count == 1 && seen.all[0].mounted && !there("demo-2.pack.123.new"));
}

static void what_is_not_for_this_box_is_refused(void) {
    box_new();
    made("demo", "1", "aarch64", &key);
    CHECK_EQ(add_given(given), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.pack_other_architecture");
    made("demo", "1", "x86_64", &other_key);
    CHECK_EQ(add_given(given), ERR_DENIED);
    CHECK_STR(fault.code, "appliance.pack_other_signer");
    CHECK_EQ(add_given(source), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.no_pack");
    CHECK_STR(fault.detail, "source");
    made("demo", "1", "x86_64", &key);
    scratch_flip(given, 5000, 1);
    CHECK(add_given(given) != OK);
    own.key = NULL;
    CHECK_EQ(add_given(given), ERR_DENIED);
    CHECK_STR(fault.code, "appliance.no_update_key");
    look();
    CHECK_EQ(seen.count, 0);
    // Taken, and then the box's key or processor is another: a disk that was moved.
    box_new();
    REQUIRE(add("demo", "1") == OK);
    own.architecture = "aarch64";
    look();
    CHECK_STR(seen.all[0].fault.code, "appliance.pack_other_architecture");
    own.architecture = "x86_64";
    own.key = &other_key.open;
    look();
    CHECK_STR(seen.all[0].fault.code, "appliance.pack_other_signer");
    CHECK_EQ(mounted, 0);
}

static void there_is_room_for_so_many(void) {
    char version[16];
    box_new();
    for (int i = 0; i < PACKS_MAX; i++) {
        snprintf(version, sizeof version, "n%d", i);
        REQUIRE(add(version, "1") == OK);
    }
    CHECK_EQ(add("more", "1"), ERR_LIMIT);
    CHECK_STR(fault.code, "appliance.pack_many");
    CHECK_EQ(add("n3", "2"), OK); // in the place of one
    look();
    CHECK_EQ(seen.count, PACKS_MAX);
    CHECK(!there("n3-1.pack"));
}

static void adding_can_be_stopped(void) {
    box_new();
    progress.cancel = 1;
    CHECK_EQ(add("demo", "1"), ERR_CANCELLED);
    progress.cancel = 0;
    look();
    CHECK_EQ(seen.count, 0);
}

static int add_and_look(void *ctx) {
    (void)ctx;
    seen = (struct packs_seen){0};
    enum err err = add_given(given);
    if (err != OK) CHECK(!there("demo-1.pack"));
    if (err == OK) look();
    return err != OK || seen.count != 1 || !seen.all[0].mounted;
}

static void memory_that_is_not_there_is_told(void) {
    box_new();
    made("demo", "1", "x86_64", &key);
    CHECK(check_faults(memory_fail_after, add_and_look, NULL) > 10);
    CHECK_EQ(seen.count, 1);
}

// ---- in PID 1 -----------------------------------------------------------------------------------
static void removing_unmounts_and_erases(void) {
    struct packs packs = {0};
    box_new();
    REQUIRE(add("demo", "1") == OK && add("other", "1") == OK);
    look();
    packs.own = own;
    packs.seen = seen;
    CHECK_EQ(packs_remove(&packs, STR("nobody-1.pack"), &fault), ERR_NOT_FOUND);
    CHECK_STR(fault.code, "appliance.no_such_pack");
    CHECK_EQ(packs_remove(&packs, STR("../source"), &fault), ERR_NOT_FOUND);
    packs_due(&packs);
    CHECK_EQ(packs_remove(&packs, STR("demo-1.pack"), NULL), ERR_BUSY);
    packs.due = false;
    CHECK_EQ(packs_remove(&packs, STR("demo-1.pack"), &fault), OK);
    CHECK(!there("demo-1.pack") && there("other-1.pack") && unmounted == 1);
    REQUIRE(packs.seen.count == 1);
    CHECK_STR(packs.seen.all[0].file, "other-1.pack");
    CHECK(packs_away(&packs) && unmounted == 2 && packs.seen.count == 0 && there("other-1.pack"));
}

// Enough for several pieces of metadata and full rows of a folder (links have the smallest inodes),
// files of a block's size and around it, folders in folders; gone again afterwards.
static void source_fill(bool fill) {
    char command[1200];
    snprintf(command, sizeof command,
             fill ? "cd %s && mkdir -p many deep/er/still links && "
                    "for i in $(seq 700); do echo $i >many/file-$i; done && "
                    "for n in 0 1 131071 131072 131073 400000; do "
                    "head -c $n /dev/urandom >deep/er/still/$n; done && : >many-a && "
                    "ln -s ../deep/er links/folder && ln -s ../many/file-7 links/file && "
                    "ln -s file links/again && mkdir rows && : >rows/a && "
                    "for i in $(seq 600); do ln -s a rows/$i; done"
                  : "cd %s && rm -r many many-a deep links rows",
             source);
    CHECK_EQ(system(command), 0);
}

// With a mount of its own, as in PID 1's child: read-only, no set-uid bits, no devices; another
// version takes its place while a file of the first is open.
static int mounted_for_real(void) {
    char path[512], text[16] = "";
    struct packs packs = {0};
    struct stat info;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return 2;
    if (mount("tmpfs", mounts, "tmpfs", 0, NULL) != 0) return 2;
    snprintf(path, sizeof path, "%s/demo/lib.so", mounts);
    own.mount = pack_mount;
    own.unmount = pack_unmount;
    source_fill(true);
    if (!CHECK_EQ(add("demo", "1.0"), OK)) return 1;
    look();
    if (!CHECK(seen.count == 1 && seen.all[0].mounted)) {
        fprintf(stderr, "%s %s\n", seen.all[0].fault.code, seen.all[0].fault.detail);
        return 1;
    }
    char command[1200];
    snprintf(command, sizeof command, "diff -r --no-dereference %s %s/demo", source, mounts);
    CHECK_EQ(system(command), 0);
    int first = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(read(first, text, sizeof text) == 3 && memcmp(text, "1.0", 3) == 0);
    CHECK(stat(path, &info) == 0 && info.st_uid == 0 && (info.st_mode & 07777) == 0644);
    CHECK(open(path, O_RDWR | O_CLOEXEC) < 0 && errno == EROFS);
    CHECK(unlink(path) != 0 && errno == EROFS);
    source_fill(false);
    CHECK_EQ(add("demo", "2.0"), OK);
    look();
    CHECK(seen.count == 1 && seen.all[0].mounted);
    int second = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(read(second, text, sizeof text) == 3 && memcmp(text, "2.0", 3) == 0);
    CHECK(pread(first, text, sizeof text, 0) == 3 && memcmp(text, "1.0", 3) == 0);
    snprintf(command, sizeof command,
             "grep ' %s/demo ro,nosuid,nodev' /proc/self/mountinfo | wc -l "
             "| grep -qx 1",
             mounts);
    CHECK_EQ(system(command), 0);
    packs.own = own;
    packs.seen = seen;
    CHECK_EQ(packs_remove(&packs, STR("demo-2.0.pack"), &fault), OK);
    CHECK(stat(path, &info) != 0);
    close(first);
    close(second);
    return check.wrong != 0;
}

static void it_is_mounted_for_real(void) {
    int status;
#if defined(__aarch64__)
    CHECK_SKIP("the emulator has no loop devices");
#endif
    if (geteuid() != 0 || access("/dev/loop-control", R_OK | W_OK) != 0 ||
        system("grep -q squashfs /proc/filesystems") != 0) {
        CHECK_SKIP("it needs root, loop devices and squashfs");
    }
    box_new();
    pid_t child = fork();
    if (child == 0) _exit(mounted_for_real());
    REQUIRE(waitpid(child, &status, 0) == child && WIFEXITED(status));
    if (WEXITSTATUS(status) == 2) CHECK_SKIP("mounting is not allowed here");
    CHECK_EQ(WEXITSTATUS(status), 0);
}

static void path_make(char out[static 256], const char *name) {
    snprintf(out, 256, "%s", scratch_path(folder, name));
}

int main(void) {
    folder = scratch_folder();
    path_make(source, "source");
    path_make(kept, "kept");
    path_make(given, "given.pack");
    path_make(mounts, "mounts");
    if (mkdir(source, 0755) != 0 || mkdir(mounts, 0755) != 0) return 1;
    if (sign_key_make(&key) != OK || sign_key_make(&other_key) != OK) return 1;
    CHECK_RUN(what_is_added_is_mounted_by_the_next_look);
    CHECK_RUN(the_newest_of_a_name_counts);
    CHECK_RUN(the_order_does_not_hang_on_the_clock);
    CHECK_RUN(the_one_before_stays_while_the_new_one_fails);
    CHECK_RUN(what_was_spoiled_on_the_disk_is_not_mounted);
    CHECK_RUN(what_a_cut_left_is_removed);
    CHECK_RUN(what_is_not_for_this_box_is_refused);
    CHECK_RUN(there_is_room_for_so_many);
    CHECK_RUN(adding_can_be_stopped);
    CHECK_RUN(memory_that_is_not_there_is_told);
    CHECK_RUN(removing_unmounts_and_erases);
    CHECK_RUN(it_is_mounted_for_real);
    return check_done();
}
