// mask: conceals personal data. By column (mask 姓名,身份证号 how=…) every value is concealed, whatever
// it is; how=remove takes the column out of the table. Inside text (mask text=主诉 kinds=id,mobile
// how=…) only what the scan finds; text=* means the columns of `field text=`, or all text columns.
// Pseudonyms are keyed: the same thing gets the same one all over the dataset (or, with
// scope=project, wherever the project's key is used), and without the key nothing leads back.
#include "data/cleanse/conceal_private.h"
#include "data/cleanse/part_private.h"

enum { REASON_VALUE = PERSONAL_KIND_COUNT, REASON_COUNT };

static const struct reason reasons[REASON_COUNT] = {
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
};

struct mask {
    enum how how;
    bool inside;    // inside text
    uint32_t kinds; // bits of enum personal_kind
    uint32_t *places;
    uint32_t place_count;
    struct conceal conceal; // its key is set by start
};

// ---- reading the line ---------------------------------------------------------------------------

static enum err read_kinds(struct mask *mask, const struct line *line, struct teller *teller) {
    const struct word *kinds = line_option(line, "kinds");
    if (!kinds) {
        mask->kinds = PERSONAL_ALL;
        return OK;
    }
    enum err err = OK;
    for (uint32_t i = 0; i < kinds->value_count; i++) {
        enum personal_kind kind;
        struct item value = kinds->values[i];
        if (personal_kind_from_name(value.text, &kind)) {
            mask->kinds |= PERSONAL_BIT(kind);
            continue;
        }
        struct nearest nearest = nearest_to(value.text);
        for (int k = 0; k < PERSONAL_KIND_COUNT; k++) {
            nearest_offer(&nearest, str_of(personal_kind_name((enum personal_kind)k)));
        }
        struct str detail = nearest.best.size ? nearest.best : value.text;
        err = tell_fault(teller, "recipe.unknown_kind", value.column, detail);
    }
    if (!mask->inside) err = tell_fault(teller, "recipe.kinds_need_text", 1, STR("kinds"));
    return err;
}

static enum err read_words(struct mask *mask, const struct line *line, const struct word **columns,
                           struct teller *teller) {
    static const char *const hows[] = {"mask", "pseudonym", "replace", "remove", NULL};
    static const char *const scopes[] = {"dataset", "project", NULL};
    uint32_t how = HOW_MASK, scope;
    enum err err = OK, told;
    *columns = NULL;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        if (word->sign == SIGN_EQUAL) continue;
        if (word->sign != SIGN_NONE || *columns) {
            err = tell_fault(teller, "recipe.unexpected_word", word->heads[0].column,
                             word->heads[0].text);
        }
        *columns = word;
    }
    mask->inside = line_option(line, "text") != NULL;
    if (!line_option(line, "how")) {
        err = tell_fault(teller, "recipe.missing_option", 1, STR("how"));
    } else if ((told = line_choice(line, "how", hows, HOW_MASK, teller, &how)) != OK) {
        err = told;
    }
    mask->how = (enum how)how;
    if ((told = line_choice(line, "scope", scopes, 0, teller, &scope)) != OK) err = told;
    if ((told = read_kinds(mask, line, teller)) != OK) err = told;
    if (mask->inside == (*columns != NULL)) {
        err = tell_fault(teller, "recipe.mask_what", 1, STR("mask"));
    }
    return err;
}

// ---- columns ------------------------------------------------------------------------------------

static void conceal_column(const struct bound *bound, const struct mask *mask,
                           struct plan_column *column) {
    static const enum treatment treatments[] = {TREATMENT_MASKED, TREATMENT_PSEUDONYM,
                                                TREATMENT_REPLACED, TREATMENT_REMOVED};
    plan_treat(column, treatments[mask->how]);
    if (mask->how == HOW_REMOVE) {
        column->removed = true;
        column->removed_by = bound->index;
        column->removed_why = "mask.removed";
        return;
    }
    column->type = COLUMN_TEXT;
    // What a mask leaves (three digits, a surname) may still single a person out with others.
    if (column->role == COLUMN_DIRECT) {
        column->role = mask->how == HOW_MASK ? COLUMN_QUASI : COLUMN_PLAIN;
    }
}

static enum err bind_columns(const struct bound *bound, struct mask *mask,
                             const struct word *columns, struct plan *plan, struct teller *teller) {
    enum err err = plan_find(plan, columns->heads, columns->head_count, teller, &mask->places);
    if (err != OK) return err;
    mask->place_count = columns->head_count;
    for (uint32_t i = 0; i < mask->place_count; i++) {
        struct plan_column *column = &plan->columns[mask->places[i]];
        conceal_column(bound, mask, column);
        for (uint32_t k = 0; k < i; k++) {
            if (mask->places[k] != mask->places[i]) continue;
            err = tell_fault(teller, "recipe.column_twice", columns->heads[i].column, column->name);
        }
    }
    return err;
}

static bool is_wanted_text(const struct plan_column *column, bool declared_only) {
    if (column->removed || column->type != COLUMN_TEXT) return false;
    return declared_only ? column->free_text : column->treatment < TREATMENT_MASKED;
}

static enum err bind_all_text(struct mask *mask, struct plan *plan) {
    bool declared = false;
    for (uint32_t place = 0; place < plan->count; place++) {
        declared |= is_wanted_text(&plan->columns[place], true);
    }
    mask->places = ARENA_ARRAY(plan->arena, uint32_t, plan->count);
    if (!mask->places) return ERR_MEMORY;
    for (uint32_t place = 0; place < plan->count; place++) {
        if (!is_wanted_text(&plan->columns[place], declared)) continue;
        mask->places[mask->place_count++] = place;
    }
    return OK;
}

static enum err bind_text(struct mask *mask, const struct word *text, struct plan *plan,
                          struct teller *teller) {
    enum err err;
    if (text->value_count == 1 && !text->values[0].quoted && str_is(text->values[0].text, "*")) {
        err = bind_all_text(mask, plan);
    } else {
        mask->place_count = text->value_count;
        err = plan_find(plan, text->values, text->value_count, teller, &mask->places);
    }
    for (uint32_t i = 0; i < mask->place_count && err == OK; i++) {
        struct plan_column *column = &plan->columns[mask->places[i]];
        if (column->type == COLUMN_TEXT) {
            plan_treat(column, TREATMENT_TEXT_MASKED);
            continue;
        }
        err = tell_fault(teller, "recipe.wrong_type", text->values[i].column, column->name);
    }
    return err;
}

static enum err mask_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                          struct teller *teller) {
    struct mask *mask = ARENA_NEW(arena, struct mask);
    if (!mask) return ERR_MEMORY;
    bound->settings = mask;
    bound->reasons = reasons;
    bound->reason_count = REASON_COUNT;
    const struct word *columns;
    enum err err = read_words(mask, bound->line, &columns, teller);
    if (err != OK || !plan) return err;
    if (mask->inside) return bind_text(mask, line_option(bound->line, "text"), plan, teller);
    return bind_columns(bound, mask, columns, plan, teller);
}

static enum err mask_start(struct bound *bound, const struct plan *plan,
                           const struct cleanse_options *options) {
    (void)plan;
    struct mask *mask = bound->settings;
    conceal_start(&mask->conceal, mask->how, &options->key);
    return OK;
}

// ---- running ------------------------------------------------------------------------------------

static enum err conceal_cell(const struct mask *mask, struct part *part, struct str cell,
                             struct buf *scratch, struct text_edit *edit) {
    enum personal_kind kind;
    bool known = personal_whole(cell, PERSONAL_ALL, &kind);
    buf_clear(scratch);
    conceal_write(&mask->conceal, known ? kind : KIND_UNKNOWN, known ? str_trim(cell) : cell,
                  scratch);
    if (buf_err(scratch) != OK) return buf_err(scratch);
    part->tally->reasons[known ? kind : REASON_VALUE]++;
    part->tally->cells_changed++;
    return text_edit_add(edit, buf_str(scratch));
}

static enum err mask_column(const struct mask *mask, struct part *part, uint32_t place,
                            struct buf *scratch) {
    const struct column column = part->columns[place];
    struct text_edit edit;
    struct buf written;
    buf_open(&written, LIMIT_CELL_BYTES);
    enum err err = text_edit_open(&edit, part, place);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row] || !column_valid(&column, row)) {
            err = text_edit_missing(&edit);
        } else if (column.type == COLUMN_TEXT) {
            err = conceal_cell(mask, part, column_text(&column, row), scratch, &edit);
        } else {
            buf_clear(&written);
            column_write(&written, &column, row);
            err = buf_err(&written);
            if (err == OK) err = conceal_cell(mask, part, buf_str(&written), scratch, &edit);
        }
    }
    buf_close(&written);
    if (err == OK) return text_edit_finish(&edit);
    text_edit_close(&edit);
    return err;
}

// Conceals the hits of one cell.
static enum err mask_inside_cell(const struct mask *mask, struct part *part, struct str cell,
                                 struct buf *scratch, struct text_edit *edit) {
    struct personal_hit few[16], *hits = few;
    size_t found = personal_scan(cell, mask->kinds, few, 16);
    if (found > 16) {
        hits = ARENA_ARRAY(part->arena, struct personal_hit, found);
        if (!hits) return ERR_MEMORY;
        found = personal_scan(cell, mask->kinds, hits, found);
    }
    size_t at = 0;
    bool changed = false;
    buf_clear(scratch);
    for (size_t i = 0; i < found; i++) {
        buf_add(scratch, cell.data + at, hits[i].start - at);
        struct str text = {cell.data + hits[i].start, hits[i].size};
        conceal_write(&mask->conceal, hits[i].kind, text, scratch);
        part->tally->reasons[hits[i].kind]++;
        at = hits[i].start + hits[i].size;
        changed = true;
    }
    if (!changed) return text_edit_add(edit, cell);
    buf_add(scratch, cell.data + at, cell.size - at);
    if (buf_err(scratch) != OK) return buf_err(scratch);
    part->tally->cells_changed++;
    return text_edit_add(edit, buf_str(scratch));
}

static bool column_has_hits(const struct part *part, const struct column *column, uint32_t kinds) {
    struct personal_hit hit;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row] || !column_valid(column, row)) continue;
        if (personal_scan(column_text(column, row), kinds, &hit, 1) > 0) return true;
    }
    return false;
}

static enum err mask_inside(const struct mask *mask, struct part *part, uint32_t place,
                            struct buf *scratch) {
    const struct column column = part->columns[place];
    struct text_edit edit;
    uint64_t changed = part->tally->cells_changed;
    if (!column_has_hits(part, &column, mask->kinds)) return OK;
    enum err err = text_edit_open(&edit, part, place);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row] || !column_valid(&column, row)) {
            err = text_edit_missing(&edit);
        } else {
            err = mask_inside_cell(mask, part, column_text(&column, row), scratch, &edit);
        }
    }
    if (err == OK && part->tally->cells_changed > changed) return text_edit_finish(&edit);
    text_edit_close(&edit);
    return err;
}

static enum err mask_run(const struct bound *bound, struct part *part) {
    const struct mask *mask = bound->settings;
    if (!mask->inside && mask->how == HOW_REMOVE) return OK; // the plan has done it
    struct buf scratch;
    buf_open(&scratch, 2 * LIMIT_CELL_BYTES);
    enum err err = OK;
    for (uint32_t i = 0; i < mask->place_count && err == OK; i++) {
        err = mask->inside ? mask_inside(mask, part, mask->places[i], &scratch)
                           : mask_column(mask, part, mask->places[i], &scratch);
    }
    buf_close(&scratch);
    return err;
}

const struct operator operator_mask = {
    .name = "mask",
    .example = "mask 身份证号,手机 how=pseudonym scope=dataset",
    .options =
        (const struct operator_option[]){
            {"how", "mask|pseudonym|replace|remove"},
            {"text", NULL},
            {"kinds", "id|mobile|card|email|uscc|landline|passport|permit|plate|officer|"
                      "insurance|mrn|wechat|qq|url|ip|mac|imei|vin|coordinates|birth|age|"
                      "name|address|organisation"},
            {"scope", "dataset|project"},
            {NULL, NULL}},
    .bind = mask_bind,
    .start = mask_start,
    .run = mask_run,
};
