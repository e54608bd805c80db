#include "model/language/grammar/hold.h"

#include <string.h>

#include "base/assert.h"

enum { NAME_QUOTES = 4 }; // of {"name": "…": where they end, it is told which one is meant

static bool waits(const struct hold *hold) {
    return hold->form.mark[0] || hold->form.bare;
}

struct hold hold_of(struct constraint *constraint, const struct hold_form *form) {
    struct hold hold = {.constraint = constraint, .place = constraint_start(constraint)};
    if (form) {
        cy_assert(memchr(form->mark, '\0', sizeof form->mark) && form->pieces_most > 0);
        hold.form = *form;
    }
    hold.held = !waits(&hold);
    hold.bare = hold.form.bare;
    return hold;
}

static void piece_begin(struct hold *hold, uint32_t place) {
    hold->held = true;
    hold->bare = false;
    hold->place = place;
    hold->tail_size = 0;
}

// Behind a byte or a token of what is held: does the piece end, and the answer with it?
static enum hold_step piece_check(struct hold *hold) {
    if (!constraint_must_end(hold->constraint, hold->place)) return HOLD_ON;
    if (!waits(hold) || ++hold->pieces >= hold->form.pieces_most) return HOLD_OVER;
    hold->held = false;
    return HOLD_ON;
}

// What begins without a mark, as long as it fits.
static void bare_byte(struct hold *hold, char byte) {
    hold->place = constraint_next_bytes(hold->constraint, hold->place, (struct str){&byte, 1});
    hold->bare = hold->place != PLACE_NONE;
    if (!hold->bare) hold->place = constraint_start(hold->constraint);
    hold->quotes += byte == '"' && !hold->escaped;
    hold->escaped = byte == '\\' && !hold->escaped;
    if (hold->bare && hold->quotes == NAME_QUOTES) piece_begin(hold, hold->place);
}

static void free_byte(struct hold *hold, char byte) {
    size_t size = strlen(hold->form.mark);
    if (hold->bare) bare_byte(hold, byte);
    if (hold->held || size == 0) return;
    if (hold->tail_size == size) memmove(hold->tail, hold->tail + 1, --hold->tail_size);
    hold->tail[hold->tail_size++] = byte;
    if (hold->tail_size == size && memcmp(hold->tail, hold->form.mark, size) == 0) {
        piece_begin(hold, constraint_start(hold->constraint));
    }
}

static enum hold_step held_byte(struct hold *hold, char byte) {
    hold->place = constraint_next_bytes(hold->constraint, hold->place, (struct str){&byte, 1});
    return hold->place == PLACE_NONE ? HOLD_REFUSED : piece_check(hold);
}

enum hold_step hold_next(struct hold *hold, uint32_t token, struct str bytes) {
    if (hold->held) {
        hold->place = constraint_next(hold->constraint, hold->place, token);
        return piece_check(hold);
    }
    struct hold next = *hold;
    enum hold_step step = HOLD_ON;
    for (size_t i = 0; i < bytes.size && step == HOLD_ON; i++) {
        if (next.held) {
            step = held_byte(&next, bytes.data[i]);
        } else {
            free_byte(&next, bytes.data[i]);
        }
    }
    if (step != HOLD_REFUSED) *hold = next;
    return step;
}
