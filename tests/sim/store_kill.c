// The store under load is killed (SIGKILL) at 200 random moments. After each kill everything that
// was acknowledged must be there, the audit chain whole, every blob as its name says, and the store
// must open for the next round. Some kills fall on a backup, some on the very first opening.
//
// The child's writers tell the parent over a pipe what has been committed: eight bytes, written in
// one go, after store_write has returned OK. The seed is printed; COURTYARD_SEED repeats the
// choices, though not the timing.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "store/store.h"
#include "support/scratch.h"

enum { KILLS = 200, WRITERS = 4, ROUNDS_A_FOLDER = 20 };

static const struct store_options OPTIONS = {.map_bytes = 1 << 30};

// ---- the child -------------------------------------------------------------------------------

struct writer {
    struct store *store;
    int pipe;
    uint64_t number, seed;
};

struct change {
    uint64_t id, size;
    struct hash hash;
};

static enum err make_change(struct store_txn *txn, void *ctx) {
    struct change *change = ctx;
    struct buf fields;
    buf_open(&fields, 1 << 16);
    struct record_writer writer = {&fields};
    char object[64], name[64];
    enum err err = store_next_id(txn, TABLE_DATASET, &change->id);
    snprintf(object, sizeof object, "dataset/%" PRIu64, change->id);
    snprintf(name, sizeof name, "dataset/name/%" PRIu64, change->id);
    record_put_u64(&writer, change->id);
    record_put_hash(&writer, &change->hash);
    if (err == OK) err = store_put(txn, TABLE_DATASET, key_of_id(change->id), 1, &fields);
    if (err == OK) err = index_put(txn, str_of(name), change->id);
    if (err == OK) err = blob_register(txn, &change->hash, change->size);
    struct audit_entry entry = {.actor = STR("writer"),
                                .action = STR("dataset.make"),
                                .object = str_of(object),
                                .result = STR("ok")};
    if (err == OK) err = audit_append(txn, &entry);
    buf_close(&fields);
    return err;
}

static void *write_on(void *argument) {
    struct writer *writer = argument;
    static const char filling[40000];
    for (uint64_t i = 0;; i++) {
        uint64_t content[2] = {writer->seed, writer->number << 32 | i};
        struct change change;
        struct blob_writer *blob;
        if (blob_begin(writer->store, &blob, NULL) != OK) _exit(3);
        if (blob_add(blob, content, sizeof content, NULL) != OK) _exit(3);
        if (blob_add(blob, filling, i % 7 * 5000, NULL) != OK) _exit(3);
        if (blob_finish(blob, &change.hash, &change.size, NULL) != OK) _exit(3);
        if (store_write(writer->store, make_change, &change) != OK) _exit(4);
        if (write(writer->pipe, &change.id, sizeof change.id) != sizeof change.id) _exit(5);
        if (i % 8 == 7) {
            uint64_t removed;
            (void)!store_sweep(writer->store, 60 * 1000, &removed);
        }
    }
    return NULL;
}

static enum err drop(void *ctx, const void *data, size_t size) {
    (void)ctx;
    (void)data;
    (void)size;
    return OK;
}

static void child(const char *dir, int pipe, uint64_t seed) {
    struct store *store;
    struct fault fault = {0};
    if (store_open(dir, &OPTIONS, &store, &fault) != OK) {
        fprintf(stderr, "child: %s %s\n", fault.code, fault.detail);
        _exit(2);
    }
    struct writer writers[WRITERS];
    for (uint64_t i = 0; i < WRITERS; i++) {
        pthread_t thread;
        writers[i] = (struct writer){store, pipe, i, seed};
        if (pthread_create(&thread, NULL, write_on, &writers[i]) != 0) _exit(6);
    }
    for (;;) {
        if (seed % 4 == 0)
            (void)!store_backup_stream(dir, drop, NULL, NULL, NULL);
        else
            usleep(100000);
    }
}

// ---- the parent ------------------------------------------------------------------------------

static void tell(void *ctx, const struct fault *finding) {
    (void)ctx;
    CHECK(finding->code[0] == '\0');
    fprintf(stderr, "finding: %s %s\n", finding->code, finding->detail);
}

static bool is_there(struct store_txn *txn, uint64_t id) {
    struct record_reader record;
    return store_get(txn, TABLE_DATASET, key_of_id(id), &record) == OK &&
           record_get_u64(&record) == id && record_end(&record) == OK;
}

static void verify(const char *dir, const uint64_t *acknowledged, size_t count, bool everything) {
    struct store *store = NULL;
    struct store_txn *txn;
    struct fault fault = {0};
    enum err err = store_open(dir, &OPTIONS, &store, &fault);
    CHECK_STR(fault.code, "");
    REQUIRE(err == OK);
    REQUIRE(store_read_begin(store, &txn) == OK);
    size_t lost = 0;
    for (size_t i = 0; i < count; i++) lost += !is_there(txn, acknowledged[i]);
    CHECK_EQ(lost, 0);
    uint64_t entries = 0, findings = 0;
    struct hash head;
    CHECK_EQ(audit_verify(txn, &entries, &head, &fault), OK);
    // Each change made one record, one index entry and one audit entry, or none of them.
    CHECK_EQ(store_count(txn, TABLE_DATASET), entries);
    CHECK_EQ(store_count(txn, TABLE_INDEX), entries);
    CHECK_EQ(store_count(txn, TABLE_BLOB), entries);
    CHECK(entries >= count);
    store_read_end(txn);
    if (everything) {
        CHECK_EQ(store_check(store, NULL, tell, NULL, &findings), OK);
        CHECK_EQ(findings, 0);
        CHECK_EQ(access(scratch_path(dir, "temp"), F_OK), 0);
    }
    store_close(store);
}

struct folder {
    const char *dir;
    uint64_t acknowledged[1 << 20];
    size_t count;
};

// Lets a child write for a random while, kills it, and takes what it told.
static void kill_once(struct folder *folder, uint64_t delay_us) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    uint64_t seed = check_random();
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child(folder->dir, ends[1], seed);
    }
    close(ends[1]);
    if (pid < 0) {
        CHECK(pid >= 0);
        close(ends[0]);
        return;
    }
    // 64 KiB of pipe hold eight thousand acknowledgements: more than there is time for.
    usleep((useconds_t)delay_us);
    kill(pid, SIGKILL);
    int status = 0;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status)); // it did not end by itself
    uint64_t id;
    while (read(ends[0], &id, sizeof id) == sizeof id) {
        if (folder->count < sizeof folder->acknowledged / sizeof id) {
            folder->acknowledged[folder->count++] = id;
        }
    }
    close(ends[0]);
}

static void killed_at_random(void) {
    static struct folder folder;
    size_t total = 0;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < KILLS; i++) {
        if (i % ROUNDS_A_FOLDER == 0) {
            total += folder.count;
            folder.count = 0;
            folder.dir = scratch_folder();
        }
        // Short ones fall on the opening and the first commits, long ones on a busy store.
        uint64_t delay_us = check_below(4) ? 2000 + check_below(120000) : check_below(8000);
        kill_once(&folder, delay_us);
        verify(folder.dir, folder.acknowledged, folder.count,
               i % ROUNDS_A_FOLDER == ROUNDS_A_FOLDER - 1);
        if (check.wrong) break;
    }
    total += folder.count;
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%d kills, %zu acknowledged changes, %ld s\n", KILLS, total,
           (long)(to.tv_sec - from.tv_sec));
    CHECK(total > KILLS); // it was under load
}

int main(void) {
    check_seed();
    printf("seed %" PRIu64 "\n", check.seed);
    CHECK_RUN(killed_at_random);
    return check_done();
}
