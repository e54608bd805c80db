// Garbled text: every kind, what must stay, and over real files: no good line is touched, nearly
// all garbled ones come back. Garbling is done by base's decoders and by tables made from them.
#include "base/memory.h"
#include "base/text.h"
#include "check.h"
#include "data/language/language.h"
#include "support/scratch.h"

static struct repair *tables;
static uint64_t counts[REPAIR_KIND_COUNT];

static struct str repaired(struct str text, struct buf *out) {
    buf_clear(out);
    memset(counts, 0, sizeof counts);
    CHECK_EQ(text_repair(tables, text, out, counts), OK);
    return buf_str(out);
}

static const char *repair(const char *text) {
    static char room[4096];
    struct buf out;
    buf_open(&out, 1 << 20);
    snprintf(room, sizeof room, "%.*s", STR_ARG(repaired(str_of(text), &out)));
    buf_close(&out);
    return room;
}

// ---- garbling -----------------------------------------------------------------------------------

static uint16_t codes[2][65536]; // GBK, Big5

static void make_codes(int which, enum encoding encoding) {
    for (unsigned code = 0x8140; code <= 0xFEFE; code++) {
        char bytes[2] = {(char)(code >> 8), (char)code}, out[16];
        struct decoder decoder;
        size_t at = 0;
        decoder_start(&decoder, encoding);
        size_t size = decoder_run(&decoder, (struct str){bytes, 2}, true, out);
        uint32_t c = utf8_next((struct str){out, size}, &at);
        if (decoder.invalid_count || at != size || c < 0x80 || c > 0xFFFF) continue;
        if (!codes[which][c]) codes[which][c] = (uint16_t)code;
    }
}

static bool encode(int which, struct str text, struct buf *out) {
    for (size_t at = 0; at < text.size;) {
        uint32_t c = utf8_next(text, &at);
        if (c < 0x80) {
            buf_add_char(out, (char)c);
            continue;
        }
        if (c > 0xFFFF || !codes[which][c]) return false;
        buf_add_char(out, (char)(codes[which][c] >> 8));
        buf_add_char(out, (char)codes[which][c]);
    }
    return true;
}

static void decode(enum encoding encoding, struct str bytes, struct buf *out) {
    struct decoder decoder;
    char *room = buf_reserve(out, bytes.size * 3 + 8);
    decoder_start(&decoder, encoding);
    decoder.started = true;
    out->size += decoder_run(&decoder, bytes, true, room);
}

static void decode_windows(struct str bytes, struct buf *out) {
    static const uint16_t windows[32] = {
        0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
        0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178,
    };
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = (uint8_t)bytes.data[i];
        char utf8[4];
        bool special = byte >= 0x80 && byte < 0xA0;
        buf_add(out, utf8, utf8_put(utf8, special ? windows[byte - 0x80] : byte));
    }
}

// False if the text has no such form.
static bool garble(enum repair_kind kind, struct str text, struct buf *out) {
    struct buf bytes;
    bool good = true;
    buf_open(&bytes, 1 << 20);
    buf_clear(out);
    int which = kind == REPAIR_BIG5_AS_LATIN || kind == REPAIR_BIG5_AS_GBK;
    if (kind == REPAIR_UTF8_AS_GBK || kind == REPAIR_UTF8_AS_LATIN)
        buf_add_str(&bytes, text);
    else
        good = encode(which, text, &bytes);
    if (!good)
        ;
    else if (kind == REPAIR_UTF8_AS_GBK || kind == REPAIR_BIG5_AS_GBK)
        decode(ENCODING_GB18030, buf_str(&bytes), out);
    else if (kind == REPAIR_GBK_AS_BIG5)
        decode(ENCODING_BIG5, buf_str(&bytes), out);
    else
        decode_windows(buf_str(&bytes), out);
    buf_close(&bytes);
    return good;
}

static const char *garbled(enum repair_kind kind, const char *text) {
    static char room[4096];
    struct buf out;
    buf_open(&out, 1 << 20);
    CHECK(garble(kind, str_of(text), &out));
    snprintf(room, sizeof room, "%.*s", STR_ARG(buf_str(&out)));
    buf_close(&out);
    return room;
}

// ---- single cases -------------------------------------------------------------------------------

// Where bytes were lost, all other characters must be there, in their order.
static bool most(struct str got, struct str want) {
    size_t at = 0, other = 0;
    uint64_t all = utf8_count(want), found = 0;
    while (at < got.size) {
        uint32_t c = utf8_next(got, &at);
        size_t look = other;
        for (int i = 0; i < 4 && look < want.size && c != 0xFFFD; i++) {
            if (utf8_next(want, &look) != c) continue;
            other = look;
            found++;
            break;
        }
    }
    return found * 100 >= all * 80;
}

static void repairs_each_kind(void) {
    static const char *const texts[2] = {
        "患者因头痛三天入院，体温正常，血压偏高，给予药物治疗后好转出院",
        "患者因頭痛三天入院，體溫正常，血壓偏高，給予藥物治療後好轉出院"};
    for (int kind = 0; kind < REPAIR_LOST; kind++) {
        bool big5 = kind == REPAIR_BIG5_AS_LATIN || kind == REPAIR_BIG5_AS_GBK;
        const char *result = repair(garbled((enum repair_kind)kind, texts[big5]));
        if (!CHECK(most(str_of(result), str_of(texts[big5])))) fprintf(stderr, "%s\n", result);
        CHECK_EQ(counts[kind], 1);
    }
    CHECK_STR(repair("CafÃ© crÃ¨me â€“ naÃ¯ve"), "Café crème – naïve");
    CHECK_STR(repair("ðŸ˜€ ok"), "😀 ok");
    CHECK_STR(repair("寮犱笁"), "张三");
    CHECK_STR(repair("ÕÅÈý, ÄÐ, 35"), "张三, 男, 35");
}

static void leaves_good_text_beside_it(void) {
    CHECK_STR(repair("主诉：头痛\n澶寸棝涓夊ぉ\n正常"), "主诉：头痛\n头痛三天\n正常");
    CHECK_STR(repair("主诉：ä¸­æ–‡，正常"), "主诉：中文，正常");
}

static void undoes_it_twice(void) {
    char once[4096];
    snprintf(once, sizeof once, "%s", garbled(REPAIR_UTF8_AS_LATIN, "患者头痛"));
    CHECK_STR(repair(garbled(REPAIR_UTF8_AS_LATIN, once)), "患者头痛");
    snprintf(once, sizeof once, "%s", garbled(REPAIR_UTF8_AS_LATIN, "é"));
    CHECK_STR(repair(garbled(REPAIR_UTF8_AS_LATIN, once)), "é");
    snprintf(once, sizeof once, "%s", garbled(REPAIR_UTF8_AS_GBK, "患者头痛"));
    CHECK_STR(repair(garbled(REPAIR_UTF8_AS_LATIN, once)), "患者头\xEF\xBF\xBD");
}

static void counts_what_is_lost(void) {
    // The last byte of an odd number was read as '?', or as U+FFFD.
    CHECK_STR(repair("鎮ｈ�呭洜澶寸�"), "患\xEF\xBF\xBD因头\xEF\xBF\xBD");
    CHECK(counts[REPAIR_LOST] > 0);
    CHECK_STR(repair("姓名锟斤拷"), "姓名\xEF\xBF\xBD\xEF\xBF\xBD");
    CHECK_EQ(counts[REPAIR_LOST], 2);
}

static void leaves_good_text(void) {
    static const char *const good[] = {"“fiancée”—Café…",
                                       "GRÖSSE, Straß”, À la carte Ça déjà vu",
                                       "Ñandú Ærø Øl þýðing öðru",
                                       "北京市朝阳区",
                                       "東京の病院で検査",
                                       "ひらがなとカタカナ",
                                       "张三 男 35",
                                       "α-干扰素 β受体 μg/mL",
                                       "Привет мир",
                                       "25℃±2℃、×10⁹/L",
                                       "涓涓细流",
                                       "麤毳皴皱",
                                       "氡氙氪氩",
                                       "囍喆堃垚",
                                       "ÄÖÜ äöü ß",
                                       "½ ¼ ¾ © ® ™ § ¶ • … – — “ ” ‘ ’",
                                       "Ω≈ç√∫˜µ≤≥÷",
                                       "Ã",
                                       "Â°C",
                                       "联通 联想",
                                       "朝鮮語 한국어"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (strcmp(good[i], "Â°C") == 0) continue; // that one is "°C"
        CHECK_STR(repair(good[i]), good[i]);
    }
}

static void any_bytes(void) {
    static const char *const pieces[] = {"鎮",           "ｈ", "�", "?", "Ã", "©",  "ä",  "¸",
                                         "\xC2\xAD",     "Ö",  "Ð", "Î", "Ä", "涓", "枃", "锟斤拷",
                                         "中",           "\n", "a", "~", "€", "笢", "恅", "\xFF",
                                         "\xEE\x80\x80", "あ"};
    for (int round = 0; round < 20000; round++) {
        struct buf in, out;
        buf_open(&in, 4096);
        buf_open(&out, 64 * 1024);
        for (uint64_t i = check_below(24); i > 0; i--) {
            buf_add_text(&in, pieces[check_below(sizeof pieces / sizeof *pieces)]);
        }
        struct str result = repaired(buf_str(&in), &out);
        uint64_t all = 0;
        for (int kind = 0; kind < REPAIR_KIND_COUNT; kind++) all += counts[kind];
        if (all == 0 && utf8_valid(buf_str(&in))) {
            CHECK_BYTES(result.data, result.size, in.data, in.size);
        }
        CHECK(utf8_valid(result));
        buf_close(&in);
        buf_close(&out);
    }
}

static void linear_time(void) {
    static const char *const samples[] = {"鎮", "Ã",  "Ö",    "涓枃", "ä¸",  "Ð",
                                          "?",  "笢", "あ鎮", "é",    "寮\n"};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct buf in, out;
        buf_open(&in, (1 << 20) + 64);
        buf_open(&out, 8 << 20);
        while (in.size < 1 << 20) buf_add_text(&in, samples[i]);
        clock_t start = clock();
        (void)repaired(buf_str(&in), &out);
        if (!CHECK(clock() - start < 8 * CLOCKS_PER_SEC)) fprintf(stderr, "%s\n", samples[i]);
        buf_close(&in);
        buf_close(&out);
    }
}

// ---- real files ---------------------------------------------------------------------------------

static const char *const files[] = {"text/hotel_reviews.csv",
                                    "text/takeaway_reviews.csv",
                                    "text/news_titles.txt",
                                    "text/cold_offensive_train.csv",
                                    "text/cmrc2018_dev.json",
                                    "text/zuozhuan_traditional.txt",
                                    "text/keywords_10k.txt",
                                    "text/thuocl_medical.txt",
                                    "text/wikitext2_valid.txt",
                                    "names_places/cluener_train.jsonl",
                                    "names_places/resume_ner_train.bmes",
                                    "names_places/address_train.txt",
                                    "names_places/dist__areas.csv",
                                    "names_places/dist__streets.csv",
                                    "names_places/dist__cities.csv",
                                    "text/jieba_dict.gbk"};

// The file's text in UTF-8; false if it is not there.
static bool real_text(const char *name, struct buf *out) {
    const char *folder = getenv("COURTYARD_DATA");
    char path[512];
    size_t size;
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/data", name);
    uint8_t *bytes = scratch_read(path, &size);
    if (!bytes) return false;
    struct str text = {(const char *)bytes, size};
    if (utf8_valid(text))
        buf_add_str(out, text);
    else
        decode(ENCODING_GB18030, text, out);
    memory_give(bytes);
    return true;
}

static void touches_no_good_line(void) {
    uint64_t lines = 0, touched = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct buf text, out;
        buf_open(&text, 64 << 20);
        buf_open(&out, 64 << 20);
        if (!real_text(files[i], &text)) CHECK_SKIP("no ../shared/data");
        struct str rest = buf_str(&text);
        while (rest.size) {
            struct str line = str_cut(rest, '\n', &rest);
            struct str result = repaired(line, &out);
            lines++;
            if (str_equal(line, result)) continue;
            // What a file has of garbled text itself may be mended.
            if (touched++ < 10) {
                fprintf(stderr, "%s: \"%.*s\" became \"%.*s\"\n", files[i], STR_ARG(line),
                        STR_ARG(result));
            }
        }
        buf_close(&text);
        buf_close(&out);
    }
    printf("%d of %d good lines touched\n", (int)touched, (int)lines);
    CHECK_EQ(touched, 0);
}

static void brings_real_lines_back(void) {
    static const char *const some[] = {"text/hotel_reviews.csv", "text/news_titles.txt",
                                       "text/takeaway_reviews.csv"};
    uint64_t lines[REPAIR_LOST] = {0}, back[REPAIR_LOST] = {0};
    struct chinese *chinese;
    struct buf traditional;
    REQUIRE(chinese_open(CHINESE_S2T, &chinese) == OK);
    buf_open(&traditional, 1 << 20);
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        struct buf text, out, bad;
        buf_open(&text, 64 << 20);
        buf_open(&out, 64 << 20);
        buf_open(&bad, 1 << 20);
        if (!real_text(some[i], &text)) {
            buf_close(&traditional);
            chinese_close(chinese);
            CHECK_SKIP("no ../shared/data");
        }
        struct str rest = buf_str(&text);
        for (int n = 0; rest.size && n < 6000; n++) {
            struct str line = str_cut(rest, '\n', &rest);
            if (line.size < 12 || line.size > 10000) continue;
            enum repair_kind kind = (enum repair_kind)(n % REPAIR_LOST);
            uint64_t changed = 0;
            buf_clear(&traditional);
            if (kind == REPAIR_BIG5_AS_LATIN || kind == REPAIR_BIG5_AS_GBK) {
                CHECK_EQ(chinese_convert(chinese, line, &traditional, &changed), OK);
                line = buf_str(&traditional);
            }
            if (!garble(kind, line, &bad)) continue;
            struct str result = repaired(buf_str(&bad), &out);
            lines[kind]++;
            bool same = str_equal(result, line) || (counts[REPAIR_LOST] && most(result, line));
            back[kind] += same;
            if (!same && getenv("SHOW")) {
                fprintf(stderr, "%d: %.*s\n   %.*s\n   %.*s\n", kind, STR_ARG(line),
                        STR_ARG(buf_str(&bad)), STR_ARG(result));
            }
        }
        buf_close(&text);
        buf_close(&out);
        buf_close(&bad);
    }
    buf_close(&traditional);
    chinese_close(chinese);
    for (int kind = 0; kind < REPAIR_LOST; kind++) {
        printf("kind %d: %d of %d lines came back\n", kind, (int)back[kind], (int)lines[kind]);
        CHECK(back[kind] * 100 >= lines[kind] * (kind == REPAIR_GBK_AS_BIG5 ? 80 : 95));
    }
}

static int open_one(void *context) {
    struct repair *one = NULL;
    (void)context;
    enum err err = repair_open(&one);
    if (err == OK) repair_close(one);
    return err != OK;
}
static void survives_want_of_memory(void) {
    CHECK(check_faults(memory_fail_after, open_one, NULL) > 0);
}

int main(void) {
    if (repair_open(&tables) != OK) return 1;
    make_codes(0, ENCODING_GB18030);
    make_codes(1, ENCODING_BIG5);
    CHECK_RUN(repairs_each_kind);
    CHECK_RUN(leaves_good_text_beside_it);
    CHECK_RUN(undoes_it_twice);
    CHECK_RUN(counts_what_is_lost);
    CHECK_RUN(leaves_good_text);
    CHECK_RUN(any_bytes);
    CHECK_RUN(linear_time);
    CHECK_RUN(touches_no_good_line);
    CHECK_RUN(brings_real_lines_back);
    CHECK_RUN(survives_want_of_memory);
    repair_close(tables);
    return check_done();
}
