// Grammars as texts: llama.cpp's GBNF. A rule is "name ::= alternatives" and ends with its line,
// unless a parenthesis is open or the next line begins with "|". "text", [a-z] and [^a-z], "." any
// character, ( ), ? * + {m} {m,} {m,n}, # to the end of the line. Escapes: \n \r \t \" \\ \] \[ \-
// \xHH \uHHHH \UHHHHHHHH, each a character.
#include <string.h>

#include "base/text.h"
#include "model/language/grammar/grammar_private.h"

enum { RANGES_MAX = 256, NAMES_MAX = 4096 };

struct reader {
    struct grammar_builder b;
    struct str text;
    size_t at;
    uint32_t depth;
    struct named_rule {
        struct str name;
        uint32_t rule;
        uint64_t row; // where it was named first
        bool made;
    } * names; // by rule
    uint32_t count;
};

static char peek(const struct reader *r) {
    return r->at < r->text.size ? r->text.data[r->at] : '\0';
}

static struct expression *fail(struct reader *r) {
    size_t end = r->at;
    while (end < r->text.size && end - r->at < 24 && r->text.data[end] != '\n') end++;
    struct str rest = {r->text.data + r->at, end - r->at};
    return grammar_fail(&r->b, ERR_INPUT, "grammar.syntax", rest.size ? rest : STR("::="));
}

// Blanks and comments; `lines`: line ends too.
static void skip(struct reader *r, bool lines) {
    for (; r->at < r->text.size; r->at++) {
        char c = peek(r);
        if (c == '#') {
            while (r->at < r->text.size && peek(r) != '\n') r->at++;
            c = peek(r);
        }
        if (c == '\n' ? !lines : c != ' ' && c != '\t' && c != '\r') return;
        r->b.row += c == '\n';
    }
}

static bool name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static struct str name(struct reader *r) {
    size_t start = r->at;
    while (name_char(peek(r))) r->at++;
    return (struct str){r->text.data + start, r->at - start};
}

static struct named_rule *rule_named(struct reader *r, struct str name) {
    for (uint32_t i = 0; i < r->count; i++) {
        if (str_equal(r->names[i].name, name)) return &r->names[i];
    }
    if (r->count == NAMES_MAX) {
        grammar_fail(&r->b, ERR_LIMIT, "grammar.too_large", STR_NONE);
        return &r->names[0];
    }
    char *copy = arena_take(r->b.arena, name.size + 1);
    if (copy) memcpy(copy, name.data, name.size);
    uint32_t rule = r->count ? rule_new(&r->b, copy ? (struct str){copy, name.size} : STR_NONE) : 0;
    r->names[r->count] = (struct named_rule){name, rule, r->b.row, false};
    return &r->names[r->count++];
}

// ---- literals ----------------------------------------------------------------------------------

static uint32_t escaped(struct reader *r) { // the backslash is taken
    char c = peek(r);
    uint32_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0, value = 0;
    r->at++;
    for (uint32_t i = 0; i < digits; i++, r->at++) {
        char d = (char)(peek(r) | 32);
        bool digit = peek(r) >= '0' && peek(r) <= '9';
        if (!digit && (d < 'a' || d > 'f')) fail(r);
        value = value * 16 + (uint32_t)(digit ? peek(r) - '0' : d - 'a' + 10);
    }
    if (digits) {
        if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) fail(r);
        return value;
    }
    if (c == 'n') return '\n';
    if (c == 'r') return '\r';
    if (c == 't') return '\t';
    if (!c || name_char(c)) fail(r);
    return (uint8_t)c;
}

static uint32_t character(struct reader *r) {
    if (peek(r) != '\\') return utf8_next(r->text, &r->at);
    r->at++;
    return escaped(r);
}

static struct expression *literal(struct reader *r) { // behind the quote
    struct expression *e = expression_empty(&r->b);
    while (r->b.err == OK && r->at < r->text.size && peek(r) != '"' && peek(r) != '\n') {
        char bytes[4];
        size_t size = utf8_put(bytes, character(r));
        e = expression_then(&r->b, e, expression_text(&r->b, (struct str){bytes, size}));
    }
    if (peek(r) != '"') return fail(r);
    r->at++;
    return e;
}

static struct expression *set(struct reader *r) { // behind the bracket
    struct range ranges[RANGES_MAX], tidy[RANGES_MAX + 1];
    uint32_t count = 0;
    bool turned = peek(r) == '^';
    if (turned) r->at++;
    while (r->b.err == OK && r->at < r->text.size && peek(r) != ']' && peek(r) != '\n') {
        uint32_t from = character(r), to = from;
        if (peek(r) == '-' && r->at + 1 < r->text.size && r->text.data[r->at + 1] != ']') {
            r->at++;
            to = character(r);
        }
        if (from > to || count == RANGES_MAX) return fail(r);
        ranges[count++] = (struct range){from, to};
    }
    if (peek(r) != ']') return fail(r);
    r->at++;
    count = ranges_tidy(ranges, count, turned, tidy);
    return count ? expression_characters(&r->b, tidy, count) : fail(r);
}

// ---- expressions -------------------------------------------------------------------------------

static struct expression *either(struct reader *r, bool inside);

static struct expression *item(struct reader *r) {
    static const struct range any = {0, 0x10FFFF};
    char c = peek(r);
    if (name_char(c)) return expression_rule(&r->b, rule_named(r, name(r))->rule);
    r->at++;
    if (c == '"') return literal(r);
    if (c == '[') return set(r);
    if (c == '.') return expression_characters(&r->b, &any, 1);
    if (c == '(') {
        skip(r, true);
        struct expression *e = either(r, true);
        if (peek(r) != ')') return fail(r);
        r->at++;
        return e;
    }
    r->at--;
    return fail(r);
}

static bool number(struct reader *r, uint32_t *out) {
    size_t start = r->at;
    for (*out = 0; peek(r) >= '0' && peek(r) <= '9' && r->at - start < 7; r->at++) {
        *out = *out * 10 + (uint32_t)(peek(r) - '0');
    }
    return r->at > start;
}

static struct expression *repeated(struct reader *r, bool inside) {
    struct expression *e = item(r);
    skip(r, inside);
    while (e && peek(r) && strchr("?*+{", peek(r))) {
        uint32_t least = peek(r) == '+', most = peek(r) == '?' ? 1 : GRAMMAR_NONE;
        if (r->text.data[r->at++] == '{') {
            bool given = number(r, &least);
            most = least;
            if (peek(r) == ',') {
                r->at++;
                if (!number(r, &most)) most = GRAMMAR_NONE;
            } else if (!given) {
                return fail(r);
            }
            if (peek(r) != '}') return fail(r);
            r->at++;
        }
        e = expression_repeat(&r->b, e, least, most);
        skip(r, inside);
    }
    return e;
}

static struct expression *sequence(struct reader *r, bool inside) {
    struct expression *e = expression_empty(&r->b);
    skip(r, inside);
    while (e && r->at < r->text.size && !strchr("|)\n", peek(r))) {
        e = expression_then(&r->b, e, repeated(r, inside));
    }
    return e;
}

// Does the next line go on with "|"?
static bool goes_on(struct reader *r, bool inside) {
    struct reader ahead = *r;
    skip(&ahead, true);
    if (peek(&ahead) != '|') return false;
    if (!inside) {
        r->at = ahead.at;
        r->b.row = ahead.b.row;
    }
    return true;
}

static struct expression *either(struct reader *r, bool inside) {
    if (++r->depth > GRAMMAR_NESTING_MAX) {
        return grammar_fail(&r->b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    }
    struct expression *e = sequence(r, inside);
    while (e && (peek(r) == '|' || goes_on(r, inside))) {
        r->at++;
        skip(r, true);
        e = expression_or(&r->b, e, sequence(r, inside));
    }
    r->depth--;
    return e;
}

static void rule(struct reader *r) {
    struct str title = name(r);
    if (!title.size) {
        fail(r);
        return;
    }
    struct named_rule *named = rule_named(r, title);
    skip(r, true);
    if (!str_starts((struct str){r->text.data + r->at, r->text.size - r->at}, STR("::="))) {
        fail(r);
        return;
    }
    r->at += 3;
    skip(r, true);
    if (r->b.err == OK && named->made) {
        grammar_fail(&r->b, ERR_INPUT, "grammar.rule_twice", title);
    }
    rule_set(&r->b, named->rule, either(r, false));
    named->made = true;
    skip(r, false);
    if (r->b.err == OK && r->at < r->text.size && peek(r) != '\n') fail(r);
}

enum err grammar_of_text(struct str text, struct grammar **out, struct fault *fault) {
    struct reader r = {.text = text};
    builder_open(&r.b, fault);
    r.b.row = 1;
    r.names = r.b.err == OK ? ARENA_ARRAY(r.b.arena, struct named_rule, NAMES_MAX) : NULL;
    if (!r.names) grammar_fail(&r.b, ERR_MEMORY, "predict.no_memory", STR_NONE);
    if (r.b.err == OK && !utf8_valid(text)) fail(&r);
    if (r.b.err == OK) rule_named(&r, STR("root"));
    for (skip(&r, true); r.b.err == OK && r.at < text.size; skip(&r, true)) rule(&r);
    for (uint32_t i = 0; i < r.count && r.b.err == OK; i++) {
        if (r.names[i].made) continue;
        r.b.row = r.names[i].row;
        grammar_fail(&r.b, ERR_INPUT, "grammar.no_rule", r.names[i].name);
    }
    return builder_close(&r.b, out);
}
