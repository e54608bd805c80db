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

// What calls were given is shown as objects; as texts to a template that can use nothing else.
static void calls_in_messages(void) {
    static const char messages[] =
        "[{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":[{"
        "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}}]}]";
    struct fault fault = {0};
    CHECK_EQ(
        prompt("{{ messages[0].tool_calls[0].function.arguments.x + 1 }}", NULL, messages, &fault),
        OK);
    CHECK_BYTES(out.data, out.size, "2", 1);
    CHECK_EQ(prompt("{{ 'n: ' + messages[0].tool_calls[0].function.arguments }}", NULL, messages,
                    &fault),
             OK);
    CHECK_BYTES(out.data, out.size, "n: {\"x\":1}", 10);
    CHECK_EQ(prompt("{{ messages[0].content.x.y }}", NULL, messages, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "template.undefined");
}

static void sure_is(const char *answer, size_t want) {
    CHECK_EQ(chat_sure(str_of(answer)), want);
}

static void texts_that_may_be_calls(void) {
    sure_is("", 0);
    sure_is("plain text", 10);
    sure_is("a <", 2);
    sure_is("a <b", 4);
    sure_is("see <tool_call>{\"name\"", 4);
    sure_is("see <tool_cal", 4);
    sure_is("[TOOL", 0);
    sure_is("x [TOOL_CALLS][{", 2);
    sure_is(" {\"name\"", 0);
    sure_is("<|python", 0);
    sure_is("<|python_tag|>{", 0);
}

static void form_is(const char *template, bool tools, const char *begin, const char *arguments) {
    struct gguf *file = file_make(template);
    struct tokenizer *tokenizer = NULL;
    struct chat *chat = NULL;
    struct chat_form form;
    CHECK_EQ(tokenizer_open(file, &tokenizer, NULL), OK);
    CHECK_EQ(chat_open(file, tokenizer, STR_NONE, &chat, NULL), OK);
    CHECK_EQ(chat_form(chat, &form), tools);
    CHECK_BYTES(form.begin.data, form.begin.size, begin, strlen(begin));
    CHECK_BYTES(form.arguments.data, form.arguments.size, arguments, strlen(arguments));
    // What is written so is found again.
    buf_clear(&out);
    struct buf answer;
    size_t rest = SIZE_MAX;
    buf_open(&answer, 1 << 16);
    for (int i = 0; i < (form.between.size ? 2 : 1); i++) {
        buf_add_str(&answer, i ? form.between : form.begin);
        buf_printf(&answer, "{\"name\":\"f\",\"%s\":{\"x\":\"]}\"}}", arguments);
    }
    buf_add_str(&answer, form.end);
    CHECK(chat_calls(buf_str(&answer), 7, &out, &rest) && rest == 0);
    if (form.between.size) CHECK(memmem(out.data, out.size, "call_8", 6));
    buf_close(&answer);
    chat_close(chat);
    tokenizer_close(tokenizer);
    gguf_close(file);
}

static void forms(void) {
    form_is("{{ messages }}", false, "", "parameters");
    form_is("{% if tools %}{% endif %}<tool_call>", true, "<tool_call>\n", "arguments");
    form_is("{% if tools %}{% endif %}[TOOL_CALLS]", true, "[TOOL_CALLS][", "arguments");
    form_is("{% if tools %}{% endif %}", true, "", "parameters");
}

int main(void) {
    buf_open(&bytes, 1 << 20);
    buf_open(&out, 1 << 20);
    CHECK_RUN(prompts);
    CHECK_RUN(calls);
    CHECK_RUN(calls_in_messages);
    CHECK_RUN(texts_that_may_be_calls);
    CHECK_RUN(forms);
    buf_close(&bytes);
    buf_close(&out);
    return check_done();
}
