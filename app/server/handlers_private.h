// The server's own handlers, for the table of routes: see handlers.c.
#pragma once

#include "server/server_private.h"

enum err handle_health(struct server *server, struct request *request) MUST_USE;
enum err handle_state(struct server *server, struct request *request) MUST_USE;
enum err handle_openapi(struct server *server, struct request *request) MUST_USE;
enum err handle_certificate(struct server *server, struct request *request) MUST_USE;
enum err handle_metrics(struct server *server, struct request *request) MUST_USE;
enum err handle_setup(struct server *server, struct request *request) MUST_USE;
enum err handle_sign_in(struct server *server, struct request *request) MUST_USE;
enum err handle_sign_out(struct server *server, struct request *request) MUST_USE;
enum err handle_system(struct server *server, struct request *request) MUST_USE;
enum err handle_system_check(struct server *server, struct request *request) MUST_USE;
