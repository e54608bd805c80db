// Rendering: statements over the tree. Expressions stand in template_expression.c.
#include <string.h>

#include "model/language/template/template_private.h"

enum { RUN_DEPTH_MAX = 400 }; // of expressions and blocks within one another, and of macros

bool run_steps(struct run *run, uint64_t count) {
    run->steps += count;
    if (run->err == OK && run->steps > TEMPLATE_STEPS_MAX) {
        run_fail(run, "template.too_long", STR_NONE);
    }
    return run->err == OK;
}

struct value run_fail(struct run *run, const char *code, struct str detail) {
    if (run->err == OK) {
        enum err err = strstr(code, "too_") ? ERR_LIMIT : ERR_INPUT;
        run->err = fault_at(run->fault, err, code, run->line, 0, detail);
    }
    return value_undefined(STR_NONE);
}

void scope_set(struct run *run, struct str name, struct value value) {
    dict_set(run, &run->scope->names, value_text(name), value);
}

// Scopes live as long as the rendering: a macro may outlive the loop it was made in.
static bool scope_enter(struct run *run, struct scope *above) {
    struct scope *scope = ARENA_NEW(run->arena, struct scope);
    if (!scope) {
        run_fail(run, "template.too_large", STR_NONE);
        return false;
    }
    scope->above = above;
    run->scope = scope;
    return true;
}

// ---- set ---------------------------------------------------------------------------------------

static void attribute_assign(struct run *run, const struct node *target, struct value value) {
    struct value whole = run_expression(run, target->a);
    if (run->err != OK) return;
    if (whole.kind != VALUE_DICT || !whole.dict->namespace) {
        run_fail(run, "template.wrong_type", target->name);
        return;
    }
    dict_set(run, whole.dict, value_text(target->name), value);
}

static void assign(struct run *run, const struct node *target, struct value value) {
    if (run->err != OK) return;
    if (target->kind == NODE_NAME) {
        scope_set(run, target->name, value);
        return;
    }
    if (target->kind == NODE_ATTRIBUTE) {
        attribute_assign(run, target, value);
        return;
    }
    struct list *items = value_items(run, value);
    uint32_t i = 0;
    const struct node *one = target->first;
    for (; one && items && i < items->count; one = one->next) assign(run, one, items->items[i++]);
    if (items && (one || i != items->count)) run_fail(run, "template.wrong_type", STR("="));
}

static void run_set(struct run *run, const struct node *node) {
    if (node->b) {
        assign(run, node->a, run_expression(run, node->b));
        return;
    }
    struct buf captured, *out = run->out;
    struct scope *scope = run->scope;
    if (!scope_enter(run, scope)) return;
    buf_open(&captured, TEMPLATE_MEMORY_BYTES_MAX);
    run->out = &captured;
    run_body(run, node->first);
    run->scope = scope;
    run->out = out;
    struct value value = value_of_buf(run, &captured);
    // The filters' innermost node is a constant, whose value is what was captured now.
    if (node->c != node->d && run->err == OK) {
        struct node first = *node->d;
        first.value = value;
        struct node chain[16];
        uint32_t depth = 0;
        for (const struct node *f = node->c; f != node->d && depth < 16; f = f->a) {
            chain[depth++] = *f;
        }
        for (uint32_t i = 0; i < depth; i++) chain[i].a = i + 1 < depth ? &chain[i + 1] : &first;
        value = run_expression(run, &chain[0]);
    }
    assign(run, node->a, value);
}

// ---- for ---------------------------------------------------------------------------------------

// The items that pass the loop's own condition.
static struct list *items_kept(struct run *run, const struct node *node, struct list *items) {
    struct list *kept = list_new(run, items->count);
    for (uint32_t i = 0; kept && i < items->count && run->err == OK; i++) {
        struct scope *scope = run->scope;
        if (!scope_enter(run, scope)) break;
        assign(run, node->c, items->items[i]);
        bool yes = value_true(run_expression(run, node->b));
        run->scope = scope;
        if (yes) kept->items[kept->count++] = items->items[i];
    }
    return kept;
}

static void run_for(struct run *run, const struct node *node) {
    struct value over = run_expression(run, node->a);
    struct list *items = run->err == OK ? value_items(run, over) : NULL;
    if (items && node->b) items = items_kept(run, node, items);
    if (!items || run->err != OK) return;
    struct loop *loop = ARENA_NEW(run->arena, struct loop);
    if (!loop) {
        run_fail(run, "template.too_large", STR_NONE);
        return;
    }
    *loop = (struct loop){.items = items};
    for (uint32_t i = 0; i < items->count && run->err == OK; i++) {
        struct scope *scope = run->scope;
        if (!scope_enter(run, scope)) break;
        loop->index = i;
        scope_set(run, STR("loop"), (struct value){.kind = VALUE_LOOP, .loop = loop});
        assign(run, node->c, items->items[i]);
        run_body(run, node->first);
        run->scope = scope;
        bool leave = run->leaving == LEAVE_BREAK;
        run->leaving = LEAVE_NOT;
        if (leave) break;
    }
    if (items->count == 0) run_body(run, node->d);
}

// ---- macros ------------------------------------------------------------------------------------

static void macro_bind(struct run *run, const struct node *node, const struct call *call) {
    uint32_t index = 0;
    for (const struct node *p = node->a; p && run->err == OK; p = p->next, index++) {
        struct value value = value_undefined(p->name);
        bool given = index < call->count;
        if (given) value = call->items[index];
        for (uint32_t i = 0; i < call->named_count && !given; i++) {
            given = str_equal(call->named[i].name, p->name);
            if (given) value = call->named[i].value;
        }
        if (!given && p->a) value = run_expression(run, p->a);
        scope_set(run, p->name, value);
    }
    for (uint32_t i = 0; i < call->named_count; i++) {
        if (str_is(call->named[i].name, "caller")) {
            scope_set(run, STR("caller"), call->named[i].value);
        }
    }
    if (call->count > index) run_fail(run, "template.wrong_type", node->name);
}

struct value run_macro(struct run *run, const struct macro *macro, struct call *call) {
    struct buf captured, *out = run->out;
    struct scope *scope = run->scope;
    if (!scope_enter(run, macro->scope)) return value_undefined(STR_NONE);
    buf_open(&captured, TEMPLATE_MEMORY_BYTES_MAX);
    run->out = &captured;
    macro_bind(run, macro->node, call);
    run_body(run, macro->node->first);
    run->leaving = LEAVE_NOT;
    run->scope = scope;
    run->out = out;
    return value_of_buf(run, &captured);
}

static struct value macro_made(struct run *run, const struct node *node) {
    struct macro *macro = ARENA_NEW(run->arena, struct macro);
    if (!macro) return run_fail(run, "template.too_large", STR_NONE);
    *macro = (struct macro){node, run->scope};
    return (struct value){.kind = VALUE_MACRO, .macro = macro};
}

// ---- statements --------------------------------------------------------------------------------

static void run_statement(struct run *run, const struct node *node) {
    run->line = node->line;
    switch (node->kind) {
    case NODE_TEXT: buf_add_str(run->out, node->name); break;
    case NODE_OUTPUT: {
        struct value value = run_expression(run, node->a);
        if (run->err == OK) value_put(run, run->out, value);
        break;
    }
    case NODE_IF:
        run_body(run, value_true(run_expression(run, node->a)) ? node->first : node->b);
        break;
    case NODE_FOR: run_for(run, node); break;
    case NODE_SET: run_set(run, node); break;
    case NODE_MACRO: scope_set(run, node->name, macro_made(run, node)); break;
    case NODE_CALL_BLOCK: {
        struct value caller = macro_made(run, node);
        value_put(run, run->out, run_call_node(run, node->c, &caller));
        break;
    }
    case NODE_BREAK: run->leaving = LEAVE_BREAK; break;
    case NODE_CONTINUE: run->leaving = LEAVE_CONTINUE; break;
    default: break;
    }
    if (buf_err(run->out) != OK) run_fail(run, "template.too_large", STR_NONE);
}

void run_body(struct run *run, const struct node *first) {
    if (run->err != OK) return;
    if (++run->depth > RUN_DEPTH_MAX) {
        run_fail(run, "template.too_deep", STR_NONE);
        return;
    }
    for (const struct node *node = first; node && run->err == OK; node = node->next) {
        if (!run_steps(run, 1)) break;
        run_statement(run, node);
        if (run->leaving != LEAVE_NOT) break;
    }
    run->depth--;
}
