// Starting, watching and ending the service.
#include "appliance/service_private.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

#define CGROUP "/sys/fs/cgroup/courtyard"
#define LOG_FILE "/data/appliance/service.log"
enum {
    BACK_OFF_MS = 1000,
    BACK_OFF_MS_MAX = 60 * 1000,
    GOOD_MS = 5 * 60 * 1000,   // up so long: the next end starts the back-off anew
    SILENT_MS = 90 * 1000,     // without a sign of life it is taken for hung
    START_MS = 10 * 60 * 1000, // checking and migrating a large store may take long
    STOP_MS = 30 * 1000,
    LOG_BYTES_MAX = 4 << 20, // then the file becomes .old
    FILES_MAX = 65536,
};

struct service {
    enum service_state state;
    pid_t pid;
    int channel, log_pipe, log_file;
    bool wanted, log_shown;
    uint32_t starts;
    int64_t started_ms, ready_ms, heard_ms, next_ms, stop_ms;
    int64_t back_off_ms;
    char fingerprint[128], code[64], fault[FAULT_CODE_SIZE];
    char unfit[FAULT_CODE_SIZE]; // what it is to say and nothing else
    char packet[SERVICE_PACKET_BYTES];
};

static int64_t now(void) {
    return (int64_t)(clock_monotonic_us() / 1000);
}

enum err service_open(bool log_shown, struct service **out, struct fault *fault) {
    struct service *service = memory_take(sizeof *service);
    if (!service) return fault_errno(fault, ENOMEM, STR_NONE);
    service->channel = service->log_pipe = service->log_file = -1;
    service->back_off_ms = BACK_OFF_MS;
    service->log_shown = log_shown;
    *out = service;
    return OK;
}

static void shut(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void service_close(struct service *service) {
    if (!service) return;
    shut(&service->channel);
    shut(&service->log_pipe);
    shut(&service->log_file);
    memory_give(service);
}

// ---- its cgroup ---------------------------------------------------------------------------------
static bool text_put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) close(fd);
    return done;
}

// A subtree that is the service's to arrange: its folder and the files by which processes move.
static void cgroup_hand_over(void) {
    static const char *const files[] = {"", "/cgroup.procs", "/cgroup.threads",
                                        "/cgroup.subtree_control"};
    static const char *const controllers[] = {"+cpu", "+memory", "+pids", "+io", "+cpuset"};
    for (size_t i = 0; i < sizeof controllers / sizeof controllers[0]; i++) {
        (void)text_put("/sys/fs/cgroup/cgroup.subtree_control", controllers[i]);
    }
    if (mkdir(CGROUP, 0755) != 0 && errno != EEXIST) return;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, CGROUP "%s", files[i]);
        if (chown(path, SERVICE_USER, SERVICE_USER) != 0) {
            log_event(LOG_WARN, "appliance.cgroup", "file=%s errno=%d", files[i], errno);
        }
    }
}

// ---- starting -----------------------------------------------------------------------------------
static void child_main(const char *unfit, int channel, int log) {
    char number[16], listen[32];
    struct rlimit files = {FILES_MAX, FILES_MAX};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)text_put(CGROUP "/cgroup.procs", "0");
    setsid();
    (void)setrlimit(RLIMIT_NOFILE, &files);
    int null = open("/dev/null", O_RDWR);
    int kept = fcntl(channel, F_DUPFD, 3); // without close-on-exec
    if (null < 0 || kept < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) _exit(1);
    if (setgroups(0, NULL) || setgid(SERVICE_USER) || setuid(SERVICE_USER)) _exit(1);
    snprintf(number, sizeof number, "%d", kept);
    snprintf(listen, sizeof listen, "0.0.0.0:%d", SERVICE_PORT);
    if (clearenv() || setenv("COURTYARD_APPLIANCE_FD", number, 1) || chdir("/")) _exit(1);
    if (unfit[0] && setenv("COURTYARD_APPLIANCE_UNFIT", unfit, 1)) _exit(1);
    umask(0077);
    const char *data = unfit[0] ? SERVICE_RESCUE : SERVICE_DATA;
    execl("/init", "courtyard", "serve", "--data", data, "--listen", listen, (char *)NULL);
    _exit(127);
}

static bool pipes_make(int channel[2], int log[2]) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) return false;
    if (pipe2(log, O_CLOEXEC) == 0) return true;
    close(channel[0]);
    close(channel[1]);
    return false;
}

static void launch(struct service *service) {
    int channel[2], log[2];
    service->started_ms = service->heard_ms = now();
    service->fault[0] = '\0';
    if (!pipes_make(channel, log)) return;
    cgroup_hand_over();
    pid_t pid = fork();
    if (pid == 0) child_main(service->unfit, channel[1], log[1]);
    close(channel[1]);
    close(log[1]);
    if (pid < 0) {
        close(channel[0]);
        close(log[0]);
        return;
    }
    fcntl(channel[0], F_SETFL, O_NONBLOCK);
    fcntl(log[0], F_SETFL, O_NONBLOCK);
    service->pid = pid;
    service->channel = channel[0];
    service->log_pipe = log[0];
    service->state = SERVICE_STARTING;
    service->starts++;
    log_event(LOG_INFO, "appliance.service", "pid=%d start=%u", (int)pid, service->starts);
}

void service_start(struct service *service, const char *unfit) {
    service->wanted = true;
    (void)str_copy(service->unfit, sizeof service->unfit, str_of(unfit));
    if (service->state != SERVICE_STOPPED) return;
    service->state = SERVICE_WAITING;
    service->next_ms = 0;
}

void service_stop(struct service *service) {
    service->wanted = false;
    if (service->state == SERVICE_WAITING) service->state = SERVICE_STOPPED;
    if (service->pid <= 0 || service->stop_ms) return;
    kill(service->pid, SIGTERM);
    service->stop_ms = now() + STOP_MS;
}

// With everything that it started.
static void kill_all(struct service *service) {
    if (!text_put(CGROUP "/cgroup.kill", "1") && service->pid > 0) kill(service->pid, SIGKILL);
}

bool service_ended(struct service *service, pid_t pid, int status) {
    if (pid != service->pid || pid <= 0) return false;
    log_event(service->wanted ? LOG_WARN : LOG_INFO, "appliance.service_ended",
              "status=%d signal=%d fault=%s", WIFEXITED(status) ? WEXITSTATUS(status) : 0,
              WIFSIGNALED(status) ? WTERMSIG(status) : 0, service->fault);
    struct json *last; // it may have said why
    while (service_take(service, &last)) json_close(last);
    service_log_copy(service);
    if (!service->wanted) {
        kill_all(service);        // else the next one adopts its jobs
        shut(&service->log_file); // the data partition is to be let go of
    }
    shut(&service->channel);
    shut(&service->log_pipe);
    shut(&service->log_file); // nothing of ours keeps the data partition
    bool good = service->ready_ms && now() - service->ready_ms > GOOD_MS;
    service->back_off_ms = good ? BACK_OFF_MS : service->back_off_ms;
    service->pid = 0;
    service->ready_ms = service->stop_ms = 0;
    service->state = service->wanted ? SERVICE_WAITING : SERVICE_STOPPED;
    service->next_ms = now() + service->back_off_ms;
    service->back_off_ms *= 2;
    if (service->back_off_ms > BACK_OFF_MS_MAX) service->back_off_ms = BACK_OFF_MS_MAX;
    return true;
}

int64_t service_run(struct service *service, int64_t now_ms) {
    if (service->state == SERVICE_WAITING && now_ms >= service->next_ms) {
        launch(service);
        if (service->state == SERVICE_WAITING) service->next_ms = now_ms + service->back_off_ms;
    }
    if (service->state == SERVICE_WAITING) return service->next_ms;
    if (service->state == SERVICE_STOPPED) return INT64_MAX;
    int64_t silent = service->state == SERVICE_READY ? service->heard_ms + SILENT_MS
                                                     : service->started_ms + START_MS;
    int64_t due = service->stop_ms ? service->stop_ms : silent;
    if (now_ms < due) return due;
    log_event(LOG_WARN, "appliance.service_killed", "stopping=%d", service->stop_ms != 0);
    kill(service->pid, SIGKILL);
    return now_ms + STOP_MS;
}

// ---- what it says -------------------------------------------------------------------------------
int service_channel(const struct service *service) {
    return service->channel;
}

int service_log(const struct service *service) {
    return service->log_pipe;
}

static void heard(struct service *service, const struct json *packet) {
    struct str is = json_member_text(packet, "is");
    service->heard_ms = now();
    if (str_is(is, "ready")) {
        if (service->state == SERVICE_STARTING) service->ready_ms = now();
        service->state = SERVICE_READY;
        (void)str_copy(service->fault, sizeof service->fault, json_member_text(packet, "unfit"));
        (void)str_copy(service->fingerprint, sizeof service->fingerprint,
                       json_member_text(packet, "fingerprint"));
        (void)str_copy(service->code, sizeof service->code, json_member_text(packet, "code"));
    } else if (str_is(is, "alive")) {
        if (!json_member_bool(packet, "setup", true)) service->code[0] = '\0';
    } else if (str_is(is, "fault")) {
        (void)str_copy(service->fault, sizeof service->fault, json_member_text(packet, "code"));
    }
}

bool service_take(struct service *service, struct json **out) {
    while (service->channel >= 0) {
        ssize_t size = recv(service->channel, service->packet, sizeof service->packet, 0);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return false;
        struct json *packet = NULL;
        if (json_parse((struct str){service->packet, (size_t)size}, &packet, NULL) != OK) continue;
        heard(service, packet);
        *out = packet;
        return true;
    }
    return false;
}

void service_send(struct service *service, struct str packet) {
    if (service->channel < 0 || packet.size > SERVICE_PACKET_BYTES) return;
    (void)send(service->channel, packet.data, packet.size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void log_turn(struct service *service) {
    struct stat info;
    if (service->log_file >= 0 && fstat(service->log_file, &info) == 0 &&
        info.st_size < LOG_BYTES_MAX) {
        return;
    }
    if (service->log_file >= 0) (void)rename(LOG_FILE, LOG_FILE ".old");
    shut(&service->log_file);
    service->log_file = open(LOG_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void service_log_copy(struct service *service) {
    char piece[4096];
    for (int i = 0; i < 16 && service->log_pipe >= 0; i++) {
        ssize_t size = read(service->log_pipe, piece, sizeof piece);
        if (size <= 0) {
            if (size == 0) shut(&service->log_pipe);
            return;
        }
        log_turn(service);
        int out = service->log_file >= 0 ? service->log_file : 2;
        if (write(out, piece, (size_t)size) < 0) shut(&service->log_file); // full: it is lost
        if (service->log_shown && out != 2 && write(2, piece, (size_t)size) < 0) return;
    }
}

void service_look(const struct service *service, struct service_view *out) {
    *out = (struct service_view){.state = service->state, .starts = service->starts};
    if (service->ready_ms) out->up_ms = now() - service->ready_ms;
    memcpy(out->fingerprint, service->fingerprint, sizeof out->fingerprint);
    memcpy(out->code, service->code, sizeof out->code);
    memcpy(out->fault, service->fault, sizeof out->fault);
}
