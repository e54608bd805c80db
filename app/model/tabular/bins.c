// Choosing cuts and filling cells. Values are sampled evenly with a seeded jitter, sorted by radix,
// and cut into bins of equal weight; a value heavier than a bin gets one of its own.

#include "model/tabular/bins_private.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "model/measure/measure.h"

enum { FILL_ROWS = 1024 }; // rows a task fills: their cells stay in the first-level cache
// An unusual value costs as much in a list as four bytes in rows.
static const float unusual_share_max = 0.25f;

struct choosing {
    const struct frame *frame;
    const uint32_t *rows;
    uint64_t count;
    uint32_t bins_max;
    struct feature_bins *features; // (F), all of the frame
    uint32_t *scratch;             // (threads, 2, BINS_SAMPLE)
    uint32_t sample;               // values taken per feature
    struct progress *progress;
};

static float value_at(const struct choosing *c, const float *values, uint64_t i) {
    return values[c->rows ? c->rows[i] : i];
}

// Infinities count as the largest finite numbers, here and in prediction; NaN stays.
static float bounded(float value) {
    return value > FLT_MAX ? FLT_MAX : value < -FLT_MAX ? -FLT_MAX : value;
}

// A float's bits so that unsigned order is numeric order, and back.
static uint32_t float_key(float value) {
    uint32_t bits;
    if (value == 0) value = 0; // -0 and 0 are one value
    memcpy(&bits, &value, sizeof(bits));
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

static float float_of_key(uint32_t key) {
    uint32_t bits = key >> 31 ? key & 0x7FFFFFFFu : ~key;
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

// Sorts keys; three passes of 11 bits. The sorted keys end in `scratch`'s place: returns where.
static uint32_t *sort_keys(uint32_t *keys, uint32_t *scratch, uint32_t count) {
    uint32_t start[3][2048] = {{0}};
    for (uint32_t i = 0; i < count; i++) {
        start[0][keys[i] & 2047]++;
        start[1][keys[i] >> 11 & 2047]++;
        start[2][keys[i] >> 22]++;
    }
    for (unsigned pass = 0; pass < 3; pass++) {
        // Few values often have the same digit: nothing to move.
        if (count == 0 || start[pass][keys[0] >> (11 * pass) & 2047] == count) continue;
        uint32_t sum = 0;
        for (unsigned d = 0; d < 2048; d++) {
            uint32_t size = start[pass][d];
            start[pass][d] = sum;
            sum += size;
        }
        for (uint32_t i = 0; i < count; i++) {
            scratch[start[pass][keys[i] >> (11 * pass) & 2047]++] = keys[i];
        }
        uint32_t *swap = keys;
        keys = scratch;
        scratch = swap;
    }
    return keys;
}

// A cut between neighbours low < high: v < cut exactly when v <= low.
static float cut_between(float low, float high) {
    float middle = low + (high - low) / 2;
    return middle > low && middle <= high ? middle : high;
}

// Runs of equal keys make the distinct values; bins close when they hold their share of what is
// left. Writes cuts and returns how many.
static uint32_t choose_cuts(const uint32_t *keys, uint32_t count, uint32_t bins_max, float *cuts) {
    uint32_t distinct = count > 0;
    for (uint32_t i = 1; i < count; i++) distinct += keys[i] != keys[i - 1];
    uint32_t cut_count = 0, held = 0, left = count, bins_left = bins_max;
    for (uint32_t i = 0; i < count;) {
        uint32_t end = i + 1;
        while (end < count && keys[end] == keys[i]) end++;
        held += end - i;
        uint32_t next = end < count ? end : i;
        uint32_t run = end;
        while (run < count && keys[run] == keys[next]) run++;
        uint64_t next_size = run - end;
        // Close here if the share is reached, or if the next value alone would overfill the bin.
        uint64_t share = left / bins_left;
        bool full = held >= share || held + next_size / 2 > share;
        if (end < count && bins_left > 1 && (full || distinct <= bins_max)) {
            cuts[cut_count++] = cut_between(float_of_key(keys[i]), float_of_key(keys[end]));
            left -= held;
            held = 0;
            bins_left--;
        }
        i = end;
    }
    return cut_count;
}

// The bin that most of the sample is in: `sorted` keys and `missing` others.
static void find_usual(struct feature_bins *out, const uint32_t *sorted, uint32_t count,
                       uint32_t missing) {
    uint32_t most = missing, at = 0;
    out->usual = (uint8_t)out->value_bins;
    for (uint32_t bin = 0; bin < out->value_bins; bin++) {
        uint32_t first = at;
        bool last = bin + 1 == out->value_bins;
        while (at < count && (last || float_of_key(sorted[at]) < out->cuts[bin])) at++;
        if (at - first <= most) continue;
        most = at - first;
        out->usual = (uint8_t)bin;
    }
    out->unusual_share = 1 - (float)most / (float)(count + missing);
}

static void choose_number(const struct choosing *c, struct feature_bins *out, uint32_t *scratch) {
    const float *values = c->frame->values[out->feature];
    uint64_t step = c->count / c->sample;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < c->sample; i++) {
        uint64_t jitter = step > 1 ? seed_mix(i) % step : 0;
        float value = value_at(c, values, i * step + jitter);
        if (!isnan(value)) scratch[taken++] = float_key(bounded(value));
    }
    const uint32_t *sorted = sort_keys(scratch, scratch + BINS_SAMPLE, taken);
    uint32_t cut_count = choose_cuts(sorted, taken, c->bins_max, out->cuts);
    for (uint32_t i = cut_count; i < BINS_CELLS; i++) out->cuts[i] = INFINITY;
    out->value_bins = taken > 0 ? cut_count + 1 : 0;
    find_usual(out, sorted, taken, c->sample - taken);
}

// Counts categories over all rows; the most frequent get bins, in the order of their index.
static void choose_category(const struct choosing *c, struct feature_bins *out, uint32_t *scratch) {
    uint32_t categories = c->frame->features[out->feature].category_count;
    const float *values = c->frame->values[out->feature];
    uint32_t *seen = scratch, *order = scratch + TABULAR_CATEGORIES_MAX;
    uint32_t present = 0;
    memset(seen, 0, categories * sizeof(*seen));
    for (uint64_t i = 0; i < c->count; i++) {
        float value = value_at(c, values, i);
        if (value >= 0 && value < (float)categories) seen[(uint32_t)value]++;
    }
    for (uint32_t k = 0; k < categories; k++) {
        if (seen[k] == 0) continue;
        uint32_t at = present++;
        for (; at > 0 && seen[order[at - 1]] < seen[k]; at--) order[at] = order[at - 1];
        order[at] = k;
    }
    uint32_t own = present <= c->bins_max ? present : c->bins_max - 1;
    bool rest = own < present;
    out->value_bins = own + rest;
    uint32_t least = own > 0 ? seen[order[own - 1]] : 0;
    uint32_t bin = 0, ties = 0; // of those as rare as the last kept, the first ones are kept
    for (uint32_t i = 0; i < own; i++) ties += seen[order[i]] == least;
    for (uint32_t k = 0; k < categories; k++) {
        bool keep = seen[k] > least || (seen[k] == least && seen[k] > 0 && ties > 0);
        if (keep && seen[k] == least) ties--;
        if (keep)
            out->category_bin[k] = (uint8_t)bin++;
        else
            out->category_bin[k] = (uint8_t)(seen[k] > 0 ? own : out->value_bins);
    }
    uint64_t held[BINS_CELLS] = {0}, known = 0;
    for (uint32_t k = 0; k < categories; k++) {
        held[out->category_bin[k]] += seen[k];
        known += seen[k];
    }
    held[out->value_bins] += c->count - known;
    for (uint32_t b = 0; b <= out->value_bins; b++) {
        if (held[b] > held[out->usual]) out->usual = (uint8_t)b;
    }
    out->unusual_share = 1 - (float)held[out->usual] / (float)c->count;
}

static void choose_one(void *ctx, size_t index, uint32_t worker) {
    struct choosing *c = ctx;
    if (progress_cancelled(c->progress)) return;
    struct feature_bins *out = &c->features[index];
    uint32_t *scratch = c->scratch + (size_t)worker * 2 * BINS_SAMPLE;
    if (out->is_category)
        choose_category(c, out, scratch);
    else
        choose_number(c, out, scratch);
}

struct filling {
    const struct bins *bins;
    const struct frame *frame;
    const uint32_t *rows;
    struct progress *progress;
};

// count(cuts <= value) by halvings from `step` on without a branch; NaN is looked after by the
// caller.
static inline uint32_t bin_of(const float *cuts, uint32_t step, float value) {
    uint32_t bin = 0;
    for (; step > 0; step >>= 1) bin += cuts[bin + step - 1] <= value ? step : 0;
    return bin;
}

static void fill_number(const struct feature_bins *feature, const float *values,
                        const uint32_t *rows, uint64_t first, uint32_t count, uint8_t *out) {
    uint32_t last = feature->value_bins - 1, step = BINS_CELLS / 2;
    while (step > 1 && step >= feature->value_bins) step /= 2;
    for (uint32_t i = 0; i < count; i++) {
        float value = bounded(values[rows ? rows[first + i] : first + i]);
        uint32_t bin = bin_of(feature->cuts, step, value);
        out[i] = (uint8_t)(isnan(value) ? last + 1 : bin);
    }
}

static void fill_category(const struct feature_bins *feature, uint32_t categories,
                          const float *values, const uint32_t *rows, uint64_t first, uint32_t count,
                          uint8_t *out) {
    for (uint32_t i = 0; i < count; i++) {
        float value = values[rows ? rows[first + i] : first + i];
        bool known = value >= 0 && value < (float)categories;
        out[i] = known ? feature->category_bin[(uint32_t)value] : (uint8_t)feature->value_bins;
    }
}

static void fill_rows(void *ctx, size_t index, uint32_t worker) {
    const struct filling *f = ctx;
    (void)worker;
    if (progress_cancelled(f->progress)) return;
    const struct bins *bins = f->bins;
    uint64_t first = (uint64_t)index * FILL_ROWS;
    uint32_t count = bins->rows - first < FILL_ROWS ? (uint32_t)(bins->rows - first) : FILL_ROWS;
    for (uint32_t u = 0; u < bins->count; u++) {
        const struct feature_bins *feature = &bins->features[u];
        const float *values = f->frame->values[feature->feature];
        uint8_t *column = bins->columns + (size_t)u * bins->rows + first;
        if (feature->is_category) {
            uint32_t categories = f->frame->features[feature->feature].category_count;
            fill_category(feature, categories, values, f->rows, first, count, column);
        } else {
            fill_number(feature, values, f->rows, first, count, column);
        }
    }
    uint8_t *cells = bins->cells ? bins->cells + first * bins->stride : NULL;
    for (uint32_t d = 0; cells && d < bins->stride; d++) {
        if (d >= bins->dense) { // padding
            for (uint32_t i = 0; i < count; i++) cells[(size_t)i * bins->stride + d] = 0;
            continue;
        }
        const uint8_t *column = bins->columns + bins->dense_columns[d] * bins->rows + first;
        for (uint32_t i = 0; i < count; i++) cells[(size_t)i * bins->stride + d] = column[i];
    }
}

// ---- sparse columns ------------------------------

// Places of a block's rows that are not in the column's usual bin; returns how many.
static uint32_t find_unusual(const uint8_t *column, uint32_t count, uint8_t usual,
                             uint32_t places[static FILL_ROWS]) {
    const uint64_t all_usual = 0x0101010101010101u * usual;
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i += 8) {
        uint64_t eight; // the array has room behind its end
        memcpy(&eight, column + i, sizeof(eight));
        if (eight == all_usual) continue;
        for (uint32_t k = i; k < i + 8 && k < count; k++) {
            places[found] = k;
            found += column[k] != usual;
        }
    }
    return found;
}

// Counts each row's unusual cells or, where there is room for them, lists them; unusual_first of
// the next row is then where the next goes.
static void list_rows(void *ctx, size_t index, uint32_t worker) {
    const struct filling *f = ctx;
    (void)worker;
    if (progress_cancelled(f->progress)) return;
    const struct bins *bins = f->bins;
    uint64_t first = (uint64_t)index * FILL_ROWS, *next = bins->unusual_first + first + 1;
    uint32_t count = bins->rows - first < FILL_ROWS ? (uint32_t)(bins->rows - first) : FILL_ROWS;
    uint32_t places[FILL_ROWS];
    for (uint32_t u = 0; u < bins->count; u++) {
        const struct feature_bins *feature = &bins->features[u];
        if (!feature->is_sparse) continue;
        const uint8_t *column = bins->columns + (size_t)u * bins->rows + first;
        uint32_t found = find_unusual(column, count, feature->usual, places);
        for (uint32_t i = 0; i < found; i++) {
            uint32_t row = places[i];
            if (bins->unusual) bins->unusual[next[row]] = feature->cell + column[row];
            next[row]++;
        }
    }
}

static enum err list_unusual(struct bins *bins, struct filling *filling, struct pool *pool) {
    uint64_t rows = bins->rows, blocks = (rows + FILL_ROWS - 1) / FILL_ROWS, sum = 0;
    bins->unusual_first = memory_take((rows + 2) * sizeof(*bins->unusual_first));
    if (!bins->unusual_first) return ERR_MEMORY;
    pool_run(pool, blocks, list_rows, filling);
    for (uint64_t i = 1; i <= rows; i++) { // from counts to where each begins
        uint64_t count = bins->unusual_first[i];
        bins->unusual_first[i] = sum;
        sum += count;
    }
    bins->unusual = memory_resize(NULL, 0, (sum + 1) * sizeof(*bins->unusual));
    if (!bins->unusual) return ERR_MEMORY;
    pool_run(pool, blocks, list_rows, filling); // from where each begins to where it ends
    return OK;
}

// Which columns are sparse, and where everything stands in a histogram.
static enum err lay_cells(struct bins *bins) {
    uint32_t sparse = 0, dense = 0;
    for (uint32_t u = 0; u < bins->count; u++) {
        sparse += bins->features[u].unusual_share <= unusual_share_max;
    }
    bins->dense_columns = memory_take(bins->count * sizeof(*bins->dense_columns) + 1);
    if (!bins->dense_columns) return ERR_MEMORY;
    for (uint32_t u = 0; u < bins->count; u++) {
        struct feature_bins *feature = &bins->features[u];
        feature->is_sparse =
            sparse >= BINS_SPARSE_LEAST && feature->unusual_share <= unusual_share_max;
        if (feature->is_sparse) continue;
        feature->cell = dense * BINS_CELLS;
        bins->dense_columns[dense++] = u;
    }
    bins->dense = dense;
    bins->stride = (dense + 3) / 4 * 4;
    bins->hist_cells = (size_t)bins->stride * BINS_CELLS;
    for (uint32_t u = 0; u < bins->count; u++) {
        struct feature_bins *feature = &bins->features[u];
        if (!feature->is_sparse) continue;
        feature->cell = (uint32_t)bins->hist_cells;
        bins->hist_cells += feature->value_bins + 1;
    }
    return OK;
}

// ---- together ------------------------------

static enum err fill(struct bins *bins, const struct frame *frame, const uint32_t *rows,
                     struct pool *pool, struct progress *progress) {
    // Every byte is written below, so the memory need not be cleared first.
    bool by_row = !bins->borrowed;
    if (by_row) bins->cells = memory_resize(NULL, 0, bins->rows * bins->stride + 64);
    bins->columns = memory_resize(NULL, 0, bins->rows * bins->count + 64);
    if ((by_row && !bins->cells) || !bins->columns) return ERR_MEMORY;
    struct filling filling = {bins, frame, rows, progress};
    pool_run(pool, (bins->rows + FILL_ROWS - 1) / FILL_ROWS, fill_rows, &filling);
    enum err err = OK;
    if (by_row && bins->dense < bins->count) err = list_unusual(bins, &filling, pool);
    return progress_cancelled(progress) ? ERR_CANCELLED : err;
}

// Lays out one entry per feature of the frame and where its category bins go.
static enum err lay_out(const struct frame *frame, struct bins *out) {
    size_t categories = 0;
    for (uint32_t f = 0; f < frame->feature_count; f++) {
        categories += frame->features[f].category_count;
    }
    out->features = memory_take(frame->feature_count * sizeof(*out->features) + 1);
    out->category_bytes = memory_take(categories + 1);
    if (!out->features || !out->category_bytes) return ERR_MEMORY;
    categories = 0;
    for (uint32_t f = 0; f < frame->feature_count; f++) {
        out->features[f].feature = f;
        out->features[f].is_category = frame->features[f].kind == FEATURE_CATEGORY;
        out->features[f].category_bin = out->category_bytes + categories;
        categories += frame->features[f].category_count;
    }
    return OK;
}

// A feature is worth using when it has two bins, or one and missing values (which the sample of
// rows may show); missing ones are only counted where the answer depends on them.
static bool varies(const struct feature_bins *feature, const struct frame *frame,
                   const uint32_t *rows, uint64_t count) {
    if (feature->value_bins != 1) return feature->value_bins > 1;
    const float *values = frame->values[feature->feature];
    for (uint64_t i = 0; i < count; i++) {
        if (isnan(values[rows ? rows[i] : i])) return true;
    }
    return false;
}

enum err bins_make(const struct frame *frame, const uint32_t *rows, uint64_t count,
                   uint32_t bins_max, struct pool *pool, struct progress *progress,
                   struct bins *out) {
    cy_assert(bins_max >= 2 && bins_max <= BINS_MAX);
    struct bins bins = {.rows = count};
    uint32_t *scratch = NULL;
    enum err err = lay_out(frame, &bins);
    if (err != OK) goto done;
    err = ERR_MEMORY;
    size_t scratch_bytes = (size_t)pool_threads(pool) * 2 * BINS_SAMPLE * sizeof(*scratch);
    scratch = memory_resize(NULL, 0, scratch_bytes);
    if (!scratch) goto done;
    struct choosing c = {.frame = frame,
                         .rows = rows,
                         .count = count,
                         .bins_max = bins_max,
                         .features = bins.features,
                         .scratch = scratch,
                         .progress = progress,
                         .sample = count < BINS_SAMPLE ? (uint32_t)count : BINS_SAMPLE};
    if (count > 0) pool_run(pool, frame->feature_count, choose_one, &c);
    err = ERR_CANCELLED;
    if (progress_cancelled(progress)) goto done;
    for (uint32_t f = 0; f < frame->feature_count; f++) {
        struct feature_bins *feature = &bins.features[f];
        if (varies(feature, frame, rows, count)) bins.features[bins.count++] = *feature;
    }
    err = lay_cells(&bins);
    if (err == OK) err = fill(&bins, frame, rows, pool, progress);
done:
    memory_give(scratch);
    if (err != OK)
        bins_close(&bins);
    else
        *out = bins;
    return err;
}

enum err bins_like(const struct bins *like, const struct frame *frame, const uint32_t *rows,
                   uint64_t count, struct pool *pool, struct progress *progress, struct bins *out) {
    struct bins bins = *like;
    bins.rows = count;
    bins.cells = NULL;
    bins.columns = NULL;
    bins.unusual_first = NULL;
    bins.unusual = NULL;
    bins.borrowed = true;
    enum err err = fill(&bins, frame, rows, pool, progress);
    if (err != OK)
        bins_close(&bins);
    else
        *out = bins;
    return err;
}

void bins_close(struct bins *bins) {
    memory_give(bins->cells);
    memory_give(bins->columns);
    memory_give(bins->unusual_first);
    memory_give(bins->unusual);
    if (!bins->borrowed) {
        memory_give(bins->dense_columns);
        memory_give(bins->features);
        memory_give(bins->category_bytes);
    }
    *bins = (struct bins){0};
}
