// l-diversity and t-closeness of one class, from the counts of its sensitive values. Distances are
// earth mover's: between unordered values half the sum of differences, between ordered ones the sum
// of the differences of the running sums over (values - 1).
// Source: Machanavajjhala et al. 2007 (l-diversity); Li, Li, Venkatasubramanian 2007 (t-closeness).
#include <stdlib.h>
#include <string.h>

#include "data/anonymity/anonymity_private.h"

// Artanh series about 1: f between 0.7 and 1.42, z below 0.172, so 10 terms reach 1e-16.
double log2_of(double x) {
    int exponent = 0;
    while (x >= 65536.0) x /= 65536.0, exponent += 16;
    while (x > 1.4142135623730951) x /= 2, exponent++;
    while (x < 0.7071067811865476) x *= 2, exponent--;
    double z = (x - 1) / (x + 1), square = z * z, sum = 0;
    for (int term = 21; term >= 1; term -= 2) sum = sum * square + 1.0 / term;
    return exponent + sum * z * 2.8853900817779268; // 2 / ln 2
}

void log_table_fill(struct log_table *table) {
    table->x_log_x[0] = 0;
    for (uint32_t x = 1; x < LOG_TABLE; x++) table->x_log_x[x] = x * log2_of(x);
}

// ---- guards -------------------------------------------------------------------------------------

// Values that no row has are left out of the order: they lie between no others.
static enum err column_open(const struct sensitive *sensitive, const struct recoding *recoding,
                            uint64_t rows, struct guard_column *out) {
    uint32_t values = sensitive->value_count;
    double *share = memory_take(((size_t)values * 3 + 2) * sizeof *share);
    uint32_t *rank = memory_take(((size_t)values + 1) * sizeof *rank);
    *out = (struct guard_column){
        .value_count = values, .ordered = sensitive->ordered, .share = share, .rank = rank};
    if (!share || !rank) return ERR_MEMORY;
    out->up_to = share + values;
    out->sum = out->up_to + values + 1;
    uint64_t left = 0;
    for (uint64_t row = 0; row < rows; row++) {
        if (recoding && recoding->levels[row * recoding->quasi_count] == LEVEL_SUPPRESSED) continue;
        share[sensitive->codes[row]] += 1;
        left++;
    }
    for (uint32_t value = 0; value < values; value++) {
        rank[value] = out->present;
        if (share[value] == 0) continue;
        share[value] /= (double)left;
        uint32_t at = out->present++;
        out->up_to[at + 1] = out->up_to[at] + share[value];
        out->sum[at + 1] = out->sum[at] + out->up_to[at + 1];
    }
    return OK;
}

enum err guard_open(const struct coded_table *table, const struct recoding *recoding,
                    const struct anonymity_goal *goal, struct log_table *logs, struct guard *out) {
    *out = (struct guard){.l = goal->l, .l_entropy = goal->l_entropy, .t = goal->t, .logs = logs};
    out->needed = table->sensitive_count > 0 && (goal->l > 1 || goal->t < 1);
    for (uint32_t i = 0; i < table->sensitive_count; i++) {
        out->column_count++;
        enum err err = column_open(&table->sensitive[i], recoding, table->rows, &out->columns[i]);
        if (err != OK) {
            guard_close(out);
            return err;
        }
    }
    return OK;
}

void guard_close(struct guard *guard) {
    for (uint32_t i = 0; i < guard->column_count; i++) {
        memory_give(guard->columns[i].share);
        memory_give(guard->columns[i].rank);
    }
    guard->column_count = 0;
}

enum err class_counts_open(const struct guard *guard, struct class_counts *out) {
    *out = (struct class_counts){0};
    for (uint32_t i = 0; i < guard->column_count; i++) {
        size_t values = guard->columns[i].value_count;
        out->counts[i] = memory_take(values * 2 * sizeof(uint32_t));
        if (!out->counts[i]) {
            class_counts_close(out);
            return ERR_MEMORY;
        }
        out->touched[i] = out->counts[i] + values;
    }
    return OK;
}

void class_counts_close(struct class_counts *counts) {
    for (uint32_t i = 0; i < LIMIT_SENSITIVE; i++) memory_give(counts->counts[i]);
    *counts = (struct class_counts){0};
}

void class_counts_clear(const struct guard *guard, struct class_counts *counts) {
    for (uint32_t i = 0; i < guard->column_count; i++) {
        for (uint32_t j = 0; j < counts->touched_count[i]; j++) {
            counts->counts[i][counts->touched[i][j]] = 0;
        }
        counts->touched_count[i] = 0;
    }
    counts->rows = 0;
}

double guard_entropy(const struct guard *guard, const struct class_counts *counts,
                     uint32_t column) {
    double sum = 0;
    if (counts->rows == 0) return 0;
    for (uint32_t i = 0; i < counts->touched_count[column]; i++) {
        sum += x_log2_x(guard->logs, counts->counts[column][counts->touched[column][i]]);
    }
    return (x_log2_x(guard->logs, counts->rows) - sum) / counts->rows;
}

static double distance_equal(const struct guard_column *column, const struct class_counts *counts,
                             uint32_t index) {
    double sum = 0, met = 0;
    for (uint32_t i = 0; i < counts->touched_count[index]; i++) {
        uint32_t value = counts->touched[index][i];
        double here = (double)counts->counts[index][value] / counts->rows;
        double all = column->share[value];
        sum += here > all ? here - all : all - here;
        met += all;
    }
    return (sum + (1 - met)) / 2;
}

static int by_value(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

// Sum of |level - up_to[i]| over from < i <= to: up_to grows, so it crosses the level once.
static double area(const struct guard_column *column, double level, uint32_t from, uint32_t to) {
    uint32_t low = from, high = to; // up_to[i] <= level for i <= low
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (column->up_to[middle] <= level)
            low = middle;
        else
            high = middle - 1;
    }
    double below = level * (low - from) - (column->sum[low] - column->sum[from]);
    double over = (column->sum[to] - column->sum[low]) - level * (to - low);
    return below + over;
}

static double distance_ordered(const struct guard_column *column, struct class_counts *counts,
                               uint32_t index) {
    uint32_t *touched = counts->touched[index], seen = 0, at = 0;
    if (column->present < 2) return 0;
    qsort(touched, counts->touched_count[index], sizeof *touched, by_value);
    double sum = 0;
    for (uint32_t i = 0; i < counts->touched_count[index]; i++) {
        uint32_t rank = column->rank[touched[i]];
        sum += area(column, (double)seen / counts->rows, at, rank);
        at = rank;
        seen += counts->counts[index][touched[i]];
    }
    sum += area(column, (double)seen / counts->rows, at, column->present);
    return sum / (column->present - 1);
}

double guard_distance(const struct guard *guard, struct class_counts *counts, uint32_t index) {
    const struct guard_column *column = &guard->columns[index];
    if (counts->rows == 0) return 0;
    return column->ordered ? distance_ordered(column, counts, index)
                           : distance_equal(column, counts, index);
}

bool guard_holds(const struct guard *guard, struct class_counts *counts) {
    for (uint32_t i = 0; i < guard->column_count; i++) {
        if (guard->l > 1) {
            if (counts->touched_count[i] < guard->l) return false;
            if (guard->l_entropy &&
                guard_entropy(guard, counts, i) < log2_of(guard->l) - GUARD_GRACE) {
                return false;
            }
        }
        if (guard->t < 1 && guard_distance(guard, counts, i) > guard->t + GUARD_GRACE) return false;
    }
    return true;
}
