// Text whose rows are not its lines: paragraphs, whole files, and the text files of an archive.
#include "data/intake/readers_private.h"

struct text_parts {
    const struct zip *zip;
    const uint32_t *members;
    uint32_t count, at;
    struct source *own; // the member at hand
    enum intake_rows rows;
    enum encoding encoding;
    struct window window;
    struct buf paragraph;
    uint64_t row, packed;
    bool begun, header;
};

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

static struct str source_name(const struct text_parts *parts) {
    return parts->zip ? parts->zip->members[parts->members[parts->at]].name : STR_NONE;
}

enum err text_parts_open(const struct zip *zip, const uint32_t *members, uint32_t count,
                         struct source *source, enum intake_rows rows, enum encoding encoding,
                         struct text_parts **out, struct fault *fault) {
    struct text_parts *parts = memory_take(sizeof *parts);
    if (!parts) return no_memory(fault);
    *parts = (struct text_parts){.zip = zip, .members = members, .count = count};
    parts->rows = rows;
    parts->encoding = encoding;
    parts->begun = !zip;
    if (!zip) parts->count = 1;
    buf_open(&parts->paragraph, READER_WINDOW_BYTES);
    enum err err = window_open(source, &parts->window, fault);
    if (err)
        text_parts_close(parts);
    else
        *out = parts;
    return err;
}

void text_parts_close(struct text_parts *parts) {
    if (!parts) return;
    window_close(&parts->window);
    source_close(parts->own);
    buf_close(&parts->paragraph);
    memory_give(parts);
}

uint64_t text_parts_packed(const struct text_parts *parts) {
    return parts->packed + (parts->own ? source_bytes_read(parts->own) : 0);
}

// --- rows ----------------------------------------------------------------------------------------

static void put_row(struct text_parts *parts, struct str text, struct buf *out) {
    field_put(out, text, text.size == 0);
    if (parts->zip) {
        buf_add_char(out, ',');
        field_put(out, source_name(parts), source_name(parts).size == 0);
    }
    buf_add_char(out, '\n');
    parts->row++;
}

static void end_paragraph(struct text_parts *parts, struct buf *out) {
    struct str text = str_trim(buf_str(&parts->paragraph));
    if (text.size) put_row(parts, text, out);
    buf_clear(&parts->paragraph);
}

static void see_line(struct text_parts *parts, struct str line, struct buf *out) {
    if (line.size && line.data[line.size - 1] == '\r') line.size--;
    if (parts->rows == ROWS_LINE) {
        put_row(parts, line, out);
        return;
    }
    if (parts->rows == ROWS_PARAGRAPH && str_trim(line).size == 0) {
        end_paragraph(parts, out);
        return;
    }
    buf_add_str(&parts->paragraph, line);
    buf_add_char(&parts->paragraph, '\n');
}

// Whole lines of the window, and at the end of the text what is left.
static enum err see_lines(struct text_parts *parts, struct buf *out, struct fault *fault) {
    struct window *window = &parts->window;
    for (;;) {
        struct str text = window_text(window);
        const char *newline = text.size ? memchr(text.data, '\n', text.size) : NULL;
        if (!newline && !window->ended) {
            if (!window_full(window)) return OK;
            return fault_set(fault, ERR_LIMIT, "text.line_too_long", STR_NONE);
        }
        if (!newline && text.size == 0) return OK;
        size_t size = newline ? (size_t)(newline - text.data) : text.size;
        see_line(parts, (struct str){text.data, size}, out);
        window->at += size + (newline != NULL);
        if (buf_err(&parts->paragraph) == ERR_MEMORY) return no_memory(fault);
        if (parts->paragraph.size > LIMIT_CELL_BYTES || buf_err(&parts->paragraph)) {
            return fault_at(fault, ERR_LIMIT, "intake.cell_too_long", parts->row + 1, 1,
                            source_name(parts));
        }
    }
}

// --- members -------------------------------------------------------------------------------------

static enum err begin_member(struct text_parts *parts, struct fault *fault) {
    const struct zip_member *member = &parts->zip->members[parts->members[parts->at]];
    enum err err = source_open_member(parts->zip, member, PACKING_GUESS, &parts->own, fault);
    if (err) return err;
    enum encoding encoding = parts->encoding;
    if (encoding == ENCODING_UNKNOWN) {
        double confidence;
        struct str head = source_head(parts->own);
        encoding = encoding_guess(head, head.size == member->size, &confidence);
    }
    source_decode(parts->own, encoding);
    parts->window.source = parts->own;
    parts->window.at = parts->window.size = 0;
    parts->window.ended = false;
    parts->begun = true;
    return OK;
}

enum err text_parts_next(struct text_parts *parts, struct buf *out, bool *out_ended,
                         struct fault *fault) {
    enum err err = OK;
    if (!parts->header) {
        buf_add_text(out, parts->zip ? "text,source_file\n" : "text\n");
        parts->header = true;
    }
    if (parts->at == parts->count) {
        *out_ended = true;
        return OK;
    }
    if (!parts->begun) err = begin_member(parts, fault);
    if (!err) err = window_more(&parts->window, 64 << 10, fault);
    if (!err) err = see_lines(parts, out, fault);
    if (err) return err;
    if (parts->window.ended) {
        end_paragraph(parts, out);
        parts->packed += parts->own ? source_bytes_read(parts->own) : 0;
        source_close(parts->own);
        parts->own = NULL;
        parts->begun = !parts->zip;
        parts->at++;
    }
    return buf_err(out) ? no_memory(fault) : OK;
}
