// Regular expressions: as schemas have them ("pattern"), over the characters of a JSON text, where
// those that need an escape never come and without ^ or $ anything may stand before or behind; and
// as the whole of an answer. Understood: literals, . [..] [^..] \d \w \s and their opposites, (..)
// (?:..), |, ? * + {m} {m,} {m,n}; ^ at the begin and $ at the end. grammar.h says what a whole
// answer has beside that. A grammar tells what fits, not how it is found: there is no backtracking,
// and what repeats becomes a rule, so that the size of one grows with the text alone and with the
// sum of its counts, not with their product.
#include <string.h>

#include "base/text.h"
#include "model/language/grammar/grammar_private.h"

enum { RANGES_MAX = 256, SHOWN_CHARACTERS = 12, LIST_BYTES_MAX = 16 << 20 };

struct pattern {
    struct grammar_builder *b;
    struct str text;
    size_t at;
    uint32_t depth;
    bool whole; // it is all of an answer; else within a JSON text
};
struct ranges {
    struct range items[RANGES_MAX + 1];
    uint32_t count;
};

static char peek(const struct pattern *p) {
    return p->at < p->text.size ? p->text.data[p->at] : '\0';
}

// What stands at `at` cannot be. Of a whole it is told by its place, counted in characters.
static struct expression *fail_at(struct pattern *p, size_t at) {
    if (!p->whole) return grammar_fail(p->b, ERR_INPUT, "grammar.pattern", p->text);
    uint64_t column = 1;
    for (size_t i = 0; i < at && i < p->text.size;) {
        (void)utf8_next(p->text, &i);
        column++;
    }
    size_t end = at;
    for (uint32_t i = 0; i < SHOWN_CHARACTERS && end < p->text.size; i++) {
        (void)utf8_next(p->text, &end);
    }
    struct str rest = {p->text.data + at, at < end ? end - at : 0};
    if (p->b->err == OK) {
        p->b->err = fault_at(p->b->fault, ERR_INPUT,
                             rest.size ? "grammar.regex" : "grammar.regex_end", 0, column, rest);
    }
    return NULL;
}

static struct expression *fail(struct pattern *p) {
    return fail_at(p, p->at);
}

static struct expression *fail_large(struct pattern *p) {
    if (!p->whole) return fail(p);
    return grammar_fail(p->b, ERR_LIMIT, "grammar.too_large", STR_NONE);
}

static void range_add(struct ranges *r, uint32_t from, uint32_t to) {
    if (r->count < RANGES_MAX) r->items[r->count++] = (struct range){from, to};
}

// Within a JSON text what may stand there as it is: no quote, no backslash, nothing below a blank.
static struct expression *characters(struct pattern *p, struct ranges *r, bool turned) {
    struct range wanted[RANGES_MAX + 1], kept[2 * RANGES_MAX];
    static const struct range plain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}};
    uint32_t count = ranges_tidy(r->items, r->count, turned, wanted), made = 0;
    if (p->whole) return count ? expression_characters(p->b, wanted, count) : NULL; // set() tells
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < 3 && made < 2 * RANGES_MAX; k++) {
            uint32_t from = wanted[i].from > plain[k].from ? wanted[i].from : plain[k].from;
            uint32_t to = wanted[i].to < plain[k].to ? wanted[i].to : plain[k].to;
            if (from <= to) kept[made++] = (struct range){from, to};
        }
    }
    return made ? expression_characters(p->b, kept, made) : fail(p);
}

// \d \w \s into `r`; false: another escape.
static bool kind_add(const struct pattern *p, struct ranges *r, char kind) {
    switch (kind) {
    case 'd': range_add(r, '0', '9'); return true;
    case 's':
        range_add(r, ' ', ' ');
        if (p->whole) range_add(r, '\t', '\r');
        return true;
    case 'w':
        range_add(r, '0', '9');
        range_add(r, 'A', 'Z');
        range_add(r, 'a', 'z');
        range_add(r, '_', '_');
        return true;
    default: return false;
    }
}

// The same within a set, where \D \W \S may stand too.
static bool kind_add_in_set(const struct pattern *p, struct ranges *r, char kind) {
    struct range others[RANGES_MAX + 1];
    struct ranges own = {.count = 0};
    if (kind_add(p, r, kind)) return true;
    if ((kind != 'D' && kind != 'W' && kind != 'S') || !kind_add(p, &own, (char)(kind + 32))) {
        return false;
    }
    uint32_t count = ranges_tidy(own.items, own.count, true, others);
    for (uint32_t i = 0; i < count; i++) range_add(r, others[i].from, others[i].to);
    return true;
}

// \xHH, \uHHHH: `digits` of them stand behind the letter.
static uint32_t escaped_number(struct pattern *p, uint32_t digits) {
    size_t start = p->at - 1;
    uint32_t value = 0;
    p->at++;
    for (uint32_t i = 0; i < digits; i++, p->at++) {
        char c = peek(p), low = (char)(c | 32);
        bool digit = c >= '0' && c <= '9';
        if (!digit && (low < 'a' || low > 'f')) {
            fail_at(p, start);
            return 0;
        }
        value = value * 16 + (uint32_t)(digit ? c - '0' : low - 'a' + 10);
    }
    if (value >= 0xD800 && value < 0xE000) fail_at(p, start); // half a character
    return value;
}

// A character behind a backslash; the backslash is taken.
static uint32_t escaped(struct pattern *p) {
    static const char letters[] = "nrtfv", values[] = "\n\r\t\f\v";
    char c = peek(p);
    const char *letter = p->whole && c ? strchr(letters, c) : NULL;
    if (letter) {
        p->at++;
        return (uint32_t)values[letter - letters];
    }
    if (p->whole && (c == 'x' || c == 'u')) return escaped_number(p, c == 'x' ? 2 : 4);
    if (p->whole && (!c || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'))) {
        fail_at(p, p->at - 1);
        return 0;
    }
    if (!c || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        fail(p); // \n, \b, \1 …: not within a JSON text, or not a grammar
        return 0;
    }
    return utf8_next(p->text, &p->at);
}

static struct expression *set(struct pattern *p) { // behind "["
    struct ranges r = {.count = 0};
    size_t start = p->at - 1;
    bool turned = peek(p) == '^';
    if (turned) p->at++;
    for (bool first = true; p->at < p->text.size && (first || peek(p) != ']'); first = false) {
        uint32_t from, to;
        size_t one = p->at;
        bool escape = peek(p) == '\\';
        if (escape) p->at++;
        if (escape && r.count < RANGES_MAX - 8 && kind_add_in_set(p, &r, peek(p))) {
            p->at++;
            continue;
        }
        from = to = escape ? escaped(p) : utf8_next(p->text, &p->at);
        if (peek(p) == '-' && p->at + 1 < p->text.size && p->text.data[p->at + 1] != ']') {
            p->at++;
            escape = peek(p) == '\\';
            if (escape) p->at++;
            to = escape ? escaped(p) : utf8_next(p->text, &p->at);
        }
        if (r.count >= RANGES_MAX - 8) return fail_large(p);
        if (from > to || p->b->err != OK) return fail_at(p, one);
        range_add(&r, from, to);
    }
    if (p->at >= p->text.size) return fail_at(p, start);
    p->at++;
    struct expression *e = characters(p, &r, turned);
    return e ? e : fail_at(p, start);
}

static struct expression *either(struct pattern *p);

// Behind "(?": true where it is (?:..), or a group that has a name, which is passed over.
static bool group_begins(struct pattern *p) {
    if (peek(p) == ':') {
        p->at++;
        return true;
    }
    if (!p->whole) return false;
    if (peek(p) == 'P') p->at++;
    if (peek(p) != '<') return false;
    size_t start = ++p->at;
    for (char c = peek(p);
         c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'); c = peek(p)) {
        p->at++;
    }
    return p->at > start && peek(p) == '>' && p->at++ > 0;
}

static struct expression *group(struct pattern *p) { // behind "("
    size_t start = p->at - 1;
    if (peek(p) == '?') {
        p->at++;
        if (!group_begins(p)) return fail_at(p, start);
    }
    struct expression *e = either(p);
    if (p->b->err == OK && peek(p) != ')') return fail_at(p, start);
    p->at++;
    return e;
}

static struct expression *atom(struct pattern *p) {
    struct ranges r = {.count = 0};
    size_t start = p->at;
    uint32_t c = utf8_next(p->text, &p->at);
    if (c == '[') return set(p);
    if (c == '(') return group(p);
    if (c == '.') {
        if (p->whole) range_add(&r, '\n', '\n');
        return characters(p, &r, true);
    }
    if (c == '\\') {
        char kind = peek(p);
        bool turned = kind == 'D' || kind == 'W' || kind == 'S';
        if (kind_add(p, &r, turned ? (char)(kind + 32) : kind)) {
            p->at++;
            return characters(p, &r, turned);
        }
        c = escaped(p);
    } else if (c < 0x80 && strchr(p->whole ? "^$*+?{|)" : "^$*+?{}|)", (int)c)) {
        return fail_at(p, start);
    }
    range_add(&r, c, c);
    return characters(p, &r, false);
}

static bool number(struct pattern *p, uint32_t *out) {
    size_t start = p->at;
    for (*out = 0; peek(p) >= '0' && peek(p) <= '9' && p->at - start < 6; p->at++) {
        *out = *out * 10 + (uint32_t)(peek(p) - '0');
    }
    if (peek(p) >= '0' && peek(p) <= '9') fail_large(p);
    return p->at > start;
}

// Behind "{".
static bool counts(struct pattern *p, uint32_t *least, uint32_t *most) {
    bool given = number(p, least);
    if (!given && (!p->whole || peek(p) != ',')) return false;
    *most = *least;
    if (peek(p) == ',') {
        p->at++;
        bool bounded = number(p, most);
        if (!bounded) *most = GRAMMAR_NONE;
        if (!bounded && !given) return false;
    }
    if (peek(p) != '}' || (p->whole && *least > *most)) return false;
    p->at++;
    return true;
}

static bool repeats(const struct pattern *p) {
    return p->at < p->text.size && peek(p) && strchr("*+?{", peek(p));
}

static struct expression *repeated(struct pattern *p) {
    struct expression *e = atom(p);
    while (e && repeats(p)) {
        size_t start = p->at;
        uint32_t least = peek(p) == '+', most = peek(p) == '?' ? 1 : GRAMMAR_NONE;
        if (p->text.data[p->at++] == '{' && !counts(p, &least, &most)) return fail_at(p, start);
        if (peek(p) == '?') p->at++; // as few as can be: the same texts
        e = expression_repeat(p->b, e, least, most);
        if (p->whole && repeats(p)) return fail(p);
    }
    return e;
}

// Of a list the first with the rest, and so on: lists nest to the right, however long they are.
static struct expression *joined(struct pattern *p, struct buf *list,
                                 struct expression *(*join)(struct grammar_builder *,
                                                            struct expression *,
                                                            struct expression *)) {
    struct expression **items = (struct expression **)(void *)list->data, *e = NULL;
    size_t count = list->size / sizeof *items;
    if (buf_err(list) != OK) fail_large(p);
    for (size_t i = count; i-- > 0 && p->b->err == OK;) {
        e = i + 1 == count ? items[i] : join(p->b, items[i], e);
    }
    buf_close(list);
    return p->b->err == OK ? e : NULL;
}

// $, \Z: of a whole at the end of what stands outside of all groups.
static size_t end_size(const struct pattern *p) {
    if (!p->whole) return peek(p) == '$' && p->at + 1 == p->text.size ? 1 : 0;
    size_t size = peek(p) == '$' ? 1 : 0, left = p->text.size - p->at;
    if (left >= 2 && memcmp(p->text.data + p->at, "\\Z", 2) == 0) size = 2;
    bool last = left == size || p->text.data[p->at + size] == '|';
    return size && p->depth == 1 && last ? size : 0;
}

static struct expression *sequence(struct pattern *p) {
    struct buf list;
    struct expression *e = expression_empty(p->b);
    buf_open(&list, LIST_BYTES_MAX);
    buf_add(&list, &e, sizeof e);
    if (p->whole && p->depth == 1) {
        if (peek(p) == '^') p->at++;
        bool begin = p->text.size - p->at >= 2 && memcmp(p->text.data + p->at, "\\A", 2) == 0;
        if (begin) p->at += 2;
    }
    while (e && p->at < p->text.size && peek(p) != '|' && peek(p) != ')') {
        size_t end = end_size(p);
        if (end && p->whole) p->at += end;
        if (end) break;
        e = repeated(p);
        buf_add(&list, &e, sizeof e);
    }
    return joined(p, &list, expression_then);
}

static struct expression *either(struct pattern *p) {
    struct buf list;
    if (++p->depth > GRAMMAR_NESTING_MAX) return fail_large(p);
    struct expression *e = sequence(p);
    buf_open(&list, LIST_BYTES_MAX);
    buf_add(&list, &e, sizeof e);
    while (e && peek(p) == '|') {
        p->at++;
        e = sequence(p);
        buf_add(&list, &e, sizeof e);
    }
    p->depth--;
    return joined(p, &list, expression_or);
}

struct expression *expression_pattern(struct grammar_builder *b, struct str pattern) {
    struct pattern p = {.b = b, .text = pattern};
    struct ranges none = {.count = 0};
    struct expression *anything =
        expression_repeat(b, characters(&p, &none, true), 0, GRAMMAR_NONE);
    bool begin = peek(&p) == '^';
    if (begin) p.at++;
    struct expression *e = either(&p);
    bool end = peek(&p) == '$' && p.at + 1 == p.text.size;
    if (e && !end && p.at < p.text.size) return fail(&p);
    if (e && !begin) e = expression_then(b, anything, e);
    return e && !end ? expression_then(b, e, anything) : e;
}

enum err grammar_of_regex(struct str regex, struct grammar **out, struct fault *fault) {
    struct grammar_builder b;
    builder_open(&b, fault);
    struct pattern p = {.b = &b, .text = regex, .whole = true};
    if (regex.size > GRAMMAR_REGEX_BYTES_MAX) fail_large(&p);
    if (b.err == OK && !utf8_valid(regex)) {
        grammar_fail(&b, ERR_INPUT, "tokenizer.not_utf8", STR_NONE);
    }
    struct expression *e = b.err == OK ? either(&p) : NULL;
    if (e && p.at < regex.size) fail(&p);
    rule_set(&b, 0, e);
    return builder_close(&b, out);
}
