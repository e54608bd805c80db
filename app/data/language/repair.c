// Repair by evidence. How plausible a character is follows from where the encodings put it: the 776
// most frequent ones, the common levels of GB 2312 and Big5, the rest. A wrong reading is full of
// the rest.
#include <string.h>

#include "base/memory.h"
#include "data/language/repair_private.h"

enum { ROUNDS_MAX = 3 };

// ---- tables -------------------------------------------------------------------------------------

uint8_t latin_byte(uint32_t c) {
    static const uint16_t windows[32] = {
        0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
        0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178,
    };
    if (c >= 0x80 && c <= 0xFF) return (uint8_t)c;
    if (c < 0x152 || c > 0x2122) return 0;
    for (uint8_t i = 0; i < 32; i++) {
        if (windows[i] == c) return (uint8_t)(0x80 + i);
    }
    return 0;
}

static int8_t plausibility(uint32_t c, uint16_t gbk, uint16_t big5) {
    if (c < 0x80) return 0;
    if (character_frequent(c)) return 3;
    uint8_t lead = (uint8_t)(gbk >> 8), trail = (uint8_t)gbk;
    if (c >= 0x4E00 && c <= 0x9FFF) {
        bool gb2312 = trail >= 0xA1 && lead >= 0xB0 && lead <= 0xF7;
        if (gb2312 && lead <= 0xD7) return 1;
        if (big5 >= 0xA440 && big5 <= 0xC67E) return 1;
        return gb2312 ? -1 : -4;
    }
    if (c >= 0xE000 && c <= 0xF8FF) return -6;
    if (c == 0xFFFD) return -2;
    if (c >= 0x3041 && c <= 0x30FF) return 0;
    if ((c >= 0x3000 && c <= 0x3011) || (c >= 0xFF01 && c <= 0xFF5E)) return 1;
    if (c >= 0x2010 && c <= 0x2026) return 0;
    if (c >= 0xA0 && c <= 0x17F) return -1;
    if (c < 0xA0) return -4;
    return -3;
}

// The character that two bytes are; 0 if none, or one beyond FFFF.
static uint32_t pair_character(enum encoding encoding, unsigned lead, unsigned trail) {
    char bytes[2] = {(char)lead, (char)trail}, out[16];
    struct decoder decoder;
    decoder_start(&decoder, encoding);
    decoder.started = true;
    size_t size = decoder_run(&decoder, (struct str){bytes, 2}, true, out), at = 0;
    if (decoder.invalid_count || size == 0) return 0;
    uint32_t c = utf8_next((struct str){out, size}, &at);
    return at == size && c >= 0x80 && c < 0x10000 ? c : 0;
}

static uint8_t starts_of(uint32_t c, uint16_t gbk, int8_t plausible) {
    uint8_t lead = (uint8_t)(gbk >> 8), trail = (uint8_t)gbk, starts = 0;
    bool continues = trail >= 0x80 && trail <= 0xBF;
    if (continues && lead >= 0xE2 && lead <= 0xEF) starts |= STARTS_UTF8_AS_GBK;
    if (latin_byte(c) >= 0xA1) starts |= STARTS_LATIN;
    if (plausible <= -1 && c >= 0x4E00) starts |= STARTS_ODD;
    if (c == 0x951F) starts |= STARTS_LOST;
    return starts;
}

enum err repair_open(struct repair **out) {
    struct repair *repair = memory_take(sizeof *repair);
    if (!repair) return ERR_MEMORY;
    for (unsigned lead = 0x81; lead <= 0xFE; lead++) {
        for (unsigned trail = 0x40; trail <= 0xFE; trail++) {
            uint32_t gbk = pair_character(ENCODING_GB18030, lead, trail);
            uint32_t big5 = pair_character(ENCODING_BIG5, lead, trail);
            uint16_t code = (uint16_t)(lead << 8 | trail);
            if (gbk && !repair->gbk[gbk]) repair->gbk[gbk] = code;
            if (big5 && !repair->big5[big5]) repair->big5[big5] = code;
        }
    }
    for (uint32_t c = 0x80; c < 0x10000; c++) {
        repair->plausible[c] = plausibility(c, repair->gbk[c], repair->big5[c]);
        repair->starts[c] = starts_of(c, repair->gbk[c], repair->plausible[c]);
    }
    *out = repair;
    return OK;
}

void repair_close(struct repair *repair) {
    memory_give(repair);
}

// ---- what is believed ---------------------------------------------------------------------------

// `sure`: another stretch of the same text was of this kind.
static bool believe_gbk(const struct stretch *stretch, bool sure) {
    int32_t gain = stretch->after - stretch->before;
    if (sure) return gain > 0 && (stretch->han > 0 || stretch->lost > 0);
    int32_t count = (int32_t)stretch->characters;
    return stretch->han > 0 && gain >= 8 && stretch->after >= count && stretch->before < 0 &&
           stretch->lost * 2 < stretch->characters;
}

// Latin letters with marks stand in good text; those that are a whole character of UTF-8 hardly do.
static bool believe_latin(const struct stretch *stretch, struct str result, bool sure) {
    if (sure && stretch->after >= stretch->before) return true;
    if (stretch->lost * 2 >= stretch->characters) return false;
    if (stretch->wide > 0) {
        if (stretch->wide > 2) return true; // nine bytes in a row by chance: never
        size_t at = 0;
        uint32_t first = utf8_next(result, &at);
        bool mark = first >= 0x2010 && first <= 0x2122;
        bool good = stretch->after >= -(int32_t)stretch->characters && stretch->soft > 1 &&
                    stretch->after > stretch->before;
        return good && (stretch->wide > 1 || stretch->soft > 2 || mark);
    }
    for (size_t at = 0; at < result.size;) {
        uint32_t c = utf8_next(result, &at);
        bool accented = c >= 0xA0 && c <= 0x17F;
        bool letters = stretch->characters > 1 && c >= 0x370 && c <= 0x4FF;
        if (!accented && !letters) return false;
    }
    return stretch->soft > 1 || stretch->characters > 1;
}

static bool believe_pairs(const struct stretch *stretch, bool sure) {
    int32_t han = (int32_t)stretch->han;
    if (sure) return stretch->after >= 0 && stretch->wide == stretch->characters;
    if (han == 0 || stretch->han * 2 < stretch->characters) return false;
    return han >= 2 ? stretch->after * 2 >= 3 * han : false;
}

// Few characters may look better by chance: five at least, and of few nearly all must be frequent.
static bool believe_line(const struct stretch *stretch) {
    int32_t count = (int32_t)stretch->characters;
    int32_t gain = stretch->after - stretch->before;
    bool few = count < 10;
    return stretch->han >= 5 && stretch->lost * 4 < stretch->characters &&
           stretch->after * 2 >= (few ? 4 : 3) * count && stretch->before * 2 < count &&
           gain * 2 >= (few ? 6 : 3) * count;
}

// ---- stretches ----------------------------------------------------------------------------------

struct pass {
    const struct repair *repair;
    struct str text;
    struct buf *out;
    uint64_t *counts;
    bool sure[REPAIR_KIND_COUNT];
};

// Tries to read the text from `at` on again; returns where it goes on, `at` if nothing was
// believed.
static size_t try_gbk(struct pass *pass, size_t at, size_t *skip) {
    struct stretch stretch;
    size_t size = pass->out->size;
    bool read = stretch_utf8(pass->repair, true, pass->text, at, pass->out, &stretch);
    if (read && believe_gbk(&stretch, pass->sure[REPAIR_UTF8_AS_GBK])) {
        pass->counts[REPAIR_UTF8_AS_GBK]++;
        pass->sure[REPAIR_UTF8_AS_GBK] |= stretch.han > 2;
        pass->counts[REPAIR_LOST] += stretch.lost;
        return stretch.end;
    }
    pass->out->size = size;
    // A long stretch that is not believed is not tried from its middle: linear time.
    if (stretch.end - at > 256) *skip = stretch.end;
    return at;
}

static size_t try_latin(struct pass *pass, size_t at, size_t *skip) {
    static const struct {
        enum encoding encoding;
        enum repair_kind kind;
    } pairs[] = {{ENCODING_GB18030, REPAIR_GBK_AS_LATIN}, {ENCODING_BIG5, REPAIR_BIG5_AS_LATIN}};
    struct stretch stretch;
    size_t size = pass->out->size, best_end = at;
    bool read = stretch_utf8(pass->repair, false, pass->text, at, pass->out, &stretch);
    struct str result = {pass->out->data + size, pass->out->size - size};
    bool pairs_sure = pass->sure[REPAIR_GBK_AS_LATIN] || pass->sure[REPAIR_BIG5_AS_LATIN];
    bool believed = read && !(pairs_sure && stretch.wide == 0) &&
                    believe_latin(&stretch, result, pass->sure[REPAIR_UTF8_AS_LATIN]);
    if (believed) {
        pass->counts[REPAIR_UTF8_AS_LATIN]++;
        pass->counts[REPAIR_LOST] += stretch.lost;
        pass->sure[REPAIR_UTF8_AS_LATIN] |= stretch.wide > 1;
        return stretch.end;
    }
    pass->out->size = size;
    *skip = stretch.end;
    int32_t best = INT32_MIN;
    int chosen = -1;
    for (int i = 0; i < 2; i++) {
        read = stretch_pairs(pass->repair, pairs[i].encoding, pass->text, at, pass->out, &stretch);
        pass->out->size = size;
        if (stretch.end > *skip) *skip = stretch.end;
        if (!read || !believe_pairs(&stretch, pass->sure[pairs[i].kind])) continue;
        if (stretch.after <= best) continue;
        best = stretch.after, chosen = i, best_end = stretch.end;
    }
    if (chosen < 0) return at;
    (void)stretch_pairs(pass->repair, pairs[chosen].encoding, pass->text, at, pass->out, &stretch);
    pass->counts[pairs[chosen].kind]++;
    pass->sure[pairs[chosen].kind] = true;
    return best_end;
}

// "锟斤拷" is two U+FFFD of UTF-8 read as GBK.
static size_t try_lost(struct pass *pass, size_t at) {
    struct str rest = {pass->text.data + at, pass->text.size - at};
    if (!str_starts(rest, STR("锟斤拷"))) return at;
    buf_add_text(pass->out, "\xEF\xBF\xBD\xEF\xBF\xBD");
    pass->counts[REPAIR_LOST] += 2;
    return at + strlen("锟斤拷");
}

static void run_pass(struct pass *pass) {
    struct str text = pass->text;
    size_t at = 0, copied = 0, quiet = 0; // nothing begins before `quiet`
    while (at < text.size && buf_err(pass->out) == OK) {
        if ((uint8_t)text.data[at] < 0x80) {
            at++;
            continue;
        }
        size_t next = at;
        uint32_t c = utf8_next(text, &next);
        uint8_t starts = c < 0x10000 ? pass->repair->starts[c] : 0;
        starts &= STARTS_UTF8_AS_GBK | STARTS_LATIN | STARTS_LOST;
        if (starts == 0 || at < quiet) {
            at = next;
            continue;
        }
        buf_add(pass->out, text.data + copied, at - copied);
        copied = at;
        size_t end = at;
        if (starts & STARTS_LOST) end = try_lost(pass, at);
        if (end == at && (starts & STARTS_UTF8_AS_GBK)) end = try_gbk(pass, at, &quiet);
        if (end == at && (starts & STARTS_LATIN)) end = try_latin(pass, at, &quiet);
        if (end > at) copied = end;
        at = end > at ? end : next;
    }
    buf_add(pass->out, text.data + copied, text.size - copied);
}

// ---- lines --------------------------------------------------------------------------------------

static bool line_is_odd(const struct repair *repair, struct str line) {
    uint32_t odd = 0, all = 0;
    for (size_t at = 0; at < line.size;) {
        if ((uint8_t)line.data[at] < 0x80) {
            at++;
            continue;
        }
        uint32_t c = utf8_next(line, &at);
        all++;
        odd += c > 0xFFFF || (repair->starts[c] & STARTS_ODD);
    }
    return odd >= 2 && odd * 4 >= all;
}

static void run_lines(const struct repair *repair, struct str text, struct buf *out,
                      uint64_t *counts) {
    while (text.data) {
        struct str rest, line = str_cut(text, '\n', &rest);
        size_t size = out->size;
        enum repair_kind kind = REPAIR_KIND_COUNT;
        struct stretch one, other;
        if (line_is_odd(repair, line)) {
            bool a = stretch_line(repair, ENCODING_BIG5, ENCODING_GB18030, line, out, &one);
            out->size = size;
            bool b = stretch_line(repair, ENCODING_GB18030, ENCODING_BIG5, line, out, &other);
            out->size = size;
            a = a && believe_line(&one);
            b = b && believe_line(&other);
            if (a && (!b || one.after >= other.after)) kind = REPAIR_GBK_AS_BIG5;
            if (b && kind == REPAIR_KIND_COUNT) kind = REPAIR_BIG5_AS_GBK;
        }
        if (kind == REPAIR_GBK_AS_BIG5) {
            (void)stretch_line(repair, ENCODING_BIG5, ENCODING_GB18030, line, out, &one);
        } else if (kind == REPAIR_BIG5_AS_GBK) {
            (void)stretch_line(repair, ENCODING_GB18030, ENCODING_BIG5, line, out, &other);
        } else {
            buf_add_str(out, line);
        }
        if (kind == REPAIR_GBK_AS_BIG5) counts[REPAIR_LOST] += one.lost;
        if (kind == REPAIR_BIG5_AS_GBK) counts[REPAIR_LOST] += other.lost;
        if (kind != REPAIR_KIND_COUNT) counts[kind]++;
        if (rest.data) buf_add_char(out, '\n');
        text = rest;
    }
}

// ---- the whole ----------------------------------------------------------------------------------

static uint64_t sum(const uint64_t *counts) {
    uint64_t all = 0;
    for (int kind = 0; kind < REPAIR_KIND_COUNT; kind++) all += counts[kind];
    return all;
}

static void one_round(const struct repair *repair, struct str text, struct buf *between,
                      struct buf *out, uint64_t *counts) {
    struct pass pass = {.repair = repair, .text = text, .out = between, .counts = counts};
    uint64_t before = sum(counts);
    buf_clear(between);
    run_pass(&pass);
    // One stretch that is sure speaks for the single characters before it.
    bool sure = false;
    for (int kind = 0; kind < REPAIR_KIND_COUNT; kind++) sure |= pass.sure[kind];
    if (sum(counts) > before && sure) {
        buf_clear(between);
        memset(counts, 0, REPAIR_KIND_COUNT * sizeof *counts);
        run_pass(&pass);
    }
    run_lines(repair, buf_str(between), out, counts);
}

// Whether anything in the text could be garbled: most cells have nothing.
static bool suspicious(const struct repair *repair, struct str text) {
    uint32_t odd = 0;
    for (size_t at = 0; at < text.size;) {
        if ((uint8_t)text.data[at] < 0x80) {
            at++;
            continue;
        }
        uint32_t c = utf8_next(text, &at);
        uint8_t starts = c < 0x10000 ? repair->starts[c] : STARTS_ODD;
        odd += starts == STARTS_ODD;
        if ((starts & ~STARTS_ODD) || odd > 1) return true;
    }
    return false;
}

static enum err valid_repair(const struct repair *repair, struct str text, struct buf *out,
                             uint64_t *counts) {
    struct buf between, result, again;
    if (!suspicious(repair, text)) {
        buf_add_str(out, text);
        return buf_err(out);
    }
    buf_open(&between, SIZE_MAX / 4);
    buf_open(&result, SIZE_MAX / 4);
    buf_open(&again, SIZE_MAX / 4);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        uint64_t now[REPAIR_KIND_COUNT] = {0};
        buf_clear(&again);
        one_round(repair, text, &between, &again, now);
        struct buf swap = result;
        result = again;
        again = swap;
        for (int kind = 0; kind < REPAIR_KIND_COUNT; kind++) counts[kind] += now[kind];
        text = buf_str(&result);
        if (sum(now) == 0 || buf_err(&result) != OK || buf_err(&between) != OK) break;
    }
    enum err err = buf_err(&between) != OK ? buf_err(&between) : buf_err(&result);
    if (err == OK) buf_add_str(out, text);
    buf_close(&between);
    buf_close(&result);
    buf_close(&again);
    return err == OK ? buf_err(out) : err;
}

enum err text_repair(const struct repair *repair, struct str text, struct buf *out,
                     uint64_t counts[static REPAIR_KIND_COUNT]) {
    if (utf8_valid(text)) return valid_repair(repair, text, out, counts);
    struct buf valid;
    buf_open(&valid, SIZE_MAX / 4);
    for (size_t at = 0; at < text.size;) {
        char character[4];
        buf_add(&valid, character, utf8_put(character, utf8_next(text, &at)));
    }
    enum err err = buf_err(&valid);
    if (err == OK) err = valid_repair(repair, buf_str(&valid), out, counts);
    buf_close(&valid);
    return err;
}
