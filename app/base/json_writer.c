#include <math.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/text.h"

struct json_writer json_writer_of(struct buf *out) {
    return (struct json_writer){.out = out};
}

static void before_value(struct json_writer *writer) {
    if (writer->comma) buf_add_char(writer->out, ',');
    writer->comma = true;
}

static void open_with(struct json_writer *writer, char bracket) {
    before_value(writer);
    buf_add_char(writer->out, bracket);
    writer->comma = false;
    writer->depth++;
}

static void close_with(struct json_writer *writer, char bracket) {
    cy_assert(writer->depth > 0);
    buf_add_char(writer->out, bracket);
    writer->comma = true;
    writer->depth--;
}

void json_open_object(struct json_writer *writer) {
    open_with(writer, '{');
}
void json_close_object(struct json_writer *writer) {
    close_with(writer, '}');
}
void json_open_array(struct json_writer *writer) {
    open_with(writer, '[');
}
void json_close_array(struct json_writer *writer) {
    close_with(writer, ']');
}

static void add_escaped(struct buf *out, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"': buf_add(out, "\\\"", 2); return;
    case '\\': buf_add(out, "\\\\", 2); return;
    case '\n': buf_add(out, "\\n", 2); return;
    case '\r': buf_add(out, "\\r", 2); return;
    case '\t': buf_add(out, "\\t", 2); return;
    case 0: buf_add(out, "\xEF\xBF\xBD", 3); return;
    default: break;
    }
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    buf_add(out, escape, sizeof escape);
}

static bool is_plain(unsigned char c) {
    return c >= 0x20 && c != '"' && c != '\\';
}

// Valid UTF-8 without anything to escape, which is nearly all of it, is copied in whole runs.
static void add_valid(struct buf *out, struct str text) {
    size_t run = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (is_plain(c)) continue;
        buf_add(out, text.data + run, i - run);
        add_escaped(out, c);
        run = i + 1;
    }
    if (text.size > run) buf_add(out, text.data + run, text.size - run);
}

static void add_quoted(struct buf *out, struct str text) {
    buf_add_char(out, '"');
    while (text.size > 0) {
        size_t valid = utf8_valid_prefix(text);
        add_valid(out, (struct str){text.data, valid});
        text = (struct str){text.data + valid, text.size - valid};
        if (text.size == 0) break;
        buf_add(out, "\xEF\xBF\xBD", 3);
        text = (struct str){text.data + 1, text.size - 1};
    }
    buf_add_char(out, '"');
}

void json_put_name_str(struct json_writer *writer, struct str name) {
    before_value(writer);
    add_quoted(writer->out, name);
    buf_add_char(writer->out, ':');
    writer->comma = false;
}

void json_put_name(struct json_writer *writer, const char *name) {
    json_put_name_str(writer, str_of(name));
}

void json_put_text(struct json_writer *writer, struct str text) {
    before_value(writer);
    add_quoted(writer->out, text);
}

void json_put_u64(struct json_writer *writer, uint64_t value) {
    before_value(writer);
    buf_add_u64(writer->out, value);
}

void json_put_i64(struct json_writer *writer, int64_t value) {
    before_value(writer);
    buf_add_i64(writer->out, value);
}

void json_put_number(struct json_writer *writer, double value) {
    before_value(writer);
    if (isfinite(value))
        buf_add_double(writer->out, value);
    else
        buf_add_text(writer->out, "null");
}

void json_put_bool(struct json_writer *writer, bool value) {
    before_value(writer);
    buf_add_text(writer->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *writer) {
    before_value(writer);
    buf_add_text(writer->out, "null");
}

void json_put_raw(struct json_writer *writer, struct str json) {
    before_value(writer);
    buf_add_str(writer->out, json);
}

void json_set_text(struct json_writer *writer, const char *name, struct str text) {
    json_put_name(writer, name);
    json_put_text(writer, text);
}

void json_set_u64(struct json_writer *writer, const char *name, uint64_t value) {
    json_put_name(writer, name);
    json_put_u64(writer, value);
}

void json_set_i64(struct json_writer *writer, const char *name, int64_t value) {
    json_put_name(writer, name);
    json_put_i64(writer, value);
}

void json_set_number(struct json_writer *writer, const char *name, double value) {
    json_put_name(writer, name);
    json_put_number(writer, value);
}

void json_set_bool(struct json_writer *writer, const char *name, bool value) {
    json_put_name(writer, name);
    json_put_bool(writer, value);
}

void json_set_null(struct json_writer *writer, const char *name) {
    json_put_name(writer, name);
    json_put_null(writer);
}

void json_set_raw(struct json_writer *writer, const char *name, struct str json) {
    json_put_name(writer, name);
    json_put_raw(writer, json);
}

void json_put_fault(struct json_writer *writer, const struct fault *fault) {
    json_open_object(writer);
    json_set_text(writer, "code", str_of(fault->code));
    if (fault->row) json_set_u64(writer, "row", fault->row);
    if (fault->column) json_set_u64(writer, "column", fault->column);
    json_set_text(writer, "detail", str_of(fault->detail));
    json_close_object(writer);
}

void json_read_fault(const struct json *node, struct fault *out) {
    *out = (struct fault){0};
    struct str code = json_member_text(node, "code");
    struct str detail = json_member_text(node, "detail");
    if (!str_copy(out->code, sizeof out->code, code)) out->code[0] = '\0';
    if (!str_copy(out->detail, sizeof out->detail, detail)) out->detail[0] = '\0';
    out->row = json_member_u64(node, "row", 0);
    out->column = json_member_u64(node, "column", 0);
}
