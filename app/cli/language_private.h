// Inside of the commands that write with a language model: the model, and what they are told alike.
// One thread.
#pragma once

#include "cli/cli_private.h"
#include "model/language/generate.h"
#include "model/language/stream.h"
#include "model/language/template/call_form.h"

#define ANSWER_OPTIONS                                                                  \
    "--tokens --temperature --top-k --top-p --min-p --repeat-penalty --repeat-last "    \
    "--frequency-penalty --presence-penalty --seed --stop+ --bias+ --schema --grammar " \
    "--regex --choice+ --logprobs --no-drafts! --tokenizer --threads --json!"

extern const size_t text_bytes_max; // of a prompt, an answer

struct language_model {
    struct gguf *file;
    struct tokenizer *tokenizer;
    struct network *network;
};
// The first positional argument, with --tokenizer and --threads; closed after faults too.
enum err language_model_open(const struct arguments *arguments, struct language_model *out,
                             struct fault *fault) MUST_USE;
void language_model_close(struct language_model *model);
// The vocabulary of a model: --tokenizer, its own, or for one of llama2.c what lies beside `path`.
enum err language_words_open(const char *path, const struct arguments *arguments,
                             const struct gguf *file, struct tokenizer **out,
                             struct fault *fault) MUST_USE;

// Answers as ANSWER_OPTIONS say. What is written goes to standard output (not with --json), and to
// `all`; with --logprobs N each token with its log-probability and those of the N best, as a member
// of --json, or a line each in place of the text. Where it may call `tools`, its calls are held to
// what they take: within free text, or in place of what --schema says. Starts zeroed; closed after
// faults too.
struct answering {
    struct generating generating;
    struct str stops[STOP_TEXTS_MAX];
    struct token_bias biases[OPTIONS_MAX];
    struct endings endings;
    const struct json *tools; // NULL: none; set before it is opened, with how the model calls them
    const struct call_form *form; // NULL: no tools
    struct hold_form held;
    struct grammar *grammar;
    struct token_tree *tree;
    struct buf all, tokens; // tokens: with their log-probabilities, in JSON
    bool json, logprobs;
};
enum err answering_open(struct answering *answering, const struct arguments *arguments,
                        const struct language_model *model, struct fault *fault) MUST_USE;
void answering_clear(struct answering *answering); // before another answer
void answering_close(struct answering *answering);
// logprobs.c: what --logprobs adds to answering_open, and to an answer in JSON; without it nothing.
enum err answering_logprobs_open(struct answering *answering, const struct arguments *arguments,
                                 struct fault *fault) MUST_USE;
void answering_logprobs_put(const struct answering *answering, struct json_writer *out);
