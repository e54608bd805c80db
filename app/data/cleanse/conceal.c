#include "data/cleanse/conceal_private.h"

#include "base/assert.h"
#include "base/text.h"

void conceal_start(struct conceal *conceal, enum how how, const struct hash *key) {
    conceal->how = how;
    hmac_key_set(&conceal->key, (struct str){(const char *)key->bytes, sizeof key->bytes});
    seal_key_set(&conceal->seal, key);
    struct hash form = hmac_sha256((struct str){(const char *)key->bytes, sizeof key->bytes},
                                   STR("courtyard format 1"));
    ff1_key_set(&conceal->form, form.bytes, sizeof form.bytes);
    bytes_wipe(&form, sizeof form);
}

// ---- words --------------------------------------------------------------------------------------

static void word_write(unsigned kind, struct buf *out) {
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
    buf_add_text(out, words[kind]);
}

void personal_word(enum personal_kind kind, struct buf *out) {
    word_write(kind, out);
}

void conceal_write(const struct conceal *conceal, const struct piece *piece, struct buf *out) {
    cy_assert(piece->kind <= KIND_UNKNOWN);
    switch (conceal->how) {
    case HOW_MASK: stars_write(piece->kind, piece->text, out); break;
    case HOW_PSEUDONYM: pseudonym_write(&conceal->key, piece->kind, piece->text, out); break;
    case HOW_REPLACE: word_write(piece->kind, out); break;
    case HOW_ENCRYPT:
        seal_write(&conceal->seal, conceal->equal_hidden ? &piece->spot : NULL, COLUMN_TEXT,
                   piece->text, out);
        break;
    case HOW_FORMAT: format_write(&conceal->form, piece->kind, piece->text, out); break;
    case HOW_GENERALISE: broader_write(&conceal->broader, piece->kind, piece->text, out); break;
    case HOW_REMOVE:
    case HOW_COUNT: break;
    }
}

// ---- which kind a column holds ------------------------------------------------------------------

struct word_kind {
    const char *word;
    enum personal_kind kind;
};

// Wherever they stand in the name; the first that fits decides.
static const struct word_kind chinese[] = {
    {"身份证", PERSONAL_ID},
    {"证件号", PERSONAL_ID},
    {"公民身份", PERSONAL_ID},
    {"手机", PERSONAL_MOBILE},
    {"移动电话", PERSONAL_MOBILE},
    {"座机", PERSONAL_LANDLINE},
    {"固话", PERSONAL_LANDLINE},
    {"电话", PERSONAL_LANDLINE},
    {"邮箱", PERSONAL_EMAIL},
    {"电子邮件", PERSONAL_EMAIL},
    {"信用代码", PERSONAL_USCC},
    {"组织机构代码", PERSONAL_USCC},
    {"护照", PERSONAL_PASSPORT},
    {"通行证", PERSONAL_PERMIT},
    {"车牌", PERSONAL_PLATE},
    {"号牌", PERSONAL_PLATE},
    {"军官证", PERSONAL_OFFICER},
    {"医保", PERSONAL_INSURANCE},
    {"社保", PERSONAL_INSURANCE},
    {"住院号", PERSONAL_MRN},
    {"病案号", PERSONAL_MRN},
    {"病历号", PERSONAL_MRN},
    {"门诊号", PERSONAL_MRN},
    {"就诊号", PERSONAL_MRN},
    {"登记号", PERSONAL_MRN},
    {"就诊卡", PERSONAL_MRN},
    {"微信", PERSONAL_WECHAT},
    {"网址", PERSONAL_URL},
    {"银行卡", PERSONAL_CARD},
    {"卡号", PERSONAL_CARD},
    {"账号", PERSONAL_CARD},
    {"车架号", PERSONAL_VIN},
    {"设备识别码", PERSONAL_IMEI},
    {"经纬度", PERSONAL_COORDINATES},
    {"坐标", PERSONAL_COORDINATES},
    {"出生", PERSONAL_BIRTH},
    {"生日", PERSONAL_BIRTH},
    {"年龄", PERSONAL_AGE},
    {"姓名", PERSONAL_NAME},
    {"联系人", PERSONAL_NAME},
    {"监护人", PERSONAL_NAME},
    {"户主", PERSONAL_NAME},
    {"地址", PERSONAL_ADDRESS},
    {"住址", PERSONAL_ADDRESS},
    {"住所", PERSONAL_ADDRESS},
    {"工作单位", PERSONAL_ORGANISATION},
    {"单位名称", PERSONAL_ORGANISATION},
    {"机构名称", PERSONAL_ORGANISATION},
};

// As words of their own: "patient_name", "PhoneNumber".
static const struct word_kind english[] = {
    {"idcard", PERSONAL_ID},
    {"identity", PERSONAL_ID},
    {"mobile", PERSONAL_MOBILE},
    {"cellphone", PERSONAL_MOBILE},
    {"phone", PERSONAL_LANDLINE},
    {"telephone", PERSONAL_LANDLINE},
    {"tel", PERSONAL_LANDLINE},
    {"email", PERSONAL_EMAIL},
    {"mail", PERSONAL_EMAIL},
    {"uscc", PERSONAL_USCC},
    {"passport", PERSONAL_PASSPORT},
    {"plate", PERSONAL_PLATE},
    {"insurance", PERSONAL_INSURANCE},
    {"mrn", PERSONAL_MRN},
    {"wechat", PERSONAL_WECHAT},
    {"qq", PERSONAL_QQ},
    {"url", PERSONAL_URL},
    {"ip", PERSONAL_IP},
    {"mac", PERSONAL_MAC},
    {"imei", PERSONAL_IMEI},
    {"vin", PERSONAL_VIN},
    {"coordinates", PERSONAL_COORDINATES},
    {"birth", PERSONAL_BIRTH},
    {"birthday", PERSONAL_BIRTH},
    {"birthdate", PERSONAL_BIRTH},
    {"dob", PERSONAL_BIRTH},
    {"age", PERSONAL_AGE},
    {"name", PERSONAL_NAME},
    {"surname", PERSONAL_NAME},
    {"address", PERSONAL_ADDRESS},
    {"employer", PERSONAL_ORGANISATION},
};

static bool contains(struct str text, struct str part) {
    for (size_t at = 0; at + part.size <= text.size; at++) {
        if (str_equal((struct str){text.data + at, part.size}, part)) return true;
    }
    return false;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// A word begins at a capital behind a small letter too.
static bool has_word(struct str name, const char *word) {
    struct str wanted = str_of(word);
    for (size_t at = 0; at + wanted.size <= name.size; at++) {
        size_t same = 0, end = at + wanted.size;
        while (same < wanted.size && (name.data[at + same] | 0x20) == wanted.data[same]) same++;
        if (same < wanted.size) continue;
        bool capital = name.data[at] < 'a';
        bool starts =
            at == 0 || !is_letter(name.data[at - 1]) || (capital && name.data[at - 1] >= 'a');
        bool ends = end == name.size || !is_letter(name.data[end]) ||
                    (name.data[end] < 'a' && name.data[end - 1] >= 'a');
        if (starts && ends) return true;
    }
    return false;
}

unsigned kind_of_column(struct str name) {
    for (size_t i = 0; i < sizeof chinese / sizeof chinese[0]; i++) {
        if (contains(name, str_of(chinese[i].word))) return chinese[i].kind;
    }
    for (size_t i = 0; i < sizeof english / sizeof english[0]; i++) {
        if (has_word(name, english[i].word)) return english[i].kind;
    }
    return KIND_UNKNOWN;
}

unsigned kind_of_value(unsigned column_kind, struct str value) {
    // What stands for itself whatever its column is called.
    static const uint32_t certain = PERSONAL_BIT(PERSONAL_ID) | PERSONAL_BIT(PERSONAL_MOBILE) |
                                    PERSONAL_BIT(PERSONAL_CARD) | PERSONAL_BIT(PERSONAL_EMAIL) |
                                    PERSONAL_BIT(PERSONAL_USCC) | PERSONAL_BIT(PERSONAL_VIN);
    enum personal_kind kind;
    bool code = column_kind != PERSONAL_NAME && column_kind != PERSONAL_ADDRESS;
    if (code && personal_whole(value, certain, &kind)) return kind;
    if (column_kind != KIND_UNKNOWN) return column_kind;
    return personal_whole(value, PERSONAL_IDENTIFIERS, &kind) ? kind : KIND_UNKNOWN;
}
