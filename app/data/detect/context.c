#include "data/detect/context_private.h"

#include <string.h>

#include "data/detect/digits_private.h"
#include "data/detect/fold_private.h"

typedef uint8_t bytes16 __attribute__((vector_size(16)));

// A window of text in lower case and narrow, and its way back to the text.
struct window {
    struct str text;
    char data[CONTEXT_BYTES];
    uint8_t begins[CONTEXT_BYTES]; // whether a word may begin there: letters, wide characters
    uint32_t size;
    bool narrowed; // less here than in the text
};
_Static_assert(CONTEXT_BYTES % 16 == 0, "windows are whole blocks");

// Notes where words may begin and makes letters small, 16 bytes at a time; zeros stand behind the
// text. Returns whether anything is full-width or a wide blank.
static bool window_fold(struct window *window) {
    bytes16 wide = {0};
    for (uint32_t at = 0; at < CONTEXT_BYTES; at += 16) {
        bytes16 byte;
        memcpy(&byte, window->data + at, sizeof byte);
        wide |= (bytes16)(byte == 0xEF) | (bytes16)(byte == 0xE3) | (bytes16)(byte == 0xC2);
        byte |= (bytes16)((byte - 'A') < 26) & 0x20;
        bytes16 begins = (bytes16)((byte - 'a') < 26) | (bytes16)(byte >= 0xE0);
        memcpy(window->data + at, &byte, sizeof byte);
        memcpy(window->begins + at, &begins, sizeof begins);
    }
    for (uint32_t at = 0; at < 16; at++) {
        if (wide[at]) return true;
    }
    return false;
}

// False: no word can be there.
static bool window_read(struct str text, size_t from, size_t to, struct window *out) {
    if (word_find((struct str){text.data, to}, from) == to) return false;
    out->text = (struct str){text.data + from, to - from};
    out->size = (uint32_t)out->text.size;
    memset(out->data, 0, sizeof out->data);
    memcpy(out->data, out->text.data, out->text.size);
    out->narrowed = window_fold(out);
    if (!out->narrowed) return true;
    out->size = 0;
    for (size_t at = 0; at < out->text.size;) {
        uint32_t bytes, character = fold_lower(fold_at(out->text, at, &bytes));
        if (character < 0x80) {
            out->data[out->size++] = (char)character;
        } else {
            memcpy(out->data + out->size, out->text.data + at, bytes);
            out->size += bytes;
        }
        at += bytes;
    }
    memset(out->data + out->size, 0, sizeof out->data - out->size);
    (void)window_fold(out);
    return true;
}

// The first place from `at` on where a word may begin; the window's size if there is none.
static uint32_t window_next(const struct window *window, uint32_t at) {
    while (at < window->size && !window->begins[at]) at++;
    return at;
}

// Where in the window's text a place of its data is.
static size_t window_source(const struct window *window, uint32_t place) {
    size_t at = 0;
    if (!window->narrowed) return place;
    for (uint32_t seen = 0, bytes; seen < place; at += bytes) {
        seen += fold_at(window->text, at, &bytes) < 0x80 ? 1 : bytes;
    }
    return at;
}

// The words that begin with the character at `at`; NULL if there are none.
static inline const struct context_slot *slot_at(const struct window *window, uint32_t at) {
    const uint8_t *byte = (const uint8_t *)window->data + at;
    uint32_t key = byte[0];
    if (key < 0x80) {
        if (key < 'a' || key > 'z') return NULL;
    } else {
        if (byte[0] < 0xE0 || window->size - at < 3) return NULL;
        key = (uint32_t)byte[0] << 16 | (uint32_t)byte[1] << 8 | byte[2];
    }
    for (uint32_t slot = key * 0x9E3779B1u >> 22; context_slots[slot].count;
         slot = (slot + 1) % CONTEXT_SLOTS) {
        if (context_slots[slot].key == key) return &context_slots[slot];
    }
    return NULL;
}

// Whether a Latin word is cut out of a longer one, or is part of a host: "@qq.com" names no number.
static bool is_cut(const struct window *window, uint32_t at, uint32_t end) {
    const char *data = window->data;
    if (!fold_letter((uint8_t)data[end - 1])) return false;
    if (at > 0 &&
        (fold_letter((uint8_t)data[at - 1]) || data[at - 1] == '@' || data[at - 1] == '.')) {
        return true;
    }
    if (end < window->size && fold_letter((uint8_t)data[end])) return true;
    return end + 1 < window->size && data[end] == '.' && fold_letter((uint8_t)data[end + 1]);
}

// The longest word at `at`; NULL if there is none. Latin words end where letters do.
static inline const struct context_entry *word_at(const struct window *window, uint32_t at) {
    const struct context_slot *slot = slot_at(window, at);
    for (uint32_t i = 0; slot && i < slot->count; i++) {
        const struct context_entry *entry = &context_entries[slot->first + i];
        if (entry->size > window->size - at) continue;
        const char *there = window->data + at;
        if (entry->text[entry->size - 1] != there[entry->size - 1]) continue; // most differ here
        if (memcmp(entry->text, there, entry->size) != 0) continue;
        if (!is_cut(window, at, at + entry->size)) return entry;
    }
    return NULL;
}

// Signs and small words that may stand between a label and its number.
static bool is_link(struct str text) {
    static const char *const links[] = {
        "为", "是", "号", "码", "号码", "：", "、",     "id",   "no",   "num",
        "is", "即", "“",  "”",  "‘",    "’",  "number", "code", "编号", "代码",
        "（", "）", "【", "】", "填",   "《", "叫",     "就是", "写",   "—",
        "·",  "→",  "は", "数", "串",   "→",  "另为",   "变更", "帐",   "其"};
    while (text.size > 0) {
        uint32_t bytes, character = fold_at(text, 0, &bytes);
        size_t used = 0;
        bool sign = character < 0x80 && !fold_alnum(character) && !fold_line(character);
        if (sign || fold_blank(character) || fold_dash(character)) {
            used = bytes;
        } else {
            for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
                size_t at = 0;
                if (fold_takes(text, &at, links[i]) && at > used) used = at;
            }
        }
        if (used == 0) return false;
        text.data += used;
        text.size -= used;
    }
    return true;
}

// No end of a sentence and no longer number within.
static bool is_clear(struct str text) {
    uint32_t digits = 0;
    for (size_t at = 0; at < text.size;) {
        uint32_t bytes, character = fold_at(text, at, &bytes);
        digits += fold_digit(character);
        if (digits > 2 || fold_line(character) || character == 0x3002 || character == ';' ||
            character == '!' || character == '?') {
            return false;
        }
        at += bytes;
    }
    return true;
}

static struct str between(struct str text, size_t from, size_t to) {
    return (struct str){text.data + from, to - from};
}

static struct context_word word_of(enum label label, struct str rest) {
    return (struct context_word){label, (uint16_t)rest.size, is_link(rest), is_clear(rest)};
}

void context_read_before(struct str text, size_t start, struct context *out) {
    *out = (struct context){.labels = 0};
    struct window window;
    size_t from = start > CONTEXT_BYTES ? start - CONTEXT_BYTES : 0;
    while (from < start && ((uint8_t)text.data[from] & 0xC0) == 0x80) from++;
    if (!window_read(text, from, start, &window)) return;
    const struct context_entry *nearest = NULL;
    uint32_t nearest_end = 0;
    for (uint32_t at = 0; (at = window_next(&window, at)) < window.size;) {
        const struct context_entry *word = word_at(&window, at);
        if (!word) {
            at++;
            continue;
        }
        at += word->size;
        out->labels |= 1u << word->label;
        nearest = word;
        nearest_end = at;
    }
    if (!nearest) return;
    size_t end = from + window_source(&window, nearest_end);
    out->before = word_of((enum label)nearest->label, between(text, end, start));
}

void context_read_behind(struct str text, size_t end, struct context *out) {
    struct window window;
    size_t to = text.size - end > CONTEXT_BYTES ? end + CONTEXT_BYTES : text.size;
    while (to > end && to < text.size && ((uint8_t)text.data[to] & 0xC0) == 0x80) to--;
    if (!window_read(text, end, to, &window)) return;
    for (uint32_t at = 0; (at = window_next(&window, at)) < window.size;) {
        const struct context_entry *word = word_at(&window, at);
        if (!word) {
            at++;
            continue;
        }
        if (out->after.label == LABEL_NONE) {
            struct str rest = between(text, end, end + window_source(&window, at));
            out->after = word_of((enum label)word->label, rest);
        }
        out->labels |= 1u << word->label;
        at += word->size;
    }
}

void context_read(struct str text, size_t start, size_t end, struct context *out) {
    context_read_before(text, start, out);
    context_read_behind(text, end, out);
}

enum label context_nearest(const struct context *context, const struct context_word **word) {
    if (word && context->before.label != LABEL_NONE) *word = &context->before;
    return context->before.label;
}

bool context_says(const struct context *context, enum label label) {
    return context->before.label == label && context->before.direct;
}

bool context_claims(const struct context *context, enum label but) {
    return context->before.direct && context->before.label != but;
}

bool context_has(const struct context *context, enum label label) {
    return context->labels >> label & 1;
}

bool context_follows(const struct context *context, enum label label) {
    return context->after.label == label && context->after.direct && context->after.distance <= 6;
}
