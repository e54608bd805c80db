// Compute vouchers as people handle them: issued for a department or a person here, or for another
// box by its fingerprint; taken in from a box whose key a security officer has entered; listed,
// revoked. What pays for which job is in allocation/voucher.c.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "allocation/voucher.h"
#include "base/clock.h"
#include "base/text.h"
#include "data/exchange/bundle.h"
#include "flow/flow_private.h"

enum { ISSUER_VERSION = 1, REASON_BYTES = 500, PEM_BYTES = 4096 };
#define YEARS_MS ((int64_t)20 * 366 * 24 * 3600 * 1000)
#define ISSUERS (ROLE_SYSTEM | ROLE_SECURITY)

static void view_voucher(struct json_writer *out, const struct voucher *v) {
    json_open_object(out);
    json_set_u64(out, "id", v->id);
    json_set_text(out, "serial", v->serial);
    json_set_text(out, "issuer", v->issuer);
    json_set_text(out, "box", v->box);
    json_set_text(out, "holder", str_of(voucher_holder_name(v->holder)));
    json_set_text(out, "holder_name", v->holder_name);
    json_set_i64(out, "units", v->units);
    json_set_i64(out, "left", v->left);
    json_set_i64(out, "from_ms", v->from_ms);
    json_set_i64(out, "until_ms", v->until_ms);
    json_set_text(out, "use", str_of(voucher_use_name(v->use)));
    json_set_i64(out, "job_cap", v->job_cap);
    json_set_text(out, "state", str_of(voucher_state_name(voucher_state(v, clock_now_ms()))));
    json_set_i64(out, "created_ms", v->created_ms);
    json_set_text(out, "created_by", v->actor_name);
    json_set_bool(out, "imported", v->imported);
    json_set_text(out, "text", v->text);
    view_time(out, "revoked_ms", v->revoked_ms);
    json_set_text(out, "revoked_by", v->revoked_by);
    json_set_text(out, "reason", v->reason);
    json_close_object(out);
}

// ---- the list --------------------------------------------------------------------------------

struct mine {
    const struct policy *policy;
    struct member member;
    bool all;
};

// Officers see all; others those that would pay for them, now or later, and what became of them.
static bool is_shown(const struct mine *mine, const struct voucher *voucher) {
    if (mine->all) return true;
    if (voucher->away) return false;
    if (voucher->holder == HOLDER_PERSON) return voucher->holder_id == mine->member.person;
    const struct tenant *up = policy_tenant_or_default(mine->policy, mine->member.tenant);
    while (up && up->id != voucher->holder_id) up = policy_parent(mine->policy, up);
    return up != NULL;
}

static enum err voucher_item(struct list *list, struct store_txn *txn, struct record_reader *record,
                             bool show, bool *out_wanted) {
    struct voucher voucher;
    (void)txn;
    enum err err = voucher_read(record, list->scratch, &voucher);
    if (err != OK) return err;
    *out_wanted = is_shown(list->filter, &voucher);
    if (*out_wanted && show) view_voucher(list->call->out, &voucher);
    return OK;
}

enum err flow_voucher_list(struct flow *flow, struct call *call) {
    struct mine mine = {.all = (call->actor.roles & (ISSUERS | ROLE_AUDIT)) != 0};
    struct store_txn *txn;
    struct policy policy;
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = policy_load(txn, call->arena, &policy);
    if (err == OK) err = member_load(txn, call->actor.person_id, &mine.member);
    store_read_end(txn);
    if (err != OK) return missing(call, err, "flow.not_found");
    mine.policy = &policy;
    struct list list = {
        .flow = flow, .call = call, .table = TABLE_VOUCHER, .item = voucher_item, .filter = &mine};
    return list_write(&list);
}

// ---- issued ----------------------------------------------------------------------------------

struct voucher_change {
    struct flow *flow;
    struct call *call;
    struct voucher voucher;
    struct sign_key key;
    char own[FINGERPRINT_SIZE]; // of this box
    struct buf text;
    struct str reason;
};

// Who is meant, by the name of a department or a person's sign-in name.
static enum err holder_find(struct store_txn *txn, const struct call *call, struct voucher *v) {
    char name[1024];
    struct buf folded;
    struct policy policy;
    enum err err;
    if (v->holder == HOLDER_TENANT) {
        err = policy_load(txn, call->arena, &policy);
        if (err != OK) return err;
        const struct tenant *tenant = policy_named(&policy, v->holder_name);
        v->holder_id = tenant ? tenant->id : 0;
    } else {
        buf_open(&folded, 800);
        text_fold(v->holder_name, &folded);
        snprintf(name, sizeof name, "person/name/%.*s", (int)folded.size, folded.data);
        err = index_get(txn, str_of(name).size <= 200 ? str_of(name) : STR("-"), &v->holder_id);
        buf_close(&folded);
        if (err != OK && err != ERR_NOT_FOUND) return err;
    }
    if (v->holder_id) return OK;
    return fault_set(call->fault, ERR_INPUT, "voucher.no_such_holder", v->holder_name);
}

static enum err number_read(const struct call *call, const char *name, int64_t least, int64_t most,
                            int64_t otherwise, int64_t *out) {
    const struct json *node = json_member(call->body, name);
    int64_t value = otherwise;
    if (node && !json_is_null(node) && !json_i64(node, &value)) value = INT64_MIN;
    if (value < least || value > most) {
        return fault_set(call->fault, ERR_INPUT, "call.bad_number", str_of(name));
    }
    *out = value;
    return OK;
}

static enum err use_read(const struct call *call, enum voucher_use *out) {
    struct str use = json_member_text(call->body, "use");
    for (int i = 0; i < USE_COUNT; i++) {
        if (!str_is(use, voucher_use_name((enum voucher_use)i))) continue;
        *out = (enum voucher_use)i;
        return OK;
    }
    return fault_set(call->fault, ERR_INPUT, "call.missing", STR("use"));
}

static enum err issue_read(struct voucher_change *change) {
    struct call *call = change->call;
    struct voucher *v = &change->voucher;
    struct str holder = json_member_text(call->body, "holder");
    int64_t now = clock_now_ms();
    v->holder = str_is(holder, "person") ? HOLDER_PERSON : HOLDER_TENANT;
    enum err err = call_text(call, "holder_name", 1, LIMIT_NAME_BYTES, &v->holder_name);
    if (err == OK) err = call_text(call, "box", 0, VOUCHER_BOX_SIZE - 1, &v->box);
    if (err == OK) err = number_read(call, "units", 1, POLICY_UNITS_MAX, 0, &v->units);
    if (err == OK) err = number_read(call, "from_ms", 0, now + YEARS_MS, now, &v->from_ms);
    if (err == OK) err = number_read(call, "until_ms", 0, now + YEARS_MS, 0, &v->until_ms);
    if (err == OK) err = number_read(call, "job_cap", 0, POLICY_UNITS_MAX, 0, &v->job_cap);
    if (err == OK) err = use_read(call, &v->use);
    if (err == OK && (v->until_ms <= v->from_ms || v->until_ms <= now)) {
        err = fault_set(call->fault, ERR_INPUT, "voucher.bad_time", STR_NONE);
    }
    if (err == OK && memchr(v->holder_name.data, '\n', v->holder_name.size)) {
        err = fault_set(call->fault, ERR_INPUT, "voucher.no_such_holder", STR_NONE);
    }
    v->issuer = str_of(change->own);
    v->away = v->box.size > 0 && !str_is(v->box, change->own);
    if (v->box.size == 0) v->box = v->issuer;
    v->actor_id = call->actor.person_id;
    v->actor_name = call->actor.name;
    v->revoked_by = v->reason = STR("");
    return err;
}

static enum err issue_change(struct store_txn *txn, void *ctx) {
    struct voucher_change *change = ctx;
    struct voucher *v = &change->voucher;
    struct call *call = change->call;
    enum err err = v->away ? OK : holder_find(txn, call, v);
    if (err == OK) err = voucher_add(txn, v);
    if (err == ERR_LIMIT) return fault_set(call->fault, err, "voucher.too_many", STR_NONE);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "voucher.issue", "voucher", v->id, "ok",
                     v->holder_name);
}

static enum err own_key(struct voucher_change *change) {
    enum err err = sign_key_own(change->flow, change->call, &change->key);
    if (err == OK) verify_key_fingerprint(&change->key.open, change->own);
    return err;
}

enum err flow_voucher_issue(struct flow *flow, struct call *call) {
    struct voucher_change change = {.flow = flow, .call = call};
    char serial[VOUCHER_SERIAL_SIZE];
    uint8_t noise[(VOUCHER_SERIAL_SIZE - 1) / 2];
    enum err err = allow(call, ISSUERS);
    if (err == OK) err = own_key(&change);
    if (err == OK) err = issue_read(&change);
    if (err != OK) return err;
    random_bytes(noise, sizeof noise);
    for (size_t i = 0; i < sizeof noise; i++) snprintf(serial + 2 * i, 3, "%02x", noise[i]);
    change.voucher.serial = str_of(serial);
    buf_open(&change.text, VOUCHER_TEXT_BYTES);
    err = voucher_sign(&change.voucher, &change.key, &change.text);
    bytes_wipe(&change.key, sizeof change.key);
    change.voucher.text = buf_str(&change.text);
    if (err == OK) err = store_write(flow->store, issue_change, &change);
    if (err == OK) view_voucher(call->out, &change.voucher);
    buf_close(&change.text);
    return err == OK ? answer_end(call) : store_explain(err, call->fault);
}

// ---- revoked ---------------------------------------------------------------------------------

static enum err revoke_change(struct store_txn *txn, void *ctx) {
    struct voucher_change *change = ctx;
    struct call *call = change->call;
    enum err err = voucher_load(txn, call->arena, call->id, &change->voucher);
    if (err != OK) return err;
    err = voucher_revoke(txn, &change->voucher, call->actor.name, change->reason);
    if (err == ERR_CONFLICT) {
        return fault_set(call->fault, err, "voucher.revoked_before", STR_NONE);
    }
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "voucher.revoke", "voucher", call->id, "ok",
                     change->reason);
}

enum err flow_voucher_revoke(struct flow *flow, struct call *call) {
    struct voucher_change change = {.flow = flow, .call = call};
    enum err err = allow(call, ISSUERS);
    if (err == OK) err = call_text(call, "reason", 1, REASON_BYTES, &change.reason);
    if (err == OK) err = store_write(flow->store, revoke_change, &change);
    if (err != OK) return missing(call, err, "voucher.not_found");
    view_voucher(call->out, &change.voucher);
    return answer_end(call);
}

// ---- issuers that are trusted: "voucher/issuer/FINGERPRINT" among the settings ----------------

static struct key issuer_key(const char *fingerprint) {
    char name[64];
    snprintf(name, sizeof name, "voucher/issuer/%s", fingerprint);
    return key_of_str(str_of(name));
}

struct issuer_change {
    struct call *call;
    struct str name, pem;
    char fingerprint[FINGERPRINT_SIZE];
};

static enum err issuer_put(struct store_txn *txn, void *ctx) {
    struct issuer_change *change = ctx;
    struct call *call = change->call;
    struct buf fields;
    buf_open(&fields, 16 * 1024);
    struct record_writer writer = {&fields};
    record_put_str(&writer, change->name);
    record_put_str(&writer, change->pem);
    record_put_i64(&writer, clock_now_ms());
    record_put_str(&writer, call->actor.name);
    enum err err =
        store_put(txn, TABLE_SETTING, issuer_key(change->fingerprint), ISSUER_VERSION, &fields);
    buf_close(&fields);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "voucher.trust", "voucher", 0, "ok",
                     str_of(change->fingerprint));
}

static bool issuer_write(void *ctx, struct str key, struct record_reader *record) {
    struct json_writer *out = ctx;
    struct str prefix = STR("voucher/issuer/");
    if (!str_starts(key, prefix)) return false;
    struct str name = record_get_str(record);
    (void)record_get_str(record);
    int64_t time_ms = record_get_i64(record);
    struct str actor = record_get_str(record);
    if (record_end(record) != OK) return true;
    json_open_object(out);
    json_set_text(out, "fingerprint", (struct str){key.data + prefix.size, key.size - prefix.size});
    json_set_text(out, "name", name);
    json_set_i64(out, "created_ms", time_ms);
    json_set_text(out, "created_by", actor);
    json_close_object(out);
    return true;
}

enum err flow_voucher_issuers(struct flow *flow, struct call *call) {
    struct voucher_change own = {.flow = flow, .call = call};
    struct store_txn *txn;
    enum err err = allow(call, ISSUERS | ROLE_AUDIT);
    if (err == OK) err = own_key(&own);
    bytes_wipe(&own.key, sizeof own.key);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    json_open_object(call->out);
    json_set_text(call->out, "own", str_of(own.own));
    json_put_name(call->out, "items");
    json_open_array(call->out);
    err = store_scan(txn, TABLE_SETTING, issuer_key(""), false, issuer_write, call->out);
    json_close_array(call->out);
    json_close_object(call->out);
    store_read_end(txn);
    return err == OK ? answer_end(call) : missing(call, err, "flow.not_found");
}

enum err flow_voucher_trust(struct flow *flow, struct call *call) {
    struct issuer_change change = {.call = call};
    struct verify_key key;
    enum err err = allow(call, ROLE_SECURITY);
    if (err == OK) err = call_text(call, "name", 1, LIMIT_NAME_BYTES, &change.name);
    if (err == OK) err = call_text(call, "public_key", 1, PEM_BYTES, &change.pem);
    if (err == OK && verify_key_read(change.pem, &key) != OK) {
        err = fault_set(call->fault, ERR_INPUT, "bundle.bad_key", STR_NONE);
    }
    if (err != OK) return err;
    verify_key_fingerprint(&key, change.fingerprint);
    err = store_write(flow->store, issuer_put, &change);
    return err == OK ? flow_voucher_issuers(flow, call) : store_explain(err, call->fault);
}

// ---- taken in --------------------------------------------------------------------------------

static enum err issuer_find(struct store_txn *txn, const struct voucher_change *change,
                            struct verify_key *out) {
    struct record_reader record;
    char fingerprint[FINGERPRINT_SIZE];
    const struct call *call = change->call;
    if (str_is(change->voucher.issuer, change->own)) {
        *out = change->key.open;
        return OK;
    }
    enum err err = ERR_NOT_FOUND;
    if (str_copy(fingerprint, sizeof fingerprint, change->voucher.issuer)) {
        err = store_get(txn, TABLE_SETTING, issuer_key(fingerprint), &record);
    }
    if (err == ERR_NOT_FOUND) {
        return fault_set(call->fault, ERR_DENIED, "voucher.foreign_issuer", change->voucher.issuer);
    }
    if (err != OK) return err;
    (void)record_get_str(&record);
    struct str pem = record_get_str(&record);
    return verify_key_read(pem, out) == OK ? OK : ERR_CORRUPT;
}

static enum err import_change(struct store_txn *txn, void *ctx) {
    struct voucher_change *change = ctx;
    struct voucher *v = &change->voucher;
    struct call *call = change->call;
    struct verify_key key;
    enum err err = issuer_find(txn, change, &key);
    if (err != OK) return err;
    if (!voucher_verify(v->text, &key)) {
        return fault_set(call->fault, ERR_INPUT, "voucher.bad_signature", STR_NONE);
    }
    if (!str_is(v->box, change->own)) {
        return fault_set(call->fault, ERR_DENIED, "voucher.other_box", v->box);
    }
    if (v->until_ms <= clock_now_ms()) {
        return fault_set(call->fault, ERR_CONFLICT, "voucher.expired", STR_NONE);
    }
    err = holder_find(txn, call, v);
    if (err == OK) err = voucher_add(txn, v);
    if (err == ERR_CONFLICT) {
        return fault_set(call->fault, err, "voucher.known", v->serial);
    }
    if (err == ERR_LIMIT) return fault_set(call->fault, err, "voucher.too_many", STR_NONE);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "voucher.import", "voucher", v->id, "ok", v->issuer);
}

enum err flow_voucher_import(struct flow *flow, struct call *call) {
    struct voucher_change change = {.flow = flow, .call = call};
    struct voucher *v = &change.voucher;
    struct str text;
    enum err err = allow(call, ISSUERS);
    if (err == OK) err = own_key(&change);
    if (err == OK) err = call_text(call, "text", 1, VOUCHER_TEXT_BYTES, &text);
    if (err == OK) err = voucher_parse(text, call->arena, v, call->fault);
    if (err == OK) {
        v->imported = true;
        v->actor_id = call->actor.person_id;
        v->actor_name = call->actor.name;
        v->revoked_by = v->reason = STR("");
        err = store_write(flow->store, import_change, &change);
    }
    bytes_wipe(&change.key, sizeof change.key);
    if (err != OK) return store_explain(err, call->fault);
    view_voucher(call->out, v);
    return answer_end(call);
}
