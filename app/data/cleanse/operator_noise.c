// noise: the table becomes counts of its rows by some columns, differentially private. Every
// combination of the columns' values has a row, also those that nobody has; each count gets
// discrete Laplace noise for epsilon, then all are made non-negative so that they add up to the
// noisy total (post-processing, free of charge). rows= says how many rows one person may have:
// epsilon is shared among them. The values are those that stand in the table, which by itself tells
// something, unless the line lists them: 性别:男|女. source=box draws from the machine's random
// numbers (never to be repeated), source=key from the dataset's key and the recipe (the same again
// for whoever has both).
//
// Budget: what is spent on one dataset adds up. The line is refused once epsilon, with what earlier
// runs have spent (options->epsilon_spent), is over privacy.epsilon_most of the rule file. A
// preview spends nothing: it draws from the key, the same noise each time, so that looking often
// tells no more than looking once.
//
// Memory: 4 bytes a cell of the columns, 8 bytes a combination (LIMIT_NOISE_COUNTS).
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "data/anonymity/anonymity.h"
#include "data/cleanse/operator_private.h"
#include "data/cleanse/rules_private.h"

enum {
    LIMIT_NOISE_COLUMNS = 8,
    LIMIT_NOISE_COUNTS = 1 << 20, // combinations: more are no table for people
    EPSILON_SCALE = 1000000,      // epsilon is taken to six decimals
};
enum { REASON_COUNTED, REASON_OUTSIDE };
static const struct reason reasons[] = {
    [REASON_COUNTED] = {"noise.counted", {0}},
    [REASON_OUTSIDE] = {"noise.outside", {0}},
};
static const char *const sources[] = {"box", "key", NULL};

struct noise_column {
    uint32_t place;
    struct str name;
    enum column_type type;
    const struct word *values; // as the line lists them; NULL: those of the table
};
struct counting {
    struct noise_column columns[LIMIT_NOISE_COLUMNS];
    uint32_t column_count;
    uint32_t epsilon; // in millionths, of one row
    double epsilon_told;
    uint32_t rows_per_person;
    bool keyed;
    struct str as;
};
struct counting_state {
    struct hash key, recipe;
    bool preview;
    double before, most; // of the budget: spent by earlier runs, and the limit
    struct fault *fault;
    struct coder *coders[LIMIT_NOISE_COLUMNS];
    const struct str *values[LIMIT_NOISE_COLUMNS]; // (value_count)
    struct str *listed[LIMIT_NOISE_COLUMNS];       // (value_count), from the line
    uint32_t value_count[LIMIT_NOISE_COLUMNS];
    int64_t *counts; // (count)
    uint64_t count, written;
};

// ---- the line -----------------------------------------------------------------------------------

static enum err read_epsilon(struct counting *counting, const struct line *line,
                             struct teller *teller) {
    const struct word *epsilon = line_option(line, "epsilon"), *rows = line_option(line, "rows");
    double number = 0, each = 1;
    if (!epsilon) return tell_fault(teller, "recipe.missing_option", 1, STR("epsilon"));
    if (epsilon->sign != SIGN_EQUAL || epsilon->value_count != 1 ||
        !number_parse(epsilon->values[0].text, &number) || number < .001 || number > 100) {
        return tell_fault(teller, "noise.bad_number", epsilon->values[0].column, STR("epsilon"));
    }
    if (rows && (rows->sign != SIGN_EQUAL || rows->value_count != 1 ||
                 !number_parse(rows->values[0].text, &each) || each < 1 || each > 1000 ||
                 each != (double)(uint32_t)each)) {
        return tell_fault(teller, "noise.bad_number", rows->values[0].column, STR("rows"));
    }
    counting->epsilon_told = number;
    counting->rows_per_person = (uint32_t)each;
    counting->epsilon = (uint32_t)(number * EPSILON_SCALE / each);
    return counting->epsilon ? OK : tell_fault(teller, "noise.bad_number", 1, STR("epsilon"));
}

static enum err read_by(struct counting *counting, const struct word *by, const struct plan *plan,
                        struct teller *teller) {
    uint32_t *places;
    if (by->value_count > LIMIT_NOISE_COLUMNS) {
        return tell_fault(teller, "noise.too_many_columns", by->values[0].column, STR_NONE);
    }
    enum err err = plan_find(plan, by->values, by->value_count, teller, &places);
    for (uint32_t i = 0; i < by->value_count && err == OK; i++) {
        const struct plan_column *column = &plan->columns[places[i]];
        for (uint32_t k = 0; k < i; k++) {
            if (places[k] != places[i]) continue;
            err = tell_fault(teller, "recipe.option_twice", by->values[i].column, column->name);
        }
        counting->columns[i] =
            (struct noise_column){.place = places[i], .name = column->name, .type = column->type};
        counting->column_count++;
    }
    return err;
}

// COLUMN:VALUE|VALUE lists a column's values.
static enum err read_lists(struct counting *counting, const struct line *line,
                           struct teller *teller) {
    enum err err = OK;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        if (word->sign == SIGN_EQUAL) continue;
        struct item head = word->heads[0];
        uint32_t at = 0;
        while (at < counting->column_count && !str_equal(counting->columns[at].name, head.text)) {
            at++;
        }
        if (word->sign != SIGN_COLON || word->head_count != 1) {
            err = tell_fault(teller, "recipe.unexpected_word", head.column, head.text);
        } else if (at == counting->column_count) {
            err = tell_fault(teller, "noise.not_counted", head.column, head.text);
        } else {
            counting->columns[at].values = word;
        }
    }
    return err;
}

static enum err change_plan(const struct bound *bound, const struct counting *counting,
                            struct plan *plan, struct teller *teller) {
    for (uint32_t place = 0; place < plan->count; place++) {
        struct plan_column *column = &plan->columns[place];
        bool kept = false;
        for (uint32_t i = 0; i < counting->column_count; i++) {
            kept |= counting->columns[i].place == place;
        }
        if (kept && str_equal(column->name, counting->as)) {
            return tell_fault(teller, "noise.name_taken", 1, counting->as);
        }
        column->role = COLUMN_PLAIN; // counts are of no person
        if (kept || column->removed) continue;
        column->removed = true;
        column->removed_by = bound->index;
        column->removed_why = "noise.counted";
        plan_treat(column, TREATMENT_REMOVED);
    }
    return OK;
}

static enum err noise_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                           struct teller *teller) {
    struct counting *counting = ARENA_NEW(arena, struct counting);
    struct counting_state *state = ARENA_NEW(arena, struct counting_state);
    if (!counting || !state) return ERR_MEMORY;
    bound->settings = counting;
    bound->state = state;
    bound->reasons = reasons;
    bound->reason_count = sizeof reasons / sizeof reasons[0];
    uint32_t source = 0;
    const struct word *by = line_option(bound->line, "by"), *as = line_option(bound->line, "as");
    enum err err = read_epsilon(counting, bound->line, teller), told;
    told = line_choice(bound->line, "source", sources, 0, teller, &source);
    if (told != OK) err = told;
    counting->keyed = source == 1;
    counting->as = as ? as->values[0].text : STR("count");
    if (!by) err = tell_fault(teller, "recipe.missing_option", 1, STR("by"));
    if (err != OK || !plan) return err;
    err = read_by(counting, by, plan, teller);
    if (err == OK) err = read_lists(counting, bound->line, teller);
    return err == OK ? change_plan(bound, counting, plan, teller) : err;
}

// ---- counting -----------------------------------------------------------------------------------

static enum err check_budget(const struct counting *counting, const struct counting_state *state) {
    char detail[FAULT_DETAIL_SIZE];
    if (state->before + counting->epsilon_told <= state->most + .5 / EPSILON_SCALE) return OK;
    snprintf(detail, sizeof detail, "%g + %g > %g", state->before, counting->epsilon_told,
             state->most);
    return fault_set(state->fault, ERR_CONFLICT, "noise.over_budget", str_of(detail));
}

static enum err noise_open(struct bound *bound, const struct cleanse_options *options) {
    const struct counting *counting = bound->settings;
    struct counting_state *state = bound->state;
    state->fault = options->fault;
    state->key = options->key;
    state->recipe = options->recipe;
    state->preview = !options->folder;
    state->before = options->epsilon_spent;
    state->most = rules_number(options->rules, "privacy.epsilon_most");
    enum err err = state->preview ? OK : check_budget(counting, state);
    if (err != OK) return err;
    return coders_open(state->coders, counting->column_count);
}

static void noise_stop(struct bound *bound) {
    const struct counting *counting = bound->settings;
    struct counting_state *state = bound->state;
    coders_close(state->coders, counting->column_count);
    for (uint32_t i = 0; i < counting->column_count; i++) memory_give(state->listed[i]);
    memory_give(state->counts);
    bytes_wipe(&state->key, sizeof state->key);
    *state = (struct counting_state){0};
}

static bool noise_observes(const struct bound *bound) {
    (void)bound;
    return true;
}

static enum err noise_observe(struct bound *bound, const struct part *part) {
    const struct counting *counting = bound->settings;
    struct counting_state *state = bound->state;
    uint64_t rows = coder_rows(state->coders[0]) + part->row_count;
    if (rows * counting->column_count > LIMIT_CODED_CELLS) {
        return fault_set(state->fault, ERR_LIMIT, "anonymity.too_many_cells", STR_NONE);
    }
    for (uint32_t i = 0; i < counting->column_count; i++) {
        const struct column *column = &part->columns[counting->columns[i].place];
        enum err err = coder_add(state->coders[i], column, part->row_count, part->gone);
        if (err == ERR_LIMIT) {
            return fault_set(state->fault, err, "anonymity.too_many_values",
                             counting->columns[i].name);
        }
        if (err != OK) return err;
    }
    return OK;
}

// The values a column is counted by, and for each code of the coder its number among them.
static enum err make_domain(const struct noise_column *column, struct counting_state *state,
                            uint32_t index) {
    struct coder *coder = state->coders[index];
    uint32_t count;
    bool ordered;
    enum err err = coder_sort(coder, &ordered);
    if (err != OK) return err;
    const struct str *seen = coder_values(coder, &count);
    if (!column->values) {
        state->values[index] = seen;
        state->value_count[index] = count;
        return OK;
    }
    uint32_t listed = column->values->value_count;
    state->listed[index] = memory_take((size_t)listed * sizeof(struct str));
    uint32_t *number = memory_take(((size_t)count + 1) * sizeof *number);
    if (!state->listed[index] || !number) {
        memory_give(number);
        return ERR_MEMORY;
    }
    for (uint32_t k = 0; k < listed; k++) state->listed[index][k] = column->values->values[k].text;
    for (uint32_t i = 0; i < count; i++) {
        number[i] = UINT32_MAX;
        for (uint32_t k = 0; k < listed; k++) {
            if (str_equal(seen[i], state->listed[index][k])) number[i] = k;
        }
    }
    coder_renumber(coder, number);
    memory_give(number);
    state->values[index] = state->listed[index];
    state->value_count[index] = listed;
    return OK;
}

// The combination a row belongs to; UINT64_MAX: a value that is not listed.
static uint64_t combination_of(const struct counting *counting, const struct counting_state *state,
                               uint64_t row) {
    uint64_t number = 0;
    for (uint32_t i = 0; i < counting->column_count; i++) {
        uint32_t code = coder_codes(state->coders[i])[row];
        if (code == UINT32_MAX) return UINT64_MAX;
        number = number * state->value_count[i] + code;
    }
    return number;
}

static void add_noise(const struct bound *bound, struct counting_state *state) {
    const struct counting *counting = bound->settings;
    struct noise noise;
    if (counting->keyed || state->preview) {
        char label[64 + SHA256_HEX_SIZE], hex[SHA256_HEX_SIZE];
        struct buf text = {.data = label, .room = sizeof label, .cap_bytes = sizeof label};
        hash_hex(&state->recipe, hex);
        buf_printf(&text, "noise %s %u %s", state->preview ? "preview" : "line",
                   bound->line->number, hex);
        noise_from_key(&noise, &state->key, buf_str(&text));
    } else {
        noise_from_box(&noise);
    }
    int64_t total = 0;
    for (uint64_t i = 0; i < state->count; i++) {
        state->counts[i] += noise_laplace(&noise, counting->epsilon, EPSILON_SCALE);
        total += state->counts[i];
    }
    noise_consistent(state->counts, state->count, total);
    bytes_wipe(&noise, sizeof noise);
}

static enum err noise_settle(struct bound *bound, struct plan *plan) {
    (void)plan;
    const struct counting *counting = bound->settings;
    struct counting_state *state = bound->state;
    uint64_t rows = coder_rows(state->coders[0]);
    state->count = 1;
    for (uint32_t i = 0; i < counting->column_count; i++) {
        enum err err = make_domain(&counting->columns[i], state, i);
        if (err != OK) return err;
        state->count *= state->value_count[i];
        if (state->count > LIMIT_NOISE_COUNTS) {
            return fault_set(state->fault, ERR_LIMIT, "noise.too_many_counts", STR_NONE);
        }
    }
    state->counts = memory_take(((size_t)state->count + 1) * sizeof *state->counts);
    if (!state->counts) return ERR_MEMORY;
    for (uint64_t row = 0; row < rows; row++) {
        uint64_t number = combination_of(counting, state, row);
        if (number != UINT64_MAX) state->counts[number]++;
    }
    add_noise(bound, state);
    return OK;
}

// ---- rows in, counts out ------------------------------------------------------------------------

static bool is_listed(const struct noise_column *column, const struct column *cells, uint32_t row,
                      struct buf *text) {
    if (!column->values) return true;
    buf_clear(text);
    column_write(text, cells, row);
    for (uint32_t k = 0; k < column->values->value_count; k++) {
        if (str_equal(buf_str(text), column->values->values[k].text)) return true;
    }
    return false;
}

static enum err noise_run(const struct bound *bound, struct part *part) {
    const struct counting *counting = bound->settings;
    struct buf text;
    buf_open(&text, LIMIT_CELL_BYTES + 64);
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        bool listed = true;
        for (uint32_t i = 0; i < counting->column_count && listed; i++) {
            const struct noise_column *column = &counting->columns[i];
            listed = is_listed(column, &part->columns[column->place], row, &text);
        }
        part_drop_row(part, row, listed ? REASON_COUNTED : REASON_OUTSIDE);
    }
    enum err err = buf_err(&text);
    buf_close(&text);
    return err;
}

static enum err noise_shape(const struct bound *bound, struct arena *arena, struct schema *out) {
    const struct counting *counting = bound->settings;
    out->count = counting->column_count + 1;
    out->fields = ARENA_ARRAY(arena, struct field, out->count);
    if (!out->fields) return ERR_MEMORY;
    for (uint32_t i = 0; i < counting->column_count; i++) {
        const struct noise_column *column = &counting->columns[i];
        // Listed values are told as text; those of the table have their type.
        enum column_type type = column->values ? COLUMN_TEXT : column->type;
        out->fields[i] = (struct field){column->name, type, COLUMN_PLAIN};
    }
    out->fields[counting->column_count] =
        (struct field){counting->as, COLUMN_INTEGER, COLUMN_PLAIN};
    return OK;
}

static enum err set_cell(struct batch_builder *builder, uint32_t column, enum column_type type,
                         struct str text) {
    int64_t whole = 0;
    double number = 0;
    if (text.size == 0) {
        batch_set_missing(builder, column);
        return OK;
    }
    switch (type) {
    case COLUMN_TEXT: return batch_set_text(builder, column, text);
    case COLUMN_NUMBER:
        if (number_parse(text, &number)) batch_set_number(builder, column, number);
        return OK;
    case COLUMN_BOOLEAN: batch_set_boolean(builder, column, str_is(text, "true")); return OK;
    default: break;
    }
    bool read = type == COLUMN_INTEGER ? integer_parse(text, &whole)
                : type == COLUMN_DATE  ? date_parse(text, &whole)
                                       : time_parse(text, &whole);
    if (read) batch_set_integer(builder, column, whole);
    return OK;
}

static enum err noise_rows(struct bound *bound, struct batch_builder *builder) {
    const struct counting *counting = bound->settings;
    struct counting_state *state = bound->state;
    for (; state->written < state->count && !batch_builder_full(builder); state->written++) {
        uint64_t rest = state->written;
        for (uint32_t i = counting->column_count; i-- > 0;) {
            const struct noise_column *column = &counting->columns[i];
            struct str value = state->values[i][rest % state->value_count[i]];
            enum column_type type = column->values ? COLUMN_TEXT : column->type;
            rest /= state->value_count[i];
            enum err err = set_cell(builder, i, type, value);
            if (err != OK) return err;
        }
        batch_set_integer(builder, counting->column_count, state->counts[state->written]);
        batch_row_end(builder);
    }
    return OK;
}

static void noise_report(const struct bound *bound, struct json_writer *out) {
    const struct counting *counting = bound->settings;
    const struct counting_state *state = bound->state;
    json_set_number(out, "epsilon", counting->epsilon_told);
    json_set_number(out, "epsilon_spent", counting->epsilon_told);
    json_set_u64(out, "rows_per_person", counting->rows_per_person);
    json_set_text(out, "source", str_of(sources[counting->keyed]));
    json_set_text(out, "mechanism", STR("discrete_laplace"));
    json_set_u64(out, "counts", state->count);
    json_put_name(out, "domain");
    json_open_array(out);
    for (uint32_t i = 0; i < counting->column_count; i++) {
        json_open_object(out);
        json_set_text(out, "column", counting->columns[i].name);
        json_set_u64(out, "values", state->value_count[i]);
        json_set_bool(out, "listed", counting->columns[i].values != NULL);
        json_close_object(out);
    }
    json_close_array(out);
}

static bool noise_keyed(const struct line *line) {
    return line_option_is(line, "source", "key");
}

static void noise_members(const struct bound *bound, struct json_writer *out) {
    const struct counting *counting = bound->settings;
    const struct counting_state *state = bound->state;
    json_put_name(out, "budget");
    json_open_object(out);
    json_set_number(out, "epsilon", counting->epsilon_told);
    json_set_number(out, "before", state->before);
    json_set_number(out, "total", state->before + counting->epsilon_told);
    json_set_number(out, "most", state->most);
    json_close_object(out);
}

double recipe_epsilon(const struct recipe *recipe) {
    double sum = 0, epsilon;
    for (uint32_t i = 0; i < recipe->line_count; i++) {
        const struct line *line = &recipe->lines[i];
        if (!str_is(line->words[0].heads[0].text, "noise")) continue;
        const struct word *word = line_option(line, "epsilon");
        if (word && number_parse(word->values[0].text, &epsilon)) sum += epsilon;
    }
    return sum;
}

enum err cleanse_epsilon_most(const char *rules_path, double *out, struct fault *fault) {
    struct rules *rules;
    enum err err = rules_open(rules_path, &rules, fault);
    if (err != OK) return err;
    *out = rules_number(rules, "privacy.epsilon_most");
    rules_close(rules);
    return OK;
}

const struct operator operator_noise = {
    .name = "noise",
    .example = "noise by=区县,诊断 epsilon=1 rows=1 source=box as=人数",
    .options = (const struct operator_option[]){{"by", NULL},
                                                {"epsilon", ""},
                                                {"rows", ""},
                                                {"source", "box|key"},
                                                {"as", ""},
                                                {NULL, NULL}},
    .keyed = noise_keyed,
    .bind = noise_bind,
    .open = noise_open,
    .observes = noise_observes,
    .observe = noise_observe,
    .settle = noise_settle,
    .run = noise_run,
    .stop = noise_stop,
    .shape = noise_shape,
    .rows = noise_rows,
    .report = noise_report,
    .members = noise_members,
};
