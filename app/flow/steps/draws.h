// The tries of a search: which options each of them trains with. A try's options follow from the
// seed and its number alone, so that tries may run anywhere and in any order. Try 0 is what was
// asked for, unchanged; the others fill each range evenly however many they are: a van der Corput
// sequence for each option, its order and its digits scrambled (Owen 1995) by the seed and the
// option's name, so that options vary independently and one more leaves the others as they are.
// Depends on base/ and the options of model/tabular. Strings point into the JSON that was read. Any
// thread.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "base/memory.h"

enum {
    DRAWN_MAX = 16,          // options that one search varies
    DRAW_VALUES_MAX = 50,    // of one that is a list
    SEARCH_TRIES_MAX = 1000, // of one search
};

struct draw_range {
    struct str name;
    bool whole, log;
    double low, high;
    const struct json *values; // a list to choose from instead; NULL: none
    uint32_t value_count;
};
struct draws {
    struct draw_range ranges[DRAWN_MAX]; // by name
    uint32_t count;
    uint64_t seed;
};

// `node`: {"depth":{"low":3,"high":8},"learning_rate":{"low":.01,"high":.3,"scale":"log"},
// "learner":{"values":["boost","linear"]}}; absent or empty: the usual ones of the learner of
// `options`. A range whose option takes whole numbers draws whole numbers. ERR_INPUT
// "search.bad_range" (detail: the option) also where the learner would refuse one of its ends.
enum err draws_read(const struct json *node, const struct json *options, uint64_t seed,
                    struct draws *out, struct fault *fault) MUST_USE;
// The options drawn, as an object; an empty one of try 0.
void draws_write(const struct draws *draws, uint64_t try, struct json_writer *out);
// All options of the try: `options` with those drawn in their places.
void draws_options_write(const struct draws *draws, uint64_t try, const struct json *options,
                         struct json_writer *out);
