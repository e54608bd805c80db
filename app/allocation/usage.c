// The sums beside the ledger, and the booking of an attempt. Keys of TABLE_USAGE:
//   'P' person period    'T' tenant period    a day (20261125) or a month (202611)
//   'L' month tenant person                   the rows of a month's report
//   'J' 'P' person       'J' 'T' tenant       jobs that have not ended
//   'S'                                       everything ever booked
//   'V' job voucher                           what a job took out of a voucher (voucher.c)
#include "allocation/usage.h"

#include <string.h>

#include "allocation/voucher.h"
#include "base/clock.h"

enum { USAGE_VERSION = 1 };
#define HOUR_MS ((int64_t)3600 * 1000)
#define DAY_MS (24 * HOUR_MS)

// ---- periods ---------------------------------------------------------------------------------

static void civil(const struct policy *policy, int64_t time_ms, int64_t *year, unsigned *month,
                  unsigned *day) {
    int64_t local_ms = time_ms + policy->utc_offset_minutes * 60 * 1000;
    int64_t days = local_ms >= 0 ? local_ms / DAY_MS : -((-local_ms + DAY_MS - 1) / DAY_MS);
    civil_from_days(days, year, month, day);
}

uint64_t usage_month(const struct policy *policy, int64_t time_ms) {
    int64_t year;
    unsigned month, day;
    civil(policy, time_ms, &year, &month, &day);
    return (uint64_t)year * 100 + month;
}

uint64_t usage_day(const struct policy *policy, int64_t time_ms) {
    int64_t year;
    unsigned month, day;
    civil(policy, time_ms, &year, &month, &day);
    return ((uint64_t)year * 100 + month) * 100 + day;
}

// ---- keys and records ------------------------------------------------------------------------

static void key_add(struct key *key, uint64_t number) {
    struct key part = key_of_id(number);
    memcpy(key->bytes + key->size, part.bytes, part.size);
    key->size += part.size;
}

static struct key period_key(enum usage_of of, uint64_t id, uint64_t period) {
    struct key key = {.bytes = {of == USAGE_PERSON ? 'P' : 'T'}, .size = 1};
    key_add(&key, id);
    key_add(&key, period);
    return key;
}

static struct key row_key(uint64_t month, uint64_t tenant, uint64_t person) {
    struct key key = {.bytes = {'L'}, .size = 1};
    key_add(&key, month);
    key_add(&key, tenant);
    key_add(&key, person);
    return key;
}

static struct key jobs_key(enum usage_of of, uint64_t id) {
    struct key key = {.bytes = {'J', of == USAGE_PERSON ? 'P' : 'T'}, .size = 2};
    key_add(&key, id);
    return key;
}

static struct key total_key(void) {
    return (struct key){.bytes = {'S'}, .size = 1};
}

static enum err sum_read(struct record_reader *record, struct usage_sum *out, struct str *name) {
    struct usage_sum sum = {0};
    *name = record_get_str(record);
    sum.units = record_get_i64(record);
    sum.voucher_units = record_get_i64(record);
    for (int i = 0; i < SHARE_COUNT; i++) sum.amount_ms[i] = record_get_i64(record);
    sum.attempts = record_get_u64(record);
    sum.tokens = record_get_u64(record);
    sum.requests = record_get_u64(record);
    enum err err = record_end(record);
    if (err == OK) *out = sum;
    return err;
}

static enum err sum_get(struct store_txn *txn, struct key key, struct usage_sum *out) {
    struct record_reader record;
    struct str name;
    enum err err = store_get(txn, TABLE_USAGE, key, &record);
    *out = (struct usage_sum){0};
    if (err == ERR_NOT_FOUND) return OK;
    return err == OK ? sum_read(&record, out, &name) : err;
}

static enum err sum_add(struct store_txn *txn, struct key key, struct str name,
                        const struct usage_sum *more) {
    struct usage_sum sum;
    enum err err = sum_get(txn, key, &sum);
    if (err != OK) return err;
    struct buf fields;
    buf_open(&fields, 4096);
    struct record_writer writer = {&fields};
    record_put_str(&writer, name);
    record_put_i64(&writer, sum.units + more->units);
    record_put_i64(&writer, sum.voucher_units + more->voucher_units);
    for (int i = 0; i < SHARE_COUNT; i++) {
        record_put_i64(&writer, sum.amount_ms[i] + more->amount_ms[i]);
    }
    record_put_u64(&writer, sum.attempts + more->attempts);
    record_put_u64(&writer, sum.tokens + more->tokens);
    record_put_u64(&writer, sum.requests + more->requests);
    err = buf_err(&fields);
    if (err == OK) err = store_put(txn, TABLE_USAGE, key, USAGE_VERSION, &fields);
    buf_close(&fields);
    return err;
}

// ---- booking ---------------------------------------------------------------------------------

// Who, where and when: what every sum of a booking hangs on.
struct place {
    const struct policy *policy;
    const struct tenant *tenant;
    uint64_t person;
    struct str name;
    uint64_t day, month;
};

static enum err sums_add(struct store_txn *txn, const struct place *place,
                         const struct usage_sum *more) {
    struct key keys[2 * (TENANT_DEPTH_MAX + 1) + 2];
    uint32_t count = 0;
    keys[count++] = row_key(place->month, place->tenant->id, place->person);
    keys[count++] = total_key();
    keys[count++] = period_key(USAGE_PERSON, place->person, place->day);
    keys[count++] = period_key(USAGE_PERSON, place->person, place->month);
    const struct tenant *up = place->tenant;
    for (int i = 0; up && i < TENANT_DEPTH_MAX; i++, up = policy_parent(place->policy, up)) {
        keys[count++] = period_key(USAGE_TENANT, up->id, place->day);
        keys[count++] = period_key(USAGE_TENANT, up->id, place->month);
    }
    enum err err = OK;
    for (uint32_t i = 0; i < count && err == OK; i++) {
        err = sum_add(txn, keys[i], i == 0 ? place->name : STR(""), more);
    }
    return err;
}

// Holds the policy until place_leave; nothing after an error.
static enum err place_find(struct store_txn *txn, uint64_t person, uint64_t tenant, int64_t time_ms,
                           struct place *out) {
    const struct policy *policy;
    struct member member;
    enum err err = policy_borrow(txn, &policy);
    if (err == OK) err = member_load(txn, person, &member);
    if (err != OK) {
        policy_return(policy);
        return err;
    }
    *out = (struct place){
        .policy = policy,
        .tenant = policy_tenant_or_default(policy, tenant ? tenant : member.tenant),
        .person = person,
        .name = STR(""),
        .day = usage_day(policy, time_ms),
        .month = usage_month(policy, time_ms),
    };
    return OK;
}

static void place_leave(struct place *place) {
    policy_return(place->policy);
}

int64_t usage_price(const struct policy *policy, const struct tenant *tenant,
                    const int64_t amount_ms[static SHARE_COUNT]) {
    // An hour of one processor, one GiB, one accelerator.
    static const int64_t unit[SHARE_COUNT] = {1000, 1024, 1024, 1000};
    __int128 sum = 0;
    for (int i = 0; i < SHARE_COUNT; i++) {
        __int128 cost = (__int128)amount_ms[i] * policy->rate_micro[i];
        cost = cost * (__int128)tenant->billing_permille / 1000;
        sum += cost / ((__int128)unit[i] * HOUR_MS);
    }
    return sum > POLICY_UNITS_MAX ? POLICY_UNITS_MAX : (int64_t)sum;
}

static void entry_fill(struct ledger_entry *entry, const struct usage_attempt *attempt,
                       const struct place *place, char path[static TENANT_PATH_BYTES]) {
    policy_path(place->policy, place->tenant, path);
    *entry = (struct ledger_entry){
        .kind = LEDGER_ATTEMPT,
        .job = attempt->job,
        .attempt = attempt->attempt,
        .step = attempt->step,
        .person = attempt->person,
        .person_name = attempt->person_name,
        .tenant = place->tenant->id,
        .tenant_path = str_of(path),
        .month = place->month,
    };
    int64_t ran_ms = attempt->ended_ms - attempt->started_ms;
    for (int i = 0; i < SHARE_COUNT; i++) {
        bool fits = ran_ms > 0 && attempt->amount[i] > 0 &&
                    attempt->amount[i] < ((int64_t)1 << 62) / ran_ms;
        entry->amount_ms[i] = fits ? attempt->amount[i] * ran_ms : 0;
    }
    entry->units = usage_price(place->policy, place->tenant, entry->amount_ms);
}

// One line of the ledger and its sums. A refund is the same with its signs turned.
static enum err entry_book(struct store_txn *txn, const struct place *place,
                           const struct ledger_entry *entry) {
    int64_t sign = entry->kind == LEDGER_REFUND ? 0 : 1;
    struct usage_sum sum = {
        .units = entry->units,
        .voucher_units = entry->voucher_units,
        .attempts = (uint64_t)sign,
        .tokens = entry->tokens,
        .requests = entry->requests,
    };
    for (int i = 0; i < SHARE_COUNT; i++) sum.amount_ms[i] = entry->amount_ms[i] * sign;
    enum err err = ledger_append(txn, entry);
    return err == OK ? sums_add(txn, place, &sum) : err;
}

static enum err attempt_book(struct store_txn *txn, struct arena *arena,
                             const struct usage_attempt *attempt, const struct place *place) {
    struct ledger_entry entry;
    char path[TENANT_PATH_BYTES];
    entry_fill(&entry, attempt, place, path);
    struct voucher_bill bill = {
        .job = attempt->job,
        .attempt = attempt->attempt,
        .person = attempt->person,
        .tenant = entry.tenant,
        .step = attempt->step,
        .person_name = attempt->person_name,
        .tenant_path = entry.tenant_path,
        .month = entry.month,
        .started_ms = attempt->started_ms,
        .units = entry.units,
    };
    enum err err = vouchers_pay(txn, arena, place->policy, &bill, false, &entry.voucher_units);
    if (err == OK) err = entry_book(txn, place, &entry);
    if (err != OK || !attempt->box_fault) return err;
    int64_t back = 0;
    err = vouchers_pay(txn, arena, place->policy, &bill, true, &back);
    if (err == OK && back != entry.voucher_units) err = ERR_CORRUPT;
    entry.kind = LEDGER_REFUND;
    entry.units = -entry.units;
    entry.voucher_units = -entry.voucher_units;
    return err == OK ? entry_book(txn, place, &entry) : err;
}

enum err usage_record(struct store_txn *txn, struct arena *arena,
                      const struct usage_attempt *attempt) {
    struct place place;
    if (attempt->started_ms == 0) return OK;
    enum err err = place_find(txn, attempt->person, attempt->tenant, attempt->ended_ms, &place);
    if (err != OK) return err;
    place.name = attempt->person_name;
    err = attempt_book(txn, arena, attempt, &place);
    place_leave(&place);
    return err;
}

enum err usage_served(struct store_txn *txn, uint64_t person, struct str person_name,
                      uint64_t tokens, uint64_t requests) {
    struct place place;
    char path[TENANT_PATH_BYTES];
    enum err err = place_find(txn, person, 0, clock_now_ms(), &place);
    if (err != OK) return err;
    place.name = person_name;
    policy_path(place.policy, place.tenant, path);
    struct ledger_entry entry = {
        .kind = LEDGER_SERVE,
        .step = STR("serve"),
        .person = person,
        .person_name = person_name,
        .tenant = place.tenant->id,
        .tenant_path = str_of(path),
        .tokens = tokens,
        .requests = requests,
        .month = place.month,
    };
    struct usage_sum sum = {.tokens = tokens, .requests = requests};
    err = ledger_append(txn, &entry);
    if (err == OK) err = sums_add(txn, &place, &sum);
    place_leave(&place);
    return err;
}

// ---- jobs that have not ended ----------------------------------------------------------------

enum err usage_jobs_get(struct store_txn *txn, enum usage_of of, uint64_t id, uint64_t *out) {
    struct record_reader record;
    enum err err = store_get(txn, TABLE_USAGE, jobs_key(of, id), &record);
    uint64_t count = 0;
    if (err == OK) {
        count = record_get_u64(&record);
        err = record_end(&record);
    } else if (err == ERR_NOT_FOUND) {
        err = OK;
    }
    if (err == OK) *out = count;
    return err;
}

static enum err jobs_add(struct store_txn *txn, enum usage_of of, uint64_t id, int change) {
    uint64_t count = 0;
    enum err err = usage_jobs_get(txn, of, id, &count);
    if (err != OK) return err;
    // A job from before there were counters may end: it was never counted.
    if (change < 0) count -= count > 0;
    if (change > 0) count++;
    struct buf fields;
    buf_open(&fields, 64);
    record_put_u64(&(struct record_writer){&fields}, count);
    err = store_put(txn, TABLE_USAGE, jobs_key(of, id), USAGE_VERSION, &fields);
    buf_close(&fields);
    return err;
}

enum err usage_jobs(struct store_txn *txn, uint64_t person, uint64_t tenant, int change) {
    struct place place;
    enum err err = place_find(txn, person, tenant, 0, &place);
    if (err != OK) return err;
    err = jobs_add(txn, USAGE_PERSON, person, change);
    const struct tenant *up = place.tenant;
    for (int i = 0; up && i < TENANT_DEPTH_MAX && err == OK; i++) {
        err = jobs_add(txn, USAGE_TENANT, up->id, change);
        up = policy_parent(place.policy, up);
    }
    place_leave(&place);
    return err;
}

// ---- looking up ------------------------------------------------------------------------------

enum err usage_get(struct store_txn *txn, enum usage_of of, uint64_t id, uint64_t period,
                   struct usage_sum *out) {
    return sum_get(txn, period_key(of, id, period), out);
}

struct periods {
    char letter;
    uint64_t id, last;
    bool (*visit)(void *ctx, uint64_t period, const struct usage_sum *sum);
    void *ctx;
    enum err err;
};

static bool period_visit(void *ctx, struct str key, struct record_reader *record) {
    struct periods *periods = ctx;
    struct usage_sum sum;
    struct str name;
    if (key.size != 17 || key.data[0] != periods->letter) return false;
    uint64_t id = key_id((struct str){key.data + 1, 8});
    uint64_t period = key_id((struct str){key.data + 9, 8});
    if (id != periods->id || period > periods->last) return false;
    periods->err = sum_read(record, &sum, &name);
    return periods->err == OK && periods->visit(periods->ctx, period, &sum);
}

enum err usage_periods(struct store_txn *txn, enum usage_of of, uint64_t id, uint64_t first,
                       uint64_t last,
                       bool (*visit)(void *ctx, uint64_t period, const struct usage_sum *sum),
                       void *ctx) {
    struct periods periods = {of == USAGE_PERSON ? 'P' : 'T', id, last, visit, ctx, OK};
    enum err err =
        store_scan(txn, TABLE_USAGE, period_key(of, id, first), false, period_visit, &periods);
    return err == OK ? periods.err : err;
}

struct rows {
    uint64_t month;
    bool (*visit)(void *ctx, const struct usage_row *row);
    void *ctx;
    enum err err;
};

static bool row_visit(void *ctx, struct str key, struct record_reader *record) {
    struct rows *rows = ctx;
    struct usage_row row = {0};
    if (key.size != 25 || key.data[0] != 'L') return false;
    row.month = key_id((struct str){key.data + 1, 8});
    row.tenant = key_id((struct str){key.data + 9, 8});
    row.person = key_id((struct str){key.data + 17, 8});
    if (row.month != rows->month) return false;
    rows->err = sum_read(record, &row.sum, &row.person_name);
    return rows->err == OK && rows->visit(rows->ctx, &row);
}

enum err usage_month_scan(struct store_txn *txn, uint64_t month,
                          bool (*visit)(void *ctx, const struct usage_row *row), void *ctx) {
    struct rows rows = {month, visit, ctx, OK};
    enum err err = store_scan(txn, TABLE_USAGE, row_key(month, 0, 0), false, row_visit, &rows);
    return err == OK ? rows.err : err;
}

struct total {
    struct usage_sum rows;
    enum err err;
};

static bool total_visit(void *ctx, struct str key, struct record_reader *record) {
    struct total *total = ctx;
    struct usage_sum sum;
    struct str name;
    if (key.size != 25 || key.data[0] != 'L') return false;
    total->err = sum_read(record, &sum, &name);
    if (total->err != OK) return false;
    total->rows.units += sum.units;
    total->rows.voucher_units += sum.voucher_units;
    return true;
}

enum err usage_total(struct store_txn *txn, int64_t *out_units, int64_t *out_voucher_units) {
    struct total total = {0};
    struct usage_sum sum;
    enum err err = store_scan(txn, TABLE_USAGE, row_key(0, 0, 0), false, total_visit, &total);
    if (err == OK) err = total.err;
    if (err == OK) err = sum_get(txn, total_key(), &sum);
    // The rows of the months and the one sum of everything must say the same.
    bool same =
        err == OK && sum.units == total.rows.units && sum.voucher_units == total.rows.voucher_units;
    if (err == OK && !same) sum.units = INT64_MIN;
    if (err != OK) return err;
    *out_units = sum.units;
    *out_voucher_units = sum.voucher_units;
    return OK;
}
