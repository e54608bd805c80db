// Numbers that only the word beside them makes an identifier: of officers, of insurance, of records
// in a hospital, of QQ and WeChat; passports, permits and organisation codes in forms that say
// nothing by themselves.
#include <string.h>

#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"
#include "data/detect/identifier_private.h"

static bool token_sign(const struct view *view, size_t at, bool hyphens, uint32_t c,
                       uint32_t bytes) {
    uint32_t more;
    if (fold_alnum(c)) return true;
    if (c == '_') return fold_alnum(fold_at(view->text, at + bytes, &more));
    return hyphens && fold_dash(c) && fold_alnum(fold_at(view->text, at + bytes, &more)) &&
           fold_alnum(fold_before(view->text, view->least, at, &more));
}

void token_read(const struct view *view, size_t at, bool hyphens, struct token *out) {
    *out = (struct token){.start = at, .end = at};
    uint32_t bytes, c;
    for (uint32_t back = 0; back < TOKEN_MOST; back++) {
        c = fold_before(view->text, view->least, out->start, &bytes);
        if (bytes == 0 || !token_sign(view, out->start - bytes, hyphens, c, bytes)) break;
        out->start -= bytes;
    }
    out->end = out->start;
    out->at_letter = fold_letter(fold_at(view->text, out->start, &bytes));
    while (out->size < TOKEN_MOST) {
        c = fold_at(view->text, out->end, &bytes);
        if (bytes == 0 || !token_sign(view, out->end, hyphens, c, bytes)) break;
        out->digits += fold_digit(c);
        out->letters += fold_letter(c);
        out->small |= c >= 'a' && c <= 'z';
        out->joined |= !fold_alnum(c);
        out->size++;
        out->end += bytes;
    }
}

// The end of a group of large letters and digits that begins at `at`; `at` if it is no such group.
static size_t group_end(struct str text, size_t at, struct token *group) {
    uint32_t bytes, c;
    size_t end = at;
    *group = (struct token){.start = at};
    while (fold_alnum(c = fold_at(text, end, &bytes)) && group->size < 5) {
        if (c >= 'a' && c <= 'z') return at;
        group->digits += fold_digit(c);
        group->letters += fold_letter(c);
        group->size++;
        end += bytes;
    }
    return end;
}

// The first of equal groups may be letters, before the digits where the scan stands: "A 0 1 2".
static void spread_back(const struct view *view, struct token *token) {
    for (int groups = 0; groups < 3; groups++) {
        size_t at = token->start;
        uint32_t bytes, c, blanks = 0;
        while (blanks < 2) {
            c = fold_before(view->text, view->least, at, &bytes);
            if (!fold_blank(c) && !fold_dash(c)) break;
            at -= bytes;
            blanks++;
        }
        if (blanks == 0) return;
        size_t start = at;
        for (uint32_t i = 0; i < token->size; i++) {
            c = fold_before(view->text, view->least, start, &bytes);
            if (c < 'A' || c > 'Z') return;
            start -= bytes;
        }
        if (fold_alnum(fold_before(view->text, view->least, start, &bytes))) return;
        token->start = start;
    }
}

// Equal groups of up to four places, or single ones, the last one not larger: "1234 5678".
static void token_spread(const struct view *view, struct token *token) {
    enum { SPREAD_MOST = 16 };
    struct token group, all = *token;
    if (token->joined || token->size > 4 || token->small) return;
    uint32_t size = token->size, groups = 0;
    spread_back(view, &all);
    size_t at = all.start, end = at;
    all.size = all.digits = all.letters = 0;
    for (;;) {
        size_t next = group_end(view->text, at, &group);
        if (next == at || group.size > size || all.size + group.size > SPREAD_MOST) break;
        all.size += group.size;
        all.digits += group.digits;
        all.letters += group.letters;
        end = next;
        groups++;
        enum gap gap = gap_read(view->text, &next);
        if (group.size < size || (gap != GAP_SPACE && gap != GAP_HYPHEN)) break;
        at = next;
    }
    if (groups < 2 || all.size < 5) return;
    all.end = end;
    *token = all;
}

// A number of something: 12345 元, 300 例.
static bool is_quantity(struct str text, size_t end) {
    static const char units[] = "元人次例天年月日岁个床层楼万张块分时点名期种项台辆倍克斤米%‰℃";
    struct str all = {units, sizeof units - 1};
    uint32_t bytes, size, c = fold_at(text, fold_skip(text, end, 1), &bytes);
    if (bytes == 0) return false;
    for (size_t at = 0; at < all.size; at += size) {
        if (fold_at(all, at, &size) == c) return true;
    }
    return false;
}

// 2024-01-05: a date, whatever the word before it.
static bool is_date(struct str text, const struct token *token) {
    if (token->letters) return false;
    uint32_t bytes, parts[3] = {0}, part = 0;
    unsigned value[3] = {0};
    for (size_t at = token->start; at < token->end; at += bytes) {
        uint32_t c = fold_at(text, at, &bytes);
        if (!fold_digit(c)) {
            if (++part > 2) return false;
            continue;
        }
        parts[part]++;
        if (parts[part] <= 8) value[part] = value[part] * 10 + (c - '0');
    }
    if (part == 0) {
        return parts[0] == 8 && value[0] / 10000 >= 1900 && value[0] / 10000 <= 2100 &&
               value[0] / 100 % 100 >= 1 && value[0] / 100 % 100 <= 12 && value[0] % 100 <= 31;
    }
    bool year = parts[0] == 4 && value[0] >= 1900 && value[0] <= 2100;
    return year && parts[1] <= 2 && value[1] >= 1 && value[1] <= 12 && parts[2] <= 2;
}

bool is_listed(const struct view *view, size_t start) {
    static const char *const signs[] = {"、", "/", "；", ";", "和", "及", "或", "与", "，"};
    enum { SIGNS_BYTES = 9 }; // a wide sign, blanks on both sides
    if (view->least == 0 || start - view->least > SIGNS_BYTES) return false;
    size_t at = fold_skip(view->text, view->least, 1);
    if (at < view->text.size && view->text.data[at] == ',') return false; // the next cell
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (fold_takes(view->text, &at, signs[i])) return fold_skip(view->text, at, 1) == start;
    }
    return false;
}

// "住院号：1234567、1234568": what goes on from the hit before is one more of its kind.
static enum label label_before(const struct view *view, const struct token *token) {
    static const enum label labels[PERSONAL_KIND_COUNT] = {[PERSONAL_MRN] = LABEL_MRN,
                                                           [PERSONAL_INSURANCE] = LABEL_INSURANCE,
                                                           [PERSONAL_QQ] = LABEL_QQ};
    if (!is_listed(view, token->start) || token->letters || token->digits < 5) return LABEL_NONE;
    return is_date(view->text, token) ? LABEL_NONE : labels[view->last];
}

struct labelled {
    struct str text;
    struct token token;
    struct context context;
    enum label label;
    bool direct, clear;
};

// Beside its word a long number is no amount, whatever character follows it.
static bool is_measure(const struct labelled *it) {
    return it->token.digits < (it->direct ? 6u : 8u) && is_quantity(it->text, it->token.end);
}

static bool is_record(const struct labelled *it, struct personal_hit *hit) {
    const struct token *token = &it->token;
    bool insurance = it->label == LABEL_INSURANCE;
    uint32_t least = it->direct ? (insurance ? 5 : 3) : 6;
    if (token->digits < least || token->size < 4 || token->size > 28) return false;
    if (token->letters > token->digits + 4) return false;
    if (is_measure(it)) return false;
    bool dated = is_date(it->text, token);
    if (dated && (token->joined || !it->direct)) return false;
    hit_set(hit, insurance ? PERSONAL_INSURANCE : PERSONAL_MRN, token->start, token->end,
            it->direct ? 95 : 70);
    return true;
}

static bool is_qq(const struct labelled *it, struct personal_hit *hit) {
    const struct token *token = &it->token;
    uint32_t bytes;
    if (token->letters || token->digits < 5 || token->digits > 11) return false;
    if (token->joined && !it->direct) return false;
    if (fold_at(it->text, token->start, &bytes) == '0') return false;
    if (!it->direct && is_date(it->text, token)) return false;
    if (is_measure(it)) return false;
    hit_set(hit, PERSONAL_QQ, token->start, token->end, it->direct ? 95 : 70);
    return true;
}

static bool is_wechat(const struct labelled *it, struct personal_hit *hit) {
    const struct token *token = &it->token;
    if (token->size < 5 || token->size > 24) return false;
    if (!token->at_letter && !(it->direct && token->letters == 0 && token->digits >= 6))
        return false;
    // Further from the word only what looks like no model or product.
    if (!it->direct && (token->size < 6 || !token->small || !token->letters)) return false;
    if (is_date(it->text, token) || (!token->at_letter && is_measure(it))) return false;
    hit_set(hit, PERSONAL_WECHAT, token->start, token->end, it->direct ? 95 : 70);
    return true;
}

static bool is_officer(const struct labelled *it, struct personal_hit *hit) {
    const struct token *token = &it->token;
    if (token->digits < 5 || token->digits > 12 || token->letters > 3) return false;
    if (is_measure(it)) return false;
    hit_set(hit, PERSONAL_OFFICER, token->start, token->end, it->direct ? 90 : 70);
    return true;
}

static bool is_document(const struct labelled *it, struct personal_hit *hit) {
    const struct token *token = &it->token;
    bool passport = it->label == LABEL_PASSPORT;
    if (token->joined || is_measure(it) || token->letters > 3) return false;
    if (token->digits < 6 || token->size > 11 || token->size < 7) return false;
    if (!passport && token->size < 8) return false;
    if (!it->direct && token->letters == 0 && is_date(it->text, token)) return false;
    hit_set(hit, passport ? PERSONAL_PASSPORT : PERSONAL_PERMIT, token->start, token->end,
            it->direct ? 85 : 65);
    return true;
}

// 12345678-9, or a taxpayer's number of old: the division, then the organisation code.
static bool is_organisation(const struct labelled *it, struct personal_hit *hit) {
    char code[16];
    uint32_t count = 0, bytes;
    for (size_t at = it->token.start; at < it->token.end; at += bytes) {
        uint32_t c = fold_at(it->text, at, &bytes);
        if (!fold_alnum(c)) continue;
        if (count == 15) return false;
        code[count++] = (char)(fold_letter(c) ? c & 0x5F : c);
    }
    bool alone = count == ORGANISATION_PLACES, taxed = count == 15;
    if (!alone && !taxed) return false;
    if (!organisation_code_valid(code + (taxed ? 6 : 0))) return false;
    hit_set(hit, PERSONAL_USCC, it->token.start, it->token.end, it->direct ? 98 : 85);
    return true;
}

static bool labelled_test(const struct labelled *it, struct personal_hit *hit) {
    switch (it->label) {
    case LABEL_MRN:
    case LABEL_INSURANCE: return is_record(it, hit);
    case LABEL_QQ: return is_qq(it, hit);
    case LABEL_WECHAT: return is_wechat(it, hit);
    case LABEL_OFFICER: return is_officer(it, hit);
    case LABEL_PASSPORT:
    case LABEL_PERMIT: return is_document(it, hit);
    case LABEL_ORGCODE:
    case LABEL_USCC: return is_organisation(it, hit);
    default: return false;
    }
}

// The names that WeChat itself gives: wxid_ and letters and digits.
static bool find_wxid(struct str text, const struct token *token, struct personal_hit *hit) {
    for (size_t at = token->start; at < token->end && token->joined;) {
        size_t place = at;
        uint32_t bytes;
        if (fold_takes(text, &place, "wxid_") && token->end - place >= 6) {
            hit_set(hit, PERSONAL_WECHAT, at, token->end, 95);
            return true;
        }
        (void)fold_at(text, at, &bytes);
        at += bytes;
    }
    return false;
}

// 军字第1234567号, 南字第 01234567 号: the characters before the number, from which it begins.
static bool find_officer(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    size_t start = at, end = at;
    uint32_t bytes, c, digits = 0, more;
    for (int signs = 0; signs < 2; signs++) {
        c = fold_before(text, view->least, start, &bytes);
        if (!fold_blank(c) && c != ':') break;
        start -= bytes;
    }
    bool nth = fold_before(text, view->least, start, &bytes) == 0x7B2C; // 第
    if (nth) start -= bytes;
    c = fold_before(text, view->least, start, &bytes);
    if (c != 0x5B57) return false; // 字
    start -= bytes;
    c = fold_before(text, view->least, start, &bytes);
    if (bytes == 0 || c < 0x80) return false;
    start -= bytes;
    while (fold_digit(fold_at(text, end, &bytes)) && digits <= 10) {
        end += bytes;
        digits++;
    }
    if (digits < 4 || digits > 10) return false;
    struct context context;
    context_read(text, start, end, &context);
    static const char known[] = "军士武南北沈兰成济广参政后装海空文兵警西东中火总";
    struct str all = {known, sizeof known - 1};
    bool arms = false;
    uint32_t size;
    for (size_t i = 0; i < all.size; i += size) arms |= fold_at(all, i, &size) == c;
    bool says = context_has(&context, LABEL_OFFICER);
    bool sure = c == 0x519B || c == 0x58EB; // 军 士
    if (!says && (!arms || !nth || (!sure && digits < 6))) return false;
    if (fold_letter(fold_at(text, end, &more))) return false;
    if (fold_at(text, fold_skip(text, end, 1), &more) == 0x53F7) {
        end = fold_skip(text, end, 1) + more; // 号
    }
    hit_set(hit, PERSONAL_OFFICER, start, end, says ? 98 : sure ? 90 : 75);
    return true;
}

// Letters that are themselves the label, glued to the number: QQ12345678, MRN0012345.
static void token_unlabel(struct str text, struct token *token) {
    static const char *const labels[] = {"qq", "mrn", "vx", "wx", "q", "zyh", "mzh", "id", "no"};
    if (!token->at_letter) return;
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        size_t at = token->start;
        uint32_t bytes, size = (uint32_t)strlen(labels[i]);
        if (token->size <= size || !fold_takes(text, &at, labels[i])) continue;
        if (!fold_digit(fold_at(text, at, &bytes))) continue;
        token->start = at;
        token->size -= size;
        token->letters -= size;
        token->at_letter = false;
        return;
    }
}

bool find_labelled(const struct view *view, size_t at, struct personal_hit *hit) {
    if (find_officer(view, at, hit)) return true;
    struct labelled it = {.text = view->text};
    token_read(view, at, true, &it.token);
    if (it.token.size >= TOKEN_MOST) return false;
    token_unlabel(view->text, &it.token);
    token_spread(view, &it.token);
    if (it.token.size < 4 || it.token.digits == 0) return false;
    if (find_wxid(view->text, &it.token, hit)) return true;
    uint32_t bytes, c = fold_at(view->text, it.token.end, &bytes), more;
    if (c == '.' && fold_alnum(fold_at(view->text, it.token.end + bytes, &more))) return false;
    if (c == '@' || is_number(view->text, it.token.start, it.token.end)) return false;
    context_read_before(view->text, it.token.start, &it.context);
    const struct context_word *word = NULL;
    it.label = context_nearest(&it.context, &word);
    it.direct = word && word->direct;
    it.clear = word && word->clear;
    if (word && (it.direct || it.clear) && labelled_test(&it, hit)) return true;
    if (it.direct) return false;
    it.label = label_before(view, &it.token);
    if (it.label != LABEL_NONE && labelled_test(&it, hit)) return true;
    // "12345678(QQ)", "12345678 是我的微信"
    context_read_behind(view->text, it.token.end, &it.context);
    it.label = it.context.after.label;
    it.direct = it.label != LABEL_NONE && context_follows(&it.context, it.label);
    return it.direct && labelled_test(&it, hit);
}
