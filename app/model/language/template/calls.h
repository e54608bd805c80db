// A model's answer as it comes, parted into text and calls of tools (chat.h says how models write
// them): text is told as soon as it is sure to be none of a call, a call's name as soon as it is
// whole, what the call is given piece by piece, as the model writes it. Marks are never told. What
// begins like a mark or a call and is none is told as text after all; white space before a mark and
// between calls is not. Cut in any way, an answer gives the same. One thread.
//
//   calls_open(&calls, &form, tools, event, ctx);
//   calls_put(&calls, piece) …
//   calls_end(&calls);
#pragma once

#include "base/buf.h"
#include "model/language/template/call_form.h"

enum call_event_kind {
    CALL_TEXT,
    CALL_BEGINS, // `text`: the name
    CALL_GIVEN,  // `text`: more of an object in JSON; none of it: "{}" is told as a whole
    CALL_ENDS    // not told of the last one where the answer ends within it
};
struct call_event {
    enum call_event_kind kind;
    uint32_t index;  // of the call, from 0
    struct str text; // valid during the call
};
enum calls_state { CALLS_TEXT, CALLS_HEAD, CALLS_GIVEN, CALLS_QUOTED, CALLS_REST, CALLS_BEHIND };
struct calls {
    const struct call_form *form;
    void (*event)(void *ctx, const struct call_event *event);
    void *ctx;
    struct buf names; // of the tools, each behind its size; for calls without a mark
    struct buf held;  // what is not decided yet
    enum calls_state state;
    bool begins;          // nothing but white space so far: a call without a mark may come
    bool marked;          // the head that is read stands behind a mark, or behind a call of a list
    size_t mark_size;     // of that mark and the white space before it, in `held`
    bool listed;          // within [ ]
    bool named;           // the call that is read is a name as it is and an object behind it
    bool inside, escaped; // of a text in JSON; its last byte was a reverse solidus
    uint32_t depth, count;
};

// `tools`: of OpenAI's form, those that may be called; NULL: none is known by name.
void calls_open(struct calls *calls, const struct call_form *form, const struct json *tools,
                void (*event)(void *ctx, const struct call_event *event), void *ctx);
void calls_put(struct calls *calls, struct str piece);
// The answer ends here: what was held back is told, unless it is the beginning of a call. Gives
// back the memory; ERR_MEMORY, ERR_LIMIT: something was lost for want of room.
enum err calls_end(struct calls *calls) MUST_USE;

// The same of a whole answer: its text, and its calls as OpenAI's tool_calls, an array of
// {"id","type","function":{"name","arguments"}} (arguments as a text), are appended. False: there
// are no calls, and all is text. What calls_end gives where there is no room: false too.
bool calls_of(const struct call_form *form, const struct json *tools, struct str answer,
              uint64_t first_id, struct buf *text, struct buf *calls);
