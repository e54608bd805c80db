#include "data/cleanse/quality_private.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum { LINES_LEAST = 3, STOP_LENGTH_LEAST = 20, STOP_MANY = 100, REPEAT_GRAM = 10 };

struct quality_reader {
    uint32_t *characters; // of the text, without blanks
    size_t room, count;
    uint64_t *slots; // (slot_room): open addressing, 0 free
    uint32_t *counts;
    size_t slot_room;
};

enum err quality_reader_open(struct quality_reader **out) {
    *out = memory_take(sizeof **out);
    return *out ? OK : ERR_MEMORY;
}

static void rooms_give(struct quality_reader *reader) {
    memory_give(reader->characters);
    memory_give(reader->slots);
    memory_give(reader->counts);
}

void quality_reader_close(struct quality_reader *reader) {
    if (!reader) return;
    rooms_give(reader);
    memory_give(reader);
}

// Room for `characters` of them and twice as many slots.
static enum err rooms_need(struct quality_reader *reader, size_t characters) {
    if (characters + 1 <= reader->room) return OK;
    rooms_give(reader);
    *reader = (struct quality_reader){0};
    size_t room = 1024;
    while (room < characters + 1) room *= 2;
    reader->characters = memory_take(room * sizeof *reader->characters);
    reader->slots = memory_take(2 * room * sizeof *reader->slots);
    reader->counts = memory_take(2 * room * sizeof *reader->counts);
    if (!reader->characters || !reader->slots || !reader->counts) return ERR_MEMORY;
    reader->room = room;
    reader->slot_room = 2 * room;
    return OK;
}

static uint64_t mixed(uint64_t x) {
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    x ^= x >> 29;
    return x ? x : 1;
}

// Slots for `entries` things; all free.
static size_t slots_clear(struct quality_reader *reader, size_t entries) {
    size_t room = 64;
    while (room < 2 * entries && room < reader->slot_room) room *= 2;
    memset(reader->slots, 0, room * sizeof *reader->slots);
    memset(reader->counts, 0, room * sizeof *reader->counts);
    return room;
}

// How often the thing was met before; counts it.
static uint32_t slot_count(struct quality_reader *reader, size_t room, uint64_t hash) {
    size_t slot = hash & (room - 1);
    while (reader->slots[slot] && reader->slots[slot] != hash) slot = (slot + 1) & (room - 1);
    reader->slots[slot] = hash;
    return reader->counts[slot]++;
}

static bool is_blank(uint32_t c) {
    return c <= ' ' || c == 0xA0 || c == 0x3000 || (c >= 0x2000 && c <= 0x200B) || c == 0xFEFF;
}

static void read_characters(struct quality_reader *reader, struct str text) {
    reader->count = 0;
    for (size_t at = 0; at < text.size;) {
        uint32_t c = utf8_next(text, &at);
        if (!is_blank(c)) reader->characters[reader->count++] = c;
    }
}

// ---- repetition ---------------------------------------------------------------------------------

static double share_of_repeats(struct quality_reader *reader) {
    const uint64_t base = 0x9E3779B97F4A7C15u;
    size_t room = slots_clear(reader, reader->count), covered = 0, covered_to = 0;
    uint64_t hash = 0, top = 1;
    for (int i = 0; i < REPEAT_GRAM; i++) top *= base;
    for (size_t i = 0; i < reader->count; i++) {
        hash = hash * base + reader->characters[i];
        if (i >= REPEAT_GRAM) hash -= reader->characters[i - REPEAT_GRAM] * top;
        if (i + 1 < REPEAT_GRAM || slot_count(reader, room, mixed(hash)) == 0) continue;
        size_t from = i + 1 - REPEAT_GRAM;
        covered += i + 1 - (from > covered_to ? from : covered_to);
        covered_to = i + 1;
    }
    return (double)covered / (double)reader->count;
}

static double share_of_top_pair(struct quality_reader *reader) {
    size_t room = slots_clear(reader, reader->count);
    uint32_t most = 0;
    for (size_t i = 1; i < reader->count; i++) {
        uint64_t pair = (uint64_t)reader->characters[i - 1] << 32 | reader->characters[i];
        uint32_t count = slot_count(reader, room, mixed(pair)) + 1;
        if (count > most) most = count;
    }
    double share = 2.0 * most / (double)reader->count;
    return most < 3 ? 0 : share > 1 ? 1 : share;
}

static double longest_run(const struct quality_reader *reader) {
    size_t run = 0, longest = 0;
    for (size_t i = 0; i < reader->count; i++) {
        run = i > 0 && reader->characters[i] == reader->characters[i - 1] ? run + 1 : 1;
        if (run > longest) longest = run;
    }
    return (double)longest;
}

// ---- lines --------------------------------------------------------------------------------------

static bool starts_with_mark(struct str line) {
    static const char *const marks[] = {"•", "●", "○", "■", "□",  "◆",  "◇", "▶",
                                        "★", "☆", "·", "※", "- ", "* ", "–", "—"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (str_starts(line, str_of(marks[i]))) return true;
    }
    return false;
}

static bool ends_in_dots(struct str line) {
    return str_ends(line, STR("…")) || str_ends(line, STR("...")) || str_ends(line, STR("。。。"));
}

static size_t characters_in(struct str line) {
    size_t count = 0;
    for (size_t at = 0; at < line.size;) count += !is_blank(utf8_next(line, &at));
    return count;
}

static uint64_t line_hash(struct str line) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < line.size; i++) hash = (hash ^ (uint8_t)line.data[i]) * 0x100000001B3u;
    return mixed(hash);
}

static void read_lines(struct quality_reader *reader, struct str text, double *values) {
    size_t lines = 0, marks = 0, dots = 0, repeated = 0;
    size_t room = slots_clear(reader, reader->count + 1);
    struct str rest = text;
    while (rest.data) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        if (line.size == 0) continue;
        lines++;
        marks += starts_with_mark(line);
        dots += ends_in_dots(line);
        // A line of blanks that are not ASCII has no characters: it takes no slot.
        size_t characters = characters_in(line);
        if (characters && slot_count(reader, room, line_hash(line)) > 0) repeated += characters;
    }
    bool few = lines < LINES_LEAST;
    values[QUALITY_LINES] = (double)repeated / (double)reader->count;
    values[QUALITY_BULLET] = few ? 0 : (double)marks / (double)lines;
    values[QUALITY_ELLIPSIS] = few ? 0 : (double)dots / (double)lines;
}

// ---- addresses and broken encodings -------------------------------------------------------------

static bool ends_address(char c) {
    return c <= ' ' || c == '"' || c == '<' || c == '>' || (uint8_t)c >= 0x80;
}

static double share_of_addresses(const struct quality_reader *reader, struct str text) {
    static const char *const starts[] = {"http://", "https://", "www."};
    size_t inside = 0;
    for (size_t at = 0; at < text.size; at++) {
        char c = text.data[at];
        if (c != 'h' && c != 'w') continue;
        struct str rest = {text.data + at, text.size - at};
        bool starts_here = false;
        for (int i = 0; i < 3 && !starts_here; i++)
            starts_here = str_starts(rest, str_of(starts[i]));
        if (!starts_here) continue;
        size_t end = at;
        while (end < text.size && !ends_address(text.data[end])) end++;
        inside += end - at;
        at = end > at ? end - 1 : at;
    }
    return (double)inside / (double)reader->count;
}

// Characters that stand where a text was read in a wrong encoding: the replacement character and
// what is made of it in GBK (锟斤拷), uninitialised memory (烫烫烫, 屯屯屯), Chinese punctuation of
// UTF-8 read as GBK (锛 銆 鈥), UTF-8 read as Latin-1 (pairs like Ã¤), private use.
static bool is_garbled(uint32_t before, uint32_t c, uint32_t after) {
    if (c == 0xFFFD || (c >= 0xE000 && c <= 0xF8FF)) return true;
    if (c == 0x951F || c == 0x65A4 || c == 0x62F7) { // 锟 斤 拷
        return (c == 0x951F && after == 0x65A4) || (c == 0x65A4 && before == 0x951F) ||
               (c == 0x62F7 && before == 0x65A4);
    }
    if (c == 0x70EB || c == 0x5C6F) return before == c && after == c; // 烫 屯
    if (c == 0x951B || c == 0x9286 || c == 0x9225) return true;       // 锛 銆 鈥
    bool lead = c >= 0xC2 && c <= 0xEF && after >= 0x80 && after <= 0xBF;
    bool tail = c >= 0x80 && c <= 0xBF && before >= 0xC2 && before <= 0xEF;
    return lead || tail;
}

static double share_of_garbled(const struct quality_reader *reader) {
    size_t garbled = 0;
    for (size_t i = 0; i < reader->count; i++) {
        uint32_t before = i > 0 ? reader->characters[i - 1] : 0;
        uint32_t after = i + 1 < reader->count ? reader->characters[i + 1] : 0;
        garbled += is_garbled(before, reader->characters[i], after);
    }
    return (double)garbled / (double)reader->count;
}

// ---- function words -----------------------------------------------------------------------------

static bool is_ascii_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Different English function words among the first 64 KB.
static uint32_t english_words(struct str text) {
    static const char *const words[] = {"the", "be", "to", "of", "and", "that", "have", "with"};
    uint32_t seen = 0;
    if (text.size > 65536) text.size = 65536;
    for (size_t at = 0; at < text.size; at++) {
        size_t start = at;
        while (at < text.size && is_ascii_letter(text.data[at])) at++;
        if (at == start) continue;
        struct str word = {text.data + start, at - start};
        for (int i = 0; i < 8; i++) {
            if (str_is(word, words[i])) seen |= 1u << i;
        }
    }
    return (uint32_t)__builtin_popcount(seen);
}

// 0 to 21 for 的 了 是 在 和 有 我 不 这 也 就 都 与 为 对 及 于 而 之 其 被 把; -1 for others.
static int function_word(uint32_t c) {
    static const uint16_t words[] = {0x7684, 0x4E86, 0x662F, 0x5728, 0x548C, 0x6709, 0x6211, 0x4E0D,
                                     0x8FD9, 0x4E5F, 0x5C31, 0x90FD, 0x4E0E, 0x4E3A, 0x5BF9, 0x53CA,
                                     0x4E8E, 0x800C, 0x4E4B, 0x5176, 0x88AB, 0x628A};
    enum { COUNT = sizeof words / sizeof *words };
    // Bits for the last six bits of each: most other characters end here.
    const uint64_t last_bits = 0x2642890082027E50;
    if (!(last_bits >> (c & 63) & 1)) return -1;
    for (int i = 0; i < COUNT; i++) {
        if (words[i] == c) return i;
    }
    return -1;
}

static double function_words(const struct quality_reader *reader, struct str text) {
    if (reader->count < STOP_LENGTH_LEAST) return STOP_MANY;
    uint32_t seen = 0;
    for (size_t i = 0; i < reader->count; i++) {
        int word = function_word(reader->characters[i]);
        if (word >= 0) seen |= 1u << word;
    }
    return (double)__builtin_popcount(seen) + (double)english_words(text);
}

// ---- all ----------------------------------------------------------------------------------------

static void read_shares(struct str text, double *values) {
    struct text_shares shares;
    text_measure(text, &shares);
    values[QUALITY_HAN] = text_share(&shares, shares.han);
    values[QUALITY_SYMBOL] = text_share(&shares, shares.symbols);
    values[QUALITY_DIGIT] = text_share(&shares, shares.digits);
    values[QUALITY_PUNCTUATION] = text_share(&shares, shares.punctuation);
}

enum err quality_read(struct quality_reader *reader, struct str text, uint32_t wanted,
                      double values[QUALITY_COUNT]) {
    const uint32_t shares = QUALITY_BIT(QUALITY_HAN) | QUALITY_BIT(QUALITY_SYMBOL) |
                            QUALITY_BIT(QUALITY_DIGIT) | QUALITY_BIT(QUALITY_PUNCTUATION);
    const uint32_t lines =
        QUALITY_BIT(QUALITY_LINES) | QUALITY_BIT(QUALITY_BULLET) | QUALITY_BIT(QUALITY_ELLIPSIS);
    enum err err = rooms_need(reader, text.size);
    if (err != OK) return err;
    memset(values, 0, QUALITY_COUNT * sizeof *values);
    read_characters(reader, text);
    values[QUALITY_LENGTH] = (double)reader->count;
    if (reader->count == 0) {
        values[QUALITY_STOP] = STOP_MANY;
        return OK;
    }
    if (wanted & shares) read_shares(text, values);
    if (wanted & lines) read_lines(reader, text, values);
    if (wanted & QUALITY_BIT(QUALITY_REPEAT)) values[QUALITY_REPEAT] = share_of_repeats(reader);
    if (wanted & QUALITY_BIT(QUALITY_NGRAM)) values[QUALITY_NGRAM] = share_of_top_pair(reader);
    if (wanted & QUALITY_BIT(QUALITY_URL)) values[QUALITY_URL] = share_of_addresses(reader, text);
    if (wanted & QUALITY_BIT(QUALITY_GARBLED)) values[QUALITY_GARBLED] = share_of_garbled(reader);
    if (wanted & QUALITY_BIT(QUALITY_RUN)) values[QUALITY_RUN] = longest_run(reader);
    if (wanted & QUALITY_BIT(QUALITY_STOP)) values[QUALITY_STOP] = function_words(reader, text);
    return OK;
}
