// dedup line: a line that stood in the dataset before (headers, footers, disclaimers) goes from all
// texts but the first. Lines are compared without white space at their ends; short ones stay, and
// so do empty ones. Memory: 24 to 60 bytes for each different line.
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/cleanse/dedup_private.h"
#include "data/cleanse/fingerprint_private.h"
#include "data/cleanse/rewrite_private.h"

enum { ROOM_START = 1024 };

struct line_counts {
    struct line_count {
        struct fingerprint line;
        uint64_t count; // 0: free
    } * slots;
    uint64_t room, used; // room is a power of two
};

static struct line_count *count_of(const struct line_counts *counts, struct fingerprint line) {
    uint64_t at = line.low & (counts->room - 1);
    for (;; at = (at + 1) & (counts->room - 1)) {
        struct line_count *slot = &counts->slots[at];
        if (slot->count == 0) return slot;
        if (slot->line.high == line.high && slot->line.low == line.low) return slot;
    }
}

static enum err grow(struct line_counts *counts) {
    struct line_counts grown = {.room = counts->room ? counts->room * 2 : ROOM_START,
                                .used = counts->used};
    grown.slots = memory_take(grown.room * sizeof *grown.slots);
    if (!grown.slots) return ERR_MEMORY;
    for (uint64_t i = 0; i < counts->room; i++) {
        if (counts->slots[i].count) *count_of(&grown, counts->slots[i].line) = counts->slots[i];
    }
    memory_give(counts->slots);
    *counts = grown;
    return OK;
}

enum err lines_start(struct dedup_state *state) {
    lines_stop(state);
    state->lines_removed = state->bytes_removed = 0;
    state->lines = memory_take(sizeof *state->lines);
    return state->lines ? grow(state->lines) : ERR_MEMORY;
}

void lines_stop(struct dedup_state *state) {
    if (state->lines) memory_give(state->lines->slots);
    memory_give(state->lines);
    state->lines = NULL;
}

// Whether the line may stay; counts it.
static enum err line_seen(struct dedup_state *state, struct str line, bool *stays) {
    struct str text = str_trim(line);
    *stays = true;
    if (text.size == 0 || (double)utf8_count(text) < state->least) return OK;
    struct line_counts *counts = state->lines;
    if ((counts->used + 1) * 5 > counts->room * 4) {
        enum err err = grow(counts);
        if (err != OK) return err;
    }
    struct fingerprint print = fingerprint_start();
    fingerprint_add_bytes(&print, text.data, text.size);
    struct line_count *slot = count_of(counts, print);
    counts->used += slot->count == 0;
    slot->line = print;
    *stays = (double)slot->count++ < state->count;
    return OK;
}

static enum err line_cell(void *ctx, struct str cell, struct buf *scratch, struct str *out,
                          uint32_t *reason_bits) {
    struct dedup_state *state = ctx;
    struct str rest = cell;
    uint64_t removed = 0;
    while (rest.data) {
        bool stays, last_of_cell;
        struct str line = str_cut(rest, '\n', &rest);
        last_of_cell = rest.data == NULL;
        enum err err = line_seen(state, line, &stays);
        if (err != OK) return err;
        removed += !stays;
        if (!stays) {
            state->bytes_removed += line.size;
            continue;
        }
        buf_add_str(scratch, line);
        if (!last_of_cell) buf_add_char(scratch, '\n');
    }
    if (removed == 0) return OK;
    // A line break that stood before a last line which is gone goes with it.
    bool ended = cell.size && cell.data[cell.size - 1] == '\n';
    if (!ended && scratch->size && scratch->data[scratch->size - 1] == '\n') scratch->size--;
    state->lines_removed += removed;
    *reason_bits |= 1u << REASON_LINE;
    *out = buf_str(scratch);
    return buf_err(scratch);
}

enum err lines_run(struct dedup_state *state, struct part *part) {
    return part_rewrite(part, state->places, state->place_count, line_cell, state,
                        REASON_LINE_EMPTIED);
}

void lines_report(const struct dedup_state *state, struct json_writer *out) {
    json_set_u64(out, "lines", state->lines->used);
    json_set_u64(out, "lines_removed", state->lines_removed);
    json_set_u64(out, "bytes_removed", state->bytes_removed);
}
