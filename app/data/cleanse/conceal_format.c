// Another value of the same form: digits stay digits, letters letters, signs and width stay, dates
// are dates. Under one key a value always has the same other one, and two values have two.
//
// The places of a value are one number below 10^digits * 26^letters, which FF1 turns into another
// (cycle-walking down to that many). Below a million values FF1 promises nothing; there a small
// Feistel network of the same cipher does what can be done. What comes out must never be a real
// identifier, so the detector looks at it. A value that is none goes on until the outcome is none.
// One that is goes to the outcome it is matched with, as an opening bracket with its closing one
// along the cycle: so two real values never meet in the same outcome.
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/text.h"
#include "data/cleanse/conceal_private.h"
#include "data/cleanse/date_private.h"

typedef unsigned __int128 wide;

enum {
    PLACES_MOST = 512, // of one value; a longer one is starred
    CHUNK_PLACES = 26, // 26^26 is below 10^37: a number of two words, FF1 of 37 digits
    WALK_MOST = 4096,  // steps before we give up and use stars
    SMALL_VALUES = 1000000,
    SMALL_ROUNDS = 16,
    FIRST_DAY = -25567, // 1900-01-01
    DAY_COUNT = 47482,  // to 2029-12-31
};

// ---- a permutation of the numbers below any bound -----------------------------------------------

static uint64_t round_of(const struct ff1_key *key, struct str tweak, unsigned round,
                         uint64_t half) {
    uint8_t block[16] = {0}, state[16] = {0};
    size_t at = 0;
    do {
        for (size_t i = 0; i < 16; i++) {
            state[i] ^= at + i < tweak.size ? (uint8_t)tweak.data[at + i] : 0;
        }
        ff1_block(key, state);
        at += 16;
    } while (at < tweak.size);
    block[0] = (uint8_t)round;
    for (int i = 0; i < 8; i++) block[8 + i] = (uint8_t)(half >> 8 * i);
    for (int i = 0; i < 16; i++) state[i] ^= block[i];
    ff1_block(key, state);
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | state[i];
    return value;
}

// left * right is the least product of two nearly equal numbers that is not below `count`.
static uint64_t small_permute(const struct ff1_key *key, struct str tweak, uint64_t count,
                              uint64_t value) {
    uint64_t left = 1;
    while (left * left < count) left++;
    uint64_t right = (count + left - 1) / left;
    do {
        uint64_t a = value / right, b = value % right;
        for (unsigned round = 0; round < SMALL_ROUNDS; round += 2) {
            a = (a + round_of(key, tweak, round, b)) % left;
            b = (b + round_of(key, tweak, round + 1, a)) % right;
        }
        value = a * right + b;
    } while (value >= count);
    return value;
}

static wide permute(const struct ff1_key *key, struct str tweak, wide count, wide value) {
    if (count <= 1) return value;
    if (count < SMALL_VALUES) return small_permute(key, tweak, (uint64_t)count, (uint64_t)value);
    uint8_t digits[FF1_DIGITS_MOST];
    size_t size = 0;
    for (wide most = count - 1; most; most /= 10) size++;
    do {
        for (size_t i = size; i-- > 0; value /= 10) digits[i] = (uint8_t)(value % 10);
        ff1_encrypt(key, tweak, digits, size);
        value = 0;
        for (size_t i = 0; i < size; i++) value = value * 10 + digits[i];
    } while (value >= count);
    return value;
}

// ---- the places of a value ----------------------------------------------------------------------

struct place {
    uint8_t value;
    bool letter;
};
struct form {
    const struct ff1_key *key;
    unsigned kind;
    struct str text;
    struct place places[PLACES_MOST];
    size_t count;
    struct buf candidate;
};

static uint32_t narrow(uint32_t character) {
    return character >= 0xFF01 && character <= 0xFF5E ? character - 0xFEE0 : character;
}

static bool place_of(uint32_t character, struct place *out) {
    uint32_t c = narrow(character);
    bool digit = c >= '0' && c <= '9', small = c >= 'a' && c <= 'z', large = c >= 'A' && c <= 'Z';
    if (!digit && !small && !large) return false;
    *out = (struct place){(uint8_t)(c - (digit ? '0' : small ? 'a' : 'A')), !digit};
    return true;
}

static bool form_read(struct form *form) {
    for (size_t at = 0; at < form->text.size;) {
        struct place place;
        if (!place_of(utf8_next(form->text, &at), &place)) continue;
        if (form->count == PLACES_MOST) return false;
        form->places[form->count++] = place;
    }
    return true;
}

static void chunk_step(struct form *form, size_t from, size_t to) {
    uint8_t tweak[4] = {(uint8_t)form->kind, (uint8_t)form->count, (uint8_t)from, 0};
    wide count = 1, value = 0;
    for (size_t i = from; i < to; i++) {
        uint8_t base = form->places[i].letter ? 26 : 10;
        count *= base;
        value = value * base + form->places[i].value;
    }
    value = permute(form->key, (struct str){(const char *)tweak, sizeof tweak}, count, value);
    for (size_t i = to; i-- > from;) {
        uint8_t base = form->places[i].letter ? 26 : 10;
        form->places[i].value = (uint8_t)(value % base);
        value /= base;
    }
}

// One step along the cycle: all chunks, as even as they can be cut.
static void form_step(struct form *form) {
    size_t chunks = (form->count + CHUNK_PLACES - 1) / CHUNK_PLACES;
    for (size_t i = 0; i < chunks; i++) {
        chunk_step(form, form->count * i / chunks, form->count * (i + 1) / chunks);
    }
}

// A Chinese character becomes one of twenty-two that count years and name nobody.
static void character_write(const struct form *form, uint32_t character, size_t index,
                            struct buf *out) {
    static const char *const signs[] = {"甲", "乙", "丙", "丁", "戊", "己", "庚", "辛",
                                        "壬", "癸", "子", "丑", "寅", "卯", "辰", "巳",
                                        "午", "未", "申", "酉", "戌", "亥"};
    uint8_t tweak[32] = {1, (uint8_t)form->kind, (uint8_t)index};
    size_t room = sizeof tweak - 3;
    // The whole value decides, so that its characters cannot be read one by one.
    for (size_t i = 0; i < form->text.size; i++) {
        uint8_t mixed = (uint8_t)(tweak[3 + i % room] * 31 + (uint8_t)form->text.data[i]);
        tweak[3 + i % room] = mixed;
    }
    uint64_t value =
        round_of(form->key, (struct str){(const char *)tweak, sizeof tweak}, 99, character);
    buf_add_text(out, signs[value % 22]);
}

static void form_write(const struct form *form, struct buf *out) {
    size_t next = 0, index = 0;
    bool unmade = form->kind == PERSONAL_EMAIL || form->kind == PERSONAL_URL;
    for (size_t at = 0; at < form->text.size; index++) {
        size_t start = at;
        struct place place;
        char bytes[4];
        uint32_t character = utf8_next(form->text, &at);
        if (place_of(character, &place)) {
            uint32_t first = place.letter ? (narrow(character) < 'a' ? 'A' : 'a') : '0';
            uint32_t moved = character - narrow(character);
            buf_add(out, bytes, utf8_put(bytes, first + form->places[next++].value + moved));
        } else if (unmade && narrow(character) == '@') {
            buf_add_text(out, "(at)"); // what still looks like an address somebody may write to
        } else if (unmade && character == '.') {
            buf_add_text(out, "[.]");
        } else if (character >= 0x3400 && character < 0xFE30) {
            character_write(form, character, index, out);
        } else {
            buf_add(out, form->text.data + start, at - start);
        }
    }
}

// ---- never a real one ---------------------------------------------------------------------------

// Behind words that make the detector take whatever may be one for one.
static const char leading[] = "身份证号电话卡号账号：";

static bool is_real(const struct buf *candidate) {
    struct str whole = buf_str(candidate), alone = whole;
    alone.data += sizeof leading - 1;
    alone.size -= sizeof leading - 1;
    return personal_scan(whole, PERSONAL_CERTAIN, NULL, 0) > 0 ||
           personal_scan(alone, PERSONAL_CERTAIN, NULL, 0) > 0;
}

static bool form_is_real(struct form *form) {
    buf_clear(&form->candidate);
    buf_add_text(&form->candidate, leading);
    form_write(form, &form->candidate);
    return is_real(&form->candidate);
}

static bool form_walk(struct form *form) {
    buf_add_text(&form->candidate, leading);
    buf_add_str(&form->candidate, form->text);
    uint32_t depth = is_real(&form->candidate);
    bool real = depth > 0;
    for (int step = 0; step < WALK_MOST; step++) {
        form_step(form);
        bool again = form_is_real(form);
        if (!real && !again) return true;
        if (!real) continue;
        depth = again ? depth + 1 : depth - 1;
        if (depth == 0) return true;
    }
    return false;
}

// A date stays a date; what stands behind it (a time) stays as it is.
static bool date_format(const struct ff1_key *key, struct str text, struct buf *out) {
    struct date_found found;
    if (!date_find(text, 0, 2001, &found) || found.start > 0 || !found.year.size) return false;
    int64_t day = found.days - FIRST_DAY;
    if (day < 0 || day >= DAY_COUNT) return false;
    uint64_t other = small_permute(key, STR("day"), DAY_COUNT, (uint64_t)day);
    date_write_shifted(text, &found, (int64_t)other - day, out);
    buf_add(out, text.data + found.size, text.size - found.size);
    return true;
}

void format_write(const struct ff1_key *key, unsigned kind, struct str text, struct buf *out) {
    struct form form = {.key = key, .kind = kind, .text = text};
    if ((kind == PERSONAL_BIRTH || kind == KIND_UNKNOWN) && date_format(key, text, out)) return;
    buf_open(&form.candidate, 8 * (size_t)LIMIT_CELL_BYTES);
    if (form_read(&form) && (form.count == 0 || form_walk(&form))) {
        form_write(&form, out);
    } else {
        stars_write(kind, text, out);
    }
    if (buf_err(&form.candidate) != OK) out->err = buf_err(&form.candidate);
    buf_close(&form.candidate);
}
