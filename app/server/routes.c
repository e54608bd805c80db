// All routes, in the order of the API's description. When you add one, describe it in api.json too:
// tests/api holds the two against each other.
#include "server/handlers_private.h"

#define SYSTEM ROLE_SYSTEM
#define SECURITY ROLE_SECURITY
#define AUDIT ROLE_AUDIT
#define DATA ROLE_DATA
#define RESEARCH ROLE_RESEARCH
#define IN ROLE_ANYONE_SIGNED_IN
#define PUBLIC 0
#define UPLOAD (DATA | RESEARCH | SYSTEM) // system: updates of the appliance

enum {
    NO_BODY = 0,
    SMALL = 4 * 1024,   // names, a password, a reason
    MEDIUM = 64 * 1024, // a sheet, a recipe, options
    LARGE = LIMIT_JSON_BYTES,
};

// clang-format off
#define FLOW(name) ROUTE_FLOW, .call.flow = flow_##name
#define PEOPLE(name) ROUTE_PEOPLE, .call.people = people_##name
#define OWN(name) ROUTE_OWN, .call.own = handle_##name
#define FILE_OF(name) ROUTE_DOWNLOAD, .call.download = flow_##name
#define ANSWER(name) ROUTE_ANSWER, .call.answer = flow_answer_##name
#define ROUTE(m, p, r, sp, st, body, ...) \
    {.method = HTTP_##m, .path = p, .roles = r, .speed = ROUTE_##sp, .status = st, \
     .body_max = body, .kind = __VA_ARGS__}
#define API "/api/v1"

// What is left while the data cannot be opened; part of the whole as well.
#define RESCUE_ROUTES \
    ROUTE(GET, API "/rescue", PUBLIC, SLOW, 200, NO_BODY, OWN(rescue)), \
    ROUTE(POST, API "/rescue", PUBLIC, SLOW, 204, SMALL, OWN(rescue_restore))

const struct route routes[] = {
    // session and setup
    ROUTE(GET, "/healthz", PUBLIC, FAST, 200, NO_BODY, OWN(health)),
    ROUTE(GET, "/metrics", SYSTEM | AUDIT, SLOW, 200, NO_BODY, OWN(metrics)),
    ROUTE(GET, API "/openapi.json", PUBLIC, SLOW, 200, NO_BODY, OWN(openapi)),
    ROUTE(GET, API "/certificate", PUBLIC, SLOW, 200, NO_BODY, OWN(certificate)),
    ROUTE(GET, API "/state", PUBLIC, FAST, 200, NO_BODY, OWN(state)),
    ROUTE(POST, API "/setup", PUBLIC, COSTLY, 201, SMALL, OWN(setup)),
    ROUTE(POST, API "/session", PUBLIC, COSTLY, 200, SMALL, OWN(sign_in)),
    ROUTE(DELETE, API "/session", IN, SLOW, 204, NO_BODY, OWN(sign_out)),
    RESCUE_ROUTES,

    // people
    ROUTE(GET, API "/me", IN, FAST, 200, NO_BODY, PEOPLE(me)),
    ROUTE(POST, API "/me/password", IN, COSTLY, 204, SMALL, PEOPLE(password_change)),
    ROUTE(GET, API "/me/tokens", IN, FAST, 200, NO_BODY, PEOPLE(token_list)),
    ROUTE(POST, API "/me/tokens", IN, SLOW, 201, SMALL, PEOPLE(token_create)),
    ROUTE(DELETE, API "/me/tokens/{id}", IN, SLOW, 204, NO_BODY, PEOPLE(token_delete)),
    ROUTE(GET, API "/people", SYSTEM | SECURITY | AUDIT, SLOW, 200, NO_BODY, PEOPLE(list)),
    ROUTE(POST, API "/people", SYSTEM, COSTLY, 201, SMALL, PEOPLE(create)),
    ROUTE(PATCH, API "/people/{id}", SYSTEM | SECURITY, SLOW, 200, SMALL, PEOPLE(change)),
    ROUTE(POST, API "/people/{id}/password-reset", SYSTEM, COSTLY, 200, SMALL,
          PEOPLE(password_reset)),
    ROUTE(GET, API "/audit", AUDIT, SLOW, 200, NO_BODY, PEOPLE(audit_list)),
    ROUTE(GET, API "/audit/verify", AUDIT, SLOW, 200, NO_BODY, PEOPLE(audit_verify)),

    // uploads
    ROUTE(POST, API "/uploads", UPLOAD, SLOW, 201, SMALL, FLOW(upload_create)),
    ROUTE(GET, API "/uploads/{id}", UPLOAD, FAST, 200, NO_BODY, FLOW(upload_show)),
    ROUTE(PUT, API "/uploads/{id}", UPLOAD, SLOW, 200, UINT64_MAX, ROUTE_UPLOAD),
    ROUTE(DELETE, API "/uploads/{id}", UPLOAD, SLOW, 204, NO_BODY, FLOW(upload_delete)),
    ROUTE(POST, API "/uploads/{id}/look", DATA | RESEARCH, SLOW, 200, LARGE, FLOW(upload_look)),

    // datasets
    ROUTE(GET, API "/datasets", DATA, SLOW, 200, NO_BODY, FLOW(dataset_list)),
    ROUTE(POST, API "/datasets", DATA, SLOW, 202, LARGE, FLOW(dataset_create)),
    ROUTE(GET, API "/datasets/{id}", DATA, SLOW, 200, NO_BODY, FLOW(dataset_show)),
    ROUTE(PATCH, API "/datasets/{id}", DATA, SLOW, 200, LARGE, FLOW(dataset_change)),
    ROUTE(DELETE, API "/datasets/{id}", DATA, SLOW, 204, NO_BODY, FLOW(dataset_delete)),
    ROUTE(GET, API "/datasets/{id}/revisions/{number}/rows", DATA, SLOW, 200, NO_BODY,
          FLOW(revision_rows)),
    ROUTE(GET, API "/datasets/{id}/revisions/{number}/faults", DATA, SLOW, 200, NO_BODY,
          FLOW(revision_faults)),
    ROUTE(GET, API "/datasets/{id}/revisions/{number}/profile", DATA, SLOW, 200, NO_BODY,
          FLOW(revision_profile)),
    ROUTE(GET, API "/datasets/{id}/revisions/{number}/report", DATA, SLOW, 200, NO_BODY,
          FLOW(revision_report)),
    ROUTE(GET, API "/datasets/{id}/revisions/{number}/extract", DATA, SLOW, 200, NO_BODY,
          FLOW(revision_extract)),
    ROUTE(GET, API "/datasets/{id}/revisions/{number}/extract/file", DATA, SLOW, 200, NO_BODY,
          FILE_OF(extract_download)),
    ROUTE(GET, API "/datasets/{id}/revisions/{number}/recipe", DATA, SLOW, 200, NO_BODY,
          FLOW(revision_recipe)),
    ROUTE(POST, API "/datasets/{id}/revisions/{number}/restore", DATA, SLOW, 200, SMALL,
          FLOW(revision_restore)),
    ROUTE(DELETE, API "/datasets/{id}/revisions/{number}", DATA, SLOW, 204, NO_BODY,
          FLOW(revision_delete)),
    ROUTE(POST, API "/datasets/{id}/check", DATA, SLOW, 202, SMALL, FLOW(dataset_check)),
    ROUTE(POST, API "/datasets/{id}/preview", DATA, SLOW, 200, MEDIUM, FLOW(dataset_preview)),
    ROUTE(POST, API "/datasets/{id}/risk", DATA, SLOW, 200, SMALL, FLOW(dataset_risk)),
    ROUTE(POST, API "/datasets/{id}/cleanse", DATA, SLOW, 202, MEDIUM, FLOW(dataset_cleanse)),
    ROUTE(GET, API "/recipes/operators", DATA, SLOW, 200, NO_BODY, FLOW(recipe_operators)),
    ROUTE(GET, API "/recipes/presets", DATA, SLOW, 200, NO_BODY, FLOW(recipe_presets)),
    ROUTE(POST, API "/recipes/check", DATA, SLOW, 200, MEDIUM, FLOW(recipe_check)),
    ROUTE(POST, API "/recipes/propose", DATA, SLOW, 200, SMALL, FLOW(recipe_propose)),
    ROUTE(GET, API "/recipes", DATA, SLOW, 200, NO_BODY, FLOW(recipe_list)),
    ROUTE(POST, API "/recipes", DATA, SLOW, 201, MEDIUM, FLOW(recipe_save)),
    ROUTE(GET, API "/recipes/{id}/versions", DATA, SLOW, 200, NO_BODY, FLOW(recipe_versions)),
    ROUTE(PATCH, API "/recipes/{id}", DATA, SLOW, 200, SMALL, FLOW(recipe_change)),
    ROUTE(DELETE, API "/recipes/{id}", DATA, SLOW, 204, NO_BODY, FLOW(recipe_delete)),

    // keys
    ROUTE(GET, API "/keys", SECURITY | AUDIT | DATA, SLOW, 200, NO_BODY, FLOW(key_list)),
    ROUTE(GET, API "/keys/bundle", IN, SLOW, 200, NO_BODY, FLOW(key_bundle)),
    ROUTE(POST, API "/keys/open", SECURITY, SLOW, 200, LARGE, FLOW(key_open)),
    ROUTE(POST, API "/keys/{id}/destroy", SECURITY, SLOW, 200, SMALL, FLOW(key_destroy)),

    // releases
    ROUTE(POST, API "/datasets/{id}/releases", DATA, SLOW, 201, MEDIUM, FLOW(release_request)),
    ROUTE(GET, API "/releases", IN, SLOW, 200, NO_BODY, FLOW(release_list)),
    ROUTE(GET, API "/releases/{id}", IN, SLOW, 200, NO_BODY, FLOW(release_show)),
    ROUTE(POST, API "/releases/{id}/approve", DATA | SECURITY, SLOW, 200, SMALL,
          FLOW(release_approve)),
    ROUTE(POST, API "/releases/{id}/reject", DATA | SECURITY, SLOW, 200, MEDIUM,
          FLOW(release_reject)),
    ROUTE(POST, API "/releases/{id}/withdraw", DATA, SLOW, 200, MEDIUM, FLOW(release_withdraw)),
    ROUTE(GET, API "/releases/{id}/download", DATA | RESEARCH, SLOW, 200, NO_BODY,
          FILE_OF(release_download)),
    ROUTE(GET, API "/releases/{id}/rows", DATA | RESEARCH, SLOW, 200, NO_BODY, FLOW(release_rows)),
    ROUTE(GET, API "/lineage/{id}", IN, SLOW, 200, NO_BODY, FLOW(lineage_show)),

    // models
    ROUTE(POST, API "/releases/{id}/models", RESEARCH, SLOW, 202, LARGE, FLOW(model_train)),
    ROUTE(GET, API "/models", RESEARCH, SLOW, 200, NO_BODY, FLOW(model_list)),
    ROUTE(POST, API "/models", RESEARCH, SLOW, 201, SMALL, FLOW(model_import)),
    ROUTE(GET, API "/models/{id}", RESEARCH, SLOW, 200, NO_BODY, FLOW(model_show)),
    ROUTE(GET, API "/models/{id}/export", RESEARCH, SLOW, 200, NO_BODY, FILE_OF(model_export)),
    ROUTE(PATCH, API "/models/{id}", RESEARCH, SLOW, 200, MEDIUM, FLOW(model_change)),
    ROUTE(DELETE, API "/models/{id}", RESEARCH, SLOW, 204, NO_BODY, FLOW(model_delete)),
    ROUTE(POST, API "/models/{id}/predict", RESEARCH | DATA, SLOW, 200, LARGE,
          FLOW(model_predict)),
    ROUTE(POST, API "/models/{id}/forecast", RESEARCH | DATA, SLOW, 200, LARGE,
          FLOW(model_forecast)),
    ROUTE(POST, API "/models/{id}/predictions", RESEARCH, SLOW, 202, LARGE,
          FLOW(prediction_create)),
    ROUTE(POST, API "/models/{id}/drift", RESEARCH, SLOW, 202, LARGE, FLOW(drift_create)),

    // searches
    // searches
    ROUTE(GET, API "/searches", RESEARCH, SLOW, 200, NO_BODY, FLOW(search_list)),
    ROUTE(POST, API "/searches", RESEARCH, SLOW, 202, LARGE, FLOW(search_create)),
    ROUTE(GET, API "/searches/{id}", RESEARCH, SLOW, 200, NO_BODY, FLOW(search_show)),
    ROUTE(POST, API "/searches/{id}/stop", RESEARCH, SLOW, 200, SMALL, FLOW(search_stop)),

    // endpoints: {word} is an id or a name
    ROUTE(GET, API "/endpoints", RESEARCH | DATA | SYSTEM | AUDIT, SLOW, 200, NO_BODY,
          FLOW(endpoint_list)),
    ROUTE(POST, API "/endpoints", RESEARCH, SLOW, 201, MEDIUM, FLOW(endpoint_create)),
    ROUTE(GET, API "/endpoints/{id}", RESEARCH | DATA | SYSTEM | AUDIT, SLOW, 200, NO_BODY,
          FLOW(endpoint_show)),
    ROUTE(PATCH, API "/endpoints/{id}", RESEARCH, SLOW, 200, MEDIUM, FLOW(endpoint_change)),
    ROUTE(DELETE, API "/endpoints/{id}", RESEARCH, SLOW, 204, NO_BODY, FLOW(endpoint_delete)),
    ROUTE(POST, API "/endpoints/{id}/versions", RESEARCH, SLOW, 200, MEDIUM,
          FLOW(endpoint_version)),
    ROUTE(POST, API "/endpoints/{id}/rollback", RESEARCH, SLOW, 200, SMALL,
          FLOW(endpoint_rollback)),
    ROUTE(POST, API "/endpoints/{id}/promote", RESEARCH, SLOW, 200, SMALL,
          FLOW(endpoint_promote)),
    ROUTE(GET, API "/endpoints/{id}/usage", RESEARCH | DATA | SYSTEM | AUDIT, SLOW, 200, NO_BODY,
          FLOW(endpoint_usage)),
    ROUTE(POST, API "/endpoints/{word}/predict", RESEARCH | DATA, SLOW, 200, LARGE,
          FLOW(endpoint_predict)),
    ROUTE(POST, API "/endpoints/{word}/predictions", RESEARCH | DATA, SLOW, 202, LARGE,
          FLOW(endpoint_file)),

    // language models, and their answers as OpenAI's clients ask for them
    ROUTE(GET, API "/incoming", RESEARCH | DATA, SLOW, 200, NO_BODY, FLOW(incoming_list)),
    ROUTE(GET, API "/language-models", RESEARCH | DATA | SYSTEM, SLOW, 200, NO_BODY,
          FLOW(language_list)),
    ROUTE(POST, API "/language-models", RESEARCH, SLOW, 202, SMALL, FLOW(language_import)),
    ROUTE(GET, API "/language-models/{id}", RESEARCH | DATA | SYSTEM, SLOW, 200, NO_BODY,
          FLOW(language_show)),
    ROUTE(PATCH, API "/language-models/{id}", RESEARCH | SYSTEM, SLOW, 200, SMALL,
          FLOW(language_change)),
    ROUTE(DELETE, API "/language-models/{id}", RESEARCH | SYSTEM, SLOW, 204, NO_BODY,
          FLOW(language_delete)),
    ROUTE(POST, API "/language-models/{id}/serve", RESEARCH | DATA | SYSTEM, SLOW, 202, SMALL,
          FLOW(language_serve)),
    ROUTE(POST, API "/language-models/{id}/quantise", RESEARCH, SLOW, 202, SMALL,
          FLOW(language_quantise)),
    ROUTE(POST, API "/language-models/{id}/stop", RESEARCH | SYSTEM, SLOW, 200, SMALL,
          FLOW(language_stop)),
    ROUTE(GET, "/v1/models", RESEARCH | DATA, SLOW, 200, NO_BODY, FLOW(openai_models)),
    ROUTE(GET, "/v1/models/{word}", RESEARCH | DATA, SLOW, 200, NO_BODY, FLOW(openai_model)),
    ROUTE(POST, "/v1/chat/completions", RESEARCH | DATA, SLOW, 200, LARGE, ANSWER(chat)),
    ROUTE(POST, "/v1/completions", RESEARCH | DATA, SLOW, 200, LARGE, ANSWER(text)),
    ROUTE(POST, "/v1/embeddings", RESEARCH | DATA, SLOW, 200, LARGE, ANSWER(vectors)),

    // molecules
    ROUTE(POST, API "/molecules/draw", IN, SLOW, 200, LARGE, FLOW(molecule_draw)),
    ROUTE(POST, API "/releases/{id}/similar", DATA | RESEARCH, SLOW, 200, LARGE,
          FLOW(release_similar)),
    ROUTE(POST, API "/releases/{id}/substructure", DATA | RESEARCH, SLOW, 200, LARGE,
          FLOW(release_substructure)),
    ROUTE(POST, API "/models/{id}/molecules", RESEARCH | DATA, SLOW, 200, LARGE,
          FLOW(model_molecules)),

    // pilots
    ROUTE(GET, API "/pilots", IN, SLOW, 200, NO_BODY, FLOW(pilot_list)),
    ROUTE(GET, API "/pilots/{word}", IN, SLOW, 200, NO_BODY, FLOW(pilot_show)),
    ROUTE(POST, API "/pilots/{word}/match", DATA | RESEARCH, SLOW, 200, SMALL, FLOW(pilot_match)),
    ROUTE(POST, API "/pilots/{word}/demonstration", DATA | RESEARCH, SLOW, 201, SMALL,
          FLOW(pilot_demonstrate)),
    ROUTE(POST, API "/pilots/{word}/runs", DATA | RESEARCH, SLOW, 202, MEDIUM,
          FLOW(pilot_start)),
    ROUTE(GET, API "/pilot-runs", IN, SLOW, 200, NO_BODY, FLOW(pilot_run_list)),
    ROUTE(GET, API "/pilot-runs/{id}", IN, SLOW, 200, NO_BODY, FLOW(pilot_run_show)),
    ROUTE(POST, API "/pilot-runs/{id}/cancel", IN, SLOW, 200, SMALL, FLOW(pilot_run_cancel)),

    // jobs
    ROUTE(GET, API "/resources", IN, SLOW, 200, NO_BODY, FLOW(resources)),
    ROUTE(GET, API "/jobs", IN, SLOW, 200, NO_BODY, FLOW(job_list)),
    ROUTE(POST, API "/jobs", RESEARCH, SLOW, 202, MEDIUM, FLOW(command_create)),
    ROUTE(POST, API "/jobs/what-if", IN, SLOW, 200, MEDIUM, FLOW(what_if)),
    ROUTE(GET, API "/jobs/{id}", IN, FAST, 200, NO_BODY, FLOW(job_show)),
    ROUTE(PATCH, API "/jobs/{id}", IN, SLOW, 200, SMALL, FLOW(job_change)),
    ROUTE(GET, API "/jobs/{id}/log", IN, SLOW, 200, NO_BODY, FLOW(job_log)),
    ROUTE(DELETE, API "/jobs/{id}/log", IN, SLOW, 204, NO_BODY, FLOW(job_log_delete)),
    ROUTE(POST, API "/jobs/{id}/cancel", IN, SLOW, 200, SMALL, FLOW(job_cancel)),
    ROUTE(POST, API "/jobs/{id}/approve", SYSTEM, SLOW, 200, SMALL, FLOW(job_approve)),
    ROUTE(POST, API "/jobs/{id}/reject", SYSTEM, SLOW, 200, SMALL, FLOW(job_reject)),
    ROUTE(GET, API "/jobs/{id}/download", IN, SLOW, 200, NO_BODY, FILE_OF(prediction_download)),
    ROUTE(GET, API "/jobs/{id}/output", IN, SLOW, 200, NO_BODY, FILE_OF(output_download)),
    ROUTE(GET, API "/events", IN, FAST, 200, NO_BODY, ROUTE_EVENTS),

    // calendar
    ROUTE(GET, API "/calendar", IN, SLOW, 200, NO_BODY, FLOW(calendar)),
    ROUTE(GET, API "/reservations", IN, SLOW, 200, NO_BODY, FLOW(reservation_list)),
    ROUTE(POST, API "/reservations", SYSTEM | DATA | RESEARCH, SLOW, 201, SMALL,
          FLOW(reservation_create)),
    ROUTE(GET, API "/reservations/{id}", IN, SLOW, 200, NO_BODY, FLOW(reservation_show)),
    ROUTE(PATCH, API "/reservations/{id}", SYSTEM | DATA | RESEARCH, SLOW, 200, SMALL,
          FLOW(reservation_change)),
    ROUTE(DELETE, API "/reservations/{id}", SYSTEM | DATA | RESEARCH, SLOW, 204, NO_BODY,
          FLOW(reservation_delete)),

    // departments, usage, vouchers
    ROUTE(GET, API "/policy", SYSTEM | SECURITY | AUDIT, SLOW, 200, NO_BODY, PEOPLE(policy_show)),
    ROUTE(POST, API "/policy", SYSTEM, SLOW, 200, LARGE, PEOPLE(policy_save)),
    ROUTE(POST, API "/policy/preview", SYSTEM, SLOW, 200, LARGE, FLOW(policy_preview)),
    ROUTE(POST, API "/policy/check", SYSTEM, SLOW, 200, LARGE, PEOPLE(policy_check)),
    ROUTE(GET, API "/policy/versions", SYSTEM | SECURITY | AUDIT, SLOW, 200, NO_BODY,
          PEOPLE(policy_versions)),
    ROUTE(POST, API "/policy/versions/{id}/restore", SYSTEM, SLOW, 200, SMALL,
          PEOPLE(policy_restore)),
    ROUTE(GET, API "/share", IN, SLOW, 200, NO_BODY, FLOW(share)),
    ROUTE(GET, API "/usage", IN, SLOW, 200, NO_BODY, FLOW(usage)),
    ROUTE(GET, API "/usage/report", SYSTEM | SECURITY | AUDIT, SLOW, 200, NO_BODY,
          FLOW(usage_report)),
    ROUTE(GET, API "/usage/report/file", SYSTEM | SECURITY | AUDIT, SLOW, 200, NO_BODY,
          FILE_OF(usage_download)),
    ROUTE(GET, API "/language-usage", IN, SLOW, 200, NO_BODY, FLOW(language_usage)),
    ROUTE(GET, API "/language-usage/file", IN, SLOW, 200, NO_BODY,
          FILE_OF(language_usage_download)),
    ROUTE(GET, API "/usage/ledger", SYSTEM | AUDIT, SLOW, 200, NO_BODY, FLOW(usage_ledger)),
    ROUTE(GET, API "/usage/verify", SYSTEM | AUDIT, SLOW, 200, NO_BODY, FLOW(usage_verify)),
    ROUTE(GET, API "/vouchers", IN, SLOW, 200, NO_BODY, FLOW(voucher_list)),
    ROUTE(POST, API "/vouchers", SYSTEM | SECURITY, SLOW, 201, SMALL, FLOW(voucher_issue)),
    ROUTE(POST, API "/vouchers/import", SYSTEM | SECURITY, SLOW, 201, SMALL,
          FLOW(voucher_import)),
    ROUTE(GET, API "/vouchers/issuers", SYSTEM | SECURITY | AUDIT, SLOW, 200, NO_BODY,
          FLOW(voucher_issuers)),
    ROUTE(POST, API "/vouchers/issuers", SECURITY, SLOW, 200, MEDIUM, FLOW(voucher_trust)),
    ROUTE(POST, API "/vouchers/{id}/revoke", SYSTEM | SECURITY, SLOW, 200, SMALL,
          FLOW(voucher_revoke)),

    ROUTE(POST, API "/replay", SYSTEM | SECURITY | AUDIT, SLOW, 200, LARGE, FLOW(replay)),
    ROUTE(DELETE, API "/replay", SYSTEM | SECURITY | AUDIT, FAST, 204, NO_BODY,
          FLOW(replay_cancel)),

    // home and system
    ROUTE(GET, API "/home", IN, SLOW, 200, NO_BODY, FLOW(home)),
    ROUTE(GET, API "/system", SYSTEM | AUDIT, SLOW, 200, NO_BODY, OWN(system)),
    ROUTE(POST, API "/system/check", SYSTEM, SLOW, 200, SMALL, OWN(system_check)),
    ROUTE(GET, API "/system/backup", SYSTEM, SLOW, 200, NO_BODY, ROUTE_BACKUP),
    ROUTE(GET, API "/system/backups", SYSTEM | AUDIT, SLOW, 200, NO_BODY, OWN(system_backups)),
    ROUTE(POST, API "/system/backups", SYSTEM, SLOW, 202, SMALL, OWN(system_backups_make)),
    ROUTE(PATCH, API "/system/backups", SYSTEM, SLOW, 200, SMALL, OWN(system_backups_change)),

    // the appliance
    ROUTE(GET, API "/appliance", SYSTEM, SLOW, 200, NO_BODY, OWN(appliance)),
    ROUTE(GET, API "/appliance/history", SYSTEM, SLOW, 200, NO_BODY, OWN(appliance_history)),
    ROUTE(PATCH, API "/appliance/settings", SYSTEM, SLOW, 204, SMALL, OWN(appliance_settings)),
    ROUTE(POST, API "/appliance/time", SYSTEM, SLOW, 204, SMALL, OWN(appliance_time)),
    ROUTE(POST, API "/appliance/restart", SYSTEM, SLOW, 204, SMALL, OWN(appliance_restart)),
    ROUTE(POST, API "/appliance/power-off", SYSTEM, SLOW, 204, SMALL, OWN(appliance_power_off)),
    ROUTE(POST, API "/appliance/cancel", SYSTEM, SLOW, 204, SMALL, OWN(appliance_cancel)),
    ROUTE(GET, API "/appliance/sticks", SYSTEM, SLOW, 200, NO_BODY, OWN(appliance_sticks)),
    ROUTE(POST, API "/appliance/backup", SYSTEM, SLOW, 204, SMALL, OWN(appliance_backup)),
    ROUTE(POST, API "/appliance/restore", SYSTEM, SLOW, 204, SMALL, OWN(appliance_restore)),
    ROUTE(POST, API "/appliance/reset", SYSTEM, SLOW, 204, SMALL, OWN(appliance_reset)),
    ROUTE(POST, API "/appliance/update/look", SYSTEM, SLOW, 200, SMALL,
          OWN(appliance_update_look)),
    ROUTE(POST, API "/appliance/update", SYSTEM, SLOW, 204, SMALL, OWN(appliance_update)),
    ROUTE(POST, API "/appliance/packs/look", SYSTEM, SLOW, 200, SMALL, OWN(appliance_pack_look)),
    ROUTE(POST, API "/appliance/packs", SYSTEM, SLOW, 204, SMALL, OWN(appliance_pack)),
    ROUTE(POST, API "/appliance/packs/remove", SYSTEM, SLOW, 204, SMALL,
          OWN(appliance_pack_remove)),
};

const struct route rescue_routes[] = {RESCUE_ROUTES};
// clang-format on
const size_t route_count = sizeof routes / sizeof routes[0];
const size_t rescue_route_count = sizeof rescue_routes / sizeof rescue_routes[0];
_Static_assert(sizeof routes / sizeof routes[0] <= SERVER_ROUTES_MAX, "room in the metrics");
