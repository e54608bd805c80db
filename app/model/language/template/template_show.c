// How values of templates look: as Python's str() and repr(), and as JSON.
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "model/language/template/template_private.h"

// 1.0, 0.1, 1e+16: as Python writes a float.
static void real_put(struct buf *out, double real) {
    if (!isfinite(real)) {
        buf_add_text(out, isnan(real) ? "nan" : real < 0 ? "-inf" : "inf");
        return;
    }
    size_t start = out->size;
    if (fabs(real) < 1e16 && real == floor(real)) {
        buf_printf(out, "%.1f", real);
        return;
    }
    buf_add_double(out, real);
    if (out->err != OK) return;
    if (!memchr(out->data + start, '.', out->size - start) &&
        !memchr(out->data + start, 'e', out->size - start)) {
        buf_add_text(out, ".0");
    }
}

// Python's repr of a text: single quotes unless it holds some and no double ones.
static void quoted_put(struct buf *out, struct str text) {
    bool single = text.size && memchr(text.data, '\'', text.size);
    bool twice = text.size && memchr(text.data, '"', text.size);
    char quote = single && !twice ? '"' : '\'';
    buf_add_char(out, quote);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == quote || c == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, c);
        } else if (c == '\n') {
            buf_add_text(out, "\\n");
        } else if (c == '\r') {
            buf_add_text(out, "\\r");
        } else if (c == '\t') {
            buf_add_text(out, "\\t");
        } else if ((uint8_t)c < 32 || c == 127) {
            buf_printf(out, "\\x%02x", (unsigned)(uint8_t)c);
        } else {
            buf_add_char(out, c);
        }
    }
    buf_add_char(out, quote);
}

static void show(struct run *run, struct buf *out, struct value value, bool quote, uint32_t depth);

static void list_show(struct run *run, struct buf *out, const struct list *list, uint32_t depth) {
    buf_add_char(out, list->tuple ? '(' : '[');
    for (uint32_t i = 0; i < list->count; i++) {
        if (i) buf_add_text(out, ", ");
        show(run, out, list->items[i], true, depth + 1);
    }
    if (list->tuple && list->count == 1) buf_add_char(out, ',');
    buf_add_char(out, list->tuple ? ')' : ']');
}

static void dict_show(struct run *run, struct buf *out, const struct dict *dict, uint32_t depth) {
    buf_add_char(out, '{');
    for (uint32_t i = 0; i < dict->count; i++) {
        if (i) buf_add_text(out, ", ");
        show(run, out, dict->members[i].key, true, depth + 1);
        buf_add_text(out, ": ");
        show(run, out, dict->members[i].value, true, depth + 1);
    }
    buf_add_char(out, '}');
}

static void show(struct run *run, struct buf *out, struct value value, bool quote, uint32_t depth) {
    if (!run_steps(run, 1)) return;
    if (depth > TEMPLATE_DEPTH_MAX) {
        run_fail(run, "template.too_deep", STR_NONE);
        return;
    }
    switch (value.kind) {
    case VALUE_UNDEFINED:
        if (quote) buf_add_text(out, "Undefined");
        break;
    case VALUE_NONE: buf_add_text(out, "None"); break;
    case VALUE_BOOL: buf_add_text(out, value.yes ? "True" : "False"); break;
    case VALUE_WHOLE: buf_add_i64(out, value.whole); break;
    case VALUE_REAL: real_put(out, value.real); break;
    case VALUE_TEXT:
        if (quote)
            quoted_put(out, value.text);
        else
            buf_add_str(out, value.text);
        break;
    case VALUE_LIST: list_show(run, out, value.list, depth); break;
    case VALUE_DICT: dict_show(run, out, value.dict, depth); break;
    default: run_fail(run, "template.wrong_type", str_of(value_kind_name(value)));
    }
}

void value_put(struct run *run, struct buf *out, struct value value) {
    show(run, out, value, false, 0);
}

struct value value_to_text(struct run *run, struct value value) {
    if (value.kind == VALUE_TEXT) return value;
    struct buf text;
    buf_open(&text, TEMPLATE_MEMORY_BYTES_MAX);
    value_put(run, &text, value);
    return value_of_buf(run, &text);
}

// ---- JSON --------------------------------------------------------------------------------------

static void escape_put(struct buf *out, uint32_t c) {
    if (c > 0xFFFF) {
        c -= 0x10000;
        buf_printf(out, "\\u%04x\\u%04x", 0xD800 + (c >> 10), 0xDC00 + (c & 0x3FF));
    } else {
        buf_printf(out, "\\u%04x", c);
    }
}

static void json_text_put(struct buf *out, struct str text, bool ascii) {
    static const char shorts[] = "\"\"\\\\\nn\rr\tt\bb\ff";
    buf_add_char(out, '"');
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        uint32_t c = utf8_next(text, &at);
        const char *shorter = NULL;
        for (size_t s = 0; s + 1 < sizeof shorts && !shorter; s += 2) {
            if ((uint8_t)shorts[s] == c) shorter = shorts + s + 1;
        }
        if (shorter) {
            buf_add_char(out, '\\');
            buf_add_char(out, *shorter);
        } else if (c < 32 || (ascii && c > 126)) {
            escape_put(out, c);
        } else {
            buf_add(out, text.data + start, at - start);
        }
    }
    buf_add_char(out, '"');
}

static void line_put(struct buf *out, const struct json_style *style, uint32_t depth) {
    if (style->indent < 0) return;
    buf_add_char(out, '\n');
    for (int64_t i = 0; i < style->indent * depth; i++) buf_add_char(out, ' ');
}

static void json_key_put(struct run *run, struct buf *out, struct value key,
                         const struct json_style *style) {
    if (key.kind == VALUE_TEXT) {
        json_text_put(out, key.text, style->ascii);
        return;
    }
    buf_add_char(out, '"'); // numbers, true … become texts
    value_put_json(run, out, key, style, 0);
    buf_add_char(out, '"');
}

static void json_list_put(struct run *run, struct buf *out, const struct list *list,
                          const struct json_style *style, uint32_t depth) {
    buf_add_char(out, '[');
    for (uint32_t i = 0; i < list->count; i++) {
        if (i) buf_add_str(out, style->between);
        line_put(out, style, depth + 1);
        value_put_json(run, out, list->items[i], style, depth + 1);
    }
    if (list->count) line_put(out, style, depth);
    buf_add_char(out, ']');
}

// The place of the member that comes next by name behind the one at `last`.
static uint32_t next_by_name(struct run *run, const struct dict *dict, uint32_t last) {
    uint32_t best = dict->count;
    for (uint32_t i = 0; i < dict->count && run->err == OK; i++) {
        struct value key = dict->members[i].key;
        bool later = last == dict->count || value_compare(run, key, dict->members[last].key) > 0;
        if (!later) continue;
        if (best == dict->count || value_compare(run, key, dict->members[best].key) < 0) best = i;
    }
    return best;
}

static void json_dict_put(struct run *run, struct buf *out, const struct dict *dict,
                          const struct json_style *style, uint32_t depth) {
    uint32_t sorted = dict->count;
    buf_add_char(out, '{');
    for (uint32_t i = 0; i < dict->count && run->err == OK; i++) {
        if (style->sorted) sorted = next_by_name(run, dict, sorted);
        const struct member *member = &dict->members[style->sorted ? sorted : i];
        if (i) buf_add_str(out, style->between);
        line_put(out, style, depth + 1);
        json_key_put(run, out, member->key, style);
        buf_add_str(out, style->colon);
        value_put_json(run, out, member->value, style, depth + 1);
        if (style->sorted && sorted == dict->count) break;
    }
    if (dict->count) line_put(out, style, depth);
    buf_add_char(out, '}');
}

void value_put_json(struct run *run, struct buf *out, struct value value,
                    const struct json_style *style, uint32_t depth) {
    if (!run_steps(run, 1)) return;
    if (depth > TEMPLATE_DEPTH_MAX) {
        run_fail(run, "template.too_deep", STR_NONE);
        return;
    }
    switch (value.kind) {
    case VALUE_NONE: buf_add_text(out, "null"); break;
    case VALUE_BOOL: buf_add_text(out, value.yes ? "true" : "false"); break;
    case VALUE_WHOLE: buf_add_i64(out, value.whole); break;
    case VALUE_REAL: real_put(out, value.real); break;
    case VALUE_TEXT: json_text_put(out, value.text, style->ascii); break;
    case VALUE_LIST: json_list_put(run, out, value.list, style, depth); break;
    case VALUE_DICT: json_dict_put(run, out, value.dict, style, depth); break;
    case VALUE_UNDEFINED: run_fail(run, "template.undefined", value.text); break;
    default: run_fail(run, "template.wrong_type", STR("tojson"));
    }
}
