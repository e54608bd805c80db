// What generate and chat are told alike: how to choose tokens, what an answer may be, where it
// ends.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "cli/language_private.h"

enum { TOKENS_DEFAULT = 256 };
const size_t text_bytes_max = (size_t)1 << 30;

// ---- options -----------------------------------------------------------------------------------

static enum err real_option(const struct arguments *arguments, const char *name, double least,
                            double most, double *out, struct fault *fault) {
    const char *told = argument(arguments, name);
    double value;
    if (!told) return OK;
    if (!number_parse(str_of(told), &value)) {
        return fault_set(fault, ERR_INPUT, "cli.not_a_number", str_of(name));
    }
    if (value < least || value > most) {
        char detail[96];
        snprintf(detail, sizeof detail, "%s: %g … %g", name, least, most);
        return fault_set(fault, ERR_INPUT, "cli.out_of_range", str_of(detail));
    }
    *out = value;
    return OK;
}

static enum err sampling_read(const struct arguments *arguments, struct sampling *out,
                              struct fault *fault) {
    const struct {
        const char *name;
        double least, most, *value;
    } reals[] = {{"--temperature", 0, 100, &out->temperature},
                 {"--top-p", 0, 1, &out->top_p},
                 {"--min-p", 0, 1, &out->min_p},
                 {"--repeat-penalty", 0.1, 10, &out->repeat_penalty},
                 {"--frequency-penalty", -100, 100, &out->frequency_penalty},
                 {"--presence-penalty", -100, 100, &out->presence_penalty}};
    uint64_t top_k = 0, last = 0;
    enum err err = OK;
    *out = sampling_default();
    for (size_t i = 0; i < sizeof reals / sizeof *reals && err == OK; i++) {
        err = real_option(arguments, reals[i].name, reals[i].least, reals[i].most, reals[i].value,
                          fault);
    }
    if (err == OK) {
        err = argument_whole(arguments, "--top-k", out->top_k, 0, UINT32_MAX, &top_k, fault);
    }
    if (err == OK) {
        err = argument_whole(arguments, "--repeat-last", out->last, 0, SAMPLER_LAST_MAX, &last,
                             fault);
    }
    if (err == OK) err = argument_whole(arguments, "--seed", 0, 0, UINT64_MAX, &out->seed, fault);
    if (err != OK) return err;
    out->top_k = (uint32_t)top_k;
    out->last = (uint32_t)last;
    return OK;
}

// --bias TOKEN=VALUE: a token's number, and what is added to its logit.
static enum err biases_read(struct answering *answering, const struct arguments *arguments,
                            uint32_t vocabulary, struct fault *fault) {
    struct sampling *sampling = &answering->generating.sampling;
    for (uint32_t i = 0; i < arguments->option_count; i++) {
        uint64_t token;
        double value;
        if (strcmp(arguments->options[i].name, "--bias") != 0) continue;
        struct str told = str_of(arguments->options[i].value), rest;
        struct str number = str_cut(told, '=', &rest);
        if (!str_to_u64(number, &token) || token >= TOKEN_NONE || !number_parse(rest, &value) ||
            sampling->bias_count == OPTIONS_MAX) {
            return fault_set(fault, ERR_INPUT, "generate.bad_bias", told);
        }
        if (token >= vocabulary) return fault_set(fault, ERR_INPUT, "generate.no_token", number);
        answering->biases[sampling->bias_count++] =
            (struct token_bias){(uint32_t)token, (float)value};
    }
    sampling->biases = answering->biases;
    return OK;
}

static enum err stops_read(struct answering *answering, const struct arguments *arguments,
                           struct fault *fault) {
    for (uint32_t i = 0; i < arguments->option_count; i++) {
        const struct option *option = &arguments->options[i];
        if (strcmp(option->name, "--stop") != 0) continue;
        if (answering->generating.stop_count == STOP_TEXTS_MAX) {
            return fault_set(fault, ERR_LIMIT, "cli.too_many", STR("--stop"));
        }
        if (!*option->value || strlen(option->value) > STOP_TEXT_BYTES_MAX) {
            return fault_set(fault, ERR_INPUT, "generate.bad_stop", str_of(option->value));
        }
        answering->stops[answering->generating.stop_count++] = str_of(option->value);
    }
    answering->generating.stops = answering->stops;
    return OK;
}

// ---- what an answer may be ---------------------------------------------------------------------

static enum err choices_read(const struct arguments *arguments, struct grammar **out,
                             struct fault *fault) {
    struct str choices[OPTIONS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < arguments->option_count; i++) {
        if (strcmp(arguments->options[i].name, "--choice") != 0) continue;
        choices[count++] = str_of(arguments->options[i].value);
    }
    return grammar_of_choices(choices, count, out, fault);
}

static enum err schema_file_read(struct answering *answering, const char *path,
                                 struct fault *fault) {
    struct json *json;
    enum err err = json_parse_file(path, &json, fault);
    if (err != OK) return err;
    if (answering->tools) {
        struct grammar_calls calls = call_grammar(answering->form, CALL_EITHER, true);
        calls.tools = answering->tools;
        calls.otherwise = json;
        err = grammar_of_calls(&calls, &answering->grammar, fault);
    } else {
        err = grammar_of_schema(json, &answering->grammar, fault);
    }
    json_close(json);
    return err;
}

// Calls of tools within free text.
static enum err tools_read(struct answering *answering, struct fault *fault) {
    struct grammar_calls calls = call_grammar(answering->form, CALL_MAY, true);
    calls.tools = answering->tools;
    answering->held = call_hold(answering->form, HOLD_PIECES_MAX);
    answering->generating.held = &answering->held;
    return grammar_of_calls(&calls, &answering->grammar, fault);
}

static enum err grammar_file_read(const char *path, struct grammar **out, struct fault *fault) {
    struct buf text;
    buf_open(&text, 1 << 22);
    enum err err = file_read(path, &text, fault);
    if (err == OK) err = grammar_of_text(buf_str(&text), out, fault);
    buf_close(&text);
    return err;
}

static enum err constraint_read(struct answering *answering, const struct arguments *arguments,
                                const struct language_model *model, struct fault *fault) {
    const char *schema = argument(arguments, "--schema"), *text = argument(arguments, "--grammar"),
               *regex = argument(arguments, "--regex"), *choice = argument(arguments, "--choice");
    int told = (schema != NULL) + (text != NULL) + (regex != NULL) + (choice != NULL);
    if (told == 0 && !answering->tools) return OK;
    if (regex && !*regex)
        return fault_set(fault, ERR_INPUT, "cli.option_needs_value", STR("--regex"));
    if (told > 1) return fault_set(fault, ERR_INPUT, "generate.one_constraint", STR_NONE);
    if (answering->tools && told > 0 && !schema) {
        return fault_set(fault, ERR_INPUT, "chat.not_beside_tools", STR_NONE);
    }
    enum err err = schema  ? schema_file_read(answering, schema, fault)
                   : !told ? tools_read(answering, fault)
                   : text  ? grammar_file_read(text, &answering->grammar, fault)
                   : regex ? grammar_of_regex(str_of(regex), &answering->grammar, fault)
                           : choices_read(arguments, &answering->grammar, fault);
    if (err != OK) return err;
    err = token_tree_open(model->tokenizer, network_about(model->network)->vocabulary,
                          &answering->tree);
    if (err == OK) {
        err = constraint_open(answering->grammar, answering->tree, answering->endings.tokens,
                              answering->endings.count, &answering->generating.constraint);
    }
    return err == OK ? OK : fault_set(fault, err, "predict.no_memory", STR_NONE);
}

// ---- an answer ---------------------------------------------------------------------------------

static void piece_take(void *ctx, struct str piece) {
    struct answering *answering = ctx;
    buf_add_str(&answering->all, piece);
    if (answering->json || answering->logprobs) return;
    fwrite(piece.data, 1, piece.size, stdout);
    fflush(stdout);
}

enum err answering_open(struct answering *answering, const struct arguments *arguments,
                        const struct language_model *model, struct fault *fault) {
    struct generating *generating = &answering->generating;
    uint64_t tokens = 0;
    buf_open(&answering->all, text_bytes_max);
    answering->json = argument(arguments, "--json");
    enum err err = stops_read(answering, arguments, fault);
    if (err == OK) err = sampling_read(arguments, &generating->sampling, fault);
    if (err == OK)
        err = biases_read(answering, arguments, network_about(model->network)->vocabulary, fault);
    if (err == OK) {
        err = argument_whole(arguments, "--tokens", TOKENS_DEFAULT, 0, NETWORK_CONTEXT_MAX, &tokens,
                             fault);
    }
    if (err != OK) return err;
    endings_of(model->file, model->tokenizer, &answering->endings);
    generating->network = model->network;
    generating->tokenizer = model->tokenizer;
    generating->endings = &answering->endings;
    generating->tokens_most = (uint32_t)tokens;
    generating->no_drafts = argument(arguments, "--no-drafts");
    generating->control = answering->tools != NULL; // marks of calls may be such
    generating->progress = progress_of_process();
    generating->text = piece_take;
    generating->ctx = answering;
    err = answering_logprobs_open(answering, arguments, fault);
    if (err == OK) err = constraint_read(answering, arguments, model, fault);
    return err == OK ? progress_signals_open() : err;
}

void answering_clear(struct answering *answering) {
    buf_clear(&answering->all);
    buf_clear(&answering->tokens);
}

void answering_close(struct answering *answering) {
    constraint_close(answering->generating.constraint);
    grammar_close(answering->grammar);
    token_tree_close(answering->tree);
    buf_close(&answering->all);
    buf_close(&answering->tokens);
}
