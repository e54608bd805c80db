// Places of a message are filled, words go with their number, and nothing is read beyond the end.
#include "base/sentence.h"

#include "check.h"

static const char *filled(const char *sentence) {
    static char text[256];
    const struct place places[] = {{"rows", STR("1")}, {"file", STR("a.csv")}, {"n", STR("3")}};
    struct buf out;
    buf_open(&out, sizeof text);
    sentence_fill(&out, str_of(sentence), places, sizeof places / sizeof places[0]);
    (void)str_copy(text, sizeof text, buf_str(&out));
    buf_close(&out);
    return text;
}

static void places_are_filled(void) {
    CHECK_STR(filled("no place"), "no place");
    CHECK_STR(filled(""), "");
    CHECK_STR(filled("{rows} of {file}"), "1 of a.csv");
    CHECK_STR(filled("{rows} {rows|row|rows}, {n} {n|row|rows}"), "1 row, 3 rows");
    CHECK_STR(filled("第 {n} 行：{file}"), "第 3 行：a.csv");
    CHECK_STR(filled("{unknown}."), ".");
    CHECK_STR(filled("left open {rows"), "left open 1");
}

int main(void) {
    CHECK_RUN(places_are_filled);
    return check_done();
}
