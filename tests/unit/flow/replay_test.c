// A week of 20,000 jobs in the records of a real store, replayed by the operation that the API and
// the command line call.
#include <inttypes.h>

#include "allocation/core.h"
#include "base/clock.h"
#include "base/limits.h"
#include "check.h"
#include "flow/record.h"
#include "support/box.h"

#define WEEK_MS ((int64_t)7 * 24 * 3600 * 1000)
enum { JOBS = 20000, PIECE = 500, PERSONS = 20 };

static struct box_test box;
static int64_t monday_ms;
static const struct core_capacity capacity = {.amount = {{32000, 128 << 10, 1 << 20, 0}}};

struct fill {
    uint64_t first, count, random;
};

static uint64_t draw(uint64_t *random, uint64_t below) {
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (*random >> 33) % below;
}

static enum err fill_change(struct store_txn *txn, void *ctx) {
    static const char *const steps[] = {"import", "check", "cleanse", "train", "predict"};
    struct fill *fill = ctx;
    enum err err = OK;
    for (uint64_t i = 0; err == OK && i < fill->count; i++) {
        uint64_t at = fill->first + i, person = 1 + draw(&fill->random, PERSONS);
        struct job job = {.step = str_of(steps[draw(&fill->random, 5)]),
                          .state = draw(&fill->random, 20) ? JOB_DONE : JOB_FAILED,
                          .actor = {person, STR("who")},
                          .tenant = 1,
                          .attempt = 1,
                          .options = STR("{}"),
                          .cpu_milli = 1000 * (1 + draw(&fill->random, 8)),
                          .memory_bytes = (uint64_t)1 << 30};
        job.created_ms = monday_ms + (int64_t)at * (WEEK_MS / JOBS);
        job.started_ms = job.created_ms + (int64_t)draw(&fill->random, 20000);
        job.ended_ms = job.started_ms + 1000 + (int64_t)draw(&fill->random, 200000);
        job.ran_ms = job.ended_ms - job.started_ms;
        err = store_next_id(txn, TABLE_JOB, &job.id);
        if (err == OK) err = job_save(txn, &job);
    }
    return err;
}

static enum err replay(const char *body_text, struct json **out, double *out_s) {
    struct json *body = NULL;
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer writer = json_writer_of(&text);
    box.fault = (struct fault){0};
    enum err err = body_text ? json_parse(str_of(body_text), &body, &box.fault) : OK;
    uint64_t began = clock_monotonic_us();
    if (err == OK) err = flow_replay_box(box.store, &capacity, body, NULL, &writer, &box.fault);
    *out_s = (double)(clock_monotonic_us() - began) / 1e6;
    if (err == OK) err = json_parse(buf_str(&text), out, &box.fault);
    json_close(body);
    buf_close(&text);
    return err;
}

static const struct json *way_of(const struct json *answer, const char *name) {
    const struct json *way = json_first(json_member(answer, "ways"));
    while (way && !str_is(json_member_text(way, "way"), name)) way = json_next(way);
    return way;
}

static void a_week_from_the_records(void) {
    struct json *answer = NULL;
    double seconds;
    char body[256];
    for (uint64_t at = 0; at < JOBS; at += PIECE) {
        struct fill fill = {at, PIECE, at + 1};
        REQUIRE(store_write(box.store, fill_change, &fill) == OK);
    }
    REQUIRE(replay(NULL, &answer, &seconds) == OK);
    printf("    %d records of a week, two ways, in %.3f s\n", JOBS, seconds);
    CHECK(json_member_u64(answer, "jobs", 0) > JOBS - 10);
    const struct json *recorded = way_of(answer, "recorded"), *present = way_of(answer, "present");
    REQUIRE(recorded && present && !way_of(answer, "changed"));
    double wait = json_member_number(recorded, "wait_mean_s", 0);
    CHECK(wait > 9 && wait < 11); // drawn from 0 to 20
    CHECK(json_member_number(recorded, "wait_p95_s", 0) > 18);
    CHECK(json_member_number(present, "wait_mean_s", -1) >= 0);
    CHECK_EQ(json_member_text(present, "hash").size, 16);
    json_close(answer);
    snprintf(body, sizeof body,
             "{\"from_ms\":%" PRId64 ",\"until_ms\":%" PRId64
             ",\"capacity\":{\"cpu_milli\":12000}}",
             monday_ms + WEEK_MS / 4, monday_ms + WEEK_MS / 2);
    REQUIRE(replay(body, &answer, &seconds) == OK);
    uint64_t jobs = json_member_u64(answer, "jobs", 0);
    CHECK(jobs == JOBS / 4);
    CHECK(json_member_u64(answer, "carried", 0) > 0);
    const struct json *changed = way_of(answer, "changed");
    present = way_of(answer, "present");
    REQUIRE(changed && present);
    CHECK(json_member_number(changed, "wait_mean_s", 0) >
          json_member_number(present, "wait_mean_s", 1e9));
    CHECK(json_member_u64(changed, "jobs", 0) == jobs);
    json_close(answer);
}

static void what_makes_no_sense_is_refused(void) {
    static const struct {
        const char *body, *code;
    } wrong[] = {{"{\"from_ms\":2000,\"until_ms\":1000}", "replay.bad_time"},
                 {"{\"from_ms\":-5,\"until_ms\":1000}", "replay.bad_time"},
                 {"{\"from_ms\":0}", "replay.bad_time"},
                 {"{\"capacity\":{\"cpu_milli\":0}}", "what_if.bad_amount"},
                 {"{\"capacity\":{\"memory_bytes\":-1}}", "what_if.bad_amount"},
                 {"{\"policy\":{\"tenants\":[]}}", "call.missing"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct json *answer;
        double seconds;
        CHECK(replay(wrong[i].body, &answer, &seconds) == ERR_INPUT);
        CHECK_STR(box.fault.code, wrong[i].code);
    }
}

int main(int argc, char **argv) {
    BOX_MAIN
    char dir[128];
    monday_ms = clock_now_ms() - WEEK_MS;
    if (!box_folder(dir) || box_test_open(&box, dir) != OK) return 1;
    CHECK_RUN(a_week_from_the_records);
    CHECK_RUN(what_makes_no_sense_is_refused);
    box_test_close(&box, true);
    box_folder_remove(dir);
    return check_done();
}
