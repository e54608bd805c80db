// Decimal numbers within bounds, as expressions over their digits.
#include <string.h>

#include "model/language/grammar/grammar_private.h"

enum { DIGITS_MOST = 18, FRACTION_MOST = 15 };
#define WHOLE_MOST 999999999999999999

static struct expression *digits(struct grammar_builder *b, uint32_t least, uint32_t most) {
    return expression_repeat(b, expression_bytes(b, '0', '9'), least, most);
}

// So many digits from `from` on that are not below (or, `up` false, not above) those of `limit`.
static struct expression *digits_beyond(struct grammar_builder *b, const char *limit,
                                        uint32_t count, bool up) {
    if (count == 0) return expression_empty(b);
    uint8_t first = (uint8_t)*limit, edge = up ? '9' : '0';
    struct expression *same = expression_then(b, expression_bytes(b, first, first),
                                              digits_beyond(b, limit + 1, count - 1, up));
    if (first == edge) return same;
    struct expression *other = up ? expression_bytes(b, (uint8_t)(first + 1), '9')
                                  : expression_bytes(b, '0', (uint8_t)(first - 1));
    return expression_or(b, same, expression_then(b, other, digits(b, count - 1, count - 1)));
}

// Numbers of `count` digits between two of as many.
static struct expression *digits_between(struct grammar_builder *b, const char *from,
                                         const char *to, uint32_t count) {
    if (count == 0) return expression_empty(b);
    uint8_t x = (uint8_t)*from, y = (uint8_t)*to;
    if (x == y) {
        return expression_then(b, expression_bytes(b, x, x),
                               digits_between(b, from + 1, to + 1, count - 1));
    }
    struct expression *low =
        expression_then(b, expression_bytes(b, x, x), digits_beyond(b, from + 1, count - 1, true));
    struct expression *high =
        expression_then(b, expression_bytes(b, y, y), digits_beyond(b, to + 1, count - 1, false));
    struct expression *e = expression_or(b, low, high);
    if (y - x < 2) return e;
    struct expression *middle = expression_bytes(b, (uint8_t)(x + 1), (uint8_t)(y - 1));
    return expression_or(b, e, expression_then(b, middle, digits(b, count - 1, count - 1)));
}

static uint32_t digits_of(int64_t value, char out[24]) {
    char back[24];
    uint32_t count = 0;
    do {
        back[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (uint32_t i = 0; i < count; i++) out[i] = back[count - 1 - i];
    return count;
}

// Whole numbers from `from` to `to`, neither below 0; NULL where there is none.
static struct expression *between(struct grammar_builder *b, int64_t from, int64_t to) {
    char x[24], y[24];
    if (from > to) return NULL;
    uint32_t first = digits_of(from, x), last = digits_of(to, y);
    if (first == last) return digits_between(b, x, y, first);
    struct expression *e = digits_beyond(b, x, first, true);
    if (last > first + 1) {
        struct expression *more =
            expression_then(b, expression_bytes(b, '1', '9'), digits(b, first, last - 2));
        e = expression_or(b, e, more);
    }
    char power[24] = "100000000000000000000";
    return expression_or(b, e, digits_between(b, power, y, last));
}

static struct expression *either(struct grammar_builder *b, struct expression *x,
                                 struct expression *y) {
    return !x ? y : !y ? x : expression_or(b, x, y);
}

static struct expression *minus(struct grammar_builder *b, struct expression *e) {
    return e ? expression_then(b, expression_bytes(b, '-', '-'), e) : NULL;
}

// The bounds as a closed interval of whole numbers.
static void closed(const struct bounds *bounds, int64_t *least, int64_t *most) {
    *least = bounds->has_least ? bounds->least : -WHOLE_MOST;
    *most = bounds->has_most ? bounds->most : WHOLE_MOST;
    if (bounds->has_least && bounds->without_least) ++*least;
    if (bounds->has_most && bounds->without_most) --*most;
}

struct expression *expression_whole(struct grammar_builder *b, const struct bounds *bounds) {
    int64_t least, most;
    closed(bounds, &least, &most);
    if (b->err != OK) return NULL;
    if (least > most) return grammar_fail(b, ERR_INPUT, "grammar.wrong", STR("minimum"));
    struct expression *below =
        least < 0 ? minus(b, between(b, most < 0 ? -most : 1, -least)) : NULL;
    struct expression *above = most >= 0 ? between(b, least > 0 ? least : 0, most) : NULL;
    return either(b, above, below);
}

// ---- with a fraction ---------------------------------------------------------------------------

static struct expression *point(struct grammar_builder *b, struct expression *e) {
    return expression_then(b, expression_bytes(b, '.', '.'), e);
}

// A fraction that is not 0.
static struct expression *some_fraction(struct grammar_builder *b) {
    struct expression *zeros =
        expression_repeat(b, expression_bytes(b, '0', '0'), 0, FRACTION_MOST / 2);
    struct expression *first = expression_then(b, zeros, expression_bytes(b, '1', '9'));
    return point(b, expression_then(b, first, digits(b, 0, FRACTION_MOST / 2)));
}

// Magnitudes from `from` to `to` (with these unless `without`): whole bounds, any fraction.
static struct expression *magnitude(struct grammar_builder *b, int64_t from, bool without_from,
                                    int64_t to, bool without_to) {
    if (from > to || (from == to && (without_from || without_to))) return NULL;
    struct expression *fraction = expression_maybe(b, point(b, digits(b, 1, FRACTION_MOST)));
    struct expression *zeros = expression_maybe(
        b, point(b, expression_repeat(b, expression_bytes(b, '0', '0'), 1, FRACTION_MOST)));
    struct expression *inner = between(b, without_from ? from + 1 : from, to - 1);
    struct expression *e = inner ? expression_then(b, inner, fraction) : NULL;
    if (without_from) {
        e = either(b, e, expression_then(b, between(b, from, from), some_fraction(b)));
    }
    if (!without_to) e = either(b, e, expression_then(b, between(b, to, to), zeros));
    return e;
}

struct expression *expression_number(struct grammar_builder *b, const struct bounds *bounds) {
    if (b->err != OK) return NULL;
    int64_t least = bounds->has_least ? bounds->least : -WHOLE_MOST;
    int64_t most = bounds->has_most ? bounds->most : WHOLE_MOST;
    bool no_least = bounds->has_least && bounds->without_least;
    bool no_most = bounds->has_most && bounds->without_most;
    struct expression *below = NULL, *above = NULL;
    if (least < 0) {
        int64_t from = most < 0 ? -most : 0;
        below = minus(b, magnitude(b, from, most < 0 ? no_most : true, -least, no_least));
    }
    if (most >= 0)
        above = magnitude(b, least > 0 ? least : 0, least >= 0 && no_least, most, no_most);
    struct expression *e = either(b, above, below);
    if (!e) return grammar_fail(b, ERR_INPUT, "grammar.wrong", STR("minimum"));
    if (bounds->has_least || bounds->has_most) return e;
    struct byte_set exponent = {{0}}, sign = {{0}};
    exponent.bits[1] = 1ull << ('e' - 64) | 1ull << ('E' - 64);
    sign.bits[0] = 1ull << '+' | 1ull << '-';
    struct expression *power =
        expression_then(b, expression_maybe(b, expression_set(b, &sign)), digits(b, 1, 2));
    power = expression_then(b, expression_set(b, &exponent), power);
    return expression_then(b, e, expression_maybe(b, power));
}
