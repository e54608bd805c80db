// Draws follow from the seed and the try's number, stay inside their ranges, and fill them evenly.
#include "flow/steps/draws.h"

#include <math.h>

#include "check.h"
#include "model/tabular/tabular.h"

static struct json *read_json(const char *text) {
    struct json *json = NULL;
    CHECK_EQ(json_parse(str_of(text), &json, NULL), OK);
    return json;
}

static const char ranges_text[] = "{\"depth\":{\"low\":2,\"high\":5},"
                                  "\"l2\":{\"low\":1,\"high\":10},"
                                  "\"learning_rate\":{\"low\":0.001,\"high\":1,\"scale\":\"log\"},"
                                  "\"learner\":{\"values\":[\"boost\",\"linear\"]}}";

static struct json *draw_one(const struct draws *draws, uint64_t try, const struct json *options) {
    struct buf text;
    struct json *out = NULL;
    buf_open(&text, 1 << 16);
    struct json_writer writer = json_writer_of(&text);
    draws_options_write(draws, try, options, &writer);
    CHECK_EQ(json_parse(buf_str(&text), &out, NULL), OK);
    buf_close(&text);
    return out;
}

static void ranges_are_filled_evenly(void) {
    struct json *ranges = read_json(ranges_text), *options = read_json("{\"depth\":9,\"trees\":7}");
    struct draws draws;
    uint32_t depth[6] = {0}, linear = 0, rate[3] = {0}, l2_third[3] = {0}, fractions = 0;
    REQUIRE(draws_read(ranges, options, 5, &draws, NULL) == OK);
    for (uint64_t i = 1; i <= 128; i++) {
        struct json *one = draw_one(&draws, i, options);
        struct tabular_options read;
        REQUIRE(tabular_options_read(one, &read, NULL) == OK);
        REQUIRE(read.depth >= 2 && read.depth <= 5);
        CHECK_EQ(read.trees, 7);
        REQUIRE(read.learning_rate >= 0.001 && read.learning_rate <= 1);
        REQUIRE(read.l2 >= 1 && read.l2 <= 10);
        depth[read.depth]++;
        rate[read.learning_rate < 0.01 ? 0 : read.learning_rate < 0.1 ? 1 : 2]++;
        l2_third[read.l2 < 4 ? 0 : read.l2 < 7 ? 1 : 2]++;
        fractions += read.l2 != floor(read.l2);
        linear += read.learner == LEARNER_LINEAR;
        json_close(one);
    }
    for (int d = 2; d <= 5; d++) CHECK(depth[d] == 32);
    for (int i = 0; i < 3; i++) CHECK(rate[i] >= 42 && rate[i] <= 43);
    for (int i = 0; i < 3; i++) CHECK(l2_third[i] >= 42 && l2_third[i] <= 43);
    CHECK(linear == 64);
    CHECK(fractions > 100); // ends that are whole make no whole numbers of it
    json_close(ranges);
    json_close(options);
}

static void a_try_is_its_seed_and_number(void) {
    struct json *ranges = read_json(ranges_text), *none = read_json("{\"l2\":3}");
    struct draws one, other;
    REQUIRE(draws_read(ranges, none, 5, &one, NULL) == OK);
    REQUIRE(draws_read(ranges, none, 6, &other, NULL) == OK);
    struct json *a = draw_one(&one, 17, none), *b = draw_one(&one, 17, none),
                *c = draw_one(&other, 17, none), *first = draw_one(&one, 0, none);
    const char *rate = "learning_rate";
    CHECK(json_member_number(a, rate, 0) == json_member_number(b, rate, 1));
    CHECK(json_member_number(a, rate, 0) != json_member_number(c, rate, 1));
    CHECK_EQ(json_count(first), 1); // as asked for
    CHECK(json_member_number(first, "l2", 0) == 3);
    // Another range leaves what the others draw.
    struct json *alone =
        read_json("{\"learning_rate\":{\"low\":0.001,\"high\":1,\"scale\":\"log\"}}");
    REQUIRE(draws_read(alone, none, 5, &other, NULL) == OK);
    struct json *d = draw_one(&other, 17, none);
    CHECK(json_member_number(a, rate, 0) == json_member_number(d, rate, 1));
    json_close(d);
    json_close(alone);
    json_close(a);
    json_close(b);
    json_close(c);
    json_close(first);
    json_close(ranges);
    json_close(none);
}

static void odd_ranges_are_refused(void) {
    static const char *const texts[] = {
        "[]",
        "1",
        "{\"depth\":1}",
        "{\"depth\":{\"low\":3}}",
        "{\"depth\":{\"low\":\"a\",\"high\":4}}",
        "{\"depth\":{\"low\":3,\"high\":1e300}}",
        "{\"l2\":{\"low\":0,\"high\":1,\"scale\":\"log\"}}",
        "{\"threads\":{\"low\":1,\"high\":2}}",
        "{\"learner\":{\"values\":{}}}",
        "{\"\":{\"low\":1,\"high\":2}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct json *ranges = read_json(texts[i]);
        struct draws draws;
        struct fault fault = {0};
        CHECK_EQ(draws_read(ranges, NULL, 1, &draws, &fault), ERR_INPUT);
        CHECK_STR(fault.code, "search.bad_range");
        json_close(ranges);
    }
    struct draws usual;
    CHECK_EQ(draws_read(NULL, NULL, 1, &usual, NULL), OK);
    CHECK_EQ(usual.count, 6);
    struct json *options = read_json("{\"learner\":\"points\"}");
    CHECK_EQ(draws_read(NULL, options, 1, &usual, NULL), ERR_INPUT);
    json_close(options);
}

int main(void) {
    CHECK_RUN(ranges_are_filled_evenly);
    CHECK_RUN(a_try_is_its_seed_and_number);
    CHECK_RUN(odd_ranges_are_refused);
    return check_done();
}
