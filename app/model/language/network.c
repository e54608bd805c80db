#include "model/language/network.h"

#include <string.h>

#include "base/assert.h"
#include "model/language/network_private.h"

static const uint64_t vectors_bytes_max = (uint64_t)1 << 31, step_bytes_aim = (uint64_t)1 << 29;
enum { BLOCK_WIDTH = 32 }; // rows of activations are whole blocks

static uint64_t rounded(uint64_t count) {
    return (count + BLOCK_WIDTH - 1) / BLOCK_WIDTH * BLOCK_WIDTH;
}

struct cache_shape network_cache_shape(const struct network *network) {
    return (struct cache_shape){network->about.layers, network->about.kv_heads,
                                network->about.head_size, network->cache_parts};
}

// ---- memory of a step --------------------------------------------------------------------------

struct sizes { // elements of one row
    uint64_t width, inner, heads, keys, pairs;
};

static struct sizes sizes_of(const struct network *network) {
    const struct network_about *about = &network->about;
    uint64_t queries = (uint64_t)about->heads * about->head_size;
    uint64_t keys = (uint64_t)about->kv_heads * about->head_size;
    return (struct sizes){about->width, about->inner, queries + 2 * keys, keys,
                          rounded(network->rope_size / 2)};
}

static uint64_t row_floats(const struct network *network) {
    struct sizes s = sizes_of(network);
    uint64_t kept = network->about.encodes ? s.keys : 0; // 2 x halves
    return 2 * s.width + s.heads + 2 * s.inner + 2 * s.pairs + kept;
}

static void rows_decide(struct network *network) {
    struct sizes s = sizes_of(network);
    // Inputs of products have a byte and a few sums besides the float.
    uint64_t inputs = (2 * s.width + s.heads + s.inner) * 6;
    uint64_t row = row_floats(network) * sizeof(float) + inputs;
    uint64_t count = step_bytes_aim / row;
    network->rows_max = count < 1 ? 1 : count < NETWORK_ROWS ? (uint32_t)count : NETWORK_ROWS;
    // An encoder reads its text in one step.
    if (network->about.encodes && network->about.context > network->rows_max) {
        network->about.context = network->rows_max;
    }
    network->about.memory_bytes += row * network->rows_max;
}

static float *cut(float **memory, uint64_t count) {
    float *here = *memory;
    *memory += rounded(count);
    return here;
}

static enum err memory_place(struct network *network) {
    struct sizes s = sizes_of(network);
    uint32_t members = team_count(network->team), rows = network->rows_max;
    uint64_t work = rounded(attention_work_floats(network));
    uint64_t floats = rows * row_floats(network) + 8 * BLOCK_WIDTH + members * work;
    floats += members * STREAM_ROWS * rounded(s.width);
    network->works = memory_take(members * sizeof *network->works);
    network->streams = memory_take(members * sizeof *network->streams);
    network->memory = memory_take_unset((size_t)floats * sizeof(float));
    if (!network->works || !network->streams || !network->memory) return ERR_MEMORY;
    float *memory = network->memory;
    network->stream.x = cut(&memory, rows * s.width);
    network->delta = cut(&memory, rows * s.width);
    network->heads = cut(&memory, rows * s.heads);
    network->inner = cut(&memory, rows * s.inner);
    network->inner_gate = cut(&memory, rows * s.inner);
    network->cosines = cut(&memory, rows * s.pairs);
    network->sines = cut(&memory, rows * s.pairs);
    if (network->about.encodes) {
        network->halves_kept = (uint16_t *)(void *)cut(&memory, rows * s.keys);
    }
    for (uint32_t i = 0; i < members; i++) {
        attention_work_place(network, cut(&memory, work), &network->works[i]);
        network->streams[i].x = cut(&memory, STREAM_ROWS * rounded(s.width));
    }
    cy_assert(memory <= network->memory + floats);
    enum err err = rows_open(rows, network->about.width, &network->stream.normed);
    for (uint32_t i = 0; i < members && err == OK; i++) {
        err = rows_open(STREAM_ROWS, network->about.width, &network->streams[i].normed);
    }
    if (err == OK) err = rows_open(rows, (uint32_t)(s.heads - 2 * s.keys), &network->attended);
    if (err == OK) err = rows_open(rows, network->about.inner, &network->hidden);
    if (err == OK) err = rows_open(rows, network->about.width, &network->last);
    return err;
}

// ---- packing -----------------------------------------------------------------------------------

static void area_decide(struct network *network) {
    const struct matrix *matrix;
    for (uint32_t at = 0; (matrix = network_next_matrix(network, &at));) {
        size_t packed = network->kernels->packed_bytes(matrix);
        uint64_t given_back = tensor_bytes(matrix->type, (uint64_t)matrix->rows * matrix->columns);
        network->area_bytes += packed;
        // What is packed, the file gets back (pack_step).
        if (packed > given_back) network->about.memory_bytes += packed - given_back;
    }
}

static enum err area_take(struct network *network) {
    if (network->area_bytes == 0) return OK;
    network->area = tensor_area_take(network->area_bytes);
    if (!network->area) return ERR_MEMORY;
    struct matrix *placed;
    uint8_t *place = network->area;
    for (uint32_t at = 0; (placed = network_next_matrix(network, &at));) {
        size_t bytes = network->kernels->packed_bytes(placed);
        if (bytes) placed->packed = place;
        place += bytes;
    }
    return OK;
}

static void pack_step(void *ctx, struct member *me) {
    struct network *network = ctx;
    const struct matrix *matrix;
    for (uint32_t at = 0; (matrix = network_next_matrix(network, &at));) {
        if (!matrix->packed) continue;
        uint32_t groups = matrix_groups(matrix), each = (groups + me->count - 1) / me->count;
        uint32_t first = me->index * each, last = first + each < groups ? first + each : groups;
        uint8_t *packed = (uint8_t *)network->area +
                          ((const uint8_t *)matrix->packed - (const uint8_t *)network->area);
        if (first >= last) continue;
        network->kernels->pack(matrix, packed, first, last);
        // What is packed is not held twice. (An embedding's rows are read from the file.)
        uint32_t rows = (last < groups ? last * TENSOR_GROUP : matrix->rows) - first * TENSOR_GROUP;
        size_t row_bytes = (size_t)tensor_bytes(matrix->type, matrix->columns);
        gguf_forget(network->file, (const uint8_t *)matrix->data + first * TENSOR_GROUP * row_bytes,
                    rows * row_bytes);
    }
}

// ---- open and close ----------------------------------------------------------------------------

static enum err network_new(const struct gguf *file, struct network **out, struct fault *fault) {
    struct network *network = memory_take(sizeof *network);
    enum err err = network ? arena_open(vectors_bytes_max, &network->arena) : ERR_MEMORY;
    if (err == ERR_MEMORY) err = fault_set(fault, err, "predict.no_memory", STR_NONE);
    if (err == OK) err = network_read(network, file, fault);
    if (err == OK) {
        network->file = file;
        network->kernels = kernels_for_cpu();
        rows_decide(network);
        area_decide(network);
        *out = network;
    } else {
        network_close(network);
    }
    return err;
}

enum err network_look(const struct gguf *file, struct network_about *out, struct fault *fault) {
    struct network *network;
    enum err err = network_new(file, &network, fault);
    if (err != OK) return err;
    *out = network->about;
    network_close(network);
    return OK;
}

enum err network_open(const struct gguf *file, uint32_t thread_count, struct network **out,
                      struct fault *fault) {
    struct network *network;
    *out = NULL;
    enum err err = network_new(file, &network, fault);
    if (err != OK) return err;
    err = team_open(thread_count, &network->team);
    if (err == OK) err = area_take(network);
    if (err == OK) err = memory_place(network);
    if (err == OK) team_run(network->team, pack_step, network);
    if (err == OK) {
        *out = network;
    } else {
        network_close(network);
        err = fault_set(fault, err, "predict.no_memory", STR_NONE);
    }
    return err;
}

void network_close(struct network *network) {
    if (!network) return;
    struct rows *rows[] = {&network->stream.normed, &network->attended, &network->hidden,
                           &network->last};
    for (size_t i = 0; i < 4; i++) rows_close(rows[i]);
    for (uint32_t i = 0; network->streams && i < team_count(network->team); i++) {
        rows_close(&network->streams[i].normed);
    }
    team_close(network->team);
    if (network->area) tensor_area_give(network->area, network->area_bytes);
    memory_give(network->streams);
    memory_give(network->works);
    memory_give(network->memory);
    arena_close(network->arena);
    memory_give(network);
}

const struct network_about *network_about(const struct network *network) {
    return &network->about;
}

uint32_t network_rows_max(const struct network *network) {
    return network->rows_max;
}

// Products with quantised weights sum whole numbers block by block, in one order for any count of
// rows; those with floats go over to panels of rows beyond two, and attention to panels of keys.
uint32_t network_rows_alike(const struct network *network) {
    const struct matrix *matrix;
    // The walk changes nothing; it gives matrices that its other callers place.
    struct network *all = (struct network *)(uintptr_t)network;
    for (uint32_t at = 0; (matrix = network_next_matrix(all, &at));) {
        if (tensor_form_of(matrix->type)->block == 1) return FLOAT_ROWS_ALIKE;
    }
    return ROWS_ALIKE;
}
