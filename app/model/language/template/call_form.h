// What an answer is held to where tools may be called: the grammar of their calls as a model writes
// them (chat.h), for the three ways of asking; the server and the command line ask alike. Pure.
#pragma once

#include "model/language/grammar/grammar.h"
#include "model/language/grammar/hold.h"
#include "model/language/template/chat.h"

enum call_way {
    CALL_MAY,   // text that is free, with calls in it, each held from its mark on: see call_hold
    CALL_MUST,  // calls and nothing else; form->begin stands in the prompt
    CALL_EITHER // calls and nothing else, or what a schema says (otherwise)
};
// The parts that the form gives; the caller tells `tools`, `only` and `otherwise`. `several`: more
// than one may come where the form can write them. Valid as long as the form.
struct grammar_calls call_grammar(const struct chat_form *form, enum call_way way, bool several);
// Of CALL_MAY: up to so many pieces of calls.
struct hold_form call_hold(const struct chat_form *form, uint32_t pieces_most);
