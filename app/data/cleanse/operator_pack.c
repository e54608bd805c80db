// pack: the output as a bundle, a signed archive that carries it to another box: the data as CSV,
// JSON lines or a table file, with the recipe and the report. It changes nothing of the table; who
// runs the recipe writes the bundle when the table is done (recipe_pack says what was asked for).
//   pack format=csv|jsonl|table name=his-2026q3 parts=recipe,report
#include <string.h>

#include "data/cleanse/operator_private.h"

static const char *const formats[] = {"csv", "jsonl", "table", NULL};

static enum err read_parts(const struct line *line, struct teller *teller, struct pack *out) {
    const struct word *parts = line_option(line, "parts");
    if (!parts) return OK;
    enum err err = OK;
    out->recipe = out->report = false;
    for (uint32_t i = 0; i < parts->value_count; i++) {
        struct item value = parts->values[i];
        if (str_is(value.text, "recipe")) {
            out->recipe = true;
        } else if (str_is(value.text, "report")) {
            out->report = true;
        } else if (!str_is(value.text, "data")) {
            err = tell_fault(teller, "recipe.bad_option", value.column, STR("parts"));
        }
    }
    return err;
}

static enum err pack_read(const struct line *line, struct teller *teller, struct pack *out) {
    const struct word *name = line_option(line, "name");
    uint32_t format = 0;
    *out = (struct pack){.recipe = true, .report = true};
    if (name) out->name = name->values[0].text;
    enum err err = read_parts(line, teller, out), told;
    if (name && (name->sign != SIGN_EQUAL || name->value_count != 1 || out->name.size == 0 ||
                 out->name.size > LIMIT_NAME_BYTES)) {
        err = tell_fault(teller, "recipe.bad_option", name->values[0].column, STR("name"));
    }
    told = line_choice(line, "format", formats, 0, teller, &format);
    out->format = (enum pack_format)format;
    return told != OK ? told : err;
}

static enum err pack_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                          struct teller *teller) {
    struct pack pack;
    enum err err = OK;
    (void)plan;
    (void)arena;
    for (uint32_t i = 1; i < bound->line->word_count; i++) {
        const struct word *word = &bound->line->words[i];
        if (word->sign == SIGN_EQUAL) continue;
        err = tell_fault(teller, "recipe.unexpected_word", word->heads[0].column,
                         word->heads[0].text);
    }
    enum err told = pack_read(bound->line, teller, &pack);
    return told != OK ? told : err;
}

bool recipe_pack(const struct recipe *recipe, struct pack *out) {
    struct teller teller = {.line = 1};
    bool found = false;
    for (uint32_t i = 0; i < recipe->line_count; i++) {
        const struct line *line = &recipe->lines[i];
        if (!str_is(line->words[0].heads[0].text, "pack")) continue;
        found = pack_read(line, &teller, out) == OK;
    }
    return found;
}

static bool pack_makes(const struct line *line, const char *file) {
    (void)line;
    return strcmp(file, "bundle.tar") == 0;
}

const struct operator operator_pack = {
    .name = "pack",
    .example = "pack format=csv name=his-2026q3",
    .options = (const struct operator_option[]){{"format", "csv|jsonl|table"},
                                                {"name", ""},
                                                {"parts", "data|recipe|report"},
                                                {NULL, NULL}},
    .makes = pack_makes,
    .line_only = true,
    .bind = pack_bind,
};
