// Policies and members as records, and looking things up in a policy.
#include "allocation/policy.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/limits.h"
#include "store/codec.h"

enum {
    POLICY_VERSION = 3,
    VERSION_APPROVALS = 2, // tenants have thresholds of approval
    VERSION_GUARDS = 3,    // and say what is done about personal data in language models
    MEMBER_VERSION = 1,
    POLICY_BYTES_MAX = 8 << 20
};

const struct caps caps_none = {{-1, -1, -1, -1, -1, -1, -1}};

const char *share_name(enum share share) {
    static const char *const names[] = {"cpu_milli", "memory_mib", "disk_mib", "device_milli"};
    return names[share];
}

const char *cap_name(enum cap cap) {
    static const char *const names[] = {
        "units_month",  "storage_bytes", "jobs",           "tokens_day",
        "tokens_month", "requests_day",  "requests_month",
    };
    return names[cap];
}

const char *threshold_name(enum threshold threshold) {
    static const char *const names[] = {"cpu_milli", "memory_mib", "device_milli", "cpu_hours"};
    return names[threshold];
}

const char *guard_rule_name(enum guard_rule rule) {
    static const char *const names[] = {"inherit", "off", "count", "mask", "refuse"};
    return names[rule];
}

const char *guard_side_name(enum guard_side side) {
    static const char *const names[] = {"prompts", "answers"};
    return names[side];
}

const char *tenant_kind_name(enum tenant_kind kind) {
    static const char *const names[] = {"department", "project"};
    return names[kind];
}

// ---- the record ------------------------------------------------------------------------------

static void caps_fields(struct codec *c, struct caps *caps) {
    for (int i = 0; i < CAP_COUNT; i++) codec_i64(c, &caps->of[i]);
}

static void tenant_fields(struct codec *c, struct tenant *tenant) {
    uint64_t weight = tenant->weight;
    codec_u64(c, &tenant->id);
    codec_u64(c, &tenant->parent);
    CODEC_ENUM(c, tenant->kind, tenant_kind, TENANT_KIND_COUNT);
    codec_text(c, &tenant->name);
    codec_bool(c, &tenant->has_quota);
    for (int i = 0; i < SHARE_COUNT; i++) codec_i64(c, &tenant->quota[i]);
    for (int i = 0; i < SHARE_COUNT; i++) codec_i64(c, &tenant->limit[i]);
    codec_u64(c, &weight);
    tenant->weight = (uint32_t)weight;
    codec_bool(c, &tenant->may_lend);
    codec_bool(c, &tenant->may_borrow);
    codec_u64(c, &tenant->billing_permille);
    caps_fields(c, &tenant->caps);
    caps_fields(c, &tenant->each);
    bool before = c->reader && c->reader->version < VERSION_APPROVALS;
    for (int i = 0; i < THRESHOLD_COUNT; i++) {
        if (before) {
            tenant->approval[i] = -1;
        } else {
            codec_i64(c, &tenant->approval[i]);
        }
    }
    if (c->reader && c->reader->version < VERSION_GUARDS) return;
    for (int i = 0; i < GUARD_SIDE_COUNT; i++) {
        CODEC_ENUM(c, tenant->guard[i], guard_rule, GUARD_RULE_COUNT);
    }
}

static void policy_fields(struct codec *c, struct policy *policy) {
    codec_u64(c, &policy->version);
    codec_i64(c, &policy->time_ms);
    codec_text(c, &policy->actor);
    codec_text(c, &policy->note);
    codec_text(c, &policy->changes);
    codec_u64(c, &policy->last_tenant);
    for (int i = 0; i < SHARE_COUNT; i++) codec_i64(c, &policy->rate_micro[i]);
    codec_i64(c, &policy->utc_offset_minutes);
    codec_count(c, &policy->count, TENANTS_MAX);
    policy->tenants = codec_array(c, policy->tenants, &policy->count, sizeof *policy->tenants);
    for (uint32_t i = 0; i < policy->count; i++) tenant_fields(c, &policy->tenants[i]);
}

enum err policy_read(struct record_reader *record, struct arena *arena, struct policy *out) {
    struct codec codec = {.reader = record, .arena = arena};
    struct policy policy = {0};
    policy_fields(&codec, &policy);
    enum err err = codec_end(&codec);
    if (err == OK && policy.count == 0) err = ERR_CORRUPT;
    if (err == OK) *out = policy;
    return err;
}

struct tenant tenant_plain(uint64_t id, struct str name) {
    return (struct tenant){
        .id = id,
        .kind = TENANT_DEPARTMENT,
        .name = name,
        .limit = {-1, -1, -1, -1},
        .weight = 1,
        .may_lend = true,
        .may_borrow = true,
        .billing_permille = 1000,
        .caps = caps_none,
        .each = caps_none,
        .approval = {-1, -1, -1, -1},
    };
}

// One department without bounds. An hour of a processor is a unit, of a GiB of memory a tenth, of
// an accelerator twenty; scratch disk is nearly free. Days begin at midnight in China.
static enum err policy_default(struct arena *arena, struct policy *out) {
    struct tenant *tenant = ARENA_NEW(arena, struct tenant);
    if (!tenant) return ERR_MEMORY;
    *tenant = tenant_plain(TENANT_DEFAULT, STR("默认部门"));
    *out = (struct policy){
        .last_tenant = TENANT_DEFAULT,
        .rate_micro = {MICRO, MICRO / 10, MICRO / 1000, 20 * (int64_t)MICRO},
        .utc_offset_minutes = 480,
        .changes = STR("[]"),
        .tenants = tenant,
        .count = 1,
    };
    return OK;
}

struct newest {
    struct arena *arena;
    struct policy *out;
    bool found;
    enum err err;
};

static bool newest_visit(void *ctx, struct str key, struct record_reader *record) {
    struct newest *newest = ctx;
    (void)key;
    newest->found = true;
    newest->err = policy_read(record, newest->arena, newest->out);
    return false;
}

enum err policy_load(struct store_txn *txn, struct arena *arena, struct policy *out) {
    struct newest newest = {.arena = arena, .out = out};
    enum err err =
        store_scan(txn, TABLE_POLICY, (struct key){.size = 0}, true, newest_visit, &newest);
    if (err == OK) err = newest.err;
    return err == OK && !newest.found ? policy_default(arena, out) : err;
}

enum err policy_load_version(struct store_txn *txn, struct arena *arena, uint64_t version,
                             struct policy *out) {
    struct record_reader record;
    enum err err = store_get(txn, TABLE_POLICY, key_of_id(version), &record);
    return err == OK ? policy_read(&record, arena, out) : err;
}

static enum err changes_fill(struct store_txn *txn, struct arena *arena, struct policy *policy) {
    struct policy before;
    struct buf text;
    enum err err = policy_load(txn, arena, &before);
    if (err != OK) return err;
    buf_open(&text, 1 << 20);
    struct json_writer out = json_writer_of(&text);
    policy_changes_write(&out, &before, policy);
    err = buf_err(&text);
    char *copy = err == OK ? arena_take(arena, text.size + 1) : NULL;
    if (copy) memcpy(copy, text.data, text.size);
    if (err == OK && !copy) err = ERR_MEMORY;
    policy->changes = (struct str){copy, text.size};
    policy->version = before.version + 1;
    if (policy->last_tenant < before.last_tenant) policy->last_tenant = before.last_tenant;
    buf_close(&text);
    return err;
}

enum err policy_save(struct store_txn *txn, struct arena *arena, struct policy *policy) {
    cy_assert(policy->count > 0 && policy->count <= TENANTS_MAX);
    enum err err = changes_fill(txn, arena, policy);
    if (err != OK) return err;
    policy->time_ms = clock_now_ms();
    struct policy copy = *policy;
    struct buf fields;
    buf_open(&fields, POLICY_BYTES_MAX);
    struct codec codec = {.writer = &(struct record_writer){&fields}};
    policy_fields(&codec, &copy);
    err = buf_err(&fields);
    if (err == OK) {
        err = store_put(txn, TABLE_POLICY, key_of_id(policy->version), POLICY_VERSION, &fields);
        policy_saved();
    }
    buf_close(&fields);
    return err;
}

enum err policy_department(struct store_txn *txn, struct arena *arena, struct str actor,
                           struct str name, uint64_t *out) {
    struct policy policy;
    enum err err = policy_load(txn, arena, &policy);
    if (err != OK) return err;
    const struct tenant *known = policy_named(&policy, name);
    if (known) {
        *out = known->id;
        return OK;
    }
    if (policy.count == TENANTS_MAX) return ERR_LIMIT;
    struct tenant *more = ARENA_ARRAY(arena, struct tenant, policy.count + 1);
    if (!more) return ERR_MEMORY;
    memcpy(more, policy.tenants, policy.count * sizeof *more);
    more[policy.count] = tenant_plain(++policy.last_tenant, name);
    policy.tenants = more;
    policy.count++;
    policy.actor = actor;
    policy.note = STR_NONE;
    err = policy_save(txn, arena, &policy);
    if (err == OK) *out = policy.last_tenant;
    return err;
}

// ---- looking up ------------------------------------------------------------------------------

const struct tenant *policy_tenant(const struct policy *policy, uint64_t id) {
    for (uint32_t i = 0; i < policy->count; i++) {
        if (policy->tenants[i].id == id) return &policy->tenants[i];
    }
    return NULL;
}

const struct tenant *policy_named(const struct policy *policy, struct str name) {
    for (uint32_t i = 0; i < policy->count; i++) {
        if (str_equal(policy->tenants[i].name, name)) return &policy->tenants[i];
    }
    return NULL;
}

const struct tenant *policy_tenant_or_default(const struct policy *policy, uint64_t id) {
    const struct tenant *tenant = policy_tenant(policy, id);
    if (!tenant) tenant = policy_tenant(policy, TENANT_DEFAULT);
    return tenant ? tenant : &policy->tenants[0];
}

const struct tenant *policy_parent(const struct policy *policy, const struct tenant *tenant) {
    return tenant->parent ? policy_tenant(policy, tenant->parent) : NULL;
}

void policy_path(const struct policy *policy, const struct tenant *tenant,
                 char out[static TENANT_PATH_BYTES]) {
    const struct tenant *up[TENANT_DEPTH_MAX];
    uint32_t depth = 0;
    for (; tenant && depth < TENANT_DEPTH_MAX; tenant = policy_parent(policy, tenant)) {
        up[depth++] = tenant;
    }
    out[0] = '\0';
    size_t used = 0;
    while (depth > 0 && used < TENANT_PATH_BYTES) {
        const struct tenant *one = up[--depth];
        used += (size_t)snprintf(out + used, TENANT_PATH_BYTES - used, "%s%.*s", used ? " / " : "",
                                 STR_ARG(one->name));
    }
}

int64_t policy_each(const struct policy *policy, const struct tenant *tenant, enum cap cap) {
    for (; tenant; tenant = policy_parent(policy, tenant)) {
        if (tenant->each.of[cap] >= 0) return tenant->each.of[cap];
    }
    return -1;
}

int64_t policy_threshold(const struct policy *policy, const struct tenant *tenant,
                         enum threshold threshold) {
    for (; tenant; tenant = policy_parent(policy, tenant)) {
        if (tenant->approval[threshold] >= 0) return tenant->approval[threshold];
    }
    return -1;
}

enum guard_rule policy_guard(const struct policy *policy, const struct tenant *tenant,
                             enum guard_side side) {
    for (; tenant; tenant = policy_parent(policy, tenant)) {
        if (tenant->guard[side] != GUARD_INHERIT) return tenant->guard[side];
    }
    return GUARD_COUNT;
}

// ---- members ---------------------------------------------------------------------------------

static enum err member_read(struct record_reader *record, struct member *out) {
    struct codec codec = {.reader = record};
    struct member member = {0};
    codec_u64(&codec, &member.person);
    codec_u64(&codec, &member.tenant);
    caps_fields(&codec, &member.caps);
    enum err err = codec_end(&codec);
    if (err == OK) *out = member;
    return err;
}

enum err member_load(struct store_txn *txn, uint64_t person, struct member *out) {
    struct record_reader record;
    enum err err = store_get(txn, TABLE_MEMBER, key_of_id(person), &record);
    if (err == ERR_NOT_FOUND) {
        *out = (struct member){person, TENANT_DEFAULT, caps_none};
        return OK;
    }
    return err == OK ? member_read(&record, out) : err;
}

enum err member_save(struct store_txn *txn, const struct member *member) {
    struct member copy = *member;
    struct buf fields;
    buf_open(&fields, 1024);
    struct codec codec = {.writer = &(struct record_writer){&fields}};
    codec_u64(&codec, &copy.person);
    codec_u64(&codec, &copy.tenant);
    caps_fields(&codec, &copy.caps);
    enum err err = buf_err(&fields);
    if (err == OK) {
        err = store_put(txn, TABLE_MEMBER, key_of_id(copy.person), MEMBER_VERSION, &fields);
    }
    buf_close(&fields);
    return err;
}

struct counting {
    const struct policy *policy;
    uint64_t *counts;
    enum err err;
};

static bool count_visit(void *ctx, struct str key, struct record_reader *record) {
    struct counting *counting = ctx;
    struct member member;
    (void)key;
    counting->err = member_read(record, &member);
    if (counting->err != OK) return false;
    const struct tenant *tenant = policy_tenant_or_default(counting->policy, member.tenant);
    counting->counts[tenant - counting->policy->tenants]++;
    return true;
}

enum err members_count(struct store_txn *txn, const struct policy *policy, uint64_t *counts) {
    struct counting counting = {.policy = policy, .counts = counts};
    memset(counts, 0, policy->count * sizeof *counts);
    enum err err = store_scan(txn, TABLE_MEMBER, (struct key){0}, false, count_visit, &counting);
    return err == OK ? counting.err : err;
}
