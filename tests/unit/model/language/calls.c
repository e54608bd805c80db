// Answers parted into text and calls: of each form, cut in any way over the pieces they come in.
#include "model/language/template/calls.h"

#include "base/json.h"
#include "check.h"

#define CALLS "<｜tool▁calls▁begin｜>"
#define CALL "<｜tool▁call▁begin｜>"
#define SEP "<｜tool▁sep｜>"
#define END "<｜tool▁call▁end｜>"
#define CALLS_END "<｜tool▁calls▁end｜>"

static struct call_form hermes, llama, mistral, ministral, deepseek, fenced;

static void forms_take(void) {
    hermes = *call_form(CALLS_HERMES);
    llama = *call_form(CALLS_LLAMA);
    mistral = *call_form(CALLS_MISTRAL);
    ministral = *call_form(CALLS_MISTRAL_NAMED);
    deepseek = *call_form(CALLS_DEEPSEEK);
    fenced = *call_form(CALLS_DEEPSEEK_FENCED);
}

static const char tools_text[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"look \\\"up\\\"\"}}]";
static struct json *tools;

// ---- what was told, as one line ----------------------------------------------------------------

// T(text) for text, [name] for a call's beginning, its arguments as they are, ] behind its end.
static struct buf told;
static bool in_text;
static uint32_t next_index;
static bool given_before; // a name comes before what it is given

static void hear(void *ctx, const struct call_event *event) {
    (void)ctx;
    if (event->kind == CALL_TEXT) {
        CHECK(event->text.size > 0);
        if (!in_text) buf_add_text(&told, "T:");
        buf_add_str(&told, event->text);
        in_text = true;
        return;
    }
    in_text = false;
    CHECK_EQ(event->index, next_index);
    if (event->kind == CALL_BEGINS) {
        buf_add_char(&told, '[');
        buf_add_str(&told, event->text);
        buf_add_char(&told, '|');
        given_before = true;
    } else if (event->kind == CALL_GIVEN) {
        CHECK(given_before);
        buf_add_str(&told, event->text);
    } else {
        buf_add_char(&told, ']');
        given_before = false;
        next_index++;
    }
}

static void start(struct calls *calls, const struct call_form *form) {
    buf_clear(&told);
    in_text = given_before = false;
    next_index = 0;
    calls_open(calls, form, tools, hear, NULL);
}

static void is_told(const struct call_form *form, const char *answer, const char *want) {
    struct calls calls;
    size_t size = strlen(answer);
    for (size_t first = 0; first <= size; first++) {
        for (size_t second = first; second <= size; second += 1 + second / 8) {
            start(&calls, form);
            calls_put(&calls, (struct str){answer, first});
            calls_put(&calls, (struct str){answer + first, second - first});
            calls_put(&calls, (struct str){answer + second, size - second});
            CHECK_EQ(calls_end(&calls), OK);
            if (str_is(buf_str(&told), want)) continue;
            check_that(false, __FILE__, __LINE__, "%s cut at %zu, %zu: %.*s, not %s", answer, first,
                       second, (int)told.size, told.data, want);
            return;
        }
    }
    start(&calls, form);
    for (size_t i = 0; i < size; i++) calls_put(&calls, (struct str){answer + i, 1});
    CHECK_EQ(calls_end(&calls), OK);
    CHECK_BYTES(told.data, told.size, want, strlen(want));
}

static void texts(void) {
    is_told(&hermes, "", "");
    is_told(&hermes, " plain  text ", "T: plain  text ");
    is_told(&hermes, "a < b <tool <tool_call", "T:a < b <tool <tool_call");
    is_told(&hermes, "<tool_call", "T:<tool_call");
    is_told(&hermes, "<<tool_call>{\"name\":\"f\"}", "T:<[f|{}]");
    is_told(&hermes, "{\"answer\": 1}", "T:{\"answer\": 1}");
    is_told(&hermes, " {\"name\": \"Bob\", \"arguments\": {}}",
            "T: {\"name\": \"Bob\", \"arguments\": {}}");
    is_told(&hermes, "see {\"name\":\"f\",\"arguments\":{}}",
            "T:see {\"name\":\"f\",\"arguments\":{}}");
    is_told(&hermes, "x <tool_call>nothing</tool_call>", "T:x <tool_call>nothing</tool_call>");
    is_told(&hermes, "<tool_call>{\"name\":1}", "T:<tool_call>{\"name\":1}");
    is_told(&hermes, "<tool_call>{\"name\":\"\"}", "T:<tool_call>{\"name\":\"\"}");
    is_told(&hermes, "[TOOL_CALLS][{\"name\":\"f\"}]", "T:[TOOL_CALLS][{\"name\":\"f\"}]");
    is_told(&mistral, "{\"name\":\"f\"}", "T:{\"name\":\"f\"}");
    is_told(&mistral, "[TOOL_CALLS][]", "T:[TOOL_CALLS][]");
    is_told(&llama, "{\"name\": \"f\", \"parameters\"", "T:{\"name\": \"f\", \"parameters\"");
}

static void calls(void) {
    is_told(&hermes,
            "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>",
            "T:Let me see.[f|{\"x\": 1}]");
    is_told(&hermes,
            "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"}\\\"]\"}}</tool_call>\n"
            "<tool_call>{\"name\":\"g\"}</tool_call>\n bye <",
            "[f|{\"a\":\"}\\\"]\"}][g|{}]T:\n bye <");
    is_told(&hermes,
            "\n\n<tool_call>[{\"name\":\"f\",\"arguments\":{}}, {\"name\":\"g\"}]</tool_call>\n",
            "[f|{}][g|{}]");
    is_told(&hermes, "{\"name\":\"look \\\"up\\\"\",\"arguments\":{\"x\":[1,{}]},\"id\":\"}\"} ok",
            "[look \"up\"|{\"x\":[1,{}]}]T: ok");
    is_told(&mistral,
            "[TOOL_CALLS] [{\"name\":\"f\",\"arguments\":{\"a\":\"]}\"},\"id\":\"]\"},"
            "{\"name\":\"g\",\"arguments\":\"{\\\"x\\\": 1}\"}]",
            "[f|{\"a\":\"]}\"}][g|{\"x\": 1}]");
    is_told(&llama, "<|python_tag|>{\"name\": \"f\", \"parameters\": {\"city\": \"北京\"}}",
            "[f|{\"city\": \"北京\"}]");
    is_told(&llama, "\n{\"name\" : \"f\" ,\"parameters\": {}}", "[f|{}]");
}

// A name as it is, and the object behind it.
static void calls_by_name(void) {
    is_told(&ministral, "Let me see.[TOOL_CALLS]f[ARGS]{\"x\": \"}]\"}",
            "T:Let me see.[f|{\"x\": \"}]\"}]");
    is_told(&ministral, "[TOOL_CALLS]f[ARGS]{\"x\": {}}[TOOL_CALLS]g_2[ARGS] {}",
            "[f|{\"x\": {}}][g_2|{}]");
    is_told(&ministral, "[TOOL_CALLS]f[CALL_ID]a1B2c3D4e[ARGS]{}", "[f|{}]");
    is_told(&ministral, "[TOOL_CALLS]look \"up\"[ARGS]{}", "[look \"up\"|{}]");
    is_told(&ministral, "[TOOL_CALLS]f{\"x\": 1}", "[f|{\"x\": 1}]"); // as some leave the mark out
    is_told(&ministral, "[TOOL_CALLS] [{\"name\":\"f\",\"arguments\":{}}, {\"name\":\"g\"}]",
            "[f|{}][g|{}]"); // as older ones write them
    is_told(&deepseek, "So." CALLS CALL "f" SEP "{\"x\": 1}" END CALLS_END, "T:So.[f|{\"x\": 1}]");
    is_told(&deepseek, CALLS CALL "f" SEP "{}" END CALL "g" SEP "{\"y\":2}" END CALLS_END " bye",
            "[f|{}][g|{\"y\":2}]T: bye");
    is_told(&fenced,
            CALLS CALL "function" SEP "f\n```json\n{\"x\": \"```\"}\n```" END "\n" CALL
                       "function" SEP "g\n```json\n{}\n```" END CALLS_END,
            "[f|{\"x\": \"```\"}][g|{}]");
    // What is none, and what is cut.
    is_told(&ministral, "[TOOL_CALLS]", "");
    is_told(&ministral, "[TOOL_CALLS]f[AR", "");
    is_told(&ministral, "[TOOL_CALLS]f[ARGS]{\"x", "[f|{\"x");
    is_told(&ministral, "[TOOL_CALLS]not at all", "T:[TOOL_CALLS]not at all");
    is_told(&ministral, "[TOOL_CALLS]f[OTHER]{}", "T:[TOOL_CALLS]f[OTHER]{}");
    is_told(&deepseek, "a " CALLS "nothing", "T:a " CALLS "nothing");
    is_told(&deepseek, CALLS CALL "f" SEP "{}" END CALL "g", "[f|{}]");
    is_told(&fenced, CALLS CALL "function" SEP "f\n```js", "");
}

// An answer that ends within a call: its beginning is told, and no end; what is no more than the
// beginning of a call's head is not told at all.
static void answers_that_are_cut(void) {
    is_told(&hermes, "a <tool_call>", "T:a");
    is_told(&hermes, "a <tool_call>\n{\"name\":\"f\"", "T:a");
    is_told(&hermes, "a <tool_call>\n{\"name\":\"f\",\"arguments\":{\"x\": \"y",
            "T:a[f|{\"x\": \"y");
    is_told(&hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{}", "[f|{}");
    is_told(&hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{}}\n</too", "[f|{}]");
    is_told(&mistral, "[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{}},", "[f|{}]");
}

static bool is_plain(const struct call_form *form) {
    return !*form->arguments;
}

// The beginning of a call of the name "nK", up to within a text that it is given.
static void call_write(const struct call_form *form, uint32_t k, struct buf *answer) {
    if (is_plain(form)) {
        buf_printf(answer, "%s%sn%u%s{%s\"k\": \"", k ? form->join : form->open,
                   check_below(2) ? "" : "\n", k, form->after, check_below(2) ? "" : " ");
        return;
    }
    if (k) buf_printf(answer, "%s%s", form->join, check_below(2) ? "" : " ");
    buf_printf(answer, "{\"name\":%s\"n%u\",%s\"%s\":{\"k\": \"", check_below(2) ? " " : "", k,
               check_below(2) ? "\n " : "", form->arguments);
}

// Calls of one answer behind a mark, each given a text of `words`.
static void calls_write(const struct call_form *form, struct buf *answer, struct buf *want) {
    static const char *const words[] = {"a", "<", "北", "{", "\"", " ", "tool", "}", "]", "\\\\"};
    uint32_t count = form->list ? 1 + (uint32_t)check_below(3) : 1;
    buf_add_text(answer, form->mark);
    if (!is_plain(form)) buf_add_text(answer, form->open);
    for (uint32_t k = 0; k < count; k++) {
        struct buf given;
        buf_open(&given, 1 << 12);
        call_write(form, k, &given);
        buf_add_str(answer, buf_str(&given));
        // Of a name as it is, what is given is told as it stands.
        const char *object = is_plain(form) ? memrchr(given.data, '{', given.size) : "{\"k\": \"";
        size_t size = is_plain(form) ? given.size - (size_t)(object - given.data) : strlen(object);
        buf_printf(want, "[n%u|", k);
        buf_add(want, object, size);
        for (uint64_t w = check_below(6); w > 0; w--) {
            const char *word = words[check_below(10)];
            if (*word == '"') word = "\\\"";
            buf_add_text(answer, word);
            buf_add_text(want, word);
        }
        buf_printf(answer, "\"}%s", is_plain(form) ? form->behind : "}");
        buf_add_text(want, "\"}]");
        buf_close(&given);
    }
    buf_add_text(answer, form->shut);
}

// Texts and calls in any order, written as the form wants it, are told as they were made.
static void whatever_is_written(void) {
    struct buf answer, want;
    buf_open(&answer, 1 << 16);
    buf_open(&want, 1 << 16);
    for (int round = 0; round < 800; round++) {
        const struct call_form *form = call_form(round % CALL_FORM_COUNT);
        uint32_t count = (uint32_t)check_below(4);
        buf_clear(&answer);
        buf_clear(&want);
        for (uint32_t i = 0; i < count; i++) {
            if (check_below(2)) {
                buf_printf(&answer, "t%u", i);
                buf_printf(&want, "T:t%u", i);
            }
            calls_write(form, &answer, &want);
        }
        struct calls reader;
        start(&reader, form);
        for (size_t at = 0; at < answer.size;) {
            size_t size = 1 + (size_t)check_below(1 + check_below(20));
            if (size > answer.size - at) size = answer.size - at;
            calls_put(&reader, (struct str){answer.data + at, size});
            at += size;
        }
        CHECK_EQ(calls_end(&reader), OK);
        if (want.size || told.size) CHECK_BYTES(told.data, told.size, want.data, want.size);
    }
    buf_close(&answer);
    buf_close(&want);
}

static void whole_answers(void) {
    struct buf text, list;
    buf_open(&text, 1 << 16);
    buf_open(&list, 1 << 16);
    CHECK(!calls_of(&hermes, tools, STR("a <b"), 7, &text, &list));
    CHECK_BYTES(text.data, text.size, "a <b", 4);
    CHECK_EQ(list.size, 0);
    buf_clear(&text);
    CHECK(calls_of(&mistral, tools,
                   STR("a [TOOL_CALLS][{\"name\":\"f\",\"arguments\":{\"x\":1}},{\"name\":\"g\"}]"),
                   7, &text, &list));
    static const char want[] =
        "[{\"id\":\"call_7\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{"
        "\\\"x\\\":1}\"}},{\"id\":\"call_8\",\"type\":\"function\",\"function\":{\"name\":\"g\","
        "\"arguments\":\"{}\"}}]";
    CHECK_BYTES(list.data, list.size, want, sizeof want - 1);
    CHECK_BYTES(text.data, text.size, "a", 1);
    buf_clear(&text);
    buf_clear(&list);
    CHECK(calls_of(&hermes, NULL, STR("<tool_call>{\"name\":\"f\",\"arguments\":{\"x\""), 7, &text,
                   &list));
    CHECK(memmem(list.data, list.size, "{\\\"x\\\"\"}}]", 10)); // cut, and JSON all the same
    buf_close(&text);
    buf_close(&list);
}

int main(void) {
    buf_open(&told, 1 << 20);
    forms_take();
    if (json_parse(STR(tools_text), &tools, NULL) != OK) return 1;
    CHECK_RUN(texts);
    CHECK_RUN(calls);
    CHECK_RUN(calls_by_name);
    CHECK_RUN(answers_that_are_cut);
    CHECK_RUN(whatever_is_written);
    CHECK_RUN(whole_answers);
    json_close(tools);
    buf_close(&told);
    return check_done();
}
