// A preparation's kind "grams": a text as weights of its pieces (pilot/grams.h), for the linear
// learner.
//   buckets  65536 when absent; a power of two from 1024 to 1048576
#include "flow/steps/prepare.h"

enum { BUCKETS = 64 * 1024, BUCKETS_LEAST = 1024 };

static enum err grams_open(const struct json *options, struct arena *arena,
                           struct prepare_step *step, struct fault *fault) {
    uint64_t width = json_member_u64(options, "buckets", BUCKETS);
    bool fits = width >= BUCKETS_LEAST && width <= TABULAR_WIDTH_MAX && !(width & (width - 1));
    if (!fits) return fault_set(fault, ERR_INPUT, "prepare.bad_option", STR("buckets"));
    step->features = ARENA_ARRAY(arena, struct feature, 1);
    if (!step->features) return ERR_MEMORY;
    enum err err = prepare_feature(step, arena, "grams", "text");
    step->features[0].kind = FEATURE_TEXT;
    step->features[0].width = (uint32_t)width;
    return err;
}

static enum err grams_make(const struct prepare_step *step, struct str text, struct arena *scratch,
                           struct gram **out, uint32_t *out_count) {
    return grams_of(text, step->features[0].width, scratch, out, out_count);
}

const struct prepare_kind prepare_grams = {
    .name = "grams", .type = "text", .open = grams_open, .grams = grams_make};
