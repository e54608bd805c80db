// tokenize: the lines of standard input as a language model's tokens, or tokens as text again.
#include "cli/cli_private.h"
#include "model/language/tokenizer/tokenizer.h"

enum { LINE_BYTES_MOST = 1 << 30, OUT_BYTES_MOST = INT32_MAX };

struct tokenizing {
    const struct tokenizer *tokenizer;
    bool json, decode, control;
    uint32_t flags;
    uint64_t lines;
    struct buf tokens, text, out;
};

// ---- a line ------------------------------------------------------------------------------------

static enum err text_encode(struct tokenizing *t, struct str text, struct fault *fault) {
    buf_clear(&t->tokens);
    enum err err = tokenizer_encode(t->tokenizer, text, t->flags, &t->tokens, fault);
    if (err != OK) return err;
    const uint32_t *tokens = (const uint32_t *)(const void *)t->tokens.data;
    size_t count = t->tokens.size / sizeof *tokens;
    if (t->json) buf_add_char(&t->out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i) buf_add_char(&t->out, t->json ? ',' : ' ');
        buf_add_u64(&t->out, tokens[i]);
    }
    if (t->json) buf_add_char(&t->out, ']');
    return OK;
}

static enum err token_decode(struct tokenizing *t, uint64_t token, struct fault *fault) {
    if (token >= tokenizer_count(t->tokenizer)) {
        return fault_at(fault, ERR_INPUT, "tokenizer.no_token", t->lines, 0, count_text(token));
    }
    tokenizer_decode(t->tokenizer, (uint32_t)token, t->control, &t->text);
    return OK;
}

// Numbers divided by blanks, or a JSON array of them.
static enum err line_decode(struct tokenizing *t, struct str line, struct fault *fault) {
    struct json *array = NULL;
    enum err err = OK;
    uint64_t token;
    buf_clear(&t->text);
    if (t->json) {
        err = json_parse(line, &array, fault);
        for (const struct json *i = json_first(array); i && err == OK; i = json_next(i)) {
            err = json_u64(i, &token)
                      ? token_decode(t, token, fault)
                      : fault_at(fault, ERR_INPUT, "tokenizer.not_tokens", t->lines, 0, STR_NONE);
        }
        json_close(array);
    }
    for (struct str rest = line; !t->json && rest.size && err == OK;) {
        struct str word = str_cut(rest, ' ', &rest);
        if (!word.size) continue;
        err = str_to_u64(word, &token)
                  ? token_decode(t, token, fault)
                  : fault_at(fault, ERR_INPUT, "tokenizer.not_tokens", t->lines, 0, word);
    }
    if (err != OK) return err;
    struct json_writer writer = json_writer_of(&t->out);
    if (t->json) {
        json_put_text(&writer, buf_str(&t->text));
    } else {
        buf_add_str(&t->out, buf_str(&t->text));
    }
    return OK;
}

static enum err line_done(void *ctx, struct str line, bool cut, struct fault *fault) {
    struct tokenizing *t = ctx;
    struct json *text = NULL;
    enum err err = OK;
    t->lines++;
    if (cut) return fault_at(fault, ERR_LIMIT, "tokenizer.too_long", t->lines, 0, STR_NONE);
    if (t->decode) {
        err = line_decode(t, line, fault);
    } else if (!t->json) {
        err = text_encode(t, line, fault);
    } else {
        err = json_parse(line, &text, fault);
        if (err == OK && !json_is_string(text)) {
            err = fault_at(fault, ERR_INPUT, "tokenizer.not_a_text", t->lines, 0, STR_NONE);
        }
        if (err == OK) err = text_encode(t, json_text(text), fault);
        json_close(text);
    }
    if (err == OK) buf_add_char(&t->out, '\n');
    if (err != OK && fault && !fault->row) fault->row = t->lines;
    return err;
}

// ---- the command -------------------------------------------------------------------------------

enum err command_tokenize(const struct command *command, const struct arguments *arguments,
                          struct fault *fault) {
    (void)command;
    struct gguf *file;
    struct tokenizer *tokenizer = NULL;
    enum err err = gguf_open(arguments->positional[0], &file, fault);
    if (err == OK) err = tokenizer_open(file, &tokenizer, fault);
    gguf_close(file);
    struct tokenizing tokenizing = {.tokenizer = tokenizer,
                                    .json = argument(arguments, "--json"),
                                    .decode = argument(arguments, "--decode"),
                                    .control = argument(arguments, "--control")};
    if (argument(arguments, "--ends")) tokenizing.flags |= TOKENIZE_ENDS;
    if (tokenizing.control) tokenizing.flags |= TOKENIZE_CONTROL;
    struct buf *bufs[] = {&tokenizing.tokens, &tokenizing.text, &tokenizing.out};
    for (size_t i = 0; i < 3; i++) buf_open(bufs[i], OUT_BYTES_MOST);
    struct line_taker taker = {LINE_BYTES_MOST, &tokenizing.out, line_done, &tokenizing};
    if (err == OK) err = lines_of_input(&taker, fault);
    for (size_t i = 0; i < 3; i++) buf_close(bufs[i]);
    tokenizer_close(tokenizer);
    return err;
}
