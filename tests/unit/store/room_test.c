// A full disk: what was kept for deletions is there when it is needed, and nobody else gets it.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "store/store_private.h"
#include "support/scratch.h"

enum { TEXT_BYTES = 20000, READERS = 300 };
static const uint64_t MAP_BYTES = 64 << 20;
static bool alone;

static struct store *open_at(const char *dir) {
    struct store *store = NULL;
    struct fault fault = {0};
    struct store_options options = {.map_bytes = MAP_BYTES, .alone = alone};
    if (store_open(dir, &options, &store, &fault) != OK) {
        fprintf(stderr, "store_open: %s %s\n", fault.code, fault.detail);
    }
    return store;
}

static enum err put_change(struct store_txn *txn, void *ctx) {
    static char text[TEXT_BYTES];
    struct buf fields;
    memset(text, 'f', sizeof text);
    buf_open(&fields, 1 << 20);
    record_put_str(&(struct record_writer){&fields}, (struct str){text, sizeof text});
    enum err err = store_put(txn, TABLE_JOB, key_of_id(*(const uint64_t *)ctx), 1, &fields);
    buf_close(&fields);
    return err;
}

static enum err delete_change(struct store_txn *txn, void *ctx) {
    struct audit_entry entry = {.actor = STR("somebody"),
                                .action = STR("job.delete"),
                                .object = STR("job/1"),
                                .result = STR("ok")};
    enum err err = store_delete(txn, TABLE_JOB, key_of_id(*(const uint64_t *)ctx));
    return err == OK ? audit_append(txn, &entry) : err;
}

// The last byte of the disk goes to a file beside the store, whoever else wants it.
static void fill_disk(const char *dir) {
    char path[LIMIT_PATH_BYTES];
    static char piece[64 << 10];
    snprintf(path, sizeof path, "%s/filler", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    REQUIRE(fd >= 0);
    for (size_t size = sizeof piece; size > 0; size /= 2) {
        while (write(fd, piece, size) > 0) continue;
    }
    close(fd);
    uint64_t left = 1;
    CHECK_EQ(disk_free(dir, &left, NULL), OK);
    CHECK_EQ(left, 0);
}

static void empty_disk(const char *dir) {
    char path[LIMIT_PATH_BYTES];
    snprintf(path, sizeof path, "%s/filler", dir);
    CHECK_EQ(unlink(path), 0);
}

// Puts until that is refused; how many there are now.
static uint64_t put_all(struct store *store, uint64_t kept) {
    enum err err = OK;
    for (uint64_t id = kept + 1; id < 10000; id++) {
        err = store_write(store, put_change, &id);
        if (err != OK) break;
        kept = id;
    }
    CHECK_EQ(err, ERR_FULL);
    return kept;
}

static uint64_t count_jobs(struct store *store) {
    struct store_txn *txn;
    if (!CHECK(store_read_begin(store, &txn) == OK)) return 0;
    uint64_t count = store_count(txn, TABLE_JOB);
    store_read_end(txn);
    return count;
}

static void deletions_go_on(struct store *store, const char *dir, uint64_t kept) {
    uint64_t left = 1;
    for (uint64_t id = 1; id <= kept; id++) {
        CHECK_EQ(store_write_freeing(store, delete_change, &id), OK);
    }
    CHECK_EQ(disk_free(dir, &left, NULL), OK);
    CHECK_EQ(left, 0); // nobody else gave any
    CHECK_EQ(count_jobs(store), 0);
}

static void deletes_on_a_full_disk(void) {
    const char *dir = scratch_folder();
    if (mount("none", dir, "tmpfs", 0, "size=8m") != 0) CHECK_SKIP("may not mount");
    struct store *store = open_at(dir);
    REQUIRE(store);
    uint64_t half = store->room_bytes / 2;
    CHECK_EQ(store->room_bytes, 256 << 10);
    fill_disk(dir);
    // Small changes go on a while, then only deletions do.
    uint64_t kept = put_all(store, 0);
    CHECK(kept >= 3 && kept * TEXT_BYTES <= store->room_bytes);
    for (int i = 0; i < 3; i++) CHECK_EQ(put_all(store, kept), kept);
    struct stat about;
    char path[LIMIT_PATH_BYTES];
    snprintf(path, sizeof path, "%s/state/data.mdb", dir);
    REQUIRE(stat(path, &about) == 0);
    CHECK(store->room_end >= (uint64_t)about.st_size + half / 2); // it is still ahead of the end
    deletions_go_on(store, dir, kept);
    // What they gave back inside the state is there for others.
    uint64_t again = put_all(store, 0);
    CHECK(again > 0);
    // With room on the disk the blocks ahead come back.
    empty_disk(dir);
    CHECK_EQ(store_write(store, put_change, &(uint64_t){again + 1}), OK);
    REQUIRE(stat(path, &about) == 0);
    CHECK(store->room_end >= (uint64_t)about.st_size + half);
    fill_disk(dir);
    CHECK(put_all(store, again + 1) > again + 1);
    store_close(store);
    CHECK_EQ(umount(dir), 0);
}

// The whole start, and more readers than have been before: all on a disk without a free byte.
static void opens_on_a_full_disk(void) {
    const char *dir = scratch_folder();
    if (mount("none", dir, "tmpfs", 0, "size=8m") != 0) CHECK_SKIP("may not mount");
    struct store *store = open_at(dir);
    REQUIRE(store);
    fill_disk(dir);
    uint64_t kept = put_all(store, 0);
    store_close(store);
    fill_disk(dir);
    store = open_at(dir);
    REQUIRE(store);
    CHECK_EQ(count_jobs(store), kept);
    static struct store_txn *readers[READERS];
    uint32_t begun = 0;
    while (begun < READERS && store_read_begin(store, &readers[begun]) == OK) begun++;
    CHECK_EQ(begun, READERS);
    for (uint32_t i = 0; i < begun; i++) store_read_end(readers[i]);
    CHECK_EQ(put_all(store, kept), kept);
    deletions_go_on(store, dir, kept);
    store_close(store);
    CHECK_EQ(umount(dir), 0);
}

// A start on a full disk without the blocks (another system copied the folder): it starts, and
// takes them when it can.
static void opens_without_its_room(void) {
    const char *dir = scratch_folder();
    char path[LIMIT_PATH_BYTES];
    struct stat about;
    if (mount("none", dir, "tmpfs", 0, "size=8m") != 0) CHECK_SKIP("may not mount");
    struct store *store = open_at(dir);
    REQUIRE(store);
    store_close(store);
    snprintf(path, sizeof path, "%s/state/data.mdb", dir);
    REQUIRE(stat(path, &about) == 0);
    REQUIRE(truncate(path, about.st_size) == 0); // gives the blocks behind the end back
    fill_disk(dir);
    store = open_at(dir);
    REQUIRE(store);
    CHECK_EQ(put_all(store, 0), 0);
    empty_disk(dir);
    CHECK_EQ(store_write(store, put_change, &(uint64_t){1}), OK);
    fill_disk(dir);
    deletions_go_on(store, dir, 1);
    store_close(store);
    CHECK_EQ(umount(dir), 0);
}

// Where nothing can be allocated ahead, ordinary changes leave some of the disk.
static void without_allocation_ahead(void) {
    const char *dir = scratch_folder();
    uint64_t left = 0;
    if (mount("none", dir, "tmpfs", 0, "size=8m") != 0) CHECK_SKIP("may not mount");
    struct store *store = open_at(dir);
    REQUIRE(store);
    store->room_refused = true;
    store->room_end = 0;
    uint64_t kept = put_all(store, 0);
    CHECK_EQ(disk_free(dir, &left, NULL), OK);
    CHECK(left > 0 && left < store->room_bytes);
    for (uint64_t id = 1; id <= kept; id++) {
        CHECK_EQ(store_write_freeing(store, delete_change, &id), OK);
    }
    store_close(store);
    CHECK_EQ(umount(dir), 0);
}

static void deletes_from_a_full_map(void) {
    struct store *store = NULL;
    struct store_options options = {.map_bytes = 2 << 20, .alone = alone};
    REQUIRE(store_open(scratch_folder(), &options, &store, NULL) == OK);
    uint64_t kept = put_all(store, 0);
    CHECK(kept > 50);
    for (uint64_t id = 1; id <= kept; id++) {
        CHECK_EQ(store_write_freeing(store, delete_change, &id), OK);
    }
    CHECK(put_all(store, 0) > 50);
    store_close(store);
}

static void run_all(void) {
    CHECK_RUN(deletes_on_a_full_disk);
    CHECK_RUN(opens_on_a_full_disk);
    CHECK_RUN(opens_without_its_room);
    CHECK_RUN(without_allocation_ahead);
    CHECK_RUN(deletes_from_a_full_map);
}

int main(void) {
    run_all();
    alone = true;
    run_all();
    return check_done();
}
