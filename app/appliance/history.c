#include "appliance/history_private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

enum { LINE_BYTES_MAX = 1024 };

// The newer half of the file, from the beginning of a line, in its place.
static enum err history_trim(const char *path, struct fault *fault) {
    struct buf text;
    buf_open(&text, HISTORY_BYTES_MAX + 2 * LINE_BYTES_MAX);
    enum err err = file_read(path, &text, fault);
    if (err == OK) {
        struct str kept = {text.data + text.size / 2, text.size - text.size / 2};
        (void)str_cut(kept, '\n', &kept);
        err = file_write(path, kept, fault);
    }
    buf_close(&text);
    return err;
}

static void line_make(struct buf *line, const struct history_event *event, bool after_cut) {
    char slot[2] = {slot_letter(event->slot), '\0'};
    if (after_cut) buf_add_char(line, '\n');
    struct json_writer out = json_writer_of(line);
    json_open_object(&out);
    json_set_i64(&out, "at", clock_now_ms());
    json_set_text(&out, "event", str_of(event->event));
    json_set_text(&out, "from", event->from);
    json_set_text(&out, "to", event->to);
    json_set_text(&out, "slot", str_of(slot));
    json_set_text(&out, "result", str_of(event->result));
    json_close_object(&out);
    buf_add_char(line, '\n');
}

enum err history_add(const char *path, const struct history_event *event, struct fault *fault) {
    struct buf line;
    uint64_t bytes = 0;
    char last = '\n';
    enum err err = file_exists(path) ? file_size(path, &bytes, fault) : OK;
    if (err == OK && bytes > HISTORY_BYTES_MAX) err = history_trim(path, fault);
    if (err != OK) return err;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    off_t end = lseek(fd, 0, SEEK_END);
    if (end > 0 && pread(fd, &last, 1, end - 1) != 1) last = '\0';
    buf_open(&line, LINE_BYTES_MAX);
    line_make(&line, event, last != '\n');
    err = buf_err(&line);
    if (err != OK) err = fault_set(fault, err, "base.file_too_large", str_of(path));
    if (err == OK) err = file_write_all(fd, line.data, line.size, fault);
    if (err == OK && fsync(fd) != 0) err = fault_errno(fault, errno, str_of(path));
    close(fd);
    buf_close(&line);
    return err;
}

// The last line of `text`, which is left without it; both without their line break.
static struct str last_line(struct str *text) {
    size_t at = text->size;
    while (at > 0 && text->data[at - 1] != '\n') at--;
    struct str line = {text->data + at, text->size - at};
    text->size = at > 0 ? at - 1 : 0;
    return line;
}

// The next event from the end of `text`, which is left without it; NULL when there is none. *line
// is its text.
static struct json *event_next(struct str *text, struct str *line) {
    while (text->size > 0) {
        struct json *event = NULL;
        *line = last_line(text);
        if (line->size == 0 || json_parse(*line, &event, NULL) != OK) continue;
        if (json_is_object(event)) return event;
        json_close(event);
    }
    return NULL;
}

static enum err text_read(const char *path, struct buf *text, struct fault *fault) {
    buf_open(text, HISTORY_BYTES_MAX + 2 * LINE_BYTES_MAX);
    return file_exists(path) ? file_read(path, text, fault) : OK;
}

static bool of_data(const struct json *event) {
    struct str name = json_member_text(event, "event");
    return str_is(name, "backup") || str_is(name, "restore");
}

enum err history_last(const char *path, struct history_last *out, struct fault *fault) {
    struct buf text;
    struct str line;
    enum err err = text_read(path, &text, fault);
    struct str rest = buf_str(&text);
    struct json *event = err == OK ? event_next(&rest, &line) : NULL;
    while (event && of_data(event)) {
        json_close(event);
        event = event_next(&rest, &line);
    }
    if (err == OK && !event) err = ERR_NOT_FOUND;
    struct history_last last;
    if (err == OK &&
        (!str_copy(last.event, sizeof last.event, json_member_text(event, "event")) ||
         !str_copy(last.from, sizeof last.from, json_member_text(event, "from")) ||
         !str_copy(last.to, sizeof last.to, json_member_text(event, "to")) ||
         !str_copy(last.result, sizeof last.result, json_member_text(event, "result")) ||
         !slot_from_text(json_member_text(event, "slot"), &last.slot))) {
        err = ERR_NOT_FOUND; // none that this program wrote
    }
    if (err == OK) *out = last;
    json_close(event);
    buf_close(&text);
    return err;
}

enum err history_write(const char *path, struct json_writer *out, struct fault *fault) {
    struct buf text;
    struct str line;
    enum err err = text_read(path, &text, fault);
    json_open_array(out);
    struct str rest = buf_str(&text);
    struct json *event = NULL;
    for (int shown = 0; err == OK && shown < HISTORY_EVENTS_SHOWN; shown++) {
        event = event_next(&rest, &line);
        if (!event) break;
        json_put_raw(out, line);
        json_close(event);
    }
    json_close_array(out);
    buf_close(&text);
    return err;
}
