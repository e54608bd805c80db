// Compute vouchers (算力券): units paid for beforehand. A voucher is a text that the issuing box
// has signed (ECDSA, the key of its bundles): who issued it, on which box it is good, for whom, how
// many units, from when until when, for which use, how much of it one job may take. What is left of
// it is a record of the box on which it is good; the ledger tells every change. A text is taken in
// once: its serial number is remembered for ever. Read and written inside a transaction of store.h;
// what is loaded lives in the arena. Depends on store/. Any thread.
#pragma once

#include "allocation/policy.h"
#include "base/sign.h"

enum voucher_use { USE_ANY, USE_CLEANSE, USE_TRAIN, USE_COUNT };
const char *voucher_use_name(enum voucher_use use);
// What a step of the data's way is: "train" trains, "import", "check", "cleanse" cleanse.
enum voucher_use voucher_use_of_step(struct str step);

enum voucher_holder { HOLDER_TENANT, HOLDER_PERSON, HOLDER_COUNT };
const char *voucher_holder_name(enum voucher_holder holder);

enum {
    VOUCHERS_MAX = 10000,     // of one box: each payment looks through them
    VOUCHER_SERIAL_SIZE = 33, // 32 hexadecimal digits
    VOUCHER_BOX_SIZE = 20,    // the fingerprint of a box's key
    VOUCHER_TEXT_BYTES = 2048,
};
struct voucher {
    uint64_t id;
    struct str serial, issuer, box; // issuer, box: fingerprints of keys
    enum voucher_holder holder;
    uint64_t holder_id; // 0 on a voucher for another box
    struct str holder_name;
    int64_t units, left; // millionths
    int64_t from_ms, until_ms;
    enum voucher_use use;
    int64_t job_cap; // of one job; 0: no cap
    int64_t created_ms;
    uint64_t actor_id; // who issued it or took it in
    struct str actor_name, text;
    bool imported, away; // away: good on another box, not here
    int64_t revoked_ms;  // 0: not
    struct str revoked_by, reason;
};
enum voucher_state {
    VOUCHER_GOOD,
    VOUCHER_EARLY,
    VOUCHER_SPENT,
    VOUCHER_EXPIRED,
    VOUCHER_REVOKED,
    VOUCHER_AWAY
};
enum voucher_state voucher_state(const struct voucher *voucher, int64_t now_ms);
const char *voucher_state_name(enum voucher_state state);

enum err voucher_read(struct record_reader *record, struct arena *arena,
                      struct voucher *out) MUST_USE;
enum err voucher_load(struct store_txn *txn, struct arena *arena, uint64_t id,
                      struct voucher *out) MUST_USE;
// Gives a new one its id, remembers its serial (ERR_CONFLICT if it is known) and books its units.
// ERR_LIMIT: there are VOUCHERS_MAX.
enum err voucher_add(struct store_txn *txn, struct voucher *voucher) MUST_USE;
// What is left becomes void, and is booked so. ERR_CONFLICT if it was revoked before.
enum err voucher_revoke(struct store_txn *txn, struct voucher *voucher, struct str actor,
                        struct str reason) MUST_USE;
// Oldest first.
enum err vouchers_scan(struct store_txn *txn, struct arena *arena,
                       bool (*visit)(void *ctx, const struct voucher *voucher), void *ctx) MUST_USE;

// ---- paying ----------------------------------------------------------------------------------
struct voucher_bill {
    uint64_t job, attempt, person, tenant;
    struct str step, person_name, tenant_path;
    uint64_t month;
    int64_t started_ms; // a voucher good then pays
    int64_t units;
};
// Is it good for this person, tenant, step and time, and is anything left in it?
bool voucher_pays(const struct voucher *voucher, const struct policy *policy, uint64_t person,
                  uint64_t tenant, struct str step, int64_t at_ms);
// Takes what it can out of those that are good, the one that ends first first, and gives it back
// again if `undo`. *out_units: how much the vouchers have paid.
enum err vouchers_pay(struct store_txn *txn, struct arena *arena, const struct policy *policy,
                      const struct voucher_bill *bill, bool undo, int64_t *out_units) MUST_USE;
// How many units the good ones hold for this person and step (STR_NONE: any).
enum err vouchers_left(struct store_txn *txn, struct arena *arena, const struct policy *policy,
                       uint64_t person, uint64_t tenant, struct str step,
                       int64_t *out_units) MUST_USE;

// ---- the text (voucher_text.c) -----------------------------------------------------------------
// "CYV1.FIELDS.SIGNATURE" in base64url.
enum err voucher_sign(const struct voucher *voucher, const struct sign_key *key,
                      struct buf *out) MUST_USE;
// Fills what the text says; strings live in the arena. ERR_INPUT "voucher.unreadable" for what is
// none. Whether somebody signed it is for voucher_verify.
enum err voucher_parse(struct str text, struct arena *arena, struct voucher *out,
                       struct fault *fault) MUST_USE;
bool voucher_verify(struct str text, const struct verify_key *key) MUST_USE;
