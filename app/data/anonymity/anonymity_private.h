// What the files of anonymity/ share: names to numbers, guards of classes, groups of equal rows.
// Depends on anonymity.h.
#pragma once

#include "data/anonymity/anonymity.h"

// Not cryptographic; the same on any machine of the byte order we run on.
uint64_t anonymity_hash(const void *data, size_t size);

// Names to their numbers; the names themselves stand in an array of the caller's.
struct name_map {
    uint32_t *slots; // number + 1, 0: free
    uint64_t mask;
};
enum err name_map_open(struct name_map *map, uint32_t most) MUST_USE;
void name_map_close(struct name_map *map);
// The number of the name; `count` if it is new, and then it is remembered as that.
uint32_t name_map_put(struct name_map *map, const struct str *names, struct str name,
                      uint32_t count);
uint32_t name_map_find(const struct name_map *map, const struct str *names, struct str name);

// ---- logarithms that are the same everywhere ----------------------------------------------------

enum { LOG_TABLE = 4096 };
// x·log2 x of small whole numbers; filled by log_table_fill. Larger ones are computed: only
// IEEE additions, products and quotients, so every machine gets the same bits.
struct log_table {
    double x_log_x[LOG_TABLE];
};
double log2_of(double x); // x > 0
void log_table_fill(struct log_table *table);
static inline double x_log2_x(const struct log_table *table, uint64_t x) {
    return x < LOG_TABLE ? table->x_log_x[x] : (double)x * log2_of((double)x);
}

// ---- guards: whether a class keeps its secrets --------------------------------------------------

// Floating sums decide with this much grace; the checker has its own.
#define GUARD_GRACE 1e-9

struct guard_column {
    uint32_t value_count, present; // values; those that some row has
    bool ordered;
    double *share;  // (value_count): of all rows
    uint32_t *rank; // (value_count): its number among those present
    double *up_to;  // (present + 1): of all rows with a smaller value
    double *sum;    // (present + 1): sums of up_to
};
struct guard {
    bool needed; // l or t is asked for
    uint32_t l, column_count;
    bool l_entropy;
    double t;
    struct guard_column columns[LIMIT_SENSITIVE];
    struct log_table *logs;
};
// `recoding` not NULL: the whole are the rows that it left.
enum err guard_open(const struct coded_table *table, const struct recoding *recoding,
                    const struct anonymity_goal *goal, struct log_table *logs,
                    struct guard *out) MUST_USE;
void guard_close(struct guard *guard);

// The sensitive values of one class being counted; all zero between classes.
struct class_counts {
    uint32_t rows;
    uint32_t *counts[LIMIT_SENSITIVE];  // (value_count)
    uint32_t *touched[LIMIT_SENSITIVE]; // values seen
    uint32_t touched_count[LIMIT_SENSITIVE];
};
enum err class_counts_open(const struct guard *guard, struct class_counts *out) MUST_USE;
void class_counts_close(struct class_counts *counts);
static inline void class_counts_add(struct class_counts *counts, uint32_t column, uint32_t value,
                                    uint32_t rows) {
    if (counts->counts[column][value] == 0) {
        counts->touched[column][counts->touched_count[column]++] = value;
    }
    counts->counts[column][value] += rows;
}
void class_counts_clear(const struct guard *guard, struct class_counts *counts);
// May reorder `touched`.
bool guard_holds(const struct guard *guard, struct class_counts *counts);
double guard_entropy(const struct guard *guard, const struct class_counts *counts,
                     uint32_t column); // log2 of the effective number of values
double guard_distance(const struct guard *guard, struct class_counts *counts, uint32_t column);

// ---- recoding -----------------------------------------------------------------------------------

enum err recode_local(const struct coded_table *table, const struct anonymity_goal *goal,
                      bool strict, const struct guard *guard, struct pool *pool,
                      struct progress *progress, struct recoding *out) MUST_USE;
enum err recode_optimal(const struct coded_table *table, const struct anonymity_goal *goal,
                        const struct guard *guard, struct progress *progress,
                        struct recoding *out) MUST_USE;

// ---- classes ------------------------------------------------------------------------------------

// Rows that show the same in all quasi-identifiers.
struct classes {
    uint32_t *of_row; // (rows); UINT32_MAX: suppressed
    uint32_t *sizes;  // (count)
    uint32_t count;
    uint64_t rows; // that are not suppressed
};
enum err classes_find(const struct coded_table *table, const struct recoding *recoding,
                      struct classes *out) MUST_USE;
void classes_close(struct classes *classes);
