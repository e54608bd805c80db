// mask: conceals personal data.
//   mask 姓名,身份证号 how=…            every value of the columns, whatever it is
//   mask text=主诉 kinds=id,mobile how=…  inside text what is found; text=* means the columns of
//                                       `field text=`, or all text columns
//   mask id,mobile,name how=…           kinds, where no column has that name: inside all free text,
//                                       and the direct columns that hold such a thing
//   … mrn="住院号\d{8,10}"               what this pattern of the site's own finds, too
//   … from=姓名                          columns whose values are looked for in the text of their
//                                       row; without it the direct ones, from=none for none
// how=remove takes columns out of the table. how=encrypt seals values so that the key opens them
// again; equal=hide makes the same value differ from place to place. how=format puts another value
// of the same form in its place, how=generalise a broader one (width=5 bands, round=10 numbers,
// digits=3 of a postcode, level=city of places). Pseudonyms are keyed: the same
// thing gets the same one all over the dataset (or, with scope=project, in all datasets of the
// project it names), and without the key nothing leads back.
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "data/cleanse/mask_private.h"

static const struct reason reasons[MASK_REASONS] = {
    [PERSONAL_ID] = {"mask.id", {0}},
    [PERSONAL_MOBILE] = {"mask.mobile", {0}},
    [PERSONAL_CARD] = {"mask.card", {0}},
    [PERSONAL_EMAIL] = {"mask.email", {0}},
    [PERSONAL_USCC] = {"mask.uscc", {0}},
    [PERSONAL_LANDLINE] = {"mask.landline", {0}},
    [PERSONAL_PASSPORT] = {"mask.passport", {0}},
    [PERSONAL_PERMIT] = {"mask.permit", {0}},
    [PERSONAL_PLATE] = {"mask.plate", {0}},
    [PERSONAL_OFFICER] = {"mask.officer", {0}},
    [PERSONAL_INSURANCE] = {"mask.insurance", {0}},
    [PERSONAL_MRN] = {"mask.mrn", {0}},
    [PERSONAL_WECHAT] = {"mask.wechat", {0}},
    [PERSONAL_QQ] = {"mask.qq", {0}},
    [PERSONAL_URL] = {"mask.url", {0}},
    [PERSONAL_IP] = {"mask.ip", {0}},
    [PERSONAL_MAC] = {"mask.mac", {0}},
    [PERSONAL_IMEI] = {"mask.imei", {0}},
    [PERSONAL_VIN] = {"mask.vin", {0}},
    [PERSONAL_COORDINATES] = {"mask.coordinates", {0}},
    [PERSONAL_BIRTH] = {"mask.birth", {0}},
    [PERSONAL_AGE] = {"mask.age", {0}},
    [PERSONAL_NAME] = {"mask.name", {0}},
    [PERSONAL_ADDRESS] = {"mask.address", {0}},
    [PERSONAL_ORGANISATION] = {"mask.organisation", {0}},
    [REASON_VALUE] = {"mask.value", {0}},
    [REASON_PATTERN] = {"mask.pattern", {0}},
    [REASON_SEALED] = {"mask.sealed", {0}},
};

static const char *const hows[] = {"mask",   "pseudonym",  "replace", "encrypt",
                                   "format", "generalise", "remove",  NULL};

// What a line is read into before its columns are known.
struct reading {
    struct mask *mask;
    const struct line *line;
    struct plan *plan; // NULL: no columns are known
    struct arena *arena;
    struct teller *teller;
    uint32_t head_kinds; // kinds given as heads
    bool any_target;     // a column, a kind or a pattern stands on the line
};

// ---- options ------------------------------------------------------------------------------------

static enum err tell_kind(struct teller *teller, struct item item) {
    struct nearest nearest = nearest_to(item.text);
    for (int k = 0; k < PERSONAL_KIND_COUNT; k++) {
        nearest_offer(&nearest, str_of(personal_kind_name((enum personal_kind)k)));
    }
    struct str detail = nearest.best.size ? nearest.best : item.text;
    return tell_fault(teller, "recipe.unknown_kind", item.column, detail);
}

static enum err read_kinds(struct reading *reading) {
    const struct word *kinds = line_option(reading->line, "kinds");
    enum err err = OK;
    for (uint32_t i = 0; kinds && i < kinds->value_count; i++) {
        enum personal_kind kind;
        if (personal_kind_from_name(kinds->values[i].text, &kind)) {
            reading->mask->kinds |= PERSONAL_BIT(kind);
        } else {
            err = tell_kind(reading->teller, kinds->values[i]);
        }
    }
    return err;
}

static enum err add_pattern(struct reading *reading, const struct word *word) {
    struct mask *mask = reading->mask;
    struct item name = word->heads[word->head_count - 1];
    if (mask->pattern_count == LIMIT_MASK_PATTERNS) {
        return tell_fault(reading->teller, "recipe.too_many_patterns", name.column, name.text);
    }
    if (!mask->patterns) {
        mask->patterns = ARENA_ARRAY(reading->arena, struct mask_pattern, LIMIT_MASK_PATTERNS);
        if (!mask->patterns) return ERR_MEMORY;
    }
    for (uint32_t i = 0; i < mask->pattern_count; i++) {
        if (!str_equal(mask->patterns[i].name, name.text)) continue;
        return tell_fault(reading->teller, "recipe.option_twice", name.column, name.text);
    }
    // Read once to see that it can be; what runs opens it again.
    struct item value = word->values[0];
    struct pattern *pattern;
    struct fault fault = {0};
    enum err err = pattern_open(value.text, PATTERN_FOLD, &pattern, &fault);
    if (err == ERR_MEMORY) return err;
    if (err != OK) {
        return tell_fault(reading->teller, fault.code, value.column + (uint32_t)fault.column,
                          fault.detail[0] ? str_of(fault.detail) : name.text);
    }
    pattern_close(pattern);
    enum personal_kind kind;
    bool known = personal_kind_from_name(name.text, &kind);
    mask->patterns[mask->pattern_count++] = (struct mask_pattern){
        name.text, word->values[0].text, known ? kind : KIND_UNKNOWN, word->values[0].column};
    return OK;
}

static enum err read_how(struct reading *reading) {
    static const char *const scopes[] = {"dataset", "project", NULL};
    static const char *const equals[] = {"keep", "hide", NULL};
    uint32_t how = HOW_MASK, scope, equal = 0;
    enum err err = OK, told;
    if (!line_option(reading->line, "how")) {
        err = tell_fault(reading->teller, "recipe.missing_option", 1, STR("how"));
    }
    told = line_choice(reading->line, "how", hows, HOW_MASK, reading->teller, &how);
    if (told != OK) err = told;
    reading->mask->how = (enum how)how;
    told = line_choice(reading->line, "scope", scopes, 0, reading->teller, &scope);
    if (told != OK) err = told;
    told = line_choice(reading->line, "equal", equals, 0, reading->teller, &equal);
    if (told != OK) err = told;
    reading->mask->conceal.equal_hidden = equal != 0;
    told = line_check_project(reading->line, reading->teller);
    return told != OK ? told : err;
}

static enum err bad_option(struct reading *reading, const struct word *word) {
    return tell_fault(reading->teller, "recipe.bad_option", word->values[0].column,
                      word->heads[0].text);
}

static enum err read_count(struct reading *reading, const char *name, uint64_t most,
                           uint32_t *out) {
    const struct word *word = line_option(reading->line, name);
    uint64_t value = 0;
    if (!word) return OK;
    if (word->sign != SIGN_EQUAL || word->value_count != 1 ||
        !str_to_u64(word->values[0].text, &value) || value < 1 || value > most) {
        return bad_option(reading, word);
    }
    *out = (uint32_t)value;
    return OK;
}

// How broad.
static enum err read_broader(struct reading *reading) {
    static const char *const levels[] = {"province", "city", "county", NULL};
    struct broader *broader = &reading->mask->conceal.broader;
    const struct word *round = line_option(reading->line, "round");
    uint32_t level = REGION_CITY;
    enum err err = read_count(reading, "width", 1000000, &broader->width), told;
    if ((told = read_count(reading, "digits", 64, &broader->digits)) != OK) err = told;
    told = line_choice(reading->line, "level", levels, REGION_CITY, reading->teller, &level);
    if (told != OK) err = told;
    broader->level = (enum region_level)level;
    if (!round) return err;
    bool good = round->sign == SIGN_EQUAL && round->value_count == 1 &&
                number_parse(round->values[0].text, &broader->round) && broader->round > 0;
    return good ? err : bad_option(reading, round);
}

// ---- targets ------------------------------------------------------------------------------------

static bool place_of(const struct plan *plan, struct str name, uint32_t *out) {
    for (uint32_t place = 0; plan && place < plan->count; place++) {
        if (plan->columns[place].removed) continue;
        if (!str_equal(plan->columns[place].name, name)) continue;
        *out = place;
        return true;
    }
    return false;
}

// The nearest of what would have been good: a column or a kind.
static enum err tell_target(struct reading *reading, struct item item) {
    const struct plan *plan = reading->plan;
    struct nearest nearest = nearest_to(item.text);
    for (uint32_t place = 0; place < plan->count; place++) {
        if (!plan->columns[place].removed) nearest_offer(&nearest, plan->columns[place].name);
    }
    struct str column = nearest.best;
    for (int k = 0; k < PERSONAL_KIND_COUNT; k++) {
        nearest_offer(&nearest, str_of(personal_kind_name((enum personal_kind)k)));
    }
    if (nearest.best.size == 0 || str_equal(nearest.best, item.text)) {
        bool gone = false;
        for (uint32_t place = 0; place < plan->count; place++) {
            gone |= str_equal(plan->columns[place].name, item.text);
        }
        return tell_fault(reading->teller,
                          gone ? "recipe.no_such_column" : "recipe.no_such_column_or_kind",
                          item.column, item.text);
    }
    const char *code =
        str_equal(nearest.best, column) ? "recipe.unknown_column" : "recipe.unknown_kind";
    return tell_fault(reading->teller, code, item.column, nearest.best);
}

// What an earlier line has given pseudonyms keeps them: a pseudonym's pseudonym would no longer be
// that of the same person elsewhere.
static enum err add_column(struct reading *reading, uint32_t place, uint32_t at) {
    struct mask *mask = reading->mask;
    const struct plan_column *column = &reading->plan->columns[place];
    if (mask->how == HOW_PSEUDONYM && column->treatment == TREATMENT_PSEUDONYM) return OK;
    if (!mask->columns) {
        mask->columns = ARENA_ARRAY(reading->arena, struct mask_column, reading->plan->count);
        if (!mask->columns) return ERR_MEMORY;
    }
    for (uint32_t i = 0; i < mask->column_count; i++) {
        if (mask->columns[i].place != place) continue;
        return at ? tell_fault(reading->teller, "recipe.column_twice", at, column->name) : OK;
    }
    mask->columns[mask->column_count++] = (struct mask_column){place, kind_of_column(column->name)};
    return OK;
}

static enum err read_targets(struct reading *reading, const struct word *word, uint32_t count) {
    enum err result = OK;
    for (uint32_t i = 0; i < count; i++) {
        enum personal_kind kind;
        uint32_t place;
        enum err err = OK;
        struct item item = word->heads[i];
        reading->any_target = true;
        if (place_of(reading->plan, item.text, &place)) {
            err = add_column(reading, place, item.column);
        } else if (!item.quoted && personal_kind_from_name(item.text, &kind)) {
            reading->head_kinds |= PERSONAL_BIT(kind);
        } else if (reading->plan) {
            err = tell_target(reading, item);
        }
        if (err != OK) result = err;
    }
    return result;
}

static enum err read_words(struct reading *reading) {
    const struct line *line = reading->line;
    enum err result = OK;
    bool named = false;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        enum err err = OK;
        if (word_is_pattern(&operator_mask, word)) {
            err = read_targets(reading, word, word->head_count - 1);
            if (err == OK) err = add_pattern(reading, word);
            reading->any_target = true;
        } else if (word->sign == SIGN_EQUAL) {
            continue; // an option
        } else if (word->sign != SIGN_NONE || named) {
            err = tell_fault(reading->teller, "recipe.unexpected_word", word->heads[0].column,
                             word->heads[0].text);
        } else {
            named = true;
            err = read_targets(reading, word, word->head_count);
        }
        if (err == ERR_MEMORY) return err;
        if (err != OK) result = err;
    }
    return result;
}

// ---- the plan -----------------------------------------------------------------------------------

static void treat_column(const struct bound *bound, const struct mask *mask,
                         struct plan_column *column) {
    static const enum treatment treatments[HOW_COUNT] = {
        [HOW_MASK] = TREATMENT_MASKED,      [HOW_PSEUDONYM] = TREATMENT_PSEUDONYM,
        [HOW_REPLACE] = TREATMENT_REPLACED, [HOW_ENCRYPT] = TREATMENT_ENCRYPTED,
        [HOW_FORMAT] = TREATMENT_PSEUDONYM, [HOW_GENERALISE] = TREATMENT_COARSENED,
        [HOW_REMOVE] = TREATMENT_REMOVED,
    };
    plan_treat(column, treatments[mask->how]);
    if (mask->how == HOW_REMOVE) {
        column->removed = true;
        column->removed_by = bound->index;
        column->removed_why = "mask.removed";
        return;
    }
    double round = mask->conceal.broader.round;
    bool number = column->type == COLUMN_INTEGER || column->type == COLUMN_NUMBER;
    if (mask->how != HOW_GENERALISE || !number || !(round > 0)) {
        column->type = COLUMN_TEXT;
    } else if (round != floor(round)) {
        column->type = COLUMN_NUMBER;
    }
    // What a mask leaves (three digits, a surname) may still single a person out with others.
    bool tells = mask->how == HOW_MASK || mask->how == HOW_GENERALISE;
    if (column->role == COLUMN_DIRECT) column->role = tells ? COLUMN_QUASI : COLUMN_PLAIN;
}

static bool is_concealed(const struct mask *mask, uint32_t place) {
    for (uint32_t i = 0; i < mask->column_count; i++) {
        if (mask->columns[i].place == place) return true;
    }
    return false;
}

static bool is_free_text(const struct mask *mask, const struct plan *plan, uint32_t place,
                         bool declared_only) {
    const struct plan_column *column = &plan->columns[place];
    if (column->removed || column->type != COLUMN_TEXT || is_concealed(mask, place)) return false;
    return declared_only ? column->free_text : column->treatment < TREATMENT_MASKED;
}

static enum err bind_all_text(struct mask *mask, const struct plan *plan) {
    bool declared = false;
    for (uint32_t place = 0; place < plan->count; place++) {
        declared |= is_free_text(mask, plan, place, true);
    }
    mask->texts = ARENA_ARRAY(plan->arena, uint32_t, plan->count);
    if (!mask->texts) return ERR_MEMORY;
    for (uint32_t place = 0; place < plan->count; place++) {
        if (!is_free_text(mask, plan, place, declared)) continue;
        mask->texts[mask->text_count++] = place;
    }
    return OK;
}

static bool is_every(const struct word *text) {
    return text->value_count == 1 && !text->values[0].quoted && str_is(text->values[0].text, "*");
}

static enum err bind_text(struct reading *reading, const struct word *text) {
    struct mask *mask = reading->mask;
    struct plan *plan = reading->plan;
    if (!text || is_every(text)) {
        enum err err = bind_all_text(mask, plan);
        if (err != OK) return err;
    } else {
        enum err err =
            plan_find(plan, text->values, text->value_count, reading->teller, &mask->texts);
        if (err != OK) return err;
        mask->text_count = text->value_count;
    }
    enum err err = OK;
    for (uint32_t i = 0; i < mask->text_count; i++) {
        struct plan_column *column = &plan->columns[mask->texts[i]];
        if (column->type == COLUMN_TEXT) {
            plan_treat(column, TREATMENT_TEXT_MASKED);
            continue;
        }
        err =
            tell_fault(reading->teller, "recipe.wrong_type", text->values[i].column, column->name);
    }
    return err;
}

// The direct columns that hold what is looked for, so that `mask name` leaves no column of names.
static enum err bind_direct(struct reading *reading) {
    enum err err = OK;
    for (uint32_t place = 0; place < reading->plan->count && err == OK; place++) {
        const struct plan_column *column = &reading->plan->columns[place];
        unsigned kind = kind_of_column(column->name);
        if (column->removed || column->role != COLUMN_DIRECT || kind == KIND_UNKNOWN) continue;
        if (reading->head_kinds & PERSONAL_BIT(kind)) err = add_column(reading, place, 0);
    }
    return err;
}

static enum err bind_from(struct reading *reading) {
    struct mask *mask = reading->mask;
    const struct plan *plan = reading->plan;
    const struct word *from = line_option(reading->line, "from");
    mask->from = ARENA_ARRAY(plan->arena, struct mask_column, plan->count);
    if (!mask->from) return ERR_MEMORY;
    if (from && from->value_count == 1 && !from->values[0].quoted &&
        str_is(from->values[0].text, "none")) {
        return OK;
    }
    if (from) {
        uint32_t *places;
        enum err err = plan_find(plan, from->values, from->value_count, reading->teller, &places);
        for (uint32_t i = 0; i < from->value_count && err == OK && i < plan->count; i++) {
            mask->from[mask->from_count++] =
                (struct mask_column){places[i], kind_of_column(plan->columns[places[i]].name)};
        }
        return err;
    }
    for (uint32_t place = 0; place < plan->count; place++) {
        unsigned kind = kind_of_column(plan->columns[place].name);
        uint32_t needed = kind == KIND_UNKNOWN ? PERSONAL_ALL : PERSONAL_BIT(kind);
        if (!plan->columns[place].direct || (mask->kinds & needed) != needed) continue;
        mask->from[mask->from_count++] = (struct mask_column){place, kind};
    }
    return OK;
}

// kinds= without text: what the columns hold, whatever they are called.
static enum err force_kind(struct reading *reading) {
    struct mask *mask = reading->mask;
    const struct word *kinds = line_option(reading->line, "kinds");
    if (!kinds) return OK;
    if (kinds->value_count != 1 || mask->column_count == 0) {
        return tell_fault(reading->teller, "recipe.kinds_need_text", kinds->heads[0].column,
                          STR("kinds"));
    }
    enum personal_kind kind = PERSONAL_ID;
    (void)personal_kind_from_name(kinds->values[0].text, &kind);
    for (uint32_t i = 0; i < mask->column_count; i++) mask->columns[i].kind = kind;
    return OK;
}

// A number of no known kind does not say by itself what is broader; a date's year is.
static enum err check_broader(struct reading *reading) {
    const struct broader *broader = &reading->mask->conceal.broader;
    if (reading->mask->how != HOW_GENERALISE) return OK;
    for (uint32_t i = 0; i < reading->mask->column_count; i++) {
        struct mask_column *column = &reading->mask->columns[i];
        const struct plan_column *known = &reading->plan->columns[column->place];
        bool date = known->type == COLUMN_DATE || known->type == COLUMN_TIME;
        bool number = known->type == COLUMN_INTEGER || known->type == COLUMN_NUMBER;
        if (date) column->kind = PERSONAL_BIRTH;
        if (!number || column->kind == PERSONAL_AGE) continue;
        if (broader->width || broader->digits || broader->round > 0) continue;
        return tell_fault(reading->teller, "recipe.generalise_how", 1, known->name);
    }
    return OK;
}

static enum err bind_plan(struct bound *bound, struct reading *reading) {
    struct mask *mask = reading->mask;
    const struct word *text = line_option(reading->line, "text");
    bool inside = text || reading->head_kinds || mask->pattern_count;
    enum err err = OK;
    if (text && !mask->kinds && !reading->head_kinds) mask->kinds = PERSONAL_ALL;
    if (!inside) err = force_kind(reading);
    mask->kinds = inside ? mask->kinds | reading->head_kinds : 0;
    if (err == OK && reading->head_kinds) err = bind_direct(reading);
    if (err == OK && inside) err = bind_text(reading, text);
    if (err == OK && inside) err = bind_from(reading);
    if (err == OK) err = check_broader(reading);
    for (uint32_t i = 0; i < mask->column_count && err == OK; i++) {
        treat_column(bound, mask, &reading->plan->columns[mask->columns[i].place]);
    }
    return err;
}

static enum err mask_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                          struct teller *teller) {
    struct mask *mask = ARENA_NEW(arena, struct mask);
    if (!mask) return ERR_MEMORY;
    bound->settings = mask;
    bound->state = ARENA_NEW(arena, struct mask_state);
    if (!bound->state) return ERR_MEMORY;
    bound->reasons = reasons;
    bound->reason_count = MASK_REASONS;
    struct reading reading = {
        .mask = mask, .line = bound->line, .plan = plan, .arena = arena, .teller = teller};
    enum err err = read_how(&reading), told;
    if (err == OK || err == ERR_INPUT) {
        if ((told = read_broader(&reading)) != OK) err = told;
        if ((told = read_kinds(&reading)) != OK) err = told;
        if ((told = read_words(&reading)) != OK) err = told;
    }
    if (!reading.any_target && !line_option(bound->line, "text")) {
        err = tell_fault(teller, "recipe.mask_what", 1, STR("mask"));
    }
    if (err != OK || !plan) return err;
    return bind_plan(bound, &reading);
}

static enum err mask_start(struct bound *bound, const struct plan *plan,
                           const struct cleanse_options *options) {
    (void)plan;
    struct mask *mask = bound->settings;
    struct mask_state *state = bound->state;
    struct hash key;
    enum err err = line_key(bound->line, options, &key);
    if (err != OK) return err;
    conceal_start(&mask->conceal, mask->how, &key);
    bytes_wipe(&key, sizeof key);
    for (uint32_t i = 0; i < mask->pattern_count && err == OK; i++) {
        if (state->patterns[i]) continue; // of an earlier pass
        err = pattern_open(mask->patterns[i].text, PATTERN_FOLD, &state->patterns[i], NULL);
    }
    return err;
}

static void mask_stop(struct bound *bound) {
    struct mask *mask = bound->settings;
    struct mask_state *state = bound->state;
    for (uint32_t i = 0; i < LIMIT_MASK_PATTERNS; i++) pattern_close(state->patterns[i]);
    *state = (struct mask_state){0};
    bytes_wipe(&mask->conceal, sizeof mask->conceal);
}

// How, under whose key, and which patterns of the site's looked too.
static void mask_report(const struct bound *bound, struct json_writer *out) {
    const struct mask *mask = bound->settings;
    struct str project = line_project(bound->line);
    json_set_text(out, "how", str_of(hows[mask->how]));
    if (project.size) json_set_text(out, "project", project);
    json_put_name(out, "patterns");
    json_open_array(out);
    for (uint32_t i = 0; i < mask->pattern_count; i++) json_put_text(out, mask->patterns[i].name);
    json_close_array(out);
}

static bool mask_keyed(const struct line *line) {
    return line_option_is(line, "how", "pseudonym") || line_option_is(line, "how", "encrypt") ||
           line_option_is(line, "how", "format");
}

const struct operator operator_mask = {
    .name = "mask",
    .example = "mask 身份证号,手机 how=pseudonym scope=dataset",
    .options =
        (const struct operator_option[]){
            {"how", "mask|pseudonym|replace|encrypt|format|generalise|remove"},
            {"text", NULL},
            {"kinds", "id|mobile|card|email|uscc|landline|passport|permit|plate|officer|"
                      "insurance|mrn|wechat|qq|url|ip|mac|imei|vin|coordinates|birth|age|"
                      "name|address|organisation"},
            {"from", NULL},
            {"scope", "dataset|project"},
            {"project", ""},
            {"equal", "keep|hide"},
            {"width", ""},
            {"round", ""},
            {"digits", ""},
            {"level", "province|city|county"},
            {NULL, NULL}},
    .keyed = mask_keyed,
    .named_patterns = true,
    .bare_columns = true,
    .bind = mask_bind,
    .start = mask_start,
    .run = mask_run,
    .stop = mask_stop,
    .report = mask_report,
};
