// What officers and everybody do to people: list, make, change, passwords, the console.
#include <string.h>

#include "base/clock.h"
#include "people/people_private.h"

enum { PAGE_SIZE_MAX = 200, PAGE_SIZE_USUAL = 50, PAGES_MAX = 1000000 };

// ---- lists -----------------------------------------------------------------------------------

enum err actor_needs_anyone(const struct call *call) {
    if (call->actor.person_id != 0) return OK;
    return fault_set(call->fault, ERR_DENIED, "people.not_allowed", STR_NONE);
}

enum err list_bounds(const struct call *call, uint64_t *out_page, uint64_t *out_size) {
    enum err err = call_query_u64(call, "page", 1, PAGES_MAX, 1, out_page);
    if (err != OK) return err;
    return call_query_u64(call, "size", 1, PAGE_SIZE_MAX, PAGE_SIZE_USUAL, out_size);
}

void list_close(struct call *call, uint64_t total, uint64_t page, uint64_t size) {
    json_set_u64(call->out, "total", total);
    json_set_u64(call->out, "page", page);
    json_set_u64(call->out, "size", size);
    json_close_object(call->out);
}

struct listing {
    struct json_writer *out;
    struct store_txn *txn;
    uint64_t skip, size, seen;
    enum err err;
};

static bool list_one(void *ctx, struct str key, struct record_reader *record) {
    struct listing *listing = ctx;
    struct person person;
    listing->err = person_read(key, record, &person);
    if (listing->err != OK) return false;
    uint64_t at = listing->seen++;
    if (at < listing->skip) return true;
    listing->err = member_load(listing->txn, person.id, &person.member);
    if (listing->err != OK) return false;
    json_open_object(listing->out);
    person_write_json(listing->out, &person);
    json_close_object(listing->out);
    return listing->seen - listing->skip < listing->size;
}

enum err people_list(struct people *people, struct call *call) {
    uint64_t page, size;
    enum err err = actor_needs(call, ROLE_SYSTEM | ROLE_SECURITY | ROLE_AUDIT);
    if (err == OK) err = list_bounds(call, &page, &size);
    if (err != OK) return err;
    struct listing listing = {.out = call->out, .skip = (page - 1) * size, .size = size};
    struct store_txn *txn;
    err = store_read_begin(people->store, &txn);
    if (err != OK) return store_explain(err, call->fault);
    listing.txn = txn;
    json_open_object(call->out);
    json_put_name(call->out, "items");
    json_open_array(call->out);
    err = store_scan(txn, TABLE_PERSON, (struct key){0}, true, list_one, &listing);
    json_close_array(call->out);
    list_close(call, store_count(txn, TABLE_PERSON), page, size);
    store_read_end(txn);
    if (err == OK) err = listing.err;
    return store_explain(err, call->fault);
}

enum err people_me(struct people *people, struct call *call) {
    struct store_txn *txn;
    struct person person;
    struct officers officers;
    enum err err = actor_needs_anyone(call);
    if (err != OK) return err;
    err = store_read_begin(people->store, &txn);
    if (err != OK) return store_explain(err, call->fault);
    err = person_get(txn, call->actor.person_id, &person);
    if (err == OK) err = officers_count(txn, &officers);
    if (err == OK) {
        json_open_object(call->out);
        person_write_json(call->out, &person);
        json_set_bool(call->out, "officers_joined", officers.joined);
        json_close_object(call->out);
    }
    store_read_end(txn);
    if (err == ERR_NOT_FOUND) return fault_set(call->fault, err, "people.no_such_person", STR_NONE);
    return store_explain(err, call->fault);
}

// ---- making a person -------------------------------------------------------------------------

struct making {
    struct call *call;
    struct person person;
};

static enum err write_person(struct store_txn *txn, void *ctx) {
    struct making *making = ctx;
    struct person *person = &making->person;
    person->member.caps = caps_none;
    enum err err = person_place(txn, making->call, person->department, &person->member);
    if (err == OK) err = person_add(txn, person);
    if (err == ERR_CONFLICT) {
        return fault_set(making->call->fault, err, "people.name_taken", making->person.name);
    }
    if (err != OK) return err;
    return note(txn, making->call->actor.name, "people.create", making->person.id, "ok",
                making->person.name);
}

// A password that its owner must change at once, and its stored form.
static void one_time_password(char plain[static ONE_TIME_PASSWORD_LETTERS + 1],
                              char stored[static PASSWORD_STORED_SIZE]) {
    random_code(plain, ONE_TIME_PASSWORD_LETTERS);
    password_store((struct str){plain, ONE_TIME_PASSWORD_LETTERS}, stored);
}

enum err people_create(struct people *people, struct call *call) {
    struct making making = {.call = call};
    struct person *person = &making.person;
    enum err err = actor_needs(call, ROLE_SYSTEM);
    if (err == OK) err = actor_in_person(call);
    if (err == OK) err = call_text(call, "name", 1, SIGN_IN_NAME_BYTES_MAX, &person->name);
    if (err == OK) err = name_check(person->name, call->fault);
    if (err == OK)
        err = call_text(call, "display_name", 0, DISPLAY_NAME_BYTES_MAX, &person->display_name);
    if (err == OK) err = call_text(call, "department", 0, LIMIT_NAME_BYTES, &person->department);
    if (err != OK) return refused(people, call, "people.create", 0, err);
    char plain[ONE_TIME_PASSWORD_LETTERS + 1], stored[PASSWORD_STORED_SIZE];
    one_time_password(plain, stored);
    person->stored = str_of(stored);
    person->must_change = true;
    person->created_ms = clock_now_ms();
    if (person->display_name.size == 0) person->display_name = person->name;
    err = store_write(people->store, write_person, &making);
    if (err == OK) {
        json_open_object(call->out);
        json_put_name(call->out, "person");
        json_open_object(call->out);
        person_write_json(call->out, person);
        json_close_object(call->out);
        json_set_text(call->out, "one_time_password", str_of(plain));
        json_close_object(call->out);
    }
    bytes_wipe(plain, sizeof plain);
    return store_explain(err, call->fault);
}

// ---- changing a person -----------------------------------------------------------------------

struct change {
    struct call *call;
    bool has_display_name, has_department, has_disabled, has_roles, has_caps;
    struct caps caps;
    struct str display_name, department;
    bool disabled;
    uint32_t roles;
};

static enum err deny(const struct change *change, const char *code) {
    return fault_set(change->call->fault, ERR_DENIED, code, STR_NONE);
}

// The box must keep somebody who makes people, and somebody who grants roles.
static enum err keep_officers(struct store_txn *txn, const struct change *change,
                              const struct officers *before) {
    struct officers after;
    enum err err = officers_count(txn, &after);
    if (err != OK) return err;
    if (before->system_count > 0 && after.system_count == 0) {
        return deny(change, "people.last_system");
    }
    if (before->security_count > 0 && after.security_count == 0) {
        return deny(change, "people.last_security");
    }
    return OK;
}

static enum err note_change(struct store_txn *txn, const struct change *change,
                            const struct person *person, uint32_t roles_before) {
    struct str actor = change->call->actor.name;
    enum err err = OK;
    if (change->has_roles && person->roles != roles_before) {
        // "+data -research": which were given and taken.
        struct buf detail;
        buf_open(&detail, 512);
        for (uint32_t role = 1; role < ROLE_ANYONE_SIGNED_IN; role <<= 1) {
            if (!((person->roles ^ roles_before) & role)) continue;
            if (detail.size) buf_add_char(&detail, ' ');
            buf_add_char(&detail, person->roles & role ? '+' : '-');
            buf_add_text(&detail, role_name(role));
        }
        err = buf_err(&detail);
        if (err == OK) err = note(txn, actor, "people.roles", person->id, "ok", buf_str(&detail));
        buf_close(&detail);
    }
    if (err == OK && change->has_disabled) {
        const char *action = change->disabled ? "people.disable" : "people.enable";
        err = note(txn, actor, action, person->id, "ok", STR_NONE);
    }
    if (err == OK && change->has_caps) {
        err = note(txn, actor, "people.limits", person->id, "ok", STR_NONE);
    }
    if (err == OK && (change->has_display_name || change->has_department)) {
        err = note(txn, actor, "people.change", person->id, "ok", STR_NONE);
    }
    return err;
}

static enum err write_change(struct store_txn *txn, void *ctx) {
    struct change *change = ctx;
    struct call *call = change->call;
    struct person person;
    struct officers before;
    enum err err = person_get(txn, call->id, &person);
    if (err == OK) err = officers_count(txn, &before);
    if (err != OK) return err;
    uint32_t roles_before = person.roles;
    if (change->has_display_name) person.display_name = change->display_name;
    if (change->has_department) {
        person.department = change->department;
        err = person_place(txn, call, person.department, &person.member);
    }
    if (change->has_caps) person.member.caps = change->caps;
    if (err == OK && (change->has_department || change->has_caps)) {
        err = member_save(txn, &person.member);
    }
    if (err != OK) return err;
    if (change->has_disabled) person.disabled = change->disabled;
    if (change->has_roles) person.roles = change->roles;
    err = person_put(txn, &person);
    if (err == OK) err = keep_officers(txn, change, &before);
    if (err == OK && change->has_disabled && change->disabled) {
        err = sessions_end(txn, person.id, 0);
    }
    if (err == OK) err = note_change(txn, change, &person, roles_before);
    if (err != OK) return err;
    json_open_object(call->out);
    person_write_json(call->out, &person);
    json_close_object(call->out);
    return OK;
}

// Reads the body and holds each part against what the actor may.
static enum err read_change(struct call *call, struct change *change) {
    const struct json *disabled = json_member(call->body, "disabled");
    const struct json *roles = json_member(call->body, "roles");
    change->has_display_name = json_member(call->body, "display_name") != NULL;
    change->has_department = json_member(call->body, "department") != NULL;
    change->has_disabled = disabled != NULL;
    change->has_roles = roles != NULL;
    change->has_caps = json_member(call->body, "caps") != NULL;
    bool self = call->id == call->actor.person_id;
    enum err err = actor_needs(call, ROLE_SYSTEM | ROLE_SECURITY);
    if (err == OK) err = actor_in_person(call);
    bool of_system = change->has_display_name || change->has_department || change->has_disabled ||
                     change->has_caps;
    if (err == OK && of_system) {
        err = actor_needs(call, ROLE_SYSTEM);
    }
    if (err == OK && change->has_roles) err = actor_needs(call, ROLE_SECURITY);
    if (err == OK && change->has_roles && self) err = deny(change, "people.own_roles");
    if (err == OK && change->has_disabled && self) err = deny(change, "people.own_disable");
    if (err == OK && change->has_display_name) {
        err = call_text(call, "display_name", 1, DISPLAY_NAME_BYTES_MAX, &change->display_name);
    }
    if (err == OK && change->has_department) {
        err = call_text(call, "department", 0, LIMIT_NAME_BYTES, &change->department);
    }
    if (err == OK && change->has_disabled && !json_is_bool(disabled)) {
        err = fault_set(call->fault, ERR_INPUT, "call.missing", STR("disabled"));
    }
    change->disabled = json_bool(disabled, false);
    if (err == OK && change->has_caps) {
        err = caps_read_json(json_member(call->body, "caps"), &change->caps, call->fault);
    }
    if (err == OK && change->has_roles) err = roles_read(roles, &change->roles, call->fault);
    if (err == OK && change->has_roles) err = roles_check(change->roles, call->fault);
    return err;
}

enum err people_change(struct people *people, struct call *call) {
    struct change change = {.call = call};
    enum err err = read_change(call, &change);
    if (err == OK) err = store_write(people->store, write_change, &change);
    if (err == ERR_NOT_FOUND) return fault_set(call->fault, err, "people.no_such_person", STR_NONE);
    if (err == ERR_DENIED) return refused(people, call, "people.change", call->id, err);
    return store_explain(err, call->fault);
}

// ---- passwords -------------------------------------------------------------------------------

struct renewal {
    struct call *call;
    uint64_t person_id;
    const char *stored;
    struct str old_stored; // must still be the one that was checked; empty: a reset
    bool must_change;
    uint64_t keep; // the session that stays
    const char *action;
};

static enum err write_password(struct store_txn *txn, void *ctx) {
    struct renewal *renewal = ctx;
    struct person person;
    enum err err = person_get(txn, renewal->person_id, &person);
    if (err != OK) return err;
    if (renewal->old_stored.size && !str_equal(renewal->old_stored, person.stored)) {
        return ERR_CONFLICT;
    }
    person.stored = str_of(renewal->stored);
    person.must_change = renewal->must_change;
    person.failures = 0;
    person.locked_until_ms = 0;
    err = person_put(txn, &person);
    if (err == OK) err = sessions_end(txn, person.id, renewal->keep);
    if (err == OK)
        err = note(txn, renewal->call->actor.name, renewal->action, person.id, "ok", STR_NONE);
    return err;
}

// The actor's own record with its strings in the arena.
static enum err own_record(struct people *people, struct call *call, struct person *out) {
    struct store_txn *txn;
    enum err err = store_read_begin(people->store, &txn);
    if (err != OK) return err;
    struct person person;
    err = person_get(txn, call->actor.person_id, &person);
    if (err == OK) err = person_keep(call->arena, &person);
    store_read_end(txn);
    if (err == OK) *out = person;
    return err;
}

// Whoever found an open session must not guess the password through it.
static enum err own_password(struct people *people, struct call *call, const struct person *person,
                             struct str password, const char *action) {
    uint64_t wait_s = lockout_begin(&people->lockout, "password", person->name, 0, 0);
    if (wait_s) return locked(call, wait_s);
    if (!password_check(password, person->stored)) {
        enum err err = fault_set(call->fault, ERR_DENIED, "people.wrong_password", STR_NONE);
        return refused(people, call, action, person->id, err);
    }
    lockout_clear(&people->lockout, "password", person->name);
    return OK;
}

enum err people_password_again(struct people *people, struct call *call, const char *action) {
    struct str password;
    struct person person;
    enum err err = actor_in_person(call);
    if (err == OK) err = call_text(call, "password", 1, PASSWORD_BYTES_MAX, &password);
    if (err != OK) return refused(people, call, action, call->actor.person_id, err);
    err = own_record(people, call, &person);
    if (err != OK) return store_explain(err, call->fault);
    return own_password(people, call, &person, password, action);
}

enum err people_password_change(struct people *people, struct call *call) {
    struct str old, new;
    struct person person;
    enum err err = actor_in_person(call);
    if (err == OK) err = call_text(call, "old", 1, PASSWORD_BYTES_MAX, &old);
    if (err == OK) err = call_text(call, "new", 1, PASSWORD_BYTES_MAX, &new);
    if (err != OK) return refused(people, call, "people.password", call->actor.person_id, err);
    err = own_record(people, call, &person);
    if (err != OK) return store_explain(err, call->fault);
    err = password_rules(new, person.name, person.display_name, call->fault);
    if (err != OK) return err;
    if (str_equal(old, new)) {
        return fault_set(call->fault, ERR_INPUT, "people.password_same", STR_NONE);
    }
    err = own_password(people, call, &person, old, "people.password");
    if (err != OK) return err;
    char stored[PASSWORD_STORED_SIZE];
    password_store(new, stored);
    struct renewal renewal = {.call = call,
                              .person_id = person.id,
                              .stored = stored,
                              .old_stored = person.stored,
                              .keep = call->actor.session,
                              .action = "people.password"};
    err = store_write(people->store, write_password, &renewal);
    if (err == ERR_CONFLICT) {
        return fault_set(call->fault, err, "people.password_changed_meanwhile", STR_NONE);
    }
    return store_explain(err, call->fault);
}

enum err people_password_reset(struct people *people, struct call *call) {
    enum err err = actor_needs(call, ROLE_SYSTEM);
    if (err == OK) err = actor_in_person(call);
    if (err == OK && call->id == call->actor.person_id) {
        err = fault_set(call->fault, ERR_DENIED, "people.own_reset", STR_NONE);
    }
    if (err != OK) return refused(people, call, "people.password_reset", call->id, err);
    char plain[ONE_TIME_PASSWORD_LETTERS + 1], stored[PASSWORD_STORED_SIZE];
    one_time_password(plain, stored);
    struct renewal renewal = {.call = call,
                              .person_id = call->id,
                              .stored = stored,
                              .must_change = true,
                              .action = "people.password_reset"};
    err = store_write(people->store, write_password, &renewal);
    if (err == OK) {
        json_open_object(call->out);
        json_set_text(call->out, "one_time_password", str_of(plain));
        json_close_object(call->out);
    }
    bytes_wipe(plain, sizeof plain);
    if (err == ERR_NOT_FOUND) return fault_set(call->fault, err, "people.no_such_person", STR_NONE);
    return store_explain(err, call->fault);
}

// ---- the console -----------------------------------------------------------------------------

static enum err write_console(struct store_txn *txn, void *ctx) {
    struct making *making = ctx;
    struct person found;
    enum err err = person_find(txn, making->person.name, &found);
    if (err == OK) {
        making->person.id = found.id;
    } else if (err == ERR_NOT_FOUND) {
        err = person_add(txn, &making->person);
        if (err == OK)
            err = note(txn, making->call->actor.name, "people.create", making->person.id, "ok",
                       making->person.name);
    }
    return err;
}

enum err people_console_actor(struct people *people, struct str name, uint32_t roles,
                              struct arena *arena, struct actor *out, struct fault *fault) {
    static const char ending[] = "@console";
    enum err err = name_check(name, fault);
    if (err != OK) return err;
    char *whole = arena_take(arena, name.size + sizeof ending);
    if (!whole) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    memcpy(whole, name.data, name.size);
    memcpy(whole + name.size, ending, sizeof ending);
    struct call call = {.actor.name = {whole, name.size + sizeof ending - 1}, .fault = fault};
    struct making making = {.call = &call,
                            .person = {.name = {whole, name.size},
                                       .display_name = {whole, name.size},
                                       .console = true,
                                       .created_ms = clock_now_ms()}};
    err = store_write_freeing(people->store, write_console, &making);
    if (err != OK) return store_explain(err, fault);
    *out = (struct actor){.person_id = making.person.id, .name = call.actor.name, .roles = roles};
    return OK;
}
