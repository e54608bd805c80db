// What the server answers itself: its state, sign-in and sign-out, figures, the machine.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/version.h"
#include "server/assets.h"
#include "server/handlers_private.h"
#include "server/reread_private.h"

// ---- state, description, figures ----------------------------------------------------------------

enum err handle_health(struct server *server, struct request *request) {
    (void)server;
    struct json_writer *out = &request->writer;
    json_open_object(out);
    json_set_text(out, "status", STR("ok"));
    json_set_text(out, "version", STR(COURTYARD_VERSION));
    json_close_object(out);
    return OK;
}

enum err handle_state(struct server *server, struct request *request) {
    struct json_writer *out = &request->writer;
    json_open_object(out);
    json_set_bool(out, "setup_needed", people_setup_code(server->people) != NULL);
    json_set_bool(out, "appliance", server->keeper != NULL);
    json_set_text(out, "version", STR(COURTYARD_VERSION));
    json_set_i64(out, "time_ms", clock_now_ms());
    json_put_name(out, "person");
    enum err err = OK;
    if (request->call.actor.person_id) {
        err = people_me(server->people, &request->call);
    } else {
        json_put_null(out);
    }
    json_close_object(out);
    return err;
}

enum err handle_openapi(struct server *server, struct request *request) {
    (void)server;
    const struct asset *asset = asset_find(STR("api.json"));
    if (!asset) return fault_set(&request->fault, ERR_NOT_FOUND, "server.no_such_path", STR_NONE);
    request->packed = asset->gzip && request->head.takes_gzip; // by the build, once
    if (request->packed) {
        buf_add(&request->out, asset->gzip, asset->gzip_size);
    } else {
        buf_add(&request->out, asset->data, asset->size);
    }
    return OK;
}

// For clients that are to trust this box. Anybody who can connect sees it anyway.
enum err handle_certificate(struct server *server, struct request *request) {
    request->content_type = "application/x-pem-file";
    buf_add_text(&request->fields,
                 "Content-Disposition: attachment; filename=\"courtyard.pem\"\r\n");
    return tls_identity_pem(&server->identity, &request->out);
}

enum err handle_metrics(struct server *server, struct request *request) {
    request->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return metrics_write(server, &request->out);
}

// ---- sign-in ------------------------------------------------------------------------------------

static void give_cookie(struct request *request, const char *secret) {
    buf_printf(&request->fields,
               "Set-Cookie: courtyard=%s; Path=/; HttpOnly; Secure; SameSite=Strict; "
               "Max-Age=%d\r\n",
               secret, SESSION_HOURS * 3600);
}

static enum err signed_in(struct request *request, enum err err, char *secret) {
    if (err == OK) give_cookie(request, secret);
    bytes_wipe(secret, SECRET_SIZE);
    return err;
}

enum err handle_setup(struct server *server, struct request *request) {
    char secret[SECRET_SIZE] = "", address[64];
    address_write(request->connection->address, address);
    enum err err = people_setup(server->people, &request->call, str_of(address), secret);
    return signed_in(request, err, secret);
}

enum err handle_sign_in(struct server *server, struct request *request) {
    char secret[SECRET_SIZE] = "", address[64];
    address_write(request->connection->address, address);
    enum err err = people_sign_in(server->people, &request->call, str_of(address), secret);
    return signed_in(request, err, secret);
}

enum err handle_sign_out(struct server *server, struct request *request) {
    enum err err = people_sign_out(server->people, request->secret);
    if (err == OK) {
        buf_add_text(&request->fields, "Set-Cookie: courtyard=; Path=/; HttpOnly; Secure; "
                                       "SameSite=Strict; Max-Age=0\r\n");
    }
    return err;
}

// ---- the machine --------------------------------------------------------------------------------

static enum err schema_find(struct server *server, uint64_t *out) {
    struct store_txn *txn;
    struct record_reader record;
    enum err err = store_read_begin(server->store, &txn);
    if (err != OK) return err;
    err = store_get(txn, TABLE_META, key_of_str(STR("schema")), &record);
    if (err == OK) *out = record_get_u64(&record);
    if (err == OK) err = record_end(&record);
    store_read_end(txn);
    return err;
}

// What flow knows of machine, store and queue, and what only the server knows, in one object.
enum err handle_system(struct server *server, struct request *request) {
    uint64_t schema = 0;
    enum err err = flow_system(server->flow, &request->call);
    if (err == OK) err = schema_find(server, &schema);
    if (err != OK) return err;
    struct buf *out = &request->out;
    if (out->size < 2 || out->data[out->size - 1] != '}') return buf_err(out);
    out->size--; // reopens the object
    struct json_writer writer = {.out = out, .depth = 1, .comma = out->data[out->size - 1] != '{'};
    int64_t now = clock_now_ms();
    json_set_text(&writer, "version", STR(COURTYARD_VERSION));
    json_set_i64(&writer, "started_ms", server->started_ms);
    json_set_i64(&writer, "uptime_s", (now - server->started_ms) / 1000);
    json_set_text(&writer, "fingerprint", str_of(server->identity.fingerprint));
    json_set_u64(&writer, "schema", schema);
    reread_write(server->reread, &writer);
    json_set_u64(&writer, "connections", atomic_load(&server->connections));
    json_set_u64(&writer, "requests_total", atomic_load(&server->metrics.requests_total));
    json_close_object(&writer);
    return OK;
}

enum { FINDINGS_TOLD_MAX = 1000 };
struct findings {
    struct json_writer *out;
    uint64_t told;
};

static void tell_finding(void *ctx, const struct fault *finding) {
    struct findings *findings = ctx;
    if (findings->told++ < FINDINGS_TOLD_MAX) json_put_fault(findings->out, finding);
}

enum err handle_system_check(struct server *server, struct request *request) {
    struct json_writer *out = &request->writer;
    struct findings findings = {.out = out};
    uint64_t count = 0;
    json_open_object(out);
    json_put_name(out, "findings");
    json_open_array(out);
    enum err err = store_check(server->store, NULL, tell_finding, &findings, &count);
    json_close_array(out);
    json_set_u64(out, "finding_count", count);
    json_set_i64(out, "checked_ms", clock_now_ms());
    json_close_object(out);
    // Damage found is an answer, not a failure to give one.
    return err == ERR_CORRUPT ? OK : err;
}
