// The way to PID 1 of the appliance, which started this process: told when we answer and that we go
// on answering, and asked for what only it may do. On any other machine there is none, and all of
// this does nothing.
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/fault.h"

struct server;
struct keeper;

// *out: NULL where COURTYARD_APPLIANCE_FD names no descriptor. COURTYARD_APPLIANCE_WAIT_MS says how
// long an answer is waited for, else a minute.
enum err keeper_open(struct keeper **out, struct fault *fault) MUST_USE;
// Says that the server answers, and from now on, every few seconds, that its loops go round.
enum err keeper_start(struct keeper *keeper, struct server *server, struct fault *fault) MUST_USE;
// Why the server is about to end.
void keeper_tell_fault(struct keeper *keeper, const struct fault *why);
// Asks PID 1: `request` is the inside of a JSON object ("\"do\":\"status\""); the answer's JSON
// goes to `out`. Any thread; waits up to a minute. ERR_NOT_FOUND "server.no_appliance" without a
// keeper, ERR_BUSY "server.appliance_silent"; a fault that PID 1 told is handed on: ERR_BUSY
// "appliance.busy", all others as ERR_INPUT.
enum err keeper_ask(struct keeper *keeper, struct str request, struct buf *out,
                    struct fault *fault) MUST_USE;
// Before the loops end; whoever asks from then on gets ERR_BUSY. NULL is fine.
void keeper_stop(struct keeper *keeper);
void keeper_close(struct keeper *keeper); // NULL is fine
