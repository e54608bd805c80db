// The reader: every segment from its own beginning, through a core of its own.
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocation/journal_private.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"

enum { SEGMENTS_MAX = 65536, NAME_SIZE = 32 };

struct replaying {
    struct journal_report *report;
    struct journal_event *event;
    struct core_decision *decisions;
    struct core *core;
    struct journal_header header;
    const char *name;
    uint64_t in_segment;
    int64_t from_ms, until_ms;
};

static void differs(struct replaying *r) {
    struct journal_report *report = r->report;
    if (report->differs) return;
    report->differs = true;
    report->event = r->in_segment;
    report->event_ms = r->event->event.now_ms;
    snprintf(report->segment, sizeof report->segment, "%.31s", r->name);
}

// False: the frame is not what it should be, or the core decided otherwise.
static bool events_replay(struct replaying *r, struct journal_bytes *frame) {
    struct journal_report *report = r->report;
    int64_t last_ms = 0;
    while (frame->at < frame->end) {
        if (!event_get(frame, r->event, &last_ms)) return false;
        const struct core_event *event = &r->event->event;
        if (r->until_ms && event->now_ms > r->until_ms) return false;
        r->in_segment++;
        report->events++;
        report->decisions += core_step(r->core, event, r->decisions, r->header.room);
        if (report->from_ms == 0) report->from_ms = event->now_ms;
        if (event->now_ms > report->until_ms) report->until_ms = event->now_ms;
        if ((uint32_t)core_hash(r->core) != r->event->hash) {
            differs(r);
            return false;
        }
    }
    report->hash = core_hash(r->core);
    return true;
}

static enum err frames_replay(struct replaying *r, struct journal_bytes *in) {
    struct journal_bytes frame;
    enum journal_frame kind;
    bool torn = false;
    void *memory = NULL;
    enum err err = OK;
    if (!frame_next(in, &kind, &frame, &torn) || kind != FRAME_HEADER ||
        !header_get(&frame, &r->header)) {
        *(torn ? &r->report->torn : &r->report->skipped) += 1;
        return OK;
    }
    memory = memory_take_unset(core_size(&r->header.limits));
    r->decisions = memory_take(r->header.room * sizeof *r->decisions);
    if (!memory || !r->decisions) err = ERR_MEMORY;
    if (err == OK && frame_next(in, &kind, &frame, &torn)) {
        r->core = kind == FRAME_STATE ? state_get(&frame, memory, &r->header.limits) : NULL;
        if (!r->core) r->report->skipped++;
        bool goes_on = r->core != NULL;
        while (goes_on && frame_next(in, &kind, &frame, &torn)) {
            goes_on = kind == FRAME_EVENTS && events_replay(r, &frame);
            torn = !goes_on && frame.broken;
        }
    }
    r->report->torn += torn;
    memory_give(memory);
    memory_give(r->decisions);
    return err;
}

static enum err segment_replay(struct replaying *r, const char *folder, const char *name,
                               struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    struct file_map map;
    enum err err = path_join(path, sizeof path, folder, name);
    if (err == OK) err = file_map(path, &map, fault);
    if (err != OK) return err;
    struct journal_bytes in = {.at = map.data, .end = map.data + map.size};
    r->name = name;
    r->in_segment = 0;
    r->core = NULL;
    r->report->segments++;
    r->report->bytes += map.size;
    if (map.size) err = frames_replay(r, &in);
    file_unmap(&map);
    return err;
}

static int64_t began_ms(const char *name) {
    uint64_t ms = 0;
    struct str rest;
    return str_to_u64(str_cut(str_of(name), '-', &rest), &ms) ? (int64_t)ms : 0;
}

// ---- what is missing ---------------------------------------------------------------------------
static bool header_look(const char *folder, const char *name, struct journal_header *out) {
    char path[LIMIT_PATH_BYTES];
    struct file_map map;
    struct journal_bytes frame;
    enum journal_frame kind;
    bool torn;
    if (path_join(path, sizeof path, folder, name) != OK || file_map(path, &map, NULL) != OK) {
        return false;
    }
    struct journal_bytes in = {.at = map.data, .end = map.data + map.size};
    bool known = map.size && frame_next(&in, &kind, &frame, &torn) && kind == FRAME_HEADER &&
                 header_get(&frame, out);
    file_unmap(&map);
    return known;
}

// until_ms 0: it still lasts.
static void gap_add(struct replaying *r, int64_t from_ms, int64_t until_ms) {
    struct journal_report *report = r->report;
    bool before = until_ms && until_ms < r->from_ms;
    bool after = r->until_ms && from_ms > r->until_ms;
    if (before || after) return;
    if (report->gaps++) return;
    report->gap_from_ms = from_ms;
    report->gap_until_ms = until_ms;
}

// A segment that stopped says since when; so does the next of the same life, and the first of a
// life that began without room.
static void gaps_find(struct replaying *r, const char *folder, char (*names)[NAME_SIZE],
                      uint32_t count) {
    int64_t since_ms = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct journal_header header;
        bool known = header_look(folder, names[i], &header);
        if (since_ms == 0 && known) since_ms = header.missing_ms;
        if (since_ms) gap_add(r, since_ms, began_ms(names[i]));
        since_ms = known ? header.ended_ms : 0;
    }
    if (since_ms) gap_add(r, since_ms, 0);
}

// ---- the folder --------------------------------------------------------------------------------
static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static enum err names_read(const char *folder, char (**out)[NAME_SIZE], uint32_t *out_count,
                           struct fault *fault) {
    DIR *dir = opendir(folder);
    struct dirent *entry;
    uint32_t count = 0, room = 0;
    char(*names)[NAME_SIZE] = NULL;
    if (!dir) return fault_set(fault, ERR_NOT_FOUND, "journal.none", str_of(folder));
    while ((entry = readdir(dir)) != NULL && count < SEGMENTS_MAX) {
        struct str name = str_of(entry->d_name);
        if (!str_ends(name, STR(".journal")) || name.size >= NAME_SIZE) continue;
        if (count == room) {
            uint32_t more = room ? room * 2 : 64;
            char(*grown)[NAME_SIZE] =
                memory_resize(names, room * sizeof *names, more * sizeof *names);
            if (!grown) break;
            names = grown;
            room = more;
        }
        snprintf(names[count++], NAME_SIZE, "%.31s", entry->d_name);
    }
    closedir(dir);
    if (count == 0) {
        memory_give(names);
        return fault_set(fault, ERR_NOT_FOUND, "journal.none", str_of(folder));
    }
    qsort(names, count, sizeof *names, by_name);
    *out = names;
    *out_count = count;
    return OK;
}

enum err journal_replay(const char *folder, int64_t from_ms, int64_t until_ms,
                        struct journal_report *out, struct fault *fault) {
    char(*names)[NAME_SIZE] = NULL;
    uint32_t count = 0;
    struct replaying r = {.report = out, .from_ms = from_ms, .until_ms = until_ms};
    *out = (struct journal_report){0};
    enum err err = names_read(folder, &names, &count, fault);
    if (err != OK) return err;
    r.event = memory_take(sizeof *r.event);
    if (!r.event) err = ERR_MEMORY;
    if (err == OK) gaps_find(&r, folder, names, count);
    for (uint32_t i = 0; err == OK && i < count && !out->differs; i++) {
        bool over = i + 1 < count && began_ms(names[i + 1]) <= from_ms; // before the next begins
        bool later = until_ms && began_ms(names[i]) > until_ms;
        if (!over && !later) err = segment_replay(&r, folder, names[i], fault);
        if (err == ERR_NOT_FOUND) err = OK; // removed meanwhile
    }
    memory_give(r.event);
    memory_give(names);
    return err;
}

void journal_report_write(struct json_writer *out, const struct journal_report *report) {
    char hash[24];
    snprintf(hash, sizeof hash, "%016" PRIx64, report->hash);
    json_open_object(out);
    json_set_bool(out, "identical", !report->differs);
    json_set_u64(out, "segments", report->segments);
    json_set_u64(out, "skipped", report->skipped);
    json_set_u64(out, "torn", report->torn);
    json_set_u64(out, "gaps", report->gaps);
    json_set_i64(out, "gap_from_ms", report->gap_from_ms);
    json_set_i64(out, "gap_until_ms", report->gap_until_ms);
    json_set_u64(out, "events", report->events);
    json_set_u64(out, "decisions", report->decisions);
    json_set_u64(out, "bytes", report->bytes);
    json_set_i64(out, "from_ms", report->from_ms);
    json_set_i64(out, "until_ms", report->until_ms);
    json_set_text(out, "hash", str_of(hash));
    json_set_text(out, "segment", str_of(report->segment));
    json_set_u64(out, "event", report->event);
    json_set_i64(out, "event_ms", report->event_ms);
    json_close_object(out);
}
