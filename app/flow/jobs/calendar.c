// The calendar in the core: each reservation as the slots it stands for, told when it is new, moved
// or given up. What the core answered is remembered here. Jobs that run in a reservation belong to
// one slot of it at a time: when that has ended, or the reservation has changed, they are told of
// once more, with the next slot or, where none is left, as any other job.
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/flow_private.h"

enum { MEMBERS_FIRST = 64 };
#define WEEK_MS ((int64_t)7 * 24 * 3600 * 1000)

struct calendar {
    // What the core has been told and what is listed here change together, under this lock. While
    // it is held no transaction is begun.
    pthread_mutex_t lock;
    struct core_reservation slots[SLOTS_MAX]; // told
    enum core_why why[SLOTS_MAX];             // and answered
    uint32_t count;
    bool changed; // the records say something else
    // Of the runner's thread.
    int64_t next_ms;   // the first end of a slot
    uint64_t *members; // jobs that were told with a slot since then
    uint32_t member_count, member_room;
    struct core_reservation wanted[SLOTS_MAX];
};

// ---- slots -------------------------------------------------------------------------------------
uint64_t slot_reservation(uint64_t slot) {
    return slot / SLOTS_OF_ONE;
}

struct core_reservation slot_of(const struct reservation *reservation, uint32_t number) {
    int64_t later_ms = number * WEEK_MS;
    struct core_reservation slot = {
        .id = reservation->id * SLOTS_OF_ONE + number,
        .tenant = reservation->tenant,
        .from_ms = reservation->from_ms + later_ms,
        .until_ms = reservation->until_ms + later_ms,
    };
    for (int i = 0; i < SHARE_COUNT; i++) slot.amount.of[i] = reservation->amount[i];
    return slot;
}

uint32_t slots_count(const struct reservation *reservation) {
    uint32_t count = 1;
    int64_t last_ms = reservation->weekly_until_ms - reservation->from_ms;
    while (count < SLOTS_OF_ONE && count * WEEK_MS < last_ms) count++;
    return count;
}

bool slot_same(const struct core_reservation *a, const struct core_reservation *b) {
    return a->id == b->id && a->tenant == b->tenant && a->from_ms == b->from_ms &&
           a->until_ms == b->until_ms && memcmp(&a->amount, &b->amount, sizeof a->amount) == 0;
}

bool slot_among(const struct core_reservation *slots, uint32_t count,
                const struct core_reservation *slot) {
    for (uint32_t i = 0; i < count; i++) {
        if (slot_same(&slots[i], slot)) return true;
    }
    return false;
}

bool reservation_is_over(const struct reservation *reservation, int64_t now_ms) {
    return slot_of(reservation, slots_count(reservation) - 1).until_ms <= now_ms;
}

struct opening {
    struct arena *arena;
    int64_t now_ms;
    struct reservation *list;
    uint32_t count;
    enum err err;
};

static bool open_visit(void *ctx, struct str key, struct record_reader *record) {
    struct opening *opening = ctx;
    (void)key;
    struct reservation *next = &opening->list[opening->count];
    opening->err = reservation_read(record, opening->arena, next);
    if (opening->err == OK && !reservation_is_over(next, opening->now_ms)) opening->count++;
    return opening->err == OK && opening->count < SLOTS_MAX;
}

enum err reservations_open(struct store_txn *txn, struct arena *arena, int64_t now_ms,
                           struct reservation **out, uint32_t *out_count) {
    struct opening opening = {.arena = arena, .now_ms = now_ms};
    opening.list = ARENA_ARRAY(arena, struct reservation, SLOTS_MAX);
    if (!opening.list) return ERR_MEMORY;
    enum err err =
        store_scan(txn, TABLE_RESERVATION, (struct key){.size = 0}, false, open_visit, &opening);
    if (err == OK) err = opening.err;
    *out = opening.list;
    *out_count = opening.count;
    return err;
}

// ---- what the core is told ---------------------------------------------------------------------
static enum err wanted_read(struct flow *flow, int64_t now_ms, uint32_t *out_count) {
    struct arena *arena;
    struct store_txn *txn;
    struct reservation *open;
    uint32_t open_count = 0, count = 0;
    enum err err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) return err;
    err = store_read_begin(flow->store, &txn);
    if (err == OK) {
        err = reservations_open(txn, arena, now_ms, &open, &open_count);
        store_read_end(txn);
    }
    for (uint32_t i = 0; err == OK && i < open_count; i++) {
        for (uint32_t n = 0; n < slots_count(&open[i]) && count < SLOTS_MAX; n++) {
            struct core_reservation slot = slot_of(&open[i], n);
            if (slot.until_ms > now_ms) flow->calendar->wanted[count++] = slot;
        }
    }
    arena_close(arena);
    *out_count = count;
    return err;
}

static void slots_drop(struct flow *flow, uint32_t wanted_count, int64_t now_ms) {
    struct calendar *calendar = flow->calendar;
    for (uint32_t i = 0; i < calendar->count;) {
        struct core_reservation slot = calendar->slots[i];
        bool kept = calendar->why[i] == WHY_NONE; // else it is asked for once more
        if (kept && slot_among(calendar->wanted, wanted_count, &slot)) {
            i++;
            continue;
        }
        // One that is over ends in the core by itself.
        if (kept && slot.until_ms > now_ms) schedule_unreserve(flow->schedule, slot.id, now_ms);
        calendar->count--;
        calendar->slots[i] = calendar->slots[calendar->count];
        calendar->why[i] = calendar->why[calendar->count];
    }
}

static void slots_add(struct flow *flow, uint32_t wanted_count, int64_t now_ms) {
    struct calendar *calendar = flow->calendar;
    for (uint32_t i = 0; i < wanted_count; i++) {
        const struct core_reservation *slot = &calendar->wanted[i];
        if (slot_among(calendar->slots, calendar->count, slot)) continue;
        enum core_why why = schedule_reserve(flow->schedule, slot, now_ms);
        log_event(why == WHY_NONE ? LOG_INFO : LOG_WARN, "calendar.slot",
                  "reservation=%" PRIu64 " from_ms=%" PRId64 " why=%s", slot_reservation(slot->id),
                  slot->from_ms, core_why_name(why));
        calendar->slots[calendar->count] = *slot;
        calendar->why[calendar->count++] = why;
    }
}

// Those that wait are told of again, and join again if there is a slot for them; so do those that
// run once they wait again.
static void members_tell(struct flow *flow) {
    struct calendar *calendar = flow->calendar;
    for (uint32_t i = 0; i < calendar->member_count; i++) {
        uint64_t job = calendar->members[i];
        if (schedule_waits(flow->schedule, job)) news_put(flow, NEWS_PRIORITY, job);
    }
    calendar->member_count = 0;
}

void calendar_follow(struct flow *flow) {
    struct calendar *calendar = flow->calendar;
    int64_t now_ms = clock_now_ms();
    uint32_t wanted_count;
    pthread_mutex_lock(&flow->calendar->lock);
    bool changed = calendar->changed || now_ms >= calendar->next_ms;
    calendar->changed = false;
    pthread_mutex_unlock(&flow->calendar->lock);
    if (!changed) return;
    policy_follow(flow); // a tenant may be as new as its reservation
    enum err err = wanted_read(flow, now_ms, &wanted_count);
    if (err != OK) {
        log_event(LOG_ERROR, "calendar.unread", "error=%s", err_name(err));
        calendar_changed(flow);
        return;
    }
    pthread_mutex_lock(&calendar->lock);
    slots_drop(flow, wanted_count, now_ms);
    slots_add(flow, wanted_count, now_ms);
    pthread_mutex_unlock(&calendar->lock);
    calendar->next_ms = INT64_MAX;
    for (uint32_t i = 0; i < calendar->count; i++) {
        int64_t until_ms = calendar->slots[i].until_ms;
        if (until_ms < calendar->next_ms) calendar->next_ms = until_ms;
    }
    members_tell(flow);
}

// ---- asked about -------------------------------------------------------------------------------
static const struct core_reservation *slot_now(struct flow *flow, uint64_t reservation,
                                               int64_t now_ms) {
    const struct calendar *calendar = flow->calendar;
    const struct core_reservation *first = NULL;
    for (uint32_t i = 0; i < calendar->count; i++) {
        const struct core_reservation *slot = &calendar->slots[i];
        bool own = slot_reservation(slot->id) == reservation && calendar->why[i] == WHY_NONE;
        if (!own || slot->until_ms <= now_ms) continue;
        if (!first || slot->from_ms < first->from_ms) first = slot;
    }
    return first;
}

uint64_t calendar_slot(struct flow *flow, uint64_t reservation, int64_t now_ms) {
    if (reservation == 0) return 0;
    pthread_mutex_lock(&flow->calendar->lock);
    const struct core_reservation *slot = slot_now(flow, reservation, now_ms);
    uint64_t id = slot ? slot->id : 0;
    pthread_mutex_unlock(&flow->calendar->lock);
    return id;
}

bool calendar_lets(struct flow *flow, const struct job *job) {
    int64_t now_ms = clock_now_ms();
    if (job->when.reservation == 0) return true;
    pthread_mutex_lock(&flow->calendar->lock);
    const struct core_reservation *slot = slot_now(flow, job->when.reservation, now_ms);
    bool lets = !slot || slot->from_ms <= now_ms;
    pthread_mutex_unlock(&flow->calendar->lock);
    return lets;
}

void calendar_join(struct flow *flow, const struct job *job) {
    struct calendar *calendar = flow->calendar;
    if (calendar->member_count == calendar->member_room) {
        size_t each = sizeof *calendar->members, room = calendar->member_room;
        void *grown = room ? memory_resize(calendar->members, room * each, 2 * room * each)
                           : memory_take(MEMBERS_FIRST * each);
        if (!grown) return; // it will have its slot, and then be as any other
        calendar->members = grown;
        calendar->member_room = room ? 2 * (uint32_t)room : MEMBERS_FIRST;
    }
    calendar->members[calendar->member_count++] = job->id;
}

void calendar_changed(struct flow *flow) {
    pthread_mutex_lock(&flow->calendar->lock);
    flow->calendar->changed = true;
    pthread_mutex_unlock(&flow->calendar->lock);
    runner_wake(flow);
}

enum core_why calendar_why(struct flow *flow, uint64_t slot) {
    const struct calendar *calendar = flow->calendar;
    enum core_why why = WHY_NONE;
    pthread_mutex_lock(&flow->calendar->lock);
    for (uint32_t i = 0; i < calendar->count; i++) {
        if (calendar->slots[i].id == slot) why = calendar->why[i];
    }
    pthread_mutex_unlock(&flow->calendar->lock);
    return why;
}

uint32_t calendar_hold(struct flow *flow, struct core_reservation *out) {
    struct calendar *calendar = flow->calendar;
    uint32_t count = 0;
    pthread_mutex_lock(&calendar->lock);
    for (uint32_t i = 0; i < calendar->count; i++) {
        if (calendar->why[i] == WHY_NONE) out[count++] = calendar->slots[i];
    }
    return count;
}

void calendar_let_go(struct flow *flow) {
    pthread_mutex_unlock(&flow->calendar->lock);
}

// ---- the whole ---------------------------------------------------------------------------------
enum err calendar_open(struct flow *flow) {
    flow->calendar = memory_take(sizeof *flow->calendar);
    if (!flow->calendar) return ERR_MEMORY;
    pthread_mutex_init(&flow->calendar->lock, NULL);
    flow->calendar->changed = true;
    return OK;
}

void calendar_close(struct flow *flow) {
    if (!flow->calendar) return;
    pthread_mutex_destroy(&flow->calendar->lock);
    memory_give(flow->calendar->members);
    memory_give(flow->calendar);
}
