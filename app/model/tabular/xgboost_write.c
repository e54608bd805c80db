// A forest as XGBoost's JSON: the layout of version 1.7, which every later one reads.
// XGBoost sets its sums in floats from one base score for all outputs, given before the link.
// What that float cannot say, and each class's own base, goes into the leaves of the first tree.
// A category is the index it has here; what goes right is listed. Names that XGBoost has no place
// for (classes, categories, the target) travel in the attribute "courtyard", which it keeps and
// ignores, so that a model comes back as it left. Quantiles are known there from 2.0 on.

#include <float.h>
#include <stdio.h>
#include <string.h>

#include "model/tabular/xgboost_private.h"

static const int root_parent = INT32_MAX;

struct writing {
    const struct tabular_model *model;
    const struct forest *forest;
    struct buf *out;
    double rest[TABULAR_CLASSES_MAX]; // what the first tree's leaves add
    float base_score;
    bool comma;
};

static void put_text(struct writing *w, const char *text) {
    buf_add_text(w->out, text);
}

// Nine digits bring a float back; XGBoost takes a number without a point for a whole one.
static void put_float(struct writing *w, float value) {
    char text[32];
    if (value > FLT_MAX) value = FLT_MAX;
    if (value < -FLT_MAX) value = -FLT_MAX;
    int size = snprintf(text, sizeof text, "%.9G", (double)value);
    buf_add(w->out, text, (size_t)size);
    if (!memchr(text, '.', (size_t)size) && !memchr(text, 'E', (size_t)size)) put_text(w, "E0");
}

static void put_string(struct writing *w, struct str text) {
    struct json_writer json = json_writer_of(w->out);
    json_put_text(&json, text);
}

static void open_list(struct writing *w, const char *name) {
    buf_printf(w->out, "\"%s\":[", name);
    w->comma = false;
}

static void next(struct writing *w) {
    if (w->comma) buf_add_char(w->out, ',');
    w->comma = true;
}

static void close_list(struct writing *w) {
    buf_add_char(w->out, ']');
}

// ---- a tree ------------------------------

static bool category_goes_right(const struct writing *w, const struct node *node,
                                uint32_t category) {
    const struct forest *forest = w->forest;
    uint8_t bin = forest->category_bin[node->feature][category];
    bool unseen = bin == forest->missing_bin[node->feature];
    return !node_goes_left(forest, node, unseen ? NAN : (float)bin);
}

static uint32_t count_right(const struct writing *w, const struct node *node) {
    uint32_t count = 0;
    for (uint32_t c = 0; c < w->model->features[node->feature].category_count; c++) {
        count += category_goes_right(w, node, c);
    }
    return count;
}

// A set that sends every category left is written as a number below the largest one: XGBoost wants
// a set to have something in it.
static bool is_set(const struct writing *w, const struct node *node) {
    return node->left && node->set && count_right(w, node) > 0;
}

enum part { PART_NODES, PART_SEGMENTS, PART_SIZES, PART_CATEGORIES };

static void put_categories(struct writing *w, const char *name, enum part part,
                           const struct node *tree, uint32_t nodes) {
    uint32_t segment = 0;
    open_list(w, name);
    for (uint32_t n = 0; n < nodes; n++) {
        if (!is_set(w, &tree[n])) continue;
        uint32_t size = count_right(w, &tree[n]);
        uint32_t categories = w->model->features[tree[n].feature].category_count;
        for (uint32_t c = 0; part == PART_CATEGORIES && c < categories; c++) {
            if (!category_goes_right(w, &tree[n], c)) continue;
            next(w);
            buf_add_u64(w->out, c);
        }
        if (part != PART_CATEGORIES) {
            next(w);
            buf_add_u64(w->out, part == PART_NODES ? n : part == PART_SEGMENTS ? segment : size);
        }
        segment += size;
    }
    close_list(w);
}

enum whole { WHOLE_DEFAULT_LEFT, WHOLE_LEFT, WHOLE_RIGHT, WHOLE_FEATURE, WHOLE_KIND };

static int64_t whole_of(const struct writing *w, const struct node *node, enum whole which) {
    switch (which) {
    case WHOLE_DEFAULT_LEFT: return node->left && node->missing_left;
    case WHOLE_LEFT: return node->left ? (int64_t)node->left : -1;
    case WHOLE_RIGHT: return node->left ? (int64_t)node->left + 1 : -1;
    case WHOLE_FEATURE: return node->left ? (int64_t)node->feature : 0;
    case WHOLE_KIND: return is_set(w, node);
    }
    return 0;
}

static void put_wholes(struct writing *w, const char *name, enum whole which,
                       const struct node *tree, uint32_t nodes) {
    open_list(w, name);
    for (uint32_t n = 0; n < nodes; n++) {
        next(w);
        buf_add_i64(w->out, whole_of(w, &tree[n], which));
    }
    close_list(w);
}

static void put_parents(struct writing *w, const struct node *tree, uint32_t nodes) {
    uint32_t parent = 0; // children stand in the order of their parents
    open_list(w, "parents");
    for (uint32_t n = 0; n < nodes; n++) {
        while (n > 0 && tree[parent].left + 1 < n) parent++;
        next(w);
        buf_add_i64(w->out, n == 0 ? root_parent : (int64_t)parent);
    }
    close_list(w);
}

// What a node would answer if it were a leaf: the mean of those below by their cover.
static void fill_weights(const struct node *tree, uint32_t nodes, double rest, double *weight) {
    for (uint32_t n = nodes; n-- > 0;) {
        const struct node *node = &tree[n];
        if (node->left == 0) {
            weight[n] = (double)node->value + rest;
            continue;
        }
        double left = (double)tree[node->left].cover, right = (double)tree[node->left + 1].cover;
        double share = left + right > 0 ? left / (left + right) : 0.5;
        weight[n] = share * weight[node->left] + (1 - share) * weight[node->left + 1];
    }
}

enum real { REAL_WEIGHT, REAL_GAIN, REAL_CONDITION, REAL_COVER };

static float real_of(const struct writing *w, const struct node *node, double weight,
                     enum real which) {
    switch (which) {
    case REAL_WEIGHT: return (float)weight;
    case REAL_GAIN: return node->left ? node->gain : 0;
    case REAL_COVER: return node->cover;
    case REAL_CONDITION: break;
    }
    if (node->left == 0) return (float)weight;
    if (node->set == 0) return node->threshold;
    return is_set(w, node) ? 0 : FLT_MAX;
}

static void put_reals(struct writing *w, const char *name, enum real which, const struct node *tree,
                      uint32_t nodes, const double *weight) {
    open_list(w, name);
    for (uint32_t n = 0; n < nodes; n++) {
        next(w);
        put_float(w, real_of(w, &tree[n], weight[n], which));
    }
    close_list(w);
}

// XGBoost's own order of members, by name.
static void put_tree(struct writing *w, uint32_t id, const struct node *tree, uint32_t nodes,
                     const double *weight) {
    buf_add_char(w->out, '{');
    put_reals(w, "base_weights", REAL_WEIGHT, tree, nodes, weight);
    put_text(w, ",");
    put_categories(w, "categories", PART_CATEGORIES, tree, nodes);
    put_text(w, ",");
    put_categories(w, "categories_nodes", PART_NODES, tree, nodes);
    put_text(w, ",");
    put_categories(w, "categories_segments", PART_SEGMENTS, tree, nodes);
    put_text(w, ",");
    put_categories(w, "categories_sizes", PART_SIZES, tree, nodes);
    put_text(w, ",");
    put_wholes(w, "default_left", WHOLE_DEFAULT_LEFT, tree, nodes);
    buf_printf(w->out, ",\"id\":%u,", id);
    put_wholes(w, "left_children", WHOLE_LEFT, tree, nodes);
    put_text(w, ",");
    put_reals(w, "loss_changes", REAL_GAIN, tree, nodes, weight);
    put_text(w, ",");
    put_parents(w, tree, nodes);
    put_text(w, ",");
    put_wholes(w, "right_children", WHOLE_RIGHT, tree, nodes);
    put_text(w, ",");
    put_reals(w, "split_conditions", REAL_CONDITION, tree, nodes, weight);
    put_text(w, ",");
    put_wholes(w, "split_indices", WHOLE_FEATURE, tree, nodes);
    put_text(w, ",");
    put_wholes(w, "split_type", WHOLE_KIND, tree, nodes);
    put_text(w, ",");
    put_reals(w, "sum_hessian", REAL_COVER, tree, nodes, weight);
    buf_printf(w->out,
               ",\"tree_param\":{\"num_deleted\":\"0\",\"num_feature\":\"%u\",\"num_nodes\":\"%u\","
               "\"size_leaf_vector\":\"0\"}}",
               w->model->feature_count, nodes);
}

// XGBoost's Python (3.3) cuts texts beyond ASCII short when it reads them from a data frame, and
// then refuses them where a model names its categories.
static bool names_serve(const struct tabular_model *model) {
    uint32_t named = 0;
    for (uint32_t f = 0; f < model->feature_count; f++) {
        const struct feature *feature = &model->features[f];
        named += feature->category_count > 0;
        for (uint32_t c = 0; c < feature->category_count; c++) {
            for (size_t i = 0; i < feature->categories[c].size; i++) {
                if ((uint8_t)feature->categories[c].data[i] > 127) return false;
            }
        }
    }
    return named > 0;
}

// The categories' names by code, as XGBoost keeps them since 3.1 (earlier ones pass over them), so
// that it takes texts for codes itself. Ours stand in the order of their bytes, as it sorts them.
static void put_names(struct writing *w) {
    const struct tabular_model *model = w->model;
    uint32_t segment = 0, f;
    if (!names_serve(model)) return;
    put_text(w, "\"cats\":{");
    open_list(w, "enc");
    for (f = 0; f < model->feature_count; f++) {
        const struct feature *feature = &model->features[f];
        size_t size = 0;
        next(w);
        buf_add_text(w->out, feature->category_count ? "{\"offsets\":[0" : "{\"offsets\":[");
        for (uint32_t c = 0; c < feature->category_count; c++) {
            size += feature->categories[c].size;
            buf_printf(w->out, ",%zu", size);
        }
        put_text(w, "],\"values\":[");
        for (uint32_t c = 0, byte = 0; c < feature->category_count; c++) {
            for (size_t i = 0; i < feature->categories[c].size; i++, byte++) {
                buf_printf(w->out, byte ? ",%d" : "%d", feature->categories[c].data[i]);
            }
        }
        put_text(w, "]}");
    }
    close_list(w);
    put_text(w, ",\"feature_segments\":[0");
    for (f = 0; f < model->feature_count; f++) {
        segment += model->features[f].category_count;
        buf_printf(w->out, ",%u", segment);
    }
    put_text(w, "],");
    open_list(w, "sorted_idx");
    for (f = 0; f < model->feature_count; f++) {
        for (uint32_t c = 0; c < model->features[f].category_count; c++) {
            next(w);
            buf_add_u64(w->out, c);
        }
    }
    put_text(w, "]},");
}

// A forest without a tree gets one leaf per output: somewhere the base must stand.
static enum err put_trees(struct writing *w) {
    const struct forest *forest = w->forest;
    static const struct node alone = {0};
    uint32_t trees = forest->tree_count ? forest->tree_count : forest->outputs;
    double *weight = memory_take((forest->node_count + 1) * sizeof(*weight));
    if (!weight) return ERR_MEMORY;
    put_names(w);
    buf_printf(w->out,
               "\"gbtree_model_param\":{\"num_parallel_tree\":\"1\",\"num_trees\":\"%u\","
               "\"size_leaf_vector\":\"0\"},",
               trees);
    open_list(w, "tree_info");
    for (uint32_t t = 0; t < trees; t++) {
        next(w);
        buf_add_u64(w->out, t % forest->outputs);
    }
    put_text(w, "],\"trees\":[");
    for (uint32_t t = 0; t < trees; t++) {
        bool real = forest->tree_count > 0;
        const struct node *tree = real ? forest_tree(forest, t) : &alone;
        uint32_t nodes = real ? forest->starts[t + 1] - forest->starts[t] : 1;
        fill_weights(tree, nodes, t < forest->outputs ? w->rest[t] : 0, weight);
        if (t > 0) put_text(w, ",");
        put_tree(w, t, tree, nodes, weight);
    }
    put_text(w, "]");
    memory_give(weight);
    return OK;
}

// ---- the learner ------------------------------

// Python takes no feature name with one of [ ] <.
static void put_feature_name(struct writing *w, struct str name) {
    static const struct {
        char plain;
        const char *wide;
    } letters[] = {{'[', "［"}, {']', "］"}, {'<', "＜"}};
    struct buf text;
    buf_open(&text, 4 * MODEL_NAME_BYTES);
    for (size_t i = 0; i < name.size; i++) {
        const char *wide = NULL;
        for (size_t l = 0; l < sizeof letters / sizeof letters[0]; l++) {
            if (name.data[i] == letters[l].plain) wide = letters[l].wide;
        }
        if (wide)
            buf_add_text(&text, wide);
        else
            buf_add_char(&text, name.data[i]);
    }
    if (buf_err(&text) != OK && w->out->err == OK) w->out->err = buf_err(&text);
    put_string(w, buf_str(&text));
    buf_close(&text);
}

static const char *type_of(const struct feature *feature) {
    if (feature->kind == FEATURE_CATEGORY) return "c";
    if (str_is(feature->type, "integer")) return "int";
    return str_is(feature->type, "boolean") ? "i" : "float";
}

static void put_features(struct writing *w) {
    open_list(w, "feature_names");
    for (uint32_t f = 0; f < w->model->feature_count; f++) {
        next(w);
        put_feature_name(w, w->model->features[f].name);
    }
    put_text(w, "],");
    open_list(w, "feature_types");
    for (uint32_t f = 0; f < w->model->feature_count; f++) {
        next(w);
        buf_printf(w->out, "\"%s\"", type_of(&w->model->features[f]));
    }
    put_text(w, "],");
}

static void put_numbers(struct json_writer *out, const char *name, const double *numbers,
                        uint32_t count) {
    json_put_name(out, name);
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) json_put_number(out, numbers[i]);
    json_close_array(out);
}

// {"target","classes":[…],"features":[{"name","type","categories":[…]}…],"preparation"?,
//  "survival"?:{"times":[…],"steps":[…],"hazard":[…]}}
static void put_attributes(struct writing *w) {
    const struct tabular_model *model = w->model;
    struct buf text;
    buf_open(&text, w->out->cap_bytes);
    struct json_writer json = json_writer_of(&text);
    json_open_object(&json);
    json_set_text(&json, "target", model->target);
    json_put_name(&json, "classes");
    json_open_array(&json);
    for (uint32_t k = 0; k < model->class_count; k++) json_put_text(&json, model->classes[k]);
    json_close_array(&json);
    json_put_name(&json, "features");
    json_open_array(&json);
    for (uint32_t f = 0; f < model->feature_count; f++) {
        const struct feature *feature = &model->features[f];
        json_open_object(&json);
        json_set_text(&json, "name", feature->name);
        json_set_text(&json, "type", feature->type);
        if (feature->kind == FEATURE_CATEGORY) {
            json_put_name(&json, "categories");
            json_open_array(&json);
            for (uint32_t c = 0; c < feature->category_count; c++) {
                json_put_text(&json, feature->categories[c]);
            }
            json_close_array(&json);
        }
        json_close_object(&json);
    }
    json_close_array(&json);
    if (model->preparation.size) json_set_text(&json, "preparation", model->preparation);
    if (model->hazard_count > 0) {
        json_put_name(&json, "survival");
        json_open_object(&json);
        put_numbers(&json, "times", model->times, model->time_count);
        put_numbers(&json, "steps", model->hazard_times, model->hazard_count);
        put_numbers(&json, "hazard", model->hazard, model->hazard_count);
        json_close_object(&json);
    }
    json_close_object(&json);
    if (buf_err(&text) != OK && w->out->err == OK) w->out->err = buf_err(&text);
    put_text(w, "\"attributes\":{\"courtyard\":");
    put_string(w, buf_str(&text));
    put_text(w, "},");
    buf_close(&text);
}

static void put_objective(struct writing *w) {
    const struct tabular_model *model = w->model;
    put_text(w, "\"objective\":{\"name\":");
    if (model->task == TASK_CLASSES) {
        buf_printf(w->out,
                   "\"multi:softprob\",\"softmax_multiclass_param\":{\"num_class\":\"%u\"}}",
                   model->class_count);
    } else if (model->task == TASK_SURVIVAL) {
        put_text(w, "\"survival:cox\"}");
    } else if (model->loss == LOSS_POISSON) {
        put_text(w, "\"count:poisson\",\"poisson_regression_param\":{\"max_delta_step\":\"0.7\"}}");
    } else if (model->loss == LOSS_QUANTILE) {
        put_text(w, "\"reg:quantileerror\",\"quantile_loss_param\":{\"quantile_alpha\":\"[");
        put_float(w, (float)model->quantile);
        put_text(w, "]\"}}");
    } else {
        buf_printf(w->out, "\"%s\",\"reg_loss_param\":{\"scale_pos_weight\":\"1\"}}",
                   model->task == TASK_BINARY ? "binary:logistic" : "reg:squarederror");
    }
}

// The base score and what it leaves over. XGBoost turns it into a margin in floats.
static void settle_base(struct writing *w) {
    const struct forest *forest = w->forest;
    double base = forest->base[0], said = 0;
    if (w->model->task == TASK_BINARY) {
        float share = (float)(1 / (1 + exp(-base)));
        w->base_score = share > 0.001f && share < 0.999f ? share : 0.5f;
        said = (double)xgboost_logit(w->base_score);
    } else if (w->model->task == TASK_SURVIVAL || w->model->loss == LOSS_POISSON) {
        float mean = (float)exp(base); // XGBoost takes its logarithm
        w->base_score = mean > 0 && isfinite(mean) ? mean : 1;
        said = (double)logf(w->base_score);
    } else if (w->model->task == TASK_REGRESSION) {
        w->base_score = (float)fmax(-FLT_MAX, fmin(FLT_MAX, base));
        said = (double)w->base_score;
    }
    for (uint32_t k = 0; k < forest->outputs; k++) w->rest[k] = forest->base[k] - said;
}

enum err tabular_xgboost_write(const struct tabular_model *model, struct buf *out,
                               struct fault *fault) {
    if (model->learner != LEARNER_BOOST) {
        return fault_set(fault, ERR_INPUT, "model.export_not_trees", STR_NONE);
    }
    struct writing w = {.model = model, .forest = &model->forest, .out = out};
    settle_base(&w);
    put_text(&w, "{\"learner\":{");
    put_attributes(&w);
    put_features(&w);
    put_text(&w, "\"gradient_booster\":{\"model\":{");
    enum err err = put_trees(&w);
    put_text(&w, "},\"name\":\"gbtree\"},\"learner_model_param\":{\"base_score\":\"");
    put_float(&w, w.base_score);
    buf_printf(out,
               "\",\"boost_from_average\":\"1\",\"num_class\":\"%u\",\"num_feature\":\"%u\","
               "\"num_target\":\"1\"},",
               model->task == TASK_CLASSES ? model->class_count : 0, model->feature_count);
    put_objective(&w);
    put_text(&w, "},\"version\":[1,7,4]}");
    if (err == OK) err = buf_err(out);
    if (err == ERR_LIMIT) return fault_set(fault, err, "model.too_large", STR_NONE);
    return err;
}
