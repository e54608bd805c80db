// What the operations share: permission, audit, lists, blobs as text.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "flow/flow_private.h"

enum err allow(const struct call *call, uint32_t roles) {
    bool signed_in = call->actor.person_id != 0 || call->actor.roles != 0;
    if (signed_in && (call->actor.roles & roles)) return OK;
    if (signed_in && roles == ROLE_ANYONE_SIGNED_IN) return OK;
    return fault_set(call->fault, ERR_DENIED, "flow.denied", STR_NONE);
}

struct who who_of(const struct actor *actor) {
    return (struct who){actor->person_id, actor->name};
}

enum err audit_put(struct store_txn *txn, struct str actor, const char *action, const char *kind,
                   uint64_t id, const char *result, struct str detail) {
    char object[64];
    snprintf(object, sizeof object, "%s/%" PRIu64, kind, id);
    struct audit_entry entry = {
        .actor = actor,
        .action = str_of(action),
        .object = str_of(object),
        .result = str_of(result),
        .detail = detail,
    };
    return audit_append(txn, &entry);
}

struct note {
    struct str actor, detail;
    const char *action, *kind;
    uint64_t id;
};

static enum err note_change(struct store_txn *txn, void *ctx) {
    const struct note *note = ctx;
    return audit_put(txn, note->actor, note->action, note->kind, note->id, "ok", note->detail);
}

enum err audit_note(struct flow *flow, const struct call *call, const char *action,
                    const char *kind, uint64_t id, struct str detail) {
    struct note note = {call->actor.name, detail, action, kind, id};
    return store_write(flow->store, note_change, &note);
}

enum err missing(const struct call *call, enum err err, const char *code) {
    if (err == ERR_NOT_FOUND) return fault_set(call->fault, err, code, STR_NONE);
    if (err == ERR_CORRUPT) {
        return fault_set(call->fault, err, "store.record_damaged", STR_NONE);
    }
    return err;
}

enum err answer_end(const struct call *call) {
    enum err err = buf_err(call->out->out);
    return err == OK ? OK : fault_set(call->fault, err, "flow.answer_too_large", STR_NONE);
}

void path_of(char out[static LIMIT_PATH_BYTES], const char *format, ...) {
    va_list args;
    va_start(args, format);
    int size = vsnprintf(out, LIMIT_PATH_BYTES, format, args);
    va_end(args);
    cy_assert(size > 0 && size < LIMIT_PATH_BYTES);
}

// ---- lists ------------------------------------------------------------------------------------

static bool list_visit(void *ctx, struct str key, struct record_reader *record) {
    struct list *list = ctx;
    (void)key;
    arena_reset(list->scratch);
    bool show = list->seen >= list->first && list->seen - list->first < list->size;
    bool wanted = false;
    list->err = list->item(list, list->txn, record, show, &wanted);
    if (list->err == OK && wanted) list->seen++;
    return list->err == OK;
}

static enum err list_scan(struct list *list) {
    enum err err = store_read_begin(list->flow->store, &list->txn);
    if (err != OK) return err;
    err = store_scan(list->txn, list->table, (struct key){.size = 0}, true, list_visit, list);
    store_read_end(list->txn);
    return err == OK ? list->err : err;
}

enum err list_write(struct list *list) {
    struct call *call = list->call;
    uint64_t page = 1;
    enum err err = call_query_u64(call, "page", 1, 1u << 30, 1, &page);
    if (err == OK) err = call_query_u64(call, "size", 1, 200, 50, &list->size);
    if (err == OK) err = arena_open(SCRATCH_BYTES, &list->scratch);
    if (err != OK) return err;
    list->first = (page - 1) * list->size;
    struct json_writer *out = call->out;
    json_open_object(out);
    json_put_name(out, "items");
    json_open_array(out);
    err = list_scan(list);
    json_close_array(out);
    json_set_u64(out, "total", list->seen);
    json_set_u64(out, "page", page);
    json_set_u64(out, "size", list->size);
    json_close_object(out);
    arena_close(list->scratch);
    return err == OK ? answer_end(call) : missing(call, err, "flow.not_found");
}

// ---- text -------------------------------------------------------------------------------------

enum err blob_json(struct flow *flow, const struct hash *hash, struct json **out,
                   struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    enum err err = blob_path(flow->store, hash, path, sizeof path, fault);
    return err == OK ? json_parse_file(path, out, fault) : err;
}

enum err blob_put(struct flow *flow, struct str text, struct hash *out, uint64_t *out_size,
                  struct fault *fault) {
    struct blob_writer *writer;
    enum err err = blob_begin(flow->store, &writer, fault);
    if (err != OK) return err;
    err = blob_add(writer, text.data, text.size, fault);
    if (err != OK) {
        blob_abandon(writer);
        return err;
    }
    return blob_finish(writer, out, out_size, fault);
}

struct str arena_text(struct arena *arena, struct str text) {
    char *copy = arena_take(arena, text.size + 1);
    if (!copy) return STR_NONE;
    if (text.size) memcpy(copy, text.data, text.size);
    return (struct str){copy, text.size};
}

struct str arena_json(struct arena *arena, const struct json *node) {
    if (!node) return STR("{}");
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    json_write(&text, node);
    struct str copy = buf_err(&text) == OK ? arena_text(arena, buf_str(&text)) : STR_NONE;
    buf_close(&text);
    return copy;
}

enum err revision_look(struct flow *flow, const struct call *call, uint64_t number,
                       struct dataset *dataset, struct revision *out) {
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = dataset_load(txn, call->arena, call->id, dataset);
    if (err == OK) {
        if (number == 0) number = dataset->revision;
        err = revision_load(txn, call->arena, dataset->id, number, out);
        if (err == ERR_NOT_FOUND) {
            err = fault_set(call->fault, err, "dataset.revision_missing", STR_NONE);
        }
    }
    store_read_end(txn);
    return missing(call, err, "dataset.not_found");
}

enum err revision_find(struct flow *flow, const struct call *call, uint64_t number,
                       struct dataset *dataset, struct revision *out) {
    enum err err = revision_look(flow, call, number, dataset, out);
    if (err == OK && out->deleted_ms) {
        err = fault_set(call->fault, ERR_CONFLICT, "dataset.revision_deleted", STR_NONE);
    }
    return err;
}

enum err revision_use(struct flow *flow, const struct call *call, uint64_t number,
                      struct dataset *dataset, struct revision *out) {
    enum err err = revision_find(flow, call, number, dataset, out);
    if (err == OK && dataset->deleted) {
        err = fault_set(call->fault, ERR_CONFLICT, "dataset.in_bin", dataset->name);
    }
    return err;
}
