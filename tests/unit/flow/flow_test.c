// The box's operations from an upload to a prediction, as people call them, with real child
// processes: who may do what, what is hidden, what a second person must do, what a cancel stops.
#include <unistd.h>

#include "check.h"
#include "flow/steps/rows_in.h"
#include "support/box.h"

enum { PATIENTS = 600, JOB_MS = 60000 };

static struct box_test box;
static char dir[128];
static uint64_t dataset, release, model;

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

// ---- uploads ------------------------------------------------------------------------------------

static void uploads_go_on_where_they_stopped(void) {
    struct upload *upload, *second;
    uint64_t received = 0;
    REQUIRE(act(&box_officer, flow_upload_create, 0, "{\"name\":\"C:\\\\a/b.csv\",\"size\":10}") ==
            OK);
    uint64_t id = box_u64(&box, "id");
    CHECK_TEXT(box_text(&box, "name"), "b.csv"); // no folders from outside
    struct fault fault = {0};
    REQUIRE(flow_upload_begin(box.flow, &box_officer, id, 0, &upload, &fault) == OK);
    CHECK_EQ(flow_upload_begin(box.flow, &box_officer, id, 0, &second, &fault), ERR_BUSY);
    CHECK_EQ(flow_upload_add(upload, "12345", 5, &fault), OK);
    CHECK_EQ(flow_upload_end(upload, &received, &fault), OK);
    CHECK_EQ(received, 5);
    fault = (struct fault){0};
    CHECK_EQ(flow_upload_begin(box.flow, &box_officer, id, 3, &upload, &fault), ERR_CONFLICT);
    CHECK_STR(fault.code, "upload.offset");
    CHECK_STR(fault.detail, "5");
    // Nobody else's, and not used before it is whole.
    CHECK_EQ(flow_upload_begin(box.flow, &box_reviewer, id, 5, &upload, NULL), ERR_NOT_FOUND);
    char body[80];
    snprintf(body, sizeof body, "{\"name\":\"x\",\"upload\":%llu}", (unsigned long long)id);
    CHECK_EQ(act(&box_officer, flow_dataset_create, 0, body), ERR_CONFLICT);
    CHECK_STR(box.fault.code, "upload.incomplete");
    REQUIRE(flow_upload_begin(box.flow, &box_officer, id, 5, &upload, NULL) == OK);
    fault = (struct fault){0};
    CHECK_EQ(flow_upload_add(upload, "6789012", 7, &fault), ERR_LIMIT);
    CHECK_STR(fault.code, "upload.over_size");
    CHECK_EQ(flow_upload_end(upload, &received, NULL), OK);
    CHECK_EQ(received, 5);
    CHECK_EQ(act(&box_officer, flow_upload_delete, id, NULL), OK);
    CHECK_EQ(act(&box_officer, flow_upload_show, id, NULL), ERR_NOT_FOUND);
}

static void uploads_refuse_what_cannot_be(void) {
    CHECK_EQ(act(&box_officer, flow_upload_create, 0, "{\"name\":\"a\",\"size\":0}"), ERR_INPUT);
    CHECK_EQ(act(&box_officer, flow_upload_create, 0, "{\"name\":\"a\",\"size\":-1}"), ERR_INPUT);
    CHECK_EQ(act(&box_officer, flow_upload_create, 0, "{\"size\":3}"), ERR_INPUT);
    CHECK_EQ(act(&box_officer, flow_upload_create, 0, "{\"name\":\"a\",\"size\":1099511627777}"),
             ERR_LIMIT);
    CHECK_EQ(act(&box_auditor, flow_upload_create, 0, "{\"name\":\"a\",\"size\":1}"), ERR_DENIED);
    CHECK_EQ(act(&box_stranger, flow_upload_create, 0, "{\"name\":\"a\",\"size\":1}"), ERR_DENIED);
}

// ---- datasets -----------------------------------------------------------------------------------

static void an_import_is_checked_by_itself(void) {
    struct buf text;
    uint64_t job = 0;
    buf_open(&text, 1 << 20);
    box_patients(&text, PATIENTS, 7);
    dataset = box_import(&box, "patients", buf_str(&text), &job);
    buf_close(&text);
    REQUIRE(dataset && job_done(job));
    REQUIRE(act(&box_officer, flow_dataset_show, dataset, NULL) == OK);
    CHECK_TEXT(box_text(&box, "state"), "ready");
    CHECK_EQ(box_u64(&box, "rows"), PATIENTS);
    CHECK(box_u64(&box, "job") > job);
    REQUIRE(job_done(box_u64(&box, "job")));
    REQUIRE(box_do(&box, &box_officer, flow_revision_profile, dataset, 1, NULL, NULL) == OK);
    CHECK(json_member_bool(box.reply, "hidden", false));
    CHECK_EQ(act(&box_researcher, flow_dataset_show, dataset, NULL), ERR_DENIED);
    CHECK_EQ(act(&box_officer, flow_dataset_show, 999, NULL), ERR_NOT_FOUND);
    CHECK_STR(box.fault.code, "dataset.not_found");
}

static uint64_t blobs(void) {
    if (act(&box_auditor, flow_system, 0, NULL) != OK) return 0;
    return box_u64(&box, "blob_count");
}

static void a_second_check_replaces_the_first(void) {
    uint64_t before = blobs();
    REQUIRE(act(&box_officer, flow_dataset_check, dataset, "{}") == OK);
    REQUIRE(job_done(box_u64(&box, "id")));
    CHECK_EQ(blobs(), before);
    REQUIRE(box_do(&box, &box_officer, flow_revision_profile, dataset, 1, NULL, NULL) == OK);
}

static bool holds(const char *text) {
    return memmem(box.answer.data, box.answer.size, text, strlen(text)) != NULL;
}

static void personal_data_are_hidden_until_asked_for(void) {
    REQUIRE(box_do(&box, &box_officer, flow_revision_rows, dataset, 1, "size=5", NULL) == OK);
    CHECK(holds("•••")); // the mobile numbers, found in the cells themselves
    CHECK(!holds("\"138"));
    REQUIRE(box_do(&box, &box_officer, flow_revision_rows, dataset, 1, "size=5&reveal=1", NULL) ==
            OK);
    CHECK(holds("\"138"));
    REQUIRE(box_do(&box, &box_officer, flow_revision_profile, dataset, 1, NULL, NULL) == OK);
    CHECK(!holds("\"1380")); // no number, only what was masked of it
    CHECK(holds("\"138****"));
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_rows, dataset, 9, NULL, NULL), ERR_NOT_FOUND);
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_rows, dataset, 1, "size=201", NULL),
             ERR_INPUT);
    // Past the end there is nothing, and no error.
    REQUIRE(box_do(&box, &box_officer, flow_revision_rows, dataset, 1, "offset=100000", NULL) ==
            OK);
    CHECK_EQ(json_count(json_member(box.reply, "rows")), 0);
}

struct looking {
    const char *action;
    uint64_t count;
};

static bool look_visit(void *ctx, const struct audit_entry *entry) {
    struct looking *looking = ctx;
    looking->count += str_is(entry->action, looking->action);
    return true;
}

static uint64_t audited(const char *action) {
    struct looking looking = {.action = action};
    struct store_txn *txn;
    if (store_read_begin(box.store, &txn) != OK) return 0;
    enum err err = audit_scan(txn, 0, look_visit, &looking);
    store_read_end(txn);
    return err == OK ? looking.count : 0;
}

static void revealing_leaves_a_trace(void) {
    uint64_t before = audited("dataset.reveal");
    REQUIRE(box_do(&box, &box_officer, flow_revision_rows, dataset, 1, NULL, NULL) == OK);
    CHECK_EQ(audited("dataset.reveal"), before);
    REQUIRE(box_do(&box, &box_officer, flow_revision_rows, dataset, 1, "reveal=1", NULL) == OK);
    CHECK_EQ(audited("dataset.reveal"), before + 1);
    REQUIRE(box_do(&box, &box_officer, flow_revision_profile, dataset, 1, "reveal=1", NULL) == OK);
    CHECK_EQ(audited("dataset.reveal"), before + 2);
    REQUIRE(act(&box_officer, flow_dataset_preview, dataset, "{\"recipe\":\"recipe 1\\n\"}") == OK);
    CHECK_EQ(audited("dataset.reveal"), before + 3);
}

static void roles_are_peoples_to_give(void) {
    CHECK_EQ(act(&box_officer, flow_dataset_change, dataset, "{\"roles\":{\"nobody\":\"direct\"}}"),
             ERR_INPUT);
    CHECK_STR(box.fault.code, "dataset.no_column");
    CHECK_EQ(act(&box_officer, flow_dataset_change, dataset, "{\"roles\":{\"name\":\"x\"}}"),
             ERR_INPUT);
    REQUIRE(act(&box_officer, flow_dataset_change, dataset,
                "{\"roles\":{\"name\":\"direct\",\"mobile\":\"direct\",\"age\":\"quasi\"}}") == OK);
    REQUIRE(box_do(&box, &box_officer, flow_revision_rows, dataset, 1, "size=2", NULL) == OK);
    CHECK(!holds("Person"));
}

static const char sheet[] = "{\"sheet\":{\"title\":\"Patients\",\"sensitivity\":\"internal\"}}";

static void a_direct_column_is_never_published(void) {
    CHECK_EQ(act(&box_officer, flow_release_request, dataset, sheet), ERR_INPUT);
    CHECK_STR(box.fault.code, "release.direct_column");
    CHECK_STR(box.fault.detail, "name");
}

static void the_bin_keeps_and_gives_back(void) {
    REQUIRE(act(&box_officer, flow_dataset_delete, dataset, NULL) == OK);
    CHECK_EQ(act(&box_officer, flow_dataset_check, dataset, NULL), ERR_CONFLICT);
    REQUIRE(act(&box_officer, flow_dataset_list, 0, NULL) == OK);
    CHECK_EQ(box_u64(&box, "total"), 0);
    REQUIRE(box_do(&box, &box_officer, flow_dataset_list, 0, 0, "deleted=1", NULL) == OK);
    CHECK_EQ(box_u64(&box, "total"), 1);
    REQUIRE(act(&box_officer, flow_dataset_change, dataset, "{\"deleted\":false}") == OK);
}

static void a_recipe_makes_the_next_revision(void) {
    CHECK_EQ(act(&box_officer, flow_dataset_cleanse, dataset, "{\"recipe\":\"recipe 1\\nfly a\"}"),
             ERR_INPUT);
    CHECK_EQ(box.fault.row, 2);
    REQUIRE(act(&box_officer, flow_dataset_cleanse, dataset,
                "{\"recipe\":\"recipe 1\\nfield direct=name,mobile quasi=age\\n"
                "mask name,mobile how=pseudonym scope=dataset\\n\"}") == OK);
    REQUIRE(job_done(box_u64(&box, "id")));
    REQUIRE(box_settle(&box, JOB_MS));
    REQUIRE(act(&box_officer, flow_dataset_show, dataset, NULL) == OK);
    CHECK_EQ(box_u64(&box, "revision"), 2);
    CHECK(holds("\"treatment\":\"pseudonym\""));
    REQUIRE(box_do(&box, &box_officer, flow_revision_report, dataset, 2, NULL, NULL) == OK);
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_report, dataset, 1, NULL, NULL),
             ERR_NOT_FOUND);
}

// ---- releases -----------------------------------------------------------------------------------

static void a_second_person_approves(void) {
    REQUIRE(act(&box_officer, flow_release_request, dataset, sheet) == OK);
    release = box_u64(&box, "id");
    CHECK(holds("release.quasi_column"));
    CHECK_EQ(act(&box_researcher, flow_release_show, release, NULL), ERR_NOT_FOUND);
    CHECK_EQ(act(&box_researcher, flow_release_approve, release, NULL), ERR_DENIED);
    CHECK_EQ(act(&box_officer, flow_release_approve, release, NULL), ERR_DENIED);
    CHECK_STR(box.fault.code, "release.same_person");
    CHECK_EQ(audited("release.refused"), 1);
    CHECK_EQ(
        act(&box_researcher, flow_model_train, release, "{\"name\":\"m\",\"target\":\"outcome\"}"),
        ERR_CONFLICT);
    REQUIRE(act(&box_reviewer, flow_release_approve, release, NULL) == OK);
    CHECK_TEXT(box_text(&box, "state"), "released");
    CHECK_EQ(box_text(&box, "hash").size, 64);
    CHECK_EQ(act(&box_reviewer, flow_release_approve, release, NULL), ERR_CONFLICT);
    CHECK_EQ(act(&box_researcher, flow_release_show, release, NULL), OK);
}

// The same data, sheet and way: the same hash, whoever asks and whenever.
static void the_hash_names_the_content(void) {
    char first[80] = "", second[80] = "";
    REQUIRE(act(&box_researcher, flow_release_show, release, NULL) == OK);
    str_copy(first, sizeof first, box_text(&box, "hash"));
    REQUIRE(act(&box_reviewer, flow_release_request, dataset, sheet) == OK);
    uint64_t again = box_u64(&box, "id");
    REQUIRE(act(&box_officer, flow_release_approve, again, NULL) == OK);
    str_copy(second, sizeof second, box_text(&box, "hash"));
    CHECK_STR(second, first);
    REQUIRE(act(&box_officer, flow_release_withdraw, again, "{\"reason\":\"a double\"}") == OK);
    REQUIRE(act(&box_officer, flow_release_request, dataset, "{\"sheet\":{\"title\":\"Other\"}}") ==
            OK);
    again = box_u64(&box, "id");
    REQUIRE(act(&box_reviewer, flow_release_approve, again, NULL) == OK);
    str_copy(second, sizeof second, box_text(&box, "hash"));
    CHECK(strcmp(first, second) != 0);
    CHECK_EQ(act(&box_officer, flow_release_withdraw, again, "{}"), ERR_INPUT); // a reason is due
    REQUIRE(act(&box_officer, flow_release_withdraw, again, "{\"reason\":\"test\"}") == OK);
}

static void a_release_is_downloaded_as_csv(void) {
    struct flow_download download;
    struct json_writer out = json_writer_of(&box.answer);
    struct call call = {.actor = box_researcher,
                        .id = release,
                        .arena = box.arena,
                        .out = &out,
                        .fault = &box.fault};
    uint64_t before = audited("release.download");
    REQUIRE(flow_release_download(box.flow, &call, &download) == OK);
    CHECK(access(download.path, R_OK) == 0);
    CHECK(strncmp(download.name, "Patients", 8) == 0);
    CHECK_EQ(audited("release.download"), before + 1);
    call.actor = box_auditor;
    CHECK_EQ(flow_release_download(box.flow, &call, &download), ERR_DENIED);
}

// ---- models -------------------------------------------------------------------------------------

static void a_model_is_trained_on_a_release(void) {
    CHECK_EQ(
        act(&box_officer, flow_model_train, release, "{\"name\":\"m\",\"target\":\"outcome\"}"),
        ERR_DENIED);
    CHECK_EQ(
        act(&box_researcher, flow_model_train, release, "{\"name\":\"m\",\"target\":\"none\"}"),
        ERR_INPUT);
    CHECK_STR(box.fault.code, "train.unknown_column");
    REQUIRE(act(&box_researcher, flow_model_train, release,
                "{\"name\":\"m\",\"target\":\"outcome\",\"options\":{\"trees\":30}}") == OK);
    model = json_member_u64(json_member(box.reply, "model"), "id", 0);
    REQUIRE(job_done(json_member_u64(json_member(box.reply, "job"), "id", 0)));
    REQUIRE(act(&box_researcher, flow_model_show, model, NULL) == OK);
    const struct json *headline = json_member(box.reply, "headline");
    CHECK_TEXT(json_member_text(headline, "name"), "auc");
    // Three of ten outcomes are chance: better than a coin, and not perfect.
    double auc = json_member_number(headline, "value", 0);
    CHECK(auc > 0.7 && auc < 0.99);
    CHECK(json_member_number(headline, "low", 1) <= auc);
    CHECK(holds("train.column_left_out")); // the pseudonyms: 600 different texts
    CHECK(json_count(json_member(box.reply, "features")) == 5);
}

#define ROW(age)                                                                     \
    "{\"sex\":\"F\",\"age\":" age ",\"admitted\":\"2019-05-06\",\"ward\":\"north\"," \
    "\"pressure\":170}"

static void rows_are_predicted_with_contributions(void) {
    REQUIRE(act(&box_officer, flow_model_predict, model,
                "{\"rows\":[" ROW("80") "," ROW("null") "],\"contributions\":true}") == OK);
    const struct json *prediction = json_first(json_member(box.reply, "predictions"));
    double probability = json_member_number(prediction, "probability", -1);
    CHECK(probability >= 0 && probability <= 1);
    // Contributions and base add up to the log-odds, and come by size.
    double sum = json_member_number(prediction, "base", 0), last = 1e300;
    const struct json *part = json_first(json_member(prediction, "contributions"));
    CHECK_EQ(json_count(json_member(prediction, "contributions")), 5);
    for (; part; part = json_next(part)) {
        double share = json_member_number(part, "contribution", NAN);
        CHECK(fabs(share) <= last);
        last = fabs(share);
        sum += share;
    }
    CHECK_NEAR(1 / (1 + exp(-sum)), probability, 1e-6);
}

static void wrong_rows_are_refused_by_row_and_column(void) {
    CHECK_EQ(act(&box_officer, flow_model_predict, model, "{\"rows\":[{\"sex\":\"F\"}]}"),
             ERR_INPUT);
    CHECK_STR(box.fault.code, "predict.missing_column");
    CHECK_EQ(box.fault.row, 1);
    CHECK_EQ(act(&box_officer, flow_model_predict, model,
                 "{\"rows\":[" ROW("3") "," ROW("\"old\"") "]}"),
             ERR_INPUT);
    CHECK_STR(box.fault.code, "predict.wrong_type");
    CHECK_EQ(box.fault.row, 2);
    CHECK_STR(box.fault.detail, "age");
    CHECK_EQ(act(&box_officer, flow_model_predict, model, "{\"rows\":[]}"), ERR_INPUT);
    CHECK_EQ(act(&box_officer, flow_model_predict, model, "{\"rows\":[7]}"), ERR_INPUT);
    CHECK_EQ(act(&box_auditor, flow_model_predict, model, "{\"rows\":[]}"), ERR_DENIED);
    struct buf body;
    buf_open(&body, 1 << 20);
    buf_add_text(&body, "{\"rows\":[{}");
    for (int i = 0; i < PREDICT_ROWS_MAX; i++) buf_add_text(&body, ",{}");
    buf_add(&body, "]}", 3);
    CHECK_EQ(act(&box_officer, flow_model_predict, model, body.data), ERR_LIMIT);
    buf_close(&body);
}

static void a_file_is_predicted_as_a_job(void) {
    struct buf text;
    struct upload *upload;
    char body[80];
    uint64_t received;
    buf_open(&text, 1 << 20);
    box_patients(&text, 50, 99);
    snprintf(body, sizeof body, "{\"name\":\"new.csv\",\"size\":%zu}", text.size);
    REQUIRE(act(&box_researcher, flow_upload_create, 0, body) == OK);
    uint64_t id = box_u64(&box, "id");
    REQUIRE(flow_upload_begin(box.flow, &box_researcher, id, 0, &upload, NULL) == OK);
    REQUIRE(flow_upload_add(upload, text.data, text.size, NULL) == OK);
    REQUIRE(flow_upload_end(upload, &received, NULL) == OK);
    buf_close(&text);
    snprintf(body, sizeof body, "{\"upload\":%llu}", (unsigned long long)id);
    REQUIRE(act(&box_researcher, flow_prediction_create, model, body) == OK);
    uint64_t job = box_u64(&box, "id");
    REQUIRE(job_done(job));
    struct flow_download download;
    struct call call = {
        .actor = box_researcher, .id = job, .arena = box.arena, .fault = &box.fault};
    CHECK_EQ(flow_prediction_download(box.flow, &call, &download), OK);
    call.actor = box_officer; // somebody else's job
    CHECK_EQ(flow_prediction_download(box.flow, &call, &download), ERR_NOT_FOUND);
}

static void the_whole_way_is_told(void) {
    REQUIRE(act(&box_researcher, flow_model_show, model, NULL) == OK);
    uint64_t lineage = box_u64(&box, "lineage");
    REQUIRE(act(&box_researcher, flow_lineage_show, lineage, NULL) == OK);
    static const char *const steps[] = {"train", "publish", "cleanse", "import"};
    const struct json *node = box.reply;
    for (int i = 0; i < 4; i++) {
        CHECK_TEXT(json_member_text(node, "step"), steps[i]);
        node = json_first(json_member(node, "parents"));
    }
    CHECK(node == NULL);
}

static void home_and_system_answer(void) {
    REQUIRE(act(&box_researcher, flow_home, 0, NULL) == OK);
    CHECK_TEXT(json_member_text(json_member(box.reply, "next"), "key"), "home.next.predict");
    CHECK_EQ(json_member_u64(json_member(box.reply, "counts"), "releases", 0), 1);
    CHECK_EQ(act(&box_stranger, flow_home, 0, NULL), ERR_DENIED);
    REQUIRE(act(&box_auditor, flow_system, 0, NULL) == OK);
    CHECK(box_u64(&box, "blob_count") > 5);
    CHECK_EQ(act(&box_officer, flow_system, 0, NULL), ERR_DENIED);
}

// ---- jobs ---------------------------------------------------------------------------------------

static void a_bad_file_fails_with_its_reason(void) {
    char state[16] = "";
    uint64_t job = 0;
    uint64_t bad = box_import(&box, "bad", STR("\x1f\x8b\x08\x00 this is no gzip"), &job);
    REQUIRE(bad && box_wait_for(&box, job, JOB_MS, state));
    CHECK_STR(state, "failed");
    REQUIRE(act(&box_officer, flow_job_show, job, NULL) == OK);
    CHECK(json_member_text(json_member(box.reply, "fault"), "code").size > 0);
    CHECK_EQ(box_u64(&box, "attempt"), 1); // trying again would not help
    REQUIRE(act(&box_officer, flow_dataset_show, bad, NULL) == OK);
    CHECK_TEXT(box_text(&box, "state"), "failed");
    REQUIRE(act(&box_officer, flow_job_log, job, NULL) == OK);
    CHECK(box_text(&box, "text").size > 0);
    CHECK_EQ(act(&box_officer, flow_job_cancel, job, NULL), ERR_CONFLICT);
    CHECK_EQ(act(&box_researcher, flow_job_show, job, NULL), ERR_NOT_FOUND);
}

static void a_cancel_stops_what_runs_and_what_waits(void) {
    struct buf text;
    char state[16] = "";
    uint64_t jobs[4] = {0}, made = 0;
    buf_open(&text, 64 << 20);
    box_patients(&text, 400000, 3); // long enough to be met at work
    for (int i = 0; i < 4; i++) made += box_import(&box, "long", buf_str(&text), &jobs[i]) != 0;
    buf_close(&text);
    REQUIRE(made == 4);
    enum err asked[4];
    for (int i = 3; i >= 0; i--) asked[i] = act(&box_officer, flow_job_cancel, jobs[i], NULL);
    uint32_t cancelled = 0;
    for (int i = 0; i < 4; i++) {
        REQUIRE(box_wait_for(&box, jobs[i], JOB_MS, state));
        bool stopped = strcmp(state, "cancelled") == 0;
        cancelled += stopped;
        // It may have been faster than we: then it is done, and never failed.
        CHECK(stopped || strcmp(state, "done") == 0);
        CHECK(asked[i] == OK || (asked[i] == ERR_CONFLICT && !stopped));
    }
    CHECK(cancelled >= 1); // the last one had no time
    REQUIRE(box_settle(&box, JOB_MS));
}

static void closing_and_opening_keeps_everything(void) {
    box_test_close(&box, false);
    REQUIRE(box_test_open(&box, dir) == OK);
    REQUIRE(act(&box_researcher, flow_model_show, model, NULL) == OK);
    CHECK_TEXT(box_text(&box, "state"), "ready");
    uint64_t findings = 1;
    CHECK_EQ(store_check(box.store, NULL, NULL, NULL, &findings), OK);
    CHECK_EQ(findings, 0);
}

int main(int argc, char **argv) {
    BOX_MAIN
    if (!box_folder(dir) || box_test_open(&box, dir) != OK) return 1;
    CHECK_RUN(uploads_go_on_where_they_stopped);
    CHECK_RUN(uploads_refuse_what_cannot_be);
    CHECK_RUN(an_import_is_checked_by_itself);
    CHECK_RUN(a_second_check_replaces_the_first);
    CHECK_RUN(personal_data_are_hidden_until_asked_for);
    CHECK_RUN(revealing_leaves_a_trace);
    CHECK_RUN(roles_are_peoples_to_give);
    CHECK_RUN(a_direct_column_is_never_published);
    CHECK_RUN(the_bin_keeps_and_gives_back);
    CHECK_RUN(a_recipe_makes_the_next_revision);
    CHECK_RUN(a_second_person_approves);
    CHECK_RUN(the_hash_names_the_content);
    CHECK_RUN(a_release_is_downloaded_as_csv);
    CHECK_RUN(a_model_is_trained_on_a_release);
    CHECK_RUN(rows_are_predicted_with_contributions);
    CHECK_RUN(wrong_rows_are_refused_by_row_and_column);
    CHECK_RUN(a_file_is_predicted_as_a_job);
    CHECK_RUN(the_whole_way_is_told);
    CHECK_RUN(home_and_system_answer);
    CHECK_RUN(a_bad_file_fails_with_its_reason);
    CHECK_RUN(a_cancel_stops_what_runs_and_what_waits);
    CHECK_RUN(closing_and_opening_keeps_everything);
    box_test_close(&box, true);
    box_folder_remove(dir);
    return check_done();
}
