#include "model/language/batch.h"

#include <stddef.h>

#include "base/assert.h"

static struct batch_tenant *find(const struct batch *batch, uint64_t tenant) {
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct batch_tenant *one = &batch->tenants[i];
        if (one->tenant == tenant) return (struct batch_tenant *)(uintptr_t)one;
    }
    return NULL;
}

// Where the clock of one who comes now begins: at the slowest of those who are there.
static double clock_of_those_here(const struct batch *batch) {
    double clock = 0;
    bool any = false;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct batch_tenant *one = &batch->tenants[i];
        if (!one->here || (any && one->clock >= clock)) continue;
        clock = one->clock;
        any = true;
    }
    // Nobody is there: none may be owed anything by those who come.
    for (uint32_t i = 0; !any && i < batch->count; i++) {
        if (batch->tenants[i].clock > clock) clock = batch->tenants[i].clock;
    }
    return clock;
}

static void forget_one(struct batch *batch) {
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->tenants[i].here) continue;
        batch->tenants[i] = batch->tenants[--batch->count];
        return;
    }
}

static struct batch_tenant *enter(struct batch *batch, const struct batch_item *item,
                                  double begin) {
    struct batch_tenant *one = find(batch, item->tenant);
    if (!one) {
        if (batch->count == BATCH_TENANTS_MAX) forget_one(batch);
        if (batch->count == BATCH_TENANTS_MAX) return &batch->tenants[BATCH_TENANTS_MAX - 1];
        one = &batch->tenants[batch->count++];
        *one = (struct batch_tenant){.tenant = item->tenant};
    }
    if (!one->here && one->clock < begin) one->clock = begin;
    one->here = true;
    one->weight = item->weight;
    return one;
}

// Those who have work come in, those who have none leave.
static void tenants_turn(struct batch *batch, const struct batch_item *items, uint32_t count) {
    double begin = clock_of_those_here(batch);
    for (uint32_t t = 0; t < batch->count; t++) {
        struct batch_tenant *one = &batch->tenants[t];
        bool works = false;
        for (uint32_t i = 0; i < count && !works; i++) works = items[i].tenant == one->tenant;
        one->here = one->here && works;
    }
    for (uint32_t i = 0; i < count; i++) enter(batch, &items[i], begin);
}

static double clock_of(const struct batch *batch, uint64_t tenant) {
    const struct batch_tenant *one = find(batch, tenant);
    if (!one && batch->count == BATCH_TENANTS_MAX) one = &batch->tenants[BATCH_TENANTS_MAX - 1];
    if (one && one->here) return one->clock;
    double begin = clock_of_those_here(batch);
    return one && one->clock > begin ? one->clock : begin;
}

static uint32_t rows_wanted(const struct batch_item *item) {
    return item->decode ? item->dealt == 0 : item->left - item->dealt;
}

// The oldest of the tenant that is behind; `count`: none.
static uint32_t next_of(const struct batch *batch, const struct batch_item *items, uint32_t count,
                        bool decode) {
    uint32_t best = count;
    double best_clock = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].decode != decode || rows_wanted(&items[i]) == 0) continue;
        double clock = clock_of(batch, items[i].tenant);
        if (best < count && clock >= best_clock) continue;
        best = i;
        best_clock = clock;
    }
    return best;
}

static uint32_t deal_kind(struct batch *batch, struct batch_item *items, uint32_t count,
                          bool decode, uint32_t room) {
    uint32_t dealt = 0;
    while (dealt < room) {
        uint32_t i = next_of(batch, items, count, decode);
        if (i == count) break;
        uint32_t rows = rows_wanted(&items[i]);
        if (rows > BATCH_QUANTUM) rows = BATCH_QUANTUM;
        if (rows > room - dealt) rows = room - dealt;
        items[i].dealt += rows;
        dealt += rows;
        struct batch_tenant *tenant = find(batch, items[i].tenant);
        if (!tenant) tenant = &batch->tenants[BATCH_TENANTS_MAX - 1];
        tenant->clock += rows / items[i].weight;
    }
    return dealt;
}

void batch_deal(struct batch *batch, struct batch_item *items, uint32_t count, uint32_t rows_most) {
    for (uint32_t i = 0; i < count; i++) {
        cy_assert(items[i].weight > 0);
        items[i].dealt = 0;
    }
    tenants_turn(batch, items, count);
    uint32_t room = rows_most - deal_kind(batch, items, count, true, rows_most);
    if (room > BATCH_PROMPT_ROWS) room = BATCH_PROMPT_ROWS;
    deal_kind(batch, items, count, false, room);
}

uint32_t batch_first(const struct batch *batch, const struct batch_item *items, uint32_t count) {
    uint32_t best = count;
    for (uint32_t i = 0; i < count; i++) {
        if (best < count &&
            clock_of(batch, items[i].tenant) >= clock_of(batch, items[best].tenant)) {
            continue;
        }
        best = i;
    }
    return best;
}
