// Longitude and latitude: pairs of decimal degrees or of degrees, minutes and seconds within China
// and its seas, or anywhere where a word says that it is a place.
#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"

struct angle {
    double degrees;
    size_t end;
    uint32_t decimals; // places behind the point
    bool minutes;      // written with degrees and minutes
};

static bool number_take(struct str text, size_t *at, double *value, uint32_t *decimals) {
    uint32_t bytes, c, digits = 0;
    size_t place = *at;
    *value = 0;
    *decimals = 0;
    for (; fold_digit(c = fold_at(text, place, &bytes)) && digits < 4; digits++, place += bytes) {
        *value = *value * 10 + (c - '0');
    }
    if (digits == 0 || digits > 3) return false;
    uint32_t more;
    if (c == '.' && fold_digit(fold_at(text, place + bytes, &more))) {
        place += bytes;
        double scale = 0.1;
        for (; fold_digit(c = fold_at(text, place, &bytes)) && *decimals < 16; place += bytes) {
            *value += (c - '0') * scale;
            scale /= 10;
            (*decimals)++;
        }
    }
    *at = place;
    return true;
}

static bool is_degree(uint32_t c) {
    return c == 0xB0 || c == 0xBA || c == 0x5EA6 || c == 0x2103 || c == 0x25E6; // 度
}
static bool is_minute(uint32_t c) {
    return c == '\'' || c == 0x2032 || c == 0x2019 || c == 0x5206 || c == 0xB4; // 分
}
static bool is_second(uint32_t c) {
    return c == '"' || c == 0x2033 || c == 0x201D || c == 0x79D2; // 秒
}

// 39.9042, 39.9042°, 39°54'15", 39度54分15.2秒
static bool angle_take(struct str text, size_t at, struct angle *out) {
    uint32_t bytes, decimals;
    double part;
    *out = (struct angle){0};
    if (!number_take(text, &at, &out->degrees, &out->decimals)) return false;
    size_t next = fold_skip(text, at, 1);
    if (is_degree(fold_at(text, next, &bytes))) {
        at = next + bytes;
        next = fold_skip(text, at, 1);
        if (out->decimals == 0 && number_take(text, &next, &part, &decimals) && part < 60) {
            next = fold_skip(text, next, 1);
            if (!is_minute(fold_at(text, next, &bytes))) return false;
            at = next + bytes;
            out->degrees += part / 60;
            out->minutes = true;
            next = fold_skip(text, at, 1);
            if (number_take(text, &next, &part, &decimals) && part < 60) {
                next = fold_skip(text, next, 1);
                uint32_t c = fold_at(text, next, &bytes);
                if (is_second(c)) {
                    at = next + bytes;
                    out->degrees += part / 3600;
                } else if (is_minute(c)) { // two single quotes
                    uint32_t more;
                    if (is_minute(fold_at(text, next + bytes, &more))) at = next + bytes + more;
                }
            }
        }
    }
    out->end = at;
    return true;
}

// N, E, S, W right behind an angle, or 北纬 before it.
static size_t letter_skip(struct str text, size_t at) {
    uint32_t bytes, more, c = fold_lower(fold_at(text, fold_skip(text, at, 1), &bytes));
    size_t place = fold_skip(text, at, 1) + bytes;
    bool letter = c == 'n' || c == 'e' || c == 's' || c == 'w';
    return letter && !fold_alnum(fold_at(text, fold_skip(text, place, 1), &more)) ? place : at;
}

// What may stand between two angles: signs and the words for them.
static size_t between_skip(struct str text, size_t at) {
    enum { BETWEEN_MOST = 28 };
    static const char *const words[] = {
        "longitude", "latitude", "long", "lng", "lon", "lat", "经度", "纬度", "东经", "北纬",
        "南纬",      "西经",     "经",   "纬",  "n",   "e",   "s",    "w",    "为",   "是",
        "、",        "和",       "，",   "x",   "y",   "与",  "～",   "及",   "gps",  "坐标"};
    size_t from = at;
    while (at - from < BETWEEN_MOST) {
        uint32_t bytes, c = fold_at(text, at, &bytes);
        bool sign = fold_blank(c) || c == ',' || c == ';' || c == ':' || c == '/' || c == '|' ||
                    c == '=' || c == '(' || c == ')' || c == '"' || c == '\'' || c == '[' ||
                    c == ']' || c == '*' || c == '&' || c == '_' || fold_line(c);
        size_t used = sign ? bytes : 0;
        for (size_t i = 0; used == 0 && i < sizeof words / sizeof words[0]; i++) {
            size_t next = at;
            if (fold_takes(text, &next, words[i])) used = next - at;
        }
        if (used == 0) break;
        at += used;
    }
    return at;
}

static bool in_china(double latitude, double longitude) {
    return latitude >= 3 && latitude <= 54 && longitude >= 73 && longitude <= 136;
}

// `table`: other numbers stand around the two, so that more is asked of them.
static bool is_pair(const struct angle *first, const struct angle *second, bool says, bool table) {
    if (first->minutes != second->minutes) return false;
    uint32_t least = first->decimals < second->decimals ? first->decimals : second->decimals;
    bool china =
        in_china(first->degrees, second->degrees) || in_china(second->degrees, first->degrees);
    if (first->minutes) return china || says;
    if (china && least >= (table ? 5u : 4u)) return true;
    bool earth = (first->degrees <= 90 && second->degrees <= 180) ||
                 (second->degrees <= 90 && first->degrees <= 180);
    return says && earth && least >= 3;
}

// A number and a comma or tab stand before: one of a row of numbers.
static bool in_row(const struct view *view, size_t at) {
    uint32_t bytes, more, c = fold_before(view->text, view->least, at, &bytes);
    if (c != ',' && c != '\t' && c != ' ') return false;
    return fold_digit(fold_before(view->text, view->least, at - bytes, &more));
}

// 东经, 北纬 or N right before an angle belong to it.
static size_t marked_start(const struct view *view, size_t at) {
    uint32_t bytes, more, c = fold_before(view->text, view->least, at, &bytes);
    size_t own = at;
    if (fold_blank(c)) {
        at -= bytes;
        c = fold_before(view->text, view->least, at, &bytes);
    }
    uint32_t before = fold_before(view->text, view->least, at - bytes, &more);
    bool letter = c == 'N' || c == 'E' || c == 'S' || c == 'W';
    if (letter && !fold_alnum(before)) return at - bytes;
    bool east = before == 0x4E1C || before == 0x897F || before == 0x5357 || before == 0x5317;
    return (c == 0x7ECF || c == 0x7EAC) && east ? at - bytes - more : own;
}

bool find_coordinates(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    struct angle first, second;
    uint32_t bytes, more, c = fold_before(text, view->least, at, &bytes);
    if (c == '.' || fold_digit(c) || c == '_') return false;
    if (fold_letter(c) && fold_alnum(fold_before(text, view->least, at - bytes, &more)))
        return false;
    if (!angle_take(text, at, &first) || (first.decimals < 3 && !first.minutes)) return false;
    size_t end = letter_skip(text, first.end), next = between_skip(text, end);
    c = fold_at(text, next, &bytes);
    bool negative = c == '-' && next > end; // west or south
    if (negative) next += bytes;
    bool table = in_row(view, at);
    // Neither a second angle nor a mark: without a word right before it nothing can come of it.
    uint32_t mark = fold_before(text, view->least, at, &more);
    bool two = next > end && fold_digit(fold_at(text, next, &bytes));
    bool told = mark == ':' || mark == '=' || mark > 0x80 || mark == ' ' || fold_letter(mark);
    if (!two && !told && !first.minutes) return false;
    struct context context;
    context_read(text, at, end, &context);
    bool says = context_has(&context, LABEL_PLACE);
    if (next > end && angle_take(text, next, &second) && is_pair(&first, &second, says, table) &&
        (says || (!negative && fold_before(text, view->least, at, &bytes) != '-'))) {
        end = letter_skip(text, second.end);
        if (fold_digit(fold_at(text, end, &bytes))) return false;
        if (fold_at(text, end, &bytes) == '.' && fold_digit(fold_at(text, end + bytes, &more))) {
            return false;
        }
        if (context_says(&context, LABEL_THING)) return false;
        hit_set(hit, PERSONAL_COORDINATES, marked_start(view, at), end,
                says            ? 98
                : first.minutes ? 90
                                : 80);
        return true;
    }
    bool alone = context_says(&context, LABEL_PLACE) && first.degrees <= 180 &&
                 (first.decimals >= 3 || first.minutes);
    bool marked = first.minutes && end > first.end;
    if (!alone && !marked) return false;
    hit_set(hit, PERSONAL_COORDINATES, at, end, 80);
    return true;
}
