// The one word a recipe says of a hierarchy.
#include "base/number.h"
#include "data/anonymity/anonymity_private.h"

const char *date_step_name(enum date_step step) {
    static const char *const names[DATE_STEP_COUNT] = {"day", "month", "quarter", "year", "decade"};
    return names[step];
}

static bool read_date_step(struct str word, double *out) {
    for (int step = 0; step < DATE_STEP_COUNT; step++) {
        if (!str_is(word, date_step_name((enum date_step)step))) continue;
        *out = step;
        return true;
    }
    return false;
}

// Whether a step may follow the one before it.
static bool step_fits(const struct hierarchy_rule *rule, uint32_t index) {
    double step = rule->steps[index], before = index ? rule->steps[index - 1] : 0;
    switch (rule->kind) {
    case HIERARCHY_DATE: return index == 0 || step > before;
    case HIERARCHY_PREFIX:
        return step >= 1 && step <= 64 && step == (int)step && (index == 0 || step < before);
    case HIERARCHY_AGE:
    case HIERARCHY_NUMBER: {
        if (!(step >= 1e-6 && step <= 1e15)) return false;
        if (index == 0) return true;
        double times = step / before;
        return times >= 2 && times <= 1e9 && times == (double)(int64_t)times;
    }
    default: return false;
    }
}

enum err hierarchy_rule_read(const struct str *words, uint32_t count, struct hierarchy_rule *out,
                             struct fault *fault) {
    struct hierarchy_rule rule = {0};
    if (count == 0 || !hierarchy_kind_from_name(words[0], &rule.kind) ||
        rule.kind == HIERARCHY_FILE) {
        return fault_set(fault, ERR_INPUT, "hierarchy.unknown_kind", count ? words[0] : STR_NONE);
    }
    for (uint32_t i = 1; i < count; i++) {
        bool good = rule.step_count < HIERARCHY_STEPS;
        double *step = &rule.steps[good ? rule.step_count : 0];
        good = good && (rule.kind == HIERARCHY_DATE ? read_date_step(words[i], step)
                                                    : number_parse(words[i], step));
        if (!good || !step_fits(&rule, rule.step_count)) {
            return fault_set(fault, ERR_INPUT, "hierarchy.bad_step", words[i]);
        }
        rule.step_count++;
    }
    *out = rule;
    return OK;
}

void hierarchy_rule_write(struct buf *out, const struct hierarchy_rule *rule) {
    buf_add_text(out, hierarchy_kind_name(rule->kind));
    for (uint32_t i = 0; i < rule->step_count; i++) {
        buf_add_char(out, ',');
        if (rule->kind == HIERARCHY_DATE) {
            buf_add_text(out, date_step_name((enum date_step)(int)rule->steps[i]));
        } else {
            buf_add_double(out, rule->steps[i]);
        }
    }
}
