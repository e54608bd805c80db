#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_BYTES = 1024 };

static _Atomic int level_lowest = LOG_INFO;

void log_level_set(enum log_level lowest) {
    atomic_store(&level_lowest, (int)lowest);
}

// One write() a line, so that lines of several threads and processes do not mix.
void log_event(enum log_level level, const char *event, const char *format, ...) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if ((int)level < atomic_load_explicit(&level_lowest, memory_order_relaxed)) return;
    char stamp[40];
    struct buf time = {.data = stamp, .room = sizeof stamp, .cap_bytes = sizeof stamp};
    buf_add_time(&time, clock_now_ms());
    char line[LINE_BYTES];
    int size =
        snprintf(line, sizeof line, "%.*s %-5s %s ", (int)time.size, stamp, names[level], event);
    if (size < 0 || size >= LINE_BYTES) return;
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + size, sizeof line - (size_t)size, format, args);
    va_end(args);
    if (more < 0) return;
    size_t total = (size_t)size + (size_t)more;
    if (total > sizeof line - 1) total = sizeof line - 1;
    line[total++] = '\n';
    // Standard error may be closed or full; a log line is never worth failing for.
    ssize_t written = write(STDERR_FILENO, line, total);
    (void)written;
}
