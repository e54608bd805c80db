// A person's record, its index by sign-in name, and its JSON.
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "people/people_private.h"

enum {
    PERSON_VERSION = 1,
    FLAG_DISABLED = 1,
    FLAG_MUST_CHANGE = 2,
    FLAG_CONSOLE = 4,
    PERSON_BYTES_MAX = 4096,
};

// ---- names -----------------------------------------------------------------------------------

static bool plain(struct str name) {
    bool good = name.size > 0 && name.size <= SIGN_IN_NAME_BYTES_MAX && utf8_valid(name);
    for (size_t i = 0; good && i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        // '/' parts the index' names, '@' marks the console.
        good = c > ' ' && c != 0x7f && c != '/' && c != '@' && c != '"' && c != '\\';
    }
    return good;
}

enum err name_fold(struct str name, struct buf *out, struct fault *fault) {
    if (!plain(name)) return fault_set(fault, ERR_INPUT, "people.bad_name", STR_NONE);
    text_fold(name, out);
    enum err err = buf_err(out);
    if (err != OK) return fault_set(fault, err, "base.no_memory", STR_NONE);
    // Full-width signs fold to the plain ones that are refused above.
    if (!plain(buf_str(out))) return fault_set(fault, ERR_INPUT, "people.bad_name", STR_NONE);
    return OK;
}

enum err name_check(struct str name, struct fault *fault) {
    struct buf folded;
    buf_open(&folded, 4 * SIGN_IN_NAME_BYTES_MAX);
    enum err err = name_fold(name, &folded, fault);
    buf_close(&folded);
    return err;
}

// "person/name/FOLDED".
static enum err index_name(struct str name, struct buf *out) {
    struct buf folded;
    buf_open(&folded, 4 * SIGN_IN_NAME_BYTES_MAX);
    enum err err = name_fold(name, &folded, NULL);
    buf_add_text(out, "person/name/");
    buf_add_str(out, buf_str(&folded));
    buf_close(&folded);
    return err == OK ? buf_err(out) : err;
}

// ---- the record ------------------------------------------------------------------------------

enum err person_read(struct str key, struct record_reader *record, struct person *out) {
    if (key.size != 8) return ERR_CORRUPT;
    struct person person = {.id = key_id(key)};
    person.name = record_get_str(record);
    person.display_name = record_get_str(record);
    person.department = record_get_str(record);
    person.stored = record_get_str(record);
    person.roles = (uint32_t)record_get_u64(record);
    uint64_t flags = record_get_u64(record);
    person.disabled = flags & FLAG_DISABLED;
    person.must_change = flags & FLAG_MUST_CHANGE;
    person.console = flags & FLAG_CONSOLE;
    person.created_ms = record_get_i64(record);
    person.last_seen_ms = record_get_i64(record);
    person.failures = record_get_u64(record);
    person.locked_until_ms = record_get_i64(record);
    enum err err = record_end(record);
    if (err == OK) *out = person;
    return err;
}

enum err person_get(struct store_txn *txn, uint64_t id, struct person *out) {
    struct record_reader record;
    struct key key = key_of_id(id);
    enum err err = store_get(txn, TABLE_PERSON, key, &record);
    if (err == OK) err = person_read((struct str){(const char *)key.bytes, key.size}, &record, out);
    return err == OK ? member_load(txn, id, &out->member) : err;
}

enum err person_find(struct store_txn *txn, struct str name, struct person *out) {
    struct buf index;
    uint64_t id = 0;
    buf_open(&index, 1024);
    enum err err = index_name(name, &index);
    if (err == ERR_INPUT) err = ERR_NOT_FOUND;
    if (err == OK) err = index_get(txn, buf_str(&index), &id);
    buf_close(&index);
    return err == OK ? person_get(txn, id, out) : err;
}

enum err person_put(struct store_txn *txn, const struct person *person) {
    struct buf fields;
    buf_open(&fields, PERSON_BYTES_MAX);
    struct record_writer writer = {&fields};
    record_put_str(&writer, person->name);
    record_put_str(&writer, person->display_name);
    record_put_str(&writer, person->department);
    record_put_str(&writer, person->stored);
    record_put_u64(&writer, person->roles);
    record_put_u64(&writer, (person->disabled ? FLAG_DISABLED : 0) |
                                (person->must_change ? FLAG_MUST_CHANGE : 0) |
                                (person->console ? FLAG_CONSOLE : 0));
    record_put_i64(&writer, person->created_ms);
    record_put_i64(&writer, person->last_seen_ms);
    record_put_u64(&writer, person->failures);
    record_put_i64(&writer, person->locked_until_ms);
    enum err err = store_put(txn, TABLE_PERSON, key_of_id(person->id), PERSON_VERSION, &fields);
    buf_close(&fields);
    return err;
}

enum err person_add(struct store_txn *txn, struct person *person) {
    struct buf index;
    uint64_t taken;
    buf_open(&index, 1024);
    enum err err = index_name(person->name, &index);
    if (err == OK) {
        err = index_get(txn, buf_str(&index), &taken);
        err = err == OK ? ERR_CONFLICT : err == ERR_NOT_FOUND ? OK : err;
    }
    if (err == OK) err = store_next_id(txn, TABLE_PERSON, &person->id);
    if (err == OK) err = index_put(txn, buf_str(&index), person->id);
    buf_close(&index);
    if (err != OK) return err;
    if (person->member.tenant == 0) person->member = (struct member){0, TENANT_DEFAULT, caps_none};
    person->member.person = person->id;
    err = member_save(txn, &person->member);
    return err == OK ? person_put(txn, person) : err;
}

void person_write_json(struct json_writer *out, const struct person *person) {
    json_set_u64(out, "id", person->id);
    json_set_text(out, "name", person->name);
    json_set_text(out, "display_name", person->display_name);
    json_set_text(out, "department", person->department);
    json_set_u64(out, "tenant", person->member.tenant);
    caps_write_json(out, "caps", &person->member.caps);
    roles_write_json(out, "roles", person->roles);
    json_set_bool(out, "disabled", person->disabled);
    json_set_bool(out, "password_set", person->stored.size > 0);
    json_set_bool(out, "must_change_password", person->must_change);
    json_set_i64(out, "created_ms", person->created_ms);
    if (person->last_seen_ms)
        json_set_i64(out, "last_seen_ms", person->last_seen_ms);
    else
        json_set_null(out, "last_seen_ms");
}

// ---- officers --------------------------------------------------------------------------------

struct count {
    struct officers officers;
    enum err err;
};

static bool count_one(void *ctx, struct str key, struct record_reader *record) {
    struct count *count = ctx;
    struct person person;
    count->err = person_read(key, record, &person);
    if (count->err != OK) return false;
    if (person.disabled || person.stored.size == 0) return true;
    bool system = person.roles & ROLE_SYSTEM, security = person.roles & ROLE_SECURITY;
    if (system) count->officers.system_count++;
    if (security) count->officers.security_count++;
    if (system && security) count->officers.joined = true;
    return true;
}

enum err officers_count(struct store_txn *txn, struct officers *out) {
    struct count count = {0};
    enum err err = store_scan(txn, TABLE_PERSON, (struct key){0}, false, count_one, &count);
    if (err == OK) err = count.err;
    if (err == OK) *out = count.officers;
    return err;
}

// ---- audit entries ---------------------------------------------------------------------------

enum err note(struct store_txn *txn, struct str actor, const char *action, uint64_t person_id,
              const char *result, struct str detail) {
    char object[32];
    struct buf text;
    buf_open(&text, sizeof object);
    buf_add_text(&text, "person/");
    buf_add_u64(&text, person_id);
    enum err err = buf_err(&text);
    struct audit_entry entry = {.actor = actor,
                                .action = str_of(action),
                                .object = buf_str(&text),
                                .result = str_of(result),
                                .detail = detail};
    if (err == OK) err = audit_append(txn, &entry);
    buf_close(&text);
    return err;
}

struct refusal {
    const struct call *call;
    const char *action;
    uint64_t object;
};

static enum err write_refusal(struct store_txn *txn, void *ctx) {
    const struct refusal *refusal = ctx;
    const struct fault *fault = refusal->call->fault;
    return note(txn, refusal->call->actor.name, refusal->action, refusal->object, "denied",
                fault ? str_of(fault->code) : STR_NONE);
}

enum err refused(struct people *people, const struct call *call, const char *action,
                 uint64_t object, enum err err) {
    if (err != ERR_DENIED || call->actor.person_id == 0) return err;
    struct refusal refusal = {call, action, object};
    // A full store keeps no trace, but it does not let anybody in either.
    enum err written = store_write(people->store, write_refusal, &refusal);
    if (written != OK) log_event(LOG_WARN, "audit.refusal_lost", "err=%s", err_name(written));
    return err;
}

enum err person_keep(struct arena *arena, struct person *person) {
    struct str *texts[] = {&person->name, &person->display_name, &person->department,
                           &person->stored};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *copy = arena_take(arena, texts[i]->size + 1);
        if (!copy) return ERR_MEMORY;
        if (texts[i]->size > 0) memcpy(copy, texts[i]->data, texts[i]->size);
        texts[i]->data = copy;
    }
    return OK;
}
