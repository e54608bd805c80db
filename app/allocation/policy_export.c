#include "allocation/policy_export.h"

#include <inttypes.h>

#include "allocation/slurm.h"

enum { SLURM_TEXT_BYTES = 240 }; // of a description; the database cuts at 255

// A name in a comment or between quotes: no line ends, quotes or other marks of either language.
static void name_add(struct buf *out, struct str name) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = (uint8_t)name.data[i];
        bool mark = c < ' ' || c == 0x7f || c == '\'' || c == '"' || c == '\\' || c == ':' ||
                    c == '#' || c == '=' || c == ',';
        buf_add_char(out, mark ? ' ' : name.data[i]);
    }
}

static void path_add(struct buf *out, const struct policy *policy, const struct tenant *tenant) {
    char path[TENANT_PATH_BYTES];
    policy_path(policy, tenant, path);
    name_add(out, str_of(path));
}

static bool has_children(const struct policy *policy, uint64_t id) {
    for (uint32_t i = 0; i < policy->count; i++) {
        if (policy->tenants[i].parent == id) return true;
    }
    return false;
}

// ---- Slurm -----------------------------------------------------------------------------------

// Whole processors and devices: a limit is never widened.
static int64_t slurm_amount(enum share share, int64_t amount) {
    return share == SHARE_MEMORY ? amount : amount / 1000;
}

// All of them, −1 for none: what a file leaves out stays as an earlier one has set it.
static void slurm_limits(struct buf *out, const struct tenant *tenant, bool devices) {
    static const struct {
        enum share share;
        const char *name;
    } shares[] = {{SHARE_CPU, "cpu"}, {SHARE_MEMORY, "mem"}, {SHARE_DEVICE, "gres/gpu"}};
    const char *before = ":GrpTRES=";
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        int64_t limit = tenant->limit[shares[i].share];
        if (shares[i].share == SHARE_DEVICE && !devices) continue;
        buf_printf(out, "%s%s=%" PRId64, before, shares[i].name,
                   limit < 0 ? -1 : slurm_amount(shares[i].share, limit));
        before = ",";
    }
    int64_t jobs = tenant->caps.of[CAP_JOBS];
    buf_printf(out, ":GrpSubmitJobs=%" PRId64, jobs < 0 ? -1 : jobs);
}

// A file that names a kind of resource that the site does not account for is refused as a whole.
static bool slurm_devices(const struct policy *policy) {
    for (uint32_t i = 0; i < policy->count; i++) {
        const struct tenant *tenant = &policy->tenants[i];
        bool given = tenant->has_quota && tenant->quota[SHARE_DEVICE] > 0;
        if (given || tenant->limit[SHARE_DEVICE] >= 0) return true;
    }
    return false;
}

static void slurm_line_of(struct buf *out, const struct policy *policy, const struct tenant *tenant,
                          bool devices) {
    char account[SLURM_ACCOUNT_BYTES], path[TENANT_PATH_BYTES];
    slurm_account_name(tenant->id, account);
    policy_path(policy, tenant, path);
    struct str name = str_of(path);
    while (name.size > SLURM_TEXT_BYTES ||
           (path[name.size] & 0xc0) == 0x80) { // at a character's border
        name.size--;
    }
    buf_printf(out, "Account - '%s':Description='", account);
    name_add(out, name);
    buf_printf(out, "':Organization='courtyard':Fairshare=%u", tenant->weight);
    slurm_limits(out, tenant, devices);
    buf_add_char(out, '\n');
}

// The children of one account; parents before their children, as the policy has them.
static void slurm_children(struct buf *out, const struct policy *policy, uint64_t parent,
                           bool devices) {
    for (uint32_t i = 0; i < policy->count; i++) {
        const struct tenant *tenant = &policy->tenants[i];
        if (tenant->parent == parent) slurm_line_of(out, policy, tenant, devices);
    }
}

static void slurm_quota(struct buf *out, const struct policy *policy, const struct tenant *tenant) {
    if (!tenant->has_quota) return;
    buf_printf(out, "# t%" PRIu64 " (", tenant->id);
    path_add(out, policy, tenant);
    buf_add_text(out, ") is guaranteed");
    for (int i = 0; i < SHARE_COUNT; i++) {
        buf_printf(out, " %s %" PRId64, share_name((enum share)i), tenant->quota[i]);
    }
    buf_add_char(out, '\n');
}

void policy_export_slurm(const struct policy *policy, const struct policy_export *how,
                         struct buf *out) {
    buf_printf(out, "# courtyard: policy version %" PRIu64 "; sacctmgr load file=THIS\n",
               policy->version);
    buf_add_text(out,
                 "# Accounts guarantee nothing in Slurm: a quota is kept there by a "
                 "reservation or a QOS that may preempt.\n"
                 "# Fractions of processors and devices are rounded down. -1: no limit.\n"
                 "# Accounts of departments that are gone stay until they are deleted there.\n");
    bool devices = slurm_devices(policy);
    if (devices) buf_add_text(out, "# Needs AccountingStorageTRES=gres/gpu in slurm.conf.\n");
    for (uint32_t i = 0; i < policy->count; i++) slurm_quota(out, policy, &policy->tenants[i]);
    buf_add_text(out, "Cluster - '");
    name_add(out, how->cluster);
    buf_add_text(out, "'\nParent - 'root'\n");
    slurm_children(out, policy, 0, devices);
    for (uint32_t i = 0; i < policy->count; i++) {
        buf_printf(out, "Parent - 't%" PRIu64 "'\n", policy->tenants[i].id);
        slurm_children(out, policy, policy->tenants[i].id, devices);
        buf_add_text(out, "User - '");
        name_add(out, how->user);
        buf_printf(out, "':DefaultAccount='t%" PRIu64 "':Fairshare=1\n", policy->tenants[0].id);
    }
}

// ---- Kueue -----------------------------------------------------------------------------------

static const struct {
    enum share share;
    const char *name, *unit;
} kueue_shares[] = {
    {SHARE_CPU, "cpu", "m"},
    {SHARE_MEMORY, "memory", "Mi"},
    {SHARE_DISK, "ephemeral-storage", "Mi"},
    {SHARE_DEVICE, "nvidia.com/gpu", ""},
};
enum { KUEUE_SHARES = sizeof kueue_shares / sizeof kueue_shares[0] };

static int64_t kueue_amount(enum share share, int64_t amount) {
    return share == SHARE_DEVICE ? amount / 1000 : amount;
}

static void kueue_head(struct buf *out, const char *kind, const struct tenant *tenant) {
    buf_printf(out,
               "---\napiVersion: kueue.x-k8s.io/v1beta2\nkind: %s\nmetadata:\n"
               "  name: t%" PRIu64 "\n",
               kind, tenant->id);
}

// What the children are guaranteed is theirs; the tenant's own is what is left of its quota.
static int64_t own_quota(const struct policy *policy, const struct tenant *tenant, int share) {
    int64_t own = tenant->has_quota ? tenant->quota[share] : 0;
    for (uint32_t i = 0; i < policy->count; i++) {
        const struct tenant *child = &policy->tenants[i];
        if (child->parent == tenant->id && child->has_quota) own -= child->quota[share];
    }
    return own < 0 ? 0 : own;
}

static void kueue_quota(struct buf *out, const char *name, enum share share, const char *unit,
                        int64_t amount) {
    buf_printf(out, "            %s: \"%" PRId64 "%s\"\n", name, kueue_amount(share, amount), unit);
}

// `own`: what it is guaranteed itself; `whole` with all below it, which its limit counts from.
static void kueue_resources(struct buf *out, const struct policy *policy,
                            const struct tenant *tenant, bool with_quota) {
    buf_add_text(out, "  resourceGroups:\n    - coveredResources: [");
    for (int i = 0; i < KUEUE_SHARES; i++) {
        buf_printf(out, "%s\"%s\"", i ? ", " : "", kueue_shares[i].name);
    }
    buf_add_text(out, "]\n      flavors:\n        - name: courtyard\n          resources:\n");
    for (int i = 0; i < KUEUE_SHARES; i++) {
        enum share share = kueue_shares[i].share;
        const char *unit = kueue_shares[i].unit;
        int64_t whole = tenant->has_quota ? tenant->quota[share] : 0, limit = tenant->limit[share];
        buf_printf(out, "          - name: \"%s\"\n", kueue_shares[i].name);
        kueue_quota(out, "nominalQuota", share, unit,
                    with_quota ? own_quota(policy, tenant, (int)share) : 0);
        if (!with_quota) continue; // bounded by the cohort of the same name
        // Who has no quota lives on its parent's, which Kueue calls borrowing.
        if (!tenant->may_borrow && tenant->has_quota) {
            kueue_quota(out, "borrowingLimit", share, unit, 0);
        } else if (limit >= 0) {
            kueue_quota(out, "borrowingLimit", share, unit, limit > whole ? limit - whole : 0);
        }
        if (!tenant->may_lend) kueue_quota(out, "lendingLimit", share, unit, 0);
    }
}

static void kueue_weight(struct buf *out, const struct tenant *tenant) {
    buf_printf(out, "  fairSharing:\n    weight: \"%u\"\n", tenant->weight);
}

static void kueue_parent(struct buf *out, const char *field, const struct tenant *tenant) {
    if (tenant->parent) {
        buf_printf(out, "  %s: t%" PRIu64 "\n", field, tenant->parent);
    } else {
        buf_printf(out, "  %s: courtyard\n", field);
    }
}

static void kueue_tenant(struct buf *out, const struct policy *policy,
                         const struct policy_export *how, const struct tenant *tenant) {
    bool inner = has_children(policy, tenant->id);
    buf_printf(out, "# t%" PRIu64 ": ", tenant->id);
    path_add(out, policy, tenant);
    buf_add_char(out, '\n');
    if (inner) {
        kueue_head(out, "Cohort", tenant);
        buf_add_text(out, "spec:\n");
        kueue_parent(out, "parentName", tenant);
        kueue_weight(out, tenant);
        kueue_resources(out, policy, tenant, true);
    }
    kueue_head(out, "ClusterQueue", tenant);
    buf_add_text(out, "spec:\n");
    if (inner) {
        buf_printf(out, "  cohortName: t%" PRIu64 "\n", tenant->id);
    } else {
        kueue_parent(out, "cohortName", tenant);
        kueue_weight(out, tenant);
    }
    buf_add_text(out, "  namespaceSelector: {}\n  preemption:\n    reclaimWithinCohort: Any\n");
    kueue_resources(out, policy, tenant, !inner);
    kueue_head(out, "LocalQueue", tenant);
    buf_add_text(out, "  namespace: ");
    name_add(out, how->space);
    buf_printf(out, "\nspec:\n  clusterQueue: t%" PRIu64 "\n", tenant->id);
}

void policy_export_kueue(const struct policy *policy, const struct policy_export *how,
                         struct buf *out) {
    buf_printf(out, "# courtyard: policy version %" PRIu64 "; kubectl apply -f THIS\n",
               policy->version);
    buf_add_text(
        out,
        "# Give the cohort courtyard what the cluster has beyond the quotas.\n"
        "# Fractions of devices are rounded down. Weights count where Kueue's fair sharing is on.\n"
        "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: ");
    name_add(out, how->space);
    buf_add_text(out, "\n---\napiVersion: kueue.x-k8s.io/v1beta2\nkind: ResourceFlavor\n"
                      "metadata:\n  name: courtyard\n"
                      "---\napiVersion: kueue.x-k8s.io/v1beta2\nkind: Cohort\n"
                      "metadata:\n  name: courtyard\n");
    for (uint32_t i = 0; i < policy->count; i++) {
        kueue_tenant(out, policy, how, &policy->tenants[i]);
    }
}
