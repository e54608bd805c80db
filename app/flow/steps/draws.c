#include "flow/steps/draws.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/number.h"
#include "model/measure/measure.h"
#include "model/tabular/tabular.h"

// What is varied where nothing is said, by learner.
static const struct {
    const char *learner, *name;
    double low, high;
    bool log, whole;
} usual[] = {{"boost", "column_share", 0.4, 1, false, false},
             {"boost", "depth", 3, 8, false, true},
             {"boost", "l2", 0.1, 10, true, false},
             {"boost", "learning_rate", 0.02, 0.3, true, false},
             {"boost", "min_child_weight", 1, 20, true, false},
             {"boost", "row_share", 0.6, 1, false, false},
             {"linear", "alpha", 1e-6, 1, true, false},
             {"linear", "l1_share", 0, 1, false, false}};

static enum err bad(struct fault *fault, struct str name) {
    return fault_set(fault, ERR_INPUT, "search.bad_range", name);
}

// Whether the learner takes this value of the option; `value` is JSON.
static bool takes(struct str name, struct str value) {
    struct tabular_options options;
    struct json *node;
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    json_put_name_str(&out, name);
    json_put_raw(&out, value);
    json_close_object(&out);
    bool right = buf_err(&text) == OK && json_parse(buf_str(&text), &node, NULL) == OK;
    if (right) {
        right = tabular_options_read(node, &options, NULL) == OK;
        json_close(node);
    }
    buf_close(&text);
    return right;
}

static bool takes_number(struct str name, double value) {
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    return takes(name, str_of(text));
}

static bool list_read(struct draw_range *range) {
    struct buf text;
    size_t count = json_count(range->values);
    bool good = json_is_array(range->values) && count > 0 && count <= DRAW_VALUES_MAX;
    buf_open(&text, LIMIT_JSON_BYTES);
    for (const struct json *one = json_first(range->values); one && good; one = json_next(one)) {
        buf_clear(&text);
        json_write(&text, one);
        good = buf_err(&text) == OK && takes(range->name, buf_str(&text));
    }
    buf_close(&text);
    range->value_count = (uint32_t)count;
    return good;
}

static bool range_read(const struct json *node, struct draw_range *out) {
    struct str scale = json_member_text(node, "scale");
    struct draw_range range = {.name = json_name(node),
                               .low = json_member_number(node, "low", NAN),
                               .high = json_member_number(node, "high", NAN),
                               .log = str_is(scale, "log"),
                               .values = json_member(node, "values")};
    *out = range;
    if (str_is(range.name, "seed") || str_is(range.name, "threads")) return false;
    if (range.values) return list_read(out);
    bool ordered = range.low < range.high && isfinite(range.low) && isfinite(range.high);
    if (!ordered || (range.log && range.low <= 0)) return false;
    if (scale.size && !range.log && !str_is(scale, "linear")) return false;
    if (!takes_number(range.name, range.low) || !takes_number(range.name, range.high)) return false;
    out->whole = !takes_number(range.name, floor(range.low) + 0.5) &&
                 range.low == floor(range.low) && range.high == floor(range.high);
    return true;
}

static int range_order(const void *a, const void *b) {
    const struct draw_range *left = a, *right = b;
    return str_compare(left->name, right->name);
}

static void usual_take(struct draws *draws, const struct json *options) {
    struct str learner = json_member_text(options, "learner");
    if (!learner.size) learner = STR("boost");
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (!str_is(learner, usual[i].learner)) continue;
        draws->ranges[draws->count++] = (struct draw_range){.name = str_of(usual[i].name),
                                                            .low = usual[i].low,
                                                            .high = usual[i].high,
                                                            .log = usual[i].log,
                                                            .whole = usual[i].whole};
    }
}

enum err draws_read(const struct json *node, const struct json *options, uint64_t seed,
                    struct draws *out, struct fault *fault) {
    *out = (struct draws){.seed = seed};
    bool given = node && !json_is_null(node);
    if (given && !json_is_object(node)) return bad(fault, STR("ranges"));
    for (const struct json *one = json_first(node); given && one; one = json_next(one)) {
        if (out->count == DRAWN_MAX) return bad(fault, STR("ranges"));
        if (!range_read(one, &out->ranges[out->count++])) return bad(fault, json_name(one));
    }
    if (out->count == 0) usual_take(out, options);
    if (out->count == 0) return bad(fault, STR("ranges")); // this learner has no usual ones
    qsort(out->ranges, out->count, sizeof out->ranges[0], range_order);
    return OK;
}

// ---- drawing -----------------------------------------------------------------------------------
// Each bit is flipped or not, by a hash of those above it: numbers that agree in their first bits
// still do afterwards.
static uint32_t scramble(uint32_t value, uint64_t seed) {
    uint32_t out = 0;
    for (int bit = 31; bit >= 0; bit--) {
        uint64_t above = (uint64_t)value >> (bit + 1);
        uint64_t flip = seed_mix(seed ^ seed_mix(above << 8 | (uint64_t)bit)) & 1;
        out |= (uint32_t)((value >> bit & 1) ^ flip) << bit;
    }
    return out;
}

static uint32_t reverse(uint32_t value) {
    uint32_t out = 0;
    for (int bit = 0; bit < 32; bit++) out |= (value >> bit & 1) << (31 - bit);
    return out;
}

// In [0, 1). The first 2^k tries have one in each 2^k-th part of it.
static double share_draw(struct str name, uint64_t seed, uint64_t try) {
    struct draw seeds = {.state = seed};
    for (size_t i = 0; i < name.size; i++) {
        seeds.state = seed_mix(seeds.state ^ ((uint64_t)(unsigned char)name.data[i] + 1));
    }
    uint32_t order = scramble((uint32_t)(try - 1), draw_next(&seeds));
    return (double)scramble(reverse(order), draw_next(&seeds)) * 0x1p-32;
}

// Four digits that count are enough for a person to read and for a learner to tell apart.
static double rounded(const struct draw_range *range, double value) {
    char text[40];
    double number = value;
    snprintf(text, sizeof text, "%.4g", value);
    (void)number_parse(str_of(text), &number);
    return fmin(fmax(number, range->low), range->high);
}

static double value_draw(const struct draw_range *range, double share) {
    double low = range->low, high = range->whole ? range->high + 1 : range->high;
    double value = range->log ? low * pow(high / low, share) : low + (high - low) * share;
    if (!range->whole) return rounded(range, value);
    return fmin(floor(value), range->high);
}

static void range_write(const struct draws *draws, const struct draw_range *range, uint64_t try,
                        struct json_writer *out) {
    double share = share_draw(range->name, draws->seed, try);
    json_put_name_str(out, range->name);
    if (!range->values) {
        json_put_number(out, value_draw(range, share));
        return;
    }
    uint32_t at = (uint32_t)(share * range->value_count);
    const struct json *value = json_first(range->values);
    while (at-- > 0 && json_next(value)) value = json_next(value);
    json_put_node(out, value);
}

void draws_write(const struct draws *draws, uint64_t try, struct json_writer *out) {
    json_open_object(out);
    for (uint32_t i = 0; i < draws->count && try > 0; i++) {
        range_write(draws, &draws->ranges[i], try, out);
    }
    json_close_object(out);
}

static bool is_drawn(const struct draws *draws, struct str name) {
    for (uint32_t i = 0; i < draws->count; i++) {
        if (str_equal(draws->ranges[i].name, name)) return true;
    }
    return false;
}

void draws_options_write(const struct draws *draws, uint64_t try, const struct json *options,
                         struct json_writer *out) {
    json_open_object(out);
    for (const struct json *one = json_first(options); one; one = json_next(one)) {
        if (try > 0 && is_drawn(draws, json_name(one))) continue;
        json_put_member(out, one);
    }
    for (uint32_t i = 0; i < draws->count && try > 0; i++) {
        range_write(draws, &draws->ranges[i], try, out);
    }
    json_close_object(out);
}
