// A recipe's text as lines, its canonical spelling and hash, and its operators once the columns are
// known. All faults are told, not only the first, so that a person mends a recipe in one go.
#include "data/cleanse/cleanse.h"

#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "data/cleanse/operator_private.h"

enum err tell_fault(struct teller *teller, const char *code, uint32_t column, struct str detail) {
    struct fault fault = {0};
    enum err err = fault_at(&fault, ERR_INPUT, code, teller->line, column, detail);
    if (teller->count == 0 && teller->first && teller->first->code[0] == '\0') {
        *teller->first = fault;
    }
    if (teller->count < LIMIT_RECIPE_FAULTS && teller->tell) teller->tell(teller->ctx, &fault);
    teller->count++;
    return err;
}

// Passes a fault on that was made elsewhere.
static void tell_again(struct teller *teller, const struct fault *fault) {
    uint32_t line = teller->line;
    if (fault->row) teller->line = (uint32_t)fault->row;
    (void)tell_fault(teller, fault->code, (uint32_t)fault->column, str_of(fault->detail));
    teller->line = line;
}

// ---- lines --------------------------------------------------------------------------------------

static enum err tell_unknown_operator(struct teller *teller, struct item name) {
    struct nearest nearest = nearest_to(name.text);
    for (uint32_t i = 0; operator_at(i); i++) nearest_offer(&nearest, str_of(operator_at(i)->name));
    if (nearest.best.size) {
        return tell_fault(teller, "recipe.unknown_operator", name.column, nearest.best);
    }
    return tell_fault(teller, "recipe.no_such_operator", name.column, name.text);
}

static bool is_bare(const struct word *word) {
    return word->sign == SIGN_NONE && word->head_count == 1;
}

// The first line: "recipe 1".
static void check_version(const struct line *line, struct teller *teller) {
    const struct word *first = &line->words[0];
    if (!is_bare(first) || !str_is(first->heads[0].text, "recipe")) {
        (void)tell_fault(teller, "recipe.no_version", 1, STR_NONE);
    } else if (line->word_count != 2 || !is_bare(&line->words[1]) ||
               !str_is(line->words[1].heads[0].text, "1")) {
        (void)tell_fault(teller, "recipe.unknown_version", first->heads[0].column, STR_NONE);
    }
}

static void check_operator(const struct line *line, struct teller *teller) {
    const struct word *first = &line->words[0];
    if (!is_bare(first)) {
        (void)tell_fault(teller, "recipe.no_operator", first->heads[0].column, STR_NONE);
    } else if (!operator_find(first->heads[0].text)) {
        (void)tell_unknown_operator(teller, first->heads[0]);
    }
}

static enum err read_lines(struct recipe *recipe, struct str text, struct teller *teller,
                           struct fault *fault) {
    recipe->lines = ARENA_ARRAY(recipe->arena, struct line, LIMIT_RECIPE_LINES);
    if (!recipe->lines) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("recipe"));
    struct str rest = text;
    uint32_t number = 0;
    bool versioned = false;
    while (rest.data) {
        struct str one = str_cut(rest, '\n', &rest);
        if (one.size && one.data[one.size - 1] == '\r') one.size--;
        teller->line = ++number;
        struct line line;
        struct fault wrong = {0};
        enum err err = line_read(recipe->arena, one, number, &line, &wrong);
        if (err == ERR_LIMIT) {
            return fault_at(fault, err, wrong.code, wrong.row, wrong.column, STR_NONE);
        }
        if (err != OK) tell_again(teller, &wrong);
        if (err != OK || line.word_count == 0) continue;
        if (!versioned) {
            check_version(&line, teller);
            versioned = true;
            if (str_is(line.words[0].heads[0].text, "recipe")) continue;
        }
        if (recipe->line_count == LIMIT_RECIPE_LINES) {
            return fault_at(fault, ERR_LIMIT, "recipe.too_many_lines", number, 0, STR_NONE);
        }
        check_operator(&line, teller);
        recipe->lines[recipe->line_count++] = line;
    }
    teller->line = 1;
    if (!versioned) (void)tell_fault(teller, "recipe.empty", 0, STR_NONE);
    return OK;
}

static enum err hash_lines(struct recipe *recipe) {
    struct sha256 context;
    sha256_start(&context);
    sha256_add(&context, "recipe 1\n", 9);
    struct buf text;
    buf_open(&text, 4 * LIMIT_RECIPE_BYTES);
    enum err err = OK;
    for (uint32_t i = 0; i < recipe->line_count && err == OK; i++) {
        buf_clear(&text);
        line_write(&text, &recipe->lines[i]);
        buf_add_char(&text, '\n');
        err = buf_err(&text);
        if (err == OK) sha256_add(&context, text.data, text.size);
    }
    buf_close(&text);
    recipe->hash = sha256_finish(&context);
    return err;
}

static enum err check_lines(const struct recipe *recipe, const struct schema *schema,
                            struct teller *teller, struct fault *fault) {
    struct arena *arena;
    if (arena_open(LIMIT_RECIPE_ARENA_BYTES, &arena) != OK) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("recipe"));
    }
    struct bound_recipe bound;
    enum err err = recipe_bind(recipe, schema, arena, teller, &bound);
    arena_close(arena);
    if (err == ERR_MEMORY) return fault_set(fault, err, "base.no_memory", STR("recipe"));
    return err == ERR_INPUT ? OK : err; // told already
}

// Without a fault of its lines only those that could be read are left: all faults come at once.
static void keep_known_lines(struct recipe *recipe) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < recipe->line_count; i++) {
        const struct word *first = &recipe->lines[i].words[0];
        if (is_bare(first) && operator_find(first->heads[0].text)) {
            recipe->lines[kept++] = recipe->lines[i];
        }
    }
    recipe->line_count = kept;
}

// The lines keep pointing into the text: it is copied into the recipe's own memory.
static enum err recipe_new(struct str text, struct recipe **out, struct str *own) {
    struct arena *arena;
    enum err err = arena_open(LIMIT_RECIPE_ARENA_BYTES, &arena);
    if (err != OK) return err;
    struct recipe *recipe = ARENA_NEW(arena, struct recipe);
    char *copy = ARENA_ARRAY(arena, char, text.size + 1);
    if (!recipe || !copy) {
        arena_close(arena);
        return ERR_MEMORY;
    }
    if (text.size) memcpy(copy, text.data, text.size);
    recipe->arena = arena;
    recipe->text = *own = (struct str){copy, text.size};
    *out = recipe;
    return OK;
}

enum err recipe_parse(struct str text, const struct schema *schema,
                      void (*tell)(void *ctx, const struct fault *fault), void *ctx,
                      struct recipe **out, struct fault *fault) {
    struct fault first = {0};
    struct teller teller = {tell, ctx, fault ? fault : &first, 0, 1};
    if (text.size > LIMIT_RECIPE_BYTES) {
        return fault_set(fault, ERR_LIMIT, "recipe.too_large", STR_NONE);
    }
    if (!utf8_valid(text) || (text.size && memchr(text.data, '\0', text.size))) {
        return tell_fault(&teller, "recipe.not_text", 0, STR_NONE);
    }
    if (str_starts(text, STR("\xEF\xBB\xBF"))) text.data += 3, text.size -= 3;
    struct recipe *recipe;
    struct str own;
    enum err err = recipe_new(text, &recipe, &own);
    if (err != OK) return fault_set(fault, err, "base.no_memory", STR("recipe"));
    err = read_lines(recipe, own, &teller, fault);
    if (err == OK) {
        keep_known_lines(recipe);
        err = check_lines(recipe, schema, &teller, fault);
    }
    if (err == OK && teller.count == 0) {
        err = hash_lines(recipe);
        if (err != OK) err = fault_set(fault, err, "base.no_memory", STR("recipe"));
    }
    if (err == OK && teller.count > 0) err = ERR_INPUT;
    if (err != OK) {
        recipe_close(recipe);
        return err;
    }
    *out = recipe;
    return OK;
}

void recipe_close(struct recipe *recipe) {
    if (recipe) arena_close(recipe->arena);
}

struct hash recipe_hash(const struct recipe *recipe) {
    return recipe->hash;
}

// The project a line's key belongs to; STR_NONE: the dataset's own.
struct str line_project(const struct line *line) {
    const struct word *scope = line_option(line, "scope");
    const struct word *project = line_option(line, "project");
    if (!scope || !str_is(scope->values[0].text, "project")) return STR_NONE;
    return project ? project->values[0].text : STR("default");
}

enum err line_key(const struct line *line, const struct cleanse_options *options,
                  struct hash *out) {
    struct str project = line_project(line);
    if (project.size == 0 || options->project_count == 0) {
        *out = options->key;
        return OK;
    }
    for (uint32_t i = 0; i < options->project_count; i++) {
        if (!str_equal(options->projects[i].name, project)) continue;
        *out = options->projects[i].key;
        return OK;
    }
    return ERR_NOT_FOUND;
}

enum err line_check_project(const struct line *line, struct teller *teller) {
    const struct word *project = line_option(line, "project");
    if (!project) return OK;
    struct item name = project->values[0];
    bool good = project->sign == SIGN_EQUAL && project->value_count == 1 && name.text.size > 0 &&
                name.text.size <= LIMIT_PROJECT_BYTES && line_project(line).size > 0;
    return good ? OK : tell_fault(teller, "recipe.bad_project", name.column, name.text);
}

uint32_t recipe_projects(const struct recipe *recipe, struct str *names, uint32_t room) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < recipe->line_count; i++) {
        struct str name = line_project(&recipe->lines[i]);
        bool known = name.size == 0;
        for (uint32_t k = 0; k < count && k < room; k++) known |= str_equal(names[k], name);
        if (known) continue;
        if (count < room) names[count] = name;
        count++;
    }
    return count;
}

bool recipe_makes(const struct recipe *recipe, const char *file) {
    for (uint32_t i = 0; i < recipe->line_count; i++) {
        const struct line *line = &recipe->lines[i];
        const struct operator* operator= operator_find(line->words[0].heads[0].text);
        if (operator->makes && operator->makes(line, file)) return true;
    }
    return false;
}

bool recipe_keyed(const struct recipe *recipe) {
    for (uint32_t i = 0; i < recipe->line_count; i++) {
        const struct line *line = &recipe->lines[i];
        const struct operator* operator= operator_find(line->words[0].heads[0].text);
        if (operator->keyed && operator->keyed(line)) return true;
    }
    return false;
}

// ---- binding ------------------------------------------------------------------------------------

static enum err plan_of(const struct schema *schema, struct arena *arena, struct plan *out) {
    *out = (struct plan){.count = schema->count, .arena = arena};
    out->columns = ARENA_ARRAY(arena, struct plan_column, schema->count);
    if (!out->columns) return ERR_MEMORY;
    for (uint32_t i = 0; i < schema->count; i++) {
        const struct field *field = &schema->fields[i];
        out->columns[i] = (struct plan_column){.name = field->name,
                                               .type = field->type,
                                               .role = field->role,
                                               .direct = field->role == COLUMN_DIRECT};
    }
    return OK;
}

static bool plan_is_empty(const struct plan *plan) {
    for (uint32_t i = 0; i < plan->count; i++) {
        if (!plan->columns[i].removed) return false;
    }
    return true;
}

// Tells of a second line of an operator that stands once.
static void check_once(const struct bound_recipe *bound, uint32_t index, struct teller *teller) {
    const struct operator* operator= bound->steps[index].operator;
    for (uint32_t i = 0; operator->once && i<index; i++) {
        if (bound->steps[i].operator!= operator) continue;
        (void)tell_fault(teller, "recipe.line_twice", 1, str_of(operator->name));
        return;
    }
}

enum err recipe_bind(const struct recipe *recipe, const struct schema *schema, struct arena *arena,
                     struct teller *teller, struct bound_recipe *out) {
    *out = (struct bound_recipe){0};
    out->steps = ARENA_ARRAY(arena, struct bound, recipe->line_count + 1);
    if (!out->steps) return ERR_MEMORY;
    if (schema) {
        if (plan_of(schema, arena, &out->before) != OK) return ERR_MEMORY;
        if (plan_of(schema, arena, &out->after) != OK) return ERR_MEMORY;
    }
    uint32_t told = teller->count;
    bool shaped = false;
    for (uint32_t i = 0; i < recipe->line_count; i++) {
        const struct line *line = &recipe->lines[i];
        struct bound *bound = &out->steps[i];
        *bound = (struct bound){
            .operator= operator_find(line->words[0].heads[0].text), .index = i, .line = line};
        cy_assert(bound->operator);
        teller->line = line->number;
        enum err err = line_check_options(line, bound->operator, teller);
        if (err == OK) {
            err = bound->operator->bind(bound, schema ? &out->after : NULL, arena, teller);
        }
        if (err != OK && err != ERR_INPUT) return err;
        check_once(out, i, teller);
        if (shaped && !bound->operator->line_only) {
            (void)tell_fault(teller, "recipe.after_counts", 1, STR_NONE);
        }
        shaped |= bound->operator->shape != NULL;
        if (schema && err == OK && plan_is_empty(&out->after)) {
            (void)tell_fault(teller, "recipe.no_columns_left", 0, STR_NONE);
            break;
        }
    }
    out->step_count = recipe->line_count;
    return teller->count > told ? ERR_INPUT : OK;
}

enum err plan_find(const struct plan *plan, const struct item *names, uint32_t name_count,
                   struct teller *teller, uint32_t **out_places) {
    uint32_t *places = ARENA_ARRAY(plan->arena, uint32_t, name_count + 1);
    if (!places) return ERR_MEMORY;
    enum err err = OK;
    for (uint32_t i = 0; i < name_count; i++) {
        struct nearest nearest = nearest_to(names[i].text);
        bool found = false;
        for (uint32_t place = 0; place < plan->count && !found; place++) {
            const struct plan_column *column = &plan->columns[place];
            if (column->removed) continue;
            found = str_equal(column->name, names[i].text);
            if (found) places[i] = place;
        }
        if (found) continue;
        for (uint32_t place = 0; place < plan->count; place++) {
            if (!plan->columns[place].removed) nearest_offer(&nearest, plan->columns[place].name);
        }
        err = nearest.best.size
                  ? tell_fault(teller, "recipe.unknown_column", names[i].column, nearest.best)
                  : tell_fault(teller, "recipe.no_such_column", names[i].column, names[i].text);
    }
    if (err == OK) *out_places = places;
    return err;
}

void plan_treat(struct plan_column *column, enum treatment treatment) {
    if (column->treatment < treatment) column->treatment = treatment;
}

const char *treatment_name(enum treatment treatment) {
    static const char *const names[TREATMENT_COUNT] = {
        [TREATMENT_NONE] = "none",           [TREATMENT_TEXT_MASKED] = "text_masked",
        [TREATMENT_COARSENED] = "coarsened", [TREATMENT_SHIFTED] = "shifted",
        [TREATMENT_MASKED] = "masked",       [TREATMENT_REPLACED] = "replaced",
        [TREATMENT_PSEUDONYM] = "pseudonym", [TREATMENT_ENCRYPTED] = "encrypted",
        [TREATMENT_REMOVED] = "removed",
    };
    return names[treatment];
}

// ---- options ------------------------------------------------------------------------------------

const struct word *line_option(const struct line *line, const char *name) {
    const struct word *found = NULL;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        if (word->sign == SIGN_NONE || word->sign == SIGN_COLON || word->head_count != 1) continue;
        if (str_is(word->heads[0].text, name)) found = word;
    }
    return found;
}

bool line_option_is(const struct line *line, const char *name, const char *value) {
    const struct word *word = line_option(line, name);
    return word && word->value_count > 0 && str_is(word->values[0].text, value);
}

bool word_is_pattern(const struct operator* operator, const struct word * word) {
    if (!operator->named_patterns || word->sign != SIGN_EQUAL) return false;
    if (word->value_count != 1 || !word->values[0].quoted) return false;
    struct str name = word->heads[word->head_count - 1].text;
    for (const struct operator_option *option = operator->options; option->name; option++) {
        if (str_is(name, option->name)) return false;
    }
    return true;
}

enum err line_check_options(const struct line *line, const struct operator* operator,
                            struct teller * teller) {
    enum err err = OK;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        if (word->sign == SIGN_NONE || word->sign == SIGN_COLON) continue;
        if (word_is_pattern(operator, word)) continue;
        struct item head = word->heads[0];
        struct nearest nearest = nearest_to(head.text);
        bool known = false;
        for (const struct operator_option *option = operator->options; option->name; option++) {
            known |= word->head_count == 1 && str_is(head.text, option->name);
            nearest_offer(&nearest, str_of(option->name));
        }
        if (!known) {
            struct str detail = nearest.best.size ? nearest.best : head.text;
            const char *code = operator->named_patterns ? "recipe.unknown_option_or_pattern"
                                                        : "recipe.unknown_option";
            err = tell_fault(teller, code, head.column, detail);
            continue;
        }
        char name[32];
        if (str_copy(name, sizeof name, head.text) && line_option(line, name) != word) {
            err = tell_fault(teller, "recipe.option_twice", head.column, head.text);
        }
    }
    return err;
}

enum err line_choice(const struct line *line, const char *name, const char *const *choices,
                     uint32_t otherwise, struct teller *teller, uint32_t *out) {
    const struct word *word = line_option(line, name);
    if (!word) {
        *out = otherwise;
        return OK;
    }
    struct item value = word->values[0];
    struct nearest nearest = nearest_to(value.text);
    for (uint32_t i = 0; choices[i]; i++) {
        if (word->sign == SIGN_EQUAL && word->value_count == 1 && str_is(value.text, choices[i])) {
            *out = i;
            return OK;
        }
        nearest_offer(&nearest, str_of(choices[i]));
    }
    struct str detail = nearest.best.size ? nearest.best : word->heads[0].text;
    return tell_fault(teller, "recipe.bad_option", value.column, detail);
}
