#include "data/cleanse/conceal_private.h"

#include <string.h>

#include "base/assert.h"
#include "base/text.h"

void conceal_start(struct conceal *conceal, enum how how, const struct hash *key) {
    conceal->how = how;
    hmac_key_set(&conceal->key, (struct str){(const char *)key->bytes, sizeof key->bytes});
}

// ---- pseudonyms ---------------------------------------------------------------------------------

// What an identifier is, however it is written: its digits and letters in ASCII, without gaps, X
// large, e-mail small, a mobile number without its country.
static void meaning_write(unsigned kind, struct str text, struct buf *out) {
    for (size_t at = 0; at < text.size;) {
        uint32_t character = utf8_next(text, &at);
        if (character >= 0xFF01 && character <= 0xFF5E) character -= 0xFEE0;
        if (character >= 0x80) continue;
        char c = (char)character;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (kind == PERSONAL_EMAIL) {
            if (letter) c |= 0x20;
            buf_add_char(out, c);
        } else if ((c >= '0' && c <= '9') || letter) {
            if (letter) c = (char)(c & 0x5F);
            buf_add_char(out, c);
        }
    }
}

static struct str national_mobile(struct str digits) {
    size_t extra = digits.size > 11 ? digits.size - 11 : 0;
    return (struct str){digits.data + extra, digits.size - extra};
}

// The longest run of decimal digits among the hexadecimal ones.
static unsigned longest_digits(const char *hex) {
    unsigned run = 0, longest = 0;
    for (int i = 0; i < PSEUDONYM_DIGITS; i++) {
        run = hex[i] <= '9' ? run + 1 : 0;
        if (run > longest) longest = run;
    }
    return longest;
}

// What is hashed: the kind and what the text means.
static void message_write(unsigned kind, struct str text, struct buf *message) {
    bool known = kind < PERSONAL_KIND_COUNT;
    buf_add_text(message, known ? personal_kind_name((enum personal_kind)kind) : "value");
    buf_add_char(message, '\0');
    size_t prefix = message->size;
    if (known) {
        meaning_write(kind, text, message);
    } else {
        buf_add_str(message, str_trim(text));
    }
    if (buf_err(message) == OK && kind == PERSONAL_MOBILE) {
        struct str digits = {message->data + prefix, message->size - prefix};
        struct str own = national_mobile(digits);
        memmove(message->data + prefix, own.data, own.size);
        message->size = prefix + own.size;
    }
}

void pseudonym_write(const struct hmac_key *key, unsigned kind, struct str text, struct buf *out) {
    // Nearly all values are short: no memory is taken for them.
    enum { PREFIX_BYTES = 16 };
    char room[256];
    struct buf message;
    bool small = text.size + PREFIX_BYTES <= sizeof room;
    buf_open(&message, 2 * LIMIT_CELL_BYTES);
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
    char hex[SHA256_HEX_SIZE];
    hash_hex(&hash, hex);
    // Ten digits in a row at most: no pseudonym may look like a mobile number or a card.
    const char *window = hex;
    while (longest_digits(window) > 10 && window + PSEUDONYM_DIGITS < hex + SHA256_HEX_SIZE - 1) {
        window++;
    }
    buf_add_text(out, "P-");
    buf_add(out, window, PSEUDONYM_DIGITS);
}

// ---- masks --------------------------------------------------------------------------------------

static bool is_place(uint32_t character) {
    if (character >= 0xFF01 && character <= 0xFF5E) character -= 0xFEE0;
    return (character >= '0' && character <= '9') || character == 'X' || character == 'x';
}

// Stars for all places but the first and last ones; what stands between groups stays.
static void mask_places(struct str text, size_t first, size_t last, struct buf *out) {
    size_t places = 0, place = 0;
    for (size_t at = 0; at < text.size;) places += is_place(utf8_next(text, &at));
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        if (!is_place(utf8_next(text, &at))) {
            buf_add(out, text.data + start, at - start);
            continue;
        }
        bool shown = place < first || place + last >= places;
        if (shown) {
            buf_add(out, text.data + start, at - start);
        } else {
            buf_add_char(out, '*');
        }
        place++;
    }
}

static void mask_email(struct str text, struct buf *out) {
    const char *sign = memchr(text.data, '@', text.size);
    if (!sign) sign = memmem(text.data, text.size, "＠", 3);
    size_t local = sign ? (size_t)(sign - text.data) : text.size;
    buf_add(out, text.data, local ? 1 : 0); // the local part is ASCII
    buf_add_text(out, "***");
    buf_add(out, text.data + local, text.size - local);
}

// A name or anything else: the first character, of a longer text the last one too.
static void mask_value(struct str text, struct buf *out) {
    enum { STARS_MOST = 16 }; // how long it was is nobody's business
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

static void mask_write(unsigned kind, struct str text, struct buf *out) {
    // A country code keeps its place: +86 138****5678.
    bool prefix = kind == PERSONAL_MOBILE;
    switch (kind) {
    case PERSONAL_ID: mask_places(text, 3, 4, out); break;
    case PERSONAL_CARD: mask_places(text, 4, 4, out); break;
    case PERSONAL_EMAIL: mask_email(text, out); break;
    case PERSONAL_MOBILE: {
        size_t places = 0;
        for (size_t at = 0; at < text.size;) places += is_place(utf8_next(text, &at));
        size_t country = prefix && places > 11 ? places - 11 : 0;
        mask_places(text, country + 3, 4, out);
        break;
    }
    default: mask_value(text, out); break;
    }
}

void conceal_write(const struct conceal *conceal, unsigned kind, struct str text, struct buf *out) {
    static const char *const words[KIND_UNKNOWN + 1] = {
        [PERSONAL_ID] = "[身份证号]",
        [PERSONAL_MOBILE] = "[手机号]",
        [PERSONAL_CARD] = "[银行卡号]",
        [PERSONAL_EMAIL] = "[电子邮箱]",
        [PERSONAL_USCC] = "[统一社会信用代码]",
        [PERSONAL_LANDLINE] = "[电话号码]",
        [PERSONAL_PASSPORT] = "[护照号]",
        [PERSONAL_PERMIT] = "[通行证号]",
        [PERSONAL_PLATE] = "[车牌号]",
        [PERSONAL_OFFICER] = "[军官证号]",
        [PERSONAL_INSURANCE] = "[医保号]",
        [PERSONAL_MRN] = "[病案号]",
        [PERSONAL_WECHAT] = "[微信号]",
        [PERSONAL_QQ] = "[QQ号]",
        [PERSONAL_URL] = "[网址]",
        [PERSONAL_IP] = "[IP地址]",
        [PERSONAL_MAC] = "[MAC地址]",
        [PERSONAL_IMEI] = "[设备识别码]",
        [PERSONAL_VIN] = "[车架号]",
        [PERSONAL_COORDINATES] = "[坐标]",
        [PERSONAL_BIRTH] = "[出生日期]",
        [PERSONAL_AGE] = "[高龄]",
        [PERSONAL_NAME] = "[姓名]",
        [PERSONAL_ADDRESS] = "[地址]",
        [PERSONAL_ORGANISATION] = "[机构]",
        [KIND_UNKNOWN] = "[已隐去]",
    };
    cy_assert(kind <= KIND_UNKNOWN);
    switch (conceal->how) {
    case HOW_MASK: mask_write(kind, text, out); break;
    case HOW_PSEUDONYM: pseudonym_write(&conceal->key, kind, text, out); break;
    case HOW_REPLACE: buf_add_text(out, words[kind]); break;
    case HOW_REMOVE: break;
    }
}
