// check-anonymity: the independent check of a file, for whoever does not want to trust the report.
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/number.h"
#include "cli/cli_private.h"
#include "data/recheck/recheck.h"

// "a,b,c" as names; `room` of them at most.
static enum err split_names(const char *option, const char *text, struct str *names, uint32_t room,
                            uint32_t *out_count, struct fault *fault) {
    struct str rest = str_of(text);
    *out_count = 0;
    while (rest.size) {
        struct str name = str_trim(str_cut(rest, ',', &rest));
        if (name.size == 0) continue;
        if (*out_count == room) return fault_set(fault, ERR_LIMIT, "cli.too_many", str_of(option));
        names[(*out_count)++] = name;
    }
    return OK;
}

static enum err number_of(const struct arguments *arguments, const char *option, double otherwise,
                          double *out, struct fault *fault) {
    const char *text = argument(arguments, option);
    *out = otherwise;
    if (!text) return OK;
    if (number_parse(str_of(text), out) && *out >= 0) return OK;
    return fault_set(fault, ERR_INPUT, "cli.bad_number", str_of(option));
}

static enum err read_question(const struct arguments *arguments, struct str *quasi,
                              struct str *sensitive, struct recheck_question *out,
                              struct fault *fault) {
    const char *quasi_text;
    double k;
    *out = (struct recheck_question){.quasi = quasi, .sensitive = sensitive};
    enum err err = argument_needed(arguments, "--quasi", &quasi_text, fault);
    if (err == OK) {
        err = split_names("--quasi", quasi_text, quasi, RECHECK_QUASI, &out->quasi_count, fault);
    }
    if (err == OK) {
        err = split_names("--sensitive", argument_or(arguments, "--sensitive", ""), sensitive,
                          RECHECK_SENSITIVE, &out->sensitive_count, fault);
    }
    if (err == OK) err = number_of(arguments, "--k", 0, &k, fault);
    if (err == OK) err = number_of(arguments, "--l", 0, &out->l, fault);
    if (err == OK) err = number_of(arguments, "--l-entropy", 0, &out->l_entropy, fault);
    if (err == OK) err = number_of(arguments, "--t", -1, &out->t, fault);
    if (err == OK) out->k = k < 1e18 ? (uint64_t)k : UINT64_MAX;
    bool secret = out->l > 0 || out->l_entropy > 0 || out->t >= 0;
    if (err == OK && secret && out->sensitive_count == 0) {
        err = fault_set(fault, ERR_INPUT, "cli.option_missing", STR("--sensitive"));
    }
    return err;
}

static void say_answer(const struct recheck_question *question,
                       const struct recheck_answer *answer) {
    bool small = answer->k < question->k;
    SAY(small ? "cli.recheck_k_fails" : "cli.recheck_k", {"rows", count_text(answer->rows)},
        {"classes", count_text(answer->classes)}, {"k", count_text(answer->k)},
        {"wanted", count_text(question->k)}, {"uniques", count_text(answer->uniques)},
        {"row", count_text(answer->k_row)});
    for (uint32_t i = 0; i < question->sensitive_count; i++) {
        const struct recheck_column *column = &answer->columns[i];
        SAY("cli.recheck_sensitive", {"column", question->sensitive[i]},
            {"distinct", count_text(column->distinct)},
            {"distinct_row", count_text(column->distinct_row)},
            {"entropy", number_text(column->effective)},
            {"distance", number_text(column->distance)},
            {"distance_row", count_text(column->distance_row)});
    }
}

static enum err print_json(const struct recheck_question *question,
                           const struct recheck_answer *answer) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer writer = json_writer_of(&text);
    recheck_write(&writer, question, answer);
    enum err err = buf_err(&text);
    if (err == OK) printf("%.*s\n", STR_ARG(buf_str(&text)));
    buf_close(&text);
    return err;
}

enum err command_check_anonymity(const struct command *command, const struct arguments *arguments,
                                 struct fault *fault) {
    (void)command;
    struct str quasi[RECHECK_QUASI], sensitive[RECHECK_SENSITIVE];
    struct recheck_question question;
    struct recheck_answer answer;
    enum err err = read_question(arguments, quasi, sensitive, &question, fault);
    if (err == OK) err = recheck_file(arguments->positional[0], &question, &answer, fault);
    if (err != OK) return err;
    if (argument(arguments, "--json")) {
        err = print_json(&question, &answer);
    } else {
        say_answer(&question, &answer);
    }
    if (err == OK && !answer.holds) {
        err =
            fault_set(fault, ERR_INPUT, "recheck.does_not_hold", str_of(arguments->positional[0]));
    }
    return err;
}
