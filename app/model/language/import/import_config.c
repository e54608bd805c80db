// config.json as GGUF's values. What a network would need and ours lacks is refused by its name.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "model/language/import/import_private.h"
#include "model/language/network.h"
#include "model/language/tokenizer/tokenizer.h"

static const struct {
    const char *type, *architecture;
    enum import_kind kind;
    const char *activation;
} kinds[] = {
    {"llama", "llama", IMPORT_LLAMA, "silu"}, {"mistral", "llama", IMPORT_LLAMA, "silu"},
    {"qwen2", "qwen2", IMPORT_QWEN2, "silu"}, {"qwen3", "qwen3", IMPORT_QWEN3, "silu"},
    {"bert", "bert", IMPORT_BERT, "gelu"},
};

enum err import_config_wrong(struct language_import *import, const char *name) {
    return fault_set(import->fault, ERR_INPUT, "import.config", str_of(name));
}

static enum err kind_find(struct language_import *import) {
    struct str type = json_member_text(import->config, "model_type");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!str_is(type, kinds[i].type)) continue;
        import->kind = kinds[i].kind;
        import->architecture = kinds[i].architecture;
        struct str activation = json_member_text(import->config, "hidden_act");
        bool known = activation.size == 0 || str_is(activation, kinds[i].activation);
        return known ? OK : import_config_wrong(import, "hidden_act");
    }
    return fault_set(import->fault, ERR_INPUT, "import.architecture", type);
}

// ---- values ------------------------------------------------------------------------------------

static void value_name(const struct language_import *import, const char *name, char out[96]) {
    snprintf(out, 96, "%s.%s", import->architecture, name);
}

static void whole_put(struct language_import *import, const char *name, uint64_t value) {
    char full[96];
    value_name(import, name, full);
    gguf_head_whole(&import->head, full, (uint32_t)value);
}

static void real_put(struct language_import *import, const char *name, double value) {
    char full[96];
    value_name(import, name, full);
    gguf_head_real(&import->head, full, (float)value);
}

static void text_put(struct language_import *import, const char *name, const char *value) {
    char full[96];
    value_name(import, name, full);
    gguf_head_text(&import->head, full, str_of(value));
}

// A whole number of 1 … most; absent or null: `otherwise` (0: it is needed).
static enum err whole(struct language_import *import, const char *name, uint64_t otherwise,
                      uint64_t most, uint64_t *out) {
    const struct json *value = json_member(import->config, name);
    uint64_t number = otherwise;
    bool told = value && !json_is_null(value);
    if (told && !json_u64(value, &number)) return import_config_wrong(import, name);
    if (number < 1 || number > most) return import_config_wrong(import, name);
    *out = number;
    return OK;
}

static enum err shape_put(struct language_import *import) {
    uint64_t width, inner, context;
    bool decodes = import->kind != IMPORT_BERT;
    enum err err = whole(import, "num_hidden_layers", 0, NETWORK_LAYERS_MAX, &import->layers);
    if (err == OK) err = whole(import, "max_position_embeddings", 0, NETWORK_CONTEXT_MAX, &context);
    if (err == OK) err = whole(import, "hidden_size", 0, NETWORK_WIDTH_MAX, &width);
    if (err == OK) err = whole(import, "intermediate_size", 0, NETWORK_INNER_MAX, &inner);
    if (err == OK) err = whole(import, "num_attention_heads", 0, NETWORK_HEADS_MAX, &import->heads);
    if (err == OK)
        err = whole(import, "num_key_value_heads", import->heads, import->heads, &import->kv_heads);
    if (err == OK)
        err = whole(import, "head_dim", width / import->heads, NETWORK_HEAD_SIZE_MAX,
                    &import->head_size);
    if (err == OK) err = whole(import, "vocab_size", 0, TOKENS_MAX, &import->vocabulary);
    if (err != OK) return err;
    whole_put(import, "block_count", import->layers);
    whole_put(import, "context_length", context);
    whole_put(import, "embedding_length", width);
    whole_put(import, "feed_forward_length", inner);
    whole_put(import, "attention.head_count", import->heads);
    if (decodes) whole_put(import, "attention.head_count_kv", import->kv_heads);
    const char *epsilon = decodes ? "rms_norm_eps" : "layer_norm_eps";
    double value = json_member_number(import->config, epsilon, decodes ? 1e-6 : 1e-12);
    if (!(value > 0 && value < 1)) return import_config_wrong(import, epsilon);
    real_put(import, decodes ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
             value);
    const struct json *head_size = json_member(import->config, "head_dim");
    if (head_size && !json_is_null(head_size)) {
        whole_put(import, "attention.key_length", import->head_size);
        whole_put(import, "attention.value_length", import->head_size);
    }
    whole_put(import, "vocab_size", import->vocabulary);
    return OK;
}

// ---- rotation ----------------------------------------------------------------------------------

// Where config.json tells of the rotation: newer files keep all of it in one place.
static const struct json *rotation_of(const struct language_import *import) {
    const struct json *scaling = json_member(import->config, "rope_scaling");
    return json_is_object(scaling) ? scaling : json_member(import->config, "rope_parameters");
}

static struct str rotation_kind(const struct json *rotation) {
    struct str kind = json_member_text(rotation, "rope_type");
    return kind.size ? kind : json_member_text(rotation, "type");
}

static void yarn_put(struct language_import *import, const struct json *rotation, double factor) {
    uint64_t context = json_member_u64(import->config, "max_position_embeddings", 0);
    double scale = json_member_number(rotation, "attention_factor", 0);
    text_put(import, "rope.scaling.type", "yarn");
    real_put(import, "rope.scaling.factor", factor);
    whole_put(import, "rope.scaling.original_context_length",
              json_member_u64(rotation, "original_max_position_embeddings", context));
    static const char *const names[][2] = {{"beta_fast", "rope.scaling.yarn_beta_fast"},
                                           {"beta_slow", "rope.scaling.yarn_beta_slow"}};
    for (size_t i = 0; i < 2; i++) {
        const struct json *value = json_member(rotation, names[i][0]);
        if (json_is_number(value)) real_put(import, names[i][1], json_number(value, 0));
    }
    // What is told is the whole of it; GGUF's is over what follows from the factor.
    if (scale > 0) real_put(import, "rope.scaling.attn_factor", scale / (1 + .1 * log(factor)));
}

static enum err rotation_put(struct language_import *import) {
    const struct json *rotation = rotation_of(import);
    struct str kind = rotation_kind(rotation);
    double factor = json_member_number(rotation, "factor", 1);
    double base = json_member_number(import->config, "rope_theta", 0);
    if (base == 0) base = json_member_number(rotation, "rope_theta", 0);
    if (base != 0) real_put(import, "rope.freq_base", base);
    if (json_member_number(import->config, "partial_rotary_factor", 1) != 1) {
        return import_config_wrong(import, "partial_rotary_factor");
    }
    if (import->kind == IMPORT_LLAMA) whole_put(import, "rope.dimension_count", import->head_size);
    // "dynamic" changes nothing within the length that the model was taught with.
    static const char *const plain[] = {"default", "dynamic", "llama3"};
    for (size_t i = 0; i < 3; i++) {
        if (str_is(kind, plain[i])) return OK;
    }
    if (kind.size == 0 && !json_member(rotation, "factor")) return OK;
    if (!(factor >= 1 && factor <= 1e6)) return import_config_wrong(import, "rope_scaling");
    if (str_is(kind, "linear")) {
        text_put(import, "rope.scaling.type", "linear");
        real_put(import, "rope.scaling.factor", factor);
        return OK;
    }
    if (!str_is(kind, "yarn")) return import_config_wrong(import, "rope_scaling");
    yarn_put(import, rotation, factor);
    return OK;
}

// By how much llama 3 slows a pair that turns once in `wavelength` tokens.
static double factor_of(double wavelength, double factor, double low, double high, double context) {
    if (wavelength < context / high) return 1;
    if (wavelength > context / low) return factor;
    double smooth = (context / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
}

enum err import_rope_factors(struct language_import *import) {
    const struct json *rotation = rotation_of(import);
    if (import->kind == IMPORT_BERT || !str_is(rotation_kind(rotation), "llama3")) return OK;
    double base = json_member_number(import->config, "rope_theta",
                                     json_member_number(rotation, "rope_theta", 10000));
    double factor = json_member_number(rotation, "factor", 8);
    double low = json_member_number(rotation, "low_freq_factor", 1);
    double high = json_member_number(rotation, "high_freq_factor", 4);
    double context = json_member_number(rotation, "original_max_position_embeddings", 8192);
    if (!(base > 1 && factor >= 1 && low > 0 && high > low && context >= 1)) {
        return import_config_wrong(import, "rope_scaling");
    }
    uint64_t pairs = import->head_size / 2;
    struct safetensor *tensor = ARENA_NEW(import->arena, struct safetensor);
    float *factors = ARENA_ARRAY(import->arena, float, pairs + 1);
    if (!tensor || !factors) return ERR_MEMORY;
    for (uint64_t i = 0; i < pairs; i++) {
        double speed = pow(base, -2.0 * (double)i / (double)import->head_size);
        factors[i] = (float)factor_of(2 * M_PI / speed, factor, low, high, context);
    }
    *tensor = (struct safetensor){.name = STR("rope_freqs.weight"),
                                  .type = TENSOR_F32,
                                  .dimensions = 1,
                                  .size = {pairs, 1, 1, 1},
                                  .bytes = pairs * sizeof *factors,
                                  .data = (const uint8_t *)factors};
    return import_tensor_add(import, "rope_freqs.weight", tensor, 0);
}

// ---- the rest ----------------------------------------------------------------------------------

// A window of the past that some layers have and others not is nothing GGUF's values tell of.
static enum err window_put(struct language_import *import) {
    uint64_t window = json_member_u64(import->config, "sliding_window", 0);
    uint64_t context = json_member_u64(import->config, "max_position_embeddings", 0);
    bool used =
        json_member_bool(import->config, "use_sliding_window", import->kind == IMPORT_LLAMA);
    if (!used || window == 0 || window >= context) return OK;
    if (window > UINT32_MAX) return import_config_wrong(import, "sliding_window");
    if (import->kind != IMPORT_LLAMA) return import_config_wrong(import, "use_sliding_window");
    whole_put(import, "attention.sliding_window", window);
    return OK;
}

// How sentence-transformers make one vector of a text's many.
static enum err pooling_put(struct language_import *import) {
    struct json *pooling = NULL;
    uint32_t kind = 1; // mean
    gguf_head_bool(&import->head, "bert.attention.causal", false);
    gguf_head_whole(&import->head, "tokenizer.ggml.token_type_count", 2);
    enum err err = import_json(import, "1_Pooling/config.json", false, &pooling);
    if (err != OK) return err;
    if (json_member_bool(pooling, "pooling_mode_cls_token", false)) kind = 2;
    bool mean = json_member_bool(pooling, "pooling_mode_mean_tokens", false);
    if (pooling && !mean && kind != 2) err = import_config_wrong(import, "pooling_mode");
    if (mean) kind = 1;
    if (pooling && err == OK) gguf_head_whole(&import->head, "bert.pooling_type", kind);
    json_close(pooling);
    return err;
}

static void name_put(struct language_import *import) {
    const char *folder = import->folder;
    size_t size = strlen(folder);
    while (size > 1 && folder[size - 1] == '/') size--;
    size_t start = size;
    while (start > 0 && folder[start - 1] != '/') start--;
    gguf_head_text(&import->head, "general.name", (struct str){folder + start, size - start});
}

enum err import_config(struct language_import *import) {
    enum err err = import_json(import, "config.json", true, &import->config);
    if (err == OK) err = kind_find(import);
    if (err != OK) return err;
    gguf_head_text(&import->head, "general.architecture", str_of(import->architecture));
    gguf_head_text(&import->head, "general.type", STR("model"));
    name_put(import);
    err = shape_put(import);
    if (err == OK && import->kind == IMPORT_BERT) return pooling_put(import);
    if (err == OK) err = rotation_put(import);
    return err == OK ? window_put(import) : err;
}
