#include "check.h"
#include "data/recheck/recheck.h"
#include "support/scratch.h"
#include "support/small_table.h"

static const struct str quasi[] = {STR("a"), STR("b")}, secret[] = {STR("s")};

static enum err ask(const char *text, struct recheck_question question,
                    struct recheck_answer *answer, struct fault *fault) {
    static const char *folder;
    if (!folder) folder = scratch_folder();
    const char *path = scratch_path(folder, "in.csv");
    scratch_write(path, text, strlen(text));
    *fault = (struct fault){0};
    question.quasi = quasi;
    question.sensitive = secret;
    question.quasi_count = 2;
    return recheck_file(path, &question, answer, fault);
}

static void counts_by_hand(void) {
    struct recheck_answer answer;
    struct fault fault;
    REQUIRE(ask("a,s,b\n1,x,p\n1,y,p\n2,x,p\n1,x,p\n2,x,p\n1,x,q\n",
                (struct recheck_question){.sensitive_count = 1, .k = 1, .l = 1, .t = -1}, &answer,
                &fault) == OK);
    CHECK(answer.holds);
    CHECK_EQ(answer.rows, 6);
    CHECK_EQ(answer.classes, 3);
    CHECK_EQ(answer.k, 1);
    CHECK_EQ(answer.k_row, 6);
    CHECK_EQ(answer.uniques, 1);
    CHECK_EQ(answer.columns[0].distinct, 1);
    CHECK_NEAR(answer.columns[0].effective, 1, 1e-12);
    // All x in a class where 5 of 6 are: 1/6; the class (x, y, x): 2/3 against 5/6.
    CHECK_NEAR(answer.columns[0].distance, 1.0 / 6, 1e-12);
    CHECK(!answer.columns[0].ordered);
}

static void knows_order(void) {
    struct recheck_answer answer;
    struct fault fault;
    // Values 1, 2, 10 and none: one row each, classes {1, 2} and {10, none}.
    REQUIRE(ask("a;b;s\r\nx;p;10\r\nx;p;\r\ny;p;2\r\ny;p;1\r\n",
                (struct recheck_question){.sensitive_count = 1, .k = 2, .t = .34}, &answer,
                &fault) == OK);
    CHECK(answer.columns[0].ordered);
    // Running differences .25, .5, .25, 0 over 3.
    CHECK_NEAR(answer.columns[0].distance, 1.0 / 3, 1e-12);
    CHECK(answer.holds);
}

static void says_no(void) {
    struct recheck_answer answer;
    struct fault fault;
    const char *text = "a,b,s\n1,1,x\n1,1,y\n2,2,x\n2,2,x\n";
    REQUIRE(ask(text, (struct recheck_question){.k = 3, .t = -1}, &answer, &fault) == OK);
    CHECK(!answer.holds);
    REQUIRE(ask(text, (struct recheck_question){.sensitive_count = 1, .l = 2, .t = -1}, &answer,
                &fault) == OK);
    CHECK(!answer.holds);
    CHECK_EQ(answer.columns[0].distinct_row, 3);
    REQUIRE(ask(text, (struct recheck_question){.sensitive_count = 1, .l_entropy = 1.5, .t = -1},
                &answer, &fault) == OK);
    CHECK(!answer.holds);
    REQUIRE(ask(text, (struct recheck_question){.sensitive_count = 1, .t = .2}, &answer, &fault) ==
            OK);
    CHECK(!answer.holds);
}

static void reads_quotes(void) {
    struct recheck_answer answer;
    struct fault fault;
    REQUIRE(ask("\xEF\xBB\xBF\"a\",\"b\"\n\"x, \"\"1\"\"\ny\",q\n\"x, \"\"1\"\"\ny\",q\n\nx,\n",
                (struct recheck_question){.t = -1}, &answer, &fault) == OK);
    CHECK_EQ(answer.rows, 3);
    CHECK_EQ(answer.classes, 2);
}

static void tells_what_is_wrong(void) {
    static const struct {
        const char *text, *code;
        int row;
    } cases[] = {
        {"", "recheck.no_rows", 0},
        {"a,b\n", "recheck.no_rows", 0},
        {"a,c\n1,2\n", "recheck.no_column", 0},
        {"a,b\n1,2\n1\n", "recheck.uneven", 3},
        {"a,b\n\"1,2\n", "recheck.unclosed_quote", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct recheck_answer answer;
        struct fault fault;
        CHECK(ask(cases[i].text, (struct recheck_question){.t = -1}, &answer, &fault) == ERR_INPUT);
        CHECK_STR(fault.code, cases[i].code);
        CHECK_EQ(fault.row, cases[i].row);
    }
}

static void reads_tables(void) {
    const char *path = scratch_path(scratch_folder(), "t.table");
    small_table_write(path, "a:text:quasi|b:integer|s:date\n"
                            "x|1|2026-01-01\nx|1|2026-01-02\n|2|2026-01-03\n|2|2026-01-04\n");
    struct recheck_question question = {.quasi = quasi,
                                        .sensitive = secret,
                                        .quasi_count = 2,
                                        .sensitive_count = 1,
                                        .k = 2,
                                        .t = -1};
    struct recheck_answer answer;
    struct fault fault = {0};
    REQUIRE(recheck_file(path, &question, &answer, &fault) == OK);
    CHECK_EQ(answer.k, 2);
    CHECK(answer.columns[0].ordered);
    CHECK(answer.holds);
}

int main(void) {
    CHECK_RUN(counts_by_hand);
    CHECK_RUN(knows_order);
    CHECK_RUN(says_no);
    CHECK_RUN(reads_quotes);
    CHECK_RUN(tells_what_is_wrong);
    CHECK_RUN(reads_tables);
    return check_done();
}
