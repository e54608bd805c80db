#include "model/language/grammar/marks.h"

#include "model/language/grammar/grammar_private.h"

static const char *const marks[] = {
    MARK_MISTRAL_CALLS,   MARK_MISTRAL_ID,        MARK_MISTRAL_GIVEN,  MARK_HERMES_CALL,
    MARK_HERMES_CALL_END, MARK_LLAMA_CALL,        MARK_DEEPSEEK_CALLS, MARK_DEEPSEEK_CALLS_END,
    MARK_DEEPSEEK_CALL,   MARK_DEEPSEEK_CALL_END, MARK_DEEPSEEK_GIVEN};
enum { MARKS = sizeof marks / sizeof *marks, CODE_BEGINS = 0xFF };

static void code_of(size_t mark, char out[static MARK_CODE_BYTES]) {
    out[0] = (char)CODE_BEGINS;
    out[1] = (char)(mark + 1);
}

bool mark_code(struct str token, char out[static MARK_CODE_BYTES]) {
    for (size_t i = 0; i < MARKS; i++) {
        if (!str_is(token, marks[i])) continue;
        code_of(i, out);
        return true;
    }
    return false;
}

// Which mark a text begins with; MARKS: none.
static size_t mark_at(struct str text) {
    size_t i = 0;
    while (i < MARKS && !str_starts(text, str_of(marks[i]))) i++;
    return i;
}

struct expression *expression_marked(struct grammar_builder *b, struct str text,
                                     struct expression *between) {
    struct expression *e = expression_empty(b);
    size_t from = 0, at = 0;
    while (at < text.size) {
        char code[MARK_CODE_BYTES];
        size_t mark = mark_at((struct str){text.data + at, text.size - at});
        if (mark == MARKS) {
            at++;
            continue;
        }
        struct str written = str_of(marks[mark]);
        code_of(mark, code);
        e = expression_then(b, e, expression_text(b, (struct str){text.data + from, at - from}));
        e = expression_then(b, e,
                            expression_or(b, expression_text(b, written),
                                          expression_text(b, (struct str){code, sizeof code})));
        from = at += written.size;
        if (between && at < text.size) e = expression_then(b, e, between);
    }
    return expression_then(b, e, expression_text(b, (struct str){text.data + from, at - from}));
}
