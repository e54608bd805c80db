// What the relay and the making of room share: places of models that are asked or served. All but
// what the lock of struct language protects is the relay's thread's own, and both run on it alone.
#pragma once

#include "flow/models/language.h"
#include "flow/steps/talk.h"

enum { SPEAKERS_MAX = 16, /* models served at one time */ CANCELS_MAX = 512 };

struct speaker {         // a model that somebody asks, or has asked
    uint64_t model, job; // model 0: the place is free; job 0: to be made
    struct talk talk;    // fd -1: not reached yet
    uint64_t retry_us, looked_us, told_us;
    uint32_t failures;
    bool reached;                        // this job has been talked to
    bool yields;                         // begins no answer any more: language_room.c
    uint64_t busy_us;                    // when it last had a question
    uint64_t blocks_us, blocks_since_us; // a job waits for it: last seen, since
};
struct language {
    pthread_mutex_t lock; // protects all but what the thread has for itself
    struct flow_answer *answers;
    uint32_t count;
    uint64_t next_id;
    uint64_t cancels[CANCELS_MAX];
    uint32_t cancel_count;
    bool closing, thread_runs;
    pthread_t thread;
    int wake_fd;
    uint64_t room_us; // when room was last looked for; the thread's own
    struct speaker speakers[SPEAKERS_MAX];
    struct arena *arena;
};

// ---- language_relay.c; the thread's own ---------------------------------------------------------
// The place of a model that is served or asked, made if there is none; NULL: all are taken.
struct speaker *speaker_of(struct language *language, uint64_t model);
void speaker_met(struct speaker *speaker, int fd); // its process is reached

// ---- language_room.c ----------------------------------------------------------------------------
// Models that other jobs wait for end where they may; to be called now and then.
void language_make_room(struct flow *flow);
