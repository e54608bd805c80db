// Making room: a model that is served holds processors and memory for as long as somebody may ask,
// and the box may have no more of them. Where a job waits for what such a model holds, the model
// goes: at once while nobody asks it, after its turn otherwise: then it begins no further answer,
// ends those it has begun, and whoever still waits for one is answered by its next process, which
// stands behind the job. Called by the relay's thread alone.
#include <unistd.h>

#include "base/clock.h"
#include "flow/jobs/schedule.h"
#include "flow/models/language_relay_private.h"

enum {
    LOOKED_AT_MAX = 16, // of the jobs that wait
    LOOK_MS = 1000,
    UNASKED_MS = 1000,
    TURN_MS = 10 * 1000, // that another job waits for a model that is asked
};

// ---- processes that were not talked to ----------------------------------------------------------
// Of a former life of the box; loaded before anybody asked; or begun for who has gone meanwhile.
static bool is_talked_to(const struct language *language, uint64_t model) {
    for (uint32_t i = 0; i < SPEAKERS_MAX; i++) {
        const struct speaker *one = &language->speakers[i];
        if (one->model == model && one->talk.fd >= 0) return true;
    }
    return false;
}

static bool served_visit(void *ctx, struct str key, struct record_reader *record) {
    struct flow *flow = ctx;
    struct language *language = flow->language;
    struct language_model model;
    char folder[LIMIT_PATH_BYTES];
    (void)key;
    arena_reset(language->arena);
    if (language_model_read(record, language->arena, &model) != OK) return true;
    if (!model.serving || is_talked_to(language, model.id)) return true;
    job_folder(flow, model.serving, folder);
    int fd = talk_connect(folder);
    if (fd < 0) return true; // it is over
    struct speaker *speaker = speaker_of(language, model.id);
    if (!speaker) {
        close(fd);
        return true;
    }
    speaker->job = model.serving;
    speaker_met(speaker, fd);
    return true;
}

static void served_meet(struct flow *flow) {
    struct store_txn *txn;
    if (store_read_begin(flow->store, &txn) != OK) return;
    (void)!store_scan(txn, TABLE_LANGUAGE, (struct key){.size = 0}, true, served_visit, flow);
    store_read_end(txn);
}

// ---- who waits ----------------------------------------------------------------------------------
// False: it is of no process that is talked to.
static bool waited_for(struct language *language, uint64_t job, uint64_t now_us) {
    bool known = false;
    for (uint32_t i = 0; i < SPEAKERS_MAX; i++) {
        struct speaker *speaker = &language->speakers[i];
        if (!speaker->model || speaker->talk.fd < 0 || speaker->job != job) continue;
        speaker->blocks_us = now_us;
        if (!speaker->blocks_since_us) speaker->blocks_since_us = now_us;
        known = true;
    }
    return known;
}

static void waiting_look(struct flow *flow, uint64_t now_us) {
    uint64_t waiting[LOOKED_AT_MAX];
    struct schedule_why why;
    bool unknown = false;
    uint32_t count = schedule_waiting(flow->schedule, waiting, LOOKED_AT_MAX);
    for (uint32_t i = 0; i < count; i++) {
        schedule_explain(flow->schedule, waiting[i], &why);
        if (why.blocker && !waited_for(flow->language, why.blocker, now_us)) unknown = true;
    }
    if (unknown) served_meet(flow);
}

// ---- going --------------------------------------------------------------------------------------
// Under the lock: answers that its process has and has not ended.
static uint32_t under_way(const struct language *language, const struct speaker *speaker) {
    uint32_t count = 0;
    for (const struct flow_answer *one = language->answers; one; one = one->next) {
        count += one->model == speaker->model && one->sent && !one->ended;
    }
    return count;
}

static void speaker_yield(struct language *language, struct speaker *speaker, uint64_t now_us) {
    pthread_mutex_lock(&language->lock);
    uint32_t answering = under_way(language, speaker);
    pthread_mutex_unlock(&language->lock);
    if (answering) speaker->busy_us = now_us;
    bool idle = now_us > speaker->busy_us + (uint64_t)UNASKED_MS * 1000;
    bool turn_over = now_us > speaker->blocks_since_us + (uint64_t)TURN_MS * 1000;
    if (!idle && !turn_over) return;
    speaker->yields = true;
    if (answering) return; // what has been begun is ended
    talk_put(&speaker->talk, STR("{\"end\":true}"));
}

void language_make_room(struct flow *flow) {
    struct language *language = flow->language;
    uint64_t now_us = clock_monotonic_us();
    if (now_us - language->room_us < (uint64_t)LOOK_MS * 1000) return;
    language->room_us = now_us;
    waiting_look(flow, now_us);
    for (uint32_t i = 0; i < SPEAKERS_MAX; i++) {
        struct speaker *speaker = &language->speakers[i];
        if (!speaker->model || speaker->talk.fd < 0) continue;
        if (speaker->blocks_us == now_us) {
            speaker_yield(language, speaker, now_us);
        } else {
            speaker->blocks_since_us = 0;
            speaker->yields = false;
        }
    }
}
