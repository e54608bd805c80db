// Which column of a file plays which part of a template: by its name, else by one that is nearly
// the same, by position where a known file has no header, or by its values. The surest pair is
// taken first; no column of the file is given twice.
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "pilot/template.h"

enum { FOLDED_BYTES = 1024, FIT_ROWS = 300 };

// As sure as each way is at its best.
static const double sure_name = 1.0, sure_similar = 0.7, sure_position = 0.8, sure_values = 0.5;
static const double sure_least = 0.35, fits_least = 0.8;

const char *match_why_name(enum match_why why) {
    static const char *const names[] = {"", "name", "similar", "position", "values"};
    return names[why];
}

// ---- names --------------------------------------------------------------------------------------

// Kept: letters, digits, and every sign beyond ASCII but the wide space.
static bool is_kept(uint32_t c) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return letter || (c > 0x7f && c != 0x3000 && c != 0xa0);
}

static void fold_into(struct str folded, bool brackets, struct buf *out) {
    int depth = 0;
    for (size_t at = 0; at < folded.size;) {
        size_t start = at;
        uint32_t c = utf8_next(folded, &at);
        bool opens = c == '(' || c == '[' || c == 0x3010,
             closes = c == ')' || c == ']' || c == 0x3011;
        if (brackets && opens) depth++;
        if (depth == 0 && is_kept(c) && !opens && !closes) {
            buf_add(out, folded.data + start, at - start);
        }
        if (brackets && closes && depth > 0) depth--;
    }
}

void match_fold(struct str name, struct buf *out) {
    struct buf folded;
    size_t start = out->size;
    buf_open(&folded, FOLDED_BYTES);
    text_fold(name, &folded);
    if (buf_err(&folded) == OK) {
        fold_into(buf_str(&folded), true, out);
        if (out->size == start) fold_into(buf_str(&folded), false, out); // all of it in brackets
    }
    buf_close(&folded);
}

static struct str fold_keep(struct arena *arena, struct str name) {
    struct buf text;
    struct str kept = STR_NONE;
    buf_open(&text, FOLDED_BYTES);
    match_fold(name, &text);
    char *copy = arena_take(arena, text.size + 1);
    if (copy && buf_err(&text) == OK) {
        if (text.size) memcpy(copy, text.data, text.size);
        kept = (struct str){copy, text.size};
    }
    buf_close(&text);
    return kept;
}

// Characters of both, two by two: 2 × common / all.
static double alike(struct str a, struct str b) {
    if (a.size < 2 || b.size < 2) return 0;
    size_t common = 0;
    bool used[FOLDED_BYTES] = {false};
    for (size_t i = 0; i + 1 < a.size; i++) {
        for (size_t k = 0; k + 1 < b.size && k < FOLDED_BYTES; k++) {
            if (used[k] || a.data[i] != b.data[k] || a.data[i + 1] != b.data[k + 1]) continue;
            used[k] = true;
            common++;
            break;
        }
    }
    return 2.0 * (double)common / (double)(a.size + b.size - 2);
}

// How much of `whole` the `part` is that stands in it; 0: it does not, or tells little. A word of
// letters is easily a piece of another ("name" in "rownames"), one of characters seldom.
static double held_share(struct str whole, struct str part) {
    if (part.size < 4 || !memmem(whole.data, whole.size, part.data, part.size)) return 0;
    double share = (double)part.size / (double)whole.size;
    bool characters = (unsigned char)part.data[0] >= 0x80;
    return share >= (characters ? 0.4 : 0.6) ? share : 0;
}

static double name_score(struct str known, struct str name, enum match_why *why) {
    if (known.size == 0 || name.size == 0) return 0;
    if (str_equal(known, name)) {
        *why = MATCH_NAME;
        return sure_name;
    }
    double share = known.size < name.size ? held_share(name, known) : held_share(known, name);
    double near = alike(known, name);
    double score = share > 0 ? sure_similar * (0.6 + 0.4 * share) : 0;
    if (near >= 0.75 && sure_similar * near > score) score = sure_similar * near;
    *why = MATCH_SIMILAR;
    return score;
}

// ---- values -------------------------------------------------------------------------------------

static bool value_is(const struct json *value, struct str cell) {
    struct buf a, b;
    buf_open(&a, FOLDED_BYTES);
    buf_open(&b, FOLDED_BYTES);
    match_fold(cell, &a);
    match_fold(json_member_text(value, "value"), &b);
    bool same = str_equal(cell, json_member_text(value, "value")) ||
                (a.size > 0 && str_equal(buf_str(&a), buf_str(&b)));
    const struct json *name = json_first(json_member(value, "names"));
    for (; name && !same; name = json_next(name)) {
        buf_clear(&b);
        match_fold(json_text(name), &b);
        same = a.size > 0 && str_equal(buf_str(&a), buf_str(&b));
    }
    buf_close(&a);
    buf_close(&b);
    return same;
}

static const struct json *value_find(const struct template_column *column, struct str cell) {
    const struct json *value = json_first(json_member(column->node, "values"));
    while (value && !value_is(value, cell)) value = json_next(value);
    return value;
}

static bool cell_fits(const struct template_column *column, struct str cell) {
    int64_t whole;
    double number;
    if (str_is(column->type, "date") || str_is(column->type, "time")) {
        bool clock, sure;
        return date_parse(cell, &whole) || time_parse(cell, &whole) ||
               month_first_parse(cell, &whole, &clock, &sure);
    }
    if (str_is(column->type, "number") || str_is(column->type, "integer")) {
        return number_parse(cell, &number) && !(number < column->low) && !(number > column->high);
    }
    return !json_first(json_member(column->node, "values")) || value_find(column, cell);
}

static bool is_missing(struct str cell) {
    static const char *const words[] = {"", "NA", "N/A", "NaN", "nan", "NULL", "null", "-", "?"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_is(cell, words[i])) return true;
    }
    return false;
}

// The share of the sample's cells that may stand in this column; 1 where nothing is known.
static double fit(const struct template_column *column, const struct match_source *source,
                  uint32_t from) {
    uint32_t seen = 0, good = 0, step = source->rows / FIT_ROWS + 1;
    for (uint32_t r = 0; source->cells && r < source->rows; r += step) {
        struct str cell = str_trim(source->cells[(size_t)r * source->columns + from]);
        if (is_missing(cell)) continue;
        seen++;
        good += cell_fits(column, cell);
    }
    return seen ? (double)good / (double)seen : 1;
}

// Every cell one of the few that this column has, and more than one of those.
static double values_score(const struct template_column *column, const struct match_source *source,
                           uint32_t from) {
    const struct json *first = NULL;
    bool two = false;
    if (!json_first(json_member(column->node, "values")) || !source->cells) return 0;
    for (uint32_t r = 0; r < source->rows; r++) {
        struct str cell = str_trim(source->cells[(size_t)r * source->columns + from]);
        if (is_missing(cell)) continue;
        double number;
        const struct json *value = value_find(column, cell);
        // 0 and 1 stand in many columns and tell nothing.
        if (!value || number_parse(cell, &number)) return 0;
        if (first && value != first) two = true;
        first = first ? first : value;
    }
    return two ? sure_values : 0;
}

struct str match_positive(const struct template *one, const struct match_source *source,
                          int32_t column) {
    if (one->dated) return one->positive;
    if (column < 0 || one->positive.size == 0 || !source->cells) return STR_NONE;
    for (uint32_t r = 0; r < source->rows; r++) {
        struct str cell = str_trim(source->cells[(size_t)r * source->columns + (size_t)column]);
        const struct json *value = value_find(&one->columns[one->outcome], cell);
        if (value && str_equal(json_member_text(value, "value"), one->positive)) return cell;
    }
    return STR_NONE;
}

// ---- pairs --------------------------------------------------------------------------------------

static bool layout_match(const struct template *one, const struct json *layout,
                         const struct match_source *source, struct match *out) {
    double sum = 0;
    uint32_t at = 0;
    if (json_count(layout) != source->columns || source->columns == 0) return false;
    for (const struct json *item = json_first(layout); item; item = json_next(item), at++) {
        const struct template_column *column = template_column_find(one, json_text(item));
        double fits = fit(column, source, at);
        sum += fits;
        out[column - one->columns] = (struct match){
            .from = (int32_t)at,
            .confidence = sure_position * fits,
            .why = MATCH_POSITION,
            .doubtful = fits < fits_least,
        };
    }
    return sum / source->columns >= fits_least;
}

static void none(const struct template *one, struct match *out) {
    for (uint32_t i = 0; i < one->column_count; i++) out[i] = (struct match){.from = MATCH_NOWHERE};
}

static bool position_match(const struct template *one, const struct match_source *source,
                           struct match *out) {
    const struct json *layout = json_first(json_member(one->node, "layouts"));
    for (; layout && !source->header; layout = json_next(layout)) {
        if (layout_match(one, layout, source, out)) return true;
        none(one, out);
    }
    return false;
}

static struct match pair_score(const struct template_column *column,
                               const struct match_source *source, struct str folded_name,
                               uint32_t from, struct arena *arena) {
    struct match best = {.from = (int32_t)from};
    struct str own = fold_keep(arena, column->name);
    best.confidence = name_score(own, folded_name, &best.why);
    const struct json *name = json_first(json_member(column->node, "names"));
    for (; name; name = json_next(name)) {
        enum match_why why = MATCH_NONE;
        double score = name_score(fold_keep(arena, json_text(name)), folded_name, &why);
        if (score <= best.confidence) continue;
        best.confidence = score;
        best.why = why;
    }
    double values = values_score(column, source, from);
    if (values > best.confidence) {
        best.confidence = values;
        best.why = MATCH_VALUES;
    }
    double fits = best.confidence > 0 ? fit(column, source, from) : 0;
    best.doubtful = fits < fits_least;
    if (best.doubtful) best.confidence *= 0.5;
    // Better without than with a column of which nothing can be read.
    if (fits == 0 && !column->needed) best.confidence = 0;
    return best;
}

struct scores {
    struct match *pairs; // (template's columns, source's columns)
    bool *given;         // (source's columns)
};

static enum err scores_fill(const struct template *one, const struct match_source *source,
                            struct arena *arena, struct scores *out) {
    size_t width = source->columns;
    out->pairs = ARENA_ARRAY(arena, struct match, one->column_count * width + 1);
    out->given = ARENA_ARRAY(arena, bool, width + 1);
    struct arena *scratch;
    if (!out->pairs || !out->given) return ERR_MEMORY;
    enum err err = arena_open((size_t)1 << 20, &scratch);
    if (err != OK) return err;
    for (uint32_t f = 0; f < width; f++) {
        for (uint32_t c = 0; c < one->column_count; c++) {
            arena_reset(scratch);
            struct str folded = fold_keep(scratch, source->names[f]);
            out->pairs[c * width + f] = pair_score(&one->columns[c], source, folded, f, scratch);
        }
    }
    arena_close(scratch);
    return OK;
}

// The surest of what is left; false when none is sure enough.
static bool surest(const struct template *one, const struct match_source *source,
                   const struct scores *scores, const struct match *out, uint32_t *out_column,
                   uint32_t *out_from) {
    double best = sure_least;
    bool found = false;
    for (uint32_t c = 0; c < one->column_count; c++) {
        if (out[c].from >= 0) continue;
        for (uint32_t f = 0; f < source->columns; f++) {
            double score = scores->pairs[(size_t)c * source->columns + f].confidence;
            if (scores->given[f] || score <= best) continue;
            best = score;
            *out_column = c;
            *out_from = f;
            found = true;
        }
    }
    return found;
}

// Is the table one of many columns, each a series, and this part what they hold? A column that
// tells groups apart says that the series stand in rows.
static bool is_rest(const struct template *one, const struct match_source *source,
                    const struct match *out, uint32_t part, const bool *given) {
    uint32_t left = 0, numbers = 0;
    if (!one->columns[part].many || (out[part].from >= 0 && out[part].why == MATCH_NAME)) {
        return false;
    }
    for (uint32_t c = 0; c < one->column_count; c++) {
        if (one->columns[c].use == USE_GROUP && out[c].from >= 0) return false;
    }
    for (uint32_t f = 0; f < source->columns; f++) {
        if (given[f] && (int32_t)f != out[part].from) continue;
        left++;
        numbers += fit(&one->columns[part], source, f) >= fits_least;
    }
    return numbers > 0 && numbers * 2 >= left && (out[part].from < 0 || numbers > 1);
}

enum err template_match(const struct template *one, const struct match_source *source,
                        struct arena *arena, struct match *out) {
    struct scores scores;
    none(one, out);
    if (position_match(one, source, out)) return OK;
    if (!source->header) return OK; // "column_1" is nobody's name
    enum err err = scores_fill(one, source, arena, &scores);
    uint32_t c = 0, f = 0;
    while (err == OK && surest(one, source, &scores, out, &c, &f)) {
        out[c] = scores.pairs[(size_t)c * source->columns + f];
        scores.given[f] = true;
    }
    for (c = 0; err == OK && c < one->column_count; c++) {
        if (!is_rest(one, source, out, c, scores.given)) continue;
        out[c] =
            (struct match){.from = MATCH_REST, .confidence = sure_position, .why = MATCH_VALUES};
    }
    return err;
}
