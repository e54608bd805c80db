// Pseudonyms: what a thing means, hashed under a key.
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "data/cleanse/conceal_private.h"

// ---- meaning ------------------------------------------------------------------------------------

enum meaning {
    MEANING_CODE,  // ASCII letters and digits, in capitals
    MEANING_DATE,  // its numbers without leading zeros
    MEANING_SMALL, // everything but white space, in small letters
    MEANING_NAME,  // the same, and one dot for all that stand within names
    MEANING_VALUE, // as it stands, width aside
};

static enum meaning meaning_of(unsigned kind) {
    switch (kind) {
    case PERSONAL_EMAIL:
    case PERSONAL_PLATE:
    case PERSONAL_OFFICER:
    case PERSONAL_WECHAT:
    case PERSONAL_URL:
    case PERSONAL_IP:
    case PERSONAL_COORDINATES: return MEANING_SMALL;
    case PERSONAL_NAME:
    case PERSONAL_ADDRESS:
    case PERSONAL_ORGANISATION: return MEANING_NAME;
    case PERSONAL_BIRTH: return MEANING_DATE;
    case KIND_UNKNOWN: return MEANING_VALUE;
    default: return MEANING_CODE;
    }
}

static uint32_t narrow(uint32_t character) {
    if (character >= 0xFF01 && character <= 0xFF5E) return character - 0xFEE0;
    return character == 0x3000 ? ' ' : character;
}

static bool is_space(uint32_t character) {
    return character == ' ' || (character >= '\t' && character <= '\r') || character == 0xA0 ||
           (character >= 0x2000 && character <= 0x200F) || character == 0xFEFF;
}

static bool is_name_dot(uint32_t character) {
    return character == '.' || character == 0xB7 || character == 0x2022 || character == 0x2027 ||
           character == 0x30FB || character == 0x2219 || character == 0x22C5;
}

static void add_character(struct buf *out, uint32_t character) {
    char bytes[4];
    buf_add(out, bytes, utf8_put(bytes, character));
}

static void code_write(struct str text, struct buf *out) {
    for (size_t at = 0; at < text.size;) {
        uint32_t c = narrow(utf8_next(text, &at));
        if (c >= 'a' && c <= 'z') c -= 'a' - 'A';
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')) buf_add_char(out, (char)c);
    }
}

static void number_add(struct buf *out, const char *digits, size_t count) {
    while (count > 1 && *digits == '0') digits++, count--;
    buf_add(out, digits, count);
}

// "1990-05-12", "1990年5月12日" and "19900512" are one day.
static void date_write(struct str text, struct buf *out) {
    enum { DAY_DIGITS = 8 };
    char run[DAY_DIGITS];
    size_t count = 0, first = out->size;
    for (size_t at = 0; at <= text.size;) {
        uint32_t c = ' ';
        if (at < text.size) {
            c = narrow(utf8_next(text, &at));
        } else {
            at++; // the end ends a number too
        }
        bool digit = c >= '0' && c <= '9';
        if (digit) run[count++] = (char)c;
        if (count == 0 || (digit && count < DAY_DIGITS)) continue;
        if (out->size > first) buf_add_char(out, '-');
        number_add(out, run, count == DAY_DIGITS ? 4 : count);
        for (size_t part = 4; count == DAY_DIGITS && part < DAY_DIGITS; part += 2) {
            buf_add_char(out, '-');
            number_add(out, run + part, 2);
        }
        count = 0;
    }
}

static void characters_write(struct str text, enum meaning meaning, struct buf *out) {
    for (size_t at = 0; at < text.size;) {
        uint32_t c = narrow(utf8_next(text, &at));
        if (meaning != MEANING_VALUE && is_space(c)) continue;
        if (meaning == MEANING_NAME && is_name_dot(c)) c = 0xB7;
        if (meaning != MEANING_VALUE && c >= 'A' && c <= 'Z') c += 'a' - 'A';
        add_character(out, c);
    }
}

void meaning_write(unsigned kind, struct str text, struct buf *out) {
    enum meaning meaning = meaning_of(kind);
    switch (meaning) {
    case MEANING_CODE: code_write(text, out); break;
    case MEANING_DATE: date_write(text, out); break;
    default: characters_write(str_trim(text), meaning, out); break;
    }
}

// ---- one number for one thing -------------------------------------------------------------------

// The code from `from` on, made the one form it has.
static void drop_before(struct buf *message, size_t from, size_t keep) {
    size_t size = message->size - from;
    if (size <= keep) return;
    memmove(message->data + from, message->data + from + size - keep, keep);
    message->size = from + keep;
}

// 15 digits were given until 1999: the century and the check digit (ISO 7064 MOD 11-2) were added.
static void renew_id(struct buf *message, size_t from) {
    static const uint8_t weight[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    char digits[17];
    if (message->size - from != 15) return;
    const char *old = message->data + from;
    for (int i = 0; i < 15; i++) {
        if (old[i] < '0' || old[i] > '9') return;
    }
    memcpy(digits, old, 6);
    memcpy(digits + 6, "19", 2);
    memcpy(digits + 8, old + 6, 9);
    unsigned sum = 0;
    for (int i = 0; i < 17; i++) sum += (unsigned)(digits[i] - '0') * weight[i];
    message->size = from;
    buf_add(message, digits, sizeof digits);
    buf_add_char(message, "10X98765432"[sum % 11]);
}

static bool has_digit(struct str text) {
    for (size_t at = 0; at < text.size;) {
        uint32_t c = narrow(utf8_next(text, &at));
        if (c >= '0' && c <= '9') return true;
    }
    return false;
}

// What is hashed: the kind and what the text means. A value of no known kind that has no digits is
// taken for a name, so that a person found in a text and one in a column nobody named are the same.
static void message_write(unsigned kind, struct str text, struct buf *message) {
    unsigned domain = kind;
    if (kind == KIND_UNKNOWN && !has_digit(text)) domain = PERSONAL_NAME;
    bool known = domain < PERSONAL_KIND_COUNT;
    buf_add_text(message, known ? personal_kind_name((enum personal_kind)domain) : "value");
    buf_add_char(message, '\0');
    size_t from = message->size;
    meaning_write(domain, text, message);
    if (buf_err(message) != OK) return;
    // Without its country.
    if (kind == PERSONAL_MOBILE) drop_before(message, from, 11);
    if (kind == PERSONAL_ID) renew_id(message, from);
}

// ---- writing ------------------------------------------------------------------------------------

static const char *const labels[KIND_UNKNOWN + 1] = {
    [PERSONAL_ID] = "证件",           [PERSONAL_MOBILE] = "手机",
    [PERSONAL_CARD] = "卡",           [PERSONAL_EMAIL] = "邮箱",
    [PERSONAL_USCC] = "代码",         [PERSONAL_LANDLINE] = "电话",
    [PERSONAL_PASSPORT] = "护照",     [PERSONAL_PERMIT] = "通行证",
    [PERSONAL_PLATE] = "车牌",        [PERSONAL_OFFICER] = "军官证",
    [PERSONAL_INSURANCE] = "医保",    [PERSONAL_MRN] = "病案",
    [PERSONAL_WECHAT] = "微信",       [PERSONAL_QQ] = "QQ",
    [PERSONAL_URL] = "网址",          [PERSONAL_IP] = "IP",
    [PERSONAL_MAC] = "MAC",           [PERSONAL_IMEI] = "设备",
    [PERSONAL_VIN] = "车架",          [PERSONAL_COORDINATES] = "坐标",
    [PERSONAL_BIRTH] = "生日",        [PERSONAL_AGE] = "高龄",
    [PERSONAL_NAME] = "姓名",         [PERSONAL_ADDRESS] = "地址",
    [PERSONAL_ORGANISATION] = "机构", [KIND_UNKNOWN] = "P",
};

void pseudonym_write(const struct hmac_key *key, unsigned kind, struct str text, struct buf *out) {
    // Nearly all values are short: no memory is taken for them. A byte that is no character becomes
    // three.
    enum { PREFIX_BYTES = 16 };
    static const char letters[] = "GHJKLMNPQRSTVWXZ";
    char room[512];
    struct buf message;
    bool small = 3 * text.size + PREFIX_BYTES + 8 <= sizeof room;
    cy_assert(kind <= KIND_UNKNOWN);
    buf_open(&message, 4 * (size_t)LIMIT_CELL_BYTES);
    if (small) message = (struct buf){.data = room, .room = sizeof room, .cap_bytes = sizeof room};
    message_write(kind, text, &message);
    enum err err = buf_err(&message);
    struct hash hash = {0};
    if (err == OK) hash = hmac_with(key, buf_str(&message));
    if (!small) buf_close(&message);
    if (err != OK) {
        out->err = err;
        return;
    }
    char name[PSEUDONYM_LETTERS];
    for (int i = 0; i < PSEUDONYM_LETTERS; i++) {
        name[i] = letters[hash.bytes[i / 2] >> (i % 2 ? 0 : 4) & 15];
    }
    buf_add_text(out, labels[kind]);
    buf_add_char(out, '_');
    buf_add(out, name, sizeof name);
}
