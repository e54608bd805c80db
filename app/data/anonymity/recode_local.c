// Local recoding, top-down: all rows begin as one class at the roots; a class is split along one
// column into the children of its node there, as long as that gains. Records (codes, sensitive
// values, row number) are moved so that a class always lies together: counting reads memory in
// order, and small classes live in the cache.
//
// What makes it better than taking the split with the greatest gain:
//   - a split is judged by what it gains for the bits of entropy it uses up: rows can be told apart
//     only down to k, so the bits are what is scarce;
//   - how far entropy counts is tried out for each class of some size, the best result stays;
//   - a remainder that is too small takes those rows from a sibling that are nearest to it.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "data/anonymity/recode_private.h"

static int by_place(const void *a, const void *b) {
    uint32_t left = ((const struct child *)a)->place, right = ((const struct child *)b)->place;
    return left < right ? -1 : left > right;
}

// How much of a bit a split costs at least, in turn tried for each class below ENOUGH_ROWS.
static const double policies[] = {0.1, 0.5, 2};
enum { POLICY_COUNT = sizeof policies / sizeof policies[0], POLICY_DEFAULT = 1 };

// ---- counting -----------------------------------------------------------------------------------

// Counts the records by the children of the class's node in one column. Two ways with the same
// result: few siblings are counted side by side and read off, many are remembered as they come.
static void count_one(const struct engine *engine, struct recoder *own, uint32_t column,
                      uint32_t from, uint32_t to) {
    uint32_t level = own->levels[column], stride = engine->stride, count = 0;
    const uint32_t *place_of = engine_places(engine, column, level - 1);
    const uint32_t *record = engine_record(engine, from) + column;
    const uint32_t *end = record + (size_t)(to - from) * stride;
    struct child *children = own->children[column];
    uint64_t *slots = own->slots[column]; // rows << 32 | code
    uint32_t siblings = engine_fanout(engine, column, level, *record);
    if (siblings <= 2 * (to - from) + 8) {
        // Two sets of counters in turn: neighbours of the same child do not wait for each other.
        uint64_t *others = own->others[column];
        for (; record + stride < end; record += 2 * stride) {
            uint64_t *slot = &slots[place_of[*record]], *other = &others[place_of[record[stride]]];
            *slot = ((*slot >> 32) + 1) << 32 | *record;
            *other = ((*other >> 32) + 1) << 32 | record[stride];
        }
        if (record < end) {
            uint64_t *slot = &slots[place_of[*record]];
            *slot = ((*slot >> 32) + 1) << 32 | *record;
        }
        for (uint32_t place = 0; place < siblings; place++) {
            uint64_t one = slots[place], two = others[place];
            if ((one | two) == 0) continue;
            children[count++] = (struct child){place, (uint32_t)(one ? one : two),
                                               (uint32_t)(one >> 32) + (uint32_t)(two >> 32)};
            slots[place] = others[place] = 0;
        }
    } else {
        for (; record < end; record += stride) {
            uint64_t *slot = &slots[place_of[*record]];
            if (*slot == 0) children[count++].place = place_of[*record];
            *slot = ((*slot >> 32) + 1) << 32 | *record;
        }
        for (uint32_t i = 0; i < count; i++) {
            uint64_t *slot = &slots[children[i].place];
            children[i].code = (uint32_t)*slot;
            children[i].rows = (uint32_t)(*slot >> 32);
            *slot = 0;
        }
        qsort(children, count, sizeof *children, by_place);
    }
    own->child_count[column] = count;
}

// Where all rows are below one child, the class goes down to it: nothing is lost by that.
static void tighten(const struct engine *engine, struct recoder *own, uint32_t from, uint32_t to) {
    for (uint32_t column = 0; column < engine->quasi_count; column++) {
        own->child_count[column] = 0;
        while (own->levels[column] > 0) {
            count_one(engine, own, column, from, to);
            if (own->child_count[column] > 1) break;
            own->levels[column]--;
            own->child_count[column] = 0;
        }
    }
}

// The same for a class that is too small to split: down to where its rows meet.
static void tighten_last(const struct engine *engine, struct recoder *own, uint32_t from,
                         uint32_t to) {
    const uint32_t *first = engine_record(engine, from);
    for (uint32_t column = 0; column < engine->quasi_count; column++) {
        const struct hierarchy *tree = engine->table->quasi[column].hierarchy;
        const uint32_t *above = tree->above, *record = first + column;
        uint32_t level = 0, top = own->levels[column], code = *record;
        for (uint32_t at = from + 1; at < to && level < top; at++) {
            record += engine->stride;
            while (above[code] != above[*record]) {
                level++;
                above += tree->leaf_count;
            }
        }
        own->levels[column] = (uint8_t)level;
    }
}

// ---- choosing -----------------------------------------------------------------------------------

struct split {
    uint32_t column;
    double score;
    uint32_t rest; // rows of children that are too small
};

double row_loss(const struct engine *engine, const struct recoder *own, const uint32_t *record) {
    double sum = 0;
    for (uint32_t column = 0; column < engine->quasi_count; column++) {
        sum += engine_loss(engine, column, own->levels[column], record[column]);
    }
    return sum;
}

// What it costs that a remainder of `rest` rows is too small to stand: rows of siblings join it, or
// it is dropped. False: neither can be.
static bool rest_cost(const struct engine *engine, const struct recoder *own, uint32_t rest,
                      uint32_t spare, uint32_t smallest, double dearest, double now, double *out) {
    if (rest == 0 || (rest >= engine->k && !engine->strict)) {
        *out = 0;
        return true;
    }
    *out = 1e300;
    if (rest <= own->budget) *out = rest * ((double)engine->quasi_count - now);
    if (engine->strict) return rest <= own->budget;
    uint32_t need = engine->k - rest;
    double joined = (spare >= need ? need : smallest) * dearest;
    if (joined < *out) *out = joined;
    return true;
}

static bool judge(const struct engine *engine, const struct recoder *own, uint32_t column,
                  uint32_t rows, double now, struct split *out) {
    const struct child *children = own->children[column];
    double here = engine_loss(engine, column, own->levels[column], children[0].code), gain = 0,
           dearest = 0, bits = 0;
    uint32_t rest = 0, spare = 0, smallest = UINT32_MAX, kept = 0;
    for (uint32_t i = 0; i < own->child_count[column]; i++) {
        uint32_t count = children[i].rows;
        if (count < engine->k) {
            rest += count;
            continue;
        }
        kept++;
        double drop = here - engine_loss(engine, column, own->levels[column] - 1, children[i].code);
        gain += count * drop;
        bits += x_log2_x(engine->logs, count);
        if (drop > dearest) dearest = drop;
        if (count - engine->k > spare) spare = count - engine->k;
        if (count < smallest) smallest = count;
    }
    double cost;
    if (kept == 0 || !rest_cost(engine, own, rest, spare, smallest, dearest, now, &cost)) {
        return false;
    }
    gain -= cost;
    if (gain <= 1e-9) return false;
    bits = x_log2_x(engine->logs, rows) - bits - x_log2_x(engine->logs, rest);
    *out = (struct split){column, gain / (bits + policies[own->policy] * rows), rest};
    return true;
}

// All splits that gain, best first; ties keep the order of the columns.
static uint32_t rank_splits(const struct engine *engine, const struct recoder *own, uint32_t from,
                            uint32_t to, struct split *splits) {
    uint32_t count = 0;
    double now = row_loss(engine, own, engine_record(engine, from));
    for (uint32_t column = 0; column < engine->quasi_count; column++) {
        struct split split;
        if (own->child_count[column] < 2) continue;
        if (!judge(engine, own, column, to - from, now, &split)) continue;
        uint32_t at = count++;
        for (; at > 0 && splits[at - 1].score < split.score; at--) splits[at] = splits[at - 1];
        splits[at] = split;
    }
    return count;
}

// ---- splitting ----------------------------------------------------------------------------------

// Moves the records of each child together, those of at least k rows first. *out_rest: where the
// others begin. In place: every record is swapped to its child's next free place.
static void partition(const struct engine *engine, struct recoder *own, uint32_t column,
                      uint32_t from, uint32_t *out_rest) {
    const uint32_t *place_of = engine_places(engine, column, own->levels[column] - 1);
    const struct child *children = own->children[column];
    uint32_t count = own->child_count[column], at = from;
    uint32_t *next = own->nexts, *end = own->ends;
    for (int small = 0; small < 2; small++) {
        if (small) *out_rest = at;
        for (uint32_t i = 0; i < count; i++) {
            if ((children[i].rows < engine->k) != (small == 1)) continue;
            next[children[i].place] = at;
            at += children[i].rows;
            end[children[i].place] = at;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = children[i].place;
        while (next[place] < end[place]) {
            uint32_t target = place_of[engine_record(engine, next[place])[column]];
            if (target != place) engine_swap(engine, next[place], next[target]);
            next[target]++;
        }
    }
}

uint32_t run_end(const struct engine *engine, const struct recoder *own, uint32_t column,
                 uint32_t from, uint32_t to) {
    const uint32_t *place_of = engine_places(engine, column, own->levels[column] - 1);
    uint32_t place = place_of[engine_record(engine, from)[column]], at = from + 1;
    while (at < to && place_of[engine_record(engine, at)[column]] == place) at++;
    return at;
}

static double solve(const struct engine *engine, struct recoder *own, uint32_t from, uint32_t to);

static void drop_rows(const struct engine *engine, struct recoder *own, uint32_t from,
                      uint32_t to) {
    for (uint32_t at = from; at < to; at++) {
        memset(engine_levels(engine, at), LEVEL_SUPPRESSED, engine->quasi_count);
    }
    own->suppressed += to - from;
}

// After a split: each child and the remainder in turn. Of the rows that may be dropped each gets
// its share, and the last what is left over.
static double solve_parts(const struct engine *engine, struct recoder *own, uint32_t column,
                          uint32_t from, uint32_t rest, uint32_t to) {
    double loss = 0;
    uint8_t saved[LIMIT_QUASI];
    memcpy(saved, own->levels, sizeof saved);
    uint64_t budget = own->budget, left = budget;
    for (uint32_t at = from; at < to;) {
        memcpy(own->levels, saved, sizeof saved);
        uint32_t end = at < rest ? run_end(engine, own, column, at, rest) : to;
        if (at < rest) own->levels[column]--;
        own->budget = end == to ? left : budget * (end - at) / (to - from);
        left -= own->budget;
        loss += solve(engine, own, at, end);
        at = end;
    }
    memcpy(own->levels, saved, sizeof saved);
    own->budget = budget;
    return loss;
}

// Splits along the column where that can be done; false: nothing but the order of records changed.
static bool try_split(const struct engine *engine, struct recoder *own, const struct split *split,
                      uint32_t from, uint32_t to, double *out_loss) {
    uint32_t rest, end = to;
    partition(engine, own, split->column, from, &rest);
    if (engine->guard->needed) {
        if (!guard_parts(engine, own, split->column, from, &rest, &end, to)) return false;
    } else if (rest < to && (to - rest < engine->k || engine->strict)) {
        if (!complete_rest(engine, own, split->column, from, &rest, &end, to)) return false;
    }
    *out_loss = 0;
    uint64_t budget = own->budget;
    if (end < to) {
        drop_rows(engine, own, end, to);
        *out_loss = (double)(to - end) * engine->quasi_count;
        own->budget -= to - end;
    }
    *out_loss += solve_parts(engine, own, split->column, from, rest, end);
    own->budget = budget;
    return true;
}

static double finish_class(const struct engine *engine, const struct recoder *own, uint32_t from,
                           uint32_t to) {
    for (uint32_t at = from; at < to; at++) {
        memcpy(engine_levels(engine, at), own->levels, engine->quasi_count);
    }
    return row_loss(engine, own, engine_record(engine, from)) * (to - from);
}

static double solve_once(const struct engine *engine, struct recoder *own, uint32_t from,
                         uint32_t to) {
    struct split splits[LIMIT_QUASI];
    uint8_t saved[LIMIT_QUASI];
    memcpy(saved, own->levels, sizeof saved);
    double loss;
    bool split = false;
    uint32_t count = 0;
    if (to - from < 2 * engine->k && own->budget == 0) {
        tighten_last(engine, own, from, to);
    } else {
        tighten(engine, own, from, to);
        count = rank_splits(engine, own, from, to, splits);
    }
    for (uint32_t i = 0; i < count && !split; i++) {
        split = try_split(engine, own, &splits[i], from, to, &loss);
    }
    if (!split) loss = finish_class(engine, own, from, to);
    memcpy(own->levels, saved, sizeof saved);
    return loss;
}

// Tries every policy on a class of middling size and keeps the best.
static double solve_best(const struct engine *engine, struct recoder *own, uint32_t from,
                         uint32_t to) {
    double best = 0;
    uint32_t rows = to - from, each = engine->quasi_count;
    uint64_t suppressed = own->suppressed, kept_suppressed = 0;
    own->trying = true;
    for (uint32_t policy = 0; policy < POLICY_COUNT; policy++) {
        own->policy = policy;
        own->suppressed = suppressed;
        double loss = solve_once(engine, own, from, to);
        if (policy > 0 && loss >= best) continue;
        best = loss;
        kept_suppressed = own->suppressed;
        for (uint32_t i = 0; i < rows; i++) {
            own->kept_rows[i] = engine_row(engine, from + i);
            memcpy(own->kept + (size_t)i * each, engine_levels(engine, from + i), each);
        }
    }
    for (uint32_t i = 0; i < rows; i++) {
        memcpy(engine->levels + (size_t)own->kept_rows[i] * each, own->kept + (size_t)i * each,
               each);
    }
    own->suppressed = kept_suppressed;
    own->policy = POLICY_DEFAULT;
    own->trying = false;
    return best;
}

static double solve(const struct engine *engine, struct recoder *own, uint32_t from, uint32_t to) {
    cy_assert(from < to);
    if (own->tasks && to - from >= TASK_ROWS_LEAST && to - from <= engine->task_rows) {
        struct task *task = &own->tasks[own->task_count++];
        *task = (struct task){.from = from, .to = to, .budget = own->budget};
        memcpy(task->levels, own->levels, sizeof task->levels);
        return 0;
    }
    if (progress_cancelled(engine->progress)) return finish_class(engine, own, from, to);
    if (!own->trying && to - from <= ENOUGH_ROWS) {
        return solve_best(engine, own, from, to);
    }
    return solve_once(engine, own, from, to);
}

// ---- all rows -----------------------------------------------------------------------------------

static void work_task(void *ctx, size_t index, uint32_t worker) {
    const struct engine *engine = ctx;
    struct task *task = &engine->tasks[index];
    struct recoder *own = &engine->recoders[worker];
    memcpy(own->levels, task->levels, sizeof own->levels);
    own->budget = task->budget;
    own->suppressed = 0;
    own->policy = POLICY_DEFAULT;
    own->tasks = NULL;
    task->loss = solve(engine, own, task->from, task->to);
    task->suppressed = own->suppressed;
}

enum err recode_local(const struct coded_table *table, const struct anonymity_goal *goal,
                      bool strict, const struct guard *guard, struct pool *pool,
                      struct progress *progress, struct recoding *out) {
    struct engine engine;
    enum err err = engine_open(table, goal, strict, guard, pool, progress, out->levels, &engine);
    if (err != OK) return err;
    struct recoder *own = &engine.recoders[0];
    own->tasks = engine.tasks;
    own->policy = POLICY_DEFAULT;
    own->budget = (uint64_t)(goal->suppress_most * (double)table->rows);
    double loss = solve(&engine, own, 0, (uint32_t)table->rows);
    uint32_t task_count = own->task_count;
    out->suppressed = own->suppressed;
    own->tasks = NULL;
    pool_run(pool, task_count, work_task, &engine);
    for (uint32_t i = 0; i < task_count; i++) {
        loss += engine.tasks[i].loss;
        out->suppressed += engine.tasks[i].suppressed;
    }
    out->loss = loss / ((double)table->rows * table->quasi_count);
    engine_close(&engine);
    return progress_cancelled(progress) ? ERR_CANCELLED : OK;
}
