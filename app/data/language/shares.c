// What kind of character each one is, by ranges of Unicode 15, and how many of each a text has.
#include "base/text.h"
#include "data/language/language_private.h"

enum {
    L = CHARACTER_LETTER,
    D = CHARACTER_DIGIT,
    S = CHARACTER_SPACE,
    P = CHARACTER_PUNCTUATION,
    Y = CHARACTER_SYMBOL,
    C = CHARACTER_CONTROL
};

// Each range begins where it says and ends where the next begins.
static const struct {
    uint32_t first;
    uint8_t script, kind;
} ranges[] = {
    {0x0000, SCRIPT_NONE, C},       {0x0009, SCRIPT_NONE, S},       {0x000E, SCRIPT_NONE, C},
    {0x0020, SCRIPT_NONE, S},       {0x0021, SCRIPT_NONE, P},       {0x0024, SCRIPT_NONE, Y},
    {0x0025, SCRIPT_NONE, P},       {0x002B, SCRIPT_NONE, Y},       {0x002C, SCRIPT_NONE, P},
    {0x0030, SCRIPT_NONE, D},       {0x003A, SCRIPT_NONE, P},       {0x003C, SCRIPT_NONE, Y},
    {0x003F, SCRIPT_NONE, P},       {0x0041, SCRIPT_LATIN, L},      {0x005B, SCRIPT_NONE, P},
    {0x005E, SCRIPT_NONE, Y},       {0x005F, SCRIPT_NONE, P},       {0x0060, SCRIPT_NONE, Y},
    {0x0061, SCRIPT_LATIN, L},      {0x007B, SCRIPT_NONE, P},       {0x007C, SCRIPT_NONE, Y},
    {0x007D, SCRIPT_NONE, P},       {0x007E, SCRIPT_NONE, Y},       {0x007F, SCRIPT_NONE, C},
    {0x0085, SCRIPT_NONE, S},       {0x0086, SCRIPT_NONE, C},       {0x00A0, SCRIPT_NONE, S},
    {0x00A1, SCRIPT_NONE, P},       {0x00A2, SCRIPT_NONE, Y},       {0x00AA, SCRIPT_LATIN, L},
    {0x00AB, SCRIPT_NONE, P},       {0x00AC, SCRIPT_NONE, Y},       {0x00AD, SCRIPT_NONE, C},
    {0x00AE, SCRIPT_NONE, Y},       {0x00B7, SCRIPT_NONE, P},       {0x00B8, SCRIPT_NONE, Y},
    {0x00BA, SCRIPT_LATIN, L},      {0x00BB, SCRIPT_NONE, P},       {0x00BC, SCRIPT_NONE, Y},
    {0x00BF, SCRIPT_NONE, P},       {0x00C0, SCRIPT_LATIN, L},      {0x00D7, SCRIPT_NONE, Y},
    {0x00D8, SCRIPT_LATIN, L},      {0x00F7, SCRIPT_NONE, Y},       {0x00F8, SCRIPT_LATIN, L},
    {0x02B0, SCRIPT_NONE, Y},       {0x0300, SCRIPT_OTHER, L},      {0x0370, SCRIPT_GREEK, L},
    {0x0400, SCRIPT_CYRILLIC, L},   {0x0530, SCRIPT_OTHER, L},      {0x0590, SCRIPT_HEBREW, L},
    {0x0600, SCRIPT_NONE, P},       {0x0610, SCRIPT_ARABIC, L},     {0x061B, SCRIPT_NONE, P},
    {0x0620, SCRIPT_ARABIC, L},     {0x0660, SCRIPT_NONE, D},       {0x066A, SCRIPT_NONE, P},
    {0x066E, SCRIPT_ARABIC, L},     {0x06D4, SCRIPT_NONE, P},       {0x06D5, SCRIPT_ARABIC, L},
    {0x06F0, SCRIPT_NONE, D},       {0x06FA, SCRIPT_ARABIC, L},     {0x0700, SCRIPT_OTHER, L},
    {0x0750, SCRIPT_ARABIC, L},     {0x0780, SCRIPT_OTHER, L},      {0x08A0, SCRIPT_ARABIC, L},
    {0x0900, SCRIPT_DEVANAGARI, L}, {0x0964, SCRIPT_NONE, P},       {0x0966, SCRIPT_NONE, D},
    {0x0970, SCRIPT_DEVANAGARI, L}, {0x0980, SCRIPT_OTHER, L},      {0x0E00, SCRIPT_THAI, L},
    {0x0E80, SCRIPT_OTHER, L},      {0x0F00, SCRIPT_TIBETAN, L},    {0x0F20, SCRIPT_NONE, D},
    {0x0F34, SCRIPT_TIBETAN, L},    {0x1000, SCRIPT_OTHER, L},      {0x1100, SCRIPT_HANGUL, L},
    {0x1200, SCRIPT_OTHER, L},      {0x1680, SCRIPT_NONE, S},       {0x1681, SCRIPT_OTHER, L},
    {0x1800, SCRIPT_NONE, P},       {0x180B, SCRIPT_NONE, C},       {0x1810, SCRIPT_NONE, D},
    {0x181A, SCRIPT_MONGOLIAN, L},  {0x18B0, SCRIPT_OTHER, L},      {0x1950, SCRIPT_DAI, L},
    {0x19E0, SCRIPT_OTHER, L},      {0x1A20, SCRIPT_DAI, L},        {0x1AB0, SCRIPT_OTHER, L},
    {0x1C80, SCRIPT_CYRILLIC, L},   {0x1C90, SCRIPT_OTHER, L},      {0x1D00, SCRIPT_LATIN, L},
    {0x1DC0, SCRIPT_OTHER, L},      {0x1E00, SCRIPT_LATIN, L},      {0x1F00, SCRIPT_GREEK, L},
    {0x2000, SCRIPT_NONE, S},       {0x200B, SCRIPT_NONE, C},       {0x2010, SCRIPT_NONE, P},
    {0x2028, SCRIPT_NONE, S},       {0x202A, SCRIPT_NONE, C},       {0x202F, SCRIPT_NONE, S},
    {0x2030, SCRIPT_NONE, P},       {0x2044, SCRIPT_NONE, Y},       {0x2045, SCRIPT_NONE, P},
    {0x205F, SCRIPT_NONE, S},       {0x2060, SCRIPT_NONE, C},       {0x2070, SCRIPT_NONE, Y},
    {0x20D0, SCRIPT_OTHER, L},      {0x2100, SCRIPT_NONE, Y},       {0x2C00, SCRIPT_OTHER, L},
    {0x2C60, SCRIPT_LATIN, L},      {0x2C80, SCRIPT_OTHER, L},      {0x2DE0, SCRIPT_CYRILLIC, L},
    {0x2E00, SCRIPT_NONE, P},       {0x2E80, SCRIPT_HAN, L},        {0x2FE0, SCRIPT_NONE, Y},
    {0x3000, SCRIPT_NONE, S},       {0x3001, SCRIPT_NONE, P},       {0x3004, SCRIPT_NONE, Y},
    {0x3005, SCRIPT_HAN, L},        {0x3008, SCRIPT_NONE, P},       {0x3012, SCRIPT_NONE, Y},
    {0x3014, SCRIPT_NONE, P},       {0x3020, SCRIPT_NONE, Y},       {0x3021, SCRIPT_HAN, L},
    {0x302A, SCRIPT_NONE, Y},       {0x3041, SCRIPT_KANA, L},       {0x30A0, SCRIPT_NONE, P},
    {0x30A1, SCRIPT_KANA, L},       {0x30FB, SCRIPT_NONE, P},       {0x30FC, SCRIPT_KANA, L},
    {0x3100, SCRIPT_OTHER, L},      {0x3130, SCRIPT_HANGUL, L},     {0x3190, SCRIPT_NONE, Y},
    {0x31A0, SCRIPT_OTHER, L},      {0x31C0, SCRIPT_NONE, Y},       {0x31F0, SCRIPT_KANA, L},
    {0x3200, SCRIPT_NONE, Y},       {0x3400, SCRIPT_HAN, L},        {0x4DC0, SCRIPT_NONE, Y},
    {0x4E00, SCRIPT_HAN, L},        {0xA000, SCRIPT_YI, L},         {0xA4D0, SCRIPT_OTHER, L},
    {0xA640, SCRIPT_CYRILLIC, L},   {0xA6A0, SCRIPT_OTHER, L},      {0xA720, SCRIPT_LATIN, L},
    {0xA800, SCRIPT_OTHER, L},      {0xA8E0, SCRIPT_DEVANAGARI, L}, {0xA900, SCRIPT_OTHER, L},
    {0xA960, SCRIPT_HANGUL, L},     {0xA980, SCRIPT_OTHER, L},      {0xAB30, SCRIPT_LATIN, L},
    {0xAB70, SCRIPT_OTHER, L},      {0xAC00, SCRIPT_HANGUL, L},     {0xD800, SCRIPT_NONE, C},
    {0xE000, SCRIPT_NONE, Y},       {0xF900, SCRIPT_HAN, L},        {0xFB00, SCRIPT_LATIN, L},
    {0xFB07, SCRIPT_OTHER, L},      {0xFB1D, SCRIPT_HEBREW, L},     {0xFB50, SCRIPT_ARABIC, L},
    {0xFE00, SCRIPT_NONE, C},       {0xFE10, SCRIPT_NONE, P},       {0xFE20, SCRIPT_OTHER, L},
    {0xFE30, SCRIPT_NONE, P},       {0xFE70, SCRIPT_ARABIC, L},     {0xFEFF, SCRIPT_NONE, C},
    {0xFF00, SCRIPT_NONE, P},       {0xFF04, SCRIPT_NONE, Y},       {0xFF05, SCRIPT_NONE, P},
    {0xFF0B, SCRIPT_NONE, Y},       {0xFF0C, SCRIPT_NONE, P},       {0xFF10, SCRIPT_NONE, D},
    {0xFF1A, SCRIPT_NONE, P},       {0xFF1C, SCRIPT_NONE, Y},       {0xFF1F, SCRIPT_NONE, P},
    {0xFF21, SCRIPT_LATIN, L},      {0xFF3B, SCRIPT_NONE, P},       {0xFF3E, SCRIPT_NONE, Y},
    {0xFF3F, SCRIPT_NONE, P},       {0xFF40, SCRIPT_NONE, Y},       {0xFF41, SCRIPT_LATIN, L},
    {0xFF5B, SCRIPT_NONE, P},       {0xFF5C, SCRIPT_NONE, Y},       {0xFF5D, SCRIPT_NONE, P},
    {0xFF5E, SCRIPT_NONE, Y},       {0xFF5F, SCRIPT_NONE, P},       {0xFF66, SCRIPT_KANA, L},
    {0xFFA0, SCRIPT_HANGUL, L},     {0xFFE0, SCRIPT_NONE, Y},       {0xFFF0, SCRIPT_NONE, C},
    {0xFFFC, SCRIPT_NONE, Y},       {0x10000, SCRIPT_OTHER, L},     {0x1D000, SCRIPT_NONE, Y},
    {0x1E000, SCRIPT_OTHER, L},     {0x1F000, SCRIPT_NONE, Y},      {0x20000, SCRIPT_HAN, L},
    {0x32000, SCRIPT_NONE, Y},      {0xE0000, SCRIPT_NONE, C},      {0xF0000, SCRIPT_NONE, Y},
};

struct character_class character_class(uint32_t c) {
    size_t low = 0, high = sizeof ranges / sizeof ranges[0];
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle].first <= c)
            low = middle;
        else
            high = middle;
    }
    return (struct character_class){ranges[low].script, ranges[low].kind};
}

static void count_letter(struct text_shares *shares, uint8_t script) {
    shares->letters++;
    switch (script) {
    case SCRIPT_HAN: shares->han++; break;
    case SCRIPT_KANA: shares->kana++; break;
    case SCRIPT_HANGUL: shares->hangul++; break;
    case SCRIPT_LATIN: shares->latin++; break;
    default: break;
    }
}

static void count_class(struct text_shares *shares, struct character_class is) {
    switch ((enum character_kind)is.kind) {
    case CHARACTER_LETTER: count_letter(shares, is.script); break;
    case CHARACTER_DIGIT: shares->digits++; break;
    case CHARACTER_SPACE: shares->spaces++; break;
    case CHARACTER_PUNCTUATION: shares->punctuation++; break;
    case CHARACTER_SYMBOL: shares->symbols++; break;
    case CHARACTER_CONTROL: shares->controls++; break;
    }
}

void text_measure(struct str text, struct text_shares *out) {
    struct text_shares shares = {.bytes = text.size};
    struct character_class ascii[128];
    for (uint32_t c = 0; c < 128; c++) ascii[c] = character_class(c);
    bool line = false; // something stands on it
    for (size_t at = 0; at < text.size;) {
        uint32_t c = utf8_next(text, &at);
        shares.characters++;
        if (c >= 0x4E00 && c <= 0x9FFF) {
            shares.letters++;
            shares.han++;
            line = true;
        } else if (c == 0xFFFD) {
            shares.invalid++;
            line = true;
        } else {
            struct character_class is = c < 128 ? ascii[c] : character_class(c);
            count_class(&shares, is);
            bool end = c == '\n' || (c == '\r' && !(at < text.size && text.data[at] == '\n'));
            if (end && line) shares.lines++;
            if (end)
                line = false;
            else
                line |= is.kind != CHARACTER_SPACE;
        }
    }
    shares.lines += line;
    *out = shares;
}

double text_share(const struct text_shares *shares, uint64_t part) {
    uint64_t seen = shares->characters - shares->spaces;
    return seen ? (double)part / (double)seen : 0;
}
