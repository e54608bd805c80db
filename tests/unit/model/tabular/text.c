// Texts in the linear learner: sparse buckets count as the columns they are, explained and saved;
// nothing else learns from them.
#include "model/tabular/model_private.h"
#include "support/samples.h"

enum { ROWS = 3000, WIDTH = 1024, NUMBERS = 2 };

struct texts {
    struct sample s; // column 0 a number, column 1 the text
    uint64_t from[ROWS];
    uint32_t count[ROWS], bucket[ROWS * 8];
    float weight[ROWS * 8];
    struct sparse sparse[NUMBERS];
};

// Each row has up to seven buckets; 3 and 700 make the answer likelier, 40 less likely.
static void texts_make(struct texts *t) {
    uint32_t used = 0;
    t->s = sample_take(ROWS, NUMBERS, TASK_BINARY, 2);
    for (uint32_t i = 0; i < ROWS; i++) {
        double margin = 0;
        uint32_t count = check_below(8), bucket = 0;
        t->from[i] = used;
        t->count[i] = 0;
        for (uint32_t k = 0; k < count; k++) {
            uint32_t few[] = {3, 40, 700};
            bucket = check_below(3) ? few[check_below(3)] : check_below(WIDTH);
            bool there = false;
            for (uint32_t b = 0; b < t->count[i]; b++) {
                there = there || t->bucket[t->from[i] + b] == bucket;
            }
            if (there) continue;
            float weight = (float)(0.5 + check_uniform());
            margin += (bucket == 40 ? -3 : bucket == 3 || bucket == 700 ? 2 : 0) * (double)weight;
            t->bucket[used] = bucket;
            t->weight[used++] = weight;
            t->count[i]++;
        }
        t->s.columns[0][i] = (float)sample_normal();
        t->s.columns[1][i] = NAN;
        margin += (double)t->s.columns[0][i];
        t->s.truth[i] = check_uniform() < 1 / (1 + exp(-margin));
    }
    t->s.features[1].kind = FEATURE_TEXT;
    t->s.features[1].width = WIDTH;
    t->sparse[1] = (struct sparse){t->from, t->count, t->bucket, t->weight};
    t->s.frame.sparse = t->sparse;
}

static struct tabular_model *train(const struct texts *t, enum tabular_learner learner,
                                   uint32_t threads, struct buf *card, struct fault *fault) {
    struct tabular_options options;
    struct tabular_model *model = NULL;
    tabular_options_default(&options);
    options.learner = learner;
    options.threads = threads;
    enum err err = tabular_train(&t->s.frame, &t->s.target, &options, NULL, &model, card, fault);
    CHECK((err == OK) == (model != NULL));
    return model;
}

static void buckets_count_as_columns(void) {
    static struct texts t;
    struct buf card;
    struct fault fault = {0};
    struct json *root;
    static double out[ROWS], parts[ROWS * (NUMBERS + 1)];
    texts_make(&t);
    buf_open(&card, 4 << 20);
    struct tabular_model *model = train(&t, LEARNER_LINEAR, 1, &card, &fault);
    REQUIRE(model != NULL && json_parse(buf_str(&card), &root, &fault) == OK);
    const struct json *headline = json_first(json_member(root, "metrics"));
    CHECK(json_member_number(headline, "value", 0) > 0.8); // AUC
    const struct json *first = json_first(json_member(root, "importance"));
    CHECK_TEXT(json_member_text(first, "feature"), "x1");
    CHECK(json_member_number(first, "permutation", 0) > 0.1);
    REQUIRE(tabular_predict(model, &t.s.frame, 1, out, parts) == OK);
    const struct linear *linear = &model->linear;
    const double *weights = linear->weights + linear->terms[1].first;
    CHECK(weights[3] > 0.5 && weights[700] > 0.5 && weights[40] < -0.5);
    for (uint32_t i = 0; i < ROWS; i += 13) {
        const struct linear_term *number = &linear->terms[0];
        double text = 0, z = ((double)t.s.columns[0][i] - number->mean) * number->scale;
        for (uint32_t k = 0; k < t.count[i]; k++) {
            text += weights[t.bucket[t.from[i] + k]] * (double)t.weight[t.from[i] + k];
        }
        double margin = linear->intercept[0] + linear->weights[number->first] * z + text;
        CHECK_NEAR(out[i], 1 / (1 + exp(-margin)), 1e-12);
        const double *part = parts + i * (NUMBERS + 1);
        CHECK_NEAR(part[0] + part[1] + part[2], margin, 1e-9);
        CHECK_NEAR(part[1], text - linear->average[1], 1e-9);
    }
    json_close(root);
    tabular_close(model);
    buf_close(&card);
    sample_close(&t.s);
}

static void saved_and_the_same_on_any_threads(void) {
    static struct texts t;
    struct buf card, bytes[3];
    struct fault fault = {0};
    texts_make(&t);
    for (uint32_t i = 0; i < 2; i++) {
        buf_open(&card, 4 << 20);
        buf_open(&bytes[i], 4 << 20);
        struct tabular_model *model = train(&t, LEARNER_LINEAR, i ? 3 : 1, &card, &fault);
        REQUIRE(model != NULL);
        tabular_save(model, &bytes[i]);
        tabular_close(model);
        buf_close(&card);
    }
    CHECK(str_equal(buf_str(&bytes[0]), buf_str(&bytes[1])));
    struct tabular_model *again;
    REQUIRE(tabular_load(buf_str(&bytes[0]), &again, &fault) == OK);
    CHECK_EQ(tabular_about(again).features[1].width, WIDTH);
    buf_open(&bytes[2], 4 << 20);
    tabular_save(again, &bytes[2]);
    CHECK(str_equal(buf_str(&bytes[0]), buf_str(&bytes[2])));
    tabular_close(again);
    for (int i = 0; i < 3; i++) buf_close(&bytes[i]);
    sample_close(&t.s);
}

static void others_refuse_texts(void) {
    static struct texts t;
    struct buf card;
    texts_make(&t);
    buf_open(&card, 4 << 20);
    for (int i = 0; i < 2; i++) {
        struct fault fault = {0};
        CHECK(train(&t, i ? LEARNER_POINTS : LEARNER_BOOST, 1, &card, &fault) == NULL);
        CHECK_STR(fault.code, "train.text_needs_linear");
    }
    buf_close(&card);
    sample_close(&t.s);
}

int main(void) {
    CHECK_RUN(buckets_count_as_columns);
    CHECK_RUN(saved_and_the_same_on_any_threads);
    CHECK_RUN(others_refuse_texts);
    return check_done();
}
