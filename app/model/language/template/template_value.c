// The values of templates: making, comparing, items. What people see of them stands in
// template_show.c.
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "model/language/template/template_private.h"

// ---- making ------------------------------------------------------------------------------------

struct value value_bool(bool yes) {
    return (struct value){.kind = VALUE_BOOL, .yes = yes};
}
struct value value_whole(int64_t whole) {
    return (struct value){.kind = VALUE_WHOLE, .whole = whole};
}
struct value value_real(double real) {
    return (struct value){.kind = VALUE_REAL, .real = real};
}
struct value value_text(struct str text) {
    return (struct value){.kind = VALUE_TEXT, .text = text};
}
struct value value_none(void) {
    return (struct value){.kind = VALUE_NONE};
}
struct value value_undefined(struct str name) {
    return (struct value){.kind = VALUE_UNDEFINED, .text = name};
}
struct value value_list(struct list *list) {
    return list ? (struct value){.kind = VALUE_LIST, .list = list} : value_undefined(STR_NONE);
}
struct value value_dict(struct dict *dict) {
    return dict ? (struct value){.kind = VALUE_DICT, .dict = dict} : value_undefined(STR_NONE);
}

static void *take(struct run *run, uint64_t count, size_t each) {
    if (!run_steps(run, 1 + count / 16)) return NULL;
    void *memory = arena_take_array(run->arena, count ? count : 1, each);
    if (!memory) run_fail(run, "template.too_large", STR_NONE);
    return memory;
}

struct value value_copy(struct run *run, struct str text) {
    char *copy = take(run, text.size, 1);
    if (!copy) return value_undefined(STR_NONE);
    if (text.size) memcpy(copy, text.data, text.size);
    return value_text((struct str){copy, text.size});
}

struct value value_of_buf(struct run *run, struct buf *buf) {
    if (buf_err(buf) != OK) run_fail(run, "template.too_large", STR_NONE);
    struct value value = value_copy(run, buf_str(buf));
    buf_close(buf);
    return value;
}

struct list *list_new(struct run *run, uint64_t count) {
    struct list *list = take(run, 1, sizeof *list);
    struct value *items = list ? take(run, count, sizeof *items) : NULL;
    if (!items) return NULL;
    list->items = items;
    return list;
}

static bool same_key(struct value a, struct value b) {
    if (a.kind == VALUE_TEXT) return b.kind == VALUE_TEXT && str_equal(a.text, b.text);
    double x, y;
    if (value_number(a, &x) && value_number(b, &y)) return x == y;
    return a.kind == VALUE_NONE && b.kind == VALUE_NONE;
}

// Its members may move: nobody keeps pointers to them.
void dict_set(struct run *run, struct dict *dict, struct value key, struct value value) {
    if (run->err != OK) return;
    for (uint32_t i = 0; i < dict->count; i++) {
        if (!same_key(dict->members[i].key, key)) continue;
        dict->members[i].value = value;
        return;
    }
    if (dict->count == dict->room) {
        uint32_t room = dict->room ? dict->room * 2 : 4;
        struct member *members = take(run, room, sizeof *members);
        if (!members) return;
        if (dict->count) memcpy(members, dict->members, sizeof *members * dict->count);
        dict->members = members;
        dict->room = room;
    }
    dict->members[dict->count++] = (struct member){key, value};
}

const struct value *dict_find(const struct dict *dict, struct value key) {
    for (uint32_t i = 0; i < dict->count; i++) {
        if (same_key(dict->members[i].key, key)) return &dict->members[i].value;
    }
    return NULL;
}

static struct value number_of_json(const struct json *node) {
    int64_t whole;
    return json_i64(node, &whole) ? value_whole(whole) : value_real(json_number(node, 0));
}

struct value value_of_json(struct run *run, const struct json *node) {
    if (json_is_string(node)) return value_text(json_text(node));
    if (json_is_bool(node)) return value_bool(json_bool(node, false));
    if (json_is_number(node)) return number_of_json(node);
    if (json_is_array(node)) {
        struct list *list = list_new(run, json_count(node));
        for (const struct json *i = json_first(node); i && list; i = json_next(i)) {
            list->items[list->count++] = value_of_json(run, i);
        }
        return value_list(list);
    }
    if (!json_is_object(node)) return value_none();
    struct dict *dict = take(run, 1, sizeof *dict);
    struct member *members = dict ? take(run, json_count(node), sizeof *members) : NULL;
    if (!members) return value_undefined(STR_NONE);
    dict->members = members;
    for (const struct json *i = json_first(node); i; i = json_next(i)) {
        members[dict->count++] = (struct member){value_text(json_name(i)), value_of_json(run, i)};
    }
    dict->room = dict->count;
    return value_dict(dict);
}

// ---- comparing ---------------------------------------------------------------------------------

const char *value_kind_name(struct value value) {
    static const char *const names[] = {"undefined", "None", "bool", "int",   "float",   "str",
                                        "list",      "dict", "loop", "macro", "function"};
    return names[value.kind];
}

bool value_true(struct value value) {
    switch (value.kind) {
    case VALUE_UNDEFINED:
    case VALUE_NONE: return false;
    case VALUE_BOOL: return value.yes;
    case VALUE_WHOLE: return value.whole != 0;
    case VALUE_REAL: return value.real != 0;
    case VALUE_TEXT: return value.text.size > 0;
    case VALUE_LIST: return value.list->count > 0;
    case VALUE_DICT: return value.dict->count > 0 || value.dict->namespace;
    default: return true;
    }
}

bool value_number(struct value value, double *out) {
    switch (value.kind) {
    case VALUE_BOOL: *out = value.yes; return true;
    case VALUE_WHOLE: *out = (double)value.whole; return true;
    case VALUE_REAL: *out = value.real; return true;
    default: return false;
    }
}

static bool lists_equal(struct run *run, const struct list *a, const struct list *b) {
    if (a->count != b->count || a->tuple != b->tuple) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!value_equal(run, a->items[i], b->items[i])) return false;
    }
    return true;
}

static bool dicts_equal(struct run *run, const struct dict *a, const struct dict *b) {
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct value *other = dict_find(b, a->members[i].key);
        if (!other || !value_equal(run, a->members[i].value, *other)) return false;
    }
    return true;
}

bool value_equal(struct run *run, struct value a, struct value b) {
    double x, y;
    if (!run_steps(run, 1)) return false;
    if (a.kind == VALUE_WHOLE && b.kind == VALUE_WHOLE) return a.whole == b.whole;
    if (value_number(a, &x) && value_number(b, &y)) return x == y;
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case VALUE_TEXT: return str_equal(a.text, b.text);
    case VALUE_LIST: return lists_equal(run, a.list, b.list);
    case VALUE_DICT: return a.dict == b.dict || dicts_equal(run, a.dict, b.dict);
    case VALUE_NONE:
    case VALUE_UNDEFINED: return true;
    default: return a.loop == b.loop;
    }
}

int value_compare(struct run *run, struct value a, struct value b) {
    double x, y;
    if (!run_steps(run, 1)) return 0;
    if (value_number(a, &x) && value_number(b, &y)) return x < y ? -1 : x > y;
    if (a.kind == VALUE_TEXT && b.kind == VALUE_TEXT) return str_compare(a.text, b.text);
    if (a.kind == VALUE_LIST && b.kind == VALUE_LIST) {
        for (uint32_t i = 0; i < a.list->count && i < b.list->count; i++) {
            int order = value_compare(run, a.list->items[i], b.list->items[i]);
            if (order) return order;
        }
        return a.list->count < b.list->count ? -1 : a.list->count > b.list->count;
    }
    struct value odd = a.kind == VALUE_UNDEFINED ? a : b;
    if (odd.kind == VALUE_UNDEFINED) {
        run_fail(run, "template.undefined", odd.text);
    } else {
        run_fail(run, "template.wrong_type", STR("<"));
    }
    return 0;
}

bool value_contains(struct run *run, struct value whole, struct value part) {
    if (!run_steps(run, 1)) return false;
    if (whole.kind == VALUE_TEXT && part.kind == VALUE_TEXT) {
        if (!run_steps(run, whole.text.size / 16)) return false;
        return part.text.size == 0 ||
               memmem(whole.text.data, whole.text.size, part.text.data, part.text.size) != NULL;
    }
    if (whole.kind == VALUE_DICT) return dict_find(whole.dict, part) != NULL;
    if (whole.kind == VALUE_LIST) {
        for (uint32_t i = 0; i < whole.list->count; i++) {
            if (value_equal(run, whole.list->items[i], part)) return true;
        }
        return false;
    }
    if (whole.kind != VALUE_UNDEFINED) run_fail(run, "template.wrong_type", STR("in"));
    return false;
}

// ---- items -------------------------------------------------------------------------------------

static struct list *characters(struct run *run, struct str text) {
    struct list *list = list_new(run, utf8_count(text));
    for (size_t at = 0; list && at < text.size;) {
        size_t start = at;
        (void)utf8_next(text, &at);
        list->items[list->count++] = value_text((struct str){text.data + start, at - start});
    }
    return list;
}

struct list *value_items(struct run *run, struct value value) {
    if (value.kind == VALUE_LIST) return value.list;
    if (value.kind == VALUE_UNDEFINED) return list_new(run, 0);
    if (value.kind == VALUE_TEXT) return characters(run, value.text);
    if (value.kind == VALUE_DICT && !value.dict->namespace) {
        struct list *list = list_new(run, value.dict->count);
        for (uint32_t i = 0; list && i < value.dict->count; i++) {
            list->items[list->count++] = value.dict->members[i].key;
        }
        return list;
    }
    run_fail(run, "template.wrong_type", str_of(value_kind_name(value)));
    return NULL;
}

int64_t value_length(struct run *run, struct value value) {
    switch (value.kind) {
    case VALUE_UNDEFINED: return 0;
    case VALUE_TEXT: return (int64_t)utf8_count(value.text);
    case VALUE_LIST: return value.list->count;
    case VALUE_DICT: return value.dict->count;
    case VALUE_LOOP: return value.loop->items->count;
    default: run_fail(run, "template.wrong_type", STR("length")); return 0;
    }
}

// The bytes of characters [from, to) of a text.
static struct str characters_between(struct str text, int64_t from, int64_t to) {
    size_t at = 0, start;
    int64_t i = 0;
    for (; i < from && at < text.size; i++) (void)utf8_next(text, &at);
    start = at;
    for (; i < to && at < text.size; i++) (void)utf8_next(text, &at);
    return (struct str){text.data + start, at - start};
}

struct value value_item(struct run *run, struct value whole, struct value key) {
    if (whole.kind == VALUE_UNDEFINED) return run_fail(run, "template.undefined", whole.text);
    if (whole.kind == VALUE_DICT) {
        const struct value *found = dict_find(whole.dict, key);
        if (found) return *found;
    }
    bool sequence = whole.kind == VALUE_LIST || whole.kind == VALUE_TEXT;
    if (sequence && (key.kind == VALUE_WHOLE || key.kind == VALUE_BOOL)) {
        int64_t count = value_length(run, whole);
        int64_t index = key.kind == VALUE_BOOL ? key.yes : key.whole;
        if (index < 0) index += count;
        if (index < 0 || index >= count) return value_undefined(STR("[ ]"));
        if (whole.kind == VALUE_LIST) return whole.list->items[index];
        return value_text(characters_between(whole.text, index, index + 1));
    }
    if (key.kind == VALUE_TEXT) {
        struct value attribute = value_attribute(run, whole, key.text);
        return attribute;
    }
    return value_undefined(STR("[ ]"));
}

static int64_t clamped(struct run *run, struct value limit, int64_t otherwise, int64_t count,
                       bool back) {
    if (limit.kind == VALUE_NONE) return otherwise;
    if (limit.kind != VALUE_WHOLE) {
        run_fail(run, "template.wrong_type", STR("[:]"));
        return 0;
    }
    int64_t at = limit.whole < 0 ? limit.whole + count : limit.whole;
    int64_t least = back ? -1 : 0, most = back ? count - 1 : count;
    return at < least ? least : at > most ? most : at;
}

struct value value_slice(struct run *run, struct value whole, const struct value limits[3]) {
    if (whole.kind == VALUE_UNDEFINED) return run_fail(run, "template.undefined", whole.text);
    if (whole.kind != VALUE_LIST && whole.kind != VALUE_TEXT) {
        return run_fail(run, "template.wrong_type", STR("[:]"));
    }
    int64_t count = value_length(run, whole);
    int64_t step = limits[2].kind == VALUE_NONE ? 1 : limits[2].whole;
    if ((limits[2].kind != VALUE_NONE && limits[2].kind != VALUE_WHOLE) || step == 0) {
        return run_fail(run, "template.wrong_type", STR("[::]"));
    }
    bool back = step < 0;
    int64_t from = clamped(run, limits[0], back ? count - 1 : 0, count, back);
    int64_t to = clamped(run, limits[1], back ? -1 : count, count, back);
    if (step == 1 && whole.kind == VALUE_TEXT) {
        return value_text(to > from ? characters_between(whole.text, from, to) : STR(""));
    }
    struct list *items = value_items(run, whole), *list = list_new(run, (uint64_t)count);
    if (!items || !list) return value_undefined(STR_NONE);
    for (int64_t i = from; back ? i > to : i < to; i += step) {
        list->items[list->count++] = items->items[i];
        if (step > count || step < -count) break;
    }
    if (whole.kind == VALUE_LIST) {
        list->tuple = whole.list->tuple;
        return value_list(list);
    }
    struct buf text;
    buf_open(&text, TEMPLATE_MEMORY_BYTES_MAX);
    for (uint32_t i = 0; i < list->count; i++) buf_add_str(&text, list->items[i].text);
    return value_of_buf(run, &text);
}
