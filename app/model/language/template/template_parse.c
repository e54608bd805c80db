// From a template's text to its tree: statements. Expressions stand in template_parse_expression.c.
#include <string.h>

#include "model/language/template/template_private.h"

void *parser_fail(struct parser *p, const char *code, struct str detail) {
    if (p->err == OK) {
        enum err err = strstr(code, "too_")     ? ERR_LIMIT
                       : strstr(code, "memory") ? ERR_MEMORY
                                                : ERR_INPUT;
        p->err = fault_at(p->fault, err, code, p->line, 0, detail);
    }
    p->at = p->text.size; // so that every loop comes to its end
    p->tag = TAG_NONE;
    p->token = (struct lexeme){.of = LEX_CLOSE};
    return NULL;
}

static void *unexpected(struct parser *p) {
    struct str text = p->token.of == LEX_CLOSE ? STR("%}") : p->token.text;
    return parser_fail(p, "template.syntax", text);
}

struct node *node_new(struct parser *p, enum node_kind kind) {
    struct node *node = ARENA_NEW(p->arena, struct node);
    if (!node) return parser_fail(p, "template.too_large", STR_NONE);
    node->kind = kind;
    node->line = p->line;
    return node;
}

bool token_is(const struct parser *p, enum token_of of, const char *text) {
    return p->err == OK && p->token.of == of && str_is(p->token.text, text);
}

bool token_take(struct parser *p, enum token_of of, const char *text) {
    if (!token_is(p, of, text)) return false;
    lexer_next(p);
    return true;
}

bool token_need(struct parser *p, enum token_of of, const char *text) {
    if (token_take(p, of, text)) return true;
    if (p->err == OK) unexpected(p);
    return false;
}

static bool close_need(struct parser *p) {
    if (p->err == OK && p->token.of != LEX_CLOSE) unexpected(p);
    return p->err == OK;
}

// ---- lists of statements -----------------------------------------------------------------------

static struct node *statement(struct parser *p);

// Does the block that was just opened end the one we are in?
static bool ends_here(const struct parser *p) {
    static const char *const ends[] = {"elif",     "else",   "endif",   "endfor",
                                       "endmacro", "endset", "endcall", "endgeneration"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (token_is(p, LEX_NAME, ends[i])) return true;
    }
    return false;
}

static struct node *output(struct parser *p) {
    struct node *node = node_new(p, NODE_OUTPUT);
    if (!node) return NULL;
    node->a = parse_several(p, parse_expression);
    return close_need(p) ? node : NULL;
}

// Up to a block that ends it, whose name is then the token; or to the end of the text.
struct node *parse_body(struct parser *p) {
    struct node *first = NULL, **last = &first;
    struct str text;
    enum tag tag;
    if (++p->depth > TEMPLATE_DEPTH_MAX) return parser_fail(p, "template.too_deep", STR_NONE);
    while (p->err == OK) {
        if (!lexer_text(p, &text, &tag)) break;
        if (text.size) {
            struct node *node = node_new(p, NODE_TEXT);
            if (!node) break;
            node->name = text;
            *last = node;
            last = &node->next;
        }
        if (tag == TAG_BLOCK && ends_here(p)) break;
        struct node *node = tag == TAG_OUTPUT ? output(p) : tag == TAG_BLOCK ? statement(p) : NULL;
        *last = node;
        while (*last) last = &(*last)->next;
    }
    p->depth--;
    return first;
}

// A body and the block that must end it.
static struct node *body_until(struct parser *p, const char *end) {
    struct node *first = close_need(p) ? parse_body(p) : NULL;
    if (token_need(p, LEX_NAME, end)) close_need(p);
    return first;
}

// ---- statements ------------------------------------------------------------------------------

static struct node *statement_if(struct parser *p) {
    struct node *node = node_new(p, NODE_IF);
    if (!node) return NULL;
    node->a = parse_several(p, parse_expression);
    node->first = close_need(p) ? parse_body(p) : NULL;
    if (token_is(p, LEX_NAME, "elif")) {
        if (++p->depth > TEMPLATE_DEPTH_MAX) return parser_fail(p, "template.too_deep", STR_NONE);
        lexer_next(p);
        node->b = statement_if(p);
        p->depth--;
        return node;
    }
    if (token_take(p, LEX_NAME, "else")) {
        node->b = body_until(p, "endif");
    } else if (token_need(p, LEX_NAME, "endif")) {
        close_need(p);
    }
    return node;
}

// NAME, NAME.NAME, or several NAMEs.
static struct node *target_one(struct parser *p) {
    struct node *node = node_new(p, NODE_NAME);
    if (!node) return NULL;
    if (p->token.of != LEX_NAME) return unexpected(p);
    node->name = p->token.text;
    lexer_next(p);
    if (!token_take(p, LEX_MARK, ".")) return node;
    struct node *whole = node_new(p, NODE_ATTRIBUTE);
    if (!whole) return NULL;
    if (p->token.of != LEX_NAME) return unexpected(p);
    whole->a = node;
    whole->name = p->token.text;
    lexer_next(p);
    return whole;
}

static struct node *target(struct parser *p) {
    bool parenthesis = token_take(p, LEX_MARK, "(");
    struct node *node = parse_several(p, target_one);
    if (parenthesis) token_need(p, LEX_MARK, ")");
    return node;
}

static struct node *statement_for(struct parser *p) {
    struct node *node = node_new(p, NODE_FOR);
    if (!node) return NULL;
    node->c = target(p);
    if (!token_need(p, LEX_NAME, "in")) return NULL;
    node->a = parse_several(p, parse_without_if);
    if (token_take(p, LEX_NAME, "if")) node->b = parse_expression(p);
    if (token_is(p, LEX_NAME, "recursive")) {
        return parser_fail(p, "template.unsupported", p->token.text);
    }
    p->loops++;
    node->first = close_need(p) ? parse_body(p) : NULL;
    p->loops--;
    if (token_take(p, LEX_NAME, "else")) {
        node->d = body_until(p, "endfor");
    } else if (token_need(p, LEX_NAME, "endfor")) {
        close_need(p);
    }
    return node;
}

static struct node *statement_set(struct parser *p) {
    struct node *node = node_new(p, NODE_SET);
    if (!node) return NULL;
    node->a = target(p);
    if (token_take(p, LEX_MARK, "=")) {
        node->b = parse_several(p, parse_expression);
        return close_need(p) ? node : NULL;
    }
    // {% set NAME | filter %}…{% endset %}: the filters work on what NODE_CONSTANT is given.
    struct node *block = node_new(p, NODE_CONSTANT);
    if (!block) return NULL;
    node->d = block;
    node->c = parse_filters(p, block);
    node->first = body_until(p, "endset");
    return node;
}

static struct node *parameters(struct parser *p) {
    struct node *first = NULL, **last = &first;
    token_need(p, LEX_MARK, "(");
    while (p->err == OK && !token_take(p, LEX_MARK, ")")) {
        struct node *node = node_new(p, NODE_ARGUMENT);
        if (!node) break;
        if (p->token.of != LEX_NAME) return unexpected(p);
        node->name = p->token.text;
        lexer_next(p);
        if (token_take(p, LEX_MARK, "=")) node->a = parse_expression(p);
        *last = node;
        last = &node->next;
        if (!token_is(p, LEX_MARK, ")")) token_need(p, LEX_MARK, ",");
    }
    return first;
}

static struct node *statement_macro(struct parser *p) {
    struct node *node = node_new(p, NODE_MACRO);
    if (!node) return NULL;
    if (p->token.of != LEX_NAME) return unexpected(p);
    node->name = p->token.text;
    lexer_next(p);
    node->a = parameters(p);
    uint32_t loops = p->loops;
    p->loops = 0;
    node->first = body_until(p, "endmacro");
    p->loops = loops;
    return node;
}

// {% call(parameters) macro(arguments) %}body{% endcall %}
static struct node *statement_call(struct parser *p) {
    struct node *node = node_new(p, NODE_CALL_BLOCK);
    if (!node) return NULL;
    node->name = STR("caller");
    if (token_is(p, LEX_MARK, "(")) node->a = parameters(p);
    node->c = parse_expression(p);
    if (node->c && node->c->kind != NODE_CALL) return unexpected(p);
    uint32_t loops = p->loops;
    p->loops = 0;
    node->first = body_until(p, "endcall");
    p->loops = loops;
    return node;
}

static struct node *statement_raw(struct parser *p) {
    struct node *node = node_new(p, NODE_TEXT);
    if (!node || !close_need(p)) return NULL;
    if (!lexer_raw(p, &node->name)) return parser_fail(p, "template.syntax", STR("raw"));
    return node;
}

static struct node *statement_leave(struct parser *p, enum node_kind kind) {
    struct node *node = node_new(p, kind);
    if (node && p->loops == 0) return parser_fail(p, "template.syntax", STR("break"));
    return close_need(p) ? node : NULL;
}

static struct node *statement(struct parser *p) {
    struct lexeme name = p->token;
    if (p->err != OK || name.of != LEX_NAME) return unexpected(p);
    lexer_next(p);
    if (str_is(name.text, "if")) return statement_if(p);
    if (str_is(name.text, "for")) return statement_for(p);
    if (str_is(name.text, "set")) return statement_set(p);
    if (str_is(name.text, "macro")) return statement_macro(p);
    if (str_is(name.text, "call")) return statement_call(p);
    if (str_is(name.text, "raw")) return statement_raw(p);
    if (str_is(name.text, "break")) return statement_leave(p, NODE_BREAK);
    if (str_is(name.text, "continue")) return statement_leave(p, NODE_CONTINUE);
    // What a model is taught to write stands in it: no more than its content to us.
    if (str_is(name.text, "generation")) return body_until(p, "endgeneration");
    static const char *const known[] = {"include", "import",     "from",   "extends",
                                        "block",   "call",       "filter", "do",
                                        "with",    "autoescape", "trans",  "debug"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (str_is(name.text, known[i])) {
            return parser_fail(p, "template.unsupported", name.text);
        }
    }
    return parser_fail(p, "template.syntax", name.text);
}
