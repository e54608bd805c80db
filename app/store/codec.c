#include "store/codec.h"

#include <string.h>

#include "base/assert.h"

void codec_u64(struct codec *codec, uint64_t *value) {
    if (codec->writer) {
        record_put_u64(codec->writer, *value);
    } else {
        *value = record_get_u64(codec->reader);
    }
}

void codec_i64(struct codec *codec, int64_t *value) {
    if (codec->writer) {
        record_put_i64(codec->writer, *value);
    } else {
        *value = record_get_i64(codec->reader);
    }
}

void codec_bool(struct codec *codec, bool *value) {
    *value = codec_choice(codec, *value, 2) != 0;
}

void codec_number(struct codec *codec, double *value) {
    if (codec->writer) {
        record_put_number(codec->writer, *value);
    } else {
        *value = record_get_number(codec->reader);
    }
}

void codec_text(struct codec *codec, struct str *value) {
    if (codec->writer) {
        record_put_str(codec->writer, *value);
        return;
    }
    struct str read = record_get_str(codec->reader);
    // One byte more, a NUL, so that names may be handed to C functions.
    char *copy = arena_take(codec->arena, read.size + 1);
    if (!copy) {
        codec->no_memory = true;
        *value = STR_NONE;
        return;
    }
    if (read.size) memcpy(copy, read.data, read.size);
    *value = (struct str){copy, read.size};
}

void codec_hash(struct codec *codec, struct hash *value) {
    if (codec->writer) {
        record_put_hash(codec->writer, value);
    } else {
        *value = record_get_hash(codec->reader);
    }
}

void codec_fault(struct codec *codec, struct fault *value) {
    struct str code = str_of(value->code), detail = str_of(value->detail);
    if (codec->writer) {
        record_put_str(codec->writer, code);
        record_put_str(codec->writer, detail);
    } else {
        code = record_get_str(codec->reader);
        detail = record_get_str(codec->reader);
        bool fits = str_copy(value->code, sizeof value->code, code) &&
                    str_copy(value->detail, sizeof value->detail, detail);
        if (!fits) codec->reader->broken = true;
    }
    codec_u64(codec, &value->row);
    codec_u64(codec, &value->column);
}

uint64_t codec_choice(struct codec *codec, uint64_t value, uint64_t count) {
    if (codec->writer) cy_assert(value < count);
    codec_u64(codec, &value);
    if (value < count) return value;
    codec->reader->broken = true;
    return 0;
}

void codec_count(struct codec *codec, uint32_t *count, uint32_t most) {
    if (codec->writer) cy_assert(*count <= most);
    uint64_t value = *count;
    codec_u64(codec, &value);
    if (codec->reader && (value > most || codec->reader->broken)) {
        codec->reader->broken = true;
        value = 0;
    }
    *count = (uint32_t)value;
}

void *codec_array(struct codec *codec, void *items, uint32_t *count, size_t each_bytes) {
    if (codec->writer) return items;
    void *room = arena_take_array(codec->arena, *count ? *count : 1, each_bytes);
    if (!room) {
        codec->no_memory = true;
        *count = 0;
    }
    return room;
}

enum err codec_end(const struct codec *codec) {
    if (codec->no_memory) return ERR_MEMORY;
    return codec->reader ? record_end(codec->reader) : OK;
}
