// The text of a template, cut: plain text between tags, and what stands within a tag.
// White space: with blocks trimmed a line's end right behind a block goes, and blanks between the
// line's begin and a block; "-" takes all white space at its side, "+" leaves it.
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "model/language/template/template_private.h"

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (uint8_t)c >= 0x80;
}

static bool digit(char c) {
    return c >= '0' && c <= '9';
}

static char at(const struct parser *p, size_t ahead) {
    return p->at + ahead < p->text.size ? p->text.data[p->at + ahead] : '\0';
}

static void skip(struct parser *p, size_t count) {
    for (size_t i = 0; i < count && p->at < p->text.size; i++) {
        p->line += p->text.data[p->at++] == '\n';
    }
}

// ---- text --------------------------------------------------------------------------------------

static struct str strip_end(struct str text) {
    while (text.size && blank(text.data[text.size - 1])) text.size--;
    return text;
}

// Blanks between the begin of the line and a block. `from`: where the text began.
static struct str strip_line(const struct parser *p, struct str text) {
    size_t size = text.size;
    while (size && (text.data[size - 1] == ' ' || text.data[size - 1] == '\t')) size--;
    const char *before = text.data + size;
    bool begin = before == p->text.data || before[-1] == '\n';
    return begin ? (struct str){text.data, size} : text;
}

// What the tag before takes away in front.
static void strip_start(struct parser *p) {
    if (p->strip_next) {
        while (p->at < p->text.size && blank(at(p, 0))) skip(p, 1);
    } else if (p->trim_next && at(p, 0) == '\n') {
        skip(p, 1);
    }
    p->strip_next = p->trim_next = false;
}

// Behind an opening mark: its sign, and the text before it as it stays.
static struct str open_sign(struct parser *p, struct str text, bool block) {
    char sign = at(p, 0);
    if (sign == '-') {
        skip(p, 1);
        return strip_end(text);
    }
    if (sign == '+') skip(p, 1);
    return block && sign != '+' ? strip_line(p, text) : text;
}

static void comment_skip(struct parser *p) {
    while (p->at < p->text.size && !(at(p, 0) == '#' && at(p, 1) == '}')) skip(p, 1);
    if (p->at >= p->text.size) {
        parser_fail(p, "template.syntax", STR("{#"));
        return;
    }
    char sign = p->text.data[p->at - 1];
    p->strip_next = sign == '-';
    p->trim_next = sign != '+';
    skip(p, 2);
}

bool lexer_text(struct parser *p, struct str *text, enum tag *tag) {
    strip_start(p);
    size_t start = p->at;
    *tag = TAG_NONE;
    for (; p->at < p->text.size; skip(p, 1)) {
        char next = at(p, 0) == '{' ? at(p, 1) : '\0';
        if (next != '{' && next != '%' && next != '#') continue;
        *text = (struct str){p->text.data + start, p->at - start};
        skip(p, 2);
        *text = open_sign(p, *text, next != '{');
        if (next == '#') {
            comment_skip(p);
        } else {
            p->tag = *tag = next == '{' ? TAG_OUTPUT : TAG_BLOCK;
            p->braces = 0;
            lexer_next(p);
        }
        return p->err == OK;
    }
    *text = (struct str){p->text.data + start, p->at - start};
    return text->size > 0;
}

// At "%}" of raw.
bool lexer_raw(struct parser *p, struct str *text) {
    strip_start(p);
    size_t start = p->at;
    for (; p->at < p->text.size; skip(p, 1)) {
        if (at(p, 0) != '{' || at(p, 1) != '%') continue;
        struct parser there = *p;
        *text = (struct str){p->text.data + start, p->at - start};
        skip(&there, 2);
        *text = open_sign(&there, *text, true);
        while (blank(at(&there, 0))) skip(&there, 1);
        struct str rest = {there.text.data + there.at, there.text.size - there.at};
        if (!str_starts(rest, STR("endraw"))) continue;
        *p = there;
        p->tag = TAG_BLOCK;
        lexer_next(p);
        lexer_next(p);
        return p->err == OK && p->token.of == LEX_CLOSE;
    }
    return false;
}

// ---- within a tag ------------------------------------------------------------------------------

static uint32_t hex(struct parser *p, size_t first, uint32_t digits) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < digits; i++) {
        char c = at(p, first + i);
        uint32_t one = digit(c)               ? (uint32_t)(c - '0')
                       : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                       : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                              : 16;
        if (one == 16) return UINT32_MAX;
        value = value * 16 + one;
    }
    return value;
}

// At a backslash: writes what it stands for, as Python reads it.
static size_t escape(struct parser *p, char *out) {
    static const char names[] = "n\nt\tr\r\\\\''\"\"a\ab\bf\fv\v0\0";
    char c = at(p, 1);
    uint32_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    for (size_t i = 0; i + 1 < sizeof names; i += 2) {
        if (c != names[i]) continue;
        *out = names[i + 1];
        skip(p, 2);
        return 1;
    }
    uint32_t value = digits ? hex(p, 2, digits) : UINT32_MAX;
    if (value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF)) {
        skip(p, 2 + digits);
        return utf8_put(out, value);
    }
    skip(p, 1);
    if (c == '\n') {
        skip(p, 1);
        return 0;
    }
    *out = '\\';
    return 1;
}

static void text_read(struct parser *p) {
    char quote = at(p, 0);
    size_t end = p->at + 1;
    while (end < p->text.size && p->text.data[end] != quote) {
        end += p->text.data[end] == '\\' ? 2 : 1;
    }
    char *out = arena_take(p->arena, end - p->at + 4);
    if (end >= p->text.size || !out) {
        parser_fail(p, out ? "template.syntax" : "predict.no_memory", STR("\""));
        return;
    }
    size_t size = 0;
    for (skip(p, 1); p->at < end;) {
        if (at(p, 0) == '\\') {
            size += escape(p, out + size);
        } else {
            out[size++] = at(p, 0);
            skip(p, 1);
        }
    }
    skip(p, 1);
    p->token = (struct lexeme){.of = LEX_TEXT, .text = {out, size}};
}

static void number_read(struct parser *p) {
    char digits[64];
    size_t size = 0, ahead = 0;
    bool real = false, index = p->at > 0 && p->text.data[p->at - 1] == '.'; // list.0.1
    for (; size + 1 < sizeof digits; ahead++) {
        char c = at(p, ahead), next = at(p, ahead + 1);
        bool exponent = (c == 'e' || c == 'E') &&
                        (digit(next) || ((next == '+' || next == '-') && digit(at(p, ahead + 2))));
        bool sign = (c == '+' || c == '-') && size && (digits[size - 1] | 32) == 'e';
        bool point = c == '.' && !real && !index && digit(next);
        if (c == '_' && digit(next)) continue;
        if (!digit(c) && !exponent && !sign && !point) break;
        real |= exponent || point;
        digits[size++] = c;
    }
    struct str text = {digits, size};
    p->token = (struct lexeme){.of = real ? LEX_REAL : LEX_WHOLE};
    bool fine = real ? number_parse(text, &p->token.real) : integer_parse(text, &p->token.whole);
    if (!fine) parser_fail(p, "template.syntax", text);
    skip(p, ahead);
}

static bool close_read(struct parser *p) {
    const char *mark = p->tag == TAG_OUTPUT ? "}}" : "%}";
    char sign = at(p, 0);
    size_t signs = sign == '-' || sign == '+' ? 1 : 0;
    if (at(p, signs) != mark[0] || at(p, signs + 1) != mark[1]) return false;
    if (p->tag == TAG_OUTPUT && p->braces) return false;
    p->strip_next = sign == '-';
    p->trim_next = p->tag == TAG_BLOCK && sign != '+';
    skip(p, signs + 2);
    p->token = (struct lexeme){.of = LEX_CLOSE};
    p->tag = TAG_NONE;
    return true;
}

static void mark_read(struct parser *p) {
    static const char *const two[] = {"==", "!=", "<=", ">=", "//", "**"};
    struct str rest = {p->text.data + p->at, p->text.size - p->at};
    size_t size = 1;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++) {
        if (str_starts(rest, str_of(two[i]))) size = 2;
    }
    if (size == 1 && !strchr("+-*/%~<>=()[]{}.,:|", at(p, 0))) {
        parser_fail(p, "template.syntax", (struct str){rest.data, 1});
        return;
    }
    if (at(p, 0) == '{') p->braces++;
    if (at(p, 0) == '}' && p->braces) p->braces--;
    p->token = (struct lexeme){.of = LEX_MARK, .text = {rest.data, size}};
    skip(p, size);
}

void lexer_next(struct parser *p) {
    if (p->err != OK || p->tag == TAG_NONE) return;
    while (p->at < p->text.size && blank(at(p, 0))) skip(p, 1);
    if (p->at >= p->text.size) {
        parser_fail(p, "template.syntax", p->tag == TAG_OUTPUT ? STR("{{") : STR("{%"));
        return;
    }
    if (close_read(p)) return;
    char c = at(p, 0);
    if (c == '"' || c == '\'') {
        text_read(p);
    } else if (digit(c)) {
        number_read(p);
    } else if (letter(c)) {
        size_t size = 1;
        while (letter(at(p, size)) || digit(at(p, size))) size++;
        p->token = (struct lexeme){.of = LEX_NAME, .text = {p->text.data + p->at, size}};
        skip(p, size);
    } else {
        mark_read(p);
    }
}
