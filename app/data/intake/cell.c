// Single cells: quotes, missing words, and whether text fits a type.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "data/intake/intake_private.h"

struct cell csv_cell(const struct dialect *dialect, char *text, size_t start, size_t end,
                     bool *out_unclosed) {
    *out_unclosed = false;
    if (!dialect->has_quote || start == end || text[start] != dialect->quote) {
        return (struct cell){{text + start, end - start}, CELL_PLAIN};
    }
    char quote = dialect->quote;
    size_t from = start + 1, to = start + 1;
    if (end - start >= 2 && text[end - 1] == quote) { // "plain": nothing to move
        while (from < end - 1 && text[from] != quote) from++;
        if (from == end - 1) return (struct cell){{text + to, from - to}, CELL_QUOTED};
        from = to;
    }
    bool shut = false;
    while (from < end) {
        const char *at = memchr(text + from, quote, end - from);
        size_t run = at ? (size_t)(at - (text + from)) : end - from;
        if (to != from) memmove(text + to, text + from, run);
        to += run, from += run;
        if (from == end) break;
        if (from + 1 < end && text[from + 1] == quote) {
            text[to++] = quote;
            from += 2;
            continue;
        }
        // What follows the closing quote is taken as it is.
        shut = true;
        from++;
        memmove(text + to, text + from, end - from);
        to += end - from;
        break;
    }
    if (!shut) {
        // Never closed. Nothing was moved unless there were doubled quotes; the quote stays.
        *out_unclosed = true;
        return (struct cell){{text + start, to - start}, CELL_QUOTED};
    }
    return (struct cell){{text + start + 1, to - start - 1}, CELL_QUOTED};
}

static const char *const known_missing[] = {"NA", "N/A", "NULL", "null", "NaN", "nan", "-", "\\N"};

static void add_word(struct missing_words *words, struct str word) {
    double number;
    words->any_number |= number_parse(word, &number);
    words->words[words->count++] = word;
    words->first[(uint8_t)word.data[0]] = true;
    if (word.size > words->longest) words->longest = word.size;
}

enum err missing_words_set(struct missing_words *words, struct str more, struct fault *fault) {
    *words = (struct missing_words){0};
    for (size_t i = 0; i < sizeof known_missing / sizeof known_missing[0]; i++) {
        add_word(words, str_of(known_missing[i]));
    }
    while (more.size > 0) {
        struct str rest, word = str_trim(str_cut(more, ',', &rest));
        more = rest;
        if (word.size == 0) continue;
        if (words->count == MISSING_WORDS_MAX) {
            return fault_set(fault, ERR_LIMIT, "intake.too_many_missing_words", STR_NONE);
        }
        add_word(words, word);
    }
    return OK;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool cell_missing(const struct missing_words *words, const struct cell *cell) {
    if (cell->kind == CELL_NULL) return true;
    struct str s = cell->text;
    if (s.size == 0) return true;
    if (words->marks && cell_is_mark(s)) return true;
    if (is_space(s.data[0]) || is_space(s.data[s.size - 1])) {
        s = str_trim(s);
        if (s.size == 0) return true;
    }
    if (s.size > words->longest || !words->first[(uint8_t)s.data[0]]) return false;
    for (uint32_t i = 0; i < words->count; i++) {
        if (str_equal(words->words[i], s)) return true;
    }
    return false;
}

static bool digit(char c) {
    return c >= '0' && c <= '9';
}

// Digits that a number would lose: a zero in front, a plus, or more of them than a double holds.
static bool loses_digits(struct str s) {
    if (s.size > 0 && s.data[0] == '+') return true;
    if (s.size > 0 && s.data[0] == '-') s.data++, s.size--;
    if (s.size > 1 && s.data[0] == '0' && digit(s.data[1])) return true;
    if (s.size <= 15) return false;
    for (size_t i = 0; i < s.size; i++) {
        if (!digit(s.data[i])) return false;
    }
    return true;
}

// "true" and "false" for a guess: "yes" or 是 would not read the same when written again. A person
// who chose the type means all of them.
static bool parse_boolean(struct str s, bool told, bool *out) {
    static const char *const words[][2] = {
        {"true", "false"}, {"TRUE", "FALSE"}, {"True", "False"}, {"1", "0"},       {"yes", "no"},
        {"Yes", "No"},     {"YES", "NO"},     {"Y", "N"},        {"y", "n"},       {"t", "f"},
        {"T", "F"},        {"是", "否"},      {"有", "无"},      {"阳性", "阴性"},
    };
    size_t count = told ? sizeof words / sizeof words[0] : 3;
    for (size_t i = 0; i < count; i++) {
        for (int k = 0; k < 2; k++) {
            if (str_is(s, words[i][k])) {
                *out = k == 0;
                return true;
            }
        }
    }
    return false;
}

bool cell_fits(struct str text, enum column_type type, bool told, union cell_value *out) {
    struct str s = str_trim(text);
    switch (type) {
    case COLUMN_TEXT: return true;
    case COLUMN_INTEGER:
        if (!integer_parse(s, &out->integer)) return false;
        // 16 to 19 digits fit in 64 bits: nothing is lost but what stands in front.
        return told ||
               (s.data[0] != '+' && !loses_digits((struct str){s.data, s.size < 3 ? s.size : 3}));
    case COLUMN_NUMBER: return number_parse(s, &out->number) && (told || !loses_digits(s));
    case COLUMN_BOOLEAN: return parse_boolean(s, told, &out->boolean);
    case COLUMN_DATE: return date_parse(s, &out->integer);
    case COLUMN_TIME:
        if (time_parse(s, &out->integer)) return true;
        if (!date_parse(s, &out->integer)) return false;
        out->integer *= 86400;
        return true;
    case COLUMN_TYPE_COUNT: break;
    }
    return false;
}

bool cell_fits_month_first(struct str text, enum column_type type, union cell_value *out) {
    int64_t seconds;
    bool clock, sure;
    if (!month_first_parse(text, &seconds, &clock, &sure)) return false;
    if (type != COLUMN_TIME && (type != COLUMN_DATE || clock)) return false;
    out->integer = type == COLUMN_DATE ? seconds / 86400 : seconds; // whole days
    return true;
}

// Eleven digits of a mobile number: a whole number in form, an identifier in meaning.
static bool is_mobile(struct str s) {
    if (s.size != 11 || s.data[0] != '1' || s.data[1] < '3') return false;
    for (size_t i = 0; i < s.size; i++) {
        if (!digit(s.data[i])) return false;
    }
    return true;
}

bool cell_is_infinity(struct str s) {
    char text[40], *end; // inf, -Infinity, 1e999
    if (s.size < 3 || !str_copy(text, sizeof text, s)) return false;
    return isinf(strtod(text, &end)) && *end == '\0';
}

static void american_count(struct type_counts *counts, struct str s) {
    int64_t seconds;
    bool clock, sure;
    if (!month_first_parse(s, &seconds, &clock, &sure)) return;
    counts->american_dates += !clock;
    counts->american_times += clock;
    counts->american_sure += sure;
}

void type_count(struct type_counts *counts, const struct cell *cell) {
    struct str s = str_trim(cell->text);
    union cell_value value;
    if (cell->kind != CELL_STRING && cell_is_infinity(s)) return;
    counts->values++;
    if (cell->kind == CELL_STRING) counts->strings++;
    bool numeric = s.size > 0 &&
                   (digit(s.data[0]) || s.data[0] == '-' || s.data[0] == '+' || s.data[0] == '.');
    if (!numeric) {
        counts->booleans += parse_boolean(s, false, &value.boolean);
        return;
    }
    if (cell_fits(s, COLUMN_NUMBER, true, &value)) {
        counts->identifiers += loses_digits(s);
        counts->numbers++;
        counts->integers += cell_fits(s, COLUMN_INTEGER, false, &value);
        counts->mobiles += is_mobile(s);
        if (s.size == 8 && digit(s.data[0]) && date_parse(s, &value.integer)) {
            int64_t days = value.integer;
            counts->compact_dates += days >= -25567 && days < 47847; // 1900 to 2100
        }
    } else if (date_parse(s, &value.integer)) {
        counts->dates++;
    } else if (time_parse(s, &value.integer)) {
        counts->times++;
    } else {
        american_count(counts, s);
    }
}

// All but one in a hundred, and one that shows the order.
bool type_month_first(const struct type_counts *counts) {
    uint64_t american = counts->american_dates + counts->american_times;
    return counts->american_sure > 0 && (counts->values - american) * 100 <= counts->values;
}

// Names of columns whose digits nobody adds up.
static bool names_identifier(struct str name) {
    static const char *const parts[] = {
        "手机",  "电话",   "联系方式", "身份证",   "证件",   "证号",    "卡号",   "账号",
        "帐号",  "住院号", "门诊号",   "病案号",   "病历号", "邮编",    "邮政",   "编码",
        "phone", "mobile", "zip",      "postcode", "postal", "id_card", "idcard", "card_no",
    };
    char lower[LIMIT_NAME_BYTES];
    size_t size = name.size < sizeof lower ? name.size : sizeof lower;
    for (size_t i = 0; i < size; i++) {
        char c = name.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct str part = str_of(parts[i]);
        for (size_t at = 0; at + part.size <= size; at++) {
            if (memcmp(lower + at, part.data, part.size) == 0) return true;
        }
    }
    return false;
}

enum column_type type_decide(const struct type_counts *counts, struct str name) {
    uint64_t all = counts->values;
    uint64_t dates = counts->dates + counts->compact_dates;
    if (all == 0 || counts->identifiers > 0) return COLUMN_TEXT;
    if (type_month_first(counts)) return counts->american_times ? COLUMN_TIME : COLUMN_DATE;
    if ((all - counts->booleans) * 100 <= all) {
        return counts->strings ? COLUMN_TEXT : COLUMN_BOOLEAN;
    }
    if (!names_identifier(name)) {
        if ((all - dates) * 100 <= all) return COLUMN_DATE;
        if (counts->times && (all - dates - counts->times) * 100 <= all) return COLUMN_TIME;
    }
    if (counts->strings > 0 || counts->mobiles * 10 >= all * 9) return COLUMN_TEXT;
    if (counts->integers == counts->numbers && names_identifier(name)) return COLUMN_TEXT;
    if ((all - counts->integers) * 100 <= all && counts->integers == counts->numbers) {
        return COLUMN_INTEGER;
    }
    return (all - counts->numbers) * 100 <= all ? COLUMN_NUMBER : COLUMN_TEXT;
}
