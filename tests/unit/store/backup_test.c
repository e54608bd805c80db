#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "store/archive_private.h"
#include "support/scratch.h"

static const struct store_options OPTIONS = {.map_bytes = 256 << 20};

static struct store *open_at(const char *dir) {
    struct store *store = NULL;
    struct fault fault = {0};
    if (store_open(dir, &OPTIONS, &store, &fault) != OK) {
        fprintf(stderr, "store_open: %s %s\n", fault.code, fault.detail);
    }
    return store;
}

struct addition {
    struct hash hash;
    uint64_t size, id;
};

static enum err add_change(struct store_txn *txn, void *ctx) {
    struct addition *addition = ctx;
    struct audit_entry entry = {.actor = STR("test"), .action = STR("test.add")};
    struct buf fields;
    buf_open(&fields, 1024);
    record_put_hash(&(struct record_writer){&fields}, &addition->hash);
    enum err err = blob_register(txn, &addition->hash, addition->size);
    if (err == OK) err = store_next_id(txn, TABLE_DATASET, &addition->id);
    if (err == OK) err = store_put(txn, TABLE_DATASET, key_of_id(addition->id), 1, &fields);
    if (err == OK) err = audit_append(txn, &entry);
    buf_close(&fields);
    return err;
}

static bool add_blob(struct store *store, const void *data, size_t size, struct hash *out) {
    struct blob_writer *writer;
    struct addition addition;
    if (blob_begin(store, &writer, NULL) != OK) return false;
    if (blob_add(writer, data, size, NULL) != OK) return false;
    if (blob_finish(writer, &addition.hash, &addition.size, NULL) != OK) return false;
    if (out) *out = addition.hash;
    return store_write(store, add_change, &addition) == OK;
}

static void tell(void *ctx, const struct fault *finding) {
    (void)ctx;
    fprintf(stderr, "finding: %s %s\n", finding->code, finding->detail);
}

static uint64_t findings_of(const char *dir) {
    struct store *store = open_at(dir);
    uint64_t findings = 999;
    if (!store) return findings;
    CHECK_EQ(store_check(store, NULL, tell, NULL, &findings), OK);
    store_close(store);
    return findings;
}

// A store with a few blobs (one empty, one of several pieces), secrets, and an unregistered blob.
static const char *filled_store(void) {
    const char *dir = scratch_folder();
    struct store *store = open_at(dir);
    if (!store) return NULL;
    static char big[700001];
    for (size_t i = 0; i < sizeof big; i++) big[i] = (char)check_random();
    CHECK(add_blob(store, "", 0, NULL));
    CHECK(add_blob(store, "small", 5, NULL));
    CHECK(add_blob(store, big, sizeof big, NULL));
    scratch_write(scratch_path(dir, "keys/setup_code"), "abcd", 4);
    CHECK_EQ(mkdir(scratch_path(dir, "keys/deep"), 0700), 0);
    scratch_write(scratch_path(dir, "keys/deep/key"), "k", 1);
    scratch_write(scratch_path(dir, "tls/server.pem"), "pem", 3);
    store_close(store);
    return dir;
}

static uint64_t count_of(const char *dir, enum store_table table) {
    struct store *store = open_at(dir);
    struct store_txn *txn;
    uint64_t count = 999;
    if (store && store_read_begin(store, &txn) == OK) {
        count = store_count(txn, table);
        store_read_end(txn);
    }
    store_close(store);
    return count;
}

static void whole_way(void) {
    const char *dir = filled_store(), *away = scratch_folder();
    REQUIRE(dir);
    char archive[1024], back[1024];
    snprintf(archive, sizeof archive, "%s/a.tar", away);
    snprintf(back, sizeof back, "%s/back", away);
    struct fault fault = {0};
    CHECK_EQ(store_backup(dir, archive, NULL, &fault), OK);
    CHECK_STR(fault.code, "");
    struct stat about;
    CHECK_EQ(stat(archive, &about), 0);
    CHECK_EQ(about.st_mode & 0777, 0600);
    CHECK_EQ(about.st_size % 512, 0);
    CHECK_EQ(store_restore(archive, back, NULL, &fault), OK);
    CHECK_STR(fault.code, "");
    CHECK_EQ(findings_of(back), 0);
    CHECK_EQ(count_of(back, TABLE_BLOB), 3);
    CHECK_EQ(count_of(back, TABLE_AUDIT), 3);
    static const char *const secrets[] = {"keys/setup_code", "keys/deep/key", "tls/server.pem"};
    for (size_t i = 0; i < 3; i++) {
        size_t was_size, is_size;
        uint8_t *was = scratch_read(scratch_path(dir, secrets[i]), &was_size);
        uint8_t *is = scratch_read(scratch_path(back, secrets[i]), &is_size);
        CHECK(was && is);
        CHECK_BYTES(is, is_size, was, was_size);
        CHECK_EQ(stat(scratch_path(back, secrets[i]), &about), 0);
        CHECK_EQ(about.st_mode & 0777, 0600);
        memory_give(was);
        memory_give(is);
    }
    // Not over what is there, neither way.
    fault = (struct fault){0};
    CHECK_EQ(store_restore(archive, back, NULL, &fault), ERR_CONFLICT);
    CHECK_STR(fault.code, "backup.not_empty");
    fault = (struct fault){0};
    CHECK_EQ(store_backup(dir, archive, NULL, &fault), ERR_CONFLICT);
    CHECK_STR(fault.code, "base.file_exists");
    CHECK(!file_exists(scratch_path(away, "a.tar.part")));
}

static void other_tar_reads_it(void) {
    const char *dir = filled_store(), *away = scratch_folder();
    REQUIRE(dir);
    char archive[1024], command[4096];
    snprintf(archive, sizeof archive, "%s/a.tar", away);
    REQUIRE(store_backup(dir, archive, NULL, NULL) == OK);
    snprintf(command, sizeof command,
             "cd %s && tar xf a.tar 2>tar.log && test ! -s tar.log && "
             "awk '{print $1 \"  \" $3}' manifest | sha256sum --quiet -c && "
             "test $(wc -l <manifest) = 8 && cmp keys/setup_code %s/keys/setup_code",
             away, dir);
    CHECK_EQ(system(command), 0);
}

// Each byte of the archive matters: with one bit turned it is refused, or the same comes out.
static void damaged_archives_are_refused(void) {
    const char *dir = filled_store(), *away = scratch_folder();
    REQUIRE(dir);
    char archive[1024], back[1024];
    snprintf(archive, sizeof archive, "%s/a.tar", away);
    snprintf(back, sizeof back, "%s/back", away);
    REQUIRE(store_backup(dir, archive, NULL, NULL) == OK);
    size_t size;
    uint8_t *whole = scratch_read(archive, &size);
    REQUIRE(whole);
    unsigned refused = 0;
    for (int i = 0; i < 60; i++) {
        uint64_t at = check_below(size);
        scratch_flip(archive, at, (uint8_t)(1 << check_below(8)));
        struct fault fault = {0};
        enum err err = store_restore(archive, back, NULL, &fault);
        if (err == OK) {
            CHECK_EQ(findings_of(back), 0); // padding, or a time
            CHECK_EQ(folder_remove(back, NULL), OK);
        } else {
            CHECK(fault.code[0] != '\0');
            refused++;
        }
        CHECK(!file_exists(back));
        CHECK(!file_exists(scratch_path(away, "back.restoring")));
        scratch_write(archive, whole, size);
    }
    CHECK(refused > 40);
    for (int i = 0; i < 20; i++) {
        size_t cut = check_below(size);
        scratch_write(archive, whole, cut);
        struct fault fault = {0};
        CHECK(store_restore(archive, back, NULL, &fault) != OK);
        CHECK(!file_exists(back));
    }
    memory_give(whole);
}

struct evil {
    int fd;
};
static enum err evil_write(void *ctx, const void *data, size_t size) {
    return file_write_all(((struct evil *)ctx)->fd, data, size, NULL);
}

static void evil_paths_are_refused(void) {
    static const char *const paths[] = {
        "../evil",
        "/etc/evil",
        "keys/../../evil",
        "keys/.ssh",
        "keys/",
        "state/lock.mdb",
        "blobs/ab/evil",
        "keys",
        "jobs/1/spec.json",
        "keys//a",
        "blobs/00/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *away = scratch_folder();
        char archive[1024];
        snprintf(archive, sizeof archive, "%s/a.tar", away);
        struct evil evil = {open(archive, O_WRONLY | O_CREAT, 0600)};
        struct tar_writer tar = {.write = evil_write, .ctx = &evil};
        struct str format = STR(ARCHIVE_FORMAT);
        CHECK_EQ(tar_write_entry(&tar, STR(ARCHIVE_FORMAT_PATH), format.size, 0600, 0), OK);
        CHECK_EQ(tar_write_data(&tar, format.data, format.size), OK);
        CHECK_EQ(tar_write_entry(&tar, str_of(paths[i]), 1, 0600, 0), OK);
        CHECK_EQ(tar_write_data(&tar, "x", 1), OK);
        CHECK_EQ(tar_write_end(&tar), OK);
        close(evil.fd);
        struct fault fault = {0};
        CHECK_EQ(store_restore(archive, scratch_path(away, "back"), NULL, &fault), ERR_INPUT);
        CHECK_STR(fault.code, "backup.path_refused");
        CHECK_STR(fault.detail, paths[i]);
        CHECK(!file_exists(scratch_path(away, "evil")));
    }
}

static void not_an_archive(void) {
    const char *away = scratch_folder();
    struct fault fault = {0};
    scratch_write(scratch_path(away, "a.tar"), "hello", 5);
    CHECK_EQ(store_restore(scratch_path(away, "a.tar"), scratch_path(away, "b"), NULL, &fault),
             ERR_INPUT);
    CHECK_STR(fault.code, "backup.not_an_archive");
}

static void missing_blob_is_said(void) {
    const char *dir = filled_store(), *away = scratch_folder();
    REQUIRE(dir);
    struct store *store = open_at(dir);
    struct hash hash;
    char path[1024];
    REQUIRE(store && add_blob(store, "will vanish", 11, &hash));
    CHECK_EQ(blob_path(store, &hash, path, sizeof path, NULL), OK);
    store_close(store);
    unlink(path);
    struct fault fault = {0};
    CHECK_EQ(store_backup(dir, scratch_path(away, "a.tar"), NULL, &fault), ERR_CORRUPT);
    CHECK_STR(fault.code, "backup.blob_damaged");
    CHECK(!file_exists(scratch_path(away, "a.tar")));
}

// ---- while a server writes -------------------------------------------------------------------

struct load {
    struct store *store;
    atomic_bool stop;
    atomic_uint_fast64_t added;
    unsigned failures;
};

static void *load_main(void *argument) {
    struct load *load = argument;
    for (unsigned i = 0; !atomic_load(&load->stop); i++) {
        char text[64];
        int size = snprintf(text, sizeof text, "blob %u of %p", i, (void *)&text);
        if (!add_blob(load->store, text, (size_t)size, NULL)) load->failures++;
        atomic_fetch_add(&load->added, 1);
    }
    return NULL;
}

static void while_writing(void) {
    const char *dir = filled_store(), *away = scratch_folder();
    REQUIRE(dir);
    struct load load = {.store = open_at(dir)};
    REQUIRE(load.store);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, load_main, &load);
    for (int i = 0; i < 3; i++) {
        char archive[1024], back[1024];
        snprintf(archive, sizeof archive, "%s/%d.tar", away, i);
        snprintf(back, sizeof back, "%s/%d", away, i);
        uint64_t before = atomic_load(&load.added);
        while (atomic_load(&load.added) < before + 5) usleep(1000);
        struct fault fault = {0};
        CHECK_EQ(store_backup(dir, archive, NULL, &fault), OK);
        uint64_t removed;
        CHECK_EQ(store_sweep(load.store, 3600 * 1000, &removed), OK);
        CHECK_EQ(store_restore(archive, back, NULL, &fault), OK);
        CHECK_STR(fault.code, "");
        CHECK(count_of(back, TABLE_DATASET) >= 3 + before);
    }
    atomic_store(&load.stop, true);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CHECK_EQ(load.failures, 0);
    store_close(load.store);
}

static void beside_another_process(void) {
    const char *dir = filled_store(), *away = scratch_folder();
    REQUIRE(dir);
    int ready[2], end[2];
    REQUIRE(pipe(ready) == 0 && pipe(end) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct store *store = open_at(dir);
        char byte = store && !store->alone ? 'y' : 'n';
        close(end[1]);
        (void)!write(ready[1], &byte, 1);
        (void)!read(end[0], &byte, 1);
        _exit(0);
    }
    char byte = 0;
    CHECK_EQ(read(ready[0], &byte, 1), 1);
    struct fault fault = {0};
    enum err err = store_backup(dir, scratch_path(away, "a.tar"), NULL, &fault);
    // Where the system has no robust mutexes a second process may not look.
    if (byte == 'y')
        CHECK_EQ(err, OK);
    else
        CHECK_STR(fault.code, "store.in_use");
    struct store *second = NULL;
    fault = (struct fault){0};
    CHECK_EQ(store_open(dir, &OPTIONS, &second, &fault), ERR_BUSY);
    CHECK_STR(fault.code, "store.in_use");
    close(end[1]);
    close(end[0]);
    close(ready[0]);
    close(ready[1]);
}

// ---- tar -------------------------------------------------------------------------------------

static void tar_sizes_beyond_octal(void) {
    const char *away = scratch_folder();
    const uint64_t sizes[] = {0, 511, 512, 8589934591, 8589934592, (uint64_t)5 << 40};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const char *path = scratch_path(away, "t.tar");
        struct evil evil = {open(path, O_RDWR | O_CREAT | O_TRUNC, 0600)};
        struct tar_writer writer = {.write = evil_write, .ctx = &evil};
        CHECK_EQ(tar_write_entry(&writer, STR("state/data.mdb"), sizes[i], 0600, 0), OK);
        CHECK_EQ(lseek(evil.fd, 0, SEEK_SET), 0);
        struct tar_reader reader = {.fd = evil.fd};
        struct tar_entry entry = {.size = 1};
        CHECK_EQ(tar_read_entry(&reader, &entry), OK);
        CHECK_EQ(entry.size, sizes[i]);
        CHECK_STR(entry.path, "state/data.mdb");
        close(evil.fd);
    }
}

int main(void) {
    CHECK_RUN(tar_sizes_beyond_octal);
    CHECK_RUN(whole_way);
    CHECK_RUN(other_tar_reads_it);
    CHECK_RUN(damaged_archives_are_refused);
    CHECK_RUN(evil_paths_are_refused);
    CHECK_RUN(not_an_archive);
    CHECK_RUN(missing_blob_is_said);
    CHECK_RUN(while_writing);
    CHECK_RUN(beside_another_process);
    return check_done();
}
