// XGBoost's JSON: models that XGBoost 1.7.4 and 3.3.0 saved predict and explain here as they did
// there; ours come back as they left; what is broken is refused with its place.
#include "model/tabular/xgboost_private.h"

#include <string.h>

#include "support/samples.h"

static void text_of(const char *name, struct buf *out) {
    char path[200];
    snprintf(path, sizeof path, "tests/fuzz/corpus/xgboost/%s.json", name);
    CHECK_EQ(file_read(path, out, NULL), OK);
}

// Their answers to the rows below, and what each column adds (predict with pred_contribs).
static const struct saved {
    const char *name;
    uint32_t outputs;
    double predicted[5 * 3], parts[5 * 3 * 4];
} saved[] = {
    {"binary_17",
     1,
     {0.55432248, 0.28063834, 0.28063834, 0.73026597, 0.53220814},
     {-0.066346422, 0.48644435,  0, -0.20194684, -0.4662118, -0.27313882, 0, -0.20194684,
      -0.46621183,  -0.27313882, 0, -0.20194684, 1.3110287,  -0.1131096,  0, -0.20194684,
      -0.31004608,  0.64100397,  0, -0.20194684}},
    {"classes_17",
     3,
     {0.23678747, 0.41392314, 0.34928936, 0.49420354, 0.32287523, 0.18292123, 0.57355559,
      0.21415231, 0.21229209, 0.22160968, 0.23486418, 0.54352611, 0.29096299, 0.38454142,
      0.32449555},
     {-0.3405636,  -0.15807159, -0.0029761696,  0.59940135,   0.12249029,  0.0076127825,
      0,           0.52620435,  -0.15358314,    0.26825276,   0,           0.37185803,
      0.31723893,  0.16614449,  -0.00079582556, 0.59940135,   0.13269141,  -0.0025883466,
      0,           0.52620435,  -0.15395355,    -0.12980744,  0,           0.37185803,
      0.31723893,  0.16614449,  -0.00079582556, 0.59940135,   -0.41134167, -0.018041164,
      0,           0.52620435,  -0.15395355,    -0.12980744,  0,           0.37185803,
      -0.56294072, 0.064305529, -0.0029761696,  0.59940135,   -0.36773637, -0.0025883466,
      0,           0.52620435,  0.68763262,     -0.064540602, 0,           0.37185803,
      0.18734759,  -0.40850112, -0.00079582556, 0.59940135,   0.12249029,  0.0076127825,
      0,           0.52620435,  -0.15358314,    0.26825276,   0,           0.37185803}},
    {"number_17",
     1,
     {6.0253057, 1.5567775, -5.117826, 6.1272511, 1.1929111},
     {2.553545,  1.8847733,  0,           1.5869873, 0.75148487, -0.78169477, 0,
      1.5869873, -5.9109879, -0.79382551, 0,         1.5869873,  5.3219585,   -0.78169477,
      0,         1.5869873,  -2.3228192,  1.9287429, 0,          1.5869873}},
    {"binary_33",
     1,
     {0.50922686, 0.23499089, 0.23499089, 0.6884594, 0.48451477},
     {-0.063426688, 0.4992885,  0, -0.39895019, -0.48991632, -0.2914744, 0, -0.39895019,
      -0.48991632,  -0.2914744, 0, -0.39895019, 1.3115439,   -0.1196671, 0, -0.39895019,
      -0.32213864,  0.65912825, 0, -0.39895019}},
    {"classes_33",
     3,
     {0.28677016, 0.42763901, 0.28559089, 0.48762199, 0.36354822, 0.14882982, 0.63804978,
      0.21288511, 0.14906515, 0.27379459, 0.23915622, 0.48704919, 0.35129216, 0.38895282,
      0.25975502},
     {-0.3264457,  -0.12689961, 0, 0.25494415,  0.10793576,  0.0097055677, 0, 0.083555788,
      -0.18300462, 0.32228452,  0, -0.34180194, 0.12920487,  0.11067662,   0, 0.25494415,
      0.12093756,  -0.00329623, 0, 0.083555788, -0.18464699, -0.16546237,  0, -0.34180194,
      0.35518947,  0.15198782,  0, 0.25494415,  -0.39723152, -0.021866538, 0, 0.083555788,
      -0.18464699, -0.16546237, 0, -0.34180194, -0.50705659, 0.053711277,  0, 0.25494415,
      -0.41392189, -0.00329623, 0, 0.083555788, 0.80407715,  -0.084689498, 0, -0.34180194,
      0.20441827,  -0.36000514, 0, 0.25494415,  0.10793576,  0.0097055677, 0, 0.083555788,
      -0.18300462, 0.32228452,  0, -0.34180194}},
    {"number_33",
     1,
     {7.4657602, 2.6030312, -4.0497856, 7.4895477, 2.2607648},
     {2.8963203, 1.91755,    0,           2.6518893, 0.74647146, -0.79532969, 0,
      2.6518893, -5.9019103, -0.79976469, 0,         2.6518893,  5.632988,    -0.79532969,
      0,         2.6518893,  -2.3341804,  1.9430559, 0,          2.6518893}},
};

static void saved_models_answer_the_same(void) {
    static const float a[] = {0.5f, NAN, -1, 2, -0.25f}, c[] = {0.25f, -1, NAN, 1, 0};
    static const char *const cities[] = {"1", "3", "", "5", "4"};
    for (size_t i = 0; i < sizeof saved / sizeof saved[0]; i++) {
        const struct saved *s = &saved[i];
        struct tabular_model *model = NULL;
        struct fault fault = {0};
        struct buf text;
        buf_open(&text, 1 << 20);
        text_of(s->name, &text);
        CHECK_EQ(tabular_xgboost_read(buf_str(&text), &model, &fault), OK);
        CHECK_STR(fault.code, "");
        buf_close(&text);
        REQUIRE(model != NULL);
        struct tabular_about about = tabular_about(model);
        REQUIRE(about.feature_count == 3 && about.outputs == s->outputs);
        CHECK_TEXT(about.features[1].name, "城 市");
        CHECK_TEXT(about.features[2].type, "integer");
        float city[5];
        for (unsigned r = 0; r < 5; r++) {
            city[r] = NAN;
            for (uint32_t k = 0; k < about.features[1].category_count; k++) {
                if (str_is(about.features[1].categories[k], cities[r])) city[r] = (float)k;
            }
        }
        const float *columns[] = {a, city, c};
        struct frame frame = {5, 3, about.features, columns, NULL};
        double out[15], parts[60];
        CHECK_EQ(tabular_predict(model, &frame, 1, out, parts), OK);
        for (unsigned r = 0; r < 5 * s->outputs; r++) CHECK_NEAR(out[r], s->predicted[r], 2e-6);
        for (unsigned r = 0; r < 20 * s->outputs; r++) CHECK_NEAR(parts[r], s->parts[r], 5e-6);
        tabular_close(model);
    }
}

static struct tabular_model *train(enum tabular_task task, uint32_t classes, enum tabular_loss loss,
                                   uint32_t trees, struct sample *s) {
    struct tabular_options options;
    struct tabular_model *model = NULL;
    struct buf card;
    struct fault fault = {0};
    tabular_options_default(&options);
    options.trees = trees;
    options.loss = loss;
    options.quantile = 0.8;
    options.early_stop = 0;
    options.threads = 1;
    options.depth = 4;
    options.bins = 5; // fewer than there are categories: the rare ones share one
    *s = sample_make(600, 6, task, classes);
    buf_open(&card, 4 << 20);
    CHECK_EQ(tabular_train(&s->frame, &s->target, &options, NULL, &model, &card, &fault), OK);
    buf_close(&card);
    return model;
}

static void comes_back(enum tabular_task task, uint32_t classes, enum tabular_loss loss) {
    struct sample s;
    struct tabular_model *model = train(task, classes, loss, 12, &s), *again = NULL;
    struct buf text;
    struct fault fault = {0};
    REQUIRE(model != NULL);
    buf_open(&text, 8 << 20);
    CHECK_EQ(tabular_xgboost_write(model, &text, &fault), OK);
    CHECK_EQ(tabular_xgboost_read(buf_str(&text), &again, &fault), OK);
    CHECK_STR(fault.code, "");
    REQUIRE(again != NULL);
    struct tabular_about about = tabular_about(again);
    CHECK_EQ(about.task, task);
    CHECK_TEXT(about.target, "y");
    CHECK_TEXT(about.features[2].categories[5], "k5");
    CHECK(classes == 0 || str_is(about.classes[1], "b"));
    CHECK_EQ(about.loss, loss);
    if (loss == LOSS_QUANTILE) CHECK_NEAR(about.quantile, 0.8, 1e-7);
    CHECK_EQ(about.time_count, tabular_about(model).time_count);
    for (uint32_t t = 0; t < about.time_count; t++) { // the baseline hazard travels along
        CHECK_NEAR(about.times[t], tabular_about(model).times[t], 0);
        CHECK_NEAR(tabular_survival(again, 1.5, about.times[t]),
                   tabular_survival(model, 1.5, about.times[t]), 1e-12);
    }
    size_t cells = 600 * (size_t)about.outputs;
    double *out = memory_take(2 * cells * 8), *parts = memory_take(2 * cells * 7 * 8);
    s.columns[2][0] = NAN;
    CHECK_EQ(tabular_predict(model, &s.frame, 1, out, parts), OK);
    CHECK_EQ(tabular_predict(again, &s.frame, 1, out + cells, parts + 7 * cells), OK);
    for (size_t i = 0; i < cells; i++) {
        if (!CHECK_NEAR(out[cells + i], out[i], 1e-6 * fmax(1, fabs(out[i])))) break;
    }
    for (size_t i = 0; i < 7 * cells; i++) {
        if (!CHECK_NEAR(parts[7 * cells + i], parts[i], 1e-5 * fmax(1, fabs(parts[i])))) break;
    }
    memory_give(parts);
    memory_give(out);
    buf_close(&text);
    tabular_close(again);
    tabular_close(model);
    sample_close(&s);
}

static void ours_come_back(void) {
    comes_back(TASK_BINARY, 2, LOSS_SQUARED);
    comes_back(TASK_CLASSES, 4, LOSS_SQUARED);
    comes_back(TASK_REGRESSION, 0, LOSS_SQUARED);
    comes_back(TASK_REGRESSION, 0, LOSS_QUANTILE);
    comes_back(TASK_REGRESSION, 0, LOSS_POISSON);
    comes_back(TASK_SURVIVAL, 0, LOSS_SQUARED);
}

// Without our own attribute: the names of categories that XGBoost 3.1 keeps, by code; a survival
// model of its own tells no probability.
static void names_and_risks_of_others(void) {
    struct sample s;
    struct tabular_model *model = train(TASK_SURVIVAL, 0, LOSS_SQUARED, 12, &s), *again = NULL;
    struct buf text, bytes;
    struct fault fault = {0};
    REQUIRE(model != NULL);
    buf_open(&text, 8 << 20);
    buf_open(&bytes, 8 << 20);
    CHECK_EQ(tabular_xgboost_write(model, &text, &fault), OK);
    buf_add_char(&text, '\0');
    char *own = strstr(text.data, "\"courtyard\"");
    REQUIRE(own != NULL);
    memcpy(own, "\"elsewhere\"", 11);
    text.size--;
    CHECK_EQ(tabular_xgboost_read(buf_str(&text), &again, &fault), OK);
    CHECK_STR(fault.code, "");
    REQUIRE(again != NULL);
    struct tabular_about about = tabular_about(again);
    CHECK_EQ(about.features[2].category_count, 6);
    CHECK_TEXT(about.features[2].categories[5], "k5");
    CHECK_EQ(about.time_count, 0);
    double out[2][600];
    CHECK_EQ(tabular_predict(model, &s.frame, 1, out[0], NULL), OK);
    CHECK_EQ(tabular_predict(again, &s.frame, 1, out[1], NULL), OK);
    for (int i = 0; i < 600; i++) CHECK_NEAR(out[1][i], out[0][i], 1e-6 * fmax(1, out[0][i]));
    tabular_save(again, &bytes); // and is a model like any other
    tabular_close(again);
    again = NULL;
    CHECK_EQ(tabular_load(buf_str(&bytes), &again, &fault), OK);
    tabular_close(again);
    buf_close(&bytes);
    buf_close(&text);
    tabular_close(model);
    sample_close(&s);
}

// Replaces the first `from` in a saved model by `to`, and reads it.
static enum err read_changed(const char *name, const char *from, const char *to,
                             struct fault *fault) {
    struct buf text, changed;
    struct tabular_model *model = NULL;
    buf_open(&text, 1 << 20);
    buf_open(&changed, 1 << 20);
    text_of(name, &text);
    char *at = text.data ? memmem(text.data, text.size, from, strlen(from)) : NULL;
    if (!CHECK(at != NULL)) fprintf(stderr, "   not in %s: %s\n", name, from);
    if (at) {
        size_t before = (size_t)(at - text.data), behind = before + strlen(from);
        buf_add(&changed, text.data, before);
        buf_add_text(&changed, to);
        buf_add(&changed, text.data + behind, text.size - behind);
    }
    *fault = (struct fault){0};
    enum err err = tabular_xgboost_read(buf_str(&changed), &model, fault);
    if (err == OK) tabular_close(model);
    buf_close(&changed);
    buf_close(&text);
    return err;
}

static void refused(const char *name, const char *from, const char *to, enum err err,
                    const char *code, uint64_t row, uint64_t column) {
    struct fault fault;
    bool same = CHECK_EQ(read_changed(name, from, to, &fault), err);
    same &=
        CHECK_STR(fault.code, code) && CHECK_EQ(fault.row, row) && CHECK_EQ(fault.column, column);
    if (!same) fprintf(stderr, "   %s: %s\n", from, to);
}

static void broken_ones_are_refused_with_their_place(void) {
    const char *b = "binary_17";
    const char *left = "\"left_children\":[1,3,5,-1,-1,-1,-1]";
    refused(b, left, "\"left_children\":[1,0,5,-1,-1,-1,-1]", ERR_CORRUPT, "model.xgboost_cycle", 1,
            1);
    refused(b, left, "\"left_children\":[1,2,5,-1,-1,-1,-1]", ERR_CORRUPT, "model.xgboost_cycle", 1,
            3);
    refused(b, left, "\"left_children\":[1,3,7,-1,-1,-1,-1]", ERR_CORRUPT, "model.xgboost_index", 1,
            3);
    refused(b, left, "\"left_children\":[1,3,-1,-1,-1,-1,-1]", ERR_CORRUPT, "model.xgboost_index",
            1, 3);
    refused(b, left, "\"left_children\":[1.5,3,5,-1,-1,-1,-1]", ERR_CORRUPT, "model.xgboost_index",
            1, 1);
    refused(b, left, "\"left_children\":[1,3,5,-1,-1,-1]", ERR_CORRUPT, "model.xgboost_count", 1,
            1);
    refused(b, left, "\"left_children\":[]", ERR_CORRUPT, "model.xgboost_count", 1, 1);
    refused(b, left, "\"left_children\":[1,3,5,-1,-1,-1,NaN]", ERR_CORRUPT, "model.xgboost_index",
            1, 7);
    refused(b, "\"split_indices\":[0,", "\"split_indices\":[70000,", ERR_CORRUPT,
            "model.xgboost_index", 1, 1);
    refused(b, "\"split_indices\":[0,", "\"split_indices\":[9,", ERR_CORRUPT,
            "model.xgboost_feature", 0, 0);
    refused(b, "\"split_conditions\":[", "\"split_conditions\":[NaN,", ERR_CORRUPT,
            "model.xgboost_count", 1, 1);
    refused(b, "\"sum_hessian\":[1E2", "\"sum_hessian\":[-1", ERR_CORRUPT, "model.xgboost_number",
            1, 1);
    refused(b, "\"categories_nodes\":[1]", "\"categories_nodes\":[3]", ERR_CORRUPT,
            "model.xgboost_index", 1, 2);
    refused(b, "\"categories_segments\":[0]", "\"categories_segments\":[9]", ERR_CORRUPT,
            "model.xgboost_index", 1, 2);
    refused(b, "\"categories\":[", "\"categories\":[5000,", ERR_LIMIT, "model.xgboost_categories",
            1, 2);
    refused(b, "\"categories\":[", "\"categories\":[-1,", ERR_CORRUPT, "model.xgboost_index", 1, 2);
    refused(b, "\"feature_types\":[\"q\",\"c\"", "\"feature_types\":[\"q\",\"q\"", ERR_CORRUPT,
            "model.xgboost_kind", 0, 0);
    refused(b, "\"feature_names\":[", "\"feature_names\":[\"d\",", ERR_CORRUPT,
            "model.xgboost_count", 0, 0);
    refused(b, "\"base_score\":\"5E-1\"", "\"base_score\":\"1E0\"", ERR_CORRUPT,
            "model.xgboost_base", 0, 0);
    refused(b, "\"base_score\":\"5E-1\"", "\"base_score\":\"[5E-1,1E-1]\"", ERR_CORRUPT,
            "model.xgboost_base", 0, 0);
    refused(b, "\"num_feature\":\"3\",\"num_target\"", "\"num_feature\":\"x\",\"num_target\"",
            ERR_CORRUPT, "model.xgboost_param", 0, 0);
    refused(b, "\"num_target\":\"1\"", "\"num_target\":\"2\"", ERR_INPUT, "model.xgboost_outputs",
            0, 0);
    refused(b, "\"binary:logistic\"", "\"survival:aft\"", ERR_INPUT, "model.xgboost_objective", 0,
            0);
    refused(b, "\"gbtree\"}", "\"dart\"}", ERR_INPUT, "model.xgboost_booster", 0, 0);
    refused(b, "\"tree_info\":[0,0]", "\"tree_info\":[0,1]", ERR_CORRUPT, "model.xgboost_index", 2,
            1);
    refused(b, "\"tree_info\":[0,0]", "\"tree_info\":[0]", ERR_CORRUPT, "model.xgboost_count", 0,
            0);
    refused("classes_33", "\"num_class\":\"3\",\"num_feature\"",
            "\"num_class\":\"101\",\"num_feature\"", ERR_LIMIT, "train.too_many_classes", 0, 0);
    struct fault fault;
    CHECK_EQ(read_changed(b, "\"version\":[1,7,4]}", "\"version\":[1,7,4]", &fault), ERR_CORRUPT);
    CHECK_STR(fault.code, "model.xgboost_text");
    CHECK(fault.column > 1000);
    CHECK_EQ(read_changed(b, "{\"learner\"", "{\"pupil\"", &fault), ERR_CORRUPT);
    CHECK_STR(fault.code, "model.xgboost_missing");
}

// A chain of splits, one level deeper than a forest may be.
static void too_deep_is_refused(void) {
    struct buf text;
    struct tabular_model *model = NULL;
    struct fault fault = {0};
    unsigned depth = FOREST_DEPTH_MAX + 1, nodes = 2 * depth + 1;
    buf_open(&text, 1 << 20);
    buf_add_text(&text, "{\"learner\":{\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{"
                        "\"tree_info\":[0],\"trees\":[{\"left_children\":[");
    for (unsigned n = 0; n < nodes; n++) {
        buf_printf(&text, "%s%d", n ? "," : "", n % 2 == 0 && n + 1 < nodes ? (int)n + 1 : -1);
    }
    buf_add_text(&text, "],\"right_children\":[");
    for (unsigned n = 0; n < nodes; n++) {
        buf_printf(&text, "%s%d", n ? "," : "", n % 2 == 0 && n + 1 < nodes ? (int)n + 2 : -1);
    }
    const char *const rest[] = {"split_indices", "split_conditions", "default_left", "sum_hessian"};
    for (size_t i = 0; i < 4; i++) {
        buf_printf(&text, "],\"%s\":[", rest[i]);
        for (unsigned n = 0; n < nodes; n++) buf_add_text(&text, n ? ",0" : "0");
    }
    buf_add_text(&text, "]}]}},\"learner_model_param\":{\"num_feature\":\"1\",\"base_score\":"
                        "\"0\"},\"objective\":{\"name\":\"reg:squarederror\"}}}");
    CHECK_EQ(tabular_xgboost_read(buf_str(&text), &model, &fault), ERR_LIMIT);
    CHECK_STR(fault.code, "model.xgboost_too_deep");
    CHECK_EQ(fault.row, 1);
    CHECK_EQ(fault.column, 2 * FOREST_DEPTH_MAX + 1);
    buf_close(&text);
}

// Cut anywhere or with a byte changed, it is refused or gives a model that can be used.
static void damage_does_no_harm(void) {
    for (size_t i = 0; i < sizeof saved / sizeof saved[0]; i++) {
        struct buf text;
        buf_open(&text, 1 << 20);
        text_of(saved[i].name, &text);
        for (size_t at = 0; at < text.size; at += 1 + check_below(5)) {
            struct tabular_model *model = NULL;
            struct fault fault = {0};
            CHECK(tabular_xgboost_read((struct str){text.data, at}, &model, &fault) == ERR_CORRUPT);
            char held = text.data[at];
            text.data[at] = "0123456789-,.[]{}\"eNx"[check_below(21)];
            fault = (struct fault){0};
            enum err err = tabular_xgboost_read(buf_str(&text), &model, &fault);
            CHECK((err == OK) == (fault.code[0] == '\0'));
            if (err == OK) {
                struct buf bytes;
                struct tabular_model *again = NULL;
                buf_open(&bytes, 1 << 20);
                tabular_save(model, &bytes);
                CHECK_EQ(tabular_load(buf_str(&bytes), &again, &fault), OK);
                tabular_close(again);
                buf_close(&bytes);
            }
            if (err == OK) tabular_close(model);
            text.data[at] = held;
        }
        buf_close(&text);
    }
}

static int read_once(void *context) {
    const struct buf *text = context;
    struct tabular_model *model = NULL;
    enum err err = tabular_xgboost_read(buf_str(text), &model, NULL);
    CHECK(err == OK ? model != NULL : model == NULL && err == ERR_MEMORY);
    tabular_close(model);
    return err;
}

static void memory_faults(void) {
    struct buf text;
    buf_open(&text, 1 << 20);
    text_of("classes_17", &text);
    CHECK(check_faults(memory_fail_after, read_once, &text) >= 5);
    buf_close(&text);
}

int main(void) {
    CHECK_RUN(saved_models_answer_the_same);
    CHECK_RUN(ours_come_back);
    CHECK_RUN(names_and_risks_of_others);
    CHECK_RUN(broken_ones_are_refused_with_their_place);
    CHECK_RUN(too_deep_is_refused);
    CHECK_RUN(damage_does_no_harm);
    CHECK_RUN(memory_faults);
    return check_done();
}
