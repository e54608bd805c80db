// Two lines that declare and do not run: `field` says what columns mean, `source` where the data
// comes from and under which licence and legal basis (both go into the report).
#include "data/cleanse/operator_private.h"

static const struct {
    const char *option;
    enum column_role role;
} roles[] = {
    {"direct", COLUMN_DIRECT},
    {"quasi", COLUMN_QUASI},
    {"sensitive", COLUMN_SENSITIVE},
    {"plain", COLUMN_PLAIN},
};

// Marks the columns one word names; a column named for two roles on one line is a contradiction.
static enum err declare(const struct word *word, struct plan *plan, uint8_t *declared,
                        enum column_role role, bool free_text, struct teller *teller) {
    uint32_t *places;
    enum err err = plan_find(plan, word->values, word->value_count, teller, &places);
    if (err != OK) return err;
    for (uint32_t i = 0; i < word->value_count; i++) {
        struct plan_column *column = &plan->columns[places[i]];
        if (free_text) {
            column->free_text = true;
            continue;
        }
        if (declared[places[i]]) {
            err = tell_fault(teller, "recipe.two_roles", word->values[i].column, column->name);
        }
        declared[places[i]] = 1;
        column->role = role;
        column->direct = role == COLUMN_DIRECT;
    }
    return err;
}

static enum err field_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                           struct teller *teller) {
    const struct line *line = bound->line;
    enum err result = OK;
    if (line->word_count < 2) return tell_fault(teller, "recipe.nothing_to_do", 1, STR("field"));
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        if (word->sign == SIGN_EQUAL) continue;
        result = tell_fault(teller, "recipe.unexpected_word", word->heads[0].column,
                            word->heads[0].text);
    }
    if (!plan || result != OK) return result;
    uint8_t *declared = ARENA_ARRAY(arena, uint8_t, plan->count);
    if (!declared) return ERR_MEMORY;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        const struct word *word = line_option(line, roles[i].option);
        if (!word) continue;
        enum err err = declare(word, plan, declared, roles[i].role, false, teller);
        if (err != OK) result = err;
    }
    const struct word *text = line_option(line, "text");
    if (text) {
        enum err err = declare(text, plan, declared, COLUMN_PLAIN, true, teller);
        if (err != OK) result = err;
    }
    return result;
}

static enum err source_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                            struct teller *teller) {
    (void)plan;
    (void)arena;
    enum err err = OK;
    bool named = false;
    for (uint32_t i = 1; i < bound->line->word_count; i++) {
        const struct word *word = &bound->line->words[i];
        if (word->sign == SIGN_EQUAL) continue;
        if (word->sign != SIGN_NONE || word->head_count != 1 || named) {
            err = tell_fault(teller, "recipe.unexpected_word", word->heads[0].column,
                             word->heads[0].text);
        }
        named = true;
    }
    if (!named && err == OK) err = tell_fault(teller, "recipe.nothing_to_do", 1, STR("source"));
    return err;
}

const struct operator operator_field = {
    .name = "field",
    .example = "field direct=姓名,身份证号 quasi=性别,年龄 sensitive=诊断 text=主诉",
    .options = (const struct operator_option[]){{"direct", NULL},
                                                {"quasi", NULL},
                                                {"sensitive", NULL},
                                                {"plain", NULL},
                                                {"text", NULL},
                                                {NULL, NULL}},
    .line_only = true,
    .bind = field_bind,
};

const struct operator operator_source = {
    .name = "source",
    .example = "source his-2026q3 licence=internal basis=IRB-17",
    .options = (const struct operator_option[]){{"licence", ""}, {"basis", ""}, {NULL, NULL}},
    .line_only = true,
    .bind = source_bind,
};
