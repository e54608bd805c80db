// HTML to text in one pass over the tokens. What is written never ends in a blank: white space and
// line breaks wait until the next word shows that they are needed. A cell of a table is written as
// it comes; when it ends its lines are joined if it is one that holds data.
#include <string.h>

#include "base/text.h"
#include "data/language/html_private.h"

enum {
    LISTS_MAX = 32, // deeper lists and tables are read without numbers and tabs
    TABLES_MAX = 32,
    // A longer cell lays out a page: its lines stay lines.
    CELL_BYTES_MAX = 2000,
};

struct list {
    bool ordered;
    uint32_t number;
};
struct table {
    bool in_row, in_cell;
    bool layout;       // a cell of this row was lines: cells are then divided by lines
    bool inner;        // the cell holds a table
    uint32_t cells;    // of this row so far
    uint32_t tabs;     // to be written before the next word
    size_t cell_start; // in out
};
struct writer {
    struct html_reader *reader;
    struct buf *out;
    struct html_counts counts;
    size_t base;       // out's size at the start
    bool break_before; // a line break before the next word
    bool space_before; // a blank, unless a line break was in it and Chinese characters stand around
    bool space_was_break;
    bool item_before; // the mark of a list item
    uint32_t pre;
    uint32_t list_count, table_count; // may exceed the arrays
    struct list lists[LISTS_MAX];
    struct table tables[TABLES_MAX];
    uint64_t never_skipped[(ELEMENT_COUNT_MAX + 63) / 64]; // elements that have no closing tag
};

static struct table *table_now(struct writer *writer) {
    uint32_t count = writer->table_count;
    return count > 0 && count <= TABLES_MAX ? &writer->tables[count - 1] : NULL;
}

static struct list *list_now(struct writer *writer) {
    uint32_t count = writer->list_count;
    return count > 0 && count <= LISTS_MAX ? &writer->lists[count - 1] : NULL;
}

// ---- words --------------------------------------------------------------------------------------

// Chinese and Japanese characters and their punctuation, by the first byte of three.
static bool wide_lead(uint8_t lead) {
    return (lead >= 0xE3 && lead <= 0xE9) || lead == 0xEF;
}

static bool ends_wide(const struct writer *writer) {
    const struct buf *out = writer->out;
    return out->size >= writer->base + 3 && wide_lead((uint8_t)out->data[out->size - 3]) &&
           ((uint8_t)out->data[out->size - 2] & 0xC0) == 0x80;
}

static bool line_empty(const struct writer *writer) {
    const struct buf *out = writer->out;
    return out->size == writer->base || out->data[out->size - 1] == '\n';
}

static void put_item(struct writer *writer) {
    struct list *list = list_now(writer);
    writer->item_before = false;
    if (!list || !list->ordered) {
        buf_add_text(writer->out, "- ");
        return;
    }
    buf_add_u64(writer->out, list->number++);
    buf_add_text(writer->out, ". ");
}

// What waits before a word whose first byte is `lead`.
static void put_before(struct writer *writer, uint8_t lead) {
    struct table *table = table_now(writer);
    bool tabs = table && table->tabs > 0;
    if (writer->break_before && !line_empty(writer)) buf_add_char(writer->out, '\n');
    for (; table && table->tabs > 0; table->tabs--) buf_add_char(writer->out, '\t');
    if (tabs) table->cell_start = writer->out->size;
    if (writer->item_before) put_item(writer);
    bool blank = writer->space_before && !writer->break_before && !tabs && !line_empty(writer) &&
                 !(writer->space_was_break && ends_wide(writer) && wide_lead(lead));
    if (blank && writer->out->data[writer->out->size - 1] != ' ') buf_add_char(writer->out, ' ');
    writer->break_before = writer->space_before = writer->space_was_break = false;
}

// The bytes of white space at `at`; 0 if there is none.
static size_t space_bytes(struct str text, size_t at) {
    uint8_t byte = (uint8_t)text.data[at];
    if (byte == ' ' || (byte >= '\t' && byte <= '\r')) return 1;
    bool fixed = byte == 0xC2 && text.size - at > 1 && (uint8_t)text.data[at + 1] == 0xA0;
    return fixed ? 2 : 0;
}

static void put_words(struct writer *writer, struct str text) {
    for (size_t at = 0; at < text.size;) {
        size_t space = space_bytes(text, at);
        if (space) {
            uint8_t byte = (uint8_t)text.data[at];
            bool line = byte == '\n' || byte == '\r';
            writer->space_was_break |= line;
            writer->space_before = true;
            at += space;
            continue;
        }
        size_t end = at + 1;
        while (end < text.size && !space_bytes(text, end)) end++;
        put_before(writer, (uint8_t)text.data[at]);
        buf_add(writer->out, text.data + at, end - at);
        at = end;
    }
}

// As it is, but for line ends.
static void put_pre(struct writer *writer, struct str text) {
    if (text.size == 0) return;
    put_before(writer, (uint8_t)text.data[0]);
    for (size_t at = 0; at < text.size; at++) {
        char c = text.data[at];
        if (c == '\r' && at + 1 < text.size && text.data[at + 1] == '\n') continue;
        buf_add_char(writer->out, c == '\r' ? '\n' : c);
    }
}

static void put_text(struct writer *writer, struct str text, bool references) {
    void (*put)(struct writer *, struct str) = writer->pre ? put_pre : put_words;
    size_t at = 0;
    while (at < text.size) {
        const char *sign = references ? memchr(text.data + at, '&', text.size - at) : NULL;
        size_t end = sign ? (size_t)(sign - text.data) : text.size;
        put(writer, (struct str){text.data + at, end - at});
        if (end == text.size) break;
        char characters[8];
        size_t size, taken = html_reference(text, end, characters, &size);
        struct str sign_text = taken ? (struct str){characters, size} : STR("&");
        // A line break written as a number is one: "&#10;", as spreadsheets export it.
        bool line = taken && size == 1 && (characters[0] == '\n' || characters[0] == '\r');
        if (line && !writer->pre) {
            writer->break_before = true;
        } else {
            put(writer, sign_text);
        }
        writer->counts.references += taken > 0;
        at = end + (taken ? taken : 1);
    }
}

// ---- tables -------------------------------------------------------------------------------------

static void cell_end(struct writer *writer, struct table *table) {
    if (!table->in_cell) return;
    table->in_cell = false;
    struct buf *out = writer->out;
    if (table->inner) {
        table->layout = true;
        return;
    }
    size_t start = table->cell_start;
    if (buf_err(out) != OK || start >= out->size) return;
    char *cell = out->data + start;
    size_t size = out->size - start;
    if (!memchr(cell, '\n', size)) return;
    if (size > CELL_BYTES_MAX) {
        table->layout = true;
        return;
    }
    // Its lines become one; the break that came before its first word is no part of it.
    for (size_t i = 1; i < size; i++) {
        if (cell[i] == '\n') cell[i] = ' ';
    }
}

static void cell_start(struct writer *writer, struct table *table) {
    cell_end(writer, table);
    if (!table->in_row) {
        table->in_row = true;
        table->cells = table->tabs = 0;
        table->layout = false;
        writer->break_before = true;
    }
    if (table->cells++ > 0) {
        // What the last cell left waiting ends with it.
        writer->break_before = table->layout || (writer->break_before && line_empty(writer));
        writer->space_before = true;
        if (!table->layout) table->tabs++;
    }
    table->in_cell = true;
    table->inner = false;
    table->cell_start = writer->out->size;
}

static void row_end(struct writer *writer, struct table *table) {
    cell_end(writer, table);
    table->in_row = false;
    table->tabs = 0;
    writer->break_before = true;
}

static void table_start(struct writer *writer) {
    struct table *outer = table_now(writer);
    if (outer) {
        outer->inner = outer->layout = true;
        outer->tabs = 0;
    }
    writer->counts.tables++;
    writer->table_count++;
    struct table *table = table_now(writer);
    if (table) *table = (struct table){0};
}

static void table_end(struct writer *writer) {
    struct table *table = table_now(writer);
    if (table) row_end(writer, table);
    if (writer->table_count) writer->table_count--;
}

// Whether the tag is one of a table's; does what it says.
static bool table_tag(struct writer *writer, const struct html_token *token) {
    bool open = token->kind == HTML_OPEN;
    struct table *table = table_now(writer);
    if (html_name_is(token->name, "table")) {
        if (open)
            table_start(writer);
        else
            table_end(writer);
        writer->break_before = true;
        return true;
    }
    bool cell = html_name_is(token->name, "td") || html_name_is(token->name, "th");
    bool row = html_name_is(token->name, "tr") || html_name_is(token->name, "caption");
    if (!cell && !row) return false;
    if (!table) {
        writer->break_before = true;
    } else if (row) {
        row_end(writer, table);
    } else if (open) {
        cell_start(writer, table);
    } else {
        cell_end(writer, table);
    }
    return true;
}

// ---- other elements -----------------------------------------------------------------------------

static void list_tag(struct writer *writer, const struct html_token *token, bool ordered) {
    if (token->kind == HTML_CLOSE) {
        if (writer->list_count) writer->list_count--;
        writer->item_before = false;
        return;
    }
    writer->list_count++;
    struct list *list = list_now(writer);
    if (!list) return;
    *list = (struct list){ordered, 1};
    struct str start;
    uint64_t number;
    if (html_attribute(token->attributes, "start", &start) && str_to_u64(start, &number) &&
        number < 1000000000) {
        list->number = (uint32_t)number;
    }
}

// Goes behind the closing tag of an element whose content is not read. One that is never closed is
// not skipped, nor looked for again.
static void skip_element(struct writer *writer, struct str name, unsigned index) {
    uint64_t bit = UINT64_C(1) << (index % 64);
    if (writer->never_skipped[index / 64] & bit) return;
    struct html_reader reader = *writer->reader;
    struct html_token token;
    uint32_t depth = 1;
    while (depth > 0 && html_next(&reader, &token)) {
        if (token.kind != HTML_OPEN && token.kind != HTML_CLOSE) continue;
        unsigned other;
        if (token.name.size != name.size || !html_element(token.name, &other) || other != index) {
            continue;
        }
        if (token.kind == HTML_OPEN)
            depth++;
        else
            depth--;
    }
    if (depth == 0) {
        *writer->reader = reader;
        writer->counts.skipped++;
    } else {
        writer->never_skipped[index / 64] |= bit;
    }
}

static void read_tag(struct writer *writer, const struct html_token *token) {
    unsigned index = 0, flags = html_element(token->name, &index);
    bool open = token->kind == HTML_OPEN;
    writer->counts.tags++;
    if (open && (flags & ELEMENT_SKIP) && !(flags & ELEMENT_RAW)) {
        bool empty = str_ends(token->attributes, STR("/"));
        if (!empty) skip_element(writer, token->name, index);
        return;
    }
    if (table_tag(writer, token)) return;
    if (html_name_is(token->name, "br")) {
        writer->break_before = true;
        return;
    }
    if (!(flags & ELEMENT_BLOCK)) return;
    writer->break_before = true;
    if (html_name_is(token->name, "li")) {
        writer->item_before = open;
    } else if (html_name_is(token->name, "ol")) {
        list_tag(writer, token, true);
    } else if (html_name_is(token->name, "ul") || html_name_is(token->name, "menu")) {
        list_tag(writer, token, false);
    } else if (html_name_is(token->name, "pre") || html_name_is(token->name, "listing") ||
               html_name_is(token->name, "xmp") || html_name_is(token->name, "textarea")) {
        if (open)
            writer->pre++;
        else if (writer->pre)
            writer->pre--;
    }
}

static void trim_end(struct writer *writer) {
    struct buf *out = writer->out;
    while (out->size > writer->base && strchr(" \n\t\r\f\v", out->data[out->size - 1]) &&
           out->data[out->size - 1] != '\0') {
        out->size--;
    }
}

// Bytes that are no UTF-8 become U+FFFD; nearly always there are none.
static enum err read_valid(struct str html, struct buf *copy, struct str *out) {
    size_t at = utf8_valid_prefix(html);
    *out = html;
    if (at == html.size) return OK;
    buf_add(copy, html.data, at);
    while (at < html.size) {
        char bytes[4];
        uint32_t c = utf8_next(html, &at);
        buf_add(copy, bytes, utf8_put(bytes, c));
    }
    *out = buf_str(copy);
    return buf_err(copy);
}

static void read_all(struct writer *writer) {
    struct html_token token;
    bool fresh_pre = false; // a line break right behind <pre> is none
    while (html_next(writer->reader, &token)) {
        bool tag = token.kind == HTML_OPEN || token.kind == HTML_CLOSE;
        if (tag) {
            read_tag(writer, &token);
        } else if (token.kind == HTML_COMMENT) {
            if (token.raw)
                writer->counts.skipped++;
            else
                writer->counts.comments++;
        } else {
            struct str text = token.text;
            if (fresh_pre && str_starts(text, STR("\r"))) text.data++, text.size--;
            if (fresh_pre && str_starts(text, STR("\n"))) text.data++, text.size--;
            bool code = token.raw && !html_name_is(token.name, "textarea");
            put_text(writer, text, token.kind == HTML_TEXT && !code);
        }
        fresh_pre = tag && token.kind == HTML_OPEN && writer->pre > 0;
    }
}

enum err html_to_text(struct str html, struct buf *out, struct html_counts *counts) {
    struct html_reader reader;
    struct buf copy;
    buf_open(&copy, html.size * 3 + 8);
    enum err err = read_valid(html, &copy, &html);
    html_start(&reader, html);
    struct writer writer = {.reader = &reader, .out = out, .base = out->size};
    if (err == OK) read_all(&writer);
    buf_close(&copy);
    if (err == OK) err = buf_err(out);
    if (err != OK) return err;
    trim_end(&writer);
    if (!counts) return OK;
    counts->tags += writer.counts.tags;
    counts->references += writer.counts.references;
    counts->comments += writer.counts.comments;
    counts->skipped += writer.counts.skipped;
    counts->tables += writer.counts.tables;
    return OK;
}
