// What becomes of the rows that a split leaves over: values too rare to make a class of their own.
#include "data/anonymity/recode_private.h"

// ---- moving runs --------------------------------------------------------------------------------

static void reverse(const struct engine *engine, uint32_t from, uint32_t to) {
    while (from + 1 < to) engine_swap(engine, from++, --to);
}

// What lies from `middle` on comes before what lies from `from` on.
static void rotate(const struct engine *engine, uint32_t from, uint32_t middle, uint32_t to) {
    if (from == middle || middle == to) return;
    reverse(engine, from, middle);
    reverse(engine, middle, to);
    reverse(engine, from, to);
}

struct run_found {
    uint32_t from, to; // empty: none
};

// The shortest run of kept records.
static struct run_found shortest_run(const struct engine *engine, const struct recoder *own,
                                     uint32_t column, uint32_t from, uint32_t rest) {
    struct run_found best = {0};
    for (uint32_t at = from; at < rest;) {
        uint32_t end = run_end(engine, own, column, at, rest);
        if (best.to == 0 || end - at < best.to - best.from) best = (struct run_found){at, end};
        at = end;
    }
    return best;
}

static void absorb(const struct engine *engine, struct run_found run, uint32_t *rest) {
    rotate(engine, run.from, run.to, *rest);
    *rest -= run.to - run.from;
}

// ---- the rows nearest to a rest -----------------------------------------------------------------

struct near {
    double extra;
    uint32_t at;
};
struct near_search {
    uint8_t levels[LIMIT_QUASI]; // where all of the rest meet
    const uint32_t *one;         // a record of the rest
    struct near found[NEAR_MOST];
    uint32_t count, need;
    double sum;
};

static void meet(const struct engine *engine, const struct recoder *own, uint32_t rest, uint32_t to,
                 struct near_search *search) {
    search->one = engine_record(engine, rest);
    for (uint32_t column = 0; column < engine->quasi_count; column++) {
        const struct hierarchy *tree = engine->table->quasi[column].hierarchy;
        uint32_t level = 0, code = search->one[column];
        for (uint32_t at = rest + 1; at < to && level < own->levels[column]; at++) {
            uint32_t other = engine_record(engine, at)[column];
            while (hierarchy_node(tree, level, other) != hierarchy_node(tree, level, code)) level++;
        }
        search->levels[column] = (uint8_t)level;
    }
}

// What each row of a class of them and the rest would lose more than the rest does.
static double extra_loss(const struct engine *engine, const struct near_search *search,
                         const uint32_t *record) {
    double sum = 0;
    for (uint32_t column = 0; column < engine->quasi_count; column++) {
        const struct hierarchy *tree = engine->table->quasi[column].hierarchy;
        uint32_t from = search->levels[column], level = from, code = search->one[column];
        while (hierarchy_node(tree, level, record[column]) != hierarchy_node(tree, level, code)) {
            level++;
        }
        if (level == from) continue;
        sum += engine_loss(engine, column, level, code) - engine_loss(engine, column, from, code);
    }
    return sum;
}

// The `need` rows of a run that are nearest, in the order of nearness; ties by place.
static void find_near(const struct engine *engine, struct run_found run,
                      struct near_search *search) {
    uint32_t end = run.to - run.from > NEAR_ROWS ? run.from + NEAR_ROWS : run.to;
    search->count = 0;
    for (uint32_t at = run.from; at < end; at++) {
        double extra = extra_loss(engine, search, engine_record(engine, at));
        bool full = search->count == search->need;
        if (full && extra >= search->found[search->count - 1].extra) continue;
        uint32_t place = full ? search->count - 1 : search->count++;
        for (; place > 0 && search->found[place - 1].extra > extra; place--) {
            search->found[place] = search->found[place - 1];
        }
        search->found[place] = (struct near){extra, at};
    }
    search->sum = 0;
    for (uint32_t i = 0; i < search->count; i++) search->sum += search->found[i].extra;
}

static void sort_by_place(struct near *found, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        struct near one = found[i];
        uint32_t at = i;
        for (; at > 0 && found[at - 1].at < one.at; at--) found[at] = found[at - 1];
        found[at] = one;
    }
}

// Moves the found rows to the end of their run, then before the rest.
static void take_near(const struct engine *engine, struct run_found run, struct near_search *search,
                      uint32_t *rest) {
    sort_by_place(search->found, search->count); // the last place first
    uint32_t end = run.to;
    for (uint32_t i = 0; i < search->count; i++) engine_swap(engine, search->found[i].at, --end);
    rotate(engine, end, run.to, *rest);
    *rest -= search->count;
}

// Of the runs that can spare `need` rows the one whose rows are nearest.
static bool take_from_best(const struct engine *engine, const struct recoder *own, uint32_t column,
                           uint32_t from, uint32_t *rest, uint32_t to) {
    struct near_search search, best = {.count = 0};
    uint32_t need = engine->k - (to - *rest);
    if (need > NEAR_MOST) return false;
    search.need = need;
    meet(engine, own, *rest, to, &search);
    struct run_found donor = {0};
    for (uint32_t at = from; at < *rest;) {
        uint32_t end = run_end(engine, own, column, at, *rest);
        if (end - at >= engine->k + need) {
            find_near(engine, (struct run_found){at, end}, &search);
            if (best.count == 0 || search.sum < best.sum) {
                best = search;
                donor = (struct run_found){at, end};
            }
        }
        at = end;
    }
    if (best.count == 0) return false;
    take_near(engine, donor, &best, rest);
    return true;
}

// ---- deciding -----------------------------------------------------------------------------------

bool complete_rest(const struct engine *engine, const struct recoder *own, uint32_t column,
                   uint32_t from, uint32_t *rest, uint32_t *end, uint32_t to) {
    uint32_t rows = to - *rest;
    bool may_drop = rows <= own->budget;
    if (engine->strict) {
        *end = *rest;
        return may_drop;
    }
    if (may_drop) {
        // Rows that join lose about all that they could still have gained.
        double now = row_loss(engine, own, engine_record(engine, from));
        if (rows * (engine->quasi_count - now) < (engine->k - rows) * now) {
            *end = *rest;
            return true;
        }
    }
    if (take_from_best(engine, own, column, from, rest, to)) return true;
    absorb(engine, shortest_run(engine, own, column, from, *rest), rest);
    return *rest > from;
}

static bool holds(const struct engine *engine, struct recoder *own, uint32_t from, uint32_t to) {
    struct class_counts *counts = &own->class_counts;
    for (uint32_t at = from; at < to; at++) {
        const uint32_t *values = engine_record(engine, at) + engine->quasi_count;
        for (uint32_t i = 0; i < engine->sensitive_count; i++) {
            class_counts_add(counts, i, values[i], 1);
        }
    }
    counts->rows = to - from;
    bool held = guard_holds(engine->guard, counts);
    class_counts_clear(engine->guard, counts);
    return held;
}

bool guard_parts(const struct engine *engine, struct recoder *own, uint32_t column, uint32_t from,
                 uint32_t *rest, uint32_t *end, uint32_t to) {
    for (uint32_t at = from; at < *rest;) {
        uint32_t run = run_end(engine, own, column, at, *rest);
        if (holds(engine, own, at, run)) {
            at = run;
        } else {
            absorb(engine, (struct run_found){at, run}, rest);
        }
    }
    while (*rest > from && *rest < to) {
        uint32_t rows = to - *rest;
        if (!engine->strict && rows >= engine->k && holds(engine, own, *rest, to)) return true;
        // Few rows in many: they go rather than a child more loses what it gained.
        if (rows <= own->budget && (engine->strict || rows <= (*rest - from) / 20)) {
            *end = *rest;
            return true;
        }
        if (engine->strict) return false;
        absorb(engine, shortest_run(engine, own, column, from, *rest), rest);
    }
    return *rest > from;
}
