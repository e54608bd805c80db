// People: who they are, what they may, how they sign in. Passwords as PBKDF2, sessions and API
// tokens as SHA-256 of their secret, lock-out with growing delay, a one-time setup code for the
// first start. Three officers apart: nobody holds `audit` together with `system` or `security`;
// only `security` grants roles and only `system` makes and disables people; no one changes their
// own roles. The first person, made with the setup code, holds system and security so that a small
// office can begin; "people.officers_joined" is shown until a second person takes one of them over.
// Everybody belongs to a department or project of the allocation policy, which system changes.
// Everything here goes to the audit chain. Depends on store/ and allocation/'s policy. Any thread.
#pragma once

#include "base/call.h"
#include "store/store.h"

enum {
    PASSWORD_BYTES_MIN = 10, // characters are counted; OWASP asks for 8, we for 10
    PASSWORD_BYTES_MAX = 256,
    SESSION_HOURS = 12, // absolute; 2 hours idle
    SESSION_IDLE_HOURS = 2,
    SECRET_SIZE = 44, // a session's or token's secret with its NUL
};

struct people;
// Reads the folder's keys/setup_code, or makes one if no person has the system role.
enum err people_open(struct store *store, struct people **out, struct fault *fault) MUST_USE;
void people_close(struct people *people);
// The setup code while setup is needed, else NULL. Valid until people_close.
const char *people_setup_code(const struct people *people);

// ---- doors' part: who is it ------------------------------------------------------------------
// Both write the secret for the cookie and log it nowhere. `address` is for the lock-out only.
// body {code, name, display_name, password}: makes the first person and a session.
enum err people_setup(struct people *people, struct call *call, struct str address,
                      char secret[static SECRET_SIZE]) MUST_USE;
// body {name, password}. ERR_DENIED "people.wrong_password" (the same, and as slow, for an unknown
// name), ERR_BUSY "people.locked" (detail: seconds to wait). Slow on purpose: call from a worker.
enum err people_sign_in(struct people *people, struct call *call, struct str address,
                        char secret[static SECRET_SIZE]) MUST_USE;
// From a cookie's or a bearer token's secret; ERR_DENIED if none fits. Fast (one read; the idle
// time is written at most once a minute). actor->name lives in the arena.
enum err people_actor(struct people *people, struct str secret, struct arena *arena,
                      struct actor *out) MUST_USE;
// The same without ever waiting for the disk: a read and nothing else. *out_due tells that the idle
// time wants to be written: call people_actor where waiting hurts nobody.
enum err people_actor_look(struct people *people, struct str secret, struct arena *arena,
                           struct actor *out, bool *out_due) MUST_USE;
// The roles a person has now; 0 where there is none of that id, or they are disabled.
uint32_t people_roles(struct people *people, uint64_t person);
enum err people_sign_out(struct people *people, struct str secret) MUST_USE;

// ---- operations (struct call; see the API's description for bodies and answers) ----------------
enum err people_me(struct people *people, struct call *call) MUST_USE;
// body `password`: the actor's own, asked again before what cannot be taken back. In person only,
// and counted for the lock-out as a sign-in is. ERR_DENIED "people.wrong_password", noted in the
// chain as a refusal of `action`; ERR_BUSY "people.locked".
enum err people_password_again(struct people *people, struct call *call,
                               const char *action) MUST_USE;
enum err people_password_change(struct people *people, struct call *call) MUST_USE;
enum err people_list(struct people *people, struct call *call) MUST_USE;
// Answers a one-time password.
enum err people_create(struct people *people, struct call *call) MUST_USE;
enum err people_change(struct people *people, struct call *call) MUST_USE; // roles, disabled, …
enum err people_password_reset(struct people *people, struct call *call) MUST_USE;
enum err people_token_list(struct people *people, struct call *call) MUST_USE;
// Answers the secret, once.
enum err people_token_create(struct people *people, struct call *call) MUST_USE;
enum err people_token_delete(struct people *people, struct call *call) MUST_USE;
// The policy of departments and what they may use: see allocation/policy.h. System changes it.
enum err people_policy_show(struct people *people, struct call *call) MUST_USE;
enum err people_policy_check(struct people *people, struct call *call) MUST_USE; // saves nothing
enum err people_policy_save(struct people *people, struct call *call) MUST_USE;
enum err people_policy_versions(struct people *people, struct call *call) MUST_USE;
enum err people_policy_restore(struct people *people, struct call *call) MUST_USE; // {id}: version
enum err people_audit_list(struct people *people, struct call *call) MUST_USE;
enum err people_audit_verify(struct people *people, struct call *call) MUST_USE;
// From the console only: makes a person who cannot sign in until given a password, or finds them.
enum err people_console_actor(struct people *people, struct str name, uint32_t roles,
                              struct arena *arena, struct actor *out, struct fault *fault) MUST_USE;
