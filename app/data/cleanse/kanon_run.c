// kanon at work: codes the columns in a pass of its own, recodes them as a whole, and writes the
// broader values in the last pass.
#include <string.h>

#include "base/file.h"
#include "data/cleanse/kanon_private.h"
#include "data/cleanse/rules_private.h"

enum { HIERARCHY_ARENA_BYTES = 1 << 30 };

static uint32_t column_count(const struct kanon *kanon) {
    return kanon->quasi_count + kanon->sensitive_count;
}

static enum err read_file(const struct kanon_tree *tree, const char *folder,
                          struct kanon_state *state, struct hierarchy *out) {
    char path[LIMIT_PATH_BYTES], name[LIMIT_NAME_BYTES + 1];
    // Only files of that folder: a recipe must not read what else is on the machine.
    bool plain = folder && tree->file.text.size &&
                 !memchr(tree->file.text.data, '/', tree->file.text.size) &&
                 tree->file.text.data[0] != '.' && str_copy(name, sizeof name, tree->file.text) &&
                 path_join(path, sizeof path, folder, name) == OK;
    if (!plain || !file_exists(path)) {
        return fault_set(state->fault, ERR_INPUT, "kanon.file_absent", tree->file.text);
    }
    struct buf text;
    buf_open(&text, LIMIT_HIERARCHY_BYTES + 1);
    enum err err = file_read(path, &text, state->fault);
    if (err == OK) err = hierarchy_read(state->arena, buf_str(&text), out, state->fault);
    buf_close(&text);
    return err;
}

enum err kanon_open(struct bound *bound, const struct cleanse_options *options) {
    const struct kanon *kanon = bound->settings;
    struct kanon_state *state = bound->state;
    state->threads = options->threads ? options->threads : thread_count_usable();
    if (state->threads > LIMIT_THREADS) state->threads = LIMIT_THREADS;
    state->fault = options->fault;
    state->progress = options->progress;
    state->threshold = rules_number(options->rules, "risk.highest_most");
    enum err err = arena_open(HIERARCHY_ARENA_BYTES, &state->arena);
    if (err == OK) err = coders_open(state->coders, column_count(kanon));
    for (uint32_t i = 0; i < kanon->quasi_count && err == OK; i++) {
        if (kanon->trees[i].from != TREE_FILE) continue;
        err = read_file(&kanon->trees[i], options->words_folder, state, &state->read[i]);
    }
    return err;
}

void kanon_stop(struct bound *bound) {
    const struct kanon *kanon = bound->settings;
    struct kanon_state *state = bound->state;
    coders_close(state->coders, column_count(kanon));
    recoding_close(&state->recoding);
    arena_close(state->arena);
    memory_give(state->parts);
    *state = (struct kanon_state){0};
}

// ---- looking ------------------------------------------------------------------------------------

static enum err note_part(struct kanon_state *state, const struct part *part) {
    if (state->part_count == state->part_room) {
        uint64_t room = state->part_room ? state->part_room * 2 : 64;
        struct kanon_part *parts =
            memory_resize(state->parts, state->part_room * sizeof *parts, room * sizeof *parts);
        if (!parts) return ERR_MEMORY;
        state->parts = parts;
        state->part_room = room;
    }
    state->parts[state->part_count++] =
        (struct kanon_part){part->first_row, coder_rows(state->coders[0])};
    return OK;
}

enum err kanon_observe(struct bound *bound, const struct part *part) {
    const struct kanon *kanon = bound->settings;
    struct kanon_state *state = bound->state;
    uint32_t count = column_count(kanon);
    if ((coder_rows(state->coders[0]) + part->row_count) * count > LIMIT_CODED_CELLS) {
        return fault_set(state->fault, ERR_LIMIT, "anonymity.too_many_cells", STR_NONE);
    }
    enum err err = note_part(state, part);
    for (uint32_t i = 0; i < count && err == OK; i++) {
        bool quasi = i < kanon->quasi_count;
        uint32_t place = quasi ? kanon->quasi[i] : kanon->sensitive[i - kanon->quasi_count];
        err = coder_add(state->coders[i], &part->columns[place], part->row_count, part->gone);
        if (err == ERR_LIMIT) {
            err = fault_set(state->fault, err, "anonymity.too_many_values", kanon->names[i]);
        }
    }
    return err;
}

// ---- recoding -----------------------------------------------------------------------------------

static enum err make_tree(const struct kanon *kanon, struct kanon_state *state, uint32_t index) {
    const struct kanon_tree *told = &kanon->trees[index];
    uint32_t count;
    const struct str *values = coder_values(state->coders[index], &count);
    uint32_t *leaf_of = ARENA_ARRAY(state->arena, uint32_t, count + 1);
    if (!leaf_of) return ERR_MEMORY;
    struct hierarchy *tree = &state->trees[index];
    struct fault fault = {0};
    enum err err;
    if (told->from == TREE_FILE) {
        err = hierarchy_match(state->arena, &state->read[index], values, count, leaf_of, tree,
                              &fault);
    } else {
        state->rules[index] =
            told->from == TREE_RULE
                ? told->rule
                : hierarchy_guess(kanon->names[index], kanon->types[index], values, count);
        err = hierarchy_make(state->arena, &state->rules[index], values, count, leaf_of, tree,
                             &fault);
    }
    // Told of the column, not of a value.
    if (err != OK) return fault_set(state->fault, err, fault.code, kanon->names[index]);
    coder_renumber(state->coders[index], leaf_of);
    state->table.quasi[index] = (struct quasi){coder_codes(state->coders[index]), tree};
    return OK;
}

static enum err make_table(const struct kanon *kanon, struct kanon_state *state) {
    state->table = (struct coded_table){.rows = coder_rows(state->coders[0]),
                                        .quasi_count = kanon->quasi_count,
                                        .sensitive_count = kanon->sensitive_count};
    enum err err = OK;
    for (uint32_t i = 0; i < kanon->quasi_count && err == OK; i++) err = make_tree(kanon, state, i);
    for (uint32_t i = 0; i < kanon->sensitive_count && err == OK; i++) {
        struct coder *coder = state->coders[kanon->quasi_count + i];
        struct sensitive *sensitive = &state->table.sensitive[i];
        err = coder_sort(coder, &sensitive->ordered);
        sensitive->codes = coder_codes(coder);
        (void)coder_values(coder, &sensitive->value_count);
    }
    return err;
}

enum err kanon_settle(struct bound *bound, struct plan *plan) {
    (void)plan;
    const struct kanon *kanon = bound->settings;
    struct kanon_state *state = bound->state;
    if (coder_rows(state->coders[0]) == 0) return OK; // earlier lines left none: told later
    struct pool *pool;
    enum err err = make_table(kanon, state);
    if (err == OK) err = risk_measure(&state->table, NULL, state->threshold, &state->before);
    if (err == OK) err = pool_open(state->threads, &pool);
    if (err != OK) return err;
    err = recode(&state->table, &kanon->goal, kanon->mode, pool, state->progress, &state->recoding,
                 state->fault);
    pool_close(pool);
    if (err == OK) {
        err = risk_measure(&state->table, &state->recoding, state->threshold, &state->after);
    }
    if (err == OK) err = utility_measure(&state->table, &state->recoding, &state->utility);
    state->settled = err == OK;
    return err;
}

// ---- writing ------------------------------------------------------------------------------------

static uint64_t start_of(const struct kanon_state *state, uint64_t first_row) {
    uint64_t low = 0, high = state->part_count;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (state->parts[middle].first_row <= first_row)
            low = middle;
        else
            high = middle;
    }
    return state->parts[low].start;
}

static enum err write_column(const struct kanon *kanon, const struct kanon_state *state,
                             uint32_t index, uint64_t start, struct part *part) {
    const struct hierarchy *tree = &state->trees[index];
    struct text_edit edit;
    enum err err = text_edit_open(&edit, part, kanon->quasi[index]);
    uint64_t at = start;
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row]) {
            err = text_edit_missing(&edit);
            continue;
        }
        uint32_t level = state->recoding.levels[at * kanon->quasi_count + index];
        uint32_t code = state->table.quasi[index].codes[at++];
        struct str name = {0};
        if (level != LEVEL_SUPPRESSED) name = tree->names[hierarchy_node(tree, level, code)];
        err = name.size ? text_edit_add(&edit, name) : text_edit_missing(&edit);
        part->tally->cells_changed += level != LEVEL_SUPPRESSED && level > 0;
    }
    if (err == OK) return text_edit_finish(&edit);
    text_edit_close(&edit);
    return err;
}

enum err kanon_run(const struct bound *bound, struct part *part) {
    const struct kanon *kanon = bound->settings;
    const struct kanon_state *state = bound->state;
    if (!state->settled) return OK;
    uint64_t start = start_of(state, part->first_row), at = start;
    for (uint32_t i = 0; i < kanon->quasi_count; i++) {
        enum err err = write_column(kanon, state, i, start, part);
        if (err != OK) return err;
    }
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        uint8_t level = state->recoding.levels[at++ * kanon->quasi_count];
        if (level == LEVEL_SUPPRESSED) part_drop_row(part, row, 0);
    }
    return OK;
}

// ---- report -------------------------------------------------------------------------------------

static void report_columns(const struct kanon *kanon, const struct kanon_state *state,
                           struct json_writer *out) {
    json_put_name(out, "hierarchies");
    json_open_array(out);
    for (uint32_t i = 0; i < kanon->quasi_count; i++) {
        uint64_t rows[LIMIT_HIERARCHY_LEVELS] = {0};
        for (uint64_t row = 0; row < state->recoding.rows; row++) {
            uint8_t level = state->recoding.levels[row * kanon->quasi_count + i];
            if (level != LEVEL_SUPPRESSED) rows[level]++;
        }
        char room[256];
        struct buf rule = {.data = room, .room = sizeof room, .cap_bytes = sizeof room};
        if (kanon->trees[i].from == TREE_FILE) {
            buf_add_str(&rule, kanon->trees[i].file.text);
        } else {
            hierarchy_rule_write(&rule, &state->rules[i]);
        }
        json_open_object(out);
        json_set_text(out, "column", kanon->names[i]);
        json_set_text(out, "kind", str_of(hierarchy_kind_name(state->trees[i].kind)));
        json_set_text(out, "rule", buf_str(&rule));
        json_set_bool(out, "guessed", kanon->trees[i].from == TREE_GUESS);
        json_put_name(out, "rows_by_level");
        json_open_array(out);
        for (uint32_t level = 0; level < state->trees[i].level_count; level++) {
            json_put_u64(out, rows[level]);
        }
        json_close_array(out);
        json_close_object(out);
    }
    json_close_array(out);
}

void kanon_report(const struct bound *bound, struct json_writer *out) {
    const struct kanon *kanon = bound->settings;
    const struct kanon_state *state = bound->state;
    if (!state->settled) return;
    struct risk_names names = {kanon->names, kanon->names + kanon->quasi_count, kanon->quasi_count,
                               kanon->sensitive_count};
    json_set_text(out, "mode", str_of(recode_mode_name(kanon->mode)));
    json_set_u64(out, "k", kanon->goal.k);
    if (kanon->goal.l > 1) {
        json_set_u64(out, "l", kanon->goal.l);
        json_set_text(out, "diversity", str_of(kanon->goal.l_entropy ? "entropy" : "distinct"));
    }
    if (kanon->goal.t < 1) json_set_number(out, "t", kanon->goal.t);
    json_put_name(out, "risk_before");
    risk_write(out, &state->before, &names);
    json_put_name(out, "risk_after");
    risk_write(out, &state->after, &names);
    json_put_name(out, "utility");
    utility_write(out, &state->utility, kanon->names);
    report_columns(kanon, state, out);
    json_set_u64(out, "suppressed_rows", state->recoding.suppressed);
    if (kanon->mode == RECODE_OPTIMAL) {
        json_set_number(out, "loss", state->recoding.loss);
        json_set_bool(out, "proven", state->recoding.proven);
        json_set_u64(out, "combinations", state->recoding.combinations);
    }
}

void kanon_members(const struct bound *bound, struct json_writer *out) {
    const struct kanon *kanon = bound->settings;
    const struct kanon_state *state = bound->state;
    if (!state->settled) return;
    json_put_name(out, "utility");
    utility_write(out, &state->utility, kanon->names);
}
