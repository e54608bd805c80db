#include "data/intake/xml_private.h"

static enum err damaged(struct fault *fault) {
    return fault_set(fault, ERR_INPUT, "xml.damaged", STR_NONE);
}

// --- entities ------------------------------------------------------------------------------------

static bool number_entity(struct str name, uint32_t *out) {
    uint32_t value = 0, base = 10;
    name.data++, name.size--; // '#'
    if (name.size && (name.data[0] == 'x' || name.data[0] == 'X')) {
        base = 16;
        name.data++, name.size--;
    }
    if (name.size == 0 || name.size > 8) return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 99;
        if (digit >= base) return false;
        value = value * base + digit;
        if (value > 0x10FFFF) return false;
    }
    if (value == 0 || (value >= 0xD800 && value <= 0xDFFF)) value = 0xFFFD;
    *out = value;
    return true;
}

static bool entity(struct str name, uint32_t *out) {
    static const struct {
        const char *name;
        uint32_t character;
    } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    if (name.size > 1 && name.data[0] == '#') return number_entity(name, out);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!str_is(name, known[i].name)) continue;
        *out = known[i].character;
        return true;
    }
    return false;
}

size_t xml_decode(char *text, size_t size) {
    char *ampersand = size ? memchr(text, '&', size) : NULL;
    if (!ampersand) return size;
    size_t from = (size_t)(ampersand - text), to = from;
    while (from < size) {
        if (text[from] != '&') {
            text[to++] = text[from++];
            continue;
        }
        size_t end = from + 1, most = from + 12 < size ? from + 12 : size;
        while (end < most && text[end] != ';') end++;
        uint32_t character;
        char bytes[4];
        if (end == most || !entity((struct str){text + from + 1, end - from - 1}, &character)) {
            text[to++] = text[from++];
            continue;
        }
        size_t put = utf8_put(bytes, character); // never longer than the entity
        memcpy(text + to, bytes, put);
        to += put;
        from = end + 1;
    }
    return to;
}

// --- the window ----------------------------------------------------------------------------------

// Brings more text behind what is left of the window; at the end of the file, none.
static enum err more(struct xml *xml, struct fault *fault) {
    if (xml->at > 0) {
        memmove(xml->window, xml->window + xml->at, xml->size - xml->at);
        xml->size -= xml->at;
        xml->at = 0;
    }
    size_t room = XML_WINDOW_BYTES - xml->size, got;
    if (room < SOURCE_ROOM_MIN) return damaged(fault);
    enum err err = source_text(xml->source, xml->window + xml->size, room, &got, fault);
    if (err) return err;
    xml->ended = got == 0;
    xml->size += got;
    return OK;
}

static enum encoding encoding_of(struct str head) {
    const uint8_t *at = (const uint8_t *)head.data;
    if (head.size >= 2 && at[0] == 0xFF && at[1] == 0xFE) return ENCODING_UTF16LE;
    if (head.size >= 2 && at[0] == 0xFE && at[1] == 0xFF) return ENCODING_UTF16BE;
    if (head.size >= 2 && at[0] == '<' && at[1] == 0) return ENCODING_UTF16LE;
    if (head.size >= 2 && at[0] == 0 && at[1] == '<') return ENCODING_UTF16BE;
    if (head.size > 200) head.size = 200;
    const char *end = memmem(head.data, head.size, "?>", 2);
    const char *told = end ? memmem(head.data, (size_t)(end - head.data), "encoding=", 9) : NULL;
    if (!told || end - told < 12) return ENCODING_UTF8;
    struct str rest, name = {told + 10, (size_t)(end - told) - 10};
    name = str_cut(name, told[9], &rest);
    enum encoding encoding = encoding_from_name(name);
    bool wide = encoding == ENCODING_UTF16LE || encoding == ENCODING_UTF16BE;
    return encoding == ENCODING_UNKNOWN || wide ? ENCODING_UTF8 : encoding;
}

enum err xml_open(struct source *source, struct xml *out, struct fault *fault) {
    *out = (struct xml){.source = source, .window = memory_take(XML_WINDOW_BYTES)};
    if (!out->window) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    source_decode(source, encoding_of(source_head(source)));
    return OK;
}

void xml_close(struct xml *xml) {
    memory_give(xml->window);
    xml->window = NULL;
}

// --- events --------------------------------------------------------------------------------------

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Names are short: loops of our own are faster here than calls.
static struct str local_name(struct str name) {
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == ':') return (struct str){name.data + i + 1, name.size - i - 1};
    }
    return name;
}

// Position of `what` from `from` on, or SIZE_MAX.
static size_t find(const struct xml *xml, size_t from, const char *what) {
    if (from >= xml->size) return SIZE_MAX;
    const char *at = memmem(xml->window + from, xml->size - from, what, strlen(what));
    return at ? (size_t)(at - xml->window) : SIZE_MAX;
}

// The '>' that ends the tag at xml->at, outside of quotes; SIZE_MAX: not in the window yet.
static size_t tag_end(const struct xml *xml) {
    char quote = 0;
    for (size_t i = xml->at + 1; i < xml->size; i++) {
        char c = xml->window[i];
        if (quote) {
            if (c == quote) quote = 0;
        } else if (c == '>') {
            return i;
        } else if (c == '"' || c == '\'') {
            quote = c;
        }
    }
    return SIZE_MAX;
}

static bool read_attributes(struct xml *xml, const char *at, const char *end) {
    xml->attribute_count = 0;
    for (;;) {
        while (at < end && is_space(*at)) at++;
        if (at == end) return true;
        const char *name = at;
        while (at < end && *at != '=' && !is_space(*at)) at++;
        const char *name_end = at;
        while (at < end && is_space(*at)) at++;
        if (at == end || *at++ != '=') return false;
        while (at < end && is_space(*at)) at++;
        if (at == end || (*at != '"' && *at != '\'')) return false;
        const char *value = at + 1, *shut = value;
        while (shut < end && *shut != *at) shut++;
        if (shut == end) return false;
        at = shut + 1;
        if (xml->attribute_count == XML_ATTRIBUTES_MAX) continue;
        struct str full = {name, (size_t)(name_end - name)};
        xml->attributes[xml->attribute_count++] =
            (struct xml_attribute){local_name(full), {value, (size_t)(shut - value)}};
    }
}

static enum err open_tag(struct xml *xml, size_t end, enum xml_kind *out, struct fault *fault) {
    const char *at = xml->window + xml->at + 1, *stop = xml->window + end;
    bool empty = stop > at && stop[-1] == '/';
    if (empty) stop--;
    const char *name = at;
    while (at < stop && !is_space(*at)) at++;
    xml->name = local_name((struct str){name, (size_t)(at - name)});
    if (xml->name.size == 0 || !read_attributes(xml, at, stop)) return damaged(fault);
    if (++xml->depth > XML_DEPTH_MAX) return damaged(fault);
    xml->close_due = empty;
    xml->at = end + 1;
    *out = XML_OPEN;
    return OK;
}

static enum err close_tag(struct xml *xml, size_t end, enum xml_kind *out, struct fault *fault) {
    const char *name = xml->window + xml->at + 2;
    size_t size = end - xml->at - 2;
    while (size > 0 && is_space(name[size - 1])) size--;
    xml->name = local_name((struct str){name, size});
    if (xml->depth == 0) return damaged(fault);
    xml->depth--;
    xml->at = end + 1;
    *out = XML_CLOSE;
    return OK;
}

// Text up to the next tag, or as much of it as the window holds.
static enum err text_run(struct xml *xml, size_t end, bool entities, enum xml_kind *out) {
    char *text = xml->window + xml->at;
    size_t size = end - xml->at;
    if (entities) size = xml_decode(text, size);
    xml->text = (struct str){text, size};
    xml->at = end;
    *out = XML_TEXT;
    return OK;
}

// What begins with "<!" or "<?": skipped, but for CDATA. *out_kind XML_NOTHING: go on.
static enum err special(struct xml *xml, bool *out_more, enum xml_kind *out, struct fault *fault) {
    static const struct { const char *opens, *closes; } skipped[] = {{"<!--", "-->"}, {"<?", "?>"}};
    const char *at = xml->window + xml->at;
    size_t left = xml->size - xml->at;
    *out_more = left < 9 && !xml->ended;
    if (*out_more) return OK;
    for (size_t i = 0; i < sizeof skipped / sizeof skipped[0]; i++) {
        size_t size = strlen(skipped[i].opens);
        if (left < size || memcmp(at, skipped[i].opens, size) != 0) continue;
        size_t end = find(xml, xml->at + size, skipped[i].closes);
        *out_more = end == SIZE_MAX;
        if (!*out_more) xml->at = end + strlen(skipped[i].closes);
        return OK;
    }
    if (left < 9 || memcmp(at, "<![CDATA[", 9) != 0) return damaged(fault); // a DTD, say
    size_t end = find(xml, xml->at + 9, "]]>");
    *out_more = end == SIZE_MAX;
    if (*out_more) return OK;
    xml->text = (struct str){at + 9, end - xml->at - 9};
    xml->at = end + 3;
    *out = XML_TEXT;
    return OK;
}

// One event out of the window; *out_more: the window does not hold it yet.
static enum err step(struct xml *xml, bool *out_more, enum xml_kind *out, struct fault *fault) {
    size_t left = xml->size - xml->at;
    *out_more = left < 2 && !xml->ended;
    if (*out_more || left == 0) return OK;
    char *at = xml->window + xml->at;
    if (*at != '<') {
        bool entities = false;
        size_t end = xml->at;
        for (; end < xml->size && xml->window[end] != '<'; end++) {
            entities |= xml->window[end] == '&';
        }
        if (end == xml->size && !xml->ended) {
            // Keep what may be the beginning of an entity, unless all of it is.
            size_t back = left > 12 ? 12 : 0;
            const char *ampersand = back ? memchr(xml->window + end - back, '&', back) : NULL;
            if (ampersand) end = (size_t)(ampersand - xml->window);
            *out_more = left < XML_WINDOW_BYTES / 2;
            if (*out_more) return OK;
        }
        return text_run(xml, end, entities, out);
    }
    if (left >= 2 && (at[1] == '!' || at[1] == '?')) return special(xml, out_more, out, fault);
    size_t end = tag_end(xml);
    *out_more = end == SIZE_MAX;
    if (*out_more) return OK;
    return at[1] == '/' ? close_tag(xml, end, out, fault) : open_tag(xml, end, out, fault);
}

enum err xml_next(struct xml *xml, enum xml_kind *out, struct fault *fault) {
    *out = XML_NOTHING;
    if (xml->close_due) {
        xml->close_due = false;
        xml->depth--;
        *out = XML_CLOSE;
        return OK;
    }
    while (*out == XML_NOTHING) {
        bool more_due = false;
        enum err err = step(xml, &more_due, out, fault);
        if (err) return err;
        if (*out != XML_NOTHING) break;
        if (!more_due && xml->at < xml->size) continue; // a comment
        if (xml->ended) return more_due || xml->depth > 0 ? damaged(fault) : OK;
        err = more(xml, fault);
        if (err) return err;
    }
    return OK;
}

struct str xml_attribute(const struct xml *xml, const char *name) {
    for (uint32_t i = 0; i < xml->attribute_count; i++) {
        struct str is = xml->attributes[i].name;
        size_t at = 0;
        while (at < is.size && name[at] == is.data[at]) at++; // stops at name's NUL, too
        if (at == is.size && name[at] == '\0') return xml->attributes[i].value;
    }
    return STR_NONE;
}
