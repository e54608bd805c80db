// Categories of XGBoost's JSON. It knows codes, a set at each split; here every category has a bin,
// of 255 at most. Codes that go the same way at every split share a bin: the splits refine a
// partition of the codes, so a feature may have more codes than bins.

#include <string.h>

#include "model/tabular/xgboost_private.h"

enum { BINS_OF_CODES = 255 };

// One feature's partition of its codes: which class a code is in, and how many each class has.
struct classes {
    uint32_t count;
    uint16_t size[BINS_OF_CODES + 1];
    uint16_t hit[BINS_OF_CODES + 1], fresh[BINS_OF_CODES + 1];
};
struct partition {
    const struct xgboost_reading *r;
    struct classes *classes; // (F), of categories only
    uint32_t *mark;          // (codes): the set that looked at a code last
    uint8_t **class_of;      // (F)(codes)
};

// Codes of one split that go right: those of its set, or, where a category is split like a number,
// those not below the condition.
static uint32_t right_codes(const struct partition *p, const struct node *node, uint32_t n,
                            uint32_t *out) {
    const struct xgboost_reading *r = p->r;
    uint32_t count = 0, known = r->model->features[node->feature].category_count;
    if (node->set == 0) {
        for (uint32_t c = 0; c < known; c++) {
            if (!((float)c < node->threshold)) out[count++] = c;
        }
        return count;
    }
    const struct xgboost_set *set = &r->sets[node->set - 1];
    for (uint32_t i = 0; i < set->size; i++) {
        uint32_t code = (uint32_t)r->codes.items[set->first + i];
        if (p->mark[code] == n + 1) continue; // listed twice
        p->mark[code] = n + 1;
        out[count++] = code;
    }
    return count;
}

static bool refine(const struct partition *p, uint32_t f, const uint32_t *codes, uint32_t count) {
    struct classes *classes = &p->classes[f];
    uint8_t *class_of = p->class_of[f];
    uint32_t before = classes->count;
    memset(classes->hit, 0, before * sizeof(classes->hit[0]));
    for (uint32_t i = 0; i < count; i++) classes->hit[class_of[codes[i]]]++;
    for (uint32_t k = 0; k < before; k++) {
        bool parted = classes->hit[k] > 0 && classes->hit[k] < classes->size[k];
        classes->fresh[k] = (uint16_t)k;
        if (!parted) continue;
        if (classes->count == BINS_OF_CODES) return false;
        classes->fresh[k] = (uint16_t)classes->count;
        classes->size[classes->count++] = classes->hit[k];
        classes->size[k] = (uint16_t)(classes->size[k] - classes->hit[k]);
    }
    for (uint32_t i = 0; i < count; i++) {
        class_of[codes[i]] = (uint8_t)classes->fresh[class_of[codes[i]]];
    }
    return true;
}

static bool splits_category(const struct xgboost_reading *r, const struct node *node) {
    return node->left && r->model->features[node->feature].kind == FEATURE_CATEGORY;
}

static enum err partition_refine(struct partition *p, uint32_t *codes) {
    struct forest *forest = p->r->forest;
    for (uint32_t n = 0; n < forest->node_count; n++) {
        const struct node *node = &forest->nodes[n];
        if (!splits_category(p->r, node)) continue;
        uint32_t count = right_codes(p, node, n, codes);
        if (refine(p, node->feature, codes, count)) continue;
        return fault_set(p->r->fault, ERR_LIMIT, "model.xgboost_bins",
                         p->r->model->features[node->feature].name);
    }
    return OK;
}

// Every split by category gets a set of bins that go left.
static enum err sets_fill(struct partition *p, uint32_t *codes) {
    struct forest *forest = p->r->forest;
    uint32_t sets = 0;
    for (uint32_t n = 0; n < forest->node_count; n++) {
        sets += splits_category(p->r, &forest->nodes[n]);
    }
    uint32_t *words = memory_take(((size_t)sets + 1) * FOREST_SET_WORDS * sizeof(*words));
    if (!words) return ERR_MEMORY;
    memset(p->mark, 0, TABULAR_CATEGORIES_MAX * sizeof(*p->mark));
    uint32_t made = 0;
    for (uint32_t n = 0; n < forest->node_count; n++) {
        struct node *node = &forest->nodes[n];
        if (!splits_category(p->r, node)) continue;
        uint32_t *set = words + (size_t)made * FOREST_SET_WORDS;
        uint32_t count = right_codes(p, node, n, codes);
        memset(set, 0xFF, FOREST_SET_WORDS * sizeof(*set));
        for (uint32_t i = 0; i < count; i++) {
            uint8_t bin = p->class_of[node->feature][codes[i]];
            set[bin / 32] &= ~((uint32_t)1 << bin % 32);
        }
        node->set = ++made;
        node->threshold = 0;
    }
    memory_give(forest->sets);
    forest->sets = words;
    forest->set_count = made;
    forest->set_room = sets + 1;
    return OK;
}

// The code that category i of a feature stands for.
static uint32_t code_of(const struct xgboost_reading *r, uint32_t f, uint32_t i) {
    uint64_t code = i;
    if (r->codes_in_order) return i;
    if (f < r->name_count && r->names[f].codes) return r->names[f].codes[i];
    (void)str_to_u64(r->model->features[f].categories[i], &code);
    return (uint32_t)code;
}

enum err xgboost_bins_settle(struct xgboost_reading *r) {
    struct tabular_model *model = r->model;
    struct forest *forest = r->forest;
    enum err err = forest_categories_take(forest, model->features, model->feature_count);
    if (err != OK) return err;
    uint32_t codes[TABULAR_CATEGORIES_MAX];
    uint8_t held[TABULAR_CATEGORIES_MAX];
    struct partition p = {.r = r, .class_of = forest->category_bin};
    p.classes = memory_take(model->feature_count * sizeof(*p.classes) + 1);
    p.mark = memory_take(TABULAR_CATEGORIES_MAX * sizeof(*p.mark));
    err = p.classes && p.mark ? OK : ERR_MEMORY;
    for (uint32_t f = 0; err == OK && f < model->feature_count; f++) {
        forest->missing_bin[f] = BINS_OF_CODES;
        p.classes[f].count = 1;
        p.classes[f].size[0] = (uint16_t)model->features[f].category_count;
    }
    if (err == OK) err = partition_refine(&p, codes);
    if (err == OK) err = sets_fill(&p, codes);
    for (uint32_t f = 0; err == OK && f < model->feature_count; f++) {
        uint32_t count = model->features[f].category_count;
        if (count == 0) continue;
        memcpy(held, forest->category_bin[f], count); // by code; from here by category
        for (uint32_t i = 0; i < count; i++) forest->category_bin[f][i] = held[code_of(r, f, i)];
    }
    memory_give(p.mark);
    memory_give(p.classes);
    return err;
}
