// kanon and noise over whole tables: rows, reports, refusals; what comes out is checked by
// data/recheck.
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "check.h"
#include "data/cleanse/cleanse.h"
#include "data/recheck/recheck.h"
#include "data/table.h"
#include "support/scratch.h"
#include "support/small_table.h"

static const char *folder;
static char in_path[512], out_path[512], report_path[512];

static const char *rules_path;
static double epsilon_spent;

static enum err clean(const char *recipe_text, uint32_t threads, struct fault *fault) {
    struct recipe *recipe;
    *fault = (struct fault){0};
    enum err err = recipe_parse(str_of(recipe_text), NULL, NULL, NULL, &recipe, fault);
    if (err != OK) return err;
    struct cleanse_options options = {.threads = threads,
                                      .words_folder = folder,
                                      .rules_path = rules_path,
                                      .epsilon_spent = epsilon_spent,
                                      .key = {{1, 2, 3}}};
    unlink(out_path);
    err = cleanse_run(in_path, recipe, &options, out_path, report_path, NULL, fault);
    recipe_close(recipe);
    return err;
}

// The table after the recipe, as text; "code@line(detail)" if it fails.
static const char *after(const char *table, const char *recipe_text) {
    static char out[1 << 16];
    struct fault fault;
    small_table_write(in_path, table);
    if (clean(recipe_text, 2, &fault) != OK) {
        snprintf(out, sizeof out, "%s@%d(%s)", fault.code, (int)fault.row, fault.detail);
        return out;
    }
    struct buf text;
    buf_open(&text, sizeof out - 1);
    CHECK_EQ(small_table_read(out_path, &text), OK);
    snprintf(out, sizeof out, "%.*s", STR_ARG(buf_str(&text)));
    buf_close(&text);
    return out;
}

// A member of the first operator's detail as JSON text.
static const char *detail(const char *name) {
    static char out[8192];
    struct json *report;
    struct buf text;
    buf_open(&text, sizeof out - 1);
    out[0] = '\0';
    if (!CHECK_EQ(json_parse_file(report_path, &report, NULL), OK)) return out;
    const struct json *from = json_first(json_member(report, "operators"));
    from = json_member(json_member(from, "detail"), name);
    if (from) json_write(&text, from);
    snprintf(out, sizeof out, "%.*s", STR_ARG(buf_str(&text)));
    buf_close(&text);
    json_close(report);
    return out;
}

static const char people[] = "年龄:integer:quasi|区:text:quasi|病:text:sensitive|备注:text\n"
                             "31|330102|感冒|a\n34|330105|肺炎|b\n38|330106|感冒|c\n"
                             "71|110101|肺炎|d\n|110101|感冒|e\n79|110102|高血压|f\n";

static void broadens(void) {
    CHECK_STR(after(people, "recipe 1\nkanon k=3 mode=strict 年龄:age 区:region"),
              "年龄:text:quasi|区:text:quasi|病:text:sensitive|备注:text\n"
              "30-39|330100|感冒|a\n30-39|330100|肺炎|b\n30-39|330100|感冒|c\n"
              "*|110000|肺炎|d\n*|110000|感冒|e\n*|110000|高血压|f\n");
    CHECK_STR(detail("mode"), "\"strict\"");
    CHECK_STR(detail("suppressed_rows"), "0");
    CHECK(strstr(detail("hierarchies"), "\"rule\":\"age\",\"guessed\":false"));
    CHECK(strstr(detail("risk_before"), "\"uniques\":6"));
    CHECK(strstr(detail("risk_after"), "\"k\":3"));
    CHECK(strstr(after(people, "recipe 1\nkanon k=3 mode=strict 年龄:\"age,10,20\" 区:region"),
                 "\n30-39|330100|肺炎|b\n"));
}

static const char *member(const char *name) {
    static char out[8192];
    struct json *report;
    struct buf text;
    buf_open(&text, sizeof out - 1);
    out[0] = '\0';
    if (!CHECK_EQ(json_parse_file(report_path, &report, NULL), OK)) return out;
    if (json_member(report, name)) json_write(&text, json_member(report, name));
    snprintf(out, sizeof out, "%.*s", STR_ARG(buf_str(&text)));
    buf_close(&text);
    json_close(report);
    return out;
}

static void reports_what_remains(void) {
    after(people, "recipe 1\ndrop columns=备注");
    CHECK(strstr(member("risk"), "{\"rows\":6,\"quasi\":[\"年龄\",\"区\"],\"sensitive\":[\"病\"],"
                                 "\"classes\":6,\"k\":1,\"uniques\":6,"));
    after(people, "recipe 1\nkanon k=3 年龄:age 区:region");
    CHECK(strstr(member("risk"), "\"k\":3,\"uniques\":0,"));
    CHECK(strstr(member("utility"), "\"granularity\":"));
    after(people, "recipe 1\nfield plain=年龄,区");
    CHECK_STR(member("risk"), "null");
    CHECK_STR(member("utility"), "");
}

static void reads_a_hierarchy_file(void) {
    static const char lines[] = "330102;north;*\n330105;north;*\n330106;south;*\n"
                                "110101;capital;*\n110102;capital;*\n";
    scratch_write(scratch_path(folder, "places.csv"), lines, strlen(lines));
    const char *made =
        after(people, "recipe 1\nkanon k=2 quasi=区 区:file|places.csv mode=optimal");
    CHECK(strstr(made, "31|*|") || strstr(made, "31|north|"));
    CHECK_STR(detail("proven"), "true");
    CHECK_STR(after(people, "recipe 1\nkanon k=2 quasi=区 区:file|absent.csv"),
              "kanon.file_absent@0(absent.csv)");
    CHECK_STR(after(people, "recipe 1\nkanon k=2 quasi=区 区:file|../places.csv"),
              "kanon.file_absent@0(../places.csv)");
    scratch_write(scratch_path(folder, "places.csv"), "330102;*\n", 9);
    CHECK_STR(after(people, "recipe 1\nkanon k=2 quasi=区 区:file|places.csv"),
              "hierarchy.no_such_value@0(区)");
}

static void tells_what_is_wrong(void) {
    static const struct {
        const char *line, *told;
    } cases[] = {
        {"kanon l=2", "recipe.missing_option@2(k)"},
        {"kanon k=1", "kanon.bad_number@2(k)"},
        {"kanon k=2.5", "kanon.bad_number@2(k)"},
        {"kanon k=3 t=2", "kanon.bad_number@2(t)"},
        {"kanon k=3 mode=locl", "recipe.bad_option@2(local)"},
        {"kanon k=3 年龄:agee", "hierarchy.unknown_kind@2(agee)"},
        {"kanon k=3 年龄:age|10|25", "hierarchy.bad_step@2(25)"},
        {"kanon k=3 备注:flat", "kanon.not_quasi@2(备注)"},
        {"kanon k=3 quasi=年龄 sensitive=年龄", "recipe.two_roles@2(年龄)"},
        {"kanon k=3 strict", "recipe.unexpected_word@2(strict)"},
        {"kanon k=7", "anonymity.too_few_rows@0()"},
        {"kanon k=2 l=4", "anonymity.never_diverse@0()"},
        {"noise by=区", "recipe.missing_option@2(epsilon)"},
        {"noise epsilon=1", "recipe.missing_option@2(by)"},
        {"noise by=区 epsilon=0", "noise.bad_number@2(epsilon)"},
        {"noise by=区 epsilon=1 as=区", "noise.name_taken@2(区)"},
        {"noise by=区 epsilon=1 病:感冒", "noise.not_counted@2(病)"},
        {"noise by=区 epsilon=1\ndrop columns=区", "recipe.after_counts@3()"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char recipe[200];
        snprintf(recipe, sizeof recipe, "recipe 1\n%s", cases[i].line);
        CHECK_STR(after(people, recipe), cases[i].told);
    }
    CHECK_STR(after("a:text\nx\n", "recipe 1\nkanon k=2"), "anonymity.no_quasi@2()");
    CHECK_STR(after("a:text:quasi\nx\n", "recipe 1\nkanon k=2 l=2"), "kanon.no_sensitive@2()");
}

// A table of several batches with rows that earlier lines drop.
static void write_big(uint32_t rows) {
    struct field fields[] = {{STR("age"), COLUMN_INTEGER, COLUMN_QUASI},
                             {STR("day"), COLUMN_DATE, COLUMN_QUASI},
                             {STR("sex"), COLUMN_TEXT, COLUMN_QUASI},
                             {STR("ill"), COLUMN_TEXT, COLUMN_SENSITIVE}};
    static const char *const ills[] = {"a", "b", "c", "d", "e"};
    struct schema schema = {fields, 4};
    struct table_writer *writer;
    struct batch_builder *builder;
    struct fault fault = {0};
    unlink(in_path);
    if (table_writer_open(in_path, &schema, &writer, &fault) != OK) abort();
    if (batch_builder_open(&schema, &builder) != OK) abort();
    uint64_t first = 0;
    for (uint32_t row = 0; row < rows; row++) {
        if (check_below(50)) batch_set_integer(builder, 0, (int64_t)check_below(100));
        batch_set_integer(builder, 1, 18000 + (int64_t)check_below(2000));
        if (batch_set_text(builder, 2, check_below(2) ? STR("m") : STR("f")) != OK) abort();
        if (check_below(10) && batch_set_text(builder, 3, str_of(ills[check_below(5)])) != OK) {
            abort();
        }
        batch_row_end(builder);
        if (!batch_builder_full(builder) && row + 1 < rows) continue;
        struct batch batch = batch_builder_view(builder);
        batch.first_row = first;
        first += batch.row_count;
        if (table_writer_add(writer, &batch, &fault) != OK) abort();
        batch_builder_clear(builder);
    }
    batch_builder_close(builder);
    if (table_writer_finish(writer, &fault) != OK) abort();
}

static void holds_over_many_batches(void) {
    static const struct str quasi[] = {STR("age"), STR("day"), STR("sex")}, ill[] = {STR("ill")};
    static const char *const modes[] = {"local", "strict", "optimal"};
    write_big(40000);
    for (int i = 0; i < 3; i++) {
        char recipe[200];
        struct fault fault;
        size_t size[2];
        uint8_t *made[2];
        snprintf(recipe, sizeof recipe,
                 "recipe 1\ndrop missing=ill\nkanon k=7 l=3 t=.4 suppress<=.02 mode=%s", modes[i]);
        for (int threads = 1; threads <= 2; threads++) {
            REQUIRE(clean(recipe, (uint32_t)threads, &fault) == OK);
            made[threads - 1] = scratch_read(out_path, &size[threads - 1]);
        }
        CHECK(size[0] == size[1] && memcmp(made[0], made[1], size[0]) == 0);
        memory_give(made[0]);
        memory_give(made[1]);
        struct recheck_question question = {.quasi = quasi,
                                            .sensitive = ill,
                                            .quasi_count = 3,
                                            .sensitive_count = 1,
                                            .k = 7,
                                            .l = 3,
                                            .t = .4};
        struct recheck_answer answer;
        REQUIRE(recheck_file(out_path, &question, &answer, &fault) == OK);
        CHECK(answer.holds);
        CHECK(answer.rows > 34000);
    }
}

static void previews(void) {
    struct recipe *recipe;
    struct fault fault = {0};
    struct buf text;
    buf_open(&text, 1 << 20);
    small_table_write(in_path, people);
    REQUIRE(recipe_parse(STR("recipe 1\nkanon k=3 年龄:age mode=strict"), NULL, NULL, NULL, &recipe,
                         &fault) == OK);
    struct cleanse_options options = {.threads = 1};
    REQUIRE(cleanse_preview(in_path, recipe, &options, 2, &text, &fault) == OK);
    buf_add_char(&text, '\0');
    CHECK(strstr(text.data, "\"after\":[\"30-39\",\"330100\",\"感冒\",\"a\"]") != NULL);
    recipe_close(recipe);
    buf_close(&text);
}

// Budget enough that the noise is next to nothing.
static void rules_allow(const char *epsilon) {
    static char path[200];
    char text[100];
    int size = snprintf(text, sizeof text, "rules test\nprivacy.epsilon_most = %s\n", epsilon);
    snprintf(path, sizeof path, "%s", scratch_path(folder, "rules.txt"));
    REQUIRE(file_write(path, (struct str){text, (size_t)size}, NULL) == OK);
    rules_path = path;
}

static void counts_with_noise(void) {
    rules_allow("1000");
    const char *recipe = "recipe 1\nnoise by=区,病 epsilon=50 source=key as=人数";
    char once[4096];
    snprintf(once, sizeof once, "%s", after(people, recipe));
    // With so much budget the noise is next to nothing.
    CHECK(strstr(once,
                 "区:text|病:text|人数:integer\n110101|感冒|1\n110101|肺炎|1\n110101|高血压|0\n"));
    CHECK_STR(after(people, recipe), once);
    CHECK_STR(detail("source"), "\"key\"");
    CHECK_STR(detail("epsilon_spent"), "50");
    CHECK_STR(detail("counts"), "15");
    CHECK_STR(after(people, "recipe 1\nnoise by=病 epsilon=50 source=key 病:感冒|高血压|伤寒"),
              "病:text|count:integer\n感冒|3\n高血压|1\n伤寒|0\n");
    CHECK_STR(after(people, "recipe 1\nnoise by=年龄 epsilon=90 source=key"),
              "年龄:integer|count:integer\n31|1\n34|1\n38|1\n71|1\n79|1\n|1\n");
    char first[4096];
    snprintf(first, sizeof first, "%s", after(people, "recipe 1\nnoise by=区,病 epsilon=.1"));
    bool differs = false;
    for (int i = 0; i < 20 && !differs; i++) {
        differs = strcmp(first, after(people, "recipe 1\nnoise by=区,病 epsilon=.1")) != 0;
    }
    CHECK(differs);
    rules_path = NULL;
}

static void a_budget_is_not_overspent(void) {
    const char *recipe = "recipe 1\nnoise by=病 epsilon=2.5";
    double most = 0;
    REQUIRE(cleanse_epsilon_most(NULL, &most, NULL) == OK);
    CHECK_EQ((int)most, 10);
    CHECK(strstr(after(people, recipe), "病:text|count:integer\n") != NULL);
    epsilon_spent = 7.5;
    CHECK(strstr(after(people, recipe), "病:text|count:integer\n") != NULL);
    CHECK_STR(member("budget"), "{\"epsilon\":2.5,\"before\":7.5,\"total\":10,\"most\":10}");
    epsilon_spent = 7.501;
    CHECK_STR(after(people, recipe), "noise.over_budget@0(7.501 + 2.5 > 10)");
    rules_allow("20");
    CHECK(strstr(after(people, recipe), "病:text|count:integer\n") != NULL);
    rules_allow("0");
    epsilon_spent = 0;
    CHECK_STR(after(people, recipe), "noise.over_budget@0(0 + 2.5 > 0)");
    rules_path = NULL;
}

// Noise of the preview's own, the same however often one looks, whatever has been spent.
static void a_preview_shows_counts(void) {
    static const char *const recipes[] = {"recipe 1\nnoise by=病 epsilon=.5",
                                          "recipe 1\nnoise by=病 epsilon=.5 source=key",
                                          "recipe 1\ndecode auto"};
    struct buf first, again;
    struct fault fault = {0};
    small_table_write(in_path, people);
    for (int i = 0; i < 3; i++) {
        struct recipe *recipe;
        struct cleanse_options options = {.threads = 1, .key = {{1, 2, 3}}, .epsilon_spent = 9.9};
        buf_open(&first, 1 << 20);
        buf_open(&again, 1 << 20);
        REQUIRE(recipe_parse(str_of(recipes[i]), NULL, NULL, NULL, &recipe, &fault) == OK);
        REQUIRE(cleanse_preview(in_path, recipe, &options, 2, &first, &fault) == OK);
        REQUIRE(cleanse_preview(in_path, recipe, &options, 2, &again, &fault) == OK);
        CHECK(str_equal(buf_str(&first), buf_str(&again)));
        struct json *read;
        REQUIRE(json_parse(buf_str(&first), &read, &fault) == OK);
        const struct json *counts = json_member(read, "counts");
        CHECK_EQ(counts != NULL, i < 2);
        if (counts) {
            CHECK_EQ(json_member_u64(counts, "total", 0), json_count(json_member(counts, "rows")));
            CHECK_EQ(json_count(json_member(counts, "columns")), 2);
            CHECK_EQ(json_member_u64(counts, "rows_seen", 0), 6);
            const struct json *budget = json_member(counts, "budget");
            CHECK(json_member_number(budget, "total", 0) == 10.4);
        }
        json_close(read);
        recipe_close(recipe);
        buf_close(&first);
        buf_close(&again);
    }
    struct recipe *recipe;
    REQUIRE(recipe_parse(str_of(recipes[0]), NULL, NULL, NULL, &recipe, &fault) == OK);
    CHECK(recipe_epsilon(recipe) == .5);
    recipe_close(recipe);
}

int main(void) {
    folder = scratch_folder();
    snprintf(in_path, sizeof in_path, "%s", scratch_path(folder, "in.table"));
    snprintf(out_path, sizeof out_path, "%s", scratch_path(folder, "out.table"));
    snprintf(report_path, sizeof report_path, "%s", scratch_path(folder, "report.json"));
    CHECK_RUN(broadens);
    CHECK_RUN(reports_what_remains);
    CHECK_RUN(reads_a_hierarchy_file);
    CHECK_RUN(tells_what_is_wrong);
    CHECK_RUN(holds_over_many_batches);
    CHECK_RUN(previews);
    CHECK_RUN(counts_with_noise);
    CHECK_RUN(a_budget_is_not_overspent);
    CHECK_RUN(a_preview_shows_counts);
    return check_done();
}
