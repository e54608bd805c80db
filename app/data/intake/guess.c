// The dialect of a CSV file and whether it has a header, from a sample of its text.
#include <string.h>

#include "data/intake/intake_private.h"

enum {
    GUESS_RECORDS = 2000,  // records looked at for each possible delimiter
    BODY_ROWS = 1000,      // rows compared with the first for the header
    PROSE_LINE_BYTES = 60, // lines of prose are longer, 20 Chinese characters
};

// How many fields the records have with one delimiter.
struct census {
    uint32_t counts[LIMIT_COLUMNS + 1];
    uint32_t records, first, most_common;
    double share; // of records with most_common fields
};

static void take_census(const struct dialect *dialect, struct str text, bool whole,
                        struct census *out) {
    enum scan_state state = SCAN_FIELD_START;
    uint32_t ends[4096 + SCAN_SLACK], fields = 0;
    memset(out, 0, sizeof *out);
    size_t record_start = 0;
    for (size_t at = 0; at < text.size && out->records < GUESS_RECORDS; at += 4096) {
        size_t piece = text.size - at < 4096 ? text.size - at : 4096;
        size_t count = csv_scan(dialect, &state, text.data + at, piece, (uint32_t)at, ends);
        for (size_t i = 0; i < count; i++) {
            fields++;
            if (text.data[ends[i]] != dialect->newline) continue;
            bool blank = fields == 1 && ends[i] - record_start <= 1;
            record_start = ends[i] + (size_t)1;
            if (!blank) {
                if (out->records++ == 0) out->first = fields;
                if (fields <= LIMIT_COLUMNS) out->counts[fields]++;
            }
            fields = 0;
        }
    }
    if (whole && text.size > record_start &&
        out->records < GUESS_RECORDS) { // no newline at the end
        fields++;
        if (out->records++ == 0) out->first = fields;
        if (fields <= LIMIT_COLUMNS) out->counts[fields]++;
    }
    for (uint32_t i = 1; i <= LIMIT_COLUMNS; i++) {
        if (out->counts[i] > out->counts[out->most_common]) out->most_common = i;
    }
    if (out->records) out->share = (double)out->counts[out->most_common] / out->records;
}

// Single quotes are meant as quotes if fields begin and end with them and no double quote is seen.
static char guess_quote(struct str text) {
    size_t opening = 0, closing = 0;
    if (text.size == 0 || memchr(text.data, '"', text.size)) return '"';
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '\'') continue;
        bool before = i == 0 || strchr(",;\t|\n\r", text.data[i - 1]) != NULL;
        bool after = i + 1 == text.size || strchr(",;\t|\n\r", text.data[i + 1]) != NULL;
        opening += before && !after;
        closing += after && !before;
        if (!before && !after && opening == closing) return '"'; // an apostrophe outside
    }
    return opening >= 2 && opening == closing ? '\'' : '"';
}

// A delimiter is good if nearly all records have the same number of fields, the first among them;
// then more fields are better. Spaces are in the text of other files, so they come last.
static char guess_delimiter(struct dialect dialect, struct str text, bool whole) {
    static const char candidates[] = {'\t', ';', '|', ',', '\x01', '^', ' '};
    struct census census;
    char best = ',';
    double best_score = 0;
    for (size_t i = 0; i < sizeof candidates; i++) {
        if (candidates[i] == dialect.quote) continue;
        dialect.delimiter = candidates[i];
        take_census(&dialect, text, whole, &census);
        if (census.most_common < 2 || census.share < 0.5) continue;
        if (candidates[i] == ' ' && (best_score > 0 || census.share < 0.95)) continue;
        double agree = census.first == census.most_common ? 1 : 0.5;
        // Fields count little beside agreement: 2 give 0.5, 10 give 0.9.
        double score = census.share * census.share * agree * (1 - 1.0 / (double)census.most_common);
        if (score > best_score) best_score = score, best = candidates[i];
    }
    return best;
}

// The ending in lower case, without what tells of packing; "" if there is none.
static struct str ending_of(struct str name, char out[static 8]) {
    for (int again = 0; again < 2; again++) {
        size_t at = name.size;
        while (at > 0 && name.data[at - 1] != '.' && name.data[at - 1] != '/') at--;
        size_t size = name.size - at;
        if (at == 0 || name.data[at - 1] == '/' || size >= 8) return STR_NONE;
        for (size_t i = 0; i < size; i++) {
            char c = name.data[at + i];
            out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        struct str ending = {out, size};
        if (!str_is(ending, "gz") && !str_is(ending, "zst")) return ending;
        name.size = at - 1;
    }
    return STR_NONE;
}

static bool is_one_of(struct str word, const char *const *words) {
    for (; *words; words++) {
        if (str_is(word, *words)) return true;
    }
    return false;
}

// Nearly all records agree on their fields: no prose does.
static bool surely_table(struct str text, bool whole) {
    static const struct {
        char delimiter;
        uint32_t fields, records;
        double share;
    } proofs[] = {
        {'\t', 2, 2, 0.9}, {'|', 2, 2, 0.95}, {';', 3, 2, 0.98}, {',', 3, 3, 0.98}, {' ', 3, 3, 1}};
    struct dialect dialect = {.newline = '\n', .has_quote = true, .quote = '"'};
    struct census census;
    for (size_t i = 0; i < sizeof proofs / sizeof proofs[0]; i++) {
        dialect.delimiter = proofs[i].delimiter;
        take_census(&dialect, text, whole, &census);
        if (census.records >= proofs[i].records && census.most_common >= proofs[i].fields &&
            census.first == census.most_common && census.share >= proofs[i].share) {
            return true;
        }
    }
    return false;
}

bool guess_text(struct str text, bool whole, struct str file_name) {
    static const char *const tables[] = {"csv", "tsv", "tab", "xls", "xlsx", NULL};
    static const char *const texts[] = {"txt", "text", "md", "log", NULL};
    char bytes[8];
    struct str ending = ending_of(file_name, bytes);
    if (is_one_of(ending, tables)) return false;
    if (is_one_of(ending, texts)) return !surely_table(text, whole);
    struct dialect dialect = {.newline = '\n', .has_quote = true, .quote = '"'};
    dialect.delimiter = guess_delimiter(dialect, text, whole);
    struct census census;
    take_census(&dialect, text, whole, &census);
    if (census.most_common >= 2 && census.share >= 0.5) return false;
    // One column only: a list of names has short lines, text has long ones.
    size_t lines = 1;
    for (size_t i = 0; i < text.size; i++) lines += text.data[i] == '\n';
    return text.size / lines > PROSE_LINE_BYTES;
}

void guess_dialect(struct str text, bool whole, const struct intake_options *told,
                   struct dialect *out) {
    struct dialect dialect = {.newline = '\n', .has_quote = true};
    if (text.size && !memchr(text.data, '\n', text.size) && memchr(text.data, '\r', text.size)) {
        dialect.newline = '\r';
    }
    dialect.quote = told->quote ? told->quote : guess_quote(text);
    dialect.delimiter = told->delimiter ? told->delimiter : guess_delimiter(dialect, text, whole);
    *out = dialect;
}

enum err sample_csv(const struct dialect *dialect, char *text, size_t size, bool whole,
                    struct arena *arena, struct sample *out) {
    enum scan_state state = SCAN_FIELD_START;
    uint32_t *ends = ARENA_ARRAY(arena, uint32_t, size + SCAN_SLACK);
    if (!ends) return ERR_MEMORY;
    size_t count = csv_scan(dialect, &state, text, size, 0, ends);
    size_t behind = count; // the last end of a record decides what is whole
    while (behind > 0 && text[ends[behind - 1]] != dialect->newline) behind--;
    bool tail = whole && size > (behind ? ends[behind - 1] + (size_t)1 : 0);
    if (tail)
        ends[count++] = (uint32_t)size; // one past the text: the record's end
    else
        count = behind;
    struct cell *cells = ARENA_ARRAY(arena, struct cell, count + 1);
    uint32_t *starts = ARENA_ARRAY(arena, uint32_t, count + 1);
    if (!cells || !starts) return ERR_MEMORY;
    uint32_t rows = 0, cell_count = 0;
    size_t start = 0;
    for (size_t i = 0; i < count; i++) {
        size_t end = ends[i], next = end + 1;
        bool last = end == size || text[end] == dialect->newline, unclosed;
        if (last && end > start && text[end - 1] == '\r') end--;
        cells[cell_count++] = csv_cell(dialect, text, start, end, &unclosed);
        start = next;
        if (!last) continue;
        bool blank = cell_count == starts[rows] + 1 && cells[cell_count - 1].text.size == 0 &&
                     cells[cell_count - 1].kind == CELL_PLAIN;
        if (blank)
            cell_count--;
        else
            starts[++rows] = cell_count;
    }
    *out = (struct sample){cells, starts, rows};
    return OK;
}

struct votes {
    uint32_t yes, no;         // for the first record being names
    uint32_t numbers, beyond; // columns of numbers; of them those whose first lies far outside
};
enum { NUMBER_NAMES_LEAST = 3 }; // fewer far numbers may be chance

// A number as a name, a detector's say: whole, and far beyond every value below it.
static bool lies_beyond(const struct sample *sample, uint32_t column) {
    const struct cell *first = &sample->cells[column];
    union cell_value name, value;
    if (!cell_fits(first->text, COLUMN_INTEGER, true, &name) || name.integer < 100) return false;
    uint32_t rows = 0;
    for (uint32_t row = 1; row < sample->row_count && row < BODY_ROWS; row++) {
        if (sample->starts[row] + column >= sample->starts[row + 1]) continue;
        const struct cell *cell = &sample->cells[sample->starts[row] + column];
        if (!cell_fits(cell->text, COLUMN_NUMBER, true, &value)) continue;
        if (value.number * 2 > (double)name.integer) return false;
        rows++;
    }
    return rows > 1;
}

// One column: do its other rows have a type that the first does not fit, or the first's very text?
static void vote(const struct sample *sample, const struct missing_words *missing, uint32_t column,
                 struct votes *votes) {
    const struct cell *first = &sample->cells[column];
    struct type_counts counts = {0};
    bool again = false;
    for (uint32_t row = 1; row < sample->row_count && row < BODY_ROWS; row++) {
        if (sample->starts[row] + column >= sample->starts[row + 1]) continue;
        const struct cell *cell = &sample->cells[sample->starts[row] + column];
        if (cell_missing(missing, cell)) continue;
        type_count(&counts, cell);
        again |= str_equal(cell->text, first->text);
    }
    if (counts.values == 0 || cell_missing(missing, first)) return;
    enum column_type type = type_decide(&counts, STR_NONE);
    bool digits = counts.numbers * 10 >= counts.values * 9; // identifiers are text, but of digits
    union cell_value value;
    if (type != COLUMN_TEXT || digits) {
        votes->numbers += type == COLUMN_NUMBER || type == COLUMN_INTEGER;
        votes->beyond += lies_beyond(sample, column);
        bool fits =
            cell_fits(first->text, type == COLUMN_TEXT ? COLUMN_NUMBER : type, true, &value) ||
            (type_month_first(&counts) && cell_fits_month_first(first->text, type, &value));
        if (fits)
            votes->no += 2;
        else
            votes->yes += 2;
    } else if (again) {
        votes->no++;
    }
}

bool guess_header(const struct sample *sample, const struct missing_words *missing) {
    if (sample->row_count == 0) return false;
    uint32_t count = sample->starts[1];
    struct votes votes = {0};
    uint32_t numbers = 0;
    for (uint32_t i = 0; i < count; i++) {
        union cell_value value;
        numbers += cell_fits(sample->cells[i].text, COLUMN_NUMBER, true, &value);
        vote(sample, missing, i, &votes);
    }
    if (votes.beyond >= NUMBER_NAMES_LEAST && votes.beyond * 10 >= votes.numbers * 9) return true;
    if (votes.yes != votes.no) return votes.yes > votes.no;
    // Nothing decides: words are taken as names, of one record where there are several.
    return (sample->row_count > 1 || count > 1) && numbers == 0;
}
