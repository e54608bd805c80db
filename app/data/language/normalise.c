// Normal forms in one pass. Runs of bytes in which nothing can change are copied; a character that
// may change is looked at together with the end of what is written (so that its neighbours are
// already in their normal form) and with what follows (read as what it will become). That is why
// doing it twice is doing it once.
#include <string.h>

#include "base/text.h"
#include "data/language/normalise_private.h"

struct normaliser {
    const uint8_t *data;
    size_t size;
    uint32_t flags;
    struct buf *out;
    size_t base; // out's size at the start
    uint64_t *counts;
    const struct look *look;
    // The line that was last measured for a Chinese character: up to here, and whether it has one.
    size_t line_end;
    bool line_wide;
    // The last row of signs that was looked through: up to here, and what stands behind it.
    size_t signs_end;
    enum around signs_behind;
    size_t close_at; // where the ')' stands whose '(' became full-width; 0: nowhere
};

// ---- what stands before and behind --------------------------------------------------------------

static struct str text_of(const struct normaliser *n) {
    return (struct str){(const char *)n->data, n->size};
}

// The character that ends before `end` of out, and where it begins; 0 at the start.
static uint32_t written_before(const struct normaliser *n, size_t end, size_t *out_at) {
    if (end == n->base) return 0;
    size_t at = end - 1;
    while (at > n->base && ((uint8_t)n->out->data[at] & 0xC0) == 0x80) at--;
    *out_at = at;
    return utf8_next((struct str){n->out->data, n->out->size}, &at);
}

static uint32_t last_written(const struct normaliser *n) {
    size_t at;
    return written_before(n, n->out->size, &at);
}

static enum around before(const struct normaliser *n) {
    uint32_t c = last_written(n);
    return c ? around_of(c) : AROUND_END;
}

// The next character that will not be taken away; 0 at the end. *at moves behind it.
static uint32_t next_kept(const struct normaliser *n, size_t *at) {
    uint32_t c = 0, previous = 'a';
    while (*at < n->size) {
        c = utf8_next(text_of(n), at);
        bool goes =
            (n->flags & NORMALISE_CONTROL) && !ends_line(c, n->flags) && removable(c, previous);
        if (!goes) return c;
    }
    return 0;
}

static enum around behind(const struct normaliser *n, size_t at) {
    uint32_t c = next_kept(n, &at);
    if (c == 0 || ends_line(c, n->flags)) return AROUND_END;
    return around_of(c);
}

// Behind blanks.
static enum around behind_blanks(const struct normaliser *n, size_t at, size_t *out_at) {
    for (;;) {
        *out_at = at;
        uint32_t c = next_kept(n, &at);
        if (c == 0 || ends_line(c, n->flags)) return AROUND_END;
        if (!is_blank(c)) return around_of(c);
    }
}

// Behind full-width and narrow signs, which change or stay together. Each row is read once.
static enum around behind_signs(struct normaliser *n, size_t at) {
    if (at <= n->signs_end) return n->signs_behind;
    for (;;) {
        n->signs_end = at;
        uint32_t c = next_kept(n, &at);
        bool strict = false;
        n->signs_behind = AROUND_END;
        if (c == 0 || ends_line(c, n->flags)) return AROUND_END;
        uint32_t narrow = narrow_sign(c, &strict);
        n->signs_behind = around_of(c);
        if ((!narrow || strict) && n->signs_behind != AROUND_SIGN) return n->signs_behind;
    }
}

// Whether the line around `at` has a Chinese or Japanese character. Each line is read once.
static bool line_is_wide(struct normaliser *n, size_t at) {
    if (at < n->line_end) return n->line_wide;
    struct str text = text_of(n);
    size_t start = at;
    // Back to the line's start; its end was not yet asked for, so nothing is read twice.
    while (start > n->line_end) {
        size_t previous = start - 1;
        while (previous > n->line_end && (n->data[previous] & 0xC0) == 0x80) previous--;
        size_t next = previous;
        if (ends_line(utf8_next(text, &next), n->flags)) break;
        start = previous;
    }
    n->line_wide = false;
    while (start < n->size) {
        uint32_t c = utf8_next(text, &start);
        if (ends_line(c, n->flags)) break;
        n->line_wide |= wide_script(c);
    }
    n->line_end = start;
    return n->line_wide;
}

// ---- writing ------------------------------------------------------------------------------------

static void put(struct normaliser *n, uint32_t c) {
    char *room = buf_reserve(n->out, 4);
    if (room) n->out->size += utf8_put(room, c);
}

// A character whose row may be limited.
static void put_limited(struct normaliser *n, uint32_t c) {
    uint32_t limit = n->flags & NORMALISE_REPEATS ? repeat_limit(c) : 0;
    if (limit == 0) {
        put(n, c);
        return;
    }
    size_t end = n->out->size;
    uint32_t row = 0;
    while (row < limit && end > n->base && written_before(n, end, &end) == c) row++;
    if (row < limit)
        put(n, c);
    else
        n->counts[CHANGE_REPEATS]++;
}

static void drop_blanks(struct normaliser *n) {
    while (n->out->size > n->base && n->out->data[n->out->size - 1] == ' ') {
        n->out->size--;
        n->counts[CHANGE_SPACE]++;
    }
}

static void put_blank(struct normaliser *n, uint32_t c) {
    uint32_t last = last_written(n);
    if (last == 0 || last == ' ' || last == '\n' || last == '\r') {
        n->counts[CHANGE_SPACE]++;
        return;
    }
    n->counts[CHANGE_SPACE] += c != ' ';
    put(n, ' ');
}

// A line end; returns where the next character begins.
static size_t put_line_end(struct normaliser *n, uint32_t c, size_t next) {
    if (n->flags & NORMALISE_SPACE) drop_blanks(n);
    if (!(n->flags & NORMALISE_LINES)) {
        put(n, c);
        return next;
    }
    bool pair = c == '\r' && next < n->size && n->data[next] == '\n';
    n->counts[CHANGE_LINES] += c != '\n';
    size_t size = n->out->size;
    bool full =
        size >= n->base + 2 && n->out->data[size - 1] == '\n' && n->out->data[size - 2] == '\n';
    if (full)
        n->counts[CHANGE_LINES] += c == '\n';
    else
        put(n, '\n');
    return next + pair;
}

// ---- composition --------------------------------------------------------------------------------

// c and the marks that follow, together with the starter they stand on. Returns where the next
// character begins.
static size_t put_composed(struct normaliser *n, uint32_t c, size_t next) {
    uint32_t segment[SEGMENT_MAX * 2];
    size_t count = 0, start = n->out->size;
    if (composes_back(c)) {
        // Back to the starter; what stands there is few characters.
        size_t back = 0;
        while (start > n->base && back++ < SEGMENT_MAX / 2) {
            if (mark_class(written_before(n, start, &start)) == 0) break;
        }
    }
    size_t at = start;
    struct str written = {n->out->data, n->out->size};
    while (at < written.size) segment[count++] = utf8_next(written, &at);
    segment[count++] = c;
    while (next < n->size && count < SEGMENT_MAX) {
        size_t after = next;
        uint32_t mark = utf8_next(text_of(n), &after);
        if (mark_class(mark) == 0) break;
        segment[count++] = mark;
        next = after;
    }
    uint32_t copy[SEGMENT_MAX * 2];
    memcpy(copy, segment, count * sizeof *copy);
    size_t composed = compose(segment, count);
    bool same = composed == count && memcmp(copy, segment, count * sizeof *copy) == 0;
    n->counts[CHANGE_COMPOSED] += !same;
    n->out->size = start;
    for (size_t i = 0; i < composed; i++) put(n, segment[i]);
    return next;
}

// ---- punctuation --------------------------------------------------------------------------------

// "１，０００": three full-width digits follow, and no fourth.
static bool groups_thousands(const struct normaliser *n, size_t at) {
    for (int i = 0; i < 3; i++) {
        uint32_t c = next_kept(n, &at);
        if (c < 0xFF10 || c > 0xFF19) return false;
    }
    return behind(n, at) != AROUND_DIGIT;
}

// A full-width sign; what it becomes.
static uint32_t narrowed(struct normaliser *n, uint32_t c, size_t at, size_t next) {
    bool strict = false;
    uint32_t narrow = narrow_sign(c, &strict);
    if (!narrow) return c;
    enum around left = before(n);
    if (strict) {
        // Those of a row that will go are not what stands behind.
        bool single =
            left == AROUND_DIGIT && (n->flags & NORMALISE_REPEATS) && repeat_limit(c) == 1;
        for (size_t after = next; single && next_kept(n, &after) == c;) next = after;
        bool digits = left == AROUND_DIGIT && ((c == 0xFF1A && behind(n, next) == AROUND_DIGIT) ||
                                               (c == 0xFF0C && groups_thousands(n, next)));
        return digits || !line_is_wide(n, at) ? narrow : c;
    }
    if (left == AROUND_DIGIT || left == AROUND_LATIN || left == AROUND_SIGN) return narrow;
    enum around right = behind_signs(n, next);
    return right == AROUND_DIGIT || right == AROUND_LATIN ? narrow : c;
}

// The ')' of a '(' at `at` if Chinese stands between them and no other bracket; 0.
static size_t closing(const struct normaliser *n, size_t at) {
    bool chinese = false;
    while (at < n->size) {
        size_t here = at;
        uint32_t c = utf8_next(text_of(n), &at);
        if (c == ')') return chinese ? here : 0;
        if (c == '(' || c == 0xFF08 || c == 0xFF09 || ends_line(c, n->flags)) return 0;
        chinese |= around_of(c) == AROUND_HAN;
    }
    return 0;
}

// A narrow mark; what it becomes. *next may move behind a blank that goes with it.
static uint32_t widened(struct normaliser *n, uint32_t c, size_t at, size_t *next) {
    if (c == ')' && n->close_at && at == n->close_at) {
        n->close_at = 0;
        return 0xFF09;
    }
    enum around left = before(n);
    if (c == '(') {
        bool chinese = left == AROUND_HAN || left == AROUND_CLOSE || left == AROUND_END;
        size_t close = chinese ? closing(n, *next) : 0;
        if (!close) return c;
        n->close_at = close;
        return 0xFF08;
    }
    if (left != AROUND_HAN && left != AROUND_CLOSE) return c;
    size_t after;
    enum around right = behind_blanks(n, *next, &after);
    if (c == '.') return left == AROUND_HAN && right == AROUND_END ? 0x3002 : c;
    uint32_t wide = wide_mark(c);
    if (!wide || (right != AROUND_HAN && right != AROUND_OPEN)) return c;
    if (!line_is_wide(n, at)) return c;
    n->counts[CHANGE_SPACE] += after > *next;
    *next = after;
    return wide;
}

static uint32_t straight(struct normaliser *n, uint32_t c, size_t at) {
    uint32_t plain = 0;
    if (c == 0x201C || c == 0x201D || c == 0x201E || c == 0x201F) plain = '"';
    if (c == 0x2018 || c == 0x2019 || c == 0x201A || c == 0x201B) plain = '\'';
    return plain && !line_is_wide(n, at) ? plain : c;
}

// ---- one character ------------------------------------------------------------------------------

// What stays one character but depends on its neighbours.
static uint32_t by_neighbours(struct normaliser *n, uint32_t c, size_t at, size_t *next) {
    uint32_t to = c;
    if (c < 0x80) {
        bool mark = (n->flags & NORMALISE_PUNCTUATION) && c && strchr(",;:?!().", (int)c);
        to = mark ? widened(n, c, at, next) : c;
        n->counts[CHANGE_PUNCTUATION] += to != c;
    } else if (c >= 0xFF01 && c <= 0xFF5E) {
        bool width = (n->flags & NORMALISE_WIDTH) == NORMALISE_WIDTH;
        to = width ? narrowed(n, c, at, *next) : c;
        n->counts[CHANGE_WIDTH] += to != c;
    } else if (n->flags & NORMALISE_QUOTES) {
        to = straight(n, c, at);
        n->counts[CHANGE_QUOTES] += to != c;
    }
    return to;
}

static size_t put_many(struct normaliser *n, const char *bytes, size_t size, size_t next) {
    struct str many = {bytes, size};
    for (size_t at = 0; at < size;) put_limited(n, utf8_next(many, &at));
    n->counts[CHANGE_COMPATIBILITY]++;
    return next;
}

// Looks at the character at `at`; returns where the next one begins.
static size_t step(struct normaliser *n, size_t at) {
    size_t next = at;
    uint32_t c = utf8_next(text_of(n), &next);
    if (c == 0xFFFD && next == at + 1) n->counts[CHANGE_INVALID]++;
    if (ends_line(c, n->flags)) return put_line_end(n, c, next);
    if (n->flags & NORMALISE_CONTROL) {
        int goes = removable(c, last_written(n));
        if (goes) {
            n->counts[goes == 1 ? CHANGE_CONTROL : CHANGE_INVISIBLE]++;
            return next;
        }
    }
    if ((n->flags & NORMALISE_SPACE) && is_blank(c)) {
        put_blank(n, c);
        return next;
    }
    char many[16];
    size_t many_size = c >= 0x2460 ? mapped_many(c, n->flags, many) : 0;
    if (many_size) return put_many(n, many, many_size, next);
    enum normalise_change change;
    uint32_t to = mapped(c, n->flags, &change);
    n->counts[change] += to != c;
    if ((n->flags & NORMALISE_COMPOSE) && (composes_back(to) || decomposes_alone(to))) {
        return put_composed(n, to, next);
    }
    if (to != c && (to == 0x3099 || to == 0x309A)) { // a half-width mark: on its kana, or by itself
        size_t mark_at;
        uint32_t kana[SEGMENT_MAX * 2] = {written_before(n, n->out->size, &mark_at), to};
        if (kana[0] && compose(kana, 2) == 1) {
            n->out->size = mark_at;
            to = kana[0];
        } else {
            to += 0x309B - 0x3099;
        }
    }
    put_limited(n, by_neighbours(n, to, at, &next));
    return next;
}

// ---- the whole ----------------------------------------------------------------------------------

static void look_at(struct look *look, const char *bytes, uint8_t is) {
    for (; *bytes; bytes++) look->classes[(uint8_t)*bytes] |= is;
}

static void look_fill(struct look *look, uint32_t flags) {
    *look = (struct look){0};
    uint8_t *is = look->classes;
    for (int c = 0x80; c < 0x100; c++) {
        // Every byte from C0 on begins a character; most of those are never looked at. What is no
        // UTF-8 is found before.
        bool high = c >= 0xCC && c <= 0xE0 && (flags & NORMALISE_COMPOSE);
        if (high) is[c] = LOOK_ALWAYS;
    }
    if (flags & NORMALISE_CONTROL) {
        for (int c = 0; c < 0x20; c++) is[c] |= LOOK_ALWAYS;
        is['\t'] = is['\n'] = is['\r'] = 0;
        is[0x7F] |= LOOK_ALWAYS;
        is[0xC2] |= LOOK_ALWAYS, is[0xD8] |= LOOK_ALWAYS, is[0xE1] |= LOOK_ALWAYS;
        is[0xE2] |= LOOK_ALWAYS, is[0xEF] |= LOOK_ALWAYS;
    }
    if (flags & NORMALISE_LETTERS) is[0xEF] |= LOOK_ALWAYS;
    if (flags & NORMALISE_PUNCTUATION) {
        look_at(look, ",;:?!(.", LOOK_BEHIND_HIGH);
        look_at(look, "(\n\r", LOOK_BLANK); // a line may begin with a Chinese bracket
    }
    if (flags & (NORMALISE_SPACE | NORMALISE_LINES)) {
        is['\r'] |= LOOK_ALWAYS;
        is['\n'] |= LOOK_BLANK, is[' '] |= LOOK_BLANK;
        is['\r'] |= LOOK_BLANK;
        is[0xC2] |= LOOK_ALWAYS, is[0xE2] |= LOOK_ALWAYS;
    }
    if (flags & NORMALISE_SPACE) is[0xE1] |= LOOK_ALWAYS, is[0xE3] |= LOOK_ALWAYS;
    if (flags & NORMALISE_LINES) is[0x0B] |= LOOK_ALWAYS, is[0x0C] |= LOOK_ALWAYS;
    if (flags & NORMALISE_REPEATS) {
        look_at(look, ",;:!?~.-=*#_+", LOOK_REPEATED);
        is[0xC2] |= LOOK_ALWAYS, is[0xE2] |= LOOK_ALWAYS, is[0xE3] |= LOOK_ALWAYS;
        is[0xEF] |= LOOK_ALWAYS;
    }
    if (flags & NORMALISE_COMPOSE) {
        is[0xE1] |= LOOK_ALWAYS, is[0xE2] |= LOOK_ALWAYS, is[0xE3] |= LOOK_ALWAYS;
        is[0xEF] |= LOOK_ALWAYS;
        is[0xEA] |= LOOK_ALWAYS;
    }
    if (flags & NORMALISE_COMPATIBILITY) {
        is[0xE2] |= LOOK_ALWAYS, is[0xEF] |= LOOK_ALWAYS, is[0xF0] |= LOOK_ALWAYS;
    }
    if (flags & NORMALISE_CIRCLED) is[0xE2] |= LOOK_ALWAYS, is[0xE3] |= LOOK_ALWAYS;
    if (flags & NORMALISE_QUOTES) is[0xE2] |= LOOK_ALWAYS;
    look_prepare(look);
}

// Whether the three bytes at `at` are Chinese punctuation behind a Chinese character (three bytes
// too, copied as they are): nothing changes it there, whatever the flags. Most of what is looked at
// in Chinese text is this.
static bool settled(const uint8_t *at) {
    if (at[-3] < 0xE4 || at[-3] > 0xE9) return false;
    if (at[0] == 0xE3) return at[1] == 0x80 && at[2] >= 0x81 && at[2] <= 0x91; // 、。〈 to 】
    if (at[0] == 0xEF) {
        uint32_t bit = at[2] - 0x80u; // ！（），：；？
        return at[1] == 0xBC && bit < 32 && (0x8C001302u >> bit & 1);
    }
    bool quote = at[2] == 0x98 || at[2] == 0x99 || at[2] == 0x9C || at[2] == 0x9D;
    return at[0] == 0xE2 && at[1] == 0x80 && (quote || at[2] == 0x94 || at[2] == 0xA6);
}

// Up to `end`, where valid UTF-8 ends.
static void run(struct normaliser *n, size_t at, size_t end) {
    bool again = true; // the character at `at` is looked at whatever its class
    while (at < end && buf_err(n->out) == OK) {
        size_t next = at;
        if (!again && at > 0) {
            next = look_next(n->look, n->data, at, end);
            while (next - at >= 3 && end - next >= 3 && settled(n->data + next)) {
                next = look_next(n->look, n->data, next + 3, end);
            }
            if (n->close_at >= at && n->close_at < next) next = n->close_at;
        }
        again = false;
        if (next > at) {
            buf_add(n->out, n->data + at, next - at);
            at = next;
            if (at >= end) break;
        }
        at = step(n, at);
        // What is written may differ from what was read: the next one sees what is written.
        again = at < end && (n->look->classes[n->data[at]] & ~LOOK_ALWAYS);
    }
}

enum err text_normalise(struct str text, uint32_t flags, struct buf *out,
                        uint64_t counts[static CHANGE_COUNT]) {
    struct look look;
    look_fill(&look, flags);
    struct normaliser n = {.data = (const uint8_t *)text.data,
                           .size = text.size,
                           .flags = flags,
                           .out = out,
                           .base = out->size,
                           .counts = counts,
                           .look = &look};
    size_t at = 0;
    while (at < text.size && buf_err(out) == OK) {
        struct str rest = {text.data + at, text.size - at};
        size_t valid = at + utf8_valid_prefix(rest);
        if (valid > at) run(&n, at, valid);
        at = valid;
        // Between valid stretches: U+FFFD for each byte.
        while (at < text.size && buf_err(out) == OK) {
            size_t next = at;
            if (utf8_next(text, &next) != 0xFFFD || next != at + 1) break;
            n.counts[CHANGE_INVALID]++;
            put(&n, 0xFFFD);
            at = next;
        }
    }
    if (flags & NORMALISE_SPACE) drop_blanks(&n);
    return buf_err(out);
}
