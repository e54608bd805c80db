// --logprobs of generate and chat: what the model gave to each token of its answer, and to the best
// ones there.
#include <stdio.h>

#include "cli/language_private.h"

static void bytes_of(const struct answering *answering, uint32_t token, struct buf *out) {
    buf_clear(out);
    tokenizer_decode(answering->generating.tokenizer, token, true, out);
}

// As OpenAI's "logprobs" tells a token, without its end.
static void token_begin(const struct answering *answering, struct json_writer *out,
                        const struct token_probability *one, struct buf *bytes) {
    bytes_of(answering, one->token, bytes);
    json_open_object(out);
    json_set_text(out, "token", buf_str(bytes)); // a part of a character becomes U+FFFD
    json_set_u64(out, "id", one->token);
    json_set_number(out, "logprob", (double)one->log_probability);
    json_put_name(out, "bytes");
    json_open_array(out);
    for (size_t i = 0; i < bytes->size; i++) json_put_u64(out, (uint8_t)bytes->data[i]);
    json_close_array(out);
}

static void token_keep(struct answering *answering, const struct choice *choice,
                       struct buf *bytes) {
    struct json_writer out = json_writer_of(&answering->tokens);
    struct token_probability own = {choice->token, choice->log_probability};
    if (answering->tokens.size) buf_add_char(&answering->tokens, ',');
    token_begin(answering, &out, &own, bytes);
    json_put_name(&out, "top_logprobs");
    json_open_array(&out);
    for (uint32_t i = 0; i < choice->top_count; i++) {
        token_begin(answering, &out, &choice->top[i], bytes);
        json_close_object(&out);
    }
    json_close_array(&out);
    json_close_object(&out);
}

// "-0.1234 "the" | -0.1234 "the" -2.5 "a""
static void token_show(const struct answering *answering, const struct choice *choice,
                       struct buf *bytes) {
    struct buf line;
    buf_open(&line, text_bytes_max);
    for (uint32_t i = 0; i <= choice->top_count; i++) {
        struct json_writer out = json_writer_of(&line);
        struct token_probability own = {choice->token, choice->log_probability};
        const struct token_probability *one = i ? &choice->top[i - 1] : &own;
        bytes_of(answering, one->token, bytes);
        buf_printf(&line,
                   i == 1 ? " | %.4f "
                   : i    ? " %.4f "
                          : "%.4f ",
                   (double)one->log_probability);
        json_put_text(&out, buf_str(bytes));
    }
    buf_add_char(&line, '\n');
    fwrite(line.data, 1, line.size, stdout);
    fflush(stdout);
    buf_close(&line);
}

static void token_take(void *ctx, const struct choice *choice) {
    struct answering *answering = ctx;
    struct buf bytes;
    buf_open(&bytes, 64 << 10);
    if (answering->json) {
        token_keep(answering, choice, &bytes);
    } else {
        token_show(answering, choice, &bytes);
    }
    buf_close(&bytes);
}

enum err answering_logprobs_open(struct answering *answering, const struct arguments *arguments,
                                 struct fault *fault) {
    struct generating *generating = &answering->generating;
    uint64_t top;
    if (!argument(arguments, "--logprobs")) return OK;
    enum err err = argument_whole(arguments, "--logprobs", 0, 0, SAMPLER_TOP_MAX, &top, fault);
    if (err != OK) return err;
    buf_open(&answering->tokens, text_bytes_max);
    answering->logprobs = true;
    generating->sampling.log_probabilities = true;
    generating->sampling.top = (uint32_t)top;
    generating->token = token_take;
    return OK;
}

void answering_logprobs_put(const struct answering *answering, struct json_writer *out) {
    if (!answering->logprobs) return;
    json_put_name(out, "logprobs");
    json_open_array(out);
    json_put_raw(out, buf_str(&answering->tokens));
    json_close_array(out);
}
