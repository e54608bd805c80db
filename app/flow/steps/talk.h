// Frames between the box and a child that serves a model: a length of four bytes (little-endian),
// then JSON. The child listens in its job's folder, so that a box that was restarted finds it
// again. What each side says: step_serve.c. One thread a connection; sockets do not block.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

enum { TALK_BYTES_MAX = 16 << 20 }; // of a frame: prompts of the longest context fit

struct talk {
    int fd; // -1: none
    struct buf in, out;
    size_t in_at, out_at;
};
void talk_open(struct talk *talk, int fd); // which becomes the talk's own
void talk_close(struct talk *talk);        // closes the socket too
// Reads what there is. False: the other side has gone (what came before may still be taken).
bool talk_read(struct talk *talk);
// The next whole frame; valid until the next talk_read. ERR_NOT_FOUND: none yet; ERR_INPUT: no
// frame of ours.
enum err talk_take(struct talk *talk, struct str *out) MUST_USE;
void talk_put(struct talk *talk, struct str frame); // to be written; errors stick
// Writes what can be written. False: the other side has gone, or too much waits for it.
bool talk_write(struct talk *talk);
bool talk_waits(const struct talk *talk); // something is still to be written

// FOLDER/serve. Paths of sockets are short; the folder's is not bound to be. -1: errno tells.
int talk_listen(const char *folder);
int talk_connect(const char *folder);
bool talk_listens(const char *folder); // somebody does, or did: nobody is disturbed
