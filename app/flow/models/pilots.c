// Pilots as people meet them: the gallery, which column plays which part, a demonstration's data,
// and the start of a run.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "flow/models/pilot_source.h"
#include "flow/models/pilots.h"
#include "flow/models/serving.h"
#include "flow/steps/series_graph.h"
#include "pilot/synthetic.h"

enum {
    EXAMPLES = 3,
    VALUES_MAX = 12, // of a column that has so few
    PIECE_BYTES = 1 << 20,
    GRAPH_BYTES_MAX = 2 << 20, // of edges as JSON: a run's record keeps them
};
#define LOOK_BYTES ((size_t)128 << 20)
#define SYNTHETIC_BYTES ((size_t)64 << 20)

static enum err pilot_find(struct flow *flow, const struct call *call,
                           const struct template **out) {
    *out = template_find(pilots_templates(flow), call->word);
    return *out ? OK : fault_set(call->fault, ERR_NOT_FOUND, "pilot.not_found", call->word);
}

enum err flow_pilot_list(struct flow *flow, struct call *call) {
    const struct templates *templates = pilots_templates(flow);
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err != OK) return err;
    json_open_array(call->out);
    for (uint32_t i = 0; i < templates_count(templates); i++) {
        view_pilot(flow, call->out, templates_at(templates, i), false);
    }
    json_close_array(call->out);
    return answer_end(call);
}

enum err flow_pilot_show(struct flow *flow, struct call *call) {
    const struct template *one;
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err == OK) err = pilot_find(flow, call, &one);
    if (err != OK) return err;
    view_pilot(flow, call->out, one, true);
    return answer_end(call);
}

// ---- what a person brings -----------------------------------------------------------------------

static enum err upload_look(struct flow *flow, const struct call *call, const struct template *one,
                            uint64_t id, struct pilot_source *source) {
    char path[LIMIT_PATH_BYTES];
    struct upload_record upload;
    struct intake_options told = {0};
    enum err err = upload_ready(flow, call, id, &upload);
    if (err != OK) return err;
    upload_path(flow, upload.id, path);
    source->name = upload.name;
    source->origin = upload.origin;
    return pilot_source_look(one, path, &told, source, call->fault);
}

static enum err release_look(struct flow *flow, const struct call *call, uint64_t id,
                             struct pilot_source *source) {
    char path[LIMIT_PATH_BYTES];
    struct release release;
    struct table *table;
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = release_load(txn, call->arena, id, &release);
    store_read_end(txn);
    if (err == OK && !release_visible(call, &release)) err = ERR_NOT_FOUND;
    if (err != OK) return missing(call, err, "release.not_found");
    if (release.state != RELEASE_RELEASED) {
        return fault_set(call->fault, ERR_CONFLICT, "release.not_released", STR_NONE);
    }
    source->name = release.sheet.title;
    source->cells.header = true;
    err = pilot_source_room(source, release.column_count);
    if (err != OK) return err;
    for (uint32_t i = 0; i < release.column_count; i++) {
        source->names[i] = release.columns[i].name;
        source->types[i] = column_type_name(release.columns[i].type);
    }
    err = blob_path(flow->store, &release.table, path, sizeof path, call->fault);
    if (err == OK) err = table_open(path, &table, call->fault);
    if (err != OK) return err;
    if (table_rows(table) > 0) err = pilot_source_sample(table, source, call->fault);
    table_close(table);
    return err;
}

static enum err source_look(struct flow *flow, const struct call *call, const struct template *one,
                            struct pilot_source *out) {
    uint64_t upload = json_member_u64(call->body, "upload", 0);
    uint64_t release = json_member_u64(call->body, "release", 0);
    if ((upload == 0) == (release == 0)) {
        return fault_set(call->fault, ERR_INPUT, "call.missing", STR("upload"));
    }
    return upload ? upload_look(flow, call, one, upload, out)
                  : release_look(flow, call, release, out);
}

// ---- which column plays which part --------------------------------------------------------------

// The different values of a column that has few, in the order met.
static uint32_t values_of(const struct pilot_source *source, uint32_t column,
                          struct str out[static VALUES_MAX]) {
    uint32_t count = 0;
    for (uint32_t r = 0; r < source->cells.rows; r++) {
        struct str cell = source->cells.cells[(size_t)r * source->cells.columns + column];
        bool known = cell.size == 0;
        for (uint32_t i = 0; i < count && !known; i++) known = str_equal(out[i], cell);
        if (known) continue;
        if (count == VALUES_MAX) return 0;
        out[count++] = cell;
    }
    return count;
}

static void columns_write(struct json_writer *out, const struct pilot_source *source) {
    struct str values[VALUES_MAX];
    json_put_name(out, "columns");
    json_open_array(out);
    for (uint32_t i = 0; i < source->cells.columns; i++) {
        json_open_object(out);
        json_set_text(out, "name", source->cells.names[i]);
        json_set_text(out, "type", str_of(source->types[i]));
        json_put_name(out, "examples");
        json_open_array(out);
        for (uint32_t r = 0; r < source->cells.rows && r < EXAMPLES; r++) {
            json_put_text(out, source->cells.cells[(size_t)r * source->cells.columns + i]);
        }
        json_close_array(out);
        json_put_name(out, "values");
        json_open_array(out);
        uint32_t count = values_of(source, i, values);
        for (uint32_t k = 0; k < count; k++) json_put_text(out, values[k]);
        json_close_array(out);
        json_close_object(out);
    }
    json_close_array(out);
}

static void mapping_write(struct json_writer *out, const struct template *one,
                          const struct pilot_source *source, const struct match *match) {
    json_put_name(out, "mapping");
    json_open_array(out);
    for (uint32_t i = 0; i < one->column_count; i++) {
        json_open_object(out);
        json_set_text(out, "column", one->columns[i].name);
        json_put_name(out, "from");
        struct str from = pilot_source_from(source, &match[i]);
        if (from.size) {
            json_put_text(out, from);
        } else {
            json_put_null(out);
        }
        json_set_number(out, "confidence", match[i].confidence);
        json_set_text(out, "why", str_of(match_why_name(match[i].why)));
        json_set_bool(out, "doubtful", match[i].doubtful);
        json_close_object(out);
    }
    json_close_array(out);
    json_put_name(out, "missing");
    json_open_array(out);
    for (uint32_t i = 0; i < one->column_count; i++) {
        bool lacks = one->columns[i].needed && match[i].from == MATCH_NOWHERE;
        if (lacks) json_put_text(out, one->columns[i].name);
    }
    json_close_array(out);
}

static void match_write(struct json_writer *out, const struct template *one,
                        const struct pilot_source *source, const struct match *match) {
    json_open_object(out);
    json_set_text(out, "pilot", one->id);
    json_set_text(out, "source", source->name);
    json_set_text(out, "origin", source->origin);
    json_set_bool(out, "header", source->cells.header);
    columns_write(out, source);
    mapping_write(out, one, source, match);
    struct str positive = pilot_source_positive(one, source, match[one->outcome].from);
    if (positive.size) {
        json_set_text(out, "positive", positive);
    } else {
        json_set_null(out, "positive");
    }
    json_close_object(out);
}

enum err flow_pilot_match(struct flow *flow, struct call *call) {
    const struct template *one;
    struct pilot_source source = {0};
    struct match *match;
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = pilot_find(flow, call, &one);
    if (err == OK) err = arena_open(LOOK_BYTES, &source.arena);
    if (err != OK) return err;
    err = source_look(flow, call, one, &source);
    if (err == OK) err = pilot_source_match(one, &source, &match);
    if (err == OK) match_write(call->out, one, &source, match);
    arena_close(source.arena);
    return err == OK ? answer_end(call) : err;
}

// ---- a run's start ------------------------------------------------------------------------------

struct start {
    const struct call *call;
    struct pilot_run run;
};

static enum err start_change(struct store_txn *txn, void *ctx) {
    struct start *start = ctx;
    enum err err = store_next_id(txn, TABLE_PILOT, &start->run.id);
    if (err == OK) err = pilot_run_save(txn, &start->run);
    if (err != OK) return err;
    return audit_put(txn, start->call->actor.name, "pilot.start", "pilot", start->run.id, "ok",
                     start->run.pilot);
}

// A second upload: which series are neighbours.
static enum err graph_read(struct flow *flow, const struct call *call, struct pilot_run *run) {
    uint64_t id = json_member_u64(call->body, "graph", 0);
    struct upload_record upload;
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    if (id == 0) return OK;
    enum err err = upload_ready(flow, call, id, &upload);
    if (err != OK) return err;
    upload_path(flow, upload.id, path);
    buf_open(&text, GRAPH_BYTES_MAX);
    struct json_writer out = json_writer_of(&text);
    err = series_graph_write(&out, path, call->fault);
    if (err == OK && buf_err(&text) != OK) {
        err = fault_set(call->fault, ERR_LIMIT, "series.too_many_edges", STR_NONE);
    }
    if (err == OK) run->graph = arena_text(call->arena, buf_str(&text));
    if (err == OK && run->graph.size == 0) err = ERR_MEMORY;
    buf_close(&text);
    return err;
}

static enum err run_fill(const struct call *call, const struct template *one,
                         struct pilot_source *source, const struct match *match,
                         struct pilot_run *run) {
    run->positive = json_member_text(call->body, "positive");
    enum err err = pilot_source_settle(one, source, match, call->arena, run, call->fault);
    if (err != OK) return err;
    run->actor = who_of(&call->actor);
    run->roles = call->actor.roles;
    run->created_ms = run->changed_ms = clock_now_ms();
    run->step = run->released ? PILOT_PUBLISH : PILOT_IMPORT;
    run->upload = json_member_u64(call->body, "upload", 0);
    run->release = json_member_u64(call->body, "release", 0);
    return OK;
}

static enum err start_read(struct flow *flow, struct call *call, const struct template *one,
                           struct pilot_run *run) {
    struct pilot_source source = {0};
    struct match *match;
    enum err err = call_text(call, "name", 1, ENDPOINT_NAME_BYTES, &run->name);
    if (err == OK) err = endpoint_name_check(run->name, call->fault);
    if (err == OK) err = call_text(call, "language", 0, 16, &run->language);
    if (err == OK) err = arena_open(LOOK_BYTES, &source.arena);
    if (err != OK) return err;
    if (!str_is(run->language, "en")) run->language = STR("zh-CN");
    err = source_look(flow, call, one, &source);
    if (err == OK) err = pilot_source_match(one, &source, &match);
    if (err == OK) {
        err = pilot_source_correct(one, &source, json_member(call->body, "mapping"), true, match,
                                   call->fault);
    }
    if (err == OK) err = graph_read(flow, call, run);
    if (err == OK) err = run_fill(call, one, &source, match, run);
    arena_close(source.arena);
    return err;
}

// From a file to a model is the work of two roles; from a release, of one.
static enum err start_allow(const struct call *call) {
    enum err err = allow(call, ROLE_RESEARCH);
    if (err == OK && json_member_u64(call->body, "upload", 0)) err = allow(call, ROLE_DATA);
    return err == ERR_DENIED ? ERR_DENIED : err;
}

enum err flow_pilot_start(struct flow *flow, struct call *call) {
    const struct template *one;
    struct start start = {.call = call};
    struct store_txn *txn;
    enum err err = start_allow(call);
    if (err == OK) err = pilot_find(flow, call, &one);
    if (err == OK && !pilots_room(flow)) {
        err = fault_set(call->fault, ERR_LIMIT, "pilot.too_many_runs", STR_NONE);
    }
    if (err == OK) err = start_read(flow, call, one, &start.run);
    if (err == OK) err = store_write(flow->store, start_change, &start);
    if (err != OK) return err;
    pilots_add(flow, start.run.id);
    err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = view_pilot_run(flow, txn, call->arena, call->out, &start.run);
    store_read_end(txn);
    return err == OK ? answer_end(call) : err;
}

// ---- a demonstration's data ---------------------------------------------------------------------

bool pilot_demonstration_path(const struct flow *flow, const struct template *one,
                              char out[static LIMIT_PATH_BYTES]) {
    const struct json *demo = json_member(one->node, "demonstration");
    struct str rest, file = json_member_text(demo, "file"), name = file;
    if (file.size == 0 || file.size >= PATH_BELOW_BYTES) return false;
    for (rest = file; rest.data;) name = str_cut(rest, '/', &rest);
    path_of(out, "%s/demonstrations/%.*s", store_dir(flow->store), STR_ARG(name));
    if (file_exists(out)) return true;
    path_of(out, "/%.*s", STR_ARG(file));
    return file_exists(out);
}

static enum err pieces_copy(struct upload *upload, int fd, struct fault *fault) {
    char *piece = memory_take(PIECE_BYTES);
    enum err err = piece ? OK : ERR_MEMORY;
    while (err == OK) {
        ssize_t size = read(fd, piece, PIECE_BYTES);
        if (size < 0) err = fault_errno(fault, errno, STR_NONE);
        if (size <= 0) break;
        err = flow_upload_add(upload, piece, (size_t)size, fault);
    }
    memory_give(piece);
    return err;
}

// As if the person had sent the file.
static enum err file_send(struct flow *flow, const struct call *call, const char *path,
                          uint64_t upload_id) {
    struct upload *upload;
    uint64_t received;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fault_set(call->fault, ERR_NOT_FOUND, "pilot.no_demonstration", STR_NONE);
    enum err err = flow_upload_begin(flow, &call->actor, upload_id, 0, &upload, call->fault);
    if (err == OK) {
        err = pieces_copy(upload, fd, call->fault);
        enum err ended = flow_upload_end(upload, &received, call->fault);
        if (err == OK) err = ended;
    }
    close(fd);
    return err;
}

static enum err demonstration_send(struct flow *flow, const struct call *call, const char *path,
                                   uint64_t *out) {
    const char *slash = strrchr(path, '/');
    struct upload_record record = {.name = str_of(slash + 1), .origin = STR("package")};
    enum err err = file_size(path, &record.size, call->fault);
    if (err == OK) err = upload_new(flow, call, &record);
    if (err == OK) err = file_send(flow, call, path, record.id);
    *out = record.id;
    return err;
}

// Made up here and now, where the real one is not on this machine.
static enum err synthetic_send(struct flow *flow, const struct call *call,
                               const struct template *one, uint64_t *out) {
    char name[80];
    struct buf text;
    struct upload *upload;
    uint64_t received;
    snprintf(name, sizeof name, "%.*s-synthetic.csv", STR_ARG(one->id));
    buf_open(&text, SYNTHETIC_BYTES);
    enum err err = synthetic_write(one, &text, call->fault);
    struct upload_record record = {
        .name = str_of(name), .size = text.size, .origin = STR("synthetic")};
    if (err == OK) err = upload_new(flow, call, &record);
    if (err == OK) {
        err = flow_upload_begin(flow, &call->actor, record.id, 0, &upload, call->fault);
    }
    if (err == OK) {
        err = flow_upload_add(upload, text.data, text.size, call->fault);
        enum err ended = flow_upload_end(upload, &received, call->fault);
        if (err == OK) err = ended;
    }
    buf_close(&text);
    *out = record.id;
    return err;
}

enum err flow_pilot_demonstrate(struct flow *flow, struct call *call) {
    const struct template *one;
    char path[LIMIT_PATH_BYTES];
    struct call shown = *call;
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = pilot_find(flow, call, &one);
    if (err != OK) return err;
    if (pilot_demonstration_path(flow, one, path)) {
        err = demonstration_send(flow, call, path, &shown.id);
    } else if (synthetic_of(one)) {
        err = synthetic_send(flow, call, one, &shown.id);
    } else {
        const struct json *demo = json_member(one->node, "demonstration");
        err = fault_set(call->fault, ERR_NOT_FOUND, "pilot.no_demonstration",
                        json_member_text(demo, "package"));
    }
    return err == OK ? flow_upload_show(flow, &shown) : err;
}
