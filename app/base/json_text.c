#include "base/json_text.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/number.h"
#include "base/text.h"

_Static_assert(LIMIT_JSON_DEPTH <= 64, "a bit of `filled` for each depth");

struct json_text json_text_of(struct str text) {
    return (struct json_text){.start = text.data, .at = text.data, .end = text.data + text.size};
}

static void fail(struct json_text *text) {
    text->bad = true;
}

static bool blank(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

char json_text_peek(struct json_text *text) {
    if (text->bad) return 0;
    while (text->at < text->end && blank(*text->at)) text->at++;
    return text->at < text->end ? *text->at : 0;
}

static bool take(struct json_text *text, char wanted) {
    if (json_text_peek(text) != wanted) {
        fail(text);
        return false;
    }
    text->at++;
    return true;
}

void json_text_open(struct json_text *text, char bracket) {
    if (text->depth == LIMIT_JSON_DEPTH) fail(text);
    if (!take(text, bracket)) return;
    uint64_t bit = (uint64_t)1 << text->depth++;
    text->filled &= ~bit;
    text->objects = bracket == '{' ? text->objects | bit : text->objects & ~bit;
}

bool json_text_more(struct json_text *text) {
    char c = json_text_peek(text);
    if (c == 0 || text->depth == 0) {
        fail(text);
        return false;
    }
    uint64_t bit = (uint64_t)1 << (text->depth - 1);
    if (c == '}' || c == ']') {
        (void)take(text, text->objects & bit ? '}' : ']');
        text->depth--;
        return false;
    }
    if (text->filled & bit) {
        if (!take(text, ',')) return false;
        c = json_text_peek(text);
        if (c == 0 || c == '}' || c == ']') fail(text);
    }
    text->filled |= bit;
    return !text->bad;
}

struct str json_text_raw(struct json_text *text) {
    if (!take(text, '"')) return STR_NONE;
    const char *first = text->at;
    while (text->at < text->end && *text->at != '"') {
        text->at += *text->at == '\\' && text->end - text->at > 1 ? 2 : 1;
    }
    if (text->at >= text->end) {
        fail(text);
        return STR_NONE;
    }
    return (struct str){first, (size_t)(text->at++ - first)};
}

struct str json_text_name(struct json_text *text) {
    struct str name = json_text_raw(text);
    return take(text, ':') ? name : STR_NONE;
}

static bool number_byte(char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static bool word(struct json_text *text, const char *wanted) {
    size_t size = strlen(wanted);
    if ((size_t)(text->end - text->at) < size || memcmp(text->at, wanted, size) != 0) return false;
    text->at += size;
    return true;
}

double json_text_number(struct json_text *text) {
    char c = json_text_peek(text);
    if (c == 'N' && word(text, "NaN")) return (double)NAN;
    if (c == 'I' && word(text, "Infinity")) return (double)INFINITY;
    if (c == '-' && word(text, "-Infinity")) return -(double)INFINITY;
    const char *first = text->at;
    while (c != 0 && text->at < text->end && number_byte(*text->at)) text->at++;
    double value = 0;
    struct str digits = {first, (size_t)(text->at - first)};
    if (c == 0 || c == '+' || !number_parse(digits, &value)) fail(text);
    return text->bad ? 0 : value;
}

bool json_text_bool(struct json_text *text) {
    char c = json_text_peek(text);
    if (c == 't' && word(text, "true")) return true;
    if (c != 'f' || !word(text, "false")) fail(text);
    return false;
}

// ---- strings ------------------------------

static bool hexadecimal(const char *at, uint32_t *out) {
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        char c = at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit == 16) return false;
        value = value * 16 + digit;
    }
    *out = value;
    return true;
}

// \uXXXX, or two of them for a character beyond 16 bits; how many bytes of `s` it took, 0: bad.
static size_t unicode(struct str s, uint32_t *out) {
    uint32_t high, low;
    if (s.size < 6 || !hexadecimal(s.data + 2, &high)) return 0;
    *out = high;
    if (high < 0xD800 || high > 0xDFFF) return 6;
    bool pair = high < 0xDC00 && s.size >= 12 && s.data[6] == '\\' && s.data[7] == 'u' &&
                hexadecimal(s.data + 8, &low) && low >= 0xDC00 && low <= 0xDFFF;
    if (!pair) return 0;
    *out = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    return 12;
}

// One escape at s.data[0] = '\\'; how many bytes it took, 0: bad.
static size_t escape(struct str s, struct buf *out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found = s.size > 1 && s.data[1] ? strchr(from, s.data[1]) : NULL;
    if (found) {
        buf_add_char(out, to[found - from]);
        return 2;
    }
    uint32_t character;
    size_t size = s.size > 1 && s.data[1] == 'u' ? unicode(s, &character) : 0;
    if (size == 0 || character == 0) return 0;
    char bytes[4];
    buf_add(out, bytes, utf8_put(bytes, character));
    return size;
}

void json_text_string(struct json_text *text, struct buf *out) {
    struct str raw = json_text_raw(text);
    if (!utf8_valid(raw)) fail(text);
    for (size_t i = 0; !text->bad && i < raw.size;) {
        size_t plain = i;
        while (plain < raw.size && raw.data[plain] != '\\') plain++;
        buf_add(out, raw.data + i, plain - i);
        i = plain;
        if (i == raw.size) break;
        size_t size = escape((struct str){raw.data + i, raw.size - i}, out);
        if (size == 0) fail(text);
        i += size;
    }
}

// ---- the rest ------------------------------

static void skip_plain(struct json_text *text, char c) {
    if (c == '"')
        (void)json_text_raw(text);
    else if (c == 't' || c == 'f')
        (void)json_text_bool(text);
    else if (c == 'n' && word(text, "null"))
        return;
    else
        (void)json_text_number(text);
}

void json_text_skip(struct json_text *text) {
    uint32_t depth = text->depth;
    for (;;) {
        char c = json_text_peek(text);
        if (c == '{' || c == '[')
            json_text_open(text, c);
        else
            skip_plain(text, c);
        // Out of all that is finished, then to the next child.
        while (!text->bad && text->depth > depth && !json_text_more(text)) continue;
        if (text->bad || text->depth == depth) return;
        if (text->objects >> (text->depth - 1) & 1) (void)json_text_name(text);
    }
}

bool json_text_end(struct json_text *text) {
    return json_text_peek(text) == 0 && !text->bad && text->at == text->end && text->depth == 0;
}
