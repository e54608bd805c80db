// Masks: what of each kind stays to be seen.
#include <string.h>

#include "base/text.h"
#include "data/cleanse/conceal_private.h"

static uint32_t narrow(uint32_t character) {
    return character >= 0xFF01 && character <= 0xFF5E ? character - 0xFEE0 : character;
}

static bool is_digit(uint32_t character) {
    character = narrow(character);
    return character >= '0' && character <= '9';
}

// A place of a number: its digits and letters, whatever their width.
static bool is_place(uint32_t character) {
    uint32_t small = narrow(character) | 0x20;
    return is_digit(character) || (small >= 'a' && small <= 'z');
}

static size_t places_of(struct str text) {
    size_t places = 0;
    for (size_t at = 0; at < text.size;) places += is_place(utf8_next(text, &at));
    return places;
}

// Stars for all places but the first and last ones; what stands between groups stays. Where fewer
// than three would be hidden, nothing is shown.
static void stars_between(struct str text, size_t first, size_t last, struct buf *out) {
    size_t places = places_of(text), place = 0;
    if (places < first + last + 3) first = last = 0;
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        bool counts = is_place(utf8_next(text, &at));
        bool shown = !counts || place < first || place + last >= places;
        if (shown) {
            buf_add(out, text.data + start, at - start);
        } else {
            buf_add_char(out, '*');
        }
        place += counts;
    }
}

static void stars_email(struct str text, struct buf *out) {
    const char *sign = memchr(text.data, '@', text.size);
    if (!sign) sign = memmem(text.data, text.size, "＠", 3);
    size_t local = sign ? (size_t)(sign - text.data) : text.size;
    buf_add(out, text.data, local ? 1 : 0); // the local part is ASCII
    buf_add_text(out, "***");
    buf_add(out, text.data + local, text.size - local);
}

// A value of no known form: the first character, of a longer text the last one too.
static void stars_value(struct str text, struct buf *out) {
    struct str trimmed = str_trim(text);
    size_t characters = utf8_count(trimmed), index = 0;
    for (size_t at = 0; at < trimmed.size; index++) {
        size_t start = at;
        (void)utf8_next(trimmed, &at);
        bool shown = (index == 0 && characters > 1) || (characters > 6 && index + 1 == characters);
        if (shown) {
            buf_add(out, trimmed.data + start, at - start);
        } else if (index <= STARS_MOST) {
            buf_add_char(out, '*');
        }
    }
}

// A star for each character of `text`, up to as many as are shown.
static void stars_for(struct str text, struct buf *out) {
    size_t characters = utf8_count(text);
    if (characters > STARS_MOST) characters = STARS_MOST;
    while (characters-- > 0) buf_add_char(out, '*');
}

static struct str behind(struct str text, size_t bytes) {
    return (struct str){text.data + bytes, text.size - bytes};
}

// Cards of Hong Kong, Macao and Taiwan are short: A******(3) would tell too much with four places.
static void stars_id(struct str text, struct buf *out) {
    if (places_of(text) < 15) {
        stars_between(text, 1, 1, out);
    } else {
        stars_between(text, 3, 4, out);
    }
}

// A country code keeps its place: +86 138****5678.
static void stars_mobile(struct str text, struct buf *out) {
    size_t places = places_of(text);
    size_t country = places > 11 && places <= 15 ? places - 11 : 0;
    if (places - country == 11) {
        stars_between(text, country + 3, 4, out);
    } else {
        stars_between(text, 2, 2, out);
    }
}

// The area code and the last two digits: 010-******78, 0755-******21, 400-*****89.
static void stars_landline(struct str text, struct buf *out) {
    char digit[3] = {0};
    for (size_t at = 0, count = 0; at < text.size && count < 3;) {
        uint32_t c = narrow(utf8_next(text, &at));
        if (c >= '0' && c <= '9') digit[count++] = (char)c;
    }
    bool short_area = digit[0] != '0' || digit[1] < '3';
    stars_between(text, places_of(text) < 10 ? 0 : short_area ? 3 : 4, 2, out);
}

// ---- plates, names, places ----------------------------------------------------------------------

// The province and the letter behind it, and the last two places: 京A***45.
static void stars_plate(struct str text, struct buf *out) {
    size_t at = 0, characters = utf8_count(text), index = 0;
    while (at < text.size) {
        size_t start = at;
        uint32_t c = utf8_next(text, &at);
        bool sign = !is_place(c) && c < 0x3000;
        if (index < 2 || index + 2 >= characters || sign) {
            buf_add(out, text.data + start, at - start);
        } else {
            buf_add_char(out, '*');
        }
        index++;
    }
}

size_t surname_bytes(struct str name) {
    static const char *const pairs[] = {
        "欧阳", "太史", "端木", "上官", "司马", "东方", "独孤", "南宫", "万俟", "闻人", "夏侯",
        "诸葛", "尉迟", "公羊", "赫连", "澹台", "皇甫", "宗政", "濮阳", "公冶", "太叔", "申屠",
        "公孙", "慕容", "仲孙", "钟离", "长孙", "宇文", "司徒", "鲜于", "司空", "闾丘", "令狐",
        "百里", "呼延", "东郭", "南门", "羊舌", "西门", "第五", "梁丘", "左丘", "轩辕", "拓跋"};
    if (utf8_count(name) > 2) {
        for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
            if (str_starts(name, str_of(pairs[i]))) return strlen(pairs[i]);
        }
    }
    size_t at = 0;
    if (name.size) (void)utf8_next(name, &at);
    return at;
}

static void stars_name(struct str text, struct buf *out) {
    struct str name = str_trim(text);
    size_t shown = utf8_count(name) > 1 ? surname_bytes(name) : 0;
    buf_add(out, name.data, shown);
    stars_for(behind(name, shown), out);
}

// Bytes up to and with the first of the words within the first `characters` characters; 0: none.
static size_t through_word(struct str text, size_t characters, const char *const *words) {
    for (size_t at = 0, index = 0; at < text.size && index < characters; index++) {
        for (size_t i = 0; index > 0 && words[i]; i++) {
            if (str_starts(behind(text, at), str_of(words[i]))) return at + strlen(words[i]);
        }
        (void)utf8_next(text, &at);
    }
    return 0;
}

size_t address_city_bytes(struct str address) {
    static const char *const provinces[] = {"省", "自治区", "特别行政区", NULL};
    static const char *const cities[] = {"市", "自治州", "地区", "盟", NULL};
    size_t province = through_word(address, 9, provinces);
    size_t city = through_word(behind(address, province), 9, cities);
    return province + city;
}

static void stars_address(struct str text, struct buf *out) {
    struct str address = str_trim(text);
    size_t shown = address_city_bytes(address);
    if (shown == 0 || shown == address.size) {
        stars_value(address, out);
        return;
    }
    buf_add(out, address.data, shown);
    stars_for(behind(address, shown), out);
}

// What sort of institution it is: ******医院.
static void stars_organisation(struct str text, struct buf *out) {
    static const char *const sorts[] = {
        "有限责任公司", "股份有限公司", "有限公司", "卫生服务中心", "卫生院", "医院", "诊所",
        "公司",         "大学",         "学院",     "学校",         "中学",   "小学", "银行",
        "中心",         "委员会",       "研究院",   "研究所",       "集团",   "法院", "检察院",
        "局",           "厅",           "院",       "所",           "厂",     "店",   "社"};
    struct str name = str_trim(text);
    size_t sort = 0;
    for (size_t i = 0; i < sizeof sorts / sizeof sorts[0] && sort == 0; i++) {
        if (str_ends(name, str_of(sorts[i]))) sort = strlen(sorts[i]);
    }
    if (sort == name.size) sort = 0;
    stars_for((struct str){name.data, name.size - sort}, out);
    buf_add(out, name.data + name.size - sort, sort);
}

// ---- networks, measures -------------------------------------------------------------------------

// The host stays, written so that nothing takes it for an address; what was asked of it and who
// signed in there go: example[.]com/***.
static void stars_url(struct str text, struct buf *out) {
    const char *scheme = memmem(text.data, text.size, "://", 3);
    size_t host = scheme ? (size_t)(scheme - text.data) + 3 : 0;
    size_t end = host;
    while (end < text.size && !memchr("/?#", text.data[end], 3)) end++;
    const char *person = memrchr(text.data + host, '@', end - host);
    if (person) host = (size_t)(person - text.data) + 1;
    for (size_t at = host; at < end; at++) {
        if (text.data[at] == '.') {
            buf_add_text(out, "[.]");
        } else {
            buf_add_char(out, text.data[at]);
        }
    }
    buf_add_text(out, "/***");
}

// The first half of four numbers (10.20.*.*), the first two groups of IPv6 (2001:db8:*).
static void stars_ip(struct str text, struct buf *out) {
    size_t dots = 0, at = 0;
    char sign = memchr(text.data, '.', text.size) ? '.' : ':';
    for (; at < text.size && dots < 2; at++) dots += text.data[at] == sign;
    if (dots < 2) {
        stars_between(text, 0, 0, out);
        return;
    }
    buf_add(out, text.data, at);
    buf_add_text(out, sign == '.' ? "*.*" : "*");
}

// Two decimals: about a kilometre.
static void stars_coordinates(struct str text, struct buf *out) {
    size_t decimals = 0;
    bool fraction = false;
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        uint32_t c = utf8_next(text, &at);
        bool digit = is_digit(c);
        decimals = digit && fraction ? decimals + 1 : 0;
        fraction = (digit && fraction) || narrow(c) == '.';
        if (decimals <= 2) buf_add(out, text.data + start, at - start);
    }
}

// A digit, or what stands for one in a date in words: 一九八五年腊月廿三.
static bool is_numeral(uint32_t character) {
    static const char words[] = "〇零○一二三四五六七八九十廿正冬腊";
    struct str all = {words, sizeof words - 1};
    for (size_t at = 0; character >= 0x80 && at < all.size;) {
        if (utf8_next(all, &at) == character) return true;
    }
    return is_digit(character);
}

// The year stays: 1990-**-**, 1990年*月**日.
static void stars_birth(struct str text, struct buf *out) {
    size_t place = 0, year = 0;
    for (size_t at = 0; at < text.size && is_numeral(utf8_next(text, &at));) year++;
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        bool digit = is_numeral(utf8_next(text, &at));
        if (digit && (place >= 4 || year < 4)) {
            buf_add_char(out, '*');
        } else {
            buf_add(out, text.data + start, at - start);
        }
        place += digit;
    }
}

// Over 89: 90+; others by their decade: 3*.
static void stars_age(struct str text, struct buf *out) {
    size_t digits = 0;
    uint32_t first = 0;
    for (size_t at = 0; at < text.size;) {
        uint32_t c = narrow(utf8_next(text, &at));
        if (!is_digit(c)) continue;
        if (digits++ == 0) first = c;
    }
    bool old = digits >= 3 || (digits == 2 && first == '9') || digits == 0;
    bool written = false;
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        if (!is_digit(utf8_next(text, &at))) {
            if (digits) buf_add(out, text.data + start, at - start);
        } else if (old && !written) {
            buf_add_text(out, "90+");
            written = true;
        } else if (!old) {
            buf_add_char(out, !written && digits > 1 ? (char)first : '*');
            written = true;
        }
    }
    if (digits == 0) buf_add_text(out, "90+"); // 九十三岁
}

void stars_write(unsigned kind, struct str text, struct buf *out) {
    switch (kind) {
    case PERSONAL_ID: stars_id(text, out); break;
    case PERSONAL_CARD: stars_between(text, 4, 4, out); break;
    case PERSONAL_MOBILE: stars_mobile(text, out); break;
    case PERSONAL_EMAIL: stars_email(text, out); break;
    case PERSONAL_USCC: stars_between(text, 2, 4, out); break;
    case PERSONAL_LANDLINE: stars_landline(text, out); break;
    case PERSONAL_PASSPORT:
    case PERSONAL_PERMIT: stars_between(text, 1, 2, out); break;
    case PERSONAL_PLATE: stars_plate(text, out); break;
    case PERSONAL_OFFICER:
    case PERSONAL_INSURANCE:
    case PERSONAL_MRN: stars_between(text, 0, 2, out); break;
    case PERSONAL_WECHAT: stars_between(text, 1, 1, out); break;
    case PERSONAL_QQ: stars_between(text, 2, 0, out); break;
    case PERSONAL_URL: stars_url(text, out); break;
    case PERSONAL_IP: stars_ip(text, out); break;
    case PERSONAL_MAC: stars_between(text, 6, 0, out); break;
    case PERSONAL_IMEI: stars_between(text, 4, 0, out); break;
    case PERSONAL_VIN: stars_between(text, 3, 0, out); break;
    case PERSONAL_COORDINATES: stars_coordinates(text, out); break;
    case PERSONAL_BIRTH: stars_birth(text, out); break;
    case PERSONAL_AGE: stars_age(text, out); break;
    case PERSONAL_NAME: stars_name(text, out); break;
    case PERSONAL_ADDRESS: stars_address(text, out); break;
    case PERSONAL_ORGANISATION: stars_organisation(text, out); break;
    default: stars_value(text, out); break;
    }
}

void personal_mask(enum personal_kind kind, struct str text, struct buf *out) {
    stars_write((unsigned)kind, text, out);
}
