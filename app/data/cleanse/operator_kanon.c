// kanon: quasi-identifiers become broader until every row looks like at least k-1 others (k), each
// such class holds l different sensitive values (l), and their shares are near those of the whole
// table (t). mode=local gives most, strict leaves an attacker who knows the algorithm nothing to
// rule out, optimal has one level a column and is proven best. Columns are those of `field quasi=`
// and `sensitive=` above, or the line's own. A column's hierarchy is guessed unless told: AGE:age,
// PLACE:region, DAY:date|month|year, ILLNESS:file|icd.csv.
//
// Memory: 4 bytes for each cell of these columns (LIMIT_CODED_CELLS: 1 GiB), once more while it
// works, and each different value once.
#include "base/number.h"
#include "data/cleanse/kanon_private.h"

static const struct reason reasons[] = {{"kanon.suppressed", {0}}};
static const char *const modes[] = {"local", "strict", "optimal", NULL};
static const char *const diversities[] = {"distinct", "entropy", NULL};

// A number within bounds; absent: *out stays.
static enum err read_number(const struct line *line, const char *name, double least, double most,
                            bool whole, struct teller *teller, double *out) {
    const struct word *word = line_option(line, name);
    if (!word) return OK;
    struct item value = word->values[0];
    double number;
    bool sign = word->sign == SIGN_EQUAL || word->sign == SIGN_LESS_EQUAL;
    bool good = sign && word->value_count == 1 && number_parse(value.text, &number) &&
                number >= least && number <= most && (!whole || number == (double)(int64_t)number);
    if (!good) return tell_fault(teller, "kanon.bad_number", value.column, str_of(name));
    *out = number;
    return OK;
}

static enum err read_goal(struct kanon *kanon, const struct line *line, struct teller *teller) {
    double k = 0, l = 0, t = 1, suppress = 0;
    uint32_t mode = RECODE_LOCAL, diversity = 0;
    enum err err = OK, told;
    if (!line_option(line, "k")) err = tell_fault(teller, "recipe.missing_option", 1, STR("k"));
    told = read_number(line, "k", 2, 1e6, true, teller, &k);
    if (told != OK) err = told;
    told = read_number(line, "l", 2, 1e4, true, teller, &l);
    if (told != OK) err = told;
    told = read_number(line, "t", 1e-6, 1, false, teller, &t);
    if (told != OK) err = told;
    told = read_number(line, "suppress", 0, .5, false, teller, &suppress);
    if (told != OK) err = told;
    told = line_choice(line, "mode", modes, RECODE_LOCAL, teller, &mode);
    if (told != OK) err = told;
    told = line_choice(line, "diversity", diversities, 0, teller, &diversity);
    if (told != OK) err = told;
    kanon->mode = (enum recode_mode)mode;
    kanon->goal = (struct anonymity_goal){.k = (uint32_t)k,
                                          .l = (uint32_t)l,
                                          .l_entropy = diversity == 1,
                                          .t = t,
                                          .suppress_most = suppress};
    return err;
}

// The columns named by the option, or else all of the role.
static enum err find_columns(const struct line *line, const char *option, enum column_role role,
                             const struct plan *plan, uint32_t most, struct arena *arena,
                             struct teller *teller, uint32_t **out, uint32_t *out_count) {
    const struct word *word = line_option(line, option);
    enum err err = OK;
    if (word) {
        *out_count = word->value_count;
        err = plan_find(plan, word->values, word->value_count, teller, out);
    } else {
        *out_count = 0;
        *out = ARENA_ARRAY(arena, uint32_t, plan->count + 1);
        if (!*out) return ERR_MEMORY;
        for (uint32_t place = 0; place < plan->count; place++) {
            const struct plan_column *column = &plan->columns[place];
            if (!column->removed && column->role == role) (*out)[(*out_count)++] = place;
        }
    }
    if (err == OK && *out_count > most) {
        err = tell_fault(teller, "anonymity.too_many_columns", 1, STR_NONE);
    }
    return err;
}

static enum err read_tree(const struct word *word, struct kanon_tree *out, struct teller *teller) {
    struct str words[LIMIT_HIERARCHY_LEVELS];
    if (str_is(word->values[0].text, "file")) {
        if (word->value_count != 2) {
            return tell_fault(teller, "kanon.no_file", word->values[0].column, STR_NONE);
        }
        *out = (struct kanon_tree){.from = TREE_FILE, .file = word->values[1]};
        return OK;
    }
    uint32_t count = 0;
    // "age,10,20" in quotes is the same as age|10|20.
    for (uint32_t i = 0; i < word->value_count; i++) {
        struct str rest = word->values[i].text;
        while (rest.size && count < LIMIT_HIERARCHY_LEVELS) {
            words[count++] = str_trim(str_cut(rest, ',', &rest));
        }
    }
    struct fault fault = {0};
    out->from = TREE_RULE;
    if (hierarchy_rule_read(words, count, &out->rule, &fault) == OK) return OK;
    return tell_fault(teller, fault.code, word->values[0].column, str_of(fault.detail));
}

// COLUMN[,COLUMN]:RULE words; other words without a sign are a mistake.
static enum err read_trees(struct kanon *kanon, const struct line *line, const struct plan *plan,
                           struct teller *teller) {
    enum err result = OK;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        struct item head = word->heads[0];
        enum err err = OK;
        struct kanon_tree tree = {0};
        if (word->sign == SIGN_NONE && !str_is(head.text, "hierarchy")) {
            err = tell_fault(teller, "recipe.unexpected_word", head.column, head.text);
        } else if (word->sign == SIGN_COLON) {
            err = read_tree(word, &tree, teller);
        }
        uint32_t *places;
        if (err == OK && plan && word->sign == SIGN_COLON) {
            err = plan_find(plan, word->heads, word->head_count, teller, &places);
            for (uint32_t k = 0; k < word->head_count && err == OK; k++) {
                uint32_t at = 0;
                while (at < kanon->quasi_count && kanon->quasi[at] != places[k]) at++;
                if (at == kanon->quasi_count) {
                    struct item item = word->heads[k];
                    err = tell_fault(teller, "kanon.not_quasi", item.column, item.text);
                } else {
                    kanon->trees[at] = tree;
                }
            }
        }
        if (err != OK) result = err;
    }
    return result;
}

// The columns become text: a class is named by what it holds.
static void change_plan(struct kanon *kanon, struct plan *plan) {
    for (uint32_t i = 0; i < kanon->quasi_count; i++) {
        struct plan_column *column = &plan->columns[kanon->quasi[i]];
        kanon->names[i] = column->name;
        kanon->types[i] = column->type;
        column->type = COLUMN_TEXT;
        if (column->role == COLUMN_PLAIN) column->role = COLUMN_QUASI;
        plan_treat(column, TREATMENT_COARSENED);
    }
    for (uint32_t i = 0; i < kanon->sensitive_count; i++) {
        struct plan_column *column = &plan->columns[kanon->sensitive[i]];
        kanon->names[kanon->quasi_count + i] = column->name;
        if (column->role == COLUMN_PLAIN) column->role = COLUMN_SENSITIVE;
    }
}

static enum err check_columns(const struct kanon *kanon, struct teller *teller) {
    bool secret = kanon->goal.l > 1 || kanon->goal.t < 1;
    if (kanon->quasi_count == 0) return tell_fault(teller, "anonymity.no_quasi", 1, STR_NONE);
    if (secret && kanon->sensitive_count == 0) {
        return tell_fault(teller, "kanon.no_sensitive", 1, STR_NONE);
    }
    for (uint32_t i = 0; i < kanon->quasi_count; i++) {
        for (uint32_t k = 0; k < kanon->sensitive_count; k++) {
            if (kanon->quasi[i] != kanon->sensitive[k]) continue;
            return tell_fault(teller, "recipe.two_roles", 1, kanon->names[i]);
        }
    }
    return OK;
}

static enum err kanon_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                           struct teller *teller) {
    struct kanon *kanon = ARENA_NEW(arena, struct kanon);
    struct kanon_state *state = ARENA_NEW(arena, struct kanon_state);
    if (!kanon || !state) return ERR_MEMORY;
    bound->settings = kanon;
    bound->state = state;
    bound->reasons = reasons;
    bound->reason_count = 1;
    enum err err = read_goal(kanon, bound->line, teller), told = OK;
    if (plan) {
        told = find_columns(bound->line, "quasi", COLUMN_QUASI, plan, LIMIT_QUASI, arena, teller,
                            &kanon->quasi, &kanon->quasi_count);
        if (told == OK) {
            told = find_columns(bound->line, "sensitive", COLUMN_SENSITIVE, plan, LIMIT_SENSITIVE,
                                arena, teller, &kanon->sensitive, &kanon->sensitive_count);
        }
        if (told != OK) return told;
    }
    told = read_trees(kanon, bound->line, plan, teller);
    if (told != OK) err = told;
    if (err != OK || !plan) return err;
    change_plan(kanon, plan);
    return check_columns(kanon, teller);
}

static bool kanon_observes(const struct bound *bound) {
    (void)bound;
    return true;
}

const struct operator operator_kanon = {
    .name = "kanon",
    .example = "kanon k=20 l=3 t=.3 suppress<=.02 mode=local 年龄:age 区县:region",
    .options = (const struct operator_option[]){{"k", ""},
                                                {"l", ""},
                                                {"diversity", "distinct|entropy"},
                                                {"t", ""},
                                                {"suppress", ""},
                                                {"mode", "local|strict|optimal"},
                                                {"quasi", NULL},
                                                {"sensitive", NULL},
                                                {NULL, NULL}},
    .bind = kanon_bind,
    .open = kanon_open,
    .observes = kanon_observes,
    .observe = kanon_observe,
    .settle = kanon_settle,
    .run = kanon_run,
    .stop = kanon_stop,
    .report = kanon_report,
    .members = kanon_members,
};
