// A series' plan: from a person's wish, into the model's file, and back from it.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "flow/steps/series_profile.h"

static enum err bad(struct fault *fault, const char *member) {
    return fault_set(fault, ERR_INPUT, "series.bad_wish", str_of(member));
}

// A text, or a list of texts.
static uint32_t texts_read(const struct json *node, struct str *out, uint32_t room) {
    if (json_is_string(node) && json_text(node).size) {
        out[0] = json_text(node);
        return 1;
    }
    uint32_t count = 0;
    for (const struct json *item = json_first(node); item && count < room; item = json_next(item)) {
        out[count++] = json_text(item);
    }
    return count;
}

static enum err horizons_read(const struct json *node, struct arena *arena,
                              struct series_plan *plan, struct fault *fault) {
    size_t count = json_count(node);
    if (!json_is_array(node) || count == 0 || count > SERIES_HORIZONS_MAX) {
        return bad(fault, "horizons");
    }
    plan->horizons = ARENA_ARRAY(arena, uint32_t, count);
    plan->rules = ARENA_ARRAY(arena, uint8_t, count);
    plan->scales = ARENA_ARRAY(arena, double, count);
    if (!plan->horizons || !plan->rules || !plan->scales) return ERR_MEMORY;
    for (const struct json *item = json_first(node); item; item = json_next(item)) {
        uint64_t horizon = 0;
        if (!json_u64(item, &horizon) || horizon < 1 || horizon > SERIES_AHEAD_MAX) {
            return bad(fault, "horizons");
        }
        uint32_t at = plan->horizon_count;
        while (at > 0 && plan->horizons[at - 1] > horizon) at--;
        if (at > 0 && plan->horizons[at - 1] == horizon) continue;
        memmove(plan->horizons + at + 1, plan->horizons + at,
                (plan->horizon_count - at) * sizeof *plan->horizons);
        plan->horizons[at] = (uint32_t)horizon;
        plan->horizon_count++;
    }
    return OK;
}

static bool whole_read(const struct json *wish, const char *name, uint64_t most, uint32_t *out) {
    const struct json *node = json_member(wish, name);
    uint64_t value = 0;
    if (!node) return true;
    if (!json_u64(node, &value) || value > most) return false;
    *out = (uint32_t)value;
    return true;
}

enum err series_wish_read(const struct json *wish, struct arena *arena, struct series_data *out,
                          struct fault *fault) {
    static const char *const names[] = {"time", "id",      "values", "wide",    "horizons",
                                        "step", "start",   "season", "cycle",   "known",
                                        "past", "holiday", "graph",  "origins", "value"};
    if (!json_is_object(wish)) return bad(fault, "series");
    for (const struct json *m = json_first(wish); m; m = json_next(m)) {
        bool known = false;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            known = known || str_is(json_name(m), names[i]);
        }
        if (known) continue;
        return fault_set(fault, ERR_INPUT, "series.bad_wish", json_name(m));
    }
    struct series_plan *plan = &out->plan;
    out->time_count = texts_read(json_member(wish, "time"), out->time, SERIES_TIME_PARTS);
    out->id = json_member_text(wish, "id");
    if (out->time_count == 2 || (out->id.size && !out->time_count)) return bad(fault, "time");
    out->holiday = json_member_text(wish, "holiday");
    out->wide = json_member_bool(wish, "wide", false) || json_first(json_member(wish, "values"));
    if (out->wide && out->id.size) return bad(fault, "id");
    uint32_t step = 0;
    if (!whole_read(wish, "step", 400 * 86400, &step)) return bad(fault, "step");
    if (!whole_read(wish, "season", SERIES_CYCLE_MAX, &plan->season)) return bad(fault, "season");
    if (!whole_read(wish, "cycle", SERIES_CYCLE_MAX, &plan->cycle)) return bad(fault, "cycle");
    plan->step_s = step;
    plan->timed = out->time_count > 0;
    struct str start = json_member_text(wish, "start");
    if (start.size && !out->time_count) {
        int64_t time = 0;
        if (!time_parse(start, &time) || step == 0) return bad(fault, "start");
        out->grid.clock.start_s = time;
        plan->timed = true;
    }
    return horizons_read(json_member(wish, "horizons"), arena, plan, fault);
}

int64_t series_name_find(const struct series_plan *plan, struct str name) {
    for (uint32_t s = 0; s < plan->series_count; s++) {
        if (str_equal(plan->names[s], name)) return s;
    }
    return -1;
}

// A series by its name or by its number from 0.
static bool end_read(const struct series_plan *plan, const struct json *node, uint32_t *out) {
    uint64_t number = 0;
    int64_t found = json_is_string(node) ? series_name_find(plan, json_text(node)) : -1;
    if (!json_is_string(node) && json_u64(node, &number) && number < plan->series_count) {
        found = (int64_t)number;
    }
    *out = (uint32_t)found;
    return found >= 0;
}

enum err series_graph_read(const struct json *graph, struct arena *arena, struct series_plan *plan,
                           struct fault *fault) {
    size_t count = json_count(graph);
    if (count == 0) return OK;
    if (count > SERIES_EDGES_MAX) {
        return fault_set(fault, ERR_LIMIT, "series.too_many_edges", STR_NONE);
    }
    plan->edges = ARENA_ARRAY(arena, struct series_edge, count);
    if (!plan->edges) return ERR_MEMORY;
    uint64_t row = 0;
    for (const struct json *item = json_first(graph); item; item = json_next(item)) {
        struct series_edge edge = {.weight = 1};
        const struct json *from = json_first(item), *to = from ? json_next(from) : NULL;
        const struct json *weight = to ? json_next(to) : NULL;
        row++;
        if (weight) edge.weight = json_number(weight, NAN);
        bool right = to && end_read(plan, from, &edge.from) && end_read(plan, to, &edge.to);
        if (!right || !(edge.weight >= 0) || !isfinite(edge.weight)) {
            return fault_at(fault, ERR_INPUT, "series.bad_edge", row, 0, STR_NONE);
        }
        if (edge.from == edge.to || edge.weight <= 0) continue;
        plan->edges[plan->edge_count++] = edge;
    }
    return plan->edge_count ? series_edges_settle(plan, arena) : OK;
}

// ---- out --------------------------------------------------------------------------------------

static void numbers_write(struct json_writer *out, const char *name, const double *values,
                          uint32_t count) {
    json_put_name(out, name);
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) json_put_number(out, values[i]);
    json_close_array(out);
}

static void spread_write(struct json_writer *out, const struct series_spread *spread) {
    json_open_object(out);
    numbers_write(out, "upper", spread->upper, spread->bands - 1);
    json_put_name(out, "bands");
    json_open_array(out);
    for (uint32_t b = 0; b < spread->bands; b++) {
        json_open_object(out);
        numbers_write(out, "low", spread->low[b], SERIES_LEVELS);
        numbers_write(out, "high", spread->high[b], SERIES_LEVELS);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
}

static void columns_write(struct json_writer *out, const struct series_data *data) {
    json_put_name(out, "columns");
    json_open_array(out);
    for (uint32_t c = 0; c < data->plan.column_count; c++) {
        json_open_object(out);
        json_set_text(out, "name", data->plan.columns[c].name);
        json_set_bool(out, "known", data->plan.columns[c].known);
        json_set_text(out, "type", data->columns[c].type);
        json_close_object(out);
    }
    json_close_array(out);
}

void series_write(struct json_writer *out, const struct series_data *data) {
    const struct series_plan *plan = &data->plan;
    json_open_object(out);
    json_set_text(out, "target", data->target);
    json_put_name(out, "time");
    json_open_array(out);
    for (uint32_t i = 0; i < data->time_count; i++) json_put_text(out, data->time[i]);
    json_close_array(out);
    json_set_text(out, "id", data->id);
    json_set_bool(out, "wide", data->wide);
    json_set_text(out, "holiday", data->holiday);
    json_set_i64(out, "step_s", plan->step_s);
    json_set_i64(out, "phase_s", data->phase_s);
    json_set_bool(out, "timed", plan->timed);
    json_set_i64(out, "start_s", data->time_count ? 0 : data->grid.clock.start_s);
    json_set_u64(out, "season", plan->season);
    json_set_u64(out, "cycle", plan->cycle);
    json_set_bool(out, "by_series", plan->by_series);
    json_put_name(out, "horizons");
    json_open_array(out);
    for (uint32_t h = 0; h < plan->horizon_count; h++) json_put_u64(out, plan->horizons[h]);
    json_close_array(out);
    json_set_bool(out, "weekly", plan->weekly);
    json_set_bool(out, "yearly", plan->yearly);
    numbers_write(out, "scales", plan->scales, plan->horizon_count);
    json_put_name(out, "rules");
    json_open_array(out);
    for (uint32_t h = 0; h < plan->horizon_count; h++) {
        json_put_text(out, str_of(series_rule_name(plan->rules[h])));
    }
    json_close_array(out);
    json_put_name(out, "names");
    json_open_array(out);
    for (uint32_t s = 0; s < plan->series_count; s++) json_put_text(out, plan->names[s]);
    json_close_array(out);
    columns_write(out, data);
    json_put_name(out, "graph");
    json_open_array(out);
    for (uint32_t e = 0; e < plan->edge_count; e++) {
        json_open_array(out);
        json_put_u64(out, plan->edges[e].from);
        json_put_u64(out, plan->edges[e].to);
        json_put_number(out, plan->edges[e].weight);
        json_close_array(out);
    }
    json_close_array(out);
    json_put_name(out, "spread");
    json_open_array(out);
    for (uint32_t h = 0; data->spread && h < plan->horizon_count; h++) {
        spread_write(out, &data->spread[h]);
    }
    json_close_array(out);
    if (data->profile) {
        json_put_name(out, "profile");
        series_profile_write(out, data, data->profile);
    }
    json_close_object(out);
}

// ---- back -------------------------------------------------------------------------------------

static bool numbers_read(const struct json *node, double *out, uint32_t count) {
    if (json_count(node) != count) return false;
    for (const struct json *item = json_first(node); item; item = json_next(item)) {
        *out = json_number(item, NAN);
        if (!isfinite(*out++)) return false;
    }
    return true;
}

static bool spread_read(const struct json *node, struct series_spread *out) {
    const struct json *bands = json_member(node, "bands");
    size_t count = json_count(bands);
    if (count < 1 || count > SERIES_BAND_COUNT) return false;
    out->bands = (uint32_t)count;
    if (!numbers_read(json_member(node, "upper"), out->upper, out->bands - 1)) return false;
    uint32_t b = 0;
    for (const struct json *band = json_first(bands); band; band = json_next(band), b++) {
        if (!numbers_read(json_member(band, "low"), out->low[b], SERIES_LEVELS)) return false;
        if (!numbers_read(json_member(band, "high"), out->high[b], SERIES_LEVELS)) return false;
    }
    return true;
}

static struct str kept(struct arena *arena, struct str text, bool *right) {
    char *copy = arena_take(arena, text.size + 1);
    if (!copy) {
        *right = false;
        return STR_NONE;
    }
    if (text.size) memcpy(copy, text.data, text.size);
    return (struct str){copy, text.size};
}

static bool names_read(const struct json *node, struct arena *arena, struct series_plan *plan) {
    size_t count = json_count(node);
    if (count < 1 || count > SERIES_MAX) return false;
    plan->names = ARENA_ARRAY(arena, struct str, count);
    if (!plan->names) return false;
    bool right = true;
    for (const struct json *item = json_first(node); item; item = json_next(item)) {
        plan->names[plan->series_count++] = kept(arena, json_text(item), &right);
    }
    return right;
}

// Categories stand with the model's features.
static const struct feature *feature_named(const struct tabular_about *about, const char *prefix,
                                           struct str name) {
    size_t size = strlen(prefix);
    for (uint32_t f = 0; f < about->feature_count; f++) {
        struct str full = about->features[f].name;
        if (full.size == size + name.size && str_starts(full, str_of(prefix)) &&
            str_ends(full, name)) {
            return &about->features[f];
        }
    }
    return NULL;
}

static bool columns_read(const struct json *node, const struct tabular_about *about,
                         struct arena *arena, struct series_data *out) {
    size_t count = json_count(node);
    if (count > SERIES_COLUMNS_MAX) return false;
    out->plan.columns = ARENA_ARRAY(arena, struct series_column, count + 1);
    out->columns = ARENA_ARRAY(arena, struct feature, count + 1);
    if (!out->plan.columns || !out->columns) return false;
    bool right = true;
    for (const struct json *item = json_first(node); item && right; item = json_next(item)) {
        uint32_t c = out->plan.column_count++;
        struct series_column *column = &out->plan.columns[c];
        column->name = kept(arena, json_member_text(item, "name"), &right);
        column->known = json_member_bool(item, "known", false);
        const struct feature *feature =
            feature_named(about, column->known ? "then:" : "now:", column->name);
        if (!feature) return false;
        column->category = feature->kind == FEATURE_CATEGORY;
        out->columns[c] = *feature;
        out->columns[c].name = column->name;
        out->columns[c].type = kept(arena, json_member_text(item, "type"), &right);
    }
    return right;
}

static bool head_read(const struct json *node, struct arena *arena, struct series_data *out) {
    struct series_plan *plan = &out->plan;
    bool right = true;
    out->target = kept(arena, json_member_text(node, "target"), &right);
    out->id = kept(arena, json_member_text(node, "id"), &right);
    out->holiday = kept(arena, json_member_text(node, "holiday"), &right);
    out->time_count = texts_read(json_member(node, "time"), out->time, SERIES_TIME_PARTS);
    for (uint32_t i = 0; i < out->time_count; i++) out->time[i] = kept(arena, out->time[i], &right);
    out->wide = json_member_bool(node, "wide", false);
    plan->holiday = out->holiday.size > 0;
    plan->timed = json_member_bool(node, "timed", false);
    plan->by_series = json_member_bool(node, "by_series", false);
    plan->weekly = json_member_bool(node, "weekly", false);
    plan->yearly = json_member_bool(node, "yearly", false);
    right = right && json_i64(json_member(node, "step_s"), &plan->step_s) && plan->step_s > 0 &&
            json_i64(json_member(node, "phase_s"), &out->phase_s) &&
            json_i64(json_member(node, "start_s"), &out->grid.clock.start_s);
    right = right && whole_read(node, "season", SERIES_CYCLE_MAX, &plan->season) &&
            whole_read(node, "cycle", SERIES_CYCLE_MAX, &plan->cycle) && plan->season > 0;
    return right && out->time_count != 2;
}

static bool rules_read(const struct json *node, struct series_plan *plan) {
    uint32_t h = 0;
    if (json_count(node) != plan->horizon_count) return false;
    for (const struct json *item = json_first(node); item; item = json_next(item), h++) {
        int rule = 0;
        while (rule < SERIES_RULE_COUNT && !str_is(json_text(item), series_rule_name(rule))) rule++;
        if (rule == SERIES_RULE_COUNT || !series_has_rule(plan, rule)) return false;
        plan->rules[h] = (uint8_t)rule;
    }
    return true;
}

static bool plan_read(const struct json *node, const struct tabular_about *about,
                      struct arena *arena, struct series_data *out) {
    struct series_plan *plan = &out->plan;
    const struct json *spread = json_member(node, "spread");
    bool right = head_read(node, arena, out) &&
                 horizons_read(json_member(node, "horizons"), arena, plan, NULL) == OK &&
                 rules_read(json_member(node, "rules"), plan) &&
                 numbers_read(json_member(node, "scales"), plan->scales, plan->horizon_count) &&
                 names_read(json_member(node, "names"), arena, plan) &&
                 columns_read(json_member(node, "columns"), about, arena, out) &&
                 series_graph_read(json_member(node, "graph"), arena, plan, NULL) == OK &&
                 json_count(spread) == plan->horizon_count;
    if (!right) return false;
    out->spread = ARENA_ARRAY(arena, struct series_spread, plan->horizon_count);
    uint32_t h = 0;
    for (const struct json *item = json_first(spread); item && out->spread;
         item = json_next(item)) {
        if (!spread_read(item, &out->spread[h++])) return false;
    }
    if (!out->spread || series_features(plan, NULL) != about->feature_count) return false;
    const struct json *profile = json_member(node, "profile");
    if (!profile) return true;
    out->profile = ARENA_ARRAY(arena, struct series_profile, 1);
    return out->profile && series_profile_read(profile, out, arena, out->profile);
}

enum err series_recall(const struct tabular_about *about, struct arena *arena,
                       struct series_data *out, bool *is_series, struct fault *fault) {
    struct json *whole = NULL;
    *is_series = false;
    *out = (struct series_data){0};
    if (!preparation_is_series(about->preparation)) return OK;
    *is_series = true;
    if (json_parse(about->preparation, &whole, NULL) != OK) {
        return fault_set(fault, ERR_CORRUPT, "model.damaged", STR_NONE);
    }
    const struct json *node = json_member(whole, "series");
    bool right = about->task == TASK_REGRESSION && plan_read(node, about, arena, out);
    json_close(whole);
    return right ? OK : fault_set(fault, ERR_CORRUPT, "model.damaged", STR_NONE);
}

// ---- features ---------------------------------------------------------------------------------

struct feature *series_frame_features(const struct series_data *data, struct arena *arena,
                                      uint32_t *count) {
    const struct series_plan *plan = &data->plan;
    *count = series_features(plan, NULL);
    struct series_feature *named = ARENA_ARRAY(arena, struct series_feature, *count);
    struct feature *features = ARENA_ARRAY(arena, struct feature, *count);
    if (!named || !features) return NULL;
    (void)series_features(plan, named);
    for (uint32_t f = 0; f < *count; f++) {
        features[f] = (struct feature){
            .name = str_of(named[f].name), .kind = FEATURE_NUMBER, .type = STR("number")};
        if (named[f].kind == SERIES_WHICH) {
            features[f].kind = FEATURE_CATEGORY;
            features[f].type = STR("text");
            features[f].categories = plan->names;
            features[f].category_count = plan->series_count;
        }
        if (named[f].kind != SERIES_COLUMN || !plan->columns[named[f].column].category) continue;
        const struct feature *column = &data->columns[named[f].column];
        features[f].kind = FEATURE_CATEGORY;
        features[f].type = column->type;
        features[f].categories = column->categories;
        features[f].category_count = column->category_count;
    }
    return features;
}

void series_time_write(const struct series_data *data, uint64_t step, char out[static 24]) {
    if (!data->plan.timed) {
        snprintf(out, 24, "%llu", (unsigned long long)step + 1);
        return;
    }
    int64_t time = series_time_of(&data->grid.clock, step);
    if (data->plan.step_s % 86400 == 0 && data->phase_s == 0) {
        char day[16];
        date_write(time / 86400, day);
        snprintf(out, 24, "%s", day);
    } else {
        time_write(time, out);
    }
}
