// A question to a service of this machine: HTTP/1.1 over a unix socket, one connection for each.
// The answer comes whole or not at all; what comes is as hostile as anything from outside: its head
// and body are bounded, a length that stands twice or a coded transfer is refused. Depends on base/
// only. Any thread; it blocks.
#pragma once

#include "base/buf.h"
#include "base/str.h"

enum { REST_HEAD_BYTES = 16 * 1024 };

struct rest_answer {
    int status;      // 100 to 999
    struct str body; // within what was read
};
enum rest_part { REST_MORE, REST_WHOLE, REST_BAD };
// What has come so far; `closed`: no more will. Pure; *out is set at REST_WHOLE.
enum rest_part rest_read(struct str bytes, bool closed, struct rest_answer *out);

struct rest_question {
    const char *socket;          // its path
    const char *method, *target; // "GET", "/openapi/v3"; no user's text without its own quoting
    struct str body;             // JSON; none: STR_NONE
    int timeout_ms;              // for all of it
};
// The answer is read into `into`, whose cap bounds head and body together; out->body lies there.
// ERR_NOT_FOUND: nobody listens there, and nothing was asked; ERR_BUSY: no answer in time; ERR_IO:
// it broke off; ERR_INPUT: no HTTP; ERR_LIMIT: longer than the cap. Whether what was asked was done
// is known from the answer alone.
enum err rest_ask(const struct rest_question *question, struct buf *into,
                  struct rest_answer *out) MUST_USE;
