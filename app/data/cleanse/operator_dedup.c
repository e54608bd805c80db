// dedup: of rows that are equal in all columns or in those of by= (exact), or whose texts share
// most of their pieces (near), the first one stays; a line that stood in the dataset before goes
// from its text (line). Rows are looked at in the order of the table. Memory: exact 16 to 32 bytes
// a row, near some 600 bytes a text that stays, line 24 to 60 bytes for each different line.
#include "base/number.h"
#include "data/cleanse/dedup_private.h"
#include "data/cleanse/fingerprint_private.h"
#include "data/cleanse/rules_private.h"

static const struct reason reasons[DEDUP_REASON_COUNT] = {
    [REASON_EXACT] = {"dedup.exact", {0}},
    [REASON_LINE] = {"dedup.line", {0}},
    [REASON_LINE_EMPTIED] = {"dedup.line_emptied", {0}},
    [REASON_NEAR] = {"dedup.near", {0}},
};

// ---- the line -----------------------------------------------------------------------------------

static enum err read_way(struct dedup *dedup, const struct line *line, struct teller *teller) {
    static const char *const ways[DEDUP_WAY_COUNT] = {"exact", "line", "near"};
    uint32_t told = 0;
    enum err err = OK;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        struct item head = word->heads[0];
        if (word->sign == SIGN_EQUAL) continue;
        struct nearest nearest = nearest_to(head.text);
        bool known = false;
        for (int way = 0; way < DEDUP_WAY_COUNT; way++) {
            nearest_offer(&nearest, str_of(ways[way]));
            bool is = word->sign == SIGN_NONE && word->head_count == 1;
            if (!is || !str_is(head.text, ways[way])) continue;
            dedup->way = (enum dedup_way)way;
            known = true;
            told++;
        }
        if (known && told == 1) continue;
        struct str detail = nearest.best.size ? nearest.best : head.text;
        err = tell_fault(teller, "recipe.unknown_option", head.column, detail);
    }
    if (err == OK && told == 0) err = tell_fault(teller, "recipe.missing_option", 1, STR("exact"));
    return err;
}

// A number of the line within bounds; *out is not touched where the option is absent.
static enum err read_number(const struct line *line, const char *name, double from, double to,
                            struct teller *teller, double *out) {
    const struct word *word = line_option(line, name);
    if (!word) return OK;
    struct item value = word->values[0];
    double number;
    bool good = word->sign == SIGN_EQUAL && word->value_count == 1 &&
                number_parse(value.text, &number) && number >= from && number <= to;
    if (!good) return tell_fault(teller, "recipe.bad_value", value.column, str_of(name));
    *out = number;
    return OK;
}

// Options belong to one way: of another they would be read over.
static enum err check_way(const struct dedup *dedup, const struct line *line,
                          struct teller *teller) {
    static const struct {
        const char *name;
        enum dedup_way way;
    } owned[] = {{"jaccard", DEDUP_NEAR},
                 {"unit", DEDUP_NEAR},
                 {"least", DEDUP_LINE},
                 {"count", DEDUP_LINE}};
    enum err err = OK;
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        const struct word *word = line_option(line, owned[i].name);
        if (!word || owned[i].way == dedup->way) continue;
        err = tell_fault(teller, "recipe.unexpected_word", word->heads[0].column,
                         word->heads[0].text);
    }
    return err;
}

static enum err read_line(struct dedup *dedup, const struct line *line, struct teller *teller) {
    static const char *const units[] = {"auto", "character", "word", NULL};
    enum err err = read_way(dedup, line, teller), told;
    if (err == OK) err = check_way(dedup, line, teller);
    told = read_number(line, "jaccard", .5, 1, teller, &dedup->jaccard);
    if (told != OK) err = told;
    told = read_number(line, "least", 1, 1e6, teller, &dedup->least);
    if (told != OK) err = told;
    told = read_number(line, "count", 1, 1e12, teller, &dedup->count);
    if (told != OK) err = told;
    told = line_choice(line, "unit", units, 0, teller, &dedup->unit);
    return told != OK ? told : err;
}

// All columns that are there, or those of by=.
static enum err exact_places(struct dedup *dedup, const struct line *line, const struct plan *plan,
                             struct teller *teller) {
    const struct word *by = line_option(line, "by");
    if (by) {
        dedup->place_count = by->value_count;
        return plan_find(plan, by->values, by->value_count, teller, &dedup->places);
    }
    dedup->places = ARENA_ARRAY(plan->arena, uint32_t, plan->count + 1);
    if (!dedup->places) return ERR_MEMORY;
    for (uint32_t place = 0; place < plan->count; place++) {
        if (!plan->columns[place].removed) dedup->places[dedup->place_count++] = place;
    }
    return OK;
}

static enum err dedup_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                           struct teller *teller) {
    struct dedup *dedup = ARENA_NEW(arena, struct dedup);
    struct dedup_state *state = ARENA_NEW(arena, struct dedup_state);
    if (!dedup || !state) return ERR_MEMORY;
    bound->settings = dedup;
    bound->state = state;
    bound->reasons = reasons;
    bound->reason_count = DEDUP_REASON_COUNT;
    enum err err = read_line(dedup, bound->line, teller);
    if (err != OK || !plan) return err;
    err = dedup->way == DEDUP_EXACT ? exact_places(dedup, bound->line, plan, teller)
                                    : texts_places(bound->line, "by", plan, arena, teller,
                                                   &dedup->places, &dedup->place_count);
    if (err != OK) return err;
    state->places = ARENA_ARRAY(arena, uint32_t, dedup->place_count + 1);
    return state->places ? OK : ERR_MEMORY;
}

// ---- the run ------------------------------------------------------------------------------------

static enum err dedup_open(struct bound *bound, const struct cleanse_options *options) {
    const struct dedup *dedup = bound->settings;
    struct dedup_state *state = bound->state;
    const struct rules *rules = options->rules;
    state->jaccard =
        dedup->jaccard > 0 ? dedup->jaccard : rules_number(rules, "near.jaccard_least");
    state->least = dedup->least > 0 ? dedup->least : rules_number(rules, "line.length_least");
    state->count = dedup->count > 0 ? dedup->count : rules_number(rules, "line.count_most");
    state->folder = options->folder;
    return OK;
}

static void dedup_stop(struct bound *bound) {
    struct dedup_state *state = bound->state;
    fingerprint_set_close(state->seen);
    similar_close(state->similar);
    lines_stop(state);
    state->seen = NULL;
    state->similar = NULL;
}

static enum err dedup_start(struct bound *bound, const struct plan *plan,
                            const struct cleanse_options *options) {
    const struct dedup *dedup = bound->settings;
    struct dedup_state *state = bound->state;
    dedup_stop(bound);
    state->place_count =
        texts_still_there(plan, bound->index, dedup->places, dedup->place_count, state->places);
    if (dedup->way == DEDUP_NEAR) return near_start(state, options->fault);
    return dedup->way == DEDUP_LINE ? lines_start(state) : fingerprint_set_open(&state->seen);
}

static enum err exact_prepare(const struct dedup_state *state, struct part *part) {
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

static enum err dedup_prepare(const struct bound *bound, struct part *part) {
    const struct dedup *dedup = bound->settings;
    if (dedup->way == DEDUP_LINE) return OK;
    if (dedup->way == DEDUP_NEAR) return near_prepare(dedup, bound->state, part);
    return exact_prepare(bound->state, part);
}

static enum err exact_run(struct dedup_state *state, struct part *part) {
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        struct fingerprint fingerprint = {part->scratch[2 * (size_t)row],
                                          part->scratch[2 * (size_t)row + 1]};
        bool added;
        enum err err = fingerprint_set_add(state->seen, fingerprint, &added);
        if (err != OK) return err;
        if (!added) part_drop_row(part, row, REASON_EXACT);
    }
    return OK;
}

static enum err dedup_run(const struct bound *bound, struct part *part) {
    const struct dedup *dedup = bound->settings;
    if (dedup->way == DEDUP_LINE) return lines_run(bound->state, part);
    if (dedup->way == DEDUP_NEAR) return near_run(bound->state, part);
    return exact_run(bound->state, part);
}

static void dedup_report(const struct bound *bound, struct json_writer *out) {
    const struct dedup *dedup = bound->settings;
    if (dedup->way == DEDUP_NEAR) near_report(bound->state, out);
    if (dedup->way == DEDUP_LINE) lines_report(bound->state, out);
}

const struct operator operator_dedup = {
    .name = "dedup",
    .example = "dedup exact by=患者ID,就诊日期",
    .options = (const struct operator_option[]){{"by", NULL},
                                                {"jaccard", ""},
                                                {"unit", "auto|character|word"},
                                                {"least", ""},
                                                {"count", ""},
                                                {NULL, NULL}},
    .bare = "exact|near|line",
    .ordered = true,
    .bind = dedup_bind,
    .open = dedup_open,
    .start = dedup_start,
    .prepare = dedup_prepare,
    .run = dedup_run,
    .report = dedup_report,
    .stop = dedup_stop,
};
