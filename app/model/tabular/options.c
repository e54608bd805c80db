// Options: defaults, bounds, and JSON in and out.

#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "model/tabular/bins_private.h"
#include "model/tabular/constraints_private.h"
#include "model/tabular/grow_private.h"
#include "model/tabular/tabular.h"

void tabular_options_default(struct tabular_options *options) {
    *options = (struct tabular_options){.learner = LEARNER_BOOST,
                                        .seed = 1,
                                        .threads = 0,
                                        .loss = LOSS_SQUARED,
                                        .quantile = 0.5,
                                        .trees = 1000,
                                        .grow = GROW_DEPTH,
                                        .depth = 6,
                                        .leaves = 31,
                                        .learning_rate = 0.1,
                                        .l2 = 1,
                                        .min_child_weight = 1,
                                        .row_share = 1,
                                        .column_share = 1,
                                        .early_stop = 30,
                                        .bins = BINS_MAX,
                                        .alpha = 1e-4,
                                        .l1_share = 0,
                                        .points_base = 600,
                                        .points_odds = 20,
                                        .points_double = 20,
                                        .points_monotone = true,
                                        .test_milli = 200,
                                        .validate_milli = 160,
                                        .cost_false_alarm = 1,
                                        .cost_miss = 1};
}

const char *tabular_task_name(enum tabular_task task) {
    static const char *const names[] = {"binary", "classes", "regression", "survival"};
    cy_assert(task <= TASK_SURVIVAL);
    return names[task];
}

const char *tabular_learner_name(enum tabular_learner learner) {
    static const char *const names[] = {"boost", "linear", "points"};
    cy_assert(learner <= LEARNER_POINTS);
    return names[learner];
}

const char *tabular_loss_name(enum tabular_loss loss) {
    static const char *const names[] = {"squared", "quantile", "poisson"};
    cy_assert(loss <= LOSS_POISSON);
    return names[loss];
}

struct whole_option {
    const char *name;
    size_t offset; // of a uint32_t
    uint64_t least, most;
};
struct real_option {
    const char *name;
    size_t offset; // of a double
    double least, most;
};
#define AT(member) offsetof(struct tabular_options, member)
static const struct whole_option whole_options[] = {
    {"threads", AT(threads), 0, 256},
    {"trees", AT(trees), 1, 10000},
    {"depth", AT(depth), 0, FOREST_DEPTH_MAX},
    {"leaves", AT(leaves), 2, GROW_LEAVES_MAX},
    {"early_stop", AT(early_stop), 0, 10000},
    {"bins", AT(bins), 2, BINS_MAX},
    {"test_milli", AT(test_milli), 0, 900},
    {"validate_milli", AT(validate_milli), 0, 900},
    {"folds", AT(folds), 0, 20},
};
static const struct real_option real_options[] = {
    {"quantile", AT(quantile), 0.001, 0.999},
    {"learning_rate", AT(learning_rate), 1e-6, 1},
    {"l2", AT(l2), 0, 1e9},
    {"min_child_weight", AT(min_child_weight), 0, 1e9},
    {"row_share", AT(row_share), 0.01, 1},
    {"column_share", AT(column_share), 0.01, 1},
    {"alpha", AT(alpha), 0, 1e9},
    {"l1_share", AT(l1_share), 0, 1},
    {"points_base", AT(points_base), -1e5, 1e5},
    {"points_odds", AT(points_odds), 1e-6, 1e6},
    {"points_double", AT(points_double), -1e4, 1e4},
    {"cost_false_alarm", AT(cost_false_alarm), 0, 1e12},
    {"cost_miss", AT(cost_miss), 0, 1e12},
};
enum {
    WHOLE_COUNT = sizeof(whole_options) / sizeof(*whole_options),
    REAL_COUNT = sizeof(real_options) / sizeof(*real_options),
};

static enum err bad(struct fault *fault, struct str member) {
    return fault_set(fault, ERR_INPUT, "train.bad_option", member);
}

static enum err out_of_bounds(struct fault *fault, struct str member, double least, double most) {
    char text[FAULT_DETAIL_SIZE];
    int size = snprintf(text, sizeof text, "%.*s (%.10g – %.10g)",
                        (int)(member.size < 60 ? member.size : 60), member.data, least, most);
    return bad(fault, (struct str){text, (size_t)size});
}

// What a number may be, where the member is one.
static enum err bad_member(struct fault *fault, struct str name) {
    for (size_t i = 0; i < WHOLE_COUNT; i++) {
        const struct whole_option *o = &whole_options[i];
        if (!str_is(name, o->name)) continue;
        return out_of_bounds(fault, name, (double)o->least, (double)o->most);
    }
    for (size_t i = 0; i < REAL_COUNT; i++) {
        const struct real_option *o = &real_options[i];
        if (str_is(name, o->name)) return out_of_bounds(fault, name, o->least, o->most);
    }
    return bad(fault, name);
}

static bool read_whole(const struct json *value, const struct whole_option *option,
                       struct tabular_options *out) {
    uint64_t number;
    if (!json_u64(value, &number) || number < option->least || number > option->most) return false;
    *(uint32_t *)(void *)((char *)out + option->offset) = (uint32_t)number;
    return true;
}

static bool read_real(const struct json *value, const struct real_option *option,
                      struct tabular_options *out) {
    double number = json_number(value, NAN);
    if (!(number >= option->least && number <= option->most)) return false;
    *(double *)(void *)((char *)out + option->offset) = number;
    return true;
}

static bool read_loss(struct str text, enum tabular_loss *out) {
    for (int loss = LOSS_SQUARED; loss <= LOSS_POISSON; loss++) {
        if (!str_is(text, tabular_loss_name((enum tabular_loss)loss))) continue;
        *out = (enum tabular_loss)loss;
        return true;
    }
    return false;
}

static bool read_member(const struct json *member, struct tabular_options *out) {
    struct str name = json_name(member);
    if (str_is(name, "learner")) {
        struct str text = json_text(member);
        for (enum tabular_learner l = LEARNER_BOOST; l <= LEARNER_POINTS; l++) {
            if (!str_is(text, tabular_learner_name(l))) continue;
            out->learner = l;
            return true;
        }
        return false;
    }
    if (str_is(name, "points_monotone")) {
        out->points_monotone = json_bool(member, true);
        return json_is_bool(member);
    }
    if (str_is(name, "keep_test")) {
        out->keep_test = json_bool(member, false);
        return json_is_bool(member);
    }
    if (str_is(name, "grow")) {
        struct str text = json_text(member);
        out->grow = str_is(text, "leaf") ? GROW_LEAF : GROW_DEPTH;
        return str_is(text, "leaf") || str_is(text, "depth");
    }
    if (str_is(name, "monotone")) {
        out->monotone = member;
        return constraints_monotone_fit(member);
    }
    if (str_is(name, "interactions")) {
        out->interactions = member;
        return constraints_interactions_fit(member);
    }
    if (str_is(name, "loss")) return read_loss(json_text(member), &out->loss);
    if (str_is(name, "seed")) return json_u64(member, &out->seed);
    for (size_t i = 0; i < WHOLE_COUNT; i++) {
        if (str_is(name, whole_options[i].name)) return read_whole(member, &whole_options[i], out);
    }
    for (size_t i = 0; i < REAL_COUNT; i++) {
        if (str_is(name, real_options[i].name)) return read_real(member, &real_options[i], out);
    }
    return false; // a misspelt option must not be ignored
}

enum err tabular_options_read(const struct json *node, struct tabular_options *out,
                              struct fault *fault) {
    struct tabular_options options;
    tabular_options_default(&options);
    if (node && !json_is_null(node)) {
        if (!json_is_object(node)) return bad(fault, STR("options"));
        for (const struct json *m = json_first(node); m; m = json_next(m)) {
            if (!read_member(m, &options)) return bad_member(fault, json_name(m));
        }
    }
    if (fabs(options.points_double) < 1) return bad(fault, STR("points_double"));
    if (options.grow == GROW_LEAF && !json_member(node, "depth")) options.depth = 0;
    if (options.grow == GROW_DEPTH && (options.depth == 0 || options.depth > GROW_DEPTH_MAX)) {
        return out_of_bounds(fault, STR("depth"), 1, GROW_DEPTH_MAX);
    }
    if (options.learner != LEARNER_BOOST && options.monotone) return bad(fault, STR("monotone"));
    if (options.learner != LEARNER_BOOST && options.interactions) {
        return bad(fault, STR("interactions"));
    }
    if (options.test_milli + options.validate_milli > 900) return bad(fault, STR("test_milli"));
    if (options.folds == 1) return out_of_bounds(fault, STR("folds"), 2, 20);
    *out = options;
    return OK;
}

static void write_node(struct json_writer *out, const char *name, const struct json *node) {
    if (node) json_set_node(out, name, node);
}

void tabular_options_write(struct json_writer *out, const struct tabular_options *options) {
    json_open_object(out);
    json_set_text(out, "learner", str_of(tabular_learner_name(options->learner)));
    json_set_bool(out, "points_monotone", options->points_monotone);
    json_set_bool(out, "keep_test", options->keep_test);
    json_set_text(out, "grow", options->grow == GROW_LEAF ? STR("leaf") : STR("depth"));
    write_node(out, "monotone", options->monotone);
    write_node(out, "interactions", options->interactions);
    json_set_text(out, "loss", str_of(tabular_loss_name(options->loss)));
    json_set_u64(out, "seed", options->seed);
    for (size_t i = 0; i < WHOLE_COUNT; i++) {
        const char *at = (const char *)options + whole_options[i].offset;
        json_set_u64(out, whole_options[i].name, *(const uint32_t *)(const void *)at);
    }
    for (size_t i = 0; i < REAL_COUNT; i++) {
        const char *at = (const char *)options + real_options[i].offset;
        json_set_number(out, real_options[i].name, *(const double *)(const void *)at);
    }
    json_close_object(out);
}
