// Profiles: every figure against a plain calculation, proposals of roles and of a recipe, the same
// bytes on any number of threads, cancel, want of memory.
#include "data/cleanse/cleanse.h"

#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "support/small_table.h"

static char folder[64], in_path[96], out_path[96];

static struct json *profile_of(const char *table, uint32_t threads) {
    struct json *root = NULL;
    struct fault fault = {0};
    if (table) small_table_write(in_path, table);
    enum err err = check_run(in_path, out_path, threads, NULL, &fault);
    if (!check_that(err == OK, __FILE__, __LINE__, "check: %s", fault.code)) return NULL;
    CHECK_EQ(json_parse_file(out_path, &root, &fault), OK);
    return root;
}

static const struct json *column_at(const struct json *root, unsigned index) {
    const struct json *column = json_first(json_member(root, "columns"));
    while (index-- > 0) column = json_next(column);
    return column;
}

static double number_at(const struct json *array, unsigned index) {
    const struct json *node = json_first(array);
    while (index-- > 0) node = json_next(node);
    return json_number(node, NAN);
}

static void tells_what_is_in_columns(void) {
    struct json *root = profile_of("n:integer|x:number|d:date|t:text|b:boolean\n"
                                   "1|0.5|2020-01-01|甲|true\n"
                                   "2|-1.5|2020-01-03|乙乙|false\n"
                                   "3||2020-01-02|甲|true\n"
                                   "4|2.5||丙丙丙|\n"
                                   "1|0.5|2020-01-01|甲|true\n",
                                   2);
    REQUIRE(root);
    CHECK_EQ(json_member_u64(root, "rows", 0), 5);
    CHECK_EQ(json_member_u64(json_member(root, "duplicates"), "rows", 9), 1);
    const struct json *n = column_at(root, 0), *x = column_at(root, 1), *d = column_at(root, 2);
    const struct json *t = column_at(root, 3), *b = column_at(root, 4);
    CHECK_EQ(json_member_u64(n, "distinct", 0), 4);
    CHECK(json_member_bool(n, "distinct_exact", false));
    CHECK_NEAR(json_member_number(n, "mean", 0), 2.2, 1e-12);
    CHECK_NEAR(json_member_number(n, "deviation", 0), 1.3038404810405297, 1e-12);
    static const double quantiles[] = {1, 1, 1, 2, 3, 3.8, 4};
    for (unsigned i = 0; i < 7; i++) {
        CHECK_NEAR(number_at(json_member(n, "quantiles"), i), quantiles[i], 1e-12);
    }
    const struct json *histogram = json_member(n, "histogram");
    CHECK_EQ(json_count(json_member(histogram, "counts")), 4);
    CHECK_EQ(json_count(json_member(histogram, "edges")), 5);
    CHECK_NEAR(number_at(json_member(histogram, "counts"), 0), 2, 0);
    CHECK_NEAR(number_at(json_member(histogram, "edges"), 4), 5, 0);
    CHECK_EQ(json_member_u64(x, "missing", 0), 1);
    CHECK_NEAR(json_member_number(x, "minimum", 0), -1.5, 0);
    CHECK_NEAR(number_at(json_member(x, "quantiles"), 3), 0.5, 0);
    CHECK_TEXT(json_member_text(d, "minimum"), "2020-01-01");
    CHECK_TEXT(json_member_text(d, "maximum"), "2020-01-03");
    CHECK_TEXT(json_member_text(d, "mean"), "2020-01-01");
    CHECK_EQ(json_member_u64(t, "length_maximum", 0), 3);
    const struct json *top = json_first(json_member(t, "top"));
    CHECK_TEXT(json_member_text(top, "value"), "甲");
    CHECK_EQ(json_member_u64(top, "count", 0), 3);
    CHECK_TEXT(json_text(json_next(json_first(json_member(t, "examples")))), "乙乙");
    CHECK_NEAR(json_member_number(b, "mean", 0), 0.75, 0);
    json_close(root);
}

static void an_empty_column_has_no_figures(void) {
    struct json *root = profile_of("a:number|b:text|c:integer\n||1\n||1\n", 1);
    REQUIRE(root);
    CHECK_EQ(json_member_u64(column_at(root, 0), "missing", 0), 2);
    CHECK_EQ(json_member_u64(column_at(root, 0), "distinct", 9), 0);
    CHECK(!json_member(column_at(root, 0), "mean"));
    CHECK(!json_member(column_at(root, 1), "length_minimum"));
    CHECK_EQ(json_count(json_member(json_member(column_at(root, 2), "histogram"), "counts")), 1);
    json_close(root);
}

static void finds_personal_data_and_roles(void) {
    struct json *root = profile_of(
        "编码:text|号:integer|备注:text|性别:text|patientName:text|file_name:text|主要诊断:text|stage:text\n"
        "11010519491231002X|13812345678|电话13912345678|男|a|f|x|1\n"
        "440524188001010014|13812345679|无|女|b|g|y|2\n",
        2);
    REQUIRE(root);
    static const char *const roles[] = {"direct", "direct", "plain",     "quasi",
                                        "direct", "plain",  "sensitive", "plain"};
    for (unsigned i = 0; i < 8; i++) {
        CHECK_TEXT(json_member_text(column_at(root, i), "role_proposed"), roles[i]);
    }
    const struct json *personal = json_first(json_member(column_at(root, 0), "personal"));
    CHECK_TEXT(json_member_text(personal, "kind"), "id");
    CHECK_TEXT(json_member_text(personal, "where"), "whole");
    CHECK_NEAR(json_member_number(personal, "share", 0), 1, 0);
    CHECK(json_member_u64(personal, "confidence", 0) >= 85);
    CHECK(json_count(json_member(personal, "examples")) >= 1);
    struct str shown = json_text(json_first(json_member(personal, "examples")));
    CHECK(shown.size > 0 && memchr(shown.data, '*', shown.size) != NULL);
    personal = json_first(json_member(column_at(root, 2), "personal"));
    CHECK_TEXT(json_member_text(personal, "kind"), "mobile");
    CHECK_TEXT(json_member_text(personal, "where"), "inside");
    CHECK_NEAR(json_member_number(personal, "share", 0), 0.5, 0);
    json_close(root);
}

// The proposal for a table must be a recipe that runs on that table and leaves nothing behind.
static const char *proposal_for(const char *table, enum recipe_preset preset) {
    static char out[8192];
    struct fault fault = {0};
    struct buf text;
    struct recipe *recipe;
    struct table *opened;
    struct json *root = profile_of(table, 1);
    if (!root) return "";
    buf_open(&text, sizeof out - 1);
    CHECK_EQ(recipe_propose(root, preset, &text, &fault), OK);
    json_close(root);
    snprintf(out, sizeof out, "%.*s", STR_ARG(buf_str(&text)));
    buf_close(&text);
    if (!CHECK_EQ(table_open(in_path, &opened, &fault), OK)) return out;
    enum err err = recipe_parse(str_of(out), table_schema(opened), NULL, NULL, &recipe, &fault);
    table_close(opened);
    if (!check_that(err == OK, __FILE__, __LINE__, "%s row %d: %s", fault.code, (int)fault.row,
                    out)) {
        return out;
    }
    char cleaned[96], report[96];
    snprintf(cleaned, sizeof cleaned, "%s/cleaned", folder);
    snprintf(report, sizeof report, "%s/report", folder);
    struct cleanse_options options = {.threads = 1};
    unlink(cleaned);
    CHECK_EQ(cleanse_run(in_path, recipe, &options, cleaned, report, NULL, &fault), OK);
    recipe_close(recipe);
    CHECK_EQ(json_parse_file(report, &root, &fault), OK);
    const struct json *remaining = json_member(json_member(root, "personal"), "remaining");
    CHECK(remaining && !json_first(remaining));
    json_close(root);
    return out;
}

static void proposes_a_recipe(void) {
    const char *text = proposal_for(
        "姓名:text|手机 号:integer|出生日期:date|就诊日期:date|性别:text|备注, 其他:text|空:text\n"
        "王某|13812345678|1980-01-02|2020-05-06|男|邮箱a@b.cn|\n"
        "王某|13812345678|1980-01-02|2020-05-06|男|邮箱a@b.cn|\n"
        "李某|13812345679|1990-01-02|2020-05-07|女||\n",
        PRESET_CUSTOM);
    CHECK(strstr(
        text, "field direct=姓名,\"手机 号\" quasi=出生日期,就诊日期,性别 text=\"备注, 其他\"\n"));
    CHECK(strstr(text, "\nmask 姓名,\"手机 号\" how=pseudonym scope=dataset\n"));
    CHECK(strstr(text, "\nmask text=\"备注, 其他\" how=replace\n"));
    CHECK(strstr(text, "\ndate 出生日期 coarsen=year\n"));
    CHECK(strstr(text, "\ndate 就诊日期 coarsen=month\n"));
    CHECK(strstr(text, "\ndrop missing>=1\n"));
    CHECK(strstr(text, "\n# dedup exact\n"));
    text = proposal_for("pm25:number|time:time\n1.5|2020-01-01 00:00:00\n2|2020-01-01 01:00:00\n",
                        PRESET_CUSTOM);
    CHECK(!strstr(text, "\nmask") && !strstr(text, "\ndate") && strstr(text, "\ndecode auto\n"));
}

// Whatever the data is wanted for, the proposal runs and nothing personal is left (proposal_for).
static void proposes_for_every_purpose(void) {
    static const char table[] =
        "姓名:text|身份证号:text|性别:text|年龄:integer|出生日期:date|入院:date|诊断:text|病程:text\n"
        "王某|11010519491231002X|男|70|1949-12-31|2020-05-06|肺炎|患者三天前开始咳嗽，电话13812345678。\n"
        "李某|11010519491231002X|女|70|1949-12-31|2020-05-07|骨折|昨日跌倒后右腕肿痛，活动受限明显。\n";
    const char *text = proposal_for(table, PRESET_CLINICAL);
    CHECK(strstr(text, "\nmask 姓名,身份证号 how=pseudonym scope=dataset\n"));
    CHECK(strstr(text, "\nmask text=病程 how=replace\n"));
    CHECK(strstr(text, "\ncheck 年龄:0..130\n"));
    CHECK(strstr(text, "\ncheck 身份证号:id\n"));
    CHECK(strstr(text, "\ndate 出生日期 coarsen=year\n"));
    CHECK(strstr(text, "\ndate 入院 shift per=身份证号 window=180\n"));
    text = proposal_for(table, PRESET_STATISTICS);
    CHECK(strstr(text, "\ndrop columns=病程\n"));
    CHECK(strstr(text, "\nmask 姓名,身份证号 how=remove\n"));
    CHECK(strstr(text, "\ndate 入院 coarsen=quarter\n") && !strstr(text, "pseudonym"));
    text = proposal_for(table, PRESET_CORPUS);
    CHECK(strstr(text, "\nmask text=病程 how=replace\n") && !strstr(text, "\ndate "));
}

static void refuses_what_is_no_profile(void) {
    struct json *root;
    struct fault fault = {0};
    struct buf out;
    buf_open(&out, 1000);
    REQUIRE(json_parse(STR("{\"columns\":7}"), &root, &fault) == OK);
    CHECK_EQ(recipe_propose(root, PRESET_CUSTOM, &out, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "recipe.bad_profile");
    json_close(root);
    buf_close(&out);
}

static void write_large(uint32_t rows) {
    struct buf text;
    buf_open(&text, (size_t)1 << 30);
    buf_add_text(&text, "id:text|n:integer|x:number|note:text|day:date\n");
    for (uint32_t row = 0; row < rows; row++) {
        buf_printf(&text, "%u|%u|%u.25|电话1%u%09u|%u-01-01\n", row, (unsigned)check_below(1000),
                   (unsigned)check_below(100000), 3 + (unsigned)check_below(7),
                   (unsigned)check_below(1000000000), 1900 + (unsigned)check_below(100));
    }
    buf_add_char(&text, '\0');
    small_table_write(in_path, text.data);
    buf_close(&text);
}

static void same_bytes_on_any_number_of_threads(void) {
    struct hash hashes[3];
    static const uint32_t threads[] = {1, 2, 5};
    write_large(60000);
    for (int i = 0; i < 3; i++) {
        struct file_map map;
        struct fault fault = {0};
        json_close(profile_of(NULL, threads[i]));
        REQUIRE(file_map(out_path, &map, &fault) == OK);
        hashes[i] = sha256_of(map.data, map.size);
        file_unmap(&map);
    }
    CHECK(hash_equal(&hashes[0], &hashes[1]));
    CHECK(hash_equal(&hashes[0], &hashes[2]));
    struct json *root = profile_of(NULL, 2);
    REQUIRE(root);
    CHECK_EQ(json_member_u64(column_at(root, 0), "distinct", 0), 60000);
    CHECK_EQ(json_member_u64(json_first(json_member(column_at(root, 3), "personal")), "cells", 0),
             60000);
    uint64_t counted = 0;
    const struct json *counts = json_member(json_member(column_at(root, 2), "histogram"), "counts");
    for (const struct json *one = json_first(counts); one; one = json_next(one)) {
        counted += (uint64_t)json_number(one, 0);
    }
    CHECK_EQ(counted, 60000);
    json_close(root);
}

// More values than are kept one by one: the estimates must say so and be near.
static void estimates_beyond_its_memory(void) {
    enum { DIFFERENT = 2500000, REPEATED = 300000 };
    struct buf text;
    buf_open(&text, (size_t)1 << 30);
    buf_add_text(&text, "n:integer\n");
    for (uint32_t row = 0; row < DIFFERENT + REPEATED; row++) {
        buf_add_u64(&text, row % DIFFERENT);
        buf_add_char(&text, '\n');
    }
    buf_add_char(&text, '\0');
    small_table_write(in_path, text.data);
    buf_close(&text);
    struct json *root = profile_of(NULL, 2);
    REQUIRE(root);
    const struct json *column = column_at(root, 0), *rows = json_member(root, "duplicates");
    CHECK(!json_member_bool(column, "distinct_exact", true));
    CHECK_NEAR(json_member_number(column, "distinct", 0), DIFFERENT, 0.033 * DIFFERENT);
    CHECK(!json_member_bool(rows, "exact", true));
    CHECK_NEAR(json_member_number(rows, "rows", 0), REPEATED, 0.02 * REPEATED);
    // Four million numbers still fit: the middle one is exact.
    CHECK_NEAR(number_at(json_member(column, "quantiles"), 3), 1099999.5, 0);
    json_close(root);
}

static void stops_when_told(void) {
    struct progress progress = {0};
    struct fault fault = {0};
    progress.cancel = 1;
    write_large(10);
    unlink(out_path);
    CHECK_EQ(check_run(in_path, out_path, 1, &progress, &fault), ERR_CANCELLED);
    CHECK_STR(fault.code, "check.cancelled");
    CHECK(!file_exists(out_path));
}

static int check_once(void *ctx) {
    (void)ctx;
    struct fault fault = {0};
    enum err err = check_run(in_path, out_path, 1, NULL, &fault);
    if (err == OK) return 0;
    CHECK(err == ERR_MEMORY);
    CHECK(fault.code[0] != '\0');
    return 1;
}

static void survives_want_of_memory(void) {
    write_large(300);
    CHECK(check_faults(memory_fail_after, check_once, NULL) > 10);
}

int main(void) {
    snprintf(folder, sizeof folder, "/tmp/check_test.XXXXXX");
    if (!mkdtemp(folder)) return 1;
    snprintf(in_path, sizeof in_path, "%s/in", folder);
    snprintf(out_path, sizeof out_path, "%s/out", folder);
    CHECK_RUN(tells_what_is_in_columns);
    CHECK_RUN(an_empty_column_has_no_figures);
    CHECK_RUN(finds_personal_data_and_roles);
    CHECK_RUN(proposes_a_recipe);
    CHECK_RUN(proposes_for_every_purpose);
    CHECK_RUN(refuses_what_is_no_profile);
    CHECK_RUN(same_bytes_on_any_number_of_threads);
    CHECK_RUN(estimates_beyond_its_memory);
    CHECK_RUN(stops_when_told);
    CHECK_RUN(survives_want_of_memory);
    struct fault fault = {0};
    if (folder_remove(folder, &fault) != OK) return 1;
    return check_done();
}
