// A policy in the words of Slurm and of Kueue.
#include "allocation/policy_export.h"
#include "check.h"

#define TENANT(number, above, words)                                                      \
    .id = (number), .parent = (above), .name = {(words), sizeof(words) - 1}, .weight = 1, \
    .limit = {-1, -1, -1, -1}, .may_lend = true, .may_borrow = true,                      \
    .caps = {{-1, -1, -1, -1, -1, -1, -1}}, .each = {{-1, -1, -1, -1, -1, -1, -1}}

static struct tenant tenants[] = {
    {TENANT(1, 0, "everyone")},
    {TENANT(2, 0, "内科")},
    {TENANT(3, 2, "a':Fairshare=9\nUser - 'root'\"\\")},
};
static const struct policy policy = {.version = 7, .tenants = tenants, .count = 3};
static const struct policy_export how = {
    .cluster = {"courtyard", 9}, .user = {"courtyard", 9}, .space = {"courtyard", 9}};

static void fill(void) {
    tenants[1].has_quota = true;
    tenants[1].quota[SHARE_CPU] = 8000;
    tenants[1].quota[SHARE_MEMORY] = 16384;
    tenants[1].quota[SHARE_DEVICE] = 2000;
    tenants[1].limit[SHARE_CPU] = 12500;
    tenants[1].limit[SHARE_DEVICE] = 2500;
    tenants[1].weight = 3;
    tenants[1].caps.of[CAP_JOBS] = 40;
    tenants[2].has_quota = true;
    tenants[2].quota[SHARE_CPU] = 3000;
    tenants[2].may_lend = false;
    tenants[2].may_borrow = false;
}

static bool holds(const struct buf *text, const char *words) {
    return memmem(text->data, text->size, words, strlen(words)) != NULL;
}

// To be looked at by other tools: the file that the environment names.
static void keep(const char *variable, const struct buf *text) {
    const char *path = getenv(variable);
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    fwrite(text->data, 1, text->size, file);
    fclose(file);
}

static void slurm_is_a_file_of_sacctmgr(void) {
    struct buf text, again;
    buf_open(&text, 1 << 20);
    buf_open(&again, 1 << 20);
    policy_export_slurm(&policy, &how, &text);
    policy_export_slurm(&policy, &how, &again);
    CHECK_BYTES(text.data, text.size, again.data, again.size);
    CHECK(holds(&text, "\nAccount - 't2':Description='内科':Organization='courtyard':Fairshare=3"
                       ":GrpTRES=cpu=12,mem=-1,gres/gpu=2:GrpSubmitJobs=40\n"));
    CHECK(holds(&text, "\nParent - 't2'\nAccount - 't3':"));
    CHECK(holds(&text, "\nAccount - 't1':Description='everyone':Organization='courtyard':"
                       "Fairshare=1:GrpTRES=cpu=-1,mem=-1,gres/gpu=-1:GrpSubmitJobs=-1\n"));
    keep("COURTYARD_EXPORT_SLURM", &text);
    // A name stays a name: no line and no field of its own.
    CHECK(!holds(&text, "Fairshare=9"));
    CHECK(!holds(&text, "\nUser - 'root'\""));
    buf_close(&text);
    buf_close(&again);
}

// A name longer than the database's column is cut at a character; devices that nobody is given are
// not named.
static void slurm_takes_long_names_and_no_devices(void) {
    static char name[300] = "ab";
    struct tenant one = {TENANT(9, 0, "")};
    struct policy small = {.version = 1, .tenants = &one, .count = 1};
    struct buf text;
    for (size_t i = 2; i < 299; i += 3) memcpy(name + i, "长", 3);
    one.name = (struct str){name, 299};
    buf_open(&text, 1 << 20);
    policy_export_slurm(&small, &how, &text);
    CHECK(holds(&text, "长':Organization="));
    CHECK(!holds(&text, name));
    CHECK(holds(&text, ":GrpTRES=cpu=-1,mem=-1:GrpSubmitJobs=-1\n"));
    CHECK(!holds(&text, "gres/gpu"));
    buf_close(&text);
}

static void kueue_is_yaml(void) {
    struct buf text;
    buf_open(&text, 1 << 20);
    policy_export_kueue(&policy, &how, &text);
    CHECK(holds(&text, "kind: Cohort\nmetadata:\n  name: t2\nspec:\n  parentName: courtyard\n"
                       "  fairSharing:\n    weight: \"3\"\n"));
    // Of its 8 processors 3 are the project's; its limit is 4.5 more than its quota.
    CHECK(holds(&text, "          - name: \"cpu\"\n            nominalQuota: \"5000m\"\n"
                       "            borrowingLimit: \"4500m\"\n"));
    CHECK(holds(&text, "kind: ClusterQueue\nmetadata:\n  name: t2\nspec:\n  cohortName: t2\n"));
    CHECK(holds(&text, "            nominalQuota: \"3000m\"\n            borrowingLimit: \"0m\"\n"
                       "            lendingLimit: \"0m\"\n"));
    CHECK(holds(&text, "kind: LocalQueue\nmetadata:\n  name: t3\n  namespace: courtyard\n"
                       "spec:\n  clusterQueue: t3\n"));
    CHECK(!holds(&text, "\nUser"));
    keep("COURTYARD_EXPORT_KUEUE", &text);
    buf_close(&text);
}

int main(void) {
    fill();
    CHECK_RUN(slurm_is_a_file_of_sacctmgr);
    CHECK_RUN(slurm_takes_long_names_and_no_devices);
    CHECK_RUN(kueue_is_yaml);
    return check_done();
}
