#include "data/anonymity/anonymity.h"

#include "check.h"

static struct arena *arena;

static enum err read(const char *text, struct hierarchy *out, struct fault *fault) {
    *fault = (struct fault){0};
    return hierarchy_read(arena, str_of(text), out, fault);
}

static const char *name_of(const struct hierarchy *tree, uint32_t level, uint32_t leaf) {
    static char text[64];
    struct str name = tree->names[hierarchy_node(tree, level, leaf)];
    snprintf(text, sizeof text, "%.*s", STR_ARG(name));
    return text;
}

static void reads_lines(void) {
    struct hierarchy tree;
    struct fault fault;
    REQUIRE(read("\xEF\xBB\xBF"
                 "a;x;*\r\nb;x;*\n\n\"c;\"\"d\";y;*",
                 &tree, &fault) == OK);
    CHECK_EQ(tree.leaf_count, 3);
    CHECK_EQ(tree.level_count, 3);
    CHECK_EQ(tree.node_count, 6);
    CHECK_EQ(tree.widest, 2);
    CHECK_STR(name_of(&tree, 0, 2), "c;\"d");
    CHECK_STR(name_of(&tree, 1, 1), "x");
    CHECK_NEAR(hierarchy_loss(&tree, hierarchy_node(&tree, 1, 0)), .5, 0);
    CHECK_NEAR(hierarchy_loss(&tree, hierarchy_node(&tree, 1, 2)), 0, 0);
    CHECK_NEAR(hierarchy_loss(&tree, hierarchy_node(&tree, 2, 2)), 1, 0);
}

static void puts_a_root_on_top(void) {
    struct hierarchy tree;
    struct fault fault;
    REQUIRE(read("a;x\nb;y\n", &tree, &fault) == OK);
    CHECK_EQ(tree.level_count, 3);
    CHECK_STR(name_of(&tree, 2, 1), "*");
}

static void tells_what_is_wrong(void) {
    static const struct {
        const char *text, *code;
        int row;
    } cases[] = {
        {"", "hierarchy.empty", 0},
        {"\n \n", "hierarchy.empty", 0},
        {"a;*\na;*", "hierarchy.value_twice", 2},
        {"a;x;*\nb;*", "hierarchy.uneven", 2},
        {"a;x;p;*\nb;x;q;*", "hierarchy.not_a_tree", 2},
        {"\"a;*", "hierarchy.unclosed_quote", 1},
        {"\"a\"b;*", "hierarchy.unclosed_quote", 1},
        {"\xFF;*", "hierarchy.not_text", 0},
        {"a;1;2;3;4;5;6;7;8;9;0;1;2;3;4;5;6;7", "hierarchy.too_large", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hierarchy tree;
        struct fault fault;
        CHECK(read(cases[i].text, &tree, &fault) != OK);
        CHECK_STR(fault.code, cases[i].code);
        CHECK_EQ(fault.row, cases[i].row);
    }
}

static void writes_what_it_reads(void) {
    struct hierarchy tree, again;
    struct fault fault;
    struct buf text, twice;
    buf_open(&text, 4096);
    buf_open(&twice, 4096);
    REQUIRE(read("\" a\";x;*\nb;\"x\";*\n;y;*\n", &tree, &fault) == OK);
    hierarchy_write(&text, &tree);
    REQUIRE(hierarchy_read(arena, buf_str(&text), &again, &fault) == OK);
    hierarchy_write(&twice, &again);
    CHECK_BYTES(text.data, text.size, twice.data, twice.size);
    buf_close(&text);
    buf_close(&twice);
}

// Makes a hierarchy of the column and gives the names over one value, joined by ;.
static const char *path_of(const char *rule_text, const struct str *values, uint32_t count,
                           uint32_t of) {
    static char text[400];
    struct str words[8], rest = str_of(rule_text);
    uint32_t word_count = 0, leaf_of[64];
    while (rest.size) words[word_count++] = str_cut(rest, ',', &rest);
    struct hierarchy_rule rule;
    struct hierarchy tree;
    struct fault fault = {0};
    if (hierarchy_rule_read(words, word_count, &rule, &fault) != OK ||
        hierarchy_make(arena, &rule, values, count, leaf_of, &tree, &fault) != OK) {
        snprintf(text, sizeof text, "%s", fault.code);
        return text;
    }
    size_t at = 0;
    for (uint32_t level = 0; level < tree.level_count; level++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", level ? ";" : "",
                               name_of(&tree, level, leaf_of[of]));
    }
    return text;
}

static void makes_ages(void) {
    const struct str values[] = {STR("39"), STR("7"), STR("101"), STR("90"),
                                 STR("85"), STR(""),  STR("?")};
    CHECK_STR(path_of("age", values, 7, 0), "39;35-39;30-39;20-39;0-39;*");
    CHECK_STR(path_of("age", values, 7, 1), "7;5-9;0-9;0-19;0-39;*");
    CHECK_STR(path_of("age", values, 7, 2), "101;90+;90+;80+;80+;*");
    CHECK_STR(path_of("age", values, 7, 3), "90;90+;90+;80+;80+;*");
    CHECK_STR(path_of("age", values, 7, 4), "85;85-89;80-89;80+;80+;*");
    CHECK_STR(path_of("age", values, 7, 5), ";;;;;*");
    CHECK_STR(path_of("age", values, 7, 6), "?;?;?;?;?;*");
    CHECK_STR(path_of("age,10,50", values, 7, 0), "39;30-39;0-49;*");
    CHECK_STR(path_of("age,10,25", values, 7, 0), "hierarchy.bad_step");
}

static void makes_numbers(void) {
    const struct str values[] = {STR("0.25"), STR("-0.5"), STR("3"), STR("2.75")};
    CHECK_STR(path_of("number,0.5,1", values, 4, 0), "0.25;0-0.5;0-1;*");
    CHECK_STR(path_of("number,0.5,1", values, 4, 1), "-0.5;-0.5-0;-1-0;*");
    CHECK_STR(path_of("number,0.1,0.2", values, 4, 3), "2.75;2.7-2.8;2.6-2.8;*");
    const struct str huge[] = {STR("33010713330913.5"), STR("1.E2?")};
    CHECK_STR(path_of("number", huge, 2, 1), "1.E2?;1.E2?;*");
    CHECK_STR(path_of("number,0.000001", huge, 2, 0), "33010713330913.5;33010713330913.5;*");
    const struct str wholes[] = {STR("-7"), STR("120000"), STR("85000"), STR("4")};
    CHECK_STR(path_of("number,1000,10000", wholes, 4, 0), "-7;-1000--1;-10000--1;*");
    CHECK_STR(path_of("number,1000,10000", wholes, 4, 2), "85000;85000-85999;80000-89999;*");
}

static void makes_dates(void) {
    const struct str values[] = {STR("2026-11-23"), STR("1999-01-31"), STR("2026-12-01")};
    CHECK_STR(path_of("date", values, 3, 0), "2026-11-23;2026-11;2026-Q4;2026;2020-2029;*");
    CHECK_STR(path_of("date,month,year", values, 3, 1), "1999-01-31;1999-01;1999;*");
    CHECK_STR(path_of("date,year,month", values, 3, 1), "hierarchy.bad_step");
    const struct str times[] = {STR("2026-11-23 17:20:05"), STR("1969-12-31 23:00:00")};
    CHECK_STR(path_of("date", times, 2, 1),
              "1969-12-31 23:00:00;1969-12-31;1969-12;1969-Q4;1969;1960-1969;*");
}

static void makes_regions(void) {
    const struct str codes[] = {STR("330106"), STR("330203"), STR("110101"), STR("999999")};
    CHECK_STR(path_of("region", codes, 4, 0), "330106;330100;330000;*");
    CHECK_STR(path_of("region", codes, 4, 1), "330203;330200;330000;*");
    CHECK_STR(path_of("region", codes, 4, 3), "999999;999999;999999;*");
    const struct str names[] = {STR("玄武区"), STR("秦淮区"), STR("鼓楼区"),
                                STR("浙江省杭州市西湖区")};
    CHECK_STR(path_of("region", names, 4, 0), "玄武区;江苏省南京市;江苏省;*");
    // Three cities have a 鼓楼区; here it is among districts of Nanjing.
    CHECK_STR(path_of("region", names, 4, 2), "鼓楼区;江苏省南京市;江苏省;*");
    CHECK_STR(path_of("region", names, 4, 3), "浙江省杭州市西湖区;浙江省杭州市;浙江省;*");
}

static void makes_prefixes(void) {
    const struct str posts[] = {STR("100084"), STR("310027")};
    CHECK_STR(path_of("prefix,4,2", posts, 2, 1), "310027;3100**;31****;*");
    const struct str icd[] = {STR("E11.9"), STR("I10")};
    CHECK_STR(path_of("prefix,3,1", icd, 2, 0), "E11.9;E11*;E*;*");
    CHECK_STR(path_of("prefix,3,1", icd, 2, 1), "I10;I10;I*;*");
    CHECK_STR(path_of("flat", icd, 2, 1), "I10;*");
    CHECK_STR(path_of("prefix,1,3", icd, 2, 1), "hierarchy.bad_step");
    CHECK_STR(path_of("tree", icd, 2, 1), "hierarchy.unknown_kind");
}

static enum hierarchy_kind guess(const char *name, enum column_type type, const char *values) {
    struct str list[64], rest = str_of(values);
    uint32_t count = 0;
    while (rest.data) list[count++] = str_cut(rest, ' ', &rest);
    return hierarchy_guess(str_of(name), type, list, count).kind;
}

static void guesses_kinds(void) {
    CHECK_EQ(guess("年龄", COLUMN_INTEGER, "34 35 81 2"), HIERARCHY_AGE);
    CHECK_EQ(guess("age", COLUMN_TEXT, "34 35 81 2"), HIERARCHY_AGE);
    CHECK_EQ(guess("patient_age", COLUMN_INTEGER, "34 35 81 2"), HIERARCHY_AGE);
    CHECK_EQ(guess("percentage", COLUMN_INTEGER, "34 35 81 2"), HIERARCHY_FLAT);
    CHECK_EQ(guess("收入", COLUMN_NUMBER, "3400 351 8122 210 1 2 3 4 5"), HIERARCHY_NUMBER);
    CHECK_EQ(guess("出生日期", COLUMN_DATE, "2026-11-23"), HIERARCHY_DATE);
    CHECK_EQ(guess("就诊", COLUMN_TEXT, "2026年11月23日 2025/1/3"), HIERARCHY_DATE);
    CHECK_EQ(guess("性别", COLUMN_TEXT, "男 女"), HIERARCHY_FLAT);
    CHECK_EQ(guess("区县", COLUMN_TEXT, "西湖区 上城区 拱墅区"), HIERARCHY_REGION);
    CHECK_EQ(guess("区划", COLUMN_INTEGER, "330106 330102 110101"), HIERARCHY_REGION);
    CHECK_EQ(guess("邮编", COLUMN_TEXT, "100084 310027 200433"), HIERARCHY_PREFIX);
    CHECK_EQ(guess("诊断", COLUMN_TEXT, "I10 E11.9 J45.901 K29"), HIERARCHY_PREFIX);
    CHECK_EQ(guess("备注", COLUMN_TEXT, "好 不错 一般 差"), HIERARCHY_FLAT);
    CHECK_EQ(guess("x", COLUMN_TEXT, ""), HIERARCHY_FLAT);
}

static void matches_values(void) {
    struct hierarchy tree, matched;
    struct fault fault;
    uint32_t leaf_of[3];
    REQUIRE(read("a;x;*\nb;y;*\n", &tree, &fault) == OK);
    const struct str good[] = {STR("b"), STR("a")}, missing[] = {STR("b"), STR("")};
    REQUIRE(hierarchy_match(arena, &tree, good, 2, leaf_of, &matched, &fault) == OK);
    CHECK_EQ(leaf_of[0], 1);
    CHECK_EQ(matched.leaf_count, 2);
    REQUIRE(hierarchy_match(arena, &tree, missing, 2, leaf_of, &matched, &fault) == OK);
    CHECK_EQ(leaf_of[1], 2);
    CHECK_EQ(matched.leaf_count, 3);
    CHECK_STR(name_of(&matched, 1, 2), "");
    CHECK_STR(name_of(&matched, 2, 2), "*");
    const struct str strange[] = {STR("b"), STR("c")};
    CHECK_EQ(hierarchy_match(arena, &tree, strange, 2, leaf_of, &matched, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "hierarchy.no_such_value");
    CHECK_EQ(fault.row, 2);
}

static int make_again(void *ctx) {
    (void)ctx;
    struct arena *own;
    struct hierarchy tree;
    struct fault fault = {0};
    if (arena_open(1 << 20, &own) != OK) return 1;
    enum err err = hierarchy_read(own, STR("a;x;*\n\"b\";y;*\n"), &tree, &fault);
    CHECK(err == OK || err == ERR_MEMORY);
    const struct str values[] = {STR("1"), STR("20"), STR("")};
    uint32_t leaf_of[3];
    struct hierarchy_rule rule = {.kind = HIERARCHY_NUMBER};
    if (err == OK) err = hierarchy_make(own, &rule, values, 3, leaf_of, &tree, &fault);
    CHECK(err == OK || err == ERR_MEMORY);
    arena_close(own);
    return err != OK;
}

static void survives_no_memory(void) {
    CHECK(check_faults(memory_fail_after, make_again, NULL) > 5);
}

int main(void) {
    if (arena_open(64 << 20, &arena) != OK) return 1;
    CHECK_RUN(reads_lines);
    CHECK_RUN(puts_a_root_on_top);
    CHECK_RUN(tells_what_is_wrong);
    CHECK_RUN(writes_what_it_reads);
    CHECK_RUN(makes_ages);
    CHECK_RUN(makes_numbers);
    CHECK_RUN(makes_dates);
    CHECK_RUN(makes_regions);
    CHECK_RUN(makes_prefixes);
    CHECK_RUN(guesses_kinds);
    CHECK_RUN(matches_values);
    CHECK_RUN(survives_no_memory);
    arena_close(arena);
    return check_done();
}
