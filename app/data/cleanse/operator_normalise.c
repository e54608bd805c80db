// normalise: text in one form. Characters (control, width, compatibility forms, composition),
// blanks and lines, punctuation, quotes, and traditional or simplified writing. Without a flag:
// what harms no text (control width space lines nfc).
#include "data/cleanse/rewrite_private.h"
#include "data/language/language.h"

enum { REASON_SIMPLIFIED = CHANGE_COUNT, REASON_TRADITIONAL, REASON_EMPTIED, REASON_COUNT };

static const struct reason reasons[REASON_COUNT] = {
    [CHANGE_CONTROL] = {"normalise.control", {0}},
    [CHANGE_INVISIBLE] = {"normalise.invisible", {0}},
    [CHANGE_WIDTH] = {"normalise.width", {0}},
    [CHANGE_PUNCTUATION] = {"normalise.punctuation", {0}},
    [CHANGE_SPACE] = {"normalise.space", {0}},
    [CHANGE_LINES] = {"normalise.lines", {0}},
    [CHANGE_REPEATS] = {"normalise.repeats", {0}},
    [CHANGE_COMPOSED] = {"normalise.composed", {0}},
    [CHANGE_COMPATIBILITY] = {"normalise.compatibility", {0}},
    [CHANGE_QUOTES] = {"normalise.quotes", {0}},
    [CHANGE_INVALID] = {"normalise.invalid", {0}},
    [REASON_SIMPLIFIED] = {"normalise.simplified", {0}},
    [REASON_TRADITIONAL] = {"normalise.traditional", {0}},
    [REASON_EMPTIED] = {"normalise.emptied", {0}},
};

static const char *const names[] = {"control", "width",      "punct",       "space",   "lines",
                                    "repeats", "nfc",        "compat",      "circled", "quotes",
                                    "text",    "simplified", "traditional", NULL};
static const uint32_t bits_of[] = {
    NORMALISE_CONTROL, NORMALISE_WIDTH,   NORMALISE_PUNCTUATION, NORMALISE_SPACE,
    NORMALISE_LINES,   NORMALISE_REPEATS, NORMALISE_COMPOSE,     NORMALISE_COMPATIBILITY,
    NORMALISE_CIRCLED, NORMALISE_QUOTES};
enum { FLAG_TEXT = 1 << 10, FLAG_SIMPLIFIED = 1 << 11, FLAG_TRADITIONAL = 1 << 12 };
enum {
    PLAIN_FORM =
        NORMALISE_CONTROL | NORMALISE_WIDTH | NORMALISE_SPACE | NORMALISE_LINES | NORMALISE_COMPOSE
};

struct normalise {
    uint32_t flags;
    bool convert;
    enum chinese_direction direction;
    uint32_t *places;
    uint32_t place_count;
};
struct normalise_state {
    struct chinese *chinese;
};

static enum err read_writing(struct normalise *normalise, const struct line *line, uint32_t flags,
                             struct teller *teller) {
    static const char *const regions[] = {"standard", "tw", "hk", NULL};
    static const enum chinese_direction directions[2][3] = {
        {CHINESE_T2S, CHINESE_TW2S, CHINESE_HK2S}, {CHINESE_S2T, CHINESE_S2TW, CHINESE_S2HK}};
    uint32_t region;
    enum err err = line_choice(line, "region", regions, 0, teller, &region);
    bool both = (flags & FLAG_SIMPLIFIED) && (flags & FLAG_TRADITIONAL);
    if (both) return tell_fault(teller, "recipe.bad_option", 1, STR("traditional"));
    if (err != OK) return err;
    normalise->convert = flags & (FLAG_SIMPLIFIED | FLAG_TRADITIONAL);
    normalise->direction = directions[flags & FLAG_TRADITIONAL ? 1 : 0][region];
    return OK;
}

static enum err normalise_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                               struct teller *teller) {
    struct normalise *normalise = ARENA_NEW(arena, struct normalise);
    struct normalise_state *state = ARENA_NEW(arena, struct normalise_state);
    if (!normalise || !state) return ERR_MEMORY;
    bound->settings = normalise;
    bound->state = state;
    bound->reasons = reasons;
    bound->reason_count = REASON_COUNT;
    const struct line *line = bound->line;
    bool columns = line_starts_with_columns(line, names);
    // "text" first stands for the free-text columns.
    bool text = line->word_count > 1 && line->words[1].sign == SIGN_NONE &&
                line->words[1].head_count == 1 && str_is(line->words[1].heads[0].text, "text");
    uint32_t flags;
    enum err err = line_flags(line, columns || text ? 2 : 1, names, teller, &flags);
    if (flags & FLAG_TEXT) {
        err = tell_fault(teller, "recipe.unexpected_word", 1, STR("text"));
    }
    for (uint32_t i = 0; i < sizeof bits_of / sizeof *bits_of; i++) {
        if (flags >> i & 1) normalise->flags |= bits_of[i];
    }
    enum err told = read_writing(normalise, line, flags, teller);
    if (told != OK) err = told;
    if (!normalise->flags && !normalise->convert) normalise->flags = PLAIN_FORM;
    if (err != OK) return err;
    return text_places(line, columns || text, plan, arena, teller, &normalise->places,
                       &normalise->place_count);
}

static enum err normalise_start(struct bound *bound, const struct plan *plan,
                                const struct cleanse_options *options) {
    const struct normalise *normalise = bound->settings;
    struct normalise_state *state = bound->state;
    (void)plan, (void)options;
    if (!normalise->convert || state->chinese) return OK;
    return chinese_open(normalise->direction, &state->chinese);
}

static void normalise_stop(struct bound *bound) {
    struct normalise_state *state = bound->state;
    chinese_close(state->chinese);
    state->chinese = NULL;
}

// ---- one cell -----------------------------------------------------------------------------------

struct worker {
    const struct normalise *normalise;
    const struct chinese *chinese;
    struct buf converted;
};

static enum err normalise_cell(void *ctx, struct str cell, struct buf *scratch, struct str *out,
                               uint32_t *bits) {
    struct worker *worker = ctx;
    if (worker->normalise->flags) {
        uint64_t counts[CHANGE_COUNT] = {0};
        enum err err = text_normalise(cell, worker->normalise->flags, scratch, counts);
        if (err != OK) return err;
        for (uint32_t change = 0; change < CHANGE_COUNT; change++) {
            if (counts[change]) *bits |= 1u << change;
        }
        if (*bits) *out = buf_str(scratch);
    }
    if (!worker->chinese) return OK;
    uint64_t changed = 0;
    buf_clear(&worker->converted);
    enum err err = chinese_convert(worker->chinese, *out, &worker->converted, &changed);
    if (err != OK || changed == 0) return err;
    *out = buf_str(&worker->converted);
    bool simple = worker->normalise->direction == CHINESE_T2S ||
                  worker->normalise->direction == CHINESE_TW2S ||
                  worker->normalise->direction == CHINESE_HK2S;
    *bits |= 1u << (simple ? REASON_SIMPLIFIED : REASON_TRADITIONAL);
    return OK;
}

static enum err normalise_run(const struct bound *bound, struct part *part) {
    const struct normalise *normalise = bound->settings;
    const struct normalise_state *state = bound->state;
    struct worker worker = {.normalise = normalise, .chinese = state->chinese};
    buf_open(&worker.converted, (size_t)LIMIT_CELL_BYTES * 8);
    enum err err = part_rewrite(part, normalise->places, normalise->place_count, normalise_cell,
                                &worker, REASON_EMPTIED);
    buf_close(&worker.converted);
    return err;
}

static void normalise_report(const struct bound *bound, struct json_writer *out) {
    const struct normalise *normalise = bound->settings;
    json_put_name(out, "forms");
    json_open_array(out);
    for (uint32_t i = 0; i < sizeof bits_of / sizeof *bits_of; i++) {
        if ((normalise->flags & bits_of[i]) == bits_of[i]) json_put_text(out, str_of(names[i]));
    }
    json_close_array(out);
    if (!normalise->convert) return;
    json_set_text(out, "writing", str_of(chinese_direction_name(normalise->direction)));
    json_set_text(out, "dictionary", str_of(CHINESE_DICTIONARY));
}

const struct operator operator_normalise = {
    .name = "normalise",
    .example = "normalise text width punct space lines nfc simplified",
    .options = (const struct operator_option[]){{"columns", NULL},
                                                {"region", "standard|tw|hk"},
                                                {NULL, NULL}},
    .bare_columns = true,
    .bare = "text|control|width|punct|space|lines|repeats|nfc|compat|circled|quotes|"
            "simplified|traditional",
    .bind = normalise_bind,
    .start = normalise_start,
    .run = normalise_run,
    .stop = normalise_stop,
    .report = normalise_report,
};
