// The lock-out's memory: a table of fixed size, looked up by a keyed hash. When it is full the
// entry that has been quiet for longest makes room, so that memory stays bounded whoever comes.
#include "base/clock.h"
#include "people/people_private.h"

enum { FREE_FAILURES = 5, WAIT_SECONDS_MAX = 15 * 60, FORGET_MS = 24 * 3600 * 1000, PROBES = 8 };

void lockout_open(struct lockout *lockout) {
    pthread_mutex_init(&lockout->mutex, NULL);
    random_bytes(lockout->secret, sizeof lockout->secret);
}

void lockout_close(struct lockout *lockout) {
    pthread_mutex_destroy(&lockout->mutex);
}

int64_t lockout_until_ms(uint64_t failures, int64_t last_ms) {
    if (failures < FREE_FAILURES) return 0;
    uint64_t doublings = failures - FREE_FAILURES + 1;
    int64_t wait = doublings < 10 ? (int64_t)1 << doublings : WAIT_SECONDS_MAX;
    if (wait > WAIT_SECONDS_MAX) wait = WAIT_SECONDS_MAX;
    return last_ms + wait * 1000;
}

static uint64_t key_of(const struct lockout *lockout, const char *kind, struct str what) {
    struct sha256 sha256;
    sha256_start(&sha256);
    sha256_add(&sha256, lockout->secret, sizeof lockout->secret);
    sha256_add(&sha256, kind, str_of(kind).size + 1);
    sha256_add(&sha256, what.data, what.size);
    struct hash hash = sha256_finish(&sha256);
    uint64_t key = 0;
    for (int i = 0; i < 8; i++) key = key << 8 | hash.bytes[i];
    return key ? key : 1;
}

// The slot of the key, or the one it may take. The mutex is held.
static struct lockout_slot *slot_of(struct lockout *lockout, uint64_t key) {
    struct lockout_slot *oldest = NULL;
    for (uint64_t i = 0; i < PROBES; i++) {
        struct lockout_slot *slot = &lockout->slots[(key + i) % LOCKOUT_SLOTS];
        if (slot->key == key) return slot;
        if (!oldest || slot->last_ms < oldest->last_ms) oldest = slot;
    }
    *oldest = (struct lockout_slot){.key = key};
    return oldest;
}

uint64_t lockout_begin(struct lockout *lockout, const char *kind, struct str what,
                       uint64_t known_failures, int64_t known_until_ms) {
    int64_t now_ms = clock_now_ms();
    uint64_t wait_s = 0;
    pthread_mutex_lock(&lockout->mutex);
    struct lockout_slot *slot = slot_of(lockout, key_of(lockout, kind, what));
    if (slot->failures < known_failures) slot->failures = known_failures;
    if (slot->until_ms < known_until_ms) slot->until_ms = known_until_ms;
    if (slot->last_ms && now_ms - slot->last_ms > FORGET_MS) {
        slot->failures = 0;
        slot->until_ms = 0;
    }
    if (slot->until_ms > now_ms) {
        wait_s = (uint64_t)(slot->until_ms - now_ms + 999) / 1000;
    } else {
        slot->failures++;
        slot->last_ms = now_ms;
        slot->until_ms = lockout_until_ms(slot->failures, now_ms);
    }
    pthread_mutex_unlock(&lockout->mutex);
    return wait_s;
}

void lockout_clear(struct lockout *lockout, const char *kind, struct str what) {
    pthread_mutex_lock(&lockout->mutex);
    struct lockout_slot *slot = slot_of(lockout, key_of(lockout, kind, what));
    *slot = (struct lockout_slot){0};
    pthread_mutex_unlock(&lockout->mutex);
}

void lockout_undo(struct lockout *lockout, const char *kind, struct str what) {
    pthread_mutex_lock(&lockout->mutex);
    struct lockout_slot *slot = slot_of(lockout, key_of(lockout, kind, what));
    if (slot->failures > 0) slot->failures--;
    slot->until_ms = lockout_until_ms(slot->failures, slot->last_ms);
    pthread_mutex_unlock(&lockout->mutex);
}
