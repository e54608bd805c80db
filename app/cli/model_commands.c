// The commands on files of the model wing: train, predict, drift, show.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/number.h"
#include "cli/cli_private.h"
#include "data/table.h"
#include "model/tabular/tabular.h"

// Options of the learner that are numbers, as `--trees 300` and as "trees": 300.
static const char *const number_options[] = {
    "seed",
    "trees",
    "depth",
    "leaves",
    "learning_rate",
    "l2",
    "min_child_weight",
    "row_share",
    "column_share",
    "early_stop",
    "bins",
    "alpha",
    "l1_share",
    "test_milli",
    "validate_milli",
    "points_base",
    "points_odds",
    "points_double",
    "folds",
    "cost_false_alarm",
    "cost_miss",
    "quantile",
};

// "age:1,income:-1" as {"age":1,"income":-1}; a name may have colons of its own.
static enum err monotone_write(struct json_writer *out, struct str text, struct fault *fault) {
    json_put_name(out, "monotone");
    json_open_object(out);
    while (text.size > 0) {
        struct str part = str_trim(str_cut(text, ',', &text));
        size_t colon = part.size;
        while (colon > 0 && part.data[colon - 1] != ':') colon--;
        struct str way = {part.data + colon, part.size - colon};
        int64_t number;
        if (colon < 2 || !str_to_i64(way, &number)) {
            return fault_set(fault, ERR_INPUT, "train.bad_option", STR("monotone"));
        }
        json_put_name_str(out, (struct str){part.data, colon - 1});
        json_put_i64(out, number);
    }
    json_close_object(out);
    return OK;
}

// "a,b;c,d" as [["a","b"],["c","d"]].
static void interactions_write(struct json_writer *out, struct str text) {
    json_put_name(out, "interactions");
    json_open_array(out);
    while (text.size > 0) {
        struct str set = str_cut(text, ';', &text);
        json_open_array(out);
        while (set.size > 0) json_put_text(out, str_trim(str_cut(set, ',', &set)));
        json_close_array(out);
    }
    json_close_array(out);
}

static enum err learner_write(struct json_writer *out, const struct arguments *arguments,
                              struct fault *fault) {
    json_put_name(out, "options");
    json_open_object(out);
    json_set_text(out, "learner", str_of(argument_or(arguments, "--learner", "boost")));
    if (argument(arguments, "--keep-test")) json_set_bool(out, "keep_test", true);
    if (argument(arguments, "--grow")) {
        json_set_text(out, "grow", str_of(argument(arguments, "--grow")));
    }
    const char *loss = argument(arguments, "--loss");
    if (loss) json_set_text(out, "loss", str_of(loss));
    const char *monotone = argument(arguments, "--monotone");
    const char *interactions = argument(arguments, "--interactions");
    enum err err = monotone ? monotone_write(out, str_of(monotone), fault) : OK;
    if (interactions) interactions_write(out, str_of(interactions));
    for (size_t i = 0; i < sizeof number_options / sizeof number_options[0] && err == OK; i++) {
        char name[40] = "--";
        memcpy(name + 2, number_options[i], strlen(number_options[i]) + 1);
        for (char *at = name; *at; at++) *at = *at == '_' ? '-' : *at;
        const char *text = argument(arguments, name);
        double value;
        if (!text) continue;
        if (!number_parse(str_of(text), &value)) {
            err = fault_set(fault, ERR_INPUT, "cli.not_a_number", str_of(name));
        } else {
            json_set_number(out, number_options[i], value);
        }
    }
    json_close_object(out);
    return err;
}

// A target out of two dates: --start COLUMN --end COLUMN [--unit hours] [--within 24].
static enum err dates_write(struct json_writer *out, const struct arguments *arguments,
                            struct fault *fault) {
    static const char *const texts[] = {"start", "end", "unit"};
    const char *within = argument(arguments, "--within");
    double limit = 0;
    json_put_name(out, "target");
    json_open_object(out);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "--%s", texts[i]);
        const char *text = argument(arguments, name);
        if (text) json_set_text(out, texts[i], str_of(text));
    }
    bool right = !within || number_parse(str_of(within), &limit);
    if (within && right) json_set_number(out, "within", limit);
    json_close_object(out);
    return right ? OK : fault_set(fault, ERR_INPUT, "cli.not_a_number", STR("--within"));
}

// A file of {"steps":[…]}, a target out of two dates, or both; the step checks what they say.
static enum err preparation_write(struct json_writer *out, const struct arguments *arguments,
                                  struct fault *fault) {
    const char *path = argument(arguments, "--prepare");
    bool dates = argument(arguments, "--start") || argument(arguments, "--end") ||
                 argument(arguments, "--within");
    struct json *node = NULL;
    struct fault inside = {0};
    if (!path && !dates) return OK;
    enum err err = path ? json_parse_file(path, &node, &inside) : OK;
    if (err == ERR_INPUT) {
        return fault_at(fault, err, "cli.no_json", 0, inside.column, str_of(path));
    }
    if (err != OK) {
        if (fault) *fault = inside;
        return err;
    }
    json_put_name(out, "prepare");
    if (dates) {
        json_open_object(out);
        const struct json *steps = json_member(node, "steps");
        if (steps) json_set_node(out, "steps", steps);
        err = dates_write(out, arguments, fault);
        json_close_object(out);
    } else {
        json_put_node(out, node);
    }
    json_close(node);
    return err;
}

// --judge-by COLUMN or COLUMN=30,45,60, several times.
static enum err judge_by_write(struct json_writer *out, const struct arguments *arguments,
                               struct fault *fault) {
    if (!argument(arguments, "--judge-by")) return OK;
    json_put_name(out, "judge_by");
    json_open_array(out);
    for (uint32_t i = 0; i < arguments->option_count; i++) {
        const struct option *option = &arguments->options[i];
        if (strcmp(option->name, "--judge-by") != 0) continue;
        struct str edges;
        json_open_object(out);
        json_set_text(out, "column", str_cut(str_of(option->value), '=', &edges));
        json_put_name(out, "edges");
        json_open_array(out);
        while (edges.size) {
            double value;
            if (!number_parse(str_cut(edges, ',', &edges), &value)) {
                return fault_set(fault, ERR_INPUT, "cli.not_a_number", STR("--judge-by"));
            }
            json_put_number(out, value);
        }
        json_close_array(out);
        json_close_object(out);
    }
    json_close_array(out);
    return OK;
}

// "balanced", or a weight for each class as JSON: {"yes":5}.
static enum err class_weights_write(struct json_writer *out, const char *text,
                                    struct fault *fault) {
    struct json *node = NULL;
    if (!text) return OK;
    if (text[0] != '{') {
        json_set_text(out, "class_weights", str_of(text));
        return OK;
    }
    enum err err = json_parse(str_of(text), &node, fault);
    if (err == OK) json_set_raw(out, "class_weights", str_of(text));
    json_close(node);
    return err;
}

// Numbers with commas between them.
static enum err times_write(struct json_writer *out, const char *text, struct fault *fault) {
    if (!text) return OK;
    struct str rest = str_of(text);
    json_put_name(out, "times");
    json_open_array(out);
    enum err err = OK;
    while (rest.size > 0 && err == OK) {
        double time;
        if (number_parse(str_trim(str_cut(rest, ',', &rest)), &time))
            json_put_number(out, time);
        else
            err = fault_set(fault, ERR_INPUT, "cli.not_a_number", STR("--times"));
    }
    json_close_array(out);
    return err;
}

enum err train_options_write(struct json_writer *out, const struct arguments *arguments,
                             struct fault *fault) {
    const char *target = "value", *series = argument(arguments, "--series");
    struct str value = STR_NONE;
    enum err err = OK;
    if (!series || argument(arguments, "--target")) {
        err = argument_needed(arguments, "--target", &target, fault);
    }
    if (err != OK) return err;
    json_open_object(out);
    if (series) err = series_arguments_write(out, series, &value, fault);
    json_set_text(out, "target", value.size ? value : str_of(target));
    static const char *const texts[] = {"group",  "task",   "positive", "time",
                                        "entity", "weight", "event"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "--%s", texts[i]);
        if (argument(arguments, name))
            json_set_text(out, texts[i], str_of(argument(arguments, name)));
    }
    if (err == OK) err = preparation_write(out, arguments, fault);
    if (err == OK) err = judge_by_write(out, arguments, fault);
    if (err == OK) {
        err = class_weights_write(out, argument(arguments, "--class-weights"), fault);
    }
    if (err == OK) err = times_write(out, argument(arguments, "--times"), fault);
    if (err == OK) err = learner_write(out, arguments, fault);
    if (argument(arguments, "--predictions")) json_set_bool(out, "predictions", true);
    json_close_object(out);
    return err;
}

void table_input_write(struct json_writer *out, const char *table) {
    json_put_name(out, "inputs");
    json_open_object(out);
    json_set_text(out, "table", str_of(table));
    json_close_object(out);
}

void headline_say(const struct json *headline, const char *key) {
    char name[64] = "metric.";
    if (!str_copy(name + 7, sizeof name - 7, json_member_text(headline, "name"))) return;
    struct buf label;
    buf_open(&label, 400);
    message_write(&label, name, NULL, 0);
    SAY(key, {"metric", buf_str(&label)},
        {"value", number_text(json_member_number(headline, "value", 0))},
        {"low", number_text(json_member_number(headline, "low", 0))},
        {"high", number_text(json_member_number(headline, "high", 0))});
    buf_close(&label);
}

// A JSON file the step left in its folder.
static enum err output_read(const struct step_run *run, const char *name, struct json **out,
                            struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    enum err err = path_join(path, sizeof path, run->folder, name);
    return err == OK ? json_parse_file(path, out, fault) : err;
}

enum { WARNINGS_OF_A_KIND = 5 }; // are said; of a table of thousands of columns many may be alike

// How many of the warnings before this one have its code.
static uint32_t said_before(const struct json *warnings, const struct json *warning) {
    uint32_t count = 0;
    struct str code = json_member_text(warning, "code");
    for (const struct json *w = json_first(warnings); w != warning; w = json_next(w)) {
        count += str_equal(json_member_text(w, "code"), code);
    }
    return count;
}

void scorecard_remarks_say(const struct json *scorecard) {
    const struct json *warnings = json_member(scorecard, "warnings");
    uint64_t more = 0;
    if (json_member_bool(json_member(scorecard, "split"), "all_rows", false)) {
        SAY("scorecard.all_rows");
    }
    for (const struct json *w = json_first(warnings); w; w = json_next(w)) {
        char code[FAULT_CODE_SIZE];
        if (!str_copy(code, sizeof code, json_member_text(w, "code"))) continue;
        if (said_before(warnings, w) >= WARNINGS_OF_A_KIND) {
            more++;
            continue;
        }
        struct place detail = {"detail", json_member_text(w, "detail")};
        struct buf sentence;
        buf_open(&sentence, 4096);
        message_write(&sentence, code, &detail, 1);
        SAY("cli.warning", {"sentence", buf_str(&sentence)});
        buf_close(&sentence);
    }
    if (more > 0) SAY("cli.warnings_more", {"count", count_text(more)});
}

static enum err remarks_say(const struct step_run *run, struct fault *fault) {
    struct json *scorecard;
    enum err err = output_read(run, "out/scorecard.json", &scorecard, fault);
    if (err != OK) return err;
    scorecard_remarks_say(scorecard);
    json_close(scorecard);
    return OK;
}

// What the step wrote, to standard output.
static enum err result_print(const struct step_run *run, const char *name, struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    struct file_map map;
    enum err err = path_join(path, sizeof path, run->folder, name);
    if (err == OK) err = file_map(path, &map, fault);
    if (err != OK) return err;
    err = file_write_all(STDOUT_FILENO, map.data, map.size, fault);
    file_unmap(&map);
    return err;
}

enum err command_train(const struct command *command, const struct arguments *arguments,
                       struct fault *fault) {
    (void)command;
    const char *output, *scorecard = argument(arguments, "--scorecard");
    const char *predictions = argument(arguments, "--predictions");
    bool machine = argument(arguments, "--json") != NULL;
    char table[LIMIT_PATH_BYTES];
    enum err err = argument_needed(arguments, "-o", &output, fault);
    if (err != OK) return err;
    struct step_run run;
    err = step_run_open(&run, "train", output, fault);
    if (err == OK) {
        err = table_of_file(&run, arguments, arguments->positional[0], table, sizeof table, fault);
    }
    if (err == OK) {
        table_input_write(&run.writer, table);
        json_put_name(&run.writer, "options");
        err = train_options_write(&run.writer, arguments, fault);
    }
    if (err == OK) err = step_run_go(&run, fault);
    if (err == OK && machine) {
        err = result_print(&run, "out/scorecard.json", fault);
    } else if (err == OK) {
        const struct json *headline = json_member(run.summary, "headline");
        if (headline)
            headline_say(headline, "cli.trained");
        else
            SAY("cli.trained_untested", {"path", str_of(output)});
        err = remarks_say(&run, fault);
    }
    if (err == OK) err = step_run_take(&run, "model", output, fault);
    if (err == OK && scorecard) err = step_run_take(&run, "scorecard.json", scorecard, fault);
    if (err == OK && predictions) {
        err = step_run_take(&run, "predictions.csv", predictions, fault);
    }
    if (err == OK && !machine) SAY("cli.written", {"path", str_of(output)});
    step_run_close(&run);
    return err;
}

static enum err predict_write(struct step_run *run, const struct arguments *arguments, bool lines,
                              struct fault *fault) {
    const char *source = arguments->positional[1];
    struct json_writer *out = &run->writer;
    struct table *table = NULL;
    bool is_table = table_open(source, &table, NULL) == OK;
    if (is_table) table_close(table);
    enum err err = OK;
    json_put_name(out, "inputs");
    json_open_object(out);
    json_set_text(out, "model", str_of(arguments->positional[0]));
    json_set_text(out, is_table ? "table" : "source", str_of(source));
    json_close_object(out);
    json_put_name(out, "options");
    json_open_object(out);
    json_set_bool(out, "contributions", argument(arguments, "--contributions") != NULL);
    json_set_text(out, "format", lines ? STR("jsonl") : STR("csv"));
    err = times_write(out, argument(arguments, "--times"), fault);
    if (err == OK && !is_table) {
        json_put_name(out, "intake");
        err = intake_arguments_write(out, arguments, source, fault);
    }
    json_close_object(out);
    return err;
}

// --json: JSON lines to standard output, or to the file of -o; a file that ends in .jsonl, too.
enum err command_predict(const struct command *command, const struct arguments *arguments,
                         struct fault *fault) {
    (void)command;
    const char *output = argument(arguments, "-o");
    bool lines = argument(arguments, "--json") != NULL;
    enum err err = OK;
    if (!lines) err = argument_needed(arguments, "-o", &output, fault);
    if (err != OK) return err;
    if (output && str_ends(str_of(output), STR(".jsonl"))) lines = true;
    struct step_run run;
    const char *folder = getenv("TMPDIR");
    char near[LIMIT_PATH_BYTES];
    err = path_join(near, sizeof near, folder && *folder ? folder : "/tmp", "predictions");
    if (err == OK) err = step_run_open(&run, "predict", output ? output : near, fault);
    if (err != OK) return err;
    err = predict_write(&run, arguments, lines, fault);
    if (err == OK) err = step_run_go(&run, fault);
    uint64_t unread = err == OK ? json_member_u64(run.summary, "fault_count", 0) : 0;
    if (unread > 0) {
        warn("cli.cells_unread", &(struct place){"count", count_text(unread)}, 1);
    }
    if (err == OK && !output) err = result_print(&run, "out/predictions", fault);
    if (err == OK && output) err = step_run_take(&run, "predictions", output, fault);
    if (err == OK && output) {
        SAY("cli.predicted", {"rows", count_text(json_member_u64(run.summary, "rows", 0))},
            {"path", str_of(output)});
    }
    step_run_close(&run);
    return err;
}

// ---- show ------------------------------------------------------------------------------------

static void table_say(const struct table *table) {
    const struct schema *schema = table_schema(table);
    SAY("cli.show_table", {"rows", count_text(table_rows(table))},
        {"columns", count_text(schema->count)});
    for (uint32_t i = 0; i < schema->count; i++) {
        SAY("cli.show_column", {"name", schema->fields[i].name},
            {"type", str_of(column_type_name(schema->fields[i].type))},
            {"role", str_of(column_role_name(schema->fields[i].role))});
    }
}

static enum err model_say(const char *path, struct fault *fault) {
    struct file_map map;
    struct tabular_model *model;
    enum err err = file_map(path, &map, fault);
    if (err != OK) return err;
    err = tabular_load((struct str){(const char *)map.data, map.size}, &model, fault);
    file_unmap(&map);
    if (err != OK) return err;
    struct tabular_about about = tabular_about(model);
    SAY("cli.show_model", {"target", about.target}, {"task", str_of(tabular_task_name(about.task))},
        {"learner", str_of(tabular_learner_name(about.learner))},
        {"features", count_text(about.feature_count)});
    for (uint32_t i = 0; i < about.feature_count; i++) {
        SAY("cli.show_column", {"name", about.features[i].name}, {"type", about.features[i].type},
            {"role", STR("")});
    }
    tabular_close(model);
    return OK;
}

enum err command_show(const struct command *command, const struct arguments *arguments,
                      struct fault *fault) {
    (void)command;
    const char *path = arguments->positional[0];
    struct table *table;
    struct fault not_a_table = {0};
    enum err err = table_open(path, &table, &not_a_table);
    if (err == OK) {
        table_say(table);
        table_close(table);
        return OK;
    }
    if (err != ERR_INPUT) {
        if (fault) *fault = not_a_table;
        return err;
    }
    err = model_say(path, NULL);
    if (err == ERR_CORRUPT || err == ERR_INPUT) {
        return fault_set(fault, ERR_INPUT, "cli.unknown_file", str_of(path));
    }
    return err == OK ? OK : model_say(path, fault);
}

// ---- drift ------------------------------------------------------------------------------------

static void drift_say(const struct json *column, bool prediction) {
    char key[64];
    struct str level = json_member_text(column, "level");
    if (!level.size) return;
    snprintf(key, sizeof key, "drift.level.%.*s", (int)level.size, level.data);
    struct buf word;
    buf_open(&word, 400);
    message_write(&word, key, NULL, 0);
    const char *line = json_member(column, "usual") ? "cli.drift_usual" : "cli.drift_column";
    SAY(prediction ? "cli.drift_prediction" : line, {"name", json_member_text(column, "name")},
        {"psi", number_text(json_member_number(column, "psi", 0))},
        {"usual", number_text(json_member_number(column, "usual", 0))}, {"level", buf_str(&word)});
    buf_close(&word);
}

// Of a forecast: from when to when, the error beside the backtest's, and what that says.
static void drift_forecast_say(const struct json *forecast) {
    char key[64];
    const struct json *judged = json_member(forecast, "judged"), *of = json_member(judged, "ratio");
    struct str verdict = json_member_text(forecast, "verdict");
    SAY("cli.drift_forecast", {"trained_to", json_member_text(forecast, "trained_to")},
        {"from", json_member_text(forecast, "from")}, {"to", json_member_text(forecast, "to")},
        {"steps", count_text(json_member_u64(forecast, "steps", 0))});
    if (of) {
        const struct json *before = json_member(judged, "before"),
                          *now = json_member(judged, "now");
        SAY("cli.drift_error", {"before", number_text(json_member_number(before, "value", 0))},
            {"now", number_text(json_member_number(now, "value", 0))},
            {"ratio", number_text(json_member_number(of, "value", 0))},
            {"low", number_text(json_member_number(of, "low", 0))},
            {"high", number_text(json_member_number(of, "high", 0))});
    }
    snprintf(key, sizeof key, "drift.forecast.%.*s", (int)verdict.size, verdict.data);
    if (verdict.size) SAY(key);
}

static enum err drift_report_say(const struct step_run *run, struct fault *fault) {
    struct json *report;
    enum err err = output_read(run, "out/drift.json", &report, fault);
    if (err != OK) return err;
    const struct json *forecast = json_member(report, "forecast");
    if (forecast) {
        drift_forecast_say(forecast);
    } else {
        SAY("cli.drift_rows", {"rows", count_text(json_member_u64(report, "rows", 0))});
    }
    const struct json *column = json_first(json_member(report, "columns"));
    for (; column; column = json_next(column)) drift_say(column, false);
    if (!forecast) drift_say(json_member(report, "prediction"), true);
    const struct json *metric = json_first(json_member(report, "metrics"));
    if (!forecast && json_is_number(json_member(metric, "value"))) {
        headline_say(metric, "cli.drift_judged");
    }
    json_close(report);
    return OK;
}

static enum err drift_write(struct step_run *run, const struct arguments *arguments, bool is_table,
                            struct fault *fault) {
    struct json_writer *out = &run->writer;
    const char *source = arguments->positional[1];
    enum err err = OK;
    json_put_name(out, "inputs");
    json_open_object(out);
    json_set_text(out, "model", str_of(arguments->positional[0]));
    json_set_text(out, is_table ? "table" : "source", str_of(source));
    json_close_object(out);
    json_put_name(out, "options");
    json_open_object(out);
    if (!is_table) json_put_name(out, "intake");
    if (!is_table) err = intake_arguments_write(out, arguments, source, fault);
    json_close_object(out);
    return err;
}

enum err command_drift(const struct command *command, const struct arguments *arguments,
                       struct fault *fault) {
    (void)command;
    const char *source = arguments->positional[1], *output = argument(arguments, "-o");
    struct table *table = NULL;
    struct step_run run;
    bool is_table = table_open(source, &table, NULL) == OK;
    if (is_table) table_close(table);
    const char *folder = getenv("TMPDIR");
    char near[LIMIT_PATH_BYTES];
    enum err err = path_join(near, sizeof near, folder && *folder ? folder : "/tmp", "drift");
    if (err == OK) err = step_run_open(&run, "drift", output ? output : near, fault);
    if (err == OK) err = drift_write(&run, arguments, is_table, fault);
    if (err == OK) err = step_run_go(&run, fault);
    bool machine = argument(arguments, "--json") != NULL;
    if (err == OK && machine) err = result_print(&run, "out/drift.json", fault);
    if (err == OK && !machine) err = drift_report_say(&run, fault);
    if (err == OK && output) err = step_run_take(&run, "drift.json", output, fault);
    step_run_close(&run);
    return err;
}
