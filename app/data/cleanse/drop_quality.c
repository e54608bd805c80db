// Rows whose text is too short, too foreign, too repetitive …: conditions of the line, or all rules
// of the rule file. The first condition that holds is the row's reason.
#include "base/number.h"
#include "data/cleanse/drop_private.h"

const struct reason drop_reasons[DROP_REASON_COUNT] = {
    [DROP_MISSING] = {"drop.missing", {0}},
    [DROP_EMPTY] = {"drop.empty", {0}},
    [DROP_TOO_LONG] = {"drop.too_long", {0}},
    [DROP_QUALITY + QUALITY_LENGTH] = {"drop.too_short", {0}},
    [DROP_QUALITY + QUALITY_HAN] = {"drop.han", {0}},
    [DROP_QUALITY + QUALITY_SYMBOL] = {"drop.symbol", {0}},
    [DROP_QUALITY + QUALITY_DIGIT] = {"drop.digit", {0}},
    [DROP_QUALITY + QUALITY_PUNCTUATION] = {"drop.punctuation", {0}},
    [DROP_QUALITY + QUALITY_LINES] = {"drop.lines", {0}},
    [DROP_QUALITY + QUALITY_REPEAT] = {"drop.repeat", {0}},
    [DROP_QUALITY + QUALITY_NGRAM] = {"drop.ngram", {0}},
    [DROP_QUALITY + QUALITY_URL] = {"drop.url", {0}},
    [DROP_QUALITY + QUALITY_GARBLED] = {"drop.garbled", {0}},
    [DROP_QUALITY + QUALITY_BULLET] = {"drop.bullet", {0}},
    [DROP_QUALITY + QUALITY_ELLIPSIS] = {"drop.ellipsis", {0}},
    [DROP_QUALITY + QUALITY_RUN] = {"drop.run", {0}},
    [DROP_QUALITY + QUALITY_STOP] = {"drop.stop", {0}},
};

// A measure's word in a recipe, and its rules; a share is at most 1.
static const struct {
    const char *name, *least, *most;
    bool share;
} measures[QUALITY_COUNT] = {
    [QUALITY_LENGTH] = {"len", "quality.length_least", "quality.length_most", false},
    [QUALITY_HAN] = {"han", "quality.han_least", NULL, true},
    [QUALITY_SYMBOL] = {"symbol", NULL, "quality.symbol_most", true},
    [QUALITY_DIGIT] = {"digit", NULL, "quality.digit_most", true},
    [QUALITY_PUNCTUATION] = {"punctuation", NULL, "quality.punctuation_most", true},
    [QUALITY_LINES] = {"lines", NULL, "quality.repeated_lines_most", true},
    [QUALITY_REPEAT] = {"repeat", NULL, "quality.repeated_most", true},
    [QUALITY_NGRAM] = {"ngram", NULL, "quality.top_ngram_most", true},
    [QUALITY_URL] = {"url", NULL, "quality.url_most", true},
    [QUALITY_GARBLED] = {"garbled", NULL, "quality.garbled_most", true},
    [QUALITY_BULLET] = {"bullet", NULL, "quality.bullet_most", true},
    [QUALITY_ELLIPSIS] = {"ellipsis", NULL, "quality.ellipsis_most", true},
    [QUALITY_RUN] = {"run", NULL, "quality.run_most", false},
    [QUALITY_STOP] = {"stop", "quality.stop_least", NULL, false},
};

static void condition_add(struct conditions *conditions, uint32_t measure, enum sign sign,
                          double value) {
    conditions->items[conditions->count++] = (struct condition){measure, sign, value};
    conditions->wanted |= QUALITY_BIT(measure);
}

// ---- the line -----------------------------------------------------------------------------------

static enum err read_condition(struct drop *drop, uint32_t measure, const struct word *word,
                               struct teller *teller) {
    struct item value = word->values[0];
    double number;
    bool good = word->sign >= SIGN_LESS && word->value_count == 1 &&
                number_parse(value.text, &number) && number >= 0 &&
                (!measures[measure].share || number <= 1);
    if (!good) {
        return tell_fault(teller, measures[measure].share ? "recipe.bad_share" : "recipe.bad_value",
                          value.column, str_of(measures[measure].name));
    }
    condition_add(&drop->told, measure, word->sign, number);
    return OK;
}

enum err quality_bind(struct drop *drop, const struct line *line, const struct plan *plan,
                      struct arena *arena, struct teller *teller) {
    enum err err = OK;
    for (uint32_t measure = 0; measure < QUALITY_COUNT; measure++) {
        const struct word *word = line_option(line, measures[measure].name);
        enum err told = word ? read_condition(drop, measure, word, teller) : OK;
        if (told != OK) err = told;
    }
    drop->judges = drop->all_rules || drop->told.count > 0;
    if (err != OK) return err;
    return texts_places(line, "text", plan, arena, teller, &drop->texts, &drop->text_count);
}

// What the line says of a measure stands in place of its rules.
void quality_open(const struct drop *drop, struct drop_state *state, const struct rules *rules) {
    struct conditions *all = &state->conditions;
    *all = drop->told;
    for (uint32_t measure = 0; drop->all_rules && measure < QUALITY_COUNT; measure++) {
        const char *least = measures[measure].least, *most = measures[measure].most;
        if (drop->told.wanted & QUALITY_BIT(measure)) continue;
        if (least) condition_add(all, measure, SIGN_LESS, rules_number(rules, least));
        if (most) condition_add(all, measure, SIGN_MORE, rules_number(rules, most));
    }
}

// ---- the rows -----------------------------------------------------------------------------------

static bool holds(const struct condition *condition, double value) {
    switch (condition->sign) {
    case SIGN_LESS: return value < condition->value;
    case SIGN_LESS_EQUAL: return value <= condition->value;
    case SIGN_MORE: return value > condition->value;
    default: return value >= condition->value;
    }
}

static uint32_t reason_of(const struct condition *condition) {
    bool more = condition->sign == SIGN_MORE || condition->sign == SIGN_MORE_EQUAL;
    bool long_one = condition->measure == QUALITY_LENGTH && more;
    return long_one ? DROP_TOO_LONG : DROP_QUALITY + condition->measure;
}

static void judge(const struct conditions *conditions, const double *values, struct part *part,
                  uint32_t row) {
    bool none = values[QUALITY_LENGTH] == 0; // only its length can be judged
    for (uint32_t i = 0; i < conditions->count; i++) {
        const struct condition *condition = &conditions->items[i];
        if (none && condition->measure != QUALITY_LENGTH) continue;
        if (!holds(condition, values[condition->measure])) continue;
        part_drop_row(part, row, reason_of(condition));
        return;
    }
}

enum err quality_run(const struct drop_state *state, struct part *part) {
    struct quality_reader *reader;
    struct buf scratch;
    enum err err = quality_reader_open(&reader);
    if (err != OK) return err;
    buf_open(&scratch, UINT32_MAX);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        double values[QUALITY_COUNT];
        if (part->gone[row]) continue;
        struct str text = row_text(part, state->places, state->place_count, row, &scratch);
        err = buf_err(&scratch);
        if (err == OK) err = quality_read(reader, text, state->conditions.wanted, values);
        if (err == OK) judge(&state->conditions, values, part, row);
    }
    buf_close(&scratch);
    quality_reader_close(reader);
    return err;
}

void quality_report(const struct drop_state *state, struct json_writer *out) {
    json_put_name(out, "conditions");
    json_open_array(out);
    for (uint32_t i = 0; i < state->conditions.count; i++) {
        const struct condition *condition = &state->conditions.items[i];
        json_open_object(out);
        json_set_text(out, "measure", str_of(measures[condition->measure].name));
        json_set_text(out, "sign", str_of(sign_text(condition->sign)));
        json_set_number(out, "value", condition->value);
        json_close_object(out);
    }
    json_close_array(out);
}
