// The server's own handlers, for the table of routes: see handlers.c,
// nightly.c, rescue.c and appliance.c.
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

// nightly.c
enum err handle_system_backups(struct server *server, struct request *request) MUST_USE;
enum err handle_system_backups_change(struct server *server, struct request *request) MUST_USE;
enum err handle_system_backups_make(struct server *server, struct request *request) MUST_USE;

// rescue.c
enum err handle_rescue(struct server *server, struct request *request) MUST_USE;
enum err handle_rescue_restore(struct server *server, struct request *request) MUST_USE;

// appliance.c
enum err handle_appliance(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_history(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_settings(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_time(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_restart(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_power_off(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_cancel(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_sticks(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_backup(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_restore(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_reset(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_update_look(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_update(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_pack_look(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_pack(struct server *server, struct request *request) MUST_USE;
enum err handle_appliance_pack_remove(struct server *server, struct request *request) MUST_USE;
