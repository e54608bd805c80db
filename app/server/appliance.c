// The machine under the service, where that is the appliance: its state, settings, clock, end,
// updates, packs of libraries, backups and reset. PID 1 does all of it (keeper_private.h); here a
// request is turned into the question to it, and each change is noted in the audit chain with what
// came of it.
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/packs/pack.h"
#include "appliance/update.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/handlers_private.h"
#include "server/keeper_private.h"

enum { QUESTION_BYTES = 8 * 1024, ANSWER_BYTES = 64 * 1024 };

// ---- questions ----------------------------------------------------------------------------------
static struct json_writer question_begin(struct buf *question, const char *deed) {
    buf_open(question, QUESTION_BYTES);
    struct json_writer out = json_writer_of(question);
    json_open_object(&out);
    json_set_text(&out, "do", str_of(deed));
    return out;
}

// `question`: a JSON object that lacks its closing brace.
static enum err question_ask(struct server *server, struct buf *question, struct buf *answer,
                             struct fault *fault) {
    enum err err = buf_err(question);
    if (err != OK) return err;
    struct str inside = {question->data + 1, question->size - 1};
    err = keeper_ask(server->keeper, inside, answer, fault);
    if (err == OK) err = buf_err(answer);
    if (err == OK && (answer->size < 2 || answer->data[0] != '{')) {
        err = fault_set(fault, ERR_BUSY, "server.appliance_silent", STR_NONE);
    }
    return err;
}

static enum err appliance_needed(struct server *server, struct request *request) {
    if (server->keeper) return OK;
    return fault_set(&request->fault, ERR_NOT_FOUND, "server.no_appliance", STR_NONE);
}

// ---- what is seen -------------------------------------------------------------------------------
enum err handle_appliance(struct server *server, struct request *request) {
    struct buf question, answer, *out = &request->out;
    if (!server->keeper) {
        buf_add_text(out, "{\"present\":false}");
        return OK;
    }
    (void)question_begin(&question, "status");
    buf_open(&answer, ANSWER_BYTES);
    enum err err = question_ask(server, &question, &answer, &request->fault);
    if (err == OK) {
        buf_add_text(out, answer.size > 2 ? "{\"present\":true," : "{\"present\":true");
        buf_add(out, answer.data + 1, answer.size - 1);
    }
    buf_close(&question);
    buf_close(&answer);
    return err;
}

static enum err asked(struct server *server, struct request *request, const char *what) {
    struct buf question, answer;
    (void)question_begin(&question, what);
    buf_open(&answer, ANSWER_BYTES);
    enum err err = question_ask(server, &question, &answer, &request->fault);
    if (err == OK) buf_add_str(&request->out, buf_str(&answer));
    buf_close(&question);
    buf_close(&answer);
    return err;
}

enum err handle_appliance_history(struct server *server, struct request *request) {
    return asked(server, request, "history");
}

enum err handle_appliance_sticks(struct server *server, struct request *request) {
    return asked(server, request, "sticks");
}

// ---- changes ------------------------------------------------------------------------------------
struct note {
    struct str actor, result, detail;
    const char *action;
};

static enum err note_write(struct store_txn *txn, void *ctx) {
    const struct note *note = ctx;
    struct audit_entry entry = {.actor = note->actor,
                                .action = str_of(note->action),
                                .object = STR("appliance"),
                                .result = note->result,
                                .detail = note->detail};
    return audit_append(txn, &entry);
}

// `result`: "ok", "failed", "begun".
static enum err note(struct server *server, struct request *request, const char *action,
                     const char *result, const char *detail) {
    struct note note = {.actor = request->call.actor.name,
                        .result = str_of(result),
                        .detail = str_of(detail),
                        .action = action};
    return store_write_freeing(server->store, note_write, &note);
}

// Asks, and notes what came of it; `detail` for when it was done, else the fault's code stands
// there. Closes the question.
static enum err change(struct server *server, struct request *request, struct buf *question,
                       const char *action, const char *detail) {
    struct buf answer;
    buf_open(&answer, ANSWER_BYTES);
    enum err err = question_ask(server, question, &answer, &request->fault);
    enum err noted = note(server, request, action, err == OK ? "ok" : "failed",
                          err == OK ? detail : request->fault.code);
    if (err == OK && noted != OK) {
        err = fault_set(&request->fault, noted, "server.audit_failed", STR_NONE);
    }
    buf_close(&answer);
    buf_close(question);
    return err;
}

// The same of what ends this service: noted before it is asked for, for there may be no time after.
static enum err change_last(struct server *server, struct request *request, struct buf *question,
                            const char *action, const char *detail) {
    struct buf answer;
    buf_open(&answer, ANSWER_BYTES);
    enum err err = note(server, request, action, "begun", detail);
    if (err != OK) {
        err = fault_set(&request->fault, err, "server.audit_failed", STR_NONE);
    } else {
        err = question_ask(server, question, &answer, &request->fault);
        enum err noted = OK;
        if (err != OK) noted = note(server, request, action, "failed", request->fault.code);
        if (noted != OK) log_event(LOG_WARN, "server.appliance", "err=%s", err_name(noted));
    }
    buf_close(&answer);
    buf_close(question);
    return err;
}

// The settings that the body names, into the question and, their names alone, into `names`.
static enum err settings_take(const struct call *call, struct json_writer *out, char *names,
                              size_t names_size) {
    static const char *const keys[] = {"hostname", "language", "interface", "address", "gateway"};
    size_t used = 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct str value;
        if (!json_member(call->body, keys[i])) continue;
        enum err err = call_text(call, keys[i], 0, LIMIT_NAME_BYTES, &value);
        if (err != OK) return err;
        json_set_text(out, keys[i], value);
        used += (size_t)snprintf(names + used, names_size - used, "%s%s", used ? " " : "", keys[i]);
    }
    if (used == 0) return fault_set(call->fault, ERR_INPUT, "call.missing", STR("hostname"));
    return OK;
}

enum err handle_appliance_settings(struct server *server, struct request *request) {
    struct buf question;
    char names[64] = "";
    enum err err = appliance_needed(server, request);
    if (err != OK) return err;
    struct json_writer out = question_begin(&question, "settings");
    err = settings_take(&request->call, &out, names, sizeof names);
    if (err == OK) return change(server, request, &question, "appliance.settings", names);
    buf_close(&question);
    return err;
}

enum err handle_appliance_time(struct server *server, struct request *request) {
    struct buf question;
    char moved[32];
    int64_t ms;
    enum err err = appliance_needed(server, request);
    if (err != OK) return err;
    if (!json_i64(json_member(request->call.body, "ms"), &ms)) {
        return fault_set(&request->fault, ERR_INPUT, "call.missing", STR("ms"));
    }
    snprintf(moved, sizeof moved, "%+" PRId64 " s", (ms - clock_now_ms()) / 1000);
    struct json_writer out = question_begin(&question, "time");
    json_set_i64(&out, "ms", ms);
    return change(server, request, &question, "appliance.time", moved);
}

static enum err deed(struct server *server, struct request *request, const char *name,
                     const char *action) {
    struct buf question;
    enum err err = appliance_needed(server, request);
    if (err != OK) return err;
    (void)question_begin(&question, name);
    return change(server, request, &question, action, "");
}

enum err handle_appliance_restart(struct server *server, struct request *request) {
    return deed(server, request, "restart", "appliance.restart");
}

enum err handle_appliance_power_off(struct server *server, struct request *request) {
    return deed(server, request, "power-off", "appliance.power_off");
}

enum err handle_appliance_cancel(struct server *server, struct request *request) {
    return deed(server, request, "cancel", "appliance.cancel");
}

// ---- backups ------------------------------------------------------------------------------------
// The texts of the body, each into the question.
static enum err texts_take(const struct call *call, struct json_writer *out,
                           const char *const *keys, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct str value;
        enum err err = call_text(call, keys[i], 1, LIMIT_NAME_BYTES, &value);
        if (err != OK) return err;
        json_set_text(out, keys[i], value);
    }
    return OK;
}

enum err handle_appliance_backup(struct server *server, struct request *request) {
    static const char *const keys[] = {"disk"};
    struct buf question;
    char disk[LIMIT_NAME_BYTES + 1] = "";
    enum err err = appliance_needed(server, request);
    if (err != OK) return err;
    struct json_writer out = question_begin(&question, "backup");
    json_set_bool(&out, "stick", true);
    err = texts_take(&request->call, &out, keys, 1);
    if (err == OK) {
        (void)str_copy(disk, sizeof disk, json_member_text(request->call.body, "disk"));
        return change(server, request, &question, "appliance.backup", disk);
    }
    buf_close(&question);
    return err;
}

enum err handle_appliance_restore(struct server *server, struct request *request) {
    static const char *const files[] = {"name", "confirm", "disk"};
    static const char *const copies[] = {"copy", "confirm"};
    struct buf question;
    char name[LIMIT_NAME_BYTES + 1] = "";
    const struct json *body = request->call.body;
    enum err err = appliance_needed(server, request);
    if (err != OK) return err;
    struct json_writer out = question_begin(&question, "restore");
    bool copy = json_member(body, "copy") != NULL; // of the database, kept by the box itself
    bool stick = !copy && json_member(body, "disk") != NULL; // else an archive beside the data
    json_set_bool(&out, "stick", stick);
    err = texts_take(&request->call, &out, copy ? copies : files, stick ? 3 : 2);
    if (err == OK) {
        (void)str_copy(name, sizeof name, json_member_text(body, copy ? "copy" : "name"));
        return change_last(server, request, &question, "appliance.restore", name);
    }
    buf_close(&question);
    return err;
}

enum err handle_appliance_reset(struct server *server, struct request *request) {
    static const char *const keys[] = {"confirm"};
    struct buf question;
    enum err err = appliance_needed(server, request);
    if (err != OK) return err;
    struct json_writer out = question_begin(&question, "reset");
    err = texts_take(&request->call, &out, keys, 1);
    if (err == OK) err = people_password_again(server->people, &request->call, "appliance.reset");
    if (err == OK) return change_last(server, request, &question, "appliance.reset", "");
    buf_close(&question);
    return err;
}

// ---- what was uploaded --------------------------------------------------------------------------
struct file_upload {
    struct str name;
    char path[LIMIT_PATH_BYTES];
};

static enum err upload_find(struct server *server, struct request *request,
                            struct file_upload *out) {
    uint64_t id;
    enum err err = appliance_needed(server, request);
    if (err != OK) return err;
    if (!json_u64(json_member(request->call.body, "upload"), &id)) {
        return fault_set(&request->fault, ERR_INPUT, "call.missing", STR("upload"));
    }
    return flow_upload_file(server->flow, &request->call, id, &out->name, out->path);
}

// A fault of the file that was given is not one of ours.
static enum err upload_told(struct request *request, const struct file_upload *upload,
                            enum err err) {
    if (err != ERR_INPUT && err != ERR_CORRUPT && err != ERR_LIMIT) return err;
    if (strcmp(request->fault.detail, upload->path) == 0) {
        (void)str_copy(request->fault.detail, sizeof request->fault.detail, upload->name);
    }
    return ERR_INPUT;
}

// ---- updates ------------------------------------------------------------------------------------
static void update_tell(struct json_writer *out, const struct update_about *about) {
    char signer[FINGERPRINT_SIZE];
    verify_key_fingerprint(&about->signer, signer);
    json_open_object(out);
    json_set_text(out, "version", str_of(about->version));
    json_set_text(out, "architecture", str_of(about->architecture));
    json_set_text(out, "build", str_of(about->build));
    json_set_text(out, "from", str_of(about->from));
    json_set_text(out, "signer", str_of(signer));
    json_set_u64(out, "bytes", about->image_bytes);
    json_set_bool(out, "older",
                  version_compare(str_of(about->version), STR(COURTYARD_VERSION)) < 0);
    json_close_object(out);
}

// Reads all of the file, but does not know whose signature counts: PID 1 does.
enum err handle_appliance_update_look(struct server *server, struct request *request) {
    struct file_upload upload;
    struct update_about about;
    struct progress progress = {0};
    enum err err = upload_find(server, request, &upload);
    if (err != OK) return err;
    err = update_show(upload.path, NULL, &about, &progress, &request->fault);
    if (err != OK) return upload_told(request, &upload, err);
    update_tell(&request->writer, &about);
    return OK;
}

// From a stick: PID 1 has looked at it, and finds the file again.
static enum err file_from_stick(struct server *server, struct request *request, const char *deed,
                                const char *action, bool downgrade) {
    static const char *const keys[] = {"disk", "name"};
    struct buf question;
    enum err err = appliance_needed(server, request);
    if (err != OK) return err;
    struct json_writer out = question_begin(&question, deed);
    json_set_bool(&out, "stick", true);
    json_set_bool(&out, "downgrade", downgrade);
    err = texts_take(&request->call, &out, keys, 2);
    if (err == OK) {
        return change(server, request, &question, action, downgrade ? "stick downgrade" : "stick");
    }
    buf_close(&question);
    return err;
}

static enum err file_given(struct server *server, struct request *request, const char *deed,
                           const char *action, bool downgrade) {
    struct file_upload upload;
    struct buf question;
    char whole[PATH_MAX];
    if (json_member(request->call.body, "disk")) {
        return file_from_stick(server, request, deed, action, downgrade);
    }
    enum err err = upload_find(server, request, &upload);
    if (err != OK) return err;
    if (!realpath(upload.path, whole)) return fault_errno(&request->fault, errno, upload.name);
    struct json_writer out = question_begin(&question, deed);
    json_set_text(&out, "path", str_of(whole));
    json_set_bool(&out, "downgrade", downgrade);
    return change(server, request, &question, action, downgrade ? "downgrade" : "");
}

enum err handle_appliance_update(struct server *server, struct request *request) {
    bool downgrade = json_member_bool(request->call.body, "downgrade", false);
    return file_given(server, request, "update", "appliance.update", downgrade);
}

// ---- packs --------------------------------------------------------------------------------------
static void pack_tell(struct json_writer *out, const struct pack_about *about) {
    char signer[FINGERPRINT_SIZE];
    verify_key_fingerprint(&about->signer, signer);
    json_open_object(out);
    json_set_text(out, "name", str_of(about->name));
    json_set_text(out, "vendor", str_of(about->vendor));
    json_set_text(out, "version", str_of(about->version));
    json_set_text(out, "architecture", str_of(about->architecture));
    json_set_u64(out, "files", about->files);
    json_set_u64(out, "bytes", about->bytes);
    json_set_text(out, "signer", str_of(signer));
    json_close_object(out);
}

// As of an update: whose signature counts, PID 1 knows.
enum err handle_appliance_pack_look(struct server *server, struct request *request) {
    struct file_upload upload;
    struct pack_file file;
    struct progress progress = {0};
    enum err err = upload_find(server, request, &upload);
    if (err != OK) return err;
    err = pack_open(upload.path, NULL, &file, &request->fault);
    if (err == OK) {
        err = pack_check(&file, &progress, &request->fault);
        if (err == OK) pack_tell(&request->writer, &file.about);
        pack_close(&file);
    }
    return err == OK ? OK : upload_told(request, &upload, err);
}

enum err handle_appliance_pack(struct server *server, struct request *request) {
    return file_given(server, request, "pack", "appliance.pack", false);
}

enum err handle_appliance_pack_remove(struct server *server, struct request *request) {
    static const char *const keys[] = {"file"};
    struct buf question;
    char name[PACK_FILE_NAME_BYTES] = "";
    enum err err = appliance_needed(server, request);
    if (err != OK) return err;
    struct json_writer out = question_begin(&question, "pack-remove");
    err = texts_take(&request->call, &out, keys, 1);
    if (err == OK) {
        (void)str_copy(name, sizeof name, json_member_text(request->call.body, "file"));
        return change(server, request, &question, "appliance.pack_remove", name);
    }
    buf_close(&question);
    return err;
}
