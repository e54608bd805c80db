// What language models have done adds up whoever counts and whenever it is written, by day, person
// and model; kinds of personal data come back as they were counted.
#include "flow/models/language_usage.h"

#include <pthread.h>

#include "allocation/usage.h"
#include "base/clock.h"
#include "check.h"
#include "support/box.h"

enum { THREADS = 4, NOTES = 1000, MODELS = 3 };

static struct box_test box;

static void *note_uses(void *ctx) {
    uint64_t person = *(const uint64_t *)ctx;
    for (uint64_t i = 0; i < NOTES; i++) {
        struct language_use use = {.tenant = 1,
                                   .model = 1 + i % MODELS,
                                   .person = {person, STR("who")},
                                   .model_name = STR("talker"),
                                   .counts = {.requests = 1,
                                              .refused = i % 10 == 0,
                                              .prompt_tokens = 5,
                                              .cached_tokens = 2,
                                              .answer_tokens = 7}};
        use.counts.found[SIDE_PROMPT][PERSONAL_ID] = i % 2;
        use.counts.found[SIDE_ANSWER][PERSONAL_ORGANISATION] = 1;
        language_usage_note(box.flow, &use, i % 10 != 0);
    }
    return NULL;
}

struct added {
    struct language_counts all, third; // third: of person 4
    uint32_t records;
    uint64_t day;
};

static bool use_visit(void *ctx, const struct language_use *use) {
    struct added *added = ctx;
    CHECK(str_is(use->person.name, "who"));
    CHECK(str_is(use->model_name, "talker"));
    CHECK(use->day >= added->day);
    added->day = use->day;
    added->records++;
    language_counts_add(&added->all, &use->counts);
    if (use->person.id == 4) language_counts_add(&added->third, &use->counts);
    return true;
}

static void counters_add_up(void) {
    pthread_t threads[THREADS];
    uint64_t persons[THREADS] = {2, 3, 4, 4};
    struct added added = {0};
    struct store_txn *txn;
    struct arena *arena;
    struct usage_sum sum;
    const struct policy *policy;
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, note_uses, &persons[i]) == 0);
    }
    for (int i = 0; i < 20; i++) CHECK_EQ(language_usage_flush(box.flow), OK);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK_EQ(language_usage_flush(box.flow), OK);
    REQUIRE(arena_open(1 << 20, &arena) == OK);
    REQUIRE(store_read_begin(box.store, &txn) == OK);
    CHECK_EQ(language_usage_scan(txn, arena, 0, UINT64_MAX, use_visit, &added), OK);
    CHECK(added.records >= 3 * MODELS && added.records <= 2 * 3 * MODELS); // midnight may pass
    CHECK_EQ(added.all.requests, THREADS * NOTES);
    CHECK_EQ(added.all.refused, THREADS * NOTES / 10);
    CHECK_EQ(added.all.prompt_tokens, 5 * THREADS * NOTES);
    CHECK_EQ(added.all.cached_tokens, 2 * THREADS * NOTES);
    CHECK_EQ(added.all.answer_tokens, 7 * THREADS * NOTES);
    CHECK_EQ(added.all.found[SIDE_PROMPT][PERSONAL_ID], THREADS * NOTES / 2);
    CHECK_EQ(added.all.found[SIDE_ANSWER][PERSONAL_ORGANISATION], THREADS * NOTES);
    CHECK_EQ(language_found(&added.all, SIDE_PROMPT), THREADS * NOTES / 2);
    CHECK_EQ(added.third.requests, 2 * NOTES);
    // A day before and a day after hold nothing of it.
    added = (struct added){0};
    CHECK_EQ(language_usage_scan(txn, arena, 0, 20000101, use_visit, &added), OK);
    CHECK_EQ(added.records, 0);
    // The sums that limits look at: those served.
    REQUIRE(policy_borrow(txn, &policy) == OK);
    uint64_t month = usage_month(policy, clock_now_ms());
    policy_return(policy);
    CHECK_EQ(usage_get(txn, USAGE_PERSON, 4, month, &sum), OK);
    CHECK_EQ(sum.requests, 2 * NOTES * 9 / 10);
    CHECK_EQ(sum.tokens, 12 * 2 * NOTES);
    store_read_end(txn);
    arena_close(arena);
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
