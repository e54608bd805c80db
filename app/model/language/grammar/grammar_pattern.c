// Regular expressions as schemas have them ("pattern"), over the characters of a JSON text: those
// that need an escape there never come. Understood: literals, . [..] [^..] \d \w \s and their
// opposites, (..) (?:..), |, ? * + {m} {m,} {m,n}; ^ at the begin and $ at the end, without which
// anything may stand there.
#include <string.h>

#include "base/text.h"
#include "model/language/grammar/grammar_private.h"

enum { RANGES_MAX = 256 };

struct pattern {
    struct grammar_builder *b;
    struct str text;
    size_t at;
    uint32_t depth;
};
struct ranges {
    struct range items[RANGES_MAX + 1];
    uint32_t count;
};

static char peek(const struct pattern *p) {
    return p->at < p->text.size ? p->text.data[p->at] : '\0';
}

static struct expression *fail(struct pattern *p) {
    return grammar_fail(p->b, ERR_INPUT, "grammar.pattern", p->text);
}

static void range_add(struct ranges *r, uint32_t from, uint32_t to) {
    if (r->count < RANGES_MAX) r->items[r->count++] = (struct range){from, to};
}

// What may stand within a JSON text as it is: no quote, no backslash, nothing below a blank.
static struct expression *characters(struct pattern *p, struct ranges *r, bool turned) {
    struct range wanted[RANGES_MAX + 1], kept[2 * RANGES_MAX];
    static const struct range plain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}};
    uint32_t count = ranges_tidy(r->items, r->count, turned, wanted), made = 0;
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
static bool kind_add(struct ranges *r, char kind) {
    switch (kind) {
    case 'd': range_add(r, '0', '9'); return true;
    case 's': range_add(r, ' ', ' '); return true;
    case 'w':
        range_add(r, '0', '9');
        range_add(r, 'A', 'Z');
        range_add(r, 'a', 'z');
        range_add(r, '_', '_');
        return true;
    default: return false;
    }
}

// A character behind a backslash; the backslash is taken.
static uint32_t escaped(struct pattern *p) {
    char c = peek(p);
    if (!c || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        fail(p); // \n, \b, \1 …: not within a JSON text, or not a grammar
        return 0;
    }
    return utf8_next(p->text, &p->at);
}

static struct expression *set(struct pattern *p) { // behind "["
    struct ranges r = {.count = 0};
    bool turned = peek(p) == '^';
    if (turned) p->at++;
    for (bool first = true; p->at < p->text.size && (first || peek(p) != ']'); first = false) {
        uint32_t from, to;
        bool escape = peek(p) == '\\';
        if (escape) p->at++;
        if (escape && kind_add(&r, peek(p))) {
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
        if (from > to || r.count >= RANGES_MAX - 4) return fail(p);
        range_add(&r, from, to);
    }
    if (peek(p) != ']') return fail(p);
    p->at++;
    return characters(p, &r, turned);
}

static struct expression *either(struct pattern *p);

static struct expression *atom(struct pattern *p) {
    struct ranges r = {.count = 0};
    uint32_t c = utf8_next(p->text, &p->at);
    if (c == '[') return set(p);
    if (c == '.') return characters(p, &r, true);
    if (c == '(') {
        if (peek(p) == '?') {
            p->at++;
            if (peek(p) != ':') return fail(p);
            p->at++;
        }
        struct expression *e = either(p);
        if (peek(p) != ')') return fail(p);
        p->at++;
        return e;
    }
    if (c == '\\') {
        char kind = peek(p);
        bool turned = kind == 'D' || kind == 'W' || kind == 'S';
        if (kind_add(&r, turned ? (char)(kind + 32) : kind)) {
            p->at++;
            return characters(p, &r, turned);
        }
        c = escaped(p);
    } else if (c < 0x80 && strchr("^$*+?{}|)", (int)c)) {
        return fail(p);
    }
    range_add(&r, c, c);
    return characters(p, &r, false);
}

static bool number(struct pattern *p, uint32_t *out) {
    size_t start = p->at;
    for (*out = 0; peek(p) >= '0' && peek(p) <= '9' && p->at - start < 6; p->at++) {
        *out = *out * 10 + (uint32_t)(peek(p) - '0');
    }
    return p->at > start;
}

static struct expression *repeated(struct pattern *p) {
    struct expression *e = atom(p);
    while (e && p->at < p->text.size && strchr("*+?{", peek(p))) {
        uint32_t least = peek(p) == '+', most = peek(p) == '?' ? 1 : GRAMMAR_NONE;
        if (p->text.data[p->at++] == '{') {
            if (!number(p, &least)) return fail(p);
            most = least;
            if (peek(p) == ',') {
                p->at++;
                if (!number(p, &most)) most = GRAMMAR_NONE;
            }
            if (peek(p) != '}') return fail(p);
            p->at++;
        }
        if (peek(p) == '?') p->at++; // as few as can be: the same texts
        e = expression_repeat(p->b, e, least, most);
    }
    return e;
}

static struct expression *sequence(struct pattern *p) {
    struct expression *e = expression_empty(p->b);
    while (e && p->at < p->text.size && peek(p) != '|' && peek(p) != ')') {
        if (peek(p) == '$' && p->at + 1 == p->text.size) break;
        e = expression_then(p->b, e, repeated(p));
    }
    return e;
}

static struct expression *either(struct pattern *p) {
    if (++p->depth > GRAMMAR_NESTING_MAX) return fail(p);
    struct expression *e = sequence(p);
    while (e && peek(p) == '|') {
        p->at++;
        e = expression_or(p->b, e, sequence(p));
    }
    p->depth--;
    return e;
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
