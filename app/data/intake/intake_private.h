// The inside of intake: the stages a file goes through.
//
//   source   bytes of the file, unpacked, as UTF-8            (source.c, zip.c)
//   feed     text of records, made by a reader if need be      (feed.c, readers_private.h,
//            xlsx_private.h)
//   scan     where fields and records end, 64 bytes a step    (scan.c, scan_avx2.c)
//   fill     chunks of whole records, cut by the file alone   (fill.c)
//   parse    one chunk to batches, by any thread              (parse.c, json_lines.c)
//   import   the stages side by side, faults in order         (import.c)
//   look     dialect, header and types from the file's head   (look.c, guess.c)
#pragma once

#include <string.h>

#include "base/buf.h"
#include "data/intake/intake.h"
#include "data/intake/zip_private.h"

enum {
    // What intake_look reads, before decoding.
    SAMPLE_BYTES = 1 << 20,
    // Text of one chunk: its batches then have some ten thousand rows, and what is under way fits
    // in the caches of a core.
    CHUNK_BYTES = 1 << 20,
    // A record longer than this is none; more is read of an open quote before it counts as
    // unclosed.
    RECORD_BYTES_MAX = 8 << 20,
    // Quotes that are never closed and cost a scan of RECORD_BYTES_MAX each: then the file is no
    // CSV.
    UNCLOSED_QUOTES_MAX = 100,
    // Bytes of the file read at once, and unpacked bytes decoded at once.
    PIECE_BYTES = 256 << 10,
    DECODE_BYTES = 64 << 10,
    // The list of faults that are kept one by one.
    REPORT_BYTES_MAX = 4 << 20,
    // Bytes behind a chunk's text that may be read, not used.
    TEXT_SLACK = 64,
};

// --- source --------------------------------------------------------------------------------------

struct source;
// PACKING_GUESS looks at the first bytes. The source reads raw bytes until source_decode says how.
enum err source_open(const char *path, enum intake_packing packing, struct source **out,
                     struct fault *fault) MUST_USE;
// The zip and its file must live as long as the source.
enum err source_open_member(const struct zip *zip, const struct zip_member *member,
                            enum intake_packing packing, struct source **out,
                            struct fault *fault) MUST_USE;
// The first bytes, before any were read: packed as they are.
struct str source_head(const struct source *source);
void source_close(struct source *source);
enum intake_packing source_packing(const struct source *source);
uint64_t source_file_bytes(const struct source *source);
uint64_t source_bytes_read(const struct source *source);    // of the file, packed
uint64_t source_bytes_decoded(const struct source *source); // of UTF-8, handed out
uint64_t source_invalid(const struct source *source);       // undecodable sequences so far
// Unpacked, undecoded bytes; *out_size 0 at the end.
enum err source_raw(struct source *source, char *out, size_t room, size_t *out_size,
                    struct fault *fault) MUST_USE;
void source_decode(struct source *source, enum encoding encoding);
// UTF-8 text; room is at least SOURCE_ROOM_MIN. *out_size 0 at the end.
enum { SOURCE_ROOM_MIN = 4096 };
enum err source_text(struct source *source, char *out, size_t room, size_t *out_size,
                     struct fault *fault) MUST_USE;

// --- feed ----------------------------------------------------------------------------------------

// Things to tell of a file, each once with its count.
enum { NOTES_MAX = 8 };
struct notes {
    struct intake_note items[NOTES_MAX];
    uint32_t count;
};
void note_add(struct notes *notes, const char *code, uint64_t count); // code: a literal

// A zip, opened; a member of it, or that member opened as a zip (`inner`).
struct package {
    int fd;
    struct arena *arena;
    struct zip *zip;
    const struct zip_member *member;
};
enum err package_open(const char *path, struct str member, bool inner, struct package *out,
                      struct fault *fault) MUST_USE;
void package_close(struct package *package);

// UTF-8 text of records, whatever the file is: CSV as it stands, or made by a reader (',', '"').
struct feed;
// The options leave nothing to guess but packing. `width`: readers fill records up to it.
enum err feed_open(const char *path, const struct intake_options *options, uint32_t width,
                   struct feed **out, struct fault *fault) MUST_USE;
void feed_close(struct feed *feed);
// Room is at least SOURCE_ROOM_MIN. *out_size 0 at the end.
enum err feed_text(struct feed *feed, char *out, size_t room, size_t *out_size,
                   struct fault *fault) MUST_USE;
uint64_t feed_file_bytes(const struct feed *feed); // what feed_bytes_read ends at
uint64_t feed_bytes_read(const struct feed *feed);
uint64_t feed_bytes_decoded(const struct feed *feed);
uint64_t feed_invalid(const struct feed *feed);
const struct notes *feed_notes(const struct feed *feed);
// The sheets of a workbook as items, and the chosen one's name, in the arena.
struct looked;
enum err feed_sheets(const struct feed *feed, struct arena *arena, struct looked *out) MUST_USE;

// --- archive -------------------------------------------------------------------------------------

// Members that may hold data, tables before plain text: no folders, no hidden files, no archives.
// ERR_INPUT "zip.no_tables", ERR_LIMIT "zip.too_large". In the arena.
enum err archive_members(const struct zip *zip, struct arena *arena, uint32_t **out_members,
                         uint32_t *out_count, struct fault *fault) MUST_USE;
// Are they all plain text by their endings? Then they are read as one text.
bool archive_is_text(const struct zip *zip, const uint32_t *members, uint32_t count);
// What the archive holds and, told apart by a look at each, what would be read of it.
struct intake_guess;
enum err archive_items(const char *path, const struct intake_options *told, struct arena *arena,
                       struct intake_guess *guess, struct fault *fault) MUST_USE;
// The import of an archive whose members are tables.
enum err archive_run(const char *path, const struct intake_options *told, const char *table_path,
                     const char *report_path, struct progress *progress, struct arena *arena,
                     struct intake_result *result, struct fault *fault) MUST_USE;

// --- scan ----------------------------------------------------------------------------------------

// A quote opens only at a field's start, "" stands for a quote within, and what follows a closing
// quote is taken as it is. `quote` and `newline` are single bytes.
struct dialect {
    char delimiter, quote, newline;
    bool has_quote;
};
enum { SCAN_SLACK = 64 };
enum scan_state { SCAN_FIELD_START, SCAN_UNQUOTED, SCAN_QUOTED, SCAN_QUOTE_SEEN };

// Appends the positions (from `base` on) of all delimiters and newlines of text[0..size) that end a
// field; out has room for `size` + SCAN_SLACK of them. Returns their count. *state goes on from
// piece to piece.
size_t csv_scan(const struct dialect *dialect, enum scan_state *state, const char *text,
                size_t size, uint32_t base, uint32_t *out);
// The plain loop that defines what the fast ones do.
size_t csv_scan_reference(const struct dialect *dialect, enum scan_state *state, const char *text,
                          size_t size, uint32_t base, uint32_t *out);
size_t csv_scan_sse2(const struct dialect *dialect, enum scan_state *state, const char *text,
                     size_t size, uint32_t base, uint32_t *out);
size_t csv_scan_avx2(const struct dialect *dialect, enum scan_state *state, const char *text,
                     size_t size, uint32_t base, uint32_t *out);

// --- cells ---------------------------------------------------------------------------------------

// Where a cell's text came from; a JSON string never turns into a number.
enum cell_kind { CELL_PLAIN, CELL_QUOTED, CELL_STRING, CELL_NULL };
struct cell {
    struct str text;
    enum cell_kind kind;
};

// The field text[start..end) without its quotes; doubled quotes are joined in place.
// *out_unclosed: it began with a quote that was never closed, and is taken as it is.
struct cell csv_cell(const struct dialect *dialect, char *text, size_t start, size_t end,
                     bool *out_unclosed);

// What a reader puts where a cell has no value for a reason: CELL_MARK and the reason. No cell
// begins with it.
enum { CELL_MARK = 0x1A, MARK_ERROR = 'e', MARK_FORMULA = 'f' };
static inline bool cell_is_mark(struct str text) {
    return text.size == 2 && text.data[0] == CELL_MARK;
}

// Words that mean a missing value.
enum { MISSING_WORDS_MAX = 64 };
struct missing_words {
    struct str words[MISSING_WORDS_MAX];
    uint32_t count;
    size_t longest;
    bool first[256]; // bytes that one of the words begins with
    bool any_number; // one of the words reads as a number (999)
    bool marks;      // cells may be marks
};
// `more`: comma-separated, in the options' memory. ERR_LIMIT "intake.too_many_missing_words".
enum err missing_words_set(struct missing_words *words, struct str more,
                           struct fault *fault) MUST_USE;
bool cell_missing(const struct missing_words *words, const struct cell *cell);

// Does a cell's text fit a type? `told`: a person chose the type, so leading zeros and long numbers
// are taken, too. `out` is filled on success.
union cell_value {
    int64_t integer;
    double number;
    bool boolean;
};
bool cell_fits(struct str text, enum column_type type, bool told, union cell_value *out);
// Of dates and times whose month stands first.
bool cell_fits_month_first(struct str text, enum column_type type, union cell_value *out);
// What programs write for a number beyond all others. It tells nothing against a column of numbers,
// but is none that can be kept: such a cell is told of, and missing.
bool cell_is_infinity(struct str text);

// The short way for what most cells of numbers are: [-]digits[.digits], at most 8 characters behind
// the sign, no zero in front, nothing around it; all characters at once, without a loop whose end
// no branch predictor knows. The value is *out_mantissa / 10^*out_decimals. False: look closer.
// Eight bytes from s.data on must be readable, whatever s.size.
static inline bool cell_decimal(struct str s, int64_t *out_mantissa, uint32_t *out_decimals) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t negative = s.size > 0 && s.data[0] == '-';
    const char *at = s.data + negative;
    size_t size = s.size - negative;
    if (size - 1 >= 8) return false; // 0 wraps
    uint64_t word;
    memcpy(&word, at, 8);
    unsigned unused = 8 * (8 - (unsigned)size);
    // Digits at the top, the last one highest; zeros below. What is no digit gets its top bit.
    uint64_t digits = ((word << unused) ^ ones * 0x30) & (UINT64_MAX << unused);
    uint64_t strange = ((digits + ones * 0x76) | digits) & ones * 0x80;
    uint32_t decimals = 0;
    if (strange) { // one point, with a digit on both sides?
        unsigned point = (unsigned)__builtin_ctzll(strange) & ~7u;
        if ((strange & (strange - 1)) || (digits >> point & 0xFF) != ('.' ^ 0x30) || point == 56 ||
            point == unused) {
            return false;
        }
        uint64_t before = digits & ((UINT64_C(1) << point) - 1);
        digits = (digits & (UINT64_MAX << point << 8)) | before << 8;
        decimals = 7 - point / 8;
    }
    if (at[0] == '0' && size > 1 && at[1] != '.') return false;
    // Neighbours are joined to pairs, pairs to fours, fours to eights.
    digits = digits * 10 + (digits >> 8);
    digits = ((digits & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064) +
              (digits >> 16 & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001)) >>
             32;
    if (negative && digits == 0) return false; // -0 is no whole number
    *out_mantissa = negative ? -(int64_t)digits : (int64_t)digits;
    *out_decimals = decimals;
    return true;
}

// --- guess ---------------------------------------------------------------------------------------

// What was seen of a column's values.
struct type_counts {
    uint64_t values; // not missing
    uint64_t integers, numbers, booleans, dates, times, compact_dates, mobiles;
    uint64_t strings;                                       // JSON strings
    uint64_t identifiers;                                   // digits that a number would lose
    uint64_t american_dates, american_times, american_sure; // 3/14/2025; a day over 12
};
void type_count(struct type_counts *counts, const struct cell *cell);
enum column_type type_decide(const struct type_counts *counts, struct str name);
bool type_month_first(const struct type_counts *counts);

// Sample: cells of whole records, row by row, ragged.
struct sample {
    struct cell *cells;
    uint32_t *starts; // (row_count + 1) into cells
    uint32_t row_count;
};
// Cuts the decoded text (changed in place) into records. `whole`: the last record is complete.
enum err sample_csv(const struct dialect *dialect, char *text, size_t size, bool whole,
                    struct arena *arena, struct sample *out) MUST_USE;
void guess_dialect(struct str text, bool whole, const struct intake_options *told,
                   struct dialect *out);
// Is it text without columns? Content decides; the ending of `file_name` where it leaves doubt.
bool guess_text(struct str text, bool whole, struct str file_name);
bool guess_header(const struct sample *sample, const struct missing_words *missing);

// --- JSON Lines ----------------------------------------------------------------------------------

// One line as an object: for each member `member` is called with its decoded name and value;
// strings are decoded in place, objects and arrays are given as their text. Returns the position
// (from 1) of the first byte that is wrong, or 0. Members called before an error count for nothing.
size_t json_line_read(char *line, size_t size,
                      void (*member)(void *ctx, struct str name, struct cell value), void *ctx);

// Names of members by number, found by hash. Holds at most LIMIT_COLUMNS.
struct name_set {
    struct str *names; // (count), not owned
    uint32_t *slots;   // open addressing: number + 1; 0 is free
    uint32_t count;
};
enum err name_set_open(struct arena *arena, struct name_set *out) MUST_USE;
uint32_t name_set_find(const struct name_set *set, struct str name); // UINT32_MAX: none
// Adds an absent name; UINT32_MAX when full. `name` must live as long as the set.
uint32_t name_set_add(struct name_set *set, struct str name);

// --- kind ----------------------------------------------------------------------------------------

struct looked;
// Fills in packing, format (if the first bytes tell it) and file_bytes. *out_member: the member of
// an archive to look at; "" : none. ERR_INPUT "intake.old_office", "zip.nested", …
enum err kind_of_file(const char *path, const struct intake_options *told, struct arena *arena,
                      struct looked *out, struct str *out_member, struct fault *fault) MUST_USE;
// What decoded text is.
enum err format_of_text(struct str text, bool whole, const struct intake_options *told,
                        struct arena *work, enum intake_format *out) MUST_USE;

// --- look ----------------------------------------------------------------------------------------

// What the head of a file tells. Lives in the arena given to look_at.
struct looked {
    struct intake_options options; // nothing left to guess
    struct dialect dialect;
    enum intake_format parse_as; // CSV, JSON_LINES or TEXT: what the feed's text is
    bool archive;                // of tables: this is the look at its first
    struct missing_words missing;
    struct str *members; // JSON Lines: members' names as in the file, (options.column_count)
    double encoding_confidence;
    uint64_t file_bytes, feed_bytes;
    struct str *sample; // (sample_rows, options.column_count)
    uint32_t sample_rows;
    struct intake_item *items;
    uint32_t item_count;
    struct notes notes;
};
enum err look_at(const char *path, const struct intake_options *told, uint32_t sample_limit,
                 struct arena *arena, struct looked *out, struct fault *fault) MUST_USE;

// A name as a schema may have it (one line, trimmed, not too long, "column_N" if empty), unlike
// those of columns[0..at). In the arena.
enum err look_name(struct arena *arena, struct str raw, const struct intake_column *columns,
                   uint32_t at, struct str *out) MUST_USE;

// --- the import ----------------------------------------------------------------------------------

struct plan_column {
    enum column_type type;
    bool told, skip, month_first;
    uint32_t out; // its column in the table, if not skipped
};
// What all threads share and only read while they work.
struct plan {
    enum intake_format format;
    struct dialect dialect;
    bool keep_blank; // a blank line is a row
    struct missing_words missing;
    struct plan_column *columns; // (column_count)
    uint32_t column_count;
    struct name_set names; // JSON Lines: what members are called
    struct schema schema;  // of the table
};

struct chunk_fault {
    const char *code; // a literal
    uint64_t row;     // record of the chunk, from 0
    uint32_t column;  // from 1; 0: the record
};
struct column_tally {
    uint64_t values, misfits, faults;
    uint64_t numbers; // misfits of an integer column that are numbers
    uint64_t times;   // misfits of a date column that are dates with time
};
struct chunk {
    // Filled by fill.c.
    char *text; // (room), of which the last TEXT_SLACK bytes are never filled
    size_t size, room;
    uint32_t *ends; // positions of delimiters and newlines; the last is a newline
    size_t end_count, end_room;
    uint64_t bytes_read; // of the file, when this chunk was full
    bool has_invalid;    // U+FFFD was put for undecodable bytes somewhere
    bool first;          // holds the header, if there is one
    // Filled by parse.c.
    struct batch_builder **builders;
    uint32_t builder_count, builder_room;
    uint64_t records, rows, fault_count;
    struct chunk_fault *faults; // at most LIMIT_FAULTS_KEPT
    uint32_t faults_kept, fault_room;
    struct column_tally *tallies; // (column_count)
    struct str *unknown_names;    // JSON Lines: members no column stands for, in `text`
    uint32_t unknown_count;
    struct cell *cells; // scratch of one record, (column_count)
    enum err err;       // of this chunk: the first in order is told
    struct fault fault;
};

struct filler {
    struct feed *feed;
    const struct plan *plan;
    char *held; // the beginning of a record that the chunk before did not finish
    size_t held_size, held_room;
    uint32_t unclosed;
    uint64_t invalid_before;
    bool held_invalid, source_ended, started;
    struct progress *progress;
};
// Fills the chunk with whole records; chunk->size 0 at the end.
enum err filler_next(struct filler *filler, struct chunk *chunk, struct fault *fault) MUST_USE;

enum err chunk_open(struct chunk *chunk, const struct plan *plan) MUST_USE;
void chunk_close(struct chunk *chunk);
// Parses all records of the chunk into its builders; errors go to chunk->err.
void chunk_parse(struct chunk *chunk, const struct plan *plan, bool header);
// For parse.c, block.c and json_lines.c: the builder a row goes to (NULL: chunk->err), one cell
// into it, a fault, and an error that ends the import.
struct batch_builder *chunk_builder(struct chunk *chunk, const struct plan *plan);
void chunk_cell(struct chunk *chunk, const struct plan *plan, struct batch_builder *builder,
                uint32_t column, const struct cell *cell);
void chunk_fault(struct chunk *chunk, const char *code, uint64_t record, uint32_t column);
void chunk_fail(struct chunk *chunk, enum err err, const char *code, uint64_t record,
                uint32_t column);
// What a cell is: false for a missing value or a misfit, which is told as a fault.
bool chunk_convert(struct chunk *chunk, const struct plan *plan, uint64_t record, uint32_t column,
                   const struct cell *cell, union cell_value *out);
// Parses as many records as have exactly one field for each column, column by column; the records
// end at ends[at], … Returns how many records that were; 0: the record at `at` is none of them.
uint32_t chunk_parse_block(struct chunk *chunk, const struct plan *plan, size_t at);
void chunk_parse_json(struct chunk *chunk, const struct plan *plan);
