// The child's main: FOLDER/spec.json in, FOLDER/result.json out, written whole. It opens no store.
//   lock         held while anybody works there; in it the attempt and, on the next line, "PID
//                START BOOT", who that is, for a server that finds it after a restart
//   progress     mapped by both
//   result.json  {"attempt","ok":true,"summary":{…}} or {"attempt","ok":false,"err","fault":{…}}
//   checkpoint   what a step keeps to go on from: written whole, found by the next attempt
// None of them is synced: after a power cut the process is gone, and what has no whole result runs
// again.
// SIGTERM asks it to stop, SIGUSR1 to give way: a step that can keeps a checkpoint and ends with
// "paused"; the job waits for its turn again. A step that cannot goes on until it is stopped.
// The lock of the folder came open with the process (descriptor 3) and is given back by the kernel
// when it ends, whatever the way.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "flow/steps/child.h"
#include "flow/steps/steps_private.h"

enum { CHILD_ARENA_BYTES_MIN = 64 << 20, EXIT_FAILED = 1, EXIT_NO_SPEC = 2 };

// Written by signal handlers, read by the step through its progress page.
static struct progress *child_progress;
static volatile sig_atomic_t child_time_out;

static void on_signal(int number) {
    if (number == SIGALRM) child_time_out = 1;
    if (child_progress && number == SIGUSR1) {
        atomic_store(&child_progress->pause, 1);
        return;
    }
    if (child_progress) atomic_store(&child_progress->cancel, 1);
}

static void signals_set(uint64_t time_limit_ms) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); // Ctrl-C at the server's terminal is the server's
    signal(SIGHUP, SIG_IGN);
    uint64_t seconds = (time_limit_ms + 999) / 1000;
    if (seconds > 0) alarm(seconds < 0x7fffffff ? (unsigned)seconds : 0x7fffffff);
}

bool process_identity(int pid, char *out, size_t out_size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    struct buf stat, boot;
    buf_open(&stat, 4096);
    buf_open(&boot, 4096);
    bool done = file_read(path, &stat, NULL) == OK &&
                file_read("/proc/sys/kernel/random/boot_id", &boot, NULL) == OK;
    // "PID (NAME) STATE PPID …": the name may hold anything, so count from its last ')'. The start
    // time is the 20th word behind it.
    const char *close = done ? memrchr(stat.data, ')', stat.size) : NULL;
    struct str start = STR_NONE;
    if (close && (size_t)(close - stat.data) + 2 < stat.size) {
        struct str rest = {close + 2, stat.size - (size_t)(close - stat.data) - 2};
        for (int i = 0; i < 20; i++) start = str_cut(rest, ' ', &rest);
    }
    struct str id = str_trim(buf_str(&boot));
    done = done && start.size > 0 &&
           (size_t)snprintf(out, out_size, "%d %.*s %.*s", pid, STR_ARG(start), STR_ARG(id)) <
               out_size;
    buf_close(&stat);
    buf_close(&boot);
    return done;
}

static enum err pid_write(const char *folder) {
    char path[LIMIT_PATH_BYTES], text[CHILD_IDENTITY_SIZE];
    if (!process_identity(getpid(), text, sizeof text)) return ERR_IO;
    enum err err = path_join(path, sizeof path, folder, "lock");
    int fd = err == OK ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (fd < 0) return ERR_IO;
    err = file_write_all(fd, text, strlen(text), NULL); // after the attempt
    close(fd);
    return err;
}

struct progress *progress_map(const char *folder) {
    char path[LIMIT_PATH_BYTES];
    if (path_join(path, sizeof path, folder, "progress") != OK) return NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return NULL;
    struct progress *progress = NULL;
    if (ftruncate(fd, PROGRESS_PAGE_BYTES) == 0) {
        void *page = mmap(NULL, PROGRESS_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED) progress = page;
    }
    close(fd);
    return progress;
}

void progress_unmap(struct progress *progress) {
    if (progress) munmap(progress, PROGRESS_PAGE_BYTES);
}

static enum err result_write(const char *folder, uint64_t attempt, enum err result,
                             const struct fault *step_fault, struct str summary) {
    char path[LIMIT_PATH_BYTES];
    struct fault fault = *step_fault;
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    json_set_u64(&out, "attempt", attempt);
    json_set_bool(&out, "ok", result == OK);
    if (result == OK) {
        json_set_raw(&out, "summary", summary);
    } else {
        if (child_time_out) fault = (struct fault){.code = "job.time_limit"};
        if (!fault.code[0])
            (void)!fault_set(&fault, result, "job.failed", str_of(err_name(result)));
        json_set_text(&out, "err", str_of(child_time_out ? "limit" : err_name(result)));
        json_put_name(&out, "fault");
        json_put_fault(&out, &fault);
    }
    json_close_object(&out);
    enum err err = buf_err(&text);
    if (err == OK) err = path_join(path, sizeof path, folder, "result.json");
    if (err == OK) err = file_write_quick(path, buf_str(&text), NULL);
    buf_close(&text);
    return err;
}

static enum err step_call(const char *folder, const struct json *spec, struct buf *summary,
                          struct fault *fault) {
    const struct step *step = step_find(json_member_text(spec, "step"));
    if (!step) return fault_set(fault, ERR_INPUT, "job.unknown_step", STR_NONE);
    uint64_t memory = json_member_u64(spec, "memory_bytes", step->memory_bytes);
    if (memory < CHILD_ARENA_BYTES_MIN) memory = CHILD_ARENA_BYTES_MIN;
    struct arena *arena;
    enum err err = arena_open((size_t)memory, &arena);
    if (err != OK) return fault_set(fault, err, "base.no_memory", STR_NONE);
    struct json_writer out = json_writer_of(summary);
    json_open_object(&out);
    struct step_context context = {spec, folder, child_progress, arena, &out, fault};
    err = step->run(&context);
    json_close_object(&out);
    if (err == OK && buf_err(summary) != OK) err = buf_err(summary);
    arena_close(arena);
    return err;
}

enum { LOCK_PATIENCE_MS = 5000, LOCK_STEP_MS = 100, EXIT_NOT_OURS = 3 };

uint64_t folder_attempt(const char *folder, const char *name) {
    char path[LIMIT_PATH_BYTES];
    struct json *root = NULL;
    if (path_join(path, sizeof path, folder, name) != OK || !file_exists(path)) return 0;
    if (json_parse_file(path, &root, NULL) != OK) return 0;
    uint64_t attempt = json_member_u64(root, "attempt", 0);
    json_close(root);
    return attempt;
}

// Where the file system knows no locks it goes on without: the numbers still tell.
static bool folder_taken(const char *folder) {
    char path[LIMIT_PATH_BYTES];
    if (path_join(path, sizeof path, folder, "lock") != OK) return false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); // held until the end
    if (fd < 0) return false;
    for (int waited_ms = 0;; waited_ms += LOCK_STEP_MS) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
        if (errno != EWOULDBLOCK) {
            log_event(LOG_WARN, "job.no_lock", "errno=%d", errno);
            return true;
        }
        if (waited_ms >= LOCK_PATIENCE_MS) return false; // the box only ever looks for a moment
        nanosleep(&(struct timespec){.tv_nsec = LOCK_STEP_MS * 1000000L}, NULL);
    }
}

int step_main_away(const char *folder, const char *attempt) {
    uint64_t number = 0;
    bool ours = str_to_u64(str_of(attempt), &number) && number > 0 && folder_taken(folder) &&
                folder_attempt(folder, "spec.json") == number &&
                folder_attempt(folder, "result.json") != number;
    if (ours) return step_main(folder);
    log_event(LOG_WARN, "job.not_ours", "attempt=%s", attempt);
    return EXIT_NOT_OURS;
}

// Reads spec, runs, tells. `shared`: its progress is a page of the folder.
static int step_carry_out(const char *folder, const struct json *spec, bool shared) {
    static struct progress own;
    struct fault fault = {0};
    struct buf summary;
    uint64_t attempt = json_member_u64(spec, "attempt", 0), started_us = clock_monotonic_us();
    struct str step = json_member_text(spec, "step");
    bool ours = !str_is(step, "command"); // else its log is the program's alone
    if (pid_write(folder) != OK) log_event(LOG_WARN, "job.no_pid", "folder=%s", folder);
    child_progress = shared ? progress_map(folder) : &own;
    signals_set(json_member_u64(spec, "time_limit_ms", 0));
    buf_open(&summary, LIMIT_JSON_BYTES / 2);
    if (ours) log_event(LOG_INFO, "job.begin", "step=%.*s", STR_ARG(step));
    enum err err = step_call(folder, spec, &summary, &fault);
    if (ours) {
        log_event(LOG_INFO, "job.end", "result=%s code=%s ms=%llu", err_name(err), fault.code,
                  (unsigned long long)(clock_monotonic_us() - started_us) / 1000);
    }
    enum err told = result_write(folder, attempt, err, &fault, buf_str(&summary));
    if (told != OK) log_event(LOG_ERROR, "job.no_result", "error=%s", err_name(told));
    buf_close(&summary);
    return err == OK && told == OK ? 0 : EXIT_FAILED;
}

static int spec_missing(const struct fault *fault) {
    log_event(LOG_ERROR, "job.no_spec", "code=%s", fault->code);
    return EXIT_NO_SPEC;
}

int step_main(const char *folder) {
    char path[LIMIT_PATH_BYTES];
    struct json *spec = NULL;
    struct fault fault = {0};
    enum err err = path_join(path, sizeof path, folder, "spec.json");
    if (err == OK) err = json_parse_file(path, &spec, &fault);
    if (err != OK) return spec_missing(&fault);
    int status = step_carry_out(folder, spec, true);
    json_close(spec);
    return status;
}

int step_main_handed(const char *folder) {
    struct json *spec = NULL;
    struct fault fault = {0};
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    enum err err = file_read("/proc/self/fd/0", &text, &fault);
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (err == OK && nothing >= 0 && dup2(nothing, 0) < 0) err = ERR_IO;
    if (nothing >= 0) close(nothing);
    if (err == OK) err = json_parse(buf_str(&text), &spec, &fault);
    buf_close(&text);
    if (err != OK) return spec_missing(&fault);
    int status = step_carry_out(folder, spec, false);
    json_close(spec);
    return status;
}
