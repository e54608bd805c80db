// Identifiers of letters and digits: unified social credit codes, vehicle identification numbers,
// passports, travel permits, the old residence permits of foreigners. Written in one piece or in
// pieces with gaps; pieces with small letters count only where one piece is the whole code.
#include <string.h>

#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"
#include "data/detect/identifier_private.h"

enum { PIECES_MOST = 24, PLACES_MOST = 40 };

struct piece {
    size_t start, end;
    uint32_t first, count; // in places
    enum gap gap;          // behind it
    bool small, large;     // a letter of that size is in it
};
struct pieces {
    struct piece piece[PIECES_MOST];
    uint32_t count;
    char places[PLACES_MOST]; // large letters and digits
    uint32_t place_count;
};

// One piece that begins at `at`; false if it does not fit.
static bool piece_add(struct pieces *pieces, struct str text, size_t at) {
    struct piece *piece = &pieces->piece[pieces->count];
    *piece = (struct piece){.start = at, .first = pieces->place_count};
    uint32_t bytes, character;
    while (fold_alnum(character = fold_at(text, at, &bytes))) {
        if (pieces->place_count == PLACES_MOST) return false;
        piece->small |= character >= 'a' && character <= 'z';
        piece->large |= character >= 'A' && character <= 'Z';
        if (fold_letter(character)) character &= 0x5F;
        pieces->places[pieces->place_count++] = (char)character;
        piece->count++;
        at += bytes;
    }
    piece->end = at;
    piece->gap = gap_read(text, &at);
    if (piece->gap != GAP_END && !fold_alnum(fold_at(text, at, &bytes))) piece->gap = GAP_END;
    pieces->count++;
    return true;
}

static size_t piece_start(const struct view *view, size_t at) {
    uint32_t bytes, more, c, count = 0;
    while (count++ < PLACES_MOST &&
           fold_alnum(c = fold_before(view->text, view->least, at, &bytes))) {
        if (c == 'n' && fold_before(view->text, view->least, at - bytes, &more) == '\\') break;
        at -= bytes;
    }
    return at;
}

// Where the gap that ends at `at` begins; `at` if there is none.
static size_t gap_before(const struct view *view, size_t at) {
    uint32_t bytes, more, c, signs = 0, blanks = 0;
    size_t start = at;
    while (blanks < 12) {
        c = fold_before(view->text, view->least, at, &bytes);
        bool line = fold_line(c);
        if (c == 'n' && fold_before(view->text, view->least, at - bytes, &more) == '\\') {
            line = true;
            bytes += more;
        }
        if (line || fold_dash(c)) {
            if (signs++ && !(c == '\r')) break;
        } else if (!fold_blank(c)) {
            break;
        }
        at -= bytes;
        blanks++;
    }
    return blanks > 2 && !signs ? start : at;
}

// Where the piece before the one at `start` begins, if a gap lies between and it is of large
// letters and digits; else `start`.
static size_t piece_before(const struct view *view, size_t start) {
    size_t at = gap_before(view, start), begin = at;
    uint32_t bytes, character;
    if (at == start) return start;
    for (uint32_t count = 0; count < USCC_PLACES; count++) {
        character = fold_before(view->text, view->least, begin, &bytes);
        if (!fold_alnum(character)) return begin < at ? begin : start;
        if (character >= 'a' && character <= 'z') return start;
        begin -= bytes;
    }
    return start;
}

// What hangs together around the anchor; *anchor is the piece that it lies in.
static void pieces_read(const struct view *view, size_t at, struct pieces *out, uint32_t *anchor) {
    size_t own = piece_start(view, at), start = own;
    for (uint32_t back = 0; back < 17; back++) {
        size_t earlier = piece_before(view, start);
        if (earlier == start) break;
        start = earlier;
    }
    *out = (struct pieces){.count = 0};
    *anchor = 0;
    while (out->count < PIECES_MOST && piece_add(out, view->text, start)) {
        const struct piece *last = &out->piece[out->count - 1];
        if (last->start == own) *anchor = out->count - 1;
        if (last->gap == GAP_END) break;
        start = last->end;
        (void)gap_read(view->text, &start);
    }
}

// A candidate: whole pieces, or one piece behind the letters that name it (USCC9111…).
struct code {
    const struct view *view;
    const char *places;
    uint32_t count, pieces;
    size_t start, end;
    bool lines, mixed, small, large;
    struct context context;
    bool known;
};

static const struct context *code_context(struct code *code) {
    if (!code->known) context_read(code->view->text, code->start, code->end, &code->context);
    code->known = true;
    return &code->context;
}

static uint32_t code_digits(const struct code *code, uint32_t from) {
    uint32_t digits = 0;
    for (uint32_t i = from; i < code->count; i++) digits += fold_digit((uint8_t)code->places[i]);
    return digits;
}

static bool is_uscc(struct code *code, struct personal_hit *hit) {
    uint8_t value[USCC_PLACES];
    if (code->count != USCC_PLACES) return false;
    for (uint32_t i = 0; i < USCC_PLACES; i++) value[i] = uscc_value((uint8_t)code->places[i]);
    if (!uscc_valid(value)) return false;
    bool inner = uscc_inner_valid(value);
    if (context_says(code_context(code), LABEL_THING)) return false;
    if (!inner && code->pieces > 2 && !context_has(code_context(code), LABEL_USCC)) return false;
    hit_set(hit, PERSONAL_USCC, code->start, code->end, inner ? 100 : 90);
    return true;
}

static bool is_vin(struct code *code, struct personal_hit *hit) {
    if (code->count != VIN_PLACES || !vin_shaped(code->places)) return false;
    uint32_t digits = code_digits(code, 0);
    const struct context *context = code_context(code);
    bool says = context_has(context, LABEL_VIN);
    bool valid = vin_valid(code->places);
    bool serial = code_digits(code, VIN_PLACES - 4) == 4;
    if (digits < 3 || digits > 15) return false;
    if (!says && (!valid || context_says(context, LABEL_THING))) return false;
    if (!says && code->pieces > 1 && !(serial && !code->small)) return false;
    if (!valid && !context_says(context, LABEL_VIN) && !serial) return false;
    hit_set(hit, PERSONAL_VIN, code->start, code->end, valid ? (says ? 100 : 90) : 75);
    return true;
}

// Three letters of the nationality and twelve digits: province and city, birth date, sequence.
static bool is_foreigner(struct code *code, struct personal_hit *hit) {
    if (code->count != 15 || code_digits(code, 3) != 12 || code_digits(code, 0) != 12) return false;
    const char *digit = code->places + 3;
    unsigned province = (unsigned)(digit[0] - '0') * 10 + (unsigned)(digit[1] - '0');
    unsigned month = (unsigned)(digit[6] - '0') * 10 + (unsigned)(digit[7] - '0');
    unsigned day = (unsigned)(digit[8] - '0') * 10 + (unsigned)(digit[9] - '0');
    if (!province_exists(province) || month < 1 || month > 12 || day < 1 || day > 31) {
        return false;
    }
    const struct context *context = code_context(code);
    if (context_says(context, LABEL_THING)) return false;
    hit_set(hit, PERSONAL_ID, code->start, code->end, context_has(context, LABEL_ID) ? 95 : 80);
    return true;
}

// Letters then digits only: passports and permits.
static bool is_document(struct code *code, struct personal_hit *hit) {
    uint32_t letters = 0;
    const char *places = code->places;
    while (letters < code->count && fold_letter((uint8_t)places[letters])) letters++;
    uint32_t digits = code->count - letters;
    if (letters < 1 || letters > 2 || code_digits(code, letters) != digits || digits < 6) {
        return false;
    }
    char first = places[0], second = letters == 2 ? places[1] : '0';
    bool eg = (letters == 1 && digits == 8 && (first == 'E' || first == 'G')) ||
              (first == 'E' && letters == 2 && digits == 7 && second != 'I' && second != 'O');
    bool other = (first == 'D' || first == 'S' || first == 'P') &&
                 (letters == 1 || second == 'E') && (digits == 7 || digits == 8);
    bool home = letters == 1 && (first == 'H' || first == 'M') && (digits == 8 || digits == 10);
    bool exit = (digits == 8 && letters == 1 &&
                 (first == 'C' || first == 'W' || first == 'L' || first == 'T')) ||
                (first == 'C' && letters == 2 && digits == 7);
    if (code->pieces > 1 && (code->mixed || code->lines) && !eg && !home && !exit && !other) {
        return false;
    }
    const struct context *context = code_context(code);
    if (context_says(context, LABEL_THING)) return false;
    bool passport = context_has(context, LABEL_PASSPORT);
    bool permit = context_has(context, LABEL_PERMIT);
    bool nearest_passport = context_nearest(context, NULL) == LABEL_PASSPORT;
    bool whole = code->pieces == 1 && !code->small;
    // Other kinds of number claim these letters too: only the surest forms stand alone.
    bool claimed =
        context->before.direct && !passport && !permit && context->before.label != LABEL_ID;
    if (claimed) return false;
    if ((home || exit) && permit && !nearest_passport) {
        hit_set(hit, PERSONAL_PERMIT, code->start, code->end, 95);
    } else if ((eg || other || (passport && digits <= 9 && digits >= 6)) && passport) {
        hit_set(hit, PERSONAL_PASSPORT, code->start, code->end, eg || other ? 95 : 80);
    } else if (home && digits == 10 && whole) {
        hit_set(hit, PERSONAL_PERMIT, code->start, code->end, 70);
    } else if ((home || exit) && context_says(context, LABEL_ID)) {
        hit_set(hit, PERSONAL_PERMIT, code->start, code->end, 70);
    } else if (eg && whole) {
        hit_set(hit, PERSONAL_PASSPORT, code->start, code->end, 65);
    } else {
        return false;
    }
    return true;
}

static bool code_test(struct code *code, struct personal_hit *hit) {
    code->known = false;
    // Small letters are those of words: a code in pieces has none.
    if (code->small && (code->pieces > 1 || code->large)) return false;
    return is_uscc(code, hit) || is_vin(code, hit) || is_foreigner(code, hit) ||
           is_document(code, hit);
}

// The letters before a code that name it, glued to it: their number, 0 if it has none.
static uint32_t code_named(const char *places, uint32_t count) {
    static const char *const names[] = {"USCC", "VIN", "NO", "ID", "PASSPORT", "CODE", "TYSHXYDM"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t size = (uint32_t)strlen(names[i]);
        if (count > size + 8 && memcmp(places, names[i], size) == 0) return size;
    }
    return 0;
}

static bool is_joined(const struct view *view, size_t start, size_t end) {
    uint32_t bytes;
    return fold_before(view->text, view->least, start, &bytes) == '_' ||
           fold_at(view->text, end, &bytes) == '_';
}

// The longest code of whole pieces from the first on, which includes the anchor's.
static bool codes_from(const struct view *view, const struct pieces *pieces, uint32_t first,
                       uint32_t anchor, struct personal_hit *hit) {
    struct code code = {.view = view,
                        .places = pieces->places + pieces->piece[first].first,
                        .start = pieces->piece[first].start};
    bool found = false;
    enum gap sort = GAP_END;
    for (uint32_t last = first; last < pieces->count; last++) {
        const struct piece *piece = &pieces->piece[last];
        code.count += piece->count;
        code.pieces++;
        code.small |= piece->small;
        code.large |= piece->large;
        code.end = piece->end;
        if (code.count > USCC_PLACES) break;
        bool joined = is_joined(view, code.start, code.end);
        if (last >= anchor && !joined) found |= code_test(&code, hit);
        if (piece->gap == GAP_DOT) break;
        code.lines |= piece->gap == GAP_LINE;
        if (piece->gap != GAP_LINE) {
            code.mixed |= sort != GAP_END && sort != piece->gap;
            sort = piece->gap;
        }
    }
    return found;
}

bool find_code(const struct view *view, size_t at, struct personal_hit *hit) {
    struct pieces pieces;
    uint32_t anchor;
    pieces_read(view, at, &pieces, &anchor);
    if (pieces.count == 0 || anchor >= pieces.count) return false;
    const struct piece *own = &pieces.piece[anchor];
    uint32_t named = code_named(pieces.places + own->first, own->count);
    if (named) {
        struct code code = {.view = view,
                            .places = pieces.places + own->first + named,
                            .count = own->count - named,
                            .pieces = 1,
                            .start = own->start,
                            .end = own->end,
                            .small = own->small};
        uint32_t bytes;
        for (uint32_t i = 0; i < named; i++) {
            (void)fold_at(view->text, code.start, &bytes);
            code.start += bytes;
        }
        if (code_test(&code, hit)) return true;
    }
    for (uint32_t first = 0; first <= anchor; first++) {
        if (codes_from(view, &pieces, first, anchor, hit)) return true;
    }
    return false;
}
