// Vehicle plates (GA 36-2018): civil ones of all provinces, new-energy ones, trailers, learners,
// police, Hong Kong and Macao, embassies and consulates, emergency; armed police; the army's.
#include <string.h>

#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"

static bool is_one_of(uint32_t c, const char *set) {
    struct str all = str_of(set);
    for (size_t at = 0; at < all.size;) {
        uint32_t bytes;
        if (fold_at(all, at, &bytes) == c) return true;
        at += bytes;
    }
    return false;
}

// 京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼
static bool is_province(uint32_t c) {
    static const uint16_t provinces[] = {
        0x4EAC, 0x6D25, 0x6CAA, 0x6E1D, 0x5180, 0x8C6B, 0x4E91, 0x8FBD, 0x9ED1, 0x6E58, 0x7696,
        0x9C81, 0x65B0, 0x82CF, 0x6D59, 0x8D63, 0x9102, 0x6842, 0x7518, 0x664B, 0x8499, 0x9655,
        0x5409, 0x95FD, 0x8D35, 0x7CA4, 0x9752, 0x85CF, 0x5DDD, 0x5B81, 0x743C};
    if (c < 0x4E00 || c > 0x9FFF) return false;
    for (size_t i = 0; i < sizeof provinces / sizeof provinces[0]; i++) {
        if (provinces[i] == c) return true;
    }
    return false;
}

// Districts of the army before 2012; arms and regions.
static bool is_old_army(uint32_t c) {
    return is_one_of(c, "军海空北沈兰济南广成");
}

static bool is_suffix(uint32_t c) {
    return is_one_of(c, "挂学警港澳领使");
}

static bool is_dot(uint32_t c) {
    return c == 0xB7 || c == 0x2022 || c == 0x30FB || c == 0x2027 || c == 0xFE52 || c == '.' ||
           c == 0x25CF || c == 0x22C5;
}

// Up to two blanks, dots, dashes; one line break.
static size_t signs_skip(struct str text, size_t at) {
    uint32_t bytes, c;
    for (int signs = 0; signs < 3; signs++) {
        c = fold_at(text, at, &bytes);
        if (!fold_blank(c) && !is_dot(c) && !fold_dash(c) && !fold_line(c)) break;
        at += bytes;
    }
    return at;
}

// Places of a plate from *at: letters (no I, no O) and digits with gaps between; stops behind
// `most`. Returns their number.
static uint32_t places_take(struct str text, size_t *at, char *out, uint32_t most, bool *small) {
    uint32_t count = 0, bytes, c, gaps = 0;
    size_t place = *at;
    while (count < most) {
        c = fold_at(text, place, &bytes);
        if (!fold_alnum(c)) {
            size_t next = signs_skip(text, place);
            c = fold_at(text, next, &bytes);
            // Behind a gap only what is surely part of it: digits, large letters.
            if (next == place || count == 0 || !fold_alnum(c) || (c >= 'a' && c <= 'z')) break;
            gaps++;
            place = next;
        }
        *small |= c >= 'a' && c <= 'z';
        out[count++] = (char)(fold_letter(c) ? c & 0x5F : c);
        place += bytes;
        *at = place;
    }
    return gaps > 1 && gaps + 1 < count ? 0 : count;
}

static uint32_t digits_in(const char *places, uint32_t count) {
    uint32_t digits = 0;
    for (uint32_t i = 0; i < count; i++) digits += fold_digit((uint8_t)places[i]);
    return digits;
}

static bool has_barred(const char *places, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (places[i] == 'I' || places[i] == 'O') return true;
    }
    return false;
}

// Six places: a small car's letter first, a large one's last, digits else (one more letter may
// follow the first).
static bool is_new_energy(const char *places) {
    bool small = strchr("DFABCEGHJK", places[0]) && digits_in(places + 2, 4) == 4;
    bool large = (places[5] == 'D' || places[5] == 'F') && digits_in(places, 5) == 5;
    return small || large;
}

// What follows province and letter: five places, six of new energy, four or three and a suffix.
static bool places_end(struct str text, size_t at, size_t *end, bool *small) {
    char places[8];
    size_t six = at, five = at, four = at;
    uint32_t bytes;
    bool ignored = false;
    uint32_t count = places_take(text, &six, places, 6, small);
    if (count == 6 && is_new_energy(places) && !fold_alnum(fold_at(text, six, &bytes)) &&
        !has_barred(places, 6)) {
        *end = six;
        return true;
    }
    count = places_take(text, &five, places, 5, &ignored);
    if (count == 5 && !has_barred(places, 5) && digits_in(places, 5) >= 2 &&
        !fold_alnum(fold_at(text, five, &bytes))) {
        *end = five;
        return true;
    }
    for (uint32_t wanted = 4; wanted >= 3; wanted--, four = at) {
        count = places_take(text, &four, places, wanted, &ignored);
        if (count != wanted || digits_in(places, count) < 1) continue;
        size_t next = signs_skip(text, four);
        uint32_t c = fold_at(text, next, &bytes);
        bool emergency = fold_takes(text, &next, "应急");
        if (!emergency && !is_suffix(c)) continue;
        if (wanted == 3 && c != 0x6E2F && c != 0x6FB3 && !emergency) continue; // 港 澳
        *end = emergency ? next : next + bytes;
        return true;
    }
    return false;
}

// 使014578, 京·014578使 and 领: six or four to six digits with the word before or behind.
static bool find_embassy(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    char places[8];
    size_t end = at, start = at;
    bool small = false;
    uint32_t bytes, count = places_take(text, &end, places, 6, &small);
    if (count != 6 || digits_in(places, 6) != 6 || fold_alnum(fold_at(text, end, &bytes))) {
        return false;
    }
    for (int signs = 0; signs < 2; signs++) {
        uint32_t c = fold_before(text, view->least, start, &bytes);
        if (fold_blank(c) || is_dot(c)) start -= bytes;
    }
    uint32_t before = fold_before(text, view->least, start, &bytes);
    if (before == 0x4F7F || before == 0x9886) { // 使 领
        uint32_t c, more;
        c = fold_before(text, view->least, start - bytes, &more);
        // 促使, 大使, 带领 … are words; 使120000人 is a number of people.
        struct context context;
        context_read(text, start - bytes, end, &context);
        bool word =
            is_one_of(c, "促迫致即大天驱行假纵唆指出特公信役支带率占首本要白红项统认申冒招心") ||
            is_one_of(fold_at(text, end, &more), "元人次例万个名亿户家年");
        if (word && !context_has(&context, LABEL_PLATE)) return false;
        bool apart = c < 0x80 || c == 0x3002 || c == 0x3001;
        hit_set(hit, PERSONAL_PLATE, start - bytes, end,
                context_has(&context, LABEL_PLATE) ? 90
                : apart                            ? 80
                                                   : 60);
        return true;
    }
    uint32_t after = fold_at(text, end, &bytes);
    if (after != 0x4F7F && after != 0x9886) return false;
    uint32_t more;
    uint32_t next = fold_at(text, end + bytes, &more);
    if (next == 0x7528 || next == 0x5BFC || next == 0x53D6) return false; // 使用 领导 领取
    hit_set(hit, PERSONAL_PLATE, at, end + bytes, 75);
    return true;
}

// WJ京12345, WJ·京1234X, WJ01-12345.
static bool find_police(const struct view *view, size_t start, struct personal_hit *hit) {
    struct str text = view->text;
    size_t at = start;
    uint32_t bytes;
    char places[8];
    bool small = false;
    if (!fold_takes(text, &at, "wj")) return false;
    at = signs_skip(text, at);
    if (is_province(fold_at(text, at, &bytes))) {
        at = signs_skip(text, at + bytes);
        uint32_t count = places_take(text, &at, places, 5, &small);
        if (count < 4 || digits_in(places, count) < 3) return false;
    } else {
        uint32_t count = places_take(text, &at, places, 7, &small);
        if (count < 6 || digits_in(places, 2) != 2 || digits_in(places, count) < 5) return false;
        (void)fold_takes(text, &at, "警");
    }
    if (fold_alnum(fold_at(text, at, &bytes))) return false;
    hit_set(hit, PERSONAL_PLATE, start, at, 90);
    return true;
}

// A plate whose province, army letters or WJ begin at `start`.
static bool plate_from(const struct view *view, size_t start, struct personal_hit *hit) {
    struct str text = view->text;
    uint32_t bytes, first = fold_at(text, start, &bytes);
    size_t at = start + bytes, end = 0;
    bool small = false;
    if (fold_lower(first) == 'w') return find_police(view, start, hit);
    bool army = is_old_army(first), civil = is_province(first);
    if (!army && !civil) return false;
    at = signs_skip(text, at);
    uint32_t letter = fold_at(text, at, &bytes);
    if (!fold_letter(letter)) return false;
    small = letter >= 'a';
    at = signs_skip(text, at + bytes);
    size_t places = at;
    if (!places_end(text, at, &end, &small)) return false;
    for (uint32_t digits = 0; army && !civil && places < end; places += bytes) {
        uint32_t c = fold_at(text, places, &bytes);
        digits += fold_digit(c);
        if (fold_letter(c) && digits < 5) return false; // 军A12345 has five digits
    }
    // 新A股, 军A: a small letter or the army's words need a word that says plate.
    if (small || !civil) {
        struct context context;
        context_read(text, start, end, &context);
        bool says = context_has(&context, LABEL_PLATE);
        if (small && !says && !civil) return false;
        hit_set(hit, PERSONAL_PLATE, start, end, says ? 90 : 70);
        return true;
    }
    hit_set(hit, PERSONAL_PLATE, start, end, 95);
    return true;
}

// Since 2012: two Latin letters and five digits (VA·12345), where a word says that it is a plate.
static bool find_army(const struct view *view, size_t start, struct personal_hit *hit) {
    struct str text = view->text;
    uint32_t bytes, more, c = fold_at(text, start, &bytes);
    uint32_t second = fold_at(text, start + bytes, &more);
    if (c > 'Z' || !is_one_of(c, "VKHBSLJNGCE") || !fold_letter(second)) return false;
    if (fold_alnum(fold_before(text, view->least, start, &more))) return false;
    (void)fold_at(text, start + bytes, &more);
    size_t at = signs_skip(text, start + bytes + more);
    char places[8];
    bool small = false;
    uint32_t count = places_take(text, &at, places, 5, &small);
    if (count != 5 || digits_in(places, 5) < 4 || fold_alnum(fold_at(text, at, &bytes)))
        return false;
    struct context context;
    context_read(text, start, at, &context);
    if (!context_has(&context, LABEL_PLATE)) return false;
    hit_set(hit, PERSONAL_PLATE, start, at, 85);
    return true;
}

bool find_plate(const struct view *view, size_t at, struct personal_hit *hit) {
    enum { BACK_MOST = 10 }; // letters and signs between the province and the first digit
    struct str text = view->text;
    size_t place = at;
    for (int back = 0; back < BACK_MOST; back++) {
        uint32_t bytes, c = fold_before(text, view->least, place, &bytes);
        if (bytes == 0) break;
        bool sign = fold_blank(c) || is_dot(c) || fold_dash(c) || fold_line(c);
        if (!fold_letter(c) && !sign) {
            size_t start = place - bytes;
            if (c > 0x80 && plate_from(view, start, hit)) return true;
            // WJ stands before the province.
            uint32_t j = fold_before(text, view->least, start, &bytes);
            if (is_dot(j) || fold_blank(j)) {
                start -= bytes;
                j = fold_before(text, view->least, start, &bytes);
            }
            if (fold_lower(j) == 'j') {
                uint32_t more, w = fold_before(text, view->least, start - bytes, &more);
                if (fold_lower(w) == 'w' && plate_from(view, start - bytes - more, hit))
                    return true;
            }
            break;
        }
        place -= bytes;
        if (fold_letter(c) && (find_army(view, place, hit) || find_police(view, place, hit))) {
            return true;
        }
    }
    return find_embassy(view, at, hit);
}
