// Edges: what must be free at some later time.
#include "allocation/core_private.h"

bool edges_allow(const struct core *core, const struct shape *shape) {
    (void)core;
    (void)shape;
    return true;
}
bool edges_place(const struct core *core, const struct shape *shape, struct core_place *out) {
    return place_find(core, &core->plan, shape, UINT64_MAX, out);
}
int64_t edges_wake_ms(const struct core *core) {
    (void)core;
    return CORE_TIME_MAX;
}
uint32_t guard_edge(const struct core *core) {
    (void)core;
    return 0;
}
int64_t guard_due_ms(const struct core *core, const struct job *job) {
    return job->waits_since_ms + core->policy.guard_ms - core->policy.guard_lead_ms;
}
void guard_forget(struct core *core, uint64_t job) {
    (void)core;
    (void)job;
}
void edges_forget(struct core *core, uint64_t job) {
    (void)core;
    (void)job;
}
void edges_run_begin(struct core *core, const struct run *run) {
    (void)core;
    (void)run;
}
void edges_run_end(struct core *core, const struct run *run) {
    (void)core;
    (void)run;
}
void edges_renew(struct core *core) {
    (void)core;
}
void edges_open(struct core *core) {
    (void)core;
}
void reservation_set(struct core *core, const struct core_reservation *what) {
    decide(core, DECISION_RESERVE, WHY_FULL, NULL)->other = what->id;
}
void reservation_drop(struct core *core, uint64_t id) {
    (void)core;
    (void)id;
}
void reservation_join(struct core *core, uint32_t job) {
    (void)core;
    (void)job;
}
enum core_why deadline_promise(struct core *core, uint32_t job) {
    (void)core;
    (void)job;
    return WHY_NONE;
}
