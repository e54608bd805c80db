// A past week once more: what people submitted, when, how large it was and how long it really ran,
// played through the same core under a policy and on a box that may be others (simulate.h), beside
// what was recorded. Every way is measured by the same rules:
//   wait         from when a job could have started until it ended, less the time it ran
//   use          resource × time of what ran / (capacity × time), of the resource used most
//   Jain         of 1 / mean slowdown of the departments; runs below 10 s count as 10 s
//   units        what the jobs cost at the policy's rates, run time × amount
// Who follows whom is not played: each job comes when it really could have started. Curves take a
// job to have run in one piece until its end. Depends on base/ and the wing; any thread.
#pragma once

#include "allocation/policy.h"
#include "allocation/simulate.h"

enum { REPLAY_BUCKETS = 168, REPLAY_JOBS_MAX = 1000000, REPLAY_DEPARTMENTS_MAX = 256 };

struct replay_job {
    uint64_t id, person, tenant; // tenant: of the policy, then
    int64_t ready_ms;            // from when on it could have started
    int64_t end_ms, run_ms;      // recorded
    int64_t estimate_ms, checkpoint_ms;
    int32_t priority;
    uint32_t members;        // need is of one
    uint32_t paused;         // recorded: how often it gave way
    bool carried;            // submitted before the time looked at: it is played, not counted
    struct core_amount need; // device: of one device or whole ones
};
struct replay {
    struct replay_job *jobs; // (count), taken by memory_take; replay_add
    uint32_t count, room;
    int64_t from_ms, until_ms;
    uint64_t open; // had not ended when they were collected; left out
};
void replay_close(struct replay *replay);
enum err replay_add(struct replay *replay, const struct replay_job *job) MUST_USE; // ERR_MEMORY
void replay_settle(struct replay *replay); // sorts by time: once, before it is run

struct replay_department {
    uint64_t tenant; // of the top
    uint32_t jobs;
    double wait_mean_s, wait_p95_s, wait_max_s;
    int64_t units; // millionths
};
struct replay_figures {
    uint32_t jobs, left_out; // left out: they would never have run
    double wait_mean_s, wait_p95_s, wait_max_s, use, jain;
    uint64_t preemptions, events, decisions, hash; // the latter three: of a played way
    double cpu_s;
    struct replay_department departments[REPLAY_DEPARTMENTS_MAX];
    uint32_t department_count;
    // In REPLAY_BUCKETS equal parts from from_ms to until_ms: the share of the box in use, and how
    // many jobs waited.
    double busy[REPLAY_BUCKETS], waiting[REPLAY_BUCKETS];
};
// `home`: the policy by whose departments people are told apart in every way.
struct replay_way {
    const struct policy *policy, *home;
    struct core_capacity capacity;
    const struct core_policy *rules; // without tenants: guard, grace …
    const struct progress *progress; // cancel is looked at; may be NULL
};
// As it was recorded. ERR_MEMORY.
enum err replay_recorded(const struct replay *replay, const struct replay_way *way,
                         struct replay_figures *out) MUST_USE;
// Played. ERR_MEMORY, ERR_CANCELLED, ERR_INPUT "simulate.no_job_fits", "policy.not_taken".
enum err replay_play(const struct replay *replay, const struct replay_way *way,
                     struct replay_figures *out, struct fault *fault) MUST_USE;
