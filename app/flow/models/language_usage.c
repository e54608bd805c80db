// Counting what language models do. Keys of TABLE_LANGUAGE_USE: day, tenant, person, model.
#include "flow/models/language_usage.h"

#include <inttypes.h>
#include <string.h>

#include "allocation/usage.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/models/language.h"
#include "store/codec.h"

enum {
    LANGUAGE_USE_VERSION = 1,
    USES_MAX = 512, // person and model; of one flush
    USE_BYTES_MAX = 16 << 10,
};

struct pending_use {
    struct language_use use; // its strings lie below
    uint64_t served;
    int64_t last_ms;
    char person_name[LIMIT_NAME_BYTES + 1], model_name[LANGUAGE_NAME_BYTES + 1];
};
struct pending_uses {
    struct pending_use items[USES_MAX];
    uint32_t count;
};
struct language_usage {
    pthread_mutex_t lock; // protects `pending`
    struct pending_uses *pending;
    pthread_mutex_t flushing;   // protects `spare`: what is being written
    struct pending_uses *spare; // swapped with `pending` under both
};

void language_counts_add(struct language_counts *into, const struct language_counts *more) {
    into->requests += more->requests;
    into->refused += more->refused;
    into->masked += more->masked;
    into->prompt_tokens += more->prompt_tokens;
    into->cached_tokens += more->cached_tokens;
    into->answer_tokens += more->answer_tokens;
    for (int side = 0; side < LANGUAGE_SIDES; side++) {
        for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
            into->found[side][kind] += more->found[side][kind];
        }
    }
}

uint64_t language_found(const struct language_counts *counts, enum language_side side) {
    uint64_t found = 0;
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) found += counts->found[side][kind];
    return found;
}

// ---- records -----------------------------------------------------------------------------------

static struct key key_of(uint64_t day, uint64_t tenant, uint64_t person, uint64_t model) {
    const uint64_t numbers[] = {day, tenant, person, model};
    struct key key = {.size = 0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct key part = key_of_id(numbers[i]);
        memcpy(key.bytes + key.size, part.bytes, part.size);
        key.size += part.size;
    }
    return key;
}

// By name, and only those that were found: kinds come and go between versions.
static void found_fields(struct codec *c, struct language_counts *counts) {
    uint32_t used = 0, at = 0;
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        used += counts->found[SIDE_PROMPT][kind] || counts->found[SIDE_ANSWER][kind];
    }
    codec_count(c, &used, 4 * PERSONAL_KIND_COUNT);
    for (uint32_t i = 0; i < used; i++, at++) {
        uint64_t found[LANGUAGE_SIDES] = {0};
        struct str name = STR_NONE;
        enum personal_kind kind;
        while (c->writer && !counts->found[SIDE_PROMPT][at] && !counts->found[SIDE_ANSWER][at]) {
            at++;
        }
        if (c->writer) {
            name = str_of(personal_kind_name((enum personal_kind)at));
            for (int side = 0; side < LANGUAGE_SIDES; side++) found[side] = counts->found[side][at];
        }
        codec_text(c, &name);
        for (int side = 0; side < LANGUAGE_SIDES; side++) codec_u64(c, &found[side]);
        if (!c->reader || !personal_kind_from_name(name, &kind)) continue;
        for (int side = 0; side < LANGUAGE_SIDES; side++) counts->found[side][kind] = found[side];
    }
}

static void use_fields(struct codec *c, struct language_use *use) {
    codec_u64(c, &use->day);
    codec_u64(c, &use->tenant);
    codec_u64(c, &use->model);
    codec_u64(c, &use->person.id);
    codec_text(c, &use->person.name);
    codec_text(c, &use->model_name);
    codec_u64(c, &use->counts.requests);
    codec_u64(c, &use->counts.refused);
    codec_u64(c, &use->counts.masked);
    codec_u64(c, &use->counts.prompt_tokens);
    codec_u64(c, &use->counts.cached_tokens);
    codec_u64(c, &use->counts.answer_tokens);
    found_fields(c, &use->counts);
}

static enum err use_read(struct record_reader *reader, struct arena *arena,
                         struct language_use *out) {
    struct codec codec = {.reader = reader, .arena = arena};
    struct language_use use = {0};
    use_fields(&codec, &use);
    enum err err = codec_end(&codec);
    if (err == OK) *out = use;
    return err;
}

// To what is kept, from nothing; the newest names stay.
static enum err use_add(struct store_txn *txn, struct arena *arena,
                        const struct language_use *more) {
    struct key key = key_of(more->day, more->tenant, more->person.id, more->model);
    struct language_use use = *more, before;
    struct record_reader reader;
    enum err err = store_get(txn, TABLE_LANGUAGE_USE, key, &reader);
    if (err == OK) err = use_read(&reader, arena, &before);
    if (err == OK) language_counts_add(&use.counts, &before.counts);
    if (err != OK && err != ERR_NOT_FOUND) return err;
    struct buf fields;
    buf_open(&fields, USE_BYTES_MAX);
    struct codec codec = {.writer = &(struct record_writer){&fields}};
    use_fields(&codec, &use);
    err = buf_err(&fields);
    if (err == OK) err = store_put(txn, TABLE_LANGUAGE_USE, key, LANGUAGE_USE_VERSION, &fields);
    buf_close(&fields);
    return err;
}

struct scanning {
    struct arena *scratch;
    uint64_t last;
    bool (*visit)(void *ctx, const struct language_use *use);
    void *ctx;
    enum err err;
};

static bool scan_visit(void *ctx, struct str key, struct record_reader *record) {
    struct scanning *scanning = ctx;
    struct language_use use;
    (void)key;
    arena_reset(scanning->scratch);
    scanning->err = use_read(record, scanning->scratch, &use);
    if (scanning->err != OK || use.day > scanning->last) return false;
    return scanning->visit(scanning->ctx, &use);
}

enum err language_usage_scan(struct store_txn *txn, struct arena *scratch, uint64_t first,
                             uint64_t last,
                             bool (*visit)(void *ctx, const struct language_use *use), void *ctx) {
    struct scanning scanning = {scratch, last, visit, ctx, OK};
    enum err err =
        store_scan(txn, TABLE_LANGUAGE_USE, key_of(first, 0, 0, 0), false, scan_visit, &scanning);
    return err == OK ? scanning.err : err;
}

// ---- adding up ---------------------------------------------------------------------------------

// Under the lock.
static bool pending_add(struct pending_uses *pending, const struct pending_use *more) {
    for (uint32_t i = 0; i < pending->count; i++) {
        struct pending_use *one = &pending->items[i];
        if (one->use.person.id != more->use.person.id || one->use.model != more->use.model ||
            one->use.tenant != more->use.tenant) {
            continue;
        }
        language_counts_add(&one->use.counts, &more->use.counts);
        one->served += more->served;
        if (more->last_ms > one->last_ms) one->last_ms = more->last_ms;
        return true;
    }
    if (pending->count == USES_MAX) return false;
    pending->items[pending->count++] = *more;
    return true;
}

void language_usage_note(struct flow *flow, const struct language_use *use, uint64_t served) {
    struct language_usage *usage = flow->language_usage;
    struct pending_use more = {.use = *use, .served = served, .last_ms = clock_now_ms()};
    (void)!str_copy(more.person_name, sizeof more.person_name, use->person.name);
    (void)!str_copy(more.model_name, sizeof more.model_name, use->model_name);
    pthread_mutex_lock(&usage->lock);
    bool added = pending_add(usage->pending, &more);
    pthread_mutex_unlock(&usage->lock);
    if (!added) log_event(LOG_WARN, "language.not_counted", "model=%" PRIu64, use->model);
}

// ---- writing -----------------------------------------------------------------------------------

static void kinds_write(const uint64_t found[static PERSONAL_KIND_COUNT], const char *where,
                        struct buf *out) {
    size_t before = out->size;
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        if (!found[kind]) continue;
        buf_printf(out, "%s%s=%" PRIu64, out->size == before ? where : " ",
                   personal_kind_name((enum personal_kind)kind), found[kind]);
    }
    if (out->size > before) buf_add_text(out, "; ");
}

// Personal data that was met, by kind: how often, never what it was.
static enum err found_audit(struct store_txn *txn, const struct language_use *use) {
    const struct language_counts *counts = &use->counts;
    if (!language_found(counts, SIDE_PROMPT) && !language_found(counts, SIDE_ANSWER)) return OK;
    struct buf detail;
    buf_open(&detail, USE_BYTES_MAX);
    kinds_write(counts->found[SIDE_PROMPT], "prompts: ", &detail);
    kinds_write(counts->found[SIDE_ANSWER], "answers: ", &detail);
    buf_printf(&detail, "masked=%" PRIu64 " refused=%" PRIu64, counts->masked, counts->refused);
    enum err err = buf_err(&detail);
    if (err == OK) {
        err = audit_put(txn, use->person.name, "language.guard", "language", use->model,
                        counts->refused ? "denied" : "ok", buf_str(&detail));
    }
    buf_close(&detail);
    return err;
}

static enum err pending_write_one(struct store_txn *txn, struct arena *arena,
                                  const struct policy *policy, struct pending_use *pending) {
    struct language_use *use = &pending->use;
    use->day = usage_day(policy, pending->last_ms);
    use->person.name = str_of(pending->person_name);
    use->model_name = str_of(pending->model_name);
    arena_reset(arena);
    enum err err = use_add(txn, arena, use);
    if (err == OK) err = found_audit(txn, use);
    if (err != OK || !pending->served) return err;
    uint64_t tokens = use->counts.prompt_tokens + use->counts.answer_tokens;
    return usage_served(txn, use->person.id, use->person.name, tokens, pending->served);
}

static enum err pending_write(struct store_txn *txn, void *ctx) {
    struct pending_uses *pending = ctx;
    const struct policy *policy;
    struct arena *arena;
    enum err err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) return err;
    err = policy_borrow(txn, &policy);
    for (uint32_t i = 0; i < pending->count && err == OK; i++) {
        err = pending_write_one(txn, arena, policy, &pending->items[i]);
    }
    policy_return(policy);
    arena_close(arena);
    return err;
}

// A full disk: they are counted again with what comes meanwhile, as far as there is room.
static void pending_back(struct language_usage *usage, const struct pending_uses *failed) {
    pthread_mutex_lock(&usage->lock);
    for (uint32_t i = 0; i < failed->count; i++) {
        (void)!pending_add(usage->pending, &failed->items[i]);
    }
    pthread_mutex_unlock(&usage->lock);
}

enum err language_usage_flush(struct flow *flow) {
    struct language_usage *usage = flow->language_usage;
    enum err err = OK;
    pthread_mutex_lock(&usage->flushing);
    pthread_mutex_lock(&usage->lock);
    struct pending_uses *now = usage->pending;
    bool any = now->count > 0;
    if (any) {
        usage->pending = usage->spare;
        usage->spare = now;
    }
    pthread_mutex_unlock(&usage->lock);
    if (any) err = store_write(flow->store, pending_write, now);
    if (err != OK) {
        log_event(LOG_WARN, "language.not_counted", "error=%s", err_name(err));
        pending_back(usage, now);
    }
    if (any) now->count = 0;
    pthread_mutex_unlock(&usage->flushing);
    return err;
}

enum err language_usage_open(struct flow *flow) {
    struct language_usage *usage = memory_take(sizeof *usage);
    if (!usage) return ERR_MEMORY;
    flow->language_usage = usage;
    pthread_mutex_init(&usage->lock, NULL);
    pthread_mutex_init(&usage->flushing, NULL);
    usage->pending = memory_take(sizeof *usage->pending);
    usage->spare = memory_take(sizeof *usage->spare);
    return usage->pending && usage->spare ? OK : ERR_MEMORY;
}

void language_usage_close(struct flow *flow) {
    struct language_usage *usage = flow->language_usage;
    if (!usage) return;
    if (usage->pending && usage->spare) (void)!language_usage_flush(flow);
    memory_give(usage->pending);
    memory_give(usage->spare);
    pthread_mutex_destroy(&usage->flushing);
    pthread_mutex_destroy(&usage->lock);
    memory_give(usage);
    flow->language_usage = NULL;
}
