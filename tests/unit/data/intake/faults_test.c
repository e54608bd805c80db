// Every format with the n-th taking of memory failing, n = 0, 1, 2, …; and cancelled: an error that
// is told, no table, no file left behind, and in the end the right rows.
#include <dirent.h>
#include <stdlib.h>

#include "support/import_check.h"
#include "support/zip_writer.h"

static const char *bytes;
static size_t size;
static uint64_t rows;

static uint32_t files_left(void) {
    DIR *dir = opendir(import_folder());
    uint32_t count = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) count++;
    closedir(dir);
    return count - 2; // . and ..
}

static int step(void *ctx) {
    (void)ctx;
    enum err err = import_run(bytes, size);
    if (err == OK) {
        CHECK_EQ(import_result.rows, rows);
        return 0;
    }
    CHECK_EQ(err, ERR_MEMORY);
    CHECK(import_fault.code[0] != '\0');
    CHECK_EQ(files_left(), 1); // the source
    return 1;
}

static void loop(const void *data, size_t data_size, uint64_t want_rows) {
    bytes = data, size = data_size, rows = want_rows;
    import_options.threads = 1;
    uint64_t met = check_faults(memory_fail_after, step, NULL);
    CHECK(met > 5);
    import_options = (struct intake_options){0};
}

static void workbooks(void) {
    struct zip_writer zip;
    zip_writer_open(&zip);
    zip_writer_workbook(
        &zip,
        &(struct xlsx_parts){
            .sheet = "<worksheet><sheetData><row><c t=\"s\"><v>0</v></c></row><row><c><v>1</v>"
                     "</c></row></sheetData></worksheet>",
            .strings = "<sst><si><t>a</t></si></sst>",
            .styles = "<styleSheet><cellXfs><xf numFmtId=\"14\"/></cellXfs></styleSheet>",
        });
    zip_writer_finish(&zip);
    loop(zip.data, zip.size, 1);
    struct zip_writer outer;
    zip_writer_open(&outer);
    zip_writer_add(&outer, "book.xlsx", zip.data, zip.size, false);
    zip_writer_finish(&outer);
    loop(outer.data, outer.size, 1);
    zip_writer_close(&outer);
    zip_writer_close(&zip);
}

static void archives(void) {
    struct zip_writer zip;
    zip_writer_open(&zip);
    zip_writer_text(&zip, "a.csv", "id,v\n1,1\n");
    zip_writer_text(&zip, "b.csv", "v,id\n2.5,x\n");
    zip_writer_finish(&zip);
    loop(zip.data, zip.size, 2);
    zip_writer_close(&zip);
    zip_writer_open(&zip);
    zip_writer_text(&zip, "a.txt", "一\n二");
    zip_writer_text(&zip, "b.txt", "三");
    zip_writer_finish(&zip);
    loop(zip.data, zip.size, 3);
    zip_writer_close(&zip);
}

#define LOOP(text, want) loop((text), strlen(text), (want))

static void texts(void) {
    LOOP("<table><tr><td>a<td>b<tr><td>1<td>x</table>", 1);
    LOOP("<html><p>a</p><p>b</p></html>", 2);
    LOOP("[{\"a\":1},\n{\"a\":2}]", 2);
    import_options.rows = ROWS_PARAGRAPH;
    LOOP("a\nb\n\nc\n", 2);
    import_options.rows = ROWS_LINE;
    LOOP("a\nb\n\nc\n", 4);
}

int main(void) {
    (void)import_folder();
    CHECK_RUN(workbooks);
    CHECK_RUN(archives);
    CHECK_RUN(texts);
    return check_done();
}
