// See series_profile.h: making a profile, and its way through the model's file.
#include "flow/steps/series_profile.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SAMPLE = 100 * 1000,      // values that edges are found with
    STRETCH_STEPS_LEAST = 24, // shorter stretches differ by chance
    PART_NUMBERS = 12,        // beside its bins
    WINDOWS_MAX = 1 << SERIES_STRETCHES,
};
#define COUNT_MAX ((double)((uint64_t)1 << 50)) // of values, of seconds; more is damage

static const char *const kind_names[] = {"target", "column", "series"};

// ---- parts ------------------------------------------------------------------------------------

struct str series_part_name(const struct series_data *data, const struct series_part *part) {
    if (part->kind == SERIES_PART_SERIES) return data->plan.names[part->at];
    return part->kind == SERIES_PART_COLUMN ? data->plan.columns[part->at].name : data->target;
}

bool series_part_is_category(const struct series_data *data, const struct series_part *part) {
    return part->kind == SERIES_PART_COLUMN && data->plan.columns[part->at].category;
}

// Its values: (rows, T).
static const float *values_of(const struct series_data *data, const struct series_part *part,
                              uint32_t *rows) {
    const struct series_grid *grid = &data->grid;
    *rows = part->kind == SERIES_PART_SERIES ? 1 : grid->series;
    if (part->kind == SERIES_PART_TARGET) return grid->values;
    if (part->kind == SERIES_PART_SERIES) {
        return grid->values + (uint64_t)part->at * grid->clock.steps;
    }
    if (grid->shared) *rows = 1;
    return grid->columns[part->at];
}

double series_part_count(const struct series_data *data, struct series_part *part, uint32_t first,
                         uint32_t end) {
    uint32_t rows;
    const float *values = values_of(data, part, &rows);
    bool category = series_part_is_category(data, part);
    double sum = 0;
    uint64_t count = 0;
    for (uint32_t row = 0; row < rows; row++) {
        const float *at = values + (uint64_t)row * data->grid.clock.steps;
        for (uint32_t t = first; t < end; t++) {
            distribution_count(&part->of, category, (double)at[t]);
            if (isnan(at[t])) continue;
            sum += (double)at[t];
            count++;
        }
    }
    return count && !category ? sum / (double)count : (double)NAN;
}

double series_part_usual(const struct series_profile *profile, const struct series_part *part,
                         uint32_t steps) {
    if (part->stretches == 0 || steps == 0) return NAN;
    double times = round(log2((double)profile->steps / steps)) - 1;
    uint32_t at = times < 0 ? 0 : (uint32_t)times;
    return part->usual[at < part->stretches ? at : part->stretches - 1];
}

static enum err edges_find(const struct series_data *data, struct series_part *part,
                           struct arena *arena, float *sample, uint32_t end) {
    uint32_t rows;
    const float *values = values_of(data, part, &rows);
    uint64_t step = (uint64_t)rows * end / SAMPLE + 1, count = 0, cell = 0;
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t t = 0; t < end; t++, cell++) {
            float value = values[(uint64_t)row * data->grid.clock.steps + t];
            if (cell % step == 0 && !isnan(value)) sample[count++] = value;
        }
    }
    part->of.edges = ARENA_ARRAY(arena, float, DISTRIBUTION_RANGES);
    if (!part->of.edges) return ERR_MEMORY;
    part->of.bins = count ? distribution_edges(sample, count, part->of.edges) + 1 : 0;
    return OK;
}

// The largest index of a window against them all.
static double widest(const struct distribution *all, struct distribution *windows, uint32_t count) {
    double most = 0;
    for (uint32_t w = 0; w < count; w++) {
        double psi = distribution_psi(all, &windows[w]);
        if (psi > most) most = psi;
    }
    return most;
}

static void windows_join(struct distribution *windows, uint32_t count, uint32_t bins) {
    for (uint32_t w = 0; w < count; w++) {
        struct distribution *to = &windows[w];
        const struct distribution *a = &windows[2 * w], *b = a + 1;
        uint64_t missing = a->missing + b->missing;
        for (uint32_t i = 0; i < bins; i++) to->counts[i] = a->counts[i] + b->counts[i];
        to->missing = missing;
    }
}

// How far stretches of training lie from the whole: halves, quarters, …
static enum err usual_find(const struct series_data *data, struct series_part *part, uint32_t end) {
    uint32_t count = WINDOWS_MAX, bins = part->of.bins;
    while (count > 1 && end / count < STRETCH_STEPS_LEAST) count /= 2;
    if (count < 2) return OK;
    struct distribution windows[WINDOWS_MAX];
    uint64_t *counts = memory_take((size_t)count * (bins + 1) * sizeof *counts);
    if (!counts) return ERR_MEMORY;
    for (uint32_t w = 0; w < count; w++) {
        struct series_part window = *part;
        window.of.counts = counts + (size_t)w * (bins + 1);
        window.of.missing = 0;
        uint32_t first = (uint32_t)((uint64_t)end * w / count);
        (void)series_part_count(data, &window, first, (uint32_t)((uint64_t)end * (w + 1) / count));
        windows[w] = window.of;
    }
    for (; count >= 2; count /= 2) {
        uint32_t level = (uint32_t)__builtin_ctz(count) - 1;
        part->usual[level] = widest(&part->of, windows, count);
        if (level + 1 > part->stretches) part->stretches = level + 1;
        windows_join(windows, count / 2, bins);
    }
    memory_give(counts);
    return OK;
}

static enum err part_make(const struct series_data *data, struct series_part *part,
                          struct arena *arena, float *sample, uint32_t end) {
    enum err err = OK;
    if (series_part_is_category(data, part))
        part->of.bins = data->columns[part->at].category_count;
    else
        err = edges_find(data, part, arena, sample, end);
    if (err != OK) return err;
    part->of.counts = ARENA_ARRAY(arena, uint64_t, (size_t)part->of.bins + 1);
    if (!part->of.counts) return ERR_MEMORY;
    part->mean = series_part_count(data, part, 0, end);
    return usual_find(data, part, end);
}

static enum err parts_make(const struct series_data *data, struct arena *arena,
                           struct series_profile *out, float *sample) {
    const struct series_plan *plan = &data->plan;
    uint32_t series = plan->series_count > 1 ? plan->series_count : 0;
    uint32_t count = 1 + plan->column_count + series, used = 0;
    out->parts = ARENA_ARRAY(arena, struct series_part, count);
    if (!out->parts) return ERR_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        struct series_part part = {.kind = SERIES_PART_TARGET};
        if (i > 0) part = (struct series_part){.kind = SERIES_PART_COLUMN, .at = i - 1};
        if (i > plan->column_count) {
            part = (struct series_part){SERIES_PART_SERIES, .at = i - 1 - plan->column_count};
        }
        enum err err = part_make(data, &part, arena, sample, out->steps);
        if (err != OK) return err;
        used += PART_NUMBERS + 2 * part.of.bins;
        if (used <= SERIES_PROFILE_MAX)
            out->parts[out->part_count++] = part;
        else
            out->left_out++;
    }
    return OK;
}

// ---- errors -----------------------------------------------------------------------------------

// A season and the farthest horizon long at least: errors so near to one another go together.
uint32_t series_block_count(const struct series_plan *plan, uint32_t first, uint32_t end) {
    uint32_t ahead = plan->horizons[plan->horizon_count - 1];
    uint32_t steps = plan->season > ahead ? plan->season : ahead;
    uint32_t count = end > first ? (end - first) / steps : 0;
    return count > SERIES_BLOCKS_MAX ? SERIES_BLOCKS_MAX : count > 0 ? count : 1;
}

void series_blocks_add(const struct series_rows *rows, const struct series_backtest *test,
                       uint32_t first, uint32_t end, struct series_block *blocks, uint32_t count) {
    for (uint64_t i = test->first; i < rows->frame.rows; i++) {
        double forecast = test->predicted[i], truth = rows->truth[i];
        if (isnan(forecast) || rows->origin[i] < first || rows->origin[i] >= end) continue;
        uint64_t at = (uint64_t)(rows->origin[i] - first) * count / (end - first);
        struct series_block *to = &blocks[(uint64_t)rows->horizon[i] * count + at];
        to->rows++;
        to->absolute += fabs(forecast - truth);
        to->square += (forecast - truth) * (forecast - truth);
        to->signed_error += forecast - truth;
        to->rule += fabs(rows->anchor[i] - truth);
        for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
            to->inside[l] += truth >= (double)test->low[l][i] && truth <= (double)test->high[l][i];
        }
    }
}

enum err series_profile_make(const struct series_data *data, const struct series_rows *rows,
                             const struct series_backtest *test, struct arena *arena,
                             struct series_profile *out) {
    *out = (struct series_profile){.steps = (uint32_t)(series_last(&data->grid) + 1)};
    out->last_s = series_time_of(&data->grid.clock, out->steps - 1);
    float *sample = memory_take((SAMPLE + 1) * sizeof *sample);
    enum err err = sample ? parts_make(data, arena, out, sample) : ERR_MEMORY;
    memory_give(sample);
    if (err != OK) return err;
    uint32_t first = test->cuts[0], end = data->grid.clock.steps;
    out->block_count = series_block_count(&data->plan, first, end);
    out->blocks = ARENA_ARRAY(arena, struct series_block,
                              (size_t)data->plan.horizon_count * out->block_count);
    if (!out->blocks) return ERR_MEMORY;
    series_blocks_add(rows, test, first, end, out->blocks, out->block_count);
    return OK;
}

// ---- out --------------------------------------------------------------------------------------

// Seven digits do.
static void put_short(struct json_writer *out, double value) {
    char text[32];
    int size = snprintf(text, sizeof text, "%.7g", isfinite(value) ? value : 0);
    json_put_raw(out, (struct str){text, size > 0 ? (size_t)size : 0});
}

static void part_write(struct json_writer *out, const struct series_data *data,
                       const struct series_part *part) {
    bool category = series_part_is_category(data, part);
    json_open_object(out);
    json_set_u64(out, kind_names[part->kind], part->at);
    json_put_name(out, "edges");
    json_open_array(out);
    for (uint32_t e = 0; !category && e + 1 < part->of.bins; e++) {
        json_put_number(out, (double)part->of.edges[e]);
    }
    json_close_array(out);
    json_put_name(out, "counts");
    json_open_array(out);
    for (uint32_t b = 0; b < part->of.bins; b++) json_put_u64(out, part->of.counts[b]);
    json_close_array(out);
    json_set_u64(out, "missing", part->of.missing);
    if (!isnan(part->mean)) json_set_number(out, "mean", part->mean);
    json_put_name(out, "usual");
    json_open_array(out);
    for (uint32_t i = 0; i < part->stretches; i++) put_short(out, part->usual[i]);
    json_close_array(out);
    json_close_object(out);
}

void series_profile_write(struct json_writer *out, const struct series_data *data,
                          const struct series_profile *profile) {
    json_open_object(out);
    json_set_i64(out, "last_s", profile->last_s);
    json_set_u64(out, "steps", profile->steps);
    json_set_u64(out, "left_out", profile->left_out);
    json_put_name(out, "parts");
    json_open_array(out);
    for (uint32_t i = 0; i < profile->part_count; i++) part_write(out, data, &profile->parts[i]);
    json_close_array(out);
    json_put_name(out, "backtest"); // of each block of each horizon: struct series_block
    json_open_array(out);
    for (uint32_t i = 0; i < data->plan.horizon_count * profile->block_count; i++) {
        const struct series_block *block = &profile->blocks[i];
        json_open_array(out);
        put_short(out, block->rows);
        put_short(out, block->absolute);
        put_short(out, block->square);
        put_short(out, block->signed_error);
        put_short(out, block->rule);
        for (uint32_t l = 0; l < SERIES_LEVELS; l++) put_short(out, block->inside[l]);
        json_close_array(out);
    }
    json_close_array(out);
    json_close_object(out);
}

// ---- in ---------------------------------------------------------------------------------------

static bool edges_read(const struct json *node, struct arena *arena, struct distribution *of) {
    uint32_t e = 0;
    of->edges = ARENA_ARRAY(arena, float, DISTRIBUTION_RANGES);
    if (!of->edges || json_count(node) >= DISTRIBUTION_RANGES) return false;
    for (const struct json *item = json_first(node); item; item = json_next(item), e++) {
        of->edges[e] = (float)json_number(item, NAN);
        if (!isfinite(of->edges[e]) || (e > 0 && of->edges[e] <= of->edges[e - 1])) return false;
    }
    return true;
}

static bool counts_read(const struct json *node, struct arena *arena, struct distribution *of) {
    size_t count = json_count(node);
    if (count > TABULAR_CATEGORIES_MAX) return false;
    of->counts = ARENA_ARRAY(arena, uint64_t, count + 1);
    if (!of->counts) return false;
    for (const struct json *item = json_first(node); item; item = json_next(item)) {
        uint64_t value = 0;
        if (!json_u64(item, &value) || (double)value > COUNT_MAX) return false;
        of->counts[of->bins++] = value;
    }
    return true;
}

static bool place_read(const struct json *node, const struct series_data *data,
                       struct series_part *out) {
    const uint32_t room[] = {1, data->plan.column_count, data->plan.series_count};
    for (uint32_t k = 0; k < sizeof kind_names / sizeof *kind_names; k++) {
        uint64_t at = 0;
        const struct json *member = json_member(node, kind_names[k]);
        if (!member) continue;
        if (!json_u64(member, &at) || at >= room[k]) return false;
        out->kind = (enum series_part_kind)k;
        out->at = (uint32_t)at;
        return true;
    }
    return false;
}

static bool part_read(const struct json *node, const struct series_data *data, struct arena *arena,
                      struct series_part *out) {
    const struct json *edges = json_member(node, "edges"), *usual = json_member(node, "usual");
    bool right = place_read(node, data, out) && edges_read(edges, arena, &out->of) &&
                 counts_read(json_member(node, "counts"), arena, &out->of) &&
                 json_count(usual) <= SERIES_STRETCHES;
    if (!right) return false;
    bool category = series_part_is_category(data, out);
    size_t bins = category ? data->columns[out->at].category_count : json_count(edges) + 1;
    if (out->of.bins != bins && (category || out->of.bins > 0 || bins > 1)) return false;
    out->of.missing = json_member_u64(node, "missing", 0);
    out->mean = json_member_number(node, "mean", NAN);
    for (const struct json *item = json_first(usual); item; item = json_next(item)) {
        double value = json_number(item, NAN);
        if (!(value >= 0) || !isfinite(value)) return false;
        out->usual[out->stretches++] = value;
    }
    return (double)out->of.missing <= COUNT_MAX;
}

static bool block_read(const struct json *node, struct series_block *out) {
    double *const to[] = {&out->rows, &out->absolute,  &out->square,   &out->signed_error,
                          &out->rule, &out->inside[0], &out->inside[1]};
    enum { NUMBERS = sizeof to / sizeof *to };
    _Static_assert(NUMBERS == 5 + SERIES_LEVELS, "as it is written");
    if (json_count(node) != NUMBERS) return false;
    uint32_t i = 0;
    for (const struct json *item = json_first(node); item; item = json_next(item), i++) {
        *to[i] = json_number(item, NAN);
        bool fits = isfinite(*to[i]) && (*to[i] >= 0 || to[i] == &out->signed_error);
        if (!fits) return false;
    }
    return true;
}

bool series_profile_read(const struct json *node, const struct series_data *data,
                         struct arena *arena, struct series_profile *out) {
    const struct json *parts = json_member(node, "parts"), *blocks = json_member(node, "backtest");
    size_t part_count = json_count(parts), block_count = json_count(blocks);
    uint32_t horizons = data->plan.horizon_count;
    size_t room = 1 + (size_t)data->plan.column_count + data->plan.series_count;
    uint64_t steps = json_member_u64(node, "steps", 0);
    *out = (struct series_profile){.left_out = (uint32_t)json_member_u64(node, "left_out", 0)};
    bool right = json_i64(json_member(node, "last_s"), &out->last_s) &&
                 fabs((double)out->last_s) <= COUNT_MAX && steps > 0 && steps <= UINT32_MAX &&
                 part_count <= room && block_count > 0 && block_count % horizons == 0 &&
                 block_count / horizons <= SERIES_BLOCKS_MAX;
    if (!right) return false;
    out->steps = (uint32_t)steps;
    out->block_count = (uint32_t)block_count / horizons;
    out->parts = ARENA_ARRAY(arena, struct series_part, part_count + 1);
    out->blocks = ARENA_ARRAY(arena, struct series_block, block_count);
    if (!out->parts || !out->blocks) return false;
    for (const struct json *item = json_first(parts); item; item = json_next(item)) {
        if (!part_read(item, data, arena, &out->parts[out->part_count++])) return false;
    }
    struct series_block *block = out->blocks;
    for (const struct json *item = json_first(blocks); item; item = json_next(item)) {
        if (!block_read(item, block++)) return false;
    }
    return true;
}
