// The commands on files of the data wing: import, profile, clean, export.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_private.h"
#include "data/cleanse/cleanse.h"
#include "data/table.h"

// "inputs": {"NAME": path}
static void input_write(struct step_run *run, const char *name, const char *path) {
    json_put_name(&run->writer, "inputs");
    json_open_object(&run->writer);
    json_set_text(&run->writer, name, str_of(path));
    json_close_object(&run->writer);
}

static enum err faults_say(struct step_run *run, const char *path, uint64_t count,
                           struct fault *fault) {
    if (path) return step_run_take(run, "faults.jsonl", path, fault);
    if (count > 0) SAY("cli.faults_hint", {"count", count_text(count)});
    return OK;
}

static void note_say(const struct json *note) {
    char key[FAULT_CODE_SIZE];
    struct buf sentence;
    if (!str_copy(key, sizeof key, json_member_text(note, "code"))) return;
    const struct place places[] = {{"count", count_text(json_member_u64(note, "count", 0))},
                                   {"detail", json_member_text(note, "detail")}};
    buf_open(&sentence, 1 << 16);
    message_write(&sentence, key, places, 2);
    SAY("cli.warning", {"sentence", buf_str(&sentence)});
    buf_close(&sentence);
}

enum err command_import(const struct command *command, const struct arguments *arguments,
                        struct fault *fault) {
    const char *output;
    if (argument(arguments, "--data")) return command_import_box(command, arguments, fault);
    enum err err = argument_needed(arguments, "-o", &output, fault);
    if (err != OK) return err;
    struct step_run run;
    err = step_run_open(&run, "import", output, fault);
    if (err == OK) {
        err = sources_write(&run, arguments, arguments->positional, arguments->positional_count,
                            fault);
    }
    if (err == OK) err = step_run_go(&run, fault);
    if (err == OK) err = step_run_take(&run, "table", output, fault);
    if (err == OK) {
        const struct json *options = json_member(run.summary, "options");
        uint64_t faults = json_member_u64(run.summary, "fault_count", 0);
        struct str encoding = json_member_text(options, "encoding"); // none: of many files
        SAY("cli.imported", {"rows", count_text(json_member_u64(run.summary, "rows", 0))},
            {"columns", count_text(json_count(json_member(options, "columns")))},
            {"encoding", encoding.size ? encoding : STR("*")}, {"faults", count_text(faults)},
            {"path", str_of(output)});
        err = faults_say(&run, argument(arguments, "--faults"), faults, fault);
        const struct json *note = json_first(json_member(run.summary, "notes"));
        for (; note; note = json_next(note)) note_say(note);
    }
    step_run_close(&run);
    return err;
}

static void column_say(const struct json *column, uint64_t rows) {
    struct buf personal;
    buf_open(&personal, 4096);
    const struct json *kind = json_first(json_member(column, "personal"));
    for (; kind; kind = json_next(kind)) {
        char key[64] = "personal.";
        if (!str_copy(key + 9, sizeof key - 9, json_member_text(kind, "kind"))) continue;
        if (personal.size) buf_add_text(&personal, ", ");
        message_write(&personal, key, NULL, 0);
    }
    uint64_t missing = json_member_u64(column, "missing", 0);
    SAY(personal.size ? "cli.column_personal" : "cli.column",
        {"name", json_member_text(column, "name")}, {"type", json_member_text(column, "type")},
        {"missing", number_text(rows ? 100.0 * (double)missing / (double)rows : 0)},
        {"distinct", count_text(json_member_u64(column, "distinct", 0))},
        {"personal", buf_str(&personal)});
    buf_close(&personal);
}

enum err command_profile(const struct command *command, const struct arguments *arguments,
                         struct fault *fault) {
    (void)command;
    const char *output = argument(arguments, "-o");
    char table[LIMIT_PATH_BYTES], profile[LIMIT_PATH_BYTES];
    struct step_run run;
    enum err err = step_run_open(&run, "check", output ? output : arguments->positional[0], fault);
    if (err == OK) {
        err = table_of_file(&run, arguments, arguments->positional[0], table, sizeof table, fault);
    }
    if (err == OK) input_write(&run, "table", table);
    if (err == OK) err = step_run_go(&run, fault);
    if (err == OK) err = path_join(profile, sizeof profile, run.folder, "out/profile.json");
    struct json *read = NULL;
    if (err == OK) err = json_parse_file(profile, &read, fault);
    if (err == OK) {
        uint64_t rows = json_member_u64(read, "rows", 0);
        SAY("cli.profiled", {"rows", count_text(rows)});
        const struct json *column = json_first(json_member(read, "columns"));
        for (; column; column = json_next(column)) column_say(column, rows);
    }
    json_close(read);
    if (err == OK && output) err = step_run_take(&run, "profile.json", output, fault);
    step_run_close(&run);
    return err;
}

enum err clean_key_path(struct step_run *run, const struct arguments *arguments, char *out,
                        size_t out_size, struct fault *fault) {
    const char *told = argument(arguments, "--key");
    if (told) return str_copy(out, out_size, str_of(told)) ? OK : ERR_LIMIT;
    uint8_t secret[SHA256_BYTES];
    random_bytes(secret, sizeof secret);
    enum err err = path_join(out, out_size, run->folder, "key");
    struct str bytes = {(const char *)secret, sizeof secret};
    if (err == OK) err = file_write(out, bytes, fault);
    bytes_wipe(secret, sizeof secret);
    return err;
}

// ---- clean --------------------------------------------------------------------------------------

// What a recipe's lines write beside the table, and the option that says where to.
static const struct {
    const char *option, *file, *line;
} further_outputs[] = {
    {"--sampling", "sampling.csv", "sample"},
    {"--technical", "sampling_technical.csv", "sample"},
    {"--hits", "words.csv", "words … action=flag"},
    {"--bundle", "bundle.tar", "pack"},
};

// Options that no line of the recipe answers are told before anything is read.
static enum err outputs_check(const struct arguments *arguments, const struct recipe *recipe,
                              struct fault *fault) {
    char detail[FAULT_DETAIL_SIZE];
    bool packs = recipe_makes(recipe, "bundle.tar");
    for (size_t i = 0; i < sizeof further_outputs / sizeof further_outputs[0]; i++) {
        const char *option = further_outputs[i].option;
        if (!argument(arguments, option) || recipe_makes(recipe, further_outputs[i].file)) continue;
        snprintf(detail, sizeof detail, "%s (%s)", option, further_outputs[i].line);
        return fault_set(fault, ERR_INPUT, "cli.needs_line", str_of(detail));
    }
    if (argument(arguments, "--sign") && !packs) {
        return fault_set(fault, ERR_INPUT, "cli.needs_line", STR("--sign (pack)"));
    }
    if (argument(arguments, "--key") && !recipe_keyed(recipe)) {
        return fault_set(fault, ERR_INPUT, "cli.key_unused", str_of(argument(arguments, "--key")));
    }
    if (packs && !argument(arguments, "--bundle")) {
        return fault_set(fault, ERR_INPUT, "cli.pack_needs", STR("--bundle"));
    }
    if (packs && !argument(arguments, "--sign")) {
        return fault_set(fault, ERR_INPUT, "cli.pack_needs", STR("--sign"));
    }
    return OK;
}

// Reads the recipe as far as it can be without a table.
static enum err recipe_look(const struct arguments *arguments, bool *out_keyed,
                            struct fault *fault) {
    struct buf text;
    struct recipe *recipe;
    buf_open(&text, LIMIT_JSON_BYTES / 4);
    enum err err = file_read(arguments->positional[0], &text, fault);
    if (err == OK) err = recipe_parse(buf_str(&text), NULL, NULL, NULL, &recipe, fault);
    if (err == OK) {
        err = outputs_check(arguments, recipe, fault);
        *out_keyed = recipe_keyed(recipe);
        recipe_close(recipe);
    }
    buf_close(&text);
    return err;
}

// The folder of the files that a recipe names: told, or the recipe's own.
static struct str files_folder(const struct arguments *arguments) {
    const char *told = argument(arguments, "--files"), *recipe = arguments->positional[0];
    if (told) return str_of(told);
    const char *slash = strrchr(recipe, '/');
    if (!slash) return STR(".");
    return (struct str){recipe, slash == recipe ? 1 : (size_t)(slash - recipe)};
}

// `sources`: a list of inputs, or the name of the one table.
static enum err clean_spec_write(struct step_run *run, const struct arguments *arguments,
                                 const char *table, struct str sources, struct fault *fault) {
    struct buf recipe;
    buf_open(&recipe, LIMIT_JSON_BYTES / 4);
    char key[LIMIT_PATH_BYTES];
    const char *rules = argument(arguments, "--rules"), *sign = argument(arguments, "--sign");
    enum err err = file_read(arguments->positional[0], &recipe, fault);
    if (err == OK) err = clean_key_path(run, arguments, key, sizeof key, fault);
    if (err == OK) {
        json_put_name(&run->writer, "inputs");
        json_open_object(&run->writer);
        json_set_text(&run->writer, "table", str_of(table));
        json_set_text(&run->writer, "key", str_of(key));
        if (rules) json_set_text(&run->writer, "rules", str_of(rules));
        if (sign) json_set_text(&run->writer, "sign", str_of(sign));
        json_set_text(&run->writer, "words", files_folder(arguments));
        json_close_object(&run->writer);
        json_put_name(&run->writer, "options");
        json_open_object(&run->writer);
        json_set_text(&run->writer, "recipe", buf_str(&recipe));
        json_set_bool(&run->writer, "key_forgotten", !argument(arguments, "--key"));
        json_set_raw(&run->writer, sources.data[0] == '[' ? "sources" : "name", sources);
        json_close_object(&run->writer);
    }
    buf_close(&recipe);
    return err;
}

// A folder for what is on its way to standard output.
static const char *near_of(const char *output, char *out, size_t out_size) {
    if (strcmp(output, "-") != 0) return output;
    const char *temporary = getenv("TMPDIR");
    if (!temporary || !temporary[0]) temporary = "/tmp";
    return path_join(out, out_size, temporary, "output") == OK ? out : "/tmp/output";
}

static enum err clean_go(struct step_run *run, const struct arguments *arguments,
                         const char *output, struct fault *fault) {
    char table[LIMIT_PATH_BYTES], made[LIMIT_PATH_BYTES];
    const char *report = argument(arguments, "--report");
    const char *const *inputs = arguments->positional + 1;
    struct buf sources;
    buf_open(&sources, LIMIT_JSON_BYTES);
    enum err err = table_of_files(run, arguments, inputs, arguments->positional_count - 1, table,
                                  sizeof table, &sources, fault);
    if (err == OK) err = clean_spec_write(run, arguments, table, buf_str(&sources), fault);
    if (err == OK) err = step_run_go(run, fault);
    if (err == OK) err = path_join(made, sizeof made, run->folder, "out/table");
    // To standard output goes what came in.
    bool stream = strcmp(output, "-") == 0;
    const char *kind = export_name(stream ? inputs[0] : output);
    if (err == OK && !kind && !stream) {
        err = step_run_take(run, "table", output, fault);
    } else if (err == OK) {
        bool mark = argument(arguments, "--mark") != NULL;
        err = table_to_file(run, made, output, kind ? kind : "csv", mark, fault);
    }
    if (err == OK && report) err = step_run_take(run, "report.json", report, fault);
    for (size_t i = 0; i < sizeof further_outputs / sizeof further_outputs[0]; i++) {
        const char *path = argument(arguments, further_outputs[i].option);
        if (err == OK && path) err = step_run_take(run, further_outputs[i].file, path, fault);
    }
    buf_close(&sources);
    return err;
}

enum err command_clean(const struct command *command, const struct arguments *arguments,
                       struct fault *fault) {
    (void)command;
    const char *output;
    char near[LIMIT_PATH_BYTES];
    bool keyed = false;
    enum err err = argument_needed(arguments, "-o", &output, fault);
    if (err == OK) err = recipe_look(arguments, &keyed, fault);
    if (err != OK) return err;
    struct step_run run;
    err = step_run_open(&run, "cleanse", near_of(output, near, sizeof near), fault);
    if (err == OK) err = clean_go(&run, arguments, output, fault);
    if (err == OK && strcmp(output, "-") != 0) {
        SAY("cli.cleansed", {"rows_in", count_text(json_member_u64(run.summary, "input_rows", 0))},
            {"rows", count_text(json_member_u64(run.summary, "rows", 0))},
            {"path", str_of(output)});
        if (keyed && !argument(arguments, "--key")) SAY("cli.key_not_kept", {"", STR_NONE});
    }
    step_run_close(&run);
    return err;
}

static void unmasked_say(const struct step_run *run, const char *output) {
    uint64_t foreign = json_member_u64(run->summary, "foreign", 0);
    SAY("cli.unmasked", {"opened", count_text(json_member_u64(run->summary, "opened", 0))},
        {"path", str_of(output)});
    if (foreign == 0) return;
    SAY("cli.unmask_foreign", {"count", count_text(foreign)},
        {"mark", json_member_text(run->summary, "mark")});
}

static enum err unmask_go(struct step_run *run, const struct arguments *arguments, const char *key,
                          const char *output, struct fault *fault) {
    char table[LIMIT_PATH_BYTES], made[LIMIT_PATH_BYTES];
    const char *source = arguments->positional[0];
    enum err err = table_of_file(run, arguments, source, table, sizeof table, fault);
    if (err == OK) {
        json_put_name(&run->writer, "inputs");
        json_open_object(&run->writer);
        json_set_text(&run->writer, "table", str_of(table));
        json_set_text(&run->writer, "key", str_of(key));
        json_close_object(&run->writer);
        err = step_run_go(run, fault);
    }
    if (err == OK) err = path_join(made, sizeof made, run->folder, "out/table");
    if (err != OK) return err;
    bool stream = strcmp(output, "-") == 0;
    const char *kind = export_name(stream ? source : output);
    if (!kind && !stream) return step_run_take(run, "table", output, fault);
    bool mark = argument(arguments, "--mark") != NULL;
    return table_to_file(run, made, output, kind ? kind : "csv", mark, fault);
}

enum err command_unmask(const struct command *command, const struct arguments *arguments,
                        struct fault *fault) {
    (void)command;
    const char *output, *key;
    char near[LIMIT_PATH_BYTES];
    enum err err = argument_needed(arguments, "-o", &output, fault);
    if (err == OK) err = argument_needed(arguments, "--key", &key, fault);
    if (err != OK) return err;
    struct step_run run;
    err = step_run_open(&run, "unmask", near_of(output, near, sizeof near), fault);
    if (err == OK) err = unmask_go(&run, arguments, key, output, fault);
    if (err == OK && strcmp(output, "-") != 0) unmasked_say(&run, output);
    step_run_close(&run);
    return err;
}

static enum err exported_say(const char *path, const char *output, struct fault *fault) {
    struct table *table;
    enum err err = table_open(path, &table, fault);
    if (err != OK) return err;
    SAY("cli.exported", {"rows", count_text(table_rows(table))}, {"path", str_of(output)});
    table_close(table);
    return OK;
}

enum err command_export(const struct command *command, const struct arguments *arguments,
                        struct fault *fault) {
    (void)command;
    const char *output;
    char near[LIMIT_PATH_BYTES], table[LIMIT_PATH_BYTES];
    enum err err = argument_needed(arguments, "-o", &output, fault);
    if (err != OK) return err;
    struct step_run run;
    err = step_run_open(&run, "export", near_of(output, near, sizeof near), fault);
    if (err == OK) {
        err = table_of_file(&run, arguments, arguments->positional[0], table, sizeof table, fault);
    }
    if (err == OK) {
        const char *kind = export_name(output);
        bool mark = !argument(arguments, "--no-mark");
        err = table_to_file(&run, table, output, kind ? kind : "csv", mark, fault);
    }
    if (err == OK && strcmp(output, "-") != 0) err = exported_say(table, output, fault);
    step_run_close(&run);
    return err;
}
