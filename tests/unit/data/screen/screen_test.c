// A text that comes in pieces is masked alike however it is cut, nothing personal leaves, and what
// is held back is bounded.
#include "data/screen/screen.h"

#include "base/memory.h"
#include "check.h"

enum { SECRETS_MAX = 400, SECRET_BYTES = 80 };
struct story {
    struct buf text;
    char secret[SECRETS_MAX][SECRET_BYTES];
    uint32_t count;
};
static struct story story;

static bool holds(struct str text, const char *part) {
    return memmem(text.data, text.size, part, strlen(part)) != NULL;
}

// ---- texts with personal data in them ----------------------------------------------------------

static void digits(char *out, int count) {
    for (int i = 0; i < count; i++) out[i] = (char)('0' + check_below(10));
    out[count] = '\0';
}

static void make_mobile(char out[static SECRET_BYTES]) {
    out[0] = '1';
    out[1] = (char)('3' + 2 * check_below(3)); // 13, 15, 17 …
    digits(out + 2, 9);
    if (out[1] == '7') out[2] = '6';
    if (out[1] == '5' && out[2] == '4') out[2] = '3';
}

static void make_id(char out[static SECRET_BYTES]) {
    static const char *const regions[] = {"110105", "310101", "440106", "510104", "330102"};
    static const int weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    snprintf(out, SECRET_BYTES, "%s19%02u%02u%02u%03u", regions[check_below(5)],
             50 + (unsigned)check_below(49), 1 + (unsigned)check_below(12),
             1 + (unsigned)check_below(28), 100 + (unsigned)check_below(900));
    for (int i = 0; i < 17; i++) sum += (out[i] - '0') * weights[i];
    out[17] = "10X98765432"[sum % 11];
    out[18] = '\0';
}

static void make_card(char out[static SECRET_BYTES]) {
    int sum = 0;
    memcpy(out, "622202", 6);
    digits(out + 6, 12);
    for (int i = 0; i < 18; i++) { // the check digit stands behind: every second from the last on
        int d = out[i] - '0';
        if (i % 2) d = d * 2 > 9 ? d * 2 - 9 : d * 2;
        sum += d;
    }
    out[18] = (char)('0' + (10 - sum % 10) % 10);
    out[19] = '\0';
}

static void make_mail(char out[static SECRET_BYTES]) {
    char number[8];
    digits(number, 5);
    snprintf(out, SECRET_BYTES, "li.wei%s@hospital.org.cn", number);
}

static void make_name(char out[static SECRET_BYTES]) {
    static const char *const names[] = {"王建国", "李秀英", "张伟强", "欧阳明华", "陈丽娟"};
    snprintf(out, SECRET_BYTES, "%s", names[check_below(5)]);
}

static void make_address(char out[static SECRET_BYTES]) {
    snprintf(out, SECRET_BYTES, "北京市海淀区中关村南大街%u号院%u号楼%u室",
             1 + (unsigned)check_below(200), 1 + (unsigned)check_below(30),
             101 + (unsigned)check_below(900));
}

static const struct {
    const char *before, *behind;
    void (*make)(char out[static SECRET_BYTES]);
    bool tagged;
} sentences[] = {
    {"患者姓名：", "，女，住院治疗。", make_name, true},
    {"家庭住址：", "。", make_address, true},
    {"身份证号", "，请核对。", make_id, false},
    {"证件号码：\n", "\n", make_id, false},
    {"请拨打", "联系家属！", make_mobile, false},
    {"His number is ", ". Please call him. ", make_mobile, false},
    {"卡号 ", "；", make_card, false},
    {"发到", "，谢谢。", make_mail, false},
    {"Mail to ", " and wait.\n", make_mail, false},
};
static const char *const fillers[] = {"今天天气很好，适合出门散步。",
                                      "血压140/90，心率72次/分。",
                                      "The patient was discharged in 2023. ",
                                      "共计3项检查，费用125.50元；",
                                      "模型的答案仅供参考，请以医生的意见为准。\n",
                                      "\n\n1. 多喝水\n2. 早睡\n",
                                      "版本v1.2.3已发布！"};

static void story_tell(size_t parts, bool tagged) {
    buf_clear(&story.text);
    story.count = 0;
    for (size_t i = 0; i < parts; i++) {
        size_t k = check_below(sizeof sentences / sizeof *sentences);
        if (check_below(2) || story.count == SECRETS_MAX) {
            buf_add_text(&story.text, fillers[check_below(sizeof fillers / sizeof *fillers)]);
            continue;
        }
        if (sentences[k].tagged && !tagged) continue;
        char *secret = story.secret[story.count++];
        sentences[k].make(secret);
        buf_add_text(&story.text, sentences[k].before);
        buf_add_text(&story.text, secret);
        buf_add_text(&story.text, sentences[k].behind);
    }
}

// ---- in pieces ---------------------------------------------------------------------------------

// A random piece of whole characters, mostly as short as a token.
static size_t piece_end(struct str text, size_t at, size_t most) {
    size_t end = at + 1 + check_below(check_below(8) == 0 ? 20 * most : most);
    if (end > text.size) end = text.size;
    while (end < text.size && ((uint8_t)text.data[end] & 0xC0) == 0x80) end++;
    return end;
}

// `most` 0: all at once.
static void masked(struct str text, size_t most, bool stops, struct buf *out,
                   struct screen_found *found, bool *out_stopped) {
    struct screen *screen;
    *found = (struct screen_found){0};
    buf_clear(out);
    REQUIRE(screen_open(stops, &screen) == OK);
    for (size_t at = 0, end; at < text.size; at = end) {
        end = most ? piece_end(text, at, most) : text.size;
        CHECK_EQ(screen_put(screen, (struct str){text.data + at, end - at}, out, found), OK);
    }
    CHECK_EQ(screen_end(screen, out, found), OK);
    if (out_stopped) *out_stopped = screen_stopped(screen);
    screen_close(screen);
}

static void same_counts(const struct screen_found *got, const struct screen_found *want) {
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        if (!CHECK_EQ(got->of[kind], want->of[kind])) {
            fprintf(stderr, "   kind %s\n", personal_kind_name((enum personal_kind)kind));
        }
    }
}

static void pieces_make_no_difference(void) {
    struct buf whole, pieces;
    struct screen_found all, some;
    buf_open(&whole, 1 << 20);
    buf_open(&pieces, 1 << 20);
    for (int round = 0; round < 60; round++) {
        story_tell(1 + check_below(60), true);
        struct str text = buf_str(&story.text);
        masked(text, 0, false, &whole, &all, NULL);
        for (uint32_t i = 0; i < story.count; i++) {
            if (!CHECK(!holds(buf_str(&whole), story.secret[i]))) {
                fprintf(stderr, "%s in %.*s\n", story.secret[i], STR_ARG(text));
                return;
            }
        }
        CHECK(screen_count(&all) >= story.count);
        for (size_t most = 1; most <= 64; most *= 4) {
            masked(text, most, false, &pieces, &some, NULL);
            REQUIRE(CHECK_BYTES(pieces.data, pieces.size, whole.data, whole.size));
            same_counts(&some, &all);
        }
    }
    buf_close(&pieces);
    buf_close(&whole);
}

// Numbers and what is beside them, in any order: what is decided does not depend on the pieces.
static void noise_makes_no_difference(void) {
    static const char *const parts[] = {"1",      "38",
                                        "0",      "6",
                                        "２",     " ",
                                        "-",      "@",
                                        ".com",   "x",
                                        "X",      "卡",
                                        "\n",     "+86",
                                        "岁",     "年",
                                        "。",     ". ",
                                        "号",     "张",
                                        "三丰",   "路",
                                        "138",    "13812345678",
                                        "：",     "11010519491231002X",
                                        "姓名：", "身份证",
                                        "北京市", "; ",
                                        "，"};
    struct buf text, whole, pieces;
    struct screen_found all, some;
    buf_open(&text, 1 << 20);
    buf_open(&whole, 1 << 20);
    buf_open(&pieces, 1 << 20);
    for (int round = 0; round < 150; round++) {
        size_t bytes = 1 + check_below(check_below(10) == 0 ? 8000 : 900);
        buf_clear(&text);
        while (text.size < bytes) {
            buf_add_text(&text, parts[check_below(sizeof parts / sizeof *parts)]);
        }
        masked(buf_str(&text), 0, false, &whole, &all, NULL);
        masked(buf_str(&text), 1 + check_below(12), false, &pieces, &some, NULL);
        REQUIRE(CHECK_BYTES(pieces.data, pieces.size, whole.data, whole.size));
        same_counts(&some, &all);
    }
    buf_close(&pieces);
    buf_close(&whole);
    buf_close(&text);
}

// Identifiers, which stand by themselves, are the same as in a look at the whole text.
static void pieces_find_what_the_whole_has(void) {
    struct buf whole, pieces;
    struct screen_found all, some;
    buf_open(&whole, 1 << 20);
    buf_open(&pieces, 1 << 20);
    for (int round = 0; round < 60; round++) {
        story_tell(1 + check_below(80), false);
        all = (struct screen_found){0};
        buf_clear(&whole);
        CHECK_EQ(screen_text(buf_str(&story.text), &whole, &all), OK);
        masked(buf_str(&story.text), 5, false, &pieces, &some, NULL);
        REQUIRE(CHECK_BYTES(pieces.data, pieces.size, whole.data, whole.size));
        same_counts(&some, &all);
    }
    buf_close(&pieces);
    buf_close(&whole);
}

static void stopping_gives_nothing_of_what_was_found(void) {
    struct buf whole, pieces;
    struct screen_found all, some;
    bool stopped, again;
    buf_open(&whole, 1 << 20);
    buf_open(&pieces, 1 << 20);
    for (int round = 0; round < 60; round++) {
        story_tell(1 + check_below(30), true);
        struct str text = buf_str(&story.text);
        masked(text, 0, true, &whole, &all, &stopped);
        masked(text, 4, true, &pieces, &some, &again);
        CHECK_BYTES(pieces.data, pieces.size, whole.data, whole.size);
        CHECK_EQ(again, stopped);
        CHECK_EQ(stopped, screen_count(&all) > 0);
        CHECK(!story.count || stopped);
        CHECK(whole.size <= text.size && memcmp(whole.data, text.data, whole.size) == 0);
        for (uint32_t i = 0; i < story.count; i++) CHECK(!holds(buf_str(&whole), story.secret[i]));
    }
    buf_close(&pieces);
    buf_close(&whole);
}

static const char *mask_of(const char *text) {
    static char out[4096];
    struct buf masked_text;
    struct screen_found found;
    buf_open(&masked_text, sizeof out - 1);
    masked(str_of(text), 2, false, &masked_text, &found, NULL);
    memcpy(out, masked_text.data ? masked_text.data : "", masked_text.size);
    out[masked_text.size] = '\0';
    buf_close(&masked_text);
    return out;
}

static void words_stand_for_kinds(void) {
    CHECK_STR(mask_of(""), "");
    CHECK_STR(mask_of("电话13812345678。"), "电话[手机号]。");
    CHECK_STR(mask_of("身份证号11010519\n491231002X电话"), "身份证号[身份证号]电话");
    CHECK_STR(mask_of("患者姓名：王建国，女。王建国已出院。"),
              "患者姓名：[姓名]，女。[姓名]已出院。");
    CHECK_STR(mask_of("他去了北京。"), "他去了北京。");
    CHECK_STR(mask_of("服务器192.168.1.1，见https://a.cn/b"),
              "服务器192.168.1.1，见https://a.cn/b");
    CHECK_STR(mask_of("身份证号：\n11010519491231002X\n"), "身份证号：\n[身份证号]\n");
}

static void names_are_known_again(void) {
    struct buf text, out;
    struct screen_found found;
    buf_open(&text, 1 << 20);
    buf_open(&out, 1 << 20);
    buf_add_text(&text, "患者姓名：欧阳明华，女。");
    for (int i = 0; i < 100; i++) buf_add_text(&text, "今天天气很好，适合出门散步。");
    buf_add_text(&text, "(欧阳明华)");
    masked(buf_str(&text), 3, false, &out, &found, NULL);
    CHECK(!holds(buf_str(&out), "欧阳明华"));
    CHECK_EQ(found.of[PERSONAL_NAME], 2);
    buf_close(&out);
    buf_close(&text);
}

static void little_is_held_back(void) {
    struct buf out;
    struct screen_found found = {0};
    struct screen *screen;
    size_t given = 0;
    buf_open(&out, 1 << 20);
    REQUIRE(screen_open(false, &screen) == OK);
    // A sentence without a number leaves as soon as it is over.
    CHECK_EQ(screen_put(screen, STR("今天天气很好。我们"), &out, &found), OK);
    CHECK_EQ(out.size, strlen("今天天气很好。"));
    given = strlen("今天天气很好。我们");
    for (int i = 0; i < 2000; i++) { // no end of a sentence at all
        CHECK_EQ(screen_put(screen, STR("字"), &out, &found), OK);
        given += 3;
        CHECK(given - out.size <= SCREEN_STRETCH_BYTES + SCREEN_REACH_BYTES + 3);
    }
    CHECK_EQ(screen_end(screen, &out, &found), OK);
    CHECK_EQ(out.size, given);
    screen_close(screen);
    buf_close(&out);
}

int main(void) {
    buf_open(&story.text, 1 << 20);
    CHECK_RUN(words_stand_for_kinds);
    CHECK_RUN(pieces_make_no_difference);
    CHECK_RUN(noise_makes_no_difference);
    CHECK_RUN(pieces_find_what_the_whole_has);
    CHECK_RUN(stopping_gives_nothing_of_what_was_found);
    CHECK_RUN(names_are_known_again);
    CHECK_RUN(little_is_held_back);
    buf_close(&story.text);
    return check_done();
}
