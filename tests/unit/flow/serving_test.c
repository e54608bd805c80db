// Counters of endpoints add up whoever counts and whenever they are written; what is offered to a
// shadow is answered, failed or skipped, and nothing of it is lost.
#include "flow/models/serving.h"

#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "support/box.h"

enum { THREADS = 4, CALLS = 2000, SHADOWS = 300 };

static struct box_test box;

static void *count_calls(void *ctx) {
    uint64_t person = *(const uint64_t *)ctx;
    double answer = 0.5;
    const struct call call = {.body_text = STR("{\"rows\":[{}]}")};
    const struct rows_in rows = {.count = 1, .about = {.outputs = 1}, .out = &answer};
    const struct hash none = {0};
    const struct model shadow = {.id = 9};
    for (uint64_t i = 0; i < CALLS; i++) {
        struct served_call served = {.endpoint = 1 + i % 2,
                                     .version = 3,
                                     .tenant = 1,
                                     .person = {person, STR("who")},
                                     .rows = 2,
                                     .failed = i % 10 == 0,
                                     .pinned_us = 100};
        serving_count(box.flow, &served);
        if (i < SHADOWS) shadow_offer(box.flow, &call, &rows, &served, &none, &shadow);
    }
    return NULL;
}

struct added {
    struct arena *arena;
    uint64_t calls, failed, rows, last_ms, shadows;
    struct served_tally tally;
};

static bool sum_visit(void *ctx, struct str key, struct record_reader *record) {
    struct added *added = ctx;
    struct served_sum sum;
    if (key.data[0] != 'p') return true;
    CHECK_EQ(served_sum_read(record, added->arena, &sum), OK);
    added->calls += sum.calls;
    added->failed += sum.failed;
    added->rows += sum.rows;
    return true;
}

static bool tally_visit(void *ctx, struct str key, struct record_reader *record) {
    struct added *added = ctx;
    if (key.data[0] != 's') return true;
    CHECK_EQ(served_tally_read(record, added->arena, &added->tally), OK);
    if (added->tally.shadow) added->shadows += added->tally.failed + added->tally.skipped;
    return true;
}

static void look(struct added *added) {
    struct store_txn *txn;
    struct arena *arena = added->arena;
    *added = (struct added){.arena = arena};
    REQUIRE(store_read_begin(box.store, &txn) == OK);
    struct key first = {.size = 0};
    CHECK_EQ(store_scan(txn, TABLE_SERVED, first, false, sum_visit, added), OK);
    CHECK_EQ(store_scan(txn, TABLE_SERVED, first, false, tally_visit, added), OK);
    store_read_end(txn);
}

static void counters_add_up(void) {
    pthread_t threads[THREADS];
    uint64_t persons[THREADS] = {2, 3, 4, 4};
    struct added added = {0};
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, count_calls, &persons[i]) == 0);
    }
    for (int i = 0; i < 20; i++) CHECK_EQ(serving_flush(box.flow), OK);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    REQUIRE(arena_open(32 << 20, &added.arena) == OK);
    for (int i = 0; i < 600 && added.shadows < THREADS * SHADOWS; i++) {
        usleep(10000);
        CHECK_EQ(serving_flush(box.flow), OK);
        look(&added);
    }
    CHECK_EQ(added.failed, THREADS * CALLS / 10);
    CHECK_EQ(added.calls, THREADS * CALLS * 9 / 10);
    CHECK_EQ(added.rows, 2 * added.calls);
    CHECK_EQ(added.shadows, THREADS * SHADOWS);
    CHECK_EQ(serving_pending(box.flow, 4), 0);
    arena_close(added.arena);
}

int main(int argc, char **argv) {
    BOX_MAIN
    char dir[128];
    if (!CHECK(box_folder(dir) && box_test_open(&box, dir) == OK)) return check_done();
    CHECK_RUN(counters_add_up);
    box_test_close(&box, true);
    box_folder_remove(dir);
    return check_done();
}
