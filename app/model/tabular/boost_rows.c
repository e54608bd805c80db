// See boost_rows_private.h.

#include "model/tabular/boost_rows_private.h"

#include <math.h>
#include <string.h>

enum { REFRESH_ROWS = 16 * 1024 };

static uint64_t copies_of(double weight) {
    return weight > row_weight_max ? (uint64_t)ceil(weight / row_weight_max) : 1;
}

enum err rows_lay_out(const struct train_rows *rows, struct train_rows *out, uint32_t **out_list,
                      double **out_weight) {
    struct truth truth = truth_of(rows, rows->train, rows->train_count);
    uint64_t count = 0;
    *out = *rows;
    for (uint64_t i = 0; i < truth.count; i++) count += copies_of(truth_weight(&truth, i));
    if (count == rows->train_count) return OK;
    uint32_t *list = memory_take(count * sizeof *list);
    double *weight = memory_take(rows->frame->rows * sizeof *weight);
    if (!list || !weight) {
        memory_give(list);
        memory_give(weight);
        return ERR_MEMORY;
    }
    memcpy(weight, rows->weight, rows->frame->rows * sizeof *weight);
    uint64_t at = 0;
    for (uint64_t i = 0; i < truth.count; i++) {
        uint64_t row = truth_row(&truth, i), copies = copies_of(truth_weight(&truth, i));
        weight[row] /= (double)copies;
        for (uint64_t c = 0; c < copies; c++) list[at++] = (uint32_t)row;
    }
    out->train = *out_list = list;
    out->train_count = count;
    out->weight = *out_weight = weight;
    return OK;
}

enum err loss_side_open(const struct loss *loss, const struct loss_shape *shape,
                        const struct truth *truth, const struct loss_start *start,
                        struct loss_side *out) {
    struct loss_side side = {.shape = *shape, .rows = truth->count};
    side.stride = (truth->count + 15) / 16 * 16;
    side.target = memory_take(side.stride * sizeof(float) + 1);
    side.score = memory_take(shape->outputs * side.stride * sizeof(float) + 1);
    if (truth->weight) side.weight = memory_take(side.stride * sizeof(float) + 1);
    bool whole = side.target && side.score && (side.weight || !truth->weight);
    if (!whole || (loss->whole && cox_open(truth, &side.cox) != OK)) {
        loss_side_close(&side);
        return ERR_MEMORY;
    }
    for (uint64_t i = 0; i < side.rows; i++) {
        double value = truth_value(truth, i);
        if (loss->standardised) value = (value - start->base[0]) / start->unit;
        side.target[i] = (float)value;
        if (side.weight) side.weight[i] = (float)truth_weight(truth, i);
    }
    for (uint32_t k = 0; k < shape->outputs && !loss->standardised; k++) {
        for (size_t i = 0; i < side.stride; i++) {
            side.score[k * side.stride + i] = (float)start->base[k];
        }
    }
    *out = side;
    return OK;
}

void loss_side_close(struct loss_side *side) {
    cox_close(side->cox);
    memory_give(side->weight);
    memory_give(side->score);
    memory_give(side->target);
    *side = (struct loss_side){0};
}

static void margin_piece(void *ctx, size_t index, uint32_t worker) {
    const struct loss_side *side = ctx;
    double *margin = cox_margins(side->cox);
    (void)worker;
    uint64_t first = (uint64_t)index * REFRESH_ROWS, end = first + REFRESH_ROWS;
    if (end > side->rows) end = side->rows;
    for (uint64_t i = first; i < end; i++) margin[i] = (double)side->score[i];
}

void loss_side_refresh(struct loss_side *side, struct pool *pool) {
    if (!side->cox) return;
    pool_run(pool, (side->rows + REFRESH_ROWS - 1) / REFRESH_ROWS, margin_piece, side);
    cox_run(side->cox, pool);
}
