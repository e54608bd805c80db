// What is being done now, on one line of standard error; Ctrl-C stops it.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli_private.h"

enum { SHOW_EVERY_MS = 200, LINE_BYTES = 400 };

static struct progress progress; // of the process
static struct {
    pthread_t thread;
    pthread_mutex_t lock; // protects open
    pthread_cond_t closed;
    bool open;
    _Atomic bool line_open; // a line without its end stands on the terminal
    uint64_t started_us;    // of the phase; the watcher's own
} shown = {.lock = PTHREAD_MUTEX_INITIALIZER, .closed = PTHREAD_COND_INITIALIZER};

struct progress *progress_of_process(void) {
    return &progress;
}

static void stop_asked(int number) {
    (void)number;
    atomic_store(&progress.cancel, 1);
}

void progress_line_end(void) {
    if (!atomic_exchange(&shown.line_open, false)) return;
    ssize_t written = write(STDERR_FILENO, "\r\033[K", 4);
    (void)written;
}

// Rewrites the line on a terminal; stays silent elsewhere, where results alone are wanted.
static void line_show(const char *phase, uint64_t done, uint64_t total, uint64_t rows,
                      uint64_t elapsed_us) {
    if (!isatty(STDERR_FILENO)) return;
    char key[64];
    snprintf(key, sizeof key, "phase.%s", phase);
    struct buf line;
    buf_open(&line, LINE_BYTES);
    buf_add_text(&line, "\r\033[K  ");
    message_write(&line, key, NULL, 0);
    if (total > 0) {
        double share = (double)done / (double)total;
        if (share > 1) share = 1;
        buf_printf(&line, "  %3.0f %%", share * 100);
        double left_s = share > 0.01 ? (double)elapsed_us / 1e6 * (1 - share) / share : 0;
        if (left_s >= 2) buf_printf(&line, "  -%.0f s", left_s);
    }
    if (rows > 0) buf_printf(&line, "  %llu", (unsigned long long)rows);
    atomic_store(&shown.line_open, true);
    ssize_t written = write(STDERR_FILENO, line.data, line.size);
    (void)written;
    buf_close(&line);
}

// Waits, unless the end of showing comes first.
static bool closed_within(long wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += wait_ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&shown.lock);
    int status = 0;
    while (shown.open && status == 0) {
        status = pthread_cond_timedwait(&shown.closed, &shown.lock, &until);
    }
    bool closed = !shown.open;
    pthread_mutex_unlock(&shown.lock);
    return closed;
}

static void *show_main(void *argument) {
    (void)argument;
    uint32_t phase = PHASE_COUNT;
    for (;;) {
        if (closed_within(SHOW_EVERY_MS)) break;
        uint32_t now = atomic_load(&progress.phase);
        if (now != phase) shown.started_us = clock_monotonic_us();
        phase = now;
        line_show(phase_name((enum phase)phase), atomic_load(&progress.done),
                  atomic_load(&progress.total), atomic_load(&progress.rows),
                  clock_monotonic_us() - shown.started_us);
    }
    progress_line_end();
    return NULL;
}

enum err progress_signals_open(void) {
    struct sigaction action = {.sa_handler = stop_asked};
    bool set = sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0;
    return set ? OK : ERR_IO;
}

enum err progress_show_open(void) {
    enum err err = progress_signals_open();
    if (err != OK) return err;
    shown.open = true; // no watcher runs yet
    if (pthread_create(&shown.thread, NULL, show_main, NULL) == 0) return OK;
    shown.open = false;
    return ERR_MEMORY;
}

void progress_show_close(void) {
    pthread_mutex_lock(&shown.lock);
    bool was_open = shown.open;
    shown.open = false;
    pthread_cond_signal(&shown.closed);
    pthread_mutex_unlock(&shown.lock);
    if (was_open) pthread_join(shown.thread, NULL);
}

void progress_show_job(const struct json *job, uint64_t started_us) {
    char phase[32];
    if (!str_copy(phase, sizeof phase, json_member_text(job, "phase")) || phase[0] == '\0') {
        memcpy(phase, "start", 6);
    }
    line_show(phase, json_member_u64(job, "done", 0), json_member_u64(job, "total", 0),
              json_member_u64(job, "rows", 0), clock_monotonic_us() - started_us);
}
