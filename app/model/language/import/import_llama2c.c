// A model of llama2.c and its vocabulary as one.
#include "model/language/import/import_private.h"

static const size_t head_bytes_max = (size_t)1 << 30;

static enum err head_put(struct language_import *import, const struct gguf *model,
                         const struct tokenizer *words, struct str name) {
    struct gguf_head *head = &import->head;
    gguf_head_open(head, head_bytes_max);
    for (uint32_t i = 0; i < gguf_value_count(model); i++) {
        const struct gguf_value *value = gguf_value_at(model, i);
        if (!str_is(value->name, "general.alignment")) gguf_head_copy(head, value);
    }
    gguf_head_text(head, "general.type", STR("model"));
    gguf_head_text(head, "general.name", name);
    tokenizer_put_llama2c(words, head);
    import->places = ARENA_ARRAY(import->arena, const uint8_t *, gguf_tensor_count(model) + 1);
    if (!import->places) return ERR_MEMORY;
    for (uint32_t i = 0; i < gguf_tensor_count(model); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(model, i);
        gguf_head_tensor(head, tensor->name, tensor->type, tensor->dimensions, tensor->size, 0);
        import->places[i] = tensor->data;
    }
    return gguf_head_err(head);
}

static enum err all_take(struct language_import *import, const struct gguf *model,
                         const struct tokenizer *words, struct str name, struct fault *fault) {
    const struct gguf_tensor *embedding = gguf_tensor_find(model, STR("token_embd.weight"));
    struct buf bytes;
    if (!embedding || embedding->size[1] != tokenizer_count(words)) {
        return fault_set(fault, ERR_INPUT, "llama2c.other_words", name);
    }
    enum err err = arena_open(IMPORT_ARENA_BYTES, &import->arena);
    if (err == OK) err = head_put(import, model, words, name);
    if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    buf_open(&bytes, head_bytes_max);
    gguf_head_write(&import->head, &bytes);
    err = buf_err(&bytes);
    if (err == OK) return gguf_assemble(&bytes, import->places, &import->file, fault);
    buf_close(&bytes);
    return fault_set(fault, err, "predict.no_memory", STR_NONE);
}

enum err language_import_llama2c(const struct gguf *model, const struct tokenizer *words,
                                 struct str name, struct language_import **out,
                                 struct fault *fault) {
    struct language_import *import = memory_take(sizeof *import);
    *out = NULL;
    if (!import) return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    enum err err = all_take(import, model, words, name, fault);
    if (err != OK) {
        language_import_close(import);
        return err;
    }
    import->source = (struct model_source){.file = import->file};
    *out = import;
    return OK;
}
