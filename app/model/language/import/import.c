#include "model/language/import/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "model/language/import/import_private.h"
#include "model/language/network.h"
#include "model/language/tokenizer/tokenizer.h"

static const size_t head_bytes_max = (size_t)1 << 30;

// ---- files of the folder -----------------------------------------------------------------------

static enum err path_of(struct language_import *import, const char *name,
                        char out[LIMIT_PATH_BYTES]) {
    enum err err = path_join(out, LIMIT_PATH_BYTES, import->folder, name);
    return err == OK ? OK : fault_set(import->fault, err, "import.path", str_of(name));
}

enum err import_text(struct language_import *import, const char *name, bool needed, struct buf *out,
                     bool *found) {
    char path[LIMIT_PATH_BYTES];
    enum err err = path_of(import, name, path);
    *found = false;
    if (err != OK) return err;
    if (!needed && !file_exists(path)) return OK;
    *found = true;
    return file_read(path, out, import->fault);
}

enum err import_json(struct language_import *import, const char *name, bool needed,
                     struct json **out) {
    struct fault inner = {0};
    struct buf text;
    bool found;
    *out = NULL;
    buf_open(&text, LIMIT_JSON_BYTES);
    enum err err = import_text(import, name, needed, &text, &found);
    if (err == OK && found && json_parse(buf_str(&text), out, &inner) != OK) {
        err = fault_at(import->fault, ERR_INPUT, "import.json", 0, inner.column, str_of(name));
    }
    buf_close(&text);
    return err;
}

// ---- shards ------------------------------------------------------------------------------------

static enum err shard_open(struct language_import *import, const char *name) {
    char path[LIMIT_PATH_BYTES];
    if (import->shard_count == IMPORT_SHARDS) {
        return fault_set(import->fault, ERR_LIMIT, "import.too_many_shards", STR_NONE);
    }
    enum err err = path_of(import, name, path);
    if (err == OK && !file_exists(path)) {
        err = fault_set(import->fault, ERR_INPUT, "import.no_shard", str_of(name));
    }
    if (err != OK) return err;
    err = safetensors_open(path, &import->shards[import->shard_count], import->fault);
    if (err == OK) import->shard_count++;
    return err;
}

struct indexed { // what the index says: which file has which tensor
    struct str tensor, file;
};

static int by_file(const void *a, const void *b) {
    return str_compare(((const struct indexed *)a)->file, ((const struct indexed *)b)->file);
}

static int by_tensor(const void *a, const void *b) {
    return str_compare(((const struct indexed *)a)->tensor, ((const struct indexed *)b)->tensor);
}

static void weight_map_read(struct json_text *text, struct buf *list) {
    for (json_text_open(text, '{'); json_text_more(text);) {
        struct indexed one = {.tensor = json_text_name(text)};
        one.file = json_text_raw(text);
        buf_add(list, &one, sizeof one);
    }
}

// A plain name of a file in the folder: nothing that leads out of it.
static bool plain_name(struct str name, char *out, size_t room) {
    if (memchr(name.data, '/', name.size) || memchr(name.data, '\\', name.size)) return false;
    return str_ends(name, STR(".safetensors")) && str_copy(out, room, name);
}

static enum err shards_open(struct language_import *import, struct indexed *list, size_t count) {
    enum err err = OK;
    char name[LIMIT_PATH_BYTES];
    qsort(list, count, sizeof *list, by_file);
    for (size_t i = 0; i < count && err == OK; i++) {
        if (i > 0 && str_equal(list[i - 1].file, list[i].file)) continue;
        err = plain_name(list[i].file, name, sizeof name)
                  ? shard_open(import, name)
                  : fault_set(import->fault, ERR_INPUT, "import.no_shard", list[i].file);
    }
    return err;
}

// Every tensor is where the index says there is one, and no other is.
static enum err index_check(struct language_import *import, struct indexed *list, size_t count) {
    size_t there = 0;
    qsort(list, count, sizeof *list, by_tensor);
    for (uint32_t s = 0; s < import->shard_count; s++) {
        for (uint32_t i = 0; i < safetensors_count(import->shards[s]); i++, there++) {
            struct indexed key = {.tensor = safetensors_at(import->shards[s], i)->name};
            if (bsearch(&key, list, count, sizeof *list, by_tensor)) continue;
            return fault_set(import->fault, ERR_INPUT, "import.not_indexed", key.tensor);
        }
    }
    if (there == count) return OK;
    for (size_t k = 0; k < count; k++) {
        bool found = false;
        for (uint32_t s = 0; s < import->shard_count && !found; s++) {
            for (uint32_t i = 0; i < safetensors_count(import->shards[s]) && !found; i++) {
                found = str_equal(safetensors_at(import->shards[s], i)->name, list[k].tensor);
            }
        }
        if (!found) return fault_set(import->fault, ERR_INPUT, "import.missing", list[k].tensor);
    }
    return OK; // one that stands twice is told where the names are
}

static const char *const index_name = "model.safetensors.index.json";

static enum err indexed_open(struct language_import *import, struct str bytes) {
    struct json_text text = json_text_of(bytes);
    struct buf list;
    enum err err = OK;
    buf_open(&list, (size_t)SAFETENSORS_MAX * sizeof(struct indexed));
    for (json_text_open(&text, '{'); json_text_more(&text);) {
        if (str_is(json_text_name(&text), "weight_map")) {
            weight_map_read(&text, &list);
        } else {
            json_text_skip(&text);
        }
    }
    struct indexed *items = (struct indexed *)(void *)list.data;
    size_t count = list.size / sizeof *items;
    if (!json_text_end(&text)) {
        uint64_t at = (uint64_t)(text.at - text.start) + 1;
        err = fault_at(import->fault, ERR_INPUT, "import.json", 0, at, str_of(index_name));
    } else if (buf_err(&list) == ERR_LIMIT) {
        err = fault_set(import->fault, ERR_LIMIT, "safetensors.too_many", str_of(index_name));
    } else if (count == 0) {
        err = buf_err(&list) != OK
                  ? buf_err(&list)
                  : fault_set(import->fault, ERR_INPUT, "import.no_shard", str_of(index_name));
    }
    if (err == OK) err = shards_open(import, items, count);
    if (err == OK) err = index_check(import, items, count);
    buf_close(&list);
    return err;
}

static enum err weights_open(struct language_import *import) {
    struct buf text;
    bool found;
    char path[LIMIT_PATH_BYTES];
    enum err err = path_of(import, "model.safetensors", path);
    if (err != OK) return err;
    if (file_exists(path)) return shard_open(import, "model.safetensors");
    buf_open(&text, IMPORT_JSON_BYTES);
    err = import_text(import, index_name, false, &text, &found);
    if (err == OK && !found) {
        err = fault_set(import->fault, ERR_INPUT, "import.no_weights", str_of(import->folder));
    }
    if (err == OK) err = indexed_open(import, buf_str(&text));
    buf_close(&text);
    return err;
}

// ---- elements ----------------------------------------------------------------------------------

// The row of the checkpoint that stands at `row`: the halves of each head, pair by pair.
static uint64_t row_from(uint64_t row, uint64_t head_rows) {
    uint64_t within = row % head_rows;
    return row - within + within % 2 * (head_rows / 2) + within / 2;
}

static void elements_read(const void *context, uint32_t index, uint64_t first, size_t count,
                          void *out) {
    const struct language_import *import = context;
    const struct import_tensor *tensor = &import->tensors[index];
    const uint32_t each = tensor_form_of(tensor->from->type)->block_bytes;
    uint8_t *to = out;
    if (!tensor->head_rows) {
        memcpy(to, tensor->from->data + first * each, count * each);
        return;
    }
    uint64_t columns = tensor->from->dimensions > 1 ? tensor->from->size[0] : 1;
    while (count > 0) {
        uint64_t row = first / columns, column = first % columns;
        size_t some = columns - column < count ? (size_t)(columns - column) : count;
        uint64_t from = row_from(row, tensor->head_rows) * columns + column;
        memcpy(to, tensor->from->data + from * each, some * each);
        to += some * each;
        first += some;
        count -= some;
    }
}

// ---- opening -----------------------------------------------------------------------------------

static enum err words_take(struct language_import *import) {
    struct import_words words;
    struct buf text;
    bool found;
    buf_open(&text, IMPORT_JSON_BYTES);
    enum err err = import_text(import, "tokenizer.json", true, &text, &found);
    if (err != OK) {
        buf_close(&text);
        return err;
    }
    err = import_words_read(buf_str(&text), &words, import->fault);
    if (err == OK) err = import_words_put(&words, import->vocabulary, &import->head);
    if (err == OK) err = import_special(import, &words);
    import_words_close(&words);
    buf_close(&text);
    return err;
}

// The name that a tensor has in the checkpoint, for a fault that names it as GGUF does.
static enum err fault_rename(struct language_import *import, enum err err) {
    struct fault *fault = import->fault;
    if (!fault || !import->file) return err;
    const struct gguf_tensor *tensor = gguf_tensor_find(import->file, str_of(fault->detail));
    if (!tensor) return err;
    size_t index = (size_t)(tensor - gguf_tensor_at(import->file, 0));
    (void)str_copy(fault->detail, sizeof fault->detail, import->tensors[index].from->name);
    return err;
}

// What the parts make together is held to what a network and a tokenizer of it need.
static enum err whole_check(struct language_import *import) {
    struct network_about about;
    struct tokenizer *tokenizer;
    enum err err = network_look(import->file, &about, import->fault);
    if (err != OK) return fault_rename(import, err);
    if (about.vocabulary != import->vocabulary) {
        return import_config_wrong(import, "vocab_size");
    }
    const struct json *tied = json_member(import->config, "tie_word_embeddings");
    if (import->kind != IMPORT_BERT && json_is_bool(tied) && !json_bool(tied, true) &&
        !gguf_tensor_find(import->file, STR("output.weight"))) {
        return fault_set(import->fault, ERR_INPUT, "import.missing", STR("lm_head.weight"));
    }
    err = tokenizer_open(import->file, &tokenizer, import->fault);
    if (err == OK) tokenizer_close(tokenizer);
    return err;
}

static enum err all_take(struct language_import *import) {
    struct buf head;
    enum err err = arena_open(IMPORT_ARENA_BYTES, &import->arena);
    gguf_head_open(&import->head, head_bytes_max);
    if (err == OK) err = import_config(import);
    if (err == OK) err = import_json(import, "generation_config.json", false, &import->generation);
    if (err == OK) err = import_json(import, "tokenizer_config.json", false, &import->words_config);
    if (err == OK) err = weights_open(import);
    if (err == OK) err = words_take(import);
    if (err == OK) err = import_tensors(import);
    if (err == OK) err = gguf_head_err(&import->head);
    if (err != OK) return err;
    buf_open(&head, head_bytes_max);
    gguf_head_write(&import->head, &head);
    if (buf_err(&head) != OK) {
        err = buf_err(&head);
        buf_close(&head);
        return err;
    }
    err = gguf_assemble(&head, import->places, &import->file, import->fault);
    return err == OK ? whole_check(import) : err;
}

enum err language_import_open(const char *folder, struct language_import **out,
                              struct fault *fault) {
    struct language_import *import = memory_take(sizeof *import);
    *out = NULL;
    if (!import) return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    import->folder = folder;
    import->fault = fault;
    enum err err = all_take(import);
    if (err == ERR_MEMORY || err == ERR_LIMIT) {
        err = fault_set(fault, err, "predict.no_memory", STR_NONE);
    }
    if (err != OK) {
        language_import_close(import);
        return err;
    }
    import->fault = NULL;
    import->source = (struct model_source){
        .file = import->file, .read = elements_read, .context = import, .floats = true};
    *out = import;
    return OK;
}

void language_import_close(struct language_import *import) {
    if (!import) return;
    gguf_close(import->file);
    gguf_head_close(&import->head);
    for (uint32_t s = 0; s < import->shard_count; s++) safetensors_close(import->shards[s]);
    json_close(import->config);
    json_close(import->generation);
    json_close(import->words_config);
    arena_close(import->arena);
    memory_give(import);
}

const struct model_source *language_import_source(const struct language_import *import) {
    return &import->source;
}
