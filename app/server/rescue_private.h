// The way back from a database that cannot be opened, for whoever has only a browser. On the
// appliance the pages are served all the same (`unfit` of struct server): they tell what is wrong,
// list the copies that the box keeps of its database (store/keep.h), and let one be put in its
// place. On any other machine a server that cannot open its data ends with the sentence, and
// `courtyard recover` is the way.
//
// Who may do it? Nobody can sign in: the people are in that database. So it is the same as for
// setting up a box: whoever can read its screen. While copies are offered a code stands there, of
// 60 random bits, made at each start of the service, never written to a disk and gone with the
// process; the call must give it. The screen's own menu can do the same without it, so that the
// code gives nobody more than they have. It is compared in constant time; after some wrong ones
// each further one is waited for, up to a minute and no longer: so nobody can be kept from their
// box by others' guesses, and at one guess a minute the code stands.
//
// Without it the list can be seen: names, times, sizes, versions of copies, nothing in them.
//
// It is done by PID 1, as when an officer asks for it: this service ends, `courtyard recover` puts
// the broken state into quarantine and the copy in its place, the service starts again. It then
// ends all sessions and writes "system.recover" to the audit chain; PID 1 notes it in its history,
// and a refused code stands in the log.
#pragma once

#include "base/err.h"

struct server;
struct rescue;

// `err`: why the data was not opened. Leaves server->rescue NULL where a copy would not help (a
// full disk, say) or there is none.
void rescue_open(struct server *server, enum err err);
void rescue_close(struct rescue *rescue); // NULL is fine
// To be shown on the screen; NULL: none is asked for. Valid until rescue_close.
const char *rescue_code(const struct rescue *rescue);
