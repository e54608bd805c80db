// A table of an HTML file as records. The text is read in windows cut behind a row's end, so memory
// does not grow with the file; a cell that spans others stands in the first of them.
#include "data/intake/readers_private.h"
#include "data/language/language.h"

enum {
    TABLES_MAX = 1000, // of the head, among which one is chosen
    DEPTH_MAX = 64,    // of tables within tables
    SPAN_MAX = 1000,
};

struct html_rows {
    struct window window;
    uint32_t table, table_count; // the one that is read, from 1
    uint32_t width;
    bool text_only, header;
    // Where it is: tables that were met, those that are open, and the chosen one's place in them.
    uint32_t met, depth, chosen_depth;
    bool in_row, in_cell, filled;  // filled: a field of this row was written
    uint32_t column;               // of the cell at hand, then of the next one
    uint32_t put;                  // fields of this row that were written
    uint32_t span;                 // columns of the cell at hand
    uint32_t below[LIMIT_COLUMNS]; // rows further down that a cell above still covers
    uint32_t covered;              // columns from here on are covered by none
    struct buf cell;
};

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

// --- what a tag means ----------------------------------------------------------------------------

enum part { PART_NONE, PART_TABLE, PART_ROW, PART_CELL, PART_BREAK };

// Excel's XML of 2003 has Row and Cell for what HTML calls tr and td.
static enum part part_of(struct str name) {
    const char *colon = name.size ? memchr(name.data, ':', name.size) : NULL;
    if (colon) name = (struct str){colon + 1, name.size - (size_t)(colon + 1 - name.data)};
    if (html_name_is(name, "table")) return PART_TABLE;
    if (html_name_is(name, "tr") || html_name_is(name, "row")) return PART_ROW;
    if (html_name_is(name, "td") || html_name_is(name, "th") || html_name_is(name, "cell")) {
        return PART_CELL;
    }
    if (html_name_is(name, "br") || html_name_is(name, "p") || html_name_is(name, "div") ||
        html_name_is(name, "li")) {
        return PART_BREAK;
    }
    return PART_NONE;
}

static uint32_t number_of(struct str attributes, const char *name, uint32_t otherwise) {
    struct str value;
    uint64_t number;
    if (!html_attribute(attributes, name, &value)) return otherwise;
    if (!str_to_u64(str_trim(value), &number) || number < 1) return otherwise;
    return number > SPAN_MAX ? SPAN_MAX : (uint32_t)number;
}

// --- records -------------------------------------------------------------------------------------

// White space is one blank; line breaks that tags make stay.
static void see_text(struct html_rows *rows, struct str text, bool plain) {
    struct buf decoded;
    buf_open(&decoded, READER_WINDOW_BYTES * 4);
    if (plain)
        buf_add_str(&decoded, text);
    else
        (void)html_unescape(text, &decoded);
    for (size_t i = 0; i < decoded.size; i++) {
        char c = decoded.data[i];
        bool nbsp = c == '\xC2' && i + 1 < decoded.size && decoded.data[i + 1] == '\xA0';
        if (nbsp) i++;
        if (nbsp || c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            char last = rows->cell.size ? rows->cell.data[rows->cell.size - 1] : '\n';
            if (last != ' ' && last != '\n') buf_add_char(&rows->cell, ' ');
        } else {
            buf_add_char(&rows->cell, c);
        }
    }
    if (buf_err(&decoded)) rows->cell.err = buf_err(&decoded);
    buf_close(&decoded);
}

static void cover(struct html_rows *rows, uint32_t down) {
    for (uint32_t i = 0; i < rows->span && rows->column + i < LIMIT_COLUMNS; i++) {
        rows->below[rows->column + i] = down;
        if (rows->covered <= rows->column + i) rows->covered = rows->column + i + 1;
    }
}

// Columns that a cell above covers are passed over.
static void pass_covered(struct html_rows *rows) {
    while (rows->column < rows->covered && rows->below[rows->column] > 0) {
        rows->below[rows->column++]--;
    }
}

static void end_cell(struct html_rows *rows, struct buf *out) {
    if (!rows->in_cell) return;
    rows->in_cell = false;
    struct str text = str_trim(buf_str(&rows->cell));
    if (text.size) {
        for (; rows->put < rows->column; rows->put++) buf_add_char(out, ',');
        field_put(out, text, false);
        rows->filled = true;
    }
    rows->column += rows->span;
}

static void begin_cell(struct html_rows *rows, struct str attributes, struct buf *out) {
    end_cell(rows, out);
    rows->in_row = rows->in_cell = true;
    buf_clear(&rows->cell);
    pass_covered(rows);
    uint32_t index = number_of(attributes, "ss:index", 0); // of XML: cells left out before it
    if (index > rows->column) rows->column = index - 1;
    rows->span = number_of(attributes, "colspan", number_of(attributes, "ss:mergeacross", 0) + 1);
    uint32_t down = number_of(attributes, "rowspan", 1) - 1;
    if (rows->column < LIMIT_COLUMNS && down > 0) cover(rows, down);
}

static void end_row(struct html_rows *rows, struct buf *out) {
    end_cell(rows, out);
    if (!rows->in_row) return;
    for (; rows->column < rows->covered; rows->column++) {
        if (rows->below[rows->column] > 0) rows->below[rows->column]--;
    }
    for (; rows->filled && rows->put + 1 < rows->width; rows->put++) buf_add_char(out, ',');
    buf_add_char(out, '\n'); // an empty row is a blank line
    rows->in_row = rows->filled = false;
    rows->column = rows->put = 0;
}

// --- tags ----------------------------------------------------------------------------------------

static bool here(const struct html_rows *rows) {
    return rows->chosen_depth > 0 && rows->depth == rows->chosen_depth;
}

static void open_tag(struct html_rows *rows, const struct html_token *token, struct buf *out) {
    enum part part = part_of(token->name);
    if (part == PART_TABLE) {
        if (rows->depth < DEPTH_MAX) rows->depth++;
        if (++rows->met == rows->table) rows->chosen_depth = rows->depth;
        return;
    }
    if (!here(rows)) return;
    if (part == PART_ROW) {
        end_row(rows, out);
        rows->in_row = true;
    } else if (part == PART_CELL) {
        begin_cell(rows, token->attributes, out);
        struct str marks = token->attributes;
        if (marks.size && marks.data[marks.size - 1] == '/') end_cell(rows, out);
    } else if (part == PART_BREAK && rows->in_cell && rows->cell.size) {
        buf_add_char(&rows->cell, '\n');
    }
}

static void close_tag(struct html_rows *rows, struct str name, struct buf *out) {
    enum part part = part_of(name);
    if (part == PART_TABLE) {
        if (here(rows)) {
            end_row(rows, out);
            rows->chosen_depth = UINT32_MAX; // it is over
        }
        if (rows->depth > 0) rows->depth--;
    } else if (here(rows) && part == PART_ROW) {
        end_row(rows, out);
    } else if (here(rows) && part == PART_CELL) {
        end_cell(rows, out);
    }
}

static void see(struct html_rows *rows, struct str text, struct buf *out) {
    struct html_reader reader;
    struct html_token token;
    html_start(&reader, text);
    while (html_next(&reader, &token)) {
        bool inside = rows->in_cell && rows->chosen_depth != UINT32_MAX;
        switch (token.kind) {
        case HTML_OPEN: open_tag(rows, &token, out); break;
        case HTML_CLOSE: close_tag(rows, token.name, out); break;
        case HTML_TEXT:
        case HTML_CDATA:
            if (inside && !token.raw) see_text(rows, token.text, token.kind == HTML_CDATA);
            break;
        default: break;
        }
    }
}

// --- windows -------------------------------------------------------------------------------------

// Behind the last row's or table's end of the text; 0: there is none.
static size_t behind_row(struct str text) {
    for (size_t at = text.size; at-- > 0;) {
        if (text.data[at] != '>') continue;
        size_t start = at;
        while (start > 0 && at - start < 20 && text.data[start] != '<') start--;
        if (text.data[start] != '<' || start + 2 > at || text.data[start + 1] != '/') continue;
        enum part part = part_of((struct str){text.data + start + 2, at - start - 2});
        if (part == PART_ROW || part == PART_TABLE) return at + 1;
    }
    return 0;
}

// What of the window can be read now: all at the end, else up to a row's end.
static enum err cut(struct html_rows *rows, struct str *out, struct fault *fault) {
    struct window *window = &rows->window;
    size_t least = 256 << 10;
    for (;;) {
        enum err err = window_more(window, least, fault);
        if (err) return err;
        *out = window_text(window);
        if (window->ended) return OK;
        size_t size = behind_row(*out);
        if (size == 0 && window_full(window)) {
            const char *tag = memrchr(out->data, '>', out->size);
            if (!tag) return fault_set(fault, ERR_INPUT, "html.no_tag", STR_NONE);
            size = (size_t)(tag - out->data) + 1;
        }
        if (size > 0) {
            out->size = size;
            return OK;
        }
        least *= 2;
    }
}

// --- choice --------------------------------------------------------------------------------------

// The table with most cells; those of tables inside are their own.
static void choose(struct html_rows *rows, struct str text) {
    uint32_t cells[TABLES_MAX + 1] = {0}, open[DEPTH_MAX + 1] = {0}, depth = 0;
    struct html_reader reader;
    struct html_token token;
    html_start(&reader, text);
    while (html_next(&reader, &token)) {
        if (token.kind != HTML_OPEN && token.kind != HTML_CLOSE) continue;
        enum part part = part_of(token.name);
        if (part == PART_TABLE && token.kind == HTML_CLOSE) {
            if (depth > 0) depth--;
        } else if (part == PART_TABLE && rows->table_count < TABLES_MAX) {
            rows->table_count++;
            if (depth < DEPTH_MAX) open[++depth] = rows->table_count;
        } else if (part == PART_CELL && token.kind == HTML_OPEN && depth > 0) {
            cells[open[depth]]++;
        }
    }
    uint32_t best = 0;
    for (uint32_t i = 1; i <= rows->table_count; i++) {
        if (cells[i] > cells[best]) best = i;
    }
    if (rows->table == 0) rows->table = best;
}

enum err html_rows_open(struct source *source, uint32_t table, uint32_t width,
                        struct html_rows **out, struct fault *fault) {
    struct html_rows *rows = memory_take(sizeof *rows);
    if (!rows) return no_memory(fault);
    *rows = (struct html_rows){.table = table, .width = width};
    buf_open(&rows->cell, READER_WINDOW_BYTES);
    enum err err = window_open(source, &rows->window, fault);
    if (!err) err = window_more(&rows->window, 2 << 20, fault);
    if (!err) choose(rows, window_text(&rows->window));
    rows->text_only = rows->table == 0;
    if (err)
        html_rows_close(rows);
    else
        *out = rows;
    return err;
}

void html_rows_close(struct html_rows *rows) {
    if (!rows) return;
    window_close(&rows->window);
    buf_close(&rows->cell);
    memory_give(rows);
}

// Without a table: what a person would read, a row a line.
static enum err text_lines(struct html_rows *rows, struct str html, struct buf *out,
                           struct fault *fault) {
    struct buf text;
    buf_open(&text, READER_WINDOW_BYTES * 4);
    if (!rows->header) buf_add_text(out, "text\n");
    rows->header = true;
    enum err err = html_to_text(html, &text, NULL);
    struct str rest = buf_str(&text);
    while (!err && rest.size > 0) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        if (line.size == 0) continue;
        field_put(out, line, false);
        buf_add_char(out, '\n');
    }
    buf_close(&text);
    return err ? fault_set(fault, err, "base.no_memory", STR_NONE) : OK;
}

enum err html_rows_next(struct html_rows *rows, struct buf *out, bool *out_ended,
                        struct fault *fault) {
    struct str text;
    enum err err = cut(rows, &text, fault);
    if (err) return err;
    if (rows->text_only)
        err = text_lines(rows, text, out, fault);
    else
        see(rows, text, out);
    rows->window.at += text.size;
    *out_ended = rows->window.ended && rows->window.at == rows->window.size;
    if (*out_ended) end_row(rows, out);
    if (buf_err(&rows->cell) == ERR_MEMORY) return no_memory(fault);
    if (buf_err(&rows->cell)) {
        return fault_set(fault, ERR_LIMIT, "html.row_too_long", STR_NONE);
    }
    if (!err && buf_err(out)) err = no_memory(fault);
    return err;
}

uint32_t html_rows_table(const struct html_rows *rows) {
    return rows->table;
}

uint32_t html_rows_tables(const struct html_rows *rows) {
    return rows->table_count;
}
