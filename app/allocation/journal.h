// What the live scheduler was told, event by event, so that it can be replayed and shown to decide
// the same. A folder of segments; each begins with the state of the core as it was then (a new life
// of the process, a segment of 16 MiB or of a day), then come frames of events, each event with a
// part of the core's hash after it. Nothing is synced: a crash may lose the last frames, never
// more, and a torn one is seen and said. Kept for eight days and up to 512 MiB. Where the disk is
// full it stops at a whole frame, and another segment begins once there is room for it; what was
// told meanwhile is written nowhere, and both segments' headers say from when to when.
//   segment   MMMMMMMMMMMMM-NNNN.journal: ms of its first moment, number within the life
//   frame     size (4), CRC-32C of what follows (4), kind (1), content
//   numbers   LEB128; what is mostly zero as (zeros, bytes, …) pairs; see journal_private.h
// A segment is read by the program that wrote it, or one whose structs are the same; the state in
// it is trusted as the store's own files are. Depends on base/ and the core. The writer belongs to
// whoever owns the core; any thread may replay a folder, beside a running box too.
#pragma once

#include "allocation/core.h"
#include "base/fault.h"
#include "base/json.h"

struct journal;
// Makes the folder, removes what is too old and begins a segment with `core` as it is. `room`: that
// of every core_step to come. On a full disk it begins later, as after a stop. ERR_MEMORY, errors
// of files.
enum err journal_open(const char *folder, const struct core_limits *limits, uint32_t room,
                      const struct core *core, struct journal **out, struct fault *fault) MUST_USE;
// After a step: `core` is as it left it. When it cannot be written (a full disk) the journal stops
// and logs so once. An event ten seconds later and more, by the events' own time, looks whether
// there is room for a whole segment (16 MiB) again, and is then part of the state with which that
// begins.
void journal_event(struct journal *journal, const struct core *core,
                   const struct core_event *event);
// Begins another segment now, with `core` as it is. Done by itself at 16 MiB and after a day.
enum err journal_rotate(struct journal *journal, const struct core *core) MUST_USE;
void journal_flush(struct journal *journal); // what is buffered goes to the system
void journal_close(struct journal *journal); // NULL is fine

struct journal_report {
    uint64_t segments, skipped; // skipped: written by a program whose structs are others
    uint64_t events, decisions, bytes;
    int64_t from_ms, until_ms; // of the first and last event
    uint64_t torn;             // segments whose last frame is not whole
    uint64_t gaps;             // spans within the time asked for of which nothing was written
    int64_t gap_from_ms, gap_until_ms; // of the first; until 0: nothing has been since
    uint64_t hash;                     // of the last segment replayed
    bool differs;                      // what follows tells where first
    char segment[32];
    uint64_t event; // in that segment, from 1
    int64_t event_ms;
};
// Replays every segment that touches the time (until_ms 0: all). ERR_NOT_FOUND "journal.none";
// ERR_MEMORY; errors of files. That something differs is no error.
enum err journal_replay(const char *folder, int64_t from_ms, int64_t until_ms,
                        struct journal_report *out, struct fault *fault) MUST_USE;
void journal_report_write(struct json_writer *out, const struct journal_report *report);
