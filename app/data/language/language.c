// Which language a text is in. Scripts are counted, a Han character as much as three letters; the
// largest decides, then letters that only one of its languages has.
#include <string.h>

#include "base/text.h"
#include "data/language/language_private.h"

static const char *const names[LANGUAGE_COUNT] = {
    [LANGUAGE_UNKNOWN] = "und",     [LANGUAGE_ZH] = "zh",           [LANGUAGE_ZH_HANS] = "zh-Hans",
    [LANGUAGE_ZH_HANT] = "zh-Hant", [LANGUAGE_JA] = "ja",           [LANGUAGE_KO] = "ko",
    [LANGUAGE_EN] = "en",           [LANGUAGE_VI] = "vi",           [LANGUAGE_LATIN] = "und-Latn",
    [LANGUAGE_RU] = "ru",           [LANGUAGE_MN_CYRL] = "mn-Cyrl", [LANGUAGE_KK_CYRL] = "kk-Cyrl",
    [LANGUAGE_AR] = "ar",           [LANGUAGE_UG] = "ug",           [LANGUAGE_KK_ARAB] = "kk-Arab",
    [LANGUAGE_FA] = "fa",           [LANGUAGE_BO] = "bo",           [LANGUAGE_MN] = "mn",
    [LANGUAGE_II] = "ii",           [LANGUAGE_DAI] = "tdd",         [LANGUAGE_TH] = "th",
    [LANGUAGE_EL] = "el",           [LANGUAGE_HE] = "he",           [LANGUAGE_HI] = "hi",
    [LANGUAGE_OTHER] = "und-Zyyy",
};

const char *language_name(enum language language) {
    return (unsigned)language < LANGUAGE_COUNT ? names[language] : names[LANGUAGE_UNKNOWN];
}

bool language_from_name(struct str name, enum language *out) {
    for (int language = 0; language < LANGUAGE_COUNT; language++) {
        if (!str_is(name, names[language])) continue;
        *out = (enum language)language;
        return true;
    }
    return false;
}

bool language_matches(enum language language, enum language wanted) {
    if (language == wanted) return true;
    if (wanted == LANGUAGE_ZH) return language == LANGUAGE_ZH_HANS || language == LANGUAGE_ZH_HANT;
    bool han = wanted == LANGUAGE_ZH_HANS || wanted == LANGUAGE_ZH_HANT;
    return han && language == LANGUAGE_ZH; // nothing speaks against it
}

// ---- what is counted ----------------------------------------------------------------------------

struct evidence {
    uint64_t scripts[SCRIPT_COUNT];
    uint64_t simplified, traditional;
    uint64_t words, small_words, accented, vietnamese;
    uint64_t kazakh, mongolian;              // letters of Cyrillic
    uint64_t uyghur, kazakh_arabic, persian; // letters of Arabic
};

static bool in_bitmap(const uint32_t *bitmap, uint32_t c) {
    return bitmap[(c - 0x4E00) / 32] >> (c % 32) & 1;
}

static void count_han(struct evidence *evidence, uint32_t c) {
    evidence->scripts[SCRIPT_HAN]++;
    if (c < 0x4E00 || c > 0x9FFF) return;
    evidence->simplified += in_bitmap(language_simplified, c);
    evidence->traditional += in_bitmap(language_traditional, c);
}

static void count_cyrillic(struct evidence *evidence, uint32_t c) {
    switch (c | 1) {
    case 0x04D9:
    case 0x0493:
    case 0x049B:
    case 0x04A3:
    case 0x04B1:
    case 0x04BB:
        evidence->kazakh++; // ә ғ қ ң ұ һ
        break;
    case 0x04E9:
    case 0x04AF: evidence->mongolian++; break; // ө ү
    default: break;
    }
}

static void count_arabic(struct evidence *evidence, uint32_t c) {
    switch (c) {
    case 0x06D0:
    case 0x06C8:
    case 0x06CB:
    case 0x06AD: evidence->uyghur++; break; // ې ۈ ۋ ڭ
    case 0x0674:
    case 0x0675:
    case 0x0676:
    case 0x0677:
    case 0x0678: evidence->kazakh_arabic++; break;
    case 0x067E:
    case 0x0686:
    case 0x0698:
    case 0x06CC:
    case 0x06A9: evidence->persian++; break;
    default: break;
    }
}

// English cannot do without them; other languages share few of them.
static bool small_word(const char *word, size_t size) {
    static const char words[] =
        " the of and to in is was for that with on are be by this as at from not it have has or "
        "were which an but his her they you we been their had will would there what can who when ";
    char look[12] = " ";
    if (size < 2 || size > 6) return false;
    memcpy(look + 1, word, size);
    look[size + 1] = ' ';
    return strstr(words, look) != NULL;
}

struct word {
    char letters[8]; // lower case, as far as they fit
    size_t size;
};

static void end_word(struct evidence *evidence, struct word *word) {
    if (word->size == 0) return;
    evidence->words++;
    evidence->small_words += small_word(word->letters, word->size);
    word->size = 0;
}

static void count_latin(struct evidence *evidence, uint32_t c, struct word *word) {
    evidence->scripts[SCRIPT_LATIN]++;
    if (c >= 0x80) evidence->accented++;
    bool vietnamese = (c >= 0x1EA0 && c <= 0x1EF9) || (c | 1) == 0x01A1 || c == 0x01AF ||
                      c == 0x01B0 || (c | 1) == 0x0111;
    evidence->vietnamese += vietnamese;
    if (word->size < sizeof word->letters)
        word->letters[word->size] = (char)(c < 128 ? c | 32 : '?');
    word->size++;
}

static void collect(struct str text, struct evidence *evidence) {
    struct word word = {.size = 0};
    for (size_t at = 0; at < text.size;) {
        uint32_t c = utf8_next(text, &at);
        bool ascii = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (ascii) {
            count_latin(evidence, c, &word);
            continue;
        }
        if (c >= 0x4E00 && c <= 0x9FFF) {
            end_word(evidence, &word);
            count_han(evidence, c);
            continue;
        }
        struct character_class is =
            c < 128 ? (struct character_class){SCRIPT_NONE, CHARACTER_SYMBOL} : character_class(c);
        if (is.script == SCRIPT_LATIN) {
            count_latin(evidence, c, &word);
            continue;
        }
        end_word(evidence, &word);
        if (is.script == SCRIPT_HAN)
            count_han(evidence, c);
        else
            evidence->scripts[is.script]++;
        if (is.script == SCRIPT_CYRILLIC) count_cyrillic(evidence, c);
        if (is.script == SCRIPT_ARABIC) count_arabic(evidence, c);
    }
    end_word(evidence, &word);
}

// ---- what follows from it -----------------------------------------------------------------------

static enum language chinese(const struct evidence *evidence, double *certainty) {
    uint64_t s = evidence->simplified, t = evidence->traditional;
    if (s + t == 0) {
        *certainty = 0.7;
        return LANGUAGE_ZH;
    }
    double share = (double)(s > t ? s : t) / (double)(s + t);
    *certainty = share * (0.8 + 0.2 * (double)(s + t) / (double)(s + t + 2));
    return s >= t ? LANGUAGE_ZH_HANS : LANGUAGE_ZH_HANT;
}

static enum language latin(const struct evidence *evidence, double *certainty) {
    uint64_t letters = evidence->scripts[SCRIPT_LATIN];
    if (evidence->vietnamese * 20 > letters) {
        *certainty = 0.95;
        return LANGUAGE_VI;
    }
    double small = evidence->words ? (double)evidence->small_words / (double)evidence->words : 0;
    bool plain = evidence->accented * 50 < letters;
    if (small >= 0.12 && plain) {
        *certainty = small > 0.25 ? 0.98 : 0.6 + small;
        return LANGUAGE_EN;
    }
    // A few words without small ones: a title, terms. Longer text would have some.
    bool few = evidence->words < 8 && evidence->accented == 0;
    *certainty = few ? 0.3 : 0.6;
    return few ? LANGUAGE_EN : LANGUAGE_LATIN;
}

static enum language cyrillic(const struct evidence *evidence, double *certainty) {
    uint64_t letters = evidence->scripts[SCRIPT_CYRILLIC];
    *certainty = 0.9;
    if (evidence->kazakh * 50 > letters) return LANGUAGE_KK_CYRL;
    if (evidence->mongolian * 50 > letters) return LANGUAGE_MN_CYRL;
    *certainty = 0.7;
    return LANGUAGE_RU;
}

static enum language arabic(const struct evidence *evidence, double *certainty) {
    uint64_t letters = evidence->scripts[SCRIPT_ARABIC];
    *certainty = 0.95;
    if (evidence->kazakh_arabic * 50 > letters && evidence->kazakh_arabic > evidence->uyghur / 2) {
        return LANGUAGE_KK_ARAB;
    }
    if (evidence->uyghur * 50 > letters) return LANGUAGE_UG;
    *certainty = 0.8;
    return evidence->persian * 25 > letters ? LANGUAGE_FA : LANGUAGE_AR;
}

static enum language by_script(enum script script, const struct evidence *evidence,
                               double *certainty) {
    *certainty = 0.98;
    switch (script) {
    case SCRIPT_HAN: return chinese(evidence, certainty);
    case SCRIPT_KANA: return LANGUAGE_JA;
    case SCRIPT_HANGUL: return LANGUAGE_KO;
    case SCRIPT_LATIN: return latin(evidence, certainty);
    case SCRIPT_CYRILLIC: return cyrillic(evidence, certainty);
    case SCRIPT_ARABIC: return arabic(evidence, certainty);
    case SCRIPT_TIBETAN: return LANGUAGE_BO;
    case SCRIPT_MONGOLIAN: return LANGUAGE_MN;
    case SCRIPT_YI: return LANGUAGE_II;
    case SCRIPT_DAI: return LANGUAGE_DAI;
    case SCRIPT_THAI: return LANGUAGE_TH;
    case SCRIPT_GREEK: return LANGUAGE_EL;
    case SCRIPT_HEBREW: return LANGUAGE_HE;
    case SCRIPT_DEVANAGARI: return LANGUAGE_HI;
    default: *certainty = 0.5; return LANGUAGE_OTHER;
    }
}

enum language language_guess(struct str text, double *confidence) {
    struct evidence evidence = {0};
    collect(text, &evidence);
    uint64_t *scripts = evidence.scripts;
    // Japanese is Han and kana together: a tenth of kana is enough, names in Chinese have less.
    if (scripts[SCRIPT_KANA] * 10 >= scripts[SCRIPT_HAN] + scripts[SCRIPT_KANA]) {
        scripts[SCRIPT_KANA] += scripts[SCRIPT_KANA] ? scripts[SCRIPT_HAN] : 0;
        if (scripts[SCRIPT_KANA]) scripts[SCRIPT_HAN] = 0;
    }
    scripts[SCRIPT_HAN] *= 3;
    scripts[SCRIPT_KANA] *= 2;
    scripts[SCRIPT_HANGUL] *= 2;
    uint64_t all = 0;
    enum script best = SCRIPT_NONE;
    for (int script = SCRIPT_NONE + 1; script < SCRIPT_COUNT; script++) {
        all += scripts[script];
        if (best == SCRIPT_NONE || scripts[script] > scripts[best]) best = (enum script)script;
    }
    *confidence = 0;
    if (all == 0) return LANGUAGE_UNKNOWN;
    double certainty, share = (double)scripts[best] / (double)all;
    uint64_t letters = scripts[best];
    enum language language = by_script(best, &evidence, &certainty);
    *confidence = certainty * share * (double)letters / (double)(letters + 3);
    return language;
}
