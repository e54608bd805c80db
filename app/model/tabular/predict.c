// See predict_private.h.

#include "model/tabular/predict_private.h"

#include <float.h>
#include <math.h>
#include <string.h>

// ---- the reference kernels ------------------------------

static void rank_plainly(const float *cuts, const float *values, uint32_t rows, uint8_t *low,
                         uint8_t *high) {
    for (uint32_t r = 0; r < rows; r++) {
        float value = values[r] > FLT_MAX ? FLT_MAX : values[r];
        uint32_t rank = 0;
        for (uint32_t step = FAST_CUTS / 2; step > 0; step /= 2) {
            rank += cuts[FAST_PIVOTS + rank + step - 1] <= value ? step : 0;
        }
        low[r] = (uint8_t)(rank - 128);
        high[r] = value != value ? INT8_MAX : low[r];
    }
}

static void walk_plainly(const struct forest_fast *fast, const struct fast_tree *tree,
                         const uint8_t *codes, uint8_t *room, uint8_t *out) {
    for (uint32_t s = 0; s < tree->count; s++) {
        const struct fast_step *step = &fast->steps[tree->first + s];
        const uint8_t *code = codes + step->code;
        const uint8_t *left = room + step->left, *right = room + step->right;
        uint8_t *to = room + step->out;
        if (step->set) {
            const uint8_t *set = fast->sets + (size_t)(step->set - 1) * FAST_SET_BYTES;
            for (unsigned r = 0; r < FAST_ROWS; r++) {
                to[r] = set[code[r] / 8] >> code[r] % 8 & 1 ? left[r] : right[r];
            }
            continue;
        }
        for (unsigned r = 0; r < FAST_ROWS; r++) {
            to[r] = (int8_t)code[r] < step->cut ? left[r] : right[r];
        }
    }
    memcpy(out, room + (tree->count ? FAST_LEAVES * FAST_ROWS : 0), FAST_ROWS);
}

const struct fast_kernels fast_reference = {rank_plainly, walk_plainly};

const struct fast_kernels *fast_kernels(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return &fast_avx2;
#endif
    return &fast_reference;
}

void fast_room_fill(uint8_t room[static FAST_ROOM]) {
    for (unsigned i = 0; i < FAST_LEAVES; i++) memset(room + i * FAST_ROWS, (int)i, FAST_ROWS);
}

// ---- many rows ------------------------------

struct predicting {
    const struct forest *forest;
    const struct forest_fast *fast;
    const struct frame *frame;
    const struct fast_kernels *kernels;
    uint8_t *codes, *room; // (threads, 2 columns, FAST_ROWS), (threads, FAST_ROOM)
    float *ready;          // (threads, FAST_ROWS, F) where a tree goes the plain way
    double *out;
};
// What one thread works with.
struct piece {
    const struct predicting *p;
    uint64_t first; // row of the frame
    uint32_t rows;
    uint8_t *codes, *room;
    float *ready;
};

static void code_categories(const struct piece *piece, uint32_t f, uint8_t *low) {
    const struct forest *forest = piece->p->forest;
    const float *values = piece->p->frame->values[f] + piece->first;
    float count = (float)piece->p->frame->features[f].category_count;
    for (uint32_t r = 0; r < piece->rows; r++) {
        bool known = values[r] >= 0 && values[r] < count;
        uint8_t bin = known ? forest->category_bin[f][(uint32_t)values[r]] : 0;
        low[r] = known && bin != forest->missing_bin[f] ? bin : FAST_MISSING;
    }
}

static void code_columns(const struct piece *piece) {
    const struct forest_fast *fast = piece->p->fast;
    float padded[FAST_ROWS] = {0};
    for (uint32_t c = 0; c < fast->column_count; c++) {
        const struct fast_column *column = &fast->columns[c];
        uint8_t *low = piece->codes + (size_t)c * 2 * FAST_ROWS;
        const float *values = piece->p->frame->values[column->feature] + piece->first;
        if (column->is_category) {
            code_categories(piece, column->feature, low);
            continue;
        }
        if (piece->rows < FAST_ROWS) {
            memcpy(padded, values, piece->rows * sizeof(*values));
            values = padded;
        }
        piece->p->kernels->rank(fast->cuts + (size_t)c * FAST_CUTS_ROOM, values, FAST_ROWS, low,
                                low + FAST_ROWS);
    }
}

static void add_plain(const struct piece *piece, uint32_t t, double *sum) {
    const struct forest *forest = piece->p->forest;
    const struct node *tree = forest_tree(forest, t);
    for (uint32_t r = 0; r < piece->rows; r++) {
        const float *row = piece->ready + (size_t)r * piece->p->fast->features;
        const struct node *node = tree;
        while (node->left) {
            bool left = node_goes_left(forest, node, row[node->feature]);
            node = tree + node->left + (left ? 0 : 1);
        }
        sum[r] += (double)node->value;
    }
}

// Some trees' leaves, in their order.
static void add_leaves(const double *const *leaves, uint8_t (*leaf)[FAST_ROWS], uint32_t trees,
                       double *sum) {
    if (trees == FAST_TOGETHER) {
        _Static_assert(FAST_TOGETHER == 4, "four additions");
        const double *a = leaves[0], *b = leaves[1], *c = leaves[2], *d = leaves[3];
        for (unsigned r = 0; r < FAST_ROWS; r++) {
            double s = sum[r] + a[leaf[0][r]];
            s += b[leaf[1][r]];
            s += c[leaf[2][r]];
            sum[r] = s + d[leaf[3][r]];
        }
        return;
    }
    for (uint32_t t = 0; t < trees; t++) {
        for (unsigned r = 0; r < FAST_ROWS; r++) sum[r] += leaves[t][leaf[t][r]];
    }
}

static void add_output(const struct piece *piece, uint32_t k, double *sum) {
    const struct forest_fast *fast = piece->p->fast;
    uint8_t leaf[FAST_TOGETHER][FAST_ROWS];
    const double *leaves[FAST_TOGETHER];
    uint32_t waiting = 0;
    for (unsigned r = 0; r < FAST_ROWS; r++) sum[r] = piece->p->forest->base[k];
    for (uint32_t t = k; t < fast->tree_count; t += fast->outputs) {
        const struct fast_tree *tree = &fast->trees[t];
        if (tree->plain || waiting == FAST_TOGETHER) {
            add_leaves(leaves, leaf, waiting, sum);
            waiting = 0;
        }
        if (tree->plain) {
            add_plain(piece, t, sum);
            continue;
        }
        piece->p->kernels->walk(fast, tree, piece->codes, piece->room, leaf[waiting]);
        leaves[waiting++] = fast->leaves + tree->leaf;
    }
    add_leaves(leaves, leaf, waiting, sum);
}

static void predict_piece(const struct piece *piece) {
    const struct predicting *p = piece->p;
    uint32_t outputs = p->fast->outputs;
    double sum[FAST_ROWS];
    code_columns(piece);
    if (p->fast->has_plain) {
        forest_ready(p->forest, p->frame, piece->first, piece->rows, piece->ready);
    }
    for (uint32_t k = 0; k < outputs; k++) {
        add_output(piece, k, sum);
        for (uint32_t r = 0; r < piece->rows; r++) {
            p->out[(piece->first + r) * outputs + k] = sum[r];
        }
    }
}

static void predict_task(void *ctx, size_t index, uint32_t worker) {
    const struct predicting *p = ctx;
    uint64_t first = (uint64_t)index * PREDICT_ROWS, end = first + PREDICT_ROWS;
    if (end > p->frame->rows) end = p->frame->rows;
    size_t codes = (size_t)p->fast->column_count * 2 * FAST_ROWS;
    struct piece piece = {
        .p = p, .codes = p->codes + worker * codes, .room = p->room + (size_t)worker * FAST_ROOM};
    if (p->fast->has_plain) piece.ready = p->ready + (size_t)worker * FAST_ROWS * p->fast->features;
    for (; first < end; first += FAST_ROWS) {
        piece.first = first;
        piece.rows = end - first < FAST_ROWS ? (uint32_t)(end - first) : FAST_ROWS;
        predict_piece(&piece);
    }
}

enum err forest_predict(const struct forest *forest, const struct forest_fast *fast,
                        const struct frame *frame, struct pool *pool, double *out) {
    cy_assert(frame->feature_count == fast->features);
    size_t threads = pool_threads(pool);
    size_t codes = threads * fast->column_count * 2 * FAST_ROWS;
    size_t ready = fast->has_plain ? threads * FAST_ROWS * fast->features * sizeof(float) : 0;
    struct predicting p = {forest, fast, frame, fast_kernels(), .out = out};
    p.codes = memory_take(codes + 1);
    p.room = memory_take(threads * FAST_ROOM);
    p.ready = memory_take(ready + 1);
    enum err err = p.codes && p.room && p.ready ? OK : ERR_MEMORY;
    for (size_t t = 0; err == OK && t < threads; t++) fast_room_fill(p.room + t * FAST_ROOM);
    if (err == OK) {
        pool_run(pool, (frame->rows + PREDICT_ROWS - 1) / PREDICT_ROWS, predict_task, &p);
    }
    memory_give(p.ready);
    memory_give(p.room);
    memory_give(p.codes);
    return err;
}

// ---- one row ------------------------------

enum { ROW_TOGETHER = 8 }; // trees that are walked side by side, so that their waits overlap

struct one_row {
    const struct forest *forest;
    const struct forest_fast *fast;
    const struct feature *features;
    const float *values;
    uint8_t codes[ROW_CODES_MAX];
};

// A value as node_goes_left takes it.
static float row_ready(const struct one_row *row, uint32_t f) {
    float value = row->values[f];
    if (row->features[f].kind == FEATURE_NUMBER) {
        return value > FLT_MAX ? FLT_MAX : value < -FLT_MAX ? -FLT_MAX : value;
    }
    if (!(value >= 0 && value < (float)row->features[f].category_count)) return NAN;
    uint8_t bin = row->forest->category_bin[f][(uint32_t)value];
    return bin == row->forest->missing_bin[f] ? NAN : (float)bin;
}

static void row_code(struct one_row *row) {
    const struct forest_fast *fast = row->fast;
    const struct fast_kernels *kernels = fast_kernels();
    for (uint32_t c = 0; c < fast->column_count; c++) {
        const struct fast_column *column = &fast->columns[c];
        uint8_t *codes = row->codes + (size_t)2 * c;
        if (column->is_category)
            codes[0] = 0; // splits by a set look at the value itself
        else
            kernels->rank(fast->cuts + (size_t)c * FAST_CUTS_ROOM, row->values + column->feature, 1,
                          codes, codes + 1);
    }
    row->codes[2 * fast->column_count] = (uint8_t)INT8_MIN;
}

// A split by a set is looked up in the forest.
static uint32_t row_set(const struct one_row *row, uint32_t t, uint32_t at) {
    const struct node *node = forest_tree(row->forest, t) + at;
    return node->left + !node_goes_left(row->forest, node, row_ready(row, node->feature));
}

// Some trees' values for the row, into `values` from tree `first` on.
static inline __attribute__((always_inline)) void row_walk(const struct one_row *row,
                                                           const uint32_t *trees, uint32_t count,
                                                           bool has_sets, uint32_t first,
                                                           float *values) {
    const struct forest_fast *fast = row->fast;
    const uint32_t *nodes[ROW_TOGETHER];
    uint32_t at[ROW_TOGETHER] = {0}, depth = 0;
    for (uint32_t i = 0; i < ROW_TOGETHER; i++) {
        const struct row_tree *tree = &fast->rows[trees[i < count ? i : 0]];
        nodes[i] = fast->row_nodes + tree->first;
        if (tree->depth > depth) depth = tree->depth;
    }
    for (uint32_t d = 0; d < depth; d++) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < ROW_TOGETHER; i++) {
            uint32_t node = nodes[i][at[i]];
            int8_t cut = (int8_t)(node >> 9), code = (int8_t)row->codes[node >> 17];
            if (has_sets && cut == ROW_SET)
                at[i] = row_set(row, trees[i < count ? i : 0], at[i]);
            else
                at[i] = (node & 511) + (code >= cut);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        values[trees[i] - first] = fast->row_values[fast->rows[trees[i]].first + at[i]];
    }
}

// A tree without steps, or among too many columns.
static float row_plain(const struct one_row *row, uint32_t t) {
    const struct node *tree = forest_tree(row->forest, t), *node = tree;
    while (node->left) {
        float value = row_ready(row, node->feature);
        node = tree + node->left + !node_goes_left(row->forest, node, value);
    }
    return node->value;
}

// A window of trees: those of like depth together, so that none waits long for another.
static void row_window(const struct one_row *row, uint32_t first, uint32_t count, bool coded,
                       float *values) {
    const struct forest_fast *fast = row->fast;
    const uint32_t *order = fast->row_order + first;
    uint32_t at = 0, some = 0;
    for (; coded && at < count && !fast->trees[order[at]].plain; at += some) {
        for (some = 1; some < ROW_TOGETHER && at + some < count; some++) {
            if (fast->trees[order[at + some]].plain) break;
        }
        if (fast->has_sets)
            row_walk(row, order + at, some, true, first, values);
        else
            row_walk(row, order + at, some, false, first, values);
    }
    for (; at < count; at++) values[order[at] - first] = row_plain(row, order[at]);
}

void forest_predict_row(const struct forest *forest, const struct forest_fast *fast,
                        const struct feature *features, const float *values, double *out) {
    struct one_row row;
    row.forest = forest;
    row.fast = fast;
    row.features = features;
    row.values = values;
    bool coded = 2 * (uint64_t)fast->column_count + 1 <= ROW_CODES_MAX;
    for (uint32_t k = 0; k < fast->outputs; k++) out[k] = forest->base[k];
    if (coded) row_code(&row);
    float leaves[ROW_WINDOW];
    for (uint32_t first = 0; first < fast->tree_count; first += ROW_WINDOW) {
        uint32_t left = fast->tree_count - first, count = left < ROW_WINDOW ? left : ROW_WINDOW;
        row_window(&row, first, count, coded, leaves);
        if (fast->outputs == 1) { // no division for each
            double sum = out[0];
            for (uint32_t i = 0; i < count; i++) sum += (double)leaves[i];
            out[0] = sum;
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            out[(first + i) % fast->outputs] += (double)leaves[i];
        }
    }
}
