// Limits: what stands over a person, how much of it is used, and whether something may begin.
#include <inttypes.h>
#include <stdio.h>

#include "allocation/usage.h"
#include "allocation/voucher.h"

struct asking {
    struct store_txn *txn;
    const struct usage_question *question;
    const struct policy *policy;
    bool (*visit)(void *ctx, const struct usage_limit *limit);
    void *ctx;
    bool more;
};

static enum err used_find(const struct asking *asking, struct usage_limit *limit) {
    const struct usage_question *question = asking->question;
    struct usage_sum sum = {0};
    uint64_t jobs = 0;
    if (limit->cap == CAP_JOBS) {
        enum err err = usage_jobs_get(asking->txn, limit->of, limit->id, &jobs);
        limit->used = (int64_t)jobs;
        return err;
    }
    if (limit->cap == CAP_STORAGE) {
        return question->storage ? question->storage(question->storage_ctx, asking->txn, limit->of,
                                                     limit->id, &limit->used)
                                 : OK;
    }
    bool day = limit->cap == CAP_TOKENS_DAY || limit->cap == CAP_REQUESTS_DAY;
    uint64_t period = day ? usage_day(asking->policy, question->now_ms)
                          : usage_month(asking->policy, question->now_ms);
    enum err err = usage_get(asking->txn, limit->of, limit->id, period, &sum);
    if (err != OK) return err;
    switch (limit->cap) {
    case CAP_UNITS_MONTH: limit->used = sum.units - sum.voucher_units; break;
    case CAP_TOKENS_DAY:
    case CAP_TOKENS_MONTH: limit->used = (int64_t)sum.tokens; break;
    default: limit->used = (int64_t)sum.requests; break;
    }
    return OK;
}

static enum err limit_tell(struct asking *asking, enum usage_of of, uint64_t id, struct str name,
                           enum cap cap, int64_t most) {
    bool unasked = cap == CAP_STORAGE && !asking->question->storage;
    if (most < 0 || !asking->more || unasked) return OK;
    struct usage_limit limit = {.of = of, .id = id, .name = name, .cap = cap, .most = most};
    enum err err = used_find(asking, &limit);
    if (err == OK) asking->more = asking->visit(asking->ctx, &limit);
    return err;
}

static enum err limits_walk(struct asking *asking, const struct member *member) {
    uint64_t tenant = asking->question->tenant ? asking->question->tenant : member->tenant;
    const struct tenant *own = policy_tenant_or_default(asking->policy, tenant);
    enum err err = OK;
    for (int i = 0; i < CAP_COUNT && err == OK; i++) {
        enum cap cap = (enum cap)i;
        int64_t most = member->caps.of[i];
        if (most < 0) most = policy_each(asking->policy, own, cap);
        err = limit_tell(asking, USAGE_PERSON, member->person, STR(""), cap, most);
    }
    const struct tenant *up = own;
    for (int depth = 0; up && depth < TENANT_DEPTH_MAX && err == OK; depth++) {
        for (int i = 0; i < CAP_COUNT && err == OK; i++) {
            err = limit_tell(asking, USAGE_TENANT, up->id, up->name, (enum cap)i, up->caps.of[i]);
        }
        up = policy_parent(asking->policy, up);
    }
    return err;
}

enum err usage_limits(struct store_txn *txn, struct arena *arena,
                      const struct usage_question *question,
                      bool (*visit)(void *ctx, const struct usage_limit *limit), void *ctx) {
    struct policy policy;
    struct member member;
    enum err err = policy_load(txn, arena, &policy);
    if (err == OK) err = member_load(txn, question->person, &member);
    if (err != OK) return err;
    struct asking asking = {txn, question, &policy, visit, ctx, true};
    return limits_walk(&asking, &member);
}

// ---- may it begin? ---------------------------------------------------------------------------

struct wishing {
    const struct usage_wish *wish;
    struct usage_limit reached;
    bool refused, units_free;
};

static int64_t wanted_more(const struct usage_wish *wish, enum cap cap) {
    switch (cap) {
    case CAP_STORAGE: return (int64_t)wish->more_bytes;
    case CAP_JOBS: return (int64_t)wish->jobs;
    case CAP_REQUESTS_DAY:
    case CAP_REQUESTS_MONTH: return wish->requests ? (int64_t)wish->requests : 1;
    default: return 1; // something must be left
    }
}

static bool counts(const struct wishing *wishing, enum cap cap) {
    const struct usage_wish *wish = wishing->wish;
    bool serving = cap >= CAP_TOKENS_DAY;
    if (serving || wish->served) return serving == wish->served;
    if (cap == CAP_UNITS_MONTH) return wish->step.data && !wishing->units_free;
    return cap != CAP_JOBS || wish->jobs > 0;
}

static bool wish_visit(void *ctx, const struct usage_limit *limit) {
    struct wishing *wishing = ctx;
    if (!counts(wishing, limit->cap)) return true;
    if (limit->used + wanted_more(wishing->wish, limit->cap) <= limit->most) return true;
    wishing->reached = *limit;
    wishing->refused = true;
    return false;
}

// "0.25 / 10": units as a person counts them, bytes in MiB, the rest as they are.
static void amounts_write(const struct usage_limit *limit, char *out, size_t out_size) {
    const char *blank = limit->name.size ? ": " : "";
    if (limit->cap == CAP_UNITS_MONTH) {
        snprintf(out, out_size, "%.*s%s%" PRId64 ".%02" PRId64 " / %" PRId64 ".%02" PRId64,
                 STR_ARG(limit->name), blank, limit->used / MICRO,
                 limit->used % MICRO / (MICRO / 100), limit->most / MICRO,
                 limit->most % MICRO / (MICRO / 100));
    } else if (limit->cap == CAP_STORAGE) {
        snprintf(out, out_size, "%.*s%s%" PRId64 " / %" PRId64 " MiB", STR_ARG(limit->name), blank,
                 limit->used >> 20, limit->most >> 20);
    } else {
        snprintf(out, out_size, "%.*s%s%" PRId64 " / %" PRId64, STR_ARG(limit->name), blank,
                 limit->used, limit->most);
    }
}

static enum err refuse(const struct usage_limit *limit, struct fault *fault) {
    char detail[FAULT_DETAIL_SIZE];
    bool own = limit->of == USAGE_PERSON;
    amounts_write(limit, detail, sizeof detail);
    struct str text = str_of(detail);
    switch (limit->cap) {
    case CAP_UNITS_MONTH:
        return own ? fault_set(fault, ERR_LIMIT, "limit.own_units", text)
                   : fault_set(fault, ERR_LIMIT, "limit.department_units", text);
    case CAP_STORAGE:
        return own ? fault_set(fault, ERR_LIMIT, "limit.own_storage", text)
                   : fault_set(fault, ERR_LIMIT, "limit.department_storage", text);
    case CAP_JOBS:
        return own ? fault_set(fault, ERR_LIMIT, "limit.own_jobs", text)
                   : fault_set(fault, ERR_LIMIT, "limit.department_jobs", text);
    case CAP_TOKENS_DAY:
    case CAP_REQUESTS_DAY: return fault_set(fault, ERR_LIMIT, "limit.served_day", text);
    default: return fault_set(fault, ERR_LIMIT, "limit.served_month", text);
    }
}

static enum err wish_try(struct store_txn *txn, struct arena *arena, const struct policy *policy,
                         const struct usage_wish *wish, struct fault *fault) {
    struct member member;
    struct wishing wishing = {.wish = wish};
    int64_t left = 0;
    enum err err = member_load(txn, wish->question.person, &member);
    if (err == OK && wish->step.data) {
        uint64_t tenant = wish->question.tenant ? wish->question.tenant : member.tenant;
        err = vouchers_left(txn, arena, policy, member.person, tenant, wish->step, &left);
    }
    if (err != OK) return err;
    wishing.units_free = left > 0;
    struct asking asking = {txn, &wish->question, policy, wish_visit, &wishing, true};
    err = limits_walk(&asking, &member);
    return err == OK && wishing.refused ? refuse(&wishing.reached, fault) : err;
}

enum err usage_allowed(struct store_txn *txn, struct arena *arena, const struct usage_wish *wish,
                       struct fault *fault) {
    const struct policy *policy;
    enum err err = policy_borrow(txn, &policy);
    if (err == OK) err = wish_try(txn, arena, policy, wish, fault);
    policy_return(policy);
    return err;
}
