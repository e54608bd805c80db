#include "model/language/template/call_form.h"

struct grammar_calls call_grammar(const struct chat_form *form, enum call_way way, bool several) {
    struct grammar_calls calls = {
        .arguments = form->arguments,
        .after = str_of(form->after ? form->after : ""),
        .behind = str_of(form->behind ? form->behind : ""),
        .numbered = form->numbered,
        .begin = way == CALL_MUST ? STR("") : form->begin, // it stands in the prompt
        .between = form->between,
        .end = form->end,
        .several = several && form->between.size,
        .loose = way != CALL_MUST,
        .lenient = way != CALL_MUST,
    };
    if (way == CALL_EITHER) { // white space may stand around them, and need not
        calls.begin = str_trim(form->begin);
        calls.between = str_trim(form->between);
        calls.end = str_trim(form->end);
    }
    if (way == CALL_MAY) { // behind its mark
        calls.begin = str_of(form->lead ? form->lead : form->open);
        calls.between = str_of(form->lead ? form->lead : form->join ? form->join : "");
        calls.end = str_of(form->shut);
        calls.several = several && form->list;
    }
    return calls;
}

struct hold_form call_hold(const struct chat_form *form, uint32_t pieces_most) {
    // One without a mark ends with its JSON: what else stands behind a call is not asked of it.
    struct hold_form held = {.bare = form->bare && !*form->shut, .pieces_most = pieces_most};
    (void)!str_copy(held.mark, sizeof held.mark, str_of(form->mark));
    return held;
}
