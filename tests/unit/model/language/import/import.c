// Checkpoints taken in: a random network that is saved as one and imported has the bytes, and gives
// the numbers, of the GGUF file it came from; what is wrong in a folder is told by its name; and
// nothing is left of what failed.
#include "model/language/import/import.h"

#include <dirent.h>

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "model/language/network.h"
#include "model/language/tokenizer/tokenizer.h"
#include "support/checkpoint_writer.h"
#include "support/scratch.h"

enum { V = SMALL_VOCABULARY, T = SMALL_TOKENS };

static struct checkpoint checkpoint;

struct model {
    struct buf bytes;
    struct gguf *file;
};

static struct model model_make(const struct small_language *language) {
    struct model model = {0};
    struct fault fault = {0};
    buf_open(&model.bytes, 1 << 28);
    small_language_write(language, &model.bytes);
    CHECK(gguf_view(model.bytes.data, model.bytes.size, &model.file, &fault) == OK);
    return model;
}

static void model_close(struct model *model) {
    gguf_close(model->file);
    buf_close(&model->bytes);
}

// The folder as a file of the type, or as stored.
static enum err imported(const char *folder, uint32_t type, const char *to, struct fault *fault) {
    struct language_import *import;
    struct quantised done;
    *fault = (struct fault){0};
    enum err err = language_import_open(folder, &import, fault);
    if (err != OK) return err;
    err = model_rewrite(language_import_source(import), to, type, 2, NULL, &done, fault);
    language_import_close(import);
    return err;
}

// ---- what comes out ----------------------------------------------------------------------------

static void logits_of(const struct gguf *file, float *out) {
    struct network *network;
    struct cache *cache = NULL;
    struct sequence sequence;
    struct fault fault = {0};
    struct batch_row rows[T];
    uint32_t tokens[T];
    small_language_tokens(tokens);
    REQUIRE(network_open(file, 2, &network, &fault) == OK);
    if (network_about(network)->encodes) {
        CHECK(network_embed(network, tokens, T, out, &fault) == OK);
    } else {
        REQUIRE(cache_open(network_cache_shape(network), 16, &cache) == OK);
        sequence_open(cache, &sequence);
        for (uint32_t i = 0; i < T; i++) {
            rows[i] = (struct batch_row){&sequence, i, tokens[i], true};
        }
        CHECK(network_step(network, rows, T, out) == OK);
        sequence_close(&sequence);
    }
    cache_close(cache);
    network_close(network);
}

static void tensors_same(const struct gguf *want, const struct gguf *got) {
    CHECK_EQ(gguf_tensor_count(want), gguf_tensor_count(got));
    for (uint32_t i = 0; i < gguf_tensor_count(want); i++) {
        const struct gguf_tensor *a = gguf_tensor_at(want, i);
        const struct gguf_tensor *b = gguf_tensor_find(got, a->name);
        bool same = b && a->type == b->type && a->bytes == b->bytes && a->size[0] == b->size[0] &&
                    a->size[1] == b->size[1] && memcmp(a->data, b->data, a->bytes) == 0;
        check_that(same, __FILE__, __LINE__, "%.*s", STR_ARG(a->name));
    }
}

static void a_network_comes_back(void) {
    static const char *const names[] = {"llama-F32",  "llama-F16",  "llama-BF16", "llama-linear",
                                        "llama-yarn", "qwen2-F32",  "qwen2-yarn", "qwen3-F32",
                                        "bert-mean",  "bert-first", NULL};
    static float want[T * V], got[T * V];
    for (uint32_t i = 0; names[i]; i++) {
        const struct small_language *language = small_language_find(names[i]);
        struct model model = model_make(language);
        const char *folder = scratch_folder(), *to = scratch_path(folder, "out.gguf");
        struct gguf *file;
        struct fault fault;
        checkpoint_take(model.file, &checkpoint);
        checkpoint_save(language, &checkpoint, i % 3 + 1, "", folder);
        if (language->pooling) {
            const char *text = language->pooling == 1 ? "{\"pooling_mode_mean_tokens\":true}"
                                                      : "{\"pooling_mode_cls_token\":true}";
            REQUIRE(folder_make(scratch_path(folder, "1_Pooling"), &fault) == OK);
            scratch_write(scratch_path(folder, "1_Pooling/config.json"), text, strlen(text));
        }
        enum err err = imported(folder, MODEL_AS_STORED, to, &fault);
        check_that(err == OK, __FILE__, __LINE__, "%s: %s %s", names[i], fault.code, fault.detail);
        REQUIRE(err == OK && gguf_open(to, &file, &fault) == OK);
        tensors_same(model.file, file);
        logits_of(model.file, want);
        logits_of(file, got);
        size_t count = language->pooling ? SMALL_WIDTH : T * V;
        check_that(memcmp(want, got, count * sizeof *got) == 0, __FILE__, __LINE__, "%s", names[i]);
        gguf_close(file);
        checkpoint_close(&checkpoint);
        model_close(&model);
    }
}

// The same bytes as quantising the GGUF file gives.
static void types_are_made_on_the_way(void) {
    const struct small_language *language = small_language_find("llama-F32");
    struct model model = model_make(language);
    const char *folder = scratch_folder();
    const char *to = scratch_path(folder, "a.gguf"), *other = scratch_path(folder, "b.gguf");
    struct gguf *file, *direct;
    struct quantised done;
    struct fault fault = {0};
    checkpoint_take(model.file, &checkpoint);
    checkpoint_save(language, &checkpoint, 2, "", folder);
    REQUIRE(imported(folder, TENSOR_Q8_0, to, &fault) == OK);
    REQUIRE(model_quantise(model.file, other, TENSOR_Q8_0, 1, NULL, &done, &fault) == OK);
    REQUIRE(gguf_open(to, &file, &fault) == OK);
    REQUIRE(gguf_open(other, &direct, &fault) == OK);
    tensors_same(direct, file);
    CHECK_EQ(gguf_whole(file, "general.file_type", 0), 7);
    gguf_close(file);
    gguf_close(direct);
    checkpoint_close(&checkpoint);
    model_close(&model);
}

static void rotation_of_llama_3(void) {
    const struct small_language *language = small_language_find("llama-F32");
    struct model model = model_make(language);
    const char *folder = scratch_folder(), *to = scratch_path(folder, "out.gguf");
    struct gguf *file;
    struct fault fault;
    checkpoint_take(model.file, &checkpoint);
    checkpoint_save(language, &checkpoint, 1,
                    ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,"
                    "\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
                    "\"original_max_position_embeddings\":64}",
                    folder);
    REQUIRE(imported(folder, MODEL_AS_STORED, to, &fault) == OK);
    REQUIRE(gguf_open(to, &file, &fault) == OK);
    const struct gguf_tensor *factors = gguf_tensor_find(file, STR("rope_freqs.weight"));
    REQUIRE(factors && factors->size[0] == SMALL_HEAD_SIZE / 2 && factors->type == TENSOR_F32);
    float first, middle, last;
    memcpy(&first, factors->data, 4);
    memcpy(&middle, factors->data + 4 * 5, 4);
    memcpy(&last, factors->data + 4 * 31, 4);
    // Pair 5 turns once in 2 pi 50000^(10/64) = 34.08 tokens: 1 / (.7074 / 8 + .2926).
    CHECK(first == 1 && last == 8);
    CHECK(fabs((double)middle - 2.6241) < 1e-3);
    gguf_close(file);
    checkpoint_close(&checkpoint);
    model_close(&model);
}

// ---- what is refused ---------------------------------------------------------------------------

struct wrong {
    const char *file, *from, *to; // a text of a file that is replaced; to NULL: the file is missing
    const char *code, *detail;    // of the fault
};

static void text_replace(const char *path, const char *from, const char *to) {
    size_t size;
    uint8_t *bytes = scratch_read(path, &size);
    REQUIRE(bytes);
    uint8_t *at = memmem(bytes, size, from, strlen(from));
    check_that(at != NULL, __FILE__, __LINE__, "%s: %s", path, from);
    struct buf out;
    buf_open(&out, 1 << 28);
    size_t before = at ? (size_t)(at - bytes) : 0;
    buf_add(&out, bytes, before);
    buf_add_text(&out, to);
    buf_add(&out, bytes + before + strlen(from), size - before - strlen(from));
    scratch_write(path, out.data, out.size);
    buf_close(&out);
    memory_give(bytes);
}

// "lstrip" and "rstrip" of an added token: 1 and 2.
static void spaces_of_added_tokens_come_along(void) {
    static const char *const told[] = {"\"special\":true", "\"special\":true,\"lstrip\":true",
                                       "\"special\":true,\"rstrip\":true",
                                       "\"rstrip\":true,\"lstrip\":true"};
    const struct small_language *language = small_language_find("llama-F16");
    for (uint32_t i = 0; i < 4; i++) {
        struct model model = model_make(language);
        const char *folder = scratch_folder(), *to = scratch_path(folder, "out.gguf");
        struct gguf *file;
        struct fault fault;
        checkpoint_take(model.file, &checkpoint);
        checkpoint_save(language, &checkpoint, 1, "", folder);
        text_replace(scratch_path(folder, "tokenizer.json"), "\"special\":true", told[i]);
        REQUIRE(imported(folder, MODEL_AS_STORED, to, &fault) == OK);
        REQUIRE(gguf_open(to, &file, &fault) == OK);
        const struct gguf_value *strips = gguf_find(file, TOKENIZER_STRIPS);
        CHECK((strips != NULL) == (i > 0));
        if (strips && CHECK_EQ(strips->count, SMALL_VOCABULARY)) {
            CHECK(gguf_item(strips, 2) == i && gguf_item(strips, 1) == 0);
        }
        gguf_close(file);
        checkpoint_close(&checkpoint);
        model_close(&model);
    }
}

static void refuses(const struct small_language *language, const struct wrong *wrong) {
    const char *folder = scratch_folder();
    char path[512], to[512];
    struct fault fault;
    snprintf(path, sizeof path, "%s/%s", folder, wrong->file);
    snprintf(to, sizeof to, "%s/out.gguf", folder);
    checkpoint_save(language, &checkpoint, 3, "", folder);
    if (wrong->to)
        text_replace(path, wrong->from, wrong->to);
    else
        REQUIRE(file_remove(path, &fault) == OK);
    enum err err = imported(folder, MODEL_AS_STORED, to, &fault);
    check_that(err != OK && strcmp(fault.code, wrong->code) == 0, __FILE__, __LINE__,
               "%s %s: %s %s, not %s", wrong->file, wrong->to, fault.code, fault.detail,
               wrong->code);
    if (wrong->detail) CHECK_STR(fault.detail, wrong->detail);
    CHECK(!file_exists(to));
}

static void what_is_wrong_is_told(void) {
    static const char config[] = "config.json", words[] = "tokenizer.json";
    static const char index[] = "model.safetensors.index.json";
    static const char shard[] = "model-00002-of-00003.safetensors";
    static const struct wrong all[] = {
        {config, "\"llama\"", "\"mamba\"", "import.architecture", "mamba"},
        {config, "\"llama\"", "\"qwen3\"", "network.missing", "blk.0.attn_q_norm.weight"},
        {config, "\"hidden_size\":256", "\"hidden_size\":255", "import.shape", NULL},
        {config, "\"hidden_size\":256", "\"hidden_size\":-1", "import.config", "hidden_size"},
        {config, "\"hidden_size\"", "\"hidden\"", "import.config", "hidden_size"},
        {config, "\"intermediate_size\":512", "\"intermediate_size\":256", "network.shape",
         "model.layers.0.mlp.gate_proj.weight"},
        {config, "\"num_hidden_layers\":2", "\"num_hidden_layers\":1", "import.unknown", NULL},
        {config, "\"num_hidden_layers\":2", "\"num_hidden_layers\":3", "network.missing", NULL},
        {config, "\"num_hidden_layers\":2", "\"num_hidden_layers\":1e300", "import.config", NULL},
        {config, "\"vocab_size\":64", "\"vocab_size\":63", "import.config", "vocab_size"},
        {config, "\"vocab_size\":64", "\"vocab_size\":61", "import.words", "vocab_size"},
        {config, "1e-5", "1e5", "import.config", "rms_norm_eps"},
        {config, "\"hidden_size\":", "\"hidden_size\" ", "import.json", "config.json"},
        {config, "\"tie", "\"rope_scaling\":{\"type\":\"su\",\"factor\":2},\"tie", "import.config",
         "rope_scaling"},
        {config, "", NULL, "base.no_such_file", NULL},
        {words, "\"BPE\"", "\"Unigram\"", "import.words_kind", "Unigram"},
        {words, "\"normalizer\":null", "\"normalizer\":{\"type\":\"NFKC\"}", "import.normal_form",
         "NFKC"},
        {words, "\"ByteLevel\"}", "\"ByteLevel\",\"use_regex\":false}", "import.pattern", NULL},
        {words, "\"vocab\":{", "\"vocab\":{\"x\":99999999,", "import.words", "model.vocab"},
        {words, "\"vocab\":{", "\"vocab\":{\"x\":7,", "import.words", "model.vocab"},
        {words, "\"vocab\":{", "\"vocab\":[", "import.words", "model.vocab"},
        {words, "[\"a b\"]", "[[\"a\"]]", "import.words", "model.merges"},
        {words, "[\"a b\"]", "7", "import.words", "model.merges"},
        {words, "[\"a b\"]", "[\"a b\"", "import.json", "tokenizer.json"},
        {words, "", NULL, "base.no_such_file", NULL},
        {index, "", NULL, "import.no_weights", NULL},
        {index, "00002-of", "00009-of", "import.no_shard", "model-00009-of-00003.safetensors"},
        {index, "model-00002-of-00003.safetensors", "../model.safetensors", "import.no_shard",
         "../model.safetensors"},
        {index, "\"model.layers.1.mlp.up_proj.weight\"", "\"model.layers.1.mlp.up.weight\"",
         "import.not_indexed", "model.layers.1.mlp.up_proj.weight"},
        {index, "weight_map\":{", "weight_map\":{\"more\":\"model-00002-of-00003.safetensors\",",
         "import.missing", "more"},
        {shard, "", NULL, "import.no_shard", shard},
        {shard, "\"dtype\":\"F32\"", "\"dtype\":\"F99\"", "safetensors.dtype", "F99"},
        {shard, "\"shape\":[", "\"shape\":[2,", "safetensors.bad_tensor", NULL},
        {shard, "\"data_offsets\":[0,", "\"data_offsets\":[4,", "safetensors.bad_tensor", NULL},
    };
    const struct small_language *language = small_language_find("llama-F32");
    struct model model = model_make(language);
    checkpoint_take(model.file, &checkpoint);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) refuses(language, &all[i]);
    checkpoint_close(&checkpoint);
    model_close(&model);
}

// Some bytes of one of the files changed: taken in, or refused with a reason; never worse.
static void changed_bytes_do_no_harm(void) {
    static const char *const names[] = {
        "config.json",           "tokenizer.json",         "tokenizer.json",
        "tokenizer_config.json", "generation_config.json", "model.safetensors.index.json"};
    static const char *const kinds[] = {"llama-F32", "bert-mean"};
    static const char marks[] = "{}[]\",:0123456789-.e\\tfn";
    for (int k = 0; k < 2; k++) {
        const struct small_language *language = small_language_find(kinds[k]);
        struct model model = model_make(language);
        const char *folder = scratch_folder();
        checkpoint_take(model.file, &checkpoint);
        checkpoint_save(language, &checkpoint, 2, "", folder);
        static const char words[] = "{\"eos_token\":{\"content\":\"<|end|>\"},\"chat_template\":"
                                    "[{\"name\":\"default\",\"template\":\"x\"}]}";
        static const char ends[] = "{\"eos_token_id\":[2,7,8]}";
        scratch_write(scratch_path(folder, "tokenizer_config.json"), words, strlen(words));
        scratch_write(scratch_path(folder, "generation_config.json"), ends, strlen(ends));
        for (int round = 0; round < 300; round++) {
            const char *path = scratch_path(folder, names[check_random() % 6]);
            struct language_import *import = NULL;
            struct fault fault = {0};
            size_t size;
            uint8_t *whole = scratch_read(path, &size), *changed = memory_take(size + 1);
            REQUIRE(whole && changed);
            memcpy(changed, whole, size);
            for (uint64_t n = 1 + check_random() % 3; n > 0; n--) {
                uint64_t mark = check_random() % (sizeof marks - 1);
                changed[check_random() % size] = (uint8_t)marks[mark];
            }
            bool cut = check_random() % 8 == 0;
            scratch_write(path, changed, cut ? check_random() % size : size);
            enum err err = language_import_open(folder, &import, &fault);
            CHECK(err == OK || fault.code[0] != 0);
            language_import_close(import);
            scratch_write(path, whole, size);
            memory_give(whole);
            memory_give(changed);
        }
        checkpoint_close(&checkpoint);
        model_close(&model);
    }
}

static uint32_t files_in(const char *folder) {
    DIR *list = opendir(folder);
    uint32_t count = 0;
    while (list && readdir(list)) count++;
    if (list) closedir(list);
    return count;
}

static void what_fails_leaves_nothing(void) {
    const struct small_language *language = small_language_find("qwen2-F32");
    struct model model = model_make(language);
    const char *folder = scratch_folder(), *to = scratch_path(folder, "out.gguf");
    struct fault fault;
    checkpoint_take(model.file, &checkpoint);
    checkpoint_save(language, &checkpoint, 1, "", folder);
    uint32_t before = files_in(folder);
    for (uint64_t n = 0;; n = n < 200 ? n + 1 : n * 2) {
        memory_fail_after(n);
        enum err err = imported(folder, TENSOR_Q8_0, to, &fault);
        memory_fail_after(UINT64_MAX);
        if (err == OK) break;
        CHECK(fault.code[0] != 0);
        CHECK_EQ(files_in(folder), before);
        REQUIRE(n < 1 << 20);
    }
    CHECK_EQ(files_in(folder), before + 1);
    struct language_import *import;
    struct quantised done;
    struct progress progress = {.cancel = 1};
    REQUIRE(language_import_open(folder, &import, &fault) == OK);
    CHECK(model_rewrite(language_import_source(import), scratch_path(folder, "b.gguf"),
                        MODEL_AS_STORED, 1, &progress, &done, &fault) == ERR_CANCELLED);
    language_import_close(import);
    CHECK_EQ(files_in(folder), before + 1);
    checkpoint_close(&checkpoint);
    model_close(&model);
}

int main(void) {
    CHECK_RUN(a_network_comes_back);
    CHECK_RUN(types_are_made_on_the_way);
    CHECK_RUN(rotation_of_llama_3);
    CHECK_RUN(spaces_of_added_tokens_come_along);
    CHECK_RUN(what_is_wrong_is_told);
    CHECK_RUN(changed_bytes_do_no_harm);
    CHECK_RUN(what_fails_leaves_nothing);
    return check_done();
}
