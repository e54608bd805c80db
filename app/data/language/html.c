// The tokenizer. Every search for an end that may not be there (of a comment, of a quote) notes
// that it failed and is not done again, so the whole takes linear time.
#include <string.h>

#include "data/language/html_private.h"

// ---- elements -----------------------------------------------------------------------------------

enum { K = ELEMENT_KNOWN, B = K | ELEMENT_BLOCK, R = K | ELEMENT_RAW, S = K | ELEMENT_SKIP };
enum { ELEMENT_NAME_SIZE = 12 };
static const struct {
    char name[ELEMENT_NAME_SIZE];
    uint8_t flags;
} elements[] = {
    {"a", K},
    {"abbr", K},
    {"acronym", K},
    {"address", B},
    {"applet", S},
    {"area", K},
    {"article", B},
    {"aside", B},
    {"audio", S},
    {"b", K},
    {"base", K},
    {"basefont", K},
    {"bdi", K},
    {"bdo", K},
    {"bgsound", K},
    {"big", K},
    {"blink", K},
    {"blockquote", B},
    {"body", B},
    {"br", K},
    {"button", K},
    {"canvas", S},
    {"caption", B},
    {"center", B},
    {"cite", K},
    {"code", K},
    {"col", K},
    {"colgroup", K},
    {"data", K},
    {"datalist", S},
    {"dd", B},
    {"del", K},
    {"details", B},
    {"dfn", K},
    {"dialog", B},
    {"dir", B},
    {"div", B},
    {"dl", B},
    {"dt", B},
    {"em", K},
    {"embed", K},
    {"fieldset", B},
    {"figcaption", B},
    {"figure", B},
    {"font", K},
    {"footer", B},
    {"form", B},
    {"frame", K},
    {"frameset", K},
    {"h1", B},
    {"h2", B},
    {"h3", B},
    {"h4", B},
    {"h5", B},
    {"h6", B},
    {"head", B},
    {"header", B},
    {"hgroup", B},
    {"hr", B},
    {"html", B},
    {"i", K},
    {"iframe", R | S},
    {"image", K},
    {"img", K},
    {"input", K},
    {"ins", K},
    {"isindex", K},
    {"kbd", K},
    {"keygen", K},
    {"label", K},
    {"legend", B},
    {"li", B},
    {"link", K},
    {"listing", B},
    {"main", B},
    {"map", K},
    {"mark", K},
    {"marquee", B},
    {"math", K},
    {"menu", B},
    {"meta", K},
    {"meter", K},
    {"nav", B},
    {"nobr", K},
    {"noembed", R | S},
    {"noframes", R | S},
    {"noscript", S},
    {"object", K},
    {"ol", B},
    {"optgroup", K},
    {"option", B},
    {"output", K},
    {"p", B},
    {"param", K},
    {"picture", K},
    {"plaintext", B},
    {"pre", B},
    {"progress", K},
    {"q", K},
    {"rb", K},
    {"rp", S},
    {"rt", S},
    {"rtc", S},
    {"ruby", K},
    {"s", K},
    {"samp", K},
    {"script", R | S},
    {"search", B},
    {"section", B},
    {"select", S},
    {"slot", K},
    {"small", K},
    {"source", K},
    {"spacer", K},
    {"span", K},
    {"strike", K},
    {"strong", K},
    {"style", R | S},
    {"sub", K},
    {"summary", B},
    {"sup", K},
    {"svg", S},
    {"table", B},
    {"tbody", K},
    {"td", K},
    {"template", S},
    {"textarea", R | B},
    {"tfoot", K},
    {"th", K},
    {"thead", K},
    {"time", K},
    {"title", R | S},
    {"tr", K},
    {"track", K},
    {"tt", K},
    {"u", K},
    {"ul", B},
    {"var", K},
    {"video", S},
    {"wbr", K},
    {"xml", K},
    {"xmp", R | B},
};
enum { ELEMENT_COUNT = sizeof elements / sizeof elements[0] };
_Static_assert((int)ELEMENT_COUNT <= (int)ELEMENT_COUNT_MAX, "elements have bits in callers");

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool html_name_is(struct str name, const char *lower_case) {
    size_t i = 0;
    for (; i < name.size && lower_case[i]; i++) {
        if (lower(name.data[i]) != lower_case[i]) return false;
    }
    return i == name.size && !lower_case[i];
}

unsigned html_element(struct str name, unsigned *out_index) {
    char word[ELEMENT_NAME_SIZE] = {0};
    if (name.size == 0 || name.size >= sizeof word) return 0;
    for (size_t i = 0; i < name.size; i++) word[i] = lower(name.data[i]);
    size_t low = 0, high = ELEMENT_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(elements[middle].name, word, sizeof word);
        if (order == 0) {
            if (out_index) *out_index = (unsigned)middle;
            return elements[middle].flags;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

// ---- tags ---------------------------------------------------------------------------------------

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == ':' || c == '_' || c == '-' || c == '.';
}

// Where one tag ends, and what kind of thing it seems to be.
struct tag {
    size_t attributes, end; // end: of the attributes; the '>' stands there, or '<', or nothing
    bool closed;            // by '>'
    bool bare;              // has words without '='
    bool valued;            // has one with
};

// The value at `at` (behind '='); returns where it ends. A quote without its partner is a letter.
static size_t value_end(struct html_reader *reader, size_t at, size_t end) {
    const char *data = reader->in.data;
    char quote = at < end ? data[at] : '\0';
    bool *none = quote == '"' ? &reader->no_quote : &reader->no_apostrophe;
    if ((quote == '"' || quote == '\'') && !*none) {
        const char *partner = memchr(data + at + 1, quote, reader->in.size - at - 1);
        size_t size = partner ? (size_t)(partner - (data + at + 1)) : 0;
        if (!partner) *none = true;
        // In <a href="x>text<a href="y"> the partner opens the next value: the first is not closed.
        bool opens_next = size > 1 && partner[-1] == '=' && memchr(data + at + 1, '>', size);
        if (partner && !opens_next) return at + size + 2;
    }
    while (at < end && !is_space(data[at]) && data[at] != '>') at++;
    return at;
}

static struct tag tag_scan(struct html_reader *reader, size_t at, size_t end) {
    const char *data = reader->in.data;
    struct tag tag = {.attributes = at};
    while (at < end) {
        char c = data[at];
        if (is_space(c) || c == '/') {
            at++;
            continue;
        }
        if (c == '>' || c == '<') break;
        do {
            at++;
        } while (at < end && !is_space(data[at]) && !strchr("/>=<", data[at]));
        size_t sign = at;
        while (sign < end && is_space(data[sign])) sign++;
        if (sign < end && data[sign] == '=') {
            sign++;
            while (sign < end && is_space(data[sign])) sign++;
            at = value_end(reader, sign, end);
            tag.valued = true;
        } else {
            tag.bare = true;
        }
    }
    tag.end = at < end ? at : end;
    if (at > end) tag.end = at; // a quoted value went further
    tag.closed = tag.end < reader->in.size && data[tag.end] == '>';
    return tag;
}

// Whether '<' at reader->at begins a tag; fills the token and moves on.
static bool read_tag(struct html_reader *reader, struct html_token *token) {
    // What is no element of HTML is a tag only if it looks like one throughout, within this.
    enum { UNKNOWN_BYTES_MAX = 512, NAME_BYTES_MAX = 64 };
    const char *data = reader->in.data;
    size_t size = reader->in.size, at = reader->at + 1;
    bool close = at < size && data[at] == '/';
    size_t first = at + close;
    if (first >= size || !is_letter(data[first])) return false;
    at = first;
    while (at < size && at - first < NAME_BYTES_MAX && is_name_char(data[at])) at++;
    if (at < size && !is_space(data[at]) && !strchr("/><", data[at])) return false;
    if (at < size && data[at] == '\0') return false;
    struct str name = {data + first, at - first};
    unsigned known = html_element(name, NULL);
    size_t end = size;
    if (!known && size - at > UNKNOWN_BYTES_MAX) end = at + UNKNOWN_BYTES_MAX;
    struct tag tag = tag_scan(reader, at, end);
    bool text = known ? !tag.closed && !tag.valued && (tag.bare || tag.end == size)
                      : !tag.closed || tag.bare || (close && tag.valued);
    if (text) return false;
    *token = (struct html_token){.kind = close ? HTML_CLOSE : HTML_OPEN, .name = name};
    token->attributes = (struct str){data + tag.attributes, tag.end - tag.attributes};
    reader->at = tag.end + tag.closed;
    bool empty = tag.end > at && data[tag.end - 1] == '/';
    if (!close && (known & ELEMENT_RAW) && !empty) reader->raw = name;
    return true;
}

// ---- what is not a tag --------------------------------------------------------------------------

static size_t find(struct str in, size_t from, const char *what, bool *none) {
    size_t size = strlen(what);
    const char *at =
        *none || from >= in.size ? NULL : memmem(in.data + from, in.size - from, what, size);
    if (!at) *none = true;
    return at ? (size_t)(at - in.data) : in.size;
}

static bool starts(const struct html_reader *reader, const char *what) {
    size_t size = strlen(what);
    return reader->in.size - reader->at >= size &&
           memcmp(reader->in.data + reader->at, what, size) == 0;
}

// <!-- -->, <![CDATA[ ]]>, <!DOCTYPE >, <? >, </ >; false if it is text.
static bool read_declaration(struct html_reader *reader, struct html_token *token) {
    struct str in = reader->in;
    size_t at = reader->at, first = at + 2, end, after = 1;
    char second = at + 1 < in.size ? in.data[at + 1] : '\0';
    char third = at + 2 < in.size ? in.data[at + 2] : '\0';
    enum html_kind kind = HTML_COMMENT;
    if (starts(reader, "<!--")) {
        // "<!-->" and "<!--->" are whole comments.
        end = find(in, at + 2, "-->", &reader->no_comment_end);
        first = at + 4, after = 3;
        if (end == in.size) end = find(in, at, ">", &reader->no_greater), after = 1;
        if (first > end) first = end;
    } else if (starts(reader, "<![CDATA[")) {
        kind = HTML_CDATA;
        end = find(in, at + 9, "]]>", &reader->no_cdata_end);
        first = at + 9, after = 3;
    } else if ((second == '!' && (is_letter(third) || third == '[')) ||
               (second == '?' && is_letter(third)) || (second == '/' && third == '>')) {
        end = find(in, at + 2, ">", &reader->no_greater);
        if (end == in.size) return false;
    } else {
        return false;
    }
    *token = (struct html_token){.kind = kind, .text = {in.data + first, end - first}};
    reader->at = end + after < in.size ? end + after : in.size;
    return true;
}

// The content of a script, a style, ... up to its closing tag. An unclosed one that would show its
// content (a title, say) was no such element; a script goes to the end.
static bool read_raw(struct html_reader *reader, struct html_token *token) {
    struct str in = reader->in, raw = reader->raw;
    unsigned index = 0;
    unsigned flags = html_element(raw, &index);
    uint64_t *words = reader->no_raw_end, bit = UINT64_C(1) << (index % 64);
    reader->raw = STR_NONE;
    if (words[index / 64] & bit) return false;
    size_t end = reader->at;
    while (end < in.size) {
        const char *sign = memchr(in.data + end, '<', in.size - end);
        end = sign ? (size_t)(sign - in.data) : in.size;
        if (in.size - end >= raw.size + 2 && in.data[end + 1] == '/') {
            struct str name = {in.data + end + 2, raw.size};
            bool same = true;
            for (size_t i = 0; i < raw.size && same; i++) {
                same = lower(name.data[i]) == lower(raw.data[i]);
            }
            if (same) break;
        }
        end += end < in.size;
    }
    bool code = html_name_is(raw, "script") || html_name_is(raw, "style");
    if (end == in.size && !code) {
        words[index / 64] |= bit;
        return false;
    }
    *token = (struct html_token){.kind = HTML_TEXT, .raw = true, .name = raw};
    token->text = (struct str){in.data + reader->at, end - reader->at};
    if (flags & ELEMENT_SKIP) token->kind = HTML_COMMENT;
    reader->at = end;
    return token->text.size > 0;
}

void html_start(struct html_reader *reader, struct str in) {
    *reader = (struct html_reader){.in = in};
}

bool html_next(struct html_reader *reader, struct html_token *token) {
    struct str in = reader->in;
    if (reader->raw.size && read_raw(reader, token)) return true;
    size_t first = reader->at;
    while (reader->at < in.size) {
        const char *sign = memchr(in.data + reader->at, '<', in.size - reader->at);
        size_t at = sign ? (size_t)(sign - in.data) : in.size;
        reader->at = at;
        if (!sign) break;
        if (read_tag(reader, token) || read_declaration(reader, token)) {
            if (at == first) return true;
            // The text before it comes first; the tag is read again.
            reader->at = at;
            reader->raw = STR_NONE;
            break;
        }
        reader->at = at + 1;
    }
    if (reader->at == first) {
        *token = (struct html_token){.kind = HTML_END};
        return false;
    }
    *token = (struct html_token){.kind = HTML_TEXT};
    token->text = (struct str){in.data + first, reader->at - first};
    return true;
}

// ---- attributes ---------------------------------------------------------------------------------

bool html_attribute(struct str attributes, const char *lower_case, struct str *out) {
    struct html_reader reader = {.in = attributes};
    const char *data = attributes.data;
    size_t at = 0, size = attributes.size;
    while (at < size) {
        if (is_space(data[at]) || data[at] == '/') {
            at++;
            continue;
        }
        struct str name = {data + at, 0};
        do {
            at++;
        } while (at < size && !is_space(data[at]) && !strchr("/>=<", data[at]));
        name.size = (size_t)(data + at - name.data);
        size_t sign = at;
        while (sign < size && is_space(data[sign])) sign++;
        struct str value = {data + at, 0};
        if (sign < size && data[sign] == '=') {
            sign++;
            while (sign < size && is_space(data[sign])) sign++;
            at = value_end(&reader, sign, size);
            value = (struct str){data + sign, at - sign};
            bool quoted = value.size >= 2 && (value.data[0] == '"' || value.data[0] == '\'') &&
                          value.data[value.size - 1] == value.data[0];
            if (quoted) value.data++, value.size -= 2;
        }
        if (!html_name_is(name, lower_case)) continue;
        *out = value;
        return true;
    }
    return false;
}

bool html_likely(struct str text) {
    // A known tag shows itself early; a longer look would cost more than a wrong answer.
    enum { LOOK_BYTES = 64 * 1024 };
    if (text.size > LOOK_BYTES) text.size = LOOK_BYTES;
    struct html_reader reader;
    struct html_token token;
    html_start(&reader, text);
    while (html_next(&reader, &token)) {
        bool tag = token.kind == HTML_OPEN || token.kind == HTML_CLOSE;
        if (tag && html_element(token.name, NULL)) return true;
        const char *sign = token.kind == HTML_TEXT && token.text.size
                               ? memchr(token.text.data, '&', token.text.size)
                               : NULL;
        while (sign) {
            size_t at = (size_t)(sign - token.text.data), size;
            char characters[8];
            size_t taken = html_reference(token.text, at, characters, &size);
            if (taken > 2 && token.text.data[at + taken - 1] == ';') return true;
            sign = memchr(sign + 1, '&', token.text.size - at - 1);
        }
    }
    return false;
}
