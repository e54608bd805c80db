// Who is it: setup, sign-in, sessions and tokens as they come in by the doors.
//
// A secret is 43 letters of which the store keeps the SHA-256; a token's begins with "cy_". A
// session ends 12 hours after it began, or 2 hours after it was last used.
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "people/people_private.h"

enum { SESSION_VERSION = 1, TOUCH_MS = 60 * 1000, HOUR_MS = 3600 * 1000 };

struct session {
    uint64_t person_id;
    int64_t created_ms, seen_ms;
};

static struct key hash_key(const struct hash *hash) {
    return key_of_str((struct str){(const char *)hash->bytes, sizeof hash->bytes});
}

static uint64_t mark_of(struct str hash) {
    uint64_t mark = 0;
    for (size_t i = 0; i < 8 && i < hash.size; i++) mark = mark << 8 | (uint8_t)hash.data[i];
    return mark ? mark : 1;
}

// ---- session records -------------------------------------------------------------------------

static enum err session_read(struct record_reader *record, struct session *out) {
    struct session session = {.person_id = record_get_u64(record)};
    session.created_ms = record_get_i64(record);
    session.seen_ms = record_get_i64(record);
    enum err err = record_end(record);
    if (err == OK) *out = session;
    return err;
}

static enum err session_put(struct store_txn *txn, const struct hash *hash,
                            const struct session *session) {
    struct buf fields;
    buf_open(&fields, 128);
    struct record_writer writer = {&fields};
    record_put_u64(&writer, session->person_id);
    record_put_i64(&writer, session->created_ms);
    record_put_i64(&writer, session->seen_ms);
    enum err err = store_put(txn, TABLE_SESSION, hash_key(hash), SESSION_VERSION, &fields);
    buf_close(&fields);
    return err;
}

static bool session_over(const struct session *session, int64_t now_ms) {
    return now_ms - session->created_ms >= (int64_t)SESSION_HOURS * HOUR_MS ||
           now_ms - session->seen_ms >= (int64_t)SESSION_IDLE_HOURS * HOUR_MS;
}

struct tidy {
    struct store_txn *txn;
    uint64_t person_id, keep;
    bool end_all;      // of the person's, but `keep`
    uint64_t count;    // of the person's that stay
    int64_t oldest_ms; // the oldest of them
    struct key oldest;
    enum err err;
};

static bool tidy_one(void *ctx, struct str key, struct record_reader *record) {
    struct tidy *tidy = ctx;
    struct session session;
    tidy->err = session_read(record, &session);
    if (tidy->err != OK) return false;
    bool mine = session.person_id == tidy->person_id;
    bool end = session_over(&session, clock_now_ms()) ||
               (mine && tidy->end_all && mark_of(key) != tidy->keep);
    if (end) {
        tidy->err = store_delete(tidy->txn, TABLE_SESSION, key_of_str(key));
        return tidy->err == OK;
    }
    if (!mine) return true;
    if (tidy->count++ == 0 || session.created_ms < tidy->oldest_ms) {
        tidy->oldest_ms = session.created_ms;
        tidy->oldest = key_of_str(key);
    }
    return true;
}

static enum err tidy_sessions(struct tidy *tidy) {
    enum err err = store_scan(tidy->txn, TABLE_SESSION, (struct key){0}, false, tidy_one, tidy);
    return err == OK ? tidy->err : err;
}

enum err session_add(struct store_txn *txn, uint64_t person_id, const struct hash *secret) {
    struct tidy tidy = {.txn = txn, .person_id = person_id};
    enum err err = tidy_sessions(&tidy);
    if (err == OK && tidy.count >= SESSIONS_MAX)
        err = store_delete(txn, TABLE_SESSION, tidy.oldest);
    int64_t now_ms = clock_now_ms();
    struct session session = {person_id, now_ms, now_ms};
    return err == OK ? session_put(txn, secret, &session) : err;
}

enum err sessions_end(struct store_txn *txn, uint64_t person_id, uint64_t keep) {
    struct tidy tidy = {.txn = txn, .person_id = person_id, .keep = keep, .end_all = true};
    return tidy_sessions(&tidy);
}

// ---- setup -----------------------------------------------------------------------------------

struct entry {
    struct people *people;
    struct call *call;
    struct person person;
    struct hash secret;
};

static enum err write_setup(struct store_txn *txn, void *ctx) {
    struct entry *entry = ctx;
    struct officers officers;
    enum err err = officers_count(txn, &officers);
    if (err == OK && officers.system_count > 0) return ERR_CONFLICT;
    if (err == OK) err = person_add(txn, &entry->person);
    if (err == OK) err = session_add(txn, entry->person.id, &entry->secret);
    if (err != OK) return err;
    return note(txn, entry->person.name, "people.setup", entry->person.id, "ok",
                STR("system,security"));
}

// 43 letters, and what the store keeps of them.
static struct hash make_secret(char secret[static SECRET_SIZE]) {
    random_code(secret, SECRET_SIZE - 1);
    return sha256_of(secret, SECRET_SIZE - 1);
}

static uint64_t attempt(struct people *people, struct str name, const struct person *person,
                        struct str address) {
    struct lockout *lockout = &people->lockout;
    uint64_t wait_s = lockout_begin(lockout, "address", address, 0, 0);
    if (wait_s) return wait_s;
    wait_s = lockout_begin(lockout, "name", name, person ? person->failures : 0,
                           person ? person->locked_until_ms : 0);
    if (wait_s) lockout_undo(lockout, "address", address);
    return wait_s;
}

enum err locked(struct call *call, uint64_t wait_s) {
    char text[24];
    struct buf buf;
    buf_open(&buf, sizeof text);
    buf_add_u64(&buf, wait_s);
    enum err err = fault_set(call->fault, ERR_BUSY, "people.locked", buf_str(&buf));
    buf_close(&buf);
    return err;
}

static enum err conflict(struct call *call, struct people *people, enum err err) {
    if (err != ERR_CONFLICT) return store_explain(err, call->fault);
    bool done = people_setup_code(people) == NULL;
    return fault_set(call->fault, err, done ? "people.setup_done" : "people.name_taken", STR_NONE);
}

enum err people_setup(struct people *people, struct call *call, struct str address,
                      char secret[static SECRET_SIZE]) {
    struct str code, password;
    struct entry entry = {.people = people, .call = call};
    struct person *person = &entry.person;
    if (!people_setup_code(people)) {
        return fault_set(call->fault, ERR_CONFLICT, "people.setup_done", STR_NONE);
    }
    enum err err = call_text(call, "code", 1, 64, &code);
    if (err == OK) err = call_text(call, "name", 1, SIGN_IN_NAME_BYTES_MAX, &person->name);
    if (err == OK)
        err = call_text(call, "display_name", 0, DISPLAY_NAME_BYTES_MAX, &person->display_name);
    if (err == OK) err = call_text(call, "password", 1, PASSWORD_BYTES_MAX, &password);
    if (err == OK) err = name_check(person->name, call->fault);
    if (err == OK) err = password_rules(password, person->name, person->display_name, call->fault);
    if (err != OK) return err;
    uint64_t wait_s = attempt(people, STR("@setup"), NULL, address);
    if (wait_s) return locked(call, wait_s);
    if (!short_code_fits(people->setup_code, code)) {
        return fault_set(call->fault, ERR_DENIED, "people.wrong_code", STR_NONE);
    }
    lockout_clear(&people->lockout, "address", address);
    lockout_clear(&people->lockout, "name", STR("@setup"));

    char stored[PASSWORD_STORED_SIZE];
    password_store(password, stored);
    person->stored = str_of(stored);
    if (person->display_name.size == 0) person->display_name = person->name;
    person->roles = ROLE_SYSTEM | ROLE_SECURITY;
    person->created_ms = person->last_seen_ms = clock_now_ms();
    entry.secret = make_secret(secret);
    err = store_write(people->store, write_setup, &entry);
    if (err == OK) {
        setup_done(people);
        json_open_object(call->out);
        person_write_json(call->out, person);
        json_close_object(call->out);
    }
    bytes_wipe(stored, sizeof stored);
    return err == OK ? OK : conflict(call, people, err);
}

// ---- sign in ---------------------------------------------------------------------------------

static enum err write_session(struct store_txn *txn, void *ctx) {
    struct entry *entry = ctx;
    struct person person;
    enum err err = person_get(txn, entry->person.id, &person);
    if (err != OK) return err;
    // Since the password was looked at, it may have been changed, or the person disabled.
    if (person.disabled || !str_equal(person.stored, entry->person.stored)) return ERR_DENIED;
    person.failures = 0;
    person.locked_until_ms = 0;
    person.last_seen_ms = clock_now_ms();
    err = person_put(txn, &person);
    if (err == OK) err = session_add(txn, person.id, &entry->secret);
    if (err == OK) err = note(txn, person.name, "session.open", person.id, "ok", STR_NONE);
    return err;
}

// A refusal is written down for a known and an unknown name alike, so that both take as long.
// What was typed as a name is not: it may be a password.
static enum err write_refused(struct store_txn *txn, void *ctx) {
    struct entry *entry = ctx;
    struct person person;
    if (entry->person.id == 0) {
        return note(txn, STR("unknown"), "session.open", 0, "denied", STR_NONE);
    }
    enum err err = person_get(txn, entry->person.id, &person);
    if (err != OK) return err;
    person.failures++;
    person.locked_until_ms = lockout_until_ms(person.failures, clock_now_ms());
    err = person_put(txn, &person);
    return err == OK ? note(txn, person.name, "session.open", person.id, "denied", STR_NONE) : err;
}

// Looks the person up and copies what must outlive the transaction into the arena.
static enum err find_copy(struct people *people, struct str name, struct arena *arena,
                          struct person *out) {
    struct store_txn *txn;
    enum err err = store_read_begin(people->store, &txn);
    if (err != OK) return err;
    struct person person;
    err = person_find(txn, name, &person);
    if (err == OK) err = person_keep(arena, &person);
    store_read_end(txn);
    if (err == OK) *out = person;
    return err;
}

enum err people_sign_in(struct people *people, struct call *call, struct str address,
                        char secret[static SECRET_SIZE]) {
    struct str name, password;
    struct entry entry = {.people = people, .call = call};
    struct buf folded;
    buf_open(&folded, 4 * SIGN_IN_NAME_BYTES_MAX);
    enum err err = call_text(call, "name", 1, SIGN_IN_NAME_BYTES_MAX, &name);
    if (err == OK) err = call_text(call, "password", 1, PASSWORD_BYTES_MAX, &password);
    if (err != OK) return err;
    text_fold(name, &folded);
    err = find_copy(people, name, call->arena, &entry.person);
    bool known = err == OK;
    if (err == ERR_NOT_FOUND) err = buf_err(&folded);
    if (err != OK) goto done;

    uint64_t wait_s = attempt(people, buf_str(&folded), known ? &entry.person : NULL, address);
    if (wait_s) {
        err = locked(call, wait_s);
        goto done;
    }
    bool can = known && !entry.person.disabled && entry.person.stored.size > 0;
    bool right = password_check(password, can ? entry.person.stored : STR_NONE);
    err = ERR_DENIED;
    if (can && right) {
        entry.secret = make_secret(secret);
        err = store_write_freeing(people->store, write_session, &entry);
    }
    if (err == ERR_DENIED) {
        enum err written = store_write(people->store, write_refused, &entry);
        err = written == OK ? fault_set(call->fault, err, "people.wrong_password", STR_NONE)
                            : written;
        goto done;
    }
    if (err != OK) goto done;
    lockout_clear(&people->lockout, "name", buf_str(&folded));
    lockout_clear(&people->lockout, "address", address);
    json_open_object(call->out);
    entry.person.last_seen_ms = clock_now_ms();
    person_write_json(call->out, &entry.person);
    json_close_object(call->out);
done:
    buf_close(&folded);
    return err == OK ? OK : store_explain(err, call->fault);
}

// ---- who asks --------------------------------------------------------------------------------

struct touch {
    struct hash hash;
    bool token;
    uint64_t id; // the token's
};

// Notes that the session or token is in use, if it is still there.
static enum err write_touch(struct store_txn *txn, void *ctx) {
    struct touch *touch = ctx;
    uint64_t person_id = 0;
    enum err err;
    if (touch->token) {
        err = token_touch(txn, touch->id, &person_id);
    } else {
        struct session session;
        struct record_reader record;
        err = store_get(txn, TABLE_SESSION, hash_key(&touch->hash), &record);
        if (err == OK) err = session_read(&record, &session);
        if (err == OK) {
            session.seen_ms = clock_now_ms();
            person_id = session.person_id;
            err = session_put(txn, &touch->hash, &session);
        }
    }
    struct person person;
    if (err == OK) err = person_get(txn, person_id, &person);
    if (err != OK) return err;
    person.last_seen_ms = clock_now_ms();
    return person_put(txn, &person);
}

// Whose session it is; ERR_DENIED if there is none or it is over.
static enum err session_find(struct store_txn *txn, const struct hash *hash, uint64_t *out_person,
                             int64_t *out_seen_ms) {
    struct record_reader record;
    struct session session;
    enum err err = store_get(txn, TABLE_SESSION, hash_key(hash), &record);
    if (err == OK) err = session_read(&record, &session);
    if (err != OK) return err == ERR_NOT_FOUND ? ERR_DENIED : err;
    if (session_over(&session, clock_now_ms())) return ERR_DENIED;
    *out_person = session.person_id;
    *out_seen_ms = session.seen_ms;
    return OK;
}

static enum err actor_of(struct store_txn *txn, uint64_t person_id, uint32_t roles,
                         struct arena *arena, struct actor *out) {
    struct person person;
    enum err err = person_get(txn, person_id, &person);
    if (err == ERR_NOT_FOUND || (err == OK && person.disabled)) return ERR_DENIED;
    if (err != OK) return err;
    char *name = arena_take(arena, person.name.size + 1);
    if (!name) return ERR_MEMORY;
    if (person.name.size > 0) memcpy(name, person.name.data, person.name.size);
    // Who must change the password may do that and nothing else.
    out->roles = person.must_change ? 0 : person.roles & roles;
    out->name = (struct str){name, person.name.size};
    out->person_id = person.id;
    return OK;
}

static enum err actor_read(struct people *people, struct str secret, struct arena *arena,
                           struct actor *out, struct touch *touch, bool *out_due) {
    if (secret.size != SECRET_SIZE - 1) return ERR_DENIED;
    *touch = (struct touch){.hash = sha256_of(secret.data, secret.size),
                            .token = str_starts(secret, STR("cy_"))};
    struct store_txn *txn;
    struct actor actor = {0};
    uint64_t person_id = 0;
    uint32_t roles = ROLE_ANYONE_SIGNED_IN;
    int64_t seen_ms = 0;
    enum err err = store_read_begin(people->store, &txn);
    if (err != OK) return err;
    if (touch->token) {
        err = token_find(txn, &touch->hash, &touch->id, &person_id, &roles, &seen_ms);
    } else {
        err = session_find(txn, &touch->hash, &person_id, &seen_ms);
        actor.session = mark_of((struct str){(const char *)touch->hash.bytes, SHA256_BYTES});
    }
    if (err == OK) err = actor_of(txn, person_id, roles, arena, &actor);
    store_read_end(txn);
    if (err != OK) return err;
    *out_due = clock_now_ms() - seen_ms >= TOUCH_MS;
    *out = actor;
    return OK;
}

enum err people_actor_look(struct people *people, struct str secret, struct arena *arena,
                           struct actor *out, bool *out_due) {
    struct touch touch;
    return actor_read(people, secret, arena, out, &touch, out_due);
}

enum err people_actor(struct people *people, struct str secret, struct arena *arena,
                      struct actor *out) {
    struct touch touch;
    bool due = false;
    enum err err = actor_read(people, secret, arena, out, &touch, &due);
    // Best effort: a store that is full must not keep those out who can free it.
    if (err == OK && due) (void)!store_write(people->store, write_touch, &touch);
    return err;
}

uint32_t people_roles(struct people *people, uint64_t person) {
    struct store_txn *txn;
    struct person found;
    if (store_read_begin(people->store, &txn) != OK) return 0;
    bool there = person_get(txn, person, &found) == OK && !found.disabled;
    uint32_t roles = there ? found.roles : 0;
    store_read_end(txn);
    return roles;
}

static enum err write_sign_out(struct store_txn *txn, void *ctx) {
    const struct hash *hash = ctx;
    struct record_reader record;
    struct session session;
    struct person person;
    enum err err = store_get(txn, TABLE_SESSION, hash_key(hash), &record);
    if (err == OK) err = session_read(&record, &session);
    if (err == OK) err = store_delete(txn, TABLE_SESSION, hash_key(hash));
    if (err == OK) err = person_get(txn, session.person_id, &person);
    if (err == OK) err = note(txn, person.name, "session.close", person.id, "ok", STR_NONE);
    return err;
}

enum err people_sign_out(struct people *people, struct str secret) {
    struct hash hash = sha256_of(secret.data, secret.size);
    enum err err = store_write_freeing(people->store, write_sign_out, &hash);
    return err == ERR_NOT_FOUND ? ERR_DENIED : err;
}
