#include "model/language/model_file.h"

#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/memory.h"

enum { ALIGNMENT = 32, HEAD_BYTES = 24 };
static const size_t head_bytes_max = (size_t)1 << 30;

struct model_file {
    struct file_stream stream;
    const char *path;
    struct buf values, tensors; // as they stand in the file
    struct buf sizes;           // uint64_t: bytes of each tensor
    uint64_t value_count, tensor_count;
    uint64_t data_bytes; // of all tensors, aligned
    uint64_t now, left;  // the tensor that is written, and its bytes still to come
};

static uint64_t aligned(uint64_t bytes) {
    return (bytes + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
}

enum err model_file_open(const char *path, struct model_file **out, struct fault *fault) {
    struct model_file *file = memory_take(sizeof *file);
    if (!file) return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    file->path = path;
    struct buf *bufs[] = {&file->values, &file->tensors, &file->sizes};
    for (size_t i = 0; i < 3; i++) buf_open(bufs[i], head_bytes_max);
    *out = file;
    return OK;
}

void model_file_close(struct model_file *file) {
    if (!file) return;
    file_stream_drop(&file->stream);
    struct buf *bufs[] = {&file->values, &file->tensors, &file->sizes};
    for (size_t i = 0; i < 3; i++) buf_close(bufs[i]);
    memory_give(file);
}

// ---- values ------------------------------------------------------------------------------------

static void put(struct buf *out, uint64_t value, uint32_t bytes) {
    buf_add(out, &value, bytes);
}

static void text_put(struct buf *out, struct str text) {
    put(out, text.size, 8);
    buf_add_str(out, text);
}

static struct buf *value_put(struct model_file *file, struct str name, enum gguf_type type) {
    file->value_count++;
    text_put(&file->values, name);
    put(&file->values, type, 4);
    return &file->values;
}

// Bytes of a value's elements.
static uint64_t bytes_of(const struct gguf_value *value) {
    static const uint8_t bytes[GGUF_TYPE_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    if (value->item != GGUF_TEXT) return value->count * bytes[value->item];
    const uint8_t *at = value->bytes;
    for (uint64_t i = 0; i < value->count; i++) {
        uint64_t size;
        memcpy(&size, at, sizeof size);
        at += sizeof size + size;
    }
    return (uint64_t)(at - value->bytes);
}

void model_file_copy(struct model_file *file, const struct gguf_value *value) {
    struct buf *out = value_put(file, value->name, value->type);
    if (value->type == GGUF_ARRAY) {
        put(out, value->item, 4);
        put(out, value->count, 8);
    }
    buf_add(out, value->bytes, (size_t)bytes_of(value));
}

void model_file_text(struct model_file *file, const char *name, struct str value) {
    text_put(value_put(file, str_of(name), GGUF_TEXT), value);
}

void model_file_whole(struct model_file *file, const char *name, uint32_t value) {
    put(value_put(file, str_of(name), GGUF_U32), value, 4);
}

void model_file_real(struct model_file *file, const char *name, float value) {
    buf_add(value_put(file, str_of(name), GGUF_F32), &value, sizeof value);
}

void model_file_bool(struct model_file *file, const char *name, bool value) {
    put(value_put(file, str_of(name), GGUF_BOOL), value, 1);
}

void model_file_array(struct model_file *file, const char *name, enum gguf_type item,
                      uint64_t count, struct str bytes) {
    struct buf *out = value_put(file, str_of(name), GGUF_ARRAY);
    put(out, item, 4);
    put(out, count, 8);
    buf_add_str(out, bytes);
}

// ---- tensors -----------------------------------------------------------------------------------

void model_file_tensor(struct model_file *file, struct str name, uint32_t type, uint32_t dimensions,
                       const uint64_t size[GGUF_DIMENSIONS]) {
    uint64_t elements = 1;
    cy_assert(dimensions <= GGUF_DIMENSIONS);
    text_put(&file->tensors, name);
    put(&file->tensors, dimensions, 4);
    for (uint32_t d = 0; d < dimensions; d++) {
        put(&file->tensors, size[d], 8);
        elements *= size[d];
    }
    put(&file->tensors, type, 4);
    put(&file->tensors, file->data_bytes, 8);
    uint64_t bytes = tensor_bytes(type, elements);
    buf_add(&file->sizes, &bytes, sizeof bytes);
    file->data_bytes += aligned(bytes);
    file->tensor_count++;
}

static uint64_t head_bytes(const struct model_file *file) {
    return aligned(HEAD_BYTES + file->values.size + file->tensors.size);
}

uint64_t model_file_bytes(const struct model_file *file) {
    return head_bytes(file) + file->data_bytes;
}

static uint64_t size_of(const struct model_file *file, uint64_t tensor) {
    uint64_t bytes = 0;
    if (tensor < file->tensor_count) {
        memcpy(&bytes, file->sizes.data + tensor * sizeof bytes, sizeof bytes);
    }
    return bytes;
}

// ---- writing -----------------------------------------------------------------------------------

static enum err room_look(const struct model_file *file, struct fault *fault) {
    uint64_t there, needed = model_file_bytes(file);
    char folder[1024];
    const char *slash = strrchr(file->path, '/');
    struct str parent =
        slash ? (struct str){file->path, (size_t)(slash - file->path) + 1} : STR(".");
    if (!str_copy(folder, sizeof folder, parent)) return OK; // opening says what is wrong
    if (disk_free(folder, &there, NULL) != OK || there >= needed) return OK;
    struct buf text;
    buf_open(&text, 64);
    buf_add_u64(&text, (needed + 999999) / 1000000);
    enum err err = fault_set(fault, ERR_FULL, "model_file.no_room", buf_str(&text));
    buf_close(&text);
    return err;
}

static const char zeroes[ALIGNMENT];

enum err model_file_begin(struct model_file *file, struct fault *fault) {
    const struct buf *bufs[] = {&file->values, &file->tensors, &file->sizes};
    for (size_t i = 0; i < 3; i++) {
        enum err err = buf_err(bufs[i]);
        if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    }
    if (file->value_count > GGUF_VALUES_MAX || file->tensor_count > GGUF_TENSORS_MAX) {
        return fault_set(fault, ERR_LIMIT, "gguf.too_many", STR_NONE);
    }
    enum err err = room_look(file, fault);
    if (err == OK) err = file_stream_open(file->path, &file->stream, fault);
    if (err != OK) return err;
    uint8_t head[HEAD_BYTES] = "GGUF\3";
    memcpy(head + 8, &file->tensor_count, 8);
    memcpy(head + 16, &file->value_count, 8);
    uint64_t told = HEAD_BYTES + file->values.size + file->tensors.size;
    const struct str parts[] = {{(const char *)head, HEAD_BYTES},
                                buf_str(&file->values),
                                buf_str(&file->tensors),
                                {zeroes, (size_t)(head_bytes(file) - told)}};
    for (size_t i = 0; i < 4 && err == OK; i++) {
        err = file_write_all(file->stream.fd, parts[i].data, parts[i].size, fault);
    }
    file->left = size_of(file, 0);
    return err;
}

enum err model_file_bytes_put(struct model_file *file, const void *bytes, size_t size,
                              struct fault *fault) {
    const uint8_t *at = bytes;
    enum err err = OK;
    while (size > 0 && err == OK) {
        cy_assert(file->now < file->tensor_count);
        size_t piece = size < file->left ? size : (size_t)file->left;
        err = file_write_all(file->stream.fd, at, piece, fault);
        at += piece;
        size -= piece;
        file->left -= piece;
        if (err != OK || file->left > 0) continue;
        uint64_t whole = size_of(file, file->now);
        err = file_write_all(file->stream.fd, zeroes, (size_t)(aligned(whole) - whole), fault);
        file->left = size_of(file, ++file->now);
    }
    return err;
}

enum err model_file_keep(struct model_file *file, struct fault *fault) {
    cy_assert(file->now == file->tensor_count);
    return file_stream_keep(&file->stream, fault);
}
