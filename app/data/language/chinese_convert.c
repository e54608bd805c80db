// Converting: the longest word at each place, else the character; what neither has is copied.
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "data/language/chinese_private.h"

// One step works through a piece of the text with room for all it can become: a word becomes at
// most twice its bytes, a byte that is no UTF-8 three.
enum { PIECE_BYTES = 8192 };

struct output {
    char *at;
    uint64_t changed; // words and characters that became others
};

// Bytes of ASCII go over eight at a time.
static size_t copy_ascii(struct str text, size_t at, size_t end, struct output *output) {
    size_t start = at;
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, text.data + at, 8);
        if (word & UINT64_C(0x8080808080808080)) break;
        memcpy(output->at, &word, 8);
        output->at += 8;
        at += 8;
    }
    while (at < end && (uint8_t)text.data[at] < 0x80) {
        *output->at++ = text.data[at++];
    }
    return at - start;
}

// Three bytes of UTF-8 beyond U+07FF, decoded; 0 if they are not.
static inline uint32_t three_bytes(const char *data) {
    const uint8_t *p = (const uint8_t *)data;
    if (p[0] < 0xE1 || p[0] > 0xEC || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80) return 0;
    return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
}

// Any character, the slow way. Returns where the next one begins.
static size_t put_any(const struct dictionary *dictionary, struct str text, size_t at,
                      struct output *output) {
    size_t next = at;
    uint32_t c = utf8_next(text, &next);
    if (c <= 0xFFFF && dictionary->entries[c] & ENTRY_STARTS) {
        struct str value;
        size_t end = dictionary_word(dictionary, text, c, next, &value);
        if (end) {
            output->changed +=
                value.size != end - at || memcmp(value.data, text.data + at, value.size) != 0;
            memcpy(output->at, value.data, value.size);
            output->at += value.size;
            return end;
        }
    }
    uint32_t to = dictionary_character(dictionary, c);
    output->changed += to != c;
    output->at += utf8_put(output->at, to);
    return next;
}

// From `at` up to `end` at least (a word may reach beyond); returns where it stopped.
static size_t convert_piece(const struct dictionary *dictionary, struct str text, size_t at,
                            size_t end, struct output *output) {
    const uint32_t *entries = dictionary->entries;
    while (at < end) {
        if ((uint8_t)text.data[at] < 0x80) {
            at += copy_ascii(text, at, end, output);
            continue;
        }
        uint32_t c = text.size - at >= 3 ? three_bytes(text.data + at) : 0;
        uint32_t entry = c ? entries[c] : ENTRY_STARTS;
        if (entry == 0) {
            memcpy(output->at, text.data + at, 3);
            output->at += 3;
            at += 3;
        } else if (entry <= CHARACTER_MASK && entry >= 0x800) {
            output->at[0] = (char)(0xE0 | entry >> 12);
            output->at[1] = (char)(0x80 | (entry >> 6 & 0x3F));
            output->at[2] = (char)(0x80 | (entry & 0x3F));
            output->at += 3;
            output->changed++;
            at += 3;
        } else {
            at = put_any(dictionary, text, at, output);
        }
    }
    return at;
}

static enum err convert_all(const struct dictionary *dictionary, struct str text, struct buf *out,
                            uint64_t *changed) {
    struct output output = {0};
    size_t at = 0;
    while (at < text.size) {
        size_t end = text.size - at > PIECE_BYTES ? at + PIECE_BYTES : text.size;
        size_t room = (end - at) * 3 + 2 * WORD_BYTES_MAX;
        output.at = buf_reserve(out, room);
        if (!output.at) return buf_err(out);
        const char *start = output.at;
        at = convert_piece(dictionary, text, at, end, &output);
        size_t written = (size_t)(output.at - start);
        cy_assert(written <= room);
        out->size += written;
    }
    *changed += output.changed;
    return OK;
}

// ---- two steps ----------------------------------------------------------------------------------

static enum err convert_steps(const struct chinese *chinese, struct str text, struct buf *between,
                              struct buf *out, uint64_t *changed) {
    if (text.size == 0) return OK;
    buf_clear(between);
    enum err err = convert_all(&chinese->steps[0], text, between, changed);
    if (err != OK) return err;
    return convert_all(&chinese->steps[1], buf_str(between), out, changed);
}

// As OpenCC does it: the words of the last step cut the text as it came, and what lies within one
// cut goes through both steps by itself.
static enum err convert_cut(const struct chinese *chinese, struct str text, struct buf *between,
                            struct buf *out, uint64_t *changed) {
    const struct dictionary *last = &chinese->steps[1];
    size_t start = 0, at = 0;
    enum err err = OK;
    while (at < text.size && err == OK) {
        size_t next = at, end = 0;
        struct str value;
        uint32_t c = utf8_next(text, &next);
        if (c <= 0xFFFF && last->entries[c] & ENTRY_STARTS) {
            end = dictionary_word(last, text, c, next, &value);
        }
        if (end) {
            struct str before = {text.data + start, at - start}, word = {text.data + at, end - at};
            err = convert_steps(chinese, before, between, out, changed);
            if (err == OK) err = convert_steps(chinese, word, between, out, changed);
            start = end;
        }
        at = end ? end : next;
    }
    struct str rest = {text.data + start, text.size - start};
    return err == OK ? convert_steps(chinese, rest, between, out, changed) : err;
}

enum err chinese_convert(const struct chinese *chinese, struct str text, struct buf *out,
                         uint64_t *changed) {
    if (chinese->step_count == 1) return convert_all(&chinese->steps[0], text, out, changed);
    struct buf between;
    buf_open(&between, SIZE_MAX / 2);
    enum err err = chinese->cut_by_last ? convert_cut(chinese, text, &between, out, changed)
                                        : convert_steps(chinese, text, &between, out, changed);
    buf_close(&between);
    return err;
}
