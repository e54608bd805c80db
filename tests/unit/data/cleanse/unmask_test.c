// The way there and back: unmask(mask how=encrypt) gives the same table, byte by byte.
#include "data/cleanse/cleanse.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "check.h"
#include "support/small_table.h"

static char folder[64], in_path[96], masked_path[96], back_path[96], report_path[96];

static struct hash key_of(uint8_t byte) {
    struct hash key;
    memset(key.bytes, byte, sizeof key.bytes);
    return key;
}

static enum err mask_with(const char *recipe_text, const struct cleanse_options *options,
                          struct fault *fault) {
    struct recipe *recipe;
    enum err err = recipe_parse(str_of(recipe_text), NULL, NULL, NULL, &recipe, fault);
    if (err != OK) return err;
    unlink(masked_path);
    err = cleanse_run(in_path, recipe, options, masked_path, report_path, NULL, fault);
    recipe_close(recipe);
    return err;
}

static bool same_files(const char *one, const char *other) {
    struct file_map a, b;
    struct fault fault;
    if (!CHECK_EQ(file_map(one, &a, &fault), OK)) return false;
    if (!CHECK_EQ(file_map(other, &b, &fault), OK)) return false;
    bool same = a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
    file_unmap(&a);
    file_unmap(&b);
    return same;
}

static bool goes_back(const char *recipe_text, struct unmask_counts *counts) {
    struct cleanse_options options = {.key = key_of(9), .threads = 2};
    struct fault fault = {0};
    if (!CHECK_EQ(mask_with(recipe_text, &options, &fault), OK)) return false;
    unlink(back_path);
    return CHECK_EQ(unmask_run(masked_path, &options.key, back_path, counts, NULL, &fault), OK) &&
           same_files(in_path, back_path);
}

static const char whole[] = "recipe 1\nmask t,i,n,b,d,z how=encrypt\n";
static const char hiding[] = "recipe 1\nmask t,i,n,b,d,z how=encrypt equal=hide\n";

static void columns_come_back_with_their_types(void) {
    struct unmask_counts counts;
    small_table_write(in_path,
                      "t:text|i:integer|n:number|b:boolean|d:date|z:time|u:text\n"
                      "张三|1|0.1|true|1990-05-12|2020-12-31 23:59:59|x\n"
                      "|||||| \n"
                      " 李四 |-9223372036854775808|-1e+300|false|1969-12-31|1960-01-01 00:00:00|\n"
                      "13812345678|0|5|true|2020-02-29|2020-01-01 00:00:00|电话13812345678\n");
    CHECK(goes_back(whole, &counts));
    CHECK_EQ(counts.opened, 18);
    CHECK(goes_back(hiding, &counts));
    CHECK(goes_back("recipe 1\nmask t,u how=encrypt\n", &counts));
    CHECK(goes_back("recipe 1\nmask text=t,u how=encrypt\n", &counts));
    CHECK_EQ(counts.opened, 4); // two names, a number twice
    // Twice: one layer at a time.
    CHECK(goes_back("recipe 1\nmask t,i how=encrypt\nmask t,i how=encrypt\n", &counts) == false);
}

static void put_text(struct buf *out) {
    static const char *const parts[] = {
        "13812345678", "11010519491231002X", "电话",     "⟦",       "⟧",
        "GHJK",        "zhang@example.com",  "患者张三", "，",      "\n",
        " ",           "10.1.2.3",           "８",       "京A12345"};
    size_t count = check_below(8);
    for (size_t i = 0; i < count; i++) {
        buf_add_text(out, parts[check_below(sizeof parts / sizeof parts[0])]);
        if (check_below(4)) continue;
        uint32_t c = (uint32_t)check_below(0x30000);
        if (c < ' ' || c == '|' || (c >= 0xD800 && c < 0xE000)) c = 0x4E00;
        char bytes[4];
        buf_add(out, bytes, utf8_put(bytes, c));
    }
}

// Cells that hold what earlier recipes sealed, with this key and with others.
static void write_random(uint32_t rows) {
    static const struct field fields[] = {{{"a", 1}, COLUMN_TEXT, COLUMN_PLAIN},
                                          {{"b", 1}, COLUMN_TEXT, COLUMN_PLAIN}};
    struct schema schema = {(struct field *)(uintptr_t)fields, 2};
    struct batch_builder *builder;
    struct table_writer *writer;
    struct fault fault = {0};
    struct buf cell;
    buf_open(&cell, 1 << 16);
    unlink(in_path);
    REQUIRE(batch_builder_open(&schema, &builder) == OK);
    REQUIRE(table_writer_open(in_path, &schema, &writer, &fault) == OK);
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t column = 0; column < 2; column++) {
            buf_clear(&cell);
            put_text(&cell);
            if (check_below(10) == 0) {
                batch_set_missing(builder, column);
            } else {
                REQUIRE(batch_set_text(builder, column, buf_str(&cell)) == OK);
            }
        }
        batch_row_end(builder);
    }
    struct batch batch = batch_builder_view(builder);
    REQUIRE(table_writer_add(writer, &batch, &fault) == OK);
    REQUIRE(table_writer_finish(writer, &fault) == OK);
    batch_builder_close(builder);
    buf_close(&cell);
}

static void text_comes_back_whatever_it_is(void) {
    struct unmask_counts counts;
    for (int round = 0; round < 20; round++) {
        write_random(200);
        CHECK(goes_back("recipe 1\nmask text=a,b how=encrypt\n", &counts));
        CHECK(counts.opened > 0);
        CHECK(goes_back("recipe 1\nmask text=a,b from=b how=encrypt equal=hide any=\".{1,5}\"\n",
                        &counts));
        CHECK(goes_back("recipe 1\nmask a how=encrypt\nmask text=b how=encrypt\n", &counts));
    }
}

// What was sealed already is sealed as it stands: opening once gives what was there.
static void one_layer_at_a_time(void) {
    struct unmask_counts counts;
    struct cleanse_options options = {.key = key_of(9), .threads = 1};
    struct fault fault = {0};
    small_table_write(in_path, "a:text|b:text\n电话13812345678。|x\n无|13812345678\n");
    CHECK_EQ(mask_with("recipe 1\nmask text=a,b how=encrypt\n", &options, &fault), OK);
    CHECK_EQ(rename(masked_path, in_path), 0);
    CHECK(goes_back("recipe 1\nmask text=a,b how=encrypt\n", &counts));
    CHECK_EQ(counts.opened, 2);
}

static void needs_its_key(void) {
    struct unmask_counts counts;
    struct fault fault = {0};
    struct hash other = key_of(8);
    small_table_write(in_path, "t:text|i:integer\n13812345678|1\n");
    struct project_key projects[] = {{STR("heart"), key_of(3)}};
    struct cleanse_options options = {
        .key = key_of(9), .threads = 1, .projects = projects, .project_count = 1};
    CHECK_EQ(
        mask_with("recipe 1\nmask t,i how=encrypt scope=project project=lung\n", &options, &fault),
        ERR_NOT_FOUND);
    CHECK_STR(fault.code, "cleanse.no_project_key");
    fault = (struct fault){0};
    CHECK_EQ(
        mask_with("recipe 1\nmask t,i how=encrypt scope=project project=heart\n", &options, &fault),
        OK);
    unlink(back_path);
    CHECK_EQ(unmask_run(masked_path, &other, back_path, &counts, NULL, &fault), OK);
    CHECK(same_files(masked_path, back_path));
    CHECK_EQ(counts.foreign, 2);
    unlink(back_path);
    CHECK_EQ(unmask_run(masked_path, &projects[0].key, back_path, &counts, NULL, &fault), OK);
    CHECK(same_files(in_path, back_path));
}

static void names_the_projects_it_needs(void) {
    struct recipe *recipe;
    struct fault fault = {0};
    struct str names[4];
    REQUIRE(recipe_parse(STR("recipe 1\nmask a how=mask\nmask b how=pseudonym scope=project\n"
                             "mask c how=encrypt project=肿瘤 scope=project\n"
                             "mask d how=encrypt project=肿瘤 scope=project\n"),
                         NULL, NULL, NULL, &recipe, &fault) == OK);
    CHECK_EQ(recipe_projects(recipe, names, 4), 2);
    CHECK_TEXT(names[0], "default");
    CHECK_TEXT(names[1], "肿瘤");
    recipe_close(recipe);
    CHECK_EQ(recipe_parse(STR("recipe 1\nmask a how=encrypt project=x\n"), NULL, NULL, NULL,
                          &recipe, &fault),
             ERR_INPUT);
    CHECK_STR(fault.code, "recipe.bad_project");
}

static void leaves_nothing_behind(void) {
    struct unmask_counts counts;
    struct fault fault = {0};
    struct hash key = key_of(9);
    struct cleanse_options options = {.key = key, .threads = 1};
    small_table_write(in_path, "t:text|i:integer\n13812345678|1\nx|2\n");
    REQUIRE(mask_with("recipe 1\nmask t,i how=encrypt\n", &options, &fault) == OK);
    enum err err = ERR_MEMORY;
    for (uint64_t n = 0; err != OK && n < 1000; n++) {
        unlink(back_path);
        fault = (struct fault){0};
        memory_fail_after(n);
        err = unmask_run(masked_path, &key, back_path, &counts, NULL, &fault);
        memory_fail_after(UINT64_MAX);
        if (err == OK) break;
        CHECK(err == ERR_MEMORY || err == ERR_LIMIT);
        CHECK(fault.code[0] != '\0');
        CHECK(!file_exists(back_path));
    }
    CHECK_EQ(err, OK);
    CHECK_EQ(unmask_run("/nowhere", &key, back_path, &counts, NULL, &fault), ERR_NOT_FOUND);
}

int main(void) {
    snprintf(folder, sizeof folder, "/tmp/unmask_test.XXXXXX");
    if (!mkdtemp(folder)) return 1;
    snprintf(in_path, sizeof in_path, "%s/in.table", folder);
    snprintf(masked_path, sizeof masked_path, "%s/masked.table", folder);
    snprintf(back_path, sizeof back_path, "%s/back.table", folder);
    snprintf(report_path, sizeof report_path, "%s/report.json", folder);
    CHECK_RUN(columns_come_back_with_their_types);
    CHECK_RUN(text_comes_back_whatever_it_is);
    CHECK_RUN(one_layer_at_a_time);
    CHECK_RUN(needs_its_key);
    CHECK_RUN(names_the_projects_it_needs);
    CHECK_RUN(leaves_nothing_behind);
    struct fault fault = {0};
    if (folder_remove(folder, &fault) != OK) return 1;
    return check_done();
}
