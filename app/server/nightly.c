#include "server/nightly_private.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/handlers_private.h"
#include "server/keeper_private.h"
#include "store/keep.h"

enum {
    TICK_MS = 60 * 1000,
    DELAY_TICKS = 10, // a start is busy enough
    RETRY_MS = 3 * 3600 * 1000,
    DAY_MINUTES = 24 * 60,
    DAY_MS = 24 * 3600 * 1000,
    MINUTE = 18 * 60 + 30, // 02:30 in China
    SETTING_VERSION = 1,
    STATUS_BYTES = 64 * 1024,
};

struct nightly {
    struct store *store;
    struct keeper *keeper; // NULL but on the appliance
    uint64_t ticks;        // the thread's own, like the next
    bool confirmed;        // this version stays
    pthread_t thread;
    uint64_t tick_ms;
    pthread_mutex_t lock; // protects what follows
    pthread_cond_t changed;
    bool stopping, running, wished;
    char who[LIMIT_NAME_BYTES + 1]; // whose wish
    struct fault fault;             // of the last one; no code: it was made
    int64_t tried_ms;               // when the last one failed; 0: it did not
};

// ---- when ---------------------------------------------------------------------------------------

int64_t nightly_due_ms(int64_t now_ms, uint64_t minute) {
    int64_t due = now_ms / DAY_MS * DAY_MS + (int64_t)minute * 60000;
    return due <= now_ms ? due : due - DAY_MS;
}

bool nightly_is_due(int64_t now_ms, uint64_t minute, int64_t made_ms) {
    // One from the future was made before somebody set the clock right.
    if (made_ms > now_ms + DAY_MS) made_ms = 0;
    return made_ms < nightly_due_ms(now_ms, minute);
}

// ---- the setting --------------------------------------------------------------------------------

struct setting {
    bool on;
    uint64_t minute; // of the day, UTC
};

static enum err setting_read(struct store *store, struct setting *out) {
    struct store_txn *txn;
    struct record_reader record;
    struct setting setting = {true, MINUTE};
    enum err err = store_read_begin(store, &txn);
    if (err != OK) return err;
    err = store_get(txn, TABLE_SETTING, key_of_str(STR("nightly")), &record);
    if (err == OK) {
        setting.on = record_get_u64(&record) != 0;
        setting.minute = record_get_u64(&record) % DAY_MINUTES;
        err = record_end(&record);
    }
    store_read_end(txn);
    if (err == OK || err == ERR_NOT_FOUND) *out = setting;
    return err == ERR_NOT_FOUND ? OK : err;
}

struct change {
    struct setting setting;
    struct str actor;
};

static enum err setting_write(struct store_txn *txn, void *ctx) {
    const struct change *change = ctx;
    struct buf fields;
    char detail[32];
    buf_open(&fields, 64);
    record_put_u64(&(struct record_writer){&fields}, change->setting.on);
    record_put_u64(&(struct record_writer){&fields}, change->setting.minute);
    enum err err =
        store_put(txn, TABLE_SETTING, key_of_str(STR("nightly")), SETTING_VERSION, &fields);
    buf_close(&fields);
    snprintf(detail, sizeof detail, "%s %02u:%02u UTC", change->setting.on ? "on" : "off",
             (unsigned)(change->setting.minute / 60), (unsigned)(change->setting.minute % 60));
    struct audit_entry entry = {.actor = change->actor,
                                .action = STR("system.backup_setting"),
                                .object = STR("system"),
                                .result = STR("ok"),
                                .detail = str_of(detail)};
    return err == OK ? audit_append(txn, &entry) : err;
}

// ---- what happened ------------------------------------------------------------------------------

static enum err note(struct store_txn *txn, void *ctx) {
    return audit_append(txn, ctx);
}

struct sessions {
    struct key keys[64];
    size_t count;
};

static bool session_keep(void *ctx, struct str key, struct record_reader *record) {
    struct sessions *sessions = ctx;
    (void)record;
    sessions->keys[sessions->count++] = key_of_str(key);
    return sessions->count < sizeof sessions->keys / sizeof sessions->keys[0];
}

static enum err recovery_write(struct store_txn *txn, void *ctx) {
    struct sessions sessions;
    struct key start = {.size = 0};
    enum err err;
    do {
        sessions.count = 0;
        err = store_scan(txn, TABLE_SESSION, start, false, session_keep, &sessions);
        for (size_t i = 0; i < sessions.count && err == OK; i++) {
            err = store_delete(txn, TABLE_SESSION, sessions.keys[i]);
        }
    } while (err == OK && sessions.count > 0);
    return err == OK ? audit_append(txn, ctx) : err;
}

enum err recovery_note(struct store *store, struct fault *fault) {
    struct recovery recovery;
    char detail[4 * KEEP_NAME_BYTES];
    enum err err = recovery_read(store_dir(store), &recovery);
    if (err == ERR_NOT_FOUND) return OK;
    if (err != OK) return store_explain(err, fault);
    snprintf(detail, sizeof detail,
             "%s -> quarantine/%s, blobs aside %" PRIu64 ", missing %" PRIu64 ", %s", recovery.copy,
             recovery.quarantine, recovery.blobs_moved, recovery.blobs_missing, recovery.why);
    struct audit_entry entry = {.actor = STR("system"),
                                .action = STR("system.recover"),
                                .object = STR("system"),
                                .result = STR("ok"),
                                .detail = str_of(detail)};
    err = store_write_freeing(store, recovery_write, &entry);
    if (err != OK) return fault_set(fault, err, "server.audit_failed", STR_NONE);
    return recovery_forget(store_dir(store), fault);
}

// ---- making one ---------------------------------------------------------------------------------

static void make(struct nightly *nightly, const char *name, struct str who) {
    struct kept kept;
    struct fault fault = {0};
    enum err err = keep_make(nightly->store, name, KEEP_RESERVE_BYTES, &kept, &fault);
    if (err == OK) err = keep_prune(store_dir(nightly->store), name, &fault);
    if (err != OK && !fault.code[0]) err = fault_set(&fault, err, "store.failed", STR_NONE);
    struct audit_entry entry = {.actor = who,
                                .action = STR("system.keep"),
                                .object = str_of(name),
                                .result = err == OK ? STR("ok") : STR("failed"),
                                .detail = str_of(fault.code)};
    enum err noted = store_write(nightly->store, note, &entry);
    if (err == OK && noted != OK) err = fault_set(&fault, noted, "server.audit_failed", STR_NONE);
    log_event(err == OK ? LOG_INFO : LOG_ERROR, "server.kept", "name=%s err=%s code=%s", name,
              err_name(err), fault.code);
    pthread_mutex_lock(&nightly->lock);
    nightly->fault = fault;
    nightly->tried_ms = err == OK ? 0 : clock_now_ms();
    pthread_mutex_unlock(&nightly->lock);
}

// When the newest nightly copy was made; 0: there is none.
static int64_t newest_ms(const struct nightly *nightly) {
    struct kept *list = memory_take(KEEP_LIST_MAX * sizeof *list);
    size_t count = 0;
    int64_t newest = 0;
    if (list && keep_list(store_dir(nightly->store), list, KEEP_LIST_MAX, &count, NULL) == OK) {
        for (size_t i = 0; i < count && !newest; i++) {
            bool is_one = str_starts(str_of(list[i].name), STR(KEEP_NIGHTLY)) && list[i].whole;
            if (is_one) newest = list[i].made_ms;
        }
    }
    memory_give(list);
    return newest;
}

static void look(struct nightly *nightly) {
    struct setting setting;
    int64_t now = clock_now_ms();
    char stamp[KEEP_STAMP_BYTES], name[KEEP_NAME_BYTES];
    if (setting_read(nightly->store, &setting) != OK || !setting.on) return;
    // A clock that was set back since does not make us wait.
    bool waits =
        nightly->tried_ms && now >= nightly->tried_ms && now < nightly->tried_ms + RETRY_MS;
    if (waits || !nightly_is_due(now, setting.minute, newest_ms(nightly))) return;
    keep_stamp(nightly_due_ms(now, setting.minute), stamp);
    snprintf(name, sizeof name, KEEP_NIGHTLY "%.8s", stamp);
    make(nightly, name, STR("system"));
}

// Whether the machine still tries this version.
static bool version_stays(struct nightly *nightly) {
    struct buf answer;
    struct json *status = NULL;
    if (!nightly->keeper) return nightly->ticks >= DELAY_TICKS;
    buf_open(&answer, STATUS_BYTES);
    bool stays = keeper_ask(nightly->keeper, STR("\"do\":\"status\""), &answer, NULL) == OK &&
                 json_parse(buf_str(&answer), &status, NULL) == OK;
    const struct json *slots = json_member(status, "slots");
    if (stays && slots) stays = json_member_bool(slots, "confirmed", false);
    json_close(status);
    buf_close(&answer);
    return stays;
}

static void tick(struct nightly *nightly) {
    nightly->ticks++;
    if (!nightly->confirmed && version_stays(nightly)) {
        nightly->confirmed = keep_confirm(store_dir(nightly->store), NULL) == OK;
    }
    if (nightly->ticks >= DELAY_TICKS) look(nightly);
}

static void wait_until(struct nightly *nightly, uint64_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    int error = 0;
    while (!nightly->stopping && !nightly->wished && !error) {
        error = pthread_cond_timedwait(&nightly->changed, &nightly->lock, &until);
    }
}

static void *nightly_main(void *argument) {
    struct nightly *nightly = argument;
    pthread_mutex_lock(&nightly->lock);
    while (!nightly->stopping) {
        wait_until(nightly, nightly->tick_ms);
        bool wished = nightly->wished;
        struct str who = str_of(nightly->who);
        if (nightly->stopping) break;
        nightly->running = true;
        pthread_mutex_unlock(&nightly->lock);
        if (wished) {
            char stamp[KEEP_STAMP_BYTES], name[KEEP_NAME_BYTES];
            keep_stamp(clock_now_ms(), stamp);
            snprintf(name, sizeof name, KEEP_WISH "%s", stamp);
            make(nightly, name, who);
        } else {
            tick(nightly);
        }
        pthread_mutex_lock(&nightly->lock);
        nightly->running = false;
        if (wished) nightly->wished = false;
    }
    pthread_mutex_unlock(&nightly->lock);
    return NULL;
}

enum err nightly_start(struct store *store, struct keeper *keeper, struct nightly **out,
                       struct fault *fault) {
    struct nightly *nightly = memory_take(sizeof *nightly);
    if (!nightly) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    pthread_condattr_t evenly;
    const char *tick = getenv("COURTYARD_NIGHTLY_TICK_MS");
    nightly->store = store;
    nightly->keeper = keeper;
    nightly->tick_ms = TICK_MS;
    if (tick) (void)str_to_u64(str_of(tick), &nightly->tick_ms);
    pthread_mutex_init(&nightly->lock, NULL);
    pthread_condattr_init(&evenly);
    pthread_condattr_setclock(&evenly, CLOCK_MONOTONIC);
    pthread_cond_init(&nightly->changed, &evenly);
    pthread_condattr_destroy(&evenly);
    int error = pthread_create(&nightly->thread, NULL, nightly_main, nightly);
    if (error) {
        pthread_cond_destroy(&nightly->changed);
        pthread_mutex_destroy(&nightly->lock);
        memory_give(nightly);
        return fault_errno(fault, error, STR_NONE);
    }
    *out = nightly;
    return OK;
}

void nightly_stop(struct nightly *nightly) {
    if (!nightly) return;
    pthread_mutex_lock(&nightly->lock);
    nightly->stopping = true;
    pthread_cond_broadcast(&nightly->changed);
    pthread_mutex_unlock(&nightly->lock);
    pthread_join(nightly->thread, NULL);
    pthread_cond_destroy(&nightly->changed);
    pthread_mutex_destroy(&nightly->lock);
    memory_give(nightly);
}

// ---- the API ------------------------------------------------------------------------------------

static void kept_write(struct json_writer *out, const struct kept *kept) {
    json_open_object(out);
    json_set_text(out, "name", str_of(kept->name));
    json_set_i64(out, "made_ms", kept->made_ms);
    json_set_u64(out, "bytes", kept->bytes);
    json_set_bool(out, "whole", kept->whole);
    json_close_object(out);
}

enum err handle_system_backups(struct server *server, struct request *request) {
    struct nightly *nightly = server->nightly;
    struct json_writer *out = &request->writer;
    struct setting setting;
    size_t count = 0;
    struct kept *list = arena_take(request->call.arena, KEEP_LIST_MAX * sizeof *list);
    if (!list) return ERR_MEMORY;
    enum err err = setting_read(server->store, &setting);
    if (err == OK) err = keep_list(server->dir, list, KEEP_LIST_MAX, &count, &request->fault);
    if (err != OK) return err;
    pthread_mutex_lock(&nightly->lock);
    struct fault fault = nightly->fault;
    bool running = nightly->running || nightly->wished;
    pthread_mutex_unlock(&nightly->lock);
    json_open_object(out);
    json_set_bool(out, "nightly", setting.on);
    json_set_u64(out, "minute", setting.minute);
    json_set_bool(out, "running", running);
    json_put_name(out, "fault");
    if (fault.code[0])
        json_put_fault(out, &fault);
    else
        json_put_null(out);
    json_put_name(out, "items");
    json_open_array(out);
    for (size_t i = 0; i < count; i++) kept_write(out, &list[i]);
    json_close_array(out);
    json_close_object(out);
    return OK;
}

enum err handle_system_backups_change(struct server *server, struct request *request) {
    const struct json *body = request->call.body;
    struct change change = {.actor = request->call.actor.name};
    enum err err = setting_read(server->store, &change.setting);
    if (err != OK) return err;
    const struct json *minute = json_member(body, "minute");
    change.setting.on = json_member_bool(body, "nightly", change.setting.on);
    if (minute &&
        (!json_u64(minute, &change.setting.minute) || change.setting.minute >= DAY_MINUTES)) {
        return fault_set(&request->fault, ERR_INPUT, "call.bad_number", STR("minute"));
    }
    err = store_write(server->store, setting_write, &change);
    return err == OK ? handle_system_backups(server, request) : err;
}

enum err handle_system_backups_make(struct server *server, struct request *request) {
    struct nightly *nightly = server->nightly;
    pthread_mutex_lock(&nightly->lock);
    bool busy = nightly->wished || nightly->running;
    if (!busy) {
        nightly->wished = true;
        if (!str_copy(nightly->who, sizeof nightly->who, request->call.actor.name)) {
            (void)str_copy(nightly->who, sizeof nightly->who, STR("?"));
        }
        pthread_cond_broadcast(&nightly->changed);
    }
    pthread_mutex_unlock(&nightly->lock);
    if (busy) return fault_set(&request->fault, ERR_BUSY, "backup.running", STR_NONE);
    return handle_system_backups(server, request);
}
