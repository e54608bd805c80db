// What values of templates can do themselves: methods of texts, objects and lists, the attributes
// of loops; and the functions every template has.
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/unicode.h"
#include "model/language/template/template_private.h"

enum { RANGE_MAX = 100000 };

// ---- white space -------------------------------------------------------------------------------

// Is the character at the begin or end of `text` one of `set` (white space where it is empty)?
static bool character_in(uint32_t c, struct str set) {
    if (!set.data) return unicode_space(c) || (c >= 0x1C && c <= 0x1F);
    for (size_t at = 0; at < set.size;) {
        if (utf8_next(set, &at) == c) return true;
    }
    return false;
}

static struct str stripped(struct str text, struct str set, bool left, bool right) {
    for (size_t at = 0; left && text.size; at = 0) {
        if (!character_in(utf8_next(text, &at), set)) break;
        text = (struct str){text.data + at, text.size - at};
    }
    while (right && text.size) {
        size_t start = text.size - 1, at;
        while (start > 0 && ((uint8_t)text.data[start] & 0xC0) == 0x80) start--;
        at = start;
        if (!character_in(utf8_next(text, &at), set)) break;
        text.size = start;
    }
    return text;
}

static struct value strip(struct run *run, struct call *call, bool left, bool right) {
    struct str set = text_argument(run, call, 0, "chars", STR_NONE);
    return value_text(stripped(call->self.text, set, left, right));
}
static struct value text_strip(struct run *run, struct call *call) {
    return strip(run, call, true, true);
}
static struct value text_lstrip(struct run *run, struct call *call) {
    return strip(run, call, true, false);
}
static struct value text_rstrip(struct run *run, struct call *call) {
    return strip(run, call, false, true);
}

// ---- splitting ---------------------------------------------------------------------------------

static void part_add(struct run *run, struct list **list, struct str part) {
    if (!*list) return;
    struct list *old = *list;
    if ((old->count & (old->count - 1)) == 0) { // full: powers of two
        struct list *grown = list_new(run, old->count ? (uint64_t)old->count * 2 : 1);
        if (grown && old->count) memcpy(grown->items, old->items, sizeof *old->items * old->count);
        if (grown) grown->count = old->count;
        *list = grown;
        if (!grown) return;
    }
    (*list)->items[(*list)->count++] = value_text(part);
}

static struct value split_at_spaces(struct run *run, struct str text, int64_t most) {
    struct list *list = list_new(run, 0);
    text = stripped(text, STR_NONE, true, false);
    while (text.size && list) {
        size_t at = 0, end = 0;
        if (most >= 0 && list->count >= most) {
            part_add(run, &list, text);
            break;
        }
        while (at < text.size && !character_in(utf8_next(text, &at), STR_NONE)) end = at;
        part_add(run, &list, (struct str){text.data, end});
        text = stripped((struct str){text.data + end, text.size - end}, STR_NONE, true, false);
    }
    return value_list(list);
}

static struct value text_split(struct run *run, struct call *call) {
    struct str between = text_argument(run, call, 0, "sep", STR_NONE), text = call->self.text;
    struct value limit = argument_of(call, 1, "maxsplit", value_whole(-1));
    int64_t most = limit.kind == VALUE_WHOLE ? limit.whole : -1;
    if (!between.data) return split_at_spaces(run, text, most);
    if (between.size == 0) return run_fail(run, "template.wrong_type", STR("split"));
    struct list *list = list_new(run, 0);
    for (const char *at; list && (most < 0 || list->count < most) && text.size &&
                         (at = memmem(text.data, text.size, between.data, between.size));) {
        size_t size = (size_t)(at - text.data);
        part_add(run, &list, (struct str){text.data, size});
        text = (struct str){at + between.size, text.size - size - between.size};
    }
    part_add(run, &list, text);
    return value_list(list);
}

static const char *last_of(struct str text, struct str part) {
    for (size_t at = text.size + 1; at-- > 0;) {
        if (text.size - at < part.size) continue;
        if (memcmp(text.data + at, part.data, part.size) == 0) return text.data + at;
    }
    return NULL;
}

static struct value text_rsplit(struct run *run, struct call *call) {
    struct str between = text_argument(run, call, 0, "sep", STR_NONE), text = call->self.text;
    struct value limit = argument_of(call, 1, "maxsplit", value_whole(-1));
    int64_t most = limit.kind == VALUE_WHOLE ? limit.whole : -1;
    if (most < 0) return text_split(run, call);
    if (between.size == 0) return run_fail(run, "template.unsupported", STR("rsplit"));
    struct list *list = list_new(run, 0);
    for (const char *at; list && list->count < most && (at = last_of(text, between));) {
        size_t size = (size_t)(at - text.data);
        part_add(run, &list, (struct str){at + between.size, text.size - size - between.size});
        text.size = size;
    }
    part_add(run, &list, text);
    const struct value back[3] = {value_none(), value_none(), value_whole(-1)};
    return run->err == OK ? value_slice(run, value_list(list), back) : value_list(list);
}

static struct value text_splitlines(struct run *run, struct call *call) {
    struct str text = call->self.text;
    bool keep = value_true(argument_of(call, 0, "keepends", value_bool(false)));
    struct list *list = list_new(run, 0);
    while (text.size && list) {
        size_t size = 0, end;
        while (size < text.size && text.data[size] != '\n' && text.data[size] != '\r') size++;
        end = size;
        if (end < text.size) {
            bool both = text.data[end] == '\r' && end + 1 < text.size && text.data[end + 1] == '\n';
            end += both ? 2 : 1;
        }
        part_add(run, &list, (struct str){text.data, keep ? end : size});
        text = (struct str){text.data + end, text.size - end};
    }
    return value_list(list);
}

static struct value partitioned(struct run *run, struct call *call, bool last) {
    struct str between = text_argument(run, call, 0, "sep", STR(" ")), text = call->self.text;
    const char *at =
        last ? last_of(text, between) : memmem(text.data, text.size, between.data, between.size);
    struct list *list = list_new(run, 3);
    if (!list) return value_undefined(STR_NONE);
    list->count = 3;
    list->tuple = true;
    size_t size = at ? (size_t)(at - text.data) : text.size;
    struct str before = {text.data, size}, none = STR("");
    struct str after = at ? (struct str){at + between.size, text.size - size - between.size} : none;
    list->items[0] = value_text(at || !last ? before : none);
    list->items[1] = value_text(at ? between : none);
    list->items[2] = value_text(at || !last ? after : text);
    return value_list(list);
}
static struct value text_partition(struct run *run, struct call *call) {
    return partitioned(run, call, false);
}
static struct value text_rpartition(struct run *run, struct call *call) {
    return partitioned(run, call, true);
}

// ---- looking -----------------------------------------------------------------------------------

static struct value borders(struct run *run, struct call *call, bool end) {
    struct value part = argument_of(call, 0, "prefix", value_none());
    struct list *parts = part.kind == VALUE_LIST ? part.list : NULL;
    for (uint32_t i = 0; i < (parts ? parts->count : 1); i++) {
        struct value one = parts ? parts->items[i] : part;
        if (one.kind != VALUE_TEXT) return run_fail(run, "template.wrong_type", STR("startswith"));
        bool yes =
            end ? str_ends(call->self.text, one.text) : str_starts(call->self.text, one.text);
        if (yes) return value_bool(true);
    }
    return value_bool(false);
}
static struct value text_startswith(struct run *run, struct call *call) {
    return borders(run, call, false);
}
static struct value text_endswith(struct run *run, struct call *call) {
    return borders(run, call, true);
}

// The place of a part in characters, -1.
static int64_t place(struct run *run, struct call *call, bool last) {
    struct str text = call->self.text, part = text_argument(run, call, 0, "sub", STR(""));
    const char *at = last        ? last_of(text, part)
                     : part.size ? memmem(text.data, text.size, part.data, part.size)
                                 : text.data;
    if (call->count > 1) run_fail(run, "template.unsupported", STR("find"));
    return at ? (int64_t)utf8_count((struct str){text.data, (size_t)(at - text.data)}) : -1;
}
static struct value text_find(struct run *run, struct call *call) {
    return value_whole(place(run, call, false));
}
static struct value text_rfind(struct run *run, struct call *call) {
    return value_whole(place(run, call, true));
}
static struct value text_index(struct run *run, struct call *call) {
    int64_t at = place(run, call, false);
    return at < 0 ? run_fail(run, "template.wrong_type", STR("index")) : value_whole(at);
}

static struct value text_count(struct run *run, struct call *call) {
    struct str text = call->self.text, part = text_argument(run, call, 0, "sub", STR(""));
    int64_t count = 0;
    if (part.size == 0) return value_whole((int64_t)utf8_count(text) + 1);
    for (const char *at; text.size && (at = memmem(text.data, text.size, part.data, part.size));) {
        size_t skip = (size_t)(at - text.data) + part.size;
        text = (struct str){text.data + skip, text.size - skip};
        count++;
    }
    return value_whole(count);
}

// ---- changing ----------------------------------------------------------------------------------

static struct value text_replace(struct run *run, struct call *call) {
    struct str text = call->self.text, from = text_argument(run, call, 0, "old", STR(""));
    struct str to = text_argument(run, call, 1, "new", STR(""));
    struct value limit = argument_of(call, 2, "count", value_none());
    int64_t most = limit.kind == VALUE_WHOLE ? limit.whole : -1;
    struct buf out;
    if (run->err != OK) return call->self;
    if (from.size == 0) return run_fail(run, "template.unsupported", STR("replace"));
    buf_open(&out, TEMPLATE_MEMORY_BYTES_MAX);
    for (const char *at; text.size && most != 0 && run_steps(run, 1) &&
                         (at = memmem(text.data, text.size, from.data, from.size));
         most--) {
        size_t size = (size_t)(at - text.data);
        buf_add(&out, text.data, size);
        buf_add_str(&out, to);
        text = (struct str){at + from.size, text.size - size - from.size};
    }
    buf_add_str(&out, text);
    return value_of_buf(run, &out);
}

static uint32_t upper(uint32_t c) { // of ASCII, Latin-1, Greek and Cyrillic letters
    if (c >= 'a' && c <= 'z') return c - 32;
    if (c >= 0xE0 && c <= 0xFE && c != 0xF7) return c - 32;
    if (c >= 0x3B1 && c <= 0x3C9 && c != 0x3C2) return c - 32;
    if (c >= 0x430 && c <= 0x44F) return c - 32;
    return c >= 0x450 && c <= 0x45F ? c - 80 : c;
}

// `first`, `later`: what becomes of a word's letters; `words`: each begins anew behind no letter.
static struct value recased(struct run *run, struct str text, bool first_up, bool later_up,
                            bool words) {
    struct buf out;
    bool begin = true;
    buf_open(&out, TEMPLATE_MEMORY_BYTES_MAX);
    for (size_t at = 0; at < text.size;) {
        char bytes[4];
        uint32_t c = utf8_next(text, &at);
        bool up = begin ? first_up : later_up;
        size_t size = utf8_put(bytes, up ? upper(c) : unicode_lower(c));
        buf_add(&out, bytes, size);
        begin = words && !(UNICODE_BIT(unicode_category(c)) & UNICODE_LETTER);
    }
    return value_of_buf(run, &out);
}
static struct value text_upper(struct run *run, struct call *call) {
    return recased(run, call->self.text, true, true, false);
}
static struct value text_lower(struct run *run, struct call *call) {
    return recased(run, call->self.text, false, false, false);
}
static struct value text_capitalize(struct run *run, struct call *call) {
    return recased(run, call->self.text, true, false, false);
}
static struct value text_title(struct run *run, struct call *call) {
    return recased(run, call->self.text, true, false, true);
}

static struct value text_join(struct run *run, struct call *call) {
    struct list *items = value_items(run, argument_of(call, 0, "iterable", value_none()));
    struct buf out;
    buf_open(&out, TEMPLATE_MEMORY_BYTES_MAX);
    for (uint32_t i = 0; items && i < items->count; i++) {
        if (i) buf_add_str(&out, call->self.text);
        if (items->items[i].kind != VALUE_TEXT) run_fail(run, "template.wrong_type", STR("join"));
        value_put(run, &out, items->items[i]);
    }
    return value_of_buf(run, &out);
}

static struct value removed(struct run *run, struct call *call, bool end) {
    struct str part = text_argument(run, call, 0, "prefix", STR("")), text = call->self.text;
    if (end && str_ends(text, part)) text.size -= part.size;
    if (!end && str_starts(text, part)) {
        text = (struct str){text.data + part.size, text.size - part.size};
    }
    return value_text(text);
}
static struct value text_removeprefix(struct run *run, struct call *call) {
    return removed(run, call, false);
}
static struct value text_removesuffix(struct run *run, struct call *call) {
    return removed(run, call, true);
}

static struct value all_of(struct str text, uint32_t categories, bool spaces) {
    bool yes = text.size > 0;
    for (size_t at = 0; at < text.size && yes;) {
        uint32_t c = utf8_next(text, &at);
        yes = spaces ? unicode_space(c) : (UNICODE_BIT(unicode_category(c)) & categories) != 0;
    }
    return value_bool(yes);
}
static struct value text_isdigit(struct run *run, struct call *call) {
    (void)run;
    return all_of(call->self.text, UNICODE_BIT(UNICODE_ND), false);
}
static struct value text_isalpha(struct run *run, struct call *call) {
    (void)run;
    return all_of(call->self.text, UNICODE_LETTER, false);
}
static struct value text_isalnum(struct run *run, struct call *call) {
    (void)run;
    return all_of(call->self.text, UNICODE_LETTER | UNICODE_NUMBER, false);
}
static struct value text_isspace(struct run *run, struct call *call) {
    (void)run;
    return all_of(call->self.text, 0, true);
}

// ---- objects and lists -------------------------------------------------------------------------

static struct value dict_items(struct run *run, struct call *call) {
    const struct dict *dict = call->self.dict;
    struct list *list = list_new(run, dict->count);
    for (uint32_t i = 0; i < dict->count && list; i++) {
        struct list *both = list_new(run, 2);
        if (!both) return value_undefined(STR_NONE);
        both->items[0] = dict->members[i].key;
        both->items[1] = dict->members[i].value;
        both->count = 2;
        both->tuple = true;
        list->items[list->count++] = value_list(both);
    }
    return value_list(list);
}

static struct value dict_keys(struct run *run, struct call *call) {
    return value_list(value_items(run, call->self));
}

static struct value dict_values(struct run *run, struct call *call) {
    struct list *list = list_new(run, call->self.dict->count);
    for (uint32_t i = 0; list && i < call->self.dict->count; i++) {
        list->items[list->count++] = call->self.dict->members[i].value;
    }
    return value_list(list);
}

static struct value dict_get(struct run *run, struct call *call) {
    struct value key = argument_of(call, 0, "key", value_none());
    const struct value *found = dict_find(call->self.dict, key);
    (void)run;
    return found ? *found : argument_of(call, 1, "default", value_none());
}

static struct value list_count(struct run *run, struct call *call) {
    int64_t count = 0;
    struct value wanted = argument_of(call, 0, "value", value_none());
    for (uint32_t i = 0; i < call->self.list->count; i++) {
        count += value_equal(run, call->self.list->items[i], wanted);
    }
    return value_whole(count);
}

static struct value list_index(struct run *run, struct call *call) {
    struct value wanted = argument_of(call, 0, "value", value_none());
    for (uint32_t i = 0; i < call->self.list->count; i++) {
        if (value_equal(run, call->self.list->items[i], wanted)) return value_whole(i);
    }
    return run_fail(run, "template.wrong_type", STR("index"));
}

// ---- loops -------------------------------------------------------------------------------------

static struct value loop_cycle(struct run *run, struct call *call) {
    if (call->count == 0) return run_fail(run, "template.wrong_type", STR("cycle"));
    return call->items[call->self.loop->index % call->count];
}

static struct value loop_changed(struct run *run, struct call *call) {
    struct value value = call->count ? call->items[0] : value_none();
    bool same = call->self.loop->index > 0 && value_equal(run, call->self.loop->changed, value);
    call->self.loop->changed = value;
    return value_bool(!same);
}

static struct value bind(struct run *run, function_call *function, struct value self) {
    struct bound *bound = ARENA_NEW(run->arena, struct bound);
    if (!bound) return run_fail(run, "template.too_large", STR_NONE);
    *bound = (struct bound){function, self};
    return (struct value){.kind = VALUE_FUNCTION, .function = bound};
}

static struct value loop_attribute(struct run *run, struct value self, struct str name) {
    const struct loop *loop = self.loop;
    uint32_t i = loop->index, count = loop->items->count;
    if (str_is(name, "index")) return value_whole(i + 1);
    if (str_is(name, "index0")) return value_whole(i);
    if (str_is(name, "revindex")) return value_whole(count - i);
    if (str_is(name, "revindex0")) return value_whole(count - i - 1);
    if (str_is(name, "first")) return value_bool(i == 0);
    if (str_is(name, "last")) return value_bool(i + 1 == count);
    if (str_is(name, "length")) return value_whole(count);
    if (str_is(name, "depth")) return value_whole(1); // recursive ones only go deeper;
    if (str_is(name, "depth0")) return value_whole(0);
    if (str_is(name, "previtem") && i > 0) return loop->items->items[i - 1];
    if (str_is(name, "nextitem") && i + 1 < count) return loop->items->items[i + 1];
    if (str_is(name, "cycle")) return bind(run, loop_cycle, self);
    if (str_is(name, "changed")) return bind(run, loop_changed, self);
    return value_undefined(name);
}

struct value value_attribute(struct run *run, struct value whole, struct str name) {
    function_call *method = NULL;
    if (whole.kind == VALUE_UNDEFINED) return run_fail(run, "template.undefined", whole.text);
    if (whole.kind == VALUE_LOOP) return loop_attribute(run, whole, name);
    if (whole.kind == VALUE_TEXT) method = text_method_find(name);
    if (whole.kind == VALUE_DICT && !whole.dict->namespace) method = dict_method_find(name);
    if (whole.kind == VALUE_LIST && str_is(name, "count")) method = list_count;
    if (whole.kind == VALUE_LIST && str_is(name, "index")) method = list_index;
    if (whole.kind == VALUE_LIST && (str_is(name, "append") || str_is(name, "pop") ||
                                     str_is(name, "extend") || str_is(name, "insert"))) {
        return run_fail(run, "template.unsupported", name); // values never change
    }
    if (method) return bind(run, method, whole);
    const struct value *found =
        whole.kind == VALUE_DICT ? dict_find(whole.dict, value_text(name)) : NULL;
    return found ? *found : value_undefined(name);
}

// ---- functions ---------------------------------------------------------------------------------

static struct value function_range(struct run *run, struct call *call) {
    int64_t limits[3] = {0, 0, 1};
    for (uint32_t i = 0; i < call->count && i < 3; i++) {
        if (call->items[i].kind != VALUE_WHOLE) {
            return run_fail(run, "template.wrong_type", STR("range"));
        }
        limits[call->count == 1 ? 1 : i] = call->items[i].whole;
    }
    int64_t step = limits[2], count = 0;
    if (call->count == 0 || call->count > 3 || step == 0) {
        return run_fail(run, "template.wrong_type", STR("range"));
    }
    for (int64_t i = limits[0]; step > 0 ? i < limits[1] : i > limits[1]; count++) {
        if (count == RANGE_MAX || __builtin_add_overflow(i, step, &i)) {
            return run_fail(run, "template.too_large", STR("range"));
        }
    }
    struct list *list = list_new(run, (uint64_t)count);
    for (int64_t i = 0; i < count && list; i++) {
        list->items[list->count++] = value_whole(limits[0] + i * step);
    }
    return value_list(list);
}

static struct value dict_function(struct run *run, struct call *call, bool namespace) {
    struct dict *dict = ARENA_NEW(run->arena, struct dict);
    if (!dict) return run_fail(run, "template.too_large", STR_NONE);
    dict->namespace = namespace;
    for (uint32_t i = 0; i < call->count && call->items[i].kind == VALUE_DICT; i++) {
        const struct dict *other = call->items[i].dict;
        for (uint32_t m = 0; m < other->count; m++) {
            dict_set(run, dict, other->members[m].key, other->members[m].value);
        }
    }
    for (uint32_t i = 0; i < call->named_count; i++) {
        dict_set(run, dict, value_text(call->named[i].name), call->named[i].value);
    }
    return value_dict(dict);
}
static struct value function_namespace(struct run *run, struct call *call) {
    return dict_function(run, call, true);
}
static struct value function_dict(struct run *run, struct call *call) {
    return dict_function(run, call, false);
}

static struct value function_raise(struct run *run, struct call *call) {
    struct value message = argument_of(call, 0, "message", value_text(STR("")));
    message = value_to_text(run, message);
    return run->err == OK ? run_fail(run, "template.raised", message.text) : message;
}

struct moment {
    int64_t year;
    unsigned month, day, weekday, hour, minute, second, year_day;
};

static struct moment moment_of(int64_t now_ms) {
    struct moment m;
    int64_t seconds = now_ms / 1000, days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) rest += 86400, days--;
    civil_from_days(days, &m.year, &m.month, &m.day);
    m.weekday = (unsigned)(((days + 4) % 7 + 7) % 7);
    m.hour = (unsigned)(rest / 3600);
    m.minute = (unsigned)(rest / 60 % 60);
    m.second = (unsigned)(rest % 60);
    m.year_day = (unsigned)(days - days_from_civil(m.year, 1, 1)) + 1;
    return m;
}

static bool moment_put(struct buf *out, const struct moment *m, char what) {
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    unsigned twelve = m->hour % 12 ? m->hour % 12 : 12;
    switch (what) {
    case 'Y': buf_printf(out, "%lld", (long long)m->year); break;
    case 'y': buf_printf(out, "%02d", (int)(m->year % 100)); break;
    case 'm': buf_printf(out, "%02u", m->month); break;
    case 'd': buf_printf(out, "%02u", m->day); break;
    case 'e': buf_printf(out, "%2u", m->day); break;
    case 'H': buf_printf(out, "%02u", m->hour); break;
    case 'I': buf_printf(out, "%02u", twelve); break;
    case 'M': buf_printf(out, "%02u", m->minute); break;
    case 'S': buf_printf(out, "%02u", m->second); break;
    case 'j': buf_printf(out, "%03u", m->year_day); break;
    case 'p': buf_add_text(out, m->hour < 12 ? "AM" : "PM"); break;
    case 'B': buf_add_text(out, months[m->month - 1]); break;
    case 'b': buf_add(out, months[m->month - 1], 3); break;
    case 'A': buf_add_text(out, days[m->weekday]); break;
    case 'a': buf_add(out, days[m->weekday], 3); break;
    case 'F': buf_printf(out, "%lld-%02u-%02u", (long long)m->year, m->month, m->day); break;
    case 'T': buf_printf(out, "%02u:%02u:%02u", m->hour, m->minute, m->second); break;
    case '%': buf_add_char(out, '%'); break;
    default: return false;
    }
    return true;
}

static struct value function_strftime_now(struct run *run, struct call *call) {
    struct str format = text_argument(run, call, 0, "format", STR("%Y-%m-%d"));
    struct moment moment = moment_of(run->now_ms);
    struct buf out;
    buf_open(&out, 1 << 16);
    for (size_t i = 0; i < format.size; i++) {
        if (format.data[i] != '%' || i + 1 == format.size) {
            buf_add_char(&out, format.data[i]);
        } else if (!moment_put(&out, &moment, format.data[++i])) {
            run_fail(run, "template.unsupported", (struct str){format.data + i - 1, 2});
        }
    }
    return value_of_buf(run, &out);
}

// ---- tables ------------------------------------------------------------------------------------

function_call *function_find(const struct function_row *rows, size_t count, struct str name) {
    for (size_t i = 0; i < count; i++) {
        if (str_is(name, rows[i].name)) return rows[i].function;
    }
    return NULL;
}

function_call *text_method_find(struct str name) {
    static const struct function_row rows[] = {
        {"strip", text_strip},
        {"lstrip", text_lstrip},
        {"rstrip", text_rstrip},
        {"split", text_split},
        {"rsplit", text_rsplit},
        {"splitlines", text_splitlines},
        {"partition", text_partition},
        {"rpartition", text_rpartition},
        {"startswith", text_startswith},
        {"endswith", text_endswith},
        {"find", text_find},
        {"rfind", text_rfind},
        {"index", text_index},
        {"count", text_count},
        {"replace", text_replace},
        {"upper", text_upper},
        {"lower", text_lower},
        {"capitalize", text_capitalize},
        {"title", text_title},
        {"join", text_join},
        {"isdigit", text_isdigit},
        {"isalpha", text_isalpha},
        {"isalnum", text_isalnum},
        {"isspace", text_isspace},
        {"isnumeric", text_isdigit},
        {"isdecimal", text_isdigit},
        {"removeprefix", text_removeprefix},
        {"removesuffix", text_removesuffix},
    };
    return function_find(rows, sizeof rows / sizeof *rows, name);
}

function_call *dict_method_find(struct str name) {
    static const struct function_row rows[] = {
        {"items", dict_items}, {"keys", dict_keys}, {"values", dict_values}, {"get", dict_get}};
    return function_find(rows, sizeof rows / sizeof *rows, name);
}

void globals_set(struct run *run) {
    static const struct function_row rows[] = {{"range", function_range},
                                               {"namespace", function_namespace},
                                               {"dict", function_dict},
                                               {"raise_exception", function_raise},
                                               {"strftime_now", function_strftime_now}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct value function = bind(run, rows[i].function, value_none());
        scope_set(run, str_of(rows[i].name), function);
    }
}
