// The writer.
#include "allocation/journal_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"

enum { FLUSH_BYTES = 32 << 10, SEGMENT_BYTES = 16 << 20 };
#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define KEPT_MS (8 * DAY_MS)
#define KEPT_BYTES ((uint64_t)512 << 20)

struct journal {
    char folder[LIMIT_PATH_BYTES];
    struct journal_header header;
    struct buf events;   // of the frame that is being made
    int64_t last_ms;     // of its events
    int fd;              // −1: it has ended
    uint64_t size_bytes; // of the segment
    uint32_t number;     // of it within the life
};

// ---- files -------------------------------------------------------------------------------------
static void give_up(struct journal *journal, int error) {
    log_event(LOG_WARN, "journal.ended", "errno=%d", error);
    if (journal->fd >= 0) close(journal->fd);
    journal->fd = -1;
}

static void frame_write(struct journal *journal, enum journal_frame kind, struct str data) {
    uint8_t head[JOURNAL_HEAD_BYTES];
    if (journal->fd < 0) return;
    frame_head(head, kind, data);
    enum err err = file_write_all(journal->fd, head, sizeof head, NULL);
    if (err == OK) err = file_write_all(journal->fd, data.data, data.size, NULL);
    if (err != OK) give_up(journal, errno);
    journal->size_bytes += sizeof head + data.size;
}

void journal_flush(struct journal *journal) {
    if (!journal || journal->events.size == 0) return;
    if (buf_err(&journal->events) == OK) {
        frame_write(journal, FRAME_EVENTS, buf_str(&journal->events));
    } else {
        give_up(journal, ENOMEM);
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

static enum err segment_begin(struct journal *journal, const struct core *core,
                              struct fault *fault) {
    char name[64], path[LIMIT_PATH_BYTES];
    struct buf text;
    int64_t now_ms = clock_now_ms();
    snprintf(name, sizeof name, "%013" PRId64 "-%04" PRIu32 ".journal", now_ms, journal->number++);
    enum err err = path_join(path, sizeof path, journal->folder, name);
    if (err != OK) return fault_set(fault, err, "flow.path_too_long", STR_NONE);
    prune(journal->folder, now_ms);
    if (journal->fd >= 0) close(journal->fd);
    journal->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (journal->fd < 0) return fault_errno(fault, errno, str_of(path));
    journal->size_bytes = 0;
    journal->header.began_ms = now_ms;
    buf_open(&text, JOURNAL_FRAME_MAX);
    header_put(&text, &journal->header);
    frame_write(journal, FRAME_HEADER, buf_str(&text));
    buf_clear(&text);
    state_put(&text, core);
    err = buf_err(&text);
    if (err == OK) frame_write(journal, FRAME_STATE, buf_str(&text));
    buf_close(&text);
    return err;
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
    if (err == OK && !fits) err = fault_set(fault, ERR_LIMIT, "flow.path_too_long", STR_NONE);
    if (err == OK) err = segment_begin(journal, core, fault);
    if (err != OK) {
        journal_close(journal);
        return err;
    }
    *out = journal;
    return OK;
}

void journal_event(struct journal *journal, const struct core *core,
                   const struct core_event *event) {
    if (!journal || journal->fd < 0) return;
    event_put(&journal->events, event, core_hash(core), &journal->last_ms);
    if (journal->events.size >= FLUSH_BYTES) journal_flush(journal);
    bool large = journal->size_bytes >= SEGMENT_BYTES;
    bool old = event->now_ms - journal->header.began_ms > DAY_MS;
    if (!large && !old) return;
    if (journal_rotate(journal, core) != OK) give_up(journal, errno);
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
