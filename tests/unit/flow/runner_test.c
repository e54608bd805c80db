// What the runner does when a job's process misbehaves: it is killed from outside, breaks down,
// does not listen, needs too much memory or time. White box: the process' number comes from the
// list of active jobs.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "check.h"
#include "flow/flow_private.h"
#include "support/box.h"

enum { JOB_MS = 60000, LONG_ROWS = 300000 };

static struct box_test box;
static struct buf long_file;

// Has the process its own handler for SIGTERM? Before, a SIGTERM ends it at once, stopped or not.
static bool stopped(int pid) {
    char path[64], line[256];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *status = fopen(path, "r");
    while (status && fgets(line, sizeof line, status)) {
        if (strncmp(line, "State:\tT", 8) == 0) found = true;
    }
    if (status) fclose(status);
    return found;
}

// Its handlers stand once it works.
static bool works(uint64_t job) {
    struct active active;
    struct active_now now;
    return active_look(box.flow, job, &active, &now) && now.done > 0;
}

// A start is recorded a moment after it: a cancel before finds a job that waits.
static bool recorded(uint64_t job) {
    for (int i = 0; i < 20000; i++) {
        bool shown = box_do(&box, &box_officer, flow_job_show, job, 0, NULL, NULL) == OK;
        if (shown && box_u64(&box, "attempt") > 0) return true;
        usleep(500);
    }
    return false;
}

// A long import under way; *out_pid is its process. The check of the one before holds the
// processors until it has ended.
static uint64_t long_job(int *out_pid) {
    uint64_t job = 0;
    if (!box_settle(&box, JOB_MS)) return 0;
    if (!box_import(&box, "long", buf_str(&long_file), &job)) return 0;
    for (int i = 0; i < 10000; i++) {
        struct active active;
        struct active_now now;
        if (active_look(box.flow, job, &active, &now) && active.state == ACTIVE_RUNNING &&
            active.pid > 1) {
            *out_pid = active.pid;
            return job;
        }
        usleep(1000);
    }
    return 0;
}

static bool attempt_of(uint64_t job, uint32_t attempt, int *out_pid) {
    for (int i = 0; i < 20000; i++) {
        struct active active;
        struct active_now now;
        if (active_look(box.flow, job, &active, &now) && active.state == ACTIVE_RUNNING &&
            active.attempt == attempt && active.pid > 1) {
            *out_pid = active.pid;
            return true;
        }
        usleep(1000);
    }
    return false;
}

static void ends(uint64_t job, const char *state_wanted, const char *code, uint64_t attempts) {
    char state[16] = "";
    REQUIRE(box_wait_for(&box, job, JOB_MS, state));
    CHECK_STR(state, state_wanted);
    REQUIRE(box_do(&box, &box_officer, flow_job_show, job, 0, NULL, NULL) == OK);
    CHECK_TEXT(json_member_text(json_member(box.reply, "fault"), "code"), code);
    CHECK_EQ(box_u64(&box, "attempt"), attempts);
}

static void a_lost_process_is_started_again(void) {
    int pid = 0;
    uint64_t job = long_job(&pid);
    REQUIRE(job);
    kill(pid, SIGKILL);
    ends(job, "done", "", 2);
}

static void three_losses_are_enough(void) {
    int pid = 0;
    uint64_t job = long_job(&pid);
    REQUIRE(job);
    kill(pid, SIGKILL);
    for (uint32_t attempt = 2; attempt <= 3; attempt++) {
        REQUIRE(attempt_of(job, attempt, &pid));
        kill(pid, SIGKILL);
    }
    ends(job, "failed", "job.lost", 3);
}

static void a_breakdown_is_not_repeated(void) {
    int pid = 0;
    uint64_t job = long_job(&pid);
    REQUIRE(job);
    kill(pid, SIGILL); // no sanitizer takes this one
    char state[16] = "";
    REQUIRE(box_wait_for(&box, job, JOB_MS, state));
    CHECK_STR(state, "failed");
    REQUIRE(box_do(&box, &box_officer, flow_job_show, job, 0, NULL, NULL) == OK);
    CHECK_EQ(box_u64(&box, "attempt"), 1);
}

// SIGTERM from somebody else, as when the machine goes down: it is no one's wish to cancel.
static void a_foreign_stop_is_a_loss(void) {
    int pid = 0;
    uint64_t job = long_job(&pid);
    REQUIRE(job);
    usleep(20000); // until its handlers stand
    kill(pid, SIGTERM);
    ends(job, "done", "", 2);
}

static void who_does_not_listen_is_killed(void) {
    int pid = 0;
    uint64_t job = long_job(&pid);
    REQUIRE(job);
    REQUIRE(recorded(job));
    for (int i = 0; i < 40000 && !works(job); i++) usleep(500);
    kill(pid, SIGSTOP);
    for (int i = 0; i < 40000 && !stopped(pid); i++) usleep(500);
    uint64_t asked_us = clock_monotonic_us();
    REQUIRE(box_do(&box, &box_officer, flow_job_cancel, job, 0, NULL, NULL) == OK);
    ends(job, "cancelled", "", 1);
    uint64_t took_ms = (clock_monotonic_us() - asked_us) / 1000;
    CHECK_NEAR(took_ms, GRACE_MS + 10000,
               10000); // not before the grace; how busy the disk is varies
}

static void memory_beyond_the_limit_ends_the_job(void) {
    int pid = 0;
    bool by_kernel = confine_level(box.flow->confine) == CONFINE_CGROUP; // it kills at once
    uint64_t whole = box.flow->largest.memory_bytes;
    pthread_mutex_lock(&box.flow->lock);
    box.flow->largest.memory_bytes = 4096; // one page: no process lives in that
    pthread_mutex_unlock(&box.flow->lock);
    uint64_t job = 0;
    if (by_kernel) {
        CHECK(box_settle(&box, JOB_MS) && box_import(&box, "long", buf_str(&long_file), &job));
    } else {
        job = long_job(&pid);
        if (pid) kill(pid, SIGSTOP); // memory is looked at every TICK_MS: be there then
    }
    if (CHECK(job != 0)) ends(job, "failed", "job.memory_limit", 1);
    pthread_mutex_lock(&box.flow->lock);
    box.flow->largest.memory_bytes = whole;
    pthread_mutex_unlock(&box.flow->lock);
}

static void time_beyond_the_limit_ends_the_job(void) {
    int pid = 0;
    uint64_t job = long_job(&pid);
    REQUIRE(job);
    kill(pid, SIGSTOP); // or it would be done long before
    pthread_mutex_lock(&box.flow->lock);
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        struct active *active = &box.flow->active[i];
        if (active->job == job) active->started_ms -= 48 * 3600 * 1000;
    }
    pthread_mutex_unlock(&box.flow->lock);
    ends(job, "failed", "job.time_limit", 1);
}

// The child keeps its own time too: a server may be away meanwhile.
static void the_child_ends_itself_in_time(void) {
    char folder[128], path[256];
    REQUIRE(box_folder(folder));
    snprintf(path, sizeof path, "%s/spec.json", folder);
    char text[512];
    char source[256];
    snprintf(source, sizeof source, "%s/source.csv", folder);
    struct buf many;
    buf_open(&many, (size_t)1 << 30);
    for (int i = 0; i < 25; i++) buf_add_str(&many, buf_str(&long_file));
    REQUIRE(file_write(source, buf_str(&many), NULL) == OK);
    buf_close(&many);
    snprintf(text, sizeof text,
             "{\"step\":\"import\",\"attempt\":1,\"time_limit_ms\":1000,\"threads\":1,"
             "\"inputs\":{\"source\":\"%s\"}}",
             source);
    REQUIRE(file_write(path, str_of(text), NULL) == OK);
    pid_t pid = fork();
    if (pid == 0) _exit(step_main(folder));
    int status = 0;
    struct json *result = NULL;
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    snprintf(path, sizeof path, "%s/result.json", folder);
    REQUIRE(json_parse_file(path, &result, NULL) == OK);
    CHECK(!json_member_bool(result, "ok", true));
    CHECK_TEXT(json_member_text(json_member(result, "fault"), "code"), "job.time_limit");
    json_close(result);
    box_folder_remove(folder);
}

static void a_missing_program_is_told(void) {
    char program[LIMIT_PATH_BYTES];
    uint64_t job = 0;
    memcpy(program, box.flow->program, sizeof program);
    str_copy(box.flow->program, sizeof box.flow->program, STR("/nowhere/courtyard"));
    REQUIRE(box_import(&box, "short", STR("a,b\n1,2\n"), &job));
    ends(job, "failed", "job.no_program", 1);
    memcpy(box.flow->program, program, sizeof program);
}

static void logs_stay_bounded(void) {
    char folder[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES];
    int pid = 0;
    uint64_t job = long_job(&pid), size = 0;
    REQUIRE(job);
    kill(pid, SIGSTOP);
    job_folder(box.flow, job, folder);
    REQUIRE(path_join(path, sizeof path, folder, "log") == OK);
    CHECK_EQ(truncate(path, 3 * JOB_LOG_BYTES_MAX), 0);
    for (int i = 0; i < 100; i++) {
        usleep(20000);
        REQUIRE(file_size(path, &size, NULL) == OK);
        if (size <= JOB_LOG_BYTES_MAX) break;
    }
    CHECK_EQ(size, JOB_LOG_BYTES_MAX);
    kill(pid, SIGCONT);
    ends(job, "done", "", 1);
}

int main(int argc, char **argv) {
    BOX_MAIN
    char dir[128];
    if (!box_folder(dir) || box_test_open(&box, dir) != OK) return 1;
    buf_open(&long_file, 64 << 20);
    box_patients(&long_file, LONG_ROWS, 5);
    CHECK_RUN(a_lost_process_is_started_again);
    CHECK_RUN(three_losses_are_enough);
    CHECK_RUN(a_breakdown_is_not_repeated);
    CHECK_RUN(a_foreign_stop_is_a_loss);
    CHECK_RUN(who_does_not_listen_is_killed);
    CHECK_RUN(memory_beyond_the_limit_ends_the_job);
    CHECK_RUN(time_beyond_the_limit_ends_the_job);
    CHECK_RUN(the_child_ends_itself_in_time);
    CHECK_RUN(a_missing_program_is_told);
    CHECK_RUN(logs_stay_bounded);
    box_test_close(&box, true);
    buf_close(&long_file);
    box_folder_remove(dir);
    return check_done();
}
