// Options from and to JSON.
#include <string.h>

#include "data/intake/intake_private.h"

static const char *const format_names[FORMAT_COUNT] = {"guess", "csv",  "json_lines", "json",
                                                       "text",  "html", "xlsx"};
static const char *const rows_names[ROWS_COUNT] = {"guess", "line", "paragraph", "file"};
static const char *const packing_names[] = {"guess", "none", "gzip", "zstd", "zip"};

static enum err bad_option(struct fault *fault, const char *name) {
    return fault_set(fault, ERR_INPUT, "intake.bad_option", str_of(name));
}

// A word out of a list; absent or null leaves *out as it is.
static enum err read_word(const struct json *node, const char *name, const char *const *words,
                          int count, int *out, struct fault *fault) {
    const struct json *member = json_member(node, name);
    if (!member || json_is_null(member)) return OK;
    for (int i = 0; i < count; i++) {
        if (str_is(json_text(member), words[i])) {
            *out = i;
            return OK;
        }
    }
    return bad_option(fault, name);
}

// One byte of ASCII; "" or absent is a guess.
static enum err read_byte(const struct json *node, const char *name, char *out,
                          struct fault *fault) {
    const struct json *member = json_member(node, name);
    if (!member || json_is_null(member)) return OK;
    struct str text = json_text(member);
    if (!json_is_string(member) || text.size > 1) return bad_option(fault, name);
    if (text.size == 0) return OK;
    uint8_t byte = (uint8_t)text.data[0];
    if (byte >= 0x80 || byte == '\n' || byte == '\r' || byte == 0) return bad_option(fault, name);
    *out = (char)byte;
    return OK;
}

static enum err read_text(const struct json *node, const char *name, struct arena *arena,
                          size_t most, struct str *out, struct fault *fault) {
    const struct json *member = json_member(node, name);
    if (!member || json_is_null(member)) return OK;
    struct str text = json_text(member);
    if (!json_is_string(member) || text.size > most) return bad_option(fault, name);
    char *copy = arena_take(arena, text.size ? text.size : 1);
    if (!copy) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    if (text.size) memcpy(copy, text.data, text.size);
    *out = (struct str){copy, text.size};
    return OK;
}

static enum err read_bool(const struct json *node, const char *name, bool *out,
                          struct fault *fault) {
    const struct json *member = json_member(node, name);
    if (!member || json_is_null(member)) return OK;
    if (!json_is_bool(member)) return bad_option(fault, name);
    *out = json_bool(member, false);
    return OK;
}

static enum err read_column(const struct json *node, struct arena *arena, struct intake_column *out,
                            struct fault *fault) {
    if (!json_is_object(node)) return bad_option(fault, "columns");
    const struct json *type = json_member(node, "type");
    enum err err = read_text(node, "name", arena, LIMIT_NAME_BYTES, &out->name, fault);
    if (!err) err = read_text(node, "rename", arena, LIMIT_NAME_BYTES, &out->rename, fault);
    if (!err) err = read_bool(node, "type_told", &out->type_told, fault);
    if (!err) err = read_bool(node, "skip", &out->skip, fault);
    if (err) return err;
    out->rename = str_trim(out->rename);
    if (type && !json_is_null(type) && !column_type_from_name(json_text(type), &out->type)) {
        return bad_option(fault, "type");
    }
    if (out->type_told && (!type || json_is_null(type))) return bad_option(fault, "type");
    return OK;
}

static enum err read_columns(const struct json *node, struct arena *arena,
                             struct intake_options *out, struct fault *fault) {
    const struct json *columns = json_member(node, "columns");
    if (!columns || json_is_null(columns)) return OK;
    if (!json_is_array(columns)) return bad_option(fault, "columns");
    size_t count = json_count(columns);
    if (count > LIMIT_COLUMNS) {
        return fault_set(fault, ERR_LIMIT, "intake.too_many_columns", STR_NONE);
    }
    out->columns = ARENA_ARRAY(arena, struct intake_column, count + 1);
    if (!out->columns) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    const struct json *child = json_first(columns);
    for (; child; child = json_next(child)) {
        enum err err = read_column(child, arena, &out->columns[out->column_count++], fault);
        if (err) return err;
    }
    return OK;
}

enum err intake_options_read(const struct json *node, struct arena *arena,
                             struct intake_options *out, struct fault *fault) {
    struct intake_options options = {0};
    if (node && !json_is_null(node)) {
        if (!json_is_object(node)) return bad_option(fault, "options");
        int format = 0, packing = 0, rows = 0;
        enum err err = read_word(node, "format", format_names, FORMAT_COUNT, &format, fault);
        if (!err) err = read_word(node, "rows", rows_names, ROWS_COUNT, &rows, fault);
        if (!err) err = read_word(node, "packing", packing_names, 5, &packing, fault);
        if (!err) err = read_byte(node, "delimiter", &options.delimiter, fault);
        if (!err) err = read_byte(node, "quote", &options.quote, fault);
        if (!err) err = read_text(node, "sheet", arena, 4096, &options.sheet, fault);
        if (!err) err = read_text(node, "member", arena, 65536, &options.member, fault);
        if (!err) err = read_text(node, "missing", arena, 4096, &options.missing, fault);
        if (!err) {
            err = read_text(node, "file_name", arena, LIMIT_PATH_BYTES, &options.file_name, fault);
        }
        if (!err) err = read_columns(node, arena, &options, fault);
        if (err) return err;
        options.format = (enum intake_format)format;
        options.packing = (enum intake_packing)packing;
        options.rows = (enum intake_rows)rows;
        struct str encoding = json_member_text(node, "encoding");
        if (encoding.size > 0 && !str_is(encoding, "guess")) {
            options.encoding = encoding_from_name(encoding);
            if (options.encoding == ENCODING_UNKNOWN) return bad_option(fault, "encoding");
        }
        const struct json *header = json_member(node, "header");
        if (header && !json_is_null(header)) {
            if (!json_is_bool(header)) return bad_option(fault, "header");
            options.header = json_bool(header, false) ? HEADER_YES : HEADER_NO;
        }
        if (options.delimiter && options.delimiter == options.quote) {
            return bad_option(fault, "quote");
        }
    }
    *out = options;
    return OK;
}

static void set_byte(struct json_writer *out, const char *name, char byte) {
    if (byte) json_set_text(out, name, (struct str){&byte, 1});
}

void intake_options_write(struct json_writer *out, const struct intake_options *options) {
    json_open_object(out);
    if (options->format != FORMAT_GUESS) {
        json_set_text(out, "format", str_of(format_names[options->format]));
    }
    if (options->packing != PACKING_GUESS) {
        json_set_text(out, "packing", str_of(packing_names[options->packing]));
    }
    if (options->rows != ROWS_GUESS) {
        json_set_text(out, "rows", str_of(rows_names[options->rows]));
    }
    if (options->sheet.size) json_set_text(out, "sheet", options->sheet);
    if (options->member.size) json_set_text(out, "member", options->member);
    if (options->encoding != ENCODING_UNKNOWN) {
        json_set_text(out, "encoding", str_of(encoding_name(options->encoding)));
    }
    if (options->header != HEADER_GUESS) {
        json_set_bool(out, "header", options->header == HEADER_YES);
    }
    set_byte(out, "delimiter", options->delimiter);
    set_byte(out, "quote", options->quote);
    json_set_text(out, "missing", options->missing);
    json_put_name(out, "columns");
    json_open_array(out);
    for (uint32_t i = 0; i < options->column_count; i++) {
        const struct intake_column *column = &options->columns[i];
        json_open_object(out);
        json_set_text(out, "name", column->name);
        json_set_text(out, "rename", column->rename);
        json_set_text(out, "type", str_of(column_type_name(column->type)));
        json_set_bool(out, "type_told", column->type_told);
        json_set_bool(out, "skip", column->skip);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
}

void intake_notes_write(struct json_writer *out, const struct intake_note *notes, uint32_t count) {
    json_put_name(out, "notes");
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) {
        json_open_object(out);
        json_set_text(out, "code", str_of(notes[i].code));
        json_set_u64(out, "count", notes[i].count);
        json_set_text(out, "detail", str_of(notes[i].detail));
        json_close_object(out);
    }
    json_close_array(out);
}
