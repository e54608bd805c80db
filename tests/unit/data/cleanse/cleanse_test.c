// Recipes over whole tables: every operator's effect, report, preview, the same bytes on any number
// of threads, want of memory, refusals that leave nothing behind.
#include "data/cleanse/cleanse.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "support/recipe_run.h"
#include "support/small_table.h"

static struct cleanse_options options_of(uint32_t threads) {
    struct cleanse_options options = {.threads = threads};
    memset(options.key.bytes, 7, sizeof options.key.bytes);
    return options;
}

static enum err run_recipe(const char *recipe_text, uint32_t threads, struct fault *fault) {
    struct cleanse_options options = options_of(threads);
    return recipe_run(recipe_text, &options, fault);
}

// The table after the recipe, as text; "code@line" if it fails.
static const char *after(const char *table, const char *recipe_text) {
    struct cleanse_options options = options_of(2);
    small_table_write(recipe_in, table);
    return recipe_rows(recipe_text, &options, false);
}

static void gives_roles(void) {
    CHECK_STR(
        after("a:text|b:integer|c:date\nx|1|2020-01-02\n", "recipe 1\nfield direct=a quasi=b,c\n"),
        "a:text:direct|b:integer:quasi|c:date:quasi\nx|1|2020-01-02\n");
}

static void repairs_text(void) {
    CHECK_STR(after("a:text|b:text\n \xEF\xBB\xBFx\x01y　|Ａ１２，\n​| z\n",
                    "recipe 1\ndecode auto width\n"),
              "a:text|b:text\nxy|A12，\n|z\n");
    CHECK_STR(after("a:text|b:text\n x |Ａ\n", "recipe 1\ndecode width columns=b\n"),
              "a:text|b:text\n x |A\n");
    // A joiner within emoji stays, between Chinese characters it goes.
    CHECK_STR(after("a:text\n👨‍👩 张‍三\n", "recipe 1\ndecode control\n"),
              "a:text\n👨‍👩 张三\n");
}

static void checks_values(void) {
    const char *table = "age:integer|sex:text|day:date|id:text\n"
                        "34|男|2020-01-01|11010519491231002X\n"
                        "-1|女|1899-12-31|110105194912310021\n"
                        "200|未知|2020-01-01|\n"
                        "||||\n";
    CHECK_STR(after(table,
                    "recipe 1\ncheck age:0..130 sex:男|女 day:1900-01-01.. id:id action=missing\n"),
              "age:integer|sex:text|day:date|id:text\n34|男|2020-01-01|11010519491231002X\n"
              "|女||\n||2020-01-01|\n|||\n");
    CHECK_STR(after(table, "recipe 1\ncheck age:0..130 sex:男|女 action=drop\n"),
              "age:integer|sex:text|day:date|id:text\n34|男|2020-01-01|11010519491231002X\n|||\n");
    CHECK_STR(after(table, "recipe 1\ncheck age:34 action=drop\ncheck age:..100\n"),
              "age:integer|sex:text|day:date|id:text\n34|男|2020-01-01|11010519491231002X\n|||\n");
}

static void drops_columns_and_rows(void) {
    const char *table = "a:integer|b:text|c:number\n1||\n2|x|\n|y|\n||\n";
    CHECK_STR(after(table, "recipe 1\ndrop columns=b\n"), "a:integer|c:number\n1|\n2|\n|\n|\n");
    CHECK_STR(after(table, "recipe 1\ndrop missing>.5\n"), "a:integer|b:text\n1|\n2|x\n|y\n|\n");
    CHECK_STR(after(table, "recipe 1\ndrop missing>=.5\n"), "cleanse.no_columns_left@0");
    CHECK_STR(after(table, "recipe 1\ndrop missing=a,b\n"), "a:integer|b:text|c:number\n2|x|\n");
    CHECK_STR(after(table, "recipe 1\ndrop empty\n"),
              "a:integer|b:text|c:number\n1||\n2|x|\n|y|\n");
    // Measured on the rows that are left by then.
    CHECK_STR(after(table, "recipe 1\ndrop missing=a\ndrop missing>=.5\n"), "a:integer\n1\n2\n");
}

static void keeps_the_first_of_equal_rows(void) {
    const char *table =
        "a:integer|b:text|c:number\n1|x|0\n1|x|-0\n1|X|0\n|x|0\n|x|0\n1||0\n1|x|0\n";
    CHECK_STR(after(table, "recipe 1\ndedup exact\n"),
              "a:integer|b:text|c:number\n1|x|0\n1|X|0\n|x|0\n1||0\n");
    CHECK_STR(after(table, "recipe 1\ndedup exact by=a\n"),
              "a:integer|b:text|c:number\n1|x|0\n|x|0\n");
    // A column that an earlier line takes away does not count.
    CHECK_STR(after("a:integer|n:text\n1|\n1|y\n1|\n", "recipe 1\ndrop missing>.5\ndedup exact\n"),
              "a:integer\n1\n");
}

static void masks_columns(void) {
    CHECK_STR(after("name:text:direct|id:text:direct|m:integer|mail:text|card:text\n"
                    "欧阳修|11010519491231002X|13812345678|zhang@example.com|6222021234567890128\n"
                    "李|||x@y.cn|\n",
                    "recipe 1\nmask name,id,m,mail,card how=mask\n"),
              "name:text:quasi|id:text:quasi|m:text|mail:text|card:text\n"
              "欧阳*|110***********002X|138****5678|z***@example.com|6222***********0128\n"
              "*|||x***@y.cn|\n");
    CHECK_STR(after("id:text:direct|b:text\n11010519491231002X|x\n王某|y\n",
                    "recipe 1\nmask id how=replace\n"),
              "id:text|b:text\n[身份证号]|x\n[已隐去]|y\n");
    CHECK_STR(after("id:text:direct|b:text\n1|x\n", "recipe 1\nmask id how=remove\n"),
              "b:text\nx\n");
}

static void masks_inside_text(void) {
    const char *table =
        "t:text|u:text\n电话13812345678，证１１０１０５１９４９１２３１００２Ｘ。|a@b.cn\n|无\n";
    CHECK_STR(after(table, "recipe 1\nmask text=t how=replace\n"),
              "t:text|u:text\n电话[手机号]，证[身份证号]。|a@b.cn\n|无\n");
    CHECK_STR(
        after(table, "recipe 1\nmask text=* kinds=mobile,email how=mask\n"),
        "t:text|u:text\n电话138****5678，证１１０１０５１９４９１２３１００２Ｘ。|a***@b.cn\n|无\n");
    CHECK_STR(after(table, "recipe 1\nfield text=u\nmask text=* how=remove\n"),
              "t:text|u:text\n电话13812345678，证１１０１０５１９４９１２３１００２Ｘ。|\n|无\n");
}

// The cell of the first data row and first column.
static struct str first_cell(const char *table) {
    struct str rest, head = str_cut(str_of(table), '\n', &rest);
    (void)head;
    struct str line = str_cut(rest, '\n', &rest);
    return str_cut(line, '|', &rest);
}

static void pseudonyms_are_stable_and_keyed(void) {
    char one[64], other[64];
    const char *plain = after("a:text|b:text\n11010519491231002X|11010519491231002x\n",
                              "recipe 1\nmask a,b how=pseudonym\n");
    struct str first = first_cell(plain);
    CHECK(str_starts(first, STR("证件_")));
    str_copy(one, sizeof one, first);
    // Both columns show the same person; so do other spellings, and the same ID inside text.
    CHECK(strstr(strstr(plain, one) + 1, one) != NULL);
    str_copy(
        other, sizeof other,
        first_cell(after("a:text\n110105 19491231 002X\n", "recipe 1\nmask a how=pseudonym\n")));
    CHECK_STR(other, one);
    CHECK(strstr(after("a:text\n证１１０１０５１９４９１２３１００２Ｘ号\n",
                       "recipe 1\nmask text=a how=pseudonym\n"),
                 one) != NULL);
    str_copy(other, sizeof other,
             first_cell(after("a:text\n440524188001010014\n", "recipe 1\nmask a how=pseudonym\n")));
    CHECK(strcmp(one, other) != 0);
    // A line that comes again leaves them as they are.
    char once[256];
    snprintf(once, sizeof once, "%s",
             after("a:text\n440524188001010014\n", "recipe 1\nmask a how=pseudonym\n"));
    CHECK_STR(after("a:text\n440524188001010014\n",
                    "recipe 1\nmask a how=pseudonym\nmask a how=pseudonym\n"),
              once);
}

static void generalises_columns(void) {
    CHECK_STR(
        after("年龄:integer:direct|收入:number|邮编:text|城市:text|d:date\n"
              "37|12345.6|518000|深圳|1990-05-12\n93|-40||福田区|\n||310000|某地|2000-01-01\n",
              "recipe 1\nmask 年龄,d how=generalise\nmask 收入 how=generalise round=100\n"
              "mask 邮编 how=generalise digits=3\n"
              "mask 城市 how=generalise level=province\n"),
        "年龄:text:quasi|收入:number|邮编:text|城市:text|d:text\n35-39|12300|518***|广东省|1990\n"
        "90+|0||广东省|\n||310***|某*|2000\n");
    CHECK_STR(after("n:integer\n1\n", "recipe 1\nmask n how=generalise\n"),
              "recipe.generalise_how@2");
    CHECK_STR(after("n:integer\n17\n-3\n", "recipe 1\nmask n how=generalise round=2.5\n"),
              "n:number\n17.5\n-2.5\n");
    CHECK_STR(after("n:integer\n17\n-3\n", "recipe 1\nmask n how=generalise round=5\n"),
              "n:integer\n15\n-5\n");
}

// The recipe of the manual: kinds and a pattern on one line, a person the same in column and text.
static void conceals_a_person_everywhere(void) {
    const char *table =
        "姓名:text|身份证号:text|主诉:text|n:text\n"
        "张三丰|11010519491231002X|患者张三丰，身份证11010519491231002X|13812345678\n"
        "张 三|110105194912310021|张三诉头痛；家属李 四丰|x\n";
    char out[2048], name[64];
    snprintf(out, sizeof out, "%s",
             after(table, "recipe 1\nfield text=主诉 direct=姓名,身份证号\n"
                          "mask id,mobile,card,name,address how=pseudonym scope=dataset\n"));
    struct str rest, lines[3];
    (void)str_cut(str_of(out), '\n', &rest);
    for (int i = 0; i < 2; i++) lines[i] = str_cut(rest, '\n', &rest);
    for (int i = 0; i < 2; i++) {
        struct str text, one = str_cut(lines[i], '|', &text);
        CHECK(str_starts(one, STR("姓名_")));
        (void)str_cut(text, '|', &text); // the ID
        CHECK(memmem(text.data, text.size, one.data, one.size) != NULL);
    }
    CHECK(strstr(out, "张") == NULL);
    CHECK(strstr(out, "110105") == NULL);
    CHECK(strstr(out, "13812345678") != NULL); // no free text
    str_copy(name, sizeof name, str_cut(lines[1], '|', &rest));
    // Without from= nothing of the row is looked for.
    CHECK(strstr(after(table, "recipe 1\nfield direct=姓名\nmask text=主诉 from=none kinds=id "
                              "how=mask\n"),
                 "患者张三丰，身份证110***********002X") != NULL);
    CHECK(strstr(after(table, "recipe 1\nmask text=主诉 from=姓名 kinds=id how=replace\n"),
                 "[姓名]诉头痛") != NULL);
    // A pattern of the site's goes before all else; its name may be a kind.
    const char *own =
        "住院号:text:direct|t:text\n00123456|住院号００１２３４５６，3床张三，13812345678\n";
    CHECK_STR(
        after(own, "recipe 1\nmask text=t mrn=\"住院号\\d{8,10}\" bed=\"\\d+床\" how=replace\n"),
        "住院号:text:direct|t:text\n00123456|[病案号]，[已隐去][姓名]，[手机号]\n");
    snprintf(out, sizeof out, "%s",
             after(own, "recipe 1\nmask 住院号,mrn=\"住院号\\d{8,10}\" how=pseudonym\n"));
    (void)str_cut(str_of(out), '\n', &rest);
    struct str one = str_cut(rest, '|', &rest);
    CHECK(str_starts(one, STR("病案_")) && str_starts(rest, one));
    // A value that says little is not looked for; one glued to other letters neither.
    CHECK_STR(after("k:text:direct|t:text\nA1|A1 型\nAB12|AB123 和 AB12。\n",
                    "recipe 1\nmask text=t how=replace\n"),
              "k:text:direct|t:text\nA1|A1 型\nAB12|AB123 和 [已隐去]。\n");
    CHECK_STR(after("k:integer:direct|t:text\n2023|2023年起\n402913|编 402913 者\n",
                    "recipe 1\nmask text=t how=replace\n"),
              "k:integer:direct|t:text\n2023|2023年起\n402913|编 [已隐去] 者\n");
}

static void coarsens_dates(void) {
    const char *table =
        "d:date:direct|t:time\n1987-08-31|2020-12-31 23:59:59\n|\n1969-12-31|1960-01-01 00:00:00\n";
    CHECK_STR(after(table, "recipe 1\ndate d,t coarsen=year\n"),
              "d:integer:quasi|t:integer\n1987|2020\n|\n1969|1960\n");
    CHECK_STR(after(table, "recipe 1\ndate d,t coarsen=decade\n"),
              "d:integer:quasi|t:integer\n1980|2020\n|\n1960|1960\n");
    CHECK_STR(after(table, "recipe 1\ndate d,t coarsen=quarter\n"),
              "d:text:quasi|t:text\n1987-Q3|2020-Q4\n|\n1969-Q4|1960-Q1\n");
    CHECK_STR(after(table, "recipe 1\ndate d,t coarsen=month\n"),
              "d:text:quasi|t:text\n1987-08|2020-12\n|\n1969-12|1960-01\n");
}

static void refuses_and_leaves_nothing(void) {
    CHECK_STR(after("a:text\nx\n", "recipe 1\ncheck a:y action=drop\n"), "cleanse.no_rows_left@0");
    CHECK(!file_exists(recipe_out));
    CHECK_STR(after("a:text\nx\n", "recipe 1\n\nmask b how=mask\n"),
              "recipe.no_such_column_or_kind@3");
    CHECK(!file_exists(recipe_out));
    struct fault fault;
    unlink(recipe_in);
    CHECK_EQ(run_recipe("recipe 1\ndecode\n", 1, &fault), ERR_NOT_FOUND);
    CHECK(!file_exists(recipe_out));
}

static struct json *read_report(void) {
    struct json *root = NULL;
    struct fault fault = {0};
    CHECK_EQ(json_parse_file(recipe_report, &root, &fault), OK);
    return root;
}

// Input and output are named by the hashes of their files, and the recipe stands as written.
static void check_files(const struct json *root) {
    const struct json *files[] = {json_first(json_member(root, "inputs")),
                                  json_member(root, "output")};
    const char *paths[] = {recipe_in, recipe_out};
    for (int i = 0; i < 2; i++) {
        struct hash hash;
        uint64_t bytes;
        char hex[SHA256_HEX_SIZE];
        CHECK_EQ(file_hash(paths[i], NULL, &hash, &bytes, NULL), OK);
        hash_hex(&hash, hex);
        CHECK_TEXT(json_member_text(files[i], "hash"), hex);
        CHECK_EQ(json_member_u64(files[i], "bytes", 0), bytes);
        CHECK_EQ(json_member_u64(files[i], "rows", 0), i == 0 ? 3 : 1);
    }
    CHECK(str_starts(json_member_text(root, "recipe"), STR("recipe 1\nsource his")));
}

static void reports_what_was_done(void) {
    after("id:text|t:text|n:integer\n11010519491231002X|电话13812345678|1\n"
          "11010519491231002X|电话13812345678|1\n|无|200\n",
          "recipe 1\nsource his licence=internal\nfield direct=id\ncheck n:0..9 action=drop\n"
          "dedup exact\nmask id how=pseudonym\n");
    struct json *root = read_report();
    REQUIRE(root);
    CHECK_EQ(json_member_u64(root, "input_rows", 0), 3);
    CHECK_EQ(json_member_u64(root, "output_rows", 0), 1);
    CHECK_TEXT(json_member_text(root, "wording"), "deidentified");
    CHECK_EQ(json_member_text(root, "recipe_hash").size, 64);
    const struct json *personal = json_member(root, "personal");
    CHECK_EQ(json_member_u64(json_member(personal, "found"), "id", 9), 2);
    CHECK_EQ(json_member_u64(json_member(personal, "found"), "mobile", 9), 2);
    CHECK(!json_member(json_member(personal, "remaining"), "id"));
    CHECK_EQ(json_member_u64(json_member(personal, "remaining"), "mobile", 9), 1);
    CHECK_EQ(json_member_u64(personal, "checksum_remaining", 9), 0);
    check_files(root);
    CHECK_TEXT(json_member_text(json_member(root, "source"), "licence"), "internal");
    const struct json *step = json_first(json_member(root, "operators"));
    CHECK_TEXT(json_member_text(step, "name"), "check");
    CHECK_EQ(json_member_u64(step, "line", 0), 4);
    CHECK_EQ(json_member_u64(step, "rows_out", 0), 2);
    const struct json *reason = json_first(json_member(step, "reasons"));
    CHECK_TEXT(json_member_text(reason, "code"), "check.out_of_range");
    CHECK_TEXT(json_member_text(reason, "column"), "n");
    CHECK_EQ(json_member_u64(reason, "count", 0), 1);
    const struct json *column = json_first(json_member(root, "columns"));
    CHECK_TEXT(json_member_text(column, "treatment"), "pseudonym");
    CHECK_TEXT(json_member_text(column, "role"), "plain");
    json_close(root);
}

static void shows_before_and_after(void) {
    struct recipe *recipe;
    struct fault fault = {0};
    struct buf out;
    small_table_write(recipe_in, "a:text|b:integer|c:text\nx|1|p\ny|200|q\nz||r\nw|3|s\n");
    REQUIRE(recipe_parse(STR("recipe 1\ncheck b:0..9 action=drop\nmask a how=replace\n"
                             "drop columns=c\n"),
                         NULL, NULL, NULL, &recipe, &fault) == OK);
    struct cleanse_options options = options_of(2);
    buf_open(&out, 1 << 20);
    CHECK_EQ(cleanse_preview(recipe_in, recipe, &options, 3, &out, &fault), OK);
    recipe_close(recipe);
    struct json *root;
    REQUIRE(json_parse(buf_str(&out), &root, &fault) == OK);
    buf_close(&out);
    const struct json *rows = json_member(root, "rows");
    CHECK_EQ(json_count(rows), 3);
    const struct json *row = json_first(rows);
    CHECK_TEXT(json_text(json_first(json_member(row, "before"))), "x");
    CHECK_TEXT(json_text(json_first(json_member(row, "after"))), "[已隐去]");
    // The mask changed the first cell; nothing changed the number.
    uint64_t line = 9, none = 9;
    const struct json *lines = json_first(json_member(row, "lines"));
    CHECK(json_u64(lines, &line) && json_u64(json_next(lines), &none));
    CHECK_EQ(line, 3);
    CHECK_EQ(none, 0);
    row = json_next(row);
    CHECK(json_is_null(json_member(row, "after")));
    CHECK_TEXT(json_member_text(row, "reason"), "check.out_of_range");
    const struct json *third = json_next(json_next(json_first(json_member(root, "columns"))));
    CHECK(json_member_bool(third, "removed", false));
    json_close(root);
}

// ---- a larger table -----------------------------------------------------------------------------

static void write_large(uint32_t rows) {
    struct buf text;
    buf_open(&text, (size_t)1 << 30);
    buf_add_text(&text, "id:text|day:date|n:number|note:text|rare:text\n");
    for (uint32_t row = 0; row < rows; row++) {
        buf_printf(&text, "ID%u|%u-%02u-%02u|%u.5|%s1%u%09u 已告知|%s\n",
                   (unsigned)check_below(rows / 2), 1950 + (unsigned)check_below(70),
                   1 + (unsigned)check_below(12), 1 + (unsigned)check_below(28),
                   (unsigned)check_below(100), check_below(2) ? "电话" : " ",
                   3 + (unsigned)check_below(7), (unsigned)check_below(1000000000),
                   check_below(10) ? "" : "r");
    }
    buf_add_char(&text, '\0');
    small_table_write(recipe_in, text.data);
    buf_close(&text);
}

static const char large_recipe[] = "recipe 1\nfield direct=id quasi=day text=note\ndecode auto\n"
                                   "check n:5..90 action=drop\ndrop missing>.5\n"
                                   "dedup exact by=id\nmask id how=pseudonym\n"
                                   "mask text=note how=mask\ndate day coarsen=month\n";

static void same_bytes_on_any_number_of_threads(void) {
    struct hash hashes[3];
    static const uint32_t threads[] = {1, 2, 5};
    write_large(100000);
    for (int i = 0; i < 3; i++) {
        struct fault fault;
        struct file_map map;
        REQUIRE(run_recipe(large_recipe, threads[i], &fault) == OK);
        REQUIRE(file_map(recipe_out, &map, &fault) == OK);
        CHECK(map.size > 100000);
        hashes[i] = sha256_of(map.data, map.size);
        file_unmap(&map);
    }
    CHECK(hash_equal(&hashes[0], &hashes[1]));
    CHECK(hash_equal(&hashes[0], &hashes[2]));
    struct json *root = read_report();
    REQUIRE(root);
    const struct json *personal = json_member(root, "personal");
    CHECK(json_member_u64(json_member(personal, "found"), "mobile", 0) > 99000);
    CHECK(json_member(personal, "remaining") && !json_first(json_member(personal, "remaining")));
    CHECK_EQ(json_member_u64(personal, "checksum_remaining", 9), 0);
    json_close(root);
}

static void stops_when_told(void) {
    struct progress progress = {0};
    struct recipe *recipe;
    struct fault fault = {0};
    write_large(1000);
    REQUIRE(recipe_parse(str_of(large_recipe), NULL, NULL, NULL, &recipe, &fault) == OK);
    struct cleanse_options options = options_of(2);
    progress.cancel = 1;
    unlink(recipe_out);
    CHECK_EQ(cleanse_run(recipe_in, recipe, &options, recipe_out, recipe_report, &progress, &fault),
             ERR_CANCELLED);
    CHECK_STR(fault.code, "cleanse.cancelled");
    CHECK(!file_exists(recipe_out));
    recipe_close(recipe);
}

static int run_once(void *ctx) {
    (void)ctx;
    struct fault fault;
    enum err err = run_recipe(large_recipe, 1, &fault);
    if (err == OK) return 0;
    CHECK(err == ERR_MEMORY || err == ERR_LIMIT);
    CHECK(fault.code[0] != '\0');
    CHECK(!file_exists(recipe_out));
    return 1;
}

static void survives_want_of_memory(void) {
    write_large(300);
    CHECK(check_faults(memory_fail_after, run_once, NULL) > 10);
}

int main(void) {
    recipe_files_make();
    CHECK_RUN(gives_roles);
    CHECK_RUN(repairs_text);
    CHECK_RUN(checks_values);
    CHECK_RUN(drops_columns_and_rows);
    CHECK_RUN(keeps_the_first_of_equal_rows);
    CHECK_RUN(masks_columns);
    CHECK_RUN(masks_inside_text);
    CHECK_RUN(generalises_columns);
    CHECK_RUN(conceals_a_person_everywhere);
    CHECK_RUN(pseudonyms_are_stable_and_keyed);
    CHECK_RUN(coarsens_dates);
    CHECK_RUN(refuses_and_leaves_nothing);
    CHECK_RUN(reports_what_was_done);
    CHECK_RUN(shows_before_and_after);
    CHECK_RUN(same_bytes_on_any_number_of_threads);
    CHECK_RUN(stops_when_told);
    CHECK_RUN(survives_want_of_memory);
    return check_done();
}
