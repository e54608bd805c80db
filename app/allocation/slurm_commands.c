// Slurm by its commands.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "allocation/slurm_private.h"
#include "base/limits.h"
#include "base/log.h"

enum { COMMAND_MS = 20000 };

// Its output in slurm->said. Whatever the status: OK; a command that is not there, or hangs: as
// faults of ours.
static enum err ask(struct slurm *slurm, const char *const *argv, struct fault *fault) {
    struct fault own = {0};
    buf_clear(&slurm->said.out);
    buf_clear(&slurm->said.err);
    // Times as seconds since 1970.
    enum err err = command_run(argv, "SLURM_TIME_FORMAT=%s", COMMAND_MS, &slurm->said, &own);
    if (err == ERR_NOT_FOUND) return fault_set(fault, err, "slurm.no_command", str_of(argv[0]));
    if (err == ERR_BUSY) return fault_set(fault, err, "slurm.not_reached", str_of(argv[0]));
    if (err != OK && fault && !fault->code[0]) *fault = own;
    return err;
}

static enum err refused(struct slurm *slurm, bool *later, struct fault *fault) {
    return slurm_refusal(buf_str(&slurm->said.err), later, fault);
}

// ---- what there is -----------------------------------------------------------------------------

// "NODE|CPUS|MEMORY|PARTITION|LIMIT"; the default partition has a star.
static void node_count(struct slurm_pool *pool, struct str line) {
    uint64_t cpus, memory;
    struct str rest = line;
    (void)str_cut(rest, '|', &rest);
    if (!str_to_u64(str_cut(rest, '|', &rest), &cpus) || cpus > 1 << 20) return;
    if (!str_to_u64(str_cut(rest, '|', &rest), &memory) || memory > (uint64_t)1 << 40) return;
    struct str name = str_cut(rest, '|', &rest);
    bool star = str_ends(name, STR("*"));
    if (star) name.size--;
    if (pool->partition[0] ? !str_is(name, pool->partition) : !star) return;
    (void)!str_copy(pool->partition, sizeof pool->partition, name);
    pool->limit_minutes = slurm_minutes(rest);
    pool->nodes++;
    pool->cpus += cpus;
    pool->memory_mib += memory;
    if (cpus > pool->node_cpus) pool->node_cpus = cpus;
    if (memory > pool->node_memory_mib) pool->node_memory_mib = memory;
}

static enum err pool_read(struct slurm *slurm, struct slurm_pool *out, struct fault *fault) {
    static const char *const version[] = {"sbatch", "--version", NULL};
    static const char *const nodes[] = {"sinfo", "-h", "-N", "-o", "%N|%c|%m|%P|%l", NULL};
    struct slurm_pool pool = {0};
    bool later;
    enum err err = ask(slurm, version, fault);
    if (err != OK) return err;
    struct str said = str_trim(buf_str(&slurm->said.out));
    if (said.size >= sizeof pool.version) said.size = sizeof pool.version - 1;
    (void)!str_copy(pool.version, sizeof pool.version, said);
    err = ask(slurm, nodes, fault);
    if (err != OK) return err;
    if (slurm->said.status != 0) return refused(slurm, &later, fault);
    memcpy(pool.partition, slurm->partition, sizeof pool.partition);
    struct str rest = buf_str(&slurm->said.out);
    while (rest.size) node_count(&pool, str_trim(str_cut(rest, '\n', &rest)));
    if (pool.nodes == 0) {
        return fault_set(fault, ERR_INPUT, "slurm.no_partition", str_of(slurm->partition));
    }
    slurm->limit_minutes = pool.limit_minutes;
    *out = pool;
    return OK;
}

// ---- submitting --------------------------------------------------------------------------------

enum { WORDS_MAX = 24, WORD_BYTES = LIMIT_PATH_BYTES + 32, TEXT_BYTES = 4 * LIMIT_PATH_BYTES };
struct words {
    const char *argv[WORDS_MAX];
    char text[WORDS_MAX][WORD_BYTES];
    uint32_t count;
};

__attribute__((format(printf, 2, 3))) static void word(struct words *words, const char *format,
                                                       ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(words->text[words->count], WORD_BYTES, format, values);
    va_end(values);
    words->argv[words->count] = words->text[words->count];
    words->count++;
}

static void words_write(struct words *words, const struct slurm *slurm,
                        const struct slurm_task *task, const char *account) {
    char comment[SLURM_COMMENT_BYTES];
    uint64_t minutes = slurm_limit_of(slurm, task);
    slurm_comment(task->job, task->attempt, comment);
    word(words, "sbatch");
    word(words, "--parsable");
    word(words, "--job-name=courtyard");
    word(words, "--comment=%s", comment);
    word(words, "--chdir=%s", task->folder);
    word(words, "--output=%s/log", task->folder);
    word(words, "--open-mode=append");
    word(words, "--export=NIL"); // nothing of the box's surroundings
    word(words, "--no-requeue"); // another try is another attempt, and ours to decide
    word(words, "--nodes=1");
    word(words, "--ntasks=1");
    word(words, "--cpus-per-task=%" PRIu64, task->cpus);
    word(words, "--mem=%" PRIu64 "M", task->memory_mib);
    if (minutes) word(words, "--time=%" PRIu64, minutes);
    if (slurm->partition[0]) word(words, "--partition=%s", slurm->partition);
    if (account[0]) word(words, "--account=%s", account);
}

static enum err submit(struct slurm *slurm, const struct slurm_task *task, const char *account,
                       uint64_t *out_id, bool *out_later, struct fault *fault) {
    struct words words = {.count = 0};
    struct buf wrap;
    buf_open(&wrap, TEXT_BYTES);
    buf_add_text(&wrap, "--wrap=");
    slurm_line(task, &wrap);
    buf_add_char(&wrap, '\0');
    words_write(&words, slurm, task, account);
    words.argv[words.count] = wrap.data;
    words.argv[words.count + 1] = NULL;
    *out_later = false;
    enum err err = buf_err(&wrap);
    if (err == OK) err = ask(slurm, words.argv, fault);
    if (err == ERR_BUSY) *out_later = true;
    if (err == OK && slurm->said.status != 0) {
        err = refused(slurm, out_later, fault);
    } else if (err == OK) { // "123" or "123;cluster"
        struct str rest, id = str_cut(str_trim(buf_str(&slurm->said.out)), ';', &rest);
        if (!str_to_u64(str_trim(id), out_id)) {
            *out_later = true; // taken, under a number that the queue will tell
            err = fault_set(fault, ERR_IO, "slurm.unreadable", STR("sbatch"));
        }
    }
    buf_close(&wrap);
    return err;
}

// ---- watching ----------------------------------------------------------------------------------

static enum err look_as_json(struct slurm *slurm) {
    static const char *const argv[] = {"squeue", "--json", "--states=all", "--name=courtyard",
                                       NULL};
    enum err err = ask(slurm, argv, NULL);
    if (err != OK) return err;
    if (slurm->said.status != 0 || slurm->said.cut) return ERR_INPUT;
    return slurm_read_queue_json(buf_str(&slurm->said.out), &slurm->list, NULL);
}

static enum err look_as_text(struct slurm *slurm, struct fault *fault) {
    static const char *const argv[] = {
        "squeue", "--noheader", "--states=all", "--name=courtyard", "-o", SLURM_QUEUE_FORMAT, NULL};
    bool later;
    enum err err = ask(slurm, argv, fault);
    if (err != OK) return err;
    if (slurm->said.status != 0) return refused(slurm, &later, fault);
    // A cut list would look as if jobs had ended.
    if (slurm->said.cut) return fault_set(fault, ERR_LIMIT, "slurm.too_many", STR_NONE);
    return slurm_read_queue_text(buf_str(&slurm->said.out), &slurm->list, fault);
}

// squeue --json, or plain text where that does not work.
static enum err look(struct slurm *slurm, struct fault *fault) {
    if (!slurm->as_text) {
        enum err err = look_as_json(slurm);
        if (err == OK || err == ERR_NOT_FOUND || err == ERR_MEMORY || err == ERR_BUSY) return err;
    }
    enum err err = look_as_text(slurm, fault);
    if (err == OK && !slurm->as_text) {
        slurm->as_text = true; // JSON is not there, or grows too long; a controller away fails both
        log_event(LOG_INFO, "slurm.as_text", " ");
    }
    return err;
}

static enum err account(struct slurm *slurm, uint64_t id, struct slurm_seen *out) {
    char text[32];
    const char *const argv[] = {"sacct", "-P", "-n", "-X", "-j", text, "-o", "JobID,State,ExitCode",
                                NULL};
    snprintf(text, sizeof text, "%" PRIu64, id);
    if (slurm->no_accounts) return ERR_NOT_FOUND;
    enum err err = ask(slurm, argv, NULL);
    struct str said = buf_str(&slurm->said.err);
    bool none = err == OK && slurm->said.status != 0 && said.size &&
                memmem(said.data, said.size, "disabled", 8);
    if (err == ERR_NOT_FOUND || none) {
        slurm->no_accounts = true;
        return ERR_NOT_FOUND;
    }
    if (err != OK) return err;
    if (slurm->said.status != 0) return ERR_BUSY; // kept, but not to be had now
    return slurm_read_account(buf_str(&slurm->said.out), id, out) ? OK : ERR_NOT_FOUND;
}

static enum slurm_may may(struct slurm *slurm, const char *name) {
    char account_is[SLURM_ACCOUNT_BYTES + 16], user_is[SLURM_NAME_BYTES + 16];
    const char *const argv[] = {"sacctmgr", "-nP",   "show",     "associations",
                                "where",    user_is, account_is, "format=Account",
                                NULL};
    if (slurm->no_accounts) return SLURM_MAY_UNKNOWN;
    snprintf(account_is, sizeof account_is, "account=%s", name);
    snprintf(user_is, sizeof user_is, "user=%s", slurm->user);
    // Without accounts, or where they are out of reach, it ends with a status.
    if (ask(slurm, argv, NULL) != OK || slurm->said.status != 0) return SLURM_MAY_UNKNOWN;
    return str_trim(buf_str(&slurm->said.out)).size ? SLURM_MAY : SLURM_MAY_NOT;
}

// ---- ending ------------------------------------------------------------------------------------

static enum err scancel(struct slurm *slurm, const char *const *argv) {
    enum err err = ask(slurm, argv, NULL);
    if (err != OK || slurm->said.status == 0) return err;
    log_event(LOG_WARN, "slurm.scancel", "status=%d", slurm->said.status);
    return ERR_IO;
}

static enum err ask_to_give_way(struct slurm *slurm, uint64_t id) {
    char text[32];
    const char *const argv[] = {"scancel", "--batch", "--signal=USR1", text, NULL};
    snprintf(text, sizeof text, "%" PRIu64, id);
    return scancel(slurm, argv);
}

static enum err cancel(struct slurm *slurm, uint64_t id) {
    char text[32];
    const char *const argv[] = {"scancel", text, NULL};
    snprintf(text, sizeof text, "%" PRIu64, id);
    return scancel(slurm, argv);
}

const struct slurm_door slurm_commands = {
    .pool_read = pool_read,
    .submit = submit,
    .look = look,
    .account = account,
    .may = may,
    .ask = ask_to_give_way,
    .cancel = cancel,
};
