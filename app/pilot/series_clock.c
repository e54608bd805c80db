// Which regular steps are behind times as they come: the commonest distance of neighbours.
#include <stdlib.h>

#include "pilot/series.h"

enum {
    ON_STEP_PERCENT = 95, // of the times must lie on the step
    DAY_S = 86400,
};

static int whole_order(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

// The commonest of the values, the smallest of several; sorts them.
static int64_t commonest(int64_t *values, uint64_t count, uint64_t *times) {
    qsort(values, count, sizeof *values, whole_order);
    int64_t best = 0;
    *times = 0;
    for (uint64_t first = 0; first < count;) {
        uint64_t next = first;
        while (next < count && values[next] == values[first]) next++;
        if (next - first > *times) {
            *times = next - first;
            best = values[first];
        }
        first = next;
    }
    return best;
}

static enum err step_find(const int64_t *times_s, uint64_t count, int64_t *room, int64_t *out,
                          struct fault *fault) {
    uint64_t distances = 0, times = 0;
    for (uint64_t i = 1; i < count; i++) {
        int64_t distance = times_s[i] - times_s[i - 1];
        if (distance > 0) room[distances++] = distance;
    }
    if (distances == 0) return fault_set(fault, ERR_INPUT, "series.one_time", STR_NONE);
    *out = commonest(room, distances, &times);
    if (times * 2 >= distances) return OK;
    return fault_set(fault, ERR_INPUT, "series.irregular_times", STR_NONE);
}

// Where in the step the times lie: that of most of them.
static enum err phase_find(const int64_t *times_s, uint64_t count, int64_t step, int64_t *room,
                           int64_t *phase, uint64_t *off, struct fault *fault) {
    uint64_t times = 0;
    for (uint64_t i = 0; i < count; i++) {
        room[i] = times_s[i] - floor_div(times_s[i], step) * step;
    }
    *phase = commonest(room, count, &times);
    *off = count - times;
    if (times * 100 >= count * ON_STEP_PERCENT) return OK;
    return fault_set(fault, ERR_INPUT, "series.irregular_times", STR_NONE);
}

enum err series_clock_find(int64_t *times_s, uint64_t count, int64_t told_step_s,
                           int64_t told_phase_s, struct series_clock *out, uint64_t *off,
                           struct fault *fault) {
    if (count == 0) return fault_set(fault, ERR_INPUT, "series.one_time", STR_NONE);
    int64_t step = told_step_s, phase = told_step_s > 0 ? told_phase_s : 0;
    enum err err = OK;
    *off = 0;
    qsort(times_s, count, sizeof *times_s, whole_order);
    if (told_step_s <= 0) {
        int64_t *room = memory_take(count * sizeof *room);
        if (!room) return ERR_MEMORY;
        err = step_find(times_s, count, room, &step, fault);
        if (err == OK) err = phase_find(times_s, count, step, room, &phase, off, fault);
        memory_give(room);
        if (err != OK) return err;
    }
    int64_t first = times_s[0], last = times_s[count - 1];
    int64_t start = floor_div(first - phase, step) * step + phase;
    int64_t steps = floor_div(last - start, step) + 1;
    if (steps > (int64_t)series_cells_max) {
        return fault_set(fault, ERR_LIMIT, "series.too_many_steps", STR_NONE);
    }
    *out = (struct series_clock){start, step, (uint32_t)steps, true};
    return OK;
}

bool series_step_of(const struct series_clock *clock, int64_t time_s, uint32_t *out) {
    int64_t step = floor_div(time_s - clock->start_s, clock->step_s);
    if (step < 0 || step >= (int64_t)clock->steps) return false;
    *out = (uint32_t)step;
    return true;
}

int64_t series_time_of(const struct series_clock *clock, uint64_t step) {
    return clock->start_s + (int64_t)step * clock->step_s;
}

void series_season_guess(const struct series_clock *clock, uint32_t *season, uint32_t *cycle) {
    int64_t step = clock->step_s;
    *season = 1;
    *cycle = 0;
    if (!clock->timed) return;
    if (step == DAY_S) *season = 7;
    if (step < DAY_S && DAY_S % step == 0) {
        *season = (uint32_t)(DAY_S / step);
        *cycle = 7 * *season;
    }
    if (clock->steps / 4 < *cycle || *cycle > SERIES_CYCLE_MAX) *cycle = 0;
    if (clock->steps / 3 < *season) *season = 1;
}
