// Releases: asked for by one person, decided by another, then fixed for ever. The manifest is
// canonical JSON (members sorted, one form for each value) and holds nothing of when and who, so
// that the same data, data sheet and way give the same hash.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/version.h"
#include "data/cleanse/cleanse.h"
#include "flow/lineage_private.h"
#include "flow/models/pilots.h"

enum { MANIFEST_VERSION = 1, REASON_BYTES_MAX = 2000 };

// ---- asking -------------------------------------------------------------------------------------

static enum err sheet_read(const struct call *call, struct sheet *out) {
    struct call inner = *call;
    inner.body = json_member(call->body, "sheet");
    if (!json_is_object(inner.body)) {
        return fault_set(call->fault, ERR_INPUT, "call.missing", STR("sheet"));
    }
    struct {
        const char *name;
        struct str *to;
        size_t least, most;
    } const fields[] = {
        {"title", &out->title, 1, LIMIT_NAME_BYTES},
        {"purpose", &out->purpose, 0, LIMIT_NOTE_BYTES},
        {"source", &out->source, 0, LIMIT_NOTE_BYTES},
        {"licence", &out->licence, 0, LIMIT_NAME_BYTES},
        {"contact", &out->contact, 0, LIMIT_NAME_BYTES},
        {"limits", &out->limits, 0, LIMIT_NOTE_BYTES},
        {"sensitivity", &out->sensitivity, 0, 16},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        enum err err =
            call_text(&inner, fields[i].name, fields[i].least, fields[i].most, fields[i].to);
        if (err != OK) return err;
    }
    if (out->sensitivity.size == 0) out->sensitivity = STR("internal");
    bool known = str_is(out->sensitivity, "open") || str_is(out->sensitivity, "internal") ||
                 str_is(out->sensitivity, "restricted");
    return known ? OK
                 : fault_set(call->fault, ERR_INPUT, "release.bad_sensitivity", out->sensitivity);
}

static void warn(struct release *release, const char *code, struct str detail) {
    if (release->warning_count == LIMIT_COLUMNS) return;
    release->warnings[release->warning_count++] = (struct warning){str_of(code), detail};
}

// A coarser date or a masked text inside does not take a name away.
static bool treated(const struct revision_column *column) {
    return treatment_conceals(column->treatment);
}

static enum err roles_check(const struct call *call, const struct revision *revision,
                            struct release *release) {
    for (uint32_t i = 0; i < revision->column_count; i++) {
        const struct revision_column *column = &revision->columns[i];
        if (column->role == COLUMN_DIRECT && !treated(column)) {
            return fault_set(call->fault, ERR_INPUT, "release.direct_column", column->name);
        }
        if (column->role == COLUMN_DIRECT) warn(release, "release.direct_treated", column->name);
        if (column->role == COLUMN_QUASI) warn(release, "release.quasi_column", column->name);
    }
    return OK;
}

// What the newest check of this revision found and nobody treated.
static enum err personal_check(struct flow *flow, const struct call *call,
                               const struct revision *revision, struct release *release) {
    if (hash_none(&revision->profile)) {
        warn(release, "release.not_checked", STR_NONE);
        return OK;
    }
    struct json *profile;
    enum err err = blob_json(flow, &revision->profile, &profile, call->fault);
    if (err != OK) return err;
    const struct json *column = json_first(json_member(profile, "columns"));
    for (; column; column = json_next(column)) {
        if (!json_first(json_member(column, "personal"))) continue;
        struct str name = arena_text(call->arena, json_member_text(column, "name"));
        warn(release, "release.personal_data", name);
    }
    json_close(profile);
    return OK;
}

struct release_change {
    struct flow *flow;
    const struct call *call;
    struct release release;
    const char *action;
    enum release_state from, to;
    bool other_person; // it must not be who asked for it
    uint64_t manifest_size;
    struct str reason;
};

static enum err request_change(struct store_txn *txn, void *ctx) {
    struct release_change *change = ctx;
    struct release *release = &change->release;
    enum err err = store_next_id(txn, TABLE_RELEASE, &release->id);
    if (err == OK) err = release_save(txn, release);
    if (err == OK) err = pilot_moved(txn, change->call, PILOT_PUBLISH, release->id, 0);
    if (err != OK) return err;
    return audit_put(txn, change->call->actor.name, "release.request", "release", release->id, "ok",
                     STR_NONE);
}

enum err flow_release_request(struct flow *flow, struct call *call) {
    struct dataset dataset;
    struct revision revision;
    struct release_change change = {.flow = flow, .call = call};
    struct release *release = &change.release;
    uint64_t number = json_member_u64(call->body, "revision", 0);
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = sheet_read(call, &release->sheet);
    if (err == OK) err = revision_use(flow, call, number, &dataset, &revision);
    if (err != OK) return err;
    release->warnings = ARENA_ARRAY(call->arena, struct warning, LIMIT_COLUMNS);
    if (!release->warnings) return ERR_MEMORY;
    err = roles_check(call, &revision, release);
    if (err == OK) err = personal_check(flow, call, &revision, release);
    if (err != OK) return err;
    release->name = dataset.name;
    release->dataset = dataset.id;
    release->revision = revision.number;
    release->rows = revision.rows;
    release->bytes = revision.bytes;
    release->columns = revision.columns;
    release->column_count = revision.column_count;
    release->table = revision.table;
    release->requested_by = who_of(&call->actor);
    release->requested_ms = clock_now_ms();
    release->lineage = revision.lineage;
    err = store_write(flow->store, request_change, &change);
    if (err != OK) return err;
    view_release(call->out, release);
    json_close_object(call->out);
    return answer_end(call);
}

// ---- deciding -----------------------------------------------------------------------------------

static void manifest_columns(struct json_writer *out, const struct release *release) {
    json_put_name(out, "columns");
    json_open_array(out);
    for (uint32_t i = 0; i < release->column_count; i++) {
        const struct revision_column *column = &release->columns[i];
        json_open_object(out);
        json_set_text(out, "name", column->name);
        json_set_text(out, "role", str_of(column_role_name(column->role)));
        json_set_text(out, "treatment", column->treatment);
        json_set_text(out, "type", str_of(column_type_name(column->type)));
        json_close_object(out);
    }
    json_close_array(out);
}

// Members in the order of their names, here and below; changing any of it needs a new version.
static enum err manifest_write(struct flow *flow, const struct call *call,
                               const struct release *release, struct buf *text) {
    struct json_writer out = json_writer_of(text);
    json_open_object(&out);
    manifest_columns(&out, release);
    json_put_name(&out, "lineage");
    enum err err = lineage_write_fixed(flow, call->arena, release->lineage, &out);
    json_set_text(&out, "program", STR("courtyard " COURTYARD_VERSION));
    json_set_u64(&out, "rows", release->rows);
    json_put_name(&out, "sheet");
    view_sheet(&out, &release->sheet);
    view_hash(&out, "table", &release->table);
    json_set_u64(&out, "table_bytes", release->bytes);
    json_set_u64(&out, "version", MANIFEST_VERSION);
    json_close_object(&out);
    return err == OK ? buf_err(text) : err;
}

static enum err release_find(struct flow *flow, const struct call *call, struct release *out) {
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = release_load(txn, call->arena, call->id, out);
    store_read_end(txn);
    return missing(call, err, "release.not_found");
}

static enum err manifest_make(struct release_change *change) {
    const struct call *call = change->call;
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    enum err err = manifest_write(change->flow, call, &change->release, &text);
    if (err == OK) {
        err = blob_put(change->flow, buf_str(&text), &change->release.manifest,
                       &change->manifest_size, call->fault);
    }
    buf_close(&text);
    return err;
}

static enum err publish(struct store_txn *txn, struct release_change *change,
                        struct release *release) {
    const struct hash *manifest = &change->release.manifest;
    struct lineage lineage = {
        .step = STR("publish"),
        .time_ms = clock_now_ms(),
        .actor = who_of(&change->call->actor),
        .inputs = {{STR("revision"), release->dataset, release->table}},
        .input_count = 1,
        .outputs = {{STR("release"), release->id, *manifest}},
        .output_count = 1,
        .options = STR("{}"),
        .parents = {release->lineage},
        .parent_count = 1,
    };
    enum err err = blob_register(txn, manifest, change->manifest_size);
    if (err == OK) err = store_next_id(txn, TABLE_LINEAGE, &lineage.id);
    if (err == OK) err = lineage_save(txn, &lineage);
    release->manifest = *manifest;
    release->lineage = lineage.id;
    return err;
}

static enum err decide_change(struct store_txn *txn, void *ctx) {
    struct release_change *change = ctx;
    const struct call *call = change->call;
    struct release release;
    enum err err = release_load(txn, call->arena, call->id, &release);
    if (err != OK) return err;
    if (release.state != change->from) {
        return fault_set(call->fault, ERR_CONFLICT, "release.other_state",
                         str_of(release_state_name(release.state)));
    }
    if (change->other_person && release.requested_by.id == call->actor.person_id) {
        return fault_set(call->fault, ERR_DENIED, "release.same_person", STR_NONE);
    }
    if (change->to == RELEASE_RELEASED) err = publish(txn, change, &release);
    release.state = change->to;
    release.decided_by = who_of(&call->actor);
    release.decided_ms = clock_now_ms();
    release.reason = change->reason;
    if (err == OK) err = release_save(txn, &release);
    if (err != OK) return err;
    change->release = release;
    return audit_put(txn, call->actor.name, change->action, "release", release.id, "ok", STR_NONE);
}

// A refusal is part of the story too.
static void refusal_note(struct flow *flow, const struct call *call, const char *action) {
    struct call inner = *call;
    inner.fault = NULL;
    (void)!audit_note(flow, &inner, action, "release", call->id, STR("release.same_person"));
}

static enum err release_decide(struct flow *flow, struct call *call,
                               struct release_change *change) {
    change->flow = flow;
    change->call = call;
    enum err err = store_write(flow->store, decide_change, change);
    if (err == ERR_DENIED) refusal_note(flow, call, "release.refused");
    if (err != OK) return missing(call, err, "release.not_found");
    pilots_wake(flow); // one of them may have waited for it
    view_release(call->out, &change->release);
    json_close_object(call->out);
    return answer_end(call);
}

enum err flow_release_approve(struct flow *flow, struct call *call) {
    struct release_change change = {.flow = flow,
                                    .call = call,
                                    .action = "release.approve",
                                    .from = RELEASE_PENDING,
                                    .to = RELEASE_RELEASED,
                                    .other_person = true};
    enum err err = allow(call, ROLE_DATA | ROLE_SECURITY);
    if (err == OK) err = release_find(flow, call, &change.release);
    if (err == OK && change.release.state == RELEASE_PENDING) err = manifest_make(&change);
    return err == OK ? release_decide(flow, call, &change) : err;
}

enum err flow_release_reject(struct flow *flow, struct call *call) {
    struct release_change change = {
        .action = "release.reject", .from = RELEASE_PENDING, .to = RELEASE_REJECTED};
    enum err err = allow(call, ROLE_DATA | ROLE_SECURITY);
    if (err == OK) err = call_text(call, "reason", 1, REASON_BYTES_MAX, &change.reason);
    return err == OK ? release_decide(flow, call, &change) : err;
}

enum err flow_release_withdraw(struct flow *flow, struct call *call) {
    struct release_change change = {
        .action = "release.withdraw", .from = RELEASE_RELEASED, .to = RELEASE_WITHDRAWN};
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = call_text(call, "reason", 1, REASON_BYTES_MAX, &change.reason);
    return err == OK ? release_decide(flow, call, &change) : err;
}

// ---- reading ------------------------------------------------------------------------------------

bool release_visible(const struct call *call, const struct release *release) {
    return release->state == RELEASE_RELEASED ||
           (call->actor.roles & (ROLE_DATA | ROLE_SECURITY | ROLE_AUDIT)) != 0;
}

struct release_filter {
    bool any_state;
    enum release_state state;
    struct str text;
};

// True if `text` stands in `where`; ASCII letters of either case.
static bool stands_in(struct str where, struct str text) {
    if (text.size == 0) return true;
    for (size_t at = 0; at + text.size <= where.size; at++) {
        size_t same = 0;
        while (same < text.size) {
            char a = where.data[at + same], b = text.data[same];
            if (a >= 'A' && a <= 'Z') a = (char)(a + 32);
            if (b >= 'A' && b <= 'Z') b = (char)(b + 32);
            if (a != b) break;
            same++;
        }
        if (same == text.size) return true;
    }
    return false;
}

static enum err release_item(struct list *list, struct store_txn *txn, struct record_reader *record,
                             bool show, bool *out_wanted) {
    const struct release_filter *filter = list->filter;
    struct release release;
    (void)txn;
    enum err err = release_read(record, list->scratch, &release);
    if (err != OK) return err;
    *out_wanted =
        release_visible(list->call, &release) &&
        (filter->any_state || release.state == filter->state) &&
        (stands_in(release.sheet.title, filter->text) || stands_in(release.name, filter->text));
    if (!*out_wanted || !show) return OK;
    view_release(list->call->out, &release);
    json_close_object(list->call->out);
    return OK;
}

enum err flow_release_list(struct flow *flow, struct call *call) {
    struct release_filter filter = {.any_state = true, .text = str_trim(call_query(call, "q"))};
    struct str state = call_query(call, "state");
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err != OK) return err;
    if (state.size) {
        filter.any_state = false;
        if (!release_state_from_name(state, &filter.state)) {
            return fault_set(call->fault, ERR_INPUT, "flow.bad_state", state);
        }
    }
    struct list list = {.flow = flow,
                        .call = call,
                        .table = TABLE_RELEASE,
                        .item = release_item,
                        .filter = &filter};
    return list_write(&list);
}

struct release_models {
    struct json_writer *out;
    struct arena *scratch;
    uint64_t release;
};

static bool models_visit(void *ctx, struct str key, struct record_reader *record) {
    struct release_models *visit = ctx;
    struct model model;
    (void)key;
    arena_reset(visit->scratch);
    if (model_read(record, visit->scratch, &model) != OK) return false;
    if (model.release != visit->release || model.deleted) return true;
    json_open_object(visit->out);
    json_set_u64(visit->out, "id", model.id);
    json_set_text(visit->out, "name", model.name);
    json_close_object(visit->out);
    return true;
}

enum err flow_release_show(struct flow *flow, struct call *call) {
    struct release release;
    struct store_txn *txn;
    struct release_models visit = {.out = call->out, .release = call->id};
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err == OK) err = release_find(flow, call, &release);
    if (err == OK && !release_visible(call, &release)) {
        err = fault_set(call->fault, ERR_NOT_FOUND, "release.not_found", STR_NONE);
    }
    if (err == OK) err = arena_open(SCRATCH_BYTES, &visit.scratch);
    if (err != OK) return err;
    view_release(call->out, &release);
    json_put_name(call->out, "models");
    json_open_array(call->out);
    err = store_read_begin(flow->store, &txn);
    if (err == OK) {
        err = store_scan(txn, TABLE_MODEL, (struct key){.size = 0}, true, models_visit, &visit);
        store_read_end(txn);
    }
    json_close_array(call->out);
    json_close_object(call->out);
    arena_close(visit.scratch);
    return err == OK ? answer_end(call) : missing(call, err, "release.not_found");
}

enum err release_seen(struct flow *flow, const struct call *call, struct release *out) {
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = release_find(flow, call, out);
    if (err == OK && !release_visible(call, out)) {
        err = fault_set(call->fault, ERR_NOT_FOUND, "release.not_found", STR_NONE);
    }
    return err;
}

enum err flow_release_rows(struct flow *flow, struct call *call) {
    struct release release;
    struct rows_page page = {0};
    char path[LIMIT_PATH_BYTES];
    enum err err = call_query_u64(call, "offset", 0, UINT64_MAX / 2, 0, &page.first);
    if (err == OK) err = call_query_u64(call, "size", 1, ROWS_PAGE_MAX, 50, &page.size);
    if (err == OK) err = release_seen(flow, call, &release);
    if (err == OK) err = blob_path(flow->store, &release.table, path, sizeof path, call->fault);
    if (err != OK) return err;
    page.columns = release.columns;
    page.column_count = release.column_count;
    return rows_write(call, path, &page);
}

// What a browser saves it as: no separators, quotes or control characters.
static void file_name(char *out, size_t out_size, struct str title, uint64_t id) {
    char plain[LIMIT_NAME_BYTES + 1];
    size_t size = 0;
    for (size_t i = 0; i < title.size && size < sizeof plain - 1; i++) {
        unsigned char c = (unsigned char)title.data[i];
        bool bad = c < 0x20 || c == 0x7f || strchr("/\\\"'<>|:*?;%", c);
        plain[size++] = bad ? '_' : (char)c;
    }
    plain[size] = '\0';
    snprintf(out, out_size, "%s-%" PRIu64 ".csv", plain, id);
}

enum err flow_release_download(struct flow *flow, struct call *call, struct flow_download *out) {
    struct release release;
    struct flow_download download = {.content_type = "text/csv; charset=utf-8"};
    enum err err = release_seen(flow, call, &release);
    if (err == OK && release.state != RELEASE_RELEASED) {
        err = fault_set(call->fault, ERR_CONFLICT, "release.not_released", STR_NONE);
    }
    if (err == OK) {
        err = audit_note(flow, call, "release.download", "release", release.id, STR_NONE);
    }
    if (err == OK) err = export_path(flow, &release.table, download.path, call->fault);
    if (err != OK) return err;
    file_name(download.name, sizeof download.name, release.sheet.title, release.id);
    *out = download;
    return OK;
}
