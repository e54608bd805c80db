#include "data/detect/context_private.h"

#include <string.h>

#include "data/detect/fold_private.h"

// A window of text in lower case and narrow, with the way back.
struct window {
    char data[CONTEXT_BYTES * 2];
    uint16_t source[CONTEXT_BYTES * 2]; // byte of the text, counted from the window's start
    uint32_t size;
};

static void window_read(struct str text, size_t from, size_t to, struct window *out) {
    out->size = 0;
    for (size_t at = from; at < to;) {
        uint32_t bytes, character = fold_lower(fold_at(text, at, &bytes));
        bool narrow = character < 0x80;
        for (uint32_t i = 0; i < (narrow ? 1 : bytes); i++) {
            out->data[out->size] = narrow ? (char)character : text.data[at + i];
            out->source[out->size++] = (uint16_t)(at - from);
        }
        at += bytes;
    }
}

// The words that begin with the character at `at`; NULL if there are none.
static const struct context_slot *slot_at(const struct window *window, uint32_t at) {
    const uint8_t *byte = (const uint8_t *)window->data + at;
    uint32_t key = byte[0];
    if (key >= 0x80) {
        if (window->size - at < 3) return NULL;
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
static const struct context_entry *word_at(const struct window *window, uint32_t at) {
    const struct context_slot *slot = slot_at(window, at);
    for (uint32_t i = 0; slot && i < slot->count; i++) {
        const struct context_entry *entry = &context_entries[slot->first + i];
        if (entry->size > window->size - at) continue;
        if (memcmp(entry->text, window->data + at, entry->size) != 0) continue;
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

static void before_read(struct str text, size_t start, struct context *out) {
    struct window window;
    size_t from = start > CONTEXT_BYTES ? start - CONTEXT_BYTES : 0;
    while (from < start && ((uint8_t)text.data[from] & 0xC0) == 0x80) from++;
    window_read(text, from, start, &window);
    struct context_word found[CONTEXT_WORDS];
    uint32_t count = 0;
    for (uint32_t at = 0; at < window.size;) {
        const struct context_entry *word = word_at(&window, at);
        if (!word) {
            at++;
            continue;
        }
        at += word->size;
        size_t end = at < window.size ? from + window.source[at] : start;
        if (count == CONTEXT_WORDS) memmove(found, found + 1, --count * sizeof found[0]);
        struct str rest = between(text, end, start);
        found[count++] = (struct context_word){(enum label)word->label, (uint16_t)rest.size,
                                               is_link(rest), is_clear(rest)};
    }
    for (uint32_t i = 0; i < count; i++) out->before[i] = found[count - 1 - i];
    out->before_count = count;
}

static void after_read(struct str text, size_t end, struct context *out) {
    struct window window;
    size_t to = text.size - end > CONTEXT_BYTES ? end + CONTEXT_BYTES : text.size;
    while (to > end && to < text.size && ((uint8_t)text.data[to] & 0xC0) == 0x80) to--;
    window_read(text, end, to, &window);
    for (uint32_t at = 0; at < window.size && out->after_count < CONTEXT_WORDS;) {
        const struct context_entry *word = word_at(&window, at);
        if (!word) {
            at++;
            continue;
        }
        struct str rest = between(text, end, end + window.source[at]);
        out->after[out->after_count++] = (struct context_word){
            (enum label)word->label, (uint16_t)rest.size, is_link(rest), is_clear(rest)};
        at += word->size;
    }
}

void context_read(struct str text, size_t start, size_t end, struct context *out) {
    out->before_count = out->after_count = 0;
    before_read(text, start, out);
    after_read(text, end, out);
}

enum label context_nearest(const struct context *context, const struct context_word **word) {
    if (context->before_count == 0) return LABEL_NONE;
    if (word) *word = &context->before[0];
    return context->before[0].label;
}

bool context_says(const struct context *context, enum label label) {
    return context->before_count > 0 && context->before[0].label == label &&
           context->before[0].direct;
}

bool context_claims(const struct context *context, enum label but) {
    return context->before_count > 0 && context->before[0].direct &&
           context->before[0].label != but;
}

bool context_has(const struct context *context, enum label label) {
    for (uint32_t i = 0; i < context->before_count; i++) {
        if (context->before[i].label == label) return true;
    }
    for (uint32_t i = 0; i < context->after_count; i++) {
        if (context->after[i].label == label) return true;
    }
    return false;
}

bool context_follows(const struct context *context, enum label label) {
    return context->after_count > 0 && context->after[0].label == label &&
           context->after[0].direct && context->after[0].distance <= 6;
}
