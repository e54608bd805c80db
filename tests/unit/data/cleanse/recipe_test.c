// Recipes: reading, the canonical spelling and its hash, faults with line and nearest name.
#include "base/memory.h"
#include "check.h"
#include "data/cleanse/operator_private.h"

static struct field columns[] = {
    {{"姓名", 6}, COLUMN_TEXT, COLUMN_PLAIN},        {{"身份证号", 12}, COLUMN_TEXT, COLUMN_PLAIN},
    {{"年龄", 6}, COLUMN_INTEGER, COLUMN_PLAIN},     {{"birth", 5}, COLUMN_DATE, COLUMN_PLAIN},
    {{"note, long", 10}, COLUMN_TEXT, COLUMN_PLAIN}, {{"sex", 3}, COLUMN_TEXT, COLUMN_PLAIN},
};
static const struct schema schema = {columns, 6};

static char told[4096];
static void tell(void *ctx, const struct fault *fault) {
    (void)ctx;
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%s%llu:%llu %s(%s)", used ? " " : "",
             (unsigned long long)fault->row, (unsigned long long)fault->column, fault->code,
             fault->detail);
}

// All faults of a recipe as "line:column code(detail) …", "" if it is good.
static const char *faults_of(const char *text) {
    struct recipe *recipe = NULL;
    struct fault fault = {0};
    told[0] = '\0';
    enum err err = recipe_parse(str_of(text), &schema, tell, NULL, &recipe, &fault);
    CHECK_EQ(err == OK, told[0] == '\0');
    CHECK_EQ(err == OK, fault.code[0] == '\0');
    if (err == OK) recipe_close(recipe);
    return told;
}

static void hex_of(const char *text, char out[SHA256_HEX_SIZE]) {
    struct recipe *recipe;
    struct fault fault = {0};
    snprintf(out, 2, "?");
    if (!CHECK_EQ(recipe_parse(str_of(text), NULL, NULL, NULL, &recipe, &fault), OK)) return;
    struct hash hash = recipe_hash(recipe);
    hash_hex(&hash, out);
    recipe_close(recipe);
}

static void reads_a_whole_recipe(void) {
    CHECK_STR(
        faults_of("# a comment\n"
                  "recipe 1\r\n"
                  "source his-2026q3 licence=internal basis=IRB-17\n"
                  "field direct=姓名,身份证号 quasi=年龄 sensitive=sex text=\"note, long\"\n"
                  "\n"
                  "decode auto width   # repairs\n"
                  "check 年龄:0..130 身份证号:id birth:1900-01-01.. sex:男|女 action=missing\n"
                  "drop missing>.5 empty\n"
                  "dedup exact by=姓名,birth\n"
                  "mask 姓名,身份证号 how=pseudonym scope=dataset\n"
                  "mask text=* kinds=id,mobile how=replace\n"
                  "date birth coarsen=quarter"),
        "");
}

static void takes_the_signs_of_a_chinese_keyboard(void) {
    CHECK_STR(
        faults_of("recipe　1\nfield　direct＝姓名，身份证号\ncheck 年龄：0..130 sex：“男”｜女\n"),
        "");
    CHECK_STR(faults_of("recipe 1\nfield direct=姓名、身份证号\nfield quasi=年龄, sex\n"), "");
}

static void one_meaning_has_one_hash(void) {
    char a[SHA256_HEX_SIZE], b[SHA256_HEX_SIZE], c[SHA256_HEX_SIZE];
    hex_of("recipe 1\ncheck a:0..9 \"b\":x|y\ndate d coarsen=year\n", a);
    hex_of("# why\nrecipe 1\n\n  check  a：0..9  b:x,y # rows\r\ndate  d  coarsen=year", b);
    hex_of("recipe 1\ncheck a:0..9 b:x|z\ndate d coarsen=year\n", c);
    CHECK_STR(a, b);
    CHECK(strcmp(a, c) != 0);
    hex_of("recipe 1\ncheck a:\"id\"\n", a);
    hex_of("recipe 1\ncheck a:id\n", b);
    CHECK(strcmp(a, b) != 0);
}

static void says_what_is_wrong_and_where(void) {
    CHECK_STR(faults_of(""), "1:0 recipe.empty()");
    CHECK_STR(faults_of("decode auto"), "1:1 recipe.no_version()");
    CHECK_STR(faults_of("recipe 2"), "1:1 recipe.unknown_version()");
    CHECK_STR(faults_of("recipe 1\ndedpu exact"), "2:1 recipe.unknown_operator(dedup)");
    CHECK_STR(faults_of("recipe 1\n\nfrobnicate"), "3:1 recipe.no_such_operator(frobnicate)");
    CHECK_STR(faults_of("recipe 1\nmask 身份证 how=mask"), "2:6 recipe.unknown_column(身份证号)");
    CHECK_STR(faults_of("recipe 1\nmask xyzzy how=mask"),
              "2:6 recipe.no_such_column_or_kind(xyzzy)");
    CHECK_STR(faults_of("recipe 1\nmask 姓名 how=psuedonym"), "2:13 recipe.bad_option(pseudonym)");
    CHECK_STR(faults_of("recipe 1\nmask 姓名 hwo=mask"),
              "2:9 recipe.unknown_option_or_pattern(how)");
    CHECK_STR(faults_of("recipe 1\nmask 姓名"), "2:1 recipe.missing_option(how)");
    CHECK_STR(faults_of("recipe 1\ndate 姓名 coarsen=year"), "2:6 recipe.wrong_type(姓名)");
    CHECK_STR(faults_of("recipe 1\ncheck 姓名:1..2"), "2:10 recipe.wrong_type(1..2)");
    CHECK_STR(faults_of("recipe 1\ncheck 年龄:9..1"), "2:10 recipe.bad_range(9..1)");
    CHECK_STR(faults_of("recipe 1\ncheck 年龄:.."), "2:10 recipe.bad_range(..)");
    CHECK_STR(faults_of("recipe 1\ncheck 年龄:x..1"), "2:10 recipe.bad_range(x..1)");
    CHECK_STR(faults_of("recipe 1\nfield direct=\"姓名"), "2:14 recipe.unclosed_quote()");
    CHECK_STR(faults_of("recipe 1\nfield direct="), "2:14 recipe.missing_value()");
    CHECK_STR(faults_of("recipe 1\nfield direct=姓名,"), "2:17 recipe.empty_item()");
    CHECK_STR(faults_of("recipe 1\nfield direct=姓名 quasi=姓名"), "2:23 recipe.two_roles(姓名)");
    CHECK_STR(faults_of("recipe 1\ndrop missing>2"), "2:14 recipe.bad_share(missing)");
    CHECK_STR(faults_of("recipe 1\nmask text=姓名 kinds=id,mobil how=mask"),
              "2:23 recipe.unknown_kind(mobile)");
    CHECK_STR(faults_of("recipe 1\npack format=jsonl name=his-2026q3 parts=recipe,report"), "");
    CHECK_STR(faults_of("recipe 1\npack"), "");
    CHECK_STR(faults_of("recipe 1\npack format=zip parts=all"),
              "2:23 recipe.bad_option(parts) 2:13 recipe.bad_option(format)");
    // Columns come first, then kinds; a pattern stands in quotes.
    CHECK_STR(faults_of("recipe 1\nmask id,mobile,card,name,address,mrn=\"住院号\\d{8,10}\" "
                        "how=pseudonym scope=dataset"),
              "");
    CHECK_STR(faults_of("recipe 1\nmask 姓名,mobile bed=\"\\d+床\" how=replace"), "");
    CHECK_STR(faults_of("recipe 1\nmask id,mobil,身份证 how=mask"),
              "2:9 recipe.unknown_kind(mobile) 2:15 recipe.unknown_column(身份证号)");
    CHECK_STR(faults_of("recipe 1\nmask id,mrn=住院号 how=mask"),
              "2:6 recipe.unknown_option_or_pattern(id)");
    CHECK_STR(faults_of("recipe 1\nmask mrn=\"a\" mrn=\"b\" how=mask"),
              "2:14 recipe.option_twice(mrn)");
    CHECK_STR(faults_of("recipe 1\nmask text=姓名 from=身份证 how=mask"),
              "2:19 recipe.unknown_column(身份证号)");
    CHECK_STR(faults_of("recipe 1\nmask id,mrn=\"号(\\d+\" how=mask"),
              "2:15 pattern.unclosed_group(mrn)");
    CHECK_STR(faults_of("recipe 1\nmask 姓名 kinds=id,mobile how=mask"),
              "2:9 recipe.kinds_need_text(kinds)");
    CHECK_STR(faults_of("recipe 1\nmask how=mask"), "2:1 recipe.mask_what(mask)");
    CHECK_STR(faults_of("recipe 1\ndrop columns=姓名,身份证号,年龄,birth,\"note, long\",sex"),
              "2:0 recipe.no_columns_left()");
    CHECK_STR(faults_of("recipe 1\ndrop columns=姓名\nmask 姓名 how=mask"),
              "3:6 recipe.no_such_column(姓名)");
    CHECK_STR(faults_of("recipe 1\ndate birth,birth coarsen=year"),
              "2:12 recipe.column_twice(birth)");
    CHECK_STR(faults_of("recipe 1\n\xff"), "1:0 recipe.not_text()");
}

static void tells_all_faults_at_once(void) {
    CHECK_STR(faults_of("recipe 1\ndedpu exact\ndrop columns=sxe\ndate 年龄 coarsen=yaer\n"),
              "2:1 recipe.unknown_operator(dedup) 3:14 recipe.unknown_column(sex) "
              "4:17 recipe.bad_option(year)");
}

static void knows_its_limits(void) {
    struct recipe *recipe;
    struct fault fault = {0};
    static char many[600 * 12];
    size_t used = (size_t)snprintf(many, sizeof many, "recipe 1\n");
    for (int i = 0; i < LIMIT_RECIPE_LINES + 1; i++) {
        used += (size_t)snprintf(many + used, sizeof many - used, "decode\n");
    }
    CHECK_EQ(recipe_parse(str_of(many), NULL, NULL, NULL, &recipe, &fault), ERR_LIMIT);
    CHECK_STR(fault.code, "recipe.too_many_lines");
    static char huge[LIMIT_RECIPE_BYTES + 1];
    memset(huge, 'x', sizeof huge);
    fault = (struct fault){0};
    CHECK_EQ(recipe_parse((struct str){huge, sizeof huge}, NULL, NULL, NULL, &recipe, &fault),
             ERR_LIMIT);
    CHECK_STR(fault.code, "recipe.too_large");
    // As many quoted names as a recipe can hold fit into its memory.
    for (size_t i = 0; i < sizeof huge; i++) huge[i] = "\"a\","[i % 4];
    memcpy(huge, "recipe 1\nmask ", 14);
    memcpy(huge + 14, "\"b\",", 4);
    huge[13] = ' ';
    fault = (struct fault){0};
    CHECK(recipe_parse((struct str){huge, 200000 + 17}, NULL, NULL, NULL, &recipe, &fault) != OK);
    CHECK(strcmp(fault.code, "recipe.too_large") != 0);
}

// Any name written by name_write is read back as the same name.
static void names_survive_quoting(void) {
    static const char *const pieces[] = {"a", "列", " ",  "\"", "\\", ",", "=", ":", "#",  "..",
                                         "“", "，", "\n", "\t", "|",  "<", "*", "≥", "　", "n"};
    for (int round = 0; round < 20000; round++) {
        char name[64] = "";
        for (uint64_t left = 1 + check_below(6); left > 0; left--) {
            strcat(name, pieces[check_below(sizeof pieces / sizeof pieces[0])]);
        }
        struct buf text;
        struct arena *arena;
        struct line line;
        struct fault fault = {0};
        buf_open(&text, 4096);
        buf_add_text(&text, "drop columns=");
        name_write(&text, str_of(name));
        REQUIRE(arena_open(1 << 20, &arena) == OK);
        bool good = line_read(arena, buf_str(&text), 1, &line, &fault) == OK &&
                    line.word_count == 2 && line.words[1].value_count == 1 &&
                    str_is(line.words[1].values[0].text, name);
        bool passed = check_that(good, __FILE__, __LINE__, "lost: %.*s", STR_ARG(buf_str(&text)));
        arena_close(arena);
        buf_close(&text);
        if (!passed) return;
    }
}

static int parse_once(void *ctx) {
    (void)ctx;
    struct recipe *recipe;
    struct fault fault = {0};
    enum err err = recipe_parse(STR("recipe 1\nfield direct=姓名\nmask 姓名 how=mask\n"
                                    "dedup exact\ndrop missing>.5\ndate birth coarsen=year\n"),
                                &schema, NULL, NULL, &recipe, &fault);
    if (err != OK) {
        CHECK(err == ERR_MEMORY || err == ERR_LIMIT);
        CHECK(fault.code[0] != '\0');
        return 1;
    }
    recipe_close(recipe);
    return 0;
}

static void survives_want_of_memory(void) {
    CHECK(check_faults(memory_fail_after, parse_once, NULL) > 2);
}

static void offers_its_operators(void) {
    struct buf text;
    buf_open(&text, 1 << 20);
    struct json_writer writer = json_writer_of(&text);
    recipe_operators_write(&writer);
    struct json *root;
    struct fault fault = {0};
    REQUIRE(json_parse(buf_str(&text), &root, &fault) == OK);
    CHECK(json_count(root) >= 9);
    for (const struct json *row = json_first(root); row; row = json_next(row)) {
        struct recipe *recipe;
        struct buf example;
        buf_open(&example, 4096);
        buf_add_text(&example, "recipe 1\n");
        buf_add_str(&example, json_member_text(row, "example"));
        fault = (struct fault){0};
        bool good = recipe_parse(buf_str(&example), NULL, NULL, NULL, &recipe, &fault) == OK;
        check_that(good, __FILE__, __LINE__, "%s: %.*s", fault.code, STR_ARG(buf_str(&example)));
        if (good) recipe_close(recipe);
        buf_close(&example);
    }
    json_close(root);
    buf_close(&text);
}

int main(void) {
    CHECK_RUN(reads_a_whole_recipe);
    CHECK_RUN(takes_the_signs_of_a_chinese_keyboard);
    CHECK_RUN(one_meaning_has_one_hash);
    CHECK_RUN(says_what_is_wrong_and_where);
    CHECK_RUN(tells_all_faults_at_once);
    CHECK_RUN(knows_its_limits);
    CHECK_RUN(names_survive_quoting);
    CHECK_RUN(survives_want_of_memory);
    CHECK_RUN(offers_its_operators);
    return check_done();
}
