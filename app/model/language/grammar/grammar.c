// Expressions, and from them the rules of a grammar.
#include "model/language/grammar/grammar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/language/grammar/grammar_private.h"

enum { GRAMMAR_BYTES_MAX = 256 << 20, LOWER_DEPTH_MAX = 2000 };

struct expression *grammar_fail(struct grammar_builder *b, enum err err, const char *code,
                                struct str detail) {
    char text[FAULT_DETAIL_SIZE];
    if (b->where.size && detail.size) {
        snprintf(text, sizeof text, "%.*s: %.*s", (int)b->where.size, b->where.text,
                 (int)(detail.size < 64 ? detail.size : 64), detail.data);
        detail = str_of(text);
    }
    if (b->err == OK) b->err = fault_at(b->fault, err, code, b->row, 0, detail);
    return NULL;
}

static struct expression *expression_new(struct grammar_builder *b, enum expression_kind kind) {
    if (b->err != OK) return NULL;
    struct expression *e = ARENA_NEW(b->arena, struct expression);
    if (e) {
        e->kind = kind;
    } else {
        grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    }
    return e;
}

struct expression *expression_empty(struct grammar_builder *b) {
    return expression_new(b, EXPRESSION_EMPTY);
}

struct expression *expression_set(struct grammar_builder *b, const struct byte_set *set) {
    struct expression *e = expression_new(b, EXPRESSION_BYTES);
    const struct byte_set *sets = (const struct byte_set *)(const void *)b->sets.data;
    uint32_t count = (uint32_t)(b->sets.size / sizeof *set), i = 0;
    if (!e) return NULL;
    while (i < count && memcmp(&sets[i], set, sizeof *set) != 0) i++;
    if (i == count) buf_add(&b->sets, set, sizeof *set);
    if (buf_err(&b->sets) != OK) return grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    e->set = i;
    return e;
}

struct expression *expression_bytes(struct grammar_builder *b, uint8_t from, uint8_t to) {
    struct byte_set set = {{0}};
    for (uint32_t byte = from; byte <= to; byte++) set.bits[byte >> 6] |= 1ull << (byte & 63);
    return expression_set(b, &set);
}

static struct expression *pair(struct grammar_builder *b, enum expression_kind kind,
                               struct expression *first, struct expression *second) {
    if (!first || !second) return NULL;
    struct expression *e = expression_new(b, kind);
    if (!e) return NULL;
    e->first = first;
    e->second = second;
    return e;
}

struct expression *expression_then(struct grammar_builder *b, struct expression *first,
                                   struct expression *second) {
    if (first && first->kind == EXPRESSION_EMPTY) return second;
    if (second && second->kind == EXPRESSION_EMPTY) return first;
    return pair(b, EXPRESSION_SEQUENCE, first, second);
}

struct expression *expression_or(struct grammar_builder *b, struct expression *first,
                                 struct expression *second) {
    return pair(b, EXPRESSION_EITHER, first, second);
}

struct expression *expression_text(struct grammar_builder *b, struct str text) {
    struct expression *e = expression_empty(b);
    for (size_t i = text.size; i-- > 0;) {
        uint8_t byte = (uint8_t)text.data[i];
        e = expression_then(b, expression_bytes(b, byte, byte), e);
    }
    return e;
}

struct expression *expression_repeat(struct grammar_builder *b, struct expression *e,
                                     uint32_t least, uint32_t most) {
    if (most < least) return grammar_fail(b, ERR_INPUT, "grammar.wrong", STR("{m,n}"));
    struct expression *repeat = e ? expression_new(b, EXPRESSION_REPEAT) : NULL;
    if (!repeat) return NULL;
    repeat->first = e;
    repeat->least = least;
    repeat->most = most;
    return repeat;
}

struct expression *expression_maybe(struct grammar_builder *b, struct expression *e) {
    return expression_or(b, e, expression_empty(b));
}

struct expression *expression_rule(struct grammar_builder *b, uint32_t rule) {
    struct expression *e = expression_new(b, EXPRESSION_RULE);
    if (e) e->rule = rule;
    return e;
}

// ---- characters --------------------------------------------------------------------------------

static int range_compare(const void *a, const void *b) {
    const struct range *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

uint32_t ranges_tidy(struct range *ranges, uint32_t count, bool turned, struct range *out) {
    uint32_t made = 0, next = 0;
    qsort(ranges, count, sizeof *ranges, range_compare);
    for (uint32_t i = 0; i < count; i++) {
        if (made && ranges[i].from <= out[made - 1].to + 1) {
            if (ranges[i].to > out[made - 1].to) out[made - 1].to = ranges[i].to;
        } else {
            out[made++] = ranges[i];
        }
    }
    if (!turned) return made;
    for (uint32_t i = 0; i < made; i++) { // in place: the i-th gap ends where range i begins
        struct range range = out[i];
        out[i] = (struct range){next, range.from};
        next = range.to + 1;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < made; i++) {
        if (out[i].to > out[i].from) out[kept++] = (struct range){out[i].from, out[i].to - 1};
    }
    if (next <= 0x10FFFF) out[kept++] = (struct range){next, 0x10FFFF};
    return kept;
}

// Characters of one length in UTF-8, [from, to]: split until each byte has a range of its own.
static struct expression *same_length(struct grammar_builder *b, uint32_t from, uint32_t to) {
    uint8_t x[4], y[4];
    size_t size = utf8_put((char *)x, from), at = 0;
    utf8_put((char *)y, to);
    while (at < size && x[at] == y[at]) at++;
    for (size_t tail = size - 1; tail > at && tail > 0; tail--) {
        uint32_t mask = (1u << (6 * (size - tail))) - 1; // of the bytes from `tail` on
        if ((from & mask) != 0) {
            uint32_t end = from | mask;
            return expression_or(b, same_length(b, from, end), same_length(b, end + 1, to));
        }
        if ((to & mask) != mask) {
            uint32_t start = to & ~mask;
            return expression_or(b, same_length(b, from, start - 1), same_length(b, start, to));
        }
    }
    struct expression *e = expression_empty(b);
    for (size_t i = size; i-- > 0;) e = expression_then(b, expression_bytes(b, x[i], y[i]), e);
    return e;
}

struct expression *expression_characters(struct grammar_builder *b, const struct range *ranges,
                                         uint32_t count) {
    static const struct range lengths[] = {// surrogates are no characters
                                           {0, 0x7F},
                                           {0x80, 0x7FF},
                                           {0x800, 0xD7FF},
                                           {0xE000, 0xFFFF},
                                           {0x10000, 0x10FFFF}};
    struct byte_set ascii = {{0}};
    bool any = false;
    struct expression *e = NULL;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t c = ranges[i].from; c <= ranges[i].to && c < 0x80; c++) {
            ascii.bits[c >> 6] |= 1ull << (c & 63);
            any = true;
        }
    }
    if (any) e = expression_set(b, &ascii);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t l = 1; l < 5 && b->err == OK; l++) {
            uint32_t from = ranges[i].from > lengths[l].from ? ranges[i].from : lengths[l].from;
            uint32_t to = ranges[i].to < lengths[l].to ? ranges[i].to : lengths[l].to;
            if (from > to) continue;
            struct expression *one = same_length(b, from, to);
            e = e ? expression_or(b, e, one) : one;
        }
    }
    return e ? e : grammar_fail(b, ERR_INPUT, "grammar.wrong", STR("[]"));
}

// ---- rules -------------------------------------------------------------------------------------

void builder_open(struct grammar_builder *b, struct fault *fault) {
    *b = (struct grammar_builder){.fault = fault};
    struct buf *bufs[] = {&b->elements, &b->sets, &b->rules, &b->alternatives};
    for (size_t i = 0; i < 4; i++) buf_open(bufs[i], GRAMMAR_BYTES_MAX);
    b->err = arena_open(GRAMMAR_BYTES_MAX, &b->arena);
    if (b->err != OK) b->err = fault_set(fault, b->err, "predict.no_memory", STR_NONE);
    rule_new(b, STR("root"));
}

uint32_t rule_new(struct grammar_builder *b, struct str name) {
    struct rule rule = {.name = name};
    uint32_t index = (uint32_t)(b->rules.size / sizeof rule);
    buf_add(&b->rules, &rule, sizeof rule);
    if (index >= GRAMMAR_ELEMENTS_MAX || buf_err(&b->rules) != OK) {
        grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
        return 0;
    }
    return index;
}

static void sequence_lower(struct grammar_builder *b, struct expression *e, struct buf *out);

static void element_add(struct buf *out, enum element_kind kind, uint32_t index) {
    struct element element = {kind, index};
    buf_add(out, &element, sizeof element);
}

// One alternative: its elements, moved to the grammar's when it is whole.
static void alternative_lower(struct grammar_builder *b, struct expression *e, struct buf *starts) {
    struct buf elements;
    buf_open(&elements, GRAMMAR_BYTES_MAX);
    sequence_lower(b, e, &elements);
    element_add(&elements, ELEMENT_END, 0);
    uint32_t start = (uint32_t)(b->elements.size / sizeof(struct element));
    buf_add_str(&b->elements, buf_str(&elements));
    buf_add(starts, &start, sizeof start);
    bool full = start > GRAMMAR_ELEMENTS_MAX || buf_err(&b->elements) != OK ||
                buf_err(&elements) != OK || buf_err(starts) != OK;
    if (full) grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    buf_close(&elements);
}

// The alternatives of "a | b | c", from left to right.
static void alternatives_lower(struct grammar_builder *b, struct expression *e,
                               struct buf *starts) {
    if (b->err != OK) return;
    while (e->kind == EXPRESSION_EITHER && !e->own_rule) {
        if (e->first->kind == EXPRESSION_EITHER) {
            if (++b->depth > LOWER_DEPTH_MAX) {
                grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
                return;
            }
            alternatives_lower(b, e->first, starts);
            b->depth--;
        } else {
            alternative_lower(b, e->first, starts);
        }
        if (b->err != OK) return;
        e = e->second;
    }
    alternative_lower(b, e, starts);
}

static void rule_finish(struct grammar_builder *b, uint32_t index, struct buf *starts) {
    struct rule *rule = (struct rule *)(void *)b->rules.data + index;
    rule->first = (uint32_t)(b->alternatives.size / sizeof(uint32_t));
    rule->count = (uint32_t)(starts->size / sizeof(uint32_t));
    buf_add_str(&b->alternatives, buf_str(starts));
    buf_close(starts);
}

void rule_set(struct grammar_builder *b, uint32_t rule, struct expression *e) {
    struct buf starts;
    if (b->err != OK || !e) return;
    buf_open(&starts, GRAMMAR_BYTES_MAX);
    alternatives_lower(b, e, &starts);
    if (b->err == OK) rule_finish(b, rule, &starts);
    buf_close(&starts);
}

// "a b c | d" within a sequence: a rule of its own.
static uint32_t either_lower(struct grammar_builder *b, struct expression *e) {
    if (!e->own_rule) {
        uint32_t rule = rule_new(b, STR_NONE);
        rule_set(b, rule, e);
        e->own_rule = rule + 1;
    }
    return e->own_rule - 1;
}

// What is repeated, as one element.
static struct element repeated_lower(struct grammar_builder *b, struct expression *e) {
    if (e->kind == EXPRESSION_BYTES) return (struct element){ELEMENT_BYTES, e->set};
    if (e->kind == EXPRESSION_RULE) return (struct element){ELEMENT_RULE, e->rule};
    if (!e->own_rule) {
        uint32_t rule = rule_new(b, STR_NONE);
        rule_set(b, rule, e);
        e->own_rule = rule + 1;
    }
    return (struct element){ELEMENT_RULE, e->own_rule - 1};
}

// A rule "one next |" (GRAMMAR_NONE: itself).
static uint32_t chain_rule(struct grammar_builder *b, struct element one, uint32_t next) {
    uint32_t rule = rule_new(b, STR_NONE);
    struct buf starts;
    buf_open(&starts, 256);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t start = (uint32_t)(b->elements.size / sizeof one);
        buf_add(&starts, &start, sizeof start);
        if (i == 0) {
            buf_add(&b->elements, &one, sizeof one);
            if (next != UINT32_MAX - 1) {
                element_add(&b->elements, ELEMENT_RULE, next == GRAMMAR_NONE ? rule : next);
            }
        }
        element_add(&b->elements, ELEMENT_END, 0);
    }
    if (b->elements.size / sizeof one > GRAMMAR_ELEMENTS_MAX || buf_err(&b->elements) != OK) {
        grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    }
    if (b->err == OK) rule_finish(b, rule, &starts);
    buf_close(&starts);
    return rule;
}

static void repeat_lower(struct grammar_builder *b, struct expression *e, struct buf *out) {
    struct element one = repeated_lower(b, e->first);
    if (e->least > GRAMMAR_ELEMENTS_MAX ||
        (e->most != GRAMMAR_NONE && e->most - e->least > GRAMMAR_ELEMENTS_MAX)) {
        grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
        return;
    }
    for (uint32_t i = 0; i < e->least && b->err == OK; i++) buf_add(out, &one, sizeof one);
    if (e->most == e->least || b->err != OK) return;
    if (!e->tail) {
        uint32_t next = e->most == GRAMMAR_NONE ? GRAMMAR_NONE : UINT32_MAX - 1; // the last: none
        uint32_t times = e->most == GRAMMAR_NONE ? 1 : e->most - e->least;
        for (uint32_t i = 0; i < times && b->err == OK; i++) next = chain_rule(b, one, next);
        e->tail = next + 1;
    }
    element_add(out, ELEMENT_RULE, e->tail - 1);
}

static void sequence_lower(struct grammar_builder *b, struct expression *e, struct buf *out) {
    if (++b->depth > LOWER_DEPTH_MAX) {
        grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    }
    while (b->err == OK && e->kind == EXPRESSION_SEQUENCE) {
        sequence_lower(b, e->first, out);
        e = e->second;
    }
    if (b->err == OK) {
        switch (e->kind) {
        case EXPRESSION_BYTES: element_add(out, ELEMENT_BYTES, e->set); break;
        case EXPRESSION_RULE: element_add(out, ELEMENT_RULE, e->rule); break;
        case EXPRESSION_EITHER: element_add(out, ELEMENT_RULE, either_lower(b, e)); break;
        case EXPRESSION_REPEAT: repeat_lower(b, e, out); break;
        default: break;
        }
    }
    b->depth--;
}

// ---- the whole ---------------------------------------------------------------------------------

static void classes_find(struct grammar *g) {
    g->class_count = 1;
    for (uint32_t s = 0; s < g->set_count && g->class_count < 256; s++) {
        uint16_t split[256]; // 1 + the new class of bytes of an old class that are in the set
        bool inside[256] = {false}, outside[256] = {false};
        memset(split, 0, sizeof split);
        for (uint32_t byte = 0; byte < 256; byte++) {
            bool in = g->sets[s].bits[byte >> 6] >> (byte & 63) & 1;
            (in ? inside : outside)[g->byte_class[byte]] = true;
        }
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint8_t old = g->byte_class[byte];
            bool in = g->sets[s].bits[byte >> 6] >> (byte & 63) & 1;
            if (!in || !inside[old] || !outside[old]) continue;
            if (!split[old]) split[old] = (uint16_t)(++g->class_count);
            g->byte_class[byte] = (uint8_t)(split[old] - 1);
        }
    }
    for (uint32_t byte = 256; byte-- > 0;) g->class_byte[g->byte_class[byte]] = (uint8_t)byte;
}

static bool alternative_ends(const struct grammar *g, uint32_t start, const uint8_t *ends) {
    for (const struct element *e = &g->elements[start]; e->kind != ELEMENT_END; e++) {
        if (e->kind == ELEMENT_RULE && !ends[e->index]) return false;
    }
    return true;
}

static bool rule_ends(const struct grammar *g, uint32_t index, const uint8_t *ends) {
    const struct rule *rule = &g->rules[index];
    for (uint32_t i = 0; i < rule->count; i++) {
        if (alternative_ends(g, g->alternatives[rule->first + i], ends)) return true;
    }
    return false;
}

// Every rule must be able to come to an end, else an answer could be led into one that cannot.
static void ends_check(struct grammar_builder *b, const struct grammar *g) {
    uint8_t *ends = arena_take(b->arena, g->rule_count);
    bool changed = ends != NULL;
    for (bool back = false; changed; back = !back) { // both ways: long chains settle at once
        changed = false;
        for (uint32_t i = 0; i < g->rule_count; i++) {
            uint32_t rule = back ? g->rule_count - 1 - i : i;
            if (ends[rule] || !rule_ends(g, rule, ends)) continue;
            ends[rule] = 1;
            changed = true;
        }
    }
    if (!ends) grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    for (uint32_t i = 0; ends && i < g->rule_count; i++) {
        if (ends[i]) continue;
        struct str name = g->rules[i].name.size ? g->rules[i].name : STR("root");
        grammar_fail(b, ERR_INPUT, "grammar.endless", name);
        return;
    }
}

// Which rules can be nothing.
static uint8_t *empties_find(struct grammar_builder *b, const struct grammar *g) {
    uint8_t *empty = arena_take(b->arena, g->rule_count);
    bool changed = empty != NULL;
    for (bool back = false; changed; back = !back) {
        changed = false;
        for (uint32_t i = 0; i < g->rule_count; i++) {
            uint32_t r = back ? g->rule_count - 1 - i : i;
            for (uint32_t a = 0; a < g->rules[r].count && !empty[r]; a++) {
                const struct element *e = &g->elements[g->alternatives[g->rules[r].first + a]];
                while (e->kind == ELEMENT_RULE && empty[e->index]) e++;
                if (e->kind != ELEMENT_END) continue;
                empty[r] = 1;
                changed = true;
            }
        }
    }
    return empty;
}

// The longest way of leading rules, each of which leaves something to come back to: where such a
// way leads back to a rule it has no end. Depths grow until they settle or pass all rules.
static void left_check(struct grammar_builder *b, const struct grammar *g) {
    const uint8_t *empty = empties_find(b, g);
    uint32_t *depth = ARENA_ARRAY(b->arena, uint32_t, g->rule_count);
    bool changed = empty && depth;
    if (!changed) grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    for (bool back = false; changed && b->err == OK; back = !back) {
        changed = false;
        for (uint32_t i = 0; i < g->rule_count && b->err == OK; i++) {
            uint32_t r = back ? g->rule_count - 1 - i : i;
            for (uint32_t a = 0; a < g->rules[r].count; a++) {
                const struct element *e = &g->elements[g->alternatives[g->rules[r].first + a]];
                for (; e->kind == ELEMENT_RULE; e++) {
                    uint32_t deep = depth[e->index] + (e[1].kind != ELEMENT_END);
                    if (deep > depth[r]) depth[r] = deep, changed = true;
                    if (!empty[e->index]) break;
                }
            }
            if (depth[r] <= GRAMMAR_NESTING_MAX * 4) continue;
            struct str name = g->rules[r].name.size ? g->rules[r].name : STR("root");
            grammar_fail(b, ERR_INPUT, "grammar.left_recursive", name);
        }
    }
}

static void *kept(struct grammar_builder *b, struct buf *buf) {
    void *copy = arena_take(b->arena, buf->size + 1);
    if (!copy || buf_err(buf) != OK) {
        grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
        return NULL;
    }
    if (buf->size) memcpy(copy, buf->data, buf->size);
    return copy;
}

enum err builder_close(struct grammar_builder *b, struct grammar **out) {
    b->row = 0; // what is wrong now is wrong with the whole
    struct grammar *g = b->err == OK ? ARENA_NEW(b->arena, struct grammar) : NULL;
    if (b->err == OK && !g) grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    if (g) {
        g->arena = b->arena;
        g->elements = kept(b, &b->elements);
        g->sets = kept(b, &b->sets);
        g->rules = kept(b, &b->rules);
        g->alternatives = kept(b, &b->alternatives);
        g->element_count = (uint32_t)(b->elements.size / sizeof *g->elements);
        g->set_count = (uint32_t)(b->sets.size / sizeof *g->sets);
        g->rule_count = (uint32_t)(b->rules.size / sizeof *g->rules);
        g->alternative_count = (uint32_t)(b->alternatives.size / sizeof *g->alternatives);
    }
    if (b->err == OK) ends_check(b, g);
    if (b->err == OK) left_check(b, g);
    if (b->err == OK) classes_find(g);
    struct buf *bufs[] = {&b->elements, &b->sets, &b->rules, &b->alternatives};
    for (size_t i = 0; i < 4; i++) buf_close(bufs[i]);
    if (b->err == OK) {
        *out = g;
    } else {
        arena_close(b->arena);
    }
    return b->err;
}

void grammar_close(struct grammar *grammar) {
    if (grammar) arena_close(grammar->arena);
}

enum err grammar_of_choices(const struct str *choices, uint32_t count, struct grammar **out,
                            struct fault *fault) {
    struct grammar_builder b;
    builder_open(&b, fault);
    struct expression *e = NULL;
    if (count == 0 || count > GRAMMAR_CHOICES_MAX) {
        grammar_fail(&b, ERR_INPUT, "grammar.no_choices", STR_NONE);
    }
    for (uint32_t i = count; i-- > 0 && b.err == OK;) {
        if (!choices[i].size) grammar_fail(&b, ERR_INPUT, "grammar.no_choices", STR_NONE);
        struct expression *one = expression_text(&b, choices[i]);
        e = e ? expression_or(&b, one, e) : one;
    }
    rule_set(&b, 0, e);
    return builder_close(&b, out);
}
