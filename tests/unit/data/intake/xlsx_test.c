// Workbooks as their producers write them, and as they should not.
#include "data/intake/xlsx_private.h"

#include <stdlib.h>

#include "support/import_check.h"
#include "support/zip_writer.h"

static const char styles[] =
    "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy&quot;年&quot;m&quot;月&quot;"
    "d&quot;日&quot;\"/></numFmts><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"164\"/>"
    "<xf numFmtId=\"22\"/><xf numFmtId=\"21\"/></cellXfs></styleSheet>";

static void check_book(const struct xlsx_parts *parts, const char *want, int line) {
    struct zip_writer zip;
    zip_writer_open(&zip);
    zip_writer_workbook(&zip, parts);
    zip_writer_finish(&zip);
    import_check(zip.data, zip.size, want, __FILE__, line);
    zip_writer_close(&zip);
}
#define BOOK(want, ...) check_book(&(struct xlsx_parts){__VA_ARGS__}, want, __LINE__)

static void refuse_book(const struct xlsx_parts *parts, const char *code) {
    struct zip_writer zip;
    zip_writer_open(&zip);
    zip_writer_workbook(&zip, parts);
    zip_writer_finish(&zip);
    REFUSES(zip.data, zip.size, code);
    zip_writer_close(&zip);
}

#define SHEET(rows) "<worksheet><sheetData>" rows "</sheetData></worksheet>"
#define HEAD "<row><c t=\"str\"><v>a</v></c><c t=\"str\"><v>b</v></c></row>"

static void cells(void) {
    BOOK("id,名,n\n1,x z,1.5\n2,\"q,\"\"\"\"\n\",0.1\n",
         .sheet =
             SHEET("<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"inlineStr\"><is>"
                   "<t>名</t></is></c><c r=\"C1\" t=\"str\"><v>n</v></c></row>"
                   "<row r=\"2\"><c r=\"A2\"><v>1</v></c><c r=\"B2\" t=\"s\"><v>1</v></c>"
                   "<c r=\"C2\"><f>A2*1.5</f><v>1.5</v></c></row>"
                   "<row r=\"5\"><c r=\"A5\"><v>2</v></c><c r=\"B5\" t=\"s\"><v>2</v></c>"
                   "<c r=\"C5\"><v>0.10000000000000001</v></c></row>"),
         .strings = "<sst><si><t>id</t></si><si><r><t>x</t></r><r><t> z</t></r><rPh sb=\"0\"><t>y"
                    "</t></rPh></si><si><t>q,\"&quot;_x000A_</t></si></sst>");
    BOOK("a,b\n13800138000,true\n1e+20,false\n",
         .sheet = SHEET(HEAD "<row><c><v>1.3800138E10</v></c><c t=\"b\"><v>1</v></c></row>"
                             "<row><c><v>1E20</v></c><c t=\"b\"><v>0</v></c></row>"));
}

static void dates(void) {
    static const char sheet[] = SHEET(
        "<row><c t=\"str\"><v>d</v></c><c t=\"str\"><v>t</v></c><c t=\"str\"><v>c</v></c></row>"
        "<row><c s=\"1\"><v>45293</v></c><c s=\"2\"><v>45293.128530092596</v></c><c s=\"3\"><v>"
        "0.5</v></c></row><row><c s=\"1\"><v>59</v></c><c s=\"2\"><v>61</v></c><c s=\"3\"><v>"
        "0.99999999</v></c></row>");
    BOOK("d,t,c\n2024-01-02,2024-01-02 03:05:05,12:00:00\n1900-02-28,1900-03-01 00:00:00,"
         "1900-01-01 00:00:00\n",
         .sheet = sheet, .styles = styles);
    BOOK("d,t,c\n2028-01-03,2028-01-03 03:05:05,12:00:00\n1904-02-29,1904-03-02 00:00:00,"
         "1904-01-02 00:00:00\n",
         .sheet = sheet, .styles = styles,
         .workbook = "<workbook><workbookPr date1904=\"1\"/><sheets><sheet name=\"s\" "
                     "sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>");
    BOOK("a,b\n2024-01-02 03:04:05,1\n",
         .sheet =
             SHEET(HEAD "<row><c t=\"d\"><v>2024-01-02T03:04:05</v></c><c><v>1</v></c></row>"));
}

static void formats(void) {
    static const struct {
        const char *code;
        enum xlsx_style style;
    } known[] = {
        {"General", STYLE_NUMBER},
        {"0.00E+00", STYLE_NUMBER},
        {"#,##0.00_);[Red](#,##0.00)", STYLE_NUMBER},
        {"0.00\"d\"", STYLE_NUMBER},
        {"[h]:mm:ss", STYLE_NUMBER},
        {"yyyy-mm-dd", STYLE_DATE},
        {"[$-F800]dddd, mmmm dd, yyyy", STYLE_DATE},
        {"yyyy\"年\"m\"月\"", STYLE_DATE},
        {"mmm-yy;@", STYLE_DATE},
        {"m/d/yy h:mm", STYLE_TIME},
        {"yyyy\\-mm\\-dd\\ hh:mm:ss", STYLE_TIME},
        {"h:mm AM/PM", STYLE_CLOCK},
        {"mm:ss.0", STYLE_CLOCK},
        {"[Red]0", STYLE_NUMBER},
        {"@", STYLE_NUMBER},
        {"G/通用格式", STYLE_NUMBER},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        enum xlsx_style style = xlsx_format_style(str_of(known[i].code));
        check_that(style == known[i].style, __FILE__, __LINE__, "%s: %d", known[i].code, style);
    }
}

static void without_values(void) {
    BOOK("a,b\n1,\n2,\n3,\n4,x\n",
         .sheet = SHEET(HEAD "<row><c><v>1</v></c><c><f>1+1</f></c></row><row><c><v>2</v></c>"
                             "<c t=\"e\"><v>#DIV/0!</v></c></row><row><c><v>3</v></c><c t=\"e\">"
                             "<v>#N/A</v></c></row><row><c><v>4</v></c><c t=\"str\"><f>\"x\"</f>"
                             "<v>x</v></c></row>"));
    struct str faults = import_faults();
    CHECK_EQ(import_result.fault_count, 2);
    CHECK(
        str_starts(faults, STR("{\"code\":\"xlsx.formula_without_value\",\"row\":2,\"column\":2")));
    static const char second[] = "\"xlsx.error_value\",\"row\":3,\"column\":2";
    CHECK(memmem(faults.data, faults.size, second, strlen(second)) != NULL);
}

static void quirks(void) {
    // Prefixes, no references, rows without numbers, absent values, a byte order mark.
    BOOK("a,b\n,2\n3,\n",
         .sheet = "\xEF\xBB\xBF<?xml version=\"1.0\"?><!-- x > --><x:worksheet xmlns:x='q'>"
                  "<x:sheetData><x:row><x:c t='str'><x:v>a</x:v></x:c><x:c t='str'><x:v>b</x:v>"
                  "</x:c></x:row><x:row><x:c/><x:c><x:v>2</x:v></x:c></x:row><x:row><x:c><x:v>"
                  "<![CDATA[3]]></x:v></x:c></x:row></x:sheetData></x:worksheet>");
    // UTF-16.
    static const char text[] = SHEET(HEAD "<row><c><v>1</v></c><c><v>2</v></c></row>");
    char wide[2 * sizeof text + 2] = "\xFF\xFE";
    for (size_t i = 0; i + 1 < sizeof text; i++) wide[2 + 2 * i] = text[i];
    BOOK("a,b\n1,2\n", .sheet = wide, .sheet_size = 2 * sizeof text);
    // Parts by absolute paths with the wrong slashes, and no relationships at all.
    struct zip_writer zip;
    zip_writer_open(&zip);
    zip_writer_text(&zip, "[Content_Types].xml", "<Types/>");
    zip_writer_text(&zip, "xl\\worksheets\\Sheet7.xml", text);
    zip_writer_finish(&zip);
    IMPORTS(zip.data, zip.size, "a,b\n1,2\n");
    zip_writer_close(&zip);
}

static void sheets(void) {
    static const struct xlsx_parts two = {
        .sheet = SHEET("<row><c/></row>"),
        .second = SHEET(HEAD "<row><c><v>1</v></c><c><v>2</v></c></row>"),
    };
    static const struct xlsx_parts both = {
        .sheet = SHEET(HEAD "<row><c><v>3</v></c><c><v>4</v></c></row>"),
        .second = SHEET(HEAD "<row><c><v>1</v></c><c><v>2</v></c></row>"),
    };
    check_book(&two, "a,b\n1,2\n", __LINE__); // hidden, but the only one with values
    check_book(&both, "a,b\n3,4\n", __LINE__);
    import_options.sheet = STR("二");
    check_book(&both, "a,b\n1,2\n", __LINE__);
    import_options.sheet = STR("1");
    check_book(&both, "a,b\n3,4\n", __LINE__);
    import_options.sheet = STR("三");
    refuse_book(&both, "xlsx.no_such_sheet");
    import_options.sheet = STR_NONE;
    refuse_book(&(struct xlsx_parts){.sheet = SHEET("")}, "intake.empty");
}

static void large_claims(void) {
    // A million rows of nothing, and more that claim to stand below.
    enum { ROWS = 2 << 20 };
    char *sheet = malloc(ROWS * 8 + 1000), *to = sheet;
    to += sprintf(to, "<worksheet><dimension ref=\"A1:XFD1073741824\"/><sheetData>" HEAD
                      "<row><c><v>1</v></c><c r=\"B2\"><v>2</v></c><c r=\"XFD2\"/></row>");
    for (int i = 0; i < ROWS; i++) to = (char *)memcpy(to, "<row/>", 6) + 6;
    sprintf(to, "</sheetData></worksheet>");
    BOOK("a,b\n1,2\n", .sheet = sheet);
    free(sheet);
    refuse_book(
        &(struct xlsx_parts){.sheet = SHEET(HEAD "<row r=\"1048577\"><c><v>1</v></c></row>")},
        "xlsx.too_many_rows");
    BOOK("a,b\n1,2\n",
         .sheet = SHEET(HEAD "<row r=\"1048576\"><c><v>1</v></c><c><v>2</v></c></row>"));
    refuse_book(&(struct xlsx_parts){.sheet = SHEET(HEAD "<row><c r=\"XFD2\"><v>1</v></c></row>")},
                "intake.too_many_columns");
}

static void damage(void) {
    static const char *const wrong[] = {
        "<worksheet><sheetData><row><c><v>1</v>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><worksheet/>",
        "<worksheet><sheetData><row><c t=s><v>1</v></c></row></sheetData></worksheet>",
        "plain text",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct zip_writer zip;
        zip_writer_open(&zip);
        zip_writer_workbook(&zip, &(struct xlsx_parts){.sheet = wrong[i]});
        zip_writer_finish(&zip);
        CHECK(import_run(zip.data, zip.size) != OK);
        CHECK(import_fault.code[0] != '\0');
        zip_writer_close(&zip);
    }
    char deep[200 * 3 + 1];
    for (size_t i = 0; i < 200; i++) memcpy(deep + 3 * i, "<a>", 4);
    refuse_book(&(struct xlsx_parts){.sheet = deep}, "xml.damaged");
}

int main(void) {
    CHECK_RUN(cells);
    CHECK_RUN(dates);
    CHECK_RUN(formats);
    CHECK_RUN(without_values);
    CHECK_RUN(quirks);
    CHECK_RUN(sheets);
    CHECK_RUN(large_claims);
    CHECK_RUN(damage);
    return check_done();
}
