// Rows of a step: answers before prompts, and tenants get what their weights say whatever they ask.
#include "model/language/batch.h"

#include "check.h"

static struct batch batch;

static struct batch_item prompt(uint64_t tenant, uint32_t left) {
    return (struct batch_item){.tenant = tenant, .weight = 1, .left = left};
}

static struct batch_item answer(uint64_t tenant) {
    return (struct batch_item){.tenant = tenant, .weight = 1, .decode = true};
}

static void answers_go_before_prompts(void) {
    batch = (struct batch){0};
    struct batch_item items[] = {prompt(1, 4000), answer(1), answer(2), prompt(2, 10)};
    batch_deal(&batch, items, 4, 512);
    CHECK_EQ(items[1].dealt, 1);
    CHECK_EQ(items[2].dealt, 1);
    CHECK_EQ(items[3].dealt, 10);
    CHECK_EQ(items[0].dealt, BATCH_PROMPT_ROWS - 10);
    batch_deal(&batch, items, 4, 3); // answers first even where there is hardly room
    CHECK(items[1].dealt == 1 && items[2].dealt == 1);
    CHECK_EQ(items[0].dealt + items[3].dealt, 1);
}

static void rows_go_round_where_room_is_short(void) {
    batch = (struct batch){0};
    struct batch_item items[] = {answer(1), answer(2), answer(3)};
    uint32_t got[3] = {0};
    for (int step = 0; step < 30; step++) {
        batch_deal(&batch, items, 3, 1);
        for (int i = 0; i < 3; i++) got[i] += items[i].dealt;
    }
    CHECK(got[0] == 10 && got[1] == 10 && got[2] == 10);
}

// One tenant with many long prompts, one with a single: half and half all the same.
static void many_requests_get_no_more_than_few(void) {
    batch = (struct batch){0};
    struct batch_item items[9];
    for (int i = 0; i < 8; i++) items[i] = prompt(1, 1 << 20);
    items[8] = prompt(2, 1 << 20);
    uint64_t first = 0, second = 0;
    for (int step = 0; step < 50; step++) {
        batch_deal(&batch, items, 9, 512);
        for (int i = 0; i < 8; i++) first += items[i].dealt;
        second += items[8].dealt;
    }
    CHECK_EQ(first + second, 50 * BATCH_PROMPT_ROWS);
    CHECK(second * 100 > first * 97 && first * 100 > second * 97);
}

static void weights_count(void) {
    batch = (struct batch){0};
    struct batch_item items[] = {prompt(1, 1 << 20), prompt(2, 1 << 20)};
    items[1].weight = 3;
    uint64_t got[2] = {0};
    for (int step = 0; step < 100; step++) {
        batch_deal(&batch, items, 2, 512);
        for (int i = 0; i < 2; i++) got[i] += items[i].dealt;
    }
    CHECK(got[1] * 100 > got[0] * 290 && got[1] * 100 < got[0] * 310);
}

static void who_was_away_has_saved_nothing_up(void) {
    batch = (struct batch){0};
    struct batch_item items[] = {prompt(1, 1 << 20), prompt(2, 1 << 20)};
    batch_deal(&batch, items, 2, 512);
    for (int step = 0; step < 100; step++) batch_deal(&batch, items, 1, 512);
    uint64_t got[2] = {0};
    for (int step = 0; step < 10; step++) {
        batch_deal(&batch, items, 2, 512);
        for (int i = 0; i < 2; i++) got[i] += items[i].dealt;
    }
    CHECK(got[1] <= got[0] + 2 * BATCH_QUANTUM);
}

// Waiting, one tenant's turn comes although the other has asked before and again.
static void the_turn_comes_to_who_waits(void) {
    batch = (struct batch){0};
    struct batch_item items[] = {prompt(1, 1000), prompt(1, 0), prompt(2, 0)};
    batch_deal(&batch, items, 3, 512);
    CHECK_EQ(items[1].dealt + items[2].dealt, 0);
    CHECK_EQ(batch_first(&batch, items + 1, 2), 1);
    CHECK_EQ(batch_first(&batch, items + 1, 0), 0);
}

static void deals_no_more_than_there_is(void) {
    batch = (struct batch){0};
    for (int round = 0; round < 2000; round++) {
        struct batch_item items[24];
        uint32_t count = (uint32_t)check_below(25), room = 1 + (uint32_t)check_below(512);
        uint32_t dealt = 0, wanted = 0, answers = 0, answered = 0;
        for (uint32_t i = 0; i < count; i++) {
            items[i] = check_below(2) ? answer(check_below(400))
                                      : prompt(check_below(400), (uint32_t)check_below(300));
            items[i].weight = 0.5 + (double)check_below(8);
            wanted += items[i].decode ? 1 : items[i].left;
            answers += items[i].decode;
        }
        batch_deal(&batch, items, count, room);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(items[i].dealt <= (items[i].decode ? 1 : items[i].left));
            dealt += items[i].dealt;
            answered += items[i].decode && items[i].dealt;
        }
        CHECK(dealt <= room && batch.count <= BATCH_TENANTS_MAX);
        CHECK(answered == (answers < room ? answers : room));
        if (wanted - answers <= BATCH_PROMPT_ROWS && wanted <= room) CHECK_EQ(dealt, wanted);
    }
}

int main(void) {
    CHECK_RUN(answers_go_before_prompts);
    CHECK_RUN(rows_go_round_where_room_is_short);
    CHECK_RUN(many_requests_get_no_more_than_few);
    CHECK_RUN(weights_count);
    CHECK_RUN(who_was_away_has_saved_nothing_up);
    CHECK_RUN(the_turn_comes_to_who_waits);
    CHECK_RUN(deals_no_more_than_there_is);
    return check_done();
}
