#include "model/language/model_file.h"

#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/memory.h"

enum { ALIGNMENT = 32 };
static const size_t head_bytes_max = (size_t)1 << 30;

struct model_file {
    struct file_stream stream;
    const char *path;
    struct gguf_head head;
    struct buf sizes;    // uint64_t: bytes of each tensor
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
    gguf_head_open(&file->head, head_bytes_max);
    buf_open(&file->sizes, head_bytes_max);
    *out = file;
    return OK;
}

void model_file_close(struct model_file *file) {
    if (!file) return;
    file_stream_drop(&file->stream);
    gguf_head_close(&file->head);
    buf_close(&file->sizes);
    memory_give(file);
}

struct gguf_head *model_file_head(struct model_file *file) {
    return &file->head;
}

// ---- tensors -----------------------------------------------------------------------------------

void model_file_tensor(struct model_file *file, struct str name, uint32_t type, uint32_t dimensions,
                       const uint64_t size[GGUF_DIMENSIONS]) {
    uint64_t elements = 1;
    gguf_head_tensor(&file->head, name, type, dimensions, size, file->data_bytes);
    for (uint32_t d = 0; d < dimensions; d++) elements *= size[d];
    uint64_t bytes = tensor_bytes(type, elements);
    buf_add(&file->sizes, &bytes, sizeof bytes);
    file->data_bytes += aligned(bytes);
}

static uint64_t head_bytes(const struct model_file *file) {
    return aligned(GGUF_HEAD_BYTES + file->head.values.size + file->head.tensors.size);
}

uint64_t model_file_bytes(const struct model_file *file) {
    return head_bytes(file) + file->data_bytes;
}

static uint64_t size_of(const struct model_file *file, uint64_t tensor) {
    uint64_t bytes = 0;
    if (tensor < file->head.tensor_count) {
        memcpy(&bytes, file->sizes.data + tensor * sizeof bytes, sizeof bytes);
    }
    return bytes;
}

// ---- writing -----------------------------------------------------------------------------------

static enum err megabytes_tell(uint64_t bytes, const char *code, struct fault *fault) {
    struct buf text;
    buf_open(&text, 64);
    buf_add_u64(&text, (bytes + 999999) / 1000000);
    enum err err = fault_set(fault, ERR_FULL, code, buf_str(&text));
    buf_close(&text);
    return err;
}

enum err model_file_no_room(uint64_t bytes, struct fault *fault) {
    return megabytes_tell(bytes, "model_file.no_room", fault);
}

static enum err bytes_write(struct model_file *file, const void *bytes, size_t size,
                            struct fault *fault) {
    struct fault found = {0};
    enum err err = file_write_all(file->stream.fd, bytes, size, &found);
    if (err == ERR_FULL) return model_file_no_room(model_file_bytes(file), fault);
    if (err == ERR_LIMIT) { // EFBIG
        return megabytes_tell(model_file_bytes(file), "model_file.too_large", fault);
    }
    return err == OK ? OK : fault_set(fault, err, found.code, str_of(file->path));
}

static enum err room_look(const struct model_file *file, struct fault *fault) {
    uint64_t there, needed = model_file_bytes(file);
    char folder[1024];
    const char *slash = strrchr(file->path, '/');
    struct str parent =
        slash ? (struct str){file->path, (size_t)(slash - file->path) + 1} : STR(".");
    if (!str_copy(folder, sizeof folder, parent)) return OK; // opening says what is wrong
    if (disk_free(folder, &there, NULL) != OK || there >= needed) return OK;
    return model_file_no_room(needed, fault);
}

static const char zeroes[ALIGNMENT];

enum err model_file_begin(struct model_file *file, struct fault *fault) {
    const struct gguf_head *told = &file->head;
    enum err err = gguf_head_err(told);
    if (err == OK) err = buf_err(&file->sizes);
    if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    if (told->value_count > GGUF_VALUES_MAX || told->tensor_count > GGUF_TENSORS_MAX) {
        return fault_set(fault, ERR_LIMIT, "gguf.too_many", STR_NONE);
    }
    err = room_look(file, fault);
    if (err == OK) err = file_stream_open(file->path, &file->stream, fault);
    if (err != OK) return err;
    uint8_t begin[GGUF_HEAD_BYTES];
    gguf_head_begin(told, begin);
    uint64_t bytes = sizeof begin + told->values.size + told->tensors.size;
    const struct str parts[] = {{(const char *)begin, sizeof begin},
                                buf_str(&told->values),
                                buf_str(&told->tensors),
                                {zeroes, (size_t)(head_bytes(file) - bytes)}};
    for (size_t i = 0; i < 4 && err == OK; i++) {
        err = bytes_write(file, parts[i].data, parts[i].size, fault);
    }
    file->left = size_of(file, 0);
    return err;
}

enum err model_file_bytes_put(struct model_file *file, const void *bytes, size_t size,
                              struct fault *fault) {
    const uint8_t *at = bytes;
    enum err err = OK;
    while (size > 0 && err == OK) {
        cy_assert(file->now < file->head.tensor_count);
        size_t piece = size < file->left ? size : (size_t)file->left;
        err = bytes_write(file, at, piece, fault);
        at += piece;
        size -= piece;
        file->left -= piece;
        if (err != OK || file->left > 0) continue;
        uint64_t whole = size_of(file, file->now);
        err = bytes_write(file, zeroes, (size_t)(aligned(whole) - whole), fault);
        file->left = size_of(file, ++file->now);
    }
    return err;
}

enum err model_file_keep(struct model_file *file, struct fault *fault) {
    cy_assert(file->now == file->head.tensor_count);
    enum err err = file_stream_keep(&file->stream, fault); // some disks refuse only here
    return err == ERR_FULL ? model_file_no_room(model_file_bytes(file), fault) : err;
}
