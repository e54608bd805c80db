// The box's own copies of its state: which are kept, what one brings back, damage at random places,
// and being killed anywhere in making one and in recovering.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "check.h"
#include "store/keep_private.h"
#include "support/scratch.h"

enum { PAGE = 4096, DAMAGES = 50, KILLS = 24 };
static const struct store_options OPTIONS = {.map_bytes = 256 << 20};

static struct store *open_at(const char *dir) {
    struct store *store = NULL;
    struct fault fault = {0};
    if (store_open(dir, &OPTIONS, &store, &fault) != OK) {
        fprintf(stderr, "store_open: %s %s\n", fault.code, fault.detail);
    }
    return store;
}

// ---- records: dataset N holds a text made of N and a mark ------------------------------------

struct batch {
    uint64_t from, count, mark;
    size_t size;
};

static enum err put_batch(struct store_txn *txn, void *ctx) {
    const struct batch *batch = ctx;
    static char text[20000];
    enum err err = OK;
    for (uint64_t id = batch->from; err == OK && id < batch->from + batch->count; id++) {
        struct buf fields;
        buf_open(&fields, 64 << 10);
        memset(text, (int)('a' + (id + batch->mark) % 26), sizeof text);
        record_put_u64(&(struct record_writer){&fields}, batch->mark);
        // Some stand on pages of their own.
        size_t size = id % 7 == 0 ? batch->size * 20 : batch->size;
        record_put_str(&(struct record_writer){&fields}, (struct str){text, size});
        err = store_put(txn, TABLE_DATASET, key_of_id(id), 1, &fields);
        buf_close(&fields);
    }
    return err;
}

static void put(struct store *store, uint64_t from, uint64_t count, uint64_t mark) {
    struct batch batch = {from, count, mark, 300};
    CHECK_EQ(store_write(store, put_batch, &batch), OK);
}

struct sum {
    uint64_t count, marks, wrong;
};

static bool add_up(void *ctx, struct str key, struct record_reader *record) {
    struct sum *sum = ctx;
    uint64_t mark = record_get_u64(record), id = key_id(key);
    struct str text = record_get_str(record);
    sum->count++;
    sum->marks += mark;
    bool fits = record_end(record) == OK && text.size == (id % 7 == 0 ? 6000 : 300);
    for (size_t i = 0; fits && i < text.size; i++) {
        fits = text.data[i] == (char)('a' + (id + mark) % 26);
    }
    if (!fits) sum->wrong++;
    return true;
}

static struct sum sum_of(struct store *store) {
    struct store_txn *txn;
    struct sum sum = {0};
    if (store_read_begin(store, &txn) != OK) return (struct sum){.wrong = 1};
    enum err err = store_scan(txn, TABLE_DATASET, (struct key){.size = 0}, false, add_up, &sum);
    if (err != OK) sum.wrong++;
    store_read_end(txn);
    return sum;
}

static enum err refer(struct store_txn *txn, void *ctx) {
    return blob_register(txn, ctx, 5);
}

static struct hash blob_add_new(struct store *store, const char *five) {
    struct blob_writer *writer;
    struct hash hash = {{0}};
    uint64_t size;
    CHECK_EQ(blob_begin(store, &writer, NULL), OK);
    CHECK_EQ(blob_add(writer, five, 5, NULL), OK);
    CHECK_EQ(blob_finish(writer, &hash, &size, NULL), OK);
    CHECK_EQ(store_write(store, refer, &hash), OK);
    return hash;
}

// ---- which are kept --------------------------------------------------------------------------

// One a night for a hundred nights, a few of them missed: never more than eleven, the last seven
// always, and at any time one from each of the four weeks before those.
static void nights_and_weeks(void) {
    int64_t kept[KEEP_DAYS + KEEP_WEEKS + 1];
    size_t count = 0;
    for (int64_t day = 20000; day < 20100; day++) {
        bool stays[KEEP_DAYS + KEEP_WEEKS + 1];
        if (check_random() % 10 == 0) continue;
        memmove(kept + 1, kept, count * sizeof *kept);
        kept[0] = day;
        keep_choose(kept, ++count, stays);
        size_t left = 0;
        for (size_t i = 0; i < count; i++) {
            if (i < KEEP_DAYS) CHECK(stays[i]);
            if (stays[i]) kept[left++] = kept[i];
        }
        count = left;
        REQUIRE(count <= KEEP_DAYS + KEEP_WEEKS);
    }
    CHECK_EQ(count, KEEP_DAYS + KEEP_WEEKS);
    for (size_t i = KEEP_DAYS; i < count; i++) {
        CHECK(kept[i] < kept[i - 1]);
        CHECK(kept[i] >= 20099 - 7 * 7 && "the four weeks before, not older ones");
        if (i > KEEP_DAYS) CHECK((kept[i] + 3) / 7 != (kept[i - 1] + 3) / 7);
    }
}

static void prune_keeps_what_it_should(void) {
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    struct kept kept, list[KEEP_LIST_MAX];
    size_t count = 0;
    REQUIRE(store);
    for (int day = 1; day <= 12; day++) {
        char name[KEEP_NAME_BYTES];
        clock_set_for_test((20000 + day) * (int64_t)86400000 + 66600000);
        snprintf(name, sizeof name, KEEP_NIGHTLY "%d", day);
        CHECK_EQ(keep_make(store, name, 0, &kept, NULL), OK);
        if (day <= 5) {
            snprintf(name, sizeof name, KEEP_WISH "%d", day);
            CHECK_EQ(keep_make(store, name, 0, &kept, NULL), OK);
        }
        CHECK_EQ(keep_prune(dir, name, NULL), OK);
    }
    CHECK_EQ(keep_make(store, KEEP_BEFORE "9.9.9", 0, &kept, NULL), OK);
    CHECK_EQ(keep_prune(dir, "", NULL), OK);
    clock_set_for_test(0);
    CHECK_EQ(keep_list(dir, list, KEEP_LIST_MAX, &count, NULL), OK);
    size_t nightly = 0, wished = 0, before = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK(list[i].whole);
        if (i > 0) CHECK(list[i].made_ms <= list[i - 1].made_ms);
        nightly += str_starts(str_of(list[i].name), STR(KEEP_NIGHTLY));
        wished += str_starts(str_of(list[i].name), STR(KEEP_WISH));
        before += str_starts(str_of(list[i].name), STR(KEEP_BEFORE));
    }
    CHECK_EQ(wished, KEEP_WISHED);
    CHECK_EQ(before, 1);
    CHECK(nightly >= KEEP_DAYS && nightly <= KEEP_DAYS + KEEP_WEEKS);
    // Room for two of a hundred.
    CHECK_EQ(keep_list(dir, list, 2, &count, NULL), OK);
    CHECK_EQ(count, 2);
    CHECK_STR(list[0].name, KEEP_BEFORE "9.9.9");
    store_close(store);
}

// Somebody sets the clock back by weeks: the newest copy is still the one that was made last, also
// after a copy took the state's place and after a start.
static void clock_set_back(void) {
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    struct kept kept, list[KEEP_LIST_MAX];
    struct recovery recovery;
    size_t count = 0;
    REQUIRE(store);
    static const char *const names[] = {KEEP_NIGHTLY "20261201", KEEP_NIGHTLY "20261101",
                                        KEEP_WISH "20260101-000000", KEEP_NIGHTLY "20261105"};
    static const int days[] = {20788, 20758, 20454, 20762};
    for (int i = 0; i < 4; i++) {
        clock_set_for_test(days[i] * (int64_t)86400000);
        CHECK_EQ(keep_make(store, names[i], 0, &kept, NULL), OK);
        CHECK_EQ(kept.number, i + 1);
        CHECK_EQ(keep_newest_good(dir, &kept, NULL), OK);
        CHECK_STR(kept.name, names[i]);
        if (i != 1) continue;
        store_close(store);
        CHECK_EQ(keep_recover(dir, NULL, "wish", &recovery, NULL), OK);
        CHECK_STR(recovery.copy, names[1]);
        store = open_at(dir);
        REQUIRE(store);
    }
    clock_set_for_test(0);
    CHECK_EQ(keep_list(dir, list, KEEP_LIST_MAX, &count, NULL), OK);
    CHECK_EQ(count, 4);
    for (size_t i = 0; i < count; i++) CHECK_STR(list[i].name, names[3 - i]);
    CHECK_EQ(keep_prune(dir, "", NULL), OK);
    CHECK_EQ(keep_list(dir, list, KEEP_LIST_MAX, &count, NULL), OK);
    CHECK_EQ(count, 4);
    store_close(store);
}

static void names_stay_inside(void) {
    static const char *const bad[] = {"", ".", "..", "../state", "a/b", ".hidden", "x.part", "a b"};
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    struct kept kept;
    REQUIRE(store);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fault fault = {0};
        CHECK_EQ(keep_make(store, bad[i], 0, &kept, &fault), ERR_INPUT);
        CHECK_STR(fault.code, "backup.bad_name");
    }
    struct fault fault = {0};
    CHECK_EQ(keep_make(store, "much", UINT64_MAX / 2, &kept, &fault), ERR_FULL);
    CHECK_STR(fault.code, "backup.no_room");
    CHECK(!file_exists(scratch_path(dir, "backups/much")));
    store_close(store);
}

// ---- what one brings back --------------------------------------------------------------------

static void recovers_the_copy(void) {
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    struct kept kept;
    struct recovery recovery, told;
    struct fault fault = {0};
    char name[BLOB_NAME_SIZE], path[LIMIT_PATH_BYTES];
    REQUIRE(store);
    put(store, 1, 200, 1);
    (void)blob_add_new(store, "older");
    struct hash gone = blob_add_new(store, "swept");
    CHECK_EQ(keep_make(store, "nightly-1", 0, &kept, &fault), OK);
    put(store, 100, 200, 2);
    struct hash later = blob_add_new(store, "later");
    scratch_write(scratch_path(dir, "jobs/7"), "job", 3);
    CHECK_EQ(keep_recover(dir, "nightly-1", "wish", &recovery, &fault), ERR_BUSY);
    store_close(store);
    blob_name(&gone, name);
    CHECK_EQ(unlink(scratch_path(dir, name)), 0);
    fault = (struct fault){0};
    CHECK_EQ(keep_recover(dir, "nightly-2", "wish", &recovery, &fault), ERR_NOT_FOUND);
    CHECK_STR(fault.code, "backup.no_copy");
    CHECK_EQ(keep_recover(dir, NULL, "wish", &recovery, &fault), OK);
    CHECK_STR(recovery.copy, "nightly-1");
    CHECK_EQ(recovery.blobs_moved, 1);
    CHECK_EQ(recovery.blobs_missing, 1);
    store = open_at(dir);
    REQUIRE(store);
    struct sum sum = sum_of(store);
    CHECK_EQ(sum.count, 200);
    CHECK_EQ(sum.marks, 200);
    CHECK_EQ(sum.wrong, 0);
    put(store, 1000, 10, 3); // and it can be written to
    store_close(store);
    // What came after lies aside, whole.
    char quarantine[LIMIT_PATH_BYTES];
    snprintf(quarantine, sizeof quarantine, "%s/quarantine/%s", dir, recovery.quarantine);
    CHECK(file_exists(scratch_path(quarantine, "jobs/7")));
    blob_name(&later, name);
    CHECK(file_exists(scratch_path(quarantine, name)));
    CHECK_EQ(path_join(path, sizeof path, quarantine, "state"), OK);
    CHECK_EQ(state_check(path, NULL, NULL), OK);
    CHECK_EQ(recovery_read(dir, &told), OK);
    CHECK_STR(told.quarantine, recovery.quarantine);
    CHECK_STR(told.why, "wish");
    CHECK_EQ(recovery_forget(dir, NULL), OK);
    CHECK_EQ(recovery_read(dir, &told), ERR_NOT_FOUND);
}

// A copy that has rotted is passed over for the one before it.
static void rotten_copies_are_passed_over(void) {
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    struct kept kept;
    struct fault fault = {0};
    REQUIRE(store);
    put(store, 1, 50, 1);
    clock_set_for_test(1000000000000);
    CHECK_EQ(keep_make(store, "nightly-1", 0, &kept, &fault), OK);
    put(store, 1, 50, 2);
    clock_set_for_test(1000000100000);
    CHECK_EQ(keep_make(store, "nightly-2", 0, &kept, &fault), OK);
    clock_set_for_test(0);
    store_close(store);
    CHECK_EQ(keep_newest_good(dir, &kept, NULL), OK);
    CHECK_STR(kept.name, "nightly-2");
    scratch_flip(scratch_path(dir, "backups/nightly-2/data.mdb"), kept.bytes / 2, 1);
    CHECK_EQ(keep_verify(dir, "nightly-2", &kept, &fault), ERR_CORRUPT);
    CHECK_STR(fault.code, "backup.copy_bad");
    CHECK_EQ(keep_newest_good(dir, &kept, NULL), OK);
    CHECK_STR(kept.name, "nightly-1");
    scratch_write(scratch_path(dir, "backups/nightly-1/about"), "x", 1);
    CHECK_EQ(keep_newest_good(dir, &kept, NULL), ERR_NOT_FOUND);
}

// ---- damage ----------------------------------------------------------------------------------

static void damage(const char *path) {
    size_t size;
    uint8_t *data = scratch_read(path, &size);
    REQUIRE(data && size >= 4 * PAGE);
    unsigned pages = 1 + (unsigned)(check_random() % 4);
    for (unsigned i = 0; i < pages; i++) {
        size_t page = check_random() % (size / PAGE);
        for (size_t at = 0; at < PAGE; at++) data[page * PAGE + at] = (uint8_t)check_random();
    }
    if (check_random() % 5 == 0) size = check_random() % size; // cut short, too
    scratch_write(path, data, size);
    memory_give(data);
}

// Either what was damaged was in no use and all is there, or it is told, nothing is changed, and
// the copy brings back what it held, the broken state lying aside as it was.
static void damaged_state(void) {
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    struct kept kept;
    struct fault fault = {0};
    struct recovery recovery;
    REQUIRE(store);
    for (uint64_t i = 0; i < 10; i++) put(store, i * 40, 40, i);
    CHECK_EQ(keep_make(store, "nightly-1", 0, &kept, &fault), OK);
    struct sum then = sum_of(store);
    for (uint64_t i = 5; i < 15; i++) put(store, i * 40, 40, i + 1);
    struct sum now = sum_of(store);
    store_close(store);
    char *file = strdup(scratch_path(dir, "state/data.mdb"));
    damage(file);
    size_t broken_size, aside_size;
    uint8_t *broken = scratch_read(file, &broken_size);
    enum err err = store_open(dir, &OPTIONS, &store, &fault);
    if (err == OK) {
        struct sum left = sum_of(store);
        // A record's own bytes may be hit on pages that hold nothing else: told when it is read.
        if (left.wrong == 0) CHECK(left.count == now.count && left.marks == now.marks);
        store_close(store);
    } else {
        CHECK_EQ(err, ERR_CORRUPT);
        CHECK_STR(fault.code, "store.damaged");
        fault = (struct fault){0};
        CHECK_EQ(keep_recover(dir, NULL, "damaged", &recovery, &fault), OK);
        char path[LIMIT_PATH_BYTES];
        snprintf(path, sizeof path, "%s/quarantine/%s/state/data.mdb", dir, recovery.quarantine);
        uint8_t *aside = scratch_read(path, &aside_size);
        CHECK(aside && aside_size == broken_size && memcmp(aside, broken, broken_size) == 0);
        memory_give(aside);
        store = open_at(dir);
        if (CHECK(store != NULL)) {
            struct sum back = sum_of(store);
            CHECK(back.count == then.count && back.marks == then.marks && back.wrong == 0);
            store_close(store);
        }
    }
    memory_give(broken);
    free(file);
}

static void random_damage(void) {
    for (int i = 0; i < DAMAGES; i++) damaged_state();
}

// ---- cuts ------------------------------------------------------------------------------------

// Runs `work` in a process that is killed somewhere in the time that the whole took the last time,
// 0: not known yet, it may end.
static void killed(void (*work)(const char *dir), const char *dir, uint64_t *whole_us) {
    uint64_t from = clock_monotonic_us();
    pid_t child = fork();
    if (child == 0) {
        work(dir);
        _exit(0);
    }
    if (*whole_us) {
        usleep((useconds_t)(check_random() % (*whole_us + *whole_us / 8)));
        kill(child, SIGKILL);
    }
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) *whole_us = clock_monotonic_us() - from;
}

static void recover_work(const char *dir) {
    struct recovery recovery;
    (void)!keep_recover(dir, "nightly-1", "wish", &recovery, NULL);
}

static void make_work(const char *dir) {
    struct store *store = open_at(dir);
    struct kept kept;
    if (!store) _exit(1);
    (void)!keep_make(store, "nightly-2", 0, &kept, NULL);
    _exit(0);
}

static void killed_while_making(void) {
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    struct kept kept, list[8];
    size_t count = 0;
    uint64_t whole_us = 0;
    REQUIRE(store);
    put(store, 1, 500, 1);
    CHECK_EQ(keep_make(store, "nightly-1", 0, &kept, NULL), OK);
    store_close(store);
    for (int i = 0; i < KILLS; i++) {
        killed(make_work, dir, &whole_us);
        CHECK_EQ(keep_list(dir, list, 8, &count, NULL), OK);
        CHECK(count >= 1);
        for (size_t j = 0; j < count; j++) {
            CHECK(list[j].whole);
            CHECK_EQ(keep_verify(dir, list[j].name, &kept, NULL), OK);
        }
        store = open_at(dir);
        REQUIRE(store);
        CHECK_EQ(sum_of(store).count, 500);
        store_close(store);
    }
    store = open_at(dir);
    REQUIRE(store);
    CHECK_EQ(keep_make(store, "nightly-3", 0, &kept, NULL), OK);
    store_close(store);
    CHECK(!file_exists(scratch_path(dir, "backups/nightly-2.part")));
}

static void killed_while_recovering(void) {
    int old = 0, fresh = 0;
    uint64_t whole_us = 0;
    for (int i = 0; i < KILLS; i++) {
        const char *dir = scratch_folder();
        struct store *store = open_at(dir);
        struct kept kept;
        struct recovery told;
        REQUIRE(store);
        put(store, 1, 300, 1);
        (void)blob_add_new(store, "older");
        CHECK_EQ(keep_make(store, "nightly-1", 0, &kept, NULL), OK);
        put(store, 1, 300, 2);
        struct hash later = blob_add_new(store, "later");
        store_close(store);
        killed(recover_work, dir, &whole_us);
        store = open_at(dir);
        REQUIRE(store);
        struct sum sum = sum_of(store);
        CHECK(sum.count == 300 && sum.wrong == 0);
        bool back = recovery_read(dir, &told) == OK;
        CHECK_EQ(sum.marks, back ? 300 : 600);
        char name[BLOB_NAME_SIZE], path[LIMIT_PATH_BYTES];
        blob_name(&later, name);
        CHECK_EQ(file_exists(scratch_path(dir, name)), !back);
        if (back) {
            snprintf(path, sizeof path, "%s/quarantine/%s/%s", dir, told.quarantine, name);
            CHECK(file_exists(path));
            snprintf(path, sizeof path, "%s/quarantine/%s/state", dir, told.quarantine);
            CHECK_EQ(state_check(path, NULL, NULL), OK);
        }
        back ? fresh++ : old++;
        store_close(store);
        CHECK(!file_exists(scratch_path(dir, "state.coming")));
        CHECK(!file_exists(scratch_path(dir, "recovering")));
    }
    CHECK(fresh > 0); // the first is not killed
    printf("killed while recovering: %d as before, %d as the copy\n", old, fresh);
}

// ---- before an update ------------------------------------------------------------------------

struct mark {
    const char *version;
    int more; // than ours, of every table's newest record
};

// As if a program of another version had written the state.
static enum err mark_put(struct store_txn *txn, void *ctx) {
    const struct mark *mark = ctx;
    struct buf fields;
    buf_open(&fields, 8192);
    struct record_writer writer = {&fields};
    record_put_str(&writer, str_of(mark->version));
    record_put_u64(&writer, TABLE_COUNT);
    for (int i = 0; i < TABLE_COUNT; i++) {
        record_put_u64(&writer, table_kind((enum store_table)i));
        record_put_u64(&writer, (uint64_t)(table_newest((enum store_table)i) + mark->more));
    }
    enum err err = store_put(txn, TABLE_META, key_of_str(STR("formats")), 1, &fields);
    buf_close(&fields);
    return err;
}

static void mark_as(struct store *store, const char *version, int more) {
    CHECK_EQ(store_write(store, mark_put, &(struct mark){version, more}), OK);
}

static enum formats_fit fit_of(const char *folder) {
    struct formats formats = {0};
    CHECK_EQ(formats_of_state(folder, &formats, NULL), OK);
    return formats.fit;
}

// Copied before it is written to, so that the older program could read the copy.
static void older_state_is_copied_first(void) {
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    REQUIRE(store);
    put(store, 1, 30, 1);
    mark_as(store, "0.0.1", -1);
    store_close(store);
    CHECK_EQ(fit_of(scratch_path(dir, "state")), FORMATS_OLDER);
    store = open_at(dir);
    REQUIRE(store);
    CHECK_EQ(sum_of(store).count, 30);
    store_close(store);
    CHECK_EQ(fit_of(scratch_path(dir, "state")), FORMATS_SAME);
    CHECK_EQ(fit_of(scratch_path(dir, "backups/before-" COURTYARD_VERSION)), FORMATS_OLDER);
    // Another version of the same formats leaves its name, and no copy.
    CHECK_EQ(folder_remove(scratch_path(dir, "backups"), NULL), OK);
    store = open_at(dir);
    REQUIRE(store);
    mark_as(store, "0.0.2", 0);
    store_close(store);
    CHECK_EQ(fit_of(scratch_path(dir, "state")), FORMATS_RENAMED);
    store_close(open_at(dir));
    CHECK_EQ(fit_of(scratch_path(dir, "state")), FORMATS_SAME);
    CHECK(!file_exists(scratch_path(dir, "backups")));
}

// What "9.9.9" left that was tried: a copy from before it with the datasets 1 to 20, and
// its own state with more.
static const char *tried(bool confirmed) {
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    struct kept kept;
    if (!store) return dir;
    put(store, 1, 20, 1);
    CHECK_EQ(keep_make(store, KEEP_BEFORE "9.9.9", 0, &kept, NULL), OK);
    put(store, 1, 40, 2);
    mark_as(store, "9.9.9", 1);
    store_close(store);
    if (confirmed) scratch_write(scratch_path(dir, "backups/before-9.9.9/confirmed"), "1\n", 2);
    return dir;
}

static enum err open_returned(const char *dir, bool take_back, struct store **out,
                              struct fault *fault) {
    struct store_options options = {.map_bytes = OPTIONS.map_bytes, .take_back = take_back};
    return store_open(dir, &options, out, fault);
}

static void newer_state_is_left_alone(void) {
    for (int i = 0; i < 3; i++) { // not asked; confirmed; the copy has rotted
        const char *dir = tried(i == 1);
        struct store *store = NULL;
        struct fault fault = {0};
        size_t size, same_size;
        if (i == 2) scratch_flip(scratch_path(dir, "backups/before-9.9.9/data.mdb"), 8192, 4);
        uint8_t *before = scratch_read(scratch_path(dir, "state/data.mdb"), &size);
        CHECK_EQ(open_returned(dir, i > 0, &store, &fault), ERR_INPUT);
        CHECK_STR(fault.code, "store.too_new");
        CHECK_STR(fault.detail, "9.9.9");
        uint8_t *after = scratch_read(scratch_path(dir, "state/data.mdb"), &same_size);
        CHECK_BYTES(after, same_size, before, size);
        memory_give(before);
        memory_give(after);
        if (i == 2) continue;
        struct recovery recovery; // a person may, whatever was confirmed
        CHECK_EQ(keep_recover(dir, KEEP_BEFORE "9.9.9", "wish", &recovery, NULL), OK);
        CHECK_EQ(open_returned(dir, false, &store, &fault), OK);
        CHECK_EQ(sum_of(store).count, 20);
        store_close(store);
    }
}

static void failed_trial_is_taken_back(void) {
    const char *dir = tried(false);
    struct store *store = NULL;
    struct recovery told;
    struct fault fault = {0};
    char path[LIMIT_PATH_BYTES];
    REQUIRE(open_returned(dir, true, &store, &fault) == OK);
    CHECK_EQ(sum_of(store).marks, 20);
    put(store, 1, 20, 3);
    store_close(store);
    CHECK_EQ(recovery_read(dir, &told), OK);
    CHECK_STR(told.why, "trial");
    CHECK_STR(told.copy, KEEP_BEFORE "9.9.9");
    snprintf(path, sizeof path, "%s/quarantine/%s/state", dir, told.quarantine);
    CHECK_EQ(fit_of(path), FORMATS_NEWER);
    CHECK_EQ(state_check(path, NULL, NULL), OK);
    CHECK_EQ(open_returned(dir, true, &store, &fault), OK); // once, and then it is ours
    CHECK_EQ(sum_of(store).marks, 60);
    store_close(store);
}

static void bring_up_work(const char *dir) {
    struct store *store = open_at(dir);
    if (store) store_close(store);
}

static void take_back_work(const char *dir) {
    struct store *store;
    struct fault fault = {0};
    if (open_returned(dir, true, &store, &fault) == OK) store_close(store);
}

// One of the two is always whole: what was there, or what it was to become.
static void killed_while_brought_up(void) {
    uint64_t whole_us = 0;
    for (int i = 0; i < KILLS / 2; i++) {
        const char *dir = scratch_folder();
        struct store *store = open_at(dir);
        REQUIRE(store);
        put(store, 1, 200, 1);
        mark_as(store, "0.0.1", -1);
        store_close(store);
        killed(bring_up_work, dir, &whole_us);
        bool ours = fit_of(scratch_path(dir, "state")) == FORMATS_SAME;
        const char *copy = scratch_path(dir, "backups/before-" COURTYARD_VERSION);
        if (ours) CHECK_EQ(fit_of(copy), FORMATS_OLDER);
        store = open_at(dir);
        REQUIRE(store);
        CHECK_EQ(sum_of(store).marks, 200);
        store_close(store);
        CHECK_EQ(fit_of(scratch_path(dir, "backups/before-" COURTYARD_VERSION)), FORMATS_OLDER);
    }
}

static void killed_while_taken_back(void) {
    uint64_t whole_us = 0;
    for (int i = 0; i < KILLS / 2; i++) {
        const char *dir = tried(false);
        struct store *store = NULL;
        struct fault fault = {0};
        struct recovery told;
        killed(take_back_work, dir, &whole_us);
        REQUIRE(open_returned(dir, true, &store, &fault) == OK);
        CHECK_EQ(sum_of(store).marks, 20);
        store_close(store);
        CHECK_EQ(recovery_read(dir, &told), OK);
        char path[LIMIT_PATH_BYTES];
        snprintf(path, sizeof path, "%s/quarantine/%s/state", dir, told.quarantine);
        CHECK_EQ(fit_of(path), FORMATS_NEWER);
        CHECK_EQ(keep_verify(dir, KEEP_BEFORE "9.9.9", &(struct kept){.whole = false}, NULL), OK);
    }
}

// Kept until this version is confirmed, and some time longer.
static void before_copies_go(void) {
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    struct kept kept;
    int64_t now = clock_now_ms();
    REQUIRE(store);
    CHECK_EQ(keep_confirm(dir, NULL), OK); // there is none
    clock_set_for_test(now - (KEEP_BEFORE_DAYS + 1) * (int64_t)86400000);
    CHECK_EQ(keep_make(store, KEEP_BEFORE COURTYARD_VERSION, 0, &kept, NULL), OK);
    CHECK_EQ(keep_make(store, KEEP_BEFORE "9.9.9", 0, &kept, NULL), OK);
    clock_set_for_test(now);
    CHECK_EQ(keep_prune(dir, "", NULL), OK);
    CHECK_EQ(keep_look(dir, KEEP_BEFORE "9.9.9", &kept, NULL), ERR_NOT_FOUND);
    CHECK_EQ(keep_look(dir, KEEP_BEFORE COURTYARD_VERSION, &kept, NULL), OK);
    CHECK_EQ(keep_confirm(dir, NULL), OK);
    CHECK_EQ(keep_confirm(dir, NULL), OK);
    clock_set_for_test(now - 2 * (int64_t)86400000);
    CHECK_EQ(keep_prune(dir, "", NULL), OK);
    CHECK_EQ(keep_look(dir, KEEP_BEFORE COURTYARD_VERSION, &kept, NULL), OK);
    clock_set_for_test(now);
    CHECK_EQ(keep_prune(dir, "", NULL), OK);
    CHECK_EQ(keep_look(dir, KEEP_BEFORE COURTYARD_VERSION, &kept, NULL), ERR_NOT_FOUND);
    clock_set_for_test(0);
    store_close(store);
}

// ---- how the last end was --------------------------------------------------------------------

static enum err closed_mark(const char *dir, uint64_t *out) {
    size_t size = 0;
    uint8_t *text = scratch_read(scratch_path(dir, "closed"), &size);
    bool good = text && str_to_u64(str_trim((struct str){(char *)text, size}), out);
    memory_give(text);
    return good ? OK : ERR_NOT_FOUND;
}

static void mark_of_a_clean_end(void) {
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    uint64_t mark = 0, newest = 0;
    REQUIRE(store);
    put(store, 1, 10, 1);
    store_close(store);
    CHECK_EQ(closed_mark(dir, &mark), OK);
    CHECK(pages_newest_txn(scratch_path(dir, "state/data.mdb"), &newest));
    CHECK_EQ(mark, newest);
    store = open_at(dir);
    REQUIRE(store);
    put(store, 1, 10, 2);
    CHECK(pages_newest_txn(scratch_path(dir, "state/data.mdb"), &newest));
    CHECK(mark < newest);
    store_close(store);
}

int main(void) {
    check_seed();
    log_level_set(LOG_ERROR);
    CHECK_RUN(nights_and_weeks);
    CHECK_RUN(prune_keeps_what_it_should);
    CHECK_RUN(clock_set_back);
    CHECK_RUN(names_stay_inside);
    CHECK_RUN(recovers_the_copy);
    CHECK_RUN(rotten_copies_are_passed_over);
    CHECK_RUN(random_damage);
    CHECK_RUN(killed_while_making);
    CHECK_RUN(killed_while_recovering);
    CHECK_RUN(older_state_is_copied_first);
    CHECK_RUN(newer_state_is_left_alone);
    CHECK_RUN(failed_trial_is_taken_back);
    CHECK_RUN(killed_while_brought_up);
    CHECK_RUN(killed_while_taken_back);
    CHECK_RUN(before_copies_go);
    CHECK_RUN(mark_of_a_clean_end);
    return check_done();
}
