// A step: every member of the team goes through the layers together and does its share of each
// phase. What a phase writes is read by all after the barrier behind it.
//
//   decoder   x = embedding; per layer x += attention(norm(x)), x += inner(norm(x)); norm; head
//   encoder   x = norm(embedding + place + kind); per layer x = norm(x + attention(x)),
//             x = norm(x + inner(x))
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "model/language/network_private.h"

// ---- shares ------------------------------------------------------------------------------------

struct range {
    uint32_t first, last;
};
static struct range share_of(const struct member *me, uint32_t count) {
    uint64_t first = (uint64_t)count * me->index / me->count;
    uint64_t last = (uint64_t)count * (me->index + 1) / me->count;
    return (struct range){(uint32_t)first, (uint32_t)last};
}

// One of several matrices with the same input, whose groups are shared out in one row.
struct target {
    const struct matrix *matrix;
    float *out;
};

static void products(const struct step *step, struct member *me, const struct rows *x,
                     const struct target *targets, uint32_t target_count, size_t stride) {
    const struct kernels *kernels = step->network->kernels;
    uint32_t groups = 0, first, last;
    for (uint32_t i = 0; i < target_count; i++) groups += matrix_groups(targets[i].matrix);
    while (team_next(me, groups, 1, &first, &last)) {
        uint32_t start = 0;
        for (uint32_t i = 0; i < target_count; i++) {
            uint32_t end = start + matrix_groups(targets[i].matrix);
            uint32_t from = first > start ? first : start, to = last < end ? last : end;
            if (from < to) {
                kernels->product(targets[i].matrix, x, targets[i].out, stride, from - start,
                                 to - start);
            }
            start = end;
        }
    }
    team_barrier(me);
}

// ---- between the products ----------------------------------------------------------------------

static void embed(const struct step *step, uint32_t row) {
    struct network *n = step->network;
    const struct network_about *about = &n->about;
    const struct matrix *table = &n->weights.embedding;
    const struct batch_row *token = &step->rows[row];
    size_t width = about->width, bytes = (size_t)tensor_bytes(table->type, width);
    float *x = n->x + row * width;
    const uint8_t *at = (const uint8_t *)table->data + token->token * bytes;
    tensor_dequantise(table->type, at, width, x);
    if (n->weights.kinds) n->kernels->add(x, x, n->weights.kinds, width);
    if (n->weights.positions) {
        n->kernels->add(x, x, n->weights.positions + token->position * width, width);
    }
    size_t pairs = n->rope_size / 2;
    rope_angles(n, token->position, n->cosines + row * pairs, n->sines + row * pairs);
}

// The residual stream of a row takes in what was added, and becomes the input of the next product.
static void row_prepare(const struct step *step, uint32_t row, const float *delta,
                        const float *bias, const float *weight, const float *norm_bias,
                        float *out) {
    struct network *n = step->network;
    const struct kernels *kernels = n->kernels;
    size_t width = n->about.width;
    float *x = n->x + row * width;
    if (delta) kernels->add(x, x, delta + row * width, width);
    if (delta && bias) kernels->add(x, x, bias, width);
    if (!n->about.encodes) {
        kernels->rms_norm(out, x, weight, width, n->epsilon);
        return;
    }
    if (weight) kernels->layer_norm(x, x, weight, norm_bias, width, n->epsilon);
    memcpy(out, x, width * sizeof *x);
}

struct prepare {
    const float *delta, *bias, *weight, *norm_bias;
};

static void rows_prepare(const struct step *step, struct member *me, struct prepare p) {
    struct rows *out = &step->network->normed;
    struct range share = share_of(me, step->count);
    for (uint32_t row = share.first; row < share.last; row++) {
        row_prepare(step, row, p.delta, p.bias, p.weight, p.norm_bias,
                    out->values + (size_t)row * out->stride);
    }
    if (step->network->quantised) step->network->kernels->quantise(out, share.first, share.last);
    team_barrier(me);
}

static void rows_quantise(const struct step *step, struct member *me, struct rows *rows) {
    if (!step->network->quantised) return;
    struct range share = share_of(me, rows->count);
    step->network->kernels->quantise(rows, share.first, share.last);
    team_barrier(me);
}

// ---- the inner layer ---------------------------------------------------------------------------

// Rows [first, last) of gate and up, put together as the input of the last product.
static void inner_join(const struct step *step, const struct layer *layer, struct range part) {
    struct network *n = step->network;
    const struct kernels *kernels = n->kernels;
    size_t inner = n->about.inner, count = part.last - part.first;
    for (uint32_t row = 0; row < step->count; row++) {
        float *up = n->inner + row * inner + part.first;
        float *gate = n->inner_gate + row * inner + part.first;
        float *out = n->hidden.values + (size_t)row * n->hidden.stride + part.first;
        if (layer->up_bias) kernels->add(up, up, layer->up_bias + part.first, count);
        if (layer->gate_bias) kernels->add(gate, gate, layer->gate_bias + part.first, count);
        if (layer->gate.data) {
            kernels->silu_mul(out, gate, up, count);
        } else {
            kernels->gelu(out, up, count);
        }
    }
}

static void inner_run(const struct step *step, struct member *me, const struct layer *layer) {
    struct network *n = step->network;
    uint32_t first, last, inner = n->about.inner;
    while (team_next(me, matrix_groups(&layer->up), 1, &first, &last)) {
        n->kernels->product(&layer->up, &n->normed, n->inner, inner, first, last);
        if (layer->gate.data) {
            n->kernels->product(&layer->gate, &n->normed, n->inner_gate, inner, first, last);
        }
        uint32_t end = last * TENSOR_GROUP < inner ? last * TENSOR_GROUP : inner;
        inner_join(step, layer, (struct range){first * TENSOR_GROUP, end});
    }
    team_barrier(me);
    rows_quantise(step, me, &n->hidden);
    products(step, me, &n->hidden, &(struct target){&layer->down, n->delta}, 1, n->about.width);
}

// ---- the step ----------------------------------------------------------------------------------

static void attention_layer(const struct step *step, struct member *me, uint32_t index) {
    struct network *n = step->network;
    const struct layer *layer = &n->weights.layers[index];
    uint32_t queries = layer->query.rows, keys = layer->key.rows;
    const struct target targets[] = {{&layer->query, n->heads},
                                     {&layer->key, n->heads + queries},
                                     {&layer->value, n->heads + queries + keys}};
    products(step, me, &n->normed, targets, 3, queries + 2 * (size_t)keys);
    attention_put(step, me, index);
    if (!step->alone) team_barrier(me);
    attention_run(step, me, index);
    team_barrier(me);
    rows_quantise(step, me, &n->attended);
    products(step, me, &n->attended, &(struct target){&layer->output, n->delta}, 1, n->about.width);
}

static void layers_run(const struct step *step, struct member *me) {
    struct network *n = step->network;
    bool encodes = n->about.encodes;
    struct prepare next = {NULL, NULL, encodes ? n->weights.norm : NULL, n->weights.norm_bias};
    for (uint32_t i = 0; i < n->about.layers; i++) {
        const struct layer *layer = &n->weights.layers[i];
        if (!encodes) next.weight = layer->attention_norm;
        rows_prepare(step, me, next);
        attention_layer(step, me, i);
        next = (struct prepare){n->delta, layer->output_bias,
                                encodes ? layer->attention_norm : layer->inner_norm,
                                layer->attention_norm_bias};
        rows_prepare(step, me, next);
        inner_run(step, me, layer);
        next = (struct prepare){n->delta, layer->down_bias, encodes ? layer->inner_norm : NULL,
                                layer->inner_norm_bias};
    }
    struct rows *last = &n->last;
    struct range share = share_of(me, step->wanted_count);
    if (!encodes) next.weight = n->weights.norm;
    for (uint32_t i = share.first; i < share.last; i++) {
        row_prepare(step, step->wanted[i], next.delta, next.bias, next.weight, next.norm_bias,
                    last->values + (size_t)i * last->stride);
    }
    if (n->quantised) n->kernels->quantise(last, share.first, share.last);
    team_barrier(me);
}

static void step_run(void *ctx, struct member *me) {
    const struct step *step = ctx;
    struct network *n = step->network;
    struct range share = share_of(me, step->count);
    for (uint32_t row = share.first; row < share.last; row++) embed(step, row);
    layers_run(step, me); // its first phase takes the same share of rows
    if (!step->logits || step->wanted_count == 0) return;
    products(step, me, &n->last, &(struct target){&n->weights.head, step->logits}, 1,
             n->about.vocabulary);
}

void network_run(struct step *step) {
    struct network *n = step->network;
    rows_shape(&n->normed, step->count, n->normed.columns);
    rows_shape(&n->attended, step->count, n->attended.columns);
    rows_shape(&n->hidden, step->count, n->hidden.columns);
    rows_shape(&n->last, step->wanted_count, n->last.columns);
    team_run(n->team, step_run, step);
}

// ---- what callers see --------------------------------------------------------------------------

// Rows of one sequence in a row make blocks of at most `most`; `alone` if each is but one row.
static void blocks_find(struct step *step, struct block *blocks, uint32_t most) {
    step->blocks = blocks;
    step->block_count = 0;
    step->alone = true;
    for (uint32_t i = 0; i < step->count; i++) {
        struct block *last = step->block_count ? &blocks[step->block_count - 1] : NULL;
        bool same = i > 0 && step->rows[i - 1].sequence == step->rows[i].sequence;
        if (same) step->alone = false;
        if (same && last->count < most) {
            last->count++;
        } else {
            blocks[step->block_count++] = (struct block){i, 1};
        }
    }
}

// Pages for all rows, or none: a sequence's rows stand together.
static enum err pages_reserve(const struct batch_row *rows, uint32_t count) {
    enum err err = OK;
    for (uint32_t i = 0, end; i < count && err == OK; i = end) {
        for (end = i + 1; end < count && rows[end].sequence == rows[i].sequence;) end++;
        cy_assert(rows[i].position == rows[i].sequence->length);
        err = sequence_reserve(rows[i].sequence, end - i);
    }
    return err;
}

enum err network_step(struct network *network, const struct batch_row *rows, uint32_t count,
                      float *logits) {
    struct block blocks[NETWORK_ROWS];
    uint32_t wanted[NETWORK_ROWS];
    struct step step = {
        .network = network, .rows = rows, .count = count, .wanted = wanted, .logits = logits};
    cy_assert(count <= network->rows_max && !network->about.encodes);
    if (count == 0) return OK;
    enum err err = pages_reserve(rows, count);
    if (err != OK) return err;
    for (uint32_t i = 0; i < count; i++) {
        cy_assert(rows[i].token < network->about.vocabulary);
        if (rows[i].logits) wanted[step.wanted_count++] = i;
    }
    blocks_find(&step, blocks, attention_rows(network));
    network_run(&step);
    for (uint32_t i = 0; i < count; i++) sequence_add(rows[i].sequence, rows[i].token);
    return OK;
}

static void pool(const struct network *network, uint32_t count, float *out) {
    size_t width = network->about.width;
    const struct rows *last = &network->last;
    double square = 0;
    memset(out, 0, width * sizeof *out);
    for (uint32_t row = 0; row < count; row++) {
        if (network->pooling == POOLING_FIRST && row > 0) break;
        if (network->pooling == POOLING_LAST && row + 1 < count) continue;
        const float *values = last->values + (size_t)row * last->stride;
        for (size_t i = 0; i < width; i++) out[i] += values[i];
    }
    for (size_t i = 0; i < width; i++) square += (double)out[i] * out[i];
    double scale = square > 0 ? 1 / sqrt(square) : 0;
    for (size_t i = 0; i < width; i++) out[i] = (float)(out[i] * scale);
}

enum err network_embed(struct network *network, const uint32_t *tokens, uint32_t count, float *out,
                       struct fault *fault) {
    struct batch_row rows[NETWORK_ROWS];
    struct block blocks[NETWORK_ROWS];
    uint32_t wanted[NETWORK_ROWS];
    struct sequence text = {0};
    struct step step = {.network = network, .rows = rows, .count = count, .wanted = wanted};
    if (!network->about.encodes) {
        return fault_set(fault, ERR_INPUT, "network.embeds_not", STR_NONE);
    }
    if (count > network->about.context) {
        return fault_set(fault, ERR_LIMIT, "network.too_long", STR_NONE);
    }
    for (uint32_t i = 0; i < count; i++) {
        cy_assert(tokens[i] < network->about.vocabulary);
        rows[i] = (struct batch_row){&text, i, tokens[i], true};
        wanted[step.wanted_count++] = i;
    }
    blocks_find(&step, blocks, attention_rows(network));
    if (count) network_run(&step);
    pool(network, count, out);
    return OK;
}
