// pilot: the templates, and the whole of one on a file in place: columns found, cleansed, split,
// learnt, judged, told in the field's words.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_private.h"
#include "flow/models/pilot_file.h"
#include "flow/steps/series_graph.h"

enum { FILE_ARENA_BYTES = 256 << 20 };

static struct str words(const struct json *node, const char *name) {
    return json_member_text(json_member(node, name), language_now());
}

// ---- list -----------------------------------------------------------------------------------

static void template_put(struct json_writer *out, const struct template *one) {
    static const char *const told[] = {"title", "summary", "needs"};
    json_open_object(out);
    json_set_text(out, "id", one->id);
    json_set_text(out, "field", one->field);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        json_set_text(out, told[i], words(one->node, told[i]));
    }
    json_put_name(out, "columns");
    json_open_array(out);
    for (uint32_t i = 0; i < one->column_count; i++) {
        json_open_object(out);
        json_set_text(out, "name", one->columns[i].name);
        json_set_text(out, "title", words(one->columns[i].node, "title"));
        json_set_text(out, "type", one->columns[i].type);
        json_set_text(out, "use", str_of(template_use_name(one->columns[i].use)));
        json_set_bool(out, "needed", one->columns[i].needed);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
}

static enum err list_print(const struct templates *templates, struct fault *fault) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_array(&out);
    for (uint32_t i = 0; i < templates_count(templates); i++) {
        template_put(&out, templates_at(templates, i));
    }
    json_close_array(&out);
    buf_add_char(&text, '\n');
    enum err err = buf_err(&text);
    if (err == OK) err = file_write_all(STDOUT_FILENO, text.data, text.size, fault);
    buf_close(&text);
    return err;
}

static enum err list(const struct templates *templates, bool machine, struct fault *fault) {
    if (machine) return list_print(templates, fault);
    for (uint32_t i = 0; i < templates_count(templates); i++) {
        const struct template *one = templates_at(templates, i);
        SAY("cli.pilot_listed", {"id", one->id}, {"title", words(one->node, "title")},
            {"summary", words(one->node, "summary")}, {"needs", words(one->node, "needs")});
    }
    return OK;
}

// ---- a run's wish ---------------------------------------------------------------------------

struct piloting {
    const struct arguments *arguments;
    const struct template *one;
    struct arena *arena;
    struct pilot_wish wish;
    struct json *intake, *columns; // what the wish points into
    struct buf graph;              // and that
    uint64_t seed;
    struct pilot_file file;
    struct step_run train; // its folder holds the other steps'
    char imported[LIMIT_PATH_BYTES], cleansed[LIMIT_PATH_BYTES], report[LIMIT_PATH_BYTES];
    uint64_t rows_in, rows; // before and after cleansing
    struct json *card;
    char output[LIMIT_PATH_BYTES]; // the folder; "": nothing is kept
};

// --column glucose=血糖, --column insulin= for none.
static enum err columns_read(struct piloting *p, struct fault *fault) {
    struct buf text;
    uint32_t count = 0;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    for (uint32_t i = 0; i < p->arguments->option_count; i++) {
        struct str from;
        if (strcmp(p->arguments->options[i].name, "--column") != 0) continue;
        json_put_name_str(&out, str_cut(str_of(p->arguments->options[i].value), '=', &from));
        if (from.size)
            json_put_text(&out, from);
        else
            json_put_null(&out);
        count++;
    }
    json_close_object(&out);
    enum err err = buf_err(&text);
    if (err == OK && count) err = json_parse(buf_str(&text), &p->columns, fault);
    p->wish.columns = p->columns;
    buf_close(&text);
    return err;
}

static enum err intake_read(struct piloting *p, struct fault *fault) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    enum err err = intake_arguments_write(&out, p->arguments, p->wish.path, fault);
    if (err == OK) err = json_parse(buf_str(&text), &p->intake, fault);
    if (err == OK) err = intake_options_read(p->intake, p->arena, &p->wish.intake, fault);
    buf_close(&text);
    return err;
}

static enum err wish_read(struct piloting *p, struct fault *fault) {
    const char *path = p->arguments->positional[2], *slash = strrchr(path, '/');
    const char *seed = argument(p->arguments, "--seed");
    p->wish.path = path;
    p->wish.name = str_of(slash ? slash + 1 : path);
    p->wish.language = str_of(language_now());
    p->wish.positive = str_of(argument(p->arguments, "--positive"));
    if (!file_exists(path)) {
        return fault_set(fault, ERR_NOT_FOUND, "base.no_such_file", str_of(path));
    }
    if (seed && !str_to_u64(str_of(seed), &p->seed)) {
        return fault_set(fault, ERR_INPUT, "cli.not_a_number", STR("--seed"));
    }
    if (seed) p->wish.seed = &p->seed;
    enum err err = intake_read(p, fault);
    if (err == OK) err = columns_read(p, fault);
    if (err == OK && argument(p->arguments, "--graph")) {
        struct json_writer out = json_writer_of(&p->graph);
        err = series_graph_write(&out, argument(p->arguments, "--graph"), fault);
        if (err == OK) err = buf_err(&p->graph);
        p->wish.graph = buf_str(&p->graph);
    }
    return err;
}

// ---- which column was taken for what --------------------------------------------------------

static void how_write(const struct match *match, struct buf *out) {
    char key[32] = "pilot.why.chosen";
    if (match->why != MATCH_NONE)
        snprintf(key, sizeof key, "pilot.why.%s", match_why_name(match->why));
    message_write(out, match->doubtful ? "pilot.why.doubtful" : key, NULL, 0);
}

static void columns_say(const struct piloting *p) {
    struct buf how;
    buf_open(&how, 4096);
    SAY("cli.pilot_columns", {"title", words(p->one->node, "title")}, {"source", p->wish.name});
    for (uint32_t i = 0; i < p->one->column_count; i++) {
        const struct template_column *column = &p->one->columns[i];
        const struct match *match = &p->file.match[i];
        if (match->from == MATCH_NOWHERE && !column->needed) continue;
        buf_clear(&how);
        how_write(match, &how);
        const char *key = match->from == MATCH_NOWHERE ? "cli.pilot_column_none"
                          : match->from == MATCH_REST  ? "cli.pilot_column_rest"
                                                       : "cli.pilot_column";
        SAY(key, {"part", column->name}, {"title", words(column->node, "title")},
            {"column", pilot_source_from(&p->file.source, match)}, {"how", buf_str(&how)});
    }
    buf_close(&how);
}

// ---- the steps ------------------------------------------------------------------------------

static enum err step_begin(const struct piloting *p, const char *name, struct step_run *run,
                           struct fault *fault) {
    char near[LIMIT_PATH_BYTES];
    enum err err = path_join(near, sizeof near, p->train.folder, name);
    return err == OK ? step_run_open(run, name, near, fault) : err;
}

static enum err import_go(struct piloting *p, bool machine, struct fault *fault) {
    struct step_run run;
    enum err err = step_begin(p, "import", &run, fault);
    if (err != OK) return err;
    json_put_name(&run.writer, "inputs");
    json_open_object(&run.writer);
    json_set_text(&run.writer, "source", str_of(p->wish.path));
    json_close_object(&run.writer);
    json_set_text(&run.writer, "source_name", p->wish.name);
    json_set_raw(&run.writer, "options", p->file.run.intake);
    err = step_run_go(&run, fault);
    if (err == OK) err = path_join(p->imported, sizeof p->imported, p->train.folder, "imported");
    if (err == OK) err = step_run_take(&run, "table", p->imported, fault);
    if (err == OK) p->rows_in = json_member_u64(run.summary, "rows", 0);
    uint64_t unread = err == OK ? json_member_u64(run.summary, "fault_count", 0) : 0;
    if (unread && !machine) {
        warn("cli.cells_unread", &(struct place){"count", count_text(unread)}, 1);
    }
    step_run_close(&run);
    return err;
}

static enum err cleanse_write(struct piloting *p, struct step_run *run, struct fault *fault) {
    char key[LIMIT_PATH_BYTES];
    struct buf recipe;
    enum err err = clean_key_path(run, p->arguments, key, sizeof key, fault);
    if (err != OK) return err;
    buf_open(&recipe, LIMIT_JSON_BYTES / 4);
    err = pilot_file_recipe(&p->file, &recipe);
    json_put_name(&run->writer, "inputs");
    json_open_object(&run->writer);
    json_set_text(&run->writer, "table", str_of(p->imported));
    json_set_text(&run->writer, "key", str_of(key));
    json_close_object(&run->writer);
    json_put_name(&run->writer, "options");
    json_open_object(&run->writer);
    json_set_text(&run->writer, "recipe", buf_str(&recipe));
    json_set_bool(&run->writer, "key_forgotten", !argument(p->arguments, "--key"));
    json_set_text(&run->writer, "name", p->wish.name);
    json_close_object(&run->writer);
    buf_close(&recipe);
    return err;
}

static enum err cleanse_go(struct piloting *p, struct fault *fault) {
    struct step_run run;
    const char *folder = p->train.folder;
    enum err err = step_begin(p, "cleanse", &run, fault);
    if (err != OK) return err;
    err = cleanse_write(p, &run, fault);
    if (err == OK) err = step_run_go(&run, fault);
    if (err == OK) err = path_join(p->cleansed, sizeof p->cleansed, folder, "cleansed");
    if (err == OK) err = path_join(p->report, sizeof p->report, folder, "report");
    if (err == OK) err = step_run_take(&run, "table", p->cleansed, fault);
    if (err == OK) err = step_run_take(&run, "report.json", p->report, fault);
    if (err == OK) p->rows = json_member_u64(run.summary, "rows", 0);
    step_run_close(&run);
    return err;
}

static enum err train_go(struct piloting *p, struct fault *fault) {
    struct json_writer *out = &p->train.writer;
    char card[LIMIT_PATH_BYTES];
    table_input_write(out, p->cleansed);
    json_put_name(out, "options");
    enum err err = pilot_file_train(&p->file, &p->wish, out, fault);
    if (err == OK) err = step_run_go(&p->train, fault);
    if (err == OK) err = path_join(card, sizeof card, p->train.folder, "out/scorecard.json");
    return err == OK ? json_parse_file(card, &p->card, fault) : err;
}

// ---- the result in the field's words --------------------------------------------------------

// At the threshold the model uses: found, cleared, and how often an alarm is right.
static double of_confusion(const struct json *card, struct str name) {
    double counts[2][2] = {{0}};
    const struct json *row = json_first(json_member(json_member(card, "confusion"), "counts"));
    if (!str_is(json_member_text(card, "task"), "binary")) return NAN;
    for (int i = 0; row && i < 2; row = json_next(row), i++) {
        const struct json *cell = json_first(row);
        for (int j = 0; cell && j < 2; cell = json_next(cell), j++) {
            counts[i][j] = json_number(cell, 0);
        }
    }
    double found = counts[1][1], cleared = counts[0][0];
    if (str_is(name, "sensitivity")) return found / (found + counts[1][0]);
    if (str_is(name, "specificity")) return cleared / (cleared + counts[0][1]);
    return str_is(name, "ppv") ? found / (found + counts[0][1]) : (double)NAN;
}

static const struct json *metric_named(const struct json *metrics, struct str name) {
    const struct json *one = json_first(metrics);
    while (one && !str_equal(json_member_text(one, "name"), name)) one = json_next(one);
    return one;
}

// "good", "fair", "weak", as the template's bounds have it; nothing where it has none.
static void grade_write(const struct json *metric, double value, struct buf *out) {
    double good = json_member_number(metric, "good", NAN);
    double fair = json_member_number(metric, "fair", NAN);
    double sign = json_member_bool(metric, "higher", true) ? 1 : -1;
    if (isnan(good) || isnan(fair)) return;
    const char *key = sign * value >= sign * good   ? "pilot.grade.good"
                      : sign * value >= sign * fair ? "pilot.grade.fair"
                                                    : "pilot.grade.weak";
    message_write(out, key, NULL, 0);
}

static void metrics_say(const struct piloting *p) {
    const struct json *judge = json_member(p->one->node, "judge");
    const struct json *metric = json_first(json_member(judge, "metrics"));
    for (; metric; metric = json_next(metric)) {
        struct str name = json_member_text(metric, "name");
        const struct json *told = metric_named(json_member(p->card, "metrics"), name);
        double value = told ? json_member_number(told, "value", NAN) : of_confusion(p->card, name);
        struct buf grade;
        if (isnan(value)) continue;
        buf_open(&grade, 400);
        grade_write(metric, value, &grade);
        SAY(told ? "cli.pilot_metric" : "cli.pilot_figure", {"title", words(metric, "title")},
            {"value", number_text(value)}, {"grade", buf_str(&grade)},
            {"low", number_text(json_member_number(told, "low", NAN))},
            {"high", number_text(json_member_number(told, "high", NAN))},
            {"explain", words(metric, "explain")});
        buf_close(&grade);
    }
}

static void rule_name_write(struct str rule, struct buf *out) {
    char key[64] = "baseline.";
    if (str_copy(key + 9, sizeof key - 9, rule)) message_write(out, key, NULL, 0);
}

static void baseline_say(const struct piloting *p) {
    const struct json *baseline = json_member(p->card, "baseline");
    const struct json *judge = json_member(p->one->node, "judge");
    struct str name = json_member_text(judge, "headline");
    const struct json *told = metric_named(json_member(baseline, "metrics"), name);
    const struct json *metric = metric_named(json_member(judge, "metrics"), name);
    struct buf rule;
    if (!told) return;
    buf_open(&rule, 400);
    rule_name_write(json_member_text(baseline, "rule"), &rule);
    SAY("cli.pilot_baseline", {"rule", buf_str(&rule)}, {"title", words(metric, "title")},
        {"value", number_text(json_member_number(told, "value", NAN))});
    buf_close(&rule);
}

static void ahead_write(uint64_t steps, const struct json *series, struct buf *out) {
    static const struct {
        uint64_t seconds;
        const char *key, *place;
    } units[] = {{86400, "series.days", "days"},
                 {3600, "series.hours", "hours"},
                 {60, "series.minutes", "minutes"}};
    uint64_t seconds = steps * json_member_u64(series, "step_s", 1);
    bool timed = json_member_bool(series, "timed", false);
    for (size_t i = 0; timed && i < sizeof units / sizeof *units; i++) {
        if (seconds % units[i].seconds) continue;
        struct place place = {units[i].place, count_text(seconds / units[i].seconds)};
        message_write(out, units[i].key, &place, 1);
        return;
    }
    message_write(out, "series.steps", &(struct place){"steps", count_text(steps)}, 1);
}

// Each horizon beside the best of the simple rules.
static void horizons_say(const struct piloting *p) {
    const struct json *series = json_member(p->card, "series");
    const struct json *one = json_first(json_member(series, "backtest"));
    for (; one; one = json_next(one)) {
        struct str best = json_member_text(json_member(one, "skill"), "rule");
        const struct json *rule = json_first(json_member(one, "rules"));
        while (rule && !str_equal(json_member_text(rule, "rule"), best)) rule = json_next(rule);
        const struct json *mae = metric_named(json_member(one, "metrics"), STR("mae"));
        const struct json *other = metric_named(json_member(rule, "metrics"), STR("mae"));
        const struct json *held = json_first(json_member(one, "coverage"));
        struct buf ahead, name;
        buf_open(&ahead, 400);
        buf_open(&name, 400);
        ahead_write(json_member_u64(one, "horizon", 0), series, &ahead);
        rule_name_write(best, &name);
        SAY("cli.pilot_horizon", {"ahead", buf_str(&ahead)}, {"rule", buf_str(&name)},
            {"mae", number_text(json_member_number(mae, "value", NAN))},
            {"other", number_text(json_member_number(other, "value", NAN))},
            {"held", number_text(100 * json_member_number(held, "value", NAN))});
        buf_close(&ahead);
        buf_close(&name);
    }
}

static void result_say(const struct piloting *p) {
    const struct json *rows = json_member(p->card, "rows");
    if (p->file.run.positive.size) {
        SAY("cli.pilot_positive", {"value", p->file.run.positive},
            {"title", words(p->one->columns[p->one->target].node, "title")});
    }
    SAY("cli.pilot_rows", {"rows_in", count_text(p->rows_in)}, {"rows", count_text(p->rows)},
        {"train", count_text(json_member_u64(rows, "train", 0))},
        {"validate", count_text(json_member_u64(rows, "validate", 0))},
        {"test", count_text(json_member_u64(rows, "test", 0))});
    metrics_say(p);
    baseline_say(p);
    horizons_say(p);
    scorecard_remarks_say(p->card);
    SAY("cli.warning", {"sentence", words(p->one->node, "limits")});
}

// ---- what is kept ---------------------------------------------------------------------------

// {"pilot","source","rows","mapping":{…},"positive","scorecard"?}: for a machine, and beside the
// model.
static enum err told_write(const struct piloting *p, bool whole, struct buf *text) {
    struct json_writer out = json_writer_of(text);
    json_open_object(&out);
    json_set_text(&out, "pilot", p->one->id);
    json_set_text(&out, "source", p->wish.name);
    json_set_u64(&out, "rows_in", p->rows_in);
    json_set_u64(&out, "rows", p->rows);
    json_set_raw(&out, "mapping", p->file.run.mapping);
    json_set_text(&out, "positive", p->file.run.positive);
    json_put_name(&out, "recipe");
    struct buf recipe;
    buf_open(&recipe, LIMIT_JSON_BYTES / 4);
    enum err err = pilot_file_recipe(&p->file, &recipe);
    json_put_text(&out, buf_str(&recipe));
    buf_close(&recipe);
    json_put_name(&out, "train");
    if (err == OK) err = pilot_file_train(&p->file, &p->wish, &out, NULL);
    if (whole) json_set_node(&out, "scorecard", p->card);
    json_close_object(&out);
    buf_add_char(text, '\n');
    return err == OK ? buf_err(text) : err;
}

static enum err told_print(const struct piloting *p, struct fault *fault) {
    struct buf text;
    buf_open(&text, 8 * (size_t)LIMIT_JSON_BYTES);
    enum err err = told_write(p, true, &text);
    if (err == OK) err = file_write_all(STDOUT_FILENO, text.data, text.size, fault);
    buf_close(&text);
    return err;
}

static enum err keep(struct piloting *p, const char *folder, struct fault *fault) {
    static const char *const outputs[] = {"model", "scorecard.json", "predictions.csv"};
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    enum err err = folder_make(folder, fault);
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs && err == OK; i++) {
        err = path_join(path, sizeof path, folder, outputs[i]);
        if (err == OK) err = step_run_take(&p->train, outputs[i], path, fault);
    }
    if (err == OK) err = path_join(path, sizeof path, folder, "table");
    if (err == OK) err = file_rename(p->cleansed, path, fault);
    if (err == OK) err = path_join(path, sizeof path, folder, "report.json");
    if (err == OK) err = file_rename(p->report, path, fault);
    if (err == OK) err = path_join(path, sizeof path, folder, "pilot.json");
    buf_open(&text, 4 * (size_t)LIMIT_JSON_BYTES);
    if (err == OK) err = told_write(p, false, &text);
    if (err == OK) err = file_write(path, buf_str(&text), fault);
    buf_close(&text);
    return err;
}

// ---- run ------------------------------------------------------------------------------------

static enum err go(struct piloting *p, struct fault *fault) {
    bool machine = argument(p->arguments, "--json") != NULL;
    enum err err = pilot_file_look(p->one, &p->wish, p->arena, &p->file, fault);
    if (err == OK && !machine) columns_say(p);
    if (err == OK) err = pilot_file_settle(&p->file, &p->wish, fault);
    if (err == OK) err = import_go(p, machine, fault);
    if (err == OK) err = cleanse_go(p, fault);
    if (err == OK) err = train_go(p, fault);
    if (err != OK) return err;
    if (machine)
        err = told_print(p, fault);
    else
        result_say(p);
    if (err == OK && p->output[0]) err = keep(p, p->output, fault);
    if (err == OK && p->output[0] && !machine) SAY("cli.written", {"path", str_of(p->output)});
    return err;
}

// Without an output what is made lies with other temporary files; "FOLDER/" is FOLDER.
static enum err output_read(struct piloting *p, char near[static LIMIT_PATH_BYTES]) {
    struct str output = str_of(argument(p->arguments, "-o"));
    const char *folder = getenv("TMPDIR");
    while (output.size > 1 && output.data[output.size - 1] == '/') output.size--;
    if (!str_copy(p->output, sizeof p->output, output)) return ERR_LIMIT;
    if (output.size) return str_copy(near, LIMIT_PATH_BYTES, output) ? OK : ERR_LIMIT;
    return path_join(near, LIMIT_PATH_BYTES, folder && *folder ? folder : "/tmp", "pilot");
}

static enum err run(const struct templates *templates, const struct arguments *arguments,
                    struct fault *fault) {
    struct piloting p = {.arguments = arguments};
    buf_open(&p.graph, LIMIT_JSON_BYTES / 2);
    char near[LIMIT_PATH_BYTES];
    struct str id = str_of(arguments->positional[1]);
    p.one = template_find(templates, id);
    if (!p.one) return fault_set(fault, ERR_NOT_FOUND, "pilot.not_found", id);
    enum err err = arena_open(FILE_ARENA_BYTES, &p.arena);
    if (err == OK) err = wish_read(&p, fault);
    if (err == OK) err = output_read(&p, near);
    if (err == OK) err = step_run_open(&p.train, "train", near, fault);
    if (err == OK) {
        err = go(&p, fault);
        step_run_close(&p.train);
    }
    pilot_file_close(&p.file);
    json_close(p.card);
    json_close(p.intake);
    json_close(p.columns);
    buf_close(&p.graph);
    arena_close(p.arena);
    return err;
}

enum err command_pilot(const struct command *command, const struct arguments *arguments,
                       struct fault *fault) {
    (void)command;
    struct templates *templates;
    const char *what = arguments->positional[0];
    bool runs = strcmp(what, "run") == 0;
    if (!runs && strcmp(what, "list") != 0) {
        return fault_set(fault, ERR_INPUT, "cli.unknown_action", str_of(what));
    }
    if (arguments->positional_count != (runs ? 3 : 1)) {
        return fault_set(fault, ERR_INPUT, "cli.too_few",
                         str_of(runs ? "pilot run" : "pilot list"));
    }
    enum err err = templates_open(&templates, fault);
    if (err != OK) return err;
    bool machine = argument(arguments, "--json") != NULL;
    err = runs ? run(templates, arguments, fault) : list(templates, machine, fault);
    templates_close(templates);
    return err;
}
