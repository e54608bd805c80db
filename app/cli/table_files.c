// What stands where a table is expected: a table file, or any files that intake reads; and the way
// back, a table as a file.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_private.h"
#include "data/intake/intake.h"
#include "data/table.h"

static bool is_table_file(const char *path) {
    struct table *table;
    if (table_open(path, &table, NULL) != OK) return false;
    table_close(table);
    return true;
}

// The last --type COLUMN=TYPE that names this column; STR_NONE if none does.
static struct str type_told(const struct arguments *arguments, struct str column) {
    struct str type = STR_NONE;
    for (uint32_t i = 0; i < arguments->option_count; i++) {
        if (strcmp(arguments->options[i].name, "--type") != 0) continue;
        struct str told;
        struct str name = str_cut(str_of(arguments->options[i].value), '=', &told);
        if (str_equal(name, column)) type = told;
    }
    return type;
}

// A --type must name a column the file has.
static enum err types_known(const struct arguments *arguments, const struct intake_options *guess,
                            struct fault *fault) {
    for (uint32_t i = 0; i < arguments->option_count; i++) {
        if (strcmp(arguments->options[i].name, "--type") != 0) continue;
        struct str told;
        struct str name = str_cut(str_of(arguments->options[i].value), '=', &told);
        bool known = false;
        for (uint32_t c = 0; c < guess->column_count; c++) {
            known = known || str_equal(name, guess->columns[c].name);
        }
        if (!known) return fault_set(fault, ERR_INPUT, "cli.no_such_column", name);
        if (!told.size) return fault_set(fault, ERR_INPUT, "cli.type_missing", name);
    }
    return OK;
}

// Intake takes columns by position, a person names them: the head of the file tells which is which.
static enum err columns_write(struct json_writer *out, const struct arguments *arguments,
                              const char *source, struct str options_so_far, struct fault *fault) {
    struct arena *arena;
    enum err err = arena_open(64 << 20, &arena);
    if (err != OK) return err;
    struct json *told_json = NULL;
    struct intake_options told;
    struct intake_guess guess;
    err = json_parse(options_so_far, &told_json, fault);
    if (err == OK) err = intake_options_read(told_json, arena, &told, fault);
    if (err == OK) err = intake_look(source, &told, 0, arena, &guess, fault);
    if (err == OK) err = types_known(arguments, &guess.options, fault);
    if (err == OK) {
        json_put_name(out, "columns");
        json_open_array(out);
        for (uint32_t i = 0; i < guess.options.column_count; i++) {
            struct str type = type_told(arguments, guess.options.columns[i].name);
            json_open_object(out);
            json_set_text(out, "name", guess.options.columns[i].name);
            if (type.size) json_set_text(out, "type", type);
            if (type.size) json_set_bool(out, "type_told", true);
            json_close_object(out);
        }
        json_close_array(out);
    }
    json_close(told_json);
    arena_close(arena);
    return err;
}

static void dialect_write(struct json_writer *out, const struct arguments *arguments) {
    static const char *const texts[] = {"format", "packing",  "rows",      "sheet",
                                        "member", "encoding", "delimiter", "missing"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char option[32];
        snprintf(option, sizeof option, "--%s", texts[i]);
        const char *value = argument(arguments, option);
        if (value && strcmp(value, "\\t") == 0) value = "\t";
        if (value) json_set_text(out, texts[i], str_of(value));
    }
    const char *header = argument(arguments, "--header");
    if (header) json_set_bool(out, "header", strcmp(header, "no") != 0);
}

enum err intake_arguments_write(struct json_writer *out, const struct arguments *arguments,
                                const char *source, struct fault *fault) {
    const char *slash = strrchr(source, '/');
    json_open_object(out);
    json_set_text(out, "file_name", str_of(slash ? slash + 1 : source));
    dialect_write(out, arguments);
    enum err err = OK;
    if (argument(arguments, "--type")) {
        struct buf dialect;
        buf_open(&dialect, LIMIT_JSON_BYTES);
        struct json_writer writer = json_writer_of(&dialect);
        json_open_object(&writer);
        dialect_write(&writer, arguments);
        json_close_object(&writer);
        err = columns_write(out, arguments, source, buf_str(&dialect), fault);
        buf_close(&dialect);
    }
    json_close_object(out);
    return err;
}

static bool is_stream(const char *path) {
    return strcmp(path, "-") == 0;
}

// Standard input as a file, for it is read more than once.
static enum err spool(struct step_run *run, char *out, size_t out_size, struct fault *fault) {
    enum { PIECE_BYTES = 64 << 10 };
    char piece[PIECE_BYTES];
    enum err err = path_join(out, out_size, run->folder, "stdin");
    if (err != OK) return err;
    int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return fault_errno(fault, errno, str_of(out));
    for (ssize_t got = 1; got != 0 && err == OK;) {
        got = read(STDIN_FILENO, piece, sizeof piece);
        if (got > 0) err = file_write_all(fd, piece, (size_t)got, fault);
        if (got < 0 && errno != EINTR) err = fault_errno(fault, errno, STR("-"));
        if (progress_cancelled(progress_of_process())) err = ERR_CANCELLED;
    }
    close(fd);
    return err;
}

enum err sources_write(struct step_run *run, const struct arguments *arguments,
                       const char *const *paths, uint32_t count, struct fault *fault) {
    char spooled[LIMIT_PATH_BYTES];
    const char *example = NULL; // the columns that --type names are looked up in it
    enum err err = OK;
    json_put_name(&run->writer, "sources");
    json_open_array(&run->writer);
    for (uint32_t i = 0; i < count && err == OK; i++) {
        const char *path = paths[i];
        if (is_stream(path)) {
            err = spool(run, spooled, sizeof spooled, fault);
            path = spooled;
        } else if (!file_exists(path)) {
            err = fault_set(fault, ERR_NOT_FOUND, "base.no_such_file", str_of(path));
        }
        if (err != OK) break;
        if (!example && !is_table_file(path)) example = path;
        json_open_object(&run->writer);
        json_set_text(&run->writer, "path", str_of(path));
        json_set_text(&run->writer, "name", str_of(paths[i]));
        json_close_object(&run->writer);
    }
    json_close_array(&run->writer);
    json_put_name(&run->writer, "options");
    if (err == OK && example)
        return intake_arguments_write(&run->writer, arguments, example, fault);
    json_open_object(&run->writer);
    json_close_object(&run->writer);
    return err;
}

// What is said of one table that is given as it is.
static enum err source_of_table(const char *path, struct buf *sources) {
    struct buf name;
    buf_open(&name, LIMIT_PATH_BYTES * 8);
    struct json_writer json = json_writer_of(&name);
    json_put_text(&json, str_of(path));
    buf_add_str(sources, buf_str(&name));
    enum err err = buf_err(&name);
    buf_close(&name);
    return err;
}

enum err table_of_files(struct step_run *run, const struct arguments *arguments,
                        const char *const *paths, uint32_t count, char *out, size_t out_size,
                        struct buf *sources, struct fault *fault) {
    if (count == 1 && !is_stream(paths[0]) && is_table_file(paths[0])) {
        enum err err = str_copy(out, out_size, str_of(paths[0])) ? OK : ERR_LIMIT;
        return err == OK && sources ? source_of_table(paths[0], sources) : err;
    }
    struct step_run import;
    char near[LIMIT_PATH_BYTES];
    enum err err = path_join(near, sizeof near, run->folder, "input");
    if (err == OK) err = step_run_open(&import, "import", near, fault);
    if (err != OK) return err;
    err = sources_write(&import, arguments, paths, count, fault);
    if (err == OK) err = step_run_go(&import, fault);
    if (err == OK) err = path_join(out, out_size, run->folder, "input.table");
    if (err == OK) err = step_run_take(&import, "table", out, fault);
    uint64_t unread = err == OK ? json_member_u64(import.summary, "fault_count", 0) : 0;
    if (unread > 0) {
        warn("cli.cells_unread", &(struct place){"count", count_text(unread)}, 1);
    }
    if (err == OK && sources) {
        json_write(sources, json_member(import.summary, "inputs"));
        err = buf_err(sources);
    }
    step_run_close(&import);
    return err;
}

enum err table_of_file(struct step_run *run, const struct arguments *arguments, const char *path,
                       char *out, size_t out_size, struct fault *fault) {
    return table_of_files(run, arguments, &path, 1, out, out_size, NULL, fault);
}

static enum err stream_out(const char *path, struct fault *fault) {
    char piece[64 << 10];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    enum err err = OK;
    for (ssize_t got = 1; got > 0 && err == OK;) {
        got = read(fd, piece, sizeof piece);
        if (got > 0) err = file_write_all(STDOUT_FILENO, piece, (size_t)got, fault);
        if (got < 0) err = fault_errno(fault, errno, str_of(path));
    }
    close(fd);
    return err;
}

const char *export_name(const char *path) {
    static const char *const names[] = {"csv", "csv", "json_lines", "text"};
    enum export_format format;
    return export_format_of(path, &format) ? names[format] : NULL;
}

enum err table_to_file(struct step_run *run, const char *table, const char *path, const char *kind,
                       bool mark, struct fault *fault) {
    struct step_run export;
    char near[LIMIT_PATH_BYTES], made[LIMIT_PATH_BYTES];
    enum err err = path_join(near, sizeof near, run->folder, "output");
    if (err == OK) err = step_run_open(&export, "export", near, fault);
    if (err != OK) return err;
    json_put_name(&export.writer, "inputs");
    json_open_object(&export.writer);
    json_set_text(&export.writer, "table", str_of(table));
    json_close_object(&export.writer);
    json_put_name(&export.writer, "options");
    json_open_object(&export.writer);
    json_set_text(&export.writer, "format", str_of(kind));
    json_set_bool(&export.writer, "mark", mark);
    json_close_object(&export.writer);
    err = step_run_go(&export, fault);
    if (err == OK && is_stream(path)) {
        err = path_join(made, sizeof made, export.folder, "out/export");
        if (err == OK) err = stream_out(made, fault);
    } else if (err == OK) {
        err = step_run_take(&export, "export", path, fault);
    }
    step_run_close(&export);
    return err;
}
