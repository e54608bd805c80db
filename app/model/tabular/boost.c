// See boost_private.h.

#include "model/tabular/boost_private.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "model/measure/measure.h"
#include "model/tabular/boost_checkpoint.h"
#include "model/tabular/boost_rows_private.h"
#include "model/tabular/grow_private.h"

enum { CHECKPOINT_EVERY_S = 60, LOSS_TOGETHER = 1024 };
// Quantised sums leave room for this many rows (gradient.c).
static const uint64_t rows_max = (uint64_t)1 << 28;

struct loss_sum {
    double loss, weight;
};
struct boosting {
    struct train_rows rows; // heavy ones laid out
    uint32_t *list;         // what it points into
    double *weight;
    const struct tabular_options *options;
    struct pool *pool;
    struct progress *progress;
    const struct loss *loss;
    struct bins bins, validate_bins;
    struct constraints constraints;
    struct grower *grower;
    struct loss_shape shape;
    struct loss_side train, validate;
    float *g, *h;                    // (K, train.stride)
    struct loss_sum *sums;           // (pieces)
    struct weighed_value *residuals; // (N), where leaves are quantiles
    struct loss_start start;
    uint32_t round;
    uint32_t rounds_room;
    double best; // the least validation loss so far
    uint64_t kept_us;
    const struct loss_side *summed; // what piece_loss works on: every summed_step-th row
    size_t summed_rows, summed_step;
};

// ---- start ------------------------------

static enum err take_sides(struct boosting *b) {
    const struct train_rows *rows = &b->rows;
    struct truth train = truth_of(rows, rows->train, rows->train_count);
    struct truth validate = truth_of(rows, rows->validate, rows->validate_count);
    enum err err = b->loss->start(&b->shape, &train, &b->start);
    if (err == OK) err = loss_side_open(b->loss, &b->shape, &train, &b->start, &b->train);
    if (err == OK) err = loss_side_open(b->loss, &b->shape, &validate, &b->start, &b->validate);
    if (err != OK) return err;
    uint64_t most = b->train.stride > b->validate.stride ? b->train.stride : b->validate.stride;
    size_t gradients = b->shape.outputs * b->train.stride * sizeof(float) + 1;
    b->g = memory_take(gradients);
    b->h = memory_take(gradients);
    b->sums = memory_take((most / GRADIENT_ROWS + 1) * sizeof(*b->sums));
    if (b->loss->leaf_is_quantile) {
        b->residuals = memory_take(b->train.rows * sizeof(*b->residuals) + 1);
        if (!b->residuals) return ERR_MEMORY;
    }
    return b->g && b->h && b->sums ? OK : ERR_MEMORY;
}

// Rows that the tree doesn't sample weigh nothing.
static void gather_residuals(void *ctx, const struct entry *entries, uint64_t count,
                             uint64_t first) {
    struct boosting *b = ctx;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t row = entries[i].row;
        double off = (double)b->train.target[row] - (double)b->train.score[row];
        b->residuals[first + i] = (struct weighed_value){off, (double)b->h[row]};
    }
}

// The quantile of a leaf's residuals: what no step along a gradient of two values would find.
static double leaf_quantile(void *ctx, uint64_t first, uint64_t count) {
    struct boosting *b = ctx;
    struct weighed_value *residuals = b->residuals + first;
    uint64_t kept = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (residuals[i].weight > 0) residuals[kept++] = residuals[i];
    }
    return kept > 0 ? quantile_weighed(residuals, kept, b->shape.quantile) : 0;
}

static enum err start(struct boosting *b) {
    const struct tabular_options *o = b->options;
    const struct train_rows *rows = &b->rows;
    enum err err = bins_make(rows->frame, rows->train, rows->train_count, o->bins, b->pool,
                             b->progress, &b->bins);
    if (err == OK && rows->validate_count > 0) {
        err = bins_like(&b->bins, rows->frame, rows->validate, rows->validate_count, b->pool,
                        b->progress, &b->validate_bins);
    }
    if (err == OK) err = take_sides(b);
    if (err != OK) return err;
    struct grow_options grow = {.depth = o->depth > 0 ? o->depth : FOREST_DEPTH_MAX,
                                .leaves = o->grow == GROW_LEAF ? o->leaves : 0,
                                .learning_rate = o->learning_rate,
                                .l2 = o->l2,
                                .min_child_weight = o->min_child_weight,
                                .column_share = o->column_share,
                                .constraints = &b->constraints};
    if (b->loss->leaf_is_quantile)
        grow.leaf = (struct leaf_value){gather_residuals, leaf_quantile, b};
    return grower_open(&b->bins, &grow, b->pool, b->progress, &b->grower);
}

// ---- a round ------------------------------

static uint64_t round_seed(const struct boosting *b, uint32_t output) {
    return seed_mix(b->options->seed ^
                    ((uint64_t)b->round * TABULAR_CLASSES_MAX + output + 1) * 0x9E3779B97F4A7C15u);
}

static void gradient_piece(void *ctx, size_t index, uint32_t worker) {
    struct boosting *b = ctx;
    (void)worker;
    size_t first = index * GRADIENT_ROWS, stride = b->train.stride;
    size_t count = b->train.rows - first;
    if (count > GRADIENT_ROWS) count = GRADIENT_ROWS;
    b->loss->gradient(&b->train, first, count, b->g + first, b->h + first);
    for (uint32_t k = 0; k < b->shape.outputs; k++) {
        float *g = b->g + first + k * stride, *h = b->h + first + k * stride;
        for (size_t i = 0; b->train.weight && i < count; i++) {
            g[i] *= b->train.weight[first + i];
            h[i] *= b->train.weight[first + i];
        }
        if (b->options->row_share >= 1) continue;
        gradient_sample(g, h, count, b->options->row_share, round_seed(b, 0) ^ 0x726F7773u, first);
    }
}

// Rows of weight 1 and one output, many at once.
static double rows_loss(const struct boosting *b, size_t first, size_t end) {
    const struct loss_side *side = b->summed;
    double margin[LOSS_TOGETHER], target[LOSS_TOGETHER], sum = 0;
    for (size_t j = first; j < end; j += LOSS_TOGETHER) {
        size_t count = end - j < LOSS_TOGETHER ? end - j : LOSS_TOGETHER;
        for (size_t k = 0; k < count; k++) {
            margin[k] = (double)side->score[(j + k) * b->summed_step];
            target[k] = (double)side->target[(j + k) * b->summed_step];
        }
        sum += b->loss->rows(target, margin, count);
    }
    return sum;
}

// Sum of the loss over every summed_step-th row of a piece; fixed pieces make the sum the same for
// any number of threads.
static void piece_loss(void *ctx, size_t index, uint32_t worker) {
    struct boosting *b = ctx;
    (void)worker;
    const struct loss_side *side = b->summed;
    size_t first = index * GRADIENT_ROWS, end = first + GRADIENT_ROWS;
    if (end > b->summed_rows) end = b->summed_rows;
    struct loss_sum sum = {0, 0};
    if (b->loss->rows && !side->weight) {
        b->sums[index] = (struct loss_sum){rows_loss(b, first, end), (double)(end - first)};
        return;
    }
    double margin[TABULAR_CLASSES_MAX];
    for (size_t j = first; j < end; j++) {
        size_t i = j * b->summed_step;
        double weight = side->weight ? (double)side->weight[i] : 1;
        for (uint32_t k = 0; k < b->shape.outputs; k++) {
            margin[k] = (double)side->score[k * side->stride + i];
        }
        sum.loss += weight * b->loss->row(&b->shape, (double)side->target[i], margin, 1);
        sum.weight += weight;
    }
    b->sums[index] = sum;
}

static double mean_loss(struct boosting *b, const struct loss_side *side, uint64_t rows_max_shown) {
    if (side->rows == 0) return NAN;
    if (side->cox) return cox_loss(side->cox) / cox_event_weight(side->cox);
    b->summed = side;
    b->summed_step = side->rows > rows_max_shown ? side->rows / rows_max_shown : 1;
    b->summed_rows = side->rows / b->summed_step;
    size_t pieces = (b->summed_rows + GRADIENT_ROWS - 1) / GRADIENT_ROWS;
    pool_run(b->pool, pieces, piece_loss, b);
    struct loss_sum sum = {0, 0};
    for (size_t i = 0; i < pieces; i++) {
        sum.loss += b->sums[i].loss;
        sum.weight += b->sums[i].weight;
    }
    return b->loss->shown(sum.loss / sum.weight, b->start.unit);
}

static enum err one_round(struct boosting *b, struct forest *forest) {
    size_t pieces = (b->train.rows + GRADIENT_ROWS - 1) / GRADIENT_ROWS;
    pool_run(b->pool, pieces, gradient_piece, b);
    for (uint32_t k = 0; k < b->shape.outputs; k++) {
        size_t at = k * b->train.stride;
        enum err err = grow_tree(b->grower, b->g + at, b->h + at, round_seed(b, k),
                                 b->train.score + at, forest);
        if (err != OK) return err;
        if (b->validate.rows > 0) {
            grower_score(b->grower, &b->validate_bins, b->validate.score + k * b->validate.stride);
        }
        if (progress_cancelled(b->progress)) return ERR_CANCELLED;
    }
    return OK;
}

static enum err add_loss(struct boosting *b, struct boosted *out) {
    if (b->round >= b->rounds_room) {
        uint32_t room = b->rounds_room ? 2 * b->rounds_room : 64;
        struct round_loss *wider =
            memory_resize(out->curve, b->rounds_room * sizeof(*wider), room * sizeof(*wider));
        if (!wider) return ERR_MEMORY;
        out->curve = wider;
        b->rounds_room = room;
    }
    loss_side_refresh(&b->train, b->pool);
    loss_side_refresh(&b->validate, b->pool);
    out->curve[b->round] = (struct round_loss){.train = mean_loss(b, &b->train, CURVE_ROWS),
                                               .validate = mean_loss(b, &b->validate, UINT64_MAX)};
    return OK;
}

// ---- checkpoints ------------------------------

static uint32_t side_identity(uint32_t crc, const struct loss_side *side, const uint32_t *rows,
                              const uint8_t *event) {
    crc = crc32c(crc, side->target, side->rows * sizeof(float));
    if (side->weight) crc = crc32c(crc, side->weight, side->rows * sizeof(float));
    for (uint64_t i = 0; event && i < side->rows; i++) {
        crc = crc32c(crc, &event[rows ? rows[i] : i], 1);
    }
    return crc;
}

// What a checkpoint must agree with: the options and the targets as they are learnt.
static uint32_t identity(const struct boosting *b) {
    const struct tabular_options *o = b->options;
    const uint64_t counts[] = {o->seed,       o->trees,
                               o->depth,      o->early_stop,
                               o->bins,       b->rows.frame->feature_count,
                               b->bins.count, b->rows.train_count,
                               o->grow,       o->leaves};
    const double numbers[] = {
        o->learning_rate, o->l2,         o->min_child_weight, o->row_share,
        o->column_share,  b->start.unit, b->start.base[0],    b->shape.quantile};
    uint32_t crc = crc32c(0, counts, sizeof counts);
    crc = crc32c(crc, numbers, sizeof numbers);
    crc = crc32c(crc, b->loss->name, strlen(b->loss->name));
    uint32_t features = b->rows.frame->feature_count;
    if (b->constraints.monotone) crc = crc32c(crc, b->constraints.monotone, features);
    if (b->constraints.sets) crc = crc32c(crc, b->constraints.sets, features * sizeof(uint64_t));
    crc = side_identity(crc, &b->train, b->rows.train, b->rows.target->event);
    return side_identity(crc, &b->validate, b->rows.validate, b->rows.target->event);
}

static struct boost_state state_of(struct boosting *b, struct boosted *out) {
    return (struct boost_state){.identity = identity(b),
                                .boosted = out,
                                .best_loss = b->best,
                                .score = b->train.score,
                                .validate_score = b->validate.score,
                                .scores = b->shape.outputs * b->train.stride,
                                .validate_scores = b->shape.outputs * b->validate.stride};
}

static enum err resume(struct boosting *b, struct boosted *out) {
    b->best = INFINITY;
    b->kept_us = clock_monotonic_us();
    if (!b->options->checkpoint) return OK;
    struct boost_state state = state_of(b, out);
    enum err err = boost_checkpoint_read(b->options->checkpoint, &state);
    if (err == ERR_NOT_FOUND) return OK;
    if (err != OK) return err;
    b->best = state.best_loss;
    b->rounds_room = out->rounds;
    log_event(LOG_INFO, "train.resumed", "rounds=%u", out->rounds);
    return OK;
}

// Between two rounds: keeps the state when it is time to, and ends when asked to give way. Training
// goes on without a checkpoint where the disk is full.
static enum err keep(struct boosting *b, struct boosted *out) {
    bool paused = progress_paused(b->progress);
    uint64_t now_us = clock_monotonic_us();
    if (!b->options->checkpoint) return OK;
    if (!paused && now_us - b->kept_us < (uint64_t)CHECKPOINT_EVERY_S * 1000000) return OK;
    struct boost_state state = state_of(b, out);
    enum err err = boost_checkpoint_write(b->options->checkpoint, &state);
    b->kept_us = clock_monotonic_us();
    log_event(err == OK ? LOG_INFO : LOG_WARN, "train.checkpoint", "rounds=%u result=%s ms=%llu",
              out->rounds, err_name(err), (unsigned long long)(b->kept_us - now_us) / 1000);
    return paused ? ERR_PAUSED : OK;
}

static enum err run_rounds(struct boosting *b, struct boosted *out) {
    uint32_t patience = b->rows.validate_count > 0 ? b->options->early_stop : 0;
    enum err resumed = resume(b, out);
    if (resumed != OK) return resumed;
    loss_side_refresh(&b->train, b->pool);
    for (b->round = out->rounds; b->round < b->options->trees; b->round++) {
        if (patience > 0 && out->rounds - out->best_round >= patience) break;
        enum err err = one_round(b, &out->forest);
        if (err == OK) err = add_loss(b, out);
        if (err != OK) return err;
        out->rounds = b->round + 1;
        double loss = out->curve[b->round].validate;
        if (patience == 0 || loss < b->best) {
            b->best = loss;
            out->best_round = out->rounds;
        }
        if (b->progress) progress_set(b->progress, PHASE_TRAIN, out->rounds, b->options->trees);
        err = keep(b, out);
        if (err != OK) return err;
    }
    return OK;
}

// ---- the end ------------------------------

// Drops the trees after the best round and gives the leaves the target's unit.
static enum err finish_forest(struct boosting *b, struct boosted *out) {
    struct forest *forest = &out->forest;
    forest->tree_count = out->best_round * b->shape.outputs;
    forest->node_count = forest->starts ? forest->starts[forest->tree_count] : 0;
    uint32_t sets = 0;
    for (uint32_t n = 0; n < forest->node_count; n++) {
        struct node *node = &forest->nodes[n];
        if (node->set > sets) sets = node->set;
        double value = (double)node->value * b->start.unit;
        if (fabs(value) > 3e38) return ERR_LIMIT;
        node->value = (float)value;
    }
    forest->set_count = sets;
    for (uint32_t k = 0; k < b->shape.outputs; k++) forest->base[k] = b->start.base[k];
    return OK;
}

// The forest's own copy of how categories become bins.
static enum err copy_categories(const struct boosting *b, struct forest *forest) {
    const struct frame *frame = b->rows.frame;
    size_t bytes = 0;
    for (uint32_t f = 0; f < frame->feature_count; f++) bytes += frame->features[f].category_count;
    enum err err = forest_categories_take(forest, frame->features, frame->feature_count);
    if (err != OK || bytes == 0) return err;
    for (uint32_t u = 0; u < b->bins.count; u++) {
        const struct feature_bins *feature = &b->bins.features[u];
        if (!feature->is_category) continue;
        memcpy(forest->category_bin[feature->feature], feature->category_bin,
               frame->features[feature->feature].category_count);
        forest->missing_bin[feature->feature] = (uint8_t)feature->value_bins;
    }
    return OK;
}

static void stop(struct boosting *b) {
    grower_close(b->grower);
    constraints_close(&b->constraints);
    memory_give(b->residuals);
    memory_give(b->sums);
    memory_give(b->h);
    memory_give(b->g);
    loss_side_close(&b->validate);
    loss_side_close(&b->train);
    memory_give(b->weight);
    memory_give(b->list);
    bins_close(&b->validate_bins);
    bins_close(&b->bins);
}

enum err boost_train(const struct train_rows *rows, const struct tabular_options *options,
                     struct pool *pool, struct progress *progress, struct boosted *out,
                     struct fault *fault) {
    struct boosting b = {.options = options,
                         .pool = pool,
                         .progress = progress,
                         .loss = loss_of(rows->target->task, options->loss)};
    b.shape.outputs = rows->target->task == TASK_CLASSES ? rows->target->class_count : 1;
    b.shape.quantile = options->quantile;
    cy_assert(b.shape.outputs <= TABULAR_CLASSES_MAX);
    enum err laid = rows_lay_out(rows, &b.rows, &b.list, &b.weight);
    if (laid != OK) return laid;
    if (b.rows.train_count > rows_max || b.rows.validate_count > rows_max) {
        stop(&b);
        return fault_set(fault, ERR_LIMIT, "train.too_many_rows", STR("268435456"));
    }
    struct boosted made = {.forest = {.outputs = b.shape.outputs}};
    enum err err = ERR_MEMORY;
    made.forest.base = memory_take(b.shape.outputs * sizeof(double));
    if (!made.forest.base) goto done;
    err = constraints_take(rows->frame, options, rows->target->task, &b.constraints, fault);
    if (err == OK) err = start(&b);
    if (err == OK) err = run_rounds(&b, &made);
    if (err == OK) err = finish_forest(&b, &made);
    if (err == OK) err = copy_categories(&b, &made.forest);
done:
    stop(&b);
    if (err != OK)
        boosted_close(&made);
    else
        *out = made;
    if (err == ERR_LIMIT) return fault_set(fault, err, "train.too_large", STR_NONE);
    return err;
}

void boosted_close(struct boosted *boosted) {
    forest_close(&boosted->forest);
    memory_give(boosted->curve);
    *boosted = (struct boosted){0};
}
