// Keys: made when needed, shared by the datasets of a project, opened by an officer with a reason,
// destroyed for good.
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "data/exchange/bundle.h"
#include "support/box.h"

enum { JOB_MS = 60000 };

static const struct actor security = {.person_id = 90, .name = {"shen", 4}, .roles = ROLE_SECURITY};
static struct box_test box;
static char dir[128], sealed[512];
static uint64_t first, second;

static enum err act(const struct actor *actor,
                    enum err (*operation)(struct flow *flow, struct call *call), uint64_t id,
                    const char *body) {
    return box_do(&box, actor, operation, id, 0, NULL, body);
}

static bool job_done(uint64_t job) {
    char state[16] = "";
    bool ended = box_wait_for(&box, job, JOB_MS, state);
    return CHECK(ended) && CHECK_STR(state, "done");
}

static uint64_t import(const char *name, const char *csv) {
    uint64_t job, dataset = box_import(&box, name, str_of(csv), &job);
    return dataset && job_done(job) && box_settle(&box, JOB_MS) ? dataset : 0;
}

// Cleanses the first revision and gives the first cell of the newest one.
static bool cleanse(uint64_t dataset, const char *recipe, char *out, size_t out_size) {
    char body[512];
    snprintf(body, sizeof body, "{\"recipe\":\"recipe 1\\n%s\\n\",\"revision\":1}", recipe);
    if (!CHECK_EQ(act(&box_officer, flow_dataset_cleanse, dataset, body), OK)) return false;
    if (!job_done(box_u64(&box, "id")) || !box_settle(&box, JOB_MS)) return false;
    if (act(&box_officer, flow_dataset_show, dataset, NULL) != OK) return false;
    const struct json *now = json_member(box.reply, "revision");
    uint64_t number = now ? json_member_u64(now, "number", 0) : 0;
    if (!number) number = box_u64(&box, "revision");
    if (box_do(&box, &box_officer, flow_revision_rows, dataset, number, "reveal=1", NULL) != OK) {
        return false;
    }
    const struct json *row = json_first(json_member(box.reply, "rows"));
    return str_copy(out, out_size, json_text(json_first(row)));
}

static void a_key_is_made_when_needed(void) {
    first = import("one", "姓名,n\n张三,1\n李四,2\n");
    second = import("two", "姓名,n\n李四,7\n张三,8\n");
    REQUIRE(first && second);
    REQUIRE(act(&security, flow_key_list, 0, NULL) == OK);
    CHECK_EQ(box_u64(&box, "total"), 0);
    REQUIRE(cleanse(first, "mask 姓名 how=encrypt", sealed, sizeof sealed));
    CHECK(str_starts(str_of(sealed), STR("⟦")));
    REQUIRE(act(&security, flow_key_list, 0, NULL) == OK);
    CHECK_EQ(box_u64(&box, "total"), 1);
    const struct json *key = json_first(json_member(box.reply, "items"));
    char name[32];
    snprintf(name, sizeof name, "dataset/%d", (int)first);
    CHECK_TEXT(json_member_text(key, "name"), name);
    CHECK_EQ(json_member_text(key, "mark").size, 8);
    CHECK_EQ(act(&box_researcher, flow_key_list, 0, NULL), ERR_DENIED);
}

static void a_project_shares_one(void) {
    char one[128], other[128], own[128];
    REQUIRE(cleanse(first, "mask 姓名 how=pseudonym scope=project project=心脏", one, sizeof one));
    REQUIRE(cleanse(second, "drop missing=n\\nmask 姓名 how=pseudonym scope=project project=心脏",
                    other, sizeof other));
    CHECK(strcmp(one, other) != 0); // 张三, 李四
    struct json const *rows = json_member(box.reply, "rows");
    CHECK_TEXT(json_text(json_first(json_next(json_first(rows)))), one);
    REQUIRE(cleanse(first, "mask 姓名 how=pseudonym", own, sizeof own));
    CHECK(strcmp(one, own) != 0);
    REQUIRE(act(&box_auditor, flow_key_list, 0, NULL) == OK);
    CHECK_EQ(box_u64(&box, "total"), 3);
    REQUIRE(act(&box_officer, flow_dataset_preview, first,
                "{\"recipe\":\"recipe 1\\nmask 姓名 how=pseudonym scope=project project=心脏\","
                "\"revision\":1}") == OK);
    const struct json *row = json_first(json_member(box.reply, "rows"));
    CHECK_TEXT(json_text(json_first(json_member(row, "after"))), one);
}

static void open_body(char *out, size_t size, const char *reason) {
    snprintf(out, size, "{\"texts\":[\"患者%s。\",\"无\"],\"reason\":\"%s\"}", sealed, reason);
}

static void an_officer_opens_with_a_reason(void) {
    char body[1024];
    open_body(body, sizeof body, "");
    CHECK_EQ(act(&security, flow_key_open, 0, body), ERR_INPUT);
    open_body(body, sizeof body, "复查需要联系患者");
    CHECK_EQ(act(&box_officer, flow_key_open, 0, body), ERR_DENIED);
    REQUIRE(act(&security, flow_key_open, 0, body) == OK);
    const struct json *item = json_first(json_member(box.reply, "items"));
    CHECK_TEXT(json_member_text(item, "text"), "患者张三。");
    CHECK_EQ(json_member_u64(item, "opened", 9), 1);
    CHECK_EQ(json_member_u64(item, "left", 9), 0);
    CHECK_TEXT(json_member_text(json_next(item), "text"), "无");
    CHECK_EQ(json_count(json_member(box.reply, "destroyed")), 0);
}

static void destroyed_is_final(void) {
    char body[1024], path[256], again[512];
    CHECK_EQ(act(&security, flow_key_destroy, 1, "{\"reason\":\"\"}"), ERR_INPUT);
    CHECK_EQ(act(&box_officer, flow_key_destroy, 1, "{\"reason\":\"项目结束\"}"), ERR_DENIED);
    CHECK_EQ(act(&security, flow_key_destroy, 99, "{\"reason\":\"项目结束\"}"), ERR_NOT_FOUND);
    REQUIRE(act(&security, flow_key_destroy, 1, "{\"reason\":\"项目结束\"}") == OK);
    CHECK_TEXT(box_text(&box, "destroyed_by"), "shen");
    uint64_t when = box_u64(&box, "destroyed_ms");
    snprintf(path, sizeof path, "%s/keys/key-1", dir);
    CHECK(!file_exists(path));
    // Asked again, the same answer.
    REQUIRE(act(&security, flow_key_destroy, 1, "{\"reason\":\"anything\"}") == OK);
    CHECK_EQ(box_u64(&box, "destroyed_ms"), when);
    CHECK_TEXT(box_text(&box, "reason"), "项目结束");
    open_body(body, sizeof body, "再看一次");
    REQUIRE(act(&security, flow_key_open, 0, body) == OK);
    const struct json *item = json_first(json_member(box.reply, "items"));
    CHECK_EQ(json_member_u64(item, "left", 0), 1);
    const struct json *gone = json_first(json_member(box.reply, "destroyed"));
    CHECK_TEXT(json_member_text(gone, "destroyed_by"), "shen");
    // What is left of the file says so to whoever asks for it.
    snprintf(path, sizeof path, "%s/keys/key-1.destroyed", dir);
    CHECK(file_exists(path));
    // The next recipe makes another key.
    REQUIRE(cleanse(first, "mask 姓名 how=encrypt", again, sizeof again));
    CHECK(strcmp(again, sealed) != 0);
    REQUIRE(act(&security, flow_key_list, 0, NULL) == OK);
    CHECK_EQ(box_u64(&box, "total"), 4);
}

// The box signs what leaves it; the key's open half is anybody's to have.
static void a_bundle_leaves_signed(void) {
    char cell[128];
    struct verify_key from;
    struct bundle_info info;
    struct fault fault = {0};
    REQUIRE(act(&box_researcher, flow_key_bundle, 0, NULL) == OK);
    CHECK_EQ(box_text(&box, "fingerprint").size, FINGERPRINT_SIZE - 1);
    REQUIRE(verify_key_read(box_text(&box, "public_key"), &from) == OK);
    REQUIRE(cleanse(first,
                    "mask 姓名 how=pseudonym\\npack format=jsonl name=心脏 parts=data,report", cell,
                    sizeof cell));
    // The newest job is the check that follows; the one before it cleansed.
    REQUIRE(act(&box_officer, flow_job_list, 0, NULL) == OK);
    const struct json *job = json_first(json_member(box.reply, "items"));
    while (job && !str_is(json_member_text(job, "step"), "cleanse")) job = json_next(job);
    REQUIRE(job && json_member_bool(job, "download", false));
    struct flow_download download;
    struct call call = {.actor = box_officer,
                        .id = json_member_u64(job, "id", 0),
                        .arena = box.arena,
                        .fault = &fault};
    REQUIRE(flow_prediction_download(box.flow, &call, &download) == OK);
    CHECK_STR(download.content_type, "application/x-tar");
    CHECK_EQ(bundle_verify(download.path, &from, NULL, &info, NULL, &fault), OK);
    CHECK_EQ(info.members, 2);
}

int main(int argc, char **argv) {
    BOX_MAIN
    if (!box_folder(dir) || box_test_open(&box, dir) != OK) return 1;
    CHECK_RUN(a_key_is_made_when_needed);
    CHECK_RUN(a_project_shares_one);
    CHECK_RUN(an_officer_opens_with_a_reason);
    CHECK_RUN(destroyed_is_final);
    CHECK_RUN(a_bundle_leaves_signed);
    box_test_close(&box, true);
    box_folder_remove(dir);
    return check_done();
}
