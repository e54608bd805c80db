// Slurm by slurmrestd's unix socket.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "allocation/slurm_private.h"
#include "allocation/slurm_rest.h"
#include "base/limits.h"
#include "base/rest.h"

enum { ASK_MS = 20000, GREET_MS = 5000, TARGET_BYTES = 256, BODY_BYTES = 8 * LIMIT_PATH_BYTES };

struct answer {
    int status;
    struct str body; // in slurm->said.out, until the next
};

static enum err ask(struct slurm *slurm, const char *method, const char *target, struct str body,
                    int timeout_ms, struct answer *out) {
    struct rest_answer got;
    struct rest_question question = {.socket = slurm->socket,
                                     .method = method,
                                     .target = target,
                                     .body = body,
                                     .timeout_ms = timeout_ms};
    enum err err = rest_ask(&question, &slurm->said.out, &got);
    if (err != OK) return err;
    *out = (struct answer){got.status, got.body};
    return OK;
}

// What is there under this version. rest_lost: no answer, or none of slurmrestd's to this path.
__attribute__((format(printf, 4, 5))) static enum err fetch(struct slurm *slurm, const char *method,
                                                            struct answer *out, const char *format,
                                                            ...) {
    char target[TARGET_BYTES], path[TARGET_BYTES - 32];
    va_list values;
    va_start(values, format);
    vsnprintf(path, sizeof path, format, values);
    va_end(values);
    bool accounts = str_starts(str_of(path), STR("db/"));
    snprintf(target, sizeof target, "/slurm%s/v0.0.%" PRIu32 "/%s", accounts ? "db" : "",
             slurm->rest, accounts ? path + 3 : path);
    enum err err = ask(slurm, method, target, STR_NONE, ASK_MS, out);
    if (err == OK && (out->status == 401 || out->status == 403)) err = ERR_DENIED;
    if (err == OK && out->status == 404) err = ERR_NOT_FOUND;
    // It may have been started without the accounts' part.
    slurm->rest_lost = err != OK && err != ERR_LIMIT && !(accounts && err == ERR_NOT_FOUND);
    return err;
}

// The same, with an error that it names as a fault.
static enum err fetched(struct slurm *slurm, struct answer *answer, struct fault *fault) {
    bool later;
    enum err err = slurm_read_errors(answer->body, &later, fault);
    if (err == ERR_INPUT && fault && !fault->code[0]) slurm->rest_lost = true;
    return err;
}

enum err slurm_socket_greet(struct slurm *slurm) {
    struct answer answer;
    slurm->rest = 0;
    enum err err = ask(slurm, "GET", "/openapi/v3", STR_NONE, GREET_MS, &answer);
    if (err != OK) return err;
    if (answer.status == 401 || answer.status == 403) return ERR_DENIED;
    slurm->rest = slurm_rest_version(answer.body);
    return slurm->rest ? OK : ERR_NOT_FOUND;
}

static enum err pool_read(struct slurm *slurm, struct slurm_pool *out, struct fault *fault) {
    struct slurm_pool pool = {0};
    struct answer answer;
    memcpy(pool.partition, slurm->partition, sizeof pool.partition);
    enum err err = fetch(slurm, "GET", &answer, "partitions/");
    if (err == OK) err = fetched(slurm, &answer, fault);
    if (err == OK) err = slurm_read_partitions(answer.body, &pool, fault);
    if (err == OK) err = fetch(slurm, "GET", &answer, "nodes/");
    if (err == OK) err = fetched(slurm, &answer, fault);
    if (err == OK) err = slurm_read_nodes(answer.body, &pool, fault);
    if (err != OK) return err == ERR_LIMIT ? ERR_NOT_FOUND : err; // sinfo's lines are shorter
    slurm->limit_minutes = pool.limit_minutes;
    *out = pool;
    return OK;
}

static enum err submit(struct slurm *slurm, const struct slurm_task *task, const char *account,
                       uint64_t *out_id, bool *out_later, struct fault *fault) {
    char target[TARGET_BYTES];
    struct buf line, body;
    struct answer answer;
    buf_open(&line, BODY_BYTES);
    buf_open(&body, 2 * BODY_BYTES);
    slurm_line(task, &line);
    slurm_rest_job_write(&(struct slurm_rest_job){.task = task,
                                                  .partition = slurm->partition,
                                                  .account = account,
                                                  .line = buf_str(&line),
                                                  .limit_minutes = slurm_limit_of(slurm, task)},
                         &body);
    snprintf(target, sizeof target, "/slurm/v0.0.%" PRIu32 "/job/submit", slurm->rest);
    *out_later = false;
    enum err err = buf_err(&line) == OK ? buf_err(&body) : buf_err(&line);
    bool asked = err == OK;
    if (asked) err = ask(slurm, "POST", target, buf_str(&body), ASK_MS, &answer);
    buf_close(&line);
    buf_close(&body);
    if (asked && err == OK) {
        err = slurm_read_submitted(answer.body, out_id, out_later, fault);
    } else if (asked) {
        *out_later = err != ERR_NOT_FOUND; // nobody listened: it was not asked
    }
    slurm->rest_lost = err != OK && !(fault && fault->code[0]);
    if (err != OK && *out_later && fault && !fault->code[0]) {
        return fault_set(fault, ERR_BUSY, "slurm.not_reached", STR("slurmrestd"));
    }
    return err;
}

static enum err look(struct slurm *slurm, struct fault *fault) {
    struct answer answer;
    enum err err = fetch(slurm, "GET", &answer, "jobs/");
    if (err == OK && answer.status != 200) err = fetched(slurm, &answer, fault);
    if (err != OK) return err;
    err = slurm_read_queue_json(answer.body, &slurm->list, fault);
    if (err == ERR_INPUT) slurm->rest_lost = true;
    return err;
}

static enum err account(struct slurm *slurm, uint64_t id, struct slurm_seen *out) {
    struct answer answer;
    struct fault fault = {0};
    enum err err = fetch(slurm, "GET", &answer, "db/job/%" PRIu64, id);
    if (err != OK) return err;
    err = fetched(slurm, &answer, &fault);
    if (slurm->rest_lost) return err;
    if (err != OK) return err == ERR_BUSY ? err : ERR_NOT_FOUND; // no accounts
    return slurm_read_account_json(answer.body, id, out) ? OK : ERR_NOT_FOUND;
}

static enum slurm_may may(struct slurm *slurm, const char *name) {
    struct answer answer;
    uint64_t count;
    enum err err =
        fetch(slurm, "GET", &answer, "db/associations/?account=%s&user=%s", name, slurm->user);
    if (err != OK || !slurm_read_associations(answer.body, &count)) return SLURM_MAY_UNKNOWN;
    return count ? SLURM_MAY : SLURM_MAY_NOT;
}

static enum err signalled(struct slurm *slurm, uint64_t id, const char *how) {
    struct answer answer;
    enum err err = fetch(slurm, "DELETE", &answer, "job/%" PRIu64 "%s", id, how);
    if (err == OK && !slurm_read_signalled(answer.body)) err = ERR_IO;
    return err;
}

static enum err ask_to_give_way(struct slurm *slurm, uint64_t id) {
    return signalled(slurm, id, "?signal=USR1&flags=BATCH_JOB");
}

static enum err cancel(struct slurm *slurm, uint64_t id) {
    return signalled(slurm, id, "");
}

const struct slurm_door slurm_socket = {
    .pool_read = pool_read,
    .submit = submit,
    .look = look,
    .account = account,
    .may = may,
    .ask = ask_to_give_way,
    .cancel = cancel,
};
