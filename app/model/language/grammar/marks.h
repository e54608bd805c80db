// Control tokens that stand within calls of tools (template/call_form.h shows where): of all
// control tokens these alone may come where an answer is held to a form, and only where the form
// has them. To a grammar each is two bytes that no text has, so that it never stands within a text;
// written out byte by byte it may come as well, as it does where the vocabulary has no such token.
#pragma once

#include <stdbool.h>

#include "base/str.h"

#define MARK_HERMES_CALL "<tool_call>"
#define MARK_HERMES_CALL_END "</tool_call>"
#define MARK_LLAMA_CALL "<|python_tag|>"
#define MARK_MISTRAL_CALLS "[TOOL_CALLS]"
#define MARK_MISTRAL_ID "[CALL_ID]"
#define MARK_MISTRAL_GIVEN "[ARGS]"
#define MARK_DEEPSEEK_CALLS "<｜tool▁calls▁begin｜>"
#define MARK_DEEPSEEK_CALLS_END "<｜tool▁calls▁end｜>"
#define MARK_DEEPSEEK_CALL "<｜tool▁call▁begin｜>"
#define MARK_DEEPSEEK_CALL_END "<｜tool▁call▁end｜>"
#define MARK_DEEPSEEK_GIVEN "<｜tool▁sep｜>"

enum { MARK_CODE_BYTES = 2 };
struct grammar_builder;
struct expression;
// The code of a control token of that text; false: it is no mark.
bool mark_code(struct str token, char out[static MARK_CODE_BYTES]);
// A text whose marks may be tokens; `between`: what may stand between a mark and what follows it;
// NULL: nothing.
struct expression *expression_marked(struct grammar_builder *b, struct str text,
                                     struct expression *between);
