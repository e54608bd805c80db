#include "model/language/draft.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

enum { FOUND_FORCED, FOUND_LEAST = 2, FOUND_MOST = 4, PAUSE_LEAST = 4, PAUSE_MOST = 256 };
static const double share_at_first = 0.6, share_weight = 1 / 16.0; // of the newest
static const double cost_weight = 1 / 8.0, row_cost_at_first = 0.05;
static const double gain_least = 1.02;

// How drafts fare that were found by so many tokens; by FOUND_FORCED: that a form expects.
struct faring {
    double share;         // of tokens that held
    uint32_t pause, next; // drafts that are passed over; how many after the next try
};
struct draft {
    uint32_t *tokens, count, room; // (room)
    uint32_t *slots, slot_count;   // by a hash of tokens: where what followed them stands; 0: none
    struct faring faring[FOUND_MOST + 1];
    uint32_t last_found, last_count, last_forced; // of the last draft; forced: its first ones
};

// ---- costs -------------------------------------------------------------------------------------

void draft_costs_note(struct draft_costs *costs, uint32_t rows, double seconds) {
    if (rows == 0 || rows > DRAFT_ROWS || !(seconds > 0)) return;
    double *mean = &costs->seconds[rows];
    if (*mean > 0 && seconds > 2 * *mean) seconds = 2 * *mean; // the machine did something else
    *mean = *mean > 0 ? *mean + (seconds - *mean) * cost_weight : seconds;
}

// Of a step with `more` rows beside one with `rows`.
static double cost_of(const struct draft_costs *costs, uint32_t rows, uint32_t more) {
    double one = costs->seconds[rows], all = costs->seconds[rows + more];
    return one > 0 && all > 0 ? all / one : 1 + row_cost_at_first * more;
}

// ---- opening -----------------------------------------------------------------------------------

enum err draft_open(uint32_t tokens_most, struct draft **out) {
    struct draft *draft = memory_take(sizeof *draft);
    if (!draft) return ERR_MEMORY;
    draft->room = tokens_most ? tokens_most : 1;
    for (draft->slot_count = 64; draft->slot_count / 4 < draft->room;) draft->slot_count *= 2;
    draft->tokens = memory_take_unset(draft->room * sizeof *draft->tokens);
    draft->slots = memory_take(draft->slot_count * sizeof *draft->slots);
    if (!draft->tokens || !draft->slots) {
        draft_close(draft);
        return ERR_MEMORY;
    }
    for (uint32_t i = 0; i <= FOUND_MOST; i++) {
        draft->faring[i] = (struct faring){share_at_first, 0, PAUSE_LEAST};
    }
    *out = draft;
    return OK;
}

void draft_close(struct draft *draft) {
    if (!draft) return;
    memory_give(draft->tokens);
    memory_give(draft->slots);
    memory_give(draft);
}

// ---- finding -----------------------------------------------------------------------------------

// Of the text, and behind it of `more`.
static uint32_t token_at(const struct draft *draft, const uint32_t *more, uint32_t at) {
    return at < draft->count ? draft->tokens[at] : more[at - draft->count];
}

// Of the `size` tokens before `end`.
static uint32_t *slot_of(const struct draft *draft, const uint32_t *more, uint32_t end,
                         uint32_t size) {
    uint64_t hash = size;
    for (uint32_t i = end - size; i < end; i++) {
        hash = (hash ^ token_at(draft, more, i)) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    return &draft->slots[(hash >> 8) & (draft->slot_count - 1)];
}

// What stands before the token that is added is entered now, so that a search for the last tokens
// finds where they stood before.
void draft_add(struct draft *draft, uint32_t token) {
    if (draft->count == draft->room) return;
    for (uint32_t size = FOUND_LEAST; size <= FOUND_MOST && size <= draft->count; size++) {
        *slot_of(draft, NULL, draft->count, size) = draft->count;
    }
    draft->tokens[draft->count++] = token;
}

// Where what followed the last `size` tokens, those of `more` with them, stands; or 0.
static uint32_t followed(const struct draft *draft, const uint32_t *more, uint32_t count,
                         uint32_t size) {
    uint32_t end = draft->count + count;
    uint32_t at = size < end ? *slot_of(draft, more, end, size) : 0;
    if (at < size) return 0;
    for (uint32_t i = 1; i <= size; i++) {
        if (draft->tokens[at - i] != token_at(draft, more, end - i)) return 0;
    }
    return at;
}

// ---- drafts ------------------------------------------------------------------------------------

// As many tokens as give the most for their time; 0: none pays.
static uint32_t size_that_pays(const struct faring *faring, const struct draft_costs *costs,
                               uint32_t rows, uint32_t most) {
    double best = gain_least, given = rows, share = 1;
    uint32_t size = 0;
    for (uint32_t i = 1; i <= most; i++) {
        share *= faring->share;
        given += share;
        double gain = given / rows / cost_of(costs, rows, i);
        if (gain <= best) continue;
        best = gain;
        size = i;
    }
    return size;
}

// The same, or now and then a try of all that may be.
static uint32_t size_to_try(struct faring *faring, const struct draft_costs *costs, uint32_t rows,
                            uint32_t most) {
    uint32_t size = size_that_pays(faring, costs, rows, most);
    if (size) {
        faring->next = PAUSE_LEAST;
    } else if (faring->pause) {
        faring->pause--;
    } else {
        size = most;
        faring->pause = faring->next;
        faring->next = faring->next < PAUSE_MOST ? faring->next * 2 : PAUSE_MOST;
    }
    return size;
}

// What followed before, behind the first `count` tokens of `out`.
static uint32_t look_up(struct draft *draft, const struct draft_costs *costs, uint32_t rows,
                        uint32_t most, uint32_t count, uint32_t *out) {
    uint32_t found = FOUND_MOST, at = 0;
    if (most == 0) return 0;
    for (; found >= FOUND_LEAST && !at; found--) at = followed(draft, out, count, found);
    if (!at) return 0;
    draft->last_found = ++found;
    uint32_t size = size_to_try(&draft->faring[found], costs, rows, most);
    // A text that goes round in a circle goes on with its own draft.
    for (uint32_t i = 0; i < size; i++) out[count + i] = token_at(draft, out, at + i);
    return size;
}

uint32_t draft_make(struct draft *draft, const struct draft_costs *costs, uint32_t rows,
                    uint32_t most, uint32_t forced, uint32_t out[DRAFT_TOKENS]) {
    cy_assert(rows > 0 && most <= DRAFT_TOKENS && rows + most <= DRAFT_ROWS && forced <= most);
    draft->last_count = draft->last_forced = 0;
    if (most == 0 || draft->count == draft->room) return 0;
    uint32_t size = 0;
    if (forced) size = size_to_try(&draft->faring[FOUND_FORCED], costs, rows, forced);
    draft->last_forced = size;
    // Behind a part of what is forced comes the rest of it, and nothing else.
    if (size == forced || size == 0) {
        size += look_up(draft, costs, rows + size, most - size, size, out);
    }
    draft->last_count = size;
    return size;
}

void draft_keep(struct draft *draft, uint32_t count) {
    cy_assert(count <= draft->last_count);
    draft->last_count = count;
    if (draft->last_forced > count) draft->last_forced = count;
}

static void faring_learn(struct faring *faring, uint32_t tried, uint32_t held) {
    double *share = &faring->share;
    for (uint32_t i = 0; i < held; i++) *share += (1 - *share) * share_weight;
    if (held < tried) *share -= *share * share_weight;
}

void draft_learn(struct draft *draft, uint32_t held) {
    uint32_t forced = draft->last_forced, looked_up = draft->last_count - forced;
    cy_assert(held <= draft->last_count);
    faring_learn(&draft->faring[FOUND_FORCED], forced, held < forced ? held : forced);
    if (looked_up && held >= forced) {
        faring_learn(&draft->faring[draft->last_found], looked_up, held - forced);
    }
    draft->last_count = draft->last_forced = 0;
}
