// The model's file, little-endian, one pass from front to back:
//   "CYTAB002" | sections | CRC-32C of all before
// A section is its tag (4 bytes), size (u64) and bytes; they come in the order of the table
// `sections`, each at most once:
//   DESC  task, learner, class_count, feature_count (u32 each) | target | classes |
//         features (kind u32, name, type, category_count u32, categories, typical f32); of a text
//         its width stands for the count of categories
//   PREP  text: the preparation that makes the features from a table's columns
//   RNGE  of each feature the least and the greatest value in training (f32, NaN: none)
//   LOSS  loss u32, quantile f64 | steps u32, then time and cumulative baseline hazard of each |
//         times u32, then each; of survival and of regression that isn't by squares
//   EVNT  texts: of survival the column that tells whether it was seen, and the value that says so
//   TREE  base, then for each tree its nodes in level order; the children of the n-th node that
//         splits stand at 2 n + 1 and 2 n + 2, so a reader can demand the only place they may have
//         and a tree cannot have a cycle
//   LINE  a linear model
//   PNTS  factor, offset (f64), base (i32) | per feature: bins (u32), cuts (f32 each), the group of
//         each category (a byte), points (i32 each, missing last), average (f64)
//   PROF  of each feature and of the prediction: missing (u64), bins (u32), of a number its rising
//         edges (bins - 1, f32), counts (bins, u64)
// A text is its size (u32) and bytes. "CYTAB001" had DESC and TREE or LINE without tags and sizes.
// Everything read is hostile: counts are held against the bytes that are left before memory is
// taken for them. When you add a section, add a row to the table and a line here.

#include <math.h>
#include <string.h>

#include "base/crc32c.h"
#include "model/tabular/model_private.h"

enum { MAGIC_BYTES = 8, TAG_BYTES = 4, PREPARATION_BYTES_MAX = 2 << 20 };
static const char magic[] = "CYTAB002", magic_before[] = "CYTAB001";

// ---- writing ------------------------------

static void put_u32(struct buf *out, uint32_t value) {
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    buf_add(out, bytes, sizeof(bytes));
}

static void put_u64(struct buf *out, uint64_t value) {
    put_u32(out, (uint32_t)value);
    put_u32(out, (uint32_t)(value >> 32));
}

static void put_f32(struct buf *out, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_u32(out, bits);
}

static void put_f64(struct buf *out, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_u64(out, bits);
}

static void put_text(struct buf *out, struct str text) {
    put_u32(out, (uint32_t)text.size);
    buf_add_str(out, text);
}

static void put_about(const struct tabular_model *model, struct buf *out) {
    put_u32(out, model->task);
    put_u32(out, model->learner);
    put_u32(out, model->class_count);
    put_u32(out, model->feature_count);
    put_text(out, model->target);
    for (uint32_t k = 0; k < model->class_count; k++) put_text(out, model->classes[k]);
    for (uint32_t f = 0; f < model->feature_count; f++) {
        const struct feature *feature = &model->features[f];
        put_u32(out, feature->kind);
        put_text(out, feature->name);
        put_text(out, feature->type);
        put_u32(out, feature->kind == FEATURE_TEXT ? feature->width : feature->category_count);
        for (uint32_t c = 0; c < feature->category_count; c++)
            put_text(out, feature->categories[c]);
        put_f32(out, model->typical[f]);
    }
}

static void put_ranges(const struct tabular_model *model, struct buf *out) {
    for (size_t i = 0; i < 2 * (size_t)model->feature_count; i++) put_f32(out, model->ranges[i]);
}

static void put_preparation(const struct tabular_model *model, struct buf *out) {
    put_text(out, model->preparation);
}

static void put_event(const struct tabular_model *model, struct buf *out) {
    put_text(out, model->event_name);
    put_text(out, model->event_value);
}

static void put_loss(const struct tabular_model *model, struct buf *out) {
    put_u32(out, model->loss);
    put_f64(out, model->quantile);
    put_u32(out, model->hazard_count);
    for (uint32_t i = 0; i < model->hazard_count; i++) {
        put_f64(out, model->hazard_times[i]);
        put_f64(out, model->hazard[i]);
    }
    put_u32(out, model->time_count);
    for (uint32_t i = 0; i < model->time_count; i++) put_f64(out, model->times[i]);
}

enum { NODE_LEAF = 0, NODE_NUMBER = 1, NODE_SET = 2, NODE_MISSING_LEFT = 4 };

static void put_forest(const struct tabular_model *model, struct buf *out) {
    const struct forest *forest = &model->forest;
    for (uint32_t k = 0; k < forest->outputs; k++) put_f64(out, forest->base[k]);
    for (uint32_t f = 0; f < model->feature_count; f++) {
        if (model->features[f].kind != FEATURE_CATEGORY) continue;
        buf_add_char(out, (char)forest->missing_bin[f]);
        buf_add(out, forest->category_bin[f], model->features[f].category_count);
    }
    put_u32(out, forest->tree_count);
    for (uint32_t t = 0; t < forest->tree_count; t++) {
        const struct node *tree = forest_tree(forest, t);
        uint32_t nodes = forest->starts[t + 1] - forest->starts[t];
        put_u32(out, nodes);
        for (uint32_t n = 0; n < nodes; n++) {
            const struct node *node = &tree[n];
            int kind = node->left == 0 ? NODE_LEAF : node->set ? NODE_SET : NODE_NUMBER;
            buf_add_char(out, (char)(kind | (node->missing_left ? NODE_MISSING_LEFT : 0)));
            put_f32(out, node->cover);
            if (kind == NODE_LEAF) {
                put_f32(out, node->value);
                continue;
            }
            put_u32(out, node->feature);
            put_f32(out, node->gain);
            if (kind == NODE_NUMBER) put_f32(out, node->threshold);
            for (uint32_t w = 0; kind == NODE_SET && w < FOREST_SET_WORDS; w++) {
                put_u32(out, forest->sets[(size_t)(node->set - 1) * FOREST_SET_WORDS + w]);
            }
        }
    }
}

static void put_linear(const struct tabular_model *model, struct buf *out) {
    const struct linear *linear = &model->linear;
    for (uint32_t f = 0; f < linear->features; f++) {
        put_f64(out, linear->terms[f].mean);
        put_f64(out, linear->terms[f].scale);
    }
    size_t weights = (size_t)linear->width * linear->outputs;
    for (size_t i = 0; i < weights; i++) put_f64(out, linear->weights[i]);
    for (uint32_t k = 0; k < linear->outputs; k++) {
        put_f64(out, linear->intercept[k]);
        put_f64(out, linear->base[k]);
    }
    size_t averages = (size_t)linear->features * linear->outputs;
    for (size_t i = 0; i < averages; i++) put_f64(out, linear->average[i]);
}

static void put_points(const struct tabular_model *model, struct buf *out) {
    const struct points *points = &model->points;
    put_f64(out, points->factor);
    put_f64(out, points->offset);
    put_u32(out, (uint32_t)points->base);
    for (uint32_t f = 0; f < points->count; f++) {
        const struct points_feature *feature = &points->features[f];
        put_u32(out, feature->bin_count);
        if (feature->bin_count == 0) continue;
        const struct feature *about = &model->features[f];
        bool category = about->kind == FEATURE_CATEGORY;
        for (uint32_t b = 0; !category && b + 1 < feature->bin_count; b++) {
            put_f32(out, feature->cuts[b]);
        }
        if (category) buf_add(out, feature->group, about->category_count);
        for (uint32_t b = 0; b <= feature->bin_count; b++) {
            put_u32(out, (uint32_t)feature->bins[b].points);
        }
        put_f64(out, feature->average);
    }
}

static void put_profile(const struct tabular_model *model, struct buf *out) {
    for (uint32_t p = 0; p < model->profile.count; p++) {
        const struct distribution *part = &model->profile.parts[p];
        put_u64(out, part->missing);
        put_u32(out, part->bins);
        bool number = !profile_is_category(model, p);
        for (uint32_t e = 0; number && e + 1 < part->bins; e++) put_f32(out, part->edges[e]);
        for (uint32_t b = 0; b < part->bins; b++) put_u64(out, part->counts[b]);
    }
}

// ---- reading ------------------------------

struct reader {
    const uint8_t *at, *end;
    bool damaged; // sticky: everything after it reads as 0
    enum err err; // ERR_MEMORY, sticky too
};

static bool fine(const struct reader *r) {
    return !r->damaged && r->err == OK;
}

// What follows from having no memory is no damage.
static void damage(struct reader *r) {
    if (r->err == OK) r->damaged = true;
}

static const uint8_t *get_bytes(struct reader *r, size_t size) {
    if (!fine(r) || (size_t)(r->end - r->at) < size) {
        damage(r);
        return NULL;
    }
    r->at += size;
    return r->at - size;
}

static uint32_t get_u32(struct reader *r) {
    const uint8_t *b = get_bytes(r, 4);
    if (!b) return 0;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint64_t get_u64(struct reader *r) {
    uint64_t low = get_u32(r);
    return low | (uint64_t)get_u32(r) << 32;
}

static float get_f32(struct reader *r) {
    uint32_t bits = get_u32(r);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static double get_f64(struct reader *r) {
    uint64_t bits = get_u64(r);
    double value;
    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value)) damage(r);
    return value;
}

// A count of things that take at least `each` bytes of what is left.
static uint32_t get_count(struct reader *r, uint32_t most, size_t each) {
    uint32_t count = get_u32(r);
    if (count > most || count > (size_t)(r->end - r->at) / each) damage(r);
    return fine(r) ? count : 0;
}

static struct str get_text_within(struct reader *r, struct tabular_model *model, uint32_t most) {
    uint32_t size = get_u32(r);
    if (size > most) damage(r);
    const uint8_t *bytes = get_bytes(r, size);
    if (!bytes) return STR_NONE;
    bool bad = false;
    struct str text = model_text(model, (struct str){(const char *)bytes, size}, &bad);
    if (bad) r->err = ERR_MEMORY;
    return text;
}

static struct str get_text(struct reader *r, struct tabular_model *model) {
    return get_text_within(r, model, MODEL_NAME_BYTES);
}

static void *arena_for(struct reader *r, struct tabular_model *model, size_t count, size_t each) {
    if (!fine(r)) return NULL;
    void *memory = arena_take_array(model->arena, count + 1, each);
    if (!memory) r->err = ERR_MEMORY;
    return memory;
}

static void get_feature(struct reader *r, struct tabular_model *model, uint32_t f) {
    struct feature *feature = &model->features[f];
    uint32_t kind = get_u32(r);
    if (kind > FEATURE_TEXT) damage(r);
    feature->kind = fine(r) ? (enum feature_kind)kind : FEATURE_NUMBER;
    feature->name = get_text(r, model);
    feature->type = get_text(r, model);
    if (feature->kind == FEATURE_TEXT) feature->width = get_u32(r);
    if (feature->width > TABULAR_WIDTH_MAX || (feature->kind == FEATURE_TEXT && !feature->width)) {
        damage(r);
    }
    uint32_t count = feature->kind == FEATURE_TEXT ? 0 : get_count(r, TABULAR_CATEGORIES_MAX, 4);
    if (feature->kind == FEATURE_NUMBER && count > 0) damage(r);
    feature->categories = arena_for(r, model, count, sizeof(struct str));
    for (uint32_t c = 0; fine(r) && c < count; c++) feature->categories[c] = get_text(r, model);
    feature->category_count = fine(r) ? count : 0;
    float typical = get_f32(r);
    if (isinf(typical)) damage(r);
    if (feature->kind == FEATURE_CATEGORY && !isnan(typical) &&
        !(typical >= 0 && typical < (float)count)) {
        damage(r);
    }
    if (fine(r)) model->typical[f] = typical;
}

static void get_about(struct reader *r, struct tabular_model *model) {
    uint32_t task = get_u32(r), learner = get_u32(r);
    uint32_t classes = get_count(r, TABULAR_CLASSES_MAX, 4);
    uint32_t features = get_count(r, MODEL_FEATURES_MAX, 20);
    bool number = task == TASK_REGRESSION || task == TASK_SURVIVAL;
    bool right = number                ? classes == 0
                 : task == TASK_BINARY ? classes == 2
                                       : task == TASK_CLASSES && classes > 2;
    if (!right || learner > LEARNER_POINTS) damage(r);
    model->target = get_text(r, model);
    model->classes = arena_for(r, model, classes, sizeof(struct str));
    for (uint32_t k = 0; fine(r) && k < classes; k++) model->classes[k] = get_text(r, model);
    model->features = arena_for(r, model, features, sizeof(struct feature));
    model->typical = arena_for(r, model, features, sizeof(float));
    for (uint32_t f = 0; fine(r) && f < features; f++) get_feature(r, model, f);
    if (!fine(r)) return;
    model->task = task;
    model->learner = learner;
    model->class_count = classes;
    model->feature_count = features;
    model->outputs = task == TASK_CLASSES ? classes : 1;
}

static void get_node(struct reader *r, const struct tabular_model *model, struct forest *forest,
                     struct node *node, uint32_t *children) {
    const uint8_t *flags = get_bytes(r, 1);
    uint32_t kind = flags ? *flags & 3u : 0;
    if (flags && (kind == 3 || *flags > 6)) damage(r);
    node->cover = get_f32(r);
    if (!(node->cover >= 0) || !isfinite(node->cover)) damage(r);
    if (kind == NODE_LEAF) {
        node->value = get_f32(r);
        if (!isfinite(node->value)) damage(r);
        return;
    }
    node->missing_left = flags && (*flags & NODE_MISSING_LEFT) != 0;
    node->left = *children;
    *children += 2;
    node->feature = get_u32(r);
    node->gain = get_f32(r);
    if (!isfinite(node->gain) || node->feature >= model->feature_count) damage(r);
    if (!fine(r)) return;
    bool category = model->features[node->feature].kind == FEATURE_CATEGORY;
    if (category != (kind == NODE_SET)) damage(r);
    if (kind == NODE_NUMBER) {
        node->threshold = get_f32(r);
        if (isnan(node->threshold)) damage(r);
        return;
    }
    uint32_t *set = forest->sets + (size_t)forest->set_count * FOREST_SET_WORDS;
    for (uint32_t w = 0; w < FOREST_SET_WORDS; w++) set[w] = get_u32(r);
    node->set = ++forest->set_count;
}

// Depth by the children's places; deeper than training makes them is refused.
static bool depth_fits(const struct node *tree, uint32_t nodes, uint8_t *depth) {
    depth[0] = 0;
    for (uint32_t n = 0; n < nodes; n++) {
        if (depth[n] > FOREST_DEPTH_MAX) return false;
        if (tree[n].left == 0) continue;
        depth[tree[n].left] = depth[tree[n].left + 1] = (uint8_t)(depth[n] + 1);
    }
    return true;
}

static void get_tree(struct reader *r, const struct tabular_model *model, struct forest *forest) {
    uint32_t nodes = get_count(r, FOREST_NODES_MAX, 9);
    if (nodes == 0 || nodes % 2 == 0) damage(r);
    if (!fine(r)) return;
    r->err = forest_reserve(forest, nodes + 1);
    if (r->err == ERR_LIMIT) {
        r->err = OK;
        damage(r);
    }
    uint8_t *depth = fine(r) ? memory_take(nodes + 2) : NULL;
    if (fine(r) && !depth) r->err = ERR_MEMORY;
    if (!fine(r)) return;
    struct node *tree = forest->nodes + forest->node_count;
    memset(tree, 0, nodes * sizeof(*tree));
    uint32_t children = 1;
    for (uint32_t n = 0; fine(r) && n < nodes; n++) {
        get_node(r, model, forest, &tree[n], &children);
        if (children > nodes) damage(r);
    }
    if (children != nodes || (fine(r) && !depth_fits(tree, nodes, depth))) damage(r);
    memory_give(depth);
    if (!fine(r)) return;
    forest->node_count += nodes;
    forest->starts[++forest->tree_count] = forest->node_count;
}

static void get_forest(struct reader *r, struct tabular_model *model) {
    struct forest *forest = &model->forest;
    if (!fine(r)) return;
    forest->outputs = model->outputs;
    forest->base = memory_take(model->outputs * sizeof(double));
    if (!forest->base) r->err = ERR_MEMORY;
    for (uint32_t k = 0; fine(r) && k < model->outputs; k++) forest->base[k] = get_f64(r);
    if (fine(r)) r->err = forest_categories_take(forest, model->features, model->feature_count);
    for (uint32_t f = 0; fine(r) && f < model->feature_count; f++) {
        if (model->features[f].kind != FEATURE_CATEGORY) continue;
        uint32_t count = model->features[f].category_count;
        const uint8_t *bins = get_bytes(r, (size_t)count + 1);
        if (!bins) return;
        forest->missing_bin[f] = bins[0];
        memcpy(forest->category_bin[f], bins + 1, count);
    }
    uint32_t trees = get_count(r, FOREST_TREES_MAX, 13);
    if (trees % model->outputs != 0) damage(r);
    for (uint32_t t = 0; fine(r) && t < trees; t++) get_tree(r, model, forest);
    if (fine(r))
        r->err = forest_fast_make(forest, model->features, model->feature_count, &model->fast);
}

static void get_linear(struct reader *r, struct tabular_model *model) {
    struct linear *linear = &model->linear;
    for (uint32_t f = 0; fine(r) && f < model->feature_count; f++) {
        if (model->features[f].width > (size_t)(r->end - r->at) / 8) damage(r);
    }
    if (!fine(r)) return;
    enum err err = linear_take(model->features, model->feature_count, model->outputs, linear);
    if (err == ERR_LIMIT)
        damage(r);
    else
        r->err = err;
    for (uint32_t f = 0; fine(r) && f < linear->features; f++) {
        linear->terms[f].mean = get_f64(r);
        linear->terms[f].scale = get_f64(r);
    }
    size_t weights = (size_t)linear->width * model->outputs;
    for (size_t i = 0; fine(r) && i < weights; i++) linear->weights[i] = get_f64(r);
    for (uint32_t k = 0; fine(r) && k < model->outputs; k++) {
        linear->intercept[k] = get_f64(r);
        linear->base[k] = get_f64(r);
    }
    size_t averages = (size_t)linear->features * model->outputs;
    for (size_t i = 0; fine(r) && i < averages; i++) linear->average[i] = get_f64(r);
}

enum { POINTS_MOST = 1 << 24 }; // either way

static int32_t get_whole(struct reader *r) {
    int32_t value = (int32_t)get_u32(r);
    if (value > POINTS_MOST || value < -POINTS_MOST) damage(r);
    return fine(r) ? value : 0;
}

static void get_points_feature(struct reader *r, const struct feature *about,
                               struct points_feature *feature) {
    uint32_t bins = get_u32(r);
    if (bins > POINTS_BINS_MAX) damage(r);
    if (!fine(r) || bins == 0) return;
    feature->bin_count = bins;
    bool category = about->kind == FEATURE_CATEGORY;
    for (uint32_t b = 0; !category && b + 1 < bins; b++) {
        feature->cuts[b] = get_f32(r);
        if (!isfinite(feature->cuts[b]) || (b > 0 && feature->cuts[b] <= feature->cuts[b - 1])) {
            damage(r);
        }
    }
    const uint8_t *group = category ? get_bytes(r, about->category_count) : NULL;
    for (uint32_t c = 0; group && c < about->category_count; c++) {
        if (group[c] > bins) damage(r);
        feature->group[c] = group[c];
    }
    for (uint32_t b = 0; b <= bins; b++) feature->bins[b].points = get_whole(r);
    feature->average = get_f64(r);
}

static void get_points(struct reader *r, struct tabular_model *model) {
    struct points *points = &model->points;
    if (!fine(r)) return;
    if (model->task != TASK_BINARY) damage(r);
    if (fine(r)) r->err = points_take(model->features, model->feature_count, points);
    points->factor = get_f64(r);
    points->offset = get_f64(r);
    points->base = get_whole(r);
    if (!(fabs(points->factor) >= 1e-3)) damage(r);
    for (uint32_t f = 0; fine(r) && f < points->count; f++) {
        get_points_feature(r, &model->features[f], &points->features[f]);
    }
}

static void get_preparation(struct reader *r, struct tabular_model *model) {
    model->preparation = get_text_within(r, model, PREPARATION_BYTES_MAX);
}

static void get_ranges(struct reader *r, struct tabular_model *model) {
    size_t count = 2 * (size_t)model->feature_count;
    if (!fine(r) || count * 4 != (size_t)(r->end - r->at)) damage(r);
    float *ranges = arena_for(r, model, count, sizeof(float));
    for (size_t i = 0; fine(r) && i < count; i++) {
        ranges[i] = get_f32(r);
        if (isinf(ranges[i])) damage(r);
    }
    if (fine(r)) model->ranges = ranges;
}

static void get_part(struct reader *r, struct tabular_model *model, uint32_t at) {
    struct distribution *part = &model->profile.parts[at];
    bool category = profile_is_category(model, at);
    part->missing = get_u64(r);
    part->bins = get_count(r, PROFILE_BINS_MAX, 8);
    uint32_t most = !category                    ? DISTRIBUTION_RANGES
                    : at == model->feature_count ? model->class_count
                                                 : model->features[at].category_count;
    if (category ? part->bins != most : part->bins > most) damage(r);
    uint32_t edges = category || part->bins == 0 ? 0 : part->bins - 1;
    part->edges = arena_for(r, model, edges, sizeof(float));
    part->counts = arena_for(r, model, part->bins, sizeof(uint64_t));
    for (uint32_t e = 0; fine(r) && e < edges; e++) {
        part->edges[e] = get_f32(r);
        bool rises = e == 0 || part->edges[e] > part->edges[e - 1];
        if (isnan(part->edges[e]) || !rises) damage(r);
    }
    for (uint32_t b = 0; fine(r) && b < part->bins; b++) {
        part->counts[b] = get_u64(r);
        if (part->counts[b] > PROFILE_COUNT_MAX) damage(r);
    }
    if (part->missing > PROFILE_COUNT_MAX) damage(r);
}

static void get_profile(struct reader *r, struct tabular_model *model) {
    uint32_t count = model->feature_count + 1;
    if (!fine(r) || (size_t)count * 12 > (size_t)(r->end - r->at)) damage(r);
    model->profile.parts = arena_for(r, model, count, sizeof(struct distribution));
    for (uint32_t p = 0; fine(r) && p < count; p++) get_part(r, model, p);
    if (fine(r)) model->profile.count = count;
}

// Rising, both: a survival curve only falls.
static void get_loss(struct reader *r, struct tabular_model *model) {
    uint32_t loss = get_u32(r);
    model->quantile = get_f64(r);
    bool survival = model->task == TASK_SURVIVAL;
    if (loss > LOSS_POISSON || !(model->quantile > 0 && model->quantile < 1)) damage(r);
    if (!survival && model->task != TASK_REGRESSION) damage(r);
    uint32_t steps = get_count(r, MODEL_HAZARD_MAX, 16);
    if (steps > 0 && !survival) damage(r);
    model->hazard_times = arena_for(r, model, steps, sizeof(double));
    model->hazard = arena_for(r, model, steps, sizeof(double));
    double time = -INFINITY, hazard = 0;
    for (uint32_t i = 0; fine(r) && i < steps; i++) {
        model->hazard_times[i] = get_f64(r);
        model->hazard[i] = get_f64(r);
        if (!(model->hazard_times[i] > time && model->hazard[i] >= hazard)) damage(r);
        time = model->hazard_times[i];
        hazard = model->hazard[i];
    }
    uint32_t times = get_count(r, TABULAR_TIMES_MAX, 8);
    model->times = arena_for(r, model, times, sizeof(double));
    for (uint32_t i = 0; fine(r) && i < times; i++) model->times[i] = get_f64(r);
    if (times > 0 && steps == 0) damage(r); // nothing could be told of them
    if (!fine(r)) return;
    model->loss = (enum tabular_loss)loss;
    model->hazard_count = steps;
    model->time_count = times;
}

static void get_event(struct reader *r, struct tabular_model *model) {
    if (model->task != TASK_SURVIVAL) damage(r);
    model->event_name = get_text(r, model);
    model->event_value = get_text(r, model);
}

// ---- the whole ------------------------------

static bool has_about(const struct tabular_model *model) {
    (void)model;
    return true;
}
static bool has_preparation(const struct tabular_model *model) {
    return model->preparation.size > 0;
}
static bool has_ranges(const struct tabular_model *model) {
    return model->ranges != NULL;
}

static bool has_loss(const struct tabular_model *model) {
    return model->task == TASK_SURVIVAL || model->loss != LOSS_SQUARED;
}
static bool has_event(const struct tabular_model *model) {
    return model->task == TASK_SURVIVAL && model->event_name.size > 0;
}
static bool has_forest(const struct tabular_model *model) {
    return model->learner == LEARNER_BOOST;
}
static bool has_points(const struct tabular_model *model) {
    return model->learner == LEARNER_POINTS;
}
static bool has_linear(const struct tabular_model *model) {
    return model->learner == LEARNER_LINEAR;
}

static bool has_profile(const struct tabular_model *model) {
    return model->profile.count > 0;
}

static const struct section {
    char tag[TAG_BYTES + 1];
    bool needed; // in every model that has it; a file without it is damaged
    bool (*has)(const struct tabular_model *model); // asked after the sections before it are read
    void (*put)(const struct tabular_model *model, struct buf *out);
    void (*get)(struct reader *r, struct tabular_model *model);
} sections[] = {
    {"DESC", true, has_about, put_about, get_about},
    {"PREP", false, has_preparation, put_preparation, get_preparation},
    {"RNGE", false, has_ranges, put_ranges, get_ranges},
    {"LOSS", false, has_loss, put_loss, get_loss},
    {"EVNT", false, has_event, put_event, get_event},
    {"TREE", true, has_forest, put_forest, get_forest},
    {"LINE", true, has_linear, put_linear, get_linear},
    {"PNTS", true, has_points, put_points, get_points},
    {"PROF", false, has_profile, put_profile, get_profile},
};
enum { SECTION_COUNT = sizeof(sections) / sizeof(*sections) };

void tabular_save(const struct tabular_model *model, struct buf *out) {
    size_t start = out->size;
    buf_add(out, magic, MAGIC_BYTES);
    struct buf part;
    buf_open(&part, out->cap_bytes);
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (!sections[i].has(model)) continue;
        buf_clear(&part);
        sections[i].put(model, &part);
        if (buf_err(&part) != OK) out->err = buf_err(&part);
        buf_add(out, sections[i].tag, TAG_BYTES);
        put_u64(out, part.size);
        buf_add_str(out, buf_str(&part));
    }
    buf_close(&part);
    if (buf_err(out) == OK) put_u32(out, crc32c(0, out->data + start, out->size - start));
}

// A section of a version that is not known yet.
static bool stranger(const struct reader *r) {
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (r->end - r->at < TAG_BYTES || !memcmp(r->at, sections[i].tag, TAG_BYTES)) return false;
    }
    return true;
}

static bool checksum_fits(struct str bytes) {
    const uint8_t *sum = (const uint8_t *)bytes.data + bytes.size - 4;
    uint32_t want =
        sum[0] | (uint32_t)sum[1] << 8 | (uint32_t)sum[2] << 16 | (uint32_t)sum[3] << 24;
    return crc32c(0, bytes.data, bytes.size - 4) == want;
}

// Reads the section if it stands here.
static void get_section(struct reader *r, const struct section *section,
                        struct tabular_model *model) {
    bool here = r->end - r->at >= TAG_BYTES && !memcmp(r->at, section->tag, TAG_BYTES);
    if (!here) {
        if (section->needed && section->has(model) && !stranger(r)) damage(r);
        return;
    }
    if (section->needed && !section->has(model)) damage(r);
    (void)get_bytes(r, TAG_BYTES);
    uint64_t size = get_u64(r);
    if (!fine(r) || size > (size_t)(r->end - r->at)) {
        damage(r);
        return;
    }
    struct reader part = {.at = r->at, .end = r->at + size};
    section->get(&part, model);
    if (part.at != part.end) damage(&part);
    r->at = part.end;
    r->damaged = part.damaged;
    r->err = part.err;
}

static enum err load(struct reader *r, bool before, struct tabular_model *model,
                     struct fault *fault) {
    if (before) {
        get_about(r, model);
        if (fine(r) && model->learner == LEARNER_BOOST)
            get_forest(r, model);
        else
            get_linear(r, model);
    }
    bool newer = false;
    for (size_t i = 0; !before && fine(r) && !newer && i < SECTION_COUNT; i++) {
        get_section(r, &sections[i], model);
        newer = fine(r) && stranger(r);
    }
    if (newer) return fault_set(fault, ERR_INPUT, "model.newer", STR_NONE);
    if (r->at != r->end) damage(r);
    if (r->damaged) return fault_set(fault, ERR_CORRUPT, "model.damaged", STR_NONE);
    return r->err;
}

enum err tabular_load(struct str bytes, struct tabular_model **out, struct fault *fault) {
    bool whole = bytes.size >= MAGIC_BYTES + 4;
    bool before = whole && !memcmp(bytes.data, magic_before, MAGIC_BYTES);
    bool known = before || (whole && !memcmp(bytes.data, magic, MAGIC_BYTES));
    if (!known || !checksum_fits(bytes)) {
        return fault_set(fault, ERR_CORRUPT, "model.damaged", STR_NONE);
    }
    struct tabular_model *model;
    enum err err = model_open(&model);
    if (err != OK) return err;
    const uint8_t *start = (const uint8_t *)bytes.data;
    struct reader r = {.at = start + MAGIC_BYTES, .end = start + bytes.size - 4};
    err = load(&r, before, model, fault);
    if (err == OK)
        *out = model;
    else
        tabular_close(model);
    return err;
}
