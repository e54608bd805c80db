// Normal forms: every flag, Chinese punctuation that must not be harmed, doing it twice is doing it
// once, the fast look against the plain one, real files.
#include "base/memory.h"
#include "base/text.h"
#include "check.h"
#include "data/language/normalise_private.h"
#include "support/scratch.h"

static uint64_t counts[CHANGE_COUNT];

static const char *normal(const char *text, uint32_t flags) {
    static char room[8192];
    struct buf out;
    buf_open(&out, 1 << 20);
    memset(counts, 0, sizeof counts);
    CHECK_EQ(text_normalise(str_of(text), flags, &out, counts), OK);
    snprintf(room, sizeof room, "%.*s", STR_ARG(buf_str(&out)));
    uint64_t all = 0;
    for (int i = 0; i < CHANGE_COUNT; i++) all += counts[i];
    CHECK_EQ(all > 0, strcmp(room, text) != 0);
    buf_close(&out);
    return room;
}

static void control_characters_go(void) {
    CHECK_STR(normal("\xEF\xBB\xBFx\x01y\tz\n\xC2\x85​张‍三­", NORMALISE_CONTROL),
              "xy\tz\n张三");
    CHECK_EQ(counts[CHANGE_CONTROL], 2);
    CHECK_EQ(counts[CHANGE_INVISIBLE], 4);
    CHECK_STR(normal("👨‍👩 می‌خواهم", NORMALISE_CONTROL),
              "👨‍👩 می‌خواهم");
    CHECK_STR(normal("a\xFF\xE4\xB8 b", NORMALISE_CONTROL),
              "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD b");
    CHECK_EQ(counts[CHANGE_INVALID], 3);
}

static void width(void) {
    CHECK_STR(normal("ＣＴ１２３，（ａ）", NORMALISE_LETTERS), "CT123，（a）");
    CHECK_STR(normal("血压１２０／８０ｍｍＨｇ，体温３７．５℃", NORMALISE_WIDTH),
              "血压120/80mmHg，体温37.5℃");
    CHECK_STR(normal("ＷＢＣ＞＝５．２×１０＾９／Ｌ", NORMALISE_WIDTH), "WBC>=5.2×10^9/L");
    CHECK_STR(normal("费用１，０００元，３，４天，１０：３０到院", NORMALISE_WIDTH),
              "费用1,000元，3，4天，10:30到院");
    CHECK_STR(normal("Ｈｅｌｌｏ，ｗｏｒｌｄ！（１）", NORMALISE_WIDTH), "Hello,world!(1)");
    CHECK_STR(normal("ｶﾞｽﾊﾟ ｱﾞ ﾞ", NORMALISE_WIDTH), "ガスパ ア゛ ゛");
    // What is not to be touched.
    static const char *const kept[] = {"行CT，MRI检查；结果：阴性（-），复查！",
                                       "“你好”，‘他’说：《书》——【注】……、。？",
                                       "阳性（＋＋），疼痛～～", "3、4天；A、B"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        CHECK_STR(normal(kept[i], NORMALISE_WIDTH | NORMALISE_QUOTES), kept[i]);
    }
}

static void punctuation_between_chinese(void) {
    CHECK_STR(normal("头痛,发热;咳嗽?是!姓名:张三", NORMALISE_PUNCTUATION),
              "头痛，发热；咳嗽？是！姓名：张三");
    CHECK_STR(normal("头痛, 发热. \n无特殊.", NORMALISE_PUNCTUATION), "头痛，发热。 \n无特殊。");
    CHECK_STR(normal("体温:37.5,脉搏:80 CT,MRI 1.头痛 a.b 3:2", NORMALISE_PUNCTUATION),
              "体温:37.5,脉搏:80 CT,MRI 1.头痛 a.b 3:2");
    CHECK_STR(normal("患者(男性)诉(CT)正常(b(好)c)", NORMALISE_PUNCTUATION),
              "患者（男性）诉(CT)正常(b(好)c)");
    // A bracket that begins a line, wherever the line stands; one whose pair stands behind a sign
    // that is looked at for itself.
    CHECK_STR(normal("(男性)\n(女性)\n(CT)", NORMALISE_PUNCTUATION), "（男性）\n（女性）\n(CT)");
    CHECK_STR(normal("(男性⒈)", NORMALISE_PUNCTUATION | NORMALISE_CONTROL), "（男性⒈）");
    CHECK_STR(normal("《书》,他", NORMALISE_PUNCTUATION), "《书》，他");
}

static void blanks_and_lines(void) {
    CHECK_STR(normal(" a  b　c\xC2\xA0 \n  d\t e \n", NORMALISE_SPACE), "a b c\nd\t e\n");
    CHECK_STR(normal("a\r\nb\rc\xE2\x80\xA8"
                     "d\n\n\n\ne\n \nf",
                     NORMALISE_LINES),
              "a\nb\nc\nd\n\ne\n \nf");
    CHECK_STR(normal("a \r\n \n\n  \n b", NORMALISE_LINES | NORMALISE_SPACE), "a\n\nb");
    CHECK_STR(normal("a\r\n b \r", NORMALISE_SPACE), "a\r\nb\r");
    CHECK_STR(normal("　　段首", NORMALISE_SPACE), "段首");
}

static void repeats_and_others(void) {
    CHECK_STR(
        normal("好！！！！！！吗？？？？，，，a,,,,b......----------c……………", NORMALISE_REPEATS),
        "好！！！吗？？？，a,,b...---c……");
    CHECK_STR(normal("①②⑽⒈㈠❿头痛", NORMALISE_CIRCLED), "(1)(2)(10)1.（一）(10)头痛");
    CHECK_STR(normal("“Hello” it’s\n“你好”", NORMALISE_QUOTES), "\"Hello\" it's\n“你好”");
    CHECK_STR(normal("ﬁne oﬃce ⼭⻩ 豈 𝐀𝟏", NORMALISE_COMPATIBILITY), "fine office 山⻩ 豈 A1");
}

static void composition(void) {
    CHECK_STR(normal("e\xCC\x81", NORMALISE_COMPOSE), "é");
    // Marks in either order.
    CHECK_STR(normal("a\xCC\x82\xCC\xA3 a\xCC\xA3\xCC\x82", NORMALISE_COMPOSE), "ậ ậ");
    CHECK_STR(normal("\xE2\x84\xAB \xE2\x84\xA6 か\xE3\x82\x99", NORMALISE_COMPOSE), "Å Ω が");
    CHECK_STR(normal("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", NORMALISE_COMPOSE), "한");
    CHECK_STR(normal("é中文ậ한", NORMALISE_COMPOSE), "é中文ậ한");
    CHECK_STR(normal("\xCC\x81"
                     "a\xCC\x81\xCC\x81",
                     NORMALISE_COMPOSE),
              "\xCC\x81á\xCC\x81");
    CHECK_STR(normal("Ａ\xCC\x8A", NORMALISE_COMPOSE | NORMALISE_WIDTH), "Å");
}

// ---- properties ---------------------------------------------------------------------------------

static const char *const pieces[] = {"患",
                                     "者",
                                     "a",
                                     "B",
                                     "1",
                                     "9",
                                     "１",
                                     "００",
                                     "Ａ",
                                     "，",
                                     ",",
                                     "．",
                                     ".",
                                     "：",
                                     ":",
                                     "（",
                                     "）",
                                     "(",
                                     ")",
                                     "！",
                                     "!",
                                     "？",
                                     "?",
                                     ";",
                                     "；",
                                     " ",
                                     "　",
                                     "\xC2\xA0",
                                     "\n",
                                     "\r",
                                     "\r\n",
                                     "\t",
                                     "\x01",
                                     "\x0B",
                                     "\x0C",
                                     "​",
                                     "‍",
                                     "\xEF\xBB\xBF",
                                     "“",
                                     "”",
                                     "‘",
                                     "\"",
                                     "'",
                                     "《",
                                     "》",
                                     "、",
                                     "。",
                                     "…",
                                     "—",
                                     "-",
                                     "=",
                                     "＋",
                                     "％",
                                     "＞",
                                     "＝",
                                     "＂",
                                     "＇",
                                     "～",
                                     "~",
                                     "①",
                                     "⒈",
                                     "㈠",
                                     "ﬁ",
                                     "⼭",
                                     "豈",
                                     "\xF0\x9D\x90\x80",
                                     "e",
                                     "\xCC\x81",
                                     "\xCC\xA3",
                                     "\xCC\x82",
                                     "\xE1\x84\x92",
                                     "\xE1\x85\xA1",
                                     "\xE1\x86\xAB",
                                     "ｶ",
                                     "ﾞ",
                                     "ﾟ",
                                     "か",
                                     "\xE3\x82\x99",
                                     "é",
                                     "\xE2\x80\xA8",
                                     "\xC2\x85",
                                     "👨",
                                     "\xFF",
                                     "\xE4\xB8",
                                     "\xF0\x9F",
                                     "℃",
                                     "\xE2\x84\xAB",
                                     "*",
                                     "＊",
                                     "\xC2\xAD",
                                     "#"};

static void random_text(struct buf *in) {
    uint64_t kinds = 1 + check_below(sizeof pieces / sizeof *pieces), first = check_random();
    for (uint64_t i = check_below(30); i > 0; i--) {
        buf_add_text(in, pieces[(first + check_below(kinds)) % (sizeof pieces / sizeof *pieces)]);
    }
}

static void twice_is_once(void) {
    for (int round = 0; round < 60000; round++) {
        struct buf in, once, twice;
        uint64_t ignored[CHANGE_COUNT] = {0}, again[CHANGE_COUNT] = {0}, all = 0;
        buf_open(&in, 4096);
        buf_open(&once, 16384);
        buf_open(&twice, 16384);
        random_text(&in);
        uint32_t flags = (uint32_t)check_random() & 0x7FF;
        if (flags & (1 << 2)) flags |= NORMALISE_WIDTH;
        CHECK_EQ(text_normalise(buf_str(&in), flags, &once, ignored), OK);
        CHECK_EQ(text_normalise(buf_str(&once), flags, &twice, again), OK);
        bool same = CHECK_BYTES(twice.data, twice.size, once.data, once.size);
        for (int i = 0; i < CHANGE_COUNT; i++) all += again[i];
        same &= CHECK_EQ(all, 0);
        CHECK(utf8_valid(buf_str(&once)));
        if (!same) {
            fprintf(stderr, "flags %x of \"%.*s\"\n", flags, STR_ARG(buf_str(&in)));
            round = 60000;
        }
        buf_close(&in);
        buf_close(&once);
        buf_close(&twice);
    }
}

static void fast_look_is_plain_look(void) {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2")) CHECK_SKIP("this processor has no AVX2");
    for (int round = 0; round < 2000; round++) {
        struct look look = {{0}, {{0}}, {0}};
        uint8_t data[300];
        for (int i = 0; i < 256; i++) {
            bool rare = check_below(8) == 0;
            look.classes[i] = rare ? (uint8_t)check_below(i < 128 ? 16 : 2) : 0;
        }
        look_prepare(&look);
        uint64_t letters = 1 + check_below(255);
        for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)check_below(letters + 1);
        size_t size = 1 + check_below(sizeof data);
        for (size_t at = 1; at < size;) {
            size_t plain = look_next_plain(&look, data, at, size);
            CHECK_EQ(look_next_avx2(&look, data, at, size), plain);
            at = plain + 1;
        }
    }
#else
    CHECK_SKIP("only the plain look here");
#endif
}

// Real Chinese keeps its punctuation; everything else is idempotent on it too.
static void real_text(void) {
    static const char *const files[] = {"text/hotel_reviews.csv", "text/takeaway_reviews.csv",
                                        "text/cmrc2018_dev.json", "text/wikitext2_valid.txt",
                                        "text/cold_offensive_train.csv"};
    const char *folder = getenv("COURTYARD_DATA");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];
        size_t size;
        snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/data", files[i]);
        uint8_t *bytes = scratch_read(path, &size);
        if (!bytes) CHECK_SKIP("no ../shared/data");
        struct buf once, twice;
        uint64_t changes[CHANGE_COUNT] = {0};
        buf_open(&once, 64 << 20);
        buf_open(&twice, 64 << 20);
        CHECK_EQ(text_normalise((struct str){(char *)bytes, size}, 0x7FF, &once, changes), OK);
        CHECK_EQ(text_normalise(buf_str(&once), 0x7FF, &twice, changes), OK);
        CHECK_BYTES(twice.data, twice.size, once.data, once.size);
        buf_close(&once);
        buf_close(&twice);
        memory_give(bytes);
    }
}

static void linear_time(void) {
    static const char *const samples[] = {
        "，", "(",        "(好",       "＋", "\"",   "“", "a,",   "好,", "好. ", " ",
        "\n", "\xCC\x81", "e\xCC\x81", "ｶﾞ", "１，", "!", "　\n", "‍", "\xFF"};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct buf in, out;
        buf_open(&in, (1 << 20) + 64);
        buf_open(&out, 8 << 20);
        while (in.size < 1 << 20) buf_add_text(&in, samples[i]);
        uint64_t changes[CHANGE_COUNT] = {0};
        clock_t start = clock();
        CHECK_EQ(text_normalise(buf_str(&in), 0x7FF, &out, changes), OK);
        if (!CHECK(clock() - start < 8 * CLOCKS_PER_SEC)) fprintf(stderr, "%s\n", samples[i]);
        buf_close(&in);
        buf_close(&out);
    }
}

int main(void) {
    CHECK_RUN(control_characters_go);
    CHECK_RUN(width);
    CHECK_RUN(punctuation_between_chinese);
    CHECK_RUN(blanks_and_lines);
    CHECK_RUN(repeats_and_others);
    CHECK_RUN(composition);
    CHECK_RUN(fast_look_is_plain_look);
    CHECK_RUN(linear_time);
    CHECK_RUN(twice_is_once);
    CHECK_RUN(real_text);
    return check_done();
}
