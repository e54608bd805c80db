// Uploads: a file comes in in pieces, each appended and synced before it is recorded, so that after
// a cut the sender goes on where the record says. DIR/uploads/ID holds the bytes.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "data/intake/intake.h"
#include "flow/flow_private.h"

enum { SAMPLE_ROWS = 20 };
#define UPLOAD_BYTES_MAX ((uint64_t)1 << 40)
#define UPLOAD_AGE_MS ((int64_t)7 * 24 * 3600 * 1000)

struct upload {
    struct flow *flow;
    struct upload_record record; // strings in the arena
    struct arena *arena;
    uint64_t size; // on the disk
    int fd;
    bool failed;
};

void upload_path(const struct flow *flow, uint64_t id, char out[static LIMIT_PATH_BYTES]) {
    path_of(out, "%s/uploads/%" PRIu64, store_dir(flow->store), id);
}

// What has really come: after a restore the record may stand without its file.
static uint64_t received(const struct flow *flow, const struct upload_record *record) {
    char path[LIMIT_PATH_BYTES];
    uint64_t size = 0;
    upload_path(flow, record->id, path);
    if (file_size(path, &size, NULL) != OK) return 0;
    return size < record->received ? size : record->received;
}

static enum err upload_find(struct flow *flow, const struct actor *actor, struct arena *arena,
                            uint64_t id, struct upload_record *out, struct fault *fault) {
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = upload_record_load(txn, arena, id, out);
    store_read_end(txn);
    if (err == OK && out->owner.id != actor->person_id) err = ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND) return fault_set(fault, err, "upload.not_found", STR_NONE);
    if (err == OK) out->received = received(flow, out);
    return err;
}

enum err upload_ready(struct flow *flow, const struct call *call, uint64_t id,
                      struct upload_record *out) {
    enum err err = upload_find(flow, &call->actor, call->arena, id, out, call->fault);
    if (err == OK && out->received != out->size) {
        err = fault_set(call->fault, ERR_CONFLICT, "upload.incomplete", out->name);
    }
    return err;
}

struct upload_change {
    struct upload_record *record;
    const struct call *call; // NULL: no audit record
    const char *action;
};

static enum err create_change(struct store_txn *txn, void *ctx) {
    struct upload_change *change = ctx;
    enum err err = bytes_allowed(txn, change->call, change->record->size);
    if (err == OK) err = store_next_id(txn, TABLE_UPLOAD, &change->record->id);
    if (err == OK) err = upload_record_save(txn, change->record);
    if (err != OK) return err;
    return audit_put(txn, change->call->actor.name, change->action, "upload", change->record->id,
                     "ok", STR_NONE);
}

// A name to show and to take an ending from: no folders in it.
static struct str plain_name(struct str name) {
    for (size_t i = name.size; i > 0; i--) {
        if (name.data[i - 1] == '/' || name.data[i - 1] == '\\') {
            return (struct str){name.data + i, name.size - i};
        }
    }
    return name;
}

enum err upload_new(struct flow *flow, const struct call *call, struct upload_record *record) {
    uint64_t free_bytes = 0;
    record->owner = who_of(&call->actor);
    record->created_ms = record->changed_ms = clock_now_ms();
    if (record->size == 0) return fault_set(call->fault, ERR_INPUT, "upload.empty", record->name);
    if (record->size > UPLOAD_BYTES_MAX) {
        return fault_set(call->fault, ERR_LIMIT, "upload.too_large", record->name);
    }
    enum err err = disk_free(store_dir(flow->store), &free_bytes, call->fault);
    if (err != OK) return err;
    if (free_bytes < record->size + DISK_KEPT_BYTES) {
        return fault_set(call->fault, ERR_FULL, "upload.no_room", record->name);
    }
    struct upload_change change = {record, call, "upload.create"};
    return store_write(flow->store, create_change, &change);
}

enum err flow_upload_create(struct flow *flow, struct call *call) {
    struct upload_record record = {0};
    enum err err = allow(call, ROLES_UPLOAD);
    if (err == OK) err = call_text(call, "name", 1, LIMIT_NAME_BYTES, &record.name);
    if (err != OK) return err;
    record.name = plain_name(record.name);
    if (!json_u64(json_member(call->body, "size"), &record.size)) {
        return fault_set(call->fault, ERR_INPUT, "call.missing", STR("size"));
    }
    err = upload_new(flow, call, &record);
    if (err != OK) return err;
    view_upload(call->out, &record);
    return answer_end(call);
}

enum err flow_upload_show(struct flow *flow, struct call *call) {
    struct upload_record record;
    enum err err = allow(call, ROLES_UPLOAD);
    if (err == OK) {
        err = upload_find(flow, &call->actor, call->arena, call->id, &record, call->fault);
    }
    if (err != OK) return err;
    view_upload(call->out, &record);
    return answer_end(call);
}

enum err flow_upload_file(struct flow *flow, struct call *call, uint64_t id, struct str *name,
                          char path[static LIMIT_PATH_BYTES]) {
    struct upload_record record;
    enum err err = allow(call, ROLES_UPLOAD);
    if (err == OK) err = upload_ready(flow, call, id, &record);
    if (err != OK) return err;
    *name = record.name;
    upload_path(flow, id, path);
    return OK;
}

static enum err delete_change(struct store_txn *txn, void *ctx) {
    struct upload_change *change = ctx;
    enum err err = store_delete(txn, TABLE_UPLOAD, key_of_id(change->record->id));
    if (err != OK || !change->call) return err;
    return audit_put(txn, change->call->actor.name, change->action, "upload", change->record->id,
                     "ok", STR_NONE);
}

// True if nobody else had it open; it is then the caller's until open_give.
static bool open_take(struct flow *flow, uint64_t id) {
    uint64_t *room = NULL;
    bool busy = false;
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < UPLOADS_OPEN_MAX; i++) {
        if (flow->uploads_open[i] == id) busy = true;
        if (flow->uploads_open[i] == 0 && !room) room = &flow->uploads_open[i];
    }
    if (!busy && room) *room = id;
    pthread_mutex_unlock(&flow->lock);
    return !busy && room;
}

static void open_give(struct flow *flow, uint64_t id) {
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < UPLOADS_OPEN_MAX; i++) {
        if (flow->uploads_open[i] == id) flow->uploads_open[i] = 0;
    }
    pthread_mutex_unlock(&flow->lock);
}

enum err flow_upload_delete(struct flow *flow, struct call *call) {
    char path[LIMIT_PATH_BYTES];
    struct upload_record record;
    enum err err = allow(call, ROLES_UPLOAD);
    if (err == OK) {
        err = upload_find(flow, &call->actor, call->arena, call->id, &record, call->fault);
    }
    if (err != OK) return err;
    if (!open_take(flow, record.id)) {
        return fault_set(call->fault, ERR_BUSY, "upload.busy", record.name);
    }
    struct upload_change change = {&record, call, "upload.delete"};
    err = store_write_freeing(flow->store, delete_change, &change);
    upload_path(flow, record.id, path);
    if (err == OK) err = file_remove(path, call->fault);
    open_give(flow, record.id);
    return err;
}

// ---- pieces -----------------------------------------------------------------------------------

static void upload_free(struct upload *upload) {
    if (upload->fd >= 0) close(upload->fd);
    arena_close(upload->arena);
    memory_give(upload);
}

static enum err piece_open(struct upload *upload, uint64_t offset, struct fault *fault) {
    char path[LIMIT_PATH_BYTES], number[24];
    struct upload_record *record = &upload->record;
    if (offset != record->received) {
        snprintf(number, sizeof number, "%" PRIu64, record->received);
        return fault_set(fault, ERR_CONFLICT, "upload.offset", str_of(number));
    }
    enum err err = path_join(path, sizeof path, store_dir(upload->flow->store), "uploads");
    if (err == OK) err = folder_make(path, fault);
    if (err != OK) return err;
    upload_path(upload->flow, record->id, path);
    upload->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (upload->fd < 0) return fault_errno(fault, errno, str_of(path));
    // What was written and never recorded is written again.
    if (ftruncate(upload->fd, (off_t)offset) != 0 ||
        lseek(upload->fd, (off_t)offset, SEEK_SET) < 0) {
        return fault_errno(fault, errno, str_of(path));
    }
    upload->size = offset;
    return OK;
}

enum err flow_upload_begin(struct flow *flow, const struct actor *actor, uint64_t id,
                           uint64_t offset, struct upload **out, struct fault *fault) {
    if (!(actor->roles & ROLES_UPLOAD)) {
        return fault_set(fault, ERR_DENIED, "flow.denied", STR_NONE);
    }
    if (!open_take(flow, id)) return fault_set(fault, ERR_BUSY, "upload.busy", STR_NONE);
    struct upload *upload = memory_take(sizeof *upload);
    enum err err = upload ? OK : ERR_MEMORY;
    if (upload) {
        upload->flow = flow;
        upload->fd = -1;
        err = arena_open(64 * 1024, &upload->arena);
    }
    if (err == OK) err = upload_find(flow, actor, upload->arena, id, &upload->record, fault);
    if (err == OK) err = piece_open(upload, offset, fault);
    if (err == OK) {
        *out = upload;
        return OK;
    }
    if (upload) upload_free(upload);
    open_give(flow, id);
    return err;
}

enum err flow_upload_add(struct upload *upload, const void *data, size_t size,
                         struct fault *fault) {
    if (upload->failed) return ERR_IO;
    enum err err = OK;
    if (size > upload->record.size - upload->size) {
        err = fault_set(fault, ERR_LIMIT, "upload.over_size", upload->record.name);
    }
    if (err == OK) err = file_write_all(upload->fd, data, size, fault);
    if (err == OK) {
        upload->size += size;
    } else {
        upload->failed = true;
    }
    return err;
}

static enum err received_change(struct store_txn *txn, void *ctx) {
    struct upload *upload = ctx;
    upload->record.received = upload->size;
    upload->record.changed_ms = clock_now_ms();
    return upload_record_save(txn, &upload->record);
}

enum err flow_upload_end(struct upload *upload, uint64_t *out_received, struct fault *fault) {
    struct flow *flow = upload->flow;
    uint64_t id = upload->record.id;
    enum err err = OK;
    // After a failed write (a full disk) what came before it still counts.
    if (fdatasync(upload->fd) != 0) err = fault_errno(fault, errno, upload->record.name);
    if (err == OK) err = store_write(flow->store, received_change, upload);
    if (err == OK) *out_received = upload->size;
    upload_free(upload);
    open_give(flow, id);
    return err;
}

// ---- looking at it ----------------------------------------------------------------------------

static void guess_write(struct json_writer *out, const struct intake_guess *guess) {
    json_open_object(out);
    json_put_name(out, "options");
    intake_options_write(out, &guess->options);
    json_set_number(out, "encoding_confidence", guess->encoding_confidence);
    json_set_u64(out, "file_bytes", guess->file_bytes);
    json_put_name(out, "sample");
    json_open_array(out);
    uint32_t width = guess->options.column_count;
    for (uint32_t row = 0; row < guess->sample_rows; row++) {
        json_open_array(out);
        for (uint32_t i = 0; i < width; i++) {
            json_put_text(out, guess->sample[(size_t)row * width + i]);
        }
        json_close_array(out);
    }
    json_close_array(out);
    json_put_name(out, "items");
    json_open_array(out);
    for (uint32_t i = 0; i < guess->item_count; i++) {
        json_open_object(out);
        json_set_text(out, "name", guess->items[i].name);
        json_set_u64(out, "bytes", guess->items[i].bytes);
        json_set_text(out, "state", str_of(guess->items[i].state));
        json_close_object(out);
    }
    json_close_array(out);
    intake_notes_write(out, guess->notes, guess->note_count);
    json_close_object(out);
}

enum err flow_upload_look(struct flow *flow, struct call *call) {
    char path[LIMIT_PATH_BYTES];
    struct upload_record record;
    struct intake_options told;
    struct intake_guess guess;
    struct arena *arena;
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) {
        err = upload_find(flow, &call->actor, call->arena, call->id, &record, call->fault);
    }
    if (err == OK) err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) return err;
    upload_path(flow, record.id, path);
    if (record.received == 0) {
        err = fault_set(call->fault, ERR_CONFLICT, "upload.incomplete", record.name);
    }
    if (err == OK) err = intake_options_read(call->body, arena, &told, call->fault);
    if (err == OK && told.file_name.size == 0) told.file_name = record.name;
    if (err == OK) err = intake_look(path, &told, SAMPLE_ROWS, arena, &guess, call->fault);
    if (err == OK) guess_write(call->out, &guess);
    arena_close(arena);
    return err == OK ? answer_end(call) : err;
}

// ---- those nobody came back for ---------------------------------------------------------------

struct old_uploads {
    struct arena *scratch;
    int64_t before_ms;
    uint64_t ids[64]; // the rest goes the next time
    uint32_t count;
};

static bool old_visit(void *ctx, struct str key, struct record_reader *reader) {
    struct old_uploads *old = ctx;
    struct upload_record record;
    (void)key;
    arena_reset(old->scratch);
    if (upload_record_read(reader, old->scratch, &record) != OK) return true;
    if (record.changed_ms < old->before_ms) old->ids[old->count++] = record.id;
    return old->count < sizeof old->ids / sizeof old->ids[0];
}

static void old_remove(struct flow *flow, uint64_t id) {
    char path[LIMIT_PATH_BYTES];
    struct upload_record record = {.id = id};
    struct upload_change change = {&record, NULL, NULL};
    if (!open_take(flow, id)) return;
    enum err err = store_write_freeing(flow->store, delete_change, &change);
    upload_path(flow, id, path);
    if (err == OK) err = file_remove(path, NULL);
    open_give(flow, id);
    log_event(LOG_INFO, "upload.expired", "upload=%" PRIu64 " result=%s", id, err_name(err));
}

void uploads_clean(struct flow *flow) {
    struct old_uploads old = {.before_ms = clock_now_ms() - UPLOAD_AGE_MS};
    struct store_txn *txn;
    uint64_t running, queued;
    runner_counts(flow, &running, &queued);
    if (running + queued > 0) return; // one of them may still want its file
    if (arena_open(64 * 1024, &old.scratch) != OK) return;
    if (store_read_begin(flow->store, &txn) == OK) {
        enum err err =
            store_scan(txn, TABLE_UPLOAD, (struct key){.size = 0}, false, old_visit, &old);
        store_read_end(txn);
        if (err != OK) log_event(LOG_WARN, "upload.scan_failed", "error=%s", err_name(err));
    }
    arena_close(old.scratch);
    for (uint32_t i = 0; i < old.count; i++) old_remove(flow, old.ids[i]);
}
