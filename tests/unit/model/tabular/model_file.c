// The model's file and the options: round trips, damage, faults.
#include "model/tabular/model_private.h"

#include "base/crc32c.h"
#include "support/samples.h"

static struct tabular_model *train(enum tabular_task task, uint32_t classes,
                                   enum tabular_learner learner, struct sample *s) {
    struct tabular_options options;
    struct tabular_model *model = NULL;
    struct buf text;
    struct fault fault = {0};
    tabular_options_default(&options);
    options.learner = learner;
    options.trees = 5;
    options.threads = 1;
    options.preparation = STR("{\"steps\":[]}");
    *s = sample_make(400, 6, task, classes);
    buf_open(&text, 4 << 20);
    CHECK_EQ(tabular_train(&s->frame, &s->target, &options, NULL, &model, &text, &fault), OK);
    buf_close(&text);
    return model;
}

static void round_trip(enum tabular_task task, uint32_t classes, enum tabular_learner learner) {
    struct sample s;
    struct tabular_model *model = train(task, classes, learner, &s), *again = NULL;
    struct buf bytes, bytes_again;
    struct fault fault = {0};
    REQUIRE(model != NULL);
    buf_open(&bytes, 1 << 22);
    buf_open(&bytes_again, 1 << 22);
    tabular_save(model, &bytes);
    REQUIRE(tabular_load(buf_str(&bytes), &again, &fault) == OK);
    tabular_save(again, &bytes_again);
    CHECK(str_equal(buf_str(&bytes), buf_str(&bytes_again)));
    struct tabular_about about = tabular_about(again);
    CHECK_EQ(about.feature_count, 6);
    CHECK_EQ(about.class_count, classes);
    CHECK_TEXT(about.features[2].categories[5], "k5");
    CHECK_TEXT(about.target, "y");
    CHECK_TEXT(about.preparation, "{\"steps\":[]}");
    CHECK(tabular_typical(again)[2] >= 0 && tabular_typical(again)[2] < 6);
    CHECK(isnan(tabular_ranges(again)[4]) && isnan(tabular_ranges(again)[5])); // a category
    CHECK(tabular_ranges(again)[0] < tabular_typical(again)[0]);
    CHECK(tabular_ranges(again)[1] > tabular_typical(again)[0]);
    size_t cells = 400 * (size_t)about.outputs;
    double *out = memory_take(2 * cells * 8), *parts = memory_take(2 * cells * 7 * 8);
    CHECK_EQ(tabular_predict(model, &s.frame, 1, out, parts), OK);
    CHECK_EQ(tabular_predict(again, &s.frame, 1, out + cells, parts + 7 * cells), OK);
    CHECK(memcmp(out, out + cells, cells * 8) == 0);
    CHECK(memcmp(parts, parts + 7 * cells, 7 * cells * 8) == 0);
    memory_give(parts);
    memory_give(out);
    buf_close(&bytes_again);
    buf_close(&bytes);
    tabular_close(again);
    tabular_close(model);
    sample_close(&s);
}

static void round_trips(void) {
    round_trip(TASK_BINARY, 2, LEARNER_BOOST);
    round_trip(TASK_CLASSES, 4, LEARNER_BOOST);
    round_trip(TASK_REGRESSION, 0, LEARNER_BOOST);
    round_trip(TASK_BINARY, 2, LEARNER_LINEAR);
    round_trip(TASK_CLASSES, 3, LEARNER_LINEAR);
    round_trip(TASK_REGRESSION, 0, LEARNER_LINEAR);
    round_trip(TASK_BINARY, 2, LEARNER_POINTS);
}

// A changed byte is caught by the checksum; with the checksum made right again, the reader must
// refuse the file or give a model that can be used.
static void damage_is_refused(enum tabular_learner learner) {
    struct sample s;
    struct tabular_model *model = train(TASK_BINARY, 2, learner, &s);
    struct buf bytes;
    struct fault fault = {0};
    REQUIRE(model != NULL);
    buf_open(&bytes, 1 << 22);
    tabular_save(model, &bytes);
    tabular_close(model);
    uint8_t *data = (uint8_t *)bytes.data;
    uint64_t refused = 0, tried = 0;
    for (size_t at = 0; at < bytes.size - 4; at += 1 + bytes.size / 3000) {
        uint8_t held = data[at];
        struct tabular_model *other = NULL;
        data[at] ^= (uint8_t)(1 + check_below(255));
        fault = (struct fault){0};
        CHECK_EQ(tabular_load(buf_str(&bytes), &other, &fault), ERR_CORRUPT);
        CHECK_STR(fault.code, "model.damaged");
        uint32_t sum = crc32c(0, data, bytes.size - 4), kept;
        memcpy(&kept, data + bytes.size - 4, 4);
        memcpy(data + bytes.size - 4, &sum, 4);
        fault = (struct fault){0};
        tried++;
        enum err err = tabular_load(buf_str(&bytes), &other, &fault);
        if (err != OK) {
            CHECK_STR(fault.code, err == ERR_INPUT ? "model.newer" : "model.damaged");
            refused++;
        } else if (tabular_about(other).feature_count == 6) {
            double out[4 * TABULAR_CLASSES_MAX], parts[4 * TABULAR_CLASSES_MAX * 7];
            struct frame four = s.frame;
            four.rows = 4;
            CHECK_EQ(tabular_predict(other, &four, 1, out, parts), OK);
        }
        tabular_close(other);
        data[at] = held;
        memcpy(data + bytes.size - 4, &kept, 4);
    }
    CHECK(refused > 0 && refused < tried);
    for (size_t size = 0; size < bytes.size; size += 1 + bytes.size / 500) {
        struct tabular_model *other = NULL;
        CHECK_EQ(tabular_load((struct str){bytes.data, size}, &other, &fault), ERR_CORRUPT);
    }
    buf_close(&bytes);
    sample_close(&s);
}

static void damaged_files_are_refused(void) {
    damage_is_refused(LEARNER_BOOST);
    damage_is_refused(LEARNER_LINEAR);
    damage_is_refused(LEARNER_POINTS);
}

// The file again: without its tags and sizes as "CYTAB001" was, or with a section of a later day.
static void rewrite(const struct buf *bytes, bool before, struct buf *out) {
    const uint8_t *data = (const uint8_t *)bytes->data;
    buf_add(out, before ? "CYTAB001" : "CYTAB002", 8);
    for (size_t at = 8; at < bytes->size - 4;) {
        uint64_t size;
        memcpy(&size, data + at + 4, 8);
        bool kept = !before || (memcmp(data + at, "PREP", 4) && memcmp(data + at, "RNGE", 4) &&
                                memcmp(data + at, "PROF", 4));
        if (kept) buf_add(out, data + at + (before ? 12 : 0), size + (before ? 0 : 12));
        at += 12 + size;
    }
    if (!before) buf_add(out, "NEXT\3\0\0\0\0\0\0\0new", 15);
    uint32_t sum = crc32c(0, out->data, out->size);
    buf_add(out, &sum, 4);
}

static void other_versions(void) {
    for (enum tabular_learner learner = LEARNER_BOOST; learner <= LEARNER_LINEAR; learner++) {
        struct sample s;
        struct tabular_model *model = train(TASK_BINARY, 2, learner, &s), *old = NULL;
        struct buf bytes, before, after;
        struct fault fault = {0};
        REQUIRE(model != NULL);
        buf_open(&bytes, 1 << 22);
        buf_open(&before, 1 << 22);
        buf_open(&after, 1 << 22);
        tabular_save(model, &bytes);
        rewrite(&bytes, true, &before);
        rewrite(&bytes, false, &after);
        REQUIRE(tabular_load(buf_str(&before), &old, &fault) == OK);
        CHECK_EQ(tabular_about(old).preparation.size, 0);
        double out[2][400];
        CHECK_EQ(tabular_predict(model, &s.frame, 1, out[0], NULL), OK);
        CHECK_EQ(tabular_predict(old, &s.frame, 1, out[1], NULL), OK);
        CHECK(memcmp(out[0], out[1], sizeof(out[0])) == 0);
        tabular_close(old);
        old = NULL;
        CHECK_EQ(tabular_load(buf_str(&after), &old, &fault), ERR_INPUT);
        CHECK_STR(fault.code, "model.newer");
        CHECK(old == NULL);
        buf_close(&after);
        buf_close(&before);
        buf_close(&bytes);
        tabular_close(model);
        sample_close(&s);
    }
}

static int load_once(void *context) {
    const struct buf *bytes = context;
    struct tabular_model *model = NULL;
    struct fault fault = {0};
    enum err err = tabular_load(buf_str(bytes), &model, &fault);
    CHECK(err == OK ? model != NULL : model == NULL && err == ERR_MEMORY);
    tabular_close(model);
    return err;
}

static void memory_faults(void) {
    for (enum tabular_learner learner = LEARNER_BOOST; learner <= LEARNER_POINTS; learner++) {
        struct sample s;
        struct tabular_model *model = train(TASK_BINARY, 2, learner, &s);
        struct buf bytes;
        REQUIRE(model != NULL);
        buf_open(&bytes, 1 << 22);
        tabular_save(model, &bytes);
        CHECK(check_faults(memory_fail_after, load_once, &bytes) >= 5);
        buf_close(&bytes);
        tabular_close(model);
        sample_close(&s);
    }
}

static enum err read_options(const char *text, struct tabular_options *out, struct fault *fault) {
    struct json *root;
    *fault = (struct fault){0};
    if (json_parse(str_of(text), &root, fault) != OK) return ERR_INPUT;
    enum err err = tabular_options_read(root, out, fault);
    json_close(root);
    return err;
}

static void options_are_checked(void) {
    struct tabular_options options = {0}, again;
    struct fault fault;
    CHECK_EQ(read_options("{\"learner\":\"linear\",\"trees\":12,\"l2\":0.5,\"seed\":9}", &options,
                          &fault),
             OK);
    CHECK(options.learner == LEARNER_LINEAR && options.trees == 12 && options.seed == 9);
    CHECK_NEAR(options.l2, 0.5, 0);
    CHECK_EQ(options.depth, 6); // a default
    static const char *const bad[] = {"{\"trees\":0}",
                                      "{\"trees\":1.5}",
                                      "{\"depth\":17}",
                                      "{\"tree\":5}",
                                      "{\"learner\":\"magic\"}",
                                      "{\"learning_rate\":0}",
                                      "{\"test_milli\":600,"
                                      "\"validate_milli\":400}",
                                      "{\"bins\":256}",
                                      "[1]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK_EQ(read_options(bad[i], &again, &fault), ERR_INPUT);
        CHECK_STR(fault.code, "train.bad_option");
    }
    struct buf text;
    buf_open(&text, 4096);
    struct json_writer writer = json_writer_of(&text);
    tabular_options_write(&writer, &options);
    char c_text[4096];
    REQUIRE(str_copy(c_text, sizeof(c_text), buf_str(&text)));
    CHECK_EQ(read_options(c_text, &again, &fault), OK);
    options.group = again.group = NULL;
    CHECK(memcmp(&options, &again, sizeof(options)) == 0);
    buf_close(&text);
}

int main(void) {
    CHECK_RUN(round_trips);
    CHECK_RUN(damaged_files_are_refused);
    CHECK_RUN(other_versions);
    CHECK_RUN(memory_faults);
    CHECK_RUN(options_are_checked);
    return check_done();
}
