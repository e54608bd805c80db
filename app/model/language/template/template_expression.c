// Rendering: expressions.
#include <math.h>
#include <string.h>

#include "model/language/template/template_private.h"

enum { EXPRESSION_DEPTH_MAX = 500 };

static struct value wrong(struct run *run, struct value a, struct value b, const char *what) {
    struct value odd = a.kind == VALUE_UNDEFINED ? a : b;
    if (odd.kind == VALUE_UNDEFINED) return run_fail(run, "template.undefined", odd.text);
    return run_fail(run, "template.wrong_type", str_of(what));
}

// ---- names -------------------------------------------------------------------------------------

static struct value name_value(struct run *run, struct str name) {
    struct value key = value_text(name);
    for (const struct scope *scope = run->scope; scope; scope = scope->above) {
        const struct value *found = dict_find(&scope->names, key);
        if (found) return *found;
    }
    return value_undefined(name);
}

// ---- arithmetic --------------------------------------------------------------------------------

static struct value concat(struct run *run, struct str a, struct str b) {
    if (!run_steps(run, (a.size + b.size) / 64)) return value_undefined(STR_NONE);
    char *both = arena_take(run->arena, a.size + b.size + 1);
    if (!both) return run_fail(run, "template.too_large", STR_NONE);
    if (a.size) memcpy(both, a.data, a.size);
    if (b.size) memcpy(both + a.size, b.data, b.size);
    return value_text((struct str){both, a.size + b.size});
}

static struct value lists_joined(struct run *run, const struct list *a, const struct list *b) {
    struct list *list = list_new(run, (uint64_t)a->count + b->count);
    if (!list) return value_undefined(STR_NONE);
    if (a->count) memcpy(list->items, a->items, sizeof *a->items * a->count);
    if (b->count) memcpy(list->items + a->count, b->items, sizeof *b->items * b->count);
    list->count = a->count + b->count;
    list->tuple = a->tuple;
    return value_list(list);
}

static struct value repeated(struct run *run, struct value value, int64_t times) {
    struct value result = value.kind == VALUE_TEXT ? value_text(STR("")) : value;
    if (value.kind == VALUE_TEXT) {
        struct buf text;
        buf_open(&text, TEMPLATE_MEMORY_BYTES_MAX);
        for (int64_t i = 0; i < times && run_steps(run, 1); i++) buf_add_str(&text, value.text);
        return value_of_buf(run, &text);
    }
    struct list *list = list_new(run, 0);
    for (int64_t i = 0; i < times && list && run->err == OK; i++) {
        result = lists_joined(run, list, value.list);
        list = run->err == OK ? result.list : NULL;
    }
    return value_list(list);
}

static bool is_whole(struct value value) {
    return value.kind == VALUE_WHOLE || value.kind == VALUE_BOOL;
}

static int64_t whole_of(struct value value) {
    return value.kind == VALUE_BOOL ? value.yes : value.whole;
}

// Python's: rounded down, the remainder with the divisor's sign.
static struct value divided(struct run *run, enum op op, int64_t a, int64_t b) {
    if (b == 0 || (a == INT64_MIN && b == -1)) {
        return run_fail(run, "template.wrong_type", STR("/ 0"));
    }
    int64_t quotient = a / b, rest = a % b;
    if (rest != 0 && (rest < 0) != (b < 0)) quotient--, rest += b;
    return value_whole(op == OP_REMAINDER ? rest : quotient);
}

static struct value whole_result(struct run *run, enum op op, int64_t a, int64_t b) {
    int64_t result = 1;
    bool over = false;
    switch (op) {
    case OP_ADD: over = __builtin_add_overflow(a, b, &result); break;
    case OP_SUBTRACT: over = __builtin_sub_overflow(a, b, &result); break;
    case OP_MULTIPLY: over = __builtin_mul_overflow(a, b, &result); break;
    case OP_FLOOR_DIVIDE:
    case OP_REMAINDER: return divided(run, op, a, b);
    case OP_POWER:
        if (b < 0) return value_real(pow((double)a, (double)b));
        for (int64_t i = 0; i < b && !over && i < 64; i++) {
            over = __builtin_mul_overflow(result, a, &result);
        }
        over |= b > 63 && (a > 1 || a < -1);
        if (b > 63 && a == -1) result = b % 2 ? -1 : 1;
        break;
    default: break;
    }
    if (over) return run_fail(run, "template.too_large", STR_NONE);
    return value_whole(result);
}

static struct value real_result(struct run *run, enum op op, double a, double b) {
    if (b == 0 && (op == OP_DIVIDE || op == OP_FLOOR_DIVIDE || op == OP_REMAINDER)) {
        return run_fail(run, "template.wrong_type", STR("/ 0"));
    }
    switch (op) {
    case OP_ADD: return value_real(a + b);
    case OP_SUBTRACT: return value_real(a - b);
    case OP_MULTIPLY: return value_real(a * b);
    case OP_DIVIDE: return value_real(a / b);
    case OP_FLOOR_DIVIDE: return value_real(floor(a / b));
    case OP_REMAINDER: return value_real(a - b * floor(a / b));
    default: return value_real(pow(a, b));
    }
}

static struct value binary(struct run *run, const struct node *node) {
    static const char *const names[] = {"+", "-", "*", "/", "//", "%", "**", "~"};
    struct value a = run_expression(run, node->a), b = run_expression(run, node->b);
    double x, y;
    if (run->err != OK) return value_undefined(STR_NONE);
    if (node->op == OP_CONCAT) {
        a = value_to_text(run, a);
        b = value_to_text(run, b);
        return run->err == OK ? concat(run, a.text, b.text) : a;
    }
    if (is_whole(a) && is_whole(b) && node->op != OP_DIVIDE) {
        return whole_result(run, node->op, whole_of(a), whole_of(b));
    }
    if (value_number(a, &x) && value_number(b, &y)) return real_result(run, node->op, x, y);
    if (node->op == OP_ADD && a.kind == VALUE_TEXT && b.kind == VALUE_TEXT) {
        return concat(run, a.text, b.text);
    }
    if (node->op == OP_ADD && a.kind == VALUE_LIST && b.kind == VALUE_LIST &&
        a.list->tuple == b.list->tuple) {
        return lists_joined(run, a.list, b.list);
    }
    bool many = a.kind == VALUE_TEXT || a.kind == VALUE_LIST;
    if (node->op == OP_MULTIPLY && many && is_whole(b)) return repeated(run, a, whole_of(b));
    many = b.kind == VALUE_TEXT || b.kind == VALUE_LIST;
    if (node->op == OP_MULTIPLY && many && is_whole(a)) return repeated(run, b, whole_of(a));
    return wrong(run, a, b, names[node->op]);
}

static struct value signed_value(struct run *run, const struct node *node) {
    struct value value = run_expression(run, node->a);
    double x;
    bool minus = node->kind == NODE_NEGATE;
    if (is_whole(value)) {
        return whole_result(run, minus ? OP_SUBTRACT : OP_ADD, 0, whole_of(value));
    }
    if (value_number(value, &x)) return value_real(minus ? -x : x);
    return wrong(run, value, value, minus ? "-" : "+");
}

static bool holds(struct run *run, enum op op, struct value a, struct value b) {
    switch (op) {
    case OP_EQUAL: return value_equal(run, a, b);
    case OP_NOT_EQUAL: return !value_equal(run, a, b);
    case OP_LESS: return value_compare(run, a, b) < 0;
    case OP_LESS_EQUAL: return value_compare(run, a, b) <= 0;
    case OP_GREATER: return value_compare(run, a, b) > 0;
    case OP_GREATER_EQUAL: return value_compare(run, a, b) >= 0;
    case OP_IN: return value_contains(run, b, a);
    default: return !value_contains(run, b, a);
    }
}

static struct value comparison(struct run *run, const struct node *node) {
    struct value left = run_expression(run, node->a);
    bool yes = true;
    for (const struct node *i = node->first; i && yes && run->err == OK; i = i->next) {
        struct value right = run_expression(run, i->a);
        if (run->err == OK) yes = holds(run, i->op, left, right);
        left = right;
    }
    return value_bool(yes);
}

// ---- lists, calls ------------------------------------------------------------------------------

static struct value list_made(struct run *run, const struct node *node) {
    uint32_t count = 0;
    for (const struct node *i = node->first; i; i = i->next) count++;
    struct list *list = list_new(run, count);
    for (const struct node *i = node->first; i && list; i = i->next) {
        list->items[list->count++] = run_expression(run, i);
    }
    if (list) list->tuple = node->kind == NODE_TUPLE;
    return value_list(list);
}

static struct value dict_made(struct run *run, const struct node *node) {
    struct dict *dict = ARENA_NEW(run->arena, struct dict);
    if (!dict) return run_fail(run, "template.too_large", STR_NONE);
    for (const struct node *i = node->first; i && run->err == OK; i = i->next) {
        struct value key = run_expression(run, i->a);
        dict_set(run, dict, key, run_expression(run, i->b));
    }
    return value_dict(dict);
}

// How many arguments one is: *list and **dict stand for several.
static uint32_t argument_count(struct run *run, const struct node *node, struct value *value) {
    *value = run_expression(run, node->a);
    if (node->op == OP_MULTIPLY) {
        struct list *items = value_items(run, *value);
        *value = value_list(items);
        return items ? items->count : 0;
    }
    if (node->op != OP_POWER) return 1;
    if (value->kind != VALUE_DICT) run_fail(run, "template.wrong_type", STR("**"));
    return run->err == OK ? value->dict->count : 0;
}

static void argument_add(struct run *run, const struct node *node, struct value value,
                         struct call *call) {
    if (node->op == OP_MULTIPLY) {
        for (uint32_t i = 0; i < value.list->count; i++) {
            call->items[call->count++] = value.list->items[i];
        }
    } else if (node->op == OP_POWER) {
        for (uint32_t i = 0; i < value.dict->count; i++) {
            const struct member *member = &value.dict->members[i];
            if (member->key.kind != VALUE_TEXT) run_fail(run, "template.wrong_type", STR("**"));
            struct str name = member->key.kind == VALUE_TEXT ? member->key.text : STR("");
            call->named[call->named_count++] = (struct named){name, member->value};
        }
    } else if (node->name.size) {
        call->named[call->named_count++] = (struct named){node->name, value};
    } else {
        call->items[call->count++] = value;
    }
}

static void arguments_eval(struct run *run, const struct node *first, struct call *call) {
    uint32_t nodes = 0, count = 0, at = 0;
    for (const struct node *i = first; i; i = i->next) nodes++;
    struct value *values = ARENA_ARRAY(run->arena, struct value, nodes + 1);
    for (const struct node *i = first; i && values && run->err == OK; i = i->next) {
        count += argument_count(run, i, &values[at++]);
    }
    call->items = ARENA_ARRAY(run->arena, struct value, count + 1);
    call->named = ARENA_ARRAY(run->arena, struct named, count + 2); // and the caller of a macro
    if (!values || !call->items || !call->named) run_fail(run, "template.too_large", STR_NONE);
    at = 0;
    for (const struct node *i = first; i && run->err == OK; i = i->next) {
        argument_add(run, i, values[at++], call);
    }
}

struct value run_call(struct run *run, struct value callee, struct call *call) {
    if (run->err != OK) return value_undefined(STR_NONE);
    if (callee.kind == VALUE_MACRO) return run_macro(run, callee.macro, call);
    if (callee.kind == VALUE_FUNCTION) {
        call->self = callee.function->self;
        return callee.function->function(run, call);
    }
    if (callee.kind == VALUE_UNDEFINED) return run_fail(run, "template.undefined", callee.text);
    return run_fail(run, "template.wrong_type", str_of(value_kind_name(callee)));
}

static struct value called(struct run *run, const struct node *node) {
    struct call call = {0};
    if (node->kind != NODE_CALL) { // a filter or a test
        call.self = run_expression(run, node->a);
        arguments_eval(run, node->first, &call);
        return run->err == OK ? node->function(run, &call) : value_undefined(STR_NONE);
    }
    return run_call_node(run, node, NULL);
}

struct value run_call_node(struct run *run, const struct node *node, const struct value *caller) {
    struct call call = {0};
    struct value callee = run_expression(run, node->a);
    arguments_eval(run, node->first, &call);
    if (run->err != OK) return value_undefined(STR_NONE);
    if (caller) call.named[call.named_count++] = (struct named){STR("caller"), *caller};
    return run_call(run, callee, &call);
}

static struct value slice(struct run *run, const struct node *node) {
    struct value whole = run_expression(run, node->a);
    const struct node *const nodes[3] = {node->b, node->c, node->d};
    struct value limits[3];
    for (uint32_t i = 0; i < 3; i++) {
        limits[i] = nodes[i] ? run_expression(run, nodes[i]) : value_none();
    }
    return run->err == OK ? value_slice(run, whole, limits) : value_undefined(STR_NONE);
}

// ---- the switch --------------------------------------------------------------------------------

static struct value condition(struct run *run, const struct node *node) {
    if (value_true(run_expression(run, node->b))) return run_expression(run, node->a);
    return node->c ? run_expression(run, node->c) : value_undefined(STR("if"));
}

static struct value either(struct run *run, const struct node *node) {
    struct value left = run_expression(run, node->a);
    bool enough = value_true(left) == (node->kind == NODE_OR);
    return enough || run->err != OK ? left : run_expression(run, node->b);
}

static struct value evaluated(struct run *run, const struct node *node) {
    switch (node->kind) {
    case NODE_CONSTANT: return node->value;
    case NODE_NAME: return name_value(run, node->name);
    case NODE_LIST:
    case NODE_TUPLE: return list_made(run, node);
    case NODE_DICT: return dict_made(run, node);
    case NODE_CONDITION: return condition(run, node);
    case NODE_OR:
    case NODE_AND: return either(run, node);
    case NODE_NOT: return value_bool(!value_true(run_expression(run, node->a)));
    case NODE_COMPARE: return comparison(run, node);
    case NODE_BINARY: return binary(run, node);
    case NODE_NEGATE:
    case NODE_PLUS: return signed_value(run, node);
    case NODE_ATTRIBUTE: {
        struct value whole = run_expression(run, node->a);
        return run->err == OK ? value_attribute(run, whole, node->name) : whole;
    }
    case NODE_ITEM: {
        struct value whole = run_expression(run, node->a), key = run_expression(run, node->b);
        return run->err == OK ? value_item(run, whole, key) : whole;
    }
    case NODE_SLICE: return slice(run, node);
    default: return called(run, node);
    }
}

struct value run_expression(struct run *run, const struct node *node) {
    if (run->err != OK || !node || !run_steps(run, 1)) return value_undefined(STR_NONE);
    if (++run->depth > EXPRESSION_DEPTH_MAX) {
        return run_fail(run, "template.too_deep", STR_NONE);
    }
    run->line = node->line;
    struct value value = evaluated(run, node);
    run->depth--;
    return value;
}
