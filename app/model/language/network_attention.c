// Attention: each row's queries over the keys and values of its sequence, page by page, with the
// softmax kept up as pages come (Milakov and Gimelshein 2018). Rows of a block share the pages they
// read, and the query heads of a group share keys.
#include <math.h>
#include <string.h>

#include "model/language/network_private.h"

static uint32_t group_of(const struct network *network) {
    return network->about.heads / network->about.kv_heads;
}

uint32_t attention_rows(const struct network *network) {
    uint32_t group = group_of(network);
    return group < ATTENTION_QUERIES ? ATTENTION_QUERIES / group : 1;
}

// Whether a group's results are whole blocks of the next product's input.
static bool attention_quantises(const struct network *network) {
    return network->quantised && group_of(network) * network->about.head_size % TENSOR_BLOCK == 0;
}

static uint32_t queries_max(const struct network *network) {
    uint32_t group = group_of(network);
    return group > ATTENTION_QUERIES ? group : ATTENTION_QUERIES;
}

static size_t in_blocks(size_t floats) {
    return (floats + 15) & ~(size_t)15;
}

size_t attention_work_floats(const struct network *network) {
    size_t queries = queries_max(network);
    return 2 * in_blocks(queries * network->about.head_size) + 2 * queries * CACHE_PAGE_TOKENS +
           2 * in_blocks(queries);
}

void attention_work_place(const struct network *network, float *memory,
                          struct attention_work *out) {
    size_t queries = queries_max(network), heads = in_blocks(queries * network->about.head_size);
    out->queries = memory;
    out->mixed = memory + heads;
    out->scores = out->mixed + heads;
    out->rest = out->scores + queries * CACHE_PAGE_TOKENS;
    out->most = out->rest + queries * CACHE_PAGE_TOKENS;
    out->sum = out->most + in_blocks(queries);
}

// ---- keys and values ---------------------------------------------------------------------------

struct span { // of one head, from a multiple of CACHE_PAGE_TOKENS on
    uint16_t *keys, *values;
    size_t stride;
    size_t rest; // elements from first parts to second ones; 0: there are none
};

static struct span span_at(const struct step *step, const struct batch_row *row, uint32_t page,
                           uint32_t layer, uint32_t head) {
    const struct network *n = step->network;
    size_t size = n->about.head_size, stride = 2 * n->about.kv_heads * size;
    if (n->about.encodes) {
        uint16_t *start = n->halves_kept + page * CACHE_PAGE_TOKENS * stride + head * size;
        return (struct span){start, start + n->about.kv_heads * size, stride, 0};
    }
    const struct cache *cache = row->sequence->cache;
    uint16_t *keys = cache_keys(row->sequence, page, layer, head);
    return (struct span){keys, keys + cache_values_at(cache), size,
                         n->cache_parts == 2 ? cache_rest_at(cache) : 0};
}

// Floats as halves, and what these leave as halves behind them.
static void halves_put(const struct network *n, const struct span *span, uint16_t *out,
                       const float *x) {
    float rest[NETWORK_HEAD_SIZE_MAX];
    size_t size = n->about.head_size;
    n->kernels->to_f16(out, x, size);
    if (!span->rest) return;
    n->kernels->from_f16(rest, out, size);
    for (size_t i = 0; i < size; i++) rest[i] = x[i] - rest[i];
    n->kernels->to_f16(out + span->rest, rest, size);
}

// A head of a row: its bias, its norm, its rotation.
static void head_finish(const struct network *n, uint32_t row, float *head, const float *bias,
                        const float *norm) {
    size_t size = n->about.head_size, pairs = n->rope_size / 2;
    if (bias) n->kernels->add(head, head, bias, size);
    if (norm) n->kernels->rms_norm(head, head, norm, size, n->epsilon);
    if (pairs) {
        n->kernels->rope(head, n->cosines + row * pairs, n->sines + row * pairs, n->rope_size,
                         n->halves);
    }
}

static void heads_put(const struct step *step, uint32_t row, uint32_t layer_index, uint32_t head) {
    const struct network *n = step->network;
    const struct layer *layer = &n->weights.layers[layer_index];
    size_t size = n->about.head_size, group = group_of(n);
    size_t keys_at = n->about.heads * size, values_at = keys_at + n->about.kv_heads * size;
    float *all = n->heads + row * (values_at + n->about.kv_heads * size);
    for (size_t i = head * group; i < (head + 1) * group; i++) {
        head_finish(n, row, all + i * size, layer->query_bias ? layer->query_bias + i * size : NULL,
                    layer->query_norm);
    }
    float *key = all + keys_at + head * size, *value = all + values_at + head * size;
    head_finish(n, row, key, layer->key_bias ? layer->key_bias + head * size : NULL,
                layer->key_norm);
    if (layer->value_bias) n->kernels->add(value, value, layer->value_bias + head * size, size);
    const struct batch_row *token = &step->rows[row];
    struct span span = span_at(step, token, token->position / CACHE_PAGE_TOKENS, layer_index, head);
    size_t offset = token->position % CACHE_PAGE_TOKENS * span.stride;
    halves_put(n, &span, span.keys + offset, key);
    halves_put(n, &span, span.values + offset, value);
}

// Member i takes the things i, i + count …; so does attention_run where no row looks at another
// one's, which then needs no barrier between the two.
void attention_put(const struct step *step, struct member *me, uint32_t layer) {
    uint32_t heads = step->network->about.kv_heads;
    for (uint32_t i = me->index; i < step->count * heads; i += me->count) {
        heads_put(step, i / heads, layer, i % heads);
    }
}

// ---- scores and their mean ---------------------------------------------------------------------

// What one member computes at a time.
struct looking {
    const struct step *step;
    struct attention_work *work;
    struct block block;
    uint32_t layer, head; // kv head
};

// Places [*low, *high) of a page that a row looks at.
static void places_seen(const struct looking *l, uint32_t row, uint32_t page, uint32_t *low,
                        uint32_t *high) {
    const struct network_about *about = &l->step->network->about;
    uint32_t start = page * CACHE_PAGE_TOKENS;
    uint32_t end = about->encodes ? l->step->count : l->step->rows[row].position + 1;
    uint32_t first = about->window && end > about->window ? end - about->window : 0;
    *low = first > start ? first - start : 0;
    if (*low > CACHE_PAGE_TOKENS) *low = CACHE_PAGE_TOKENS;
    *high = end > start ? end - start : 0;
    if (*high > CACHE_PAGE_TOKENS) *high = CACHE_PAGE_TOKENS;
    if (*low > *high) *low = *high;
}

// Scores of a query become weights, what was mixed so far is scaled to the new maximum.
static void weights_make(const struct looking *l, uint32_t query, uint32_t low, uint32_t high,
                         uint32_t count) {
    const struct kernels *kernels = l->step->network->kernels;
    struct attention_work *w = l->work;
    size_t size = l->step->network->about.head_size;
    float *scores = w->scores + (size_t)query * CACHE_PAGE_TOKENS;
    for (uint32_t i = 0; i < low; i++) scores[i] = 0;
    for (uint32_t i = high; i < count; i++) scores[i] = 0;
    if (low >= high) return;
    float most = kernels->max(scores + low, high - low);
    if (most > w->most[query]) {
        float scale = expf(w->most[query] - most);
        w->sum[query] *= scale;
        kernels->scale(w->mixed + query * size, size, scale);
        w->most[query] = most;
    }
    w->sum[query] += kernels->exp_sum(scores + low, high - low, w->most[query]);
}

// A kernel may sum in another order for many queries: few rows are looked at one by one, so that
// each has the bits that it has alone.
static void scores_of(const struct looking *l, float *out, const uint16_t *keys, size_t stride,
                      uint32_t count) {
    const struct network *n = l->step->network;
    uint32_t size = n->about.head_size, queries = l->block.count * group_of(n);
    uint32_t together = l->block.count <= ROWS_ALIKE ? group_of(n) : queries;
    float factor = 1 / sqrtf((float)size);
    for (uint32_t q = 0; q < queries; q += together) {
        n->kernels->scores(out + (size_t)q * CACHE_PAGE_TOKENS, CACHE_PAGE_TOKENS,
                           l->work->queries + (size_t)q * size, size, together, keys, stride, count,
                           size, factor);
    }
}

static void scores_make(const struct looking *l, const struct span *span, uint32_t queries,
                        uint32_t count) {
    const struct network *n = l->step->network;
    struct attention_work *w = l->work;
    scores_of(l, w->scores, span->keys, span->stride, count);
    if (!span->rest) return;
    scores_of(l, w->rest, span->keys + span->rest, span->stride, count);
    for (uint32_t q = 0; q < queries; q++) {
        float *scores = w->scores + (size_t)q * CACHE_PAGE_TOKENS;
        n->kernels->add(scores, scores, w->rest + (size_t)q * CACHE_PAGE_TOKENS, count);
    }
}

static void page_look(const struct looking *l, uint32_t page) {
    const struct network *n = l->step->network;
    struct attention_work *w = l->work;
    uint32_t size = n->about.head_size, group = group_of(n), count = 0, low, high;
    for (uint32_t r = 0; r < l->block.count; r++) {
        places_seen(l, l->block.first + r, page, &low, &high);
        if (high > count) count = high;
    }
    if (count == 0) return;
    const struct batch_row *first = &l->step->rows[l->block.first];
    struct span span = span_at(l->step, first, page, l->layer, l->head);
    uint32_t queries = l->block.count * group;
    scores_make(l, &span, queries, count);
    for (uint32_t q = 0; q < queries; q++) {
        places_seen(l, l->block.first + q / group, page, &low, &high);
        weights_make(l, q, low, high, count);
    }
    n->kernels->mix(w->mixed, size, w->scores, CACHE_PAGE_TOKENS, queries, span.values, span.stride,
                    count, size);
    if (!span.rest) return;
    n->kernels->mix(w->mixed, size, w->scores, CACHE_PAGE_TOKENS, queries, span.values + span.rest,
                    span.stride, count, size);
}

// The group's query heads of the block's rows; their results go to the rows of `attended`.
static void block_look(const struct looking *l) {
    struct network *n = l->step->network;
    struct attention_work *w = l->work;
    size_t size = n->about.head_size, group = group_of(n), part = group * size;
    size_t stride = (n->about.heads + 2 * (size_t)n->about.kv_heads) * size;
    for (uint32_t r = 0; r < l->block.count; r++) {
        const float *queries = n->heads + (l->block.first + r) * stride + l->head * part;
        memcpy(w->queries + r * part, queries, part * sizeof *queries);
    }
    memset(w->mixed, 0, l->block.count * part * sizeof *w->mixed);
    for (uint32_t q = 0; q < l->block.count * group; q++) {
        w->most[q] = -INFINITY;
        w->sum[q] = 0;
    }
    uint32_t last_row = l->block.first + l->block.count - 1, low, high;
    uint32_t last = n->about.encodes ? l->step->count - 1 : l->step->rows[last_row].position;
    for (uint32_t page = 0; page <= last / CACHE_PAGE_TOKENS; page++) {
        if (n->about.window) {
            places_seen(l, l->block.first, page, &low, &high);
            if (low >= high && high == CACHE_PAGE_TOKENS) continue; // left behind by all
        }
        page_look(l, page);
    }
    for (uint32_t q = 0; q < l->block.count * group; q++) {
        float *out = n->attended.values +
                     (size_t)(l->block.first + q / group) * n->attended.stride + l->head * part +
                     q % group * size;
        memcpy(out, w->mixed + q * size, size * sizeof *out);
        n->kernels->scale(out, size, 1 / w->sum[q]);
    }
    for (uint32_t r = 0; r < l->block.count && attention_quantises(n); r++) {
        n->kernels->quantise_blocks(&n->attended, l->block.first + r,
                                    (uint32_t)(l->head * part / TENSOR_BLOCK),
                                    (uint32_t)((l->head + 1) * part / TENSOR_BLOCK));
    }
}

void attention_run(const struct step *step, struct member *me, uint32_t layer) {
    struct network *n = step->network;
    uint32_t heads = n->about.kv_heads, count = step->block_count * heads, first, last;
    struct looking l = {.step = step, .work = &n->works[me->index], .layer = layer};
    for (uint32_t i = me->index; step->alone && i < count; i += me->count) {
        l.block = step->blocks[i / heads];
        l.head = i % heads;
        block_look(&l);
    }
    while (!step->alone && team_next(me, count, 1, &first, &last)) {
        for (uint32_t i = first; i < last; i++) {
            l.block = step->blocks[step->block_count - 1 - i / heads]; // the longest first
            l.head = i % heads;
            block_look(&l);
        }
    }
    team_barrier(me);
    if (!n->quantised || attention_quantises(n)) return;
    for (uint32_t row = me->index; row < step->count; row += me->count) {
        n->kernels->quantise(&n->attended, row, row + 1);
    }
    team_barrier(me);
}
