// The writer.
#include "allocation/journal_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"

enum { FLUSH_BYTES = 32 << 10, SEGMENT_BYTES = 16 << 20 };
enum { RETRY_MS = 10000 }; // a disk without room is looked at so often
#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define KEPT_MS (8 * DAY_MS)
#define KEPT_BYTES ((uint64_t)512 << 20)

struct journal {
    char folder[LIMIT_PATH_BYTES];
    struct journal_header header;
    struct buf events;   // of the frame that is being made
    int64_t last_ms;     // of its events
    int fd;              // −1: it has stopped
    uint64_t size_bytes; // of the segment's whole frames
    uint32_t number;     // of it within the life
    int64_t written_ms;  // what was told until then is on the disk
    int64_t told_ms;     // of the last event
    int64_t missing_ms;  // while stopped: since when nothing is written
    int64_t tried_ms;    // by the events' time: the stop, or the last try to go on
};

// ---- files -------------------------------------------------------------------------------------
static enum err frame_write(int fd, enum journal_frame kind, struct str data, uint64_t *size_bytes,
                            struct fault *fault) {
    uint8_t head[JOURNAL_HEAD_BYTES];
    frame_head(head, kind, data);
    enum err err = file_write_all(fd, head, sizeof head, fault);
    if (err == OK) err = file_write_all(fd, data.data, data.size, fault);
    if (err == OK) *size_bytes += sizeof head + data.size;
    return err;
}

// Half a frame goes, and the header says so: written over in place, which needs no more room, and
// in one piece, so that a kill leaves the old one or the new. What fails leaves a torn tail, which
// says the same.
static void segment_end_early(struct journal *journal) {
    uint8_t head[JOURNAL_HEAD_BYTES];
    struct buf text;
    if (ftruncate(journal->fd, (off_t)journal->size_bytes) != 0) return;
    buf_open(&text, JOURNAL_FRAME_MAX);
    journal->header.ended_ms = journal->written_ms;
    header_put(&text, &journal->header);
    frame_head(head, FRAME_HEADER, buf_str(&text));
    struct iovec frame[] = {{head, sizeof head}, {text.data, text.size}};
    if (buf_err(&text) == OK) (void)!pwritev(journal->fd, frame, 2, 0);
    buf_close(&text);
}

static void stop(struct journal *journal, enum err why) {
    log_event(LOG_WARN, "journal.stopped", "result=%s", err_name(why));
    if (journal->fd >= 0) {
        segment_end_early(journal);
        close(journal->fd);
    }
    journal->fd = -1;
    journal->missing_ms = journal->written_ms;
    journal->tried_ms = journal->told_ms;
}

void journal_flush(struct journal *journal) {
    if (!journal || journal->events.size == 0) return;
    enum err err = buf_err(&journal->events);
    if (err == OK) {
        err = frame_write(journal->fd, FRAME_EVENTS, buf_str(&journal->events),
                          &journal->size_bytes, NULL);
    }
    if (err == OK) {
        journal->written_ms = journal->told_ms;
    } else {
        stop(journal, err);
    }
    buf_clear(&journal->events);
    journal->last_ms = 0;
}

struct segments {
    uint64_t bytes;
    int64_t oldest_ms;
    char oldest[32];
};

static bool segment_name(const char *name, int64_t *out_ms) {
    struct str rest, ms = str_cut(str_of(name), '-', &rest);
    uint64_t value;
    bool good = ms.size == 13 && str_ends(rest, STR(".journal")) && str_to_u64(ms, &value);
    if (good) *out_ms = (int64_t)value;
    return good;
}

static void segments_look(const char *folder, struct segments *out) {
    DIR *dir = opendir(folder);
    struct dirent *entry;
    *out = (struct segments){.oldest_ms = INT64_MAX};
    while (dir && (entry = readdir(dir)) != NULL) {
        struct stat info;
        int64_t ms;
        if (!segment_name(entry->d_name, &ms)) continue;
        if (fstatat(dirfd(dir), entry->d_name, &info, 0) != 0) continue;
        out->bytes += (uint64_t)info.st_size;
        bool older =
            ms < out->oldest_ms || (ms == out->oldest_ms && strcmp(entry->d_name, out->oldest) < 0);
        if (!older) continue;
        out->oldest_ms = ms;
        snprintf(out->oldest, sizeof out->oldest, "%.31s", entry->d_name);
    }
    if (dir) closedir(dir);
}

// The oldest go until the rest is young and small enough.
static void prune(const char *folder, int64_t now_ms) {
    for (int i = 0; i < 1000; i++) {
        struct segments all;
        char path[LIMIT_PATH_BYTES];
        segments_look(folder, &all);
        bool old = all.oldest_ms<now_ms - KEPT_MS, much = all.bytes> KEPT_BYTES;
        if (all.oldest_ms == INT64_MAX || (!old && !much)) return;
        if (path_join(path, sizeof path, folder, all.oldest) != OK || unlink(path) != 0) return;
    }
}

static enum err segment_write(int fd, const struct journal_header *header, const struct core *core,
                              uint64_t *out_bytes, struct fault *fault) {
    struct buf text;
    uint64_t size_bytes = 0;
    buf_open(&text, JOURNAL_FRAME_MAX);
    header_put(&text, header);
    enum err err = buf_err(&text);
    if (err == OK) err = frame_write(fd, FRAME_HEADER, buf_str(&text), &size_bytes, fault);
    buf_clear(&text);
    if (err == OK) state_put(&text, core);
    if (err == OK) err = buf_err(&text);
    if (err == OK) err = frame_write(fd, FRAME_STATE, buf_str(&text), &size_bytes, fault);
    buf_close(&text);
    if (err == OK) *out_bytes = size_bytes;
    return err;
}

// Whole or not at all: the one before it, if any, is given up only for a whole one.
static enum err segment_begin(struct journal *journal, const struct core *core,
                              struct fault *fault) {
    char name[64], path[LIMIT_PATH_BYTES];
    int64_t now_ms = clock_now_ms();
    struct journal_header header = journal->header;
    header.began_ms = now_ms;
    header.missing_ms = journal->missing_ms;
    header.ended_ms = 0;
    snprintf(name, sizeof name, "%013" PRId64 "-%04" PRIu32 ".journal", now_ms, journal->number++);
    enum err err = path_join(path, sizeof path, journal->folder, name);
    if (err != OK) return fault_set(fault, err, "flow.path_too_long", STR_NONE);
    prune(journal->folder, now_ms);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    uint64_t size_bytes;
    err = segment_write(fd, &header, core, &size_bytes, fault);
    if (err != OK) {
        close(fd);
        (void)!unlink(path);
        return err;
    }
    if (journal->fd >= 0) close(journal->fd);
    journal->fd = fd;
    journal->header = header;
    journal->size_bytes = size_bytes;
    journal->written_ms = now_ms;
    journal->missing_ms = 0;
    return OK;
}

// A stopped one, once there is room for a whole segment: another one, with `core` as it is.
static void go_on(struct journal *journal, const struct core *core, int64_t now_ms) {
    uint64_t room_bytes;
    int64_t waited_ms = now_ms - journal->tried_ms;
    if (waited_ms >= 0 && waited_ms < RETRY_MS) return; // less: the clock was set back
    journal->tried_ms = now_ms;
    int64_t missing_ms = journal->missing_ms;
    prune(journal->folder, clock_now_ms());
    if (folder_make(journal->folder, NULL) != OK) return;
    if (disk_free(journal->folder, &room_bytes, NULL) != OK || room_bytes < SEGMENT_BYTES) return;
    if (segment_begin(journal, core, NULL) != OK) return;
    log_event(LOG_INFO, "journal.goes_on", "missing_ms=%" PRId64,
              journal->header.began_ms - missing_ms);
}

// ---- the writer --------------------------------------------------------------------------------
enum err journal_open(const char *folder, const struct core_limits *limits, uint32_t room,
                      const struct core *core, struct journal **out, struct fault *fault) {
    struct journal *journal = memory_take(sizeof *journal);
    if (!journal) return ERR_MEMORY;
    journal->fd = -1;
    journal->header = (struct journal_header){.limits = *limits, .room = room};
    buf_open(&journal->events, JOURNAL_FRAME_MAX);
    enum err err = folder_make(folder, fault);
    bool fits = str_copy(journal->folder, sizeof journal->folder, str_of(folder));
    if (!fits) err = fault_set(fault, ERR_LIMIT, "flow.path_too_long", STR_NONE);
    if (err == OK) err = segment_begin(journal, core, fault);
    if (err == ERR_FULL) {
        journal->written_ms = journal->told_ms = clock_now_ms();
        stop(journal, err);
        err = OK;
    }
    if (err != OK) {
        journal_close(journal);
        return err;
    }
    *out = journal;
    return OK;
}

void journal_event(struct journal *journal, const struct core *core,
                   const struct core_event *event) {
    if (!journal) return;
    if (journal->fd < 0) {
        go_on(journal, core, event->now_ms);
        return;
    }
    journal->told_ms = event->now_ms;
    event_put(&journal->events, event, core_hash(core), &journal->last_ms);
    if (journal->events.size >= FLUSH_BYTES) journal_flush(journal);
    bool large = journal->size_bytes >= SEGMENT_BYTES;
    bool old = event->now_ms - journal->header.began_ms > DAY_MS;
    if (!large && !old) return;
    enum err err = journal_rotate(journal, core);
    if (err != OK) stop(journal, err);
}

enum err journal_rotate(struct journal *journal, const struct core *core) {
    journal_flush(journal);
    return journal->fd >= 0 ? segment_begin(journal, core, NULL) : OK;
}

void journal_close(struct journal *journal) {
    if (!journal) return;
    journal_flush(journal);
    if (journal->fd >= 0) close(journal->fd);
    buf_close(&journal->events);
    memory_give(journal);
}
