// What language models have done, as people see it: a month's sums by day, department, person and
// model, and the same as CSV. Officers see everybody's, others their own.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocation/usage.h"
#include "base/clock.h"
#include "base/file.h"
#include "flow/models/language_usage.h"

enum { GROUP_BUCKETS = 4096, CSV_BYTES_MAX = 256 << 20 };
#define OFFICERS (ROLE_SYSTEM | ROLE_SECURITY | ROLE_AUDIT)

static const char *const side_names[LANGUAGE_SIDES] = {"prompts", "answers"};

// ---- what is asked for -------------------------------------------------------------------------

enum grouping { BY_DAY, BY_DEPARTMENT, BY_PERSON, BY_MODEL, GROUPINGS };
struct group {
    struct group *next; // of its bucket
    enum grouping by;
    uint64_t id, tenant; // tenant: of a person's
    struct str name;
    struct language_counts counts;
};
struct groups {
    struct group *buckets[GROUP_BUCKETS];
    uint32_t count[GROUPINGS];
};
struct report {
    const struct call *call;
    const struct policy *policy;
    struct arena *arena, *scratch;
    uint64_t month, tenant, person, model; // 0: all
    struct groups *groups;
    struct language_counts total;
    struct buf *csv;
    enum err err;
};

static enum err asked(const struct call *call, struct report *out) {
    uint64_t now = usage_month(out->policy, clock_now_ms());
    bool officer = call->actor.roles & OFFICERS;
    enum err err = call_query_u64(call, "month", 190001, 999912, now, &out->month);
    if (err == OK) err = call_query_u64(call, "tenant", 0, INT64_MAX, 0, &out->tenant);
    if (err == OK) err = call_query_u64(call, "person", 0, INT64_MAX, 0, &out->person);
    if (err == OK) err = call_query_u64(call, "model", 0, INT64_MAX, 0, &out->model);
    if (err != OK || officer) return err;
    if (out->tenant || (out->person && out->person != call->actor.person_id)) {
        return allow(call, OFFICERS);
    }
    out->person = call->actor.person_id;
    return OK;
}

static bool wanted(const struct report *report, const struct language_use *use) {
    return (!report->person || use->person.id == report->person) &&
           (!report->model || use->model == report->model) &&
           (!report->tenant || use->tenant == report->tenant ||
            tenant_below(report->policy, use->tenant, report->tenant));
}

// Opens arenas, policy and a transaction around `run`; what was not written yet is seen too.
static enum err reporting(struct flow *flow, struct report *report,
                          enum err (*run)(struct store_txn *txn, struct report *report)) {
    struct store_txn *txn;
    enum err err = allow(report->call, ROLE_ANYONE_SIGNED_IN);
    if (err != OK) return err;
    (void)!language_usage_flush(flow); // a full disk is no reason to show nothing
    err = arena_open(SCRATCH_BYTES, &report->arena);
    if (err == OK) err = arena_open(SCRATCH_BYTES, &report->scratch);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err == OK) {
        err = policy_borrow(txn, &report->policy);
        if (err == OK) err = asked(report->call, report);
        if (err == OK) err = run(txn, report);
        policy_return(report->policy);
        store_read_end(txn);
    }
    arena_close(report->scratch);
    arena_close(report->arena);
    return store_explain(err, report->call->fault);
}

static enum err month_scan(struct store_txn *txn, struct report *report,
                           bool (*visit)(void *ctx, const struct language_use *use)) {
    enum err err = language_usage_scan(txn, report->scratch, report->month * 100,
                                       report->month * 100 + 99, visit, report);
    return err == OK ? report->err : err;
}

// ---- sums --------------------------------------------------------------------------------------

static struct group *group_of(struct report *report, enum grouping by, uint64_t id, uint64_t tenant,
                              struct str name) {
    uint64_t hash = (id * 31 + tenant) * 2654435761u + by;
    struct group **at = &report->groups->buckets[(hash ^ hash >> 17) % GROUP_BUCKETS];
    for (; *at; at = &(*at)->next) {
        if ((*at)->by == by && (*at)->id == id && (*at)->tenant == tenant) break;
    }
    if (!*at) {
        *at = ARENA_NEW(report->arena, struct group);
        if (!*at) return NULL;
        **at = (struct group){.by = by, .id = id, .tenant = tenant};
        report->groups->count[by]++;
    }
    // Days go upwards: the name that was seen last is the newest.
    if (!str_equal((*at)->name, name)) (*at)->name = arena_text(report->arena, name);
    return *at;
}

static bool sum_visit(void *ctx, const struct language_use *use) {
    struct report *report = ctx;
    if (!wanted(report, use)) return true;
    struct group *groups[GROUPINGS] = {
        [BY_DAY] = group_of(report, BY_DAY, use->day, 0, STR_NONE),
        [BY_DEPARTMENT] = group_of(report, BY_DEPARTMENT, use->tenant, 0, STR_NONE),
        [BY_PERSON] = group_of(report, BY_PERSON, use->person.id, use->tenant, use->person.name),
        [BY_MODEL] = group_of(report, BY_MODEL, use->model, 0, use->model_name),
    };
    for (int by = 0; by < GROUPINGS; by++) {
        if (!groups[by]) {
            report->err = ERR_MEMORY;
            return false;
        }
        language_counts_add(&groups[by]->counts, &use->counts);
    }
    language_counts_add(&report->total, &use->counts);
    return true;
}

static void counts_write(struct json_writer *out, const struct language_counts *counts) {
    json_set_u64(out, "requests", counts->requests);
    json_set_u64(out, "refused", counts->refused);
    json_set_u64(out, "masked", counts->masked);
    json_set_u64(out, "prompt_tokens", counts->prompt_tokens);
    json_set_u64(out, "cached_tokens", counts->cached_tokens);
    json_set_u64(out, "answer_tokens", counts->answer_tokens);
    json_put_name(out, "found");
    json_open_object(out);
    for (int side = 0; side < LANGUAGE_SIDES; side++) {
        json_put_name(out, side_names[side]);
        json_open_object(out);
        for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
            uint64_t found = counts->found[side][kind];
            if (found) json_set_u64(out, personal_kind_name((enum personal_kind)kind), found);
        }
        json_close_object(out);
    }
    json_close_object(out);
}

static void group_write(struct report *report, const struct group *group) {
    struct json_writer *out = report->call->out;
    char path[TENANT_PATH_BYTES];
    json_open_object(out);
    switch (group->by) {
    case BY_DAY: json_set_u64(out, "day", group->id); break;
    case BY_DEPARTMENT: json_set_u64(out, "tenant", group->id); break;
    case BY_PERSON: json_set_u64(out, "tenant", group->tenant); break;
    default: json_set_u64(out, "model", group->id); break;
    }
    if (group->by == BY_DEPARTMENT || group->by == BY_PERSON) {
        view_tenant_path(report->policy, group->by == BY_PERSON ? group->tenant : group->id, path);
        json_set_text(out, "path", str_of(path));
    }
    if (group->by == BY_PERSON) json_set_u64(out, "person", group->id);
    if (group->by == BY_PERSON || group->by == BY_MODEL) json_set_text(out, "name", group->name);
    counts_write(out, &group->counts);
    json_close_object(out);
}

static int group_order(const void *a, const void *b) {
    const struct group *one = *(struct group *const *)a, *other = *(struct group *const *)b;
    if (one->tenant != other->tenant) return one->tenant < other->tenant ? -1 : 1;
    return one->id < other->id ? -1 : one->id > other->id;
}

static enum err groups_write(struct report *report, enum grouping by, const char *name) {
    struct json_writer *out = report->call->out;
    uint32_t count = 0;
    struct group **all = ARENA_ARRAY(report->arena, struct group *, report->groups->count[by] + 1);
    if (!all) return ERR_MEMORY;
    for (uint32_t i = 0; i < GROUP_BUCKETS; i++) {
        for (struct group *one = report->groups->buckets[i]; one; one = one->next) {
            if (one->by == by) all[count++] = one;
        }
    }
    qsort(all, count, sizeof *all, group_order);
    json_put_name(out, name);
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) group_write(report, all[i]);
    json_close_array(out);
    return OK;
}

static enum err report_write(struct store_txn *txn, struct report *report) {
    static const char *const names[GROUPINGS] = {"days", "departments", "people", "models"};
    struct json_writer *out = report->call->out;
    report->groups = ARENA_NEW(report->arena, struct groups);
    if (!report->groups) return ERR_MEMORY;
    enum err err = month_scan(txn, report, sum_visit);
    json_open_object(out);
    json_set_u64(out, "month", report->month);
    json_set_bool(out, "everybody", report->call->actor.roles & OFFICERS);
    json_put_name(out, "total");
    json_open_object(out);
    counts_write(out, &report->total);
    json_close_object(out);
    for (int by = 0; by < GROUPINGS && err == OK; by++) {
        err = groups_write(report, (enum grouping)by, names[by]);
    }
    json_close_object(out);
    return err;
}

enum err flow_language_usage(struct flow *flow, struct call *call) {
    struct report report = {.call = call};
    enum err err = reporting(flow, &report, report_write);
    return err == OK ? answer_end(call) : err;
}

// ---- CSV ---------------------------------------------------------------------------------------

static bool use_csv(void *ctx, const struct language_use *use) {
    struct report *report = ctx;
    struct buf *csv = report->csv;
    const struct language_counts *counts = &use->counts;
    char path[TENANT_PATH_BYTES];
    if (!wanted(report, use)) return true;
    view_tenant_path(report->policy, use->tenant, path);
    buf_printf(csv, "%" PRIu64 ",", use->day);
    view_csv_cell(csv, str_of(path));
    buf_add_char(csv, ',');
    view_csv_cell(csv, use->person.name);
    buf_add_char(csv, ',');
    view_csv_cell(csv, use->model_name);
    buf_printf(csv, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, counts->requests, counts->refused,
               counts->masked);
    buf_printf(csv, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, counts->prompt_tokens,
               counts->cached_tokens, counts->answer_tokens);
    for (int side = 0; side < LANGUAGE_SIDES; side++) {
        buf_printf(csv, ",%" PRIu64, language_found(counts, (enum language_side)side));
    }
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        buf_printf(csv, ",%" PRIu64,
                   counts->found[SIDE_PROMPT][kind] + counts->found[SIDE_ANSWER][kind]);
    }
    buf_add_text(csv, "\r\n");
    return buf_err(csv) == OK;
}

static enum err csv_write(struct store_txn *txn, struct report *report) {
    struct buf *csv = report->csv;
    buf_add_text(csv, "\xef\xbb\xbf"
                      "day,department,person,model,requests,refused,masked,prompt_tokens,"
                      "cached_tokens,answer_tokens,found_in_prompts,found_in_answers");
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        buf_printf(csv, ",%s", personal_kind_name((enum personal_kind)kind));
    }
    buf_add_text(csv, "\r\n");
    enum err err = month_scan(txn, report, use_csv);
    return err == OK ? buf_err(csv) : err;
}

enum err flow_language_usage_download(struct flow *flow, struct call *call,
                                      struct flow_download *out) {
    struct flow_download download = {.content_type = "text/csv; charset=utf-8"};
    struct buf csv;
    struct report report = {.call = call, .csv = &csv};
    char mark[13];
    buf_open(&csv, CSV_BYTES_MAX);
    enum err err = reporting(flow, &report, csv_write);
    random_code(mark, sizeof mark - 1);
    snprintf(download.name, sizeof download.name, "language-usage-%" PRIu64 ".csv", report.month);
    snprintf(download.path, sizeof download.path, "%s/exports/language-%s.csv",
             store_dir(flow->store), mark);
    if (err == OK) err = file_write(download.path, buf_str(&csv), call->fault);
    if (err == OK) err = audit_note(flow, call, "usage.export", "month", report.month, STR_NONE);
    buf_close(&csv);
    if (err == OK) *out = download;
    return store_explain(err, call->fault);
}
