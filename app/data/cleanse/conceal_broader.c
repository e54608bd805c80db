// Something broader in place of a value: an age its band, a place its city, a number its area, an
// address of a network its neighbourhood, a date its year. What has no broader form is starred.
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/text.h"
#include "data/cleanse/conceal_private.h"
#include "data/cleanse/date_private.h"
#include "data/regions/regions.h"

enum { AGE_WIDTH = 5, AGE_MOST = 90 };

static uint32_t narrow(uint32_t character) {
    return character >= 0xFF01 && character <= 0xFF5E ? character - 0xFEE0 : character;
}

// The first run of digits as a number; false if there is none.
static bool number_in(struct str text, uint64_t *out) {
    bool any = false;
    uint64_t value = 0;
    for (size_t at = 0; at < text.size;) {
        uint32_t c = narrow(utf8_next(text, &at));
        bool digit = c >= '0' && c <= '9';
        if (!digit && any) break;
        if (digit && value < UINT64_MAX / 100) value = value * 10 + (c - '0');
        any |= digit;
    }
    *out = value;
    return any;
}

void band_write(int64_t value, uint32_t width, struct buf *out) {
    int64_t rest = value % width;
    int64_t first = value - (rest < 0 ? rest + width : rest);
    buf_add_i64(out, first);
    if (width == 1) return;
    buf_add_char(out, '-');
    buf_add_i64(out, first + width - 1);
}

static void age_write(const struct broader *broader, struct str text, struct buf *out) {
    uint64_t age;
    uint32_t width = broader->width ? broader->width : AGE_WIDTH;
    if (!number_in(text, &age) || age >= AGE_MOST) {
        buf_add_text(out, "90+");
    } else {
        band_write((int64_t)age, width, out);
    }
}

static void birth_write(struct str text, struct buf *out) {
    struct date_found found;
    int64_t year;
    unsigned month, day;
    if (!date_find(text, 0, 2001, &found) || !found.year.size) {
        stars_write(PERSONAL_BIRTH, text, out);
        return;
    }
    civil_from_days(found.days, &year, &month, &day);
    buf_add_i64(out, year);
}

// The names of a region from the province down to the level wanted.
static void region_write(const struct broader *broader, uint32_t code, struct buf *out) {
    struct region chain[3];
    int count = 0;
    for (; code && count < 3 && region_of(code, &chain[count]); count++) {
        code = region_parent(code);
    }
    while (count-- > 0) {
        if (region_level(chain[count].code) <= broader->level) buf_add_str(out, chain[count].name);
    }
}

// The place a text begins with; its bytes, 0 if none is named or if several have that name: there
// are two 南山区 and four 鼓楼区, and a guess would be wrong as often as not.
static size_t place_in(struct str text, struct region *out) {
    struct region others[8];
    size_t size = region_path(text, out), living = 0;
    if (size == 0) return 0;
    struct str named = {text.data, size};
    size_t count = region_find(named, 0, others, 8);
    if (count > 8) count = 8;
    for (size_t i = 0; i < count; i++) living += !others[i].withdrawn;
    return living > 1 && region_level(out->code) == REGION_COUNTY ? 0 : size;
}

static void address_write(const struct broader *broader, struct str text, struct buf *out) {
    struct region region;
    struct str address = str_trim(text);
    if (place_in(address, &region)) {
        region_write(broader, region.code, out);
    } else {
        stars_write(PERSONAL_ADDRESS, text, out);
    }
}

// Where it was issued and the year of birth: 广东省 1949.
static void id_write(const struct broader *broader, struct str text, struct buf *out) {
    uint8_t digit[18];
    size_t count = 0;
    uint32_t code = 0, year = 0;
    for (size_t at = 0; at < text.size && count < sizeof digit;) {
        uint32_t c = narrow(utf8_next(text, &at));
        if (c >= '0' && c <= '9') digit[count++] = (uint8_t)(c - '0');
    }
    for (size_t i = 0; i < 6 && i < count; i++) code = code * 10 + digit[i];
    struct region region;
    if (count < 15 || !region_of(code - code % 10000, &region)) {
        stars_write(PERSONAL_ID, text, out);
        return;
    }
    bool old = count == 15;
    for (size_t i = 6; i < (old ? 8u : 10u); i++) year = year * 10 + digit[i];
    region_write(broader, region_of(code, &region) ? code : code - code % 10000, out);
    buf_add_char(out, ' ');
    buf_add_u64(out, old ? 1900 + year : year);
}

static struct str before_last(struct str text, char sign) {
    const char *at = memrchr(text.data, sign, text.size);
    return at ? (struct str){text.data, (size_t)(at - text.data)} : text;
}

// 10.20.30.0/24, 2001:db8:1::/48
static void ip_write(struct str text, struct buf *out) {
    if (memchr(text.data, '.', text.size) && !memchr(text.data, ':', text.size)) {
        buf_add_str(out, before_last(text, '.'));
        buf_add_text(out, ".0/24");
        return;
    }
    size_t at = 0, groups = 0;
    while (at < text.size && groups < 3) {
        if (text.data[at] == ':') {
            groups++;
            if (at + 1 < text.size && text.data[at + 1] == ':') break;
        }
        if (groups < 3) at++;
    }
    buf_add(out, text.data, at);
    buf_add_text(out, "::/48");
}

static void digits_write(struct str text, size_t shown, struct buf *out) {
    size_t place = 0;
    for (size_t at = 0; at < text.size; place++) {
        size_t start = at;
        (void)utf8_next(text, &at);
        if (place < shown) {
            buf_add(out, text.data + start, at - start);
        } else {
            buf_add_char(out, '*');
        }
    }
}

// What the address of a letter or a page belongs to, so written that nothing writes there.
static void domain_write(struct str text, struct buf *out) {
    const char *sign = memchr(text.data, '@', text.size);
    if (!sign) sign = memmem(text.data, text.size, "＠", 3);
    if (!sign) {
        stars_write(PERSONAL_EMAIL, text, out);
        return;
    }
    size_t from = (size_t)(sign - text.data) + (*sign == '@' ? 1 : 3);
    for (; from < text.size; from++) {
        if (text.data[from] == '.') {
            buf_add_text(out, "[.]");
        } else {
            buf_add_char(out, text.data[from]);
        }
    }
}

// One decimal: about ten kilometres.
static void coordinates_write(struct str text, struct buf *out) {
    size_t decimals = 0;
    bool fraction = false;
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        uint32_t c = narrow(utf8_next(text, &at));
        bool digit = c >= '0' && c <= '9';
        decimals = digit && fraction ? decimals + 1 : 0;
        fraction = (digit && fraction) || c == '.';
        if (decimals <= 1) buf_add(out, text.data + start, at - start);
    }
}

static void name_write_broader(struct str text, struct buf *out) {
    struct str name = str_trim(text);
    size_t surname = utf8_count(name) > 1 ? surname_bytes(name) : 0;
    buf_add(out, name.data, surname);
    buf_add_text(out, "某");
}

void broader_write(const struct broader *broader, unsigned kind, struct str text, struct buf *out) {
    double number;
    if (broader->width && kind != PERSONAL_AGE && number_parse(text, &number) &&
        fabs(number) < 9e15) {
        band_write((int64_t)floor(number), broader->width, out);
        return;
    }
    if (broader->digits) {
        digits_write(str_trim(text), broader->digits, out);
        return;
    }
    switch (kind) {
    case PERSONAL_AGE: age_write(broader, text, out); break;
    case PERSONAL_BIRTH: birth_write(text, out); break;
    case PERSONAL_ADDRESS: address_write(broader, text, out); break;
    case PERSONAL_ID: id_write(broader, text, out); break;
    case PERSONAL_IP: ip_write(text, out); break;
    case PERSONAL_EMAIL: domain_write(text, out); break;
    case PERSONAL_COORDINATES: coordinates_write(text, out); break;
    case PERSONAL_NAME: name_write_broader(text, out); break;
    case PERSONAL_MOBILE: digits_write(text, 3, out); break;
    case PERSONAL_CARD: digits_write(text, 6, out); break;
    case PERSONAL_PLATE: digits_write(text, 2, out); break;
    case PERSONAL_VIN: digits_write(text, 3, out); break;
    case KIND_UNKNOWN: {
        struct region region;
        size_t path = place_in(str_trim(text), &region);
        // A column of places nobody named.
        if (path && path == str_trim(text).size) {
            region_write(broader, region.code, out);
        } else {
            stars_write(kind, text, out);
        }
        break;
    }
    default: stars_write(kind, text, out); break;
    }
}
