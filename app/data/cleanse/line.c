// One line of a recipe as words. The signs of a Chinese keyboard (，：＝＜＞｜、“”) count as theirs
// on an English one, because people do not see the difference; within "quotes" nothing is special.
#include <string.h>

#include "base/text.h"
#include "data/cleanse/operator_private.h"

const char *sign_text(enum sign sign) {
    static const char *const texts[] = {"", "=", ":", "<", "<=", ">", ">="};
    return texts[sign];
}

struct reader {
    struct arena *arena;
    struct str text;
    size_t at;
    uint32_t line;
    struct fault *fault;
};

static const struct {
    const char *spelling;
    char meaning;
} wide_signs[] = {
    {"，", ','}, {"、", ','}, {"：", ':'}, {"＝", '='}, {"＜", '<'}, {"＞", '>'}, {"｜", '|'},
    {"　", ' '}, {"“", '"'},  {"”", '"'},  {"≤", 'l'},  {"≥", 'm'},  {"＂", '"'},
};

// The sign at `at`, 0 for an ordinary character or the end; l and m stand for <= and >=.
static char sign_at(struct str text, size_t at, uint32_t *bytes) {
    *bytes = 1;
    if (at >= text.size) return '\0';
    char c = text.data[at];
    if ((c == '<' || c == '>') && at + 1 < text.size && text.data[at + 1] == '=') {
        *bytes = 2;
        return c == '<' ? 'l' : 'm';
    }
    if (c == '\t') return ' ';
    if (memchr(" ,:=<>|\"", c, 8)) return c;
    if ((uint8_t)c < 0xE2) return '\0';
    struct str rest = {text.data + at, text.size - at};
    for (size_t i = 0; i < sizeof wide_signs / sizeof wide_signs[0]; i++) {
        if (!str_starts(rest, str_of(wide_signs[i].spelling))) continue;
        *bytes = (uint32_t)strlen(wide_signs[i].spelling);
        return wide_signs[i].meaning;
    }
    return '\0';
}

static uint32_t reader_column(const struct reader *reader, size_t at) {
    return (uint32_t)utf8_count((struct str){reader->text.data, at}) + 1;
}

static enum err reader_fault(struct reader *reader, enum err err, const char *code, size_t at) {
    return fault_at(reader->fault, err, code, reader->line, reader_column(reader, at), STR_NONE);
}

static bool skip_space(struct reader *reader) {
    uint32_t bytes;
    size_t from = reader->at;
    while (sign_at(reader->text, reader->at, &bytes) == ' ') reader->at += bytes;
    return reader->at > from;
}

// Within quotes a backslash takes the meaning of a quote or another backslash away, and makes \n,
// \t and \r; before anything else it stands for itself: a pattern is written as it is, "\d{8}".
static void unescape(struct str text, size_t *at, char *out, size_t *size) {
    char c = text.data[*at];
    uint32_t bytes;
    bool quote = sign_at(text, *at, &bytes) == '"';
    if (c == 'n' || c == 't' || c == 'r') {
        out[(*size)++] = c == 'n' ? '\n' : c == 't' ? '\t' : '\r';
    } else if (quote || c == '\\') {
        out[(*size)++] = c; // the rest of a longer quote follows as it is
    } else {
        out[(*size)++] = '\\';
        out[(*size)++] = c;
    }
    (*at)++;
}

// Bytes up to the closing quote; SIZE_MAX if there is none.
static size_t quoted_bytes(const struct reader *reader) {
    uint32_t bytes;
    for (size_t at = reader->at; at < reader->text.size; at++) {
        if (sign_at(reader->text, at, &bytes) == '"') return at - reader->at;
        if (reader->text.data[at] == '\\') at++;
    }
    return SIZE_MAX;
}

static enum err read_quoted(struct reader *reader, struct item *item) {
    size_t start = reader->at;
    uint32_t bytes;
    (void)sign_at(reader->text, reader->at, &bytes);
    reader->at += bytes;
    size_t within = quoted_bytes(reader);
    if (within == SIZE_MAX) return reader_fault(reader, ERR_INPUT, "recipe.unclosed_quote", start);
    char *out = ARENA_ARRAY(reader->arena, char, within + 1);
    if (!out) return reader_fault(reader, ERR_LIMIT, "recipe.too_large", start);
    size_t size = 0, end = reader->at + within;
    while (reader->at < end) {
        char c = reader->text.data[reader->at++];
        if (c == '\\' && reader->at < end) {
            unescape(reader->text, &reader->at, out, &size);
        } else {
            out[size++] = c;
        }
    }
    (void)sign_at(reader->text, end, &bytes);
    reader->at = end + bytes;
    item->text = (struct str){out, size};
    item->quoted = true;
    return OK;
}

static enum err read_item(struct reader *reader, bool value, struct item *item) {
    uint32_t bytes;
    *item = (struct item){.column = reader_column(reader, reader->at)};
    if (sign_at(reader->text, reader->at, &bytes) == '"') return read_quoted(reader, item);
    size_t start = reader->at;
    while (reader->at < reader->text.size) {
        char sign = sign_at(reader->text, reader->at, &bytes);
        if (sign == '"') return reader_fault(reader, ERR_INPUT, "recipe.stray_quote", reader->at);
        bool ends = value ? sign == ' ' || sign == ',' || sign == '|' : sign != '\0';
        if (ends) break;
        reader->at += sign == '\0' ? 1 : bytes;
    }
    item->text = (struct str){reader->text.data + start, reader->at - start};
    if (item->text.size == 0) return reader_fault(reader, ERR_INPUT, "recipe.empty_item", start);
    return OK;
}

static enum err read_items(struct reader *reader, bool value, struct item **out,
                           uint32_t *out_count) {
    struct item *items = NULL;
    uint32_t count = 0, room = 0;
    for (;;) {
        if (count == room) {
            struct item *more = ARENA_ARRAY(reader->arena, struct item, room ? room * 2 : 4);
            if (!more) return reader_fault(reader, ERR_LIMIT, "recipe.too_large", reader->at);
            if (count) memcpy(more, items, count * sizeof *items);
            items = more;
            room = room ? room * 2 : 4;
        }
        enum err err = read_item(reader, value, &items[count]);
        if (err != OK) return err;
        count++;
        uint32_t bytes;
        char sign = sign_at(reader->text, reader->at, &bytes);
        if (sign != ',' && sign != '|') break;
        reader->at += bytes;
        skip_space(reader); // "a, b" is one list
    }
    *out = items;
    *out_count = count;
    return OK;
}

static enum sign sign_meant(char sign) {
    switch (sign) {
    case '=': return SIGN_EQUAL;
    case ':': return SIGN_COLON;
    case '<': return SIGN_LESS;
    case 'l': return SIGN_LESS_EQUAL;
    case '>': return SIGN_MORE;
    case 'm': return SIGN_MORE_EQUAL;
    default: return SIGN_NONE;
    }
}

static enum err read_word(struct reader *reader, struct word *word) {
    *word = (struct word){0};
    enum err err = read_items(reader, false, &word->heads, &word->head_count);
    if (err != OK) return err;
    uint32_t bytes;
    char sign = sign_at(reader->text, reader->at, &bytes);
    word->sign = sign_meant(sign);
    if (word->sign == SIGN_NONE) {
        if (sign == ' ' || reader->at >= reader->text.size) return OK;
        return reader_fault(reader, ERR_INPUT, "recipe.stray_quote", reader->at);
    }
    reader->at += bytes;
    if (sign_at(reader->text, reader->at, &bytes) == ' ' || reader->at >= reader->text.size) {
        return reader_fault(reader, ERR_INPUT, "recipe.missing_value", reader->at);
    }
    err = read_items(reader, true, &word->values, &word->value_count);
    if (err != OK) return err;
    if (reader->at < reader->text.size && sign_at(reader->text, reader->at, &bytes) != ' ') {
        return reader_fault(reader, ERR_INPUT, "recipe.stray_quote", reader->at);
    }
    return OK;
}

enum err line_read(struct arena *arena, struct str text, uint32_t number, struct line *out,
                   struct fault *fault) {
    struct reader reader = {arena, text, 0, number, fault};
    struct line line = {.number = number};
    uint32_t room = 0;
    for (;;) {
        skip_space(&reader);
        if (reader.at >= text.size || text.data[reader.at] == '#') break;
        if (line.word_count == room) {
            struct word *more = ARENA_ARRAY(arena, struct word, room ? room * 2 : 8);
            if (!more) return reader_fault(&reader, ERR_LIMIT, "recipe.too_large", reader.at);
            if (room) memcpy(more, line.words, room * sizeof *more);
            line.words = more;
            room = room ? room * 2 : 8;
        }
        enum err err = read_word(&reader, &line.words[line.word_count]);
        if (err != OK) return err;
        line.word_count++;
    }
    *out = line;
    return OK;
}

// ---- writing ------------------------------------------------------------------------------------

static void quoted_write(struct buf *out, struct str text) {
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        uint32_t bytes;
        // The other quotes end a quoted name as well.
        bool quote = sign_at(text, i, &bytes) == '"';
        if (quote || c == '\\') buf_add_char(out, '\\');
        if (c == '\n' || c == '\t' || c == '\r') {
            buf_add_text(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        } else {
            buf_add_char(out, c);
        }
    }
    buf_add_char(out, '"');
}

static bool needs_quotes(struct str text) {
    if (text.size == 0 || text.data[0] == '#' || str_is(text, "*")) return true;
    for (size_t i = 0; i < text.size; i++) {
        uint32_t bytes;
        if (sign_at(text, i, &bytes) || (uint8_t)text.data[i] < ' ') return true;
        if (text.data[i] == '\\') return true;
    }
    return memmem(text.data, text.size, "..", 2) != NULL;
}

void name_write(struct buf *out, struct str name) {
    if (needs_quotes(name)) {
        quoted_write(out, name);
    } else {
        buf_add_str(out, name);
    }
}

static bool value_needs_quotes(struct str text) {
    for (size_t i = 0; i < text.size; i++) {
        uint32_t bytes;
        char sign = sign_at(text, i, &bytes);
        if (sign == ' ' || sign == ',' || sign == '|' || sign == '"') return true;
        if ((uint8_t)text.data[i] < ' ' || text.data[i] == '\\') return true;
    }
    return text.size == 0;
}

static void items_write(struct buf *out, const struct item *items, uint32_t count, char comma,
                        bool value) {
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) buf_add_char(out, comma);
        struct str text = items[i].text;
        bool bare = value ? !items[i].quoted || !value_needs_quotes(text)
                          : !items[i].quoted || !needs_quotes(text);
        // A quoted value after a colon is a word, whatever it looks like: "1..2", "id".
        if (value && items[i].quoted && comma == '|') bare = false;
        if (bare) {
            buf_add_str(out, text);
        } else {
            quoted_write(out, text);
        }
    }
}

void line_write(struct buf *out, const struct line *line) {
    const struct operator* operator= operator_find(line->words[0].heads[0].text);
    for (uint32_t i = 0; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        if (i > 0) buf_add_char(out, ' ');
        items_write(out, word->heads, word->head_count, ',', false);
        buf_add_text(out, sign_text(word->sign));
        char comma = word->sign == SIGN_COLON ? '|' : ',';
        if (operator&& word_is_pattern(operator, word)) {
            quoted_write(out, word->values[0].text); // the quotes make it one
            continue;
        }
        items_write(out, word->values, word->value_count, comma, true);
    }
}
