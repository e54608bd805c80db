// Whole imports: files in, tables out.
#include "data/intake/intake.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "check.h"

static char folder[64], source_path[96], table_path[96], report_path[96];
static struct arena *arena;
static struct intake_options options;
static struct intake_result result;
static struct fault fault;

static void put(const void *data, size_t size) {
    FILE *file = fopen(source_path, "wb");
    bool written = file && fwrite(data, 1, size, file) == size;
    if (file) written = fclose(file) == 0 && written;
    CHECK(written);
}

static enum err run(void) {
    fault = (struct fault){0};
    arena_reset(arena);
    unlink(table_path);
    unlink(report_path);
    return intake_run(source_path, &options, table_path, report_path, NULL, arena, &result, &fault);
}

static enum err add_bytes(void *ctx, const void *data, size_t size) {
    buf_add(ctx, data, size);
    return OK;
}

// The table as CSV, for comparing by eye.
static struct buf exported(void) {
    struct buf text;
    struct table *table;
    struct fault why = {0};
    buf_open(&text, 1 << 26);
    if (!CHECK_EQ(table_open(table_path, &table, &why), OK)) return text;
    CHECK_EQ(table_verify(table, &why), OK);
    CHECK_EQ(table_export(table, EXPORT_CSV, add_bytes, &text, NULL, &why), OK);
    table_close(table);
    return text;
}

static void check_import(const void *data, size_t size, const char *want, int line) {
    put(data, size);
    enum err err = run();
    if (!check_that(err == OK, __FILE__, line, "%s %s", err_name(err), fault.code)) return;
    struct buf text = exported();
    check_bytes(text.data, text.size, want, strlen(want), __FILE__, line, "table");
    buf_close(&text);
}
#define IMPORTS(text, want) check_import(text, sizeof(text) - 1, want, __LINE__)

static void check_report(const char *want, int line) {
    struct buf text;
    buf_open(&text, 1 << 20);
    CHECK_EQ(file_read(report_path, &text, NULL), OK);
    check_bytes(text.data, text.size, want, strlen(want), __FILE__, line, "report");
    buf_close(&text);
}
#define REPORTS(want) check_report(want, __LINE__)

static enum column_type type(uint32_t column) {
    return result.options.columns[column].type;
}

static void plain_files(void) {
    IMPORTS("id,name,when\n1,\"a,b\",2026-01-02\n2,\"say \"\"x\"\"\",\n", //
            "id,name,when\r\n1,\"a,b\",2026-01-02\r\n2,\"say \"\"x\"\"\",\r\n");
    CHECK_EQ(type(0), COLUMN_INTEGER);
    CHECK_EQ(type(2), COLUMN_DATE);
    CHECK_EQ(result.fault_count, 0);
    REPORTS("");
    // CRLF, no newline at the end, quoted line break, blank lines.
    IMPORTS("a;b\r\n\r\n1;\"x\r\ny\"\r\n2;z", "a,b\r\n1,\"x\r\ny\"\r\n2,z\r\n");
    IMPORTS("a\tb\n1\t2\n", "a,b\r\n1,2\r\n");
    IMPORTS("a|b\r1|2\r3|4\r", "a,b\r\n1,2\r\n3,4\r\n"); // an old Mac's line ends
    IMPORTS("1,2\n3,4\n", "column_1,column_2\r\n1,2\r\n3,4\r\n");
    IMPORTS("word\nyes\nno\n\"\"\n", "word\r\nyes\r\nno\r\n\"\"\r\n");
    IMPORTS("a,b\n'x,y',1\n'z','2'\n", "a,b\r\n\"x,y\",1\r\nz,2\r\n");
    // The month first, which the fourteenth shows; without such a day nobody knows.
    IMPORTS("when,x\n3/4/2025 1:20,a\n3/14/2025 1:05 PM,b\n",
            "when,x\r\n2025-03-04 01:20:00,a\r\n2025-03-14 13:05:00,b\r\n");
    CHECK(type(0) == COLUMN_TIME && result.options.columns[0].month_first);
    IMPORTS("when,x\n3/4/2025,a\n5/6/2025,b\n", "when,x\r\n3/4/2025,a\r\n5/6/2025,b\r\n");
    IMPORTS("a,a,,a\n1,2,3,4\n", "a,a_2,column_3,a_3\r\n1,2,3,4\r\n");
    IMPORTS("x,y\nNA,1\n-,2\nnull,3\n5,NaN\n6,\\N\n", "x,y\r\n,1\r\n,2\r\n,3\r\n5,\r\n6,\r\n");
}

static void identifiers(void) {
    IMPORTS("编号,身份证号,手机,金额\n00123,110101199003070015,13812345678,10.50\n"
            "00124,11010119900307002X,15900001111,7\n",
            "编号,身份证号,手机,金额\r\n00123,110101199003070015,13812345678,10.5\r\n"
            "00124,11010119900307002X,15900001111,7\r\n");
    CHECK(type(0) == COLUMN_TEXT && type(1) == COLUMN_TEXT && type(2) == COLUMN_TEXT);
    CHECK_EQ(type(3), COLUMN_NUMBER);
}

static void encodings(void) {
    const char *want = "姓名,年龄\r\n张三,5\r\n";
    IMPORTS("\xEF\xBB\xBF姓名,年龄\n张三,5\n", want);
    IMPORTS("\xD0\xD5\xC3\xFB,\xC4\xEA\xC1\xE4\n\xD5\xC5\xC8\xFD,5\n", want);
    CHECK_EQ(result.options.encoding, ENCODING_GB18030);
    IMPORTS("\xFF\xFE\xD3\x59\x0D\x54,\0\x74\x5E\x84\x9F\n\0\x20\x5F\x09\x4E,\0"
            "5\0\n\0",
            want);
    CHECK_EQ(result.options.encoding, ENCODING_UTF16LE);
    IMPORTS("\xA9\x6D\xA6\x57,\xA6\x7E\xC4\xD6\n\xB1\x69\xA4\x54,5\n", "姓名,年齡\r\n張三,5\r\n");
    // What cannot be decoded is told where it stands, and nothing around it is lost.
    options.encoding = ENCODING_UTF8;
    IMPORTS("a,b\nx\xFFy,1\n", "a,b\r\nx\uFFFDy,1\r\n");
    REPORTS("{\"code\":\"text.undecodable\",\"row\":2,\"column\":1,\"detail\":\"a\"}\n");
    options.encoding = ENCODING_UNKNOWN;
}

static void faults_are_told(void) {
    static char text[200000];
    size_t size = (size_t)snprintf(text, sizeof text, "n,d,t\n");
    for (int i = 0; i < 400; i++) {
        const char *number = i == 100 ? "x" : "7", *day = i == 200 ? "2026-02-30" : "2026-02-03";
        size += (size_t)snprintf(text + size, sizeof text - size, "%s,%s%s\n", number, day,
                                 i == 300   ? ""
                                 : i == 301 ? ",u,v"
                                            : ",u");
    }
    put(text, size);
    REQUIRE(run() == OK);
    CHECK_EQ(result.rows, 400);
    CHECK_EQ(result.fault_count, 4);
    CHECK(result.fault_per_column[0] == 1 && result.fault_per_column[1] == 1);
    REPORTS("{\"code\":\"intake.not_integer\",\"row\":102,\"column\":1,\"detail\":\"n\"}\n"
            "{\"code\":\"intake.not_date\",\"row\":202,\"column\":2,\"detail\":\"d\"}\n"
            "{\"code\":\"csv.too_few_fields\",\"row\":302,\"detail\":\"\"}\n"
            "{\"code\":\"csv.too_many_fields\",\"row\":303,\"detail\":\"\"}\n");
}

static void unclosed_quotes(void) {
    options.header = HEADER_YES;
    IMPORTS("a,b\n1,\"x\n2,y\n3,z\n", "a,b\r\n1,\"\"\"x\"\r\n2,y\r\n3,z\r\n");
    REPORTS("{\"code\":\"csv.unclosed_quote\",\"row\":2,\"column\":2,\"detail\":\"b\"}\n");
    // The same before megabytes of other lines.
    const size_t rows = 2000000;
    char *text = malloc(rows * 8 + 100);
    size_t size = (size_t)sprintf(text, "a,b\n1,\"x\n");
    for (size_t i = 0; i < rows; i++) size += (size_t)sprintf(text + size, "%zu,y\n", i % 1000);
    put(text, size);
    CHECK_EQ(run(), OK);
    CHECK_EQ(result.rows, rows + 1);
    CHECK_EQ(result.fault_count, 1);
    options.header = HEADER_GUESS;
    // Only quotes that are never closed: no CSV, and no endless work.
    for (size_t i = 0; i < size; i += 2) text[i] = '"', text[i + 1] = i % 200 ? 'x' : '\n';
    options.format = FORMAT_CSV;
    text[0] = 'a', text[1] = ',';
    put(text, size);
    enum err err = run();
    CHECK(err == OK || err == ERR_INPUT || err == ERR_LIMIT);
    options.format = FORMAT_GUESS;
    free(text);
}

static void limits(void) {
    size_t size = LIMIT_CELL_BYTES + 100;
    char *text = malloc(20 * size);
    size_t at = (size_t)sprintf(text, "a,b\n1,2\n3,");
    memset(text + at, 'x', size);
    text[at + size] = '\n';
    put(text, at + size + 1);
    CHECK_EQ(run(), ERR_LIMIT);
    CHECK_STR(fault.code, "intake.cell_too_long");
    CHECK(fault.row == 3 && fault.column == 2);
    CHECK(!file_exists(table_path));
    memset(text, 'x', 20 * size);
    put(text, 20 * size); // one line without end
    CHECK_EQ(run(), ERR_LIMIT);
    CHECK_STR(fault.code, "text.line_too_long");
    options.format = FORMAT_CSV;
    CHECK_EQ(run(), ERR_LIMIT);
    CHECK_STR(fault.code, "csv.record_too_long");
    options.format = FORMAT_JSON_LINES;
    CHECK_EQ(run(), ERR_LIMIT);
    CHECK_STR(fault.code, "json_lines.too_long");
    options.format = FORMAT_GUESS;
    memset(text, ',', 5000);
    text[5000] = '\n';
    put(text, 5001);
    options.delimiter = ',';
    CHECK_EQ(run(), ERR_LIMIT);
    CHECK_STR(fault.code, "intake.too_many_columns");
    options.delimiter = '\0';
    put("", 0);
    CHECK_EQ(run(), ERR_INPUT);
    CHECK_STR(fault.code, "intake.empty");
    put(" \n\n", 3);
    CHECK_EQ(run(), ERR_INPUT);
    options.header = HEADER_YES;
    put("a,b\n", 4);
    CHECK_EQ(run(), ERR_INPUT);
    CHECK_STR(fault.code, "intake.empty");
    options.header = HEADER_GUESS;
    unlink(source_path);
    CHECK_EQ(run(), ERR_NOT_FOUND);
    free(text);
}

// Types that the head of the file promised and the rest does not keep.
static void types_change(void) {
    const size_t rows = 600000;
    char *text = malloc(rows * 24);
    size_t size = (size_t)sprintf(text, "whole,half,few,day\n");
    for (size_t i = 0; i < rows; i++) {
        size += (size_t)sprintf(text + size, "%zu,%s,%s,%s\n", i, i == rows - 5 ? "2.5" : "2",
                                i % 1000 == 999 && i > rows / 2 ? "x" : "3",
                                i > rows / 2 && i % 3 == 0 ? "later" : "20260102");
    }
    put(text, size);
    free(text);
    REQUIRE(run() == OK);
    CHECK_EQ(result.rows, rows);
    CHECK_EQ(type(0), COLUMN_INTEGER);
    CHECK_EQ(type(1), COLUMN_NUMBER); // one fraction: nothing is lost by taking it
    CHECK_EQ(type(2), COLUMN_INTEGER);
    CHECK_EQ(type(3), COLUMN_TEXT); // more than 1 % are no dates
    CHECK_EQ(result.fault_count, 300);
    CHECK_EQ(result.fault_per_column[2], 300);
    // A type a person chose stays.
    struct intake_column told[4] = {[3] = {.type = COLUMN_DATE, .type_told = true}};
    options.columns = told;
    options.column_count = 4;
    REQUIRE(run() == OK);
    CHECK_EQ(type(3), COLUMN_DATE);
    CHECK_EQ(result.fault_count, 300 + 100000 - 1);
    options.columns = NULL;
    options.column_count = 0;
}

static void told_options(void) {
    const char *json = "{\"header\":true,\"missing\":\"999, none\",\"columns\":[{\"type\":\"text\","
                       "\"type_told\":true,\"rename\":\"编号\"},{\"skip\":true},{}]}";
    struct json *tree = NULL;
    struct arena *own;
    REQUIRE(arena_open(1 << 20, &own) == OK);
    REQUIRE(json_parse(str_of(json), &tree, &fault) == OK);
    REQUIRE(intake_options_read(tree, own, &options, &fault) == OK);
    json_close(tree);
    IMPORTS("a,b,c\n7,secret,1\n8,secret,999\nnone,secret,3\n", "编号,c\r\n7,1\r\n8,\r\n,3\r\n");
    // What was used comes back as JSON, and says the same when read again.
    struct buf first, second;
    buf_open(&first, 1 << 20);
    buf_open(&second, 1 << 20);
    struct json_writer writer = json_writer_of(&first);
    intake_options_write(&writer, &result.options);
    REQUIRE(json_parse(buf_str(&first), &tree, &fault) == OK);
    REQUIRE(intake_options_read(tree, own, &options, &fault) == OK);
    json_close(tree);
    writer = json_writer_of(&second);
    intake_options_write(&writer, &options);
    CHECK_BYTES(second.data, second.size, first.data, first.size);
    static const char *const wrong[] = {
        "{\"delimiter\":\"ab\"}",
        "{\"delimiter\":\"\\n\"}",
        "{\"encoding\":\"ebcdic\"}",
        "{\"header\":1}",
        "{\"columns\":{}}",
        "{\"columns\":[{\"type\":\"float\"}]}",
        "{\"columns\":[{\"type_told\":true}]}",
        "{\"packing\":\"rar\"}",
        "[]",
        "{\"quote\":\",\",\"delimiter\":\",\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct intake_options untouched = {.threads = 77};
        REQUIRE(json_parse(str_of(wrong[i]), &tree, &fault) == OK);
        fault = (struct fault){0};
        CHECK_EQ(intake_options_read(tree, own, &untouched, &fault), ERR_INPUT);
        CHECK_STR(fault.code, "intake.bad_option");
        CHECK_EQ(untouched.threads, 77);
        json_close(tree);
    }
    options = (struct intake_options){0};
    buf_close(&first);
    buf_close(&second);
    arena_close(own);
}

static void json_lines(void) {
    IMPORTS("{\"a\":1,\"b\":\"x\\u60a3\",\"c\":[1,2]}\n\n{\"b\":null,\"a\":2.5,\"d\":\"007\"}\n",
            "a,b,c,d\r\n1,x患,\"[1,2]\",\r\n2.5,,,007\r\n");
    CHECK(type(0) == COLUMN_NUMBER && type(3) == COLUMN_TEXT);
    // A wrong line is told and left out; the first of two equal names counts.
    IMPORTS("{\"a\":1}\n{\"a\":}\n{\"a\":2,\"a\":3}\n", "a\r\n1\r\n2\r\n");
    REPORTS("{\"code\":\"json_lines.invalid\",\"row\":2,\"detail\":\"\"}\n"
            "{\"code\":\"json_lines.name_twice\",\"row\":3,\"detail\":\"\"}\n");
    // A string of digits is text; a member that comes late gets its column.
    const size_t rows = 200000;
    char *text = malloc(rows * 32);
    size_t size = 0;
    for (size_t i = 0; i < rows; i++) {
        size += (size_t)sprintf(text + size, "{\"n\":%zu,\"s\":\"%zu\"%s}\n", i, i % 10,
                                i == rows - 2 ? ",\"late\":true" : "");
    }
    put(text, size);
    free(text);
    REQUIRE(run() == OK);
    CHECK_EQ(result.rows, rows);
    CHECK_EQ(result.options.column_count, 3);
    CHECK(type(0) == COLUMN_INTEGER && type(1) == COLUMN_TEXT && type(2) == COLUMN_TEXT);
    CHECK_EQ(result.fault_count, 0);
}

static void packings(void) {
    static char packed[1000];
    const char *text = "a,b\n1,x\n2,y\n", *want = "a,b\r\n1,x\r\n2,y\r\n";
    z_stream gzip = {0};
    REQUIRE(deflateInit2(&gzip, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t sizes[2] = {4, 8}, size = 0, first_member = 0;
    const char *from = text;
    for (int member = 0; member < 2; member++) { // two members, one after the other
        gzip.next_in = (Bytef *)(uintptr_t)from, gzip.avail_in = (uInt)sizes[member];
        gzip.next_out = (Bytef *)packed + size, gzip.avail_out = (uInt)(sizeof packed - size);
        CHECK_EQ(deflate(&gzip, Z_FINISH), Z_STREAM_END);
        size = sizeof packed - gzip.avail_out;
        if (member == 0) first_member = size;
        from += sizes[member];
        deflateReset(&gzip);
    }
    deflateEnd(&gzip);
    check_import(packed, size, want, __LINE__);
    CHECK_EQ(result.options.packing, PACKING_GZIP);
    for (size_t cut = 5; cut < size; cut++) { // cut anywhere but between the members
        if (cut == first_member) continue;
        put(packed, cut);
        enum err err = run();
        CHECK(err == ERR_INPUT);
        CHECK(!file_exists(table_path));
    }
    packed[size - 12] ^= 0x55;
    put(packed, size);
    CHECK_EQ(run(), ERR_INPUT);
    CHECK_STR(fault.code, "intake.packing_damaged");
    CHECK(fault.column > 0);
    size = ZSTD_compress(packed, sizeof packed, text, strlen(text), 3);
    check_import(packed, size, want, __LINE__);
    CHECK_EQ(result.options.packing, PACKING_ZSTD);
    put(packed, size - 3);
    CHECK_EQ(run(), ERR_INPUT);
    CHECK_STR(fault.code, "intake.packing_damaged");
}

static struct buf table_bytes(void) {
    struct buf bytes;
    buf_open(&bytes, 1 << 28);
    CHECK_EQ(file_read(table_path, &bytes, NULL), OK);
    return bytes;
}

// Random, mostly well-formed CSV of a few megabytes.
static size_t random_csv(char *text, size_t most) {
    size_t size = 0;
    uint32_t columns = 1 + (uint32_t)check_below(6);
    while (size < most - 1000) {
        for (uint32_t i = 0; i < columns + (check_below(500) == 0); i++) {
            if (i) text[size++] = ',';
            switch (i == 0 ? 0 : check_below(7)) {
            case 0: size += (size_t)sprintf(text + size, "%d", (int)check_below(100000)); break;
            case 1: size += (size_t)sprintf(text + size, "%.3f", check_uniform() * 1000); break;
            case 2:
                size += (size_t)sprintf(text + size, "\"a \"\"b\"\",\n%d\"", (int)check_below(9));
                break;
            case 3: size += (size_t)sprintf(text + size, "\"plain\""); break;
            case 4: break;
            case 5:
                size += (size_t)sprintf(text + size, "2026-%02d-03", 1 + (int)check_below(13));
                break;
            default: size += (size_t)sprintf(text + size, "患者%d\"", (int)check_below(1000));
            }
        }
        if (check_below(10) == 0) text[size++] = '\r';
        text[size++] = '\n';
        if (check_below(300) == 0) text[size++] = '\n';
    }
    return size;
}

static void threads_do_not_show(void) {
    const size_t most = 5 << 20;
    char *text = malloc(most);
    for (int round = 0; round < 6; round++) {
        put(text, random_csv(text, most));
        struct buf want = {0}, want_report = {0};
        for (uint32_t threads = 1; threads <= 5; threads += 2) {
            options.threads = threads;
            options.header = HEADER_NO;
            REQUIRE(run() == OK);
            struct buf bytes = table_bytes(), report;
            buf_open(&report, 1 << 24);
            CHECK_EQ(file_read(report_path, &report, NULL), OK);
            if (threads == 1) {
                want = bytes, want_report = report;
                continue;
            }
            CHECK_EQ(bytes.size, want.size);
            CHECK(bytes.size == want.size && memcmp(bytes.data, want.data, want.size) == 0);
            CHECK(report.size == want_report.size &&
                  memcmp(report.data, want_report.data, report.size) == 0);
            buf_close(&bytes);
            buf_close(&report);
        }
        buf_close(&want);
        buf_close(&want_report);
    }
    options = (struct intake_options){0};
    free(text);
}

// What was exported imports to the same table, and that exports to the same text.
static void export_round_trips(void) {
    const size_t most = 1 << 20;
    char *text = malloc(most);
    for (int round = 0; round < 10; round++) {
        options.header = HEADER_NO;
        put(text, random_csv(text, most));
        REQUIRE(run() == OK);
        struct buf first = exported();
        options.header = HEADER_YES;
        options.delimiter = ',';
        options.quote = '"';
        put(first.data, first.size);
        REQUIRE(run() == OK);
        struct buf second = exported();
        CHECK_EQ(second.size, first.size);
        CHECK(second.size == first.size && memcmp(second.data, first.data, first.size) == 0);
        buf_close(&first);
        buf_close(&second);
        options = (struct intake_options){0};
    }
    free(text);
}

static int step(void *context) {
    (void)context;
    struct intake_result made = {.rows = 4711};
    struct arena *own;
    struct fault why = {0};
    unlink(table_path);
    if (arena_open(16 << 20, &own)) return 1;
    enum err err =
        intake_run(source_path, &options, table_path, report_path, NULL, own, &made, &why);
    if (err) {
        CHECK_EQ(err, ERR_MEMORY);
        CHECK(why.code[0] != '\0' && made.rows == 4711 && !file_exists(table_path));
    } else {
        CHECK_EQ(made.rows, 2);
    }
    arena_close(own);
    return err != OK;
}

static void memory_faults(void) {
    options.threads = 1;
    put("a,b\n1,x\n2,y\n", 12);
    uint64_t met = check_faults(memory_fail_after, step, NULL);
    CHECK(met > 20);
    put("{\"a\":1,\"b\":\"x\"}\n{\"a\":2}\n", 24);
    met = check_faults(memory_fail_after, step, NULL);
    CHECK_EQ(met > 20 ? 21 : met, 21);
    options.threads = 0;
}

static void disk_faults(void) {
    char *text = malloc(1 << 20);
    put(text, random_csv(text, 1 << 20));
    free(text);
    struct rlimit before, low;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t most = 0; most < 1 << 20; most += 100003) {
        low = (struct rlimit){most, before.rlim_max};
        setrlimit(RLIMIT_FSIZE, &low);
        enum err err = run();
        CHECK(err == OK || err == ERR_LIMIT || err == ERR_FULL);
        CHECK_EQ(file_exists(table_path), err == OK);
    }
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
}

static void cancel_and_progress(void) {
    struct progress progress = {0};
    put("a,b\n1,x\n2,y\n", 12);
    fault = (struct fault){0};
    unlink(table_path);
    CHECK_EQ(intake_run(source_path, &options, table_path, "", &progress, arena, &result, &fault),
             OK);
    CHECK(progress.rows == 2 && progress.done == 12 && progress.total == 12);
    CHECK_EQ(progress.phase, PHASE_DONE);
    progress.cancel = 1;
    unlink(table_path);
    CHECK_EQ(intake_run(source_path, &options, table_path, "", &progress, arena, &result, &fault),
             ERR_CANCELLED);
    CHECK_STR(fault.code, "intake.cancelled");
    CHECK(!file_exists(table_path));
}

static void look(void) {
    struct intake_guess guess;
    put("姓名;年龄\n张三;5\n李四;7\n", strlen("姓名;年龄\n张三;5\n李四;7\n"));
    REQUIRE(intake_look(source_path, &options, 1, arena, &guess, &fault) == OK);
    CHECK(guess.options.delimiter == ';' && guess.options.header == HEADER_YES);
    CHECK_EQ(guess.options.column_count, 2);
    CHECK_TEXT(guess.options.columns[0].name, "姓名");
    CHECK_EQ(guess.options.columns[1].type, COLUMN_INTEGER);
    REQUIRE(guess.sample_rows == 1);
    CHECK_TEXT(guess.sample[0], "张三");
    CHECK_TEXT(guess.sample[1], "5");
    CHECK(guess.encoding_confidence > 0.9);
}

static enum intake_header header_of(const char *text) {
    struct intake_guess guess = {0};
    put(text, strlen(text));
    CHECK_EQ(intake_look(source_path, &options, 1, arena, &guess, &fault), OK);
    return guess.options.header;
}

// Detectors are called by numbers; values that merely begin high are none of that.
static void names_that_are_numbers(void) {
    CHECK_EQ(header_of("773869,767541,767542\n64.4,67.6,67.1\n62.7,68.6,65.4\n"), HEADER_YES);
    CHECK_EQ(header_of("t,773869,767541,767542\n2012-03-01 00:00,64,67,67\n"
                       "2012-03-01 00:05,62,68,65\n"),
             HEADER_YES);
    CHECK_EQ(header_of("900,700,800\n64.4,67.6,500\n62.7,68.6,65.4\n"), HEADER_NO);
    CHECK_EQ(header_of("90,70,80\n6,7,5\n6,6,6\n"), HEADER_NO);
    CHECK_EQ(header_of("900,700\n6,7\n6,6\n"), HEADER_NO);
}

static uint64_t import_real(const char *name) {
    const char *data = getenv("COURTYARD_DATA");
    struct intake_result made;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", data ? data : "../shared/data", name);
    arena_reset(arena);
    unlink(table_path);
    fault = (struct fault){0};
    enum err err = intake_run(path, &options, table_path, "", NULL, arena, &made, &fault);
    if (!check_that(err == OK, __FILE__, __LINE__, "%s: %s", name, fault.code)) return 0;
    result = made;
    struct buf text = exported();
    buf_close(&text);
    return made.rows;
}

static void real_files(void) {
    const char *data = getenv("COURTYARD_DATA");
    if (!file_exists(data ? data : "../shared/data")) CHECK_SKIP("no data: set COURTYARD_DATA");
    CHECK_EQ(import_real("finance/bank_marketing.csv"), 4521);
    CHECK(result.options.delimiter == ';' && result.options.column_count == 17);
    CHECK_EQ(import_real("medical/pima_diabetes.csv"), 768);
    CHECK_EQ(result.options.header, HEADER_NO);
    CHECK_EQ(import_real("transport/los_speed.csv"), 2016);
    CHECK_EQ(result.options.header, HEADER_YES);
    CHECK_EQ(import_real("medical/breast_cancer_wdbc.csv"), 569);
    CHECK_EQ(result.options.column_count, 32);
    CHECK_EQ(import_real("medical/pbc_survival.csv"), 418);
    CHECK_EQ(import_real("urban/beijing_pm25.csv"), 43824);
    CHECK_EQ(import_real("transport/metro_interstate_traffic.csv"), 48204);
    CHECK_EQ(import_real("names_places/cluener_train.jsonl"), 10748);
    CHECK(import_real("text/jieba_dict.gbk") > 348000);
    CHECK(result.options.encoding == ENCODING_GB18030 && result.options.delimiter == ' ');
}

int main(void) {
    snprintf(folder, sizeof folder, "/tmp/courtyard_intake_test.%d", (int)getpid());
    mkdir(folder, 0700);
    snprintf(source_path, sizeof source_path, "%s/source", folder);
    snprintf(table_path, sizeof table_path, "%s/table", folder);
    snprintf(report_path, sizeof report_path, "%s/report", folder);
    if (arena_open(64 << 20, &arena)) return 1;
    CHECK_RUN(plain_files);
    CHECK_RUN(identifiers);
    CHECK_RUN(encodings);
    CHECK_RUN(faults_are_told);
    CHECK_RUN(unclosed_quotes);
    CHECK_RUN(limits);
    CHECK_RUN(types_change);
    CHECK_RUN(told_options);
    CHECK_RUN(json_lines);
    CHECK_RUN(packings);
    CHECK_RUN(threads_do_not_show);
    CHECK_RUN(export_round_trips);
    CHECK_RUN(memory_faults);
    CHECK_RUN(disk_faults);
    CHECK_RUN(cancel_and_progress);
    CHECK_RUN(look);
    CHECK_RUN(names_that_are_numbers);
    CHECK_RUN(real_files);
    arena_close(arena);
    (void)!folder_remove(folder, NULL);
    return check_done();
}
