// check: rules that values must keep, one word a rule: age:0..130, date:1990-01-01..2030-12-31,
// sex:男|女, id_number:id. action=report counts what breaks a rule (the default: nothing changes by
// itself), missing takes the value out, drop the row. A missing value breaks no rule.
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "data/cleanse/part_private.h"

enum rule_sort { RULE_NUMBERS, RULE_DATES, RULE_LIST, RULE_NUMBER_LIST, RULE_KIND };
enum action { ACTION_REPORT, ACTION_MISSING, ACTION_DROP };

struct rule {
    enum rule_sort sort;
    uint32_t place;
    double least, most; // numbers, or days
    enum personal_kind kind;
    const struct item *values;
    const double *numbers;
    uint32_t value_count;
};
struct check {
    enum action action;
    struct rule *rules;
    uint32_t rule_count;
};

static bool is_numeric(enum column_type type) {
    return type == COLUMN_INTEGER || type == COLUMN_NUMBER;
}

static bool bound_read(struct str text, bool dates, double otherwise, double *out) {
    int64_t days;
    if (text.size == 0) {
        *out = otherwise;
        return true;
    }
    if (!dates) return number_parse(text, out);
    if (!date_parse(text, &days)) return false;
    *out = (double)days;
    return true;
}

// LEAST..MOST, either may be left out.
static enum err read_range(struct rule *rule, struct item value, enum column_type type,
                           struct teller *teller) {
    const char *dots = memmem(value.text.data, value.text.size, "..", 2);
    struct str first = {value.text.data, (size_t)(dots - value.text.data)};
    struct str last = {dots + 2, value.text.size - first.size - 2};
    bool dates = type == COLUMN_DATE || type == COLUMN_TIME;
    rule->sort = dates ? RULE_DATES : RULE_NUMBERS;
    if (!dates && !is_numeric(type)) {
        return tell_fault(teller, "recipe.wrong_type", value.column, value.text);
    }
    bool good = bound_read(first, dates, -INFINITY, &rule->least) &&
                bound_read(last, dates, INFINITY, &rule->most);
    if (!good || first.size + last.size == 0 || rule->least > rule->most) {
        return tell_fault(teller, "recipe.bad_range", value.column, value.text);
    }
    return OK;
}

static enum err read_list(struct rule *rule, const struct word *word, enum column_type type,
                          struct arena *arena, struct teller *teller) {
    rule->sort = is_numeric(type) ? RULE_NUMBER_LIST : RULE_LIST;
    rule->values = word->values;
    rule->value_count = word->value_count;
    if (rule->sort == RULE_LIST) return OK;
    double *numbers = ARENA_ARRAY(arena, double, word->value_count);
    if (!numbers) return ERR_MEMORY;
    enum err err = OK;
    for (uint32_t i = 0; i < word->value_count; i++) {
        if (number_parse(word->values[i].text, &numbers[i])) continue;
        err = tell_fault(teller, "recipe.bad_number", word->values[i].column, word->values[i].text);
    }
    rule->numbers = numbers;
    return err;
}

static enum err read_rule(struct rule *rule, const struct word *word, enum column_type type,
                          struct arena *arena, struct teller *teller) {
    struct item value = word->values[0];
    bool single = word->value_count == 1 && !value.quoted;
    if (single && memmem(value.text.data, value.text.size, "..", 2)) {
        return read_range(rule, value, type, teller);
    }
    if (single && personal_kind_from_name(value.text, &rule->kind)) {
        rule->sort = RULE_KIND;
        if (type == COLUMN_TEXT || is_numeric(type)) return OK;
        return tell_fault(teller, "recipe.wrong_type", value.column, value.text);
    }
    return read_list(rule, word, type, arena, teller);
}

static const char *reason_of(enum rule_sort sort) {
    switch (sort) {
    case RULE_NUMBERS: return "check.out_of_range";
    case RULE_DATES: return "check.out_of_dates";
    case RULE_KIND: return "check.not_of_kind";
    default: return "check.not_in_list";
    }
}

static enum err bind_rules(struct bound *bound, struct check *check, struct plan *plan,
                           struct arena *arena, struct teller *teller) {
    const struct line *line = bound->line;
    uint32_t most = 0;
    for (uint32_t i = 1; i < line->word_count; i++) most += line->words[i].head_count;
    struct reason *reasons = ARENA_ARRAY(arena, struct reason, most + 1);
    check->rules = ARENA_ARRAY(arena, struct rule, most + 1);
    if (!reasons || !check->rules) return ERR_MEMORY;
    enum err result = OK;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        if (word->sign != SIGN_COLON) continue;
        uint32_t *places;
        enum err err = plan_find(plan, word->heads, word->head_count, teller, &places);
        for (uint32_t k = 0; k < word->head_count && err == OK; k++) {
            struct rule *rule = &check->rules[check->rule_count];
            rule->place = places[k];
            const struct plan_column *column = &plan->columns[places[k]];
            err = read_rule(rule, word, column->type, arena, teller);
            reasons[check->rule_count++] = (struct reason){reason_of(rule->sort), column->name};
        }
        if (err == ERR_MEMORY) return err;
        if (err != OK) result = err;
    }
    bound->reasons = reasons;
    bound->reason_count = check->rule_count;
    return result;
}

static enum err check_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                           struct teller *teller) {
    static const char *const actions[] = {"report", "missing", "drop", NULL};
    struct check *check = ARENA_NEW(arena, struct check);
    if (!check) return ERR_MEMORY;
    bound->settings = check;
    uint32_t action = ACTION_REPORT, rules = 0;
    enum err err = line_choice(bound->line, "action", actions, ACTION_REPORT, teller, &action);
    check->action = (enum action)action;
    for (uint32_t i = 1; i < bound->line->word_count; i++) {
        const struct word *word = &bound->line->words[i];
        rules += word->sign == SIGN_COLON;
        if (word->sign != SIGN_NONE) continue;
        err = tell_fault(teller, "recipe.unexpected_word", word->heads[0].column,
                         word->heads[0].text);
    }
    if (err == OK && rules == 0) return tell_fault(teller, "recipe.nothing_to_do", 1, STR("check"));
    if (err != OK || !plan) return err;
    return bind_rules(bound, check, plan, arena, teller);
}

// ---- running ------------------------------------------------------------------------------------

static bool list_keeps(const struct rule *rule, struct str text) {
    for (uint32_t i = 0; i < rule->value_count; i++) {
        if (str_equal(rule->values[i].text, text)) return true;
    }
    return false;
}

static bool numbers_keep(const struct rule *rule, double value) {
    for (uint32_t i = 0; i < rule->value_count; i++) {
        if (rule->numbers[i] == value) return true;
    }
    return false;
}

// Whether a value that is there keeps the rule. `scratch` is for cells that are no text.
static bool rule_kept(const struct rule *rule, const struct column *column, uint32_t row,
                      struct buf *scratch) {
    if (rule->sort == RULE_NUMBERS || rule->sort == RULE_NUMBER_LIST || rule->sort == RULE_DATES) {
        double value = column_number(column, row);
        if (column->type == COLUMN_TIME) value = floor((double)column->integers[row] / 86400);
        if (rule->sort == RULE_NUMBER_LIST) return numbers_keep(rule, value);
        return value >= rule->least && value <= rule->most;
    }
    struct str text;
    if (column->type == COLUMN_TEXT) {
        text = column_text(column, row);
    } else {
        buf_clear(scratch);
        column_write(scratch, column, row);
        text = buf_str(scratch);
    }
    enum personal_kind kind;
    if (rule->sort == RULE_KIND)
        return personal_whole(text, PERSONAL_BIT(rule->kind), &kind) && kind == rule->kind;
    return list_keeps(rule, text);
}

static enum err check_rule(const struct check *check, uint32_t index, struct part *part,
                           struct buf *scratch) {
    const struct rule *rule = &check->rules[index];
    const struct column *column = &part->columns[rule->place];
    uint8_t *valid = NULL;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row] || !column_valid(column, row)) continue;
        bool kept = rule_kept(rule, column, row, scratch);
        if (buf_err(scratch) != OK) return buf_err(scratch);
        if (kept) continue;
        if (check->action == ACTION_DROP) {
            part_drop_row(part, row, index);
            continue;
        }
        part->tally->reasons[index]++;
        if (check->action == ACTION_REPORT) continue;
        if (!valid) valid = part_own_validity(part, rule->place);
        if (!valid) return ERR_MEMORY;
        valid[row >> 3] &= (uint8_t) ~(1u << (row & 7));
        part->tally->cells_changed++;
    }
    return OK;
}

static enum err check_part(const struct bound *bound, struct part *part) {
    const struct check *check = bound->settings;
    struct buf scratch;
    buf_open(&scratch, LIMIT_CELL_BYTES);
    enum err err = OK;
    for (uint32_t i = 0; i < check->rule_count && err == OK; i++) {
        err = check_rule(check, i, part, &scratch);
    }
    buf_close(&scratch);
    return err;
}

const struct operator operator_check = {
    .name = "check",
    .example = "check 年龄:0..130 性别:男|女 身份证号:id action=missing",
    .options = (const struct operator_option[]){{"action", "report|missing|drop"}, {NULL, NULL}},
    .bind = check_bind,
    .run = check_part,
};
