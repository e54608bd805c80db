// What stands for personal data must not look like personal data itself, whatever is around it.
#include "data/cleanse/conceal_private.h"

#include "base/text.h"
#include "check.h"

static struct conceal conceal_of(enum how how, uint8_t key_byte) {
    struct conceal conceal = {0};
    struct hash key;
    memset(key.bytes, key_byte, sizeof key.bytes);
    conceal_start(&conceal, how, &key);
    return conceal;
}

static const char *concealed(const struct conceal *conceal, unsigned kind, const char *text) {
    static char out[256];
    struct buf buf = {.data = out, .room = sizeof out - 1, .cap_bytes = sizeof out - 1};
    conceal_write(conceal, &(struct piece){.kind = kind, .text = str_of(text)}, &buf);
    CHECK_EQ(buf_err(&buf), OK);
    out[buf.size] = '\0';
    return out;
}

static void pseudonyms_never_look_like_identifiers(void) {
    struct conceal conceal = conceal_of(HOW_PSEUDONYM, 3);
    for (int round = 0; round < 200000; round++) {
        char text[32], around[320];
        snprintf(text, sizeof text, "1%010u", (unsigned)check_below(1000000000));
        const char *name = concealed(&conceal, PERSONAL_MOBILE, text);
        snprintf(around, sizeof around, "电话%s 1234 5678", name);
        size_t hits = personal_scan(str_of(name), PERSONAL_IDENTIFIERS, NULL, 0) +
                      personal_scan(str_of(around), PERSONAL_IDENTIFIERS, NULL, 0);
        if (!check_that(hits == 0, __FILE__, __LINE__, "looks like one: %s", around)) return;
    }
}

static void pseudonyms_depend_on_key_and_kind(void) {
    struct conceal one = conceal_of(HOW_PSEUDONYM, 1), other = conceal_of(HOW_PSEUDONYM, 2);
    char first[64];
    snprintf(first, sizeof first, "%s", concealed(&one, PERSONAL_MOBILE, "+86 138-1234-5678"));
    CHECK_STR(concealed(&one, PERSONAL_MOBILE, "１３８１２３４５６７８"), first);
    CHECK(strcmp(concealed(&other, PERSONAL_MOBILE, "13812345678"), first) != 0);
    CHECK(strcmp(concealed(&one, KIND_UNKNOWN, "13812345678"), first) != 0);
    snprintf(first, sizeof first, "%s", concealed(&one, PERSONAL_EMAIL, "Zhang@Example.COM"));
    CHECK_STR(concealed(&one, PERSONAL_EMAIL, "zhang＠example.com"), first);
    // A value longer than what fits on the stack.
    char longer[1001];
    memset(longer, 'x', 1000);
    longer[1000] = '\0';
    CHECK_EQ(strlen(concealed(&one, KIND_UNKNOWN, longer)), 2 + PSEUDONYM_LETTERS);
}

// The same thing written otherwise has the same pseudonym; another thing has another.
static void pseudonyms_mean_the_thing(void) {
    static const struct {
        unsigned kind;
        const char *one, *other;
        bool same;
    } pairs[] = {
        {PERSONAL_NAME, "张三", " 张　三 ", true},
        {PERSONAL_NAME, "张三", "张四", false},
        {PERSONAL_NAME, "阿不都·热合曼", "阿不都•热合曼", true},
        {PERSONAL_NAME, "John Smith", "JOHN  SMITH", true},
        {PERSONAL_ID, "110105491231002", "11010519491231002X", true},
        {PERSONAL_ID, "110105 19491231 002x", "１１０１０５１９４９１２３１００２Ｘ", true},
        {PERSONAL_MOBILE, "0086 138-1234-5678", "13812345678", true},
        {PERSONAL_PLATE, "京A·12345", "京A·12345", true},
        {PERSONAL_PLATE, "京a 12345", "京A12345", true},
        {PERSONAL_PLATE, "京A12345", "沪A12345", false},
        {PERSONAL_IP, "1.12.3.4", "11.2.3.4", false},
        {PERSONAL_BIRTH, "1990-05-12", "1990年5月12日", true},
        {PERSONAL_BIRTH, "1990/5/12", "19900512", true},
        {PERSONAL_BIRTH, "19901112", "1990-11-12", true},
        {PERSONAL_BIRTH, "1990-11-2", "1990-1-12", false},
        {PERSONAL_MRN, "住院号 zy-001234", "ZY001234", true},
        {PERSONAL_MAC, "00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E", true},
        {PERSONAL_USCC, "91110000802100433B", "９１１１００００８０２１００４３３Ｂ", true},
        {KIND_UNKNOWN, "a1", "A1", false},
        {KIND_UNKNOWN, " a1", "a1", true},
    };
    struct conceal conceal = conceal_of(HOW_PSEUDONYM, 5);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char one[64];
        snprintf(one, sizeof one, "%s", concealed(&conceal, pairs[i].kind, pairs[i].one));
        bool same = strcmp(one, concealed(&conceal, pairs[i].kind, pairs[i].other)) == 0;
        check_that(same == pairs[i].same, __FILE__, __LINE__, "%s and %s", pairs[i].one,
                   pairs[i].other);
    }
    // A person in a column that nobody named and one that the detector found.
    char one[64];
    snprintf(one, sizeof one, "%s", concealed(&conceal, PERSONAL_NAME, "张三"));
    CHECK_STR(strchr(concealed(&conceal, KIND_UNKNOWN, "张三"), '_'), strchr(one, '_'));
}

static void columns_have_kinds(void) {
    static const struct {
        const char *name;
        unsigned kind;
    } columns[] = {
        {"患者姓名", PERSONAL_NAME},
        {"patient_name", PERSONAL_NAME},
        {"patientName", PERSONAL_NAME},
        {"filename", KIND_UNKNOWN},
        {"身份证号码", PERSONAL_ID},
        {"联系电话", PERSONAL_LANDLINE},
        {"PhoneNumber", PERSONAL_LANDLINE},
        {"page", KIND_UNKNOWN},
        {"age", PERSONAL_AGE},
        {"AGE", PERSONAL_AGE},
        {"住院号", PERSONAL_MRN},
        {"诊断", KIND_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        CHECK_EQ(kind_of_column(str_of(columns[i].name)), columns[i].kind);
    }
    CHECK_EQ(kind_of_value(PERSONAL_LANDLINE, STR("13812345678")), PERSONAL_MOBILE);
    CHECK_EQ(kind_of_value(PERSONAL_NAME, STR("张三")), PERSONAL_NAME);
    CHECK_EQ(kind_of_value(KIND_UNKNOWN, STR("张三")), KIND_UNKNOWN);
}

static void masks_show_little(void) {
    struct conceal conceal = conceal_of(HOW_MASK, 1);
    CHECK_STR(concealed(&conceal, PERSONAL_MOBILE, "13812345678"), "138****5678");
    CHECK_STR(concealed(&conceal, PERSONAL_MOBILE, "+86 138-1234-5678"), "+86 138-****-5678");
    CHECK_STR(concealed(&conceal, PERSONAL_ID, "110105 19491231 002X"), "110*** ******** 002X");
    CHECK_STR(concealed(&conceal, PERSONAL_ID, "A123456(3)"), "A******(3)");
    CHECK_STR(concealed(&conceal, PERSONAL_BIRTH, "一九八五年三月十二日"), "一九八五年*月**日");
    CHECK_STR(concealed(&conceal, PERSONAL_URL, "example.cn/a"), "example[.]cn/***");
    CHECK_STR(concealed(&conceal, PERSONAL_CARD, "6222 0212 3456 7890"), "6222 **** **** 7890");
    CHECK_STR(concealed(&conceal, PERSONAL_EMAIL, "zhang@example.com"), "z***@example.com");
    static const struct {
        unsigned kind;
        const char *text, *masked;
    } cases[] = {
        {PERSONAL_USCC, "91110000802100433B", "91************433B"},
        {PERSONAL_LANDLINE, "010-62345678", "010-******78"},
        {PERSONAL_LANDLINE, "0755-8234567", "0755-*****67"},
        {PERSONAL_LANDLINE, "8234567", "*****67"},
        {PERSONAL_PASSPORT, "E12345678", "E******78"},
        {PERSONAL_PERMIT, "H1234567890", "H********90"},
        {PERSONAL_PLATE, "京A12345", "京A***45"},
        {PERSONAL_PLATE, "粤B·D12345", "粤B·****45"},
        {PERSONAL_OFFICER, "军字第2001988号", "军字第*****88号"},
        {PERSONAL_INSURANCE, "1234567890", "********90"},
        {PERSONAL_MRN, "住院号00123456", "住院号******56"},
        {PERSONAL_MRN, "1234", "****"},
        {PERSONAL_WECHAT, "wxid_abc123", "w***_*****3"},
        {PERSONAL_QQ, "123456789", "12*******"},
        {PERSONAL_URL, "https://zhang@www.example.com/u/7?x", "www[.]example[.]com/***"},
        {PERSONAL_IP, "10.20.30.40", "10.20.*.*"},
        {PERSONAL_IP, "2001:db8::1", "2001:db8:*"},
        {PERSONAL_MAC, "00:1A:2B:3C:4D:5E", "00:1A:2B:**:**:**"},
        {PERSONAL_IMEI, "490154203237518", "4901***********"},
        {PERSONAL_VIN, "LSVAM4187C2184841", "LSV**************"},
        {PERSONAL_COORDINATES, "39.904211,116.407395", "39.90,116.40"},
        {PERSONAL_COORDINATES, "北纬３９．９０４２１１", "北纬３９．９０"},
        {PERSONAL_BIRTH, "1990-05-12", "1990-**-**"},
        {PERSONAL_BIRTH, "1990年5月12日", "1990年*月**日"},
        {PERSONAL_BIRTH, "19900512", "1990****"},
        {PERSONAL_BIRTH, "90年5月", "**年*月"},
        {PERSONAL_AGE, "93岁", "90+岁"},
        {PERSONAL_AGE, "103", "90+"},
        {PERSONAL_AGE, "35", "3*"},
        {PERSONAL_AGE, "7", "*"},
        {PERSONAL_AGE, "九十三岁", "90+"},
        {PERSONAL_NAME, "张三丰", "张**"},
        {PERSONAL_NAME, "司马相如", "司马**"},
        {PERSONAL_NAME, "李", "*"},
        {PERSONAL_ADDRESS, "广东省深圳市南山区科技园1号", "广东省深圳市********"},
        {PERSONAL_ADDRESS, "北京市朝阳区某路", "北京市*****"},
        {PERSONAL_ADDRESS, "某小区5号楼", "某*****"},
        {PERSONAL_ORGANISATION, "北京协和医院", "****医院"},
        {PERSONAL_ORGANISATION, "医院", "**"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_STR(concealed(&conceal, cases[i].kind, cases[i].text), cases[i].masked);
    }
    CHECK_STR(concealed(&conceal, KIND_UNKNOWN, "王"), "*");
    CHECK_STR(concealed(&conceal, KIND_UNKNOWN, "王五"), "王*");
    CHECK_STR(concealed(&conceal, KIND_UNKNOWN, " 欧阳修 "), "欧**");
    CHECK_STR(concealed(&conceal, KIND_UNKNOWN, "北京市朝阳区某路"), "北******路");
}

// The same form for the same value, another for another, and never a real identifier.
static void forms_stay_and_nothing_is_real(void) {
    struct conceal conceal = conceal_of(HOW_FORMAT, 4), other = conceal_of(HOW_FORMAT, 5);
    static const struct {
        unsigned kind;
        const char *text;
    } cases[] = {
        {PERSONAL_ID, "11010519491231002X"},
        {PERSONAL_ID, "110105 19491231 002x"},
        {PERSONAL_MOBILE, "13812345678"},
        {PERSONAL_MOBILE, "+86 138-1234-5678"},
        {PERSONAL_MOBILE, "１３８１２３４５６７８"},
        {PERSONAL_CARD, "6222 0212 3456 7890 128"},
        {PERSONAL_USCC, "91110000802100433B"},
        {PERSONAL_LANDLINE, "010-62345678"},
        {PERSONAL_PASSPORT, "E12345678"},
        {PERSONAL_PLATE, "京A12345"},
        {PERSONAL_EMAIL, "zhang.san@example.com"},
        {PERSONAL_URL, "https://example.com/a?b=1"},
        {PERSONAL_IP, "10.20.30.40"},
        {PERSONAL_MAC, "00:1A:2B:3C:4D:5E"},
        {PERSONAL_IMEI, "490154203237518"},
        {PERSONAL_VIN, "LSVAM4187C2184841"},
        {PERSONAL_NAME, "欧阳修"},
        {PERSONAL_ADDRESS, "北京市朝阳区某路5号"},
        {KIND_UNKNOWN, "A1"},
        {KIND_UNKNOWN, "7"},
        {KIND_UNKNOWN, "ZY-000123/b"},
        {KIND_UNKNOWN, "01234567890123456789012345678901234567890123456789"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char one[256];
        snprintf(one, sizeof one, "%s", concealed(&conceal, cases[i].kind, cases[i].text));
        CHECK_STR(concealed(&conceal, cases[i].kind, cases[i].text), one);
        CHECK_EQ(personal_scan(str_of(one), PERSONAL_CERTAIN, NULL, 0), 0);
        if (strlen(cases[i].text) > 4) {
            check_that(strcmp(one, cases[i].text) != 0, __FILE__, __LINE__, "unchanged: %s", one);
            CHECK(strcmp(one, concealed(&other, cases[i].kind, cases[i].text)) != 0);
        }
        if (cases[i].kind == PERSONAL_EMAIL || cases[i].kind == PERSONAL_URL) continue;
        CHECK_EQ(utf8_count(str_of(one)), utf8_count(str_of(cases[i].text)));
    }
    CHECK_EQ(strspn(concealed(&conceal, PERSONAL_MOBILE, "13812345678"), "0123456789"), 11);
}

// However it is concealed, in whatever text it stands: nothing is left that a check digit proves.
static void nothing_certain_is_left(void) {
    static const uint32_t certain = PERSONAL_BIT(PERSONAL_ID) | PERSONAL_BIT(PERSONAL_MOBILE) |
                                    PERSONAL_BIT(PERSONAL_CARD) | PERSONAL_BIT(PERSONAL_EMAIL) |
                                    PERSONAL_BIT(PERSONAL_USCC) | PERSONAL_BIT(PERSONAL_IMEI) |
                                    PERSONAL_BIT(PERSONAL_VIN);
    static const char *const around[] = {"%s", "电话%s", "身份证号：%s，", "卡号 %s 元", "%s%s"};
    for (int round = 0; round < 6000; round++) {
        struct conceal conceal = conceal_of((enum how)(round % HOW_REMOVE), (uint8_t)round);
        conceal.broader.level = REGION_CITY;
        unsigned kind = round / 7 % 3 == 0 ? PERSONAL_MOBILE : PERSONAL_ID;
        char text[32], text_around[640], hidden[256];
        if (kind == PERSONAL_MOBILE) {
            snprintf(text, sizeof text, "1%u%09u", 3 + (unsigned)check_below(7),
                     (unsigned)check_below(1000000000));
        } else {
            snprintf(text, sizeof text, "440305%u%02u%02u%03u", 1930 + (unsigned)check_below(90),
                     1 + (unsigned)check_below(12), 1 + (unsigned)check_below(28),
                     (unsigned)check_below(1000));
            static const int weight[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
            int sum = 0;
            for (int i = 0; i < 17; i++) sum += (text[i] - '0') * weight[i];
            snprintf(text + 17, 2, "%c", "10X98765432"[sum % 11]);
        }
        snprintf(hidden, sizeof hidden, "%s", concealed(&conceal, kind, text));
        for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
            snprintf(text_around, sizeof text_around, around[i], hidden, hidden);
            size_t hits = personal_scan(str_of(text_around), certain, NULL, 0);
            if (!check_that(hits == 0, __FILE__, __LINE__, "%s: %s", text, text_around)) return;
        }
    }
}

// On the disk for ever, on every processor: a change here parts what is cleansed tomorrow from what
// was cleansed today. (What keeps its form may change with the detector's rules where it would be a
// real identifier under them.)
static void keyed_outcomes_never_change(void) {
    static const struct {
        enum how how;
        unsigned kind;
        const char *text, *outcome;
    } cases[] = {
        {HOW_PSEUDONYM, PERSONAL_NAME, "张三", "姓名_QHMRRXPKMWLXLSWS"},
        {HOW_PSEUDONYM, PERSONAL_ID, "11010519491231002X", "证件_XJJJLWWQNGLNJKGQ"},
        {HOW_ENCRYPT, PERSONAL_NAME, "张三",
         "⟦HGHGMRGTLHRTNRNKLGPXZGLXQRRXSNWKXXQGKXVWTPXWSSMZXHKXPVGP⟧"},
        {HOW_FORMAT, KIND_UNKNOWN, "ZY-000123/b", "EE-825492/w"},
        {HOW_FORMAT, PERSONAL_NAME, "欧阳修", "辰戊子"},
        {HOW_FORMAT, PERSONAL_BIRTH, "1990-05-12", "1969-07-17"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conceal conceal = conceal_of(cases[i].how, 1);
        CHECK_STR(concealed(&conceal, cases[i].kind, cases[i].text), cases[i].outcome);
    }
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(a, b);
}

static void forms_keep_values_apart(void) {
    enum { COUNT = 20000 };
    static char texts[COUNT][16];
    struct conceal conceal = conceal_of(HOW_FORMAT, 6);
    for (int i = 0; i < COUNT; i++) {
        char mobile[16];
        snprintf(mobile, sizeof mobile, "138%08d", i * 7);
        snprintf(texts[i], sizeof texts[i], "%s", concealed(&conceal, PERSONAL_MOBILE, mobile));
    }
    qsort(texts, COUNT, sizeof texts[0], compare_texts);
    for (int i = 1; i < COUNT; i++) CHECK(strcmp(texts[i - 1], texts[i]) != 0);
    // All values of a small form are a permutation of themselves.
    bool seen[1000] = {0};
    for (int i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof text, "%03d", i);
        int to = atoi(concealed(&conceal, KIND_UNKNOWN, text));
        CHECK(!seen[to]);
        seen[to] = true;
    }
}

static void dates_stay_dates(void) {
    struct conceal conceal = conceal_of(HOW_FORMAT, 4);
    static const char *const dates[] = {"1990-05-12", "1990年5月12日", "19900512",
                                        "1990/5/12 08:30:00"};
    for (size_t i = 0; i < 4; i++) {
        const char *other = concealed(&conceal, PERSONAL_BIRTH, dates[i]);
        CHECK(strcmp(other, dates[i]) != 0);
        CHECK(strlen(other) + 3 >= strlen(dates[i]));
    }
    CHECK(strstr(concealed(&conceal, PERSONAL_BIRTH, dates[3]), " 08:30:00") != NULL);
}

static void says_something_broader(void) {
    struct conceal conceal = conceal_of(HOW_GENERALISE, 1);
    conceal.broader.level = REGION_CITY;
    static const struct {
        unsigned kind;
        const char *text, *broader;
    } cases[] = {
        {PERSONAL_AGE, "37", "35-39"},
        {PERSONAL_AGE, "37岁", "35-39"},
        {PERSONAL_AGE, "0", "0-4"},
        {PERSONAL_AGE, "95", "90+"},
        {PERSONAL_BIRTH, "1990-05-12", "1990"},
        {PERSONAL_BIRTH, "1990年5月", "1990"},
        {PERSONAL_BIRTH, "一九九〇年五月一日", "1990"},
        {PERSONAL_ADDRESS, "广东省深圳市南山区科技园1号", "广东省深圳市"},
        {PERSONAL_ADDRESS, "杭州市西湖区文三路", "浙江省杭州市"},
        {PERSONAL_ADDRESS, "南山区科技园1号", "南******号"}, // Shenzhen's or Hegang's
        {PERSONAL_ID, "440305199005120011", "广东省深圳市 1990"},
        {PERSONAL_ID, "440305900512001", "广东省深圳市 1990"},
        {PERSONAL_IP, "10.20.30.40", "10.20.30.0/24"},
        {PERSONAL_IP, "2001:db8:1:2::3", "2001:db8:1::/48"},
        {PERSONAL_IP, "2001:db8::3", "2001:db8::/48"},
        {PERSONAL_EMAIL, "zhang@example.com", "example[.]com"},
        {PERSONAL_COORDINATES, "39.904211,116.407395", "39.9,116.4"},
        {PERSONAL_NAME, "张三丰", "张某"},
        {PERSONAL_MOBILE, "13812345678", "138********"},
        {PERSONAL_PLATE, "京A12345", "京A*****"},
        {KIND_UNKNOWN, "浙江杭州", "浙江省杭州市"},
        {KIND_UNKNOWN, "胃癌", "胃*"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_STR(concealed(&conceal, cases[i].kind, cases[i].text), cases[i].broader);
    }
    conceal.broader.width = 10;
    CHECK_STR(concealed(&conceal, PERSONAL_AGE, "37"), "30-39");
    CHECK_STR(concealed(&conceal, KIND_UNKNOWN, "-3"), "-10--1");
    CHECK_STR(concealed(&conceal, KIND_UNKNOWN, "120.5"), "120-129");
    conceal.broader = (struct broader){.digits = 3};
    CHECK_STR(concealed(&conceal, KIND_UNKNOWN, "310000"), "310***");
}

int main(void) {
    CHECK_RUN(pseudonyms_never_look_like_identifiers);
    CHECK_RUN(pseudonyms_depend_on_key_and_kind);
    CHECK_RUN(pseudonyms_mean_the_thing);
    CHECK_RUN(columns_have_kinds);
    CHECK_RUN(masks_show_little);
    CHECK_RUN(forms_stay_and_nothing_is_real);
    CHECK_RUN(nothing_certain_is_left);
    CHECK_RUN(keyed_outcomes_never_change);
    CHECK_RUN(forms_keep_values_apart);
    CHECK_RUN(dates_stay_dates);
    CHECK_RUN(says_something_broader);
    return check_done();
}
