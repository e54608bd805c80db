// drop: columns by name (columns=note,phone), columns with too many missing values (missing>.5, of
// the rows that are left so far), rows that lack a value (missing=diagnosis,date), rows without any
// (empty), and rows whose text is not good enough (len<10 han<.30 repeat>.30, or quality for all
// rules of the rule file; text= names the columns it is read from).
#include "base/number.h"
#include "data/cleanse/drop_private.h"

static enum err read_missing(struct drop *drop, const struct word *word, struct plan *plan,
                             struct teller *teller) {
    struct item value = word->values[0];
    if (word->sign == SIGN_EQUAL) {
        if (!plan) return OK;
        drop->needed_count = word->value_count;
        return plan_find(plan, word->values, word->value_count, teller, &drop->needed);
    }
    drop->measure = true;
    drop->measure_equal = word->sign == SIGN_MORE_EQUAL;
    bool good = (word->sign == SIGN_MORE || word->sign == SIGN_MORE_EQUAL) &&
                word->value_count == 1 && number_parse(value.text, &drop->share) &&
                drop->share >= 0 && drop->share <= 1;
    return good ? OK : tell_fault(teller, "recipe.bad_share", value.column, STR("missing"));
}

static enum err remove_columns(const struct bound *bound, const struct word *word,
                               struct plan *plan, struct teller *teller) {
    uint32_t *places;
    enum err err = plan_find(plan, word->values, word->value_count, teller, &places);
    for (uint32_t i = 0; i < word->value_count && err == OK; i++) {
        struct plan_column *column = &plan->columns[places[i]];
        column->removed = true;
        column->removed_by = bound->index;
        column->removed_why = "drop.named";
        plan_treat(column, TREATMENT_REMOVED);
    }
    return err;
}

static enum err list_columns(struct drop *drop, const struct plan *plan, struct arena *arena) {
    drop->here = ARENA_ARRAY(arena, uint32_t, plan->count);
    if (!drop->here) return ERR_MEMORY;
    for (uint32_t place = 0; place < plan->count; place++) {
        if (!plan->columns[place].removed) drop->here[drop->here_count++] = place;
    }
    return OK;
}

static enum err read_flags(struct drop *drop, const struct line *line, struct teller *teller) {
    enum err err = OK;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        struct item head = word->heads[0];
        bool bare = word->sign == SIGN_NONE && word->head_count == 1;
        if (bare && str_is(head.text, "empty")) {
            drop->empty = true;
        } else if (bare && str_is(head.text, "quality")) {
            drop->all_rules = true;
        } else if (word->sign == SIGN_NONE || word->sign == SIGN_COLON) {
            err = tell_fault(teller, "recipe.unexpected_word", head.column, head.text);
        }
    }
    if (line->word_count < 2) return tell_fault(teller, "recipe.nothing_to_do", 1, STR("drop"));
    return err;
}

static enum err drop_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                          struct teller *teller) {
    struct drop *drop = ARENA_NEW(arena, struct drop);
    struct drop_state *state = ARENA_NEW(arena, struct drop_state);
    if (!drop || !state) return ERR_MEMORY;
    bound->settings = drop;
    bound->state = state;
    bound->reasons = drop_reasons;
    bound->reason_count = DROP_REASON_COUNT;
    enum err err = read_flags(drop, bound->line, teller);
    const struct word *missing = line_option(bound->line, "missing");
    if (missing) {
        enum err told = read_missing(drop, missing, plan, teller);
        if (told != OK) err = told;
    }
    const struct word *columns = line_option(bound->line, "columns");
    if (columns && columns->sign != SIGN_EQUAL) {
        err = tell_fault(teller, "recipe.bad_option", columns->heads[0].column, STR("columns"));
    }
    enum err told = quality_bind(drop, bound->line, plan, arena, teller);
    if (told != OK) err = told;
    if (err != OK || !plan) return err;
    state->places = ARENA_ARRAY(arena, uint32_t, drop->text_count + 1);
    if (!state->places) return ERR_MEMORY;
    if (columns) err = remove_columns(bound, columns, plan, teller);
    if (err != OK) return err;
    if (list_columns(drop, plan, arena) != OK) return ERR_MEMORY;
    state->missing = ARENA_ARRAY(arena, uint64_t, drop->here_count + 1);
    return state->missing ? OK : ERR_MEMORY;
}

static bool drop_observes(const struct bound *bound) {
    return ((const struct drop *)bound->settings)->measure;
}

static enum err drop_observe(struct bound *bound, const struct part *part) {
    const struct drop *drop = bound->settings;
    struct drop_state *state = bound->state;
    for (uint32_t row = 0; row < part->row_count; row++) state->rows += part->gone[row] == 0;
    for (uint32_t i = 0; i < drop->here_count; i++) {
        const struct column *column = &part->columns[drop->here[i]];
        if (!column->valid) continue;
        for (uint32_t row = 0; row < part->row_count; row++) {
            state->missing[i] += !part->gone[row] && !column_valid(column, row);
        }
    }
    return OK;
}

static enum err drop_settle(struct bound *bound, struct plan *plan) {
    const struct drop *drop = bound->settings;
    const struct drop_state *state = bound->state;
    if (state->rows == 0) return OK;
    for (uint32_t i = 0; i < drop->here_count; i++) {
        struct plan_column *column = &plan->columns[drop->here[i]];
        double share = (double)state->missing[i] / (double)state->rows;
        bool goes = drop->measure_equal ? share >= drop->share : share > drop->share;
        if (!goes || column->removed) continue;
        column->removed = true;
        column->removed_by = bound->index;
        column->removed_why = "drop.mostly_missing";
        plan_treat(column, TREATMENT_REMOVED);
    }
    return OK;
}

static bool lacks_any(const struct part *part, const uint32_t *places, uint32_t count,
                      uint32_t row) {
    for (uint32_t i = 0; i < count; i++) {
        if (!column_valid(&part->columns[places[i]], row)) return true;
    }
    return false;
}

static bool lacks_all(const struct part *part, const uint32_t *places, uint32_t count,
                      uint32_t row) {
    for (uint32_t i = 0; i < count; i++) {
        if (column_valid(&part->columns[places[i]], row)) return false;
    }
    return true;
}

static enum err drop_run(const struct bound *bound, struct part *part) {
    const struct drop *drop = bound->settings;
    if (drop->judges) {
        enum err err = quality_run(bound->state, part);
        if (err != OK) return err;
    }
    if (!drop->empty && !drop->needed_count) return OK;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        if (lacks_any(part, drop->needed, drop->needed_count, row)) {
            part_drop_row(part, row, DROP_MISSING);
        } else if (drop->empty && lacks_all(part, drop->here, drop->here_count, row)) {
            part_drop_row(part, row, DROP_EMPTY);
        }
    }
    return OK;
}

static enum err drop_open(struct bound *bound, const struct cleanse_options *options) {
    quality_open(bound->settings, bound->state, options->rules);
    return OK;
}

static enum err drop_start(struct bound *bound, const struct plan *plan,
                           const struct cleanse_options *options) {
    (void)options;
    const struct drop *drop = bound->settings;
    struct drop_state *state = bound->state;
    state->place_count =
        texts_still_there(plan, bound->index, drop->texts, drop->text_count, state->places);
    return OK;
}

static void drop_report(const struct bound *bound, struct json_writer *out) {
    const struct drop *drop = bound->settings;
    if (drop->judges) quality_report(bound->state, out);
}

const struct operator operator_drop = {
    .name = "drop",
    .example = "drop columns=备注 missing>.5 empty",
    .options = (const struct operator_option[]){{"columns", NULL},
                                                {"missing", ""},
                                                {"text", NULL},
                                                {"len", ""},
                                                {"han", ""},
                                                {"symbol", ""},
                                                {"digit", ""},
                                                {"punctuation", ""},
                                                {"lines", ""},
                                                {"repeat", ""},
                                                {"ngram", ""},
                                                {"url", ""},
                                                {"garbled", ""},
                                                {"bullet", ""},
                                                {"ellipsis", ""},
                                                {"run", ""},
                                                {"stop", ""},
                                                {NULL, NULL}},
    .bare = "empty|quality",
    .bind = drop_bind,
    .open = drop_open,
    .start = drop_start,
    .report = drop_report,
    .observes = drop_observes,
    .observe = drop_observe,
    .settle = drop_settle,
    .run = drop_run,
};
