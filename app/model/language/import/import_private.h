// The inside of import/: import.c opens a folder and hands out its tensors' elements,
// import_config.c makes values of config.json, import_tensors.c finds names and shapes,
// import_words.c reads tokenizer.json, import_patterns.c and import_special.c what belongs to it;
// import_llama2c.c takes in files of llama2.c. One thread.
#pragma once

#include "base/json.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "model/language/gguf_head.h"
#include "model/language/import/import.h"
#include "model/language/import/safetensors.h"

enum { IMPORT_SHARDS = 1024, IMPORT_JSON_BYTES = 1 << 28, IMPORT_ARENA_BYTES = 1 << 30 };

enum import_kind { IMPORT_LLAMA, IMPORT_QWEN2, IMPORT_QWEN3, IMPORT_BERT };

struct import_tensor {
    const struct safetensor *from;
    uint64_t head_rows; // rows of a head whose two halves are put together in pairs; 0: as it is
};

struct language_import {
    struct arena *arena;
    const char *folder;
    struct fault *fault; // while it opens
    enum import_kind kind;
    const char *architecture; // in GGUF
    struct json *config, *generation, *words_config;
    struct safetensors *shards[IMPORT_SHARDS];
    uint32_t shard_count;
    uint64_t heads, kv_heads, head_size, layers, vocabulary;
    struct gguf_head head;
    struct import_tensor *tensors; // (tensor_count) in the order of the GGUF's
    const uint8_t **places;        // (tensor_count) for checks: the true place may be less aligned
    uint32_t tensor_count, tensor_room;
    struct gguf *file;
    struct model_source source;
};

// The folder's file `name` as JSON; NULL where it is not there (ERR_IO where it is needed).
// ERR_INPUT "import.json" with the file's name and the byte.
enum err import_json(struct language_import *import, const char *name, bool needed,
                     struct json **out) MUST_USE;
// The same as text, appended. Whether it was there.
enum err import_text(struct language_import *import, const char *name, bool needed, struct buf *out,
                     bool *found) MUST_USE;
// "import.config" with the name of a value of config.json.
enum err import_config_wrong(struct language_import *import, const char *name) MUST_USE;

// Kind, shape and the values that tell of them.
enum err import_config(struct language_import *import) MUST_USE;
// The factors of llama 3's rotation as a tensor of its own, where config.json wants them.
enum err import_rope_factors(struct language_import *import) MUST_USE;
enum err import_tensors(struct language_import *import) MUST_USE;
enum err import_tensor_add(struct language_import *import, const char *name,
                           const struct safetensor *from, uint64_t head_rows) MUST_USE;

// ---- the vocabulary ----------------------------------------------------------------------------

enum import_words_kind { IMPORT_BYTES, IMPORT_PIECES, IMPORT_WORDPIECE }; // as in tokenizer.h

struct import_words {
    struct arena *arena;
    struct fault *fault;
    enum import_words_kind kind;
    uint32_t count;     // one more than the highest number
    struct str *texts;  // (TOKENS_MAX) by number; data NULL: no token has it
    uint8_t *kinds;     // (TOKENS_MAX) enum token_kind
    uint8_t *added;     // (TOKENS_MAX) whether it was added to the vocabulary
    uint8_t *strips;    // (TOKENS_MAX) as TOKENIZER_STRIPS has them
    bool strip_some;    // some are not 0
    struct buf scratch; // one text
    struct buf merges;  // as an array of texts in GGUF: "left right"
    uint64_t merge_count;
    struct str type;      // "BPE", "WordPiece"
    struct str unknown;   // the text of the unknown token
    struct str beginning; // of WordPiece: what marks a piece that goes on
    bool byte_fallback, ignore_merges;
    struct json *normalizer, *pre_tokenizer, *post_processor;
    uint32_t *slots; // (slot_count) tokens by their text
    uint32_t slot_count;
};
// Reads a tokenizer.json. ERR_INPUT "import.words" (what is wrong in it), "import.json".
enum err import_words_read(struct str text, struct import_words *out, struct fault *fault) MUST_USE;
void import_words_close(struct import_words *words);
uint32_t import_words_find(const struct import_words *words, struct str text); // or TOKEN_NONE
// The tables' values; then the numbers of special tokens, where a text begins and ends, templates.
enum err import_words_put(struct import_words *words, uint64_t vocabulary,
                          struct gguf_head *head) MUST_USE;
// import_patterns.c: how words are cut, and what happens to a text before.
enum err import_patterns(struct import_words *words, struct gguf_head *head) MUST_USE;
bool import_has_step(const struct json *step, const char *type); // also within a sequence
enum err import_special(struct language_import *import, const struct import_words *words) MUST_USE;
