// See linear_lists_private.h.

#include "model/tabular/linear_lists_private.h"

#include <math.h>

enum {
    LIST_ROWS = 1024,   // rows of one task: their values stay in the near caches
    LOOK_ROWS = 1024,   // rows looked at before a column is counted
    COLUMNS_LEAST = 32, // fewer sparse columns aren't worth it
};

struct listing {
    const struct train_rows *rows;
    const struct linear *linear;
    struct linear_lists *lists;
};

static float value_at(const struct train_rows *rows, uint32_t f, uint64_t i) {
    return rows->frame->values[f][rows->train ? rows->train[i] : i];
}

// The value that wins a vote among some rows (Boyer and Moore 1981) by enough to be worth a count.
static float candidate_of(const struct train_rows *rows, uint32_t f) {
    uint64_t step = rows->train_count / LOOK_ROWS + 1;
    int64_t votes = 0;
    float candidate = NAN;
    for (uint64_t i = 0; i < rows->train_count; i += step) {
        float value = value_at(rows, f, i);
        if (votes == 0) candidate = value;
        votes += value == candidate ? 1 : votes == 0 ? 0 : -1;
    }
    if (votes == 0 || !isfinite(candidate)) return NAN;
    uint64_t same = 0, seen = 0;
    for (uint64_t i = 0; i < rows->train_count; i += step) {
        same += value_at(rows, f, i) == candidate;
        seen++;
    }
    return same > seen / 8 * 5 ? candidate : NAN;
}

static void find_usual(void *ctx, size_t index, uint32_t worker) {
    const struct listing *l = ctx;
    const struct linear_term *term = &l->linear->terms[index];
    uint32_t f = (uint32_t)index;
    (void)worker;
    l->lists->usual[f] = NAN;
    if (term->is_category || term->width) return;
    float candidate = candidate_of(l->rows, f);
    if (isnan(candidate)) return;
    uint64_t same = 0;
    for (uint64_t i = 0; i < l->rows->train_count; i++) {
        same += value_at(l->rows, f, i) == candidate;
    }
    if (same >= l->rows->train_count - l->rows->train_count / 4) l->lists->usual[f] = candidate;
}

// Counts each row's entries or, where there is room for them, writes them; first of the next row is
// then where the next goes.
static void list_rows(void *ctx, size_t index, uint32_t worker) {
    const struct listing *l = ctx;
    const struct linear_lists *lists = l->lists;
    uint64_t from = (uint64_t)index * LIST_ROWS, to = from + LIST_ROWS, *next = lists->first + 1;
    (void)worker;
    if (to > l->rows->train_count) to = l->rows->train_count;
    for (uint32_t c = 0; c < lists->count; c++) {
        uint32_t f = lists->columns[c];
        const struct linear_term *term = &l->linear->terms[f];
        float usual = lists->usual[f];
        for (uint64_t i = from; i < to; i++) {
            float value = value_at(l->rows, f, i);
            if (value == usual) continue;
            bool missing = !isfinite(value);
            struct linear_odd *out = lists->entries ? lists->entries + next[i] : NULL;
            if (out) {
                double off = (missing ? term->mean : (double)value) - (double)usual;
                out[0] = (struct linear_odd){term->first, (float)off};
                if (missing) out[1] = (struct linear_odd){term->first + 1, 1};
            }
            next[i] += missing ? 2 : 1;
        }
    }
}

static enum err list_all(const struct listing *l, struct pool *pool) {
    struct linear_lists *lists = l->lists;
    uint64_t rows = l->rows->train_count, tasks = (rows + LIST_ROWS - 1) / LIST_ROWS, sum = 0;
    pool_run(pool, tasks, list_rows, (void *)(uintptr_t)l);
    for (uint64_t i = 1; i <= rows; i++) { // from counts to where each begins
        uint64_t count = lists->first[i];
        lists->first[i] = sum;
        sum += count;
    }
    lists->entries = memory_resize(NULL, 0, (sum + 1) * sizeof(*lists->entries));
    if (!lists->entries) return ERR_MEMORY;
    pool_run(pool, tasks, list_rows, (void *)(uintptr_t)l); // and to where each ends
    return OK;
}

enum err linear_lists_make(const struct train_rows *rows, const struct linear *linear,
                           struct pool *pool, struct linear_lists *out) {
    *out = (struct linear_lists){0};
    if (linear->features < COLUMNS_LEAST) return OK;
    size_t parameters = (size_t)linear->width * linear->outputs;
    out->usual = memory_take(linear->features * sizeof(*out->usual));
    out->columns = memory_take(linear->features * sizeof(*out->columns));
    out->first = memory_take((rows->train_count + 2) * sizeof(*out->first));
    out->scaled = memory_take(parameters * sizeof(*out->scaled));
    out->base = memory_take(linear->outputs * sizeof(*out->base));
    struct listing listing = {rows, linear, out};
    enum err err = ERR_MEMORY;
    if (out->usual && out->columns && out->first && out->scaled && out->base) err = OK;
    if (err == OK) pool_run(pool, linear->features, find_usual, &listing);
    for (uint32_t f = 0; err == OK && f < linear->features; f++) {
        if (!isnan(out->usual[f])) out->columns[out->count++] = f;
    }
    if (err == OK && out->count >= COLUMNS_LEAST) err = list_all(&listing, pool);
    if (err != OK || out->count < COLUMNS_LEAST) linear_lists_close(out);
    return err;
}

void linear_lists_close(struct linear_lists *lists) {
    memory_give(lists->entries);
    memory_give(lists->base);
    memory_give(lists->scaled);
    memory_give(lists->first);
    memory_give(lists->columns);
    memory_give(lists->usual);
    *lists = (struct linear_lists){0};
}

// How far the usual value is from the mean.
static double usual_off(const struct linear_lists *lists, const struct linear_term *term,
                        uint32_t f) {
    return (double)lists->usual[f] - term->mean;
}

void linear_lists_at(struct linear_lists *lists, const struct linear *linear, const double *x) {
    for (uint32_t k = 0; k < linear->outputs; k++) {
        const double *weights = x + (size_t)k * linear->width;
        double *scaled = lists->scaled + (size_t)k * linear->width, base = 0;
        for (uint32_t c = 0; c < lists->count; c++) {
            const struct linear_term *term = &linear->terms[lists->columns[c]];
            double weight = weights[term->first] * term->scale;
            scaled[term->first] = weight;
            scaled[term->first + 1] = weights[term->first + 1];
            base += weight * usual_off(lists, term, lists->columns[c]);
        }
        lists->base[k] = base;
    }
}

void linear_lists_add(const struct linear_lists *lists, const double *scaled, uint64_t first,
                      uint32_t count, double *margin) {
    for (uint32_t i = 0; i < count; i++) {
        const struct linear_odd *odd = lists->entries + lists->first[first + i];
        const struct linear_odd *end = lists->entries + lists->first[first + i + 1];
        double sum = 0;
        for (; odd < end; odd++) sum += scaled[odd->weight] * (double)odd->off;
        margin[i] += sum;
    }
}

void linear_lists_gather(const struct linear_lists *lists, const double *residual, uint64_t first,
                         uint32_t count, double *gradient) {
    for (uint32_t i = 0; i < count; i++) {
        const struct linear_odd *odd = lists->entries + lists->first[first + i];
        const struct linear_odd *end = lists->entries + lists->first[first + i + 1];
        for (; odd < end; odd++) gradient[odd->weight] += residual[i] * (double)odd->off;
    }
}

void linear_lists_settle(const struct linear_lists *lists, const struct linear *linear,
                         double residuals, double *gradient) {
    for (uint32_t c = 0; c < lists->count; c++) {
        const struct linear_term *term = &linear->terms[lists->columns[c]];
        double *out = gradient + term->first;
        *out = (*out + residuals * usual_off(lists, term, lists->columns[c])) * term->scale;
    }
}
