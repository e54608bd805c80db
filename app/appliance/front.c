// Between the console and what it is about.
#include "appliance/front_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "appliance/init_private.h"
#include "appliance/installer_private.h"
#include "appliance/stick_private.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/version.h"

#if defined(__aarch64__)
#define SERIAL_DEVICE "/dev/ttyAMA0"
#else
#define SERIAL_DEVICE "/dev/ttyS0"
#endif

enum {
    LOOK_MS = 3000,         // between looks at what changes by itself
    LOOK_WORK_MS = 500,     // while a bar moves
    ZONE_MINUTES = 480,     // China has one
    USED_BYTES = 64 * 1024, // at a disk's beginning: not all zero means it is in use
};

void front_open(struct init *init) {
    char log[32];
    snprintf(log, sizeof log, "courtyard.log=%s", SERIAL_DEVICE + strlen("/dev/"));
    const char *serial = strstr(init->command_line, log) ? NULL : SERIAL_DEVICE; // it is the log's
    const struct console_options options = {.framebuffer = "/dev/fb0",
                                            .keyboard = "/dev/tty1",
                                            .serial = serial,
                                            .language = init->settings.language,
                                            .texts = init->texts};
    struct fault fault = {0};
    init->front = (struct front){.disks_changed = true};
    if (console_open(&options, &init->front.console, &fault) == OK) return;
    log_event(LOG_ERROR, "appliance.console", "code=%s", fault.code);
}

int front_fd(const struct init *init) {
    return init->front.console ? console_fd(init->front.console) : -1;
}

// ---- what is shown ------------------------------------------------------------------------------
static void links_gather(const struct init *init, struct console_view *view) {
    struct lan_link_view links[LAN_LINKS];
    uint32_t count = lan_look(init->lan, links);
    view->network_fault = lan_fault(init->lan);
    view->network_card[0] = '\0';
    view->cable = false;
    view->address_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        view->cable |= links[i].carrier;
        if (!view->network_fault.code[0] && links[i].wanted && links[i].fault.code[0]) {
            view->network_fault = links[i].fault;
            (void)str_copy(view->network_card, sizeof view->network_card, str_of(links[i].name));
        }
        if (links[i].how == LAN_NONE || view->address_count == CONSOLE_ADDRESSES_MAX) continue;
        inet_ntop(AF_INET, &links[i].address, view->addresses[view->address_count++],
                  CONSOLE_ADDRESS_BYTES);
    }
}

static bool disk_used(const char *path) {
    uint8_t bytes[USED_BYTES];
    struct block block;
    bool used = true; // better too careful
    if (block_open(path, BLOCK_READ, &block, NULL) != OK) return used;
    if (block_read(&block, 0, bytes, sizeof bytes, NULL) == OK) {
        used = bytes[0] != 0 || memcmp(bytes, bytes + 1, sizeof bytes - 1) != 0;
    }
    block_close(&block);
    return used;
}

static void disks_gather(const struct init *init, struct console_view *view) {
    struct install_disk disks[INSTALL_DISKS];
    char source[64];
    snprintf(source, sizeof source, "/dev/%s", init->data.disk);
    const struct install_wish wish = {.source = source, .running = init->slots.running};
    uint32_t count = init->data.disk[0] ? installer_disks("/sys/block", "/dev", &wish, disks) : 0;
    view->disk_count = 0;
    for (uint32_t i = 0; i < count && view->disk_count < CONSOLE_DISKS_MAX; i++) {
        struct console_disk *disk = &view->disks[view->disk_count];
        *disk = (struct console_disk){.bytes = disks[i].bytes};
        if (!str_copy(disk->name, sizeof disk->name, str_of(disks[i].path + strlen("/dev/")))) {
            continue;
        }
        (void)str_copy(disk->model, sizeof disk->model, str_of(disks[i].name));
        disk->removable = disks[i].removable || stick_on_usb(disk->name);
        if (!disk->removable && disks[i].why.code[0]) continue; // nothing can be installed there
        disk->used = disk_used(disks[i].path);
        view->disk_count++;
    }
}

// What the service keeps of its database.
static void copies_gather(const struct init *init, struct console_view *view) {
    char names[UPKEEP_COPIES][32];
    _Static_assert((int)UPKEEP_COPIES <= (int)CONSOLE_COPIES_MAX, "each has its line");
    uint32_t count = init->data.state == DATA_MOUNTED ? copies_list(SERVICE_DATA, names) : 0;
    view->copy_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        char path[256];
        struct stat about;
        struct console_copy *copy = &view->copies[view->copy_count];
        snprintf(path, sizeof path, SERVICE_DATA "/backups/%.31s/data.mdb", names[i]);
        if (stat(path, &about) != 0) continue;
        if (!str_copy(copy->name, sizeof copy->name, str_of(names[i]))) continue;
        copy->bytes = (uint64_t)about.st_size;
        view->copy_count++;
    }
}

// What would be installed from each stick, as of the last look at it.
static void updates_gather(const struct sticks *sticks, struct console_view *view) {
    for (int i = 0; i < view->disk_count; i++) {
        struct console_disk *disk = &view->disks[i];
        disk->update[0] = '\0';
        disk->older = false;
        for (uint32_t j = 0; j < sticks->count; j++) {
            const struct stick *stick = &sticks->all[j];
            if (strcmp(stick->disk, disk->name) != 0 || stick->update_count == 0) continue;
            const struct stick_update *update = &stick->updates[0];
            if (update->fault.code[0]) continue; // asked for, it says why not
            (void)str_copy(disk->update, sizeof disk->update, str_of(update->about.version));
            disk->older = update->older;
        }
    }
}

// As of the last look at them.
static void packs_gather(const struct packs_seen *seen, struct console_view *view) {
    _Static_assert((int)PACKS_MAX <= (int)CONSOLE_PACKS_MAX, "each has its line");
    _Static_assert((int)PACK_FILE_NAME_BYTES <= (int)CONSOLE_PACK_BYTES, "a name fits");
    view->pack_count = 0;
    for (uint32_t i = 0; i < seen->count; i++) {
        const struct pack_view *one = &seen->all[i];
        struct console_pack *pack = &view->packs[view->pack_count++];
        *pack = (struct console_pack){.mounted = one->mounted, .fault = one->fault};
        if (one->about.name[0]) {
            snprintf(pack->name, sizeof pack->name, "%s %s", one->about.name, one->about.version);
        } else {
            (void)str_copy(pack->name, sizeof pack->name, str_of(one->file));
        }
    }
}

static enum console_do work_of(const struct init *init) {
    switch (init->wish) {
    case WISH_UPDATE: return CONSOLE_UPDATE;
    case WISH_BACKUP: return CONSOLE_BACKUP;
    case WISH_RESTORE: return CONSOLE_RESTORE;
    case WISH_RESET: return CONSOLE_FACTORY_RESET;
    case WISH_INSTALL: return CONSOLE_INSTALL;
    case WISH_PACK: // the page's alone
    case WISH_NONE: break;
    }
    return CONSOLE_NOTHING;
}

static void work_gather(struct init *init, struct console_view *view) {
    bool runs = init->work.child > 0;
    view->work = (struct console_work){.what = work_of(init)};
    if (!runs || view->work.what == CONSOLE_NOTHING) return;
    const struct progress *progress = &init->work.shared->progress;
    snprintf(init->front.phase, sizeof init->front.phase, "phase.%s", phase_name(progress->phase));
    view->work.phase = init->front.phase;
    view->work.done = progress->done;
    view->work.total = progress->total;
    view->work.stoppable =
        init->wish == WISH_UPDATE || init->wish == WISH_INSTALL || init->wish == WISH_BACKUP;
}

static void gather(struct init *init) {
    struct console_view *view = &init->front.view;
    struct statvfs disk;
    struct slots_status slots;
    (void)str_copy(view->version, sizeof view->version, STR(COURTYARD_VERSION));
    view->settings = init->settings;
    view->zone_minutes = ZONE_MINUTES;
    view->port = SERVICE_PORT;
    links_gather(init, view);
    service_look(init->service, &view->service);
    view->data = init->data.state;
    view->data_fault = init->data.fault;
    view->data_mended = init->data.mended;
    view->encrypted = init->data.encrypted;
    view->roles = init->data.roles;
    view->choosing = init->data.vault.mode;
    memcpy(view->recovery, init->data.recovery, sizeof view->recovery);
    view->disk_bytes = view->disk_free_bytes = 0;
    if (view->data == DATA_MOUNTED && statvfs("/data", &disk) == 0) {
        view->disk_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
        view->disk_free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    }
    view->memory_bytes = machine_memory_bytes();
    view->memory_free_bytes = machine_memory_free_bytes();
    view->temperature = machine_temperature();
    view->slot = init->slots_open ? slot_letter(init->slots.running) : 0;
    view->trial = init->slots_open && !init->confirmed &&
                  slots_status(&init->slots, &slots, NULL) == OK && !slots.confirmed;
    // Writing to a disk is no time to read another one's beginning.
    if (init->front.disks_changed && init->work.child <= 0 && init->data.disk[0]) {
        disks_gather(init, view);
        init->front.disks_changed = false;
    }
    if (init->work.child <= 0) copies_gather(init, view);
    updates_gather(&init->sticks.seen, view);
    packs_gather(&init->packs.seen, view);
    work_gather(init, view);
}

// ---- what is asked ------------------------------------------------------------------------------
// The boot partition's file counts more: what it sets otherwise stays so, and that is told.
static enum err settings_ask(struct init *init, const struct settings *wanted,
                             struct fault *fault) {
    bool other = strcmp(init->settings.language, wanted->language) != 0;
    if (other && init->data.state >= DATA_LOCKED) { // nowhere to keep it: until the data is open
        init->settings = *wanted;
        return OK;
    }
    enum err err = settings_keep(init, wanted, fault);
    const struct settings *now = &init->settings;
    bool same = now->fixed == wanted->fixed && strcmp(now->language, wanted->language) == 0;
    if (now->fixed) {
        same &= now->address.s_addr == wanted->address.s_addr && now->prefix == wanted->prefix &&
                now->gateway.s_addr == wanted->gateway.s_addr;
    }
    if (err == OK && !same) {
        err = fault_set(fault, ERR_CONFLICT, "appliance.set_on_stick", STR("courtyard.txt"));
    }
    return err;
}

static enum err wish_ask(struct init *init, const struct console_request *request, enum wish wish,
                         struct fault *fault) {
    enum err err = wish_possible(init, fault);
    if (err != OK) return err;
    init->update[0] = '\0'; // from a stick
    init->downgrade = request->downgrade;
    init->upkeep = (struct upkeep){.stick = true};
    init->encryption = request->encryption;
    if (wish == WISH_RESTORE && request->copy[0]) {
        init->upkeep.stick = false;
        (void)str_copy(init->upkeep.copy, sizeof init->upkeep.copy, str_of(request->copy));
    }
    (void)str_copy(init->upkeep.wanted, sizeof init->upkeep.wanted, str_of(request->disk));
    (void)str_copy(init->install, sizeof init->install, str_of(request->disk));
    err = wish_begin(init, wish, fault);
    if (err == OK) init->front.asked = request->what;
    return err;
}

static enum err keys_ask(struct init *init, const struct console_request *request,
                         struct fault *fault) {
    static const enum vault_task tasks[CONSOLE_DO_COUNT] = {
        [CONSOLE_KEY_PASSPHRASE] = VAULT_PASSPHRASE,
        [CONSOLE_KEY_STICK] = VAULT_STICK,
        [CONSOLE_KEY_UNSTICK] = VAULT_UNSTICK,
        [CONSOLE_KEY_RECOVERY] = VAULT_RECOVERY};
    int64_t now_ms = (int64_t)(clock_monotonic_us() / 1000);
    enum err err = wish_possible(init, fault);
    if (err == OK) {
        err = data_keys(&init->data, tasks[request->what], request->secret, request->fresh, now_ms,
                        fault);
    }
    if (err == OK) init->front.asked = request->what;
    return err;
}

// What came of it shows where it was typed.
static enum err unlock_ask(struct init *init, const struct console_request *request) {
    int64_t now_ms = (int64_t)(clock_monotonic_us() / 1000);
    struct fault fault = {0};
    if (data_unlock(&init->data, request->secret, now_ms, &fault) != OK) init->data.fault = fault;
    return OK;
}

static enum err request_do(struct init *init, const struct console_request *request,
                           struct fault *fault) {
    switch (request->what) {
    case CONSOLE_NETWORK:
    case CONSOLE_LANGUAGE: return settings_ask(init, &request->settings, fault);
    case CONSOLE_TIME:
        if (machine_clock_set(request->time_ms)) return OK;
        return fault_set(fault, ERR_INPUT, "appliance.bad_time", STR_NONE);
    case CONSOLE_UPDATE: return wish_ask(init, request, WISH_UPDATE, fault);
    case CONSOLE_BACKUP: return wish_ask(init, request, WISH_BACKUP, fault);
    case CONSOLE_RESTORE: return wish_ask(init, request, WISH_RESTORE, fault);
    case CONSOLE_FACTORY_RESET: return wish_ask(init, request, WISH_RESET, fault);
    case CONSOLE_INSTALL: return wish_ask(init, request, WISH_INSTALL, fault);
    case CONSOLE_RESTART: init->ending = RB_AUTOBOOT; break;
    case CONSOLE_POWER_OFF: init->ending = RB_POWER_OFF; break;
    case CONSOLE_CANCEL: work_cancel(&init->work); break;
    case CONSOLE_KEY_PASSPHRASE:
    case CONSOLE_KEY_STICK:
    case CONSOLE_KEY_UNSTICK:
    case CONSOLE_KEY_RECOVERY: return keys_ask(init, request, fault);
    case CONSOLE_UNLOCK:
    case CONSOLE_ENCRYPT: return unlock_ask(init, request);
    case CONSOLE_NOTED: data_noted(&init->data); break;
    case CONSOLE_KEYS:
    case CONSOLE_NOTHING:
    case CONSOLE_DO_COUNT: break;
    }
    return OK;
}

static void requests_take(struct init *init) {
    struct console *console = init->front.console;
    struct console_request request;
    while (console_take(console, &request)) {
        struct fault fault = {0};
        enum err err = request_do(init, &request, &fault);
        bytes_wipe(request.secret, sizeof request.secret);
        bytes_wipe(request.fresh, sizeof request.fresh);
        log_event(LOG_INFO, "appliance.asked", "what=%d err=%s code=%s", (int)request.what,
                  err_name(err), fault.code);
        if (err != OK && !fault.code[0]) {
            err = fault_set(&fault, err, "appliance.failed", str_of(err_name(err)));
        }
        // A language is seen without a word, a work's end comes later, and so does a stopped one's.
        bool later = init->front.asked == request.what || request.what == CONSOLE_CANCEL;
        bool silent =
            (request.what == CONSOLE_LANGUAGE || request.what >= CONSOLE_UNLOCK) && err == OK;
        if (err != OK || (!later && !silent)) console_outcome(console, request.what, &fault);
        init->front.look_ms = 0;
    }
}

static void work_ends(struct init *init) {
    struct front *front = &init->front;
    if (front->asked == CONSOLE_NOTHING || init->wish != WISH_NONE) return;
    bool keys = front->asked >= CONSOLE_KEYS;
    if (keys && !init->data.changed) return;
    init->data.changed = false;
    console_outcome(front->console, front->asked, keys ? &init->data.change : &init->wish_fault);
    front->asked = CONSOLE_NOTHING;
    front->disks_changed = true;
    front->look_ms = 0;
}

int64_t front_run(struct init *init, int64_t now_ms) {
    struct front *front = &init->front;
    if (!front->console) return INT64_MAX;
    requests_take(init);
    work_ends(init);
    if (now_ms >= front->look_ms) {
        gather(init);
        console_show(front->console, &front->view);
        front->look_ms = now_ms + (init->work.child > 0 ? LOOK_WORK_MS : LOOK_MS);
    }
    int64_t due = console_run(front->console, now_ms);
    requests_take(init);
    return due < front->look_ms ? due : front->look_ms;
}
