// JSON Lines without a tree: one pass over the line checks it and hands out its members. Strings
// are decoded where they stand, for a decoded string is never longer.
#include <string.h>

#include "data/intake/intake_private.h"

struct scanner {
    char *at, *end;
};

static void skip_space(struct scanner *s) {
    while (s->at < s->end &&
           (*s->at == ' ' || *s->at == '\t' || *s->at == '\r' || *s->at == '\n')) {
        s->at++;
    }
}

static bool take(struct scanner *s, char c) {
    if (s->at == s->end || *s->at != c) return false;
    s->at++;
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool take_hex(struct scanner *s, uint32_t *out) {
    if (s->end - s->at < 4) return false;
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(s->at[i]);
        if (digit < 0) {
            s->at += i;
            return false;
        }
        value = value << 4 | (uint32_t)digit;
    }
    s->at += 4;
    *out = value;
    return true;
}

// \uXXXX, after the "u"; halves that lack their other half become U+FFFD.
static bool take_unicode(struct scanner *s, char **to) {
    uint32_t c, low;
    if (!take_hex(s, &c)) return false;
    if (c >= 0xD800 && c <= 0xDBFF && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u') {
        char *back = s->at;
        s->at += 2;
        if (!take_hex(s, &low)) return false;
        if (low >= 0xDC00 && low <= 0xDFFF)
            c = 0x10000 + ((c - 0xD800) << 10 | (low - 0xDC00));
        else
            s->at = back;
    }
    char bytes[4];
    size_t size = utf8_put(bytes, c);
    memcpy(*to, bytes, size);
    *to += size;
    return true;
}

static bool take_escape(struct scanner *s, char **to) {
    if (s->at == s->end) return false;
    char c = *s->at;
    switch (c) {
    case '"':
    case '\\':
    case '/': break;
    case 'b': c = '\b'; break;
    case 'f': c = '\f'; break;
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case 'u': s->at++; return take_unicode(s, to);
    default: return false;
    }
    s->at++;
    *(*to)++ = c;
    return true;
}

// Moves behind plain characters of a string, eight at a time while none of them is ", \ or a
// control.
static char *plain_run(char *at, const char *end) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
        uint64_t hit =
            ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((word - ones * 0x20) & ~word);
        if (hit & tops) break;
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (uint8_t)*at >= 0x20) at++;
    return at;
}

// A string, decoded in place if `out` is given, checked only otherwise.
static bool take_string(struct scanner *s, struct str *out) {
    if (!take(s, '"')) return false;
    char *start = s->at, *to = s->at, scratch[4];
    for (;;) {
        char *run = plain_run(s->at, s->end);
        if (out && to != s->at) memmove(to, s->at, (size_t)(run - s->at));
        to += run - s->at;
        s->at = run;
        if (s->at == s->end || (uint8_t)*s->at < 0x20) return false;
        if (*s->at++ == '"') break;
        char *aside = scratch;
        if (!take_escape(s, out ? &to : &aside)) return false;
    }
    if (out) *out = (struct str){start, (size_t)(to - start)};
    return true;
}

static bool take_digits(struct scanner *s) {
    char *start = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') s->at++;
    return s->at > start;
}

static bool take_number(struct scanner *s) {
    (void)take(s, '-');
    if (!take(s, '0') && !take_digits(s)) return false;
    if (take(s, '.') && !take_digits(s)) return false;
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        s->at++;
        if (!take(s, '+')) (void)take(s, '-');
        return take_digits(s);
    }
    return true;
}

static bool take_word(struct scanner *s, struct str word) {
    if ((size_t)(s->end - s->at) < word.size || memcmp(s->at, word.data, word.size) != 0) {
        return false;
    }
    s->at += word.size;
    return true;
}

static bool take_literal(struct scanner *s) {
    return take_word(s, STR("true")) || take_word(s, STR("false")) || take_word(s, STR("null"));
}

static bool take_scalar(struct scanner *s) {
    if (s->at == s->end) return false;
    if (*s->at == '"') return take_string(s, NULL);
    if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9')) return take_number(s);
    return take_literal(s);
}

// An object or array with all in it, without recursion: `kinds` holds a bit for each open one, set
// for objects.
static bool take_nested(struct scanner *s) {
    uint64_t kinds = 0;
    int depth = 0;
    _Static_assert(LIMIT_JSON_DEPTH <= 64, "one bit a level");
    for (;;) {
        // Here a value is due.
        skip_space(s);
        bool object = s->at < s->end && *s->at == '{', array = s->at < s->end && *s->at == '[';
        if (object || array) {
            if (depth == LIMIT_JSON_DEPTH) return false;
            kinds = kinds << 1 | object;
            depth++;
            s->at++;
            skip_space(s);
            if (!take(s, object ? '}' : ']')) {
                if (!object) continue;
                if (!take_string(s, NULL)) return false;
                skip_space(s);
                if (!take(s, ':')) return false;
                continue;
            }
            kinds >>= 1;
            depth--;
        } else if (!take_scalar(s)) {
            return false;
        }
        // Here a value has ended: close what ends with it.
        for (;;) {
            if (depth == 0) return true;
            skip_space(s);
            if (take(s, ',')) break;
            if (!take(s, kinds & 1 ? '}' : ']')) return false;
            kinds >>= 1;
            depth--;
        }
        if (kinds & 1) {
            skip_space(s);
            if (!take_string(s, NULL)) return false;
            skip_space(s);
            if (!take(s, ':')) return false;
        }
    }
}

static bool take_value(struct scanner *s, struct cell *out) {
    char *start = s->at;
    if (s->at == s->end) return false;
    if (*start == '"') {
        out->kind = CELL_STRING;
        return take_string(s, &out->text);
    }
    if (*start == '{' || *start == '[') {
        out->kind = CELL_STRING;
        if (!take_nested(s)) return false;
    } else {
        out->kind = *start == 'n' ? CELL_NULL : CELL_PLAIN;
        if (!take_scalar(s)) return false;
    }
    out->text = (struct str){start, (size_t)(s->at - start)};
    return true;
}

static bool read_object(struct scanner *s,
                        void (*member)(void *ctx, struct str name, struct cell value), void *ctx) {
    skip_space(s);
    if (!take(s, '{')) return false;
    skip_space(s);
    if (!take(s, '}')) {
        do {
            struct str name;
            struct cell value;
            skip_space(s);
            if (!take_string(s, &name)) return false;
            skip_space(s);
            if (!take(s, ':')) return false;
            skip_space(s);
            if (!take_value(s, &value)) return false;
            member(ctx, name, value);
            skip_space(s);
        } while (take(s, ','));
        if (!take(s, '}')) return false;
    }
    skip_space(s);
    return s->at == s->end;
}

size_t json_line_read(char *line, size_t size,
                      void (*member)(void *ctx, struct str name, struct cell value), void *ctx) {
    struct scanner s = {line, line + size};
    if (read_object(&s, member, ctx)) return 0;
    return (size_t)(s.at - line) + 1;
}

// --- a chunk of them -----------------------------------------------------------------------------

struct row {
    struct chunk *chunk;
    const struct plan *plan;
    uint32_t expected; // members mostly come in the same order
    bool twice;
};

static void add_unknown(struct chunk *chunk, struct str name) {
    for (uint32_t i = 0; i < chunk->unknown_count; i++) {
        if (str_equal(chunk->unknown_names[i], name)) return;
    }
    if (chunk->unknown_count < LIMIT_COLUMNS) chunk->unknown_names[chunk->unknown_count++] = name;
}

// Which of the record's cells are filled is told by text.data, for a present value is never at
// NULL.
static void keep_member(void *ctx, struct str name, struct cell value) {
    struct row *row = ctx;
    const struct plan *plan = row->plan;
    uint32_t column = row->expected;
    if (column >= plan->column_count || !str_equal(plan->names.names[column], name)) {
        column = name_set_find(&plan->names, name);
    }
    if (column == UINT32_MAX) {
        add_unknown(row->chunk, name);
        return;
    }
    row->expected = column + 1;
    struct cell *cell = &row->chunk->cells[column];
    if (cell->text.data)
        row->twice = true; // the first one stands
    else
        *cell = value;
}

void chunk_parse_json(struct chunk *chunk, const struct plan *plan) {
    size_t start = 0;
    for (size_t i = 0; i < chunk->end_count; i++, chunk->records++) {
        size_t end = chunk->ends[i];
        char *line = chunk->text + start;
        struct str trimmed = str_trim((struct str){line, end - start});
        start = end + 1;
        if (trimmed.size == 0) continue;
        memset(chunk->cells, 0, plan->column_count * sizeof *chunk->cells);
        struct row row = {.chunk = chunk, .plan = plan};
        uint32_t unknown_before = chunk->unknown_count;
        size_t wrong = json_line_read(line, end - (size_t)(line - chunk->text), keep_member, &row);
        if (wrong) {
            chunk->unknown_count = unknown_before;
            chunk_fault(chunk, "json_lines.invalid", chunk->records, 0);
            continue;
        }
        struct batch_builder *builder = chunk_builder(chunk, plan);
        if (!builder) return;
        if (row.twice) chunk_fault(chunk, "json_lines.name_twice", chunk->records, 0);
        for (uint32_t column = 0; column < plan->column_count; column++) {
            const struct cell *cell = &chunk->cells[column];
            if (cell->text.data) chunk_cell(chunk, plan, builder, column, cell);
        }
        if (chunk->err) return;
        batch_row_end(builder);
        chunk->rows++;
    }
}

static uint32_t hash_name(struct str name) {
    uint32_t hash = 2166136261u; // FNV-1a
    for (size_t i = 0; i < name.size; i++) hash = (hash ^ (uint8_t)name.data[i]) * 16777619u;
    return hash ^ hash >> 15;
}

enum { NAME_SLOTS = 4 * LIMIT_COLUMNS };

enum err name_set_open(struct arena *arena, struct name_set *out) {
    struct name_set set = {
        .names = ARENA_ARRAY(arena, struct str, LIMIT_COLUMNS),
        .slots = ARENA_ARRAY(arena, uint32_t, NAME_SLOTS),
    };
    if (!set.names || !set.slots) return ERR_MEMORY;
    *out = set;
    return OK;
}

// The slot that holds the name, or the free one where it would go.
static uint32_t *slot_of(const struct name_set *set, struct str name) {
    uint32_t slot = hash_name(name) % NAME_SLOTS;
    while (set->slots[slot] && !str_equal(set->names[set->slots[slot] - 1], name)) {
        slot = (slot + 1) % NAME_SLOTS;
    }
    return &set->slots[slot];
}

uint32_t name_set_find(const struct name_set *set, struct str name) {
    return *slot_of(set, name) - 1; // a free slot wraps to UINT32_MAX
}

uint32_t name_set_add(struct name_set *set, struct str name) {
    if (set->count == LIMIT_COLUMNS) return UINT32_MAX;
    uint32_t *slot = slot_of(set, name);
    if (*slot == 0) {
        set->names[set->count] = name;
        *slot = ++set->count;
    }
    return *slot - 1;
}
