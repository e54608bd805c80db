// Vouchers as records: added once, paid from, given back, revoked.
#include "allocation/voucher.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "allocation/ledger.h"
#include "base/clock.h"
#include "store/codec.h"

enum { VOUCHER_VERSION = 1, TAKEN_VERSION = 1, GOOD_MAX = 256 };

const char *voucher_use_name(enum voucher_use use) {
    static const char *const names[] = {"any", "cleanse", "train"};
    return names[use];
}

const char *voucher_holder_name(enum voucher_holder holder) {
    static const char *const names[] = {"department", "person"};
    return names[holder];
}

const char *voucher_state_name(enum voucher_state state) {
    static const char *const names[] = {"good", "early", "spent", "expired", "revoked", "away"};
    return names[state];
}

enum voucher_use voucher_use_of_step(struct str step) {
    if (str_is(step, "train") || str_is(step, "search")) return USE_TRAIN;
    bool cleanses = str_is(step, "import") || str_is(step, "check") || str_is(step, "cleanse");
    return cleanses ? USE_CLEANSE : USE_ANY;
}

enum voucher_state voucher_state(const struct voucher *voucher, int64_t now_ms) {
    if (voucher->revoked_ms) return VOUCHER_REVOKED;
    if (voucher->away) return VOUCHER_AWAY;
    if (voucher->left <= 0) return VOUCHER_SPENT;
    if (now_ms < voucher->from_ms) return VOUCHER_EARLY;
    return now_ms < voucher->until_ms ? VOUCHER_GOOD : VOUCHER_EXPIRED;
}

// ---- the record ------------------------------------------------------------------------------

static void voucher_fields(struct codec *c, struct voucher *v) {
    codec_u64(c, &v->id);
    codec_text(c, &v->serial);
    codec_text(c, &v->issuer);
    codec_text(c, &v->box);
    CODEC_ENUM(c, v->holder, voucher_holder, HOLDER_COUNT);
    codec_u64(c, &v->holder_id);
    codec_text(c, &v->holder_name);
    codec_i64(c, &v->units);
    codec_i64(c, &v->left);
    codec_i64(c, &v->from_ms);
    codec_i64(c, &v->until_ms);
    CODEC_ENUM(c, v->use, voucher_use, USE_COUNT);
    codec_i64(c, &v->job_cap);
    codec_i64(c, &v->created_ms);
    codec_u64(c, &v->actor_id);
    codec_text(c, &v->actor_name);
    codec_text(c, &v->text);
    codec_bool(c, &v->imported);
    codec_bool(c, &v->away);
    codec_i64(c, &v->revoked_ms);
    codec_text(c, &v->revoked_by);
    codec_text(c, &v->reason);
}

enum err voucher_read(struct record_reader *record, struct arena *arena, struct voucher *out) {
    struct codec codec = {.reader = record, .arena = arena};
    struct voucher voucher = {0};
    voucher_fields(&codec, &voucher);
    enum err err = codec_end(&codec);
    if (err == OK) *out = voucher;
    return err;
}

enum err voucher_load(struct store_txn *txn, struct arena *arena, uint64_t id,
                      struct voucher *out) {
    struct record_reader record;
    enum err err = store_get(txn, TABLE_VOUCHER, key_of_id(id), &record);
    return err == OK ? voucher_read(&record, arena, out) : err;
}

static enum err voucher_save(struct store_txn *txn, const struct voucher *voucher) {
    struct voucher copy = *voucher;
    struct buf fields;
    buf_open(&fields, 16 * 1024);
    struct codec codec = {.writer = &(struct record_writer){&fields}};
    voucher_fields(&codec, &copy);
    enum err err = buf_err(&fields);
    if (err == OK) {
        err = store_put(txn, TABLE_VOUCHER, key_of_id(copy.id), VOUCHER_VERSION, &fields);
    }
    buf_close(&fields);
    return err;
}

static enum err book(struct store_txn *txn, const struct voucher *voucher, enum ledger_kind kind,
                     int64_t units, const struct voucher_bill *bill) {
    struct ledger_entry entry = {
        .kind = kind,
        .voucher = voucher->id,
        .units = units,
        .person = voucher->holder == HOLDER_PERSON ? voucher->holder_id : 0,
        .tenant = voucher->holder == HOLDER_TENANT ? voucher->holder_id : 0,
        .person_name = voucher->holder == HOLDER_PERSON ? voucher->holder_name : STR(""),
        .tenant_path = voucher->holder == HOLDER_TENANT ? voucher->holder_name : STR(""),
        .step = STR(""),
    };
    if (bill) {
        entry.job = bill->job;
        entry.attempt = bill->attempt;
        entry.step = bill->step;
        entry.person = bill->person;
        entry.tenant = bill->tenant;
        entry.person_name = bill->person_name;
        entry.tenant_path = bill->tenant_path;
        entry.month = bill->month;
    }
    return ledger_append(txn, &entry);
}

enum err voucher_add(struct store_txn *txn, struct voucher *voucher) {
    char name[64];
    uint64_t known;
    if (store_count(txn, TABLE_VOUCHER) >= VOUCHERS_MAX) return ERR_LIMIT;
    snprintf(name, sizeof name, "voucher/serial/%.*s", STR_ARG(voucher->serial));
    enum err err = index_get(txn, str_of(name), &known);
    if (err != ERR_NOT_FOUND) return err == OK ? ERR_CONFLICT : err;
    err = store_next_id(txn, TABLE_VOUCHER, &voucher->id);
    if (err == OK) err = index_put(txn, str_of(name), voucher->id);
    voucher->left = voucher->away ? 0 : voucher->units;
    voucher->created_ms = clock_now_ms();
    if (err == OK) err = voucher_save(txn, voucher);
    if (err != OK || voucher->away) return err;
    return book(txn, voucher, voucher->imported ? LEDGER_VOUCHER_IMPORT : LEDGER_VOUCHER_ISSUE,
                voucher->units, NULL);
}

enum err voucher_revoke(struct store_txn *txn, struct voucher *voucher, struct str actor,
                        struct str reason) {
    if (voucher->revoked_ms) return ERR_CONFLICT;
    int64_t left = voucher->left;
    voucher->left = 0;
    voucher->revoked_ms = clock_now_ms();
    voucher->revoked_by = actor;
    voucher->reason = reason;
    enum err err = voucher_save(txn, voucher);
    return err == OK ? book(txn, voucher, LEDGER_VOUCHER_REVOKE, left, NULL) : err;
}

struct scan {
    struct arena *arena;
    bool (*visit)(void *ctx, const struct voucher *voucher);
    void *ctx;
    enum err err;
};

static bool scan_one(void *ctx, struct str key, struct record_reader *record) {
    struct scan *scan = ctx;
    struct voucher voucher;
    (void)key;
    scan->err = voucher_read(record, scan->arena, &voucher);
    return scan->err == OK && scan->visit(scan->ctx, &voucher);
}

enum err vouchers_scan(struct store_txn *txn, struct arena *arena,
                       bool (*visit)(void *ctx, const struct voucher *voucher), void *ctx) {
    struct scan scan = {arena, visit, ctx, OK};
    enum err err = store_scan(txn, TABLE_VOUCHER, (struct key){0}, false, scan_one, &scan);
    return err == OK ? scan.err : err;
}

// ---- paying ----------------------------------------------------------------------------------

static bool holds_it(const struct voucher *voucher, const struct policy *policy, uint64_t person,
                     uint64_t tenant) {
    if (voucher->holder == HOLDER_PERSON) return voucher->holder_id == person;
    const struct tenant *up = policy_tenant_or_default(policy, tenant);
    while (up && up->id != voucher->holder_id) up = policy_parent(policy, up);
    return up != NULL;
}

bool voucher_pays(const struct voucher *voucher, const struct policy *policy, uint64_t person,
                  uint64_t tenant, struct str step, int64_t at_ms) {
    bool use = voucher->use == USE_ANY || !step.data || voucher->use == voucher_use_of_step(step);
    return use && voucher_state(voucher, at_ms) == VOUCHER_GOOD &&
           holds_it(voucher, policy, person, tenant);
}

// What a job has taken out of a voucher so far: "V", job, voucher.
static struct key taken_key(uint64_t job, uint64_t voucher) {
    struct key key = {.bytes = {'V'}, .size = 1}, a = key_of_id(job), b = key_of_id(voucher);
    memcpy(key.bytes + 1, a.bytes, 8);
    memcpy(key.bytes + 9, b.bytes, 8);
    key.size = 17;
    return key;
}

static enum err taken_get(struct store_txn *txn, struct key key, int64_t *out_all,
                          int64_t *out_attempt, uint64_t *out_number) {
    struct record_reader record;
    enum err err = store_get(txn, TABLE_USAGE, key, &record);
    *out_all = *out_attempt = 0;
    *out_number = 0;
    if (err == ERR_NOT_FOUND) return OK;
    if (err != OK) return err;
    *out_all = record_get_i64(&record);
    *out_attempt = record_get_i64(&record);
    *out_number = record_get_u64(&record);
    return record_end(&record);
}

static enum err taken_put(struct store_txn *txn, struct key key, int64_t all, int64_t attempt,
                          uint64_t number) {
    struct buf fields;
    buf_open(&fields, 128);
    struct record_writer writer = {&fields};
    record_put_i64(&writer, all);
    record_put_i64(&writer, attempt);
    record_put_u64(&writer, number);
    enum err err = store_put(txn, TABLE_USAGE, key, TAKEN_VERSION, &fields);
    buf_close(&fields);
    return err;
}

struct paying {
    const struct policy *policy;
    const struct voucher_bill *bill;
    bool undo;
    struct {
        uint64_t id;
        int64_t until_ms;
    } good[GOOD_MAX];
    uint32_t count;
    int64_t left;
    struct str step;
    uint64_t person, tenant;
    int64_t at_ms;
};

// Keeps the list in the order in which they end.
static bool good_visit(void *ctx, const struct voucher *voucher) {
    struct paying *paying = ctx;
    bool pays = voucher_pays(voucher, paying->policy, paying->person, paying->tenant, paying->step,
                             paying->at_ms);
    if (!pays && !paying->undo) return true;
    paying->left += voucher->left;
    if (paying->count == GOOD_MAX) return true;
    uint32_t at = paying->count++;
    for (; at > 0 && paying->good[at - 1].until_ms > voucher->until_ms; at--) {
        paying->good[at] = paying->good[at - 1];
    }
    paying->good[at].id = voucher->id;
    paying->good[at].until_ms = voucher->until_ms;
    return true;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static enum err take_from(struct store_txn *txn, struct arena *arena, const struct paying *paying,
                          uint64_t id, int64_t *paid) {
    const struct voucher_bill *bill = paying->bill;
    struct voucher voucher;
    struct key key = taken_key(bill->job, id);
    int64_t all = 0, before = 0;
    uint64_t number = 0;
    enum err err = voucher_load(txn, arena, id, &voucher);
    if (err == OK) err = taken_get(txn, key, &all, &before, &number);
    if (err != OK) return err;
    int64_t part = least(bill->units - *paid, voucher.left);
    if (voucher.job_cap) part = least(part, voucher.job_cap - all);
    if (part <= 0) return OK;
    voucher.left -= part;
    *paid += part;
    err = voucher_save(txn, &voucher);
    if (err == OK) err = taken_put(txn, key, all + part, part, bill->attempt);
    return err == OK ? book(txn, &voucher, LEDGER_VOUCHER_USE, part, bill) : err;
}

static enum err give_back(struct store_txn *txn, struct arena *arena, const struct paying *paying,
                          uint64_t id, int64_t *paid) {
    const struct voucher_bill *bill = paying->bill;
    struct voucher voucher;
    struct key key = taken_key(bill->job, id);
    int64_t all = 0, part = 0;
    uint64_t number = 0;
    enum err err = taken_get(txn, key, &all, &part, &number);
    if (err != OK || part <= 0 || number != bill->attempt) return err;
    err = voucher_load(txn, arena, id, &voucher);
    if (err == OK) err = taken_put(txn, key, all - part, 0, number);
    if (err != OK) return err;
    *paid += part;
    // What comes back into a revoked one is void like the rest of it.
    bool revoked = voucher.revoked_ms != 0;
    if (!revoked) voucher.left += part;
    err = voucher_save(txn, &voucher);
    if (err == OK) err = book(txn, &voucher, LEDGER_VOUCHER_REFUND, part, bill);
    return err == OK && revoked ? book(txn, &voucher, LEDGER_VOUCHER_REVOKE, part, bill) : err;
}

// Of an undo: every voucher this job has taken from.
static bool taken_visit(void *ctx, struct str key, struct record_reader *record) {
    struct paying *paying = ctx;
    (void)record;
    bool same = key.size == 17 && key.data[0] == 'V' &&
                key_id((struct str){key.data + 1, 8}) == paying->bill->job;
    if (!same || paying->count == GOOD_MAX) return false;
    paying->good[paying->count++].id = key_id((struct str){key.data + 9, 8});
    return true;
}

enum err vouchers_pay(struct store_txn *txn, struct arena *arena, const struct policy *policy,
                      const struct voucher_bill *bill, bool undo, int64_t *out_units) {
    struct paying paying = {
        .policy = policy,
        .bill = bill,
        .undo = undo,
        .step = bill->step,
        .person = bill->person,
        .tenant = bill->tenant,
        .at_ms = bill->started_ms,
    };
    int64_t paid = 0;
    *out_units = 0;
    if (bill->units <= 0) return OK;
    enum err err =
        undo ? store_scan(txn, TABLE_USAGE, taken_key(bill->job, 0), false, taken_visit, &paying)
             : vouchers_scan(txn, arena, good_visit, &paying);
    for (uint32_t i = 0; i < paying.count && err == OK; i++) {
        err = undo ? give_back(txn, arena, &paying, paying.good[i].id, &paid)
                   : take_from(txn, arena, &paying, paying.good[i].id, &paid);
    }
    if (err == OK) *out_units = paid;
    return err;
}

enum err vouchers_left(struct store_txn *txn, struct arena *arena, const struct policy *policy,
                       uint64_t person, uint64_t tenant, struct str step, int64_t *out_units) {
    struct paying paying = {.policy = policy,
                            .step = step,
                            .person = person,
                            .tenant = tenant,
                            .at_ms = clock_now_ms()};
    enum err err = vouchers_scan(txn, arena, good_visit, &paying);
    if (err == OK) *out_units = paying.left;
    return err;
}
