// Departments and the policy: who belongs where, and how the system officer changes the tree. A
// person's record keeps the name of their department beside what allocation/ knows of it, so that a
// new name reaches all of its people in the transaction that gives it.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "people/people_private.h"

enum { PEOPLE_MAX = 100000, VERSIONS_PAGE_MAX = 200 };

static enum err policy_note(struct store_txn *txn, struct str actor, const char *action,
                            uint64_t version, struct str detail) {
    char object[32];
    snprintf(object, sizeof object, "policy/%" PRIu64, version);
    struct audit_entry entry = {.actor = actor,
                                .action = str_of(action),
                                .object = str_of(object),
                                .result = STR("ok"),
                                .detail = detail};
    return audit_append(txn, &entry);
}

enum err person_place(struct store_txn *txn, const struct call *call, struct str department,
                      struct member *member) {
    member->tenant = TENANT_DEFAULT;
    if (department.size == 0) return OK;
    uint64_t before = store_count(txn, TABLE_POLICY);
    enum err err =
        policy_department(txn, call->arena, call->actor.name, department, &member->tenant);
    if (err != OK || store_count(txn, TABLE_POLICY) == before) return err;
    return policy_note(txn, call->actor.name, "policy.department", member->tenant, department);
}

// ---- people, looked through ------------------------------------------------------------------

struct placed {
    uint64_t id;
    struct str department;
};
struct gathering {
    struct arena *arena;
    struct placed *people;
    uint32_t count;
    enum err err;
};

static bool gather(void *ctx, struct str key, struct record_reader *record) {
    struct gathering *gathering = ctx;
    struct person person;
    gathering->err = person_read(key, record, &person);
    if (gathering->err != OK) return false;
    char *copy = arena_take(gathering->arena, person.department.size + 1);
    if (!copy || gathering->count == PEOPLE_MAX) {
        gathering->err = copy ? ERR_LIMIT : ERR_MEMORY;
        return false;
    }
    if (person.department.size) memcpy(copy, person.department.data, person.department.size);
    gathering->people[gathering->count++] =
        (struct placed){person.id, {copy, person.department.size}};
    return true;
}

static enum err people_gather(struct store_txn *txn, struct arena *arena,
                              struct gathering *gathering) {
    *gathering = (struct gathering){.arena = arena};
    uint64_t count = store_count(txn, TABLE_PERSON);
    gathering->people = ARENA_ARRAY(arena, struct placed, count ? count : 1);
    if (!gathering->people) return ERR_MEMORY;
    enum err err = store_scan(txn, TABLE_PERSON, (struct key){0}, false, gather, gathering);
    return err == OK ? gathering->err : err;
}

// ---- the first policy: one department for each that people name -----------------------------

static enum err first_policy(struct store_txn *txn, void *ctx) {
    struct arena *arena = ctx;
    struct gathering all;
    struct policy policy;
    if (store_count(txn, TABLE_POLICY)) return OK;
    enum err err = policy_load(txn, arena, &policy);
    policy.actor = STR("system");
    policy.note = STR("");
    if (err == OK) err = policy_save(txn, arena, &policy);
    if (err == OK) err = people_gather(txn, arena, &all);
    for (uint32_t i = 0; err == OK && i < all.count; i++) {
        struct member member = {all.people[i].id, TENANT_DEFAULT, caps_none};
        struct str department = all.people[i].department;
        if (department.size) {
            err = policy_department(txn, arena, STR("system"), department, &member.tenant);
        }
        if (err == OK) err = member_save(txn, &member);
    }
    return err == OK ? policy_note(txn, STR("system"), "policy.begin", 1, STR("")) : err;
}

enum err tenants_begin(struct store *store) {
    struct arena *arena;
    enum err err = arena_open((size_t)256 << 20, &arena);
    if (err != OK) return err;
    err = store_write_freeing(store, first_policy, arena); // a start on a full disk serves
    arena_close(arena);
    return err;
}

// ---- showing ---------------------------------------------------------------------------------

static void finding_write(void *ctx, const struct policy_finding *finding) {
    struct json_writer *out = ctx;
    json_open_object(out);
    json_set_text(out, "code", str_of(finding->code));
    json_set_bool(out, "refused", finding->refused);
    json_set_u64(out, "tenant", finding->tenant);
    json_set_text(out, "share", str_of(finding->share));
    json_set_i64(out, "has", finding->has);
    json_set_i64(out, "most", finding->most);
    json_close_object(out);
}

static void findings_write(struct json_writer *out, const struct policy *policy) {
    int64_t capacity[SHARE_COUNT];
    policy_capacity(capacity);
    json_put_name(out, "capacity");
    json_open_object(out);
    for (int i = 0; i < SHARE_COUNT; i++) json_set_i64(out, share_name((enum share)i), capacity[i]);
    json_close_object(out);
    json_put_name(out, "findings");
    json_open_array(out);
    policy_check(policy, capacity, finding_write, out);
    json_close_array(out);
}

static enum err policy_answer(struct store_txn *txn, struct call *call,
                              const struct policy *policy) {
    struct json_writer *out = call->out;
    uint64_t *counts = ARENA_ARRAY(call->arena, uint64_t, policy->count);
    if (!counts) return ERR_MEMORY;
    enum err err = members_count(txn, policy, counts);
    if (err != OK) return err;
    json_open_object(out);
    policy_write_json(out, policy);
    findings_write(out, policy);
    json_put_name(out, "members");
    json_open_array(out);
    for (uint32_t i = 0; i < policy->count; i++) {
        json_open_object(out);
        json_set_u64(out, "tenant", policy->tenants[i].id);
        json_set_u64(out, "people", counts[i]);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
    return OK;
}

enum err people_policy_show(struct people *people, struct call *call) {
    struct store_txn *txn;
    struct policy policy;
    enum err err = actor_needs(call, ROLE_SYSTEM | ROLE_SECURITY | ROLE_AUDIT);
    if (err == OK) err = store_explain(store_read_begin(people->store, &txn), call->fault);
    if (err != OK) return err;
    err = policy_load(txn, call->arena, &policy);
    if (err == OK) err = policy_answer(txn, call, &policy);
    store_read_end(txn);
    return store_explain(err, call->fault);
}

struct versions {
    struct call *call;
    struct arena *scratch;
    uint64_t skip, size, seen;
    enum err err;
};

static bool version_write(void *ctx, struct str key, struct record_reader *record) {
    struct versions *versions = ctx;
    struct json_writer *out = versions->call->out;
    struct policy policy;
    (void)key;
    uint64_t at = versions->seen++;
    if (at < versions->skip) return true;
    arena_reset(versions->scratch);
    versions->err = policy_read(record, versions->scratch, &policy);
    if (versions->err != OK) return false;
    json_open_object(out);
    json_set_u64(out, "version", policy.version);
    json_set_i64(out, "time_ms", policy.time_ms);
    json_set_text(out, "actor", policy.actor);
    json_set_text(out, "note", policy.note);
    json_set_raw(out, "changes", policy.changes);
    json_close_object(out);
    return versions->seen - versions->skip < versions->size;
}

enum err people_policy_versions(struct people *people, struct call *call) {
    struct versions versions = {.call = call};
    struct store_txn *txn;
    uint64_t page;
    enum err err = actor_needs(call, ROLE_SYSTEM | ROLE_SECURITY | ROLE_AUDIT);
    if (err == OK) err = list_bounds(call, &page, &versions.size);
    if (err == OK) err = arena_open((size_t)64 << 20, &versions.scratch);
    if (err != OK) return err;
    versions.skip = (page - 1) * versions.size;
    err = store_read_begin(people->store, &txn);
    if (err == OK) {
        json_open_object(call->out);
        json_put_name(call->out, "items");
        json_open_array(call->out);
        err = store_scan(txn, TABLE_POLICY, (struct key){0}, true, version_write, &versions);
        json_close_array(call->out);
        list_close(call, store_count(txn, TABLE_POLICY), page, versions.size);
        store_read_end(txn);
    }
    arena_close(versions.scratch);
    if (err == OK) err = versions.err;
    return store_explain(err, call->fault);
}

// ---- changing --------------------------------------------------------------------------------

static enum err policy_from_body(struct people *people, struct call *call, struct policy *out) {
    struct store_txn *txn;
    struct policy now;
    enum err err = store_read_begin(people->store, &txn);
    if (err != OK) return store_explain(err, call->fault);
    err = policy_load(txn, call->arena, &now);
    store_read_end(txn);
    if (err != OK) return store_explain(err, call->fault);
    return policy_read_json(call->body, call->arena, now.last_tenant, out, call->fault);
}

enum err people_policy_check(struct people *people, struct call *call) {
    struct policy policy;
    enum err err = actor_needs(call, ROLE_SYSTEM);
    if (err == OK) err = policy_from_body(people, call, &policy);
    if (err != OK) return err;
    json_open_object(call->out);
    findings_write(call->out, &policy);
    json_close_object(call->out);
    return OK;
}

struct saving {
    struct call *call;
    struct policy policy;
    uint64_t expected; // the version that was changed
    uint64_t restored; // the version that is taken back; 0: none
};

static void refusal_keep(void *ctx, const struct policy_finding *finding) {
    struct fault *fault = ctx;
    char detail[128];
    if (!finding->refused) return;
    snprintf(detail, sizeof detail, "%s: %" PRId64 " > %" PRId64, finding->share, finding->has,
             finding->most);
    (void)!fault_set(fault, ERR_INPUT, "policy.does_not_add_up", str_of(detail));
}

// Nobody may be left without a department.
static enum err people_stay(struct store_txn *txn, const struct saving *saving,
                            const struct policy *now) {
    uint64_t *counts = ARENA_ARRAY(saving->call->arena, uint64_t, now->count);
    if (!counts) return ERR_MEMORY;
    enum err err = members_count(txn, now, counts);
    for (uint32_t i = 0; i < now->count && err == OK; i++) {
        const struct tenant *tenant = &now->tenants[i];
        if (counts[i] == 0 || policy_tenant(&saving->policy, tenant->id)) continue;
        err = fault_set(saving->call->fault, ERR_CONFLICT, "policy.has_people", tenant->name);
    }
    return err;
}

// A department's new name, in the records of its people.
static enum err names_follow(struct store_txn *txn, const struct saving *saving) {
    struct gathering all;
    enum err err = people_gather(txn, saving->call->arena, &all);
    for (uint32_t i = 0; err == OK && i < all.count; i++) {
        struct person person;
        err = person_get(txn, all.people[i].id, &person);
        if (err != OK || person.member.tenant == TENANT_DEFAULT) continue;
        const struct tenant *tenant = policy_tenant(&saving->policy, person.member.tenant);
        if (!tenant || str_equal(tenant->name, person.department)) continue;
        person.department = tenant->name;
        err = person_put(txn, &person);
    }
    return err;
}

static enum err write_policy(struct store_txn *txn, void *ctx) {
    struct saving *saving = ctx;
    struct call *call = saving->call;
    struct policy now;
    struct fault finding = {0};
    int64_t capacity[SHARE_COUNT];
    struct policy *policy = &saving->policy;
    enum err err = policy_load(txn, call->arena, &now);
    if (err != OK) return err;
    if (saving->restored) {
        struct str note = policy->note;
        err = policy_load_version(txn, call->arena, saving->restored, policy);
        if (err != OK) return err;
        policy->note = note;
    } else if (saving->expected != now.version) {
        return fault_set(call->fault, ERR_CONFLICT, "policy.changed_meanwhile", now.actor);
    }
    policy_capacity(capacity);
    policy_check(policy, capacity, refusal_keep, &finding);
    if (finding.code[0]) {
        *call->fault = finding;
        return ERR_INPUT;
    }
    policy->actor = call->actor.name;
    err = people_stay(txn, saving, &now);
    if (err == OK) err = policy_save(txn, call->arena, policy);
    if (err == OK) err = names_follow(txn, saving);
    if (err != OK) return err;
    const char *action = saving->restored ? "policy.restore" : "policy.change";
    err = policy_note(txn, call->actor.name, action, policy->version, policy->note);
    return err == OK ? policy_answer(txn, call, policy) : err;
}

static enum err policy_write(struct people *people, struct call *call, struct saving *saving) {
    enum err err = call_text(call, "note", 0, POLICY_NOTE_BYTES, &saving->policy.note);
    if (err == OK) err = store_write(people->store, write_policy, saving);
    if (err == ERR_NOT_FOUND) {
        return fault_set(call->fault, err, "policy.no_such_version", STR_NONE);
    }
    return store_explain(err, call->fault);
}

enum err people_policy_save(struct people *people, struct call *call) {
    struct saving saving = {.call = call};
    enum err err = actor_needs(call, ROLE_SYSTEM);
    if (err == OK) err = actor_in_person(call);
    if (err == OK) err = policy_from_body(people, call, &saving.policy);
    saving.expected = json_member_u64(call->body, "version", 0);
    if (err == OK) err = policy_write(people, call, &saving);
    return refused(people, call, "policy.change", 0, err);
}

enum err people_policy_restore(struct people *people, struct call *call) {
    struct saving saving = {.call = call, .restored = call->id};
    enum err err = actor_needs(call, ROLE_SYSTEM);
    if (err == OK) err = actor_in_person(call);
    if (err == OK) err = policy_write(people, call, &saving);
    return refused(people, call, "policy.restore", 0, err);
}
