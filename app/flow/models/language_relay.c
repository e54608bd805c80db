// The relay: one thread that sees to it that a model somebody asks is served, talks to the child
// that serves it, and fills answers.
//
//   a model is asked -> its job (made, or the one that runs) -> the child listens -> frames
//   the child is gone -> what was not begun is asked again of the next one, the rest has failed
//
// A child that ends badly is not started again at once: after 1, 2, 4 … 60 s. Which make room for
// other jobs: language_room.c.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/models/language_relay_private.h"
#include "flow/models/language_usage.h"

enum {
    TURN_MS = 50, // while a child is awaited
    REST_MS = 1000,
    LOOK_MS = 500, // how often the job of a child that does not listen is looked at
    BACK_OFF_MS_MAX = 60 * 1000,
};

// ---- answers ------------------------------------------------------------------------------------

void answer_free(struct flow_answer *answer) {
    if (!answer) return;
    buf_close(&answer->asked);
    buf_close(&answer->out);
    for (uint32_t i = 0; i < ANSWER_PARTS_MAX; i++) {
        buf_close(&answer->parts[i].text);
        buf_close(&answer->parts[i].logprobs);
        screen_close(answer->parts[i].screen);
        buf_close(&answer->parts[i].calls);
        buf_close(&answer->parts[i].given);
    }
    memory_give(answer);
}

static void relay_wake(struct language *language) {
    uint64_t one = 1;
    (void)!write(language->wake_fd, &one, sizeof one);
}

enum err language_put(struct flow *flow, struct flow_answer *answer, struct fault *fault) {
    struct language *language = flow->language;
    uint32_t own = 0;
    enum err err = OK;
    pthread_mutex_lock(&language->lock);
    struct flow_answer **last = &language->answers;
    for (; *last; last = &(*last)->next) own += (*last)->person == answer->person;
    if (language->count == ANSWERS_MAX) {
        err = fault_set(fault, ERR_BUSY, "language.queue_full", STR_NONE);
    } else if (own >= ANSWERS_PERSON_MAX) {
        err = fault_set(fault, ERR_BUSY, "language.too_many", STR_NONE);
    } else {
        answer->id = language->next_id;
        language->next_id += ANSWER_PARTS_MAX;
        *last = answer;
        language->count++;
    }
    pthread_mutex_unlock(&language->lock);
    if (err == OK) relay_wake(language);
    return err;
}

uint32_t language_requests(struct flow *flow, uint64_t model) {
    struct language *language = flow->language;
    uint32_t count = 0;
    pthread_mutex_lock(&language->lock);
    for (const struct flow_answer *one = language->answers; one; one = one->next) {
        count += one->model == model && !one->ended;
    }
    pthread_mutex_unlock(&language->lock);
    return count;
}

bool flow_answer_streams(const struct flow_answer *answer) {
    return answer->streams;
}

enum flow_answer_state flow_answer_take(struct flow_answer *answer, struct buf *out,
                                        enum err *out_err, struct fault *fault) {
    struct language *language = answer->flow->language;
    enum flow_answer_state state = FLOW_ANSWER_WAITS;
    pthread_mutex_lock(&language->lock);
    if (answer->ended && buf_err(&answer->out) != OK && !answer->failed) {
        answer->failed = true;
        answer->err =
            fault_set(&answer->fault, buf_err(&answer->out), "flow.answer_too_large", STR_NONE);
    }
    bool more = answer->out.size && buf_err(&answer->out) == OK; // what came before it failed
    if (answer->failed && !(answer->streams && more)) {
        state = FLOW_ANSWER_FAILED;
        *out_err = answer->err;
        *fault = answer->fault;
    } else if (more || answer->ended) {
        buf_add_str(out, buf_str(&answer->out));
        buf_clear(&answer->out);
        state = answer->ended && !answer->failed ? FLOW_ANSWER_WHOLE : FLOW_ANSWER_MORE;
    }
    pthread_mutex_unlock(&language->lock);
    return state;
}

// What it has cost, whoever has had it.
static void use_note(const struct flow_answer *answer) {
    struct language_use use = {
        .tenant = answer->tenant,
        .model = answer->model,
        .person = {answer->person, str_of(answer->person_name)},
        .model_name = str_of(answer->name),
        .counts = {.requests = 1,
                   .prompt_tokens = answer->prompt_tokens,
                   .cached_tokens = answer->shared_tokens},
    };
    for (uint32_t i = 0; i < answer->parts_count; i++) {
        use.counts.answer_tokens += answer->parts[i].tokens;
    }
    guard_count_add(answer, &use.counts);
    if (answer->begun) language_usage_note(answer->flow, &use, 1);
}

static void cancel_put(struct language *language, uint64_t id) {
    if (language->cancel_count < CANCELS_MAX) language->cancels[language->cancel_count++] = id;
}

void flow_answer_close(struct flow_answer *answer) {
    if (!answer) return;
    struct language *language = answer->flow->language;
    pthread_mutex_lock(&language->lock);
    struct flow_answer **at = &language->answers;
    while (*at && *at != answer) at = &(*at)->next;
    if (*at) {
        *at = answer->next;
        language->count--;
    }
    for (uint32_t i = 0; answer->sent && !answer->ended && i < answer->parts_count; i++) {
        cancel_put(language, answer->id + i);
    }
    guard_leave(answer);
    use_note(answer);
    pthread_mutex_unlock(&language->lock);
    relay_wake(language);
    answer_free(answer);
}

static void wake(const struct flow_answer *answer) {
    answer->waker.wake(answer->waker.ctx);
}

// ---- the thread: all that follows ---------------------------------------------------------------

struct speaker *speaker_of(struct language *language, uint64_t model) {
    struct speaker *room = NULL;
    for (uint32_t i = 0; i < SPEAKERS_MAX; i++) {
        struct speaker *one = &language->speakers[i];
        if (one->model == model) return one;
        if (one->model == 0 && !room) room = one;
    }
    if (!room) return NULL;
    *room = (struct speaker){.model = model, .talk.fd = -1};
    return room;
}

static bool is_asked(const struct language *language, uint64_t model) {
    for (const struct flow_answer *one = language->answers; one; one = one->next) {
        if (one->model == model && !one->ended) return true;
    }
    return false;
}

// Under the lock. `begun_only`: those that the child had begun or had twice.
static void answers_fail(struct language *language, uint64_t model, bool begun_only, enum err err,
                         const struct fault *fault) {
    for (struct flow_answer *one = language->answers; one; one = one->next) {
        if (one->model != model || one->ended) continue;
        bool again = begun_only && !one->begun && one->tries < ANSWER_TRIES;
        if (again) {
            one->sent = false;
            continue;
        }
        answer_fail(one, err, fault);
        wake(one);
    }
}

static void all_fail(struct language *language, uint64_t model, enum err err,
                     const struct fault *fault) {
    pthread_mutex_lock(&language->lock);
    answers_fail(language, model, false, err, fault);
    pthread_mutex_unlock(&language->lock);
}

// The child is gone, or has said what none of ours says.
static void speaker_lost(struct language *language, struct speaker *speaker) {
    struct fault fault = {0};
    enum err err = fault_set(&fault, ERR_CANCELLED, "language.ended", STR_NONE);
    talk_close(&speaker->talk);
    speaker->yields = false;
    pthread_mutex_lock(&language->lock);
    answers_fail(language, speaker->model, true, err, &fault);
    pthread_mutex_unlock(&language->lock);
}

static void back_off(struct speaker *speaker) {
    uint64_t wait_ms = REST_MS;
    for (uint32_t i = 0; i < speaker->failures && wait_ms < BACK_OFF_MS_MAX; i++) wait_ms *= 2;
    if (wait_ms > BACK_OFF_MS_MAX) wait_ms = BACK_OFF_MS_MAX;
    speaker->failures++;
    speaker->retry_us = clock_monotonic_us() + wait_ms * 1000;
}

void speaker_met(struct speaker *speaker, int fd) {
    talk_open(&speaker->talk, fd);
    speaker->reached = true;
    speaker->yields = false;
    speaker->failures = 0;
    speaker->busy_us = clock_monotonic_us();
    speaker->blocks_since_us = 0;
}

// What became of its job, which does not listen. A job that ended well was idle, or was told to.
static void job_look_at(struct flow *flow, struct speaker *speaker) {
    struct language *language = flow->language;
    struct store_txn *txn;
    struct job job;
    if (clock_monotonic_us() - speaker->looked_us < (uint64_t)LOOK_MS * 1000) return;
    speaker->looked_us = clock_monotonic_us();
    arena_reset(language->arena);
    if (store_read_begin(flow->store, &txn) != OK) return;
    enum err err = job_load(txn, language->arena, speaker->job, &job);
    store_read_end(txn);
    if (err == OK && !job_is_over(&job)) return;
    bool failed = err == OK && job.state == JOB_FAILED;
    if (failed) back_off(speaker);
    if (failed && !speaker->reached) all_fail(language, speaker->model, ERR_CONFLICT, &job.fault);
    speaker->job = 0;
    speaker->reached = false;
}

static void job_make(struct flow *flow, struct speaker *speaker) {
    struct language *language = flow->language;
    struct fault fault = {0};
    arena_reset(language->arena);
    enum err err = language_serve(flow, language->arena, speaker->model, &speaker->job, &fault);
    if (err == OK) return;
    if (!fault.code[0]) err = fault_set(&fault, err, "job.failed", str_of(err_name(err)));
    all_fail(language, speaker->model, err, &fault);
    back_off(speaker);
}

// One that is asked and not reached: brings it nearer.
static void speaker_seek(struct flow *flow, struct speaker *speaker) {
    char folder[LIMIT_PATH_BYTES];
    if (clock_monotonic_us() < speaker->retry_us) return;
    if (!speaker->job) job_make(flow, speaker);
    if (!speaker->job) return;
    job_folder(flow, speaker->job, folder);
    int fd = talk_connect(folder);
    if (fd < 0) {
        job_look_at(flow, speaker);
        return;
    }
    speaker_met(speaker, fd);
}

// Under the lock: questions that have not gone out yet.
static void questions_send(struct language *language, struct speaker *speaker) {
    struct buf frame;
    buf_open(&frame, TALK_BYTES_MAX);
    for (struct flow_answer *one = language->answers; one; one = one->next) {
        if (one->model != speaker->model || one->sent || one->ended) continue;
        for (uint32_t part = 0; part < one->parts_count; part++) {
            buf_clear(&frame);
            answer_frame(one, part, &frame);
            talk_put(&speaker->talk, buf_str(&frame));
        }
        one->sent = true;
        one->tries++;
        speaker->busy_us = clock_monotonic_us();
    }
    buf_close(&frame);
}

// Under the lock. To every child: an id is one answer's alone.
static void cancels_send(struct language *language) {
    for (uint32_t i = 0; i < language->cancel_count; i++) {
        char text[48];
        snprintf(text, sizeof text, "{\"cancel\":%llu}", (unsigned long long)language->cancels[i]);
        for (uint32_t k = 0; k < SPEAKERS_MAX; k++) {
            struct speaker *speaker = &language->speakers[k];
            if (speaker->model && speaker->talk.fd >= 0) talk_put(&speaker->talk, str_of(text));
        }
    }
    language->cancel_count = 0;
}

// Under the lock: those whose model is not there yet are told their place, each second.
static void places_tell(struct language *language, struct speaker *speaker) {
    uint64_t place = 0, now = clock_monotonic_us();
    if (now - speaker->told_us < (uint64_t)REST_MS * 1000) return;
    speaker->told_us = now;
    for (struct flow_answer *one = language->answers; one; one = one->next) {
        if (one->model != speaker->model || one->sent || one->ended) continue;
        answer_waits(one, ++place);
        wake(one);
    }
}

static void frame_hear(struct language *language, struct str text) {
    struct json *frame;
    if (json_parse(text, &frame, NULL) != OK) return;
    uint64_t id = json_member_u64(frame, "id", 0);
    pthread_mutex_lock(&language->lock);
    for (struct flow_answer *one = language->answers; one; one = one->next) {
        if (id < one->id || id >= one->id + one->parts_count) continue;
        const struct answer_part *part = &one->parts[id - one->id];
        bool over = part->ended;
        answer_hear(one, (uint32_t)(id - one->id), frame);
        if (!over && part->filtered) cancel_put(language, id); // nobody waits for the rest
        wake(one);
        break;
    }
    pthread_mutex_unlock(&language->lock);
    json_close(frame);
}

static void speaker_hear(struct language *language, struct speaker *speaker) {
    struct str text;
    enum err err;
    bool there = talk_read(&speaker->talk);
    while ((err = talk_take(&speaker->talk, &text)) == OK) frame_hear(language, text);
    if (!there || err == ERR_INPUT) speaker_lost(language, speaker);
}

// True while a child is awaited.
static bool speakers_turn(struct flow *flow) {
    struct language *language = flow->language;
    bool awaited = false;
    pthread_mutex_lock(&language->lock);
    for (struct flow_answer *one = language->answers; one; one = one->next) {
        if (one->ended || one->sent || speaker_of(language, one->model)) continue;
        struct fault fault = {0};
        answer_fail(one, fault_set(&fault, ERR_BUSY, "language.queue_full", STR_NONE), &fault);
        wake(one);
    }
    cancels_send(language);
    pthread_mutex_unlock(&language->lock);
    for (uint32_t i = 0; i < SPEAKERS_MAX; i++) {
        struct speaker *speaker = &language->speakers[i];
        if (!speaker->model) continue;
        pthread_mutex_lock(&language->lock);
        bool asked = is_asked(language, speaker->model);
        pthread_mutex_unlock(&language->lock);
        if (speaker->talk.fd < 0 && asked) speaker_seek(flow, speaker);
        if (speaker->talk.fd < 0 && !asked && clock_monotonic_us() >= speaker->retry_us) {
            speaker->model = 0; // somebody else may have its place
            continue;
        }
        pthread_mutex_lock(&language->lock);
        if (speaker->talk.fd >= 0 && !speaker->yields) questions_send(language, speaker);
        if (speaker->talk.fd < 0 || speaker->yields) places_tell(language, speaker);
        pthread_mutex_unlock(&language->lock);
        if (speaker->talk.fd >= 0 && !talk_write(&speaker->talk)) speaker_lost(language, speaker);
        awaited = awaited || (speaker->talk.fd < 0 && asked);
    }
    return awaited;
}

static void speakers_wait(struct language *language, int patience_ms) {
    struct pollfd polled[SPEAKERS_MAX + 1] = {{.fd = language->wake_fd, .events = POLLIN}};
    for (uint32_t i = 0; i < SPEAKERS_MAX; i++) {
        const struct speaker *speaker = &language->speakers[i];
        polled[i + 1].fd = speaker->model ? speaker->talk.fd : -1;
        polled[i + 1].events = POLLIN;
        if (talk_waits(&speaker->talk)) polled[i + 1].events |= POLLOUT;
    }
    if (poll(polled, SPEAKERS_MAX + 1, patience_ms) <= 0) return;
    uint64_t count;
    if (polled[0].revents) (void)!read(language->wake_fd, &count, sizeof count);
    for (uint32_t i = 0; i < SPEAKERS_MAX; i++) {
        if (polled[i + 1].revents) speaker_hear(language, &language->speakers[i]);
    }
}

static void *relay_main(void *argument) {
    struct flow *flow = argument;
    struct language *language = flow->language;
    for (;;) {
        pthread_mutex_lock(&language->lock);
        bool closing = language->closing;
        pthread_mutex_unlock(&language->lock);
        if (closing) break;
        language_make_room(flow);
        bool awaited = speakers_turn(flow);
        speakers_wait(language, awaited ? TURN_MS : REST_MS);
    }
    return NULL;
}

enum err language_open(struct flow *flow) {
    struct language *language = memory_take(sizeof *language);
    if (!language) return ERR_MEMORY;
    flow->language = language;
    pthread_mutex_init(&language->lock, NULL);
    // An id is not given twice, not by the next life of this process either: a child may live on.
    language->next_id = (uint64_t)clock_now_ms() * ANSWER_PARTS_MAX;
    language->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (language->wake_fd < 0) return ERR_MEMORY;
    if (arena_open(SCRATCH_BYTES, &language->arena) != OK) return ERR_MEMORY;
    language->thread_runs = pthread_create(&language->thread, NULL, relay_main, flow) == 0;
    return language->thread_runs ? OK : ERR_MEMORY;
}

void language_close(struct flow *flow) {
    struct language *language = flow->language;
    if (!language) return;
    if (language->thread_runs) {
        pthread_mutex_lock(&language->lock);
        language->closing = true;
        pthread_mutex_unlock(&language->lock);
        relay_wake(language);
        pthread_join(language->thread, NULL);
    }
    for (uint32_t i = 0; i < SPEAKERS_MAX; i++) {
        if (language->speakers[i].model) talk_close(&language->speakers[i].talk);
    }
    while (language->answers) {
        struct flow_answer *answer = language->answers;
        language->answers = answer->next;
        answer_free(answer);
    }
    arena_close(language->arena);
    if (language->wake_fd >= 0) close(language->wake_fd);
    pthread_mutex_destroy(&language->lock);
    memory_give(language);
    flow->language = NULL;
}
