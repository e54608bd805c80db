// The answer as it may be shown: cut into pieces in every way, it is the same text, never with a
// broken character, and a stop text never shows.
#include "model/language/stream.h"
#include "check.h"

static struct buf out;

// Feeds `text` in pieces of `piece` bytes; each piece shown so far must be whole characters.
static bool feed(struct str text, size_t piece, const struct str *stops, uint32_t count) {
    struct text_stream stream;
    bool stopped = false;
    text_stream_open(&stream, stops, count);
    buf_clear(&out);
    for (size_t at = 0; at < text.size && !stopped; at += piece) {
        size_t size = text.size - at < piece ? text.size - at : piece;
        stopped = text_stream_put(&stream, (struct str){text.data + at, size}, &out);
        if (out.size) CHECK((text.data[out.size] & 0xC0) != 0x80 || stopped);
    }
    text_stream_end(&stream, &out);
    return stopped;
}

static void gives(const char *text, const struct str *stops, uint32_t count, const char *want,
                  bool stopped) {
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        CHECK_EQ(feed(str_of(text), piece, stops, count), stopped);
        CHECK_BYTES(out.data, out.size, want, strlen(want));
    }
}

static void whole_characters(void) {
    gives("患者主诉：头痛、发热 🤒 三天。", NULL, 0,
          "患者主诉：头痛、发热 🤒 三天。", false);
    gives("", NULL, 0, "", false);
    gives("aé한", NULL, 0, "aé한", false);
}

// What can be shown is shown at once.
static void nothing_waits_without_need(void) {
    struct text_stream stream;
    struct str stops[] = {STR("###")};
    text_stream_open(&stream, stops, 1);
    buf_clear(&out);
    CHECK(!text_stream_put(&stream, STR("ab#"), &out));
    CHECK_BYTES(out.data, out.size, "ab", 2);
    CHECK(!text_stream_put(&stream, STR("#c"), &out));
    CHECK_BYTES(out.data, out.size, "ab##c", 5);
    CHECK(!text_stream_put(&stream, STR("\xE4\xBD"), &out));
    CHECK_EQ(out.size, 5);
    CHECK(!text_stream_put(&stream, STR("\xA0"), &out));
    CHECK_EQ(out.size, 8);
    text_stream_end(&stream, &out);
    CHECK_EQ(out.size, 8);
}

static void stops(void) {
    struct str two[] = {STR("<end>"), STR("\n\n"), STR("")};
    gives("hello<end>more", two, 3, "hello", true);
    gives("hello<en", two, 3, "hello<en", false);
    gives("<end>", two, 3, "", true);
    gives("a\n<end\n\n", two, 3, "a\n<end", true);
    gives("a<<<end>", two, 3, "a<<", true);
    struct str again[] = {STR("aab"), STR("停。")};
    gives("xaaab", again, 2, "xa", true);
    gives("现在停。后", again, 2, "现在", true);
    gives("现在停了", again, 2, "现在停了", false);
    struct str nested[] = {STR("abcd"), STR("bc")};
    gives("xabcd", nested, 2, "xa", true); // "bc" ends first
    struct str both[] = {STR("cd"), STR("bcd")};
    gives("xabcd", both, 2, "xa", true);
}

static void bytes_that_are_no_text(void) {
    struct text_stream stream;
    text_stream_open(&stream, NULL, 0);
    buf_clear(&out);
    CHECK(!text_stream_put(&stream,
                           STR("a\xFF"
                               "b\xE4"),
                           &out));
    CHECK_BYTES(out.data, out.size,
                "a\xEF\xBF\xBD"
                "b",
                5);
    CHECK(!text_stream_put(&stream, STR("c"), &out));
    text_stream_put(&stream, STR("\xF0\x9F"), &out);
    text_stream_end(&stream, &out);
    CHECK_BYTES(out.data, out.size,
                "a\xEF\xBF\xBD"
                "b\xEF\xBF\xBD"
                "c\xEF\xBF\xBD\xEF\xBF\xBD",
                out.size);
    CHECK_EQ(out.size, 15);
}

int main(void) {
    buf_open(&out, 1 << 20);
    CHECK_RUN(whole_characters);
    CHECK_RUN(nothing_waits_without_need);
    CHECK_RUN(stops);
    CHECK_RUN(bytes_that_are_no_text);
    buf_close(&out);
    return check_done();
}
