// The policies to compare with, as plain as they can be: all that waits and all that runs is looked
// at with every event. Devices count as an amount, so parts of devices fit at best.
#include <stdlib.h>
#include <string.h>

#include "allocation/simulate_private.h"
#include "base/memory.h"

struct peer {
    struct play *play;
    uint32_t *active; // waiting and running, in the order of their submit (or by work left: srtf)
    uint32_t count, next_job;
    double *keys; // srtf, by job
    bool *wanted; // by place in active
    struct core_amount free;
};

static bool fits(const struct peer *peer, uint32_t job) {
    struct core_amount need = need_of(&peer->play->trace->jobs[job]);
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (need.of[r] > peer->free.of[r]) return false;
    }
    return true;
}

static void free_change(struct peer *peer, uint32_t job, int sign) {
    struct core_amount need = need_of(&peer->play->trace->jobs[job]);
    for (int r = 0; r < RESOURCE_COUNT; r++) peer->free.of[r] += sign * need.of[r];
}

static void begin(struct peer *peer, uint32_t index) {
    struct play *play = peer->play;
    struct played *job = &play->jobs[index];
    job->running = true;
    job->ready_ms = play->now_ms + (job->started_ms >= 0 ? checkpoint_of(play, index) : 0);
    if (job->started_ms < 0) job->started_ms = play->now_ms;
    free_change(peer, index, -1);
    play_hold(play, index, 1);
}

static void stop(struct peer *peer, uint32_t index) {
    struct play *play = peer->play;
    struct played *job = &play->jobs[index];
    if (play->now_ms > job->ready_ms) job->left_ms -= play->now_ms - job->ready_ms;
    job->running = false;
    free_change(peer, index, 1);
    play_hold(play, index, -1);
}

static int64_t end_of(const struct peer *peer, uint32_t index) {
    return peer->play->jobs[index].ready_ms + peer->play->jobs[index].left_ms;
}

// ---- fifo and easy -----------------------------------------------------------------------------
static uint32_t fifo_start(struct peer *peer) { // the place of the first that does not fit
    for (uint32_t i = 0; i < peer->count; i++) {
        uint32_t index = peer->active[i];
        if (peer->play->jobs[index].running) continue;
        if (!fits(peer, index)) return i;
        begin(peer, index);
    }
    return peer->count;
}

struct end {
    int64_t at_ms;
    uint32_t job;
};

static int by_end(const void *a, const void *b) {
    const struct end *left = a, *right = b;
    if (left->at_ms != right->at_ms) return left->at_ms < right->at_ms ? -1 : 1;
    return left->job < right->job ? -1 : left->job > right->job;
}

// When `head` can start, and what will be free beside it then.
static int64_t shadow_of(const struct peer *peer, uint32_t head, struct end *ends,
                         struct core_amount *extra) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < peer->count; i++) {
        uint32_t index = peer->active[i];
        if (!peer->play->jobs[index].running) continue;
        ends[count++] = (struct end){end_of(peer, index), index};
    }
    qsort(ends, count, sizeof *ends, by_end);
    struct peer later = *peer;
    for (uint32_t i = 0; i < count; i++) {
        free_change(&later, ends[i].job, 1);
        if (!fits(&later, head)) continue;
        free_change(&later, head, -1);
        *extra = later.free;
        return ends[i].at_ms;
    }
    return INT64_MAX; // cannot be: it fits the empty box
}

static void easy_backfill(struct peer *peer, uint32_t from, struct end *ends) {
    struct core_amount extra = {0};
    int64_t shadow = shadow_of(peer, peer->active[from], ends, &extra);
    for (uint32_t i = from + 1; i < peer->count; i++) {
        uint32_t index = peer->active[i];
        if (peer->play->jobs[index].running || !fits(peer, index)) continue;
        struct core_amount need = need_of(&peer->play->trace->jobs[index]);
        bool beside = true;
        for (int r = 0; r < RESOURCE_COUNT; r++) beside = beside && need.of[r] <= extra.of[r];
        bool before = peer->play->now_ms + peer->play->jobs[index].left_ms <= shadow;
        if (!before && !beside) continue;
        begin(peer, index);
        for (int r = 0; !before && r < RESOURCE_COUNT; r++) extra.of[r] -= need.of[r];
    }
}

// ---- srtf --------------------------------------------------------------------------------------
static double work_left(const struct peer *peer, uint32_t index) {
    const struct play *play = peer->play;
    const struct played *job = &play->jobs[index];
    struct core_amount need = need_of(&play->trace->jobs[index]);
    int64_t left = job->left_ms;
    if (job->running && play->now_ms > job->ready_ms) left -= play->now_ms - job->ready_ms;
    double most = 0;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (play->capacity.of[r] <= 0) continue;
        double share = (double)need.of[r] / (double)play->capacity.of[r];
        if (share > most) most = share;
    }
    return (double)left * most;
}

static const double *sort_keys; // of the sort that runs: qsort has no room for a context

static int by_key(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    if (sort_keys[left] != sort_keys[right]) return sort_keys[left] < sort_keys[right] ? -1 : 1;
    return left < right ? -1 : left > right;
}

static void srtf_choose(struct peer *peer) {
    for (uint32_t i = 0; i < peer->count; i++) {
        peer->keys[peer->active[i]] = work_left(peer, peer->active[i]);
    }
    sort_keys = peer->keys;
    qsort(peer->active, peer->count, sizeof *peer->active, by_key);
    struct core_amount now_free = peer->free;
    peer->free = peer->play->capacity;
    for (uint32_t i = 0; i < peer->count; i++) {
        peer->wanted[i] = fits(peer, peer->active[i]);
        if (peer->wanted[i]) free_change(peer, peer->active[i], -1);
    }
    peer->free = now_free;
    for (uint32_t i = 0; i < peer->count; i++) {
        if (!peer->play->jobs[peer->active[i]].running || peer->wanted[i]) continue;
        stop(peer, peer->active[i]);
        peer->play->figures->preemptions++;
    }
    for (uint32_t i = 0; i < peer->count; i++) {
        if (peer->wanted[i] && !peer->play->jobs[peer->active[i]].running) {
            begin(peer, peer->active[i]);
        }
    }
}

// ---- time --------------------------------------------------------------------------------------
static int64_t next_time(const struct peer *peer) {
    int64_t next = peer->next_job < peer->play->trace->count
                       ? peer->play->trace->jobs[peer->next_job].submit_ms
                       : INT64_MAX;
    for (uint32_t i = 0; i < peer->count; i++) {
        if (!peer->play->jobs[peer->active[i]].running) continue;
        int64_t end = end_of(peer, peer->active[i]);
        if (end < next) next = end;
    }
    return next;
}

static void ends_take(struct peer *peer) {
    struct play *play = peer->play;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < peer->count; i++) {
        uint32_t index = peer->active[i];
        struct played *job = &play->jobs[index];
        if (!job->running || end_of(peer, index) > play->now_ms) {
            peer->active[kept++] = index;
            continue;
        }
        job->running = false;
        job->end_ms = play->last_end_ms = play->now_ms;
        free_change(peer, index, 1);
        play_hold(play, index, -1);
    }
    peer->count = kept;
}

static void submits_take(struct peer *peer) {
    const struct play *play = peer->play;
    while (peer->next_job < play->trace->count &&
           play->trace->jobs[peer->next_job].submit_ms <= play->now_ms) {
        if (!play->jobs[peer->next_job].out) peer->active[peer->count++] = peer->next_job;
        peer->next_job++;
    }
}

enum err play_peer(struct play *play, enum simulate_policy policy) {
    size_t room = (size_t)play->trace->count + 1;
    struct peer peer = {.play = play, .free = play->capacity};
    peer.active = memory_take(sizeof *peer.active * room);
    peer.keys = memory_take(sizeof *peer.keys * room);
    peer.wanted = memory_take(sizeof *peer.wanted * room);
    struct end *ends = memory_take(sizeof *ends * room);
    enum err err = peer.active && peer.keys && peer.wanted && ends ? OK : ERR_MEMORY;
    while (err == OK && (peer.count > 0 || peer.next_job < play->trace->count)) {
        int64_t at = next_time(&peer);
        if (at == INT64_MAX) break;
        if (at > play->now_ms) play_until(play, at);
        ends_take(&peer);
        submits_take(&peer);
        if (policy == SIMULATE_SRTF) {
            srtf_choose(&peer);
            continue;
        }
        uint32_t waiting = fifo_start(&peer);
        if (policy == SIMULATE_EASY && waiting < peer.count) easy_backfill(&peer, waiting, ends);
    }
    memory_give(peer.active);
    memory_give(peer.keys);
    memory_give(peer.wanted);
    memory_give(ends);
    return err;
}
