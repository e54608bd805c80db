// What a column seems to be for privacy, from its name and what stands in it: a proposal that a
// person confirms. Chinese words count wherever they stand in the name, English ones as whole
// words.
#include "base/text.h"
#include "data/cleanse/profile_private.h"

struct word_role {
    const char *word;
    enum column_role role;
};

static const struct word_role chinese[] = {
    {"姓名", COLUMN_DIRECT},     {"身份证", COLUMN_DIRECT},  {"证件号", COLUMN_DIRECT},
    {"手机", COLUMN_DIRECT},     {"电话", COLUMN_DIRECT},    {"邮箱", COLUMN_DIRECT},
    {"地址", COLUMN_DIRECT},     {"住址", COLUMN_DIRECT},    {"住院号", COLUMN_DIRECT},
    {"病案号", COLUMN_DIRECT},   {"病历号", COLUMN_DIRECT},  {"门诊号", COLUMN_DIRECT},
    {"就诊号", COLUMN_DIRECT},   {"就诊卡", COLUMN_DIRECT},  {"登记号", COLUMN_DIRECT},
    {"医保", COLUMN_DIRECT},     {"社保", COLUMN_DIRECT},    {"护照", COLUMN_DIRECT},
    {"军官证", COLUMN_DIRECT},   {"驾驶证", COLUMN_DIRECT},  {"卡号", COLUMN_DIRECT},
    {"账号", COLUMN_DIRECT},     {"帐号", COLUMN_DIRECT},    {"车牌", COLUMN_DIRECT},
    {"微信", COLUMN_DIRECT},     {"联系人", COLUMN_DIRECT},  {"患者ID", COLUMN_DIRECT},
    {"患者编号", COLUMN_DIRECT}, {"病人ID", COLUMN_DIRECT},  {"工号", COLUMN_DIRECT},
    {"学号", COLUMN_DIRECT},     {"诊断", COLUMN_SENSITIVE}, {"疾病", COLUMN_SENSITIVE},
    {"病史", COLUMN_SENSITIVE},  {"主诉", COLUMN_SENSITIVE}, {"手术", COLUMN_SENSITIVE},
    {"用药", COLUMN_SENSITIVE},  {"处方", COLUMN_SENSITIVE}, {"检验", COLUMN_SENSITIVE},
    {"传染", COLUMN_SENSITIVE},  {"收入", COLUMN_SENSITIVE}, {"工资", COLUMN_SENSITIVE},
    {"负债", COLUMN_SENSITIVE},  {"信用", COLUMN_SENSITIVE}, {"违约", COLUMN_SENSITIVE},
    {"宗教", COLUMN_SENSITIVE},  {"性别", COLUMN_QUASI},     {"年龄", COLUMN_QUASI},
    {"出生", COLUMN_QUASI},      {"生日", COLUMN_QUASI},     {"民族", COLUMN_QUASI},
    {"籍贯", COLUMN_QUASI},      {"职业", COLUMN_QUASI},     {"婚姻", COLUMN_QUASI},
    {"邮编", COLUMN_QUASI},      {"邮政编码", COLUMN_QUASI}, {"省份", COLUMN_QUASI},
    {"城市", COLUMN_QUASI},      {"区县", COLUMN_QUASI},     {"街道", COLUMN_QUASI},
    {"学历", COLUMN_QUASI},      {"国籍", COLUMN_QUASI},     {"单位名称", COLUMN_QUASI},
    {"入院", COLUMN_QUASI},      {"出院", COLUMN_QUASI},     {"就诊日期", COLUMN_QUASI},
};

// One or two words that follow one another: "id card" stands in id_card, idCard, "ID Card".
static const struct word_role english[] = {
    {"patient name", COLUMN_DIRECT},
    {"full name", COLUMN_DIRECT},
    {"first name", COLUMN_DIRECT},
    {"last name", COLUMN_DIRECT},
    {"user name", COLUMN_DIRECT},
    {"username", COLUMN_DIRECT},
    {"customer name", COLUMN_DIRECT},
    {"client name", COLUMN_DIRECT},
    {"contact name", COLUMN_DIRECT},
    {"person name", COLUMN_DIRECT},
    {"surname", COLUMN_DIRECT},
    {"id card", COLUMN_DIRECT},
    {"idcard", COLUMN_DIRECT},
    {"id number", COLUMN_DIRECT},
    {"id no", COLUMN_DIRECT},
    {"identity", COLUMN_DIRECT},
    {"passport", COLUMN_DIRECT},
    {"ssn", COLUMN_DIRECT},
    {"phone", COLUMN_DIRECT},
    {"mobile", COLUMN_DIRECT},
    {"telephone", COLUMN_DIRECT},
    {"tel", COLUMN_DIRECT},
    {"email", COLUMN_DIRECT},
    {"e mail", COLUMN_DIRECT},
    {"address", COLUMN_DIRECT},
    {"mrn", COLUMN_DIRECT},
    {"patient id", COLUMN_DIRECT},
    {"person id", COLUMN_DIRECT},
    {"customer id", COLUMN_DIRECT},
    {"user id", COLUMN_DIRECT},
    {"card number", COLUMN_DIRECT},
    {"card no", COLUMN_DIRECT},
    {"account", COLUMN_DIRECT},
    {"wechat", COLUMN_DIRECT},
    {"diagnosis", COLUMN_SENSITIVE},
    {"disease", COLUMN_SENSITIVE},
    {"medication", COLUMN_SENSITIVE},
    {"income", COLUMN_SENSITIVE},
    {"salary", COLUMN_SENSITIVE},
    {"religion", COLUMN_SENSITIVE},
    {"default", COLUMN_SENSITIVE},
    {"credit", COLUMN_SENSITIVE},
    {"sex", COLUMN_QUASI},
    {"gender", COLUMN_QUASI},
    {"age", COLUMN_QUASI},
    {"birth", COLUMN_QUASI},
    {"birthday", COLUMN_QUASI},
    {"birthdate", COLUMN_QUASI},
    {"dob", COLUMN_QUASI},
    {"race", COLUMN_QUASI},
    {"ethnicity", COLUMN_QUASI},
    {"occupation", COLUMN_QUASI},
    {"marital", COLUMN_QUASI},
    {"marriage", COLUMN_QUASI},
    {"education", COLUMN_QUASI},
    {"nationality", COLUMN_QUASI},
    {"zip", COLUMN_QUASI},
    {"zipcode", COLUMN_QUASI},
    {"postcode", COLUMN_QUASI},
    {"city", COLUMN_QUASI},
    {"province", COLUMN_QUASI},
    {"district", COLUMN_QUASI},
    {"county", COLUMN_QUASI},
    {"admission", COLUMN_QUASI},
    {"discharge", COLUMN_QUASI},
};

static bool is_small(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_capital(char c) {
    return c >= 'A' && c <= 'Z';
}

// "patientName", "Patient_Name", "PATIENT NAME" all become " patient name ".
static size_t english_words(struct str name, char *out, size_t room) {
    size_t used = 0;
    out[used++] = ' ';
    for (size_t i = 0; i < name.size && used + 3 < room; i++) {
        char c = name.data[i];
        bool starts = is_capital(c) && i > 0 && is_small(name.data[i - 1]);
        if (starts && out[used - 1] != ' ') out[used++] = ' ';
        if (is_small(c)) {
            out[used++] = c;
        } else if (is_capital(c)) {
            out[used++] = (char)(c + 32);
        } else if (out[used - 1] != ' ') {
            out[used++] = ' ';
        }
    }
    if (out[used - 1] != ' ') out[used++] = ' ';
    return used;
}

static bool contains(struct str text, struct str part) {
    for (size_t at = 0; at + part.size <= text.size; at++) {
        if (str_equal((struct str){text.data + at, part.size}, part)) return true;
    }
    return false;
}

static enum column_role role_by_name(struct str name) {
    for (size_t i = 0; i < sizeof chinese / sizeof chinese[0]; i++) {
        if (contains(name, str_of(chinese[i].word))) return chinese[i].role;
    }
    char words[LIMIT_NAME_BYTES * 2];
    struct str text = {words, english_words(name, words, sizeof words)};
    if (str_is(text, " name ")) return COLUMN_DIRECT;
    for (size_t i = 0; i < sizeof english / sizeof english[0]; i++) {
        char padded[40];
        struct buf one = {.data = padded, .room = sizeof padded, .cap_bytes = sizeof padded};
        buf_add_char(&one, ' ');
        buf_add_text(&one, english[i].word);
        buf_add_char(&one, ' ');
        if (contains(text, buf_str(&one))) return english[i].role;
    }
    return COLUMN_PLAIN;
}

enum column_role role_propose(const struct profile *profile) {
    uint64_t present = profile->rows - profile->missing, whole = 0;
    // Dates of birth, ages, places and institutions narrow down who it is; the rest says who.
    static const uint32_t narrowing = PERSONAL_BIT(PERSONAL_BIRTH) | PERSONAL_BIT(PERSONAL_AGE) |
                                      PERSONAL_BIT(PERSONAL_COORDINATES) |
                                      PERSONAL_BIT(PERSONAL_ORGANISATION);
    uint64_t narrow = 0;
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        bool says = !(narrowing & PERSONAL_BIT(kind)) && kind != PERSONAL_URL;
        if (says) whole += profile->personal.whole[kind];
        if (narrowing & PERSONAL_BIT(kind)) narrow += profile->personal.whole[kind];
    }
    // A fifth is enough: such a column is meant for identifiers, the rest are mistakes.
    if (present && whole * 5 >= present) return COLUMN_DIRECT;
    enum column_role role = role_by_name(profile->field->name);
    return role == COLUMN_PLAIN && present && narrow * 5 >= present ? COLUMN_QUASI : role;
}
