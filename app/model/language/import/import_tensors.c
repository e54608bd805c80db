// Which tensor of a checkpoint is which of a GGUF file's. One that is not known is refused: left
// out, it would make answers worse without a sign of it.
#include <stdio.h>
#include <string.h>

#include "model/language/import/import_private.h"
#include "model/tensor/tensor.h"

struct pair {
    const char *from, *to; // without ".weight" and ".bias"
};
static const struct pair decoder_all[] = {
    {"embed_tokens", "token_embd"}, {"lm_head", "output"}, {"norm", "output_norm"}};
static const struct pair decoder_layer[] = {
    {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"}, {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"}, {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
};
static const struct pair bert_all[] = {
    {"embeddings.word_embeddings", "token_embd"},
    {"embeddings.position_embeddings", "position_embd"},
    {"embeddings.token_type_embeddings", "token_types"},
    {"embeddings.LayerNorm", "token_embd_norm"},
};
static const struct pair bert_layer[] = {
    {"attention.self.query", "attn_q"},
    {"attention.self.key", "attn_k"},
    {"attention.self.value", "attn_v"},
    {"attention.output.dense", "attn_output"},
    {"attention.output.LayerNorm", "attn_output_norm"},
    {"intermediate.dense", "ffn_up"},
    {"output.dense", "ffn_down"},
    {"output.LayerNorm", "layer_output_norm"},
};
#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *translated(const struct pair *list, size_t count, struct str name) {
    for (size_t i = 0; i < count; i++) {
        if (str_is(name, list[i].from)) return list[i].to;
    }
    return NULL;
}

// "model.layers.3.mlp.up_proj.weight" becomes "blk.3.ffn_up.weight"; false: not known.
static bool name_find(const struct language_import *import, struct str name, char out[96]) {
    bool bert = import->kind == IMPORT_BERT;
    struct str prefix = bert ? STR("bert.") : STR("model.");
    if (str_starts(name, prefix)) {
        name = (struct str){name.data + prefix.size, name.size - prefix.size};
    }
    const char *end = str_ends(name, STR(".bias")) ? ".bias" : ".weight";
    if (!str_ends(name, str_of(end))) return false;
    name.size -= strlen(end);
    struct str layers = bert ? STR("encoder.layer.") : STR("layers.");
    if (!str_starts(name, layers)) {
        const char *to = bert ? translated(bert_all, COUNT(bert_all), name)
                              : translated(decoder_all, COUNT(decoder_all), name);
        if (to) snprintf(out, 96, "%s%s", to, end);
        return to;
    }
    uint64_t layer;
    struct str rest = {name.data + layers.size, name.size - layers.size};
    struct str digits = str_cut(rest, '.', &rest);
    const char *to = bert ? translated(bert_layer, COUNT(bert_layer), rest)
                          : translated(decoder_layer, COUNT(decoder_layer), rest);
    if (!to || !str_to_u64(digits, &layer) || layer >= import->layers) return false;
    snprintf(out, 96, "blk.%u.%s%s", (unsigned)layer, to, end);
    return true;
}

// What changes nothing of what is computed here.
static bool is_idle(const struct language_import *import, struct str name) {
    static const char *const ends[] = {".attention.masked_bias", ".attention.bias",
                                       ".rotary_emb.inv_freq", "embeddings.position_ids"};
    for (size_t i = 0; i < COUNT(ends); i++) {
        if (str_ends(name, str_of(ends[i]))) return true;
    }
    if (str_is(name, "lm_head.weight")) {
        return json_member_bool(import->config, "tie_word_embeddings", false);
    }
    if (import->kind != IMPORT_BERT) return false;
    if (str_starts(name, STR("bert."))) name = (struct str){name.data + 5, name.size - 5};
    return str_starts(name, STR("pooler.dense.")) || str_starts(name, STR("cls."));
}

// Rows of a head whose order changes: of llama's queries and keys.
static enum err head_rows_of(const struct language_import *import, const struct safetensor *tensor,
                             const char *to, uint64_t *out) {
    const char *part = strstr(to, ".attn_");
    *out = 0;
    if (import->kind != IMPORT_LLAMA || !part || (part[6] != 'q' && part[6] != 'k') ||
        part[7] != '.') {
        return OK;
    }
    uint64_t heads = part[6] == 'q' ? import->heads : import->kv_heads;
    uint64_t rows = tensor->size[tensor->dimensions > 1 ? 1 : 0];
    if (rows != heads * import->head_size || import->head_size % 2 != 0) {
        return fault_set(import->fault, ERR_INPUT, "import.shape", tensor->name);
    }
    *out = import->head_size;
    return OK;
}

enum err import_tensor_add(struct language_import *import, const char *name,
                           const struct safetensor *from, uint64_t head_rows) {
    if (import->tensor_count == import->tensor_room) {
        return fault_set(import->fault, ERR_LIMIT, "safetensors.too_many", STR_NONE);
    }
    uint64_t size[GGUF_DIMENSIONS] = {1, 1, 1, 1};
    uint32_t dimensions = from->dimensions;
    for (uint32_t d = 0; d < dimensions; d++) size[d] = from->size[d];
    while (dimensions > 1 && size[dimensions - 1] == 1 && size[0] != 1) dimensions--;
    gguf_head_tensor(&import->head, str_of(name), from->type, dimensions, size, 0);
    import->tensors[import->tensor_count] = (struct import_tensor){from, head_rows};
    import->places[import->tensor_count++] = from->data - (uintptr_t)from->data % 4;
    return OK;
}

static enum err tensor_take(struct language_import *import, const struct safetensor *tensor) {
    char to[96];
    uint64_t head_rows;
    if (is_idle(import, tensor->name)) return OK;
    if (!name_find(import, tensor->name, to)) {
        return fault_set(import->fault, ERR_INPUT, "import.unknown", tensor->name);
    }
    if (tensor->type == SAFETENSOR_NO_TYPE || !tensor_computes(tensor->type)) {
        return fault_set(import->fault, ERR_INPUT, "import.type", tensor->name);
    }
    if (tensor->dimensions == 0 || tensor->bytes == 0) {
        return fault_set(import->fault, ERR_INPUT, "import.shape", tensor->name);
    }
    enum err err = head_rows_of(import, tensor, to, &head_rows);
    return err == OK ? import_tensor_add(import, to, tensor, head_rows) : err;
}

enum err import_tensors(struct language_import *import) {
    uint64_t count = 1;
    for (uint32_t s = 0; s < import->shard_count; s++)
        count += safetensors_count(import->shards[s]);
    if (count > GGUF_TENSORS_MAX) {
        return fault_set(import->fault, ERR_LIMIT, "safetensors.too_many", STR_NONE);
    }
    import->tensor_room = (uint32_t)count;
    import->tensors = ARENA_ARRAY(import->arena, struct import_tensor, count);
    import->places = ARENA_ARRAY(import->arena, const uint8_t *, count);
    if (!import->tensors || !import->places) return ERR_MEMORY;
    enum err err = import_rope_factors(import);
    for (uint32_t s = 0; s < import->shard_count; s++) {
        const struct safetensors *shard = import->shards[s];
        for (uint32_t i = 0; i < safetensors_count(shard) && err == OK; i++) {
            err = tensor_take(import, safetensors_at(shard, i));
        }
    }
    return err;
}
