// Updates, backups, restoring, the reset to a new box: some steps each, of which the long ones are
// work in a child.
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appliance/history_private.h"
#include "appliance/init_private.h"
#include "appliance/installer_private.h"
#include "appliance/stick_private.h"
#include "base/file.h"
#include "base/log.h"
#include "base/version.h"

#if defined(__aarch64__)
#define ARCHITECTURE "aarch64"
#else
#define ARCHITECTURE "x86_64"
#endif

// ---- updates ------------------------------------------------------------------------------------
static enum err key_read(struct verify_key *out, struct fault *fault) {
    struct buf pem;
    buf_open(&pem, 16 * 1024);
    enum err err = file_read(UPDATE_KEY_FILE, &pem, NULL);
    if (err == OK) err = verify_key_read(buf_str(&pem), out);
    buf_close(&pem);
    return err == OK ? OK : fault_set(fault, ERR_DENIED, "appliance.no_update_key", STR_NONE);
}

// The first file *.update of the stick.
static enum err update_on_stick(char out[static UPDATE_PATH_BYTES], struct fault *fault) {
    bool found = false;
    DIR *dir = opendir(STICK_FOLDER);
    for (const struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        if (!str_ends(str_of(entry->d_name), STR(".update"))) continue;
        int size = snprintf(out, UPDATE_PATH_BYTES, STICK_FOLDER "/%s", entry->d_name);
        found = size > 0 && size < UPDATE_PATH_BYTES;
    }
    if (dir) closedir(dir);
    return found ? OK : fault_set(fault, ERR_NOT_FOUND, "appliance.no_update_on_stick", STR_NONE);
}

static enum err update_run(void *ctx, struct progress *progress, struct fault *fault) {
    struct init *init = ctx;
    struct verify_key key;
    struct update_wish wish = {.path = init->update,
                               .key = &key,
                               .architecture = ARCHITECTURE,
                               .version = COURTYARD_VERSION,
                               .downgrade = init->downgrade,
                               .history = HISTORY_FILE};
    bool stick = init->update[0] == '\0';
    enum err err = key_read(&key, fault);
    if (err == OK && stick) err = stick_mount(init->data.disk, init->upkeep.wanted, fault);
    if (err != OK) return err;
    if (stick) err = update_on_stick(init->update, fault);
    if (err == OK) err = update_apply(&init->slots, &wish, NULL, progress, fault);
    enum err ended = stick ? stick_unmount(fault) : OK;
    return err == OK ? ended : err;
}

static enum err install_run(void *ctx, struct progress *progress, struct fault *fault) {
    const struct init *init = ctx;
    char source[64], target[64];
    snprintf(source, sizeof source, "/dev/%s", init->data.disk);
    snprintf(target, sizeof target, "/dev/%s", init->install);
    const struct install_wish wish = {
        .source = source, .target = target, .running = init->slots.running};
    return installer_run(&wish, progress, fault);
}

// ---- beginning ----------------------------------------------------------------------------------
bool wish_holds_service(const struct init *init) {
    return init->wish == WISH_RESTORE || init->wish == WISH_RESET;
}

static enum err work_of(struct init *init, struct fault *fault) {
    switch (init->wish) {
    case WISH_UPDATE: return work_start(&init->work, "update", update_run, init, fault);
    case WISH_BACKUP: return work_start(&init->work, "backup", backup_run, &init->upkeep, fault);
    case WISH_RESTORE: return work_start(&init->work, "restore", restore_run, &init->upkeep, fault);
    case WISH_RESET: return work_start(&init->work, "erase", erase_run, &init->upkeep, fault);
    case WISH_INSTALL: return work_start(&init->work, "install", install_run, init, fault);
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
    init->wish = wish;
    if (wish_holds_service(init)) {
        service_stop(init->service); // the work begins when it is away
        return OK;
    }
    err = work_of(init, fault);
    if (err != OK) init->wish = WISH_NONE;
    return err;
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
    init->wish = WISH_NONE;
    init->working = false;
}

// The service away, then (for a reset) nothing mounted, then the work, then its end.
void wish_proceed(struct init *init) {
    struct fault fault = {0};
    if (init->wish == WISH_NONE || init->work.child > 0) return;
    if (!wish_holds_service(init) || init->working) {
        ended(init);
        return;
    }
    if (!service_away(init)) return;
    bool mounted = init->data.state == DATA_MOUNTED;
    if (init->wish == WISH_RESET && mounted && !data_unmount(&init->data)) return;
    if (init->wish == WISH_RESET && !data_forget(&init->data)) {
        failed(init, &init->data.fault);
        return;
    }
    init->working = true;
    if (work_of(init, &fault) != OK) failed(init, &fault);
}
