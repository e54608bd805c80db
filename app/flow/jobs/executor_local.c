// Attempts as processes of this machine.
#include <errno.h>
#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/jobs/executor.h"

const struct executor *executor_of_name(struct str name) {
    if (str_is(name, executor_local.name)) return &executor_local;
    return str_is(name, executor_slurm.name) ? &executor_slurm : NULL;
}

const struct executor *executor_of_job(const struct job *job) {
    return str_is(job->confine, executor_slurm.name) ? &executor_slurm : &executor_local;
}

static const char *local_confinement(const struct flow *flow) {
    return confine_level_name(confine_level(flow->confine));
}

static bool local_adopt(struct flow *flow, const struct job *job, struct active *active) {
    bool alive = job_adopt(flow, job->id, active);
    struct confine_attempt confined = {
        .tenant = job->actor.id,
        .job = job->id,
        .attempt = (uint32_t)job->attempt,
        .events_fd = -1,
    };
    confine_adopt(flow->confine, &confined, alive ? active->pid : 0,
                  job->memory_bytes * job_members(job));
    if (!alive) confine_finish(flow->confine, &confined, NULL); // its children may live on
    active->confined = confined;
    return alive;
}

// One that an earlier life of this process had begun and not yet recorded when it was killed: it is
// taken up, or has ended and left its result.
static enum err local_start(struct flow *flow, const struct job *job, struct active *active,
                            struct fault *fault) {
    char folder[LIMIT_PATH_BYTES];
    job_folder(flow, job->id, folder);
    if (!job_attempt_left(folder, job->attempt)) return job_launch(flow, job, active, fault);
    bool alive = local_adopt(flow, job, active);
    log_event(LOG_INFO, "job.left_behind", "job=%" PRIu64 " alive=%d", job->id, alive);
    return OK;
}

// Reaped if it is ours; then wait_status is filled as waitpid gives it.
static bool local_ended(struct flow *flow, struct active *active, bool spoken) {
    if (active->own_child) {
        int status = -1;
        if (!spoken && active->pidfd >= 0) return false;
        pid_t got = waitpid(active->pid, &status, WNOHANG);
        if (got == 0 || (got < 0 && errno == EINTR)) return false;
        pthread_mutex_lock(&flow->lock);
        active->wait_status = got < 0 ? -1 : status;
        pthread_mutex_unlock(&flow->lock);
        return true;
    }
    if (active->pidfd >= 0) return spoken;
    struct active found = *active;
    bool settled = job_adopt_again(flow, &found);
    pthread_mutex_lock(&flow->lock);
    active->pid = found.pid;
    active->pidfd = found.pidfd;
    confine_adopt(flow->confine, &active->confined, found.pid, active->memory_bytes);
    active->confined.pidfd = found.pidfd;
    pthread_mutex_unlock(&flow->lock);
    return settled && found.pidfd < 0;
}

static void local_finish(struct flow *flow, struct active *active) {
    struct confine_usage usage;
    struct confine_attempt confined = active->confined;
    confine_finish(flow->confine, &confined, &usage);
    pthread_mutex_lock(&flow->lock);
    active->confined = confined;
    bool too_small = active->own_child && WIFEXITED(active->wait_status) &&
                     WEXITSTATUS(active->wait_status) == CONFINE_EXIT_NO_MEMORY;
    active->memory_ran_out = usage.memory_ran_out || too_small;
    if (active->pidfd >= 0) close(active->pidfd);
    active->pidfd = -1;
    active->pid = 0;
    pthread_mutex_unlock(&flow->lock);
}

static uint64_t local_memory_bytes(struct flow *flow, const struct active *active) {
    return confine_memory_bytes(flow->confine, &active->confined);
}

// The kernel tells of a limit reached; where it has killed for it the whole job goes.
static void local_memory_news(struct flow *flow, struct active *active) {
    if (!confine_memory_ran_out(flow->confine, &active->confined)) return;
    log_event(LOG_INFO, "job.memory_ran_out", "job=%" PRIu64, active->job);
    confine_kill(flow->confine, &active->confined);
}

static bool local_stop(struct flow *flow, const struct active *active,
                       struct confine_stop *stopping) {
    return confine_stop_step(flow->confine, &active->confined, stopping, clock_monotonic_us());
}

const struct executor executor_local = {
    .name = "local",
    .confinement = local_confinement,
    .start = local_start,
    .adopt = local_adopt,
    .ended = local_ended,
    .finish = local_finish,
    .memory_bytes = local_memory_bytes,
    .memory_news = local_memory_news,
    .stop = local_stop,
};
