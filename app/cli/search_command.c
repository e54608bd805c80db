// courtyard search: tries of a learner's options one after another, by the same draws as the box's
// searches; the one that is best on the validation side is kept.
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/number.h"
#include "cli/cli_private.h"
#include "flow/steps/draws.h"

struct searching {
    const struct arguments *arguments;
    const char *table, *output, *scorecard;
    struct buf ranges; // JSON, or empty
    uint64_t tries, seed;
    double score; // of the best, higher is better
    uint64_t best;
    struct json *headline; // of it
};

static enum err whole_read(const struct arguments *arguments, const char *name, uint64_t least,
                           uint64_t most, uint64_t *out, struct fault *fault) {
    const char *text = argument(arguments, name);
    if (!text || (str_to_u64(str_of(text), out) && *out >= least && *out <= most)) return OK;
    return fault_set(fault, ERR_INPUT, "cli.not_a_number", str_of(name));
}

static enum err ranges_read(struct searching *s, struct fault *fault) {
    const char *path = argument(s->arguments, "--ranges");
    struct json *node;
    if (!path) return OK;
    enum err err = json_parse_file(path, &node, fault);
    if (err != OK) return err;
    json_write(&s->ranges, node);
    json_close(node);
    return buf_err(&s->ranges);
}

static void try_say(const struct step_run *run, uint64_t try) {
    const struct json *headline = json_member(run->summary, "headline");
    double score = json_member_number(run->summary, "validation", NAN);
    bool lower = str_is(json_member_text(headline, "better"), "lower");
    struct buf drawn, label;
    char name[64] = "metric.";
    buf_open(&drawn, LIMIT_JSON_BYTES);
    buf_open(&label, 400);
    json_write(&drawn, json_member(run->summary, "drawn"));
    if (str_copy(name + 7, sizeof name - 7, json_member_text(headline, "name"))) {
        message_write(&label, name, NULL, 0);
    }
    SAY("cli.try", {"number", count_text(try + 1)}, {"metric", buf_str(&label)},
        {"value", number_text(lower ? -score : score)}, {"drawn", buf_str(&drawn)});
    buf_close(&label);
    buf_close(&drawn);
}

static enum err try_keep(struct searching *s, struct step_run *run, uint64_t try,
                         struct fault *fault) {
    double score = json_member_number(run->summary, "validation", NAN);
    if (try > 0 && !(score > s->score) && !(isnan(s->score) && !isnan(score))) return OK;
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    json_write(&text, json_member(run->summary, "headline"));
    json_close(s->headline);
    s->headline = NULL;
    s->score = score;
    s->best = try;
    enum err err = json_parse(buf_str(&text), &s->headline, fault);
    buf_close(&text);
    if (err == OK) err = step_run_take(run, "model", s->output, fault);
    if (err == OK && s->scorecard) err = step_run_take(run, "scorecard.json", s->scorecard, fault);
    return err;
}

static enum err try_run(struct searching *s, uint64_t try, struct fault *fault) {
    struct step_run run;
    enum err err = step_run_open(&run, "search", s->output, fault);
    struct json_writer *out = &run.writer;
    if (err == OK) {
        table_input_write(out, s->table);
        json_set_u64(out, "task", try);
        json_put_name(out, "options");
        json_open_object(out);
        json_put_name(out, "train");
        err = train_options_write(out, s->arguments, fault);
        if (s->ranges.size) json_set_raw(out, "ranges", buf_str(&s->ranges));
        json_set_u64(out, "seed", s->seed);
        json_close_object(out);
    }
    if (err == OK) err = step_run_go(&run, fault);
    if (err == OK) try_say(&run, try);
    if (err == OK) err = try_keep(s, &run, try, fault);
    step_run_close(&run);
    return err;
}

enum err command_search(const struct command *command, const struct arguments *arguments,
                        struct fault *fault) {
    (void)command;
    struct searching s = {.arguments = arguments,
                          .scorecard = argument(arguments, "--scorecard"),
                          .tries = 20,
                          .seed = 1};
    char table[LIMIT_PATH_BYTES];
    struct step_run import; // only its folder, where the table lies
    enum err err = argument_needed(arguments, "-o", &s.output, fault);
    if (err == OK) err = whole_read(arguments, "--tries", 1, SEARCH_TRIES_MAX, &s.tries, fault);
    if (err == OK) err = whole_read(arguments, "--search-seed", 0, UINT64_MAX, &s.seed, fault);
    if (err != OK) return err;
    buf_open(&s.ranges, LIMIT_JSON_BYTES);
    err = ranges_read(&s, fault);
    if (err == OK) {
        err = step_run_open(&import, "search", s.output, fault);
        if (err == OK) {
            const char *path = arguments->positional[0];
            err = table_of_file(&import, arguments, path, table, sizeof table, fault);
        }
        s.table = table;
        for (uint64_t i = 0; i < s.tries && err == OK; i++) err = try_run(&s, i, fault);
        step_run_close(&import);
    }
    if (err == OK) {
        SAY("cli.searched", {"number", count_text(s.best + 1)}, {"tries", count_text(s.tries)});
        headline_say(s.headline, "cli.trained");
        SAY("cli.written", {"path", str_of(s.output)});
    }
    json_close(s.headline);
    buf_close(&s.ranges);
    return err;
}
