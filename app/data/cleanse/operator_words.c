// words: texts that hold words of a keyword library are dropped, masked, listed for people to look
// at, or only counted; kinds of risk are those of GB/T 45654-2025, annex A. With source=COLUMN the
// share of rows with such words is taken for each source, and a source over the rule file's limit
// is refused as a whole: that needs a pass of its own.
//
// Texts are read in parallel before the rows are gone through in order. Memory: the library, and
// some 100 bytes for each source.
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/cleanse/fingerprint_private.h"
#include "data/cleanse/further_private.h"
#include "data/cleanse/rules_private.h"
#include "data/cleanse/texts_private.h"
#include "data/cleanse/words_private.h"

enum { REASON_FOUND, REASON_SOURCE, REASON_COUNT };
enum action { ACTION_DROP, ACTION_MASK, ACTION_REPORT, ACTION_FLAG };
enum {
    LIMIT_SOURCES = 10000,       // different values of the source column
    LIMIT_FLAG_BYTES = 64 << 20, // of words.csv
    SOURCE_SLOTS = 4 * LIMIT_SOURCES,
};
static const struct reason reasons[REASON_COUNT] = {
    [REASON_FOUND] = {"words.found", {0}},
    [REASON_SOURCE] = {"words.source_refused", {0}},
};

struct words {
    struct item file;
    uint32_t action;
    uint32_t kinds; // bits
    uint32_t exact;
    uint32_t *places;
    uint32_t place_count;
    struct str *names; // of the table's columns
    bool by_source;
    uint32_t source; // place
};
struct source {
    struct str name;
    uint64_t hash, rows, illegal;
    bool refused;
};
struct words_state {
    struct library *library;
    double limit, words_least;
    struct arena *arena;    // names of sources
    struct source *sources; // (LIMIT_SOURCES)
    uint16_t *slots;        // (SOURCE_SLOTS): 1 + index, by hash
    uint32_t source_count;
    uint64_t rows, hits, kind_rows[RISK_KIND_COUNT];
    const uint32_t *places; // those of the settings that no earlier line has removed after all
    uint32_t *own_places, place_count;
    struct buf flags;
    uint64_t flag_lines, flags_left_out;
};

// ---- the line -----------------------------------------------------------------------------------

static enum err read_kinds(struct words *words, const struct line *line, struct teller *teller) {
    const struct word *option = line_option(line, "kinds");
    words->kinds = option ? 0 : UINT32_MAX;
    for (uint32_t i = 0; option && i < option->value_count; i++) {
        struct item value = option->values[i];
        uint32_t bits = risk_kinds_begin(value.text);
        if (!bits) return tell_fault(teller, "words.no_such_kind", value.column, value.text);
        words->kinds |= bits;
    }
    return OK;
}

static enum err read_line(struct words *words, const struct line *line, struct teller *teller) {
    static const char *const actions[] = {"drop", "mask", "report", "flag", NULL};
    static const char *const matches[] = {"folded", "exact", NULL};
    enum err err = OK;
    for (uint32_t i = 1; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        if (word->sign == SIGN_EQUAL) continue;
        bool file = word->sign == SIGN_NONE && word->head_count == 1 && !words->file.text.size;
        if (file) {
            words->file = word->heads[0];
        } else {
            struct item head = word->heads[0];
            err = tell_fault(teller, "recipe.unexpected_word", head.column, head.text);
        }
    }
    if (err == OK && !words->file.text.size) err = tell_fault(teller, "words.no_file", 1, STR_NONE);
    enum err told = line_choice(line, "action", actions, ACTION_DROP, teller, &words->action);
    if (told != OK) err = told;
    told = line_choice(line, "match", matches, 0, teller, &words->exact);
    if (told != OK) err = told;
    told = read_kinds(words, line, teller);
    return told != OK ? told : err;
}

static enum err words_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                           struct teller *teller) {
    struct words *words = ARENA_NEW(arena, struct words);
    struct words_state *state = ARENA_NEW(arena, struct words_state);
    if (!words || !state) return ERR_MEMORY;
    bound->settings = words;
    bound->state = state;
    bound->reasons = reasons;
    bound->reason_count = REASON_COUNT;
    enum err err = read_line(words, bound->line, teller);
    if (err != OK || !plan) return err;
    err = texts_places(bound->line, "columns", plan, arena, teller, &words->places,
                       &words->place_count);
    const struct word *source = line_option(bound->line, "source");
    if (err == OK && source) {
        uint32_t *place;
        words->by_source = true;
        err = plan_find(plan, source->values, 1, teller, &place);
        if (err == OK) words->source = place[0];
    }
    words->names = ARENA_ARRAY(arena, struct str, plan->count + 1);
    state->own_places = ARENA_ARRAY(arena, uint32_t, plan->count + words->place_count + 1);
    if (!words->names || !state->own_places) return ERR_MEMORY;
    for (uint32_t i = 0; i < plan->count; i++) words->names[i] = plan->columns[i].name;
    state->places = words->places;
    state->place_count = words->place_count;
    for (uint32_t i = 0; err == OK && words->action == ACTION_MASK && i < words->place_count; i++) {
        plan_treat(&plan->columns[words->places[i]], TREATMENT_TEXT_MASKED);
    }
    return err;
}

// ---- the whole run ------------------------------------------------------------------------------

static void words_stop(struct bound *bound) {
    struct words_state *state = bound->state;
    library_close(state->library);
    arena_close(state->arena);
    buf_close(&state->flags);
    state->library = NULL;
    state->arena = NULL;
}

static enum err words_open(struct bound *bound, const struct cleanse_options *options) {
    const struct words *words = bound->settings;
    struct words_state *state = bound->state;
    state->limit = rules_number(options->rules, "safety.illegal_share_most");
    state->words_least = rules_number(options->rules, "safety.keywords_least");
    buf_open(&state->flags, LIMIT_FLAG_BYTES);
    enum err err = library_open(words->file.text, options->words_folder, words->exact,
                                &state->library, options->fault);
    if (err == OK) err = arena_open(64 << 20, &state->arena);
    if (err != OK) return err;
    state->sources = ARENA_ARRAY(state->arena, struct source, LIMIT_SOURCES);
    state->slots = ARENA_ARRAY(state->arena, uint16_t, SOURCE_SLOTS);
    return state->sources && state->slots ? OK : ERR_MEMORY;
}

static enum err words_start(struct bound *bound, const struct plan *plan,
                            const struct cleanse_options *options) {
    (void)options;
    const struct words *words = bound->settings;
    struct words_state *state = bound->state;
    state->place_count =
        texts_still_there(plan, bound->index, words->places, words->place_count, state->own_places);
    state->places = state->own_places;
    state->rows = state->hits = state->flag_lines = state->flags_left_out = 0;
    memset(state->kind_rows, 0, sizeof state->kind_rows);
    buf_clear(&state->flags);
    if (!words->by_source && state->source_count) {
        state->sources[0].rows = state->sources[0].illegal = 0;
    }
    return OK;
}

// ---- in parallel: the texts ---------------------------------------------------------------------

// What prepare leaves: for each row its kinds below and its hits above 32 bits, then flag lines.
struct found {
    uint64_t *rows, flag_lines;
    struct buf flags;
    struct buf scratch;
};

static void flag_hits(struct found *found, const struct words *words, uint32_t place, uint64_t row,
                      struct str cell, const struct library_hit *hits, size_t count) {
    found->flag_lines += count;
    for (size_t i = 0; i < count; i++) {
        buf_add_u64(&found->flags, row + 1);
        buf_add_char(&found->flags, ',');
        csv_cell_write(&found->flags, words->names[place]);
        buf_add_char(&found->flags, ',');
        buf_add_text(&found->flags, risk_kind_name(hits[i].kind));
        buf_add_char(&found->flags, ',');
        csv_cell_write(&found->flags, words->file.text);
        buf_add_char(&found->flags, ',');
        buf_add_u64(&found->flags, hits[i].line);
        buf_add_char(&found->flags, ',');
        csv_cell_write(&found->flags, (struct str){cell.data + hits[i].start, hits[i].size});
        buf_add_text(&found->flags, "\r\n");
    }
}

// The cell with a star for each character of a hit.
static struct str masked(struct str cell, const struct library_hit *hits, size_t count,
                         struct buf *out) {
    size_t at = 0;
    buf_clear(out);
    for (size_t i = 0; i < count; i++) {
        size_t start = hits[i].start < at ? at : hits[i].start, end = hits[i].start + hits[i].size;
        if (end <= at) continue;
        buf_add(out, cell.data + at, start - at);
        for (at = start; at < end;) {
            (void)utf8_next(cell, &at);
            buf_add_char(out, '*');
        }
    }
    buf_add(out, cell.data + at, cell.size - at);
    return buf_str(out);
}

static enum err read_cell(const struct bound *bound, struct part *part, uint32_t place,
                          uint32_t row, struct library_reader *reader, struct found *found,
                          struct text_edit *edit) {
    const struct words *words = bound->settings;
    const struct column *column = &part->columns[place];
    if (part->gone[row] || !column_valid(column, row)) return edit ? text_edit_missing(edit) : OK;
    const struct library_hit *hits;
    size_t count;
    struct str cell = column_text(column, row);
    enum err err = library_read(reader, cell, words->kinds, &hits, &count);
    if (err != OK) return err;
    for (size_t i = 0; i < count; i++) found->rows[row] |= UINT64_C(1) << hits[i].kind;
    found->rows[row] += (uint64_t)count << 32;
    if (count && words->action == ACTION_FLAG) {
        flag_hits(found, words, place, part->first_row + row, cell, hits, count);
    }
    if (!edit) return OK;
    if (count) part->tally->cells_changed++;
    return text_edit_add(edit, count ? masked(cell, hits, count, &found->scratch) : cell);
}

static enum err read_column(const struct bound *bound, struct part *part, uint32_t place,
                            struct library_reader *reader, struct found *found) {
    const struct words *words = bound->settings;
    struct text_edit edit;
    bool mask = words->action == ACTION_MASK;
    enum err err = mask ? text_edit_open(&edit, part, place) : OK;
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        err = read_cell(bound, part, place, row, reader, found, mask ? &edit : NULL);
    }
    if (!mask) return err;
    if (err == OK) return text_edit_finish(&edit);
    text_edit_close(&edit);
    return err;
}

// The flag lines go into the part's memory: behind the rows stand where, how many bytes and lines.
static enum err keep_flags(struct part *part, struct found *found) {
    char *flags = ARENA_ARRAY(part->arena, char, found->flags.size + 1);
    if (!flags) return ERR_MEMORY;
    if (found->flags.size) memcpy(flags, found->flags.data, found->flags.size);
    found->rows[part->row_count] = (uint64_t)(uintptr_t)flags;
    found->rows[part->row_count + 1] = found->flags.size;
    found->rows[part->row_count + 2] = found->flag_lines;
    part->scratch = found->rows;
    return OK;
}

static enum err words_prepare(const struct bound *bound, struct part *part) {
    const struct words_state *state = bound->state;
    struct library_reader *reader;
    struct found found = {.rows = ARENA_ARRAY(part->arena, uint64_t, (size_t)part->row_count + 3)};
    if (!found.rows) return ERR_MEMORY;
    buf_open(&found.flags, LIMIT_FLAG_BYTES);
    buf_open(&found.scratch, 2 * LIMIT_CELL_BYTES);
    enum err err = library_reader_open(state->library, part->arena, &reader);
    for (uint32_t i = 0; i < state->place_count && err == OK; i++) {
        err = read_column(bound, part, state->places[i], reader, &found);
    }
    if (err == OK) err = keep_flags(part, &found);
    buf_close(&found.flags);
    buf_close(&found.scratch);
    return err;
}

// ---- in order: the rows -------------------------------------------------------------------------

static enum err source_of(struct words_state *state, struct str name, struct source **out) {
    struct fingerprint print = fingerprint_start();
    fingerprint_add_bytes(&print, name.data, name.size);
    uint64_t hash = fingerprint_64(&print), slot = hash % SOURCE_SLOTS;
    for (; state->slots[slot]; slot = (slot + 1) % SOURCE_SLOTS) {
        struct source *source = &state->sources[state->slots[slot] - 1];
        if (source->hash == hash && str_equal(source->name, name)) {
            *out = source;
            return OK;
        }
    }
    if (state->source_count == LIMIT_SOURCES) return ERR_LIMIT;
    char *copy = ARENA_ARRAY(state->arena, char, name.size + 1);
    if (!copy) return ERR_MEMORY;
    if (name.size) memcpy(copy, name.data, name.size);
    *out = &state->sources[state->source_count];
    **out = (struct source){.name = {copy, name.size}, .hash = hash};
    state->slots[slot] = (uint16_t)++state->source_count;
    return OK;
}

// The source of a row: the cell's text, or the one source that all is.
static enum err row_source(const struct bound *bound, const struct part *part, uint32_t row,
                           struct buf *scratch, struct source **out) {
    const struct words *words = bound->settings;
    buf_clear(scratch);
    if (words->by_source) column_write(scratch, &part->before[words->source], row);
    enum err err = buf_err(scratch);
    return err == OK ? source_of(bound->state, buf_str(scratch), out) : err;
}

static enum err count_sources(const struct bound *bound, const struct part *part) {
    struct buf scratch;
    struct source *source;
    enum err err = OK;
    buf_open(&scratch, 2 * LIMIT_CELL_BYTES);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row]) continue;
        err = row_source(bound, part, row, &scratch, &source);
        if (err != OK) break;
        source->rows++;
        source->illegal += part->scratch[row] >> 32 != 0;
    }
    buf_close(&scratch);
    return err;
}

static bool words_observes(const struct bound *bound) {
    return ((const struct words *)bound->settings)->by_source;
}

static enum err words_observe(struct bound *bound, const struct part *part) {
    return count_sources(bound, part);
}

static enum err words_settle(struct bound *bound, struct plan *plan) {
    (void)plan;
    struct words_state *state = bound->state;
    for (uint32_t i = 0; i < state->source_count; i++) {
        struct source *source = &state->sources[i];
        double share = (double)source->illegal / (double)source->rows;
        source->refused = share > state->limit;
    }
    return OK;
}

static void count_row(struct words_state *state, uint64_t found) {
    state->rows++;
    state->hits += found >> 32;
    for (uint32_t kind = 0; kind < RISK_KIND_COUNT; kind++) {
        state->kind_rows[kind] += found >> kind & 1;
    }
}

static void take_flags(struct words_state *state, const struct part *part) {
    const char *flags = (const char *)(uintptr_t)part->scratch[part->row_count];
    size_t size = part->scratch[part->row_count + 1];
    if (state->flags.size + size > LIMIT_FLAG_BYTES) {
        state->flags_left_out += size;
    } else {
        buf_add(&state->flags, flags, size);
        state->flag_lines += part->scratch[part->row_count + 2];
    }
}

static enum err words_run(const struct bound *bound, struct part *part) {
    const struct words *words = bound->settings;
    struct words_state *state = bound->state;
    struct buf scratch;
    struct source *source = NULL;
    enum err err = words->by_source ? OK : count_sources(bound, part);
    buf_open(&scratch, 2 * LIMIT_CELL_BYTES);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row]) continue;
        uint64_t found = part->scratch[row];
        if (found) count_row(state, found);
        if (words->by_source) err = row_source(bound, part, row, &scratch, &source);
        if (err == OK && source && source->refused) {
            part_drop_row(part, row, REASON_SOURCE);
        } else if (found && words->action == ACTION_DROP) {
            part_drop_row(part, row, REASON_FOUND);
        } else if (found) {
            part->tally->reasons[REASON_FOUND]++;
        }
    }
    buf_close(&scratch);
    if (err == OK && words->action == ACTION_FLAG) take_flags(state, part);
    return err == OK ? buf_err(&state->flags) : err;
}

// ---- what is told -------------------------------------------------------------------------------

static const char sheet[] = "words.csv";

static bool words_makes(const struct line *line, const char *file) {
    return strcmp(file, sheet) == 0 && line_option_is(line, "action", "flag");
}

static enum err words_finish(struct bound *bound, const struct cleanse_options *options) {
    const struct words *words = bound->settings;
    struct words_state *state = bound->state;
    if (words->action != ACTION_FLAG || !options->folder) return OK;
    // A byte order mark: spreadsheet programs take the file for UTF-8 then.
    struct str head = STR("\xEF\xBB\xBFrow,column,kind,dictionary,line,text\r\n");
    return further_write(options, sheet, head, buf_str(&state->flags), state->flag_lines);
}

static void words_report(const struct bound *bound, struct json_writer *out) {
    const struct words *words = bound->settings;
    const struct words_state *state = bound->state;
    json_set_text(out, "file", words->file.text);
    json_set_u64(out, "words", library_words(state->library));
    json_set_u64(out, "patterns", library_patterns(state->library));
    json_set_number(out, "words_least", state->words_least);
    json_set_u64(out, "rows", state->rows);
    json_set_u64(out, "hits", state->hits);
    if (words->action == ACTION_FLAG) {
        json_set_u64(out, "flags_left_out_bytes", state->flags_left_out);
    }
    json_put_name(out, "kinds");
    json_open_array(out);
    for (uint32_t kind = 0; kind < RISK_KIND_COUNT; kind++) {
        if (!state->kind_rows[kind]) continue;
        char key[16];
        snprintf(key, sizeof key, "risk.%s", risk_kind_name(kind));
        json_open_object(out);
        json_set_text(out, "kind", str_of(risk_kind_name(kind)));
        json_set_text(out, "name_key", str_of(key));
        json_set_u64(out, "rows", state->kind_rows[kind]);
        json_close_object(out);
    }
    json_close_array(out);
}

static void words_members(const struct bound *bound, struct json_writer *out) {
    const struct words_state *state = bound->state;
    json_put_name(out, "sources");
    json_open_array(out);
    for (uint32_t i = 0; i < state->source_count; i++) {
        const struct source *source = &state->sources[i];
        double share = source->rows ? (double)source->illegal / (double)source->rows : 0;
        json_open_object(out);
        // Without a column that says it, all rows come from where the recipe's source line says.
        if (source->name.size) json_set_text(out, "name", source->name);
        json_set_u64(out, "rows", source->rows);
        json_set_u64(out, "illegal", source->illegal);
        json_set_number(out, "share", share);
        json_set_number(out, "limit", state->limit);
        json_set_bool(out, "refused", share > state->limit);
        json_close_object(out);
    }
    json_close_array(out);
}

static void words_dictionaries(const struct bound *bound, struct json_writer *out) {
    const struct words *words = bound->settings;
    const struct words_state *state = bound->state;
    char hex[SHA256_HEX_SIZE];
    struct hash hash = library_hash(state->library);
    hash_hex(&hash, hex);
    json_open_object(out);
    json_set_text(out, "name", words->file.text);
    json_set_text(out, "version", library_version(state->library));
    json_set_text(out, "hash", str_of(hex));
    json_close_object(out);
}

const struct operator operator_words = {
    .name = "words",
    .example = "words risk31-sample action=drop",
    .options = (const struct operator_option[]){{"action", "drop|mask|report|flag"},
                                                {"kinds", ""},
                                                {"columns", NULL},
                                                {"source", NULL},
                                                {"match", "folded|exact"},
                                                {NULL, NULL}},
    .bare = "risk31-sample",
    .makes = words_makes,
    .ordered = true,
    .bind = words_bind,
    .open = words_open,
    .start = words_start,
    .observes = words_observes,
    .observe = words_observe,
    .settle = words_settle,
    .prepare = words_prepare,
    .run = words_run,
    .finish = words_finish,
    .report = words_report,
    .members = words_members,
    .dictionaries = words_dictionaries,
    .stop = words_stop,
};
