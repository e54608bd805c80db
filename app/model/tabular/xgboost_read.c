// XGBoost's JSON as a model: what the learner says of outputs, base and features around the trees.
// Members may come in any order, so everything is read first and put together at the end.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/tabular/xgboost_private.h"

// The model does not say how many categories there were, only codes that its splits send right. So
// codes count as known well beyond the last of those.
enum { CODES_LEAST = 32 };

static uint32_t codes_known(uint32_t named) {
    uint32_t count = CODES_LEAST;
    while (count < TABULAR_CATEGORIES_MAX && count / 4 < named && named > CODES_LEAST / 2) {
        count *= 2;
    }
    return count;
}

enum base_link { BASE_PLAIN, BASE_LOGIT, BASE_LOG };
static const struct objective_kind {
    const char *name;
    enum tabular_task task;
    enum base_link link;
} objectives[] = {
    {"binary:logistic", TASK_BINARY, BASE_LOGIT},
    {"binary:logitraw", TASK_BINARY, BASE_PLAIN},
    {"multi:softprob", TASK_CLASSES, BASE_PLAIN},
    {"multi:softmax", TASK_CLASSES, BASE_PLAIN},
    {"reg:squarederror", TASK_REGRESSION, BASE_PLAIN},
    {"reg:linear", TASK_REGRESSION, BASE_PLAIN},
    {"reg:squaredlogerror", TASK_REGRESSION, BASE_PLAIN},
    {"reg:absoluteerror", TASK_REGRESSION, BASE_PLAIN},
    {"reg:pseudohubererror", TASK_REGRESSION, BASE_PLAIN},
    {"reg:quantileerror", TASK_REGRESSION, BASE_PLAIN},
    {"count:poisson", TASK_REGRESSION, BASE_LOG},
    {"survival:cox", TASK_SURVIVAL, BASE_LOG},
};

struct learner {
    struct xgboost_reading *r;
    const struct objective_kind *objective;
    struct buf text;           // names, types: one after the other
    struct str *names, *types; // (name_count), (type_count) into the arena
    uint32_t name_count, type_count;
    struct json *attribute; // what xgboost_write.c left, or NULL
    double base_score[TABULAR_CLASSES_MAX];
    uint32_t base_count, class_count, feature_count; // class_count 0: one output
    bool has_trees, has_features;
    struct xgboost_list weights; // gblinear
    struct str objective_name, booster;
    double quantile; // of reg:quantileerror
};

static enum err refuse(const struct learner *l, enum err err, const char *code, struct str detail) {
    return fault_set(l->r->fault, err, code, detail);
}

enum err xgboost_text_fault(struct xgboost_reading *r) {
    return fault_at(r->fault, ERR_CORRUPT, "model.xgboost_text", 0,
                    (uint64_t)(r->text.at - r->text.start) + 1, STR_NONE);
}

// ---- members ------------------------------

static struct str text_keep(struct learner *l, enum err *err) {
    bool bad = false;
    buf_clear(&l->text);
    json_text_string(&l->r->text, &l->text);
    if (l->r->text.bad) *err = xgboost_text_fault(l->r);
    if (*err == OK && l->text.size > MODEL_NAME_BYTES) {
        *err = refuse(l, ERR_LIMIT, "model.too_large", STR_NONE);
    }
    struct str kept = model_text(l->r->model, buf_str(&l->text), &bad);
    if (*err == OK && (bad || buf_err(&l->text) == ERR_MEMORY)) *err = ERR_MEMORY;
    return kept;
}

static enum err texts_read(struct learner *l, struct str **out, uint32_t *out_count) {
    struct json_text *text = &l->r->text;
    struct arena *arena = l->r->model->arena;
    uint32_t room = 0;
    enum err err = OK;
    *out_count = 0;
    for (json_text_open(text, '['); err == OK && json_text_more(text);) {
        if (*out_count == MODEL_FEATURES_MAX) {
            return refuse(l, ERR_LIMIT, "train.too_wide", STR("65536"));
        }
        if (*out_count == room) {
            uint32_t wider = room ? 2 * room : 64;
            struct str *moved = ARENA_ARRAY(arena, struct str, wider);
            if (!moved) return ERR_MEMORY;
            if (room) memcpy(moved, *out, room * sizeof(*moved));
            *out = moved;
            room = wider;
        }
        (*out)[(*out_count)++] = text_keep(l, &err);
    }
    return err == OK && text->bad ? xgboost_text_fault(l->r) : err;
}

// {"name": "value", …}: XGBoost's parameters, numbers as texts.
static bool parameter(const struct str text, uint32_t most, uint32_t *out) {
    uint64_t value;
    if (!str_to_u64(text, &value) || value > most) return false;
    *out = (uint32_t)value;
    return true;
}

// "5E-1", "[5E-1]" or "[1E-1,2E-1,7E-1]": at least one number, at most `room`. 0: it is none.
static uint32_t numbers_read(struct str text, double *out, uint32_t room) {
    text = str_trim(text);
    if (text.size >= 2 && text.data[0] == '[' && text.data[text.size - 1] == ']') {
        text = (struct str){text.data + 1, text.size - 2};
    }
    uint32_t count = 0;
    struct json_text numbers = json_text_of(text);
    while (count < room && !json_text_end(&numbers)) {
        if (count > 0 && json_text_peek(&numbers) == ',') numbers.at++;
        double value = json_text_number(&numbers);
        if (numbers.bad || !isfinite((float)value)) break;
        out[count++] = value;
    }
    return json_text_end(&numbers) ? count : 0;
}

// A list since XGBoost 3.1.
static enum err base_read(struct learner *l, struct str text) {
    l->base_count = numbers_read(text, l->base_score, TABULAR_CLASSES_MAX);
    if (l->base_count > 0) return OK;
    return refuse(l, ERR_CORRUPT, "model.xgboost_base", STR("base_score"));
}

static enum err model_param_read(struct learner *l) {
    struct json_text *text = &l->r->text;
    enum err err = OK;
    for (json_text_open(text, '{'); err == OK && json_text_more(text);) {
        struct str name = json_text_name(text);
        if (json_text_peek(text) != '"') {
            json_text_skip(text);
            continue;
        }
        struct str value = json_text_raw(text);
        if (text->bad) return xgboost_text_fault(l->r);
        uint32_t targets = 1;
        bool fine = true;
        if (str_is(name, "base_score")) err = base_read(l, value);
        if (str_is(name, "num_class")) fine = parameter(value, 1 << 20, &l->class_count);
        if (str_is(name, "num_target")) fine = parameter(value, 1 << 20, &targets);
        if (str_is(name, "num_feature")) {
            fine = parameter(value, MODEL_FEATURES_MAX, &l->feature_count);
            l->has_features = true;
        }
        if (!fine) return refuse(l, ERR_CORRUPT, "model.xgboost_param", name);
        if (targets > 1) return refuse(l, ERR_INPUT, "model.xgboost_outputs", name);
    }
    return err;
}

static enum err name_read(struct learner *l, struct str *out) {
    enum err err = OK;
    *out = text_keep(l, &err);
    return err;
}

// {"quantile_alpha":"[9E-1]"}: one of them, as there is one output.
static enum err quantile_read(struct learner *l) {
    struct json_text *text = &l->r->text;
    for (json_text_open(text, '{'); json_text_more(text);) {
        bool alpha = str_is(json_text_name(text), "quantile_alpha");
        if (!alpha || json_text_peek(text) != '"') {
            json_text_skip(text);
            continue;
        }
        double value = 0;
        uint32_t count = numbers_read(json_text_raw(text), &value, 1);
        if (count != 1 || !(value > 0 && value < 1)) {
            return refuse(l, ERR_INPUT, "model.xgboost_param", STR("quantile_alpha"));
        }
        l->quantile = value;
    }
    return OK;
}

static enum err objective_read(struct learner *l) {
    struct json_text *text = &l->r->text;
    enum err err = OK;
    for (json_text_open(text, '{'); err == OK && json_text_more(text);) {
        struct str name = json_text_name(text);
        if (str_is(name, "name"))
            err = name_read(l, &l->objective_name);
        else if (str_is(name, "quantile_loss_param"))
            err = quantile_read(l);
        else
            json_text_skip(text);
    }
    return err;
}

static enum err gradient_model_read(struct learner *l) {
    struct json_text *text = &l->r->text;
    enum err err = OK;
    for (json_text_open(text, '{'); err == OK && json_text_more(text);) {
        struct str name = json_text_name(text);
        if (str_is(name, "trees")) {
            if (l->has_trees) return refuse(l, ERR_CORRUPT, "model.xgboost_twice", name);
            err = xgboost_trees_read(l->r);
            l->has_trees = true;
        } else if (str_is(name, "tree_info")) {
            err = xgboost_list_read(l->r, &l->r->tree_info);
        } else if (str_is(name, "weights")) {
            err = xgboost_list_read(l->r, &l->weights);
        } else if (str_is(name, "cats") && json_text_peek(text) == '{') {
            err = xgboost_names_read(l->r);
        } else {
            json_text_skip(text);
        }
    }
    return err;
}

static enum err booster_read(struct learner *l) {
    struct json_text *text = &l->r->text;
    enum err err = OK;
    for (json_text_open(text, '{'); err == OK && json_text_more(text);) {
        struct str name = json_text_name(text);
        if (str_is(name, "name"))
            err = name_read(l, &l->booster);
        else if (str_is(name, "model"))
            err = gradient_model_read(l);
        else
            json_text_skip(text);
    }
    return err;
}

static enum err attributes_read(struct learner *l) {
    struct json_text *text = &l->r->text;
    for (json_text_open(text, '{'); json_text_more(text);) {
        struct str name = json_text_name(text);
        if (!str_is(name, "courtyard") || l->attribute || json_text_peek(text) != '"') {
            json_text_skip(text);
            continue;
        }
        buf_clear(&l->text);
        json_text_string(text, &l->text);
        if (buf_err(&l->text) == ERR_MEMORY) return ERR_MEMORY;
        // One that is too large or is none is no reason to refuse the trees.
        if (!text->bad && json_parse(buf_str(&l->text), &l->attribute, NULL) != OK) {
            l->attribute = NULL;
        }
    }
    return OK;
}

static enum err learner_read(struct learner *l) {
    struct json_text *text = &l->r->text;
    enum err err = OK;
    for (json_text_open(text, '{'); err == OK && json_text_more(text);) {
        struct str name = json_text_name(text);
        if (str_is(name, "attributes"))
            err = attributes_read(l);
        else if (str_is(name, "feature_names"))
            err = texts_read(l, &l->names, &l->name_count);
        else if (str_is(name, "feature_types"))
            err = texts_read(l, &l->types, &l->type_count);
        else if (str_is(name, "gradient_booster"))
            err = booster_read(l);
        else if (str_is(name, "learner_model_param"))
            err = model_param_read(l);
        else if (str_is(name, "objective"))
            err = objective_read(l);
        else
            json_text_skip(text);
    }
    return err;
}

static enum err document_read(struct learner *l) {
    struct json_text *text = &l->r->text;
    bool found = false;
    enum err err = OK;
    for (json_text_open(text, '{'); err == OK && json_text_more(text);) {
        if (str_is(json_text_name(text), "learner") && !found) {
            err = learner_read(l);
            found = true;
        } else {
            json_text_skip(text);
        }
    }
    if (err != OK) return err;
    if (!json_text_end(text)) return xgboost_text_fault(l->r);
    return found ? OK : refuse(l, ERR_CORRUPT, "model.xgboost_missing", STR("learner"));
}

// ---- task and outputs ------------------------------

static enum err task_settle(struct learner *l) {
    struct tabular_model *model = l->r->model;
    for (size_t i = 0; i < sizeof objectives / sizeof objectives[0]; i++) {
        if (str_is(l->objective_name, objectives[i].name)) l->objective = &objectives[i];
    }
    if (!l->objective_name.size) {
        return refuse(l, ERR_CORRUPT, "model.xgboost_missing", STR("objective"));
    }
    if (!l->objective) return refuse(l, ERR_INPUT, "model.xgboost_objective", l->objective_name);
    if (!l->has_features) {
        return refuse(l, ERR_CORRUPT, "model.xgboost_missing", STR("num_feature"));
    }
    if (l->base_count == 0) {
        return refuse(l, ERR_CORRUPT, "model.xgboost_missing", STR("base_score"));
    }
    bool classes = l->objective->task == TASK_CLASSES;
    bool right = classes ? l->class_count >= 2 : l->class_count <= 1;
    if (!right) return refuse(l, ERR_CORRUPT, "model.xgboost_param", STR("num_class"));
    if (l->class_count > TABULAR_CLASSES_MAX) {
        return refuse(l, ERR_LIMIT, "train.too_many_classes", STR("num_class"));
    }
    model->task = l->objective->task;
    bool quantile = str_is(l->objective_name, "reg:quantileerror");
    if (model->task == TASK_REGRESSION && l->objective->link == BASE_LOG) {
        model->loss = LOSS_POISSON;
    }
    if (quantile) model->loss = LOSS_QUANTILE;
    model->quantile = quantile && l->quantile > 0 ? l->quantile : 0.5;
    model->outputs = classes ? l->class_count : 1;
    model->class_count = classes ? l->class_count : model->task == TASK_BINARY ? 2 : 0;
    if (l->base_count != 1 && l->base_count != model->outputs) {
        return refuse(l, ERR_CORRUPT, "model.xgboost_base", STR("base_score"));
    }
    return OK;
}

static double base_of(const struct learner *l, uint32_t k, enum err *err) {
    float score = (float)l->base_score[l->base_count > 1 ? k : 0];
    enum base_link link = l->objective->link;
    float margin = link == BASE_LOGIT ? xgboost_logit(score)
                   : link == BASE_LOG ? logf(score)
                                      : score;
    if (!isfinite(margin)) *err = refuse(l, ERR_CORRUPT, "model.xgboost_base", STR("base_score"));
    return (double)margin;
}

// ---- the order of the trees ------------------------------

// Tree t must belong to output t % K: where it does not (several trees at a time, say), the trees
// are taken up anew output by output, with a leaf of 0 where one has fewer.
static enum err trees_order(struct learner *l) {
    struct forest *from = l->r->forest;
    uint32_t outputs = from->outputs, count[TABULAR_CLASSES_MAX] = {0}, most = 0;
    const struct xgboost_list *info = &l->r->tree_info;
    if (info->count != from->tree_count) {
        return refuse(l, ERR_CORRUPT, "model.xgboost_count", STR("tree_info"));
    }
    bool ordered = from->tree_count % outputs == 0;
    for (uint32_t t = 0; t < info->count; t++) {
        double k = info->items[t];
        if (!(k >= 0 && k < outputs) || k != floor(k)) {
            return fault_at(l->r->fault, ERR_CORRUPT, "model.xgboost_index", t + 1, 1,
                            STR("tree_info"));
        }
        ordered &= (uint32_t)k == t % outputs;
        if (++count[(uint32_t)k] > most) most = count[(uint32_t)k];
    }
    if (ordered) return OK;
    struct forest to = {.outputs = outputs};
    uint32_t *place = memory_take((size_t)most * outputs * sizeof(*place) + 1);
    enum err err = place ? OK : ERR_MEMORY;
    memset(count, 0, sizeof count);
    for (uint32_t t = 0; place && t < info->count; t++) {
        uint32_t k = (uint32_t)info->items[t];
        place[(size_t)count[k]++ * outputs + k] = t + 1;
    }
    for (uint32_t t = 0; err == OK && t < most * outputs; t++) {
        uint32_t source = place[t];
        uint32_t nodes = source ? from->starts[source] - from->starts[source - 1] : 1;
        err = forest_reserve(&to, nodes + 1);
        if (err != OK) break;
        if (source)
            memcpy(to.nodes + to.node_count, forest_tree(from, source - 1),
                   nodes * sizeof(struct node));
        else
            to.nodes[to.node_count] = (struct node){0};
        to.node_count += nodes;
        to.starts[++to.tree_count] = to.node_count;
    }
    memory_give(place);
    to.set_count = from->set_count;
    to.base = from->base;
    from->base = NULL;
    forest_close(from);
    *from = to;
    return err == ERR_LIMIT ? refuse(l, err, "model.too_large", STR_NONE) : err;
}

// Two classes are one here: the second's score over the first's, which the first's trees lower.
static void two_as_one(struct learner *l) {
    struct tabular_model *model = l->r->model;
    struct forest *forest = &model->forest;
    if (model->task != TASK_CLASSES || model->class_count != 2) return;
    for (uint32_t t = 0; t < forest->tree_count; t += 2) {
        for (uint32_t n = forest->starts[t]; n < forest->starts[t + 1]; n++) {
            forest->nodes[n].value = -forest->nodes[n].value;
        }
    }
    forest->base[0] = forest->base[1] - forest->base[0];
    forest->outputs = model->outputs = 1;
    model->task = TASK_BINARY;
}

// ---- features ------------------------------

static struct str own_text(struct learner *l, const struct json *node, enum err *err) {
    bool bad = false;
    struct str text = json_text(node);
    text = model_text(l->r->model, text, &bad);
    if (bad) *err = ERR_MEMORY;
    return text;
}

static enum err name_default(struct learner *l, uint32_t f, struct str *out) {
    char name[16];
    bool bad = false;
    int size = snprintf(name, sizeof name, "f%u", f);
    *out = model_text(l->r->model, (struct str){name, (size_t)size}, &bad);
    return bad ? ERR_MEMORY : OK;
}

static enum err features_make(struct learner *l) {
    struct tabular_model *model = l->r->model;
    if ((l->name_count && l->name_count != l->feature_count) ||
        (l->type_count && l->type_count != l->feature_count)) {
        return refuse(l, ERR_CORRUPT, "model.xgboost_count",
                      l->name_count != l->feature_count && l->name_count ? STR("feature_names")
                                                                         : STR("feature_types"));
    }
    if (l->feature_count == 0) return refuse(l, ERR_INPUT, "train.no_columns", STR_NONE);
    model->feature_count = l->feature_count;
    model->features = ARENA_ARRAY(model->arena, struct feature, l->feature_count);
    model->typical = ARENA_ARRAY(model->arena, float, l->feature_count);
    if (!model->features || !model->typical) return ERR_MEMORY;
    for (uint32_t f = 0; f < l->feature_count; f++) {
        struct feature *feature = &model->features[f];
        struct str type = l->type_count ? l->types[f] : STR_NONE;
        bool category = str_is(type, "c") || str_is(type, "categorical");
        feature->kind = category ? FEATURE_CATEGORY : FEATURE_NUMBER;
        feature->type = category              ? STR("text")
                        : str_is(type, "int") ? STR("integer")
                        : str_is(type, "i")   ? STR("boolean")
                                              : STR("number");
        model->typical[f] = NAN;
        enum err err = OK;
        if (l->name_count && l->names[f].size)
            feature->name = l->names[f];
        else
            err = name_default(l, f, &feature->name);
        if (err != OK) return err;
    }
    return OK;
}

// ---- categories ------------------------------

static int text_order(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

// "0", "1", … as far as codes go, in the order of bytes, as a feature's categories must stand.
static enum err codes_as_names(struct learner *l, struct feature *feature, uint32_t count) {
    feature->categories = ARENA_ARRAY(l->r->model->arena, struct str, count);
    if (!feature->categories) return ERR_MEMORY;
    for (uint32_t c = 0; c < count; c++) {
        char name[16];
        bool bad = false;
        int size = snprintf(name, sizeof name, "%u", c);
        feature->categories[c] = model_text(l->r->model, (struct str){name, (size_t)size}, &bad);
        if (bad) return ERR_MEMORY;
    }
    qsort(feature->categories, count, sizeof(struct str), text_order);
    feature->category_count = count;
    return OK;
}

static enum err categories_count(struct learner *l, uint32_t *most) {
    const struct xgboost_reading *r = l->r;
    struct tabular_model *model = r->model;
    for (uint32_t n = 0; n < r->forest->node_count; n++) {
        const struct node *node = &r->forest->nodes[n];
        if (node->left == 0 || node->set == 0) continue;
        if (!l->type_count) {
            model->features[node->feature].kind = FEATURE_CATEGORY;
            model->features[node->feature].type = STR("text");
        }
        if (model->features[node->feature].kind != FEATURE_CATEGORY) {
            return refuse(l, ERR_CORRUPT, "model.xgboost_kind",
                          model->features[node->feature].name);
        }
        const struct xgboost_set *set = &r->sets[node->set - 1];
        for (uint32_t i = 0; i < set->size; i++) {
            uint32_t code = (uint32_t)r->codes.items[set->first + i];
            if (code >= most[node->feature]) most[node->feature] = code + 1;
        }
    }
    return OK;
}

static bool name_fits(const struct json *node) {
    return json_is_string(node) && json_text(node).size <= MODEL_NAME_BYTES;
}

// The names that our own writer left: as many features with the same names, categories in order and
// no fewer than the trees know.
static bool attribute_fits(const struct learner *l, const uint32_t *most) {
    const struct tabular_model *model = l->r->model;
    const struct json *item = json_first(json_member(l->attribute, "features"));
    const struct json *class_name = json_first(json_member(l->attribute, "classes"));
    if (json_count(json_member(l->attribute, "features")) != model->feature_count) return false;
    if (json_count(json_member(l->attribute, "classes")) != model->class_count) return false;
    if (!name_fits(json_member(l->attribute, "target"))) return false;
    for (; class_name; class_name = json_next(class_name)) {
        if (!name_fits(class_name)) return false;
    }
    for (uint32_t f = 0; f < model->feature_count; f++, item = json_next(item)) {
        const struct json *names = json_member(item, "categories");
        size_t count = json_count(names);
        bool category = model->features[f].kind == FEATURE_CATEGORY;
        if (!name_fits(json_member(item, "name")) || !name_fits(json_member(item, "type"))) {
            return false;
        }
        if (count < most[f] || count > TABULAR_CATEGORIES_MAX || (count > 0 && !category)) {
            return false;
        }
        const struct json *before = NULL, *name = json_first(names);
        for (; name; before = name, name = json_next(name)) {
            if (!name_fits(name)) return false;
            if (before && str_compare(json_text(before), json_text(name)) >= 0) return false;
        }
    }
    return true;
}

static enum err own_names_take(struct learner *l) {
    struct tabular_model *model = l->r->model;
    enum err err = OK;
    const struct json *item = json_first(json_member(l->attribute, "features"));
    for (uint32_t f = 0; err == OK && f < model->feature_count; f++, item = json_next(item)) {
        struct feature *feature = &model->features[f];
        const struct json *names = json_member(item, "categories"), *name = json_first(names);
        feature->name = own_text(l, json_member(item, "name"), &err);
        feature->type = own_text(l, json_member(item, "type"), &err);
        if (feature->kind != FEATURE_CATEGORY) continue;
        uint32_t count = (uint32_t)json_count(names);
        feature->categories = ARENA_ARRAY(model->arena, struct str, count + 1);
        if (!feature->categories) return ERR_MEMORY;
        for (; err == OK && name; name = json_next(name)) {
            feature->categories[feature->category_count++] = own_text(l, name, &err);
        }
    }
    return err;
}

static enum err categories_name(struct learner *l, const uint32_t *most) {
    struct tabular_model *model = l->r->model;
    l->r->codes_in_order = l->attribute && attribute_fits(l, most);
    if (l->r->codes_in_order) return own_names_take(l);
    json_close(l->attribute);
    l->attribute = NULL;
    for (uint32_t f = 0; f < model->feature_count; f++) {
        bool named = false;
        if (model->features[f].kind != FEATURE_CATEGORY) continue;
        enum err err = xgboost_names_take(l->r, f, most[f], &named);
        if (err == OK && !named) err = codes_as_names(l, &model->features[f], codes_known(most[f]));
        if (err != OK) return err;
    }
    return OK;
}

// ---- together ------------------------------

// Numbers of our own attribute, rising; *out_count 0 where they are none.
static double *rising_take(struct learner *l, const struct json *list, uint32_t most,
                           uint32_t *out_count, enum err *err) {
    size_t count = json_count(list), at = 0;
    *out_count = 0;
    if (count == 0 || count > most) return NULL;
    double *items = ARENA_ARRAY(l->r->model->arena, double, count), before = -HUGE_VAL;
    if (!items) *err = ERR_MEMORY;
    for (const struct json *item = json_first(list); items && item; item = json_next(item)) {
        double value = json_number(item, NAN);
        if (!(value >= before) || !isfinite(value)) return NULL;
        items[at++] = before = value;
    }
    if (items) *out_count = (uint32_t)count;
    return items;
}

// The baseline hazard that our own writer left: XGBoost keeps none, so a model of its own tells the
// risk and no probability.
static enum err hazard_take(struct learner *l) {
    struct tabular_model *model = l->r->model;
    const struct json *told = json_member(l->attribute, "survival");
    uint32_t times = 0, steps = 0, hazards = 0;
    enum err err = OK;
    if (model->task != TASK_SURVIVAL || !told) return OK;
    double *at = rising_take(l, json_member(told, "times"), TABULAR_TIMES_MAX, &times, &err);
    double *step = rising_take(l, json_member(told, "steps"), MODEL_HAZARD_MAX, &steps, &err);
    double *hazard = rising_take(l, json_member(told, "hazard"), MODEL_HAZARD_MAX, &hazards, &err);
    bool whole = times > 0 && steps > 0 && steps == hazards && hazard[0] >= 0;
    for (uint32_t i = 1; whole && i < steps; i++) whole = step[i] > step[i - 1];
    if (err != OK || !whole) return err;
    model->times = at;
    model->time_count = times;
    model->hazard_times = step;
    model->hazard = hazard;
    model->hazard_count = steps;
    return OK;
}

static enum err classes_name(struct learner *l) {
    struct tabular_model *model = l->r->model;
    enum err err = OK;
    bool bad = false;
    model->classes = ARENA_ARRAY(model->arena, struct str, model->class_count + 1);
    if (!model->classes) return ERR_MEMORY;
    const struct json *own = json_first(json_member(l->attribute, "classes"));
    for (uint32_t k = 0; k < model->class_count; k++, own = json_next(own)) {
        char name[16];
        int size = snprintf(name, sizeof name, "%u", k);
        if (own)
            model->classes[k] = own_text(l, own, &err);
        else
            model->classes[k] = model_text(model, (struct str){name, (size_t)size}, &bad);
    }
    if (l->attribute)
        model->target = own_text(l, json_member(l->attribute, "target"), &err);
    else
        model->target = STR("label");
    if (err == OK && l->attribute) {
        model->preparation = own_text(l, json_member(l->attribute, "preparation"), &err);
    }
    return bad ? ERR_MEMORY : err;
}

static enum err forest_settle(struct learner *l) {
    struct tabular_model *model = l->r->model;
    struct forest *forest = &model->forest;
    if (!l->has_trees) return refuse(l, ERR_CORRUPT, "model.xgboost_missing", STR("trees"));
    for (uint32_t n = 0; n < forest->node_count; n++) {
        const struct node *node = &forest->nodes[n];
        if (node->left && node->feature >= l->feature_count) {
            return refuse(l, ERR_CORRUPT, "model.xgboost_feature", STR("num_feature"));
        }
    }
    enum err err = OK;
    forest->outputs = model->outputs;
    forest->base = memory_take(model->outputs * sizeof(double));
    if (!forest->base) return ERR_MEMORY;
    for (uint32_t k = 0; k < model->outputs && err == OK; k++)
        forest->base[k] = base_of(l, k, &err);
    if (err == OK) err = trees_order(l);
    uint32_t *most = err == OK ? memory_take(l->feature_count * sizeof(*most)) : NULL;
    if (err == OK && !most) err = ERR_MEMORY;
    if (err == OK) err = categories_count(l, most);
    if (err == OK) err = categories_name(l, most);
    memory_give(most);
    if (err == OK) err = xgboost_bins_settle(l->r);
    if (err == OK) two_as_one(l);
    model->learner = LEARNER_BOOST;
    return err == OK ? forest_fast_make(forest, model->features, model->feature_count, &model->fast)
                     : err;
}

// gblinear: one weight a feature and output, the biases last; what is missing adds nothing. Of
// several base scores XGBoost itself (3.3) adds the first to every output.
static enum err linear_settle(struct learner *l) {
    struct tabular_model *model = l->r->model;
    uint32_t features = model->feature_count, outputs = model->outputs;
    model->learner = LEARNER_LINEAR;
    if (l->weights.count != (uint64_t)(features + 1) * outputs) {
        return refuse(l, ERR_CORRUPT, "model.xgboost_count", STR("weights"));
    }
    for (uint32_t i = 0; i < l->weights.count; i++) {
        if (isfinite(l->weights.items[i])) continue;
        return fault_at(l->r->fault, ERR_CORRUPT, "model.xgboost_number", 1, i + 1, STR("weights"));
    }
    for (uint32_t f = 0; f < features; f++) {
        if (model->features[f].kind != FEATURE_CATEGORY) continue;
        return refuse(l, ERR_CORRUPT, "model.xgboost_kind", model->features[f].name);
    }
    enum err err = linear_take(model->features, features, outputs, &model->linear);
    if (err == ERR_LIMIT) return refuse(l, err, "model.too_large", STR_NONE);
    if (err != OK) return err;
    struct linear *linear = &model->linear;
    for (uint32_t k = 0; err == OK && k < outputs; k++) {
        for (uint32_t f = 0; f < features; f++) {
            linear->terms[f].scale = 1;
            linear->weights[(size_t)k * linear->width + linear->terms[f].first] =
                l->weights.items[(size_t)f * outputs + k];
        }
        linear->intercept[k] =
            base_of(l, 0, &err) + l->weights.items[(size_t)features * outputs + k];
        linear->base[k] = linear->intercept[k];
    }
    return err;
}

static enum err model_settle(struct learner *l) {
    bool trees = str_is(l->booster, "gbtree"), linear = str_is(l->booster, "gblinear");
    if (!l->booster.size) {
        return refuse(l, ERR_CORRUPT, "model.xgboost_missing", STR("gradient_booster"));
    }
    if (!trees && !linear) return refuse(l, ERR_INPUT, "model.xgboost_booster", l->booster);
    enum err err = task_settle(l);
    if (err == OK) err = features_make(l);
    if (err != OK) return err;
    if (linear && l->objective->task == TASK_CLASSES && l->class_count == 2) {
        return refuse(l, ERR_INPUT, "model.xgboost_outputs", STR("num_class"));
    }
    err = trees ? forest_settle(l) : linear_settle(l);
    if (err == OK) err = hazard_take(l);
    return err == OK ? classes_name(l) : err;
}

enum err tabular_xgboost_read(struct str text, struct tabular_model **out, struct fault *fault) {
    struct xgboost_reading r = {.text = json_text_of(text), .fault = fault};
    struct learner l = {.r = &r};
    enum err err = model_open(&r.model);
    if (err != OK) return err;
    r.forest = &r.model->forest;
    buf_open(&l.text, xgboost_names_bytes);
    err = document_read(&l);
    if (err == OK && r.text.bad) err = xgboost_text_fault(&r);
    if (err == OK) err = model_settle(&l);
    json_close(l.attribute);
    buf_close(&l.text);
    memory_give(l.weights.items);
    for (size_t i = 0; i < sizeof r.lists / sizeof r.lists[0]; i++) memory_give(r.lists[i].items);
    memory_give(r.tree_info.items);
    memory_give(r.codes.items);
    memory_give(r.sets);
    memory_give(r.order);
    if (err == OK)
        *out = r.model;
    else
        tabular_close(r.model);
    return err;
}
