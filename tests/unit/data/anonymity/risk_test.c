#include "check.h"
#include "data/anonymity/anonymity.h"
#include "support/scratch.h"
#include "support/small_table.h"

static void codes_cells(void) {
    const char *path = scratch_path(scratch_folder(), "t.table");
    small_table_write(path, "n:number|t:text|d:date\n1.5|b|2026-01-02\n|a|\n1.5||1999-12-31\n"
                            "-2|b|2026-01-02\n");
    struct table *table;
    struct fault fault = {0};
    struct coder *coders[3] = {0};
    const uint32_t places[] = {0, 1, 2};
    REQUIRE(table_open(path, &table, &fault) == OK);
    REQUIRE(coders_open(coders, 3) == OK);
    REQUIRE(coders_fill(table, places, coders, 3, 0, &fault) == OK);
    CHECK_EQ(coder_rows(coders[0]), 4);
    uint32_t count;
    const struct str *values = coder_values(coders[0], &count);
    CHECK_EQ(count, 3);
    CHECK_TEXT(values[0], "1.5");
    CHECK_EQ(coder_codes(coders[0])[2], 0);
    bool ordered;
    REQUIRE(coder_sort(coders[0], &ordered) == OK);
    CHECK(ordered);
    CHECK_EQ(coder_codes(coders[0])[3], 0); // -2
    CHECK_EQ(coder_codes(coders[0])[1], 2); // missing
    REQUIRE(coder_sort(coders[1], &ordered) == OK);
    CHECK(!ordered);
    REQUIRE(coder_sort(coders[2], &ordered) == OK);
    CHECK(ordered);
    CHECK_EQ(coder_codes(coders[2])[2], 0);
    coders_close(coders, 3);
    table_close(table);
}

static void measures_by_hand(void) {
    const char *path = scratch_path(scratch_folder(), "t.table");
    small_table_write(path, "a:text|b:integer|s:text\nx|1|p\nx|1|q\nx|1|p\ny|2|p\ny|2|p\nz|3|q\n");
    struct risk risk;
    struct fault fault = {0};
    const uint32_t quasi[] = {0, 1}, sensitive[] = {2};
    REQUIRE(risk_of_table(path, quasi, 2, sensitive, 1, .4, &risk, &fault) == OK);
    CHECK_EQ(risk.rows, 6);
    CHECK_EQ(risk.classes, 3);
    CHECK_EQ(risk.k, 1);
    CHECK_EQ(risk.uniques, 1);
    CHECK_NEAR(risk.highest, 1, 0);
    CHECK_NEAR(risk.mean, .5, 1e-12);
    CHECK_NEAR(risk.share_over, .5, 1e-12);
    CHECK_EQ(risk.size_count, 3);
    CHECK_EQ(risk.sizes[2].size, 3);
    CHECK_EQ(risk.sizes[2].rows, 3);
    CHECK_EQ(risk.sensitive[0].distinct, 1);
    CHECK_NEAR(risk.sensitive[0].entropy, 1, 1e-9);
    CHECK_NEAR(risk.sensitive[0].distance, 2.0 / 3, 1e-9);
    CHECK_EQ(risk_of_table(path, quasi, 0, sensitive, 1, .4, &risk, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "anonymity.no_quasi");
}

static void writes_json(void) {
    struct risk risk = {.rows = 2,
                        .classes = 1,
                        .k = 2,
                        .highest = .5,
                        .mean = .5,
                        .threshold = .05,
                        .share_over = 1,
                        .size_count = 1,
                        .sizes = {{2, 2}},
                        .sensitive_count = 1,
                        .sensitive = {{2, 2, .25}}};
    const struct str quasi[] = {STR("年龄")}, sensitive[] = {STR("诊断")};
    struct risk_names names = {quasi, sensitive, 1, 1};
    struct buf text;
    buf_open(&text, 4096);
    struct json_writer writer = json_writer_of(&text);
    risk_write(&writer, &risk, &names);
    CHECK_TEXT(buf_str(&text),
               "{\"rows\":2,\"quasi\":[\"年龄\"],\"sensitive\":[\"诊断\"],\"classes\":1,\"k\":2,"
               "\"uniques\":0,\"highest\":0.5,\"mean\":0.5,\"share_over_threshold\":1,"
               "\"threshold\":0.05,\"k_histogram\":[{\"size\":2,\"rows\":2}],"
               "\"l\":[{\"column\":\"诊断\",\"distinct\":2,\"entropy\":2}],"
               "\"t\":[{\"column\":\"诊断\",\"distance\":0.25}]}");
    buf_close(&text);
}

static void measures_utility(void) {
    struct arena *arena;
    REQUIRE(arena_open(1 << 20, &arena) == OK);
    struct hierarchy tree;
    struct fault fault = {0};
    REQUIRE(hierarchy_read(arena, STR("a;x;*\nb;x;*\nc;y;*\n"), &tree, &fault) == OK);
    const uint32_t codes[] = {0, 1, 2, 2};
    uint8_t levels[] = {1, 1, 0, LEVEL_SUPPRESSED};
    struct coded_table table = {.rows = 4, .quasi_count = 1, .quasi = {{codes, &tree}}};
    struct recoding recoding = {.levels = levels, .rows = 4, .quasi_count = 1};
    struct utility utility;
    REQUIRE(utility_measure(&table, &recoding, &utility) == OK);
    CHECK_EQ(utility.suppressed, 1);
    CHECK_NEAR(utility.granularity, (.5 + .5 + 1) / 4, 1e-12);
    CHECK_NEAR(utility.columns[0].entropy_before, 1.5, 1e-12);
    CHECK_NEAR(utility.columns[0].entropy_after, .9182958340544896, 1e-12);
    arena_close(arena);
}

int main(void) {
    CHECK_RUN(codes_cells);
    CHECK_RUN(measures_by_hand);
    CHECK_RUN(writes_json);
    CHECK_RUN(measures_utility);
    return check_done();
}
