// Some rows of a frame's texts by themselves.

#include <string.h>

#include "model/tabular/judge_private.h"

enum err sparse_take(const struct frame *frame, const uint32_t *rows, uint64_t count,
                     struct sparse **out) {
    uint32_t features = frame->feature_count, texts = 0;
    for (uint32_t f = 0; f < features; f++) texts += frame->features[f].kind == FEATURE_TEXT;
    *out = NULL;
    if (texts == 0 || !frame->sparse) return OK;
    size_t each = count * (sizeof(uint64_t) + sizeof(uint32_t));
    struct sparse *taken = memory_take(features * sizeof(*taken) + texts * each);
    if (!taken) return ERR_MEMORY;
    uint64_t *from = (uint64_t *)(void *)(taken + features);
    uint32_t *counts = (uint32_t *)(void *)(from + texts * count);
    for (uint32_t f = 0; f < features; f++) {
        if (frame->features[f].kind != FEATURE_TEXT) continue;
        const struct sparse *text = &frame->sparse[f];
        for (uint64_t i = 0; i < count; i++) {
            from[i] = text->from[rows[i]];
            counts[i] = text->count[rows[i]];
        }
        taken[f] = (struct sparse){from, counts, text->bucket, text->weight};
        from += count;
        counts += count;
    }
    *out = taken;
    return OK;
}
