// Who holds how much on the disk: the tables, profiles and reports of a person's datasets that have
// not been deleted, their models, their uploads. Counted from the records whenever a limit on
// storage stands or a report asks; a blob that two records name counts for both.
#include <string.h>

#include "flow/jobs/storage.h"

enum { HOLDERS_MAX = 100000 };

struct owner {
    uint64_t dataset, person;
};

struct counting {
    struct store_txn *txn;
    struct storage *storage;
    struct owner *owners; // of datasets, by id upwards
    uint32_t owner_count;
    struct arena *scratch;
    enum err err;
};

static void hold(struct counting *counting, uint64_t person, uint64_t bytes) {
    struct storage *storage = counting->storage;
    for (uint32_t i = 0; i < storage->count; i++) {
        if (storage->holders[i].person != person) continue;
        storage->holders[i].bytes += (int64_t)bytes;
        return;
    }
    if (storage->count == storage->room) {
        counting->err = ERR_LIMIT;
        return;
    }
    storage->holders[storage->count++] = (struct holder){person, (int64_t)bytes, 0};
}

static uint64_t blob_bytes(struct counting *counting, const struct hash *hash) {
    uint64_t bytes = 0;
    if (hash_none(hash)) return 0;
    enum err err = blob_size(counting->txn, hash, &bytes);
    return err == OK ? bytes : 0; // gone already: it holds nothing
}

static bool dataset_visit(void *ctx, struct str key, struct record_reader *record) {
    struct counting *counting = ctx;
    struct dataset dataset;
    (void)key;
    arena_reset(counting->scratch);
    counting->err = dataset_read(record, counting->scratch, &dataset);
    if (counting->err != OK) return false;
    counting->owners[counting->owner_count++] = (struct owner){dataset.id, dataset.owner.id};
    return true;
}

static uint64_t owner_of(const struct counting *counting, uint64_t dataset) {
    uint32_t low = 0, high = counting->owner_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (counting->owners[middle].dataset < dataset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < counting->owner_count && counting->owners[low].dataset == dataset;
    return found ? counting->owners[low].person : 0;
}

static bool revision_visit(void *ctx, struct str key, struct record_reader *record) {
    struct counting *counting = ctx;
    struct revision revision;
    (void)key;
    arena_reset(counting->scratch);
    counting->err = revision_read(record, counting->scratch, &revision);
    if (counting->err != OK) return false;
    uint64_t bytes = blob_bytes(counting, &revision.report);
    if (!revision.deleted_ms) {
        bytes += revision.bytes + blob_bytes(counting, &revision.faults) +
                 blob_bytes(counting, &revision.profile);
        for (int i = 0; i < EXTRACT_COUNT; i++) {
            bytes += blob_bytes(counting, &revision.extracts[i]);
        }
    }
    hold(counting, owner_of(counting, revision.dataset), bytes);
    return counting->err == OK;
}

static bool model_visit(void *ctx, struct str key, struct record_reader *record) {
    struct counting *counting = ctx;
    struct model model;
    (void)key;
    arena_reset(counting->scratch);
    counting->err = model_read(record, counting->scratch, &model);
    if (counting->err != OK) return false;
    hold(counting, model.actor.id,
         blob_bytes(counting, &model.file) + blob_bytes(counting, &model.scorecard));
    return counting->err == OK;
}

static bool upload_visit(void *ctx, struct str key, struct record_reader *record) {
    struct counting *counting = ctx;
    struct upload_record upload;
    (void)key;
    arena_reset(counting->scratch);
    counting->err = upload_record_read(record, counting->scratch, &upload);
    if (counting->err != OK) return false;
    hold(counting, upload.owner.id, upload.size); // announced is as good as taken
    return counting->err == OK;
}

static enum err count_all(struct counting *counting) {
    static const struct {
        enum store_table table;
        bool (*visit)(void *ctx, struct str key, struct record_reader *record);
    } scans[] = {{TABLE_DATASET, dataset_visit},
                 {TABLE_REVISION, revision_visit},
                 {TABLE_MODEL, model_visit},
                 {TABLE_UPLOAD, upload_visit}};
    enum err err = OK;
    for (size_t i = 0; i < sizeof scans / sizeof scans[0] && err == OK; i++) {
        err = store_scan(counting->txn, scans[i].table, (struct key){.size = 0}, false,
                         scans[i].visit, counting);
        if (err == OK) err = counting->err;
    }
    return err;
}

enum err storage_count(struct store_txn *txn, struct arena *arena, struct storage *out) {
    struct storage storage = {.arena = arena, .counted = true};
    struct counting counting = {.txn = txn, .storage = &storage};
    uint64_t people = store_count(txn, TABLE_PERSON) + store_count(txn, TABLE_MEMBER) + 1000;
    storage.room = people < HOLDERS_MAX ? (uint32_t)people : HOLDERS_MAX;
    storage.holders = ARENA_ARRAY(arena, struct holder, storage.room);
    counting.owners = ARENA_ARRAY(arena, struct owner, store_count(txn, TABLE_DATASET) + 1);
    if (!storage.holders || !counting.owners) return ERR_MEMORY;
    enum err err = policy_load(txn, arena, &storage.policy);
    if (err == OK) err = arena_open(SCRATCH_BYTES, &counting.scratch);
    if (err == OK) {
        err = count_all(&counting);
        arena_close(counting.scratch);
    }
    for (uint32_t i = 0; i < storage.count && err == OK; i++) {
        struct member member;
        err = member_load(txn, storage.holders[i].person, &member);
        storage.holders[i].tenant = policy_tenant_or_default(&storage.policy, member.tenant)->id;
    }
    if (err == OK) *out = storage;
    return err;
}

bool tenant_below(const struct policy *policy, uint64_t tenant, uint64_t above) {
    const struct tenant *up = policy_tenant_or_default(policy, tenant);
    while (up && up->id != above) up = policy_parent(policy, up);
    return up != NULL;
}

int64_t storage_of(const struct storage *storage, enum usage_of of, uint64_t id) {
    int64_t bytes = 0;
    for (uint32_t i = 0; i < storage->count; i++) {
        const struct holder *holder = &storage->holders[i];
        bool counts = of == USAGE_PERSON ? holder->person == id
                                         : tenant_below(&storage->policy, holder->tenant, id);
        if (counts) bytes += holder->bytes;
    }
    return bytes;
}

enum err storage_answer(void *ctx, struct store_txn *txn, enum usage_of of, uint64_t id,
                        int64_t *out_bytes) {
    struct storage *storage = ctx;
    enum err err = storage->counted ? OK : storage_count(txn, storage->arena, storage);
    if (err == OK) *out_bytes = storage_of(storage, of, id);
    return err;
}

// ---- before something begins -----------------------------------------------------------------

static enum err wish_allowed(struct store_txn *txn, const struct call *call, struct str step,
                             uint64_t jobs, uint64_t more_bytes) {
    struct storage storage = {0};
    enum err err = arena_open(SCRATCH_BYTES, &storage.arena);
    if (err != OK) return err;
    struct usage_wish wish = {
        .question = {.person = call->actor.person_id,
                     .now_ms = clock_now_ms(),
                     .storage = storage_answer,
                     .storage_ctx = &storage},
        .step = step,
        .jobs = jobs,
        .more_bytes = more_bytes,
    };
    struct arena *arena = storage.arena;
    err = usage_allowed(txn, arena, &wish, call->fault);
    arena_close(arena);
    return err;
}

enum err jobs_allowed(struct store_txn *txn, const struct call *call, struct str step,
                      uint64_t jobs) {
    return wish_allowed(txn, call, step, jobs, 0);
}

enum err bytes_allowed(struct store_txn *txn, const struct call *call, uint64_t more_bytes) {
    return wish_allowed(txn, call, STR_NONE, 0, more_bytes);
}
