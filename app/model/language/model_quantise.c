#include "model/language/model_quantise.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "model/language/model_file.h"

enum { PIECE = 1 << 16, PIECES = 64 }; // elements that one thread takes; pieces written at once

static const struct wish {
    const char *name;
    enum tensor_type type;
    uint32_t file_type; // general.file_type, as other programs number them
} wishes[] = {
    {"f32", TENSOR_F32, 0},    {"f16", TENSOR_F16, 1},   {"bf16", TENSOR_BF16, 32},
    {"q8_0", TENSOR_Q8_0, 7},  {"q4_0", TENSOR_Q4_0, 2}, {"q4_k", TENSOR_Q4_K, 15},
    {"q6_k", TENSOR_Q6_K, 18},
};
enum { WISHES = sizeof wishes / sizeof *wishes };

bool quantise_type_of(struct str name, enum tensor_type *out) {
    for (size_t i = 0; i < WISHES; i++) {
        if (name.size != strlen(wishes[i].name)) continue;
        if (strncasecmp(name.data, wishes[i].name, name.size) != 0) continue;
        *out = wishes[i].type;
        return true;
    }
    return false;
}

static uint32_t file_type_of(enum tensor_type type) {
    for (size_t i = 0; i < WISHES; i++) {
        if (wishes[i].type == type) return wishes[i].file_type;
    }
    return 0;
}

// ---- which tensor gets which type --------------------------------------------------------------

struct quantising {
    const struct gguf *from;
    const struct model_source *source;
    uint32_t type; // enum tensor_type, or MODEL_AS_STORED
    uint32_t layers;
    bool own_head; // the head is a tensor of its own, not the embedding
    struct pool *pool;
    struct progress *progress;
    struct fault *fault;
    // The piece that is made now.
    const struct gguf_tensor *tensor;
    uint32_t index; // of the tensor
    enum tensor_type to;
    uint64_t first, count; // elements of the tensor
    float *floats;         // (threads, PIECE)
    uint8_t *stored;       // (threads, PIECE) as the source has them
    uint8_t *bytes;        // (PIECES, PIECE) in the new type
    _Atomic bool not_finite;
};

static bool quantised(uint32_t type) {
    return tensor_form_of(type)->block > 1;
}

// "blk.7.ffn_down.weight" is `part` "ffn_down.weight" of layer 7.
static bool layer_part(struct str name, const char *part, uint32_t *layer) {
    uint64_t number;
    struct str rest, found = str_cut(name, '.', &rest);
    if (!str_is(found, "blk")) return false;
    struct str digits = str_cut(rest, '.', &rest);
    if (!str_to_u64(digits, &number) || number > UINT32_MAX || !str_is(rest, part)) return false;
    *layer = (uint32_t)number;
    return true;
}

// The first and last eighth of the layers, and every third between, matter more.
static bool matters(uint32_t layer, uint32_t layers) {
    uint32_t eighth = layers / 8;
    return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

static bool is_head(const struct quantising *q, struct str name) {
    return str_is(name, q->own_head ? "output.weight" : "token_embd.weight");
}

static enum tensor_type type_for(const struct quantising *q, const struct gguf_tensor *tensor) {
    enum tensor_type type = (enum tensor_type)q->type;
    uint32_t layer;
    if (type == TENSOR_Q4_0 || type == TENSOR_Q4_K) {
        bool some = layer_part(tensor->name, "attn_v.weight", &layer) ||
                    layer_part(tensor->name, "ffn_down.weight", &layer);
        if (type == TENSOR_Q4_K && some && matters(layer, q->layers)) type = TENSOR_Q6_K;
        if (is_head(q, tensor->name)) type = TENSOR_Q6_K;
    }
    if (tensor->size[0] % tensor_form_of(type)->block == 0) return type;
    type = type == TENSOR_Q4_K ? TENSOR_Q5_0 : TENSOR_Q8_0;
    return tensor->size[0] % tensor_form_of(type)->block == 0 ? type : TENSOR_F16;
}

// Tables that are looked up, and the choosers of experts, which are small and decide much.
static bool stays(const struct gguf_tensor *tensor) {
    static const char *const names[] = {"position_embd.weight", "token_types.weight"};
    for (size_t i = 0; i < 2; i++) {
        if (str_is(tensor->name, names[i])) return true;
    }
    return tensor->dimensions < 2 || !str_ends(tensor->name, STR("weight")) ||
           str_ends(tensor->name, STR("_norm.weight")) ||
           str_ends(tensor->name, STR("ffn_gate_inp.weight"));
}

static enum err decide(const struct quantising *q, const struct gguf_tensor *tensor,
                       uint32_t *out) {
    *out = tensor->type;
    if (!tensor_form_of(tensor->type)->name) {
        return fault_set(q->fault, ERR_INPUT, "quantise.unknown", tensor->name);
    }
    bool as_stored = q->type == MODEL_AS_STORED;
    if (q->source->floats && (stays(tensor) || as_stored) && !tensor_computes(tensor->type)) {
        return fault_set(q->fault, ERR_INPUT, "quantise.unknown", tensor->name);
    }
    if (stays(tensor)) {
        if (q->source->floats) *out = TENSOR_F32;
        return OK;
    }
    if (as_stored) return OK;
    uint32_t wanted = type_for(q, tensor);
    if (wanted == tensor->type) return OK;
    bool twice = quantised(tensor->type) && wanted != TENSOR_F32;
    if (twice || !tensor_computes(tensor->type)) {
        return fault_set(q->fault, ERR_INPUT, "quantise.already", tensor->name);
    }
    *out = wanted;
    return OK;
}

// ---- the bytes ---------------------------------------------------------------------------------

static void piece_make(void *ctx, size_t index, uint32_t worker) {
    struct quantising *q = ctx;
    uint64_t first = index * PIECE;
    size_t count = q->count - first < PIECE ? (size_t)(q->count - first) : PIECE;
    enum tensor_type type = (enum tensor_type)q->tensor->type;
    float *floats = q->floats + (size_t)worker * PIECE;
    const uint8_t *from = q->tensor->data + tensor_bytes(type, q->first + first);
    uint8_t *to = q->bytes + tensor_bytes(q->to, first);
    if (q->source->read) {
        uint8_t *stored = q->stored + (size_t)worker * PIECE * sizeof(double);
        if (q->to == type) stored = to;
        q->source->read(q->source->context, q->index, q->first + first, count, stored);
        if (q->to == type) return;
        from = stored;
    }
    tensor_dequantise(type, from, count, floats);
    bool finite = true;
    for (size_t i = 0; i < count; i++) finite &= isfinite(floats[i]) != 0;
    if (!finite) {
        q->not_finite = true;
        return;
    }
    tensor_quantise(q->to, floats, count, to);
}

static enum err tensor_make(struct quantising *q, struct model_file *file) {
    uint64_t elements = 1;
    for (uint32_t d = 0; d < GGUF_DIMENSIONS; d++) elements *= q->tensor->size[d];
    for (q->first = 0; q->first < elements; q->first += q->count) {
        uint64_t most = (uint64_t)PIECE * PIECES;
        q->count = elements - q->first < most ? elements - q->first : most;
        if (progress_cancelled(q->progress)) return ERR_CANCELLED;
        pool_run(q->pool, (size_t)((q->count + PIECE - 1) / PIECE), piece_make, q);
        if (q->not_finite) {
            return fault_set(q->fault, ERR_INPUT, "quantise.not_finite", q->tensor->name);
        }
        enum err err =
            model_file_bytes_put(file, q->bytes, (size_t)tensor_bytes(q->to, q->count), q->fault);
        if (err != OK) return err;
    }
    return OK;
}

static enum err tensors_write(struct quantising *q, struct model_file *file,
                              const uint32_t *types) {
    uint64_t done = 0, total = 0;
    enum err err = OK;
    for (uint32_t i = 0; i < gguf_tensor_count(q->from); i++) {
        total += gguf_tensor_at(q->from, i)->bytes;
    }
    for (uint32_t i = 0; i < gguf_tensor_count(q->from) && err == OK; i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(q->from, i);
        if (progress_cancelled(q->progress)) return ERR_CANCELLED;
        q->tensor = tensor;
        q->index = i;
        q->to = (enum tensor_type)types[i];
        err = types[i] == tensor->type && !q->source->read
                  ? model_file_bytes_put(file, tensor->data, (size_t)tensor->bytes, q->fault)
                  : tensor_make(q, file);
        done += tensor->bytes;
        if (q->progress) progress_set(q->progress, PHASE_WRITE, done, total);
    }
    return err;
}

// ---- the file ----------------------------------------------------------------------------------

// As other programs number the type of most of a file's weights.
static uint32_t file_type_told(const struct quantising *q, const uint32_t *types) {
    uint64_t most = 0, by_type[TENSOR_BF16 + 1] = {0};
    uint32_t type = q->type;
    if (type != MODEL_AS_STORED) return file_type_of((enum tensor_type)type);
    for (uint32_t i = 0; i < gguf_tensor_count(q->from); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(q->from, i);
        if (types[i] > TENSOR_BF16) continue;
        by_type[types[i]] += tensor->bytes;
        if (by_type[types[i]] < most) continue;
        most = by_type[types[i]];
        type = types[i];
    }
    return file_type_of((enum tensor_type)type);
}

// Values are kept, but for what they say of the quantisation.
static void values_write(const struct quantising *q, struct gguf_head *head,
                         const uint32_t *types) {
    static const char *const left_out[] = {"general.file_type", "general.quantization_version",
                                           "general.alignment"};
    for (uint32_t i = 0; i < gguf_value_count(q->from); i++) {
        const struct gguf_value *value = gguf_value_at(q->from, i);
        bool keep = true;
        for (size_t k = 0; k < 3; k++) keep &= !str_is(value->name, left_out[k]);
        if (keep) gguf_head_copy(head, value);
    }
    gguf_head_whole(head, "general.quantization_version", 2);
    gguf_head_whole(head, "general.file_type", file_type_told(q, types));
}

static enum err tensors_tell(const struct quantising *q, struct model_file *file, uint32_t *types,
                             struct quantised *out) {
    for (uint32_t i = 0; i < gguf_tensor_count(q->from); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(q->from, i);
        enum err err = decide(q, tensor, &types[i]);
        if (err != OK) return err;
        model_file_tensor(file, tensor->name, types[i], tensor->dimensions, tensor->size);
        uint64_t elements = tensor->bytes / tensor_form_of(tensor->type)->block_bytes *
                            tensor_form_of(tensor->type)->block;
        out->bytes_before += tensor->bytes;
        out->bytes_after += tensor_bytes(types[i], elements);
    }
    return OK;
}

static enum err quantise_run(struct quantising *q, const char *to, uint32_t threads,
                             struct quantised *out) {
    struct model_file *file = NULL;
    uint32_t *types = memory_take(((size_t)gguf_tensor_count(q->from) + 1) * sizeof *types);
    enum err err = pool_open(threads, &q->pool);
    if (err == OK) {
        q->floats = memory_take_unset((size_t)pool_threads(q->pool) * PIECE * sizeof(float));
        q->bytes = memory_take_unset((size_t)PIECES * PIECE * sizeof(double));
        q->stored = memory_take_unset((size_t)pool_threads(q->pool) * PIECE * sizeof(double));
        if (!types || !q->floats || !q->bytes || !q->stored) err = ERR_MEMORY;
    }
    if (err == OK) err = model_file_open(to, &file, q->fault);
    if (err == OK) err = tensors_tell(q, file, types, out);
    if (err == OK) values_write(q, model_file_head(file), types);
    if (err == OK) err = model_file_begin(file, q->fault);
    if (err == OK) err = tensors_write(q, file, types);
    if (err == OK) err = model_file_keep(file, q->fault);
    model_file_close(file);
    memory_give(q->floats);
    memory_give(q->bytes);
    memory_give(q->stored);
    memory_give(types);
    if (q->pool) pool_close(q->pool);
    if (err == ERR_MEMORY) return fault_set(q->fault, err, "predict.no_memory", STR_NONE);
    return err;
}

enum err model_rewrite(const struct model_source *source, const char *to, uint32_t type,
                       uint32_t threads, struct progress *progress, struct quantised *out,
                       struct fault *fault) {
    const struct gguf *from = source->file;
    struct quantising q = {
        .from = from, .source = source, .type = type, .progress = progress, .fault = fault};
    char name[96];
    struct buf text;
    *out = (struct quantised){0};
    buf_open(&text, sizeof name);
    buf_add_str(&text, gguf_text(from, "general.architecture", STR_NONE));
    buf_add_text(&text, ".block_count");
    q.layers =
        str_copy(name, sizeof name, buf_str(&text)) ? (uint32_t)gguf_whole(from, name, 0) : 0;
    buf_close(&text);
    q.own_head = gguf_tensor_find(from, STR("output.weight")) != NULL;
    return quantise_run(&q, to, threads, out);
}

enum err model_quantise(const struct gguf *from, const char *to, enum tensor_type type,
                        uint32_t threads, struct progress *progress, struct quantised *out,
                        struct fault *fault) {
    const struct model_source source = {.file = from};
    return model_rewrite(&source, to, type, threads, progress, out, fault);
}
