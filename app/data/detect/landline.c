// Telephone numbers of a place: area code and number, extensions, 400 and 800, and the bare number
// where a word says that it is one.
#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"

enum { DIGITS_MOST = 20 };

// Digits at *at into `out`, `most` at most; more than that is none.
static uint32_t digits_take(struct str text, size_t *at, uint8_t *out, uint32_t most) {
    uint32_t count = 0, bytes, character;
    size_t place = *at;
    while (fold_digit(character = fold_at(text, place, &bytes))) {
        if (count == most) return 0;
        out[count++] = (uint8_t)(character - '0');
        place += bytes;
    }
    if (count) *at = place;
    return count;
}

static bool area_exists(const uint8_t *digit, uint32_t count) {
    if (count == 2) return (digit[0] == 1 && digit[1] == 0) || (digit[0] == 2 && digit[1] != 6);
    return count == 3 && digit[0] >= 3 && digit[0] <= 9 && digit[1] >= 1;
}

// Between area and number: brackets, dashes, blanks, dots. Moves *at; returns the signs.
static uint32_t separators_take(struct str text, size_t *at) {
    uint32_t signs = 0, bytes, last = 0;
    for (; signs < 4; signs++) {
        uint32_t c = fold_at(text, *at, &bytes);
        bool line = fold_line(c) && (fold_dash(last) || last == ')');
        if (!fold_blank(c) && !fold_dash(c) && !line && c != ')' && c != '(' && c != '.' &&
            c != 0x3011 && c != 0xB7 && c != '/') {
            break;
        }
        *at += bytes;
        last = c;
    }
    return signs;
}

// 7 or 8 digits, in one, as 3-4, 4-3 or 4-4, in pairs or one by one; *at behind them.
static uint32_t local_take(struct str text, size_t *at) {
    static const uint32_t shapes[] = {7,    8,       34,       43,  44,  2222,
                                      2221, 1111111, 11111111, 332, 224, 422};
    uint8_t digit[DIGITS_MOST];
    size_t place = *at, end = 0;
    uint32_t total = 0, shape = 0, count = 0;
    while (total < 8) {
        size_t next = place;
        if (total > 0 && gap_read(text, &next) == GAP_END) break;
        uint32_t more = digits_take(text, &next, digit + total, 8 - total);
        if (more == 0) break;
        total += more;
        shape = shape * 10 + more;
        place = next;
        uint32_t bytes;
        if (total < 7 || fold_digit(fold_at(text, place, &bytes))) continue;
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            if (shape != shapes[i]) continue;
            count = total;
            end = place;
        }
    }
    if (count == 0 || digit[0] < 2 || digit[0] > 8) return 0;
    *at = end;
    return count;
}

// "-8012", "转8012", "转分机 12", " ext. 12", "x12": behind a number. Moves *at only if there is one.
static void extension_take(struct str text, size_t *at) {
    static const char *const words[] = {"转分机", "转", "分机号", "分机", "extension", "ext.",
                                        "ext",    "x",  "#",      "-",    "—",         "–"};
    size_t place = fold_skip(text, *at, 2);
    uint32_t bytes;
    uint32_t opened = fold_at(text, place, &bytes) == '(' ? bytes : 0;
    place += opened;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t next = place;
        uint8_t digit[6];
        if (!fold_takes(text, &next, words[i])) continue;
        if (i < 10) {
            for (int signs = 0; signs < 2; signs++) {
                uint32_t c = fold_at(text, next, &bytes);
                if (fold_blank(c) || c == ':' || fold_dash(c)) next += bytes;
            }
        }
        uint32_t count = digits_take(text, &next, digit, i < 9 ? 6 : 5);
        if (count == 0 || fold_alnum(fold_at(text, next, &bytes))) continue;
        uint32_t after = fold_at(text, next, &bytes);
        if (i >= 9 && (fold_dash(after) || after == 0x5E74 || after == 0x6708)) continue; // 年 月
        if (opened && after == ')') next += bytes;
        *at = next;
        return;
    }
}

static bool stands_alone(const struct view *view, size_t start, size_t end) {
    uint32_t bytes, more;
    bool letters;
    if (is_behind_code(view->text, view->least, start, &letters)) return false;
    uint32_t before = fold_before(view->text, view->least, start, &bytes);
    if (before == '.' && fold_digit(fold_before(view->text, view->least, start - bytes, &more))) {
        return false;
    }
    uint32_t after = fold_at(view->text, end, &bytes);
    if (fold_digit(after) || after == '_') return false;
    return !fold_letter(after) || !fold_alnum(fold_at(view->text, end + bytes, &more)) ||
           !fold_digit(fold_at(view->text, end + bytes, &more));
}

// Where the number really begins: an opening bracket, a plus, "(+86)".
static size_t opening(const struct view *view, size_t at) {
    uint32_t bytes, character = fold_before(view->text, view->least, at, &bytes);
    if (character == '+') {
        at -= bytes;
        character = fold_before(view->text, view->least, at, &bytes);
    }
    return character == '(' || character == 0x3010 ? at - bytes : at;
}

// Country and area code at *at; false if there is none. *glued: nothing stands behind it.
static bool area_take(struct str text, size_t *at, bool plus, bool *glued) {
    uint8_t digit[DIGITS_MOST];
    size_t place = *at;
    uint32_t count = digits_take(text, &place, digit, 14);
    if (count == 0) return false;
    uint32_t skip = count >= 2 && digit[0] == 8 && digit[1] == 6                             ? 2
                    : count >= 4 && !digit[0] && !digit[1] && digit[2] == 8 && digit[3] == 6 ? 4
                                                                                             : 0;
    bool country = skip > 0;
    // 86 without a plus stands apart: 86-10-62751234.
    if (skip == 2 && !plus && count > 2) return false;
    if (country && skip == count) {
        if (!separators_take(text, &place)) return false;
        skip = 0;
        *at = place;
        count = digits_take(text, &place, digit, 12);
        // "+86 (0)10 6275 1234"
        if (count == 1 && digit[0] == 0 && separators_take(text, &place)) {
            *at = place;
            count = digits_take(text, &place, digit, 12);
        }
    }
    if (count <= skip) return false;
    const uint8_t *area = digit + skip;
    uint32_t left = count - skip;
    uint32_t zero = area[0] == 0 ? 1 : 0;
    if (!zero && !country) return false;
    for (uint32_t size = 2; size <= 3; size++) {
        if (left < zero + size || !area_exists(area + zero, size)) continue;
        *glued = left > zero + size;
        // Behind the area code the number begins: walk there.
        uint32_t bytes;
        place = *at;
        for (uint32_t i = 0; i < skip + zero + size; i++) {
            (void)fold_at(text, place, &bytes);
            place += bytes;
        }
        *at = place;
        return true;
    }
    return false;
}

static bool find_with_area(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    size_t place = at, start = opening(view, at);
    bool glued = false;
    uint32_t bytes;
    bool plus = fold_before(text, view->least, at, &bytes) == '+';
    if (!area_take(text, &place, plus, &glued)) return false;
    if (!glued && !separators_take(text, &place)) return false;
    uint32_t count = local_take(text, &place);
    if (count == 0) return false;
    struct context context;
    context_read(text, start, place, &context);
    if (context_claims(&context, LABEL_PHONE)) return false;
    bool says = context_has(&context, LABEL_PHONE);
    const struct context_word *word = NULL;
    enum label nearest = context_nearest(&context, &word);
    // Digits in one that begin like an area code: another word nearby has the better claim.
    bool claimed = word && word->clear && nearest != LABEL_PHONE && nearest != LABEL_DATE;
    if (glued && claimed && !says) return false;
    extension_take(text, &place);
    if (!stands_alone(view, start, place)) return false;
    hit_set(hit, PERSONAL_LANDLINE, start, place, says ? 98 : glued ? 75 : 90);
    return true;
}

// 400 and 800: ten digits in groups, or in one where a word says telephone.
static bool find_service(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    uint8_t digit[DIGITS_MOST];
    size_t place = at;
    uint32_t count = 0, groups = 0, sizes = 0;
    while (count < 10) {
        uint32_t more = digits_take(text, &place, digit + count, 10 - count);
        if (more == 0) return false;
        count += more;
        sizes = sizes * 10 + more;
        groups++;
        size_t next = place;
        if (count < 10 && gap_read(text, &next) == GAP_END) return false;
        if (count < 10) place = next;
    }
    if ((digit[0] != 4 && digit[0] != 8) || digit[1] != 0 || digit[2] != 0) return false;
    static const uint32_t shapes[] = {10, 334, 343, 433, 37, 46, 64, 3223, 3232, 424, 442};
    bool shaped = groups == 10;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) shaped |= sizes == shapes[i];
    if (!shaped || !stands_alone(view, at, place)) return false;
    struct context context;
    context_read(text, at, place, &context);
    bool says = context_has(&context, LABEL_PHONE);
    if (context_claims(&context, LABEL_PHONE) || (groups == 1 && !says)) return false;
    extension_take(text, &place);
    hit_set(hit, PERSONAL_LANDLINE, at, place, says ? 98 : 85);
    return true;
}

static bool find_local(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    size_t place = at;
    if (local_take(text, &place) == 0) return false;
    struct context context;
    context_read_before(text, at, &context);
    bool listed = is_listed(view, at) && view->last == PERSONAL_LANDLINE;
    if (!listed && !context_says(&context, LABEL_PHONE)) return false;
    extension_take(text, &place);
    if (!stands_alone(view, at, place) || is_number(text, at, place)) return false;
    uint32_t bytes, after = fold_at(text, place, &bytes);
    if (after == 0x5E74 || after == 0x6708 || after == 0x65E5) return false; // a date: 年 月 日
    hit_set(hit, PERSONAL_LANDLINE, at, place, 75);
    return true;
}

bool find_landline(const struct view *view, size_t at, struct personal_hit *hit) {
    return find_with_area(view, at, hit) || find_service(view, at, hit) ||
           find_local(view, at, hit);
}
