// Traditional and simplified: words before characters, every direction, text that is no UTF-8, and
// OpenCC's own program over real text where it is installed.
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "check.h"
#include "data/language/language.h"
#include "support/scratch.h"

static struct chinese *tables[CHINESE_DIRECTION_COUNT];

static const char *convert(enum chinese_direction direction, const char *text) {
    static char room[4096];
    struct buf out;
    uint64_t changed = 0;
    buf_open(&out, 1 << 20);
    CHECK_EQ(chinese_convert(tables[direction], str_of(text), &out, &changed), OK);
    snprintf(room, sizeof room, "%.*s", STR_ARG(buf_str(&out)));
    if (strcmp(room, text) != 0) CHECK(changed > 0);
    buf_close(&out);
    return room;
}

static void words_before_characters(void) {
    CHECK_STR(convert(CHINESE_S2T, "头发发现干净干部后面皇后"), "頭髮發現乾淨幹部後面皇后");
    CHECK_STR(convert(CHINESE_S2T, "患者诊断为高血压，服药3天。"), "患者診斷爲高血壓，服藥3天。");
    CHECK_STR(convert(CHINESE_T2S, "頭髮發現乾淨乾坤，一目瞭然 WBC"),
              "头发发现干净乾坤，一目了然 WBC");
    CHECK_STR(convert(CHINESE_TW2S, "為什麼這裡有著名的臺灣偽裝"), "为什么这里有著名的台湾伪装");
    CHECK_STR(convert(CHINESE_HK2S, "衞生署為病人"), "卫生署为病人");
    CHECK_STR(convert(CHINESE_S2TW, "为什么这里卫生"), "為什麼這裡衛生");
    CHECK_STR(convert(CHINESE_S2HK, "为什么这里卫生"), "為什麼這裏衞生");
    CHECK_STR(convert(CHINESE_T2S, ""), "");
    CHECK_STR(convert(CHINESE_T2S, "𠁞䊷"), "𠀾䌶");
    CHECK_STR(convert(CHINESE_S2T, "𠀾䌶"), "𠁞䊷");
}

static void any_bytes(void) {
    static const char *const pieces[] = {"头", "发", "頭",       "髮", "\xFF", "\xE5\xA4",
                                         "a",  "𠀾", "\xF0\xA0", "乾", "坤",   "后",
                                         "，", "\n", "一目瞭然", "里"};
    for (int round = 0; round < 2000; round++) {
        struct buf in, out;
        uint64_t changed = 0;
        buf_open(&in, 4096);
        buf_open(&out, 64 * 1024);
        for (uint64_t i = check_below(40); i > 0; i--) {
            buf_add_text(&in, pieces[check_below(sizeof pieces / sizeof *pieces)]);
        }
        struct chinese *table = tables[check_below(CHINESE_DIRECTION_COUNT)];
        CHECK_EQ(chinese_convert(table, buf_str(&in), &out, &changed), OK);
        CHECK(utf8_valid(buf_str(&out)));
        buf_close(&in);
        buf_close(&out);
    }
    struct buf small;
    uint64_t changed = 0;
    buf_open(&small, 4);
    CHECK_EQ(chinese_convert(tables[0], STR("頭髮"), &small, &changed), ERR_LIMIT);
    buf_close(&small);
}

static int open_one(void *context) {
    struct chinese *table = NULL;
    (void)context;
    enum err err = chinese_open(CHINESE_TW2S, &table);
    if (err == OK) chinese_close(table);
    return err != OK;
}
static void survives_want_of_memory(void) {
    CHECK(check_faults(memory_fail_after, open_one, NULL) > 5);
}

// ---- OpenCC's own program -----------------------------------------------------------------------

static uint8_t *real_text(size_t *out_size) {
    static const char *const files[] = {"text/zuozhuan_traditional.txt", "text/hotel_reviews.csv",
                                        "text/news_titles.txt", "text/cmrc2018_dev.json"};
    const char *folder = getenv("COURTYARD_DATA");
    struct buf all;
    buf_open(&all, 64 << 20);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];
        size_t size;
        snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/data", files[i]);
        uint8_t *bytes = scratch_read(path, &size);
        if (bytes) buf_add(&all, bytes, size);
        memory_give(bytes);
    }
    *out_size = all.size;
    return (uint8_t *)all.data; // given back by the caller
}

// Characters of `ours` that differ from `theirs`, place by place within each line.
static uint64_t differing(struct str ours, struct str theirs) {
    uint64_t count = 0;
    while (ours.size || theirs.size) {
        struct str a = str_cut(ours, '\n', &ours), b = str_cut(theirs, '\n', &theirs);
        size_t at = 0, other = 0;
        while (at < a.size && other < b.size) count += utf8_next(a, &at) != utf8_next(b, &other);
        count += (a.size - at) + (b.size - other);
    }
    return count;
}

static bool run_opencc(const char *folder, const char *config, const char *in, struct buf *out) {
    char command[1024];
    size_t size;
    snprintf(command, sizeof command, "opencc -c %s -i '%s' -o '%s/out' 2>/dev/null", config, in,
             folder);
    if (system(command) != 0) return false;
    uint8_t *bytes = scratch_read(scratch_path(folder, "out"), &size);
    if (bytes) buf_add(out, bytes, size);
    memory_give(bytes);
    return bytes != NULL;
}

static void agree(const char *folder, enum chinese_direction direction, struct str text) {
    const char *config = chinese_direction_name(direction);
    const char *in = scratch_path(folder, "in");
    struct buf theirs, ours;
    uint64_t changed = 0;
    buf_open(&theirs, 256 << 20);
    buf_open(&ours, 256 << 20);
    scratch_write(in, text.data, text.size);
    CHECK(run_opencc(folder, config, in, &theirs));
    CHECK_EQ(chinese_convert(tables[direction], text, &ours, &changed), OK);
    uint64_t characters = utf8_count(text), wrong = differing(buf_str(&ours), buf_str(&theirs));
    CHECK(changed > 1000);
    CHECK(wrong * 1000 <= characters);
    printf("%s: %d of %d characters differ from OpenCC's, %d changed\n", config, (int)wrong,
           (int)characters, (int)changed);
    buf_close(&theirs);
    buf_close(&ours);
}

static void agrees_with_opencc(void) {
    size_t size;
    uint8_t *bytes = real_text(&size);
    struct str text = {(const char *)bytes, size};
    if (size == 0) CHECK_SKIP("no ../shared/data");
    if (system("command -v opencc >/dev/null 2>&1") != 0) {
        memory_give(bytes);
        CHECK_SKIP("the package opencc is not installed");
    }
    const char *folder = scratch_folder();
    agree(folder, CHINESE_S2T, text);
    agree(folder, CHINESE_S2TW, text);
    agree(folder, CHINESE_S2HK, text);
    // What the others read is what OpenCC wrote.
    static const enum chinese_direction from[][2] = {
        {CHINESE_S2T, CHINESE_T2S}, {CHINESE_S2TW, CHINESE_TW2S}, {CHINESE_S2HK, CHINESE_HK2S}};
    for (int i = 0; i < 3; i++) {
        struct buf traditional;
        buf_open(&traditional, 256 << 20);
        const char *in = scratch_path(folder, "in");
        scratch_write(in, text.data, text.size);
        CHECK(run_opencc(folder, chinese_direction_name(from[i][0]), in, &traditional));
        agree(folder, from[i][1], buf_str(&traditional));
        buf_close(&traditional);
    }
    memory_give(bytes);
}

// Simplifying what is simple already leaves real text as it is but for a few characters.
static void simplified_stays(void) {
    size_t size;
    uint8_t *bytes = real_text(&size);
    if (size == 0) CHECK_SKIP("no ../shared/data");
    struct buf once, twice;
    uint64_t changed = 0, again = 0;
    buf_open(&once, 256 << 20);
    buf_open(&twice, 256 << 20);
    CHECK_EQ(
        chinese_convert(tables[CHINESE_T2S], (struct str){(char *)bytes, size}, &once, &changed),
        OK);
    CHECK_EQ(chinese_convert(tables[CHINESE_T2S], buf_str(&once), &twice, &again), OK);
    CHECK_BYTES(twice.data, twice.size, once.data, once.size);
    printf("t2s of simplified text: %d changed, then %d\n", (int)changed, (int)again);
    buf_close(&once);
    buf_close(&twice);
    memory_give(bytes);
}

int main(void) {
    for (int i = 0; i < CHINESE_DIRECTION_COUNT; i++) {
        if (chinese_open((enum chinese_direction)i, &tables[i]) != OK) return 1;
    }
    CHECK_RUN(words_before_characters);
    CHECK_RUN(any_bytes);
    CHECK_RUN(agrees_with_opencc);
    CHECK_RUN(simplified_stays);
    for (int i = 0; i < CHINESE_DIRECTION_COUNT; i++) chinese_close(tables[i]);
    CHECK_RUN(survives_want_of_memory);
    return check_done();
}
