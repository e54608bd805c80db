// Usage as people see it: their own share, what was used by day and month, the report of a month,
// the ledger and whether it is whole.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "allocation/voucher.h"
#include "base/file.h"
#include "flow/jobs/storage.h"
#include "flow/models/language_usage.h"

enum { DAYS_SHOWN = 62, MONTHS_SHOWN = 24, CSV_BYTES_MAX = 256 << 20 };
#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define OFFICERS (ROLE_SYSTEM | ROLE_SECURITY | ROLE_AUDIT)

static void sum_write(struct json_writer *out, const struct usage_sum *sum) {
    json_set_i64(out, "units", sum->units);
    json_set_i64(out, "voucher_units", sum->voucher_units);
    for (int i = 0; i < SHARE_COUNT; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s_ms", share_name((enum share)i));
        json_set_i64(out, name, sum->amount_ms[i]);
    }
    json_set_u64(out, "attempts", sum->attempts);
    json_set_u64(out, "tokens", sum->tokens);
    json_set_u64(out, "requests", sum->requests);
}

// ---- my share --------------------------------------------------------------------------------

static bool limit_write(void *ctx, const struct usage_limit *limit) {
    struct json_writer *out = ctx;
    json_open_object(out);
    json_set_text(out, "of", limit->of == USAGE_PERSON ? STR("person") : STR("department"));
    json_set_text(out, "name", limit->name);
    json_set_text(out, "cap", str_of(cap_name(limit->cap)));
    json_set_i64(out, "used", limit->used);
    json_set_i64(out, "most", limit->most);
    json_close_object(out);
    return true;
}

static void shares_write(struct json_writer *out, const char *name, const int64_t *amount) {
    json_put_name(out, name);
    json_open_object(out);
    for (int i = 0; i < SHARE_COUNT; i++) json_set_i64(out, share_name((enum share)i), amount[i]);
    json_close_object(out);
}

static void chain_write(struct json_writer *out, const struct policy *policy,
                        const struct tenant *tenant) {
    json_put_name(out, "tenants");
    json_open_array(out);
    for (; tenant; tenant = policy_parent(policy, tenant)) {
        json_open_object(out);
        json_set_u64(out, "id", tenant->id);
        json_set_text(out, "name", tenant->name);
        json_set_text(out, "kind", str_of(tenant_kind_name(tenant->kind)));
        if (tenant->has_quota) {
            shares_write(out, "quota", tenant->quota);
        } else {
            json_set_null(out, "quota");
        }
        shares_write(out, "limit", tenant->limit);
        json_set_u64(out, "weight", tenant->weight);
        json_set_bool(out, "may_lend", tenant->may_lend);
        json_set_bool(out, "may_borrow", tenant->may_borrow);
        json_set_u64(out, "billing_permille", tenant->billing_permille);
        json_close_object(out);
    }
    json_close_array(out);
}

static enum err share_write(struct store_txn *txn, struct call *call, struct arena *arena) {
    struct json_writer *out = call->out;
    struct storage storage = {0};
    struct policy policy;
    struct member member;
    struct usage_sum month;
    int64_t left = 0;
    uint64_t jobs = 0, person = call->actor.person_id;
    enum err err = policy_load(txn, arena, &policy);
    if (err == OK) err = member_load(txn, person, &member);
    if (err == OK) err = storage_count(txn, arena, &storage);
    if (err == OK) err = usage_jobs_get(txn, USAGE_PERSON, person, &jobs);
    if (err != OK) return err;
    const struct tenant *tenant = policy_tenant_or_default(&policy, member.tenant);
    uint64_t now_month = usage_month(&policy, clock_now_ms());
    err = usage_get(txn, USAGE_PERSON, person, now_month, &month);
    if (err == OK) {
        err = vouchers_left(txn, arena, &policy, person, tenant->id, STR_NONE, &left);
    }
    if (err != OK) return err;
    json_open_object(out);
    json_set_u64(out, "month", now_month);
    chain_write(out, &policy, tenant);
    shares_write(out, "rate_micro", policy.rate_micro);
    json_put_name(out, "used");
    json_open_object(out);
    sum_write(out, &month);
    json_close_object(out);
    json_set_u64(out, "jobs", jobs);
    json_set_i64(out, "storage_bytes", storage_of(&storage, USAGE_PERSON, person));
    json_set_i64(out, "voucher_units_left", left);
    json_put_name(out, "limits");
    json_open_array(out);
    struct usage_question question = {.person = person,
                                      .now_ms = clock_now_ms(),
                                      .storage = storage_answer,
                                      .storage_ctx = &storage};
    err = usage_limits(txn, arena, &question, limit_write, out);
    json_close_array(out);
    json_close_object(out);
    return err;
}

// Runs one reading of the store with an arena of its own.
static enum err reading(struct flow *flow, struct call *call,
                        enum err (*write)(struct store_txn *txn, struct call *call,
                                          struct arena *arena)) {
    struct arena *arena;
    struct store_txn *txn;
    enum err err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) return err;
    (void)!language_usage_flush(flow); // a full disk is no reason to show nothing
    err = store_read_begin(flow->store, &txn);
    if (err == OK) {
        err = write(txn, call, arena);
        store_read_end(txn);
    }
    arena_close(arena);
    return err == OK ? answer_end(call) : store_explain(err, call->fault);
}

enum err flow_share(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    return err == OK ? reading(flow, call, share_write) : err;
}

// ---- by day and month ------------------------------------------------------------------------

static bool period_write(void *ctx, uint64_t period, const struct usage_sum *sum) {
    struct json_writer *out = ctx;
    json_open_object(out);
    json_set_u64(out, "period", period);
    sum_write(out, sum);
    json_close_object(out);
    return true;
}

static enum err usage_write(struct store_txn *txn, struct call *call, struct arena *arena) {
    struct json_writer *out = call->out;
    struct policy policy;
    uint64_t tenant = 0, id = call->actor.person_id;
    enum err err = call_query_u64(call, "tenant", 1, INT64_MAX, 0, &tenant);
    if (err == OK && tenant) err = allow(call, OFFICERS);
    if (err == OK) err = policy_load(txn, arena, &policy);
    if (err == OK && tenant && !policy_tenant(&policy, tenant)) {
        err = fault_set(call->fault, ERR_NOT_FOUND, "policy.no_such_tenant", STR_NONE);
    }
    if (err != OK) return err;
    enum usage_of of = tenant ? USAGE_TENANT : USAGE_PERSON;
    if (tenant) id = tenant;
    int64_t now_ms = clock_now_ms();
    uint64_t today = usage_day(&policy, now_ms), month = usage_month(&policy, now_ms);
    json_open_object(out);
    json_set_u64(out, "today", today);
    json_put_name(out, "days");
    json_open_array(out);
    err = usage_periods(txn, of, id, usage_day(&policy, now_ms - (DAYS_SHOWN - 1) * DAY_MS), today,
                        period_write, out);
    json_close_array(out);
    json_put_name(out, "months");
    json_open_array(out);
    if (err == OK) {
        err = usage_periods(txn, of, id, month - MONTHS_SHOWN / 12 * 100, month, period_write, out);
    }
    json_close_array(out);
    json_close_object(out);
    return err;
}

enum err flow_usage(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    return err == OK ? reading(flow, call, usage_write) : err;
}

// ---- a month's report ------------------------------------------------------------------------

struct report {
    struct store_txn *txn;
    struct storage storage;
    uint64_t month, tenant; // tenant 0: all
    struct json_writer *out;
    struct buf *csv;
    enum err err;
};

static bool is_below(const struct policy *policy, uint64_t tenant, uint64_t above) {
    const struct tenant *up = policy_tenant(policy, tenant);
    while (up && up->id != above) up = policy_parent(policy, up);
    return above == 0 || up != NULL;
}

static bool row_write(void *ctx, const struct usage_row *row) {
    struct report *report = ctx;
    struct json_writer *out = report->out;
    char path[TENANT_PATH_BYTES];
    if (!is_below(&report->storage.policy, row->tenant, report->tenant)) return true;
    view_tenant_path(&report->storage.policy, row->tenant, path);
    json_open_object(out);
    json_set_u64(out, "tenant", row->tenant);
    json_set_text(out, "path", str_of(path));
    json_set_u64(out, "person", row->person);
    json_set_text(out, "name", row->person_name);
    sum_write(out, &row->sum);
    json_close_object(out);
    return true;
}

static enum err departments_write(struct report *report) {
    const struct policy *policy = &report->storage.policy;
    struct json_writer *out = report->out;
    enum err err = OK;
    for (uint32_t i = 0; i < policy->count && err == OK; i++) {
        const struct tenant *tenant = &policy->tenants[i];
        struct usage_sum sum;
        char path[TENANT_PATH_BYTES];
        if (!is_below(policy, tenant->id, report->tenant)) continue;
        err = usage_get(report->txn, USAGE_TENANT, tenant->id, report->month, &sum);
        if (err != OK) break;
        policy_path(policy, tenant, path);
        json_open_object(out);
        json_set_u64(out, "tenant", tenant->id);
        json_set_u64(out, "parent", tenant->parent);
        json_set_text(out, "path", str_of(path));
        sum_write(out, &sum);
        json_set_i64(out, "storage_bytes", storage_of(&report->storage, USAGE_TENANT, tenant->id));
        json_set_i64(out, "units_most", tenant->caps.of[CAP_UNITS_MONTH]);
        json_close_object(out);
    }
    return err;
}

static enum err report_asked(struct store_txn *txn, struct call *call, struct arena *arena,
                             struct report *out) {
    *out = (struct report){.txn = txn, .out = call->out};
    enum err err = storage_count(txn, arena, &out->storage);
    if (err != OK) return err;
    uint64_t now = usage_month(&out->storage.policy, clock_now_ms());
    err = call_query_u64(call, "month", 190001, 999912, now, &out->month);
    return err == OK ? call_query_u64(call, "tenant", 0, INT64_MAX, 0, &out->tenant) : err;
}

static enum err report_write(struct store_txn *txn, struct call *call, struct arena *arena) {
    struct report report;
    struct json_writer *out = call->out;
    enum err err = report_asked(txn, call, arena, &report);
    if (err != OK) return err;
    json_open_object(out);
    json_set_u64(out, "month", report.month);
    json_put_name(out, "departments");
    json_open_array(out);
    err = departments_write(&report);
    json_close_array(out);
    json_put_name(out, "people");
    json_open_array(out);
    if (err == OK) err = usage_month_scan(txn, report.month, row_write, &report);
    json_close_array(out);
    json_close_object(out);
    return err;
}

enum err flow_usage_report(struct flow *flow, struct call *call) {
    enum err err = allow(call, OFFICERS);
    return err == OK ? reading(flow, call, report_write) : err;
}

static bool row_csv(void *ctx, const struct usage_row *row) {
    struct report *report = ctx;
    struct buf *csv = report->csv;
    char path[TENANT_PATH_BYTES];
    if (!is_below(&report->storage.policy, row->tenant, report->tenant)) return true;
    view_tenant_path(&report->storage.policy, row->tenant, path);
    buf_printf(csv, "%" PRIu64 ",", row->month);
    view_csv_cell(csv, str_of(path));
    buf_add_char(csv, ',');
    view_csv_cell(csv, row->person_name);
    buf_printf(csv, ",%" PRIu64 ",%" PRId64 ",%" PRId64, row->sum.attempts, row->sum.units,
               row->sum.voucher_units);
    for (int i = 0; i < SHARE_COUNT; i++) buf_printf(csv, ",%" PRId64, row->sum.amount_ms[i]);
    buf_printf(csv, ",%" PRIu64 ",%" PRIu64 ",%" PRId64 "\r\n", row->sum.tokens, row->sum.requests,
               storage_of(&report->storage, USAGE_PERSON, row->person));
    return buf_err(csv) == OK;
}

static enum err csv_write(struct report *report) {
    buf_add_text(report->csv, "\xef\xbb\xbfmonth,department,person,attempts,units_micro,"
                              "voucher_units_micro,cpu_milli_ms,memory_mib_ms,disk_mib_ms,"
                              "device_milli_ms,tokens,requests,storage_bytes\r\n");
    enum err err = usage_month_scan(report->txn, report->month, row_csv, report);
    return err == OK ? buf_err(report->csv) : err;
}

enum err flow_usage_csv(struct store *store, uint64_t month, struct str department, struct buf *out,
                        struct fault *fault) {
    struct arena *arena;
    struct report report = {.csv = out};
    enum err err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) return err;
    err = store_read_begin(store, &report.txn);
    if (err == OK) {
        err = storage_count(report.txn, arena, &report.storage);
        const struct tenant *tenant = NULL;
        if (err == OK && department.size) {
            tenant = policy_named(&report.storage.policy, department);
            if (!tenant) err = fault_set(fault, ERR_INPUT, "policy.no_such_tenant", department);
        }
        report.tenant = tenant ? tenant->id : 0;
        report.month = month;
        if (err == OK && !month) {
            report.month = usage_month(&report.storage.policy, clock_now_ms());
        }
        if (err == OK) err = csv_write(&report);
        store_read_end(report.txn);
    }
    arena_close(arena);
    return store_explain(err, fault);
}

enum err flow_usage_download(struct flow *flow, struct call *call, struct flow_download *out) {
    struct flow_download download = {.content_type = "text/csv; charset=utf-8"};
    struct arena *arena;
    struct store_txn *txn;
    struct buf csv;
    struct report report = {0};
    char mark[13];
    enum err err = allow(call, OFFICERS);
    if (err == OK) err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) return err;
    buf_open(&csv, CSV_BYTES_MAX);
    err = store_read_begin(flow->store, &txn);
    if (err == OK) {
        err = report_asked(txn, call, arena, &report);
        report.csv = &csv;
        if (err == OK) err = csv_write(&report);
        store_read_end(txn);
    }
    random_code(mark, sizeof mark - 1);
    snprintf(download.name, sizeof download.name, "usage-%" PRIu64 ".csv", report.month);
    snprintf(download.path, sizeof download.path, "%s/exports/usage-%s.csv", store_dir(flow->store),
             mark);
    if (err == OK) err = file_write(download.path, buf_str(&csv), call->fault);
    if (err == OK) err = audit_note(flow, call, "usage.export", "month", report.month, STR_NONE);
    buf_close(&csv);
    arena_close(arena);
    if (err == OK) *out = download;
    return store_explain(err, call->fault);
}

// ---- the ledger ------------------------------------------------------------------------------

struct entries {
    struct json_writer *out;
    uint64_t size, count, last;
    bool more;
};

static bool entry_write(void *ctx, const struct ledger_entry *entry) {
    struct entries *entries = ctx;
    struct json_writer *out = entries->out;
    if (entries->count == entries->size) {
        entries->more = true;
        return false;
    }
    entries->count++;
    entries->last = entry->sequence;
    json_open_object(out);
    json_set_u64(out, "sequence", entry->sequence);
    json_set_i64(out, "time_ms", entry->time_ms);
    json_set_text(out, "kind", str_of(ledger_kind_name(entry->kind)));
    json_set_u64(out, "job", entry->job);
    json_set_u64(out, "attempt", entry->attempt);
    json_set_text(out, "step", entry->step);
    json_set_text(out, "person", entry->person_name);
    json_set_text(out, "path", entry->tenant_path);
    json_set_u64(out, "voucher", entry->voucher);
    json_set_i64(out, "units", entry->units);
    json_set_i64(out, "voucher_units", entry->voucher_units);
    view_hash(out, "hash", &entry->own);
    json_close_object(out);
    return true;
}

static enum err ledger_write(struct store_txn *txn, struct call *call, struct arena *arena) {
    struct entries entries = {.out = call->out};
    uint64_t before;
    (void)arena;
    enum err err = call_query_u64(call, "before", 1, INT64_MAX, 0, &before);
    if (err == OK) err = call_query_u64(call, "size", 1, 200, 50, &entries.size);
    if (err != OK) return err;
    json_open_object(call->out);
    json_put_name(call->out, "items");
    json_open_array(call->out);
    err = ledger_scan(txn, before, entry_write, &entries);
    json_close_array(call->out);
    if (entries.more) {
        json_set_u64(call->out, "next", entries.last);
    } else {
        json_set_null(call->out, "next");
    }
    json_close_object(call->out);
    return err;
}

enum err flow_usage_ledger(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_SYSTEM | ROLE_AUDIT);
    return err == OK ? reading(flow, call, ledger_write) : err;
}

static enum err verify_write(struct store_txn *txn, struct call *call, struct arena *arena) {
    struct json_writer *out = call->out;
    struct ledger_state state = {0};
    struct fault fault = {0};
    enum err err = ledger_verify(txn, arena, &state, &fault);
    if (err != OK && err != ERR_CORRUPT) return err;
    json_open_object(out);
    json_set_bool(out, "ok", err == OK);
    json_set_u64(out, "count", state.count);
    json_set_i64(out, "units", state.units);
    json_set_i64(out, "voucher_units", state.voucher_units);
    view_hash(out, "head", &state.head);
    json_put_name(out, "fault");
    if (err == OK) {
        json_put_null(out);
    } else {
        json_put_fault(out, &fault);
    }
    json_close_object(out);
    return OK;
}

enum err flow_usage_verify(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_SYSTEM | ROLE_AUDIT);
    return err == OK ? reading(flow, call, verify_write) : err;
}
