// The canonical composition of texts. A text is taken apart at characters that nothing before them
// can change or pass; between two of those, all is decomposed, the marks are put in the order of
// their classes, and what goes together is put together again.
#include <string.h>

#include "base/text.h"
#include "base/unicode.h"
#include "base/unicode_private.h"

enum {
    L_FIRST = 0x1100,
    V_FIRST = 0x1161,
    T_FIRST = 0x11A7, // one before the first
    S_FIRST = 0xAC00,
    L_COUNT = 19,
    V_COUNT = 21,
    T_COUNT = 28,
    S_COUNT = L_COUNT * V_COUNT * T_COUNT,
    PLAIN_BELOW = 0x300, // nothing below changes or composes with what is before it
};

struct mark { // a character and its class
    uint32_t character, rank;
};

static bool stands(uint32_t character) {
    return character < PLAIN_BELOW || !(unicode_value(character) & UNICODE_CHANGES);
}

bool unicode_is_composed(struct str text) {
    for (size_t at = 0; at < text.size;) {
        uint8_t byte = (uint8_t)text.data[at];
        if (byte < 0xCC) { // up to U+02FF
            at++;
            continue;
        }
        if (!stands(utf8_next(text, &at))) return false;
    }
    return true;
}

static uint32_t class_of(uint32_t character) {
    if (character < PLAIN_BELOW) return 0;
    const uint32_t *row = unicode_row(unicode_classes[0], unicode_class_count, 2, character);
    return row ? row[1] : 0;
}

uint32_t unicode_pair(uint32_t first, uint32_t second) {
    if (first - L_FIRST < L_COUNT && second - V_FIRST < V_COUNT) {
        return S_FIRST + ((first - L_FIRST) * V_COUNT + (second - V_FIRST)) * T_COUNT;
    }
    if (first - S_FIRST < S_COUNT && (first - S_FIRST) % T_COUNT == 0 &&
        second - T_FIRST - 1 < T_COUNT - 1) {
        return first + (second - T_FIRST);
    }
    uint32_t low = 0, high = unicode_composition_count;
    uint64_t key = (uint64_t)first << 32 | second;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const uint32_t *row = unicode_compositions[middle];
        uint64_t other = (uint64_t)row[0] << 32 | row[1];
        if (other == key) return row[2];
        if (other < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return 0;
}

static void mark_add(struct buf *marks, uint32_t character) {
    struct mark one = {character, class_of(character)};
    buf_add(marks, &one, sizeof one);
}

static void decompose(struct buf *marks, uint32_t character) {
    uint32_t tails[8], parts[2], count = 0;
    if (character - S_FIRST < S_COUNT) {
        uint32_t index = character - S_FIRST, last = index % T_COUNT;
        mark_add(marks, L_FIRST + index / (V_COUNT * T_COUNT));
        mark_add(marks, V_FIRST + index % (V_COUNT * T_COUNT) / T_COUNT);
        if (last) mark_add(marks, T_FIRST + last);
        return;
    }
    for (uint32_t n; count < 8 && (n = unicode_decompose(character, parts)) > 0;) {
        if (n == 2) tails[count++] = parts[1];
        character = parts[0];
    }
    mark_add(marks, character);
    while (count > 0) mark_add(marks, tails[--count]);
}

// A row of marks in the order of their classes, those of one class as they stood. `spare` has room.
static void row_sort(struct mark *row, size_t count, struct mark *spare) {
    size_t places[256] = {0}, at = 0;
    bool sorted = true;
    for (size_t i = 1; i < count; i++) sorted &= row[i - 1].rank <= row[i].rank;
    if (sorted) return;
    for (size_t i = 0; i < count; i++) places[row[i].rank]++;
    for (size_t rank = 0; rank < 256; rank++) {
        size_t some = places[rank];
        places[rank] = at;
        at += some;
    }
    for (size_t i = 0; i < count; i++) spare[places[row[i].rank]++] = row[i];
    memcpy(row, spare, count * sizeof *row);
}

static void marks_sort(struct mark *marks, size_t count, struct mark *spare) {
    for (size_t first = 0; first < count;) {
        size_t end = first + 1;
        while (marks[first].rank && end < count && marks[end].rank) end++;
        row_sort(marks + first, end - first, spare);
        first = end;
    }
}

// Puts together what goes together; gives how many are left.
static size_t marks_compose(struct mark *marks, size_t count) {
    size_t kept = 0, starter = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        struct mark one = marks[i];
        bool next_to = kept > 0 && starter == kept - 1;
        bool blocked = starter == SIZE_MAX || (!next_to && marks[kept - 1].rank >= one.rank);
        uint32_t both = blocked ? 0 : unicode_pair(marks[starter].character, one.character);
        if (both) {
            marks[starter].character = both;
            continue;
        }
        if (one.rank == 0) starter = kept;
        marks[kept++] = one;
    }
    return kept;
}

// One stretch between characters that stand.
static void stretch_compose(struct str text, struct buf *out, struct buf *scratch) {
    buf_clear(scratch);
    for (size_t at = 0; at < text.size;) decompose(scratch, utf8_next(text, &at));
    size_t count = scratch->size / sizeof(struct mark);
    if (!buf_reserve(scratch, scratch->size)) {
        if (out->err == OK) out->err = buf_err(scratch) == OK ? ERR_MEMORY : buf_err(scratch);
        return;
    }
    struct mark *marks = (struct mark *)(void *)scratch->data;
    marks_sort(marks, count, marks + count);
    count = marks_compose(marks, count);
    for (size_t i = 0; i < count; i++) {
        char bytes[4];
        buf_add(out, bytes, utf8_put(bytes, marks[i].character));
    }
}

void unicode_compose(struct str text, struct buf *out, struct buf *scratch) {
    size_t copied = 0, last = 0; // where the last character that stands begins
    for (size_t at = 0; at < text.size;) {
        size_t here = at;
        if (stands(utf8_next(text, &at))) {
            last = here;
            continue;
        }
        size_t end = at;
        while (at < text.size && !stands(utf8_next(text, &at))) end = at;
        buf_add(out, text.data + copied, last - copied);
        stretch_compose((struct str){text.data + last, end - last}, out, scratch);
        copied = last = at = end;
    }
    buf_add(out, text.data + copied, text.size - copied);
}
