#include "model/language/template/call_form.h"

#include <string.h>

#include "model/language/grammar/marks.h"

#define MISTRAL_PLAIN                                                                             \
    .arguments = "", .after = MARK_MISTRAL_GIVEN, .behind = "", .begin = MARK_MISTRAL_CALLS,      \
    .between = MARK_MISTRAL_CALLS, .end = "", .mark = MARK_MISTRAL_CALLS, .open = "", .join = "", \
    .shut = "", .close = "", .short_ids = true
#define DEEPSEEK_AROUND                                                                           \
    .end = MARK_DEEPSEEK_CALLS_END, .mark = MARK_DEEPSEEK_CALLS, .shut = MARK_DEEPSEEK_CALLS_END, \
    .close = MARK_DEEPSEEK_CALLS_END, .list = true
#define DEEPSEEK_FENCED_CALL MARK_DEEPSEEK_CALL "function" MARK_DEEPSEEK_GIVEN

static const struct call_form forms[CALL_FORM_COUNT] = {
    [CALLS_HERMES] = {.arguments = "arguments",
                      .after = "",
                      .behind = "",
                      .begin = MARK_HERMES_CALL "\n",
                      .between = "\n" MARK_HERMES_CALL_END "\n" MARK_HERMES_CALL "\n",
                      .end = "\n" MARK_HERMES_CALL_END,
                      .mark = MARK_HERMES_CALL,
                      .open = "",
                      .join = "",
                      .shut = MARK_HERMES_CALL_END,
                      .close = MARK_HERMES_CALL_END,
                      .bare = true},
    [CALLS_LLAMA] = {.arguments = "parameters",
                     .after = "",
                     .behind = "",
                     .begin = "",
                     .between = "",
                     .end = "",
                     .mark = MARK_LLAMA_CALL,
                     .open = "",
                     .join = "",
                     .shut = "",
                     .close = "",
                     .bare = true},
    [CALLS_MISTRAL] = {.arguments = "arguments",
                       .after = "",
                       .behind = "",
                       .begin = MARK_MISTRAL_CALLS "[",
                       .between = ", ",
                       .end = "]",
                       .mark = MARK_MISTRAL_CALLS,
                       .open = "[",
                       .join = ",",
                       .shut = "]",
                       .close = "",
                       .list = true,
                       .short_ids = true},
    [CALLS_MISTRAL_NAMED] = {MISTRAL_PLAIN},
    [CALLS_MISTRAL_NUMBERED] = {MISTRAL_PLAIN, .numbered = true},
    [CALLS_DEEPSEEK] = {DEEPSEEK_AROUND, .arguments = "", .after = MARK_DEEPSEEK_GIVEN,
                        .behind = MARK_DEEPSEEK_CALL_END,
                        .begin = MARK_DEEPSEEK_CALLS MARK_DEEPSEEK_CALL,
                        .between = MARK_DEEPSEEK_CALL, .open = MARK_DEEPSEEK_CALL,
                        .join = MARK_DEEPSEEK_CALL},
    [CALLS_DEEPSEEK_FENCED] = {DEEPSEEK_AROUND, .arguments = "", .after = "\n```json\n",
                               .behind = "\n```" MARK_DEEPSEEK_CALL_END,
                               .begin = MARK_DEEPSEEK_CALLS DEEPSEEK_FENCED_CALL,
                               .between = "\n" DEEPSEEK_FENCED_CALL, .open = DEEPSEEK_FENCED_CALL,
                               .join = DEEPSEEK_FENCED_CALL},
};

const struct call_form *call_form(enum call_form_kind kind) {
    return &forms[kind];
}

static bool speaks_of(struct str text, const char *words) {
    return memmem(text.data, text.size, words, strlen(words)) != NULL;
}

const struct call_form *call_form_of(struct str text) {
    enum call_form_kind kind = CALLS_LLAMA;
    if (speaks_of(text, MARK_HERMES_CALL)) {
        kind = CALLS_HERMES;
    } else if (speaks_of(text, MARK_DEEPSEEK_CALLS)) {
        kind = speaks_of(text, "```json") ? CALLS_DEEPSEEK_FENCED : CALLS_DEEPSEEK;
    } else if (speaks_of(text, MARK_MISTRAL_CALLS)) {
        bool plain = speaks_of(text, MARK_MISTRAL_GIVEN);
        bool numbered = plain && speaks_of(text, MARK_MISTRAL_ID);
        kind = numbered ? CALLS_MISTRAL_NUMBERED : plain ? CALLS_MISTRAL_NAMED : CALLS_MISTRAL;
    }
    return &forms[kind];
}

struct grammar_calls call_grammar(const struct call_form *form, enum call_way way, bool several) {
    struct grammar_calls calls = {
        .arguments = str_of(form->arguments),
        .after = str_of(form->after),
        .behind = str_of(form->behind),
        .numbered = form->numbered,
        .begin = way == CALL_MUST ? STR("") : str_of(form->begin), // it stands in the prompt
        .between = str_of(form->between),
        .end = str_of(form->end),
        .several = several && *form->between,
        .loose = way != CALL_MUST,
        .lenient = way != CALL_MUST,
    };
    if (way == CALL_EITHER) { // white space may stand around them, and need not
        calls.begin = str_trim(calls.begin);
        calls.between = str_trim(calls.between);
        calls.end = str_trim(calls.end);
    }
    if (way == CALL_MAY) { // behind its mark
        calls.begin = str_of(form->open);
        calls.between = str_of(form->join);
        calls.end = str_of(form->shut);
        calls.several = several && form->list;
    }
    return calls;
}

struct hold_form call_hold(const struct call_form *form, uint32_t pieces_most) {
    // One without a mark ends with its JSON: what else stands behind a call is not asked of it.
    struct hold_form held = {.bare = form->bare && !*form->shut, .pieces_most = pieces_most};
    (void)!str_copy(held.mark, sizeof held.mark, str_of(form->mark));
    return held;
}
