// The table of routes and the API's description say the same, both ways.
#include "base/file.h"
#include "base/json.h"
#include "check.h"
#include "server/server_private.h"

static struct json *api;

static uint32_t roles_of(const struct json *list) {
    static const struct {
        const char *name;
        uint32_t roles;
    } known[] = {{"system", ROLE_SYSTEM},     {"security", ROLE_SECURITY},
                 {"audit", ROLE_AUDIT},       {"data", ROLE_DATA},
                 {"research", ROLE_RESEARCH}, {"any", ROLE_ANYONE_SIGNED_IN}};
    uint32_t roles = 0;
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            if (!str_is(json_text(one), known[i].name)) continue;
            roles |= known[i].roles;
            found = true;
        }
        CHECK(found);
    }
    return roles;
}

static const struct json *operation_of(const struct route *route) {
    char method[16] = "";
    const char *name = http_method_name(route->method);
    for (size_t i = 0; name[i]; i++) method[i] = (char)(name[i] + ('a' - 'A'));
    return json_member(json_member(json_member(api, "paths"), route->path), method);
}

static void check_route(const struct route *route) {
    const struct json *operation = operation_of(route);
    if (!operation) {
        check_that(false, __FILE__, __LINE__, "%s %s is not described",
                   http_method_name(route->method), route->path);
        return;
    }
    const struct json *roles = json_member(operation, "x-roles");
    char status[8];
    snprintf(status, sizeof status, "%d", route->status);
    bool same = json_is_array(roles) && roles_of(roles) == route->roles &&
                json_member(json_member(operation, "responses"), status) &&
                (json_member(operation, "requestBody") != NULL) == (route->body_max > 0);
    check_that(same, __FILE__, __LINE__, "%s %s differs in roles, status or body",
               http_method_name(route->method), route->path);
}

static void every_route_is_described(void) {
    for (size_t i = 0; i < route_count; i++) check_route(&routes[i]);
}

static void every_description_has_a_route(void) {
    size_t described = 0;
    const struct json *paths = json_member(api, "paths");
    for (const struct json *path = json_first(paths); path; path = json_next(path)) {
        described += json_count(path);
    }
    CHECK_EQ(described, route_count);
}

static void no_route_stands_twice(void) {
    for (size_t i = 0; i < route_count; i++) {
        for (size_t j = i + 1; j < route_count; j++) {
            CHECK(routes[i].method != routes[j].method ||
                  strcmp(routes[i].path, routes[j].path) != 0);
        }
    }
}

static void finds_routes(void) {
    struct route_match match =
        route_find(routes, route_count, HTTP_GET, STR("/api/v1/datasets/12/revisions/3/rows"));
    REQUIRE(match.route);
    CHECK_STR(match.route->path, "/api/v1/datasets/{id}/revisions/{number}/rows");
    CHECK(match.id == 12 && match.number == 3);
    CHECK(route_find(routes, route_count, HTTP_HEAD, STR("/healthz")).route);
    // A literal segment is not taken for a number.
    match = route_find(routes, route_count, HTTP_GET, STR("/api/v1/recipes/operators"));
    REQUIRE(match.route);
    CHECK_STR(match.route->path, "/api/v1/recipes/operators");
    static const char *const wrong[] = {"/api/v1/datasets/",
                                        "/api/v1/datasets/0",
                                        "/api/v1/datasets/01",
                                        "/api/v1/datasets/-1",
                                        "/api/v1/datasets/1x",
                                        "/api/v1/datasets/18446744073709551616",
                                        "/api/v1/datasets/1/",
                                        "/api/v1//datasets",
                                        "/api/v1",
                                        "/",
                                        "/healthz/"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK(!route_find(routes, route_count, HTTP_GET, str_of(wrong[i])).route);
    }
    match = route_find(routes, route_count, HTTP_PUT, STR("/api/v1/people"));
    CHECK(!match.route && match.path_known);
}

int main(void) {
    struct fault fault = {0};
    struct buf text;
    buf_open(&text, 4 << 20);
    if (file_read("app/server/api.json", &text, &fault) != OK ||
        json_parse(buf_str(&text), &api, &fault) != OK) {
        fprintf(stderr, "%s %s\n", fault.code, fault.detail);
        return 1;
    }
    CHECK_RUN(every_route_is_described);
    CHECK_RUN(every_description_has_a_route);
    CHECK_RUN(no_route_stands_twice);
    CHECK_RUN(finds_routes);
    json_close(api);
    buf_close(&text);
    return check_done();
}
