// What a profile keeps of a column in bounded memory: how often each value stands there, how many
// different ones there are, and how they lie. Each is exact up to a bound and a sketch beyond it;
// no clock, no randomness from outside: the same values in the same order give the same answers.
// Values come as 64-bit hashes (fingerprint_private.h) or as keys whose order is theirs. One thread
// at a time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

// ---- counts by value ----------------------------------------------------------------------------

struct value_entry {
    uint64_t hash;  // never 0 in a used entry
    uint64_t count; // how often
    uint64_t row;   // where it stood first
};
// A hash table of values with their counts, at most `limit` of them. 24 to 48 bytes an entry.
struct values {
    struct value_entry *entries; // (room)
    uint64_t room, used, limit;
};
void values_open(struct values *values, uint64_t limit); // takes no memory yet
void values_close(struct values *values);
// Counts the value; *full: it was not there and there is no room for it.
enum err values_add(struct values *values, uint64_t hash, uint64_t row, bool *full) MUST_USE;
// The `count_most` most frequent entries, most frequent first, then in the order of their rows.
uint32_t values_top(const struct values *values, struct value_entry *out, uint32_t count_most);
// The first `count_most` values in the order of their rows.
uint32_t values_first(const struct values *values, struct value_entry *out, uint32_t count_most);
// Keeps only values whose hash has its lowest `shift` bits zero: a sample of the values, each with
// its whole count.
enum err values_sample(struct values *values, uint32_t shift) MUST_USE;

// ---- how many different ones --------------------------------------------------------------------

enum { DISTINCT_BITS = 14, DISTINCT_REGISTERS = 1 << DISTINCT_BITS };
// HyperLogLog: standard error 1.04 / sqrt(16384) = 0.8 %.
// Source: Flajolet et al. 2007; the estimate by Ertl 2017, "New cardinality estimation algorithms".
struct distinct {
    uint8_t *registers; // (DISTINCT_REGISTERS); NULL: not begun
};
enum err distinct_open(struct distinct *distinct) MUST_USE;
void distinct_close(struct distinct *distinct);
void distinct_add(struct distinct *distinct, uint64_t hash);
double distinct_estimate(const struct distinct *distinct);

// ---- how they lie -------------------------------------------------------------------------------

enum { QUANTILE_LEVELS = 48 };
// All keys up to exact_limit, then a KLL sketch: the rank of any answer is off by less than about
// 1.7 / width of all with high probability (width 4096: 0.05 %).
// Source: Karnin, Lang, Liberty 2016, "Optimal quantile approximation in streams".
struct quantiles {
    uint64_t *keys; // while exact: all of them
    uint64_t count, room, exact_limit;
    bool exact;
    uint32_t width;
    struct quantile_level {
        uint64_t *keys;
        uint32_t count, room;
    } levels[QUANTILE_LEVELS]; // a key of level l stands for 2^l
    uint32_t level_count;
    uint64_t coin;
    // After quantiles_finish:
    uint64_t *sorted; // keys in order
    uint64_t *up_to;  // NULL while exact: the weight of all keys up to and with this one
    uint64_t sorted_count;
};
void quantiles_open(struct quantiles *quantiles, uint64_t exact_limit, uint32_t width);
void quantiles_close(struct quantiles *quantiles);
enum err quantiles_add(struct quantiles *quantiles, uint64_t key) MUST_USE;
// Nothing is added afterwards.
enum err quantiles_finish(struct quantiles *quantiles) MUST_USE;
// The key of rank `rank` (0-based, < count).
uint64_t quantiles_at(const struct quantiles *quantiles, uint64_t rank);
// How many keys are smaller than `key`.
uint64_t quantiles_below(const struct quantiles *quantiles, uint64_t key);

// Sorts `count` keys; scratch has the same size.
void keys_sort(uint64_t *keys, uint64_t *scratch, uint64_t count);
// Keys whose order as whole numbers is that of the values.
uint64_t key_of_integer(int64_t value);
int64_t integer_of_key(uint64_t key);
uint64_t key_of_number(double value);
double number_of_key(uint64_t key);
