// Jinja's filters and tests, as far as chat templates use them. To add one: a function and a row.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "base/unicode.h"
#include "model/language/template/template_private.h"

// ---- arguments ---------------------------------------------------------------------------------

struct value argument_of(const struct call *call, uint32_t index, const char *name,
                         struct value otherwise) {
    if (index < call->count) return call->items[index];
    for (uint32_t i = 0; i < call->named_count; i++) {
        if (str_is(call->named[i].name, name)) return call->named[i].value;
    }
    return otherwise;
}

struct str text_argument(struct run *run, const struct call *call, uint32_t index, const char *name,
                         struct str otherwise) {
    struct value value = argument_of(call, index, name, value_none());
    if (value.kind == VALUE_NONE) return otherwise;
    if (value.kind == VALUE_TEXT) return value.text;
    run_fail(run, "template.wrong_type", str_of(name));
    return otherwise;
}

static bool flag_argument(const struct call *call, uint32_t index, const char *name) {
    return value_true(argument_of(call, index, name, value_bool(false)));
}

static struct value itself(struct run *run, struct call *call) {
    return value_to_text(run, call->self);
}

// What a text method does, on anything as text.
static struct value by_method(struct run *run, struct call *call, const char *name) {
    call->self = value_to_text(run, call->self);
    return run->err == OK ? text_method_find(str_of(name))(run, call) : call->self;
}

// ---- texts -------------------------------------------------------------------------------------

static struct value filter_trim(struct run *run, struct call *call) {
    return by_method(run, call, "strip");
}
static struct value filter_upper(struct run *run, struct call *call) {
    return by_method(run, call, "upper");
}
static struct value filter_lower(struct run *run, struct call *call) {
    return by_method(run, call, "lower");
}
static struct value filter_capitalize(struct run *run, struct call *call) {
    return by_method(run, call, "capitalize");
}
static struct value filter_title(struct run *run, struct call *call) {
    return by_method(run, call, "title");
}
static struct value filter_replace(struct run *run, struct call *call) {
    return by_method(run, call, "replace");
}

static struct value filter_escape(struct run *run, struct call *call) {
    struct value text = value_to_text(run, call->self);
    struct buf out;
    if (run->err != OK) return text;
    buf_open(&out, TEMPLATE_MEMORY_BYTES_MAX);
    for (size_t i = 0; i < text.text.size; i++) {
        switch (text.text.data[i]) {
        case '&': buf_add_text(&out, "&amp;"); break;
        case '<': buf_add_text(&out, "&lt;"); break;
        case '>': buf_add_text(&out, "&gt;"); break;
        case '\'': buf_add_text(&out, "&#39;"); break;
        case '"': buf_add_text(&out, "&#34;"); break;
        default: buf_add_char(&out, text.text.data[i]);
        }
    }
    return value_of_buf(run, &out);
}

static struct value filter_indent(struct run *run, struct call *call) {
    struct value text = value_to_text(run, call->self);
    struct value width = argument_of(call, 0, "width", value_whole(4));
    bool first = flag_argument(call, 1, "first"), blank = flag_argument(call, 2, "blank");
    if (run->err != OK) return text;
    struct buf out;
    buf_open(&out, TEMPLATE_MEMORY_BYTES_MAX);
    bool line = true, top = true;
    for (size_t i = 0; i < text.text.size; i++) {
        char c = text.text.data[i];
        if (line && (first || !top) && (blank || c != '\n')) {
            for (int64_t n = 0; width.kind == VALUE_WHOLE && n < width.whole && n < 1000; n++) {
                buf_add_char(&out, ' ');
            }
            if (width.kind == VALUE_TEXT) buf_add_str(&out, width.text);
        }
        buf_add_char(&out, c);
        line = c == '\n';
        if (line) top = false;
    }
    return value_of_buf(run, &out);
}

static struct value filter_tojson(struct run *run, struct call *call) {
    struct value indent = argument_of(call, 1, "indent", value_none());
    struct value separators = argument_of(call, 2, "separators", value_none());
    struct json_style style = {.indent = -1,
                               .between = STR(", "),
                               .colon = STR(": "),
                               .ascii = flag_argument(call, 0, "ensure_ascii"),
                               .sorted = flag_argument(call, 3, "sort_keys")};
    if (indent.kind == VALUE_WHOLE) {
        style.indent = indent.whole > 64 ? 64 : indent.whole < 0 ? 0 : indent.whole;
        style.between = STR(",");
    }
    if (separators.kind == VALUE_LIST && separators.list->count == 2 &&
        separators.list->items[0].kind == VALUE_TEXT &&
        separators.list->items[1].kind == VALUE_TEXT) {
        style.between = separators.list->items[0].text;
        style.colon = separators.list->items[1].text;
    }
    struct buf out;
    buf_open(&out, TEMPLATE_MEMORY_BYTES_MAX);
    value_put_json(run, &out, call->self, &style, 0);
    return value_of_buf(run, &out);
}

static struct value filter_string(struct run *run, struct call *call) {
    return itself(run, call);
}

// ---- numbers -----------------------------------------------------------------------------------

static struct value filter_int(struct run *run, struct call *call) {
    struct value otherwise = argument_of(call, 0, "default", value_whole(0));
    double x;
    int64_t whole;
    (void)run;
    if (call->self.kind == VALUE_WHOLE) return call->self;
    if (value_number(call->self, &x)) return fabs(x) < 9e15 ? value_whole((int64_t)x) : otherwise;
    if (call->self.kind != VALUE_TEXT) return otherwise;
    if (integer_parse(str_trim(call->self.text), &whole)) return value_whole(whole);
    bool real = number_parse(str_trim(call->self.text), &x) && fabs(x) < 9e15;
    return real ? value_whole((int64_t)x) : otherwise;
}

static struct value filter_float(struct run *run, struct call *call) {
    double x;
    (void)run;
    if (value_number(call->self, &x)) return value_real(x);
    bool real = call->self.kind == VALUE_TEXT && number_parse(str_trim(call->self.text), &x);
    return real ? value_real(x) : argument_of(call, 0, "default", value_real(0));
}

static struct value filter_abs(struct run *run, struct call *call) {
    double x;
    if (call->self.kind == VALUE_WHOLE) {
        return value_whole(call->self.whole < 0 ? -call->self.whole : call->self.whole);
    }
    if (value_number(call->self, &x)) return value_real(fabs(x));
    return run_fail(run, "template.wrong_type", STR("abs"));
}

static struct value filter_round(struct run *run, struct call *call) {
    struct value digits = argument_of(call, 0, "precision", value_whole(0));
    double x;
    if (!value_number(call->self, &x) || digits.kind != VALUE_WHOLE) {
        return run_fail(run, "template.wrong_type", STR("round"));
    }
    double scale = pow(10, (double)digits.whole);
    return value_real(rint(x * scale) / scale);
}

static struct value filter_sum(struct run *run, struct call *call) {
    struct list *items = value_items(run, call->self);
    double sum = 0, x;
    bool whole = true;
    for (uint32_t i = 0; items && i < items->count; i++) {
        if (!value_number(items->items[i], &x)) {
            return run_fail(run, "template.wrong_type", STR("sum"));
        }
        whole &= items->items[i].kind != VALUE_REAL;
        sum += x;
    }
    return whole && fabs(sum) < 9e15 ? value_whole((int64_t)sum) : value_real(sum);
}

// ---- lists -------------------------------------------------------------------------------------

static struct value filter_length(struct run *run, struct call *call) {
    return value_whole(value_length(run, call->self));
}

static struct value filter_list(struct run *run, struct call *call) {
    struct list *items = value_items(run, call->self), *list = NULL;
    if (items) list = list_new(run, items->count);
    if (!list) return value_undefined(STR_NONE);
    memcpy(list->items, items->items, sizeof *items->items * items->count);
    list->count = items->count;
    return value_list(list);
}

static struct value filter_first(struct run *run, struct call *call) {
    struct list *items = value_items(run, call->self);
    return items && items->count ? items->items[0] : value_undefined(STR("first"));
}

static struct value filter_last(struct run *run, struct call *call) {
    struct list *items = value_items(run, call->self);
    return items && items->count ? items->items[items->count - 1] : value_undefined(STR("last"));
}

static struct value filter_reverse(struct run *run, struct call *call) {
    bool text = call->self.kind == VALUE_TEXT;
    const struct value limits[3] = {value_none(), value_none(), value_whole(-1)};
    if (text || call->self.kind == VALUE_LIST) return value_slice(run, call->self, limits);
    return value_slice(run, value_list(value_items(run, call->self)), limits);
}

// One path of names: "function.name", or an index.
static struct value attribute_path(struct run *run, struct value value, struct value path) {
    if (path.kind != VALUE_TEXT) return value_item(run, value, path);
    for (struct str rest = path.text; rest.size && run->err == OK;) {
        struct str name = str_cut(rest, '.', &rest);
        int64_t index;
        value = integer_parse(name, &index) ? value_item(run, value, value_whole(index))
                                            : value_item(run, value, value_text(name));
    }
    return value;
}

static struct value filter_join(struct run *run, struct call *call) {
    struct str between = text_argument(run, call, 0, "d", STR(""));
    struct value path = argument_of(call, 1, "attribute", value_none());
    struct list *items = value_items(run, call->self);
    struct buf out;
    buf_open(&out, TEMPLATE_MEMORY_BYTES_MAX);
    for (uint32_t i = 0; items && i < items->count && run->err == OK; i++) {
        struct value item = items->items[i];
        if (path.kind != VALUE_NONE) item = attribute_path(run, item, path);
        if (i) buf_add_str(&out, between);
        value_put(run, &out, item);
    }
    return value_of_buf(run, &out);
}

static struct value filter_map(struct run *run, struct call *call) {
    struct list *items = value_items(run, call->self);
    struct list *list = items ? list_new(run, items->count) : NULL;
    struct value path = argument_of(call, UINT32_MAX, "attribute", value_none());
    struct value otherwise = argument_of(call, UINT32_MAX, "default", value_none());
    struct value name = argument_of(call, 0, "name", value_none());
    function_call *filter = name.kind == VALUE_TEXT ? filter_find(name.text) : NULL;
    if (path.kind == VALUE_NONE && !filter) {
        return run_fail(run, "template.unsupported", STR("map"));
    }
    for (uint32_t i = 0; list && i < items->count && run->err == OK; i++) {
        struct call inner = {.self = items->items[i]};
        if (call->count > 1) inner.items = call->items + 1, inner.count = call->count - 1;
        struct value one = filter ? filter(run, &inner) : attribute_path(run, inner.self, path);
        bool absent = !filter && one.kind == VALUE_UNDEFINED && otherwise.kind != VALUE_NONE;
        list->items[list->count++] = absent ? otherwise : one;
    }
    return value_list(list);
}

// select, reject (by a test or by truth) and the same by an attribute.
static struct value chosen(struct run *run, struct call *call, bool attribute, bool wanted) {
    struct list *items = value_items(run, call->self);
    struct list *list = items ? list_new(run, items->count) : NULL;
    uint32_t at = attribute ? 1 : 0;
    if (call->count < at) return run_fail(run, "template.wrong_type", STR("selectattr"));
    function_call *test = NULL;
    if (call->count > at) {
        struct value name = call->items[at];
        test = name.kind == VALUE_TEXT ? test_find(name.text) : NULL;
        if (!test) {
            struct str what = name.kind == VALUE_TEXT ? name.text : STR("select");
            return run_fail(run, "template.unsupported", what);
        }
    }
    for (uint32_t i = 0; list && i < items->count && run->err == OK; i++) {
        struct value item = items->items[i];
        struct call inner = {.self = item};
        if (attribute) inner.self = attribute_path(run, item, call->items[0]);
        if (call->count > at + 1) inner.items = call->items + at + 1, inner.count = 1;
        bool yes = value_true(test ? test(run, &inner) : inner.self);
        if (yes == wanted) list->items[list->count++] = item;
    }
    return value_list(list);
}

static struct value filter_select(struct run *run, struct call *call) {
    return chosen(run, call, false, true);
}
static struct value filter_reject(struct run *run, struct call *call) {
    return chosen(run, call, false, false);
}
static struct value filter_selectattr(struct run *run, struct call *call) {
    return chosen(run, call, true, true);
}
static struct value filter_rejectattr(struct run *run, struct call *call) {
    return chosen(run, call, true, false);
}

static struct value filter_unique(struct run *run, struct call *call) {
    struct list *items = value_items(run, call->self);
    struct list *list = items ? list_new(run, items->count) : NULL;
    for (uint32_t i = 0; list && i < items->count; i++) {
        if (!value_contains(run, value_list(list), items->items[i])) {
            list->items[list->count++] = items->items[i];
        }
    }
    return value_list(list);
}

// What an item is sorted by: itself or its attribute, small letters unless told.
static struct value sort_key(struct run *run, struct value item, struct value path, bool exact) {
    if (path.kind != VALUE_NONE) item = attribute_path(run, item, path);
    if (exact || item.kind != VALUE_TEXT) return item;
    struct call call = {.self = item};
    return filter_lower(run, &call);
}

// Stable, by insertion into the sorted part: the lists of templates are short, and steps are
// counted.
static struct value sorted(struct run *run, struct list *items, struct value path, bool exact,
                           bool back) {
    struct list *list = items ? list_new(run, items->count) : NULL;
    struct list *keys = items ? list_new(run, items->count) : NULL;
    for (uint32_t i = 0; list && keys && i < items->count && run->err == OK; i++) {
        struct value key = sort_key(run, items->items[i], path, exact);
        uint32_t at = list->count++;
        for (; at > 0 && run->err == OK; at--) {
            int order = value_compare(run, key, keys->items[at - 1]);
            if (back ? order <= 0 : order >= 0) break;
            keys->items[at] = keys->items[at - 1];
            list->items[at] = list->items[at - 1];
        }
        keys->items[at] = key;
        list->items[at] = items->items[i];
    }
    return value_list(list);
}

static struct value filter_sort(struct run *run, struct call *call) {
    bool back = flag_argument(call, 0, "reverse"), exact = flag_argument(call, 1, "case_sensitive");
    struct value path = argument_of(call, 2, "attribute", value_none());
    return sorted(run, value_items(run, call->self), path, exact, back);
}

static struct value extreme(struct run *run, struct call *call, bool most) {
    struct value path = argument_of(call, 1, "attribute", value_none());
    bool exact = flag_argument(call, 0, "case_sensitive");
    struct value list = sorted(run, value_items(run, call->self), path, exact, most);
    if (run->err != OK || list.list->count == 0) return value_undefined(STR("min"));
    return list.list->items[0];
}
static struct value filter_min(struct run *run, struct call *call) {
    return extreme(run, call, false);
}
static struct value filter_max(struct run *run, struct call *call) {
    return extreme(run, call, true);
}

static struct value filter_items(struct run *run, struct call *call) {
    if (call->self.kind == VALUE_UNDEFINED) return value_list(list_new(run, 0));
    if (call->self.kind == VALUE_DICT) return dict_method_find(STR("items"))(run, call);
    return run_fail(run, "template.wrong_type", STR("items"));
}

static struct value filter_dictsort(struct run *run, struct call *call) {
    struct str by = text_argument(run, call, 1, "by", STR("key"));
    bool exact = flag_argument(call, 0, "case_sensitive"), back = flag_argument(call, 2, "reverse");
    struct value items = filter_items(run, call);
    if (run->err != OK) return items;
    return sorted(run, items.list, value_whole(str_is(by, "value")), exact, back);
}

static struct value filter_default(struct run *run, struct call *call) {
    bool empty = flag_argument(call, 1, "boolean") && !value_true(call->self);
    (void)run;
    if (call->self.kind != VALUE_UNDEFINED && !empty) return call->self;
    return argument_of(call, 0, "default_value", value_text(STR("")));
}

static struct value filter_wordcount(struct run *run, struct call *call) {
    struct value text = value_to_text(run, call->self);
    int64_t words = 0;
    bool inside = false;
    if (run->err != OK) return text;
    for (size_t at = 0; at < text.text.size;) {
        uint32_t c = utf8_next(text.text, &at);
        uint32_t kind = UNICODE_BIT(unicode_category(c));
        bool word = (kind & (UNICODE_LETTER | UNICODE_NUMBER)) || c == '_';
        words += word && !inside;
        inside = word;
    }
    return value_whole(words);
}

// ---- tests -------------------------------------------------------------------------------------

static bool is_number(struct value value) {
    return value.kind == VALUE_WHOLE || value.kind == VALUE_REAL || value.kind == VALUE_BOOL;
}

#define TEST(name, condition)                                             \
    static struct value test_##name(struct run *run, struct call *call) { \
        struct value v = call->self;                                      \
        (void)run, (void)v;                                               \
        return value_bool(condition);                                     \
    }
#define OTHER argument_of(call, 0, "other", value_undefined(STR("other")))

TEST(defined, v.kind != VALUE_UNDEFINED)
TEST(undefined, v.kind == VALUE_UNDEFINED)
TEST(none, v.kind == VALUE_NONE)
TEST(string, v.kind == VALUE_TEXT)
TEST(number, is_number(v))
TEST(integer, v.kind == VALUE_WHOLE)
TEST(float, v.kind == VALUE_REAL)
TEST(boolean, v.kind == VALUE_BOOL)
TEST(true, v.kind == VALUE_BOOL && v.yes)
TEST(false, v.kind == VALUE_BOOL && !v.yes)
TEST(mapping, v.kind == VALUE_DICT && !v.dict->namespace)
TEST(sequence, v.kind == VALUE_TEXT || v.kind == VALUE_LIST || v.kind == VALUE_UNDEFINED ||
                   (v.kind == VALUE_DICT && !v.dict->namespace))
TEST(iterable, v.kind == VALUE_TEXT || v.kind == VALUE_LIST || v.kind == VALUE_UNDEFINED ||
                   (v.kind == VALUE_DICT && !v.dict->namespace) || v.kind == VALUE_LOOP)
TEST(callable, v.kind == VALUE_FUNCTION || v.kind == VALUE_MACRO)
TEST(equal, value_equal(run, v, OTHER))
TEST(not_equal, !value_equal(run, v, OTHER))
TEST(less, value_compare(run, v, OTHER) < 0)
TEST(less_equal, value_compare(run, v, OTHER) <= 0)
TEST(greater, value_compare(run, v, OTHER) > 0)
TEST(greater_equal, value_compare(run, v, OTHER) >= 0)
TEST(in, value_contains(run, OTHER, v))
TEST(same, v.kind == OTHER.kind && value_equal(run, v, OTHER))

static struct value remainder_is(struct run *run, struct value value, struct value by, int64_t is) {
    if (value.kind != VALUE_WHOLE || by.kind != VALUE_WHOLE || by.whole == 0 || by.whole == -1) {
        return run_fail(run, "template.wrong_type", STR("divisibleby"));
    }
    return value_bool((value.whole % by.whole != 0) == (is != 0));
}
static struct value test_odd(struct run *run, struct call *call) {
    return remainder_is(run, call->self, value_whole(2), 1);
}
static struct value test_even(struct run *run, struct call *call) {
    return remainder_is(run, call->self, value_whole(2), 0);
}
static struct value test_divisible(struct run *run, struct call *call) {
    return remainder_is(run, call->self, OTHER, 0);
}
static struct value cased(struct run *run, struct call *call, const char *method) {
    struct call copy = *call;
    struct value same = by_method(run, &copy, method);
    return value_bool(run->err == OK && str_equal(same.text, copy.self.text));
}
static struct value test_lower(struct run *run, struct call *call) {
    return cased(run, call, "lower");
}
static struct value test_upper(struct run *run, struct call *call) {
    return cased(run, call, "upper");
}

// ---- tables ------------------------------------------------------------------------------------

function_call *filter_find(struct str name) {
    static const struct function_row rows[] = {
        {"trim", filter_trim},
        {"upper", filter_upper},
        {"lower", filter_lower},
        {"capitalize", filter_capitalize},
        {"title", filter_title},
        {"replace", filter_replace},
        {"escape", filter_escape},
        {"e", filter_escape},
        {"safe", filter_string},
        {"string", filter_string},
        {"indent", filter_indent},
        {"tojson", filter_tojson},
        {"int", filter_int},
        {"float", filter_float},
        {"abs", filter_abs},
        {"round", filter_round},
        {"sum", filter_sum},
        {"length", filter_length},
        {"count", filter_length},
        {"list", filter_list},
        {"first", filter_first},
        {"last", filter_last},
        {"reverse", filter_reverse},
        {"join", filter_join},
        {"map", filter_map},
        {"select", filter_select},
        {"reject", filter_reject},
        {"selectattr", filter_selectattr},
        {"rejectattr", filter_rejectattr},
        {"unique", filter_unique},
        {"sort", filter_sort},
        {"min", filter_min},
        {"max", filter_max},
        {"items", filter_items},
        {"dictsort", filter_dictsort},
        {"default", filter_default},
        {"d", filter_default},
        {"wordcount", filter_wordcount},
    };
    return function_find(rows, sizeof rows / sizeof *rows, name);
}

function_call *test_find(struct str name) {
    static const struct function_row rows[] = {
        {"defined", test_defined},   {"undefined", test_undefined},
        {"none", test_none},         {"string", test_string},
        {"number", test_number},     {"integer", test_integer},
        {"float", test_float},       {"boolean", test_boolean},
        {"true", test_true},         {"false", test_false},
        {"mapping", test_mapping},   {"sequence", test_sequence},
        {"iterable", test_iterable}, {"callable", test_callable},
        {"equalto", test_equal},     {"eq", test_equal},
        {"==", test_equal},          {"ne", test_not_equal},
        {"!=", test_not_equal},      {"lt", test_less},
        {"lessthan", test_less},     {"<", test_less},
        {"le", test_less_equal},     {"<=", test_less_equal},
        {"gt", test_greater},        {"greaterthan", test_greater},
        {">", test_greater},         {"ge", test_greater_equal},
        {">=", test_greater_equal},  {"in", test_in},
        {"sameas", test_same},       {"odd", test_odd},
        {"even", test_even},         {"divisibleby", test_divisible},
        {"lower", test_lower},       {"upper", test_upper},
    };
    return function_find(rows, sizeof rows / sizeof *rows, name);
}
