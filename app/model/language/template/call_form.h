// How models write calls of tools: the one table of it, which tells the reader of answers (calls.h)
// what it may meet, and the grammar (grammar.h) what an answer is held to.
//
//   CALLS_…            of                 what a model writes
//   HERMES             Qwen, Hermes       <tool_call>{"name":…,"arguments":{…}}</tool_call>
//   LLAMA              Llama 3            {"name":…,"parameters":{…}}, the whole answer, or behind
//                                         <|python_tag|>
//   MISTRAL            Mistral            [TOOL_CALLS][{"name":…,"arguments":{…}}]
//   MISTRAL_NAMED      Ministral 3,       [TOOL_CALLS]NAME[ARGS]{…}, once for each call
//                      Devstral 2
//   MISTRAL_NUMBERED   Mistral Small 3.2  [TOOL_CALLS]NAME[CALL_ID]NUMBER[ARGS]{…}, likewise
//   DEEPSEEK           DeepSeek V3.1      <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>NAME
//                                         <｜tool▁sep｜>{…}<｜tool▁call▁end｜> … <｜tool▁calls▁end｜>
//   DEEPSEEK_FENCED    DeepSeek V3, R1    the same with "function<｜tool▁sep｜>NAME", and the object
//                                         between ```json and ```
//
// Sources: the chat templates that these models are published with; which of them a model writes is
// told by its template alone. A new one is a row in call_form.c, its marks in grammar/marks.h, and
// a row in the tests of calls and chat. All is static and never changes; any thread.
#pragma once

#include "model/language/grammar/grammar.h"
#include "model/language/grammar/hold.h"

enum call_form_kind {
    CALLS_HERMES,
    CALLS_LLAMA,
    CALLS_MISTRAL,
    CALLS_MISTRAL_NAMED,
    CALLS_MISTRAL_NUMBERED,
    CALLS_DEEPSEEK,
    CALLS_DEEPSEEK_FENCED,
    CALL_FORM_COUNT
};

// No text is NULL; "": nothing stands there.
struct call_form {
    // One call: {"name": …, `arguments`: {…}}; or, where `arguments` is "", it is plain: the name
    // as it is, `after`, the object, `behind`.
    const char *arguments, *after, *behind;
    bool numbered; // a plain call has MARK_MISTRAL_ID and nine letters or digits before `after`
    // Calls that must come: `begin`, which stands in the prompt, and `between` where several may.
    const char *begin, *between, *end;
    // Calls of the model's own accord, in free text: `mark`, `open`, a call, `shut`, with white
    // space around; more stand there behind a `join` each where it is a `list`, else behind a mark
    // of their own.
    const char *mark, *open, *join, *shut;
    const char *close; // what of `shut` is a mark; not the bracket that ends a list in JSON
    bool list;
    bool bare;      // a call may be the whole answer, without a mark
    bool short_ids; // ids of calls are nine letters and digits, in messages too
};
const struct call_form *call_form(enum call_form_kind kind);
// The form that a chat template speaks of; CALLS_LLAMA's where it speaks of none.
const struct call_form *call_form_of(struct str chat_template);

// What an answer is held to where tools may be called; the server and the command line ask alike.
enum call_way {
    CALL_MAY,   // text that is free, with calls in it, each held from its mark on: see call_hold
    CALL_MUST,  // calls and nothing else; form->begin stands in the prompt
    CALL_EITHER // calls and nothing else, or what a schema says (otherwise)
};
// The parts that the form gives; the caller tells `tools`, `only` and `otherwise`. `several`: more
// than one may come where the form can write them.
struct grammar_calls call_grammar(const struct call_form *form, enum call_way way, bool several);
// Of CALL_MAY: up to so many pieces of calls, HOLD_PIECES_MAX at most.
struct hold_form call_hold(const struct call_form *form, uint32_t pieces_most);
