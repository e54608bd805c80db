#include "allocation/slurm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "allocation/slurm_private.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rest.h"

enum {
    SAID_BYTES = 16 * 1024,
    TIME_SPARE_MINUTES = 1,
    USER_MS = 5000,
    REST_AGAIN_US = 15 * 1000 * 1000,      // slurmrestd is looked for again
    LONG_US = 300 * 1000 * 1000,           // a list that was too long is tried again
    ACCOUNT_KNOWN_US = 600 * 1000 * 1000,  // an account is asked for again
    ACCOUNT_UNKNOWN_US = 60 * 1000 * 1000, // one that was not there
};

// Debian's place, and that of Slurm's own unit.
static const char *const usual[] = {"/run/slurmrestd.socket", "/run/slurmrestd/slurmrestd.socket"};

static const char *socket_of(const char *socket) {
    if (socket) return socket;
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (file_exists(usual[i])) return usual[i];
    }
    return "";
}

enum err slurm_open(const char *partition, const char *socket, struct slurm **out) {
    struct slurm *slurm = memory_take(sizeof *slurm);
    if (!slurm) return ERR_MEMORY;
    *slurm = (struct slurm){0};
    (void)!str_copy(slurm->partition, sizeof slurm->partition, str_of(partition));
    // One too long for the kernel is none.
    (void)!str_copy(slurm->socket, sizeof slurm->socket, str_of(socket_of(socket)));
    buf_open(&slurm->said.out, LIMIT_JSON_BYTES + REST_HEAD_BYTES);
    buf_open(&slurm->said.err, SAID_BYTES);
    *out = slurm;
    return OK;
}

void slurm_close(struct slurm *slurm) {
    if (!slurm) return;
    buf_close(&slurm->said.out);
    buf_close(&slurm->said.err);
    memory_give(slurm);
}

// ---- by which door -----------------------------------------------------------------------------

uint32_t slurm_by_rest(const struct slurm *slurm) {
    return slurm->rest;
}

// True while slurmrestd answers; looks for it again in a while once it did not.
static bool rest_there(struct slurm *slurm) {
    uint64_t now_us = clock_monotonic_us();
    slurm->rest_lost = false;
    if (!slurm->socket[0]) return false;
    if (slurm->rest) return true;
    if (now_us < slurm->rest_again_us) return false;
    bool first = slurm->rest_again_us == 0;
    slurm->rest_again_us = now_us + REST_AGAIN_US;
    enum err err = slurm_socket_greet(slurm);
    if (err == OK) {
        log_event(LOG_INFO, "slurm.rest", "parser=v0.0.%" PRIu32, slurm->rest);
    } else if (first) {
        log_event(LOG_WARN, "slurm.rest_away", "error=%s", err_name(err));
    }
    return err == OK;
}

// After a call by the socket: true if it told nothing, so that commands are used until it is back.
static bool rest_left(struct slurm *slurm, enum err err) {
    if (err == OK || !slurm->rest_lost) return false;
    slurm->rest = 0;
    slurm->rest_again_us = clock_monotonic_us() + REST_AGAIN_US;
    log_event(LOG_WARN, "slurm.rest_away", "error=%s", err_name(err));
    return true;
}

enum err slurm_pool_read(struct slurm *slurm, struct slurm_pool *out, struct fault *fault) {
    struct fault own = {0};
    if (rest_there(slurm)) {
        enum err err = slurm_socket.pool_read(slurm, out, &own);
        if (err == OK) return OK;
        // It does not say which partition is the default one; sinfo does.
        if (!rest_left(slurm, err) && err != ERR_NOT_FOUND) {
            if (fault) *fault = own;
            return err;
        }
    }
    struct fault by_commands = {0};
    enum err err = slurm_commands.pool_read(slurm, out, &by_commands);
    if (err != OK && fault) *fault = err == ERR_NOT_FOUND && own.code[0] ? own : by_commands;
    return err;
}

enum err slurm_look(struct slurm *slurm, struct fault *fault) {
    bool too_long = clock_monotonic_us() < slurm->rest_long_until_us;
    if (!too_long && rest_there(slurm)) {
        struct fault own = {0};
        enum err err = slurm_socket.look(slurm, &own);
        if (err == ERR_LIMIT) {
            slurm->rest_long_until_us = clock_monotonic_us() + LONG_US;
            log_event(LOG_INFO, "slurm.rest_too_long", " "); // squeue shows ours alone
        } else if (!rest_left(slurm, err)) {
            if (err != OK && fault) *fault = own;
            return err;
        }
    }
    return slurm_commands.look(slurm, fault);
}

enum err slurm_account(struct slurm *slurm, uint64_t id, struct slurm_seen *out) {
    if (rest_there(slurm)) {
        enum err err = slurm_socket.account(slurm, id, out);
        if (!rest_left(slurm, err)) return err;
    }
    return slurm_commands.account(slurm, id, out);
}

enum err slurm_ask(struct slurm *slurm, uint64_t id) {
    if (rest_there(slurm)) {
        enum err err = slurm_socket.ask(slurm, id);
        if (!rest_left(slurm, err)) return err;
    }
    return slurm_commands.ask(slurm, id);
}

enum err slurm_cancel(struct slurm *slurm, uint64_t id) {
    if (rest_there(slurm)) {
        enum err err = slurm_socket.cancel(slurm, id);
        if (!rest_left(slurm, err)) return err;
    }
    return slurm_commands.cancel(slurm, id);
}

// ---- whose account -----------------------------------------------------------------------------

void slurm_account_name(uint64_t tenant, char out[static SLURM_ACCOUNT_BYTES]) {
    snprintf(out, SLURM_ACCOUNT_BYTES, "t%" PRIu64, tenant);
}

// Our own name, as the machine has it: its users may come from elsewhere than /etc/passwd.
static bool user_need(struct slurm *slurm) {
    static const char *const argv[] = {"id", "-un", NULL};
    if (slurm->user[0]) return true;
    buf_clear(&slurm->said.out);
    buf_clear(&slurm->said.err);
    enum err err = command_run(argv, NULL, USER_MS, &slurm->said, NULL);
    struct str name = str_trim(buf_str(&slurm->said.out));
    for (size_t i = 0; i < name.size; i++) { // it becomes part of a question
        char c = name.data[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '_' || c == '-' || c == '.';
        if (!plain) return false;
    }
    return err == OK && slurm->said.status == 0 && name.size > 0 &&
           str_copy(slurm->user, sizeof slurm->user, name);
}

static enum slurm_may may_ask(struct slurm *slurm, const char *account) {
    if (!user_need(slurm)) return SLURM_MAY_UNKNOWN;
    if (rest_there(slurm)) {
        enum slurm_may may = slurm_socket.may(slurm, account);
        if (!rest_left(slurm, ERR_BUSY)) return may;
    }
    return slurm_commands.may(slurm, account);
}

static void may_note(struct slurm *slurm, uint64_t tenant, enum slurm_may may) {
    uint64_t for_us = may == SLURM_MAY ? ACCOUNT_KNOWN_US : ACCOUNT_UNKNOWN_US;
    slurm->asked[tenant % SLURM_ACCOUNTS_ASKED] =
        (struct slurm_account_asked){tenant, clock_monotonic_us() + for_us, may};
    if (may == SLURM_MAY_NOT) {
        log_event(LOG_WARN, "slurm.account_unknown", "account=t%" PRIu64 " user=%s", tenant,
                  slurm->user);
    }
}

// To be tried with its tenant's account: unless accounts are kept and have none such of ours.
static bool account_wanted(struct slurm *slurm, uint64_t tenant, const char *account) {
    const struct slurm_account_asked *asked = &slurm->asked[tenant % SLURM_ACCOUNTS_ASKED];
    if (tenant == 0) return false;
    if (asked->tenant != tenant || clock_monotonic_us() >= asked->until_us) {
        may_note(slurm, tenant, may_ask(slurm, account));
    }
    return asked->may != SLURM_MAY_NOT;
}

// ---- submitting --------------------------------------------------------------------------------

void slurm_comment(uint64_t job, uint32_t attempt, char out[static SLURM_COMMENT_BYTES]) {
    snprintf(out, SLURM_COMMENT_BYTES, "courtyard:%" PRIu64 ".%" PRIu32, job, attempt);
}

// 'as the shell takes it'
static void quoted_add(struct buf *out, const char *text) {
    buf_add_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'') {
            buf_add_text(out, "'\\''");
        } else {
            buf_add_char(out, *text);
        }
    }
    buf_add_char(out, '\'');
}

void slurm_line(const struct slurm_task *task, struct buf *out) {
    // exec: the batch script's process becomes the job's, and signals reach it.
    buf_add_text(out, "exec ");
    quoted_add(out, task->program);
    buf_add_text(out, " job ");
    quoted_add(out, task->folder);
    buf_printf(out, " %" PRIu32, task->attempt);
}

uint64_t slurm_limit_of(const struct slurm *slurm, const struct slurm_task *task) {
    uint64_t minutes = task->limit_minutes ? task->limit_minutes + TIME_SPARE_MINUTES : 0;
    bool longer = minutes == 0 || minutes > slurm->limit_minutes;
    return slurm->limit_minutes && longer ? slurm->limit_minutes : minutes;
}

static enum err submit(struct slurm *slurm, const struct slurm_task *task, const char *account,
                       uint64_t *out_id, bool *out_later, struct fault *fault) {
    *out_later = false;
    if (rest_there(slurm)) {
        struct fault own = {0};
        enum err err = slurm_socket.submit(slurm, task, account, out_id, out_later, &own);
        // What may have arrived there is not handed in here as well.
        if (!rest_left(slurm, err) || *out_later) {
            if (err != OK && fault) *fault = own;
            return err;
        }
    }
    return slurm_commands.submit(slurm, task, account, out_id, out_later, fault);
}

enum err slurm_submit(struct slurm *slurm, const struct slurm_task *task, uint64_t *out_id,
                      bool *out_later, struct fault *fault) {
    char account[SLURM_ACCOUNT_BYTES];
    struct fault own = {0};
    slurm_account_name(task->tenant, account);
    if (account_wanted(slurm, task->tenant, account)) {
        enum err err = submit(slurm, task, account, out_id, out_later, &own);
        bool unknown = err == ERR_INPUT && strcmp(own.code, "slurm.no_account") == 0;
        if (err != OK && !unknown && fault) *fault = own;
        if (!unknown) return err;
        may_note(slurm, task->tenant, SLURM_MAY_NOT);
    }
    return submit(slurm, task, "", out_id, out_later, fault);
}

// ---- what a look brought -----------------------------------------------------------------------

const struct slurm_seen *slurm_by_id(const struct slurm *slurm, uint64_t id) {
    for (uint32_t i = 0; i < slurm->list.count; i++) {
        if (slurm->list.jobs[i].id == id) return &slurm->list.jobs[i];
    }
    return NULL;
}

const struct slurm_seen *slurm_by_comment(const struct slurm *slurm, const char *comment,
                                          const char *folder) {
    uint64_t hash = str_hash(str_of(folder));
    const struct slurm_seen *best = NULL;
    for (uint32_t i = 0; i < slurm->list.count; i++) {
        const struct slurm_seen *seen = &slurm->list.jobs[i];
        if (seen->folder_hash != hash || strcmp(seen->comment, comment) != 0) continue;
        // Of several (there should be one) one that lives.
        if (!best || (slurm_state_ended(best->state) && !slurm_state_ended(seen->state))) {
            best = seen;
        }
    }
    return best;
}
