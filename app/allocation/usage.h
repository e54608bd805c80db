// Usage: what an attempt cost, booked in the ledger and added to the sums that limits and reports
// look at: of a person and of each tenant upwards, by day and month; of a person in a tenant, by
// month; jobs that have not ended. Sums are written in the transaction of what they count, so they
// are exact after a crash. Numbers are whole: units in millionths. Depends on store/. Any thread.
#pragma once

#include "allocation/ledger.h"

struct usage_sum {
    int64_t units, voucher_units;   // all, and those of them that vouchers paid
    int64_t amount_ms[SHARE_COUNT]; // resource × milliseconds
    uint64_t attempts, tokens, requests;
};

// ---- periods ---------------------------------------------------------------------------------
// 20261125 and 202611, by the policy's clock.
uint64_t usage_day(const struct policy *policy, int64_t time_ms);
uint64_t usage_month(const struct policy *policy, int64_t time_ms);

// ---- booking ---------------------------------------------------------------------------------
struct usage_attempt {
    uint64_t job, attempt;
    struct str step;
    uint64_t person;
    struct str person_name;
    uint64_t tenant;              // 0: the person's
    int64_t started_ms, ended_ms; // not started: nothing is booked
    int64_t amount[SHARE_COUNT];  // what it held
    bool box_fault;               // booked and given back
};
// Millionths of a unit for amounts × milliseconds: each resource rounded down on its own.
int64_t usage_price(const struct policy *policy, const struct tenant *tenant,
                    const int64_t amount_ms[static SHARE_COUNT]);
// Once for each attempt, in the transaction that ends it: vouchers first, then the budget.
enum err usage_record(struct store_txn *txn, struct arena *arena,
                      const struct usage_attempt *attempt) MUST_USE;
// What a served model has done for a person, from the serving side: counted in the same sums.
enum err usage_served(struct store_txn *txn, uint64_t person, struct str person_name,
                      uint64_t tokens, uint64_t requests) MUST_USE;
// A job was made (+1) or has ended (−1).
enum err usage_jobs(struct store_txn *txn, uint64_t person, uint64_t tenant, int change) MUST_USE;

// ---- looking up ------------------------------------------------------------------------------
enum usage_of { USAGE_PERSON, USAGE_TENANT };
enum err usage_get(struct store_txn *txn, enum usage_of of, uint64_t id, uint64_t period,
                   struct usage_sum *out) MUST_USE;
enum err usage_jobs_get(struct store_txn *txn, enum usage_of of, uint64_t id,
                        uint64_t *out) MUST_USE;
// Periods of one length (days or months) from `first` to `last`, oldest first; those without use
// are left out.
enum err usage_periods(struct store_txn *txn, enum usage_of of, uint64_t id, uint64_t first,
                       uint64_t last,
                       bool (*visit)(void *ctx, uint64_t period, const struct usage_sum *sum),
                       void *ctx) MUST_USE;
struct usage_row {
    uint64_t month, tenant, person;
    struct str person_name; // lives until visit returns
    struct usage_sum sum;
};
// Every person in every tenant of a month, by tenant.
enum err usage_month_scan(struct store_txn *txn, uint64_t month,
                          bool (*visit)(void *ctx, const struct usage_row *row),
                          void *ctx) MUST_USE;
// Of everything ever booked by attempts: ledger_verify holds the chain against it.
enum err usage_total(struct store_txn *txn, int64_t *out_units,
                     int64_t *out_voucher_units) MUST_USE;

// ---- limits (usage_limits.c) -------------------------------------------------------------------
struct usage_limit {
    enum usage_of of;
    uint64_t id;
    struct str name; // the tenant's; "" of a person
    enum cap cap;
    int64_t used, most;
};
// Calls visit for each limit that stands over the person: their own, then those of their tenant and
// each above it. `storage` tells how many bytes a person or tenant holds (NULL: not asked for).
struct usage_question {
    uint64_t person, tenant; // tenant 0: the person's
    int64_t now_ms;
    enum err (*storage)(void *ctx, struct store_txn *txn, enum usage_of of, uint64_t id,
                        int64_t *out_bytes);
    void *storage_ctx;
};
enum err usage_limits(struct store_txn *txn, struct arena *arena,
                      const struct usage_question *question,
                      bool (*visit)(void *ctx, const struct usage_limit *limit),
                      void *ctx) MUST_USE;
// May a person begin this? ERR_LIMIT with a code of "limit." and the detail "used / most" if not.
// Units are no bound while a voucher that fits the step has some left. `more_bytes`: about to be
// stored; `jobs`: about to be queued.
struct usage_wish {
    struct usage_question question;
    struct str step; // STR_NONE: none
    uint64_t jobs, more_bytes;
    uint64_t requests; // about to be counted, to a served model; 0: one
    bool served; // a request to a served model: tokens and requests count, jobs and units do not
};
enum err usage_allowed(struct store_txn *txn, struct arena *arena, const struct usage_wish *wish,
                       struct fault *fault) MUST_USE;
