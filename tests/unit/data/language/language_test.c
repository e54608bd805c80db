// The language of samples in many writings, what a text consists of, real files where they are.
#include "base/file.h"
#include "check.h"
#include "data/language/language.h"

static const char *guess(const char *text) {
    double confidence;
    enum language language = language_guess(str_of(text), &confidence);
    CHECK(confidence >= 0 && confidence <= 1);
    return language_name(language);
}

static void knows_writings(void) {
    CHECK_STR(guess("患者因头痛三天入院，体温37.5℃，血压正常。"), "zh-Hans");
    CHECK_STR(guess("患者因頭痛三天入院，體溫37.5℃，血壓正常。"), "zh-Hant");
    CHECK_STR(guess("上海市"), "zh");
    CHECK_STR(guess("患者行CT及MRI检查，WBC 5.2×10^9/L"), "zh-Hans");
    CHECK_STR(guess("東京の病院で検査を受けました"), "ja");
    CHECK_STR(guess("환자는 두통으로 입원하였다"), "ko");
    CHECK_STR(guess("The patient was admitted with a headache of three days."), "en");
    CHECK_STR(guess("Der Patient wurde wegen Kopfschmerzen ins Krankenhaus eingeliefert und"),
              "und-Latn");
    CHECK_STR(guess("Bệnh nhân nhập viện vì đau đầu ba ngày"), "vi");
    CHECK_STR(guess("Пациент поступил с головной болью"), "ru");
    CHECK_STR(guess("Науқас бас ауруымен ауруханаға түсті"), "kk-Cyrl");
    CHECK_STR(guess("Өвчтөн толгой өвдөж эмнэлэгт хэвтсэн"), "mn-Cyrl");
    CHECK_STR(
        guess("بارلىق ئىنسانلار تۇغۇلۇشىدىنلا ئەركىن، ئىززەت-ھۆرمەت ۋە ھوقۇقتا باپباراۋەر بولۇپ"),
        "ug");
    CHECK_STR(guess("يولد جميع الناس أحرارا متساوين في الكرامة والحقوق"), "ar");
    CHECK_STR(guess("འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་"), "bo");
    CHECK_STR(guess("ᠬᠦᠮᠦᠨ ᠪᠦᠷ ᠲᠥᠷᠥᠵᠦ ᠮᠡᠨᠳᠡᠯᠡᠬᠦ"), "mn");
    CHECK_STR(guess("ꊿꂷꃅꄿꐨꐥ"), "ii");
    CHECK_STR(guess("123 。，\n"), "und");
    CHECK_STR(guess(""), "und");
    CHECK_STR(guess("\xFF\xFE\x80"), "und");
}

static void names_and_wishes(void) {
    enum language language;
    CHECK(language_from_name(STR("zh"), &language) && language == LANGUAGE_ZH);
    CHECK(!language_from_name(STR("xx"), &language));
    CHECK(language_matches(LANGUAGE_ZH_HANT, LANGUAGE_ZH));
    CHECK(language_matches(LANGUAGE_ZH, LANGUAGE_ZH_HANS));
    CHECK(!language_matches(LANGUAGE_ZH_HANT, LANGUAGE_ZH_HANS));
    for (int i = 0; i < LANGUAGE_COUNT; i++) {
        CHECK(language_from_name(str_of(language_name((enum language)i)), &language));
        CHECK_EQ(language, i);
    }
}

static void measures(void) {
    struct text_shares shares;
    text_measure(STR("患者ＡB，1 ２\n\n→\x01é\xFF\r\n x"), &shares);
    CHECK_EQ(shares.characters, 18);
    CHECK_EQ(shares.han, 2);
    CHECK_EQ(shares.latin, 4);
    CHECK_EQ(shares.letters, 6);
    CHECK_EQ(shares.digits, 2);
    CHECK_EQ(shares.spaces, 6);
    CHECK_EQ(shares.punctuation, 1);
    CHECK_EQ(shares.symbols, 1);
    CHECK_EQ(shares.controls, 1);
    CHECK_EQ(shares.invalid, 1);
    CHECK_EQ(shares.lines, 3);
    CHECK_NEAR(text_share(&shares, shares.han), 2.0 / 12, 1e-9);
    text_measure(STR(""), &shares);
    CHECK_EQ(shares.lines, 0);
    CHECK_NEAR(text_share(&shares, 0), 0, 0);
}

// Lines of 20 characters and more of a real file that are guessed as `wanted`.
static void real_file(const char *name, enum language wanted, double least) {
    const char *folder = getenv("COURTYARD_DATA");
    char path[512];
    struct file_map map;
    struct fault fault = {0};
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/data", name);
    if (file_map(path, &map, &fault) != OK) CHECK_SKIP("no ../shared/data");
    struct str rest = {(const char *)map.data, map.size};
    uint64_t lines = 0, right = 0;
    while (rest.size) {
        struct str line = str_cut(rest, '\n', &rest);
        double confidence;
        if (line.size < 60) continue;
        lines++;
        right += language_matches(language_guess(line, &confidence), wanted);
    }
    file_unmap(&map);
    CHECK(lines > 100);
    CHECK((double)right >= least * (double)lines);
    printf("%s: %.4f of %d lines\n", name, (double)right / (double)lines, (int)lines);
}

static void knows_real_chinese(void) {
    real_file("text/hotel_reviews.csv", LANGUAGE_ZH_HANS, 0.99);
}
// Classical prose; in spite of the file's name its writing is simplified.
static void knows_real_classics(void) {
    real_file("text/zuozhuan_traditional.txt", LANGUAGE_ZH_HANS, 0.99);
}
static void knows_real_english(void) {
    real_file("text/wikitext2_valid.txt", LANGUAGE_EN, 0.98);
}

int main(void) {
    CHECK_RUN(knows_writings);
    CHECK_RUN(names_and_wishes);
    CHECK_RUN(measures);
    CHECK_RUN(knows_real_chinese);
    CHECK_RUN(knows_real_classics);
    CHECK_RUN(knows_real_english);
    return check_done();
}
