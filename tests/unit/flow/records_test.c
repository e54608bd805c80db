// Records: what is written is read again, and bytes that were cut or changed never pass as a
// record.
#include "base/limits.h"
#include "check.h"
#include "flow/record.h"
#include "store/codec.h"
#include "support/box.h"

static struct box_test box;

enum way { WRITE, READ };
struct trip {
    enum way way;
    struct job job;
    struct release release;
    struct reservation reservation;
    struct endpoint endpoint;
    struct served_tally tally;
    struct pilot_run pilot;
    struct upload_record upload;
    struct model model;
    struct arena *arena;
};

static enum err trip_change(struct store_txn *txn, void *ctx) {
    struct trip *trip = ctx;
    if (trip->way == WRITE) {
        enum err err = job_save(txn, &trip->job);
        if (err == OK) err = reservation_save(txn, &trip->reservation);
        if (err == OK) err = endpoint_save(txn, &trip->endpoint);
        if (err == OK) err = pilot_run_save(txn, &trip->pilot);
        if (err == OK) err = upload_record_save(txn, &trip->upload);
        if (err == OK) err = model_save(txn, &trip->model);
        if (err == OK) err = served_tally_add(txn, trip->arena, &trip->tally);
        if (err == OK) err = served_tally_add(txn, trip->arena, &trip->tally);
        return err == OK ? release_save(txn, &trip->release) : err;
    }
    enum err err = job_load(txn, trip->arena, 77, &trip->job);
    if (err == OK) err = reservation_load(txn, trip->arena, 79, &trip->reservation);
    if (err == OK) err = endpoint_load(txn, trip->arena, 80, &trip->endpoint);
    if (err == OK) err = pilot_run_load(txn, trip->arena, 81, &trip->pilot);
    if (err == OK) err = upload_record_load(txn, trip->arena, 82, &trip->upload);
    if (err == OK) err = model_load(txn, trip->arena, 83, &trip->model);
    if (err == OK) err = served_tally_load(txn, trip->arena, 80, 2, 6, &trip->tally);
    return err == OK ? release_load(txn, trip->arena, 78, &trip->release) : err;
}

static void a_record_comes_back_as_it_was(void) {
    struct revision_column columns[2] = {
        {STR("病人"), COLUMN_TEXT, COLUMN_DIRECT, STR("pseudonym"), 3},
        {STR("age"), COLUMN_INTEGER, COLUMN_QUASI, STR_NONE, 0}};
    struct warning warning = {STR("release.quasi_column"), STR("age")};
    struct trip trip = {.way = WRITE};
    trip.job = (struct job){.id = 77,
                            .step = STR("train"),
                            .state = JOB_RUNNING,
                            .actor = {5, STR("who")},
                            .attempt = 2,
                            .cancel = true,
                            .inputs = {{.name = STR("key"), .kind = INPUT_KEY, .id = 9}},
                            .input_count = 1,
                            .fault = {.code = "job.lost", .row = 4},
                            .when = {.priority = -100,
                                     .not_before_ms = 5,
                                     .deadline_ms = 9,
                                     .promised_ms = 7,
                                     .estimate_ms = 2,
                                     .rows = 3,
                                     .hold = true,
                                     .reservation = 79,
                                     .after = {70, 71},
                                     .after_count = 2},
                            .approval = {.state = APPROVAL_REJECTED,
                                         .most = {1000, -1, -1, 48},
                                         .by = {6, STR("chief")},
                                         .decided_ms = 8,
                                         .reason = STR("太多")},
                            .ask = {.disk_bytes = 11,
                                    .device_milli = 12,
                                    .members = 13,
                                    .array = 14,
                                    .index = 15,
                                    .count = 16,
                                    .at_once = 17,
                                    .checkpoint_ms = 18,
                                    .own_cpus = true,
                                    .restartable = true},
                            .place = {.devices = 5, .cpus = {6, 7}, .cpu_words = 2}};
    trip.reservation = (struct reservation){.id = 79,
                                            .tenant = 2,
                                            .title = STR("查房"),
                                            .actor = {5, STR("who")},
                                            .amount = {1000, 64, 0, 2000},
                                            .from_ms = 10,
                                            .until_ms = 20,
                                            .weekly_until_ms = 99};
    trip.job.gave_way = STR("reservation");
    trip.release = (struct release){.id = 78,
                                    .name = STR("r"),
                                    .state = RELEASE_WITHDRAWN,
                                    .columns = columns,
                                    .column_count = 2,
                                    .warnings = &warning,
                                    .warning_count = 1,
                                    .sheet = {.title = STR("标题")}};
    struct endpoint_version versions[2] = {{.model = 4, .put_ms = 1},
                                           {.model = 5, .before = 1, .note = STR("注")}};
    trip.endpoint = (struct endpoint){.id = 80,
                                      .name = STR("服务"),
                                      .on = true,
                                      .audience = AUDIENCE_DEPARTMENT,
                                      .version = 2,
                                      .shadow = 6,
                                      .versions = versions,
                                      .version_count = 2};
    trip.pilot = (struct pilot_run){.id = 81,
                                    .pilot = STR("medical-diabetes"),
                                    .step = PILOT_SERVE,
                                    .state = PILOT_FAILED,
                                    .mapping = STR("{\"age\":\"年龄\"}"),
                                    .endpoint = 80,
                                    .graph = STR("[[\"a\",\"b\",1]]"),
                                    .fault = {.code = "train.one_class"}};
    trip.upload = (struct upload_record){.id = 82, .size = 5, .origin = STR("package")};
    trip.model = (struct model){
        .id = 83, .lineage = 9, .purpose = STR("辅助\n诊断"), .not_for = STR("-"), .pilot_run = 81};
    trip.tally = (struct served_tally){.endpoint = 80, .version = 2, .shadow = 6, .calls = 3};
    sketch_add(&trip.tally.distance, 0);
    sketch_add(&trip.tally.distance, 1e300);
    REQUIRE(arena_open(1 << 20, &trip.arena) == OK);
    REQUIRE(store_write(box.store, trip_change, &trip) == OK);
    struct arena *arena = trip.arena;
    trip = (struct trip){.way = READ, .arena = arena};
    REQUIRE(store_write(box.store, trip_change, &trip) == OK);
    CHECK_TEXT(trip.job.step, "train");
    CHECK_EQ(trip.job.state, JOB_RUNNING);
    CHECK_EQ(trip.job.actor.id, 5);
    CHECK(trip.job.cancel);
    CHECK_EQ(trip.job.inputs[0].kind, INPUT_KEY);
    CHECK_EQ(trip.job.when.priority, -100);
    CHECK_EQ(trip.job.when.promised_ms, 7);
    CHECK_EQ(trip.job.when.rows, 3);
    CHECK(trip.job.when.hold && !trip.job.when.after_any);
    CHECK_EQ(trip.job.when.after_count, 2);
    CHECK_EQ(trip.job.when.after[1], 71);
    CHECK_EQ(trip.job.when.reservation, 79);
    CHECK_TEXT(trip.job.gave_way, "reservation");
    CHECK_TEXT(trip.reservation.title, "查房");
    CHECK_EQ(trip.reservation.amount[SHARE_DEVICE], 2000);
    CHECK_EQ(trip.reservation.weekly_until_ms, 99);
    CHECK_EQ(trip.job.approval.state, APPROVAL_REJECTED);
    CHECK_EQ(trip.job.approval.most[THRESHOLD_CPU_HOURS], 48);
    CHECK_TEXT(trip.job.approval.by.name, "chief");
    CHECK_TEXT(trip.job.approval.reason, "太多");
    CHECK_EQ(trip.job.place.devices, 5);
    CHECK_EQ(trip.job.place.cpus[1], 7);
    CHECK_EQ(trip.job.place.cpu_words, 2);
    CHECK_EQ(trip.job.ask.disk_bytes, 11);
    CHECK_EQ(trip.job.ask.index, 15);
    CHECK_EQ(trip.job.ask.checkpoint_ms, 18);
    CHECK(trip.job.ask.own_cpus && !trip.job.ask.lease && trip.job.ask.restartable);
    CHECK_EQ(trip.job.inputs[0].id, 9);
    CHECK_STR(trip.job.fault.code, "job.lost");
    CHECK_EQ(trip.job.fault.row, 4);
    CHECK_EQ(trip.release.column_count, 2);
    CHECK_TEXT(trip.release.columns[0].name, "病人");
    CHECK_EQ(trip.release.columns[0].role, COLUMN_DIRECT);
    CHECK_EQ(trip.release.columns[0].fault_count, 3);
    CHECK_TEXT(trip.release.warnings[0].detail, "age");
    CHECK_TEXT(trip.release.sheet.title, "标题");
    CHECK_TEXT(trip.endpoint.name, "服务");
    CHECK_EQ(trip.pilot.step, PILOT_SERVE);
    CHECK_EQ(trip.pilot.state, PILOT_FAILED);
    CHECK_EQ(trip.pilot.endpoint, 80);
    CHECK_TEXT(trip.pilot.mapping, "{\"age\":\"年龄\"}");
    CHECK_STR(trip.pilot.fault.code, "train.one_class");
    CHECK_TEXT(trip.pilot.graph, "[[\"a\",\"b\",1]]");
    CHECK_TEXT(trip.upload.origin, "package");
    CHECK_EQ(trip.model.lineage, 9);
    CHECK_TEXT(trip.model.purpose, "辅助\n诊断");
    CHECK_TEXT(trip.model.not_for, "-");
    CHECK_EQ(trip.model.pilot_run, 81);
    CHECK_EQ(trip.endpoint.audience, AUDIENCE_DEPARTMENT);
    CHECK_EQ(trip.endpoint.versions[1].model, 5);
    CHECK_EQ(trip.endpoint.versions[1].before, 1);
    CHECK_TEXT(trip.endpoint.versions[1].note, "注");
    CHECK_EQ(trip.tally.calls, 6);
    CHECK_EQ(trip.tally.distance.count, 4);
    CHECK_EQ(trip.tally.distance.buckets[0], 2);
    CHECK_EQ(trip.tally.distance.buckets[SKETCH_BUCKETS - 1], 2);
    arena_close(trip.arena);
}

// One of each field in the codec's own bytes.
struct sample {
    uint64_t whole;
    int64_t time;
    bool flag;
    struct str text;
    struct hash hash;
    struct fault fault;
    uint64_t choice;
    uint64_t *list;
    uint32_t count;
};

static void sample_fields(struct codec *codec, struct sample *s) {
    codec_u64(codec, &s->whole);
    codec_i64(codec, &s->time);
    codec_bool(codec, &s->flag);
    codec_text(codec, &s->text);
    codec_hash(codec, &s->hash);
    codec_fault(codec, &s->fault);
    s->choice = codec_choice(codec, s->choice, 3);
    codec_count(codec, &s->count, 10);
    s->list = codec_array(codec, s->list, &s->count, sizeof *s->list);
    for (uint32_t i = 0; i < s->count; i++) codec_u64(codec, &s->list[i]);
}

static enum err sample_read(struct str bytes, struct arena *arena, struct sample *out) {
    struct record_reader reader = {.rest = bytes, .version = 1};
    struct codec codec = {.reader = &reader, .arena = arena};
    *out = (struct sample){0};
    sample_fields(&codec, out);
    return codec_end(&codec);
}

// Any bytes: read without harm, bounds kept.
static void hostile_bytes_do_no_harm(void) {
    uint64_t items[3] = {1, 2, 3};
    struct sample sample = {.whole = 7,
                            .time = -5,
                            .flag = true,
                            .text = STR("text"),
                            .fault = {.code = "a.b", .detail = "c"},
                            .choice = 2,
                            .list = items,
                            .count = 3};
    struct buf bytes;
    struct arena *arena;
    buf_open(&bytes, 4096);
    struct codec writer = {.writer = &(struct record_writer){&bytes}};
    sample_fields(&writer, &sample);
    REQUIRE(buf_err(&bytes) == OK && arena_open(1 << 20, &arena) == OK);
    struct sample read;
    REQUIRE(sample_read(buf_str(&bytes), arena, &read) == OK);
    CHECK_EQ(read.time, -5);
    CHECK_EQ(read.list[2], 3);
    for (size_t size = 0; size < bytes.size; size++) {
        arena_reset(arena);
        CHECK_EQ(sample_read((struct str){bytes.data, size}, arena, &read), ERR_CORRUPT);
    }
    for (int i = 0; i < 20000; i++) {
        size_t at = check_below(bytes.size);
        char before = bytes.data[at];
        bytes.data[at] = (char)check_random();
        arena_reset(arena);
        enum err err = sample_read(buf_str(&bytes), arena, &read);
        CHECK(err == OK || err == ERR_CORRUPT || err == ERR_MEMORY);
        CHECK(read.count <= 10 && read.choice < 3);
        bytes.data[at] = before;
    }
    arena_close(arena);
    buf_close(&bytes);
}

static void short_memory_is_told(void) {
    struct buf bytes;
    struct arena *arena;
    char large[20000] = {0};
    struct sample sample = {.text = {large, sizeof large}};
    buf_open(&bytes, 1 << 20);
    struct codec writer = {.writer = &(struct record_writer){&bytes}};
    sample_fields(&writer, &sample);
    REQUIRE(arena_open(1000, &arena) == OK);
    CHECK_EQ(sample_read(buf_str(&bytes), arena, &sample), ERR_MEMORY);
    arena_close(arena);
    buf_close(&bytes);
}

// A policy as boxes wrote it before there were thresholds: the same fields without them.
static void old_policy_fields(struct codec *c, uint64_t *numbers, struct str *texts) {
    codec_u64(c, &numbers[7]); // version
    codec_i64(c, &(int64_t){5});
    for (int i = 0; i < 3; i++) codec_text(c, &texts[0]);
    codec_u64(c, &numbers[1]); // the last tenant
    for (int i = 0; i < SHARE_COUNT; i++) codec_i64(c, &(int64_t){i});
    codec_i64(c, &(int64_t){480});
    codec_count(c, &(uint32_t){1}, TENANTS_MAX);
    codec_u64(c, &numbers[1]);
    codec_u64(c, &numbers[0]);
    codec_u64(c, &numbers[0]); // kind
    codec_text(c, &texts[1]);
    codec_bool(c, &(bool){false});
    for (int i = 0; i < 2 * SHARE_COUNT; i++) codec_i64(c, &(int64_t){-1});
    codec_u64(c, &numbers[3]); // weight
    codec_bool(c, &(bool){true});
    codec_bool(c, &(bool){true});
    codec_u64(c, &numbers[9]);
    for (int i = 0; i < 2 * CAP_COUNT; i++) codec_i64(c, &(int64_t){-1});
}

static void an_old_policy_asks_for_no_approval(void) {
    uint64_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct str texts[] = {STR("[]"), STR("内科")};
    struct buf bytes;
    struct arena *arena;
    struct policy policy;
    buf_open(&bytes, 4096);
    struct codec writer = {.writer = &(struct record_writer){&bytes}};
    old_policy_fields(&writer, numbers, texts);
    REQUIRE(buf_err(&bytes) == OK && arena_open(1 << 20, &arena) == OK);
    struct record_reader reader = {.rest = buf_str(&bytes), .version = 1};
    REQUIRE(policy_read(&reader, arena, &policy) == OK);
    CHECK_EQ(policy.version, 7);
    CHECK_TEXT(policy.tenants[0].name, "内科");
    for (int i = 0; i < THRESHOLD_COUNT; i++) {
        CHECK_EQ(policy_threshold(&policy, &policy.tenants[0], (enum threshold)i), -1);
    }
    reader = (struct record_reader){.rest = buf_str(&bytes), .version = 2};
    CHECK_EQ(policy_read(&reader, arena, &policy), ERR_CORRUPT); // there they would be missing
    arena_close(arena);
    buf_close(&bytes);
}

// A model as boxes wrote it before its card had texts.
static void old_model_fields(struct codec *c) {
    struct hash none = {0};
    double half = 0.5;
    struct str name = STR("model");
    codec_u64(c, &(uint64_t){83});
    codec_text(c, &name);
    codec_u64(c, &(uint64_t){2});                     // release
    for (int i = 0; i < 4; i++) codec_text(c, &name); // its title, target, task, learner
    codec_choice(c, MODEL_READY, MODEL_STATE_COUNT);
    codec_u64(c, &(uint64_t){4}); // job
    codec_i64(c, &(int64_t){5});
    codec_u64(c, &(uint64_t){6});
    codec_text(c, &name); // who
    for (int i = 0; i < 2; i++) codec_hash(c, &none);
    codec_text(c, &name); // headline
    for (int i = 0; i < 3; i++) codec_number(c, &half);
    codec_bool(c, &(bool){false});
    codec_u64(c, &(uint64_t){9}); // lineage
}

static void an_old_model_has_an_empty_card(void) {
    struct buf bytes;
    struct arena *arena;
    struct model model;
    buf_open(&bytes, 4096);
    struct codec writer = {.writer = &(struct record_writer){&bytes}};
    old_model_fields(&writer);
    REQUIRE(buf_err(&bytes) == OK && arena_open(1 << 20, &arena) == OK);
    struct record_reader reader = {.rest = buf_str(&bytes), .version = 15};
    REQUIRE(model_read(&reader, arena, &model) == OK);
    CHECK_EQ(model.lineage, 9);
    CHECK_EQ(model.purpose.size + model.not_for.size, 0);
    reader = (struct record_reader){.rest = buf_str(&bytes), .version = 16};
    CHECK_EQ(model_read(&reader, arena, &model), ERR_CORRUPT); // there they would be missing
    for (int i = 0; i < 2; i++) codec_text(&writer, &(struct str){"word", 4}); // the card's
    reader = (struct record_reader){.rest = buf_str(&bytes), .version = 17};
    REQUIRE(model_read(&reader, arena, &model) == OK);
    CHECK_TEXT(model.not_for, "word");
    CHECK_EQ(model.pilot_run, 0);
    reader = (struct record_reader){.rest = buf_str(&bytes), .version = 18};
    CHECK_EQ(model_read(&reader, arena, &model), ERR_CORRUPT);
    arena_close(arena);
    buf_close(&bytes);
}

// Every operation with memory running out at the n-th taking: an error, never a crash, and in the
// end the same answer; whatever the failure, the store still stands.
struct attempt {
    enum err (*operation)(struct flow *flow, struct call *call);
    const struct actor *actor;
    uint64_t id;
    const char *body;
};

static int attempt_run(void *context) {
    const struct attempt *a = context;
    return box_do(&box, a->actor, a->operation, a->id, 0, NULL, a->body) != OK;
}

static void operations_bear_short_memory(void) {
    struct buf text;
    buf_open(&text, 1 << 20);
    box_patients(&text, 60, 1);
    uint64_t dataset = box_import(&box, "small", buf_str(&text), NULL);
    buf_close(&text);
    REQUIRE(dataset && box_settle(&box, 30000));
    const struct attempt attempts[] = {
        {flow_dataset_list, &box_officer, 0, NULL},
        {flow_dataset_show, &box_officer, dataset, NULL},
        {flow_revision_rows, &box_officer, dataset, NULL},
        {flow_revision_profile, &box_officer, dataset, NULL},
        {flow_recipe_propose, &box_officer, 0, "{\"dataset\":1}"},
        {flow_recipe_check, &box_officer, 0, "{\"text\":\"recipe 1\\n\",\"dataset\":1}"},
        {flow_dataset_preview, &box_officer, dataset, "{\"recipe\":\"recipe 1\\n\"}"},
        {flow_job_list, &box_officer, 0, NULL},
        {flow_home, &box_officer, 0, NULL},
        {flow_system, &box_auditor, 0, NULL},
        {flow_upload_create, &box_officer, 0, "{\"name\":\"a\",\"size\":3}"},
        {flow_recipe_save, &box_officer, 0, "{\"name\":\"a\",\"text\":\"recipe 1\\n\"}"},
    };
    uint64_t faults = 0; // an operation may need nothing but what the call brings
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        struct attempt one = attempts[i];
        faults += check_faults(memory_fail_after, attempt_run, &one);
    }
    CHECK(faults > 20);
    uint64_t findings = 1;
    CHECK_EQ(store_check(box.store, NULL, NULL, NULL, &findings), OK);
    CHECK_EQ(findings, 0);
}

int main(int argc, char **argv) {
    BOX_MAIN
    char dir[128];
    if (!box_folder(dir) || box_test_open(&box, dir) != OK) return 1;
    CHECK_RUN(hostile_bytes_do_no_harm);
    CHECK_RUN(short_memory_is_told);
    CHECK_RUN(operations_bear_short_memory);
    CHECK_RUN(a_record_comes_back_as_it_was);
    CHECK_RUN(an_old_policy_asks_for_no_approval);
    CHECK_RUN(an_old_model_has_an_empty_card);
    box_test_close(&box, true);
    box_folder_remove(dir);
    return check_done();
}
