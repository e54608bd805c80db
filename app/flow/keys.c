// Keys: what pseudonyms, sealed values and shifts hang on. Each is a record and a file of 32 random
// bytes, DIR/keys/key-ID: of one dataset ("dataset/7") or of a project ("project/NAME"), whose
// datasets share it. Made when a recipe first needs it; destroyed by a security officer for good:
// the record says by whom, when and why, the file is overwritten and removed. The next recipe makes
// another. Backups taken before still hold the file.
#include "data/cleanse/cleanse.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "flow/flow_private.h"

enum {
    KEY_NAME_BYTES = 128, // "project/" and the longest name
    KEYS_MOST = 10000,    // looked through for the one that sealed
    OPEN_TEXTS_MOST = 1000,
    OPEN_TEXT_BYTES = 256 * 1024,
    REASON_BYTES = 500,
};

void key_path(const struct flow *flow, uint64_t id, char out[static LIMIT_PATH_BYTES]) {
    path_of(out, "%s/keys/key-%" PRIu64, store_dir(flow->store), id);
}

static struct str index_name(struct str name, char out[static 2 * KEY_NAME_BYTES]) {
    int size = snprintf(out, 2 * KEY_NAME_BYTES, "key/name/%.*s", STR_ARG(name));
    return (struct str){out, (size_t)size};
}

// ---- made when needed ---------------------------------------------------------------------------

static enum err key_find(struct flow *flow, struct arena *arena, struct str name,
                         struct key_record *out) {
    char room[2 * KEY_NAME_BYTES];
    struct store_txn *txn;
    uint64_t id;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = index_get(txn, index_name(name, room), &id);
    if (err == OK) err = key_record_load(txn, arena, id, out);
    store_read_end(txn);
    return err;
}

struct key_change {
    const struct call *call;
    struct key_record record;
    struct str reason;
};

static enum err take_id(struct store_txn *txn, void *ctx) {
    return store_next_id(txn, TABLE_KEY, &((struct key_change *)ctx)->record.id);
}

static enum err create_change(struct store_txn *txn, void *ctx) {
    struct key_change *change = ctx;
    const struct key_record *record = &change->record;
    struct key_record other;
    char room[2 * KEY_NAME_BYTES];
    struct str name = index_name(record->name, room);
    uint64_t id;
    // Somebody else may have made it meanwhile.
    enum err err = index_get(txn, name, &id);
    if (err == OK) err = key_record_load(txn, change->call->arena, id, &other);
    if (err == OK && other.destroyed_ms == 0) return ERR_CONFLICT;
    if (err == OK || err == ERR_NOT_FOUND) err = key_record_save(txn, record);
    if (err == OK) err = index_put(txn, name, record->id);
    if (err != OK) return err;
    return audit_put(txn, change->call->actor.name, "key.create", "key", record->id, "ok",
                     record->name);
}

static enum err secret_make(struct flow *flow, struct key_record *record, struct fault *fault) {
    char folder[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES], old[LIMIT_PATH_BYTES];
    path_of(folder, "%s/keys", store_dir(flow->store));
    enum err err = folder_make(folder, fault);
    if (err != OK) return err;
    key_path(flow, record->id, path);
    path_of(old, "%s/dataset-%" PRIu64, folder, record->dataset);
    struct hash secret;
    // A key made before keys had records stays the dataset's.
    if (record->dataset && file_exists(old)) {
        err = file_rename(old, path, fault);
        if (err == OK) err = dataset_key_read(path, &secret, fault);
    } else {
        random_bytes(secret.bytes, sizeof secret.bytes);
        err =
            file_write(path, (struct str){(const char *)secret.bytes, sizeof secret.bytes}, fault);
    }
    if (err == OK) key_mark(&secret, record->mark);
    bytes_wipe(&secret, sizeof secret);
    return err;
}

enum err key_need(struct flow *flow, const struct call *call, struct str name, uint64_t dataset,
                  uint64_t *out_id) {
    struct key_record known;
    char path[LIMIT_PATH_BYTES];
    enum err err = key_find(flow, call->arena, name, &known);
    if (err == OK && known.destroyed_ms == 0) {
        key_path(flow, known.id, path);
        if (!file_exists(path)) {
            return fault_set(call->fault, ERR_CORRUPT, "key.file_missing", name);
        }
        *out_id = known.id;
        return OK;
    }
    if (err != OK && err != ERR_NOT_FOUND) return missing(call, err, "key.not_found");
    struct key_change change = {.call = call,
                                .record = {.name = name,
                                           .dataset = dataset,
                                           .created_ms = clock_now_ms(),
                                           .actor = who_of(&call->actor)}};
    err = store_write(flow->store, take_id, &change);
    if (err == OK) err = secret_make(flow, &change.record, call->fault);
    if (err == OK) err = store_write(flow->store, create_change, &change);
    if (err == OK) {
        *out_id = change.record.id;
        return OK;
    }
    if (err != ERR_CONFLICT) return missing(call, err, "key.not_found");
    key_path(flow, change.record.id, path);
    err = file_remove(path, call->fault);
    if (err == OK) err = key_find(flow, call->arena, name, &known);
    if (err == OK) *out_id = known.id;
    return missing(call, err, "key.not_found");
}

enum err keys_of_recipe(struct flow *flow, const struct call *call, const struct recipe *recipe,
                        uint64_t dataset, struct job_input *inputs, uint32_t *count) {
    struct str projects[INPUTS_MAX];
    char name[KEY_NAME_BYTES];
    snprintf(name, sizeof name, "dataset/%" PRIu64, dataset);
    struct job_input *own = &inputs[(*count)++];
    *own = (struct job_input){.name = STR("key"), .kind = INPUT_KEY};
    enum err err = key_need(flow, call, arena_text(call->arena, str_of(name)), dataset, &own->id);
    uint32_t needed = recipe_projects(recipe, projects, INPUTS_MAX);
    if (err == OK && needed > INPUTS_MAX - *count) {
        return fault_set(call->fault, ERR_LIMIT, "recipe.too_many_projects", STR_NONE);
    }
    for (uint32_t i = 0; i < needed && err == OK; i++) {
        struct job_input *input = &inputs[(*count)++];
        int size = snprintf(name, sizeof name, "key:%.*s", STR_ARG(projects[i]));
        *input = (struct job_input){
            .name = arena_text(call->arena, (struct str){name, (size_t)size}), .kind = INPUT_KEY};
        size = snprintf(name, sizeof name, "project/%.*s", STR_ARG(projects[i]));
        struct str project = arena_text(call->arena, (struct str){name, (size_t)size});
        if (!project.data || !input->name.data) return ERR_MEMORY;
        err = key_need(flow, call, project, 0, &input->id);
    }
    return err;
}

// ---- what there is ------------------------------------------------------------------------------

static void mark_write(struct json_writer *out, const uint8_t mark[static SEAL_MARK_BYTES]) {
    char hex[2 * SEAL_MARK_BYTES + 1];
    for (int i = 0; i < SEAL_MARK_BYTES; i++) snprintf(hex + 2 * i, 3, "%02x", mark[i]);
    json_set_text(out, "mark", str_of(hex));
}

static void view_key(struct json_writer *out, const struct key_record *record) {
    bool project = str_starts(record->name, STR("project/"));
    json_open_object(out);
    json_set_u64(out, "id", record->id);
    json_set_text(out, "name", record->name);
    json_set_text(out, "scope", project ? STR("project") : STR("dataset"));
    if (project) {
        json_set_null(out, "dataset");
    } else {
        json_set_u64(out, "dataset", record->dataset);
    }
    mark_write(out, record->mark);
    view_time(out, "created_ms", record->created_ms);
    json_set_text(out, "created_by", record->actor.name);
    view_time(out, "destroyed_ms", record->destroyed_ms);
    json_set_text(out, "destroyed_by", record->destroyed_by.name);
    json_set_text(out, "reason", record->reason);
    json_close_object(out);
}

static enum err key_item(struct list *list, struct store_txn *txn, struct record_reader *reader,
                         bool show, bool *out_wanted) {
    struct key_record record;
    (void)txn;
    enum err err = key_record_read(reader, list->scratch, &record);
    if (err != OK) return err;
    *out_wanted = true;
    if (show) view_key(list->call->out, &record);
    return OK;
}

enum err flow_key_list(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_SECURITY | ROLE_AUDIT | ROLE_DATA);
    if (err != OK) return err;
    struct list list = {.flow = flow, .call = call, .table = TABLE_KEY, .item = key_item};
    return list_write(&list);
}

// ---- destroyed for good -------------------------------------------------------------------------

static enum err destroy_change(struct store_txn *txn, void *ctx) {
    struct key_change *change = ctx;
    struct key_record *record = &change->record;
    const struct call *call = change->call;
    enum err err = key_record_load(txn, call->arena, call->id, record);
    if (err != OK || record->destroyed_ms) return err;
    record->destroyed_ms = clock_now_ms();
    record->destroyed_by = who_of(&call->actor);
    record->reason = change->reason;
    err = key_record_save(txn, record);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "key.destroy", "key", record->id, "ok", change->reason);
}

// Written over where it lies, so that its bytes do not wait on the disk to be found.
static enum err overwrite(const char *path, struct fault *fault) {
    uint8_t noise[SHA256_BYTES];
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno == ENOENT ? OK : fault_errno(fault, errno, str_of(path));
    enum err err = OK;
    for (int pass = 0; pass < 2 && err == OK; pass++) {
        random_bytes(noise, sizeof noise);
        if (lseek(fd, 0, SEEK_SET) < 0) err = fault_errno(fault, errno, str_of(path));
        if (err == OK) err = file_write_all(fd, noise, sizeof noise, fault);
        if (err == OK && fsync(fd) != 0) err = fault_errno(fault, errno, str_of(path));
    }
    close(fd);
    return err;
}

// What is left in its place tells whoever looks for the file what became of it.
static enum err tombstone_write(const char *path, const struct key_record *record,
                                struct fault *fault) {
    char tombstone[LIMIT_PATH_BYTES];
    struct buf text;
    buf_open(&text, 4096);
    struct json_writer out = json_writer_of(&text);
    view_key(&out, record);
    path_of(tombstone, "%s.destroyed", path);
    enum err err = buf_err(&text);
    if (err == OK) err = file_write(tombstone, buf_str(&text), fault);
    buf_close(&text);
    return err;
}

enum err flow_key_destroy(struct flow *flow, struct call *call) {
    struct key_change change = {.call = call};
    char path[LIMIT_PATH_BYTES];
    enum err err = allow(call, ROLE_SECURITY);
    if (err == OK) err = call_text(call, "reason", 4, REASON_BYTES, &change.reason);
    if (err != OK) return err;
    // The record first: a key that is said to be gone is never used, even if its file outlives a
    // power cut; asked again, the file goes.
    err = store_write(flow->store, destroy_change, &change);
    if (err != OK) return missing(call, err, "key.not_found");
    key_path(flow, call->id, path);
    err = overwrite(path, call->fault);
    if (err == OK) err = file_remove(path, call->fault);
    if (err == OK) err = tombstone_write(path, &change.record, call->fault);
    if (err != OK) return err;
    view_key(call->out, &change.record);
    return answer_end(call);
}

// ---- opened by an officer -----------------------------------------------------------------------

struct opening {
    struct flow *flow;
    struct call *call;
    struct key_record *keys; // all there are, newest first
    uint32_t count;
    bool *used; // (count) those that sealed what is asked for
    struct buf text;
};

struct gathering {
    struct call *call;
    struct key_record *keys;
    uint32_t count;
    enum err err;
};

static bool gather(void *ctx, struct str key, struct record_reader *reader) {
    struct gathering *gathering = ctx;
    (void)key;
    struct key_record *record = &gathering->keys[gathering->count];
    gathering->err = key_record_read(reader, gathering->call->arena, record);
    if (gathering->err != OK) return false;
    return ++gathering->count < KEYS_MOST;
}

static enum err keys_gather(struct opening *opening) {
    struct gathering gathering = {.call = opening->call};
    struct store_txn *txn;
    gathering.keys = ARENA_ARRAY(opening->call->arena, struct key_record, KEYS_MOST);
    opening->used = ARENA_ARRAY(opening->call->arena, bool, KEYS_MOST);
    if (!gathering.keys || !opening->used) return ERR_MEMORY;
    enum err err = store_read_begin(opening->flow->store, &txn);
    if (err != OK) return err;
    err = store_scan(txn, TABLE_KEY, (struct key){.size = 0}, true, gather, &gathering);
    store_read_end(txn);
    opening->keys = gathering.keys;
    opening->count = gathering.count;
    return err == OK ? gathering.err : err;
}

// The key that sealed a value, by its mark; false if it is unknown or destroyed.
static bool key_by_mark(void *ctx, const uint8_t mark[static SEAL_MARK_BYTES], struct hash *out) {
    struct opening *opening = ctx;
    char path[LIMIT_PATH_BYTES];
    for (uint32_t i = 0; i < opening->count; i++) {
        const struct key_record *key = &opening->keys[i];
        if (memcmp(key->mark, mark, SEAL_MARK_BYTES) != 0) continue;
        opening->used[i] = true;
        key_path(opening->flow, key->id, path);
        return key->destroyed_ms == 0 && dataset_key_read(path, out, opening->call->fault) == OK;
    }
    return false;
}

static enum err open_text(struct opening *opening, struct str text, struct json_writer *out) {
    struct unmask_counts counts = {0};
    buf_clear(&opening->text);
    enum err err = unmask_text_by(text, key_by_mark, opening, &opening->text, &counts);
    if (err != OK) return err;
    json_open_object(out);
    json_set_text(out, "text", buf_str(&opening->text));
    json_set_u64(out, "opened", counts.opened);
    json_set_u64(out, "left", counts.foreign);
    json_close_object(out);
    return OK;
}

static enum err open_all(struct opening *opening, const struct json *texts) {
    struct json_writer *out = opening->call->out;
    enum err err = OK;
    json_open_object(out);
    json_put_name(out, "items");
    json_open_array(out);
    for (const struct json *text = json_first(texts); text && err == OK; text = json_next(text)) {
        err = open_text(opening, json_text(text), out);
    }
    json_close_array(out);
    json_put_name(out, "destroyed");
    json_open_array(out);
    for (uint32_t i = 0; i < opening->count; i++) {
        bool gone = opening->used[i] && opening->keys[i].destroyed_ms;
        if (gone) view_key(out, &opening->keys[i]);
    }
    json_close_array(out);
    json_close_object(out);
    return err;
}

enum err flow_key_open(struct flow *flow, struct call *call) {
    struct opening opening = {.flow = flow, .call = call};
    const struct json *texts = json_member(call->body, "texts");
    struct str reason;
    enum err err = allow(call, ROLE_SECURITY);
    if (err == OK) err = call_text(call, "reason", 4, REASON_BYTES, &reason);
    if (err != OK) return err;
    if (!json_is_array(texts) || json_count(texts) == 0) {
        return fault_set(call->fault, ERR_INPUT, "call.missing", STR("texts"));
    }
    bool fits = json_count(texts) <= OPEN_TEXTS_MOST;
    for (const struct json *text = json_first(texts); text; text = json_next(text)) {
        fits = fits && json_text(text).size <= OPEN_TEXT_BYTES;
    }
    if (!fits) return fault_set(call->fault, ERR_LIMIT, "call.too_long", STR("texts"));
    err = keys_gather(&opening);
    // Who looked and why stands in the chain before anything is shown.
    if (err == OK) err = audit_note(flow, call, "key.open", "key", 0, reason);
    buf_open(&opening.text, 2 * (size_t)LIMIT_CELL_BYTES);
    if (err == OK) err = open_all(&opening, texts);
    if (opening.text.size) bytes_wipe(opening.text.data, opening.text.size);
    buf_close(&opening.text);
    return err == OK ? answer_end(call) : missing(call, err, "key.not_found");
}
