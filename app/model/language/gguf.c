#include "model/language/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

struct gguf {
    struct file_map map;          // of a file of our own; else empty
    struct buf head;              // of gguf_join, gguf_assemble
    const uint8_t *const *places; // of gguf_assemble: of each tensor; else NULL
    const uint8_t *bytes;
    size_t size;
    const uint8_t *data; // of gguf_join: where the tensors begin; else NULL
    size_t data_size;
    struct gguf_value *values;
    struct gguf_tensor *tensors;
    const struct gguf_tensor **by_name; // (tensor_count)
    uint32_t value_count, tensor_count;
};

// ---- the types -------------------------------------------------------------------------------

static const uint8_t type_bytes[GGUF_TYPE_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

// ---- reading ---------------------------------------------------------------------------------

struct reading {
    const uint8_t *start, *at, *end;
    struct fault *fault;
};

static uint64_t room(const struct reading *r) {
    return (uint64_t)(r->end - r->at);
}

static enum err cut(struct reading *r) {
    char where[24];
    struct buf text;
    buf_open(&text, sizeof where);
    buf_add_u64(&text, (uint64_t)(r->at - r->start));
    enum err err = fault_set(r->fault, ERR_INPUT, "gguf.cut", buf_str(&text));
    buf_close(&text);
    return err;
}

static enum err whole_read(struct reading *r, uint32_t bytes, uint64_t *out) {
    *out = 0;
    if (room(r) < bytes) return cut(r);
    memcpy(out, r->at, bytes);
    r->at += bytes;
    return OK;
}

static enum err u32_read(struct reading *r, uint32_t *out) {
    uint64_t value;
    enum err err = whole_read(r, 4, &value);
    *out = err == OK ? (uint32_t)value : 0;
    return err;
}

static enum err text_read(struct reading *r, uint64_t most, struct str *out) {
    uint64_t size;
    enum err err = whole_read(r, 8, &size);
    if (err != OK) return err;
    if (size > room(r) || size > most) return cut(r);
    *out = (struct str){(const char *)r->at, (size_t)size};
    r->at += size;
    return OK;
}

static enum err array_read(struct reading *r, struct gguf_value *value) {
    uint32_t item;
    enum err err = u32_read(r, &item);
    if (err == OK) err = whole_read(r, 8, &value->count);
    if (err != OK) return err;
    if (item >= GGUF_TYPE_COUNT || item == GGUF_ARRAY) {
        return fault_set(r->fault, ERR_INPUT, "gguf.bad_value", value->name);
    }
    value->item = (enum gguf_type)item;
    value->bytes = r->at;
    if (item != GGUF_TEXT) {
        if (value->count > room(r) / type_bytes[item]) return cut(r);
        r->at += value->count * type_bytes[item];
        return OK;
    }
    if (value->count > room(r) / 8) return cut(r);
    struct str text;
    for (uint64_t i = 0; i < value->count && err == OK; i++) err = text_read(r, UINT64_MAX, &text);
    return err;
}

static enum err value_read(struct reading *r, struct gguf_value *value) {
    uint32_t type;
    enum err err = text_read(r, GGUF_NAME_BYTES, &value->name);
    if (err == OK) err = u32_read(r, &type);
    if (err != OK) return err;
    if (type >= GGUF_TYPE_COUNT) {
        return fault_set(r->fault, ERR_INPUT, "gguf.bad_value", value->name);
    }
    value->type = value->item = (enum gguf_type)type;
    value->count = 1;
    value->bytes = r->at;
    if (type == GGUF_ARRAY) return array_read(r, value);
    struct str text;
    if (type == GGUF_TEXT) return text_read(r, UINT64_MAX, &text);
    if (room(r) < type_bytes[type]) return cut(r);
    r->at += type_bytes[type];
    return OK;
}

// Sizes and bytes of a tensor, held against each other and against what 64 bits hold.
static bool extent_of(struct gguf_tensor *tensor) {
    const struct tensor_form *form = tensor_form_of(tensor->type);
    uint64_t elements = 1;
    for (uint32_t d = 0; d < GGUF_DIMENSIONS; d++) {
        if (tensor->size[d] == 0 || tensor->size[d] > INT64_MAX / 8 / elements) return false;
        elements *= tensor->size[d];
    }
    if (tensor->size[0] % form->block != 0) return false;
    tensor->bytes = elements / form->block * form->block_bytes;
    return elements / form->block <= (uint64_t)INT64_MAX / (form->block_bytes + 1);
}

static enum err tensor_read(struct reading *r, struct gguf_tensor *tensor, uint64_t *offset) {
    enum err err = text_read(r, GGUF_NAME_BYTES, &tensor->name);
    if (err == OK) err = u32_read(r, &tensor->dimensions);
    if (err != OK) return err;
    if (tensor->dimensions > GGUF_DIMENSIONS) {
        return fault_set(r->fault, ERR_INPUT, "gguf.bad_tensor", tensor->name);
    }
    for (uint32_t d = 0; d < GGUF_DIMENSIONS; d++) {
        tensor->size[d] = 1;
        if (d < tensor->dimensions && err == OK) err = whole_read(r, 8, &tensor->size[d]);
    }
    if (err == OK) err = u32_read(r, &tensor->type);
    if (err == OK) err = whole_read(r, 8, offset);
    if (err == OK && !extent_of(tensor)) {
        err = fault_set(r->fault, ERR_INPUT, "gguf.bad_tensor", tensor->name);
    }
    return err;
}

// ---- the file --------------------------------------------------------------------------------

static int names_compare(const void *a, const void *b) {
    return str_compare((*(const struct gguf_tensor *const *)a)->name,
                       (*(const struct gguf_tensor *const *)b)->name);
}

static enum err head_read(struct gguf *file, struct reading *r) {
    uint32_t magic, version;
    uint64_t tensors, values;
    if (room(r) < 4 || memcmp(r->at, "GGUF", 4) != 0) {
        return fault_set(r->fault, ERR_INPUT, "gguf.not_gguf", STR_NONE);
    }
    enum err err = u32_read(r, &magic);
    if (err == OK) err = u32_read(r, &version);
    if (err != OK) return err;
    if (version != 2 && version != 3) { // 1 had shorter lengths; others are big-endian or newer
        return fault_set(r->fault, ERR_INPUT, "gguf.version", STR_NONE);
    }
    err = whole_read(r, 8, &tensors);
    if (err == OK) err = whole_read(r, 8, &values);
    if (err != OK) return err;
    if (tensors > GGUF_TENSORS_MAX || values > GGUF_VALUES_MAX) {
        return fault_set(r->fault, ERR_LIMIT, "gguf.too_many", STR_NONE);
    }
    file->tensor_count = (uint32_t)tensors;
    file->value_count = (uint32_t)values;
    file->values = memory_take((values + 1) * sizeof *file->values);
    file->tensors = memory_take((tensors + 1) * sizeof *file->tensors);
    file->by_name = memory_take((tensors + 1) * sizeof *file->by_name);
    return file->values && file->tensors && file->by_name ? OK : ERR_MEMORY;
}

static enum err names_sort(struct gguf *file, struct fault *fault) {
    for (uint32_t i = 0; i < file->tensor_count; i++) file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->tensor_count, sizeof *file->by_name, names_compare);
    for (uint32_t i = 1; i < file->tensor_count; i++) {
        if (str_equal(file->by_name[i - 1]->name, file->by_name[i]->name)) {
            return fault_set(fault, ERR_INPUT, "gguf.twice", file->by_name[i]->name);
        }
    }
    return OK;
}

// Where the tensors lie: behind all descriptions, aligned. `bytes` holds each one's offset so far.
static enum err data_place(struct gguf *file, struct reading *r, const uint64_t *offsets) {
    uint64_t alignment = gguf_whole(file, "general.alignment", 32);
    if (alignment == 0 || alignment > 1 << 20 || (alignment & (alignment - 1)) != 0) {
        return fault_set(r->fault, ERR_INPUT, "gguf.bad_value", STR("general.alignment"));
    }
    uint64_t start = (uint64_t)(r->at - r->start), size = file->size;
    const uint8_t *data = file->bytes;
    start = (start + alignment - 1) & ~(alignment - 1);
    if (file->data) {
        data = file->data;
        size = file->data_size;
        start = 0;
    }
    for (uint32_t i = 0; i < file->tensor_count; i++) {
        struct gguf_tensor *tensor = &file->tensors[i];
        if (file->places) {
            if (tensor->bytes) tensor->data = file->places[i];
            continue;
        }
        if (offsets[i] % alignment != 0) {
            return fault_set(r->fault, ERR_INPUT, "gguf.bad_tensor", tensor->name);
        }
        if (start > size || offsets[i] > size - start ||
            tensor->bytes > size - start - offsets[i]) {
            return fault_set(r->fault, ERR_INPUT, "gguf.tensor_cut", tensor->name);
        }
        if (tensor->bytes) tensor->data = data + start + offsets[i];
    }
    return OK;
}

static enum err all_read(struct gguf *file, struct fault *fault) {
    struct reading r = {file->bytes, file->bytes, file->bytes + file->size, fault};
    enum err err = head_read(file, &r);
    for (uint32_t i = 0; i < file->value_count && err == OK; i++) {
        err = value_read(&r, &file->values[i]);
    }
    uint64_t *offsets = memory_take(((size_t)file->tensor_count + 1) * sizeof *offsets);
    if (err == OK && !offsets) err = ERR_MEMORY;
    for (uint32_t i = 0; i < file->tensor_count && err == OK; i++) {
        err = tensor_read(&r, &file->tensors[i], &offsets[i]);
    }
    if (err == OK) err = names_sort(file, fault);
    if (err == OK) err = data_place(file, &r, offsets);
    memory_give(offsets);
    if (err == ERR_MEMORY) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    return err;
}

static enum err file_take(struct gguf *file, struct gguf **out, struct fault *fault) {
    enum err err = all_read(file, fault);
    if (err == OK) {
        *out = file;
    } else {
        gguf_close(file);
    }
    return err;
}

enum err gguf_open(const char *path, struct gguf **out, struct fault *fault) {
    struct gguf *file = memory_take(sizeof *file);
    *out = NULL;
    if (!file) return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    enum err err = file_map(path, &file->map, fault);
    if (err != OK) {
        memory_give(file);
        return err;
    }
    file->bytes = file->map.data;
    file->size = file->map.size;
    return file_take(file, out, fault);
}

enum err gguf_view(const void *bytes, size_t size, struct gguf **out, struct fault *fault) {
    struct gguf *file = memory_take(sizeof *file);
    *out = NULL;
    if (!file) return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    file->bytes = bytes;
    file->size = size;
    return file_take(file, out, fault);
}

void gguf_forget(const struct gguf *file, const void *data, size_t bytes) {
    uintptr_t at = (uintptr_t)data, map = (uintptr_t)file->map.data;
    if (!map || at < map || at - map >= file->map.size) return;
    size_t left = file->map.size - (at - map);
    file_map_forget(&file->map, data, bytes < left ? bytes : left);
}

enum err gguf_join(struct buf *head, struct file_map *data, size_t data_at, struct gguf **out,
                   struct fault *fault) {
    struct gguf *file = memory_take(sizeof *file);
    *out = NULL;
    if (!file || data_at > data->size) {
        memory_give(file);
        buf_close(head);
        file_unmap(data);
        return file ? fault_set(fault, ERR_INPUT, "gguf.cut", STR_NONE)
                    : fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    }
    file->map = *data;
    file->head = *head;
    file->bytes = (const uint8_t *)head->data;
    file->size = head->size;
    file->data = data->data + data_at;
    file->data_size = data->size - data_at;
    *head = (struct buf){0};
    *data = (struct file_map){0};
    return file_take(file, out, fault);
}

enum err gguf_assemble(struct buf *head, const uint8_t *const *places, struct gguf **out,
                       struct fault *fault) {
    struct gguf *file = memory_take(sizeof *file);
    *out = NULL;
    if (!file) {
        buf_close(head);
        return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    }
    file->head = *head;
    file->bytes = (const uint8_t *)head->data;
    file->size = head->size;
    file->places = places;
    *head = (struct buf){0};
    return file_take(file, out, fault);
}

void gguf_close(struct gguf *file) {
    if (!file) return;
    buf_close(&file->head);
    memory_give(file->values);
    memory_give(file->tensors);
    memory_give(file->by_name);
    if (file->map.data) file_unmap(&file->map);
    memory_give(file);
}

// ---- what is in it ---------------------------------------------------------------------------

uint32_t gguf_value_count(const struct gguf *file) {
    return file->value_count;
}

const struct gguf_value *gguf_value_at(const struct gguf *file, uint32_t index) {
    return &file->values[index];
}

const struct gguf_value *gguf_find(const struct gguf *file, const char *name) {
    for (uint32_t i = 0; i < file->value_count; i++) {
        if (str_is(file->values[i].name, name)) return &file->values[i];
    }
    return NULL;
}

uint32_t gguf_tensor_count(const struct gguf *file) {
    return file->tensor_count;
}

const struct gguf_tensor *gguf_tensor_at(const struct gguf *file, uint32_t index) {
    return &file->tensors[index];
}

const struct gguf_tensor *gguf_tensor_find(const struct gguf *file, struct str name) {
    struct gguf_tensor wanted = {.name = name};
    const struct gguf_tensor *key = &wanted;
    const struct gguf_tensor **found =
        bsearch(&key, file->by_name, file->tensor_count, sizeof *file->by_name, names_compare);
    return found ? *found : NULL;
}

static struct str text_at(const uint8_t *at) {
    uint64_t size;
    memcpy(&size, at, sizeof size);
    return (struct str){(const char *)at + sizeof size, (size_t)size};
}

struct str gguf_text(const struct gguf *file, const char *name, struct str otherwise) {
    const struct gguf_value *value = gguf_find(file, name);
    return value && value->type == GGUF_TEXT ? text_at(value->bytes) : otherwise;
}

bool gguf_bool(const struct gguf *file, const char *name, bool otherwise) {
    const struct gguf_value *value = gguf_find(file, name);
    return value && value->type == GGUF_BOOL ? *value->bytes != 0 : otherwise;
}

#define LOAD(type)                            \
    ({                                        \
        type loaded_;                         \
        memcpy(&loaded_, at, sizeof loaded_); \
        (double)loaded_;                      \
    })

double gguf_item(const struct gguf_value *array, uint64_t index) {
    const uint8_t *at = array->bytes + index * type_bytes[array->item];
    switch (array->item) {
    case GGUF_U8:
    case GGUF_BOOL: return *at;
    case GGUF_I8: return (int8_t)*at;
    case GGUF_U16: return LOAD(uint16_t);
    case GGUF_I16: return LOAD(int16_t);
    case GGUF_U32: return LOAD(uint32_t);
    case GGUF_I32: return LOAD(int32_t);
    case GGUF_F32: return LOAD(float);
    case GGUF_U64: return LOAD(uint64_t);
    case GGUF_I64: return LOAD(int64_t);
    case GGUF_F64: return LOAD(double);
    default: return 0;
    }
}

double gguf_number(const struct gguf *file, const char *name, double otherwise) {
    const struct gguf_value *value = gguf_find(file, name);
    if (!value || value->type == GGUF_TEXT || value->type == GGUF_ARRAY) return otherwise;
    return gguf_item(value, 0);
}

uint64_t gguf_whole(const struct gguf *file, const char *name, uint64_t otherwise) {
    double value = gguf_number(file, name, -1);
    return value >= 0 && value < 0x1p53 ? (uint64_t)value : otherwise;
}

bool gguf_next_text(const struct gguf_value *array, uint64_t *index, const uint8_t **at,
                    struct str *out) {
    if (*index >= array->count || array->item != GGUF_TEXT) return false;
    if (*index == 0) *at = array->bytes;
    *out = text_at(*at);
    *at += sizeof(uint64_t) + out->size;
    ++*index;
    return true;
}
