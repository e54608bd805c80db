// Conversations: the first token once, whoever puts it; calls of tools found in answers.
#include "model/language/template/chat.h"
#include "base/memory.h"
#include "check.h"
#include "support/gguf_writer.h"

static struct buf bytes, out;

static struct gguf *file_make(const char *template) {
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "\u2581", "a"};
    static const int32_t kinds[] = {2, 3, 3, 1, 1};
    static const float scores[] = {0, 0, 0, -1, -2};
    struct gguf *file = NULL;
    buf_clear(&bytes);
    gguf_put_head(&bytes, 0, template ? 5 : 4);
    gguf_value_text(&bytes, "tokenizer.ggml.model", "llama");
    gguf_value_texts(&bytes, "tokenizer.ggml.tokens", tokens, 5);
    gguf_value_kinds(&bytes, "tokenizer.ggml.token_type", kinds, 5);
    gguf_value_reals(&bytes, "tokenizer.ggml.scores", scores, 5);
    if (template) gguf_value_text(&bytes, "tokenizer.chat_template", template);
    CHECK_EQ(gguf_view(bytes.data, bytes.size, &file, NULL), OK);
    return file;
}

static enum err prompt(const char *template, const char *other, const char *messages,
                       struct fault *fault) {
    struct gguf *file = file_make(template);
    struct tokenizer *tokenizer = NULL;
    struct chat *chat = NULL;
    struct json *json = NULL;
    CHECK_EQ(tokenizer_open(file, &tokenizer, NULL), OK);
    CHECK_EQ(json_parse(str_of(messages), &json, NULL), OK);
    buf_clear(&out);
    enum err err = chat_open(file, tokenizer, str_of(other), &chat, fault);
    gguf_close(file);
    struct template_input input = {.messages = json};
    if (err == OK) err = chat_prompt(chat, input, &out, fault);
    chat_close(chat);
    json_close(json);
    tokenizer_close(tokenizer);
    return err;
}

static void prompts(void) {
    static const char with[] =
        "{{ bos_token }}{% for m in messages %}{{ m.content }}{{ eos_token }}"
        "{% endfor %}{% if add_generation_prompt %}>{% endif %}";
    struct fault fault = {0};
    CHECK_EQ(prompt(with, NULL, "[{\"content\":\"hi\"}]", &fault), OK);
    CHECK_BYTES(out.data, out.size, "hi</s>>", 7); // the tokenizer puts <s> before it
    CHECK_EQ(prompt(with, "{{ messages[0].content }}", "[{\"content\":\"hi\"}]", &fault), OK);
    CHECK_BYTES(out.data, out.size, "hi", 2);
    CHECK_EQ(prompt(NULL, NULL, "[]", &fault), ERR_INPUT);
    CHECK_STR(fault.code, "chat.no_template");
}

static void calls_are(const char *answer, const char *want, size_t rest_want) {
    size_t rest = SIZE_MAX;
    buf_clear(&out);
    bool any = chat_calls(str_of(answer), 7, &out, &rest);
    CHECK_EQ(any, want != NULL);
    CHECK_BYTES(out.data, out.size, want ? want : "", want ? strlen(want) : 0);
    if (want) CHECK_EQ(rest, rest_want);
}

#define CALL(id, name, arguments)                                                        \
    "{\"id\":\"call_" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\"," \
    "\"arguments\":\"" arguments "\"}}"

static void calls(void) {
    calls_are(
        "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>",
        "[" CALL("7", "f", "{\\\"x\\\":1}") "]", 12);
    calls_are("<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n"
              "<tool_call>{\"name\":\"g\"}</tool_call>",
              "[" CALL("7", "f", "{}") "," CALL("8", "g", "{}") "]", 0);
    calls_are("[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{\"a\":\"]}\"}},{\"name\":\"g\","
              "\"arguments\":\"{}\"}]",
              "[" CALL("7", "f", "{\\\"a\\\":\\\"]}\\\"}") "," CALL("8", "g", "{}") "]", 0);
    calls_are("<|python_tag|>{\"name\": \"f\", \"parameters\": {\"city\": \"北京\"}}",
              "[" CALL("7", "f", "{\\\"city\\\":\\\"北京\\\"}") "]", 0);
    calls_are("", NULL, 0);
    calls_are("plain text", NULL, 0);
    calls_are("{\"answer\": 1}", NULL, 0);
    calls_are("<tool_call>{\"name\":\"f\"", NULL, 0);
    calls_are("<tool_call>{\"name\":1}</tool_call>", NULL, 0);
    calls_are("<tool_call>nothing</tool_call>", NULL, 0);
    calls_are("[TOOL_CALLS][]", NULL, 0);
    calls_are("see {\"name\":\"f\",\"arguments\":{}}", NULL, 0); // within a text it is one
}

int main(void) {
    buf_open(&bytes, 1 << 20);
    buf_open(&out, 1 << 20);
    CHECK_RUN(prompts);
    CHECK_RUN(calls);
    buf_close(&bytes);
    buf_close(&out);
    return check_done();
}
