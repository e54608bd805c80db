// Updates, packs, backups, restoring, the reset to a new box: some steps each, of which the long
// ones are work in a child.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appliance/history_private.h"
#include "appliance/init_private.h"
#include "appliance/installer_private.h"
#include "appliance/stick_private.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/version.h"

enum { ANSWER_MS = 1500 }; // from a wish to the service's end: whoever asked has heard by then

static int64_t clock_ms(void) {
    return (int64_t)(clock_monotonic_us() / 1000);
}

// ---- updates ------------------------------------------------------------------------------------
static enum err key_read(struct verify_key *out, struct fault *fault) {
    struct buf pem;
    buf_open(&pem, 16 * 1024);
    enum err err = file_read(UPDATE_KEY_FILE, &pem, NULL);
    if (err == OK) err = verify_key_read(buf_str(&pem), out);
    buf_close(&pem);
    return err == OK ? OK : fault_set(fault, ERR_DENIED, "appliance.no_update_key", STR_NONE);
}

static enum err file_on_stick(const char *name, const char *none,
                              char out[static UPDATE_PATH_BYTES], struct fault *fault) {
    int size = snprintf(out, UPDATE_PATH_BYTES, STICK_FOLDER "/%s", name);
    if (!name[0] || size < 0 || size >= UPDATE_PATH_BYTES || strchr(name, '/')) {
        return fault_set(fault, ERR_INPUT, none, str_of(name));
    }
    return OK;
}

// The file of that name on the stick, else the one of the highest version that fits.
static enum err update_on_stick(const char *wanted, const struct verify_key *key,
                                char out[static UPDATE_PATH_BYTES], struct fault *fault) {
    static struct stick stick;
    const struct sticks_own own = {
        .version = COURTYARD_VERSION, .architecture = COURTYARD_ARCHITECTURE, .key = key};
    stick_read(STICK_FOLDER, &own, &stick);
    const char *name = wanted[0] || stick.update_count == 0 ? wanted : stick.updates[0].name;
    if (!name[0]) return fault_set(fault, ERR_NOT_FOUND, "appliance.no_update_on_stick", STR_NONE);
    return file_on_stick(name, "appliance.no_update", out, fault);
}

static enum err update_run(void *ctx, struct progress *progress, struct fault *fault) {
    struct init *init = ctx;
    struct verify_key key;
    struct update_wish wish = {.path = init->update,
                               .key = &key,
                               .architecture = COURTYARD_ARCHITECTURE,
                               .version = COURTYARD_VERSION,
                               .downgrade = init->downgrade,
                               .history = HISTORY_FILE};
    bool stick = init->update[0] == '\0';
    enum err err = key_read(&key, fault);
    if (err == OK && stick) err = stick_mount(init->data.disk, init->upkeep.wanted, fault);
    if (err != OK) return err;
    if (stick) err = update_on_stick(init->upkeep.name, &key, init->update, fault);
    if (err == OK) err = update_apply(&init->slots, &wish, NULL, progress, fault);
    enum err ended = stick ? stick_unmount(fault) : OK;
    return err == OK ? ended : err;
}

// The same of a pack of libraries; which one, the caller has said.
static enum err pack_run(void *ctx, struct progress *progress, struct fault *fault) {
    struct init *init = ctx;
    struct verify_key key;
    struct packs_own own;
    bool stick = init->update[0] == '\0';
    enum err err = key_read(&key, fault);
    if (err == OK && stick) err = stick_mount(init->data.disk, init->upkeep.wanted, fault);
    if (err != OK) return err;
    if (stick) err = file_on_stick(init->upkeep.name, "appliance.no_pack", init->update, fault);
    packs_own_default(&own, &key, init->modules);
    if (err == OK) err = packs_add(&own, init->update, progress, fault);
    enum err ended = stick ? stick_unmount(fault) : OK;
    return err == OK ? ended : err;
}

static enum err install_run(void *ctx, struct progress *progress, struct fault *fault) {
    const struct init *init = ctx;
    char source[64], target[64];
    snprintf(source, sizeof source, "/dev/%s", init->data.disk);
    snprintf(target, sizeof target, "/dev/%s", init->install);
    const struct install_wish wish = {.source = source,
                                      .target = target,
                                      .running = init->slots.running,
                                      .data_name = data_name(init->encryption)};
    return installer_run(&wish, progress, fault);
}

// ---- backups ------------------------------------------------------------------------------------
// In the history as well: what is restored has an audit chain that knows nothing of it.
static enum err noted(struct init *init, const char *event, enum err err,
                      const struct fault *what) {
    const char *code = what->code[0] ? what->code : "appliance.failed";
    const char *name = init->upkeep.copy[0] ? init->upkeep.copy : init->upkeep.name;
    const struct history_event entry = {.event = event,
                                        .to = str_of(name),
                                        .slot = init->slots.running,
                                        .result = err == OK ? "ok" : code};
    enum err written = err == ERR_CANCELLED ? OK : history_add(HISTORY_FILE, &entry, NULL);
    if (written != OK) log_event(LOG_WARN, "appliance.history", "err=%s", err_name(written));
    return err;
}

static enum err backup_work(void *ctx, struct progress *progress, struct fault *fault) {
    struct init *init = ctx;
    enum err err = backup_run(&init->upkeep, progress, fault);
    return init->upkeep.stick ? noted(init, "backup", err, fault) : err;
}

static enum err restore_work(void *ctx, struct progress *progress, struct fault *fault) {
    struct init *init = ctx;
    enum err err = restore_run(&init->upkeep, progress, fault);
    return noted(init, "restore", err, fault);
}

// ---- beginning ----------------------------------------------------------------------------------
bool wish_holds_service(const struct init *init) {
    return init->wish == WISH_RESTORE || init->wish == WISH_RESET;
}

static enum err work_of(struct init *init, struct fault *fault) {
    switch (init->wish) {
    case WISH_UPDATE: return work_start(&init->work, "update", update_run, init, fault);
    case WISH_BACKUP: return work_start(&init->work, "backup", backup_work, init, fault);
    case WISH_RESTORE: return work_start(&init->work, "restore", restore_work, init, fault);
    case WISH_RESET: return work_start(&init->work, "erase", erase_run, &init->upkeep, fault);
    case WISH_INSTALL: return work_start(&init->work, "install", install_run, init, fault);
    case WISH_PACK: return work_start(&init->work, "pack", pack_run, init, fault);
    case WISH_NONE: break;
    }
    return OK;
}

enum err wish_possible(const struct init *init, struct fault *fault) {
    if (init->wish == WISH_NONE && init->work.child <= 0 && !init->ending) return OK;
    return fault_set(fault, ERR_BUSY, "appliance.busy",
                     str_of(init->work.name ? init->work.name : ""));
}

enum err wish_begin(struct init *init, enum wish wish, struct fault *fault) {
    enum err err = wish_possible(init, fault);
    if (err != OK) return err;
    if ((wish == WISH_UPDATE || wish == WISH_INSTALL) && !init->slots_open) {
        return fault_set(fault, ERR_NOT_FOUND, "appliance.no_slots", STR_NONE);
    }
    (void)str_copy(init->upkeep.disk, sizeof init->upkeep.disk, str_of(init->data.disk));
    (void)str_copy(init->upkeep.partition, sizeof init->upkeep.partition,
                   str_of(init->data.partition));
    init->upkeep.encrypted = init->data.encrypted;
    init->wish = init->wish_last = wish;
    init->wish_fault = (struct fault){0};
    init->working = false;
    init->stop_ms = clock_ms() + ANSWER_MS;
    return OK;
}

const char *wish_name(enum wish wish) {
    static const char *const names[] = {"",      "update",  "backup", "restore",
                                        "reset", "install", "pack"};
    return names[wish];
}

// ---- going on -----------------------------------------------------------------------------------
static bool service_away(const struct init *init) {
    struct service_view view;
    service_look(init->service, &view);
    return view.state == SERVICE_STOPPED;
}

static void failed(struct init *init, const struct fault *fault) {
    log_event(LOG_ERROR, "appliance.wish", "wish=%d code=%s", (int)init->wish, fault->code);
    init->wish_fault = *fault;
    init->wish = WISH_NONE;
    init->working = false;
}

static void ended(struct init *init) {
    const struct work_shared *shared = init->work.shared;
    log_event(LOG_INFO, "appliance.work", "name=%s err=%s code=%s", init->work.name,
              err_name(shared->err), shared->fault.code);
    init->wish_fault = shared->fault;
    if (shared->err == OK) {
        init->wish_fault = (struct fault){0};
    } else if (!init->wish_fault.code[0]) {
        const char *code = shared->err == ERR_CANCELLED ? "appliance.stopped" : "appliance.failed";
        (void)str_copy(init->wish_fault.code, FAULT_CODE_SIZE, str_of(code));
        (void)str_copy(init->wish_fault.detail, FAULT_DETAIL_SIZE, str_of(init->work.name));
    }
    if (init->wish == WISH_RESET && shared->err == OK) data_erase(&init->data);
    if (init->wish == WISH_PACK) packs_due(&init->packs);
    init->wish = WISH_NONE;
    init->working = false;
    sticks_due(&init->sticks, clock_ms()); // what lies on them may be new
}

// ---- sticks -------------------------------------------------------------------------------------
int64_t wish_sticks(struct init *init, int64_t now_ms) {
    struct verify_key key;
    bool may = init->wish == WISH_NONE && init->work.child <= 0 && !init->ending;
    struct sticks_own own = {.disk = init->data.disk,
                             .version = COURTYARD_VERSION,
                             .architecture = COURTYARD_ARCHITECTURE};
    if (init->sticks.due_ms && may && key_read(&key, NULL) == OK) own.key = &key;
    int64_t due = sticks_run(&init->sticks, &own, may, now_ms);
    bool stops = wish_holds_service(init) && !init->working && now_ms < init->stop_ms;
    return stops && init->stop_ms < due ? init->stop_ms : due;
}

void wish_packs(struct init *init) {
    struct verify_key key;
    bool may = init->data.state == DATA_MOUNTED && init->wish == WISH_NONE && !init->ending;
    if (!may || !init->packs.due) return;
    packs_run(&init->packs, key_read(&key, NULL) == OK ? &key : NULL, init->modules);
}

// The service away, no stick looked at, then (for a reset) nothing mounted, then the work, then its
// end.
void wish_proceed(struct init *init) {
    struct fault fault = {0};
    if (init->wish == WISH_NONE || init->work.child > 0) return;
    if (init->working) {
        ended(init);
        return;
    }
    if (sticks_looking(&init->sticks, clock_ms())) return;
    if (wish_holds_service(init)) {
        if (clock_ms() < init->stop_ms) return;
        service_stop(init->service); // the work begins when it is away
        if (!service_away(init)) return;
    }
    if (init->wish == WISH_PACK && init->packs.work.child > 0) return; // both are at the folder
    if (init->wish == WISH_RESET && !packs_away(&init->packs)) return;
    bool mounted = init->data.state == DATA_MOUNTED;
    if (init->wish == WISH_RESET && mounted && !data_unmount(&init->data)) return;
    if (init->wish == WISH_RESET && vault_runs(&init->data.vault)) return;
    if (init->wish == WISH_RESET && !data_forget(&init->data, init->encryption)) {
        failed(init, &init->data.fault);
        return;
    }
    init->working = true;
    if (work_of(init, &fault) != OK) failed(init, &fault);
}
