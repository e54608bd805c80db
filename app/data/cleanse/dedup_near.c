// dedup near: of texts that share most of their pieces the first one stays (similar.h).
#include <string.h>

#include "data/cleanse/dedup_private.h"

enum err near_start(struct dedup_state *state, struct fault *fault) {
    similar_close(state->similar);
    state->similar = NULL;
    return similar_open(state->jaccard, state->folder, &state->similar, fault);
}

static enum err keep_text(struct part *part, const struct similar_text *text,
                          struct similar_text *out) {
    char *units = ARENA_ARRAY(part->arena, char, text->size + 1);
    if (!units) return ERR_MEMORY;
    if (text->size) memcpy(units, text->units, text->size);
    *out = *text;
    out->units = units;
    return OK;
}

enum err near_prepare(const struct dedup *dedup, const struct dedup_state *state,
                      struct part *part) {
    struct similar_maker *maker;
    struct similar_text *texts = ARENA_ARRAY(part->arena, struct similar_text, part->row_count);
    if (!texts) return ERR_MEMORY;
    enum err err = similar_maker_open((enum similar_unit)dedup->unit, &maker);
    if (err != OK) return err;
    struct buf scratch;
    buf_open(&scratch, UINT32_MAX);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row]) continue;
        struct similar_text text;
        struct str cell = row_text(part, state->places, state->place_count, row, &scratch);
        err = buf_err(&scratch);
        if (err == OK) err = similar_make(maker, cell, &text);
        if (err == OK) err = keep_text(part, &text, &texts[row]);
    }
    part->scratch = (uint64_t *)(void *)texts;
    buf_close(&scratch);
    similar_maker_close(maker);
    return err;
}

enum err near_run(struct dedup_state *state, struct part *part) {
    const struct similar_text *texts = (const struct similar_text *)(const void *)part->scratch;
    enum err err = OK;
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        struct similar_match match;
        bool duplicate = false;
        if (part->gone[row]) continue;
        err = similar_add(state->similar, &texts[row], part->first_row + row, &duplicate, &match);
        if (err == OK && duplicate) part_drop_row(part, row, REASON_NEAR);
    }
    return err;
}

void near_report(const struct dedup_state *state, struct json_writer *out) {
    struct similar_counts counts = similar_counts_of(state->similar);
    json_set_number(out, "jaccard", state->jaccard);
    json_set_u64(out, "kept", counts.kept);
    json_set_u64(out, "duplicates", counts.duplicates);
    json_set_u64(out, "candidates", counts.candidates);
    json_set_u64(out, "verified", counts.verified);
    json_set_u64(out, "left_out", counts.left_out);
    json_set_u64(out, "memory_bytes", counts.memory_bytes);
    json_set_u64(out, "text_bytes", counts.text_bytes);
    json_set_u64(out, "scratch_bytes", counts.file_bytes);
}
