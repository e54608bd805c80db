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

enum { CHECKPOINT_EVERY_S = 60 };
// Quantised sums leave room for this many rows (gradient.c).
static const uint64_t rows_max = (uint64_t)1 << 28;

struct boosting {
    const struct train_rows *rows;
    const struct tabular_options *options;
    struct pool *pool;
    struct progress *progress;
    struct bins bins, validate_bins;
    struct grower *grower;
    enum tabular_task task;
    uint32_t outputs;
    size_t padded, validate_padded;  // rows up to a multiple of 16
    float *target, *validate_target; // (padded)
    float *score, *validate_score;   // (K, padded)
    float *g, *h;                    // (K, padded)
    double *losses;                  // (pieces)
    double base[TABULAR_CLASSES_MAX];
    double unit; // regression: what one unit of score is in the target's units
    uint32_t round;
    uint32_t rounds_room;
    double best; // the least validation loss so far
    uint64_t kept_us;
    const float *loss_score, *loss_target; // what piece_loss works on
    size_t loss_stride, loss_rows, loss_step;
};

static size_t pad(uint64_t rows) {
    return (rows + 15) / 16 * 16;
}

static double target_of(const struct boosting *b, const uint32_t *rows, uint64_t i) {
    return b->rows->target->values[rows ? rows[i] : i];
}

// ---- start ------------------------------

static void base_of_classes(struct boosting *b) {
    double count[TABULAR_CLASSES_MAX] = {0};
    uint32_t classes = b->outputs == 1 ? 2 : b->outputs;
    uint64_t total = b->rows->train_count;
    for (uint64_t i = 0; i < total; i++) count[(uint32_t)target_of(b, b->rows->train, i)]++;
    // Half a row more for each class keeps the logarithm finite.
    for (uint32_t k = 0; k < classes; k++) count[k] = (count[k] + 0.5) / ((double)total + 1);
    if (b->outputs == 1)
        b->base[0] = log(count[1] / count[0]);
    else
        for (uint32_t k = 0; k < classes; k++) b->base[k] = log(count[k]);
}

static void base_of_numbers(struct boosting *b) {
    double mean = 0, spread = 0;
    uint64_t total = b->rows->train_count;
    for (uint64_t i = 0; i < total; i++) {
        double delta = target_of(b, b->rows->train, i) - mean;
        mean += delta / (double)(i + 1);
        spread += delta * (target_of(b, b->rows->train, i) - mean);
    }
    double deviation = total > 0 ? sqrt(spread / (double)total) : 0;
    b->base[0] = mean;
    b->unit = deviation > 0 && isfinite(deviation) ? deviation : 1;
}

static void fill_target(const struct boosting *b, const uint32_t *rows, uint64_t count,
                        float *target) {
    for (uint64_t i = 0; i < count; i++) {
        double value = target_of(b, rows, i);
        target[i] = (float)(b->task == TASK_REGRESSION ? (value - b->base[0]) / b->unit : value);
    }
}

static void fill_score(const struct boosting *b, float *score, size_t stride) {
    for (uint32_t k = 0; k < b->outputs && b->task != TASK_REGRESSION; k++) {
        for (size_t i = 0; i < stride; i++) score[k * stride + i] = (float)b->base[k];
    }
}

static enum err take_arrays(struct boosting *b) {
    size_t k = b->outputs, n = b->padded, v = b->validate_padded;
    uint64_t most = n > v ? n : v;
    b->target = memory_take(n * sizeof(float) + 1);
    b->validate_target = memory_take(v * sizeof(float) + 1);
    b->score = memory_take(k * n * sizeof(float) + 1);
    b->validate_score = memory_take(k * v * sizeof(float) + 1);
    b->g = memory_take(k * n * sizeof(float) + 1);
    b->h = memory_take(k * n * sizeof(float) + 1);
    b->losses = memory_take((most / GRADIENT_ROWS + 1) * sizeof(double));
    bool whole = b->target && b->validate_target && b->score && b->validate_score && b->g && b->h &&
                 b->losses;
    return whole ? OK : ERR_MEMORY;
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
    struct grow_options grow = {.depth = o->depth,
                                .learning_rate = o->learning_rate,
                                .l2 = o->l2,
                                .min_child_weight = o->min_child_weight,
                                .column_share = o->column_share};
    err = grower_open(&b->bins, &grow, b->pool, b->progress, &b->grower);
    if (err != OK) return err;
    b->unit = 1;
    if (b->task == TASK_REGRESSION)
        base_of_numbers(b);
    else
        base_of_classes(b);
    fill_target(b, rows->train, rows->train_count, b->target);
    fill_target(b, rows->validate, rows->validate_count, b->validate_target);
    fill_score(b, b->score, b->padded);
    fill_score(b, b->validate_score, b->validate_padded);
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
    size_t first = index * GRADIENT_ROWS;
    size_t count = b->rows->train_count - first;
    if (count > GRADIENT_ROWS) count = GRADIENT_ROWS;
    const float *score = b->score + first, *target = b->target + first;
    float *g = b->g + first, *h = b->h + first;
    if (b->task == TASK_BINARY) {
        gradient_kernels()->logistic(score, target, count, g, h);
    } else if (b->task == TASK_CLASSES) {
        gradient_kernels()->softmax(score, target, b->outputs, b->padded, count, g, h);
    } else {
        for (size_t i = 0; i < count; i++) {
            g[i] = score[i] - target[i];
            h[i] = 1;
        }
    }
    if (b->options->row_share >= 1) return;
    for (uint32_t k = 0; k < b->outputs; k++) {
        gradient_sample(g + k * b->padded, h + k * b->padded, count, b->options->row_share,
                        round_seed(b, 0) ^ 0x726F7773u, first);
    }
}

// Sum of the loss over every loss_step-th row of a piece; fixed pieces make the sum the same for
// any number of threads.
static void piece_loss(void *ctx, size_t index, uint32_t worker) {
    struct boosting *b = ctx;
    (void)worker;
    size_t first = index * GRADIENT_ROWS, end = first + GRADIENT_ROWS;
    if (end > b->loss_rows) end = b->loss_rows;
    double sum = 0;
    for (size_t j = first; j < end; j++) {
        size_t i = j * b->loss_step;
        double s = (double)b->loss_score[i], y = (double)b->loss_target[i];
        if (b->task == TASK_REGRESSION) {
            sum += (s - y) * (s - y);
        } else if (b->task == TASK_BINARY) {
            double margin = y > 0 ? s : -s;
            sum += margin > 0 ? log1p(exp(-margin)) : log1p(exp(margin)) - margin;
        } else {
            double top = s, total = 0;
            for (uint32_t k = 1; k < b->outputs; k++) {
                top = fmax(top, (double)b->loss_score[k * b->loss_stride + i]);
            }
            for (uint32_t k = 0; k < b->outputs; k++) {
                total += exp((double)b->loss_score[k * b->loss_stride + i] - top);
            }
            sum += log(total) + top - (double)b->loss_score[(size_t)y * b->loss_stride + i];
        }
    }
    b->losses[index] = sum;
}

static double mean_loss(struct boosting *b, const float *score, const float *target, size_t stride,
                        uint64_t rows, uint64_t rows_max_shown) {
    if (rows == 0) return NAN;
    b->loss_score = score;
    b->loss_target = target;
    b->loss_stride = stride;
    b->loss_step = rows > rows_max_shown ? rows / rows_max_shown : 1;
    b->loss_rows = rows / b->loss_step;
    size_t pieces = (b->loss_rows + GRADIENT_ROWS - 1) / GRADIENT_ROWS;
    pool_run(b->pool, pieces, piece_loss, b);
    double sum = 0;
    for (size_t i = 0; i < pieces; i++) sum += b->losses[i];
    double mean = sum / (double)b->loss_rows;
    return b->task == TASK_REGRESSION ? sqrt(mean) * b->unit : mean;
}

static enum err one_round(struct boosting *b, struct forest *forest) {
    size_t pieces = (b->rows->train_count + GRADIENT_ROWS - 1) / GRADIENT_ROWS;
    pool_run(b->pool, pieces, gradient_piece, b);
    for (uint32_t k = 0; k < b->outputs; k++) {
        enum err err = grow_tree(b->grower, b->g + k * b->padded, b->h + k * b->padded,
                                 round_seed(b, k), b->score + k * b->padded, forest);
        if (err != OK) return err;
        if (b->rows->validate_count > 0) {
            grower_score(b->grower, &b->validate_bins, b->validate_score + k * b->validate_padded);
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
    const struct train_rows *rows = b->rows;
    out->curve[b->round] = (struct round_loss){
        .train = mean_loss(b, b->score, b->target, b->padded, rows->train_count, CURVE_ROWS),
        .validate = mean_loss(b, b->validate_score, b->validate_target, b->validate_padded,
                              rows->validate_count, UINT64_MAX)};
    return OK;
}

// ---- checkpoints ------------------------------

// What a checkpoint must agree with: the options and the targets as they are learnt.
static uint32_t identity(const struct boosting *b) {
    const struct tabular_options *o = b->options;
    const uint64_t counts[] = {o->seed,       o->trees,
                               o->depth,      o->early_stop,
                               o->bins,       b->rows->frame->feature_count,
                               b->bins.count, b->rows->train_count};
    const double numbers[] = {o->learning_rate, o->l2,   o->min_child_weight, o->row_share,
                              o->column_share,  b->unit, b->base[0]};
    uint32_t crc = crc32c(0, counts, sizeof counts);
    crc = crc32c(crc, numbers, sizeof numbers);
    crc = crc32c(crc, b->target, b->rows->train_count * sizeof *b->target);
    return crc32c(crc, b->validate_target, b->rows->validate_count * sizeof *b->validate_target);
}

static struct boost_state state_of(struct boosting *b, struct boosted *out) {
    return (struct boost_state){.identity = identity(b),
                                .boosted = out,
                                .best_loss = b->best,
                                .score = b->score,
                                .validate_score = b->validate_score,
                                .scores = b->outputs * b->padded,
                                .validate_scores = b->outputs * b->validate_padded};
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
        double value = (double)node->value * b->unit;
        if (fabs(value) > 3e38) return ERR_LIMIT;
        node->value = (float)value;
    }
    forest->set_count = sets;
    for (uint32_t k = 0; k < b->outputs; k++) forest->base[k] = b->base[k];
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
    memory_give(b->losses);
    memory_give(b->h);
    memory_give(b->g);
    memory_give(b->validate_score);
    memory_give(b->score);
    memory_give(b->validate_target);
    memory_give(b->target);
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
                         .task = rows->target->task};
    b.outputs = b.task == TASK_CLASSES ? rows->target->class_count : 1;
    cy_assert(b.outputs <= TABULAR_CLASSES_MAX);
    b.padded = pad(rows->train_count);
    b.validate_padded = pad(rows->validate_count);
    struct boosted made = {.forest = {.outputs = b.outputs}};
    enum err err = ERR_MEMORY;
    made.forest.base = memory_take(b.outputs * sizeof(double));
    if (!made.forest.base) goto done;
    err = start(&b);
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
