// The inside of people: the person's record, the lock-out's memory, and what the files of this
// folder share. A change to what a person may is written together with its audit entry, in one
// transaction.
#pragma once

#include <pthread.h>

#include "allocation/policy.h"
#include "base/limits.h"
#include "people/people.h"

enum {
    SIGN_IN_NAME_BYTES_MAX = 64,
    DISPLAY_NAME_BYTES_MAX = LIMIT_NAME_BYTES,
    SESSIONS_MAX = 20, // of one person; the oldest ends
    TOKENS_MAX = 50,   // of one person
    ONE_TIME_PASSWORD_LETTERS = 14,
    LOCKOUT_SLOTS = 2048,
};

// ---- lockout.c: guessing made slow -----------------------------------------------------------
// After FREE failures in a row each further one doubles the wait, up to 15 minutes; failures of a
// day ago count no more. Kept for sign-in names (known or not, alike) and for addresses.
// An attempt counts as failed from its start, so that many at once gain nothing.
struct lockout_slot {
    uint64_t key; // 0: free
    uint64_t failures;
    int64_t until_ms, last_ms;
};
struct lockout {
    pthread_mutex_t mutex; // protects slots
    uint8_t secret[16];    // keys cannot be made to collide from outside
    struct lockout_slot slots[LOCKOUT_SLOTS];
};
void lockout_open(struct lockout *lockout);
void lockout_close(struct lockout *lockout);
// Counts an attempt for `kind` ("name", "address") and `what`. `known_failures` and
// `known_until_ms` are what the store remembers. Returns 0, or the seconds to wait: then nothing
// was counted.
uint64_t lockout_begin(struct lockout *lockout, const char *kind, struct str what,
                       uint64_t known_failures, int64_t known_until_ms);
// The attempt was right: forget its failures.
void lockout_clear(struct lockout *lockout, const char *kind, struct str what);
// Give one attempt back that was neither right nor wrong.
void lockout_undo(struct lockout *lockout, const char *kind, struct str what);
// When the next attempt is allowed after that many failures, the last of them at `last_ms`.
int64_t lockout_until_ms(uint64_t failures, int64_t last_ms);

// ---- the whole -------------------------------------------------------------------------------
struct people {
    struct store *store;
    pthread_mutex_t mutex; // protects setup_needed
    bool setup_needed;
    char setup_code[SHORT_CODE_SIZE]; // written once, in people_open
    struct lockout lockout;
};

// The first officer is there: the code is void and its file removed.
void setup_done(struct people *people);

// ---- person.c: the record --------------------------------------------------------------------
struct person {
    uint64_t id;
    struct str name, display_name, department;
    struct str stored; // the password's stored form; empty: cannot sign in
    uint32_t roles;
    bool disabled, must_change, console;
    int64_t created_ms, last_seen_ms; // 0: never
    uint64_t failures;                // of sign-in, in a row
    int64_t locked_until_ms;
    struct member member; // where they belong; read with person_get, written by itself
};
// Strings live until the transaction ends.
enum err person_get(struct store_txn *txn, uint64_t id, struct person *out) MUST_USE;
enum err person_read(struct str key, struct record_reader *record, struct person *out) MUST_USE;
// Copies the strings into the arena, so that they outlive the transaction they were read in.
enum err person_keep(struct arena *arena, struct person *person) MUST_USE;
enum err person_find(struct store_txn *txn, struct str name, struct person *out) MUST_USE;
enum err person_put(struct store_txn *txn, const struct person *person) MUST_USE;
// Gives it an id and the index entry. ERR_CONFLICT if the name is taken.
enum err person_add(struct store_txn *txn, struct person *person) MUST_USE;
// As the API describes PERSON; members only, the object is the caller's.
void person_write_json(struct json_writer *out, const struct person *person);
// A sign-in name as it is compared: "ＬＩ" is "li". ERR_INPUT "people.bad_name".
enum err name_fold(struct str name, struct buf *out, struct fault *fault) MUST_USE;
enum err name_check(struct str name, struct fault *fault) MUST_USE;

struct officers {
    uint32_t system_count, security_count; // people who can sign in and hold the role
    bool joined;                           // one of them holds both
};
enum err officers_count(struct store_txn *txn, struct officers *out) MUST_USE;

// ---- tenants.c -------------------------------------------------------------------------------
// The department of that name, made at the top if there is none; "": the default one.
enum err person_place(struct store_txn *txn, const struct call *call, struct str department,
                      struct member *member) MUST_USE;
// Makes the first policy out of what departments people have; nothing if there is one.
enum err tenants_begin(struct store *store) MUST_USE;

// ---- operations.c ----------------------------------------------------------------------------
enum err actor_needs_anyone(const struct call *call) MUST_USE;
// "page" and "size" of the query.
enum err list_bounds(const struct call *call, uint64_t *out_page, uint64_t *out_size) MUST_USE;
void list_close(struct call *call, uint64_t total, uint64_t page, uint64_t size);

// ---- roles.c ---------------------------------------------------------------------------------
const char *role_name(uint32_t role); // of one bit; "" if it is none
void roles_write_json(struct json_writer *out, const char *name, uint32_t roles);
// Of a JSON array of names. ERR_INPUT "people.unknown_role".
enum err roles_read(const struct json *node, uint32_t *out, struct fault *fault) MUST_USE;
// ERR_INPUT "people.audit_apart" if these may not be in one hand.
enum err roles_check(uint32_t roles, struct fault *fault) MUST_USE;
// ERR_DENIED "people.not_allowed" unless the actor holds one of `roles`.
enum err actor_needs(const struct call *call, uint32_t roles) MUST_USE;
// Signed in by a session, or at the console: a token may not change what its owner may.
enum err actor_in_person(const struct call *call) MUST_USE;

// ---- password.c ------------------------------------------------------------------------------
// Length, the person's own name, the commonest. ERR_INPUT or ERR_LIMIT with the reason.
enum err password_rules(struct str password, struct str name, struct str display_name,
                        struct fault *fault) MUST_USE;

// ---- session.c -------------------------------------------------------------------------------
enum err session_add(struct store_txn *txn, uint64_t person_id, const struct hash *secret) MUST_USE;
// Ends all sessions of a person but the one whose mark is `keep` (0: all).
enum err sessions_end(struct store_txn *txn, uint64_t person_id, uint64_t keep) MUST_USE;

// ERR_BUSY "people.locked".
enum err locked(struct call *call, uint64_t wait_s) MUST_USE;

// ---- token.c ---------------------------------------------------------------------------------
// ERR_DENIED if there is none or it is over.
enum err token_find(struct store_txn *txn, const struct hash *hash, uint64_t *out_id,
                    uint64_t *out_person, uint32_t *out_roles, int64_t *out_used_ms) MUST_USE;
enum err token_touch(struct store_txn *txn, uint64_t id, uint64_t *out_person) MUST_USE;

// ---- audit entries ---------------------------------------------------------------------------
// Appends {actor, action, "person/ID", result, detail}.
enum err note(struct store_txn *txn, struct str actor, const char *action, uint64_t person_id,
              const char *result, struct str detail) MUST_USE;
// Writes a refusal into the chain and gives back what it was given.
enum err refused(struct people *people, const struct call *call, const char *action,
                 uint64_t object, enum err err);
