// Classes of rows that look alike, and what they give away.
#include <stdlib.h>
#include <string.h>

#include "data/anonymity/anonymity_private.h"

// ---- classes ------------------------------------------------------------------------------------

// Where to read what a row shows: nodes after recoding, leaves before.
static uint32_t shown(const struct coded_table *table, const struct recoding *recoding,
                      uint32_t column, uint64_t row) {
    uint32_t code = table->quasi[column].codes[row];
    if (!recoding) return code;
    uint32_t level = recoding->levels[row * table->quasi_count + column];
    return hierarchy_node(table->quasi[column].hierarchy, level, code);
}

static bool row_dropped(const struct coded_table *table, const struct recoding *recoding,
                        uint64_t row) {
    return recoding && recoding->levels[row * table->quasi_count] == LEVEL_SUPPRESSED;
}

static bool alike(const struct coded_table *table, const struct recoding *recoding, uint64_t a,
                  uint64_t b) {
    for (uint32_t i = 0; i < table->quasi_count; i++) {
        if (shown(table, recoding, i, a) != shown(table, recoding, i, b)) return false;
    }
    return true;
}

enum err classes_find(const struct coded_table *table, const struct recoding *recoding,
                      struct classes *out) {
    *out = (struct classes){0};
    uint64_t room = 16;
    while (room < table->rows * 2) room *= 2;
    uint32_t *slots = memory_take(room * sizeof *slots);
    uint32_t *first = memory_take((size_t)table->rows * sizeof *first);
    out->of_row = memory_take((size_t)table->rows * sizeof *out->of_row);
    out->sizes = memory_take(((size_t)table->rows + 1) * sizeof *out->sizes);
    bool taken = slots && first && out->of_row && out->sizes;
    for (uint64_t row = 0; row < table->rows && taken; row++) {
        out->of_row[row] = UINT32_MAX;
        if (row_dropped(table, recoding, row)) continue;
        uint64_t hash = 0;
        for (uint32_t i = 0; i < table->quasi_count; i++) {
            hash = (hash ^ shown(table, recoding, i, row)) * 0x9E3779B97F4A7C15u;
            hash ^= hash >> 29;
        }
        uint64_t at = hash & (room - 1);
        while (slots[at] && !alike(table, recoding, first[slots[at] - 1], row)) {
            at = (at + 1) & (room - 1);
        }
        if (!slots[at]) {
            first[out->count] = (uint32_t)row;
            slots[at] = ++out->count;
        }
        out->of_row[row] = slots[at] - 1;
        out->sizes[slots[at] - 1]++;
        out->rows++;
    }
    memory_give(slots);
    memory_give(first);
    if (taken) return OK;
    classes_close(out);
    return ERR_MEMORY;
}

void classes_close(struct classes *classes) {
    memory_give(classes->of_row);
    memory_give(classes->sizes);
    *classes = (struct classes){0};
}

// ---- sizes --------------------------------------------------------------------------------------

// The bar a class size belongs to: 1 to 20 one by one, then steps of about a half more.
static uint64_t bar_after(uint64_t size) {
    return size < 20 ? size + 1 : size < 30 ? 30 : size / 2 + size;
}

static void fill_sizes(const struct classes *classes, struct risk *risk) {
    uint64_t size = 1;
    for (uint32_t i = 0; i < RISK_SIZES; i++) {
        risk->sizes[i].size = size;
        size = bar_after(size);
    }
    for (uint32_t class = 0; class < classes->count; class ++) {
        uint32_t bar = RISK_SIZES - 1;
        while (bar > 0 && risk->sizes[bar].size > classes->sizes[class]) bar--;
        risk->sizes[bar].rows += classes->sizes[class];
    }
    for (uint32_t i = 0; i < RISK_SIZES; i++) {
        if (risk->sizes[i].rows) risk->sizes[risk->size_count++] = risk->sizes[i];
    }
}

static void measure_sizes(const struct classes *classes, double threshold, struct risk *risk) {
    *risk = (struct risk){.rows = classes->rows, .classes = classes->count, .threshold = threshold};
    uint64_t over = 0;
    for (uint32_t class = 0; class < classes->count; class ++) {
        uint64_t size = classes->sizes[class];
        if (risk->k == 0 || size < risk->k) risk->k = size;
        risk->uniques += size == 1;
        if (1.0 / (double)size > threshold) over += size;
    }
    if (risk->k) risk->highest = 1.0 / (double)risk->k;
    if (risk->rows) {
        risk->mean = (double)risk->classes / (double)risk->rows;
        risk->share_over = (double)over / (double)risk->rows;
    }
    fill_sizes(classes, risk);
}

// ---- secrets ------------------------------------------------------------------------------------

// 2^x by squaring the halves of x: no libm.
static double power_of_two(double x) {
    double whole = (double)(int64_t)x, fraction = (x - whole) * 0.6931471805599453, term = 1;
    double sum = 1;
    for (int i = 1; i < 24; i++) {
        term *= fraction / i;
        sum += term;
    }
    for (int64_t i = 0; i < (int64_t)whole; i++) sum *= 2;
    return sum;
}

static void measure_class(const struct guard *guard, struct class_counts *counts,
                          struct risk *risk) {
    for (uint32_t i = 0; i < guard->column_count; i++) {
        uint64_t distinct = counts->touched_count[i];
        double entropy = power_of_two(guard_entropy(guard, counts, i));
        double distance = guard_distance(guard, counts, i);
        bool first = risk->sensitive[i].distinct == 0;
        if (first || distinct < risk->sensitive[i].distinct) risk->sensitive[i].distinct = distinct;
        if (first || entropy < risk->sensitive[i].entropy) risk->sensitive[i].entropy = entropy;
        if (first || distance > risk->sensitive[i].distance) {
            risk->sensitive[i].distance = distance;
        }
    }
}

static enum err measure_secrets(const struct coded_table *table, const struct classes *classes,
                                const struct guard *guard, struct risk *risk) {
    uint32_t *starts = memory_take(((size_t)classes->count + 2) * sizeof *starts);
    uint32_t *rows = memory_take(((size_t)classes->rows + 1) * sizeof *rows);
    struct class_counts counts = {0};
    enum err err = starts && rows ? class_counts_open(guard, &counts) : ERR_MEMORY;
    if (err == OK) {
        for (uint32_t class = 0; class < classes->count; class ++) {
            starts[class + 1] = starts[class] + classes->sizes[class];
        }
        for (uint64_t row = 0; row < table->rows; row++) {
            uint32_t class = classes->of_row[row];
            if (class != UINT32_MAX) rows[starts[class]++] = (uint32_t)row;
        }
        for (uint32_t class = 0, at = 0; class < classes->count; class ++) {
            counts.rows = classes->sizes[class];
            for (; at < starts[class]; at++) {
                for (uint32_t i = 0; i < guard->column_count; i++) {
                    class_counts_add(&counts, i, table->sensitive[i].codes[rows[at]], 1);
                }
            }
            measure_class(guard, &counts, risk);
            class_counts_clear(guard, &counts);
        }
    }
    memory_give(starts);
    memory_give(rows);
    class_counts_close(&counts);
    return err;
}

enum err risk_measure(const struct coded_table *table, const struct recoding *recoding,
                      double threshold, struct risk *out) {
    struct classes classes;
    struct risk risk;
    enum err err = classes_find(table, recoding, &classes);
    if (err != OK) return err;
    measure_sizes(&classes, threshold, &risk);
    risk.sensitive_count = table->sensitive_count;
    if (table->sensitive_count && table->rows) {
        struct anonymity_goal goal = {.t = 1};
        struct guard guard = {0};
        struct log_table *logs = memory_take(sizeof *logs);
        err = logs ? OK : ERR_MEMORY;
        if (err == OK) {
            log_table_fill(logs);
            err = guard_open(table, recoding, &goal, logs, &guard);
        }
        if (err == OK) err = measure_secrets(table, &classes, &guard, &risk);
        guard_close(&guard);
        memory_give(logs);
    }
    classes_close(&classes);
    if (err == OK) *out = risk;
    return err;
}

// ---- utility ------------------------------------------------------------------------------------

static double entropy_of(const uint64_t *counts, uint32_t count, uint64_t rows) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (counts[i]) sum += (double)counts[i] * log2_of((double)rows / (double)counts[i]);
    }
    return rows ? sum / (double)rows : 0;
}

static enum err measure_column(const struct coded_table *table, const struct recoding *recoding,
                               uint32_t column, struct utility *out) {
    const struct hierarchy *tree = table->quasi[column].hierarchy;
    uint64_t *counts = memory_take((size_t)tree->node_count * sizeof *counts);
    if (!counts) return ERR_MEMORY;
    for (uint64_t row = 0; row < table->rows; row++) counts[table->quasi[column].codes[row]]++;
    out->columns[column].entropy_before = entropy_of(counts, tree->leaf_count, table->rows);
    memset(counts, 0, (size_t)tree->node_count * sizeof *counts);
    uint64_t left = 0;
    double kept = 0;
    for (uint64_t row = 0; row < table->rows; row++) {
        if (row_dropped(table, recoding, row)) continue;
        counts[shown(table, recoding, column, row)]++;
        left++;
    }
    for (uint32_t node = 0; node < tree->node_count; node++) {
        kept += (double)counts[node] * (1 - hierarchy_loss(tree, node));
    }
    out->columns[column].entropy_after = entropy_of(counts, tree->node_count, left);
    out->columns[column].granularity = table->rows ? kept / (double)table->rows : 0;
    out->suppressed = table->rows - left;
    memory_give(counts);
    return OK;
}

enum err utility_measure(const struct coded_table *table, const struct recoding *recoding,
                         struct utility *out) {
    struct utility utility = {.column_count = table->quasi_count};
    for (uint32_t i = 0; i < table->quasi_count; i++) {
        enum err err = measure_column(table, recoding, i, &utility);
        if (err != OK) return err;
        utility.granularity += utility.columns[i].granularity / table->quasi_count;
    }
    *out = utility;
    return OK;
}
