// The privacy budget of a dataset: spent by tables of noisy counts for good, across runs and
// revisions, never twice by jobs asked for together, given back by a job that failed.
#include "base/file.h"
#include "check.h"
#include "support/box.h"

enum { JOB_MS = 60000 };

static struct box_test box;
static char dir[128];
static uint64_t dataset;

// Asks for counts of the first revision.
static enum err ask(const char *lines) {
    char body[512];
    snprintf(body, sizeof body, "{\"recipe\":\"recipe 1\\n%s\\n\",\"revision\":1}", lines);
    return box_do(&box, &box_officer, flow_dataset_cleanse, dataset, 0, NULL, body);
}

static double spent(void) {
    if (box_do(&box, &box_officer, flow_dataset_show, dataset, 0, NULL, NULL) != OK) return -1;
    return json_member_number(box.reply, "epsilon_spent", -1);
}

static double budget_of_report(uint64_t number, const char *member) {
    if (box_do(&box, &box_officer, flow_revision_report, dataset, number, NULL, NULL) != OK) {
        return -1;
    }
    return json_member_number(json_member(box.reply, "budget"), member, -1);
}

static void what_is_spent_adds_up(void) {
    CHECK(spent() == 0);
    REQUIRE(ask("noise by=sex epsilon=6") == OK);
    REQUIRE(box_settle(&box, JOB_MS));
    CHECK(spent() == 6);
    CHECK(budget_of_report(2, "before") == 0);
    CHECK(budget_of_report(2, "total") == 6);
    CHECK_EQ(ask("noise by=sex epsilon=4.5"), ERR_CONFLICT);
    CHECK_STR(box.fault.code, "noise.over_budget");
    CHECK_STR(box.fault.detail, "6 + 4.5 > 10");
    REQUIRE(ask("decode auto") == OK);
    REQUIRE(box_settle(&box, JOB_MS));
    CHECK(spent() == 6);
    REQUIRE(ask("noise by=sex epsilon=4 rows=2") == OK);
    REQUIRE(box_settle(&box, JOB_MS));
    CHECK(spent() == 10);
    CHECK(budget_of_report(4, "before") == 6);
    CHECK(budget_of_report(4, "most") == 10);
    // A preview tells what there is, and spends nothing.
    REQUIRE(box_do(&box, &box_officer, flow_dataset_preview, dataset, 0, NULL,
                   "{\"recipe\":\"recipe 1\\nnoise by=sex epsilon=1\",\"revision\":1}") == OK);
    const struct json *counts = json_member(box.reply, "counts");
    CHECK_EQ(json_count(json_member(counts, "rows")), 2);
    CHECK(json_member_number(json_member(counts, "budget"), "before", 0) == 10);
    CHECK(spent() == 10);
}

static void jobs_asked_for_together_share_it(void) {
    char path[200];
    snprintf(path, sizeof path, "%s/rules.txt", dir);
    REQUIRE(file_write(path, STR("rules own\nprivacy.epsilon_most = 20\n"), NULL) == OK);
    REQUIRE(ask("noise by=sex epsilon=6") == OK);
    CHECK_EQ(ask("noise by=sex epsilon=6"), ERR_CONFLICT);
    CHECK_STR(box.fault.detail, "16 + 6 > 20");
    REQUIRE(box_settle(&box, JOB_MS));
    CHECK(spent() == 16);
}

static void a_failed_job_gives_it_back(void) {
    char state[16];
    REQUIRE(ask("words nowhere.txt\\nnoise by=sex epsilon=4") == OK);
    REQUIRE(box_wait_for(&box, box_u64(&box, "id"), JOB_MS, state));
    CHECK_STR(state, "failed");
    CHECK(spent() == 16);
    REQUIRE(ask("noise by=sex epsilon=4") == OK);
    REQUIRE(box_settle(&box, JOB_MS));
    CHECK(spent() == 20);
    // It is the dataset's, whatever revision is counted or gone back to.
    REQUIRE(box_do(&box, &box_officer, flow_revision_restore, dataset, 1, NULL, NULL) == OK);
    CHECK_EQ(ask("noise by=sex epsilon=.001"), ERR_CONFLICT);
}

int main(int argc, char **argv) {
    BOX_MAIN
    struct buf text;
    if (!box_folder(dir) || box_test_open(&box, dir) != OK) return 1;
    buf_open(&text, 1 << 20);
    box_patients(&text, 100, 1);
    dataset = box_import(&box, "patients", buf_str(&text), NULL);
    buf_close(&text);
    if (!dataset || !box_settle(&box, JOB_MS)) return 1;
    CHECK_RUN(what_is_spent_adds_up);
    CHECK_RUN(jobs_asked_for_together_share_it);
    CHECK_RUN(a_failed_job_gives_it_back);
    box_test_close(&box, true);
    box_folder_remove(dir);
    return check_done();
}
