// A sheet's rows as records of CSV. Rows and cells that hold nothing are only counted: what they
// cost comes when something follows them.
#include <math.h>
#include <stdio.h>

#include "base/number.h"
#include "data/intake/readers_private.h"
#include "data/intake/xlsx_private.h"
#include "data/intake/xml_private.h"

enum {
    PIECE_TEXT_BYTES = 64 << 10,
    // Of one cell: what is longer than LIMIT_CELL_BYTES is told by the import.
    VALUE_BYTES_MAX = 4 << 20,
    // What one call may append: a piece, a cell with its quotes doubled, and the blank lines.
    ROW_BYTES_MAX = 64 << 20,
};

enum cell_type { TYPE_NUMBER, TYPE_SHARED, TYPE_TEXT, TYPE_BOOLEAN, TYPE_ERROR, TYPE_ISO };

struct xlsx_rows {
    struct xlsx *xlsx;
    struct source *source;
    struct xml xml;
    struct notes *notes;
    uint32_t width; // fields of each record; 0: as many as there are
    bool in_data;
    uint64_t row, lines;  // number of the row at hand; records that were written
    uint64_t empty_from;  // decoded bytes when the rows' limit was passed; 0: it was not
    uint32_t column, put; // next cell's column; fields of this row that were written
    bool row_begun;
    // The cell at hand.
    enum cell_type type;
    enum xlsx_style style;
    bool in_cell, in_value, in_text, has_formula, has_value;
    uint32_t phonetic;
    struct buf value;
};

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

// --- writing fields ------------------------------------------------------------------------------

// Commas and blank lines up to the cell's place.
static enum err begin_field(struct xlsx_rows *rows, struct buf *out, struct fault *fault) {
    if (rows->row > XLSX_ROWS_MAX) {
        return fault_set(fault, ERR_LIMIT, "xlsx.too_many_rows", STR_NONE);
    }
    if (!rows->row_begun) {
        for (; rows->lines + 1 < rows->row; rows->lines++) buf_add_char(out, '\n');
        rows->row_begun = true;
        rows->put = 0;
    }
    uint32_t place = rows->column - 1;
    for (; rows->put < place; rows->put++) buf_add_char(out, ',');
    return OK;
}

static void end_row(struct xlsx_rows *rows, struct buf *out) {
    if (!rows->row_begun) return;
    for (; rows->put + 1 < rows->width; rows->put++) buf_add_char(out, ',');
    buf_add_char(out, '\n');
    rows->lines++;
    rows->row_begun = false;
}

static void put_text(struct buf *out, struct str text) {
    bool empty = text.size == 0;
    if (!empty && text.data[0] == CELL_MARK) { // no cell may look like a mark
        buf_add_text(out, "\xEF\xBF\xBD");
        text.data++, text.size--;
    }
    field_put(out, text, empty);
}

static void put_mark(struct buf *out, char what) {
    buf_add_char(out, CELL_MARK);
    buf_add_char(out, what);
}

// --- numbers and dates ---------------------------------------------------------------------------

bool xlsx_date_write(struct buf *out, double serial, enum xlsx_style style, bool from_1904) {
    if (!(serial >= 0 && serial < 2958466)) return false;
    double whole = floor(serial);
    int64_t day = (int64_t)whole, second = (int64_t)((serial - whole) * 86400 + 0.5);
    if (second == 86400) second = 0, day++;
    int hour = (int)(second / 3600), minute = (int)(second / 60 % 60), rest = (int)(second % 60);
    if (style == STYLE_CLOCK && day == 0) {
        buf_printf(out, "%02d:%02d:%02d", hour, minute, rest);
        return true;
    }
    // Day 60 is a 29 February 1900 that never was; before it, numbers are one day ahead.
    int64_t from = from_1904 ? -24107 : day < 60 ? -25568 : -25569;
    char text[24];
    if (second > 0 || style != STYLE_DATE)
        time_write((from + day) * 86400 + second, text);
    else
        date_write(from + day, text);
    buf_add_text(out, text);
    return true;
}

// 0.1 is written as 0.10000000000000001: the noise of a double, which no person wrote.
static bool has_noise(struct str text) {
    uint32_t run = 0;
    for (size_t i = 0; text.size > 15 && i < text.size && run < 7; i++) {
        bool noise = text.data[i] == '0' || text.data[i] == '9';
        run = noise && i > 0 && text.data[i] == text.data[i - 1] ? run + 1 : noise;
    }
    return run == 7;
}

static bool plain_number(struct str text) {
    if (text.size == 0 || has_noise(text)) return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || c == '.' || c == '-')) return false;
    }
    return true;
}

static void put_number(const struct xlsx_rows *rows, struct buf *out) {
    double value;
    struct str text = str_trim(buf_str(&rows->value));
    if (rows->style == STYLE_NUMBER && plain_number(text)) {
        buf_add_str(out, text);
        return;
    }
    if (!number_parse(text, &value)) {
        put_text(out, text);
        return;
    }
    if (rows->style != STYLE_NUMBER &&
        xlsx_date_write(out, value, rows->style, rows->xlsx->from_1904)) {
        return;
    }
    if (fabs(value) < 1e15 && value == floor(value)) { // 1.3800138E10 is a mobile number
        buf_add_i64(out, (int64_t)value);
    } else if (memchr(text.data, '.', text.size)) {
        buf_add_double(out, value);
    } else {
        buf_add_str(out, text);
    }
}

// --- cells ---------------------------------------------------------------------------------------

// _x000D_ stands for a character that XML cannot hold.
size_t xlsx_unescape(char *text, size_t size) {
    size_t to = 0;
    if (size < 7 || !memmem(text, size, "_x", 2)) return size;
    for (size_t from = 0; from < size;) {
        uint32_t character = 0;
        bool escape =
            size - from >= 7 && text[from] == '_' && text[from + 1] == 'x' && text[from + 6] == '_';
        for (size_t i = 2; escape && i < 6; i++) {
            char c = text[from + i];
            uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                             : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                             : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                    : 99;
            escape = digit < 16;
            character = character << 4 | digit;
        }
        if (!escape || character == 0 || (character >= 0xD800 && character <= 0xDFFF)) {
            text[to++] = text[from++];
            continue;
        }
        char bytes[4];
        size_t put = utf8_put(bytes, character);
        memcpy(text + to, bytes, put);
        to += put, from += 7;
    }
    return to;
}

static void put_shared(const struct xlsx_rows *rows, struct buf *out) {
    const struct xlsx *xlsx = rows->xlsx;
    uint64_t index;
    if (!str_to_u64(str_trim(buf_str(&rows->value)), &index) || index >= xlsx->string_count) {
        put_mark(out, MARK_ERROR);
        return;
    }
    uint64_t start = index ? xlsx->ends[index - 1] : 0;
    struct str text = {xlsx->strings + start, (size_t)(xlsx->ends[index] - start)};
    if (text.size) put_text(out, text);
}

static enum err end_cell(struct xlsx_rows *rows, struct buf *out, struct fault *fault) {
    struct buf *value = &rows->value;
    if (!rows->in_cell) return OK; // closed, but never opened
    rows->in_cell = false;
    // ="" gives a text without characters; without any value, the formula was never computed.
    bool uncomputed = rows->has_formula && (rows->type == TYPE_NUMBER || !rows->has_value);
    if (buf_err(value) == ERR_MEMORY) return no_memory(fault);
    if (buf_err(value)) {
        return fault_at(fault, ERR_LIMIT, "intake.cell_too_long", rows->row, rows->column,
                        STR_NONE);
    }
    if (value->size == 0 && !uncomputed) return OK;
    if (rows->column > XLSX_COLUMNS_MAX) {
        return fault_set(fault, ERR_LIMIT, "intake.too_many_columns", STR_NONE);
    }
    enum err err = begin_field(rows, out, fault);
    if (err) return err;
    if (value->size == 0) {
        put_mark(out, MARK_FORMULA);
        return OK;
    }
    switch (rows->type) {
    case TYPE_SHARED: put_shared(rows, out); break;
    case TYPE_NUMBER: put_number(rows, out); break;
    case TYPE_BOOLEAN: buf_add_text(out, value->data[0] == '1' ? "true" : "false"); break;
    case TYPE_ERROR:
        if (!str_is(buf_str(value), "#N/A")) put_mark(out, MARK_ERROR);
        break;
    case TYPE_ISO:
        for (size_t i = 0; i < value->size; i++) {
            if (value->data[i] == 'T' && i == 10) value->data[i] = ' ';
        }
        put_text(out, buf_str(value));
        break;
    case TYPE_TEXT:
        value->size = xlsx_unescape(value->data, value->size);
        put_text(out, buf_str(value));
        break;
    }
    return OK;
}

static enum cell_type type_of(struct str t) {
    if (t.size == 0 || str_is(t, "n")) return TYPE_NUMBER;
    if (str_is(t, "s")) return TYPE_SHARED;
    if (str_is(t, "b")) return TYPE_BOOLEAN;
    if (str_is(t, "e")) return TYPE_ERROR;
    if (str_is(t, "d")) return TYPE_ISO;
    return TYPE_TEXT; // "str", "inlineStr"
}

// "AB12" to 28; 0 if it is no reference.
static uint32_t column_of(struct str reference) {
    uint32_t column = 0;
    for (size_t i = 0; i < reference.size; i++) {
        char c = reference.data[i] & (char)0xDF;
        if (c < 'A' || c > 'Z') break;
        column = column * 26 + (uint32_t)(c - 'A' + 1);
        if (column > XLSX_COLUMNS_MAX) return XLSX_COLUMNS_MAX + 1;
    }
    return column;
}

static void begin_cell(struct xlsx_rows *rows) {
    uint32_t column = column_of(xml_attribute(&rows->xml, "r"));
    uint64_t style = 0;
    rows->column = column > rows->column ? column : rows->column + 1;
    rows->type = type_of(xml_attribute(&rows->xml, "t"));
    rows->style = STYLE_NUMBER;
    if (str_to_u64(xml_attribute(&rows->xml, "s"), &style) && style < rows->xlsx->style_count) {
        rows->style = (enum xlsx_style)rows->xlsx->styles[style];
    }
    rows->in_cell = true;
    rows->in_value = rows->in_text = rows->has_formula = rows->has_value = false;
    rows->phonetic = 0;
    buf_clear(&rows->value);
}

static void begin_row(struct xlsx_rows *rows, struct buf *out) {
    uint64_t row;
    end_row(rows, out); // if it was left open
    bool told = str_to_u64(xml_attribute(&rows->xml, "r"), &row) && row > rows->row;
    rows->row = told ? row : rows->row + 1;
    rows->column = 0;
    rows->in_cell = false;
    if (rows->row > XLSX_ROWS_MAX && rows->empty_from == 0) {
        rows->empty_from = source_bytes_decoded(rows->source) + 1;
    }
    struct str hidden = xml_attribute(&rows->xml, "hidden");
    if (str_is(hidden, "1") || str_is(hidden, "true")) {
        note_add(rows->notes, "xlsx.hidden_rows", 1);
    }
}

static void see_columns(struct xlsx_rows *rows) {
    uint64_t from, to;
    struct str hidden = xml_attribute(&rows->xml, "hidden");
    if (!str_is(hidden, "1") && !str_is(hidden, "true")) return;
    bool told = str_to_u64(xml_attribute(&rows->xml, "min"), &from) &&
                str_to_u64(xml_attribute(&rows->xml, "max"), &to);
    if (told && from >= 1 && to >= from && to < XLSX_COLUMNS_MAX) {
        note_add(rows->notes, "xlsx.hidden_columns", to - from + 1);
    }
}

// --- events --------------------------------------------------------------------------------------

static void opened(struct xlsx_rows *rows, struct buf *out) {
    struct str name = rows->xml.name;
    if (name.size == 1) {
        switch (name.data[0]) {
        case 'c': begin_cell(rows); break;
        case 'v': rows->in_value = rows->has_value = true; break;
        case 't': rows->in_text = rows->type == TYPE_TEXT; break;
        case 'f': rows->has_formula = true; break;
        default: break;
        }
    } else if (rows->in_data && str_is(name, "row")) {
        begin_row(rows, out);
    } else if (str_is(name, "rPh")) {
        rows->phonetic++;
    } else if (str_is(name, "sheetData")) {
        rows->in_data = true;
    } else if (str_is(name, "col") && !rows->in_data) {
        see_columns(rows);
    }
}

static enum err closed(struct xlsx_rows *rows, struct buf *out, struct fault *fault) {
    struct str name = rows->xml.name;
    if (name.size == 1) {
        switch (name.data[0]) {
        case 'c': return end_cell(rows, out, fault);
        case 'v': rows->in_value = false; break;
        case 't': rows->in_text = false; break;
        default: break;
        }
    } else if (str_is(name, "row")) {
        end_row(rows, out);
    } else if (str_is(name, "rPh") && rows->phonetic > 0) {
        rows->phonetic--;
    } else if (str_is(name, "sheetData")) {
        rows->in_data = false;
    }
    return OK;
}

static enum err step(struct xlsx_rows *rows, struct buf *out, bool *out_ended,
                     struct fault *fault) {
    enum xml_kind kind;
    enum err err = xml_next(&rows->xml, &kind, fault);
    if (err) return err;
    switch (kind) {
    case XML_NOTHING: *out_ended = true; break;
    case XML_TEXT:
        if (rows->in_value || (rows->in_text && rows->phonetic == 0)) {
            buf_add_str(&rows->value, rows->xml.text);
        }
        break;
    case XML_OPEN:
        if (rows->in_data || rows->xml.name.size != 1) opened(rows, out);
        break;
    case XML_CLOSE:
        if (rows->in_data) err = closed(rows, out, fault);
        break;
    }
    return err;
}

enum err xlsx_rows_next(struct xlsx_rows *rows, struct buf *out, bool *out_ended,
                        struct fault *fault) {
    size_t before = out->size;
    *out_ended = false;
    while (out->size - before < PIECE_TEXT_BYTES && !*out_ended) {
        enum err err = step(rows, out, out_ended, fault);
        if (err) return err;
        if (rows->empty_from == 0) continue;
        uint64_t decoded = source_bytes_decoded(rows->source);
        if (decoded > rows->empty_from + XLSX_EMPTY_BYTES_MAX) *out_ended = true;
    }
    return buf_err(out) ? no_memory(fault) : OK;
}

enum err xlsx_rows_open(struct xlsx *xlsx, uint32_t sheet, uint32_t width, struct notes *notes,
                        struct xlsx_rows **out, struct fault *fault) {
    struct xlsx_rows *rows = memory_take(sizeof *rows);
    if (!rows) return no_memory(fault);
    *rows = (struct xlsx_rows){.xlsx = xlsx, .notes = notes, .width = width};
    buf_open(&rows->value, VALUE_BYTES_MAX);
    int32_t index = zip_find(xlsx->zip, xlsx->sheets[sheet].part);
    enum err err = index < 0
                       ? fault_set(fault, ERR_INPUT, "xlsx.no_such_sheet", xlsx->sheets[sheet].name)
                       : OK;
    if (!err) {
        err = source_open_member(xlsx->zip, &xlsx->zip->members[index], PACKING_NONE, &rows->source,
                                 fault);
    }
    if (!err) err = xml_open(rows->source, &rows->xml, fault);
    if (err) {
        xlsx_rows_close(rows);
        return err;
    }
    *out = rows;
    return OK;
}

void xlsx_rows_close(struct xlsx_rows *rows) {
    if (!rows) return;
    xml_close(&rows->xml);
    source_close(rows->source);
    buf_close(&rows->value);
    memory_give(rows);
}

uint64_t xlsx_rows_packed(const struct xlsx_rows *rows) {
    return source_bytes_read(rows->source);
}
