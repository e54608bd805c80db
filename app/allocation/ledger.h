// The ledger: what was used, what it cost, which voucher paid, in a chain. Each entry holds the
// SHA-256 of the one before, as the audit chain does; nothing is ever changed or taken out. Entries
// are appended inside the transaction that makes them true. Sums beside it (usage.h) are for
// looking up; ledger_verify adds everything up anew and holds it against them.
// Numbers are exact: units in millionths, amounts as resource × milliseconds.
// Depends on store/. Any thread.
#pragma once

#include "allocation/policy.h"

enum ledger_kind {
    LEDGER_ATTEMPT,        // an attempt has ended: `units`, of which vouchers paid voucher_units
    LEDGER_REFUND,         // its units come back (negative): the box was at fault
    LEDGER_VOUCHER_ISSUE,  // units are put into a voucher
    LEDGER_VOUCHER_IMPORT, // the same, from another box
    LEDGER_VOUCHER_USE,    // units are taken out of it
    LEDGER_VOUCHER_REFUND, // and put back
    LEDGER_VOUCHER_REVOKE, // what was left in it is void
    LEDGER_SERVE,          // tokens and requests of a served model
    LEDGER_KIND_COUNT
};
const char *ledger_kind_name(enum ledger_kind kind); // "attempt", "refund", "voucher.issue", …

struct ledger_entry {
    uint64_t sequence; // filled by the ledger, from 1 without gaps
    int64_t time_ms;   // filled by the ledger
    enum ledger_kind kind;
    uint64_t job, attempt;
    struct str step;
    uint64_t person;
    struct str person_name, tenant_path; // as they were then
    uint64_t tenant, voucher;
    int64_t units, voucher_units;
    int64_t amount_ms[SHARE_COUNT];
    uint64_t tokens, requests;
    uint64_t month; // 202611: where it is counted
    struct hash previous, own;
};
enum err ledger_append(struct store_txn *txn, const struct ledger_entry *entry) MUST_USE;
// Newest first from `before` (0: the newest). Strings live until visit returns.
enum err ledger_scan(struct store_txn *txn, uint64_t before,
                     bool (*visit)(void *ctx, const struct ledger_entry *entry),
                     void *ctx) MUST_USE;

struct ledger_state {
    uint64_t count;
    struct hash head;
    int64_t units, voucher_units; // of all attempts, less what came back
};
// Walks the chain and adds up. ERR_CORRUPT "ledger.broken" (row: the first sequence that does not
// fit), "ledger.sums_differ" (the sums of usage.h say otherwise), "ledger.voucher_differs" (detail:
// the voucher's id).
enum err ledger_verify(struct store_txn *txn, struct arena *arena, struct ledger_state *out,
                       struct fault *fault) MUST_USE;
