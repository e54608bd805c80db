// See boost_private.h.

#include "model/tabular/boost_private.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "model/measure/measure.h"
#include "model/tabular/boost_checkpoint.h"
#include "model/tabular/grow_private.h"
#include "model/tabular/loss_private.h"

enum { CHECKPOINT_EVERY_S = 60 };
// Quantised sums leave room for this many rows (gradient.c).
static const uint64_t rows_max = (uint64_t)1 << 28;

struct boosting {
    const struct train_rows *rows;
    const struct tabular_options *options;
    struct pool *pool;
    struct progress *progress;
    const struct loss *loss;
    struct bins bins, validate_bins;
    struct constraints constraints;
    struct grower *grower;
    uint32_t outputs;
    struct loss_side train, validate;
    float *g, *h;   // (K, train.stride)
    double *losses; // (pieces)
    struct loss_start start;
    uint32_t round;
    uint32_t rounds_room;
    double best; // the least validation loss so far
    uint64_t kept_us;
    const struct loss_side *summed; // what piece_loss works on: every summed_step-th row
    size_t summed_rows, summed_step;
};

static size_t pad(uint64_t rows) {
    return (rows + 15) / 16 * 16;
}

// ---- start ------------------------------

static void fill_side(const struct boosting *b, const uint32_t *rows, struct loss_side *side) {
    const struct loss_start *start = &b->start;
    struct loss_truth truth = {b->rows->target->values, rows, side->rows, b->outputs};
    bool standardised = b->loss->standardised;
    for (uint64_t i = 0; i < side->rows; i++) {
        double value = truth_at(&truth, i);
        side->target[i] = (float)(standardised ? (value - start->base[0]) / start->unit : value);
    }
    for (uint32_t k = 0; k < b->outputs && !standardised; k++) {
        for (size_t i = 0; i < side->stride; i++) {
            side->score[k * side->stride + i] = (float)start->base[k];
        }
    }
}

static enum err side_take_arrays(struct loss_side *side, uint64_t rows, uint32_t outputs) {
    side->rows = rows;
    side->stride = pad(rows);
    side->outputs = outputs;
    side->target = memory_take(side->stride * sizeof(float) + 1);
    side->score = memory_take(outputs * side->stride * sizeof(float) + 1);
    return side->target && side->score ? OK : ERR_MEMORY;
}

static enum err take_arrays(struct boosting *b) {
    enum err err = side_take_arrays(&b->train, b->rows->train_count, b->outputs);
    if (err == OK) err = side_take_arrays(&b->validate, b->rows->validate_count, b->outputs);
    if (err != OK) return err;
    uint64_t most = b->train.stride > b->validate.stride ? b->train.stride : b->validate.stride;
    size_t gradients = b->outputs * b->train.stride * sizeof(float) + 1;
    b->g = memory_take(gradients);
    b->h = memory_take(gradients);
    b->losses = memory_take((most / GRADIENT_ROWS + 1) * sizeof(double));
    return b->g && b->h && b->losses ? OK : ERR_MEMORY;
}

static enum err start(struct boosting *b) {
    const struct train_rows *rows = b->rows;
    const struct tabular_options *o = b->options;
    enum err err = bins_make(rows->frame, rows->train, rows->train_count, o->bins, b->pool,
                             b->progress, &b->bins);
    if (err == OK && rows->validate_count > 0) {
        err = bins_like(&b->bins, rows->frame, rows->validate, rows->validate_count, b->pool,
                        b->progress, &b->validate_bins);
    }
    if (err == OK) err = take_arrays(b);
    if (err != OK) return err;
    struct grow_options grow = {.depth = o->depth > 0 ? o->depth : FOREST_DEPTH_MAX,
                                .leaves = o->grow == GROW_LEAF ? o->leaves : 0,
                                .learning_rate = o->learning_rate,
                                .l2 = o->l2,
                                .min_child_weight = o->min_child_weight,
                                .column_share = o->column_share,
                                .constraints = &b->constraints};
    err = grower_open(&b->bins, &grow, b->pool, b->progress, &b->grower);
    if (err != OK) return err;
    struct loss_truth truth = {rows->target->values, rows->train, rows->train_count, b->outputs};
    b->loss->start(&truth, &b->start);
    fill_side(b, rows->train, &b->train);
    fill_side(b, rows->validate, &b->validate);
    return OK;
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
    if (b->options->row_share >= 1) return;
    for (uint32_t k = 0; k < b->outputs; k++) {
        gradient_sample(b->g + first + k * stride, b->h + first + k * stride, count,
                        b->options->row_share, round_seed(b, 0) ^ 0x726F7773u, first);
    }
}

// Sum of the loss over every summed_step-th row of a piece; fixed pieces make the sum the same for
// any number of threads.
static void piece_loss(void *ctx, size_t index, uint32_t worker) {
    struct boosting *b = ctx;
    (void)worker;
    const struct loss_side *side = b->summed;
    size_t first = index * GRADIENT_ROWS, end = first + GRADIENT_ROWS;
    if (end > b->summed_rows) end = b->summed_rows;
    double sum = 0, margin[TABULAR_CLASSES_MAX];
    for (size_t j = first; j < end; j++) {
        size_t i = j * b->summed_step;
        for (uint32_t k = 0; k < b->outputs; k++) {
            margin[k] = (double)side->score[k * side->stride + i];
        }
        sum += b->loss->row((double)side->target[i], margin, b->outputs, 1);
    }
    b->losses[index] = sum;
}

static double mean_loss(struct boosting *b, const struct loss_side *side, uint64_t rows_max_shown) {
    if (side->rows == 0) return NAN;
    b->summed = side;
    b->summed_step = side->rows > rows_max_shown ? side->rows / rows_max_shown : 1;
    b->summed_rows = side->rows / b->summed_step;
    size_t pieces = (b->summed_rows + GRADIENT_ROWS - 1) / GRADIENT_ROWS;
    pool_run(b->pool, pieces, piece_loss, b);
    double sum = 0;
    for (size_t i = 0; i < pieces; i++) sum += b->losses[i];
    return b->loss->shown(sum / (double)b->summed_rows, b->start.unit);
}

static enum err one_round(struct boosting *b, struct forest *forest) {
    size_t pieces = (b->train.rows + GRADIENT_ROWS - 1) / GRADIENT_ROWS;
    pool_run(b->pool, pieces, gradient_piece, b);
    for (uint32_t k = 0; k < b->outputs; k++) {
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
    out->curve[b->round] = (struct round_loss){.train = mean_loss(b, &b->train, CURVE_ROWS),
                                               .validate = mean_loss(b, &b->validate, UINT64_MAX)};
    return OK;
}

// ---- checkpoints ------------------------------

// What a checkpoint must agree with: the options and the targets as they are learnt.
static uint32_t identity(const struct boosting *b) {
    const struct tabular_options *o = b->options;
    const uint64_t counts[] = {o->seed,       o->trees,
                               o->depth,      o->early_stop,
                               o->bins,       b->rows->frame->feature_count,
                               b->bins.count, b->rows->train_count,
                               o->grow,       o->leaves};
    const double numbers[] = {o->learning_rate, o->l2,         o->min_child_weight, o->row_share,
                              o->column_share,  b->start.unit, b->start.base[0]};
    uint32_t crc = crc32c(0, counts, sizeof counts);
    crc = crc32c(crc, numbers, sizeof numbers);
    crc = crc32c(crc, b->loss->name, strlen(b->loss->name));
    uint32_t features = b->rows->frame->feature_count;
    if (b->constraints.monotone) crc = crc32c(crc, b->constraints.monotone, features);
    if (b->constraints.sets) crc = crc32c(crc, b->constraints.sets, features * sizeof(uint64_t));
    crc = crc32c(crc, b->train.target, b->train.rows * sizeof(float));
    return crc32c(crc, b->validate.target, b->validate.rows * sizeof(float));
}

static struct boost_state state_of(struct boosting *b, struct boosted *out) {
    return (struct boost_state){.identity = identity(b),
                                .boosted = out,
                                .best_loss = b->best,
                                .score = b->train.score,
                                .validate_score = b->validate.score,
                                .scores = b->outputs * b->train.stride,
                                .validate_scores = b->outputs * b->validate.stride};
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
    uint32_t patience = b->rows->validate_count > 0 ? b->options->early_stop : 0;
    enum err resumed = resume(b, out);
    if (resumed != OK) return resumed;
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
    forest->tree_count = out->best_round * b->outputs;
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
    for (uint32_t k = 0; k < b->outputs; k++) forest->base[k] = b->start.base[k];
    return OK;
}

// The forest's own copy of how categories become bins.
static enum err copy_categories(const struct boosting *b, struct forest *forest) {
    const struct frame *frame = b->rows->frame;
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
    memory_give(b->losses);
    memory_give(b->h);
    memory_give(b->g);
    memory_give(b->validate.score);
    memory_give(b->validate.target);
    memory_give(b->train.score);
    memory_give(b->train.target);
    bins_close(&b->validate_bins);
    bins_close(&b->bins);
}

enum err boost_train(const struct train_rows *rows, const struct tabular_options *options,
                     struct pool *pool, struct progress *progress, struct boosted *out,
                     struct fault *fault) {
    if (rows->train_count > rows_max || rows->validate_count > rows_max) {
        return fault_set(fault, ERR_LIMIT, "train.too_many_rows", STR("268435456"));
    }
    struct boosting b = {.rows = rows,
                         .options = options,
                         .pool = pool,
                         .progress = progress,
                         .loss = loss_of(rows->target->task)};
    b.outputs = rows->target->task == TASK_CLASSES ? rows->target->class_count : 1;
    cy_assert(b.outputs <= TABULAR_CLASSES_MAX);
    struct boosted made = {.forest = {.outputs = b.outputs}};
    enum err err = ERR_MEMORY;
    made.forest.base = memory_take(b.outputs * sizeof(double));
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
