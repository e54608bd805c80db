// Policy, ledger, limits and vouchers against a real store: exact numbers, nothing lost by a
// refund, nothing unseen by the verification.
#include "allocation/usage.h"

#include <string.h>

#include "allocation/voucher.h"
#include "base/clock.h"
#include "check.h"
#include "support/scratch.h"

#define HOUR_MS ((int64_t)3600 * 1000)
#define NOW_MS ((int64_t)1764057600000) // 2025-11-25 08:00 UTC

static struct store *store;
static struct arena *arena;

// What a test does inside one transaction.
static enum err in_txn(enum err (*change)(struct store_txn *txn, void *ctx), void *ctx) {
    arena_reset(arena);
    return store_write(store, change, ctx);
}

static bool begin(void) {
    clock_set_for_test(NOW_MS);
    return store_open(scratch_folder(), NULL, &store, NULL) == OK &&
           arena_open(64 << 20, &arena) == OK;
}

static void end(void) {
    arena_close(arena);
    store_close(store);
    clock_set_for_test(0);
}

// ---- a policy --------------------------------------------------------------------------------

// Department 2 "内科" with project 3 below it: half price, 10 units a month, one job a person.
static enum err policy_make(struct store_txn *txn, void *ctx) {
    struct policy policy;
    (void)ctx;
    enum err err = policy_load(txn, arena, &policy);
    if (err != OK) return err;
    struct tenant *tenants = ARENA_ARRAY(arena, struct tenant, 3);
    tenants[0] = tenants[1] = tenants[2] = policy.tenants[0];
    tenants[1].id = 2;
    tenants[1].name = STR("内科");
    tenants[1].caps.of[CAP_UNITS_MONTH] = 10 * (int64_t)MICRO;
    tenants[1].each.of[CAP_JOBS] = 1;
    tenants[2].id = 3;
    tenants[2].parent = 2;
    tenants[2].kind = TENANT_PROJECT;
    tenants[2].name = STR("影像");
    tenants[2].billing_permille = 500;
    policy.tenants = tenants;
    policy.count = 3;
    policy.last_tenant = 3;
    policy.actor = STR("li.na");
    policy.note = STR("");
    err = policy_save(txn, arena, &policy);
    struct member member = {7, 3, caps_none};
    return err == OK ? member_save(txn, &member) : err;
}

static void versions_are_kept(void) {
    struct policy policy;
    struct store_txn *txn;
    REQUIRE(begin());
    REQUIRE(store_read_begin(store, &txn) == OK);
    REQUIRE(policy_load(txn, arena, &policy) == OK);
    CHECK_EQ(policy.version, 0);
    CHECK_EQ(policy.count, 1);
    store_read_end(txn);
    REQUIRE(in_txn(policy_make, NULL) == OK);
    REQUIRE(in_txn(policy_make, NULL) == OK);
    REQUIRE(store_read_begin(store, &txn) == OK);
    REQUIRE(policy_load(txn, arena, &policy) == OK);
    CHECK_EQ(policy.version, 2);
    CHECK_TEXT(policy.changes, "[]"); // the same once more
    CHECK_TEXT(policy_tenant(&policy, 3)->name, "影像");
    char path[TENANT_PATH_BYTES];
    policy_path(&policy, policy_tenant(&policy, 3), path);
    CHECK_STR(path, "内科 / 影像");
    CHECK_EQ(policy_each(&policy, policy_tenant(&policy, 3), CAP_JOBS), 1);
    REQUIRE(policy_load_version(txn, arena, 1, &policy) == OK);
    CHECK_TEXT(policy.actor, "li.na");
    CHECK(memmem(policy.changes.data, policy.changes.size, "added", 5) != NULL);
    store_read_end(txn);
    end();
}

struct findings {
    char codes[256];
    bool refused;
};

static void note(void *ctx, const struct policy_finding *finding) {
    struct findings *findings = ctx;
    strncat(findings->codes, finding->code, sizeof findings->codes - strlen(findings->codes) - 2);
    strcat(findings->codes, " ");
    findings->refused |= finding->refused;
}

static void what_does_not_add_up_is_found(void) {
    static const int64_t box[SHARE_COUNT] = {4000, 8192, 1 << 30, 0};
    struct tenant tenants[2] = {
        {.id = 1, .has_quota = true, .quota = {3000}, .limit = {2000, -1, -1, -1}},
        {.id = 2, .parent = 1, .has_quota = true, .quota = {3500}, .limit = {9000, -1, -1, -1}},
    };
    struct policy policy = {.tenants = tenants, .count = 2};
    struct findings findings = {0};
    policy_check(&policy, box, note, &findings);
    CHECK(findings.refused);
    CHECK(strstr(findings.codes, "policy.below_over_quota"));
    CHECK(strstr(findings.codes, "policy.quota_over_limit"));
    CHECK(strstr(findings.codes, "policy.limit_over_box"));
    tenants[0] = (struct tenant){
        .id = 1, .has_quota = true, .quota = {4001, 1, 1}, .limit = {-1, -1, -1, -1}};
    findings = (struct findings){0};
    policy.count = 1;
    policy_check(&policy, box, note, &findings);
    CHECK_STR(findings.codes, "policy.quota_over_box ");
    tenants[0].quota[SHARE_CPU] = 4000;
    tenants[0].quota[SHARE_MEMORY] = tenants[0].quota[SHARE_DISK] = 0;
    findings = (struct findings){0};
    policy_check(&policy, box, note, &findings);
    CHECK_STR(findings.codes, "policy.quota_lacks policy.quota_lacks "); // memory and scratch disk
    CHECK(!findings.refused);
    tenants[0].quota[SHARE_MEMORY] = tenants[0].quota[SHARE_DISK] = 1;
    findings = (struct findings){0};
    policy_check(&policy, box, note, &findings);
    CHECK_STR(findings.codes, "");
}

// ---- booking ---------------------------------------------------------------------------------

static struct usage_attempt attempt_of(uint64_t job, uint64_t number, int64_t hours) {
    return (struct usage_attempt){
        .job = job,
        .attempt = number,
        .step = STR("train"),
        .person = 7,
        .person_name = STR("zhang"),
        .started_ms = NOW_MS - hours * HOUR_MS,
        .ended_ms = NOW_MS,
        .amount = {2000, 4096, 0, 0}, // 2 units and 0.4 an hour, at half price 1.2
    };
}

static enum err record(struct store_txn *txn, void *ctx) {
    return usage_record(txn, arena, ctx);
}

static enum err verify(struct ledger_state *out, struct fault *fault) {
    struct store_txn *txn;
    *fault = (struct fault){0};
    enum err err = store_read_begin(store, &txn);
    if (err != OK) return err;
    err = ledger_verify(txn, arena, out, fault);
    store_read_end(txn);
    return err;
}

static struct usage_sum month_of(enum usage_of of, uint64_t id) {
    struct usage_sum sum = {0};
    struct store_txn *txn;
    if (store_read_begin(store, &txn) != OK) return sum;
    CHECK_EQ(usage_get(txn, of, id, 202511, &sum), OK);
    store_read_end(txn);
    return sum;
}

static void an_attempt_costs_what_it_held(void) {
    struct ledger_state state;
    struct fault fault;
    REQUIRE(begin() && in_txn(policy_make, NULL) == OK);
    struct usage_attempt attempt = attempt_of(1, 1, 3);
    REQUIRE(in_txn(record, &attempt) == OK);
    CHECK_EQ(month_of(USAGE_PERSON, 7).units, 3600000);
    CHECK_EQ(month_of(USAGE_TENANT, 3).units, 3600000);
    CHECK_EQ(month_of(USAGE_TENANT, 2).units, 3600000);
    CHECK_EQ(month_of(USAGE_TENANT, 2).amount_ms[SHARE_CPU], 2000 * 3 * HOUR_MS);
    CHECK_EQ(month_of(USAGE_TENANT, 1).units, 0);
    attempt.attempt = 2;
    attempt.box_fault = true;
    REQUIRE(in_txn(record, &attempt) == OK);
    CHECK_EQ(month_of(USAGE_PERSON, 7).units, 3600000); // given back
    CHECK_EQ(month_of(USAGE_PERSON, 7).attempts, 2);
    REQUIRE(verify(&state, &fault) == OK);
    CHECK_EQ(state.count, 3);
    CHECK_EQ(state.units, 3600000);
    end();
}

static void a_day_begins_where_the_policy_says(void) {
    struct policy policy = {.utc_offset_minutes = 480};
    int64_t evening = (days_from_civil(2025, 11, 30) * 24 + 17) * HOUR_MS;
    CHECK_EQ(usage_day(&policy, evening), 20251201);
    CHECK_EQ(usage_month(&policy, evening), 202512);
    policy.utc_offset_minutes = 0;
    CHECK_EQ(usage_day(&policy, evening), 20251130);
    CHECK_EQ(usage_day(&policy, -1), 19691231);
}

static enum err sum_falsify(struct store_txn *txn, void *ctx) {
    struct usage_attempt attempt = attempt_of(9, 1, 1);
    struct ledger_entry entry = {.kind = LEDGER_ATTEMPT, .units = 5, .step = attempt.step};
    (void)ctx;
    return ledger_append(txn, &entry); // an entry without its sums
}

static enum err entry_falsify(struct store_txn *txn, void *ctx) {
    struct record_reader reader;
    struct buf fields;
    (void)ctx;
    enum err err = store_get(txn, TABLE_LEDGER, key_of_id(1), &reader);
    if (err != OK) return err;
    buf_open(&fields, 1 << 16);
    buf_add_str(&fields, reader.rest);
    char *name = memmem(fields.data, fields.size, "zhang", 5);
    if (name) name[0] = 'Z';
    err = store_put(txn, TABLE_LEDGER, key_of_id(1), 1, &fields);
    buf_close(&fields);
    return err;
}

static enum err entry_remove(struct store_txn *txn, void *ctx) {
    return store_delete(txn, TABLE_LEDGER, key_of_id(*(uint64_t *)ctx));
}

static void whatever_is_altered_is_seen(void) {
    struct ledger_state state;
    struct fault fault;
    for (int how = 0; how < 4; how++) {
        uint64_t second = 2, third = 3;
        REQUIRE(begin() && in_txn(policy_make, NULL) == OK);
        for (uint64_t i = 1; i <= 3; i++) {
            struct usage_attempt attempt = attempt_of(i, 1, 1);
            REQUIRE(in_txn(record, &attempt) == OK);
        }
        REQUIRE(verify(&state, &fault) == OK);
        enum err err = how == 0   ? in_txn(entry_falsify, NULL)
                       : how == 1 ? in_txn(entry_remove, &second)
                       : how == 2 ? in_txn(entry_remove, &third)
                                  : in_txn(sum_falsify, NULL);
        CHECK_EQ(err, OK);
        CHECK_EQ(verify(&state, &fault), ERR_CORRUPT);
        CHECK_STR(fault.code, how == 3 ? "ledger.sums_differ" : "ledger.broken");
        if (how < 3) CHECK_EQ(fault.row, (uint64_t)how + 1);
        end();
    }
}

// ---- vouchers --------------------------------------------------------------------------------

static struct voucher voucher_of(const char *serial, int64_t units) {
    return (struct voucher){
        .serial = str_of(serial),
        .issuer = STR("aaaa-bbbb"),
        .box = STR("aaaa-bbbb"),
        .holder = HOLDER_TENANT,
        .holder_id = 2,
        .holder_name = STR("内科"),
        .units = units,
        .from_ms = NOW_MS - 100 * HOUR_MS,
        .until_ms = NOW_MS + HOUR_MS,
        .use = USE_TRAIN,
        .actor_name = STR("li.na"),
        .text = STR("CYV1.x.y"),
        .revoked_by = STR(""),
        .reason = STR(""),
    };
}

static enum err add(struct store_txn *txn, void *ctx) {
    return voucher_add(txn, ctx);
}

static enum err revoke(struct store_txn *txn, void *ctx) {
    struct voucher *voucher = ctx;
    return voucher_revoke(txn, voucher, STR("li.na"), STR("test"));
}

static int64_t left_of(uint64_t id) {
    struct voucher voucher = {.left = -1};
    struct store_txn *txn;
    if (store_read_begin(store, &txn) != OK) return -1;
    CHECK_EQ(voucher_load(txn, arena, id, &voucher), OK);
    store_read_end(txn);
    return voucher.left;
}

static void vouchers_pay_first_and_come_back(void) {
    struct ledger_state state;
    struct fault fault;
    REQUIRE(begin() && in_txn(policy_make, NULL) == OK);
    struct voucher first = voucher_of("00000000000000000000000000000001", 2 * MICRO);
    struct voucher second = voucher_of("00000000000000000000000000000002", 9 * MICRO);
    first.until_ms += HOUR_MS; // so the second goes first, up to its cap
    second.job_cap = MICRO;
    REQUIRE(in_txn(add, &first) == OK && in_txn(add, &second) == OK);
    struct voucher again = first;
    CHECK_EQ(in_txn(add, &again), ERR_CONFLICT);
    struct usage_attempt attempt = attempt_of(1, 1, 3); // 3.6 units
    REQUIRE(in_txn(record, &attempt) == OK);
    CHECK_EQ(left_of(second.id), 8 * MICRO);
    CHECK_EQ(left_of(first.id), 0);
    CHECK_EQ(month_of(USAGE_PERSON, 7).voucher_units, 3 * MICRO);
    attempt = attempt_of(1, 2, 1); // the job's cap is reached: the budget pays
    REQUIRE(in_txn(record, &attempt) == OK);
    CHECK_EQ(left_of(second.id), 8 * MICRO);
    attempt = attempt_of(2, 1, 3); // another job, lost by the box: everything as before
    attempt.box_fault = true;
    REQUIRE(in_txn(record, &attempt) == OK);
    CHECK_EQ(left_of(second.id), 8 * MICRO);
    CHECK_EQ(month_of(USAGE_PERSON, 7).voucher_units, 3 * MICRO);
    attempt = attempt_of(2, 2, 3); // and its cap is whole again
    REQUIRE(in_txn(record, &attempt) == OK);
    CHECK_EQ(left_of(second.id), 7 * MICRO);
    attempt = attempt_of(3, 1, 3);
    attempt.step = STR("predict"); // not what the voucher is for
    REQUIRE(in_txn(record, &attempt) == OK);
    CHECK_EQ(left_of(second.id), 7 * MICRO);
    second.left = left_of(second.id);
    REQUIRE(in_txn(revoke, &second) == OK);
    CHECK_EQ(in_txn(revoke, &second), ERR_CONFLICT);
    CHECK_EQ(left_of(second.id), 0);
    CHECK_EQ(verify(&state, &fault), OK);
    CHECK_STR(fault.code, "");
    CHECK_EQ(state.voucher_units, 4 * MICRO);
    end();
}

static void a_text_is_what_was_signed(void) {
    struct sign_key key, other;
    struct voucher read, voucher = voucher_of("0123456789abcdef0123456789abcdef", 5 * MICRO);
    struct buf text;
    struct fault fault = {0};
    REQUIRE(begin());
    REQUIRE(sign_key_make(&key) == OK && sign_key_make(&other) == OK);
    buf_open(&text, 4096);
    REQUIRE(voucher_sign(&voucher, &key, &text) == OK);
    CHECK(voucher_verify(buf_str(&text), &key.open));
    CHECK(!voucher_verify(buf_str(&text), &other.open));
    REQUIRE(voucher_parse(buf_str(&text), arena, &read, &fault) == OK);
    CHECK_EQ(read.units, voucher.units);
    CHECK_EQ(read.until_ms, voucher.until_ms);
    CHECK_TEXT(read.holder_name, "内科");
    CHECK_EQ(read.use, USE_TRAIN);
    // Every single letter counts.
    for (size_t i = 0; i < text.size; i++) {
        char was = text.data[i];
        text.data[i] = was == 'A' ? 'B' : 'A';
        CHECK(!voucher_verify(buf_str(&text), &key.open));
        text.data[i] = was;
    }
    for (size_t size = 0; size < text.size; size++) {
        CHECK(!voucher_verify((struct str){text.data, size}, &key.open));
    }
    buf_close(&text);
    end();
}

// ---- limits ----------------------------------------------------------------------------------

struct asking {
    struct fault fault;
    struct usage_wish wish;
    int jobs;
};

static enum err ask(struct store_txn *txn, void *ctx) {
    struct asking *asking = ctx;
    enum err err = OK;
    for (int i = 0; i < asking->jobs && err == OK; i++) err = usage_jobs(txn, 7, 0, 1);
    for (int i = 0; i > asking->jobs && err == OK; i--) err = usage_jobs(txn, 7, 0, -1);
    return err == OK ? usage_allowed(txn, arena, &asking->wish, &asking->fault) : err;
}

static enum err asked(int jobs, char code[static FAULT_CODE_SIZE]) {
    struct asking asking = {
        .wish = {.question = {.person = 7, .now_ms = NOW_MS}, .step = STR("train"), .jobs = 1},
        .jobs = jobs};
    enum err err = in_txn(ask, &asking);
    memcpy(code, asking.fault.code, FAULT_CODE_SIZE);
    return err;
}

static enum err serve(struct store_txn *txn, void *ctx) {
    (void)ctx;
    return usage_served(txn, 7, STR("zhang"), 900, 1);
}

static void limits_refuse(void) {
    char code[FAULT_CODE_SIZE];
    struct ledger_state state;
    struct fault fault;
    REQUIRE(begin() && in_txn(policy_make, NULL) == OK);
    CHECK_EQ(asked(0, code), OK);
    CHECK_EQ(asked(1, code), ERR_LIMIT); // one waits (undone with the refusal)
    CHECK_STR(code, "limit.own_jobs");
    struct usage_attempt attempt = attempt_of(1, 1, 9); // 10.8 of 10 units
    REQUIRE(in_txn(record, &attempt) == OK);
    CHECK_EQ(asked(0, code), ERR_LIMIT);
    CHECK_STR(code, "limit.department_units");
    struct voucher voucher = voucher_of("00000000000000000000000000000003", 100);
    REQUIRE(in_txn(add, &voucher) == OK);
    CHECK_EQ(asked(0, code), OK); // a voucher pays before the budget
    REQUIRE(in_txn(serve, NULL) == OK);
    CHECK_EQ(month_of(USAGE_TENANT, 2).tokens, 900);
    CHECK_EQ(verify(&state, &fault), OK);
    end();
}

static enum err member_put(struct store_txn *txn, void *ctx) {
    return member_save(txn, ctx);
}

static void served_models_have_bounds_of_their_own(void) {
    struct asking asking = {.wish = {.question = {.person = 7, .now_ms = NOW_MS}, .served = true}};
    struct member member = {7, 3, caps_none};
    member.caps.of[CAP_TOKENS_DAY] = 1000;
    REQUIRE(begin() && in_txn(policy_make, NULL) == OK);
    REQUIRE(in_txn(member_put, &member) == OK);
    CHECK_EQ(in_txn(ask, &asking), OK);
    REQUIRE(in_txn(serve, NULL) == OK);
    CHECK_EQ(in_txn(ask, &asking), OK);
    REQUIRE(in_txn(serve, NULL) == OK);
    CHECK_EQ(in_txn(ask, &asking), ERR_LIMIT);
    CHECK_STR(asking.fault.code, "limit.served_day");
    clock_set_for_test(NOW_MS + 24 * HOUR_MS);
    asking.fault = (struct fault){0};
    asking.wish.question.now_ms += 24 * HOUR_MS;
    CHECK_EQ(in_txn(ask, &asking), OK); // tomorrow again
    end();
}

// ---- anything, in any order -------------------------------------------------------------------

// One random step, with memory that may fail in the middle of it: it happens whole or not at all.
struct chance {
    uint64_t kind, job, attempt, person, fail_after, voucher;
    int64_t hours, units;
    bool fault, expires;
};

static enum err chance_do(struct store_txn *txn, struct chance *chance) {
    struct usage_attempt attempt = attempt_of(chance->job, chance->attempt, chance->hours);
    struct voucher voucher;
    char serial[VOUCHER_SERIAL_SIZE];
    struct member member = {chance->person, 1 + chance->units % 3u, caps_none};
    switch (chance->kind) {
    case 0:
        snprintf(serial, sizeof serial, "%032llx", (unsigned long long)check_random());
        voucher = voucher_of(serial, 1 + chance->units);
        voucher.use = USE_ANY;
        voucher.job_cap = chance->fault ? 1 + chance->units / 3 : 0;
        if (chance->expires) voucher.until_ms = NOW_MS - HOUR_MS;
        return voucher_add(txn, &voucher);
    case 1: {
        enum err err = voucher_load(txn, arena, chance->voucher, &voucher);
        if (err == OK) err = voucher_revoke(txn, &voucher, STR("li.na"), STR("x"));
        return err == ERR_NOT_FOUND || err == ERR_CONFLICT ? OK : err;
    }
    case 2: return member_save(txn, &member);
    case 3: return usage_served(txn, chance->person, STR("zhang"), 10, 1);
    default:
        attempt.person = chance->person;
        attempt.box_fault = chance->fault;
        return usage_record(txn, arena, &attempt);
    }
}

static enum err chance_step(struct store_txn *txn, void *ctx) {
    struct chance *chance = ctx;
    memory_fail_after(chance->fail_after);
    enum err err = chance_do(txn, chance);
    memory_fail_after(UINT64_MAX);
    return err;
}

static bool never_negative(void *ctx, const struct voucher *voucher) {
    bool *good = ctx;
    *good = voucher->left >= 0 && voucher->left <= voucher->units;
    return *good;
}

static void sums_hold_whatever_happens(void) {
    struct ledger_state state;
    struct fault fault;
    REQUIRE(begin() && in_txn(policy_make, NULL) == OK);
    uint64_t failed = 0;
    for (uint64_t i = 1; i <= 400; i++) {
        struct chance chance = {
            .kind = check_below(9),
            .job = 1 + check_below(20),
            .attempt = i, // never the same twice
            .person = 6 + check_below(3),
            .fail_after = check_below(4) ? UINT64_MAX : check_below(40),
            .voucher = 1 + check_below(30),
            .hours = (int64_t)check_below(5),
            .units = (int64_t)check_below(4 * MICRO),
            .fault = check_below(3) == 0,
            .expires = check_below(4) == 0,
        };
        enum err err = in_txn(chance_step, &chance);
        failed += err != OK;
        CHECK(err == OK || err == ERR_MEMORY);
        if (i % 20 == 0 && !CHECK_EQ(verify(&state, &fault), OK)) break;
    }
    CHECK(failed > 0);
    CHECK_EQ(verify(&state, &fault), OK);
    CHECK_STR(fault.code, "");
    struct usage_sum sum = month_of(USAGE_TENANT, 1), below = month_of(USAGE_TENANT, 2);
    CHECK_EQ(sum.units + below.units, state.units); // 3 lies below 2
    struct store_txn *txn;
    bool good = true;
    REQUIRE(store_read_begin(store, &txn) == OK);
    CHECK_EQ(vouchers_scan(txn, arena, never_negative, &good), OK);
    CHECK(good);
    store_read_end(txn);
    end();
}

int main(void) {
    CHECK_RUN(versions_are_kept);
    CHECK_RUN(what_does_not_add_up_is_found);
    CHECK_RUN(an_attempt_costs_what_it_held);
    CHECK_RUN(a_day_begins_where_the_policy_says);
    CHECK_RUN(whatever_is_altered_is_seen);
    CHECK_RUN(vouchers_pay_first_and_come_back);
    CHECK_RUN(a_text_is_what_was_signed);
    CHECK_RUN(limits_refuse);
    CHECK_RUN(served_models_have_bounds_of_their_own);
    CHECK_RUN(sums_hold_whatever_happens);
    return check_done();
}
