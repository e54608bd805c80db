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

enum {
    EVEN_ROWS = 16,         // up to which a product waits for memory
    AHEAD_BYTES = 32 << 10, // fetched before a barrier: about what memory gives while one waits
};

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

// Few rows are done as fast as weights come from memory, many as fast as they are multiplied.
static bool next_part(const struct step *step, struct member *me, uint32_t count, uint32_t *first,
                      uint32_t *last) {
    if (step->count <= EVEN_ROWS) return team_next_even(me, count, 1, first, last);
    return team_next(me, count, 1, first, last);
}

// What the product after this one begins with: `count` parts of `groups` groups are shared out.
struct next {
    const struct matrix *matrix; // NULL: there is none
    uint32_t count, groups;
};

// Starts to fetch this member's share of it, before it waits for the others.
static void fetch_ahead(const struct step *step, const struct member *me, struct next next) {
    uint32_t first, last;
    if (step->count > EVEN_ROWS || !next.matrix || !next.matrix->packed) return;
    team_even(me, next.count, &first, &last);
    first *= next.groups;
    uint32_t groups = matrix_groups(next.matrix);
    if (first >= groups) return;
    size_t group_bytes = step->network->kernels->packed_bytes(next.matrix) / groups;
    const uint8_t *at = (const uint8_t *)next.matrix->packed + first * group_bytes;
    size_t bytes = (groups - first) * group_bytes;
    if (bytes > AHEAD_BYTES) bytes = AHEAD_BYTES;
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
}

static struct next next_of(const struct matrix *matrix) {
    return (struct next){matrix, matrix_groups(matrix), 1};
}

static void products(const struct step *step, struct member *me, const struct rows *x,
                     const struct target *targets, uint32_t target_count, size_t stride,
                     struct next next) {
    const struct kernels *kernels = step->network->kernels;
    uint32_t groups = 0, first, last;
    for (uint32_t i = 0; i < target_count; i++) groups += matrix_groups(targets[i].matrix);
    while (next_part(step, me, groups, &first, &last)) {
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
    fetch_ahead(step, me, next);
    team_barrier(me);
}

// ---- between the products ----------------------------------------------------------------------

static struct stream *stream_of(const struct step *step, const struct member *me) {
    struct network *n = step->network;
    return step->few ? &n->streams[me->index] : &n->stream;
}

// The rows whose streams this member goes on with: its share, or all of them.
static struct range stream_rows(const struct step *step, const struct member *me) {
    return step->few ? (struct range){0, step->count} : share_of(me, step->count);
}

static void embed(const struct step *step, uint32_t row, float *x) {
    struct network *n = step->network;
    const struct network_about *about = &n->about;
    const struct matrix *table = &n->weights.embedding;
    const struct batch_row *token = &step->rows[row];
    size_t width = about->width, bytes = (size_t)tensor_bytes(table->type, width);
    const uint8_t *at = (const uint8_t *)table->data + token->token * bytes;
    tensor_dequantise(table->type, at, width, x);
    if (n->weights.kinds) n->kernels->add(x, x, n->weights.kinds, width);
    if (n->weights.positions) {
        n->kernels->add(x, x, n->weights.positions + token->position * width, width);
    }
}

static void embed_rows(const struct step *step, struct member *me) {
    struct network *n = step->network;
    struct range own = stream_rows(step, me), share = share_of(me, step->count);
    float *x = stream_of(step, me)->x;
    size_t pairs = n->rope_size / 2;
    for (uint32_t row = own.first; row < own.last; row++) {
        embed(step, row, x + (size_t)row * n->about.width);
    }
    for (uint32_t row = share.first; row < share.last; row++) {
        rope_angles(n, step->rows[row].position, n->cosines + row * pairs, n->sines + row * pairs);
    }
}

// The residual stream of a row takes in what was added, and becomes the input of the next product.
struct prepare {
    const float *delta, *bias, *weight, *norm_bias;
};

static void row_prepare(const struct network *n, uint32_t row, struct prepare p, float *x,
                        float *out) {
    const struct kernels *kernels = n->kernels;
    size_t width = n->about.width;
    if (p.delta) kernels->add(x, x, p.delta + row * width, width);
    if (p.delta && p.bias) kernels->add(x, x, p.bias, width);
    if (!n->about.encodes) {
        kernels->rms_norm(out, x, p.weight, width, n->epsilon);
        return;
    }
    if (p.weight) kernels->layer_norm(x, x, p.weight, p.norm_bias, width, n->epsilon);
    memcpy(out, x, width * sizeof *x);
}

// What the next products read, `normed`: of all rows, behind a barrier unless they are few.
static const struct rows *rows_prepare(const struct step *step, struct member *me,
                                       struct prepare p) {
    const struct network *n = step->network;
    struct stream *stream = stream_of(step, me);
    struct range own = stream_rows(step, me);
    struct rows *out = &stream->normed;
    for (uint32_t row = own.first; row < own.last; row++) {
        row_prepare(n, row, p, stream->x + (size_t)row * n->about.width,
                    out->values + (size_t)row * out->stride);
    }
    if (n->quantised) n->kernels->quantise(out, own.first, own.last);
    if (!step->few) team_barrier(me);
    return out;
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
        uint32_t block = part.first / TENSOR_BLOCK;
        if (layer->up_bias) kernels->add(up, up, layer->up_bias + part.first, count);
        if (layer->gate_bias) kernels->add(gate, gate, layer->gate_bias + part.first, count);
        if (layer->gate.data) {
            kernels->silu_mul(out, gate, up, count);
        } else {
            kernels->gelu(out, up, count);
        }
        if (n->quantised) {
            kernels->quantise_blocks(&n->hidden, row, block,
                                     (part.last + TENSOR_BLOCK - 1) / TENSOR_BLOCK);
        }
    }
}

enum { INNER_GROUPS = TENSOR_BLOCK / TENSOR_GROUP }; // whose outputs are a block of the next input

static uint32_t inner_parts(const struct layer *layer) {
    return (matrix_groups(&layer->up) + INNER_GROUPS - 1) / INNER_GROUPS;
}

static void inner_run(const struct step *step, struct member *me, const struct layer *layer,
                      const struct rows *normed, struct next next) {
    struct network *n = step->network;
    uint32_t first, last, inner = n->about.inner, groups = matrix_groups(&layer->up);
    while (next_part(step, me, inner_parts(layer), &first, &last)) {
        uint32_t from = first * INNER_GROUPS, to = last * INNER_GROUPS;
        if (to > groups) to = groups;
        n->kernels->product(&layer->up, normed, n->inner, inner, from, to);
        if (layer->gate.data) {
            n->kernels->product(&layer->gate, normed, n->inner_gate, inner, from, to);
        }
        uint32_t end = to * TENSOR_GROUP < inner ? to * TENSOR_GROUP : inner;
        inner_join(step, layer, (struct range){from * TENSOR_GROUP, end});
    }
    fetch_ahead(step, me, next_of(&layer->down));
    team_barrier(me);
    products(step, me, &n->hidden, &(struct target){&layer->down, n->delta}, 1, n->about.width,
             next);
}

// ---- the step ----------------------------------------------------------------------------------

static void attention_layer(const struct step *step, struct member *me, uint32_t index,
                            const struct rows *normed) {
    struct network *n = step->network;
    const struct layer *layer = &n->weights.layers[index];
    uint32_t queries = layer->query.rows, keys = layer->key.rows;
    const struct target targets[] = {{&layer->query, n->heads},
                                     {&layer->key, n->heads + queries},
                                     {&layer->value, n->heads + queries + keys}};
    products(step, me, normed, targets, 3, queries + 2 * (size_t)keys, next_of(&layer->output));
    attention_put(step, me, index);
    if (!step->alone) team_barrier(me);
    attention_run(step, me, index);
    products(step, me, &n->attended, &(struct target){&layer->output, n->delta}, 1, n->about.width,
             (struct next){&layer->up, inner_parts(layer), INNER_GROUPS});
}

// What layer `index` begins with; behind the last one, the head.
static struct next layer_next(const struct network *n, uint32_t index) {
    if (index == n->about.layers) {
        return n->about.encodes ? (struct next){0} : next_of(&n->weights.head);
    }
    const struct layer *layer = &n->weights.layers[index];
    return (struct next){&layer->query,
                         matrix_groups(&layer->query) + matrix_groups(&layer->key) +
                             matrix_groups(&layer->value),
                         1};
}

// The rows whose logits are wanted: the input of the head.
static const struct rows *wanted_prepare(const struct step *step, struct member *me,
                                         struct prepare p) {
    struct network *n = step->network;
    struct stream *stream = stream_of(step, me);
    struct rows *last = step->few ? &stream->normed : &n->last;
    struct range share = share_of(me, step->wanted_count);
    if (step->few) {
        share = (struct range){0, step->wanted_count};
        rows_shape(last, step->wanted_count, n->about.width);
    }
    for (uint32_t i = share.first; i < share.last; i++) {
        uint32_t row = step->wanted[i];
        row_prepare(n, row, p, stream->x + (size_t)row * n->about.width,
                    last->values + (size_t)i * last->stride);
    }
    if (n->quantised) n->kernels->quantise(last, share.first, share.last);
    if (!step->few) team_barrier(me);
    return last;
}

static const struct rows *layers_run(const struct step *step, struct member *me) {
    struct network *n = step->network;
    bool encodes = n->about.encodes;
    struct prepare next = {NULL, NULL, encodes ? n->weights.norm : NULL, n->weights.norm_bias};
    for (uint32_t i = 0; i < n->about.layers; i++) {
        const struct layer *layer = &n->weights.layers[i];
        if (!encodes) next.weight = layer->attention_norm;
        attention_layer(step, me, i, rows_prepare(step, me, next));
        next = (struct prepare){n->delta, layer->output_bias,
                                encodes ? layer->attention_norm : layer->inner_norm,
                                layer->attention_norm_bias};
        inner_run(step, me, layer, rows_prepare(step, me, next), layer_next(n, i + 1));
        next = (struct prepare){n->delta, layer->down_bias, encodes ? layer->inner_norm : NULL,
                                layer->inner_norm_bias};
    }
    if (!encodes) next.weight = n->weights.norm;
    return wanted_prepare(step, me, next);
}

static void step_run(void *ctx, struct member *me) {
    const struct step *step = ctx;
    struct network *n = step->network;
    embed_rows(step, me);
    const struct rows *last = layers_run(step, me); // its first phase takes the same share of rows
    if (!step->logits || step->wanted_count == 0) return;
    products(step, me, last, &(struct target){&n->weights.head, step->logits}, 1,
             n->about.vocabulary, (struct next){0});
}

void network_run(struct step *step) {
    struct network *n = step->network;
    step->few = step->count <= STREAM_ROWS && !n->about.encodes;
    for (uint32_t i = 0; i < team_count(n->team) && step->few; i++) {
        rows_shape(&n->streams[i].normed, step->count, n->about.width);
    }
    if (!step->few) rows_shape(&n->stream.normed, step->count, n->about.width);
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
