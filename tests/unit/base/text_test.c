#include "base/text.h"

#include "base/memory.h"
#include "check.h"

#ifdef __GLIBC__
#include <iconv.h>
#endif

static char out[1 << 20];

static struct str decode(enum encoding encoding, const void *bytes, size_t size) {
    struct decoder decoder;
    decoder_start(&decoder, encoding);
    return (struct str){out, decoder_run(&decoder, (struct str){bytes, size}, true, out)};
}
#define DECODE(encoding, literal) decode(encoding, literal, sizeof(literal) - 1)

static void names(void) {
    for (int i = ENCODING_UTF8; i < ENCODING_COUNT; i++) {
        CHECK_EQ(encoding_from_name(str_of(encoding_name((enum encoding)i))), i);
    }
    CHECK_EQ(encoding_from_name(STR("GBK")), ENCODING_GB18030);
    CHECK_EQ(encoding_from_name(STR("gb2312")), ENCODING_GB18030);
    CHECK_EQ(encoding_from_name(STR("UTF_8")), ENCODING_UTF8);
    CHECK_EQ(encoding_from_name(STR("ebcdic")), ENCODING_UNKNOWN);
}

static void utf8_borders(void) {
    CHECK(utf8_valid(STR("abc 患者 \xF4\x8F\xBF\xBF")));
    CHECK(!utf8_valid(STR("\xC0\x80")));         // overlong
    CHECK(!utf8_valid(STR("\xE0\x9F\xBF")));     // overlong
    CHECK(!utf8_valid(STR("\xED\xA0\x80")));     // surrogate
    CHECK(!utf8_valid(STR("\xF4\x90\x80\x80"))); // beyond U+10FFFF
    CHECK(!utf8_valid(STR("\xE6\x82")));         // cut
    CHECK_EQ(utf8_valid_prefix(STR("患\xFF")), 3);
    CHECK_EQ(utf8_count(STR("a患\xF0\xA0\x80\x80")), 3);
    char bytes[4];
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        size_t size = utf8_put(bytes, c), at = 0;
        if (utf8_next((struct str){bytes, size}, &at) != c || at != size) {
            CHECK_EQ(c, UINT32_MAX);
            return;
        }
    }
}

// The vector path against a plain walk, on valid text with one byte changed anywhere.
static void utf8_prefix_equals_plain(void) {
    static char text[400];
    for (int round = 0; round < 20000; round++) {
        size_t size = 0;
        size_t want_size = 1 + (size_t)check_below(sizeof text - 8);
        while (size < want_size) {
            uint32_t kind = (uint32_t)check_below(4);
            uint32_t most[4] = {0x80, 0x800, 0x10000, 0x110000};
            size += utf8_put(text + size, (uint32_t)check_below(most[kind]));
        }
        if (check_below(4)) text[check_below(size)] = (char)check_random();
        size_t at = 0;
        struct str s = {text, size};
        while (at < size) {
            size_t next = at;
            (void)utf8_next(s, &next);
            if (next == at + 1 && (uint8_t)text[at] >= 0x80) break;
            at = next;
        }
        if (utf8_valid_prefix(s) != at) {
            CHECK_EQ(utf8_valid_prefix(s), at);
            return;
        }
    }
}

static void gb18030_of_2022(void) {
    CHECK_TEXT(DECODE(ENCODING_GB18030, "\xBB\xBC\xD5\xDF,1\n"), "患者,1\n");
    CHECK_TEXT(DECODE(ENCODING_GB18030, "\x80\xA3\xA0"), "€　");
    // 2005: ḿ; 2022: ten marks for vertical writing and eight ideographs left private use …
    CHECK_TEXT(DECODE(ENCODING_GB18030, "\xA8\xBC\xA6\xD9\xA6\xF3\xFE\x59\xFE\xA0"),
               "\u1E3F\uFE10\uFE19\u9FB4\u9FBB");
    // … whose former four-byte codes took their place.
    CHECK_TEXT(DECODE(ENCODING_GB18030, "\x81\x35\xF4\x37\x84\x31\x82\x36\x82\x35\x90\x37"),
               "\uE7C7\uE78D\uE81E");
    CHECK_TEXT(DECODE(ENCODING_GB18030, "\xFE\x51\xFE\x91\x95\x32\x90\x31"),
               "\U00020087\U000241FE\U00020087");
    CHECK_TEXT(DECODE(ENCODING_GB18030, "\xE3\x32\x9A\x35\x81\x30\x81\x30\x84\x31\xA4\x39"),
               "\U0010FFFF\xC2\x80\uFFFF");
    // Beyond, and cut: one byte is lost, a delimiter never.
    CHECK_TEXT(DECODE(ENCODING_GB18030, "\xE3\x32\x9A\x36"), "\uFFFD2\uFFFD6");
    CHECK_TEXT(DECODE(ENCODING_GB18030, "\xBB,\xFF\n\xBB"), "\uFFFD,\uFFFD\n\uFFFD");
}

static void big5_with_extensions(void) {
    CHECK_TEXT(DECODE(ENCODING_BIG5, "\xA4\xA4\xA4\xE5"), "中文");
    CHECK_TEXT(DECODE(ENCODING_BIG5, "\xC6\xE7\xF9\xD6"), "ぁ碁"); // ETEN kana and ideograph
    CHECK_TEXT(DECODE(ENCODING_BIG5, "\x87\x40\x88\x62\x88\xA5"), "\u43F0Ê̄ê̌");
    CHECK_TEXT(DECODE(ENCODING_BIG5, "\xA4,\x80"), "\uFFFD,\uFFFD");
}

static void wide(void) {
    CHECK_TEXT(DECODE(ENCODING_UTF16LE, "\xFF\xFE\x2D\x4E\x40\xD8\x00\xDC"), "中\U00020000");
    CHECK_TEXT(DECODE(ENCODING_UTF16LE, "\xFE\xFF\x4E\x2D"), "中"); // the mark knows better
    CHECK_TEXT(DECODE(ENCODING_UTF16BE, "\x4E\x2D\xDC\x00\x00"), "中\uFFFD\uFFFD");
    CHECK_TEXT(DECODE(ENCODING_UTF8, "\xEF\xBB\xBF"
                                     "a\xE6\x82"
                                     "b\xC0\xAF"),
               "a\uFFFDb\uFFFD\uFFFD");
    CHECK_TEXT(DECODE(ENCODING_LATIN1, "caf\xE9"), "café");
}

// Any cut of the input gives the same text and the same counts.
static void pieces(void) {
    static char whole[8192], parts[8192];
    uint8_t bytes[600];
    for (int round = 0; round < 20000; round++) {
        enum encoding encoding = (enum encoding)(1 + check_below(ENCODING_COUNT - 1));
        size_t size = check_below(sizeof bytes);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(check_below(3) ? check_random() : '0' + check_below(20));
        }
        struct decoder one, many;
        decoder_start(&one, encoding);
        decoder_start(&many, encoding);
        struct str in = {(const char *)bytes, size};
        size_t whole_size = decoder_run(&one, in, true, whole), parts_size = 0;
        for (size_t at = 0; at < size;) {
            size_t piece = 1 + check_below(check_below(2) ? 3 : 100);
            if (piece > size - at) piece = size - at;
            size_t made =
                decoder_run(&many, (struct str){in.data + at, piece}, false, parts + parts_size);
            CHECK(made <= 3 * piece + 8);
            parts_size += made, at += piece;
        }
        parts_size += decoder_run(&many, STR_NONE, true, parts + parts_size);
        if (!CHECK_BYTES(parts, parts_size, whole, whole_size)) return;
        CHECK_EQ(many.invalid_count, one.invalid_count);
        CHECK_EQ(many.invalid_first, one.invalid_first);
        CHECK_EQ(many.bytes_in, size);
        CHECK(utf8_valid((struct str){whole, whole_size}));
    }
}

// glibc's converter knows GB 18030-2005, which has most of the changes; where it does not know a
// code, or files mean something else (A3A0), the tables above are the truth.
static void against_iconv(void) {
#ifdef __GLIBC__
    iconv_t converter = iconv_open("UTF-8", "GB18030");
    if (converter == (iconv_t)-1) CHECK_SKIP("no GB18030 in this iconv");
    size_t compared = 0;
    for (uint32_t code = 0x8140; code <= 0xFEFE; code++) {
        char in[2] = {(char)(code >> 8), (char)code}, want[8];
        char *from = in, *to = want;
        size_t left = 2, room = sizeof want;
        iconv(converter, NULL, NULL, NULL, NULL);
        if (code == 0xA3A0 || iconv(converter, &from, &left, &to, &room) == (size_t)-1) continue;
        if (left) continue;
        struct str got = decode(ENCODING_GB18030, in, 2);
        if (!CHECK_BYTES(got.data, got.size, want, (size_t)(to - want))) break;
        compared++;
    }
    iconv_close(converter);
    CHECK(compared > 21000);
#else
    CHECK_SKIP("only glibc has an iconv to compare with");
#endif
}

static enum encoding guess(const char *bytes, size_t size) {
    double confidence = -1;
    enum encoding encoding = encoding_guess((struct str){bytes, size}, true, &confidence);
    CHECK(confidence > 0 && confidence <= 1);
    return encoding;
}
#define GUESS(literal) guess(literal, sizeof(literal) - 1)

static void guesses(void) {
    CHECK_EQ(GUESS("plain,ascii\n1,2\n"), ENCODING_UTF8);
    CHECK_EQ(GUESS("姓名,性别\n"), ENCODING_UTF8);
    CHECK_EQ(GUESS("\xFF\xFE"
                   "a\0"),
             ENCODING_UTF16LE);
    CHECK_EQ(GUESS("a\0,\0b\0\n\0\x2D\x4E"), ENCODING_UTF16LE);
    CHECK_EQ(GUESS("\0a\0,\0b\0\n\x4E\x2D"), ENCODING_UTF16BE);
    // 姓名,性别,年龄 in GBK; 姓名,性別,年齡 in Big5.
    CHECK_EQ(GUESS("\xD0\xD5\xC3\xFB,\xD0\xD4\xB1\xF0,\xC4\xEA\xC1\xE4\n1,2,3\n"),
             ENCODING_GB18030);
    CHECK_EQ(GUESS("\xA9\x6D\xA6\x57,\xA9\xCA\xA7\x4F,\xA6\x7E\xC4\xD6\n1,2,3\n"), ENCODING_BIG5);
    // 患者,诊断 in UTF-16 without a mark.
    CHECK_EQ(GUESS("\xA3\x60\x05\x80\x2C\x00\xCA\x8B\xAD\x65"), ENCODING_UTF16LE);
    CHECK_EQ(GUESS("caf\xE9,na\xEFve\n"), ENCODING_LATIN1);
    // UTF-8 with one damaged byte is still UTF-8.
    CHECK_EQ(GUESS("姓名,性别,年龄,诊断,科室,日期,编号,地址,电话,医生,\xFF患者\n"), ENCODING_UTF8);
    double confidence;
    CHECK_EQ(encoding_guess(STR("诊断\xE8\xAF"), false, &confidence), ENCODING_UTF8);
}

static void folding(void) {
    struct buf folded;
    buf_open(&folded, 100);
    text_fold(STR("ＡbC　１患"), &folded);
    CHECK_TEXT(buf_str(&folded), "abc 1患");
    buf_close(&folded);
}

int main(void) {
    CHECK_RUN(names);
    CHECK_RUN(utf8_borders);
    CHECK_RUN(utf8_prefix_equals_plain);
    CHECK_RUN(gb18030_of_2022);
    CHECK_RUN(big5_with_extensions);
    CHECK_RUN(wide);
    CHECK_RUN(pieces);
    CHECK_RUN(against_iconv);
    CHECK_RUN(guesses);
    CHECK_RUN(folding);
    return check_done();
}
