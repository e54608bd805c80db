// The points scorecard: coarse bins by hand, the card that is printed is the one that computes,
// monotone throughout, the same on any number of threads.
#include "model/tabular/model_private.h"
#include "support/samples.h"

// Fine bins 0..5 of a number with rates .1 .1 .3 .2 .5 .5 and ten rows missing: .3 and .2 run
// against the rise and are pooled; equal ones are merged.
static void bins_by_hand(void) {
    struct points_counts fine[BINS_CELLS] = {{90, 10}, {90, 10}, {70, 30}, {80, 20},
                                             {50, 50}, {50, 50}, {4, 6}};
    struct feature_bins bins = {.value_bins = 6, .cuts = {1, 2, 3, 4, 5}};
    struct points_feature out = {0};
    points_coarse(fine, &bins, 0, true, &out);
    REQUIRE(out.bin_count == 3);
    CHECK_NEAR((double)out.cuts[0], 2, 0);
    CHECK_NEAR((double)out.cuts[1], 4, 0);
    CHECK_NEAR(out.bins[1].positive, 50, 0);
    CHECK_NEAR(out.bins[3].negative, 4, 0); // missing
    double positives = 176, negatives = 434, drawn = 10.0 / 610, information = 0;
    for (int b = 0; b < 4; b++) {
        double p = out.bins[b].positive / positives, n = out.bins[b].negative / negatives;
        CHECK_NEAR(out.bins[b].woe, log((p + drawn) / (n + drawn)), 1e-12);
        information += (p - n) * out.bins[b].woe;
    }
    CHECK_NEAR(out.information, information, 1e-12);
    // Without the rule the hump stays where it differs enough: 30 % and 20 % of 100 do not.
    points_coarse(fine, &bins, 0, false, &out);
    CHECK_EQ(out.bin_count, 3);
    fine[2] = (struct points_counts){40, 60};
    points_coarse(fine, &bins, 0, false, &out);
    CHECK_EQ(out.bin_count, 4);
    points_coarse(fine, &bins, 0, true, &out);
    CHECK(out.bin_count < 4 && out.bins[0].woe < out.bins[1].woe);
}

static void categories_by_hand(void) {
    struct points_counts fine[BINS_CELLS] = {{50, 50}, {95, 5}, {48, 52}, {1, 1}, {0, 0}};
    uint8_t category_bin[6] = {0, 1, 2, 3, 4, 4}, group[6]; // the last two were not seen
    struct feature_bins bins = {.value_bins = 4, .is_category = true, .category_bin = category_bin};
    struct points_feature out = {.group = group};
    points_coarse(fine, &bins, 6, true, &out);
    REQUIRE(out.bin_count == 2);
    CHECK(group[0] == group[2] && group[0] != group[1]);
    CHECK(group[3] < 2); // two rows are no bin of their own
    CHECK(group[4] == 2 && group[5] == 2);
    CHECK_NEAR(out.bins[2].woe, 0, 0); // nothing is missing: neither good nor bad
}

static struct tabular_model *train(const struct sample *s, uint32_t threads, double points_double,
                                   struct buf *card, struct fault *fault) {
    struct tabular_options options;
    struct tabular_model *model = NULL;
    tabular_options_default(&options);
    options.learner = LEARNER_POINTS;
    options.threads = threads;
    options.points_double = points_double;
    enum err err = tabular_train(&s->frame, &s->target, &options, NULL, &model, card, fault);
    CHECK((err == OK) == (model != NULL));
    return model;
}

// The score from the JSON card alone, as a person with the printed page adds it up.
static double by_the_card(const struct json *card, const struct sample *s, uint64_t row) {
    double sum = json_member_number(card, "base", NAN);
    const struct json *feature = json_first(json_member(card, "features"));
    for (; feature; feature = json_next(feature)) {
        uint32_t f = 0;
        while (!str_equal(s->features[f].name, json_member_text(feature, "feature"))) f++;
        double value = (double)s->columns[f][row];
        const struct json *bin = json_first(json_member(feature, "bins")), *found = NULL;
        for (; bin; bin = json_next(bin)) {
            if (json_member(bin, "missing")) {
                if (isnan(value) || !found) found = bin;
                continue;
            }
            if (isnan(value)) continue;
            const struct json *names = json_member(bin, "categories");
            for (const struct json *name = json_first(names); name; name = json_next(name)) {
                if (str_equal(s->features[f].categories[(uint32_t)value], json_text(name))) {
                    found = bin;
                }
            }
            if (!names && value >= json_member_number(bin, "from", -INFINITY) &&
                value < json_member_number(bin, "below", INFINITY)) {
                found = bin;
            }
        }
        sum += json_member_number(found, "points", NAN);
    }
    return sum;
}

static void the_card_computes(double points_double) {
    struct sample s = sample_make(3000, 8, TASK_BINARY, 2);
    struct buf text;
    struct fault fault = {0};
    struct json *root;
    buf_open(&text, 4 << 20);
    struct tabular_model *model = train(&s, 1, points_double, &text, &fault);
    REQUIRE(model != NULL && json_parse(buf_str(&text), &root, &fault) == OK);
    const struct json *card = json_member(root, "points");
    double *out = memory_take(3000 * 8), *parts = memory_take(3000 * 9 * 8);
    REQUIRE(tabular_predict(model, &s.frame, 1, out, parts) == OK);
    CHECK(json_count(json_member(card, "features")) >= 2);
    for (uint64_t i = 0; i < 3000; i += 7) {
        double score = by_the_card(card, &s, i), each = tabular_points_base(model);
        double odds = 20 * exp2((score - 600) / points_double); // negatives to one positive
        CHECK_NEAR(out[i], 1 / (1 + odds), 1e-12);
        float row[8];
        double alone;
        for (uint32_t f = 0; f < 8; f++) row[f] = s.columns[f][i];
        tabular_predict_row(model, row, &alone);
        CHECK(alone == out[i]);
        double margin = parts[i * 9 + 8];
        for (uint32_t f = 0; f < 8; f++) {
            margin += parts[i * 9 + f];
            each += tabular_points_of(model, f, s.columns[f][i]);
            CHECK(tabular_points_of(model, f, s.columns[f][i]) <= tabular_points_most(model, f));
        }
        CHECK_NEAR(margin, -log(odds), 1e-9);
        CHECK_NEAR(each, score, 0);
    }
    memory_give(parts);
    memory_give(out);
    json_close(root);
    tabular_close(model);
    buf_close(&text);
    sample_close(&s);
}

static void the_printed_card_computes(void) {
    the_card_computes(20);
    the_card_computes(-15); // points rise with what is looked for
}

static void any_number_of_threads(void) {
    struct sample s = sample_make(30000, 8, TASK_BINARY, 2);
    struct buf bytes[2], card;
    struct fault fault = {0};
    for (uint32_t threads = 1; threads <= 2; threads++) {
        buf_open(&card, 4 << 20);
        buf_open(&bytes[threads - 1], 4 << 20);
        struct tabular_model *model = train(&s, threads == 1 ? 1 : 3, 20, &card, &fault);
        REQUIRE(model != NULL);
        tabular_save(model, &bytes[threads - 1]);
        tabular_close(model);
        buf_close(&card);
    }
    CHECK(str_equal(buf_str(&bytes[0]), buf_str(&bytes[1])));
    buf_close(&bytes[0]);
    buf_close(&bytes[1]);
    sample_close(&s);
}

static void what_cannot_be(void) {
    struct sample s = sample_make(400, 6, TASK_REGRESSION, 0);
    struct buf card;
    struct fault fault = {0};
    buf_open(&card, 4 << 20);
    CHECK(train(&s, 1, 20, &card, &fault) == NULL);
    CHECK_STR(fault.code, "train.points_binary");
    sample_close(&s);
    s = sample_make(400, 2, TASK_BINARY, 2);
    for (uint64_t i = 0; i < 400; i++) { // columns that know nothing
        s.columns[0][i] = (float)(i / 2 % 5);
        s.columns[1][i] = (float)(i / 2 % 3);
        s.truth[i] = i % 2;
    }
    fault = (struct fault){0};
    CHECK(train(&s, 1, 20, &card, &fault) == NULL);
    CHECK_STR(fault.code, "train.points_none");
    sample_close(&s);
    buf_close(&card);
}

int main(void) {
    CHECK_RUN(bins_by_hand);
    CHECK_RUN(categories_by_hand);
    CHECK_RUN(the_printed_card_computes);
    CHECK_RUN(any_number_of_threads);
    CHECK_RUN(what_cannot_be);
    return check_done();
}
