// Blobs, the audit chain, and the check that looks at everything: each kind of damage is made on
// purpose and must be told.
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "store/store_private.h"
#include "support/scratch.h"

static const struct store_options OPTIONS = {.map_bytes = 256 << 20};
static const char *dir;
static struct store *store;

static void begin(void) {
    struct fault fault = {0};
    if (!store) dir = scratch_folder();
    store_close(store);
    store = NULL;
    CHECK_EQ(store_open(dir, &OPTIONS, &store, &fault), OK);
}

static void end(void) {
    store_close(store);
    store = NULL;
}

// ---- blobs -----------------------------------------------------------------------------------

static struct hash make_blob(const char *text, size_t pieces) {
    struct blob_writer *writer;
    struct hash hash = {{0}};
    uint64_t size = 0;
    CHECK_EQ(blob_begin(store, &writer, NULL), OK);
    for (size_t i = 0; i < pieces; i++) {
        CHECK_EQ(blob_add(writer, text, strlen(text), NULL), OK);
    }
    CHECK_EQ(blob_finish(writer, &hash, &size, NULL), OK);
    CHECK_EQ(size, strlen(text) * pieces);
    return hash;
}

struct reference {
    struct hash hash;
    uint64_t size;
    int registers, forgets;
};

static enum err refer(struct store_txn *txn, void *ctx) {
    const struct reference *reference = ctx;
    enum err err = OK;
    for (int i = 0; i < reference->registers && err == OK; i++) {
        err = blob_register(txn, &reference->hash, reference->size);
    }
    for (int i = 0; i < reference->forgets && err == OK; i++) {
        err = blob_forget(txn, &reference->hash);
    }
    return err;
}

static enum err change_references(struct hash hash, uint64_t size, int registers, int forgets) {
    return store_write(store, refer, &(struct reference){hash, size, registers, forgets});
}

static const char *blob_file(struct hash hash) {
    static char path[LIMIT_PATH_BYTES];
    struct fault fault = {0};
    enum err err = blob_path(store, &hash, path, sizeof path, &fault);
    if (err != OK) CHECK_STR(fault.code, "blob.missing");
    return err == OK ? path : NULL;
}

static void blobs_are_what_they_are_called(void) {
    begin();
    char text[3000];
    memset(text, 'b', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t pieces = 0; pieces < 300; pieces += 99) {
        struct hash hash = make_blob(text, pieces);
        size_t size;
        uint8_t *data = scratch_read(blob_file(hash), &size);
        REQUIRE(data);
        struct hash want = sha256_of(data, size);
        CHECK(hash_equal(&hash, &want));
        CHECK_EQ(size, pieces * (sizeof text - 1));
        struct stat about;
        CHECK_EQ(stat(blob_file(hash), &about), 0);
        CHECK_EQ(about.st_mode & 0777, 0400);
        memory_give(data);
    }
    struct blob_writer *writer;
    CHECK_EQ(blob_begin(store, &writer, NULL), OK);
    CHECK_EQ(blob_add(writer, "given up", 8, NULL), OK);
    blob_abandon(writer);
    CHECK_EQ(rmdir(scratch_path(dir, "temp")), 0); // empty
    CHECK_EQ(mkdir(scratch_path(dir, "temp"), 0700), 0);
    end();
}

static void files_are_taken(void) {
    begin();
    const char *path = scratch_path(dir, "jobs/out");
    struct hash hash, want = sha256_of("taken", 5);
    uint64_t size;
    struct progress progress = {0};
    scratch_write(path, "taken", 5);
    CHECK_EQ(blob_take_file(store, path, &progress, &hash, &size, NULL), OK);
    CHECK(hash_equal(&hash, &want));
    CHECK_EQ(size, 5);
    CHECK_EQ(progress.done, 5);
    CHECK(!file_exists(path));
    CHECK(blob_file(hash));
    struct fault fault = {0};
    CHECK_EQ(blob_take_file(store, path, NULL, &hash, &size, &fault), ERR_NOT_FOUND);
    CHECK(blob_take_file(store, dir, NULL, &hash, &size, NULL) != OK);
    scratch_write(path, "kept", 4);
    atomic_store(&progress.cancel, 1);
    CHECK_EQ(blob_take_file(store, path, &progress, &hash, &size, NULL), ERR_CANCELLED);
    CHECK(file_exists(path));
    end();
}

static void sweep_takes_what_nobody_names(void) {
    begin();
    struct hash kept = make_blob("kept", 1), twice = make_blob("twice", 1);
    struct hash loose = make_blob("loose", 1);
    CHECK_EQ(change_references(kept, 4, 1, 0), OK);
    CHECK_EQ(change_references(twice, 5, 2, 1), OK);
    CHECK_EQ(change_references(twice, 6, 1, 0), ERR_CORRUPT); // another size
    uint64_t removed = 99;
    CHECK_EQ(store_sweep(store, 60000, &removed), OK);
    CHECK_EQ(removed, 0); // all are young
    int hold;
    CHECK_EQ(blob_hold(dir, true, true, &hold), OK); // as a backup does
    CHECK_EQ(store_sweep(store, 0, &removed), OK);
    CHECK_EQ(removed, 0);
    close(hold);
    CHECK_EQ(store_sweep(store, 0, &removed), OK);
    CHECK_EQ(removed, 1);
    CHECK(blob_file(kept) && blob_file(twice));
    CHECK(!blob_file(loose));
    CHECK_EQ(change_references(twice, 5, 0, 1), OK);
    CHECK_EQ(change_references(twice, 5, 0, 1), ERR_NOT_FOUND);
    CHECK_EQ(store_sweep(store, 0, &removed), OK);
    CHECK_EQ(removed, 1);
    CHECK(!blob_file(twice));
    end();
}

static enum err drop_change(struct store_txn *txn, void *ctx) {
    return blob_drop(txn, ctx);
}

// What a person deletes makes room at once, unless somebody is about to name it or a backup reads.
static void dropped_files_go_at_once(void) {
    begin();
    struct hash one = make_blob("one", 1), two = make_blob("two", 1), three = make_blob("three", 1);
    CHECK_EQ(change_references(one, 3, 2, 0), OK);
    CHECK_EQ(store_write_freeing(store, drop_change, &one), OK);
    CHECK(blob_file(one)); // another record names it
    CHECK_EQ(store_write_freeing(store, drop_change, &one), OK);
    CHECK(!blob_file(one));
    CHECK_EQ(store_write_freeing(store, drop_change, &one), ERR_NOT_FOUND);
    // The same content once more, renamed and not yet registered.
    CHECK_EQ(change_references(two, 3, 1, 0), OK);
    two = make_blob("two", 1);
    CHECK_EQ(store_write_freeing(store, drop_change, &two), OK);
    CHECK(blob_file(two));
    CHECK_EQ(change_references(two, 3, 1, 0), OK);
    CHECK_EQ(store_write_freeing(store, drop_change, &two), OK);
    CHECK(!blob_file(two));
    int hold;
    CHECK_EQ(change_references(three, 5, 1, 0), OK);
    CHECK_EQ(blob_hold(dir, true, true, &hold), OK); // as a backup does
    CHECK_EQ(store_write_freeing(store, drop_change, &three), OK);
    CHECK(blob_file(three));
    close(hold);
    uint64_t removed = 0;
    CHECK_EQ(store_sweep(store, 0, &removed), OK);
    CHECK_EQ(removed, 1);
    // More than the store keeps in mind: then a sweep has to come.
    static char names[BLOB_PENDING_MAX + 1][24];
    for (int i = 0; i <= BLOB_PENDING_MAX; i++) {
        snprintf(names[i], sizeof names[i], "many %d", i);
        (void)make_blob(names[i], 1);
    }
    one = make_blob("one", 1);
    CHECK_EQ(change_references(one, 3, 1, 0), OK);
    CHECK_EQ(store_write_freeing(store, drop_change, &one), OK);
    CHECK(blob_file(one));
    end();
}

static int blob_step(void *ctx) {
    struct blob_writer *writer = NULL;
    struct hash hash;
    uint64_t size;
    struct fault fault = {0};
    (void)ctx;
    enum err err = blob_begin(store, &writer, &fault);
    if (err == OK) err = blob_add(writer, "x", 1, &fault);
    if (err == OK) err = blob_finish(writer, &hash, &size, &fault);
    memory_fail_after(UINT64_MAX);
    CHECK(err == OK || err == ERR_MEMORY);
    return err != OK;
}

static void blob_without_memory(void) {
    begin();
    CHECK(check_faults(memory_fail_after, blob_step, NULL) >= 1);
    end();
}

// ---- audit -----------------------------------------------------------------------------------

static enum err append(struct store_txn *txn, void *ctx) {
    struct audit_entry entry = {.actor = STR("wang"),
                                .action = STR("dataset.import"),
                                .object = STR("dataset/1"),
                                .result = STR("ok"),
                                .detail = str_of(ctx)};
    return audit_append(txn, &entry);
}

static void append_some(int count) {
    for (int i = 0; i < count; i++) {
        char detail[16];
        snprintf(detail, sizeof detail, "%d", i);
        CHECK_EQ(store_write(store, append, detail), OK);
    }
}

static bool count_down(void *ctx, const struct audit_entry *entry) {
    uint64_t *next = ctx;
    CHECK_EQ(entry->sequence, *next);
    return --*next > 0;
}

static void chain_holds(void) {
    begin();
    append_some(20);
    struct store_txn *txn;
    uint64_t count, next = 20;
    struct hash head, again;
    REQUIRE(store_read_begin(store, &txn) == OK);
    CHECK_EQ(audit_verify(txn, &count, &head, NULL), OK);
    CHECK_EQ(count, 20);
    CHECK_EQ(audit_scan(txn, 0, count_down, &next), OK);
    CHECK_EQ(next, 0);
    next = 4;
    CHECK_EQ(audit_scan(txn, 5, count_down, &next), OK);
    CHECK_EQ(next, 0);
    CHECK_EQ(audit_scan(txn, 1, count_down, &next), OK); // nothing before the first
    store_read_end(txn);
    append_some(1);
    REQUIRE(store_read_begin(store, &txn) == OK);
    CHECK_EQ(audit_verify(txn, &count, &again, NULL), OK);
    CHECK_EQ(count, 21);
    CHECK(!hash_equal(&head, &again));
    store_read_end(txn);
    end();
}

// What somebody with the program's own means could do to the chain.
struct tamper {
    enum { ALTER, REHASH, REMOVE, SWAP, CUT_END, FORGE_END } what;
    uint64_t sequence;
};

static bool take_fields(void *ctx, struct str key, struct record_reader *record) {
    struct buf *fields = ctx;
    (void)key;
    buf_add_str(fields, record->rest);
    return false;
}

static enum err tamper_change(struct store_txn *txn, void *ctx) {
    const struct tamper *tamper = ctx;
    struct key key = key_of_id(tamper->sequence), other = key_of_id(tamper->sequence + 1);
    struct buf fields, more;
    buf_open(&fields, 8192);
    buf_open(&more, 8192);
    enum err err = store_scan(txn, TABLE_AUDIT, key, false, take_fields, &fields);
    if (err == OK) err = store_scan(txn, TABLE_AUDIT, other, false, take_fields, &more);
    char *name = err == OK ? memmem(fields.data, fields.size, "wang", 4) : NULL;
    switch (tamper->what) {
    case ALTER:
        CHECK(name != NULL);
        if (name) name[0] = 'y';
        if (err == OK) err = store_put(txn, TABLE_AUDIT, key, 1, &fields);
        break;
    case REHASH: // with a hash that fits what it says now: only the next entry can tell
        CHECK(name != NULL && fields.size > SHA256_BYTES + 1);
        if (!name) break;
        name[0] = 'y';
        size_t hashed = fields.size - SHA256_BYTES - 1;
        struct hash hash = sha256_of(fields.data, hashed);
        memcpy(fields.data + hashed + 1, hash.bytes, sizeof hash.bytes);
        if (err == OK) err = store_put(txn, TABLE_AUDIT, key, 1, &fields);
        break;
    case SWAP:
        if (err == OK) err = store_put(txn, TABLE_AUDIT, key, 1, &more);
        if (err == OK) err = store_put(txn, TABLE_AUDIT, other, 1, &fields);
        break;
    case FORGE_END: err = store_put(txn, TABLE_AUDIT, other, 1, &fields); break;
    case REMOVE:
    case CUT_END: err = store_delete(txn, TABLE_AUDIT, key); break;
    }
    buf_close(&fields);
    buf_close(&more);
    return err;
}

static void tampering_is_seen(void) {
    static const struct {
        struct tamper tamper;
        uint64_t broken_at;
    } cases[] = {{{ALTER, 1}, 1},     {{ALTER, 10}, 10},    {{ALTER, 20}, 20}, {{REHASH, 9}, 10},
                 {{REHASH, 20}, 21},  {{REMOVE, 1}, 1},     {{REMOVE, 7}, 7},  {{SWAP, 5}, 5},
                 {{CUT_END, 20}, 20}, {{FORGE_END, 20}, 21}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin();
        append_some(20);
        struct tamper tamper = cases[i].tamper;
        CHECK_EQ(store_write(store, tamper_change, &tamper), OK);
        struct store_txn *txn;
        uint64_t count;
        struct hash head;
        struct fault fault = {0};
        REQUIRE(store_read_begin(store, &txn) == OK);
        CHECK_EQ(audit_verify(txn, &count, &head, &fault), ERR_CORRUPT);
        CHECK_STR(fault.code, "audit.broken");
        CHECK_EQ(fault.row, cases[i].broken_at);
        store_read_end(txn);
        end();
    }
}

// ---- read again ------------------------------------------------------------------------------
static bool any_fits(void *ctx, enum store_table table, struct str key,
                     struct record_reader *record) {
    (void)ctx;
    (void)table;
    (void)key;
    return record_fields_fit(record);
}

static void keep_finding(void *ctx, const struct fault *finding) {
    *(struct fault *)ctx = *finding;
}

// The finding of the chain in the whole store read again; code "": none.
static struct fault read_again(void) {
    struct fault finding = {0};
    struct store_reread how = {.fits = any_fits, .tell = keep_finding, .ctx = &finding};
    uint64_t records, findings;
    CHECK_EQ(store_reread(store, &how, &records, &findings), OK);
    CHECK_EQ(findings, finding.code[0] != 0);
    return finding;
}

static enum err append_many(struct store_txn *txn, void *ctx) {
    char detail[] = "many";
    enum err err = OK;
    for (int i = 0; i < *(const int *)ctx && err == OK; i++) err = append(txn, detail);
    return err;
}

// More than one transaction of reading (256), broken within each and where they meet.
static void reading_again_sees_tampering(void) {
    static const struct {
        struct tamper tamper;
        uint64_t broken_at;
    } cases[] = {{{ALTER, 1}, 1},       {{REHASH, 255}, 256}, {{REHASH, 256}, 257},
                 {{REMOVE, 256}, 256},  {{REMOVE, 257}, 257}, {{SWAP, 300}, 300},
                 {{CUT_END, 512}, 512}, {{REHASH, 512}, 513}, {{FORGE_END, 512}, 513}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int count = 512;
        begin();
        CHECK_STR(read_again().code, ""); // no entries at all
        CHECK_EQ(store_write(store, append_many, &count), OK);
        CHECK_STR(read_again().code, "");
        struct tamper tamper = cases[i].tamper;
        CHECK_EQ(store_write(store, tamper_change, &tamper), OK);
        struct fault finding = read_again();
        CHECK_STR(finding.code, "audit.broken");
        CHECK_EQ(finding.row, cases[i].broken_at);
        end();
    }
}

static void *append_beside(void *argument) {
    int count = 40;
    (void)argument;
    for (int i = 0; i < 60; i++) CHECK_EQ(store_write(store, append_many, &count), OK);
    return NULL;
}

static void a_chain_that_grows_meanwhile_is_whole(void) {
    pthread_t thread;
    begin();
    REQUIRE(pthread_create(&thread, NULL, append_beside, NULL) == 0);
    for (int i = 0; i < 20; i++) CHECK_STR(read_again().code, "");
    pthread_join(thread, NULL);
    CHECK_STR(read_again().code, "");
    end();
}

// ---- the check -------------------------------------------------------------------------------

static char told[32][FAULT_CODE_SIZE + FAULT_DETAIL_SIZE];
static uint64_t told_count;

static void tell(void *ctx, const struct fault *finding) {
    (void)ctx;
    if (told_count < 32) {
        snprintf(told[told_count], sizeof told[0], "%s %s", finding->code, finding->detail);
    }
    told_count++;
}

static void expect(const char *first) {
    uint64_t findings = 99;
    told_count = 0;
    CHECK_EQ(store_check(store, NULL, tell, NULL, &findings), OK);
    CHECK_EQ(findings, first ? 1 : 0);
    CHECK_EQ(told_count, findings);
    if (first) CHECK_STR(told_count ? told[0] : "", first);
}

static enum err dangle(struct store_txn *txn, void *ctx) {
    (void)ctx;
    return index_put(txn, STR("dataset/name/lost"), 77);
}

static void check_finds(void) {
    begin();
    append_some(3);
    struct hash one = make_blob("one", 1), two = make_blob("two", 1);
    CHECK_EQ(change_references(one, 3, 1, 0), OK);
    CHECK_EQ(change_references(two, 3, 1, 0), OK);
    expect(NULL);
    char path[1024], want[256], hex[SHA256_HEX_SIZE];
    snprintf(path, sizeof path, "%s", blob_file(one));
    hash_hex(&one, hex);
    scratch_flip(path, 1, 4);
    snprintf(want, sizeof want, "blob.wrong_content %s", hex);
    expect(want);
    CHECK_EQ(truncate(path, 2), 0);
    expect(want);
    CHECK_EQ(unlink(path), 0);
    snprintf(want, sizeof want, "blob.missing %s", hex);
    expect(want);
    CHECK_EQ(change_references(one, 3, 0, 1), OK);
    expect(NULL);
    const char *key = scratch_path(dir, "keys/secret");
    scratch_write(key, "s", 1);
    expect(NULL);
    CHECK_EQ(chmod(key, 0640), 0);
    expect("store.mode_open keys/secret");
    CHECK_EQ(chmod(key, 0600), 0);
    CHECK_EQ(chmod(scratch_path(dir, "tls"), 0755), 0);
    expect("store.mode_open tls");
    CHECK_EQ(chmod(scratch_path(dir, "tls"), 0700), 0);
    CHECK_EQ(store_write(store, dangle, NULL), OK);
    expect("store.index_dangling index/dataset/name/lost");
    end();
}

static void check_finds_a_tampered_chain(void) {
    begin();
    append_some(5);
    struct tamper tamper = {ALTER, 2};
    CHECK_EQ(store_write(store, tamper_change, &tamper), OK);
    expect("audit.broken ");
    end();
}

// A byte changed in a record on the disk: the record is named.
static void check_finds_a_damaged_record(void) {
    begin();
    append_some(5);
    store_close(store);
    store = NULL;
    char path[1024];
    snprintf(path, sizeof path, "%s", scratch_path(dir, "state/data.mdb"));
    size_t size, hits = 0;
    uint8_t *data = scratch_read(path, &size);
    REQUIRE(data);
    for (uint8_t *at = data; (at = memmem(at, size - (size_t)(at - data), "dataset.import", 14));) {
        scratch_flip(path, (uint64_t)(at - data), 1);
        at++;
        hits++;
    }
    memory_give(data);
    CHECK(hits >= 5);
    CHECK_EQ(store_open(dir, &OPTIONS, &store, NULL), OK);
    uint64_t findings = 0;
    told_count = 0;
    CHECK_EQ(store_check(store, NULL, tell, NULL, &findings), OK);
    CHECK_EQ(findings, 6); // five records, and the chain
    CHECK_STR(told[0], "store.record_damaged audit/1");
    CHECK_STR(told[4], "store.record_damaged audit/5");
    CHECK_STR(told[5], "audit.broken ");
    end();
}

struct busy {
    _Atomic bool stop;
};
static void *busy_main(void *argument) {
    struct busy *busy = argument;
    while (!busy->stop) (void)!store_write(store, append, (void *)(uintptr_t) "busy");
    return NULL;
}

// No false alarm while others write.
static void check_beside_a_writer(void) {
    begin();
    struct busy busy = {false};
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, busy_main, &busy) == 0);
    for (int i = 0; i < 20; i++) expect(NULL);
    busy.stop = true;
    pthread_join(thread, NULL);
    end();
}

int main(void) {
    CHECK_RUN(blobs_are_what_they_are_called);
    CHECK_RUN(files_are_taken);
    CHECK_RUN(sweep_takes_what_nobody_names);
    CHECK_RUN(dropped_files_go_at_once);
    CHECK_RUN(blob_without_memory);
    CHECK_RUN(chain_holds);
    CHECK_RUN(tampering_is_seen);
    CHECK_RUN(reading_again_sees_tampering);
    CHECK_RUN(a_chain_that_grows_meanwhile_is_whole);
    CHECK_RUN(check_finds);
    CHECK_RUN(check_finds_a_tampered_chain);
    CHECK_RUN(check_finds_a_damaged_record);
    CHECK_RUN(check_beside_a_writer);
    return check_done();
}
