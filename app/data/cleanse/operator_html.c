// html: cells that hold HTML become the text a person would read of them: blocks and <br> are
// lines, list items and table rows too, scripts and styles go, character references are resolved.
// A cell without a tag or a reference stays as it is.
#include "data/cleanse/rewrite_private.h"
#include "data/language/language.h"

enum { REASON_MARKUP, REASON_REFERENCES, REASON_SKIPPED, REASON_EMPTIED, REASON_COUNT };

static const struct reason reasons[REASON_COUNT] = {
    [REASON_MARKUP] = {"html.markup", {0}},
    [REASON_REFERENCES] = {"html.references", {0}},
    [REASON_SKIPPED] = {"html.skipped", {0}},
    [REASON_EMPTIED] = {"html.emptied", {0}},
};

static const char *const flags[] = {NULL};

struct html {
    uint32_t *places;
    uint32_t place_count;
};

static enum err html_bind(struct bound *bound, struct plan *plan, struct arena *arena,
                          struct teller *teller) {
    struct html *html = ARENA_NEW(arena, struct html);
    if (!html) return ERR_MEMORY;
    bound->settings = html;
    bound->reasons = reasons;
    bound->reason_count = REASON_COUNT;
    bool columns = line_starts_with_columns(bound->line, flags);
    uint32_t bits;
    enum err err = line_flags(bound->line, columns ? 2 : 1, flags, teller, &bits);
    if (err != OK) return err;
    return text_places(bound->line, columns, plan, arena, teller, &html->places,
                       &html->place_count);
}

static enum err html_cell(void *ctx, struct str cell, struct buf *scratch, struct str *out,
                          uint32_t *bits) {
    (void)ctx;
    if (!html_likely(cell)) return OK;
    struct html_counts counts = {0};
    enum err err = html_to_text(cell, scratch, &counts);
    if (err != OK) return err;
    *out = buf_str(scratch);
    if (counts.tags + counts.comments) *bits |= 1u << REASON_MARKUP;
    if (counts.references) *bits |= 1u << REASON_REFERENCES;
    if (counts.skipped) *bits |= 1u << REASON_SKIPPED;
    return OK;
}

static enum err html_run(const struct bound *bound, struct part *part) {
    const struct html *html = bound->settings;
    return part_rewrite(part, html->places, html->place_count, html_cell, NULL, REASON_EMPTIED);
}

const struct operator operator_html = {
    .name = "html",
    .example = "html 正文,备注",
    .options = (const struct operator_option[]){{"columns", NULL}, {NULL, NULL}},
    .bare_columns = true,
    .bind = html_bind,
    .run = html_run,
};
