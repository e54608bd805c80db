// Personal data in text: every kind glued to Chinese, full-width, in groups; decoys; and a
// generator that shares nothing with the detector.
#include "check.h"
#include "data/detect/detect.h"

// "kind:text kind:text" of all hits.
static const char *found(const char *text) {
    static char out[4096];
    struct personal_hit hits[32];
    struct str s = str_of(text);
    size_t count = personal_scan(s, PERSONAL_IDENTIFIERS, hits, 32), used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && i < 32; i++) {
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%s:%.*s", i ? "|" : "",
                                 personal_kind_name(hits[i].kind), (int)hits[i].size,
                                 text + hits[i].start);
    }
    return out;
}

static void finds_resident_ids(void) {
    CHECK_STR(found("11010519491231002X"), "id:11010519491231002X");
    CHECK_STR(found("身份证11010519491231002x男"), "id:11010519491231002x");
    CHECK_STR(found("440524188001010014"), "id:440524188001010014");
    CHECK_STR(found("证号：１１０１０５１９４９１２３１００２Ｘ。"),
              "id:１１０１０５１９４９１２３１００２Ｘ");
    CHECK_STR(found("110105 19491231 002X"), "id:110105 19491231 002X");
    CHECK_STR(found("110105-19491231-002-X"), "id:110105-19491231-002-X");
    CHECK_STR(found("1101 0519 4912 3100 2X"), "id:1101 0519 4912 3100 2X");
    CHECK_STR(found("1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X"),
              "id:1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X");
    CHECK_STR(found("身份证号11010519\n491231002X电话"), "id:11010519\n491231002X");
    CHECK_STR(found("身份证号11010519\r\n491231002X电话"), "id:11010519\r\n491231002X");
    CHECK_STR(found("旧证110105491231002号"), "id:110105491231002");
}

static void refuses_what_is_no_id(void) {
    CHECK_STR(found("110105194912310021"), "");  // check digit
    CHECK_STR(found("11010519490231002X"), "");  // 31 February
    CHECK_STR(found("10010519491231002X"), "");  // no such region
    CHECK_STR(found("911010519491231002X"), ""); // within a longer run
    CHECK_STR(found("11010519491231002X5"), "");
    CHECK_STR(found("110105491331002"), ""); // month 13
    CHECK_STR(found("110105491231002.5"), "");
}

static void finds_mobiles(void) {
    CHECK_STR(found("电话13812345678。"), "mobile:13812345678");
    CHECK_STR(found("+8613812345678"), "mobile:+8613812345678");
    CHECK_STR(found("0086-13812345678"), "mobile:0086-13812345678");
    CHECK_STR(found("＋８６ １３８１２３４５６７８"), "mobile:＋８６ １３８１２３４５６７８");
    CHECK_STR(found("+86 138 1234 5678"), "mobile:+86 138 1234 5678");
    CHECK_STR(found("138-1234-5678"), "mobile:138-1234-5678");
    CHECK_STR(found("联系１３８１２３４５６７８找他"), "mobile:１３８１２３４５６７８");
    CHECK_STR(found("1 3 8 1 2 3 4 5 6 7 8"), "mobile:1 3 8 1 2 3 4 5 6 7 8");
    CHECK_STR(found("13812345678 13912345678"), "mobile:13812345678|mobile:13912345678");
    CHECK_STR(found("2023-01-05 13812345678"), "mobile:13812345678");
    CHECK_STR(found("tel13812345678转8"), "mobile:13812345678");
    CHECK_STR(found("010-13812345678"), "mobile:13812345678");
    CHECK_STR(found("13812345678,13912345678"), "mobile:13812345678|mobile:13912345678");
}

static void refuses_what_is_no_mobile(void) {
    CHECK_STR(found("12812345678"), "");
    CHECK_STR(found("138123456789"), "");
    CHECK_STR(found("0.13812345678"), "");
    CHECK_STR(found("13812345678.25"), "");
    CHECK_STR(found("￥13812345678"), "");
    CHECK_STR(found("13812345678元"), "");
    CHECK_STR(found("订单号：13812345678"), "");
    CHECK_STR(found("a13812345678f"), "");
    CHECK_STR(found("9f3a13812345678c"), "");
    CHECK_STR(found("138 1234 56789"), "");
    CHECK_STR(found("1700000000000"), ""); // milliseconds
}

static void finds_cards(void) {
    CHECK_STR(found("卡号6222021234567890128"), "card:6222021234567890128");
    CHECK_STR(found("4111 1111 1111 1111"), "card:4111 1111 1111 1111");
    CHECK_STR(found("6222-0212-3456-7890-128"), "card:6222-0212-3456-7890-128");
    CHECK_STR(found("378282246310005"), "card:378282246310005");
    CHECK_STR(found("4111111111111112"), "");     // Luhn
    CHECK_STR(found("41111111111111111"), "");    // within a longer run
    CHECK_STR(found("1234567812345670"), "");     // no issuer
    CHECK_STR(found("订单4111111111111111"), ""); // a thing's number
}

static void finds_addresses_of_mail(void) {
    CHECK_STR(found("邮箱zhang.san+a@example.com.cn，"), "email:zhang.san+a@example.com.cn");
    CHECK_STR(found("13812345678@139.com"), "email:13812345678@139.com");
    CHECK_STR(found("a13812345678@139.com"), "email:a13812345678@139.com");
    CHECK_STR(found("发到x@y.cn。13812345678"), "email:x@y.cn|mobile:13812345678");
    CHECK_STR(found("x＠y.cn"), "email:x＠y.cn");
    CHECK_STR(found("@y.cn x@ x@y x@y.1 a@b@"), "");
    CHECK_STR(found("a@b.com.123"), "email:a@b.com");
    CHECK_STR(found("x.@y.cn"), "");
}

static void hits_come_in_order_and_apart(void) {
    char text[600];
    struct personal_hit hits[64];
    static const char *const pieces[] = {"1",  "3",  "8",  "0",   "6",           "2",
                                         "１", " ",  "-",  "@",   ".com",        "x",
                                         "X",  "卡", "\n", "+86", "13812345678", "\xEF\xBC"};
    for (int round = 0; round < 20000; round++) {
        size_t used = 0;
        while (used < 100 + check_below(400)) {
            const char *piece = pieces[check_below(sizeof pieces / sizeof pieces[0])];
            memcpy(text + used, piece, strlen(piece));
            used += strlen(piece);
        }
        size_t count = personal_scan((struct str){text, used}, PERSONAL_IDENTIFIERS, hits, 64);
        REQUIRE(count <= 64);
        for (size_t i = 0; i < count; i++) {
            REQUIRE(hits[i].size > 0 && hits[i].start + hits[i].size <= used);
            REQUIRE(i == 0 || hits[i].start >= hits[i - 1].start + hits[i - 1].size);
        }
        CHECK_EQ(personal_scan((struct str){text, used}, PERSONAL_IDENTIFIERS, hits, 0), count);
    }
}

// ---- the generator: by the wording of the standards, not by the detector's code -----------------

static void make_id(char out[19]) {
    static const char *const regions[] = {"110105", "310115", "440524", "513021",
                                          "500103", "659001", "429004"};
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int month = (int)check_below(12);
    snprintf(out, 19, "%s%d%02d%02d%03d", regions[check_below(sizeof regions / sizeof regions[0])],
             (int)(1920 + check_below(105)), month + 1,
             (int)(1 + check_below((uint64_t)lengths[month])), (int)check_below(1000));
    // ISO 7064: a_i * 2^(18-i) summed over all places is 1 modulo 11.
    int rest = 0;
    for (int i = 0; i < 17; i++) rest = (rest * 2 + (out[i] - '0')) % 11;
    int last = ((1 - rest * 2) % 11 + 11) % 11;
    out[17] = last == 10 ? 'X' : (char)('0' + last);
    out[18] = '\0';
}

static void make_card(char out[20]) {
    static const char *const starts[] = {"622202", "621700", "625912",
                                         "411111", "955880", "436742"};
    static const int sizes[] = {19, 19, 16, 16, 19, 19};
    size_t which = check_below(6);
    int size = sizes[which], sum = 0;
    snprintf(out, 20, "%s", starts[which]);
    for (int i = 6; i < size - 1; i++) out[i] = (char)('0' + check_below(10));
    static const int doubled[] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
    for (int i = 0; i < size - 1; i++) {
        int value = out[i] - '0';
        sum += (size - i) % 2 == 0 ? doubled[value] : value;
    }
    out[size - 1] = (char)('0' + (10 - sum % 10) % 10);
    out[size] = '\0';
}

// Writes `plain` as people do: style 0 as it is, 1 full-width, 2 in groups of four, 3 with hyphens,
// 4 every place apart.
static void dress(const char *plain, int style, char *out) {
    size_t used = 0;
    for (size_t i = 0; plain[i]; i++) {
        if (i > 0 && ((style == 2 && i % 4 == 0) || style == 4)) out[used++] = ' ';
        if (i > 0 && style == 3 && i % 4 == 0) out[used++] = '-';
        if (style == 1) {
            memcpy(out + used, plain[i] == 'X' ? "Ｘ" : "０", 3);
            if (plain[i] != 'X') out[used + 2] = (char)(out[used + 2] + (plain[i] - '0'));
            used += 3;
        } else {
            out[used++] = plain[i];
        }
    }
    out[used] = '\0';
}

static void finds_all_that_is_generated(void) {
    static const char *const before[] = {"", "患者王某，", "证", "号码：", "（", "tel "};
    static const char *const after[] = {"", "，男", "已核", "）", "。"};
    for (int round = 0; round < 20000; round++) {
        char plain[32], dressed[128], text[256];
        int kind = (int)check_below(3);
        if (kind == 0) make_id(plain);
        if (kind == 1) make_card(plain);
        if (kind == 2)
            snprintf(plain, sizeof plain, "1%d%09d", (int)(3 + check_below(7)),
                     (int)check_below(1000000000));
        int style = (int)check_below(5);
        if (kind == 2 && (style == 2 || style == 3)) style = 0; // a mobile is grouped 3-4-4
        dress(plain, style, dressed);
        const char *front = before[check_below(6)], *back = after[check_below(5)];
        snprintf(text, sizeof text, "%s%s%s", front, dressed, back);
        struct personal_hit hits[4];
        size_t count = personal_scan(str_of(text), PERSONAL_IDENTIFIERS, hits, 4);
        static const enum personal_kind kinds[] = {PERSONAL_ID, PERSONAL_CARD, PERSONAL_MOBILE};
        bool good = count == 1 && hits[0].kind == kinds[kind] && hits[0].start == strlen(front) &&
                    hits[0].size == strlen(dressed);
        if (!check_that(good, __FILE__, __LINE__, "missed or wrong: \"%s\"", text)) return;
    }
}

static void one_changed_digit_is_no_id(void) {
    for (int round = 0; round < 20000; round++) {
        char plain[19];
        make_id(plain);
        size_t at = check_below(17);
        plain[at] = (char)('0' + (plain[at] - '0' + 1 + (int)check_below(9)) % 10);
        struct personal_hit hits[4];
        size_t count = personal_scan(str_of(plain), PERSONAL_IDENTIFIERS, hits, 4);
        bool good = count == 0 || hits[0].kind != PERSONAL_ID;
        if (!check_that(good, __FILE__, __LINE__, "taken for an ID: %s", plain)) return;
    }
}

// Hits counted by eye: real numbers, addresses and birthdays that people left in reviews and
// articles, and nothing in tables of measurements.
static void real_text_has_what_it_has(void) {
    static const struct {
        const char *name;
        size_t hits;
    } files[] = {{"text/cold_offensive_train.csv", 22}, {"text/hotel_reviews.csv", 16},
                 {"text/takeaway_reviews.csv", 3},      {"names_places/cluener_train.jsonl", 45},
                 {"text/wikitext2_valid.txt", 2},       {"text/cmrc2018_dev.json", 12},
                 {"urban/beijing_pm25.csv", 0},         {"names_places/dist__streets.csv", 0},
                 {"traces/philly_first_half.csv", 0}};
    const char *data = getenv("COURTYARD_DATA");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", data ? data : "../shared/data", files[i].name);
        FILE *file = fopen(path, "rb");
        if (!file) CHECK_SKIP("no shared data");
        static char text[8 << 20];
        size_t size = fread(text, 1, sizeof text, file);
        fclose(file);
        size_t hits = personal_scan((struct str){text, size}, PERSONAL_IDENTIFIERS, NULL, 0);
        check_that(hits == files[i].hits, __FILE__, __LINE__, "%s: got %zu hits, want %zu",
                   files[i].name, hits, files[i].hits);
    }
}

static void names_its_kinds(void) {
    enum personal_kind kind = PERSONAL_ID;
    CHECK(personal_kind_from_name(STR("email"), &kind));
    CHECK_EQ(kind, PERSONAL_EMAIL);
    CHECK(!personal_kind_from_name(STR("mail"), &kind));
    CHECK_STR(personal_kind_name(PERSONAL_CARD), "card");
}

int main(void) {
    CHECK_RUN(finds_resident_ids);
    CHECK_RUN(refuses_what_is_no_id);
    CHECK_RUN(finds_mobiles);
    CHECK_RUN(refuses_what_is_no_mobile);
    CHECK_RUN(finds_cards);
    CHECK_RUN(finds_addresses_of_mail);
    CHECK_RUN(hits_come_in_order_and_apart);
    CHECK_RUN(finds_all_that_is_generated);
    CHECK_RUN(one_changed_digit_is_no_id);
    CHECK_RUN(real_text_has_what_it_has);
    CHECK_RUN(names_its_kinds);
    return check_done();
}
