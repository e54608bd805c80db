// From a template's text to its tree: expressions, in Jinja's order of what binds closer: if, or,
// and, not, comparisons, + and -, ~, * and /, **, signs, and filters and tests closest of all.
#include <string.h>

#include "model/language/template/template_private.h"

static struct node *unary(struct parser *p, bool filters);

// Every way into an expression goes through here, so that its depth is bounded.
static bool deeper(struct parser *p) {
    if (p->err != OK) return false;
    if (++p->depth <= TEMPLATE_DEPTH_MAX) return true;
    parser_fail(p, "template.too_deep", STR_NONE);
    return false;
}

static struct node *pair(struct parser *p, enum node_kind kind, struct node *a, struct node *b) {
    struct node *node = node_new(p, kind);
    if (!node) return NULL;
    node->a = a;
    node->b = b;
    return node;
}

// ---- operators ---------------------------------------------------------------------------------

static struct node *power(struct parser *p) {
    struct node *left = unary(p, true);
    while (token_take(p, LEX_MARK, "**")) {
        left = pair(p, NODE_BINARY, left, unary(p, true));
        if (left) left->op = OP_POWER;
    }
    return left;
}

struct infix {
    const char *text;
    enum op op;
};

// One level of operators that go from left to right.
static struct node *level(struct parser *p, struct node *(*below)(struct parser *),
                          const struct infix *operators, size_t count) {
    struct node *left = below(p);
    for (size_t i = 0; i < count && p->err == OK;) {
        if (!token_take(p, LEX_MARK, operators[i].text)) {
            i++;
            continue;
        }
        left = pair(p, NODE_BINARY, left, below(p));
        if (left) left->op = operators[i].op;
        i = 0;
    }
    return left;
}

static struct node *product(struct parser *p) {
    static const struct infix operators[] = {
        {"*", OP_MULTIPLY}, {"/", OP_DIVIDE}, {"//", OP_FLOOR_DIVIDE}, {"%", OP_REMAINDER}};
    return level(p, power, operators, 4);
}

static struct node *joined(struct parser *p) {
    static const struct infix operators[] = {{"~", OP_CONCAT}};
    return level(p, product, operators, 1);
}

static struct node *sum(struct parser *p) {
    static const struct infix operators[] = {{"+", OP_ADD}, {"-", OP_SUBTRACT}};
    return level(p, joined, operators, 2);
}

static bool comparison_take(struct parser *p, enum op *op) {
    static const struct infix operators[] = {{"==", OP_EQUAL},  {"!=", OP_NOT_EQUAL},
                                             {"<", OP_LESS},    {"<=", OP_LESS_EQUAL},
                                             {">", OP_GREATER}, {">=", OP_GREATER_EQUAL}};
    for (size_t i = 0; i < 6; i++) {
        *op = operators[i].op;
        if (token_take(p, LEX_MARK, operators[i].text)) return true;
    }
    *op = OP_IN;
    if (token_take(p, LEX_NAME, "in")) return true;
    if (!token_is(p, LEX_NAME, "not")) return false;
    struct parser before = *p;
    lexer_next(p);
    *op = OP_NOT_IN;
    if (token_take(p, LEX_NAME, "in")) return true;
    if (p->err == OK) *p = before;
    return false;
}

static struct node *comparison(struct parser *p) {
    struct node *left = sum(p), *whole = NULL, **last = NULL;
    enum op op;
    while (p->err == OK && comparison_take(p, &op)) {
        if (!whole) {
            whole = pair(p, NODE_COMPARE, left, NULL);
            if (!whole) return NULL;
            last = &whole->first;
        }
        struct node *operand = pair(p, NODE_OPERAND, sum(p), NULL);
        if (!operand) return NULL;
        operand->op = op;
        *last = operand;
        last = &operand->next;
    }
    return whole ? whole : left;
}

static struct node *negation(struct parser *p) {
    if (!token_is(p, LEX_NAME, "not")) return comparison(p);
    if (!deeper(p)) return NULL;
    lexer_next(p);
    struct node *node = pair(p, NODE_NOT, negation(p), NULL);
    p->depth--;
    return node;
}

static struct node *conjunction(struct parser *p) {
    struct node *left = negation(p);
    while (token_take(p, LEX_NAME, "and")) left = pair(p, NODE_AND, left, negation(p));
    return left;
}

struct node *parse_without_if(struct parser *p) {
    if (!deeper(p)) return NULL;
    struct node *left = conjunction(p);
    while (token_take(p, LEX_NAME, "or")) left = pair(p, NODE_OR, left, conjunction(p));
    p->depth--;
    return left;
}

struct node *parse_expression(struct parser *p) {
    if (!deeper(p)) return NULL;
    struct node *value = parse_without_if(p);
    while (token_take(p, LEX_NAME, "if")) {
        struct node *node = pair(p, NODE_CONDITION, value, parse_without_if(p));
        if (!node) return NULL;
        if (token_take(p, LEX_NAME, "else")) node->c = parse_expression(p);
        value = node;
    }
    p->depth--;
    return value;
}

// ---- values ------------------------------------------------------------------------------------

static bool list_ends(const struct parser *p) {
    return p->err != OK || p->token.of == LEX_CLOSE || token_is(p, LEX_MARK, ")") ||
           token_is(p, LEX_MARK, "]") || token_is(p, LEX_MARK, "=") || token_is(p, LEX_NAME, "in");
}

struct node *parse_several(struct parser *p, struct node *(*one)(struct parser *)) {
    struct node *first = one(p);
    if (!first || !token_is(p, LEX_MARK, ",")) return first;
    struct node *tuple = node_new(p, NODE_TUPLE), **last = &first->next;
    if (!tuple) return NULL;
    tuple->first = first;
    while (token_take(p, LEX_MARK, ",") && !list_ends(p)) {
        struct node *next = one(p);
        if (!next) return NULL;
        *last = next;
        last = &next->next;
    }
    return tuple;
}

static struct node *constant(struct parser *p, struct value value) {
    struct node *node = node_new(p, NODE_CONSTANT);
    if (node) node->value = value;
    return node;
}

static struct node *text_value(struct parser *p) {
    struct str text = p->token.text;
    lexer_next(p);
    while (p->err == OK && p->token.of == LEX_TEXT) { // "a" "b" are one
        struct str more = p->token.text;
        char *both = arena_take(p->arena, text.size + more.size + 1);
        if (!both) return parser_fail(p, "template.too_large", STR_NONE);
        memcpy(both, text.data, text.size);
        memcpy(both + text.size, more.data, more.size);
        text = (struct str){both, text.size + more.size};
        lexer_next(p);
    }
    return constant(p, (struct value){.kind = VALUE_TEXT, .text = text});
}

static struct node *name_value(struct parser *p) {
    struct str name = p->token.text;
    lexer_next(p);
    bool yes = str_is(name, "true") || str_is(name, "True");
    if (yes || str_is(name, "false") || str_is(name, "False")) {
        return constant(p, (struct value){.kind = VALUE_BOOL, .yes = yes});
    }
    if (str_is(name, "none") || str_is(name, "None")) {
        return constant(p, (struct value){.kind = VALUE_NONE});
    }
    struct node *node = node_new(p, NODE_NAME);
    if (node) node->name = name;
    return node;
}

static struct node *list_value(struct parser *p) {
    struct node *node = node_new(p, NODE_LIST), **last = node ? &node->first : NULL;
    while (node && p->err == OK && !token_take(p, LEX_MARK, "]")) {
        struct node *item = parse_expression(p);
        if (!item) return NULL;
        *last = item;
        last = &item->next;
        if (!token_is(p, LEX_MARK, "]")) token_need(p, LEX_MARK, ",");
    }
    return node;
}

static struct node *dict_value(struct parser *p) {
    struct node *node = node_new(p, NODE_DICT), **last = node ? &node->first : NULL;
    while (node && p->err == OK && !token_take(p, LEX_MARK, "}")) {
        struct node *key = parse_expression(p);
        token_need(p, LEX_MARK, ":");
        struct node *item = pair(p, NODE_OPERAND, key, parse_expression(p));
        if (!item) return NULL;
        *last = item;
        last = &item->next;
        if (!token_is(p, LEX_MARK, "}")) token_need(p, LEX_MARK, ",");
    }
    return node;
}

static struct node *parentheses(struct parser *p) {
    if (token_take(p, LEX_MARK, ")")) return node_new(p, NODE_TUPLE);
    struct node *node = parse_several(p, parse_expression);
    token_need(p, LEX_MARK, ")");
    return node;
}

static struct node *primary(struct parser *p) {
    struct lexeme token = p->token;
    if (p->err != OK) return NULL;
    switch (token.of) {
    case LEX_NAME: return name_value(p);
    case LEX_TEXT: return text_value(p);
    case LEX_WHOLE:
        lexer_next(p);
        return constant(p, (struct value){.kind = VALUE_WHOLE, .whole = token.whole});
    case LEX_REAL:
        lexer_next(p);
        return constant(p, (struct value){.kind = VALUE_REAL, .real = token.real});
    default: break;
    }
    if (token_take(p, LEX_MARK, "(")) return parentheses(p);
    if (token_take(p, LEX_MARK, "[")) return list_value(p);
    if (token_take(p, LEX_MARK, "{")) return dict_value(p);
    return parser_fail(p, "template.syntax", token.of == LEX_CLOSE ? STR("}}") : token.text);
}

// ---- what comes behind a value -----------------------------------------------------------------

// Is the name that is the token followed by "=", not by "=="?
static bool names_argument(const struct parser *p) {
    size_t at = p->at;
    if (p->token.of != LEX_NAME) return false;
    while (at < p->text.size && (p->text.data[at] == ' ' || p->text.data[at] == '\n')) at++;
    return at + 1 < p->text.size && p->text.data[at] == '=' && p->text.data[at + 1] != '=';
}

struct node *parse_arguments(struct parser *p) {
    struct node *first = NULL, **last = &first;
    while (p->err == OK && !token_take(p, LEX_MARK, ")")) {
        struct node *node = node_new(p, NODE_ARGUMENT);
        if (!node) return NULL;
        node->op = OP_ADD;
        if (token_take(p, LEX_MARK, "*")) node->op = OP_MULTIPLY; // *list, **dict
        if (token_take(p, LEX_MARK, "**")) node->op = OP_POWER;
        if (names_argument(p)) {
            node->name = p->token.text;
            lexer_next(p);
            token_need(p, LEX_MARK, "=");
        }
        node->a = parse_expression(p);
        *last = node;
        last = &node->next;
        if (!token_is(p, LEX_MARK, ")")) token_need(p, LEX_MARK, ",");
    }
    return first;
}

static struct node *subscript(struct parser *p, struct node *whole) {
    struct node *limits[3] = {NULL, NULL, NULL};
    uint32_t colons = 0;
    while (p->err == OK && !token_is(p, LEX_MARK, "]")) {
        if (token_take(p, LEX_MARK, ":")) {
            if (++colons > 2) return parser_fail(p, "template.syntax", STR(":"));
        } else if (!limits[colons]) {
            limits[colons] = parse_expression(p);
        } else {
            return parser_fail(p, "template.syntax", p->token.text);
        }
    }
    token_need(p, LEX_MARK, "]");
    if (!colons && !limits[0]) return parser_fail(p, "template.syntax", STR("]"));
    struct node *node = pair(p, colons ? NODE_SLICE : NODE_ITEM, whole, limits[0]);
    if (!node) return NULL;
    node->c = limits[1];
    node->d = limits[2];
    return node;
}

static struct node *attribute(struct parser *p, struct node *whole) {
    struct lexeme token = p->token;
    struct node *node = pair(p, token.of == LEX_WHOLE ? NODE_ITEM : NODE_ATTRIBUTE, whole, NULL);
    if (!node) return NULL;
    lexer_next(p);
    if (token.of == LEX_WHOLE) { // list.0
        node->b = constant(p, (struct value){.kind = VALUE_WHOLE, .whole = token.whole});
        return node;
    }
    if (token.of != LEX_NAME) return parser_fail(p, "template.syntax", token.text);
    node->name = token.text;
    return node;
}

static struct node *call(struct parser *p, struct node *callee) {
    struct node *node = pair(p, NODE_CALL, callee, NULL);
    if (node) node->first = parse_arguments(p);
    return node;
}

static struct node *postfix(struct parser *p, struct node *value) {
    while (p->err == OK && value) {
        if (token_take(p, LEX_MARK, ".")) {
            value = attribute(p, value);
        } else if (token_take(p, LEX_MARK, "[")) {
            value = subscript(p, value);
        } else if (token_take(p, LEX_MARK, "(")) {
            value = call(p, value);
        } else {
            break;
        }
    }
    return value;
}

static struct node *filter(struct parser *p, struct node *value) {
    struct node *node = pair(p, NODE_FILTER, value, NULL);
    if (!node) return NULL;
    node->name = p->token.text;
    node->function = p->token.of == LEX_NAME ? filter_find(p->token.text) : NULL;
    if (!node->function) return parser_fail(p, "template.unsupported", p->token.text);
    lexer_next(p);
    if (token_take(p, LEX_MARK, "(")) node->first = parse_arguments(p);
    return node;
}

// Does an argument without parentheses follow, as in "x is divisibleby 3"?
static bool test_argument(const struct parser *p) {
    if (p->token.of == LEX_CLOSE) return false;
    if (p->token.of == LEX_MARK) {
        return token_is(p, LEX_MARK, "[") || token_is(p, LEX_MARK, "{");
    }
    static const char *const others[] = {"else", "or", "and", "is", "if", "in", "not"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (token_is(p, LEX_NAME, others[i])) return false;
    }
    return true;
}

static struct node *test(struct parser *p, struct node *value) {
    bool not = token_take(p, LEX_NAME, "not");
    struct node *node = pair(p, NODE_TEST, value, NULL);
    if (!node) return NULL;
    // "none", "true", "in" are names of tests too.
    node->name = p->token.text;
    node->function = p->token.of == LEX_NAME ? test_find(p->token.text) : NULL;
    if (!node->function) return parser_fail(p, "template.unsupported", p->token.text);
    lexer_next(p);
    if (token_take(p, LEX_MARK, "(")) {
        node->first = parse_arguments(p);
    } else if (test_argument(p)) {
        struct node *argument = pair(p, NODE_ARGUMENT, postfix(p, primary(p)), NULL);
        if (!argument) return NULL;
        node->first = argument;
    }
    return not ? pair(p, NODE_NOT, node, NULL) : node;
}

struct node *parse_filters(struct parser *p, struct node *value) {
    while (p->err == OK && value) {
        if (token_take(p, LEX_MARK, "|")) {
            value = filter(p, value);
        } else if (token_take(p, LEX_NAME, "is")) {
            value = test(p, value);
        } else if (token_take(p, LEX_MARK, "(")) {
            value = call(p, value);
        } else {
            break;
        }
    }
    return value;
}

static struct node *unary(struct parser *p, bool filters) {
    if (!deeper(p)) return NULL;
    bool minus = token_is(p, LEX_MARK, "-");
    struct node *value;
    if (minus || token_is(p, LEX_MARK, "+")) {
        lexer_next(p);
        value = pair(p, minus ? NODE_NEGATE : NODE_PLUS, unary(p, false), NULL);
    } else {
        value = primary(p);
    }
    value = postfix(p, value);
    if (filters) value = parse_filters(p, value);
    p->depth--;
    return value;
}
