// One line an event on standard error: time, level, a stable event name, key=value pairs. Never a
// cell's value, a person's name or a file's content. Any thread.
//   log_event(LOG_INFO, "job.started", "job=%" PRIu64 " step=%s", id, step);
#pragma once

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_level_set(enum log_level lowest);
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
