// What became of updates and starts of slots: one JSON line an event, added at the end of a file,
// of bounded size. A line that a power cut broke is passed over. Depends on base/. One thread at a
// time.
//
//   {"at":MS,"event":"update","from":"0.1.0","to":"0.2.0","slot":"b","result":"ok"}
#pragma once

#include "appliance/disk/grubenv.h"
#include "base/json.h"

enum {
    HISTORY_BYTES_MAX = 128 * 1024, // beyond it the older half goes
    HISTORY_EVENTS_SHOWN = 200,
};

struct history_event {
    const char *event;   // "update", "confirm", "return", "install", "backup", "restore"
    struct str from, to; // versions; of a backup: "" and the archive's name
    enum slot slot;
    const char *result; // "ok", or a fault's code
};
// On the disk when it returns.
enum err history_add(const char *path, const struct history_event *event,
                     struct fault *fault) MUST_USE;
// The newest event of a slot: backups and what was restored are passed over.
struct history_last {
    char event[16], from[64], to[64], result[FAULT_CODE_SIZE];
    enum slot slot;
};
// ERR_NOT_FOUND if there is none.
enum err history_last(const char *path, struct history_last *out, struct fault *fault) MUST_USE;
// An array of the events, the newest first; an empty one where there is no file.
enum err history_write(const char *path, struct json_writer *out, struct fault *fault) MUST_USE;
