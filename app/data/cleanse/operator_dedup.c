// dedup: of rows that are equal (exact) in all columns, or in those of by=, the first one stays.
// Remembers 128 bits a row; rows are looked at in the order of the table.
#include "data/cleanse/fingerprint_private.h"
#include "data/cleanse/operator_private.h"

static const struct reason reasons[] = {{"dedup.exact", {0}}};

struct dedup {
    uint32_t *places;
    uint32_t place_count;
};
struct dedup_state {
    struct fingerprint_set *seen;
    uint32_t *places; // those of the settings that no earlier line has removed after all
    uint32_t place_count;
};

static enum err read_words(const struct line *line, struct teller *teller) {
    bool exact = false;
    enum err err = OK;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        struct item head = word->heads[0];
        if (word->sign == SIGN_EQUAL) continue;
        if (word->sign == SIGN_NONE && word->head_count == 1 && str_is(head.text, "exact")) {
            exact = true;
        } else {
            struct nearest nearest = nearest_to(head.text);
            nearest_offer(&nearest, STR("exact"));
            struct str detail = nearest.best.size ? nearest.best : head.text;
            err = tell_fault(teller, "recipe.unknown_option", head.column, detail);
        }
    }
    if (err == OK && !exact) err = tell_fault(teller, "recipe.missing_option", 1, STR("exact"));
    return err;
}

static enum err dedup_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                           struct teller *teller) {
    struct dedup *dedup = ARENA_NEW(arena, struct dedup);
    struct dedup_state *state = ARENA_NEW(arena, struct dedup_state);
    if (!dedup || !state) return ERR_MEMORY;
    bound->settings = dedup;
    bound->state = state;
    bound->reasons = reasons;
    bound->reason_count = 1;
    enum err err = read_words(bound->line, teller);
    if (err != OK || !plan) return err;
    const struct word *by = line_option(bound->line, "by");
    dedup->places = ARENA_ARRAY(arena, uint32_t, plan->count + 1);
    state->places = ARENA_ARRAY(arena, uint32_t, plan->count + (by ? by->value_count : 0) + 1);
    if (!dedup->places || !state->places) return ERR_MEMORY;
    if (by) {
        dedup->place_count = by->value_count;
        return plan_find(plan, by->values, by->value_count, teller, &dedup->places);
    }
    for (uint32_t place = 0; place < plan->count; place++) {
        if (!plan->columns[place].removed) dedup->places[dedup->place_count++] = place;
    }
    return OK;
}

static void dedup_stop(struct bound *bound) {
    struct dedup_state *state = bound->state;
    fingerprint_set_close(state->seen);
    state->seen = NULL;
}

static enum err dedup_start(struct bound *bound, const struct plan *plan,
                            const struct cleanse_options *options) {
    (void)options;
    const struct dedup *dedup = bound->settings;
    struct dedup_state *state = bound->state;
    dedup_stop(bound);
    state->place_count = 0;
    for (uint32_t i = 0; i < dedup->place_count; i++) {
        const struct plan_column *column = &plan->columns[dedup->places[i]];
        if (column->removed && column->removed_by < bound->index) continue;
        state->places[state->place_count++] = dedup->places[i];
    }
    return fingerprint_set_open(&state->seen);
}

static enum err dedup_prepare(const struct bound *bound, struct part *part) {
    const struct dedup_state *state = bound->state;
    part->scratch = ARENA_ARRAY(part->arena, uint64_t, (size_t)part->row_count * 2);
    if (!part->scratch) return ERR_MEMORY;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        struct fingerprint fingerprint = fingerprint_start();
        for (uint32_t i = 0; i < state->place_count; i++) {
            fingerprint_add_cell(&fingerprint, &part->columns[state->places[i]], row);
        }
        part->scratch[2 * (size_t)row] = fingerprint.high;
        part->scratch[2 * (size_t)row + 1] = fingerprint.low;
    }
    return OK;
}

static enum err dedup_run(const struct bound *bound, struct part *part) {
    struct dedup_state *state = bound->state;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        struct fingerprint fingerprint = {part->scratch[2 * (size_t)row],
                                          part->scratch[2 * (size_t)row + 1]};
        bool added;
        enum err err = fingerprint_set_add(state->seen, fingerprint, &added);
        if (err != OK) return err;
        if (!added) part_drop_row(part, row, 0);
    }
    return OK;
}

const struct operator operator_dedup = {
    .name = "dedup",
    .example = "dedup exact by=患者ID,就诊日期",
    .options = (const struct operator_option[]){{"by", NULL}, {NULL, NULL}},
    .ordered = true,
    .bind = dedup_bind,
    .start = dedup_start,
    .prepare = dedup_prepare,
    .run = dedup_run,
    .stop = dedup_stop,
};
