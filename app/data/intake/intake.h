// Intake: a messy file becomes a table. CSV and TSV (any one-byte delimiter, quotes, CRLF, any of
// the encodings of base/text.h), JSON Lines and JSON, plain text, HTML tables, XLSX; plain, gzip or
// zstd; a zip of such files, which are put together. What a file is, is told by its content; its
// name decides where that leaves doubt. Header, types and dialect are guessed from the head of the
// file and may be overridden; a value that does not fit its column's type becomes missing and is
// told as row, column and sentence. When more than 1 % of a column's values do not fit the guessed
// type, the whole import runs again with that column as text (a type set by a person is kept).
// Streams: memory does not grow with the file.
// Depends on base/, data/table.h and data/language. One call, one thread plus its own workers.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "base/text.h"
#include "base/thread.h"
#include "data/table.h"

enum intake_format {
    FORMAT_GUESS,
    FORMAT_CSV,
    FORMAT_JSON_LINES,
    FORMAT_JSON, // one array of objects, or an object with one inside
    FORMAT_TEXT, // one column "text": a row a line, a paragraph or a file
    FORMAT_HTML, // a table, or the text as lines; Excel's XML of 2003, too
    FORMAT_XLSX, // cached values: formulas are not computed
    FORMAT_COUNT
};
enum intake_packing { PACKING_GUESS, PACKING_NONE, PACKING_GZIP, PACKING_ZSTD, PACKING_ZIP };
enum intake_header { HEADER_GUESS, HEADER_YES, HEADER_NO };
// What a row of FORMAT_TEXT is. A blank line is a row without a value; blank lines divide
// paragraphs.
enum intake_rows { ROWS_GUESS, ROWS_LINE, ROWS_PARAGRAPH, ROWS_FILE, ROWS_COUNT };

struct intake_column {
    struct str name;       // as in the file, made unique; "column_N" without a header
    struct str rename;     // "" : keep
    enum column_type type; // guessed, or as told
    bool type_told;
    bool skip; // leave the column out
    // Its dates are written 3/14/2025: guessed where all are and a day over 12 among them shows the
    // order; else such dates are text, for nobody can know which number is the month.
    bool month_first;
};
struct intake_options {
    enum intake_format format;
    enum intake_packing packing;
    enum encoding encoding; // ENCODING_UNKNOWN: guess
    enum intake_header header;
    enum intake_rows rows; // FORMAT_TEXT: ROWS_GUESS is ROWS_LINE
    struct str sheet;      // a sheet's name or number from 1; "" the first with data. FORMAT_HTML:
                           // a table's number, "" the largest
    struct str member;     // the packing is zip: one member of it; "" all
    struct str file_name;  // as people know it; its ending decides where the content leaves doubt
    char delimiter;        // '\0': guess
    char quote;            // '\0': guess; usually '"'
    struct str missing;    // more words that mean missing, comma-separated; "", NA, NULL, null,
                           // NaN, N/A and a lone - are known
    struct intake_column *columns; // by position; may be fewer than the file has
    uint32_t column_count;
    uint32_t threads; // 0: all
};
// Options from and to JSON: {"format":"csv","packing":"gzip","encoding":"gb18030","header":true,
// "delimiter":",","quote":"\"","missing":"","rows":"line","sheet":"","member":"","file_name":"",
// "columns":[{"name","rename","type","type_told","skip"}]}
// Absent members are guesses. ERR_INPUT "intake.bad_option" (detail: the member).
enum err intake_options_read(const struct json *node, struct arena *arena,
                             struct intake_options *out, struct fault *fault) MUST_USE;
void intake_options_write(struct json_writer *out, const struct intake_options *options);

// "notes" of a look and of an import's summary: [{"code","count","detail"}].
struct intake_note;
void intake_notes_write(struct json_writer *out, const struct intake_note *notes, uint32_t count);

// Looks at the head of the file (at most 1 MiB decoded): fills in what `told` leaves to guess, with
// the names and types of all columns, and up to `sample_limit` rows of cells as text.
struct intake_item {
    struct str name;
    uint64_t bytes;    // unpacked; of a sheet 0
    const char *state; // "used"; sheets: "visible", "hidden"; members: "differs", "unread",
                       // "archive", "encrypted"
};
// What a person should know of the file and no row tells.
struct intake_note {
    const char *code; // a message key: "xlsx.hidden_rows", …
    uint64_t count;
    char detail[FAULT_DETAIL_SIZE];
};
struct intake_guess {
    struct intake_options options;
    struct intake_item *items; // sheets of a workbook, members of a zip
    uint32_t item_count;
    struct intake_note *notes;
    uint32_t note_count;
    double encoding_confidence;
    uint64_t file_bytes;
    struct str *sample; // (sample_rows, options.column_count)
    uint32_t sample_rows;
};
enum err intake_look(const char *path, const struct intake_options *told, uint32_t sample_limit,
                     struct arena *arena, struct intake_guess *out, struct fault *fault) MUST_USE;

// The import itself. Kept faults go to `report_path` as JSON Lines ({"code","row","column",
// "detail"}, at most LIMIT_FAULTS_KEPT), counts into *result. Rows with too many or too few fields,
// unclosed quotes, undecodable bytes are faults; a row with too few fields is filled with missing,
// one with too many loses the surplus (told). Fatal: no rows ("intake.empty"), damaged packing
// ("intake.packing_damaged", with the byte position), over-long cell.
struct intake_result {
    uint64_t rows, bytes_read, bytes_decoded;
    uint64_t fault_count;
    uint64_t *fault_per_column;    // (options.column_count), in the arena
    uint64_t *value_per_column;    // (options.column_count), in the arena
    struct intake_options options; // as used in the end
    struct intake_note *notes;     // (note_count), in the arena
    uint32_t note_count;
};
enum err intake_run(const char *source_path, const struct intake_options *told,
                    const char *table_path, const char *report_path, struct progress *progress,
                    struct arena *arena, struct intake_result *result,
                    struct fault *fault) MUST_USE;

// Many files, or tables, as one table: those of the first's columns, by name in any order. Types
// are widened until all fit. ERR_INPUT "intake.columns_differ" (detail: file and column). Columns
// are told by name. With `source_column` a last column "source_file" tells where a row is from.
// Faults in the report have their "file". rows_each: (count).
struct intake_input {
    const char *path;
    struct str name;   // for people
    struct str member; // of a zip; "" : the file itself
};
enum err intake_gather(const struct intake_input *inputs, uint32_t count,
                       const struct intake_options *told, bool source_column,
                       const char *table_path, const char *report_path, struct progress *progress,
                       struct arena *arena, struct intake_result *result, uint64_t *rows_each,
                       struct fault *fault) MUST_USE;

// The other way: a table as CSV (UTF-8 with or without byte order mark, RFC 4180 quoting), as JSON
// Lines (a missing value is null, a date its ISO text), or the one column of text as lines (line
// breaks in a cell become blanks, a missing cell an empty line): the column "text", or the only one
// that is text, else ERR_INPUT "export.which_text".
enum export_format { EXPORT_CSV, EXPORT_CSV_MARK, EXPORT_JSON_LINES, EXPORT_TEXT };
// By a file name's ending; false: none of them.
bool export_format_of(const char *path, enum export_format *out);
// write() is called with pieces in order.
enum err table_export(struct table *table, enum export_format format,
                      enum err (*write)(void *ctx, const void *data, size_t size), void *ctx,
                      struct progress *progress, struct fault *fault) MUST_USE;
