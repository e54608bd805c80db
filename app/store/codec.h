// One list of fields for both ways: the same function writes a record when the codec writes and
// fills it when it reads. Errors stick; codec_end tells. Depends on store/. One thread.
#pragma once

#include "base/memory.h"
#include "store/store.h"

struct codec {
    struct record_writer *writer; // NULL while reading
    struct record_reader *reader; // NULL while writing
    struct arena *arena;          // what is read is copied there
    bool no_memory;
};

void codec_u64(struct codec *codec, uint64_t *value);
void codec_i64(struct codec *codec, int64_t *value);
void codec_bool(struct codec *codec, bool *value);
void codec_number(struct codec *codec, double *value);
void codec_text(struct codec *codec, struct str *value);
void codec_hash(struct codec *codec, struct hash *value);
void codec_fault(struct codec *codec, struct fault *value);
// A value below `count`; anything else read is a broken record.
uint64_t codec_choice(struct codec *codec, uint64_t value, uint64_t count);
// Length of a list; 0 once broken or beyond `most`.
void codec_count(struct codec *codec, uint32_t *count, uint32_t most);
// When reading: room for `count` of them in the arena (count may be 0). NULL once out of memory.
void *codec_array(struct codec *codec, void *items, uint32_t *count, size_t each_bytes);
enum err codec_end(const struct codec *codec) MUST_USE;

#define CODEC_ENUM(codec, field, type, count) \
    ((field) = (enum type)codec_choice((codec), (uint64_t)(field), (count)))
