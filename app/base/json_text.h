// JSON text read from front to back without a tree, for files larger than json.h takes: the reader
// asks for what it expects and skips the rest. Errors stick: after the first everything reads as
// nothing, so a reader checks once, at its end. Depth is bounded by LIMIT_JSON_DEPTH. Keeps no
// memory; the text must stay. One thread.
//
//   struct json_text t = json_text_of(text);
//   for (json_text_open(&t, '{'); json_text_more(&t);) {
//       struct str name = json_text_name(&t);
//       if (str_is(name, "rows")) rows = json_text_number(&t);
//       else json_text_skip(&t);
//   }
//   if (!json_text_end(&t)) … t.at - t.start is where
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

struct json_text {
    const char *start, *at, *end;
    uint32_t depth;
    uint64_t filled;  // bit d: the object or array at depth d has had a child
    uint64_t objects; // bit d: it is an object
    bool bad;
};

struct json_text json_text_of(struct str text);
// The first byte of the next value: '{' '[' '"', 't' 'f' 'n', a digit or '-'; 0 if there is none.
char json_text_peek(struct json_text *text);
// Enters an object '{' or an array '['.
void json_text_open(struct json_text *text, char bracket);
// Is there another child? Steps over the comma, or over the closing bracket.
bool json_text_more(struct json_text *text);
// A member's name as it stands, escapes and all; the value comes next. Lives as long as the text.
struct str json_text_name(struct json_text *text);
// NaN, Infinity and -Infinity, which some writers let through, are numbers here. 0 on error.
double json_text_number(struct json_text *text);
bool json_text_bool(struct json_text *text);
// A string as it stands between its quotes; appended to `out`, unescaped, in UTF-8.
struct str json_text_raw(struct json_text *text);
void json_text_string(struct json_text *text, struct buf *out);
void json_text_skip(struct json_text *text); // one value of any kind
bool json_text_end(struct json_text *text);  // nothing was wrong and nothing follows
