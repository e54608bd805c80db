#include "people/people_private.h"

static const struct {
    const char *name;
    enum role role;
} ROLES[] = {{"system", ROLE_SYSTEM},
             {"security", ROLE_SECURITY},
             {"audit", ROLE_AUDIT},
             {"data", ROLE_DATA},
             {"research", ROLE_RESEARCH}};
enum { ROLE_COUNT = sizeof ROLES / sizeof ROLES[0] };

const char *role_name(uint32_t role) {
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (role == (uint32_t)ROLES[i].role) return ROLES[i].name;
    }
    return "";
}

void roles_write_json(struct json_writer *out, const char *name, uint32_t roles) {
    json_put_name(out, name);
    json_open_array(out);
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (roles & (uint32_t)ROLES[i].role) json_put_text(out, str_of(ROLES[i].name));
    }
    json_close_array(out);
}

enum err roles_read(const struct json *node, uint32_t *out, struct fault *fault) {
    uint32_t roles = 0;
    if (!json_is_array(node)) return fault_set(fault, ERR_INPUT, "people.unknown_role", STR_NONE);
    for (const struct json *item = json_first(node); item; item = json_next(item)) {
        uint32_t role = 0;
        for (int i = 0; i < ROLE_COUNT; i++) {
            if (str_is(json_text(item), ROLES[i].name)) role = (uint32_t)ROLES[i].role;
        }
        if (!role) return fault_set(fault, ERR_INPUT, "people.unknown_role", json_text(item));
        roles |= role;
    }
    *out = roles;
    return OK;
}

enum err roles_check(uint32_t roles, struct fault *fault) {
    if ((roles & ROLE_AUDIT) && (roles & (ROLE_SYSTEM | ROLE_SECURITY))) {
        return fault_set(fault, ERR_INPUT, "people.audit_apart", STR_NONE);
    }
    return OK;
}

enum err actor_needs(const struct call *call, uint32_t roles) {
    if (call->actor.person_id != 0 && (call->actor.roles & roles)) return OK;
    return fault_set(call->fault, ERR_DENIED, "people.not_allowed", STR_NONE);
}

enum err actor_in_person(const struct call *call) {
    // '@' stands in no sign-in name, so the ending cannot be borrowed.
    bool console = str_ends(call->actor.name, STR("@console"));
    if (call->actor.person_id != 0 && (call->actor.session != 0 || console)) return OK;
    return fault_set(call->fault, ERR_DENIED, "people.session_needed", STR_NONE);
}
