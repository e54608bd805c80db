// decode, html, normalise over tables: cells, reasons, columns, refusals.
#include "base/file.h"
#include "check.h"
#include "support/recipe_run.h"
#include "support/small_table.h"

// The table after the recipe, as text; "code@line(detail)" if it fails.
static const char *after(const char *table, const char *recipe_text) {
    small_table_write(recipe_in, table);
    return recipe_rows(recipe_text, &(struct cleanse_options){.threads = 2}, true);
}

// The count that the last report gives for a reason; 0 if it is not there.
static int reason(const char *code) {
    struct file_map map;
    struct fault fault = {0};
    char look[64];
    int count = 0;
    if (!CHECK(file_map(recipe_report, &map, &fault) == OK)) return -1;
    int size = snprintf(look, sizeof look, "{\"code\":\"%s\",\"count\":", code);
    const char *at = memmem(map.data, map.size, look, (size_t)size);
    if (at) count = (int)strtol((const char *)at + size, NULL, 10);
    file_unmap(&map);
    return count;
}

static void garbled_text_is_mended(void) {
    CHECK_STR(
        after("a:text|b:text\n澶寸棝涓夊ぉ|Café\n头痛|CafÃ©\n", "recipe 1\ndecode auto mojibake\n"),
        "a:text|b:text\n头痛三天|Café\n头痛|Café\n");
    CHECK_EQ(reason("decode.utf8_as_gbk"), 1);
    CHECK_EQ(reason("decode.utf8_as_latin"), 1);
    CHECK_STR(after("a:text\n澶寸棝涓夊ぉ\n", "recipe 1\ndecode auto\n"), "a:text\n澶寸棝涓夊ぉ\n");
    CHECK_STR(after("a:text\n姓名锟斤拷\n", "recipe 1\ndecode mojibake\n"),
              "a:text\n姓名\xEF\xBF\xBD\xEF\xBF\xBD\n");
    CHECK_EQ(reason("decode.unreadable"), 1);
    CHECK_EQ(reason("decode.lost"), 1);
}

static void html_becomes_text(void) {
    CHECK_STR(after("a:text|b:text\n<p>头痛&lt;3天</p><script>x</script>|a<b\n<br>|<i>y</i>\n||\n",
                    "recipe 1\nhtml\n"),
              "a:text|b:text\n头痛<3天|a<b\n|y\n|\n");
    CHECK_EQ(reason("html.markup"), 3);
    CHECK_EQ(reason("html.references"), 1);
    CHECK_EQ(reason("html.skipped"), 1);
    CHECK_EQ(reason("html.emptied"), 1);
    const char *table = "a:text|b:text|c:integer\n<i>x</i>|<i>y</i>|1\n";
    CHECK_STR(after(table, "recipe 1\nhtml b\n"), "a:text|b:text|c:integer\n<i>x</i>|y|1\n");
    CHECK_STR(after(table, "recipe 1\nhtml columns=a\n"),
              "a:text|b:text|c:integer\nx|<i>y</i>|1\n");
    CHECK_STR(after(table, "recipe 1\nfield text=a\nhtml text\n"),
              "a:text|b:text|c:integer\nx|<i>y</i>|1\n");
    CHECK_STR(after(table, "recipe 1\nhtml text\n"), "a:text|b:text|c:integer\nx|y|1\n");
    CHECK_STR(after(table, "recipe 1\nhtml c\n"), "recipe.wrong_type@2(c)");
    CHECK_STR(after(table, "recipe 1\nhtml d\n"), "recipe.no_such_column@2(d)");
    CHECK_STR(after(table, "recipe 1\nhtml a b\n"), "recipe.unknown_option@2(b)");
}

static void text_in_one_form(void) {
    CHECK_STR(after("a:text|b:text\n Ｗ１，头痛,发热  |b\n　|ＡＢ\n", "recipe 1\nnormalise\n"),
              "a:text|b:text\nW1，头痛,发热|b\n|AB\n");
    CHECK_EQ(reason("normalise.width"), 2);
    CHECK_EQ(reason("normalise.emptied"), 1);
    CHECK_STR(after("a:text|b:text\n头痛,发热|ＡＢ\n", "recipe 1\nnormalise a punct\n"),
              "a:text|b:text\n头痛，发热|ＡＢ\n");
    CHECK_STR(after("a:text|b:text\n頭髮,ＡＢ|頭\n",
                    "recipe 1\nfield text=a\nnormalise text simplified width\n"),
              "a:text|b:text\n头发,AB|頭\n");
    CHECK_EQ(reason("normalise.simplified"), 1);
    CHECK_STR(after("a:text\n这里卫生\n", "recipe 1\nnormalise traditional region=hk\n"),
              "a:text\n這裏衞生\n");
    CHECK_STR(after("a:text\nx\n", "recipe 1\nnormalise simplified traditional\n"),
              "recipe.bad_option@2(traditional)");
    CHECK_STR(after("a:text\nx\n", "recipe 1\nnormalise a widht\n"),
              "recipe.unknown_option@2(width)");
    CHECK_STR(after("a:text\nx\n", "recipe 1\nnormalise region=cn\n"),
              "recipe.bad_option@2(region)");
}

int main(void) {
    recipe_files_make();
    CHECK_RUN(garbled_text_is_mended);
    CHECK_RUN(html_becomes_text);
    CHECK_RUN(text_in_one_form);
    return check_done();
}
