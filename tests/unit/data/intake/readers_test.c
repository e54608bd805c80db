// Text, JSON and HTML as tables, and archives of files.
#include "data/intake/readers_private.h"

#include <stdlib.h>

#include "support/import_check.h"
#include "support/scratch.h"
#include "support/zip_writer.h"

static void text(void) {
    import_options.format = FORMAT_TEXT;
    IMPORTS_TEXT("一\n\n-\nNA\r\n1,\"2\n", "text\n一\n\"\"\n-\nNA\n\"1,\"\"2\"\n");
    import_options.rows = ROWS_PARAGRAPH;
    IMPORTS_TEXT("\n\na\nb\n \n\n c \r\n\r\nd", "text\n\"a\nb\"\nc\nd\n");
    import_options.rows = ROWS_FILE;
    IMPORTS_TEXT("a\n\nb,\"\n", "text\n\"a\n\nb,\"\"\"\n");
    size_t size = LIMIT_CELL_BYTES + 10;
    char *big = malloc(size);
    memset(big, 'x', size);
    REFUSES(big, size, "intake.cell_too_long");
    free(big);
    import_options = (struct intake_options){0};
}

static void text_is_told_from_tables(void) {
    import_options.file_name = STR("notes.txt");
    IMPORTS_TEXT("first, line\nsecond\n", "text\n\"first, line\"\nsecond\n");
    IMPORTS_TEXT("id\tn\n1\t2\n3\t4\n", "id,n\n1,2\n3,4\n");
    IMPORTS_TEXT("id,n,x\n1,2,3\n3,4,5\n", "id,n,x\n1,2,3\n3,4,5\n");
    import_options.file_name = STR("names.csv");
    IMPORTS_TEXT("名\n张三\n李四\n", "名\n张三\n李四\n");
    import_options.file_name = STR("export.xls");
    IMPORTS_TEXT("\xB1\xE0\xBA\xC5\t\xD0\xD5\xC3\xFB\n1\t\xD5\xC5\xC8\xFD\n",
                 "编号,姓名\n1,张三\n");
    IMPORTS_TEXT("<html><table><tr><td>a<td>b<tr><td>1<td>2</table>", "a,b\n1,2\n");
    REFUSES("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 old", 12, "intake.old_office");
    import_options.file_name = STR_NONE;
}

static void json(void) {
    IMPORTS_TEXT("[{\"a\": 1,\n \"b\": \"x]}\\\"\"}, {\"a\":2,\"b\":[1,{\"c\":2}]}]",
                 "a,b\n1,\"x]}\"\"\"\n2,\"[1,{\"\"c\"\":2}]\"\n");
    IMPORTS_TEXT("{\"code\":0,\n\"data\":{\"x\":[1,2],\"rows\":[{\"n\":\"01\"},{\"n\":\"2\"}]},"
                 "\"more\":[{\"n\":3}]}",
                 "n\n01\n2\n");
    IMPORTS_TEXT("{\"a\":1}\n{\"a\":2}\n", "a\n1\n2\n");
    import_options.format = FORMAT_JSON;
    REFUSES("[1,2,3]", 7, "json.no_rows");
    import_options.format = FORMAT_GUESS;
}

static void html(void) {
    IMPORTS_TEXT("<table><tr><td>menu</table><TABLE><tr><th>编号<th colspan=2>名</tr><tr><td "
                 "rowspan=2>1</td><td>张&nbsp; 三&lt;<td>a<br>b</tr>\n<tr><td>李四"
                 "</td></tr><tr></tr><tr><td>3<td><td>c</table>",
                 "编号,名,column_3\n1,张 三<,\"a\nb\"\n,李四,\n3,,c\n");
    IMPORTS_TEXT("<html><script>if (a<b) '<table>'</script><p>第一段，a</p><p>第二段</p></html>",
                 "text\n第一段，a\n第二段\n");
    IMPORTS_TEXT("<?xml version=\"1.0\"?><Workbook xmlns=\"urn:schemas-microsoft-com:office:"
                 "spreadsheet\"><Worksheet><Table><Row><Cell><Data>a</Data></Cell><Cell><Data>b"
                 "</Data></Cell></Row><Row><Cell ss:Index=\"2\"><Data>2</Data></Cell></Row>"
                 "</Table></Worksheet></Workbook>",
                 "a,b\n,2\n");
    import_options.sheet = STR("1");
    IMPORTS_TEXT("<html><table><tr><td>m</td></tr><tr><td>n</td></tr></table><table><tr><td>a<td>b"
                 "<tr><td>1<td>2</table>",
                 "m\nn\n");
    import_options.sheet = STR_NONE;
}

// A table of some megabytes goes through windows that are cut behind rows.
static void html_windows(void) {
    enum { ROWS = 60000 };
    char *page = malloc(ROWS * 100), *to = page;
    to += sprintf(to, "<table><tr><th>n</th><th>text</th></tr>");
    for (int i = 0; i < ROWS; i++) {
        to += sprintf(to, "<tr>\n  <td>%d</td>\n  <td>病人主诉头痛%d天</td>\n</tr>\n", i, i % 9);
    }
    to += sprintf(to, "</table>");
    CHECK_EQ(import_run(page, (size_t)(to - page)), OK);
    CHECK_EQ(import_result.rows, ROWS);
    CHECK_EQ(import_result.fault_count, 0);
    struct str csv = import_csv();
    CHECK(str_ends(csv, STR("59999,病人主诉头痛5天\n")));
    free(page);
}

static void archives(void) {
    struct zip_writer zip;
    zip_writer_open(&zip);
    zip_writer_text(&zip, "0readme.txt", "what this is");
    zip_writer_text(&zip, "a.csv", "id,v\n007,1\n");
    zip_writer_text(&zip, "d/b.tsv", "v\tid\n2.5\t8\n");
    zip_writer_text(&zip, "c.csv", "x,y\n1,2\n");
    zip_writer_text(&zip, "__MACOSX/a.csv", "junk");
    zip_writer_finish(&zip);
    IMPORTS(zip.data, zip.size, "id,v,source_file\n007,1,a.csv\n8,2.5,d/b.tsv\n");
    CHECK_EQ(import_result.note_count, 1);
    CHECK_STR(import_result.notes[0].code, "zip.left_out");
    CHECK_STR(import_result.notes[0].detail, "c.csv, 0readme.txt");
    import_options.member = STR("c.csv");
    IMPORTS(zip.data, zip.size, "x,y\n1,2\n");
    import_options.member = STR("none");
    REFUSES(zip.data, zip.size, "zip.no_such_member");
    import_options.member = STR_NONE;
    struct zip_writer outer;
    zip_writer_open(&outer);
    zip_writer_add(&outer, "inner.zip", zip.data, zip.size, false);
    zip_writer_finish(&outer);
    REFUSES(outer.data, outer.size, "zip.nested");
    zip_writer_close(&outer);
    zip_writer_open(&outer);
    zip_writer_add(&outer, "inner.dat", zip.data, zip.size, false);
    zip_writer_finish(&outer);
    REFUSES(outer.data, outer.size, "zip.nested");
    zip_writer_close(&outer);
    zip_writer_close(&zip);
    zip_writer_open(&zip);
    zip_writer_text(&zip, "1.txt", "一\n二\n");
    zip_writer_text(&zip, "2.txt", "\xC8\xFD\xBF\xC9\xD2\xD4"); // GBK
    zip_writer_finish(&zip);
    IMPORTS(zip.data, zip.size, "text,source_file\n一,1.txt\n二,1.txt\n三可以,2.txt\n");
    import_options.rows = ROWS_FILE;
    IMPORTS(zip.data, zip.size, "text,source_file\n\"一\n二\",1.txt\n三可以,2.txt\n");
    import_options.rows = ROWS_GUESS;
    zip_writer_close(&zip);
}

static void looks(void) {
    struct zip_writer zip;
    struct arena *arena;
    struct intake_guess guess;
    struct fault fault = {0};
    zip_writer_open(&zip);
    zip_writer_text(&zip, "a.csv", "id,v\n1,1\n");
    zip_writer_text(&zip, "b.csv", "id,w\n1,1\n");
    zip_writer_text(&zip, "c.rar", "Rar");
    zip_writer_finish(&zip);
    CHECK_EQ(import_run(zip.data, zip.size), OK);
    CHECK_EQ(arena_open(64 << 20, &arena), OK);
    CHECK_EQ(intake_look(import_source(), &import_options, 5, arena, &guess, &fault), OK);
    CHECK_EQ(guess.options.packing, PACKING_ZIP);
    CHECK_EQ(guess.item_count, 3);
    CHECK_STR(guess.items[0].state, "used");
    CHECK_STR(guess.items[1].state, "differs");
    CHECK_STR(guess.items[2].state, "archive");
    arena_close(arena);
    zip_writer_close(&zip);
}

static void gathers_tables_and_files(void) {
    static const char one[] = "d,n,t\n2024-01-02,1,7\n";
    static const char two[] = "t,d,n\n007,2024-01-02 03:04:05,2.5\n,,\n";
    char first[300], second[300], table[300];
    struct arena *arena;
    uint64_t rows[3];
    CHECK_EQ(arena_open(256 << 20, &arena), OK);
    snprintf(first, sizeof first, "%s/1.csv", import_folder());
    snprintf(second, sizeof second, "%s/2.csv", import_folder());
    snprintf(table, sizeof table, "%s/table", import_folder());
    scratch_write(first, one, strlen(one));
    scratch_write(second, two, strlen(two));
    const struct intake_input inputs[3] = {{first, STR("1.csv"), STR_NONE},
                                           {second, STR("2.csv"), STR_NONE},
                                           {first, STR("1.csv"), STR_NONE}};
    struct intake_result result = {0};
    struct fault fault = {0};
    (void)!remove(table);
    CHECK_EQ(intake_gather(inputs, 3, &import_options, false, table, "", NULL, arena, &result, rows,
                           &fault),
             OK);
    CHECK_STR(fault.code, "");
    struct str csv = import_csv();
    const char *want = "d,n,t\n2024-01-02 00:00:00,1,7\n2024-01-02 03:04:05,2.5,007\n,,\n"
                       "2024-01-02 00:00:00,1,7\n";
    check_bytes(csv.data, csv.size, want, strlen(want), __FILE__, __LINE__, "table");
    CHECK(rows[0] == 1 && rows[1] == 2 && rows[2] == 1 && result.rows == 4);
    arena_close(arena);
}

int main(void) {
    CHECK_RUN(text);
    CHECK_RUN(text_is_told_from_tables);
    CHECK_RUN(json);
    CHECK_RUN(html);
    CHECK_RUN(html_windows);
    CHECK_RUN(archives);
    CHECK_RUN(looks);
    CHECK_RUN(gathers_tables_and_files);
    return check_done();
}
