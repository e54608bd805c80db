// API tokens: a person's own, with at most their roles, until a day they choose.
#include "base/clock.h"
#include "people/people_private.h"

enum { TOKEN_VERSION = 1, DAY_MS = 24 * 3600 * 1000, TOKEN_DAYS_MAX = 366 };

struct token {
    uint64_t id, person_id;
    struct str name;
    uint32_t roles;
    struct hash hash;
    int64_t created_ms, expires_ms, used_ms; // 0: never
};

static enum err token_read(struct str key, struct record_reader *record, struct token *out) {
    if (key.size != 8) return ERR_CORRUPT;
    struct token token = {.id = key_id(key)};
    token.person_id = record_get_u64(record);
    token.name = record_get_str(record);
    token.roles = (uint32_t)record_get_u64(record);
    token.hash = record_get_hash(record);
    token.created_ms = record_get_i64(record);
    token.expires_ms = record_get_i64(record);
    token.used_ms = record_get_i64(record);
    enum err err = record_end(record);
    if (err == OK) *out = token;
    return err;
}

static enum err token_get(struct store_txn *txn, uint64_t id, struct token *out) {
    struct key key = key_of_id(id);
    struct record_reader record;
    enum err err = store_get(txn, TABLE_TOKEN, key, &record);
    if (err != OK) return err;
    return token_read((struct str){(const char *)key.bytes, key.size}, &record, out);
}

static enum err token_put(struct store_txn *txn, const struct token *token) {
    struct buf fields;
    buf_open(&fields, 2048);
    struct record_writer writer = {&fields};
    record_put_u64(&writer, token->person_id);
    record_put_str(&writer, token->name);
    record_put_u64(&writer, token->roles);
    record_put_hash(&writer, &token->hash);
    record_put_i64(&writer, token->created_ms);
    record_put_i64(&writer, token->expires_ms);
    record_put_i64(&writer, token->used_ms);
    enum err err = store_put(txn, TABLE_TOKEN, key_of_id(token->id), TOKEN_VERSION, &fields);
    buf_close(&fields);
    return err;
}

// "token/hash/HEX".
static struct str index_name(const struct hash *hash, struct buf *out) {
    char hex[SHA256_HEX_SIZE];
    hash_hex(hash, hex);
    buf_clear(out);
    buf_add_text(out, "token/hash/");
    buf_add_text(out, hex);
    return buf_str(out);
}

enum err token_find(struct store_txn *txn, const struct hash *hash, uint64_t *out_id,
                    uint64_t *out_person, uint32_t *out_roles, int64_t *out_used_ms) {
    struct buf name;
    struct token token;
    uint64_t id = 0;
    buf_open(&name, 256);
    (void)index_name(hash, &name);
    enum err err = buf_err(&name);
    if (err == OK) err = index_get(txn, buf_str(&name), &id);
    buf_close(&name);
    if (err == OK) err = token_get(txn, id, &token);
    if (err != OK) return err == ERR_NOT_FOUND ? ERR_DENIED : err;
    if (token.expires_ms && clock_now_ms() >= token.expires_ms) return ERR_DENIED;
    *out_id = id;
    *out_person = token.person_id;
    *out_roles = token.roles;
    *out_used_ms = token.used_ms;
    return OK;
}

enum err token_touch(struct store_txn *txn, uint64_t id, uint64_t *out_person) {
    struct token token;
    enum err err = token_get(txn, id, &token);
    if (err != OK) return err;
    token.used_ms = clock_now_ms();
    err = token_put(txn, &token);
    if (err == OK) *out_person = token.person_id;
    return err;
}

static enum err token_remove(struct store_txn *txn, const struct token *token) {
    struct buf name;
    buf_open(&name, 256);
    (void)index_name(&token->hash, &name);
    enum err err = buf_err(&name);
    if (err == OK) err = index_delete(txn, buf_str(&name));
    if (err == OK) err = store_delete(txn, TABLE_TOKEN, key_of_id(token->id));
    buf_close(&name);
    return err;
}

// ---- operations ------------------------------------------------------------------------------

static void put_time_or_null(struct json_writer *out, const char *name, int64_t time_ms) {
    if (time_ms)
        json_set_i64(out, name, time_ms);
    else
        json_set_null(out, name);
}

static void token_write_json(struct json_writer *out, const struct token *token) {
    json_set_u64(out, "id", token->id);
    json_set_text(out, "name", token->name);
    roles_write_json(out, "roles", token->roles);
    json_set_i64(out, "created_ms", token->created_ms);
    put_time_or_null(out, "expires_ms", token->expires_ms);
    put_time_or_null(out, "last_used_ms", token->used_ms);
}

struct listing {
    struct call *call;
    uint64_t skip, size, seen;
    enum err err;
};

static bool list_one(void *ctx, struct str key, struct record_reader *record) {
    struct listing *listing = ctx;
    struct token token;
    listing->err = token_read(key, record, &token);
    if (listing->err != OK) return false;
    if (token.person_id != listing->call->actor.person_id) return true;
    uint64_t at = listing->seen++;
    if (at < listing->skip || at - listing->skip >= listing->size) return true;
    json_open_object(listing->call->out);
    token_write_json(listing->call->out, &token);
    json_close_object(listing->call->out);
    return true;
}

enum err people_token_list(struct people *people, struct call *call) {
    uint64_t page, size;
    enum err err = actor_needs_anyone(call);
    if (err == OK) err = list_bounds(call, &page, &size);
    if (err != OK) return err;
    struct listing listing = {.call = call, .skip = (page - 1) * size, .size = size};
    struct store_txn *txn;
    err = store_read_begin(people->store, &txn);
    if (err != OK) return store_explain(err, call->fault);
    json_open_object(call->out);
    json_put_name(call->out, "items");
    json_open_array(call->out);
    err = store_scan(txn, TABLE_TOKEN, (struct key){0}, true, list_one, &listing);
    store_read_end(txn);
    json_close_array(call->out);
    list_close(call, listing.seen, page, size);
    if (err == OK) err = listing.err;
    return store_explain(err, call->fault);
}

struct making {
    struct call *call;
    struct token token;
    uint64_t own; // how many this person has
    enum err err;
};

static bool count_own(void *ctx, struct str key, struct record_reader *record) {
    struct making *making = ctx;
    struct token token;
    making->err = token_read(key, record, &token);
    if (making->err == OK && token.person_id == making->token.person_id) making->own++;
    return making->err == OK;
}

static enum err write_token(struct store_txn *txn, void *ctx) {
    struct making *making = ctx;
    struct token *token = &making->token;
    struct person person;
    enum err err = person_get(txn, token->person_id, &person);
    if (err == OK) err = store_scan(txn, TABLE_TOKEN, (struct key){0}, false, count_own, making);
    if (err == OK) err = making->err;
    if (err == OK && making->own >= TOKENS_MAX) {
        return fault_set(making->call->fault, ERR_LIMIT, "people.tokens_full", STR_NONE);
    }
    if (err == OK) err = store_next_id(txn, TABLE_TOKEN, &token->id);
    if (err == OK) err = token_put(txn, token);
    struct buf name;
    buf_open(&name, 256);
    (void)index_name(&token->hash, &name);
    if (err == OK) err = buf_err(&name);
    if (err == OK) err = index_put(txn, buf_str(&name), token->id);
    buf_close(&name);
    if (err == OK)
        err = note(txn, making->call->actor.name, "token.create", person.id, "ok", token->name);
    return err;
}

enum err people_token_create(struct people *people, struct call *call) {
    struct making making = {.call = call};
    struct token *token = &making.token;
    const struct json *roles = json_member(call->body, "roles");
    const struct json *expires = json_member(call->body, "expires_days");
    uint64_t days = 0;
    enum err err = actor_in_person(call);
    if (err == OK) err = call_text(call, "name", 1, LIMIT_NAME_BYTES, &token->name);
    token->roles = call->actor.roles;
    if (err == OK && roles && !json_is_null(roles)) {
        err = roles_read(roles, &token->roles, call->fault);
        if (err == OK && (token->roles & ~call->actor.roles)) {
            err = fault_set(call->fault, ERR_DENIED, "people.token_roles", STR_NONE);
        }
    }
    if (err == OK && expires && !json_is_null(expires) &&
        (!json_u64(expires, &days) || days < 1 || days > TOKEN_DAYS_MAX)) {
        err = fault_set(call->fault, ERR_INPUT, "call.bad_number", STR("expires_days"));
    }
    if (err != OK) return refused(people, call, "token.create", call->actor.person_id, err);
    char secret[SECRET_SIZE] = "cy_";
    random_code(secret + 3, SECRET_SIZE - 1 - 3);
    token->hash = sha256_of(secret, SECRET_SIZE - 1);
    token->person_id = call->actor.person_id;
    token->created_ms = clock_now_ms();
    token->expires_ms = days ? token->created_ms + (int64_t)days * DAY_MS : 0;
    err = store_write(people->store, write_token, &making);
    if (err == OK) {
        json_open_object(call->out);
        token_write_json(call->out, token);
        json_set_text(call->out, "secret", str_of(secret));
        json_close_object(call->out);
    }
    bytes_wipe(secret, sizeof secret);
    return store_explain(err, call->fault);
}

static enum err write_removal(struct store_txn *txn, void *ctx) {
    struct call *call = ctx;
    struct token token;
    enum err err = token_get(txn, call->id, &token);
    // Another's token is as good as absent.
    if (err == OK && token.person_id != call->actor.person_id) err = ERR_NOT_FOUND;
    if (err == OK) err = token_remove(txn, &token);
    if (err == OK)
        err = note(txn, call->actor.name, "token.delete", token.person_id, "ok", token.name);
    return err;
}

enum err people_token_delete(struct people *people, struct call *call) {
    enum err err = actor_in_person(call);
    if (err != OK) return refused(people, call, "token.delete", call->actor.person_id, err);
    err = store_write_freeing(people->store, write_removal, call);
    if (err == ERR_NOT_FOUND) return fault_set(call->fault, err, "people.no_such_token", STR_NONE);
    return store_explain(err, call->fault);
}
