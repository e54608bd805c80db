// Policies as the API shows and takes them, and what a new version changes.
#include <string.h>

#include "allocation/policy.h"
#include "base/limits.h"

enum { OFFSET_MINUTES_MAX = 14 * 60 };
#define RATE_MAX ((int64_t)1000000 * MICRO)

static void shares_write(struct json_writer *out, const char *name,
                         const int64_t amount[static SHARE_COUNT]) {
    json_put_name(out, name);
    json_open_object(out);
    for (int i = 0; i < SHARE_COUNT; i++) json_set_i64(out, share_name((enum share)i), amount[i]);
    json_close_object(out);
}

void caps_write_json(struct json_writer *out, const char *name, const struct caps *caps) {
    json_put_name(out, name);
    json_open_object(out);
    for (int i = 0; i < CAP_COUNT; i++) json_set_i64(out, cap_name((enum cap)i), caps->of[i]);
    json_close_object(out);
}

static void tenant_write(struct json_writer *out, const struct tenant *tenant) {
    json_open_object(out);
    json_set_u64(out, "id", tenant->id);
    json_set_u64(out, "parent", tenant->parent);
    json_set_text(out, "kind", str_of(tenant_kind_name(tenant->kind)));
    json_set_text(out, "name", tenant->name);
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
    caps_write_json(out, "caps", &tenant->caps);
    caps_write_json(out, "each", &tenant->each);
    json_put_name(out, "approval");
    json_open_object(out);
    for (int i = 0; i < THRESHOLD_COUNT; i++) {
        json_set_i64(out, threshold_name((enum threshold)i), tenant->approval[i]);
    }
    json_close_object(out);
    json_put_name(out, "guard");
    json_open_object(out);
    for (int i = 0; i < GUARD_SIDE_COUNT; i++) {
        json_set_text(out, guard_side_name((enum guard_side)i),
                      str_of(guard_rule_name(tenant->guard[i])));
    }
    json_close_object(out);
    json_close_object(out);
}

void policy_write_json(struct json_writer *out, const struct policy *policy) {
    json_set_u64(out, "version", policy->version);
    json_set_i64(out, "time_ms", policy->time_ms);
    json_set_text(out, "actor", policy->actor);
    json_set_text(out, "note", policy->note);
    json_set_u64(out, "next_tenant", policy->last_tenant + 1);
    json_set_i64(out, "utc_offset_minutes", policy->utc_offset_minutes);
    shares_write(out, "rate_micro", policy->rate_micro);
    json_put_name(out, "tenants");
    json_open_array(out);
    for (uint32_t i = 0; i < policy->count; i++) tenant_write(out, &policy->tenants[i]);
    json_close_array(out);
}

// ---- reading ---------------------------------------------------------------------------------

static enum err number_read(const struct json *object, const char *name, int64_t least,
                            int64_t most, int64_t otherwise, int64_t *out, struct fault *fault) {
    const struct json *node = json_member(object, name);
    int64_t value = otherwise;
    if (node && (!json_i64(node, &value) || value < least || value > most)) {
        return fault_set(fault, ERR_INPUT, "policy.bad_number", str_of(name));
    }
    *out = value;
    return OK;
}

static enum err shares_read(const struct json *node, int64_t least, int64_t most, int64_t otherwise,
                            int64_t out[static SHARE_COUNT], struct fault *fault) {
    enum err err = OK;
    for (int i = 0; i < SHARE_COUNT && err == OK; i++) {
        err = number_read(node, share_name((enum share)i), least, most, otherwise, &out[i], fault);
    }
    return err;
}

enum err caps_read_json(const struct json *node, struct caps *out, struct fault *fault) {
    enum err err = OK;
    for (int i = 0; i < CAP_COUNT && err == OK; i++) {
        err =
            number_read(node, cap_name((enum cap)i), -1, (int64_t)1 << 53, -1, &out->of[i], fault);
    }
    return err;
}

static enum err approval_read(const struct json *node, int64_t out[static THRESHOLD_COUNT],
                              struct fault *fault) {
    enum err err = OK;
    for (int i = 0; i < THRESHOLD_COUNT && err == OK; i++) {
        err = number_read(node, threshold_name((enum threshold)i), -1, POLICY_AMOUNT_MAX, -1,
                          &out[i], fault);
    }
    return err;
}

// What is absent is inherited.
static enum err guard_read(const struct json *node, enum guard_rule out[static GUARD_SIDE_COUNT],
                           struct fault *fault) {
    for (int i = 0; i < GUARD_SIDE_COUNT; i++) {
        const char *name = guard_side_name((enum guard_side)i);
        struct str told = json_member_text(node, name);
        int rule = GUARD_INHERIT;
        while (rule < GUARD_RULE_COUNT && !str_is(told, guard_rule_name((enum guard_rule)rule))) {
            rule++;
        }
        if (!json_member(node, name)) rule = GUARD_INHERIT;
        if (rule == GUARD_RULE_COUNT) {
            return fault_set(fault, ERR_INPUT, "policy.bad_guard", told);
        }
        out[i] = (enum guard_rule)rule;
    }
    return OK;
}

static enum err tenant_basics(const struct json *node, struct tenant *out, struct fault *fault) {
    struct str kind = json_member_text(node, "kind");
    out->id = json_member_u64(node, "id", 0);
    out->parent = json_member_u64(node, "parent", 0);
    out->name = str_trim(json_member_text(node, "name"));
    if (out->name.size == 0) return fault_set(fault, ERR_INPUT, "policy.no_name", STR_NONE);
    if (out->name.size > LIMIT_NAME_BYTES) {
        return fault_set(fault, ERR_LIMIT, "call.too_long", STR("name"));
    }
    for (int i = 0; i < TENANT_KIND_COUNT; i++) {
        if (!str_is(kind, tenant_kind_name((enum tenant_kind)i))) continue;
        out->kind = (enum tenant_kind)i;
        return OK;
    }
    return fault_set(fault, ERR_INPUT, "policy.bad_kind", out->name);
}

static enum err tenant_read(const struct json *node, struct tenant *out, struct fault *fault) {
    int64_t weight = 1, billing = 1000;
    const struct json *quota = json_member(node, "quota");
    enum err err = tenant_basics(node, out, fault);
    out->has_quota = json_is_object(quota);
    if (err == OK) err = shares_read(quota, 0, POLICY_AMOUNT_MAX, 0, out->quota, fault);
    if (err == OK) {
        err = shares_read(json_member(node, "limit"), -1, POLICY_AMOUNT_MAX, -1, out->limit, fault);
    }
    if (err == OK) err = number_read(node, "weight", 1, TENANT_WEIGHT_MAX, 1, &weight, fault);
    if (err == OK) {
        err = number_read(node, "billing_permille", 0, BILLING_PERMILLE_MAX, 1000, &billing, fault);
    }
    out->weight = (uint32_t)weight;
    out->billing_permille = (uint64_t)billing;
    out->may_lend = json_member_bool(node, "may_lend", true);
    out->may_borrow = json_member_bool(node, "may_borrow", true);
    if (err == OK) err = caps_read_json(json_member(node, "caps"), &out->caps, fault);
    if (err == OK) err = caps_read_json(json_member(node, "each"), &out->each, fault);
    if (err == OK) err = guard_read(json_member(node, "guard"), out->guard, fault);
    return err == OK ? approval_read(json_member(node, "approval"), out->approval, fault) : err;
}

// Where it stands among those before it: an id of its own, a parent that is there, not too deep, no
// other of the same name (people are put into departments by name).
static enum err place_check(const struct policy *policy, const struct tenant *tenant,
                            struct fault *fault) {
    uint32_t depth = 1;
    if (tenant->id == 0 || policy_tenant(policy, tenant->id)) {
        return fault_set(fault, ERR_INPUT, "policy.bad_id", tenant->name);
    }
    if (policy_named(policy, tenant->name)) {
        return fault_set(fault, ERR_INPUT, "policy.name_twice", tenant->name);
    }
    if (tenant->parent && !policy_tenant(policy, tenant->parent)) {
        return fault_set(fault, ERR_INPUT, "policy.no_parent", tenant->name);
    }
    for (const struct tenant *up = policy_parent(policy, tenant); up;
         up = policy_parent(policy, up)) {
        depth++;
    }
    if (depth > TENANT_DEPTH_MAX) {
        return fault_set(fault, ERR_LIMIT, "policy.too_deep", tenant->name);
    }
    return OK;
}

enum err policy_read_json(const struct json *body, struct arena *arena, uint64_t last,
                          struct policy *out, struct fault *fault) {
    const struct json *list = json_member(body, "tenants");
    size_t count = json_count(list);
    struct policy policy = {.last_tenant = last};
    if (!json_is_array(list) || count == 0) {
        return fault_set(fault, ERR_INPUT, "call.missing", STR("tenants"));
    }
    if (count > TENANTS_MAX) return fault_set(fault, ERR_LIMIT, "policy.too_many", STR_NONE);
    policy.tenants = ARENA_ARRAY(arena, struct tenant, count);
    if (!policy.tenants) return ERR_MEMORY;
    enum err err =
        shares_read(json_member(body, "rate_micro"), 0, RATE_MAX, 0, policy.rate_micro, fault);
    if (err == OK) {
        err = number_read(body, "utc_offset_minutes", -OFFSET_MINUTES_MAX, OFFSET_MINUTES_MAX, 480,
                          &policy.utc_offset_minutes, fault);
    }
    for (const struct json *node = json_first(list); node && err == OK; node = json_next(node)) {
        struct tenant *tenant = &policy.tenants[policy.count];
        err = tenant_read(node, tenant, fault);
        if (err == OK) err = place_check(&policy, tenant, fault);
        // An id is nobody else's, ever: a leap would use them up.
        if (err == OK && tenant->id > last + TENANTS_MAX) {
            err = fault_set(fault, ERR_INPUT, "policy.bad_id", tenant->name);
        }
        if (err != OK) break;
        if (tenant->id > policy.last_tenant) policy.last_tenant = tenant->id;
        policy.count++;
    }
    if (err == OK && !policy_tenant(&policy, TENANT_DEFAULT)) {
        err = fault_set(fault, ERR_INPUT, "policy.default_stays", STR_NONE);
    }
    if (err == OK) *out = policy;
    return err;
}

// ---- what changed ----------------------------------------------------------------------------

static void change_write(struct json_writer *out, const char *what, struct str tenant,
                         const char *field) {
    json_open_object(out);
    json_set_text(out, "what", str_of(what));
    json_set_text(out, "tenant", tenant);
    json_set_text(out, "field", str_of(field));
    json_close_object(out);
}

#define SAME(a, b) (memcmp(&(a), &(b), sizeof(a)) == 0)

static void tenant_changes(struct json_writer *out, const struct tenant *a,
                           const struct tenant *b) {
    bool lends = a->may_lend == b->may_lend && a->may_borrow == b->may_borrow;
    bool quota = a->has_quota == b->has_quota && (!a->has_quota || SAME(a->quota, b->quota));
    const struct {
        const char *field;
        bool same;
    } fields[] = {
        {"name", str_equal(a->name, b->name)},
        {"place", a->parent == b->parent && a->kind == b->kind},
        {"quota", quota},
        {"limit", SAME(a->limit, b->limit)},
        {"weight", a->weight == b->weight},
        {"lending", lends},
        {"billing", a->billing_permille == b->billing_permille},
        {"caps", SAME(a->caps, b->caps)},
        {"each", SAME(a->each, b->each)},
        {"approval", SAME(a->approval, b->approval)},
        {"guard", SAME(a->guard, b->guard)},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!fields[i].same) change_write(out, "changed", b->name, fields[i].field);
    }
}

void policy_changes_write(struct json_writer *out, const struct policy *before,
                          const struct policy *now) {
    json_open_array(out);
    if (!SAME(before->rate_micro, now->rate_micro)) change_write(out, "changed", STR(""), "rates");
    if (before->utc_offset_minutes != now->utc_offset_minutes) {
        change_write(out, "changed", STR(""), "offset");
    }
    for (uint32_t i = 0; i < now->count; i++) {
        const struct tenant *old = policy_tenant(before, now->tenants[i].id);
        if (old) {
            tenant_changes(out, old, &now->tenants[i]);
        } else {
            change_write(out, "added", now->tenants[i].name, "");
        }
    }
    for (uint32_t i = 0; i < before->count; i++) {
        const struct tenant *old = &before->tenants[i];
        if (!policy_tenant(now, old->id)) change_write(out, "removed", old->name, "");
    }
    json_close_array(out);
}
