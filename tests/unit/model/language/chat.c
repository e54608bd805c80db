// Conversations: the first token once, whoever puts it; how calls of tools are written.
#include <ctype.h>

#include "base/memory.h"
#include "check.h"
#include "model/language/template/calls.h"
#include "model/language/template/chat.h"
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

// Mistral's templates take ids of nine letters and digits alone: others get such ones, and a call's
// answer the same as the call.
static void ids_of_nine(void) {
    static const char messages[] =
        "[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"call_64\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{}\"}},{\"id\":\"abcDEF123\",\"function\":{\"name\":\"f\",\"arguments\":"
        "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_64\",\"content\":\"x\"}]";
    static const char shown[] = "{{ messages[0].tool_calls[0].id }} {{ messages[1].tool_call_id }} "
                                "{{ messages[0].tool_calls[1].id }}";
    char with[256];
    struct fault fault = {0};
    CHECK_EQ(prompt(shown, NULL, messages, &fault), OK);
    CHECK_BYTES(out.data, out.size, "call_64 call_64 abcDEF123", 25);
    snprintf(with, sizeof with, "%s{# [TOOL_CALLS] #}", shown);
    CHECK_EQ(prompt(with, NULL, messages, &fault), OK);
    REQUIRE(out.size == 29);
    CHECK(memcmp(out.data, out.data + 10, 9) == 0);
    CHECK_BYTES(out.data + 20, 9, "abcDEF123", 9);
    for (size_t i = 0; i < 9; i++) CHECK(isalnum((unsigned char)out.data[i]));
}

static void form_is(const char *template, bool tools, const char *begin, const char *arguments) {
    struct gguf *file = file_make(template);
    struct tokenizer *tokenizer = NULL;
    struct chat *chat = NULL;
    CHECK_EQ(tokenizer_open(file, &tokenizer, NULL), OK);
    CHECK_EQ(chat_open(file, tokenizer, STR_NONE, &chat, NULL), OK);
    const struct call_form *form = call_form_of(str_of(template));
    CHECK(chat_call_form(chat) == (tools ? form : NULL));
    CHECK_STR(form->begin, begin);
    CHECK_STR(form->arguments, arguments);
    // What is written so is found again.
    buf_clear(&out);
    struct buf answer, text;
    buf_open(&answer, 1 << 16);
    buf_open(&text, 1 << 16);
    struct json *known = NULL;
    CHECK_EQ(json_parse(STR("[{\"function\":{\"name\":\"f\"}}]"), &known, NULL), OK);
    for (int i = 0; i < (*form->between ? 2 : 1); i++) {
        buf_add_text(&answer, i ? form->between : form->begin);
        if (*arguments) {
            buf_printf(&answer, "{\"name\":\"f\",\"%s\":{\"x\":\"]}\"}}", arguments);
        } else {
            buf_printf(&answer, "f%s{\"x\":\"]}\"}%s", form->after, form->behind);
        }
    }
    buf_add_text(&answer, form->end);
    CHECK(calls_of(form, known, buf_str(&answer), 7, &text, &out) && text.size == 0);
    if (*form->between) CHECK(memmem(out.data, out.size, "call_8", 6));
    json_close(known);
    buf_close(&text);
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
    form_is("{% if tools %}{% endif %}[TOOL_CALLS][ARGS]", true, "[TOOL_CALLS]", "");
    form_is("{% if tools %}{% endif %}[TOOL_CALLS][CALL_ID][ARGS]", true, "[TOOL_CALLS]", "");
    form_is("{% if tools %}{% endif %}<｜tool▁calls▁begin｜>", true,
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>", "");
    form_is("{% if tools %}{% endif %}<｜tool▁calls▁begin｜>```json", true,
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>", "");
}

int main(void) {
    buf_open(&bytes, 1 << 20);
    buf_open(&out, 1 << 20);
    CHECK_RUN(prompts);
    CHECK_RUN(calls_in_messages);
    CHECK_RUN(ids_of_nine);
    CHECK_RUN(forms);
    buf_close(&bytes);
    buf_close(&out);
    return check_done();
}
