// XLSX: a workbook's sheets, one of them as CSV text. Cached values are taken, formulas are not
// computed. Shared strings stay in memory (XLSX_STRINGS_BYTES_MAX); rows stream. Rows and columns
// that hold nothing cost nothing. Source: ECMA-376 part 1 (SpreadsheetML), and what Excel, WPS,
// LibreOffice and the usual libraries write. Depends on zip and xml. One thread.
#pragma once

#include "data/intake/intake_private.h"

enum {
    XLSX_ROWS_MAX = 1 << 20,     // of a sheet: Excel's own
    XLSX_COLUMNS_MAX = 16 << 10, // and so
    XLSX_SHEETS_MAX = 1000,
    XLSX_STYLES_MAX = 65536,
    XLSX_STRINGS_BYTES_MAX = 256 << 20,
    XLSX_STRINGS_MAX = 32 << 20,
    // XML that may follow the last row that Excel knows, if it holds nothing.
    XLSX_EMPTY_BYTES_MAX = 16 << 20,
};
struct xlsx_sheet {
    struct str name, part; // in the arena
    bool hidden;
};
struct xlsx {
    const struct zip *zip;
    struct arena *arena;
    struct xlsx_sheet *sheets; // (sheet_count), in the workbook's order
    uint32_t sheet_count;
    bool from_1904;
    uint8_t *styles; // (style_count) enum xlsx_style
    uint32_t style_count;
    struct str strings_part, styles_part;
    char *strings; // the shared strings' bytes
    size_t strings_size, strings_room;
    uint32_t *ends; // (string_count) where each ends
    size_t string_count, string_room;
};
enum xlsx_style { STYLE_NUMBER, STYLE_DATE, STYLE_TIME, STYLE_CLOCK };

bool xlsx_is(const struct zip *zip);
// Sheets and styles. ERR_INPUT "xlsx.damaged", "xlsx.no_sheets"; *out lives until xlsx_close.
enum err xlsx_open(const struct zip *zip, struct arena *arena, struct xlsx **out,
                   struct fault *fault) MUST_USE;
void xlsx_close(struct xlsx *xlsx);
// A sheet by name or number from 1; "" the first that holds a value, a visible one if any does.
// ERR_INPUT "xlsx.no_such_sheet", "intake.empty".
enum err xlsx_choose(struct xlsx *xlsx, struct str told, uint32_t *out_sheet,
                     struct fault *fault) MUST_USE;
// ERR_LIMIT "xlsx.too_many_strings".
enum err xlsx_strings_read(struct xlsx *xlsx, struct fault *fault) MUST_USE;
// What a format code shows: '0.00' a number, 'yyyy"年"m"月"' a date, …
enum xlsx_style xlsx_format_style(struct str code);
// A serial day number as text: date, date with time, or time of day; false: out of range.
// Decodes _xHHHH_ in place; returns the new size.
size_t xlsx_unescape(char *text, size_t size);
bool xlsx_date_write(struct buf *out, double serial, enum xlsx_style style, bool from_1904);

struct xlsx_rows; // one sheet on its way
enum err xlsx_rows_open(struct xlsx *xlsx, uint32_t sheet, uint32_t width, struct notes *notes,
                        struct xlsx_rows **out, struct fault *fault) MUST_USE;
void xlsx_rows_close(struct xlsx_rows *rows);
// Appends records of CSV (',' and '"'), some 64 KiB; *out_ended when there are no more.
enum err xlsx_rows_next(struct xlsx_rows *rows, struct buf *out, bool *out_ended,
                        struct fault *fault) MUST_USE;
uint64_t xlsx_rows_packed(const struct xlsx_rows *rows); // bytes of the sheet's part read
