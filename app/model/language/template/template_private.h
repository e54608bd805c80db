// Inside of chat templates: template_lexer.c cuts the text, template_parse*.c make a tree of nodes,
// template_run.c and template_expression.c walk it over values (template_value.c), whose filters,
// tests and methods stand in template_filters.c and template_methods.c. Values never change once
// they are made, but for namespaces; all live in the arena of one rendering.
#pragma once

#include "base/memory.h"
#include "model/language/template/template.h"

// ---- values ------------------------------------------------------------------------------------

enum value_kind {
    VALUE_UNDEFINED, // text: its name, for the sentence
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_WHOLE,
    VALUE_REAL,
    VALUE_TEXT,
    VALUE_LIST, // tuples too
    VALUE_DICT, // namespaces too
    VALUE_LOOP,
    VALUE_MACRO,
    VALUE_FUNCTION
};
struct value {
    enum value_kind kind;
    union {
        bool yes;
        int64_t whole;
        double real;
        struct str text;
        struct list *list;
        struct dict *dict;
        struct loop *loop;
        struct macro *macro;
        struct bound *function;
    };
};
struct list {
    struct value *items;
    uint32_t count;
    bool tuple;
};
struct member {
    struct value key, value;
};
struct dict {
    struct member *members;
    uint32_t count, room;
    bool namespace;
};
struct loop {
    const struct list *items;
    uint32_t index;
    struct value changed; // what it was asked about last
};
struct macro {
    const struct node *node;
    struct scope *scope;
};
struct call { // what a function, filter or test is given
    struct value self;
    struct value *items;
    struct named {
        struct str name;
        struct value value;
    } * named;
    uint32_t count, named_count;
};
struct run;
typedef __typeof__(struct value(struct run *, struct call *)) function_call;
struct bound { // a method with its value, or a function
    function_call *function;
    struct value self;
};

// ---- the tree ----------------------------------------------------------------------------------

enum node_kind {
    NODE_TEXT,       // name
    NODE_OUTPUT,     // a
    NODE_IF,         // a: condition; first: then; b: else, a list too
    NODE_FOR,        // a: over; b: if; c: targets; first: body; d: else
    NODE_SET,        // a: targets; b: value, or first: a block (filters in c)
    NODE_MACRO,      // name; a: parameters (name, a: default); first: body
    NODE_CALL_BLOCK, // c: the call; a: parameters; first: body
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_CONSTANT,  // value
    NODE_NAME,      // name
    NODE_LIST,      // first …
    NODE_TUPLE,     // first …
    NODE_DICT,      // first …: a: key, b: value
    NODE_CONDITION, // a if b else c (NULL)
    NODE_OR,
    NODE_AND,
    NODE_NOT,
    NODE_COMPARE, // a, then first …: op, a
    NODE_BINARY,  // op
    NODE_NEGATE,
    NODE_PLUS,
    NODE_FILTER,    // a | name(first …)
    NODE_TEST,      // a is name(first …)
    NODE_ATTRIBUTE, // a.name
    NODE_ITEM,      // a[b]
    NODE_SLICE,     // a[b:c:d]
    NODE_CALL,      // a(first …); a named argument has a name and stands in `a` of an argument
    NODE_ARGUMENT,  // name, a; op: OP_MULTIPLY of *a, OP_POWER of **a
    NODE_OPERAND    // op, a
};
enum op {
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_FLOOR_DIVIDE,
    OP_REMAINDER,
    OP_POWER,
    OP_CONCAT,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_IN,
    OP_NOT_IN
};
struct node {
    enum node_kind kind;
    enum op op;
    uint32_t line;
    function_call *function; // of a filter or test, found when it is read
    struct str name;
    struct value value;
    struct node *a, *b, *c, *d, *first, *next;
};
struct template {
    struct arena *arena;
    const struct node *first;
};

// ---- reading -----------------------------------------------------------------------------------

enum token_of {
    LEX_NAME,
    LEX_TEXT,
    LEX_WHOLE,
    LEX_REAL,
    LEX_MARK, // its text: "==", "(" …
    LEX_CLOSE // of the tag
};
struct lexeme {
    enum token_of of;
    struct str text;
    int64_t whole;
    double real;
};
enum tag { TAG_NONE, TAG_OUTPUT, TAG_BLOCK };
struct parser {
    struct arena *arena;
    struct str text;
    size_t at;
    uint32_t line, depth, braces, loops;
    enum tag tag;               // within which we read
    bool strip_next, trim_next; // white space, or one line's end, that the last tag takes away
    struct lexeme token;
    enum err err;
    struct fault *fault;
};
// Text up to the next tag, white space taken away as the tags say. False at the end of all.
bool lexer_text(struct parser *parser, struct str *text, enum tag *tag);
void lexer_next(struct parser *parser);                  // the next of a tag into parser->token
bool lexer_raw(struct parser *parser, struct str *text); // up to endraw
void *parser_fail(struct parser *parser, const char *code, struct str detail); // NULL always

struct node *node_new(struct parser *parser, enum node_kind kind);
bool token_is(const struct parser *parser, enum token_of of, const char *text);
bool token_take(struct parser *parser, enum token_of of, const char *text);
bool token_need(struct parser *parser, enum token_of of, const char *text);
struct node *parse_body(struct parser *parser);
struct node *parse_expression(struct parser *parser); // one
struct node *parse_without_if(struct parser *parser); // "… in LIST if …"
// One, or several with commas: a tuple.
struct node *parse_several(struct parser *parser, struct node *(*one)(struct parser *));
struct node *parse_arguments(struct parser *parser); // behind "("
struct node *parse_filters(struct parser *parser, struct node *value);

// ---- running -----------------------------------------------------------------------------------

struct scope {
    struct scope *above;
    struct dict names;
};
enum leaving { LEAVE_NOT, LEAVE_CONTINUE, LEAVE_BREAK };
struct run {
    struct arena *arena;
    struct buf *out;
    struct scope *scope;
    int64_t now_ms;
    uint64_t steps;
    uint32_t depth, line;
    enum leaving leaving;
    enum err err; // the first; all after it gives undefined
    struct fault *fault;
};
void run_body(struct run *run, const struct node *first);
struct value run_expression(struct run *run, const struct node *node);
struct value run_call(struct run *run, struct value callee, struct call *call);
// A call as it stands in the tree; `caller`: the macro that a call block is, or NULL.
struct value run_call_node(struct run *run, const struct node *node, const struct value *caller);
struct value run_macro(struct run *run, const struct macro *macro, struct call *call);
void scope_set(struct run *run, struct str name, struct value value);
// Counts work; false: there was too much of it.
bool run_steps(struct run *run, uint64_t count);
struct value run_fail(struct run *run, const char *code, struct str detail); // undefined

struct value value_bool(bool yes);
struct value value_whole(int64_t whole);
struct value value_real(double real);
struct value value_text(struct str text); // not copied
struct value value_copy(struct run *run, struct str text);
struct value value_of_buf(struct run *run, struct buf *buf); // copies and closes
struct value value_none(void);
struct value value_undefined(struct str name);
struct value value_of_json(struct run *run, const struct json *node);
// A list with room for `count`, to be filled; NULL on error.
struct list *list_new(struct run *run, uint64_t count);
struct value value_list(struct list *list);
void dict_set(struct run *run, struct dict *dict, struct value key, struct value value);
const struct value *dict_find(const struct dict *dict, struct value key); // or NULL
struct value value_dict(struct dict *dict);

const char *value_kind_name(struct value value);
bool value_true(struct value value);
bool value_equal(struct run *run, struct value a, struct value b);
// <0, 0, >0; fails where the two have no order.
int value_compare(struct run *run, struct value a, struct value b);
bool value_contains(struct run *run, struct value whole, struct value part);
bool value_number(struct value value, double *out);
void value_put(struct run *run, struct buf *out, struct value value); // as Python's str()
struct value value_to_text(struct run *run, struct value value);
struct json_style { // as Python's json.dumps has it
    int64_t indent; // below 0: all on one line
    struct str between, colon;
    bool ascii, sorted;
};
void value_put_json(struct run *run, struct buf *out, struct value value,
                    const struct json_style *style, uint32_t depth);
// What a loop goes over: a list's items, a text's characters, a dict's keys. NULL on error.
struct list *value_items(struct run *run, struct value value);
int64_t value_length(struct run *run, struct value value);
struct value value_item(struct run *run, struct value whole, struct value key);
struct value value_attribute(struct run *run, struct value whole, struct str name);
struct value value_slice(struct run *run, struct value whole, const struct value limits[3]);

// An argument by place or name; `otherwise` where it is absent.
struct value argument_of(const struct call *call, uint32_t index, const char *name,
                         struct value otherwise);
struct str text_argument(struct run *run, const struct call *call, uint32_t index, const char *name,
                         struct str otherwise);
struct function_row {
    const char *name;
    function_call *function;
};
function_call *function_find(const struct function_row *rows, size_t count, struct str name);
function_call *filter_find(struct str name); // NULL: there is none
function_call *test_find(struct str name);
function_call *text_method_find(struct str name);
function_call *dict_method_find(struct str name);
void globals_set(struct run *run);
