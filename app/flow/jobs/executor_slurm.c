// Attempts as jobs of a Slurm cluster (allocation/slurm.h). What this means: Slurm chooses the node
// and the moment; our core keeps the order and the limits, counting the whole partition as one
// machine, and asks to give way where that is full. The data folder and this binary must lie on a
// file system that all nodes share. The progress page lies there too: its numbers may come late,
// and nothing but what people see depends on them; signals go through Slurm.
//
// Exactly once. The attempt is committed first, then submitted with its number as comment. Whether
// a submission that was cut short arrived is settled by looking for that comment, and only a look
// that began after it and does not show it lets it be submitted again. Should two of them run all
// the same, the second finds the folder's lock held, the result there or a newer attempt's spec,
// and does nothing (child.c). FOLDER/slurm keeps "ID ATTEMPT" for the next life of this process.
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocation/slurm.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "flow/jobs/executor.h"

enum {
    LOOK_US = 1500 * 1000,        // between looks at the queue, while something runs
    LOOK_FAILED_US = 5000 * 1000, // after one that failed
    AGAIN_US = 5000 * 1000,       // after a submission that did not reach it
    RESULT_US = 60 * 1000 * 1000, // a shared file system shows a new file that late
};

struct slurm_site {
    struct slurm *slurm;
    struct slurm_pool pool;
    char dir[LIMIT_PATH_BYTES]; // of the data, as the nodes see it
    uint64_t looked_us;         // when the last look that succeeded began; 0: none
    uint64_t looks;             // that succeeded
    uint64_t next_us;
    _Atomic uint32_t by_rest; // as slurm_by_rest, for who looks from elsewhere
};

// ---- the site ----------------------------------------------------------------------------------

static enum err site_need(struct flow *flow, const char *partition, const char *socket) {
    if (flow->slurm) return OK;
    struct slurm_site *site = memory_take(sizeof *site);
    if (!site) return ERR_MEMORY;
    *site = (struct slurm_site){0};
    char real[PATH_MAX];
    bool fits = realpath(store_dir(flow->store), real) != NULL &&
                str_copy(site->dir, sizeof site->dir, str_of(real));
    enum err err = fits ? slurm_open(partition, socket, &site->slurm) : ERR_IO;
    if (err != OK) {
        memory_give(site);
        return err;
    }
    flow->slurm = site;
    return OK;
}

enum err slurm_begin(struct flow *flow, const char *partition, const char *socket,
                     struct fault *fault) {
    enum err err = site_need(flow, partition, socket);
    if (err != OK) return fault_set(fault, err, "base.no_memory", STR_NONE);
    struct slurm_pool *pool = &flow->slurm->pool;
    err = slurm_pool_read(flow->slurm->slurm, pool, fault);
    if (err != OK) return err;
    flow->slurm->by_rest = slurm_by_rest(flow->slurm->slurm);
    flow->capacity = (struct allocation_capacity){pool->cpus * 1000, pool->memory_mib << 20};
    flow->largest =
        (struct allocation_capacity){pool->node_cpus * 1000, pool->node_memory_mib << 20};
    log_event(LOG_INFO, "slurm.pool",
              "partition=%s nodes=%" PRIu64 " cpus=%" PRIu64 " memory_mib=%" PRIu64,
              pool->partition, pool->nodes, pool->cpus, pool->memory_mib);
    return OK;
}

void slurm_end(struct flow *flow) {
    if (!flow->slurm) return;
    slurm_close(flow->slurm->slurm);
    memory_give(flow->slurm);
    flow->slurm = NULL;
}

// At most one look in a while, whoever asks; false while the last one failed.
static bool site_look(struct slurm_site *site) {
    uint64_t now_us = clock_monotonic_us();
    if (now_us < site->next_us) return site->looked_us > 0;
    struct fault fault = {0};
    enum err err = slurm_look(site->slurm, &fault);
    site->by_rest = slurm_by_rest(site->slurm);
    site->next_us = clock_monotonic_us() + (err == OK ? LOOK_US : LOOK_FAILED_US);
    if (err == OK) {
        site->looked_us = now_us;
        site->looks++;
    } else {
        site->looked_us = 0;
        log_event(LOG_WARN, "slurm.look_failed", "error=%s code=%s", err_name(err), fault.code);
    }
    return err == OK;
}

// ---- the folder --------------------------------------------------------------------------------

static void folder_of(const struct slurm_site *site, uint64_t job,
                      char out[static LIMIT_PATH_BYTES]) {
    path_of(out, "%s/jobs/%" PRIu64, site->dir, job);
}

// "attempt" of FOLDER/NAME; 0 where there is none.
static uint64_t attempt_in(const char *folder, const char *name) {
    char path[LIMIT_PATH_BYTES];
    struct json *root = NULL;
    path_of(path, "%s/%s", folder, name);
    if (!file_exists(path) || json_parse_file(path, &root, NULL) != OK) return 0;
    uint64_t attempt = json_member_u64(root, "attempt", 0);
    json_close(root);
    return attempt;
}

static void id_write(const char *folder, const struct active *active) {
    char path[LIMIT_PATH_BYTES], text[64];
    path_of(path, "%s/" CHILD_SLURM, folder);
    snprintf(text, sizeof text, "%" PRIu64 " %" PRIu32, active->engine.id, active->attempt);
    if (file_write(path, str_of(text), NULL) != OK) {
        log_event(LOG_WARN, "slurm.id_not_kept", "job=%" PRIu64, active->job); // the comment tells
    }
}

static uint64_t id_read(const char *folder, uint32_t attempt) {
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    uint64_t id = 0, of = 0;
    buf_open(&text, 256);
    path_of(path, "%s/" CHILD_SLURM, folder);
    if (file_exists(path) && file_read(path, &text, NULL) == OK) {
        struct str rest, word = str_cut(str_trim(buf_str(&text)), ' ', &rest);
        if (!str_to_u64(word, &id) || !str_to_u64(rest, &of) || of != attempt) id = 0;
    }
    buf_close(&text);
    return id;
}

// ---- starting ----------------------------------------------------------------------------------

// OK also where it is not known whether it arrived: then engine.id is 0 and it is settled later.
static enum err submit(struct flow *flow, struct active *active, const char *folder,
                       struct fault *fault) {
    struct slurm_task task = {
        .job = active->job,
        .attempt = active->attempt,
        .tenant = active->tenant,
        .cpus = active->cpu_milli < 1000 ? 1 : active->cpu_milli / 1000,
        .memory_mib = active->memory_bytes >> 20,
        .limit_minutes = (active->time_limit_ms + 59999) / 60000,
        .program = flow->program,
        .folder = folder,
    };
    struct fault own = {0};
    uint64_t id = 0;
    bool later = false;
    enum err err = slurm_submit(flow->slurm->slurm, &task, &id, &later, &own);
    log_event(err == OK ? LOG_INFO : LOG_WARN, "slurm.submitted",
              "job=%" PRIu64 " attempt=%" PRIu32 " slurm=%" PRIu64 " result=%s code=%s",
              active->job, active->attempt, id, err_name(err), own.code);
    if (err != OK && !later) {
        *fault = own;
        return err;
    }
    pthread_mutex_lock(&flow->lock);
    active->engine.id = id;
    active->engine.state = SLURM_PENDING;
    active->engine.look = flow->slurm->looks;
    active->engine.try_us = clock_monotonic_us() + AGAIN_US;
    pthread_mutex_unlock(&flow->lock);
    if (id) id_write(folder, active);
    flow->slurm->next_us = 0;
    return OK;
}

static enum err slurm_start(struct flow *flow, const struct job *job, struct active *active,
                            struct fault *fault) {
    char folder[LIMIT_PATH_BYTES];
    int lock;
    if (site_need(flow, NULL, NULL) != OK) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    folder_of(flow->slurm, job->id, folder);
    active->attempt = (uint32_t)job->attempt;
    active->confined.events_fd = -1;
    enum err err = job_prepare(flow, job, folder, active, &lock, fault);
    if (err != OK) return err;
    close(lock); // the job takes it where it runs
    err = submit(flow, active, folder, fault);
    if (err == OK) return OK;
    progress_unmap(active->progress);
    active->progress = NULL;
    return err;
}

static bool slurm_adopt(struct flow *flow, const struct job *job, struct active *active) {
    char folder[LIMIT_PATH_BYTES];
    active->confined.events_fd = -1;
    if (site_need(flow, NULL, NULL) != OK) return true; // not known: seen to again and again
    folder_of(flow->slurm, job->id, folder);
    // Without its spec it was never submitted; with a result it has ended.
    if (attempt_in(folder, "spec.json") != job->attempt) return false;
    active->progress = progress_map(folder);
    if (attempt_in(folder, "result.json") == job->attempt) return false;
    active->engine.id = id_read(folder, (uint32_t)job->attempt);
    active->engine.state = SLURM_UNKNOWN;
    active->engine.try_us = clock_monotonic_us() + AGAIN_US;
    return true;
}

// ---- watching ----------------------------------------------------------------------------------

// It is not known whether it was ever submitted. True if it has ended: was not, and is not to be.
static bool unsure_settled(struct flow *flow, struct active *active, const char *folder) {
    struct slurm_site *site = flow->slurm;
    char comment[SLURM_COMMENT_BYTES];
    slurm_comment(active->job, active->attempt, comment);
    const struct slurm_seen *seen = slurm_by_comment(site->slurm, comment, folder);
    if (seen) {
        pthread_mutex_lock(&flow->lock);
        active->engine.id = seen->id;
        pthread_mutex_unlock(&flow->lock);
        id_write(folder, active);
        log_event(LOG_INFO, "slurm.found", "job=%" PRIu64 " slurm=%" PRIu64, active->job, seen->id);
        return false;
    }
    if (site->looked_us < active->engine.try_us) return false; // it may still be on its way
    if (active->stop != STOP_NONE) return true;
    struct fault fault = {0};
    if (submit(flow, active, folder, &fault) == OK) return false;
    pthread_mutex_lock(&flow->lock);
    active->start_fault = fault;
    pthread_mutex_unlock(&flow->lock);
    return true;
}

static int wait_status_of(int exit_status) {
    if (exit_status < 0) return -1;
    return exit_status > 128 ? exit_status - 128 : exit_status << 8;
}

// How it ended, in the words of a local one.
static void end_take(struct flow *flow, struct active *active, const struct slurm_seen *seen) {
    pthread_mutex_lock(&flow->lock);
    active->wait_status = seen->state == SLURM_FAILED ? wait_status_of(seen->exit_status) : -1;
    if (seen->state == SLURM_OUT_OF_MEMORY) active->memory_ran_out = true;
    if (seen->state == SLURM_TIMEOUT && active->stop == STOP_NONE) active->stop = STOP_TIME;
    if (seen->state == SLURM_CANCELLED && active->stop == STOP_NONE) {
        (void)!fault_set(&active->start_fault, ERR_CANCELLED, "slurm.cancelled", STR_NONE);
    }
    pthread_mutex_unlock(&flow->lock);
}

static void state_take(struct flow *flow, struct active *active, const struct slurm_seen *seen) {
    pthread_mutex_lock(&flow->lock);
    bool moved =
        active->engine.state != seen->state || strcmp(active->engine.reason, seen->reason) != 0;
    active->engine.state = (uint8_t)seen->state;
    memcpy(active->engine.reason, seen->reason, sizeof active->engine.reason);
    memcpy(active->engine.account, seen->account, sizeof active->engine.account);
    // What it waited for there is not its running.
    if (seen->state == SLURM_PENDING) active->started_ms = clock_now_ms();
    if (seen->start_s > 0 && seen->state != SLURM_PENDING) {
        active->started_ms = seen->start_s * 1000;
    }
    pthread_mutex_unlock(&flow->lock);
    if (moved) job_tell(flow, active->job);
}

// A result written on another machine may come into sight late: true while it is worth waiting.
static bool result_may_come(struct active *active, const struct slurm_seen *seen) {
    bool wrote =
        seen->state == SLURM_COMPLETED || (seen->state == SLURM_FAILED && seen->exit_status == 1);
    uint64_t now_us = clock_monotonic_us();
    if (active->engine.result_us == 0) active->engine.result_us = now_us + RESULT_US;
    return wrote && now_us < active->engine.result_us;
}

// What squeue does not show any more: by the accounts; without them gone at the second look.
static bool gone_settled(struct flow *flow, struct active *active, struct slurm_seen *out) {
    enum err err = slurm_account(flow->slurm->slurm, active->engine.id, out);
    if (err == OK) return true;
    if (err != ERR_NOT_FOUND) return false;
    bool before = active->engine.state == SLURM_GONE;
    *out = (struct slurm_seen){.state = SLURM_GONE, .exit_status = -1};
    state_take(flow, active, out);
    return before;
}

static bool slurm_ended(struct flow *flow, struct active *active, bool spoken) {
    char folder[LIMIT_PATH_BYTES];
    (void)spoken;
    if (site_need(flow, NULL, NULL) != OK) return false;
    struct slurm_site *site = flow->slurm;
    folder_of(site, active->job, folder);
    if (attempt_in(folder, "result.json") == active->attempt) return true;
    if (!site_look(site)) return false;
    if (active->engine.id == 0) return unsure_settled(flow, active, folder);
    if (active->engine.look == site->looks) return false; // nothing new
    active->engine.look = site->looks;
    struct slurm_seen end;
    const struct slurm_seen *seen = slurm_by_id(site->slurm, active->engine.id);
    if (seen) {
        end = *seen;
    } else if (!gone_settled(flow, active, &end)) {
        return false;
    }
    state_take(flow, active, &end);
    if (!slurm_state_ended(end.state) && end.state != SLURM_GONE) return false;
    // Somebody works there: one that was submitted twice.
    if (!job_folder_free(folder) || result_may_come(active, &end)) return false;
    end_take(flow, active, &end);
    return true;
}

static void slurm_finish(struct flow *flow, struct active *active) {
    pthread_mutex_lock(&flow->lock);
    active->engine.id = 0;
    active->engine.state = SLURM_GONE;
    active->engine.reason[0] = '\0';
    active->engine.account[0] = '\0';
    pthread_mutex_unlock(&flow->lock);
}

static uint64_t slurm_memory_bytes(struct flow *flow, const struct active *active) {
    (void)flow, (void)active;
    return 0;
}

static void slurm_memory_news(struct flow *flow, struct active *active) {
    (void)flow, (void)active;
}

// ---- ending ------------------------------------------------------------------------------------

enum { STAGE_ASK, STAGE_WAIT, STAGE_CANCELLED };

static bool slurm_stop(struct flow *flow, const struct active *active,
                       struct confine_stop *stopping) {
    uint64_t now_us = clock_monotonic_us();
    if (active->engine.id == 0 || !flow->slurm) return false;
    if (stopping->stage == STAGE_ASK) {
        stopping->stage = STAGE_WAIT;
        // What waits there holds nothing and needs no checkpoint; nor does what cannot be asked.
        bool runs = active->engine.state == SLURM_RUNNING && stopping->checkpoint_ms > 0;
        if (!runs || slurm_ask(flow->slurm->slurm, active->engine.id) != OK) {
            stopping->checkpoint_ms = 0;
        }
    }
    if (now_us < stopping->asked_us + (uint64_t)stopping->checkpoint_ms * 1000) return false;
    flow->slurm->next_us = 0;
    if (slurm_cancel(flow->slurm->slurm, active->engine.id) != OK) {
        stopping->asked_us = now_us; // once more in a while
        stopping->checkpoint_ms = AGAIN_US / 1000;
        return false;
    }
    stopping->stage = STAGE_CANCELLED;
    return true;
}

// ---- to be seen --------------------------------------------------------------------------------

static const char *slurm_confinement(const struct flow *flow) {
    (void)flow;
    return "slurm";
}

void slurm_view(struct json_writer *out, const struct active *active) {
    json_set_text(out, "name", STR("slurm"));
    json_set_u64(out, "id", active->engine.id);
    json_set_text(out, "state", str_of(slurm_state_name((enum slurm_state)active->engine.state)));
    json_set_text(out, "reason", str_of(active->engine.reason));
    json_set_text(out, "account", str_of(active->engine.account));
    json_put_name(out, "account_wanted");
    char wanted[SLURM_ACCOUNT_BYTES];
    slurm_account_name(active->tenant, wanted);
    // Where Slurm keeps accounts, and this tenant has none there.
    bool other = active->engine.account[0] && strcmp(active->engine.account, wanted) != 0;
    if (other && active->tenant) {
        json_put_text(out, str_of(wanted));
    } else {
        json_put_null(out);
    }
}

void slurm_view_pool(struct json_writer *out, const struct flow *flow) {
    const struct slurm_pool *pool = &flow->slurm->pool;
    json_set_text(out, "partition", str_of(pool->partition));
    json_set_text(out, "version", str_of(pool->version));
    json_set_u64(out, "nodes", pool->nodes);
    json_set_text(out, "by", flow->slurm->by_rest ? STR("slurmrestd") : STR("commands"));
    json_set_u64(out, "limit_minutes", pool->limit_minutes);
}

const struct executor executor_slurm = {
    .name = "slurm",
    .away = true,
    .confinement = slurm_confinement,
    .start = slurm_start,
    .adopt = slurm_adopt,
    .ended = slurm_ended,
    .finish = slurm_finish,
    .memory_bytes = slurm_memory_bytes,
    .memory_news = slurm_memory_news,
    .stop = slurm_stop,
};
