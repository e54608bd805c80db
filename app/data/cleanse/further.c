// Further files of a run: written beside the table, named in the report by their hash.
#include "data/cleanse/further_private.h"

#include <string.h>

#include "base/file.h"

void csv_cell_write(struct buf *out, struct str cell) {
    buf_add_char(out, '"');
    // A spreadsheet would calculate what begins like a formula.
    if (cell.size && strchr("=+-@\t\r", cell.data[0])) buf_add_char(out, '\'');
    for (size_t i = 0; i < cell.size; i++) {
        if (cell.data[i] == '"') buf_add_char(out, '"');
        buf_add_char(out, cell.data[i]);
    }
    buf_add_char(out, '"');
}

static struct further_file *file_named(struct further *further, const char *name) {
    for (uint32_t i = 0; i < further->count; i++) {
        if (strcmp(further->files[i].name, name) == 0) return &further->files[i];
    }
    if (further->count == LIMIT_FURTHER_FILES) return NULL;
    struct further_file *file = &further->files[further->count++];
    *file = (struct further_file){.name = name};
    return file;
}

enum err further_write(const struct cleanse_options *options, const char *name, struct str head,
                       struct str lines, uint64_t rows) {
    char path[LIMIT_PATH_BYTES];
    struct further_file *file = file_named(options->further, name);
    if (!file) return ERR_LIMIT;
    struct buf text;
    buf_open(&text, LIMIT_FURTHER_BYTES);
    bool begun = file->bytes > 0;
    enum err err = path_join(path, sizeof path, options->folder, name);
    if (err == OK && begun) err = file_read(path, &text, options->fault);
    if (!begun) buf_add_str(&text, head);
    buf_add_str(&text, lines);
    if (err == OK) err = buf_err(&text);
    if (err == OK) err = file_write(path, buf_str(&text), options->fault);
    if (err == OK) {
        file->hash = sha256_of(text.data, text.size);
        file->bytes = text.size;
        file->rows += rows;
    }
    buf_close(&text);
    return err;
}

void further_report(const struct further *further, struct json_writer *out) {
    json_put_name(out, "files");
    json_open_array(out);
    for (uint32_t i = 0; i < further->count; i++) {
        const struct further_file *file = &further->files[i];
        char hex[SHA256_HEX_SIZE];
        hash_hex(&file->hash, hex);
        json_open_object(out);
        json_set_text(out, "name", str_of(file->name));
        json_set_text(out, "hash", str_of(hex));
        json_set_u64(out, "bytes", file->bytes);
        json_set_u64(out, "rows", file->rows);
        json_close_object(out);
    }
    json_close_array(out);
}
