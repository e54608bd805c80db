// The bundle that a recipe's line `pack` asks for: the cleansed table as it is to travel, recipe
// and report beside it, signed with the box's key (DIR/keys/bundle.pem) or one given by file.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/cleanse/cleanse.h"
#include "data/exchange/bundle.h"
#include "data/intake/intake.h"
#include "flow/flow_private.h"
#include "flow/steps/steps_private.h"

// ---- the key ------------------------------------------------------------------------------------

static enum err key_read(const char *path, struct sign_key *out, struct fault *fault) {
    struct buf pem;
    buf_open(&pem, 8192);
    enum err err = file_read(path, &pem, fault);
    if (err == OK && sign_key_read(buf_str(&pem), out) != OK) {
        err = fault_set(fault, ERR_INPUT, "bundle.bad_key", str_of(path));
    }
    if (pem.size) bytes_wipe(pem.data, pem.size);
    buf_close(&pem);
    return err;
}

enum err sign_key_create(const char *path, struct fault *fault) {
    struct sign_key key;
    struct buf pem;
    char open_path[LIMIT_PATH_BYTES];
    buf_open(&pem, 8192);
    enum err err = sign_key_make(&key);
    if (err == OK) err = sign_key_write(&key, &pem);
    if (err != OK) err = fault_set(fault, err, "bundle.bad_key", str_of(path));
    // The open half first: a key without it would be of no use to a receiver.
    struct buf open;
    buf_open(&open, 8192);
    if (err == OK) err = verify_key_write(&key.open, &open);
    path_of(open_path, "%s.pub", path);
    if (err == OK) err = file_write(open_path, buf_str(&open), fault);
    if (err == OK) err = file_write(path, buf_str(&pem), fault);
    if (pem.size) bytes_wipe(pem.data, pem.size);
    bytes_wipe(&key, sizeof key);
    buf_close(&pem);
    buf_close(&open);
    return err;
}

void sign_path(const struct flow *flow, char out[static LIMIT_PATH_BYTES]) {
    path_of(out, "%s/keys/bundle.pem", store_dir(flow->store));
}

enum err sign_need(struct flow *flow, const struct call *call) {
    char folder[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES];
    path_of(folder, "%s/keys", store_dir(flow->store));
    sign_path(flow, path);
    enum err err = folder_make(folder, call->fault);
    if (err != OK || file_exists(path)) return err;
    err = sign_key_create(path, call->fault);
    return err == OK ? audit_note(flow, call, "key.create", "key", 0, STR("bundle")) : err;
}

enum err sign_key_own(struct flow *flow, const struct call *call, struct sign_key *out) {
    char path[LIMIT_PATH_BYTES];
    enum err err = sign_need(flow, call);
    sign_path(flow, path);
    return err == OK ? key_read(path, out, call->fault) : err;
}

enum err flow_key_bundle(struct flow *flow, struct call *call) {
    char path[LIMIT_PATH_BYTES], name[FINGERPRINT_SIZE];
    struct sign_key key;
    struct buf pem;
    enum err err = allow(call, ROLES_FLOW | ROLE_SECURITY | ROLE_AUDIT | ROLE_SYSTEM);
    if (err == OK) err = sign_need(flow, call);
    sign_path(flow, path);
    if (err == OK) err = key_read(path, &key, call->fault);
    if (err != OK) return err;
    buf_open(&pem, 8192);
    err = verify_key_write(&key.open, &pem);
    verify_key_fingerprint(&key.open, name);
    bytes_wipe(&key, sizeof key);
    if (err == OK) {
        json_open_object(call->out);
        json_set_text(call->out, "public_key", buf_str(&pem));
        json_set_text(call->out, "fingerprint", str_of(name));
        json_close_object(call->out);
    }
    buf_close(&pem);
    return err == OK ? answer_end(call) : err;
}

// ---- the members --------------------------------------------------------------------------------

struct packing {
    struct step_context *context;
    const struct pack *pack;
    const char *table, *report;
    char data[LIMIT_PATH_BYTES], recipe[LIMIT_PATH_BYTES];
    struct bundle_member members[3];
    uint32_t count;
};

struct output {
    int fd;
    struct fault *fault;
};

static enum err output_write(void *ctx, const void *data, size_t size) {
    struct output *output = ctx;
    return file_write_all(output->fd, data, size, output->fault);
}

static enum err data_export(struct packing *packing, enum export_format format) {
    struct fault *fault = packing->context->fault;
    struct table *table;
    enum err err = step_output(packing->context, "bundle.data", packing->data);
    if (err == OK) err = table_open(packing->table, &table, fault);
    if (err != OK) return err;
    struct output output = {open(packing->data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
                            fault};
    if (output.fd < 0) err = fault_errno(fault, errno, str_of(packing->data));
    if (err == OK) {
        err = table_export(table, format, output_write, &output, packing->context->progress, fault);
    }
    if (output.fd >= 0) close(output.fd);
    table_close(table);
    return err;
}

static enum err members_make(struct packing *packing) {
    static const char *const names[] = {"data.csv", "data.jsonl", "data.table"};
    const struct pack *pack = packing->pack;
    const char *data = packing->table;
    enum err err = OK;
    if (pack->format != PACK_TABLE) {
        err = data_export(packing, pack->format == PACK_CSV ? EXPORT_CSV : EXPORT_JSON_LINES);
        data = packing->data;
    }
    packing->members[packing->count++] = (struct bundle_member){names[pack->format], "data", data};
    if (err == OK && pack->recipe) {
        struct str text = json_member_text(step_options(packing->context), "recipe");
        err = step_output(packing->context, "bundle.recipe", packing->recipe);
        if (err == OK) err = file_write(packing->recipe, text, packing->context->fault);
        packing->members[packing->count++] =
            (struct bundle_member){"recipe.txt", "recipe", packing->recipe};
    }
    if (err == OK && pack->report) {
        packing->members[packing->count++] =
            (struct bundle_member){"report.json", "report", packing->report};
    }
    return err;
}

// What a receiver must know without opening anything: rows, columns, where it comes from.
static enum err about_write(const struct packing *packing, struct buf *out) {
    static const char *const kept[] = {"recipe_hash", "output_rows", "source",         "program",
                                       "rules",       "wording",     "wording_reasons"};
    struct json *report;
    struct table *table;
    struct fault *fault = packing->context->fault;
    enum err err = table_open(packing->table, &table, fault);
    if (err != OK) return err;
    struct json_writer writer = json_writer_of(out);
    buf_add_text(out, "\"kind\":\"dataset\",\"columns\":");
    json_open_array(&writer);
    const struct schema *schema = table_schema(table);
    for (uint32_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        json_open_object(&writer);
        json_set_text(&writer, "name", field->name);
        json_set_text(&writer, "type", str_of(column_type_name(field->type)));
        json_set_text(&writer, "role", str_of(column_role_name(field->role)));
        json_close_object(&writer);
    }
    json_close_array(&writer);
    table_close(table);
    err = json_parse_file(packing->report, &report, fault);
    if (err != OK) return err;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const struct json *member = json_member(report, kept[i]);
        if (!member) continue;
        buf_printf(out, ",\"%s\":", kept[i]);
        json_write(out, member);
    }
    json_close(report);
    return buf_err(out);
}

enum err step_pack(struct step_context *context, const struct pack *pack, const char *table,
                   const char *report) {
    struct packing packing = {.context = context, .pack = pack, .table = table, .report = report};
    char path[LIMIT_PATH_BYTES];
    const char *key_path;
    struct sign_key key = {0};
    struct buf about;
    if (!json_member(json_member(context->spec, "inputs"), "sign")) {
        return fault_set(context->fault, ERR_INPUT, "bundle.no_key", STR_NONE);
    }
    buf_open(&about, LIMIT_MANIFEST_BYTES);
    enum err err = step_input(context, "sign", &key_path);
    if (err == OK) err = key_read(key_path, &key, context->fault);
    if (err == OK) err = step_output(context, "bundle.tar", path);
    if (err == OK) err = members_make(&packing);
    if (err == OK) err = about_write(&packing, &about);
    if (err == OK) {
        struct bundle_content content = {
            .name = pack->name.size ? pack->name : STR("data"),
            .about = buf_str(&about),
            .members = packing.members,
            .member_count = packing.count,
        };
        err = bundle_write(path, &content, &key, context->progress, context->fault);
    }
    bytes_wipe(&key, sizeof key);
    buf_close(&about);
    if (packing.data[0]) (void)unlink(packing.data);
    if (packing.recipe[0]) (void)unlink(packing.recipe);
    return err;
}
