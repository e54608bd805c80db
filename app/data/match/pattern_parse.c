// The text of a pattern as a tree, by recursive descent; faults say at which character.
#include <string.h>

#include "base/text.h"
#include "data/match/pattern_private.h"

struct parser {
    struct arena *arena;
    struct str text;
    size_t at;
    unsigned flags;
    uint32_t depth;
    struct fault *fault;
};

static enum err parser_fault(struct parser *parser, enum err err, const char *code, size_t at) {
    struct str before = {parser->text.data, at < parser->text.size ? at : parser->text.size};
    return fault_at(parser->fault, err, code, 0, utf8_count(before) + 1, STR_NONE);
}

static enum err too_large(struct parser *parser) {
    return parser_fault(parser, ERR_LIMIT, "pattern.too_large", parser->at);
}

static bool at_end(const struct parser *parser) {
    return parser->at >= parser->text.size;
}

static char peek(const struct parser *parser) {
    return at_end(parser) ? '\0' : parser->text.data[parser->at];
}

static bool take(struct parser *parser, const char *wanted) {
    struct str rest = {parser->text.data + parser->at, parser->text.size - parser->at};
    if (!str_starts(rest, str_of(wanted))) return false;
    parser->at += strlen(wanted);
    return true;
}

// ---- escapes ------------------------------------------------------------------------------------

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Hexadecimal digits, exactly `digits` of them or, in braces, 1 to 6.
static bool take_hex(struct parser *parser, uint32_t digits, uint32_t *out) {
    uint32_t value = 0, seen = 0;
    bool braces = take(parser, "{");
    uint32_t most = braces ? 6 : digits;
    while (seen < most && hex_digit(peek(parser)) >= 0) {
        value = value * 16 + (uint32_t)hex_digit(peek(parser));
        parser->at++;
        seen++;
    }
    if (braces ? seen == 0 || !take(parser, "}") : seen != digits) return false;
    if (value > CHARACTER_MAX || (value >= 0xD800 && value < 0xE000)) return false;
    *out = value;
    return true;
}

// What stands behind a backslash: one character (*named 0), or a named class.
static enum err take_escape(struct parser *parser, uint32_t *character, char *named,
                            bool *negated) {
    size_t start = parser->at++;
    *named = '\0';
    if (at_end(parser)) return parser_fault(parser, ERR_INPUT, "pattern.bad_escape", start);
    char c = peek(parser);
    if (strchr("dwsDWS", c)) {
        parser->at++;
        *negated = c < 'a';
        *named = (char)(c | 0x20);
        return OK;
    }
    if (take(parser, "p{Han}") || take(parser, "P{Han}")) {
        *negated = c == 'P';
        *named = 'h';
        return OK;
    }
    static const char letters[] = "ntrfv", meant[] = "\n\t\r\f\v";
    const char *letter = strchr(letters, c);
    if (letter) {
        parser->at++;
        *character = (uint32_t)meant[letter - letters];
        return OK;
    }
    if (c == 'x' || c == 'u') {
        parser->at++;
        if (take_hex(parser, c == 'x' ? 2 : 4, character)) return OK;
        return parser_fault(parser, ERR_INPUT, "pattern.bad_escape", start);
    }
    if (c >= '0' && c <= '9') {
        return parser_fault(parser, ERR_INPUT, "pattern.no_backreference", start);
    }
    if (c == 'b' || c == 'B') {
        return parser_fault(parser, ERR_INPUT, "pattern.no_word_border", start);
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        return parser_fault(parser, ERR_INPUT, "pattern.bad_escape", start);
    }
    *character = utf8_next(parser->text, &parser->at);
    return OK;
}

static enum err add_named(struct parser *parser, struct ranges *ranges, char named, bool negated) {
    struct ranges own = {0};
    enum err err = ranges_add_named(parser->arena, &own, named);
    if (err == OK && negated) err = ranges_negate(parser->arena, &own);
    for (uint32_t i = 0; i < own.count && err == OK; i++) {
        err = ranges_add(parser->arena, ranges, own.items[i].from, own.items[i].to);
    }
    return err == OK ? OK : too_large(parser);
}

// ---- [classes] ----------------------------------------------------------------------------------

static enum err class_item(struct parser *parser, uint32_t *character, char *named, bool *negated) {
    *named = '\0';
    if (peek(parser) == '\\') return take_escape(parser, character, named, negated);
    *character = utf8_next(parser->text, &parser->at);
    return OK;
}

static enum err take_class(struct parser *parser, struct ranges *ranges) {
    size_t start = parser->at++;
    bool negate = take(parser, "^"), first = true, negated = false;
    for (;; first = false) {
        if (at_end(parser)) {
            return parser_fault(parser, ERR_INPUT, "pattern.unclosed_class", start);
        }
        if (!first && take(parser, "]")) break;
        uint32_t from, to;
        char named;
        size_t item = parser->at;
        enum err err = class_item(parser, &from, &named, &negated);
        if (err != OK) return err;
        if (named) {
            err = add_named(parser, ranges, named, negated);
            if (err != OK) return err;
            continue;
        }
        to = from;
        bool range = parser->at + 1 < parser->text.size && peek(parser) == '-' &&
                     parser->text.data[parser->at + 1] != ']';
        if (range) {
            parser->at++;
            err = class_item(parser, &to, &named, &negated);
            if (err != OK) return err;
            if (named || to < from) {
                return parser_fault(parser, ERR_INPUT, "pattern.bad_range", item);
            }
        }
        if (ranges_add(parser->arena, ranges, from, to) != OK) return too_large(parser);
    }
    ranges_settle(ranges);
    if (parser->flags & PATTERN_FOLD && ranges_fold(parser->arena, ranges) != OK) {
        return too_large(parser);
    }
    if (negate && ranges_negate(parser->arena, ranges) != OK) return too_large(parser);
    return OK;
}

// ---- the tree -----------------------------------------------------------------------------------

static struct node *node_new(struct parser *parser, enum node_kind kind) {
    struct node *node = ARENA_NEW(parser->arena, struct node);
    if (node) node->kind = kind;
    return node;
}

static enum err parse_either(struct parser *parser, struct node **out);

static enum err parse_group(struct parser *parser, struct node **out) {
    size_t start = parser->at++;
    if (peek(parser) == '?' && !take(parser, "?:")) {
        return parser_fault(parser, ERR_INPUT, "pattern.no_look", start);
    }
    if (++parser->depth > LIMIT_PATTERN_DEPTH) {
        return parser_fault(parser, ERR_LIMIT, "pattern.too_deep", start);
    }
    enum err err = parse_either(parser, out);
    if (err != OK) return err;
    parser->depth--;
    if (!take(parser, ")")) {
        return parser_fault(parser, ERR_INPUT, "pattern.unclosed_group", start);
    }
    return OK;
}

static enum err characters_node(struct parser *parser, struct node **out) {
    struct node *node = node_new(parser, NODE_CHARACTERS);
    if (!node) return too_large(parser);
    *out = node;
    char c = peek(parser), named;
    uint32_t character = 0;
    bool negated;
    enum err err = OK;
    if (c == '[') return take_class(parser, &node->ranges);
    if (c == '.') {
        parser->at++;
        err = ranges_add(parser->arena, &node->ranges, '\n', '\n');
        if (err == OK) err = ranges_negate(parser->arena, &node->ranges);
        return err == OK ? OK : too_large(parser);
    }
    err = class_item(parser, &character, &named, &negated);
    if (err != OK) return err;
    if (named) {
        err = add_named(parser, &node->ranges, named, negated);
        if (err == OK) ranges_settle(&node->ranges);
        return err;
    }
    err = ranges_add(parser->arena, &node->ranges, character, character);
    if (err == OK && parser->flags & PATTERN_FOLD) err = ranges_fold(parser->arena, &node->ranges);
    return err == OK ? OK : too_large(parser);
}

static enum err parse_atom(struct parser *parser, struct node **out) {
    char c = peek(parser);
    if (c == '(') return parse_group(parser, out);
    if (c == '^' || c == '$') {
        parser->at++;
        *out = node_new(parser, c == '^' ? NODE_BEGIN : NODE_END);
        return *out ? OK : too_large(parser);
    }
    if (c == '*' || c == '+' || c == '?' || c == '{') {
        return parser_fault(parser, ERR_INPUT, "pattern.nothing_to_repeat", parser->at);
    }
    return characters_node(parser, out);
}

static bool take_number(struct parser *parser, uint32_t *out) {
    uint32_t value = 0, digits = 0;
    while (peek(parser) >= '0' && peek(parser) <= '9' && digits < 6) {
        value = value * 10 + (uint32_t)(peek(parser) - '0');
        parser->at++;
        digits++;
    }
    *out = value;
    return digits > 0;
}

// {n}, {n,}, {n,m}
static enum err take_counts(struct parser *parser, uint32_t *least, uint32_t *most) {
    size_t start = parser->at++;
    bool good = take_number(parser, least);
    *most = *least;
    if (good && take(parser, ",")) {
        if (!take_number(parser, most)) *most = UINT32_MAX;
    }
    good = good && take(parser, "}") && *least <= *most && *least <= LIMIT_PATTERN_REPEAT &&
           (*most <= LIMIT_PATTERN_REPEAT || *most == UINT32_MAX);
    return good ? OK : parser_fault(parser, ERR_INPUT, "pattern.bad_repeat", start);
}

static enum err parse_repeat(struct parser *parser, struct node **out) {
    enum err err = parse_atom(parser, out);
    if (err != OK) return err;
    uint32_t least, most;
    if (take(parser, "*")) {
        least = 0, most = UINT32_MAX;
    } else if (take(parser, "+")) {
        least = 1, most = UINT32_MAX;
    } else if (take(parser, "?")) {
        least = 0, most = 1;
    } else if (peek(parser) == '{') {
        err = take_counts(parser, &least, &most);
        if (err != OK) return err;
    } else {
        return OK;
    }
    char next = peek(parser);
    if (next == '?') return parser_fault(parser, ERR_INPUT, "pattern.no_lazy", parser->at);
    bool anchor = (*out)->kind == NODE_BEGIN || (*out)->kind == NODE_END;
    if (anchor || next == '*' || next == '+' || next == '{') {
        return parser_fault(parser, ERR_INPUT, "pattern.nothing_to_repeat", parser->at);
    }
    struct node *repeat = node_new(parser, NODE_REPEAT);
    if (!repeat) return too_large(parser);
    repeat->least = least;
    repeat->most = most;
    repeat->inner = *out;
    *out = repeat;
    return OK;
}

static enum err parse_chain(struct parser *parser, struct node **out) {
    struct node *chain = node_new(parser, NODE_CHAIN), **next;
    if (!chain) return too_large(parser);
    next = &chain->inner;
    while (!at_end(parser) && peek(parser) != '|' && peek(parser) != ')') {
        enum err err = parse_repeat(parser, next);
        if (err != OK) return err;
        next = &(*next)->next;
    }
    *out = chain;
    return OK;
}

static enum err parse_either(struct parser *parser, struct node **out) {
    struct node *either = node_new(parser, NODE_EITHER), **next;
    if (!either) return too_large(parser);
    next = &either->inner;
    do {
        enum err err = parse_chain(parser, next);
        if (err != OK) return err;
        next = &(*next)->next;
    } while (take(parser, "|"));
    *out = either;
    return OK;
}

enum err pattern_parse(struct arena *arena, struct str text, unsigned flags, struct node **out,
                       struct fault *fault) {
    struct parser parser = {arena, text, 0, flags, 0, fault};
    if (text.size > LIMIT_PATTERN_BYTES) {
        return fault_set(fault, ERR_LIMIT, "pattern.too_long", STR_NONE);
    }
    if (!utf8_valid(text)) return fault_set(fault, ERR_INPUT, "pattern.not_text", STR_NONE);
    if (take(&parser, "(?i)")) parser.flags |= PATTERN_FOLD;
    if (at_end(&parser)) return parser_fault(&parser, ERR_INPUT, "pattern.empty", 0);
    enum err err = parse_either(&parser, out);
    if (err == OK && peek(&parser) == ')') {
        err = parser_fault(&parser, ERR_INPUT, "pattern.stray_close", parser.at);
    }
    return err;
}
