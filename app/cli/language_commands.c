// generate, perplexity and model show: a language model's file put to use.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/number.h"
#include "cli/language_private.h"
#include "model/language/llama2c.h"

enum { PERPLEXITY_CONTEXT = 512 };

// ---- a model -----------------------------------------------------------------------------------

void language_model_close(struct language_model *model) {
    network_close(model->network);
    tokenizer_close(model->tokenizer);
    gguf_close(model->file);
}

// Beside a model of llama2.c: tok512.bin where it has 512 words, else tokenizer.bin.
static enum err words_beside(const char *model, uint64_t vocabulary, struct tokenizer **out,
                             struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    const char *slash = strrchr(model, '/');
    int folder = slash ? (int)(slash - model) + 1 : 0;
    snprintf(path, sizeof path, "%.*stok%llu.bin", folder, model, (unsigned long long)vocabulary);
    if (!file_exists(path)) snprintf(path, sizeof path, "%.*stokenizer.bin", folder, model);
    if (file_exists(path)) return tokenizer_open_llama2c(path, out, fault);
    return fault_set(fault, ERR_INPUT, "llama2c.no_words", str_of(path));
}

enum err language_words_open(const char *path, const struct arguments *arguments,
                             const struct gguf *file, struct tokenizer **out, struct fault *fault) {
    const char *words = argument(arguments, "--tokenizer");
    const struct gguf_tensor *embedding = gguf_tensor_find(file, STR("token_embd.weight"));
    if (words) return tokenizer_open_llama2c(words, out, fault);
    if (gguf_find(file, "tokenizer.ggml.model") || !embedding) {
        return tokenizer_open(file, out, fault);
    }
    return words_beside(path, embedding->size[1], out, fault);
}

enum err language_model_open(const struct arguments *arguments, struct language_model *out,
                             struct fault *fault) {
    const char *path = arguments->positional[0];
    uint64_t threads;
    enum err err = argument_whole(arguments, "--threads", thread_count_usable(), 1, LIMIT_THREADS,
                                  &threads, fault);
    if (err == OK) err = language_file_open(path, &out->file, fault);
    if (err == OK) err = language_words_open(path, arguments, out->file, &out->tokenizer, fault);
    if (err == OK) err = network_open(out->file, (uint32_t)threads, &out->network, fault);
    return err;
}

// ---- generate ----------------------------------------------------------------------------------

static enum err prompt_read(const struct arguments *arguments, struct buf *out,
                            struct fault *fault) {
    const char *prompt = argument(arguments, "--prompt"), *path = argument(arguments, "--file");
    if (prompt && path) return fault_set(fault, ERR_INPUT, "generate.one_prompt", STR_NONE);
    if (path) return file_read(path, out, fault);
    if (!prompt) return fault_set(fault, ERR_INPUT, "cli.option_missing", STR("--prompt"));
    buf_add_text(out, prompt);
    return buf_err(out);
}

static const char *const finishes[] = {"end", "stop", "length"};

static void generated_say(const struct answering *answering, const struct generated *generated) {
    struct buf out;
    if (!answering->json) {
        if (isatty(STDOUT_FILENO)) putchar('\n');
        return;
    }
    buf_open(&out, text_bytes_max);
    struct json_writer writer = json_writer_of(&out);
    json_open_object(&writer);
    json_set_text(&writer, "text", buf_str(&answering->all));
    answering_logprobs_put(answering, &writer);
    json_set_text(&writer, "finish", str_of(finishes[generated->finish]));
    json_set_u64(&writer, "prompt_tokens", generated->prompt_tokens);
    json_set_u64(&writer, "tokens", generated->tokens);
    json_set_u64(&writer, "steps", generated->steps);
    json_set_u64(&writer, "drafted", generated->drafted);
    json_set_u64(&writer, "held", generated->held);
    json_set_number(&writer, "prompt_s", generated->prompt_s);
    json_set_number(&writer, "tokens_s", generated->tokens_s);
    json_close_object(&writer);
    buf_add_char(&out, '\n');
    fwrite(out.data, 1, out.size, stdout);
    buf_close(&out);
}

static enum err generate_run(const struct arguments *arguments, struct language_model *model,
                             struct answering *answering, struct fault *fault) {
    struct generated generated;
    struct buf prompt, tokens;
    buf_open(&prompt, text_bytes_max);
    buf_open(&tokens, text_bytes_max);
    enum err err = prompt_read(arguments, &prompt, fault);
    if (err == OK) {
        err = prompt_encode(model->network, model->tokenizer, buf_str(&prompt), TOKENIZE_CONTROL,
                            &tokens, fault);
    }
    if (err == OK) err = answering_open(answering, arguments, model, fault);
    if (err == OK) {
        err = text_generate(&answering->generating, (const uint32_t *)(const void *)tokens.data,
                            (uint32_t)(tokens.size / sizeof(uint32_t)), &generated, fault);
    }
    if (err == OK) generated_say(answering, &generated);
    answering_close(answering);
    buf_close(&prompt);
    buf_close(&tokens);
    return err;
}

enum err command_generate(const struct command *command, const struct arguments *arguments,
                          struct fault *fault) {
    struct language_model model = {0};
    struct answering answering = {.json = argument(arguments, "--json")};
    (void)command;
    enum err err = language_model_open(arguments, &model, fault);
    if (err == OK) err = generate_run(arguments, &model, &answering, fault);
    language_model_close(&model);
    return err;
}

// ---- perplexity --------------------------------------------------------------------------------

static enum err perplexity_run(const struct arguments *arguments, struct language_model *model,
                               struct perplexity *out, struct fault *fault) {
    struct buf text;
    uint64_t context, windows = 0;
    enum err err = argument_whole(arguments, "--context", PERPLEXITY_CONTEXT, 1,
                                  NETWORK_CONTEXT_MAX, &context, fault);
    if (err == OK) err = argument_whole(arguments, "--chunks", 0, 0, UINT32_MAX, &windows, fault);
    buf_open(&text, text_bytes_max);
    if (err == OK) err = file_read(arguments->positional[1], &text, fault);
    if (err == OK && text.size && text.data[text.size - 1] == '\n') text.size--;
    if (err == OK) err = progress_show_open();
    if (err == OK) {
        err = perplexity_of(model->network, model->tokenizer, buf_str(&text), (uint32_t)context,
                            (uint32_t)windows, progress_of_process(), out, fault);
        progress_show_close();
    }
    buf_close(&text);
    return err;
}

enum err command_perplexity(const struct command *command, const struct arguments *arguments,
                            struct fault *fault) {
    struct language_model model = {0};
    struct perplexity found;
    (void)command;
    enum err err = language_model_open(arguments, &model, fault);
    if (err == OK) err = perplexity_run(arguments, &model, &found, fault);
    language_model_close(&model);
    if (err != OK) return err;
    if (!argument(arguments, "--json")) {
        SAY("perplexity.is", {"perplexity", number_text(found.perplexity)},
            {"deviation", number_text(found.deviation)}, {"tokens", count_text(found.tokens)},
            {"windows", count_text(found.windows)});
        return OK;
    }
    printf("{\"perplexity\":%.6f,\"deviation\":%.6f,\"tokens\":%llu,\"windows\":%u}\n",
           found.perplexity, found.deviation, (unsigned long long)found.tokens, found.windows);
    return OK;
}

// ---- model show --------------------------------------------------------------------------------

static void about_json(const struct network_about *about, struct str name, const char *words) {
    struct buf out;
    buf_open(&out, text_bytes_max);
    struct json_writer writer = json_writer_of(&out);
    json_open_object(&writer);
    json_set_text(&writer, "name", name);
    json_set_text(&writer, "architecture", str_of(about->architecture));
    json_set_text(&writer, "type", str_of(tensor_form_of(about->type)->name));
    json_set_text(&writer, "tokenizer", str_of(words));
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"parameters", about->parameters},
        {"vocabulary", about->vocabulary},
        {"context", about->context},
        {"width", about->width},
        {"inner", about->inner},
        {"layers", about->layers},
        {"heads", about->heads},
        {"kv_heads", about->kv_heads},
        {"head_size", about->head_size},
        {"window", about->window},
        {"weight_bytes", about->weight_bytes},
        {"memory_bytes", about->weight_bytes + about->memory_bytes},
        {"token_bytes", about->token_bytes},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        json_set_u64(&writer, numbers[i].name, numbers[i].value);
    }
    json_close_object(&writer);
    buf_add_char(&out, '\n');
    fwrite(out.data, 1, out.size, stdout);
    buf_close(&out);
}

static void about_say(const struct network_about *about, struct str name, const char *words) {
    SAY("network.is_about", {"name", name}, {"architecture", str_of(about->architecture)},
        {"parameters", count_text(about->parameters)},
        {"type", str_of(tensor_form_of(about->type)->name)});
    SAY("network.is_shape", {"layers", count_text(about->layers)},
        {"width", count_text(about->width)}, {"inner", count_text(about->inner)},
        {"heads", count_text(about->heads)}, {"kv", count_text(about->kv_heads)},
        {"size", count_text(about->head_size)});
    SAY("network.is_words", {"tokenizer", str_of(words)},
        {"vocabulary", count_text(about->vocabulary)}, {"context", count_text(about->context)});
    SAY("network.is_memory", {"weights", bytes_text(about->weight_bytes)},
        {"memory", bytes_text(about->weight_bytes + about->memory_bytes)},
        {"cache", bytes_text(about->token_bytes * about->context)});
}

enum err model_show(const struct arguments *arguments, struct fault *fault) {
    const char *path = arguments->positional[1];
    struct network_about about;
    struct gguf *file = NULL;
    struct tokenizer *tokenizer = NULL;
    enum err err = language_file_open(path, &file, fault);
    if (err == OK) err = network_look(file, &about, fault);
    // A network may come without words; how it fares with them is told where they are needed.
    if (err == OK && language_words_open(path, arguments, file, &tokenizer, NULL) != OK)
        tokenizer = NULL;
    if (err == OK) {
        const char *slash = strrchr(path, '/');
        struct str name = gguf_text(file, "general.name", str_of(slash ? slash + 1 : path));
        const char *words = tokenizer ? tokenizer_kind_name(tokenizer) : "-";
        (argument(arguments, "--json") ? about_json : about_say)(&about, name, words);
    }
    tokenizer_close(tokenizer);
    gguf_close(file);
    return err;
}
