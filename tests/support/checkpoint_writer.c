#include "support/checkpoint_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "support/scratch.h"

// ---- tensors -----------------------------------------------------------------------------------

static const char *const decoder[][2] = {{"token_embd", "model.embed_tokens"},
                                         {"output", "lm_head"},
                                         {"output_norm", "model.norm"},
                                         {"attn_norm", "input_layernorm"},
                                         {"attn_q", "self_attn.q_proj"},
                                         {"attn_k", "self_attn.k_proj"},
                                         {"attn_v", "self_attn.v_proj"},
                                         {"attn_output", "self_attn.o_proj"},
                                         {"attn_q_norm", "self_attn.q_norm"},
                                         {"attn_k_norm", "self_attn.k_norm"},
                                         {"ffn_norm", "post_attention_layernorm"},
                                         {"ffn_gate", "mlp.gate_proj"},
                                         {"ffn_up", "mlp.up_proj"},
                                         {"ffn_down", "mlp.down_proj"},
                                         {NULL, NULL}};
static const char *const encoder[][2] = {{"token_embd", "embeddings.word_embeddings"},
                                         {"position_embd", "embeddings.position_embeddings"},
                                         {"token_types", "embeddings.token_type_embeddings"},
                                         {"token_embd_norm", "embeddings.LayerNorm"},
                                         {"attn_q", "attention.self.query"},
                                         {"attn_k", "attention.self.key"},
                                         {"attn_v", "attention.self.value"},
                                         {"attn_output", "attention.output.dense"},
                                         {"attn_output_norm", "attention.output.LayerNorm"},
                                         {"ffn_up", "intermediate.dense"},
                                         {"ffn_down", "output.dense"},
                                         {"layer_output_norm", "output.LayerNorm"},
                                         {NULL, NULL}};

static void name_make(const char *name, bool encodes, char out[96]) {
    const char *const(*names)[2] = encodes ? encoder : decoder;
    char part[64];
    unsigned layer = 0;
    bool in_layer = sscanf(name, "blk.%u.", &layer) == 1;
    const char *rest = in_layer ? strchr(name + 4, '.') + 1 : name, *end = strrchr(name, '.');
    snprintf(part, sizeof part, "%.*s", (int)(end - rest), rest);
    while ((*names)[0] && strcmp((*names)[0], part) != 0) names++;
    const char *to = (*names)[0] ? (*names)[1] : part;
    if (in_layer) {
        snprintf(out, 96, encodes ? "encoder.layer.%u.%s%s" : "model.layers.%u.%s%s", layer, to,
                 end);
    } else {
        snprintf(out, 96, "%s%s", to, end);
    }
}

// Pairs become halves again: the way from GGUF's llama back.
static void rows_put(const struct gguf_tensor *tensor, bool pairs, struct buf *out) {
    uint64_t rows = tensor->size[1], row_bytes = tensor->bytes / rows;
    if (tensor->dimensions < 2) {
        rows = tensor->size[0];
        row_bytes = tensor->bytes / rows;
    }
    for (uint64_t row = 0; row < rows; row++) {
        uint64_t head = row / SMALL_HEAD_SIZE * SMALL_HEAD_SIZE, within = row % SMALL_HEAD_SIZE;
        uint64_t half = SMALL_HEAD_SIZE / 2;
        uint64_t from = pairs ? head + within % half * 2 + within / half : row;
        buf_add(out, tensor->data + from * row_bytes, row_bytes);
    }
}

void checkpoint_take(const struct gguf *file, struct checkpoint *out) {
    struct str architecture = gguf_text(file, "general.architecture", STR_NONE);
    bool encodes = str_is(architecture, "bert");
    *out = (struct checkpoint){0};
    for (uint32_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct gguf_tensor *from = gguf_tensor_at(file, i);
        struct checkpoint_tensor *to = &out->tensors[out->count];
        char name[96];
        if (!str_copy(name, sizeof name, from->name) || out->count == CHECKPOINT_TENSORS) continue;
        if (strcmp(name, "rope_freqs.weight") == 0) continue;
        out->count++;
        name_make(name, encodes, to->name);
        to->type = from->type == TENSOR_F16 ? "F16" : from->type == TENSOR_BF16 ? "BF16" : "F32";
        // GGUF's small models give a vector one row.
        to->dimensions = from->size[1] > 1 ? 2 : 1;
        for (uint32_t d = 0; d < to->dimensions; d++)
            to->size[d] = from->size[to->dimensions - 1 - d];
        bool pairs =
            str_is(architecture, "llama") && (strstr(name, ".attn_q.") || strstr(name, ".attn_k."));
        buf_open(&to->bytes, 1 << 24);
        rows_put(from, pairs, &to->bytes);
    }
}

void checkpoint_close(struct checkpoint *checkpoint) {
    for (uint32_t i = 0; i < checkpoint->count; i++) buf_close(&checkpoint->tensors[i].bytes);
}

void checkpoint_write(const struct checkpoint *checkpoint, uint32_t first, uint32_t last,
                      struct buf *out) {
    struct buf head;
    uint64_t offset = 0;
    buf_open(&head, 1 << 20);
    buf_add_text(&head, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (uint32_t i = first; i < last; i++) {
        const struct checkpoint_tensor *t = &checkpoint->tensors[i];
        buf_printf(&head, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, t->type);
        for (uint32_t d = 0; d < t->dimensions; d++) {
            buf_printf(&head, "%s%" PRIu64, d ? "," : "", t->size[d]);
        }
        buf_printf(&head, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", offset,
                   offset + t->bytes.size);
        offset += t->bytes.size;
    }
    buf_add_char(&head, '}'); // no blanks behind it: tensors may begin anywhere
    uint64_t size = head.size;
    buf_add(out, &size, sizeof size);
    buf_add_str(out, buf_str(&head));
    for (uint32_t i = first; i < last; i++)
        buf_add_str(out, buf_str(&checkpoint->tensors[i].bytes));
    buf_close(&head);
}

// ---- a folder ----------------------------------------------------------------------------------

static void save(const char *folder, const char *name, const struct buf *bytes) {
    scratch_write(scratch_path(folder, name), bytes->data, bytes->size);
}

static void config_write(const struct small_language *model, const char *more, struct buf *out) {
    bool bert = strcmp(model->architecture, "bert") == 0;
    buf_printf(out,
               "{\"model_type\":\"%s\",\"hidden_size\":%d,\"intermediate_size\":%d,"
               "\"num_hidden_layers\":%d,\"num_attention_heads\":%d,\"num_key_value_heads\":%d,"
               "\"max_position_embeddings\":%d,\"vocab_size\":%d,\"%s\":1e-5%s",
               model->architecture, SMALL_WIDTH, SMALL_INNER, SMALL_LAYERS, SMALL_HEADS,
               bert ? SMALL_HEADS : SMALL_KV_HEADS, SMALL_CONTEXT, SMALL_VOCABULARY,
               bert ? "layer_norm_eps" : "rms_norm_eps", bert ? "" : ",\"rope_theta\":50000.0");
    if (model->rope == SMALL_ROPE_LINEAR) {
        buf_add_text(out, ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0}");
    } else if (model->rope == SMALL_ROPE_YARN) {
        buf_add_text(out, ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4.0,"
                          "\"original_max_position_embeddings\":32}");
    }
    buf_printf(out, ",\"tie_word_embeddings\":%s%s}", model->tied ? "true" : "false", more);
}

static void words_write(bool bert, struct buf *out) {
    static const char *const first[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
    buf_printf(out,
               "{\"version\":\"1.0\",\"added_tokens\":[{\"id\":2,\"content\":\"%s\","
               "\"special\":true}],\"normalizer\":%s,\"pre_tokenizer\":{\"type\":\"%s\"},"
               "\"model\":{\"type\":\"%s\",\"unk_token\":%s,"
               "\"continuing_subword_prefix\":%s,\"vocab\":{",
               bert ? "[CLS]" : "<|end|>", bert ? "{\"type\":\"BertNormalizer\"}" : "null",
               bert ? "BertPreTokenizer" : "ByteLevel", bert ? "WordPiece" : "BPE",
               bert ? "\"[UNK]\"" : "null", bert ? "\"##\"" : "null");
    for (int i = 0; i < SMALL_VOCABULARY - 2; i++) { // two less: the rest is filled up
        buf_add_text(out, i ? ",\"" : "\"");
        if (bert && i < 4)
            buf_add_text(out, first[i]);
        else if (bert)
            buf_printf(out, "%s%c", i % 2 ? "##" : "", 'a' + (i - 4) / 2);
        else if (i == 2)
            buf_add_text(out, "<|end|>");
        else if (i == 60)
            buf_add_text(out, "ab");
        else
            buf_printf(out, "\\u%04x", '@' + i);
        buf_printf(out, "\":%d", i);
    }
    buf_printf(out, "}%s}}", bert ? "" : ",\"merges\":[\"a b\"]");
}

void checkpoint_save(const struct small_language *model, const struct checkpoint *checkpoint,
                     uint32_t shards, const char *more, const char *folder) {
    struct buf bytes, index;
    char name[64];
    buf_open(&bytes, 1 << 28);
    buf_open(&index, 1 << 20);
    config_write(model, more, &bytes);
    save(folder, "config.json", &bytes);
    buf_clear(&bytes);
    words_write(strcmp(model->architecture, "bert") == 0, &bytes);
    save(folder, "tokenizer.json", &bytes);
    buf_add_text(&index, "{\"metadata\":{},\"weight_map\":{");
    for (uint32_t s = 0; s < shards; s++) {
        uint32_t first = checkpoint->count * s / shards,
                 last = checkpoint->count * (s + 1) / shards;
        snprintf(name, sizeof name, "model-%05u-of-%05u.safetensors", s + 1, shards);
        for (uint32_t i = first; i < last; i++) {
            buf_printf(&index, "%s\"%s\":\"%s\"", i ? "," : "", checkpoint->tensors[i].name, name);
        }
        buf_clear(&bytes);
        checkpoint_write(checkpoint, first, last, &bytes);
        save(folder, shards > 1 ? name : "model.safetensors", &bytes);
    }
    buf_add_text(&index, "}}");
    if (shards > 1) save(folder, "model.safetensors.index.json", &index);
    buf_close(&bytes);
    buf_close(&index);
}
