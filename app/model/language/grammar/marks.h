// Control tokens that stand within calls of tools (template/chat.h shows where): of all control
// tokens these alone may come where an answer is held to a form, and only where the form has them.
// To a grammar each is two bytes that no text has, so that it never stands within a text; written
// out byte by byte it may come as well, as it does where the vocabulary has no such token.
#pragma once

#include "model/language/grammar/grammar_private.h"

enum { MARK_CODE_BYTES = 2 };
// The code of a control token of that text; false: it is no mark.
bool mark_code(struct str token, char out[static MARK_CODE_BYTES]);
// A text whose marks may be tokens; `between`: what may stand between a mark and what follows it;
// NULL: nothing.
struct expression *expression_marked(struct grammar_builder *b, struct str text,
                                     struct expression *between);
