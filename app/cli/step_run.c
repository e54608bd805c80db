// One step of the flow in this process: the function a job's child runs, on a temporary folder.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_private.h"
#include "data/intake/intake.h"
#include "data/table.h"
#include "flow/flow.h"

enum { STEP_ARENA_BYTES = 1 << 30, SPEC_BYTES = LIMIT_JSON_BYTES };

static enum err folder_near(const char *near, char *out, size_t out_size, struct fault *fault) {
    const char *slash = strrchr(near, '/');
    int parent = slash ? (int)(slash - near) + 1 : 0;
    int size = snprintf(out, out_size, "%.*s.courtyard-XXXXXX", parent, near);
    if (size < 0 || (size_t)size >= out_size) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(near));
    }
    return mkdtemp(out) ? OK : fault_errno(fault, errno, str_of(near));
}

static enum err spec_start(struct step_run *run, const char *step) {
    buf_clear(&run->spec);
    run->writer = json_writer_of(&run->spec);
    json_open_object(&run->writer);
    json_set_text(&run->writer, "step", str_of(step));
    return buf_err(&run->spec);
}

enum err step_run_open(struct step_run *run, const char *step, const char *near,
                       struct fault *fault) {
    *run = (struct step_run){.folder = ""};
    buf_open(&run->spec, SPEC_BYTES);
    char folder[sizeof run->folder];
    enum err err = folder_near(near, folder, sizeof folder, fault);
    if (err != OK) return err;
    memcpy(run->folder, folder, sizeof folder);
    return spec_start(run, step);
}

static enum err run_in(struct step_run *run, const struct step *step, const struct json *spec,
                       struct fault *fault) {
    struct arena *arena = NULL;
    struct buf summary;
    buf_open(&summary, LIMIT_JSON_BYTES);
    struct json_writer writer = json_writer_of(&summary);
    json_open_object(&writer);
    enum err err = arena_open(STEP_ARENA_BYTES, &arena);
    if (err == OK) {
        struct step_context context = {
            .spec = spec,
            .folder = run->folder,
            .progress = progress_of_process(),
            .arena = arena,
            .summary = &writer,
            .fault = fault,
        };
        err = step->run(&context);
    }
    json_close_object(&writer);
    if (err == OK) err = buf_err(&summary);
    if (err == OK) {
        json_close(run->summary);
        run->summary = NULL;
        err = json_parse(buf_str(&summary), &run->summary, fault);
    }
    arena_close(arena);
    buf_close(&summary);
    return err;
}

enum err step_run_go(struct step_run *run, struct fault *fault) {
    json_close_object(&run->writer);
    struct json *spec = NULL;
    enum err err = buf_err(&run->spec);
    if (err == OK) err = json_parse(buf_str(&run->spec), &spec, fault);
    if (err != OK) return err;
    const struct step *step = step_find(json_member_text(spec, "step"));
    if (!step) {
        err = fault_set(fault, ERR_NOT_FOUND, "cli.no_such_step", json_member_text(spec, "step"));
    }
    if (err == OK) err = progress_show_open();
    if (err == OK) {
        err = run_in(run, step, spec, fault);
        progress_show_close();
    }
    json_close(spec);
    return err;
}

enum err step_run_take(struct step_run *run, const char *name, const char *path,
                       struct fault *fault) {
    char from[LIMIT_PATH_BYTES];
    int size = snprintf(from, sizeof from, "%s/out/%s", run->folder, name);
    if (size < 0 || (size_t)size >= sizeof from) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(path));
    }
    return file_rename(from, path, fault);
}

void step_run_close(struct step_run *run) {
    json_close(run->summary);
    buf_close(&run->spec);
    if (run->folder[0] == '\0') return;
    struct fault fault = {0};
    if (folder_remove(run->folder, &fault) != OK) say_fault(&fault);
}

// ---- what stands where a table is expected ---------------------------------------------------

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
    static const char *const texts[] = {"format", "packing", "encoding", "delimiter", "missing"};
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
    json_open_object(out);
    dialect_write(out, arguments);
    enum err err = OK;
    if (argument(arguments, "--type")) {
        struct buf dialect;
        buf_open(&dialect, SPEC_BYTES);
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

enum err table_of_file(struct step_run *run, const struct arguments *arguments, const char *path,
                       char *out, size_t out_size, struct fault *fault) {
    if (!file_exists(path))
        return fault_set(fault, ERR_NOT_FOUND, "base.no_such_file", str_of(path));
    if (is_table_file(path)) {
        return str_copy(out, out_size, str_of(path)) ? OK : ERR_LIMIT;
    }
    struct step_run import;
    enum err err = step_run_open(&import, "import", path, fault);
    if (err == OK) {
        json_put_name(&import.writer, "inputs");
        json_open_object(&import.writer);
        json_set_text(&import.writer, "source", str_of(path));
        json_close_object(&import.writer);
        json_put_name(&import.writer, "options");
        err = intake_arguments_write(&import.writer, arguments, path, fault);
    }
    if (err == OK) err = step_run_go(&import, fault);
    if (err == OK) err = path_join(out, out_size, run->folder, "input.table");
    if (err == OK) err = step_run_take(&import, "table", out, fault);
    step_run_close(&import);
    return err;
}
