// What endpoints do, counted, and their shadows. Counters are added up in memory and written every
// other second by a thread of its own, which also writes what language models have done and lets
// shadows answer what has been answered already: so neither a sync of the disk nor a second model
// delays an answer.
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "allocation/usage.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/models/language_usage.h"
#include "flow/models/serving.h"

enum {
    SUMS_MAX = 1024, // person and endpoint; of one flush
    TALLIES_MAX = 64,
    FLUSH_US = 2 * 1000 * 1000,
    SHADOWS_WAITING_MAX = 256,
    SHADOW_NICE = 10, // it gives way to whoever answers people
};
#define SHADOWS_BYTES_MAX ((size_t)32 << 20)
#define SHADOW_ARENA_BYTES ((size_t)64 << 20)

struct named_sum {
    struct served_sum sum; // month 0: found when it is written; its name lies in `name`
    char name[LIMIT_NAME_BYTES + 1];
};
struct pending {
    struct named_sum sums[SUMS_MAX];
    struct served_tally tallies[TALLIES_MAX];
    uint32_t sum_count, tally_count;
};

struct shadow_job { // one piece of memory, what it points to behind it
    struct shadow_job *next;
    size_t bytes;
    uint64_t endpoint, version, shadow, pinned_us;
    struct hash pinned_file, shadow_file;
    uint32_t count, outputs;
    double *out; // (count, outputs) of the pinned one
    struct str body;
};

struct serving {
    pthread_mutex_t lock; // protects what is below but `spare`
    pthread_cond_t work;
    struct pending *pending;
    struct shadow_job *first, *last;
    uint32_t waiting;
    size_t waiting_bytes;
    bool closing, thread_runs;
    pthread_t thread;
    pthread_mutex_t flushing; // protects `spare`: what is being written
    struct pending *spare;
};

// ---- adding up (under the lock) ----------------------------------------------------------------
static bool sum_add(struct pending *pending, const struct served_sum *more) {
    for (uint32_t i = 0; i < pending->sum_count; i++) {
        struct served_sum *sum = &pending->sums[i].sum;
        if (sum->endpoint != more->endpoint || sum->person.id != more->person.id ||
            sum->tenant != more->tenant) {
            continue;
        }
        sum->calls += more->calls;
        sum->rows += more->rows;
        sum->failed += more->failed;
        sum->last_ms = more->last_ms;
        return true;
    }
    if (pending->sum_count == SUMS_MAX) return false;
    struct named_sum *place = &pending->sums[pending->sum_count++];
    place->sum = *more;
    (void)!str_copy(place->name, sizeof place->name, more->person.name);
    return true;
}

static struct served_tally *tally_of(struct pending *pending, uint64_t endpoint, uint64_t version,
                                     uint64_t shadow) {
    for (uint32_t i = 0; i < pending->tally_count; i++) {
        struct served_tally *tally = &pending->tallies[i];
        if (tally->endpoint == endpoint && tally->version == version && tally->shadow == shadow) {
            return tally;
        }
    }
    if (pending->tally_count == TALLIES_MAX) return NULL;
    struct served_tally *tally = &pending->tallies[pending->tally_count++];
    *tally = (struct served_tally){
        .endpoint = endpoint, .version = version, .shadow = shadow, .first_ms = clock_now_ms()};
    return tally;
}

static bool tally_add(struct pending *pending, const struct served_tally *more) {
    struct served_tally *tally = tally_of(pending, more->endpoint, more->version, more->shadow);
    if (tally) served_tally_merge(tally, more);
    return tally != NULL;
}

// ---- writing -----------------------------------------------------------------------------------
static enum err sums_write(struct store_txn *txn, struct arena *arena, struct pending *pending) {
    const struct policy *policy;
    enum err err = policy_borrow(txn, &policy);
    if (err != OK) return err;
    for (uint32_t i = 0; i < pending->sum_count; i++) {
        pending->sums[i].sum.month = usage_month(policy, pending->sums[i].sum.last_ms);
    }
    policy_return(policy);
    for (uint32_t i = 0; i < pending->sum_count && err == OK; i++) {
        struct served_sum *sum = &pending->sums[i].sum;
        sum->person.name = str_of(pending->sums[i].name);
        arena_reset(arena);
        err = served_sum_add(txn, arena, sum);
        if (err == OK) {
            err = usage_served(txn, sum->person.id, sum->person.name, 0, sum->calls + sum->failed);
        }
    }
    return err;
}

static enum err pending_write(struct store_txn *txn, void *ctx) {
    struct pending *pending = ctx;
    struct arena *arena;
    enum err err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) return err;
    err = sums_write(txn, arena, pending);
    for (uint32_t i = 0; i < pending->tally_count && err == OK; i++) {
        arena_reset(arena);
        err = served_tally_add(txn, arena, &pending->tallies[i]);
    }
    arena_close(arena);
    return err;
}

// A full disk: they are counted again with what comes meanwhile, as far as there is room.
static void pending_back(struct serving *serving) {
    struct pending *failed = serving->spare;
    pthread_mutex_lock(&serving->lock);
    for (uint32_t i = 0; i < failed->sum_count; i++) {
        struct served_sum sum = failed->sums[i].sum;
        sum.person.name = str_of(failed->sums[i].name);
        (void)!sum_add(serving->pending, &sum);
    }
    for (uint32_t i = 0; i < failed->tally_count; i++) {
        (void)!tally_add(serving->pending, &failed->tallies[i]);
    }
    pthread_mutex_unlock(&serving->lock);
}

enum err serving_flush(struct flow *flow) {
    struct serving *serving = flow->serving;
    enum err err = OK;
    pthread_mutex_lock(&serving->flushing);
    pthread_mutex_lock(&serving->lock);
    struct pending *now = serving->pending;
    bool any = now->sum_count || now->tally_count;
    if (any) {
        serving->pending = serving->spare;
        serving->spare = now;
    }
    pthread_mutex_unlock(&serving->lock);
    if (any) {
        err = store_write(flow->store, pending_write, now);
        if (err != OK) {
            log_event(LOG_WARN, "serving.not_counted", "error=%s", err_name(err));
            pending_back(serving);
        }
        now->sum_count = now->tally_count = 0;
    }
    pthread_mutex_unlock(&serving->flushing);
    return err;
}

static bool count_try(struct serving *serving, const struct served_sum *sum,
                      const struct served_tally *tally) {
    pthread_mutex_lock(&serving->lock);
    bool added = !sum || sum_add(serving->pending, sum);
    if (added && tally) added = tally_add(serving->pending, tally);
    pthread_mutex_unlock(&serving->lock);
    return added;
}

void serving_count(struct flow *flow, const struct served_call *served) {
    struct served_sum sum = {
        .endpoint = served->endpoint,
        .tenant = served->tenant,
        .person = served->person,
        .calls = served->failed ? 0 : 1,
        .rows = served->failed ? 0 : served->rows,
        .failed = served->failed,
        .last_ms = clock_now_ms(),
    };
    struct served_tally tally = {.endpoint = served->endpoint,
                                 .version = served->version,
                                 .first_ms = sum.last_ms,
                                 .last_ms = sum.last_ms,
                                 .calls = sum.calls,
                                 .rows = sum.rows,
                                 .failed = sum.failed};
    if (!served->failed) sketch_add(&tally.pinned_us, (double)served->pinned_us);
    if (count_try(flow->serving, &sum, NULL) && count_try(flow->serving, NULL, &tally)) return;
    (void)!serving_flush(flow); // more people at once than are kept apart: room is made
    (void)!count_try(flow->serving, NULL, &tally);
}

uint64_t serving_pending(struct flow *flow, uint64_t person) {
    struct serving *serving = flow->serving;
    uint64_t requests = 0;
    pthread_mutex_lock(&serving->lock);
    for (uint32_t i = 0; i < serving->pending->sum_count; i++) {
        const struct served_sum *sum = &serving->pending->sums[i].sum;
        if (sum->person.id == person) requests += sum->calls + sum->failed;
    }
    pthread_mutex_unlock(&serving->lock);
    return requests;
}

// ---- shadows -----------------------------------------------------------------------------------
void shadow_offer(struct flow *flow, const struct call *call, const struct rows_in *rows,
                  const struct served_call *served, const struct hash *pinned,
                  const struct model *shadow) {
    struct serving *serving = flow->serving;
    size_t cells = (size_t)rows->count * rows->about.outputs;
    size_t bytes = sizeof(struct shadow_job) + cells * sizeof(double) + call->body_text.size;
    struct shadow_job *job = NULL;
    pthread_mutex_lock(&serving->lock);
    bool room = serving->waiting < SHADOWS_WAITING_MAX &&
                serving->waiting_bytes + bytes <= SHADOWS_BYTES_MAX && call->body_text.size > 0;
    pthread_mutex_unlock(&serving->lock);
    if (room) job = memory_take(bytes);
    if (!job) {
        struct served_tally skipped = {.endpoint = served->endpoint,
                                       .version = served->version,
                                       .shadow = shadow->id,
                                       .skipped = 1};
        (void)!count_try(serving, NULL, &skipped);
        return;
    }
    *job = (struct shadow_job){.bytes = bytes,
                               .endpoint = served->endpoint,
                               .version = served->version,
                               .shadow = shadow->id,
                               .pinned_us = served->pinned_us,
                               .pinned_file = *pinned,
                               .shadow_file = shadow->file,
                               .count = rows->count,
                               .outputs = rows->about.outputs,
                               .out = (double *)(job + 1)};
    char *text = (char *)(job->out + cells);
    memcpy(job->out, rows->out, cells * sizeof(double));
    memcpy(text, call->body_text.data, call->body_text.size);
    job->body = (struct str){text, call->body_text.size};
    pthread_mutex_lock(&serving->lock);
    if (serving->last) serving->last->next = job;
    if (!serving->last) serving->first = job;
    serving->last = job;
    serving->waiting++;
    serving->waiting_bytes += bytes;
    pthread_cond_signal(&serving->work);
    pthread_mutex_unlock(&serving->lock);
}

static double class_probability(const struct tabular_about *about, const double *row,
                                struct str name) {
    for (uint32_t k = 0; k < about->class_count; k++) {
        if (!str_equal(about->classes[k], name)) continue;
        if (about->outputs > 1) return row[k];
        return k == 1 ? row[0] : 1 - row[0];
    }
    return 0; // a class that it does not know
}

static void rows_compare(const struct shadow_job *job, const struct tabular_about *pinned,
                         const struct rows_in *rows, struct served_tally *tally) {
    for (uint32_t i = 0; i < job->count; i++) {
        const double *was = job->out + (size_t)i * job->outputs;
        const double *is = rows->out + (size_t)i * rows->about.outputs;
        double difference = is[0] - was[0];
        if (pinned->class_count) {
            struct str class = pinned->classes[predicted_class(pinned, was, ONE_HALF)];
            struct str other = rows->about.classes[predicted_class(&rows->about, is, ONE_HALF)];
            tally->differ += !str_equal(class, other);
            difference =
                class_probability(&rows->about, is, class) - class_probability(pinned, was, class);
        }
        tally->sum += difference;
        sketch_add(&tally->distance, difference < 0 ? -difference : difference);
    }
}

// A shadow that does not fit the rows has failed: nobody else notices.
static enum err shadow_answer(struct arena *arena, const struct shadow_job *job,
                              const struct tabular_model *pinned, const struct loaded *shadow,
                              struct served_tally *tally) {
    struct json *body;
    struct rows_in rows;
    struct tabular_about about = tabular_about(pinned);
    enum err err = json_parse(job->body, &body, NULL);
    if (err != OK) return err;
    uint64_t start_us = clock_monotonic_us();
    err = rows_read(&rows, loaded_model(shadow), loaded_asking(shadow), arena,
                    json_member(body, "rows"), NULL);
    if (err == OK) err = rows_predict(&rows, NULL);
    uint64_t took_us = clock_monotonic_us() - start_us;
    bool comparable = (rows.about.class_count > 0) == (about.class_count > 0);
    if (err == OK && comparable && rows.count == job->count && about.outputs == job->outputs) {
        rows_compare(job, &about, &rows, tally);
        sketch_add(&tally->pinned_us, (double)job->pinned_us);
        sketch_add(&tally->shadow_us, (double)took_us);
    } else if (err == OK) {
        err = ERR_CONFLICT;
    }
    rows_in_close(&rows);
    json_close(body);
    return err;
}

static void shadow_run(struct flow *flow, const struct shadow_job *job) {
    struct loaded *pinned = NULL, *shadow = NULL;
    struct arena *arena = NULL;
    int64_t now = clock_now_ms();
    struct served_tally tally = {.endpoint = job->endpoint,
                                 .version = job->version,
                                 .shadow = job->shadow,
                                 .first_ms = now,
                                 .last_ms = now};
    enum err err = models_take(flow, &job->pinned_file, &pinned, NULL);
    if (err == OK) err = models_take(flow, &job->shadow_file, &shadow, NULL);
    if (err == OK) err = arena_open(SHADOW_ARENA_BYTES, &arena);
    if (err == OK) {
        err = shadow_answer(arena, job, loaded_model(pinned), shadow, &tally);
    }
    if (err == OK) {
        tally.calls = 1;
        tally.rows = job->count;
    } else {
        tally.failed = 1;
    }
    arena_close(arena);
    if (shadow) models_give(flow->models, shadow);
    if (pinned) models_give(flow->models, pinned);
    (void)!count_try(flow->serving, NULL, &tally);
}

// ---- the thread ---------------------------------------------------------------------------------
static void job_wait(struct serving *serving) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    pthread_cond_timedwait(&serving->work, &serving->lock, &until);
}

static struct shadow_job *job_take(struct serving *serving) {
    struct shadow_job *job = serving->first;
    if (!job) return NULL;
    serving->first = job->next;
    if (!serving->first) serving->last = NULL;
    serving->waiting--;
    serving->waiting_bytes -= job->bytes;
    return job;
}

static void *serving_main(void *argument) {
    struct flow *flow = argument;
    struct serving *serving = flow->serving;
    uint64_t flushed_us = clock_monotonic_us();
    (void)!setpriority(PRIO_PROCESS, 0, SHADOW_NICE); // of this thread alone
    pthread_mutex_lock(&serving->lock);
    while (!serving->closing) {
        struct shadow_job *job = job_take(serving);
        if (!job) job_wait(serving);
        pthread_mutex_unlock(&serving->lock);
        if (job) shadow_run(flow, job);
        memory_give(job);
        if (clock_monotonic_us() - flushed_us >= FLUSH_US) {
            (void)!serving_flush(flow);
            (void)!language_usage_flush(flow);
            flushed_us = clock_monotonic_us();
        }
        pthread_mutex_lock(&serving->lock);
    }
    pthread_mutex_unlock(&serving->lock);
    return NULL;
}

enum err serving_open(struct flow *flow) {
    struct serving *serving = memory_take(sizeof *serving);
    if (!serving) return ERR_MEMORY;
    flow->serving = serving;
    pthread_mutex_init(&serving->lock, NULL);
    pthread_mutex_init(&serving->flushing, NULL);
    pthread_cond_init(&serving->work, NULL);
    serving->pending = memory_take(sizeof *serving->pending);
    serving->spare = memory_take(sizeof *serving->spare);
    if (!serving->pending || !serving->spare) return ERR_MEMORY;
    serving->thread_runs = pthread_create(&serving->thread, NULL, serving_main, flow) == 0;
    return serving->thread_runs ? OK : ERR_MEMORY;
}

void serving_close(struct flow *flow) {
    struct serving *serving = flow->serving;
    if (!serving) return;
    if (serving->thread_runs) {
        pthread_mutex_lock(&serving->lock);
        serving->closing = true;
        pthread_cond_signal(&serving->work);
        pthread_mutex_unlock(&serving->lock);
        pthread_join(serving->thread, NULL);
        (void)!serving_flush(flow);
    }
    for (struct shadow_job *job = job_take(serving); job; job = job_take(serving)) {
        memory_give(job);
    }
    memory_give(serving->pending);
    memory_give(serving->spare);
    pthread_cond_destroy(&serving->work);
    pthread_mutex_destroy(&serving->flushing);
    pthread_mutex_destroy(&serving->lock);
    memory_give(serving);
    flow->serving = NULL;
}
