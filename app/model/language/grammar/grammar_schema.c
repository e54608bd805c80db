// Grammars of JSON Schemas; what is understood stands in grammar.h. One function a type; `keys`
// tells what else a schema says, so that nothing is passed over.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "model/language/grammar/grammar_private.h"
#include "model/language/grammar/marks.h"

enum { REFERENCES_MAX = 1024, BLANKS_MAX = 20, PROPERTIES_MAX = 4096, CALL_ID_SIZE = 9 };

struct reading {
    struct grammar_builder *b;
    const struct json *root;
    struct expression *space, *text_char, *text_any, *any, *object;
    struct reference {
        struct str pointer;
        uint32_t rule;
    } references[REFERENCES_MAX];
    uint32_t count, depth;
};

static struct expression *value_of(struct reading *r, const struct json *schema);

// Goes into a part of the schema; where it was, for where_back.
static size_t where_go(struct reading *r, const char *between, struct str name) {
    struct where *where = &r->b->where;
    size_t before = where->size, more = strlen(between);
    if (before == 0 && *between == '.') between = "", more = 0;
    if (before + more + name.size <= sizeof where->text) {
        memcpy(where->text + before, between, more);
        if (name.size) memcpy(where->text + before + more, name.data, name.size);
        where->size += more + name.size;
    }
    return before;
}

static size_t where_go_item(struct reading *r, const char *name, uint32_t index) {
    char text[40];
    snprintf(text, sizeof text, "%s[%u]", name, index);
    return where_go(r, ".", str_of(text));
}

static void where_back(struct reading *r, size_t before) {
    r->b->where.size = before;
}

static struct expression *mark(struct reading *r, const char *text) {
    return expression_text(r->b, str_of(text));
}

static struct expression *unsupported(struct reading *r, struct str what) {
    return grammar_fail(r->b, ERR_INPUT, "grammar.unsupported", what);
}

static struct expression *wrong(struct reading *r, const char *what) {
    return grammar_fail(r->b, ERR_INPUT, "grammar.wrong", str_of(what));
}

static struct expression *shared(struct reading *r,
                                 struct expression *e) { // as a rule, to be used often
    uint32_t rule = rule_new(r->b, STR_NONE);
    rule_set(r->b, rule, e);
    return expression_rule(r->b, rule);
}

// Says the schema anything but `keys` (words divided by blanks) and what asks for nothing?
static bool keys_known(struct reading *r, const struct json *schema, const char *keys) {
    static const char notes[] = " title description default examples example $schema $id $comment "
                                "deprecated readOnly writeOnly $defs definitions strict "
                                "discriminator ";
    for (const struct json *i = json_first(schema); i; i = json_next(i)) {
        char word[72];
        struct str name = json_name(i);
        if (name.size < 64) {
            word[0] = ' ';
            memcpy(word + 1, name.data, name.size);
            word[name.size + 1] = ' ';
            word[name.size + 2] = '\0';
            if (strstr(notes, word) || strstr(keys, word)) continue;
        }
        unsupported(r, name);
        return false;
    }
    return true;
}

// ---- texts -------------------------------------------------------------------------------------

// A character of a text: itself, or an escape that stands for one (no half of a pair, no NUL).
static struct expression *text_char(struct reading *r) {
    static const struct range plain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}};
    struct grammar_builder *b = r->b;
    struct byte_set shorts = {{0}}, hex = {{0}}, first = {{0}};
    for (const char *c = "\"\\/bfnrt"; *c; c++) shorts.bits[*c >> 6] |= 1ull << (*c & 63);
    for (const char *c = "0123456789abcdefABCDEF"; *c; c++) hex.bits[*c >> 6] |= 1ull << (*c & 63);
    for (const char *c = "123456789abcefABCEF"; *c; c++) first.bits[*c >> 6] |= 1ull << (*c & 63);
    struct byte_set low = hex, d = {{0, 1ull << ('d' - 64) | 1ull << ('D' - 64)}};
    low.bits[0] &= ~(1ull << '0');
    struct expression *digit = expression_set(b, &hex), *some = expression_set(b, &low);
    struct expression *zero = expression_bytes(b, '0', '0');
    struct expression *two = expression_then(b, digit, digit);
    struct expression *codes =
        expression_then(b, expression_set(b, &first), expression_then(b, two, digit));
    struct expression *surrogate_free = expression_then(
        b, expression_set(b, &d), expression_then(b, expression_bytes(b, '0', '7'), two));
    struct expression *small =
        expression_or(b, expression_then(b, some, two),
                      expression_then(b, zero,
                                      expression_or(b, expression_then(b, some, digit),
                                                    expression_then(b, zero, some))));
    codes =
        expression_or(b, codes, expression_or(b, surrogate_free, expression_then(b, zero, small)));
    struct expression *escape =
        expression_or(b, expression_set(b, &shorts), expression_then(b, mark(r, "u"), codes));
    escape = expression_then(b, mark(r, "\\"), escape);
    return shared(r, expression_or(b, expression_characters(b, plain, 3), escape));
}

static struct expression *quoted(struct reading *r, struct expression *e) {
    return expression_then(r->b, mark(r, "\""), expression_then(r->b, e, mark(r, "\"")));
}

// A count that a schema gives; `otherwise` where it gives none.
static uint32_t count_of(struct reading *r, const struct json *schema, const char *name,
                         uint32_t otherwise) {
    const struct json *node = json_member(schema, name);
    uint64_t count;
    if (!node) return otherwise;
    if (!json_u64(node, &count))
        wrong(r, name);
    else if (count >= GRAMMAR_ELEMENTS_MAX)
        grammar_fail(r->b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    else
        return (uint32_t)count;
    return otherwise;
}

static struct expression *text_format(struct reading *r, struct str format) {
    static const struct {
        const char *name, *pattern;
    } formats[] = {
#define DATE "\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\\d|2[0-8])" // any month has these days
#define TIME "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
        {"date", "^" DATE "$"},
        {"time", "^" TIME "$"},
        {"date-time", "^" DATE "T" TIME "$"},
        {"uuid", "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
        {"email", "^[A-Za-z0-9_%+-]{1,32}(\\.[A-Za-z0-9_%+-]{1,32}){0,3}@([A-Za-z0-9]"
                  "[A-Za-z0-9-]{0,30}[A-Za-z0-9]?\\.){1,4}[A-Za-z]{2,12}$"},
        {"ipv4",
         "^((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\.){3}(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)$"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (str_is(format, formats[i].name)) {
            return expression_pattern(r->b, str_of(formats[i].pattern));
        }
    }
    return unsupported(r, format);
}

static struct expression *text_value(struct reading *r, const struct json *schema) {
    const struct json *pattern = json_member(schema, "pattern"),
                      *format = json_member(schema, "format");
    if (!keys_known(r, schema, " type nullable minLength maxLength pattern format ")) return NULL;
    uint32_t least = count_of(r, schema, "minLength", 0);
    uint32_t most = count_of(r, schema, "maxLength", GRAMMAR_NONE);
    bool lengths = least != 0 || most != GRAMMAR_NONE;
    if (r->b->err != OK) return NULL;
    if (least > most) return wrong(r, "minLength");
    if ((pattern || format) && (lengths || (pattern && format))) {
        return unsupported(r, pattern ? STR("pattern + minLength/maxLength/format")
                                      : STR("format + minLength/maxLength"));
    }
    if (pattern && !json_is_string(pattern)) return wrong(r, "pattern");
    if (pattern) return quoted(r, expression_pattern(r->b, json_text(pattern)));
    if (format) return quoted(r, text_format(r, json_text(format)));
    if (!lengths) return r->text_any;
    return quoted(r, expression_repeat(r->b, r->text_char, least, most));
}

// ---- numbers -----------------------------------------------------------------------------------

// A bound; of integers it may have a fraction, which rounds it inwards.
static bool bound_of(struct reading *r, const struct json *schema, const char *name, bool whole,
                     bool up, int64_t *out) {
    const struct json *node = json_member(schema, name);
    if (!node || json_is_bool(node)) return false;
    double value = json_number(node, NAN), round = up ? ceil(value) : floor(value);
    if (!json_is_number(node) || !(fabs(value) < 1e15)) {
        wrong(r, name);
        return false;
    }
    if (!whole && round != value) {
        unsupported(r, STR("minimum, maximum: 0.5 …"));
        return false;
    }
    *out = (int64_t)round;
    return true;
}

static void limits_read(struct reading *r, const struct json *schema, bool whole,
                        struct bounds *bounds) {
    int64_t other;
    bounds->has_least = bound_of(r, schema, "minimum", whole, true, &bounds->least);
    bounds->has_most = bound_of(r, schema, "maximum", whole, false, &bounds->most);
    // Of an integer "more than 2.5" is "from 3 on", "more than 3" is "from 4 on".
    if (bound_of(r, schema, "exclusiveMinimum", whole, false, &other)) {
        if (!bounds->has_least || other >= bounds->least) {
            bounds->has_least = bounds->without_least = true;
            bounds->least = other;
        }
    }
    if (bound_of(r, schema, "exclusiveMaximum", whole, true, &other)) {
        if (!bounds->has_most || other <= bounds->most) {
            bounds->has_most = bounds->without_most = true;
            bounds->most = other;
        }
    }
    // As draft 4 has it: a word beside the bound.
    bounds->without_least |=
        bounds->has_least && json_member_bool(schema, "exclusiveMinimum", false);
    bounds->without_most |= bounds->has_most && json_member_bool(schema, "exclusiveMaximum", false);
}

static struct expression *number_value(struct reading *r, const struct json *schema, bool whole) {
    struct bounds bounds = {0};
    if (!keys_known(r, schema,
                    " type nullable minimum maximum exclusiveMinimum exclusiveMaximum "
                    "multipleOf format ")) {
        return NULL;
    }
    double multiple = json_member_number(schema, "multipleOf", 1);
    if (json_member(schema, "multipleOf") && (!whole || multiple != 1)) {
        return unsupported(r, STR("multipleOf"));
    }
    limits_read(r, schema, whole, &bounds);
    return whole ? expression_whole(r->b, &bounds) : expression_number(r->b, &bounds);
}

// ---- arrays ------------------------------------------------------------------------------------

static struct expression *in_order(struct reading *r,
                                   struct expression *e) { // with white space before it
    return expression_then(r->b, r->space, e);
}

static struct expression *further(struct reading *r, struct expression *e) {
    return expression_then(r->b, mark(r, ","), in_order(r, e));
}

static struct expression *bracketed(struct reading *r, const char *open, struct expression *e,
                                    const char *close) {
    e = in_order(r, e);
    return expression_then(r->b, mark(r, open),
                           expression_then(r->b, e, in_order(r, mark(r, close))));
}

// least to most of the same, with commas; `first`: without one before it.
static struct expression *items_repeated(struct reading *r, struct expression *item, uint32_t least,
                                         uint32_t most, bool first) {
    struct grammar_builder *b = r->b;
    if (most == 0) return expression_empty(b);
    if (!first) return expression_repeat(b, further(r, item), least, most);
    uint32_t rest = most == GRAMMAR_NONE ? most : most - 1;
    struct expression *e = expression_repeat(b, further(r, item), least ? least - 1 : 0, rest);
    e = expression_then(b, item, e);
    return least ? e : expression_maybe(b, e);
}

static struct expression *array_value(struct reading *r, const struct json *schema) {
    if (!keys_known(r, schema, " type nullable items prefixItems minItems maxItems ")) return NULL;
    const struct json *items = json_member(schema, "items"),
                      *prefix = json_member(schema, "prefixItems");
    uint32_t least = count_of(r, schema, "minItems", 0), fixed = (uint32_t)json_count(prefix);
    uint32_t most = count_of(r, schema, "maxItems", GRAMMAR_NONE);
    if (r->b->err != OK) return NULL;
    if (least > most) return wrong(r, "minItems");
    if (prefix && !json_is_array(prefix)) return wrong(r, "prefixItems");
    if (items && json_is_bool(items) && !json_bool(items, true)) {
        if (most > fixed) most = fixed;
        if (least > most) return wrong(r, "minItems");
    }
    if (fixed && (least < fixed || most < fixed)) { // all that are named come
        if (least != 0 || most < fixed)
            return unsupported(r, STR("prefixItems + minItems/maxItems"));
    }
    struct expression *e = expression_empty(r->b);
    uint32_t index = 0;
    for (const struct json *i = json_first(prefix); i && r->b->err == OK; i = json_next(i)) {
        size_t before = where_go_item(r, "prefixItems", index++);
        struct expression *one = value_of(r, i);
        where_back(r, before);
        e = i == json_first(prefix) ? one : expression_then(r->b, e, further(r, one));
    }
    uint32_t rest_least = least > fixed ? least - fixed : 0;
    uint32_t rest_most = most == GRAMMAR_NONE ? most : most - fixed;
    if (fixed && !items) rest_most = rest_least; // no more than are named, unless it says of what
    if (rest_most > 0) {
        size_t before = where_go(r, ".", STR("items"));
        struct expression *item = items ? value_of(r, items) : r->any;
        where_back(r, before);
        e = expression_then(r->b, e, items_repeated(r, item, rest_least, rest_most, fixed == 0));
    }
    return bracketed(r, "[", e, "]");
}

// ---- objects -----------------------------------------------------------------------------------

// A name as it stands in JSON, with its colon.
static struct expression *name_text(struct reading *r, struct str name) {
    struct buf text;
    buf_open(&text, 1 << 20);
    struct json_writer writer = json_writer_of(&text);
    json_put_text(&writer, name);
    struct expression *e = expression_text(r->b, buf_str(&text));
    if (buf_err(&text) != OK) grammar_fail(r->b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    buf_close(&text);
    return e;
}

static struct expression *member(struct reading *r, struct expression *name,
                                 struct expression *value) {
    return expression_then(r->b, name, expression_then(r->b, mark(r, ":"), in_order(r, value)));
}

// Names other than those of `properties` that begin like theirs up to byte `at`: without escapes.
// Each step parts the characters that go on to one of them from all others.
static struct expression *other_name(struct reading *r, const struct json *properties,
                                     struct str before) {
    static const struct range odd[] = {{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
    struct range used[256], tidy[257];
    uint32_t count = 3;
    bool whole = false;
    struct expression *e = NULL;
    memcpy(used, odd, sizeof odd);
    if (++r->depth > GRAMMAR_NESTING_MAX)
        return grammar_fail(r->b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    for (const struct json *i = json_first(properties); i && r->b->err == OK; i = json_next(i)) {
        struct str name = json_name(i);
        if (!str_starts(name, before)) continue;
        size_t at = before.size;
        whole |= name.size == at;
        if (name.size == at) continue;
        uint32_t c = utf8_next(name, &at);
        bool seen = false;
        for (uint32_t u = 3; u < count; u++) seen |= used[u].from == c;
        if (seen) continue;
        if (count == 256) return grammar_fail(r->b, ERR_LIMIT, "grammar.too_large", STR_NONE);
        used[count++] = (struct range){c, c};
        if (c < 0x20 || c == '"' || c == '\\') continue;
        struct str one = {name.data + before.size, at - before.size};
        struct expression *deeper = other_name(r, properties, (struct str){name.data, at});
        deeper = expression_then(r->b, expression_text(r->b, one), deeper);
        e = e ? expression_or(r->b, e, deeper) : deeper;
    }
    r->depth--;
    count = ranges_tidy(used, count, true, tidy);
    struct expression *free = expression_characters(r->b, tidy, count);
    static const struct range plain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}};
    struct expression *rest =
        expression_repeat(r->b, expression_characters(r->b, plain, 3), 0, GRAMMAR_NONE);
    free = expression_then(r->b, free, rest);
    e = e ? expression_or(r->b, e, free) : free;
    return whole ? e : expression_maybe(r->b, e);
}

static bool is_required(const struct json *required, struct str name) {
    for (const struct json *i = json_first(required); i; i = json_next(i)) {
        if (str_equal(json_text(i), name)) return true;
    }
    return false;
}

// Further members: none, or of the schema that additionalProperties is.
static struct expression *extra_member(struct reading *r, const struct json *schema,
                                       const struct json *properties) {
    const struct json *more = json_member(schema, "additionalProperties");
    bool none =
        more ? json_is_bool(more) && !json_bool(more, true) : json_first(properties) != NULL;
    if (none) return NULL;
    struct expression *name =
        json_first(properties) ? quoted(r, other_name(r, properties, STR(""))) : r->text_any;
    size_t before = where_go(r, ".", STR("additionalProperties"));
    struct expression *value = more && json_is_object(more) ? value_of(r, more) : r->any;
    where_back(r, before);
    return shared(r, member(r, name, value));
}

// What is required must be among the properties.
static bool required_named(struct reading *r, const struct json *required,
                           const struct json *properties) {
    for (const struct json *i = json_first(required); i; i = json_next(i)) {
        bool named = false;
        for (const struct json *p = json_first(properties); p && !named; p = json_next(p)) {
            named = str_equal(json_name(p), json_text(i));
        }
        if (!named) unsupported(r, STR("required ≠ properties"));
    }
    return r->b->err == OK;
}

static struct expression *object_value(struct reading *r, const struct json *schema) {
    struct grammar_builder *b = r->b;
    if (!keys_known(r, schema, " type nullable properties required additionalProperties "))
        return NULL;
    const struct json *properties = json_member(schema, "properties"),
                      *required = json_member(schema, "required");
    uint32_t count = (uint32_t)json_count(properties);
    if (count > PROPERTIES_MAX) return grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    if (!required_named(r, required, properties)) return NULL;
    struct expression *extra = extra_member(r, schema, properties);
    // From the last back: what may follow when nothing (first) or something (later) stands before.
    struct expression *later =
        extra ? expression_repeat(b, further(r, extra), 0, GRAMMAR_NONE) : expression_empty(b);
    struct expression *first =
        extra ? expression_maybe(b, expression_then(b, extra, later)) : expression_empty(b);
    const struct json **order = ARENA_ARRAY(b->arena, const struct json *, count + 1);
    if (!order) return grammar_fail(b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    uint32_t at = 0;
    for (const struct json *i = json_first(properties); i; i = json_next(i)) order[at++] = i;
    while (at-- > 0 && b->err == OK) {
        struct str name = json_name(order[at]);
        size_t before = where_go(r, ".", STR("properties"));
        (void)where_go(r, ".", name);
        struct expression *one = member(r, name_text(r, name), value_of(r, order[at]));
        where_back(r, before);
        bool needed = is_required(required, name);
        struct expression *with_first = expression_then(b, one, later);
        struct expression *with_later = expression_then(b, further(r, one), later);
        first = shared(r, needed ? with_first : expression_or(b, with_first, first));
        later = shared(r, needed ? with_later : expression_or(b, with_later, later));
    }
    return bracketed(r, "{", first, "}");
}

// ---- any value ---------------------------------------------------------------------------------

static struct expression *literal(struct reading *r, const struct json *value) {
    if (json_is_array(value) || json_is_object(value)) {
        bool object = json_is_object(value);
        struct expression *e = expression_empty(r->b);
        for (const struct json *i = json_first(value); i && r->b->err == OK; i = json_next(i)) {
            struct expression *one = literal(r, i);
            if (object) one = member(r, name_text(r, json_name(i)), one);
            e = i == json_first(value) ? one : expression_then(r->b, e, further(r, one));
        }
        return object ? bracketed(r, "{", e, "}") : bracketed(r, "[", e, "]");
    }
    struct buf text;
    buf_open(&text, 1 << 22);
    json_write(&text, value);
    struct expression *e = expression_text(r->b, buf_str(&text));
    buf_close(&text);
    return e;
}

static bool is_type(const struct json *value, struct str type) {
    double number = json_number(value, 0.5);
    if (str_is(type, "integer")) return json_is_number(value) && number == floor(number);
    return (str_is(type, "string") && json_is_string(value)) ||
           (str_is(type, "number") && json_is_number(value)) ||
           (str_is(type, "boolean") && json_is_bool(value)) ||
           (str_is(type, "null") && json_is_null(value)) ||
           (str_is(type, "object") && json_is_object(value)) ||
           (str_is(type, "array") && json_is_array(value));
}

static bool fits_types(const struct json *value, const struct json *type) {
    if (!type || json_is_string(type)) return !type || is_type(value, json_text(type));
    for (const struct json *i = json_first(type); i; i = json_next(i)) {
        if (is_type(value, json_text(i))) return true;
    }
    return false;
}

static struct expression *enum_value(struct reading *r, const struct json *schema) {
    const struct json *values = json_member(schema, "enum"), *only = json_member(schema, "const");
    struct expression *e = NULL;
    if (!keys_known(r, schema, " type nullable enum const ")) return NULL;
    if (only && values) return unsupported(r, STR("const + enum"));
    if (only) return literal(r, only);
    for (const struct json *i = json_first(values); i && r->b->err == OK; i = json_next(i)) {
        if (!fits_types(i, json_member(schema, "type"))) continue;
        struct expression *one = literal(r, i);
        e = e ? expression_or(r->b, one, e) : one;
    }
    return e || r->b->err != OK ? e : wrong(r, "enum");
}

// The rule of "#/definitions/NAME"; made when it is met first, so that schemas may be recursive.
static struct expression *reference(struct reading *r, const struct json *schema) {
    struct str pointer = json_member_text(schema, "$ref");
    if (!keys_known(r, schema, " $ref nullable ")) return NULL;
    for (uint32_t i = 0; i < r->count; i++) {
        if (str_equal(r->references[i].pointer, pointer)) {
            return expression_rule(r->b, r->references[i].rule);
        }
    }
    const struct json *at = str_starts(pointer, STR("#")) ? r->root : NULL;
    struct str rest = pointer.size > 1 ? (struct str){pointer.data + 1, pointer.size - 1} : STR("");
    if (rest.size && *rest.data != '/') at = NULL;
    if (rest.size) (void)str_cut(rest, '/', &rest);
    while (at && rest.data && rest.size) {
        struct str name = str_cut(rest, '/', &rest);
        const struct json *child = json_first(at);
        while (child && !(json_is_object(at) && str_equal(json_name(child), name)))
            child = json_next(child);
        at = child;
    }
    if (!at) return grammar_fail(r->b, ERR_INPUT, "grammar.no_rule", pointer);
    if (r->count == REFERENCES_MAX)
        return grammar_fail(r->b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    uint32_t rule = rule_new(r->b, pointer);
    r->references[r->count++] = (struct reference){pointer, rule};
    size_t before = where_go(r, " ", pointer);
    rule_set(r->b, rule, value_of(r, at));
    where_back(r, before);
    return expression_rule(r->b, rule);
}

static struct expression *any_of(struct reading *r, const struct json *schema, const char *name) {
    const struct json *list = json_member(schema, name);
    struct expression *e = NULL;
    if (!keys_known(r, schema, " anyOf oneOf allOf nullable ")) return NULL;
    if (!json_is_array(list) || !json_first(list)) return wrong(r, name);
    if (str_is(str_of(name), "allOf") && json_count(list) > 1) return unsupported(r, STR("allOf"));
    uint32_t index = 0;
    for (const struct json *i = json_first(list); i && r->b->err == OK; i = json_next(i)) {
        size_t before = where_go_item(r, name, index++);
        struct expression *one = value_of(r, i);
        where_back(r, before);
        e = e ? expression_or(r->b, e, one) : one;
    }
    return e;
}

static struct expression *typed(struct reading *r, const struct json *schema, struct str type) {
    if (str_is(type, "string")) return text_value(r, schema);
    if (str_is(type, "integer")) return number_value(r, schema, true);
    if (str_is(type, "number")) return number_value(r, schema, false);
    if (str_is(type, "array")) return array_value(r, schema);
    if (str_is(type, "object")) return object_value(r, schema);
    bool boolean = str_is(type, "boolean");
    if (!boolean && !str_is(type, "null")) return wrong(r, "type");
    if (!keys_known(r, schema, " type nullable ")) return NULL;
    if (!boolean) return mark(r, "null");
    return expression_or(r->b, mark(r, "true"), mark(r, "false"));
}

// What a schema without "type" is about: its keywords tell.
static struct str type_told(const struct json *schema) {
    static const char *const told[][2] = {
        {"properties", "object"}, {"additionalProperties", "object"},
        {"required", "object"},   {"items", "array"},
        {"prefixItems", "array"}, {"minLength", "string"},
        {"maxLength", "string"},  {"pattern", "string"},
        {"format", "string"},     {"minimum", "number"},
        {"maximum", "number"}};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        if (json_member(schema, told[i][0])) return str_of(told[i][1]);
    }
    return STR_NONE;
}

static struct expression *several_types(struct reading *r, const struct json *schema,
                                        const struct json *types) {
    struct expression *e = NULL;
    static const char all[] = " type nullable minLength maxLength pattern format minimum maximum "
                              "exclusiveMinimum exclusiveMaximum multipleOf items prefixItems "
                              "minItems maxItems properties required additionalProperties ";
    if (!keys_known(r, schema, all)) return NULL;
    for (const struct json *i = json_first(types); i && r->b->err == OK; i = json_next(i)) {
        struct str type = json_text(i);
        bool plain = str_is(type, "null") || str_is(type, "boolean");
        const struct json *word = plain ? NULL : schema; // these look at no keyword
        if (!plain && json_count(types) > 2) {
            if (!keys_known(r, schema, " type nullable ")) return NULL; // whose would they be?
        }
        struct expression *one = typed(r, word, type);
        e = e ? expression_or(r->b, e, one) : one;
    }
    return e ? e : wrong(r, "type");
}

static struct expression *plain_value(struct reading *r, const struct json *schema) {
    static const char *const lists[] = {"anyOf", "oneOf", "allOf"};
    const struct json *type = json_member(schema, "type");
    if (json_member(schema, "$ref")) return reference(r, schema);
    if (json_member(schema, "enum") || json_member(schema, "const")) return enum_value(r, schema);
    for (size_t i = 0; i < 3; i++) {
        if (json_member(schema, lists[i])) return any_of(r, schema, lists[i]);
    }
    if (json_is_array(type)) return several_types(r, schema, type);
    if (type && !json_is_string(type)) return wrong(r, "type");
    struct str told = type ? json_text(type) : type_told(schema);
    if (told.size) return typed(r, schema, told);
    return keys_known(r, schema, " nullable ") ? r->any : NULL;
}

static struct expression *value_of(struct reading *r, const struct json *schema) {
    if (r->b->err != OK) return NULL;
    if (json_is_bool(schema))
        return json_bool(schema, false) ? r->any : unsupported(r, STR("false"));
    if (!json_is_object(schema)) return wrong(r, "schema");
    if (++r->depth > GRAMMAR_NESTING_MAX)
        return grammar_fail(r->b, ERR_LIMIT, "grammar.too_large", STR_NONE);
    struct expression *e = plain_value(r, schema);
    if (e && json_member_bool(schema, "nullable", false))
        e = expression_or(r->b, e, mark(r, "null"));
    r->depth--;
    return e;
}

// ---- the whole ---------------------------------------------------------------------------------

// Nothing, a blank, or a new line with its indentation.
static struct expression *space(struct reading *r) {
    struct byte_set blanks = {{1ull << ' ' | 1ull << '\t'}};
    struct expression *indent =
        expression_repeat(r->b, expression_set(r->b, &blanks), 0, BLANKS_MAX);
    struct expression *line = expression_then(r->b, mark(r, "\n"), indent);
    struct expression *e =
        expression_or(r->b, expression_empty(r->b), expression_or(r->b, mark(r, " "), line));
    return shared(r, e);
}

static void parts_make(struct reading *r) {
    struct grammar_builder *b = r->b;
    struct bounds none = {0};
    r->space = space(r);
    r->text_char = text_char(r);
    r->text_any = shared(r, quoted(r, expression_repeat(b, r->text_char, 0, GRAMMAR_NONE)));
    uint32_t rule = rule_new(b, STR("value"));
    r->any = expression_rule(b, rule);
    struct expression *e =
        expression_or(b, mark(r, "true"), expression_or(b, mark(r, "false"), mark(r, "null")));
    struct expression *list =
        bracketed(r, "[", items_repeated(r, r->any, 0, GRAMMAR_NONE, true), "]");
    struct expression *one = member(r, r->text_any, r->any);
    r->object = shared(r, bracketed(r, "{", items_repeated(r, one, 0, GRAMMAR_NONE, true), "}"));
    e = expression_or(b, e, expression_or(b, list, r->object));
    e = expression_or(b, e, expression_or(b, r->text_any, expression_number(b, &none)));
    rule_set(b, rule, e);
}

static enum err whole_read(const struct json *schema, const struct grammar_calls *calls,
                           struct grammar **out, struct fault *fault);

// A schema that is right, and asks for what no grammar says.
static bool is_beyond(const struct json *schema) {
    static const char *const codes[] = {"grammar.unsupported", "grammar.pattern",
                                        "grammar.too_large"};
    struct grammar *grammar;
    struct fault fault = {0};
    if (whole_read(schema, NULL, &grammar, &fault) == OK) {
        grammar_close(grammar);
        return false;
    }
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(fault.code, codes[i]) == 0) return true;
    }
    return false;
}

// What a tool is given: an object.
static struct expression *given_of(struct reading *r, const struct grammar_calls *calls,
                                   const struct json *function) {
    const struct json *parameters = json_member(function, "parameters");
    const struct json *type = json_member(parameters, "type");
    bool strict = !calls->lenient || json_member_bool(function, "strict", false);
    if (!json_first(parameters)) return bracketed(r, "{", expression_empty(r->b), "}");
    if (type && !str_is(json_text(type), "object")) return wrong(r, "type");
    if (!strict && is_beyond(parameters)) return r->object;
    r->root = parameters;
    r->count = 0;
    return value_of(r, parameters);
}

// A text of the form, with white space before it and behind its marks where that may stand there.
static struct expression *formed(struct reading *r, const struct grammar_calls *calls,
                                 struct str text) {
    struct expression *e = expression_marked(r->b, text, calls->loose ? r->space : NULL);
    return calls->loose && text.size ? in_order(r, e) : e;
}

// Its name as it is, and what it is given behind it.
static struct expression *call_plain(struct reading *r, const struct grammar_calls *calls,
                                     struct str name, struct expression *given) {
    static const struct range alike[] = {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}};
    struct grammar_builder *b = r->b;
    struct expression *e = expression_text(b, name);
    if (calls->numbered) {
        struct expression *one = expression_characters(b, alike, 3);
        e = expression_then(b, e, expression_marked(b, STR(MARK_MISTRAL_ID), NULL));
        e = expression_then(b, e, expression_repeat(b, one, CALL_ID_SIZE, CALL_ID_SIZE));
    }
    e = expression_then(b, e, expression_marked(b, calls->after, NULL));
    e = expression_then(b, e, calls->loose ? in_order(r, given) : given);
    return expression_then(b, e, formed(r, calls, calls->behind));
}

// Of a tool: {"name": …, "arguments": …}. References are within its own parameters.
static struct expression *call_of(struct reading *r, const struct grammar_calls *calls,
                                  const struct json *tool) {
    const struct json *function = json_member(tool, "function");
    const struct json *name = json_member(function, "name");
    size_t before = where_go(r, ".", STR("function"));
    if (!json_is_string(name) || !json_text(name).size) return wrong(r, "name");
    (void)where_go(r, ".", STR("parameters"));
    struct expression *given = given_of(r, calls, function);
    where_back(r, before);
    if (!calls->arguments.size) return call_plain(r, calls, json_text(name), given);
    struct expression *named = member(r, mark(r, "\"name\""), literal(r, name));
    struct expression *with = member(r, name_text(r, calls->arguments), given);
    return bracketed(r, "{", expression_then(r->b, named, further(r, with)), "}");
}

// One call, or several, with what stands around them.
static struct expression *calls_around(struct reading *r, const struct grammar_calls *calls,
                                       struct expression *one) {
    struct grammar_builder *b = r->b;
    if (calls->loose) one = shared(r, in_order(r, one));
    struct expression *e = one;
    if (calls->several) {
        struct expression *more = expression_then(b, formed(r, calls, calls->between), one);
        e = expression_then(b, e, expression_repeat(b, more, 0, GRAMMAR_NONE));
    }
    e = expression_then(b, e, formed(r, calls, calls->end));
    return expression_then(b, formed(r, calls, calls->begin), e);
}

static struct expression *calls_of(struct reading *r, const struct grammar_calls *calls) {
    struct grammar_builder *b = r->b;
    struct expression *any = NULL;
    uint32_t index = 0;
    for (const struct json *i = json_first(calls->tools); i && b->err == OK;
         i = json_next(i), index++) {
        struct str name = json_member_text(json_member(i, "function"), "name");
        if (calls->only.size && !str_equal(name, calls->only)) continue;
        size_t before = where_go_item(r, "tools", index);
        struct expression *one = call_of(r, calls, i);
        where_back(r, before);
        any = any ? expression_or(b, any, one) : one;
    }
    if (!any) return grammar_fail(b, ERR_INPUT, "grammar.no_rule", calls->only);
    any = calls_around(r, calls, calls->loose ? any : shared(r, any));
    if (!calls->otherwise) return any;
    r->root = calls->otherwise;
    r->count = 0;
    return expression_or(b, any, value_of(r, calls->otherwise));
}

static enum err whole_read(const struct json *schema, const struct grammar_calls *calls,
                           struct grammar **out, struct fault *fault) {
    struct grammar_builder b;
    struct reading *r = memory_take(sizeof *r);
    builder_open(&b, fault);
    if (!r) grammar_fail(&b, ERR_MEMORY, "predict.no_memory", STR_NONE);
    if (b.err == OK) {
        r->b = &b;
        r->root = schema;
        parts_make(r);
        rule_set(&b, 0, calls ? calls_of(r, calls) : value_of(r, schema));
    }
    memory_give(r);
    return builder_close(&b, out);
}

enum err grammar_of_schema(const struct json *schema, struct grammar **out, struct fault *fault) {
    return whole_read(schema, NULL, out, fault);
}

enum err grammar_of_calls(const struct grammar_calls *calls, struct grammar **out,
                          struct fault *fault) {
    return whole_read(NULL, calls, out, fault);
}

enum err grammar_of_json(struct grammar **out, struct fault *fault) {
    struct json *schema;
    enum err err = json_parse(STR("{\"type\":\"object\"}"), &schema, fault);
    if (err != OK) return err;
    err = whole_read(schema, NULL, out, fault);
    json_close(schema);
    return err;
}
