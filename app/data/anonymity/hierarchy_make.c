// Hierarchies made from a rule over the values a column has: numbers by widths, dates by the
// calendar, regions by the country's divisions, codes by their first characters. Values that are
// none of the kind keep themselves up to the root.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "data/anonymity/anonymity_private.h"
#include "data/anonymity/hierarchy_private.h"

// ---- numbers ------------------------------------------------------------------------------------

enum { AGE_OPEN = 90 }; // from here on an age by itself may name a person

static int64_t floor_to_whole(double x) {
    int64_t whole = (int64_t)x;
    return x < (double)whole ? whole - 1 : whole;
}

static int64_t floor_quotient(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

// The step as mantissa / scale, so that edges are written as people write them.
static double scale_of(double step) {
    double scale = 1;
    while (scale < 1e6 && step * scale != (double)(int64_t)(step * scale)) scale *= 10;
    return scale;
}

// "20-24" for whole numbers, "0.5-1" for others: from the lower edge up to the next; "80+" if open.
static void write_range(struct buf *out, double low, double next, bool whole, bool open) {
    buf_add_double(out, low);
    if (open) {
        buf_add_char(out, '+');
    } else if (!whole || next - low > 1) {
        buf_add_char(out, '-');
        buf_add_double(out, whole ? next - 1 : next);
    }
}

static void write_number(const struct making *making, const struct meaning *meaning, uint32_t level,
                         struct buf *out) {
    const struct hierarchy_rule *rule = &making->rule;
    double first = rule->steps[0], step = rule->steps[level - 1], value = meaning->number;
    bool age = rule->kind == HIERARCHY_AGE;
    double scale = scale_of(first);
    int64_t mantissa = (int64_t)(first * scale);
    if (age && value > AGE_OPEN) value = AGE_OPEN;
    int64_t base = floor_to_whole(value * scale / (double)mantissa);
    int64_t index = floor_quotient(base, (int64_t)(step / first));
    double low = (double)index * (step * scale) / scale;
    double next = (double)(index + 1) * (step * scale) / scale;
    // The range that holds the age of 90 holds all above.
    bool open = age && low <= AGE_OPEN && AGE_OPEN < next;
    write_range(out, low, next, making->whole && scale == 1, open);
}

// ---- dates --------------------------------------------------------------------------------------

static void write_date(const struct making *making, const struct meaning *meaning, uint32_t level,
                       struct buf *out) {
    int64_t year;
    unsigned month, day;
    civil_from_days(meaning->days, &year, &month, &day);
    char text[16];
    switch ((enum date_step)(int)making->rule.steps[level - 1]) {
    case DATE_DAY:
        date_write(meaning->days, text);
        buf_add_text(out, text);
        break;
    case DATE_MONTH: buf_printf(out, "%04lld-%02u", (long long)year, month); break;
    case DATE_QUARTER: buf_printf(out, "%04lld-Q%u", (long long)year, (month + 2) / 3); break;
    case DATE_YEAR: buf_printf(out, "%04lld", (long long)year); break;
    default: {
        long long decade = (long long)floor_quotient(year, 10) * 10;
        buf_printf(out, "%04lld-%04lld", decade, decade + 9);
    }
    }
}

// ---- codes --------------------------------------------------------------------------------------

static void write_prefix(const struct making *making, const struct meaning *meaning, uint32_t level,
                         struct buf *out) {
    size_t keep = (size_t)making->rule.steps[level - 1], at = 0, kept = 0;
    struct str text = meaning->text;
    while (at < text.size && kept < keep) {
        (void)utf8_next(text, &at);
        kept++;
    }
    buf_add(out, text.data, at);
    size_t hidden = making->same_length ? utf8_count((struct str){text.data + at, text.size - at})
                                        : at < text.size;
    for (size_t i = 0; i < hidden && i < 32; i++) buf_add_char(out, '*');
}

// ---- one level ----------------------------------------------------------------------------------

static void write_name(const struct making *making, const struct meaning *meaning, uint32_t level,
                       struct buf *out) {
    if (level == 0 || !meaning->known) {
        buf_add_str(out, meaning->text);
        return;
    }
    switch (making->rule.kind) {
    case HIERARCHY_AGE:
    case HIERARCHY_NUMBER: write_number(making, meaning, level, out); break;
    case HIERARCHY_DATE: write_date(making, meaning, level, out); break;
    case HIERARCHY_REGION: region_name_write(meaning, level, out); break;
    case HIERARCHY_PREFIX: write_prefix(making, meaning, level, out); break;
    default: buf_add_str(out, meaning->text);
    }
}

// All names of a level stand one after another in `text`; they are cut once it grows no more.
static enum err make_level(const struct making *making, uint32_t level, struct buf *text,
                           struct str *names, struct hierarchy_builder *builder,
                           struct fault *fault) {
    uint32_t *ends = making->ends;
    buf_clear(text);
    bool root = level == making->level_count - 1 && level > 0;
    for (uint32_t i = 0; i < making->count; i++) {
        if (root) {
            buf_add_char(text, '*');
        } else {
            write_name(making, &making->meanings[i], level, text);
        }
        ends[i] = (uint32_t)text->size;
    }
    if (buf_err(text) == ERR_MEMORY) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("hierarchy"));
    }
    if (buf_err(text) != OK) return fault_set(fault, ERR_LIMIT, "hierarchy.too_large", STR_NONE);
    for (uint32_t i = 0; i < making->count; i++) {
        uint32_t start = i ? ends[i - 1] : 0;
        names[i] = (struct str){text->data ? text->data + start : "", ends[i] - start};
    }
    return hierarchy_level(builder, names, fault);
}

static enum err make_levels(const struct making *making, struct arena *arena, struct hierarchy *out,
                            struct fault *fault) {
    struct hierarchy_builder *builder;
    enum err err = hierarchy_begin(arena, making->rule.kind, making->count, making->level_count,
                                   &builder, fault);
    if (err != OK) return err;
    struct str *names = memory_take((size_t)making->count * sizeof *names);
    if (!names) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("hierarchy"));
    struct buf text;
    buf_open(&text, (size_t)256 << 20);
    for (uint32_t level = 0; level < making->level_count && err == OK; level++) {
        err = make_level(making, level, &text, names, builder, fault);
    }
    buf_close(&text);
    memory_give(names);
    return err == OK ? hierarchy_finish(builder, out, fault) : err;
}

// ---- the rule's own steps -----------------------------------------------------------------------

// The first of 1, 2, 5, 10, … that makes at most 64 ranges; 5 where whole numbers allow it. Not so
// narrow that the largest number is too many widths.
static double first_width(double range, double largest, bool whole) {
    static const double times[] = {2, 2.5, 2};
    if (whole && range > 64 && range / 5 <= 64) return 5;
    double width = whole ? 1 : 1e-6;
    for (int i = 0; (range / width > 64 || largest / width > 1e12) && width < 1e15; i++) {
        width *= times[i % 3];
    }
    return width;
}

// Widths that double, from one that makes at most 64 ranges of all, on until two are left.
static void own_widths(struct making *making) {
    struct hierarchy_rule *rule = &making->rule;
    double least = 0, most = 0;
    bool any = false;
    for (uint32_t i = 0; i < making->count; i++) {
        const struct meaning *meaning = &making->meanings[i];
        if (!meaning->known) continue;
        if (!any || meaning->number < least) least = meaning->number;
        if (!any || meaning->number > most) most = meaning->number;
        any = true;
    }
    double range = most - least, largest = most > -least ? most : -least;
    double width = first_width(range, largest, making->whole);
    while (rule->step_count < 8 && (rule->step_count == 0 || range / width > 1)) {
        if (!(making->whole && width == 1)) rule->steps[rule->step_count++] = width;
        width *= 2;
    }
}

static void own_prefixes(struct making *making) {
    size_t longest = 0;
    for (uint32_t i = 0; i < making->count; i++) {
        size_t size = utf8_count(making->meanings[i].text);
        if (size > longest) longest = size;
    }
    if (longest > 12) longest = 12;
    for (size_t keep = longest > 2 ? longest - 2 : 1; keep >= 1; keep -= 2) {
        making->rule.steps[making->rule.step_count++] = (double)keep;
        if (keep <= 2 || making->rule.step_count == HIERARCHY_STEPS) break;
    }
}

static void own_steps(struct making *making) {
    struct hierarchy_rule *rule = &making->rule;
    if (rule->step_count) return;
    static const double ages[] = {5, 10, 20, 40};
    switch (rule->kind) {
    case HIERARCHY_AGE:
        memcpy(rule->steps, ages, sizeof ages);
        rule->step_count = 4;
        break;
    case HIERARCHY_NUMBER: own_widths(making); break;
    case HIERARCHY_DATE:
        // A leaf that is a day already needs no level of days.
        for (int step = making->timed ? DATE_DAY : DATE_MONTH; step < DATE_STEP_COUNT; step++) {
            rule->steps[rule->step_count++] = step;
        }
        break;
    case HIERARCHY_PREFIX: own_prefixes(making); break;
    default: break;
    }
}

// ---- all ----------------------------------------------------------------------------------------

static int by_meaning(const void *a, const void *b) {
    const struct meaning *left = a, *right = b;
    if (left->known != right->known) return left->known ? -1 : 1;
    if (left->known && left->number != right->number) {
        return left->number < right->number ? -1 : 1;
    }
    return str_compare(left->text, right->text);
}

static enum err make_sorted(struct making *making, struct arena *arena, uint32_t *leaf_of,
                            struct hierarchy *out, struct fault *fault) {
    qsort(making->meanings, making->count, sizeof *making->meanings, by_meaning);
    for (uint32_t i = 0; i < making->count; i++) leaf_of[making->meanings[i].index] = i;
    own_steps(making);
    uint32_t between = making->rule.kind == HIERARCHY_REGION ? 2 : making->rule.step_count;
    making->level_count = making->rule.kind == HIERARCHY_FLAT ? 2 : between + 2;
    return make_levels(making, arena, out, fault);
}

enum err hierarchy_make(struct arena *arena, const struct hierarchy_rule *rule,
                        const struct str *values, uint32_t count, uint32_t *leaf_of,
                        struct hierarchy *out, struct fault *fault) {
    if (count == 0) return fault_set(fault, ERR_INPUT, "hierarchy.empty", STR_NONE);
    if (count > LIMIT_HIERARCHY_LEAVES) {
        return fault_set(fault, ERR_LIMIT, "hierarchy.too_large", STR_NONE);
    }
    struct making making = {.rule = *rule, .count = count};
    making.meanings = memory_take((size_t)count * sizeof *making.meanings);
    making.ends = memory_take((size_t)count * sizeof *making.ends);
    enum err err = OK;
    if (!making.meanings || !making.ends) {
        err = fault_set(fault, ERR_MEMORY, "base.no_memory", STR("hierarchy"));
    } else {
        meanings_read(&making, values);
        err = make_sorted(&making, arena, leaf_of, out, fault);
    }
    memory_give(making.meanings);
    memory_give(making.ends);
    return err;
}
