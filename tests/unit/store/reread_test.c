// Every record read again: each once; what does not decode is told by its
// name and no more; it ends soon when told to. COURTYARD_RECORDS=1000000 measures.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "check.h"
#include "store/store_private.h"
#include "support/scratch.h"

enum { RECORDS = 2000 };

struct seen {
    uint64_t jobs, told;
    struct progress *progress;
    uint64_t cancel_after; // records; 0: never
    char codes[8][64], details[8][64];
};

struct many {
    uint64_t from, count;
};

static enum err put_many(struct store_txn *txn, void *ctx) {
    const struct many *many = ctx;
    char text[300];
    memset(text, 'r', sizeof text);
    enum err err = OK;
    for (uint64_t i = 0; i < many->count && err == OK; i++) {
        struct buf fields;
        buf_open(&fields, 1024);
        record_put_u64(&(struct record_writer){&fields}, many->from + i);
        record_put_str(&(struct record_writer){&fields}, (struct str){text, sizeof text});
        err = store_put(txn, TABLE_JOB, key_of_id(many->from + i), 1, &fields);
        buf_close(&fields);
    }
    return err;
}

static void put_all(struct store *store, uint64_t from, uint64_t count) {
    for (uint64_t at = 0; at < count; at += 10000) {
        struct many many = {from + at, count - at < 10000 ? count - at : 10000};
        CHECK_EQ(store_write(store, put_many, &many), OK);
    }
}

static bool fits(void *ctx, enum store_table table, struct str key, struct record_reader *record) {
    struct seen *seen = ctx;
    (void)key;
    if (table != TABLE_JOB) return record_fields_fit(record);
    seen->jobs++;
    if (seen->cancel_after && seen->jobs >= seen->cancel_after) {
        atomic_store(&seen->progress->cancel, 1);
    }
    uint64_t id = record_get_u64(record);
    (void)record_get_str(record);
    return record_end(record) == OK && id == key_id(key) && id != 77; // one that does not decode
}

static void tell(void *ctx, const struct fault *finding) {
    struct seen *seen = ctx;
    if (seen->told < 8) {
        snprintf(seen->codes[seen->told], 64, "%.63s", finding->code);
        snprintf(seen->details[seen->told], 64, "%.63s", finding->detail);
    }
    seen->told++;
}

// Past store_put, which would seal it: a record whose bytes changed on the disk.
static enum err put_broken(struct store_txn *txn, void *ctx) {
    const struct key *key = ctx;
    char bytes[40] = "not a record at all";
    MDB_val name = {.mv_size = key->size, .mv_data = (void *)(uintptr_t)key->bytes};
    MDB_val value = {.mv_size = sizeof bytes, .mv_data = bytes};
    enum store_table table = key->size == 8 ? TABLE_JOB : TABLE_INDEX;
    return store_err(mdb_put(txn->mdb, txn->store->tables[table], &name, &value, 0));
}

static void tells_what_does_not_decode(void) {
    struct store *store = NULL;
    struct progress progress = {0};
    struct seen seen = {.progress = &progress};
    struct store_reread how = {fits, tell, &seen, &progress};
    struct key job = key_of_id(900), name = key_of_str(STR("person/name/somebody"));
    uint64_t records = 0, findings = 0;
    REQUIRE(store_open(scratch_folder(), NULL, &store, NULL) == OK);
    CHECK(store_was_closed(store));
    put_all(store, 1, RECORDS);
    CHECK_EQ(store_write(store, put_broken, &job), OK);
    CHECK_EQ(store_write(store, put_broken, &name), OK);
    CHECK_EQ(store_reread(store, &how, &records, &findings), OK);
    CHECK_EQ(seen.jobs, RECORDS - 1);
    CHECK(records > RECORDS);
    CHECK_EQ(atomic_load(&progress.done), records);
    CHECK_EQ(findings, 3);
    CHECK_EQ(seen.told, 3);
    CHECK_STR(seen.details[0], "job/77");
    CHECK_STR(seen.details[1], "job/900");
    CHECK(strncmp(seen.details[2], "index/#", 7) == 0 && strlen(seen.details[2]) == 23);
    CHECK(!strstr(seen.details[2], "somebody"));
    for (int i = 0; i < 3; i++) CHECK_STR(seen.codes[i], "store.record_damaged");
    seen = (struct seen){.progress = &progress, .cancel_after = 600};
    CHECK_EQ(store_reread(store, &how, &records, &findings), ERR_CANCELLED);
    CHECK(seen.jobs >= 600 && seen.jobs < RECORDS);
    store_close(store);
}

static void costs(void) {
    const char *wanted = getenv("COURTYARD_RECORDS");
    uint64_t count = 0, records = 0, findings = 0;
    if (!wanted || !str_to_u64(str_of(wanted), &count)) CHECK_SKIP("measures when asked to");
    struct store *store = NULL;
    struct progress progress = {0};
    struct seen seen = {.progress = &progress};
    struct store_reread how = {fits, tell, &seen, &progress};
    REQUIRE(store_open(scratch_folder(), NULL, &store, NULL) == OK);
    put_all(store, 1, count);
    uint64_t begun_us = clock_monotonic_us();
    CHECK_EQ(store_reread(store, &how, &records, &findings), OK);
    printf("%" PRIu64 " records: %" PRIu64 " ms\n", records,
           (clock_monotonic_us() - begun_us) / 1000);
    CHECK(seen.jobs == count);
    store_close(store);
}

int main(void) {
    CHECK_RUN(tells_what_does_not_decode);
    CHECK_RUN(costs);
    return check_done();
}
