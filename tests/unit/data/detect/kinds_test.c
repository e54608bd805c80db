// Every kind of identifier: in the forms people write, beside the word that names it and without,
// full-width, in groups; and what looks like it and is not.
#include "check.h"
#include "data/detect/detect.h"

// "kind:text|kind:text" of all hits.
static const char *found(const char *text) {
    static char out[4096];
    struct personal_hit hits[32];
    size_t count = personal_scan(str_of(text), PERSONAL_IDENTIFIERS, hits, 32), used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && i < 32; i++) {
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%s:%.*s", i ? "|" : "",
                                 personal_kind_name(hits[i].kind), (int)hits[i].size,
                                 text + hits[i].start);
    }
    return out;
}

struct example {
    const char *text, *wanted;
};

static void try_all(const struct example *examples, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *got = found(examples[i].text);
        check_that(strcmp(got, examples[i].wanted) == 0, __FILE__, __LINE__,
                   "\"%s\": got \"%s\", want \"%s\"", examples[i].text, got, examples[i].wanted);
    }
}
#define TRY(...)                                   \
    try_all((const struct example[]){__VA_ARGS__}, \
            sizeof((const struct example[]){__VA_ARGS__}) / sizeof(struct example))

static void resident_ids(void) {
    TRY({"证件号码(11010519491231002X)", "id:11010519491231002X"},
        {"ID:11010519491231002X", "id:11010519491231002X"},
        {"11010519\\n491231002X", "id:11010519\\n491231002X"},
        {"11010519<br>491231002X", "id:11010519<br>491231002X"},
        {"居住证810000199408230021", "id:810000199408230021"},
        {"身份证 110105 491231 002", "id:110105 491231 002"},
        {"永久居留证USA110090010101", "id:USA110090010101"});
    TRY({"990105194912310021", ""}, {"编码11010549123100", ""}, {"批次110105491231002", ""});
}

// Check digits by hand: C668668(9) and A123456(3) are the examples of the department that issues
// them, A123456789 the one of Taiwan's.
static void cards_of_hong_kong_macao_taiwan(void) {
    TRY({"香港身份证A123456(3)已核验", "id:A123456(3)"}, {"持C668668(9)入境", "id:C668668(9)"},
        {"身份證號碼：A123456（3）", "id:A123456（3）"},
        {"证件Ａ１２３４５６（３）有效", "id:Ａ１２３４５６（３）"},
        {"HKID A1234563", "id:A1234563"}, {"HKID: A 123456(3)", "id:A 123456(3)"},
        {"\"hkid\":\"A123456(3)\"", "id:A123456(3)"}, {"台湾身份证A123456789", "id:A123456789"},
        {"身分證字號：A123456789", "id:A123456789"},
        {"澳门居民身份证号码：1234567(8)", "id:1234567(8)"});
    TRY({"A123456(4)", ""}, {"订单A1234563已发货", ""}, {"A1234563", ""}, {"A123456789", ""},
        {"型号A123456(3)", ""}, {"序列号：A123456789", ""}, {"文献1234567(8)", ""},
        {"XA123456(3)x", ""}, {"护照号：P6130414", "passport:P6130414"});
}

static void organisations(void) {
    TRY({"统一社会信用代码91350100M000100Y43", "uscc:91350100M000100Y43"},
        {"９１３５０１００Ｍ０００１００Ｙ４３", "uscc:９１３５０１００Ｍ０００１００Ｙ４３"},
        {"9135 0100 M000 100Y 43", "uscc:9135 0100 M000 100Y 43"},
        {"uscc91350100m000100y43", "uscc:91350100m000100y43"},
        {"组织机构代码：12345678-8", "uscc:12345678-8"});
    TRY({"91350100M000100Y44", ""}, {"12345678-8", ""}, {"组织机构代码：12345678-9", ""});
}

static void telephones(void) {
    TRY({"tel:138 0013 8000", "mobile:138 0013 8000"}, {"138.0013.8000", "mobile:138.0013.8000"},
        {"(+86)13800138000", "mobile:(+86)13800138000"},
        {"(010)6275-1234", "landline:(010)6275-1234"},
        {"（0571）88887777", "landline:（0571）88887777"},
        {"010—62751234", "landline:010—62751234"},
        {"０１０－６２７５１２３４", "landline:０１０－６２７５１２３４"},
        {"010-62751234转8012", "landline:010-62751234转8012"},
        {"0755-82345678-601", "landline:0755-82345678-601"},
        {"+86-10-62751234", "landline:+86-10-62751234"},
        {"+86 (0)10 6275 1234", "landline:+86 (0)10 6275 1234"},
        {"400-820-8820", "landline:400-820-8820"}, {"客服4008208820", "landline:4008208820"},
        {"电话：62751234", "landline:62751234"});
    TRY({"4008208820", ""}, {"62751234", ""}, {"编号010-62751234", ""}, {"2023-01-05", ""},
        {"0.01062751234", ""}, {"序列号：C02888326540", ""});
}

static void documents(void) {
    TRY({"护照E12345678", "passport:E12345678"}, {"护照号：G12345678", "passport:G12345678"},
        {"护照EA1234567", "passport:EA1234567"}, {"护照 PE1234567", "passport:PE1234567"},
        {"护照 E 1 2 3 4 5 6 7 8", "passport:E 1 2 3 4 5 6 7 8"},
        {"护照号：142345678", "passport:142345678"}, {"回乡证H1234567800", "permit:H1234567800"},
        {"台胞证号12345678", "permit:12345678"},
        {"往来港澳通行证号码：C12345678", "permit:C12345678"},
        {"通行证CA1234567", "permit:CA1234567"}, {"军字第1234567号", "officer:军字第1234567号"},
        {"军官证：南字第01234567号", "officer:南字第01234567号"});
    TRY({"国药准字H20123456", ""}, {"产品编号E12345678", ""}, {"P12345678", ""},
        {"京字第12345号", ""}, {"C12345678", ""});
}

static void vehicles(void) {
    TRY({"京A12345，粤BD12345", "plate:京A12345|plate:粤BD12345"}, {"京A·12345", "plate:京A·12345"},
        {"粤B12345D", "plate:粤B12345D"}, {"京Ａ１２３４５", "plate:京Ａ１２３４５"},
        {"京 A 1 2 3 4 5", "plate:京 A 1 2 3 4 5"}, {"京A1234挂", "plate:京A1234挂"},
        {"京A·1234学", "plate:京A·1234学"}, {"京A1234警", "plate:京A1234警"},
        {"粤Z1234港", "plate:粤Z1234港"}, {"WJ京12345", "plate:WJ京12345"},
        {"军A12345", "plate:军A12345"}, {"车牌VA·12345", "plate:VA·12345"},
        {"使014578", "plate:使014578"}, {"LSVAM4187C2184847", "vin:LSVAM4187C2184847"},
        {"VIN: 1HGCM82633A004352", "vin:1HGCM82633A004352"},
        {"车架号LSVAA49J132047371", "vin:LSVAA49J132047371"},
        {"1HG CM82633 A004352", "vin:1HG CM82633 A004352"});
    TRY({"京A123456", ""}, {"苏E6高速", ""}, {"VA12345", ""}, {"促使120000人", ""},
        {"1HGCM82633A004353", ""}, {"3c4ccccc4CCc4cccc", ""});
}

static void records(void) {
    TRY({"住院号：ZY2024001234", "mrn:ZY2024001234"}, {"门诊号00123456", "mrn:00123456"},
        {"MRN: 00123456", "mrn:00123456"}, {"Patient ID2732125101", "mrn:2732125101"},
        {"Medical Record Number: 12345678", "mrn:12345678"},
        {"病案号为 ０１２３４５６７", "mrn:０１２３４５６７"},
        {"住院号 1 2 3 4 5 6 7 8", "mrn:1 2 3 4 5 6 7 8"},
        {"医保卡号：A123456789", "insurance:A123456789"},
        {"社保号经查询为012345678901", "insurance:012345678901"});
    TRY({"住院12天", ""}, {"住院费用：12345.32元", ""}, {"门诊人次：1234567", ""},
        {"床号：12345678", ""}, {"住院日期：2024-01-05", ""});
}

static void accounts(void) {
    TRY({"QQ：12345678", "qq:12345678"}, {"加QQ123456789", "qq:123456789"},
        {"QQ群123456789", "qq:123456789"}, {"12345678(QQ)", "qq:12345678"},
        {"微信号 abc_123", "wechat:abc_123"}, {"微信：zhangsan", "wechat:zhangsan"},
        {"WeChat: wx_abc123", "wechat:wx_abc123"}, {"微信13812345678", "mobile:13812345678"},
        {"用户wxid_a1b2c3d4", "wechat:wxid_a1b2c3d4"});
    TRY({"QQ音乐播放456346次", ""}, {"微信小程序abc", ""}, {"12345678", ""},
        {"微信支付单号：1000050001201911110012345678", ""});
}

static void networks(void) {
    TRY({"见https://example.com/a?b=1中文", "url:https://example.com/a?b=1"},
        {"http://192.168.1.1:8080/x。", "url:http://192.168.1.1:8080/x"},
        {"www.example.com，好", "url:www.example.com"},
        {"ｈｔｔｐ：／／ａ．ｃｏｍ／ｂ，", "url:ｈｔｔｐ：／／ａ．ｃｏｍ／ｂ"},
        {"(见 http://a.com/b_(c).)", "url:http://a.com/b_(c)"},
        {"IP：１９２．１６８．１．１", "ip:１９２．１６８．１．１"},
        {"来自10.0.0.8的请求", "ip:10.0.0.8"},
        {"IP：fe80::1ff:fe23:4567:890a", "ip:fe80::1ff:fe23:4567:890a"},
        {"2001:0db8:85a3:0000:0000:8a2e:0370:7334", "ip:2001:0db8:85a3:0000:0000:8a2e:0370:7334"},
        {"MAC：a4:6e:58:26:e7:0f", "mac:a4:6e:58:26:e7:0f"},
        {"AA-BB-CC-DD-EE-FF", "mac:AA-BB-CC-DD-EE-FF"},
        {"MAC:00-1A-2B-3C-4D-5E", "mac:00-1A-2B-3C-4D-5E"}, {"IPv6:2001:db8::1", "ip:2001:db8::1"},
        {"001A.2B3C.4D5E", "mac:001A.2B3C.4D5E"}, {"IMEI：490154203237518", "imei:490154203237518"},
        {"356938035643809", "imei:356938035643809"}, {"ａ＠ｂ．ｃｎ", "email:ａ＠ｂ．ｃｎ"});
    TRY({"版本1.2.3.4", ""}, {"v10.20.30.40", ""}, {"第3.2.1.4节", ""}, {"256.1.1.1", ""},
        {"12:30:45", ""}, {"std::vector", ""}, {"01-05-12-18-22-30", ""}, {"356938035643808", ""},
        {"1.2.3.4.5", ""});
}

static void hosts_without_scheme(void) {
    TRY({"详见example.com.cn的说明", "url:example.com.cn"},
        {"登录taobao.com购物", "url:taobao.com"},
        {"官网：bjhb.gov.cn/news/2023.html。", "url:bjhb.gov.cn/news/2023.html"},
        {"打开t.cn/A6xyz12看看", "url:t.cn/A6xyz12"},
        {"访问mail.pku.edu.cn:8080/login登录", "url:mail.pku.edu.cn:8080/login"},
        {"访问163.com邮箱", "url:163.com"}, {"The site is example.org now.", "url:example.org"},
        {"ｅｘａｍｐｌｅ．ｃｎ，全角", "url:ｅｘａｍｐｌｅ．ｃｎ"},
        {"见ghp.github.io/a", "url:ghp.github.io/a"},
        {"li.cn@example.com", "email:li.cn@example.com"});
    TRY({"report.doc与table.xlsx", ""}, {"setup.exe v1.2.3.4", ""},
        {"README.md main.py run.sh", ""}, {"index.html, node.js, socket.io", ""},
        {"ASP.NET 与 asp.net", ""}, {"com.example.net包", ""}, {"e.g. i.e. U.S.A. Ph.D. a.m.", ""},
        {"Amazon.com股价", ""}, {"结束了.comment", ""}, {"fooo.com.123", ""}, {"a.b.com.c", ""},
        {"com.cn", ""}, {"x.com(1)", ""}, {"console.log.info", ""}, {"data_example.com", ""});
}

static void births_in_words(void) {
    TRY({"一九八五年三月十二日生，汉族", "birth:一九八五年三月十二日"},
        {"男，一九六二年十月三十一日出生于湖南", "birth:一九六二年十月三十一日"},
        {"出生日期：二〇〇一年五月一日", "birth:二〇〇一年五月一日"},
        {"生于二零零三年十二月二十日", "birth:二零零三年十二月二十日"},
        {"出生年月：一九七八年六月", "birth:一九七八年六月"},
        {"生于一九五六年腊月廿三", "birth:一九五六年腊月廿三"},
        {"生日1985年三月十二日", "birth:1985年三月十二日"},
        {"85年3月12日出生", "birth:85年3月12日"}, {"生于62年8月", "birth:62年8月"});
    TRY({"一九四九年十月一日成立", ""}, {"二〇二〇年一月一日生效", ""}, {"出生一九八五年", ""},
        {"生于一九八五年十三月", ""}, {"一七八五年三月生", ""});
}

static void names_of_letters(void) {
    TRY({"微信号 zhangsan_abc", "wechat:zhangsan_abc"}, {"加微信 abcdefgh", "wechat:abcdefgh"},
        {"加微信lihuaxiao咨询", "wechat:lihuaxiao"}, {"wx abcdefgh", "wechat:abcdefgh"},
        {"wx：abcdefg", "wechat:abcdefg"}, {"加wx xiaoming领资料", "wechat:xiaoming"},
        {"我的微信wang-xiaoer", "wechat:wang-xiaoer"}, {"VX liumeimei", "wechat:liumeimei"});
    TRY({"微信 Android 版本更新", ""}, {"微信iPhone客户端", ""}, {"用微信 mini program 开发", ""},
        {"安装wx python包", ""}, {"加微信 official account", ""}, {"关注微信公众号 healthnews", ""},
        {"swx abcdefgh", ""}, {"a.vx abcdefgh", ""});
}

static void lists_go_on(void) {
    TRY({"住院号/门诊号：1234567/7654321", "mrn:1234567|mrn:7654321"},
        {"QQ：12345678、23456789", "qq:12345678|qq:23456789"},
        {"住院号：1234567，2345678和3456789", "mrn:1234567|mrn:2345678|mrn:3456789"});
    TRY({"电话：021-62345678、62345679", "landline:021-62345678|landline:62345679"},
        {"手机/微信：13812345678", "mobile:13812345678"},
        {"IMEI：490154203237518/356938035643809", "imei:490154203237518|imei:356938035643809"},
        {"订单号：13812345679，联系电话：13812345678", "mobile:13812345678"},
        {"11010519491231002X_1.jpg", "id:11010519491231002X"},
        {"张三-11010519491231002X-13812345678.pdf", "id:11010519491231002X|mobile:13812345678"},
        {"银行卡（6222021234567890128）挂失", "card:6222021234567890128"},
        {"就诊卡号 1234 5678 9012", "mrn:1234 5678 9012"},
        {"【住院号】00123456【床号】05", "mrn:00123456"});
    TRY({"021-62345678/62345679", "landline:021-62345678|landline:62345679"},
        {"QQ：12345678,23456789", "qq:12345678"});
    TRY({"住院号：1234567，20230512入院", "mrn:1234567"}, {"QQ：12345678，12元", "qq:12345678"});
}

static void places_and_people(void) {
    TRY({"39.9042,116.4074", "coordinates:39.9042,116.4074"},
        {"东经116°23′29″，北纬39°54′20″", "coordinates:东经116°23′29″，北纬39°54′20″"},
        {"N39.9042 E116.4074", "coordinates:N39.9042 E116.4074"},
        {"lng: 121.4737, lat: 31.2304", "coordinates:121.4737, lat: 31.2304"},
        {"坐标(116.397428，39.90923)", "coordinates:116.397428，39.90923"},
        {"出生日期：1990-01-01", "birth:1990-01-01"}, {"1990年1月1日出生", "birth:1990年1月1日"},
        {"生日5月20日", "birth:5月20日"}, {"born on January 1, 1990", "birth:January 1, 1990"},
        {"DOB: 01/02/1990", "birth:01/02/1990"}, {"出生年月：199001", ""},
        {"生于19900101", "birth:19900101"}, {"男，92岁", "age:92岁"}, {"年龄：95", "age:95"},
        {"aged 93", "age:93"}, {"享年九十二岁", "age:九十二岁"}, {"一百零三岁", "age:一百零三岁"},
        {"91-year-old man", "age:91-year-old"}, {"90多岁的老人", "age:90多岁"},
        {"九十多岁老太", "age:九十多岁"}, {"一百零二岁", "age:一百零二岁"});
    TRY({"89岁", ""}, {"80-90岁", ""}, {"90岁以上", ""}, {"八十九岁", ""}, {"2020年1月1日生效", ""},
        {"1990年1月1日入院", ""}, {"1.75/1.70", ""}, {"45.1234,98.43", ""}, {"195岁", ""},
        {"80多岁", ""}, {"90多个", ""}, {"八十多岁", ""});
}

static void decoys(void) {
    TRY({"快递单号SF1234567890123", ""}, {"订单号：202401011234567890", ""},
        {"ISBN 978-7-111-12345-6", ""}, {"发票号码：12345678", ""}, {"金额12345678.90元", ""},
        {"时间戳1609459200000", ""}, {"ICD-10编码 J18.900", ""},
        {"uuid 550e8400-e29b-41d4-a716-446655440000", ""}, {"合同编号：HT-20240101-0012", ""},
        {"白细胞6.52×10^9/L，血压120/80mmHg", ""});
}

static void counts_are_no_telephones(void) {
    TRY({"白细胞13812345678个", ""}, {"浓度13800138000mol", ""}, {"共13812345678人次", ""},
        {"手机13812345678个人使用", "mobile:13812345678"});
}

// Words as they are written in Hong Kong, Macao and Taiwan.
static void words_of_old_form(void) {
    TRY({"護照號碼：142345678", "passport:142345678"}, {"住院號：1234567", "mrn:1234567"},
        {"訂單號：13812345678", ""}, {"車架號LSVAM4187C2184847", "vin:LSVAM4187C2184847"},
        {"電話：62751234", "landline:62751234"});
}

static void the_surest_kind_wins(void) {
    TRY({"医保号：11010519491231002X", "id:11010519491231002X"},
        {"住院号：13812345678", "mrn:13812345678"},
        {"https://a.com/?p=13812345678", "url:https://a.com/?p=13812345678"},
        {"QQ邮箱：12345678@qq.com", "email:12345678@qq.com"});
    // A URL that is not asked for hides nothing.
    struct personal_hit hit;
    struct str text = STR("https://a.com/?p=13812345678");
    CHECK_EQ(personal_scan(text, PERSONAL_BIT(PERSONAL_MOBILE), &hit, 1), 1);
    CHECK_EQ(hit.start, 17);
}

static void a_kind_asked_for_is_the_word(void) {
    enum personal_kind kind = PERSONAL_ID;
    CHECK(personal_whole(STR(" 2024001234 "), PERSONAL_BIT(PERSONAL_MRN), &kind));
    CHECK_EQ(kind, PERSONAL_MRN);
    CHECK(personal_whole(STR("12345678"), PERSONAL_BIT(PERSONAL_QQ), &kind));
    CHECK(personal_whole(STR("12345678-8"), PERSONAL_BIT(PERSONAL_USCC), &kind));
    CHECK(!personal_whole(STR("无"), PERSONAL_BIT(PERSONAL_MRN), &kind));
    CHECK(!personal_whole(STR("2024001234"), PERSONAL_IDENTIFIERS, &kind));
    CHECK(!personal_whole(STR("110105194912310021"), PERSONAL_BIT(PERSONAL_ID), &kind));
}

int main(void) {
    CHECK_RUN(resident_ids);
    CHECK_RUN(cards_of_hong_kong_macao_taiwan);
    CHECK_RUN(organisations);
    CHECK_RUN(telephones);
    CHECK_RUN(documents);
    CHECK_RUN(vehicles);
    CHECK_RUN(records);
    CHECK_RUN(accounts);
    CHECK_RUN(networks);
    CHECK_RUN(places_and_people);
    CHECK_RUN(hosts_without_scheme);
    CHECK_RUN(births_in_words);
    CHECK_RUN(names_of_letters);
    CHECK_RUN(lists_go_on);
    CHECK_RUN(counts_are_no_telephones);
    CHECK_RUN(words_of_old_form);
    CHECK_RUN(decoys);
    CHECK_RUN(the_surest_kind_wins);
    CHECK_RUN(a_kind_asked_for_is_the_word);
    return check_done();
}
