// The console's door: the same routes for the command line, without a connection.
#include <string.h>

#include "server/server.h"
#include "server/server_private.h"

enum { CONSOLE_PATH_BYTES_MAX = 8 * 1024 };

static bool method_named(struct str name, enum http_method *out) {
    static const enum http_method methods[] = {HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH,
                                               HTTP_DELETE};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (!str_is(name, http_method_name(methods[i]))) continue;
        *out = methods[i];
        return true;
    }
    return false;
}

static enum err route_call(const struct console_call *asked, const struct route *route,
                           struct call *call, struct str *out_path) {
    struct flow_download download;
    enum err err = people_console_actor(asked->people, asked->name, route->roles, call->arena,
                                        &call->actor, call->fault);
    if (err != OK) return err;
    switch (route->kind) {
    case ROUTE_FLOW: return route->call.flow(asked->flow, call);
    case ROUTE_PEOPLE: return route->call.people(asked->people, call);
    case ROUTE_DOWNLOAD:
        err = route->call.download(asked->flow, call, &download);
        if (err == OK) {
            char *kept = arena_take(call->arena, sizeof download.path);
            if (!kept) return ERR_MEMORY;
            memcpy(kept, download.path, sizeof download.path);
            *out_path = str_of(kept);
        }
        return err;
    default: return fault_set(call->fault, ERR_INPUT, "server.not_on_console", asked->path);
    }
}

enum err server_console_call(const struct console_call *asked, struct arena *arena,
                             struct json_writer *out, struct str *out_path, struct fault *fault) {
    struct str query;
    struct str path = str_cut(asked->path, '?', &query);
    enum http_method method;
    if (!method_named(asked->method, &method)) {
        return fault_set(fault, ERR_INPUT, "server.bad_method", asked->method);
    }
    if (asked->path.size > CONSOLE_PATH_BYTES_MAX) {
        return fault_set(fault, ERR_LIMIT, "server.uri_too_long", STR_NONE);
    }
    struct route_match match = route_find(routes, route_count, method, path);
    if (!match.route) return fault_set(fault, ERR_NOT_FOUND, "server.no_such_path", path);
    struct call_query *pairs = arena_take(arena, HTTP_QUERY_MAX * sizeof *pairs);
    char *room = arena_take(arena, query.size + 1);
    if (!pairs || !room) return ERR_MEMORY;
    struct call call = {
        .id = match.id,
        .number = match.number,
        .word = match.word,
        .query = pairs,
        .body = asked->body,
        .arena = arena,
        .out = out,
        .fault = fault,
    };
    if (!http_query_parse(query, room, pairs, &call.query_count)) {
        return fault_set(fault, ERR_INPUT, "server.bad_query", query);
    }
    return route_call(asked, match.route, &call, out_path);
}
