// sample: texts for people to look at (manual=4000) and a share for checks by machines
// (technical=.10), as GB/T 45654-2025 asks for. Which rows are drawn follows from the recipe and
// the rows alone: anybody who has both draws the same. The manual sample becomes sampling.csv, with
// room for a verdict and names; the technical one sampling_technical.csv, row numbers alone. Rows
// are not changed. Memory: the texts of the manual sample, and up to 12 bytes for each row of the
// other.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "data/cleanse/fingerprint_private.h"
#include "data/cleanse/further_private.h"
#include "data/cleanse/rules_private.h"
#include "data/cleanse/texts_private.h"

enum {
    LIMIT_SAMPLE_ROWS = 100000,      // of the manual sample: more than people look at
    LIMIT_SAMPLE_BYTES = 256 << 20,  // of its texts
    LIMIT_TECHNICAL_BYTES = 1 << 30, // of the technical sample's row numbers
};

struct sample {
    uint32_t *places;
    uint32_t place_count;
    double manual, technical; // negative: the rule file's
};
struct drawn {
    uint64_t rank, row; // rank: the smallest are drawn
    char *text;
    size_t size;
};
struct sample_state {
    uint32_t *places;
    uint32_t place_count;
    struct hash recipe;
    double manual_pass, technical, technical_pass;
    uint32_t manual;
    struct drawn *drawn; // (manual): a heap, the largest rank first
    uint32_t count;
    size_t bytes;
    uint64_t rows, technical_rows;
    struct buf technical_list;
};

// ---- the line -----------------------------------------------------------------------------------

static enum err read_number(const struct line *line, const char *name, double most,
                            struct teller *teller, double *out) {
    const struct word *word = line_option(line, name);
    *out = -1;
    if (!word) return OK;
    struct item value = word->values[0];
    double number;
    bool good = word->sign == SIGN_EQUAL && word->value_count == 1 &&
                number_parse(value.text, &number) && number >= 0 && number <= most;
    if (!good) return tell_fault(teller, "recipe.bad_value", value.column, str_of(name));
    *out = number;
    return OK;
}

static enum err sample_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                            struct teller *teller) {
    struct sample *sample = ARENA_NEW(arena, struct sample);
    struct sample_state *state = ARENA_NEW(arena, struct sample_state);
    if (!sample || !state) return ERR_MEMORY;
    bound->settings = sample;
    bound->state = state;
    enum err err = OK, told;
    for (uint32_t i = 1; i < bound->line->word_count; i++) {
        const struct word *word = &bound->line->words[i];
        if (word->sign == SIGN_EQUAL) continue;
        struct item head = word->heads[0];
        err = tell_fault(teller, "recipe.unexpected_word", head.column, head.text);
    }
    told = read_number(bound->line, "manual", LIMIT_SAMPLE_ROWS, teller, &sample->manual);
    if (told != OK) err = told;
    told = read_number(bound->line, "technical", 1, teller, &sample->technical);
    if (told != OK) err = told;
    if (err != OK || !plan) return err;
    err = texts_places(bound->line, "columns", plan, arena, teller, &sample->places,
                       &sample->place_count);
    state->places = ARENA_ARRAY(arena, uint32_t, sample->place_count + 1);
    return state->places ? err : ERR_MEMORY;
}

// ---- drawing ------------------------------------------------------------------------------------

static void forget(struct sample_state *state) {
    for (uint32_t i = 0; i < state->count; i++) memory_give(state->drawn[i].text);
    state->count = 0;
    state->bytes = 0;
    state->rows = state->technical_rows = 0;
    buf_clear(&state->technical_list);
}

static void sample_stop(struct bound *bound) {
    struct sample_state *state = bound->state;
    forget(state);
    memory_give(state->drawn);
    buf_close(&state->technical_list);
    state->drawn = NULL;
}

static enum err sample_open(struct bound *bound, const struct cleanse_options *options) {
    const struct sample *sample = bound->settings;
    struct sample_state *state = bound->state;
    const struct rules *rules = options->rules;
    double manual = sample->manual, technical = sample->technical;
    if (manual < 0) manual = rules_number(rules, "safety.manual_sample_least");
    if (technical < 0) technical = rules_number(rules, "safety.technical_sample_least");
    state->manual = (uint32_t)(manual < LIMIT_SAMPLE_ROWS ? manual : LIMIT_SAMPLE_ROWS);
    state->technical = technical;
    state->manual_pass = rules_number(rules, "safety.manual_pass_least");
    state->technical_pass = rules_number(rules, "safety.technical_pass_least");
    state->recipe = options->recipe;
    buf_open(&state->technical_list, LIMIT_TECHNICAL_BYTES);
    state->drawn = memory_take((state->manual + 1) * sizeof *state->drawn);
    return state->drawn ? OK : ERR_MEMORY;
}

static enum err sample_start(struct bound *bound, const struct plan *plan,
                             const struct cleanse_options *options) {
    (void)options;
    const struct sample *sample = bound->settings;
    struct sample_state *state = bound->state;
    forget(state);
    state->place_count =
        texts_still_there(plan, bound->index, sample->places, sample->place_count, state->places);
    return OK;
}

// In parallel: each row's rank, from the recipe, the row's number and its text.
static enum err sample_prepare(const struct bound *bound, struct part *part) {
    const struct sample_state *state = bound->state;
    struct buf scratch;
    part->scratch = ARENA_ARRAY(part->arena, uint64_t, part->row_count);
    if (!part->scratch) return ERR_MEMORY;
    buf_open(&scratch, UINT32_MAX);
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row]) continue;
        struct str text = row_text(part, state->places, state->place_count, row, &scratch);
        struct fingerprint print = fingerprint_start();
        fingerprint_add_bytes(&print, state->recipe.bytes, sizeof state->recipe.bytes);
        fingerprint_add_word(&print, part->first_row + row);
        fingerprint_add_bytes(&print, text.data, text.size);
        part->scratch[row] = fingerprint_64(&print);
    }
    enum err err = buf_err(&scratch);
    buf_close(&scratch);
    return err;
}

static void sift_down(struct drawn *heap, uint32_t count) {
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count) return;
        if (child + 1 < count && heap[child + 1].rank > heap[child].rank) child++;
        if (heap[child].rank <= heap[at].rank) return;
        struct drawn moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
        at = child;
    }
}

static void sift_up(struct drawn *heap, uint32_t at) {
    while (at > 0 && heap[(at - 1) / 2].rank < heap[at].rank) {
        struct drawn moved = heap[at];
        heap[at] = heap[(at - 1) / 2];
        heap[(at - 1) / 2] = moved;
        at = (at - 1) / 2;
    }
}

static enum err draw(struct sample_state *state, uint64_t rank, uint64_t row, struct str text) {
    bool full = state->count == state->manual;
    if (state->manual == 0 || (full && rank >= state->drawn[0].rank)) return OK;
    struct drawn drawn = {.rank = rank, .row = row, .size = text.size};
    drawn.text = memory_take(text.size + 1);
    if (!drawn.text) return ERR_MEMORY;
    if (text.size) memcpy(drawn.text, text.data, text.size);
    if (full) {
        state->bytes -= state->drawn[0].size;
        memory_give(state->drawn[0].text);
        state->drawn[0] = drawn;
        sift_down(state->drawn, state->count);
    } else {
        state->drawn[state->count] = drawn;
        sift_up(state->drawn, state->count++);
    }
    state->bytes += text.size;
    return state->bytes <= LIMIT_SAMPLE_BYTES ? OK : ERR_LIMIT;
}

static enum err sample_run(const struct bound *bound, struct part *part) {
    struct sample_state *state = bound->state;
    struct buf scratch;
    enum err err = OK;
    buf_open(&scratch, UINT32_MAX);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row]) continue;
        uint64_t rank = part->scratch[row], number = part->first_row + row + 1;
        state->rows++;
        // Other bits than those that order the manual sample: the two are independent.
        double share = (double)(uint32_t)rank * 0x1p-32;
        if (share < state->technical) {
            state->technical_rows++;
            buf_add_u64(&state->technical_list, number);
            buf_add_text(&state->technical_list, "\r\n");
        }
        if (state->count == state->manual && (!state->manual || rank >= state->drawn[0].rank)) {
            continue;
        }
        struct str text = row_text(part, state->places, state->place_count, row, &scratch);
        err = buf_err(&scratch);
        if (err == OK) err = draw(state, rank, number, text);
    }
    buf_close(&scratch);
    return err == OK ? buf_err(&state->technical_list) : err;
}

// ---- files and report ---------------------------------------------------------------------------

static int compare_rows(const void *a, const void *b) {
    const struct drawn *left = a, *right = b;
    return left->row < right->row ? -1 : left->row > right->row;
}

static const char *const sheets[] = {"sampling.csv", "sampling_technical.csv"};

static bool sample_makes(const struct line *line, const char *file) {
    (void)line;
    return strcmp(file, sheets[0]) == 0 || strcmp(file, sheets[1]) == 0;
}

static enum err sample_finish(struct bound *bound, const struct cleanse_options *options) {
    struct sample_state *state = bound->state;
    if (!options->folder) return OK;
    qsort(state->drawn, state->count, sizeof *state->drawn, compare_rows);
    struct buf text;
    buf_open(&text, 4 * (size_t)LIMIT_SAMPLE_BYTES);
    for (uint32_t i = 0; i < state->count; i++) {
        const struct drawn *drawn = &state->drawn[i];
        buf_add_u64(&text, i + 1);
        buf_add_char(&text, ',');
        buf_add_u64(&text, drawn->row);
        buf_add_char(&text, ',');
        csv_cell_write(&text, (struct str){drawn->text, drawn->size});
        buf_add_text(&text, ",,,,\r\n");
    }
    // A byte order mark: spreadsheet programs take the file for UTF-8 then.
    struct str head = STR("\xEF\xBB\xBFnumber,row,text,verdict,kind,reviewer,note\r\n");
    enum err err = buf_err(&text);
    if (err == OK) err = further_write(options, sheets[0], head, buf_str(&text), state->count);
    buf_close(&text);
    if (err == OK) {
        err = further_write(options, sheets[1], STR("row\r\n"), buf_str(&state->technical_list),
                            state->technical_rows);
    }
    return err;
}

static void sample_members(const struct bound *bound, struct json_writer *out) {
    const struct sample_state *state = bound->state;
    json_put_name(out, "sampling");
    json_open_object(out);
    json_put_name(out, "manual");
    json_open_object(out);
    json_set_u64(out, "size", state->count);
    json_set_u64(out, "wanted", state->manual);
    json_set_number(out, "threshold", state->manual_pass);
    json_close_object(out);
    json_put_name(out, "technical");
    json_open_object(out);
    json_set_number(out, "share", state->technical);
    json_set_u64(out, "size", state->technical_rows);
    json_set_number(out, "threshold", state->technical_pass);
    json_close_object(out);
    json_set_u64(out, "rows", state->rows);
    json_close_object(out);
}

const struct operator operator_sample = {
    .name = "sample",
    .example = "sample manual=4000 technical=.10",
    .options =
        (const struct operator_option[]){
            {"manual", ""}, {"technical", ""}, {"columns", NULL}, {NULL, NULL}},
    .makes = sample_makes,
    .once = true,
    .ordered = true,
    .bind = sample_bind,
    .open = sample_open,
    .start = sample_start,
    .prepare = sample_prepare,
    .run = sample_run,
    .finish = sample_finish,
    .members = sample_members,
    .stop = sample_stop,
};
