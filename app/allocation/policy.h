// The allocation policy: who has a right to how much. A tree of tenants (departments, and projects
// below them), what compute costs, and what nobody may exceed. The policy is one record; every
// change makes a new version with who, when and what, so that any former one can be taken back.
// A box without a policy has the default one: a single department without bounds.
// Records are read and written inside a transaction of store.h; what is loaded lives in the arena.
// Depends on store/. Any thread.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "base/memory.h"
#include "store/store.h"

enum {
    TENANTS_MAX = 4096,   // of one policy: what the scheduler's core takes
    TENANT_DEPTH_MAX = 4, // department, project and two to spare
    TENANT_DEFAULT = 1,   // the tenant of whoever was given none; always there
    TENANT_WEIGHT_MAX = 1000,
    TENANT_PATH_BYTES = 1024, // "内科 / 影像组"
    BILLING_PERMILLE_MAX = 100000,
    POLICY_NOTE_BYTES = 500,
    MICRO = 1000000, // units are counted in millionths
};
#define POLICY_AMOUNT_MAX ((int64_t)1 << 44) // of any resource
#define POLICY_UNITS_MAX ((int64_t)1000000000 * MICRO)

// The order of resources is that of the scheduler's core.
enum share {
    SHARE_CPU,    // thousandths of a processor
    SHARE_MEMORY, // MiB
    SHARE_DISK,   // MiB of scratch
    SHARE_DEVICE, // thousandths of an accelerator
    SHARE_COUNT
};
const char *share_name(enum share share); // "cpu_milli", "memory_mib", "disk_mib", "device_milli"

// What a tenant, or a person, may use at most; −1: no bound. Enforced where the use begins.
enum cap {
    CAP_UNITS_MONTH, // millionths of a compute unit
    CAP_STORAGE,     // bytes
    CAP_JOBS,        // waiting and running at once
    CAP_TOKENS_DAY,  // of served models
    CAP_TOKENS_MONTH,
    CAP_REQUESTS_DAY,
    CAP_REQUESTS_MONTH,
    CAP_COUNT
};
const char *cap_name(enum cap cap); // "units_month", "storage_bytes", "jobs", …
struct caps {
    int64_t of[CAP_COUNT];
};
extern const struct caps caps_none;

// Above which a job waits until somebody has approved it; −1: as the tenant above says.
enum threshold {
    THRESHOLD_CPU,       // thousandths of a processor
    THRESHOLD_MEMORY,    // MiB
    THRESHOLD_DEVICE,    // thousandths of an accelerator
    THRESHOLD_CPU_HOURS, // processors by hours of its time limit
    THRESHOLD_COUNT
};
const char *threshold_name(enum threshold threshold); // "cpu_milli", "memory_mib", …

// What is done about personal data in what people ask language models, and in what those answer.
enum guard_rule {
    GUARD_INHERIT, // as the tenant above says; at the top: counted
    GUARD_OFF,     // nobody looks
    GUARD_COUNT,   // counted by kind
    GUARD_MASK,    // and a word stands in its place
    GUARD_REFUSE,  // the question is not asked; the answer ends there
    GUARD_RULE_COUNT
};
const char *guard_rule_name(enum guard_rule rule); // "inherit", "off", "count", "mask", "refuse"
enum guard_side { GUARD_PROMPTS, GUARD_ANSWERS, GUARD_SIDE_COUNT };
const char *guard_side_name(enum guard_side side); // "prompts", "answers"

enum tenant_kind { TENANT_DEPARTMENT, TENANT_PROJECT, TENANT_KIND_COUNT };
const char *tenant_kind_name(enum tenant_kind kind);
struct tenant {
    uint64_t id, parent; // parent 0: at the top
    enum tenant_kind kind;
    struct str name;
    bool has_quota;             // without one it lives on its parent's
    int64_t quota[SHARE_COUNT]; // guaranteed
    int64_t limit[SHARE_COUNT]; // most it may hold, what is borrowed included; −1: no limit
    uint32_t weight;            // beside its siblings when borrowing
    bool may_lend, may_borrow;
    uint64_t billing_permille; // of the rates below: 1000 is the plain price, 0 costs nothing
    struct caps caps;          // of the tenant and all below it, together
    struct caps each;          // of every person in it; −1: as the tenant above says
    int64_t approval[THRESHOLD_COUNT];
    enum guard_rule guard[GUARD_SIDE_COUNT];
};

struct policy {
    uint64_t version; // 0: the default, never saved
    int64_t time_ms;
    struct str actor, note;          // who changed it, and why
    struct str changes;              // JSON: what differs from the version before
    uint64_t last_tenant;            // the highest id ever given
    int64_t rate_micro[SHARE_COUNT]; // millionths of a unit for an hour of a processor, of a GiB of
                                     // memory, of a GiB of scratch disk, of an accelerator
    int64_t utc_offset_minutes;      // when a day and a month begin
    struct tenant *tenants;          // parents before their children
    uint32_t count;
};

// A department without bounds.
struct tenant tenant_plain(uint64_t id, struct str name);

// ---- records ---------------------------------------------------------------------------------
// The newest; the default one if there is none.
enum err policy_load(struct store_txn *txn, struct arena *arena, struct policy *out) MUST_USE;
// The same, shared and not to be changed, until policy_return; quick, for what is done with every
// job. *out is NULL after an error.
enum err policy_borrow(struct store_txn *txn, const struct policy **out) MUST_USE;
void policy_return(const struct policy *policy);
void policy_saved(void); // inside of allocation/: a record has been written
enum err policy_load_version(struct store_txn *txn, struct arena *arena, uint64_t version,
                             struct policy *out) MUST_USE;
enum err policy_read(struct record_reader *record, struct arena *arena,
                     struct policy *out) MUST_USE;
// Gives it the next version and the time, and fills `changes`.
enum err policy_save(struct store_txn *txn, struct arena *arena, struct policy *policy) MUST_USE;
// One department more at the top, in a version of its own. *out: its id. The one that has the name
// if there is one.
enum err policy_department(struct store_txn *txn, struct arena *arena, struct str actor,
                           struct str name, uint64_t *out) MUST_USE;

const struct tenant *policy_tenant(const struct policy *policy, uint64_t id); // NULL: none such
const struct tenant *policy_named(const struct policy *policy, struct str name);
// The tenant, or the default one where it is gone.
const struct tenant *policy_tenant_or_default(const struct policy *policy, uint64_t id);
const struct tenant *policy_parent(const struct policy *policy, const struct tenant *tenant);
// "内科 / 影像组"; cut if it is longer.
void policy_path(const struct policy *policy, const struct tenant *tenant,
                 char out[static TENANT_PATH_BYTES]);
// The cap of each person in the tenant: that of the nearest tenant upwards that gives one.
int64_t policy_each(const struct policy *policy, const struct tenant *tenant, enum cap cap);
// Above which its jobs wait for approval, so too; −1: never.
int64_t policy_threshold(const struct policy *policy, const struct tenant *tenant,
                         enum threshold threshold);
// The rule of the nearest tenant upwards that gives one; never GUARD_INHERIT.
enum guard_rule policy_guard(const struct policy *policy, const struct tenant *tenant,
                             enum guard_side side);

// Where a person belongs, and bounds of their own (−1: as their tenant says).
struct member {
    uint64_t person, tenant;
    struct caps caps;
};
// TENANT_DEFAULT and no caps for whoever has no record.
enum err member_load(struct store_txn *txn, uint64_t person, struct member *out) MUST_USE;
enum err member_save(struct store_txn *txn, const struct member *member) MUST_USE;
// counts[i] persons belong to policy->tenants[i] itself, as far as records say.
enum err members_count(struct store_txn *txn, const struct policy *policy,
                       uint64_t *counts) MUST_USE;

// ---- JSON and checks (policy_json.c, policy_check.c) -----------------------------------------
void policy_write_json(struct json_writer *out, const struct policy *policy); // members only
void caps_write_json(struct json_writer *out, const char *name, const struct caps *caps);
enum err caps_read_json(const struct json *node, struct caps *out, struct fault *fault) MUST_USE;
// Rates, offset and tenants of a body; ids above `last` are new ones. ERR_INPUT with the reason.
enum err policy_read_json(const struct json *body, struct arena *arena, uint64_t last,
                          struct policy *out, struct fault *fault) MUST_USE;
// What does not add up. `refused`: it cannot be saved so; else a warning. Calls tell for each.
struct policy_finding {
    const char *code; // "policy.quota_over_box", …
    bool refused;
    uint64_t tenant;   // 0: the whole
    const char *share; // the resource's name, "" if it is none
    int64_t has, most;
};
void policy_check(const struct policy *policy, const int64_t capacity[static SHARE_COUNT],
                  void (*tell)(void *ctx, const struct policy_finding *finding), void *ctx);
// What the box has of each resource, as told when it opens by who places the jobs. Scratch disk has
// no bound here: what is free of it changes by the day.
void policy_capacity_tell(const int64_t capacity[static SHARE_COUNT]);
void policy_capacity(int64_t out[static SHARE_COUNT]);
// An array: what `now` has otherwise than `before`.
void policy_changes_write(struct json_writer *out, const struct policy *before,
                          const struct policy *now);
