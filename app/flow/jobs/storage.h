// Inside of flow/: who holds how much on the disk, and whether somebody may begin something.
#pragma once

#include "allocation/usage.h"
#include "base/clock.h"
#include "flow/flow_private.h"

struct holder {
    uint64_t person;
    int64_t bytes;
    uint64_t tenant;
};
struct storage {
    struct arena *arena; // lives as long as the rest
    bool counted;
    struct policy policy;
    struct holder *holders;
    uint32_t count, room;
};
enum err storage_count(struct store_txn *txn, struct arena *arena, struct storage *out) MUST_USE;
int64_t storage_of(const struct storage *storage, enum usage_of of, uint64_t id);
// As a usage_question asks: counts when it is first asked. `ctx`: a struct storage with its arena.
enum err storage_answer(void *ctx, struct store_txn *txn, enum usage_of of, uint64_t id,
                        int64_t *out_bytes) MUST_USE;
