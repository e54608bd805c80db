#include "model/language/import/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "model/tensor/tensor.h"

enum { LENGTH_BYTES = 8 };

struct safetensors {
    struct file_map map; // of a file of our own; else empty
    struct buf list;     // struct safetensor, in the order of their bytes
    uint32_t count;
    uint64_t data_bytes;
    const uint8_t *data; // where the tensors begin
};

// The numbers of GGUF's types that have the same bytes.
static const struct kind {
    const char *name;
    uint32_t bytes, type;
} kinds[] = {
    {"F32", 4, TENSOR_F32},
    {"F16", 2, TENSOR_F16},
    {"BF16", 2, TENSOR_BF16},
    {"F64", 8, TENSOR_F64},
    {"I8", 1, TENSOR_I8},
    {"I16", 2, TENSOR_I16},
    {"I32", 4, TENSOR_I32},
    {"I64", 8, TENSOR_I64},
    {"U8", 1, SAFETENSOR_NO_TYPE},
    {"U16", 2, SAFETENSOR_NO_TYPE},
    {"U32", 4, SAFETENSOR_NO_TYPE},
    {"U64", 8, SAFETENSOR_NO_TYPE},
    {"C64", 8, SAFETENSOR_NO_TYPE},
    {"BOOL", 1, SAFETENSOR_NO_TYPE},
    {"F8_E4M3", 1, SAFETENSOR_NO_TYPE},
    {"F8_E5M2", 1, SAFETENSOR_NO_TYPE},
    {"F8_E8M0", 1, SAFETENSOR_NO_TYPE},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct reading {
    struct safetensors *file;
    struct json_text text;
    struct str name; // of the file
    struct fault *fault;
};

// ---- one tensor --------------------------------------------------------------------------------

// An array of `least` to `most` whole numbers.
static bool wholes_read(struct json_text *text, uint32_t least, uint32_t most, uint64_t *out,
                        uint32_t *count) {
    bool good = true;
    *count = 0;
    for (json_text_open(text, '['); json_text_more(text);) {
        double value = json_text_number(text);
        good &= value >= 0 && value < 0x1p53 && *count < most;
        if (!good) continue;
        out[*count] = (uint64_t)value;
        good = (double)out[(*count)++] == value;
    }
    return good && *count >= least;
}

static const struct kind *kind_find(struct str name) {
    for (size_t i = 0; i < KINDS; i++) {
        if (str_is(name, kinds[i].name)) return &kinds[i];
    }
    return NULL;
}

// Shape, type and place held against each other.
static enum err tensor_check(struct reading *r, struct safetensor *tensor, const struct kind *kind,
                             const uint64_t place[2]) {
    uint64_t elements = 1, most = INT64_MAX / 8;
    if (place[0] > place[1]) {
        return fault_set(r->fault, ERR_INPUT, "safetensors.bad_tensor", tensor->name);
    }
    if (place[1] > r->file->data_bytes) {
        return fault_set(r->fault, ERR_INPUT, "safetensors.cut", tensor->name);
    }
    for (uint32_t d = 0; d < tensor->dimensions; d++) {
        bool fits = elements == 0 || tensor->size[d] <= most / elements;
        elements = fits ? elements * tensor->size[d] : most;
    }
    tensor->begin = place[0];
    tensor->bytes = place[1] - place[0];
    if (elements >= most || elements * kind->bytes != tensor->bytes) {
        return fault_set(r->fault, ERR_INPUT, "safetensors.bad_tensor", tensor->name);
    }
    tensor->type = kind->type;
    tensor->data = r->file->data + tensor->begin;
    return OK;
}

static enum err tensor_read(struct reading *r, struct str name) {
    struct safetensor tensor = {.name = name, .size = {1, 1, 1, 1}};
    const struct kind *kind = NULL;
    struct str told = STR_NONE;
    uint64_t shape[SAFETENSOR_DIMENSIONS], place[2];
    bool shaped = false, placed = false;
    uint32_t count;
    for (json_text_open(&r->text, '{'); json_text_more(&r->text);) {
        struct str key = json_text_name(&r->text);
        if (str_is(key, "dtype")) {
            kind = kind_find(told = json_text_raw(&r->text));
        } else if (str_is(key, "shape")) {
            shaped = wholes_read(&r->text, 0, SAFETENSOR_DIMENSIONS, shape, &tensor.dimensions);
        } else if (str_is(key, "data_offsets")) {
            placed = wholes_read(&r->text, 2, 2, place, &count);
        } else {
            json_text_skip(&r->text);
        }
    }
    if (r->text.bad) return OK; // told where the text ends
    if (told.size && !kind) return fault_set(r->fault, ERR_INPUT, "safetensors.dtype", told);
    if (!kind || !shaped || !placed) {
        return fault_set(r->fault, ERR_INPUT, "safetensors.bad_tensor", name);
    }
    for (uint32_t d = 0; d < tensor.dimensions; d++) {
        tensor.size[d] = shape[tensor.dimensions - 1 - d];
    }
    enum err err = tensor_check(r, &tensor, kind, place);
    if (err == OK) buf_add(&r->file->list, &tensor, sizeof tensor);
    return err == OK ? buf_err(&r->file->list) : err;
}

// ---- all of them -------------------------------------------------------------------------------

static enum err header_read(struct reading *r) {
    struct safetensors *file = r->file;
    enum err err = OK;
    for (json_text_open(&r->text, '{'); err == OK && json_text_more(&r->text);) {
        struct str name = json_text_name(&r->text);
        if (str_is(name, "__metadata__")) {
            json_text_skip(&r->text);
            continue;
        }
        if (file->count == SAFETENSORS_MAX) {
            return fault_set(r->fault, ERR_LIMIT, "safetensors.too_many", r->name);
        }
        err = tensor_read(r, name);
        if (!r->text.bad) file->count++;
    }
    if (err != OK || json_text_end(&r->text)) return err;
    uint64_t at = (uint64_t)(r->text.at - r->text.start) + 1;
    return fault_at(r->fault, ERR_INPUT, "safetensors.header", 0, at, r->name);
}

static int by_place(const void *a, const void *b) {
    const struct safetensor *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1; // empty ones first
    return str_compare(x->name, y->name);
}

static int by_name(const void *a, const void *b) {
    return str_compare(((const struct safetensor *)a)->name, ((const struct safetensor *)b)->name);
}

// Every name once, every byte in one tensor.
static enum err all_check(struct reading *r) {
    struct safetensors *file = r->file;
    struct safetensor *list = (struct safetensor *)(void *)file->list.data;
    uint64_t end = 0;
    if (file->count) qsort(list, file->count, sizeof *list, by_name);
    for (uint32_t i = 1; i < file->count; i++) {
        if (!str_equal(list[i - 1].name, list[i].name)) continue;
        return fault_set(r->fault, ERR_INPUT, "safetensors.twice", list[i].name);
    }
    if (file->count) qsort(list, file->count, sizeof *list, by_place);
    for (uint32_t i = 0; i < file->count; i++) {
        if (list[i].begin != end) {
            return fault_set(r->fault, ERR_INPUT, "safetensors.order", list[i].name);
        }
        end += list[i].bytes;
    }
    if (end == file->data_bytes) return OK;
    return fault_set(r->fault, ERR_INPUT, "safetensors.rest", r->name);
}

static enum err all_read(struct safetensors *file, const uint8_t *bytes, size_t size,
                         struct str name, struct fault *fault) {
    uint64_t header;
    buf_open(&file->list, (size_t)SAFETENSORS_MAX * sizeof(struct safetensor));
    if (size < LENGTH_BYTES) return fault_set(fault, ERR_INPUT, "safetensors.not_one", name);
    memcpy(&header, bytes, sizeof header);
    if (header > SAFETENSORS_HEADER_BYTES || header > size - LENGTH_BYTES || header < 2 ||
        bytes[LENGTH_BYTES] != '{') {
        return fault_set(fault, ERR_INPUT, "safetensors.not_one", name);
    }
    file->data = bytes + LENGTH_BYTES + header;
    file->data_bytes = size - LENGTH_BYTES - header;
    struct str text = {(const char *)bytes + LENGTH_BYTES, (size_t)header};
    struct reading r = {file, json_text_of(text), name, fault};
    enum err err = header_read(&r);
    return err == OK ? all_check(&r) : err;
}

static enum err file_take(struct safetensors *file, const uint8_t *bytes, size_t size,
                          struct str name, struct safetensors **out, struct fault *fault) {
    enum err err = all_read(file, bytes, size, name, fault);
    if (err == OK) {
        *out = file;
        return OK;
    }
    safetensors_close(file);
    return err == ERR_MEMORY ? fault_set(fault, err, "predict.no_memory", STR_NONE) : err;
}

enum err safetensors_open(const char *path, struct safetensors **out, struct fault *fault) {
    struct safetensors *file = memory_take(sizeof *file);
    const char *slash = strrchr(path, '/');
    *out = NULL;
    if (!file) return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    enum err err = file_map(path, &file->map, fault);
    if (err != OK) {
        memory_give(file);
        return err;
    }
    struct str name = str_of(slash ? slash + 1 : path);
    return file_take(file, file->map.data, file->map.size, name, out, fault);
}

enum err safetensors_view(const void *bytes, size_t size, struct str name, struct safetensors **out,
                          struct fault *fault) {
    struct safetensors *file = memory_take(sizeof *file);
    *out = NULL;
    if (!file) return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    return file_take(file, bytes, size, name, out, fault);
}

void safetensors_close(struct safetensors *file) {
    if (!file) return;
    buf_close(&file->list);
    if (file->map.data) file_unmap(&file->map);
    memory_give(file);
}

uint32_t safetensors_count(const struct safetensors *file) {
    return file->count;
}

const struct safetensor *safetensors_at(const struct safetensors *file, uint32_t index) {
    return &((const struct safetensor *)(const void *)file->list.data)[index];
}
