// What the service asks of PID 1: {"id":N,"do":"…",…} gives {"id":N,"answer":{…}} or {…,"fault":…}.
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/statvfs.h>

#include "appliance/history_private.h"
#include "appliance/init_private.h"
#include "appliance/sticks_private.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/version.h"

struct request {
    struct init *init;
    const struct json *body;
    struct json_writer *out; // the answer's members
    struct fault *fault;
};

// ---- status -------------------------------------------------------------------------------------
// Who opens the data, where it is encrypted.
static void openers_show(const struct data *data, struct json_writer *out) {
    static const char *const names[] = {[LUKS_PASSPHRASE] = "passphrase",
                                        [LUKS_STICK] = "stick",
                                        [LUKS_RECOVERY] = "recovery",
                                        [LUKS_FOREIGN] = "foreign"};
    json_put_name(out, "opened_by");
    json_open_array(out);
    for (unsigned i = 0; data->encrypted && i < sizeof names / sizeof names[0]; i++) {
        if (data->roles >> i & 1) json_put_text(out, str_of(names[i]));
    }
    json_close_array(out);
}

static void disk_write(const struct init *init, struct json_writer *out) {
    static const char *const names[DATA_STATES] = {"none",    "checking",  "making",
                                                   "mounted", "unmounted", "broken",
                                                   "locked",  "opening",   "choosing"};
    const struct data *data = &init->data;
    struct statvfs disk;
    json_put_name(out, "data");
    json_open_object(out);
    json_set_text(out, "state", str_of(names[data->state]));
    json_set_text(out, "disk", str_of(data->disk));
    json_set_bool(out, "mended", data->mended);
    json_set_bool(out, "encrypted", data->encrypted);
    openers_show(data, out);
    if (data->state == DATA_MOUNTED && statvfs("/data", &disk) == 0) {
        json_set_u64(out, "bytes", (uint64_t)disk.f_blocks * disk.f_frsize);
        json_set_u64(out, "free_bytes", (uint64_t)disk.f_bavail * disk.f_frsize);
    }
    json_close_object(out);
}

static void slots_show(const struct init *init, struct json_writer *out) {
    struct slots_status status;
    if (!init->slots_open || slots_status(&init->slots, &status, NULL) != OK) return;
    json_put_name(out, "slots");
    json_open_object(out);
    json_set_text(out, "running", (struct str){init->slots.running == SLOT_A ? "a" : "b", 1});
    json_set_bool(out, "confirmed", status.confirmed);
    json_set_bool(out, "trial", status.env.trial);
    for (int i = 0; i < SLOTS; i++) {
        json_put_name(out, i == SLOT_A ? "a" : "b");
        json_open_object(out);
        json_set_bool(out, "usable", status.about[i].usable);
        json_set_text(out, "version", str_of(status.about[i].version));
        json_close_object(out);
    }
    json_close_object(out);
}

static void settings_show(const struct settings *settings, struct json_writer *out) {
    char text[INET_ADDRSTRLEN + 4] = "dhcp", gateway[INET_ADDRSTRLEN] = "";
    if (settings->fixed) {
        inet_ntop(AF_INET, &settings->address, text, INET_ADDRSTRLEN);
        size_t size = strlen(text);
        snprintf(text + size, sizeof text - size, "/%u", settings->prefix);
        if (settings->gateway.s_addr)
            inet_ntop(AF_INET, &settings->gateway, gateway, sizeof gateway);
    }
    json_put_name(out, "settings");
    json_open_object(out);
    json_set_text(out, "hostname", str_of(settings->hostname));
    json_set_text(out, "language", str_of(settings->language));
    json_set_text(out, "address", str_of(text));
    json_set_text(out, "gateway", str_of(gateway));
    json_set_text(out, "interface", str_of(settings->interface));
    json_close_object(out);
}

static void fault_show(const struct fault *fault, struct json_writer *out) {
    if (!fault->code[0]) return;
    json_put_name(out, "fault");
    json_put_fault(out, fault);
}

static void links_show(const struct init *init, struct json_writer *out) {
    struct lan_link_view links[LAN_LINKS];
    uint32_t count = lan_look(init->lan, links);
    json_put_name(out, "links");
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) {
        char address[INET_ADDRSTRLEN] = "", gateway[INET_ADDRSTRLEN] = "", mac[18];
        const uint8_t *m = links[i].mac;
        if (links[i].how != LAN_NONE) {
            inet_ntop(AF_INET, &links[i].address, address, sizeof address);
        }
        if (links[i].gateway.s_addr) {
            inet_ntop(AF_INET, &links[i].gateway, gateway, sizeof gateway);
        }
        snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
                 m[5]);
        json_open_object(out);
        json_set_text(out, "name", str_of(links[i].name));
        json_set_text(out, "mac", str_of(mac));
        json_set_bool(out, "carrier", links[i].carrier);
        json_set_text(out, "how", str_of(lan_how_name(links[i].how)));
        json_set_text(out, "address", str_of(address));
        json_set_u64(out, "prefix", links[i].prefix);
        json_set_text(out, "gateway", str_of(gateway));
        json_set_bool(out, "wanted", links[i].wanted);
        fault_show(&links[i].fault, out);
        json_close_object(out);
    }
    json_close_array(out);
    struct fault fault = lan_fault(init->lan);
    if (!fault.code[0]) return;
    json_put_name(out, "network_fault");
    json_put_fault(out, &fault);
}

// The wish that runs, from when it was told until its work has ended, or what came of the last one.
static void work_show(const struct init *init, struct json_writer *out) {
    if (init->wish_last == WISH_NONE) return;
    static const struct progress none;
    const struct progress *progress = init->work.child > 0 ? &init->work.shared->progress : &none;
    json_put_name(out, "work");
    json_open_object(out);
    json_set_text(out, "name", str_of(wish_name(init->wish_last)));
    json_set_bool(out, "running", init->wish != WISH_NONE);
    json_set_text(out, "phase", str_of(phase_name(progress->phase)));
    json_set_u64(out, "done", progress->done);
    json_set_u64(out, "total", progress->total);
    if (init->wish == WISH_NONE) fault_show(&init->wish_fault, out);
    json_close_object(out);
}

static enum err status(struct request *request) {
    struct init *init = request->init;
    struct json_writer *out = request->out;
    struct service_view view;
    service_look(init->service, &view);
    json_set_text(out, "version", STR(COURTYARD_VERSION));
    json_set_i64(out, "time_ms", clock_now_ms());
    json_set_u64(out, "up_s", clock_monotonic_us() / 1000000);
    json_set_u64(out, "memory_bytes", machine_memory_bytes());
    json_set_i64(out, "temperature", machine_temperature());
    json_set_u64(out, "starts", view.starts);
    disk_write(init, out);
    slots_show(init, out);
    settings_show(&init->settings, out);
    if (init->lan) links_show(init, out);
    work_show(init, out);
    json_put_name(out, "packs");
    packs_write(&init->packs, out);
    return OK;
}

enum { KEPT_SHOWN = 8 };

static enum err sticks(struct request *request) {
    struct json_writer *out = request->out;
    struct backup_about kept[KEPT_SHOWN];
    const struct sticks_watch *watch = &request->init->sticks;
    uint32_t all, count = backups_list(BACKUP_FOLDER, kept, KEPT_SHOWN, &all);
    json_set_bool(out, "looking", watch->child > 0 || watch->due_ms != 0);
    json_put_name(out, "sticks");
    sticks_write(&watch->seen, out);
    json_put_name(out, "kept");
    backups_write(kept, count, out);
    return OK;
}

// ---- changes ------------------------------------------------------------------------------------
static enum err clock_change(struct request *request) {
    int64_t ms;
    if (json_i64(json_member(request->body, "ms"), &ms) && machine_clock_set(ms)) return OK;
    return fault_set(request->fault, ERR_INPUT, "appliance.bad_time", STR_NONE);
}

// A value of one key of the settings, held against the same rules as the file's.
static enum err setting_take(const struct request *request, const char *key, struct buf *lines) {
    const struct json *value = json_member(request->body, key);
    if (!value) return OK;
    struct str text = json_text(value);
    bool may_lack = strcmp(key, "gateway") == 0 || strcmp(key, "interface") == 0;
    if (text.size == 0 && may_lack) return OK;
    if (text.size == 0 || memchr(text.data, '\n', text.size)) {
        return fault_set(request->fault, ERR_INPUT, "appliance.settings", str_of(key));
    }
    buf_printf(lines, "%s = %.*s\n", key, STR_ARG(text));
    return OK;
}

enum err settings_keep(struct init *init, const struct settings *wanted, struct fault *fault) {
    struct buf lines;
    buf_open(&lines, 4096);
    settings_write(wanted, &lines);
    enum err err = buf_err(&lines);
    if (err == OK) err = file_write(SETTINGS_FILE, buf_str(&lines), fault);
    buf_close(&lines);
    if (err == OK && init->lan) settings_apply(init);
    return err;
}

static enum err settings_change(struct request *request) {
    static const char *const keys[] = {"hostname", "language", "interface", "address", "gateway"};
    struct settings wanted = request->init->settings;
    struct buf lines;
    buf_open(&lines, 4096);
    enum err err = OK;
    if (json_member(request->body, "gateway")) wanted.gateway.s_addr = 0;
    if (json_member(request->body, "interface")) wanted.interface[0] = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && err == OK; i++) {
        err = setting_take(request, keys[i], &lines);
    }
    if (err == OK) err = buf_err(&lines);
    if (err == OK) err = settings_read(buf_str(&lines), &wanted, request->fault);
    buf_close(&lines);
    return err == OK ? settings_keep(request->init, &wanted, request->fault) : err;
}

static enum err end_restart(struct request *request) {
    request->init->ending = RB_AUTOBOOT;
    return OK;
}

static enum err end_power_off(struct request *request) {
    request->init->ending = RB_POWER_OFF;
    return OK;
}

static enum err work_stop(struct request *request) {
    work_cancel(&request->init->work);
    return OK;
}

// ---- wishes -------------------------------------------------------------------------------------
// A name that a copy of the database can have, or none.
static bool copy_named(struct str name) {
    static const char *const kinds[] = {"nightly-", "wish-", "before-"};
    if (name.size == 0) return true;
    if (memchr(name.data, '/', name.size)) return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (str_starts(name, str_of(kinds[i]))) return true;
    }
    return false;
}

// Which stick and which file on it, or which copy of the database. A name that does not fit names
// nothing there is.
static enum err upkeep_take(struct request *request) {
    struct upkeep *upkeep = &request->init->upkeep;
    struct str name = json_member_text(request->body, "name");
    struct str disk = json_member_text(request->body, "disk");
    struct str copy = json_member_text(request->body, "copy");
    *upkeep = (struct upkeep){.stick = json_member_bool(request->body, "stick", false)};
    if (!str_copy(upkeep->name, sizeof upkeep->name, name)) {
        return fault_set(request->fault, ERR_NOT_FOUND, "appliance.no_backup", STR_NONE);
    }
    if (!copy_named(copy) || !str_copy(upkeep->copy, sizeof upkeep->copy, copy)) {
        return fault_set(request->fault, ERR_NOT_FOUND, "appliance.no_backup", copy);
    }
    if (!str_copy(upkeep->wanted, sizeof upkeep->wanted, disk)) {
        return fault_set(request->fault, ERR_NOT_FOUND, "appliance.no_stick", STR_NONE);
    }
    return OK;
}

// What cannot be taken back wants the box's name typed.
static enum err confirmed(const struct request *request) {
    const char *name = request->init->settings.hostname;
    if (str_is(json_member_text(request->body, "confirm"), name)) return OK;
    return fault_set(request->fault, ERR_INPUT, "appliance.wrong_confirm", str_of(name));
}

// The file is of the service's own uploads: what it names is opened by us.
static enum err file_wish(struct request *request, enum wish wish, const char *none) {
    struct init *init = request->init;
    struct str path = json_member_text(request->body, "path");
    bool own = str_starts(path, STR(SERVICE_DATA "/")) && path.size < UPDATE_PATH_BYTES &&
               !memmem(path.data, path.size, "..", 2) && !memchr(path.data, '\0', path.size);
    bool stick = json_member_bool(request->body, "stick", false);
    if (!own && !stick) {
        return fault_set(request->fault, ERR_INPUT, none, STR_NONE);
    }
    enum err err = wish_possible(init, request->fault);
    if (err != OK) return err;
    init->update[0] = '\0';
    if (!stick) (void)str_copy(init->update, sizeof init->update, path);
    init->downgrade = json_member_bool(request->body, "downgrade", false);
    err = upkeep_take(request);
    return err == OK ? wish_begin(init, wish, request->fault) : err;
}

static enum err update_begin(struct request *request) {
    return file_wish(request, WISH_UPDATE, "appliance.no_update");
}

static enum err pack_begin(struct request *request) {
    return file_wish(request, WISH_PACK, "appliance.no_pack");
}

// Not while one is being added, which may be of the same name.
static enum err pack_remove(struct request *request) {
    struct init *init = request->init;
    enum err err = wish_possible(init, request->fault);
    if (err != OK) return err;
    return packs_remove(&init->packs, json_member_text(request->body, "file"), request->fault);
}

static enum err upkeep_begin(struct request *request, enum wish wish) {
    struct init *init = request->init;
    enum err err = wish_possible(init, request->fault);
    if (err != OK) return err;
    err = upkeep_take(request);
    return err == OK ? wish_begin(init, wish, request->fault) : err;
}

static enum err backup_begin(struct request *request) {
    return upkeep_begin(request, WISH_BACKUP);
}

static enum err restore_begin(struct request *request) {
    enum err err = confirmed(request);
    return err == OK ? upkeep_begin(request, WISH_RESTORE) : err;
}

// Encrypted as it is, or as the boot partition's file says: the console asks for the new
// passphrase.
static enum encryption encryption_again(const struct init *init) {
    if (!init->data.encrypted) return init->settings.encryption;
    return init->data.roles >> LUKS_STICK & 1 ? ENCRYPTION_STICK : ENCRYPTION_PASSPHRASE;
}

static enum err reset_begin(struct request *request) {
    enum err err = confirmed(request);
    request->init->encryption = encryption_again(request->init);
    return err == OK ? upkeep_begin(request, WISH_RESET) : err;
}

static enum err history(struct request *request) {
    json_put_name(request->out, "events");
    return history_write(HISTORY_FILE, request->out, request->fault);
}

// ---- the table ----------------------------------------------------------------------------------
static const struct {
    const char *name;
    enum err (*run)(struct request *request);
} requests[] = {
    {"status", status},       {"history", history},
    {"time", clock_change},   {"settings", settings_change},
    {"restart", end_restart}, {"power-off", end_power_off},
    {"update", update_begin}, {"cancel", work_stop},
    {"backup", backup_begin}, {"restore", restore_begin},
    {"reset", reset_begin},   {"sticks", sticks},
    {"pack", pack_begin},     {"pack-remove", pack_remove},
};

static enum err request_run(struct request *request, struct str name) {
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (str_is(name, requests[i].name)) return requests[i].run(request);
    }
    return fault_set(request->fault, ERR_INPUT, "appliance.unknown_request", name);
}

bool request_answer(struct init *init, const struct json *packet, struct buf *out_text) {
    struct str name = json_member_text(packet, "do");
    uint64_t id = json_member_u64(packet, "id", 0);
    if (name.size == 0 || id == 0) return false;
    struct buf answer;
    struct fault fault = {0};
    buf_open(&answer, SERVICE_PACKET_BYTES / 2);
    struct json_writer inner = json_writer_of(&answer), out = json_writer_of(out_text);
    struct request request = {.init = init, .body = packet, .out = &inner, .fault = &fault};
    json_open_object(&inner);
    enum err err = request_run(&request, name);
    json_close_object(&inner);
    if (err == OK) err = buf_err(&answer);
    json_open_object(&out);
    json_set_u64(&out, "id", id);
    if (err == OK) {
        json_set_raw(&out, "answer", buf_str(&answer));
    } else {
        if (!fault.code[0]) err = fault_set(&fault, err, "appliance.failed", str_of(err_name(err)));
        json_put_name(&out, "fault");
        json_put_fault(&out, &fault);
    }
    json_close_object(&out);
    buf_close(&answer);
    // The page looks every few seconds: only what changes something is told.
    bool look = str_is(name, "status") || str_is(name, "sticks") || str_is(name, "history");
    if (!look || err != OK) {
        log_event(LOG_INFO, "appliance.request", "do=%.*s err=%s", STR_ARG(name), err_name(err));
    }
    return true;
}

void request_handle(struct init *init, const struct json *packet) {
    struct buf text;
    buf_open(&text, SERVICE_PACKET_BYTES);
    if (request_answer(init, packet, &text)) service_send(init->service, buf_str(&text));
    buf_close(&text);
}
