// The chain, for the auditor.
#include "people/people_private.h"

// A filter that finds little must not keep a worker for ever: the page goes on from there.
enum { SCANNED_MAX = 100000 };

struct listing {
    struct json_writer *out;
    struct str actor, action;
    uint64_t size, count, scanned, last;
    bool more;
};

static bool list_one(void *ctx, const struct audit_entry *entry) {
    struct listing *listing = ctx;
    if (listing->count == listing->size || listing->scanned == SCANNED_MAX) {
        listing->more = true;
        return false;
    }
    listing->scanned++;
    listing->last = entry->sequence;
    if (listing->actor.size && !str_equal(entry->actor, listing->actor)) return true;
    if (!str_starts(entry->action, listing->action)) return true;
    char hex[SHA256_HEX_SIZE];
    hash_hex(&entry->own, hex);
    json_open_object(listing->out);
    json_set_u64(listing->out, "sequence", entry->sequence);
    json_set_i64(listing->out, "time_ms", entry->time_ms);
    json_set_text(listing->out, "actor", entry->actor);
    json_set_text(listing->out, "action", entry->action);
    json_set_text(listing->out, "object", entry->object);
    json_set_text(listing->out, "result", entry->result);
    json_set_text(listing->out, "detail", entry->detail);
    json_set_text(listing->out, "hash", str_of(hex));
    json_close_object(listing->out);
    listing->count++;
    return true;
}

enum err people_audit_list(struct people *people, struct call *call) {
    struct listing listing = {.out = call->out};
    uint64_t before;
    struct store_txn *txn;
    enum err err = actor_needs(call, ROLE_AUDIT);
    if (err == OK) err = call_query_u64(call, "before", 1, UINT64_MAX, 0, &before);
    if (err == OK) err = call_query_u64(call, "size", 1, 200, 50, &listing.size);
    if (err != OK) return err;
    listing.actor = call_query(call, "actor");
    listing.action = call_query(call, "action");
    err = store_read_begin(people->store, &txn);
    if (err != OK) return store_explain(err, call->fault);
    json_open_object(call->out);
    json_put_name(call->out, "items");
    json_open_array(call->out);
    err = audit_scan(txn, before, list_one, &listing);
    store_read_end(txn);
    json_close_array(call->out);
    if (listing.more)
        json_set_u64(call->out, "next", listing.last);
    else
        json_set_null(call->out, "next");
    json_close_object(call->out);
    return store_explain(err, call->fault);
}

enum err people_audit_verify(struct people *people, struct call *call) {
    struct store_txn *txn;
    struct fault fault = {0};
    struct hash head = {{0}};
    uint64_t count = 0;
    enum err err = actor_needs(call, ROLE_AUDIT);
    if (err != OK) return err;
    err = store_read_begin(people->store, &txn);
    if (err != OK) return store_explain(err, call->fault);
    err = audit_verify(txn, &count, &head, &fault);
    store_read_end(txn);
    if (err != OK && err != ERR_CORRUPT) return store_explain(err, call->fault);
    char hex[SHA256_HEX_SIZE];
    hash_hex(&head, hex);
    json_open_object(call->out);
    json_set_bool(call->out, "ok", err == OK);
    json_set_u64(call->out, "count", count);
    json_set_text(call->out, "head", str_of(hex));
    if (err == OK)
        json_set_null(call->out, "broken_at");
    else
        json_set_u64(call->out, "broken_at", fault.row);
    json_close_object(call->out);
    return OK;
}
