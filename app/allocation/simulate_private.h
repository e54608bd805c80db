// Inside of the simulator: what is kept of each job while a policy runs, and the figures from it.
#pragma once

#include "allocation/simulate.h"

struct played {
    int64_t left_ms;            // work still to do
    int64_t ready_ms;           // restoring until then
    int64_t started_ms, end_ms; // first start; −1: not yet
    uint32_t attempt;
    bool out, running; // out: left out
};
struct play {
    const struct trace *trace;
    const struct simulate_options *options;
    struct core_amount capacity;
    struct played *jobs;
    struct simulate_figures *figures;
    struct core_amount busy;     // held now
    double area[RESOURCE_COUNT]; // held × ms so far
    int64_t now_ms, last_end_ms;
};
void play_until(struct play *play, int64_t now_ms); // time goes on: areas grow
void play_hold(struct play *play, uint32_t job, int sign);
int64_t checkpoint_of(const struct play *play, uint32_t job);
struct core_amount need_of(const struct trace_job *job); // of all members
enum err play_ours(struct play *play) MUST_USE;
enum err play_peer(struct play *play, enum simulate_policy policy) MUST_USE;
