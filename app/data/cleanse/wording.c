#include "data/cleanse/wording_private.h"

#include <math.h>

// A line whose work a key leads back from: pseudonyms, sealed values, other values of the same
// form, shifts, noise.
static bool is_keyed(const struct line *line) {
    static const char *const hows[] = {"pseudonym", "encrypt", "format"};
    const struct word *how = line_option(line, "how");
    bool mask = str_is(line->words[0].heads[0].text, "mask");
    bool date = str_is(line->words[0].heads[0].text, "date");
    for (size_t i = 0; mask && how && i < sizeof hows / sizeof hows[0]; i++) {
        if (str_is(how->values[0].text, hows[i])) return true;
    }
    const struct word *source = line_option(line, "source");
    bool noise = str_is(line->words[0].heads[0].text, "noise");
    if (noise && source && str_is(source->values[0].text, "key")) return true;
    return date && line_option(line, "per");
}

static void add(struct wording *wording, const char *reason) {
    wording->name = "deidentified";
    wording->reasons[wording->reason_count++] = reason;
}

struct wording wording_of(const struct bound_recipe *bound, const struct wording_facts *facts) {
    struct wording wording = {.name = "anonymised"};
    bool keyed = false, direct = false, text = false;
    for (uint32_t i = 0; i < bound->step_count; i++) keyed |= is_keyed(bound->steps[i].line);
    for (uint32_t i = 0; i < bound->after.count; i++) {
        const struct plan_column *column = &bound->after.columns[i];
        if (column->removed) continue;
        direct |= column->role == COLUMN_DIRECT;
        text |= column->free_text || column->treatment == TREATMENT_TEXT_MASKED;
    }
    if (keyed && !facts->key_forgotten) add(&wording, "wording.key");
    if (direct) add(&wording, "wording.direct");
    if (facts->personal_left > 0) add(&wording, "wording.personal_left");
    if (text && !facts->text_reviewed) add(&wording, "wording.text");
    if (isnan(facts->risk_highest)) {
        add(&wording, "wording.risk_unknown");
    } else if (facts->risk_highest > facts->risk_threshold) {
        add(&wording, "wording.risk_high");
    }
    return wording;
}
