#include "data/screen/screen.h"

#include <string.h>

#include "base/crypto.h"
#include "base/memory.h"
#include "data/cleanse/cleanse.h"

enum {
    BEFORE_BYTES = 256,     // what has been decided and is looked at once more, for its words
    NEAR_BYTES = 160,       // a number so near to the end of a stretch may go on behind it
    STRETCH_HITS_MAX = 512, // more than a stretch and what is beside it can have
    TEXT_HITS_FIRST = 256,
    NAMES_MAX = 64, // that are known again
    NAME_BYTES_MAX = 60,
    NAME_BYTES_LEAST = 9, // shorter ones are words too often
    NAME_SURE = 75,
};
#define HITS_BYTES_MAX ((size_t)256 << 20)
#define PIECES_BYTES_MAX ((size_t)64 << 20) // not decided yet: one piece may be long

uint64_t screen_count(const struct screen_found *found) {
    uint64_t count = 0;
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) count += found->of[kind];
    return count;
}

void screen_warm(void) {
    struct personal_hit hit;
    (void)personal_scan(STR("张三"), SCREEN_KINDS, &hit, 1);
}

// ---- which hits count --------------------------------------------------------------------------

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// A place with a number or a door: "中山路138号", not "北京".
static bool has_door(struct str place) {
    static const char *const doors[] = {"号", "室", "栋", "幢", "弄", "户", "单元"};
    for (size_t i = 0; i < place.size; i++) {
        if (is_digit(place.data[i])) return true;
        if (place.size - i < 3) continue;
        struct str rest = {place.data + i, place.size - i};
        if (memcmp(rest.data, "\xEF\xBC", 2) == 0 && (uint8_t)rest.data[2] - 0x90u < 10)
            return true;
        for (size_t k = 0; k < sizeof doors / sizeof *doors; k++) {
            if (str_starts(rest, str_of(doors[k]))) return true;
        }
    }
    return false;
}

static bool hit_counts(struct str text, const struct personal_hit *hit) {
    if (hit->kind != PERSONAL_ADDRESS) return true;
    return has_door((struct str){text.data + hit->start, hit->size});
}

static void hit_write(enum personal_kind kind, struct buf *out, struct screen_found *found) {
    found->of[kind]++;
    if (out) personal_word(kind, out);
}

static void raw_write(struct str text, size_t from, size_t to, struct buf *out) {
    if (out && to > from) buf_add(out, text.data + from, to - from);
}

// ---- whole texts -------------------------------------------------------------------------------

enum err screen_text(struct str text, struct buf *out, struct screen_found *found) {
    struct buf room;
    size_t count = TEXT_HITS_FIRST, places;
    buf_open(&room, HITS_BYTES_MAX);
    struct personal_hit *hits;
    do {
        places = count;
        buf_clear(&room);
        hits = (struct personal_hit *)(void *)buf_reserve(&room, places * sizeof *hits);
        if (hits) count = personal_scan(text, SCREEN_KINDS, hits, places);
    } while (hits && count > places);
    size_t at = 0;
    for (size_t i = 0; hits && i < count; i++) {
        if (!hit_counts(text, &hits[i])) continue;
        raw_write(text, at, hits[i].start, out);
        hit_write(hits[i].kind, out, found);
        at = hits[i].start + hits[i].size;
    }
    raw_write(text, at, text.size, out);
    enum err err = buf_err(&room);
    buf_close(&room);
    return err == OK && out ? buf_err(out) : err;
}

// ---- texts in pieces ---------------------------------------------------------------------------

struct screen {
    struct buf text; // what was decided last, and what is not decided yet
    size_t done;     // so much of it is decided
    size_t seen;     // and in so much from there on no end of a stretch was found
    bool stops, stopped;
    enum personal_kind last; // the kind of the finding that ends at `done`
    bool last_open;          // there is one
    char name[NAMES_MAX][NAME_BYTES_MAX];
    uint8_t name_size[NAMES_MAX];
    uint32_t name_count;
    struct personal_hit hits[STRETCH_HITS_MAX];
};

enum err screen_open(bool stops, struct screen **out) {
    struct screen *screen = memory_take(sizeof *screen);
    if (!screen) return ERR_MEMORY;
    screen->stops = stops;
    buf_open(&screen->text, PIECES_BYTES_MAX);
    *out = screen;
    return OK;
}

void screen_close(struct screen *screen) {
    if (!screen) return;
    if (screen->text.data) bytes_wipe(screen->text.data, screen->text.room);
    buf_close(&screen->text);
    bytes_wipe(screen->name, sizeof screen->name);
    memory_give(screen);
}

bool screen_stopped(const struct screen *screen) {
    return screen->stopped;
}

// Back to where a character begins.
static size_t character_start(struct str text, size_t at) {
    for (int back = 0; back < 3 && at > 0 && at < text.size; back++) {
        if (((uint8_t)text.data[at] & 0xC0) != 0x80) break;
        at--;
    }
    return at;
}

static bool is_wide(struct str text, size_t at, const char *sign) {
    return text.size - at >= 3 && memcmp(text.data + at, sign, 3) == 0;
}

// Where the end of a sentence or a line that begins at `at` ends; 0: there is none. What is said of
// the last bytes of a text that goes on may change, so the caller asks for none of those.
static size_t sentence_end(struct str text, size_t at) {
    char c = text.data[at], next = at + 1 < text.size ? text.data[at + 1] : '\n';
    if (c == '\n') return at + 1;
    if (c == '.' || c == '!' || c == '?') return next == ' ' || next == '\n' ? at + 1 : 0;
    bool wide = is_wide(text, at, "。") || is_wide(text, at, "！") || is_wide(text, at, "？") ||
                is_wide(text, at, "；");
    return wide ? at + 3 : 0;
}

static bool is_pause(struct str text, size_t at) {
    char c = text.data[at];
    return c == ' ' || c == '\t' || is_wide(text, at, "，") || is_wide(text, at, "、");
}

// A digit, an at sign, a colon, 年 or 岁: what a finding may begin or end at.
static bool is_risky(struct str text, size_t at) {
    char c = text.data[at];
    if (is_digit(c) || c == '@' || c == ':') return true;
    if (text.size - at < 3) return false;
    uint8_t second = (uint8_t)text.data[at + 1], third = (uint8_t)text.data[at + 2];
    if (c == '\xEF' && second == 0xBC) return third >= 0x90 && third <= 0xA0;
    return is_wide(text, at, "年") || is_wide(text, at, "岁");
}

struct stretch {
    size_t cut;  // it ends here
    size_t need; // and is decided by what stands before this
};

// How far must be known before the stretch up to `cut` is decided.
static size_t stretch_need(struct str text, size_t done, size_t cut) {
    size_t from = cut - done > NEAR_BYTES ? cut - NEAR_BYTES : done;
    for (size_t at = cut; at-- > from;) {
        if (is_risky(text, at)) {
            return at + SCREEN_REACH_BYTES > cut ? at + SCREEN_REACH_BYTES : cut;
        }
    }
    return cut;
}

// False: it is not known yet where the next stretch ends.
static bool stretch_find(struct screen *screen, struct str text, bool ended, struct stretch *out) {
    size_t done = screen->done, most = done + SCREEN_STRETCH_BYTES;
    // A sign and what stands behind it.
    size_t sure = ended ? text.size : text.size > 3 ? text.size - 3 : 0;
    for (size_t at = done + screen->seen; at < sure && at < most; at++) {
        size_t end = sentence_end(text, at);
        if (!end) continue;
        screen->seen = at - done;
        *out = (struct stretch){end, stretch_need(text, done, end)};
        return true;
    }
    if (sure > done && sure < most) screen->seen = sure - done;
    if (text.size >= most + SCREEN_REACH_BYTES || (ended && text.size > most)) {
        size_t cut = character_start(text, most), from = done + SCREEN_STRETCH_BYTES / 2;
        for (size_t at = cut; at-- > from;) {
            if (!is_pause(text, at)) continue;
            cut = at + (text.data[at] == '\xE3' || text.data[at] == '\xEF' ? 3 : 1);
            break;
        }
        *out = (struct stretch){cut, cut + SCREEN_REACH_BYTES};
        return true;
    }
    *out = (struct stretch){text.size, text.size};
    return ended && text.size > done;
}

// ---- names that were found before --------------------------------------------------------------

static void name_note(struct screen *screen, struct str text, const struct personal_hit *hit) {
    bool fits = hit->kind == PERSONAL_NAME && hit->confidence >= NAME_SURE &&
                hit->size >= NAME_BYTES_LEAST && hit->size <= NAME_BYTES_MAX &&
                (uint8_t)text.data[hit->start] >= 0xE3;
    if (!fits || screen->name_count == NAMES_MAX) return;
    for (uint32_t i = 0; i < screen->name_count; i++) {
        if (screen->name_size[i] == hit->size &&
            memcmp(screen->name[i], text.data + hit->start, hit->size) == 0) {
            return;
        }
    }
    memcpy(screen->name[screen->name_count], text.data + hit->start, hit->size);
    screen->name_size[screen->name_count++] = (uint8_t)hit->size;
}

// The longest known name that stands at `at` and ends before `to`; 0 if none does.
static size_t name_at(const struct screen *screen, struct str text, size_t at, size_t to) {
    size_t longest = 0;
    for (uint32_t i = 0; i < screen->name_count; i++) {
        size_t size = screen->name_size[i];
        if (size > longest && size <= to - at &&
            memcmp(screen->name[i], text.data + at, size) == 0) {
            longest = size;
        }
    }
    return longest;
}

// What lies between findings: names that were found before are still to be seen.
static void gap_write(const struct screen *screen, struct str text, size_t from, size_t to,
                      struct buf *out, struct screen_found *found) {
    size_t raw = from;
    for (size_t at = from; screen->name_count && at + NAME_BYTES_LEAST <= to;) {
        size_t size = (uint8_t)text.data[at] >= 0xE3 ? name_at(screen, text, at, to) : 0;
        if (!size) {
            at++;
            continue;
        }
        raw_write(text, raw, at, out);
        hit_write(PERSONAL_NAME, out, found);
        raw = at += size;
    }
    raw_write(text, raw, to, out);
}

// ---- deciding ----------------------------------------------------------------------------------

// Writes a stretch with its findings; returns where what was decided ends.
static size_t stretch_write(struct screen *screen, struct str text, size_t count, size_t base,
                            size_t cut, struct buf *out, struct screen_found *found) {
    size_t at = screen->done, end_before = screen->last_open ? screen->done : SIZE_MAX;
    enum personal_kind last = screen->last;
    for (size_t i = 0; i < count; i++) {
        struct personal_hit hit = screen->hits[i];
        hit.start += (uint32_t)base;
        size_t start = hit.start, end = hit.start + hit.size;
        if (end <= at || start >= cut || !hit_counts(text, &hit)) continue;
        name_note(screen, text, &hit);
        bool goes_on = start < at && at == end_before && hit.kind == last;
        if (start > at) gap_write(screen, text, at, start, out, found);
        if (!goes_on) hit_write(hit.kind, out, found);
        at = end_before = end;
        last = hit.kind;
    }
    if (at < cut) gap_write(screen, text, at, cut, out, found);
    screen->last_open = at >= cut && at == end_before;
    screen->last = last;
    return at > cut ? at : cut;
}

static enum err stretch_decide(struct screen *screen, struct stretch stretch, struct buf *out,
                               struct screen_found *found) {
    struct str text = buf_str(&screen->text);
    size_t base = screen->done > BEFORE_BYTES ? screen->done - BEFORE_BYTES : 0;
    base = character_start(text, base);
    size_t to = stretch.need < text.size ? character_start(text, stretch.need) : text.size;
    if (to < stretch.cut) to = stretch.cut;
    size_t count = personal_scan((struct str){text.data + base, to - base}, SCREEN_KINDS,
                                 screen->hits, STRETCH_HITS_MAX);
    if (count > STRETCH_HITS_MAX) return ERR_LIMIT;
    size_t before = out ? out->size : 0;
    uint64_t were = screen_count(found);
    screen->done = stretch_write(screen, text, count, base, stretch.cut, out, found);
    screen->seen = 0;
    if (screen->stops && screen_count(found) > were) {
        screen->stopped = true;
        if (out && before <= out->size) out->size = before;
    }
    return OK;
}

// Forgets what is no longer looked at.
static void text_trim(struct screen *screen) {
    struct str text = buf_str(&screen->text);
    if (screen->done < SCREEN_STRETCH_BYTES + 2 * BEFORE_BYTES) return;
    size_t gone = character_start(text, screen->done - BEFORE_BYTES);
    memmove(screen->text.data, text.data + gone, text.size - gone);
    screen->text.size -= gone;
    screen->done -= gone;
}

static enum err decide(struct screen *screen, bool ended, struct buf *out,
                       struct screen_found *found) {
    struct stretch stretch;
    enum err err = buf_err(&screen->text);
    while (err == OK && !screen->stopped) {
        struct str text = buf_str(&screen->text);
        if (!stretch_find(screen, text, ended, &stretch)) break;
        if (!ended && stretch.need > text.size) break;
        err = stretch_decide(screen, stretch, out, found);
        if (err == OK) text_trim(screen);
    }
    if (err == OK && out) err = buf_err(out);
    if (err != OK) screen->stopped = true;
    return err;
}

enum err screen_put(struct screen *screen, struct str piece, struct buf *out,
                    struct screen_found *found) {
    if (screen->stopped) return OK;
    buf_add_str(&screen->text, piece);
    return decide(screen, false, out, found);
}

enum err screen_end(struct screen *screen, struct buf *out, struct screen_found *found) {
    return decide(screen, true, out, found);
}
