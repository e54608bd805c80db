// "Did you mean …": the nearest of several names by edits of characters, case and width folded.
#include <string.h>

#include "base/text.h"
#include "data/cleanse/operator_private.h"

enum { NEAREST_CHARACTERS = 64 }; // longer names are not compared

static uint32_t fold(uint32_t character) {
    if (character >= 0xFF01 && character <= 0xFF5E) character -= 0xFEE0;
    return character >= 'A' && character <= 'Z' ? character + 32 : character;
}

static uint32_t characters_of(struct str s, uint32_t out[NEAREST_CHARACTERS]) {
    size_t at = 0;
    uint32_t count = 0;
    while (at < s.size) {
        if (count == NEAREST_CHARACTERS) return UINT32_MAX;
        out[count++] = fold(utf8_next(s, &at));
    }
    return count;
}

// Insertions, deletions, changes and swaps of neighbours (optimal string alignment).
static uint32_t edits_between(struct str a, struct str b) {
    uint32_t left[NEAREST_CHARACTERS], right[NEAREST_CHARACTERS];
    uint32_t m = characters_of(a, left), n = characters_of(b, right);
    if (m == UINT32_MAX || n == UINT32_MAX) return UINT32_MAX;
    uint32_t rows[3][NEAREST_CHARACTERS + 1];
    for (uint32_t k = 0; k <= n; k++) rows[0][k] = k;
    for (uint32_t i = 1; i <= m; i++) {
        uint32_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (uint32_t k = 1; k <= n; k++) {
            uint32_t best = last[k - 1] + (left[i - 1] != right[k - 1]);
            if (last[k] + 1 < best) best = last[k] + 1;
            if (now[k - 1] + 1 < best) best = now[k - 1] + 1;
            bool swapped =
                i > 1 && k > 1 && left[i - 1] == right[k - 2] && left[i - 2] == right[k - 1];
            if (swapped && before[k - 2] + 1 < best) best = before[k - 2] + 1;
            now[k] = best;
        }
    }
    return rows[m % 3][n];
}

struct nearest nearest_to(struct str word) {
    // A third of the characters may be wrong, at least one: "dedpu", "身份证" for "身份证号".
    uint32_t characters = (uint32_t)utf8_count(word);
    uint32_t allowed = characters / 3 > 1 ? characters / 3 : 1;
    return (struct nearest){.word = word, .best_edits = allowed + 1};
}

void nearest_offer(struct nearest *nearest, struct str name) {
    uint32_t edits = edits_between(nearest->word, name);
    // Of a short word everything may have been changed: that is not near.
    if (edits >= nearest->best_edits || edits >= utf8_count(nearest->word)) return;
    nearest->best = name;
    nearest->best_edits = edits;
}
