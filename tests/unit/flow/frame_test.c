// Tables as frames: which columns teach, what the target becomes, what is left out and said so.
#include <unistd.h>

#include "check.h"
#include "flow/steps/frame.h"
#include "support/box.h"

enum { ROWS = 300 };

static struct arena *arena;
static char folder[128];
static struct table *table;
static struct json *wish; // of the last frame: names point into it

// number rises; id is all different but unordered; kind few; text many; when a date; y, z, w
// targets.
static const struct {
    const char *name;
    enum column_type type;
    enum column_role role;
} columns[] = {
    {"number", COLUMN_INTEGER, COLUMN_PLAIN}, {"id", COLUMN_INTEGER, COLUMN_PLAIN},
    {"kind", COLUMN_TEXT, COLUMN_PLAIN},      {"text", COLUMN_TEXT, COLUMN_PLAIN},
    {"name", COLUMN_TEXT, COLUMN_DIRECT},     {"when", COLUMN_DATE, COLUMN_PLAIN},
    {"y", COLUMN_TEXT, COLUMN_PLAIN},         {"z", COLUMN_NUMBER, COLUMN_PLAIN},
    {"w", COLUMN_INTEGER, COLUMN_PLAIN},      {"flag", COLUMN_BOOLEAN, COLUMN_PLAIN},
};
enum { COLUMN_COUNT = sizeof columns / sizeof columns[0] };

static bool row_add(struct batch_builder *b, uint32_t i) {
    char text[32];
    batch_set_integer(b, 0, i + 100);
    batch_set_integer(b, 1, (i * 7919) % 1000);
    bool done = batch_set_text(b, 2, i % 3 ? STR(" a ") : STR("乙")) == OK;
    snprintf(text, sizeof text, "t%u", i);
    done = done && batch_set_text(b, 3, str_of(text)) == OK;
    done = done && batch_set_text(b, 4, str_of(text)) == OK;
    if (i % 10) batch_set_integer(b, 5, 10000 + i % 50);
    if (i % 5) done = done && batch_set_text(b, 6, i % 2 ? STR("yes") : STR("no")) == OK;
    batch_set_number(b, 7, i / 7.0);
    batch_set_integer(b, 8, i % 4 == 3 ? 10 : i % 4);
    batch_set_boolean(b, 9, i % 2 == 0);
    batch_row_end(b);
    return done;
}

static bool table_make(void) {
    struct field fields[COLUMN_COUNT];
    struct schema schema = {fields, COLUMN_COUNT};
    struct batch_builder *builder;
    struct table_writer *writer;
    char path[256];
    for (int i = 0; i < COLUMN_COUNT; i++) {
        fields[i] = (struct field){str_of(columns[i].name), columns[i].type, columns[i].role};
    }
    snprintf(path, sizeof path, "%s/table", folder);
    if (batch_builder_open(&schema, &builder) != OK) return false;
    bool done = true;
    for (uint32_t i = 0; i < ROWS; i++) done = row_add(builder, i) && done;
    struct batch batch = batch_builder_view(builder);
    done = done && table_writer_open(path, &schema, &writer, NULL) == OK &&
           table_writer_add(writer, &batch, NULL) == OK && table_writer_finish(writer, NULL) == OK;
    batch_builder_close(builder);
    return done && table_open(path, &table, NULL) == OK;
}

static enum err make(const char *target, const char *json, struct table_frame *out,
                     struct fault *fault) {
    *fault = (struct fault){0};
    arena_reset(arena);
    json_close(wish);
    wish = NULL;
    enum err err = json_parse(str_of(json), &wish, fault);
    struct frame_wish frame_wish = {.target = str_of(target),
                                    .features = json_member(wish, "features"),
                                    .group = json_member_text(wish, "group"),
                                    .task = json_member_text(wish, "task"),
                                    .positive = json_member_text(wish, "positive"),
                                    .loss = json_member_bool(wish, "counts", false) ? LOSS_POISSON
                                                                                    : LOSS_SQUARED,
                                    .weight = json_member_text(wish, "weight"),
                                    .event = json_member_text(wish, "event"),
                                    .class_weights = json_member(wish, "class_weights"),
                                    .times = json_member(wish, "times"),
                                    .prepare = json_member(wish, "prepare")};
    if (err == OK) err = frame_of_table(table, &frame_wish, arena, NULL, out, fault);
    return err;
}

static int feature(const struct table_frame *frame, const char *name) {
    for (uint32_t f = 0; f < frame->frame.feature_count; f++) {
        if (str_is(frame->frame.features[f].name, name)) return (int)f;
    }
    return -1;
}

static bool warned(const struct table_frame *frame, const char *code, const char *detail) {
    for (uint32_t i = 0; i < frame->warning_count; i++) {
        if (strcmp(frame->warnings[i].code, code) == 0 &&
            str_is(frame->warnings[i].detail, detail)) {
            return true;
        }
    }
    return false;
}

static void columns_that_teach(void) {
    struct table_frame frame;
    struct fault fault;
    REQUIRE(make("y", "{}", &frame, &fault) == OK);
    CHECK_EQ(frame.frame.rows, ROWS - ROWS / 5);
    CHECK(warned(&frame, "train.rows_without_target", "y"));
    CHECK(feature(&frame, "number") < 0 && warned(&frame, "train.row_number_left_out", "number"));
    CHECK(feature(&frame, "text") < 0 && warned(&frame, "train.column_left_out", "text"));
    CHECK(feature(&frame, "name") < 0 && warned(&frame, "train.direct_left_out", "name"));
    CHECK(feature(&frame, "y") < 0);
    CHECK(feature(&frame, "id") >= 0); // different everywhere, but it does not count the rows
    CHECK_EQ(frame.frame.feature_count, 6);
    int kind = feature(&frame, "kind"), when = feature(&frame, "when"),
        flag = feature(&frame, "flag");
    REQUIRE(kind >= 0 && when >= 0 && flag >= 0);
    CHECK_TEXT(frame.frame.features[kind].categories[0], "a"); // trimmed, by bytes
    CHECK_TEXT(frame.frame.features[kind].categories[1], "乙");
    // Row 0 has no target, so the first is row 1.
    CHECK_NEAR(frame.frame.values[kind][0], 0, 0);
    CHECK_NEAR(frame.frame.values[when][0], 10001, 0);
    CHECK_NEAR(frame.frame.values[flag][0], 0, 0);
}

static void a_person_may_name_the_row_number(void) {
    struct table_frame frame;
    struct fault fault;
    REQUIRE(make("y", "{\"features\":[\"number\"]}", &frame, &fault) == OK);
    CHECK_EQ(feature(&frame, "number"), 0);
    CHECK_EQ(make("y", "{\"features\":[\"name\"]}", &frame, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "train.direct_column");
    CHECK_EQ(make("y", "{\"features\":[\"nobody\"]}", &frame, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "train.unknown_column");
    CHECK_EQ(make("y", "{\"features\":[\"text\"]}", &frame, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "train.no_feature_left");
}

static void targets_become_tasks(void) {
    struct table_frame frame;
    struct fault fault;
    REQUIRE(make("y", "{}", &frame, &fault) == OK);
    CHECK_EQ(frame.target.task, TASK_BINARY);
    CHECK_TEXT(frame.target.classes[1], "yes"); // the positive one
    REQUIRE(make("y", "{\"positive\":\"no\"}", &frame, &fault) == OK);
    CHECK_TEXT(frame.target.classes[1], "no");
    CHECK_NEAR(frame.target.values[0], 0, 0); // row 1 says yes
    REQUIRE(make("z", "{}", &frame, &fault) == OK);
    CHECK_EQ(frame.target.task, TASK_REGRESSION);
    REQUIRE(make("w", "{}", &frame, &fault) == OK);
    CHECK_EQ(frame.target.task, TASK_CLASSES);
    CHECK_TEXT(frame.target.classes[3], "10"); // by value, not by bytes
    REQUIRE(make("w", "{\"task\":\"regression\"}", &frame, &fault) == OK);
    CHECK_EQ(frame.target.task, TASK_REGRESSION);
    REQUIRE(make("flag", "{}", &frame, &fault) == OK);
    CHECK_EQ(frame.target.task, TASK_BINARY);
    CHECK_EQ(make("when", "{}", &frame, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "train.bad_target");
    CHECK_EQ(make("text", "{}", &frame, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "train.too_many_classes");
    CHECK_EQ(make("nobody", "{}", &frame, &fault), ERR_INPUT);
}

static void groups_are_kept_together_and_teach_nothing(void) {
    struct table_frame frame;
    struct fault fault;
    REQUIRE(make("y", "{\"group\":\"kind\"}", &frame, &fault) == OK);
    CHECK(feature(&frame, "kind") < 0);
    REQUIRE(frame.group);
    uint64_t first = frame.group[0], others = 0;
    for (uint64_t i = 0; i < frame.frame.rows; i++) others += frame.group[i] != first;
    CHECK(others > 0 && others < frame.frame.rows);
}

#define CALENDAR "{\"kind\":\"calendar\",\"column\":\"when\",\"parts\":[\"weekday\",\"month\"]}"

static void columns_are_prepared(void) {
    struct table_frame frame;
    struct fault fault;
    REQUIRE(make("y", "{\"prepare\":{\"steps\":[" CALENDAR "]}}", &frame, &fault) == OK);
    CHECK_EQ(frame.frame.feature_count, 7); // "when" became two
    CHECK(feature(&frame, "when") < 0);
    CHECK_EQ(feature(&frame, "when:weekday"), 5);
    CHECK_EQ(feature(&frame, "when:month"), 6);
    CHECK_NEAR(frame.frame.values[5][0], 2, 0); // row 1: 1997-05-20, a Tuesday
    CHECK_NEAR(frame.frame.values[6][0], 5, 0);
    CHECK(!warned(&frame, "train.cells_unreadable", "when"));
    CHECK_TEXT(frame.preparation, "{\"steps\":[" CALENDAR "]}");
    REQUIRE(make("y", "{\"prepare\":{\"steps\":[{\"kind\":\"calendar\",\"column\":\"kind\"}]}}",
                 &frame, &fault) == OK);
    CHECK(warned(&frame, "train.cells_unreadable", "kind"));
    static const struct {
        const char *wish, *code;
    } bad[] = {
        {"{\"prepare\":{\"steps\":[{\"kind\":\"magic\",\"column\":\"when\"}]}}",
         "prepare.unknown_kind"},
        {"{\"prepare\":{\"steps\":[" CALENDAR "," CALENDAR "]}}", "prepare.column_twice"},
        {"{\"prepare\":{\"steps\":[{\"kind\":\"calendar\",\"column\":\"nobody\"}]}}",
         "train.unknown_column"},
        {"{\"prepare\":{\"steps\":[{\"kind\":\"calendar\",\"column\":\"name\"}]}}",
         "train.direct_column"},
        {"{\"prepare\":{\"steps\":[{\"kind\":\"calendar\",\"column\":\"when\",\"parts\":[]}]}}",
         "prepare.bad_option"},
        {"{\"prepare\":[]}", "prepare.bad_option"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(make("y", bad[i].wish, &frame, &fault) != OK);
        CHECK_STR(fault.code, bad[i].code);
    }
}

// What a model was trained on is what it asks for: columns, not features.
static void a_model_asks_for_columns(void) {
    struct table_frame frame;
    struct fault fault;
    struct asking asking;
    struct tabular_options options;
    struct tabular_model *model = NULL;
    struct buf card;
    tabular_options_default(&options);
    REQUIRE(make("y", "{\"prepare\":{\"steps\":[" CALENDAR "]}}", &frame, &fault) == OK);
    options.trees = 3;
    options.preparation = frame.preparation;
    buf_open(&card, 4 << 20);
    REQUIRE(tabular_train(&frame.frame, &frame.target, &options, NULL, &model, &card, &fault) ==
            OK);
    buf_close(&card);
    struct tabular_about about = tabular_about(model);
    REQUIRE(asking_of_model(&about, arena, &asking, &fault) == OK);
    CHECK_EQ(asking.count, 6);
    const struct asked *when = &asking.items[5];
    CHECK_TEXT(when->name, "when");
    CHECK_TEXT(when->type, "time");
    REQUIRE(when->first == 5 && when->count == 2);
    struct cells cells;
    REQUIRE(cells_take(about.features, 7, 1, arena, &cells) == OK);
    struct arena *scratch;
    REQUIRE(arena_open(1 << 20, &scratch) == OK);
    CHECK(asked_text(when, STR("2026-11-29 08:30"), scratch, &cells, 0));
    CHECK_NEAR(cells.values[5][0], 7, 0); // a Sunday
    CHECK_NEAR(cells.values[6][0], 11, 0);
    CHECK(!asked_text(when, STR("soon"), scratch, &cells, 0));
    CHECK(isnan(cells.values[5][0]) && isnan(cells.values[6][0]));
    CHECK(asked_text(when, STR(""), scratch, &cells, 0) && isnan(cells.values[5][0]));
    about.preparation = STR("{\"steps\":[{\"kind\":\"calendar\",\"column\":\"when\"}]}");
    CHECK_EQ(asking_of_model(&about, arena, &asking, &fault), ERR_CORRUPT);
    CHECK_STR(fault.code, "model.damaged");
    arena_close(scratch);
    tabular_close(model);
}

static void text_of_people_is_read_by_type(void) {
    struct str categories[] = {STR("a"), STR("b")};
    struct feature number = {.name = STR("n"), .type = STR("number")}, date = number, flag = number;
    struct feature kind = {.kind = FEATURE_CATEGORY, .categories = categories, .category_count = 2};
    date.type = STR("date");
    flag.type = STR("boolean");
    float value = 0;
    CHECK(feature_of_text(&number, STR(" 2.5 "), &value) && value == 2.5f);
    CHECK(!feature_of_text(&number, STR("2,5"), &value));
    CHECK(!feature_of_text(&number, STR("1e300"), &value)); // no float
    CHECK(feature_of_text(&number, STR(""), &value) && isnan(value));
    CHECK(feature_of_text(&date, STR("1970-01-03"), &value) && value == 2);
    CHECK(!feature_of_text(&date, STR("1970-02-30"), &value));
    CHECK(feature_of_text(&flag, STR("是"), &value) && value == 1);
    CHECK(feature_of_text(&kind, STR("b"), &value) && value == 1);
    CHECK(feature_of_text(&kind, STR("never seen"), &value) && isnan(value));
}

static void refused(const char *target, const char *json, const char *code) {
    struct table_frame frame;
    struct fault fault;
    CHECK_EQ(make(target, json, &frame, &fault), ERR_INPUT);
    CHECK_STR(fault.code, code);
}

static void events_and_weights_are_no_features(void) {
    struct table_frame frame;
    struct fault fault;
    REQUIRE(make("w", "{\"event\":\"flag\",\"weight\":\"z\",\"times\":[1,2.5]}", &frame, &fault) ==
            OK);
    CHECK_EQ(frame.target.task, TASK_SURVIVAL);
    CHECK(feature(&frame, "flag") < 0 && feature(&frame, "z") < 0);
    CHECK_EQ(frame.target.class_count, 0);
    CHECK_EQ(frame.target.event[0], 1); // even rows
    CHECK_EQ(frame.target.event[1], 0);
    CHECK_NEAR(frame.target.weight[7], 1, 1e-12);
    CHECK_NEAR(frame.target.values[3], 10, 0);
    CHECK_EQ(frame.target.time_count, 2);
    // A value that says it happened; rows that say nothing are left out, and told.
    REQUIRE(make("w", "{\"event\":\"y\",\"positive\":\"yes\"}", &frame, &fault) == OK);
    CHECK_EQ(frame.frame.rows, ROWS - ROWS / 5);
    CHECK(warned(&frame, "train.rows_without_target", "y"));
    CHECK(!warned(&frame, "train.rows_without_target", "w"));
    CHECK_EQ(frame.target.event[0], 1); // row 1 says yes
    CHECK_EQ(frame.target.event[1], 0);
    REQUIRE(make("w", "{\"event\":\"y\"}", &frame, &fault) == OK); // yes and no are read, too
    CHECK_EQ(frame.target.event[0], 1);
    // Counts of few values are a number all the same.
    REQUIRE(make("w", "{\"counts\":true}", &frame, &fault) == OK);
    CHECK_EQ(frame.target.task, TASK_REGRESSION);
    REQUIRE(make("y", "{\"class_weights\":{\"yes\":3}}", &frame, &fault) == OK);
    CHECK_NEAR(frame.target.class_weight[0], 1, 0);
    CHECK_NEAR(frame.target.class_weight[1], 3, 0);
    REQUIRE(make("y", "{\"class_weights\":\"balanced\"}", &frame, &fault) == OK);
    CHECK(frame.target.balanced && !frame.target.class_weight);
}

static void wrong_events_and_weights_are_told(void) {
    refused("w", "{\"event\":\"id\"}", "train.bad_event");
    refused("w", "{\"event\":\"kind\"}", "train.bad_event");
    refused("w", "{\"event\":\"kind\",\"positive\":\"nobody\"}", "train.no_events");
    refused("w", "{\"event\":\"gone\"}", "train.unknown_column");
    refused("w", "{\"weight\":\"gone\"}", "train.unknown_column");
    refused("w", "{\"weight\":\"kind\"}", "train.bad_weight");
    refused("w", "{\"task\":\"survival\"}", "train.event_needed");
    refused("w", "{\"task\":\"classes\",\"event\":\"flag\"}", "train.event_needed");
    refused("text", "{\"event\":\"flag\"}", "train.bad_target");
    refused("w", "{\"event\":\"flag\",\"times\":[2,1]}", "train.bad_option");
    refused("w", "{\"event\":\"flag\",\"times\":[-1]}", "train.bad_option");
    refused("z", "{\"times\":[1]}", "train.bad_option");
    refused("z", "{\"class_weights\":\"balanced\"}", "train.bad_option");
    refused("y", "{\"class_weights\":\"even\"}", "train.bad_option");
    refused("y", "{\"class_weights\":{\"yes\":0}}", "train.bad_option");
    refused("y", "{\"class_weights\":{\"maybe\":2}}", "train.no_such_class");
}

int main(void) {
    if (!box_folder(folder) || arena_open(64 << 20, &arena) != OK || !table_make()) return 1;
    CHECK_RUN(columns_that_teach);
    CHECK_RUN(a_person_may_name_the_row_number);
    CHECK_RUN(targets_become_tasks);
    CHECK_RUN(events_and_weights_are_no_features);
    CHECK_RUN(wrong_events_and_weights_are_told);
    CHECK_RUN(groups_are_kept_together_and_teach_nothing);
    CHECK_RUN(columns_are_prepared);
    CHECK_RUN(a_model_asks_for_columns);
    CHECK_RUN(text_of_people_is_read_by_type);
    json_close(wish);
    table_close(table);
    arena_close(arena);
    box_folder_remove(folder);
    return check_done();
}
